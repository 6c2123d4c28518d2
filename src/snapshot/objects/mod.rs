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
//! - `big/HEX`: one content, named by its SHA-256; `big/RUNID-N`: a clone ([`CloneId`]), which once it
//!   was hashed has a second name: `HEX`, or `HEX-LAYOUT` where it has holes and `HEX` is the SHA-256 of
//!   its data segments only.
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
mod size;
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

pub(super) use incoming::{Incoming, Published, Source, WorkerBuffer};
pub(super) use large::hash;

use large::{Large, open_clone, open_digest};
use shelf::{Shelf, Tables};

use super::SnapshotError;
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
    /// It is a clone that nobody has hashed ([`Objects::resolve_clone`]): it is what the store has under
    /// this name, whatever that is.
    Unknown,
}

impl<'a> Wanted<'a> {
    /// Of a file with holes, its data: where each segment begins, and its length. The content is these
    /// segments one after another; a clone, though, is of the whole file.
    pub(super) fn segments(self, segments: Option<&'a [(u64, u64)]>) -> Self {
        Self { segments, ..self }
    }
}

impl<'a> From<&'a Digest> for Wanted<'a> {
    fn from(digest: &'a Digest) -> Self {
        Self { name: Name::Digest(digest), segments: None }
    }
}

impl<'a> From<&'a ContentName> for Wanted<'a> {
    fn from(name: &'a ContentName) -> Self {
        let name = match name {
            ContentName::Digest(digest) => Name::Digest(digest),
            ContentName::Clone(clone) => Name::Clone(clone),
        };
        Self { name, segments: None }
    }
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

    /// Whether the store has this content.
    pub(super) fn holds<'a>(&self, wanted: impl Into<Wanted<'a>>) -> bool {
        let wanted = wanted.into();
        match wanted.name {
            Name::Clone(clone) => open_clone(&self.store, clone).is_ok(),
            Name::Digest(digest) => {
                *digest == Digest::of(b"")
                    || self.shelf(false).is_ok_and(|shelf| shelf.find(digest).is_some())
                    || matches!(open_digest(&self.store, digest, wanted.segments), Ok(Some(_)))
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
        let (large, expected) = match wanted.name {
            Name::Clone(clone) => (open_clone(&self.store, clone)?, None),
            Name::Digest(digest) => match self.get(digest, wanted.segments)? {
                Kept::Small(content) => {
                    to.write_all(&content).map_err(wrote)?;
                    return Ok(Verified::Yes);
                }
                Kept::Large(large) => (large, Some(digest)),
            },
        };
        let (digest, _) = read_large(&large, wanted.segments, to, wrote)?;
        match expected {
            None => Ok(Verified::Unknown),
            Some(expected) if digest == *expected => Ok(Verified::Yes),
            Some(expected) => Err(SnapshotError::Damaged {
                path: large.path,
                what: format!("its content does not have the digest {expected}"),
            }),
        }
    }

    fn get(&self, digest: &Digest, segments: Option<&[(u64, u64)]>) -> Result<Kept, SnapshotError> {
        if *digest == Digest::of(b"") {
            return Ok(Kept::Small(Vec::new()));
        }
        if let Some(content) = self.packed(digest, false)? {
            return Ok(Kept::Small(content));
        }
        if let Some(large) = open_digest(&self.store, digest, segments)? {
            return Ok(Kept::Large(large));
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
        let wanted = wanted.into();
        let from = match wanted.name {
            Name::Clone(clone) => open_clone(&self.store, clone)?,
            Name::Digest(digest) => match open_digest(&self.store, digest, wanted.segments)? {
                // What was copied has lost its holes.
                Some(large) if large.whole || wanted.segments.is_none() => large,
                _ => return Ok(false),
            },
        };
        // Whatever makes it impossible, copying it says it better.
        Ok(ioctl_ficlone(to, &from.file).is_ok())
    }

    /// Takes the digest of a clone, of these segments of it where it has holes, and the number of bytes
    /// that it is of. From then on, durably, it is found by its digest too.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where it is missing, [`SnapshotError::Read`], [`SnapshotError::Write`].
    pub(super) fn resolve_clone(
        &self,
        clone: &CloneId,
        segments: Option<&[(u64, u64)]>,
    ) -> Result<(Digest, u64), SnapshotError> {
        let large = open_clone(&self.store, clone)?;
        let mut wrote = |source| SnapshotError::Write { path: large.path.clone(), source };
        let (digest, length) = read_large(&large, segments, &mut io::sink(), &mut wrote)?;
        large.volume.link(&clone.to_string(), &large::digest_name(&digest, segments))?;
        Ok((digest, length))
    }
}

/// Content that was found.
enum Kept {
    Small(Vec<u8>),
    Large(Large),
}

fn read_large(
    large: &Large,
    segments: Option<&[(u64, u64)]>,
    to: &mut dyn Write,
    wrote: &mut dyn FnMut(io::Error) -> SnapshotError,
) -> Result<(Digest, u64), SnapshotError> {
    let mut from = Segments::of(&large.file, segments.filter(|_| large.whole));
    large::copy(&[], &mut from, &large.path, to, wrote, &mut |_| Ok(()))
}
