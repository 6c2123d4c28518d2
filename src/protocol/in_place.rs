//! A second human answers at the requester's own terminal: by name and password, or, where the rules ask
//! for more than a login, by a signature.
//!
//! It is weaker than a login of their own: the requester's terminal could keep what is typed at it, and
//! have something else signed than it shows. So it counts only for groups that the policy opens to it,
//! and is on record as what it is.

use super::case::Case;
use super::ruling::{self, Word};
use super::signing::Proving;
use super::{Front, ProtocolError, authentication};
use crate::authenticate::{self, AuthenticationError, Claim, Conversation};
use crate::front::{Signable, Unsigned};
use crate::invocation::RequesterKind;
use crate::policy::{Decision, Presence};
use crate::review::{Record, StoreError};
use crate::system::identity::Account;
use crate::system::text::visible;
use crate::system::{Scope, Sight};

/// Whom the modules are asked about in place of a name that nobody has: what was typed could be a path,
/// or a password, and goes no further (CVE-2023-42456 of sudo-rs). A colon parts the fields
/// of passwd(5): no host has anybody who is called so.
const NOBODY: &str = "hitl:nobody";

/// What anybody is told who could not prove to be the one they named, be there such a user or not.
const NOT_PROVED: &str = "hitl: not approved: nobody has proved here to be that user";

impl Case<'_> {
    /// Whether another human may approve it at this terminal.
    pub fn may_be_approved_in_place(&self) -> bool {
        self.verdict.decision == Decision::Approve
            && self.verdict.requester_kind == RequesterKind::Human
            && self.rooms.directories.scope == Scope::System
            && self.verdict.requirements.iter().any(|needed| {
                let open =
                    |group: &String| self.rooms.policy.may_approve_at_requesters_terminal(group);
                needed.groups.iter().any(open)
            })
    }

    /// Whether a statement about the request names no file that its requester may not look at. Where a
    /// name is out of their sight it says no whatever is there, so that it tells nothing of that either.
    fn requester_may_read_what_is_signed(&self, record: &Record) -> bool {
        let sight = Sight::of_caller();
        sight.is_whole()
            || (self.invocation.executable_is_seen_by(sight)
                && self.invocation.operands_hidden_from(sight).is_empty()
                && record.files_are_as_its_requester_sees_them())
    }
}

/// Lets somebody say who they are, prove it, and thereby approve. Whether they, or another, may try
/// again in this wait.
///
/// # Errors
/// [`ProtocolError`] where hitl itself fails; that somebody's word does not count is only told.
pub(super) fn approve(
    case: &Case<'_>,
    record: &Record,
    front: &mut dyn Front,
) -> Result<bool, ProtocolError> {
    let Some(mut conversation) = front.conversation() else { return Ok(false) };
    let Ok(typed) = conversation.shown("[hitl] approver's user name (enter: wait on): ") else {
        return Ok(true);
    };
    let Some(name) = typed.usable() else { return Ok(true) };
    let name = String::from_utf8_lossy(name).into_owned();
    // By the name service alone; one that answers to other spellings means somebody else.
    let account = Account::by_name(&name)?.filter(|account| account.name == name);
    let (approver, wanted) = match &account {
        Some(account) => {
            let approver = ruling::approver_here(case.rooms, account)?;
            let wanted = record.presence_wanted(&approver);
            (Some(approver), wanted)
        }
        None => (None, None),
    };
    let host = match record.wants_host_named() && wanted.is_some() {
        true => {
            let question = "[hitl] name of the host that this critical command is for: ";
            let Ok(typed) = conversation.shown(question) else { return Ok(true) };
            typed.usable().map(|host| String::from_utf8_lossy(host).into_owned())
        }
        false => None,
    };
    if let Some(approver) = approver.clone()
        && wanted.is_some_and(|wanted| wanted > Presence::Uid)
    {
        if !case.requester_may_read_what_is_signed(record) {
            // Their process, or what they have put in its way, would read it.
            conversation.tell(&format!(
                "hitl: not approved here: what would be signed tells more of {id} than its requester may see; {name} approves it from a login of their own, by \"hitl approve {id}\"",
                id = record.id,
                name = visible(&approver.name)
            ));
            return Ok(true);
        }
        drop(conversation);
        let sign = &mut |choices: &[Signable]| front.sign(choices);
        let word = Word { message: None, host, review: false, proving: Proving::Sign, sign };
        let done = ruling::approve_at_requesters_terminal(case.rooms, &record.id, approver, word);
        let Some(mut conversation) = front.conversation() else { return Ok(false) };
        return told(done, &mut *conversation).map(|()| true);
    }
    let claim = Claim {
        account: account.as_ref().map_or_else(|| NOBODY.to_owned(), |one| one.name.clone()),
        shown_as: name,
        asked_by: case.invocation.requester.name.clone(),
        terminal: case.invocation.requester.terminal.clone(),
    };
    let proved = authenticate::authenticate(&claim, &mut *conversation);
    let approver = match (approver, proved) {
        (Some(approver), Ok(_)) => approver,
        (approver, proved) => {
            let error = proved.err().unwrap_or(AuthenticationError::Wrong { wrong: 1 });
            let whom = approver
                .map_or_else(|| "a user whom this host does not know".to_owned(), |one| one.name);
            let because = format!("as an approver at the requester's terminal, {whom}: {error}");
            authentication::failed(case, Some(record), error.wrong(), &because)?;
            if error.is_refusal() {
                conversation.tell(NOT_PROVED);
            } else {
                conversation.tell(&format!("hitl: {error}"));
            }
            // Who guesses has had their tries in this wait.
            return Ok(matches!(error, AuthenticationError::Stopped { .. }));
        }
    };
    let sign = &mut |_: &[Signable]| Err(Unsigned("nothing was to be signed".to_owned()));
    let word = Word { message: None, host, review: false, proving: Proving::Password, sign };
    let done = ruling::approve_at_requesters_terminal(case.rooms, &record.id, approver, word);
    told(done, &mut *conversation).map(|()| true)
}

/// Tells what came of it; that somebody's word does not count is only told.
fn told(
    done: Result<Record, ProtocolError>,
    conversation: &mut dyn Conversation,
) -> Result<(), ProtocolError> {
    match done {
        Ok(now) => conversation.tell(&format!(
            "hitl: approved by {}{}",
            visible(now.approvals.last().map_or("", |approval| &approval.approver.name)),
            match now.missing().is_empty() {
                true => String::new(),
                false => format!("; it still needs {}", now.needed()),
            }
        )),
        Err(
            error @ (ProtocolError::Store(
                StoreError::NotAllowed(_) | StoreError::WrongState { .. },
            )
            | ProtocolError::NotSigned(_)
            | ProtocolError::NoKey(_)
            | ProtocolError::HostNotNamed(_)),
        ) => conversation.tell(&format!("hitl: {error}")),
        Err(error) => return Err(error),
    }
    Ok(())
}
