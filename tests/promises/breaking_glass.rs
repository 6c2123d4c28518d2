//! Break-glass: in an emergency somebody who is trusted with it lifts a soft denial, and nothing else.
//! It is on record before anything starts, and somebody else reviews it.

use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::processes::monitor_of;
use crate::terminal::Terminal;
use crate::watching::Watch;
use crate::world::{Ran, Running, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: emergency
defaults: {decision: deny, require: [{group: security}], execution_expiry: 5m}
break_glass: {groups: [ops], review_within: 2h}
groups:
  - {name: ops, users: [alice, bob, svc-agent, deploy]}
  - {name: security, users: [carol]}
requesters:
  - {kind: agent, users: [svc-agent]}
  - {kind: ci, users: [deploy]}
rules:
  - id: freeze
    description: Nothing is deployed in December.
    match: {command: /usr/bin/cp}
    decision: deny
    enforcement: soft
    risk: critical
  - id: schema
    match: {command: /usr/bin/cp, paths: [/srv/schema]}
    decision: approve
    require: [{group: security}]
  - {id: never, match: {command: /usr/bin/rm}, decision: deny, enforcement: hard}
  - {id: others, match: {command: /usr/bin/touch}, decision: approve, require: [{group: security}]}
  - {id: free, match: {command: /usr/bin/true}, decision: allow}
"#;

const QUESTION: &str = "else it is refused: ";
const COPY: [&str; 3] = ["cp", "/srv/new", "/srv/state"];

/// A host in December, with something to deploy.
pub fn open(world: World) -> World {
    world.policy(POLICY);
    world.write("srv/new", "new\n");
    world.write("srv/state", "old\n");
    world
}

macro_rules! emergency_or_skip {
    () => {
        open(world_or_skip!())
    };
}

fn breaking(command: &[&str]) -> Vec<String> {
    let options = ["run", "--break-glass", "--reason", "the site is down", "--"];
    options.iter().chain(command).map(|word| (*word).to_owned()).collect()
}

/// Somebody breaks the glass at a terminal, and is asked.
fn asked(world: &World, user: &str, command: &[&str]) -> (Terminal, Running, String) {
    let (mut terminal, other_end) = Terminal::new();
    let mut running = world.hitl(user, &breaking(command)).on_terminal(other_end).start();
    let id = running.wait_for("breaking-glass")["id"].as_str().unwrap().to_owned();
    terminal.shows(QUESTION);
    (terminal, running, id)
}

/// alice breaks the glass for this, and means it: its id.
pub fn broken(world: &World, command: &[&str]) -> String {
    let (mut terminal, running, id) = asked(world, "alice", command);
    terminal.types(&format!("{}\n", &id[..4]));
    running.end().1.exits(0);
    id
}

fn unreviewed(world: &World, user: &str) -> Vec<Value> {
    let ran = world.hitl(user, &["pending", "--break-glass", "--json"]).run().exits(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The places of these actions in the log, for one request.
fn places(world: &World, id: &str) -> Vec<String> {
    let entries = world.audit();
    let of_it = entries.iter().filter(|entry| entry["hitl"]["request_id"] == *id);
    of_it.map(|entry| entry["event"]["action"].as_str().unwrap().to_owned()).collect()
}

fn holds(world: &World) -> Ran {
    world.hitl("root", &["audit", "verify"]).run().exits(0)
}

#[test]
fn a_soft_denial_is_lifted_on_record_apart_and_before_the_start() {
    let world = emergency_or_skip!();
    let (mut terminal, running, id) = asked(&world, "alice", &COPY);
    // Nothing is there before the answer: not the request, and not the file.
    assert_eq!(world.read("srv/state"), "old\n");
    world.hitl("root", &["show", &id]).run().exits(1);
    let shown = terminal.shows(QUESTION);
    for said in ["lifts freeze", "the site is down", "by the members of ops, security, until"] {
        assert!(shown.contains(said), "{said:?} in {shown}");
    }
    assert!(!shown.contains("still needed"), "nobody else has to agree: {shown}");
    terminal.types(&format!("{}\n", id[..4].to_lowercase()));
    terminal.shows("that is on record, with your reason, and will be reviewed until");
    running.end().1.exits(0);
    assert_eq!(world.read("srv/state"), "new\n");
    assert_eq!(
        places(&world, &id),
        [
            "privilege-requested",
            "policy-decided",
            "break-glass",
            "snapshot-created",
            "command-started",
            "command-finished"
        ]
    );
    let entries = world.audit();
    let broke = entries.iter().find(|entry| entry["event"]["action"] == "break-glass").unwrap();
    assert_eq!(broke["user"]["name"], "alice");
    assert_eq!(broke["hitl"]["reason"], "the site is down");
    assert_eq!(broke["hitl"]["lifted"], serde_json::json!(["freeze"]));
    assert!(broke["hitl"]["review_by"].as_str().unwrap().ends_with('Z'));
    holds(&world).prints("1 run by break-glass that nobody has reviewed");
    let shown = world.hitl("root", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(shown["state"], "finished");
    assert_eq!(shown["approvals"], serde_json::json!([]));
    assert_eq!(shown["bound"]["break_glass"], true);
}

#[test]
fn what_it_did_is_undone_like_any_run() {
    let world = emergency_or_skip!();
    let id = broken(&world, &COPY);
    assert_eq!(world.read("srv/state"), "new\n");
    world.hitl("alice", &["undo", &id]).run().exits(0);
    assert_eq!(world.read("srv/state"), "old\n");
    holds(&world);
}

#[test]
fn without_the_right_characters_or_a_terminal_it_stays_denied() {
    let world = emergency_or_skip!();
    for wrong in ["yes\n", "\n", "\u{3}", "\u{4}"] {
        let (mut terminal, running, id) = asked(&world, "alice", &COPY);
        terminal.types(wrong);
        running.end().1.exits(77);
        terminal.shows("what was to be typed was not");
        world.hitl("root", &["show", &id]).run().exits(1);
    }
    // A program in alice's shell can add an option, and has no terminal to type at.
    let ran = world.hitl("alice", &breaking(&COPY)).run().exits(77);
    ran.says("there is no terminal to ask you at");
    assert_eq!(world.read("srv/state"), "old\n");
    assert!(!world.audit_actions().iter().any(|action| action == "break-glass"));
    assert_eq!(unreviewed(&world, "root"), [] as [Value; 0]);
    holds(&world);
}

#[test]
fn what_was_typed_before_the_question_is_no_answer_to_it() {
    let world = emergency_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    terminal.types("no\nzz");
    let call = world.hitl("alice", &breaking(&COPY)).on_terminal(other_end);
    let mut running = call.start();
    let id = running.wait_for("breaking-glass")["id"].as_str().unwrap().to_owned();
    terminal.shows(QUESTION);
    terminal.types(&format!("{}\n", &id[..4]));
    running.end().1.exits(0);
    assert_eq!(world.read("srv/state"), "new\n");
}

#[test]
fn a_reason_that_says_something_is_demanded_first() {
    let world = emergency_or_skip!();
    world.hitl("alice", &["run", "--break-glass", "--", "true"]).run().exits(2).says("--reason");
    for empty in ["", "  \t", "\u{200b}\u{2060}", "..."] {
        let words =
            ["run", "--break-glass", "--reason", empty, "--", "cp", "/srv/new", "/srv/state"];
        world.hitl("alice", &words).run().exits(2).says("a reason that says something");
    }
    assert!(world.outside("var-lib/hitl").read_dir().unwrap().all(|entry| {
        // Not even a log was begun.
        entry.unwrap().file_name() != "audit"
    }));
}

#[test]
fn nothing_but_a_soft_denial_is_lifted_and_that_is_said() {
    let world = emergency_or_skip!();
    let hard = world.hitl("alice", &breaking(&["rm", "/srv/state"])).run().exits(77);
    hard.says("--break-glass changes nothing: only a change of the policy lifts this denial");
    let defaults = world.hitl("alice", &breaking(&["mkdir", "/srv/made"])).run().exits(77);
    defaults.says("only a change of the policy");
    // What needs humans still needs them; what needs none runs as ever.
    let mut words = breaking(&["touch", "/srv/made"]);
    words.insert(1, "--no-wait".to_owned());
    let waits = world.hitl("alice", &words).run().exits(75);
    waits.says("what they ask for they still ask for");
    assert!(!world.outside("srv/made").exists());
    world.hitl("alice", &breaking(&["true"])).run().exits(0).says("changes nothing");
    assert!(world.outside("srv/state").exists());
    assert!(!world.audit_actions().iter().any(|action| action == "break-glass"));
    assert_eq!(unreviewed(&world, "root"), [] as [Value; 0]);
}

#[test]
fn what_humans_must_approve_beside_the_denial_waits_for_them() {
    let world = emergency_or_skip!();
    world.write("srv/schema", "old\n");
    let command = ["cp", "/srv/new", "/srv/schema"];
    let (mut terminal, mut running, id) = asked(&world, "alice", &command);
    terminal.types(&format!("{}\n", &id[..4]));
    running.wait_for("pending");
    assert_eq!(world.state(&id), "pending");
    // Nobody of those who may review it is thereby one who may approve it.
    world.approve("alice", &id).exits(77);
    world.approve("bob", &id).exits(77).says("1 of group security");
    assert_eq!(world.read("srv/schema"), "old\n");
    // Its risk is critical: carol says where it would run.
    world.approve("carol", &id).exits(77).says("--host NAME");
    let elsewhere = world.hitl("carol", &["approve", &id, "--host", "elsewhere"]).run();
    elsewhere.exits(77).says("is for another host than elsewhere");
    let shown = world.hitl("carol", &["show", "--json", &id]).run().exits(0).json();
    let host = shown["bound"]["host"]["name"].as_str().unwrap();
    world.hitl("carol", &["approve", &id, "--host", host]).run().exits(0);
    running.end().1.exits(0);
    assert_eq!(world.read("srv/schema"), "new\n");
    world.audited(&id, "approval-recorded", 1);
    // It is reviewed all the same: that the denial was lifted is another question.
    assert_eq!(unreviewed(&world, "bob")[0]["id"], *id);
    // A yes to its running, or a no, that comes too late says nothing of whether that was justified.
    for late in [&["approve", &id][..], &["reject", &id, "-m", "not today"]] {
        world.hitl("bob", late).run().exits(77).says("has ended meanwhile");
    }
    assert_eq!(unreviewed(&world, "bob").len(), 1);
    world.hitl("bob", &["approve", &id, "--review"]).run().exits(0);
    assert_eq!(unreviewed(&world, "bob"), [] as [Value; 0]);
    holds(&world);
}

#[test]
fn a_review_is_no_yes_to_what_still_waits() {
    let world = emergency_or_skip!();
    world.write("srv/schema", "old\n");
    let (mut terminal, mut running, id) =
        asked(&world, "alice", &["cp", "/srv/new", "/srv/schema"]);
    terminal.types(&format!("{}\n", &id[..4]));
    running.wait_for("pending");
    for early in [&["approve", &id, "--review"][..], &["reject", &id, "--review", "-m", "no"]] {
        world.hitl("carol", early).run().exits(77).says("nothing to review yet");
    }
    world.hitl("carol", &["reject", &id, "-m", "no"]).run().exits(0);
    running.end().1.exits(77);
}

#[test]
fn programs_and_outsiders_lift_nothing_and_are_not_told_how() {
    let world = emergency_or_skip!();
    let told = "--break-glass --reason";
    let own = world.hitl("alice", &["run", "--", "cp", "/srv/new", "/srv/state"]).run().exits(77);
    own.says(told);
    let check = world.hitl("alice", &["check", "--", "cp", "/srv/new", "/srv/state"]).run();
    check.exits(77).prints("you could lift this denial, and it would run");
    let agent = |user: &str| world.hitl(user, &breaking(&COPY)).with("CLAUDECODE", "1");
    for (call, why) in [
        (world.hitl("carol", &breaking(&COPY)), "does not let you lift denials"),
        (world.hitl("mallory", &breaking(&COPY)), "does not let you lift denials"),
        (world.hitl("root", &breaking(&COPY)), "does not let you lift denials"),
        (world.hitl("svc-agent", &breaking(&COPY)), "takes you for a program"),
        (world.hitl("deploy", &breaking(&COPY)), "takes you for a program"),
        (agent("alice"), "takes you for a program"),
    ] {
        let (mut terminal, other_end) = Terminal::new();
        call.on_terminal(other_end).run().exits(77);
        let shown = terminal.shows(why);
        assert!(!shown.contains(QUESTION), "{shown}");
        terminal.shows("denied: ");
        let shown = terminal.shows_to_the_end();
        assert!(!shown.contains(told), "{shown}");
    }
    for user in ["carol", "svc-agent"] {
        let check = world.hitl(user, &["check", "--", "cp", "/srv/new", "/srv/state"]).run();
        assert!(!check.exits(77).stdout.contains("lift"), "{user}");
        let json = world.hitl(user, &["check", "--json", "--", "cp", "/srv/new", "/srv/x"]).run();
        assert_eq!(json.exits(77).json()["break_glass"], false);
    }
    assert_eq!(world.read("srv/state"), "old\n");
}

#[test]
fn without_break_glass_in_the_policy_a_soft_denial_is_a_denial() {
    let world = emergency_or_skip!();
    world.policy(&POLICY.replace("break_glass: {groups: [ops], review_within: 2h}\n", ""));
    let ran = world.hitl("alice", &breaking(&COPY)).run().exits(77);
    ran.says("does not let you lift denials");
    assert_eq!(world.read("srv/state"), "old\n");
}

#[test]
fn it_is_listed_until_another_human_has_reviewed_it() {
    let world = emergency_or_skip!();
    let first = broken(&world, &COPY);
    let second = broken(&world, &["cp", "/srv/new", "/srv/other"]);
    // For whoever did it and for those who review it, the oldest first; for nobody else.
    for user in ["alice", "bob", "carol", "root"] {
        let ids: Vec<_> = unreviewed(&world, user).iter().map(|run| run["id"].clone()).collect();
        assert_eq!(ids, [&*first, &*second], "{user}");
    }
    assert_eq!(unreviewed(&world, "mallory"), [] as [Value; 0]);
    world.hitl("bob", &["pending"]).run().exits(0).says("2 runs by break-glass to be reviewed");
    let listed = world.hitl("bob", &["pending", "--break-glass"]).run().exits(0);
    let listed = listed.prints("LIFTED").prints("freeze").prints("1h 59m");
    assert!(!listed.stdout.contains("OVERDUE"));

    world.approve("alice", &first).exits(77).says("that is you; somebody else reviews it");
    world.hitl("alice", &["reject", &first, "-m", "x"]).run().exits(77).says("that is you");
    world.approve("root", &first).exits(77).says("the members of ops, security do");
    world.approve("mallory", &first).exits(1);
    let agent = world.hitl("bob", &["approve", &first]).with("CLAUDECODE", "1").run().exits(77);
    agent.says("only a human decides");
    assert_eq!(unreviewed(&world, "root").len(), 2);

    let reviewed = world.hitl("bob", &["approve", &first, "-m", "I was called too"]).run().exits(0);
    reviewed.says("reviewed").says("bob found that it was justified: \"I was called too\"");
    world.hitl("carol", &["reject", &second, "-m", " "]).run().exits(77).says("needs a reason");
    world.hitl("carol", &["reject", &second, "-m", "nothing was down"]).run().exits(0);
    world.approve("bob", &second).exits(77).says("carol found that it was not justified");
    assert_eq!(unreviewed(&world, "root"), [] as [Value; 0]);
    let shown = world.hitl("alice", &["show", "--json", &second]).run().exits(0).json();
    assert_eq!(shown["review"]["judgement"], "not-justified");
    assert_eq!(shown["review"]["message"], "nothing was down");
    assert_eq!(shown["state"], "finished");
    world.audited(&first, "break-glass-reviewed", 1);
    world.audited(&second, "break-glass-reviewed", 1);
    assert!(!holds(&world).stdout.contains("nobody has reviewed"));
    world.hitl("alice", &["show", &first]).run().exits(0).prints("found it justified");
}

#[test]
fn whoever_watches_is_told_of_its_review() {
    let world = emergency_or_skip!();
    let id = broken(&world, &COPY);
    let (mut watch, listed) = Watch::begin(&world, "carol", &["--all"]);
    assert_eq!((&listed[0]["id"], &listed[0]["review"]), (&Value::from(id.as_str()), &Value::Null));
    world.approve("bob", &id).exits(0);
    assert_eq!(watch.tells(&id, "finished")["review"]["judgement"], "justified");
    watch.end();
}

#[test]
fn whoever_watches_before_anything_was_asked_for_is_told_of_it_and_of_its_review() {
    let world = emergency_or_skip!();
    let (mut watch, listed) = Watch::begin(&world, "carol", &["--all"]);
    assert_eq!(listed, [] as [Value; 0]);
    let id = broken(&world, &COPY);
    // The states before it may be told too, or have passed already.
    let ended = std::iter::repeat_with(|| watch.next()).find(|told| told["state"] == "finished");
    let ended = ended.unwrap();
    assert_eq!((&ended["id"], &ended["review"]), (&Value::from(id.as_str()), &Value::Null));
    world.approve("bob", &id).exits(0);
    assert_eq!(watch.tells(&id, "finished")["review"]["judgement"], "justified");
    watch.end();
}

#[test]
fn the_requester_cannot_review_it_as_somebody_else_in_the_same_login_session() {
    let world = emergency_or_skip!();
    let set = world.program("root", "/usr/bin/true", &[] as &[&str]).logged_in_as("alice");
    if let Err(error) = set.command().status() {
        eprintln!("\n*** SKIPPED: the kernel does not let a test set its login uid: {error} ***\n");
        return;
    }
    let id = broken(&world, &COPY);
    let su = world.hitl("bob", &["approve", &id]).logged_in_as("alice").run().exits(77);
    su.says("that is you");
    world.hitl("bob", &["approve", &id]).logged_in_as("bob").run().exits(0);
}

#[test]
fn a_review_that_is_late_is_said_by_pending_and_by_doctor() {
    let world = emergency_or_skip!();
    world.policy(&POLICY.replace("review_within: 2h", "review_within: 1s"));
    let id = broken(&world, &COPY);
    let end = Instant::now() + Duration::from_secs(30);
    while unreviewed(&world, "bob")[0]["review_overdue"] != true {
        assert!(Instant::now() < end, "it never becomes overdue");
    }
    world.hitl("bob", &["pending", "--break-glass"]).run().exits(0).prints("OVERDUE");
    world.hitl("bob", &["pending"]).run().exits(0).says("1 of them overdue");
    let doctor = || world.hitl("root", &["doctor", "--json"]).run().stdout;
    let overdue = "1 run by break-glass should have been reviewed by now";
    assert!(doctor().contains(overdue), "{}", doctor());
    world.hitl("bob", &["reject", &id, "-m", "late, and for nothing"]).run().exits(0);
    assert!(!doctor().contains(overdue));
}

/// How often the log says that the glass was broken.
fn times_broken(world: &World) -> usize {
    let log = world.outside("var-lib/hitl/audit/000001.jsonl");
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.matches(r#""action":"break-glass""#).count()
}

/// alice breaks the glass; that is on record, and not in the store yet: whoever drops the lock lets it
/// go on. There was something in the store before.
fn on_record_alone(world: &World) -> (Terminal, Running, String, Flock<std::fs::File>) {
    let path = world.outside("var-lib/hitl/requests/lock");
    let held = Flock::lock(std::fs::File::open(path).unwrap(), FlockArg::LockExclusive).unwrap();
    let before = times_broken(world);
    let (mut terminal, running, id) = asked(world, "alice", &COPY);
    terminal.types(&format!("{}\n", &id[..4]));
    let end = Instant::now() + Duration::from_secs(30);
    while times_broken(world) == before {
        assert!(Instant::now() < end, "it is never on record");
        std::thread::yield_now();
    }
    (terminal, running, id, held)
}

/// The same, in the store too, with the snapshot taken and the command not started: its front is
/// stopped, and the monitor waits for it.
fn before_its_start(world: &World) -> (Terminal, Running, String) {
    let (terminal, running, id, held) = on_record_alone(world);
    running.signal(Signal::SIGSTOP);
    drop(held);
    let run = world.outside("var-lib/hitl/snapshots/runs").join(id.replace('-', ""));
    let end = Instant::now() + Duration::from_secs(30);
    while !run.join("information.json").exists() {
        assert!(Instant::now() < end, "it never takes its snapshot");
        std::thread::yield_now();
    }
    (terminal, running, id)
}

#[test]
fn killed_before_its_start_it_is_on_record_readable_and_runs_once_at_most() {
    let world = emergency_or_skip!();
    let before = broken(&world, &COPY);
    world.write("srv/state", "old\n");

    // Killed with the approval on disk: its requester may still start it, once.
    let (_terminal, running, id) = before_its_start(&world);
    let monitor = monitor_of(&running.child);
    monitor.kill(Signal::SIGKILL);
    running.signal(Signal::SIGKILL);
    running.end();
    monitor.comes_to(None);
    assert_eq!(world.state(&id), "approved");
    world.audited(&id, "break-glass", 1);
    world.audited(&id, "command-started", 0);
    assert_eq!(world.read("srv/state"), "old\n");
    world.resume("bob", &id).exits(77);
    let resume = || {
        // What it is bound to includes that there is a terminal.
        let (_person, other_end) = Terminal::new();
        world.hitl("alice", &["run", "--resume", &id]).on_terminal(other_end).run()
    };
    resume().exits(0);
    assert_eq!(world.read("srv/state"), "new\n");
    resume().exits(77);
    world.audited(&id, "command-started", 1);
    assert_eq!(unreviewed(&world, "bob").len(), 2);

    // Killed with the entry in the log and no request in the store: it never runs.
    world.write("srv/state", "old\n");
    let (_terminal, running, lost, held) = on_record_alone(&world);
    let monitor = monitor_of(&running.child);
    monitor.kill(Signal::SIGKILL);
    running.end();
    monitor.comes_to(None);
    drop(held);
    world.resume("alice", &lost).exits(1);
    assert_eq!(world.read("srv/state"), "old\n");
    holds(&world);
    let ids: Vec<_> = unreviewed(&world, "bob").iter().map(|run| run["id"].clone()).collect();
    assert_eq!(ids, [&*before, &*id]);
}

#[test]
fn killed_while_its_command_runs_it_is_still_reviewed() {
    let world = emergency_or_skip!();
    world.policy(&POLICY.replace("command: /usr/bin/cp}", "command: /usr/bin/sleep}"));
    let (mut terminal, mut running, id) = asked(&world, "alice", &["sleep", "60"]);
    terminal.types(&format!("{}\n", &id[..4]));
    running.wait_for("started");
    let monitor = monitor_of(&running.child);
    world.approve("bob", &id).exits(77).says("was started");
    monitor.kill(Signal::SIGKILL);
    running.end();
    monitor.comes_to(None);
    assert_eq!(world.state(&id), "unknown");
    assert_eq!(unreviewed(&world, "bob")[0]["id"], *id);
    world.hitl("bob", &["reject", &id, "-m", "what for?"]).run().exits(0);
    assert_eq!(unreviewed(&world, "bob"), [] as [Value; 0]);
    holds(&world);
}

#[test]
fn a_changed_file_or_a_policy_that_trusts_them_no_longer_voids_it() {
    let world = emergency_or_skip!();
    for change in [
        &(|world: &World| world.write("srv/new", "something else\n")) as &dyn Fn(&World),
        &|world| world.policy(&POLICY.replace("{groups: [ops]", "{groups: [security]")),
    ] {
        world.policy(POLICY);
        world.write("srv/new", "new\n");
        broken(&world, &COPY);
        world.write("srv/state", "old\n");
        let (_terminal, running, id) = before_its_start(&world);
        change(&world);
        running.signal(Signal::SIGCONT);
        running.end().1.exits(77);
        assert_eq!(world.state(&id), "void");
        assert_eq!(world.read("srv/state"), "old\n");
        assert!(!unreviewed(&world, "root").iter().any(|run| run["id"] == *id));
    }
    holds(&world);
}

#[test]
fn another_human_may_veto_it_before_it_starts() {
    let world = emergency_or_skip!();
    broken(&world, &COPY);
    world.write("srv/state", "old\n");
    let (terminal, running, id) = before_its_start(&world);
    world.hitl("alice", &["reject", &id, "-m", "no"]).run().exits(77);
    world.hitl("carol", &["reject", &id, "-m", "call me first"]).run().exits(0);
    running.signal(Signal::SIGCONT);
    running.end().1.exits(77);
    let shown = terminal.shows_to_the_end();
    assert!(shown.contains("carol said no (call me first)"), "{shown}");
    assert_eq!(world.state(&id), "rejected");
    assert_eq!(world.read("srv/state"), "old\n");
    holds(&world);
}

#[test]
fn a_request_made_into_one_that_lifts_a_denial_is_not_believed() {
    let world = emergency_or_skip!();
    let words = ["run", "--no-wait", "--json", "--reason", "please", "--", "touch", "/srv/made"];
    let id = crate::office::asked(&world.hitl("alice", &words).run());
    let honest: Value = serde_json::from_str(&world.record(&id)).unwrap();
    let review_by = honest["approval_deadline"].clone();
    let glass =
        serde_json::json!({"lifted": ["others"], "reviewers": ["ops"], "review_by": review_by});
    let mut forged = honest.clone();
    forged["state"] = "approved".into();
    forged["execution_deadline"] = review_by;
    forged["shown"]["decision"] = "deny".into();
    forged["shown"]["break_glass"] = glass;
    let mut bound_too = forged.clone();
    bound_too["bound"]["break_glass"] = true.into();
    for record in [forged, bound_too] {
        world.forge_record(&id, &record.to_string());
        world.resume("alice", &id).exits(125);
        assert!(!world.outside("srv/made").exists());
    }
}

#[test]
fn whoever_lifts_a_denial_proves_to_be_who_they_are_where_the_rule_asks_for_it() {
    use crate::authenticating::{ALICES, SHADOW, UNIX};
    let world = emergency_or_skip!();
    world.policy(&POLICY.replace(
        "    enforcement: soft\n",
        "    enforcement: soft\n    authenticate: requester\n",
    ));
    world.write("etc/shadow", SHADOW);
    world.mode("etc/shadow", 0o600);
    std::fs::create_dir(world.outside("etc/pam.d")).unwrap();
    world.write("etc/pam.d/hitl", UNIX);
    let prompt = "[hitl] password for alice: ";
    // Without breaking the glass it is refused, and nobody is asked for anything.
    let plain = world.hitl("alice", &["run", "--", "cp", "/srv/new", "/srv/state"]).run();
    assert!(!plain.exits(77).stderr.contains("password"));

    let start = || {
        let (mut terminal, other_end) = Terminal::new();
        let running = world.hitl("alice", &breaking(&COPY)).on_terminal(other_end).start();
        terminal.shows(prompt);
        (terminal, running)
    };
    let (mut terminal, running) = start();
    terminal.types("\u{3}");
    let (events, ran) = running.end();
    ran.exits(77);
    assert!(!events.iter().any(|event| event["event"] == "breaking-glass"));
    assert_eq!(world.read("srv/state"), "old\n");
    holds(&world);

    let (mut terminal, mut running) = start();
    terminal.types(&format!("{ALICES}\n"));
    let id = running.wait_for("breaking-glass")["id"].as_str().unwrap().to_owned();
    terminal.shows(QUESTION);
    terminal.types(&format!("{}\n", &id[..4]));
    running.end().1.exits(0);
    assert_eq!(world.read("srv/state"), "new\n");
    assert_eq!(places(&world, &id)[2..4], ["break-glass", "authenticated"]);
    holds(&world);
}

#[test]
fn a_log_that_was_chained_again_without_its_break_glass_entry_or_with_another_does_not_hold() {
    let world = emergency_or_skip!();
    let id = broken(&world, &COPY);
    world.approve("bob", &id).exits(0);
    holds(&world);
    let log = "var-lib/hitl/audit/000001.jsonl";
    let entries: Vec<Value> =
        world.read(log).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place =
        |action: &str| entries.iter().position(|it| it["event"]["action"] == action).unwrap();
    let (decided, broke) = (place("policy-decided"), place("break-glass"));
    let reviewed = place("break-glass-reviewed");
    let without = [&entries[..broke], &entries[broke + 1..]].concat();
    let changed = |place: usize, change: &dyn Fn(&mut Value)| {
        let mut entries = entries.clone();
        change(&mut entries[place]);
        entries
    };
    std::fs::create_dir(world.outside("srv/forged")).unwrap();
    world.mode("srv/forged", 0o755);
    for (forged, why) in [
        (without, "was denied"),
        (
            changed(decided, &|it| it["hitl"]["enforcement"] = "hard".into()),
            "lifts a denial that is not",
        ),
        (changed(broke, &|it| it["hitl"]["reason"] = " ".into()), "without a reason"),
        (changed(broke, &|it| it["hitl"]["kind"] = "agent".into()), "not a human"),
        (changed(broke, &|it| it["user"]["id"] = "2002".into()), "somebody else lifts"),
        (changed(broke, &|it| it["hitl"]["lifted"] = Value::Array(vec![])), "which denial"),
        (
            changed(broke, &|it| {
                it["hitl"]["decision"] = "approve".into();
                it["hitl"]["requirements"] =
                    serde_json::json!([{"count": 1, "groups": ["security"], "presence": "uid"}]);
            }),
            "without the approvals",
        ),
        (changed(reviewed, &|it| it["user"]["id"] = "2001".into()), "by whoever asked for it"),
        (changed(reviewed, &|it| it["hitl"]["kind"] = "ci".into()), "by somebody who may not"),
    ] {
        let lines = crate::audit::chained_again(&forged);
        world.write("srv/forged/000001.jsonl", &(lines.join("\n") + "\n"));
        let ran = world.plain_hitl("carol", &["audit", "verify", "/srv/forged"]).run();
        ran.exits(1).prints(why);
    }
}

/// Waits for a message of this type to the channel of [`everybody_named_for_it_is_told_at_once`].
#[track_caller]
fn told(world: &World, kind: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let files = std::fs::read_dir(world.outside("srv/told")).unwrap();
        let names = files.map(|file| file.unwrap().path());
        let whole = names.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let messages: Vec<Value> = whole
            .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
            .collect();
        if let Some(found) = messages.iter().find(|message| message["type"] == kind) {
            return found.clone();
        }
        assert!(Instant::now() < end, "no {kind} among {messages:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn everybody_named_for_it_is_told_at_once() {
    let world = emergency_or_skip!();
    world.install_sender();
    world.install("page", "#!/bin/bash\ncat > /srv/told/$$; mv /srv/told/$$ /srv/told/$$.json\n");
    std::fs::create_dir(world.outside("srv/told")).unwrap();
    world.mode("srv/told", 0o777);
    let channels = "channels: [{name: pager, kind: command, run: [/usr/local/bin/page]}]\nrules:";
    let policy = POLICY.replacen("rules:", channels, 1);
    world.policy(&policy.replace("{groups: [ops],", "{groups: [ops], notify: [pager],"));
    let (mut terminal, running, id) = asked(&world, "alice", &COPY);
    terminal.types(&format!("{}\n", &id[..4]));
    running.end().1.exits(0);
    let used = told(&world, "break-glass.used");
    assert_eq!(used["data"]["id"], *id);
    assert_eq!(used["data"]["requester"]["name"], "alice");
    assert_eq!(used["data"]["reason"], "the site is down");
    assert_eq!(used["data"]["break_glass"]["lifted"], serde_json::json!(["freeze"]));
    told(&world, "command.finished");
    world.hitl("bob", &["reject", &id, "-m", "it was up"]).run().exits(0);
    let reviewed = told(&world, "break-glass.reviewed");
    assert_eq!(reviewed["data"]["break_glass"]["judgement"], "not-justified");
    assert_eq!(reviewed["data"]["break_glass"]["review"]["name"], "bob");
    let entries = world.audit();
    let broke = entries.iter().find(|entry| entry["event"]["action"] == "break-glass").unwrap();
    assert_eq!(broke["hitl"]["channels"], serde_json::json!(["pager"]));
}

#[test]
fn whoever_sees_to_it_that_nobody_could_be_told_lifts_nothing() {
    let world = emergency_or_skip!();
    let capabilities = std::fs::read_to_string("/proc/self/status").unwrap();
    let bounding = capabilities.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    if u64::from_str_radix(bounding.trim(), 16).unwrap() & (1 << 24) != 0 {
        // Root raises such limits itself (CAP_SYS_RESOURCE): it is told all the same.
        return;
    }
    let channels = "channels: [{name: pager, kind: command, run: [/usr/bin/true]}]\nrules:";
    let policy = POLICY.replacen("rules:", channels, 1);
    world.policy(&policy.replace("{groups: [ops],", "{groups: [ops], notify: [pager],"));
    for limit in ["-u 1", "-n 20", "-v 200000", "-t 1"] {
        let line = format!("ulimit {limit}; exec hitl {}", breaking(&COPY).join(" "))
            .replace("the site is down", "'the site is down'");
        let (mut terminal, other_end) = Terminal::new();
        let call = world.script("alice", &line).on_terminal(other_end);
        let child = call.command().spawn().unwrap();
        terminal.shows("nobody could be told of it");
        crate::world::finish(child).exits(77);
        assert_eq!(world.read("srv/state"), "old\n", "{limit}");
    }
    holds(&world);
}
