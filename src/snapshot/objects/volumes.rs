//! Directories of clones (FICLONE, ioctl_ficlone(2)): a clone shares the blocks of a file, so it must be
//! on the same file system. That is the store's own `big/` where the file is on the store's file system,
//! and otherwise a directory `.hitl-store` at the root of the mount on which the file is.
//!
//! Such a directory belongs to root alone. `volumes/` of the store has a small file for each, which holds
//! its path, so that it is found again.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, StatxAttributes, StatxFlags, fstatfs, ioctl_ficlone, linkat,
    mkdirat, openat, statx, unlinkat,
};
use rustix::io::Errno;

use super::shelf::names;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::{unreadable, unwritable};
use crate::snapshot::place::{open_directory, status_of};
use crate::snapshot::walk::KEPT_BESIDE;
use crate::system::{ByteString, Digest, durable};

/// File systems that can clone (linux/magic.h): on others no directory is made at all. XFS may have
/// been made without it.
const CLONING: [i64; 3] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e];

/// A directory of clones, open.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) path: PathBuf,
    directory: OwnedFd,
}

/// The mount that an open file is reached through.
///
/// # Errors
/// Those of statx(2); `ENOTSUP` before Linux 5.8.
pub(super) fn mount_of(opened: impl AsFd) -> Result<u64, Errno> {
    let found = statx(opened, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID) {
        Ok(found.stx_mnt_id)
    } else {
        Err(Errno::NOTSUP)
    }
}

/// Whether a directory is root's, and nobody else can put anything into it.
fn is_roots(directory: &OwnedFd) -> Result<bool, Errno> {
    let found = status_of(directory)?;
    let sticky = found.metadata.mode & 0o1000 != 0;
    Ok(found.metadata.uid == 0 && (found.metadata.mode & 0o022 == 0 || sticky))
}

/// Whether a directory is one that hitl made for clones.
fn is_ours(directory: &OwnedFd) -> Result<bool, Errno> {
    let found = status_of(directory)?;
    let private = found.metadata.uid == 0 && found.metadata.mode == 0o700;
    Ok(found.kind == FileType::Directory && private)
}

fn list_directory() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

impl Volume {
    /// The store's own.
    ///
    /// # Errors
    /// [`SnapshotError::Read`].
    pub(super) fn main(store: &Path) -> Result<Self, SnapshotError> {
        let path = store.join("big");
        let directory = File::open(&path).map_err(unreadable(&path))?.into();
        Ok(Self { path, directory })
    }

    /// The one on the mount on which a file is, made where there is none. `None` where there can be
    /// none: another kind of file system, a root directory or a `.hitl-store` that is not root's
    /// alone, a mount over the file itself.
    ///
    /// # Errors
    /// Those of the system calls.
    pub(super) fn on_mount_of(file: &File, path: &Path) -> Result<Option<Self>, Errno> {
        let Some((root, at)) = root_of_mount(file, path)? else { return Ok(None) };
        if !CLONING.contains(&(fstatfs(file)?.f_type as i64)) || !is_roots(&root)? {
            return Ok(None);
        }
        let made = match mkdirat(&root, KEPT_BESIDE, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(Errno::ROFS | Errno::ACCESS | Errno::PERM) => return Ok(None),
            Err(error) => return Err(error),
        };
        let directory = match openat(&root, KEPT_BESIDE, list_directory(), Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !is_ours(&directory)? || mount_of(&directory)? != mount_of(file)? {
            return Ok(None);
        }
        if made {
            let listed = openat(&root, ".", list_directory(), Mode::empty())?;
            rustix::fs::fsync(listed)?;
        }
        Ok(Some(Self { path: at.join(KEPT_BESIDE), directory }))
    }

    /// Opens one by its path.
    ///
    /// # Errors
    /// Those of the system calls, and `EPERM` where it is not ours.
    pub(super) fn open(path: &Path) -> Result<Self, Errno> {
        let directory = openat(open_directory(path)?, ".", list_directory(), Mode::empty())?;
        if is_ours(&directory)? {
            Ok(Self { path: path.to_owned(), directory })
        } else {
            Err(Errno::PERM)
        }
    }

    /// Clones a file into it. The clone is private whatever the file's mode is.
    ///
    /// # Errors
    /// Those of open(2) and ioctl_ficlone(2); nothing is left then.
    pub(super) fn clone_in(&self, file: &File, name: &str) -> Result<File, Errno> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let clone = openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)?;
        match ioctl_ficlone(&clone, file) {
            Ok(()) => Ok(clone.into()),
            Err(error) => {
                let _ = self.remove(name);
                Err(error)
            }
        }
    }

    /// Opens what it has under a name.
    ///
    /// # Errors
    /// Those of open(2).
    pub(super) fn get(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(&self.directory, name, flags, Mode::empty()).map(File::from)
    }

    /// Gives what it has under a name another one as well, durably; fine where that is taken.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub(super) fn link(&self, name: &str, other: &str) -> Result<(), SnapshotError> {
        match linkat(&self.directory, name, &self.directory, other, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => self.sync(false),
            Err(error) => Err(unwritable(&self.path.join(other))(error)),
        }
    }

    /// Takes away what it has under a name.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub(super) fn remove(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.directory, name, AtFlags::empty())
    }

    /// Makes what it has durable: all of its file system, which also waits for what other programs
    /// have written there, or only the names in it.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub(super) fn sync(&self, everything: bool) -> Result<(), SnapshotError> {
        let synced = if everything {
            rustix::fs::syncfs(&self.directory)
        } else {
            rustix::fs::fsync(&self.directory)
        };
        synced.map_err(unwritable(&self.path))
    }
}

