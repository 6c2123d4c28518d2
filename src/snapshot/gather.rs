//! A manifest in the making: everything the walk comes by is read, counted against the limits and
//! recorded; content is kept, or only hashed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::error::{shown, unreadable};
use super::objects::{Incoming, hash};
use super::observe::{Content, read_node};
use super::place::Status;
use super::walk::{Found, Visitor};
use super::{CaptureLimits, Entry, Manifest, Node, Role, Selection, SnapshotError};
use crate::system::{ByteString, Digest, Moment};

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

impl<'a> Meter<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(Progress<'_>)) -> Self {
        Self { tell, told: Instant::now(), entries: 0, bytes: 0 }
    }

    pub(super) fn look(&mut self, path: &Path) {
        const PAUSE: Duration = Duration::from_millis(100);
        if self.told.elapsed() >= PAUSE {
            (self.tell)(Progress { entries: self.entries, bytes: self.bytes, path });
            self.told = Instant::now();
        }
    }
}

/// What is gathered with which means.
pub(super) struct Gatherer<'a> {
    /// Since when.
    at: Moment,
    entries: BTreeMap<ByteString, Entry>,
    not_covered: Vec<String>,
    limits: CaptureLimits,
    /// Where content is kept; `None`: it is only hashed.
    keep: Option<Incoming>,
    /// Manifests whose digests still hold for files that were not touched since.
    known: Vec<&'a Manifest>,
    meter: Meter<'a>,
    remarks: Remarks,
}

/// What was found that an undo does not restore.
#[derive(Default)]
struct Remarks {
    linked: Remark,
    sparse: Remark,
    flagged: Remark,
    sockets: Remark,
    foreign: Remark,
}

/// How many paths a remark is about, and the first of them.
#[derive(Default)]
struct Remark(u64, String);

impl Remark {
    fn note(&mut self, applies: bool, path: &Path) {
        if applies {
            if self.0 == 0 {
                self.1 = shown(path);
            }
            self.0 += 1;
        }
    }

    fn sentence(&self, what: &str) -> Option<String> {
        match self.0 {
            0 => None,
            1 => Some(format!("{}: {what}", self.1)),
            count => Some(format!("{} and {} more: {what}", self.1, count - 1)),
        }
    }
}

impl<'a> Gatherer<'a> {
    /// Starts to gather, keeping content. A file that may not be read is still taken where a known
    /// manifest has it and the store keeps its content.
    pub(super) fn keeping(
        incoming: Incoming,
        limits: CaptureLimits,
        known: Vec<&'a Manifest>,
        tell: &'a mut dyn FnMut(Progress<'_>),
    ) -> Self {
        Self { keep: Some(incoming), limits, ..Self::hashing(known, tell) }
    }

    /// Starts to gather, hashing content only, and that of files that a known manifest has and that
    /// were not touched since not even that.
    pub(super) fn hashing(known: Vec<&'a Manifest>, tell: &'a mut dyn FnMut(Progress<'_>)) -> Self {
        Self {
            at: Moment::now(),
            entries: BTreeMap::new(),
            not_covered: Vec::new(),
            limits: CaptureLimits { bytes: u64::MAX, entries: u64::MAX },
            keep: None,
            known,
            meter: Meter::new(tell),
            remarks: Remarks::default(),
        }
    }

    /// The bytes of content that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.meter.bytes
    }

    /// The manifest, and the content that is to be published.
    pub(super) fn finish(
        mut self,
        selection: Selection,
        mut not_covered: Vec<String>,
    ) -> (Manifest, Option<Incoming>) {
        not_covered.append(&mut self.not_covered);
        not_covered.extend(self.remarks.sentences());
        let entries = self.entries.into_values().collect();
        (
            Manifest {
                v: 1,
                at: self.at,
                selection,
                entries,
                not_covered,
                not_covered_told: Vec::new(),
            },
            self.keep,
        )
    }

    fn room_for_one_more(&self, path: &Path) -> Result<(), SnapshotError> {
        if (self.entries.len() as u64) < self.limits.entries {
            return Ok(());
        }
        Err(SnapshotError::TooLarge {
            entries: self.entries.len() as u64,
            bytes: self.meter.bytes,
            path: path.to_owned(),
            what: format!("{} entries", self.limits.entries),
        })
    }

    fn record(&mut self, path: ByteString, role: Role, node: Node) {
        self.meter.entries += 1;
        self.entries.insert(path.clone(), Entry { path, role, node });
    }
}

