//! The caller's terminal, passed on to the command's own one and back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::poll::{PollFd, PollFlags};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// How much is kept that the other side has not taken yet, in bytes.
const ROOM: usize = 16 * 1024;

/// More than a pseudo-terminal keeps: what a command has written before its end is within it, and
/// what somebody it left behind writes without end is not waited for.
const REST: usize = 256 * 1024;

/// Both terminals.
pub(super) struct Relay {
    /// The caller's, opened for ourselves, so that not to block is our affair alone.
    person: File,
    /// The outer end of the command's.
    command: File,
    /// The caller's settings, while every key is passed on as it is.
    before: Option<Termios>,
    to_command: Vec<u8>,
    to_person: Vec<u8>,
    /// Whether anything can still come from the command's terminal.
    open: bool,
    /// Whether the caller's terminal has hung up.
    hung_up: bool,
}

impl Relay {
    /// Takes the terminals, and the foreground where it is ours to take. In a pipeline it is not: the
    /// terminal may be the pager's at its end. A command that needs it all the same is stopped by its
    /// own terminal, and then gets it.
    pub(super) fn begin(command: OwnedFd) -> io::Result<Self> {
        let person = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open("/dev/tty")?;
        let (to_command, to_person) = (Vec::new(), Vec::new());
        let command = File::from(command);
        let mut relay = Self {
            person,
            command,
            before: None,
            to_command,
            to_person,
            open: true,
            hung_up: false,
        };
        if !in_pipeline() {
            relay.take_foreground();
        }
        Ok(relay)
    }

    /// Whether every key is passed on.
    pub(super) fn has_foreground(&self) -> bool {
        self.before.is_some()
    }

    /// Passes every key on from here, where our job is in the foreground of the caller's terminal.
    /// Whether it is.
    pub(super) fn take_foreground(&mut self) -> bool {
        if self.before.is_none() && tcgetpgrp(&self.person).ok() == Some(getpgrp()) {
            self.before = tcgetattr(&self.person).ok().filter(|before| {
                let mut raw = before.clone();
                cfmakeraw(&mut raw);
                tcsetattr(&self.person, SetArg::TCSADRAIN, &raw).is_ok()
            });
        }
        self.copy_size();
        self.has_foreground()
    }

    /// Gives the caller's terminal back as it was.
    pub(super) fn give_back(&mut self) {
        if let Some(before) = self.before.take() {
            // A terminal that is gone has no settings.
            let _ = tcsetattr(&self.person, SetArg::TCSADRAIN, &before);
        }
    }

    /// Makes the command's terminal as large as the caller's; its foreground gets SIGWINCH.
    pub(super) fn copy_size(&self) {
        if let Ok(size) = rustix::termios::tcgetwinsize(&self.person) {
            let _ = rustix::termios::tcsetwinsize(&self.command, size);
        }
    }

    /// What is waited for at the caller's end; nothing once that has hung up, which poll(2) would
    /// report again and again.
    pub(super) fn person_interest(&self) -> Option<PollFd<'_>> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, self.has_foreground() && self.to_command.len() < ROOM);
        flags.set(PollFlags::POLLOUT, !self.to_person.is_empty());
        (!self.hung_up).then(|| PollFd::new(self.person.as_fd(), flags))
    }

    /// The same at the command's end.
    pub(super) fn command_interest(&self) -> Option<PollFd<'_>> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, self.to_person.len() < ROOM);
        flags.set(PollFlags::POLLOUT, !self.to_command.is_empty());
        self.open.then(|| PollFd::new(self.command.as_fd(), flags))
    }

    /// The caller's terminal has hung up: nothing more is read from it and nothing more shown.
    pub(super) fn hang_up(&mut self) {
        self.hung_up = true;
        self.before = None;
    }

    /// Passes on what can be passed on without waiting.
    pub(super) fn work(&mut self) {
        if self.has_foreground() && self.to_command.len() < ROOM {
            match read_some(&self.person, &mut self.to_command) {
                Reading::More | Reading::Nothing => {}
                // The signal for that comes too.
                Reading::End => self.hang_up(),
            }
        }
        if self.open && self.to_person.len() < ROOM {
            self.open = !matches!(read_some(&self.command, &mut self.to_person), Reading::End);
        }
        write_some(&self.command, &mut self.to_command);
        if self.hung_up {
            self.to_person.clear();
        }
        write_some(&self.person, &mut self.to_person);
    }

    /// Shows the rest of what the command has written.
    pub(super) fn finish(&mut self) {
        let mut shown = 0;
        while self.open && shown < REST {
            let length = self.to_person.len();
            match read_some(&self.command, &mut self.to_person) {
                Reading::More => shown += self.to_person.len() - length,
                Reading::Nothing | Reading::End => break,
            }
        }
        while !self.to_person.is_empty() {
            let mut ready = [PollFd::new(self.person.as_fd(), PollFlags::POLLOUT)];
            // A terminal that is gone takes nothing, at once; one that was stopped (^S) is waited for.
            if nix::poll::poll(&mut ready, nix::poll::PollTimeout::NONE) == Err(nix::Error::EINTR) {
                continue;
            }
            write_some(&self.person, &mut self.to_person);
        }
        self.give_back();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.give_back();
    }
}

enum Reading {
    More,
    Nothing,
    End,
}

fn read_some(mut from: &File, into: &mut Vec<u8>) -> Reading {
    let mut buffer = [0_u8; 4096];
    match from.read(&mut buffer) {
        Ok(0) => Reading::End,
        Ok(length) => {
            into.extend_from_slice(buffer.get(..length).unwrap_or_default());
            Reading::More
        }
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Reading::Nothing,
            // EIO: nobody has the other end open (any more).
            _ => Reading::End,
        },
    }
}

/// Writes what is taken without waiting; what nobody can take any more is dropped.
fn write_some(mut to: &File, from: &mut Vec<u8>) {
    if from.is_empty() {
        return;
    }
    match to.write(from) {
        Ok(length) => {
            from.drain(..length);
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        Err(_) => from.clear(),
    }
}

/// Whether standard input or output is a pipe to another command.
fn in_pipeline() -> bool {
    ["/dev/stdin", "/dev/stdout"].iter().any(|path| {
        Path::new(path).metadata().is_ok_and(|metadata| {
            let kind = metadata.file_type();
            kind.is_fifo() || kind.is_socket()
        })
    })
}
