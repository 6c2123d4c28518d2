//! The tools around a policy: `hitl check`, `hitl policy check`, `hitl policy test`, `hitl init`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::Value;

use crate::world::{Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: office
defaults: {decision: approve, risk: high, require: [{group: ops}]}
groups: [{name: ops, users: [bob]}]
rules:
  - id: reading
    description: Reading changes nothing.
    match: {command: [ls, cat]}
    decision: allow
    examples: {match: [ls -l], not_match: [rm x]}
  - {id: removing, match: {command: rm}, decision: confirm, risk: medium}
  - {id: no-disks, match: {command: "mkfs*"}, decision: deny}
  - {id: touching, match: {command: touch}, decision: allow, snapshot: {paths: [/srv/state]}}
tests:
  - {name: reading is free, run: ls /etc, expect: {decision: allow, rules: [reading]}}
"#;

fn json_lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn check_says_what_would_be_decided_and_why_and_its_exit_code_says_it_to_scripts() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let check = |words: &[&str]| world.hitl("alice", &[&["check", "--"], words].concat()).run();
    let allowed = check(&["ls", "/etc"]).exits(0);
    assert!(allowed.stdout.starts_with("decision    allow: it would run at once\n"), "{allowed:?}");
    let allowed = allowed.prints("risk        low\n").prints("command     ls /etc\n");
    allowed.prints("because     rule reading matches: Reading changes nothing (allow, low)\n");
    check(&["rm", "/srv/x"]).exits(75).prints("confirm: you would be asked at your terminal");
    check(&["mount"]).exits(75).prints("approve: it would wait for 1 of group ops");
    check(&["mkfs.ext4", "/dev/null"]).exits(77).prints("deny: it would be refused");
    check(&["no-such-command"]).exits(127).says("no-such-command: command not found");
}

#[test]
fn check_runs_and_records_nothing() {
    let world = world_or_skip!();
    world.policy(POLICY);
    world.hitl("alice", &["check", "--", "touch", "/srv/new"]).run().exits(0);
    world.hitl("alice", &["check", "--", "mount"]).run().exits(75);
    assert!(!world.outside("srv/new").exists());
    assert!(!world.outside("var-lib/hitl/audit").exists());
    assert!(world.pending().is_empty());
}

#[test]
fn check_tells_programs_all_that_it_knows() {
    let world = world_or_skip!();
    world.policy(POLICY);
    world.write("srv/state", "x");
    let ran = world.hitl("alice", &["check", "--json", "--", "touch", "/srv/new"]).run().exits(0);
    assert_eq!(ran.stdout.lines().count(), 1);
    let told = ran.json();
    assert_eq!(told["v"], 1);
    assert_eq!(told["decision"], "allow");
    assert_eq!(told["risk"], "low");
    assert_eq!(told["rules"], serde_json::json!(["touching"]));
    assert_eq!(told["argv"], serde_json::json!(["touch", "/srv/new"]));
    assert_eq!(told["executable"], "/usr/bin/touch");
    assert_eq!(told["directory"], "/srv");
    assert_eq!(told["run_as"], "root");
    assert_eq!(
        told["requester"],
        serde_json::json!({"name": "alice", "uid": 2001, "kind": "human"})
    );
    assert_eq!(told["policy"]["name"], "office");
    assert_eq!(told["policy"]["sources"], serde_json::json!(["/etc/hitl/policy.yaml"]));
    let captured: Vec<_> = told["snapshot"].as_array().unwrap().iter().collect();
    assert!(captured.iter().any(|path| *path == "/srv/state"), "{captured:?}");

    let told = world.hitl("alice", &["check", "--json", "--", "mount"]).run().exits(75).json();
    assert_eq!(told["decision"], "approve");
    assert_eq!(
        told["requirements"],
        serde_json::json!([{"groups": ["ops"], "count": 1, "presence": "uid"}])
    );
    let agent = world.hitl("alice", &["check", "--json", "--", "ls"]).with("CLAUDECODE", "1").run();
    assert_eq!(agent.exits(0).json()["requester"]["kind"], "agent");
    let target = world.hitl("alice", &["check", "--json", "-u", "carol", "-C", "/", "--", "ls"]);
    let told = target.run().exits(0).json();
    assert_eq!((&told["run_as"], &told["directory"]), (&"carol".into(), &"/".into()));
}

