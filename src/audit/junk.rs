//! Bytes of a segment that are no entries, and whether an entry after them binds them.

use sha2::{Digest as _, Sha256};

use super::Action;
use super::entry::field;
use super::line::Line;
use super::scan::RawLine;
use crate::system::Digest;

/// Bytes between two entries, as a `log-recovered` entry binds them: by length and digest.
#[derive(Clone, Default)]
pub(super) struct Junk {
    hasher: Sha256,
    /// Bytes hashed so far.
    length: u64,
    /// A line feed that is hashed only once something follows it: the last one is not bound.
    terminated: bool,
}

impl Junk {
    /// Takes the next line of it.
    pub(super) fn take(&mut self, raw: RawLine<'_>) {
        if self.terminated {
            self.hasher.update(b"\n");
            self.length += 1;
        }
        self.hasher.update(raw.bytes);
        self.length += raw.bytes.len() as u64;
        self.terminated = raw.terminated;
    }

    /// How many bytes it is.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether this entry binds exactly these bytes.
    pub(super) fn is_bound_by(&self, line: &Line<'_>) -> bool {
        line.action == Action::LogRecovered
            && line.detail(field::JUNK_BYTES).and_then(|node| node.unsigned()) == Some(self.length)
            && line.detail_digest(field::JUNK_DIGEST)
                == Some(Digest::from_bytes(self.hasher.clone().finalize().into()))
    }
}
