//! Undo: plan again under the lock, capture what is there now, write down the intent, go back, and
//! record how things are then. An undo is a run like any other, so the undo of an undo is a redo.
//!
//! Killed at any point, the next undo of the same run goes on: before the intent is written nothing
//! has changed; after it, what is *before* already needs nothing, and the rest is still as the
//! captured state of the first attempt says, or half-way.

use std::collections::BTreeSet;

use super::changes::DifferenceWriter;
use super::clones::Clones;
use super::error::shown;
use super::gather::{Gatherer, Keeping, Meter};
use super::known::Known;
use super::manifest::{Head, Tail};
use super::objects::Wanted;
use super::plan::recorded_paths;
use super::restore::Restorer;
use super::runs::{RunRecord, UndoIntent, parse};
use super::walk::visit_paths;
use super::{
    CaptureLimits, Entry, Manifest, Node, Progress, RunInformation, RunState, Selection,
    SnapshotError, SnapshotStore, Step, UndoOptions, UndoPlan,
};
use crate::review::RequestId;
use crate::system::Digest;

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
    current: UndoPlan,
    steps: Vec<Step>,
    record: RunRecord,
    undo: RunRecord,
}

impl SnapshotStore {
    /// Undoes a run as planned. `information` describes the undo as a run with an id of its own.
    ///
    /// What is there now is captured first in any case.
    ///
    /// # Errors
    /// [`SnapshotError::Conflicts`], [`SnapshotError::Overlapping`], [`SnapshotError::PlanChanged`],
    /// [`SnapshotError::AlreadyUndone`] and [`SnapshotError::ContentLost`], with nothing changed;
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
        let Begun { current, steps, mut record, mut undo } =
            self.begin(plan, information, options, progress)?;
        let mut not_restored = current.not_restorable.clone();
        not_restored.append(&mut self.restore(&current, &steps, progress)?);

