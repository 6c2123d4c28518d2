//! What an undo would do, for people to agree to and for the undo to hold on to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manifest::path_order;
use super::{Entry, Node, Role, RunInformation, SnapshotError};
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
        } else if self.now.same_content(&self.before) {
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UndoPlan {
    /// The run that is to be undone.
    pub run: RunInformation,
    /// What goes back, sorted by path.
    pub steps: Vec<Step>,
    /// How many of the paths that the command changed are as they were before already.
    pub already_before: u64,
    /// What was changed since.
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
    /// Directories whose modification times go back, with what they were.
    #[serde(skip)]
    pub(super) directory_times: Vec<Entry>,
}

impl UndoPlan {
    /// The first path on which another plan for the same run does not agree: what it found there is
    /// something else.
    pub(super) fn differs_from<'a>(&'a self, other: &'a UndoPlan) -> Option<&'a Path> {
        let steps = |plan: &'a UndoPlan| {
            let conflicts = plan.conflicts.iter().map(|conflict| (&conflict.step, true));
            let mut all: Vec<_> =
                plan.steps.iter().map(|step| (step, false)).chain(conflicts).collect();
            all.sort_by(|one, two| path_order(one.0.path.as_bytes(), two.0.path.as_bytes()));
            all
        };
        let (mine, others) = (steps(self), steps(other));
        for (index, (step, conflicting)) in mine.iter().enumerate() {
            let same = others.get(index).is_some_and(|(other, also)| {
                step.path == other.path && conflicting == also && step.now.same_state(&other.now)
            });
            if !same {
                return Some(step.path.as_path());
            }
        }
        others.get(mine.len()).map(|(step, _)| step.path.as_path())
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

    /// The steps and, for an undo by force, what it does about the conflicts, sorted by path.
    pub(super) fn all_steps(&self) -> Vec<Step> {
        let conflicting = self.conflicts.iter().map(|conflict| conflict.step.clone());
        let mut steps: Vec<Step> = self.steps.iter().cloned().chain(conflicting).collect();
        steps.sort_by(|one, two| path_order(one.path.as_bytes(), two.path.as_bytes()));
        steps
    }

    /// The digest of all that an undo would do and of all that it would find there: what an approval
    /// of it is bound to. A plan that is made anew has the same as long as nobody has touched any of
    /// its files.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
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
        let mut all = canonical::digest(&head)?.as_bytes().to_vec();
        for step in &self.steps {
            all.extend(canonical::digest(step)?.as_bytes());
        }
        for conflict in &self.conflicts {
            all.extend(canonical::digest(conflict)?.as_bytes());
        }
        Ok(Digest::of(&all))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.conflicts.is_empty()
    }
}

/// What an undo run records as its *before*: the steps' paths, and the directories that hold them.
pub(super) fn recorded_paths(steps: &[Step], times: &[Entry]) -> Vec<(ByteString, Role)> {
    let mut paths: BTreeMap<ByteString, Role> = BTreeMap::new();
    for parent in steps.iter().filter_map(|step| step.path.as_path().parent()) {
        for ancestor in parent.ancestors().filter(|ancestor| ancestor.parent().is_some()) {
            paths.insert(ByteString::from(ancestor), Role::Context);
        }
    }
    for entry in times {
        paths.insert(entry.path.clone(), entry.role);
    }
    for step in steps {
        paths.insert(step.path.clone(), Role::Selected);
    }
    let mut paths: Vec<_> = paths.into_iter().collect();
    paths.sort_by(|one, two| path_order(one.0.as_bytes(), two.0.as_bytes()));
    paths
}
