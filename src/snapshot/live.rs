//! Which content runs name, and how much it is.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

use super::runs::{RunRecord, Runs};
use super::{ContentName, Node, SnapshotError, SnapshotStore};
use crate::system::Digest;

/// Counts content once, whoever names it, run after run. It remembers half a digest of each: enough
/// for a sum, and never used to say what is needed.
#[derive(Debug, Default)]
pub(super) struct Weigher {
    seen: HashSet<[u8; 16]>,
}

impl Weigher {
    /// How many bytes a run keeps that none that was weighed before keeps as well. A clone shares its
    /// blocks with the file that it was made of, and weighs nothing.
    ///
    /// # Errors
    /// Those of reading its manifest.
    pub(super) fn weigh(&mut self, runs: &Runs, record: &RunRecord) -> Result<u64, SnapshotError> {
        let mut weight = 0_u64;
        each_content(runs, record, &mut |named| {
            if let ContentName::Digest(digest) = named.as_written
                && let Some(half) = digest.as_bytes().first_chunk()
                && self.seen.insert(*half)
            {
                weight = weight.saturating_add(named.bytes);
            }
        })?;
        Ok(weight)
    }
}

/// Content, as a run names it.
pub(super) struct Named<'n> {
    /// As it stands in its manifest.
    pub(super) as_written: &'n ContentName,
    /// By its digest, where a clone was hashed since.
    pub(super) resolved: &'n ContentName,
    /// The data segments of a file with holes, which it is the content of.
    pub(super) data: Option<&'n [(u64, u64)]>,
    /// How many bytes it has.
    pub(super) bytes: u64,
}

/// Goes through the content that a run keeps.
///
/// # Errors
/// Those of reading its manifests.
pub(super) fn each_content(
    runs: &Runs,
    record: &RunRecord,
    each: &mut dyn FnMut(Named<'_>),
) -> Result<(), SnapshotError> {
    let changes = runs.changes_file(record)?;
    let tail = changes.map(|changes| changes.tail).unwrap_or_default();
    for entry in runs.before_file(record)?.entries() {
        if let Node::File { content, size, data, .. } = entry?.node {
            let bytes =
                data.as_ref().map_or(size, |data| data.iter().map(|(_, length)| length).sum());
            let resolved = &tail.resolved(content.clone());
            each(Named { as_written: &content, resolved, data: data.as_deref(), bytes });
        }
    }
    Ok(())
}

/// All content that runs name, to be asked for one after another.
#[derive(Debug, Default)]
struct Live {
    digests: Vec<Digest>,
    clones: Vec<ContentName>,
    /// The runs whose content is in here.
    runs: BTreeSet<String>,
}

impl Live {
    /// Adds the content of the runs that are there and were not before.
    ///
    /// # Errors
    /// Those of reading a run or its manifest: what it needs is not known then.
    fn look(&mut self, runs: &Runs) -> Result<(), SnapshotError> {
        let mut grown = self.digests.len();
        for record in runs.all()? {
            if !self.runs.insert(record.information.id.clone()) {
                continue;
            }
            each_content(runs, &record, &mut |named| {
                let hashed = (named.resolved != named.as_written).then_some(named.resolved);
                for name in [Some(named.as_written), hashed].into_iter().flatten() {
                    match name {
                        ContentName::Digest(digest) => self.digests.push(*digest),
                        ContentName::Clone(_) => self.clones.push(name.clone()),
                    }
                }
            })?;
            // Most runs name much of what others name.
            if self.digests.len() > 2 * grown {
                self.sort();
                grown = self.digests.len();
            }
        }
        self.sort();
        Ok(())
    }

    fn sort(&mut self) {
        self.digests.sort_unstable();
        self.digests.dedup();
        self.clones.sort_unstable();
        self.clones.dedup();
    }

    fn holds(&self, name: &ContentName) -> bool {
        match name {
            ContentName::Digest(digest) => self.digests.binary_search(digest).is_ok(),
            ContentName::Clone(_) => self.clones.binary_search(name).is_ok(),
        }
    }
}

impl SnapshotStore {
    /// Removes content that no run names, and what killed captures left. Waits until none runs. How
    /// many bytes the store takes less.
    ///
    /// # Errors
    /// Those of reading and writing. Where a run cannot be read nothing is removed: what it needs is
    /// not known.
    pub(super) fn sweep(&self) -> Result<u64, SnapshotError> {
        let live = RefCell::new(Live::default());
        live.borrow_mut().look(&self.runs)?;
        let mut relook = || {
            live.borrow_mut().look(&self.runs)?;
            // No capture runs now, so that whatever is no run will not become one.
            self.runs.remove_unborn()
        };
        let freed = self.objects.sweep(&|name| live.borrow().holds(name), &mut relook, false)?;
        Ok(freed.bytes)
    }

    /// How many bytes the content in the store takes, without what clones share with files; `None`
    /// where that cannot be seen.
    pub fn size(&self) -> Option<u64> {
        self.objects.size().ok()
    }
}
