//! Keeping the packs few and the index complete, in passing, after a capture.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use nix::fcntl::Flock;

use super::format::Record;
use super::index;
use super::pack::Pack;
use super::packer::{Packer, Piece};
use super::shelf::pack_names;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unreadable;
use crate::system::durable::DurableError;
use crate::system::{Digest, durable};

/// When more packs than this are not in the index, it is made anew.
pub(super) const MOST_UNINDEXED: usize = 64;

/// Packs smaller than the bytes are put together when there are more than this of them: however many
/// tiny runs there were, there are few files, and no content is copied often.
const TOGETHER: [(u64, usize); 2] = [(4 << 20, 16), (64 << 20, 64)];

/// The right to replace packs by others with the same contents, and to replace the index.
///
/// # Errors
/// [`DurableError`].
pub(super) fn lock(store: &Path) -> Result<Flock<File>, DurableError> {
    durable::lock(&store.join("packs.lock"))
}

/// Puts small packs together and makes the index anew, unless somebody else is at it.
///
/// Nothing is lost to whoever looks at the store meanwhile: the contents of a pack are in another one,
/// on disk, before it goes, and a reader that misses it looks again.
///
/// # Errors
/// Those of reading and writing. The store is then as good as before.
pub(super) fn tend(store: &Path) -> Result<(), SnapshotError> {
    let Some(_lock) = durable::try_lock(&store.join("packs.lock"))? else { return Ok(()) };
    let packs = store.join("packs");
    for (bytes, count) in TOGETHER {
        put_together(store, &packs, bytes, count)?;
    }
    let mut sound = pack_names(&packs)?;
    sound.retain(|name| matches!(Pack::open(&packs, name), Ok(Some(_))));
    index::rebuild(store, &sound)
}

fn put_together(store: &Path, packs: &Path, bytes: u64, count: usize) -> Result<(), SnapshotError> {
    let mut small = Vec::new();
    for name in pack_names(packs)? {
        let path = packs.join(name.hex());
        if std::fs::metadata(&path).map_err(unreadable(&path))?.len() < bytes {
            small.push(name);
        }
    }
    if small.len() <= count {
        return Ok(());
    }
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
