//! Reading and writing long manifests beside the walk, each on a thread of its own: the walk waits for
//! the file system, and they use the processor in the meantime.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::manifest::{Entries, ManifestWriter, Tail};
use super::{Entry, SnapshotError};
use crate::system::Digest;

/// How many entries are handed over at once.
const BATCH: usize = 256;

/// How many batches may wait.
const WAITING: usize = 8;

/// From how many entries on a thread pays.
pub(super) const WORTH_A_THREAD: u64 = 4096;

/// The entries of a manifest, read ahead. Dropped, the reading stops.
pub(super) struct ReadAhead {
    batches: Receiver<Vec<Result<Entry, SnapshotError>>>,
    batch: std::vec::IntoIter<Result<Entry, SnapshotError>>,
}

impl ReadAhead {
    /// Begins to read; `None` where there is no thread to be had.
    pub(super) fn begin(entries: Entries) -> Option<Self> {
        let (sender, batches) = sync_channel(WAITING);
        let read = move || {
            let mut entries = entries.peekable();
            while entries.peek().is_some() {
                let batch = entries.by_ref().take(BATCH).collect();
                // Nobody wants more.
                if sender.send(batch).is_err() {
                    return;
                }
            }
        };
        Builder::new().spawn(read).ok()?;
        Some(Self { batches, batch: Vec::new().into_iter() })
    }
}

impl Iterator for ReadAhead {
    type Item = Result<Entry, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.batch.next() {
                return Some(entry);
            }
            self.batch = self.batches.recv().ok()?.into_iter();
        }
    }
}

/// A manifest that is written by a thread of its own once it is long.
pub(super) struct WriteBehind {
    path: PathBuf,
    writer: Writer,
}

enum Writer {
    /// Here; whether it stays so.
    Here(ManifestWriter, bool),
    /// By another thread, which takes batches until there are no more.
    There(Vec<Entry>, SyncSender<Vec<Entry>>, JoinHandle<Result<ManifestWriter, SnapshotError>>),
    /// It has failed, and that was told.
    Gone,
}

impl WriteBehind {
    /// Goes on with a manifest.
    pub(super) fn new(writer: ManifestWriter) -> Self {
        Self { path: writer.path().to_owned(), writer: Writer::Here(writer, false) }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// As [`ManifestWriter::push`], for this entry or one before it.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), SnapshotError> {
        match &mut self.writer {
            Writer::Here(writer, stays) => {
                writer.push(&entry)?;
                if !*stays && writer.entries() >= WORTH_A_THREAD {
                    self.move_aside();
                }
                Ok(())
            }
            Writer::There(batch, batches, _) => {
                batch.push(entry);
                if batch.len() < BATCH || batches.send(std::mem::take(batch)).is_ok() {
                    return Ok(());
                }
                self.take_back().map(drop)
            }
            Writer::Gone => Err(self.gone()),
        }
    }

    fn move_aside(&mut self) {
        let (sender, receiver) = sync_channel::<Vec<Entry>>(WAITING);
        let (hand_over, taken) = sync_channel::<ManifestWriter>(1);
        let path = self.path.clone();
        let write = move || {
            let mut writer = taken.recv().map_err(|_| gone(&path))?;
            for batch in receiver {
                batch.iter().try_for_each(|entry| writer.push(entry))?;
            }
            Ok(writer)
        };
        let spawned = Builder::new().spawn(write);
        if let Writer::Here(writer, _) = std::mem::replace(&mut self.writer, Writer::Gone) {
            self.writer = match spawned {
                Ok(thread) => {
                    // It waits for just this, and for nothing else.
                    let _ = hand_over.send(writer);
                    Writer::There(Vec::with_capacity(BATCH), sender, thread)
                }
                // Without a thread it is written here, only slower.
                Err(_) => Writer::Here(writer, true),
            };
        }
    }

    /// Ends it: see [`ManifestWriter::finish`].
    ///
    /// # Errors
    /// As [`ManifestWriter::push`] and [`ManifestWriter::finish`].
    pub(super) fn finish(mut self, tail: Tail) -> Result<Digest, SnapshotError> {
        self.take_back()?.finish(tail)
    }

    /// Waits for what was handed over, and takes the writer back.
    fn take_back(&mut self) -> Result<ManifestWriter, SnapshotError> {
        match std::mem::replace(&mut self.writer, Writer::Gone) {
            Writer::Here(writer, _) => Ok(writer),
            Writer::There(batch, batches, thread) => {
                // Where it cannot be handed over the thread has failed, and says so itself.
                let _ = batches.send(batch);
                drop(batches);
                match thread.join() {
                    Ok(written) => written,
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Writer::Gone => Err(self.gone()),
        }
    }

    fn gone(&self) -> SnapshotError {
        gone(&self.path)
    }
}

fn gone(path: &Path) -> SnapshotError {
    let source = io::Error::other("writing it has failed before");
    SnapshotError::Write { path: path.to_owned(), source }
}
