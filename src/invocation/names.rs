//! Which program it is, by every name that it has: as typed, where it was found, and what it
//! really is. A link `/tmp/x` to `/bin/bash` is a shell, and so is a link `/tmp/bash` to anything.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::ExecutableNames;
use super::grammar::Program;
use super::programs::{self, Beyond};
use crate::system::ByteString;

/// Programs that are many: which one is for the name they are called by to say.
const MANY_IN_ONE: [&[u8]; 4] = [b"busybox", b"toybox", b"coreutils", b"systemctl"];

/// The last components of all names, what the file really is first, each once, and also without a
/// version at the end (`python3.11` is `python`).
pub(super) fn candidates(names: &ExecutableNames) -> Vec<&[u8]> {
    let called: Vec<&[u8]> = names
        .named
        .iter()
        .map(|path| path.as_path())
        .chain([names.typed.as_path()])
        .filter_map(last_component)
        .collect();
    let real = names.real.as_deref().and_then(last_component);
    let real_counts =
        |real: &&[u8]| !MANY_IN_ONE.contains(real) || called.iter().all(|name| name == real);
    let mut all: Vec<&[u8]> = Vec::new();
    for name in real.filter(real_counts).into_iter().chain(called.iter().copied()) {
        for form in [name, without_version(name)] {
            if !form.is_empty() && !all.contains(&form) {
                all.push(form);
            }
        }
    }
    all
}

/// What is known about the program, by all its names. The first entry is what it most really is.
pub(super) fn known(names: &ExecutableNames, arguments: &[ByteString]) -> Vec<&'static Program> {
    let mut known: Vec<&'static Program> = Vec::new();
    let first = arguments.first().map(ByteString::as_bytes);
    for program in candidates(names).into_iter().filter_map(programs::by_name) {
        let meant = program.under.is_none_or(|under| first == Some(under.as_bytes()));
        if meant && !known.iter().any(|other| std::ptr::eq(*other, program)) {
            known.push(program);
        }
    }
    known
}

/// What the program can do beyond files, by all its names.
pub(super) fn beyond(names: &ExecutableNames) -> impl Iterator<Item = &'static Beyond> {
    candidates(names).into_iter().filter_map(programs::beyond)
}

fn last_component(path: &Path) -> Option<&[u8]> {
    path.file_name().map(OsStrExt::as_bytes)
}

fn without_version(name: &[u8]) -> &[u8] {
    let length = name
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && !b".-".contains(byte))
        .map_or(0, |at| at + 1);
    name.get(..length).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_each_of_its_names() {
        let names = |typed: &str, named: &str, real: &str| ExecutableNames {
            typed: typed.into(),
            named: vec![named.into()],
            real: Some(real.into()),
        };
        let shell = names("/tmp/x", "/tmp/x", "/usr/bin/bash");
        assert_eq!(candidates(&shell), [b"bash".as_slice(), b"x"]);
        let python = names("python3", "/usr/bin/python3", "/usr/bin/python3.11");
        assert_eq!(candidates(&python), [b"python3.11".as_slice(), b"python", b"python3"]);
        // An applet is what it is called, not the box that it comes in.
        let applet = names("rm", "/bin/rm", "/bin/busybox");
        assert_eq!(candidates(&applet), [b"rm".as_slice()]);
        let boxed = names("busybox", "/bin/busybox", "/bin/busybox");
        assert_eq!(candidates(&boxed), [b"busybox".as_slice()]);
    }
}
