//! The state, its locks and requests, and the audit log.

use serde_json::Value;

use super::{DOCTOR, POLICY, breaks_and_mends, broken, report, worst};
use crate::installed_or_skip;

#[test]
fn state_that_others_can_reach_is_named() {
    let world = installed_or_skip!();
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.hitl("alice", &["run", "--no-wait", "--", "touch", "/srv/x"]).run().exits(75);
    assert_eq!(worst(&world.hitl("root", &DOCTOR).run().exits(0).json(), "state").0, "ok");
    let breaks = |breaking: &str, says: &str| {
        breaks_and_mends(&world, breaking, "state", "failure", says);
    };
    let state = "/var/lib/hitl";
    breaks(&format!("chmod 755 {state}"), "mode 0755");
    breaks(&format!("chown 2001 {state}"), "uid 2001");
    breaks(&format!("chmod 750 {state}/audit"), "/var/lib/hitl/audit is open");
    breaks(&format!("chmod 644 {state}/audit/000001.jsonl"), "000001.jsonl is open");
    breaks(&format!("chown 2001 {state}/requests/lock"), "requests/lock belongs to uid 2001");
    breaks("chmod 777 /var/lib", "/var/lib can be written");
    breaks(
        &format!(
            "mkdir /srv/keep; mv {state}/requests /srv/keep; HOME=/srv; ln -s /srv/keep/requests {state}/requests"
        ),
        "symbolic link",
    );
    breaks_and_mends(&world, &format!("rm -r {state}"), "state", "warning", "does not exist yet");
}

#[test]
fn a_lock_that_a_stopped_process_holds_is_named_with_the_process() {
    let world = installed_or_skip!();
    world.hitl("alice", &["run", "--no-wait", "--", "touch", "/srv/x"]).run().exits(75);
    let holder = "import fcntl,os,signal; f=open('/var/lib/hitl/requests/lock','w'); fcntl.flock(f,fcntl.LOCK_EX); os.kill(os.getpid(),signal.SIGSTOP)";
    let breaking = format!(
        "/usr/bin/python3 -c \"{holder}\" & until grep -q '^State:.T' /proc/$!/status; do sleep 0.01; done"
    );
    breaks_and_mends(&world, &breaking, "locks", "failure", "requests/lock and does not let go");
}

#[test]
fn a_damaged_request_is_named_and_moved_aside() {
    let world = installed_or_skip!();
    world.hitl("alice", &["run", "--no-wait", "--", "touch", "/srv/x"]).run().exits(75);
    let breaking = "for f in /var/lib/hitl/requests/pending/*; do echo x >> $f; done";
    breaks_and_mends(&world, breaking, "requests", "failure", "is damaged");
    let kept = std::fs::read_dir(world.outside("var-lib/hitl/damaged")).unwrap();
    assert_eq!(kept.count(), 1, "nothing is thrown away");
}

#[test]
fn a_log_that_does_not_hold_is_named_and_kept_as_evidence() {
    let world = installed_or_skip!();
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    let log = "/var/lib/hitl/audit/000001.jsonl";
    broken(&world, "rm /var/lib/hitl/audit/head", "log-notes", "warning", "no head marker");
    let breaking = format!("sed -i 's/alice/bobby/' {log}");
    breaks_and_mends(&world, &breaking, "log", "failure", "THE LOG DOES NOT HOLD");
    let evidence = std::fs::read_dir(world.outside("var-lib/hitl")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("audit-evidence-")
    });
    assert_eq!(evidence.count(), 1);
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn lines_of_the_log_beyond_its_head_marker_are_named() {
    let world = installed_or_skip!();
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    let breaking =
        "cd /var/lib/hitl/audit; cp head /srv/head; hitl run -- true; cat /srv/head > head";
    broken(&world, breaking, "log-head", "warning", "beyond its head marker");
    // The command puts the marker where it belongs.
    let after = report(&world, "after");
    let checks: Vec<_> =
        after["findings"].as_array().unwrap().iter().map(|f| &f["check"]).collect();
    assert!(!checks.contains(&&Value::from("log-head")), "{}", world.read("srv/mended"));
}

#[test]
fn a_run_without_an_end_is_worth_a_look() {
    let world = installed_or_skip!();
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    // As after a power cut between start and end.
    let log = world.read("var-lib/hitl/audit/000001.jsonl");
    let cut: Vec<&str> = log.lines().filter(|line| !line.contains("command-finished")).collect();
    world.write("var-lib/hitl/audit/000001.jsonl", &format!("{}\n", cut.join("\n")));
    std::fs::remove_file(world.outside("var-lib/hitl/audit/head")).unwrap();
    let told = world.hitl("root", &DOCTOR).run().exits(0).json();
    let (state, sentence, fix) = worst(&told, "log-notes");
    assert_eq!((state.as_str(), fix.as_str()), ("warning", "hitl audit verify"));
    assert!(sentence.starts_with("2 notes"), "{sentence}");
    assert_eq!(worst(&told, "log").0, "ok");
}

#[test]
fn snapshots_that_nobody_prunes_are_named() {
    let world = installed_or_skip!();
    world.policy(&POLICY.replace("[\"true\", cat]", "[\"true\", cat, touch]"));
    let found = || worst(&world.hitl("root", &DOCTOR).run().exits(0).json(), "retention").0;
    assert_eq!(found(), "not-applicable");
    world.hitl("alice", &["run", "--", "touch", "/srv/x"]).run().exits(0);
    assert_eq!(found(), "ok");
    let information = "/var/lib/hitl/snapshots/runs/*/information.json";
    let breaking =
        format!("sed -i 's/\"wall_ms\":[0-9]*/\"wall_ms\":1600000000000/' {information}");
    breaks_and_mends(&world, &breaking, "retention", "warning", "for a week");
}
