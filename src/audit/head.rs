//! The head marker: how much of the log was acknowledged.
//!
//! `head` is one fixed-size record, overwritten in place after each durability wait:
//! `hitl-head/v1 SIZE SEQUENCE LEAF CHECK` and a line feed; size and sequence as 16 decimal digits,
//! the leaf as 64 hex digits, the check as the first 16 hex digits of the SHA-256 of what stands
//! before it. It is what tells a torn tail (above the head: nobody was told that it is there) from
//! a truncation (below it), and it is the offset that group commit shares.
//!
//! It is written without a durability wait of its own, after the wait for the lines it speaks of.
//! So it may lag behind the log after a power cut, and never leads it. It is not signed: whoever can
//! rewrite the log can rewrite the head to match. Signed checkpoints are for that.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::system::Digest;

/// The bytes of a record.
const RECORD_SIZE: usize = 13 + 17 + 17 + 65 + 17;

/// A point in the log, right after an intact line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The size of the segment up to there, in bytes.
    pub(super) size: u64,
    /// The sequence number of the last line.
    pub(super) sequence: u64,
    /// The leaf hash of the last line.
    pub(super) leaf: Digest,
}

impl Head {
    /// Reads the marker; `None` where there is none, or none that can be read.
    ///
    /// # Errors
    /// What reading fails with.
    pub(super) fn read(file: &File) -> io::Result<Option<Self>> {
        // A reader without the lock can meet a writer half-way. The writer needs microseconds.
        const ATTEMPTS: u32 = 100;
        for _ in 0..ATTEMPTS {
            let mut record = [0_u8; RECORD_SIZE];
            match file.read_exact_at(&mut record, 0) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            if let Some(head) = Self::parse(&record) {
                return Ok(Some(head));
            }
            std::thread::yield_now();
        }
        Ok(None)
    }

    /// Replaces the marker. The caller holds the lock on its file.
    ///
    /// # Errors
    /// What writing fails with.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        file.write_all_at(self.record().as_bytes(), 0)
    }

    fn record(&self) -> String {
        let text =
            format!("hitl-head/v1 {:016} {:016} {} ", self.size, self.sequence, self.leaf.hex());
        let check = Digest::of(text.as_bytes()).hex();
        format!("{text}{}\n", check.get(..16).unwrap_or_default())
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(record).ok()?;
        let mut words = text.strip_prefix("hitl-head/v1 ")?.split(' ');
        let head = Self {
            size: words.next()?.parse().ok()?,
            sequence: words.next()?.parse().ok()?,
            leaf: Digest::from_hex(words.next()?)?,
        };
        (head.record() == text).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_back_and_a_damaged_one_is_not() {
        let head = Head { size: 4711, sequence: 12, leaf: Digest::of(b"x") };
        let record = head.record();
        assert_eq!(record.len(), RECORD_SIZE);
        assert_eq!(Head::parse(record.as_bytes()), Some(head));
        for position in 0..record.len() {
            let mut damaged = record.clone().into_bytes();
            damaged[position] ^= 1;
            assert_eq!(Head::parse(&damaged), None, "{position}");
        }
    }
}
