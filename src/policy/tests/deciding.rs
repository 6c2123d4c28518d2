//! Decisions, as a policy's author expects them.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::invocation::{Access, DynamicFragment};
use crate::policy::{Confine, Decision, Enforcement, Risk, SnapshotFailure};

fn requirements(verdict: &Verdict) -> Vec<(&str, u32)> {
    verdict
        .requirements
        .iter()
        .map(|one| match &one.groups[..] {
            [group] => (group.as_str(), one.count),
            several => panic!("{several:?}"),
        })
        .collect()
}

#[test]
fn the_example_of_the_design_decides_as_it_says() {
    let policy = production();
    for (line, decision, risk, rules) in [
        ("systemctl status nginx", Decision::Allow, Risk::Low, &["service-status"][..]),
        ("/tmp/systemctl status nginx", Decision::Approve, Risk::High, &[]),
        ("systemctl status -Hroot@db", Decision::Approve, Risk::High, &[]),
        (
            "systemctl restart app-web.service",
            Decision::Approve,
            Risk::Medium,
            &["service-restart"],
        ),
        ("kubectl scale web --replicas 20", Decision::Confirm, Risk::Medium, &["scale-out"]),
        ("kubectl scale web --replicas 21", Decision::Approve, Risk::Critical, &["scale-out"]),
        ("kubectl scale web --replicas=many", Decision::Approve, Risk::Critical, &["scale-out"]),
        ("rm -rf /etc", Decision::Deny, Risk::Critical, &["no-recursive-delete-of-roots"]),
        ("/tmp/rm -rf /etc", Decision::Deny, Risk::Critical, &["no-recursive-delete-of-roots"]),
        ("rm -rf /etc /tmp/x", Decision::Deny, Risk::Critical, &["no-recursive-delete-of-roots"]),
        ("rm -rf /etc/app/cache", Decision::Approve, Risk::High, &[]),
    ] {
        let verdict = decide(&policy, line);
        let got = (verdict.decision, verdict.risk, verdict.rules.clone());
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        assert_eq!(got, (decision, risk, rules), "{line}");
    }
}

#[test]
fn reasons_are_sentences_that_a_reviewer_understands() {
    let policy = production();
    let verdict = decide(&policy, "kubectl scale web --replicas 21");
    assert_eq!(
        reasons(&verdict),
        [
            "rule scale-out matches (confirm, medium)",
            "risk raised to critical by 2: more than twenty replicas",
            "threshold: high risk needs ops ×1",
            "threshold: critical risk needs ops ×1 and security ×1 by touch",
        ]
    );
    let decisive = verdict.decisive.as_ref().map(|reason| reason.text.as_str());
    assert_eq!(decisive, Some("threshold: high risk needs ops ×1"));
    assert_eq!(requirements(&verdict), [("ops", 1), ("security", 1)]);
    let verdict = decide(&policy, "make install");
    assert_eq!(reasons(&verdict), ["no rule matches: the defaults apply (approve, high)"]);
}

#[test]
fn everything_that_a_rule_carries_is_in_the_verdict() {
    let policy = production();
    let verdict = decide(&policy, "systemctl restart app-web.service");
    assert_eq!(verdict.snapshot.paths, ["/etc/systemd/system/app-*", "/etc/app/**"]);
    assert_eq!(verdict.snapshot.max_size, Some(64 << 20));
    assert_eq!(verdict.snapshot.on_failure, SnapshotFailure::Deny);
    assert_eq!(verdict.undo.run, [["systemctl", "daemon-reload"]]);
    assert_eq!(verdict.approval_expiry, Duration::from_secs(900));
    assert_eq!(verdict.run_timeout, Some(Duration::from_secs(1800)));
    assert_eq!(verdict.environment.keep, ["LANG", "LC_*", "TERM"]);
    assert_eq!(verdict.environment.set, [("SYSTEMD_PAGER".to_owned(), "cat".to_owned())]);
    assert_eq!(verdict.notify, ["oncall"]);
    assert_eq!(requirements(&verdict), [("ops", 1)]);
}

