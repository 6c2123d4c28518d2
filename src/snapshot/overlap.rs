//! Runs that came later and changed the same paths: going back behind them would take their work
//! away, and with it the state that their own undo relies on.

use std::collections::BTreeSet;

use super::manifest::path_order;
use super::pairs::Sources;
use super::runs::RunRecord;
use super::steps::{Item, Steps};
use super::{RunInformation, RunState, SnapshotError, SnapshotStore};
use crate::system::ByteString;

/// Whether paths that come in their order are of concern.
type Concern<'a> = dyn FnMut(&ByteString) -> Result<bool, SnapshotError> + 'a;

impl SnapshotStore {
    /// The later runs in effect that changed any of the paths of these steps, the latest first.
    ///
    /// # Errors
    /// Those of reading the store.
    pub(super) fn overlapping(
        &self,
        run: &RunInformation,
        steps: &Steps,
    ) -> Result<Vec<String>, SnapshotError> {
        let all = self.runs.readable()?;
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
            if !other.came_after(run) || !other.is_in_effect() || cancels_out {
                continue;
            }
            let is_step = |item: &Result<Item, _>| item.as_ref().map_or(true, Item::is_step);
            let mut items = steps.items().filter(is_step);
            let mut next = items.next().transpose()?;
            let mut concerns = |path: &ByteString| {
                while let Some(item) = &next {
                    match path_order(item.step.path.as_bytes(), path.as_bytes()) {
                        std::cmp::Ordering::Less => next = items.next().transpose()?,
                        order => return Ok(order.is_eq()),
                    }
                }
                Ok(false)
            };
            if self.changed(record, &mut concerns)? {
                overlapping.push(other.id.clone());
            }
        }
        Ok(overlapping)
    }

    /// Whether a run changed any of the paths that concern somebody, who is asked about them in
    /// their order; where its end was not seen, whether it could have.
    ///
    /// # Errors
    /// Those of reading the store.
    pub(super) fn changed(
        &self,
        record: &RunRecord,
        concerns: &mut Concern<'_>,
    ) -> Result<bool, SnapshotError> {
        let Some(changes) = self.runs.changes_file(record)? else {
            for entry in self.runs.before_file(record)?.entries() {
                if concerns(&entry?.path)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        };
        // A directory stands among the changes also where only its time has moved, which is none.
        let mut directories = BTreeSet::new();
        for entry in changes.entries() {
            let entry = entry?;
            if concerns(&entry.path)? {
                if !entry.node.is_directory() {
                    return Ok(true);
                }
                directories.insert(entry.path);
            }
        }
        if directories.is_empty() {
            return Ok(false);
        }
        let before = self.runs.before_file(record)?;
        for pair in (Sources { before, changes: Some(changes), found: None }).pairs() {
            let pair = pair?;
            if directories.contains(&pair.path) && pair.is_change() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
