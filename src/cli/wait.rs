//! `hitl wait`: sleeps until a request is decided; the exit code says how.

use super::arguments::{GlobalArguments, WaitArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::protocol;
use crate::review::{self, RequestStore, State, Waited};
use crate::system::Moment;

/// Waits for the humans.
pub(super) fn wait(
    global: &GlobalArguments,
    arguments: &WaitArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let id = rooms.requests.find(&arguments.id, &protocol::may_see(&rooms)?)?;
    let waited = rooms.requests.wait(&id, arguments.timeout, None, &mut |_, _| true)?;
    protocol::note_overdue(&rooms)?;
    let record = match &waited {
        Waited::Decided(record) | Waited::TimeUp(record) => record,
    };
    if output.json {
        output.print_json(&review::view(record, &Moment::now())?)?;
    } else {
        output.say(&format!("{id} is {}: {}", record.state, record.standing()));
    }
    Ok(Exit::Status(match record.state {
        State::Approved | State::Running | State::Finished => 0,
        State::Pending => ExitCode::Pending as i32,
        State::Expired => ExitCode::TimeUp as i32,
        State::Rejected | State::Cancelled | State::Void | State::Unknown => {
            ExitCode::Denied as i32
        }
    }))
}
