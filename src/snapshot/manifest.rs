//! Manifests on disk: lines of canonical JSON, written and read as a stream, so that a million entries
//! take no more memory than one.
//!
//! The first line says when and where it was taken (`at`, `selection`, `v`), then comes a line for each
//! entry, sorted by [`path_order`], and the last line says how many there were and what is not
//! covered. The digest of the whole file stands in the run's record and in the audit entry.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::aside::{ReadAhead, WORTH_A_THREAD};
use super::error::unreadable;
use super::line;
use super::{ContentName, Entry, Manifest, Selection, SnapshotError};
use crate::system::canonical;
use crate::system::durable::StreamedFile;
use crate::system::{Digest, Moment};

/// The format of the lines.
pub(super) const FORMAT: u32 = 2;

/// How much is hashed and written at a time.
const PIECE: usize = 256 * 1024;

/// The order of entries: component by component, so that what lies in a directory follows it
/// immediately (`a`, `a/x`, `a-b`).
pub(super) fn path_order(one: &[u8], two: &[u8]) -> Ordering {
    // A slash sorts before everything that can stand in a name.
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    match one.iter().zip(two).find(|(one, two)| one != two) {
        Some((one, two)) => key(one).cmp(&key(two)),
        None => one.len().cmp(&two.len()),
    }
}

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) at: Moment,
    pub(super) selection: Selection,
    pub(super) v: u32,
}

impl Head {
    pub(super) fn new(selection: Selection) -> Self {
        Self { at: Moment::now(), selection, v: FORMAT }
    }
}

/// The last line.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tail {
    /// What content is called by its digest that stands in *before* as a clone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) clones: BTreeMap<String, Digest>,
    pub(super) entries: u64,
    pub(super) not_covered: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) not_covered_told: Vec<String>,
}

/// A manifest on its way to the disk. Dropped, it leaves nothing.
pub(super) struct ManifestWriter {
    file: StreamedFile,
    hasher: Sha256,
    buffer: Vec<u8>,
    entries: u64,
}

impl ManifestWriter {
    /// Begins a manifest that will have this path.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn create(path: &Path, head: &Head) -> Result<Self, SnapshotError> {
        let file = StreamedFile::create(path)?;
        let mut writer =
            Self { file, hasher: Sha256::new(), buffer: Vec::with_capacity(4096), entries: 0 };
        writer.line(head)?;
        Ok(writer)
    }

    fn line<T: Serialize>(&mut self, value: &T) -> Result<(), SnapshotError> {
        let text = canonical::to_string(value).map_err(|source| SnapshotError::Unrecordable {
            path: self.file.path().to_owned(),
            source,
        })?;
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.push(b'\n');
        Ok(())
    }

    /// Adds an entry; they come in their order.
    ///
    /// # Errors
    /// [`SnapshotError::Unrecordable`], and those of writing.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), SnapshotError> {
        line::write(entry, &mut self.buffer).map_err(|source| SnapshotError::Unrecordable {
            path: entry.path.as_path().to_owned(),
            source,
        })?;
        self.buffer.push(b'\n');
        self.entries += 1;
        if self.buffer.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        self.hasher.update(&self.buffer);
        self.file.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// The path that it will have.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// How many entries it has.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Ends it, and puts it in place with its content on disk. Its name is durable when its directory
    /// is synced: what makes the manifest count is written there afterwards.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn finish(mut self, tail: Tail) -> Result<Digest, SnapshotError> {
        self.line(&Tail { entries: self.entries, ..tail })?;
        self.flush()?;
        self.file.put_in_place()?;
        Ok(Digest::from_bytes(self.hasher.finalize().into()))
    }
}

/// A manifest on disk that has the digest that it should have.
#[derive(Clone, Debug)]
pub(super) struct ManifestFile {
    path: PathBuf,
    file: Arc<File>,
    pub(super) head: Head,
    pub(super) tail: Tail,
    /// Where the entries begin and end, in bytes.
    begin: u64,
    end: u64,
}

