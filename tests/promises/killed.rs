//! kill -9 at every moment of a request's life: whatever dies, and before whatever it dies, the next
//! command reads the store and the log, every request stands before the step or after it, and no
//! command ever runs twice.

use serde_json::Value;

use crate::deadly::{Died, Victim, dies_before};
use crate::office::{DEPLOY, POLICY};
use crate::office_or_skip;
use crate::world::{Call, World};

/// A step of a request's life, and what may be found when whoever took it died.
struct Step<'s> {
    /// The request that it is taken on, made for it; `None` where the step makes one.
    on: &'s dyn Fn() -> Option<String>,
    /// The step.
    taken: &'s dyn Fn(&str) -> Call<'s>,
    /// The exit code that says that it was taken.
    code: i32,
    /// How a request stands before it, and after.
    before: &'s str,
    after: &'s [&'s str],
    /// How it stands where hitl died in the midst of it, if neither.
    lost: Option<&'s str>,
    /// What happens once somebody has died.
    then: &'s dyn Fn(),
}

const ALL: [Victim; 3] = [Victim::Monitor, Victim::Both, Victim::Front];
const BOTH: [Victim; 1] = [Victim::Both];

/// Takes the step again and again, and kills at one moment later each time, until it is through.
#[track_caller]
fn survives_death(world: &World, victims: &[Victim], step: &Step<'_>) {
    for victim in victims {
        let mut deaths = Vec::new();
        loop {
            let on = (step.on)();
            // Asking for them writes down what is overdue, which may be the very step.
            let known = if on.is_none() { ids(world) } else { Vec::new() };
            let ran = world.times_run();
            let id = on.as_deref().unwrap_or_default();
            let died = dies_before((step.taken)(id), *victim, deaths.len() + 1);
            (step.then)();
            let what = format!("{victim:?}, death {}: {died:?}", deaths.len() + 1);
            let made = on.or_else(|| ids(world).into_iter().find(|id| !known.contains(id)));
            stands(world, step, made.as_deref(), ran, &died, &what);
            match died.before {
                Some(before) => deaths.push(before),
                None => break,
            }
            assert!(deaths.len() < 400, "it never comes through: {deaths:?}");
        }
        eprintln!("{victim:?}: {} deaths, before {deaths:?}", deaths.len());
        // A step that is killed nowhere shows nothing.
        assert!(deaths.len() > 3, "{deaths:?}");
    }
}

