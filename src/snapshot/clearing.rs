//! What an undo has put beside the places of files, taken away again: after a failure, and by the next
//! attempt after a crash.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, unlinkat};
use rustix::io::Errno;

use super::metadata::{Held, set_metadata};
use super::place::{means_absent, open_directory, status};
use super::restore::{Halt, Restorer, halt};
use super::walk::names;
use super::{Node, SnapshotError};
use crate::system::{ByteString, Digest};

/// A directory on the way through a tree that goes.
struct Level {
    path: PathBuf,
    /// The directories in it that are left.
    below: Vec<OsString>,
}

impl Restorer<'_> {
    /// The name of ours beside a path: the same for every attempt.
    pub(super) fn temporary_name(&self, path: &Path) -> OsString {
        let name = path.file_name().unwrap_or_default();
        let digest = Digest::of(name.as_encoded_bytes()).hex();
        OsString::from(format!("{}{}", self.tag, digest.get(..16).unwrap_or(&digest)))
    }

    /// Takes away what an earlier attempt left under a name of ours.
    pub(super) fn clear(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        path: &Path,
    ) -> Result<(), Halt> {
        let in_the_way = "an old temporary file is in the way";
        match unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR | Errno::PERM) if is_directory(parent, name) => {
                let place = path.with_file_name(name);
                remove_tree(&place).map_err(halt(path, in_the_way))?;
                match unlinkat(parent, name, AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOENT) => Ok(()),
                    Err(error) => Err(halt(path, in_the_way)(error)),
                }
            }
            Err(error) => Err(halt(path, in_the_way)(error)),
        }
    }

    /// Takes everything away that may lie beside these paths.
    ///
    /// # Errors
    /// Those of reading the paths.
    pub(super) fn clear_beside(
        &mut self,
        paths: &mut dyn Iterator<Item = Result<ByteString, SnapshotError>>,
    ) -> Result<(), SnapshotError> {
        for path in paths {
            let path = path?;
            let path = path.as_path();
            let Some(parent) = path.parent() else { continue };
            if let Ok(parent) = open_directory(parent) {
                // What cannot be taken away is in nobody's way but that of a step, which says so.
                let _ = self.clear(&parent, &self.temporary_name(path), path);
            }
        }
        Ok(())
    }

    /// Gives directories back what was taken from them to get into them, and their times.
    pub(super) fn close_again(&mut self) {
        let opened = std::mem::take(&mut self.entered);
        for (path, now) in opened.iter().rev() {
            let path = path.as_path();
            let (Ok((parent, name)), Node::Directory { metadata }) = (self.parent(path), now)
            else {
                continue;
            };
            if let Ok((pinned, found)) = super::content::pin(&parent, &name)
                && found.metadata.same_inode(metadata)
            {
                // The error that led here says more than one of these would.
                let mut refused = Vec::new();
                let _ = set_metadata(Held::pinned(&pinned), path, now, &mut refused);
                if let Some(flags) = metadata.flags {
                    let _ = Held::pinned(&pinned).set_flags(flags, super::judge::LOCKING);
                }
            }
        }
    }
}

fn is_directory(parent: impl AsFd, name: &OsStr) -> bool {
    status(parent, name).is_ok_and(|found| found.kind == FileType::Directory)
}

/// Removes everything below a directory of ours, however deep it is.
fn remove_tree(top: &Path) -> Result<(), Errno> {
    let mut levels = vec![empty(top.to_owned())?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.below.pop() {
            let path = level.path.join(name);
            levels.push(empty(path)?);
            continue;
        }
        let Some(done) = levels.pop() else { break };
        let (Some(above), Some(name)) = (levels.last(), done.path.file_name()) else { break };
        unlinkat(open_directory(&above.path)?, name, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Removes everything in a directory that is not one itself.
fn empty(path: PathBuf) -> Result<Level, Errno> {
    let opened = open_directory(&path)?;
    if !rustix::process::geteuid().is_root() {
        // It may have got its own mode already.
        let held = super::observe::pinned_path(&opened, OsStr::new("."));
        let _ = rustix::fs::chmod(held, rustix::fs::Mode::RWXU);
    }
    let mut below = Vec::new();
    for name in names(opened.as_fd())? {
        match unlinkat(&opened, &name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) if is_directory(&opened, &name) => below.push(name),
            Err(error) if !means_absent(error) => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(Level { path, below })
}
