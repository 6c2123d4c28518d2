//! What the store keeps of files: their content, by name.
//!
//! Content up to 1 MiB goes to *packs*, all of one capture one after another in one file, with a table at
//! its end (`format`, `pack`, `packer`). Larger content has a file of its own in `big/` (`large`), and
//! where the file system can, that is a clone of the captured file which nobody has read yet (`cloner`,
//! `volumes`). An empty file needs nothing.
//!
//! What has its name in `packs/` or `big/` was synced before it got it, so that it is whole also after a
//! power cut, and later captures may rely on it. The `index` says which pack a content is in; it is a cache
//! that can be deleted at any time. A `shelf` is the packs and the index as they are at one time; `tend`
//! keeps them few and it complete, by `merge` of the packs' tables; `sweep` removes what no run names.
//!
//! # On disk
//!
//! - `packs/HEX`: contents and the table of them; `HEX` is the SHA-256 of the table.
//! - `big/HEX`: one content, named by its SHA-256; `big/RUNID-N`: a clone ([`CloneId`]).
//! - `volumes/HEX`: the path of a `.hitl-store` directory that holds clones on another file system.
//! - `index`, and `incoming/`: packs, contents and indexes on their way.
//! - `objects.lock`: shared by captures from their first look at the store until their run is recorded,
//!   exclusive while a sweep removes. Whoever needs `lock` of the store as well takes that first.
//! - `packs.lock`: whoever replaces packs by others with the same contents. It comes before
//!   `objects.lock`; who has that already only tries it.

mod cloner;
mod format;
mod incoming;
mod index;
mod large;
mod merge;
mod name;
mod pack;
mod packer;
mod shelf;
mod sweep;
mod tend;
mod volumes;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::ioctl_ficlone;

pub use name::{CloneId, ContentName, ParseContentNameError};

pub(super) use incoming::{Incoming, Published, Received, Source, WorkerBuffer};
pub(super) use large::hash;
pub(super) use sweep::Freed;

use shelf::{Shelf, Tables};
use volumes::Volume;

use super::SnapshotError;
use super::error::unreadable;
use super::segments::Segments;
use crate::review::RequestId;
use crate::system::{Digest, Scope, durable};

/// The objects of a store.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: PathBuf,
    scope: Scope,
    /// The packs as they were when something was last looked for in vain.
    shelf: Arc<Mutex<Option<Arc<Shelf>>>>,
    tables: Arc<Tables>,
}

/// Content that is wanted out of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    name: Name<'a>,
    segments: Option<&'a [(u64, u64)]>,
    sealed: Option<&'a Digest>,
}

#[derive(Clone, Copy, Debug)]
enum Name<'a> {
    Digest(&'a Digest),
    Clone(&'a CloneId),
}

/// What is known about content that was read out of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verified {
    /// It has the digest that it should have.
    Yes,
    /// It is a clone of which nobody has said what digest it should have ([`Wanted::sealed`]): it is
    /// what the store has under this name.
    Unknown,
}

impl<'a> Wanted<'a> {
    /// Of a file with holes, its data: where each segment begins, and its length. A clone is of the
    /// whole file, and its content are these segments of it. What has a digest was kept without holes.
    pub(super) fn segments(self, segments: Option<&'a [(u64, u64)]>) -> Self {
        Self { segments, ..self }
    }

    /// The digest that a clone was found to have ([`Objects::resolve_clone`]).
    pub(super) fn sealed(self, digest: Option<&'a Digest>) -> Self {
        Self { sealed: digest, ..self }
    }
}

impl<'a> From<&'a Digest> for Wanted<'a> {
    fn from(digest: &'a Digest) -> Self {
        Self { name: Name::Digest(digest), segments: None, sealed: None }
    }
}

impl<'a> From<&'a ContentName> for Wanted<'a> {
    fn from(name: &'a ContentName) -> Self {
        let name = match name {
            ContentName::Digest(digest) => Name::Digest(digest),
            ContentName::Clone(clone) => Name::Clone(clone),
        };
        Self { name, segments: None, sealed: None }
    }
}

