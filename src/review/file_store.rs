//! Requests as files: `pending/ID.json` while they live, `closed/YYYY-MM/ID.json` afterwards; between
//! the two, in `unreviewed/ID.json`, runs of a lifted denial that nobody has reviewed yet.
//!
//! Every write is made under one lock (`lock`), to a temporary file that takes the record's place
//! by rename. Closing takes two steps, so that a crash at any point leaves one whole record: the
//! closed record takes the place of the live one, then, once that is on record, it is moved. Between
//! the two it is closed and still lies in `pending/` (or, reviewed, in `unreviewed/`): readers go by its
//! state, and whoever takes stock next has it recorded and moves it. Readers take no lock.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::fcntl::Flock;
use nix::sys::inotify::Inotify;

use super::{
    Claim, Listing, Record, RequestId, RequestStore, State, Stock, StoreError, Waited, claim,
    record_file, stock,
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
        // In the order in which a record moves, so that it is not missed on its way.
        let places = std::iter::once(self.unreviewed_ones()).chain(self.months()?);
        Ok(places.map(|place| place.join(file_name(id))).collect())
    }

    pub(super) fn unreviewed_ones(&self) -> PathBuf {
        self.directory.join("unreviewed")
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
    pub(super) fn locked(&self) -> Result<Option<Flock<File>>, StoreError> {
        match durable::lock(&self.directory.join("lock")) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a record from the live ones where it is closed, and from the unreviewed ones where it is
    /// reviewed. Under the lock.
    fn move_if_closed(&self, path: &Path, record: &Record) -> Result<(), StoreError> {
        let (here, unreviewed) = (path.parent(), self.unreviewed_ones());
        let on_its_way = here == Some(&self.pending()) || here == Some(&unreviewed);
        let place = if record.awaits_review() {
            unreviewed
        } else {
            let date = record.changed.rfc3339();
            self.directory.join("closed").join(date.get(..7).unwrap_or(&date))
        };
        if !record.state.is_closed() || !on_its_way || here == Some(&place) {
            return Ok(());
        }
        durable::create_directory(&place)?;
        durable::rename(path, &place.join(file_name(&record.id)))?;
        Ok(())
    }

    /// Takes away the temporary files that killed writers left, and moves what they had reviewed. Under
    /// the lock, so that none of them belongs to anybody.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        for place in [self.pending(), self.unreviewed_ones()] {
            for name in names(&place)?.iter().filter(|name| is_temporary(name)) {
                let path = place.join(name);
                std::fs::remove_file(&path).map_err(|source| DurableError {
                    action: "remove",
                    path,
                    source,
                })?;
            }
        }
        let unreviewed = self.unreviewed_ones();
        for (id, read) in stock::read_all(&unreviewed, ids(&unreviewed)?) {
            if let Ok(Some(record)) = read {
                self.move_if_closed(&unreviewed.join(file_name(&id)), &record)?;
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

    /// Writes down how these requests stand at `now`, and moves those that are closed from the live
    /// ones, after they are `recorded`. Under the lock: what another process has done with them meanwhile
    /// is seen. Those that were recorded; damaged files stay as they are.
    pub(super) fn write_down(
        &self,
        ids: &[RequestId],
        now: &Moment,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Vec<Record>, StoreError> {
        let (mut places, mut closed) = (Vec::new(), Vec::new());
        for id in ids {
            let path = self.pending_file(id);
            let Ok(Some(record)) = record_file::read(&path, id) else { continue };
            let (record, has_changed) = record.standing_at(now);
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
        self.sweep()?;
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
        for places in [vec![self.pending()], vec![self.unreviewed_ones()], self.months()?] {
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
        let mut places = vec![self.pending()];
        if closed {
            // In the order in which records move: one that moves meanwhile is met twice, never missed.
            places.push(self.unreviewed_ones());
            places.extend(self.months()?);
        }
        let now = Moment::now();
        let mut read = Vec::new();
        for place in places {
            read.extend(stock::read_all(&place, ids(&place)?));
        }
        for (_, read) in &mut read {
            if let Ok(Some(record)) = read {
                record.stand_at(&now);
            }
        }
        Ok(stock::listing(read, closed))
    }

    fn unreviewed(&self) -> Result<Listing, StoreError> {
        let place = self.unreviewed_ones();
        let read = stock::read_all(&place, ids(&place)?);
        let mut listing = stock::listing(read, true);
        listing.records.retain(Record::awaits_review);
        Ok(listing)
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

    fn take_stock(
        &self,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Stock, StoreError> {
        stock::take(self, recorded)
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
    Ok(ids_among(&names(directory)?))
}

/// The requests whose files have these names.
pub(super) fn ids_among(names: &[String]) -> Vec<RequestId> {
    names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect()
}

/// Whether a file of this name is one that a writer has not put in its place yet, as
/// [`durable::write`] calls them.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.contains(".json.")
}

/// The names in a directory, sorted; none where there is no directory. Names that are not UTF-8 are
/// none of ours.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, StoreError> {
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
