//! Execution of exactly what was judged: the environment, the identity switch, signals and the
//! child's own status.
//!
//! The order in which a process meets this room: [`sanitise`] first of all, [`environment()`] when
//! the policy has spoken, [`run`] when everything is recorded, [`pass_on`] at the very end.

mod child;
mod entry;
mod environment;
mod family;
mod image;
mod pass_on;
mod run;
mod signals;
mod variables;

use std::time::Duration;

use crate::invocation::{Invocation, RunAs};
use crate::system::ByteString;

pub use entry::{CallerState, EntryError, inherited_descriptor, renounce_privileges, sanitise};
pub use environment::{EnvironmentError, environment};
pub use pass_on::pass_on;
pub use run::{ExecuteError, run};

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
    /// What the caller had before hitl settled in: the child gets it back.
    pub caller: &'a CallerState,
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
    /// It could not be executed, with this error number; nothing ran.
    NotExecuted(i32),
}
