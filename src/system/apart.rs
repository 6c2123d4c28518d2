//! Work in a process of its own: code that may hang, crash or leave secrets in its memory does so
//! there.
#![allow(unsafe_code)] // fork, and setting the child up with nothing but system calls.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid, setsid};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};

/// The child's end of the channel.
const CHANNEL: i32 = 3;

/// Messages of one to the other, each arriving whole or not at all.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Sends a message.
    ///
    /// # Errors
    /// Also where the other side is gone.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        send(&self.0, message, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for a message; its length, 0 where the other side is gone. What is longer than the buffer
    /// is an error.
    ///
    /// # Errors
    /// What the system says.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(&self.0, &mut *buffer, RecvFlags::TRUNC) {
                Ok((_, length)) if length > buffer.len() => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Ok((_, length)) => return Ok(length),
                Err(rustix::io::Errno::INTR) => {}
                // The other side went with our message unread.
                Err(rustix::io::Errno::CONNRESET) => return Ok(0),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A process that works apart. Dropping this closes the channel, which tells it to give up; it is not
/// killed.
#[derive(Debug)]
pub struct Apart {
    /// What is said to it, and heard from it.
    pub channel: Channel,
    process: Pid,
}

impl Apart {
    /// Ends it, and what stayed in its session's first process group, at once.
    pub fn kill(self) {
        // It may have ended already; and it may not have begun its session yet.
        let _ = killpg(self.process, Signal::SIGKILL);
        let _ = kill(self.process, Signal::SIGKILL);
        let _ = waitpid(self.process, None);
    }

    /// Waits for its end, which it has announced.
    pub fn wait(self) {
        let Self { channel, process } = self;
        drop(channel);
        // Somebody else may have waited for it; then it has ended too.
        let _ = waitpid(process, None);
    }
}

/// Starts work in a process of its own. It is root's alone where this process has root's rights: the
/// caller can neither signal nor inspect it. It has a session without a terminal, no environment,
/// default signals, no descriptors but its channel and `/dev/null`, and `/` as its directory; it
/// ends where the work returns.
///
/// # Errors
/// What the system says; nothing was started then.
pub fn start(work: impl FnOnce(&Channel)) -> io::Result<Apart> {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // SAFETY: hitl has one thread, so that no lock is held by a thread that the child lacks.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Apart { channel: Channel(ours), process: child }),
        ForkResult::Child => {
            // Should anything unwind: it must not come out as a second hitl.
            let _end = Ending;
            if let Ok(channel) = settle(&theirs) {
                work(&channel);
            }
            end()
        }
    }
}

/// Does work in a process that is nobody's child, set up as that of [`start`], and returns at once:
/// whatever becomes of it, nobody waits for it, and it holds nothing open of what this process has
/// open. The kernel ends it after so many seconds (at least 1).
///
/// # Errors
/// What the system says; nothing was started then.
pub fn detach(seconds: u32, work: impl FnOnce()) -> io::Result<()> {
    // SAFETY: as in `start`.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            // It ends at once.
            let _ = waitpid(child, None);
            Ok(())
        }
        ForkResult::Child => {
            let _end = Ending;
            // SAFETY: as in `start`.
            if let Ok(ForkResult::Child) = unsafe { fork() } {
                end_after(seconds.max(1));
                if settle_alone().is_ok() {
                    work();
                }
            }
            end()
        }
    }
}

struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        end();
    }
}

fn end() -> ! {
    // SAFETY: ends the process without running anything that was registered by its parent.
    unsafe { libc::_exit(0) }
}

/// Sets a child up that has no channel.
fn settle_alone() -> io::Result<()> {
    let nothing: OwnedFd = std::fs::OpenOptions::new().read(true).open("/dev/null")?.into();
    let settled = settle(&nothing);
    // Closed already, with everything else.
    std::mem::forget(nothing);
    drop(settled?);
    // Whoever it talks to may go: that is an error then, and no death.
    // SAFETY: a system call on integers.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    Ok(())
}

/// Sets the child up.
fn settle(channel: &OwnedFd) -> io::Result<Channel> {
    setsid()?;
    if nix::unistd::geteuid().is_root() {
        setgroups(&[])?;
        setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0))?;
        setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0))?;
    }
    nix::sys::prctl::set_dumpable(false)?;
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: system calls on integers. The descriptors that this closes belong to objects of the
    // parent's, which are not used any more in this process and never dropped.
    unsafe {
        let copied = (0..3).all(|standard| libc::dup2(null.as_raw_fd(), standard) >= 0)
            && libc::dup2(channel.as_raw_fd(), CHANNEL) >= 0;
        if !copied {
            return Err(io::Error::last_os_error());
        }
        // dup2 of a descriptor onto itself leaves its close-on-exec flag; onto another clears it.
        if libc::fcntl(CHANNEL, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::syscall(libc::SYS_close_range, 4_u32, u32::MAX, 0_u32) != 0 {
            // Before Linux 5.9: at worst what stays open is closed when it ends.
            for descriptor in 4..1024 {
                libc::close(descriptor);
            }
        }
        libc::clearenv();
        for signal in
            (1..=libc::SIGRTMAX()).filter(|one| ![libc::SIGKILL, libc::SIGSTOP].contains(one))
        {
            // Numbers that the C library keeps for itself fail, and stay as they are.
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    std::mem::forget(null);
    SigSet::empty().thread_set_mask()?;
    nix::unistd::chdir("/")?;
    // SAFETY: made above, and owned by nobody else: the parent's object is never dropped here.
    Ok(Channel(unsafe { OwnedFd::from_raw_fd(CHANNEL) }))
}

/// Lets the kernel end this process after so many seconds; 0: not any more. For work apart, which
/// nobody may be waiting for.
pub fn end_after(seconds: u32) {
    // SAFETY: alarm takes an integer; its signal has the default disposition here, which ends.
    unsafe { libc::alarm(seconds) };
}
