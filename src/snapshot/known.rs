//! What earlier manifests say about files that nobody has touched since: those need not be read again.
//!
//! Manifests are gone through side by side with the walk, both in the order of paths, so that this
//! takes no memory. A node counts as untouched where its inode, mode, owner, size, modification time
//! and change time are as they were, and the change time lies so far before the earlier look that a
//! later change must show in it.

use super::manifest::{ManifestFile, Tail, path_order};
use super::place::Status;
use super::{Entry, Manifest, Node, NodeMetadata, SnapshotError};
use crate::system::Moment;

/// How far the wall clock may have lost against the boot clock before change times say nothing any
/// more: less than the ticks that they are counted in.
const SET_BACK_MS: i64 = 10;

/// How long what a program has written may lie in memory only, in milliseconds: half a minute by
/// Linux's defaults (`vm.dirty_expire_centisecs`, and a file system's commit interval), here with
/// room for those who wait longer. A power cut takes such content away and may leave the inode with
/// the size and all the times that it had, as ext4 does.
const IN_MEMORY_MS: i64 = 10 * 60 * 1000;

/// One earlier manifest.
pub(super) struct Known<'a> {
    entries: Box<dyn Iterator<Item = Result<Entry, SnapshotError>> + 'a>,
    next: Option<Entry>,
    tail: Tail,
    /// The time up to which a change time vouches for what the manifest says; `None`: none does.
    vouched_ms: Option<i64>,
    /// It says what an undo has just put there.
    restored: bool,
}

impl<'a> Known<'a> {
    /// A manifest on disk.
    pub(super) fn file(manifest: &ManifestFile, resolved_by: Tail, now: &Moment) -> Self {
        let at = &manifest.head.at;
        Self::new(manifest.entries_ahead(), resolved_by, at, now)
    }

    /// A manifest in memory.
    pub(super) fn memory(manifest: &'a Manifest) -> Self {
        let entries = Box::new(manifest.entries.iter().cloned().map(Ok));
        Self::new(entries, Tail::default(), &manifest.at, &Moment::now())
    }

    /// Files that an undo has just put in their places, their content held to its digest while it
    /// was written.
    pub(super) fn restored(
        entries: Box<dyn Iterator<Item = Result<Entry, SnapshotError>> + 'a>,
    ) -> Self {
        Self { entries, next: None, tail: Tail::default(), vouched_ms: None, restored: true }
    }

    fn new(
        entries: Box<dyn Iterator<Item = Result<Entry, SnapshotError>> + 'a>,
        tail: Tail,
        at: &Moment,
        now: &Moment,
    ) -> Self {
        let vouched_ms = vouched_up_to(at, now);
        Self { entries, next: None, tail, vouched_ms, restored: false }
    }

    /// The entry of a path. Paths are asked for in their order.
    ///
    /// # Errors
    /// Those of reading the manifest.
    pub(super) fn at(&mut self, path: &[u8]) -> Result<Option<Entry>, SnapshotError> {
        loop {
            if let Some(next) = &self.next {
                match path_order(next.path.as_bytes(), path) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => return Ok(self.next.take()),
                    std::cmp::Ordering::Greater => return Ok(None),
                }
            }
            match self.entries.next() {
                Some(entry) => self.next = Some(entry?),
                None => {
                    self.next = None;
                    return Ok(None);
                }
            }
        }
    }

    /// What it says about a path, for the moment when that is read.
    ///
    /// # Errors
    /// Those of reading the manifest.
    pub(super) fn evidence(&mut self, path: &[u8]) -> Result<Option<Evidence>, SnapshotError> {
        let Some(entry) = self.at(path)? else { return Ok(None) };
        let mut node = entry.node;
        if let Node::File { content, .. } = &mut node {
            *content = self.tail.resolved(content.clone());
        }
        Ok(Some(Evidence { node, vouched_ms: self.vouched_ms, restored: self.restored }))
    }
}

