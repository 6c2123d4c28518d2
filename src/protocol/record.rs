//! What the protocol puts on record, step by step.

use std::time::Duration;

use super::capturing::Before;
use super::case::Case;
use super::confining::Confining;
use crate::audit::{Claims, Command, Entry, EntryUser, GlassBroken, Reference};
use crate::execute::Ending;
use crate::invocation::Requester;
use crate::review::{
    Approval, Approver, BoundRequester, Proof, Record, Rejection, RequestId, Review, Signed, State,
};
use crate::snapshot::Captured;
use crate::system::Digest;

/// A case as the log refers to it.
pub(super) struct OnRecord<'c> {
    case: &'c Case<'c>,
    reference: Reference,
    requester: EntryUser,
    command: Command,
}

impl<'c> OnRecord<'c> {
    /// A case under the id and the digest of its request.
    pub(super) fn new(case: &'c Case<'c>, id: &RequestId, digest: Digest) -> Self {
        let invocation = &case.invocation;
        Self {
            case,
            reference: Reference { id: id.clone(), digest: Some(digest) },
            requester: user(&invocation.requester),
            command: Command::new(
                &invocation.argv,
                &invocation.executable.path,
                &invocation.directory,
                &invocation.run_as,
            ),
        }
    }

    /// What comes before everything else about a command: that it was asked, decided and proved. Where
    /// it had to be approved, that is on record since.
    pub(super) fn beginning(&self, approved: bool) -> Vec<Entry> {
        if approved {
            return Vec::new();
        }
        self.asked_and_decided().into_iter().chain(self.proved()).collect()
    }

    /// Somebody asked, and the policy has spoken.
    pub(super) fn asked_and_decided(&self) -> [Entry; 2] {
        let verdict = self.case.verdict_of_the_policy();
        let purpose = &self.case.purpose;
        [
            Entry::requested(
                &self.reference,
                &self.requester,
                verdict.requester_kind,
                &self.command,
                &Claims {
                    reason: purpose.reason.as_deref(),
                    ticket: purpose.ticket.as_deref(),
                    plan: purpose.plan.as_ref().map(|plan| (plan.digest(), plan.bytes())),
                },
            ),
            Entry::decided(
                &self.reference,
                &self.requester,
                verdict,
                self.case.rooms.policy.identity(),
            ),
        ]
    }

    /// They lift the denial, where they broke the glass; what is still needed stands beside it.
    pub(super) fn glass_broken(&self, record: &Record) -> Option<Entry> {
        let glass = record.shown.break_glass.as_ref()?;
        Some(Entry::glass_broken(
            &self.reference,
            &self.requester,
            &GlassBroken {
                verdict: &self.case.verdict,
                lifted: &glass.lifted,
                reason: record.bound.reason.as_deref().unwrap_or_default(),
                review_by: &glass.review_by,
                reviewers: &glass.reviewers,
                channels: &record.shown.notify,
            },
        ))
    }

    /// The requester has proved to be who they are, where they had to.
    pub(super) fn proved(&self) -> Option<Entry> {
        let proof = self.case.proof?;
        Some(Entry::authenticated(&self.reference, &self.requester, proof.by.word(), proof.wrong))
    }

    /// They have not.
    pub(super) fn not_proved(&self, wrong: u32, because: &str) -> Entry {
        Entry::authentication_failed(&self.reference, &self.requester, wrong, because)
    }

    /// The state before the command is captured.
    pub(super) fn snapshot(&self, captured: &Captured) -> Entry {
        Entry::snapshot_created(
            &self.reference,
            &self.requester,
            &captured.manifest,
            captured.entries,
            captured.bytes,
            Some(&captured.coverage),
        )
    }

    /// It could not be captured: why, and what somebody answered who was asked whether it runs all
    /// the same.
    pub(super) fn no_snapshot(&self, because: &str, answer: Option<bool>) -> Entry {
        Entry::snapshot_failed(&self.reference, &self.requester, because, answer)
    }