/// Everything that must hold after a death.
#[track_caller]
fn stands(world: &World, step: &Step<'_>, id: Option<&str>, ran: usize, died: &Died, what: &str) {
    let root = |words: &[&str]| {
        let ran = world.hitl("root", words).run();
        assert_eq!(ran.code(), 0, "{what}: {words:?}: {ran:?}");
        ran
    };
    // Every one can be read.
    let listed = root(&["pending", "--all", "--json"]);
    assert_eq!(listed.stderr, "", "{what}");
    let verified = world.hitl("root", &["audit", "verify"]).run();
    if verified.code() != 0 {
        // It died before the very first entry. A log without one must not pass for a good one:
        // somebody may have emptied it. The next entry begins it.
        let said = format!("{}{}", verified.stdout, verified.stderr);
        let no_entry = said.contains("there is no audit log") || said.contains("the log is empty");
        assert!(no_entry && listed.stdout.is_empty(), "{what}: {verified:?}");
        world.ask("alice", &DEPLOY);
        root(&["audit", "verify"]);
    }
    let taken = died.code == Some(step.code);
    assert!(!died.stderr.contains("panicked"), "{what}");
    let Some(id) = id else {
        assert!(!taken && !died.stdout.contains("\"id\""), "acknowledged and not there: {what}");
        return;
    };
    let state = root(&["show", "--json", id]).json()["state"].as_str().unwrap().to_owned();
    let is_after = step.after.contains(&state.as_str());
    assert!(
        is_after || state == step.before || Some(state.as_str()) == step.lost,
        "{state}: {what}"
    );
    assert!(is_after || !taken, "acknowledged and not so: {state}: {what}");
    assert!(is_after || died.before.is_some(), "undisturbed and not so: {state}: {what}");
    on_record(world, id, &state, what);

    // And it goes on as if nothing had been: what is pending can be decided, what is approved runs.
    let already = world.times_run() - ran;
    if state == "pending" {
        let approved = world.approve("carol", id);
        assert_eq!(approved.code(), 0, "{what}: {approved:?}");
    }
    let resumed = world.resume("alice", id);
    let runs = usize::from(matches!(state.as_str(), "pending" | "approved"));
    let expected = match state.as_str() {
        "pending" | "approved" => 0,
        "expired" => 124,
        _ => 77,
    };
    assert_eq!(resumed.code(), expected, "{state}: {what}: {resumed:?}");
    let times = world.times_run() - ran;
    assert_eq!(times, already + runs, "{state}: {what}");
    assert!(times <= 1, "it ran {times} times: {what}");
    root(&["audit", "verify"]);
    let started =
        entries_about(world, id).iter().filter(|action| *action == "command-started").count();
    assert!(started <= 1, "{started} starts are on record: {what}");
    let left: Vec<_> = std::fs::read_dir(world.outside("var-lib/hitl/requests/pending"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}: {what}");
}

/// The log knows everything that the store knows.
#[track_caller]
fn on_record(world: &World, id: &str, state: &str, what: &str) {
    let actions = entries_about(world, id);
    let needed = match state {
        "pending" => "privilege-requested",
        "approved" => "approval-recorded",
        "rejected" => "approval-rejected",
        "cancelled" => "request-cancelled",
        "void" => "request-void",
        "expired" => "request-expired",
        "finished" | "unknown" => "command-finished",
        other => panic!("{other}: {what}"),
    };
    assert!(
        actions.iter().any(|action| action == needed),
        "{state}, on record {actions:?}: {what}"
    );
}

fn entries_about(world: &World, id: &str) -> Vec<String> {
    let ran = world.hitl("root", &["audit", "show", "--json", "--request", id]).run().exits(0);
    let entries = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.map(|entry| entry["event"]["action"].as_str().unwrap().to_owned()).collect()
}

/// All requests that there are.
fn ids(world: &World) -> Vec<String> {
    let ran = world.hitl("root", &["pending", "--all", "--json"]).run().exits(0);
    let requests = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    requests.map(|request| request["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_very_first_request_is_made_whole_or_not_at_all() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| {
                let state = world.outside("var-lib/hitl");
                if state.exists() {
                    std::fs::remove_dir_all(state).unwrap();
                }
                None
            },
            taken: &|_| {
                world.hitl("alice", &[&["run", "--no-wait", "--json", "--"][..], &DEPLOY].concat())
            },
            code: 75,
            before: "pending",
            after: &["pending"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn a_request_is_made_whole_or_not_at_all() {
    let world = office_or_skip!();
    let first = world.ask("alice", &DEPLOY);
    world.hitl("alice", &["cancel", &first]).run().exits(0);
    survives_death(
        &world,
        &ALL,
        &Step {
            on: &|| None,
            taken: &|_| {
                world.hitl("alice", &[&["run", "--no-wait", "--json", "--"][..], &DEPLOY].concat())
            },
            code: 75,
            before: "pending",
            after: &["pending"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn an_approval_counts_whole_or_not_at_all() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &ALL,
        &Step {
            on: &|| Some(world.ask("alice", &DEPLOY)),
            taken: &|id| world.hitl("bob", &["approve", id]),
            code: 0,
            before: "pending",
            after: &["approved"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn a_rejection_is_final_or_was_never_said() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| Some(world.ask("alice", &DEPLOY)),
            taken: &|id| world.hitl("bob", &["reject", id, "-m", "not today"]),
            code: 0,
            before: "pending",
            after: &["rejected"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn a_rejection_over_an_approval_is_final_or_was_never_said() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| approved(&world),
            taken: &|id| world.hitl("carol", &["reject", id, "-m", "not today"]),
            code: 0,
            before: "approved",
            after: &["rejected"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn a_request_is_taken_back_for_good_or_not_at_all() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| Some(world.ask("alice", &DEPLOY)),
            taken: &|id| world.hitl("alice", &["cancel", id]),
            code: 0,
            before: "pending",
            after: &["cancelled"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn what_is_void_is_void_for_good() {
    let world = office_or_skip!();
    let policy = || world.policy(POLICY);
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| {
                policy();
                let id = approved(&world);
                world.policy(&format!("{POLICY}# a word\n"));
                id
            },
            taken: &|id| world.hitl("alice", &["run", "--no-wait", "--resume", id]),
            code: 77,
            before: "approved",
            after: &["void"],
            lost: None,
            // As it was when it was approved: what was not voided may run.
            then: &policy,
        },
    );
}

#[test]
fn an_approved_command_starts_once_or_not_at_all() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &ALL,
        &Step {
            on: &|| approved(&world),
            taken: &|id| world.hitl("alice", &["run", "--no-wait", "--resume", id]),
            code: 0,
            before: "approved",
            after: &["finished"],
            lost: Some("unknown"),
            then: &|| (),
        },
    );
}

#[test]
fn an_approved_command_with_a_snapshot_starts_once_or_not_at_all() {
    let world = office_or_skip!();
    let snapshotted = "    decision: approve\n    snapshot: {paths: [/srv/state]}\n";
    world.policy(&POLICY.replacen("    decision: approve\n", snapshotted, 1));
    world.write("srv/state", "before\n");
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| approved(&world),
            taken: &|id| world.hitl("alice", &["run", "--no-wait", "--resume", id]),
            code: 0,
            before: "approved",
            after: &["finished"],
            lost: Some("unknown"),
            then: &|| (),
        },
    );
}

#[test]
fn what_has_expired_has_expired_for_good() {
    let world = office_or_skip!();
    survives_death(
        &world,
        &BOTH,
        &Step {
            on: &|| {
                world.policy(&POLICY.replace("approval_expiry: 5m", "approval_expiry: 30ms"));
                let id = world.ask("alice", &DEPLOY);
                // Until its time is over, and before anybody has written that down.
                std::thread::sleep(std::time::Duration::from_millis(40));
                Some(id)
            },
            taken: &|_| world.hitl("bob", &["pending"]),
            code: 0,
            before: "expired",
            after: &["expired"],
            lost: None,
            then: &|| (),
        },
    );
}

#[test]
fn a_no_that_cannot_be_recorded_counts_and_is_recorded_as_soon_as_it_can_be() {
    let world = office_or_skip!();
    let id = approved(&world).unwrap();
    // The log is what is synchronised so; the store is not.
    let no = world.hitl("carol", &["reject", &id, "-m", "not today"]);
    no.where_fails(libc::SYS_fdatasync, libc::EIO).run().exits(125);
    world.resume("alice", &id).exits(77).says("not today");
    assert_eq!(world.times_run(), 0);
    assert_eq!(world.state(&id), "rejected");
    on_record(&world, &id, "rejected", "after a failure of the log");
    let entries = world.audit();
    let no = entries.iter().find(|entry| entry["event"]["action"] == "approval-rejected").unwrap();
    assert_eq!(no["user"]["name"], "carol", "whoever records it, it is carol's");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

/// A request of alice's that bob has approved.
fn approved(world: &World) -> Option<String> {
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    Some(id)
}
