//! A request as it is kept and told: plain types, whose fields are the format of the store, of `--json`
//! and of what approvals are bound to. What they do stands in the other files of this room.

use serde::{Deserialize, Serialize};

use super::{Offered, RequestId, Salt, Signed};
use crate::invocation::{BoundFile, DynamicFragment, InputKind, RequesterKind, RunAs};
use crate::policy::{Confine, Decision, Presence, Reason, Requirement, Risk};
use crate::snapshot::CoverageLevel;
use crate::system::{BootId, ByteString, Digest, Host, Moment};

/// Everything an approval is bound to. Its canonical JSON (see [`crate::system::canonical`]) is what
/// the request's digest is taken over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The format: 1.
    pub v: u32,
    /// The arguments, the command itself first.
    pub argv: Vec<ByteString>,
    /// The executable.
    pub executable: BoundFile,
    /// The working directory.
    pub directory: ByteString,
    /// Every operand that is a regular file, in the order of the arguments: the script in
    /// `bash deploy.sh`, the plan in `terraform apply plan.out`.
    pub operands: Vec<BoundFile>,
    /// The child's environment.
    pub environment: BoundEnvironment,
    /// As whom.
    pub run_as: RunAs,
    /// What standard input is.
    pub input: InputKind,
    /// The host.
    pub host: Host,
    /// The boot: a reboot voids.
    pub boot_id: BootId,
    /// Who asks.
    pub requester: BoundRequester,
    /// The policy's digest.
    pub policy: Digest,
    /// The rules that matched.
    pub rules: Vec<String>,
    /// What the requester says it is for. Their claim, shown as such.
    pub reason: Option<String>,
    /// Where they say it is asked for: a ticket of theirs, a line. Their claim too.
    pub ticket: Option<String>,
    /// The digest of the text in which they say what they intend, where they attached one.
    pub plan: Option<Digest>,
    /// Whether the glass was broken: a soft denial is lifted, for this command alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
    /// 128 random bits in hex: two requests for the same thing have two digests.
    pub nonce: String,
    /// When humans no longer may decide, wall clock in milliseconds since the epoch.
    pub expires_ms: i64,
}

/// The child's environment, without its values.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundEnvironment {
    /// The names, sorted.
    pub names: Vec<ByteString>,
    /// HMAC-SHA256 over the sorted `NAME=value` entries, each preceded by its length (8 bytes, big
    /// endian), keyed by the record's salt: values are often secrets, and a bare hash of a password
    /// can be guessed.
    pub values: Digest,
}

/// Who asks, as far as a decision is bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundRequester {
    /// The real user id.
    pub uid: u32,
    /// The login name.
    pub name: String,
    /// The login uid, where the kernel knows it.
    pub login_uid: Option<u32>,
    /// Human, pipeline or agent, as the policy sees it.
    pub kind: RequesterKind,
}

/// Where a request stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Humans may decide.
    Pending,
    /// Everything needed was given; the command has not started.
    Approved,
    /// The approval is consumed; the command was, or is about to be, started.
    Running,
    /// The command has ended and its outcome is recorded.
    Finished,
    /// A human said no.
    Rejected,
    /// Nobody decided in time, or nobody used the approval in time.
    Expired,
    /// The requester took it back.
    Cancelled,
    /// Something it was bound to has changed.
    Void,
    /// The machine or hitl died between start and end. Never run again by itself.
    Unknown,
}

/// One request with its life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The format: 1.
    pub v: u32,
    /// The id that people type.
    pub id: RequestId,
    /// The digest of `bound`.
    pub digest: Digest,
    /// What it is bound to.
    pub bound: Bound,
    /// The key of the environment's commitment. Never shown.
    pub salt: Salt,
    /// What a reviewer sees beside what is bound.
    pub shown: Shown,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub created: Moment,
    /// Until when humans may decide.
    pub approval_deadline: Moment,
    /// Until when an approval can be used; set when it is complete.
    pub execution_deadline: Option<Moment>,
    /// How long a complete approval stays usable, in milliseconds.
    pub execution_expiry_ms: u64,
    /// The approvals, in order.
    pub approvals: Vec<Approval>,
    /// Statements that were made to be signed somewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offered>,
    /// The rejection, where there is one.
    pub rejection: Option<Rejection>,
    /// The process that consumed the approval.
    pub runner: Option<Runner>,
    /// How the command ended.
    pub ending: Option<String>,
    /// What others say afterwards of a denial that was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// What closed it early: what changed (void), who cancelled.
    pub closed_because: Option<String>,
    /// When the state last changed.
    pub changed: Moment,
}

/// What a reviewer sees beside what is bound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// What the policy decided: `confirm` or `approve`; for a denial that is lifted `approve` where
    /// humans are needed all the same, else `deny`.
    pub decision: Decision,
    /// The risk.
    pub risk: Risk,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Who must approve; empty for `confirm`.
    pub requirements: Vec<Requirement>,
    /// What could not be read.
    pub dynamic: Vec<DynamicFragment>,
    /// What made us take the requester for a program.
    pub kind_reason: Option<String>,
    /// The requester's terminal.
    pub terminal: Option<ByteString>,
    /// What proved, when it was asked for, that it is them: `pam`, `remembered`. `None`: nothing did,
    /// beyond their own login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_by: Option<String>,
    /// The paths that will be snapshotted.
    pub snapshot: Vec<ByteString>,
    /// How far an undo will go.
    pub undo: CoverageLevel,
    /// What it will not cover, a sentence each.
    pub not_covered: Vec<String>,
    /// How long the command may run, in milliseconds.
    pub run_timeout_ms: Option<u64>,
    /// What it may write, where it is confined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confined: Option<Confined>,
    /// The denial that is lifted, where the glass was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// What it writes, where it is an edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edited>,
    /// What goes back, where it is an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<UndoShown>,
    /// Whether its standard input was read for the plan, so that the command has none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plan_was_input: bool,
    /// The channels of the policy that are told what becomes of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// What the requester may know of the files, where that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_requester: Option<Seen>,
}

