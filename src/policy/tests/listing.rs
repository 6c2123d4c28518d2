//! What a policy tells somebody about themselves.

use std::path::Path;

use super::load;
use crate::invocation::{Place, RequesterKind};
use crate::policy::{Conditions, Decision, Listing, Policy, Who};

fn policy(rules: &str) -> Policy {
    load(&format!(
        "version: 1\nname: t\ndefaults: {{require: [{{group: ops}}]}}\n\
         thresholds: [{{at: critical, decision: deny}}]\n\
         groups: [{{name: ops, users: [bob]}}]\n\
         requesters: [{{kind: ci, users: [deploy]}}]\n\
         hosts: [{{match: \"web-*\", labels: {{tier: web}}}}]\nrules:\n{rules}"
    ))
    .unwrap()
}

fn ask<T>(name: &str, kind: RequesterKind, what: impl FnOnce(&Who<'_>) -> T) -> T {
    let groups = ["sre".to_owned()];
    what(&Who { name, groups: &groups, kind, host: "web-1" })
}

fn listing(policy: &Policy, name: &str) -> Listing {
    ask(name, RequesterKind::Human, |who| policy.open_to(who))
}

#[test]
fn a_rule_is_listed_for_those_to_whom_it_can_apply() {
    for (people, alice, deploy) in [
        ("match: {command: x}", true, true),
        ("match: {command: x, users: [alice, bob]}", true, false),
        ("match: {command: x, users: [bob]}", false, false),
        ("match: {command: x, unix_groups: [sre]}", true, true),
        ("match: {command: x, unix_groups: [dba]}", false, false),
        ("match: {command: x, hosts: [\"web-*\"]}", true, true),
        ("match: {command: x, hosts: [\"db-*\"]}", false, false),
        ("match: {command: x, labels: {tier: web}}", true, true),
        ("match: {command: x, labels: {tier: db}}", false, false),
        // What they ask for is not known yet.
        ("match: {command: x, run_as: postgres, cwd: /srv}", true, true),
        // A restriction of people restricts programs too; an allow is for that kind only.
        ("match: {command: x, requester: human}", true, true),
        ("match: {command: x, requester: ci}", false, true),
        ("match: {command: x}\n    except: [{users: [alice]}]", false, true),
        ("match: {command: x}\n    except: [{users: [alice], args: [y]}]", true, true),
        ("match: {command: x}\n    except: [{users: [bob]}]", true, true),
    ] {
        for decision in ["allow", "confirm", "deny"] {
            let policy = policy(&format!("  - id: it\n    {people}\n    decision: {decision}\n"));
            let lenient_only = decision == "allow" && people.contains("requester: human");
            let deploy = deploy && !lenient_only;
            for (name, listed) in [("alice", alice), ("deploy", deploy)] {
                let found = !listing(&policy, name).rules.is_empty();
                assert_eq!(found, listed, "{people}, {decision}, {name}");
            }
        }
    }
}

#[test]
fn what_is_certain_counts_and_what_depends_on_the_command_is_said() {
    let policy = policy(
        "  - id: it\n    match: {command: x}\n    decision: confirm\n    raise:\n\
         \x20     - {when: {users: [alice]}, reason: alice}\n\
         \x20     - {when: {users: [carol]}, by: 3, reason: carol}\n\
         \x20     - {when: {args: [all, \"**\"]}, by: 2, reason: All of it.}\n\
         \x20     - {when: {cwd: /}, by: 1, reason: no difference}\n",
    );
    let rule = listing(&policy, "alice").rules.remove(0);
    assert_eq!((rule.needs.decision, rule.needs.risk.word()), (Decision::Confirm, "high"));
    let stricter: Vec<_> =
        rule.stricter.iter().map(|one| (one.reason.as_str(), one.decision)).collect();
    assert_eq!(
        stricter,
        [("All of it", Decision::Deny), ("no difference", Decision::Deny)],
        "from high, one step is critical"
    );
    let rule = listing(&policy, "bob").rules.remove(0);
    assert_eq!(rule.needs.risk.word(), "medium");
    let reasons: Vec<_> = rule.stricter.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["All of it"], "one step changes nothing for bob");
    assert_eq!(listing(&policy, "carol").rules.remove(0).needs.decision, Decision::Deny);
    let defaults = listing(&policy, "alice").defaults;
    assert_eq!((defaults.decision, defaults.requirements.len()), (Decision::Approve, 1));
}

#[test]
fn conditions_are_told_in_words_without_people() {
    for (conditions, words) in [
        ("{}", "any command"),
        ("{command: [a, /b, c]}", "a, /b or c"),
        ("{command: a, args: []}", "a without arguments"),
        ("{command: a, args: [x, \"**\"]}", "a with the arguments x **"),
        (
            "{flags_any: [-r, --all], flags_all: [-x, -y]}",
            "any command with -r or --all with -x and -y",
        ),
        ("{command: a, flags_only: []}", "a without flags"),
        ("{command: a, flags_only: [-l, \"-o {x,y}\"]}", "a with no flags but -l and -o {x,y}"),
        ("{command: a, flag: {name: -n, gt: 20, le: 1.5k}}", "a with -n > 20 and <= 1500"),
        (
            "{command: a, paths: [/x, /y/**], run_as: db, cwd: /srv}",
            "a on /x or /y/** as db in /srv",
        ),
        ("{command: a, users: bob, unix_groups: sre, hosts: h, requester: ci}", "a"),
    ] {
        let conditions: Conditions = serde_yaml::from_str(conditions).unwrap();
        assert_eq!(conditions.in_words(), words);
    }
}

#[test]
fn a_place_is_named_by_rules_that_let_somebody_go_there() {
    let policy = policy(
        "  - {id: a, match: {command: /opt/private/tool, users: [alice]}, decision: approve}\n\
         \x20 - {id: b, match: {command: \"/opt/all/*\"}, decision: allow}\n\
         \x20 - {id: c, match: {command: /opt/no/tool}, decision: deny}\n\
         \x20 - {id: d, match: {command: bare}, decision: confirm}\n\
         \x20 - {id: e, match: {users: [root-like]}, decision: allow}\n\
         \x20 - {id: f, match: {users: [asks], args: [x]}, decision: approve}\n\
         \x20 - {id: g, match: {command: y, cwd: /srv/private}, decision: confirm}\n",
    );
    for (name, command, named) in [
        ("alice", "/opt/private/tool", true),
        ("bob", "/opt/private/tool", false),
        ("alice", "/opt/private/other", false),
        ("bob", "/opt/all/x", true),
        ("bob", "/opt/all/x/y", false),
        ("bob", "/opt/no/tool", false),
        ("bob", "/usr/bin/bare", true),
        ("bob", "/opt/bare", false),
        ("root-like", "/opt/private/other", true),
        ("asks", "/opt/private/other", false),
    ] {
        let place = Place::Command(Path::new(command));
        let found = ask(name, RequesterKind::Human, |who| policy.names(who, place));
        assert_eq!(found, named, "{name} {command}");
    }
    for (name, directory, named) in
        [("bob", "/srv/private", true), ("bob", "/srv", false), ("root-like", "/srv", true)]
    {
        let place = Place::Directory(Path::new(directory));
        let found = ask(name, RequesterKind::Human, |who| policy.names(who, place));
        assert_eq!(found, named, "{name} {directory}");
    }
}
