//! Taking runs away, and the content that only they had.
//!
//! Killed, or without power, at any point, nothing that is kept is damaged, because everything goes in
//! this order:
//!
//! 1. The runs go, each in one step: its directory is renamed to what is no run. The directory of runs
//!    is synced before anything else happens, so that none comes back without its content.
//! 2. What was renamed is removed. What is left of that by a killed process goes the next time.
//! 3. Content goes that no run names. That is looked up with the store closed to captures: one on its
//!    way may rely on content that nobody names yet.
//!
//! On record comes first. Only where there is no room for the record either, as many runs go before it
//! as it takes: a full store can always be pruned.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{unreadable, unwritable};
use super::keeping::candidates;
use super::live::Weigher;
use super::look::Look;
use super::retention::{Because, Candidate, Clock, Fate, Hold, Limits, judge, lines};
use super::runs::{RunRecord, parse};
use super::{RunInformation, SnapshotError, SnapshotStore};
use crate::review::RequestId;
use crate::system::{Digest, Moment, durable};

/// A run that goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doomed {
    /// The run.
    pub run: RunInformation,
    /// The digest of the manifest of what was there before it.
    pub before: Digest,
    /// The digest of the manifest of what it left, where one was taken.
    pub after: Option<Digest>,
    /// How many bytes of content nothing that stays keeps as well.
    pub bytes: u64,
    /// Why.
    pub because: Because,
}

/// What would go.
#[derive(Debug)]
pub struct PrunePlan {
    /// The runs, the oldest first.
    pub doomed: Vec<Doomed>,
    /// Whether the clock is in doubt, so that nothing goes by its age.
    pub doubts_the_clock: bool,
    /// The look that was taken for it.
    look: Look,
}

/// What went.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The runs.
    pub runs: Vec<Doomed>,
    /// Those that somebody has pinned, or begun to undo, in the meantime, and why they stay.
    pub spared: Vec<(String, Hold)>,
    /// How many bytes the store takes less.
    pub freed: u64,
    /// Why content is still there that no run may need, where that could not be found out.
    pub not_swept: Option<SnapshotError>,
}

/// The beginning of the name of what was a run.
const GONE: &str = ".gone-";

