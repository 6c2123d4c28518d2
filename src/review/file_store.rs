//! Requests as files: `pending/ID.json` while they live, `closed/YYYY-MM/ID.json` afterwards.
//!
//! Every write is made under one lock (`lock`), to a temporary file that takes the record's place
//! by rename. Closing takes two steps, so that a crash at any point leaves one whole record: the
//! closed record takes the place of the live one, then, once that is on record, it is moved. Between
//! the two it is closed and still lies in `pending/`: readers go by its state, and the next
//! [`close_overdue`](RequestStore::close_overdue) has it recorded and moves it. Readers take no lock.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::fcntl::Flock;
use nix::sys::inotify::Inotify;

use super::{
    Claim, Listing, Record, RequestId, RequestStore, State, StoreError, Waited, claim, record_file,
};
use crate::system::Moment;
use crate::system::durable::{self, DurableError};

/// The default store: a directory of files that only its owner can enter.
#[derive(Debug)]
pub struct FileStore {
    directory: PathBuf,
    /// What the last wait slept on, for the next one.
    inotify: Mutex<Option<Inotify>>,
}

/// The most ids that an error message names.
const NAMED: usize = 5;

impl FileStore {
    /// The store in this directory. Nothing is read or created before it is needed.
    pub fn open(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), inotify: Mutex::new(None) }
    }

    pub(super) fn idle_inotify(&self) -> MutexGuard<'_, Option<Inotify>> {
        // A panic elsewhere leaves an instance or none, both of which are fine.
        self.inotify.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pending(&self) -> PathBuf {
        self.directory.join("pending")
    }

    fn pending_file(&self, id: &RequestId) -> PathBuf {
        self.pending().join(file_name(id))
    }

    /// Every place where the file of a closed request can be.
    fn closed_files(&self, id: &RequestId) -> Result<Vec<PathBuf>, StoreError> {
        Ok(self.months()?.iter().map(|month| month.join(file_name(id))).collect())
    }

    fn months(&self) -> Result<Vec<PathBuf>, StoreError> {
        let closed = self.directory.join("closed");
        Ok(names(&closed)?.into_iter().map(|name| closed.join(name)).collect())
    }

    /// The record as it is on disk, and where. The live place first: a record only ever moves from
    /// there to the closed ones, so it is not missed on its way.
    fn stored(&self, id: &RequestId) -> Result<(PathBuf, Record), StoreError> {
        let live = self.pending_file(id);
        if let Some(record) = record_file::read(&live, id)? {
            return Ok((live, record));
        }
        for path in self.closed_files(id)? {
            if let Some(record) = record_file::read(&path, id)? {
                return Ok((path, record));
            }
        }
        Err(StoreError::Unknown(id.to_string()))
    }

    fn is_taken(&self, id: &RequestId) -> Result<bool, StoreError> {
        let places = [vec![self.pending_file(id)], self.closed_files(id)?].concat();
        // Also a link that leads nowhere, or a file that holds no request, takes a name.
        Ok(places.iter().any(|path| path.symlink_metadata().is_ok()))
    }

    /// The store's lock; `None` where there is no store yet.
    fn locked(&self) -> Result<Option<Flock<File>>, StoreError> {
        match durable::lock(&self.directory.join("lock")) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a record from the live ones where it is closed. Under the lock.
    fn move_if_closed(&self, path: &Path, record: &Record) -> Result<(), StoreError> {
        if !record.state.is_closed() || path.parent() != Some(&self.pending()) {
            return Ok(());
        }
        let date = record.changed.rfc3339();
        let month = self.directory.join("closed").join(date.get(..7).unwrap_or(&date));
        durable::create_directory(&month)?;
        durable::rename(path, &month.join(file_name(&record.id)))?;
        Ok(())
    }

    /// Removes the temporary files that killed writers left. Under the lock, so that none of them
    /// belongs to anybody.
    fn tidy(&self) -> Result<(), StoreError> {
        let pending = self.pending();
        for name in names(&pending)? {
            // As durable::write calls them.
            if name.starts_with('.') && name.contains(".json.") {
                let path = pending.join(name);
                std::fs::remove_file(&path).map_err(|source| DurableError {
                    action: "remove",
                    path,
                    source,
                })?;
            }
        }
        Ok(())
    }

    /// Changes a request under the lock, and writes it where it lies.
    fn change(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
    ) -> Result<(PathBuf, Record), StoreError> {
        let (path, record) = self.stored(id)?;
        let digest = record.digest;
        let (mut record, _) = record.standing_at(&Moment::now());
        change(&mut record)?;
        if record.digest != digest || record.id != *id {
            let what = "the change would make it another request".to_owned();
            return Err(StoreError::Damaged { path, what });
        }
        write(&path, &record)?;
        Ok((path, record))
    }
}

impl RequestStore for FileStore {
    fn fresh_id(&self) -> Result<RequestId, StoreError> {
        loop {
            let id = RequestId::random()?;
            if !self.is_taken(&id)? {
                return Ok(id);
            }
        }
    }

    fn insert(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.pending_file(&record.id);
        let bytes = record_file::encode(&path, record)?;
        durable::create_directory(&self.pending())?;
        let _lock = durable::lock(&self.directory.join("lock"))?;
        self.tidy()?;
        if self.is_taken(&record.id)? {
            return Err(StoreError::Clash(record.id.clone()));
        }
        Ok(durable::write(&path, &bytes)?)
    }

