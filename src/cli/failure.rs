//! How a command of hitl ends when it does not do what was asked: a message that says what, where
//! and what to do next, and an exit code that a script can tell apart.

use std::fmt;

use serde_json::json;

use crate::audit::AuditError;
use crate::edit::EditError;
use crate::invocation::InvocationError;
use crate::policy::PolicyError;
use crate::protocol::ProtocolError;
use crate::review::StoreError;
use crate::signing::SignersError;
use crate::snapshot::SnapshotError;
use crate::system::installation::RefusedScope;
use crate::system::{ScopeError, Sight, durable::DurableError, trusted::TrustError};

/// The exit codes that are hitl's own. `hitl run` passes a child's status through, so that a child
/// may use the same numbers: `--status-fd` and `--json` say who spoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitCode {
    /// The answer is no: verification found something, tests fail, an undo has conflicts.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The request waits for a human (`--no-wait`).
    Pending = 75,
    /// Denied by rule, rejected by a human, void, or not this person's to do.
    Denied = 77,
    /// The policy is missing, unsafe or wrong.
    Policy = 78,
    /// Nobody decided in time.
    TimeUp = 124,
    /// hitl itself failed; nothing ran.
    Failed = 125,
    /// The command could not be executed.
    NotExecutable = 126,
    /// The command was not found.
    NotFound = 127,
}

impl ExitCode {
    /// The code in one word, for `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Usage => "usage",
            Self::Pending => "pending",
            Self::Denied => "denied",
            Self::Policy => "policy",
            Self::TimeUp => "time-up",
            Self::Failed => "failed",
            Self::NotExecutable => "not-executable",
            Self::NotFound => "not-found",
        }
    }
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// What the process exits with.
    pub code: ExitCode,
    /// What, where, and what to do next. May have several lines. Empty: everything was said already.
    pub message: String,
}

impl Failure {
    /// A failure with a message.
    pub fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    /// A failure about which everything has been said already.
    pub fn silent(code: ExitCode) -> Self {
        Self { code, message: String::new() }
    }

    /// The failure as the one JSON object that `--json` prints.
    pub fn to_json(&self) -> serde_json::Value {
        json!({"v": 1, "error": {"code": self.code as i32, "kind": self.code.word(), "message": self.message}})
    }
}

macro_rules! failures {
    ($($error:ty => $code:expr),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new($code, error)
            }
        })+
    };
}

failures! {
    AuditError => ExitCode::Failed,
    DurableError => ExitCode::Failed,
    ScopeError => ExitCode::Usage,
    RefusedScope => ExitCode::Failed,
    TrustError => ExitCode::Policy,
    PolicyError => ExitCode::Policy,
    SignersError => ExitCode::Policy,
    std::io::Error => ExitCode::Failed,
    serde_json::Error => ExitCode::Failed,
}

impl From<InvocationError> for Failure {
    fn from(error: InvocationError) -> Self {
        let code = match error.exit_code() {
            127 => ExitCode::NotFound,
            126 => ExitCode::NotExecutable,
            77 => ExitCode::Denied,
            _ => ExitCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NotAllowed(_) | StoreError::WrongState { .. } => ExitCode::Denied,
            StoreError::Unknown(_) | StoreError::Ambiguous(..) | StoreError::NotAnId(_) => {
                ExitCode::No
            }
            _ => ExitCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let error = error.as_told_to(Sight::of_caller());
        // An answer about what is there, and not a failure to do what can be done.
        let code = match &error {
            SnapshotError::Unknown(_)
            | SnapshotError::Ambiguous { .. }
            | SnapshotError::NotAnId(_)
            | SnapshotError::Nothing
            | SnapshotError::AlreadyUndone { .. }
            | SnapshotError::Overlapping { .. }
            | SnapshotError::Conflicts { .. }
            | SnapshotError::ChangedOutOfSight
            | SnapshotError::Held { .. }
            | SnapshotError::NotChanged { .. }
            | SnapshotError::Unfinished { .. }
            | SnapshotError::NotUnfinished(_)
            | SnapshotError::PlanChanged { .. } => ExitCode::No,
            _ => ExitCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let code = match &error {
            EditError::Link(_)
            | EditError::NotRegular(_)
            | EditError::SeveralNames(..)
            | EditError::TooLarge(_)
            | EditError::Exchangeable { .. }
            | EditError::Hidden(_)
            | EditError::CopyReplaced(_)
            | EditError::DoubleDash(_) => ExitCode::Denied,
            EditError::NotAName(_) => ExitCode::Usage,
            EditError::NoDirectory(..)
            | EditError::Unreadable(..)
            | EditError::Changed(_)
            | EditError::OtherContent => ExitCode::No,
            EditError::Copy(..) | EditError::NoEditor | EditError::Unwritable(..) => {
                ExitCode::Failed
            }
        };
        Self::new(code, error)
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Invocation(error) => error.into(),
            ProtocolError::Policy(error) => error.into(),
            ProtocolError::Store(error) => error.into(),
            ProtocolError::Audit(error) => error.into(),
            ProtocolError::Snapshot(error) => error.into(),
            ProtocolError::Authentication(error) if error.is_refusal() => {
                Self::new(ExitCode::Denied, error)
            }
            ProtocolError::CannotAuthenticate(_) => Self::new(ExitCode::Denied, error),
            ProtocolError::NeedsInstallation(_) => Self::new(ExitCode::Policy, error),
            ProtocolError::EditWithin | ProtocolError::UndoNotApproved => {
                Self::new(ExitCode::Usage, error)
            }
            ProtocolError::AnotherPlan => Self::new(ExitCode::No, error),
            ProtocolError::UndoNeedsApproval(_)
            | ProtocolError::UndoFallsShort(_)
            | ProtocolError::NotWithoutSnapshot(..)
            | ProtocolError::NotYours(_)
            | ProtocolError::NoKey(_)
            | ProtocolError::NotSigned(_)
            | ProtocolError::HostNotNamed(_) => Self::new(ExitCode::Denied, error),
            ProtocolError::Signers(error) => error.into(),
            ProtocolError::SignersChange(_) => Self::new(ExitCode::No, error),
            ProtocolError::UnknownChannel(..) => Self::new(ExitCode::No, error),
            other => Self::new(ExitCode::Failed, other),
        }
    }
}
