//! What people read while hitl works: short, to the point, and where they look for it.

use std::fs::File;
use std::io::Read;

use nix::pty::openpty;

use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: telling
defaults: {decision: confirm, risk: low}
rules:
  - {id: deleting, match: {command: rm}, decision: confirm, risk: high}
  - {id: not-the-system, match: {command: rm, paths: ["/usr/**"]}, decision: deny, risk: critical}
"#;

#[test]
fn a_denial_says_which_rule_denies_and_under_which_id_that_is_on_record() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let ran = world.hitl("alice", &["run", "--json", "--", "rm", "/usr/bin/env"]).run().exits(77);
    let said = ran.stderr.trim_end();
    assert!(said.contains("rule not-the-system matches"), "{said}");
    assert!(!said.contains("rule deleting"), "it is not what denies: {said}");
    let id = ran.json()["id"].as_str().unwrap().to_owned();
    let shown = world.hitl("root", &["audit", "show", "--request", &id]).run().exits(0);
    shown.prints("deny").prints("rm /usr/bin/env");
}

#[test]
fn a_check_promises_no_question_to_a_pipeline() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let asked = world.hitl("alice", &["check", "--", "touch", "/srv/new"]).run().exits(75);
    asked.prints("you would be asked at your terminal");
    let pipeline = world.hitl("alice", &["check", "--", "touch", "/srv/new"]).with("CI", "true");
    pipeline.run().exits(75).prints("a human would have to say yes");
}

#[test]
fn nothing_writes_over_the_question_at_the_terminal() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let terminal = openpty(None, None).unwrap();
    let mut command = world
        .hitl("alice", &["run", "--", "touch", "/srv/new"])
        .on_terminal(terminal.slave)
        .command();
    let mut child = command.spawn().unwrap();
    // It holds a copy of the terminal.
    drop(command);
    let mut screen = File::from(terminal.master);
    let mut told = Vec::new();
    let mut byte = [0];
    while !told.ends_with(b"anything else refuses: ") {
        screen.read_exact(&mut byte).unwrap();
        told.push(byte[0]);
    }
    let id = world.pending()[0]["id"].as_str().unwrap().to_owned();
    world.hitl("alice", &["approve", &id]).run().exits(0);
    let mut after = Vec::new();
    // The terminal's end reads as an error once the last process has closed it.
    while screen.read_exact(&mut byte).is_ok() {
        after.push(byte[0]);
    }
    let status = child.wait().unwrap();
    let after = String::from_utf8_lossy(&after);
    assert_eq!(after, format!("\r\nhitl: {id} is approved by alice\r\n"));
    assert!(status.success());
}
