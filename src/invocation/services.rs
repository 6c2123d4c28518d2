//! Programs of which a subcommand says what they write: `systemctl`, `hostnamectl`,
//! `update-alternatives`, `dpkg-divert`, `ip`.

use std::path::Path;

use super::Access::{Unknown, Writes, WritesTree};
use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program};
use crate::system::ByteString;

/// The subcommands of systemctl(1) that change files, all of them links and drop-ins of units.
const CHANGES_UNITS: &[&[u8]] = &[
    b"enable",
    b"disable",
    b"reenable",
    b"preset",
    b"preset-all",
    b"mask",
    b"unmask",
    b"link",
    b"revert",
    b"add-wants",
    b"add-requires",
    b"edit",
    b"set-default",
    b"set-property",
];

/// Where units of the system are put by an administrator, and where those of all users.
const SYSTEM_UNITS: &[&str] = &["/etc/systemd/system", "/etc/systemd/system.control"];
const RUNTIME_UNITS: &[&str] = &["/run/systemd/system", "/run/systemd/system.control"];
const GLOBAL_UNITS: &[&str] = &["/etc/systemd/user"];

/// What is known of a subcommand line: the options' effects, and the words.
fn words<'a>(
    program: &'static Program,
    arguments: &'a [ByteString],
    findings: &mut Findings<'_>,
) -> (Vec<&'a [u8]>, Vec<&'static str>) {
    let mut words = Vec::new();
    let mut options = Vec::new();
    for piece in cut(arguments, program.options, Cutting::default()) {
        match piece {
            Piece::Operand(word) => words.push(word),
            Piece::Unknown(_) => {}
            Piece::Option(option, value) => {
                options.push(option.long);
                for effect in option.effects {
                    match effect {
                        Effect::Path(access) => {
                            findings.push(value.unwrap_or_default(), *access);
                        }
                        Effect::Code(reason) => {
                            findings.refuse(value.unwrap_or(option.long.as_bytes()), reason);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    (words, options)
}

/// `systemctl enable` and what else changes the links and drop-ins of units.
pub(super) fn systemctl(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let (words, options) = words(program, arguments, findings);
    let Some((subcommand, units)) = words.split_first() else { return };
    if !CHANGES_UNITS.contains(subcommand) || options.contains(&"root") {
        return;
    }
    let mut push = |places: &[&str]| {
        for place in places {
            findings.push_place(Path::new(place), WritesTree);
        }
    };
    if options.contains(&"user") {
        findings
            .doubt(subcommand, "systemctl --user changes the units in the home of whom it runs as");
    } else if options.contains(&"global") {
        push(GLOBAL_UNITS);
    } else {
        push(SYSTEM_UNITS);
        if options.contains(&"runtime") {
            push(RUNTIME_UNITS);
        }
    }
    if *subcommand == b"edit" {
        findings.refuse(subcommand, "systemctl edit runs the editor of the environment");
    }
    // A unit file can be named by its path.
    for unit in units.iter().filter(|unit| unit.contains(&b'/')) {
        findings.push(unit, Unknown);
    }
}

/// `hostnamectl set-hostname` and its like: a daemon writes these files on their behalf.
pub(super) fn settings(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let (words, _) = words(program, arguments, findings);
    let changes = words.first().is_some_and(|word| {
        word.starts_with(b"set-")
            || matches!(
                *word,
                b"hostname" | b"icon-name" | b"chassis" | b"deployment" | b"location"
            )
    });
    if !changes {
        return;
    }
    let files: &[&str] = match program.names {
        ["hostnamectl", ..] => &["/etc/hostname", "/etc/machine-info"],
        ["timedatectl", ..] => &["/etc/localtime", "/etc/timezone", "/etc/adjtime"],
        _ => &[
            "/etc/locale.conf",
            "/etc/default/locale",
            "/etc/vconsole.conf",
            "/etc/default/keyboard",
            "/etc/X11/xorg.conf.d/00-keyboard.conf",
        ],
    };
    for file in files {
        findings.push_place(Path::new(file), Writes);
    }
}

/// `update-alternatives --install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]…`.
pub(super) fn alternatives(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let words: Vec<&[u8]> = arguments.iter().map(ByteString::as_bytes).collect();
    let reads: &[&[u8]] =
        &[b"--display", b"--list", b"--query", b"--get-selections", b"--help", b"--version"];
    if words.is_empty() || words.iter().any(|word| reads.contains(word)) {
        return;
    }
    for pair in words.windows(2) {
        let [option, value] = pair else { continue };
        match *option {
            b"--install" | b"--slave" => findings.push(value, Writes),
            b"--altdir" | b"--admindir" => findings.push(value, WritesTree),
            b"--log" => findings.push(value, Writes),
            b"--remove" | b"--remove-all" | b"--set" | b"--auto" | b"--config" => {
                findings.doubt(value, "the links outside of /etc/alternatives are not captured");
            }
            _ => {}
        }
    }
    for place in program.also_fills {
        findings.push_place(Path::new(place), WritesTree);
    }
    if words.contains(&b"--all".as_slice()) || words.contains(&b"--set-selections".as_slice()) {
        findings.doubt(b"--all", "the links outside of /etc/alternatives are not captured");
    }
}

/// `dpkg-divert --add --rename --divert TO FILE`, `dpkg-statoverride --add … FILE`.
pub(super) fn diversions(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let (words, options) = words(program, arguments, findings);
    if options.contains(&"list") || options.contains(&"test") {
        return;
    }
    for word in words.iter().filter(|word| word.contains(&b'/')) {
        findings.push(word, Writes);
        findings.push(&[word, b".distrib".as_slice()].concat(), Writes);
    }
    for place in program.also_writes {
        findings.push_place(Path::new(place), Writes);
    }
}
