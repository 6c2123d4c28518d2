//! The commands inside of others: what wrappers, `find -exec` and shell lines would start, read as
//! if each had been asked for by itself.

use std::path::{Path, PathBuf};

use super::affected::SHELL_ITSELF;
use super::findings::Started;
use super::paths::clean;
use super::reading::{keep_new, one};
use super::shell::{self, Simple, UNKNOWN};
use super::wrappers::FROM_INPUT;
use super::{
    Access, CommandReading, DynamicFragment, ExecutableNames, PathLookup, PathOperand, special,
};
use crate::system::ByteString;

/// Commands inside of commands are followed so deep.
const DEEPEST: usize = 8;
/// So many of them are read.
const MOST: usize = 256;

const TOO_MUCH: &str = "hitl does not follow commands inside of commands any further";

/// What is inside of a command.
pub(super) struct Inside<'a> {
    pub(super) commands: Vec<CommandReading>,
    pub(super) doubts: Vec<DynamicFragment>,
    outermost: &'a ExecutableNames,
    lookup: &'a dyn PathLookup,
}

impl<'a> Inside<'a> {
    pub(super) fn new(outermost: &'a ExecutableNames, lookup: &'a dyn PathLookup) -> Self {
        Self { commands: Vec::new(), doubts: Vec::new(), outermost, lookup }
    }

    /// Reads what is started, and what that starts.
    pub(super) fn follow(
        &mut self,
        starts: &[Started],
        lines: &[(ByteString, PathBuf)],
        depth: usize,
    ) {
        for started in starts {
            self.started(started, depth);
        }
        for (line, directory) in lines {
            if depth >= DEEPEST || self.commands.len() >= MOST {
                self.too_much(line.as_bytes());
                continue;
            }
            let read = shell::read(line.as_bytes(), directory.clone(), self.lookup);
            keep_new(&mut self.doubts, read.doubts);
            for simple in &read.commands {
                self.simple(simple, depth);
            }
        }
    }

    fn started(&mut self, started: &Started, depth: usize) {
        let Some(command) = started.words.first() else { return };
        if depth >= DEEPEST || self.commands.len() >= MOST {
            return self.too_much(command.as_bytes());
        }
        let names = names_of(&started.words, self.outermost, &started.directory);
        let arguments = started.words.get(1..).unwrap_or_default();
        let mut read = one(&names, arguments, &started.directory, self.lookup);
        if started.below {
            for operand in read.command.operands.iter_mut() {
                if operand.access == Access::Writes {
                    operand.access = Access::WritesTree;
                }
            }
        }
        self.commands.push(read.command);
        for words in read.does {
            read.starts.push(Started { words, fed: Vec::new(), ..started.clone() });
        }
        for start in &mut read.starts {
            start.below |= started.below || !started.fed.is_empty();
            start.words.extend(started.fed.iter().cloned());
        }
        if !started.fed.is_empty() {
            read.doubts.retain(|doubt| doubt.reason != FROM_INPUT);
        }
        keep_new(&mut self.doubts, read.doubts);
        self.follow(&read.starts, &read.lines, depth + 1);
    }

    /// A simple command of a shell line, with what the shell itself does for it.
    fn simple(&mut self, simple: &Simple, depth: usize) {
        let before = self.commands.len();
        let mut started = simple.started.clone();
        if let Some(feeding) = &simple.fed_by {
            fed(&mut started, feeding);
        }
        self.started(&started, depth);
        if !simple.written.is_empty() {
            self.redirected(simple);
        }
        let added = self.commands.get_mut(before..).unwrap_or_default();
        for command in added {
            settle(command, simple);
        }
    }

    fn redirected(&mut self, simple: &Simple) {
        let operands = simple.written.iter().map(|text| {
            let path = clean(text.as_path(), &simple.started.directory);
            let real = self.lookup.real(&path);
            PathOperand { text: text.clone(), path, real, access: Access::Writes }
        });
        let operands = operands.filter(|operand| !self.lookup.is_special(&operand.path)).collect();
        let typed = ByteString::from(SHELL_ITSELF.to_vec());
        let names = ExecutableNames { typed, named: Vec::new(), real: None };
        self.commands.push(CommandReading {
            names,
            arguments: simple.written.clone(),
            operands,
            wraps: false,
        });
    }

    fn too_much(&mut self, fragment: &[u8]) {
        let fragment = ByteString::from(shell::shown(fragment));
        keep_new(&mut self.doubts, [DynamicFragment { fragment, reason: TOO_MUCH.to_owned() }]);
    }
}

/// The names of a command inside of another: a bare word is taken for a program that stands beside
/// the outer one.
pub(super) fn names_of(
    words: &[ByteString],
    outer: &ExecutableNames,
    directory: &Path,
) -> ExecutableNames {
    let typed = words.first().cloned().unwrap_or_default();
    let named = if typed.as_bytes().contains(&b'/') {
        vec![clean(typed.as_path(), directory)]
    } else {
        let places = outer.named.iter().filter_map(|path| path.parent());
        places.map(|place| place.join(typed.as_path())).collect()
    };
    ExecutableNames { typed, named, real: None }
}

/// `find d -name x | xargs rm`: what xargs is given lies below where find starts.
fn fed(started: &mut Started, feeding: &[ByteString]) {
    let is = |words: &[ByteString], name: &[u8]| {
        words.first().is_some_and(|word| {
            word.as_path().file_name().is_some_and(|last| last.as_encoded_bytes() == name)
        })
    };
    if !is(&started.words, b"xargs") || !is(feeding, b"find") {
        return;
    }
    let Some(starts) = special::starts_of_find(feeding.get(1..).unwrap_or_default()) else {
        return;
    };
    started.fed = starts;
}

/// Takes out what is not known, and makes patterns of what the shell takes for patterns.
fn settle(command: &mut CommandReading, simple: &Simple) {
    command.operands.retain(|operand| {
        let known = !operand.path.as_os_str().as_encoded_bytes().contains(&UNKNOWN);
        known && (simple.directory_known || operand.text.as_path().is_absolute())
    });
    if simple.has_patterns {
        for operand in &mut command.operands {
            let bytes = operand.path.as_os_str().as_encoded_bytes();
            let is_pattern = bytes.iter().any(|byte| b"*?[{\\".contains(byte));
            if is_pattern && operand.access != Access::Reads {
                operand.access = Access::WritesMatching;
            }
        }
    }
    for argument in &mut command.arguments {
        if argument.as_bytes().contains(&UNKNOWN) {
            *argument = ByteString::from(shell::shown(argument.as_bytes()));
        }
    }
}
