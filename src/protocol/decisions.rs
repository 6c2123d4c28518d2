//! Requests and the humans' decisions on them: made, recorded and stored in this order, so that the
//! log never lacks what the store knows.

use super::case::Case;
use super::confining;
use super::record::OnRecord;
use super::signing::Registry;
use super::steps::close;
use super::{ProtocolError, Rooms, break_glass, editing, notifying, plans, record, told, undoing};
use crate::invocation::{self, BoundFile};
use crate::policy::{Decision, Policy};
use crate::review::{
    Approval, Approver, Bound, BoundEnvironment, BoundRequester, Difference, Plan, Record,
    RequestId, RequestStore, Runner, Salt, Shown,
};
use crate::system::identity::Account;
use crate::system::text::visible;
use crate::system::{ByteString, Digest, Moment, Sight};

/// Stores a new request, after it is on record.
pub(super) fn request(rooms: &Rooms, case: &Case<'_>) -> Result<Record, ProtocolError> {
    let record = make(rooms, case)?;
    editing::keep(rooms, &record.id, case)?;
    plans::keep(rooms, &record.id, &case.purpose)?;
    let on_record = OnRecord::new(case, &record.id, record.digest);
    let mut entries = Vec::from(on_record.asked_and_decided());
    entries.extend(on_record.proved());
    rooms.log.append(&entries, &Moment::now())?;
    rooms.requests.insert(&record)?;
    notifying::pending(rooms, &record);
    Ok(record)
}

/// A new request, nowhere stored yet.
pub(super) fn make(rooms: &Rooms, case: &Case<'_>) -> Result<Record, ProtocolError> {
    let now = Moment::now();
    let salt = Salt::random()?;
    let bound = bind(case, &salt, Bound::fresh_nonce()?, &now)?;
    Ok(Record::new(
        rooms.requests.fresh_id()?,
        bound,
        salt,
        shown(case)?,
        now,
        case.verdict.approval_expiry,
        case.verdict.execution_expiry,
    )?)
}

/// Everything that an approval of this case is bound to, as it is now.
fn bind(case: &Case<'_>, salt: &Salt, nonce: String, now: &Moment) -> Result<Bound, ProtocolError> {
    let invocation = &case.invocation;
    let executable = invocation
        .bound_executable()
        .map_err(|error| told::unbound(case, invocation.executable.path.clone(), error))?;
    let operands =
        invocation.bound_operands().map_err(|(path, error)| told::unbound(case, path, error))?;
    describe(case, executable, operands, salt, nonce, now)
}

/// The digest under which a command is on record that nobody has to decide: nothing is bound to it
/// later, so that no file's content needs to be read for it.
pub(super) fn digest(case: &Case<'_>) -> Result<Digest, ProtocolError> {
    let executable = case.invocation.identified_executable();
    let nonce = Bound::fresh_nonce()?;
    let bound = describe(case, executable, Vec::new(), &Salt::random()?, nonce, &Moment::now())?;
    Ok(bound.digest()?)
}

fn describe(
    case: &Case<'_>,
    executable: BoundFile,
    operands: Vec<BoundFile>,
    salt: &Salt,
    nonce: String,
    now: &Moment,
) -> Result<Bound, ProtocolError> {
    let invocation = &case.invocation;
    Ok(Bound {
        v: Bound::FORMAT,
        argv: invocation.argv.clone(),
        executable,
        directory: invocation.directory.as_path().into(),
        operands,
        environment: BoundEnvironment::commit(salt, &case.environment(None)?.bound_part().0),
        run_as: invocation.run_as.clone(),
        input: invocation.input,
        host: case.rooms.host.clone(),
        boot_id: now.boot_id.clone(),
        requester: BoundRequester {
            uid: invocation.requester.uid,
            name: invocation.requester.name.clone(),
            login_uid: invocation.requester.login_uid,
            kind: case.verdict.requester_kind,
        },
        policy: case.rooms.policy.identity().digest,
        rules: case.verdict.rules.clone(),
        reason: case.purpose.reason.clone(),
        ticket: case.purpose.ticket.clone(),
        plan: case.purpose.plan.as_ref().map(Plan::digest),
        break_glass: case.lifted.is_some(),
        nonce,
        expires_ms: 0,
    })
}

fn shown(case: &Case<'_>) -> Result<Shown, ProtocolError> {
    let verdict = &case.verdict;
    let requester = &case.invocation.requester;
    let mut preview = case.preview()?;
    preview.say_that_there_is_more();
    let confined = confining::shown(case.writable.as_ref(), verdict.confine);
    Ok(Shown {
        decision: case.decision_shown(),
        risk: verdict.risk,
        reasons: verdict.reasons.clone(),
        requirements: verdict.requirements.clone(),
        dynamic: case.invocation.reading.dynamic.clone(),
        kind_reason: requester.kind_reason.clone(),
        terminal: requester.terminal.as_deref().map(ByteString::from),
        proved_by: case.proof.map(|proof| proof.by.word().to_owned()),
        snapshot: preview.paths,
        undo: preview.coverage.level,
        not_covered: preview.coverage.not_covered,
        confined,
        break_glass: break_glass::shown(case),
        edit: editing::shown(case),
        undoes: case.undo.as_ref().map(undoing::Planned::shown).transpose()?,
        plan_was_input: case.purpose.plan_was_input,
        notify: break_glass::channels(case),
        run_timeout_ms: verdict
            .run_timeout
            .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        to_requester: case.seen_by_requester()?,
    })
}

/// What came of taking everything again.
pub(super) enum Again<'r> {
    /// All is as it was agreed to: this is what may run.
    Same(Box<Case<'r>>),
    /// Something changed: the request is void.
    Void(Box<Record>),
}

