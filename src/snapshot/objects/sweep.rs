//! Removing what no run names.
//!
//! What is to be kept of packs that are mostly garbage is copied into new ones while captures go on; only
//! what removes waits until no capture runs, looks again which runs there are, and keeps every pack that
//! is the only one to hold something they name.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::format::Record;
use super::merge::{Copy, Merge};
use super::pack::Pack;
use super::shelf::{names, pack_names};
use super::tend::{self, Refill};
use super::volumes::{self, Volume};
use super::{ContentName, Objects};
use crate::snapshot::SnapshotError;
use crate::snapshot::error::{unreadable, unwritable};
use crate::system::{Digest, durable};

/// What a sweep removed, or would remove.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::snapshot) struct Freed {
    /// How many contents.
    pub(in crate::snapshot) objects: u64,
    /// Their bytes. A clone counts for nothing: it shares its blocks with a file.
    pub(in crate::snapshot) bytes: u64,
}

/// Whether content is named by a run that is kept.
type Live<'a> = &'a dyn Fn(&ContentName) -> bool;

/// What is to become of a pack.
#[derive(Clone, Debug, Default)]
struct Fate {
    /// What would be freed if only what is live was kept of it.
    garbage: Freed,
    live_bytes: u64,
    live: u64,
    /// It is to be removed.
    doomed: bool,
}

/// The lock that captures share and a sweep has alone while it removes.
pub(super) fn lock_path(store: &Path) -> PathBuf {
    store.join("objects.lock")
}

impl Objects {
    /// Removes what is not live, as far as it is worth while: packs less than half of which is live
    /// are written anew. `relook` is called when no capture runs any more and none can begin; from
    /// then on `live` must answer for the runs that are there then. With `dry_run` nothing is changed.
    ///
    /// Waits for captures that run, so it must not be called by one.
    ///
    /// # Errors
    /// Those of reading and writing, and what `relook` fails with. Nothing live is removed then.
    pub(in crate::snapshot) fn sweep(
        &self,
        live: Live<'_>,
        relook: &mut dyn FnMut() -> Result<(), SnapshotError>,
        dry_run: bool,
    ) -> Result<Freed, SnapshotError> {
        self.prepare()?;
        let packs = self.store.join("packs");
        let _packs_lock = durable::lock(&tend::lock_path(&self.store))?;
        let mut sound = Vec::new();
        for name in pack_names(&packs)? {
            // What is damaged stays, for whoever wants to know what was in it.
            if let Ok(Some(pack)) = Pack::open(&packs, &name)
                && pack.is_whole()?
            {
                sound.push(name);
            }
        }
        let mut fates = judge(&packs, &sound, live)?;
        if dry_run {
            let mut freed = Freed::default();
            fates.iter().filter(|fate| fate.doomed).for_each(|fate| freed.add(fate.garbage));
            self.sweep_files(live, true, &mut freed)?;
            return Ok(freed);
        }
        let made = self.rescue(&packs, &sound, &mut fates, live)?;

        let alone = durable::lock(&lock_path(&self.store))?;
        relook()?;
        let mut freed = Freed::default();
        for (name, fate) in sound.iter().zip(&mut fates) {
            fate.doomed &= !made.contains(name);
        }
        spare(&packs, &sound, &made, &mut fates, live)?;
        let mut doomed = Vec::new();
        for (name, fate) in sound.iter().zip(&fates) {
            if fate.doomed {
                doomed.push(*name);
                freed.add(fate.garbage);
            }
        }
        tend::remove(&packs, &doomed)?;
        self.sweep_files(live, false, &mut freed)?;
        drop(alone);
        // Until then the new packs are looked into, and what the index says of the old ones is not
        // believed.
        tend::make_index(&self.store)?;
        Ok(freed)
    }

    /// Copies what is live of the packs that are to be removed into new ones, and returns their names.
    fn rescue(
        &self,
        packs: &Path,
        sound: &[Digest],
        fates: &mut [Fate],
        live: Live<'_>,
    ) -> Result<Vec<Digest>, SnapshotError> {
        let mut wanted: Vec<Vec<Record>> = vec![Vec::new(); sound.len()];
        let mut merge = Merge::new(packs, sound)?;
        while let Some(copies) = merge.next()? {
            let Some(home) = home(packs, sound, copies)? else { continue };
            let moves = fates.get(home.pack).is_some_and(|fate| fate.doomed && fate.live > 0);
            if moves
                && live(&home.record.digest.into())
                && let Some(records) = wanted.get_mut(home.pack)
            {
                records.push(home.record);
            }
        }
        let mut refill = Refill::new(&self.store);
        for ((name, records), fate) in sound.iter().zip(wanted).zip(fates) {
            if records.is_empty() {
                continue;
            }
            // What is live and damaged stays where it is.
            fate.doomed = match Pack::open(packs, name)? {
                Some(pack) => refill.take_all(&pack, records)?,
                None => false,
            };
        }
        refill.publish()
    }

