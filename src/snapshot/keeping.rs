//! What is kept, for how long, and pins, which keep it for longer.

use std::time::Duration;

use super::look::Look;
use super::retention::{Candidate, Hold, lines, own_age};
use super::runs::RunRecord;
use super::{Pin, RunInformation, SnapshotError, SnapshotStore};
use crate::review::RequestId;
use crate::system::Moment;

/// A run, and what of it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The run.
    pub run: RunInformation,
    /// What keeps it, or what it belongs to, whatever its age.
    pub hold: Option<Hold>,
    /// Until when it is kept otherwise, in milliseconds since the epoch: of what goes together, the
    /// last one counts. Where there is too much, it may go before.
    pub until_ms: i64,
}

/// Runs as they are judged.
pub(super) fn candidates<'r>(records: &'r [RunRecord], look: &Look) -> Vec<Candidate<'r>> {
    records
        .iter()
        .map(|RunRecord { information, .. }| Candidate {
            information,
            since_ms: look.since(information),
            pinned: information.pin.is_some(),
        })
        .collect()
}

impl SnapshotStore {
    /// All runs, the newest first, and how long each is kept; those whose rules do not say for
    /// `unwritten`.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
    pub fn kept(&self, unwritten: Duration) -> Result<Vec<Kept>, SnapshotError> {
        let now = Moment::now();
        let records = self.runs.all()?;
        let look = self.look(&records, &now);
        let candidates = candidates(&records, &look);
        let (lines, times) = lines(&candidates, &now);
        let mut kept: Vec<Option<Kept>> = vec![None; records.len()];
        for line in lines {
            let until = |at: &usize| {
                let age = own_age(candidates.get(*at)?, unwritten).as_millis();
                let age = i64::try_from(age).unwrap_or(i64::MAX);
                Some(times.get(*at)?.saturating_add(age))
            };
            let until_ms = line.members.iter().filter_map(until).max().unwrap_or(i64::MAX);
            for at in line.members {
                if let (Some(place), Some(record)) = (kept.get_mut(at), records.get(at)) {
                    let run = record.information.clone();
                    *place = Some(Kept { run, hold: line.hold, until_ms });
                }
            }
        }
        Ok(kept.into_iter().flatten().collect())
    }

    /// A look at these runs now.
    pub(super) fn look(&self, records: &[RunRecord], now: &Moment) -> Look {
        let runs = records.iter().map(|record| &record.information);
        Look::take(Look::last(&self.look_file()).as_ref(), runs, now)
    }

    /// When somebody last looked what is to be kept; `None` where nobody did.
    pub fn last_look(&self) -> Option<std::time::SystemTime> {
        std::fs::metadata(self.look_file()).ok()?.modified().ok()
    }

    pub(super) fn look_file(&self) -> std::path::PathBuf {
        self.directory.join("look.json")
    }

    /// Pins a run, anew where it is pinned already.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], and those of reading and writing.
    pub fn pin(&self, id: &RequestId, pin: Pin) -> Result<(), SnapshotError> {
        self.set_pin(id, Some(pin))
    }

    /// Takes a run's pin away.
    ///
    /// # Errors
    /// As [`Self::pin`].
    pub fn unpin(&self, id: &RequestId) -> Result<(), SnapshotError> {
        self.set_pin(id, None)
    }

    fn set_pin(&self, id: &RequestId, pin: Option<Pin>) -> Result<(), SnapshotError> {
        let _lock = self.lock()?;
        let mut record = self.runs.record(id)?;
        record.information.pin = pin;
        self.runs.write_record(&record)
    }
}
