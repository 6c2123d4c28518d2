//! Properties that hold for every policy and command.

use proptest::prelude::*;

use super::*;
use crate::policy::Decision;

fn command() -> impl Strategy<Value = String> {
    let program = prop::sample::select(vec!["rm", "/tmp/rm", "systemctl", "ls", "kubectl"]);
    let token = prop::sample::select(vec![
        "-r",
        "-rf",
        "--",
        "--recurs",
        "/etc",
        "/",
        "/srv/app",
        "restart",
        "app-web",
        "--replicas=3",
    ]);
    (program, prop::collection::vec(token, 0..4))
        .prop_map(|(program, tokens)| format!("{program} {}", tokens.join(" ")))
}

fn conditions() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "command: rm",
        "command: /usr/bin/rm",
        "command: /usr/bin/systemctl, args: [restart, '**']",
        "command: '*'",
        "paths: /etc",
        "command: rm, flags_any: [-r, --recursive]",
        "command: rm, paths: [/srv/**, /srv]",
        "flag: {name: --replicas, gt: 2}",
        "users: alice",
        "flags_all: [-r], hosts: web-*",
    ])
    .prop_map(str::to_owned)
}

fn rule(decisions: &'static [&'static str]) -> impl Strategy<Value = String> {
    (conditions(), prop::sample::select(decisions), prop::sample::select(vec!["high", "critical"]))
        .prop_map(|(conditions, decision, risk)| {
            format!("match: {{{conditions}}}, decision: {decision}, risk: {risk}")
        })
}

fn numbered(rules: &[String]) -> String {
    rules
        .iter()
        .enumerate()
        .map(|(number, rule)| format!("  - {{id: r{number}, {rule}}}\n"))
        .collect()
}

proptest! {
    #[test]
    fn no_change_to_a_policy_makes_the_loader_panic(
        at in 0..PRODUCTION.len(),
        cut in 0..40_usize,
        put in "[-a-z:{}\\[\\]\"'&*!|>%@ \n\t0-9\u{0}é]{0,12}",
    ) {
        let start = (0..=at).rev().find(|at| PRODUCTION.is_char_boundary(*at)).unwrap_or(0);
        let end = (start + cut..=PRODUCTION.len())
            .find(|at| PRODUCTION.is_char_boundary(*at))
            .unwrap_or(PRODUCTION.len());
        let text = format!("{}{put}{}", &PRODUCTION[..start], &PRODUCTION[end..]);
        if let Err(error) = load(&text) {
            prop_assert!(error.to_string().contains("policy.yaml:"), "{error}");
        }
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        let _ = load(&text);
    }

    #[test]
    fn a_further_restriction_never_makes_a_decision_more_lenient(
        rules in prop::collection::vec(rule(&["allow", "confirm", "approve", "deny"]), 0..4),
        further in rule(&["approve", "deny"]),
        line in command(),
    ) {
        let before = decide(&with_rules(&numbered(&rules)), &line);
        let mut more = rules;
        more.push(further);
        let after = decide(&with_rules(&numbered(&more)), &line);
        prop_assert!(after.decision >= before.decision);
        prop_assert!(after.risk >= before.risk);
    }

    #[test]
    fn no_arguments_make_deciding_panic_or_get_round_the_defaults(
        rule in rule(&["allow", "confirm"]),
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..4),
        program in prop::sample::select(vec!["rm", "/usr/bin/rm", "/tmp/rm"]),
    ) {
        let policy = with_rules(&numbered(&[rule]));
        let odd = words.into_iter().map(ByteString::from);
        let argv: Vec<_> = std::iter::once(ByteString::from(program)).chain(odd).collect();
        let reading = imagine(&argv, Path::new("/srv"), policy.search_path());
        let verdict = policy.decide(&facts(&reading));
        // Nothing less than the defaults without a rule that says so.
        prop_assert!(verdict.decision >= Decision::Approve || verdict.rules == ["r0"]);
    }

    #[test]
    fn a_further_allow_never_lifts_a_denial(
        rules in prop::collection::vec(rule(&["confirm", "deny"]), 1..4),
        further in rule(&["allow"]),
        line in command(),
    ) {
        let before = decide(&with_rules(&numbered(&rules)), &line);
        let mut more = rules;
        more.push(further);
        let after = decide(&with_rules(&numbered(&more)), &line);
        if before.decision == Decision::Deny {
            prop_assert_eq!(after.decision, Decision::Deny);
        }
    }
}
