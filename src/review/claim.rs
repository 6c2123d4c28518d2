//! Who starts an approved request: one process at a time.
//!
//! Between an approval and its use lie the snapshot and the last check, which take their time and
//! belong to the request. The claim keeps a second process out of them. It is a lock of the kernel,
//! so that it ends with its process, however that ends; what uses an approval once is not the claim
//! but [`Record::consume`](super::Record::consume).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::{RequestId, StoreError};
use crate::system::durable::DurableError;

/// The sole right to start one request, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    /// Closing it gives the lock back.
    _file: File,
}

/// Claims a request, without waiting: one byte of the file `starting`, at the request's own offset,
/// so that no lock file is left behind for each request. `None` where another process has it.
///
/// # Errors
/// [`DurableError`] where the file cannot be opened or locked.
pub(super) fn claim(directory: &Path, id: &RequestId) -> Result<Option<Claim>, StoreError> {
    let path = directory.join("starting");
    let failed = |source| DurableError { action: "lock", path: path.clone(), source };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(&path)
        .map_err(failed)?;
    let byte = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: id.number(),
        l_len: 1,
        l_pid: 0,
    };
    // Of the open file, not of the process: two claims of one process exclude each other too.
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&byte)) {
        Ok(_) => Ok(Some(Claim { _file: file })),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(error) => Err(failed(error.into()).into()),
    }
}
