//! Clocks that somebody has set back: which run came last is told by the clock that nobody sets.

use std::time::Duration;

use super::super::{CaptureLimits, RunInformation, SnapshotError};
use super::fixture::{Fixture, information};
use crate::review::RequestId;
use crate::system::Moment;

fn run_at(fixture: &Fixture, at: &Moment, text: &str) -> RequestId {
    let information = RunInformation { at: at.clone(), ..information() };
    let id = information.id.parse().unwrap();
    let (affected, limits) = (fixture.declared("*"), CaptureLimits::default());
    fixture.store.capture_before(information, &affected, limits, &mut |_| {}).unwrap();
    fixture.write("file", text);
    fixture.store.capture_after(&id, &mut |_| {}).unwrap();
    id
}

#[test]
fn after_the_clock_was_set_back_the_last_run_is_still_the_one_that_came_last() {
    let fixture = Fixture::new();
    fixture.write("file", "0");
    let first = Moment::now();
    let hour = 3_600_000;
    let second = first.plus(Duration::from_secs(60));
    let set_back = Moment { wall_ms: second.wall_ms - hour, ..second };
    let one = run_at(&fixture, &first, "1");
    let two = run_at(&fixture, &set_back, "2");
    assert_eq!(fixture.store.last(&|_| true).unwrap().id, two.to_string());
    let listed: Vec<String> = fixture.store.list().unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(listed, [two.to_string(), one.to_string()]);
    match fixture.undo(&one, false) {
        Err(SnapshotError::Overlapping { first, .. }) => assert_eq!(first, [two.to_string()]),
        other => panic!("{other:?}"),
    }
    fixture.undo_wholly(&two);
    assert_eq!(fixture.read("file"), "1");
    fixture.undo_wholly(&one);
    assert_eq!(fixture.read("file"), "0");
}

#[test]
fn runs_of_an_earlier_boot_came_before_those_of_this_one() {
    let fixture = Fixture::new();
    fixture.write("file", "0");
    let now = Moment::now();
    let boot = |name: &str, wall_ms: i64, boot_ms: u64| Moment {
        wall_ms,
        boot_ms,
        boot_id: serde_json::from_str(&format!("\"{name}\"")).unwrap(),
    };
    // Each boot's own clock begins anew.
    let one = run_at(&fixture, &boot("a", now.wall_ms - 9_000, 900_000), "1");
    let two = run_at(&fixture, &boot("a", now.wall_ms - 8_000, 901_000), "2");
    let three = run_at(&fixture, &boot("b", now.wall_ms - 5_000, 1_000), "3");
    let four = run_at(&fixture, &boot("b", now.wall_ms - 6_000, 2_000), "4");
    let listed: Vec<String> = fixture.store.list().unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(listed, [&four, &three, &two, &one].map(ToString::to_string));
    for (id, text) in [(four, "3"), (three, "2"), (two, "1"), (one, "0")] {
        assert_eq!(fixture.store.last(&|_| true).unwrap().id, id.to_string());
        fixture.undo_wholly(&id);
        assert_eq!(fixture.read("file"), text);
    }
}
