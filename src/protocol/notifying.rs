//! Whom the policy wants told, of what, in a process that nobody waits for; and that they were told,
//! or not, on record.

use std::thread;

use super::case::Case;
use super::{ProtocolError, Rooms};
use crate::audit::{Entry, Notification, Reference};
use crate::notify::{self, Event, Facts, News, Told, Tries};
use crate::policy::{Channel, Decision};
use crate::review::{Record, RequestId, State};
use crate::system::durable::{self, ByteLock};
use crate::system::text::counted;
use crate::system::{Moment, apart};

/// How many processes of one host (or user) may be telling at once. Whoever asks for thousands of
/// commands while an endpoint is dead has no thousands of root's processes wait for it.
const MOST_AT_ONCE: u16 = 32;

/// How many more there may be for emergency access: nobody keeps it quiet by asking for many things
/// before.
const KEPT_FOR_EMERGENCIES: u16 = 8;

/// Tells of a request, as it stands in the record.
pub(super) fn tell(rooms: &Rooms, event: Event, channels: &[String], record: &Record) {
    let reference = || Reference { id: record.id.clone(), digest: Some(record.digest) };
    announce(rooms, event, channels, reference, || Facts::of_request(record));
}

/// A request waits for humans.
pub(super) fn pending(rooms: &Rooms, record: &Record) {
    if record.shown.decision == Decision::Approve {
        tell(rooms, Event::Pending, &record.shown.notify, record);
    }
}

/// A request has changed its state, or was approved by one of several.
pub(super) fn changed(rooms: &Rooms, record: &Record) {
    if record.review.is_some() {
        return tell(rooms, Event::Reviewed, &record.shown.notify, record);
    }
    // What its requester alone decides, and sees decided, is no news to others: only that it ran.
    let own = record.shown.decision == Decision::Confirm;
    let decided = matches!(
        record.state,
        State::Pending | State::Approved | State::Cancelled | State::Rejected
    );
    if !(own && decided) {
        tell(rooms, Event::of_state(record.state), &record.shown.notify, record);
    }
}

/// A command was refused.
pub(super) fn denied(case: &Case<'_>, id: &RequestId) {
    of_case(case, id, Event::Denied, None);
}

/// A command has run that nobody had to be asked about.
pub(super) fn ran(case: &Case<'_>, id: &RequestId, ending: &str) {
    of_case(case, id, Event::Finished, Some(ending));
}

fn of_case(case: &Case<'_>, id: &RequestId, event: Event, ending: Option<&str>) {
    let (rooms, verdict) = (case.rooms, case.verdict_of_the_policy());
    let reference = || Reference { id: id.clone(), digest: None };
    announce(rooms, event, &verdict.notify, reference, || {
        let reason = case.purpose.reason.as_deref();
        Facts::of_command(id, &case.invocation, verdict, &rooms.host, reason, ending)
    });
}

/// Has it told, and returns at once. Nothing that goes wrong with it may stop what it is about.
fn announce(
    rooms: &Rooms,
    event: Event,
    names: &[String],
    reference: impl Fn() -> Reference,
    facts: impl FnOnce() -> Facts,
) {
    if names.is_empty() {
        return;
    }
    let channels = rooms.policy.channels_named(names);
    if channels.is_empty() {
        return;
    }
    let telling = apart::detach(notify::LONGEST, || {
        let (at, host) = (Moment::now(), rooms.host.clone());
        let news = News { event, at, host, facts: Some(facts()) };
        tell_all(rooms, &channels, &news, &reference());
    });
    if let Err(error) = telling {
        let told = Told::not(format!("no process can be started for it: {error}"));
        let reference = reference();
        channels.iter().for_each(|channel| note(rooms, channel, event, Some(&reference), &told));
    }
}

/// Tells every channel, all at the same time, in the process apart.
fn tell_all(rooms: &Rooms, channels: &[Channel], news: &News, reference: &Reference) {
    let slot = Slot::take(rooms, news.event);
    let one = |channel: &Channel| {
        let told = match &slot {
            Ok(_) => notify::tell(channel, news, rooms.directories.scope, Tries::Several),
            Err(why) => Told::not(why),
        };
        note(rooms, channel, news.event, Some(reference), &told);
    };
    let Some((first, others)) = channels.split_first() else { return };
    thread::scope(|scope| {
        let left: Vec<&Channel> = others
            .iter()
            .filter(|channel| thread::Builder::new().spawn_scoped(scope, || one(channel)).is_err())
            .collect();
        one(first);
        // Where there are no threads to be had, one after another.
        left.into_iter().for_each(one);
    });
}

/// Puts on record what came of it. Where that cannot be, there is nobody left to tell.
fn note(rooms: &Rooms, channel: &Channel, event: Event, about: Option<&Reference>, told: &Told) {
    let notification = Notification {
        channel: channel.name.as_str(),
        kind: channel.kind.word(),
        event: event.word(),
        attempts: told.attempts,
        status: told.status,
        error: told.error.as_deref(),
    };
    let entry = Entry::notified(about, &notification);
    let _ = rooms.log.append(&[entry], &Moment::now());
}

/// Tells one channel that somebody tries it, waits for what comes of it, and puts it on record.
///
/// # Errors
/// [`ProtocolError::UnknownChannel`].
pub fn test_channel(rooms: &Rooms, name: &str) -> Result<Told, ProtocolError> {
    let channels = rooms.policy.channels_named(&[name.to_owned()]);
    let Some(channel) = channels.first() else {
        let known = rooms.policy.channels().iter().map(|one| one.name.as_str().to_owned());
        return Err(ProtocolError::UnknownChannel(name.to_owned(), known.collect()));
    };
    let news =
        News { event: Event::Test, at: Moment::now(), host: rooms.host.clone(), facts: None };
    let told = notify::tell(channel, &news, rooms.directories.scope, Tries::One);
    note(rooms, channel, Event::Test, None, &told);
    Ok(told)
}

/// One of the places for processes that tell. It is free again when the process ends.
struct Slot {
    _lock: ByteLock,
}

impl Slot {
    /// Takes a free one. What it fails with says why, as a clause.
    fn take(rooms: &Rooms, event: Event) -> Result<Self, String> {
        let path = rooms.directories.state.join("notifying.lock");
        let kept = if event == Event::BreakGlass { KEPT_FOR_EMERGENCIES } else { 0 };
        for place in 0..MOST_AT_ONCE + kept {
            let lock = durable::try_lock_byte(&path, place.into());
            if let Some(lock) = lock.map_err(|error| error.to_string())? {
                return Ok(Self { _lock: lock });
            }
        }
        let busy = counted((MOST_AT_ONCE + kept).into(), "notification");
        Err(format!("too many are under way ({busy}): an endpoint does not answer"))
    }
}
