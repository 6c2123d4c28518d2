//! Verification: every line, the chain, and the life of every request, in one pass.

use std::fmt;
use std::path::Path;

use super::entry::field;
use super::files::Files;
use super::head::Head;
use super::junk::Junk;
use super::line::Line;
use super::lives::Lives;
use super::scan::{Lines, RawLine};
use super::signed::Signatures;
use super::{Action, AuditError, genesis, leaf};
use crate::system::Digest;

/// How many notes are kept; the rest is counted.
const NOTE_LIMIT: usize = 100;

/// How far the wall clock may fall behind the boot clock between two entries before it is noted:
/// entries take their time before they queue for the lock. In milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 5000;

/// How often progress is reported, in bytes.
const PROGRESS_STEP: u64 = 8 << 20;

/// What verification found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verification {
    /// How many entries were found good, up to the first that was not.
    pub entries: u64,
    /// The name of the log, from its first line.
    pub origin: Option<String>,
    /// The leaf of the last good entry: compare it with one that was kept elsewhere.
    pub head: Option<Digest>,
    /// The first thing that is wrong. `None`: the log holds.
    pub first_bad: Option<Finding>,
    /// How many of them nobody was told of as being there: a few while others write, or after a power
    /// cut. Cut off, they would not be missed.
    pub unacknowledged: u64,
    /// How many denials were lifted in an emergency and run without anybody's review so far.
    pub unreviewed: u64,
    /// What is worth knowing and proves nothing, a sentence each: unfinished commands, recovered
    /// crashes, clocks that were set back.
    pub notes: Vec<String>,
    /// How many notes there were beyond those.
    pub further_notes: u64,
}

/// The first thing that is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The sequence number of the first bad, or missing, entry.
    pub sequence: u64,
    /// Where it begins (or should) in the segment, in bytes.
    pub offset: u64,
    /// What is wrong with it, as a clause.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "entry {} (byte {}): {}", self.sequence, self.offset, self.what)
    }
}

