//! What a crash left behind, and what is missing: found, bound by an entry, and gone on from.
//!
//! The head tells the two apart. What stands above it was acknowledged to nobody: intact lines are
//! kept, and what follows them (a line torn by a power cut or SIGKILL) stays where it is, as junk
//! that a `log-recovered` entry binds by length and digest. Where acknowledged entries are missing,
//! the same entry says which ones, so that the evidence stands in the chain for ever; the log goes
//! on, since a host that can run nothing cannot be mended either.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::json;

use super::encode::{self, Place};
use super::entry::field;
use super::files::Files;
use super::head::Head;
use super::line::Line;
use super::scan::{Lines, RawLine, ReadFrom};
use super::{Action, AuditError, Entry, Outcome, genesis, leaf, origin};
use crate::system::{Digest, Host, Moment, Scope, durable};

/// Brings the log into a state that can be appended to, beginning it where there is none.
pub(super) fn recover(
    files: &Files,
    scope: Scope,
    host: &Host,
    now: &Moment,
) -> Result<(), AuditError> {
    durable::create_directory(files.directory())?;
    files.check_directory(scope)?;
    let head_file = files.lock_head(scope)?;
    let _append = files.lock_append(scope)?;
    let path = files.segment();
    let segment = files.open_segment(scope)?;
    let reading = |error| AuditError::system("read", &path, error);
    let acknowledged =
        Head::read(&head_file).map_err(|error| AuditError::system("read", &files.head(), error))?;
    let size = segment.metadata().map_err(reading)?.len();
    let intact = match acknowledged {
        Some(head) if head.size <= size => Some(advance(&segment, head).map_err(reading)?),
        _ => from_the_start(&segment).map_err(reading)?,
    };

    let name = origin(host);
    let mut entries = Vec::new();
    let mut junk = None;
    let place = if let Some(intact) = intact {
        junk = Junk::find(&segment, intact.size, size).map_err(reading)?;
        Place { sequence: intact.sequence + 1, prev: intact.leaf }
    } else {
        begin(&segment, size, acknowledged.is_some(), &path)?;
        entries.push(Entry::segment_opened(&name));
        Place { sequence: 0, prev: genesis(&name) }
    };
    let last = intact.map_or(0, |intact| intact.sequence);
    let lost = acknowledged.filter(|head| intact.is_none() || head.sequence > last);
    if junk.is_some() || lost.is_some() {
        entries.push(recovered(junk.as_ref(), acknowledged, lost));
    }

    let (mut lines, after) = encode::batch(&entries, place, now, host)?;
    if junk.is_some_and(|junk| !junk.terminated) {
        lines.insert(0, '\n');
    }
    let start = segment.metadata().map_err(reading)?.len();
    if let Err(error) = append(&segment, start, lines.as_bytes(), &path) {
        if place.sequence == 0 {
            // No line was ever there: an empty file would look like a log that was emptied. Should
            // it stay, the next append begins it all the same.
            let _ = std::fs::remove_file(&path);
        }
        return Err(error);
    }
    segment.sync_data().map_err(|error| AuditError::system("sync", &path, error))?;
    durable::sync_directory(files.directory())?;
    let head = Head {
        size: start + lines.len() as u64,
        sequence: after.sequence.saturating_sub(1),
        leaf: after.prev,
    };
    head.write(&head_file).map_err(|error| AuditError::system("write", &files.head(), error))
}

/// Appends these bytes all or not at all. The caller holds the append lock, and `start` is the size.
pub(super) fn append(
    segment: &File,
    start: u64,
    bytes: &[u8],
    path: &Path,
) -> Result<(), AuditError> {
    let mut writer = segment;
    writer.write_all(bytes).map_err(|error| {
        // Where this fails too, what was written is a torn tail, and recovered as one.
        let _ = segment.set_len(start);
        AuditError::system("write", path, error)
    })
}

/// The end of the intact lines that follow `head`.
pub(super) fn advance(segment: &File, mut head: Head) -> io::Result<Head> {
    let mut lines = Lines::new(ReadFrom { file: segment, offset: head.size }, head.size);
    while let Some(raw) = lines.next()? {
        match Line::parse(raw.bytes) {
            Ok(line)
                if raw.whole && line.sequence == head.sequence + 1 && line.prev == head.leaf =>
            {
                head = Head { size: raw.end(), sequence: line.sequence, leaf: leaf(raw.bytes) };
            }
            _ => break,
        }
    }
    Ok(head)
}

/// As [`advance`], from the first line; `None` where that is not the beginning of a log.
fn from_the_start(segment: &File) -> io::Result<Option<Head>> {
    let mut lines = Lines::new(ReadFrom { file: segment, offset: 0 }, 0);
    match lines.next()?.as_ref().and_then(opening) {
        Some(head) => advance(segment, head).map(Some),
        None => Ok(None),
    }
}

/// The head after the line that opens a log; `None` where the line is not one.
fn opening(raw: &RawLine<'_>) -> Option<Head> {
    let line = Line::parse(raw.bytes).ok()?;
    let begins = raw.whole
        && line.action == Action::SegmentOpened
        && line.sequence == 0
        && line.prev == genesis(line.detail_text(field::ORIGIN)?);
    begins.then(|| Head { size: raw.end(), sequence: 0, leaf: leaf(raw.bytes) })
}

/// Makes room for the first line. A file in which no line was ever completed, and of which nothing
/// was acknowledged, is the crash of the very first write; everything else is left alone.
fn begin(segment: &File, size: u64, acknowledged: bool, path: &Path) -> Result<(), AuditError> {
    if size == 0 {
        return Ok(());
    }
    let mut lines = Lines::new(ReadFrom { file: segment, offset: 0 }, 0);
    let first = lines.next().map_err(|error| AuditError::system("read", path, error))?;
    let torn = first.is_some_and(|raw| !raw.terminated && raw.end() == size);
    if acknowledged || !torn {
        return Err(AuditError::NoBeginning(path.to_owned()));
    }
    segment.set_len(0).map_err(|error| AuditError::system("clear", path, error))
}

/// The bytes after the last intact line.
struct Junk {
    /// How many, without a line feed at their very end.
    length: u64,
    /// Their digest, likewise.
    digest: Digest,
    /// Whether there is a line feed at their very end.
    terminated: bool,
}

impl Junk {
    fn find(segment: &File, start: u64, size: u64) -> io::Result<Option<Self>> {
        if start == size {
            return Ok(None);
        }
        let mut last = [0_u8];
        segment.read_exact_at(&mut last, size - 1)?;
        let terminated = last == *b"\n";
        let length = size - start - u64::from(terminated);
        let digest =
            Digest::of_reader(&mut ReadFrom { file: segment, offset: start }.take(length))?;
        Ok(Some(Self { length, digest, terminated }))
    }
}

fn recovered(junk: Option<&Junk>, acknowledged: Option<Head>, lost: Option<Head>) -> Entry {
    let outcome = if lost.is_some() { Outcome::Failure } else { Outcome::Success };
    let mut entry = Entry::of_the_log(Action::LogRecovered, outcome);
    if let Some(junk) = junk {
        entry = entry
            .with(field::JUNK_BYTES, junk.length.into())
            .with(field::JUNK_DIGEST, json!(junk.digest));
    }
    if let Some(head) = acknowledged {
        entry = entry.with(field::ACKNOWLEDGED, head.sequence.into());
    }
    if let Some(head) = lost {
        entry = entry.with(field::ACKNOWLEDGED_LEAF, json!(head.leaf));
    }
    entry
}
