//! The record that holds up: an append-only, hash-chained log of JSON lines.
//!
//! One line is one [`Entry`] in canonical JSON (a subset of RFC 8785), named after ECS fields, ours
//! under `hitl`. `leaf = SHA-256(0x00 ‖ line without its line feed)`, which is also the leaf hash of
//! RFC 6962; each entry's `hitl.prev` is the leaf of the line before it, the first one's is
//! `SHA-256("hitl-genesis/v1\n" ‖ origin ‖ "\n")`. Stored bytes are hashed, never a serialisation
//! made again.
//!
//! Honest limit: root can stop logging, or append lies. What the log prevents is rewriting the past
//! without it being seen.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What happened. The names are those of `event.action`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Somebody asked for a command.
    PrivilegeRequested,
    /// The policy gave its verdict.
    PolicyDecided,
    /// A human said yes.
    ApprovalRecorded,
    /// A human said no.
    ApprovalRejected,
    /// The state before a command was captured.
    SnapshotCreated,
    /// A command is about to start.
    CommandStarted,
    /// A command ended.
    CommandFinished,
    /// A run was undone.
    UndoApplied,
    /// Nobody decided, or used the approval, in time.
    RequestExpired,
    /// The requester took it back.
    RequestCancelled,
    /// Something that a request was bound to changed.
    RequestVoid,
    /// A torn last line was found and bound.
    LogRecovered,
}

/// How it went: `event.outcome`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As asked.
    Success,
    /// Not as asked: denied, rejected, failed.
    Failure,
    /// Not known (yet).
    Unknown,
}

/// One entry before it is in the log: the log adds `@timestamp`, the sequence number, the boot, the
/// host and `hitl.prev`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What happened.
    pub action: Action,
    /// How it went.
    pub outcome: Outcome,
    /// The request or run id, as it is written for people.
    pub request: Option<String>,
    /// Who did it: login name and user id, and login uid where it is known.
    pub user: EntryUser,
    /// The rules it rests on.
    pub rules: Vec<String>,
    /// The process, for entries about a command: ECS `process` (args, executable, working_directory,
    /// exit_code, …). Already redacted.
    pub process: Map<String, Value>,
    /// What else belongs to the action; it stands under `hitl`.
    pub details: Map<String, Value>,
}

/// Who did what an entry records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryUser {
    /// The login name.
    pub name: String,
    /// The real user id.
    pub uid: u32,
    /// The login uid, where the kernel knows it.
    pub login_uid: Option<u32>,
}
