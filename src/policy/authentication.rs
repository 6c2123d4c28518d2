//! Who must prove, before anything else, that it is them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document::Defaults;
use super::rule::Rule;
use super::values::TimeLimit;

/// Who authenticates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authenticate {
    /// Nobody.
    None,
    /// Whoever asks for the command.
    Requester,
}

impl Authenticate {
    /// The word for it, as policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Requester => "requester",
        }
    }
}

/// That the requester must authenticate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Authentication {
    /// How long it is enough to have authenticated before; `None`: never.
    #[serde(with = "super::optional_milliseconds")]
    pub cache: Option<Duration>,
}

/// What the rules that count (each with whether it surely matches) and the defaults ask for: they ask
/// where one of them does, and what is remembered counts for the shortest time of all.
///
/// A rule's `none` lifts what the defaults ask, where it surely matches and they do not count anyway;
/// never what another rule asks.
pub(super) fn demanded<'r>(
    rules: impl Iterator<Item = (&'r Rule, bool)> + Clone,
    defaults: &Defaults,
    defaults_apply: bool,
) -> Option<Authentication> {
    let asks = |written: Option<Authenticate>| written == Some(Authenticate::Requester);
    let excused =
        rules.clone().any(|(rule, surely)| surely && rule.authenticate == Some(Authenticate::None));
    let default_asks = asks(defaults.authenticate) && (defaults_apply || !excused);
    let asking: Vec<&Rule> =
        rules.clone().map(|(rule, _)| rule).filter(|rule| asks(rule.authenticate)).collect();
    if asking.is_empty() && !default_asks {
        return None;
    }
    let written = |rule: &Rule| rule.authenticate_cache;
    let mut times: Vec<Option<TimeLimit>> =
        asking.iter().map(|rule| written(rule).or(defaults.authenticate_cache)).collect();
    // A rule that does not ask itself may still shorten the time of those that do.
    let others: Vec<TimeLimit> = rules.filter_map(|(rule, _)| written(rule)).collect();
    if default_asks && (defaults_apply || others.is_empty()) {
        times.push(defaults.authenticate_cache);
    }
    times.extend(others.into_iter().map(Some));
    // One that remembers nothing is the shortest of all.
    let shortest: Option<Vec<Duration>> =
        times.into_iter().map(|time| time.map(|limit| limit.0)).collect();
    Some(Authentication { cache: shortest.and_then(|times| times.into_iter().min()) })
}
