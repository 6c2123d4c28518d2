//! Rollback Capability: what a command can touch, its state before and after, and the way back.
//!
//! A run's *before* manifest records every affected path as it was, an absent one as absent; its
//! *after* manifest records the same paths, and what appeared below them, once the command has
//! ended. Undo compares *now* with both: what is as the command left it goes back to *before*, what
//! is as it was needs nothing, anything else was changed since and is a conflict.
//!
//! The way through the files of this room: `selection` settles which paths are meant, `walk` finds
//! them without following a link, `observe` reads one node, `readers` many at once, `gather` makes a
//! manifest of them,
//! `objects` and `runs` keep content and manifests on disk, `capture` does this before and after a
//! command; `difference`, `words` and `render` show what a run changed, `told` to whom; `compare` looks at
//! what concerns an undo, `pairs` and `links` say what belongs together in it, `judge` makes a `plan` of
//! `steps`; `undo` goes back: `prepare` makes everything ready beside its place, `restore` puts it
//! there, and `content`, `metadata` and `clearing` touch one path after another for them. `coverage` says
//! how far that will go, before there is anything to undo. `writable` is the same selection for a command
//! that is confined to it. `retention` says which runs are kept, by `keeping` (pins) and the last `look`;
//! `prune` takes the others away, and what is not `live`; `verify` reads all that is kept.
//!
//! # On disk
//!
//! Below the store's directory (mode 0700):
//!
//! - `packs/`, `big/`, `volumes/`, `index`, `incoming/`, `objects.lock` and `packs.lock`: the content of
//!   files, see `objects`. A manifest names content, never where it lies; content that no manifest names
//!   is garbage, and what a killed capture has left in `incoming/` is never read.
//! - `runs/ID/information.json` ([`RunInformation`] and the digests of the manifests),
//!   `before.jsonl`, `after.jsonl` (the manifests: see [`Manifest`]; *after* holds only what is not as
//!   before) and, once an undo has begun, `undo.json`, which names the run that undoes it. A run exists
//!   when its `information.json` does.
//! - `recent/`: for each place that was captured, the run whose *before* has it last. Files that were
//!   not touched since need not be read again. Only a help: nothing is lost with it.
//! - `runs/.gone-ID`: a run that was pruned, on its way out. `look.json`: when it was last looked at what
//!   is kept, and since when each run is there (`look`).
//! - `lock`: held by whoever changes a run's state, for an undo all the way through.
//! - `unfinished/ID`: there from before an undo of that run begins until all that belongs to it is
//!   done, and locked by whoever is at it.
//!
//! All of it is canonical JSON of a versioned form in which unknown members are ignored, so that
//! entries can carry more without a new one.

mod aims;
mod aside;
mod capture;
mod changes;
mod clearing;
mod clones;
mod compare;
mod content;
mod coverage;
mod difference;
mod error;
mod gather;
mod judge;
mod keeping;
mod known;
mod line;
mod links;
mod live;
mod look;
mod manifest;
mod metadata;
mod node;
mod objects;
mod observe;
mod overlap;
mod pairs;
mod place;
mod plan;
mod prepare;
mod progress;
mod prune;
mod readers;
mod recent;
mod remarks;
mod render;
mod restore;
mod retention;
mod runs;
mod segments;
mod selection;
mod steps;
mod store;
mod told;
mod undo;
mod unfinished;
mod verify;
mod walk;
mod words;
mod writable;

#[cfg(test)]
mod tests;

pub use capture::{Captured, Preview};
pub use coverage::{Coverage, CoverageLevel, Gap, NotCovered};
pub use difference::{Change, ContentChange, DiffLine, DiffLineKind};
pub use error::SnapshotError;
pub use keeping::Kept;
pub use objects::{CloneId, ContentName, ParseContentNameError};
pub use plan::{Conflict, Step, StepKind, UndoOptions, UndoPlan};
pub use progress::Progress;
pub use prune::{Doomed, PrunePlan, Pruned};
pub use render::{change_lines, manifest_lines, plan_lines, plan_summary, stat_lines};
pub use retention::{AgeLimit, Because, Hold, Limits};
pub use selection::{Reach, Root, Selection};
pub use steps::Steps;
pub use store::SnapshotStore;
pub use told::Known;
pub use undo::Undone;
pub use unfinished::{Underway, Unfinished};
pub use verify::{Damage, Verification};
pub use writable::{Writable, WritablePlace};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::policy::{Requirement, Risk};
use crate::system::{ByteString, Moment};

