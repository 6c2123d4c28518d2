//! When the store was last looked at, and what was in it: what the age of a run is held to, beside the
//! clock of the machine.
//!
//! Whoever prunes leaves a look. A run that was not there at the last look came after it, whatever its
//! own time says: so what a machine captures that believes itself in 1970 is not old at once. And
//! where the clock is far beyond everything that is known, it may be wrong: it is believed once it has
//! said so for a day.
//!
//! A look is no more than a help: without one, runs have the time that they have.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunInformation;
use crate::system::durable::{self, DurableError};
use crate::system::{Moment, canonical};

const DAY_MS: u64 = 86_400_000;

/// How far the clock may be beyond everything that is known before it is doubted. A machine that is
/// used is looked at more often.
const LEAP_MS: i64 = 7 * 86_400_000;

/// What somebody saw who looked at a store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Look {
    v: u32,
    at: Moment,
    /// Since when the clock is in doubt, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubted: Option<Moment>,
    /// The runs that were there, and since when, in milliseconds since the epoch.
    runs: BTreeMap<String, i64>,
}

impl Look {
    /// The last look; `None` where there was none, or nobody can read it.
    pub(super) fn last(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    /// Looks at these runs now, `last` time having been that.
    pub(super) fn take<'r>(
        last: Option<&Self>,
        runs: impl Iterator<Item = &'r RunInformation> + Clone,
        now: &Moment,
    ) -> Self {
        // A look from the future was taken by a clock that was wrong.
        let last = last.filter(|last| last.at.wall_ms <= now.wall_ms);
        Self {
            v: 1,
            at: now.clone(),
            doubted: doubted(last, runs.clone(), now),
            runs: runs.map(|run| (run.id.clone(), since(last, run, now))).collect(),
        }
    }

    /// Since when a run is there. Of one that was not there, its own time.
    pub(super) fn since(&self, run: &RunInformation) -> i64 {
        self.runs.get(&run.id).copied().unwrap_or(run.at.wall_ms)
    }

    /// Whether the clock has leapt and not held for a day since.
    pub(super) fn doubts_the_clock(&self) -> bool {
        self.doubted.is_some()
    }

    /// Leaves it for the next one, without the runs that are gone since.
    ///
    /// # Errors
    /// Those of writing: the next one then has an older look, by which runs are younger.
    pub(super) fn leave(
        mut self,
        file: &Path,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Result<(), DurableError> {
        self.runs.retain(|id, _| is_there(id));
        let text = canonical::to_string(&self).map_err(|error| DurableError {
            action: "write",
            path: file.to_owned(),
            source: std::io::Error::other(error),
        })?;
        durable::write(file, text.as_bytes())
    }
}

fn since(last: Option<&Look>, run: &RunInformation, now: &Moment) -> i64 {
    let Some(last) = last else { return run.at.wall_ms.min(now.wall_ms) };
    let known = last.runs.get(&run.id).copied();
    known.unwrap_or_else(|| run.at.wall_ms.max(last.at.wall_ms)).min(now.wall_ms)
}

fn doubted<'r>(
    last: Option<&Look>,
    runs: impl Iterator<Item = &'r RunInformation>,
    now: &Moment,
) -> Option<Moment> {
    // What the wall clock should say now, as far as a moment tells.
    let expected = |moment: &Moment| match moment.boot_id == now.boot_id {
        true => {
            let passed = now.boot_ms.saturating_sub(moment.boot_ms);
            moment.wall_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
        }
        false => moment.wall_ms,
    };
    let doubted = last.and_then(|last| last.doubted.as_ref());
    if let Some(since) = doubted.filter(|since| since.wall_ms <= now.wall_ms) {
        let held = match since.boot_id == now.boot_id {
            true => now.boot_ms.saturating_sub(since.boot_ms),
            false => u64::try_from(now.wall_ms.saturating_sub(since.wall_ms)).unwrap_or(0),
        };
        if held < DAY_MS {
            return Some(since.clone());
        }
    }
    let known = runs.map(|run| &run.at).filter(|at| at.wall_ms <= now.wall_ms);
    let latest = known.chain(last.map(|last| &last.at)).map(expected).max()?;
    (now.wall_ms.saturating_sub(latest) > LEAP_MS).then(|| now.clone())
}

#[cfg(test)]
mod tests;
