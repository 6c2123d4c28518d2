//! What passes between the protocol and whoever stands at the terminal: how a command is to be walked
//! through, what is told on the way, what is asked, how it ended.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::Case;
use crate::authenticate::{Conversation, Seat};
use crate::execute::{CallerState, Ending};
use crate::front::{Said, Signable, Unsigned};
use crate::review::{Candidates, Record, RequestId};
use crate::snapshot::{Captured, Coverage, Progress, SnapshotError};

/// How a command is walked through: for [`super::run`] and [`super::resume`].
pub struct Manner<'m> {
    /// Whether the requester lifts a denial, where that is theirs to do. Their reason is of substance
    /// then ([`super::is_a_reason`]).
    pub break_glass: bool,
    /// What to do when a human is needed.
    pub patience: Patience,
    /// What the caller had before hitl settled in: the command gets it back.
    pub caller: &'m CallerState,
    /// Whoever is told, and asked.
    pub front: &'m mut dyn Front,
}

/// What to do when a human is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// Wait, at most this long (`None`: as long as humans may decide).
    Wait(Option<Duration>),
    /// Leave the request and come back.
    NoWait,
}

/// How [`super::run`] ended.
pub enum Outcome {
    /// The command was started, and ended like this.
    Ended {
        /// The run's id.
        id: RequestId,
        /// How.
        ending: Ending,
        /// Whether there is a snapshot to undo it with.
        undoable: bool,
    },
    /// The rules refuse it, or nobody can approve it here.
    Denied {
        /// The id under which it is on record.
        id: RequestId,
        /// Why, in one sentence.
        why: String,
    },
    /// The request waits; nothing ran.
    Pending(Box<Record>),
    /// Nobody decided in the time that the caller was ready to wait. The request still waits.
    TimeUp(Box<Record>),
    /// The request ended without the command: rejected, expired, cancelled, void.
    Closed(Box<Record>),
}

/// Whoever stands between the protocol and the person: prints, asks, shows progress. Never decides.
pub trait Front {
    /// A step was taken.
    fn event(&mut self, event: &Event<'_>);

    /// The requester is to prove that it is them: the conversation with them, at their terminal. `None`
    /// where there is no terminal to ask at.
    fn conversation(&mut self) -> Option<Box<dyn Conversation + '_>>;

    /// Has somebody at the requester's terminal sign one of these statements.
    ///
    /// # Errors
    /// Why nothing was signed.
    fn sign(&mut self, choices: &[Signable]) -> Result<String, Unsigned>;

    /// Where the requester sits, if they sit anywhere.
    fn seat(&self) -> Option<Seat>;

    /// A wait for humans begins: from here on ^C takes the request back.
    ///
    /// # Errors
    /// Where the signal cannot be caught.
    fn wait_begins(&mut self) -> std::io::Result<()>;

    /// Their terminal is asked, where they have one, while others may decide elsewhere: for `confirm` the
    /// requester's own human whether it is meant, for `approve` whether another is there who may approve.
    fn ask(&mut self, record: &Record);

    /// The wait goes on: called at once, about once a second, at every change and after every signal.
    fn waiting(&mut self, waiting: &Waiting<'_>);

    /// What becomes readable when the person has said something.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    fn descriptor(&mut self) -> std::io::Result<Option<OwnedFd>>;

    /// What they have said since, without waiting.
    fn said(&mut self) -> Said;

    /// The wait is over.
    fn wait_ends(&mut self);

    /// Whether whoever asked has gone, so that nothing is to be started for them.
    fn has_gone(&mut self) -> bool;

    /// A snapshot is being taken.
    fn progress(&mut self, progress: Progress<'_>);
}

/// How a wait goes.
pub struct Waiting<'a> {
    /// The request, as it stands.
    pub record: &'a Record,
    /// Who could decide it.
    pub candidates: &'a Candidates,
    /// How long the wait goes on: until nobody may decide any more, or the caller waits no longer.
    pub left: Duration,
}

/// The steps, as they are told.
pub enum Event<'a> {
    /// The policy has given its verdict.
    Decided(&'a Case<'a>),
    /// A human is needed, one of these; the request is stored.
    Pending(&'a Record, &'a Candidates),
    /// The requester is about to lift the denial, and is asked for it.
    BreakingGlass(&'a Record),
    /// They have: that is on record.
    GlassBroken(&'a Record),
    /// They cannot, and what was decided counts: why.
    GlassKept(&'a str),
    /// Everything needed was given.
    Approved(&'a Record),
    /// The state before the command is captured.
    Snapshotted(&'a Captured),
    /// More may change than what is captured, and an undo will not take that back.
    UndoIsLimited(&'a Coverage),
    /// It could not be captured, and the rules let the command run all the same.
    NotSnapshotted(&'a SnapshotError),
    /// It is not confined, or only in part, and the rules let it run all the same: why.
    NotConfined(&'a str),
    /// The command is about to start.
    Started(&'a RequestId),
    /// It has ended.
    Ended(&'a RequestId, Ending),
    /// The store takes more than the policy lets it: a sentence.
    StoreTooLarge(&'a str),
    /// It has ended, but its state afterwards could not be recorded.
    AfterNotRecorded(&'a SnapshotError),
}
