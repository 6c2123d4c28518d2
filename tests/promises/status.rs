//! Who spoke, the command or hitl: `--json`, `--status-fd`, exit codes, `--dry-run` and `hitl check`.

use std::path::Path;

use serde_json::Value;

use crate::world::{BOTH_SCOPES, Ran, Scope, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: status
defaults: {decision: deny, risk: high}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: harmless
    match: {command: "/usr/bin/{true,false,printf,touch,sh}"}
    decision: allow
  - id: asked
    match: {command: /usr/bin/id}
    decision: confirm
  - id: second
    match: {command: /usr/bin/mkdir}
    decision: approve
    require: [{group: sre, count: 1}]
  - id: no-ls
    description: Not on this host.
    match: {command: /usr/bin/ls}
    decision: deny
"#;

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    world
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[test]
fn the_status_descriptor_tells_every_step_and_the_outcome() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let (events, ran) = world.in_scope(scope, "alice", &["run", "--", "false"]).start().end();
        ran.exits(1);
        assert_eq!(names(&events), ["decided", "started", "ended", "outcome"]);
        assert!(events.iter().all(|event| event["v"] == 1));
        assert_eq!(events[0]["decision"], "allow");
        assert_eq!(events[0]["rules"][0], "harmless");
        let id = &events[1]["id"];
        assert!(id.is_string());
        assert_eq!((&events[2]["exit_code"], &events[2]["id"]), (&1.into(), id));
        let outcome = &events[3];
        assert_eq!((&outcome["outcome"], &outcome["exit_code"]), (&"ended".into(), &1.into()));
        assert_eq!(&outcome["id"], id);

        let call = world.in_scope(scope, "alice", &["run", "--", "touch", "new"]);
        let home = if scope == Scope::System { "/srv" } else { "/home/alice" };
        let (events, ran) = call.in_directory(home).start().end();
        ran.exits(0);
        assert_eq!(names(&events), ["decided", "snapshotted", "started", "ended", "outcome"]);
        assert_eq!(events[4]["undoable"], true);

        let (events, ran) = world.in_scope(scope, "alice", &["run", "--", "ls"]).start().end();
        ran.exits(77);
        assert_eq!(names(&events), ["decided", "outcome"]);
        assert_eq!(
            (&events[0]["decision"], &events[1]["outcome"]),
            (&"deny".into(), &"denied".into())
        );

        let (events, ran) =
            world.in_scope(scope, "alice", &["run", "--no-wait", "--", "id"]).start().end();
        ran.exits(75);
        assert_eq!(names(&events), ["decided", "pending", "outcome"]);
        assert_eq!(events[1]["id"], events[2]["id"]);

        let (events, ran) = world.in_scope(scope, "alice", &["run", "--", "absent"]).start().end();
        ran.exits(127);
        assert_eq!(names(&events), ["failed"]);
        assert_eq!(events[0]["error"]["kind"], "not-found");
    }
}

#[test]
fn a_command_that_uses_hitls_numbers_is_told_apart() {
    let world = prepared(world_or_skip!());
    world.policy(&POLICY.replace("/usr/bin/{true", "/{usr/bin,usr/local/bin}/{same,true"));
    world.install("same", "#!/bin/sh\nexit 77\n");
    let (events, ran) = world.hitl("alice", &["run", "--", "/usr/local/bin/same"]).start().end();
    ran.exits(77);
    assert_eq!(events.last().unwrap()["outcome"], "ended");
    let ran = world.hitl("alice", &["run", "--json", "--", "/usr/local/bin/same"]).run().exits(77);
    assert_eq!((&ran.json()["outcome"], &ran.json()["exit_code"]), (&"ended".into(), &77.into()));
    let ran = world.hitl("alice", &["run", "--json", "--", "ls"]).run().exits(77);
    assert_eq!(ran.json()["outcome"], "denied");
}

