//! What hitl itself puts on a command's standard input: nothing, or what it keeps in memory, sealed, so
//! that nobody can change it between the decision and the moment it is read.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::invocation::{Content, Invocation};

/// What stands there in place of the caller's, where anything does.
pub(super) fn in_place_of_callers(invocation: &Invocation) -> io::Result<Option<OwnedFd>> {
    match &invocation.content {
        Some(content) => sealed(content).map(Some),
        None if invocation.no_input => File::open("/dev/null").map(|file| Some(file.into())),
        None => Ok(None),
    }
}

/// A descriptor from which the content can be read, once, from its beginning.
fn sealed(content: &Content) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("content", flags)?);
    file.write_all(content.as_bytes())?;
    file.rewind()?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}
