//! Oversight Mechanism: what is pending, what exactly it is bound to, and who decided what.
//!
//! A [`Record`] is one request with its whole life. What a decision is about is its [`Bound`]: its
//! digest covers everything that the command's effect depends on, and all of it is taken again just
//! before the command starts. Records are kept by a [`RequestStore`], under one lock, each state
//! change one atomic rename.
//!
//! Start with `lifecycle`, the steps that a request can take, `deciders`, whose word counts in
//! them, and `glass`, what is different where a denial is lifted; `overdue` is what happens to it while
//! nobody acts. `file_store` keeps the records, `stock` reads all of them at once, `waiting` sleeps until
//! one changes and `watching` until any does. `shown`, `queue` and `view` are what people and programs see,
//! `viewer` is how much of it.

mod bound;
mod candidates;
mod claim;
mod commitment;
mod deciders;
mod error;
mod file_store;
mod glass;
mod id;
mod lifecycle;
mod lines;
mod overdue;
mod paint;
mod person;
mod plan;
mod queue;
mod quorum;
mod record_file;
mod runner;
mod search;
mod shown;
mod signed;
mod statement;
mod stock;
mod view;
mod viewer;
mod waiting;
mod watching;
mod wording;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod lives;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::invocation::{BoundFile, DynamicFragment, InputKind, RequesterKind, RunAs};
use crate::policy::{Confine, Decision, Presence, Reason, Requirement, Risk};
use crate::system::{BootId, ByteString, Digest, Host, Moment};

pub use bound::Difference;
pub use claim::Claim;
pub use commitment::Salt;
pub use error::StoreError;
pub use file_store::FileStore;
pub use glass::is_a_reason;
pub use lines::made_visible;
pub use plan::{Plan, PlanError, parse_ticket};
pub use queue::{review_rows, rows};
pub use quorum::{Yes, missing};
pub use search::Search;
pub use shown::{describe, describe_with_plan};
pub use signed::{Offered, Signed};
pub use statement::{Offer, Ruling};
pub use view::view;
pub use viewer::Viewer;
pub use watching::{StoreWatch, Woken};
pub use wording::{input_text, kind_text, risk_text, run_as_text, undigested};

/// The id of a request and of the run it may become: eight Crockford base32 characters, written
/// `K7Q2-MX4P`. Unique among the requests and runs that are still there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(pub(crate) String);

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
    /// What undo will not cover, a sentence each.
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
    /// What undo will not cover, a sentence each.
    pub not_covered: Vec<String>,
    /// What it may write, where it is confined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confined: Option<Confined>,
    /// What closed the request early, as far as it is theirs to know.
    pub closed_because: Option<String>,
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

/// Who could decide a request, for people: never part of any decision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Candidates {
    /// By the names of the policy's groups.
    groups: BTreeMap<String, Group>,
}

/// The people of one of the policy's groups who could decide.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Some of them, by login name.
    pub people: Vec<String>,
    /// How many there are beside them.
    pub more: usize,
}

/// What a wait for decisions ended with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The request has left `pending`.
    Decided(Box<Record>),
    /// The time the caller was ready to wait is over; the request is still pending.
    TimeUp(Box<Record>),
}

/// Requests as a store has them.
#[derive(Debug, Default)]
pub struct Listing {
    /// The requests that can be read, oldest first.
    pub records: Vec<Record>,
    /// Those that cannot: one damaged file hides no other.
    pub damaged: Vec<StoreError>,
}

/// All requests that are not closed, and what was done to make them so.
#[derive(Debug, Default)]
pub struct Stock {
    /// The requests that are not closed.
    pub live: Listing,
    /// Those that time, a reboot or a dead runner has closed, as they are written now. Each is
    /// returned by one call only, so that it is audited once.
    pub closed: Vec<Record>,
}

