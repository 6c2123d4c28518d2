//! Which runs are kept: a function of what is known about them, of limits and of the time.
//!
//! A run and the undos of it, and the undos of those, are one thing here, a *line*: redo needs the
//! original as much as the undo. They stay or go together, count as one, and are as old as the
//! youngest of them.
//!
//! Nothing here takes away what is pinned, what an undo that has not ended needs, and what a command
//! that may still run needs. What a command of high or critical risk left in effect goes only by its
//! age, not because there is too much. Everything that is in excess goes from the oldest on.
//!
//! # Clocks
//!
//! Wall clocks are wrong at times: a machine wakes in 2038 or in 1970, a time server lies. So a run is
//! old only if everything agrees: its own time, the time at which it was first seen here
//! ([`super::look::Look`]), and within one boot the boot clock, which nobody sets. A run from the
//! future has no age. A clock that has leapt (again [`super::look::Look`]) ages nothing until it has
//! said so for a day. Among runs of one boot the boot clock orders, too: none counts as older than one
//! that came before it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::{RunInformation, RunState};
use crate::policy::Risk;
use crate::system::Moment;

/// What may be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long runs are kept whose rules do not say.
    pub unwritten: Duration,
    /// How long; `None`: without end.
    pub age: Option<AgeLimit>,
    /// How many lines; `None`: any number.
    pub runs: Option<u64>,
    /// How many bytes of content; `None`: any amount.
    pub bytes: Option<u64>,
}

/// How long runs are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AgeLimit {
    /// As their rules say. The clock must have held for a day.
    Rules,
    /// This long, whatever the rules say, by the clock as it is: somebody typed it. What is of high
    /// risk and in effect is kept at least as long as its rules say all the same.
    Typed(Duration),
}

/// Why a run goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Because {
    /// It is older than it is kept.
    Age,
    /// There are too many.
    Count,
    /// Together they are too large.
    Size,
    /// Somebody named it.
    Asked,
}

impl Because {
    /// The word for it, in the audit log too.
    pub fn word(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Count => "count",
            Self::Size => "size",
            Self::Asked => "asked",
        }
    }
}

/// Why a run stays, whatever the limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// It, or its undo, or what it undid, is pinned.
    Pinned,
    /// An undo has begun and not ended.
    Undoing,
    /// Its command was not seen to end, and the machine has not been booted since.
    Running,
}

impl Hold {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Undoing => "undoing",
            Self::Running => "running",
        }
    }

    /// Why, as a clause.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Pinned => "it is pinned",
            Self::Undoing => "an undo of it has begun and not ended",
            Self::Running => {
                "its command was not seen to end and may still run (undo it, or boot the machine)"
            }
        }
    }
}

/// A run, as it is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) information: &'a RunInformation,
    /// When it was made, as far as this store knows, in milliseconds since the epoch.
    pub(super) since_ms: i64,
    pub(super) pinned: bool,
}

/// The time, and whether runs are to age by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock<'a> {
    pub(super) now: &'a Moment,
    /// Whether it has leapt, and not yet held since.
    pub(super) in_doubt: bool,
}

/// What becomes of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It stays.
    Stays,
    /// It goes.
    Goes(Because),
}

/// A run with everything that goes and stays with it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Where its members are among the candidates.
    pub(super) members: Vec<usize>,
    /// What holds it, whatever the limits.
    pub(super) hold: Option<Hold>,
    /// Whether a command of high or critical risk is in effect in it.
    at_risk: bool,
    /// What orders it: that of its youngest member.
    order: (i64, u64),
}

/// The candidates by what belongs together, the youngest first, and the times by which each
/// candidate counts.
pub(super) fn lines(runs: &[Candidate<'_>], now: &Moment) -> (Vec<Line>, Vec<i64>) {
    let times = times(runs);
    let mut lines: BTreeMap<usize, Line> = BTreeMap::new();
    for (at, origin) in origins(runs).into_iter().enumerate() {
        let Some((run, time)) = runs.get(at).zip(times.get(at)) else { continue };
        let line = lines.entry(origin).or_insert_with(|| Line {
            members: Vec::new(),
            hold: None,
            at_risk: false,
            order: (i64::MIN, 0),
        });
        line.members.push(at);
        line.order = line.order.max((*time, run.information.at.boot_ms));
        line.hold = line.hold.or_else(|| hold(run, now));
        let state = run.information.state;
        line.at_risk |= run.information.undo_of.is_none()
            && run.information.risk.is_some_and(|risk| risk >= Risk::High)
            && state != RunState::Undone;
    }
    let mut lines: Vec<Line> = lines.into_values().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.order));
    (lines, times)
}

fn hold(run: &Candidate<'_>, now: &Moment) -> Option<Hold> {
    match run.information.state {
        RunState::Undoing => Some(Hold::Undoing),
        RunState::Captured if run.information.at.boot_id == now.boot_id => Some(Hold::Running),
        _ => run.pinned.then_some(Hold::Pinned),
    }
}

