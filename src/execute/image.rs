//! The file to execute, opened and compared with the one that was judged.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::ExecuteError;
use crate::invocation::Invocation;
use crate::system::{Digest, Scope, trusted};

/// What is handed to exec.
pub(super) enum Image {
    /// A real path in directories in which nobody but root (and, in user scope, the caller) can
    /// exchange it.
    Path(CString),
    /// The opened file, where the path could be made to lead elsewhere at the last moment.
    Descriptor(OwnedFd),
    /// As [`Image::Descriptor`], a script: its interpreter opens it anew, as `/dev/fd/NUMBER`, and so
    /// the command has to inherit it.
    Script(OwnedFd),
}

/// Opens the executable that was judged.
///
/// It is executed by its path where that is as safe as the descriptor: executed by descriptor, a
/// process is called by a number instead of its name before Linux 6.14, and `pgrep` and `killall`
/// do not find it. A script that nobody has agreed to is always executed by its path, because its
/// interpreter has to open it.
///
/// What humans have `agreed` to and somebody but root could write is executed from a sealed copy: a
/// pinned file can still be edited in place, between the last look at it and its start.
pub(super) fn open(
    invocation: &Invocation,
    scope: Scope,
    agreed: Option<Digest>,
) -> Result<Image, ExecuteError> {
    let executable = &invocation.executable;
    let path = executable.path.as_path();
    let file = open_at(path, libc::O_PATH | libc::O_NOFOLLOW)
        .map_err(|error| ExecuteError::Gone(path.to_owned(), error))?;
    if !is_same(&file, (executable.device, executable.inode))? {
        return Err(ExecuteError::Changed(path.to_owned()));
    }
    if let (Scope::System, Some(agreed)) = (scope, agreed)
        && trusted::open(path, scope).is_err()
    {
        return sealed(path, (executable.device, executable.inode), agreed);
    }
    let place = path.parent().unwrap_or(Path::new("/"));
    if scope == Scope::User
        || trusted::check_directory(place, scope).is_ok()
        || is_script(path, (executable.device, executable.inode))
    {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(ExecuteError::nul)?;
        return Ok(Image::Path(path));
    }
    Ok(Image::Descriptor(file.into()))
}

/// A copy that nobody can write any more, if its content is what was agreed to.
fn sealed(path: &Path, identity: (u64, u64), agreed: Digest) -> Result<Image, ExecuteError> {
    let gone = |error| ExecuteError::Gone(path.to_owned(), error);
    let mut file = open_at(path, libc::O_NOFOLLOW | libc::O_NONBLOCK).map_err(gone)?;
    if !is_same(&file, identity)? {
        return Err(ExecuteError::Changed(path.to_owned()));
    }
    let copying = |error| ExecuteError::Setup("keep a copy of the executable", error);
    let mut copy = File::from(empty_copy().map_err(copying)?);
    io::copy(&mut file, &mut copy).map_err(copying)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&copy, seals).map_err(|error| copying(error.into()))?;
    copy.rewind().map_err(copying)?;
    // What is executed, and not what it was copied from.
    if Digest::of_reader(&mut copy).map_err(copying)? != agreed {
        return Err(ExecuteError::Changed(path.to_owned()));
    }
    copy.rewind().map_err(copying)?;
    let mut beginning = [0_u8; 2];
    let is_script = copy.read_exact(&mut beginning).is_ok() && beginning == *b"#!";
    let copy = OwnedFd::from(copy);
    Ok(if is_script { Image::Script(copy) } else { Image::Descriptor(copy) })
}

/// Where a copy goes: memory that can be executed.
fn empty_copy() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create(c"hitl", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 all such memory can be executed, and there is no flag that says so.
        Err(rustix::io::Errno::INVAL) => Ok(memfd_create(c"hitl", flags)?),
        made => Ok(made?),
    }
}

/// Opens the working directory that was judged.
pub(super) fn directory(invocation: &Invocation) -> Result<OwnedFd, ExecuteError> {
    let path = invocation.directory.as_path();
    let directory = open_at(path, libc::O_PATH | libc::O_DIRECTORY)
        .map_err(|error| ExecuteError::Gone(path.to_owned(), error))?;
    if !is_same(&directory, invocation.directory_identity)? {
        return Err(ExecuteError::Changed(path.to_owned()));
    }
    Ok(directory.into())
}

fn open_at(path: &Path, flags: libc::c_int) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags | libc::O_CLOEXEC).open(path)
}

fn is_same(file: &File, identity: (u64, u64)) -> Result<bool, ExecuteError> {
    let metadata = file.metadata().map_err(ExecuteError::Start)?;
    Ok((metadata.dev(), metadata.ino()) == identity)
}

/// Whether it begins with `#!`. What cannot be read cannot be a script: its interpreter could not
/// read it either.
fn is_script(path: &Path, identity: (u64, u64)) -> bool {
    let mut beginning = [0_u8; 2];
    open_at(path, libc::O_NOFOLLOW | libc::O_NONBLOCK).is_ok_and(|mut file| {
        is_same(&file, identity).unwrap_or(false)
            && file.read_exact(&mut beginning).is_ok()
            && beginning == *b"#!"
    })
}
