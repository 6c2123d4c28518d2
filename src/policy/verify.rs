//! A policy's own promises: the examples of its rules, checked at every load, and its tests.
//!
//! Both are judged on an imagined machine, on which every command exists wherever it could and
//! nothing is a link, so that they mean the same on every host.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::compiled::Policy;
use super::diagnostic::Diagnostic;
use super::document::{Test, TestSituation};
use super::locate::Step::{self, Element, Key};
use super::matching::{Leaning, World, rule_matches};
use super::read::ReadDocument;
use super::require::{ExpectedApprovers, Requirement};
use super::rule::Rule;
use super::tables::Counts;
use super::words::CommandText;
use super::{Authenticate, Decision, Facts, UndoLevel, Verdict};
use crate::invocation::{Imagined, RequesterKind, imagine};
use crate::system::text::visible_command;

/// What came of one test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestOutcome {
    /// The test's name.
    pub name: String,
    /// The command, for people.
    pub command: String,
    /// What was expected and what came, a sentence each. Empty: the test passed.
    pub differences: Vec<String>,
    /// Why it came so, for people.
    pub reasons: Vec<String>,
}

impl TestOutcome {
    /// Whether what was expected came.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Checks the examples of all rules; the first that does not hold is the error.
pub(super) fn check_examples(read: &ReadDocument, search: &[PathBuf]) -> Result<(), Diagnostic> {
    for (number, rule) in read.document.rules.iter().enumerate() {
        let Some(examples) = &rule.examples else { continue };
        let both = [("match", &examples.matches, true), ("not_match", &examples.not_match, false)];
        for (key, commands, expected) in both {
            for (index, command) in commands.iter().enumerate() {
                if matches_example(rule, command, search) != expected {
                    let place: [Step; 5] =
                        [Key("rules"), Element(number), Key("examples"), Key(key), Element(index)];
                    let (verb, help) = if expected {
                        ("does not match", would_match(rule))
                    } else {
                        ("matches", "make the rule narrower, or move the example to \"match\"")
                    };
                    let message = format!("rule {} {verb} its own example", rule.id.as_str());
                    return Err(read.wrong(&place, message, Some(help.to_owned())));
                }
            }
        }
    }
    Ok(())
}

fn would_match(rule: &Rule) -> &'static str {
    if rule.decision == Decision::Allow {
        "an allow holds only where it surely matches: the command must be found in the search path under the rule's path, and all operands must match \"paths\""
    } else {
        "make the rule wider, or move the example to \"not_match\""
    }
}

/// Whether a rule matches an example: for the command line alone.
fn matches_example(rule: &Rule, command: &CommandText, search: &[PathBuf]) -> bool {
    let leaning = match rule.decision {
        Decision::Allow => Leaning::Lenient,
        _ => Leaning::Restrictive,
    };
    let world = World { search, lookup: &Imagined };
    imagine(&command.arguments(), Path::new("/"), search)
        .commands
        .iter()
        .any(|command| rule_matches(rule, command, None, world, leaning))
}

impl Policy {
    /// Runs the policy's own tests.
    pub fn run_tests(&self) -> Vec<TestOutcome> {
        self.document().tests.iter().map(|test| self.run_test(test)).collect()
    }

    /// The ids of the rules that no example and no test hits, in the order of the policy.
    pub fn coverage(&self) -> Vec<String> {
        let hit: Vec<String> =
            self.document().tests.iter().flat_map(|test| self.decide_test(test).rules).collect();
        self.rules()
            .iter()
            .flatten()
            .filter(|rule| rule.examples.as_ref().is_none_or(|both| both.matches.is_empty()))
            .map(|rule| rule.id.as_str().to_owned())
            .filter(|id| !hit.contains(id))
            .collect()
    }

    fn run_test(&self, test: &Test) -> TestOutcome {
        let verdict = self.decide_test(test);
        TestOutcome {
            name: test.name.as_str().to_owned(),
            command: visible_command(&words(&test.run)),
            differences: differences(test, &verdict),
            reasons: verdict.reasons.into_iter().map(|reason| reason.text).collect(),
        }
    }

