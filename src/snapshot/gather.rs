//! A manifest in the making: everything the walk comes by is read, counted against the limits and
//! handed on in order; content is kept, or only hashed.
//!
//! What the walk finds waits until there is enough of it for two threads to read; then it is handed on
//! in the order in which it was found.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::{shown, unreadable};
use super::known::{Evidence, Known};
use super::objects::{Incoming, Published, Source, WorkerBuffer, hash};
use super::observe::{Content, read_node};
use super::place::Status;
use super::remarks::Remarks;
use super::segments::Segments;
use super::walk::{Found, Visitor};
use super::{CaptureLimits, ContentName, Entry, Node, Role, SnapshotError};
use crate::system::ByteString;

/// How far a capture or an undo is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The entries done.
    pub entries: u64,
    /// The bytes of content read or written.
    pub bytes: u64,
    /// Where it is.
    pub path: &'a Path,
}

/// Tells about progress, about ten times a second.
pub(super) struct Meter<'a> {
    tell: &'a mut dyn FnMut(Progress<'_>),
    told: Instant,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// How long nothing is told after something was.
const PAUSE: Duration = Duration::from_millis(100);

impl<'a> Meter<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(Progress<'_>)) -> Self {
        Self { tell, told: Instant::now(), entries: 0, bytes: 0 }
    }

    pub(super) fn look(&mut self, path: &Path) {
        if self.told.elapsed() >= PAUSE {
            (self.tell)(Progress { entries: self.entries, bytes: self.bytes, path });
            self.told = Instant::now();
        }
    }
}

/// How many may wait to be read.
const WAITING: usize = 1024;

/// How many directories may be held open by them: a process may have few descriptors.
const HELD_OPEN: usize = 96;

/// From so many files, or bytes, on a second thread pays.
const WORTH_A_THREAD: (usize, u64) = (24, 1 << 20);

/// Where finished entries go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Entry) -> Result<(), SnapshotError>;

/// What is gathered with which means.
pub(super) struct Gatherer<'a> {
    sink: Sink<'a>,
    means: Means,
    /// Manifests that tell of files that were not touched since.
    known: Vec<Known<'a>>,
    meter: Meter<'a>,
    waiting: Vec<Waiting>,
    held_open: usize,
    /// The inodes with several names, and what was recorded under the first.
    linked: HashMap<(u64, u64), Linked>,
    entries: u64,
    not_covered: Vec<String>,
    remarks: Remarks,
}

/// What was gathered.
pub(super) struct Gathered {
    /// How many entries.
    pub(super) entries: u64,
    /// The bytes of content that were read.
    pub(super) bytes: u64,
    /// What is not covered, a sentence each.
    pub(super) not_covered: Vec<String>,
    /// The content that is to be published.
    pub(super) kept: Option<Keeping>,
}

/// Content that is kept.
pub(super) struct Keeping {
    incoming: Incoming,
    /// The buffers of the threads that read, while they are not in use.
    workers: Mutex<Vec<WorkerBuffer>>,
}

impl Keeping {
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
struct Means {
    /// Where content is kept; `None`: it is only hashed.
    keep: Option<Keeping>,
    limits: CaptureLimits,
    bytes: AtomicU64,
}

/// Something that was found and not yet read.
struct Waiting {
    path: ByteString,
    role: Role,
    found: Option<Place>,
    /// What it is, where nobody has touched it since that was recorded.
    untouched: Option<Node>,
    /// What else is known about it.
    evidence: Vec<Evidence>,
    /// Another name of an inode that comes before it.
    again: bool,
}

struct Place {
    directory: Arc<OwnedFd>,
    name: OsString,
    status: Status,
}

struct Linked {
    first: ByteString,
    read: Option<(Node, Status)>,
    names: u64,
}

impl Means {
    /// A buffer for one thread, where content is kept.
    fn worker(&self) -> Option<WorkerBuffer> {
        self.keep.as_ref().map(Keeping::worker)
    }

