//! The question at the requester's own terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::Said;

/// The controlling terminal, asked whether a request is really meant.
pub(super) struct Question {
    terminal: File,
    /// What is a yes; `None`: every line is.
    expected: Option<String>,
    typed: Vec<u8>,
}

impl Question {
    /// Asks on the controlling terminal, not on standard input, which may be the command's. `None`
    /// where there is none, or where this process is in its background and could not read.
    pub(super) fn ask(expected: &str) -> Option<Self> {
        let question = format!(
            "To run it, type {expected}, how the request id begins; anything else refuses: "
        );
        Self::put(&question, Some(expected.to_owned()))
    }

    /// Asks whether somebody is there who may approve: they press enter, and are asked who they are.
    pub(super) fn ask_for_approver() -> Option<Self> {
        Self::put(
            "Waiting. An approver here, at this terminal? Press enter (^C takes it back): ",
            None,
        )
    }

    fn put(question: &str, expected: Option<String>) -> Option<Self> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        // What was typed before the question was read is no answer to it.
        tcflush(&terminal, FlushArg::TCIFLUSH).ok()?;
        write!(terminal, "{question}").ok()?;
        Some(Self { terminal, expected, typed: Vec::new() })
    }

    /// The descriptor that becomes readable when there is something to read.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    /// What the person has answered so far, without waiting.
    pub(super) fn answer(&mut self) -> Said {
        let mut ready = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::ZERO).unwrap_or(0) == 0 {
            return Said::Nothing;
        }
        let mut buffer = [0_u8; 256];
        // In canonical mode a read returns one line, and there is one.
        match self.terminal.read(&mut buffer) {
            // The end of input is a no of a person who is there; a terminal that hung up reads as
            // its end too, and nobody has said anything.
            Ok(0) if self.expected.is_some() && tcgetpgrp(&self.terminal).is_ok() => {
                return Said::TakeBack;
            }
            Ok(0) => return Said::NobodyToAsk,
            Ok(length) => self.typed.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Said::Nothing,
            // The terminal is gone, or we were put into its background: nobody said anything.
            Err(_) => return Said::NobodyToAsk,
        }
        let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') else {
            return Said::Nothing;
        };
        let Some(expected) = &self.expected else { return Said::Confirm };
        let line = String::from_utf8_lossy(self.typed.get(..end).unwrap_or_default()).into_owned();
        if line.trim().eq_ignore_ascii_case(expected) { Said::Confirm } else { Said::TakeBack }
    }
}

impl Drop for Question {
    /// Ends the line of a question that was answered elsewhere, or not at all.
    fn drop(&mut self) {
        if !self.typed.ends_with(b"\n") {
            // A terminal that is gone needs no end of line.
            let _ = writeln!(self.terminal);
        }
    }
}
