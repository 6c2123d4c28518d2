//! The clones that one capture makes.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::io::Errno;

use super::name::CloneId;
use super::volumes::{self, Volume, mount_of};
use crate::review::RequestId;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::{unreadable, unwritable};
use crate::system::Scope;

/// Up to this many new files are synced one by one; from there on one syncfs(2) is cheaper, although
/// it also waits for what other programs have written.
pub(super) const SYNCED_SINGLY: usize = 32;

/// A clone, and its length in bytes.
type Cloned = (CloneId, u64);

/// Clones large files, and knows where that is possible. Clones that were not published are gone when
/// it is dropped.
#[derive(Debug)]
pub(super) struct Cloner {
    store: PathBuf,
    scope: Scope,
    run: RequestId,
    number: AtomicU32,
    main: OnceLock<Arc<Volume>>,
    /// Where files of a mount are cloned to; `None`: nowhere.
    ways: Mutex<HashMap<u64, Option<Arc<Volume>>>>,
    made: Mutex<Vec<(Arc<Volume>, CloneId)>>,
}

impl Cloner {
    pub(super) fn new(store: &Path, scope: Scope, run: &RequestId) -> Self {
        Self {
            store: store.to_owned(),
            scope,
            run: run.clone(),
            number: AtomicU32::new(1),
            main: OnceLock::new(),
            ways: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// Clones a file, open at this path: its name and its length in bytes. `None` where its content
    /// has to be copied.
    ///
    /// # Errors
    /// [`SnapshotError::Write`] where there is no room for it.
    pub(super) fn clone_file(
        &self,
        file: &File,
        path: &Path,
    ) -> Result<Option<Cloned>, SnapshotError> {
        let Ok(mount) = mount_of(file) else { return Ok(None) };
        let way = self.ways.lock().unwrap_or_else(PoisonError::into_inner).get(&mount).cloned();
        if let Some(way) = way {
            return match way {
                Some(volume) => self.clone_into(&volume, file).map(Result::ok),
                None => Ok(None),
            };
        }
        let main = self.main()?;
        let cloned = match self.clone_into(&main, file)? {
            Ok(clone) => Some((main, clone)),
            // Another file system, or before Linux 5.19 another mount of the same.
            Err(Errno::XDEV) if self.scope == Scope::System => self.clone_beside(file, path)?,
            // Something about this very file.
            Err(Errno::INVAL | Errno::TXTBSY | Errno::PERM | Errno::ISDIR) => return Ok(None),
            Err(_) => None,
        };
        let (way, clone) = cloned.unzip();
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).insert(mount, way);
        Ok(clone)
    }

    fn main(&self) -> Result<Arc<Volume>, SnapshotError> {
        if let Some(main) = self.main.get() {
            return Ok(Arc::clone(main));
        }
        let main = Arc::new(Volume::main(&self.store)?);
        Ok(Arc::clone(self.main.get_or_init(|| main)))
    }

    /// Clones a file into a directory on its own mount.
    fn clone_beside(
        &self,
        file: &File,
        path: &Path,
    ) -> Result<Option<(Arc<Volume>, Cloned)>, SnapshotError> {
        // What makes it impossible is no reason not to copy.
        let Ok(Some(volume)) = Volume::on_mount_of(file, path) else { return Ok(None) };
        let volume = Arc::new(volume);
        volumes::remember(&self.store, &volume)?;
        match self.clone_into(&volume, file)? {
            Ok(clone) => Ok(Some((volume, clone))),
            Err(_) => {
                volumes::forget(&self.store, &volume.path)?;
                Ok(None)
            }
        }
    }

    /// The inner error says why this file cannot be cloned there.
    fn clone_into(
        &self,
        volume: &Arc<Volume>,
        file: &File,
    ) -> Result<Result<Cloned, Errno>, SnapshotError> {
        loop {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let id = CloneId::new(self.run.clone(), number);
            let path = || volume.path.join(id.to_string());
            match volume.clone_in(file, &id.to_string()) {
                Ok(clone) => {
                    self.made
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((Arc::clone(volume), id.clone()));
                    let length = clone.metadata().map_err(unreadable(&path()))?.len();
                    return Ok(Ok((id, length)));
                }
                // Left by a capture of this run that was killed.
                Err(Errno::EXIST) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS)) => {
                    return Err(unwritable(&path())(error));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Makes the clones durable. They stay.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub(super) fn publish(&self) -> Result<(), SnapshotError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let singly = made.len() <= SYNCED_SINGLY;
        if singly {
            for (volume, id) in made.iter() {
                volume
                    .get(&id.to_string())
                    .and_then(rustix::fs::fsync)
                    .map_err(unwritable(&volume.path.join(id.to_string())))?;
            }
        }
        let mut synced: Vec<&Arc<Volume>> = Vec::new();
        for (volume, _) in made.iter() {
            if !synced.iter().any(|one| Arc::ptr_eq(one, volume)) {
                volume.sync(!singly)?;
                synced.push(volume);
            }
        }
        made.clear();
        Ok(())
    }
}

impl Drop for Cloner {
    fn drop(&mut self) {
        for (volume, id) in self.made.get_mut().unwrap_or_else(PoisonError::into_inner) {
            // What cannot be removed is garbage that nothing reads; the error that led here says more.
            let _ = volume.remove(&id.to_string());
        }
    }
}
