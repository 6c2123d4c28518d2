//! A policy that is missing, unsafe or wrong is not used, nor one that the caller chose against root;
//! it is said which file, why, and how to mend it.

use std::os::unix::fs::symlink;

use crate::bad_input::{prepared, refused};
use crate::world::Scope;
use crate::world_or_skip;

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
            ("", ":1:1", "nothing in this file", "^", "version: 1"),
            ("# later\n", ":1:1", "nothing in this file", "^", "hitl init"),
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
fn an_installed_hitl_does_not_let_its_caller_choose_policy_or_state() {
    let world = prepared(world_or_skip!());
    let generous = "version: 1\nname: x\ndefaults: {decision: deny}\nrules:\n  - {id: all, match: {command: \"/**\"}, decision: allow}\n";
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
