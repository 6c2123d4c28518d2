//! What the requester says about what they ask for, from the command line: the text that they attach
//! is read as they could read it themselves.

use std::path::Path;

use super::Output;
use super::arguments::PurposeArguments;
use super::failure::{ExitCode, Failure};
use crate::front::{ReadError, Source};
use crate::protocol::Purpose;
use crate::review::Plan;
use crate::system::text::visible_path;

/// The path that stands for standard input.
const INPUT: &str = "-";

/// What is said, with the plan read.
pub(super) fn settle(arguments: &PurposeArguments, output: &Output) -> Result<Purpose, Failure> {
    let plan_was_input = arguments.plan.as_deref().is_some_and(is_input);
    Ok(Purpose {
        reason: arguments.reason.clone(),
        ticket: arguments.ticket.clone(),
        plan: arguments.plan.as_deref().map(|path| read(path, output)).transpose()?,
        plan_was_input,
    })
}

/// Whether a plan is to be read from standard input.
pub(super) fn is_input(path: &Path) -> bool {
    path == Path::new(INPUT)
}

fn read(path: &Path, output: &Output) -> Result<Plan, Failure> {
    let source = if is_input(path) { Source::Input } else { Source::File(path.to_owned()) };
    let failed = |why: &dyn std::fmt::Display| {
        let from = match &source {
            Source::Input => "standard input".to_owned(),
            Source::File(path) => visible_path(path),
        };
        let message =
            format!("the plan cannot be attached from {from}: {why}; nothing was asked for");
        Failure::new(ExitCode::Failed, message)
    };
    let bytes = match output.voice.read(&source, Plan::LARGEST) {
        Ok(bytes) => bytes,
        Err(ReadError::TooLarge(_)) => return Err(failed(&crate::review::PlanError::TooLarge)),
        Err(error) => return Err(failed(&error)),
    };
    Plan::new(bytes).map_err(|error| failed(&error))
}
