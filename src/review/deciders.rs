//! Who may decide a request, and who may see it.

use std::collections::BTreeSet;

use super::person::Person;
use super::quorum::{Yes, missing, open};
use super::wording::{kind_text, presence_text};
use super::{Approval, Approver, Counted, Record, RequestId, StoreError};
use crate::policy::{Decision, Presence, Requirement, Risk, required_in_words};
use crate::system::text::visible;

impl Record {
    /// Who is still needed, for the approvals that were given.
    pub fn missing(&self) -> Vec<Requirement> {
        self.missing_now(&Approval::as_given)
    }

    /// As [`Record::missing`], as far as each approval counts now: somebody who has left a group since
    /// no longer counts for it. Empty where everything needed is there.
    pub fn missing_now(&self, counted: &Counted<'_>) -> Vec<Requirement> {
        let current: Vec<(Approver, Presence)> = self
            .approvals
            .iter()
            .map(|approval| {
                let mut groups = counted(self, approval).unwrap_or_default();
                if approval.proof.is_at_requesters_terminal() {
                    groups.retain(|group| approval.approver.groups.contains(group));
                }
                (Approver { groups, ..approval.approver.clone() }, approval.presence)
            })
            .collect();
        let yeses = current.iter().map(|(approver, presence)| (approver, *presence));
        missing(&self.shown.requirements, &self.of_others(yeses))
    }

