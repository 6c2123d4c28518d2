//! Programs that make, move, change and remove files.

use super::super::Access::{Reads, Writes, WritesMatching, WritesTree};
use super::super::grammar::{
    Effect::{
        self, Backup, Code, Directory, FillsDirectory, Into, KeepsBackups, NoLeading, Path,
        ReadsOnly, Tree, WithParents,
    },
    Operands, Program, Syntax, attached, flag, valued,
};

const RECURSIVE: &[Effect] = &[Tree];
const LIKE_A_FILE: &[Effect] = &[NoLeading, Path(Reads)];

const BACKUPS: &[Effect] = &[KeepsBackups];

/// What cp(1), mv(1), ln(1) and install(1) have in common: where to, and backups.
macro_rules! to_a_destination {
    ($($option:expr),* $(,)?) => {
        &[
            valued(b't', "target-directory", &[Into]),
            flag(b'T', "no-target-directory", &[Effect::NotInto]),
            flag(b'b', "", BACKUPS),
            attached(0, "backup", BACKUPS),
            valued(b'S', "suffix", &[Backup]),
            $($option),*
        ]
    };
}

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(&["rm"], Operands::all(Writes))
        .options(&[flag(b'r', "recursive", RECURSIVE), flag(b'R', "", RECURSIVE)]),
    Program::new(&["mv"], Operands::to_last(WritesTree, WritesTree))
        .options(to_a_destination![flag(0, "strip-trailing-slashes", &[])]),
    Program::new(&["cp"], Operands::to_last(Reads, Writes)).through_links().options(
        to_a_destination![
            flag(b'r', "recursive", RECURSIVE),
            flag(b'R', "", RECURSIVE),
            flag(b'a', "archive", RECURSIVE),
            // The directories that lead to a source are made below the destination.
            flag(0, "parents", &[Effect::Operands(Operands::to_last(Reads, WritesTree))]),
        ],
    ),
    Program::new(&["ln"], Operands::to_last_or_here(Reads, Writes)).options(to_a_destination![]),
    Program::new(&["install"], Operands::to_last(Reads, Writes)).options(to_a_destination![
        flag(b'd', "directory", &[Effect::Operands(Operands::all(Writes))]),
        valued(b'g', "group", &[]),
        valued(b'm', "mode", &[]),
        valued(b'o', "owner", &[]),
        valued(b'Z', "context", &[]),
        valued(0, "strip-program", &[Code("install runs the program that it names")]),
    ]),
    // A link in the destination's place is not followed: it is an error.
    Program::new(&["link"], Operands::to_last(Reads, Writes)),
    Program::new(&["unlink"], Operands::all(Writes)),
    Program::new(&["rmdir"], Operands::all(Writes)).options(&[flag(
        b'p',
        "parents",
        &[WithParents],
    )]),
    Program::new(&["mkdir", "mkfifo"], Operands::all(Writes)).options(&[valued(b'm', "mode", &[])]),
    Program::new(&["mknod"], Operands::only_first(Writes)).options(&[valued(b'm', "mode", &[])]),
    Program::new(&["mktemp"], Operands::NONE).syntax(Syntax::Names).options(&[
        valued(b'p', "", &[]),
        attached(0, "tmpdir", &[]),
        flag(b't', "", &[]),
        flag(b'u', "dry-run", &[ReadsOnly]),
        valued(0, "suffix", &[]),
    ]),
    Program::new(&["touch"], Operands::all(Writes)).through_links().options(&[
        valued(b'r', "reference", &[Path(Reads)]),
        valued(b'd', "date", &[]),
        valued(b't', "", &[]),
        valued(0, "time", &[]),
    ]),
    Program::new(&["truncate"], Operands::all(Writes))
        .through_links()
        .options(&[valued(b'r', "reference", &[Path(Reads)]), valued(b's', "size", &[])]),
    Program::new(&["shred"], Operands::all(Writes)).through_links().options(&[
        valued(b'n', "iterations", &[]),
        valued(b's', "size", &[]),
        valued(0, "random-source", &[Path(Reads)]),
    ]),
    Program::new(&["tee"], Operands::all(Writes)).through_links(),
    Program::new(&["dd"], Operands::NONE).syntax(Syntax::KeyValue).through_links(),
    Program::new(&["fallocate"], Operands::all(Writes))
        .through_links()
        .options(&[valued(b'o', "offset", &[]), valued(b'l', "length", &[])]),
    Program::new(&["chmod", "chown", "chgrp"], Operands::after_text(Writes))
        .through_links()
        .options(&[
            flag(b'R', "recursive", RECURSIVE),
            valued(0, "reference", LIKE_A_FILE),
            valued(0, "from", &[]),
            // `chmod -w file` and `chmod -x file`: the mode stands as if it were an option.
            flag(b'r', "", &[NoLeading]),
            flag(b'w', "", &[NoLeading]),
            flag(b'x', "", &[NoLeading]),
            flag(b'X', "", &[NoLeading]),
            flag(b's', "", &[NoLeading]),
            flag(b't', "", &[NoLeading]),
            flag(b'u', "", &[NoLeading]),
            flag(b'g', "", &[NoLeading]),
            flag(b'o', "", &[NoLeading]),
        ]),
    Program::new(&["chattr"], Operands::after_text(Writes)).through_links().options(&[
        flag(b'R', "", RECURSIVE),
        valued(b'v', "", &[]),
        valued(b'p', "", &[]),
        flag(b'a', "", &[NoLeading]),
        flag(b'A', "", &[NoLeading]),
        flag(b'c', "", &[NoLeading]),
        flag(b'C', "", &[NoLeading]),
        flag(b'd', "", &[NoLeading]),
        flag(b'D', "", &[NoLeading]),
        flag(b'e', "", &[NoLeading]),
        flag(b'F', "", &[NoLeading]),
        flag(b'i', "", &[NoLeading]),
        flag(b'j', "", &[NoLeading]),
        flag(b'm', "", &[NoLeading]),
        flag(b'P', "", &[NoLeading]),
        flag(b's', "", &[NoLeading]),
        flag(b'S', "", &[NoLeading]),
        flag(b't', "", &[NoLeading]),
        flag(b'T', "", &[NoLeading]),
        flag(b'u', "", &[NoLeading]),
        flag(b'x', "", &[NoLeading]),
    ]),
    Program::new(&["setfacl"], Operands::all(Writes)).through_links().options(&[
        flag(b'R', "recursive", RECURSIVE),
        valued(b'm', "modify", &[]),
        valued(b'x', "remove", &[]),
        valued(b'M', "modify-file", &[Path(Reads)]),
        flag(0, "test", &[ReadsOnly]),
        valued(b'X', "remove-file", &[Path(Reads)]),
        valued(0, "set", &[]),
        valued(0, "set-file", &[Path(Reads)]),
        valued(0, "restore", &[Path(Reads), FillsDirectory]),
    ]),
    Program::new(&["setfattr"], Operands::all(Writes)).through_links().options(&[
        valued(b'n', "name", &[]),
        valued(b'v', "value", &[]),
        valued(b'x', "remove", &[]),
        valued(0, "restore", &[Path(Reads), FillsDirectory]),
    ]),
    Program::new(&["setcap"], Operands::after_text(Writes)).through_links().options(&[
        flag(b'r', "", &[NoLeading]),
        flag(b'v', "", &[ReadsOnly]),
        valued(b'n', "", &[]),
    ]),
    Program::new(&["find"], Operands::all(Reads)).syntax(Syntax::Find),
    Program::new(&["fd", "fdfind"], Operands::after_text(Reads)).options(&[
        attached(b'x', "exec", &[Code("fd runs a command for every file")]),
        attached(b'X', "exec-batch", &[Code("fd runs a command for the files")]),
        valued(b'e', "extension", &[]),
        valued(b't', "type", &[]),
        valued(b'd', "max-depth", &[]),
        valued(b'E', "exclude", &[]),
        valued(b'c', "color", &[]),
        valued(b'j', "threads", &[]),
        valued(b'S', "size", &[]),
        valued(b'C', "base-directory", &[Directory]),
    ]),
    Program::new(&["split"], Operands::first_then(Reads, WritesMatching))
        .default_prefix("x")
        .options(&[
            valued(b'a', "suffix-length", &[]),
            valued(b'b', "bytes", &[]),
            valued(b'C', "line-bytes", &[]),
            valued(b'l', "lines", &[]),
            valued(b'n', "number", &[]),
            valued(b't', "separator", &[]),
            valued(0, "additional-suffix", &[]),
            valued(0, "filter", &[Code("split runs its filter as shell code")]),
        ]),
    Program::new(&["csplit"], Operands::only_first(Reads)).default_prefix("xx").options(&[
        valued(b'f', "prefix", &[Path(WritesMatching)]),
        // A format can make any name.
        valued(b'b', "suffix-format", &[]),
        valued(b'n', "digits", &[]),
    ]),
    Program::new(&["sort"], Operands::all(Reads)).through_links().options(&[
        valued(b'o', "output", &[Path(Writes)]),
        valued(b'k', "key", &[]),
        valued(b't', "field-separator", &[]),
        valued(b'S', "buffer-size", &[]),
        valued(b'T', "temporary-directory", &[]),
        valued(0, "files0-from", &[Path(Reads)]),
        valued(0, "random-source", &[Path(Reads)]),
        valued(0, "batch-size", &[]),
        valued(0, "parallel", &[]),
        valued(0, "compress-program", &[Code("sort runs the program that it names")]),
    ]),
    Program::new(&["shuf"], Operands::all(Reads)).through_links().options(&[
        valued(b'o', "output", &[Path(Writes)]),
        valued(b'i', "input-range", &[]),
        valued(b'n', "head-count", &[]),
        valued(0, "random-source", &[Path(Reads)]),
        flag(b'e', "echo", &[Effect::Operands(Operands::NONE)]),
    ]),
    Program::new(&["sponge"], Operands::all(Writes)).through_links(),
    Program::new(&["dos2unix", "unix2dos", "mac2unix", "unix2mac"], Operands::all(Writes))
        .options(&[valued(b'c', "convmode", &[]), flag(b'i', "info", &[ReadsOnly])]),
    Program::new(&["strip", "ranlib"], Operands::all(Writes)).through_links().options(&[
        valued(b'o', "", &[Path(Writes)]),
        valued(b'R', "remove-section", &[]),
        valued(b'K', "keep-symbol", &[]),
        valued(b'N', "strip-symbol", &[]),
        valued(b'F', "target", &[]),
        valued(b'I', "input-target", &[]),
        valued(b'O', "output-target", &[]),
        valued(0, "plugin", &[Code("it loads the plugin that it names")]),
    ]),
    Program::new(&["xxd"], Operands::first_then(Reads, Writes)).through_links().options(&[
        valued(b'c', "cols", &[]),
        valued(b'g', "groupsize", &[]),
        valued(b'l', "len", &[]),
        valued(b'n', "name", &[]),
        valued(b'o', "", &[]),
        valued(b's', "seek", &[]),
        valued(b'R', "", &[]),
    ]),
    Program::new(&["iconv"], Operands::all(Reads)).through_links().options(&[
        valued(b'o', "output", &[Path(Writes)]),
        valued(b'f', "from-code", &[]),
        valued(b't', "to-code", &[]),
    ]),
    Program::new(&["uniq"], Operands::first_then(Reads, Writes)).through_links().options(&[
        valued(b'f', "skip-fields", &[]),
        valued(b's', "skip-chars", &[]),
        valued(b'w', "check-chars", &[]),
    ]),
    // Without an operand the patch says which files: any below the directory.
    Program::new(&["patch"], Operands::first_then(Writes, Reads))
        .suffixes(&[".orig", ".rej"])
        .fills_unless_named()
        .options(&[
            valued(b'd', "directory", &[Directory]),
            valued(b'i', "input", &[Path(Reads)]),
            valued(b'o', "output", &[Path(Writes)]),
            valued(b'r', "reject-file", &[Path(Writes), FillsDirectory]),
            valued(b'p', "strip", &[]),
            valued(b'B', "prefix", &[FillsDirectory]),
            flag(b'b', "backup", BACKUPS),
            valued(b'V', "version-control", BACKUPS),
            valued(b'z', "suffix", &[Backup]),
            valued(b'F', "fuzz", &[]),
            valued(b'g', "get", &[Code("patch fetches files by a version control system")]),
            valued(b'D', "ifdef", &[]),
            valued(b'Y', "basename-prefix", &[FillsDirectory]),
            flag(0, "dry-run", &[ReadsOnly]),
        ]),
    Program::new(&["rename", "prename", "file-rename"], Operands::after_text(Writes))
        .options(&[attached(b'e', "", &[Code("rename runs its expression as Perl code")])]),
];
