//! *Now* compared with how the command found things and how it left them: the judgement of every
//! path that makes up a plan.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::Path;

use super::changes::{Pair, overlay, pairs};
use super::error::{shown, unreadable};
use super::place::{means_absent, open_directory};
use super::runs::{RunRecord, parse};
use super::walk::names;
use super::{
    Conflict, Entry, Manifest, Node, Role, RunInformation, RunState, Selection, SnapshotError,
    SnapshotStore, Step, UndoOptions, UndoPlan,
};
use crate::review::RequestId;
use crate::system::ByteString;

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
    /// [`SnapshotError::AlreadyUndone`], [`SnapshotError::NotChanged`], and those of reading.
    pub fn plan(&self, id: &RequestId, options: &UndoOptions) -> Result<UndoPlan, SnapshotError> {
        let record = self.runs.record(id)?;
        if record.information.state == RunState::Undone {
            let by = self.runs.intent(id)?.map(|intent| intent.run);
            return Err(SnapshotError::AlreadyUndone { id: id.to_string(), by });
        }
        let compared = self.compare(id, &record)?;
        let mut plan = compared.plan(record.information, options)?;
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
            Some(undo) => Some(self.runs.before(&self.runs.record(&parse(undo)?)?)?),
            None => None,
        };
        let after_unknown = after.is_none() && found.is_none();
        let left = match (after, found) {
            (Some(after), None) => after,
            (Some(after), Some(found)) => overlay(after, found),
            (None, Some(found)) => overlay(before.clone(), found),
            (None, None) => self.look_again(&before, &[&before], &mut |_| {})?,
        };
        // Of what the command did not change only directories matter: the way to the others.
        let concerned = Manifest {
            entries: pairs(&before, &left)
                .iter()
                .filter(|pair| {
                    pair.is_change() || pair.before.is_directory() || pair.after.is_directory()
                })
                .map(|pair| Entry { path: pair.path.clone(), role: pair.role, node: Node::Absent })
                .collect(),
            ..Manifest::new(Selection::default())
        };
        let now = self.look_again(&concerned, &[&left, &before], &mut |_| {})?;
        Ok(Compared { before, left, now, after_unknown, resumes })
    }
}

impl Compared {
    fn plan(self, run: RunInformation, options: &UndoOptions) -> Result<UndoPlan, SnapshotError> {
        let mut plan = UndoPlan {
            run,
            steps: Vec::new(),
            already_before: 0,
            conflicts: Vec::new(),
            not_restorable: Vec::new(),
            later_runs: Vec::new(),
            after_unknown: self.after_unknown,
            resumes: self.resumes.clone(),
            left_out: 0,
            directory_times: Vec::new(),
        };
        let pairs = pairs(&self.before, &self.left);
        options.name_changes(&pairs, &plan.run.id)?;
        for pair in pairs.iter().filter(|pair| pair.is_change() && options.cover(pair.path)) {
            self.judge(pair, &mut plan)?;
        }
        for pair in pairs.iter().filter(|pair| pair.is_change() && !options.cover(pair.path)) {
            let now = self.now.node(pair.path);
            if pair.before.is_directory() && !now.is_directory() && plan.restores_below(pair.path) {
                self.judge(pair, &mut plan)?;
            } else if !now.same_state(pair.before) {
                plan.left_out += 1;
            }
        }
        plan.sort();
        self.judge_the_way(&pairs, &mut plan);
        self.collect_directory_times(&pairs, &mut plan);
        plan.leave_other_times(options, &self.now);
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
    /// something goes back, and the selected ones in which only the time differs; all of them only
    /// where nobody changed anything in them since.
    fn collect_directory_times(&self, pairs: &[Pair<'_>], plan: &mut UndoPlan) {
        let steps =
            || plan.steps.iter().chain(plan.conflicts.iter().map(|conflict| &conflict.step));
        let restored: BTreeSet<&ByteString> = steps().map(|step| &step.path).collect();
        // Also where only metadata differs: the name may have got another inode of the same number.
        let parents: BTreeSet<ByteString> =
            steps().filter_map(|step| step.path.as_path().parent().map(ByteString::from)).collect();
        let mut times = Vec::new();
        for pair in pairs {
            let (Node::Directory { metadata }, Some(left)) = (pair.before, pair.after.metadata())
            else {
                // Where an undo of some paths brought it back, with its time, it gets that again.
                let came_back = pair.before.metadata().is_some_and(|before| {
                    parents.contains(pair.path)
                        && self
                            .now
                            .node(pair.path)
                            .metadata()
                            .is_some_and(|now| now.same_mtime(before))
                });
                if pair.before.is_directory() && (restored.contains(pair.path) || came_back) {
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