    /// Those of them that are not the requester's own.
    fn of_others<'a>(&self, yeses: impl Iterator<Item = Yes<'a>>) -> Vec<Yes<'a>> {
        yeses.filter(|(approver, _)| !self.may_be_requester(approver)).collect()
    }

    /// Whether the approvals suffice, with the groups that each approver is in now.
    pub(super) fn suffices(&self, counted: &Counted<'_>) -> bool {
        match self.shown.decision {
            // Approvals that nobody can be asked for are never complete.
            Decision::Approve => {
                !self.shown.requirements.is_empty() && self.missing_now(counted).is_empty()
            }
            Decision::Confirm => self.approvals.iter().any(|approval| {
                approval.approver.is_human() && self.may_be_requester(&approval.approver)
            }),
            // Lifted by the requester, which is what its own digest says.
            Decision::Deny => self.is_lifted_alone(),
            Decision::Allow => false,
        }
    }

    /// Why the approvals no longer suffice, with the groups that each approver is in now: who has
    /// left which group since. `None` where they do suffice.
    pub fn shortfall(&self, counted: &Counted<'_>) -> Option<String> {
        if self.suffices(counted) {
            return None;
        }
        let needed = |group: &&String| {
            self.shown.requirements.iter().any(|requirement| requirement.groups.contains(*group))
        };
        let left: Vec<String> = self
            .approvals
            .iter()
            .flat_map(|approval| {
                let approver = &approval.approver;
                let name = visible(&approver.name);
                let now = match counted(self, approval) {
                    Ok(now) => now,
                    Err(why) => return vec![format!("{name}'s does not count: {why}")],
                };
                let gone = approver.groups.iter().filter(needed).filter(|was| !now.contains(was));
                gone.map(|group| format!("{name} has left group {}", visible(group))).collect()
            })
            .collect();
        let left = if left.is_empty() { String::new() } else { format!(": {}", left.join(", ")) };
        Some(format!("the approvals no longer suffice{left}"))
    }

    /// What is still needed, for people: `1 of group ops and 1 of group security`.
    pub fn needed(&self) -> String {
        match self.shown.decision {
            Decision::Confirm => {
                format!("a confirmation by {} in person", visible(&self.bound.requester.name))
            }
            Decision::Deny if self.is_lifted_alone() => {
                format!("nobody but {}, who lifts the denial", visible(&self.bound.requester.name))
            }
            _ if self.shown.requirements.is_empty() => {
                "somebody's approval, and the policy names nobody who could give it".to_owned()
            }
            _ => required_in_words(&self.missing()),
        }
    }

    /// Whether this viewer may see the request: its requester, those who may decide it, and root.
    pub fn may_see(&self, uid: u32, groups: &[String]) -> bool {
        uid == 0
            || uid == self.bound.requester.uid
            || self.shown.requirements.iter().any(|needed| needed.is_for(groups))
            || self.reviewers().iter().any(|group| groups.contains(group))
    }

    /// The least that this approver would have to prove for their yes to count now; `None` where
    /// nothing would be enough.
    pub fn presence_wanted(&self, approver: &Approver) -> Option<Presence> {
        [Presence::Uid, Presence::Key, Presence::Touch, Presence::Verify]
            .into_iter()
            .find(|presence| self.check_approver(approver, *presence).is_ok())
    }

    /// Whether whoever approves it has to name its host: it can do the most harm.
    pub fn wants_host_named(&self) -> bool {
        self.shown.risk == Risk::Critical && self.shown.decision == Decision::Approve
    }

    /// Whether the yes of somebody who has proved this much counts.
    ///
    /// A second one of the same person counts in place of their first where it proves more and so
    /// fills a place that the first could not, or leaves theirs to somebody else.
    pub fn check_approver(
        &self,
        approver: &Approver,
        presence: Presence,
    ) -> Result<(), StoreError> {
        check_human(approver)?;
        if self.shown.decision == Decision::Confirm {
            return self.check_confirmer(approver);
        }
        self.check_not_requester(approver, "approve")?;
        let required = &self.shown.requirements;
        let yeses = self.of_others(self.approvals.iter().map(Approval::as_yes));
        // Not "is in a group that is still missing": somebody who has approved may move over.
        let open = open(required, &yeses);
        let person = Person::from(approver);
        let (theirs, of_the_rest): (Vec<Yes<'_>>, Vec<Yes<'_>>) =
            yeses.iter().copied().partition(|(given, _)| person.may_be(Person::from(*given)));
        let Some((first, _)) = theirs.first() else {
            let counts = open.iter().any(|place| place.admits(&approver.groups, presence));
            return if counts { Ok(()) } else { self.does_not_count(approver, presence, &open) };
        };
        let with: Vec<Yes<'_>> = of_the_rest.into_iter().chain([(approver, presence)]).collect();
        let is_new = |place: &Requirement| {
            place.admits(&approver.groups, presence)
                && !theirs.iter().any(|(given, before)| place.admits(&given.groups, *before))
        };
        let more = theirs.iter().all(|(_, before)| presence > *before)
            && open.iter().any(|place| is_new(place))
            && total(&missing(required, &with)) <= total(&missing(required, &yeses));
        if more {
            return Ok(());
        }
        let by_more = open
            .iter()
            .filter(|place| place.is_for(&approver.groups))
            .map(|place| place.presence)
            .filter(|asked| *asked > presence && theirs.iter().all(|(_, before)| asked > before));
        let by_more = by_more.min().map_or_else(String::new, |more| {
            let how = how_to_prove(more, &self.id);
            format!("; or a stronger proof of yours, in place of the first: {how}")
        });
        refused(format!(
            "{} have already approved {}: it still needs {}, from somebody else{by_more}",
            if first.uid == approver.uid {
                "you".to_owned()
            } else {
                format!("you, as {},", visible(&first.name))
            },
            self.id,
            self.needed()
        ))
    }

    /// Why the yes of somebody who has not approved yet helps with none of the open requirements.
    fn does_not_count(
        &self,
        approver: &Approver,
        presence: Presence,
        open: &[&Requirement],
    ) -> Result<(), StoreError> {
        let name = visible(&approver.name);
        let asks_more = open.iter().filter(|place| place.is_for(&approver.groups));
        if let Some(more) = asks_more.map(|place| place.presence).min() {
            return refused(format!(
                "{name} is in the right group, but {} proves too little to approve {}: it needs {}; {}",
                presence_text(presence),
                self.id,
                self.needed(),
                how_to_prove(more, &self.id)
            ));
        }
        refused(format!(
            "{name} cannot approve {}: it needs {}{}",
            self.id,
            self.needed(),
            in_groups(approver)
        ))
    }

    /// Whether this no counts: from anybody whose yes could have, also after one of theirs.
    pub(super) fn check_rejecter(&self, approver: &Approver) -> Result<(), StoreError> {
        check_human(approver)?;
        if self.shown.decision == Decision::Confirm {
            return self.check_confirmer(approver);
        }
        self.check_not_requester(approver, "reject")?;
        let named = &self.shown.requirements;
        let reviews = self.reviewers().iter().any(|group| approver.groups.contains(group));
        if reviews || named.iter().any(|needed| needed.is_for(&approver.groups)) {
            return Ok(());
        }
        let groups: BTreeSet<&String> = named.iter().flat_map(|needed| &needed.groups).collect();
        refused(format!(
            "{} cannot reject {}: only those can who could approve it (groups: {}){}",
            visible(&approver.name),
            self.id,
            groups.into_iter().map(|group| visible(group)).collect::<Vec<_>>().join(", "),
            in_groups(approver)
        ))
    }

    fn check_confirmer(&self, approver: &Approver) -> Result<(), StoreError> {
        if self.may_be_requester(approver) {
            return Ok(());
        }
        refused(format!(
            "{} cannot decide {}: it needs {}, who asked for it",
            visible(&approver.name),
            self.id,
            self.needed()
        ))
    }

    fn check_not_requester(&self, approver: &Approver, verb: &str) -> Result<(), StoreError> {
        if !self.may_be_requester(approver) {
            return Ok(());
        }
        let requester = &self.bound.requester;
        let whose = if requester.uid == approver.uid {
            "you asked for it yourself".to_owned()
        } else {
            format!("{} asked for it, and that is you by login uid", visible(&requester.name))
        };
        let next = match verb {
            "reject" => format!("take it back with \"hitl cancel {}\"", self.id),
            _ => format!("it needs {}", self.needed()),
        };
        refused(format!("you cannot {verb} {}: {whose}; {next}", self.id))
    }

    pub(super) fn may_be_requester(&self, approver: &Approver) -> bool {
        Person::from(approver).may_be(Person::from(&self.bound.requester))
    }
}

