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

fn prepared(world: World) -> World {
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
fn refused(world: &World, scope: Scope, code: i32) -> Ran {
    let (inside, outside) = home(scope);
    let call = world.in_scope(scope, "alice", &["run", "--", "touch", "ran"]);
    let ran = call.in_directory(inside).run().exits(code);
    assert!(!world.outside(outside).join("ran").exists(), "something ran: {ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

#[test]
fn without_a_system_policy_nothing_runs_and_the_command_that_writes_one_is_named() {
    let world = world_or_skip!();
    refused(&world, Scope::System, 78).says("/etc/hitl/policy.yaml").says("hitl init --system");
    for words in [&["check", "--", "true"][..], &["run", "--dry-run", "--", "true"], &["pending"]] {
        world.hitl("alice", words).run().exits(78).says("hitl init --system");
    }
    world.hitl("root", &["run", "--", "true"]).run().exits(78);
    // What is said helps: root does it, and then there is one.
    world.hitl("root", &["init", "--system"]).run().exits(0);
    let ran = world.hitl("alice", &["check", "--", "true"]).run();
    assert!([0, 75, 77].contains(&ran.code()), "{ran:?}");
}

#[test]
fn a_policy_that_others_could_have_written_is_not_used() {
    let world = prepared(world_or_skip!());
    let file = "etc/hitl/policy.yaml";
    for mode in [0o664, 0o646, 0o666] {
        world.mode(file, mode);
        refused(&world, Scope::System, 78).says("/etc/hitl/policy.yaml").says("chmod go-w");
    }
    world.mode(file, 0o644);
    for mode in [0o775, 0o757] {
        world.mode("etc/hitl", mode);
        refused(&world, Scope::System, 78).says("/etc/hitl can be written").says("chmod go-w");
    }
    world.mode("etc/hitl", 0o755);
    world.mode("etc", 0o777);
    refused(&world, Scope::System, 78).says("/etc can be written");
    world.mode("etc", 0o755);
    world.own(file, "mallory");
    refused(&world, Scope::System, 78).says("uid 2006").says("chown");
    // A link to a good policy is not one: who can exchange the link chooses the policy.
    std::fs::rename(world.outside(file), world.outside("etc/hitl/real")).unwrap();
    std::os::unix::fs::chown(world.outside("etc/hitl/real"), Some(0), Some(0)).unwrap();
    symlink("/etc/hitl/real", world.outside(file)).unwrap();
    refused(&world, Scope::System, 78).says("not a regular file").says("symbolic");
    // And the good one works, so that the above failed for the reason that it gave.
    std::fs::remove_file(world.outside(file)).unwrap();
    std::fs::rename(world.outside("etc/hitl/real"), world.outside(file)).unwrap();
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
}

#[test]
fn a_policy_that_is_no_file_is_not_waited_for() {
    let world = prepared(world_or_skip!());
    let file = world.outside("etc/hitl/policy.yaml");
    std::fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRUSR).unwrap();
    refused(&world, Scope::System, 78).says("not a regular file");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    refused(&world, Scope::System, 78).says("not a regular file");
}

#[test]
fn further_policy_files_are_held_to_the_same() {
    let world = prepared(world_or_skip!());
    std::fs::create_dir(world.outside("etc/hitl/policy.d")).unwrap();
    world.mode("etc/hitl/policy.d", 0o755);
    world.write("etc/hitl/policy.d/10-more.yaml", "rules: []\n");
    world.mode("etc/hitl/policy.d/10-more.yaml", 0o644);
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.mode("etc/hitl/policy.d/10-more.yaml", 0o664);
    refused(&world, Scope::System, 78).says("10-more.yaml").says("chmod go-w");
    world.mode("etc/hitl/policy.d/10-more.yaml", 0o644);
    world.mode("etc/hitl/policy.d", 0o777);
    refused(&world, Scope::System, 78).says("policy.d");
    world.mode("etc/hitl/policy.d", 0o755);
    world.write("etc/hitl/policy.d/20-typo.yml", "rules: []\n");
    refused(&world, Scope::System, 78).says("20-typo.yml").says("rename");
}

#[test]
fn a_wrong_policy_is_shown_with_file_line_column_and_caret() {
    let world = prepared(world_or_skip!());
    for (scope, file) in [
        (Scope::System, "/etc/hitl/policy.yaml"),
        (Scope::User, "/home/alice/.config/hitl/policy.yaml"),
    ] {
        for (broken, place, line, caret, word) in [
            // An unknown field, with a suggestion.
            (
                "version: 1\nname: x\nrules:\n  - id: a\n    match: {comand: ls}\n    decision: allow\n",
                ":5:13",
                "5 |     match: {comand: ls}",
                "  |             ^^^^^^",
                "command",
            ),
            // A wrong word in an enumeration.
            (
                "version: 1\nname: x\nrules:\n  - id: a\n    match: {command: ls}\n    decision: alow\n",
                ":6:15",
                "6 |     decision: alow",
                "  |               ^^^^",
                "allow",
            ),
            // Not YAML at all.
            ("version: 1\nname: [x\n", "policy.yaml:", " | ", "^", "did not find"),
            ("version: 1\n\tname: x\n", ":2:1", "2 | \\tname: x", "  | ^", ""),
            // A default of allow would be a policy that decides nothing.
            (
                "version: 1\nname: x\ndefaults: {decision: allow}\n",
                ":3:",
                "3 | defaults: {decision: allow}",
                "^",
                "allow",
            ),
            ("", ":1:1", "", "^", "version"),
        ] {
            world.policy(broken);
            world.user_policy("alice", broken);
            let ran = refused(&world, scope, 78);
            for part in [file, place, line, caret, word] {
                assert!(ran.stderr.contains(part), "{part:?} in\n{}", ran.stderr);
            }
        }
    }
}

#[test]
fn a_policy_that_is_no_text_or_too_large_or_a_bomb_is_refused() {
    let world = prepared(world_or_skip!());
    let put = |bytes: &[u8]| {
        std::fs::write(world.outside("etc/hitl/policy.yaml"), bytes).unwrap();
    };
    put(b"version: 1\nname: \xff\n");
    refused(&world, Scope::System, 78).says("not UTF-8");
    put(&b"# long\n".repeat(200_000));
    refused(&world, Scope::System, 78).says("larger than");
    let mut bomb = String::from("version: 1\nname: x\nx0: &x0 [a,a,a,a,a,a,a,a,a]\n");
    for level in 1..12 {
        let below = format!("*x{}", level - 1);
        bomb.push_str(&format!("x{level}: &x{level} [{}]\n", [below.as_str(); 9].join(",")));
    }
    put(bomb.as_bytes());
    refused(&world, Scope::System, 78);
}

#[test]
fn a_command_that_is_not_there_or_cannot_be_executed_is_named() {
    let world = prepared(world_or_skip!());
    world.write("srv/plain", "");
    world.mode("srv/plain", 0o644);
    for scope in BOTH_SCOPES {
        let run = |word: &str| world.in_scope(scope, "alice", &["run", "--", word]).run();
        run("no-such-command").exits(127).says("no-such-command: command not found in ").says("/usr/bin");
        run("./absent").exits(127).says("./absent").says("/srv");
        run("/srv/absent/x").exits(127).says("/srv/absent/x");
        run("/srv/plain").exits(126).says("/srv/plain is not executable").says("chmod +x");
        run("/srv/plain/x").exits(127);
        run("/srv").exits(126).says("/srv is a directory");
        run("..").exits(127);
        run("/").exits(126);
        run("").exits(125).says("no command");
        run(&"x".repeat(300)).exits(127);
        run(&format!("/{}", "x/".repeat(3000))).exits(126);
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
             if [ -e /var/lib/hitl/audit ]; then hitl audit verify >&2 || exit 99; fi; exit $code"
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
        assert_eq!(ran.stderr, "", "whoever closed the pipe has all they wanted: {words:?}");
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
    world.hitl("bob", &["reject", "ZZZZ-ZZZZ", "-m", "no"]).run().exits(1).says("there is no request");

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

#[test]
fn an_installed_hitl_does_not_let_its_caller_choose_policy_or_state() {
    let world = prepared(world_or_skip!());
    let generous = "version: 1\nname: x\nrules:\n  - {id: all, match: {command: \"/**\"}, decision: allow}\n";
    world.write("home/alice/policy.yaml", generous);
    world.own("home/alice/policy.yaml", "alice");
    for option in ["--policy=/home/alice/policy.yaml", "--state-dir=/home/alice/state"] {
        let name = option.split('=').next().unwrap();
        for words in [
            &["run", option, "--", "ls"][..],
            &[option, "run", "--", "ls"],
            &["check", option, "--", "ls"],
            &["pending", option],
            &["approve", option, "ZZZZ-ZZZZ"],
            &["undo", option, "--last"],
        ] {
            world.hitl("alice", words).run().exits(2).says(name).says("root itself");
        }
    }
    // Variables may be left over from somewhere: they count for nothing.
    let call = world.hitl("alice", &["run", "--", "ls"]);
    let call = call.with("HITL_POLICY", "/home/alice/policy.yaml");
    call.with("HITL_STATE_DIR", "/home/alice/state").run().exits(77).says("denied");
    assert!(!world.outside("home/alice/state").exists());
    assert_eq!(world.audit_actions().last().map(String::as_str), Some("policy-decided"));
    let call = world.hitl("alice", &["check", "--json", "--", "ls"]);
    let ran = call.with("XDG_CONFIG_HOME", "/home/alice").with("HOME", "/home/alice").run();
    assert_eq!(ran.exits(77).json()["policy"]["name"], "bad-input");
    // Root itself, and whoever has no privileges, may choose.
    std::os::unix::fs::chown(world.outside("home/alice/policy.yaml"), Some(0), Some(0)).unwrap();
    world.write("etc/hitl/other.yaml", generous);
    let words = ["check", "--policy=/etc/hitl/other.yaml", "--", "ls"];
    world.hitl("root", &words).run().exits(0);
    let call = world.hitl("root", &["check", "--", "ls"]);
    call.with("HITL_POLICY", "/etc/hitl/other.yaml").run().exits(0);
    let words = ["check", "--policy=/home/alice/absent.yaml", "--", "ls"];
    world.plain_hitl("alice", &words).run().exits(78).says("absent.yaml does not exist");
}
