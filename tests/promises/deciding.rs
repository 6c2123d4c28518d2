//! Who decides: another human, of the group that is asked, each once; never the one who asks, and
//! never a program.

use serde_json::Value;

use crate::office::{DEPLOY, POLICY};
use crate::{office_or_skip, world_or_skip};

#[test]
fn a_rejection_needs_a_reason_ends_the_request_and_tells_the_requester_why() {
    let world = office_or_skip!();
    let waiting = world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]);
    let waiting = waiting.start_and_wait_for_request();
    let id = waiting.id.clone();
    world.hitl("bob", &["reject", &id]).run().exits(2);
    world.hitl("bob", &["reject", &id, "-m", "  "]).run().exits(77).says("needs a reason");
    assert_eq!(world.state(&id), "pending");
    world.hitl("bob", &["reject", &id, "-m", "not on a Friday"]).run().exits(0);
    waiting.end().exits(77).says("not on a Friday").says("bob said no");
    assert_eq!(world.times_run(), 0);
    world.audited(&id, "approval-rejected", 1);
    world.approve("carol", &id).exits(77).says("rejected");
}

#[test]
fn one_rejection_is_enough_also_over_an_approval_that_was_given() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    world.hitl("carol", &["reject", &id, "-m", "wait for the backup"]).run().exits(0);
    world.resume("alice", &id).exits(77).says("wait for the backup");
    assert_eq!(world.times_run(), 0);
}

#[test]
fn only_the_requester_and_root_take_a_request_back() {
    let world = office_or_skip!();
    for who in ["alice", "root"] {
        let waiting = world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]);
        let waiting = waiting.start_and_wait_for_request();
        let id = waiting.id.clone();
        world.hitl("bob", &["cancel", &id]).run().exits(77).says("only alice");
        world.hitl("mallory", &["cancel", &id]).run().exits(1).says("there is no request");
        assert_eq!(world.state(&id), "pending");
        world.hitl(who, &["cancel", &id]).run().exits(0);
        waiting.end().exits(77).says(&format!("cancelled by {who}"));
        world.audited(&id, "request-cancelled", 1);
    }
    assert_eq!(world.times_run(), 0);
}

#[test]
fn the_requester_cannot_approve_their_own_request() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.approve("alice", &id).exits(77).says("you asked for it yourself");
    let own_no = world.hitl("alice", &["reject", &id, "-m", "no"]).run().exits(77);
    own_no.says("hitl cancel");
    assert_eq!(world.state(&id), "pending");
}

#[test]
fn the_requester_cannot_approve_as_somebody_else_in_the_same_login_session() {
    let world = office_or_skip!();
    let set = world.program("root", "/usr/bin/true", &[] as &[&str]).logged_in_as("alice");
    if let Err(error) = set.command().status() {
        eprintln!("\n*** SKIPPED: the kernel does not let a test set its login uid: {error} ***\n");
        return;
    }
    let command = ["run", "--no-wait", "--json", "--", "sh", "/srv/deploy.sh"];
    let id = crate::office::asked(&world.hitl("alice", &command).logged_in_as("alice").run());
    // su to another account, and to root: the kernel still knows who logged in.
    for who in ["bob", "root"] {
        let refused = world.hitl(who, &["approve", &id]).logged_in_as("alice").run().exits(77);
        refused.says("login uid");
    }
    // Asked from a service, where no login is known, and then decided from the own login.
    let of_service = world.ask("alice", &DEPLOY);
    let refused = world.hitl("bob", &["approve", &of_service]).logged_in_as("alice").run();
    refused.exits(77).says("login uid");
    world.hitl("bob", &["approve", &id]).logged_in_as("bob").run().exits(0);
    assert_eq!(world.state(&id), "approved");
}

#[test]
fn only_members_of_the_group_that_is_asked_count_and_root_is_no_member() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.approve("root", &id).exits(77).says("1 of group ops");
    // mallory is in another group: for her the request does not even exist.
    world.approve("mallory", &id).exits(1).says("there is no request");
    assert_eq!(world.state(&id), "pending");
    world.approve("bob", &id).exits(0);
    assert_eq!(world.state(&id), "approved");
}

