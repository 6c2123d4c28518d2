//! What an undo has put beside the places of files, taken away again: after a failure, and by the next
//! attempt after a crash.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, unlinkat};
use rustix::io::Errno;

use super::metadata::{Held, set_metadata};
use super::pairs::is_below;
use super::place::{open_directory, status};
use super::restore::{Halt, Restorer, halt};
use super::steps::Steps;
use super::{Node, SnapshotError};
use crate::system::{ByteString, Digest};

/// A directory that is, or may be, being made.
struct Level {
    path: ByteString,
    place: PathBuf,
}

impl Restorer<'_> {
    /// The name of ours beside a path: the same for every attempt.
    pub(super) fn temporary_name(&self, path: &Path) -> OsString {
        let name = path.file_name().unwrap_or_default();
        let digest = Digest::of(name.as_encoded_bytes()).hex();
        OsString::from(format!("{}{}", self.tag, digest.get(..16).unwrap_or(&digest)))
    }

    /// Takes away what an earlier attempt left under a name of ours: of a directory only what the
    /// steps would make in it, since anybody could give a directory of theirs such a name.
    pub(super) fn clear(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        path: &Path,
        steps: &Steps,
    ) -> Result<(), Halt> {
        let in_the_way = "an old temporary file is in the way";
        match unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR | Errno::PERM) if is_directory(parent, name) => {
                self.clear_all(steps, Some(path))?;
                match unlinkat(parent, name, AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOENT) => Ok(()),
                    Err(error) => Err(halt(path, in_the_way)(error)),
                }
            }
            Err(error) => Err(halt(path, in_the_way)(error)),
        }
    }

    /// Takes everything away that these steps make beside their places; or beside one of them.
    pub(super) fn clear_all(&self, steps: &Steps, only: Option<&Path>) -> Result<(), Halt> {
        let mut way: Vec<Level> = Vec::new();
        for item in steps.items() {
            let item = item.map_err(Halt::of_store)?;
            let step = &item.step;
            while let Some(level) = way.pop_if(|level| !is_below(&step.path, &level.path)) {
                take_away(&level.place, AtFlags::REMOVEDIR);
            }
            let path = step.path.as_path();
            let missing = step.before.is_directory() && !step.now.is_directory();
            if !item.is_step() || !(missing || step.puts_content()) {
                continue;
            }
            let above = way.last().filter(|level| path.parent() == Some(level.path.as_path()));
            let place = match above {
                Some(level) => level.place.join(path.file_name().unwrap_or_default()),
                None if only.is_none_or(|only| only == path) => {
                    path.with_file_name(self.temporary_name(path))
                }
                None => continue,
            };
            if !missing {
                take_away(&place, AtFlags::empty());
                continue;
            }
            open_up(&place);
            way.push(Level { path: step.path.clone(), place });
        }
        while let Some(level) = way.pop() {
            take_away(&level.place, AtFlags::REMOVEDIR);
        }
        Ok(())
    }

    /// Takes everything away that may lie beside these paths, and is no tree.
    ///
    /// # Errors
    /// Those of reading the paths.
    pub(super) fn clear_beside(
        &self,
        paths: &mut dyn Iterator<Item = Result<ByteString, SnapshotError>>,
    ) -> Result<(), SnapshotError> {
        for path in paths {
            let path = path?;
            let path = path.as_path();
            let temporary = path.with_file_name(self.temporary_name(path));
            take_away(&temporary, AtFlags::empty());
            take_away(&temporary, AtFlags::REMOVEDIR);
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

/// Removes what stands at a place of ours. What cannot be removed is in nobody's way but that of a
/// step, which says so.
fn take_away(place: &Path, flags: AtFlags) {
    if let (Some(parent), Some(name)) = (place.parent(), place.file_name())
        && let Ok(parent) = open_directory(parent)
    {
        let _ = unlinkat(&parent, name, flags);
    }
}

/// Lets ourselves into a directory of ours that may have got its own mode already.
fn open_up(place: &Path) {
    if !rustix::process::geteuid().is_root()
        && let Ok(opened) = open_directory(place)
    {
        let held = super::observe::pinned_path(&opened, OsStr::new("."));
        let _ = rustix::fs::chmod(held, rustix::fs::Mode::RWXU);
    }
}
