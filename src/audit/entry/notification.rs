//! That people were told, or could not be.

use super::{Action, Entry, Outcome, Reference, field};

/// What came of telling somebody.
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// Its kind, in one word.
    pub kind: &'a str,
    /// What was told, in one word: `request.pending`.
    pub event: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status that came last, or the exit status of a program; `None`: there was none.
    pub status: Option<u16>,
    /// Why it failed, a clause; `None`: it did not.
    pub error: Option<&'a str>,
}

impl Entry {
    /// Somebody was told, or could not be: about what, where that is a request or a run.
    pub fn notified(reference: Option<&Reference>, told: &Notification<'_>) -> Self {
        let (action, outcome) = match told.error {
            None => (Action::NotificationSent, Outcome::Success),
            Some(_) => (Action::NotificationFailed, Outcome::Failure),
        };
        let mut entry = Self::of_the_log(action, outcome)
            .with(field::CHANNEL, told.channel.into())
            .with(field::CHANNEL_KIND, told.kind.into())
            .with(field::EVENT, told.event.into())
            .with(field::ATTEMPTS, told.attempts.into());
        entry.reference = reference.cloned();
        if let Some(status) = told.status {
            entry = entry.with(field::STATUS, status.into());
        }
        match told.error {
            Some(error) => entry.text(field::BECAUSE, error),
            None => entry,
        }
    }
}
