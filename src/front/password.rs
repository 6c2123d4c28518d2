//! Asks for a password at a terminal: nothing that is typed is ever shown, and the terminal is left
//! as it was found, however the question ends.
//!
//! While it asks, the terminal hands over every key at once and sends no signals: ^C is read here, and
//! ^Z does nothing. Signals that come from elsewhere wait until the terminal is itself again. What was
//! typed too early, too late, or in part when the time was up is thrown away, never shown (sudo-rs,
//! GHSA-q428) and never left for whoever reads the terminal next.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, tcgetpgrp};
use zeroize::Zeroizing;

use crate::authenticate::{Conversation, Secret, Stop};

/// How long a question stands.
pub(super) const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Signals that end or stop a process, and those by which the kernel stops a background process that
/// touches the terminal.
const HELD: [Signal; 8] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGALRM,
];

/// A terminal that shows nothing of what is typed, until this is dropped.
pub(super) struct PasswordTerminal {
    terminal: File,
    before: Termios,
    /// The signals that were held back before.
    mask: SigSet,
    signals: SignalFd,
    /// Whoever wants the answer: what becomes readable when they have gone.
    asker: Option<OwnedFd>,
}

/// What a key, or the lack of one, means.
enum Typed {
    Byte(u8),
    Stopped(Stop),
}

