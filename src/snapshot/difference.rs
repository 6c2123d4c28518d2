//! What a run changed: its *before* against its *after*, or against now where no after was taken.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::changes::pairs;
use super::error::unreadable;
use super::observe::{Content, read_node};
use super::place::{Parents, Status, status};
use super::segments::Segments;
use super::selection::lies_within;
use super::{ContentName, Node, SnapshotError, SnapshotStore};
use crate::review::RequestId;
use crate::system::{ByteString, Digest};

/// Larger files are compared by size and digest only, in bytes.
const LARGEST_TEXT: u64 = 1 << 20;

/// One path that a run changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// The path.
    pub path: ByteString,
    /// How it was.
    pub before: Node,
    /// How the run left it; where that is not known, how it is now.
    pub after: Node,
    /// What became of its content.
    pub content: ContentChange,
}

/// What became of a file's content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ContentChange {
    /// Nothing, or it is no file.
    Same,
    /// Text, line by line.
    Text {
        /// The changed lines with three lines around them.
        lines: Vec<DiffLine>,
    },
    /// Not text, or too large for it: size and digest stand in the nodes.
    Binary,
    /// The new content is not there any more.
    Gone,
    /// It changed, and whoever asks may not read it.
    NotShown,
}

/// One line of a text difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DiffLine {
    /// What about it.
    pub kind: DiffLineKind,
    /// Its text without the line end. Somebody else wrote it: it is not safe to show as it is.
    pub text: String,
}

/// What about a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffLineKind {
    /// It is between two groups of changes: the line numbers, as diff(1) writes them.
    Position,
    /// It is the same before and after.
    Same,
    /// It was taken away.
    Removed,
    /// It was added.
    Added,
    /// The line before it, the last one of its file, does not end with a line feed.
    NoNewline,
}

impl SnapshotStore {
    /// What a run changed, at and below `only` where that is given.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], [`SnapshotError::Damaged`], [`SnapshotError::Read`].
    pub fn difference(
        &self,
        id: &RequestId,
        only: Option<&Path>,
    ) -> Result<Vec<Change>, SnapshotError> {
        let record = self.runs.record(id)?;
        let before = self.runs.before(&record)?;
        let after = match self.runs.after(&record)? {
            Some(after) => after,
            None => self.look_again(&before, &[&before], &mut |_| {})?,
        };
        let only = only.map(ByteString::from);
        let concerned = |path: &ByteString| {
            only.as_ref().is_none_or(|only| lies_within(path.as_bytes(), only.as_bytes()))
        };
        pairs(&before, &after)
            .into_iter()
            .filter(|pair| pair.is_change() && concerned(pair.path))
            .map(|pair| {
                Ok(Change {
                    path: pair.path.clone(),
                    before: pair.before.clone(),
                    after: pair.after.clone(),
                    content: self.content_change(pair.path, pair.before, pair.after)?,
                })
            })
            .collect()
    }

    fn content_change(
        &self,
        path: &ByteString,
        before: &Node,
        after: &Node,
    ) -> Result<ContentChange, SnapshotError> {
        let is_file = |node: &Node| matches!(node, Node::File { .. });
        if (!is_file(before) && !is_file(after)) || before.same_content(after) {
            return Ok(ContentChange::Same);
        }
        if let (Node::File { content: old, .. }, Node::File { content: new, .. }) = (before, after)
            && old == new
            && size(before) == size(after)
        {
            // Only its holes are elsewhere.
            return Ok(ContentChange::Same);
        }
        let has_holes = |node: &Node| matches!(node, Node::File { data: Some(_), .. });
        let is_large = |node: &Node| size(node) > LARGEST_TEXT;
        if [before, after].into_iter().any(|node| has_holes(node) || is_large(node)) {
            return Ok(ContentChange::Binary);
        }
        let old = match before {
            Node::File { content, .. } => self.object_bytes(content)?,
            _ => Vec::new(),
        };
        let new = match after {
            Node::File { content, .. } => match self.current_bytes(path.as_path(), content)? {
                Some(new) => new,
                None => return Ok(ContentChange::Gone),
            },
            _ => Vec::new(),
        };
        Ok(match (std::str::from_utf8(&old), std::str::from_utf8(&new)) {
            (Ok(old), Ok(new)) if !old.contains('\0') && !new.contains('\0') => {
                ContentChange::Text { lines: text_lines(old, new) }
            }
            _ => ContentChange::Binary,
        })
    }

    fn object_bytes(&self, content: &ContentName) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = Vec::new();
        let mut wrote = |source| SnapshotError::Write { path: self.directory.clone(), source };
        self.objects.copy_to(content, &mut bytes, &mut wrote)?;
        Ok(bytes)
    }

    /// The content with this digest: from the store, should an undo have put it there, or from the
    /// file itself, if it still has it.
    fn current_bytes(
        &self,
        path: &Path,
        content: &ContentName,
    ) -> Result<Option<Vec<u8>>, SnapshotError> {
        if self.objects.holds(content) {
            return self.object_bytes(content).map(Some);
        }
        let Ok((directory, name)) = Parents::default().of(path) else { return Ok(None) };
        let Ok(found) = status(&*directory, name) else { return Ok(None) };
        let mut reader = BytesOf { path, bytes: Vec::new() };
        let node = read_node(&*directory, name, path, found, &mut reader);
        match node {
            Ok(Some((Node::File { content: found, .. }, _))) if found == *content => {
                Ok(Some(reader.bytes))
            }
            // It is larger now, changes as we look, or may not be read: it is not the one.
            _ => Ok(None),
        }
    }
}

/// Takes the bytes of a file themselves.
struct BytesOf<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
}

impl Content for BytesOf<'_> {
    fn known_unread(&mut self, _: &Status) -> Option<Node> {
        None
    }

    fn take(
        &mut self,
        file: &mut File,
        _: &Status,
        data: Option<&[(u64, u64)]>,
    ) -> Result<(ContentName, u64), SnapshotError> {
        self.bytes.clear();
        Segments::of(file, data)
            .take(LARGEST_TEXT + 1)
            .read_to_end(&mut self.bytes)
            .map_err(unreadable(self.path))?;
        Ok((Digest::of(&self.bytes).into(), self.bytes.len() as u64))
    }
}

fn size(node: &Node) -> u64 {
    if let Node::File { size, .. } = node { *size } else { 0 }
}

fn text_lines(old: &str, new: &str) -> Vec<DiffLine> {
    // Enough for any configuration file; a pathological pair gets a coarser answer in time.
    const PATIENCE: Duration = Duration::from_millis(500);
    const AROUND: usize = 3;
    let difference = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut lines = Vec::new();
    for group in difference.grouped_ops(AROUND) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let range = |start: usize, end: usize| {
                format!("{},{}", if end > start { start + 1 } else { start }, end - start)
            };
            let old = range(first.old_range().start, last.old_range().end);
            let new = range(first.new_range().start, last.new_range().end);
            let text = format!("-{old} +{new}");
            lines.push(DiffLine { kind: DiffLineKind::Position, text });
        }
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let kind = match change.tag() {
                ChangeTag::Equal => DiffLineKind::Same,
                ChangeTag::Delete => DiffLineKind::Removed,
                ChangeTag::Insert => DiffLineKind::Added,
            };
            let text = change.value();
            let text = text.strip_suffix('\n').unwrap_or(text).to_owned();
            lines.push(DiffLine { kind, text });
            if change.missing_newline() {
                let text = "No newline at end of file".to_owned();
                lines.push(DiffLine { kind: DiffLineKind::NoNewline, text });
            }
        }
    }
    lines
}