/// Where requests are kept.
///
/// Time changes requests without anybody writing: one whose time is over reads as `expired`, one
/// from before a reboot as `void`, one whose runner is gone as `unknown`. [`take_stock`] writes that
/// down.
///
/// [`take_stock`]: RequestStore::take_stock
pub trait RequestStore {
    /// An id that no request here has.
    ///
    /// # Errors
    /// [`StoreError`].
    fn fresh_id(&self) -> Result<RequestId, StoreError>;

    /// Stores a new request, durably.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Clash`] where the id is taken.
    fn insert(&self, record: &Record) -> Result<(), StoreError>;

    /// The request that a person means: an id, or the beginning of one. Requests that `may_see`
    /// refuses do not exist for them. Live requests come before closed ones.
    ///
    /// # Errors
    /// [`StoreError::NotAnId`], [`StoreError::Unknown`], [`StoreError::Ambiguous`].
    fn find(&self, typed: &str, may_see: &dyn Fn(&Record) -> bool)
    -> Result<RequestId, StoreError>;

    /// Reads one request, as it stands now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self, id: &RequestId) -> Result<Record, StoreError>;

    /// All requests that are not closed, oldest first; with `closed` the closed ones as well.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self, closed: bool) -> Result<Listing, StoreError>;

    /// The runs of lifted denials that nobody has reviewed yet, oldest first. One whose end a killed
    /// process left among the live requests is there once stock was taken ([`take_stock`]).
    ///
    /// [`take_stock`]: RequestStore::take_stock
    ///
    /// # Errors
    /// [`StoreError`].
    fn unreviewed(&self) -> Result<Listing, StoreError>;

    /// Changes one request under the store's lock: reads it as it stands now, lets `change` change
    /// it, and writes it durably. Nothing is written where `change` fails, and what a request is
    /// bound to never changes.
    ///
    /// # Errors
    /// [`StoreError`], and what `change` fails with.
    fn update(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
    ) -> Result<Record, StoreError>;

    /// The sole right to take an approved request from here to its start. It ends when it is
    /// dropped, and with its process.
    ///
    /// # Errors
    /// [`StoreError::WrongState`] where it is not approved, or another process is starting it.
    fn claim(&self, id: &RequestId) -> Result<Claim, StoreError>;

    /// Closes one request, as [`RequestStore::update`] changes it. `recorded` puts it on record, under
    /// the lock as well, once it is closed for good. Where that fails, or dies, the request stays
    /// closed, and the next [`close_overdue`](RequestStore::close_overdue) puts it on record: a no
    /// that is on record and does not count would be worse than one that counts and is not yet.
    ///
    /// # Errors
    /// [`StoreError`], and what `change` and `recorded` fail with.
    fn close(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
        recorded: &mut dyn FnMut(&Record) -> Result<(), StoreError>,
    ) -> Result<Record, StoreError>;

    /// All requests that are not closed, each read once; writes down what time, a reboot or a dead
    /// runner has done, and takes the store's lock only where there is something of that to write.
    ///
    /// Those that are closed by it are `recorded` before they leave the live ones, together with those
    /// that a killed process closed and did not record: each once, and twice only where hitl dies just
    /// after it.
    ///
    /// # Errors
    /// [`StoreError`], and what `recorded` fails with.
    fn take_stock(
        &self,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Stock, StoreError>;

    /// What [`take_stock`](RequestStore::take_stock) closes.
    ///
    /// # Errors
    /// As [`take_stock`](RequestStore::take_stock).
    fn close_overdue(
        &self,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(self.take_stock(recorded)?.closed)
    }

    /// Sleeps until the request is no longer pending, or `patience` is over (`None`: until its own
    /// deadline). `tick` is called at once, about once a second, whenever the request has changed
    /// and whenever a signal has arrived, with the record as it stands; it ends the wait by
    /// returning `false`. It is told whether there is something to read on `also` (a terminal,
    /// say), which ends a sleep too.
    ///
    /// # Errors
    /// [`StoreError`].
    fn wait(
        &self,
        id: &RequestId,
        patience: Option<Duration>,
        also: Option<BorrowedFd<'_>>,
        tick: &mut dyn FnMut(&Record, bool) -> bool,
    ) -> Result<Waited, StoreError>;
}
