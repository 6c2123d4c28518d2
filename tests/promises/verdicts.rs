//! The rules end to end: the strictest wins, and no wrapper or shell line gets around it.

use crate::world::{BOTH_SCOPES, Scope, World};
use crate::world_or_skip;

/// Everything that is named here is allowed by name; wrappers and shells too, on purpose.
const POLICY: &str = r#"
version: 1
name: deciding
defaults: {decision: confirm, risk: medium}
groups: [{name: sre, unix_groups: [sre]}]
requesters: [{kind: agent, users: [svc-agent]}]
thresholds:
  - {at: critical, decision: approve, require: [{group: sre, count: 2}]}
rules:
  - id: harmless
    match: {command: "/usr/bin/{true,id,env,sh,dash,bash,timeout,nice,nohup,setsid,xargs,find,stdbuf,awk,mawk,perl,python3,touch}"}
    decision: allow
  - id: own-files
    match: {command: /usr/bin/rm, paths: ["/srv/app/**"]}
    decision: allow
    risk: low
  - id: with-care
    match: {command: /usr/bin/rm, flags_any: [-r, --recursive]}
    decision: approve
    require: [{group: sre, count: 1}]
  - id: never
    match: {command: /usr/bin/rm, paths: ["/srv/keep", "/srv/keep/**"]}
    decision: deny
  - id: scale
    match: {command: /usr/bin/printf}
    decision: allow
    raise:
      - {when: {flag: {name: --replicas, gt: 20}}, by: 1, reason: more than twenty}
      - {when: {requester: agent}, by: 3, reason: no human asked for it}
"#;

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    for directory in ["srv/app", "srv/keep"] {
        std::fs::create_dir(world.outside(directory)).unwrap();
        world.write(&format!("{directory}/file"), "x");
    }
    world
}

#[test]
fn of_all_matching_rules_the_strictest_wins_whatever_their_order() {
    let world = prepared(world_or_skip!());
    let decide = |words: &[&str]| {
        let ran = world.hitl("alice", &[&["check", "--json", "--"], words].concat()).run();
        ran.json()["decision"].as_str().unwrap().to_owned()
    };
    assert_eq!(decide(&["rm", "/srv/app/file"]), "allow");
    assert_eq!(decide(&["rm", "-fr", "/srv/app/file"]), "approve");
    assert_eq!(decide(&["rm", "--recurs", "/srv/app/file"]), "approve");
    assert_eq!(decide(&["rm", "-r", "/srv/app/file", "/srv/app/../keep/file"]), "deny");
    assert_eq!(decide(&["rm", "/srv/app/file", "/etc/passwd"]), "confirm");
    // Another spelling of the same program is the same program; a copy elsewhere is not.
    assert_eq!(decide(&["/bin/rm", "/srv/keep/file"]), "deny");
    assert_eq!(decide(&["../usr/bin/rm", "/srv/keep/file"]), "deny");
    std::os::unix::fs::symlink("/usr/bin/rm", world.outside("srv/link")).unwrap();
    assert_eq!(decide(&["/srv/link", "/srv/keep/file"]), "deny");
    std::fs::copy("/usr/bin/id", world.outside("srv/id")).unwrap();
    assert_ne!(decide(&["/srv/id"]), "allow");
}

#[test]
fn what_is_denied_does_not_run_and_what_is_allowed_does() {
    let world = prepared(world_or_skip!());
    world.own("srv/app", "alice");
    for scope in BOTH_SCOPES {
        world.write("srv/app/file", "x");
        world.in_scope(scope, "alice", &["run", "--", "rm", "/srv/keep/file"]).run().exits(77);
        assert!(world.outside("srv/keep/file").exists());
        world.in_scope(scope, "alice", &["run", "--", "rm", "-f", "/srv/app/file"]).run().exits(0);
        assert!(!world.outside("srv/app/file").exists());
    }
}

#[test]
fn without_anybody_to_ask_a_confirmation_waits_and_nothing_runs() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let ran = world.in_scope(scope, "alice", &["run", "--no-wait", "--json", "--", "ls"]).run();
        let id = ran.exits(75).json()["id"].as_str().unwrap().to_owned();
        // The requester's own human confirms it from another terminal; nobody else can.
        let other = if scope == Scope::System { "bob" } else { "mallory" };
        let ran = world.in_scope(scope, other, &["approve", &id]).run();
        assert_ne!(ran.code(), 0, "{ran:?}");
        world.in_scope(scope, "alice", &["approve", &id]).run().exits(0);
        world.in_scope(scope, "alice", &["run", "--resume", &id]).run().exits(0).prints("app");
    }
}

#[test]
fn what_needs_a_second_human_runs_only_after_one_said_yes() {
    let world = prepared(world_or_skip!());
    let command = ["run", "--", "rm", "-r", "/srv/app"];
    let waiting = world.hitl("alice", &command).start_and_wait_for_request();
    assert!(world.outside("srv/app").exists(), "nothing ran yet");
    world.hitl("alice", &["approve", &waiting.id]).run().exits(77);
    world.hitl("carol", &["approve", &waiting.id]).run().exits(1);
    assert!(world.outside("srv/app").exists());
    world.hitl("bob", &["approve", &waiting.id]).run().exits(0);
    waiting.end().exits(0).says("approved by bob");
    assert!(!world.outside("srv/app").exists());
}

