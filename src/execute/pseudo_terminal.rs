//! A terminal of the command's own. A program that shares a terminal with the caller and runs as
//! somebody else can type into it (TIOCSTI), and so make the caller's shell run what it likes; on a
//! terminal of its own it types to itself.
#![allow(unsafe_code)] // Two terminal ioctls that nix does not have.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::fcntl::{OFlag, fcntl};
use nix::pty::{grantpt, posix_openpt, unlockpt};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use nix::unistd::{Uid, fchown};

/// Both ends.
pub(super) struct PseudoTerminal {
    /// The end that shows and types.
    pub(super) outer: OwnedFd,
    /// The command's end.
    pub(super) inner: OwnedFd,
}

/// Makes a terminal with the settings and the size of `model`, that belongs to the target user, as a
/// login would have it, and makes it the controlling one of this session, which has none so far.
/// `None` where the caller's has hung up: what is left of it is no terminal.
pub(super) fn open(model: BorrowedFd<'_>, owner: u32) -> io::Result<Option<PseudoTerminal>> {
    let settings = match tcgetattr(model) {
        Err(nix::Error::EIO) => return Ok(None),
        settings => settings?,
    };
    let outer = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&outer)?;
    unlockpt(&outer)?;
    // By the descriptor and not by its path: /dev/pts need not be mounted here.
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes an integer and makes a descriptor.
    let inner = unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCGPTPEER, flags) };
    if inner < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    let inner = unsafe { OwnedFd::from_raw_fd(inner) };
    // The group stays: on most systems tty, so that write(1) works.
    fchown(&inner, Some(Uid::from_raw(owner)), None)?;
    tcsetattr(&inner, SetArg::TCSANOW, &settings)?;
    copy_size(model, &inner)?;
    // SAFETY: TIOCSCTTY takes an integer.
    if unsafe { libc::ioctl(inner.as_raw_fd(), libc::TIOCSCTTY, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // Not to block whoever relays.
    let outer = OwnedFd::from(outer);
    fcntl(&outer, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
    Ok(Some(PseudoTerminal { outer, inner }))
}

fn copy_size(from: BorrowedFd<'_>, to: &OwnedFd) -> io::Result<()> {
    let size = rustix::termios::tcgetwinsize(from)?;
    Ok(rustix::termios::tcsetwinsize(to, size)?)
}
