//! Break-glass: in an emergency, whom the policy trusts with it runs what it softly denies.
//!
//! Nothing else is weakened. A hard denial stays one, and so does a threshold's; a program never lifts
//! anything; the requester proves that it is them where the rules ask for it; where humans would be
//! needed without the denial, they still are. It costs a reason and an answer typed at a terminal, it is
//! on record apart before anything starts, everybody named for it is told, and another human reviews it.

use super::case::Case;
use super::pause::{pause, wait_begins};
use super::record::OnRecord;
use super::{
    Event, Front, Manner, Outcome, ProtocolError, Rooms, decisions, deny_because, editing,
};
use super::{candidates, notifying, plans, proceed, told};
use crate::invocation::RequesterKind;
use crate::notify;
use crate::policy::{Decision, Emergency, Enforcement, Verdict, required_in_words};
use crate::review::{self, BreakGlass, Listing, Record, RequestStore, State};
use crate::system::Moment;
use crate::system::unprivileged::limit_too_low;

/// How many characters of the id are to be typed.
const TYPED: usize = 4;

/// What is typed to break the glass comes from a terminal, for a program in a person's shell could add
/// an option as well as they could.
const NO_TERMINAL: &str = "it was not lifted: breaking the glass is confirmed by typing, and there is no \
                           terminal to ask you at: run it from a terminal, in its foreground";

const NOT_CONFIRMED: &str = "it was not lifted: what was to be typed was not";

/// A denial that its requester lifts.
pub(super) struct Lifted {
    /// What the policy said.
    denied: Verdict,
    /// What follows.
    emergency: Emergency,
}

impl Case<'_> {
    /// Why its requester cannot lift the denial, as a clause; `None` where they can.
    pub fn cannot_break_glass(&self) -> Option<&'static str> {
        let verdict = &self.verdict;
        if verdict.decision != Decision::Deny {
            return Some("the rules do not deny this, and what they ask for they still ask for");
        }
        if verdict.enforcement != Enforcement::Soft || verdict.denied_by.is_empty() {
            return Some("only a change of the policy lifts this denial");
        }
        if verdict.requester_kind != RequesterKind::Human {
            return Some("the policy takes you for a program, and only a human lifts a denial");
        }
        let requester = &self.invocation.requester;
        let groups = self.rooms.policy.groups_of(&requester.name, &requester.groups);
        match self.rooms.policy.emergency() {
            Some(emergency) if emergency.groups.iter().any(|group| groups.contains(group)) => None,
            _ => Some("the policy does not let you lift denials"),
        }
    }

    /// Who would still have to approve it once its denial is lifted; `None` where nobody.
    pub fn needed_beside_the_denial(&self) -> Option<String> {
        let left = self.verdict_lifting_soft_denials();
        (left.decision == Decision::Approve).then(|| required_in_words(&left.requirements))
    }

    /// What the policy said, whatever of it is lifted.
    pub(super) fn verdict_of_the_policy(&self) -> &Verdict {
        self.lifted.as_ref().map_or(&self.verdict, |lifted| &lifted.denied)
    }

    /// From here on its denial is lifted, where its requester may do that.
    pub(super) fn lift(&mut self) -> Result<(), &'static str> {
        if let Some(why) = self.cannot_break_glass() {
            return Err(why);
        }
        let Some(emergency) = self.rooms.policy.emergency() else { return Ok(()) };
        let left = self.verdict_lifting_soft_denials();
        let denied = std::mem::replace(&mut self.verdict, left);
        self.lifted = Some(Lifted { denied, emergency });
        Ok(())
    }

    /// What the policy decided, as a request says it: `deny` where a lifted denial is all there was.
    pub(super) fn decision_shown(&self) -> Decision {
        match (&self.lifted, self.verdict.decision) {
            (Some(_), Decision::Allow | Decision::Confirm) => Decision::Deny,
            (_, decision) => decision,
        }
    }
}

/// What a request says about the denial that it lifts.
pub(super) fn shown(case: &Case<'_>) -> Option<BreakGlass> {
    let lifted = case.lifted.as_ref()?;
    Some(BreakGlass {
        lifted: lifted.denied.denied_by.clone(),
        reviewers: lifted.emergency.reviewers.clone(),
        review_by: Moment::now().plus(lifted.emergency.review_within),
    })
}

