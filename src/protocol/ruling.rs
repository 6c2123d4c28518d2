//! A human's word on a request: yes or no, by their login or by a signature.

use super::signing::{Proving, Registry, Sign, ToSign, prove_again};
use super::{ProtocolError, Rooms, note_overdue, record, steps};
use crate::invocation::{self, Requester, RequesterKind};
use crate::policy::{Decision, Presence};
use crate::review::{
    Approval, Approver, Judgement, Offer, Proof, Record, Rejection, RequestId, RequestStore,
    Review, Ruling, State, StoreError,
};
use crate::system::Moment;
use crate::system::identity::Account;
use crate::system::text::visible;

/// What somebody says about a request, and how they prove that it is them.
pub struct Word<'w> {
    /// What they write to the requester.
    pub message: Option<String>,
    /// The host that they take the command to be for, where they were asked.
    pub host: Option<String>,
    /// Whether they mean a review of what has run, and not whether it may.
    pub review: bool,
    /// How they prove it.
    pub proving: Proving,
    /// Has them sign.
    pub sign: Sign<'w>,
}

/// A human says yes, from their own login; of a run whose denial was lifted, that it was justified.
///
/// # Errors
/// [`ProtocolError::Store`] where it does not count; [`ProtocolError::NotSigned`] and its like where it
/// needs a signature and there is none; [`ProtocolError::HostNotNamed`].
pub fn approve(rooms: &Rooms, id: &RequestId, word: Word<'_>) -> Result<Record, ProtocolError> {
    if is_review(rooms, id, &word, "approve")? {
        return review(rooms, id, Judgement::Justified, word);
    }
    yes(rooms, id, approver(rooms)?, word, false)
}

/// Whether it is a review of a run whose denial was lifted that somebody means. Where others were asked
/// before it ran, their word on that could come too late, and is none on what it has become since: it
/// must say what it means. A signature does.
fn is_review(
    rooms: &Rooms,
    id: &RequestId,
    word: &Word<'_>,
    verb: &str,
) -> Result<bool, ProtocolError> {
    let record = rooms.requests.load(id)?;
    let refused = |why: String| Err(StoreError::NotAllowed(why).into());
    if !record.is_for_review() {
        return match word.review {
            true => refused(format!(
                "there is nothing to review yet: {id} is {}: {}",
                record.state,
                record.standing()
            )),
            false => Ok(false),
        };
    }
    let is_meant = word.review
        || matches!(word.proving, Proving::Signature(_))
        || record.shown.decision != Decision::Approve;
    if record.awaits_review() && !is_meant {
        return refused(format!(
            "{id} has ended meanwhile, so that nobody decides any more whether it may run; to say whether it was justified, look again and add --review: hitl {verb} {id} --review"
        ));
    }
    Ok(true)
}

/// Another human says afterwards whether lifting a denial was justified.
fn review(
    rooms: &Rooms,
    id: &RequestId,
    judgement: Judgement,
    word: Word<'_>,
) -> Result<Record, ProtocolError> {
    let reviewer = approver(rooms)?;
    let mut review = Review::by_login(reviewer, judgement, word.message.clone(), &Moment::now());
    let record = rooms.requests.load(id)?;
    if !matches!(word.proving, Proving::Signature(_)) {
        // Whose word does not count anyway is not asked to sign it.
        record.clone().review(review.clone())?;
    }
    let wanted = presence_of_reviewer(rooms, &record, &review.reviewer);
    let registry = Registry::new(rooms);
    let who = review.reviewer.clone();
    if let Some(signed) = sign(&registry, &record, &who, judgement.ruling(), wanted, word)? {
        let proved = registry
            .presence_of_signature(&record, &who.name, &signed, None, &review.at)
            .map_err(ProtocolError::NotSigned)?;
        if proved < wanted {
            return Err(ProtocolError::NotSigned(format!(
                "it proves {}, and your group has to prove {}",
                proved.word(),
                wanted.word()
            )));
        }
        review.message.clone_from(&signed.offer.message);
        review.proof = Proof::Signature { signed: Box::new(signed), at_requesters_terminal: false };
    }
    let mut held = None;
    steps::change(rooms, id, &mut |record, now| {
        let review = Review { at: now.clone(), ..review.clone() };
        let name = &review.reviewer.name;
        held = prove_again(rooms, record, name, &review.proof, now, Presence::Key)?;
        record.review(review.clone())?;
        Ok(record::reviewed(record, &review))
    })
}

/// The least that a reviewer has to prove: what the most lenient of their groups asks for that review it.
fn presence_of_reviewer(rooms: &Rooms, record: &Record, reviewer: &Approver) -> Presence {
    let counts = |name: &str| {
        reviewer.groups.iter().any(|group| group == name)
            && record.reviewers().iter().any(|group| group == name)
    };
    let groups = rooms.policy.groups().iter().filter(|group| counts(group.name.as_str()));
    groups.map(|group| group.presence).min().unwrap_or_default()
}