#[test]
fn the_strictest_rule_wins_wherever_it_stands() {
    let rules = [
        "  - {id: a, match: {command: /usr/bin/x}, decision: allow, approval_expiry: 1h, notify: []}\n",
        "  - {id: b, match: {command: /usr/bin/x}, decision: approve, risk: low, require: [{group: ops}], approval_expiry: 5m}\n",
        "  - {id: c, match: {command: /usr/bin/x}, decision: confirm, risk: high, require: [{group: security}]}\n",
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let text: String = order.iter().map(|number| rules[*number]).collect();
        let verdict = decide(&with_rules(&text), "x");
        assert_eq!((verdict.decision, verdict.risk), (Decision::Approve, Risk::High));
        assert_eq!(requirements(&verdict), [("ops", 1), ("security", 1)]);
        assert_eq!(verdict.approval_expiry, Duration::from_secs(300));
    }
}

#[test]
fn no_few_bits_that_flip_turn_one_decision_into_another() {
    let all = [Decision::Allow, Decision::Confirm, Decision::Approve, Decision::Deny];
    assert!(all.is_sorted());
    for (number, one) in all.iter().enumerate() {
        assert!((*one as u32).count_ones() >= 12 && (*one as u32).count_zeros() >= 12);
        for other in &all[..number] {
            assert!((*one as u32 ^ *other as u32).count_ones() >= 12, "{one:?} {other:?}");
        }
    }
}

#[test]
fn the_strictest_word_on_confinement_wins_and_only_a_sure_rule_lifts_the_default() {
    let rule = |id: &str, command: &str, confine: &str| {
        let confine =
            if confine.is_empty() { String::new() } else { format!(", confine: {confine}") };
        format!("  - {{id: {id}, match: {{command: {command}}}, decision: confirm{confine}}}\n")
    };
    use Confine::{Off, Required, Wanted};
    for (defaults, first, second, command, expected) in [
        ("", "", "", "x", Off),
        ("", "true", "", "x", Wanted),
        ("", "true", "required", "x", Required),
        ("", "required", "false", "x", Required),
        ("true", "", "", "x", Wanted),
        ("required", "true", "", "x", Wanted),
        ("required", "false", "", "x", Off),
        ("true", "false", "required", "x", Required),
        // No rule matches: the default.
        ("required", "false", "false", "y", Required),
        // It could be meant and is not surely: it confines, and lifts nothing.
        ("", "required", "", "/tmp/x", Required),
        ("true", "false", "", "/tmp/x", Wanted),
        ("required", "true", "", "/tmp/x", Required),
    ] {
        let defaults =
            if defaults.is_empty() { String::new() } else { format!(", confine: {defaults}") };
        for order in [[0, 1], [1, 0]] {
            let rules = [rule("a", "/usr/bin/x", first), rule("b", "/usr/bin/x", second)];
            let rules: String = order.iter().map(|number| rules[*number].as_str()).collect();
            let text = format!(
                "version: 1\nname: t\ndefaults: {{require: [{{group: ops}}]{defaults}}}\n\
                 groups: [{{name: ops, users: [bob]}}]\nrules:\n{rules}"
            );
            let verdict = decide(&load(&text).unwrap(), command);
            assert_eq!(verdict.confine, expected, "{command} of {text}");
        }
    }
}

#[test]
fn a_rule_that_only_could_be_meant_is_never_more_lenient_than_none() {
    let policy = with_rules("  - {id: git, match: {command: /usr/bin/git}, decision: confirm}\n");
    assert_eq!(decide(&policy, "git push").decision, Decision::Confirm);
    let planted = decide(&policy, "/tmp/git push");
    assert_eq!(
        (planted.decision, &planted.rules[..]),
        (Decision::Approve, &["git".to_owned()][..])
    );
    let policy = with_rules(
        "  - {id: own, match: {command: rm, paths: [\"/srv/app/**\"]}, decision: confirm}\n",
    );
    assert_eq!(decide(&policy, "rm /srv/app/a /srv/app/b").decision, Decision::Confirm);
    assert_eq!(decide(&policy, "rm /srv/app/a /etc/passwd").decision, Decision::Approve);
}

