//! The reading of what a walk has found, by two threads where that pays: content goes to the store, or
//! is only hashed.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use rustix::fs::FileType;

use super::known::Evidence;
use super::objects::{Incoming, Published, Source, WorkerBuffer, hash};
use super::observe::{Content, read_node};
use super::place::Status;
use super::progress::{Meter, PAUSE};
use super::segments::Segments;
use super::{CaptureLimits, ContentName, Node, Role, SnapshotError};
use crate::system::ByteString;

/// From so many files, or bytes, on a second thread pays.
const WORTH_A_THREAD: (usize, u64) = (24, 1 << 20);

/// Content that is kept.
pub(super) struct Keeping {
    incoming: Incoming,
    /// The buffers of the threads that read, while they are not in use.
    workers: Mutex<Vec<WorkerBuffer>>,
}

impl Keeping {
    /// Content on its way into the store.
    pub(super) fn new(incoming: Incoming) -> Self {
        Self { incoming, workers: Mutex::default() }
    }

    fn worker(&self) -> WorkerBuffer {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.pop().unwrap_or_else(|| self.incoming.worker())
    }

    fn give_back(&self, worker: WorkerBuffer) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }

    /// Gives all content its name, durably. The run that names it must be recorded before what this
    /// returns is dropped.
    ///
    /// # Errors
    /// As [`Incoming::publish`].
    pub(super) fn publish(self) -> Result<Published, SnapshotError> {
        self.incoming.publish(self.workers.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the threads that read share.
pub(super) struct Means {
    /// Where content is kept; `None`: it is only hashed.
    pub(super) keep: Option<Keeping>,
    pub(super) limits: CaptureLimits,
    pub(super) bytes: AtomicU64,
}

/// Something that was found and not yet read.
pub(super) struct Waiting {
    pub(super) path: ByteString,
    pub(super) role: Role,
    pub(super) found: Option<Place>,
    /// What it is, where nobody has touched it since that was recorded.
    pub(super) untouched: Option<Node>,
    /// What else is known about it.
    pub(super) evidence: Vec<Evidence>,
    /// Another name of an inode that comes before it.
    pub(super) again: bool,
}

pub(super) struct Place {
    pub(super) directory: Arc<OwnedFd>,
    pub(super) name: OsString,
    pub(super) status: Status,
}

impl Means {
    /// A buffer for one thread, where content is kept.
    pub(super) fn worker(&self) -> Option<WorkerBuffer> {
        self.keep.as_ref().map(Keeping::worker)
    }

    pub(super) fn give_back(&self, worker: Option<WorkerBuffer>) {
        if let (Some(keep), Some(worker)) = (&self.keep, worker) {
            keep.give_back(worker);
        }
    }
}

pub(super) type Read = Result<Option<(Node, Status)>, SnapshotError>;

/// Reads all that is not another name of something before it, by two threads where that pays.
pub(super) fn read_all(
    waiting: &[Waiting],
    means: &Means,
    meter: &mut Meter<'_>,
) -> Vec<Option<Read>> {
    let to_read = |one: &&Waiting| one.found.is_some() && one.untouched.is_none() && !one.again;
    let (files, bytes) = waiting
        .iter()
        .filter(to_read)
        .filter_map(|one| one.found.as_ref())
        .filter(|place| place.status.kind == FileType::RegularFile)
        .fold((0, 0_u64), |(files, bytes), place| {
            (files + 1, bytes.saturating_add(place.status.size))
        });
    let mut reads: Vec<Option<Read>> = waiting.iter().map(|_| None).collect();
    let next = AtomicUsize::new(0);
    let take = |each: &mut dyn FnMut(u64, &Path)| {
        let mut read = Vec::new();
        let mut worker = means.worker();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = waiting.get(index) else { break };
            let Some(place) = one.found.as_ref().filter(|_| to_read(&one)) else { continue };
            let path = one.path.as_path();
            let mut each = |bytes| each(bytes, path);
            let result = read_place(&one.path, place, &one.evidence, means, &mut worker, &mut each);
            let failed = result.is_err();
            read.push((index, result));
            if failed {
                // The others need not be read any more.
                next.store(waiting.len(), Ordering::Relaxed);
            }
        }
        means.give_back(worker);
        read
    };
    let tell = |meter: &mut Meter<'_>, path: &Path| {
        meter.bytes = means.bytes.load(Ordering::Relaxed);
        meter.look(path);
    };
    let done = if files >= WORTH_A_THREAD.0 || bytes >= WORTH_A_THREAD.1 {
        std::thread::scope(|scope| {
            let (report, reports) = mpsc::channel();
            let other = std::thread::Builder::new().spawn_scoped(scope, move || {
                let read = take(&mut |_, _| {});
                // Whoever waits for it is in the same scope.
                let _ = report.send(());
                read
            });
            let mut done = take(&mut |_, path| tell(meter, path));
            // Without a second thread the first one has done it all.
            if let Ok(other) = other {
                let last = waiting.last().map_or(Path::new("/"), |one| one.path.as_path());
                while reports.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    tell(meter, last);
                }
                match other.join() {
                    Ok(read) => done.extend(read),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        })
    } else {
        take(&mut |_, path| tell(meter, path))
    };
    for (index, read) in done {
        if let Some(slot) = reads.get_mut(index) {
            *slot = Some(read);
        }
    }
    reads
}

pub(super) fn read_place(
    path: &ByteString,
    place: &Place,
    evidence: &[Evidence],
    means: &Means,
    worker: &mut Option<WorkerBuffer>,
    each: &mut dyn FnMut(u64),
) -> Read {
    let path = path.as_path();
    let mut content = Taker { path, means, worker, evidence, each };
    read_node(&*place.directory, &place.name, path, place.status.clone(), &mut content)
}

/// Takes the content of one file.
struct Taker<'t> {
    path: &'t Path,
    means: &'t Means,
    worker: &'t mut Option<WorkerBuffer>,
    evidence: &'t [Evidence],
    each: &'t mut dyn FnMut(u64),
}