/// The channels that are told what becomes of a request: where it lifts a denial those of the policy's
/// `break_glass`, and those that would be told of the command anyway.
pub(super) fn channels(case: &Case<'_>) -> Vec<String> {
    let emergency = case.lifted.iter().flat_map(|lifted| &lifted.emergency.notify);
    let others = case.verdict.notify.iter().filter(|one| !emergency.clone().any(|two| two == *one));
    emergency.clone().chain(others).cloned().collect()
}

/// Walks a command through whose denial is lifted.
pub(super) fn run(
    rooms: &Rooms,
    case: &Case<'_>,
    manner: &mut Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    if !channels(case).is_empty()
        && let Some(limit) = limit_too_low()
    {
        let why = format!(
            "it was not lifted: nobody could be told of it, for your limit on {limit} (ulimit) is too low and cannot be raised here; raise it and try again"
        );
        return deny_because(rooms, case, why);
    }
    let mut record = decisions::make(rooms, case)?;
    manner.front.event(&Event::BreakingGlass(&told::record(&record)?));
    if let Err(why) = confirm(&record, manner.front) {
        return deny_because(rooms, case, why.to_owned());
    }
    if case.verdict.decision == Decision::Approve {
        wait_begins(manner)?;
    }
    record.break_glass(&Moment::now())?;
    editing::keep(rooms, &record.id, case)?;
    plans::keep(rooms, &record.id, &case.purpose)?;
    let on_record = OnRecord::new(case, &record.id, record.digest);
    let mut entries = Vec::from(on_record.asked_and_decided());
    entries.extend(on_record.glass_broken(&record));
    entries.extend(on_record.proved());
    rooms.log.append(&entries, &Moment::now())?;
    // Approved from its first moment on disk: there is no state in which it waits for nobody.
    rooms.requests.insert(&record)?;
    notifying::tell(rooms, notify::Event::BreakGlass, &record.shown.notify, &record);
    manner.front.event(&Event::GlassBroken(&told::record(&record)?));
    if record.state == State::Approved {
        return proceed(rooms, case, Some(record), manner);
    }
    notifying::pending(rooms, &record);
    let candidates = candidates(rooms, &record);
    manner.front.event(&Event::Pending(&told::record(&record)?, &candidates));
    pause(rooms, case, record, &candidates, manner)
}

/// Asks at the requester's terminal. What was typed before the question is no answer to it.
fn confirm(record: &Record, front: &mut dyn Front) -> Result<(), &'static str> {
    let mut conversation = front.conversation().ok_or(NO_TERMINAL)?;
    let expected: String = record.id.to_string().chars().take(TYPED).collect();
    let question = format!(
        "To break the glass, type {expected}, how the request id begins; else it is refused: "
    );
    let typed = conversation.shown(&question).map_err(|_| NOT_CONFIRMED)?;
    let typed = typed.usable().and_then(|bytes| std::str::from_utf8(bytes).ok());
    match typed {
        Some(typed) if typed.trim().eq_ignore_ascii_case(&expected) => Ok(()),
        _ => Err(NOT_CONFIRMED),
    }
}

/// The runs of lifted denials that nobody has reviewed, those that the caller may see, the oldest first.
///
/// # Errors
/// [`ProtocolError::Store`], [`ProtocolError::Identity`].
pub fn unreviewed(rooms: &Rooms) -> Result<Listing, ProtocolError> {
    let may_see = decisions::may_see(rooms)?;
    let mut listing = rooms.requests.unreviewed()?;
    listing.records.retain(|record| may_see(record));
    Ok(listing)
}

/// How somebody who may lift a denial would, for whoever is refused.
pub(super) fn hint(case: &Case<'_>) -> Option<&'static str> {
    if case.cannot_break_glass().is_some() {
        return None;
    }
    Some(
        "in an emergency you may lift it, on record and reviewed by others afterwards: \"hitl run \
         --break-glass --reason WHY -- COMMAND\"",
    )
}

/// Whether this is a reason for which a denial may be lifted: it says something.
pub fn is_a_reason(text: &str) -> bool {
    review::is_a_reason(text)
}
