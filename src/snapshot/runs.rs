//! The runs of a store: what is known about each, and its manifests.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::changes::overlay;
use super::error::{unreadable, unwritable};
use super::manifest::{Head, ManifestFile, ManifestWriter};
use super::{Manifest, Node, RunInformation, RunState, SnapshotError, UndoOptions};
use crate::review::RequestId;
use crate::system::{ByteString, Digest, canonical, durable};

/// What stands in a run's `information.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct RunRecord {
    #[serde(flatten)]
    pub(super) information: RunInformation,
    /// The digest of `before.jsonl`.
    pub(super) before: Digest,
    /// The digest of `after.jsonl`, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Digest>,
}

impl RunRecord {
    /// The state of a run whose changes are in effect.
    pub(super) fn in_effect(&self) -> RunState {
        if self.after.is_some() { RunState::Complete } else { RunState::Captured }
    }
}

/// What stands in a run's `undo.json`, from the moment an undo of it begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct UndoIntent {
    /// The format: 1.
    pub(super) v: u32,
    /// The run that undoes it: its *before* is the state that the undo began with.
    pub(super) run: String,
    /// The paths that alone go back. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) only: Vec<ByteString>,
    /// The commands that are to run after it, one argv each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) follow: Vec<Vec<String>>,
    /// How many of them have ended.
    #[serde(default)]
    pub(super) followed: usize,
}

impl UndoIntent {
    /// An undo that begins.
    pub(super) fn new(run: &str, options: &UndoOptions, follow: Vec<Vec<String>>) -> Self {
        let only = options.only.iter().map(|path| ByteString::from(path.as_path())).collect();
        Self { v: 1, run: run.to_owned(), only, follow, followed: 0 }
    }
}

/// The file of the state before a run.
const BEFORE: &str = "before.jsonl";

/// The file of what is not as before after it.
const AFTER: &str = "after.jsonl";

/// The runs below a store.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    pub(super) directory: PathBuf,
}

impl Runs {
    pub(super) fn new(store: &Path) -> Self {
        Self { directory: store.join("runs") }
    }

    pub(super) fn of(&self, id: &RequestId) -> PathBuf {
        self.directory.join(id.characters())
    }

