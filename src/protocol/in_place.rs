//! A second human answers at the requester's own terminal, by name and password.
//!
//! It is weaker than a login of their own: the requester's terminal could keep what is typed at it. So
//! it counts only for groups that the policy opens to it, and is on record as what it is.

use super::case::Case;
use super::record::OnRecord;
use super::{Front, ProtocolError, decisions};
use crate::authenticate::{self, AuthenticationError, Claim};
use crate::invocation::RequesterKind;
use crate::policy::{Decision, Presence};
use crate::review::{Record, StoreError};
use crate::system::identity::Account;
use crate::system::text::visible;
use crate::system::{Moment, Scope};

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
                // A password proves no more than a login.
                needed.presence == Presence::Uid && needed.groups.iter().any(open)
            })
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
    let claim = Claim {
        account: account.as_ref().map_or_else(|| NOBODY.to_owned(), |one| one.name.clone()),
        shown_as: name,
        asked_by: case.invocation.requester.name.clone(),
        terminal: case.invocation.requester.terminal.clone(),
    };
    let proved = authenticate::authenticate(&claim, &mut *conversation);
    let account = match (account, proved) {
        (Some(account), Ok(_)) => account,
        (account, proved) => {
            let error = proved.err().unwrap_or(AuthenticationError::Wrong { wrong: 1 });
            let whom = account
                .map_or_else(|| "a user whom this host does not know".to_owned(), |one| one.name);
            let because = format!("as an approver at the requester's terminal, {whom}: {error}");
            let entry =
                OnRecord::new(case, &record.id, record.digest).not_proved(error.wrong(), &because);
            case.rooms.log.append(&[entry], &Moment::now())?;
            if error.is_refusal() {
                conversation.tell(NOT_PROVED);
            } else {
                conversation.tell(&format!("hitl: {error}"));
            }
            // Who guesses has had their tries in this wait.
            return Ok(matches!(error, AuthenticationError::Stopped { .. }));
        }
    };
    match decisions::approve_at_requesters_terminal(case.rooms, &record.id, &account) {
        Ok(now) => conversation.tell(&format!(
            "hitl: approved by {}{}",
            visible(&account.name),
            match now.missing().is_empty() {
                true => String::new(),
                false => format!("; it still needs {}", now.needed()),
            }
        )),
        Err(ProtocolError::Store(
            error @ (StoreError::NotAllowed(_) | StoreError::WrongState { .. }),
        )) => conversation.tell(&format!("hitl: {error}")),
        Err(error) => return Err(error),
    }
    Ok(true)
}
