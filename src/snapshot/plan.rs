//! What an undo would do: *now* compared with how the command found things and how it left them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::path::Path;

use serde::Serialize;

use super::changes::{Pair, pairs};
use super::error::{shown, unreadable};
use super::gather::Gatherer;
use super::place::{means_absent, open_directory};
use super::runs::RunRecord;
use super::walk::{names, visit_paths};
use super::{Entry, Manifest, Node, Role, RunInformation, RunState, SnapshotError, SnapshotStore};
use crate::review::RequestId;
use crate::system::ByteString;

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
    /// Directories whose modification times go back, with what they were.
    #[serde(skip)]
    pub(super) directory_times: Vec<Entry>,
}

/// The states that a plan compares.
struct Compared {
    before: Manifest,
    /// How the command left things; for an interrupted undo, how that found them.
    left: Manifest,
    now: Manifest,
    after_unknown: bool,
    resumes: Option<String>,
}

impl SnapshotStore {
    /// Plans the undo of a run. Changes nothing.
    ///
    /// # Errors
    /// [`SnapshotError::AlreadyUndone`], and those of reading.
    pub fn plan(&self, id: &RequestId) -> Result<UndoPlan, SnapshotError> {
        let record = self.runs.record(id)?;
        if record.information.state == RunState::Undone {
            let by = self.runs.intent(id)?.map(|intent| intent.run);
            return Err(SnapshotError::AlreadyUndone { id: id.to_string(), by });
        }
        let compared = self.compare(id, &record)?;
        let mut plan = compared.plan(record.information)?;
        let conflicting = plan.conflicts.iter().map(|conflict| conflict.step.clone());
        let concerned: Vec<Step> = plan.steps.iter().cloned().chain(conflicting).collect();
        plan.later_runs = self.overlapping(&plan.run, &concerned)?;
        Ok(plan)
    }

    fn compare(&self, id: &RequestId, record: &RunRecord) -> Result<Compared, SnapshotError> {
        let before = self.runs.before(record)?;
        let after = self.runs.after(record)?;
        let resumes = match record.information.state {
            RunState::Undoing => self.runs.intent(id)?.map(|intent| intent.run),
            RunState::Captured | RunState::Complete | RunState::Undone => None,
        };
        let found = match &resumes {
            Some(undo) => Some(self.runs.before(&self.runs.record(&super::runs::parse(undo)?)?)?),
            None => None,
        };
        let after_unknown = after.is_none() && found.is_none();
        let mut silent = |_: super::Progress<'_>| {};
        let left = match (after, found) {
            (Some(after), None) => after,
            (Some(after), Some(found)) => overlay(after, found),
            (None, Some(found)) => overlay(before.clone(), found),
            (None, None) => {
                let mut gatherer = Gatherer::hashing(vec![&before], &mut silent);
                self.gather_again(&before, &mut gatherer)?;
                gatherer.finish(before.selection.clone(), Vec::new()).0
            }
        };
        // Of what the command did not change only directories matter: the way to the others.
        let now = {
            let pairs = pairs(&before, &left);
            let concerned = pairs.iter().filter(|pair| {
                pair.is_change() || pair.before.is_directory() || pair.after.is_directory()
            });
            let mut gatherer = Gatherer::hashing(vec![&left, &before], &mut silent);
            visit_paths(concerned.map(|pair| (pair.path, pair.role)), &mut gatherer)?;
            gatherer.finish(super::Selection::default(), Vec::new()).0
        };
        Ok(Compared { before, left, now, after_unknown, resumes })
    }
}

/// One manifest with the entries of another in place of its own.
fn overlay(under: Manifest, over: Manifest) -> Manifest {
    let mut entries: BTreeMap<ByteString, Entry> =
        under.entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
    for mut entry in over.entries {
        if let Some(covered) = entries.get(&entry.path) {
            entry.role = covered.role;
        }
        entries.insert(entry.path.clone(), entry);
    }
    Manifest { entries: entries.into_values().collect(), ..under }
}

