//! Shells and interpreters: a script that is named is a file like others (it is read, and an
//! approval is bound to its content); code on the command line or from standard input cannot be
//! judged.

use super::super::Access::{Reads, Unknown, Writes};
use super::super::grammar::{
    Effect::{
        self, Backup, Code, Directory, NoLeading, OperandIsCode, OperandIsShellLine, Path, Prints,
    },
    Operands, OptionSpec, Program, Syntax, attached, flag, valued,
};
use super::super::scripts::SCRIPT_IN_A_FILE;

/// The script, then what only the script understands.
const SCRIPT: Operands = Operands::first_then(Reads, Unknown);
/// The same under `-i`, which edits every file after the script in place.
const EDITING_SCRIPT: Operands = Operands::first_then(Reads, Writes);

const CODE: &[Effect] = &[NoLeading, Code("the interpreter runs its argument as code")];
const SCRIPT_FILE: &[Effect] = &[NoLeading, Path(Reads), Effect::Doubt(SCRIPT_IN_A_FILE)];
const LIBRARY: &[Effect] = &[Code("the interpreter loads the library that it names")];
const LIBRARIES: &[Effect] = &[Code("the interpreter loads its libraries from there")];
const SETTING: &[Effect] = &[Code("a setting of the interpreter can run code")];
const INTERACTIVE: &[Effect] = &[Code("the interpreter takes code from standard input")];
const INFORMATION: &[Effect] = &[Prints];
const IN_PLACE: &[Effect] = &[Effect::Operands(EDITING_SCRIPT), Backup];

/// The flags of set(1): errexit, nounset, xtrace and the like.
const SHELL_FLAGS: &str = "abefhkmnptuvxBCEHPTr";

