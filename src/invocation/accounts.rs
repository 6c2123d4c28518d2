//! Programs that make, change and remove accounts: beside the files of accounts, homes.

use std::path::Path;

use super::Access::{Writes, WritesTree};
use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program};
use crate::system::ByteString;

/// `useradd -m NAME`, `userdel -r NAME`, `usermod -m -d HOME NAME`, and Debian's `adduser`.
pub(super) fn users(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let mut names = Vec::new();
    let mut base: &[u8] = b"/home";
    let mut defaults_only = false;
    for piece in cut(arguments, program.options, Cutting::default()) {
        match piece {
            Piece::Operand(name) => names.push(name),
            Piece::Unknown(letter) => defaults_only |= letter == b"D",
            Piece::Option(option, value) => {
                let value = value.unwrap_or_default();
                if option.long == "base-dir" {
                    base = value;
                }
                for effect in option.effects {
                    if let Effect::Path(access) = effect {
                        findings.push(value, *access);
                    }
                }
            }
        }
    }
    for file in program.also_writes {
        findings.push_place(Path::new(file), Writes);
    }
    if defaults_only {
        findings.push_place(Path::new("/etc/default/useradd"), Writes);
    }
    for name in names.iter().filter(|name| !name.contains(&b'/')) {
        // The home of an account that is there, and where that of a new one will be.
        let known =
            std::str::from_utf8(name).ok().and_then(|name| findings.lookup.home(Some(name)));
        if let Some(home) =
            known.filter(|home| home.parent().is_some_and(|at| at != Path::new("/")))
        {
            findings.push_place(&home, WritesTree);
        }
        findings.push(&[base, b"/", name].concat(), WritesTree);
    }
}
