//! Two manifests side by side: which paths differ.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::path::Path;

use super::manifest::{ManifestWriter, Tail, path_order};
use super::{Entry, Manifest, Node, Role, SnapshotError};
use crate::system::{ByteString, Digest};

/// One path in both manifests.
pub(super) struct Pair<'a> {
    pub(super) path: &'a ByteString,
    /// `Selected` where either manifest selects it.
    pub(super) role: Role,
    pub(super) before: &'a Node,
    pub(super) after: &'a Node,
}

impl Pair<'_> {
    /// Whether the run changed this path, as far as an undo is concerned.
    ///
    /// A directory that was only passed on the way to something else counts when it came or went:
    /// the rest of it was nobody's concern.
    pub(super) fn is_change(&self) -> bool {
        let passed_by =
            self.role == Role::Context && self.before.is_directory() && self.after.is_directory();
        !passed_by && !self.before.same_state(self.after)
    }
}

/// All paths of two manifests, sorted, except what lies at a boundary or below a directory that
/// either of them did not enter: what is there is not known, so it is neither missing nor new.
pub(super) fn pairs<'a>(before: &'a Manifest, after: &'a Manifest) -> Vec<Pair<'a>> {
    let (mut ones, mut others) =
        (before.entries.iter().peekable(), after.entries.iter().peekable());
    let mut pairs = Vec::with_capacity(before.entries.len().max(after.entries.len()));
    loop {
        let order = match (ones.peek(), others.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => path_order(one.path.as_bytes(), other.path.as_bytes()),
        };
        let before = if order.is_le() { ones.next() } else { None };
        let after = if order.is_ge() { others.next() } else { None };
        let Some(Entry { path, role, .. }) = before.or(after) else { break };
        let selected = after.is_some_and(|after| after.role == Role::Selected);
        pairs.push(Pair {
            path,
            role: if selected { Role::Selected } else { *role },
            before: before.map_or(&Node::Absent, |entry| &entry.node),
            after: after.map_or(&Node::Absent, |entry| &entry.node),
        });
    }
    let with_role = |role: Role| -> BTreeSet<&Path> {
        [before, after]
            .iter()
            .flat_map(|manifest| &manifest.entries)
            .filter(|entry| entry.role == role)
            .map(|entry| entry.path.as_path())
            .collect()
    };
    let (boundaries, closed) = (with_role(Role::Boundary), with_role(Role::Closed));
    let known = |path: &Path| {
        (boundaries.is_empty() || !path.ancestors().any(|place| boundaries.contains(place)))
            && (closed.is_empty() || !path.ancestors().skip(1).any(|place| closed.contains(place)))
    };
    pairs.retain(|pair| known(pair.path.as_path()));
    pairs
}

/// Writes down what differs from *before*, while a later state comes by in the order of paths.
pub(super) struct DifferenceWriter<B: Iterator<Item = Result<Entry, SnapshotError>>> {
    before: Peekable<B>,
    writer: ManifestWriter,
    /// Below this directory nothing is known.
    unknown: Option<ByteString>,
}

impl<B: Iterator<Item = Result<Entry, SnapshotError>>> DifferenceWriter<B> {
    pub(super) fn new(before: B, writer: ManifestWriter) -> Self {
        Self { before: before.peekable(), writer, unknown: None }
    }

    /// The next path of the later state.
    ///
    /// # Errors
    /// Those of reading *before* and of writing.
    pub(super) fn push(&mut self, now: &Entry) -> Result<(), SnapshotError> {
        let before = self.up_to(&now.path)?;
        let before_role = before.as_ref().map_or(now.role, |entry| entry.role);
        let node = before.map_or(Node::Absent, |entry| entry.node);
        if self.is_below_unknown(&now.path) {
            return Ok(());
        }
        let is_open = |role: Role| matches!(role, Role::Selected | Role::Context);
        if !is_open(now.role) || !is_open(before_role) {
            self.unknown = Some(now.path.clone());
        }
        let role = if is_open(before_role) { now.role } else { before_role };
        let moved = match (node.metadata(), now.node.metadata()) {
            (Some(then), Some(now)) => !then.same_mtime(now),
            _ => false,
        };
        if moved || role != before_role || !node.same_state(&now.node) {
            self.writer.push(&Entry { path: now.path.clone(), role, node: now.node.clone() })?;
        }
        Ok(())
    }

    /// What *before* has at a path; everything before that is gone.
    fn up_to(&mut self, path: &ByteString) -> Result<Option<Entry>, SnapshotError> {
        loop {
            let order = match self.before.peek() {
                None => return Ok(None),
                Some(Err(_)) => Ordering::Less,
                Some(Ok(next)) => path_order(next.path.as_bytes(), path.as_bytes()),
            };
            match order {
                Ordering::Less => {
                    if let Some(gone) = self.before.next() {
                        self.gone(&gone?)?;
                    }
                }
                Ordering::Equal => return self.before.next().transpose(),
                Ordering::Greater => return Ok(None),
            }
        }
    }

    fn gone(&mut self, entry: &Entry) -> Result<(), SnapshotError> {
        if entry.node.is_absent() || self.is_below_unknown(&entry.path) {
            return Ok(());
        }
        let gone = Entry { path: entry.path.clone(), role: entry.role, node: Node::Absent };
        self.writer.push(&gone)
    }

    fn is_below_unknown(&self, path: &ByteString) -> bool {
        let below = |directory: &ByteString| {
            path != directory && path.as_path().starts_with(directory.as_path())
        };
        self.unknown.as_ref().is_some_and(below)
    }

    /// Ends it: what *before* has left is gone. `tail` is asked for when all of *before* has come by.
    ///
    /// # Errors
    /// As [`Self::push`], and what `tail` fails with.
    pub(super) fn finish(
        mut self,
        tail: impl FnOnce() -> Result<Tail, SnapshotError>,
    ) -> Result<(Digest, u64), SnapshotError> {
        while let Some(gone) = self.before.next() {
            self.gone(&gone?)?;
        }
        let entries = self.writer.entries();
        Ok((self.writer.finish(tail()?)?, entries))
    }
}

/// The state that differs from another only where a list of differences says so.
pub(super) fn overlay(under: Manifest, over: Manifest) -> Manifest {
    let mut entries = Vec::with_capacity(under.entries.len());
    let mut ones = under.entries.into_iter().peekable();
    for entry in over.entries {
        while let Some(one) =
            ones.next_if(|one| path_order(one.path.as_bytes(), entry.path.as_bytes()).is_lt())
        {
            entries.push(one);
        }
        ones.next_if(|one| one.path == entry.path);
        entries.push(entry);
    }
    entries.extend(ones);
    Manifest { entries, at: over.at, not_covered: over.not_covered, ..under }
}
