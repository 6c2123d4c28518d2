//! The processes of an installed hitl, seen from outside.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// A process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process(pub Pid);

impl Process {
    /// Its children, as the kernel lists them.
    pub fn children(self) -> Vec<Process> {
        let list = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.0));
        let list = list.unwrap_or_default();
        list.split_whitespace().map(|pid| Self(Pid::from_raw(pid.parse().unwrap()))).collect()
    }

    /// Its only child.
    #[track_caller]
    pub fn child(self) -> Process {
        let children = self.children();
        assert_eq!(children.len(), 1, "{self:?} has {children:?}");
        children[0]
    }

    /// Sends it a signal, as root.
    pub fn kill(self, signal: Signal) {
        nix::sys::signal::kill(self.0, signal).unwrap();
    }

    /// A line of its status: `Uid`, `NoNewPrivs`. Empty where it is gone.
    pub fn status(self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        line.unwrap_or_default().to_owned()
    }

    /// A field of its stat, counted from the state (1) on: 4 is the session, 5 the terminal.
    pub fn stat(self, field: usize) -> String {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(field - 1).unwrap().to_owned()
    }

    /// Waits until it is in this state (`T`: stopped), or gone where that is `None`.
    #[track_caller]
    pub fn comes_to(self, state: Option<char>) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let now = self.status("State").chars().next().filter(|state| *state != 'Z');
            if now == state {
                return;
            }
            assert!(Instant::now() < end, "{self:?} is {now:?}, not {state:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A process that a test has started.
pub fn process_of(child: &Child) -> Process {
    Process(Pid::from_raw(child.id().try_into().unwrap()))
}

/// The root-only half of an installed hitl: the only child of the one that was called.
#[track_caller]
pub fn monitor_of(front: &Child) -> Process {
    process_of(front).child()
}
