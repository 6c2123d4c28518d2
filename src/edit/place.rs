//! A file as a directory that is held and a name in it, so that nobody can lead a look or a write
//! somewhere else in between.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

/// Opens a directory by its absolute, real path, following no link at all. For use as the directory of
/// further calls only.
///
/// # Errors
/// `ELOOP` where a link is on the way by now, `ENOENT`, `ENOTDIR`; `ENOSYS` before Linux 5.6.
pub(super) fn directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(CWD, path, flags, Mode::empty(), resolve)?)
}

/// Opens a name in a directory for reading: itself and not what it links to. A pipe makes nobody wait.
///
/// # Errors
/// `ELOOP` for a link, and whatever open(2) says.
pub(super) fn file(directory: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?.into())
}