        let before = self.runs.before(&undo)?;
        let wanted = self.runs.before(&record)?;
        let after = self.look_again(&before, &[&before, &wanted], progress)?;
        let unexplained = unequal(&steps, &after, &not_restored);
        not_restored.extend(unexplained);
        let wholly = current.left_out == 0;
        let after_digest = self.finish(&mut record, &mut undo, &before, &after, wholly)?;
        Ok(Undone {
            before: undo.before,
            after: after_digest,
            run: undo.information,
            restored: steps.len() as u64,
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
        if let Some(path) = plan.differs_from(&current) {
            let path = path.to_owned();
            return Err(SnapshotError::PlanChanged { id: id.to_string(), path });
        }
        self.agrees_with_what_it_resumes(&current, options)?;
        if !options.force {
            current.refuse_what_needs_force()?;
        }
        let forced = !current.conflicts.is_empty();
        let mut steps = current.all_steps();
        self.check_content(&id, &steps)?;
        let mut record = self.runs.record(&id)?;

        let resumed = match &current.resumes {
            Some(undo) if !forced => Some(self.runs.record(&parse(undo)?)?),
            _ => None,
        };
        let undo = match resumed {
            Some(undo) => undo,
            None => {
                let information = RunInformation { undo_of: Some(id.to_string()), ..information };
                let before = self.runs.before(&record)?;
                self.capture_now(&current, &before, &mut steps, information, progress)?
            }
        };
        let follow = record.information.undo_run.clone();
        self.runs.write_intent(&id, &UndoIntent::new(&undo.information.id, options, follow))?;
        record.information.state = RunState::Undoing;
        self.runs.write_record(&record)?;
        Ok(Begun { current, steps, record, undo })
    }

    /// Refuses to begin what could not be ended: reads all content that is to come back, and holds
    /// it to its digest.
    fn check_content(&self, id: &RequestId, steps: &[Step]) -> Result<(), SnapshotError> {
        let mut sound = BTreeSet::new();
        for step in steps.iter().filter(|step| step.puts_content()) {
            let Node::File { content, data, .. } = &step.before else { continue };
            if !sound.insert((content, data)) {
                continue;
            }
            let wanted = Wanted::from(content).segments(data.as_deref());
            self.objects.check(wanted).map_err(|source| SnapshotError::ContentLost {
                id: id.to_string(),
                path: step.path.as_path().to_owned(),
                source: Box::new(source),
            })?;
        }
        Ok(())
    }

    /// Captures what the steps will replace, with its content, as the *before* of the undo's run.
    fn capture_now(
        &self,
        plan: &UndoPlan,
        original: &Manifest,
        steps: &mut [Step],
        information: RunInformation,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<RunRecord, SnapshotError> {
        // Whatever is there must not be lost, however much it is.
        let limits = CaptureLimits { bytes: u64::MAX, entries: u64::MAX };
        let id = parse(&information.id)?;
        let incoming = self.objects.incoming(&id)?;
        let known = vec![Known::memory(original)];
        let mut manifest = Manifest::new(Selection::default());
        let entries = &mut manifest.entries;
        let mut sink = |entry: Entry| {
            entries.push(entry);
            Ok(())
        };
        let mut gatherer = Gatherer::keeping(incoming, limits, known, progress, &mut sink);
        let paths = recorded_paths(steps, &plan.directory_times);
        visit_paths(paths.iter().map(|(path, role)| (path, *role)), &mut gatherer)?;
        let kept = gatherer.finish()?.kept;
        for step in steps {
            let captured = manifest.node(&step.path);
            if !captured.same_state(&step.now) {
                return Err(SnapshotError::PlanChanged {
                    id: plan.run.id.clone(),
                    path: step.path.as_path().to_owned(),
                });
            }
            // The newest change time is the one to hold the path to when its turn comes.
            step.now = captured.clone();
        }
        // Until the run is recorded, what it names must stay in the store.
        let _published = kept.map(Keeping::publish).transpose()?;
        let run = self.runs.begin(&id)?;
        let mut writer =
            run.write_before(&Head { at: manifest.at.clone(), ..Head::new(Selection::default()) })?;
        manifest.entries.iter().try_for_each(|entry| writer.push(entry))?;
        let not_covered = plan.not_restorable.clone();
        let digest = writer.finish(Tail { not_covered, ..Tail::default() })?;
        let information = RunInformation { state: RunState::Captured, ..information };
        run.exists(information, digest)
    }

    fn restore(
        &self,
        plan: &UndoPlan,
        steps: &[Step],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<String>, SnapshotError> {
        let id = parse(&plan.run.id)?;
        let mut restorer = Restorer::new(&self.objects, id.characters());
        let mut meter = Meter::new(progress);
        let applied = restorer.apply(steps, &plan.directory_times, &mut |step| {
            meter.entries += 1;
            if let Node::File { size, .. } = step.before {
                meter.bytes += size;
            }
            meter.look(step.path.as_path());
        });
        applied.map_err(|halt| SnapshotError::Stopped {
            id: id.to_string(),
            path: halt.path,
            done: usize::try_from(meter.entries).unwrap_or(usize::MAX),
            total: steps.len(),
            why: halt.why,
        })?;
        Ok(restorer.not_restored)
    }

    /// Records the end. The undone run comes last: until then, the undo can be resumed. Where paths
    /// were left out it stays in effect, and the rest of it can be undone.
    fn finish(
        &self,
        record: &mut RunRecord,
        undo: &mut RunRecord,
        before: &Manifest,
        after: &Manifest,
        wholly: bool,
    ) -> Result<Digest, SnapshotError> {
        let head = Head { at: after.at.clone(), ..Head::new(Selection::default()) };
        let writer = self.runs.write_after(&parse(&undo.information.id)?, &head)?;
        let clones = Clones::default();
        before.entries.iter().for_each(|entry| clones.note(entry));
        let before = before.entries.iter().cloned().map(Ok);
        let mut difference = DifferenceWriter::new(before, writer);
        after.entries.iter().try_for_each(|entry| difference.push(entry))?;
        let (digest, _) = difference
            .finish(|| Ok(Tail { clones: clones.resolve(&self.objects)?, ..Tail::default() }))?;
        undo.after = Some(digest);
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
        self.runs.write_record(record)?;
        Ok(digest)
    }
}

/// What is not what it was, although no step failed, and nothing that was said explains it.
fn unequal(steps: &[Step], after: &Manifest, said: &[String]) -> Vec<String> {
    let explained = |path: &str| {
        said.iter()
            .filter_map(|sentence| sentence.strip_prefix(path))
            .any(|rest| rest.starts_with([':', ' ']))
    };
    steps
        .iter()
        .filter(|step| !after.node(&step.path).same_state(&step.before))
        .map(|step| shown(step.path.as_path()))
        .filter(|path| !explained(path))
        .map(|path| {
            format!("{path} is not what it was: something changed it while it was restored")
        })
        .collect()
}
