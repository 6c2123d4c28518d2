//! What humans decided, how they proved that it was them, and whose signature counts.

use serde_json::json;

use super::{Action, Entry, EntryUser, Outcome, Reference, field};
use crate::review::Approval;
use crate::system::Digest;

/// How it changed whose key counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignersChange<'a> {
    /// A key came. `allowed_signers` has this digest from then on.
    Added(&'a Digest),
    /// A key went. `allowed_signers` has this digest from then on.
    Removed(&'a Digest),
    /// A key does not count from this entry on, because of that.
    Revoked(&'a str),
}

impl Entry {
    /// A human said yes.
    pub fn approved(reference: &Reference, approval: &Approval) -> Self {
        let approver = &approval.approver;
        let user = EntryUser {
            name: approver.name.clone(),
            uid: approver.uid,
            login_uid: approver.login_uid,
        };
        let mut entry = Self::new(Action::ApprovalRecorded, Outcome::Success, reference, &user)
            .with(field::KIND, json!(approver.kind))
            .with(field::GROUPS, json!(approver.groups))
            .with(field::PRESENCE, json!(approval.presence));
        if let Some(message) = &approval.message {
            entry = entry.text(field::MESSAGE, message);
        }
        entry
    }

    /// A human said no.
    pub fn rejected(reference: &Reference, approver: &EntryUser, message: &str) -> Self {
        Self::new(Action::ApprovalRejected, Outcome::Failure, reference, approver)
            .text(field::MESSAGE, message)
    }

    /// How whoever decided proved that it was them: `login`, `password` or `signature`.
    pub fn proved_by(self, proof: &str) -> Self {
        self.with(field::PROOF, proof.into())
    }

    /// With what they signed, whole: by this principal's key of this fingerprint.
    pub fn signed(self, principal: &str, key: &str, statement: &str, signature: &str) -> Self {
        self.with(field::PRINCIPAL, principal.into())
            .with(field::FINGERPRINT, key.into())
            .with(field::STATEMENT, statement.into())
            .with(field::SIGNATURE, signature.into())
    }

    /// Root changed whose key counts: `principal` has the key of this fingerprint, whose whole text is
    /// `key` (algorithm and Base64). Recorded before the file changes.
    pub fn signers_changed(
        user: &EntryUser,
        change: SignersChange<'_>,
        principal: &str,
        fingerprint: &str,
        key: &str,
    ) -> Self {
        let entry = Self {
            user: Some(user.clone()),
            ..Self::of_the_log(Action::SignersChanged, Outcome::Success)
        };
        let entry = entry
            .with(field::PRINCIPAL, principal.into())
            .with(field::FINGERPRINT, fingerprint.into())
            .with(field::KEY, key.into());
        match change {
            SignersChange::Added(digest) => {
                entry.with(field::CHANGE, "added".into()).with(field::FILE_DIGEST, json!(digest))
            }
            SignersChange::Removed(digest) => {
                entry.with(field::CHANGE, "removed".into()).with(field::FILE_DIGEST, json!(digest))
            }
            SignersChange::Revoked(because) => {
                entry.with(field::CHANGE, "revoked".into()).text(field::BECAUSE, because)
            }
        }
    }
}
