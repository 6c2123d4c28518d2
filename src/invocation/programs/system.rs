//! Programs that change the host's own records: accounts, services, scheduled jobs, repositories.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::{accounts, services};
use super::super::grammar::{
    Effect::{self, Code, Directory, Path},
    OptionSpec, Operands, Program, Syntax, attached, flag, valued,
};

/// The files of accounts, their backups, and the lock that stays (shadow(5), lckpwdf(3)).
const USER_FILES: &[&str] = &[
    "/etc/passwd", "/etc/passwd-", "/etc/shadow", "/etc/shadow-", "/etc/group", "/etc/group-",
    "/etc/gshadow", "/etc/gshadow-", "/etc/subuid", "/etc/subuid-", "/etc/subgid",
    "/etc/subgid-", "/etc/.pwd.lock",
];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &[
            "groupadd", "groupdel", "groupmod", "gpasswd", "passwd", "chage", "chpasswd",
            "chgpasswd", "chsh", "chfn", "pwconv", "pwunconv", "grpconv", "grpunconv",
        ],
        Operands::NONE,
    )
    .also_writes(USER_FILES)
    .uncovered("running sessions of the account are not files")
    .options(&[
        valued(b'R', "root", &[Path(WritesTree)]),
        valued(b'P', "prefix", &[Path(WritesTree)]),
        flag(b'S', "status", &[Effect::ReadsOnly]),
    ]),
    Program::new(
        &[
            "useradd", "userdel", "usermod", "adduser", "deluser", "addgroup", "delgroup",
            "newusers",
        ],
        Operands::NONE,
    )
    .also_writes(USER_FILES)
    .syntax(Syntax::Subcommands(accounts::users))
    .uncovered("mail files and running sessions of the account are not captured")
    .options(&[
        valued(b'R', "root", &[Path(WritesTree)]),
        valued(b'P', "prefix", &[Path(WritesTree)]),
        valued(b'd', "home", &[Path(WritesTree)]),
        valued(b'b', "base-dir", &[]),
        valued(b'k', "skel", &[Path(Reads)]),
        valued(b'c', "comment", &[]),
        valued(b'e', "expiredate", &[]),
        valued(b'f', "inactive", &[]),
        valued(b'g', "gid", &[]),
        valued(b'G', "groups", &[]),
        valued(b'K', "key", &[]),
        valued(b'l', "login", &[]),
        valued(b'p', "password", &[]),
        valued(b's', "shell", &[]),
        valued(b'u', "uid", &[]),
    ]),
    // Whose crontab it is depends on whom it runs as.
    Program::new(&["crontab"], Operands::all(Reads))
        .also_fills(&["/var/spool/cron"])
        .options(&[
            valued(b'u', "", &[]),
            flag(b'l', "", &[Effect::ReadsOnly]),
            flag(b'e', "", &[Code("crontab -e runs the editor of the environment")]),
        ]),
    // Units and signals are not paths.
    Program::new(&["systemctl"], Operands::NONE)
        .syntax(Syntax::Subcommands(services::systemctl))
        .uncovered("what a service does when it is asked to is not captured")
        .options(&[
            flag(0, "user", &[]),
            flag(0, "global", &[]),
            flag(0, "runtime", &[]),
            valued(b'H', "host", &[Code("systemctl acts on another host")]),
            valued(b'M', "machine", &[]),
            valued(b't', "type", &[]),
            valued(b'p', "property", &[]),
            valued(b'P', "", &[]),
            valued(b'o', "output", &[]),
            valued(b'n', "lines", &[]),
            valued(b's', "signal", &[]),
            valued(0, "root", &[Path(WritesTree)]),
        ]),
    Program::new(&["service", "rc-service"], Operands::NONE)
        .uncovered("what a service does when it is asked to is not captured"),
    Program::new(&["kill", "pkill", "killall"], Operands::NONE)
        .uncovered("what a process does when it is signalled is not captured"),
    Program::new(&["git"], Operands::NONE).syntax(Syntax::Git).options(&[
        valued(b'C', "", &[Directory]),
        valued(b'c', "", &[Code("a git setting can run commands")]),
        valued(0, "config-env", &[Code("a git setting can run commands")]),
        valued(0, "exec-path", &[Code("git runs its parts from that directory")]),
        valued(0, "git-dir", &[Path(WritesTree)]),
        valued(0, "work-tree", &[Path(WritesTree)]),
        valued(0, "namespace", &[]),
    ]),
    Program::new(&["hg"], Operands::NONE).syntax(Syntax::WorkCopy(".hg")).options(&[
        valued(b'R', "repository", &[Directory]),
        valued(0, "cwd", &[Directory]),
        valued(0, "config", &[Code("a Mercurial setting can run commands")]),
        valued(b'm', "message", &[]),
        valued(b'u', "user", &[]),
        valued(b'r', "rev", &[]),
        valued(b'l', "logfile", &[Path(Reads)]),
        valued(b'o', "output", &[Path(Writes)]),
        valued(b'e', "ssh", &[Code("Mercurial runs its remote shell as a command")]),
    ]),
    Program::new(&["svn"], Operands::NONE).syntax(Syntax::WorkCopy(".svn")).options(&[
        valued(b'm', "message", &[]),
        valued(b'r', "revision", &[]),
        valued(b'F', "file", &[Path(Reads)]),
        valued(0, "config-option", &[Code("a Subversion setting can run commands")]),
        valued(0, "config-dir", &[Path(Writes), Code("a Subversion setting can run commands")]),
        valued(0, "diff-cmd", &[Code("svn runs the command that it names")]),
        valued(0, "diff3-cmd", &[Code("svn runs the command that it names")]),
        valued(0, "editor-cmd", &[Code("svn runs the command that it names")]),
        valued(0, "username", &[]),
        valued(0, "password", &[]),
        valued(0, "depth", &[]),
        valued(0, "set-depth", &[]),
        valued(0, "changelist", &[]),
    ]),
    Program::new(&["hostnamectl", "hostname-ctl"], Operands::NONE)
        .syntax(Syntax::Subcommands(services::settings))
        .options(REMOTE),
    Program::new(&["timedatectl"], Operands::NONE)
        .syntax(Syntax::Subcommands(services::settings))
        .uncovered("the clock is not a file")
        .options(REMOTE),
    Program::new(&["localectl"], Operands::NONE)
        .syntax(Syntax::Subcommands(services::settings))
        .options(REMOTE),
    Program::new(&["apt", "apt-get", "aptitude"], Operands::NONE)
        .uncovered("what packages install, remove and run is not captured")
        .options(&[
            valued(b'o', "option", &[Code("an apt setting can run commands")]),
            valued(b'c', "config-file", &[Code("an apt configuration can run commands")]),
            valued(b't', "target-release", &[]),
        ]),
    Program::new(&["sysctl"], Operands::NONE)
        .uncovered("kernel settings are not captured")
        .options(&[attached(b'p', "load", &[Path(Reads)])]),
    Program::new(&["ldconfig"], Operands::all(WritesTree))
        .also_writes(&["/etc/ld.so.cache", "/var/cache/ldconfig/aux-cache"])
        .uncovered("links that ldconfig makes in the directories of libraries are not captured")
        .options(&[
            flag(b'p', "print-cache", &[Effect::ReadsOnly]),
            valued(b'C', "", &[Path(Writes)]),
            valued(b'f', "", &[Path(Reads)]),
            valued(b'r', "", &[Path(WritesTree)]),
        ]),
    Program::new(&["update-alternatives"], Operands::NONE)
        .also_fills(&["/etc/alternatives", "/var/lib/dpkg/alternatives"])
        .syntax(Syntax::Subcommands(services::alternatives)),
    Program::new(&["dpkg-divert"], Operands::NONE)
        .also_writes(&["/var/lib/dpkg/diversions", "/var/lib/dpkg/diversions-old"])
        .syntax(Syntax::Subcommands(services::diversions))
        .options(DIVERSIONS),
    Program::new(&["dpkg-statoverride"], Operands::NONE)
        .also_writes(&["/var/lib/dpkg/statoverride", "/var/lib/dpkg/statoverride-old"])
        .syntax(Syntax::Subcommands(services::diversions))
        .options(DIVERSIONS),
    Program::new(&["update-rc.d", "chkconfig", "insserv"], Operands::NONE)
        .also_fills(&[
            "/etc/rc0.d", "/etc/rc1.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d",
            "/etc/rc6.d", "/etc/rcS.d", "/etc/systemd/system",
        ]),
    Program::new(
        &["a2ensite", "a2dissite", "a2enmod", "a2dismod", "a2enconf", "a2disconf"],
        Operands::NONE,
    )
    .also_fills(&[
        "/etc/apache2/sites-enabled", "/etc/apache2/mods-enabled", "/etc/apache2/conf-enabled",
        "/var/lib/apache2",
    ]),
    Program::new(&["logrotate"], Operands::all(Reads))
        .also_writes(&["/var/lib/logrotate/status"])
        .uncovered("which log files logrotate moves and removes stands in its configuration")
        .options(&[
            valued(b's', "state", &[Path(Writes)]),
            valued(b'l', "log", &[Path(Writes)]),
            valued(b'm', "mail", &[Code("logrotate runs the command that it names")]),
            flag(b'd', "debug", &[Effect::ReadsOnly]),
        ]),
    Program::new(&["visudo", "vipw", "vigr"], Operands::all(Writes))
        .also_writes(&[
            "/etc/sudoers", "/etc/sudoers.tmp", "/etc/passwd", "/etc/passwd-", "/etc/shadow",
            "/etc/shadow-", "/etc/group", "/etc/group-", "/etc/gshadow", "/etc/gshadow-",
            "/etc/.pwd.lock",
        ])
        .uncovered("these programs start the editor of the environment")
        .options(&[
            valued(b'f', "file", &[Path(Writes)]),
            flag(b'c', "check", &[Effect::ReadsOnly]),
        ]),
    // Long names with one dash. What is not surely an output may be one.
    Program::new(&["openssl"], Operands::NONE).syntax(Syntax::LongWithOneDash).through_links().options(&[
        valued(0, "out", &[Path(Writes)]),
        valued(0, "keyout", &[Path(Writes)]),
        valued(0, "writerand", &[Path(Writes)]),
        valued(0, "sigout", &[Path(Writes)]),
        valued(0, "certsout", &[Path(Writes)]),
        valued(0, "crlsout", &[Path(Writes)]),
        valued(0, "outdir", &[Path(WritesTree)]),
        valued(0, "in", &[Path(Reads)]),
        valued(0, "inkey", &[Path(Reads)]),
        valued(0, "key", &[Path(Reads)]),
        valued(0, "CA", &[Path(Reads)]),
        valued(0, "CAkey", &[Path(Reads)]),
        valued(0, "CAfile", &[Path(Reads)]),
        valued(0, "CAserial", &[Path(Writes)]),
        flag(0, "CAcreateserial", &[Effect::Doubt("the file of serial numbers lies beside that of the authority")]),
        valued(0, "config", &[Path(Reads), Code("an OpenSSL configuration can load code")]),
        valued(0, "engine", &[Code("OpenSSL loads the engine that it names")]),
        valued(0, "provider", &[Code("OpenSSL loads the provider that it names")]),
        valued(0, "provider-path", &[Code("OpenSSL loads providers from there")]),
        valued(0, "passin", &[]),
        valued(0, "passout", &[]),
        valued(0, "subj", &[]),
        valued(0, "days", &[]),
    ]),
    // A key, its public half, a signature, a list of hosts and what it was before.
    Program::new(&["ssh-keygen"], Operands::all(Writes))
        .suffixes(&[".pub", ".sig"])
        .replaced(&[(".pub", "-cert.pub")])
        .uncovered("ssh-keygen without -f writes into the home of whom it runs as")
        .options(&[
            valued(b'f', "", &[Effect::WithBeside]),
            valued(b'a', "", &[]),
            valued(b'b', "", &[]),
            valued(b'C', "", &[]),
            valued(b'D', "", &[Code("ssh-keygen loads the library that it names")]),
            valued(b'E', "", &[]),
            valued(b'F', "", &[Effect::ReadsOnly]),
            valued(b'I', "", &[]),
            valued(b'm', "", &[]),
            valued(b'M', "", &[Effect::Doubt("ssh-keygen -M writes the file that it names")]),
            valued(b'n', "", &[]),
            valued(b'N', "", &[]),
            valued(b'O', "", &[]),
            valued(b'P', "", &[]),
            valued(b'r', "", &[]),
            valued(b'R', "", &[Effect::Suffix(".old")]),
            flag(b'H', "", &[Effect::Suffix(".old")]),
            valued(b's', "", &[Path(Reads)]),
            valued(b't', "", &[]),
            valued(b'V', "", &[]),
            valued(b'w', "", &[Code("ssh-keygen loads the library that it names")]),
            valued(b'Y', "", &[]),
            valued(b'z', "", &[]),
            flag(b'A', "", &[Effect::Also(&["/etc/ssh"])]),
            flag(b'l', "", &[Effect::ReadsOnly]),
            flag(b'B', "", &[Effect::ReadsOnly]),
            flag(b'y', "", &[Effect::ReadsOnly]),
            flag(b'L', "", &[Effect::ReadsOnly]),
            flag(b'Q', "", &[Effect::ReadsOnly]),
        ]),
    // Without -o the result lies beside what it was made of.
    Program::new(&["gpg", "gpg2"], Operands::all(Writes))
        .suffixes(&[".gpg", ".asc", ".sig"])
        .uncovered("the keyrings and trust database of whom gpg runs as are not captured")
        .options(&[
            valued(b'o', "output", &[Path(Writes)]),
            valued(b'r', "recipient", &[]),
            valued(b'R', "hidden-recipient", &[]),
            valued(b'u', "local-user", &[]),
            valued(0, "homedir", &[Path(WritesTree)]),
            valued(0, "passphrase", &[]),
            valued(0, "passphrase-file", &[Path(Reads)]),
            valued(0, "passphrase-fd", &[]),
            valued(0, "pinentry-mode", &[]),
            valued(0, "cipher-algo", &[]),
            valued(0, "digest-algo", &[]),
            valued(0, "status-fd", &[]),
            valued(0, "status-file", &[Path(Writes)]),
            valued(0, "log-file", &[Path(Writes)]),
            valued(0, "keyserver", &[]),
            valued(0, "keyring", &[Path(Writes)]),
            valued(0, "options", &[Code("gpg reads further options from a file")]),
            valued(0, "agent-program", &[Code("gpg runs the program that it names")]),
            valued(0, "dirmngr-program", &[Code("gpg runs the program that it names")]),
            valued(0, "photo-viewer", &[Code("gpg runs the program that it names")]),
            flag(0, "multifile", &[]),
        ]),
];

/// systemd's programs act on other hosts and containers.
const REMOTE: &[OptionSpec] = &[
    valued(b'H', "host", &[Code("it acts on another host")]),
    valued(b'M', "machine", &[Code("it acts on a container")]),
    valued(b'p', "property", &[]),
];

const DIVERSIONS: &[OptionSpec] = &[
    valued(0, "divert", &[Path(Writes)]),
    valued(0, "package", &[]),
    valued(0, "admindir", &[Path(WritesTree)]),
    valued(0, "instdir", &[Path(WritesTree)]),
    valued(0, "root", &[Path(WritesTree)]),
    flag(0, "list", &[]),
    flag(0, "listpackage", &[]),
    flag(0, "truename", &[]),
    flag(0, "test", &[]),
];
