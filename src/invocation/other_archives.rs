//! Archivers with command lines of their own: `7z` and `cpio`.

use super::Access::{Reads, Writes, WritesTree};
use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program};
use crate::system::ByteString;

/// `7z COMMAND [-oDIRECTORY] ARCHIVE [FILE…]`.
pub(super) fn seven_zip(
    _program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let mut words = Vec::new();
    let mut into: Option<&[u8]> = None;
    let mut to_output = false;
    let mut removes = false;
    for argument in arguments.iter().map(ByteString::as_bytes) {
        match argument {
            b"-so" => to_output = true,
            b"-sdel" => removes = true,
            [b'-', b'o', directory @ ..] => into = Some(directory),
            [b'-', b'w', directory @ ..] if !directory.is_empty() => {
                findings.push(directory, WritesTree);
            }
            [b'-', ..] => {}
            [b'@', list @ ..] => findings.push(list, Reads),
            word => words.push(word),
        }
    }
    let Some((command, [archive, files @ ..])) = words.split_first() else { return };
    match *command {
        b"x" | b"e" if !to_output => {
            findings.push(archive, Reads);
            match into {
                Some(directory) => findings.push(directory, WritesTree),
                None => findings.push_directory(),
            }
        }
        b"a" | b"u" | b"d" | b"rn" => {
            findings.push(archive, Writes);
            // A name without a suffix gets one.
            for suffix in [b".7z".as_slice(), b".zip", b".001", b".tmp"] {
                findings.push(&[archive, suffix].concat(), Writes);
            }
            for file in files {
                findings.push(file, if removes { WritesTree } else { Reads });
            }
        }
        _ => findings.push(archive, Reads),
    }
}

/// `cpio -i`, `-o`, `-p DIRECTORY`.
pub(super) fn cpio(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let pieces = cut(arguments, program.options, Cutting::default());
    let mut modes = Vec::new();
    let mut archive: Option<&[u8]> = None;
    let mut words = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Operand(word) => words.push(word),
            Piece::Unknown(_) => {}
            Piece::Option(option, value) => {
                modes.push(if option.long.is_empty() { "output" } else { option.long });
                if matches!(option.short, b'F' | b'O') {
                    archive = value;
                }
                for effect in option.effects {
                    match effect {
                        Effect::Path(access) => findings.push(value.unwrap_or_default(), *access),
                        Effect::Code(reason) => findings.refuse(value.unwrap_or_default(), reason),
                        Effect::Directory => findings.enter(value.unwrap_or_default()),
                        _ => {}
                    }
                }
            }
        }
    }
    let is = |mode: &str| modes.contains(&mode);
    if let Some(archive) = archive {
        findings.push(archive, if is("create") || is("output") { Writes } else { Reads });
    }
    if is("pass-through") {
        for directory in words {
            findings.push(directory, WritesTree);
        }
    } else if is("extract") && !is("list") && !is("to-stdout") && !is("only-verify-crc") {
        findings.push_directory();
    }
}
