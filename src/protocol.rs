//! Intervention Protocol: the fixed sequence that every command walks through.
//!
//! Threshold trigger → execution pause → human review → approval or rejection; around it the
//! snapshot, the execution and the record. [`run`] is that sequence, to be read from top to bottom (the
//! pause is in `pause.rs`).
//! It is the only place that knows all rooms.
//!
//! The order is what makes it hold:
//!
//! 1. Nothing starts before its intent is durable in the audit log.
//! 2. An approval is consumed, durably, before the command that it is for starts: whatever dies in
//!    between, the command never runs twice.
//! 3. Everything an approval is bound to is taken again after the snapshot and before the approval
//!    is consumed: the last thing before the point of no return.

mod authentication;
mod break_glass;
mod candidates;
mod capturing;
mod case;
mod confining;
mod decisions;
mod editing;
mod error;
mod front;
mod in_place;
mod keeping;
mod notifying;
mod pause;
mod plans;
mod record;
mod ruling;
mod signers;
mod signing;
mod steps;
mod told;
mod undo;
mod undoing;

use std::time::Instant;

use crate::audit::Log;
use crate::execute::{self, Environment, ExecuteError, Launch};
use crate::invocation::Asked;
use crate::policy::{Decision, Policy};
use crate::review::{FileStore, Record, RequestId, RequestStore, State};
use crate::snapshot::SnapshotStore;
use crate::system::{Digest, Directories, Host, Moment, Sight};

pub use break_glass::{is_a_reason, unreviewed};
pub use candidates::candidates;
use capturing::Before;
pub use case::Case;
use confining::Confining;
pub use decisions::{cancel, may_decide, may_see};
pub use editing::{AsWhom, Judged, Proposal, edit, judge_edit, proposal};
pub use error::ProtocolError;
pub use front::{Event, Front, Manner, Outcome, Patience, Waiting};
pub use keeping::{Excess, kept, pin, plan_prune, prune, unpin, verify};
pub use notifying::test_channel;
use pause::{pause, wait_begins};
pub use plans::{Purpose, plan};
use record::OnRecord;
pub use ruling::{Word, approve, offer, reject};
pub use signers::{ChangedSigner, add_signer, remove_signers, revoke_signers};
pub use signing::{Proving, Sign};
pub use steps::note_overdue;
pub use told::viewer;
pub use undo::{
    Followed, UndoReport, Undoing, find_run, follow_up, needs_approval, runs, undo, unfinished,
};
pub use undoing::{approval_of, ask_undo};

/// The rooms of this process: opened once, each doing no work before it is needed.
pub struct Rooms {
    /// Where everything is kept.
    pub directories: Directories,
    /// The host.
    pub host: Host,
    /// Decision Authority.
    pub policy: Policy,
    /// Oversight Mechanism.
    pub requests: FileStore,
    /// Rollback Capability.
    pub snapshots: SnapshotStore,
    /// The record.
    pub log: Log,
}

/// Walks one command through the rooms.
///
/// # Errors
/// [`ProtocolError`]: hitl itself could not do its part; except for
/// [`ProtocolError::EndNotRecorded`], nothing has run.
pub fn run(
    rooms: &Rooms,
    asked: Asked,
    purpose: Purpose,
    mut manner: Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    // What is asked, and what the rules say about it.
    let mut case = Case::open(rooms, asked, purpose)?;
    // Its editor would run with the rights that are lent to the command.
    if case.invocation.is_edit() && case.invocation.content.is_none() {
        return Err(ProtocolError::EditWithin);
    }
    manner.front.event(&Event::Decided(&case));
    if manner.break_glass
        && let Err(why) = case.lift()
    {
        manner.front.event(&Event::GlassKept(why));
    }
    let is_refused = case.verdict.decision == Decision::Deny || case.nobody_can_approve();
    if !is_refused && case.cannot_be_confined().is_none() {
        // No human is asked for what could not be undone as the rules demand.
        if let Some(why) = case.undo_falls_short()? {
            return Err(ProtocolError::UndoFallsShort(why));
        }
    }
    // Before anything is asked of others, or runs: that it is the requester who asks.
    if !case.nobody_can_approve() && case.cannot_be_confined().is_none() {
        authentication::prove(&mut case, None, manner.front)?;
    }

    let outcome = match case.verdict.decision {
        Decision::Deny => deny(rooms, &case),
        _ if case.nobody_can_approve() => deny(rooms, &case),
        // No human is asked for what could not run here anyway.
        _ if case.cannot_be_confined().is_some() => Err(confining::refusal(&case)),
        _ if case.lifted.is_some() => break_glass::run(rooms, &case, &mut manner),
        Decision::Allow => proceed(rooms, &case, None, &mut manner),
        Decision::Confirm | Decision::Approve => {
            // Before there is anything to take back: a ^C that comes while it is made takes it back.
            wait_begins(&mut manner)?;
            // The pause: it is on record and on disk before anybody hears of it.
            let record = decisions::request(rooms, &case)?;
            let candidates = candidates(rooms, &record);
            manner.front.event(&Event::Pending(&told::record(&record)?, &candidates));
            pause(rooms, &case, record, &candidates, &mut manner)
        }
    };
    told::outcome(outcome?)
}