/// Where large content is that has this digest.
fn large_path(store: &Path, digest: &Digest) -> PathBuf {
    store.join("big").join(digest.hex())
}

/// Opens a clone, wherever it is.
fn open_clone(store: &Path, clone: &CloneId) -> Result<(File, PathBuf), SnapshotError> {
    let name = clone.to_string();
    let main = store.join("big").join(&name);
    match File::open(&main) {
        Ok(file) => return Ok((file, main)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&main)(error)),
    }
    let mut out_of_reach = None;
    for path in volumes::known(store)? {
        match Volume::open(&path).map(|volume| volume.get(&name)) {
            Ok(Ok(file)) => return Ok((file, path.join(&name))),
            Ok(Err(rustix::io::Errno::NOENT)) => {}
            Err(_) => out_of_reach = Some(path),
            Ok(Err(error)) => return Err(unreadable(&path.join(&name))(error)),
        }
    }
    Err(match out_of_reach {
        Some(path) => SnapshotError::Damaged {
            path: path.join(&name),
            what: "its directory is not there, or not root's alone; is its file system mounted?"
                .to_owned(),
        },
        None => SnapshotError::Damaged { path: main, what: "the clone is missing".to_owned() },
    })
}

impl Objects {
    pub(super) fn new(store: &Path, scope: Scope) -> Self {
        Self { store: store.to_owned(), scope, shelf: Arc::default(), tables: Arc::default() }
    }

    /// Makes the directories, where they are not there.
    ///
    /// # Errors
    /// [`SnapshotError::Durable`].
    pub(super) fn prepare(&self) -> Result<(), SnapshotError> {
        for name in ["packs", "big", "incoming"] {
            durable::create_directory(&self.store.join(name))?;
        }
        Ok(())
    }

    /// A place for the content that a run's capture takes.
    ///
    /// # Errors
    /// As [`Incoming::begin`].
    pub(super) fn incoming(&self, run: &RequestId) -> Result<Incoming, SnapshotError> {
        Incoming::begin(self, run)
    }

    /// The directories that hold clones on other file systems than the store's: no capture enters them.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
    pub(super) fn volumes(&self) -> Result<Vec<PathBuf>, SnapshotError> {
        volumes::known(&self.store)
    }