#[test]
fn an_exception_holds_only_where_it_surely_does() {
    let policy = with_rules(
        "  - {id: apply, match: {command: kubectl}, except: [{flags_any: --dry-run}, {hosts: dev-*}], decision: deny}\n",
    );
    assert_eq!(decide(&policy, "kubectl apply").decision, Decision::Deny);
    assert_eq!(decide(&policy, "kubectl apply --dry-run").decision, Decision::Approve);
    assert_eq!(decide(&policy, "kubectl apply -o --dry-run").decision, Decision::Deny);
    let reading = read("kubectl apply", &policy);
    let on_dev = policy.decide(&Facts { host: "dev-3", ..facts(&reading) });
    assert_eq!(on_dev.decision, Decision::Approve);
}

#[test]
fn a_tree_that_holds_what_is_protected_is_protected() {
    let policy =
        with_rules("  - {id: keys, match: {command: rm, paths: /etc/ssh/**}, decision: deny}\n");
    for (line, decision) in [
        ("rm /etc/ssh/sshd_config", Decision::Deny),
        ("rm -r /etc/ssh", Decision::Deny),
        ("rm -r /", Decision::Deny),
        ("rm -r /etc/ssl", Decision::Approve),
        ("rm /etc/ssh", Decision::Approve),
    ] {
        assert_eq!(decide(&policy, line).decision, decision, "{line}");
    }
}

#[test]
fn an_allow_by_path_needs_both_forms_of_every_operand() {
    let policy = with_rules(
        "  - {id: logs, match: {command: /usr/bin/rm, paths: \"/var/log/app/*\"}, decision: allow}\n",
    );
    assert_eq!(decide(&policy, "rm /var/log/app/a").decision, Decision::Allow);
    assert_eq!(decide(&policy, "rm").decision, Decision::Approve);
    let mut reading = read("rm /var/log/app/a", &policy);
    reading.commands[0].operands[0].real = "/etc/passwd".into();
    assert_eq!(policy.decide(&facts(&reading)).decision, Decision::Approve);
}

#[test]
fn every_command_must_be_allowed_and_what_cannot_be_read_is_named() {
    let policy = production();
    let mut reading = read("systemctl status nginx", &policy);
    reading.commands.extend(read("rm -r /usr", &policy).commands);
    assert_eq!(policy.decide(&facts(&reading)).decision, Decision::Deny);

    let mut reading = read("systemctl status nginx", &policy);
    reading.dynamic.push(DynamicFragment {
        fragment: ByteString::from("$(x)"),
        reason: "the shell runs it as code".to_owned(),
    });
    let verdict = policy.decide(&facts(&reading));
    assert_eq!(verdict.decision, Decision::Approve);
    assert_eq!(requirements(&verdict), [("ops", 1)]);
    assert!(reasons(&verdict).contains(&"\"$(x)\" cannot be judged: the shell runs it as code"));

    let nothing = Reading::default();
    assert_eq!(policy.decide(&facts(&nothing)).decision, Decision::Approve);
}

#[test]
fn the_lists_of_requesters_only_make_it_stricter() {
    let policy = production();
    let none: &[String] = &[];
    assert_eq!(
        policy.requester_kind("svc-agent", none, RequesterKind::Human),
        RequesterKind::Agent
    );
    assert_eq!(
        policy.requester_kind("gitlab-runner", none, RequesterKind::Agent),
        RequesterKind::Agent
    );
    assert_eq!(policy.requester_kind("alice", none, RequesterKind::Ci), RequesterKind::Ci);
    let reading = read("systemctl restart app-web.service", &policy);
    let verdict = policy.decide(&Facts { requester_name: "svc-agent", ..facts(&reading) });
    assert_eq!((verdict.requester_kind, verdict.risk), (RequesterKind::Agent, Risk::High));
}

#[test]
fn labels_come_from_the_policy() {
    let policy = with_rules(
        "  - {id: x, match: {command: x}, decision: confirm, raise: [{when: {labels: {tier: production}}, by: 2, reason: r}]}\n\
         hosts: [{match: web-*, labels: {tier: production}}]\n",
    );
    assert_eq!(decide(&policy, "x").risk, Risk::Critical);
    let reading = read("x", &policy);
    assert_eq!(policy.decide(&Facts { host: "db-1", ..facts(&reading) }).risk, Risk::Medium);
}

