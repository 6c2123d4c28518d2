//! Requests and the humans' decisions on them: made, recorded and stored in this order, so that the
//! log never lacks what the store knows.

use super::case::Case;
use super::confining;
use super::record::OnRecord;
use super::steps::{change, close};
use super::{ProtocolError, Rooms, editing, record, told};
use crate::invocation::{self, BoundFile, Requester, RequesterKind};
use crate::policy::{Policy, Presence};
use crate::review::{
    Approval, Approver, Bound, BoundEnvironment, BoundRequester, Difference, Record, RequestId,
    RequestStore, Runner, Salt, Shown, StoreError,
};
use crate::system::identity::Account;
use crate::system::text::visible;
use crate::system::{ByteString, Digest, Moment, Sight};

/// Stores a new request, after it is on record.
pub(super) fn request(rooms: &Rooms, case: &Case<'_>) -> Result<Record, ProtocolError> {
    let now = Moment::now();
    let salt = Salt::random()?;
    let bound = bind(case, &salt, Bound::fresh_nonce()?, &now)?;
    let record = Record::new(
        rooms.requests.fresh_id()?,
        bound,
        salt,
        shown(case)?,
        now,
        case.verdict.approval_expiry,
        case.verdict.execution_expiry,
    )?;
    editing::keep(rooms, &record.id, case)?;
    let on_record = OnRecord::new(case, &record.id, record.digest);
    let mut entries = Vec::from(on_record.asked_and_decided());
    entries.extend(on_record.proved());
    rooms.log.append(&entries, &Moment::now())?;
    rooms.requests.insert(&record)?;
    Ok(record)
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
        reason: case.reason.clone(),
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
        decision: verdict.decision,
        risk: verdict.risk,
        reasons: verdict.reasons.clone(),
        requirements: verdict.requirements.clone(),
        dynamic: case.invocation.reading.dynamic.clone(),
        kind_reason: requester.kind_reason.clone(),
        terminal: requester.terminal.as_deref().map(ByteString::from),
        proved_by: case.proof.map(|proof| proof.by.word().to_owned()),
        snapshot: preview.paths,
        not_covered: preview.not_covered,
        confined,
        edit: editing::shown(case),
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
    // The policy on disk, not the one that this process read before the pause.
    let policy = Policy::load(&rooms.directories)?;
    let mut again = Case::open(rooms, case.asked.clone(), case.reason.clone())?;
    again.proof = case.proof;
    let nonce = record.bound.nonce.clone();
    let mut bound = bind(&again, &record.salt, nonce, &Moment::now())?;
    bound.policy = policy.identity().digest;
    let scope = rooms.directories.scope;
    invocation::look_once_more(&mut bound.executable, scope);
    bound.operands.iter_mut().for_each(|file| invocation::look_once_more(file, scope));
    let mut because = Difference::sentence(&record.bound.differences(&bound));
    let shown = &record.shown;
    let stricter = again.verdict.decision > shown.decision
        || again.verdict.risk > shown.risk
        || again.verdict.requirements != shown.requirements;
    if because.is_empty() && stricter {
        "the policy asks for more now than when the humans decided".clone_into(&mut because);
    }
    if because.is_empty() {
        because =
            record.shortfall(&|approver| groups_now(&rooms.policy, approver)).unwrap_or_default();
    }
    if because.is_empty() {
        return Ok(Again::Same(Box::new(again)));
    }
    let theirs = told::differences(&again, record, &bound, &because)?;
    Ok(Again::Void(Box::new(void(rooms, &record.id, &because, &theirs)?)))
}

/// A human says yes, from their own login.
///
/// # Errors
/// [`ProtocolError::Store`] where it does not count.
pub fn approve(
    rooms: &Rooms,
    id: &RequestId,
    message: Option<String>,
) -> Result<Record, ProtocolError> {
    let approver = approver(rooms)?;
    let unprovable = unprovable_groups(rooms, &approver);
    change(rooms, id, &mut |record, now| {
        record
            .approve(approver.clone(), message.clone(), now)
            .map_err(|error| unproven(error, record, &unprovable))?;
        Ok(record::approval(record, &approver, "uid", message.as_deref()))
    })
}

