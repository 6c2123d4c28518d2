//! Who may decide a request, and who may see it.

use super::person::Person;
use super::quorum::{missing, total};
use super::wording::kind_text;
use super::{Approval, Approver, Record, StoreError};
use crate::policy::{Decision, Requirement};
use crate::system::text::visible;

impl Record {
    /// Who is still needed, for the approvals that were given.
    pub fn missing(&self) -> Vec<Requirement> {
        self.missing_now(&|approver| approver.groups.clone())
    }

    /// As [`Record::missing`], with the groups that each approver is in now: somebody who has left
    /// a group since no longer counts for it. Empty where everything needed is there.
    pub fn missing_now(&self, groups_now: &dyn Fn(&Approver) -> Vec<String>) -> Vec<Requirement> {
        let current: Vec<Approver> = self
            .approvals
            .iter()
            .map(|approval| {
                let mut groups = groups_now(&approval.approver);
                if approval.presence == Approval::BY_PASSWORD {
                    groups.retain(|group| approval.approver.groups.contains(group));
                }
                Approver { groups, ..approval.approver.clone() }
            })
            .collect();
        self.missing_for(current.iter().collect())
    }

    fn missing_for(&self, mut approvers: Vec<&Approver>) -> Vec<Requirement> {
        approvers.retain(|approver| !self.may_be_requester(approver));
        missing(&self.shown.requirements, &approvers)
    }