impl Compared {
    fn plan(self, run: RunInformation) -> Result<UndoPlan, SnapshotError> {
        let mut plan = UndoPlan {
            run,
            steps: Vec::new(),
            already_before: 0,
            conflicts: Vec::new(),
            not_restorable: Vec::new(),
            later_runs: Vec::new(),
            after_unknown: self.after_unknown,
            resumes: self.resumes.clone(),
            directory_times: Vec::new(),
        };
        let pairs = pairs(&self.before, &self.left);
        for pair in pairs.iter().filter(|pair| pair.is_change()) {
            self.judge(pair, &mut plan)?;
        }
        self.judge_the_way(&pairs, &mut plan);
        self.collect_directory_times(&pairs, &mut plan);
        Ok(plan)
    }

    /// Judges one path that the command changed.
    fn judge(&self, pair: &Pair<'_>, plan: &mut UndoPlan) -> Result<(), SnapshotError> {
        let now = self.now.node(pair.path);
        if now.same_state(pair.before) {
            plan.already_before += 1;
            return Ok(());
        }
        if matches!(pair.before, Node::Socket { .. }) && !now.same_content(pair.before) {
            plan.not_restorable.push(format!(
                "{} was a socket: only the program that listened on it can make it again",
                shown(pair.path.as_path())
            ));
            return Ok(());
        }
        let mut step = Step {
            path: pair.path.clone(),
            now: now.clone(),
            before: pair.before.clone(),
            // A directory that was only passed by goes quietly when nothing is left in it.
            only_if_empty: pair.role == Role::Context && now.is_directory(),
        };
        match self.objection(pair, now, step.only_if_empty)? {
            Some(reason) => {
                step.only_if_empty = now.is_directory();
                plan.conflicts.push(Conflict { step, reason });
            }
            None => plan.steps.push(step),
        }
        Ok(())
    }

    fn objection(
        &self,
        pair: &Pair<'_>,
        now: &Node,
        only_if_empty: bool,
    ) -> Result<Option<String>, SnapshotError> {
        if self.after_unknown {
            return Ok(Some("it is not known whether the command left it like this".to_owned()));
        }
        if let Some(reason) = self.mounted_over(pair.path) {
            return Ok(Some(reason));
        }
        let untouched = now.same_state(pair.after)
            || (only_if_empty && pair.after.is_directory())
            || (self.resumes.is_some() && is_between(now, pair));
        if !untouched {
            return Ok(Some(what_changed(pair.after, now)));
        }
        if now.is_directory() && !pair.before.is_directory() && !only_if_empty {
            return self.stranger_in(pair.path);
        }
        Ok(None)
    }

    /// Where the file system below which a path was recorded is not the one that is there now. Device
    /// numbers mean something within one boot only.
    fn mounted_over(&self, path: &ByteString) -> Option<String> {
        let same_boot = self.left.at.boot_id == self.now.at.boot_id;
        let parent = ByteString::from(path.as_path().parent()?);
        let then = self.left.node(&parent).metadata().or(self.before.node(&parent).metadata())?;
        let now = self.now.node(&parent).metadata()?;
        (same_boot && then.device != now.device)
            .then(|| "another file system is mounted over it".to_owned())
    }

    /// Something in a directory that is to go which the run did not put there.
    fn stranger_in(&self, path: &ByteString) -> Result<Option<String>, SnapshotError> {
        let directory = path.as_path();
        let names = match open_directory(directory).and_then(|opened| names(opened.as_fd())) {
            Ok(names) => names,
            Err(error) if means_absent(error) => return Ok(None),
            Err(error) => return Err(unreadable(directory)(error)),
        };
        Ok(names
            .into_iter()
            .map(|name| directory.join(name))
            .find(|child| self.left.entry(&ByteString::from(child.as_path())).is_none())
            .map(|child| format!("it holds {}, which was put there since", shown(&child))))
    }

