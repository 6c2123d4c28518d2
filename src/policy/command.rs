//! Whether a command is the one that a rule names.
//!
//! A rule that allows must mean exactly this file: by the path that the name led to, or by the real
//! file under the same name. A rule that restricts holds for everything that goes by the name:
//! `/tmp/git` loses what `/usr/bin/git` is allowed and keeps what it is denied.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::glob::{PathPattern, TokenPattern, has_wildcard};
use super::matching::Leaning;
use super::values::{is_clean_absolute, read_from_text};
use crate::invocation::{ExecutableNames, PathLookup};

/// Programs that are a different command under each of their names, so that two names of one file
/// are two commands: busybox(1), toybox(1), coreutils' single binary, systemctl(1) as `reboot`,
/// kmod(8) as `modprobe`, lvm(8), iptables' multi binaries, snap(8), rustup.
const MANY_COMMANDS_IN_ONE_FILE: [&str; 9] = [
    "busybox",
    "toybox",
    "coreutils",
    "systemctl",
    "kmod",
    "lvm",
    "xtables-nft-multi",
    "snap",
    "rustup",
];

read_from_text!(CommandPattern);

/// The command that a rule is about: an absolute path, a bare name (looked up in the policy's
/// search path), or a glob of either.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "String")]
pub struct CommandPattern {
    /// The whole pattern, for bare names.
    whole: TokenPattern,
    /// The whole pattern, for paths.
    path: Option<PathPattern>,
    /// Its last component.
    name: TokenPattern,
}

impl CommandPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        self.whole.as_str()
    }

    /// The last component, where it is literal: what the index files the rule under.
    pub(super) fn literal_name(&self) -> Option<&str> {
        let name = self.name.as_str();
        (!has_wildcard(name)).then_some(name)
    }

    /// The absolute path, where the whole pattern is a literal one.
    pub(super) fn literal_path(&self) -> Option<&Path> {
        let text = self.as_str();
        (text.starts_with('/') && !has_wildcard(text)).then(|| Path::new(text))
    }

    fn is_bare(&self) -> bool {
        self.path.is_none()
    }

    /// Whether the pattern names this path, by its text alone: what is there is not asked.
    pub(super) fn names_path(&self, path: &Path, search: &[PathBuf]) -> bool {
        if self.is_bare() {
            let placed = path.parent().is_some_and(|at| search.iter().any(|place| place == at));
            return placed && self.covers_name(path);
        }
        self.whole_path_matches(path, false)
    }

    fn covers_name(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| self.whole.matches(name.as_bytes(), false))
    }

    /// Whether these names are the command, `search` being the policy's search path.
    pub(super) fn matches(
        &self,
        names: &ExecutableNames,
        search: &[PathBuf],
        lookup: &dyn PathLookup,
        leaning: Leaning,
    ) -> bool {
        match leaning {
            Leaning::Lenient => names.named.iter().any(|named| {
                if has_wildcard(self.as_str()) {
                    self.covers(named, search, lookup)
                        && names.real.as_ref().is_none_or(|real| self.covers(real, search, lookup))
                } else {
                    self.is_exactly(named, names.real.as_deref(), search, lookup)
                }
            }),
            Leaning::Restrictive => self.goes_by(names, lookup),
        }
    }

    /// Whether a literal pattern means exactly this file.
    fn is_exactly(
        &self,
        named: &Path,
        real: Option<&Path>,
        search: &[PathBuf],
        lookup: &dyn PathLookup,
    ) -> bool {
        // Also for the same real file: a link to a multi-call program is another command.
        if named.file_name() != Some(OsStr::new(self.name.as_str())) {
            return false;
        }
        let means = |path: &Path| {
            named == path
                || named == with_real_directory(path, lookup)
                || real.is_some_and(|real| lookup.real(path) == real)
        };
        if self.is_bare() {
            search.iter().any(|directory| means(&directory.join(self.as_str())))
        } else {
            means(Path::new(self.as_str()))
        }
    }

    /// Whether a glob covers this path; one without a slash covers names in the search path.
    fn covers(&self, path: &Path, search: &[PathBuf], lookup: &dyn PathLookup) -> bool {
        if !self.is_bare() {
            return self.whole_path_matches(path, false);
        }
        let in_search_path = path.parent().is_some_and(|parent| {
            search.iter().any(|place| place == parent || lookup.real(place) == parent)
        });
        in_search_path && self.covers_name(path)
    }

    fn whole_path_matches(&self, path: &Path, doubt: bool) -> bool {
        self.path.as_ref().is_some_and(|pattern| pattern.matches(path, doubt))
    }

    /// Whether anything about these names is the command.
    fn goes_by(&self, names: &ExecutableNames, lookup: &dyn PathLookup) -> bool {
        let paths = || names.named.iter().chain(&names.real).map(PathBuf::as_path);
        let typed = names.typed.as_path();
        // The last component of `/opt/tools/*` says nothing: only the whole path does.
        let names_something = self.name.as_str().chars().any(|c| c != '*');
        let same_name = |path: &Path| {
            let last = path.file_name().unwrap_or(path.as_os_str());
            self.name.matches(last.as_bytes(), true)
        };
        if self.is_bare() || names_something {
            if same_name(typed) || paths().any(same_name) {
                return true;
            }
        } else if paths().any(|path| self.whole_path_matches(path, true)) {
            return true;
        }
        self.is_another_name_of(names, lookup)
    }

    /// Whether the rule's command leads to the same file under another name (`vi` → `vim.basic`).
    fn is_another_name_of(&self, names: &ExecutableNames, lookup: &dyn PathLookup) -> bool {
        let (Some(rule), Some(real)) = (self.literal_path(), &names.real) else { return false };
        let one_command = real
            .file_name()
            .is_none_or(|name| !MANY_COMMANDS_IN_ONE_FILE.iter().any(|many| name == *many));
        one_command && lookup.real(rule) == *real
    }
}

