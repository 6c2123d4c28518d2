//! Archives and compression.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{
        self, Archive, Code, Directory, Doubt, FillsDirectory, Path, ReadsOnly, Suffix, When,
        WritesArchive,
    },
    Operands, OptionSpec, Program, Syntax, attached, flag, valued,
};
use super::super::other_archives;

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
            attached(0, "one-top-level", &[Path(WritesTree), FillsDirectory]),
            valued(0, "strip-components", &[]),
            valued(0, "suffix", &[]),
        ],
    ),
    Program::new(&["unzip"], Operands::only_first(Reads)).fills_directory().options(&[
        valued(b'd', "", &[Path(WritesTree)]),
        flag(b'l', "", &[ReadsOnly]),
        flag(b't', "", &[ReadsOnly]),
        flag(b'p', "", &[ReadsOnly]),
        flag(b'c', "", &[ReadsOnly]),
        flag(b'v', "", &[ReadsOnly]),
        flag(b'z', "", &[ReadsOnly]),
        flag(b'Z', "", &[ReadsOnly]),
        flag(b'T', "", &[Doubt("unzip -T dates the archive")]),
        // An archive may then name places above the directory.
        flag(b':', "", &[Code("unzip writes wherever the archive says")]),
        valued(b'x', "", &[]),
        valued(b'P', "", &[]),
    ]),
    // zip adds its suffix to a name without one.
    Program::new(&["zip"], Operands::first_then(Writes, Reads)).suffixes(&[".zip"]).options(&[
        flag(b'm', "move", &[Effect::Operands(Operands::first_then(Writes, WritesTree))]),
        valued(b'b', "temp-path", &[]),
        valued(b'O', "output-file", &[Path(Writes)]),
        flag(b'T', "test", &[]),
        valued(0, "unzip-command", &[Code("zip runs the command that it is given")]),
        valued(b'n', "suffixes", &[]),
        valued(b'P', "password", &[]),
        valued(b's', "split-size", &[Doubt("zip makes several files of the archive")]),
    ]),
    Program::new(&["7z", "7za", "7zr", "7zz"], Operands::NONE)
        .syntax(Syntax::Subcommands(other_archives::seven_zip)),
    Program::new(&["ar"], Operands::NONE).syntax(Syntax::Ar),
    Program::new(&["cpio"], Operands::NONE)
        .syntax(Syntax::Subcommands(other_archives::cpio))
        .options(&[
            flag(b'i', "extract", &[]),
            flag(b'o', "create", &[]),
            flag(b'p', "pass-through", &[]),
            flag(b't', "list", &[]),
            valued(b'F', "file", &[]),
            valued(b'O', "", &[]),
            valued(b'I', "", &[Path(Reads)]),
            valued(b'D', "directory", &[Directory]),
            valued(b'H', "format", &[]),
            valued(b'R', "owner", &[]),
            valued(b'E', "pattern-file", &[Path(Reads)]),
            valued(b'C', "io-size", &[]),
            valued(b'M', "message", &[]),
            flag(0, "to-stdout", &[]),
            flag(0, "only-verify-crc", &[]),
            valued(0, "rsh-command", &[Code("cpio runs the command that it is given")]),
        ]),
    Program::new(&["gzip", "gunzip", "compress", "uncompress"], Operands::all(Writes))
        .suffixes(&[".gz", ".Z"])
        .replaced(&[(".tgz", ".tar"), (".taz", ".tar")])
        .options(ONLY_READS),
    Program::new(&["bzip2", "bunzip2"], Operands::all(Writes))
        .suffixes(&[".bz2"])
        .replaced(&[(".tbz2", ".tar"), (".tbz", ".tar"), (".bz", "")])
        .options(ONLY_READS),
    Program::new(&["xz", "unxz", "lzma", "unlzma"], Operands::all(Writes))
        .suffixes(&[".xz", ".lzma"])
        .replaced(&[(".txz", ".tar"), (".tlz", ".tar")])
        .options(ONLY_READS),
    Program::new(&["zstd", "unzstd", "zstdmt"], Operands::all(Writes))
        .suffixes(&[".zst"])
        .replaced(&[
            (".tzst", ".tar"),
            (".gz", ""),
            (".xz", ""),
            (".lzma", ""),
            (".lz4", ""),
            (".tgz", ".tar"),
        ])
        .options(&[
            flag(b'c', "stdout", &[ReadsOnly]),
            flag(b't', "test", &[ReadsOnly]),
            flag(b'l', "list", &[ReadsOnly]),
            flag(b'r', "", &[Effect::Tree]),
            valued(b'o', "", &[Path(Writes)]),
            valued(b'D', "", &[Path(Reads)]),
            valued(0, "output-dir-flat", &[Path(WritesTree)]),
            valued(0, "output-dir-mirror", &[Path(WritesTree)]),
            valued(0, "filelist", &[Code("the files are named in a file")]),
            attached(
                0,
                "format",
                &[
                    When("gzip", &[Suffix(".gz")]),
                    When("xz", &[Suffix(".xz")]),
                    When("lzma", &[Suffix(".lzma")]),
                    When("lz4", &[Suffix(".lz4")]),
                ],
            ),
            flag(
                0,
                "train",
                &[Doubt("zstd makes a dictionary, in the current directory by default")],
            ),
        ]),
    // The second operand is the output; with -m there are many inputs.
    Program::new(&["lz4", "unlz4"], Operands::all(Writes)).suffixes(&[".lz4"]).options(&[
        flag(b'c', "stdout", &[ReadsOnly]),
        flag(b't', "test", &[ReadsOnly]),
        flag(0, "list", &[ReadsOnly]),
        flag(b'r', "", &[Effect::Tree]),
        valued(b'D', "", &[Path(Reads)]),
    ]),
];
