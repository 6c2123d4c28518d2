//! Programs that only read the files they are given, or are given none.

use super::super::Access::{Reads, Writes};
use super::super::grammar::{
    Effect::{self, Backup, Code, NoLeading, Path, Script, When},
    Operands, Program, Syntax, attached, flag, valued,
};
use super::super::scripts;

const PATTERN_OPTION: &[Effect] = &[NoLeading];
const PATTERN_FILE: &[Effect] = &[NoLeading, Path(Reads)];
const AWK_FILE: &[Effect] = &[NoLeading, Path(Reads), Effect::Doubt(scripts::SCRIPT_IN_A_FILE)];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &[
            "cat",
            "tac",
            "nl",
            "ls",
            "dir",
            "vdir",
            "stat",
            "wc",
            "readlink",
            "realpath",
            "test",
            "md5sum",
            "sha1sum",
            "sha224sum",
            "sha256sum",
            "sha384sum",
            "sha512sum",
            "b2sum",
            "cksum",
            "sum",
            "cmp",
            "diff",
            "comm",
            "paste",
            "rev",
            "strings",
            "hexdump",
            "od",
            "zcat",
            "xzcat",
            "bzcat",
            "zstdcat",
            "getfacl",
            "getfattr",
            "lsattr",
            "namei",
            "pwd",
            "cd",
            "[",
        ],
        Operands::all(Reads),
    )
    .options(&[
        // The letters that take values differ between these programs; a value taken for a path
        // that is read does no harm, so only what all of them share is here.
        valued(0, "format", &[]),
        valued(0, "printf", &[]),
        valued(0, "exclude-from", &[Path(Reads)]),
        valued(0, "files0-from", &[Path(Reads)]),
    ]),
    Program::new(&["tree"], Operands::all(Reads)).options(&[
        valued(b'o', "", &[Path(Writes)]),
        valued(b'L', "", &[]),
        valued(b'P', "", &[]),
        valued(b'I', "", &[]),
    ]),
    Program::new(&["head", "tail"], Operands::all(Reads)).options(&[
        valued(b'n', "lines", &[]),
        valued(b'c', "bytes", &[]),
        valued(b's', "sleep-interval", &[]),
        valued(0, "pid", &[]),
    ]),
    Program::new(&["cut", "expand", "unexpand", "fold", "fmt", "column"], Operands::all(Reads))
        .options(&[
            valued(b'd', "delimiter", &[]),
            valued(b'f', "fields", &[]),
            valued(b'c', "characters", &[]),
            valued(b'b', "bytes", &[]),
            valued(b'w', "width", &[]),
            valued(0, "output-delimiter", &[]),
        ]),
    Program::new(&["du", "df"], Operands::all(Reads)).options(&[
        valued(b'd', "max-depth", &[]),
        valued(b'B', "block-size", &[]),
        valued(b't', "threshold", &[]),
        valued(b'X', "exclude-from", &[Path(Reads)]),
        valued(0, "exclude", &[]),
        valued(0, "files0-from", &[Path(Reads)]),
    ]),
    Program::new(&["file"], Operands::all(Reads)).options(&[
        valued(b'm', "magic-file", &[Path(Reads)]),
        valued(b'f', "files-from", &[Path(Reads)]),
        valued(b'F', "separator", &[]),
        flag(b'C', "compile", &[Effect::FillsDirectory]),
    ]),
    Program::new(&["grep", "egrep", "fgrep", "zgrep"], Operands::after_text(Reads)).options(&[
        valued(b'e', "regexp", PATTERN_OPTION),
        valued(b'f', "file", PATTERN_FILE),
        valued(b'm', "max-count", &[]),
        valued(b'A', "after-context", &[]),
        valued(b'B', "before-context", &[]),
        valued(b'C', "context", &[]),
        valued(b'd', "directories", &[]),
        valued(b'D', "devices", &[]),
        valued(0, "label", &[]),
        valued(0, "include", &[]),
        valued(0, "exclude", &[]),
        valued(0, "exclude-from", &[Path(Reads)]),
        valued(0, "exclude-dir", &[]),
        valued(0, "binary-files", &[]),
    ]),
    Program::new(&["rg"], Operands::after_text(Reads)).options(&[
        valued(b'e', "regexp", PATTERN_OPTION),
        valued(b'f', "file", PATTERN_FILE),
        valued(b'g', "glob", &[]),
        valued(b't', "type", &[]),
        valued(b'T', "type-not", &[]),
        valued(b'm', "max-count", &[]),
        valued(b'A', "after-context", &[]),
        valued(b'B', "before-context", &[]),
        valued(b'C', "context", &[]),
        valued(b'r', "replace", &[]),
        flag(0, "files", &[NoLeading]),
        valued(0, "pre", &[Code("rg runs its preprocessor")]),
        valued(0, "hostname-bin", &[Code("rg runs the program that it names")]),
    ]),
    Program::new(&["sed", "gsed"], Operands::after_script(scripts::sed, Reads)).options(&[
        attached(b'i', "in-place", &[Effect::Operands(EDITED), Backup]),
        valued(b'e', "expression", &[NoLeading, Script(scripts::sed)]),
        valued(b'f', "file", &[NoLeading, Path(Reads), Code(SED_FILE)]),
        valued(b'l', "line-length", &[]),
    ]),
    Program::new(
        &["awk", "gawk", "mawk", "nawk", "original-awk"],
        Operands::after_script(scripts::awk, Reads),
    )
    // Options end where the program text stands: what follows is the program's own.
    .syntax(Syntax::OptionsFirst)
    .only_flags("bcghkMnNOPrsStV")
    .options(&[
        valued(b'F', "field-separator", &[]),
        valued(b'v', "assign", &[]),
        valued(b'f', "file", AWK_FILE),
        valued(b'E', "exec", AWK_FILE),
        valued(b'e', "source", &[NoLeading, Script(scripts::awk)]),
        valued(
            b'i',
            "include",
            &[
                Code("awk loads the library that it names"),
                When("inplace", &[Effect::Operands(EDITED_BY_AWK)]),
                When("/usr/share/awk/inplace.awk", &[Effect::Operands(EDITED_BY_AWK)]),
            ],
        ),
        valued(b'l', "load", &[Code("awk loads the extension that it names")]),
        attached(b'o', "pretty-print", &[Path(Writes)]),
        attached(b'p', "profile", &[Path(Writes)]),
        attached(b'd', "dump-variables", &[Path(Writes)]),
        flag(b'W', "", &[Code("awk -W takes options that hitl does not read")]),
        attached(b'D', "debug", &[Code("the awk debugger takes commands")]),
    ]),
    Program::new(&["less", "more", "most", "zless"], Operands::all(Reads))
        .syntax(Syntax::PlusCommand)
        .options(&[
            valued(b'o', "log-file", &[Path(Writes)]),
            valued(b'O', "LOG-FILE", &[Path(Writes)]),
            valued(b'k', "lesskey-file", &[Path(Reads)]),
            valued(0, "lesskey-src", &[Code("less can be given commands by a key file")]),
            valued(0, "lesskey-content", &[Code("less can be given commands by its keys")]),
            valued(b'p', "pattern", &[]),
            valued(b't', "tag", &[]),
            valued(b'T', "tag-file", &[Path(Reads)]),
        ]),
    Program::new(&["yq"], Operands::after_text(Reads)).through_links().options(&[
        flag(b'i', "inplace", &[Effect::Operands(Operands::all(Writes))]),
        flag(0, "in-place", &[Effect::Operands(Operands::all(Writes))]),
        valued(0, "from-file", PATTERN_FILE),
        valued(b'p', "input-format", &[]),
        valued(b'o', "output-format", &[]),
        valued(
            b's',
            "split-exp",
            &[Effect::Doubt("yq makes a file of each document"), Effect::FillsDirectory],
        ),
        valued(b'I', "indent", &[]),
    ]),
    Program::new(&["jq"], Operands::after_text(Reads))
        .options(&[valued(b'f', "from-file", PATTERN_FILE), valued(b'L', "", &[Path(Reads)])]),
    Program::new(
        &[
            "true", "false", "echo", "printf", "sleep", "seq", "yes", "id", "whoami", "groups",
            "who", "w", "last", "uptime", "uname", "arch", "nproc", "printenv", "tty", "ps", "top",
            "free", "vmstat", "lscpu", "lsblk", "lspci", "lsusb", "getent", "basename", "dirname",
            "expr", "cal", "pgrep", "pidof", "which", "whereis", "getconf", "logname", "locale",
        ],
        Operands::NONE,
    ),
];

const EDITED_BY_AWK: Operands = Operands::after_script(scripts::awk, Writes);
const EDITED: Operands = Operands::after_script(scripts::sed, Writes);
const SED_FILE: &str = "the sed script stands in a file, and sed scripts can run commands";
