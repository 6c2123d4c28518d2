//! The front's side of a proof: it has taken the terminal, asks there what the monitor wants to know,
//! and passes on what is typed.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{SendFlags, send};
use zeroize::Zeroizing;

use super::message::{SECRET, Word};
use super::password::PasswordTerminal;
use crate::authenticate::{Conversation, Secret, Stop};

/// While the person proves who they are. The terminal is itself again when this is dropped.
pub(super) struct Asked {
    terminal: PasswordTerminal,
    monitor: OwnedFd,
    /// Whether that is over for the person: then only the monitor is waited for.
    stopped: bool,
}

impl Asked {
    /// Takes the terminal; `None` where it is not to be had.
    pub(super) fn begin(socket: &OwnedFd) -> Option<Self> {
        let terminal = PasswordTerminal::take(socket.try_clone().ok())?;
        Some(Self { terminal, monitor: socket.try_clone().ok()?, stopped: false })
    }

    /// Asks for something that must not be seen.
    pub(super) fn hidden(&mut self, prompt: &[u8]) {
        let answer = self.terminal.hidden(&String::from_utf8_lossy(prompt));
        self.answer(answer);
    }

    /// Asks for something that may be seen.
    pub(super) fn shown(&mut self, prompt: &[u8]) {
        let answer = self.terminal.shown(&String::from_utf8_lossy(prompt));
        self.answer(answer);
    }

    /// Shows a line.
    pub(super) fn tell(&mut self, line: &[u8]) {
        self.terminal.tell(&String::from_utf8_lossy(line));
    }

    /// Waits until the monitor has something to say, and for ^C, while modules work; how long they may
    /// is the monitor's affair. `false` where only the monitor is waited for.
    pub(super) fn attend(&mut self) -> bool {
        if self.stopped {
            return false;
        }
        match self.terminal.wait(self.monitor.as_fd(), Duration::from_secs(3600)) {
            Ok(()) | Err(Stop::TimedOut) => {}
            Err(stop) => self.answer(Err(stop)),
        }
        true
    }

    fn answer(&mut self, answer: Result<Secret, Stop>) {
        let packet = match answer {
            Ok(secret) => {
                let mut packet = Zeroizing::new(Vec::with_capacity(Secret::CAPACITY + 2));
                packet.push(SECRET);
                packet.extend_from_slice(&secret.to_bytes());
                packet
            }
            Err(stop) => {
                self.stopped = true;
                Zeroizing::new(Word::Stop(stop).to_packet())
            }
        };
        // A monitor that has gone is found out by whoever listens to it.
        let _ = send(&self.monitor, &packet, SendFlags::NOSIGNAL);
    }
}
