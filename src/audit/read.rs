//! The log for people and programs that look something up.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::entry::field;
use super::files::Files;
use super::junk::Junk;
use super::line::Line;
use super::node::Node;
use super::scan::Lines;
use super::{Action, AuditError};
use crate::review::RequestId;
use crate::system::text::visible_bytes;

/// Which entries are wanted: all that every given field fits.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    /// Entries about this request or run.
    pub request: Option<RequestId>,
    /// Entries by the user of this login name or user id.
    pub user: Option<String>,
    /// Entries of this action.
    pub action: Option<Action>,
    /// Not before this time, wall clock in milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// Before this time, wall clock in milliseconds since the epoch.
    pub until_ms: Option<i64>,
}

/// One line of the log, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stored {
    /// An entry.
    Entry(StoredEntry),
    /// A line that is no entry, and that no entry has bound. Shown whatever the filter: it may once
    /// have fitted.
    Damaged {
        /// Where it begins in the segment, in bytes.
        offset: u64,
        /// What is wrong with it, as a clause.
        what: String,
        /// Its beginning, made visible.
        beginning: String,
    },
}

/// A stored entry. It was read alone: whether the chain holds is for [`verify`](super::verify()) to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEntry {
    line: String,
}

impl StoredEntry {
    /// The stored line itself, without its line feed: JSON, byte for byte what was hashed.
    pub fn json(&self) -> &str {
        &self.line
    }
}

/// How many damaged lines are held back in the hope of an entry that binds them: a crash tears one
/// line, or a few.
const HELD_LIMIT: usize = 256;

/// The entries that a filter lets through, oldest first. What a crash tore, and a `log-recovered`
/// entry has bound since, is no damage: that entry tells of it.
pub struct Entries {
    lines: Lines<File>,
    filter: Filter,
    path: PathBuf,
    failed: bool,
    /// The damaged lines right before the place that is read.
    held: Vec<Stored>,
    junk: Junk,
    /// What goes out before anything more is read.
    ready: VecDeque<Stored>,
}

/// Reads the log in this directory, which may be a copy.
///
/// # Errors
/// [`AuditError`] where there is no log, or it cannot be opened. Damaged lines are no errors.
pub fn read(directory: &Path, filter: Filter) -> Result<Entries, AuditError> {
    let files = Files::new(directory);
    let path = files.segment();
    let segment = files.read_segment()?.ok_or_else(|| AuditError::Missing(path.clone()))?;
    Ok(Entries {
        lines: Lines::new(segment, 0),
        filter,
        path,
        failed: false,
        held: Vec::new(),
        junk: Junk::default(),
        ready: VecDeque::new(),
    })
}

impl Iterator for Entries {
    type Item = Result<Stored, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(stored) = self.ready.pop_front() {
                return Some(Ok(stored));
            }
            if self.failed {
                return None;
            }
            match self.read_on() {
                Ok(true) => {}
                Ok(false) => {
                    if self.held.is_empty() {
                        return None;
                    }
                    self.let_go();
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(AuditError::system("read", &self.path, error)));
                }
            }
        }
    }
}

impl Entries {
    /// Reads one line. `false` at the end.
    fn read_on(&mut self) -> io::Result<bool> {
        let Some(raw) = self.lines.next()? else { return Ok(false) };
        let what = match Line::parse(raw.bytes) {
            Ok(_) if !raw.whole => "the line is torn, or too long".to_owned(),
            Ok(line) => {
                if !self.held.is_empty() && self.junk.is_bound_by(&line) {
                    self.held.clear();
                }
                let fits = self.filter.fits(&line);
                let line = fits.then(|| String::from_utf8_lossy(raw.bytes).into_owned());
                self.let_go();
                self.ready.extend(line.map(|line| Stored::Entry(StoredEntry { line })));
                return Ok(true);
            }
            Err(what) => what,
        };
        self.junk.take(raw);
        let beginning = visible_bytes(raw.bytes.get(..60).unwrap_or(raw.bytes));
        self.held.push(Stored::Damaged { offset: raw.offset, what, beginning });
        if self.held.len() > HELD_LIMIT {
            self.let_go();
        }
        Ok(true)
    }

    /// Lets the damaged lines out that were held back.
    fn let_go(&mut self) {
        self.ready.extend(self.held.drain(..));
        self.junk = Junk::default();
    }
}

impl Filter {
    fn fits(&self, line: &Line<'_>) -> bool {
        let named = |name: &String| {
            line.user
                .as_ref()
                .is_some_and(|user| user.name == *name || user.uid.to_string() == *name)
        };
        // An undo is about the run that it undid as well.
        let about = |id: &RequestId| {
            let id = id.to_string();
            [field::REQUEST_ID, field::UNDONE]
                .iter()
                .any(|name| line.detail(name).and_then(Node::text) == Some(id.as_str()))
        };
        self.request.as_ref().is_none_or(about)
            && self.user.as_ref().is_none_or(named)
            && self.action.is_none_or(|action| action == line.action)
            && self.since_ms.is_none_or(|since| line.wall_ms >= since)
            && self.until_ms.is_none_or(|until| line.wall_ms < until)
    }
}
