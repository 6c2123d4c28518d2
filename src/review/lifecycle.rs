//! A request's life: `pending → approved → running → finished`, or an early end.
//!
//! Each step is a function on the record alone. What makes a step happen once, and last, is the
//! store, which calls it under its lock.

use std::time::Duration;

use super::lines::made_visible;
use super::person::Person;
use super::{
    Approval, Approver, Bound, Counted, Record, Rejection, RequestId, Runner, Salt, Shown, State,
    StoreError,
};
use crate::system::Moment;
use crate::system::text::visible;

impl Record {
    /// A new request, pending from `created` on. The expiry that it is bound to is set here.
    ///
    /// # Errors
    /// [`StoreError::NotCanonical`].
    pub fn new(
        id: RequestId,
        mut bound: Bound,
        salt: Salt,
        shown: Shown,
        created: Moment,
        approval_expiry: Duration,
        execution_expiry: Duration,
    ) -> Result<Self, StoreError> {
        let approval_deadline = created.plus(approval_expiry);
        bound.expires_ms = approval_deadline.wall_ms;
        Ok(Self {
            v: Self::FORMAT,
            id,
            digest: bound.digest()?,
            bound,
            salt,
            shown,
            state: State::Pending,
            changed: created.clone(),
            created,
            approval_deadline,
            execution_deadline: None,
            execution_expiry_ms: u64::try_from(execution_expiry.as_millis()).unwrap_or(u64::MAX),
            approvals: Vec::new(),
            offers: Vec::new(),
            rejection: None,
            runner: None,
            ending: None,
            review: None,
            closed_because: None,
        })
    }

    /// The format that this version writes and reads.
    pub const FORMAT: u32 = 1;

    /// A human says yes. What counts depends on what the policy decided: for `approve` another
    /// human of a group that is still needed, for `confirm` the requester's own human. With the
    /// last yes that is needed, the request is approved and the time to use it begins.
    ///
    /// # Errors
    /// [`StoreError::WrongState`]; [`StoreError::NotAllowed`], naming who may decide.
    pub fn approve(
        &mut self,
        approver: Approver,
        message: Option<String>,
        now: &Moment,
    ) -> Result<Approval, StoreError> {
        self.approve_with(Approval::by_login(approver, message, now))
    }

    /// As [`Record::approve`], by a proof of any kind, at the moment that it names. It takes the place
    /// of an earlier one by the same person. Whoever calls has verified the proof, and that its presence
    /// is what it is worth.
    ///
    /// # Errors
    /// As [`Record::approve`].
    pub fn approve_with(&mut self, approval: Approval) -> Result<Approval, StoreError> {
        let now = approval.at.clone();
        self.demand(&[State::Pending], &now)?;
        self.check_approver(&approval.approver, approval.presence)?;
        let person = Person::from(&approval.approver);
        self.approvals.retain(|given| !person.may_be(Person::from(&given.approver)));
        self.approvals.push(approval.clone());
        if self.suffices(&Approval::as_given) {
            self.execution_deadline =
                Some(now.plus(Duration::from_millis(self.execution_expiry_ms)));
            self.enter(State::Approved, &now);
        }
        Ok(approval)
    }

    /// A human says no. One no is final, also over approvals that were given, as long as the
    /// command has not started.
    ///
    /// # Errors
    /// As [`Record::approve`], and for an empty message.
    pub fn reject(&mut self, rejection: Rejection) -> Result<(), StoreError> {
        let now = rejection.at.clone();
        self.demand(&[State::Pending, State::Approved], &now)?;
        self.check_rejecter(&rejection.approver)?;
        if rejection.message.trim().is_empty() {
            return Err(StoreError::NotAllowed(format!(
                "a rejection needs a reason, for the one who asked: hitl reject {} -m REASON",
                self.id
            )));
        }
        self.rejection = Some(rejection);
        self.enter(State::Rejected, &now);
        Ok(())
    }

    /// Notes where in the audit log the last approval stands.
    pub fn recorded_at(&mut self, sequence: u64) {
        if let Some(last) = self.approvals.last_mut() {
            last.recorded.get_or_insert(sequence);
        }
    }

    /// The requester, or root, takes it back.
    ///
    /// # Errors
    /// [`StoreError::WrongState`], [`StoreError::NotAllowed`].
    pub fn cancel(&mut self, uid: u32, name: &str, now: &Moment) -> Result<(), StoreError> {
        self.demand(&[State::Pending, State::Approved], now)?;
        if uid != self.bound.requester.uid && uid != 0 {
            return Err(StoreError::NotAllowed(format!(
                "only {}, who asked for it, and root can cancel {}: those who may decide reject it \
                 with \"hitl reject\"",
                visible(&self.bound.requester.name),
                self.id
            )));
        }
        self.closed_because = Some(cancelled_by(name));
        self.enter(State::Cancelled, now);
        Ok(())
    }