/// The path with the links of its directory followed, its last component as it is.
fn with_real_directory(path: &Path, lookup: &dyn PathLookup) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) => lookup.real(directory).join(name),
        _ => path.to_owned(),
    }
}

impl TryFrom<String> for CommandPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty command".to_owned());
        }
        if text.contains(char::is_whitespace) {
            return Err(format!(
                "the command {text:?} holds spaces: the command is the program alone, its arguments go to \"args\""
            ));
        }
        let well_placed = !text.contains('/')
            || is_clean_absolute(&text)
            || (has_wildcard(&text) && text.starts_with('/'));
        if !well_placed || text.ends_with('/') {
            return Err(format!(
                "the command {text:?} is neither a bare name nor an absolute, clean path"
            ));
        }
        let last = text.rsplit('/').next().unwrap_or_default().to_owned();
        let path =
            if text.contains('/') { Some(PathPattern::try_from(text.clone())?) } else { None };
        Ok(Self { whole: TokenPattern::try_from(text)?, path, name: TokenPattern::try_from(last)? })
    }
}

impl From<CommandPattern> for String {
    fn from(pattern: CommandPattern) -> Self {
        pattern.whole.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::ByteString;

    /// A machine with merged-usr, `vi` as an alternative, busybox, and systemctl as `reboot`.
    struct Debian;

    impl PathLookup for Debian {
        fn real(&self, path: &Path) -> PathBuf {
            match path.to_str() {
                Some("/bin") => "/usr/bin".into(),
                Some("/usr/bin/vi") => "/usr/bin/vim.basic".into(),
                Some("/usr/bin/ls" | "/usr/bin/rm") => "/usr/bin/busybox".into(),
                Some("/usr/sbin/reboot") => "/usr/bin/systemctl".into(),
                Some(text) => match text.strip_prefix("/bin/") {
                    Some(name) => self.real(&Path::new("/usr/bin").join(name)),
                    None => path.to_owned(),
                },
                None => path.to_owned(),
            }
        }

        fn home(&self, _: Option<&str>) -> Option<PathBuf> {
            None
        }
    }

    fn names(typed: &str, named: &str, real: &str) -> ExecutableNames {
        ExecutableNames {
            typed: ByteString::from(typed),
            named: vec![named.into()],
            real: Some(real.into()),
        }
    }

    #[test]
    fn an_allow_means_the_file_and_a_restriction_everything_that_goes_by_the_name() {
        let git = names("git", "/usr/bin/git", "/usr/bin/git");
        let planted = names("/tmp/git", "/tmp/git", "/tmp/git");
        let disguised = names("/tmp/x", "/tmp/x", "/usr/bin/git");
        let rm = names("rm", "/usr/bin/rm", "/usr/bin/busybox");
        let ls = names("ls", "/usr/bin/ls", "/usr/bin/busybox");
        let vim = names("vim.basic", "/usr/bin/vim.basic", "/usr/bin/vim.basic");
        let vi = names("vi", "/usr/bin/vi", "/usr/bin/vim.basic");
        let systemctl = names("systemctl", "/usr/bin/systemctl", "/usr/bin/systemctl");
        let reboot = names("reboot", "/usr/sbin/reboot", "/usr/bin/systemctl");
        let python = names("python3.11", "/usr/bin/python3.11", "/usr/bin/python3.11");
        let planted_python = names("./python3.11", "/tmp/python3.11", "/tmp/python3.11");
        for (pattern, command, allows, restricts) in [
            ("/usr/bin/git", &git, true, true),
            ("/bin/git", &git, true, true),
            ("git", &git, true, true),
            ("/usr/bin/git", &planted, false, true),
            ("git", &planted, false, true),
            ("/usr/bin/git", &disguised, false, true),
            ("/bin/rm", &rm, true, true),
            // One file, two commands.
            ("/usr/bin/ls", &rm, false, false),
            ("/usr/bin/rm", &ls, false, false),
            ("/usr/sbin/reboot", &systemctl, false, false),
            ("/usr/bin/systemctl", &reboot, false, true),
            // One file, one command, two names.
            ("/usr/bin/vi", &vim, false, true),
            ("/usr/bin/vim.basic", &vi, false, true),
            ("/usr/bin/python3*", &python, true, true),
            ("/usr/bin/python3*", &planted_python, false, true),
            ("python3*", &python, true, true),
            ("python3*", &planted_python, false, true),
            ("/usr/bin/*", &git, true, true),
            ("/usr/bin/*", &planted, false, false),
            ("/usr/bin/*", &disguised, false, true),
        ] {
            let pattern = CommandPattern::try_from(pattern.to_owned()).unwrap();
            let search = ["/usr/bin".into()];
            let found = |leaning| pattern.matches(command, &search, &Debian, leaning);
            let what = (pattern.as_str(), command);
            assert_eq!(found(Leaning::Lenient), allows, "allow: {what:?}");
            assert_eq!(found(Leaning::Restrictive), restricts, "restrict: {what:?}");
        }
    }

    #[test]
    fn a_command_is_a_program_and_nothing_else() {
        for text in ["", "systemctl restart", "./deploy.sh", "bin/x", "/usr/bin/", "/usr/../bin/x"]
        {
            assert!(CommandPattern::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
