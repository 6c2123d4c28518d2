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
            Decision::Allow | Decision::Deny => false,
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
    pub(super) fn check_approver(
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
        refused(format!(
            "{} have already approved {}: it still needs {}, from somebody else",
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
        if named.iter().any(|needed| needed.is_for(&approver.groups)) {
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

    fn may_be_requester(&self, approver: &Approver) -> bool {
        Person::from(approver).may_be(Person::from(&self.bound.requester))
    }
}

fn check_human(approver: &Approver) -> Result<(), StoreError> {
    if approver.is_human() {
        return Ok(());
    }
    refused(format!(
        "{} is {} here: only a human decides, from a login of their own",
        visible(&approver.name),
        kind_text(approver.kind)
    ))
}

fn refused(sentence: String) -> Result<(), StoreError> {
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

fn in_groups(approver: &Approver) -> String {
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
    use crate::review::samples::{approval, approver, record, requirement};

    fn refusal(result: Result<(), StoreError>) -> String {
        match result {
            Err(StoreError::NotAllowed(sentence)) => sentence,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Whether the yes of somebody counts who has logged in.
    fn check(record: &Record, approver: &Approver) -> Result<(), StoreError> {
        record.check_approver(approver, Presence::Uid)
    }

    /// Two of ops, one of them or of dba with a touch.
    fn record_for_three() -> Record {
        let mut record = record();
        let touched = Requirement { presence: Presence::Touch, ..requirement(&["dba", "ops"], 1) };
        record.shown.requirements = vec![touched, requirement(&["ops"], 2)];
        record
    }

    #[test]
    fn one_whose_proof_is_too_weak_is_told_exactly_that_and_what_to_do() {
        let mut record = record_for_three();
        let dba = approver(1001, &["dba"]);
        for (weak, words) in [
            (Presence::Uid, "a login proves too little"),
            (Presence::Key, "a signature with an SSH key proves too little"),
        ] {
            let refused = refusal(record.check_approver(&dba, weak));
            let told = format!("user1001 is in the right group, but {words} to approve K7Q2-MX4P");
            assert!(refused.starts_with(&told), "{refused}");
            let needs = ": it needs 1 of group dba or ops by touch and 2 of group ops; \
                         \"hitl approve K7Q2-MX4P\" signs with your SSH key, which must be a \
                         hardware key that you touch";
            assert!(refused.ends_with(needs), "{refused}");
        }
        record.check_approver(&dba, Presence::Verify).unwrap();
        // Once nobody with a touch is needed any more, it is not the proof that is wrong.
        record.approvals.push(Approval { presence: Presence::Touch, ..approval(1002, &["dba"]) });
        let refused = refusal(record.check_approver(&dba, Presence::Uid));
        assert!(refused.ends_with("it needs 2 of group ops; you are in dba"), "{refused}");
    }

    #[test]
    fn a_stronger_proof_counts_in_place_of_the_first_where_that_one_could_not() {
        let mut record = record_for_three();
        let bob = approver(1001, &["ops"]);
        record.approvals.push(approval(1001, &["ops"]));
        for weak in [Presence::Uid, Presence::Key] {
            let again = refusal(record.check_approver(&bob, weak));
            assert!(again.starts_with("you have already approved"), "{again}");
        }
        record.check_approver(&bob, Presence::Touch).unwrap();
        // By another account of theirs that is in no such group, it is worth nothing.
        let other = Approver { login_uid: Some(1001), ..approver(1007, &["web"]) };
        let refused = refusal(record.check_approver(&other, Presence::Verify));
        assert!(refused.starts_with("you, as user1001, have already"), "{refused}");
        // The place for a touch is filled: theirs would change nothing.
        record.approvals.push(Approval { presence: Presence::Touch, ..approval(1002, &["dba"]) });
        refusal(record.check_approver(&bob, Presence::Touch));
    }

    #[test]
    fn a_stronger_proof_counts_also_where_somebody_else_moves_over_for_it() {
        let mut record = record();
        let touched =
            |groups: &[&str]| Requirement { presence: Presence::Touch, ..requirement(groups, 1) };
        record.shown.requirements =
            vec![touched(&["dba"]), touched(&["dba", "ops"]), requirement(&["ops"], 1)];
        // carol fills one of the two places for a touch, whichever is left is bob's by a touch.
        record.approvals.push(Approval { presence: Presence::Touch, ..approval(1002, &["dba"]) });
        record.approvals.push(approval(1001, &["ops"]));
        record.check_approver(&approver(1001, &["ops"]), Presence::Touch).unwrap();
    }

    #[test]
    fn a_no_counts_from_the_groups_whatever_was_proved() {
        let record = record_for_three();
        record.check_rejecter(&approver(1001, &["dba"])).unwrap();
        let refused = refusal(record.check_rejecter(&approver(1001, &["web"])));
        assert!(refused.contains("(groups: dba, ops)"), "{refused}");
    }

    #[test]
    fn the_requester_never_counts_by_uid_or_by_login_uid() {
        let mut record = record();
        let mut alice = approver(1000, &["ops"]);
        assert!(refusal(check(&record, &alice)).contains("you asked for it yourself"));
        // alice with su, as bob
        alice.uid = 1001;
        assert!(refusal(check(&record, &alice)).contains("by login uid"));
        // alice asked from a service without a login, then became bob with su
        record.bound.requester.login_uid = None;
        assert!(refusal(check(&record, &alice)).contains("by login uid"));
        // alice asked as root, then decides as herself from where no login uid is known
        record.bound.requester.uid = 0;
        record.bound.requester.login_uid = Some(1000);
        let no_login = Approver { uid: 1000, login_uid: None, ..alice };
        assert!(refusal(check(&record, &no_login)).contains("by login uid"));
    }

    #[test]
    fn an_unknown_login_uid_is_neither_equal_nor_different() {
        let mut record = record();
        record.bound.requester.login_uid = None;
        let mut bob = approver(1001, &["ops"]);
        bob.login_uid = None;
        check(&record, &bob).unwrap();
        bob.uid = 1000;
        refusal(check(&record, &bob));
    }

    #[test]
    fn agents_and_pipelines_decide_nothing_also_not_a_confirmation() {
        for decision in [Decision::Approve, Decision::Confirm] {
            let mut record = record();
            record.shown.decision = decision;
            for (uid, kind) in [(1000, RequesterKind::Agent), (1001, RequesterKind::Ci)] {
                let program = Approver { kind, ..approver(uid, &["ops"]) };
                assert!(refusal(check(&record, &program)).contains("only a human"));
                assert!(refusal(record.check_rejecter(&program)).contains("only a human"));
            }
        }
    }

    #[test]
    fn a_confirmation_is_for_the_requesters_own_human_alone() {
        let mut record = record();
        record.shown.decision = Decision::Confirm;
        record.bound.requester.kind = RequesterKind::Agent;
        check(&record, &approver(1000, &[])).unwrap();
        let refused = refusal(check(&record, &approver(1001, &["ops"])));
        assert!(refused.contains("a confirmation by alice"), "{refused}");
    }

    #[test]
    fn one_who_is_in_no_group_that_is_needed_is_told_who_is() {
        let record = record();
        assert_eq!(
            refusal(check(&record, &approver(1001, &["web"]))),
            "user1001 cannot approve K7Q2-MX4P: it needs 1 of group ops; you are in web"
        );
        assert!(refusal(record.check_rejecter(&approver(1001, &[]))).contains("(groups: ops)"));
    }

    #[test]
    fn one_who_frees_a_place_for_somebody_else_counts() {
        let mut record = record();
        record.shown.requirements.push(requirement(&["security"], 1));
        record.approvals.push(approval(1001, &["ops", "security"]));
        check(&record, &approver(1002, &["ops"])).unwrap();
        check(&record, &approver(1002, &["security"])).unwrap();
        let again = refusal(check(&record, &approver(1001, &["ops"])));
        assert!(again.starts_with("you have already approved"), "{again}");
    }

    #[test]
    fn one_who_has_left_the_group_no_longer_counts() {
        let mut record = record();
        record.approvals.push(approval(1001, &["ops"]));
        assert!(record.suffices(&Approval::as_given));
        assert!(!record.suffices(&|_, _| Ok(Vec::new())));
        assert_eq!(record.missing_now(&|_, _| Ok(Vec::new())), record.shown.requirements);
        assert_eq!(record.shortfall(&Approval::as_given), None);
        assert_eq!(
            record.shortfall(&|_, _| Ok(Vec::new())).unwrap(),
            "the approvals no longer suffice: user1001 has left group ops"
        );
    }

    #[test]
    fn approvals_that_nobody_can_give_are_never_complete() {
        let mut record = record();
        record.shown.requirements.clear();
        assert!(!record.suffices(&Approval::as_given));
        refusal(check(&record, &approver(1001, &["ops"])));
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