    /// Removes large content and clones that are not live, and, unless it is only counted, whatever is
    /// in `incoming/`: no capture runs.
    fn sweep_files(
        &self,
        live: Live<'_>,
        dry_run: bool,
        freed: &mut Freed,
    ) -> Result<(), SnapshotError> {
        self.sweep_volume(&Volume::main(&self.store)?, live, dry_run, freed)?;
        for path in volumes::known(&self.store)? {
            // What is not mounted now is swept another time.
            if let Ok(volume) = Volume::open(&path) {
                self.sweep_volume(&volume, live, dry_run, freed)?;
                if !dry_run {
                    volumes::forget(&self.store, &path)?;
                }
            }
        }
        if !dry_run {
            let incoming = self.store.join("incoming");
            for file in names(&incoming)? {
                let path = incoming.join(file);
                std::fs::remove_file(&path).map_err(unwritable(&path))?;
            }
        }
        Ok(())
    }

    /// Removes what is not live from a directory. What has two names is live by either.
    fn sweep_volume(
        &self,
        volume: &Volume,
        live: Live<'_>,
        dry_run: bool,
        freed: &mut Freed,
    ) -> Result<(), SnapshotError> {
        let mut files: HashMap<u64, Named> = HashMap::new();
        for file in names(&volume.path)? {
            let Some(name) = content_name(&file) else { continue };
            let path = volume.path.join(&file);
            let found = std::fs::symlink_metadata(&path).map_err(unreadable(&path))?;
            let named = files.entry(found.ino()).or_default();
            named.live |= live(&name);
            named.cloned |= name.as_clone().is_some();
            named.bytes = found.len();
            named.names.push(file);
        }
        let mut changed = false;
        for named in files.into_values().filter(|named| !named.live) {
            freed.add(Freed { objects: 1, bytes: if named.cloned { 0 } else { named.bytes } });
            for file in named.names.iter().filter(|_| !dry_run) {
                volume.remove(file).map_err(unwritable(&volume.path.join(file)))?;
                changed = true;
            }
        }
        if changed { volume.sync(false) } else { Ok(()) }
    }
}

/// A file with its names.
#[derive(Default)]
struct Named {
    names: Vec<String>,
    live: bool,
    cloned: bool,
    bytes: u64,
}

impl Freed {
    fn add(&mut self, more: Self) {
        self.objects += more.objects;
        self.bytes += more.bytes;
    }
}

/// The name of what is in a file of `big/`, or of a directory of clones.
pub(super) fn content_name(file: &str) -> Option<ContentName> {
    let hex = file.split_once('-').map_or(file, |(hex, _)| hex);
    match Digest::from_hex(hex) {
        Some(digest) => Some(digest.into()),
        None => file.parse().ok().map(ContentName::Clone),
    }
}

/// What is to become of each pack.
fn judge(packs: &Path, sound: &[Digest], live: Live<'_>) -> Result<Vec<Fate>, SnapshotError> {
    let mut fates = vec![Fate::default(); sound.len()];
    let mut merge = Merge::new(packs, sound)?;
    while let Some(copies) = merge.next()? {
        let Some(home) = home(packs, sound, copies)? else { continue };
        let is_live = live(&home.record.digest.into());
        for copy in copies {
            let Some(fate) = fates.get_mut(copy.pack) else { continue };
            let bytes = u64::from(copy.record.length);
            if is_live && copy.pack == home.pack {
                fate.live += 1;
                fate.live_bytes += bytes;
            } else {
                fate.garbage.add(Freed { objects: 1, bytes });
            }
        }
    }
    for fate in &mut fates {
        fate.doomed = fate.live == 0 || fate.live_bytes < fate.garbage.bytes;
    }
    Ok(fates)
}

/// The copy of a content that counts where there are several: the first that is sound.
fn home(packs: &Path, names: &[Digest], copies: &[Copy]) -> Result<Option<Copy>, SnapshotError> {
    if copies.len() > 1 {
        for copy in copies {
            let Some(name) = names.get(copy.pack) else { continue };
            if let Some(pack) = Pack::open(packs, name)?
                && pack.content(&copy.record)?.is_some()
            {
                return Ok(Some(*copy));
            }
        }
    }
    Ok(copies.first().copied())
}

/// Spares every pack that alone holds something live: it has become so since the packs were judged.
fn spare(
    packs: &Path,
    sound: &[Digest],
    made: &[Digest],
    fates: &mut [Fate],
    live: Live<'_>,
) -> Result<(), SnapshotError> {
    // Packs that captures have added in the meantime hold copies too, but need not.
    let mut all = sound.to_vec();
    all.extend(made.iter().filter(|name| !sound.contains(name)));
    let mut merge = Merge::new(packs, &all)?;
    while let Some(copies) = merge.next()? {
        let stays = |copy: &Copy| fates.get(copy.pack).is_none_or(|fate| !fate.doomed);
        let Some(first) = copies.first() else { continue };
        if !copies.iter().any(stays)
            && live(&first.record.digest.into())
            && let Some(fate) = fates.get_mut(first.pack)
        {
            fate.doomed = false;
        }
    }
    Ok(())
}
