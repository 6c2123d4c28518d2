//! `hitl wait`: sleeps until a request is decided; the exit code says how.

use std::os::fd::AsFd;

use super::arguments::{GlobalArguments, WaitArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::protocol;
use crate::review::{self, Record, RequestStore, State, Waited};
use crate::system::Moment;

/// Waits for the humans.
pub(super) fn wait(
    global: &GlobalArguments,
    arguments: &WaitArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let id = rooms.requests.find(&arguments.id, &protocol::may_see(&rooms)?)?;
    let descriptor = output.voice.descriptor()?;
    let mut still_there = |_: &Record, _| !output.voice.has_gone();
    let also = descriptor.as_ref().map(AsFd::as_fd);
    let waited = rooms.requests.wait(&id, arguments.timeout, also, &mut still_there)?;
    protocol::note_overdue(&rooms)?;
    let record = match &waited {
        Waited::Decided(record) | Waited::TimeUp(record) => record,
    };
    let record = record.shown_to(protocol::viewer()?);
    if output.json {
        output.print_json(&review::view(&record, &Moment::now())?)?;
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
