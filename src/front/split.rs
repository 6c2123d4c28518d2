//! One process becomes two.
#![allow(unsafe_code)] // fork.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd::{ForkResult, Gid, Uid, fork, getsid, setgroups, setresgid, setresuid, setsid};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::termios::tcgetsid;

use super::{FrontProcess, Link, Voice};
use crate::execute::{renounce_privileges, withdraw_from_oom};

/// The exit status of a hitl that itself failed.
const FAILED: i32 = 125;

/// Which of the two this process is.
pub enum Side {
    /// The one that was called: it talks.
    Front(Box<FrontProcess>),
    /// The one that works.
    Monitor(Link),
}

/// Splits this process, which has the effective uid 0, in two. Called once, before anything has been
/// opened and while there is one thread.
///
/// The front is the caller's in every id, and can become nobody else. The monitor is root's in every
/// id, so that the caller can neither stop nor kill it, and leads a session without a terminal, so
/// that no key of the caller's terminal reaches it.
///
/// # Errors
/// What the system says; nothing may be done then.
pub fn split() -> io::Result<Side> {
    let own_terminals = own_terminals();
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let (here, there) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
    // SAFETY: there is one thread, so that no lock can be held by another one in the child.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(there);
            let was_lent_privileges = renounce_privileges()?;
            nix::sys::prctl::set_dumpable(false)?;
            Ok(Side::Front(Box::new(FrontProcess::new(here, child, was_lent_privileges))))
        }
        ForkResult::Child => {
            drop(here);
            let link = Link::new(there, own_terminals);
            if let Err(error) = become_monitor() {
                link.say(&format!(
                    "hitl: cannot become root in every id: {error}; nothing ran. Where root is not \
                     root (in a user namespace, say), start it outside\n"
                ));
                link.exit(FAILED);
                std::process::exit(FAILED);
            }
            Ok(Side::Monitor(link))
        }
    }
}

fn become_monitor() -> io::Result<()> {
    setsid()?;
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setgroups(&[group])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)?;
    withdraw_from_oom();
    Ok(nix::sys::prctl::set_dumpable(false)?)
}

/// Which of the descriptors 0 to 2 are the controlling terminal of this session.
fn own_terminals() -> [bool; 3] {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let session = getsid(None).ok();
    let is_own = |descriptor: BorrowedFd<'_>| {
        let of_terminal = tcgetsid(descriptor).ok().map(|pid| pid.as_raw_nonzero().get());
        of_terminal.is_some() && of_terminal == session.map(nix::unistd::Pid::as_raw)
    };
    [input.as_fd(), output.as_fd(), error.as_fd()].map(is_own)
}
