//! The rules of a policy: whole, or, from the cache, as text of which only those are read that the
//! command at hand can reach.

use std::ops::Range;
use std::sync::OnceLock;

use super::rule::Rule;

/// The rules, in the order of the policy.
#[derive(Debug)]
pub(super) enum Rules {
    /// Read from their document.
    Whole(Vec<Rule>),
    /// From the cache: its text, and where in it each rule stands. That they can be read was seen
    /// when they were put there.
    Cached(String, Vec<CachedRule>),
}

/// A rule as the cache holds it.
#[derive(Debug)]
pub(super) struct CachedRule {
    place: Range<usize>,
    rule: OnceLock<Option<Rule>>,
}

/// A rule that cannot be read. Nothing may be decided without it: it could be a denial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UnreadableRule;

impl Rules {
    /// Rules from the cache: those that begin at `start` of its text, one a line.
    pub(super) fn cached(text: String, start: usize) -> Self {
        let mut rules = Vec::new();
        let mut place = start;
        for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
            let next = place + line.len();
            rules.push(CachedRule { place: place..next, rule: OnceLock::new() });
            place = next;
        }
        Self::Cached(text, rules)
    }

    /// One rule by its number.
    ///
    /// # Errors
    /// [`UnreadableRule`], also for a number that no rule has.
    pub(super) fn get(&self, number: usize) -> Result<&Rule, UnreadableRule> {
        match self {
            Self::Whole(rules) => rules.get(number).ok_or(UnreadableRule),
            Self::Cached(text, rules) => {
                let cached = rules.get(number).ok_or(UnreadableRule)?;
                let read = || serde_json::from_str(text.get(cached.place.clone())?).ok();
                cached.rule.get_or_init(read).as_ref().ok_or(UnreadableRule)
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(rules) => rules.len(),
            Self::Cached(_, rules) => rules.len(),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<&Rule, UnreadableRule>> {
        (0..self.len()).map(|number| self.get(number))
    }
}