/// The time (wall clock, in milliseconds) before which a file must have changed last for its change
/// time to tell, at one moment, that it is as a manifest of an earlier one says. `None`: no time
/// tells.
fn vouched_up_to(then: &Moment, now: &Moment) -> Option<i64> {
    // Between two boots the power may have gone, and with it what was not on the disk yet.
    let in_memory = if then.boot_id == now.boot_id { 0 } else { IN_MEMORY_MS };
    clock_is_steady(then, now).then(|| then.wall_ms.saturating_sub(in_memory))
}

/// Whether the wall clock went on from one moment to another: a clock that was set back could give a
/// later change the time of an earlier one.
fn clock_is_steady(then: &Moment, now: &Moment) -> bool {
    if then.boot_id != now.boot_id {
        return now.wall_ms >= then.wall_ms;
    }
    let offset =
        |at: &Moment| at.wall_ms.saturating_sub(i64::try_from(at.boot_ms).unwrap_or(i64::MAX));
    offset(now).saturating_add(SET_BACK_MS) >= offset(then)
}

/// What an earlier manifest says about a path.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    node: Node,
    vouched_ms: Option<i64>,
    restored: bool,
}

impl Evidence {
    /// Whether nobody has touched the node since.
    pub(super) fn still_holds(&self, status: &Status) -> bool {
        let Some(metadata) = self.node.metadata() else { return false };
        let same_size = match &self.node {
            Node::File { size, .. } => *size == status.size,
            _ => true,
        };
        if self.restored {
            let is = &status.metadata;
            return same_size && metadata.same_owner_and_mode(is) && metadata.same_mtime(is);
        }
        let settled = self.vouched_ms.is_some_and(|vouched| metadata.settled_before(vouched));
        settled && same_size && metadata.untouched_since(&status.metadata)
    }

    /// The node of a file that may not be read: only its mode or owner can have changed, unless
    /// somebody set its time back.
    pub(super) fn unread(&self, status: &Status) -> Option<Node> {
        let Node::File { metadata, size, .. } = &self.node else { return None };
        let same = *size == status.size
            && metadata.same_inode(&status.metadata)
            && metadata.same_mtime(&status.metadata);
        same.then(|| self.clone().brought_up_to(status)).flatten()
    }

    /// The node with everything that a status says; the rest as it was.
    pub(super) fn brought_up_to(mut self, status: &Status) -> Option<Node> {
        let metadata = self.node.metadata_mut()?;
        let NodeMetadata { xattrs, flags, .. } =
            std::mem::replace(metadata, status.metadata.clone());
        metadata.xattrs = xattrs;
        metadata.flags = flags;
        Some(self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_that_was_set_back_makes_change_times_worthless() {
        let then = Moment::now();
        let later = then.plus(Duration::from_secs(60));
        let set_back = Moment { wall_ms: later.wall_ms - 5_000, ..later.clone() };
        let set_forward = Moment { wall_ms: later.wall_ms + 5_000, ..later.clone() };
        assert!(clock_is_steady(&then, &later));
        assert!(clock_is_steady(&then, &set_forward));
        assert!(!clock_is_steady(&then, &set_back));
        let other_boot = |wall_ms| Moment {
            wall_ms,
            boot_ms: 5,
            boot_id: serde_json::from_str("\"another\"").unwrap(),
        };
        assert!(clock_is_steady(&then, &other_boot(then.wall_ms + 1)));
        assert!(!clock_is_steady(&then, &other_boot(then.wall_ms - 1)));
        assert_eq!(vouched_up_to(&then, &later), Some(then.wall_ms));
        assert_eq!(vouched_up_to(&then, &set_back), None);
        // Only what was written long before the power can have gone.
        let next_boot = other_boot(then.wall_ms + 60_000);
        assert_eq!(vouched_up_to(&then, &next_boot), Some(then.wall_ms - 600_000));
    }
}
