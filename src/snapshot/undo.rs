//! Undo: plan again under the lock, capture what is there now, write down the intent, make everything
//! ready beside its place, put it there, and record how things are then. An undo is a run like any
//! other, so the undo of an undo is a redo.
//!
//! Killed at any point, the next undo of the same run goes on: before the intent is written nothing
//! has changed; after it, what is *before* already needs nothing, and the rest is still as the
//! captured state of the first attempt says, or half-way. Where something cannot be made ready, all of
//! it is taken away again and nothing has happened.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::changes::DifferenceWriter;
use super::clones::Clones;
use super::compare::Looker;
use super::error::shown;
use super::gather::Gatherer;
use super::known::Known;
use super::manifest::{Head, Tail, path_order};
use super::plan::recorded;
use super::prepare::Unprepared;
use super::progress::Meter;
use super::readers::Keeping;
use super::restore::{Halt, Restorer};
use super::runs::{RunRecord, UndoIntent, parse};
use super::steps::{Doing, Item};
use super::{
    CaptureLimits, Conflict, ContentName, Entry, Keeps, Node, Progress, Role, RunInformation,
    RunState, Selection, SnapshotError, SnapshotStore, Step, UndoOptions, UndoPlan,
};
use crate::review::RequestId;
use crate::system::{ByteString, Digest, Moment};

/// An undo that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undone {
    /// The undo as a run of its own: with its id, it can be undone. For an undo that was finished
    /// after an interruption it is the run of the first attempt.
    pub run: RunInformation,
    /// The digest of the manifest of what was there before the undo.
    pub before: Digest,
    /// The digest of the manifest of what is there now.
    pub after: Digest,
    /// How many paths were restored.
    pub restored: u64,
    /// How many were as they should be already.
    pub already_before: u64,
    /// What could not be restored, a sentence each.
    pub not_restored: Vec<String>,
}

/// An undo whose intent is written.
pub(super) struct Begun {
    pub(super) current: UndoPlan,
    record: RunRecord,
    undo: RunRecord,
    /// Whether an earlier attempt may have done something.
    resumed: bool,
}