/// What a command can touch: the union of what rules name and what its operands say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Affected {
    /// Absolute paths and globs from rules (`*` within a component, `**` across). Everything that
    /// matches is captured; what appears below their fixed prefix and matches counts as created.
    pub declared: Vec<String>,
    /// Operands: absolute, real paths.
    pub operands: Vec<AffectedOperand>,
    /// Whether the kernel keeps the command's writes inside of what is captured.
    pub confined: bool,
    /// Whether the command changes no file, for all that is known of it.
    pub changes_nothing: bool,
    /// What is known not to be covered.
    pub not_covered: Vec<NotCovered>,
    /// As much of that as is the requester's to know; `None`: all of it.
    pub not_covered_told: Option<Vec<NotCovered>>,
}

/// One operand that may be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AffectedOperand {
    /// The absolute path, the links of its ancestors followed, not its own.
    pub path: PathBuf,
    /// Whether everything below it may change too.
    pub tree: bool,
}

/// What a capture may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CaptureLimits {
    /// The most bytes of content to copy.
    pub bytes: u64,
    /// The most entries to record.
    pub entries: u64,
}

impl CaptureLimits {
    /// The most bytes of names and attributes to record. Each entry holds its whole path: those of a
    /// deep tree, which is quickly made, would fill any disk otherwise.
    fn words(self) -> u64 {
        const AN_ENTRY: u64 = 1024;
        const AT_LEAST: u64 = 64 << 20;
        self.entries.saturating_mul(AN_ENTRY).max(AT_LEAST)
    }
}

impl Default for CaptureLimits {
    /// 1 GiB and a million entries.
    fn default() -> Self {
        Self { bytes: 1 << 30, entries: 1_000_000 }
    }
}

/// The state of a set of paths at one time, in memory. On disk it is a file of lines that is read and
/// written as a stream: see `manifest`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Manifest {
    /// The format: 2.
    pub v: u32,
    /// When it was begun.
    pub at: Moment,
    /// Where it looked, so that *after* looks at the same places. Empty for an undo, which looks
    /// at exactly the paths of its entries.
    pub selection: Selection,
    /// The entries, sorted by path, component by component: what lies in a directory follows it.
    pub entries: Vec<Entry>,
    /// What is not covered, a sentence each.
    pub not_covered: Vec<String>,
    /// As much of that as is told to those who may not see everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_covered_told: Vec<String>,
}

/// One path's state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The absolute path, byte for byte.
    pub path: ByteString,
    /// Why it is recorded.
    #[serde(default, skip_serializing_if = "Role::is_selected")]
    pub role: Role,
    /// What is there.
    pub node: Node,
}

/// Why a path is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It was named, matches, or lies below something that does.
    #[default]
    Selected,
    /// A directory on the way to a selected path: it must be there before the path can come back.
    Context,
    /// A directory that was recorded but not entered (another file system, hitl's own state):
    /// nothing below it is known, and nothing below it is ever created or removed.
    Boundary,
    /// A directory that could not be entered after the command had ended (`chmod 0 directory`): it
    /// can be restored itself, and nothing below it is known.
    Closed,
}

