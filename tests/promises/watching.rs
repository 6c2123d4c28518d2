//! `hitl pending --json --watch`: whoever watches learns what changes as it changes, of what they may
//! see, and the watch ends with its reader.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::office::{DEPLOY, POLICY};
use crate::office_or_skip;
use crate::processes::{monitor_of, process_of};
use crate::world::World;

/// A watch, and what it prints.
pub struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    /// Starts one: what it lists first.
    #[track_caller]
    pub fn begin(world: &World, user: &str, words: &[&str]) -> (Self, Vec<Value>) {
        let words = [&["pending", "--json", "--watch"], words].concat();
        let mut command = world.hitl(user, &words).command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut watch = Self { child, lines };
        let mut listed = Vec::new();
        loop {
            let line = watch.next();
            if let Some(count) = line.get("listed") {
                assert_eq!(
                    (line["v"].as_u64(), count.as_u64()),
                    (Some(1), Some(listed.len() as u64))
                );
                return (watch, listed);
            }
            listed.push(line);
        }
    }

    /// The next line.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Asserts that the next line is about this request in this state.
    #[track_caller]
    pub fn tells(&mut self, id: &str, state: &str) -> Value {
        let line = self.next();
        assert_eq!(
            (line["id"].as_str(), line["state"].as_str()),
            (Some(id), Some(state)),
            "{line}"
        );
        line
    }

    /// Asks for something that this watcher sees, as a mark: nothing that happened before it may still
    /// come after it.
    #[track_caller]
    fn tells_nothing_before(&mut self, world: &World, user: &str) {
        let mark = world.ask(user, &["true", "mark"]);
        self.tells(&mark, "pending");
    }

    /// Ends it.
    pub fn end(mut self) {
        process_of(&self.child).kill(Signal::SIGKILL);
        self.child.wait().unwrap();
    }
}

#[test]
fn a_watcher_is_told_what_is_new_and_what_changes_to_its_end() {
    let world = office_or_skip!();
    let first = world.ask("alice", &DEPLOY);
    let (mut watch, listed) = Watch::begin(&world, "bob", &[]);
    assert_eq!(listed.len(), 1);
    let pending = world.hitl("bob", &["pending", "--json"]).run().exits(0).json();
    for name in ["id", "digest", "bound", "shown", "state", "still_needed"] {
        assert_eq!(listed[0][name], pending[name], "{name}");
    }

    let second = world.ask("alice", &["touch", "/srv/touched"]);
    let told = watch.tells(&second, "pending");
    assert_eq!(told["still_needed"].as_array().unwrap().len(), 2);
    world.approve("bob", &second).exits(0);
    let told = watch.tells(&second, "pending");
    assert_eq!(told["approvals"].as_array().unwrap().len(), 1);
    world.approve("carol", &second).exits(0);
    watch.tells(&second, "approved");
    world.resume("alice", &second).exits(0);
    watch.tells(&second, "running");
    watch.tells(&second, "finished");
    world.hitl("bob", &["reject", &first, "-m", "no"]).run().exits(0);
    watch.tells(&first, "rejected");
    watch.tells_nothing_before(&world, "alice");
    process_of(&watch.child).kill(Signal::SIGKILL);
    watch.child.wait().unwrap();
}

#[test]
fn a_watcher_is_told_of_nobody_elses_requests() {
    let world = office_or_skip!();
    let confirmation = world.ask("alice", &["mkdir", "/srv/made"]);
    let (mut mallory, listed) = Watch::begin(&world, "mallory", &[]);
    assert_eq!(listed, [] as [Value; 0]);
    let (mut alice, listed) = Watch::begin(&world, "alice", &[]);
    assert_eq!(listed[0]["id"], confirmation.as_str());
    let id = world.ask("alice", &DEPLOY);
    alice.tells(&id, "pending");
    world.approve("bob", &id).exits(0);
    alice.tells(&id, "approved");
    // mallory is of group security: this one she may decide about, and it is the first she hears of.
    let id = world.ask("alice", &["touch", "/srv/touched"]);
    mallory.tells(&id, "pending");
    alice.tells(&id, "pending");
    for watch in [&mut alice.child, &mut mallory.child] {
        watch.kill().unwrap();
        watch.wait().unwrap();
    }
}

