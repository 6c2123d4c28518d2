//! The rules of a policy: whole, or, from the cache, as text of which only those are read that the
//! command at hand can reach.

use std::sync::OnceLock;

use serde_json::value::RawValue;

use super::rule::Rule;

/// The rules, in the order of the policy.
#[derive(Debug)]
pub(super) enum Rules {
    /// Read from their document.
    Whole(Vec<Rule>),
    /// From the cache.
    Cached(Vec<CachedRule>),
}

/// A rule as the cache holds it. That it can be read was seen when it was put there.
#[derive(Debug)]
pub(super) struct CachedRule {
    text: Box<RawValue>,
    rule: OnceLock<Option<Rule>>,
}

/// A rule that cannot be read. Nothing may be decided without it: it could be a denial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UnreadableRule;

impl Rules {
    /// Rules from the cache.
    pub(super) fn cached(texts: Vec<Box<RawValue>>) -> Self {
        let unread = |text| CachedRule { text, rule: OnceLock::new() };
        Self::Cached(texts.into_iter().map(unread).collect())
    }

    /// One rule by its number.
    ///
    /// # Errors
    /// [`UnreadableRule`], also for a number that no rule has.
    pub(super) fn get(&self, number: usize) -> Result<&Rule, UnreadableRule> {
        match self {
            Self::Whole(rules) => rules.get(number).ok_or(UnreadableRule),
            Self::Cached(rules) => {
                let cached = rules.get(number).ok_or(UnreadableRule)?;
                let read = || serde_json::from_str(cached.text.get()).ok();
                cached.rule.get_or_init(read).as_ref().ok_or(UnreadableRule)
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(rules) => rules.len(),
            Self::Cached(rules) => rules.len(),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<&Rule, UnreadableRule>> {
        (0..self.len()).map(|number| self.get(number))
    }
}