    fn find(
        &self,
        typed: &str,
        may_see: &dyn Fn(&Record) -> bool,
    ) -> Result<RequestId, StoreError> {
        let beginning = RequestId::normalise(typed)?;
        let is_meant = |id: &RequestId| match self.load(id) {
            Ok(record) => may_see(&record),
            // Gone since the directory was read.
            Err(StoreError::Unknown(_)) => false,
            // Whoever asks for it is told what is wrong with it.
            Err(_) => true,
        };
        for places in [vec![self.pending()], self.months()?] {
            let mut found = Vec::new();
            for place in places {
                found.extend(
                    ids(&place)?
                        .into_iter()
                        .filter(|id| id.characters().starts_with(&beginning) && is_meant(id)),
                );
            }
            found.sort();
            found.dedup();
            match found.as_slice() {
                [] => {}
                [id] => return Ok(id.clone()),
                several => {
                    let mut named: Vec<String> =
                        several.iter().take(NAMED).map(RequestId::to_string).collect();
                    if several.len() > NAMED {
                        named.push("…".to_owned());
                    }
                    let count = several.len();
                    return Err(StoreError::Ambiguous(typed.to_owned(), count, named.join(", ")));
                }
            }
        }
        Err(StoreError::Unknown(typed.to_owned()))
    }

    fn load(&self, id: &RequestId) -> Result<Record, StoreError> {
        let (_, record) = self.stored(id)?;
        Ok(record.standing_at(&Moment::now()).0)
    }

    fn list(&self, closed: bool) -> Result<Listing, StoreError> {
        let now = Moment::now();
        let mut records = BTreeMap::new();
        let mut damaged = Vec::new();
        let mut places = vec![self.pending()];
        if closed {
            // After the live ones: a record that is closed meanwhile is met twice, never missed.
            places.extend(self.months()?);
        }
        for place in places {
            for (_, read) in read_all(&place)? {
                match read {
                    Ok(Some(record)) => {
                        let (record, _) = record.standing_at(&now);
                        if closed || !record.state.is_closed() {
                            records.insert(record.id.clone(), record);
                        }
                    }
                    Ok(None) => {}
                    Err(error) => damaged.push(error),
                }
            }
        }
        let mut records: Vec<Record> = records.into_values().collect();
        records.sort_by_key(|record| record.created.wall_ms);
        Ok(Listing { records, damaged })
    }

    fn update(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
    ) -> Result<Record, StoreError> {
        let Some(_lock) = self.locked()? else {
            return Err(StoreError::Unknown(id.to_string()));
        };
        let (path, record) = self.change(id, change)?;
        self.move_if_closed(&path, &record)?;
        Ok(record)
    }

    fn close(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
        recorded: &mut dyn FnMut(&Record) -> Result<(), StoreError>,
    ) -> Result<Record, StoreError> {
        let Some(_lock) = self.locked()? else {
            return Err(StoreError::Unknown(id.to_string()));
        };
        let (path, record) = self.change(id, change)?;
        recorded(&record)?;
        self.move_if_closed(&path, &record)?;
        Ok(record)
    }

    fn claim(&self, id: &RequestId) -> Result<Claim, StoreError> {
        let claim = claim::claim(&self.directory, id)?;
        // Read under the claim: whoever had it before may have used the approval.
        let record = self.load(id)?;
        let sentence = match claim {
            _ if record.state != State::Approved => record.standing(),
            Some(claim) => return Ok(claim),
            None => "another process is about to start its command".to_owned(),
        };
        Err(StoreError::WrongState { id: id.clone(), state: record.state.to_string(), sentence })
    }

    fn close_overdue(
        &self,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Vec<Record>, StoreError> {
        let Some(_lock) = self.locked()? else { return Ok(Vec::new()) };
        self.tidy()?;
        let now = Moment::now();
        let (mut places, mut closed) = (Vec::new(), Vec::new());
        // Damaged files stay as they are.
        for (path, read) in read_all(&self.pending())? {
            let Ok(Some(record)) = read else { continue };
            let (record, has_changed) = record.standing_at(&now);
            if has_changed {
                write(&path, &record)?;
            }
            match record.state {
                // Its end was on record before it was written here.
                State::Finished => self.move_if_closed(&path, &record)?,
                state if state.is_closed() => {
                    places.push(path);
                    closed.push(record);
                }
                _ => {}
            }
        }
        if !closed.is_empty() {
            recorded(&closed)?;
        }
        for (path, record) in places.iter().zip(&closed) {
            self.move_if_closed(path, record)?;
        }
        Ok(closed)
    }

    fn wait(
        &self,
        id: &RequestId,
        patience: Option<Duration>,
        also: Option<BorrowedFd<'_>>,
        tick: &mut dyn FnMut(&Record, bool) -> bool,
    ) -> Result<Waited, StoreError> {
        super::waiting::wait(self, id, patience, also, tick)
    }
}

/// Writes a record to its place. Under the lock.
fn write(path: &Path, record: &Record) -> Result<(), StoreError> {
    Ok(durable::write(path, &record_file::encode(path, record)?)?)
}

pub(super) fn file_name(id: &RequestId) -> String {
    format!("{}.json", id.characters())
}

/// The requests whose files lie in a directory.
fn ids(directory: &Path) -> Result<Vec<RequestId>, StoreError> {
    let id = |name: String| name.strip_suffix(".json")?.parse().ok();
    Ok(names(directory)?.into_iter().filter_map(id).collect())
}

/// What can be read of each request's file in a directory.
type Read = (PathBuf, Result<Option<Record>, StoreError>);

fn read_all(directory: &Path) -> Result<Vec<Read>, StoreError> {
    let read = |id: RequestId| {
        let path = directory.join(file_name(&id));
        let read = record_file::read(&path, &id);
        (path, read)
    };
    Ok(ids(directory)?.into_iter().map(read).collect())
}

/// The names in a directory, sorted; none where there is no directory. Names that are not UTF-8 are
/// none of ours.
fn names(directory: &Path) -> Result<Vec<String>, StoreError> {
    let unreadable = |error| StoreError::Read(directory.to_owned(), error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}
