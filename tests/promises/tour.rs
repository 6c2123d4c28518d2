//! The README's first command: everything once, on files of its own.

use std::process::Command;

use crate::world::HITL;
use crate::world_or_skip;

#[test]
fn the_tour_runs_to_its_end_without_a_terminal_and_asks_nothing() {
    let output = Command::new(HITL).arg("tour").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("THE LOG DOES NOT HOLD"), "{told}");
    assert!(told.trim_end().ends_with("goes on from here."), "{told}");
}

#[test]
fn as_root_a_second_identity_really_decides() {
    let world = world_or_skip!();
    let ran = world.hitl("root", &["tour"]).run().exits(0);
    assert!(ran.stdout.contains("bob$ hitl approve"), "{}", ran.stdout);
    assert!(ran.stdout.contains("approved by bob"), "{}", ran.stdout);
}

#[test]
fn the_tour_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new(HITL).arg("tour").env("TMPDIR", directory.path()).output().unwrap();
    assert!(status.status.success());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
