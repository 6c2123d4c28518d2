//! Content by digest: one file per content, named by its SHA-256.
//!
//! Content first goes to a file of the capture's own below `incoming/`. Only when the whole capture
//! has succeeded and its content is on disk does it get its name, by rename: an object that has a
//! name is whole, also after a power cut, so that later captures may rely on it.

mod name;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::syncfs;
use sha2::{Digest as _, Sha256};

pub use name::{CloneId, ContentName, ParseContentNameError};

use super::SnapshotError;
use super::error::{unreadable, unwritable};
use crate::system::{Digest, durable};

/// How many bytes are copied at a time: what is asked between two looks at the limits.
const PIECE: usize = 256 * 1024;

/// Up to this many new objects are synced one by one; from there on one syncfs(2) is cheaper,
/// although it also waits for what other programs have written.
const SYNCED_SINGLY: usize = 32;

/// The objects of a store.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: PathBuf,
}

impl Objects {
    pub(super) fn new(store: &Path) -> Self {
        Self { store: store.to_owned() }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let (fan, rest) = hex.split_at(2);
        self.store.join("objects").join(fan).join(rest)
    }

    /// Whether the store has this content.
    pub(super) fn holds(&self, name: &ContentName) -> bool {
        name.as_digest().is_some_and(|digest| self.path(digest).exists())
    }

    /// Whether content could be copied out of the store: reads all of it and holds it to its name.
    ///
    /// # Errors
    /// As [`Self::copy_to`].
    pub(super) fn check(&self, name: &ContentName) -> Result<(), SnapshotError> {
        let mut wrote = |source| SnapshotError::Write { path: self.store.clone(), source };
        self.copy_to(name, &mut io::sink(), &mut wrote)
    }

    /// Copies content out of the store, and checks on the way that it is what its name says.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where it is missing or something else, before anything relies on
    /// it; `wrote` makes the error of a failed write.
    pub(super) fn copy_to(
        &self,
        name: &ContentName,
        to: &mut dyn Write,
        wrote: &mut dyn FnMut(io::Error) -> SnapshotError,
    ) -> Result<(), SnapshotError> {
        let Some(digest) = name.as_digest() else {
            let what = format!("there is no {name}");
            return Err(SnapshotError::Damaged { path: self.store.clone(), what });
        };
        let path = self.path(digest);
        let damaged =
            |what: &str| SnapshotError::Damaged { path: path.clone(), what: what.to_owned() };
        let mut object = match File::open(&path) {
            Ok(object) => object,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("the object is missing"));
            }
            Err(error) => return Err(unreadable(&path)(error)),
        };
        let mut hasher = Sha256::new();
        let mut piece = vec![0_u8; PIECE];
        loop {
            let length = read_piece(&mut object, &mut piece).map_err(unreadable(&path))?;
            let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
            hasher.update(read);
            to.write_all(read).map_err(&mut *wrote)?;
        }
        if Digest::from_bytes(hasher.finalize().into()) == *digest {
            Ok(())
        } else {
            Err(damaged("its content does not have the digest that it is named by"))
        }
    }

    /// A place for content on its way.
    ///
    /// # Errors
    /// [`SnapshotError::Durable`].
    pub(super) fn incoming(&self, name: &str) -> Result<Incoming, SnapshotError> {
        let directory = self.store.join("incoming").join(format!("{name}.{}", std::process::id()));
        durable::create_directory(&directory)?;
        Ok(Incoming { objects: self.clone(), directory, received: BTreeMap::new(), number: 0 })
    }
}

/// Reads once, going on after a signal.
fn read_piece(from: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Hashes what a reader yields; `each` is told of every piece.
///
/// # Errors
/// What the reader and `each` fail with.
pub(super) fn hash(
    from: &mut dyn Read,
    path: &Path,
    each: &mut dyn FnMut(u64) -> Result<(), SnapshotError>,
) -> Result<(Digest, u64), SnapshotError> {
    copy_hashing(from, path, &mut io::sink(), path, each)
}

fn copy_hashing(
    from: &mut dyn Read,
    from_path: &Path,
    to: &mut dyn Write,
    to_path: &Path,
    each: &mut dyn FnMut(u64) -> Result<(), SnapshotError>,
) -> Result<(Digest, u64), SnapshotError> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0_u8; PIECE];
    let mut total = 0_u64;
    loop {
        let length = read_piece(from, &mut piece).map_err(unreadable(from_path))?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
        each(length as u64)?;
        hasher.update(read);
        to.write_all(read).map_err(unwritable(to_path))?;
        total += length as u64;
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), total))
}

/// Content that one capture has taken and not published. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Incoming {
    objects: Objects,
    directory: PathBuf,
    received: BTreeMap<Digest, PathBuf>,
    number: u64,
}

impl Incoming {
    /// Whether the store has this content already.
    pub(super) fn holds(&self, name: &ContentName) -> bool {
        self.objects.holds(name)
    }

    /// Takes in what a reader yields; `each` is told of every piece and may refuse it.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Write`] and what `each` fails with.
    pub(super) fn receive(
        &mut self,
        from: &mut dyn Read,
        path: &Path,
        each: &mut dyn FnMut(u64) -> Result<(), SnapshotError>,
    ) -> Result<(Digest, u64), SnapshotError> {
        self.number += 1;
        let temporary = self.directory.join(self.number.to_string());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(unwritable(&temporary))?;
        let (digest, length) = copy_hashing(from, path, &mut file, &temporary, each)?;
        if self.received.contains_key(&digest) || self.objects.path(&digest).exists() {
            std::fs::remove_file(&temporary).map_err(unwritable(&temporary))?;
        } else {
            self.received.insert(digest, temporary);
        }
        Ok((digest, length))
    }

    /// Gives all content its name, durably. Content that a failure leaves with a name is whole and
    /// named by no manifest: garbage, not damage.
    ///
    /// # Errors
    /// [`SnapshotError::Write`], [`SnapshotError::Durable`].
    pub(super) fn publish(mut self) -> Result<(), SnapshotError> {
        let received = std::mem::take(&mut self.received);
        let singly = received.len() <= SYNCED_SINGLY;
        if singly {
            for temporary in received.values() {
                File::open(temporary)
                    .and_then(|file| file.sync_all())
                    .map_err(unwritable(temporary))?;
            }
        } else {
            self.sync_file_system()?;
        }
        let mut fans: Vec<PathBuf> = Vec::new();
        for (digest, temporary) in &received {
            let path = self.objects.path(digest);
            let fan = path.parent().unwrap_or(&self.directory).to_owned();
            durable::create_directory(&fan)?;
            std::fs::rename(temporary, &path).map_err(unwritable(&path))?;
            // Digests come in order, and so do the directories that they fan out to.
            if fans.last() != Some(&fan) {
                fans.push(fan);
            }
        }
        if singly {
            fans.iter().try_for_each(|fan| durable::sync_directory(fan))?;
        } else {
            self.sync_file_system()?;
        }
        Ok(())
    }

    fn sync_file_system(&self) -> Result<(), SnapshotError> {
        let opened = File::open(&self.directory).map_err(unwritable(&self.directory))?;
        syncfs(opened).map_err(unwritable(&self.directory))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // What cannot be removed is garbage that nothing reads; the error that led here says more.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
