//! Packs in the making: contents are appended to one file, closed with a table of what is in it, synced,
//! and moved into `packs/`. What has its name there is whole, also after a power cut.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::format::{Footer, HEAD, RECORD, Record};
use super::pack::{Pack, beginning};
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unwritable;
use crate::system::{Digest, durable};

/// A pack with so many contents is closed: what is open is known by heart.
pub(super) const MOST_CONTENTS: usize = 128 * 1024;

/// So is one of this many bytes: a pack that is half garbage is written anew.
const MOST_BYTES: u64 = 512 << 20;

/// One content in a piece of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) digest: Digest,
    /// Where it begins in the bytes.
    pub(super) start: usize,
    /// Its length in bytes.
    pub(super) length: usize,
}

/// A pack that was just closed, and what is in it.
pub(super) type Closed = (Arc<Pack>, Vec<Record>);

/// Writes packs. What was not published is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Packer {
    store: PathBuf,
    open: Option<Open>,
    closed: Vec<Arc<Pack>>,
}

/// The pack that is appended to.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    length: u64,
    records: Vec<Record>,
}

impl Packer {
    pub(super) fn new(store: &Path) -> Self {
        Self { store: store.to_owned(), open: None, closed: Vec::new() }
    }

    /// Appends contents, all of the bytes at once. The pack that this filled is closed and returned.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub(super) fn append(
        &mut self,
        bytes: &[u8],
        pieces: &[Piece],
    ) -> Result<Option<Closed>, SnapshotError> {
        if pieces.is_empty() {
            return Ok(None);
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::create(&self.store)?),
        };
        (&open.file).write_all(bytes).map_err(unwritable(&open.path))?;
        for piece in pieces {
            open.records.push(Record {
                digest: piece.digest,
                offset: open.length + piece.start as u64,
                length: u32::try_from(piece.length).unwrap_or(u32::MAX),
            });
        }
        open.length += bytes.len() as u64;
        if open.records.len() >= MOST_CONTENTS || open.length >= MOST_BYTES {
            self.close()
        } else {
            Ok(None)
        }
    }

    /// Closes the pack that is appended to, where there is one.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    fn close(&mut self) -> Result<Option<Closed>, SnapshotError> {
        let Some(mut open) = self.open.take() else { return Ok(None) };
        let (footer, beginnings) = open.close().inspect_err(|_| open.remove())?;
        let pack = Arc::new(Pack::written(open.path, open.file, footer, beginnings));
        self.closed.push(Arc::clone(&pack));
        Ok(Some((pack, open.records)))
    }

    /// How many contents are in the pack that is appended to.
    pub(super) fn open_records(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.records.len())
    }

    /// Gives the packs their names, durably, and returns the names. A pack that a failure leaves in
    /// its place is whole and named by no manifest: garbage, not damage.
    ///
    /// # Errors
    /// [`SnapshotError::Write`], [`SnapshotError::Durable`].
    pub(super) fn publish(&mut self) -> Result<Vec<Digest>, SnapshotError> {
        self.close()?;
        if self.closed.is_empty() {
            return Ok(Vec::new());
        }
        let packs = self.store.join("packs");
        for pack in &self.closed {
            pack.file().sync_data().map_err(unwritable(pack.path()))?;
        }
        let mut names = Vec::new();
        // From the end, so that what is left to be removed should it fail is what has no name yet.
        while let Some(pack) = self.closed.last() {
            let path = packs.join(pack.name().hex());
            // One of the same name has the same contents in the same places.
            std::fs::rename(pack.path(), &path).map_err(unwritable(&path))?;
            names.push(*pack.name());
            self.closed.pop();
        }
        durable::sync_directory(&packs)?;
        Ok(names)
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.remove();
        }
        for pack in &self.closed {
            // What cannot be removed is garbage that nothing reads; the error that led here says more.
            let _ = std::fs::remove_file(pack.path());
        }
    }
}

impl Open {
    fn create(store: &Path) -> Result<Self, SnapshotError> {
        let (path, file) = create_incoming(store)?;
        (&file).write_all(HEAD).map_err(unwritable(&path))?;
        Ok(Self { path, file, length: HEAD.len() as u64, records: Vec::new() })
    }

    /// Writes the table and the footer.
    fn close(&mut self) -> Result<(Footer, Vec<u32>), SnapshotError> {
        self.records.sort_unstable_by_key(|record| record.digest);
        let mut beginnings = Vec::with_capacity(self.records.len());
        let mut hasher = Sha256::new();
        // A capture of one file writes this once, one of very many does not hold it twice.
        let room = (self.records.len() * RECORD + 64).min(64 * 1024);
        let mut to = BufWriter::with_capacity(room, &self.file);
        let mut write = || {
            for record in &self.records {
                let bytes = record.encode();
                beginnings.push(beginning(&bytes));
                hasher.update(bytes);
                to.write_all(&bytes)?;
            }
            let footer = Footer {
                table: self.length,
                count: self.records.len() as u64,
                digest: Digest::from_bytes(std::mem::take(&mut hasher).finalize().into()),
            };
            to.write_all(&footer.encode())?;
            to.flush()?;
            Ok(footer)
        };
        let footer = write().map_err(unwritable::<std::io::Error>(&self.path))?;
        Ok((footer, beginnings))
    }

    fn remove(&self) {
        // As above.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A new file of this process in `incoming/`: whatever lies there while no capture runs is garbage.
///
/// # Errors
/// [`SnapshotError::Write`].
pub(super) fn create_incoming(store: &Path) -> Result<(PathBuf, File), SnapshotError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = store.join("incoming").join(format!("{}.{number}", std::process::id()));
        let created =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        match created {
            Ok(file) => return Ok((path, file)),
            // Left by a process that had this id before.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(&path)(error)),
        }
    }
}
