//! The bytes of a pack, and how a sorted table on disk is searched. Numbers are little-endian.
//!
//! A pack is [`HEAD`], then contents one after another, then a table with a record of 48 bytes for
//! each content, sorted by digest, then a footer of 64 bytes:
//!
//! | record | bytes | footer | bytes |
//! |---|---|---|---|
//! | SHA-256 of the content | 32 | [`FOOT`] | 8 |
//! | where it begins in the pack | 8 | where the table begins | 8 |
//! | its length | 4 | how many records it has | 8 |
//! | checksum of the 44 bytes before | 4 | SHA-256 of the table: the pack is named by it | 32 |
//! | | | checksum of the 56 bytes before | 8 |
//!
//! Checksums are the first bytes of a SHA-256.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::system::Digest;

/// How a pack begins.
pub(super) const HEAD: &[u8; 16] = b"hitl pack v1\n\0\0\0";

/// How its footer begins.
pub(super) const FOOT: &[u8; 8] = b"hitlpkv1";

/// The bytes of a record.
pub(super) const RECORD: usize = 48;

/// The bytes of a footer.
pub(super) const FOOTER: usize = 64;

/// Where one content lies in a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) digest: Digest,
    /// Where it begins.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) length: u32,
}

impl Record {
    pub(super) fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0_u8; RECORD];
        put(&mut bytes, 0, self.digest.as_bytes());
        put(&mut bytes, 32, &self.offset.to_le_bytes());
        put(&mut bytes, 40, &self.length.to_le_bytes());
        seal::<4>(&mut bytes);
        bytes
    }

    /// `None` where the checksum says that these are not the bytes that were written.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..RECORD).filter(|bytes| is_sealed::<4>(bytes))?;
        Some(Self {
            digest: digest_at(bytes, 0)?,
            offset: u64_at(bytes, 32)?,
            length: u32_at(bytes, 40)?,
        })
    }

    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }
}

/// The end of a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Footer {
    /// Where the table begins.
    pub(super) table: u64,
    /// How many records it has.
    pub(super) count: u64,
    /// The digest of the table.
    pub(super) digest: Digest,
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER] {
        let mut bytes = [0_u8; FOOTER];
        put(&mut bytes, 0, FOOT);
        put(&mut bytes, 8, &self.table.to_le_bytes());
        put(&mut bytes, 16, &self.count.to_le_bytes());
        put(&mut bytes, 24, self.digest.as_bytes());
        seal::<8>(&mut bytes);
        bytes
    }

    /// The footer of a pack of this length; `None` where it is not one, or not of this length.
    pub(super) fn decode(bytes: &[u8; FOOTER], length: u64) -> Option<Self> {
        if !bytes.starts_with(FOOT) || !is_sealed::<8>(bytes) {
            return None;
        }
        let footer = Self {
            table: u64_at(bytes, 8)?,
            count: u64_at(bytes, 16)?,
            digest: digest_at(bytes, 24)?,
        };
        let whole = footer
            .count
            .checked_mul(RECORD as u64)
            .and_then(|table| footer.table.checked_add(table))
            .and_then(|end| end.checked_add(FOOTER as u64));
        (whole == Some(length) && footer.table >= HEAD.len() as u64).then_some(footer)
    }
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(room) = bytes.get_mut(at..at + value.len()) {
        room.copy_from_slice(value);
    }
}

/// Writes a checksum of everything before them into the last `N` bytes.
pub(super) fn seal<const N: usize>(bytes: &mut [u8]) {
    if let Some((covered, seal)) = bytes.split_last_chunk_mut::<N>() {
        seal.copy_from_slice(Digest::of(covered).as_bytes().get(..N).unwrap_or_default());
    }
}

pub(super) fn is_sealed<const N: usize>(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<N>()
        .is_some_and(|(covered, seal)| Digest::of(covered).as_bytes().starts_with(seal))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn digest_at(bytes: &[u8], at: usize) -> Option<Digest> {
    Some(Digest::from_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What a table is read by: a page.
const PAGE: usize = 4096;

/// A table in a file: records of equal width that begin with a digest, sorted by it.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) file: &'a File,
    /// Where it begins.
    pub(super) at: u64,
    /// How many records it has.
    pub(super) count: u64,
    /// The bytes of a record.
    pub(super) width: usize,
}

impl Table<'_> {
    /// The record with this number.
    ///
    /// # Errors
    /// Those of reading, and where there is no such record.
    pub(super) fn record<const N: usize>(&self, number: u64) -> io::Result<[u8; N]> {
        if number >= self.count || N != self.width {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = [0_u8; N];
        self.file.read_exact_at(&mut bytes, self.at + number * N as u64)?;
        Ok(bytes)
    }

    /// The record of this digest. Digests are spread evenly, so where one must be is guessed from
    /// what it begins with, and few pages are read however long the table is. In a damaged table
    /// something may not be found that is there, nothing worse.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn search<const N: usize>(&self, digest: &Digest) -> io::Result<Option<[u8; N]>> {
        /// After so many guesses the table is halved: it is not what it should be.
        const GUESSES: u32 = 8;
        let wanted = digest.as_bytes();
        let prefix =
            |bytes: &[u8]| bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        let most = (PAGE / N) as u64;
        let mut page = [0_u8; PAGE];
        let (mut low, mut high) = (0, self.count);
        let (mut least, mut greatest) = (0, u64::MAX);
        let mut guesses = 0;
        while low < high {
            let room = high - low;
            let length = room.min(most);
            guesses += 1;
            let guess = if guesses <= GUESSES {
                let share = u128::from(prefix(wanted).saturating_sub(least)) * u128::from(room)
                    / u128::from(greatest.saturating_sub(least).max(1));
                u64::try_from(share).unwrap_or(room)
            } else {
                room / 2
            };
            let first =
                (low + guess.min(room)).saturating_sub(length / 2).clamp(low, high - length);
            let bytes = page.get_mut(..length as usize * N).unwrap_or_default();
            self.file.read_exact_at(bytes, self.at + first * N as u64)?;
            let (records, _) = bytes.as_chunks::<N>();
            let (Some(front), Some(back)) = (records.first(), records.last()) else { break };
            if wanted.as_slice() < front.get(..wanted.len()).unwrap_or_default() {
                high = first;
                greatest = prefix(front);
            } else if wanted.as_slice() > back.get(..wanted.len()).unwrap_or_default() {
                low = first + length;
                least = prefix(back);
            } else {
                return Ok(records.iter().find(|record| record.starts_with(wanted)).copied());
            }
        }
        Ok(None)
    }
}