impl SnapshotStore {
    /// Undoes a run as planned. `information` describes the undo as a run with an id of its own.
    ///
    /// What is there now is captured first in any case.
    ///
    /// # Errors
    /// [`SnapshotError::Conflicts`], [`SnapshotError::Overlapping`], [`SnapshotError::PlanChanged`],
    /// [`SnapshotError::AlreadyUndone`] and [`SnapshotError::Unprepared`], with nothing changed;
    /// [`SnapshotError::Stopped`] in the middle; those of reading and writing.
    pub fn undo(
        &self,
        plan: &UndoPlan,
        information: RunInformation,
        options: &UndoOptions,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Undone, SnapshotError> {
        self.prepare()?;
        let _lock = self.lock()?;
        let mut begun = self.begin(plan, information, options, progress)?;
        let mut not_restored = begun.current.not_restorable.clone();
        not_restored.append(&mut self.restore(&mut begun, options, progress)?);
        let Begun { current, mut record, mut undo, .. } = begun;
        let after = self.look_after(&current, &undo, &mut not_restored, progress)?;
        self.finish(&mut record, &mut undo, after, current.left_out == 0)?;
        Ok(Undone {
            before: undo.before,
            after,
            run: undo.information,
            restored: current.number() as u64,
            already_before: current.already_before,
            not_restored,
        })
    }

    /// Everything up to the written intent, under the lock: nothing has been touched, and from here
    /// on the next undo of this run goes on with this one.
    pub(super) fn begin(
        &self,
        plan: &UndoPlan,
        information: RunInformation,
        options: &UndoOptions,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Begun, SnapshotError> {
        let id = parse(&plan.run.id)?;
        // What people agreed to is the plan they saw; what is done is the one that is true now.
        let current = self.plan(&id, options)?;
        if let Some(path) = plan.differs_from(&current)? {
            return Err(SnapshotError::PlanChanged { id: id.to_string(), path });
        }
        self.agrees_with_what_it_resumes(&current, options)?;
        if !options.force {
            current.refuse_what_needs_force()?;
        }
        let forced = !current.conflicts.is_empty();
        let mut record = self.runs.record(&id)?;
        let begun = match &current.resumes {
            Some(undo) => Some(self.runs.record(&parse(undo)?)?),
            None => None,
        };
        let resumed = begun.is_some();
        if let Some(begun) = &begun {
            self.clear_what_was_left(&id, begun)?;
        }
        // By force, it replaces what the first attempt has not kept.
        let undo = match begun.filter(|_| !forced) {
            Some(undo) => undo,
            None => {
                let information = RunInformation { undo_of: Some(id.to_string()), ..information };
                self.capture_now(&current, &record, information, progress)?
            }
        };
        let follow = record.information.undo_run.clone();
        self.runs.write_intent(&id, &UndoIntent::new(&undo.information.id, options, follow))?;
        record.information.state = RunState::Undoing;
        self.runs.write_record(&record)?;
        Ok(Begun { current, record, undo, resumed })
    }

    /// Takes away what an interrupted attempt has put beside the places of files.
    fn clear_what_was_left(&self, id: &RequestId, undo: &RunRecord) -> Result<(), SnapshotError> {
        let restorer = Restorer::new(&self.objects, id.characters());
        let found = self.runs.before_file(undo)?;
        let mut paths = found.entries().filter_map(|entry| match entry {
            Ok(entry) => (entry.role == Role::Selected).then_some(Ok(entry.path)),
            Err(error) => Some(Err(error)),
        });
        restorer.clear_beside(&mut paths)
    }

    /// Captures what the steps will replace, with its content, as the *before* of the undo's run.
    fn capture_now(
        &self,
        plan: &UndoPlan,
        record: &RunRecord,
        information: RunInformation,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<RunRecord, SnapshotError> {
        // Whatever is there must not be lost, however much it is.
        let limits = CaptureLimits { bytes: u64::MAX, entries: u64::MAX };
        let id = parse(&information.id)?;
        let incoming = self.objects.incoming(&id)?;
        let original = self.runs.before_file(record)?;
        let names = self.runs.changes_file(record)?.map(|it| it.tail).unwrap_or_default();
        let head = Head::new(Selection::default());
        let known = vec![Known::file(&original, names, &head.at)];
        let run = self.runs.begin(&id)?;
        let mut writer = run.write_before(&head)?;
        let expected: RefCell<VecDeque<(ByteString, Option<Node>)>> = RefCell::default();
        let changed = |path: &ByteString| SnapshotError::PlanChanged {
            id: plan.run.id.clone(),
            path: path.as_path().to_owned(),
        };
        let mut sink = |entry: Entry| {
            loop {
                let next = expected.borrow_mut().pop_front();
                let Some((path, node)) = next else { return writer.push(&entry) };
                let same = match &node {
                    None => true,
                    Some(node) if path == entry.path => is_still(node, &entry.node),
                    Some(node) => node.is_absent(),
                };
                if !same {
                    return Err(changed(&path));
                }
                if path == entry.path {
                    return writer.push(&entry);
                }
            }
        };
        let mut gatherer = Gatherer::keeping(incoming, limits, known, progress, &mut sink);
        let mut looker = Looker::default();
        for path in recorded(&plan.steps) {
            let (path, role, node) = path?;
            expected.borrow_mut().push_back((path.clone(), node));
            looker.look(&path, role, &mut gatherer)?;
        }
        let gathered = gatherer.finish()?;
        let keeps = Keeps { paths: gathered.entries, bytes: gathered.bytes };
        // Until the run is recorded, what it names must stay in the store.
        let _published = gathered.kept.map(Keeping::publish).transpose()?;
        let vanished = |(_, node): &&(ByteString, Option<Node>)| {
            node.as_ref().is_some_and(|node| !node.is_absent())
        };
        if let Some((path, _)) = expected.borrow().iter().find(vanished) {
            return Err(changed(path));
        }
        let not_covered = plan.not_restorable.clone();
        let digest = writer.finish(Tail { not_covered, ..Tail::default() })?;
        let information = RunInformation { state: RunState::Captured, keeps, ..information };
        run.exists(information, digest)
    }

    fn restore(
        &self,
        begun: &mut Begun,
        options: &UndoOptions,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<String>, SnapshotError> {
        let plan = &begun.current;
        let id = parse(&plan.run.id)?;
        let mut restorer = Restorer::new(&self.objects, id.characters());
        let mut meter = Meter::new(progress);
        let prepared = restorer.prepare(&plan.steps, options.force, &mut |step| {
            meter.entries += 1;
            if let Node::File { size, .. } = step.before {
                meter.bytes += size;
            }
            meter.look(step.path.as_path());
        });
        if let Err(error) = prepared {
            if !begun.resumed {
                self.take_back(begun)?;
            }
            return Err(match error {
                Unprepared::Halt(Halt { path, why }) => {
                    SnapshotError::Unprepared { id: id.to_string(), path, why }
                }
                Unprepared::Lost(lost) => {
                    let reason = |why| format!("its content in the store is damaged: {why}");
                    let conflicts = lost
                        .into_iter()
                        .map(|(step, why)| Conflict { step, reason: reason(why) })
                        .collect();
                    SnapshotError::Conflicts { id: id.to_string(), conflicts }
                }
            });
        }
        let mut done = 0_usize;
        let applied = restorer.apply(&plan.steps, &mut |step| {
            done += 1;
            meter.look(step.path.as_path());
        });
        applied.map_err(|Halt { path, why }| SnapshotError::Stopped {
            id: id.to_string(),
            path,
            done: done.saturating_sub(1),
            total: plan.number(),
            why,
        })?;
        Ok(restorer.not_restored)
    }

    /// Takes the intent back of an undo that has touched nothing.
    fn take_back(&self, begun: &mut Begun) -> Result<(), SnapshotError> {
        let record = &mut begun.record;
        record.information.state = record.in_effect();
        self.runs.write_record(record)?;
        self.runs.forget_intent(&parse(&record.information.id)?)?;
        self.runs.remove(&parse(&begun.undo.information.id)?)
    }

    /// Looks at everything again, and writes down what is not as the undo found it.
    fn look_after(
        &self,
        plan: &UndoPlan,
        undo: &RunRecord,
        not_restored: &mut Vec<String>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Digest, SnapshotError> {
        let before = self.runs.before_file(undo)?;
        let head = Head { at: Moment::now(), ..Head::new(Selection::default()) };
        let mut known = vec![Known::file(&before, Tail::default(), &head.at)];
        // What could not be set would be taken for set.
        if not_restored.is_empty() {
            known.push(Known::restored(Box::new(plan.steps.items().filter_map(restored))));
        }
        let writer = self.runs.write_after(&parse(&undo.information.id)?, &head)?;
        let clones = Clones::default();
        let mut difference = DifferenceWriter::new(
            before.entries().inspect(|entry| {
                if let Ok(entry) = entry {
                    clones.note(entry);
                }
            }),
            writer,
        );
        let said = not_restored.clone();
        let mut check = Check { steps: plan.steps.items(), next: None, said: &said };
        let mut unequal = Vec::new();
        let mut sink = |entry: Entry| {
            unequal.extend(check.up_to(Some(&entry))?);
            difference.push(&entry)
        };
        let mut gatherer = Gatherer::hashing(known, progress, &mut sink);
        let mut looker = Looker::default();
        for entry in before.entries() {
            let entry = entry?;
            looker.look(&entry.path, entry.role, &mut gatherer)?;
        }
        gatherer.finish()?;
        unequal.extend(check.up_to(None)?);
        not_restored.append(&mut unequal);
        let tail = || Ok(Tail { clones: clones.resolve(&self.objects)?, ..Tail::default() });
        Ok(difference.finish(tail)?.0)
    }

    /// Records the end. The undone run comes last: until then, the undo can be resumed. Where paths
    /// were left out it stays in effect, and the rest of it can be undone.
    fn finish(
        &self,
        record: &mut RunRecord,
        undo: &mut RunRecord,
        after: Digest,
        wholly: bool,
    ) -> Result<(), SnapshotError> {
        undo.after = Some(after);
        undo.information.state = RunState::Complete;
        self.runs.write_record(undo)?;
        // Undoing an undo puts the original run into effect again.
        if let Some(original) = &record.information.undo_of {
            let mut original = self.runs.record(&parse(original)?)?;
            if original.information.state == RunState::Undone {
                original.information.state = original.in_effect();
                self.runs.write_record(&original)?;
            }
        }
        record.information.state = if wholly { RunState::Undone } else { record.in_effect() };
        self.runs.write_record(record)
    }
}

/// Whether what was captured is what the plan found.
fn is_still(planned: &Node, captured: &Node) -> bool {
    match (planned.metadata(), captured.metadata()) {
        (None, None) => true,
        (Some(one), Some(two)) if planned.is_directory() && captured.is_directory() => {
            one.same_inode(two) && one.same_owner_and_mode(two)
        }
        (Some(one), Some(two)) => {
            (planned.same_content(captured) || is_clone_of(planned, captured))
                && one.untouched_since(two)
        }
        _ => false,
    }
}

/// Whether what was captured is a clone that could be of the planned content: what it holds is not
/// known yet, and its inode has to vouch for it.
fn is_clone_of(planned: &Node, captured: &Node) -> bool {
    matches!((planned, captured),
        (Node::File { size, .. }, Node::File { size: cloned, content: ContentName::Clone(_), .. })
            if size == cloned)
}

/// What a step put in its place, where that need not be read again.
fn restored(item: Result<Item, SnapshotError>) -> Option<Result<Entry, SnapshotError>> {
    let Item { step, doing, role } = match item {
        Ok(item) => item,
        Err(error) => return Some(Err(error)),
    };
    let whole = matches!(step.before, Node::File { data: None, .. });
    let put = doing != Doing::Name && whole && step.puts_content();
    put.then_some(Ok(Entry { path: step.path, role, node: step.before }))
}

/// Compares what is there after all with what should be.
struct Check<'a, I> {
    steps: I,
    next: Option<Step>,
    /// What was said already.
    said: &'a [String],
}

impl<I: Iterator<Item = Result<Item, SnapshotError>>> Check<'_, I> {
    /// What is not what it was up to a path, although no step failed, and nothing that was said
    /// explains it.
    fn up_to(&mut self, entry: Option<&Entry>) -> Result<Vec<String>, SnapshotError> {
        let mut unequal = Vec::new();
        loop {
            while self.next.is_none() {
                let Some(item) = self.steps.next().transpose()? else { return Ok(unequal) };
                self.next = item.is_step().then_some(item.step);
            }
            let Some(step) = &self.next else { return Ok(unequal) };
            let order = entry.map_or(std::cmp::Ordering::Less, |entry| {
                path_order(step.path.as_bytes(), entry.path.as_bytes())
            });
            let now = match (order, entry) {
                (std::cmp::Ordering::Greater, _) => return Ok(unequal),
                (std::cmp::Ordering::Equal, Some(entry)) => &entry.node,
                _ => &Node::Absent,
            };
            if !now.same_state(&step.before) {
                unequal.extend(self.sentence(&shown(step.path.as_path())));
            }
            self.next = None;
        }
    }

    fn sentence(&self, path: &str) -> Option<String> {
        let explained = self
            .said
            .iter()
            .filter_map(|sentence| sentence.strip_prefix(path))
            .any(|rest| rest.starts_with([':', ' ']));
        let what = "is not what it was: something changed it while it was restored";
        (!explained).then(|| format!("{path} {what}"))
    }
}