    fn give_back(&self, worker: Option<WorkerBuffer>) {
        if let (Some(keep), Some(worker)) = (&self.keep, worker) {
            keep.give_back(worker);
        }
    }
}

type Read = Result<Option<(Node, Status)>, SnapshotError>;

impl<'a> Gatherer<'a> {
    /// Starts to gather, keeping content. A file that may not be read is still taken where a known
    /// manifest has it and the store keeps its content.
    pub(super) fn keeping(
        incoming: Incoming,
        limits: CaptureLimits,
        known: Vec<Known<'a>>,
        tell: &'a mut dyn FnMut(Progress<'_>),
        sink: Sink<'a>,
    ) -> Self {
        let keep = Some(Keeping { incoming, workers: Mutex::default() });
        let means = Means { keep, limits, bytes: AtomicU64::new(0) };
        Self { means, ..Self::hashing(known, tell, sink) }
    }

    /// Starts to gather, hashing content only.
    pub(super) fn hashing(
        known: Vec<Known<'a>>,
        tell: &'a mut dyn FnMut(Progress<'_>),
        sink: Sink<'a>,
    ) -> Self {
        let limits = CaptureLimits { bytes: u64::MAX, entries: u64::MAX };
        Self {
            sink,
            means: Means { keep: None, limits, bytes: AtomicU64::new(0) },
            known,
            meter: Meter::new(tell),
            waiting: Vec::new(),
            held_open: 0,
            linked: HashMap::new(),
            entries: 0,
            not_covered: Vec::new(),
            remarks: Remarks::default(),
        }
    }

    /// Reads what still waits, and ends.
    ///
    /// # Errors
    /// As [`Visitor::found`].
    pub(super) fn finish(mut self) -> Result<Gathered, SnapshotError> {
        self.read_waiting()?;
        for linked in self.linked.values() {
            let links = linked.read.as_ref().map_or(0, |(_, status)| status.metadata.links);
            self.remarks.note_linked(links, linked.names, linked.first.as_path());
        }
        let mut not_covered = self.not_covered;
        not_covered.extend(self.remarks.sentences());
        Ok(Gathered {
            entries: self.entries,
            bytes: self.means.bytes.into_inner(),
            not_covered,
            kept: self.means.keep,
        })
    }

    fn wait(&mut self, path: &Path, role: Role, found: Option<Place>) -> Result<(), SnapshotError> {
        let recorded = self.entries + self.waiting.len() as u64;
        if recorded >= self.means.limits.entries {
            return Err(SnapshotError::TooLarge {
                entries: recorded,
                bytes: self.means.bytes.load(Ordering::Relaxed),
                path: path.to_owned(),
                what: format!("{} entries", self.means.limits.entries),
            });
        }
        let path = ByteString::from(path);
        let (mut untouched, mut evidence) = (None, Vec::new());
        let mut again = false;
        if let Some(place) = &found {
            for known in &mut self.known {
                let Some(told) = known.evidence(path.as_bytes())? else { continue };
                if told.still_holds(&place.status) {
                    untouched = told.brought_up_to(&place.status);
                } else {
                    evidence.push(told);
                }
            }
            again = self.note_link(&path, &place.status);
            let held = self.waiting.last().and_then(|last| last.found.as_ref());
            if held.is_none_or(|held| !Arc::ptr_eq(&held.directory, &place.directory)) {
                self.held_open += 1;
            }
        }
        self.waiting.push(Waiting { path, role, found, untouched, evidence, again });
        if self.waiting.len() >= WAITING || self.held_open >= HELD_OPEN {
            self.read_waiting()?;
        }
        Ok(())
    }

    /// Whether an inode has come by under another name.
    fn note_link(&mut self, path: &ByteString, status: &Status) -> bool {
        if status.metadata.links < 2 || status.kind == FileType::Directory {
            return false;
        }
        let inode = (status.metadata.device, status.metadata.inode);
        let linked = self.linked.entry(inode).or_insert_with(|| Linked {
            first: path.clone(),
            read: None,
            names: 0,
        });
        linked.names += 1;
        linked.names > 1
    }

    /// Reads everything that waits, and hands it on in order.
    fn read_waiting(&mut self) -> Result<(), SnapshotError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.held_open = 0;
        let reads = read_all(&waiting, &self.means, &mut self.meter);
        for (waiting, read) in waiting.drain(..).zip(reads) {
            self.record(waiting, read)?;
        }
        self.waiting = waiting;
        Ok(())
    }

    fn record(&mut self, waiting: Waiting, read: Option<Read>) -> Result<(), SnapshotError> {
        let Waiting { path, role, found, untouched, evidence, again } = waiting;
        let Some(place) = found else {
            return self.hand_on(Entry { path, role, node: Node::Absent });
        };
        let read = match read {
            _ if untouched.is_some() => untouched.map(|node| (node, place.status.clone())),
            Some(read) => read.map_err(|error| self.with_entries(error))?,
            None if again => self.read_again(&path, &place, &evidence)?,
            None => return Ok(()),
        };
        let Some((mut node, status)) = read else { return Ok(()) };
        let inode = (status.metadata.device, status.metadata.inode);
        if let (Some(linked), Some(metadata)) = (self.linked.get_mut(&inode), node.metadata_mut()) {
            match &linked.read {
                Some(_) => metadata.link = Some(linked.first.clone()),
                None => {
                    linked.first.clone_from(&path);
                    linked.read = Some((node.clone(), status.clone()));
                }
            }
        }
        self.remarks.note(&node, &status, role, path.as_path());
        self.hand_on(Entry { path, role, node })
    }

    /// Another name of an inode that was read before: what was read then, where it still is that.
    fn read_again(&self, path: &ByteString, place: &Place, evidence: &[Evidence]) -> Read {
        let inode = (place.status.metadata.device, place.status.metadata.inode);
        let first = self.linked.get(&inode).and_then(|linked| linked.read.as_ref());
        match first {
            Some((node, status)) if *status == place.status => {
                Ok(Some((node.clone(), status.clone())))
            }
            // What stands in the manifest under its other name is not true any more.
            Some(_) if self.means.keep.is_some() => {
                Err(SnapshotError::Unstable(path.as_path().to_owned()))
            }
            _ => {
                let mut worker = self.means.worker();
                let read = read_place(path, place, evidence, &self.means, &mut worker, &mut |_| {});
                self.means.give_back(worker);
                read
            }
        }
    }

    fn with_entries(&self, error: SnapshotError) -> SnapshotError {
        match error {
            SnapshotError::TooLarge { bytes, path, what, .. } => {
                SnapshotError::TooLarge { entries: self.entries, bytes, path, what }
            }
            other => other,
        }
    }

    fn hand_on(&mut self, entry: Entry) -> Result<(), SnapshotError> {
        self.entries += 1;
        self.meter.entries += 1;
        self.meter.look(entry.path.as_path());
        (self.sink)(entry)
    }
}

/// Reads all that is not another name of something before it, by two threads where that pays.
fn read_all(waiting: &[Waiting], means: &Means, meter: &mut Meter<'_>) -> Vec<Option<Read>> {
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

fn read_place(
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

impl Visitor for Gatherer<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), SnapshotError> {
        let Found { path, role, directory, name, status } = found;
        let directory = Arc::clone(directory);
        self.wait(path, role, Some(Place { directory, name: name.to_owned(), status }))
    }

    fn absent(&mut self, path: &Path, role: Role) -> Result<(), SnapshotError> {
        self.wait(path, role, None)
    }

    fn closed(&mut self, path: &Path, error: Errno) -> Result<(), SnapshotError> {
        if self.means.keep.is_some() {
            return Err(unreadable(path)(error));
        }
        self.left_out(format!("what is below {} could not be looked at ({error})", shown(path)));
        Ok(())
    }

    fn left_out(&mut self, sentence: String) {
        if !self.not_covered.contains(&sentence) {
            self.not_covered.push(sentence);
        }
    }
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
