//! That it is the requester who asks: proved before a request is made or anything runs, and on record
//! either way.

use super::case::Case;
use super::record::OnRecord;
use super::{Front, ProtocolError, decisions, steps};
use crate::authenticate::{self, Claim, Proof, ProofKind, Remembered};
use crate::invocation::RequesterKind;
use crate::review::{Record, RequestId};
use crate::system::{Moment, Scope};

impl Case<'_> {
    /// Whether the requester must authenticate. Root itself need not: it could become anybody.
    ///
    /// # Errors
    /// A sentence where it is asked for and cannot be done by a hitl without privileges.
    pub fn authentication_needed(&self) -> Result<bool, &'static str> {
        if self.verdict.authenticate.is_none() || self.invocation.requester.uid == 0 {
            return Ok(false);
        }
        match self.rooms.directories.scope {
            Scope::System => Ok(true),
            // PAM's modules need root's rights to verify anything, and to count failures.
            Scope::User => Err(
                "the policy says \"authenticate: requester\", which only a hitl that is installed \
                 setuid root can do: take it out of this policy, or have hitl installed",
            ),
        }
    }
}

/// Lets the requester prove that it is them, where the verdict asks for it. `record` is the request
/// that goes on, where there is one already.
///
/// # Errors
/// [`ProtocolError`]; nothing may run then.
pub(super) fn prove(
    case: &mut Case<'_>,
    record: Option<&Record>,
    front: &mut dyn Front,
) -> Result<(), ProtocolError> {
    if !case.authentication_needed().map_err(ProtocolError::NeedsInstallation)? {
        return Ok(());
    }
    // An answer in its place would only teach a program to know the password.
    if case.verdict.requester_kind != RequesterKind::Human {
        return refuse(
            case,
            record,
            "this needs its requester's password, which only a human has: let a human run it, or ask \
             for a rule without \"authenticate\"",
        );
    }
    let requester = &case.invocation.requester;
    let seat = front.seat();
    let store = Remembered::open(&case.rooms.directories);
    let cache = case.verdict.authenticate.and_then(|asked| asked.cache);
    let remembered = seat.as_ref().zip(cache).is_some_and(|(seat, within)| {
        store.is_remembered(requester.uid, seat, within, &Moment::now())
    });
    if remembered {
        case.proof = Some(Proof { by: ProofKind::Remembered, wrong: 0 });
        return on_record(case, record);
    }
    let claim = Claim {
        account: requester.name.clone(),
        shown_as: requester.name.clone(),
        asked_by: requester.name.clone(),
        terminal: requester.terminal.clone(),
    };
    let Some(mut conversation) = front.conversation() else {
        return refuse(
            case,
            record,
            "this needs your password, and there is no terminal to ask you at: run it from a terminal, \
             in its foreground",
        );
    };
    let proved = authenticate::authenticate(&claim, &mut *conversation);
    // The conversation is kept until that is on record: signals wait for its end.
    let done = match proved {
        Ok(proof) => {
            case.proof = Some(proof);
            on_record(case, record)
        }
        Err(error) => failed(case, record, error.wrong(), &error.to_string())
            .and(Err(ProtocolError::Authentication(error))),
    };
    drop(conversation);
    done?;
    if let Some(seat) = seat.filter(|_| cache.is_some()) {
        // What cannot be remembered is asked for again.
        let _ = store.remember(case.invocation.requester.uid, &seat, &Moment::now());
    }
    Ok(())
}

/// That nothing starts unproved, whatever way it came here.
pub(super) fn is_proved(case: &Case<'_>) -> Result<(), ProtocolError> {
    let needed = case.authentication_needed().map_err(ProtocolError::NeedsInstallation)?;
    if needed && case.proof.is_none() {
        return Err(ProtocolError::CannotAuthenticate(
            "the policy asks now that you authenticate, and did not when this began: run it again",
        ));
    }
    Ok(())
}

/// A request that goes on has its proof on record at once; a new one with what is asked and decided.
fn on_record(case: &Case<'_>, record: Option<&Record>) -> Result<(), ProtocolError> {
    let Some(record) = record else { return Ok(()) };
    let entry = OnRecord::new(case, &record.id, record.digest).proved();
    // Where it has ended meanwhile, nothing follows from it.
    steps::note_if_open(case.rooms, &record.id, entry.as_slice()).map(drop)
}

fn refuse(
    case: &Case<'_>,
    record: Option<&Record>,
    because: &'static str,
) -> Result<(), ProtocolError> {
    failed(case, record, 0, because)?;
    Err(ProtocolError::CannotAuthenticate(because))
}

/// The failure is on record before it is told: as one of the request that goes on, or, where there is
/// none (any more), as one of a request of its own.
pub(super) fn failed(
    case: &Case<'_>,
    record: Option<&Record>,
    wrong: u32,
    because: &str,
) -> Result<(), ProtocolError> {
    if let Some(record) = record {
        let entry = OnRecord::new(case, &record.id, record.digest).not_proved(wrong, because);
        if steps::note_if_open(case.rooms, &record.id, &[entry])? {
            return Ok(());
        }
    }
    let id = RequestId::random()?;
    let on_record = OnRecord::new(case, &id, decisions::digest(case)?);
    let mut entries = Vec::from(on_record.asked_and_decided());
    entries.push(on_record.not_proved(wrong, because));
    case.rooms.log.append(&entries, &Moment::now())?;
    Ok(())
}
