//! The compiled policy: the document, found sound, with its rules indexed by command.

use std::path::PathBuf;

use super::cache::Cached;
use super::document::Document;
use super::index::Index;
use super::protected::Protected;
use super::rule::Rule;
use super::rules::{Rules, UnreadableRule};
use super::{PolicyIdentity, SnapshotAllowance};
use crate::invocation::{ExecutableNames, PathLookup, RequesterKind};

/// A policy that can decide. Its examples have passed.
#[derive(Debug)]
pub struct Policy {
    identity: PolicyIdentity,
    /// Everything but the rules, and from the cache without the tests.
    document: Document,
    rules: Rules,
    index: Index,
    protected: Vec<Protected>,
}

/// How much there is of a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PolicyCounts {
    /// Rules.
    pub rules: usize,
    /// Groups of approvers.
    pub groups: usize,
    /// Examples, of matches and of others.
    pub examples: usize,
    /// Tests.
    pub tests: usize,
}

impl Policy {
    pub(super) fn new(
        identity: PolicyIdentity,
        mut document: Document,
        protected: Vec<Protected>,
    ) -> Self {
        let rules = std::mem::take(&mut document.rules);
        let index = Index::of(&rules);
        Self { identity, document, rules: Rules::Whole(rules), index, protected }
    }

    pub(super) fn from_cache(cached: Cached, protected: Vec<Protected>) -> Self {
        let Cached { identity, document, rules, index } = cached;
        Self { identity, document, rules, index, protected }
    }

    /// Where it came from, and the digest that approvals are bound to.
    pub fn identity(&self) -> &PolicyIdentity {
        &self.identity
    }

    /// What it says beside its rules.
    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    /// The directories that commands are looked up in: `defaults.environment.path`, else Debian's
    /// `secure_path`.
    pub fn search_path(&self) -> &[PathBuf] {
        &self.document.defaults.environment.path.0
    }

    /// The policy's groups that a user is in, given the user's groups on this host.
    pub fn groups_of(&self, user: &str, unix_groups: &[String]) -> Vec<String> {
        self.document
            .groups
            .iter()
            .filter(|group| is_among(user, unix_groups, &group.users, &group.unix_groups))
            .map(|group| group.name.as_str().to_owned())
            .collect()
    }

    /// Whether members of a group may approve at the requester's terminal, by name and password: where
    /// the policy opens it to that, and asks for no stronger proof.
    pub fn may_approve_at_requesters_terminal(&self, group: &str) -> bool {
        let mut groups = self.document.groups.iter();
        groups.any(|one| one.name.as_str() == group && one.at_requesters_terminal)
    }

    /// What a requester is, given what was `seen` of it: the policy's lists only make it stricter.
    pub fn requester_kind(
        &self,
        user: &str,
        unix_groups: &[String],
        seen: RequesterKind,
    ) -> RequesterKind {
        self.document
            .requesters
            .iter()
            .filter(|listed| is_among(user, unix_groups, &listed.users, &listed.unix_groups))
            .map(|listed| listed.kind)
            .fold(seen, RequesterKind::max)
    }

    /// How much may be kept of snapshots.
    pub fn snapshot_allowance(&self) -> SnapshotAllowance {
        let built_in = SnapshotAllowance::default();
        let (most, each) = (&self.document.snapshots, &self.document.defaults.snapshot);
        let most = most.as_ref();
        SnapshotAllowance {
            keep: each.as_ref().and_then(|one| one.keep).map_or(built_in.keep, |keep| keep.0),
            runs: most.and_then(|most| most.max_runs).unwrap_or(built_in.runs),
            bytes: most.and_then(|most| most.max_size).map_or(built_in.bytes, |size| size.0),
        }
    }

    /// How much there is of it.
    pub fn counts(&self) -> PolicyCounts {
        let rules = self.rules.iter().flatten();
        let examples = rules.filter_map(|rule| rule.examples.as_ref());
        PolicyCounts {
            rules: self.rules.len(),
            groups: self.document.groups.len(),
            examples: examples.map(|both| both.matches.len() + both.not_match.len()).sum(),
            tests: self.document.tests.len(),
        }
    }

    /// The rules that can be about an executable, with their numbers, in order.
    pub(super) fn reachable_rules(
        &self,
        names: &ExecutableNames,
        lookup: &dyn PathLookup,
    ) -> impl Iterator<Item = (usize, Result<&Rule, UnreadableRule>)> {
        let numbers = self.index.reach(names, lookup);
        numbers.into_iter().map(|number| (number, self.rules.get(number)))
    }

    /// All rules.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn protected(&self) -> &[Protected] {
        &self.protected
    }
}

fn is_among(
    user: &str,
    unix_groups: &[String],
    users: &[super::values::Name],
    groups: &[super::values::Name],
) -> bool {
    users.iter().any(|listed| listed.as_str() == user)
        || groups.iter().any(|listed| unix_groups.iter().any(|group| group == listed.as_str()))
}