/// The requester's own human says yes at the terminal where they asked.
pub(super) fn confirm_in_place(rooms: &Rooms, id: &RequestId) -> Result<Record, ProtocolError> {
    store(rooms, id, &Approval::by_login(approver(rooms)?, None, &Moment::now()), None)
}

/// A human says yes at the requester's terminal, where they have named themselves.
pub(super) fn approve_at_requesters_terminal(
    rooms: &Rooms,
    id: &RequestId,
    approver: Approver,
    word: Word<'_>,
) -> Result<Record, ProtocolError> {
    yes(rooms, id, approver, word, true)
}

/// Somebody of this host as one who says yes at the requester's terminal.
pub(super) fn approver_here(rooms: &Rooms, account: &Account) -> Result<Approver, ProtocolError> {
    let unix_groups: Vec<String> = account.groups()?.into_iter().map(|group| group.name).collect();
    let mut groups = rooms.policy.groups_of(&account.name, &unix_groups);
    groups.retain(|group| rooms.policy.may_approve_at_requesters_terminal(group));
    Ok(Approver {
        uid: account.uid,
        name: account.name.clone(),
        // The kernel's is the requester's here, and says nothing about them.
        login_uid: None,
        groups,
        kind: rooms.policy.requester_kind(&account.name, &unix_groups, RequesterKind::Human),
    })
}

fn yes(
    rooms: &Rooms,
    id: &RequestId,
    approver: Approver,
    word: Word<'_>,
    at_requesters_terminal: bool,
) -> Result<Record, ProtocolError> {
    let record = rooms.requests.load(id)?;
    // Whoever's yes does not count anyway is told so, and not asked to sign.
    let wanted = match record.state {
        State::Pending => record.presence_wanted(&approver),
        _ => None,
    };
    if wanted.is_some() {
        host_is_named(&record, word.host.as_deref())?;
    }
    let host = word.host.clone();
    let mut approval = Approval::by_login(approver, word.message.clone(), &Moment::now());
    let registry = Registry::new(rooms);
    if matches!(word.proving, Proving::Password) {
        approval.proof = Proof::Password;
    } else if let Some(wanted) = wanted
        && let Some(signed) =
            sign(&registry, &record, &approval.approver, Ruling::Approve, wanted, word)
                .map_err(|error| too_weak(error, &record, &approval.approver))?
    {
        approval.message.clone_from(&signed.offer.message);
        approval.proof = Proof::Signature { signed: Box::new(signed), at_requesters_terminal };
        approval.presence =
            registry.presence(&record, &approval).map_err(ProtocolError::NotSigned)?;
    }
    store(rooms, id, &approval, host.as_deref())
}

/// Why a login is not enough, for one who has no key that would be.
fn too_weak(error: ProtocolError, record: &Record, approver: &Approver) -> ProtocolError {
    match (error, record.check_approver(approver, Presence::Uid)) {
        (ProtocolError::NoKey(why), Err(StoreError::NotAllowed(refusal))) => {
            ProtocolError::NoKey(format!("{refusal}; {why}"))
        }
        (error, _) => error,
    }
}

fn store(
    rooms: &Rooms,
    id: &RequestId,
    approval: &Approval,
    host: Option<&str>,
) -> Result<Record, ProtocolError> {
    let mut held = None;
    steps::change(rooms, id, &mut |record, now| {
        let approval = Approval { at: now.clone(), ..approval.clone() };
        let (name, presence) = (&approval.approver.name, approval.presence);
        held = prove_again(rooms, record, name, &approval.proof, now, presence)?;
        let approval = record.approve_with(approval)?;
        // Also of somebody whose yes has come to count since it was looked at.
        host_is_named(record, host).map_err(|error| StoreError::NotAllowed(error.to_string()))?;
        Ok(record::approval(record, &approval))
    })
}

/// The signature that is wanted, where one is.
fn sign(
    registry: &Registry<'_>,
    record: &Record,
    approver: &Approver,
    ruling: Ruling,
    wanted: Presence,
    word: Word<'_>,
) -> Result<Option<crate::review::Signed>, ProtocolError> {
    let to_sign = ToSign { record, approver, ruling, message: word.message.clone(), wanted };
    match word.proving {
        Proving::Password => Ok(None),
        Proving::AsNeeded if wanted == Presence::Uid => Ok(None),
        Proving::AsNeeded | Proving::Sign => to_sign.signed_now(registry, word.sign).map(Some),
        Proving::Signature(signature) => {
            let offered = record.offered_to(approver.uid);
            let signed = to_sign.matched(registry, &offered, signature)?;
            if word.message.is_some() && word.message != signed.offer.message {
                return Err(ProtocolError::NotSigned(
                    "the statement that was signed holds another message: leave -m out".to_owned(),
                ));
            }
            Ok(Some(signed))
        }
    }
}