const SHELL: &[OptionSpec] = &[
    flag(b'c', "", &[OperandIsShellLine("the shell runs its argument as code")]),
    flag(b's', "", &[NoLeading, Code("the shell takes its commands from standard input")]),
    flag(b'i', "", &[Code("an interactive shell takes commands and runs its start-up files")]),
    flag(b'l', "login", &[]),
    flag(0, "norc", &[]),
    flag(0, "noprofile", &[]),
    flag(0, "posix", &[]),
    flag(0, "verbose", &[]),
    flag(0, "restricted", &[]),
    valued(b'o', "", &[]),
    valued(b'O', "", &[]),
    valued(0, "rcfile", &[Code("the shell runs its start-up file")]),
    valued(0, "init-file", &[Code("the shell runs its start-up file")]),
    flag(0, "version", INFORMATION),
    flag(0, "help", INFORMATION),
];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &[
            "sh", "bash", "rbash", "dash", "ash", "zsh", "rzsh", "ksh", "ksh93", "mksh", "lksh",
            "pdksh", "oksh", "yash", "posh",
        ],
        SCRIPT,
    )
    .syntax(Syntax::Script)
    .only_flags(SHELL_FLAGS)
    .options(SHELL),
    // Their lines are of another grammar.
    Program::new(&["csh", "tcsh", "bsd-csh"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("bdefmnqtvVxX")
        .options(&[
            flag(b'c', "", &[OperandIsCode("the shell runs its argument as code")]),
            flag(b's', "", &[NoLeading, Code("the shell takes its commands from standard input")]),
            flag(b'i', "", INTERACTIVE),
            flag(b'l', "", &[]),
            flag(0, "version", INFORMATION),
            flag(0, "help", INFORMATION),
        ]),
    Program::new(&["fish"], SCRIPT).syntax(Syntax::Script).only_flags("nlPN").options(&[
        valued(b'c', "command", CODE),
        valued(b'C', "init-command", CODE),
        flag(b'i', "interactive", INTERACTIVE),
        valued(b'o', "debug-output", &[Path(Writes)]),
        valued(b'd', "debug", &[]),
        valued(0, "profile", &[Path(Writes)]),
        flag(b'v', "version", INFORMATION),
        flag(b'h', "help", INFORMATION),
    ]),
    Program::new(&["pwsh", "nu", "elvish", "xonsh"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("")
        .options(&[
            valued(b'c', "commands", CODE),
            valued(b'C', "Command", CODE),
            valued(b'e', "execute", CODE),
            valued(b'E', "EncodedCommand", CODE),
            flag(b'i', "interactive", INTERACTIVE),
            flag(0, "version", INFORMATION),
        ]),
    Program::new(&["python", "pypy", "ipython"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("bBdEIOqsStuvxPR")
        .options(&[
            valued(b'c', "", CODE),
            valued(
                b'm',
                "",
                &[NoLeading, Code("Python runs the module that it finds by that name")],
            ),
            flag(b'i', "", INTERACTIVE),
            valued(b'W', "", &[]),
            valued(b'X', "", &[]),
            valued(b'Q', "", &[]),
            valued(0, "check-hash-based-pycs", &[]),
            flag(b'V', "version", INFORMATION),
            flag(b'h', "help", INFORMATION),
        ]),
    Program::new(&["perl"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("aclnpstTuUwWXfg0123456789")
        .options(&[
            valued(b'e', "", CODE),
            valued(b'E', "", CODE),
            attached(b'M', "", LIBRARY),
            attached(b'm', "", LIBRARY),
            attached(b'd', "", LIBRARY),
            valued(b'I', "", LIBRARIES),
            attached(b'i', "", IN_PLACE),
            attached(b'V', "", INFORMATION),
            flag(b'v', "version", INFORMATION),
            flag(b'h', "help", INFORMATION),
            flag(b'S', "", &[Code("perl looks for the script in the caller's PATH")]),
        ]),
    Program::new(&["ruby", "irb"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("aclnpsvwWy0123456789")
        .options(&[
            valued(b'e', "", CODE),
            valued(b'r', "require", LIBRARY),
            valued(b'I', "", LIBRARIES),
            valued(b'C', "", &[Directory]),
            attached(b'i', "", IN_PLACE),
            valued(b'E', "encoding", &[]),
            flag(b'v', "version", INFORMATION),
            flag(b'h', "help", INFORMATION),
            flag(b'S', "", &[Code("ruby looks for the script in the caller's PATH")]),
        ]),
    Program::new(&["node", "nodejs", "tsx", "ts-node"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("c")
        .options(&[
            valued(b'e', "eval", CODE),
            valued(b'p', "print", CODE),
            valued(b'r', "require", LIBRARY),
            valued(0, "import", LIBRARY),
            valued(0, "loader", LIBRARY),
            valued(0, "experimental-loader", LIBRARY),
            valued(0, "env-file", SETTING),
            valued(0, "run", CODE),
            valued(0, "experimental-config-file", SETTING),
            flag(b'i', "interactive", INTERACTIVE),
            valued(b'C', "conditions", &[]),
            flag(b'v', "version", INFORMATION),
            flag(b'h', "help", INFORMATION),
        ]),
    Program::new(&["php", "php-cgi"], SCRIPT).syntax(Syntax::Script).only_flags("nqsw").options(&[
        valued(b'r', "run", CODE),
        valued(b'R', "process-code", CODE),
        valued(b'B', "process-begin", CODE),
        valued(b'E', "process-end", CODE),
        valued(b'F', "process-file", SCRIPT_FILE),
        valued(b'f', "file", SCRIPT_FILE),
        flag(b'a', "interactive", INTERACTIVE),
        valued(b'd', "define", SETTING),
        valued(b'c', "php-ini", SETTING),
        valued(b'z', "zend-extension", LIBRARY),
        valued(b'S', "server", &[NoLeading]),
        valued(b't', "docroot", &[Path(Reads)]),
        flag(b'v', "version", INFORMATION),
        flag(b'i', "info", INFORMATION),
        flag(b'm', "modules", INFORMATION),
        flag(b'h', "help", INFORMATION),
    ]),
    Program::new(&["lua", "luajit", "texlua"], SCRIPT)
        .syntax(Syntax::Script)
        .only_flags("EW")
        .options(&[
            valued(b'e', "", CODE),
            valued(b'l', "", LIBRARY),
            flag(b'i', "", INTERACTIVE),
            flag(b'v', "", INFORMATION),
        ]),
    Program::new(
        &["tclsh", "wish", "expect", "Rscript", "R", "julia", "guile", "sbcl", "octave", "gjs"],
        SCRIPT,
    )
    .syntax(Syntax::Script)
    .only_flags("")
    .options(&[
        valued(b'c', "", CODE),
        valued(b'e', "eval", CODE),
        valued(b'E', "print", CODE),
        valued(b'L', "load", LIBRARY),
        valued(b'l', "", LIBRARY),
        flag(b'i', "interactive", INTERACTIVE),
        flag(0, "version", INFORMATION),
        flag(0, "help", INFORMATION),
    ]),
];
