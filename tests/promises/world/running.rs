//! Commands that were started: what they say while they run, and what they did.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use serde_json::Value;

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// What was written to standard output, byte for byte.
    pub stdout_bytes: Vec<u8>,
}

impl Ran {
    /// The exit code; a death by signal is a failure of the test.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died by a signal: {self:?}"))
    }

    /// Asserts the exit code, and shows everything where it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.status.signal(),
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as the one JSON value that its last line holds.
    #[track_caller]
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that standard error says something.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "expected {text:?} on stderr: {self:?}");
        self
    }

    /// Asserts that standard output holds something.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "expected {text:?} on stdout: {self:?}");
        self
    }
}

pub(super) fn read_event(events: &mut BufReader<fs::File>) -> Option<Value> {
    let mut line = String::new();
    if events.read_line(&mut line).unwrap() == 0 {
        return None;
    }
    Some(serde_json::from_str(&line).unwrap())
}

/// A `hitl run` that was started.
pub struct Running {
    pub child: Child,
    pub(super) events: BufReader<fs::File>,
}

impl Running {
    /// Reads events up to the one with this name.
    #[track_caller]
    pub fn wait_for(&mut self, name: &str) -> Value {
        let mut seen = Vec::new();
        while let Some(event) = read_event(&mut self.events) {
            if event["event"] == name {
                return event;
            }
            seen.push(event);
        }
        panic!("no {name:?} among {seen:?}");
    }

    /// Sends hitl a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end: the events that were not read yet, and what it did.
    #[track_caller]
    pub fn end(mut self) -> (Vec<Value>, Ran) {
        let events = std::iter::from_fn(|| read_event(&mut self.events)).collect();
        (events, finish(self.child))
    }
}

/// A `hitl run` that waits for a human.
pub struct Waiting {
    pub child: Child,
    /// The request's id.
    pub id: String,
    pub(super) events: BufReader<fs::File>,
}

impl Waiting {
    /// The next event on the status descriptor; `None` when it is closed.
    pub fn next_event(&mut self) -> Option<Value> {
        read_event(&mut self.events)
    }

    /// Sends it a signal, and nothing else.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(self) -> Ran {
        finish(self.child)
    }
}

#[track_caller]
pub fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout_bytes: output.stdout,
    }
}
