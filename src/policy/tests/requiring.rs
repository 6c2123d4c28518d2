//! Who must approve: how it is written, what is refused, and what comes of several sources.

use super::*;
use crate::policy::{Presence, Requirement};

fn requirement(groups: &[&str], count: u32, presence: Presence) -> Requirement {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Requirement { groups, count, presence }
}

#[test]
fn what_is_wrong_with_a_requirement_is_refused_at_its_place() {
    let head = "version: 1\nname: t\ndefaults: {require: [{group: ops}]}\n\
                groups: [{name: ops, users: [bob]}]\n";
    for (rest, place, part) in [
        (
            "thresholds: [{at: high, decision: approve, require: [{count: 1}]}]",
            "5:54",
            "any_of: [ID",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{group: ops, any_of: [ops]}]}]",
            "5:75",
            "either group or any_of",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{any_of: []}]}]",
            "5:63",
            "names no group",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{any_of: }]}]",
            "5:",
            "names no group",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{any_of: [ops, opps]}]}]",
            "5:69",
            "did you mean \"ops\"?",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{any_of: [ops, ops]}]}]",
            "5:69",
            "named twice",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{anyof: [ops]}]}]",
            "5:55",
            "did you mean \"any_of\"?",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{group: ops, presence: tuch}]}]",
            "5:77",
            "did you mean \"touch\"?",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{group: ops, count: 0}]}]",
            "5:74",
            "ask for 1 to 100",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{group: ops}, {any_of: [ops]}]}]",
            "5:77",
            "required twice",
        ),
        (
            "thresholds: [{at: high, decision: approve, require: [{any_of: [ops], count: 2}]}]",
            "5:54",
            "has 1 member(s)",
        ),
        (
            "tests: [{name: t, run: x, expect: {approvals: {\"ops or opps\": 1}}}]",
            "5:",
            "did you mean \"ops\"?",
        ),
        (
            "tests: [{name: t, run: x, expect: {approvals: {\"ops by tuch\": 1}}}]",
            "5:",
            "write uid, key, touch or verify",
        ),
        (
            "tests: [{name: t, run: x, expect: {approvals: {\"ops and dba\": 1}}}]",
            "5:",
            "ops or dba",
        ),
    ] {
        let refused = load(&format!("{head}{rest}\n")).unwrap_err().to_string();
        assert!(refused.contains(&format!("policy.yaml:{place}")), "{rest}: {refused}");
        assert!(refused.contains(part), "{rest}: {refused}");
    }
}

#[test]
fn a_quorum_that_no_choice_of_people_fulfils_is_refused() {
    let groups = "groups:\n\
                  - {name: ops, users: [bob, carol]}\n\
                  - {name: dba, users: [bob, carol]}\n\
                  - {name: security, users: [dave, erin, frank]}\n\
                  - {name: everybody, unix_groups: [users]}\n";
    let loaded = |require: &str| {
        load(&format!(
            "version: 1\nname: t\ndefaults: {{decision: approve, require: [{require}]}}\n{groups}"
        ))
    };
    for require in [
        "{group: ops}, {group: dba}",
        "{any_of: [ops, security], count: 5}",
        "{any_of: [ops, everybody], count: 50}",
        "{group: ops, count: 2}, {any_of: [ops, security], count: 3}",
        "{group: everybody, count: 9}, {group: ops, count: 2}",
    ] {
        assert!(loaded(require).is_ok(), "{require}: {:?}", loaded(require));
    }
    for (require, part) in [
        ("{any_of: [ops, dba], count: 3}", "by \"ops\" or \"dba\", which has 2 member(s)"),
        ("{group: everybody}, {group: ops, count: 3}", "by \"ops\", which has 2 member(s)"),
        ("{group: ops, count: 2}, {group: dba}", "3 different people must approve"),
        // security has people enough for all, and they are not those who are asked.
        (
            "{group: ops, count: 2}, {any_of: [dba, ops]}, {group: security}",
            "3 different people must approve, and the groups have 2 together",
        ),
        ("{group: ops}, {group: dba}, {any_of: [dba, ops], count: 1}", "3 different people"),
        ("{group: everybody}, {group: ops, count: 2}, {group: dba}", "3 different people"),
    ] {
        let refused = loaded(require).unwrap_err().to_string();
        assert!(refused.contains(part), "{require}: {refused}");
    }
}

