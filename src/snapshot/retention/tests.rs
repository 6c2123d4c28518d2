use std::convert::Infallible;

use serde_json::json;

use super::*;
use crate::system::BootId;

const DAY: Duration = Duration::from_secs(86_400);
const DAY_MS: i64 = 86_400_000;

/// Day 1000 of the epoch, ten days after the last boot.
fn now() -> Moment {
    Moment { wall_ms: 1000 * DAY_MS, boot_ms: 10 * DAY_MS as u64, boot_id: BootId("now".into()) }
}

/// What a test says of a run; the rest is as it usually is.
#[derive(Clone, Copy)]
struct Run {
    id: &'static str,
    /// How many days ago, by its own clock and by the boot clock, where it is of this boot.
    days: i64,
    of_this_boot: bool,
    /// How many days ago it was first seen, where that is not the same.
    seen: Option<i64>,
    state: &'static str,
    undo_of: Option<&'static str>,
    risk: &'static str,
    keep_days: Option<u64>,
    pinned: bool,
    bytes: u64,
}

fn run(id: &'static str, days: i64) -> Run {
    Run {
        id,
        days,
        of_this_boot: false,
        seen: None,
        state: "complete",
        undo_of: None,
        risk: "low",
        keep_days: None,
        pinned: false,
        bytes: 10,
    }
}

impl Run {
    fn information(&self) -> RunInformation {
        let now = now();
        let boot = if self.of_this_boot { "now" } else { "before" };
        let boot_ms = (10 * DAY_MS - self.days * DAY_MS).max(0);
        let mut information = json!({
            "v": 1, "id": self.id, "argv": ["rm", "x"], "directory": "/", "requester": "alice",
            "requester_uid": 1, "risk": self.risk, "state": self.state,
            "at": {"wall_ms": now.wall_ms - self.days * DAY_MS, "boot_ms": boot_ms, "boot_id": boot},
        });
        if let Some(original) = self.undo_of {
            information["undo_of"] = original.into();
        }
        if let Some(days) = self.keep_days {
            information["keep_ms"] = (days * DAY_MS as u64).into();
        }
        serde_json::from_value(information).unwrap()
    }
}

/// The ids of those that go, with the word why, in the order in which they were given.
fn going(runs: &[Run], limits: Limits, in_doubt: bool) -> Vec<String> {
    let now = now();
    let known: Vec<RunInformation> = runs.iter().map(Run::information).collect();
    let candidates: Vec<Candidate<'_>> = runs
        .iter()
        .zip(&known)
        .map(|(run, information)| Candidate {
            information,
            since_ms: run.seen.map_or(information.at.wall_ms.min(now.wall_ms), |days| {
                now.wall_ms - days * DAY_MS
            }),
            pinned: run.pinned,
        })
        .collect();
    let clock = Clock { now: &now, in_doubt };
    let mut size = |at: usize| Ok::<u64, Infallible>(runs[at].bytes);
    let Ok(fates) = judge(&candidates, &limits, clock, &mut size);
    let word = |(run, fate): (&Run, Fate)| match fate {
        Fate::Stays => None,
        Fate::Goes(because) => Some(format!("{} {}", run.id, because.word())),
    };
    runs.iter().zip(fates).filter_map(word).collect()
}

const NONE: Limits =
    Limits { unwritten: Duration::from_secs(30 * 86_400), age: None, runs: None, bytes: None };

fn rules(days: u32) -> Limits {
    Limits { age: Some(AgeLimit::Rules), unwritten: DAY * days, ..NONE }
}

fn typed(days: u32) -> Limits {
    Limits { age: Some(AgeLimit::Typed(DAY * days)), ..NONE }
}

fn count(runs: u64) -> Limits {
    Limits { runs: Some(runs), ..NONE }
}

fn size(bytes: u64) -> Limits {
    Limits { bytes: Some(bytes), ..NONE }
}