    /// Whether it was somebody of this name who took it back.
    pub fn was_cancelled_by(&self, name: &str) -> bool {
        self.state == State::Cancelled && self.closed_because == Some(cancelled_by(name))
    }

    /// Something it was bound to has changed, or the policy no longer lets its approvals suffice.
    ///
    /// # Errors
    /// [`StoreError::WrongState`].
    pub fn void(&mut self, because: &str, now: &Moment) -> Result<(), StoreError> {
        self.demand(&[State::Pending, State::Approved], now)?;
        self.closed_because = Some(because.to_owned());
        self.enter(State::Void, now);
        Ok(())
    }

    /// Uses the approval, once, as far as its parts count now; approvals that no longer suffice are not
    /// used.
    ///
    /// # Errors
    /// [`StoreError::WrongState`]; [`StoreError::NotAllowed`] where somebody is missing now.
    pub fn consume(
        &mut self,
        runner: Runner,
        counted: &Counted<'_>,
        now: &Moment,
    ) -> Result<(), StoreError> {
        self.demand(&[State::Approved], now)?;
        if let Some(shortfall) = self.shortfall(counted) {
            return Err(StoreError::NotAllowed(format!(
                "{} cannot run: {shortfall}; ask anew with \"hitl run\"",
                self.id
            )));
        }
        self.runner = Some(runner);
        self.enter(State::Running, now);
        Ok(())
    }

    /// The command has ended. Also for one that was taken for lost: how it ended is known now.
    ///
    /// # Errors
    /// [`StoreError::WrongState`].
    pub fn finish(&mut self, ending: &str, now: &Moment) -> Result<(), StoreError> {
        self.demand(&[State::Running, State::Unknown], now)?;
        self.ending = Some(ending.to_owned());
        self.closed_because = None;
        self.enter(State::Finished, now);
        Ok(())
    }

    /// What its state means and what can be done, for the one who asked for something else.
    pub fn standing(&self) -> String {
        let until = |deadline: &Moment| deadline.rfc3339();
        let because = self.closed_because.as_deref().map_or_else(String::new, made_visible);
        match self.state {
            State::Pending => format!(
                "it needs {} until {}; \"hitl show {}\" shows it",
                self.needed(),
                until(&self.approval_deadline),
                self.id
            ),
            State::Approved if self.bound.break_glass => format!(
                "{} lifted the denial; \"hitl run --resume {}\" starts it, until {}",
                visible(&self.bound.requester.name),
                self.id,
                self.execution_deadline.as_ref().map(until).unwrap_or_default()
            ),
            State::Approved => format!(
                "everything needed was given; where {} does not wait for it already, \"hitl run --resume {}\" starts it, until {}",
                visible(&self.bound.requester.name),
                self.id,
                self.execution_deadline.as_ref().map(until).unwrap_or_default()
            ),
            State::Running => {
                "its command was started, and an approval is for one start".to_owned()
            }
            State::Finished if self.bound.break_glass => format!(
                "its command has ended ({}); {}",
                self.ending.as_deref().map(visible).unwrap_or_default(),
                self.review_standing()
            ),
            State::Finished => format!(
                "its command has ended ({}); to run it again, ask anew with \"hitl run\"",
                self.ending.as_deref().map(visible).unwrap_or_default()
            ),
            State::Rejected => self.rejection.as_ref().map_or_else(String::new, |rejection| {
                format!(
                    "{} said no ({}), and that is final; ask anew with \"hitl run\"",
                    visible(&rejection.approver.name),
                    visible(&rejection.message)
                )
            }),
            State::Expired | State::Cancelled | State::Void => {
                format!("{because}; ask anew with \"hitl run\"")
            }
            State::Unknown if self.bound.break_glass => {
                format!("{because}; look at what the command did; {}", self.review_standing())
            }
            State::Unknown => format!(
                "{because}; look at what the command did before you ask anew with \"hitl run\""
            ),
        }
    }

    pub(super) fn enter(&mut self, state: State, now: &Moment) {
        self.state = state;
        self.changed = now.clone();
    }

    /// Only in these states, and only while time has not changed them.
    pub(super) fn demand(&mut self, states: &[State], now: &Moment) -> Result<(), StoreError> {
        self.pass_time(now);
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(StoreError::WrongState {
            id: self.id.clone(),
            state: self.state.to_string(),
            sentence: self.standing(),
        })
    }
}

fn cancelled_by(name: &str) -> String {
    format!("cancelled by {}", visible(name))
}

impl State {
    /// Whether nothing more happens to a request in this state.
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Pending | Self::Approved | Self::Running)
    }
}