#[test]
fn a_good_policy_is_counted_and_a_wrong_one_names_the_place() {
    let world = world_or_skip!();
    world.write("srv/good.yaml", POLICY);
    let checked = world.plain_hitl("alice", &["policy", "check", "good.yaml"]).run().exits(0);
    assert_eq!(checked.stdout, "good.yaml: good (4 rules, 1 group, 2 examples, 1 test)\n");

    world.write("srv/bad.yaml", &POLICY.replace("decision: confirm,", "decison: confirm,"));
    let checked = world.plain_hitl("alice", &["policy", "check", "bad.yaml"]).run().exits(78);
    let line = POLICY.lines().position(|line| line.contains("id: removing")).unwrap() + 1;
    let text =
        POLICY.lines().nth(line - 1).unwrap().replace("decision: confirm", "decison: confirm");
    let column = text.find("decison").unwrap() + 1;
    let checked = checked.says(&format!("bad.yaml:{line}:{column}")).says("decison");
    // The line itself, and a caret below the place.
    let mut lines = checked.stderr.lines();
    let excerpt = lines.find(|line| line.contains("{id: removing")).unwrap();
    let caret = lines.next().unwrap();
    assert_eq!(caret.find('^'), excerpt.find("decison"), "{}", checked.stderr);
    assert!(checked.stderr.contains("decision"), "what was meant is suggested: {}", checked.stderr);
}

#[test]
fn every_kind_of_fault_refuses_the_policy_with_file_line_and_column() {
    let world = world_or_skip!();
    let cases = [
        ("group: ops}", "group: opps}", "opps"),
        ("decision: approve, risk", "decision: allow, risk", "allow"),
        ("users: [bob]", "users: []", "ops"),
        ("{group: ops}", "{group: ops, count: 2}", "2"),
        ("match: [ls -l]", "match: [rm -l]", "own example"),
        ("rules: [reading]", "rules: [readin]", "readin"),
        ("id: removing", "id: reading", "reading"),
        ("{command: rm}", "{command: rm -rf}", "args"),
        ("{command: rm}", "{}", "condition"),
        ("[/srv/state]", "[srv/state]", "absolute"),
        ("version: 1", "version: 2", "version"),
        ("tests:\n", "tests: [\n", ""),
    ];
    for (from, to, named) in cases {
        assert!(POLICY.contains(from), "{from}");
        world.write("srv/bad.yaml", &POLICY.replacen(from, to, 1));
        let checked = world.plain_hitl("alice", &["policy", "check", "bad.yaml"]).run().exits(78);
        let place = checked.stderr.split("bad.yaml:").nth(1).and_then(|rest| rest.lines().next());
        let numbers = place.and_then(|place| place.split_once(':'));
        let is_place = numbers.is_some_and(|(line, column)| {
            line.parse::<usize>().is_ok() && column.parse::<usize>().is_ok()
        });
        assert!(is_place, "{to}: {}", checked.stderr);
        assert!(checked.stderr.contains('^'), "{to}: {}", checked.stderr);
        assert!(checked.stderr.contains(named), "{to}: {}", checked.stderr);
        // The installed policy is refused alike, and then nothing runs.
        world.policy(&POLICY.replacen(from, to, 1));
        world.hitl("alice", &["run", "--", "ls"]).run().exits(78).says("/etc/hitl/policy.yaml:");
    }
}

#[test]
fn check_of_a_directory_reads_every_policy_in_it_and_one_wrong_one_is_enough() {
    let world = world_or_skip!();
    std::fs::create_dir(world.outside("srv/policies")).unwrap();
    world.write("srv/policies/a.yaml", POLICY);
    world.write("srv/policies/b.yaml", "version: 1\nname: alone\ndefaults: {decision: approve}\n");
    world.write("srv/policies/notes.txt", "not a policy");
    let checked = world.plain_hitl("alice", &["policy", "check", "policies"]).run().exits(0);
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("policies/a.yaml: good"), "{lines:?}");
    assert!(lines[1].contains("for user scope only"), "{lines:?}");

    world.write("srv/policies/c.yaml", "version: 1\nname: x\nrules: none\n");
    let checked = world.plain_hitl("alice", &["policy", "check", "policies"]).run().exits(78);
    assert_eq!(checked.stdout.lines().count(), 2);
    checked.says("policies/c.yaml:3:");
    let json =
        world.plain_hitl("alice", &["policy", "check", "--json", "policies"]).run().exits(78);
    let told = json_lines(&json);
    let oks: Vec<_> = told.iter().map(|one| one["ok"].as_bool().unwrap()).collect();
    assert_eq!(oks, [true, true, false]);
    assert_eq!((&told[0]["rules"], &told[0]["name"]), (&4.into(), &"office".into()));
    assert_eq!(
        (&told[0]["user_scope_only"], &told[1]["user_scope_only"]),
        (&false.into(), &true.into())
    );
    assert!(told[2]["error"].as_str().unwrap().contains("c.yaml:3:"));

    std::fs::create_dir(world.outside("srv/empty")).unwrap();
    world
        .plain_hitl("alice", &["policy", "check", "empty"])
        .run()
        .exits(1)
        .says("no policy in empty");
    world.plain_hitl("alice", &["policy", "check", "gone.yaml"]).run().exits(125).says("gone.yaml");
}

