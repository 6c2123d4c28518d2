//! Who must approve: as a document writes it, as a verdict demands it, as a test expects it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Presence;
use super::document::Group;
use super::values::{Id, given, read_from_text};
use crate::system::text::visible;

/// People who must approve, as a document writes it: of one group, or of any of several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// The group. Exactly one of this and `any_of` is written: the document's check sees to it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub group: Option<Id>,
    /// Groups, whose members all count for it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub any_of: Option<Vec<Id>>,
    /// How many different people.
    #[serde(default = "one")]
    pub count: u32,
    /// How they must prove that they are there. Unwritten: as their groups say.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
}

fn one() -> u32 {
    1
}

impl Require {
    /// The groups that it names.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Id> {
        self.group.iter().chain(self.any_of.iter().flatten())
    }

    /// Whether the same people count for both.
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        self.groups().collect::<BTreeSet<_>>() == other.groups().collect::<BTreeSet<_>>()
    }

    /// What it demands, given the groups of the policy: the strictest presence of its own and of all
    /// its groups.
    pub(super) fn requirement(&self, known: &[Group]) -> Requirement {
        let named: BTreeSet<&str> = self.groups().map(Id::as_str).collect();
        let of_groups = known
            .iter()
            .filter(|group| named.contains(group.name.as_str()))
            .map(|one| one.presence);
        Requirement {
            presence: of_groups.chain(self.presence).max().unwrap_or_default(),
            groups: named.into_iter().map(str::to_owned).collect(),
            count: self.count,
        }
    }
}

/// How many different humans must approve, of which of the policy's groups, and how they must prove
/// that they are there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The names of the policy's groups, sorted, at least one: members of any of them count.
    pub groups: Vec<String>,
    /// How many different humans.
    pub count: u32,
    /// The least that each of them must prove.
    pub presence: Presence,
}

impl Requirement {
    /// Whether somebody who is in these groups counts for it, if they prove enough.
    pub fn is_for(&self, groups: &[String]) -> bool {
        self.groups.iter().any(|group| groups.contains(group))
    }

    /// Whether somebody who is in these groups, and has proved this much, counts for it.
    pub fn admits(&self, groups: &[String], presence: Presence) -> bool {
        self.is_for(groups) && presence >= self.presence
    }

    /// The groups as they stand in a sentence, safe to show: `dba or ops`.
    pub fn groups_in_words(&self) -> String {
        let names: Vec<String> = self.groups.iter().map(|group| visible(group)).collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        }
    }

    /// For people, safe to show: `1 of group dba or ops by touch`.
    pub fn in_words(&self) -> String {
        format!("{} of group {}{}", self.count, self.groups_in_words(), self.presence_in_words())
    }

    /// The shorter words of reasons and tests: `dba or ops ×1 by touch`.
    pub(super) fn in_short(&self) -> String {
        format!("{} ×{}{}", self.groups_in_words(), self.count, self.presence_in_words())
    }

    /// What goes without saying is not said: an own login is the least that anybody proves.
    fn presence_in_words(&self) -> String {
        match self.presence {
            Presence::Uid => String::new(),
            more => format!(" by {}", more.word()),
        }
    }
}

/// All that is required, for people: `1 of group ops and 1 of group dba or ops by touch`.
pub fn required_in_words(requirements: &[Requirement]) -> String {
    requirements.iter().map(Requirement::in_words).collect::<Vec<_>>().join(" and ")
}

/// Requirements from several sources: of those about the same groups the highest count and the
/// strictest presence, those about different ones all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Required(BTreeMap<Vec<String>, (u32, Presence)>);

impl Required {
    pub(super) fn add(&mut self, one: Requirement) {
        let (count, presence) = self.0.entry(one.groups).or_default();
        *count = one.count.max(*count);
        *presence = one.presence.max(*presence);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of their groups.
    pub(super) fn into_requirements(self) -> Vec<Requirement> {
        let requirement = |(groups, (count, presence))| Requirement { groups, count, presence };
        self.0.into_iter().map(requirement).collect()
    }
}

/// Whom a test expects to approve: `ops`, `ops or dba`, `ops by touch`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(into = "String")]
pub struct ExpectedApprovers {
    /// The groups, sorted, each once.
    pub(super) groups: BTreeSet<Id>,
    /// What they must prove. Unwritten: it is not compared.
    pub(super) presence: Option<Presence>,
}

read_from_text!(ExpectedApprovers);

impl ExpectedApprovers {
    /// Whether this requirement is the one that is expected, but for its count.
    pub(super) fn are_those_of(&self, requirement: &Requirement) -> bool {
        self.groups.iter().map(Id::as_str).eq(requirement.groups.iter().map(String::as_str))
            && self.presence.is_none_or(|expected| expected == requirement.presence)
    }

    /// So many of them, in the words of [`Requirement::in_short`].
    pub(super) fn in_short(self, count: u32) -> String {
        let presence = self.presence.unwrap_or_default();
        let groups = self.groups.into_iter().map(|group| group.as_str().to_owned()).collect();
        Requirement { groups, count, presence }.in_short()
    }
}

impl TryFrom<String> for ExpectedApprovers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (groups, presence) = match text.rsplit_once(" by ") {
            None => (text.as_str(), None),
            Some((groups, word)) => {
                let levels = [Presence::Uid, Presence::Key, Presence::Touch, Presence::Verify];
                let level =
                    levels.into_iter().find(|level| level.word() == word).ok_or_else(|| {
                        format!("{word:?} is no presence: write uid, key, touch or verify")
                    })?;
                (groups, Some(level))
            }
        };
        let groups = groups.split(" or ").map(|group| {
            Id::try_from(group.to_owned()).map_err(|error| {
                format!("{error}; several groups are written \"ops or dba\", with a presence \"ops by touch\"")
            })
        });
        Ok(Self { groups: groups.collect::<Result<_, _>>()?, presence })
    }
}

impl From<ExpectedApprovers> for String {
    fn from(expected: ExpectedApprovers) -> Self {
        let groups: Vec<&str> = expected.groups.iter().map(Id::as_str).collect();
        let groups = groups.join(" or ");
        match expected.presence {
            None => groups,
            Some(presence) => format!("{groups} by {}", presence.word()),
        }
    }
}
