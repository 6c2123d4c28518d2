//! How programs that run another command are written: where that command begins in their
//! arguments, so that it can be read as well.
//!
//! A wrapper is dynamic whether or not it is opened here. What is not in this table, or is written
//! in another way, is not opened, and what it starts is said not to be known.

use std::path::Path;

use super::findings::Started;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, OptionSpec, attached, flag, valued};
use super::paths::clean;
use super::{Access, DynamicFragment, shell};
use crate::system::ByteString;

/// Of what is added to a command's operands.
pub(super) const FROM_INPUT: &str = "it is given its operands on standard input";

/// What was found inside.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) started: Option<Started>,
    /// A shell line in place of a command.
    pub(super) line: Option<ByteString>,
    /// Files that the wrapper writes itself.
    pub(super) written: Vec<ByteString>,
    pub(super) doubts: Vec<DynamicFragment>,
}

struct Wrapper {
    names: &'static [&'static str],
    options: &'static [OptionSpec],
    /// How many words stand before the command: a duration, a mask.
    leading: usize,
    how: How,
}

/// How the command follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
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

const WRAPPERS: &[Wrapper] = &[
    wrapper(&["env"], How::AfterVariables, 0, &[
        valued(b'u', "unset", &[]),
        valued(b'C', "chdir", DIRECTORY),
        valued(b'S', "split-string", IS_LINE),
        attached(0, "block-signal", &[]),
        attached(0, "default-signal", &[]),
        attached(0, "ignore-signal", &[]),
        flag(b'i', "ignore-environment", &[]),
        flag(b'0', "null", &[]),
        flag(b'v', "debug", &[]),
    ]),
    wrapper(&["nice"], How::Words, 0, &[valued(b'n', "adjustment", &[])]),
    wrapper(&["ionice"], How::Words, 0, &[
        valued(b'c', "class", &[]),
        valued(b'n', "classdata", &[]),
        flag(b't', "ignore", &[]),
        valued(b'p', "pid", ELSEWHERE),
        valued(b'P', "pgid", ELSEWHERE),
        valued(b'u', "uid", ELSEWHERE),
    ]),
    wrapper(&["chrt"], How::Words, 1, &[
        valued(b'T', "sched-runtime", &[]),
        valued(b'P', "sched-period", &[]),
        valued(b'D', "sched-deadline", &[]),
        flag(b'p', "pid", ELSEWHERE),
    ]),
    wrapper(&["taskset"], How::Words, 1, &[flag(b'p', "pid", ELSEWHERE)]),
    wrapper(&["nohup"], How::Words, 0, &[]),
    wrapper(&["setsid"], How::Words, 0, &[flag(b'w', "wait", &[]), flag(b'f', "fork", &[]), flag(b'c', "ctty", &[])]),
    wrapper(&["stdbuf"], How::Words, 0, &[
        valued(b'i', "input", &[]),
        valued(b'o', "output", &[]),
        valued(b'e', "error", &[]),
    ]),
    wrapper(&["time"], How::Words, 0, &[
        valued(b'o', "output", OUTPUT),
        valued(b'f', "format", &[]),
        flag(b'a', "append", &[]),
        flag(b'p', "portability", &[]),
        flag(b'v', "verbose", &[]),
    ]),
    wrapper(&["timeout"], How::Words, 1, &[
        valued(b's', "signal", &[]),
        valued(b'k', "kill-after", &[]),
        flag(b'v', "verbose", &[]),
        flag(0, "foreground", &[]),
        flag(0, "preserve-status", &[]),
    ]),
    wrapper(&["command", "builtin"], How::Words, 0, &[flag(b'p', "", &[])]),
    wrapper(&["exec"], How::Words, 0, &[valued(b'a', "", &[]), flag(b'c', "", &[]), flag(b'l', "", &[])]),
    wrapper(&["sudo"], How::AfterVariables, 0, &[
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
    ]),
    wrapper(&["doas"], How::Words, 0, &[
        valued(b'u', "", &[]),
        valued(b'C', "", ELSEWHERE),
        flag(b's', "", ELSEWHERE),
        flag(b'n', "", &[]),
    ]),
    wrapper(&["runuser"], How::Words, 0, &[
        valued(b'u', "user", &[]),
        valued(b'g', "group", &[]),
        valued(b'G', "supp-group", &[]),
        valued(b'c', "command", IS_LINE),
        flag(b'l', "login", ELSEWHERE),
    ]),
    wrapper(&["setpriv"], How::Words, 0, &[
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
    ]),
    wrapper(&["prlimit"], How::Words, 0, &[valued(b'p', "pid", ELSEWHERE)]),
    wrapper(&["eatmydata", "unbuffer", "fakeroot", "linux32", "linux64"], How::Words, 0, &[]),
    wrapper(&["systemd-inhibit"], How::Words, 0, &[
        valued(0, "what", &[]),
        valued(0, "who", &[]),
        valued(0, "why", &[]),
        valued(0, "mode", &[]),
    ]),
    wrapper(&["flock"], How::Words, 1, &[
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
    ]),
    wrapper(&["xargs"], How::Appends, 0, &[
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
    ]),
    wrapper(&["watch"], How::Line, 0, &[
        valued(b'n', "interval", &[]),
        flag(b'd', "differences", &[]),
        flag(b't', "no-title", &[]),
        flag(b'g', "chgexit", &[]),
        flag(b'e', "errexit", &[]),
        flag(b'c', "color", &[]),
        flag(b'x', "exec", &[]),
    ]),
    wrapper(&["eval"], How::Line, 0, &[]),
    wrapper(&["strace", "ltrace"], How::Words, 0, &[
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
    ]),
    wrapper(&["busybox", "toybox"], How::Words, 0, &[]),
];

