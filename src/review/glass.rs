//! A denial that is lifted in an emergency: what makes a record one, and the review afterwards.
//!
//! That the glass was broken is bound, so that the digest under which the log knows a request says it
//! too. Such a record is never pending for lack of a human, unless the policy asks for one beside the
//! denial; and it is not done with before somebody else has said whether it was justified.

use std::time::Duration;

use super::deciders::{check_human, in_groups, refused};
use super::{Approver, BreakGlass, Judgement, Proof, Record, Review, State, StoreError};
use crate::invocation::RequesterKind;
use crate::policy::Decision;
use crate::system::Moment;
use crate::system::text::visible;

/// The sentence for a run that others have to look at.
const UNREVIEWED: &str = "it waits for a review by somebody else";

/// Whether this is a reason of substance: it says something.
pub fn is_a_reason(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

impl Review {
    /// What somebody says from their own login.
    pub fn by_login(
        reviewer: Approver,
        judgement: Judgement,
        message: Option<String>,
        at: &Moment,
    ) -> Self {
        Self { reviewer, judgement, message, proof: Proof::Login, at: at.clone() }
    }
}

impl Record {
    /// The requester lifts the denial: where nobody else is needed, it may start.
    ///
    /// # Errors
    /// [`StoreError::WrongState`]; [`StoreError::NotAllowed`] where this record lifts nothing.
    pub fn break_glass(&mut self, now: &Moment) -> Result<(), StoreError> {
        self.demand(&[State::Pending], now)?;
        self.check_glass().map_err(StoreError::NotAllowed)?;
        if self.is_lifted_alone() {
            self.execution_deadline =
                Some(now.plus(Duration::from_millis(self.execution_expiry_ms)));
            self.enter(State::Approved, now);
        }
        Ok(())
    }

    /// Whether the requester's own word is enough, because a soft denial is all that there was.
    pub(super) fn is_lifted_alone(&self) -> bool {
        self.shown.decision == Decision::Deny
            && self.bound.break_glass
            && self.approvals.is_empty()
            && self.check_glass().is_ok()
    }

    /// What must hold where the glass was broken, and that nothing of it is there where it was not.
    pub(super) fn check_glass(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("it lifts a denial, {what}"));
        match (&self.shown.break_glass, self.bound.break_glass) {
            (None, false) if self.review.is_none() => return Ok(()),
            (Some(glass), true) if glass.lifted.is_empty() => return wrong("and names none"),
            (Some(glass), true) if glass.lifted.iter().any(|id| !self.bound.rules.contains(id)) => {
                return wrong("and not by a rule that matches");
            }
            (Some(_), true) => {}
            _ => return wrong("or was reviewed, and is not bound to it"),
        }
        if self.bound.requester.kind != RequesterKind::Human {
            return wrong("and no human asked for it");
        }
        if !self.bound.reason.as_deref().is_some_and(is_a_reason) {
            return wrong("without a reason");
        }
        match &self.review {
            Some(_) if !matches!(self.state, State::Finished | State::Unknown) => {
                wrong("and was reviewed before it ended")
            }
            Some(review) if self.may_be_requester(&review.reviewer) => {
                wrong("and was reviewed by whoever asked for it")
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether what is decided about it now is whether lifting the denial was justified.
    pub fn is_for_review(&self) -> bool {
        self.bound.break_glass && self.state.is_closed()
    }

    /// Whether somebody still has to review it: a denial was lifted, and the command was started, or
    /// may have been.
    pub fn awaits_review(&self) -> bool {
        self.bound.break_glass
            && self.review.is_none()
            && matches!(self.state, State::Finished | State::Unknown)
    }

    /// Whether the time for that is over. Across a restart by the wall clock alone.
    pub fn review_is_overdue(&self, now: &Moment) -> bool {
        self.awaits_review()
            && self.shown.break_glass.as_ref().is_some_and(|glass| match &glass.review_by {
                by if by.boot_id == now.boot_id => by.has_passed(now),
                by => now.wall_ms >= by.wall_ms,
            })
    }

    /// The groups whose members review it; none where there is nothing to review.
    pub fn reviewers(&self) -> &[String] {
        self.shown.break_glass.as_ref().map_or(&[], |glass| &glass.reviewers)
    }

    /// Another human says whether lifting the denial was justified. One word is final.
    ///
    /// # Errors
    /// [`StoreError::WrongState`] before it has ended; [`StoreError::NotAllowed`] where their word does
    /// not count, it was reviewed before, or a blame is without a reason.
    pub fn review(&mut self, review: Review) -> Result<(), StoreError> {
        self.demand(&[State::Finished, State::Unknown], &review.at)?;
        self.check_reviewer(&review.reviewer)?;
        let says_why = review.message.as_deref().is_some_and(is_a_reason);
        if review.judgement == Judgement::NotJustified && !says_why {
            return refused(format!(
                "a review that finds no justification needs a reason: hitl reject {} -m REASON",
                self.id
            ));
        }
        self.review = Some(review);
        Ok(())
    }

    fn check_reviewer(&self, reviewer: &Approver) -> Result<(), StoreError> {
        check_human(reviewer)?;
        if self.shown.break_glass.is_none() {
            return refused(format!("{} lifted no denial: there is nothing to review", self.id));
        }
        if self.review.is_some() {
            return refused(format!("{} is reviewed: {}", self.id, self.review_standing()));
        }
        if self.may_be_requester(reviewer) {
            return refused(format!(
                "you cannot review {}: {} asked for it, and that is you; somebody else reviews it",
                self.id,
                visible(&self.bound.requester.name)
            ));
        }
        if reviewer.groups.iter().any(|group| self.reviewers().contains(group)) {
            return Ok(());
        }
        refused(format!(
            "{} cannot review {}: the members of {} do{}",
            visible(&reviewer.name),
            self.id,
            visible(&self.reviewers().join(", ")),
            in_groups(reviewer)
        ))
    }

    /// How the review stands, as half a sentence.
    pub(super) fn review_standing(&self) -> String {
        let Some(review) = &self.review else {
            let Some(BreakGlass { review_by, .. }) = &self.shown.break_glass else {
                return UNREVIEWED.to_owned();
            };
            // Others were asked before it ran: their word must say which of the two it is about.
            let option = if self.shown.decision == Decision::Approve { " --review" } else { "" };
            return format!(
                "{UNREVIEWED}, until {}: \"hitl approve {id}{option}\" says that it was justified, \
                 \"hitl reject {id}{option} -m REASON\" that it was not",
                review_by.rfc3339(),
                id = self.id
            );
        };
        let message = review.message.as_deref();
        let message = message.map_or_else(String::new, |text| format!(": \"{}\"", visible(text)));
        format!(
            "{} found that it was {}{message}",
            visible(&review.reviewer.name),
            review.judgement
        )
    }
}

impl std::fmt::Display for Judgement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Justified => "justified",
            Self::NotJustified => "not justified",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Approval;
    use crate::review::samples::{
        approval, approver, lifted_at, moment, record, requirement, runner,
    };
    use crate::system::BootId;

    fn record_that_lifts_nothing() -> Record {
        let mut record = record();
        record.state = State::Finished;
        record
    }

    fn lifted() -> Record {
        lifted_at("K7Q2-MX4P".parse().unwrap(), moment(0))
    }

    /// The same, with its end.
    fn ended() -> Record {
        let mut record = lifted();
        record.consume(runner(), &Approval::as_given, &moment(1)).unwrap();
        record.finish("exit 0", &moment(2)).unwrap();
        record
    }

    #[test]
    fn a_reason_says_something() {
        for reason in ["the site is down", "4711", "火事"] {
            assert!(is_a_reason(reason), "{reason}");
        }
        for nothing in ["", " ", "\t\n", "...", "\u{200b}\u{202e}", "-"] {
            assert!(!is_a_reason(nothing), "{nothing:?}");
        }
    }

    #[test]
    fn the_requesters_word_is_enough_only_where_the_digest_says_that_they_gave_it() {
        assert_eq!(lifted().state, State::Approved);
        assert!(lifted().suffices(&Approval::as_given));
        let mut unbound = lifted();
        unbound.bound.break_glass = false;
        let mut nameless = lifted();
        nameless.shown.break_glass.as_mut().unwrap().lifted.clear();
        let mut foreign = lifted();
        foreign.shown.break_glass.as_mut().unwrap().lifted = vec!["another".into()];
        let mut silent = lifted();
        silent.bound.reason = Some(" ".into());
        let mut program = lifted();
        program.bound.requester.kind = RequesterKind::Agent;
        let mut with_approvals = lifted();
        with_approvals.approvals.push(approval(1001, &["ops"]));
        let mut unshown = lifted();
        unshown.shown.break_glass = None;
        let mut reviewed_before = lifted();
        let bob = approver(1001, &["ops"]);
        reviewed_before.review =
            Some(Review::by_login(bob, Judgement::Justified, None, &moment(1)));
        for forged in
            [unbound, nameless, foreign, silent, program, with_approvals, unshown, reviewed_before]
        {
            assert!(!forged.suffices(&Approval::as_given), "{forged:?}");
        }
        let mut pending = record();
        pending.break_glass(&moment(1)).unwrap();
        assert_eq!(pending.state, State::Pending, "what lifts nothing is not approved by it");
    }

    #[test]
    fn humans_that_are_needed_beside_the_denial_are_needed_as_ever() {
        let mut record = lifted();
        record.state = State::Pending;
        record.shown.decision = Decision::Approve;
        record.shown.requirements = vec![requirement(&["ops"], 1)];
        record.break_glass(&moment(1)).unwrap();
        assert_eq!(record.state, State::Pending);
        record.approve(approver(1001, &["ops"]), None, &moment(2)).unwrap();
        assert_eq!(record.state, State::Approved);
    }

    #[test]
    fn another_human_of_the_reviewers_reviews_it_once_after_its_end() {
        let justified = |record: &mut Record, who: Approver| {
            record.review(Review::by_login(who, Judgement::Justified, None, &moment(3)))
        };
        let bob = || approver(1001, &["ops"]);
        assert!(justified(&mut lifted(), bob()).is_err(), "before it has ended");
        assert!(!lifted().awaits_review());
        let mut record = ended();
        assert!(record.awaits_review());
        let agent = Approver { kind: RequesterKind::Agent, ..bob() };
        let su = Approver { login_uid: Some(1000), ..bob() };
        for who in [approver(1000, &["ops"]), su, agent, approver(1001, &["web"])] {
            assert!(justified(&mut record, who).is_err());
        }
        let blame = record.review(Review::by_login(
            bob(),
            Judgement::NotJustified,
            Some(" ".into()),
            &moment(3),
        ));
        assert!(blame.is_err(), "a blame without a reason");
        justified(&mut record, bob()).unwrap();
        assert!(!record.awaits_review() && record.check_glass().is_ok());
        assert!(justified(&mut record, approver(1002, &["ops"])).is_err(), "twice");
        assert!(justified(&mut record_that_lifts_nothing(), bob()).is_err(), "nothing was lifted");
    }

    #[test]
    fn a_review_is_overdue_on_either_clock_and_across_a_restart() {
        let record = ended();
        assert!(!record.review_is_overdue(&moment(7199)));
        assert!(record.review_is_overdue(&moment(7200)));
        let mut set_back = moment(7200);
        set_back.wall_ms = moment(0).wall_ms;
        assert!(record.review_is_overdue(&set_back));
        let restarted = |seconds| crate::system::Moment {
            boot_ms: 1,
            boot_id: BootId("boot-2".into()),
            ..moment(seconds)
        };
        assert!(!record.review_is_overdue(&restarted(7199)));
        assert!(record.review_is_overdue(&restarted(7200)));
    }
}
