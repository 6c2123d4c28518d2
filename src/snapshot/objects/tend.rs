//! Keeping the packs few and the index complete, in passing, after a capture.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::format::Record;
use super::index::{self, Index};
use super::pack::Pack;
use super::packer::{Packer, Piece};
use super::shelf::pack_names;
use crate::snapshot::SnapshotError;
use crate::system::{Digest, durable};

/// When more packs than this are not in the index, something is done about it.
pub(super) const MOST_UNINDEXED: usize = 64;

/// So many contents may be missing in the index, and a quarter of what is in it.
const FEW_CONTENTS: u64 = 64 * 1024;

/// Packs smaller than the bytes are put together when there are more than this of them: however many
/// tiny runs there were, there are few files, and no content is copied often.
const TOGETHER: [(u64, usize); 2] = [(4 << 20, 16), (64 << 20, 48)];

/// The lock of whoever replaces packs by others with the same contents, and of whoever replaces the index.
pub(super) fn lock_path(store: &Path) -> PathBuf {
    store.join("packs.lock")
}

/// Puts small packs together, and makes the index anew where much is missing in it, unless somebody else
/// is at it.
///
/// Nothing is lost to whoever looks at the store meanwhile: the contents of a pack are in another one,
/// on disk, before it goes, and a reader that misses it looks again.
///
/// # Errors
/// Those of reading and writing. The store is then as good as before.
pub(super) fn tend(store: &Path) -> Result<(), SnapshotError> {
    let Some(_lock) = durable::try_lock(&lock_path(store))? else { return Ok(()) };
    let packs = store.join("packs");
    let index = Index::open(store);
    let known = |name: &Digest| {
        index.as_ref().is_some_and(|index| index.packs().binary_search(name).is_ok())
    };
    // What the index knows stays as long as it does: there can be very much in it.
    put_together(store, &packs, &|name| !known(name))?;
    let mut others = pack_names(&packs)?;
    others.retain(|name| !known(name));
    let opened = others.iter().filter_map(|name| Pack::open(&packs, name).ok().flatten());
    let contents: u64 = opened.map(|pack| pack.count()).sum();
    let indexed = index.as_ref().map_or(0, Index::count);
    if others.len() > MOST_UNINDEXED / 2 || contents > FEW_CONTENTS + indexed / 4 {
        put_together(store, &packs, &|_| true)?;
        make_index(store)?;
    }
    Ok(())
}

/// Makes the index anew, of all packs that are sound.
///
/// # Errors
/// Those of reading and writing.
pub(super) fn make_index(store: &Path) -> Result<(), SnapshotError> {
    let packs = store.join("packs");
    let mut sound = pack_names(&packs)?;
    sound.retain(|name| matches!(Pack::open(&packs, name), Ok(Some(_))));
    index::rebuild(store, &sound)
}

/// Puts those packs together that are small and `chosen`.
fn put_together(
    store: &Path,
    packs: &Path,
    chosen: &dyn Fn(&Digest) -> bool,
) -> Result<(), SnapshotError> {
    for (bytes, count) in TOGETHER {
        let mut small = pack_names(packs)?;
        small.retain(|name| {
            let found = std::fs::metadata(packs.join(name.hex()));
            chosen(name) && found.is_ok_and(|found| found.len() < bytes)
        });
        if small.len() > count {
            replace(store, packs, small)?;
        }
    }
    Ok(())
}

/// Puts these packs into new ones, and takes them away.
fn replace(store: &Path, packs: &Path, small: Vec<Digest>) -> Result<(), SnapshotError> {
    let mut refill = Refill::new(store);
    let mut replaced = Vec::new();
    for name in small {
        // One that is damaged stays as it is, so that it can be told which it was.
        let Ok(Some(pack)) = Pack::open(packs, &name) else { continue };
        if pack.is_whole()? && refill.take_all(&pack, pack.records()?)? {
            replaced.push(name);
        }
    }
    let made = refill.publish()?;
    replaced.retain(|name| !made.contains(name));
    remove(packs, &replaced)
}

/// Takes packs away whose contents are elsewhere, or that nobody wants any more.
///
/// # Errors
/// [`SnapshotError::Write`], [`SnapshotError::Durable`].
pub(super) fn remove(packs: &Path, names: &[Digest]) -> Result<(), SnapshotError> {
    for name in names {
        let path = packs.join(name.hex());
        std::fs::remove_file(&path)
            .map_err(|source| SnapshotError::Write { path: path.clone(), source })?;
    }
    if names.is_empty() { Ok(()) } else { Ok(durable::sync_directory(packs)?) }
}

/// New packs from the contents of old ones.
pub(super) struct Refill {
    packer: Packer,
    taken: HashSet<Digest>,
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Refill {
    /// What is appended at once, in bytes.
    const AT_ONCE: usize = 2 << 20;

    pub(super) fn new(store: &Path) -> Self {
        Self {
            packer: Packer::new(store),
            taken: HashSet::new(),
            bytes: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Takes these contents of a pack, in the order in which they lie there. Whether all of them are
    /// what they should be: what is not, is not taken.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(super) fn take_all(
        &mut self,
        pack: &Pack,
        mut records: Vec<Record>,
    ) -> Result<bool, SnapshotError> {
        records.sort_unstable_by_key(|record| record.offset);
        let mut sound = true;
        for record in records {
            if self.taken.contains(&record.digest) {
                continue;
            }
            let Some(content) = pack.content(&record)? else {
                sound = false;
                continue;
            };
            let piece =
                Piece { digest: record.digest, start: self.bytes.len(), length: content.len() };
            self.taken.insert(record.digest);
            self.bytes.extend_from_slice(&content);
            self.pieces.push(piece);
            if self.bytes.len() >= Self::AT_ONCE {
                self.flush()?;
            }
        }
        Ok(sound)
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        self.packer.append(&self.bytes, &self.pieces)?;
        self.bytes.clear();
        self.pieces.clear();
        Ok(())
    }

    /// Puts the new packs beside the others, durably, and returns their names.
    ///
    /// # Errors
    /// As [`Packer::publish`].
    pub(super) fn publish(mut self) -> Result<Vec<Digest>, SnapshotError> {
        self.flush()?;
        self.packer.publish()
    }
}
