//! Appending: one write and one durability wait for a batch, shared between processes.
//!
//! An append takes the append lock, finds the end of the chain (the head marker, and the few lines
//! that were written since), writes all lines at once and lets go. Then it makes them durable under
//! the head's lock: whoever comes first syncs everything that has been written until then and moves
//! the head, so that those who waited meanwhile find their lines durable already. This is group
//! commit without a daemon. It costs the same however long the log is.
//!
//! Why nothing is acknowledged that is not durable: the head moves only to a point that was the end
//! of complete batches (read under the append lock) before the sync began, and only after the sync
//! succeeded; and what the head covers is never taken back.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::encode::{self, Place};
use super::entry::field;
use super::files::Files;
use super::head::Head;
use super::line::Line;
use super::recover::{self, advance};
use super::scan::Lines;
use super::{AuditError, Entry, LogHead};
use crate::system::{Digest, Host, Moment, Scope};

/// How often an append finds the log in need of recovery before it gives up.
const ATTEMPTS: u32 = 8;

/// A log that can be appended to.
#[derive(Clone, Debug)]
pub struct Log {
    files: Files,
    scope: Scope,
    host: Host,
}

/// Where the entries of one append stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The sequence number of the first.
    pub first: u64,
    /// The sequence number of the last.
    pub last: u64,
    /// The leaf of the last: whoever keeps it can tell later whether the log was rewritten.
    pub head: Digest,
}

/// Lines that are written and not yet known to be durable.
struct Written {
    segment: File,
    start: u64,
    first: u64,
    end: Head,
}

impl Log {
    /// The log in this directory. Nothing is opened or made until the first append, and nothing is
    /// kept open after it: between the start and the end of a command may lie days.
    pub fn new(directory: &Path, scope: Scope, host: &Host) -> Self {
        Self { files: Files::new(directory), scope, host: host.clone() }
    }

    /// Appends entries, all or none, and returns when they are durable.
    ///
    /// The directory (mode 0700) and the log begin with the first append. What a crash left behind
    /// is recovered first.
    ///
    /// # Errors
    /// [`AuditError`]: then none of the entries counts as recorded. A full disk leaves the log as it
    /// was.
    pub fn append(&self, entries: &[Entry], now: &Moment) -> Result<Appended, AuditError> {
        for _ in 0..ATTEMPTS {
            if let Some(written) = self.write(entries, now)? {
                self.make_durable(&written)?;
                return Ok(Appended {
                    first: written.first,
                    last: written.end.sequence,
                    head: written.end.leaf,
                });
            }
            recover::recover(&self.files, self.scope, &self.host, now)?;
        }
        Err(AuditError::Restless(self.path()))
    }

    /// The end of what is acknowledged, for whoever is to be a witness of it. `None` where there is no
    /// log yet, or its beginning or end cannot be read.
    ///
    /// # Errors
    /// [`AuditError::System`].
    pub fn head(&self) -> Result<Option<LogHead>, AuditError> {
        let reading = |error| AuditError::system("read", &self.path(), error);
        let (Some(segment), Some(head)) = (self.files.read_segment()?, self.files.read_head()?)
        else {
            return Ok(None);
        };
        let mut lines = Lines::new(segment, 0);
        let Some(first) = lines.next().map_err(reading)? else { return Ok(None) };
        let Ok(line) = Line::parse(first.bytes) else { return Ok(None) };
        let origin = line.detail_text(field::ORIGIN).map(str::to_owned);
        let head = Head::read(&head).map_err(reading)?;
        Ok(origin.zip(head).map(|(origin, head)| LogHead {
            origin,
            sequence: head.sequence,
            leaf: head.leaf,
        }))
    }

    /// Writes the entries at the end. `None` where the log needs recovery first.
    fn write(&self, entries: &[Entry], now: &Moment) -> Result<Option<Written>, AuditError> {
        let path = self.path();
        if !path.exists() {
            return Ok(None);
        }
        self.files.check_directory(self.scope)?;
        let _append = self.files.lock_append(self.scope)?;
        let segment = self.files.open_segment(self.scope)?;
        let Some(tail) = self.tail(&segment)? else { return Ok(None) };
        let place = Place { sequence: tail.sequence + 1, prev: tail.leaf };
        let (lines, after) = encode::batch(entries, place, now, &self.host)?;
        recover::append(&segment, tail.size, lines.as_bytes(), &path)?;
        let end = Head {
            size: tail.size + lines.len() as u64,
            sequence: after.sequence - 1,
            leaf: after.prev,
        };
        Ok(Some(Written { segment, start: tail.size, first: place.sequence, end }))
    }

    /// The end of the chain, which is the end of the file. `None` where recovery has to find it.
    fn tail(&self, segment: &File) -> Result<Option<Head>, AuditError> {
        let size = self.size(segment)?;
        let head = Head::read(&self.files.open_head(self.scope)?)
            .map_err(|error| AuditError::system("read", &self.files.head(), error))?;
        match head {
            Some(head) if head.size == size => Ok(Some(head)),
            Some(head) if head.size < size => {
                Ok(Some(self.advance(segment, head)?).filter(|tail| tail.size == size))
            }
            _ => Ok(None),
        }
    }

    fn make_durable(&self, written: &Written) -> Result<(), AuditError> {
        let head_file = self.files.lock_head(self.scope)?;
        let moving = |error| AuditError::system("write", &self.files.head(), error);
        let head = Head::read(&head_file).map_err(moving)?;
        if head.is_some_and(|head| head.size >= written.end.size) {
            return Ok(());
        }
        let frontier = {
            let _append = self.files.lock_append(self.scope)?;
            if self.size(&written.segment)? == written.end.size {
                written.end
            } else {
                self.advance(&written.segment, written.end)?
            }
        };
        if let Err(error) = written.segment.sync_data() {
            self.withdraw(written);
            return Err(AuditError::system("sync", &self.path(), error));
        }
        frontier.write(&head_file).map_err(moving)
    }

    /// Takes lines back that could not be made durable, where nothing was built on them yet. Where
    /// that is not possible they stay: they say that something was asked for, which is true.
    fn withdraw(&self, written: &Written) {
        let Ok(_append) = self.files.lock_append(self.scope) else { return };
        if self.size(&written.segment).is_ok_and(|size| size == written.end.size) {
            let _ = written.segment.set_len(written.start);
        }
    }

    fn advance(&self, segment: &File, head: Head) -> Result<Head, AuditError> {
        advance(segment, head).map_err(|error| AuditError::system("read", &self.path(), error))
    }

    fn size(&self, segment: &File) -> Result<u64, AuditError> {
        let metadata = segment.metadata();
        Ok(metadata.map_err(|error| AuditError::system("read", &self.path(), error))?.len())
    }

    fn path(&self) -> PathBuf {
        self.files.segment()
    }
}
