//! The file that is meant: what the caller may see of it, and what is there.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::{EditError, Expected, LARGEST, Person, place};
use crate::system::{Digest, caller};

/// A file as the caller named it.
pub struct Named {
    path: PathBuf,
    directory: PathBuf,
    name: OsString,
    seen: Seen,
}

/// What the caller sees there with their own rights.
enum Seen {
    /// A file that they may read, open.
    Open(File),
    /// Nothing.
    Nothing,
    /// That is not for them to know.
    Hidden,
}

/// A file that may be edited.
pub struct Target {
    /// Its absolute path, no link in it.
    pub path: PathBuf,
    /// Its content; empty where it is to be made.
    pub content: Vec<u8>,
    /// What is there now.
    pub expected: Expected,
}

impl Named {
    /// Looks where the caller's own rights lead.
    ///
    /// # Errors
    /// [`EditError`], saying nothing that they could not find out themselves.
    pub fn look(typed: &Path) -> Result<Self, EditError> {
        let name = typed.file_name().ok_or_else(|| EditError::NotAName(typed.to_owned()))?;
        let parent = match typed.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let as_they = |error| EditError::Unreadable(typed.to_owned(), error);
        let found = caller().with_their_rights(|| parent.canonicalize()).map_err(as_they)?;
        let (directory, closed) = match found {
            Ok(directory) => (directory, false),
            Err(error) if is_refusal(&error) => {
                // Where it really leads is for the rules; that it leads anywhere is not told.
                let lexical = std::path::absolute(parent).map_err(as_they)?;
                (parent.canonicalize().unwrap_or(lexical), true)
            }
            Err(error) => return Err(EditError::NoDirectory(typed.to_owned(), error)),
        };
        let path = directory.join(name);
        let seen = if closed { Seen::Hidden } else { see(&path)? };
        Ok(Self { name: name.to_owned(), directory, path, seen })
    }

    /// The absolute path that is meant.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the caller may not know what is there.
    pub fn is_hidden(&self) -> bool {
        matches!(self.seen, Seen::Hidden)
    }

    /// What is told about what they may not know.
    pub fn hidden(self) -> EditError {
        EditError::Hidden(self.path)
    }

    /// Opens what is meant. `shown`: whether the rules let the caller edit it without another human,
    /// and so see it; `person`: whoever must not be able to exchange it.
    ///
    /// # Errors
    /// [`EditError`].
    pub fn open(self, shown: bool, person: Option<&Person>) -> Result<Target, EditError> {
        if self.is_hidden() && !shown {
            return Err(self.hidden());
        }
        let Self { path, directory, name, seen } = self;
        let held = hold(&directory, &path, person)?;
        let found = match place::file(&held, &name) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if is_link(&error) => return Err(EditError::Link(path)),
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                return Err(EditError::NotRegular(path));
            }
            Err(error) => return Err(EditError::Unreadable(path, error)),
        };
        let file = match (seen, found) {
            (Seen::Nothing | Seen::Hidden, None) => {
                return Ok(Target { path, content: Vec::new(), expected: Expected::Absent });
            }
            (Seen::Hidden, Some(file)) => file,
            // What is shown is read through what they opened themselves.
            (Seen::Open(theirs), Some(ours)) if same(&theirs, &ours) => theirs,
            (Seen::Open(_) | Seen::Nothing, _) => return Err(EditError::Changed(path)),
        };
        let content = read_regular(file, &path)?;
        let expected = Expected::Content(Digest::of(&content));
        Ok(Target { path, content, expected })
    }
}

/// Opens the directory of a file, where `person` cannot exchange anything on the way.
pub(super) fn hold(
    directory: &Path,
    path: &Path,
    person: Option<&Person>,
) -> Result<OwnedFd, EditError> {
    let unreachable = |error| EditError::NoDirectory(path.to_owned(), error);
    let held = place::directory(directory).map_err(unreachable)?;
    if let Some(person) = person
        && let Some(directory) =
            person.could_exchange(held.as_fd(), directory).map_err(unreachable)?
    {
        return Err(EditError::Exchangeable { path: path.to_owned(), directory });
    }
    Ok(held)
}

/// The content of an open file, where it is one that is edited.
pub(super) fn read_regular(file: File, path: &Path) -> Result<Vec<u8>, EditError> {
    let unreadable = |error| EditError::Unreadable(path.to_owned(), error);
    let metadata = file.metadata().map_err(unreadable)?;
    must_be_plain(&metadata, path)?;
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > LARGEST {
        return Err(EditError::TooLarge(path.to_owned()));
    }
    Ok(content)
}

fn must_be_plain(metadata: &Metadata, path: &Path) -> Result<(), EditError> {
    if !metadata.is_file() {
        return Err(EditError::NotRegular(path.to_owned()));
    }
    if metadata.nlink() > 1 {
        return Err(EditError::SeveralNames(path.to_owned(), metadata.nlink()));
    }
    if metadata.len() > LARGEST {
        return Err(EditError::TooLarge(path.to_owned()));
    }
    Ok(())
}

fn see(path: &Path) -> Result<Seen, EditError> {
    let opened = caller().with_their_rights(|| place::file(CWD, path.as_os_str()));
    let error = match opened.and_then(|opened| opened) {
        Ok(file) => return Ok(Seen::Open(file)),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound => Ok(Seen::Nothing),
        _ if is_refusal(&error) => Ok(Seen::Hidden),
        _ if is_link(&error) => Err(EditError::Link(path.to_owned())),
        _ if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(EditError::NotRegular(path.to_owned()))
        }
        _ => Err(EditError::Unreadable(path.to_owned(), error)),
    }
}

fn same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|it| (it.dev(), it.ino())).ok();
    identity(one).is_some() && identity(one) == identity(other)
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

pub(super) fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

/// The content of the file at this absolute, real path; `None` where there is none.
///
/// # Errors
/// [`EditError`] for what is not edited.
pub fn present(path: &Path) -> Result<Option<Vec<u8>>, EditError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(EditError::NotAName(path.to_owned()));
    };
    let held = hold(parent, path, None)?;
    match place::file(&held, name) {
        Ok(file) => read_regular(file, path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EditError::Unreadable(path.to_owned(), error)),
    }
}
