//! Runs that came later and changed the same paths: going back behind them would take their work
//! away, and with it the state that their own undo relies on.

use std::collections::BTreeSet;

use super::changes::pairs;
use super::runs::RunRecord;
use super::{RunInformation, RunState, SnapshotError, SnapshotStore, Step};
use crate::system::ByteString;

impl SnapshotStore {
    /// The later runs in effect that changed any of the paths of these steps, the latest first.
    ///
    /// # Errors
    /// Those of reading the store.
    pub(super) fn overlapping(
        &self,
        run: &RunInformation,
        steps: &[Step],
    ) -> Result<Vec<String>, SnapshotError> {
        let paths: BTreeSet<&ByteString> = steps.iter().map(|step| &step.path).collect();
        let all = self.runs.all()?;
        let undone = |id: &str| {
            all.iter()
                .map(|record| &record.information)
                .find(|other| other.id == id)
                .filter(|other| other.state == RunState::Undone)
        };
        let mut overlapping = Vec::new();
        for record in &all {
            let other = &record.information;
            // A later run and the undo of it cancel out. An undo of an earlier run does not: it
            // brought something back after this run.
            let cancels_out = other.undo_of.as_deref().is_some_and(|original| {
                original == run.id || undone(original).is_some_and(|pair| pair.came_after(run))
            });
            if other.came_after(run)
                && other.is_in_effect()
                && !cancels_out
                && self.changed(record, &|path| paths.contains(path))?
            {
                overlapping.push(other.id.clone());
            }
        }
        Ok(overlapping)
    }

    /// Whether a run changed any of the paths that concern somebody; where its end was not seen,
    /// whether it could have.
    ///
    /// # Errors
    /// Those of reading the store.
    pub(super) fn changed(
        &self,
        record: &RunRecord,
        concerns: &dyn Fn(&ByteString) -> bool,
    ) -> Result<bool, SnapshotError> {
        let before = self.runs.before(record)?;
        let Some(after) = self.runs.after(record)? else {
            return Ok(before.entries.iter().any(|entry| concerns(&entry.path)));
        };
        Ok(pairs(&before, &after).iter().any(|pair| pair.is_change() && concerns(pair.path)))
    }
}