/// Opens a wrapper: the command that it starts, where that can be read.
pub(super) fn open(name: &[u8], arguments: &[ByteString], directory: &Path) -> Option<Opened> {
    let wrapper =
        WRAPPERS.iter().find(|wrapper| wrapper.names.iter().any(|known| known.as_bytes() == name))?;
    let cutting = Cutting { options_first: true, bundled: false };
    let mut opened = Opened::default();
    let mut directory = directory.to_owned();
    let mut words: Vec<&[u8]> = Vec::new();
    for piece in cut(arguments, wrapper.options, cutting) {
        match piece {
            Piece::Operand(word) => words.push(word),
            // `nice -5` is no option that takes the command for its value.
            Piece::Unknown(name) if name.iter().all(u8::is_ascii_digit) => {}
            // It may take the command's first word for its value.
            Piece::Unknown(_) => return None,
            Piece::Option(option, value) => {
                for effect in option.effects {
                    match effect {
                        Effect::Directory => {
                            let text = ByteString::from(value.unwrap_or_default().to_vec());
                            directory = clean(text.as_path(), &directory);
                        }
                        Effect::Path(_) => {
                            opened.written.push(ByteString::from(value.unwrap_or_default().to_vec()));
                        }
                        Effect::OperandIsShellLine(_) => {
                            opened.line = value.map(|line| ByteString::from(line.to_vec()));
                        }
                        _ => return None,
                    }
                }
            }
        }
    }
    if name == b"flock" {
        // The lock is made where it is not there.
        opened.written.extend(words.first().map(|lock| ByteString::from(lock.to_vec())));
    }
    let mut skipped = wrapper.leading;
    let mut words = words.into_iter().skip_while(|word| {
        let leading = skipped > 0;
        skipped = skipped.saturating_sub(1);
        leading || (wrapper.how == How::AfterVariables && word.contains(&b'='))
    });
    if opened.line.is_some() {
        // `env -S "a b" c`: more words follow those of the line.
        return words.next().is_none_or(|_| name == b"flock").then_some(opened);
    }
    let words: Vec<&[u8]> = words.collect();
    if let ([b"-c" | b"--command", line], b"flock") = (words.as_slice(), name) {
        opened.line = Some(ByteString::from(line.to_vec()));
        return Some(opened);
    }
    if words.is_empty() {
        return None;
    }
    match wrapper.how {
        How::Line => opened.line = Some(ByteString::from(words.join(b" ".as_slice()))),
        how => {
            if how == How::Appends {
                opened.doubts.push(DynamicFragment {
                    fragment: ByteString::from(shell::shown(&words.join(b" ".as_slice()))),
                    reason: FROM_INPUT.to_owned(),
                });
            }
            let words = words.into_iter().map(|word| ByteString::from(word.to_vec())).collect();
            opened.started = Some(Started { words, directory, below: false, fed: Vec::new() });
        }
    }
    Some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(line: &str) -> Option<String> {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let arguments: Vec<_> = words.map(ByteString::from).collect();
        let opened = open(name.as_bytes(), &arguments, Path::new("/w"))?;
        let words = opened.started.map(|started| {
            let words: Vec<_> =
                started.words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            format!("{}: {}", started.directory.display(), words.join(" "))
        });
        let line = opened.line.map(|line| format!("line: {}", line.as_str().unwrap()));
        words.or(line)
    }

    #[test]
    fn a_wrapper_is_opened_where_its_command_surely_begins() {
        for (line, inside) in [
            ("env A=1 rm -rf x", Some("/w: rm -rf x")),
            ("env -i -C /d -u A rm x", Some("/d: rm x")),
            ("env -S rm", Some("line: rm")),
            ("nice -n 5 rm x", Some("/w: rm x")),
            ("nice -5 rm x", Some("/w: rm x")),
            ("timeout -k 5 10 rm x", Some("/w: rm x")),
            ("timeout --signal=KILL 10 rm x", Some("/w: rm x")),
            ("sudo -u www-data A=1 rm x", Some("/w: rm x")),
            ("sudo -i rm x", None),
            ("sudo --unknown rm x", None),
            ("flock /run/lock rm x", Some("/w: rm x")),
            ("flock /run/lock -c rm", Some("line: rm")),
            ("flock -c rm /run/lock", Some("line: rm")),
            ("xargs -0 -n 1 rm -f", Some("/w: rm -f")),
            ("xargs -I X rm X", None),
            ("watch -n 1 rm x", Some("line: rm x")),
            ("ssh host rm x", None),
            ("busybox rm x", Some("/w: rm x")),
        ] {
            assert_eq!(opened(line).as_deref(), inside, "{line}");
        }
    }
}
