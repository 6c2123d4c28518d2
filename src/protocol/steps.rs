//! The steps of a request's life with their entries in the log, in the order in which neither lacks
//! the other for good, whoever is killed in between.
//!
//! What leads towards a start is on record before it is in the store: nothing starts on what the log
//! does not know. What ends a request is in the store before it is on record: a no must not be on
//! record and then not count. Whoever looks next records what a killed process did not.

use std::cell::RefCell;

use super::{ProtocolError, Rooms, editing, notifying, record};
use crate::audit::Entry;
use crate::invocation;
use crate::review::{Listing, Record, RequestId, RequestStore, State, Stock, StoreError};
use crate::system::Moment;

/// What a step does to a request, and its entry in the log.
type Step<'s> = dyn FnMut(&mut Record, &Moment) -> Result<Entry, StoreError> + 's;

/// One step towards a start: on record, then in the store, both under the store's lock, so that
/// whoever wakes up on the change finds it in the log.
pub(super) fn change(
    rooms: &Rooms,
    id: &RequestId,
    step: &mut Step<'_>,
) -> Result<Record, ProtocolError> {
    note_overdue(rooms)?;
    let aside = Aside::default();
    let changed = rooms.requests.update(id, &mut |record| {
        let entry = step(record, &Moment::now())?;
        record.recorded_at(aside.keep(put_on_record(rooms, &[entry]))?);
        Ok(())
    });
    let record = aside.or(changed)?;
    told(rooms, &record);
    Ok(record)
}

/// One end of a request: in the store, then on record, both under the store's lock.
pub(super) fn close(
    rooms: &Rooms,
    id: &RequestId,
    step: &mut Step<'_>,
) -> Result<Record, ProtocolError> {
    note_overdue(rooms)?;
    let aside = Aside::default();
    let entry = RefCell::new(None);
    let mut change = |record: &mut Record| {
        *entry.borrow_mut() = Some(step(record, &Moment::now())?);
        Ok(())
    };
    let mut recorded =
        |_: &Record| aside.keep(put_on_record(rooms, entry.borrow().as_slice())).map(drop);
    let closed = rooms.requests.close(id, &mut change, &mut recorded);
    let record = aside.or(closed)?;
    told(rooms, &record);
    Ok(record)
}

/// Puts on record what somebody did about a request that changes nothing in it, as long as it can still
/// start: whether it can. They take their time at a prompt, and to the log a request that has ended has
/// ended: an entry about it later would make the log a bad one for good.
pub(super) fn note_if_open(
    rooms: &Rooms,
    id: &RequestId,
    entries: &[Entry],
) -> Result<bool, ProtocolError> {
    let aside = Aside::default();
    let mut is_open = false;
    let noted = rooms.requests.update(id, &mut |record| {
        is_open = matches!(record.state, State::Pending | State::Approved);
        match is_open {
            true => aside.keep(put_on_record(rooms, entries)).map(drop),
            false => Ok(()),
        }
    });
    aside.or(noted)?;
    Ok(is_open)
}

/// Puts on record what time, a reboot or a killed process has done to requests since anybody
/// looked: the requests that are not closed.
///
/// # Errors
/// [`ProtocolError::Store`], [`ProtocolError::Audit`].
pub fn note_overdue(rooms: &Rooms) -> Result<Listing, ProtocolError> {
    let aside = Aside::default();
    let stock = rooms.requests.take_stock(&mut |closed| {
        let person = aside.keep(invocation::requester().map_err(ProtocolError::from))?;
        let person = record::user(&person);
        let entries: Vec<_> = closed.iter().map(|one| record::closed(one, &person)).collect();
        aside.keep(put_on_record(rooms, &entries)).map(drop)
    });
    let Stock { live, closed } = aside.or(stock)?;
    closed.iter().for_each(|record| told(rooms, record));
    Ok(live)
}

/// What follows from a step that is in the store and on record.
fn told(rooms: &Rooms, record: &Record) {
    editing::forget(rooms, record);
    notifying::changed(rooms, record);
}

/// The sequence number of the last of these entries, now that they are durable.
fn put_on_record(rooms: &Rooms, entries: &[Entry]) -> Result<u64, ProtocolError> {
    Ok(rooms.log.append(entries, &Moment::now())?.last)
}

/// The errors of other rooms, on their way through the store, which knows only its own.
#[derive(Default)]
struct Aside(RefCell<Option<ProtocolError>>);

impl Aside {
    fn keep<T>(&self, result: Result<T, ProtocolError>) -> Result<T, StoreError> {
        result.map_err(|error| {
            let sentence = error.to_string();
            *self.0.borrow_mut() = Some(error);
            StoreError::NotAllowed(sentence)
        })
    }

    /// What was kept, or else what the store says.
    fn or<T>(self, result: Result<T, StoreError>) -> Result<T, ProtocolError> {
        match self.0.into_inner() {
            Some(error) => Err(error),
            None => Ok(result?),
        }
    }
}