/// Verifies the log in this directory, which may be a copy. `progress` is told how many bytes are
/// done, of how many.
///
/// Entries that are appended meanwhile are verified as far as they are met.
///
/// # Errors
/// [`AuditError`] where the log cannot be read. That it is bad is no error but a [`Finding`].
pub fn verify(
    directory: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification, AuditError> {
    let files = Files::new(directory);
    let path = files.segment();
    let reading = |error| AuditError::system("read", &path, error);
    // The head first: what it covers must then be found in the file.
    let head = match files.read_head()? {
        Some(file) => {
            Head::read(&file).map_err(|error| AuditError::system("read", &files.head(), error))?
        }
        None => None,
    };
    let segment = match (files.read_segment()?, head) {
        (Some(segment), _) => segment,
        (None, Some(head)) => return Ok(Pass::new(Some(head)).finish()),
        (None, None) => return Err(AuditError::Missing(path)),
    };
    let total = segment.metadata().map_err(reading)?.len();
    let mut lines = Lines::new(segment, 0);
    let mut pass = Pass::new(head);
    let mut reported = 0;
    while let Some(raw) = lines.next().map_err(reading)? {
        if pass.take(raw).is_err() {
            break;
        }
        if raw.end() - reported >= PROGRESS_STEP {
            reported = raw.end();
            progress(reported, total.max(reported));
        }
    }
    progress(total, total);
    Ok(pass.finish())
}

/// Verification has found something and goes no further.
struct Stop;

struct Pass {
    acknowledged: Option<Head>,
    intact: Option<Head>,
    junk: Option<AfterEntries>,
    lives: Lives,
    signatures: Signatures,
    clock: Option<(String, i64, i64)>,
    result: Verification,
}

/// Bytes that are no entries, after the last intact one.
struct AfterEntries {
    junk: Junk,
    /// Whether a complete entry is among them. A torn write leaves none.
    holds_entries: bool,
    /// Whether a complete line is among them.
    holds_lines: bool,
    finding: Finding,
}

impl Pass {
    fn new(acknowledged: Option<Head>) -> Self {
        Self {
            acknowledged,
            intact: None,
            junk: None,
            lives: Lives::default(),
            signatures: Signatures::default(),
            clock: None,
            result: Verification {
                entries: 0,
                origin: None,
                head: None,
                first_bad: None,
                unacknowledged: 0,
                unreviewed: 0,
                notes: Vec::new(),
                further_notes: 0,
            },
        }
    }

    fn take(&mut self, raw: RawLine<'_>) -> Result<(), Stop> {
        let parsed = if raw.whole {
            Line::parse(raw.bytes)
        } else {
            Err("the line is torn, or too long".into())
        };
        match parsed {
            Err(what) => self.junk(raw, false, what),
            Ok(line) => {
                if self.junk.is_some() && !self.binds_junk(&line) {
                    return self.junk(raw, true, String::new());
                }
                self.entry(raw, &line)
            }
        }
    }

    /// One line that is an entry by itself: does it belong where it stands?
    fn entry(&mut self, raw: RawLine<'_>, line: &Line<'_>) -> Result<(), Stop> {
        self.chained(raw, line)?;
        let this = leaf(raw.bytes);
        if let Some(head) = self.acknowledged
            && head.sequence == line.sequence
            && head.leaf != this
        {
            return self.bad(line.sequence, raw.offset, "it is not the one that was acknowledged");
        }
        if line.action == Action::LogRecovered {
            self.recovered(raw, line)?;
        }
        if let Err(what) = self.lives.observe(line) {
            return self.bad(line.sequence, raw.offset, what);
        }
        if let Err(what) = self.signatures.observe(line, this) {
            return self.bad(line.sequence, raw.offset, what);
        }
        self.watch_clock(line);
        self.intact = Some(Head { size: raw.end(), sequence: line.sequence, leaf: this });
        self.result.entries += 1;
        self.result.head = Some(this);
        Ok(())
    }

    fn chained(&mut self, raw: RawLine<'_>, line: &Line<'_>) -> Result<(), Stop> {
        let Some(last) = self.intact else {
            let named = line.detail_text(field::ORIGIN).map(str::to_owned);
            let opened = line.action == Action::SegmentOpened && line.sequence == 0;
            return match named {
                Some(named) if opened && line.prev == genesis(&named) => {
                    self.result.origin = Some(named);
                    Ok(())
                }
                _ => self.bad(
                    0,
                    raw.offset,
                    "the log does not begin here: its beginning is missing or was changed",
                ),
            };
        };
        let expected = last.sequence + 1;
        if line.sequence != expected {
            let what = format!("it is missing; entry {} stands in its place", line.sequence);
            return self.bad(expected, raw.offset, what);
        }
        if line.prev != last.leaf {
            let what = format!(
                "it was changed after entry {expected} was chained to it (or hitl.prev of entry {expected} was)"
            );
            return self.bad(last.sequence, raw.offset, what);
        }
        if line.action == Action::SegmentOpened {
            return self.bad(line.sequence, raw.offset, "a second beginning in one segment");
        }
        Ok(())
    }

    /// Whether this entry was chained past the junk before it: then it must also describe it.
    fn binds_junk(&self, line: &Line<'_>) -> bool {
        line.action == Action::LogRecovered
            && self
                .intact
                .is_some_and(|last| line.sequence == last.sequence + 1 && line.prev == last.leaf)
    }

    fn recovered(&mut self, raw: RawLine<'_>, line: &Line<'_>) -> Result<(), Stop> {
        let last = self.intact.map_or(0, |last| last.sequence);
        let acknowledged = match line.detail(field::ACKNOWLEDGED) {
            None => None,
            Some(node) => match node.unsigned() {
                Some(sequence) => Some(sequence),
                None => {
                    return self.bad(
                        line.sequence,
                        raw.offset,
                        "hitl.acknowledged is not a number",
                    );
                }
            },
        };
        let sequence = line.sequence;
        match self.junk.take() {
            None if line.detail(field::JUNK_BYTES).is_some() => {
                return self.bad(sequence, raw.offset, "it binds bytes that are not there");
            }
            None => {}
            Some(junk) => {
                let length = junk.junk.length();
                if !junk.junk.is_bound_by(line) {
                    return self.bad(
                        sequence,
                        raw.offset,
                        "the bytes before it are not those that it binds",
                    );
                }
                // Entries among the junk were once part of the log, unless it is known that nothing
                // of it was ever acknowledged.
                if junk.holds_entries && acknowledged.is_none_or(|sequence| sequence > last) {
                    self.result.first_bad = Some(junk.finding);
                    return Err(Stop);
                }
                self.note(format!(
                    "entry {sequence}: {length} bytes that a crash had left behind were bound"
                ));
            }
        }
        match acknowledged {
            Some(acknowledged) if acknowledged > last => {
                let what = format!(
                    "the entries up to {acknowledged} had been acknowledged and were missing when entry {sequence} was written"
                );
                self.bad(last + 1, raw.offset, what)
            }
            _ => Ok(()),
        }
    }

    fn junk(&mut self, raw: RawLine<'_>, entry: bool, what: String) -> Result<(), Stop> {
        let Some(last) = self.intact else {
            return self.bad(0, raw.offset, what);
        };
        let junk = self.junk.get_or_insert_with(|| AfterEntries {
            junk: Junk::default(),
            holds_entries: false,
            holds_lines: false,
            finding: Finding { sequence: last.sequence + 1, offset: raw.offset, what },
        });
        junk.junk.take(raw);
        junk.holds_lines |= raw.terminated;
        junk.holds_entries |= entry;
        Ok(())
    }

    fn watch_clock(&mut self, line: &Line<'_>) {
        let boot_ms = i64::try_from(line.boot_ms).unwrap_or(i64::MAX);
        let started = line.wall_ms.saturating_sub(boot_ms);
        if let Some((boot_id, last_started, last_wall)) = &self.clock {
            // Within a boot, the wall clock must keep its distance from the boot clock; across
            // boots, it must at least go forward.
            let fell = if boot_id == line.boot_id() {
                last_started.saturating_sub(started)
            } else {
                last_wall.saturating_sub(line.wall_ms)
            };
            if fell > CLOCK_TOLERANCE_MS {
                let sequence = line.sequence;
                self.note(format!(
                    "entry {sequence}: the clock had been set back by {} seconds",
                    fell / 1000
                ));
            }
        }
        match &mut self.clock {
            Some((boot_id, last_started, last_wall)) if boot_id == line.boot_id() => {
                (*last_started, *last_wall) = (started, line.wall_ms);
            }
            clock => *clock = Some((line.boot_id().to_owned(), started, line.wall_ms)),
        }
    }

    fn note(&mut self, note: String) {
        if self.result.notes.len() < NOTE_LIMIT {
            self.result.notes.push(note);
        } else {
            self.result.further_notes += 1;
        }
    }

    fn bad(&mut self, sequence: u64, offset: u64, what: impl Into<String>) -> Result<(), Stop> {
        self.result.first_bad = Some(Finding { sequence, offset, what: what.into() });
        Err(Stop)
    }

    fn finish(mut self) -> Verification {
        if self.result.first_bad.is_some() {
            return self.result;
        }
        let (size, next) = self.intact.map_or((0, 0), |last| (last.size, last.sequence + 1));
        let missing = self.acknowledged.filter(|head| head.sequence >= next);
        let told_of = self.acknowledged.map_or(0, |head| head.sequence + 1);
        self.result.unacknowledged = next.saturating_sub(told_of);
        match (self.junk.take(), missing) {
            (Some(junk), Some(_)) => self.result.first_bad = Some(junk.finding),
            (None, Some(head)) => {
                let what = format!(
                    "the entries up to {} were acknowledged and are missing: the end of the log was cut off",
                    head.sequence
                );
                self.result.first_bad = Some(Finding { sequence: next, offset: size, what });
            }
            (Some(junk), None) if self.acknowledged.is_none() && junk.holds_lines => {
                self.result.first_bad = Some(junk.finding);
            }
            (Some(junk), None) => self.note(format!(
                "{} bytes after the last entry are no entry: a crash left them, the next entry will bind them",
                junk.junk.length()
            )),
            (None, None) if next == 0 => {
                let what = "the log is empty".to_owned();
                self.result.first_bad = Some(Finding { sequence: 0, offset: 0, what });
            }
            (None, None) => {}
        }
        if self.acknowledged.is_none() {
            self.note(
                "there is no head marker: entries cut off the end would not be noticed".to_owned(),
            );
        }
        let unreviewed = self.lives.unreviewed();
        self.result.unreviewed = unreviewed.len() as u64;
        for (sequence, id) in unreviewed {
            self.note(format!(
                "entry {sequence}: {id} lifted a denial (break-glass), and nobody has reviewed it yet"
            ));
        }
        for (sequence, id) in self.lives.running() {
            self.note(format!(
                "entry {sequence}: request {id} started and no end is recorded: it still runs, or its outcome is unknown"
            ));
        }
        self.result
    }
}
