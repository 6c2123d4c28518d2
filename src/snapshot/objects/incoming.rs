//! Content on its way into the store: what one capture takes.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use nix::fcntl::Flock;

use super::cloner::{Cloner, SYNCED_SINGLY};
use super::large::{Each, copy, digest_name, open_clone, open_digest, read_piece};
use super::pack::Pack;
use super::packer::{Packer, Piece, create_incoming};
use super::shelf::Shelf;
use super::tend::{MOST_UNINDEXED, tend};
use super::{ContentName, Objects};
use crate::review::RequestId;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::{unreadable, unwritable};
use crate::system::{Digest, WriteBehind, durable};

/// Content up to this many bytes goes to a pack.
pub(super) const PACKED: usize = 1 << 20;

/// A buffer with this many bytes is handed over to the pack.
const FULL: usize = 2 << 20;

/// So is one with this many contents.
const MANY: usize = 16 * 1024;

/// What one thread has read and not handed over yet. It must come back to [`Incoming::publish`].
#[derive(Debug)]
pub(in crate::snapshot) struct WorkerBuffer {
    bytes: Vec<u8>,
    used: usize,
    pieces: Vec<Piece>,
}

/// Where content comes from.
pub(in crate::snapshot) struct Source<'a> {
    /// Yields the content, once.
    pub(in crate::snapshot) reader: &'a mut dyn Read,
    /// The file, where a clone of all of it will do as well.
    pub(in crate::snapshot) file: Option<&'a File>,
    /// How many bytes are expected.
    pub(in crate::snapshot) size: u64,
}

/// Content that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::snapshot) struct Received {
    pub(in crate::snapshot) name: ContentName,
    /// The bytes that were read; of a clone, its size.
    pub(in crate::snapshot) length: u64,
    /// Whether it was cloned: nobody was told of its bytes then, and it takes no room of its own.
    pub(in crate::snapshot) cloned: bool,
}

/// Content that one capture has taken and not published, by any number of threads. Dropped, it is
/// gone. While it is there, nothing is removed from the store.
#[derive(Debug)]
pub(in crate::snapshot) struct Incoming {
    store: PathBuf,
    shelf: Shelf,
    /// What goes to the pack that is appended to, or is in a buffer.
    claimed: Mutex<HashSet<Digest>>,
    packer: Mutex<Packer>,
    /// The packs of this capture that are closed.
    closed: RwLock<Vec<Arc<Pack>>>,
    large: Mutex<Vec<Large>>,
    cloner: Cloner,
    lock: Flock<File>,
}

/// Large content that has no name yet. Dropped, it is gone.
#[derive(Debug)]
struct Large {
    path: PathBuf,
    digest: Option<Digest>,
}

