//! Undos that were interrupted: in the middle, or before all that was to follow them had run.
//!
//! `unfinished/ID` is there from before an undo of that run begins until nothing of it is left to do,
//! and locked by whoever is at it, so that every other command finds out by one look at a directory
//! that there is nothing to mention. What is left to do stands in the run itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};

use super::error::{unreadable, unwritable};
use super::runs::{UndoIntent, parse};
use super::{RunInformation, RunState, SnapshotError, SnapshotStore, UndoOptions, UndoPlan};
use crate::review::RequestId;
use crate::system::durable;

/// An undo that has begun and not come to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    /// The run that it undoes.
    pub run: RunInformation,
    /// The undo's own run.
    pub undo: String,
    /// How far it was to go.
    pub options: UndoOptions,
    /// Whether files are still to go back.
    pub in_the_middle: bool,
    /// The commands that are still to run after it, one argv each.
    pub follow: Vec<Vec<String>>,
}

/// An undo that somebody is at: until it is dropped, nobody else begins one of the same run, and it
/// is mentioned to nobody.
#[derive(Debug)]
pub struct Underway {
    store: SnapshotStore,
    run: RequestId,
    _lock: Flock<File>,
}

impl SnapshotStore {
    fn unfinished_directory(&self) -> PathBuf {
        self.directory.join("unfinished")
    }

    fn marker(&self, run: &RequestId) -> PathBuf {
        self.unfinished_directory().join(run.characters())
    }

    /// Marks, durably, that an undo of a run is underway; waits for whoever is at one.
    ///
    /// # Errors
    /// Those of writing.
    pub fn underway(&self, run: &RequestId) -> Result<Underway, SnapshotError> {
        self.prepare()?;
        let directory = self.unfinished_directory();
        let path = self.marker(run);
        loop {
            durable::create_directory(&directory)?;
            let lock = match durable::lock(&path) {
                Ok(lock) => lock,
                // Whoever ended another undo took the empty directory away.
                Err(_) if !directory.is_dir() => continue,
                Err(error) => return Err(error.into()),
            };
            let locked = lock.metadata().map_err(unreadable(&path))?;
            // Who had it before may have taken the file away.
            if path.metadata().is_ok_and(|there| there.ino() == locked.ino()) {
                durable::sync_directory(&directory)?;
                return Ok(Underway { store: self.clone(), run: run.clone(), _lock: lock });
            }
        }
    }

    /// Whether any undo may be unfinished, by one look.
    pub fn may_be_unfinished(&self) -> bool {
        self.unfinished_directory().symlink_metadata().is_ok()
    }

    /// The undos that nobody is at, and that have something left to do.
    ///
    /// # Errors
    /// Those of reading.
    pub fn abandoned(&self) -> Result<Vec<Unfinished>, SnapshotError> {
        let directory = self.unfinished_directory();
        let listing = match std::fs::read_dir(&directory) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&directory)(error)),
        };
        let mut found = Vec::new();
        for entry in listing {
            let path = entry.map_err(unreadable(&directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(Ok(id)) = name.map(str::parse::<RequestId>) else { continue };
            let Ok(file) = File::open(&path) else { continue };
            let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
            match self.unfinished(&id) {
                Ok(Some(unfinished)) => found.push(unfinished),
                // Somebody died between the end of it and this file's, or the run was pruned.
                Ok(None) | Err(SnapshotError::Unknown(_)) => {
                    Underway { store: self.clone(), run: id, _lock: lock }.take_away();
                }
                Err(error) => return Err(error),
            }
        }
        if found.is_empty() {
            // Somebody may have died before they took it away; it fails while somebody is at one.
            let _ = std::fs::remove_dir(&directory);
        }
        found.sort_by(|one, two| one.run.id.cmp(&two.run.id));
        Ok(found)
    }

    /// What is left to do of the undo of a run.
    ///
    /// # Errors
    /// Those of reading.
    pub fn unfinished(&self, id: &RequestId) -> Result<Option<Unfinished>, SnapshotError> {
        let run = self.runs.record(id)?.information;
        let Some(intent) = self.runs.intent(id)? else { return Ok(None) };
        let in_the_middle = run.state == RunState::Undoing;
        let undo = match self.runs.record(&parse(&intent.run)?) {
            Ok(undo) => undo,
            Err(SnapshotError::Unknown(_)) if !in_the_middle => return Ok(None),
            Err(error) => return Err(error),
        };
        // One that was written down, and died before it touched anything, has nothing to be followed.
        let was_made = in_the_middle || undo.after.is_some();
        let follow = if was_made { intent.left().to_vec() } else { Vec::new() };
        if !in_the_middle && follow.is_empty() {
            return Ok(None);
        }
        let only = intent.only.iter().map(|path| path.as_path().to_owned()).collect();
        let options = UndoOptions { force: false, only };
        Ok(Some(Unfinished { run, undo: intent.run, options, in_the_middle, follow }))
    }

    /// Refuses to go on with an undo otherwise than it began: it has kept what it was to replace, and
    /// nothing else.
    ///
    /// # Errors
    /// [`SnapshotError::Unfinished`].
    pub(super) fn agrees_with_what_it_resumes(
        &self,
        plan: &UndoPlan,
        options: &UndoOptions,
    ) -> Result<(), SnapshotError> {
        let id = parse(&plan.run.id)?;
        let (Some(undo), Some(begun)) = (&plan.resumes, self.unfinished(&id)?) else {
            return Ok(());
        };
        if begun.options.only == options.only {
            return Ok(());
        }
        Err(SnapshotError::Unfinished { id: plan.run.id.clone(), undo: undo.clone() })
    }
}

impl UndoIntent {
    /// The commands that have not ended.
    fn left(&self) -> &[Vec<String>] {
        self.follow.get(self.followed..).unwrap_or_default()
    }
}

impl Underway {
    /// Notes, durably, that the next of the commands that follow has ended.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn followed(&self) -> Result<(), SnapshotError> {
        let runs = &self.store.runs;
        let Some(mut intent) = runs.intent(&self.run)? else { return Ok(()) };
        intent.followed += 1;
        runs.write_intent(&self.run, &intent)
    }

    /// Ends it: where nothing is left to do, nothing is mentioned any more.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn end(self) -> Result<(), SnapshotError> {
        if self.store.unfinished(&self.run)?.is_none() {
            let path = self.store.marker(&self.run);
            std::fs::remove_file(&path).map_err(unwritable(&path))?;
            // Fails while there are others.
            let _ = std::fs::remove_dir(self.store.unfinished_directory());
        }
        Ok(())
    }

    /// The same of one of which nothing is left to do. What cannot be taken away is looked at again
    /// by the next command.
    fn take_away(self) {
        let _ = std::fs::remove_file(self.store.marker(&self.run));
        let _ = std::fs::remove_dir(self.store.unfinished_directory());
    }
}
