//! Watching all requests: asleep on inotify until any request's file is put in place or moved, with a
//! slow look at all of them as a net for file systems that report nothing, and for runners that die
//! without a word. No lock is held while anybody sleeps, or reads what was found.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::RequestId;
use super::file_store::{FileStore, ids_among};
use crate::system::durable;

/// How often all requests are looked at without any event.
const NET: Duration = Duration::from_secs(10);

/// The same where inotify is not to be had (the user's instances are used up, say).
const NET_ALONE: Duration = Duration::from_secs(1);

/// What ended a sleep.
#[derive(Debug, PartialEq, Eq)]
pub enum Woken {
    /// These requests may have changed.
    Requests(BTreeSet<RequestId>),
    /// Any request may have changed.
    All,
    /// There is something to read on the descriptor that was given for it.
    Word,
    /// Nobody reads any more what is written to the other.
    NoReader,
}

/// A watch on all requests of a store: what changes from its making on is in its queue.
#[derive(Debug)]
pub struct StoreWatch {
    inotify: Option<Inotify>,
}

impl FileStore {
    /// Watches all requests. To be called before the first look at them, so that nothing is missed
    /// between the two.
    pub fn watch(&self) -> StoreWatch {
        // A review puts another file in the place of a run that has ended.
        let places = [self.pending(), self.unreviewed_ones()];
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        // As `waiting` has it: every write puts another file in a request's place.
        let changes = AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        let watching = || {
            let inotify = Inotify::init(flags).ok()?;
            for place in &places {
                // There may be no request yet: the place where the first will come is watched.
                durable::create_directory(place).ok()?;
                inotify.add_watch(place, changes).ok()?;
            }
            Some(inotify)
        };
        // Without inotify it still sees everything, later.
        StoreWatch { inotify: watching() }
    }
}

impl StoreWatch {
    /// Sleeps until requests have changed, `time` is over (or it is time to look at all of them
    /// anyway), there is something to read on `words`, or nobody is left to read what is written to
    /// `written`.
    pub fn sleep(
        &mut self,
        time: Duration,
        words: Option<BorrowedFd<'_>>,
        written: BorrowedFd<'_>,
    ) -> Woken {
        let net = if self.inotify.is_some() { NET } else { NET_ALONE };
        let end = Instant::now() + time.min(net);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let milliseconds = left.as_nanos().div_ceil(1_000_000);
            let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
            // A pipe whose reader has gone says so without being asked for any event.
            let mut polled = vec![PollFd::new(written, PollFlags::empty())];
            let words = words.map(|words| PollFd::new(words, PollFlags::POLLIN));
            let place_of_words = words.as_ref().map(|_| polled.len());
            polled.extend(words);
            if let Some(inotify) = &self.inotify {
                polled.push(PollFd::new(inotify.as_fd(), PollFlags::POLLIN));
            }
            match poll(&mut polled, timeout) {
                Ok(0) => return Woken::All,
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(_) => {
                    std::thread::sleep(NET_ALONE.min(left));
                    return Woken::All;
                }
            }
            let has = |place: usize| polled.get(place).and_then(PollFd::any).unwrap_or(false);
            if has(0) {
                return Woken::NoReader;
            }
            if place_of_words.is_some_and(has) {
                return Woken::Word;
            }
            match self.changed() {
                Woken::Requests(none) if none.is_empty() => {}
                woken => return woken,
            }
        }
    }

    /// Empties the queue: the requests that are named there.
    fn changed(&mut self) -> Woken {
        let mut names = Vec::new();
        let mut all = false;
        while let Some(inotify) = &self.inotify {
            match inotify.read_events() {
                Ok(events) => {
                    for event in events {
                        // Without a name it is about the queue, which ran over, or the watch itself.
                        match event.name {
                            Some(name) => names.extend(name.into_string()),
                            None => all = true,
                        }
                        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                            self.inotify = None;
                        }
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(_) => {
                    // A queue that cannot be read would end every sleep at once.
                    self.inotify = None;
                    all = true;
                }
            }
        }
        if all { Woken::All } else { Woken::Requests(ids_among(&names).into_iter().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{Record, RequestStore, samples};
    use crate::system::Moment;

    const LONG: Duration = Duration::from_secs(5);

    fn insert(store: &FileStore) -> Record {
        let record = samples::record_at(store.fresh_id().unwrap(), Moment::now());
        store.insert(&record).unwrap();
        record
    }

    #[test]
    fn whoever_watches_is_told_which_requests_changed_and_that_nobody_reads() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path().join("state/requests"));
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let (heard, said) = nix::unistd::pipe().unwrap();
        let mut watch = store.watch();
        let mut sleep = |time| watch.sleep(time, Some(heard.as_fd()), writer.as_fd());
        assert_eq!(sleep(Duration::ZERO), Woken::All, "the time is over");

        let (first, second) = (insert(&store), insert(&store));
        let both: BTreeSet<_> = [first.id.clone(), second.id].into();
        assert_eq!(sleep(LONG), Woken::Requests(both), "several at once");
        store.update(&first.id, &mut |record| record.cancel(0, "root", &Moment::now())).unwrap();
        assert_eq!(sleep(LONG), Woken::Requests([first.id].into()), "closed and moved: told once");

        nix::unistd::write(&said, b"x").unwrap();
        assert_eq!(sleep(LONG), Woken::Word);
        drop(reader);
        assert_eq!(sleep(LONG), Woken::NoReader);
    }
}
