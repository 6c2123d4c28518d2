//! The wrappers and their options, as their manual pages have them.

use super::super::Access;
use super::super::grammar::{Effect, OptionSpec, attached, flag, valued};

/// A program that runs another command.
pub(super) struct Wrapper {
    pub(super) names: &'static [&'static str],
    pub(super) options: &'static [OptionSpec],
    /// How many words stand before the command: a duration, a mask.
    pub(super) leading: usize,
    pub(super) how: How,
}

/// How the command follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// As words.
    Words,
    /// As words after `NAME=value` ones.
    AfterVariables,
    /// As words, to which others are added.
    Appends,
    /// As one shell line, which the words make up.
    Line,
}

/// The value is the command, as a shell line.
const IS_LINE: &[Effect] = &[Effect::OperandIsShellLine("it runs its argument as shell code")];
/// The value is the directory in which the command runs.
const DIRECTORY: &[Effect] = &[Effect::Directory];
/// The value is a file that the wrapper writes.
const OUTPUT: &[Effect] = &[Effect::Path(Access::Writes)];
/// With this, the command sees other files, or which it is cannot be read.
const ELSEWHERE: &[Effect] = &[Effect::Code("what it starts cannot be read")];

const fn wrapper(
    names: &'static [&'static str],
    how: How,
    leading: usize,
    options: &'static [OptionSpec],
) -> Wrapper {
    Wrapper { names, options, leading, how }
}

