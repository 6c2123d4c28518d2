//! Several humans: of one group or of any of several, each by a proof that is strong enough, each
//! counted once.

use serde_json::json;

use crate::world::World;
use crate::world_or_skip;

/// carol is in both groups; what is asked for is told apart by the command.
const POLICY: &str = r#"
version: 1
name: quorum
defaults: {decision: deny}
groups:
  - {name: ops, users: [bob, carol]}
  - {name: dba, users: [carol, mallory]}
rules:
  - id: another-of-any
    match: {command: /usr/bin/touch}
    decision: approve
    require: [{group: ops}, {any_of: [ops, dba]}]
  - id: two-of-any
    match: {command: /usr/bin/mkdir}
    decision: approve
    require: [{any_of: [ops, dba], count: 2}]
  - id: one-with-a-key
    match: {command: /usr/bin/cp}
    decision: approve
    require: [{group: ops}, {any_of: [ops, dba], presence: touch}]
tests:
  - name: another of either group
    run: touch /srv/x
    expect: {approvals: {ops: 1, "ops or dba": 1}}
  - name: one of them with a key
    run: cp /srv/x /srv/y
    expect: {approvals: {ops: 1, "dba or ops by touch": 1}}
"#;

fn world_with_groups(world: World) -> World {
    world.policy(POLICY);
    world
}

/// A world with these groups; leaves the test early, loudly, where there cannot be one.
macro_rules! groups_or_skip {
    () => {
        world_with_groups(world_or_skip!())
    };
}

#[test]
fn a_member_of_either_group_will_do_where_any_of_them_is_asked() {
    let world = groups_or_skip!();
    for (first, second) in [("bob", "mallory"), ("mallory", "bob"), ("bob", "carol")] {
        let id = world.ask("alice", &["touch", "/srv/touched"]);
        world.approve(first, &id).exits(0);
        assert_eq!(world.state(&id), "pending");
        world.approve(second, &id).exits(0);
        assert_eq!(world.state(&id), "approved", "{first}, {second}");
        world.resume("alice", &id).exits(0);
        // The log's own check knows the groups.
        world.audited(&id, "command-started", 1);
    }
    // Two of dba are not what was asked for, in either order.
    let id = world.ask("alice", &["touch", "/srv/touched"]);
    world.approve("mallory", &id).exits(0);
    world.approve("mallory", &id).exits(77).says("1 of group ops, from somebody else");
    assert_eq!(world.state(&id), "pending");
}

#[test]
fn a_human_in_both_groups_counts_once_and_moves_over_for_one_who_is_in_one() {
    let world = groups_or_skip!();
    let id = world.ask("alice", &["touch", "/srv/touched"]);
    world.approve("carol", &id).exits(0);
    world.approve("carol", &id).exits(77).says("you have already approved");
    assert_eq!(world.state(&id), "pending");
    // carol can stand for ops, so that mallory of dba is the other one.
    world.approve("mallory", &id).exits(0);
    assert_eq!(world.state(&id), "approved");

    let two = world.ask("alice", &["mkdir", "/srv/made"]);
    world.approve("carol", &two).exits(0);
    world.approve("carol", &two).exits(77).says("it still needs 1 of group dba or ops");
    world.approve("bob", &two).exits(0);
    assert_eq!(world.state(&two), "approved");
}

#[test]
fn a_human_with_two_accounts_counts_once() {
    let world = groups_or_skip!();
    let set = world.program("root", "/usr/bin/true", &[] as &[&str]).logged_in_as("alice");
    if let Err(error) = set.command().status() {
        eprintln!("\n*** SKIPPED: the kernel does not let a test set its login uid: {error} ***\n");
        return;
    }
    let id = world.ask("alice", &["mkdir", "/srv/made"]);
    world.hitl("bob", &["approve", &id]).logged_in_as("bob").run().exits(0);
    // bob, who has become mallory: another group, another account, the same human.
    let again = world.hitl("mallory", &["approve", &id]).logged_in_as("bob").run().exits(77);
    again.says("you, as bob, have already approved");
    assert_eq!(world.state(&id), "pending");
    world.hitl("mallory", &["approve", &id]).logged_in_as("mallory").run().exits(0);
    assert_eq!(world.state(&id), "approved");
    world.audited(&id, "approval-recorded", 2);
}

#[test]
fn anybody_who_could_approve_can_say_no_for_all() {
    let world = groups_or_skip!();
    for (command, who) in [("touch", "mallory"), ("mkdir", "bob"), ("cp", "mallory")] {
        let id = world.ask("alice", &[command, "/srv/a", "/srv/b"]);
        world.approve("carol", &id).exits(0);
        // Also by a proof that would have been too weak for a yes.
        world.hitl(who, &["reject", &id, "-m", "not now"]).run().exits(0);
        assert_eq!(world.state(&id), "rejected");
        world.approve("bob", &id).exits(77).says("not now");
    }
}

#[test]
fn whoever_proves_too_little_is_told_exactly_that_and_is_not_counted() {
    let world = groups_or_skip!();
    let id = world.ask("alice", &["cp", "/srv/a", "/srv/b"]);
    let refused = world.approve("mallory", &id).exits(77);
    refused
        .says("mallory is in the right group, but a login proves too little")
        .says("1 of group dba or ops by touch and 1 of group ops")
        .says(&format!("\"hitl approve {id}\" signs with your SSH key"))
        .says("a hardware key that you touch");
    world.audited(&id, "approval-recorded", 0);
    // A login is enough for the one place, and never for both.
    world.approve("bob", &id).exits(0);
    let refused = world.approve("carol", &id).exits(77);
    refused.says("a login proves too little").says("it needs 1 of group dba or ops by touch;");
    assert_eq!(world.state(&id), "pending");
    world.audited(&id, "approval-recorded", 1);
    world.resume("alice", &id).exits(75);
}

#[test]
fn people_and_programs_are_told_of_groups_and_presence_alike() {
    let world = groups_or_skip!();
    let needed = json!([
        {"groups": ["dba", "ops"], "count": 1, "presence": "touch"},
        {"groups": ["ops"], "count": 1, "presence": "uid"},
    ]);
    let words = "1 of group dba or ops by touch and 1 of group ops";
    let check = world.hitl("alice", &["check", "--", "cp", "/srv/a", "/srv/b"]).run().exits(75);
    check.prints(&format!("approve: it would wait for {words}"));
    let list = world.hitl("alice", &["list"]).run().exits(0);
    list.prints(words).prints("2 of group dba or ops (high risk)");
    let id = world.ask("alice", &["cp", "/srv/a", "/srv/b"]);
    world.hitl("alice", &["show", &id]).run().exits(0).prints(words);
    world.hitl("alice", &["pending"]).run().exits(0).prints("1 dba/ops touch + 1 ops");
    let shown = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!((&shown["shown"]["requirements"], &shown["still_needed"]), (&needed, &needed));
    world.approve("bob", &id).exits(0);
    let shown = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(shown["still_needed"], json!([needed[0]]));
    let given = &shown["approvals"][0];
    assert_eq!((&given["presence"], &given["proof"]), (&json!("uid"), &json!({"by": "login"})));
    let decided = world.audit().into_iter().find(|entry| {
        entry["event"]["action"] == "policy-decided" && entry["hitl"]["request_id"] == *id
    });
    assert_eq!(decided.unwrap()["hitl"]["requirements"], needed);
    world.write("srv/policy.yaml", POLICY);
    let tested = world.hitl("alice", &["policy", "test", "/srv/policy.yaml"]).run().exits(0);
    tested.prints("2 passed, 0 failed");
}
