//! `hitl check`: what would be decided, and why. Nothing runs and nothing is written.

use super::arguments::{CheckArguments, GlobalArguments};
use super::failure::Failure;
use super::{Exit, Output, rooms, run};
use crate::protocol::{Case, Purpose};

/// Judges a command and says how.
pub(super) fn check(
    global: &GlobalArguments,
    arguments: &CheckArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let asked = run::asked(&arguments.target, &arguments.command);
    let case = Case::for_caller(&rooms, asked, Purpose::default())?;
    run::report::dry_run(&case, output)
}
