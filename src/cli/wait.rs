//! `hitl wait`: sleeps until a request is decided; the exit code says how.

use std::os::fd::AsFd;
use std::time::Instant;

use super::arguments::{GlobalArguments, WaitArguments};
use super::failure::{ExitCode, Failure};
use super::progress::Progress;
use super::waiting::WaitingLine;
use super::{Exit, Output, rooms};
use crate::protocol::{self, Waiting};
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
    let mut line = Progress::new(output);
    let mut told = WaitingLine::new(output, "; ^C waits no longer");
    let begun = Instant::now();
    let mut candidates = None;
    let mut still_there = |record: &Record, _| {
        let candidates = candidates.get_or_insert_with(|| protocol::candidates(&rooms, record));
        let until_deadline = record.approval_deadline.remaining(&Moment::now());
        let patience = arguments.timeout.map(|time| time.saturating_sub(begun.elapsed()));
        let left = until_deadline.min(patience.unwrap_or(until_deadline));
        told.show(&mut line, &Waiting { record, candidates, left }, false);
        !output.voice.has_gone()
    };
    let also = descriptor.as_ref().map(AsFd::as_fd);
    let waited = rooms.requests.wait(&id, arguments.timeout, also, &mut still_there);
    line.clear();
    let waited = waited?;
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