pub(super) fn check_human(approver: &Approver) -> Result<(), StoreError> {
    if approver.is_human() {
        return Ok(());
    }
    refused(format!(
        "{} is {} here: only a human decides, from a login of their own",
        visible(&approver.name),
        kind_text(approver.kind)
    ))
}

pub(super) fn refused(sentence: String) -> Result<(), StoreError> {
    Err(StoreError::NotAllowed(sentence))
}

/// What somebody does whose proof was too weak.
fn how_to_prove(presence: Presence, id: &RequestId) -> String {
    let which = match presence {
        Presence::Uid | Presence::Key => "",
        Presence::Touch => ", which must be a hardware key that you touch",
        Presence::Verify => {
            ", which must be a hardware key that asks for its PIN or your fingerprint"
        }
    };
    format!("\"hitl approve {id}\" signs with your SSH key{which}")
}

/// How many humans are missing in all.
fn total(requirements: &[Requirement]) -> u64 {
    requirements.iter().map(|requirement| u64::from(requirement.count)).sum()
}

impl Approval {
    /// The groups that it was given in, for whoever asks how it stood then.
    pub(super) fn as_given(_: &Record, approval: &Self) -> Result<Vec<String>, String> {
        Ok(approval.approver.groups.clone())
    }

    fn as_yes(&self) -> Yes<'_> {
        (&self.approver, self.presence)
    }
}

pub(super) fn in_groups(approver: &Approver) -> String {
    if approver.groups.is_empty() {
        "; you count for none of the policy's groups".to_owned()
    } else {
        format!("; you are in {}", visible(&approver.groups.join(", ")))
    }
}

#[cfg(test)]
mod tests;
