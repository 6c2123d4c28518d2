//! Archives and compression.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{self, Archive, Code, Directory, FillsDirectory, Path, ReadsOnly, WritesArchive},
    Operands, OptionSpec, Program, Syntax, attached, flag, valued,
};

const RUNS_A_PROGRAM: &[Effect] = &[Code("tar runs the program that it names")];
const EXTRACTS: &[Effect] = &[Effect::Operands(Operands::NONE), FillsDirectory];
const LISTS: &[Effect] = &[Effect::Operands(Operands::NONE)];
const PACKS: &[Effect] = &[WritesArchive];

/// To standard output, or to try whether it could be done: the operands are only read.
const ONLY_READS: &[OptionSpec] = &[
    flag(b'c', "stdout", &[ReadsOnly]),
    flag(0, "to-stdout", &[ReadsOnly]),
    flag(b't', "test", &[ReadsOnly]),
    flag(b'l', "list", &[ReadsOnly]),
    flag(b'r', "recursive", &[Effect::Tree]),
    valued(b'S', "suffix", &[Effect::Backup]),
    valued(b'T', "threads", &[]),
    valued(b'F', "format", &[]),
    valued(b'M', "memlimit", &[]),
    valued(0, "files", &[Code("the files are named in a file")]),
    valued(0, "files0", &[Code("the files are named in a file")]),
];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(&["tar", "gtar", "bsdtar"], Operands::all(Reads)).syntax(Syntax::Bundled).options(
        &[
            flag(b'x', "extract", EXTRACTS),
            flag(0, "get", EXTRACTS),
            flag(b't', "list", LISTS),
            flag(b'd', "diff", LISTS),
            flag(0, "compare", LISTS),
            flag(b'c', "create", PACKS),
            flag(b'r', "append", PACKS),
            flag(b'u', "update", PACKS),
            flag(b'A', "catenate", PACKS),
            flag(0, "concatenate", PACKS),
            flag(0, "delete", &[Effect::Operands(Operands::NONE), WritesArchive]),
            flag(0, "remove-files", &[Effect::Operands(Operands::all(WritesTree))]),
            flag(b'O', "to-stdout", &[ReadsOnly]),
            valued(b'f', "file", &[Archive]),
            valued(b'C', "directory", &[Directory]),
            valued(b'T', "files-from", &[Path(Reads)]),
            valued(b'X', "exclude-from", &[Path(Reads)]),
            valued(0, "exclude", &[]),
            valued(b'g', "listed-incremental", &[Path(Writes)]),
            valued(0, "index-file", &[Path(Writes)]),
            flag(b'P', "absolute-names", &[Code("tar writes wherever the archive says")]),
            valued(0, "transform", &[Code("tar's transformations can run commands")]),
            valued(0, "xform", &[Code("tar's transformations can run commands")]),
            valued(b'I', "use-compress-program", RUNS_A_PROGRAM),
            valued(0, "to-command", RUNS_A_PROGRAM),
            valued(0, "checkpoint-action", &[Code("tar's checkpoint actions can run commands")]),
            attached(0, "checkpoint", &[]),
            valued(b'F', "info-script", RUNS_A_PROGRAM),
            valued(0, "new-volume-script", RUNS_A_PROGRAM),
            valued(0, "rsh-command", RUNS_A_PROGRAM),
            valued(0, "rmt-command", RUNS_A_PROGRAM),
            valued(b'b', "blocking-factor", &[]),
            valued(b'H', "format", &[]),
            valued(b'K', "starting-file", &[]),
            valued(b'L', "tape-length", &[]),
            valued(b'N', "newer", &[]),
            valued(b'V', "label", &[]),
            valued(0, "owner", &[]),
            valued(0, "group", &[]),
            valued(0, "mode", &[]),
            valued(0, "mtime", &[]),
            valued(0, "strip-components", &[]),
            valued(0, "suffix", &[]),
        ],
    ),
    Program::new(&["unzip"], Operands { access: None, ..Operands::first_then(Reads, Reads) })
        .fills_directory()
        .options(&[
            valued(b'd', "", &[Path(WritesTree)]),
            flag(b'l', "", &[ReadsOnly]),
            flag(b't', "", &[ReadsOnly]),
            flag(b'p', "", &[ReadsOnly]),
            flag(b'c', "", &[ReadsOnly]),
            flag(b'Z', "", &[ReadsOnly]),
            valued(b'x', "", &[]),
            valued(b'P', "", &[]),
        ]),
    Program::new(&["zip"], Operands::first_then(Writes, Reads)).options(&[
        flag(b'm', "move", &[Effect::Operands(Operands::first_then(Writes, WritesTree))]),
        valued(b'b', "temp-path", &[]),
        valued(b'O', "output-file", &[Path(Writes)]),
        valued(b'T', "", &[Code("zip -T can run the command that it is given")]),
        valued(0, "unzip-command", &[Code("zip runs the command that it is given")]),
    ]),
    Program::new(&["gzip", "gunzip"], Operands::all(Writes)).suffixes(&[".gz"]).options(ONLY_READS),
    Program::new(&["bzip2", "bunzip2"], Operands::all(Writes))
        .suffixes(&[".bz2"])
        .options(ONLY_READS),
    Program::new(&["xz", "unxz"], Operands::all(Writes)).suffixes(&[".xz"]).options(ONLY_READS),
    Program::new(&["lzma", "unlzma"], Operands::all(Writes))
        .suffixes(&[".lzma"])
        .options(ONLY_READS),
    Program::new(&["zstd", "unzstd"], Operands::all(Writes)).suffixes(&[".zst"]).options(&[
        flag(b'c', "stdout", &[ReadsOnly]),
        flag(b't', "test", &[ReadsOnly]),
        flag(b'l', "list", &[ReadsOnly]),
        flag(b'r', "", &[Effect::Tree]),
        valued(b'o', "", &[Path(Writes)]),
        valued(b'D', "", &[Path(Reads)]),
        valued(0, "output-dir-flat", &[Path(WritesTree)]),
        valued(0, "filelist", &[Code("the files are named in a file")]),
    ]),
];
