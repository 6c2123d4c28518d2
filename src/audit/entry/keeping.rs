//! What became of snapshots afterwards: kept for longer, or taken away.

use serde_json::{Value, json};

use super::{Action, Entry, EntryUser, Outcome, Reference, field};
use crate::review::RequestId;
use crate::system::Digest;

/// A run whose snapshot is taken away.
#[derive(Clone, Debug)]
pub struct Pruned<'a> {
    /// The run.
    pub id: &'a RequestId,
    /// The digest of the manifest of what was there before it.
    pub before: &'a Digest,
    /// The digest of the manifest of what it left, where one was taken.
    pub after: Option<&'a Digest>,
    /// How many bytes of content nothing else kept, as manifests count them.
    pub bytes: u64,
    /// Why, in one word: `age`, `count`, `size` or `asked`.
    pub because: &'a str,
}

/// The most runs that one entry names: with all their digests far below what a line may hold.
pub const MOST_PRUNED: usize = 150;

impl Entry {
    /// The snapshots of these runs, at most [`MOST_PRUNED`], are taken away: they can no longer be
    /// undone, and what the log says of them stays.
    pub fn pruned(user: &EntryUser, runs: &[Pruned<'_>]) -> Self {
        let bytes: u64 = runs.iter().map(|run| run.bytes).fold(0, u64::saturating_add);
        let runs = runs.iter().map(|run| {
            let mut value = json!({
                field::RUN: run.id,
                field::MANIFEST: run.before,
                field::BYTES: run.bytes,
                field::BECAUSE: run.because,
            });
            if let (Some(after), Some(object)) = (run.after, value.as_object_mut()) {
                object.insert(field::AFTER.into(), json!(after));
            }
            value
        });
        let entry = Self {
            user: Some(user.clone()),
            ..Self::of_the_log(Action::SnapshotPruned, Outcome::Success)
        };
        entry
            .with(field::RUNS, runs.collect::<Vec<Value>>().into())
            .with(field::BYTES, bytes.into())
    }

    /// A run's snapshot is pinned: it is kept until somebody takes the pin away.
    pub fn pinned(reference: &Reference, user: &EntryUser, reason: Option<&str>) -> Self {
        let entry = Self::new(Action::SnapshotPinned, Outcome::Success, reference, user);
        match reason {
            Some(reason) => entry.text(field::REASON, reason),
            None => entry,
        }
    }

    /// The pin is taken away.
    pub fn unpinned(reference: &Reference, user: &EntryUser) -> Self {
        Self::new(Action::SnapshotUnpinned, Outcome::Success, reference, user)
    }
}
