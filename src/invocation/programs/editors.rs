//! Editors. That they can start a shell once they run is for a policy's author to know (lint); what
//! is judged here are the commands that stand on the command line.

use super::super::Access::{Reads, Writes};
use super::super::grammar::{
    Effect::{self, Code, Path},
    Operands, Program, Syntax, flag, valued,
};

const VIM_COMMAND: &[Effect] = &[Code("the editor runs this as a command")];
const VIM_SCRIPT: &[Effect] = &[Path(Reads), Code("the editor runs this script")];
const EMACS_CODE: &[Effect] = &[Code("Emacs runs this as Lisp code")];

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(&["hitl"], Operands::after_text(Writes)).under("edit").options(&[
        valued(0, "content", &[]),
        valued(0, "expect", &[]),
        valued(0, "reason", &[]),
        valued(0, "wait", &[]),
        valued(b'u', "user", &[]),
        valued(b'g', "group", &[]),
        flag(0, "no-wait", &[]),
        flag(0, "json", &[]),
    ]),
    Program::new(
        &[
            "vi",
            "vim",
            "nvim",
            "view",
            "ex",
            "rvim",
            "rview",
            "vimdiff",
            "gvim",
            "vim.basic",
            "vim.tiny",
            "vim.nox",
            "nvi",
        ],
        Operands::all(Writes),
    )
    .syntax(Syntax::PlusCommand)
    .through_links()
    .uncovered("swap and backup files of the editor are not captured")
    .options(&[
        valued(b'c', "cmd", VIM_COMMAND),
        valued(b'S', "", VIM_SCRIPT),
        valued(b's', "", VIM_SCRIPT),
        valued(b'u', "", VIM_SCRIPT),
        valued(b'U', "", VIM_SCRIPT),
        valued(b'l', "", VIM_SCRIPT),
        valued(b'w', "", &[Path(Writes)]),
        valued(b'W', "", &[Path(Writes)]),
        valued(b'i', "", &[Path(Writes)]),
        valued(b'T', "", &[]),
        valued(b't', "", &[]),
        flag(b'q', "", &[]),
    ]),
    Program::new(&["nano", "pico", "rnano"], Operands::all(Writes)).through_links().options(&[
        valued(b's', "speller", &[Code("nano runs its spelling checker")]),
        valued(b'f', "rcfile", &[Path(Reads)]),
        valued(b'C', "backupdir", &[Path(Writes)]),
        valued(b'o', "operatingdir", &[Path(Reads)]),
        valued(b'T', "tabsize", &[]),
        valued(b'r', "fill", &[]),
        valued(b'Y', "syntax", &[]),
        valued(b'X', "wordchars", &[]),
        valued(b'Q', "quotestr", &[]),
    ]),
    Program::new(&["ed", "red"], Operands::all(Writes)).through_links().options(&[valued(
        b'p',
        "prompt",
        &[],
    )]),
    Program::new(&["emacs", "emacs-nox", "emacs-gtk"], Operands::all(Writes))
        .through_links()
        .options(&[
            valued(0, "eval", EMACS_CODE),
            valued(0, "execute", EMACS_CODE),
            valued(b'l', "load", EMACS_CODE),
            valued(b'f', "funcall", EMACS_CODE),
            valued(0, "script", EMACS_CODE),
            valued(b'x', "", EMACS_CODE),
            valued(b'L', "directory", EMACS_CODE),
            valued(0, "insert", &[Path(Reads)]),
            valued(0, "chdir", &[Effect::Directory]),
            valued(b'u', "user", EMACS_CODE),
        ]),
];
