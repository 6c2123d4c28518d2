//! What has been read out of one command line so far: its operands, the commands that it starts,
//! and what cannot be judged.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Access, DynamicFragment, PathLookup, PathOperand, paths};
use crate::system::ByteString;

/// What a command line says.
pub(super) struct Findings<'a> {
    /// The arguments that are paths, in their order.
    pub(super) operands: Vec<PathOperand>,
    /// What cannot be judged.
    pub(super) dynamic: Vec<DynamicFragment>,
    /// What it does is what these commands would do: `find -delete` is `rm -r`. The command word
    /// first; what they are given is among the operands already.
    pub(super) does: Vec<Vec<ByteString>>,
    /// Other commands that it starts, with what is known of their arguments.
    pub(super) starts: Vec<Started>,
    /// Shell lines that it runs, each with the directory that it runs in.
    pub(super) lines: Vec<(ByteString, PathBuf)>,
    /// Which files it may write beside its operands, for all that is known.
    pub(super) doubts: Vec<DynamicFragment>,
    /// The working directory at this point of the line (`tar -C` changes it).
    pub(super) base: PathBuf,
    pub(super) lookup: &'a dyn PathLookup,
}

/// A command that another one starts.
#[derive(Clone, Debug)]
pub(super) struct Started {
    /// The command word, then its arguments.
    pub(super) words: Vec<ByteString>,
    /// Where it runs.
    pub(super) directory: PathBuf,
    /// Whether what it is given stands for everything below it (`find -exec`).
    pub(super) below: bool,
    /// What it is given on standard input to work below (`find … | xargs …`), where that is known.
    pub(super) fed: Vec<ByteString>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(directory: &Path, lookup: &'a dyn PathLookup) -> Self {
        Self {
            operands: Vec::new(),
            dynamic: Vec::new(),
            does: Vec::new(),
            starts: Vec::new(),
            lines: Vec::new(),
            doubts: Vec::new(),
            base: directory.to_owned(),
            lookup,
        }
    }

    /// Adds an operand. An empty one names nothing.
    pub(super) fn push(&mut self, text: &[u8], access: Access) {
        if text.is_empty() {
            return;
        }
        let text = ByteString::from(text.to_vec());
        let path = paths::clean(text.as_path(), &self.base);
        match access {
            Access::WritesMatching => {
                // Rules know the beginning by itself, and what begins with it.
                self.push_path(text.clone(), path.clone(), Access::Writes);
                let mut pattern = escaped(path.as_os_str().as_bytes());
                if text.as_bytes().ends_with(b"/") {
                    pattern.push(b'/');
                }
                pattern.push(b'*');
                let pattern = ByteString::from(pattern).as_path().to_owned();
                self.push_path(text, pattern, access);
            }
            access => self.push_path(text, path, access),
        }
    }

    /// Adds the working directory at this point, with everything below it.
    pub(super) fn push_directory(&mut self) {
        let base = self.base.clone();
        self.push_path(ByteString::from("."), base, Access::WritesTree);
    }

    /// Adds a place that no argument names.
    pub(super) fn push_place(&mut self, place: &Path, access: Access) {
        self.push_path(ByteString::from(place), place.to_owned(), access);
    }

    /// Moves the working directory.
    pub(super) fn enter(&mut self, directory: &[u8]) {
        self.base = self.cleaned(directory);
    }

    /// Adds something that cannot be judged, and of which it is not known what it writes.
    pub(super) fn refuse(&mut self, fragment: &[u8], reason: &str) {
        let fragment = fragment_of(fragment, reason);
        self.dynamic.push(fragment.clone());
        self.doubts.push(fragment);
    }

    /// Adds something that cannot be judged, but of which it is known what it writes.
    pub(super) fn refuse_though_known(&mut self, fragment: &[u8], reason: &str) {
        self.dynamic.push(fragment_of(fragment, reason));
    }

    /// Says that other files than the operands may be written.
    pub(super) fn doubt(&mut self, fragment: &[u8], reason: &str) {
        self.doubts.push(fragment_of(fragment, reason));
    }

    /// Adds a command that is started here.
    pub(super) fn start<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8]>, below: bool) {
        let words = words.into_iter().map(|word| ByteString::from(word.to_vec())).collect();
        self.starts.push(Started { words, directory: self.base.clone(), below, fed: Vec::new() });
    }

    /// An operand that goes into a directory under its own last component; its content goes there
    /// where it has none of its own (`cp -r src/. /d`).
    pub(super) fn push_within(&mut self, directory: &[u8], source: &[u8], access: Access) {
        let text = ByteString::from(directory.to_vec());
        let directory = paths::clean(text.as_path(), &self.base);
        let last = source.split(|byte| *byte == b'/').rfind(|part| !part.is_empty());
        match last {
            None | Some(b"." | b"..") => {
                let access = if access == Access::Writes { Access::WritesTree } else { access };
                self.push_path(text, directory, access);
            }
            Some(name) => {
                let name = ByteString::from(name.to_vec());
                self.push_path(text, directory.join(name.as_path()), access);
            }
        }
    }

    fn push_path(&mut self, text: ByteString, path: PathBuf, access: Access) {
        let real = self.lookup.real(&path);
        self.operands.push(PathOperand { text, path, real, access });
    }

    /// The absolute path that a word means at this point.
    pub(super) fn cleaned(&self, text: &[u8]) -> PathBuf {
        paths::clean(ByteString::from(text.to_vec()).as_path(), &self.base)
    }

    pub(super) fn is_directory(&self, text: &[u8]) -> bool {
        text.ends_with(b"/") || self.lookup.is_directory(&self.cleaned(text))
    }

    pub(super) fn is_standard_input_or_special(&self, text: &[u8]) -> bool {
        let path = self.cleaned(text);
        let behind_a_descriptor = path.starts_with("/dev/stdin")
            || path.starts_with("/dev/fd")
            || (path.starts_with("/proc")
                && path.components().any(|part| part.as_os_str() == "fd"));
        text == b"-" || behind_a_descriptor || self.lookup.is_special(&path)
    }
}

fn fragment_of(fragment: &[u8], reason: &str) -> DynamicFragment {
    DynamicFragment { fragment: ByteString::from(fragment.to_vec()), reason: reason.to_owned() }
}

/// A path as a pattern that means just it.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path.len());
    for byte in path {
        if b"*?[]{}\\".contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}
