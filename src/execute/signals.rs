//! Signals while a command runs, and while somebody is waited for: blocked, and read from a descriptor
//! (signalfd(2)), so that none is lost between the start of the child and the wait for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::entry::disposition;

/// What is caught. SIGTSTP, SIGTTIN and SIGTTOU are not: they stop us together with the child, as
/// job control expects.
pub(super) const CAUGHT: [libc::c_int; 8] = [
    libc::SIGCHLD,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCONT,
];

/// What is set otherwise than the caller had it, by the Rust runtime, on entry, or by the monitor.
pub(super) const SET: [libc::c_int; 5] =
    [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// A caught signal.
#[derive(Clone, Copy, Debug)]
pub struct Caught {
    /// Its number.
    pub number: libc::c_int,
    /// The process that sent it; `None` for the kernel (a key at the terminal, a hang-up).
    pub sender: Option<libc::pid_t>,
}

/// What a sleep ended with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Woken {
    /// A signal.
    By(Caught),
    /// The command has ended, says its own descriptor.
    Ended,
    /// There is something to read on the other descriptor.
    Readable,
    /// The time has come.
    TimeUp,
}

/// Signals are caught as long as this lives. Afterwards those that would end the process are
/// ignored, so that it can still record how the command ended; [`super::pass_on()`] ends that.
///
/// The mask is the thread's: a process that uses this has one thread. Where it has more, another may
/// take a signal that is sent to the process; so the end of the command is not left to SIGCHLD alone.
pub struct SignalWatch {
    descriptor: SignalFd,
    caught: SigSet,
}

impl SignalWatch {
    /// Begins to catch these signals.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(signals: &[libc::c_int]) -> io::Result<Self> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&SigSet::empty(), flags)?;
        let mut watch = Self { descriptor, caught: SigSet::empty() };
        for signal in signals {
            watch.also(*signal)?;
        }
        Ok(watch)
    }

    /// Catches one more.
    ///
    /// # Errors
    /// What the system says.
    pub fn also(&mut self, signal: libc::c_int) -> io::Result<()> {
        // What is ignored is not even kept for later.
        disposition(signal, libc::SIG_DFL)?;
        let signal = Signal::try_from(signal)?;
        self.caught.add(signal);
        self.caught.thread_block()?;
        Ok(self.descriptor.set_mask(&self.caught)?)
    }

    /// Leaves one to its default again: one that has come and was not taken has its effect now.
    ///
    /// # Errors
    /// What the system says.
    pub fn no_longer(&mut self, signal: libc::c_int) -> io::Result<()> {
        let signal = Signal::try_from(signal)?;
        self.caught.remove(signal);
        self.descriptor.set_mask(&self.caught)?;
        let mut only = SigSet::empty();
        only.add(signal);
        Ok(only.thread_unblock()?)
    }

    /// Becomes readable when a signal has come.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// A signal that has come, without waiting for one.
    ///
    /// # Errors
    /// What the system says.
    pub fn take(&mut self) -> io::Result<Option<Caught>> {
        let Some(information) = self.descriptor.read_signal()? else { return Ok(None) };
        let by_process =
            matches!(information.ssi_code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL);
        Ok(Some(Caught {
            number: information.ssi_signo.try_into().map_err(io::Error::other)?,
            sender: by_process.then(|| information.ssi_pid.try_into().ok()).flatten(),
        }))
    }

    /// Sleeps until a signal comes, the command whose `end` (pidfd) this is has ended, there is
    /// something to read on `also`, or the time has come.
    pub(super) fn next(
        &mut self,
        until: Option<Instant>,
        end: Option<BorrowedFd<'_>>,
        also: Option<BorrowedFd<'_>>,
    ) -> io::Result<Woken> {
        let (mut ended, mut readable) = (false, false);
        loop {
            if let Some(caught) = self.take()? {
                return Ok(Woken::By(caught));
            }
            if ended {
                return Ok(Woken::Ended);
            }
            if readable {
                return Ok(Woken::Readable);
            }
            let timeout = match until {
                None => PollTimeout::NONE,
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(Woken::TimeUp);
                    }
                    // Rounded up, so that it does not wake a moment too early and spin; a longer
                    // wait than poll can express goes round once more.
                    let milliseconds = left.as_millis().saturating_add(1).min(i32::MAX as u128);
                    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
                }
            };
            let own = self.descriptor();
            let mut ready = [own, end.unwrap_or(own), also.unwrap_or(own)]
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut ready, timeout) {
                Ok(_) => {
                    let [_, command, other] = &ready;
                    ended = end.is_some() && command.any().unwrap_or(false);
                    // Also where its other end is closed: that is news too.
                    readable = also.is_some() && other.any().unwrap_or(false);
                }
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        for signal in &self.caught {
            let signal = signal as libc::c_int;
            let quiet = !matches!(signal, libc::SIGCHLD | libc::SIGCONT | libc::SIGWINCH);
            let action = if quiet { libc::SIG_IGN } else { libc::SIG_DFL };
            // It can only fail for a signal that does not exist, and these were caught. To ignore one
            // also takes back what is pending.
            let _ = disposition(signal, action);
        }
        let _ = self.caught.thread_unblock();
    }
}