    fn decide_test(&self, test: &Test) -> Verdict {
        let TestSituation { user, groups, requester, host, labels, cwd, run_as } = &test.situation;
        let directory = cwd.as_ref().map_or(Path::new("/"), |cwd| cwd.as_path());
        let groups: Vec<String> = groups.iter().map(|group| group.as_str().to_owned()).collect();
        self.decide(&Facts {
            reading: &imagine(&test.run.arguments(), directory, self.search_path()),
            requester_name: user.as_ref().map_or("someone", |user| user.as_str()),
            requester_groups: &groups,
            requester_kind: requester.unwrap_or(RequesterKind::Human),
            host: host.as_ref().map_or("somewhere", |host| host.as_str()),
            labels: &labels.0,
            directory,
            run_as: run_as.as_ref().map_or("root", |name| name.as_str()),
            paths: &Imagined,
        })
    }
}

fn words(command: &CommandText) -> Vec<Vec<u8>> {
    command.arguments().iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn differences(test: &Test, verdict: &Verdict) -> Vec<String> {
    let expect = &test.expect;
    let mut found = Vec::new();
    if let Some(decision) = expect.decision.filter(|one| *one != verdict.decision) {
        let got = verdict.decision.word();
        found.push(format!("expected the decision {}, got {got}", decision.word()));
    }
    if let Some(risk) = expect.risk.filter(|one| *one != verdict.risk) {
        found.push(format!("expected {} risk, got {}", risk.word(), verdict.risk.word()));
    }
    if let Some(confine) = expect.confine.filter(|one| *one != verdict.confine) {
        let got = verdict.confine.word();
        found.push(format!("expected confine: {}, got {got}", confine.word()));
    }
    if let Some(level) = expect.undo.filter(|one| Some(*one) != verdict.undo_level) {
        let got = verdict.undo_level.map_or("none", UndoLevel::word);
        found.push(format!("expected undo: {}, got {got}", level.word()));
    }
    if let Some(rules) = &expect.rules {
        let mut expected: Vec<&str> = rules.iter().map(|id| id.as_str()).collect();
        let mut got: Vec<&str> = verdict.rules.iter().map(String::as_str).collect();
        expected.sort_unstable();
        got.sort_unstable();
        if expected != got {
            found.push(format!("expected the rules {}, got {}", list(&expected), list(&got)));
        }
    }
    let asked = match verdict.authenticate {
        Some(_) => Authenticate::Requester,
        None => Authenticate::None,
    };
    if let Some(expected) = expect.authenticate.filter(|one| *one != asked) {
        let (expected, got) = (expected.word(), asked.word());
        found.push(format!("expected authentication of {expected}, got {got}"));
    }
    if let Some(approvals) = &expect.approvals {
        found.extend(other_approvals("approvals", approvals, &verdict.requirements));
    }
    if let Some(groups) = &expect.undo_by {
        let expected: BTreeSet<&str> = groups.iter().map(|id| id.as_str()).collect();
        let got: BTreeSet<&str> = verdict.undo.by.iter().map(String::as_str).collect();
        if expected != got {
            let (expected, got) = (Vec::from_iter(expected), Vec::from_iter(got));
            found.push(format!("expected an undo by {}, got {}", list(&expected), list(&got)));
        }
    }
    if let Some(approvals) = &expect.undo_approvals {
        found.extend(other_approvals("approvals of an undo", approvals, &verdict.undo.require));
    }
    found
}

/// How those who must approve differ from those who are expected to.
fn other_approvals(what: &str, expected: &Counts, got: &[Requirement]) -> Option<String> {
    let mut expected = expected.0.clone();
    expected.sort();
    let as_expected = |(who, count): &(ExpectedApprovers, u32), one: &Requirement| {
        who.are_those_of(one) && *count == one.count
    };
    if expected.len() == got.len() && expected.iter().zip(got).all(|(a, b)| as_expected(a, b)) {
        return None;
    }
    let expected: Vec<String> =
        expected.into_iter().map(|(who, count)| who.in_short(count)).collect();
    let got: Vec<String> = got.iter().map(Requirement::in_short).collect();
    Some(format!("expected {what} by {}, got {}", list(&expected), list(&got)))
}

fn list<T: AsRef<str>>(words: &[T]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
    }
}
