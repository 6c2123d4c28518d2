//! What an undo would do, for people to agree to and for the undo to hold on to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pairs::is_below;
use super::steps::{Doing, How, Item, Steps};
use super::{Node, Role, RunInformation, SnapshotError};
use crate::system::canonical::{self, CanonicalError};
use crate::system::{ByteString, Digest};

/// How far an undo is to go.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UndoOptions {
    /// Whether it also restores what was changed since, and goes behind later runs.
    pub force: bool,
    /// The paths that alone go back, each with what lies below it: absolute. Empty: all that the run
    /// changed.
    pub only: Vec<PathBuf>,
}

impl UndoOptions {
    /// Whether a path is to go back.
    pub(super) fn cover(&self, path: &ByteString) -> bool {
        let path = path.as_path();
        self.only.is_empty() || self.only.iter().any(|only| path.starts_with(only))
    }
}

/// One path that goes back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// The path.
    pub path: ByteString,
    /// What is there now.
    pub now: Node,
    /// What was there before the command, and will be.
    pub before: Node,
    /// For a directory that goes: it stays where it holds something that the run did not make.
    pub only_if_empty: bool,
    /// How its name comes to the inode that it is to have.
    #[serde(skip)]
    pub(super) how: How,
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Brings back what was deleted.
    Create,
    /// Removes what was created.
    Remove,
    /// Puts the old content, or the old kind of thing, in its place.
    Replace,
    /// Sets mode, owner, times or attributes.
    Metadata,
}

impl Step {
    /// What the step does.
    pub fn kind(&self) -> StepKind {
        if self.before.is_absent() {
            StepKind::Remove
        } else if self.now.is_absent() {
            StepKind::Create
        } else if self.now.same_content(&self.before) && self.how == How::Plain {
            StepKind::Metadata
        } else {
            StepKind::Replace
        }
    }
}

/// A path that was changed after the command had ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Conflict {
    /// What a forced undo does there.
    pub step: Step,
    /// What speaks against it, as a clause: `its content was changed since`.
    pub reason: String,
}

/// What an undo would do.
#[derive(Clone, Debug, Serialize)]
pub struct UndoPlan {
    /// The run that is to be undone.
    pub run: RunInformation,
    /// What goes back, sorted by path.
    pub steps: Steps,
    /// How many of the paths that the command changed are as they were before already.
    pub already_before: u64,
    /// What was changed since, or is lost in the store.
    pub conflicts: Vec<Conflict>,
    /// What cannot be brought back, a sentence each.
    pub not_restorable: Vec<String>,
    /// Later runs on the same paths, the latest first: to be undone before this one.
    pub later_runs: Vec<String>,
    /// The state after the command was never captured (hitl or the machine died, or it still runs),
    /// so everything that is not as it was before is a conflict.
    pub after_unknown: bool,
    /// The undo that was interrupted and will be finished.
    pub resumes: Option<String>,
    /// How many paths stay as they are only because they were not asked for: while there are any, the
    /// run is not undone.
    pub left_out: u64,
}

impl UndoPlan {
    /// The first path on which another plan for the same run does not agree: what it found there is
    /// something else.
    ///
    /// # Errors
    /// Those of reading the steps.
    pub(super) fn differs_from(&self, other: &UndoPlan) -> Result<Option<PathBuf>, SnapshotError> {
        let mut others = other.steps.items();
        let mut mine = self.steps.items();
        let is_step =
            |item: &Result<Item, SnapshotError>| item.as_ref().map_or(true, Item::is_step);
        loop {
            let one = mine.find(is_step).transpose()?;
            let two = others.find(is_step).transpose()?;
            let differs = match (&one, &two) {
                (None, None) => return Ok(None),
                (Some(one), Some(two)) => {
                    one.step.path != two.step.path
                        || (one.doing == Doing::Go) != (two.doing == Doing::Go)
                        || !one.step.now.same_state(&two.step.now)
                }
                _ => true,
            };
            if differs {
                return Ok(one.or(two).map(|item| item.step.path.as_path().to_owned()));
            }
        }
    }

