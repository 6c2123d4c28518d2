//! Which run captured a place last: its manifest spares the next capture of the same place the reading
//! of what was not touched since.
//!
//! Only a help. A file that is missing or says nonsense makes a capture slower and nothing else, so
//! that none of this is synced. What a manifest names is kept as long as its run exists.

use std::path::PathBuf;

use super::known::Known;
use super::manifest::Head;
use super::{Reach, Root, Selection, SnapshotError, SnapshotStore};
use crate::review::RequestId;
use crate::system::{Digest, canonical};

/// From how many entries on it is worth remembering.
const WORTH_REMEMBERING: u64 = 64;

/// How many earlier manifests are gone through at once.
const MOST: usize = 4;

impl SnapshotStore {
    /// The manifests that may know what lies at the places of a selection.
    ///
    /// # Errors
    /// Those of reading the store, but not that something is missing or damaged there.
    pub(super) fn recent(&self, head: &Head) -> Result<Vec<Known<'static>>, SnapshotError> {
        let mut ids: Vec<RequestId> = Vec::new();
        for root in wide(&head.selection) {
            let noted = std::fs::read_to_string(self.place_of(root)).unwrap_or_default();
            if let Ok(id) = noted.trim().parse::<RequestId>()
                && !ids.contains(&id)
                && ids.len() < MOST
            {
                ids.push(id);
            }
        }
        let mut known = Vec::new();
        for id in ids {
            let Ok(record) = self.runs.record(&id) else { continue };
            let (Ok(before), Ok(changes)) =
                (self.runs.before_file(&record), self.runs.changes_file(&record))
            else {
                continue;
            };
            let tail = changes.map(|changes| changes.tail).unwrap_or_default();
            known.push(Known::file(&before, tail, &head.at));
        }
        Ok(known)
    }

    /// Notes that a run has captured the places of a selection.
    pub(super) fn note_recent(&self, selection: &Selection, id: &RequestId, entries: u64) {
        if entries < WORTH_REMEMBERING {
            return;
        }
        for root in wide(selection) {
            let place = self.place_of(root);
            let temporary = place.with_extension(id.characters());
            // Where it cannot be noted the next capture reads more.
            let _ = std::fs::create_dir_all(self.directory.join("recent"))
                .and_then(|()| std::fs::write(&temporary, id.to_string()))
                .and_then(|()| std::fs::rename(&temporary, &place));
        }
    }

    fn place_of(&self, root: &Root) -> PathBuf {
        let name = canonical::to_string(root).unwrap_or_default();
        self.directory.join("recent").join(Digest::of(name.as_bytes()).hex())
    }
}

/// The roots below which there can be much.
fn wide(selection: &Selection) -> impl Iterator<Item = &Root> {
    selection.roots.iter().filter(|root| root.reach != Reach::Node)
}