/// What can do the most harm is approved by somebody who knows where it would do it.
fn host_is_named(record: &Record, typed: Option<&str>) -> Result<(), ProtocolError> {
    if !record.wants_host_named() {
        return Ok(());
    }
    let host = &record.bound.host.name;
    match typed {
        Some(typed) if typed == host => Ok(()),
        Some(typed) => Err(ProtocolError::HostNotNamed(format!(
            "{} is for another host than {}: look at \"hitl show {}\" again",
            record.id,
            visible(typed),
            record.id
        ))),
        None => Err(ProtocolError::HostNotNamed(format!(
            "the risk of {id} is critical: name the host that it is for, hitl approve {id} --host NAME (\"hitl show {id}\" has it)",
            id = record.id
        ))),
    }
}

/// A human says no.
///
/// # Errors
/// As [`approve`], and for an empty message.
pub fn reject(rooms: &Rooms, id: &RequestId, word: Word<'_>) -> Result<Record, ProtocolError> {
    if is_review(rooms, id, &word, "reject")? {
        return review(rooms, id, Judgement::NotJustified, word);
    }
    let approver = approver(rooms)?;
    let mut rejection = Rejection {
        approver,
        message: word.message.clone().unwrap_or_default(),
        proof: Proof::Login,
        at: Moment::now(),
    };
    let registry = Registry::new(rooms);
    if !matches!(word.proving, Proving::AsNeeded) {
        let record = rooms.requests.load(id)?;
        let made_elsewhere = matches!(word.proving, Proving::Signature(_));
        if !made_elsewhere {
            // Whoever's no does not count anyway is not asked to sign it.
            record.clone().reject(rejection.clone())?;
        }
        let who = rejection.approver.clone();
        if let Some(signed) = sign(&registry, &record, &who, Ruling::Reject, Presence::Key, word)? {
            rejection.message = signed.offer.message.clone().unwrap_or_default();
            registry
                .presence_of_signature(&record, &who.name, &signed, None, &rejection.at)
                .map_err(ProtocolError::NotSigned)?;
            rejection.proof =
                Proof::Signature { signed: Box::new(signed), at_requesters_terminal: false };
        }
    }
    let mut held = None;
    steps::close(rooms, id, &mut |record, now| {
        let name = &rejection.approver.name;
        held = prove_again(rooms, record, name, &rejection.proof, now, Presence::Key)?;
        record.reject(Rejection { at: now.clone(), ..rejection.clone() })?;
        Ok(record::rejection(record, &rejection))
    })
}

/// Makes a statement for whoever calls, to be signed anywhere: it can be handed in as long as humans may
/// decide.
///
/// # Errors
/// As [`approve`].
pub fn offer(
    rooms: &Rooms,
    id: &RequestId,
    ruling: Ruling,
    message: Option<String>,
    key: Option<&str>,
) -> Result<(Offer, String), ProtocolError> {
    note_overdue(rooms)?;
    let approver = approver(rooms)?;
    let record = rooms.requests.load(id)?;
    let now = Moment::now();
    let for_review = record.is_for_review();
    let ruling = match ruling {
        Ruling::Approve if for_review => Ruling::Justified,
        Ruling::Reject if for_review => Ruling::Unjustified,
        ruling => ruling,
    };
    let wanted = match (ruling, ruling.judgement()) {
        (_, Some(judgement)) => {
            let (who, message) = (approver.clone(), message.clone());
            record.clone().review(Review::by_login(who, judgement, message, &now))?;
            presence_of_reviewer(rooms, &record, &approver).max(Presence::Key)
        }
        (Ruling::Reject, None) => {
            let rejection = Rejection {
                approver: approver.clone(),
                message: message.clone().unwrap_or_default(),
                proof: Proof::Login,
                at: now.clone(),
            };
            record.clone().reject(rejection)?;
            Presence::Key
        }
        (_, None) => match record.presence_wanted(&approver) {
            Some(wanted) if record.state == State::Pending => wanted,
            // The same refusal as that of the approval itself.
            _ => {
                let approval = Approval::by_login(approver.clone(), None, &now);
                let approval = Approval { presence: Presence::Verify, ..approval };
                record.clone().approve_with(approval)?;
                Presence::Key
            }
        },
    };
    let registry = Registry::new(rooms);
    let to_sign = ToSign { record: &record, approver: &approver, ruling, message, wanted };
    let offer = to_sign.offer(&registry, key)?;
    rooms.requests.update(id, &mut |record| {
        if record.state == State::Pending || for_review {
            record.offer(approver.uid, offer.clone());
            return Ok(());
        }
        Err(StoreError::WrongState {
            id: record.id.clone(),
            state: record.state.to_string(),
            sentence: record.standing(),
        })
    })?;
    let statement = offer.statement(&record);
    Ok((offer, statement))
}

/// Whoever calls, as one who decides.
pub(super) fn approver(rooms: &Rooms) -> Result<Approver, ProtocolError> {
    let person = invocation::requester()?;
    let kind = rooms.policy.requester_kind(&person.name, &person.groups, person.kind);
    let groups = rooms.policy.groups_of(&person.name, &person.groups);
    let Requester { uid, name, login_uid, .. } = person;
    Ok(Approver { uid, name, login_uid, groups, kind })
}