#[test]
fn changing_hitl_itself_is_critical_and_never_autonomous() {
    let policy = with_rules("  - {id: any, match: {command: \"*\"}, decision: allow}\n");
    for (line, critical) in [
        ("vi /etc/hitl/policy.yaml", true),
        ("rm -r /etc", true),
        ("chmod -R a+w /var/lib", true),
        ("rm -r /etc/hitler", false),
        ("ls /etc", false),
    ] {
        let verdict = decide(&policy, line);
        let expected = if critical {
            (Risk::Critical, Decision::Confirm)
        } else {
            (Risk::Low, Decision::Allow)
        };
        assert_eq!((verdict.risk, verdict.decision), expected, "{line}");
    }
    let mut reading = read("cat /etc/hitl/policy.yaml", &policy);
    reading.commands[0].operands[0].access = Access::Reads;
    assert_eq!(policy.decide(&facts(&reading)).risk, Risk::Low);
}

#[test]
fn an_approval_that_nobody_can_give_is_said_to_be_one() {
    let text = "version: 1\nname: solo\ndefaults: {decision: approve}\n";
    let policy = Policy::from_text("p", text, Scope::User).unwrap();
    let verdict = policy.decide(&facts(&read("x", &policy)));
    assert!(verdict.nobody_can_approve());
    assert!(!decide(&production(), "x").nobody_can_approve());
}

#[test]
fn arguments_that_are_not_text_are_never_allowed_and_always_restricted() {
    let policy = with_rules(
        "  - {id: yes, match: {command: x, args: [\"a*\"]}, decision: allow}\n  - {id: no, match: {command: y, args: [\"a*\"]}, decision: deny, enforcement: soft}\n",
    );
    let odd = |command: &str| {
        let words = [ByteString::from(command), ByteString::from(b"a\xff".to_vec())];
        let reading = imagine(&words, Path::new("/"), policy.search_path());
        policy.decide(&facts(&reading))
    };
    assert_eq!(odd("x").decision, Decision::Approve);
    let denied = odd("y");
    assert_eq!(denied.decision, Decision::Deny);
    // The default's approve joins in, and a denial by a soft rule stays soft.
    assert_eq!(denied.enforcement, Enforcement::Soft);
}

#[test]
fn looking_like_an_agent_never_lifts_what_is_demanded_of_people() {
    let policy = with_rules(
        "  - {id: people, match: {command: x, requester: human}, decision: deny}\n  - {id: agents, match: {command: y, requester: agent}, decision: allow}\n",
    );
    let as_kind = |line: &str, kind| {
        let reading = read(line, &policy);
        policy.decide(&Facts { requester_kind: kind, ..facts(&reading) }).decision
    };
    for kind in [RequesterKind::Human, RequesterKind::Ci, RequesterKind::Agent] {
        assert_eq!(as_kind("x", kind), Decision::Deny);
    }
    assert_eq!(as_kind("y", RequesterKind::Human), Decision::Approve);
    assert_eq!(as_kind("y", RequesterKind::Agent), Decision::Allow);
}

#[test]
fn a_threshold_that_denies_is_hard_and_no_other_speaks_after_a_denial() {
    let policy = load(
        "version: 1\nname: t\ndefaults: {decision: confirm, risk: low}\n\
         groups: [{name: ops, users: [bob]}]\n\
         thresholds: [{at: high, decision: approve, require: [{group: ops}]}, {at: critical, decision: deny}]\n\
         rules:\n  - {id: soft, match: {command: x}, decision: deny, enforcement: soft, risk: high}\n  - {id: bad, match: {command: y}, decision: confirm, risk: critical}\n",
    )
    .unwrap();
    let soft = decide(&policy, "x");
    assert_eq!(soft.enforcement, Enforcement::Soft);
    assert_eq!(reasons(&soft), ["rule soft matches (deny, high)"]);
    let bad = decide(&policy, "y");
    assert_eq!((bad.decision, bad.enforcement), (Decision::Deny, Enforcement::Hard));
    assert!(bad.requirements.is_empty());
}

/// How long it is enough to have authenticated before, in seconds; `None`: nobody is asked.
fn asked(policy: &Policy, line: &str) -> Option<Option<u64>> {
    let asked = decide(policy, line).authenticate?;
    Some(asked.cache.map(|cache| cache.as_secs()))
}

