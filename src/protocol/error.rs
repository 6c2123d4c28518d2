//! What stops the protocol.

use std::io;
use std::path::PathBuf;

use crate::audit::AuditError;
use crate::authenticate::AuthenticationError;
use crate::execute::{ConfinementError, EnvironmentError, ExecuteError};
use crate::invocation::InvocationError;
use crate::policy::PolicyError;
use crate::review::StoreError;
use crate::signing::{ChangeError, SignersError};
use crate::snapshot::SnapshotError;
use crate::system::canonical::CanonicalError;
use crate::system::durable::DurableError;
use crate::system::identity::IdentityError;
use crate::system::text::{visible, visible_path};

/// What stops the protocol. Nothing has run, unless the message says so.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The command cannot be resolved.
    #[error(transparent)]
    Invocation(#[from] InvocationError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The requests.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The execution.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The environment that the rules ask for.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The rules that confine it could not be made.
    #[error(transparent)]
    Confinement(#[from] ConfinementError),
    /// The rules require a confinement that this kernel cannot give.
    #[error(
        "a rule says \"confine: required\", and the command cannot be confined here: {0}; or write \"confine: true\" in the policy to let it run with a warning"
    )]
    CannotConfine(String),
    /// The rules demand more of an undo than there would be: why, and what to do.
    #[error("{}; nothing has run", visible(.0))]
    UndoFallsShort(String),
    /// There is no snapshot, and nobody said that it runs all the same: why.
    #[error("{0}; {1}; nothing has run")]
    NotWithoutSnapshot(SnapshotError, &'static str),
    /// Users and groups.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A signature is needed, and the person has no key for it.
    #[error("{0}; nothing was decided")]
    NoKey(String),
    /// Somebody was to sign, and what came is no signature that counts: why, made visible.
    #[error("{}; nothing was decided", visible(.0))]
    NotSigned(String),
    /// There is no log that an approver could be a witness of.
    #[error(
        "the end of the audit log cannot be read, and a signature is about it too: \"hitl audit verify\" says what is wrong; nothing was decided"
    )]
    NoLog,
    /// Whoever approves something critical names the host that it is for.
    #[error("{0}; nothing was decided")]
    HostNotNamed(String),
    /// A file that the request is bound to.
    #[error("cannot read {path}, which the request is bound to: {1}", path = visible_path(.0))]
    Bound(PathBuf, io::Error),
    /// The same, where the caller may not know which.
    #[error(
        "cannot read a file that the request is bound to, and that you may not see: root can see \
         which by \"hitl run\" of the same command"
    )]
    BoundOutOfSight,
    /// The caller's rights to files.
    #[error("cannot look at the files with your own rights: {0}")]
    Rights(io::Error),
    /// What is bound has no canonical form.
    #[error("the request cannot be bound: {0}")]
    Canonical(#[from] CanonicalError),
    /// No randomness.
    #[error("the kernel gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The process that was called was killed before the command started.
    #[error("whoever asked has gone: nothing was started for them")]
    CallerGone,
    /// What an edit that waits is to write cannot be kept.
    #[error("what is to be written cannot be kept until it is decided: {0}")]
    Keep(DurableError),
    /// The plan that was attached cannot be kept.
    #[error("the plan that you attached cannot be kept with the request: {0}")]
    KeepPlan(DurableError),
    /// `hitl edit` as a command of `hitl run`.
    #[error(
        "\"hitl edit\" is not started by \"hitl run\", nor within one: your editor runs as yourself; type \"hitl edit FILE\" in a shell of your own"
    )]
    EditWithin,
    /// `hitl undo --plan` by whoever has no approval for it.
    #[error(
        "--plan is what hitl itself starts an undo with that others have approved: type \"hitl undo ID\""
    )]
    UndoNotApproved,
    /// Between the approval of an undo and the undo, files moved on.
    #[error(
        "what would go back now is not what was approved: files of it were changed since, and nothing was touched; look at the plan, and ask again with \"hitl undo\""
    )]
    AnotherPlan,
    /// The rules demanded approval of an undo, and none was given.
    #[error("undoing run {0} needs the approval of others: type \"hitl undo {0}\" to ask for it")]
    UndoNeedsApproval(String),
    /// Whose key is whose.
    #[error(transparent)]
    Signers(#[from] SignersError),
    /// Who signs cannot be changed like that.
    #[error(transparent)]
    SignersChange(#[from] ChangeError),
    /// Who signs could not be written down.
    #[error("{0}: who signs is as it was; mend that and run the same command again")]
    SignersFile(DurableError),
    /// Signals.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
    /// `/proc` does not show this process.
    #[error(
        "/proc does not show this process, so that nobody could tell later whether it still runs: mount /proc"
    )]
    NoProc,
    /// The requester could not be authenticated.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// Nobody can authenticate here.
    #[error("{0}")]
    CannotAuthenticate(&'static str),
    /// The policy asks for what only an installed hitl can do.
    #[error("{0}")]
    NeedsInstallation(&'static str),
    /// Somebody else's request.
    #[error("{0}")]
    NotYours(String),
    /// The policy has no such channel.
    #[error("the policy has no channel {0:?}: {known}", known = known_channels(.1))]
    UnknownChannel(String, Vec<String>),
    /// The command has ended, but its end could not be recorded.
    #[error("the command ran ({ending}), but its end could not be recorded: {source}")]
    EndNotRecorded {
        /// How the command ended.
        ending: String,
        /// Why that is not on record.
        source: Box<ProtocolError>,
    },
}

impl ProtocolError {
    /// Whether the command was never started.
    pub fn nothing_ran(&self) -> bool {
        !matches!(self, Self::EndNotRecorded { .. } | Self::Execute(ExecuteError::Watch(_)))
    }
}

fn known_channels(known: &[String]) -> String {
    match known {
        [] => "it has none at all; add one under \"channels\"".to_owned(),
        known => format!("it has {}", known.join(", ")),
    }
}
