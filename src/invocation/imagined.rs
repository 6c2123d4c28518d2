//! Reads a command line without a machine, for a policy's examples.

use std::path::{Component, Path, PathBuf};

use super::{Access, CommandReading, ExecutableNames, PathOperand, Reading};
use crate::system::ByteString;

/// What can be read out of a command line that was typed nowhere.
pub fn imagine(argv: &[ByteString], directory: &Path, search: &[PathBuf]) -> Reading {
    let Some((typed, arguments)) = argv.split_first() else { return Reading::default() };
    let named = if typed.as_bytes().contains(&b'/') {
        vec![clean(&directory.join(typed.as_path()))]
    } else {
        search.iter().map(|place| place.join(typed.as_path())).collect()
    };
    let operands = arguments
        .iter()
        .filter(|argument| !argument.as_bytes().starts_with(b"-"))
        .map(|argument| {
            let path = clean(&directory.join(argument.as_path()));
            PathOperand {
                text: argument.clone(),
                real: path.clone(),
                path,
                access: Access::Unknown,
            }
        })
        .collect();
    let names = ExecutableNames { typed: typed.clone(), named, real: None };
    let command = CommandReading { names, arguments: arguments.to_vec(), operands };
    Reading { commands: vec![command], dynamic: Vec::new() }
}

fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::Normal(name) => cleaned.push(name),
            _ => {}
        }
    }
    cleaned
}