#[test]
fn json_is_one_object_on_the_last_line_after_the_commands_own_output() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let run = |words: &[&str]| {
            world.in_scope(scope, "alice", &[&["run", "--json"], words].concat()).run()
        };
        let ran = run(&["--", "printf", "one\\ntwo\\n"]).exits(0);
        assert!(ran.stdout.starts_with("one\ntwo\n\n{"), "{ran:?}");
        assert_eq!(ran.stdout.lines().count(), 4);
        let object = ran.json();
        assert_eq!((&object["v"], &object["outcome"]), (&1.into(), &"ended".into()));
        assert_eq!((&object["exit_code"], &object["decision"]), (&0.into(), &"allow".into()));

        // Each way not to run has one object and its code.
        for (words, code, member, value) in [
            (&["--", "ls"][..], 77, "/outcome", "denied"),
            (&["--no-wait", "--", "id"], 75, "/outcome", "pending"),
            (&["--wait", "10ms", "--", "id"], 124, "/outcome", "time-up"),
            (&["--", "absent"], 127, "/error/kind", "not-found"),
            (&["--", "/etc/passwd"], 126, "/error/kind", "not-executable"),
            (&["-u", "nobody-here", "--", "true"], 125, "/error/kind", "failed"),
        ] {
            let ran = run(words).exits(code);
            assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
            assert_eq!(ran.json().pointer(member), Some(&value.into()), "{ran:?}");
            assert_eq!(ran.json()["v"], 1);
        }
    }
}

#[test]
fn output_without_a_line_feed_at_its_end_does_not_spoil_the_json() {
    let world = prepared(world_or_skip!());
    let ran =
        world.hitl("alice", &["run", "--json", "--", "printf", "no line feed"]).run().exits(0);
    assert_eq!(ran.json()["outcome"], "ended");
    assert!(ran.stdout.starts_with("no line feed\n"), "{ran:?}");
}

#[test]
fn a_status_descriptor_that_cannot_be_used_stops_before_anything_happens() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let state = if scope == Scope::System { "var-lib/hitl" } else { "home/alice/.local" };
        for (number, redirection) in [("9", ""), ("-1", ""), ("3", "3</dev/null"), ("200000", "")] {
            let line = format!("hitl run --status-fd={number} -- touch ran {redirection}");
            let ran =
                world.script_in_scope(scope, "alice", &line).in_directory("/home/alice").run();
            ran.exits(2).says("--status-fd").says(number);
        }
        let ran = world.in_scope(scope, "alice", &["run", "--status-fd", "x", "--", "true"]).run();
        ran.exits(2);
        assert!(!world.outside("home/alice/ran").exists());
        assert_eq!(everything_below(&world.outside(state)), Vec::<String>::new());
    }
}

#[test]
fn a_reader_of_the_status_descriptor_that_went_away_does_not_stop_the_command() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let line = "exec 9> >(exec 0<&-; exit); wait $!; hitl run --status-fd 9 -- printf done";
        let ran = world.script_in_scope(scope, "alice", line).run().exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("done", ""));
        let line = "hitl run --status-fd 9 -- printf done 9>/dev/full";
        let ran = world.script_in_scope(scope, "alice", line).run().exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("done", ""));
    }
}

#[test]
fn check_says_what_would_be_decided_and_its_exit_code_too() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        for (command, code, decision) in [
            (&["true"][..], 0, "allow"),
            (&["id"], 75, "confirm"),
            (&["mkdir", "x"], 75, "approve"),
            (&["ls"], 77, "deny"),
            (&["rm", "x"], 77, "deny"),
        ] {
            for verb in [&["check"][..], &["run", "--dry-run"]] {
                let ask = |options: &[&str]| {
                    let words = [verb, options, &["--"], command].concat();
                    world.in_scope(scope, "alice", &words).run().exits(code)
                };
                ask(&[]).prints(decision).prints("status");
                let ran = ask(&["--json"]);
                assert_eq!(ran.stdout.lines().count(), 1);
                assert_eq!(
                    (&ran.json()["decision"], &ran.json()["v"]),
                    (&decision.into(), &1.into())
                );
                assert_eq!(ran.json()["argv"][0], command[0]);
            }
        }
        let ran = world.in_scope(scope, "alice", &["check", "--", "ls"]).run();
        ran.exits(77).prints("no-ls").prints("Not on this host");
    }
}