    /// Refuses what only an undo by force may do.
    ///
    /// # Errors
    /// [`SnapshotError::Overlapping`], [`SnapshotError::Conflicts`].
    pub fn refuse_what_needs_force(&self) -> Result<(), SnapshotError> {
        let id = self.run.id.clone();
        if !self.later_runs.is_empty() {
            return Err(SnapshotError::Overlapping { id, first: self.later_runs.clone() });
        }
        if !self.conflicts.is_empty() {
            return Err(SnapshotError::Conflicts { id, conflicts: self.conflicts.clone() });
        }
        Ok(())
    }

    /// How many steps there are, those that only force takes among them.
    pub(super) fn number(&self) -> usize {
        self.steps.len() + self.conflicts.len()
    }

    /// The digest of all that an undo would do and of all that it would find there: what an approval
    /// of it is bound to. A plan that is made anew has the same as long as nobody has touched any of
    /// its files.
    ///
    /// # Errors
    /// [`SnapshotError::Unrecordable`], and those of reading the steps.
    pub fn digest(&self) -> Result<Digest, SnapshotError> {
        let head = json!({
            "v": 1,
            "run": self.run.id,
            "after_unknown": self.after_unknown,
            "later_runs": self.later_runs,
            "left_out": self.left_out,
            "not_restorable": self.not_restorable,
            "resumes": self.resumes,
            "steps": self.steps.len(),
        });
        // A digest of digests: a plan can have a million steps.
        let unrecordable = |source: CanonicalError| SnapshotError::Unrecordable {
            path: PathBuf::from("the plan of an undo"),
            source,
        };
        let mut all = canonical::digest(&head).map_err(unrecordable)?.as_bytes().to_vec();
        for step in self.steps.iter() {
            all.extend(canonical::digest(&step?).map_err(unrecordable)?.as_bytes());
        }
        for conflict in &self.conflicts {
            all.extend(canonical::digest(conflict).map_err(unrecordable)?.as_bytes());
        }
        Ok(Digest::of(&all))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.conflicts.is_empty()
    }
}

/// The ancestors of paths that come in order, each once.
#[derive(Default)]
pub(super) struct Ancestors {
    told: Vec<ByteString>,
}

impl Ancestors {
    /// The directories on the way to a path that were not told yet, from the top down; the root
    /// directory is none of them.
    pub(super) fn new_to(&mut self, path: &ByteString) -> Vec<ByteString> {
        while self.told.last().is_some_and(|last| !is_below(path, last)) {
            self.told.pop();
        }
        let known = self.told.last().map_or(0, |last| last.as_bytes().len());
        let mut new: Vec<ByteString> = path
            .as_path()
            .ancestors()
            .skip(1)
            .filter(|ancestor| ancestor.parent().is_some())
            .map(ByteString::from)
            .take_while(|ancestor| ancestor.as_bytes().len() > known)
            .collect();
        new.reverse();
        self.told.extend(new.iter().cloned());
        new
    }
}

/// What an undo run records as its *before*, in order: the steps' paths with what the plan found
/// there, and the directories that hold them.
pub(super) fn recorded(
    steps: &Steps,
) -> impl Iterator<Item = Result<(ByteString, Role, Option<Node>), SnapshotError>> + '_ {
    let mut ancestors = Ancestors::default();
    steps.items().flat_map(move |item| {
        let item = match item {
            Ok(item) => item,
            Err(error) => return vec![Err(error)],
        };
        let path = item.step.path;
        let mut all: Vec<_> = ancestors
            .new_to(&path)
            .into_iter()
            .map(|ancestor| Ok((ancestor, Role::Context, None)))
            .collect();
        let role = match item.doing {
            Doing::Way { .. } => item.role,
            Doing::Go | Doing::Against(_) | Doing::Name => Role::Selected,
        };
        // A directory that holds others comes by again as their ancestor.
        ancestors.told.push(path.clone());
        all.push(Ok((path, role, Some(item.step.now))));
        all
    })
}
