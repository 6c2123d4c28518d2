//! How far a capture or an undo is, told about ten times a second.

use std::path::Path;
use std::time::{Duration, Instant};

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
pub(super) const PAUSE: Duration = Duration::from_millis(100);

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
