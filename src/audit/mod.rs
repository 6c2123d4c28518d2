//! The record that holds up: an append-only, hash-chained log of JSON lines.
//!
//! One line is one [`Entry`] in canonical JSON (a subset of RFC 8785), at most 64 KiB with its line
//! feed, named after ECS fields, ours under `hitl`. `leaf = SHA-256(0x00 ‖ line without its line
//! feed)`, which is also the leaf hash of RFC 6962; each entry's `hitl.prev` is the leaf of the line
//! before it, in hex. Stored bytes are hashed, never a serialisation made again.
//!
//! The first line is a `segment-opened` entry with sequence number 0. Its `hitl.origin` names the
//! log, and its `hitl.prev` is `SHA-256("hitl-genesis/v1\n" ‖ origin ‖ "\n")`, so that a copy of the
//! file can be verified alone.
//!
//! The files, all in one directory: `000001.jsonl` (the entries), `append.lock`, and `head` (how far
//! the log was acknowledged, which is also the lock and the shared offset of group commit).
//!
//! | module | what it holds |
//! |---|---|
//! | `entry`, `encode` | what is recorded, and the line it becomes |
//! | `node`, `line`, `scan`, `junk` | a stored line, read strictly, and what is none |
//! | `log`, `head`, `recover` | appending, durability, what a crash left behind |
//! | `verify`, `lives`, `quorum`, `glass` | the chain, and that nothing started without what it needed |
//! | `read`, `show` | the log for people |
//! | `redact` | secrets that do not get in |
//!
//! Honest limit: root can stop logging, or append lies. What the log prevents is rewriting the past
//! without it being seen; and cutting off the end is seen only as far as `head` is out of the
//! attacker's reach, which is what signed checkpoints will be for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::system::canonical::CanonicalError;
use crate::system::durable::DurableError;
use crate::system::text::visible_path;
use crate::system::{Digest, Host};

mod encode;
mod entry;
mod files;
mod glass;
mod head;
mod junk;
mod line;
mod lives;
mod log;
mod node;
mod quorum;
mod read;
mod recover;
mod redact;
mod scan;
mod show;
mod signed;
#[cfg(test)]
mod tests;
mod verify;

pub use entry::{
    Claims, Command, Confined, GlassBroken, MOST_PRUNED, Notification, Pruned, Reference,
    SignersChange, UndoRecorded, UndoRight,
};
pub use log::{Appended, Log};
pub use read::{Entries, Filter, Stored, StoredEntry, read};
pub use redact::{Redacted, redact, redact_text};
pub use show::render;
pub use verify::{Finding, Verification, verify};

/// The most bytes of a line, with its line feed.
pub const LINE_LIMIT: usize = 64 * 1024;

/// What happened. The names are those of `event.action`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The log, or a segment of it, begins here.
    SegmentOpened,
    /// Somebody asked for a command.
    PrivilegeRequested,
    /// The policy gave its verdict.
    PolicyDecided,
    /// The requester has proved that it is them.
    Authenticated,
    /// Somebody could not prove that it is them.
    AuthenticationFailed,
    /// A human said yes.
    ApprovalRecorded,
    /// A human said no.
    ApprovalRejected,
    /// The requester lifts a denial in an emergency.
    BreakGlass,
    /// Another human said whether that was justified.
    BreakGlassReviewed,
    /// The state before a command was captured.
    SnapshotCreated,
    /// It could not be captured, and the rules do not refuse the command for that alone.
    SnapshotFailed,
    /// A command is about to start.
    CommandStarted,
    /// A command ended.
    CommandFinished,
    /// An undo is about to begin.
    UndoStarted,
    /// A run was undone.
    UndoApplied,
    /// A command that the rules want run after an undo is about to start, or has ended.
    UndoFollowed,
    /// Snapshots were taken away: their runs can no longer be undone.
    SnapshotPruned,
    /// A snapshot is kept until the pin is taken away.
    SnapshotPinned,
    /// The pin was taken away.
    SnapshotUnpinned,
    /// Nobody decided, or used the approval, in time.
    RequestExpired,
    /// The requester took it back.
    RequestCancelled,
    /// Something that a request was bound to changed.
    RequestVoid,
    /// Root changed whose SSH key counts.
    SignersChanged,
    /// Somebody was told, by a channel of the policy.
    NotificationSent,
    /// Somebody could not be told.
    NotificationFailed,
    /// What a crash left behind was found and bound, or acknowledged entries were found missing.
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
/// host and `hitl.prev`. Made by the functions of this type, one for each action.
#[derive(Clone, Debug)]
pub struct Entry {
    action: Action,
    outcome: Outcome,
    /// The request or run; none for the log's own entries.
    reference: Option<Reference>,
    /// Who did it; none for the log's own entries.
    user: Option<EntryUser>,
    /// The rules it rests on.
    rules: Vec<String>,
    /// The process, for entries about a command: ECS `process`. Already redacted.
    process: Map<String, Value>,
    /// What else belongs to the action; it stands under `hitl`.
    details: Map<String, Value>,
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

/// A point in a log that somebody has seen: a log of this origin that has another line at this place,
/// or none, was rewritten.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// The log's name, as its first entry says it.
    pub origin: String,
    /// The sequence number of the line.
    pub sequence: u64,
    /// Its leaf hash (RFC 6962, section 2.1).
    pub leaf: Digest,
}