/// What becomes of each run. `size` says how many bytes a run keeps that none of those that it was
/// asked about before keeps as well; it is only asked where there is a limit.
///
/// # Errors
/// What `size` fails with.
pub(super) fn judge<E>(
    runs: &[Candidate<'_>],
    limits: &Limits,
    clock: Clock<'_>,
    size: &mut dyn FnMut(usize) -> Result<u64, E>,
) -> Result<Vec<Fate>, E> {
    let (lines, times) = lines(runs, clock.now);
    let mut fates: Vec<Option<Because>> = vec![None; lines.len()];
    let judged = || lines.iter().enumerate();
    let young = |line: &Line, limit: &dyn Fn(&Candidate<'_>) -> Duration| {
        line.members.iter().any(|at| match (runs.get(*at), times.get(*at)) {
            (Some(run), Some(time)) => age(run, *time, clock).is_none_or(|age| age <= limit(run)),
            _ => true,
        })
    };

    // What is of high risk and in effect goes by its own age only.
    let own_age = |run: &Candidate<'_>| own_age(run, limits.unwritten);
    let early = |line: &Line| line.at_risk && (clock.in_doubt || young(line, &own_age));
    let stays = |line: &Line| line.hold.is_some() || early(line);

    // By age.
    if let Some(limit) = limits.age {
        for (at, line) in judged().filter(|(_, line)| line.hold.is_none()) {
            let is_young = match limit {
                AgeLimit::Rules => clock.in_doubt || young(line, &own_age),
                AgeLimit::Typed(typed) => young(line, &|_| typed) || early(line),
            };
            if !is_young && let Some(fate) = fates.get_mut(at) {
                *fate = Some(Because::Age);
            }
        }
    }

    // By count: the youngest stay.
    if let Some(most) = limits.runs {
        let mut kept = 0_u64;
        for (at, line) in judged() {
            let Some(fate) = fates.get_mut(at).filter(|fate| fate.is_none()) else { continue };
            if kept >= most && !stays(line) {
                *fate = Some(Because::Count);
            } else {
                kept += 1;
            }
        }
    }

    // By size: what stays anyway comes first, then the youngest, as far as there is room.
    if let Some(most) = limits.bytes {
        let mut total = 0_u64;
        let mut add = |line: &Line| -> Result<u64, E> {
            for member in &line.members {
                total = total.saturating_add(size(*member)?);
            }
            Ok(total)
        };
        let (fixed, others): (Vec<_>, Vec<_>) = judged()
            .filter(|(at, _)| fates.get(*at).is_some_and(Option::is_none))
            .partition(|(_, line)| stays(line));
        for (_, line) in fixed {
            add(line)?;
        }
        let mut full = false;
        for (at, line) in others {
            full = full || add(line)? > most;
            if full && let Some(fate) = fates.get_mut(at) {
                *fate = Some(Because::Size);
            }
        }
    }

    let mut of_runs = vec![Fate::Stays; runs.len()];
    for (line, because) in lines.iter().zip(fates) {
        for member in &line.members {
            if let (Some(fate), Some(because)) = (of_runs.get_mut(*member), because) {
                *fate = Fate::Goes(because);
            }
        }
    }
    Ok(of_runs)
}

/// How long a run's rules want it kept.
pub(super) fn own_age(run: &Candidate<'_>, unwritten: Duration) -> Duration {
    run.information.keep_ms.map_or(unwritten, Duration::from_millis)
}

/// How old a run is, by the clock that makes it youngest. `None` where it lies in the future.
fn age(run: &Candidate<'_>, time_ms: i64, clock: Clock<'_>) -> Option<Duration> {
    let Clock { now, .. } = clock;
    let at = &run.information.at;
    if at.wall_ms > now.wall_ms {
        return None;
    }
    let wall = u64::try_from(now.wall_ms.saturating_sub(time_ms)).unwrap_or(0);
    let age = match at.boot_id == now.boot_id {
        true => wall.min(now.boot_ms.saturating_sub(at.boot_ms)),
        false => wall,
    };
    Some(Duration::from_millis(age))
}

/// The times by which runs count: of one boot, none is before one that came before it.
fn times(runs: &[Candidate<'_>]) -> Vec<i64> {
    let mut times: Vec<i64> = runs.iter().map(|run| run.since_ms).collect();
    let mut boots: HashMap<&str, Vec<(u64, usize)>> = HashMap::new();
    for (at, run) in runs.iter().enumerate() {
        let moment = &run.information.at;
        boots.entry(moment.boot_id.0.as_str()).or_default().push((moment.boot_ms, at));
    }
    for mut boot in boots.into_values() {
        boot.sort_unstable();
        let mut latest = i64::MIN;
        for (_, at) in boot {
            if let Some(time) = times.get_mut(at) {
                latest = latest.max(*time);
                *time = latest;
            }
        }
    }
    times
}

/// For each run, where the one is that it goes back to: the run that it undid, or the one that this
/// undid, and so on.
fn origins(runs: &[Candidate<'_>]) -> Vec<usize> {
    let places: HashMap<&str, usize> =
        runs.iter().enumerate().map(|(at, run)| (run.information.id.as_str(), at)).collect();
    let parent = |at: usize| {
        let undone = runs.get(at)?.information.undo_of.as_deref()?;
        places.get(undone).copied()
    };
    (0..runs.len())
        .map(|run| {
            let mut origin = run;
            // No honest store has a circle; no other one makes us turn in it for ever.
            for _ in 0..runs.len() {
                match parent(origin) {
                    Some(next) => origin = next,
                    None => break,
                }
            }
            origin
        })
        .collect()
}

#[cfg(test)]
mod tests;