impl ManifestFile {
    /// Opens it, and reads all of it once to hold it to its digest.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
    pub(super) fn open(path: &Path, digest: &Digest) -> Result<Self, SnapshotError> {
        let mut file = File::open(path).map_err(unreadable(path))?;
        let damaged = |what: String| SnapshotError::Damaged { path: path.to_owned(), what };
        let mut hasher = Sha256::new();
        let mut piece = vec![0_u8; PIECE];
        let mut length = 0_u64;
        loop {
            let read = match file.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(unreadable(path))?,
            };
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            length += read as u64;
        }
        if Digest::from_bytes(hasher.finalize().into()) != *digest {
            let what = format!("it does not have the digest {digest} that its run records");
            return Err(damaged(what));
        }
        let file = Arc::new(file);
        let mut first = Vec::new();
        BufReader::new(Part { file: &file, at: 0, end: length })
            .read_until(b'\n', &mut first)
            .map_err(unreadable(path))?;
        let begin = first.len() as u64;
        let end = last_line(&file, length).map_err(unreadable(path))?.max(begin);
        let mut last = Vec::new();
        Part { file: &file, at: end, end: length }
            .read_to_end(&mut last)
            .map_err(unreadable(path))?;
        let head = line::read(&first).map_err(&damaged)?;
        let tail = line::read(&last).map_err(&damaged)?;
        Ok(Self { path: path.to_owned(), file, head, tail, begin, end })
    }

    /// Its entries, in order.
    pub(super) fn entries(&self) -> Entries {
        let part = OwnedPart { file: Arc::clone(&self.file), at: self.begin, end: self.end };
        Entries {
            reader: BufReader::with_capacity(64 * 1024, part),
            path: self.path.clone(),
            line: Vec::new(),
        }
    }

    /// Its entries, read ahead by another thread where there are many.
    pub(super) fn entries_ahead(&self) -> Box<dyn Iterator<Item = Result<Entry, SnapshotError>>> {
        let many = self.tail.entries >= WORTH_A_THREAD;
        match many.then(|| ReadAhead::begin(self.entries())).flatten() {
            Some(ahead) => Box::new(ahead),
            None => Box::new(self.entries()),
        }
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// As those of its entries.
    pub(super) fn load(&self) -> Result<Manifest, SnapshotError> {
        Ok(Manifest {
            v: self.head.v,
            at: self.head.at.clone(),
            selection: self.head.selection.clone(),
            entries: self.entries().collect::<Result<_, _>>()?,
            not_covered: self.tail.not_covered.clone(),
            not_covered_told: self.tail.not_covered_told.clone(),
        })
    }
}

/// Where the last line of a file begins.
fn last_line(file: &File, length: u64) -> io::Result<u64> {
    const STEP: u64 = 4096;
    let mut piece = vec![0_u8; STEP as usize];
    // The line feed at the very end belongs to the last line itself.
    let mut end = length.saturating_sub(1);
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let part = piece.get_mut(..(end - start) as usize).unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(found) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + found as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// A part of a file, read without moving its position.
struct Part<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

/// The same, that keeps the file open.
#[derive(Debug)]
struct OwnedPart {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Read for OwnedPart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut part = Part { file: &self.file, at: self.at, end: self.end };
        let read = part.read(buffer)?;
        self.at = part.at;
        Ok(read)
    }
}

/// The entries of a manifest on disk, one after another.
#[derive(Debug)]
pub(super) struct Entries {
    reader: BufReader<OwnedPart>,
    path: PathBuf,
    line: Vec<u8>,
}

impl Iterator for Entries {
    type Item = Result<Entry, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.clear();
        match self.reader.read_until(b'\n', &mut self.line) {
            Ok(0) => None,
            Ok(_) => Some(
                line::read_entry(&self.line)
                    .map_err(|what| SnapshotError::Damaged { path: self.path.clone(), what }),
            ),
            Err(error) => Some(Err(unreadable(&self.path)(error))),
        }
    }
}

impl Manifest {
    /// One without entries, as of now.
    pub(super) fn new(selection: Selection) -> Self {
        let Head { at, selection, v } = Head::new(selection);
        Self {
            v,
            at,
            selection,
            entries: Vec::new(),
            not_covered: Vec::new(),
            not_covered_told: Vec::new(),
        }
    }

    /// The entry of a path.
    #[cfg(test)]
    pub(super) fn entry(&self, path: &crate::system::ByteString) -> Option<&Entry> {
        let order = |entry: &Entry| path_order(entry.path.as_bytes(), path.as_bytes());
        let index = self.entries.binary_search_by(order).ok()?;
        self.entries.get(index)
    }

    /// What was at a path; a path without an entry was not there, or not looked at.
    #[cfg(test)]
    pub(super) fn node(&self, path: &crate::system::ByteString) -> &super::Node {
        self.entry(path).map_or(&super::Node::Absent, |entry| &entry.node)
    }
}

impl Tail {
    /// The name by which content is known now: its digest, where a clone was hashed since.
    pub(super) fn resolved(&self, name: ContentName) -> ContentName {
        match &name {
            ContentName::Clone(_) => {
                self.clones.get(&name.to_string()).map_or(name, |digest| (*digest).into())
            }
            ContentName::Digest(_) => name,
        }
    }
}
