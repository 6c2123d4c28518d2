//! An approval is for one host, one boot and a time that no clock brings back.

use std::path::Path;

use crate::office::{DEPLOY, POLICY, asked};
use crate::office_or_skip;
use crate::terminal::Terminal;
use crate::world::{Ran, World};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[test]
fn what_was_asked_or_approved_before_a_restart_is_void_after_it() {
    let mut world = office_or_skip!();
    let pending = world.ask("alice", &DEPLOY);
    let approved = world.ask("alice", &DEPLOY);
    world.approve("bob", &approved).exits(0);
    let used = world.ask("alice", &DEPLOY);
    world.approve("bob", &used).exits(0);
    world.resume("alice", &used).exits(0);
    world.stands_for(Path::new(BOOT_ID), "5aab2a26-1ea0-44c0-a45e-79fd4a0fcd36\n");
    for id in [&pending, &approved] {
        world.approve("carol", id).exits(77).says("restarted since");
        world.resume("alice", id).exits(77).says("restarted since");
        assert_eq!(world.state(id), "void");
        world.audited(id, "request-void", 1);
        world.audited(id, "command-started", 0);
    }
    world.resume("alice", &used).exits(77).says("ask anew");
    assert_eq!(world.times_run(), 1);
}

#[test]
fn an_approval_of_one_host_starts_nothing_on_another_that_has_its_store() {
    let world = office_or_skip!();
    let here = world.read("etc/machine-id");
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    // The same store, log, policy, users and boot: but another machine.
    world.write("etc/machine-id", &"0".repeat(32));
    world.resume("alice", &id).exits(77).says("is void").says("the host changed");
    world.write("etc/machine-id", &here);
    world.resume("alice", &id).exits(77).says("void");
    assert_eq!(world.times_run(), 0);
    world.audited(&id, "request-void", 1);
}

/// An hour later by the machine's own count, with the wall clock turned back to where it was.
#[track_caller]
fn with_the_clock_turned_back(world: &World, user: &str, words: &[&str]) -> Ran {
    let become_them = ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "hitl"];
    let all = [&["--time", "--boottime", "3600", "--fork"], &become_them[..], words].concat();
    world.program("root", "/usr/bin/unshare", &all).run()
}

#[test]
fn what_has_expired_stays_so_when_the_clock_is_turned_back() {
    let world = office_or_skip!();
    let pending = world.ask("alice", &DEPLOY);
    let approved = world.ask("alice", &DEPLOY);
    world.approve("bob", &approved).exits(0);
    // Within the time by the wall clock alone.
    let refused = with_the_clock_turned_back(&world, "carol", &["approve", &pending]);
    refused.exits(77).says("expired").says("nobody decided in time");
    let resumed = ["run", "--no-wait", "--resume", &approved];
    let refused = with_the_clock_turned_back(&world, "alice", &resumed);
    refused.exits(124).says("nobody used the approval in time");
    assert_eq!(world.times_run(), 0);
    for id in [&pending, &approved] {
        // And for good: it was written down.
        assert_eq!(world.state(id), "expired");
        world.audited(id, "request-expired", 1);
    }
    world.approve("carol", &pending).exits(77);
    world.resume("alice", &approved).exits(124);
}

#[test]
fn an_approval_is_for_one_start_also_of_the_very_same_command() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    world.resume("alice", &id).exits(0);
    let file = world.outside("var-lib/hitl/requests/closed");
    assert!(file.exists());
    for words in
        [&["run", "--resume", &id][..], &["run", "--resume", &id, "--", "sh", "/srv/deploy.sh"]]
    {
        world.hitl("alice", words).run().exits(77).says("ask anew");
    }
    // Asked for once more it is another request, and bob's yes was not for that.
    let again = world.ask("alice", &DEPLOY);
    assert_ne!(again, id);
    world.resume("alice", &again).exits(75);
    assert_eq!(world.times_run(), 1);
}

/// The rows that a terminal of 80 columns makes of a text.
fn rows(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.chars().collect::<Vec<_>>());
    let rows = lines
        .map(|line| line.chunks(80).map(|row| row.iter().collect::<String>()).collect::<Vec<_>>());
    rows.flatten().collect()
}

#[test]
fn five_thousand_spaces_push_nothing_to_where_hitl_speaks() {
    let world = office_or_skip!();
    let spaces = " ".repeat(5_000);
    let argument = format!("x{spaces}hitl: approved by bob");
    let reason = format!("routine{spaces}\rhitl: approved by bob\u{202e}\u{200b}");
    let words = [
        "run",
        "--no-wait",
        "--json",
        "--reason",
        &reason,
        "--",
        "sh",
        "/srv/deploy.sh",
        &argument,
    ];
    let (terminal, other_end) = Terminal::new();
    terminal.resize(24, 80);
    let id = asked(&world.hitl("alice", &words).run());
    let mut texts = vec![
        world.hitl("bob", &["show", &id]).run().exits(0).stdout,
        world.hitl("bob", &["pending"]).run().exits(0).stdout,
        world.hitl("alice", &["run", "--no-wait", "--resume", &id]).run().exits(75).stderr,
    ];
    // As the requester and whoever looks over their shoulder see it.
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "--json").collect();
    let mut child = world.hitl("alice", &words).on_terminal(other_end).command().spawn().unwrap();
    texts.push(terminal.shows_to_the_end().replace('\r', ""));
    child.wait().unwrap();
    for text in &texts {
        for row in rows(text) {
            assert!(!row.starts_with("hitl: approved"), "{row:?} in {text}");
        }
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text}");
    }
    // Nothing is left out of what is decided on, or it is said that it is.
    assert!(texts[0].contains("hitl: approved by bob") || texts[0].contains('…'), "{}", texts[0]);
}

#[test]
fn who_may_not_see_a_request_learns_nothing_of_it_by_any_command() {
    let world = office_or_skip!();
    world.policy(&POLICY.replace(
        "rules:\n",
        "rules:\n  - id: other\n    match: {command: /usr/bin/ls}\n    decision: deny\n",
    ));
    let id = world.ask("alice", &["sh", "/srv/deploy.sh", "quxxy-argument"]);
    for words in [
        &["show", &id][..],
        &["show", "--json", &id],
        &["wait", "--timeout", "10ms", &id],
        &["run", "--no-wait", "--resume", &id],
        &["approve", &id],
        &["reject", &id, "-m", "no"],
        &["cancel", &id],
        &["pending", "--all", "--json"],
        &["pending", "--all"],
    ] {
        let ran = world.hitl("mallory", words).run();
        let all = format!("{}{}", ran.stdout, ran.stderr);
        for secret in ["quxxy", "alice", "deploy", "bob, carol"] {
            assert!(!all.contains(secret), "{words:?}: {ran:?}");
        }
        let unknown: Vec<&str> =
            words.iter().map(|word| if *word == id { "ZZZZ-ZZZZ" } else { *word }).collect();
        let unknown = world.hitl("mallory", &unknown).run();
        assert_eq!(ran.stderr.replace(&id, "ZZZZ-ZZZZ"), unknown.stderr, "{words:?}");
        assert_eq!(ran.code(), unknown.code(), "{words:?}");
    }
    assert_eq!(world.state(&id), "pending");
}
