//! `hitl approve`, `hitl reject` and `hitl cancel`: a human decides, from a login of their own.

use super::arguments::{ApproveArguments, CancelArguments, GlobalArguments, RejectArguments};
use super::failure::Failure;
use super::{Exit, Output, rooms};
use crate::protocol::{self, ProtocolError, Rooms};
use crate::review::{self, Record, RequestId, RequestStore};
use crate::system::Moment;

/// Says yes.
pub(super) fn approve(
    global: &GlobalArguments,
    arguments: &ApproveArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    decide(global, &arguments.id, output, "approved", |rooms, id| {
        protocol::approve(rooms, id, arguments.message.clone())
    })
}

/// Says no.
pub(super) fn reject(
    global: &GlobalArguments,
    arguments: &RejectArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    decide(global, &arguments.id, output, "rejected", |rooms, id| {
        protocol::reject(rooms, id, &arguments.message)
    })
}

/// Takes it back.
pub(super) fn cancel(
    global: &GlobalArguments,
    arguments: &CancelArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    decide(global, &arguments.id, output, "cancelled", protocol::cancel)
}

fn decide(
    global: &GlobalArguments,
    typed: &str,
    output: &Output,
    done: &str,
    decision: impl FnOnce(&Rooms, &RequestId) -> Result<Record, ProtocolError>,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let id = rooms.requests.find(typed, &protocol::may_see(&rooms)?)?;
    let record = decision(&rooms, &id)?;
    let record = record.shown_to(protocol::viewer()?);
    let done = if record.review.is_some() { "reviewed" } else { done };
    if output.json {
        output.print_json(&review::view(&record, &Moment::now())?)?;
    } else {
        output.say(&format!("{done} {id}: {}", record.standing()));
    }
    Ok(Exit::Status(0))
}