#[test]
fn whoever_asks_authenticates_where_one_rule_says_so_and_the_shortest_time_counts() {
    let rules = |defaults: &str| {
        load(&format!(
            "version: 1\nname: t\ndefaults: {{decision: confirm, {defaults}}}\nrules:\n\
             - {{id: all, match: {{command: systemctl}}, decision: confirm}}\n\
             - {{id: long, match: {{command: systemctl, args: [start, a]}}, decision: allow, authenticate: requester, authenticate_cache: 1h}}\n\
             - {{id: short, match: {{command: systemctl, args: [\"*\", a]}}, decision: allow, authenticate: requester, authenticate_cache: 5m}}\n\
             - {{id: always, match: {{command: systemctl, args: [stop, a]}}, decision: allow, authenticate: requester}}\n\
             - {{id: none, match: {{command: systemctl, args: [\"{{status,stop}}\", \"*\"]}}, decision: allow, authenticate: none}}\n\
             - {{id: denied, match: {{command: systemctl, args: [mask, a]}}, decision: deny, authenticate: requester}}\n"
        ))
        .unwrap()
    };
    let plain = rules("risk: high");
    let asks = rules("authenticate: requester");
    let remembers = rules("authenticate: requester, authenticate_cache: 10m");
    for (line, without, with, with_time) in [
        // Two that ask: the shorter time.
        ("systemctl start a", Some(Some(300)), Some(Some(300)), Some(Some(300))),
        // One has no time and the defaults have none either; "none" lifts nothing that a rule asks.
        ("systemctl stop a", Some(None), Some(None), Some(Some(300))),
        // Only the defaults ask, and a rule surely lifts it.
        ("systemctl status b", None, None, None),
        // Only the defaults ask, and no rule says anything about it.
        ("systemctl reload b", None, Some(None), Some(Some(600))),
        ("cat x", None, Some(None), Some(Some(600))),
        // It could be meant, but is another file: the defaults count.
        ("/tmp/systemctl status b", None, Some(None), Some(Some(600))),
        // Who is refused is not asked.
        ("systemctl mask a", None, None, None),
    ] {
        assert_eq!(asked(&plain, line), without, "{line}");
        assert_eq!(asked(&asks, line), with, "{line}, asked by default");
        assert_eq!(asked(&remembers, line), with_time, "{line}, remembered by default");
    }
}

#[test]
fn an_undo_is_held_to_all_rules_that_could_be_meant_and_given_by_those_alone_that_surely_are() {
    let policy = with_rules(
        "  - {id: sure, match: {command: x}, decision: allow, undo_by: [ops], undo: {run: [a, b]}}\n\
         \x20 - {id: strict, match: {command: x}, decision: allow, undo: {require: [{group: ops}]}}\n\
         \x20 - {id: guess, match: {command: x, flags_any: [--recursive]}, decision: confirm, undo_by: [security], undo: {require: [{group: security}], run: [a, b]}}\n\
         \x20 - {id: nobody, match: {command: y}, decision: allow, undo_by: []}\n",
    );
    let require = |verdict: &Verdict| -> Vec<String> {
        verdict.undo.require.iter().map(|one| one.groups.join(",")).collect()
    };
    let verdict = decide(&policy, "x");
    assert_eq!(
        (&verdict.undo.by[..], &require(&verdict)[..]),
        (&["ops".to_owned()][..], &["ops".to_owned()][..])
    );
    assert_eq!(verdict.undo.rules, ["strict"]);
    // Abbreviated, the flag could be meant.
    let verdict = decide(&policy, "x --recurs");
    assert_eq!(verdict.undo.by, ["ops"]);
    assert_eq!(require(&verdict), ["ops", "security"]);
    assert_eq!(verdict.undo.rules, ["strict", "guess"]);
    assert_eq!(verdict.undo.run, [["a", "b"]]);
    assert_eq!(decide(&policy, "x --recursive").undo.by, ["ops", "security"]);
    assert!(decide(&policy, "y").undo.by.is_empty());

    let defaults = load(
        "version: 1\nname: t\ndefaults: {require: [{group: ops}], undo_by: [ops]}\n\
         groups: [{name: ops, users: [bob]}]\nrules:\n\
         \x20 - {id: nobody, match: {command: y}, decision: allow, undo_by: []}\n",
    )
    .unwrap();
    assert_eq!(decide(&defaults, "x").undo.by, ["ops"]);
    assert!(decide(&defaults, "y").undo.by.is_empty());
}