#[test]
fn the_policy_in_use_is_roots_to_look_at_and_no_privileged_hitl_reads_files_for_its_caller() {
    let world = world_or_skip!();
    world.policy(POLICY);
    world
        .hitl("root", &["policy", "check"])
        .run()
        .exits(0)
        .prints("the policy in use: good (4 rules");
    world.hitl("root", &["policy", "test"]).run().exits(0).prints("3 passed, 0 failed");
    world.hitl("alice", &["policy", "check"]).run().exits(77).says("root");
    world.write("srv/secret", "password: hunter2");
    world.mode("srv/secret", 0o600);
    for command in ["check", "test"] {
        let refused = world.hitl("alice", &["policy", command, "/srv/secret"]).run().exits(125);
        let refused = refused.says("Permission denied");
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}

#[test]
fn a_failing_test_shows_what_came_instead_and_why() {
    let world = world_or_skip!();
    let wrong = "{name: rm is free, run: rm -r /srv/x, expect: {decision: allow, risk: low}}";
    world.write("srv/policy.yaml", &format!("{POLICY}  - {wrong}\n"));
    let tested = world.plain_hitl("alice", &["policy", "test", "policy.yaml"]).run().exits(1);
    let tested = tested.prints("policy.yaml: 2 examples hold, 1 of 2 tests pass\n");
    let tested = tested.prints("FAILED rm is free\n    rm -r /srv/x\n");
    let tested = tested.prints("because rule removing matches (confirm, medium)");
    assert!(tested.stdout.contains("allow") && tested.stdout.contains("confirm"), "{tested:?}");
    assert!(tested.stdout.ends_with("3 passed, 1 failed\n"), "{tested:?}");

    let json =
        world.plain_hitl("alice", &["policy", "test", "--json", "policy.yaml"]).run().exits(1);
    let told = json.json();
    assert_eq!(told["examples"], 2);
    let passed: Vec<_> =
        told["tests"].as_array().unwrap().iter().map(|one| &one["passed"]).collect();
    assert_eq!(passed, [true, false]);
    assert_eq!(told["tests"][1]["differences"].as_array().unwrap().len(), 2, "{told:#}");
}

#[test]
fn coverage_names_the_rules_that_nothing_tests() {
    let world = world_or_skip!();
    world.write("srv/policy.yaml", POLICY);
    let test = |options: &[&str]| {
        world
            .plain_hitl("alice", &[&["policy", "test"], options, &["policy.yaml"]].concat())
            .run()
            .exits(0)
    };
    let covered = test(&["--coverage"]);
    for rule in ["removing", "no-disks", "touching"] {
        assert!(covered.stdout.contains(&format!("reaches rule {rule}\n")), "{covered:?}");
    }
    assert!(!covered.stdout.contains("reaches rule reading"), "{covered:?}");
    assert!(!test(&[]).stdout.contains("reaches rule"));
    let told = test(&["--coverage", "--json"]).json();
    assert_eq!(told["uncovered"], serde_json::json!(["removing", "no-disks", "touching"]));
}

#[test]
fn one_wrong_policy_in_a_directory_does_not_hide_the_tests_of_the_others() {
    let world = world_or_skip!();
    std::fs::create_dir(world.outside("srv/policies")).unwrap();
    world.write("srv/policies/a.yaml", "version: 1\nnam: x\n");
    world.write("srv/policies/b.yaml", POLICY);
    let tested = world.plain_hitl("alice", &["policy", "test", "policies"]).run().exits(78);
    tested.says("policies/a.yaml:2:1").prints("3 passed, 0 failed");
}

/// Every file and directory below a place of the world, with its mode and owner.
fn listing(world: &World, below: &str) -> Vec<(String, u32, u32)> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(path) = open.pop() {
        let metadata = std::fs::symlink_metadata(world.outside(&path)).unwrap();
        if metadata.is_dir() {
            for entry in std::fs::read_dir(world.outside(&path)).unwrap() {
                open.push(format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap()));
            }
        }
        found.push((path, metadata.mode() & 0o7777, metadata.uid()));
    }
    found.sort();
    found
}

