//! `hitl doctor`: whatever is broken is named, with a command that mends it. The tests run the
//! command that it prints.

mod machine;
mod policy;
mod program;
mod state;

use serde_json::Value;

use crate::world::World;
use crate::world_or_skip;

const POLICY: &str = "\
version: 1
name: examined
defaults: {decision: approve, risk: high, require: [{group: ops}]}
groups: [{name: ops, users: [carol], unix_groups: [sre]}]
rules:
  - {id: looking, match: {command: [\"true\", cat]}, decision: allow}
tests:
  - {name: looking is free, run: cat /etc/motd, expect: {decision: allow}}
";

const DOCTOR: [&str; 2] = ["doctor", "--json"];

/// Everything that root is told about, where nothing is wrong.
const CHECKS: [&str; 25] = [
    "program",
    "program-reach",
    "program-mount",
    "no-new-privileges",
    "path",
    "proc",
    "kernel",
    "landlock",
    "login-uid",
    "terminals",
    "seccomp",
    "namespaces",
    "clock",
    "boot-clock",
    "clock-source",
    "pam",
    "pam-library",
    "policy",
    "policy-tests",
    "approvers",
    "secrets",
    "disk",
    "state",
    "locks",
    "requests",
];

/// A host on which hitl is installed as it should be.
fn installed(mut world: World) -> World {
    world.installed_program();
    world.policy(POLICY);
    std::fs::create_dir(world.outside("etc/pam.d")).unwrap();
    world.mode("etc/pam.d", 0o755);
    let service = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/pam/hitl");
    std::fs::copy(service, world.outside("etc/pam.d/hitl")).unwrap();
    world.mode("etc/pam.d/hitl", 0o644);
    for included in ["common-auth", "common-account"] {
        world.write(&format!("etc/pam.d/{included}"), "auth required pam_deny.so\n");
    }
    world
}

/// A host on which hitl is installed as it should be; leaves the test early, loudly, where there cannot be one.
#[macro_export]
macro_rules! installed_or_skip {
    () => {
        $crate::doctor::installed($crate::world_or_skip!())
    };
}

/// What a report says about one check: state, sentence and fix of the worst that it found.
#[track_caller]
fn worst(report: &Value, check: &str) -> (String, String, String) {
    let order = ["failure", "warning", "ok", "not-applicable"];
    let findings = report["findings"].as_array().unwrap();
    let mut about: Vec<_> = findings.iter().filter(|finding| finding["check"] == check).collect();
    about.sort_by_key(|finding| order.iter().position(|state| finding["state"] == *state));
    let finding = about.first().unwrap_or_else(|| panic!("nothing about {check}: {report:#}"));
    let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    (text("state"), text("sentence"), text("fix"))
}

/// A report that was written into the world.
fn report(world: &World, file: &str) -> Value {
    serde_json::from_str(&world.read(&format!("srv/{file}"))).unwrap()
}

/// Breaks something by a script of root's, sees it named, mends it by running what doctor printed, and
/// sees that it is whole. All of it in one mount namespace: some things break by a mount.
#[track_caller]
fn breaks_and_mends(world: &World, breaking: &str, check: &str, state: &str, says: &str) {
    let fix = broken(world, breaking, check, state, says);
    let after = report(world, "after");
    let mended = worst(&after, check);
    assert!(
        ["ok", "not-applicable"].contains(&mended.0.as_str()),
        "{fix:?} has not mended {check}: {mended:?}\n{}",
        world.read("srv/mended")
    );
}

/// As [`breaks_and_mends`], where the command mends nothing by itself. Returns it.
#[track_caller]
fn broken(world: &World, breaking: &str, check: &str, state: &str, says: &str) -> String {
    let script = format!(
        r#"{breaking}
        hitl=/usr/local/bin/hitl
        $hitl doctor --json > /srv/before; code=$?
        fix=$(jq -r '[.findings[] | select(.check == "{check}" and .state == "{state}")][0].fix' /srv/before)
        (EDITOR=true; export EDITOR; case "$fix" in *apt-get*) ;; *) eval "$fix" ;; esac) > /srv/mended 2>&1
        $hitl doctor --json > /srv/after
        exit $code"#
    );
    let ran = world.script("root", &script).run();
    let before = report(world, "before");
    let (found, sentence, fix) = worst(&before, check);
    assert_eq!(found, state, "{check}: {sentence}; {ran:?}");
    assert!(sentence.contains(says), "{check} says {sentence:?}, not {says:?}");
    assert!(!fix.is_empty(), "{check} says how to mend it: {before:#}");
    assert_eq!(ran.code() != 0, before["failures"] != 0, "{ran:?}");
    if state == "failure" {
        assert_eq!(ran.code(), 1, "{ran:?}");
    }
    fix
}

#[test]
fn a_host_on_which_nothing_is_wrong_is_told_so_check_by_check() {
    let world = installed_or_skip!();
    let examined = world.hitl("root", &DOCTOR).run().exits(0).json();
    for check in CHECKS {
        let (state, sentence, fix) = worst(&examined, check);
        assert_ne!(state, "failure", "{check}: {sentence}");
        // What depends on the machine that the tests run on.
        if !["landlock", "login-uid", "clock-source", "pam-library", "namespaces", "disk"]
            .contains(&check)
        {
            assert!(["ok", "not-applicable"].contains(&state.as_str()), "{check}: {sentence}");
            assert_eq!(fix, "");
        }
    }
    assert_eq!(examined["healthy"], true);
    assert_eq!(examined["scope"], "system");
    // The same for people: a word on every line, and a last line that sums it up.
    let told = world.hitl("root", &["doctor"]).run().exits(0);
    let words = ["ok ", "- ", "warning ", "         "];
    let mut lines: Vec<&str> = told.stdout.lines().collect();
    let last = lines.pop().unwrap();
    assert!(last.contains("in order") || last.starts_with("no failures"), "{told:?}");
    for line in lines {
        assert!(words.iter().any(|word| line.starts_with(word)), "{line:?}");
    }
    assert!(!world.outside("var-lib/hitl/audit").exists(), "nothing is written");
}

#[test]
fn an_ordinary_user_is_told_how_it_stands_and_nothing_that_is_roots_to_know() {
    let world = installed_or_skip!();
    let alice = || world.program("alice", "/usr/local/bin/hitl", &DOCTOR).run();
    let told = alice().exits(0).json();
    assert_eq!(told["scope"], "system");
    assert_eq!(worst(&told, "program").0, "ok");
    assert_eq!(worst(&told, "policy").1, "in order");
    assert_eq!(worst(&told, "log").1, "not examined", "that is work, and root's to order");
    world.policy("version: 1\nname: hush\nrules: [{id: top-secret-rule, oops: 1}]\n");
    world.mode("var-lib/hitl", 0o755);
    let told = alice().exits(1);
    for secret in ["hush", "top-secret", "oops", "/etc/hitl", "/var/lib"] {
        assert!(!format!("{told:?}").contains(secret), "{secret}: {told:?}");
    }
    let told = told.json();
    for check in ["policy", "state"] {
        let (state, sentence, fix) = worst(&told, check);
        assert_eq!((state.as_str(), fix.as_str()), ("failure", ""));
        assert!(sentence.contains("ask root"), "{sentence}");
    }
}

#[test]
fn without_an_installation_it_examines_what_user_scope_rests_on() {
    let world = world_or_skip!();
    let told = world.plain_hitl("alice", &DOCTOR).run().exits(0).json();
    assert_eq!(told["scope"], "user");
    assert!(worst(&told, "program").1.contains("seat belt"));
    assert_eq!(worst(&told, "state").0, "warning", "there is none yet");
    let checks: Vec<_> = told["findings"].as_array().unwrap().iter().map(|f| &f["check"]).collect();
    assert!(!checks.contains(&&Value::from("pam")) && !checks.contains(&&"program-mount".into()));
    world.user_policy("alice", "version: 1\nname: mine\ndefaults: {decision: confirm}\n");
    world.mode("home/alice/.config/hitl/policy.yaml", 0o666);
    let told = world.plain_hitl("alice", &DOCTOR).run().exits(1).json();
    let (state, _, fix) = worst(&told, "policy");
    assert_eq!(state, "failure");
    world.program("alice", "/bin/sh", &["-c", &fix]).run().exits(0);
    world.plain_hitl("alice", &["run", "--no-wait", "--", "touch", "/srv/x"]).run().exits(75);
    let told = world.plain_hitl("alice", &DOCTOR).run().exits(0).json();
    for check in ["policy", "state", "log", "requests"] {
        assert_eq!(worst(&told, check).0, "ok", "{told:#}");
    }
}