    /// Whether the store has this content.
    pub(super) fn holds<'a>(&self, wanted: impl Into<Wanted<'a>>) -> bool {
        match wanted.into().name {
            Name::Clone(clone) => open_clone(&self.store, clone).is_ok(),
            Name::Digest(digest) => {
                *digest == Digest::of(b"")
                    || self.shelf(false).is_ok_and(|shelf| shelf.find(digest).is_some())
                    || large_path(&self.store, digest).exists()
                    || self.shelf(true).is_ok_and(|shelf| shelf.find(digest).is_some())
            }
        }
    }

    fn shelf(&self, anew: bool) -> Result<Arc<Shelf>, SnapshotError> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shelf {
            Some(shelf) if !anew => Ok(Arc::clone(shelf)),
            _ => Ok(Arc::clone(shelf.insert(Arc::new(Shelf::look(&self.store)?)))),
        }
    }

    /// Whether content could be copied out of the store: reads all of it and holds it to its digest.
    ///
    /// # Errors
    /// As [`Self::copy_to`].
    pub(super) fn check<'a>(
        &self,
        wanted: impl Into<Wanted<'a>>,
    ) -> Result<Verified, SnapshotError> {
        let mut wrote = |source| SnapshotError::Write { path: self.store.clone(), source };
        self.copy_to(wanted, &mut io::sink(), &mut wrote)
    }

    /// Copies content out of the store, and checks that it is what its name says: what was in a pack
    /// before the first byte is written, what is large on the way.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where it is missing or something else, naming the file of the store;
    /// `wrote` makes the error of a failed write.
    pub(super) fn copy_to<'a>(
        &self,
        wanted: impl Into<Wanted<'a>>,
        to: &mut dyn Write,
        wrote: &mut dyn FnMut(io::Error) -> SnapshotError,
    ) -> Result<Verified, SnapshotError> {
        let wanted = wanted.into();
        let (file, path, expected) = match wanted.name {
            Name::Clone(clone) => {
                let (file, path) = open_clone(&self.store, clone)?;
                (file, path, wanted.sealed)
            }
            Name::Digest(digest) => match self.get(digest)? {
                Kept::Small(content) => {
                    to.write_all(&content).map_err(wrote)?;
                    return Ok(Verified::Yes);
                }
                Kept::Large(file, path) => (file, path, Some(digest)),
            },
        };
        let segments = wanted.segments.filter(|_| matches!(wanted.name, Name::Clone(_)));
        let (digest, _) = read_large(&file, segments, &path, to, wrote)?;
        match expected {
            None => Ok(Verified::Unknown),
            Some(expected) if digest == *expected => Ok(Verified::Yes),
            Some(expected) => Err(SnapshotError::Damaged {
                path,
                what: format!("its content does not have the digest {expected}"),
            }),
        }
    }

    fn get(&self, digest: &Digest) -> Result<Kept, SnapshotError> {
        if *digest == Digest::of(b"") {
            return Ok(Kept::Small(Vec::new()));
        }
        if let Some(content) = self.packed(digest, false)? {
            return Ok(Kept::Small(content));
        }
        let path = large_path(&self.store, digest);
        match File::open(&path) {
            Ok(file) => return Ok(Kept::Large(file, path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&path)(error)),
        }
        match self.packed(digest, true)? {
            Some(content) => Ok(Kept::Small(content)),
            None => Shelf::read_by_hand(&self.store, digest, &self.tables).map(Kept::Small),
        }
    }

    /// The content with this digest, if the index and the packs lead to it and it is sound.
    fn packed(&self, digest: &Digest, anew: bool) -> Result<Option<Vec<u8>>, SnapshotError> {
        match self.shelf(anew)?.find(digest) {
            Some(found) => found.pack.content(&found.record),
            None => Ok(None),
        }
    }

    /// Clones large content into a file, all of it. Whether that was possible: not for what is in a
    /// pack, and not where the file is on another file system. The content is not read, so it is not
    /// verified either: see [`Self::check`].
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where a clone is missing, [`SnapshotError::Read`].
    pub(super) fn reflink_to<'a>(
        &self,
        wanted: impl Into<Wanted<'a>>,
        to: &File,
    ) -> Result<bool, SnapshotError> {
        let from = match wanted.into().name {
            Name::Clone(clone) => open_clone(&self.store, clone)?.0,
            Name::Digest(digest) => match File::open(large_path(&self.store, digest)) {
                Ok(file) => file,
                // It is in a pack, or what copies it says what is wrong.
                Err(_) => return Ok(false),
            },
        };
        // Whatever makes it impossible, copying it says it better.
        Ok(ioctl_ficlone(to, &from).is_ok())
    }

    /// Takes the digest of a clone, of these segments of it where it has holes, and the number of
    /// bytes that it is of.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where it is missing, [`SnapshotError::Read`].
    pub(super) fn resolve_clone(
        &self,
        clone: &CloneId,
        segments: Option<&[(u64, u64)]>,
    ) -> Result<(Digest, u64), SnapshotError> {
        let (file, path) = open_clone(&self.store, clone)?;
        let mut wrote = |source| SnapshotError::Write { path: path.clone(), source };
        read_large(&file, segments, &path, &mut io::sink(), &mut wrote)
    }
}

/// Content that was found.
enum Kept {
    Small(Vec<u8>),
    Large(File, PathBuf),
}

fn read_large(
    file: &File,
    segments: Option<&[(u64, u64)]>,
    path: &Path,
    to: &mut dyn Write,
    wrote: &mut dyn FnMut(io::Error) -> SnapshotError,
) -> Result<(Digest, u64), SnapshotError> {
    large::copy(&[], &mut Segments::of(file, segments), path, to, wrote, &mut |_| Ok(()))
}
