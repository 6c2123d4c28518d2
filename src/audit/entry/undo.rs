//! Undos: who undid what, by which right and with whose approval, and what ran after it.

use serde_json::json;

use super::{Action, Command, Entry, EntryUser, Outcome, Reference, field, redact_text};
use crate::execute::Ending;
use crate::review::RequestId;
use crate::system::ByteString;

/// By which right somebody undoes a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UndoRight {
    /// They ran it.
    Own,
    /// They are in these groups, which the policy trusted with it when it ran.
    Groups(Vec<String>),
    /// They are root.
    Root,
}

/// An undo as the log tells it.
#[derive(Clone, Debug)]
pub struct UndoRecorded {
    /// The undo's own run; with the digest of the request whose approval it uses, where it does.
    pub reference: Reference,
    /// Who undoes.
    pub user: EntryUser,
    /// The run that is undone.
    pub undone: RequestId,
    /// By which right.
    pub right: UndoRight,
    /// Whether what was changed since is restored as well.
    pub forced: bool,
    /// The paths that alone go back. Empty: all.
    pub only: Vec<ByteString>,
    /// Who approved it, by their login names.
    pub approved_by: Vec<String>,
}

impl UndoRecorded {
    fn entry(&self, action: Action, outcome: Outcome) -> Entry {
        let mut entry = Entry::new(action, outcome, &self.reference, &self.user)
            .with(field::UNDONE, json!(self.undone));
        let right = match &self.right {
            UndoRight::Own => "own",
            UndoRight::Groups(groups) => {
                entry = entry.with(field::GROUPS, json!(groups));
                "group"
            }
            UndoRight::Root => "root",
        };
        entry = entry.with(field::RIGHT, right.into()).with(field::FORCED, self.forced.into());
        if !self.only.is_empty() {
            let only: Vec<String> =
                self.only.iter().map(|path| redact_text(&path.to_escaped())).collect();
            entry = entry
                .with(field::ONLY, only.into())
                .with(field::ONLY_COUNT, self.only.len().into());
        }
        if !self.approved_by.is_empty() {
            entry = entry.with(field::APPROVED_BY, json!(self.approved_by));
        }
        entry
    }
}

impl Entry {
    /// An undo is about to begin. Durable before it touches anything.
    pub fn undo_started(undo: &UndoRecorded) -> Self {
        undo.entry(Action::UndoStarted, Outcome::Unknown)
    }

    /// The run was undone, `files` paths put back; `outcome` is a failure where it was not all that
    /// was asked.
    pub fn undone(undo: &UndoRecorded, files: u64, outcome: Outcome) -> Self {
        undo.entry(Action::UndoApplied, outcome).with(field::FILES, files.into())
    }

    /// A command that the rules want run after an undo is about to start.
    pub fn follows(undo: &UndoRecorded, command: &Command) -> Self {
        Self::new(Action::UndoFollowed, Outcome::Unknown, &undo.reference, &undo.user)
            .with(field::UNDONE, json!(undo.undone))
            .command(command)
    }

    /// It has ended, or could not be started: how, in words.
    pub fn followed(
        undo: &UndoRecorded,
        command: &Command,
        ending: Option<Ending>,
        words: &str,
    ) -> Self {
        let outcome = match ending {
            Some(Ending::Exited(0)) => Outcome::Success,
            _ => Outcome::Failure,
        };
        let mut entry = Self::new(Action::UndoFollowed, outcome, &undo.reference, &undo.user)
            .with(field::UNDONE, json!(undo.undone))
            .command(command)
            .text(field::ENDING, words);
        if let Some(Ending::Exited(status)) = ending {
            entry.process.insert("exit_code".into(), status.into());
        }
        entry
    }
}