/// The root of the mount on which a file is, and its path.
fn root_of_mount(file: &File, path: &Path) -> Result<Option<(OwnedFd, PathBuf)>, Errno> {
    let mount = mount_of(file)?;
    let Some(mut at) = path.parent().map(Path::to_owned) else { return Ok(None) };
    let mut directory = open_directory(&at)?;
    while mount_of(&directory)? == mount {
        let found = statx(&directory, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        if found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            // Nobody has moved anything on the way: the path still leads here.
            let again = status_of(open_directory(&at)?)?;
            let same = again.metadata.same_inode(&status_of(&directory)?.metadata);
            return Ok(same.then_some((directory, at)));
        }
        if !at.pop() {
            break;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        directory = openat(&directory, "..", flags, Mode::empty())?;
    }
    // The file itself is mounted there, or something was mounted over a directory since.
    Ok(None)
}

/// Writes down where a directory of clones is.
///
/// # Errors
/// [`SnapshotError::Durable`].
pub(super) fn remember(store: &Path, volume: &Volume) -> Result<(), SnapshotError> {
    let path = ByteString::from(volume.path.as_path());
    let note = note(store, &volume.path);
    if !note.exists() {
        durable::create_directory(&store.join("volumes"))?;
        durable::write(&note, path.to_escaped().as_bytes())?;
    }
    Ok(())
}

/// Takes away a directory of clones that is empty, and the note of where it is.
///
/// # Errors
/// [`SnapshotError::Write`].
pub(super) fn forget(store: &Path, path: &Path) -> Result<(), SnapshotError> {
    match std::fs::remove_dir(path) {
        Ok(()) => {
            let note = note(store, path);
            std::fs::remove_file(&note).map_err(unwritable(&note))
        }
        Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        Err(error) => Err(unwritable(path)(error)),
    }
}

fn note(store: &Path, volume: &Path) -> PathBuf {
    store.join("volumes").join(Digest::of(ByteString::from(volume).as_bytes()).hex())
}

/// The paths of the directories of clones on other file systems than the store's.
///
/// # Errors
/// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
pub(super) fn known(store: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    let notes = store.join("volumes");
    let mut paths = Vec::new();
    for name in names(&notes)? {
        if Digest::from_hex(&name).is_none() {
            continue;
        }
        let note = notes.join(&name);
        let text = std::fs::read_to_string(&note).map_err(unreadable(&note))?;
        let path = ByteString::from_escaped(&text)
            .filter(|path| Digest::of(path.as_bytes()).hex() == name)
            .ok_or_else(|| SnapshotError::Damaged {
                path: note.clone(),
                what: "it does not hold the path that it is named by".to_owned(),
            })?;
        paths.push(path.as_path().to_owned());
    }
    Ok(paths)
}