/// The content of a capture is in the store. While this is there nothing is removed from it, so the run
/// that names the content must be recorded before it is dropped.
#[derive(Debug)]
#[must_use = "what was published may be swept away once this is dropped"]
pub(in crate::snapshot) struct Published {
    _lock: Flock<File>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Incoming {
    /// Begins to take content for a run. Waits for a sweep that is removing something.
    ///
    /// # Errors
    /// [`SnapshotError::Durable`], [`SnapshotError::Read`].
    pub(super) fn begin(objects: &Objects, run: &RequestId) -> Result<Self, SnapshotError> {
        let store = objects.store.clone();
        // The lock comes before the first look.
        let lock = durable::lock_shared(&super::sweep::lock_path(&store))?;
        Ok(Self {
            shelf: Shelf::look(&store)?,
            claimed: Mutex::default(),
            packer: Mutex::new(Packer::new(&store)),
            closed: RwLock::default(),
            large: Mutex::default(),
            cloner: Cloner::new(&store, objects.scope, run),
            lock,
            store,
        })
    }

    /// The buffer of one thread.
    pub(in crate::snapshot) fn worker(&self) -> WorkerBuffer {
        WorkerBuffer { bytes: Vec::new(), used: 0, pieces: Vec::new() }
    }

    /// Whether the store has this content already, or will have it.
    pub(in crate::snapshot) fn holds(&self, name: &ContentName) -> bool {
        match name {
            ContentName::Digest(digest) => {
                *digest == Digest::of(b"")
                    || held(&self.claimed).contains(digest)
                    || self.is_packed(digest)
                    || self.is_large(digest)
            }
            ContentName::Clone(clone) => open_clone(&self.store, clone).is_ok(),
        }
    }

    fn is_packed(&self, digest: &Digest) -> bool {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        closed.iter().any(|pack| matches!(pack.find(digest), Ok(Some(_))))
            || self.shelf.find(digest).is_some()
    }

    fn is_large(&self, digest: &Digest) -> bool {
        held(&self.large).iter().any(|large| large.digest == Some(*digest))
            || matches!(open_digest(&self.store, digest, None), Ok(Some(_)))
    }

    /// Takes content in; `each` is told of every piece that is read and may refuse it.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Write`] and what `each` fails with.
    pub(in crate::snapshot) fn receive(
        &self,
        worker: &mut WorkerBuffer,
        source: Source<'_>,
        path: &Path,
        each: Each<'_>,
    ) -> Result<Received, SnapshotError> {
        if source.size > PACKED as u64
            && let Some(file) = source.file
            && let Some((clone, length)) = self.cloner.clone_file(file, path)?
        {
            return Ok(Received { name: ContentName::Clone(clone), length, cloned: true });
        }
        let room = worker.room();
        let mut read = 0;
        while let Some(free) = room.get_mut(read..).filter(|free| !free.is_empty()) {
            let length = read_piece(source.reader, free).map_err(unreadable(path))?;
            if length == 0 {
                break;
            }
            each(length as u64)?;
            read += length;
        }
        let content = room.get(..read).unwrap_or_default();
        if read > PACKED {
            return self.receive_large(content, source.reader, path, each);
        }
        let digest = Digest::of(content);
        // Nothing is kept of an empty file: its digest says all.
        if read > 0 && self.claim(&digest) {
            worker.pieces.push(Piece { digest, start: worker.used, length: read });
            worker.used += read;
            if worker.used >= FULL || worker.pieces.len() >= MANY {
                self.hand_over(worker)?;
            }
        }
        let name = ContentName::Digest(digest);
        Ok(Received { name, length: read as u64, cloned: false })
    }

    /// Whether this content is new: then whoever asks has to hand it over.
    fn claim(&self, digest: &Digest) -> bool {
        if held(&self.claimed).contains(digest) || self.is_packed(digest) {
            return false;
        }
        // In between another thread may have come by the same content.
        held(&self.claimed).insert(*digest)
    }

    /// Appends what is in a buffer to the pack.
    fn hand_over(&self, worker: &mut WorkerBuffer) -> Result<(), SnapshotError> {
        let bytes = worker.bytes.get(..worker.used).unwrap_or_default();
        let closed = held(&self.packer).append(bytes, &worker.pieces)?;
        worker.used = 0;
        worker.pieces.clear();
        if let Some((pack, records)) = closed {
            // First it is to be found there, then it need not be known by heart any more.
            self.closed.write().unwrap_or_else(PoisonError::into_inner).push(pack);
            let mut claimed = held(&self.claimed);
            records.iter().for_each(|record| {
                claimed.remove(&record.digest);
            });
        }
        Ok(())
    }

    fn receive_large(
        &self,
        head: &[u8],
        reader: &mut dyn Read,
        path: &Path,
        each: Each<'_>,
    ) -> Result<Received, SnapshotError> {
        let (temporary, file) = create_incoming(&self.store)?;
        let mut large = Large { path: temporary.clone(), digest: None };
        let mut wrote = |source| SnapshotError::Write { path: temporary.clone(), source };
        let (digest, length) =
            copy(head, reader, path, &mut WriteBehind::new(&file), &mut wrote, each)?;
        if !self.is_large(&digest) {
            large.digest = Some(digest);
            held(&self.large).push(large);
        }
        Ok(Received { name: ContentName::Digest(digest), length, cloned: false })
    }

    /// Gives all content its name, durably. The workers' buffers must all be there. Content that a
    /// failure leaves with a name is whole and named by no manifest: garbage, not damage.
    ///
    /// # Errors
    /// [`SnapshotError::Write`], [`SnapshotError::Durable`].
    pub(in crate::snapshot) fn publish(
        self,
        workers: impl IntoIterator<Item = WorkerBuffer>,
    ) -> Result<Published, SnapshotError> {
        for mut worker in workers {
            self.hand_over(&mut worker)?;
        }
        let mut packer = held(&self.packer);
        if packer.open_records() != held(&self.claimed).len() {
            let source = std::io::Error::other("a part of it was not handed over");
            return Err(SnapshotError::Write { path: self.store.join("packs"), source });
        }
        let packs = packer.publish()?;
        drop(packer);
        self.publish_large()?;
        self.cloner.publish()?;
        if self.shelf.unindexed() + packs.len() > MOST_UNINDEXED {
            // The content is in the store; that it could be found faster is no reason to fail.
            let _ = tend(&self.store);
        }
        Ok(Published { _lock: self.lock })
    }

    fn publish_large(&self) -> Result<(), SnapshotError> {
        let mut large = held(&self.large);
        if large.is_empty() {
            return Ok(());
        }
        let big = self.store.join("big");
        if large.len() <= SYNCED_SINGLY {
            for one in large.iter() {
                let synced = File::open(&one.path).and_then(|file| file.sync_data());
                synced.map_err(unwritable(&one.path))?;
            }
        } else {
            let opened = File::open(&big).map_err(unwritable(&big))?;
            rustix::fs::syncfs(opened).map_err(unwritable(&big))?;
        }
        for one in large.drain(..) {
            if let Some(digest) = &one.digest {
                let path = big.join(digest_name(digest, None));
                std::fs::rename(&one.path, &path).map_err(unwritable(&path))?;
            }
        }
        Ok(durable::sync_directory(&big)?)
    }
}

impl WorkerBuffer {
    /// Room for one byte more than goes to a pack.
    fn room(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            // Zeros from the kernel: what is not used takes no memory.
            self.bytes = vec![0; FULL + PACKED + 1];
        }
        self.bytes.get_mut(self.used..self.used + PACKED + 1).unwrap_or_default()
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        // Once it has its name in big/ there is nothing here any more. What cannot be removed is garbage
        // that nothing reads.
        let _ = std::fs::remove_file(&self.path);
    }
}