/// A human says yes at the requester's terminal, where they have proved to be who they are.
pub(super) fn approve_at_requesters_terminal(
    rooms: &Rooms,
    id: &RequestId,
    account: &Account,
) -> Result<Record, ProtocolError> {
    let unix_groups: Vec<String> = account.groups()?.into_iter().map(|group| group.name).collect();
    let mut groups = rooms.policy.groups_of(&account.name, &unix_groups);
    groups.retain(|group| rooms.policy.may_approve_at_requesters_terminal(group));
    let approver = Approver {
        uid: account.uid,
        name: account.name.clone(),
        // The kernel's is the requester's here, and says nothing about them.
        login_uid: None,
        groups,
        kind: rooms.policy.requester_kind(&account.name, &unix_groups, RequesterKind::Human),
    };
    change(rooms, id, &mut |record, now| {
        record.approve_by_password(approver.clone(), now)?;
        Ok(record::approval(record, &approver, Approval::BY_PASSWORD, None))
    })
}

/// The requester's own human says yes at the terminal where they asked.
pub(super) fn confirm_in_place(rooms: &Rooms, id: &RequestId) -> Result<Record, ProtocolError> {
    approve(rooms, id, None)
}

/// A human says no.
///
/// # Errors
/// [`ProtocolError::Store`] where it does not count, and for an empty message.
pub fn reject(rooms: &Rooms, id: &RequestId, message: &str) -> Result<Record, ProtocolError> {
    let approver = approver(rooms)?;
    let unprovable = unprovable_groups(rooms, &approver);
    close(rooms, id, &mut |record, now| {
        record
            .reject(approver.clone(), message, now)
            .map_err(|error| unproven(error, record, &unprovable))?;
        Ok(record::rejection(record, &approver, message))
    })
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
    let groups_now = |approver: &Approver| groups_now(&rooms.policy, approver);
    Ok(rooms
        .requests
        .update(id, &mut |record| record.consume(runner.clone(), &groups_now, &Moment::now()))?)
}

/// The command has ended.
pub(super) fn finish(rooms: &Rooms, id: &RequestId, ending: &str) -> Result<(), ProtocolError> {
    let record = rooms.requests.update(id, &mut |record| record.finish(ending, &Moment::now()))?;
    editing::forget(rooms, &record);
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

/// Whoever calls, as one who decides.
fn approver(rooms: &Rooms) -> Result<Approver, ProtocolError> {
    let person = invocation::requester()?;
    let kind = rooms.policy.requester_kind(&person.name, &person.groups, person.kind);
    let groups = countable(&rooms.policy, rooms.policy.groups_of(&person.name, &person.groups));
    let Requester { uid, name, login_uid, .. } = person;
    Ok(Approver { uid, name, login_uid, groups, kind })
}

/// Whether whoever calls may see a request.
///
/// # Errors
/// [`ProtocolError::Identity`].
pub fn may_see(rooms: &Rooms) -> Result<impl Fn(&Record) -> bool + use<>, ProtocolError> {
    let person = invocation::requester()?;
    // Also those whose presence cannot be verified: they are told so when they decide.
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
fn groups_now(policy: &Policy, approver: &Approver) -> Vec<String> {
    let Ok(Some(account)) = Account::by_uid(approver.uid) else { return Vec::new() };
    if account.name != approver.name {
        return Vec::new();
    }
    let Ok(groups) = account.groups() else { return Vec::new() };
    let names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    countable(policy, policy.groups_of(&account.name, &names))
}

/// Without the groups whose members must prove more than an own login: that cannot be verified yet,
/// and what cannot be verified does not count.
fn countable(policy: &Policy, mut groups: Vec<String>) -> Vec<String> {
    groups.retain(|group| policy.presence_of(group).is_none_or(|needed| needed == Presence::Uid));
    groups
}

/// A refusal, with what may be behind it: a group of theirs that asks for more than can be verified.
fn unproven(
    error: StoreError,
    record: &Record,
    unprovable: &[(String, &'static str)],
) -> StoreError {
    let needed = |group: &str| record.shown.requirements.iter().any(|one| one.group == group);
    let found = unprovable.iter().find(|(group, _)| needed(group));
    match (error, found) {
        (StoreError::NotAllowed(sentence), Some((group, presence))) => {
            StoreError::NotAllowed(format!(
                "{sentence}; members of group {} must prove their presence by \"{presence}\", which \
                 this version cannot verify, so that their word does not count: ask for \"presence: \
                 uid\" in the policy, or for another group",
                visible(group)
            ))
        }
        (error, _) => error,
    }
}

/// The groups that an approver is in without counting for them, and what they would have to prove.
fn unprovable_groups(rooms: &Rooms, approver: &Approver) -> Vec<(String, &'static str)> {
    let Ok(person) = invocation::requester() else { return Vec::new() };
    rooms
        .policy
        .groups_of(&person.name, &person.groups)
        .into_iter()
        .filter(|group| !approver.groups.contains(group))
        .filter_map(|group| {
            let presence = rooms.policy.presence_of(&group)?.word();
            Some((group, presence))
        })
        .collect()
}
