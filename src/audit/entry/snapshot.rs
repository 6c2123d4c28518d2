//! What is recorded of the state before a command, and of how far its undo will go.

use serde_json::{Value, json};

use super::{Reference, field};
use crate::audit::{Action, Entry, EntryUser, Outcome, redact_text};
use crate::snapshot::Coverage;
use crate::system::Digest;

impl Entry {
    /// The state of so many paths was captured, with so many bytes of content, before a command or
    /// an undo. The digest is that of the manifest's canonical JSON. For a command: how far its undo
    /// will go.
    pub fn snapshot_created(
        reference: &Reference,
        requester: &EntryUser,
        manifest: &Digest,
        files: u64,
        bytes: u64,
        coverage: Option<&Coverage>,
    ) -> Self {
        let entry = Self::new(Action::SnapshotCreated, Outcome::Success, reference, requester)
            .with(field::MANIFEST, json!(manifest))
            .with(field::FILES, files.into())
            .with(field::BYTES, bytes.into());
        match coverage {
            Some(coverage) => entry
                .with(field::LEVEL, json!(coverage.level))
                .with(field::NOT_COVERED, not_covered(coverage)),
            None => entry,
        }
    }

    /// The state before a command could not be captured: a sentence that says why, and whether
    /// somebody who was asked for it let the command run all the same.
    pub fn snapshot_failed(
        reference: &Reference,
        requester: &EntryUser,
        because: &str,
        answer: Option<bool>,
    ) -> Self {
        let entry = Self::new(Action::SnapshotFailed, Outcome::Failure, reference, requester)
            .text(field::BECAUSE, because);
        match answer {
            Some(yes) => entry.with(field::ANSWER, if yes { "yes" } else { "no" }.into()),
            None => entry,
        }
    }
}

/// What an undo will not cover. Paths are among it, and may hold secrets as arguments do.
pub(super) fn not_covered(coverage: &Coverage) -> Value {
    coverage.not_covered.iter().map(|sentence| Value::from(redact_text(sentence))).collect()
}
