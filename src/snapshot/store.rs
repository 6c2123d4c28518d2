//! The store: where it is, who may touch it, and the runs in it.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::Flock;

use super::objects::Objects;
use super::runs::{Runs, parse};
use super::{Manifest, RunInformation, SnapshotError};
use crate::review::RequestId;
use crate::system::{Directories, Scope, durable, trusted};

/// The snapshots of a state directory.
#[derive(Clone, Debug)]
pub struct SnapshotStore {
    pub(super) directory: PathBuf,
    state: PathBuf,
    scope: Scope,
    pub(super) objects: Objects,
    pub(super) runs: Runs,
}

impl SnapshotStore {
    /// The store of these directories. Nothing is read or made before something is captured or
    /// asked for.
    pub fn open(directories: &Directories) -> Self {
        let directory = directories.snapshots();
        Self {
            objects: Objects::new(&directory, directories.scope),
            runs: Runs::new(&directory),
            state: directories.state.clone(),
            scope: directories.scope,
            directory,
        }
    }

    /// Makes the directories, and makes sure in system scope that nobody else can write into them.
    ///
    /// # Errors
    /// [`SnapshotError::Durable`], [`SnapshotError::Untrusted`].
    pub(super) fn prepare(&self) -> Result<(), SnapshotError> {
        durable::create_directory(&self.directory.join("runs"))?;
        self.objects.prepare()?;
        // In user scope the caller owns all of this anyway, under whatever umask.
        if self.scope == Scope::System {
            trusted::check_directory(&self.directory, self.scope)?;
        }
        Ok(())
    }

    /// The directory that is never captured and never restored: hitl's state, of which the audit
    /// log is a part.
    pub(super) fn protected(&self) -> PathBuf {
        self.state.canonicalize().unwrap_or_else(|_| self.state.clone())
    }

    /// Waits for, and takes, the right to change the state of runs.
    ///
    /// # Errors
    /// [`SnapshotError::Durable`].
    pub(super) fn lock(&self) -> Result<Flock<File>, SnapshotError> {
        Ok(durable::lock(&self.directory.join("lock"))?)
    }

    /// Where the store is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All runs that have a snapshot, the newest first.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
    pub fn list(&self) -> Result<Vec<RunInformation>, SnapshotError> {
        Ok(self.runs.readable()?.into_iter().map(|record| record.information).collect())
    }

    /// One run.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], [`SnapshotError::Damaged`].
    pub fn load(&self, id: &RequestId) -> Result<RunInformation, SnapshotError> {
        Ok(self.runs.record(id)?.information)
    }

    /// The one run whose id begins with what a person typed. Those that `may_see` refuses do not
    /// exist for them.
    ///
    /// # Errors
    /// [`SnapshotError::NotAnId`], [`SnapshotError::Unknown`], [`SnapshotError::Ambiguous`].
    pub fn find(
        &self,
        typed: &str,
        may_see: &dyn Fn(&RunInformation) -> bool,
    ) -> Result<RunInformation, SnapshotError> {
        Ok(self.runs.find(typed, may_see)?.information)
    }

    /// The latest run that changed anything, is in effect, not itself an undo, and one that counts.
    ///
    /// # Errors
    /// [`SnapshotError::Nothing`], and as [`Self::list`] and [`Self::before`].
    pub fn last(
        &self,
        counts: &dyn Fn(&RunInformation) -> bool,
    ) -> Result<RunInformation, SnapshotError> {
        for run in self.list()? {
            if run.is_in_effect()
                && run.undo_of.is_none()
                && counts(&run)
                && self.changed(&self.runs.record(&parse(&run.id)?)?, &mut |_| Ok(true))?
            {
                return Ok(run);
            }
        }
        Err(SnapshotError::Nothing)
    }

    /// The state before a run.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], [`SnapshotError::Damaged`].
    pub fn before(&self, id: &RequestId) -> Result<Manifest, SnapshotError> {
        self.runs.before(&self.runs.record(id)?)
    }

    /// Takes away the snapshot of a run whose command did not start after all, and what a killed
    /// process left of one; fine where there is none.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub fn discard(&self, id: &RequestId) -> Result<(), SnapshotError> {
        self.runs.remove(id)
    }
}
