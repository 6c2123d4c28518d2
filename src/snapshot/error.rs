//! What can go wrong between a snapshot and its undo. Every message names the place and the way on.

use std::io;
use std::path::{Path, PathBuf};

use super::Conflict;
use super::writable::MOST_WRITABLE;
use crate::system::canonical::CanonicalError;
use crate::system::durable::DurableError;
use crate::system::text::{counted, visible_bytes};
use crate::system::trusted::TrustError;

/// A path as it is shown in a message.
pub(super) use crate::system::text::visible_path as shown;

/// Why a snapshot, or an undo, was not made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A path or a directory could not be read.
    #[error("cannot read {} for the snapshot: {source}", shown(.path))]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store itself could not be written.
    #[error("cannot write the snapshot to {}: {source}; make room or mend the directory and run it again", shown(.path))]
    Write {
        /// The file or directory in the store.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file would not hold still.
    #[error(
        "{} kept changing while it was read (four tries): stop what writes it, or take it out of the rule's snapshot.paths",
        shown(.0)
    )]
    Unstable(PathBuf),
    /// More than the limits allow.
    #[error(
        "the snapshot is too large: {entries} entries and {bytes} bytes up to {}, and the limit is {what}; raise snapshot.max_size or snapshot.max_files in the rule, or name fewer paths in snapshot.paths",
        shown(.path)
    )]
    TooLarge {
        /// How many entries were recorded.
        entries: u64,
        /// How many bytes of content they would need, the last one included.
        bytes: u64,
        /// Where the limit was reached.
        path: PathBuf,
        /// The limit, in words.
        what: String,
    },
    /// A path from a rule that cannot be used.
    #[error("snapshot.paths names {path:?}, which {what}: correct it in the policy")]
    Pattern {
        /// As it stands in the rule.
        path: String,
        /// What is wrong with it, as a clause.
        what: String,
    },
    /// A confined command would need too many exceptions.
    #[error(
        "the command would be confined to more than {MOST_WRITABLE} files that match one by one: name their directory, or a directory and \"/**\", in snapshot.paths"
    )]
    TooManyPlaces,
    /// No such run.
    #[error("there is no snapshot of a run {0}: \"hitl snapshots\" lists the ones there are")]
    Unknown(String),
    /// The beginning of several ids.
    #[error("{typed:?} fits several runs ({}): type more of the id", fitting.join(", "))]
    Ambiguous {
        /// What was typed.
        typed: String,
        /// The ids that begin so.
        fitting: Vec<String>,
    },
    /// Not an id at all.
    #[error("{0:?} is not a run id: ids look like K7Q2-MX4P")]
    NotAnId(String),
    /// A run of that id is there already.
    #[error("there already is a snapshot of run {0}: a run's state before is taken once")]
    Exists(String),
    /// There is nothing to undo.
    #[error(
        "there is no run left to undo: \"hitl snapshots\" lists them all, and \"hitl undo ID\" also undoes an undo"
    )]
    Nothing,
    /// It was undone before.
    #[error("run {id} is undone already{}", .by.as_ref().map(|by| format!(" (by run {by}: \"hitl undo {by}\" does it again)")).unwrap_or_default())]
    AlreadyUndone {
        /// The run.
        id: String,
        /// The run that undid it.
        by: Option<String>,
    },
    /// Later runs changed the same paths.
    #[error("run {id} cannot be undone before what came after it on the same files: undo {} first, in this order, or use --force", .first.join(", "))]
    Overlapping {
        /// The run.
        id: String,
        /// The later runs, the latest first: the order in which to undo them.
        first: Vec<String>,
    },
    /// Something changed since.
    #[error("{} changed since run {id} ended or cannot come back, and nothing was touched: {}; look at \"hitl undo {id} --dry-run\", and use --force to restore them all the same (what is there now is snapshotted first)", counted(.conflicts.len() as u64, "path"), list(.conflicts))]
    Conflicts {
        /// The run.
        id: String,
        /// What changed.
        conflicts: Vec<Conflict>,
    },
    /// A path was named alone that the run has not changed.
    #[error("run {id} did not change {}, nor anything below it: \"hitl snapshots diff {id}\" says what it changed", shown(.path))]
    NotChanged {
        /// The run.
        id: String,
        /// What was named.
        path: PathBuf,
    },
    /// An undo of other paths was interrupted.
    #[error(
        "an undo of run {id} that was to go another way was interrupted (run {undo}): finish it first, with \"hitl undo --resume {id}\""
    )]
    Unfinished {
        /// The run.
        id: String,
        /// The undo that was interrupted.
        undo: String,
    },
    /// There is nothing to finish.
    #[error("no undo of run {0} is unfinished: \"hitl undo {0}\" begins one")]
    NotUnfinished(String),
    /// The files moved on between the plan and its execution.
    #[error("{} changed while the undo was being decided, and nothing was touched: look at the plan again (\"hitl undo {id} --dry-run\")", shown(.path))]
    PlanChanged {
        /// The run.
        id: String,
        /// The first path that is not as it was planned with.
        path: PathBuf,
    },
    /// An undo ended in the middle.
    #[error("the undo of run {id} stopped at {} after {done} of {total} steps: {why}; what was restored stays, \"hitl undo --resume {id}\" goes on from here", shown(.path))]
    Stopped {
        /// The run.
        id: String,
        /// The path at which it stopped.
        path: PathBuf,
        /// The steps that were taken.
        done: usize,
        /// The steps there are.
        total: usize,
        /// What went wrong.
        why: String,
    },
    /// A file of the store does not hold what it should.
    #[error("the store's {} is damaged: {what}; restore it from a backup, the rest of the store is not affected", shown(.path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What is to come back could not be made ready.
    #[error("the undo of run {id} could not be made ready, and nothing was touched: {}: {why}; mend that and run it again", shown(.path))]
    Unprepared {
        /// The run.
        id: String,
        /// The path at which it failed.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// Something that cannot be written down.
    #[error("cannot record {}: {source}", shown(.path))]
    Unrecordable {
        /// The path or file that it is about.
        path: PathBuf,
        /// Why.
        source: CanonicalError,
    },
    /// Something went wrong at a path that the one who is told may not see.
    #[error("{0}, because of a file that you may not see: root can see which")]
    OutOfSight(&'static str),
    /// The same of something that changed since.
    #[error(
        "something that you may not see changed since, and nothing was touched: root can see what, and \
         --force restores it all the same (what is there now is snapshotted first)"
    )]
    ChangedOutOfSight,
    /// It cannot be taken away.
    #[error("the snapshot of run {id} stays: {why}")]
    Held {
        /// The run.
        id: String,
        /// Why, a clause.
        why: &'static str,
    },
    /// Runs were taken away, and that is not on record.
    #[error(
        "there is no room for the audit log, not even after snapshots were pruned: what was pruned is not on record; make room on its file system"
    )]
    NoRoomForTheRecord,
    /// A durable write or a lock.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The store is not safe from others.
    #[error("the snapshot store cannot be used: {0}")]
    Untrusted(#[from] TrustError),
}

/// The first few conflicts, for a message of one line.
fn list(conflicts: &[Conflict]) -> String {
    const SHOWN: usize = 3;
    let mut text = conflicts
        .iter()
        .take(SHOWN)
        .map(|conflict| {
            format!("{} ({})", visible_bytes(conflict.step.path.as_bytes()), conflict.reason)
        })
        .collect::<Vec<_>>()
        .join(", ");
    if conflicts.len() > SHOWN {
        text.push_str(&format!(" and {} more", conflicts.len() - SHOWN));
    }
    text
}

/// Makes the error of a failed read.
pub(super) fn unreadable<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Read { path, source: source.into() }
}

/// Makes the error of a failed write into the store.
pub(super) fn unwritable<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Write { path, source: source.into() }
}