#[test]
fn somebody_who_leaves_the_group_is_told_nothing_more() {
    let world = office_or_skip!();
    let (mut bob, _) = Watch::begin(&world, "bob", &[]);
    let before = world.ask("alice", &DEPLOY);
    bob.tells(&before, "pending");
    world.policy(&POLICY.replace("users: [bob, carol, svc-agent", "users: [carol, svc-agent"));
    world.ask("alice", &DEPLOY);
    world.approve("carol", &before);
    // His own he still sees.
    bob.tells_nothing_before(&world, "bob");
    bob.child.kill().unwrap();
    bob.child.wait().unwrap();
}

#[test]
fn a_search_narrows_what_a_watcher_is_told() {
    let world = office_or_skip!();
    let (mut watch, _) = Watch::begin(&world, "bob", &["--search", "MARK"]);
    world.ask("alice", &DEPLOY);
    watch.tells_nothing_before(&world, "alice");
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
}

#[test]
fn a_watcher_hears_of_a_request_whose_time_is_over() {
    let world = office_or_skip!();
    world.policy(&POLICY.replace("approval_expiry: 5m", "approval_expiry: 1s"));
    let (mut watch, _) = Watch::begin(&world, "bob", &[]);
    let id = world.ask("alice", &DEPLOY);
    watch.tells(&id, "pending");
    watch.tells(&id, "expired");
    world.audited(&id, "request-expired", 1);
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
}

#[test]
fn a_watch_ends_when_its_reader_or_its_front_has_gone_and_before_that_sleeps() {
    let world = office_or_skip!();
    world.ask("alice", &DEPLOY);
    let (Watch { mut child, lines }, _) = Watch::begin(&world, "bob", &[]);
    let monitor = monitor_of(&child);
    // Nothing happens now, so it has to have gone to sleep, and stays there.
    monitor.comes_to(Some('S'));
    drop(lines);
    monitor.comes_to(None);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));

    let (mut watch, _) = Watch::begin(&world, "bob", &[]);
    let monitor = monitor_of(&watch.child);
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
    monitor.comes_to(None);
}

#[test]
fn a_watcher_that_is_stopped_or_does_not_read_keeps_nobody_from_asking_and_deciding() {
    let world = office_or_skip!();
    world.write("srv/plan.txt", "x\n");
    let (mut stopped, _) = Watch::begin(&world, "bob", &[]);
    let front = process_of(&stopped.child);
    front.kill(Signal::SIGSTOP);
    front.comes_to(Some('T'));
    let (mut deaf, _) = Watch::begin(&world, "carol", &[]);
    // More than a pipe holds.
    let long = "y".repeat(30_000);
    let ids: Vec<String> = (0..6).map(|_| world.ask("alice", &["true", &long])).collect();
    for id in &ids {
        world.approve("carol", id).exits(0);
        world.resume("alice", id).exits(0);
    }
    // Whoever reads again hears how it stands; not every step that it missed.
    front.kill(Signal::SIGCONT);
    for watch in [&mut stopped, &mut deaf] {
        let mut finished = 0;
        while finished < ids.len() {
            finished += usize::from(watch.next()["state"] == "finished");
        }
        watch.child.kill().unwrap();
        watch.child.wait().unwrap();
    }
}

#[test]
fn only_programs_watch() {
    let world = office_or_skip!();
    world.hitl("bob", &["pending", "--watch"]).run().exits(2).says("--json");
}

#[test]
fn in_user_scope_a_watch_works_and_ends_with_its_reader_too() {
    let world = office_or_skip!();
    world.user_policy("alice", &POLICY.replace("decision: deny", "decision: approve"));
    let mut command = world.plain_hitl("alice", &["pending", "--json", "--watch"]).command();
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "{\"listed\":0,\"v\":1}");
    let words = ["run", "--no-wait", "--json", "--", "true"];
    let id = crate::office::asked(&world.plain_hitl("alice", &words).run());
    assert!(lines.next().unwrap().unwrap().contains(&id));
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