impl LogHead {
    /// From its text.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let head = Self {
            origin: words.next()?.to_owned(),
            sequence: words.next()?.parse().ok()?,
            leaf: Digest::from_hex(words.next()?.strip_prefix("sha256:")?)?,
        };
        (head.to_string() == text).then_some(head)
    }
}

impl fmt::Display for LogHead {
    /// `ORIGIN SEQUENCE sha256:LEAF`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.origin, self.sequence, self.leaf)
    }
}

/// What can go wrong with the log. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The system refused something.
    #[error("cannot {action} {}: {source}; nothing was recorded: mend that (space, permissions, disk) and try again", visible_path(.path))]
    System {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory could not be made, or its names not be made durable.
    #[error("{0}; nothing was recorded")]
    Durable(#[from] DurableError),
    /// A file that somebody else could have written.
    #[error("{path} cannot hold the audit log: {1}; correct it, or move it away and a new log begins", path = visible_path(.0))]
    Unsafe(PathBuf, &'static str),
    /// A log to which nothing can be appended in good conscience.
    #[error("the audit log {path} does not begin with an intact entry: keep it as evidence, move its directory away, and a new log begins", path = visible_path(.0))]
    NoBeginning(PathBuf),
    /// There is nothing to read.
    #[error("there is no audit log at {path}: it begins with the first command that hitl records", path = visible_path(.0))]
    Missing(PathBuf),
    /// The log changed under our hands for longer than honest writers need.
    #[error("the audit log {path} cannot be brought into order: \"hitl audit verify\" says why", path = visible_path(.0))]
    Restless(PathBuf),
    /// An entry that has no canonical form.
    #[error("the audit entry {0:?} cannot be written: {1}; nothing was recorded")]
    Entry(Action, CanonicalError),
    /// An entry that stays too long with every text cut.
    #[error("the audit entry {0:?} is longer than {LINE_LIMIT} bytes; nothing was recorded")]
    TooLong(Action),
}

impl AuditError {
    fn system(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::System { action, path: path.to_owned(), source }
    }
}

/// The leaf hash of a stored line (without its line feed): RFC 6962, section 2.1.
fn leaf(line: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], line])
}

/// What the first line's `hitl.prev` is.
fn genesis(origin: &str) -> Digest {
    Digest::of_parts(&[b"hitl-genesis/v1\n", origin.as_bytes(), b"\n"])
}

/// The name of a log that begins on this host: its first two parts say what it is and where.
fn origin(host: &Host) -> String {
    // A note's origin (C2SP tlog-checkpoint) holds neither white space nor a plus sign.
    let name: String =
        host.name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || "-._".contains(letter) { letter } else { '_' }
            })
            .collect();
    format!("hitl/{name}/{}", host.id)
}
