//! Whether a rule is about one command, asked for by somebody somewhere.
//!
//! Much about a command is doubtful: whether a token is a flag, what bytes that are not text are.
//! Doubt is never in the command's favour: conditions are judged with a *leaning*. A restriction
//! holds where it could be meant; an allow, and an exception from a restriction, only where it
//! surely is.

use std::path::{Path, PathBuf};

use super::conditions::{Conditions, FlagName};
use super::flags::{has_flag, number_matches, only_flags};
use super::paths::{operands_match, path_matches};
use super::rule::Rule;
use super::tokens::arguments_match;
use crate::invocation::{CommandReading, PathLookup, RequesterKind};

/// Which way doubt goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaning {
    /// A match makes the decision more lenient: in doubt, there is none.
    Lenient,
    /// A match makes the decision stricter: in doubt, there is one.
    Restrictive,
}

impl Leaning {
    /// What a condition that cannot be judged counts as.
    pub(super) fn doubt(self) -> bool {
        self == Self::Restrictive
    }

    /// The leaning of an exception: it makes a restriction lenient and an allow strict.
    fn of_exception(self) -> Self {
        match self {
            Self::Lenient => Self::Restrictive,
            Self::Restrictive => Self::Lenient,
        }
    }
}

/// What commands are read against.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    /// The policy's search path.
    pub(super) search: &'a [PathBuf],
    /// What paths lead to.
    pub(super) lookup: &'a dyn PathLookup,
}

/// By whom and where a command is asked for.
pub(super) struct Situation<'a> {
    pub(super) user: &'a str,
    pub(super) groups: &'a [String],
    pub(super) kind: RequesterKind,
    pub(super) host: &'a str,
    /// From the policy, and in its tests from the test; a label can have several values.
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) directory: &'a Path,
    pub(super) run_as: &'a str,
}

/// Whether a rule is about this command. Without a situation, conditions on people and places are
/// taken as met, and exceptions that are about nothing else as not made.
pub(super) fn rule_matches(
    rule: &Rule,
    command: &CommandReading,
    situation: Option<&Situation<'_>>,
    world: World<'_>,
    leaning: Leaning,
) -> bool {
    let holds = |conditions: &Conditions, leaning| {
        situation.is_none_or(|situation| conditions.fit_situation(situation, world, leaning))
            && conditions.fit_command(command, world, leaning)
    };
    holds(&rule.matches, leaning)
        && !rule
            .except
            .iter()
            .filter(|except| situation.is_some() || except.are_about_commands())
            .any(|except| holds(except, leaning.of_exception()))
}

impl Conditions {
    /// Whether nothing is written at all.
    pub(super) fn are_empty(&self) -> bool {
        !self.are_about_commands() && !self.are_about_situations()
    }

    fn are_about_commands(&self) -> bool {
        self.command.is_some()
            || self.args.is_some()
            || self.flags_any.is_some()
            || self.flags_all.is_some()
            || self.flags_only.is_some()
            || self.flag.is_some()
            || self.paths.is_some()
    }

    fn are_about_situations(&self) -> bool {
        self.run_as.is_some()
            || self.users.is_some()
            || self.unix_groups.is_some()
            || self.requester.is_some()
            || self.hosts.is_some()
            || self.labels.is_some()
            || self.cwd.is_some()
    }

    /// Whether the conditions on the command line hold.
    pub(super) fn fit_command(
        &self,
        command: &CommandReading,
        world: World<'_>,
        leaning: Leaning,
    ) -> bool {
        let arguments = &command.arguments;
        let given = |flag: &FlagName| has_flag(arguments, flag.as_str(), leaning);
        self.command.as_ref().is_none_or(|patterns| {
            patterns
                .0
                .iter()
                .any(|pattern| pattern.matches(&command.names, world.search, world.lookup, leaning))
        }) && self.args.as_ref().is_none_or(|args| arguments_match(args, arguments, leaning))
            && self.flags_any.as_ref().is_none_or(|flags| flags.0.iter().any(given))
            && self.flags_all.as_ref().is_none_or(|flags| flags.0.iter().all(given))
            && self.flags_only.as_ref().is_none_or(|flags| only_flags(arguments, flags, leaning))
            && self.flag.as_ref().is_none_or(|flag| number_matches(arguments, flag, leaning))
            && self
                .paths
                .as_ref()
                .is_none_or(|patterns| operands_match(&patterns.0, command, world.lookup, leaning))
    }

    /// Whether the conditions on people and places hold.
    pub(super) fn fit_situation(
        &self,
        situation: &Situation<'_>,
        world: World<'_>,
        leaning: Leaning,
    ) -> bool {
        let host = situation.host.as_bytes();
        self.users
            .as_ref()
            .is_none_or(|users| users.0.iter().any(|user| user.as_str() == situation.user))
            && self.unix_groups.as_ref().is_none_or(|groups| {
                groups.0.iter().any(|group| situation.groups.iter().any(|of| of == group.as_str()))
            })
            && self.requester.as_ref().is_none_or(|kinds| {
                kinds.0.iter().any(|kind| match leaning {
                    // Anybody can make themselves look like an agent: that must not lift what is
                    // demanded of people and pipelines.
                    Leaning::Restrictive => situation.kind >= *kind,
                    Leaning::Lenient => situation.kind == *kind,
                })
            })
            && self
                .run_as
                .as_ref()
                .is_none_or(|names| names.0.iter().any(|name| name.as_str() == situation.run_as))
            && self.hosts.as_ref().is_none_or(|hosts| {
                hosts.0.iter().any(|pattern| pattern.matches(host, leaning.doubt()))
            })
            && self.labels.as_ref().is_none_or(|labels| {
                labels
                    .0
                    .iter()
                    .all(|(key, value)| label_matches(&situation.labels, key, value, leaning))
            })
            && self.cwd.as_ref().is_none_or(|patterns| {
                patterns.0.iter().any(|pattern| {
                    path_matches(pattern, situation.directory, world.lookup, leaning)
                })
            })
    }
}

/// Whether a host has a label. Where the policy gives it two values of one key, a restriction
/// holds for either, an allow for none.
fn label_matches(labels: &[(&str, &str)], key: &str, value: &str, leaning: Leaning) -> bool {
    let mut values = labels.iter().filter(|(of, _)| *of == key).map(|(_, value)| *value).peekable();
    match leaning {
        Leaning::Restrictive => values.any(|found| found == value),
        Leaning::Lenient => values.peek().is_some() && values.all(|found| found == value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_two_values_of_a_label_is_restricted_by_either_and_allowed_by_none() {
        let labels = [("tier", "dev"), ("tier", "production")];
        assert!(label_matches(&labels, "tier", "production", Leaning::Restrictive));
        assert!(!label_matches(&labels, "tier", "dev", Leaning::Lenient));
        assert!(!label_matches(&labels, "zone", "a", Leaning::Restrictive));
        assert!(label_matches(&[("tier", "dev")], "tier", "dev", Leaning::Lenient));
    }
}