impl Remarks {
    fn note(&mut self, node: &Node, status: &Status, role: Role, path: &Path) {
        let user = rustix::process::geteuid();
        let foreign = !user.is_root() && status.metadata.uid != user.as_raw();
        let selected = role == Role::Selected;
        self.linked.note(matches!(node, Node::File { .. }) && status.metadata.links > 1, path);
        self.sparse.note(status.sparse, path);
        self.flagged.note(selected && status.flagged, path);
        self.sockets.note(matches!(node, Node::Socket { .. }), path);
        self.foreign.note(selected && foreign, path);
    }

    fn sentences(&self) -> impl Iterator<Item = String> {
        [
            self.linked.sentence(
                "has several names; undo restores the content under each, not that they are one file",
            ),
            self.sparse.sentence("has holes; undo may fill them with zeros"),
            self.flagged.sentence("has inode flags (chattr); undo does not restore them"),
            self.sockets.sentence("is a socket; undo cannot make it again"),
            self.foreign.sentence(
                "belongs to somebody else; undo cannot give it back to them without root",
            ),
        ]
        .into_iter()
        .flatten()
    }
}

impl Visitor for Gatherer<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), SnapshotError> {
        let key = ByteString::from(found.path);
        if let Some(entry) = self.entries.get_mut(&key) {
            // Two roots may reach the same path; that it was meant weighs more than that it was
            // passed by.
            if entry.role == Role::Context && found.role == Role::Selected {
                entry.role = Role::Selected;
            }
            return Ok(());
        }
        self.room_for_one_more(found.path)?;
        let Found { path, role, directory, name, status } = found;
        let entries = self.entries.len() as u64;
        let mut content = Taker {
            path,
            key: &key,
            entries,
            keep: &mut self.keep,
            meter: &mut self.meter,
            limits: self.limits,
            known: &self.known,
        };
        let node = read_node(directory, name, path, status, &mut content)?;
        let Some((node, status)) = node else { return Ok(()) };
        self.remarks.note(&node, &status, role, path);
        self.record(key, role, node);
        self.meter.look(path);
        Ok(())
    }

    fn absent(&mut self, path: &Path, role: Role) -> Result<(), SnapshotError> {
        self.room_for_one_more(path)?;
        let key = ByteString::from(path);
        if !self.entries.contains_key(&key) {
            self.record(key, role, Node::Absent);
        }
        Ok(())
    }

    fn closed(&mut self, path: &Path, error: Errno) -> Result<(), SnapshotError> {
        if self.keep.is_some() {
            return Err(unreadable(path)(error));
        }
        if let Some(entry) = self.entries.get_mut(&ByteString::from(path)) {
            entry.role = Role::Closed;
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
struct Taker<'t, 'a> {
    path: &'t Path,
    key: &'t ByteString,
    entries: u64,
    keep: &'t mut Option<Incoming>,
    meter: &'t mut Meter<'a>,
    limits: CaptureLimits,
    known: &'t [&'a Manifest],
}

impl Content for Taker<'_, '_> {
    fn known(&self, status: &Status, refused: bool) -> Option<Digest> {
        self.known.iter().find_map(|manifest| match manifest.node(self.key) {
            Node::File { metadata, size, content } if *size == status.size => {
                let same = if refused {
                    // Only its mode or owner can have changed, unless somebody set its time back.
                    let kept = self.keep.as_ref().is_none_or(|incoming| incoming.holds(content));
                    kept && metadata.same_inode(&status.metadata)
                        && metadata.same_mtime(&status.metadata)
                } else {
                    self.keep.is_none()
                        && metadata.untouched_since(&status.metadata)
                        && metadata.settled_before(manifest.at.wall_ms)
                };
                same.then_some(*content)
            }
            _ => None,
        })
    }

    fn take(&mut self, file: &mut File, status: &Status) -> Result<(Digest, u64), SnapshotError> {
        let (path, entries, limits) = (self.path, self.entries, self.limits);
        let too_large = |bytes: u64| SnapshotError::TooLarge {
            entries,
            bytes,
            path: path.to_owned(),
            what: format!("{} bytes", limits.bytes),
        };
        let needed = self.meter.bytes.saturating_add(status.size);
        if needed > limits.bytes {
            return Err(too_large(needed));
        }
        let meter = &mut *self.meter;
        let mut each = |length: u64| {
            meter.bytes += length;
            meter.look(path);
            // A file that grows while it is read is read to its end, wherever that is now.
            if meter.bytes > limits.bytes { Err(too_large(meter.bytes)) } else { Ok(()) }
        };
        match self.keep {
            Some(incoming) => incoming.receive(file, path, &mut each),
            None => hash(file, path, &mut each),
        }
    }
}
