//! A pack that is closed, to look contents up in and to read them from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest as _, Sha256};

use super::format::{FOOTER, Footer, HEAD, RECORD, Record, Table};
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unreadable;
use crate::system::Digest;

/// After so many look-ups it is worth while to read the whole table once.
const FEW: u32 = 64;

/// An open pack.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    file: File,
    footer: Footer,
    looked: AtomicU32,
    /// The first four bytes of each digest, in the order of the table.
    beginnings: OnceLock<Vec<u32>>,
}

/// The first four bytes of a digest: they sort as the digests do.
pub(super) fn beginning(digest: &[u8]) -> u32 {
    digest.first_chunk().map_or(0, |first| u32::from_be_bytes(*first))
}

impl Pack {
    /// Opens a pack; `None` where there is none of this name.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where it is not whole, [`SnapshotError::Read`].
    pub(super) fn open(directory: &Path, name: &Digest) -> Result<Option<Self>, SnapshotError> {
        let path = directory.join(name.hex());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path)(error)),
        };
        let footer = read_footer(&file).map_err(unreadable(&path))?;
        match footer {
            Some(footer) if footer.digest == *name => Ok(Some(Self::new(path, file, footer))),
            _ => {
                let what = "it does not end as a pack of its name does".to_owned();
                Err(SnapshotError::Damaged { path, what })
            }
        }
    }

    fn new(path: PathBuf, file: File, footer: Footer) -> Self {
        Self { path, file, footer, looked: AtomicU32::new(0), beginnings: OnceLock::new() }
    }

    /// A pack that was just written, whose beginnings are known.
    pub(super) fn written(path: PathBuf, file: File, footer: Footer, beginnings: Vec<u32>) -> Self {
        Self { beginnings: beginnings.into(), ..Self::new(path, file, footer) }
    }

    /// What it is called in `packs/`.
    pub(super) fn name(&self) -> &Digest {
        &self.footer.digest
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// How many contents are in it.
    pub(super) fn count(&self) -> u64 {
        self.footer.count
    }

    pub(super) fn table(&self) -> Table<'_> {
        Table { file: &self.file, at: self.footer.table, count: self.footer.count, width: RECORD }
    }

    /// Where the content with this digest is in it.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn find(&self, digest: &Digest) -> io::Result<Option<Record>> {
        if self.beginnings.get().is_none() {
            if self.looked.fetch_add(1, Ordering::Relaxed) < FEW {
                let found = self.table().search::<RECORD>(digest)?;
                return Ok(found.and_then(|bytes| self.sound(&bytes, digest)));
            }
            let _ = self.beginnings.set(self.read_beginnings()?);
        }
        let beginnings = self.beginnings.get().map(Vec::as_slice).unwrap_or_default();
        let wanted = beginning(digest.as_bytes());
        let first = beginnings.partition_point(|one| *one < wanted);
        let equal = beginnings.iter().skip(first).take_while(|one| **one == wanted).count();
        for number in first..first + equal {
            if let Some(record) = self.record(number as u64, digest)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The record with this number, if it is that of this digest.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn record(&self, number: u64, digest: &Digest) -> io::Result<Option<Record>> {
        if number >= self.footer.count {
            return Ok(None);
        }
        Ok(self.sound(&self.table().record::<RECORD>(number)?, digest))
    }

    fn sound(&self, bytes: &[u8], digest: &Digest) -> Option<Record> {
        Record::decode(bytes).filter(|record| record.digest == *digest && self.has_room(record))
    }

    fn has_room(&self, record: &Record) -> bool {
        record.offset >= HEAD.len() as u64 && record.end() <= self.footer.table
    }

    fn read_beginnings(&self) -> io::Result<Vec<u32>> {
        let count = usize::try_from(self.footer.count).unwrap_or_default();
        let mut beginnings = Vec::with_capacity(count);
        self.each_record(&mut |bytes| beginnings.push(beginning(bytes)))?;
        Ok(beginnings)
    }

    /// Hands the bytes of every record on, in their order.
    fn each_record(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        const AT_ONCE: u64 = 1024;
        let mut bytes = vec![0_u8; AT_ONCE.min(self.footer.count) as usize * RECORD];
        let mut number = 0;
        while number < self.footer.count {
            let length = AT_ONCE.min(self.footer.count - number);
            let piece = bytes.get_mut(..length as usize * RECORD).unwrap_or_default();
            self.file.read_exact_at(piece, self.footer.table + number * RECORD as u64)?;
            piece.chunks_exact(RECORD).for_each(&mut *each);
            number += length;
        }
        Ok(())
    }

    /// Every record that is sound, in their order.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn records(&self) -> Result<Vec<Record>, SnapshotError> {
        let mut records = Vec::new();
        self.each_record(&mut |bytes| {
            records.extend(Record::decode(bytes).filter(|record| self.has_room(record)));
        })
        .map_err(unreadable(&self.path))?;
        Ok(records)
    }

    /// Whether its table is what its name says.
    ///
    /// # Errors
    /// [`SnapshotError::Read`].
    pub(super) fn is_whole(&self) -> Result<bool, SnapshotError> {
        let mut hasher = Sha256::new();
        self.each_record(&mut |bytes| hasher.update(bytes)).map_err(unreadable(&self.path))?;
        Ok(Digest::from_bytes(hasher.finalize().into()) == self.footer.digest)
    }

    /// The content at a record; `None` where it is not what its digest says.
    ///
    /// # Errors
    /// [`SnapshotError::Read`].
    pub(super) fn content(&self, record: &Record) -> Result<Option<Vec<u8>>, SnapshotError> {
        if !self.has_room(record) {
            return Ok(None);
        }
        let mut bytes = vec![0_u8; record.length as usize];
        self.file.read_exact_at(&mut bytes, record.offset).map_err(unreadable(&self.path))?;
        Ok((Digest::of(&bytes) == record.digest).then_some(bytes))
    }
}

fn read_footer(file: &File) -> io::Result<Option<Footer>> {
    let length = file.metadata()?.len();
    let mut bytes = [0_u8; FOOTER];
    let Some(at) = length.checked_sub(FOOTER as u64) else { return Ok(None) };
    file.read_exact_at(&mut bytes, at)?;
    Ok(Footer::decode(&bytes, length))
}
