//! Programs that change the host's own records: services, settings, links of packages.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{self, Code, Path},
    Operands, OptionSpec, Program, Syntax, attached, flag, valued,
};
use super::super::services;

pub(super) const PROGRAMS: &[Program] = &[
    // Units and signals are not paths.
    Program::new(&["systemctl"], Operands::NONE)
        .syntax(Syntax::Subcommands(services::systemctl))
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
    Program::new(&["service", "rc-service"], Operands::NONE),
    Program::new(&["kill", "pkill", "killall"], Operands::NONE),
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
    Program::new(&["apt", "apt-get", "aptitude"], Operands::NONE).options(&[
        valued(b'o', "option", &[Code("an apt setting can run commands")]),
        valued(b'c', "config-file", &[Code("an apt configuration can run commands")]),
        valued(b't', "target-release", &[]),
    ]),
    Program::new(&["sysctl"], Operands::NONE).options(&[attached(b'p', "load", &[Path(Reads)])]),
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
    Program::new(&["update-rc.d", "chkconfig", "insserv"], Operands::NONE).also_fills(&[
        "/etc/rc0.d",
        "/etc/rc1.d",
        "/etc/rc2.d",
        "/etc/rc3.d",
        "/etc/rc4.d",
        "/etc/rc5.d",
        "/etc/rc6.d",
        "/etc/rcS.d",
        "/etc/systemd/system",
    ]),
    Program::new(
        &["a2ensite", "a2dissite", "a2enmod", "a2dismod", "a2enconf", "a2disconf"],
        Operands::NONE,
    )
    .also_fills(&[
        "/etc/apache2/sites-enabled",
        "/etc/apache2/mods-enabled",
        "/etc/apache2/conf-enabled",
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
