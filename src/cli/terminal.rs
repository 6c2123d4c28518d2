//! The question at the requester's own terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::termios::{FlushArg, tcflush};
use nix::unistd::{getpgrp, tcgetpgrp};

use crate::protocol::{Answer, Prompt};
use crate::review::RequestId;

/// How many characters of the id are to be typed: enough that nobody types them by habit.
const CHARACTERS: usize = 4;

/// The controlling terminal, asked whether a request is really meant.
pub(super) struct Question {
    terminal: File,
    expected: String,
    typed: Vec<u8>,
}

impl Question {
    /// Asks on the controlling terminal, not on standard input, which may be the command's. `None`
    /// where there is none, or where this process is in its background and could not read.
    pub(super) fn ask(id: &RequestId) -> Option<Self> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        // What was typed before the question was read is no answer to it.
        tcflush(&terminal, FlushArg::TCIFLUSH).ok()?;
        let expected = id.to_string().get(..CHARACTERS)?.to_owned();
        write!(
            terminal,
            "To run it, type the first {CHARACTERS} characters of the request id, {expected}; anything else refuses: "
        )
        .ok()?;
        Some(Self { terminal, expected, typed: Vec::new() })
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

impl Prompt for Question {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    fn answer(&mut self) -> Answer {
        let mut buffer = [0_u8; 256];
        // In canonical mode a read returns one line, and the caller has seen that there is one.
        match self.terminal.read(&mut buffer) {
            // The end of input is a no of a person who is there; a terminal that hung up reads as
            // its end too, and nobody has said anything.
            Ok(0) if tcgetpgrp(&self.terminal).is_ok() => return Answer::Refused,
            Ok(0) => return Answer::Gone,
            Ok(length) => self.typed.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Answer::NotYet,
            // The terminal is gone, or we were put into its background: nobody said anything.
            Err(_) => return Answer::Gone,
        }
        let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') else {
            return Answer::NotYet;
        };
        let line = String::from_utf8_lossy(self.typed.get(..end).unwrap_or_default()).into_owned();
        if line.trim().eq_ignore_ascii_case(&self.expected) {
            Answer::Confirmed
        } else {
            Answer::Refused
        }
    }
}
