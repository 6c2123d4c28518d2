//! Programs that change the host's accounts, and who may do what on it.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::accounts;
use super::super::grammar::{
    Effect::{self, Code, Path},
    Operands, Program, Syntax, flag, valued,
};

/// The files of accounts, their backups, and the lock that stays (shadow(5), lckpwdf(3)).
const USER_FILES: &[&str] = &[
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/group",
    "/etc/group-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/subuid",
    "/etc/subuid-",
    "/etc/subgid",
    "/etc/subgid-",
    "/etc/.pwd.lock",
];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &[
            "groupadd",
            "groupdel",
            "groupmod",
            "gpasswd",
            "passwd",
            "chage",
            "chpasswd",
            "chgpasswd",
            "chsh",
            "chfn",
            "pwconv",
            "pwunconv",
            "grpconv",
            "grpunconv",
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
    Program::new(&["crontab"], Operands::all(Reads)).also_fills(&["/var/spool/cron"]).options(&[
        valued(b'u', "", &[]),
        flag(b'l', "", &[Effect::ReadsOnly]),
        flag(b'e', "", &[Code("crontab -e runs the editor of the environment")]),
    ]),
    Program::new(&["visudo", "vipw", "vigr"], Operands::all(Writes))
        .also_writes(&[
            "/etc/sudoers",
            "/etc/sudoers.tmp",
            "/etc/passwd",
            "/etc/passwd-",
            "/etc/shadow",
            "/etc/shadow-",
            "/etc/group",
            "/etc/group-",
            "/etc/gshadow",
            "/etc/gshadow-",
            "/etc/.pwd.lock",
        ])
        .uncovered("these programs start the editor of the environment")
        .options(&[
            valued(b'f', "file", &[Path(Writes)]),
            flag(b'c', "check", &[Effect::ReadsOnly]),
        ]),
];
