//! `hitl pending --watch`: the requests as they are, and then each that is new or has changed.
//!
//! Who may see what is settled anew for whatever is told, so that somebody who has left a group is told
//! nothing more. While nothing changes, nothing is done; while nobody reads, nothing is held.

use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd;
use std::time::Duration;

use serde_json::json;

use super::arguments::{GlobalArguments, PendingArguments};
use super::failure::Failure;
use super::pending::Sought;
use super::{Exit, Output, rooms};
use crate::front::Said;
use crate::protocol::{self, Rooms};
use crate::review::{self, Listing, Record, RequestId, RequestStore, StoreError, Woken};
use crate::system::{Digest, Moment};

/// Tells the requests until nobody listens any more.
pub(super) fn watch(
    global: &GlobalArguments,
    arguments: &PendingArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut rooms = rooms::open(global)?;
    // The watch first, then the first look: what changes in between is in its queue.
    let mut watch = rooms.requests.watch();
    let mut told = Told { output, known: HashMap::new(), unreadable: String::new() };
    let mut listing = protocol::note_overdue(&rooms)?;
    if arguments.all {
        listing = rooms.requests.list(true)?;
    }
    told.damage(&rooms, &listing)?;
    let sought = Sought::of(&rooms, arguments)?;
    let listed = told.tell(&rooms, &sought, listing.records)?;
    output.print_json(&json!({"v": 1, "listed": listed}))?;

    let words = output.voice.descriptor()?;
    loop {
        let time = told.until_a_deadline(&Moment::now());
        let woken = watch.sleep(time, words.as_ref().map(AsFd::as_fd), std::io::stdout().as_fd());
        let changed = match woken {
            Woken::NoReader => return Ok(Exit::Status(0)),
            Woken::Word if output.voice.said() == Said::Gone || output.voice.has_gone() => {
                return Ok(Exit::Status(0));
            }
            Woken::Word => continue,
            Woken::Requests(ids) => {
                rooms = rooms::open(global)?;
                load(&rooms, ids.into_iter())?
            }
            Woken::All => {
                rooms = rooms::open(global)?;
                let listing = protocol::note_overdue(&rooms)?;
                told.damage(&rooms, &listing)?;
                let mut records = listing.records;
                // What was closed since is no longer among them, nor what waits for a review.
                records.extend(load(&rooms, told.changeable_but(&records).into_iter())?);
                told.forget_all_but(&records);
                records
            }
        };
        told.tell(&rooms, &Sought::of(&rooms, arguments)?, changed)?;
    }
}

/// These requests as they stand now.
fn load(rooms: &Rooms, ids: impl Iterator<Item = RequestId>) -> Result<Vec<Record>, Failure> {
    let mut records = Vec::new();
    for id in ids {
        match rooms.requests.load(&id) {
            Ok(record) => records.push(record),
            // Gone, or said when all of them are looked at.
            Err(StoreError::Unknown(_) | StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(records)
}

/// What whoever listens knows.
struct Told<'o> {
    output: &'o Output,
    /// Each request that was told, as it was.
    known: HashMap<RequestId, Known>,
    /// What was said about those that cannot be read.
    unreadable: String,
}

/// A request as it was told.
struct Known {
    /// Of the whole record.
    digest: Digest,
    /// When time will change it.
    deadline: Option<Moment>,
    /// Whether nothing more happens to it.
    is_closed: bool,
}

impl Told<'_> {
    /// Tells those that may be seen, are sought and are not known as they are: how many.
    fn tell(
        &mut self,
        rooms: &Rooms,
        sought: &Sought,
        records: Vec<Record>,
    ) -> Result<usize, Failure> {
        let now = Moment::now();
        let mut views = Vec::new();
        for record in &records {
            let Some(seen) = sought.seen(record) else { continue };
            let digest = Digest::of(&serde_json::to_vec(record)?);
            let known = Known {
                digest,
                deadline: record.deadline().cloned(),
                is_closed: record.state.is_closed() && !record.awaits_review(),
            };
            let before = self.known.insert(record.id.clone(), known);
            let is_news = before.is_none_or(|before| before.digest != digest);
            if is_news && sought.finds(rooms, &seen) {
                views.push(review::view(&seen, &now)?);
            }
        }
        self.output.print_json_lines(&views)?;
        Ok(views.len())
    }

    /// How long until time changes what was told.
    fn until_a_deadline(&self, now: &Moment) -> Duration {
        let deadlines = self.known.values().filter_map(|known| known.deadline.as_ref());
        deadlines.map(|deadline| deadline.remaining(now)).min().unwrap_or(Duration::MAX)
    }

    /// Those that were told, are not among these, and to which something can still happen.
    fn changeable_but(&self, records: &[Record]) -> Vec<RequestId> {
        let those: HashSet<&RequestId> = records.iter().map(|record| &record.id).collect();
        let open = self.known.iter().filter(|(_, known)| !known.is_closed).map(|(id, _)| id);
        open.filter(|id| !those.contains(id)).cloned().collect()
    }

    /// Forgets every request that is not among these: it is closed, or gone.
    fn forget_all_but(&mut self, records: &[Record]) {
        let those: HashSet<&RequestId> = records.iter().map(|record| &record.id).collect();
        self.known.retain(|id, _| those.contains(id));
    }

    /// Says which requests cannot be read, once.
    fn damage(&mut self, rooms: &Rooms, listing: &Listing) -> Result<(), Failure> {
        let unreadable = super::pending::damage(rooms, listing)?;
        if unreadable != self.unreadable && !unreadable.is_empty() {
            self.output.say(&unreadable);
        }
        self.unreadable = unreadable;
        Ok(())
    }
}
