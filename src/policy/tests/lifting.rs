//! Soft denials that are lifted: what else the policy says counts as before.

use super::{decide, facts, load, read};
use crate::policy::{Decision, Enforcement, Policy, Presence, Requirement, Risk, Verdict};

const POLICY: &str = "\
version: 1
name: t
defaults: {require: [{group: ops}]}
break_glass: {groups: [ops], review_within: 2h}
groups: [{name: ops, users: [bob]}, {name: security, users: [carol]}]
thresholds: [{at: critical, decision: approve, require: [{group: security}]}]
rules:
  - {id: freeze, match: {command: deploy}, decision: deny, enforcement: soft, risk: critical}
  - {id: schema, match: {command: deploy, args: ['**', migrate]}, decision: approve, require: [{group: security}]}
  - {id: disks, match: {command: deploy, args: ['**', wipe]}, decision: deny}
  - {id: asks, match: {command: deploy, args: ['**', keys]}, decision: confirm, authenticate: requester}
  - {id: risky, match: {command: deploy, args: ['**', mesh]}, decision: allow, risk: critical}
";

fn lifted(line: &str) -> Verdict {
    let policy = load(POLICY).unwrap();
    policy.decide_lifting_soft_denials(&facts(&read(line, &policy)))
}

#[test]
fn a_denial_that_is_all_there_is_is_lifted_and_its_risk_is_still_shown() {
    let denied = decide(&load(POLICY).unwrap(), "deploy web");
    assert_eq!((denied.decision, denied.enforcement), (Decision::Deny, Enforcement::Soft));
    assert_eq!(denied.denied_by, ["freeze"]);
    let verdict = lifted("deploy web");
    assert_eq!((verdict.decision, verdict.risk), (Decision::Allow, Risk::Critical));
    assert_eq!(verdict.rules, ["freeze"]);
    assert_eq!(verdict.denied_by, ["freeze"]);
}

#[test]
fn what_other_rules_thresholds_and_defaults_demand_is_demanded_all_the_same() {
    let security =
        [Requirement { groups: vec!["security".into()], count: 1, presence: Presence::Uid }];
    let migrate = lifted("deploy migrate");
    assert_eq!(migrate.decision, Decision::Approve);
    assert_eq!(migrate.requirements, security);
    // The rule's own risk, not that of the denial, reaches the threshold.
    let mesh = lifted("deploy mesh");
    assert_eq!((mesh.decision, &mesh.requirements[..]), (Decision::Approve, &security[..]));
    let asks = lifted("deploy keys");
    assert_eq!(asks.decision, Decision::Confirm);
    assert!(asks.authenticate.is_some());
    assert_eq!(lifted("deploy wipe").decision, Decision::Deny);
    assert_eq!(lifted("other").decision, Decision::Approve);
    assert_eq!(lifted("other").denied_by, Vec::<String>::new());
}

#[test]
fn what_cannot_be_read_still_needs_a_human() {
    let policy = load(&POLICY.replace("command: deploy}", "command: sh}")).unwrap();
    let reading = read("sh -c $0", &policy);
    assert!(!reading.dynamic.is_empty());
    assert_eq!(policy.decide(&facts(&reading)).decision, Decision::Deny);
    let verdict = policy.decide_lifting_soft_denials(&facts(&reading));
    assert_eq!(verdict.decision, Decision::Approve);
}

#[test]
fn a_threshold_that_denies_what_is_left_is_not_lifted() {
    let text =
        POLICY.replace("decision: approve, require: [{group: security}]}]", "decision: deny}]");
    let policy = load(&text).unwrap();
    let verdict = policy.decide_lifting_soft_denials(&facts(&read("deploy mesh", &policy)));
    assert_eq!((verdict.decision, verdict.enforcement), (Decision::Deny, Enforcement::Hard));
    let denied = decide(&policy, "deploy web");
    assert_eq!((denied.decision, denied.enforcement), (Decision::Deny, Enforcement::Hard));
}

#[test]
fn who_may_lift_and_who_reviews_stands_in_the_policy() {
    let emergency = load(POLICY).unwrap().emergency().unwrap();
    assert_eq!(emergency.groups, ["ops"]);
    assert_eq!(emergency.reviewers, ["ops"]);
    assert_eq!(emergency.review_within.as_secs(), 7200);
    let text = POLICY.replace(
        "break_glass: {groups: [ops], review_within: 2h}",
        "break_glass: {groups: [security]}",
    );
    let emergency = load(&text).unwrap().emergency().unwrap();
    assert_eq!(emergency.reviewers, ["ops", "security"]);
    assert_eq!(emergency.review_within.as_secs(), 24 * 3600);
    let without = POLICY.replace("break_glass: {groups: [ops], review_within: 2h}\n", "");
    assert_eq!(load(&without).unwrap().emergency(), None::<crate::policy::Emergency>);
}

#[test]
fn a_rule_that_cannot_be_read_denies_for_good() {
    // As decide() does where the cache holds a rule that does not parse.
    let policy: Policy = load(POLICY).unwrap();
    let mut judgement = crate::policy::verdict::Judgement::new(
        policy.document(),
        crate::invocation::RequesterKind::Human,
        crate::policy::verdict::Lifting::SoftDenials,
    );
    judgement.deny_for_good();
    let verdict = judgement.finish();
    assert_eq!((verdict.decision, verdict.enforcement), (Decision::Deny, Enforcement::Hard));
}