impl Content for Taker<'_> {
    fn known_unread(&mut self, status: &Status) -> Option<Node> {
        let kept = |node: &Node| match (&self.means.keep, node) {
            (Some(keep), Node::File { content, .. }) => keep.incoming.holds(content),
            _ => true,
        };
        self.evidence.iter().filter_map(|evidence| evidence.unread(status)).find(kept)
    }

    fn take(
        &mut self,
        file: &mut File,
        status: &Status,
        data: Option<&[(u64, u64)]>,
    ) -> Result<(ContentName, u64), SnapshotError> {
        let (path, means) = (self.path, self.means);
        let too_large = |bytes: u64| SnapshotError::TooLarge {
            entries: 0,
            bytes,
            path: path.to_owned(),
            what: format!("{} bytes", means.limits.bytes),
        };
        let length = data.map_or(status.size, |data| data.iter().map(|(_, length)| length).sum());
        // What is cloned is never told of, and takes no room.
        let mut ahead = length;
        let mut each = |length: u64| {
            let needed =
                means.bytes.load(Ordering::Relaxed).saturating_add(std::mem::take(&mut ahead));
            if needed > means.limits.bytes {
                return Err(too_large(needed));
            }
            let bytes = means.bytes.fetch_add(length, Ordering::Relaxed) + length;
            (self.each)(length);
            // A file that grows while it is read is read to its end, wherever that is now.
            if bytes > means.limits.bytes { Err(too_large(bytes)) } else { Ok(()) }
        };
        let mut segments = Segments::of(file, data);
        match (&means.keep, &mut self.worker) {
            (Some(keep), Some(worker)) => {
                let source = Source { reader: &mut segments, file: Some(file), size: length };
                let received = keep.incoming.receive(worker, source, path, &mut each)?;
                // A clone is of the whole file; only where that has changed is its length another.
                let whole = received.cloned && received.length == status.size;
                Ok((received.name, if whole { length } else { received.length }))
            }
            _ => {
                let (digest, length) = hash(&mut segments, path, &mut each)?;
                Ok((digest.into(), length))
            }
        }
    }
}