pub(super) const WRAPPERS: &[Wrapper] = &[
    wrapper(
        &["env"],
        How::AfterVariables,
        0,
        &[
            valued(b'u', "unset", &[]),
            valued(b'C', "chdir", DIRECTORY),
            valued(b'S', "split-string", IS_LINE),
            attached(0, "block-signal", &[]),
            attached(0, "default-signal", &[]),
            attached(0, "ignore-signal", &[]),
            flag(b'i', "ignore-environment", &[]),
            flag(b'0', "null", &[]),
            flag(b'v', "debug", &[]),
        ],
    ),
    wrapper(&["nice"], How::Words, 0, &[valued(b'n', "adjustment", &[])]),
    wrapper(
        &["ionice"],
        How::Words,
        0,
        &[
            valued(b'c', "class", &[]),
            valued(b'n', "classdata", &[]),
            flag(b't', "ignore", &[]),
            valued(b'p', "pid", ELSEWHERE),
            valued(b'P', "pgid", ELSEWHERE),
            valued(b'u', "uid", ELSEWHERE),
        ],
    ),
    wrapper(
        &["chrt"],
        How::Words,
        1,
        &[
            valued(b'T', "sched-runtime", &[]),
            valued(b'P', "sched-period", &[]),
            valued(b'D', "sched-deadline", &[]),
            flag(b'p', "pid", ELSEWHERE),
        ],
    ),
    wrapper(&["taskset"], How::Words, 1, &[flag(b'p', "pid", ELSEWHERE)]),
    wrapper(&["nohup"], How::Words, 0, &[]),
    wrapper(
        &["setsid"],
        How::Words,
        0,
        &[flag(b'w', "wait", &[]), flag(b'f', "fork", &[]), flag(b'c', "ctty", &[])],
    ),
    wrapper(
        &["stdbuf"],
        How::Words,
        0,
        &[valued(b'i', "input", &[]), valued(b'o', "output", &[]), valued(b'e', "error", &[])],
    ),
    wrapper(
        &["time"],
        How::Words,
        0,
        &[
            valued(b'o', "output", OUTPUT),
            valued(b'f', "format", &[]),
            flag(b'a', "append", &[]),
            flag(b'p', "portability", &[]),
            flag(b'v', "verbose", &[]),
        ],
    ),
    wrapper(
        &["timeout"],
        How::Words,
        1,
        &[
            valued(b's', "signal", &[]),
            valued(b'k', "kill-after", &[]),
            flag(b'v', "verbose", &[]),
            flag(0, "foreground", &[]),
            flag(0, "preserve-status", &[]),
        ],
    ),
    wrapper(&["command", "builtin"], How::Words, 0, &[flag(b'p', "", &[])]),
    wrapper(
        &["exec"],
        How::Words,
        0,
        &[valued(b'a', "", &[]), flag(b'c', "", &[]), flag(b'l', "", &[])],
    ),
    wrapper(
        &["sudo"],
        How::AfterVariables,
        0,
        &[
            valued(b'u', "user", &[]),
            valued(b'g', "group", &[]),
            valued(b'h', "host", &[]),
            valued(b'p', "prompt", &[]),
            valued(b'r', "role", &[]),
            valued(b't', "type", &[]),
            valued(b'C', "close-from", &[]),
            valued(b'T', "command-timeout", &[]),
            valued(b'D', "chdir", DIRECTORY),
            valued(b'R', "chroot", ELSEWHERE),
            flag(b'i', "login", ELSEWHERE),
            flag(b's', "shell", ELSEWHERE),
            flag(b'e', "edit", ELSEWHERE),
            flag(b'n', "non-interactive", &[]),
            flag(b'E', "preserve-env", &[]),
            flag(b'H', "set-home", &[]),
            flag(b'k', "", &[]),
            flag(b'S', "stdin", &[]),
            flag(b'b', "background", &[]),
            flag(b'A', "askpass", &[]),
            flag(b'P', "preserve-groups", &[]),
        ],
    ),
    wrapper(
        &["doas"],
        How::Words,
        0,
        &[
            valued(b'u', "", &[]),
            valued(b'C', "", ELSEWHERE),
            flag(b's', "", ELSEWHERE),
            flag(b'n', "", &[]),
        ],
    ),
    wrapper(
        &["runuser"],
        How::Words,
        0,
        &[
            valued(b'u', "user", &[]),
            valued(b'g', "group", &[]),
            valued(b'G', "supp-group", &[]),
            valued(b'c', "command", IS_LINE),
            flag(b'l', "login", ELSEWHERE),
        ],
    ),
    wrapper(
        &["setpriv"],
        How::Words,
        0,
        &[
            valued(0, "reuid", &[]),
            valued(0, "regid", &[]),
            valued(0, "groups", &[]),
            valued(0, "bounding-set", &[]),
            valued(0, "inh-caps", &[]),
            valued(0, "ambient-caps", &[]),
            flag(0, "clear-groups", &[]),
            flag(0, "keep-groups", &[]),
            flag(0, "init-groups", &[]),
            flag(0, "no-new-privs", &[]),
            flag(0, "reset-env", &[]),
        ],
    ),
    wrapper(&["prlimit"], How::Words, 0, &[valued(b'p', "pid", ELSEWHERE)]),
    wrapper(&["eatmydata", "unbuffer", "fakeroot", "linux32", "linux64"], How::Words, 0, &[]),
    wrapper(
        &["systemd-inhibit"],
        How::Words,
        0,
        &[
            valued(0, "what", &[]),
            valued(0, "who", &[]),
            valued(0, "why", &[]),
            valued(0, "mode", &[]),
        ],
    ),
    wrapper(
        &["flock"],
        How::Words,
        1,
        &[
            valued(b'c', "command", IS_LINE),
            valued(b'w', "timeout", &[]),
            valued(b'E', "conflict-exit-code", &[]),
            flag(b'n', "nonblock", &[]),
            flag(b's', "shared", &[]),
            flag(b'x', "exclusive", &[]),
            flag(b'e', "", &[]),
            flag(b'o', "close", &[]),
            flag(b'F', "no-fork", &[]),
            flag(b'u', "unlock", &[]),
        ],
    ),
    wrapper(
        &["xargs"],
        How::Appends,
        0,
        &[
            valued(b'a', "arg-file", &[]),
            valued(b'd', "delimiter", &[]),
            valued(b'E', "", &[]),
            valued(b'I', "", ELSEWHERE),
            attached(b'i', "replace", ELSEWHERE),
            valued(b'L', "max-lines", &[]),
            valued(b'n', "max-args", &[]),
            valued(b'P', "max-procs", &[]),
            valued(b's', "max-chars", &[]),
            valued(0, "process-slot-var", &[]),
            flag(b'0', "null", &[]),
            flag(b'r', "no-run-if-empty", &[]),
            flag(b't', "verbose", &[]),
            flag(b'p', "interactive", &[]),
            flag(b'x', "exit", &[]),
        ],
    ),
    wrapper(
        &["watch"],
        How::Line,
        0,
        &[
            valued(b'n', "interval", &[]),
            flag(b'd', "differences", &[]),
            flag(b't', "no-title", &[]),
            flag(b'g', "chgexit", &[]),
            flag(b'e', "errexit", &[]),
            flag(b'c', "color", &[]),
            flag(b'x', "exec", &[]),
        ],
    ),
    wrapper(&["eval"], How::Line, 0, &[]),
    wrapper(
        &["strace", "ltrace"],
        How::Words,
        0,
        &[
            valued(b'e', "trace", &[]),
            valued(b'o', "output", OUTPUT),
            valued(b's', "string-limit", &[]),
            valued(b'a', "columns", &[]),
            valued(b'u', "user", &[]),
            valued(b'E', "env", &[]),
            valued(b'P', "trace-path", &[]),
            valued(b'p', "attach", ELSEWHERE),
            flag(b'f', "follow-forks", &[]),
            flag(b'q', "", &[]),
            flag(b'y', "", &[]),
            flag(b't', "", &[]),
            flag(b'T', "", &[]),
            flag(b'c', "", &[]),
            flag(b'v', "", &[]),
        ],
    ),
    wrapper(&["busybox", "toybox"], How::Words, 0, &[]),
];
