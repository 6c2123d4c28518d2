//! The example policies: sound, tested by themselves, and usable as they stand.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::HITL;
use crate::world_or_skip;

fn policies() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_example_policy_keeps_its_own_promises_and_leaves_no_rule_untested() {
    let names: Vec<String> = policies()
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in [
        "agent-guard",
        "ci-terraform",
        "database",
        "default",
        "kubernetes",
        "server-ops",
        "starter",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} is missing: {names:?}");
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let ran =
        Command::new(HITL).args(["policy", "test", "--coverage"]).arg(directory).output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(!told.contains("no example and no test reaches"), "{told}");
}

#[test]
fn every_example_policy_can_be_used_as_it_stands_and_never_lets_a_root_be_deleted() {
    let world = world_or_skip!();
    for file in policies() {
        world.policy(&std::fs::read_to_string(&file).unwrap());
        let shown = file.display();
        let check = world.hitl("alice", &["check", "--json", "--", "rm", "-rf", "/etc"]).run();
        assert_ne!(check.status.code(), Some(0), "{shown}: {check:?}");
        assert_ne!(check.json()["decision"], "allow", "{shown}");
        // What no rule is about is never allowed, and a shell line is never below approve.
        for (words, least) in
            [(&["/srv/unheard-of"][..], "confirm"), (&["sh", "-c", "id"][..], "approve")]
        {
            std::fs::write(world.outside("srv/unheard-of"), "#!/bin/sh\n").unwrap();
            world.mode("srv/unheard-of", 0o755);
            let check = world.hitl("alice", &[&["check", "--json", "--"], words].concat()).run();
            let decision = check.json()["decision"].as_str().unwrap().to_owned();
            let order = ["allow", "confirm", "approve", "deny"];
            let place = |word: &str| order.iter().position(|one| *one == word).unwrap();
            assert!(place(&decision) >= place(least), "{shown}: {words:?} is {decision}");
        }
    }
}

#[test]
fn the_starter_policy_runs_what_only_looks_and_stops_what_does_not() {
    let world = world_or_skip!();
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/starter.yaml");
    world.policy(&std::fs::read_to_string(starter).unwrap());
    world.hitl("alice", &["run", "--", "uptime"]).run().exits(0);
    world.hitl("alice", &["run", "--no-wait", "--", "rm", "/srv/x"]).run().exits(75);
}