/// A denial that is lifted in an emergency: what follows of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// The rules that deny. Never empty.
    pub lifted: Vec<String>,
    /// The policy's groups whose members review it afterwards.
    pub reviewers: Vec<String>,
    /// Until when they should have.
    pub review_by: Moment,
}

/// What another human says afterwards of a denial that was lifted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Who.
    pub reviewer: Approver,
    /// What they say.
    pub judgement: Judgement,
    /// What they wrote; never empty where it was not justified.
    pub message: Option<String>,
    /// How they proved that it was them.
    pub proof: Proof,
    /// When.
    pub at: Moment,
}

/// Whether a lifted denial was justified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// It was.
    Justified,
    /// It was not.
    NotJustified,
}

/// What a requester could see of the files by themselves when they asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The executable; without its digest where they may not read it.
    pub executable: BoundFile,
    /// The files among the arguments, in the same way.
    pub operands: Vec<BoundFile>,
    /// The paths that will be snapshotted.
    pub snapshot: Vec<ByteString>,
    /// How far an undo will go.
    pub undo: CoverageLevel,
    /// What it will not cover, a sentence each.
    pub not_covered: Vec<String>,
    /// What it may write, where it is confined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confined: Option<Confined>,
    /// What goes back, where it is an undo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goes_back: Vec<String>,
    /// What closed the request early, as far as it is theirs to know.
    pub closed_because: Option<String>,
}

/// What an undo is about, and what it puts back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoShown {
    /// The run that it undoes.
    pub run: String,
    /// That run's command.
    pub command: Vec<ByteString>,
    /// Who ran it.
    pub requester: String,
    /// When, as people write it.
    pub at: String,
    /// The digest of the plan: what is approved.
    pub plan: Digest,
    /// Whether it also restores what was changed since.
    pub force: bool,
    /// The paths that alone go back. Empty: all that the run changed.
    pub only: Vec<ByteString>,
    /// The commands that run after it.
    pub follow: Vec<Vec<String>>,
    /// The plan, a line each, safe to show.
    pub lines: Vec<String>,
}

/// What an edit writes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edited {
    /// The file.
    pub path: ByteString,
    /// The digest of the new content.
    pub content: Digest,
    /// The digest of the old one; `None` where the file is new.
    pub expected: Option<Digest>,
}

/// What a confined command may write, as it was when the request was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confined {
    /// What the rules ask for.
    pub confine: Confine,
    /// The first places, directories with a slash at the end.
    pub writable: Vec<ByteString>,
    /// How many places there are.
    pub places: u64,
}

/// One human's yes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub approver: Approver,
    /// What their proof is worth.
    pub presence: Presence,
    /// How they proved that it was them.
    pub proof: Proof,
    /// What they wrote.
    pub message: Option<String>,
    /// When.
    pub at: Moment,
    /// The sequence number of the entry in the audit log that holds it; `None` until that is written.
    pub recorded: Option<u64>,
}

/// In which of the policy's groups an approval counts, or why it does not count at all, as a clause.
pub type Counted<'c> = dyn Fn(&Record, &Approval) -> Result<Vec<String>, String> + 'c;

/// How a human proved that it was them who decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Proof {
    /// By an own login on this host.
    Login,
    /// By name and password at the requester's terminal. Their groups are then those that the policy
    /// opened to it, for good.
    Password,
    /// By signing a statement about the request with an SSH key of theirs.
    Signature {
        /// What they signed, and the signature.
        signed: Box<Signed>,
        /// Whether they did at the requester's terminal, where they named themselves.
        at_requesters_terminal: bool,
    },
}

impl Proof {
    /// The word for it, as records and the audit log have it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Password => "password",
            Self::Signature { .. } => "signature",
        }
    }

    /// Whether it was given where only groups count that the policy opened to it.
    pub fn is_at_requesters_terminal(&self) -> bool {
        match self {
            Self::Login => false,
            Self::Password => true,
            Self::Signature { at_requesters_terminal, .. } => *at_requesters_terminal,
        }
    }
}

impl Approval {
    /// A yes from an own login.
    pub fn by_login(approver: Approver, message: Option<String>, at: &Moment) -> Self {
        Self {
            approver,
            presence: Presence::Uid,
            proof: Proof::Login,
            message,
            at: at.clone(),
            recorded: None,
        }
    }
}

/// One human's no.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Who.
    pub approver: Approver,
    /// Why. Never empty.
    pub message: String,
    /// How they proved that it was them.
    pub proof: Proof,
    /// When.
    pub at: Moment,
}

/// A human who decides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// The real user id.
    pub uid: u32,
    /// The login name.
    pub name: String,
    /// The login uid, where the kernel knows it.
    pub login_uid: Option<u32>,
    /// The policy's groups that they are in.
    pub groups: Vec<String>,
    /// Human, pipeline or agent, as the policy sees them.
    pub kind: RequesterKind,
}

/// The process that runs a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// Its process id.
    pub pid: u32,
    /// Its start time in clock ticks since boot (field 22 of `/proc/PID/stat`): process ids are
    /// used again.
    pub start_ticks: u64,
    /// The boot it runs in.
    pub boot_id: BootId,
}