    /// The command is about to start.
    pub(super) fn started(&self, confining: &Confining, before: &Before) -> Entry {
        let confined = confining.on_record(self.case.verdict.confine);
        Entry::started(
            &self.reference,
            &self.requester,
            &self.command,
            confined.as_ref(),
            before.coverage(),
            before.captured().is_some(),
        )
    }

    /// The command has ended, and left what the manifest of this digest holds.
    pub(super) fn finished(
        &self,
        ending: Ending,
        duration: Duration,
        after: Option<&Digest>,
    ) -> Entry {
        Entry::finished(&self.reference, &self.requester, ending, duration, after)
    }
}

/// A human's yes.
pub(super) fn approval(record: &Record, approval: &Approval) -> Entry {
    proved(Entry::approved(&reference(record), approval), &approval.proof)
}

/// A human's no.
pub(super) fn rejection(record: &Record, rejection: &Rejection) -> Entry {
    let user = entry_user(&rejection.approver);
    proved(Entry::rejected(&reference(record), &user, &rejection.message), &rejection.proof)
}

/// How somebody proved that it was them: what they signed stands in the entry whole.
fn proved(entry: Entry, proof: &Proof) -> Entry {
    let entry = entry.proved_by(proof.word());
    match proof {
        Proof::Login | Proof::Password => entry,
        Proof::Signature { signed, .. } => {
            let Signed { offer, statement, signature } = &**signed;
            entry.signed(&offer.principal, &offer.key, statement, signature)
        }
    }
}

fn entry_user(approver: &Approver) -> EntryUser {
    EntryUser { name: approver.name.clone(), uid: approver.uid, login_uid: approver.login_uid }
}

/// What a human says of a denial that was lifted.
pub(super) fn reviewed(record: &Record, review: &Review) -> Entry {
    let Review { reviewer, judgement, message, proof, .. } = review;
    let entry = Entry::glass_reviewed(
        &reference(record),
        &entry_user(reviewer),
        reviewer.kind,
        &reviewer.groups,
        *judgement,
        message.as_deref(),
    );
    proved(entry, proof)
}

/// The requester, or root, took it back.
pub(super) fn cancelled(record: &Record, by: &EntryUser) -> Entry {
    Entry::cancelled(&reference(record), by)
}

/// What ended a request, as the record says it. `by` has noticed it, where it was nobody's doing.
pub(super) fn closed(record: &Record, by: &EntryUser) -> Entry {
    let reference = reference(record);
    let because = record.closed_because.as_deref().unwrap_or_default();
    match (record.state, &record.rejection) {
        (State::Rejected, Some(no)) => rejection(record, no),
        (State::Cancelled, _) => cancelled(record, &who_cancelled(record)),
        (State::Void, _) => Entry::void(&reference, by, because),
        (State::Unknown, _) => Entry::lost(&reference, by, because),
        _ => Entry::expired(&reference, by),
    }
}

/// Whoever took a request back: its requester, or root.
fn who_cancelled(record: &Record) -> EntryUser {
    let BoundRequester { uid, name, login_uid, .. } = &record.bound.requester;
    if record.was_cancelled_by(name) {
        return EntryUser { name: name.clone(), uid: *uid, login_uid: *login_uid };
    }
    EntryUser { name: "root".to_owned(), uid: 0, login_uid: None }
}

/// How the log names a person of this host.
pub(super) fn user(person: &Requester) -> EntryUser {
    EntryUser { name: person.name.clone(), uid: person.uid, login_uid: person.login_uid }
}

/// How a command ended, in words.
pub(super) fn ending_text(ending: Ending) -> String {
    match ending {
        Ending::Exited(status) => format!("exited with status {status}"),
        Ending::Signalled(signal) => format!("ended by signal {signal}"),
        Ending::Abandoned => "ended because whoever started it was killed".to_owned(),
        Ending::TimedOut => "ran longer than it may, ended".to_owned(),
        Ending::NotExecuted(number) => {
            format!("not executed: {}", std::io::Error::from_raw_os_error(number))
        }
    }
}

fn reference(record: &Record) -> Reference {
    Reference { id: record.id.clone(), digest: Some(record.digest) }
}
