//! `hitl list`: what may I run, and what does each thing need? Told to everybody about themselves.

use serde_json::{Value, json};

use crate::world::World;
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: office
defaults: {decision: approve, risk: high, require: [{group: ops}], notify: [quiet-room]}
thresholds:
  - {at: critical, decision: approve, require: [{group: security, count: 2}]}
groups:
  - {name: ops, users: [bob, carol]}
  - {name: security, unix_groups: [sre], users: [carol]}
requesters:
  - {kind: agent, users: [svc-agent]}
channels:
  - {name: quiet-room, kind: webhook, url: "https://hush.example/", secret_file: /etc/hitl/webhook.key}
rules:
  - id: looking
    description: Looking is free.
    match: {command: [ls, stat], flags_only: ["-l"], users: [alice, mallory]}
    decision: allow
  - id: scaling
    match: {command: /usr/bin/kubectl, args: [scale, "**"], unix_groups: [sre]}
    decision: confirm
    raise: [{when: {flag: {name: --replicas, gt: 20}}, by: 2, reason: more than twenty replicas}]
    run_timeout: 5m
    snapshot: {paths: ["/srv/kube/**"]}
  - id: databases
    match: {command: psql, run_as: postgres, cwd: "/srv/db/**"}
    except: [{args: [--version]}, {users: [carol], args: ["private-to-carol"]}]
    decision: approve
    authenticate: requester
    authenticate_cache: 5m
    confine: required
    snapshot: {paths: [/srv/db]}
  - id: never
    match: {command: mkfs}
    decision: deny
  - id: of-bob
    match: {command: /opt/of-bob, users: [bob]}
    decision: allow
  - id: elsewhere
    match: {command: /opt/elsewhere, hosts: [no-such-host-here]}
    decision: allow
  - id: for-agents
    match: {command: /opt/for-agents, requester: agent}
    decision: allow
  - id: not-alice
    match: {command: /opt/not-alice}
    except: [{users: [alice]}]
    decision: allow
"#;

fn rules(world: &World, user: &str, words: &[&str]) -> Vec<Value> {
    let listed = world.hitl(user, &[&["list", "--json"], words].concat()).run().exits(0).json();
    listed["rules"].as_array().unwrap().clone()
}

fn ids(rules: &[Value]) -> Vec<&str> {
    rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect()
}

#[test]
fn everybody_is_told_their_own_rules_and_nothing_that_is_only_about_others() {
    let world = world_or_skip!();
    world.policy(POLICY);
    for (user, expected) in [
        ("alice", &["looking", "scaling", "databases", "never"][..]),
        ("bob", &["scaling", "databases", "never", "of-bob", "not-alice"]),
        ("mallory", &["looking", "databases", "never", "not-alice"]),
        ("svc-agent", &["databases", "never", "for-agents", "not-alice"]),
    ] {
        assert_eq!(ids(&rules(&world, user, &[])), expected, "{user}");
        assert_eq!(ids(&rules(&world, "root", &["--for", user])), expected, "{user} for root");
    }
    let shown = world.hitl("alice", &["list"]).run().exits(0);
    let json = world.hitl("alice", &["list", "--json"]).run().exits(0);
    let secrets = ["bob", "carol", "mallory", "sre", "of-bob", "elsewhere", "for-agents", "quiet"];
    let more = ["hush", "webhook", "private-to-carol", "not-alice", "no-such-host-here"];
    for secret in secrets.iter().chain(&more) {
        assert!(!shown.stdout.contains(secret), "{secret}: {shown:?}");
        assert!(!json.stdout.contains(secret), "{secret}: {json:?}");
    }
}

#[test]
fn a_person_reads_what_each_rule_is_about_and_what_it_needs() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let listed = world.hitl("alice", &["list"]).run().exits(0);
    for line in [
        "looking: Looking is free.",
        "  about       ls or stat with no flags but -l",
        "  needs       nobody: it runs at once (low risk)",
        "  about       /usr/bin/kubectl with the arguments scale **",
        "  needs       you: you confirm it (medium risk)",
        "  undo        the files that the rule names are snapshotted before it runs",
        "  time        15m to decide, 10m to start it then, 5m to run",
        "  or stricter 2 of group security, if it runs with --replicas > 20 (more than twenty \
         replicas)",
        "  about       psql as postgres in /srv/db/**",
        "  but not     with the arguments --version",
        "  needs       1 of group ops (high risk)",
        "  password    you are asked for yours; not again for 5m at the same terminal",
        "  confined    it can write only what is snapshotted",
        "  needs       refused (high risk)",
        "anything else",
    ] {
        assert!(listed.stdout.lines().any(|found| found == line), "{line:?} in {listed:?}");
    }
    assert!(!listed.stdout.contains('\u{1b}'));
}

