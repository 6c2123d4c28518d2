//! Version control.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{Code, Directory, Path},
    Operands, Program, Syntax, valued,
};

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(&["git"], Operands::NONE).syntax(Syntax::Git).options(&[
        valued(b'C', "", &[Directory]),
        valued(b'c', "", &[Code("a git setting can run commands")]),
        valued(0, "config-env", &[Code("a git setting can run commands")]),
        valued(0, "exec-path", &[Code("git runs its parts from that directory")]),
        valued(0, "git-dir", &[Path(WritesTree)]),
        valued(0, "work-tree", &[Path(WritesTree)]),
        valued(0, "namespace", &[]),
    ]),
    Program::new(&["hg"], Operands::NONE).syntax(Syntax::WorkCopy(".hg")).options(&[
        valued(b'R', "repository", &[Directory]),
        valued(0, "cwd", &[Directory]),
        valued(0, "config", &[Code("a Mercurial setting can run commands")]),
        valued(b'm', "message", &[]),
        valued(b'u', "user", &[]),
        valued(b'r', "rev", &[]),
        valued(b'l', "logfile", &[Path(Reads)]),
        valued(b'o', "output", &[Path(Writes)]),
        valued(b'e', "ssh", &[Code("Mercurial runs its remote shell as a command")]),
    ]),
    Program::new(&["svn"], Operands::NONE).syntax(Syntax::WorkCopy(".svn")).options(&[
        valued(b'm', "message", &[]),
        valued(b'r', "revision", &[]),
        valued(b'F', "file", &[Path(Reads)]),
        valued(0, "config-option", &[Code("a Subversion setting can run commands")]),
        valued(0, "config-dir", &[Path(Writes), Code("a Subversion setting can run commands")]),
        valued(0, "diff-cmd", &[Code("svn runs the command that it names")]),
        valued(0, "diff3-cmd", &[Code("svn runs the command that it names")]),
        valued(0, "editor-cmd", &[Code("svn runs the command that it names")]),
        valued(0, "username", &[]),
        valued(0, "password", &[]),
        valued(0, "depth", &[]),
        valued(0, "set-depth", &[]),
        valued(0, "changelist", &[]),
    ]),
];
