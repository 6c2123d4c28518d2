//! An undo of some paths only: what of a plan it covers. The rest stays as it is, and the run stays
//! one that can be undone.

use std::collections::BTreeSet;

use super::changes::Pair;
use super::{Entry, Manifest, SnapshotError, Step, UndoOptions, UndoPlan};
use crate::system::ByteString;

impl UndoOptions {
    /// Whether a path is to go back.
    pub(super) fn cover(&self, path: &ByteString) -> bool {
        let path = path.as_path();
        self.only.is_empty() || self.only.iter().any(|only| path.starts_with(only))
    }

    /// Refuses a path that was named and has nothing to do with the run: it was mistyped, and an undo
    /// that does nothing must not pass for one that put it back.
    ///
    /// # Errors
    /// [`SnapshotError::NotChanged`].
    pub(super) fn name_changes(&self, pairs: &[Pair<'_>], id: &str) -> Result<(), SnapshotError> {
        let changed = |only: &std::path::Path| {
            pairs.iter().any(|pair| pair.is_change() && pair.path.as_path().starts_with(only))
        };
        match self.only.iter().find(|only| !changed(only)) {
            Some(path) => Err(SnapshotError::NotChanged { id: id.to_owned(), path: path.clone() }),
            None => Ok(()),
        }
    }
}

impl UndoPlan {
    fn concerned(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(self.conflicts.iter().map(|conflict| &conflict.step))
    }

    /// Whether anything comes back below a directory.
    pub(super) fn restores_below(&self, directory: &ByteString) -> bool {
        let directory = directory.as_path();
        self.concerned().any(|step| {
            !step.before.is_absent()
                && step.path.as_path() != directory
                && step.path.as_path().starts_with(directory)
        })
    }

    /// Puts steps and conflicts in the order of their paths.
    pub(super) fn sort(&mut self) {
        self.steps.sort_by(|one, two| one.path.cmp(&two.path));
        self.conflicts.sort_by(|one, two| one.step.path.cmp(&two.step.path));
    }

    /// Leaves the times of directories alone that were not asked for. Where something goes back in one
    /// of them it gets the time that it has now: as the command left it, so that the undo of the rest
    /// still knows it.
    pub(super) fn leave_other_times(&mut self, options: &UndoOptions, now: &Manifest) {
        if options.only.is_empty() {
            return;
        }
        let restored: BTreeSet<&ByteString> = self.concerned().map(|step| &step.path).collect();
        let theirs = |path: &ByteString| options.cover(path) || restored.contains(path);
        let parents: BTreeSet<ByteString> = self
            .concerned()
            .filter_map(|step| step.path.as_path().parent().map(ByteString::from))
            .filter(|parent| !theirs(parent))
            .collect();
        let mut times: Vec<Entry> =
            self.directory_times.iter().filter(|entry| theirs(&entry.path)).cloned().collect();
        times.extend(
            parents
                .iter()
                .filter_map(|parent| now.entry(parent))
                .filter(|entry| entry.node.is_directory())
                .cloned(),
        );
        times.sort_by(|one, two| one.path.cmp(&two.path));
        self.directory_times = times;
    }
}
