//! The execution pause: a request waits for humans, here and elsewhere.

use std::os::fd::AsFd;
use std::time::Instant;

use super::{
    Case, Event, Manner, Outcome, Patience, ProtocolError, Rooms, Waiting, decisions, in_place,
    note_overdue, proceed, ruling,
};
use crate::front::Said;
use crate::review::{Candidates, Record, RequestStore, State, Waited};
use crate::system::Moment;

/// From here on ^C is an answer, where anybody waits.
pub(super) fn wait_begins(manner: &mut Manner<'_>) -> Result<(), ProtocolError> {
    match manner.patience {
        Patience::Wait(_) => manner.front.wait_begins().map_err(ProtocolError::Signals),
        Patience::NoWait => Ok(()),
    }
}

/// The execution pause: waits until humans have decided, here or elsewhere.
pub(super) fn pause(
    rooms: &Rooms,
    case: &Case<'_>,
    record: Record,
    candidates: &Candidates,
    manner: &mut Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    let Patience::Wait(time) = manner.patience else {
        return Ok(Outcome::Pending(Box::new(record)));
    };
    if case.may_be_confirmed_in_place() || case.may_be_approved_in_place() {
        manner.front.ask(&record);
    }
    let begun = Instant::now();
    let (said, waited) = loop {
        let descriptor = manner.front.descriptor().map_err(ProtocolError::Signals)?;
        let mut said = Said::Nothing;
        let mut tick = |record: &Record, _readable: bool| {
            said = manner.front.said();
            if said == Said::Nothing {
                let until_deadline = record.approval_deadline.remaining(&Moment::now());
                let patience = time.map(|time| time.saturating_sub(begun.elapsed()));
                let left = until_deadline.min(patience.unwrap_or(until_deadline));
                manner.front.waiting(&Waiting { record, candidates, left });
            }
            said == Said::Nothing
        };
        let left = time.map(|time| time.saturating_sub(begun.elapsed()));
        let also = descriptor.as_ref().map(AsFd::as_fd);
        let waited = rooms.requests.wait(&record.id, left, also, &mut tick)?;
        // Somebody is there who may approve it: that is found out, and then waited for as ever.
        if said == Said::Confirm && case.may_be_approved_in_place() {
            manner.front.wait_ends();
            let may_go_on = in_place::approve(case, &record, manner.front)?;
            wait_begins(manner)?;
            if may_go_on {
                manner.front.ask(&record);
            }
            continue;
        }
        // Nobody has said no: the request waits on, for a decision from elsewhere.
        if said != Said::NobodyToAsk {
            break (said, waited);
        }
    };
    manner.front.wait_ends();
    match (said, waited) {
        // Others may have decided in the same moment: the store says who came first.
        (Said::Confirm, _) => {
            let record = ruling::confirm_in_place(rooms, &record.id)?;
            manner.front.event(&Event::Approved(&record));
            proceed(rooms, case, Some(record), manner)
        }
        (Said::TakeBack, _) => Ok(Outcome::Closed(Box::new(decisions::cancel(rooms, &record.id)?))),
        // The request is there for whoever comes back for it.
        (Said::Gone, _) => Err(ProtocolError::CallerGone),
        (_, Waited::TimeUp(record)) => Ok(Outcome::TimeUp(record)),
        (_, Waited::Decided(record)) if record.state == State::Approved => {
            manner.front.event(&Event::Approved(&record));
            proceed(rooms, case, Some(*record), manner)
        }
        (_, Waited::Decided(record)) => {
            note_overdue(rooms)?;
            Ok(Outcome::Closed(record))
        }
    }
}
