//! Everything that the file system records about a tree, as one value that can be compared.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, lgetxattr, llistxattr, utimensat};

/// What can be seen of one path.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    /// Kind, permissions and special bits.
    mode: u32,
    owner: (u32, u32),
    /// Modification time, in seconds and nanoseconds.
    modified: (i64, i64),
    /// Content of a file, target of a link.
    content: Vec<u8>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The state of a tree. Shown as a list of its paths, for a test that fails.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Seen>);

impl Tree {
    /// The tree as it is now.
    pub fn of(root: &Path) -> Self {
        let mut seen = BTreeMap::new();
        see(root, root, &mut seen);
        Self(seen)
    }

    /// Asserts that one path is the same in two states.
    #[track_caller]
    pub fn has_the_same(&self, path: &str, expected: &Self) {
        assert_eq!(self.0.get(Path::new(path)), expected.0.get(Path::new(path)), "{path}");
    }

    /// Asserts that two states are the same, and shows only where they differ.
    #[track_caller]
    pub fn is(&self, expected: &Self, what: &str) {
        let paths = self.0.keys().chain(expected.0.keys());
        let mut different: Vec<_> =
            paths.filter(|path| self.0.get(*path) != expected.0.get(*path)).collect();
        different.sort();
        different.dedup();
        let told: Vec<String> = different
            .iter()
            .map(|path| {
                format!(
                    "{path:?}: expected {:?}, found {:?}",
                    expected.0.get(*path),
                    self.0.get(*path)
                )
            })
            .collect();
        assert!(told.is_empty(), "{what}:\n{}", told.join("\n"));
    }
}

impl Tree {
    /// Asserts that every path has the kind and the content that it has in one of two states, or is
    /// gone where what is there has to change its kind. `in_place` names files that are rewritten
    /// where they are; what has a name of hitl's own is on its way.
    #[track_caller]
    pub fn is_nowhere_between(&self, one: &Self, two: &Self, in_place: &[&str], what: &str) {
        const KIND: u32 = 0o170_000;
        let kind = |seen: Option<&Seen>| seen.map(|seen| seen.mode & KIND);
        let mut between = Vec::new();
        for path in self.0.keys().chain(one.0.keys()).chain(two.0.keys()) {
            let ours = |part: &OsStr| part.as_bytes().starts_with(b".hitl-");
            if path.iter().any(ours) || in_place.iter().any(|place| path == Path::new(place)) {
                continue;
            }
            let (now, one, two) = (self.0.get(path), one.0.get(path), two.0.get(path));
            let is = |state: Option<&Seen>| {
                kind(now) == kind(state)
                    && now.map(|now| &now.content) == state.map(|state| &state.content)
            };
            let makes_way = now.is_none() && kind(one) != kind(two);
            if !is(one) && !is(two) && !makes_way {
                between.push(format!("{path:?}: {now:?}, neither {one:?} nor {two:?}"));
            }
        }
        assert!(between.is_empty(), "{what}:\n{}", between.join("\n"));
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(&self.0).finish()
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning = &self.content[..self.content.len().min(40)];
        write!(
            formatter,
            "{:o} {:?} {}.{:09} {:?} {} attributes",
            self.mode,
            self.owner,
            self.modified.0,
            self.modified.1,
            String::from_utf8_lossy(beginning),
            self.attributes.len()
        )
    }
}

fn see(root: &Path, path: &Path, seen: &mut BTreeMap<PathBuf, Seen>) {
    let metadata = path.symlink_metadata().unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let content = if metadata.is_symlink() {
        std::fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
    } else if metadata.is_file() {
        std::fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    seen.insert(
        path.strip_prefix(root).unwrap().to_owned(),
        Seen {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            content,
            attributes: attributes(path),
        },
    );
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            see(root, &entry.unwrap().path(), seen);
        }
    }
}

fn attributes(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0_u8; 4096];
    let Ok(length) = llistxattr(path, &mut names) else { return Vec::new() };
    let mut attributes: Vec<_> = names[..length]
        .split_inclusive(|byte| *byte == 0)
        .map(|name| {
            let name = CStr::from_bytes_with_nul(name).unwrap();
            let mut value = vec![0_u8; 4096];
            let length = lgetxattr(path, name, &mut value).unwrap();
            value.truncate(length);
            (name.to_bytes().to_vec(), value)
        })
        .collect();
    attributes.sort();
    attributes
}

/// Gives a path, a link too, a modification time that no clock would give it.
pub fn set_modified(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// A name that is not UTF-8 and holds a line feed.
pub fn awkward_name() -> &'static OsStr {
    OsStr::from_bytes(b"new\nline \xff\x1b[31m")
}