#[test]
fn programs_never_count_as_the_second_human() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    // Accounts that the policy calls programs, though it lists them in the group too.
    world.approve("svc-agent", &id).exits(77).says("only a human decides");
    world.approve("deploy", &id).exits(77).says("only a human decides");
    // A human's account, from an environment that a program has marked.
    for (name, value) in [("CLAUDECODE", "1"), ("CI", "true"), ("CODEX_SANDBOX", "seatbelt")] {
        let refused = world.hitl("bob", &["approve", &id]).with(name, value).run().exits(77);
        refused.says("only a human decides");
        let no = world.hitl("bob", &["reject", &id, "-m", "no"]).with(name, value).run();
        no.exits(77).says("only a human decides");
    }
    assert_eq!(world.state(&id), "pending");
    world.audited(&id, "approval-recorded", 0);
}

#[test]
fn two_groups_need_two_humans_and_one_human_in_both_counts_once() {
    let world = office_or_skip!();
    let command = ["run", "--", "touch", "/srv/touched"];
    let waiting = world.hitl("alice", &command).start_and_wait_for_request();
    let id = waiting.id.clone();
    // carol is in both groups.
    world.approve("carol", &id).exits(0);
    assert_eq!(world.state(&id), "pending");
    world.approve("carol", &id).exits(77).says("already approved");
    assert!(!world.outside("srv/touched").exists());
    // Whichever group the second human is in, carol fills the place in the other.
    world.approve("mallory", &id).exits(0);
    waiting.end().exits(0);
    assert!(world.outside("srv/touched").exists());
    world.audited(&id, "approval-recorded", 2);

    let other = world.ask("alice", &["touch", "/srv/touched"]);
    world.approve("carol", &other).exits(0);
    world.approve("bob", &other).exits(0);
    assert_eq!(world.state(&other), "approved");
}

#[test]
fn a_group_of_the_host_counts_as_it_is_now() {
    let world = world_or_skip!();
    world.policy(&POLICY.replace(
        "{name: ops, users: [bob, carol, svc-agent, deploy, alice]}",
        "{name: ops, unix_groups: [sre]}",
    ));
    let id = world.ask("alice", &["true"]);
    world.approve("carol", &id).exits(1);
    let groups = world.read("etc/group").replace("sre:x:3001:alice,bob", "sre:x:3001:alice,carol");
    world.write("etc/group", &groups);
    // bob's processes are still in the group; the host's list no longer has him.
    world.approve("bob", &id).exits(1);
    world.approve("carol", &id).exits(0);
}

#[test]
fn a_proof_that_is_too_weak_for_the_group_is_refused_said_and_not_kept() {
    let world = office_or_skip!();
    for presence in ["key", "touch", "verify"] {
        world.policy(&POLICY.replace(
            "{name: ops, users: [bob, carol, svc-agent, deploy, alice]}",
            &format!("{{name: ops, users: [bob], presence: {presence}}}"),
        ));
        let id = world.ask("alice", &DEPLOY);
        let refused = world.approve("bob", &id).exits(77);
        refused
            .says("bob is in the right group, but a login proves too little")
            .says(&format!("1 of group ops by {presence}"))
            .says(&format!("\"hitl approve {id}\" signs with your SSH key"));
        assert_eq!(world.state(&id), "pending");
        world.audited(&id, "approval-recorded", 0);
    }
}

#[test]
fn what_an_approver_wrote_is_kept_with_the_approval() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.hitl("bob", &["approve", &id, "-m", "seen with the on-call"]).run().exits(0);
    let shown = world.hitl("alice", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(shown["approvals"][0]["approver"]["name"], "bob");
    assert_eq!(shown["approvals"][0]["message"], "seen with the on-call");
    let entries = world.audit();
    let approved: Vec<&Value> =
        entries.iter().filter(|entry| entry["event"]["action"] == "approval-recorded").collect();
    assert_eq!(approved.len(), 1);
    assert_eq!(approved[0]["user"]["name"], "bob");
    assert_eq!(approved[0]["hitl"]["message"], "seen with the on-call");
}
