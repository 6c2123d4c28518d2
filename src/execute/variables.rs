//! Which environment variables pass, which never do, and which do not matter.

/// Passes in system scope where [`is_harmless_value`] finds nothing in the value.
const ALLOWED: &[&str] = &["TERM", "COLORTERM", "LANG", "LC_*"];

/// Never passes from the caller in system scope, whatever a rule keeps: each of these makes some
/// program load, run or trust something that the caller chose. From sudo's `initial_badenv_table`,
/// glibc's `unsecvars.h` and the manuals of the interpreters.
const NEVER: &[&str] = &[
    // The dynamic loader and the C library.
    "LD_*",
    "_RLD*",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "GETCONF_DIR",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "MALLOC_*",
    "NIS_PATH",
    "NLSPATH",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "TZDIR",
    "LIBPATH",
    "SHLIB_PATH",
    // Shells.
    "BASH_*",
    "BASHOPTS",
    "SHELLOPTS",
    "ENV",
    "IFS",
    "PS4",
    "CDPATH",
    "GLOBIGNORE",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    "FPATH",
    "NULLCMD",
    "READNULLCMD",
    "KSH_*",
    // Interpreters.
    "PYTHON*",
    "PERL*",
    "RUBY*",
    "GEM_*",
    "BUNDLE_*",
    "NODE_*",
    "NPM_CONFIG_*",
    "npm_config_*",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "LUA_*",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "TCLLIBPATH",
    "R_PROFILE*",
    "R_ENVIRON*",
    "JULIA_*",
    "AWKPATH",
    "AWKLIBPATH",
    // Programs that run what a variable says, or read their settings from where it says.
    "GIT_*",
    "SSH_ASKPASS*",
    "LESS*",
    "VIMINIT",
    "EXINIT",
    "MYVIMRC",
    "TEXINPUTS",
    "KUBECONFIG",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "OPENSSL_*",
    "SSL_CERT_*",
    "KRB5_*",
    "CURL_HOME",
    "WGETRC",
    "SYSTEMD_EDITOR",
    "SYSTEMD_LESS",
    "SYSTEMD_PAGER*",
    "SUDO_*",
    "TERMCAP",
    "TERMINFO*",
    "TERMPATH",
    "MANPAGER",
    "MANOPT",
];

/// Variables of a session that differ between two terminals of the same person without changing
/// what a command does. An approval given for one holds in the other (user scope).
const OF_THE_SESSION: &[&str] = &[
    // The shell's own bookkeeping.
    "_",
    "SHLVL",
    "OLDPWD",
    "COLUMNS",
    "LINES",
    "HITL_REQUEST_ID",
    // The window and the connection.
    "WINDOWID",
    "TERM_SESSION_ID",
    "TERM_PROGRAM*",
    "ITERM_SESSION_ID",
    "KONSOLE_*",
    "GNOME_TERMINAL_*",
    "VTE_VERSION",
    "WEZTERM_*",
    "KITTY_*",
    "ALACRITTY_*",
    "TMUX",
    "TMUX_PANE",
    "STY",
    "WINDOW",
    "SSH_TTY",
    "SSH_CONNECTION",
    "SSH_CLIENT",
    "GPG_TTY",
    "TTY",
    // The login session.
    "XDG_SESSION_ID",
    "XDG_VTNR",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
];

/// Whether a caller's variable passes in system scope, where a rule keeps the names in `keep`.
pub(super) fn passes(name: &[u8], value: &[u8], keep: &[String]) -> bool {
    // A bash function is code whatever its name is (CVE-2014-6271).
    if is_in(name, NEVER) || value.starts_with(b"()") {
        return false;
    }
    let kept = keep.iter().any(|pattern| fits(pattern.as_bytes(), name));
    let allowed = match name {
        b"TZ" => is_harmless_zone(value),
        _ => is_in(name, ALLOWED) && is_harmless_value(value),
    };
    allowed || (kept && name != b"TZ" && !is_in(name, ALLOWED))
}

/// Whether a variable says only where somebody sits.
pub(super) fn is_of_the_session(name: &[u8]) -> bool {
    is_in(name, OF_THE_SESSION)
}

fn is_in(name: &[u8], patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| fits(pattern.as_bytes(), name))
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|tail| fits(rest, tail)))
        }
        Some((first, rest)) => {
            name.split_first().is_some_and(|(head, tail)| head == first && fits(rest, tail))
        }
    }
}

/// A slash makes a locale or terminal a file of the caller's choice, a percent sign a format string.
fn is_harmless_value(value: &[u8]) -> bool {
    value.len() <= 256
        && value.iter().all(|byte| byte.is_ascii_graphic() && !b"/%()`$".contains(byte))
}

/// A zone is read from a file too: its name may hold slashes, but leads nowhere else.
fn is_harmless_zone(value: &[u8]) -> bool {
    let name = value.strip_prefix(b":").unwrap_or(value);
    value.len() <= 256
        && !name.starts_with(b"/")
        && !name.windows(2).any(|pair| pair == b"..")
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+-:,./<>".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checked_variables_pass_and_no_rule_lets_a_dangerous_one_through() {
        let all = ["*".to_owned()];
        for (name, value, plain, kept) in [
            ("TERM", "xterm-256color", true, true),
            ("TERM", "../../tmp/evil", false, false),
            ("LANG", "de_DE.UTF-8", true, true),
            ("LC_ALL", "%s", false, false),
            ("LC_TIME", "C\nx", false, false),
            ("TZ", "Europe/Berlin", true, true),
            ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", true, true),
            ("TZ", "/tmp/zone", false, false),
            ("TZ", ":/tmp/zone", false, false),
            ("TZ", "a/../../tmp/zone", false, false),
            ("DISPLAY", ":0", false, true),
            ("LD_PRELOAD", "x.so", false, false),
            ("BASH_FUNC_ls%%", "() { id; }", false, false),
            ("ls", "() { id; }", false, false),
            ("PYTHONPATH", "/tmp", false, false),
            ("GIT_SSH_COMMAND", "id", false, false),
            ("IFS", "x", false, false),
        ] {
            assert_eq!(passes(name.as_bytes(), value.as_bytes(), &[]), plain, "{name}={value}");
            assert_eq!(
                passes(name.as_bytes(), value.as_bytes(), &all),
                kept,
                "{name}={value} kept"
            );
        }
    }
}
