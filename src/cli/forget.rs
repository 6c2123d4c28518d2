//! `hitl forget`: the next command that needs it asks for the password again.

use serde_json::json;

use super::arguments::{ForgetArguments, GlobalArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::authenticate::Remembered;
use crate::system::caller;
use crate::system::text::counted;

/// Forgets that the caller has authenticated, at every terminal.
pub(super) fn forget(
    global: &GlobalArguments,
    arguments: &ForgetArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let directories = rooms::directories(global)?;
    let forgotten = Remembered::open(&directories)
        .forget(caller().uid)
        .map_err(|error| Failure::new(ExitCode::Failed, error))?;
    if arguments.json {
        output.print_json(&json!({"v": 1, "forgotten": forgotten}))?;
    } else if forgotten == 0 {
        output.say("hitl: nothing was remembered of you");
    } else {
        output.say(&format!("hitl: forgotten at {}", counted(forgotten, "terminal")));
    }
    Ok(Exit::Status(0))
}
