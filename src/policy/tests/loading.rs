//! Loading: what is refused, and how it is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::system::Directories;

fn refusal(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

#[test]
fn the_example_of_the_design_loads_and_passes_its_own_tests() {
    for scope in [Scope::System, Scope::User] {
        let policy = Policy::from_text("production", PRODUCTION, scope).unwrap();
        for outcome in policy.run_tests() {
            assert!(outcome.passed(), "{outcome:?}");
        }
        assert_eq!(policy.coverage(), ["scale-out"]);
        assert_eq!(policy.groups_of("dave", &["sre".to_owned()]), ["ops"]);
        let rule =
            policy.rules().iter().flatten().find(|rule| rule.id.as_str() == "service-restart");
        assert_eq!(
            rule.unwrap().description.as_ref().unwrap().as_str(),
            "Restarts of our own units."
        );
    }
}

#[test]
fn the_built_in_policy_loads_and_passes_its_own_tests() {
    let text = include_str!("../../../policies/default.yaml");
    let policy = Policy::from_text("default", text, Scope::User).unwrap();
    for outcome in policy.run_tests() {
        assert!(outcome.passed(), "{outcome:?}");
    }
    assert!(policy.coverage().is_empty());
}

#[test]
fn a_failing_test_says_what_was_expected_what_came_and_why() {
    let text =
        PRODUCTION.replace("decision: approve, risk: critical", "decision: deny, risk: critical");
    let outcome = load(&text).unwrap().run_tests().remove(0);
    assert_eq!(outcome.differences, ["expected the decision deny, got approve"]);
    assert!(outcome.reasons.iter().any(|reason| reason.contains("customers notice")));
}

#[test]
fn an_error_shows_the_line_and_what_to_write_instead() {
    let text =
        "version: 1\nname: t\nrules:\n  - id: a\n    match: {command: x}\n    decison: deny\n";
    assert_eq!(
        refusal(text),
        "rules[0]: unknown field \"decison\"\n --> policy.yaml:6:5\n  |\n6 |     decison: deny\n  |     ^^^^^^^\n  = did you mean \"decision\"?"
    );
}

#[test]
fn a_channel_has_what_its_kind_needs_and_nothing_else() {
    let head = "version: 1\nname: t\ndefaults: {decision: deny}\nchannels:\n  - {name: c, kind: ";
    let url = "url: \"https://x.example/y\"";
    for (rest, part) in [
        ("webhook, secret_file: /etc/k", "has no url"),
        ("webhook, url: \"https://x.example/y\"", "has no secret_file"),
        ("webhook, url: \"http://x.example/y\", secret_file: /etc/k", "write https://"),
        ("webhook, url: \"https://me:it@x.example/\", secret_file: /etc/k", "write a secret_file"),
        ("slack", "either a url or a secret_file"),
        (
            "slack, url: \"https://x.example/y\", secret_file: /etc/k",
            "either a url or a secret_file",
        ),
        ("ntfy", "has no url"),
        ("email", "has no to"),
        ("email, to: [\"a@b, c@d\"]", "not a mail address"),
        ("email, to: [a@b], secret_file: /etc/k", "which has no secret_file"),
        ("command", "absolute path"),
        ("command, run: [page]", "absolute path"),
        ("wall, run: [/usr/bin/wall]", "which has no run"),
        ("pigeon", "pigeon"),
    ] {
        let refused = refusal(&format!("{head}{rest}}}\n"));
        assert!(refused.contains(part), "{rest}: {refused}");
        assert!(refused.contains("policy.yaml:5:"), "{rest}: {refused}");
    }
    for rest in [
        &format!("webhook, {url}, secret_file: /etc/k"),
        "webhook, url: \"http://127.0.0.1:8080/\", secret_file: /etc/k",
        &format!("slack, {url}"),
        "slack, secret_file: /etc/k",
        &format!("ntfy, {url}"),
        "email, to: [a@b, root]",
        "command, run: [/usr/bin/page, now]",
        "wall",
    ] {
        load(&format!("{head}{rest}}}\n")).unwrap();
    }
    let unknown = format!("{head}wall}}\nbreak_glass: {{groups: [], notify: [d]}}\n");
    assert!(refusal(&unknown).contains("unknown channel \"d\""));
}

#[test]
fn what_is_wrong_is_refused_at_its_place() {
    let head = "version: 1\nname: t\ndefaults: {require: [{group: ops}]}\ngroups: [{name: ops, users: [bob]}]\n";
    for (rest, place, part) in [
        ("rules: [{id: a, match: {command: x}, decision: dney}]", "5:48", "did you mean \"deny\"?"),
        ("rules: [{id: a, match: {command: x}, decision: deny, risk: lwo}]", "5:60", "\"low\"?"),
        (
            "rules: [{id: a, match: {command: x}, decision: approve, require: [{group: opps}]}]",
            "5:75",
            "did you mean \"ops\"?",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: confirm, confine: requird}]",
            "5:66",
            "write true (where the kernel can), required",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: confirm, confine: 1}]",
            "5:66",
            "expected true, required or false",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: confirm, confine: }]",
            "5:66",
            "expected true, required or false",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: deny, notify: [pager]}]",
            "5:63",
            "unknown channel",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: approve, require: [{group: ops, count: 2}]}]",
            "5:67",
            "1 member",
        ),
        (
            "rules:\n  - {id: a, match: {command: x}, decision: deny}\n  - {id: a, match: {command: y}, decision: deny}",
            "7:10",
            "called \"a\"",
        ),
        ("rules: [{id: a, match: {command: x, users: []}, decision: deny}]", "5:44", "empty list"),
        (
            "rules: [{id: a, match: {command: x}, decision: allow, undo: {}}]",
            "5:61",
            "nothing is said",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: allow, undo: {run: ['']}}]",
            "5:61",
            "runs nothing",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: allow, undo: {require: [{group: opps}]}}]",
            "5:80",
            "did you mean \"ops\"?",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: allow, undo: {require: [{group: ops, count: 2}]}}]",
            "5:72",
            "1 member",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: allow, undo_by: [opps]}]",
            "5:65",
            "did you mean \"ops\"?",
        ),
        ("tests: [{name: a, run: x, expect: {undo_by: [opps]}}]", "5:46", "did you mean \"ops\"?"),
        (
            "tests: [{name: a, run: x, expect: {undo_approvals: {opps: 1}}}]",
            "5:52",
            "did you mean \"ops\"?",
        ),
        ("webauthn: {origins: []}", "5:21", "no page is named"),
        ("webauthn: {origins: ['http://a.example']}", "5:22", "https only"),
        ("webauthn: {origins: ['https://a.example/']}", "5:22", "no path"),
        ("webauthn:", "5:10", "missing field `origins`"),
        ("rules: [{id: a, match: {command: x, users: }, decision: deny}]", "5:", "list of texts"),
        ("rules: [{id: a, match: {}, decision: deny}]", "5:24", "no condition"),
        ("rules: [{id: a, match: {paths: etc/x}, decision: deny}]", "5:32", "not absolute"),
        (
            "rules: [{id: a, match: {paths: [/etc, /usr/]}, decision: deny}]",
            "5:39",
            "ends with a slash",
        ),
        ("rules: [{id: a, match: {args: ['[z-a]']}, decision: deny}]", "5:32", "not a glob"),
        ("rules: [{id: a, match: {command: rm -rf}, decision: deny}]", "5:34", "holds spaces"),
        ("rules: [{id: a b, match: {command: x}, decision: deny}]", "5:14", "not an id"),
        ("rules: [{id: a, id: b, match: {command: x}, decision: deny}]", "5:17", "second time"),
        (
            "rules: [{id: a, match: {command: x}, decision: deny, approval_expiry: 15}]",
            "5:71",
            "no unit",
        ),
        ("rules: [{id: a, match: {command: x}}]", "5:9", "missing field `decision`"),
        (
            "rules: [{id: a, match: {command: x}, decision: deny, examples: {match: [y]}}]",
            "5:73",
            "does not match its own example",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: deny, examples: {match: ['x | y']}}]",
            "5:73",
            "quote it",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: confirm, authenticate_cache: 5m}]",
            "5:77",
            "nobody authenticates",
        ),
        (
            "rules: [{id: a, match: {command: x}, decision: confirm, authenticate: approver}]",
            "5:71",
            "unknown value",
        ),
        ("thresholds: [{at: low, decision: allow}]", "5:34", "only ever makes a decision stricter"),
        ("tests: [{name: n, run: x, expect: {}}]", "5:35", "expects nothing"),
        ("tests: [{name: n, run: x, expect: {rules: [a]}}]", "5:44", "unknown rule"),
        ("rules: [", "", "policy.yaml:"),
        (
            "rules: [{id: a, match: {command: x, flag: {name: -n}}, decision: deny}]",
            "5:43",
            "compared with nothing",
        ),
    ] {
        let shown = refusal(&format!("{head}{rest}\n"));
        assert!(
            shown.contains(&format!("policy.yaml:{place}")) && shown.contains(part),
            "{rest}\n{shown}"
        );
    }
    for (text, part) in [
        ("version: 2\nname: t\n", "version \"2\" is not known"),
        ("name: t\n", "missing field `version`"),
        ("", "policy.yaml:1:1"),
        ("- a\n", "policy.yaml:1:1"),
        ("version: 1\nname: t\ndefaults: {decision: allow}\n", "would be allowed"),
        ("version: 1\nname: t\ndefaults: {decision: approve}\n", "nobody is named"),
        ("version: 1\nname: t\n---\nversion: 1\n", "more than one document"),
        ("version: 1\nname: \"\u{1b}[2J\"\n", "policy.yaml:2:8\n"),
    ] {
        let shown = refusal(text);
        assert!(shown.contains(part), "{text}\n{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn bombs_end_in_an_error_and_not_in_memory() {
    let mut laughs =
        "version: 1\nname: t\ndescription: &a xxxxxxxxxx\nx0: &x0 [*a, *a]\n".to_owned();
    for number in 1..40 {
        let before = number - 1;
        laughs.push_str(&format!("x{number}: &x{number} [*x{before}, *x{before}]\n"));
    }
    assert!(refusal(&laughs).contains("too large"));
    assert!(refusal(&"[".repeat(1 << 20)).contains("policy.yaml:"));
    assert!(refusal(&"#".repeat((1 << 20) + 1)).contains("larger than"));
}

struct Home {
    _kept: tempfile::TempDir,
    directories: Directories,
}

/// A state and a policy directory of a user (or of root, where the tests run as root).
fn home() -> Home {
    let kept = tempfile::tempdir().unwrap();
    let root = kept.path().canonicalize().unwrap();
    let directories = Directories {
        scope: Scope::here(),
        policy_file: root.join("policy.yaml"),
        policy_directory: Some(root.join("policy.d")),
        policy_chosen: false,
        state: root.join("state"),
    };
    fs::create_dir(&directories.state).unwrap();
    Home { _kept: kept, directories }
}

/// Writes a file whose last change is over long enough to be cached.
fn write_settled(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn files_beside_the_policy_add_rules_and_nothing_else() {
    let Home { directories, _kept } = home();
    write_settled(&directories.policy_file, PRODUCTION);
    let beside = directories.policy_directory.clone().unwrap();
    fs::create_dir(&beside).unwrap();
    let alone = Policy::load(&directories).unwrap();
    let further =
        "rules:\n  - {id: more, match: {command: x}, decision: approve, require: [{group: ops}]}\n";
    write_settled(&beside.join("10-more.yaml"), further);
    let both = Policy::load(&directories).unwrap();
    assert_eq!(both.counts().rules, alone.counts().rules + 1);
    assert_eq!(both.identity().sources.len(), 2);
    assert_ne!(both.identity().digest, alone.identity().digest);

    for (name, text, part) in [
        ("20.yaml", "defaults: {risk: low}\n", "unknown field \"defaults\""),
        (
            "20.yaml",
            "rules:\n  - {id: a, match: {command: x}, decision: approve, require: [{group: osp}]}\n",
            "20.yaml:2:71",
        ),
        (
            "20.yaml",
            "rules:\n  - {id: more, match: {command: x}, decision: deny}\n",
            "20.yaml:2:10",
        ),
        ("20.yml", "rules: []\n", "does not end in .yaml"),
    ] {
        let path = beside.join(name);
        write_settled(&path, text);
        let shown = Policy::load(&directories).unwrap_err().to_string();
        assert!(shown.contains(part), "{shown}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_policy_that_others_can_write_is_not_trusted_also_when_it_is_cached() {
    let Home { directories, _kept } = home();
    write_settled(&directories.policy_file, PRODUCTION);
    Policy::load(&directories).unwrap();
    fs::set_permissions(&directories.policy_file, fs::Permissions::from_mode(0o666)).unwrap();
    let shown = Policy::load(&directories).unwrap_err().to_string();
    assert!(shown.contains("chmod go-w"), "{shown}");
}

#[test]
fn a_missing_policy_is_an_error_in_system_scope_and_the_built_in_one_in_user_scope() {
    let Home { directories, _kept } = home();
    let missing = |scope, policy_chosen| {
        Policy::load(&Directories { scope, policy_chosen, ..directories.clone() })
    };
    assert!(missing(Scope::System, false).unwrap_err().to_string().contains("hitl init --system"));
    assert!(missing(Scope::User, true).unwrap_err().to_string().contains("does not exist"));
    let built_in = missing(Scope::User, false).unwrap();
    assert!(built_in.identity().sources.is_empty());
    // The second one comes from the cache.
    assert!(directories.policy_cache().exists());
    let again = missing(Scope::User, false).unwrap();
    assert_eq!(again.identity(), built_in.identity());
    assert_eq!(again.counts().rules, built_in.counts().rules);
    // What only tests need is not in the cache, and is there where the policy itself is looked at.
    assert_eq!(again.counts().tests, 0);
    let directories = Directories { scope: Scope::User, policy_chosen: false, ..directories };
    assert_eq!(Policy::load_whole(&directories).unwrap().counts(), built_in.counts());
}

#[test]
fn the_cache_holds_the_same_policy_and_a_damaged_one_is_ignored() {
    let Home { directories, _kept } = home();
    let directories = Directories { scope: Scope::User, ..directories };
    let load = || Policy::load(&directories).unwrap();
    let first = load();
    let cache = directories.policy_cache();
    let sound = fs::read(&cache).unwrap();
    for line in ["ls /etc", "rm -rf /", "git push --force", "make"] {
        assert_eq!(decide(&first, line), decide(&load(), line), "{line}");
    }
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for bytes in [&damaged[..], &sound[..sound.len() / 2], b"", b"\xff\n{}"] {
        fs::write(&cache, bytes).unwrap();
        assert_eq!(load().identity(), first.identity());
        assert_eq!(fs::read(&cache).unwrap(), sound, "it is written again");
    }
    // A change of what the cache says, with a digest that fits, is still not for this program.
    let text = String::from_utf8(sound.clone()).unwrap();
    let json = text.split_once('\n').unwrap().1.replacen("\"version\":\"", "\"version\":\"9", 1);
    let digest = crate::system::Digest::of(json.as_bytes());
    fs::write(&cache, format!("{digest}\n{json}")).unwrap();
    load();
    assert_eq!(fs::read(&cache).unwrap(), sound);
    // One that others could have written is not read at all.
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o666)).unwrap();
    load();
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn every_field_survives_the_cache() {
    let asks = "version: 1\nname: t\ndefaults: {decision: deny, authenticate: requester, \
                authenticate_cache: 5m}\n";
    for policy in [production(), load(asks).unwrap()] {
        let json = serde_json::to_string(policy.document()).unwrap();
        let again: crate::policy::Document = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
    }
    // And those of a rule, which is read by itself.
    let rule = "id: a\nmatch: {command: x}\ndecision: allow\nauthenticate: requester\n\
                authenticate_cache: 5m\n";
    let rule: crate::policy::Rule = serde_yaml::from_str(rule).unwrap();
    let json = serde_json::to_string(&rule).unwrap();
    assert!(json.contains("\"authenticate\":\"requester\"") && json.contains("300000ms"), "{json}");
    let again: crate::policy::Rule = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
}
