//! A manifest in the making: everything the walk comes by is read, counted against the limits and
//! handed on in order; content is kept, or only hashed.
//!
//! What the walk finds waits until there is enough of it for two threads to read; then it is handed on
//! in the order in which it was found.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::{shown, unreadable};
use super::known::{Evidence, Known};
use super::objects::Incoming;
use super::place::Status;
use super::progress::{Meter, Progress};
use super::readers::{Keeping, Means, Place, Read, Waiting, read_all, read_place};
use super::remarks::Remarks;
use super::walk::{Found, Visitor};
use super::{CaptureLimits, Entry, Node, Role, SnapshotError};
use crate::system::ByteString;
use crate::system::text::size_text;

/// How many may wait to be read.
const WAITING: usize = 1024;

/// How many directories may be held open by them: a process may have few descriptors.
const HELD_OPEN: usize = 96;

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
    /// The bytes of names and attributes that were recorded.
    words: u64,
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

struct Linked {
    first: ByteString,
    read: Option<(Node, Status)>,
    names: u64,
}

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
        let keep = Some(Keeping::new(incoming));
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
            words: 0,
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
        let most = self.means.limits.words();
        self.words = self.words.saturating_add(words_of(&entry));
        if self.words > most {
            return Err(SnapshotError::TooLarge {
                entries: self.entries,
                bytes: self.means.bytes.load(Ordering::Relaxed),
                path: nearest_short(entry.path.as_path()).to_owned(),
                what: format!("{} of names and attributes", size_text(most)),
            });
        }
        self.entries += 1;
        self.meter.entries += 1;
        self.meter.look(entry.path.as_path());
        (self.sink)(entry)
    }
}

/// The path, or the nearest directory above it that people can read: it may be longer than a book.
fn nearest_short(path: &Path) -> &Path {
    const SHORT: usize = 1024;
    path.ancestors().find(|path| path.as_os_str().len() <= SHORT).unwrap_or(path)
}

/// How many bytes of names, targets of links and extended attributes an entry has.
fn words_of(entry: &Entry) -> u64 {
    let target = match &entry.node {
        Node::Symlink { target, .. } => target.as_bytes().len(),
        _ => 0,
    };
    let attributes = entry.node.metadata().into_iter().flat_map(|metadata| &metadata.xattrs);
    let attributes: usize =
        attributes.map(|(name, value)| name.as_bytes().len() + value.len()).sum();
    (entry.path.as_bytes().len() + target + attributes) as u64
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