impl SnapshotStore {
    /// What goes by these limits. Changes nothing.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn plan_prune(&self, limits: &Limits) -> Result<PrunePlan, SnapshotError> {
        let now = Moment::now();
        let records = self.runs.all()?;
        let look = self.look(&records, &now);
        let candidates = candidates(&records, &look);
        let clock = Clock { now: &now, in_doubt: look.doubts_the_clock() };
        let mut weigher = Weigher::default();
        // Whatever the runs name, there is no more of it than there is.
        let bytes = limits.bytes.filter(|most| self.size().is_none_or(|size| size > *most));
        let limits = Limits { bytes, ..*limits };
        let fates = judge(&candidates, &limits, clock, &mut |at| {
            // What is damaged can be weighed as little as it can be put back.
            let weight = records.get(at).map(|record| weigher.weigh(&self.runs, record));
            Ok::<u64, SnapshotError>(weight.and_then(Result::ok).unwrap_or(0))
        })?;
        let because = |fate: Fate| match fate {
            Fate::Stays => None,
            Fate::Goes(because) => Some(because),
        };
        let fates: Vec<Option<Because>> = fates.into_iter().map(because).collect();
        Ok(self.doom(records, &fates, look))
    }

    /// What goes where somebody names runs: these, and the undos and originals of each.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], [`SnapshotError::Held`], and those of reading the store.
    pub fn plan_removal(&self, ids: &[RequestId]) -> Result<PrunePlan, SnapshotError> {
        let now = Moment::now();
        let records = self.runs.all()?;
        let look = self.look(&records, &now);
        let mut fates = vec![None; records.len()];
        let (lines, _) = lines(&candidates(&records, &look), &now);
        for id in ids {
            let named = |at: &usize| {
                records.get(*at).is_some_and(|record| record.information.id == id.to_string())
            };
            let line = lines.iter().find(|line| line.members.iter().any(named));
            let line = line.ok_or_else(|| SnapshotError::Unknown(id.to_string()))?;
            if let Some(hold) = line.hold {
                return Err(SnapshotError::Held { id: id.to_string(), why: hold.clause() });
            }
            for at in &line.members {
                if let Some(fate) = fates.get_mut(*at) {
                    *fate = Some(Because::Asked);
                }
            }
        }
        Ok(self.doom(records, &fates, look))
    }

    fn doom(&self, records: Vec<RunRecord>, fates: &[Option<Because>], look: Look) -> PrunePlan {
        let doubts_the_clock = look.doubts_the_clock();
        let mut weigher = Weigher::default();
        let mut doomed = Vec::new();
        if fates.iter().any(Option::is_some) {
            let all = || records.iter().zip(fates);
            for (record, _) in all().filter(|(_, fate)| fate.is_none()) {
                // What cannot be read makes the others seem to free more than they do.
                let _ = weigher.weigh(&self.runs, record);
            }
            for (record, because) in all().rev() {
                let Some(because) = *because else { continue };
                doomed.push(Doomed {
                    bytes: weigher.weigh(&self.runs, record).unwrap_or(0),
                    run: record.information.clone(),
                    before: record.before,
                    after: record.after,
                    because,
                });
            }
        }
        PrunePlan { doomed, doubts_the_clock, look }
    }

    /// Takes the runs of a plan away, and the content that no run names.
    ///
    /// `on_record` puts runs on record, and says whether there was room for that.
    ///
    /// # Errors
    /// What `on_record` fails with: nothing has gone then, unless runs had to go first to make room for
    /// it, and even that did not. Those of reading and writing.
    pub fn prune<E: From<SnapshotError>>(
        &self,
        plan: PrunePlan,
        on_record: &mut dyn FnMut(&[Doomed]) -> Result<bool, E>,
    ) -> Result<Pruned, E> {
        self.prepare()?;
        let mut pruned = Pruned::default();
        {
            let _lock = self.lock()?;
            let doomed = self.still_doomed(plan.doomed, &mut pruned.spared)?;
            if !doomed.is_empty() {
                self.take_away(&doomed, on_record)?;
            }
            pruned.runs = doomed;
        }
        for left in gone(&self.runs.directory)? {
            fs::remove_dir_all(&left).map_err(unwritable(&left))?;
        }
        match self.sweep() {
            Ok(freed) => pruned.freed = freed,
            Err(error) => pruned.not_swept = Some(error),
        }
        self.forget_recent(&pruned.runs);
        let is_there = |id: &str| !pruned.runs.iter().any(|gone| gone.run.id == id);
        // Without it the next look rests on an older one, by which runs are younger.
        let _ = plan.look.leave(&self.look_file(), &is_there);
        Ok(pruned)
    }

    /// Takes away what says which run captured a place last, of runs that are gone: a help that helps
    /// nobody any more, and no loss where it stays.
    fn forget_recent(&self, gone: &[Doomed]) {
        let Ok(places) = fs::read_dir(self.directory.join("recent")) else { return };
        for place in places.filter_map(Result::ok) {
            let noted = fs::read_to_string(place.path()).unwrap_or_default();
            if gone.iter().any(|one| one.run.id == noted.trim()) {
                let _ = fs::remove_file(place.path());
            }
        }
    }

    /// Those of a plan that nobody has pinned or begun to undo since it was made.
    fn still_doomed(
        &self,
        doomed: Vec<Doomed>,
        spared: &mut Vec<(String, Hold)>,
    ) -> Result<Vec<Doomed>, SnapshotError> {
        let now = Moment::now();
        let records = self.runs.all()?;
        let candidates: Vec<Candidate<'_>> =
            candidates(&records, &Look::take(None, [].into_iter(), &now));
        let (lines, _) = lines(&candidates, &now);
        let hold = |id: &str| {
            let is = |at: &usize| records.get(*at).is_some_and(|one| one.information.id == id);
            lines.iter().find(|line| line.members.iter().any(is)).map(|line| line.hold)
        };
        let mut still = Vec::new();
        for one in doomed {
            match hold(&one.run.id) {
                Some(None) => still.push(one),
                Some(Some(hold)) => spared.push((one.run.id, hold)),
                // Somebody else has taken it away.
                None => {}
            }
        }
        Ok(still)
    }

    fn take_away<E: From<SnapshotError>>(
        &self,
        doomed: &[Doomed],
        on_record: &mut dyn FnMut(&[Doomed]) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut recorded = on_record(doomed)?;
        for (at, one) in doomed.iter().enumerate() {
            let id = parse(&one.run.id)?;
            if recorded {
                self.runs.set_aside(&id)?;
                continue;
            }
            // What it takes makes room for the record of it, and of the others.
            self.runs.remove(&id)?;
            if let Some(of_these) = doomed.get(..=at)
                && on_record(of_these)?
            {
                recorded = true;
                if let Some(others) = doomed.get(at + 1..).filter(|others| !others.is_empty())
                    && !on_record(others)?
                {
                    return Err(SnapshotError::NoRoomForTheRecord.into());
                }
            }
        }
        self.runs.sync()?;
        if recorded { Ok(()) } else { Err(SnapshotError::NoRoomForTheRecord.into()) }
    }
}

impl super::runs::Runs {
    /// Makes a run one that was, in one step.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    fn set_aside(&self, id: &RequestId) -> Result<(), SnapshotError> {
        let gone = self.directory.join(format!("{GONE}{}", id.characters()));
        match fs::rename(self.of(id), &gone) {
            Ok(()) => Ok(()),
            // A name of this length may need a block more than there is.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => self.remove(id),
            Err(error) => Err(unwritable(&gone)(error)),
        }
    }

    /// Removes what was to become a run and never did, by a killed capture. None may run.
    ///
    /// # Errors
    /// [`SnapshotError::Read`], [`SnapshotError::Write`].
    pub(super) fn remove_unborn(&self) -> Result<(), SnapshotError> {
        for id in self.ids()? {
            let directory = self.of(&id);
            if !directory.join("information.json").try_exists().map_err(unreadable(&directory))? {
                fs::remove_dir_all(&directory).map_err(unwritable(&directory))?;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), SnapshotError> {
        Ok(durable::sync_directory(&self.directory)?)
    }
}

/// What was renamed and not removed.
fn gone(runs: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(runs).map_err(unreadable(runs))? {
        let entry = entry.map_err(unreadable(runs))?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(GONE)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