    /// Whether the approvals suffice, with the groups that each approver is in now.
    pub(super) fn suffices(&self, groups_now: &dyn Fn(&Approver) -> Vec<String>) -> bool {
        match self.shown.decision {
            // Approvals that nobody can be asked for are never complete.
            Decision::Approve => {
                !self.shown.requirements.is_empty() && self.missing_now(groups_now).is_empty()
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
    pub fn shortfall(&self, groups_now: &dyn Fn(&Approver) -> Vec<String>) -> Option<String> {
        if self.suffices(groups_now) {
            return None;
        }
        let needed = |group: &&String| {
            self.shown.requirements.iter().any(|requirement| requirement.group == **group)
        };
        let left: Vec<String> = self
            .approvals
            .iter()
            .map(|approval| &approval.approver)
            .flat_map(|approver| {
                let now = groups_now(approver);
                let gone = approver.groups.iter().filter(needed).filter(|was| !now.contains(was));
                gone.map(|group| {
                    format!("{} has left group {}", visible(&approver.name), visible(group))
                })
                .collect::<Vec<_>>()
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
            _ if self.shown.requirements.is_empty() => {
                "somebody's approval, and the policy names nobody who could give it".to_owned()
            }
            _ => needed_text(&self.missing()),
        }
    }

    /// Whether this viewer may see the request: its requester, those who may decide it, and root.
    pub fn may_see(&self, uid: u32, groups: &[String]) -> bool {
        uid == 0
            || uid == self.bound.requester.uid
            || self.shown.requirements.iter().any(|needed| groups.contains(&needed.group))
            || self.reviewers().iter().any(|group| groups.contains(group))
    }

    /// Whether this yes counts.
    pub(super) fn check_approver(&self, approver: &Approver) -> Result<(), StoreError> {
        check_human(approver)?;
        if self.shown.decision == Decision::Confirm {
            return self.check_confirmer(approver);
        }
        self.check_not_requester(approver, "approve")?;
        let person = Person::from(approver);
        let already =
            self.approvals.iter().find(|given| person.may_be(Person::from(&given.approver)));
        if let Some(given) = already {
            return refused(format!(
                "{} have already approved {}: it still needs {}, from somebody else",
                if given.approver.uid == approver.uid {
                    "you".to_owned()
                } else {
                    format!("you, as {},", visible(&given.approver.name))
                },
                self.id,
                self.needed()
            ));
        }
        let with: Vec<&Approver> =
            self.approvals.iter().map(|given| &given.approver).chain([approver]).collect();
        // Not "is in a group that is still missing": somebody who has approved may move over.
        if total(&self.missing_for(with)) < total(&self.missing()) {
            return Ok(());
        }
        refused(format!(
            "{} cannot approve {}: it needs {}{}",
            visible(&approver.name),
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
        let reviewers = self.reviewers().iter();
        if named
            .iter()
            .map(|needed| &needed.group)
            .chain(reviewers)
            .any(|group| approver.groups.contains(group))
        {
            return Ok(());
        }
        refused(format!(
            "{} cannot reject {}: only those can who could approve it (groups: {}){}",
            visible(&approver.name),
            self.id,
            named.iter().map(|needed| visible(&needed.group)).collect::<Vec<_>>().join(", "),
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

fn needed_text(requirements: &[Requirement]) -> String {
    let texts: Vec<String> = requirements
        .iter()
        .map(|needed| format!("{} of group {}", needed.count, visible(&needed.group)))
        .collect();
    texts.join(" and ")
}

pub(super) fn in_groups(approver: &Approver) -> String {
    if approver.groups.is_empty() {
        "; you count for none of the policy's groups".to_owned()
    } else {
        format!("; you are in {}", visible(&approver.groups.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::RequesterKind;
    use crate::review::samples::{approval, approver, record};

    fn refusal(result: Result<(), StoreError>) -> String {
        match result {
            Err(StoreError::NotAllowed(sentence)) => sentence,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn the_requester_never_counts_by_uid_or_by_login_uid() {
        let mut record = record();
        let mut alice = approver(1000, &["ops"]);
        assert!(refusal(record.check_approver(&alice)).contains("you asked for it yourself"));
        // alice with su, as bob
        alice.uid = 1001;
        assert!(refusal(record.check_approver(&alice)).contains("by login uid"));
        // alice asked from a service without a login, then became bob with su
        record.bound.requester.login_uid = None;
        assert!(refusal(record.check_approver(&alice)).contains("by login uid"));
        // alice asked as root, then decides as herself from where no login uid is known
        record.bound.requester.uid = 0;
        record.bound.requester.login_uid = Some(1000);
        let no_login = Approver { uid: 1000, login_uid: None, ..alice };
        assert!(refusal(record.check_approver(&no_login)).contains("by login uid"));
    }

    #[test]
    fn an_unknown_login_uid_is_neither_equal_nor_different() {
        let mut record = record();
        record.bound.requester.login_uid = None;
        let mut bob = approver(1001, &["ops"]);
        bob.login_uid = None;
        record.check_approver(&bob).unwrap();
        bob.uid = 1000;
        refusal(record.check_approver(&bob));
    }

    #[test]
    fn agents_and_pipelines_decide_nothing_also_not_a_confirmation() {
        for decision in [Decision::Approve, Decision::Confirm] {
            let mut record = record();
            record.shown.decision = decision;
            for (uid, kind) in [(1000, RequesterKind::Agent), (1001, RequesterKind::Ci)] {
                let program = Approver { kind, ..approver(uid, &["ops"]) };
                assert!(refusal(record.check_approver(&program)).contains("only a human"));
                assert!(refusal(record.check_rejecter(&program)).contains("only a human"));
            }
        }
    }

    #[test]
    fn a_confirmation_is_for_the_requesters_own_human_alone() {
        let mut record = record();
        record.shown.decision = Decision::Confirm;
        record.bound.requester.kind = RequesterKind::Agent;
        record.check_approver(&approver(1000, &[])).unwrap();
        let refused = refusal(record.check_approver(&approver(1001, &["ops"])));
        assert!(refused.contains("a confirmation by alice"), "{refused}");
    }

    #[test]
    fn one_who_is_in_no_group_that_is_needed_is_told_who_is() {
        let record = record();
        assert_eq!(
            refusal(record.check_approver(&approver(1001, &["web"]))),
            "user1001 cannot approve K7Q2-MX4P: it needs 1 of group ops; you are in web"
        );
        assert!(refusal(record.check_rejecter(&approver(1001, &[]))).contains("(groups: ops)"));
    }

    #[test]
    fn one_who_frees_a_place_for_somebody_else_counts() {
        let mut record = record();
        record.shown.requirements.push(Requirement { group: "security".into(), count: 1 });
        record.approvals.push(approval(1001, &["ops", "security"]));
        record.check_approver(&approver(1002, &["ops"])).unwrap();
        record.check_approver(&approver(1002, &["security"])).unwrap();
        let again = refusal(record.check_approver(&approver(1001, &["ops"])));
        assert!(again.starts_with("you have already approved"), "{again}");
    }

    #[test]
    fn one_who_has_left_the_group_no_longer_counts() {
        let mut record = record();
        record.approvals.push(approval(1001, &["ops"]));
        assert!(record.suffices(&|approver| approver.groups.clone()));
        assert!(!record.suffices(&|_| Vec::new()));
        assert_eq!(record.missing_now(&|_| Vec::new()), record.shown.requirements);
        assert_eq!(record.shortfall(&|approver| approver.groups.clone()), None);
        assert_eq!(
            record.shortfall(&|_| Vec::new()).unwrap(),
            "the approvals no longer suffice: user1001 has left group ops"
        );
    }

    #[test]
    fn approvals_that_nobody_can_give_are_never_complete() {
        let mut record = record();
        record.shown.requirements.clear();
        assert!(!record.suffices(&|approver| approver.groups.clone()));
        refusal(record.check_approver(&approver(1001, &["ops"])));
    }

    #[test]
    fn a_request_is_seen_by_its_requester_those_who_may_decide_and_root() {
        let record = record();
        assert!(record.may_see(1000, &[]));
        assert!(record.may_see(1001, &["ops".into()]));
        assert!(record.may_see(0, &[]));
        assert!(!record.may_see(1001, &["web".into()]));
    }
}
