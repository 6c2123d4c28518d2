//! From arguments to a [`Reading`]: the commands that would be started, their path operands, and
//! the fragments that cannot be judged.

use std::path::{Path, PathBuf};

use super::arguments::read_known;
use super::findings::{Findings, Started};
use super::inner::{self, Inside};
use super::paths::{Imagined, clean};
use super::unknown::read_unknown;
use super::{
    Access, CommandReading, DynamicFragment, ExecutableNames, PathLookup, Reading, names, own,
    runners, wrappers,
};
use crate::system::ByteString;

/// Reads a command's arguments (the command itself first), as far as they can be read.
///
/// A pure function: what paths lead to is asked of `paths` only.
pub fn read(
    argv: &[ByteString],
    executable: &ExecutableNames,
    directory: &Path,
    paths: &dyn PathLookup,
) -> Reading {
    let arguments = argv.get(1..).unwrap_or_default();
    let mut reading = Reading::default();
    for argument in argv.iter().filter(|argument| holds_control(argument)) {
        reading.dynamic.push(with_control(argument));
    }
    let one = one(executable, arguments, directory, paths);
    keep_new(&mut reading.dynamic, one.dynamic);
    keep_new(&mut reading.doubts, one.doubts);
    reading.commands.push(one.command);
    // What it does is what other programs do: it is judged like them, too.
    for words in &one.does {
        let names = inner::names_of(words, executable, directory);
        let does = self::one(&names, words.get(1..).unwrap_or_default(), directory, paths);
        keep_new(&mut reading.doubts, does.doubts);
        reading.commands.push(does.command);
    }
    let mut inside = Inside::new(executable, paths);
    inside.follow(&one.starts, &one.lines, 0);
    keep_new(&mut reading.doubts, inside.doubts);
    reading.inner = inside.commands;
    reading
}

/// What one command's arguments say.
pub(super) struct One {
    pub(super) command: CommandReading,
    pub(super) dynamic: Vec<DynamicFragment>,
    pub(super) doubts: Vec<DynamicFragment>,
    /// Commands that do the same as part of what it does.
    pub(super) does: Vec<Vec<ByteString>>,
    /// Commands that it starts.
    pub(super) starts: Vec<Started>,
    /// Shell lines that it runs, each with its directory.
    pub(super) lines: Vec<(ByteString, PathBuf)>,
}

/// Reads one command by all its names.
pub(super) fn one(
    executable: &ExecutableNames,
    arguments: &[ByteString],
    directory: &Path,
    paths: &dyn PathLookup,
) -> One {
    let mut dynamic = Vec::new();
    let mut doubts = Vec::new();
    let (mut does, mut starts, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let mut wraps = false;
    let mut by_wrapper = Vec::new();
    for name in names::candidates(executable) {
        // All that it starts is itself.
        if name == b"hitl" && own::is_edit(executable, arguments) {
            continue;
        }
        let Some(fragment) = runners::examine(name, arguments) else { continue };
        match wrappers::open(name, arguments, directory) {
            Some(opened) => {
                wraps = true;
                keep_new(&mut doubts, opened.doubts);
                starts.extend(opened.started);
                by_wrapper.extend(opened.written);
                lines.extend(opened.line.map(|line| (line, directory.to_owned())));
            }
            None => keep_new(&mut doubts, [fragment.clone()]),
        }
        keep_new(&mut dynamic, [fragment]);
    }
    // Whatever the file really is decides which arguments are paths; what any of its names stands
    // for can make it dynamic.
    let mut operands = None;
    for program in names::known(executable, arguments) {
        let findings = read_known(program, arguments, directory, paths);
        keep_new(&mut dynamic, findings.dynamic);
        keep_new(&mut doubts, findings.doubts);
        does.extend(findings.does);
        starts.extend(findings.starts);
        lines.extend(findings.lines);
        operands.get_or_insert(findings.operands);
    }
    let mut operands =
        operands.unwrap_or_else(|| read_unknown(arguments, directory, paths).operands);
    let mut findings = Findings::new(directory, paths);
    by_wrapper.iter().for_each(|file| findings.push(file.as_bytes(), Access::Writes));
    operands.append(&mut findings.operands);
    let arguments = own::as_judged(executable, arguments);
    let command = CommandReading { names: executable.clone(), arguments, operands, wraps };
    One { command, dynamic, doubts, does, starts, lines }
}

/// Reads a command for a policy's examples and tests, which must mean the same on every host: the
/// machine is not asked. A bare word could be in every directory of `search`.
pub fn imagine(argv: &[ByteString], directory: &Path, search: &[PathBuf]) -> Reading {
    let typed = argv.first().cloned().unwrap_or_default();
    let named = if typed.as_bytes().contains(&b'/') {
        vec![clean(typed.as_path(), directory)]
    } else {
        search.iter().map(|place| place.join(typed.as_path())).collect()
    };
    read(argv, &ExecutableNames { typed, named, real: None }, directory, &Imagined)
}

pub(super) fn keep_new(
    all: &mut Vec<DynamicFragment>,
    more: impl IntoIterator<Item = DynamicFragment>,
) {
    for fragment in more {
        if !all.contains(&fragment) {
            all.push(fragment);
        }
    }
}

/// Control characters in an argument can make a reviewer read another command than the one that
/// runs, and separate commands for whatever splits text into lines.
fn holds_control(argument: &ByteString) -> bool {
    argument.as_bytes().utf8_chunks().any(|chunk| chunk.valid().chars().any(char::is_control))
}

fn with_control(argument: &ByteString) -> DynamicFragment {
    DynamicFragment { fragment: argument.clone(), reason: "it holds control characters".to_owned() }
}

#[cfg(test)]
mod tests;
