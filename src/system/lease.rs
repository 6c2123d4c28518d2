//! Leases (fcntl(2)): whether somebody writes to a file, asked of the kernel by one instead of looking
//! through the descriptors of every process; and files that others hold one on.
#![allow(unsafe_code)] // fcntl(2) with commands that have no safe form.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;

/// Which signal tells of events on a descriptor (asm-generic/fcntl.h).
const F_SETSIG: libc::c_int = 10;

/// Whether some process, this one excepted, has a regular file open for writing or mapped so. `opened`
/// is open for reading only.
///
/// Where the file system has no leases, or the caller may not take one (it takes the file's owner or
/// `CAP_LEASE`), nobody is known to.
pub fn is_open_for_writing(opened: impl AsFd) -> bool {
    let descriptor = opened.as_fd().as_raw_fd();
    // SAFETY: fcntl on a descriptor that is borrowed for the whole call, with numbers as arguments.
    // Should somebody open the file while the lease is held, the kernel tells by the signal that is set
    // first: SIGURG, which is ignored unless asked for, instead of SIGIO, which kills.
    unsafe {
        if libc::fcntl(descriptor, F_SETSIG, libc::SIGURG) != 0 {
            return false;
        }
        if libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_RDLCK) == 0 {
            libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK);
            return false;
        }
    }
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

/// Opens without waiting (`O_NONBLOCK`) what somebody may have a lease on, such as a file server: the
/// first try has them asked to give it up, and the kernel takes it from them after
/// `/proc/sys/fs/lease-break-time` seconds, 45 by default. Whoever takes one again and again, or on
/// file after file, is not waited for longer than a minute in all.
///
/// # Errors
/// Those of `open`; `EAGAIN` where it was not given up.
pub fn once_given_up<T>(open: impl Fn() -> Result<T, Errno>) -> Result<T, Errno> {
    static WAITED_MS: AtomicU64 = AtomicU64::new(0);
    const PATIENCE_MS: u64 = 60_000;
    const BEAT_MS: u64 = 5;
    loop {
        match open() {
            Err(Errno::AGAIN) if WAITED_MS.fetch_add(BEAT_MS, Ordering::Relaxed) < PATIENCE_MS => {
                std::thread::sleep(Duration::from_millis(BEAT_MS));
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_file_is_open_for_writing_while_somebody_can_write_to_it_and_not_while_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let writer = File::create(&path).unwrap();
        assert!(is_open_for_writing(File::open(&path).unwrap()));
        drop(writer);
        let _reader = File::open(&path).unwrap();
        assert!(!is_open_for_writing(File::open(&path).unwrap()));
    }
}
