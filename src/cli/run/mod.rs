//! `hitl run`: the protocol, seen from a terminal or a script.

pub(super) mod edit;
mod front;
pub(super) mod report;
pub(super) mod undo;

use super::arguments::{GlobalArguments, RunArguments, TargetArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, purpose, rooms};
use crate::execute::CallerState;
use crate::invocation::Asked;
use crate::protocol::{self, Case, Manner, Outcome, Patience, ProtocolError};
use crate::review::{RequestStore, State};
use front::TerminalFront;

/// Runs a command, if the rules and the humans let it.
pub(super) fn run(
    global: &GlobalArguments,
    arguments: &RunArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut front = TerminalFront::new(output, caller, arguments.status_fd)?;
    let result = attempt(global, arguments, caller, output, &mut front);
    if let Err(failure) = &result {
        front.failed(failure);
    }
    result
}

fn attempt(
    global: &GlobalArguments,
    arguments: &RunArguments,
    caller: &CallerState,
    output: &Output,
    front: &mut TerminalFront,
) -> Result<Exit, Failure> {
    // Before anything else: what is on record later must say something.
    if arguments.break_glass
        && !arguments.purpose.reason.as_deref().is_some_and(protocol::is_a_reason)
    {
        return Err(Failure::new(
            ExitCode::Usage,
            "--break-glass needs a reason that says something, for those who review it: add --reason TEXT",
        ));
    }
    let rooms = rooms::open(global)?;
    let mut asked = asked(&arguments.target, &arguments.command);
    let purpose = purpose::settle(&arguments.purpose, output)?;
    asked.no_input = purpose.plan_was_input;
    if arguments.dry_run {
        let case = Case::for_caller(&rooms, asked, purpose)?;
        return report::dry_run(&case, output);
    }
    let patience =
        if arguments.no_wait { Patience::NoWait } else { Patience::Wait(arguments.wait) };
    let break_glass = arguments.break_glass;
    let manner = Manner { break_glass, patience, caller, front: &mut *front };
    let outcome = match &arguments.resume {
        Some(typed) => {
            let id = rooms.requests.find(typed, &protocol::may_see(&rooms)?)?;
            protocol::resume(&rooms, &id, asked, manner)
        }
        None => protocol::run(&rooms, asked, purpose, manner),
    };
    let outcome = outcome.map_err(failure)?;
    // The command's own end is passed on also where nobody listens any more.
    match (front.outcome(&outcome), &outcome) {
        (Err(failure), Outcome::Ended { .. }) if !failure.message.is_empty() => {
            output.say(&format!("hitl: {}", failure.message));
        }
        (Err(_), Outcome::Ended { .. }) | (Ok(()), _) => {}
        (Err(failure), _) => return Err(failure),
    }
    Ok(exit(&outcome))
}

/// What went wrong with a run, and that nothing ran where that is not plain from the exit code.
fn failure(error: ProtocolError) -> Failure {
    let nothing_ran = error.nothing_ran();
    let mut failure = Failure::from(error);
    if nothing_ran && failure.code == ExitCode::Failed {
        failure.message.push_str("; nothing ran");
    }
    failure
}

/// What is asked for, from the command line.
pub(super) fn asked(target: &TargetArguments, command: &[std::ffi::OsString]) -> Asked {
    Asked {
        argv: command.to_vec(),
        directory: target.chdir.clone(),
        user: target.user.clone(),
        group: target.group.clone(),
        content: None,
        no_input: false,
        undo: None,
    }
}

/// How the process ends for an outcome: the command's own end where there was one.
fn exit(outcome: &Outcome) -> Exit {
    let code = match outcome {
        Outcome::Ended { ending, .. } => return Exit::As(*ending),
        Outcome::Denied { .. } => ExitCode::Denied,
        Outcome::Pending(_) => ExitCode::Pending,
        Outcome::Closed(record) if record.state == State::Expired => ExitCode::TimeUp,
        Outcome::TimeUp(_) => ExitCode::TimeUp,
        Outcome::Closed(_) => ExitCode::Denied,
    };
    Exit::Status(code as i32)
}
