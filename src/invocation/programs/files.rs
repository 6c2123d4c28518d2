//! Programs that make, move, change and remove files.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{self, Directory, FillsDirectory, Into, NoLeading, Path, ReadsOnly, Tree},
    Operands, Program, Syntax, attached, flag, valued,
};

const RECURSIVE: &[Effect] = &[Tree];
const LIKE_A_FILE: &[Effect] = &[NoLeading, Path(Reads)];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(&["rm"], Operands::all(Writes))
        .options(&[flag(b'r', "recursive", RECURSIVE), flag(b'R', "", RECURSIVE)]),
    Program::new(&["mv"], Operands::to_last(WritesTree, WritesTree))
        .options(&[valued(b't', "target-directory", &[Into]), valued(b'S', "suffix", &[])]),
    Program::new(&["cp"], Operands::to_last(Reads, Writes)).through_links().options(&[
        flag(b'r', "recursive", RECURSIVE),
        flag(b'R', "", RECURSIVE),
        flag(b'a', "archive", RECURSIVE),
        valued(b't', "target-directory", &[Into]),
        valued(b'S', "suffix", &[]),
    ]),
    // A link with one operand lands in the current directory.
    Program::new(&["ln"], Operands::to_last(Reads, Writes))
        .options(&[valued(b't', "target-directory", &[Into]), valued(b'S', "suffix", &[])]),
    Program::new(&["install"], Operands::to_last(Reads, Writes)).options(&[
        flag(b'd', "directory", &[Effect::Operands(Operands::all(Writes))]),
        valued(b't', "target-directory", &[Into]),
        valued(b'S', "suffix", &[]),
        valued(b'g', "group", &[]),
        valued(b'm', "mode", &[]),
        valued(b'o', "owner", &[]),
        valued(0, "strip-program", &[Effect::Code("install runs the program that it names")]),
    ]),
    Program::new(&["link"], Operands::to_last(Reads, Writes)),
    Program::new(&["unlink", "rmdir"], Operands::all(Writes)),
    Program::new(&["mkdir", "mkfifo"], Operands::all(Writes)).options(&[valued(b'm', "mode", &[])]),
    Program::new(&["mknod"], Operands { access: None, ..Operands::first_then(Writes, Reads) })
        .options(&[valued(b'm', "mode", &[])]),
    Program::new(&["mktemp"], Operands::NONE)
        .options(&[valued(b'p', "", &[]), valued(0, "suffix", &[])])
        .uncovered("mktemp makes a file whose name it chooses itself"),
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
        ]),
    Program::new(&["chattr"], Operands::after_text(Writes)).through_links().options(&[
        flag(b'R', "", RECURSIVE),
        valued(b'v', "", &[]),
        valued(b'p', "", &[]),
        flag(b'a', "", &[NoLeading]),
        flag(b'i', "", &[NoLeading]),
    ]),
    Program::new(&["setfacl"], Operands::all(Writes)).through_links().options(&[
        flag(b'R', "recursive", RECURSIVE),
        valued(b'm', "modify", &[]),
        valued(b'x', "remove", &[]),
        valued(b'M', "modify-file", &[Path(Reads)]),
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
    Program::new(&["setcap"], Operands::after_text(Writes)).through_links(),
    Program::new(&["find"], Operands::all(Reads)).syntax(Syntax::Find),
    Program::new(&["fd", "fdfind"], Operands::after_text(Reads)).options(&[
        attached(b'x', "exec", &[Effect::Code("fd runs a command for every file")]),
        attached(b'X', "exec-batch", &[Effect::Code("fd runs a command for the files")]),
        valued(b'e', "extension", &[]),
        valued(b't', "type", &[]),
        valued(b'd', "max-depth", &[]),
        valued(b'E', "exclude", &[]),
        valued(b'c', "color", &[]),
        valued(b'j', "threads", &[]),
        valued(b'S', "size", &[]),
        valued(b'C', "base-directory", &[Directory]),
    ]),
    Program::new(&["split", "csplit"], Operands::first_then(Reads, Writes))
        .options(&[
            valued(b'a', "suffix-length", &[]),
            valued(b'b', "bytes", &[]),
            valued(b'C', "line-bytes", &[]),
            valued(b'l', "lines", &[]),
            valued(b'n', "number", &[]),
            valued(b't', "separator", &[]),
            valued(0, "additional-suffix", &[]),
            valued(0, "filter", &[Effect::Code("split runs its filter as shell code")]),
        ])
        .uncovered("the files that split makes from its prefix are not captured"),
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
        valued(0, "compress-program", &[Effect::Code("sort runs the program that it names")]),
    ]),
    Program::new(&["uniq"], Operands::first_then(Reads, Writes)).through_links().options(&[
        valued(b'f', "skip-fields", &[]),
        valued(b's', "skip-chars", &[]),
        valued(b'w', "check-chars", &[]),
    ]),
    Program::new(&["patch"], Operands::first_then(Writes, Reads))
        .suffixes(&[".orig", ".rej"])
        .options(&[
            valued(b'd', "directory", &[Directory, FillsDirectory]),
            valued(b'i', "input", &[Path(Reads), FillsDirectory]),
            valued(b'o', "output", &[Path(Writes)]),
            valued(b'r', "reject-file", &[Path(Writes)]),
            valued(b'p', "strip", &[FillsDirectory]),
            valued(b'B', "prefix", &[]),
            valued(b'b', "", &[]),
            valued(b'z', "suffix", &[]),
            valued(b'F', "fuzz", &[]),
            valued(b'D', "ifdef", &[]),
            valued(b'Y', "basename-prefix", &[]),
            flag(0, "dry-run", &[ReadsOnly]),
        ])
        .uncovered("patch changes the files that the patch names"),
    Program::new(&["rename", "prename", "file-rename"], Operands::after_text(Writes))
        .options(&[attached(b'e', "", &[Effect::Code("rename runs its expression as Perl code")])]),
];