    /// Directories that the command left alone and that somebody took away since: what is to come
    /// back below them needs them.
    fn judge_the_way(&self, pairs: &[Pair<'_>], plan: &mut UndoPlan) {
        let restored: BTreeSet<ByteString> = plan
            .steps
            .iter()
            .chain(plan.conflicts.iter().map(|conflict| &conflict.step))
            .filter(|step| !step.before.is_absent())
            .map(|step| step.path.clone())
            .collect();
        let needed = |directory: &Path| {
            let mut below = directory.as_os_str().to_owned();
            below.push("/");
            let start = ByteString::from(below);
            restored
                .range(start.clone()..)
                .next()
                .is_some_and(|path| path.as_bytes().starts_with(start.as_bytes()))
        };
        for pair in pairs {
            let now = self.now.node(pair.path);
            if pair.before.is_directory()
                && !pair.is_change()
                && !now.is_directory()
                && needed(pair.path.as_path())
            {
                plan.conflicts.push(Conflict {
                    step: Step {
                        path: pair.path.clone(),
                        now: now.clone(),
                        before: pair.before.clone(),
                        only_if_empty: false,
                    },
                    reason: what_changed(pair.after, now),
                });
            }
        }
        plan.conflicts.sort_by(|one, two| one.step.path.cmp(&two.step.path));
    }

    /// The directories whose times go back: the ones that come back themselves, the ones in which
    /// the undo creates or removes a name, and the selected ones in which only the time differs;
    /// all of them only where nobody changed anything in them since.
    fn collect_directory_times(&self, pairs: &[Pair<'_>], plan: &mut UndoPlan) {
        let steps =
            || plan.steps.iter().chain(plan.conflicts.iter().map(|conflict| &conflict.step));
        let restored: BTreeSet<&ByteString> = steps().map(|step| &step.path).collect();
        let parents: BTreeSet<ByteString> = steps()
            .filter(|step| step.kind() != StepKind::Metadata)
            .filter_map(|step| step.path.as_path().parent().map(ByteString::from))
            .collect();
        let mut times = Vec::new();
        for pair in pairs {
            let (Node::Directory { metadata }, Some(left)) = (pair.before, pair.after.metadata())
            else {
                if pair.before.is_directory() && restored.contains(pair.path) {
                    times.push(entry(pair));
                }
                continue;
            };
            let now = self.now.node(pair.path).metadata();
            let quiet = now.is_some_and(|now| self.resumes.is_some() || now.same_mtime(left));
            let moved = pair.role == Role::Selected && !metadata.same_mtime(left);
            if restored.contains(pair.path) || (quiet && (moved || parents.contains(pair.path))) {
                times.push(entry(pair));
            }
        }
        plan.directory_times = times;
    }
}

fn entry(pair: &Pair<'_>) -> Entry {
    Entry { path: pair.path.clone(), role: pair.role, node: pair.before.clone() }
}

/// Whether a path is half-way between how an interrupted undo found it and how it should become: the
/// content is one of the two, or is being rewritten in place, and only metadata is missing.
fn is_between(now: &Node, pair: &Pair<'_>) -> bool {
    let in_place = |one: &Node, two: &Node| {
        matches!((one, two), (Node::File { metadata, .. }, Node::File { metadata: other, .. })
            if metadata.same_inode(other) && metadata.links > 1)
    };
    // Nothing there: what was in the way is gone, and what is to come is not there yet.
    now.is_absent()
        || now.same_content(pair.before)
        || (now.same_content(pair.after) && !pair.before.is_absent())
        || in_place(now, pair.before)
}

/// What happened to a path between two states, as a clause.
fn what_changed(then: &Node, now: &Node) -> String {
    if now.is_absent() {
        "it was removed since".to_owned()
    } else if then.is_absent() {
        format!("a {} was created there since", now.kind())
    } else if then.kind() != now.kind() {
        format!("a {} took the place of the {} since", now.kind(), then.kind())
    } else if !then.same_content(now) {
        "its content was changed since".to_owned()
    } else {
        "its metadata was changed since".to_owned()
    }
}

impl UndoPlan {
    /// The first path on which another plan for the same run does not agree: what it found there is
    /// something else.
    pub(super) fn differs_from<'a>(&'a self, other: &'a UndoPlan) -> Option<&'a Path> {
        let steps = |plan: &'a UndoPlan| {
            let conflicts = plan.conflicts.iter().map(|conflict| (&conflict.step, true));
            let mut all: Vec<_> =
                plan.steps.iter().map(|step| (step, false)).chain(conflicts).collect();
            all.sort_by(|one, two| one.0.path.cmp(&two.0.path));
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

    /// When the plan was made, nothing was left to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.conflicts.is_empty()
    }
}

/// What an undo run records as its *before*: the steps' paths, and the directories that hold them.
pub(super) fn recorded_paths(steps: &[Step], times: &[Entry]) -> BTreeMap<ByteString, Role> {
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
    paths
}
