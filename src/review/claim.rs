//! Who starts an approved request: one process at a time.
//!
//! Between an approval and its use lie the snapshot and the last check, which take their time and
//! belong to the request. The claim keeps a second process out of them. It is a lock of the kernel,
//! so that it ends with its process, however that ends; what uses an approval once is not the claim
//! but [`Record::consume`](super::Record::consume).

use std::path::Path;

use super::{RequestId, StoreError};
use crate::system::durable::{self, ByteLock};

/// The sole right to start one request, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    _lock: ByteLock,
}

/// Claims a request, without waiting: one byte of the file `starting`, at the request's own offset,
/// so that no lock file is left behind for each request. `None` where another process has it.
///
/// # Errors
/// [`StoreError`] where the file cannot be opened or locked.
pub(super) fn claim(directory: &Path, id: &RequestId) -> Result<Option<Claim>, StoreError> {
    let lock = durable::try_lock_byte(&directory.join("starting"), id.number())?;
    Ok(lock.map(|lock| Claim { _lock: lock }))
}
