//! The state before a command, and the state after it.

use std::path::Path;

use rustix::io::Errno;

use super::aside::WriteBehind;
use super::changes::DifferenceWriter;
use super::clones::Clones;
use super::error::shown;
use super::gather::Gatherer;
use super::known::Known;
use super::manifest::{Head, Tail};
use super::readers::Keeping;
use super::remarks::Sockets;
use super::runs::parse;
use super::walk::{Found, Visitor, visit_paths, walk};
use super::{
    Affected, CaptureLimits, Coverage, CoverageLevel, Entry, Keeps, Manifest, Progress, Role,
    RunInformation, RunState, Selection, SnapshotError, SnapshotStore,
};
use crate::review::RequestId;
use crate::system::{ByteString, Digest};

/// A state that was captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// The digest of the manifest, for the audit entry.
    pub manifest: Digest,
    /// How many paths it records.
    pub entries: u64,
    /// How many bytes of content were read for it.
    pub bytes: u64,
    /// How far an undo will go, and what it will not cover.
    pub coverage: Coverage,
    /// The same, as far as it is told to those who may not see everything.
    pub(super) coverage_told: Coverage,
}

/// What would be captured, for a reviewer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Preview {
    /// The paths, in the order in which they were come by; the ones that do not exist as well,
    /// where they are named.
    pub paths: Vec<ByteString>,
    /// Whether there are more.
    pub more: bool,
    /// How far an undo would go, and what it would not cover.
    pub coverage: Coverage,
}

impl Preview {
    /// Says among what is not covered that not all paths are listed, where that is so.
    pub fn say_that_there_is_more(&mut self) {
        if self.more {
            let listed = self.paths.len();
            let more = format!("only the first {listed} paths of the snapshot are listed");
            self.coverage.not_covered.push(more);
        }
    }
}

impl SnapshotStore {
    /// The first `most` paths that a capture would record. Reads names only, writes nothing.
    ///
    /// # Errors
    /// [`SnapshotError::Pattern`], [`SnapshotError::Read`].
    pub fn preview(&self, affected: &Affected, most: usize) -> Result<Preview, SnapshotError> {
        let selection = Selection::settle(affected)?;
        let mut previewer = Previewer::new(most);
        walk(&selection, &self.protected(), &mut previewer)?;
        Ok(previewer.finish(affected))
    }

    /// The same for somebody who may not see everything, with whose rights this is called: what is
    /// closed to them is said instead of shown, in the same words whatever is there.
    ///
    /// # Errors
    /// As [`Self::preview`], except for permissions that are missing.
    pub fn preview_what_is_seen(
        &self,
        affected: &Affected,
        most: usize,
    ) -> Result<Preview, SnapshotError> {
        let selection = Selection::settle(affected)?;
        let mut previewer = Previewer::new(most);
        let protected = self.protected();
        for root in selection.roots {
            let path = root.path.clone();
            let alone = Selection { roots: vec![root] };
            match walk(&alone, &protected, &mut previewer) {
                Err(SnapshotError::Read { source, .. })
                    if source.kind() == std::io::ErrorKind::PermissionDenied =>
                {
                    let sentence = format!(
                        "what is at {} is not yours to see: whether it is snapshotted depends on \
                         what is there",
                        shown(path.as_path())
                    );
                    previewer.left_out(sentence);
                }
                walked => walked?,
            }
        }
        Ok(previewer.finish(affected))
    }

