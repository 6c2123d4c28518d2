//! The signatures in the log: each is checked anew, with nothing but the log.
//!
//! A signature is about its statement, and the statement about its request and about a point of the log
//! that was there before. So every signer is a witness: a log that has been rewritten since lacks what
//! they have seen. Whose key it was, the registry said when it was recorded: that is in the chain too,
//! where root registered the key with hitl.

use std::collections::HashMap;

use super::entry::field;
use super::line::Line;
use super::{Action, LogHead};
use crate::policy::Presence;
use crate::review::Offer;
use crate::signing::{NAMESPACE, Signature};
use crate::system::Digest;

/// What the log has said so far, as far as signatures rest on it.
#[derive(Default)]
pub(super) struct Signatures {
    /// The leaves of all lines, by their sequence number.
    leaves: Vec<Digest>,
    origin: Option<String>,
    /// From which entry on a key does not count, by its fingerprint.
    revoked: HashMap<String, u64>,
}

impl Signatures {
    /// Takes the next entry, which is in its place. What it fails with says what is wrong with it, as a
    /// clause.
    pub(super) fn observe(&mut self, line: &Line<'_>, leaf: Digest) -> Result<(), String> {
        match line.action {
            Action::SegmentOpened => {
                self.origin = line.detail_text(field::ORIGIN).map(str::to_owned);
            }
            Action::SignersChanged if line.detail_text(field::CHANGE) == Some("revoked") => {
                let key = line.detail_text(field::FINGERPRINT).ok_or("it names no key")?;
                self.revoked.entry(key.to_owned()).or_insert(line.sequence);
            }
            Action::ApprovalRecorded => self.check(line, "approve")?,
            Action::ApprovalRejected => self.check(line, "reject")?,
            Action::BreakGlassReviewed => {
                let justified = line.detail_text(field::JUDGEMENT) == Some("justified");
                self.check(line, if justified { "justified" } else { "unjustified" })?;
            }
            _ => {}
        }
        self.leaves.push(leaf);
        Ok(())
    }

    fn check(&self, line: &Line<'_>, ruling: &str) -> Result<(), String> {
        let presence: Option<Presence> = line.detail_word(field::PRESENCE);
        let (Some(statement), Some(signature)) =
            (line.detail_text(field::STATEMENT), line.detail_text(field::SIGNATURE))
        else {
            let by_signature = line.detail_text(field::PROOF) == Some("signature");
            return match presence {
                Some(presence) if presence > Presence::Uid => {
                    Err(format!("it counts as proved by {}, and has no signature", presence.word()))
                }
                _ if by_signature => Err("its signature is missing".to_owned()),
                _ => Ok(()),
            };
        };
        let signature = Signature::parse(signature.as_bytes())
            .map_err(|error| format!("its signature cannot be read: {error}"))?;
        // The policy of that time said from which pages a browser may sign.
        let origins: Vec<String> = signature.origin().map(str::to_owned).into_iter().collect();
        let verified = signature
            .verify(NAMESPACE, statement.as_bytes(), &origins)
            .map_err(|error| format!("its signature does not hold: {error}"))?;
        if presence.is_some_and(|presence| presence > verified.presence) {
            return Err(format!(
                "it counts as proved by {}, and its signature proves {}",
                presence.unwrap_or_default().word(),
                verified.presence.word()
            ));
        }
        let key = signature.key().fingerprint();
        if let Some(since) = self.revoked.get(&key) {
            return Err(format!("it is signed with the key {key}, which entry {since} revoked"));
        }
        let principal = line.detail_text(field::PRINCIPAL).unwrap_or_default();
        let login = principal.split('@').next().unwrap_or_default();
        if line.detail_text(field::FINGERPRINT) != Some(&key)
            || line.user.as_ref().is_none_or(|user| user.name != login)
        {
            return Err("it is signed by somebody else than it says".to_owned());
        }
        if !statement.starts_with(Offer::FIRST_LINE) {
            return Err("what was signed is no statement of hitl's".to_owned());
        }
        let expected = [
            ("decision", ruling.to_owned()),
            ("request", line.request.map(|digest| digest.to_string()).unwrap_or_default()),
            ("approver", format!("{principal} {key}")),
        ];
        for (name, value) in expected {
            if value_of(statement, name) != Some(&value) {
                return Err(format!("what was signed is not about this: its {name} is another"));
            }
        }
        self.witnessed(statement)
    }

    /// Whether the log still has what the signer has seen of it.
    fn witnessed(&self, statement: &str) -> Result<(), String> {
        let seen = value_of(statement, "log").and_then(LogHead::parse);
        let seen = seen.ok_or("what was signed names no end of the log")?;
        if Some(&seen.origin) != self.origin.as_ref() {
            return Err(format!("its signer has seen another log: {}", seen.origin));
        }
        let there = usize::try_from(seen.sequence).ok().and_then(|at| self.leaves.get(at));
        if there != Some(&seen.leaf) {
            return Err(format!(
                "its signer has seen another entry {} than the log has now: it was rewritten",
                seen.sequence
            ));
        }
        Ok(())
    }
}

/// The value of a line of a statement.
fn value_of<'s>(statement: &'s str, name: &str) -> Option<&'s str> {
    statement.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
