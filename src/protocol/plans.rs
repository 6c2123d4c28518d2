//! What a requester says about what they ask for, and where the text that they attached is kept:
//! beside the request, as long as its record is, so that those who decide, and those who look at it
//! later, can read what it was decided by.

use std::path::PathBuf;

use super::{ProtocolError, Rooms};
use crate::review::{Plan, Record, RequestId};
use crate::system::{Digest, durable, trusted};

/// What the requester says it is for. Claims, all of them, and shown as such.
#[derive(Clone, Default, Debug)]
pub struct Purpose {
    /// Why.
    pub reason: Option<String>,
    /// Where it is asked for, as [`crate::review::parse_ticket`] has it.
    pub ticket: Option<String>,
    /// What they intend.
    pub plan: Option<Plan>,
    /// Whether the plan was read from the command's standard input, which is used up by it.
    pub plan_was_input: bool,
}

impl Purpose {
    /// What was said when a request was made, for whoever goes on with it. The text of the plan is kept
    /// beside the request, and needs no second place.
    pub(super) fn of(record: &Record) -> Self {
        Self {
            reason: record.bound.reason.clone(),
            ticket: record.bound.ticket.clone(),
            plan: None,
            plan_was_input: record.shown.plan_was_input,
        }
    }
}

/// Keeps the text that was attached to a new request. Before the request is stored: whoever sees a
/// request can read it.
pub(super) fn keep(rooms: &Rooms, id: &RequestId, purpose: &Purpose) -> Result<(), ProtocolError> {
    let Some(plan) = &purpose.plan else { return Ok(()) };
    durable::create_directory(&directory(rooms)).map_err(ProtocolError::KeepPlan)?;
    durable::write(&file(rooms, id), plan.text().as_bytes()).map_err(ProtocolError::KeepPlan)
}

/// What was attached to a request, for those who may see it: `None` where nothing was, and why it
/// cannot be shown where it is not what the request is bound to.
pub fn plan(rooms: &Rooms, record: &Record) -> Option<Result<Plan, &'static str>> {
    let digest = record.bound.plan?;
    let limit = Plan::LARGEST as u64;
    let kept = trusted::read(&file(rooms, &record.id), rooms.directories.scope, limit);
    let Ok(kept) = kept else { return Some(Err("the text is no longer there")) };
    if Digest::of(&kept.bytes) != digest {
        return Some(Err("the text was changed since it was attached"));
    }
    Some(Plan::new(kept.bytes).map_err(|_| "the text is none that hitl keeps"))
}

fn directory(rooms: &Rooms) -> PathBuf {
    rooms.directories.state.join("plans")
}

fn file(rooms: &Rooms, id: &RequestId) -> PathBuf {
    directory(rooms).join(id.to_string())
}