/// Takes everything that the approval is bound to once more, from the machine as it is now.
pub(super) fn take_again<'r>(
    rooms: &'r Rooms,
    case: &Case<'r>,
    record: &Record,
) -> Result<Again<'r>, ProtocolError> {
    let registry = Registry::new(rooms);
    // The policy on disk, not the one that this process read before the pause.
    let policy = Policy::load(&rooms.directories)?;
    let again = undoing::open_again(rooms, case.asked.clone(), case.purpose.clone(), record)?;
    let mut again = match again {
        Ok(again) => again,
        Err(record) => return Ok(Again::Void(record)),
    };
    again.proof = case.proof;
    if record.bound.break_glass {
        // Where that is no longer theirs to do, it is a difference.
        let _ = again.lift();
    }
    let nonce = record.bound.nonce.clone();
    let mut bound = bind(&again, &record.salt, nonce, &Moment::now())?;
    bound.policy = policy.identity().digest;
    let scope = rooms.directories.scope;
    invocation::look_once_more(&mut bound.executable, scope);
    bound.operands.iter_mut().for_each(|file| invocation::look_once_more(file, scope));
    let mut because = Difference::sentence(&record.bound.differences(&bound));
    if because.is_empty() {
        because = again.undo.as_ref().and_then(undoing::Planned::difference).unwrap_or_default();
    }
    let shown = &record.shown;
    let decision = again.decision_shown();
    let stricter = decision > shown.decision
        || (shown.decision == Decision::Deny && decision != Decision::Deny)
        || again.verdict.risk > shown.risk
        || again.verdict.requirements != shown.requirements;
    if because.is_empty() && stricter {
        "the policy asks for more now than when the humans decided".clone_into(&mut because);
    }
    if because.is_empty() {
        because = record
            .shortfall(&|record, approval| registry.counts_in(record, approval))
            .unwrap_or_default();
    }
    if because.is_empty() {
        return Ok(Again::Same(Box::new(again)));
    }
    let theirs = told::differences(&again, record, &bound, &because)?;
    Ok(Again::Void(Box::new(void(rooms, &record.id, &because, &theirs)?)))
}

/// The requester takes it back.
///
/// # Errors
/// [`ProtocolError::Store`] where it is not theirs, or too late.
pub fn cancel(rooms: &Rooms, id: &RequestId) -> Result<Record, ProtocolError> {
    let person = invocation::requester()?;
    close(rooms, id, &mut |record, now| {
        record.cancel(person.uid, &person.name, now)?;
        Ok(record::cancelled(record, &record::user(&person)))
    })
}

pub(super) fn void(
    rooms: &Rooms,
    id: &RequestId,
    because: &str,
    to_requester: &str,
) -> Result<Record, ProtocolError> {
    let person = invocation::requester()?;
    close(rooms, id, &mut |record, now| {
        record.void(because, now)?;
        record.tell_requester(to_requester);
        Ok(record::closed(record, &record::user(&person)))
    })
}

/// Uses the approval, once, durably.
pub(super) fn consume(rooms: &Rooms, id: &RequestId) -> Result<Record, ProtocolError> {
    let now = Moment::now();
    let runner = Runner::here(&now).ok_or(ProtocolError::NoProc)?;
    let registry = Registry::new(rooms);
    let counted = |record: &Record, approval: &Approval| registry.counts_in(record, approval);
    Ok(rooms
        .requests
        .update(id, &mut |record| record.consume(runner.clone(), &counted, &Moment::now()))?)
}

/// The command has ended.
pub(super) fn finish(rooms: &Rooms, id: &RequestId, ending: &str) -> Result<(), ProtocolError> {
    let record = rooms.requests.update(id, &mut |record| record.finish(ending, &Moment::now()))?;
    editing::forget(rooms, &record);
    notifying::changed(rooms, &record);
    Ok(())
}

/// Goes on only for whoever made the request.
pub(super) fn only_the_requester(record: &Record) -> Result<(), ProtocolError> {
    let person = invocation::requester()?;
    if person.uid == record.bound.requester.uid {
        return Ok(());
    }
    Err(ProtocolError::NotYours(format!(
        "{} was asked for by {}, and only they can run it",
        record.id,
        visible(&record.bound.requester.name)
    )))
}

/// Whether whoever calls may see a request.
///
/// # Errors
/// [`ProtocolError::Identity`].
pub fn may_see(rooms: &Rooms) -> Result<impl Fn(&Record) -> bool + use<>, ProtocolError> {
    let person = invocation::requester()?;
    let groups = rooms.policy.groups_of(&person.name, &person.groups);
    Ok(move |record: &Record| record.may_see(person.uid, &groups))
}

/// Whether whoever calls is of a group that may decide about anything at all, or root.
///
/// # Errors
/// [`ProtocolError::Identity`].
pub fn may_decide(rooms: &Rooms) -> Result<bool, ProtocolError> {
    let person = invocation::requester()?;
    let in_a_group = !rooms.policy.groups_of(&person.name, &person.groups).is_empty();
    Ok(in_a_group || Sight::of_caller().is_whole())
}

/// The policy's groups that an approver is in now; none where the host no longer knows them.
pub(super) fn groups_now(policy: &Policy, approver: &Approver) -> Vec<String> {
    let Ok(Some(account)) = Account::by_uid(approver.uid) else { return Vec::new() };
    if account.name != approver.name {
        return Vec::new();
    }
    let Ok(groups) = account.groups() else { return Vec::new() };
    let names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    policy.groups_of(&account.name, &names)
}