#[test]
fn programs_are_told_the_same() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let listed = world.hitl("alice", &["list", "--json"]).run().exits(0).json();
    assert_eq!((&listed["v"], &listed["user"]), (&json!(1), &json!("alice")));
    assert_eq!((&listed["kind"], &listed["incomplete"]), (&json!("human"), &json!(false)));
    let scaling = &listed["rules"][1];
    assert_eq!(scaling["decision"], "confirm");
    assert_eq!(scaling["run_timeout_ms"], 300_000);
    assert_eq!(scaling["snapshot"], true);
    let requirements = json!([
        {"groups": ["ops"], "count": 1, "presence": "uid"},
        {"groups": ["security"], "count": 2, "presence": "uid"},
    ]);
    let stricter = &scaling["stricter"][0];
    assert_eq!(stricter["decision"], "approve");
    assert_eq!(
        stricter["requirements"],
        json!([{"groups": ["security"], "count": 2, "presence": "uid"}])
    );
    assert_ne!(stricter["requirements"], requirements);
    assert_eq!(listed["defaults"]["decision"], "approve");
    assert_eq!(
        listed["defaults"]["requirements"],
        json!([{"groups": ["ops"], "count": 1, "presence": "uid"}])
    );
    // What the environment says of the caller counts, as it does for a run.
    let agent = world.hitl("alice", &["list", "--json"]).with("CLAUDECODE", "1").run().exits(0);
    assert_eq!(agent.json()["kind"], "agent");
    assert!(ids(agent.json()["rules"].as_array().unwrap()).contains(&"for-agents"));
}

#[test]
fn with_a_command_the_exit_code_says_what_would_be_decided() {
    let world = world_or_skip!();
    world.policy(POLICY);
    for (words, code, text) in [
        (&["--", "ls", "-l", "/srv"][..], 0, "allow: it would run at once"),
        (&["--", "ls", "-R", "/srv"], 75, "approve: it would wait for 1 of group ops"),
        (&["ls", "-l"], 0, "allow"),
        (&["--json", "--", "ls", "-l"], 0, "\"decision\":\"allow\""),
        (&["--", "/sbin/mkfs", "/dev/null"], 77, "deny: it would be refused"),
    ] {
        let long = world.hitl("alice", &[&["list"], words].concat()).run();
        if code != 77 || std::path::Path::new("/sbin/mkfs").exists() {
            let long = long.exits(code).prints(text);
            let short = world.hitl("alice", &[&["-l"], words].concat()).run().exits(code);
            assert_eq!(long.stdout, short.stdout);
        }
    }
    let absent = world.hitl("alice", &["list", "--", "no-such-command-here"]).run();
    absent.exits(77).says("command not found");
    assert_eq!(
        world.hitl("alice", &["-l"]).run().exits(0).stdout,
        world.hitl("alice", &["list"]).run().exits(0).stdout
    );
    world.hitl("root", &["-l", "-U", "bob"]).run().exits(0).prints("of-bob");
}

/// CVE-2025-46718 of sudo-rs: anybody could list anybody's rules, and see who exists.
#[test]
fn only_root_may_ask_about_somebody_else_and_a_refusal_does_not_say_who_exists() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let refused = |name: &str| {
        let ran = world.hitl("alice", &["list", "--for", name]).run();
        (ran.status.code(), ran.stdout.replace(name, "NAME"), ran.stderr.replace(name, "NAME"))
    };
    let of_bob = refused("bob");
    assert_eq!(of_bob.0, Some(77));
    assert!(of_bob.2.contains("only root may ask what somebody else may run"), "{of_bob:?}");
    for name in ["carol", "nobody-of-that-name", "../bob", "#2002", "#-1", ""] {
        assert_eq!(refused(name).0, Some(77), "{name}");
        if !name.is_empty() {
            assert_eq!(refused(name), of_bob, "{name}");
        }
    }
    world.hitl("alice", &["list", "--for", "alice"]).run().exits(0);
    let unknown = world.hitl("root", &["list", "--for", "nobody-of-that-name"]).run();
    unknown.exits(125).says("unknown user");
}

#[test]
fn listing_records_nothing_and_needs_no_privileges() {
    let world = world_or_skip!();
    world.policy(POLICY);
    world.hitl("alice", &["list"]).run().exits(0);
    world.hitl("alice", &["list", "--", "ls"]).run().exits(0);
    world.hitl("alice", &["list", "--", "ls", "-R"]).run().exits(75);
    world.hitl("root", &["audit", "show"]).run().exits(125).says("there is no audit log");
    assert!(world.pending().is_empty());
    world.user_policy("bob", POLICY);
    let own = world.plain_hitl("bob", &["list"]).run().exits(0);
    assert!(own.stdout.contains("of-bob") && !own.stdout.contains("looking"), "{own:?}");
}