/// Goes on with a request that was made before, from this or another process.
///
/// # Errors
/// As [`run`].
pub fn resume(
    rooms: &Rooms,
    id: &RequestId,
    asked: Asked,
    mut manner: Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    note_overdue(rooms)?;
    let record = rooms.requests.load(id)?;
    decisions::only_the_requester(&record)?;
    let mut asked = case::asked_again(&record, asked);
    if let Err(void) = editing::asked_again(rooms, &record, &mut asked)? {
        return told::outcome(Outcome::Closed(void));
    }
    let opened = undoing::open_again(rooms, asked, Purpose::of(&record), &record)?;
    let mut case = match opened {
        Ok(case) => case,
        Err(closed) => return told::outcome(Outcome::Closed(closed)),
    };
    if record.bound.break_glass {
        // Where that is no longer theirs to do the request is void: its last check says so.
        let _ = case.lift();
    }
    if matches!(record.state, State::Pending | State::Approved) {
        authentication::prove(&mut case, Some(&record), manner.front)?;
    }
    let outcome = match record.state {
        State::Pending => {
            wait_begins(&mut manner)?;
            let candidates = candidates(rooms, &record);
            pause(rooms, &case, record, &candidates, &mut manner)
        }
        State::Approved => proceed(rooms, &case, Some(record), &mut manner),
        _ => Ok(Outcome::Closed(Box::new(record))),
    };
    told::outcome(outcome?)
}

/// Everything that was needed is there: snapshot, last check, point of no return, execution, record.
fn proceed(
    rooms: &Rooms,
    case: &Case<'_>,
    approved: Option<Record>,
    manner: &mut Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    let front = &mut *manner.front;
    let id = match &approved {
        Some(record) => record.id.clone(),
        None => RequestId::random()?,
    };
    // From here to the start it is for this process alone.
    let claim = approved.as_ref().map(|record| rooms.requests.claim(&record.id)).transpose()?;
    if claim.is_some() {
        // What a process left that was killed on this stretch is no state before this run.
        rooms.snapshots.discard(&id)?;
    }
    let before = capturing::capture(rooms, case, &id, approved.as_ref(), front)?;
    // The caller's side is waited for here, and not once everything has been looked at: whoever stops
    // it then could exchange what starts.
    let stage = execute::stage(manner.caller, &case.invocation.run_as, true);
    let last_step = match stage {
        Err(_) if front.has_gone() => Err(ProtocolError::CallerGone),
        Err(error) => Err(ExecuteError::Start(error).into()),
        Ok(stage) => {
            last_step(rooms, case, &id, approved.as_ref(), &before, front).map(|step| (step, stage))
        }
    };
    let (ready, stage) = match last_step {
        Ok((LastStep::Ready(ready), stage)) => (ready, stage),
        // Nothing ran, so that there is nothing to undo.
        Ok((LastStep::Void(record), _)) => {
            rooms.snapshots.discard(&id)?;
            return Ok(Outcome::Closed(record));
        }
        Err(error) => {
            return Err(rooms.snapshots.discard(&id).err().map_or(error, ProtocolError::from));
        }
    };
    drop(claim);
    let case = ready.again.as_deref().unwrap_or(case);
    let on_record = OnRecord::new(case, &id, ready.digest);
    if let Some(why) = ready.confining.shortfall() {
        front.event(&Event::NotConfined(why));
    }
    front.event(&Event::Started(&id));
    let begun = Instant::now();
    let launch = Launch {
        invocation: &case.invocation,
        run_as: &case.invocation.run_as,
        environment: &ready.environment,
        timeout: case.verdict.run_timeout,
        confinement: ready.confining.confinement(),
        caller: manner.caller,
        agreed: approved.as_ref().and_then(|record| record.bound.executable.sha256),
    };
    let executed = execute::run(&launch, stage);
    let duration = begun.elapsed();
    // What could not be started has an end as well: the log must not leave it open.
    let ending = executed.as_ref().map_or_else(ExecuteError::ending, |ending| *ending);
    if executed.is_ok() {
        front.event(&Event::Ended(&id, ending));
    }

    // What it changed, and how it ended.
    let undoable = before.captured().is_some();
    let after = match undoable {
        true => {
            match rooms.snapshots.capture_after(&id, &mut |progress| front.progress(progress)) {
                Ok(after) => Some(after),
                Err(error) => {
                    front.event(&Event::AfterNotRecorded(&error.as_told_to(Sight::of_caller())));
                    None
                }
            }
        }
        false => None,
    };
    // Only what was kept can have made it too large, and nobody waits for the command any more.
    if before.captured().is_some_and(|captured| captured.bytes > 0)
        && let Some(sentence) = keeping::too_large(rooms)
    {
        front.event(&Event::StoreTooLarge(&sentence));
    }
    let ending_text = record::ending_text(ending);
    let after = after.map(|captured| captured.manifest);
    let record_end = || -> Result<(), ProtocolError> {
        rooms
            .log
            .append(&[on_record.finished(ending, duration, after.as_ref())], &Moment::now())?;
        match approved {
            Some(_) => decisions::finish(rooms, &id, &ending_text)?,
            None => notifying::ran(case, &id, &ending_text),
        }
        Ok(())
    };
    let recorded = record_end();
    executed?;
    recorded.map_err(|source| ProtocolError::EndNotRecorded {
        ending: ending_text.clone(),
        source: Box::new(source),
    })?;
    Ok(Outcome::Ended { id, ending, undoable })
}