#[test]
fn a_shell_line_or_a_wrapper_is_never_more_lenient_than_what_it_would_start() {
    let world = prepared(world_or_skip!());
    let commands: &[&[&str]] = &[
        &["sh", "-c", "true"],
        &["sh", "-c", "rm /srv/keep/file"],
        &["sh", "-ec", "rm /srv/keep/file"],
        &["bash", "-lc", "rm /srv/keep/file"],
        &["dash", "-c", "id"],
        &["sh"],
        &["bash", "-s"],
        &["env", "rm", "/srv/keep/file"],
        &["env", "-i", "A=b", "rm", "/srv/keep/file"],
        &["env", "-S", "rm /srv/keep/file"],
        &["timeout", "5", "rm", "/srv/keep/file"],
        &["nice", "-n", "5", "rm", "/srv/keep/file"],
        &["nice", "rm", "/srv/keep/file"],
        &["nohup", "rm", "/srv/keep/file"],
        &["setsid", "rm", "/srv/keep/file"],
        &["stdbuf", "-o0", "rm", "/srv/keep/file"],
        &["xargs", "rm"],
        &["find", "/srv", "-exec", "rm", "{}", ";"],
        &["perl", "-e", "unlink '/srv/keep/file'"],
        &["python3", "-c", "import os; os.remove('/srv/keep/file')"],
        &["awk", "BEGIN { system(\"rm /srv/keep/file\") }"],
        &["touch", "a\nb"],
    ];
    for scope in BOTH_SCOPES {
        for command in commands {
            let ran = world
                .in_scope(scope, "alice", &[&["check", "--json", "--"], *command].concat())
                .run();
            if ran.status.code() == Some(127) {
                // Not installed here.
                continue;
            }
            let object = ran.json();
            let decision = object["decision"].as_str().unwrap();
            assert!(["approve", "deny"].contains(&decision), "{command:?} is {decision}: {object}");
            assert_eq!(ran.code(), 77, "and here nobody can approve it: {command:?}");
        }
    }
    // Without a wrapper the same programs are what the rule says.
    for command in [&["env"][..], &["id"], &["touch", "x"]] {
        world.hitl("alice", &[&["check", "--"], command].concat()).run().exits(0);
    }
}

#[test]
fn what_is_denied_is_denied_inside_of_a_shell_line_or_a_wrapper_as_well() {
    let world = prepared(world_or_skip!());
    world.policy(&POLICY.replace("risk: medium}", "risk: medium, require: [{group: sre}]}"));
    let decide = |words: &[&str]| {
        let ran = world.hitl("alice", &[&["check", "--json", "--"], words].concat()).run();
        ran.json()["decision"].as_str().unwrap().to_owned()
    };
    for denied in [
        &["sh", "-c", "true; rm /srv/keep/file"][..],
        &["bash", "-lc", "cd /srv && (env A=1 rm -f keep/file)"],
        &["env", "-C", "/srv/keep", "rm", "file"],
        &["timeout", "5", "nice", "rm", "/srv/keep/file"],
        &["find", "/srv", "-exec", "rm", "{}", "+"],
        &["find", "/srv/keep", "-delete"],
        &["sh", "-c", "find /srv/keep | xargs rm -f"],
        &["sh", "-c", "rm /srv/ke*/file"],
        &["sh", "-c", "echo \"$(rm /srv/keep/file)\""],
    ] {
        assert_eq!(decide(denied), "deny", "{denied:?}");
    }
    for asked in [&["sh", "-c", "rm /srv/app/file"][..], &["find", "/srv/app", "-exec", "id", ";"]]
    {
        assert_eq!(decide(asked), "approve", "{asked:?}");
    }
    // It deletes as rm does, of which the rules say that it needs somebody.
    assert_eq!(decide(&["find", "/srv/app", "-delete"]), "approve");
}

#[test]
fn where_nobody_can_approve_it_is_refused_at_once_and_says_whom_it_lacks() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let words = ["run", "--json", "--", "sh", "-c", "touch /srv/keep/ran"];
        let ran = world.in_scope(scope, "alice", &words).run().exits(77);
        assert_eq!(ran.json()["outcome"], "denied");
        ran.says("needs another human").says("nobody who could approve it").says("require");
        assert!(!world.outside("srv/keep/ran").exists());
        world.in_scope(scope, "alice", &["pending"]).run().exits(0).says("nothing waits");
    }
    // With somebody to ask, it waits for them, and the exact fragment is named.
    world.policy(
        &POLICY.replace("risk: medium}", "risk: medium, require: [{group: sre, count: 1}]}"),
    );
    let command = ["run", "--", "sh", "-c", "touch /srv/keep/ran"];
    let waiting = world.hitl("alice", &command).start_and_wait_for_request();
    world.hitl("bob", &["show", &waiting.id]).run().exits(0).prints("touch /srv/keep/ran");
    world.hitl("bob", &["approve", &waiting.id]).run().exits(0);
    waiting.end().exits(0);
    assert!(world.outside("srv/keep/ran").exists());
}

#[test]
fn raising_the_risk_over_a_threshold_raises_the_decision() {
    let world = prepared(world_or_skip!());
    let decide = |user: &str, variable: Option<&str>, replicas: &str| {
        let words = ["check", "--json", "--", "printf", "x", replicas];
        let mut call = world.hitl(user, &words);
        if let Some(name) = variable {
            call = call.with(name, "1");
        }
        let object = call.run().json();
        format!("{} {}", object["decision"].as_str().unwrap(), object["risk"].as_str().unwrap())
    };
    assert_eq!(decide("alice", None, "--replicas=20"), "allow low");
    assert_eq!(decide("alice", None, "--replicas=21"), "allow medium");
    assert_eq!(decide("svc-agent", None, "--replicas=2"), "approve critical");
    // A program's own marker can only make it stricter.
    assert_eq!(decide("alice", Some("CLAUDECODE"), "--replicas=2"), "approve critical");
    assert_eq!(decide("svc-agent", Some("NOT_A_MARKER"), "--replicas=2"), "approve critical");
}
