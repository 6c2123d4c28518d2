//! Waiting for humans: asleep on inotify until the record's file is replaced or moved, with a slow
//! poll as a net for file systems that report nothing.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::file_store::{FileStore, file_name};
use super::{Record, RequestId, RequestStore, State, StoreError, Waited};
use crate::system::Moment;

/// How often the record is read, and `tick` called, without any event.
const NET: Duration = Duration::from_secs(1);

/// The same where inotify is not to be had (the user's instances are used up, say).
const NET_ALONE: Duration = Duration::from_millis(100);

/// See [`RequestStore::wait`].
pub(super) fn wait(
    store: &FileStore,
    id: &RequestId,
    patience: Option<Duration>,
    also: Option<BorrowedFd<'_>>,
    tick: &mut dyn FnMut(&Record, bool) -> bool,
) -> Result<Waited, StoreError> {
    let started = Instant::now();
    // The watch first, then the first look: what changes in between is in the queue.
    let mut watch = Watch::on(store, id);
    let mut readable = false;
    loop {
        let record = store.load(id)?;
        if record.state != State::Pending {
            return Ok(Waited::Decided(Box::new(record)));
        }
        let left = patience.map(|patience| patience.saturating_sub(started.elapsed()));
        if left.is_some_and(|left| left.is_zero()) || !tick(&record, readable) {
            return Ok(Waited::TimeUp(Box::new(record)));
        }
        let until_deadline = record.approval_deadline.remaining(&Moment::now());
        let sleep = watch.net().min(until_deadline).min(left.unwrap_or(NET));
        readable = watch.sleep(sleep, also);
    }
}

/// A watch on one record's file.
struct Watch<'a> {
    store: &'a FileStore,
    watching: Option<(Inotify, WatchDescriptor)>,
    name: String,
}

impl<'a> Watch<'a> {
    fn on(store: &'a FileStore, id: &RequestId) -> Self {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        // The directory, not the file: every write puts another file in its place.
        let changes = AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        let kept = store.idle_inotify().take();
        let watching = kept
            .map_or_else(|| Inotify::init(flags), Ok)
            .and_then(|inotify| {
                inotify.add_watch(&store.pending(), changes).map(|watch| (inotify, watch))
            })
            // Without inotify the wait still ends: it polls, faster than it would otherwise.
            .ok();
        Self { store, watching, name: file_name(id) }
    }

    fn net(&self) -> Duration {
        if self.watching.is_some() { NET } else { NET_ALONE }
    }

    /// Sleeps until the record's file has changed, a signal has come, the time is over, or there is
    /// something to read on `also`: whether there is.
    fn sleep(&mut self, time: Duration, also: Option<BorrowedFd<'_>>) -> bool {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Rounded up: a poll that ends a moment early would go round once more for nothing.
            let milliseconds = left.as_nanos().div_ceil(1_000_000);
            let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
            let mut ready: Vec<PollFd<'_>> = also
                .into_iter()
                .chain(self.watching.iter().map(|(inotify, _)| inotify.as_fd()))
                .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
                .collect();
            let woken = poll(&mut ready, timeout);
            // Any event counts as readable: a terminal that hung up reads as its end.
            let readable = also.is_some()
                && woken.is_ok()
                && ready.first().and_then(PollFd::any).unwrap_or(false);
            match woken {
                Ok(0) => return false,
                Ok(_) if self.has_changed() || readable => return readable,
                Ok(_) => {}
                // A signal: the caller's tick looks at it.
                Err(Errno::EINTR) => return false,
                Err(_) => {
                    std::thread::sleep(NET_ALONE.min(left));
                    return false;
                }
            }
        }
    }

    /// Empties the queue. Whether any event was about our file, or about the queue or the watch
    /// itself (those carry no name).
    fn has_changed(&mut self) -> bool {
        let mut changed = false;
        while let Some((inotify, _)) = &self.watching {
            match inotify.read_events() {
                Ok(events) => {
                    let is_ours = |name: &OsString| *name == *self.name;
                    changed |= events.iter().any(|event| event.name.as_ref().is_none_or(is_ours));
                }
                Err(Errno::EAGAIN) => break,
                Err(_) => {
                    // A queue that cannot be read would end every sleep at once: poll from here on.
                    self.watching = None;
                    changed = true;
                }
            }
        }
        changed
    }
}

impl Drop for Watch<'_> {
    /// Keeps the inotify instance until the store goes: closing one waits for a grace period of the
    /// kernel, several milliseconds that would lie between an approval and the start of what was
    /// approved. Only its watch is removed, so that no events pile up.
    fn drop(&mut self) {
        if let Some((inotify, watch)) = self.watching.take()
            && inotify.rm_watch(watch).is_ok()
        {
            *self.store.idle_inotify() = Some(inotify);
        }
    }
}