    /// Begins a new run: a directory with nothing in it that counts. Dropped, it is gone.
    ///
    /// # Errors
    /// [`SnapshotError::Exists`], and those of writing.
    pub(super) fn begin(&self, id: &RequestId) -> Result<NewRun<'_>, SnapshotError> {
        let directory = self.of(id);
        durable::create_directory(&self.directory)?;
        match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SnapshotError::Exists(id.to_string()));
            }
            Err(error) => return Err(unwritable(&directory)(error)),
        }
        Ok(NewRun { runs: self, directory, kept: false })
    }

    /// Begins to write a run's *after* manifest. The run's record is not touched.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn write_after(
        &self,
        id: &RequestId,
        head: &Head,
    ) -> Result<ManifestWriter, SnapshotError> {
        ManifestWriter::create(&self.of(id).join(AFTER), head)
    }

    /// Replaces what is known about a run.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn write_record(&self, record: &RunRecord) -> Result<(), SnapshotError> {
        let id = parse(&record.information.id)?;
        self.write_json(&self.of(&id).join("information.json"), record)
    }

    /// Writes down how an undo of this run stands.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn write_intent(
        &self,
        id: &RequestId,
        intent: &UndoIntent,
    ) -> Result<(), SnapshotError> {
        self.write_json(&self.of(id).join("undo.json"), intent)
    }

    /// Takes back that an undo of this run begins.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub(super) fn forget_intent(&self, id: &RequestId) -> Result<(), SnapshotError> {
        let path = self.of(id).join("undo.json");
        std::fs::remove_file(&path).or_else(fine_where_absent).map_err(unwritable(&path))
    }

    fn write_json<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), SnapshotError> {
        let text = canonical::to_string(value)
            .map_err(|source| SnapshotError::Unrecordable { path: path.to_owned(), source })?;
        Ok(durable::write(path, text.as_bytes())?)
    }

    /// Takes a run away whose command never started, also what a killed process left of one that
    /// was never finished; fine where there is none. Its content becomes garbage.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub(super) fn remove(&self, id: &RequestId) -> Result<(), SnapshotError> {
        let directory = self.of(id);
        // A run exists when its information does: that goes first.
        std::fs::remove_file(directory.join("information.json"))
            .or_else(fine_where_absent)
            .and_then(|()| std::fs::remove_dir_all(&directory).or_else(fine_where_absent))
            .map_err(|source| SnapshotError::Write { path: directory, source })
    }

    /// What is known about a run.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], [`SnapshotError::Damaged`].
    pub(super) fn record(&self, id: &RequestId) -> Result<RunRecord, SnapshotError> {
        self.read_json(&self.of(id).join("information.json"))?
            .ok_or_else(|| SnapshotError::Unknown(id.to_string()))
    }

    /// The run that undid, or is undoing, this one.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`].
    pub(super) fn intent(&self, id: &RequestId) -> Result<Option<UndoIntent>, SnapshotError> {
        self.read_json(&self.of(id).join("undo.json"))
    }

    /// The state before a run, as it lies on the disk.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`].
    pub(super) fn before_file(&self, record: &RunRecord) -> Result<ManifestFile, SnapshotError> {
        let id = parse(&record.information.id)?;
        ManifestFile::open(&self.of(&id).join(BEFORE), &record.before)
    }

    /// What a run changed, as it lies on the disk, where that was taken.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`].
    pub(super) fn changes_file(
        &self,
        record: &RunRecord,
    ) -> Result<Option<ManifestFile>, SnapshotError> {
        let id = parse(&record.information.id)?;
        let open = |digest| ManifestFile::open(&self.of(&id).join(AFTER), &digest);
        record.after.map(open).transpose()
    }

    /// The state before a run, with the digests of clones that were hashed since.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`].
    pub(super) fn before(&self, record: &RunRecord) -> Result<Manifest, SnapshotError> {
        let mut before = self.before_file(record)?.load()?;
        if let Some(changes) = self.changes_file(record)? {
            for entry in &mut before.entries {
                if let Node::File { content, .. } = &mut entry.node {
                    *content = changes.tail.resolved(content.clone());
                }
            }
        }
        Ok(before)
    }

    /// The state after a run, where it was taken.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`].
    pub(super) fn after(&self, record: &RunRecord) -> Result<Option<Manifest>, SnapshotError> {
        let Some(changes) = self.changes_file(record)? else { return Ok(None) };
        Ok(Some(overlay(self.before(record)?, changes.load()?)))
    }

    fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, SnapshotError> {
        match std::fs::read(path) {
            Ok(bytes) => decode(path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(path)(error)),
        }
    }

    /// All runs, the newest first: for whoever must know of each, as what is kept depends on it.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
    pub(super) fn all(&self) -> Result<Vec<RunRecord>, SnapshotError> {
        self.collect(&Err)
    }

    /// The runs of which anything is known, the newest first: one whose record is damaged is in the
    /// way of no other. What it changed is still seen where it is met, as a change that came since.
    ///
    /// # Errors
    /// [`SnapshotError::Read`].
    pub(super) fn readable(&self) -> Result<Vec<RunRecord>, SnapshotError> {
        self.collect(&|error| match error {
            SnapshotError::Damaged { .. } => Ok(()),
            other => Err(other),
        })
    }

    fn collect(
        &self,
        failed: &dyn Fn(SnapshotError) -> Result<(), SnapshotError>,
    ) -> Result<Vec<RunRecord>, SnapshotError> {
        let mut records = Vec::new();
        for id in self.ids()? {
            match self.read_json(&self.of(&id).join("information.json")) {
                Ok(Some(record)) => records.push(record),
                // One without information is on its way, or was never finished.
                Ok(None) => {}
                Err(error) => failed(error)?,
            }
        }
        sort_newest_first(&mut records);
        Ok(records)
    }

    pub(super) fn ids(&self) -> Result<Vec<RequestId>, SnapshotError> {
        let listing = match std::fs::read_dir(&self.directory) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&self.directory)(error)),
        };
        let mut ids = Vec::new();
        for entry in listing {
            let name = entry.map_err(unreadable(&self.directory))?.file_name();
            ids.extend(name.to_str().and_then(|name| name.parse::<RequestId>().ok()));
        }
        Ok(ids)
    }

    /// The one run whose id begins with what was typed.
    ///
    /// # Errors
    /// [`SnapshotError::NotAnId`], [`SnapshotError::Unknown`], [`SnapshotError::Ambiguous`].
    pub(super) fn find(
        &self,
        typed: &str,
        may_see: &dyn Fn(&RunInformation) -> bool,
    ) -> Result<RunRecord, SnapshotError> {
        let start =
            RequestId::normalise(typed).map_err(|_| SnapshotError::NotAnId(typed.to_owned()))?;
        let mut fitting: Vec<RunRecord> = self.readable()?;
        fitting.retain(|record| {
            may_see(&record.information)
                && parse(&record.information.id).is_ok_and(|id| id.characters().starts_with(&start))
        });
        match fitting.len() {
            0 => Err(SnapshotError::Unknown(typed.to_owned())),
            1 => Ok(fitting.remove(0)),
            _ => Err(SnapshotError::Ambiguous {
                typed: typed.to_owned(),
                fitting: fitting.into_iter().map(|record| record.information.id).collect(),
            }),
        }
    }
}

