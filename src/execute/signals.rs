//! Signals while a command runs: each is caught, written into a pipe, and read in the main loop, so
//! that none is lost between the start of the child and the wait for it.
#![allow(unsafe_code)] // Signal handlers.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

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

/// Where the handler writes to; -1 where nothing is to be written.
static PIPE: AtomicI32 = AtomicI32::new(-1);

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
    /// There is something to read on the other descriptor.
    Readable,
    /// The time has come.
    TimeUp,
}

/// Signals are caught as long as this lives. Afterwards those that would end the process are
/// ignored, so that it can still record how the command ended; [`super::pass_on()`] ends that.
pub struct SignalWatch {
    reader: std::fs::File,
    writer: OwnedFd,
    caught: Vec<libc::c_int>,
}

impl SignalWatch {
    /// Begins to catch these signals. One at a time in a process.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(signals: &[libc::c_int]) -> io::Result<Self> {
        let flags = nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK;
        let (reader, writer) = pipe2(flags)?;
        PIPE.store(writer.as_raw_fd(), Ordering::SeqCst);
        let mut watch = Self { reader: reader.into(), writer, caught: Vec::new() };
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
        catch(signal)?;
        self.caught.push(signal);
        Ok(())
    }

    /// Leaves one to its default again.
    ///
    /// # Errors
    /// What the system says.
    pub fn no_longer(&mut self, signal: libc::c_int) -> io::Result<()> {
        self.caught.retain(|caught| *caught != signal);
        disposition(signal, libc::SIG_DFL)
    }

    /// Becomes readable when a signal has come.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// A signal that has come, without waiting for one.
    ///
    /// # Errors
    /// What the system says.
    pub fn take(&mut self) -> io::Result<Option<Caught>> {
        let mut record = [0_u8; 12];
        loop {
            match self.reader.read(&mut record) {
                // A record is far below PIPE_BUF, so it is written and read whole.
                Ok(_) => return Ok(Some(decode(record))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sleeps until a signal comes, there is something to read on `also`, or the time has come.
    pub(super) fn next(
        &mut self,
        until: Option<Instant>,
        also: Option<BorrowedFd<'_>>,
    ) -> io::Result<Woken> {
        let mut readable = false;
        loop {
            if let Some(caught) = self.take()? {
                return Ok(Woken::By(caught));
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
            let own = self.reader.as_fd();
            let mut ready = [own, also.unwrap_or(own)].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut ready, timeout) {
                Ok(_) => {
                    let [_, other] = &ready;
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
        for signal in std::mem::take(&mut self.caught) {
            let quiet = !matches!(signal, libc::SIGCHLD | libc::SIGCONT | libc::SIGWINCH);
            let action = if quiet { libc::SIG_IGN } else { libc::SIG_DFL };
            // It can only fail for a signal that does not exist, and these were caught.
            let _ = disposition(signal, action);
        }
        PIPE.compare_exchange(self.writer.as_raw_fd(), -1, Ordering::SeqCst, Ordering::SeqCst).ok();
    }
}

fn catch(signal: libc::c_int) -> io::Result<()> {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeroes are a valid `sigaction` (an empty mask, no flags); it is filled in before
    // use. The handler is async-signal-safe: an atomic load, one write(2), errno kept.
    let outcome = unsafe {
        let action = action.assume_init_mut();
        action.sa_sigaction = on_signal
            as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void)
            as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(signal, action, std::ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn on_signal(
    number: libc::c_int,
    information: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    let pipe = PIPE.load(Ordering::SeqCst);
    if pipe < 0 {
        return;
    }
    // SAFETY: with SA_SIGINFO the kernel passes valid information; `si_pid` is read only as an
    // integer and used only where the code says that a process sent the signal. write(2) and errno
    // are async-signal-safe. A full pipe loses nothing that matters: it holds thousands of
    // unread signals already.
    unsafe {
        let errno = libc::__errno_location();
        let kept = *errno;
        let record = encode(number, (*information).si_code, (*information).si_pid());
        libc::write(pipe, record.as_ptr().cast(), record.len());
        *errno = kept;
    }
}

fn encode(number: libc::c_int, code: libc::c_int, pid: libc::pid_t) -> [u8; 12] {
    let mut record = [0; 12];
    for (place, value) in record.chunks_exact_mut(4).zip([number, code, pid]) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
    record
}

fn decode(record: [u8; 12]) -> Caught {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = record;
    let code = i32::from_ne_bytes([e, f, g, h]);
    let pid = i32::from_ne_bytes([i, j, k, l]);
    let by_process = matches!(code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL);
    Caught { number: i32::from_ne_bytes([a, b, c, d]), sender: by_process.then_some(pid) }
}
