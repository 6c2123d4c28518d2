//! Programs that change the host's own records: accounts, services, scheduled jobs, repositories.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{Code, Directory, Path},
    Operands, Program, Syntax, flag, valued,
};

const USER_FILES: &[&str] =
    &["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &[
            "useradd", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "gpasswd",
            "passwd", "chage", "chpasswd", "chsh", "chfn", "adduser", "deluser", "addgroup",
            "delgroup", "newusers",
        ],
        Operands::NONE,
    )
    .also_writes(USER_FILES)
    .uncovered("home directories, mail files and running sessions of the account are not captured")
    .options(&[
        valued(b'R', "root", &[Path(WritesTree)]),
        valued(b'P', "prefix", &[Path(WritesTree)]),
        valued(b'd', "home", &[Path(Writes)]),
        valued(b'k', "skel", &[Path(Reads)]),
    ]),
    Program::new(&["crontab"], Operands::all(Reads))
        .uncovered("the crontab in the cron daemon's spool is not captured")
        .options(&[
            valued(b'u', "", &[]),
            flag(b'e', "", &[Code("crontab -e runs the editor of the environment")]),
        ]),
    // Units and signals are not paths.
    Program::new(&["systemctl"], Operands::NONE).options(&[
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
    Program::new(&["service", "rc-service"], Operands::NONE),
    Program::new(&["kill", "pkill", "killall"], Operands::NONE),
    Program::new(&["git"], Operands::NONE).syntax(Syntax::Git).options(&[
        valued(b'C', "", &[Directory]),
        valued(b'c', "", &[Code("a git setting can run commands")]),
        valued(0, "config-env", &[Code("a git setting can run commands")]),
        valued(0, "exec-path", &[Code("git runs its parts from that directory")]),
        valued(0, "git-dir", &[Path(WritesTree)]),
        valued(0, "work-tree", &[Path(WritesTree)]),
        valued(0, "namespace", &[]),
    ]),
    Program::new(&["apt", "apt-get", "aptitude"], Operands::NONE).options(&[
        valued(b'o', "option", &[Code("an apt setting can run commands")]),
        valued(b'c', "config-file", &[Code("an apt configuration can run commands")]),
        valued(b't', "target-release", &[]),
    ]),
    Program::new(&["sysctl"], Operands::NONE).options(&[valued(b'p', "load", &[Path(Reads)])]),
    Program::new(&["ldconfig"], Operands::all(Reads)).also_writes(&["/etc/ld.so.cache"]).options(
        &[
            valued(b'C', "", &[Path(Writes)]),
            valued(b'f', "", &[Path(Reads)]),
            valued(b'r', "", &[Path(WritesTree)]),
        ],
    ),
    Program::new(&["update-alternatives"], Operands::NONE)
        .syntax(Syntax::OptionsFirst)
        .uncovered("links in the alternatives directory are not captured"),
    Program::new(&["visudo", "vipw", "vigr"], Operands::all(Writes))
        .also_writes(&["/etc/sudoers", "/etc/passwd", "/etc/group"])
        .uncovered("these programs start the editor of the environment"),
];