#[test]
fn check_and_dry_run_run_nothing_and_write_nothing() {
    let world = prepared(world_or_skip!());
    let looked_at = ["var-lib", "home/alice", "srv"].map(|place| world.outside(place));
    let state = || looked_at.iter().flat_map(|place| everything_below(place)).collect::<Vec<_>>();
    let before = state();
    for scope in BOTH_SCOPES {
        for command in [&["touch", "new"][..], &["id"], &["mkdir", "x"], &["ls"]] {
            for verb in [&["check"][..], &["check", "--json"], &["run", "--dry-run"]] {
                let words = [verb, &["--"], command].concat();
                world.in_scope(scope, "alice", &words).in_directory("/home/alice").run();
                assert_eq!(state(), before, "{scope:?} {words:?}");
            }
        }
    }
    // The same command, really run, is seen by the same look: the look can fail.
    world.hitl("alice", &["run", "--", "touch", "new"]).run().exits(0);
    assert_ne!(state(), before);
}

#[test]
fn a_dry_run_names_what_would_be_snapshotted_and_what_would_be_asked() {
    let world = prepared(world_or_skip!());
    world.write("srv/file", "x");
    let ran = world.hitl("alice", &["run", "--dry-run", "--", "touch", "/srv/file"]).run().exits(0);
    ran.prints("/srv/file").prints("it would run at once");
    let ran = world.hitl("alice", &["run", "--dry-run", "--", "mkdir", "/srv/d"]).run().exits(75);
    ran.prints("it would wait for 1 of group sre");
    assert!(!world.outside("srv/d").exists());
}

#[test]
fn a_denial_exits_with_77_says_why_and_is_on_record() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let ran = world.in_scope(scope, "alice", &["run", "--", "ls", "/"]).run().exits(77);
        let ran = ran.says("denied").says("no-ls").says("Not on this host");
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {ran:?}");
        let ran = world.in_scope(scope, "alice", &["run", "--", "rm", "/srv/x"]).run().exits(77);
        ran.says("denied").says("no rule");
    }
    let actions = world.audit_actions();
    let count = |name: &str| actions.iter().filter(|action| *action == name).count();
    assert_eq!((count("privilege-requested"), count("policy-decided")), (2, 2), "{actions:?}");
    assert_eq!(count("command-started"), 0);
}

#[test]
fn usage_errors_exit_with_2_and_say_how() {
    let world = prepared(world_or_skip!());
    for words in [
        &["run"][..],
        &["run", "--"],
        &["run", "--wait", "soon", "--", "true"],
        &["run", "--wait", "5m", "--no-wait", "--", "true"],
        &["run", "--resume", "K7Q2-MX4P", "--dry-run"],
        &["run", "--no-such-option", "--", "true"],
        &["no-such-command"],
        &["reject", "K7Q2-MX4P"],
    ] {
        for scope in BOTH_SCOPES {
            let ran = world.in_scope(scope, "alice", words).run().exits(2);
            assert!(ran.stderr.contains("--help"), "{words:?} {ran:?}");
            assert_eq!(ran.stdout, "");
        }
    }
    world.hitl("alice", &["run", "--wait", "soon", "--", "true"]).run().exits(2).says("90s");
}

/// The files and directories below a directory, with what they hold.
fn everything_below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap_or_default();
        found.push(format!("{} {}", path.display(), content.len()));
        if path.is_dir() {
            found.extend(everything_below(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn a_command_that_cannot_be_executed_after_all_says_why_and_the_log_has_its_end() {
    let world = prepared(world_or_skip!());
    world.policy(&POLICY.replace("/usr/bin/{true", "/{usr/bin,usr/local/bin}/{plain,badly,true"));
    world.install("plain", "echo no interpreter line\n");
    world.install("badly", "#!/no/such/interpreter\n");
    let check = |ran: Ran, code: i32| {
        let ran = ran.exits(code).says("could not be executed");
        assert_eq!(ran.stdout, "");
        let entry = world.audit().pop().unwrap();
        assert_eq!(entry["event"]["action"], "command-finished", "{entry}");
        assert!(entry["hitl"]["ending"].as_str().unwrap().starts_with("not executed"), "{entry}");
    };
    // ENOEXEC: no shell is started in its place, as execvp(3) and sudo would.
    check(world.hitl("alice", &["run", "--", "/usr/local/bin/plain"]).run(), 126);
    check(world.hitl("alice", &["run", "--", "/usr/local/bin/badly"]).run(), 127);
}
