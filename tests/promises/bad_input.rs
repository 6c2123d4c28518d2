//! Whatever is wrong: it is said what, where and what to do next, and nothing runs.

use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;

use crate::world::{BOTH_SCOPES, Call, Ran, Scope, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: bad-input
defaults: {decision: deny, require: [{group: sre, count: 1}]}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: harmless
    match: {command: "/usr/bin/{true,false,touch,id}"}
    decision: allow
  - id: second
    match: {command: /usr/bin/mkdir}
    decision: approve
"#;

/// A world with a policy that lets a few harmless programs run.
pub fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    world
}

/// The directory in which alice may write, and its name outside.
fn home(scope: Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::System => ("/srv", "srv"),
        Scope::User => ("/home/alice", "home/alice"),
    }
}

/// Tries to run something that would leave a file; asserts that it did not.
#[track_caller]
pub fn refused(world: &World, scope: Scope, code: i32) -> Ran {
    let (inside, outside) = home(scope);
    let call = world.in_scope(scope, "alice", &["run", "--", "touch", "ran"]);
    let ran = call.in_directory(inside).run().exits(code);
    assert!(!world.outside(outside).join("ran").exists(), "something ran: {ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

#[test]
fn a_command_that_is_not_there_or_cannot_be_executed_is_named() {
    let world = prepared(world_or_skip!());
    world.write("srv/plain", "");
    world.mode("srv/plain", 0o644);
    for scope in BOTH_SCOPES {
        let run = |word: &str| world.in_scope(scope, "alice", &["run", "--", word]).run();
        run("no-such-command")
            .exits(127)
            .says("no-such-command: command not found in ")
            .says("/usr/bin");
        run("./absent").exits(127).says("./absent").says("/srv");
        run("/srv/absent/x").exits(127).says("/srv/absent/x");
        run("/srv/plain").exits(126).says("/srv/plain is not executable").says("chmod +x");
        run("/srv/plain/x").exits(127);
        run("/srv").exits(126).says("/srv is a directory");
        run("..").exits(127);
        run("/").exits(126);
        run("").exits(125).says("no command");
        run(&"x".repeat(300)).exits(127);
        run(&format!("/{}", "x/".repeat(3000))).exits(127);
    }
}

#[test]
fn a_state_directory_that_cannot_hold_the_record_stops_everything() {
    let world = prepared(world_or_skip!());
    // Somebody else's, or open to others.
    world.own("var-lib/hitl", "mallory");
    refused(&world, Scope::System, 125).says("/var/lib/hitl");
    std::os::unix::fs::chown(world.outside("var-lib/hitl"), Some(0), Some(0)).unwrap();
    world.mode("var-lib/hitl", 0o770);
    refused(&world, Scope::System, 125).says("/var/lib/hitl");
    world.mode("var-lib/hitl", 0o700);
    // A file or a link where the log should be.
    world.write("var-lib/hitl/audit", "");
    refused(&world, Scope::System, 125).says("/var/lib/hitl/audit").says("nothing ran");
    std::fs::remove_file(world.outside("var-lib/hitl/audit")).unwrap();
    std::fs::create_dir(world.outside("srv/elsewhere")).unwrap();
    world.own("srv/elsewhere", "mallory");
    symlink("/srv/elsewhere", world.outside("var-lib/hitl/audit")).unwrap();
    refused(&world, Scope::System, 125);
    assert_eq!(std::fs::read_dir(world.outside("srv/elsewhere")).unwrap().count(), 0);
    std::fs::remove_file(world.outside("var-lib/hitl/audit")).unwrap();
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
}

#[test]
fn a_state_directory_of_ones_own_that_cannot_be_written_is_named() {
    let world = prepared(world_or_skip!());
    std::fs::create_dir_all(world.outside("home/alice/.local/state")).unwrap();
    refused(&world, Scope::User, 125).says("/home/alice/.local/state");
    world.own("home/alice/.local", "alice");
    world.own("home/alice/.local/state", "alice");
    world.plain_hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.mode("home/alice/.local/state/hitl", 0o500);
    std::fs::remove_dir_all(world.outside("home/alice/.local/state/hitl/audit")).unwrap();
    refused(&world, Scope::User, 125).says("/home/alice/.local/state/hitl").says("nothing ran");
    let call = world.plain_hitl("alice", &["run", "--", "true"]).with("HOME", "");
    call.run().exits(2).says("HOME").says("XDG_");
    let call = world.plain_hitl("alice", &["run", "--state-dir=/proc/x", "--", "true"]);
    call.run().exits(125).says("/proc/x");
}

#[test]
fn a_file_system_that_is_read_only_stops_everything() {
    let world = prepared(world_or_skip!());
    let line = "mount --bind /var/lib/hitl /var/lib/hitl && mount -o remount,ro,bind /var/lib/hitl && \
                hitl run -- touch /srv/ran";
    world.script("root", line).run().exits(125).says("Read-only").says("nothing ran");
    assert!(!world.outside("srv/ran").exists());
}

#[test]
fn on_a_full_disk_nothing_runs() {
    let world = prepared(world_or_skip!());
    // From no room at all to enough: at each size either all is on record, or nothing ran. Only at
    // the very end can a command have run whose end is not on record; then hitl says so.
    let mut codes = Vec::new();
    for kilobytes in (4..=80).step_by(4) {
        let line = format!(
            "mount -t tmpfs -o size={kilobytes}k,mode=700 none /var/lib/hitl && \
             hitl run -- touch /srv/ran; code=$?; \
             if [ -e /var/lib/hitl/audit/000001.jsonl ]; then hitl audit verify >&2 || exit 99; fi; exit $code"
        );
        let ran = world.script("root", &line).run();
        let there = world.outside("srv/ran").exists();
        let code = ran.code();
        assert!(code == 0 || code == 125, "{kilobytes}k {ran:?}");
        match (code, there) {
            (0, true) => {}
            (125, false) => assert!(ran.stderr.contains("nothing ran"), "{kilobytes}k {ran:?}"),
            (125, true) => assert!(ran.stderr.contains("the command ran"), "{kilobytes}k {ran:?}"),
            _ => panic!("{kilobytes}k {ran:?}"),
        }
        if code == 125 {
            assert!(ran.stderr.contains("No space left"), "{kilobytes}k {ran:?}");
        }
        let _ = std::fs::remove_file(world.outside("srv/ran"));
        codes.push(code);
    }
    assert_eq!((codes.first(), codes.last()), (Some(&125), Some(&0)), "{codes:?}");
}

#[test]
fn a_process_that_cannot_be_made_is_an_end_on_record() {
    let world = prepared(world_or_skip!());
    let ran = world.plain_script("alice", "ulimit -u 1; exec hitl run -- touch ran").run();
    let ran = ran.exits(125).says("cannot start the command").says("nothing ran");
    assert!(!world.outside("srv/ran").exists(), "{ran:?}");
    let log = world.plain_hitl("alice", &["audit", "show", "--json"]).run().exits(0);
    let last: serde_json::Value = serde_json::from_str(log.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"]["action"], "command-finished");
    assert_eq!(last["event"]["outcome"], "failure");
}

/// Runs with standard output a pipe that nobody reads any more.
fn with_nobody_reading(call: Call<'_>) -> Ran {
    let (reader, writer): (OwnedFd, OwnedFd) = nix::unistd::pipe().unwrap();
    drop(reader);
    let output = call.command().stdout(writer).output().unwrap();
    Ran {
        status: output.status,
        stdout: String::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout_bytes: Vec::new(),
    }
}

#[test]
fn a_closed_standard_output_is_no_reason_to_crash() {
    let world = prepared(world_or_skip!());
    world.hitl("alice", &["run", "--no-wait", "--", "mkdir", "x"]).run().exits(75);
    for words in [
        &["pending"][..],
        &["pending", "--json"],
        &["audit", "show"],
        &["audit", "show", "--json"],
        &["audit", "verify"],
        &["snapshots"],
        &["check", "--", "true"],
        &["check", "--json", "--", "true"],
        &["policy", "check"],
        &["policy", "test"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
        &["run", "--help"],
    ] {
        let ran = with_nobody_reading(world.hitl("root", words));
        assert!(!ran.stderr.contains("panicked"), "{words:?} {ran:?}");
        assert!([0, 125].contains(&ran.code()), "{words:?} {ran:?}");
        assert!(
            !ran.stderr.contains("hitl:"),
            "whoever closed the pipe has all they wanted: {words:?} {ran:?}"
        );
        let line = format!("hitl {} >&-", words.join(" "));
        world.script("root", &line).run().exits(0);
        // A disk that is full is something else, and is said.
        let ran = world.script("root", &format!("hitl {} >/dev/full", words.join(" "))).run();
        assert!(!ran.stderr.contains("panicked"), "{words:?} {ran:?}");
    }
    let ran = world.script("root", "hitl check -- true >/dev/full").run().exits(125);
    ran.says("cannot write to standard output");
}

#[test]
fn the_commands_own_status_survives_a_closed_standard_output() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        for (command, code) in [("true", 0), ("false", 1)] {
            for words in [&["run", "--json", "--", command][..], &["run", "--", command]] {
                with_nobody_reading(world.in_scope(scope, "alice", words)).exits(code);
            }
            let line = format!("hitl run --json -- {command} >/dev/full");
            let ran = world.script_in_scope(scope, "alice", &line).run().exits(code);
            ran.says("cannot write to standard output");
        }
    }
}

#[test]
fn unknown_and_ambiguous_ids_are_answered_with_what_to_do() {
    let world = prepared(world_or_skip!());
    // Before there is any request.
    for verb in [&["show"][..], &["approve"], &["cancel"], &["wait"], &["run", "--resume"]] {
        for scope in BOTH_SCOPES {
            let ask = |id: &str| world.in_scope(scope, "alice", &[verb, &[id]].concat()).run();
            ask("ZZZZ-ZZZZ").exits(1).says("there is no request ZZZZ").says("hitl pending");
            for odd in ["U!", "ZZZZ-ZZZZ-Z", "../../etc/passwd", "\u{1b}[2J"] {
                ask(odd).exits(1).says("not a request id").says("K7Q2-MX4P");
            }
            ask("").exits(1);
        }
    }
    world
        .hitl("bob", &["reject", "ZZZZ-ZZZZ", "-m", "no"])
        .run()
        .exits(1)
        .says("there is no request");

    // Thirty-three requests cannot all begin differently.
    let mut ids: Vec<String> = Vec::new();
    let ambiguous = loop {
        let ran = world.hitl("alice", &["run", "--no-wait", "--json", "--", "mkdir", "x"]).run();
        let id = ran.exits(75).json()["id"].as_str().unwrap().to_owned();
        let first = id[..1].to_owned();
        let twin = ids.iter().any(|other| other.starts_with(&first));
        ids.push(id);
        if twin {
            break first;
        }
        assert!(ids.len() < 33);
    };
    let fitting = ids.iter().filter(|id| id.starts_with(&ambiguous));
    let ran = world.hitl("bob", &["show", &ambiguous]).run().exits(1).says("type more of the id");
    for id in fitting {
        assert!(ran.stderr.contains(id.as_str()), "{id} in {ran:?}");
    }
    // A beginning that fits one is enough, however it is typed.
    let id = &ids[0];
    let typed = id.replace('-', "").to_lowercase();
    world.hitl("bob", &["show", &typed]).run().exits(0).prints(id);
    // To whom it does not concern, it is not there.
    let ran = world.hitl("mallory", &["show", id]).run().exits(1);
    let unknown = world.hitl("mallory", &["show", "ZZZZ-ZZZZ"]).run().exits(1);
    assert_eq!(ran.stderr.replace(id, "X"), unknown.stderr.replace("ZZZZ-ZZZZ", "X"));
    world.hitl("mallory", &["pending"]).run().exits(0).says("nothing waits");
}
