//! From arguments to a [`Reading`]: the commands that would be started, their path operands, and
//! the fragments that cannot be judged.

use std::path::{Path, PathBuf};

use super::arguments::{read_known, read_unknown};
use super::paths::{Imagined, clean};
use super::{
    CommandReading, DynamicFragment, ExecutableNames, PathLookup, Reading, names, own, runners,
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
    let mut dynamic: Vec<DynamicFragment> =
        argv.iter().filter(|argument| holds_control(argument)).map(with_control).collect();
    for name in names::candidates(executable) {
        // All that it starts is itself.
        if name == b"hitl" && own::is_edit(executable, arguments) {
            continue;
        }
        keep_new(&mut dynamic, runners::examine(name, arguments));
    }
    // Whatever the file really is decides which arguments are paths; what any of its names stands
    // for can make it dynamic.
    let mut operands = None;
    for program in names::known(executable, arguments) {
        let findings = read_known(program, arguments, directory, paths);
        keep_new(&mut dynamic, findings.dynamic);
        operands.get_or_insert(findings.operands);
    }
    let operands = operands.unwrap_or_else(|| read_unknown(arguments, directory, paths).operands);
    let arguments = own::as_judged(executable, arguments);
    let command = CommandReading { names: executable.clone(), arguments, operands };
    Reading { commands: vec![command], dynamic }
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

fn keep_new(all: &mut Vec<DynamicFragment>, more: impl IntoIterator<Item = DynamicFragment>) {
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