#[test]
fn of_the_same_groups_the_most_counts_and_of_different_ones_all() {
    use Presence::{Key, Touch, Uid, Verify};
    let verdict = |rules: [&str; 2]| {
        let rule = |(id, require): (&str, &str)| {
            format!(
                "  - {{id: {id}, match: {{command: x}}, decision: approve, risk: low, require: [{require}]}}\n"
            )
        };
        let text = format!(
            "version: 1\nname: t\ngroups:\n\
             - {{name: ops, unix_groups: [ops]}}\n\
             - {{name: dba, unix_groups: [dba]}}\n\
             - {{name: security, unix_groups: [security], presence: touch}}\n\
             defaults: {{require: [{{group: ops}}]}}\n\
             rules:\n{}{}",
            rule(("a", rules[0])),
            rule(("b", rules[1]))
        );
        decide(&load(&text).unwrap(), "x").requirements
    };
    for (one, other, expected) in [
        (
            "{group: ops, count: 2}",
            "{group: ops, presence: key}",
            vec![requirement(&["ops"], 2, Key)],
        ),
        (
            "{any_of: [ops, dba]}",
            "{any_of: [dba, ops], count: 3, presence: touch}",
            vec![requirement(&["dba", "ops"], 3, Touch)],
        ),
        ("{any_of: [ops]}", "{group: ops, count: 2}", vec![requirement(&["ops"], 2, Uid)]),
        (
            "{any_of: [ops, dba]}",
            "{group: ops}, {group: dba}",
            vec![
                requirement(&["dba"], 1, Uid),
                requirement(&["dba", "ops"], 1, Uid),
                requirement(&["ops"], 1, Uid),
            ],
        ),
        // The strictest of its own presence and that of all its groups, for everybody.
        (
            "{group: security}",
            "{any_of: [security, ops], presence: key}",
            vec![requirement(&["ops", "security"], 1, Touch), requirement(&["security"], 1, Touch)],
        ),
        (
            "{group: security, presence: uid}",
            "{group: security, presence: verify}",
            vec![requirement(&["security"], 1, Verify)],
        ),
    ] {
        assert_eq!(verdict([one, other]), expected, "{one} with {other}");
        assert_eq!(verdict([other, one]), expected, "{other} with {one}");
    }
}

#[test]
fn reasons_and_sentences_name_groups_and_what_is_more_than_a_login() {
    let text = "version: 1\nname: t\n\
                groups: [{name: ops, users: [bob]}, {name: dba, users: [carol]}, {name: all, unix_groups: [all]}]\n\
                defaults: {require: [{group: ops}]}\n\
                thresholds: [{at: high, decision: approve, require: [{group: ops}, {any_of: [ops, dba, all], presence: touch}]}]\n";
    let verdict = decide(&load(text).unwrap(), "x");
    let reason = "threshold: high risk needs ops ×1 and all, dba or ops ×1 by touch";
    assert!(reasons(&verdict).contains(&reason), "{:?}", reasons(&verdict));
    assert_eq!(
        crate::policy::required_in_words(&verdict.requirements),
        "1 of group all, dba or ops by touch and 1 of group ops"
    );
}

#[test]
fn a_test_says_in_words_whom_it_expects() {
    let outcome = |approvals: &str| {
        let text = format!(
            "version: 1\nname: t\n\
             groups: [{{name: ops, users: [bob]}}, {{name: dba, users: [carol]}}]\n\
             defaults: {{require: [{{group: ops}}, {{any_of: [ops, dba], presence: key}}]}}\n\
             tests: [{{name: t, run: x, expect: {{approvals: {{{approvals}}}}}}}]\n"
        );
        load(&text).unwrap().run_tests().remove(0).differences
    };
    for fine in
        ["ops: 1, ops or dba: 1", "dba or ops: 1, ops: 1", "ops by uid: 1, dba or ops by key: 1"]
    {
        assert_eq!(outcome(fine), Vec::<String>::new(), "{fine}");
    }
    for wrong in
        ["ops: 1", "ops: 2, ops or dba: 1", "ops by key: 1, ops or dba: 1", "ops: 1, dba: 1"]
    {
        assert_eq!(outcome(wrong).len(), 1, "{wrong}");
    }
    assert_eq!(
        outcome("ops: 1, ops or dba by touch: 2"),
        ["expected approvals by dba or ops ×2 by touch, ops ×1, got dba or ops ×1 by key, ops ×1"]
    );
}

#[test]
fn what_the_cache_keeps_of_a_requirement_reads_as_the_same() {
    use crate::policy::{ExpectedApprovers, Require};
    for text in ["{group: ops}", "{any_of: [ops, dba], count: 2, presence: touch}"] {
        let require: Require = serde_yaml::from_str(text).unwrap();
        let written = serde_json::to_string(&require).unwrap();
        assert_eq!(serde_json::from_str::<Require>(&written).unwrap(), require, "{written}");
    }
    for text in ["ops", "dba or ops", "dba or ops by verify"] {
        let expected = ExpectedApprovers::try_from(text.to_owned()).unwrap();
        assert_eq!(String::from(expected), text);
    }
}
