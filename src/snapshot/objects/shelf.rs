//! The packs of a store as they are at one time, to look contents up in.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::format::Record;
use super::index::{self, Index};
use super::pack::Pack;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unreadable;
use crate::system::Digest;

/// So many packs that the index knows are kept open: a process may not have many files.
const MOST_OPEN: usize = 128;

/// Where a content is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) pack: Arc<Pack>,
    pub(super) record: Record,
}

/// The packs of a store, as they were when it was made.
#[derive(Debug)]
pub(super) struct Shelf {
    store: PathBuf,
    packs: PathBuf,
    index: Option<Index>,
    /// The packs that the index does not know.
    others: Vec<Digest>,
    /// The same, open; those that are damaged or gone are left out.
    opened: OnceLock<Vec<Arc<Pack>>>,
    /// Open ones that the index knows.
    known: Mutex<HashMap<Digest, Arc<Pack>>>,
}

/// The names in a directory of the store, parsed and sorted; none where it is missing.
///
/// # Errors
/// [`SnapshotError::Read`].
pub(super) fn names(directory: &Path) -> Result<Vec<String>, SnapshotError> {
    let listing = match std::fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory)(error)),
    };
    let mut names = Vec::new();
    for entry in listing {
        // The store is hitl's: what has a name that is no text is not its.
        names.extend(entry.map_err(unreadable(directory))?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// The names of the packs in a directory, sorted.
///
/// # Errors
/// [`SnapshotError::Read`].
pub(super) fn pack_names(packs: &Path) -> Result<Vec<Digest>, SnapshotError> {
    Ok(names(packs)?.iter().filter_map(|name| Digest::from_hex(name)).collect())
}

impl Shelf {
    /// The packs as they are now.
    ///
    /// # Errors
    /// [`SnapshotError::Read`].
    pub(super) fn look(store: &Path) -> Result<Self, SnapshotError> {
        let packs = store.join("packs");
        let mut others = pack_names(&packs)?;
        let index = Index::open(store);
        if let Some(index) = &index {
            others.retain(|name| index.packs().binary_search(name).is_err());
        }
        Ok(Self {
            store: store.to_owned(),
            packs,
            index,
            others,
            opened: OnceLock::new(),
            known: Mutex::default(),
        })
    }

    /// How many packs the index does not know.
    pub(super) fn unindexed(&self) -> usize {
        self.others.len()
    }

    /// Where a content is, as far as the index and the packs say that are not in it. What cannot be
    /// read holds nothing.
    pub(super) fn find(&self, digest: &Digest) -> Option<Found> {
        self.find_indexed(digest).or_else(|| {
            self.opened().iter().find_map(|pack| {
                let record = pack.find(digest).ok()??;
                Some(Found { pack: Arc::clone(pack), record })
            })
        })
    }

    fn find_indexed(&self, digest: &Digest) -> Option<Found> {
        let (name, number) = self.index.as_ref()?.find(digest).ok()??;
        let pack = self.known(&name)?;
        // The pack has the last word about what is in it.
        let record = pack.record(number, digest).ok()??;
        Some(Found { pack, record })
    }

    fn known(&self, name: &Digest) -> Option<Arc<Pack>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = known.get(name) {
            return Some(Arc::clone(pack));
        }
        let pack = Arc::new(Pack::open(&self.packs, name).ok()??);
        if known.len() >= MOST_OPEN {
            known.clear();
        }
        known.insert(*name, Arc::clone(&pack));
        Some(pack)
    }

    fn opened(&self) -> &[Arc<Pack>] {
        self.opened.get_or_init(|| {
            let open = |name| Some(Arc::new(Pack::open(&self.packs, name).ok()??));
            self.others.iter().filter_map(open).collect()
        })
    }

    /// Reads a content by looking into every pack there is. That the index did not lead to it shows
    /// that it is wrong: it is taken away, and made anew when there is something to add to it.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where it is not found, naming the pack that holds it damaged or could
    /// have held it; [`SnapshotError::Read`].
    pub(super) fn read_by_hand(
        store: &Path,
        digest: &Digest,
        tables: &Tables,
    ) -> Result<Vec<u8>, SnapshotError> {
        /// A pack that goes away in the meantime was replaced by another.
        const TRIES: usize = 5;
        let shelf = Self::look(store)?;
        let mut damage = None;
        for _ in 0..TRIES {
            let mut gone = false;
            for name in pack_names(&shelf.packs)? {
                match Pack::open(&shelf.packs, &name) {
                    Ok(Some(pack)) => match tables.read_from(&pack, digest) {
                        Ok(Some(content)) => {
                            shelf.mistrust_index(&name);
                            return Ok(content);
                        }
                        Ok(None) => {}
                        Err(error) => damage = Some(error),
                    },
                    Ok(None) => gone = true,
                    // Where one holds it and is damaged, that one is to be named.
                    Err(error) => damage = damage.or(Some(error)),
                }
            }
            if !gone {
                break;
            }
        }
        Err(damage.unwrap_or_else(|| SnapshotError::Damaged {
            path: shelf.packs.clone(),
            what: format!("no pack in it has the content {digest}"),
        }))
    }

    fn mistrust_index(&self, pack: &Digest) {
        let knows =
            self.index.as_ref().is_some_and(|index| index.packs().binary_search(pack).is_ok());
        if knows {
            // Where that fails, contents are found the slow way once more.
            let _ = std::fs::remove_file(index::path(&self.store));
        }
    }
}

/// Which packs have tables that were found to be as they were written.
#[derive(Debug, Default)]
pub(super) struct Tables {
    whole: Mutex<HashMap<Digest, bool>>,
}

impl Tables {
    /// The content with this digest, if this pack has it.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], [`SnapshotError::Read`].
    fn read_from(&self, pack: &Pack, digest: &Digest) -> Result<Option<Vec<u8>>, SnapshotError> {
        let found = if self.is_whole(pack)? {
            pack.find(digest).map_err(unreadable(pack.path()))?
        } else {
            // A damaged record leads the search astray, also for others.
            pack.records()?.into_iter().find(|record| record.digest == *digest)
        };
        let Some(record) = found else { return Ok(None) };
        let content = pack.content(&record)?;
        content.map(Some).ok_or_else(|| SnapshotError::Damaged {
            path: pack.path().to_owned(),
            what: format!("what it has as {digest} does not have that digest"),
        })
    }

    fn is_whole(&self, pack: &Pack) -> Result<bool, SnapshotError> {
        let known = |whole: &HashMap<_, _>| whole.get(pack.name()).copied();
        let known = known(&self.whole.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(whole) = known {
            return Ok(whole);
        }
        let whole = pack.is_whole()?;
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).insert(*pack.name(), whole);
        Ok(whole)
    }
}