#[test]
fn init_makes_a_host_ready_and_what_it_writes_can_be_used_at_once() {
    let world = world_or_skip!();
    std::fs::remove_dir(world.outside("etc/hitl")).unwrap();
    world.hitl("alice", &["run", "--", "true"]).run().exits(78).says("hitl init --system");
    let made = world.hitl("root", &["init", "--system"]).run().exits(0);
    let made = made.prints("made  /etc/hitl\n").prints("made  /etc/hitl/policy.yaml\n");
    made.prints("kept  /var/lib/hitl (was there already)\n").says("next: ");
    for (path, mode, owner) in listing(&world, "etc/hitl") {
        assert_eq!((owner, mode & 0o022), (0, 0), "{path} {mode:o}");
    }
    world.hitl("root", &["policy", "check"]).run().exits(0).prints("good");
    world.hitl("root", &["policy", "test"]).run().exits(0).prints("0 failed");
    // It decides, about everything, and never by an error.
    for command in ["true", "reboot", "mount"] {
        let checked = world.hitl("alice", &["check", "--json", "--", command]).run();
        assert!([0, 75, 77].contains(&checked.code()), "{command}: {checked:?}");
        assert_ne!((command, &checked.json()["decision"]), ("reboot", &"allow".into()));
    }
    let ran = world.hitl("alice", &["run", "--no-wait", "--json", "--", "true"]).run();
    assert!(["ended", "pending"].contains(&ran.json()["outcome"].as_str().unwrap()), "{ran:?}");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn init_gives_a_user_a_policy_of_their_own_that_nobody_else_reads() {
    let world = world_or_skip!();
    let made = world.plain_hitl("alice", &["init", "--user"]).run().exits(0);
    made.prints("made  /home/alice/.config/hitl/policy.yaml\n")
        .prints("made  /home/alice/.local/state/hitl\n");
    for (path, mode, owner) in listing(&world, "home/alice") {
        assert_eq!((owner, mode & 0o077), (2001, 0), "{path} {mode:o}");
    }
    world.plain_hitl("alice", &["policy", "check"]).run().exits(0).prints("good");
    world.plain_hitl("alice", &["policy", "test"]).run().exits(0).prints("0 failed");
    let checked =
        world.plain_hitl("alice", &["check", "--json", "--", "true"]).run().exits(0).json();
    assert_eq!(
        checked["policy"]["sources"],
        serde_json::json!(["/home/alice/.config/hitl/policy.yaml"])
    );
    world.plain_hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.plain_hitl("alice", &["audit", "verify"]).run().exits(0);
}

#[test]
fn init_follows_the_xdg_directories() {
    let world = world_or_skip!();
    let made = world
        .plain_hitl("alice", &["init", "--json"])
        .with("XDG_CONFIG_HOME", "/home/alice/c")
        .with("XDG_STATE_HOME", "/home/alice/s")
        .run()
        .exits(0)
        .json();
    let made: Vec<_> = made["made"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(made.contains(&"/home/alice/c/hitl/policy.yaml"), "{made:?}");
    assert!(made.contains(&"/home/alice/s/hitl"), "{made:?}");
}

#[test]
fn init_never_overwrites_anything() {
    let world = world_or_skip!();
    world.policy(POLICY);
    // What editors and people leave beside it is theirs.
    world.write("etc/hitl/policy.yaml.new", "somebody's draft");
    let made = world.hitl("root", &["init", "--system", "--json"]).run().exits(0).json();
    let kept = made["kept"].as_array().unwrap();
    assert!(kept.contains(&"/etc/hitl/policy.yaml".into()), "{made}");
    assert_eq!(world.read("etc/hitl/policy.yaml"), POLICY);
    assert_eq!(world.read("etc/hitl/policy.yaml.new"), "somebody's draft");

    // A link that leads nowhere is something, and is not written through.
    std::fs::remove_file(world.outside("etc/hitl/policy.yaml")).unwrap();
    std::os::unix::fs::symlink("/srv/elsewhere", world.outside("etc/hitl/policy.yaml")).unwrap();
    world.hitl("root", &["init"]).run().exits(0).prints("kept  /etc/hitl/policy.yaml");
    assert!(!world.outside("srv/elsewhere").exists());

    world
        .plain_hitl("alice", &["init"])
        .run()
        .exits(0)
        .prints("made  /home/alice/.config/hitl/policy.yaml");
    world.write("home/alice/.config/hitl/policy.yaml", "mine");
    let again = world.plain_hitl("alice", &["init", "--user"]).run().exits(0);
    assert!(!again.stdout.contains("made"), "{again:?}");
    assert_eq!(world.read("home/alice/.config/hitl/policy.yaml"), "mine");
    let names: Vec<_> =
        listing(&world, "home/alice/.config/hitl").into_iter().map(|one| one.0).collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

#[test]
fn init_writes_only_what_is_the_callers_to_write() {
    let world = world_or_skip!();
    for words in [&["init"][..], &["init", "--system"], &["init", "--user"]] {
        // Installed setuid root, and called by a user.
        world.hitl("alice", words).run().exits(77);
    }
    let told = world.hitl("alice", &["init", "--user"]).run();
    assert!(told.stderr.contains("hitl list") && !told.stderr.contains("yourself"), "{told:?}");
    world.plain_hitl("alice", &["init", "--system"]).run().exits(77).says("for root");
    world.hitl("root", &["init", "--user"]).run().exits(77).says("hitl init --user");
    world.hitl("root", &["init", "--user", "--system"]).run().exits(2);
    assert_eq!(listing(&world, "etc/hitl").len(), 1);
    assert_eq!(listing(&world, "home/alice").len(), 1);

    // Where it cannot write, it says so and leaves nothing half done.
    let file = world.outside("home/mallory/.config");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.plain_hitl("mallory", &["init"]).run().exits(125).says("/home/mallory/.config");
}

#[test]
fn an_installed_hitl_reads_and_writes_what_a_caller_names_with_the_callers_rights() {
    let world = world_or_skip!();
    world.policy(POLICY);
    // Of root's alone: a directory, and a policy in it.
    std::fs::create_dir(world.outside("srv/private")).unwrap();
    world.write("srv/private/policy.yaml", POLICY);
    world.mode("srv/private", 0o700);
    let alice = |words: &[&str]| world.hitl("alice", words).run();
    for command in ["check", "test"] {
        let refused = alice(&["policy", command, "/srv/private/policy.yaml"]);
        assert!(refused.code() != 0 && refused.stderr.contains("Permission denied"), "{refused:?}");
    }
    alice(&["man", "--directory", "/srv/private/man"]).exits(125).says("Permission denied");
    assert!(!world.outside("srv/private/man").exists());
    // What she may do, she may do with it: as herself.
    world.write("home/alice/own.yaml", POLICY);
    world.own("home/alice/own.yaml", "alice");
    alice(&["policy", "check", "/home/alice/own.yaml"]).exits(0);
    alice(&["man", "--directory", "/home/alice/man"]).exits(0);
    let page = std::fs::metadata(world.outside("home/alice/man/hitl.1")).unwrap();
    assert_eq!(page.uid(), 2001);
    let told = alice(&["tour"]).exits(0);
    assert!(told.stdout.trim_end().ends_with("goes on from here."), "{told:?}");
    assert!(!world.outside("var-lib/hitl/audit").exists(), "the tour is about files of its own");
}

#[test]
fn the_policy_in_use_is_called_the_same_as_its_file() {
    let world = world_or_skip!();
    world.plain_hitl("alice", &["init", "--user"]).run().exits(0);
    let file = "/home/alice/.config/hitl/policy.yaml";
    let by_name = world.plain_hitl("alice", &["policy", "check", "--json", file]).run().exits(0);
    let in_use = world.plain_hitl("alice", &["policy", "check", "--json"]).run().exits(0);
    for field in ["digest", "rules", "groups", "examples", "tests", "user_scope_only"] {
        assert_eq!(in_use.json()[field], by_name.json()[field], "{field}");
    }
}
