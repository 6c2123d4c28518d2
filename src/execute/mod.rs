//! Execution of exactly what was judged: the environment, the identity switch, signals and the
//! child's own status.
//!
//! The order in which a process meets this room: [`sanitise`] first of all, [`environment()`] when
//! the policy has spoken, [`stage()`] before the last look at what is to run, [`run`] when everything is
//! recorded, [`pass_on`] at the very end.

mod child;
mod confinement;
mod entry;
mod environment;
mod family;
mod for_caller;
mod image;
mod input;
mod landlock;
mod pass_on;
mod private_directory;
mod pseudo_terminal;
mod run;
mod signals;
mod variables;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::invocation::{Invocation, RunAs};
use crate::system::{ByteString, Digest};

pub use confinement::{Confinement, ConfinementError, ConfinementLevel, KernelConfinement};
pub use entry::{
    CallerState, EntryError, gain_no_privileges, inherited_descriptor, renounce_privileges,
    sanitise, withdraw_from_oom,
};
pub use environment::{EnvironmentError, environment};
pub use for_caller::{can_be_stopped, run_for_caller};
pub use landlock::abi as landlock_abi;
pub use pass_on::pass_on;
pub use run::{ExecuteError, Stage, run, stage};
pub use signals::{Caught, SignalWatch};

/// The child's environment: names and values, sorted by name, each name once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment(pub Vec<(ByteString, ByteString)>);

/// One command, ready to start.
pub struct Launch<'a> {
    /// What was judged.
    pub invocation: &'a Invocation,
    /// As whom.
    pub run_as: &'a RunAs,
    /// Its environment.
    pub environment: &'a Environment,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// What it is confined by.
    pub confinement: Option<&'a Confinement>,
    /// What the caller had before hitl settled in: the child gets it back.
    pub caller: &'a CallerState,
    /// What the content of the executable must be, where humans agreed to it.
    pub agreed: Option<Digest>,
}

/// The unprivileged process that holds the caller's terminal and hears the caller's signals, as the
/// root-only monitor sees it while a command runs.
pub trait CallerSide {
    /// Which of the descriptors 0 to 2 are the caller's own controlling terminal.
    fn own_terminals(&self) -> [bool; 3];

    /// The command will start soon, on the other end of this pseudo-terminal where there is one.
    /// Waits until signals are kept for it. Whether the caller's terminal is ours to use now.
    ///
    /// # Errors
    /// Where the other process does not answer.
    fn begin(&self, terminal: Option<OwnedFd>) -> io::Result<bool>;

    /// Becomes readable when [`CallerSide::heard`] has something.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// What has come, without waiting.
    fn heard(&self) -> Option<Heard>;

    /// The command has been stopped by this signal: so is the caller's job to be, and when it goes on
    /// [`Heard::Resumed`] comes.
    fn stopped(&self, signal: i32);

    /// The command has ended: what it has written is shown, and the terminal is as it was.
    fn ended(&self);
}

/// What comes from the caller's side while a command runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A signal for the command.
    Signal(i32),
    /// The job goes on, in the foreground of its terminal or not.
    Resumed(bool),
    /// The process has gone: nobody waits for the command any more.
    Gone,
}

impl Launch<'_> {
    /// The variables that it starts with: its environment, and the temporary directory that a
    /// confined command can write. No decision is bound to where that is.
    fn variables(&self) -> Vec<(ByteString, ByteString)> {
        let mut variables = self.environment.0.clone();
        if let Some(confinement) = self.confinement {
            variables.retain(|(name, _)| name.as_bytes() != b"TMPDIR");
            let directory = ByteString::from(confinement.temporary_directory());
            variables.push(("TMPDIR".into(), directory));
        }
        variables
    }
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It ran longer than it may and was ended.
    TimedOut,
    /// Whoever started it was killed, and so it was ended too.
    Abandoned,
    /// It could not be executed, with this error number; nothing ran.
    NotExecuted(i32),
}
