//! What a run found, what it left, and how an interrupted undo of it found that, side by side, as a
//! stream in the order of paths.

use std::iter::Peekable;

use super::manifest::{Entries, ManifestFile, Tail, path_order};
use super::{Entry, Node, Role, SnapshotError};
use crate::system::{ByteString, Moment};

/// The manifests that say how things were before a run and how they were left.
pub(super) struct Sources {
    pub(super) before: ManifestFile,
    /// What the run left otherwise than *before*.
    pub(super) changes: Option<ManifestFile>,
    /// What an interrupted undo found.
    pub(super) found: Option<ManifestFile>,
}

impl Sources {
    /// When things were left as they are compared with.
    pub(super) fn left_at(&self) -> &Moment {
        let last = self.found.as_ref().or(self.changes.as_ref()).unwrap_or(&self.before);
        &last.head.at
    }

    /// By which names content is known since.
    pub(super) fn names(&self) -> Tail {
        self.changes.as_ref().map(|changes| changes.tail.clone()).unwrap_or_default()
    }

    /// All paths, except what lies at a boundary or below a directory that any of them did not enter:
    /// what is there is not known, so it is neither missing nor new.
    pub(super) fn pairs(&self) -> Pairs {
        let entries = |file: &ManifestFile| file.entries().peekable();
        Pairs {
            before: entries(&self.before),
            over: [&self.changes, &self.found].into_iter().flatten().map(entries).collect(),
            names: self.names(),
            unknown: None,
        }
    }
}

/// One path before the run and after it.
#[derive(Clone, Debug)]
pub(super) struct PathPair {
    pub(super) path: ByteString,
    /// `Selected` where either state selects it.
    pub(super) role: Role,
    pub(super) before: Node,
    pub(super) left: Node,
}

impl PathPair {
    /// Whether the run changed this path, as far as an undo is concerned: see
    /// [`super::changes::Pair::is_change`].
    pub(super) fn is_change(&self) -> bool {
        let passed_by =
            self.role == Role::Context && self.before.is_directory() && self.left.is_directory();
        !passed_by && !self.before.same_state(&self.left)
    }

    /// Whether it had several names, before or after.
    pub(super) fn is_linked(&self) -> bool {
        is_linked(&self.before) || is_linked(&self.left)
    }
}

/// Whether a node is no directory and has several names.
pub(super) fn is_linked(node: &Node) -> bool {
    !node.is_directory() && node.metadata().is_some_and(|metadata| metadata.links > 1)
}

/// The pairs of a run, in order.
pub(super) struct Pairs {
    before: Peekable<Entries>,
    /// What lies over it, the last on top.
    over: Vec<Peekable<Entries>>,
    names: Tail,
    /// Below this directory nothing is known.
    unknown: Option<ByteString>,
}

impl Pairs {
    fn next_pair(&mut self) -> Result<Option<PathPair>, SnapshotError> {
        loop {
            let mut least: Option<ByteString> = None;
            for entries in std::iter::once(&mut self.before).chain(&mut self.over) {
                let path = match entries.peek() {
                    None => continue,
                    Some(Ok(entry)) => &entry.path,
                    Some(Err(_)) => return entries.next().transpose().map(|_| None),
                };
                let before =
                    |least: &ByteString| path_order(path.as_bytes(), least.as_bytes()).is_lt();
                if least.as_ref().is_none_or(before) {
                    least = Some(path.clone());
                }
            }
            let Some(path) = least else { return Ok(None) };
            let mut take = |entries: &mut Peekable<Entries>| {
                let is_it =
                    |entry: &Result<Entry, _>| entry.as_ref().is_ok_and(|it| it.path == path);
                entries.next_if(is_it).and_then(Result::ok)
            };
            let before = take(&mut self.before);
            let over: Vec<Entry> = self.over.iter_mut().filter_map(&mut take).collect();
            if self.unknown.as_ref().is_some_and(|unknown| is_below(&path, unknown)) {
                continue;
            }
            let roles = before.iter().chain(&over).map(|entry| entry.role);
            if roles.clone().any(|role| role == Role::Boundary) {
                self.unknown = Some(path);
                continue;
            }
            if roles.clone().any(|role| role == Role::Closed) {
                self.unknown = Some(path.clone());
            }
            let left = over.last().or(before.as_ref());
            let selected = left.is_some_and(|left| left.role == Role::Selected);
            let first = before.as_ref().or(over.last()).map_or(Role::Context, |entry| entry.role);
            let role = if selected { Role::Selected } else { first };
            let left = left.map(|left| left.node.clone());
            let before = before.map_or(Node::Absent, |entry| entry.node);
            let (before, left) = (self.named(before), self.named(left.unwrap_or(Node::Absent)));
            return Ok(Some(PathPair { path, role, before, left }));
        }
    }

    fn named(&self, mut node: Node) -> Node {
        if let Node::File { content, .. } = &mut node
            && content.as_digest().is_none()
        {
            *content = self.names.resolved(content.clone());
        }
        node
    }
}

impl Iterator for Pairs {
    type Item = Result<PathPair, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_pair().transpose()
    }
}

/// Whether a path lies below a directory.
pub(super) fn is_below(path: &ByteString, directory: &ByteString) -> bool {
    let (path, directory) = (path.as_bytes(), directory.as_bytes());
    match path.strip_prefix(directory) {
        Some(rest) => rest.first() == Some(&b'/') || (directory == b"/" && !rest.is_empty()),
        None => false,
    }
}