/// A run that does not exist yet. Dropped, its directory is gone with all that is in it.
pub(super) struct NewRun<'r> {
    runs: &'r Runs,
    directory: PathBuf,
    kept: bool,
}

impl NewRun<'_> {
    /// Begins to write its *before* manifest.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn write_before(&self, head: &Head) -> Result<ManifestWriter, SnapshotError> {
        ManifestWriter::create(&self.directory.join(BEFORE), head)
    }

    /// Makes it exist, durably, now that its manifest is there.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn exists(
        mut self,
        information: RunInformation,
        before: Digest,
    ) -> Result<RunRecord, SnapshotError> {
        durable::sync_directory(&self.runs.directory)?;
        let record = RunRecord { information, before, after: None };
        self.runs.write_record(&record)?;
        self.kept = true;
        Ok(record)
    }
}

impl Drop for NewRun<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // Without its information it is no run; the error on its way says what happened.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// Sorts runs, the newest first. Those of one boot by the boot clock, which nobody sets: else, where
/// the wall clock was set back, the last run would not be the one that came last. Boots by the wall
/// clock of their latest run.
fn sort_newest_first(records: &mut [RunRecord]) {
    let mut boots: HashMap<String, i64> = HashMap::new();
    for RunRecord { information: RunInformation { at, .. }, .. } in records.iter() {
        let latest = boots.entry(at.boot_id.0.clone()).or_insert(at.wall_ms);
        *latest = at.wall_ms.max(*latest);
    }
    records.sort_by_cached_key(|record| {
        let at = &record.information.at;
        let boot = at.boot_id.0.clone();
        Reverse((boots.get(&boot).copied(), boot, at.boot_ms, at.wall_ms))
    });
}

impl RunInformation {
    /// What orders runs in a list, for people.
    fn order(&self) -> (i64, u64) {
        (self.at.wall_ms, self.at.boot_ms)
    }

    /// Whether this run came after another: between two of one boot the boot clock decides, because
    /// the wall clock may have been set back; across boots it means nothing.
    pub(super) fn came_after(&self, other: &RunInformation) -> bool {
        if self.at.boot_id == other.at.boot_id {
            self.at.boot_ms > other.at.boot_ms
        } else {
            self.order() > other.order()
        }
    }

    /// Whether its changes are in effect, as far as is known.
    pub(super) fn is_in_effect(&self) -> bool {
        self.state != RunState::Undone
    }
}

/// An id as it stands in the store or came from the caller.
///
/// # Errors
/// [`SnapshotError::NotAnId`].
pub(super) fn parse(id: &str) -> Result<RequestId, SnapshotError> {
    id.parse().map_err(|_| SnapshotError::NotAnId(id.to_owned()))
}

fn fine_where_absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, SnapshotError> {
    serde_json::from_slice(bytes).map_err(|error| SnapshotError::Damaged {
        path: path.to_owned(),
        what: format!("it is not what it should be ({error})"),
    })
}