/// What came of the last step before the start.
enum LastStep<'r> {
    /// The approval is used up and the intent is on record.
    Ready(Ready<'r>),
    /// Something changed: nothing runs.
    Void(Box<Record>),
}

/// What is needed to start.
struct Ready<'r> {
    /// What runs, taken again, where it had to be approved.
    again: Option<Box<Case<'r>>>,
    digest: Digest,
    environment: Environment,
    confining: Confining,
}

/// The last check, after everything slow, and the point of no return.
fn last_step<'r>(
    rooms: &'r Rooms,
    case: &Case<'r>,
    id: &RequestId,
    approved: Option<&Record>,
    before: &Before,
    front: &mut dyn Front,
) -> Result<LastStep<'r>, ProtocolError> {
    // What the humans agreed to is still what would run.
    let again = match approved {
        Some(record) => match decisions::take_again(rooms, case, record)? {
            decisions::Again::Same(again) => Some(again),
            decisions::Again::Void(record) => return Ok(LastStep::Void(record)),
        },
        None => None,
    };
    let case = again.as_deref().unwrap_or(case);
    authentication::is_proved(case)?;
    let environment = case.environment(Some(id))?;
    let confining = Confining::prepare(case)?;

    // For nobody an approval is not used up.
    if front.has_gone() {
        return Err(ProtocolError::CallerGone);
    }
    // The approval is used up, then the intent is on record, then it runs.
    let digest = match approved {
        Some(_) => decisions::consume(rooms, id)?.digest,
        None => decisions::digest(case)?,
    };
    let on_record = OnRecord::new(case, id, digest);
    let mut entries = on_record.beginning(approved.is_some());
    entries.extend(before.on_record(&on_record));
    entries.push(on_record.started(&confining, before));
    if let Err(error) = rooms.log.append(&entries, &Moment::now()) {
        if approved.is_some() {
            decisions::finish(rooms, id, "not started: its start could not be recorded")?;
        }
        return Err(error.into());
    }
    Ok(LastStep::Ready(Ready { again, digest, environment, confining }))
}

/// The refusal is on record before it is told.
fn deny(rooms: &Rooms, case: &Case<'_>) -> Result<Outcome, ProtocolError> {
    deny_because(rooms, case, case.why_denied())
}

fn deny_because(rooms: &Rooms, case: &Case<'_>, why: String) -> Result<Outcome, ProtocolError> {
    let id = RequestId::random()?;
    let on_record = OnRecord::new(case, &id, decisions::digest(case)?);
    rooms.log.append(&on_record.asked_and_decided(), &Moment::now())?;
    notifying::denied(case, &id);
    Ok(Outcome::Denied { id, why })
}
