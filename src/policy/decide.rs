//! The decision on one set of facts.
//!
//! 1. Every command that was read is judged by all rules that are about it. Restrictions count
//!    where they could be meant, allows only where they surely are.
//! 2. Where no rule is *surely* about a command, the defaults count too: a rule that could be meant
//!    must never be more lenient than none.
//! 3. What changes hitl itself is critical, whatever the policy says.
//! 4. Thresholds turn the risk into a decision; they never make one more lenient.
//! 5. What cannot be read is never below `approve`. The commands that are found in it all the same
//!    are judged by rules that restrict: whatever these demand, a shell around it does not lift.

use std::path::Path;

use super::compiled::Policy;
use super::matching::{Leaning, Situation, World, rule_matches};
use super::protected::Protected;
use super::verdict::{Judgement, Lifting};
use super::{DYNAMIC_FLOOR, Decision, Facts, Reason, Risk, Verdict, dynamic_reason};
use crate::invocation::CommandReading;
use crate::system::text::visible_command;

impl Policy {
    /// Decides on a command: a function of the policy and these facts, and of nothing else.
    pub fn decide(&self, facts: &Facts<'_>) -> Verdict {
        self.decide_with(facts, Lifting::Nothing)
    }

    /// What the policy still says about a command once its soft denials are lifted: what other rules,
    /// the defaults, the thresholds (for the risk beside that of the lifted rules) and the floor for
    /// what cannot be read demand, is demanded all the same.
    pub fn decide_lifting_soft_denials(&self, facts: &Facts<'_>) -> Verdict {
        self.decide_with(facts, Lifting::SoftDenials)
    }

    fn decide_with(&self, facts: &Facts<'_>, lifting: Lifting) -> Verdict {
        let kind =
            self.requester_kind(facts.requester_name, facts.requester_groups, facts.requester_kind);
        let situation = self.situation(facts, kind);
        let world = World { search: self.search_path(), lookup: facts.paths };
        let mut judgement = Judgement::new(self.document(), kind, lifting);
        let commands = &facts.reading.commands;
        for command in commands {
            self.judge(command, &situation, world, commands.len() > 1, &mut judgement);
        }
        if commands.is_empty() {
            judgement.defaults_apply("no command could be read".to_owned());
        }
        for command in &facts.reading.inner {
            self.restrict(command, &situation, world, &mut judgement);
        }
        for command in commands.iter().chain(&facts.reading.inner) {
            self.protect(command, &mut judgement);
        }
        judgement.apply_thresholds();
        for fragment in &facts.reading.dynamic {
            judgement.at_least(DYNAMIC_FLOOR);
            judgement.add_reason(DYNAMIC_FLOOR, dynamic_reason(fragment));
        }
        judgement.finish()
    }

    fn situation<'a>(
        &'a self,
        facts: &Facts<'a>,
        kind: crate::invocation::RequesterKind,
    ) -> Situation<'a> {
        let given = facts.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let labels = self.labels_of(facts.host).chain(given).collect();
        Situation {
            user: facts.requester_name,
            groups: facts.requester_groups,
            kind,
            host: facts.host,
            labels,
            directory: facts.directory,
            run_as: facts.run_as,
        }
    }

    /// The labels that the policy gives a host.
    pub(super) fn labels_of(&self, host: &str) -> impl Iterator<Item = (&str, &str)> {
        let is_it = move |pattern: &super::TokenPattern| pattern.matches(host.as_bytes(), false);
        self.document()
            .hosts
            .iter()
            .filter(move |entry| entry.matches.0.iter().any(is_it))
            .flat_map(|entry| &entry.labels.0)
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Judges one command by all rules that are about it.
    fn judge<'a>(
        &'a self,
        command: &CommandReading,
        situation: &Situation<'_>,
        world: World<'_>,
        one_of_several: bool,
        judgement: &mut Judgement<'a>,
    ) {
        let (mut any, mut surely_any) = (false, false);
        for (number, rule) in self.reachable_rules(&command.names, world.lookup) {
            let Ok(rule) = rule else {
                judgement.deny_for_good();
                judgement.add_reason(Decision::Deny, unreadable());
                continue;
            };
            let matches = |leaning| rule_matches(rule, command, Some(situation), world, leaning);
            let surely = matches(Leaning::Lenient);
            let counts =
                surely || (rule.decision != Decision::Allow && matches(Leaning::Restrictive));
            if !counts {
                continue;
            }
            any = true;
            surely_any |= surely;
            let raises = rule.raise.iter().filter(|raise| {
                raise.when.fit_situation(situation, world, Leaning::Restrictive)
                    && raise.when.fit_command(command, world, Leaning::Restrictive)
            });
            judgement.rule_applies(number, rule, raises, surely);
        }
        if !surely_any {
            let what = if one_of_several { shown(command) } else { "the command".to_owned() };
            judgement.defaults_apply(match any {
                true => format!("no rule surely covers all of {what}"),
                false if one_of_several => format!("no rule matches {what}"),
                false => "no rule matches".to_owned(),
            });
        }
    }

    /// Lets rules that restrict count for a command inside of one that cannot be read for sure: it
    /// was found, but there may be others. Nothing that a rule allows is taken from this.
    fn restrict<'a>(
        &'a self,
        command: &CommandReading,
        situation: &Situation<'_>,
        world: World<'_>,
        judgement: &mut Judgement<'a>,
    ) {
        for (number, rule) in self.reachable_rules(&command.names, world.lookup) {
            let Ok(rule) = rule else {
                judgement.deny_for_good();
                judgement.add_reason(Decision::Deny, unreadable());
                continue;
            };
            let applies = rule.decision != Decision::Allow
                && rule_matches(rule, command, Some(situation), world, Leaning::Restrictive);
            if applies {
                let raises = rule.raise.iter().filter(|raise| {
                    raise.when.fit_situation(situation, world, Leaning::Restrictive)
                        && raise.when.fit_command(command, world, Leaning::Restrictive)
                });
                // Not surely: what it lets through into the environment is not let through.
                judgement.rule_applies(number, rule, raises, false);
            }
        }
    }

    /// Raises what changes hitl itself to critical, and never lets it run by itself.
    fn protect(&self, command: &CommandReading, judgement: &mut Judgement<'_>) {
        for protected in self.protected().iter().filter(|it| it.can_be_changed_by(command)) {
            judgement.risk_at_least(Risk::Critical);
            judgement.at_least(Decision::Confirm);
            judgement.add_reason(Decision::Confirm, reason_of(protected));
        }
    }
}

fn unreadable() -> Reason {
    let text = "a rule that can be about it cannot be read from the policy cache: remove policy-cache.json from the state directory";
    Reason { rule: None, text: text.to_owned() }
}

fn reason_of(protected: &Protected) -> Reason {
    let path: &Path = protected.path();
    Reason {
        rule: None,
        text: format!(
            "it can change {} ({}): always critical risk",
            protected.what(),
            crate::system::text::visible_bytes(path.as_os_str().as_encoded_bytes())
        ),
    }
}

fn shown(command: &CommandReading) -> String {
    let words: Vec<&[u8]> = std::iter::once(&command.names.typed)
        .chain(&command.arguments)
        .map(|word| word.as_bytes())
        .collect();
    visible_command(&words)
}