    /// Captures the state before a command. When this returns, the snapshot is on disk; when it
    /// fails, nothing of it is left but, at worst, content that no manifest names.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`], [`SnapshotError::Unstable`], [`SnapshotError::Exists`], and
    /// those of reading and writing.
    pub fn capture_before(
        &self,
        information: RunInformation,
        affected: &Affected,
        limits: CaptureLimits,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Captured, SnapshotError> {
        let id = parse(&information.id)?;
        self.prepare()?;
        let selection = Selection::settle(affected)?;
        let incoming = self.objects.incoming(&id)?;
        let head = Head::new(selection);
        let known = self.recent(&head)?;
        let run = self.runs.begin(&id)?;
        let mut writer = WriteBehind::new(run.write_before(&head)?);
        let mut sink = |entry: Entry| writer.push(entry);
        let mut gatherer = Gatherer::keeping(incoming, limits, known, progress, &mut sink);
        walk(&head.selection, &self.protected(), &mut gatherer)?;
        let gathered = gatherer.finish()?;
        // Until the run is recorded, what it names must stay in the store.
        let _published = gathered.kept.map(Keeping::publish).transpose()?;
        let coverage = affected.coverage(&gathered.not_covered);
        let coverage_told = affected.coverage_told();
        let tail = Tail {
            not_covered: coverage.not_covered.clone(),
            not_covered_told: coverage_told.clone().unwrap_or_default().not_covered,
            ..Tail::default()
        };
        let manifest = writer.finish(tail)?;
        let information = RunInformation {
            state: RunState::Captured,
            keeps: Keeps { paths: gathered.entries, bytes: gathered.bytes },
            coverage: Some(coverage.level),
            coverage_told: coverage_told.as_ref().map(|told| told.level),
            ..information
        };
        run.exists(information, manifest)?;
        self.note_recent(&head.selection, &id, gathered.entries);
        Ok(Captured {
            manifest,
            entries: gathered.entries,
            bytes: gathered.bytes,
            coverage,
            coverage_told: coverage_told.unwrap_or_default(),
        })
    }

    /// Captures the state after the command has ended: the same places, hashed and not kept, since
    /// what an undo replaces is captured by the undo itself.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], and those of reading and writing. The run can then still be
    /// undone, but nobody knows how the command left things.
    pub fn capture_after(
        &self,
        id: &RequestId,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Captured, SnapshotError> {
        let before = self.runs.before_file(&self.runs.record(id)?)?;
        let head = Head::new(before.head.selection.clone());
        let known = vec![Known::file(&before, Tail::default(), &head.at)];
        let writer = self.runs.write_after(id, &head)?;
        let clones = Clones::default();
        let mut difference = DifferenceWriter::new(
            before.entries_ahead().inspect(|entry| {
                if let Ok(entry) = entry {
                    clones.note(entry);
                }
            }),
            writer,
        );
        let mut sink = |entry: Entry| difference.push(&entry);
        let mut gatherer = Gatherer::hashing(known, progress, &mut sink);
        walk(&head.selection, &self.protected(), &mut gatherer)?;
        let gathered = gatherer.finish()?;
        let (digest, _) = difference.finish(|| {
            let clones = clones.resolve(&self.objects)?;
            Ok(Tail { clones, not_covered: gathered.not_covered.clone(), ..Tail::default() })
        })?;
        let _lock = self.lock()?;
        // Read again: it may have been undone by force while the command still ran.
        let mut record = self.runs.record(id)?;
        record.after = Some(digest);
        if record.information.state == RunState::Captured {
            record.information.state = RunState::Complete;
        }
        self.runs.write_record(&record)?;
        let coverage = |level: Option<CoverageLevel>, not_covered: Vec<String>| Coverage {
            level: level.unwrap_or(CoverageLevel::None),
            lowering: not_covered.len(),
            not_covered,
        };
        Ok(Captured {
            manifest: digest,
            entries: gathered.entries,
            bytes: gathered.bytes,
            coverage: coverage(record.information.coverage, gathered.not_covered),
            coverage_told: coverage(record.information.coverage_told, Vec::new()),
        })
    }

    /// Looks where a manifest looked, keeping nothing.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn look_again(
        &self,
        manifest: &Manifest,
        known: &[&Manifest],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Manifest, SnapshotError> {
        let known = known.iter().map(|known| Known::memory(known)).collect();
        let mut looked = Manifest::new(manifest.selection.clone());
        let entries = &mut looked.entries;
        let mut sink = |entry: Entry| {
            entries.push(entry);
            Ok(())
        };
        let mut gatherer = Gatherer::hashing(known, progress, &mut sink);
        if manifest.selection.roots.is_empty() {
            let entries = manifest.entries.iter();
            visit_paths(entries.map(|entry| (&entry.path, entry.role)), &mut gatherer)?;
        } else {
            walk(&manifest.selection, &self.protected(), &mut gatherer)?;
        }
        looked.not_covered = gatherer.finish()?.not_covered;
        Ok(looked)
    }
}

/// Lists, and stops early.
struct Previewer {
    preview: Preview,
    /// What was found that is not captured.
    found: Vec<String>,
    sockets: Sockets,
    most: usize,
    seen: usize,
}

impl Previewer {
    fn new(most: usize) -> Self {
        Self {
            preview: Preview::default(),
            found: Vec::new(),
            sockets: Sockets::default(),
            most,
            seen: 0,
        }
    }

    fn finish(mut self, affected: &Affected) -> Preview {
        self.found.extend(self.sockets.sentence());
        Preview { coverage: affected.coverage(&self.found), ..self.preview }
    }

    fn add(&mut self, path: &Path, role: Role) {
        // A pattern that seldom matches must not make a reviewer wait for a walk of the disk.
        const LOOKED_AT: usize = 10_000;
        self.seen += 1;
        self.preview.more |= self.seen >= LOOKED_AT;
        if role == Role::Context {
            return;
        }
        let path = ByteString::from(path);
        // What a rule names and the command as well is come by twice.
        if self.preview.paths.contains(&path) {
            return;
        }
        if self.preview.paths.len() < self.most {
            self.preview.paths.push(path);
        } else {
            self.preview.more = true;
        }
    }
}

impl Visitor for Previewer {
    fn found(&mut self, found: Found<'_>) -> Result<(), SnapshotError> {
        self.sockets.note(&found.status, found.path);
        self.add(found.path, found.role);
        Ok(())
    }

    fn absent(&mut self, path: &Path, role: Role) -> Result<(), SnapshotError> {
        self.add(path, role);
        Ok(())
    }

    fn closed(&mut self, path: &Path, error: Errno) -> Result<(), SnapshotError> {
        self.left_out(format!("what is below {} cannot be read ({error})", shown(path)));
        Ok(())
    }

    fn left_out(&mut self, sentence: String) {
        self.found.push(sentence);
    }

    fn enough(&self) -> bool {
        self.preview.more
    }
}
