//! The index of the store: which pack a content is in, for the packs that it knows. It is a cache: what it
//! says is held to the pack before it is believed, and what it does not say is looked for in the packs
//! themselves before anything is called lost.
//!
//! A header of 64 bytes, the names of the packs (32 bytes each), then a record of 40 bytes for each
//! content, sorted by digest: the digest, the number of the pack among the names, the number of the
//! record in the pack's own table (4 bytes each).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::format::{Table, digest_at, is_sealed, put, seal, u32_at, u64_at};
use super::merge::Merge;
use super::packer::create_incoming;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unwritable;
use crate::system::{Digest, durable};

const HEAD: &[u8; 8] = b"hitlixv1";
const HEADER: usize = 64;
const NAME: usize = 32;
const ENTRY: usize = 40;

/// The index, open.
#[derive(Debug)]
pub(super) struct Index {
    file: File,
    packs: Vec<Digest>,
    count: u64,
}

/// Where the index of a store is.
pub(super) fn path(store: &Path) -> PathBuf {
    store.join("index")
}

impl Index {
    /// Opens the index of a store. `None` where there is none, or none that can be used.
    pub(super) fn open(store: &Path) -> Option<Self> {
        let file = File::open(path(store)).ok()?;
        let mut header = [0_u8; HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        if !header.starts_with(HEAD) || !is_sealed::<8>(&header) {
            return None;
        }
        let (packs, count) = (u64_at(&header, 8)?, u64_at(&header, 16)?);
        let names = packs.checked_mul(NAME as u64)?;
        let whole = count.checked_mul(ENTRY as u64)?.checked_add(names)?;
        if whole.checked_add(HEADER as u64)? != file.metadata().ok()?.len() {
            return None;
        }
        let mut bytes = vec![0_u8; usize::try_from(names).ok()?];
        file.read_exact_at(&mut bytes, HEADER as u64).ok()?;
        if Digest::of(&bytes) != digest_at(&header, 24)? {
            return None;
        }
        let packs = bytes.chunks_exact(NAME).filter_map(|name| digest_at(name, 0)).collect();
        Some(Self { file, packs, count })
    }

    /// The packs that it knows, sorted.
    pub(super) fn packs(&self) -> &[Digest] {
        &self.packs
    }

    /// How many contents it knows.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The pack that this content should be in, and the number of its record there.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn find(&self, digest: &Digest) -> io::Result<Option<(Digest, u64)>> {
        let at = HEADER as u64 + self.packs.len() as u64 * NAME as u64;
        let table = Table { file: &self.file, at, count: self.count, width: ENTRY };
        Ok(table.search::<ENTRY>(digest)?.and_then(|entry| {
            let pack = self.packs.get(usize::try_from(u32_at(&entry, 32)?).ok()?)?;
            Some((*pack, u64::from(u32_at(&entry, 36)?)))
        }))
    }
}

/// Makes the index of these packs, whose names are sorted, and puts it in the place of the old one.
///
/// # Errors
/// Those of reading the packs and of writing.
pub(super) fn rebuild(store: &Path, packs: &[Digest]) -> Result<(), SnapshotError> {
    let (temporary, file) = create_incoming(store)?;
    let built = build(store, packs, &temporary, &file).and_then(|()| {
        let path = path(store);
        std::fs::rename(&temporary, &path).map_err(unwritable(&path))?;
        Ok(durable::sync_directory(store)?)
    });
    built.inspect_err(|_| {
        // The error on its way is the one that matters.
        let _ = std::fs::remove_file(&temporary);
    })
}

fn build(
    store: &Path,
    packs: &[Digest],
    temporary: &Path,
    file: &File,
) -> Result<(), SnapshotError> {
    let mut names = Vec::with_capacity(packs.len() * NAME);
    packs.iter().for_each(|pack| names.extend_from_slice(pack.as_bytes()));
    let mut to = BufWriter::with_capacity(256 * 1024, file);
    let failed = || unwritable::<io::Error>(temporary);
    // The header comes last: what was cut off before has none.
    to.write_all(&[0; HEADER]).and_then(|()| to.write_all(&names)).map_err(failed())?;
    let mut count = 0_u64;
    let mut merge = Merge::new(&store.join("packs"), packs)?;
    while let Some(copies) = merge.next()? {
        // One copy is enough. Which one does not matter here.
        let Some(copy) = copies.first() else { continue };
        let mut entry = [0_u8; ENTRY];
        put(&mut entry, 0, copy.record.digest.as_bytes());
        put(&mut entry, 32, &u32::try_from(copy.pack).unwrap_or(u32::MAX).to_le_bytes());
        put(&mut entry, 36, &u32::try_from(copy.number).unwrap_or(u32::MAX).to_le_bytes());
        to.write_all(&entry).map_err(failed())?;
        count += 1;
    }
    let mut header = [0_u8; HEADER];
    put(&mut header, 0, HEAD);
    put(&mut header, 8, &(packs.len() as u64).to_le_bytes());
    put(&mut header, 16, &count.to_le_bytes());
    put(&mut header, 24, Digest::of(&names).as_bytes());
    seal::<8>(&mut header);
    to.flush()
        .and_then(|()| file.write_all_at(&header, 0))
        .and_then(|()| file.sync_all())
        .map_err(failed())
}
