//! The copy that the caller edits: theirs, made and read with their rights, in a directory that is
//! theirs alone. What the editor makes of it is looked at like anything that somebody else chose.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::target::is_link;
use super::{EditError, LARGEST, place};
use crate::system::{Digest, caller};

/// Not `TMPDIR`, which the caller chooses, nor `/tmp`, which a reboot clears: work is not lost.
const PLACE: &str = "/var/tmp";

/// A copy for the editor.
pub struct WorkingCopy {
    directory: PathBuf,
    held: OwnedFd,
    name: OsString,
    digest: Digest,
}

impl WorkingCopy {
    /// Makes one with this content, under this name.
    ///
    /// # Errors
    /// [`EditError::Copy`].
    pub fn make(name: &OsStr, content: &[u8]) -> Result<Self, EditError> {
        let mut random = [0_u8; 8];
        let path = PathBuf::from(PLACE);
        let failed = |error| EditError::Copy(path.clone(), error);
        getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error)))?;
        let suffix: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let directory = path.join(format!("hitl-edit-{suffix}"));
        let made = caller().with_their_rights(|| fill(&directory, name, content));
        let held = made.and_then(|made| made).map_err(failed)?;
        Ok(Self { directory, held, name: name.to_owned(), digest: Digest::of(content) })
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// What the editor has left; `None` where that is what it was.
    ///
    /// # Errors
    /// [`EditError::CopyReplaced`] for anything but a regular file, [`EditError::TooLarge`],
    /// [`EditError::Copy`].
    pub fn changed(&self) -> Result<Option<Vec<u8>>, EditError> {
        let read = caller().with_their_rights(|| read(&self.held, &self.name));
        let content = match read.and_then(|read| read) {
            Ok(Some(content)) => content,
            Ok(None) => return Err(EditError::CopyReplaced(self.path())),
            Err(error) if is_link(&error) || error.raw_os_error() == Some(libc::ENXIO) => {
                return Err(EditError::CopyReplaced(self.path()));
            }
            Err(error) => return Err(EditError::Copy(self.path(), error)),
        };
        if content.len() as u64 > LARGEST {
            return Err(EditError::TooLarge(self.path()));
        }
        Ok((Digest::of(&content) != self.digest).then_some(content))
    }

    /// Takes it away, with what the editor has left beside it. What cannot be taken away is the
    /// caller's own.
    pub fn remove(self) {
        let _ = caller().with_their_rights(|| std::fs::remove_dir_all(&self.directory));
    }
}

fn fill(directory: &Path, name: &OsStr, content: &[u8]) -> io::Result<OwnedFd> {
    DirBuilder::new().mode(0o700).create(directory)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(CWD, directory, flags, Mode::empty())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&held, name, flags, Mode::RUSR | Mode::WUSR)?;
    File::from(file).write_all(content)?;
    Ok(held)
}

/// `None` where it is no regular file.
fn read(held: &OwnedFd, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
    let file = place::file(held, name)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    Ok(Some(content))
}