impl PasswordTerminal {
    /// Takes the controlling terminal over: not standard input, which may be the command's. `None`
    /// where there is none, or this process is in its background.
    pub(super) fn take(asker: Option<OwnedFd>) -> Option<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let held: SigSet = HELD.into_iter().collect();
        let signals = SigSet::from_iter(HELD.into_iter().filter(|one| ends(*one)));
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).ok()?;
        let mask = held.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok()?;
        let taken = Self { terminal, before, mask, signals, asker };
        // From here on dropping it gives everything back.
        taken.quiet()?;
        Some(taken)
    }

    /// No echo, no lines, no signals; what was typed before is forgotten. Again before each question:
    /// nobody else's change in between is to show what is typed.
    fn quiet(&self) -> Option<()> {
        let mut quiet = self.before.clone();
        quiet.local_flags.remove(
            LocalFlags::ECHO
                | LocalFlags::ECHONL
                | LocalFlags::ICANON
                | LocalFlags::ISIG
                | LocalFlags::IEXTEN,
        );
        // A read returns as soon as there is one byte.
        if let Some(minimum) = quiet.control_chars.get_mut(SpecialCharacterIndices::VMIN as usize) {
            *minimum = 1;
        }
        if let Some(time) = quiet.control_chars.get_mut(SpecialCharacterIndices::VTIME as usize) {
            *time = 0;
        }
        tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &quiet).ok()
    }

    /// The key that the terminal has for something; 0 where it has none.
    fn key(&self, index: SpecialCharacterIndices) -> u8 {
        self.before.control_chars.get(index as usize).copied().unwrap_or(0)
    }

    fn says(&mut self, text: &str) {
        // A terminal that is gone is noticed when it is read.
        let _ = self.terminal.write_all(text.as_bytes());
    }

    fn ask(&mut self, prompt: &str, shown: bool) -> Result<Secret, Stop> {
        self.quiet().ok_or(Stop::Gone)?;
        self.says(prompt);
        let answer = self.read_line(shown);
        self.says("\n");
        answer
    }

    fn read_line(&mut self, shown: bool) -> Result<Secret, Stop> {
        let end = Instant::now() + PATIENCE;
        let mut secret = Secret::new();
        let (erase, kill) =
            (self.key(SpecialCharacterIndices::VERASE), self.key(SpecialCharacterIndices::VKILL));
        let (end_of_file, suspend) =
            (self.key(SpecialCharacterIndices::VEOF), self.key(SpecialCharacterIndices::VSUSP));
        loop {
            let byte = match self.next_key(self.asker.as_ref().map(AsFd::as_fd), end) {
                Some(Typed::Byte(byte)) => byte,
                Some(Typed::Stopped(stop)) => return Err(stop),
                // Nothing is said while an answer is waited for.
                None => return Err(Stop::Gone),
            };
            let is = |key: u8| key != 0 && byte == key;
            if matches!(byte, b'\n' | b'\r') {
                return Ok(secret);
            } else if is(erase) || matches!(byte, 0x7f | 0x08) {
                if secret.pop() && shown {
                    self.says("\x08 \x08");
                }
            } else if is(kill) {
                secret.clear();
                if shown {
                    self.says("\n");
                }
            } else if is(end_of_file) {
                // The end of input on an empty line is a no; within a line it is the line's end.
                return if secret.is_empty() { Err(Stop::Interrupted) } else { Ok(secret) };
            } else if !is(suspend) {
                secret.push(byte);
                if shown && (0x20..0x7f).contains(&byte) {
                    let _ = self.terminal.write_all(&[byte]);
                }
            }
        }
    }

    /// Waits for a key until then; `None` where `also` has something to read first.
    fn next_key(&self, also: Option<BorrowedFd<'_>>, end: Instant) -> Option<Typed> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // A moment more rather than less: a limit that is nearly over must not become a loop.
            let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            let mut watched = vec![
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN),
            ];
            watched.extend(also.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)));
            match poll(&mut watched, left) {
                Ok(0) => return Some(Typed::Stopped(Stop::TimedOut)),
                Ok(_) => {}
                Err(nix::Error::EINTR) => continue,
                Err(_) => return Some(Typed::Stopped(Stop::Gone)),
            }
            let ready: Vec<bool> = watched.iter().map(|one| one.any().unwrap_or(false)).collect();
            if ready.first() == Some(&true) {
                // It stays pending, and has its effect once the terminal is itself again.
                return Some(Typed::Stopped(Stop::Interrupted));
            }
            if ready.get(1) == Some(&true) {
                let mut byte = Zeroizing::new([0_u8; 1]);
                let read = (&self.terminal).read(byte.as_mut_slice());
                let is_key = |index| self.key(index) != 0 && byte.first() == Some(&self.key(index));
                return Some(match read {
                    Ok(1) if is_key(SpecialCharacterIndices::VINTR) => {
                        Typed::Stopped(Stop::Interrupted)
                    }
                    Ok(1) if is_key(SpecialCharacterIndices::VQUIT) => {
                        Typed::Stopped(Stop::Interrupted)
                    }
                    Ok(1) => Typed::Byte(byte.first().copied().unwrap_or(0)),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    // Hung up, or put into the background by somebody else.
                    Ok(_) | Err(_) => Typed::Stopped(Stop::Gone),
                });
            }
            return None;
        }
    }
}

/// Whether a signal means that the question is over. Those that only stop the process wait.
fn ends(signal: Signal) -> bool {
    matches!(signal, Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM | Signal::SIGHUP)
}

impl Conversation for PasswordTerminal {
    fn hidden(&mut self, prompt: &str) -> Result<Secret, Stop> {
        self.ask(prompt, false)
    }

    fn shown(&mut self, prompt: &str) -> Result<Secret, Stop> {
        self.ask(prompt, true)
    }

    fn tell(&mut self, line: &str) {
        self.says(&format!("{line}\n"));
    }

    fn wait(&mut self, until: BorrowedFd<'_>, limit: Duration) -> Result<(), Stop> {
        let end = Instant::now() + limit;
        loop {
            match self.next_key(Some(until), end) {
                None => return Ok(()),
                Some(Typed::Stopped(stop)) => return Err(stop),
                // Typed where nothing was asked: forgotten.
                Some(Typed::Byte(_)) => {}
            }
        }
    }
}

impl Drop for PasswordTerminal {
    /// Gives the terminal back, and lets the signals through that came in between.
    fn drop(&mut self) {
        // A terminal that is gone needs nothing; a mask that was set can be set again.
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
        let _ = self.mask.thread_set_mask();
    }
}