#[test]
fn what_is_kept_and_what_goes() {
    let old = run("OLD", 40);
    let young = run("YOUNG", 5);
    let middle = run("MIDDLE", 20);
    let risky = Run { risk: "high", ..run("RISKY", 20) };
    let undone = Run { state: "undone", ..old };
    let undo = Run { undo_of: Some("OLD"), ..run("UNDO", 3) };
    let redo = Run { undo_of: Some("UNDO"), ..run("REDO", 50) };
    let this_boot = Run { of_this_boot: true, ..run("BOOT", 8) };
    let cases: &[(&str, Vec<Run>, Limits, &[&str])] = &[
        ("nothing is limited", vec![old, young], NONE, &[]),
        ("age, as the defaults say", vec![old, young], rules(30), &["OLD age"]),
        ("its rule keeps it longer", vec![Run { keep_days: Some(90), ..old }], rules(30), &[]),
        (
            "its rule keeps it for less",
            vec![Run { keep_days: Some(2), ..young }],
            rules(30),
            &["YOUNG age"],
        ),
        ("just as old as it may be", vec![run("EVEN", 30)], rules(30), &[]),
        ("typed, over the rule", vec![Run { keep_days: Some(90), ..old }], typed(30), &["OLD age"]),
        (
            "typed, high risk as its rule says",
            vec![Run { keep_days: Some(90), ..risky }],
            typed(1),
            &[],
        ),
        ("typed, high risk of no rule's", vec![risky], typed(1), &[]),
        (
            "typed, high risk past its rule",
            vec![Run { keep_days: Some(9), ..risky }],
            typed(10),
            &["RISKY age"],
        ),
        ("pinned", vec![Run { pinned: true, ..old }], rules(30), &[]),
        ("an undo of it has not ended", vec![Run { state: "undoing", ..old }], rules(30), &[]),
        (
            "not seen to end, of another boot",
            vec![Run { state: "captured", ..old }],
            rules(30),
            &["OLD age"],
        ),
        (
            "may still run",
            vec![Run { state: "captured", keep_days: Some(1), ..this_boot }],
            rules(30),
            &[],
        ),
        (
            "count keeps the youngest",
            vec![old, young, middle],
            count(1),
            &["OLD count", "MIDDLE count"],
        ),
        ("none at all", vec![old, young], count(0), &["OLD count", "YOUNG count"]),
        ("high risk is not counted out", vec![risky, young], count(1), &[]),
        (
            "high risk that was undone is",
            vec![Run { state: "undone", ..risky }, young],
            count(1),
            &["RISKY count"],
        ),
        (
            "high risk past its age is",
            vec![Run { risk: "critical", ..old }, young],
            count(1),
            &["OLD count"],
        ),
        (
            "pinned ones take a place",
            vec![Run { pinned: true, ..young }, middle],
            count(1),
            &["MIDDLE count"],
        ),
        ("size keeps the youngest", vec![old, young, middle], size(20), &["OLD size"]),
        (
            "once full, nothing older fits",
            vec![Run { bytes: 1, ..old }, young, Run { bytes: 15, ..middle }],
            size(20),
            &["OLD size", "MIDDLE size"],
        ),
        (
            "what is pinned takes its room first",
            vec![young, Run { pinned: true, bytes: 15, ..old }, middle],
            size(25),
            &["MIDDLE size"],
        ),
        ("high risk takes its room first", vec![young, risky], size(10), &["YOUNG size"]),
        ("an undo and its original stay together", vec![undone, undo], rules(30), &[]),
        ("and go together", vec![undone, undo], rules(2), &["OLD age", "UNDO age"]),
        ("and count as one", vec![undone, undo, middle], count(1), &["MIDDLE count"]),
        ("one pin holds all", vec![undone, Run { pinned: true, ..undo }], count(0), &[]),
        (
            "so does an undo of the undo",
            vec![Run { state: "complete", ..old }, Run { state: "undoing", ..undo }, redo],
            count(0),
            &[],
        ),
        (
            "the original is gone",
            vec![Run { undo_of: Some("GONE"), ..old }],
            rules(30),
            &["OLD age"],
        ),
        (
            "limits add up",
            vec![old, young, middle, run("NEWEST", 1)],
            Limits { runs: Some(2), bytes: Some(10), ..rules(30) },
            &["OLD age", "YOUNG size", "MIDDLE count"],
        ),
    ];
    for (name, runs, limits, expected) in cases {
        assert_eq!(going(runs, *limits, false), *expected, "{name}");
    }
}

/// What it is about, runs, limits, whether the clock is in doubt, and what goes.
type Case<'c> = (&'c str, &'c [Run], Limits, bool, &'c [&'c str]);

#[test]
fn no_clock_takes_runs_away_by_being_wrong() {
    let old = run("OLD", 40);
    let epoch = run("EPOCH", 1000);
    let risky = Run { risk: "high", ..old };
    let this_boot = Run { of_this_boot: true, days: 500, ..old };
    // The second of one boot, by a clock that was set back between the two.
    let first = Run { of_this_boot: true, ..run("FIRST", 5) };
    let second = Run { of_this_boot: true, seen: Some(300), ..run("SECOND", 2) };
    let none = Limits { runs: Some(0), ..rules(30) };
    let cases: [Case<'_>; 8] = [
        ("from the future", &[run("FUTURE", -400)], typed(1), false, &[]),
        ("of 1970, first seen lately", &[Run { seen: Some(1), ..epoch }], rules(30), false, &[]),
        (
            "of 1970, first seen long ago",
            &[Run { seen: Some(31), ..epoch }],
            rules(30),
            false,
            &["EPOCH age"],
        ),
        ("by a clock that was set forward since", &[this_boot], rules(30), false, &[]),
        ("the clock has leapt", &[old], rules(30), true, &[]),
        ("and counts nothing of high risk out", &[risky], none, true, &[]),
        ("somebody takes its word", &[old], typed(30), true, &["OLD age"]),
        ("the order of one boot", &[first, second], count(1), false, &["FIRST count"]),
    ];
    for (name, runs, limits, in_doubt, expected) in cases {
        assert_eq!(going(runs, limits, in_doubt), expected, "{name}");
    }
}

#[test]
fn a_circle_of_undos_has_an_end() {
    let one = Run { undo_of: Some("TWO"), ..run("ONE", 40) };
    let two = Run { undo_of: Some("ONE"), ..run("TWO", 40) };
    assert_eq!(going(&[one, two], rules(30), false), ["ONE age", "TWO age"]);
}

#[test]
fn sizes_are_asked_for_only_where_there_is_a_limit_and_of_what_stays() {
    let now = now();
    let known = [run("OLD", 40), run("YOUNG", 5)].map(|run| run.information());
    let candidates: Vec<Candidate<'_>> = known
        .iter()
        .map(|information| Candidate {
            information,
            since_ms: information.at.wall_ms,
            pinned: false,
        })
        .collect();
    let clock = Clock { now: &now, in_doubt: false };
    for (bytes, expected) in [(None, vec![]), (Some(100), vec![1])] {
        let mut asked = Vec::new();
        let limits = Limits { bytes, ..rules(30) };
        let mut size = |at: usize| {
            asked.push(at);
            Ok::<u64, Infallible>(1)
        };
        let Ok(_) = judge(&candidates, &limits, clock, &mut size);
        assert_eq!(asked, expected);
    }
}
