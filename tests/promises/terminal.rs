//! A terminal with a person at it: what a pseudo-terminal's other end types and reads.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;

/// The most that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The person's end of a terminal. Dropping it hangs up.
pub struct Terminal {
    person: File,
    shown: String,
}

impl Terminal {
    /// A new terminal, and its other end, for [`crate::world::Call::on_terminal`]. Neither end is
    /// inherited by a child that is not given it: the terminal hangs up when the person does.
    pub fn new() -> (Self, OwnedFd) {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname_r(&master).unwrap();
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let program = open(Path::new(&name), flags, Mode::empty()).unwrap();
        let person = File::from(OwnedFd::from(master));
        (Self { person, shown: String::new() }, program)
    }

    /// Types something.
    pub fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// Reads on until the terminal has shown this: everything that it has shown.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &str {
        let end = Instant::now() + PATIENCE;
        while !self.shown.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never shown: {text:?}; shown: {:?}", self.shown);
            let more = self.read(left);
            assert!(more, "the terminal ended without {text:?}; shown: {:?}", self.shown);
        }
        &self.shown
    }

    /// Looks from here on only at what comes.
    pub fn forget(&mut self) {
        self.shown.clear();
    }

    /// Makes the window this many rows and columns.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size =
            rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.person, size).unwrap();
    }

    /// Reads on until the terminal has shown this so many times.
    #[track_caller]
    pub fn shows_times(&mut self, text: &str, times: usize) -> &str {
        let end = Instant::now() + PATIENCE;
        while self.shown.matches(text).count() < times {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not {times} times: {text:?}; shown: {:?}", self.shown);
            let more = self.read(left);
            assert!(more, "ended without {times} times {text:?}; shown: {:?}", self.shown);
        }
        &self.shown
    }

    /// Whether it shows what is typed, takes it by the line, and makes a signal of ^C, as a terminal
    /// does that nobody has taken over.
    pub fn is_itself(&self) -> bool {
        use nix::sys::termios::{LocalFlags, tcgetattr};
        let all = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
        tcgetattr(&self.person).unwrap().local_flags.contains(all)
    }

    /// Everything that it shows until its other end is closed.
    pub fn shows_to_the_end(mut self) -> String {
        while self.read(PATIENCE) {}
        self.shown
    }

    /// Reads what there is; `false` at the end.
    fn read(&mut self, patience: Duration) -> bool {
        let mut ready = [PollFd::new(self.person.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience.as_millis()).unwrap();
        if poll(&mut ready, timeout).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        // EIO: the other end is closed everywhere.
        let length = self.person.read(&mut buffer).unwrap_or(0);
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }
}
