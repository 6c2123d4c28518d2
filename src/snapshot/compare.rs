//! *Now* compared with how the command found things and how it left them, as a stream: which paths
//! are looked at for a plan, and what of them makes it up.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::changes::DifferenceWriter;
use super::error::unreadable;
use super::gather::Gatherer;
use super::judge::Judge;
use super::known::Known;
use super::links::{Firsts, Groups};
use super::manifest::{Head, ManifestFile, ManifestWriter, Tail};
use super::pairs::{PathPair, Sources};
use super::place::{Parents, Status, means_absent, status};
use super::runs::{RunRecord, parse};
use super::walk::{Found, Visitor, walk};
use super::{Entry, Node, Role, RunState, SnapshotError, SnapshotStore, UndoOptions, UndoPlan};
use crate::review::RequestId;
use crate::system::{ByteString, Moment};

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
        let resumes = match record.information.state {
            RunState::Undoing => self.runs.intent(id)?.map(|intent| intent.run),
            RunState::Captured | RunState::Complete | RunState::Undone => None,
        };
        let (sources, after_unknown) = self.sources(&record, resumes.as_deref())?;
        let groups = Groups::of(&sources, options)?;
        let firsts = groups.firsts.clone();
        let mut judge = Judge::new(self, &sources, groups, options);
        judge.plan.after_unknown = after_unknown;
        judge.plan.resumes = resumes;
        let mut missed: Vec<PathBuf> = options.only.clone();
        let mut note = |pair: &PathPair| {
            if !missed.is_empty() && pair.is_change() {
                missed.retain(|only| !pair.path.as_path().starts_with(only));
            }
        };
        look(&sources, &firsts, &mut note, &mut |pair, now| judge.take(pair, now))?;
        if let Some(path) = missed.into_iter().next() {
            return Err(SnapshotError::NotChanged { id: id.to_string(), path });
        }
        let mut plan = judge.finish(record.information)?;
        plan.later_runs = self.overlapping(&plan.run, &plan.steps)?;
        Ok(plan)
    }

    fn sources(
        &self,
        record: &RunRecord,
        resumes: Option<&str>,
    ) -> Result<(Sources, bool), SnapshotError> {
        let before = self.runs.before_file(record)?;
        let changes = self.runs.changes_file(record)?;
        let found = match resumes {
            Some(undo) => Some(self.runs.before_file(&self.runs.record(&parse(undo)?)?)?),
            None => None,
        };
        let unknown = changes.is_none() && found.is_none();
        let changes = if unknown { Some(self.what_differs_now(&before)?) } else { changes };
        Ok((Sources { before, changes, found }, unknown))
    }

    /// What is not as *before* now, where nobody looked after the command: in a file without a name.
    fn what_differs_now(&self, before: &ManifestFile) -> Result<ManifestFile, SnapshotError> {
        static LOOKED: AtomicU64 = AtomicU64::new(0);
        let number = LOOKED.fetch_add(1, Ordering::Relaxed);
        let name = format!(".now.{}.{number}", std::process::id());
        let path = self.directory.join(name);
        let head = Head::new(before.head.selection.clone());
        let known = vec![Known::file(before, Tail::default(), &head.at)];
        let writer = ManifestWriter::create(&path, &head)?;
        let mut difference = DifferenceWriter::new(before.entries(), writer);
        let mut sink = |entry: Entry| difference.push(&entry);
        let mut quiet = |_: super::Progress<'_>| {};
        let mut gatherer = Gatherer::hashing(known, &mut quiet, &mut sink);
        if head.selection.roots.is_empty() {
            let mut looker = Looker::default();
            for entry in before.entries() {
                let entry = entry?;
                looker.look(&entry.path, entry.role, &mut gatherer)?;
            }
        } else {
            walk(&head.selection, &self.protected(), &mut gatherer)?;
        }
        gatherer.finish()?;
        let (digest, _) = difference.finish(|| Ok(Tail::default()))?;
        let opened = ManifestFile::open(&path, &digest);
        // It is open, and nobody else needs it.
        let _ = std::fs::remove_file(&path);
        opened
    }
}

/// Looks at paths that come in order, and remembers the directory that the last one stands in.
#[derive(Default)]
pub(super) struct Looker {
    parents: Parents,
}

impl Looker {
    /// Looks at one path.
    ///
    /// # Errors
    /// As [`walk`].
    pub(super) fn look(
        &mut self,
        path: &ByteString,
        role: Role,
        visitor: &mut dyn Visitor,
    ) -> Result<(), SnapshotError> {
        let path = path.as_path();
        let found = self.parents.of(path).and_then(|(directory, name)| {
            status(&*directory, name).map(|status| (directory, name, status))
        });
        let (directory, name, status): (Arc<OwnedFd>, _, Status) = match found {
            Ok(found) => found,
            Err(error) if means_absent(error) => return visitor.absent(path, role),
            Err(error) => return Err(unreadable(path)(error)),
        };
        visitor.found(Found { path, role, directory: &directory, name, status })
    }
}

/// Looks at what concerns an undo, and hands it on with what is there now. `note` is told of every
/// pair.
fn look(
    sources: &Sources,
    firsts: &Firsts,
    note: &mut dyn FnMut(&PathPair),
    take: &mut dyn FnMut(PathPair, Node) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError> {
    let now = Moment::now();
    let names = sources.names();
    let known = [&sources.found, &sources.changes]
        .into_iter()
        .flatten()
        .chain([&sources.before])
        .map(|file| Known::file(file, names.clone(), &now))
        .collect();
    let looked: RefCell<VecDeque<Entry>> = RefCell::default();
    let mut waiting: VecDeque<PathPair> = VecDeque::new();
    let mut sink = |entry: Entry| {
        looked.borrow_mut().push_back(entry);
        Ok(())
    };
    let mut quiet = |_: super::Progress<'_>| {};
    let mut gatherer = Gatherer::hashing(known, &mut quiet, &mut sink);
    let mut looker = Looker::default();
    let mut hand_on = |waiting: &mut VecDeque<PathPair>| -> Result<(), SnapshotError> {
        loop {
            let Some(entry) = looked.borrow_mut().pop_front() else { return Ok(()) };
            while let Some(pair) = waiting.pop_front() {
                if pair.path == entry.path {
                    take(pair, entry.node)?;
                    break;
                }
                // It vanished while it was looked at.
                take(pair, Node::Absent)?;
            }
        }
    };
    for pair in sources.pairs() {
        let pair = pair?;
        note(&pair);
        // Of what the command did not change only the way to the others matters, and other names of
        // the same inodes.
        let concerned = pair.is_change()
            || pair.before.is_directory()
            || pair.left.is_directory()
            || firsts.are_linked(&pair);
        if concerned {
            looker.look(&pair.path, pair.role, &mut gatherer)?;
            waiting.push_back(pair);
            hand_on(&mut waiting)?;
        }
    }
    gatherer.finish()?;
    hand_on(&mut waiting)?;
    waiting.into_iter().try_for_each(|pair| take(pair, Node::Absent))
}