impl Role {
    fn is_selected(&self) -> bool {
        *self == Self::Selected
    }
}

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Node {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// Its metadata.
        #[serde(flatten)]
        metadata: NodeMetadata,
        /// Its size in bytes.
        size: u64,
        /// What its content is called. Of a file with holes that is what its data segments hold, one
        /// after another.
        content: ContentName,
        /// The data segments of a file with holes, offset and length each in bytes, in order; `None`
        /// where it has none, so that all of it is data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Vec<(u64, u64)>>,
    },
    /// A directory; what is in it has entries of its own.
    Directory {
        /// Its metadata.
        #[serde(flatten)]
        metadata: NodeMetadata,
    },
    /// A symbolic link.
    Symlink {
        /// Its metadata.
        #[serde(flatten)]
        metadata: NodeMetadata,
        /// Where it leads, byte for byte.
        target: ByteString,
    },
    /// A named pipe.
    Fifo {
        /// Its metadata.
        #[serde(flatten)]
        metadata: NodeMetadata,
    },
    /// A device: recorded, not entered.
    Device {
        /// Its metadata.
        #[serde(flatten)]
        metadata: NodeMetadata,
        /// `block` or `character`.
        kind: String,
        /// The device number it stands for.
        #[serde(with = "decimal")]
        number: u64,
    },
    /// A socket: recorded, never restored.
    Socket {
        /// Its metadata.
        #[serde(flatten)]
        metadata: NodeMetadata,
    },
}

/// What the file system records about a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeMetadata {
    /// Permission and special bits (the low twelve of the mode).
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Modification time, whole seconds since the epoch.
    pub mtime_s: i64,
    /// Modification time, nanoseconds of the second.
    pub mtime_ns: u32,
    /// Change time, whole seconds: not restorable, it tells whether anything changed.
    pub ctime_s: i64,
    /// Change time, nanoseconds of the second.
    pub ctime_ns: u32,
    /// The device it is on.
    #[serde(with = "decimal")]
    pub device: u64,
    /// Its inode.
    #[serde(with = "decimal")]
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Its extended attributes (ACLs and capabilities are among them), sorted by name; values in
    /// lower-case hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xattrs: Vec<(ByteString, String)>,
    /// The inode flags that chattr(1) sets (`FS_IOC_GETFLAGS`), of regular files and directories;
    /// `None` where the file system has none, or does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// For a node with several names: the first path of the same inode in its manifest, where that is
    /// not this one. All that say the same are one hard-link group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<ByteString>,
}

/// What is known about a run that can be undone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunInformation {
    /// The format: 1.
    pub v: u32,
    /// The run's id, as [`crate::review::RequestId`] writes it.
    pub id: String,
    /// The run that this one undid, where it is an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_of: Option<String>,
    /// The command.
    pub argv: Vec<ByteString>,
    /// Its working directory.
    pub directory: ByteString,
    /// Who ran it: their login name.
    pub requester: String,
    /// And their user id.
    pub requester_uid: u32,
    /// When it was captured.
    pub at: Moment,
    /// How much harm the policy saw in it; of an undo, in what it undid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Commands to run after an undo, one argv each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_run: Vec<Vec<String>>,
    /// The policy's groups whose members may undo it too, as the rules named them when it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_by: Vec<String>,
    /// Who must approve an undo of it, as the rules demanded when it ran; empty: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_require: Vec<Requirement>,
    /// The rules that demand that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_rules: Vec<String>,
    /// For an undo, and the undo of one: the user id of whoever ran the command that it is about.
    /// The right to undo it is theirs, and not that of whoever undid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belongs_to: Option<u32>,
    /// How long it is kept, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<u64>,
    /// How far its undo goes, as its capture has found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageLevel>,
    /// As far as its requester may know that, where they may not see everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_told: Option<CoverageLevel>,
    /// What its snapshot keeps.
    #[serde(default)]
    pub keeps: Keeps,
    /// That it is pinned, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Where it stands.
    pub state: RunState,
}

/// What a snapshot keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Keeps {
    /// The paths whose state it recorded.
    pub paths: u64,
    /// The bytes of content that were copied for it.
    pub bytes: u64,
}

/// That a run is kept, whatever its age.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// Who pinned it: their login name.
    pub by: String,
    /// And their user id.
    pub uid: u32,
    /// When.
    pub at: Moment,
    /// Why, as they wrote it: not safe to show as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a run's snapshot stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// *Before* is taken; the command has not been seen to end.
    Captured,
    /// *After* is taken too.
    Complete,
    /// An undo has begun and has not ended.
    Undoing,
    /// It was undone.
    Undone,
}

/// Whole numbers that can take all 64 bits (inode numbers of overlay and network file systems do),
/// which canonical JSON's numbers cannot: written as decimal strings.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
