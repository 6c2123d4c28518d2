use serde_json::json;

use super::*;
use crate::system::BootId;

const DAY: i64 = 86_400_000;

/// A moment on a day of the epoch, and on a day of a boot.
fn moment(day: i64, boot: &str, boot_day: u64) -> Moment {
    Moment { wall_ms: day * DAY, boot_ms: boot_day * DAY_MS, boot_id: BootId(boot.into()) }
}

fn run(id: &str, at: &Moment) -> RunInformation {
    serde_json::from_value(json!({
        "v": 1, "id": id, "argv": ["rm"], "directory": "/", "requester": "alice",
        "requester_uid": 1, "at": at, "state": "complete",
    }))
    .unwrap()
}

#[test]
fn a_run_that_was_not_there_at_the_last_look_came_after_it() {
    let known = run("KNOWN", &moment(990, "a", 1));
    let first = Look::take(None, [&known].into_iter(), &moment(1000, "a", 11));
    let epoch = run("EPOCH", &moment(0, "b", 0));
    let future = run("FUTURE", &moment(20_000, "b", 0));
    let honest = run("HONEST", &moment(1001, "b", 1));
    let all = [&known, &epoch, &future, &honest];
    let second = Look::take(Some(&first), all.into_iter(), &moment(1002, "b", 2));
    assert_eq!(all.map(|run| second.since(run) / DAY), [990, 1000, 1002, 1001]);
    // What was once found out stays, also when the clock has been set right.
    let third = Look::take(Some(&second), all.into_iter(), &moment(1030, "b", 30));
    assert_eq!(all.map(|run| third.since(run) / DAY), [990, 1000, 1002, 1001]);
    // A look that lies in the future tells nothing.
    let back = Look::take(Some(&third), all.into_iter(), &moment(1010, "c", 0));
    assert_eq!(all.map(|run| back.since(run) / DAY), [990, 0, 1010, 1001]);
}

#[test]
fn a_clock_that_leaps_is_doubted_until_it_has_held_for_a_day() {
    let last = run("LAST", &moment(1000, "a", 1));
    let runs = || [&last].into_iter();
    let look = |before: Option<&Look>, now: Moment| Look::take(before, runs(), &now);
    assert!(!look(None, moment(1006, "b", 0)).doubts_the_clock());
    // The boot clock has counted with it.
    assert!(!look(None, moment(1100, "a", 101)).doubts_the_clock());
    assert!(look(None, moment(1100, "a", 2)).doubts_the_clock());

    let leapt = look(None, moment(5000, "b", 0));
    assert!(leapt.doubts_the_clock());
    // To look again at once proves nothing.
    let again = look(Some(&leapt), moment(5000, "b", 0));
    assert!(again.doubts_the_clock());
    let held = look(Some(&again), moment(5001, "b", 1));
    assert!(!held.doubts_the_clock());
    assert!(!look(Some(&held), moment(5002, "b", 2)).doubts_the_clock());
    // It leaps once more while it is doubted: the boot clock has not counted that.
    assert!(look(Some(&again), moment(9000, "b", 0)).doubts_the_clock());
    // It was set right.
    assert!(!look(Some(&again), moment(1002, "b", 0)).doubts_the_clock());
}

#[test]
fn a_look_is_read_as_it_was_left_without_what_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("look.json");
    assert!(Look::last(&file).is_none());
    let (one, two) = (run("ONE", &moment(900, "a", 1)), run("TWO", &moment(901, "a", 2)));
    let look = Look::take(None, [&one, &two].into_iter(), &moment(5000, "b", 0));
    look.clone().leave(&file, &|id| id == "TWO").unwrap();
    let read = Look::last(&file).unwrap();
    assert!(read.doubts_the_clock());
    assert_eq!(read.runs.keys().collect::<Vec<_>>(), ["TWO"]);
    std::fs::write(&file, "{").unwrap();
    assert!(Look::last(&file).is_none());
}
