//! Decision Authority: the rules that say which tasks are autonomous and which need a human.
//!
//! A policy goes through three forms: the *document* (what the YAML says, every error with file,
//! line, column and a caret), the *compiled policy* (indexed by command, matchers built only for
//! what the command at hand can reach), and the *verdict* on one set of facts. [`Policy::decide`] is a
//! function of compiled policy and facts and of nothing else: no process, terminal or clock.
//!
//! Rules have no order: all that match count, and the strictest wins
//! (`deny > approve > confirm > allow`), as in IAM and Cedar and unlike sudoers and doas.
//!
//! | step | modules |
//! |---|---|
//! | read the text | `read`, `locate` (shape and places), `document` and its values, `diagnostic` |
//! | find it sound | `check`, `quorum`, `verify` (examples, tests), `remarks` |
//! | keep it | `load`, `cache`, `compiled`, `index`, `rules` |
//! | decide | `decide`, `authentication`, `matching` with `command`, `tokens`, `flags`, `paths`, `glob`; `protected`; `require`; `verdict` |
//! | tell somebody | `listing` |
//! | ask it about people | `people` |
//! | let an undo be approved | `undoing` |

mod authentication;
mod cache;
mod channel;
mod check;
mod command;
mod compiled;
mod conditions;
mod confine;
mod decide;
mod diagnostic;
mod document;
mod error;
mod flags;
mod glob;
mod index;
mod listing;
mod load;
mod locate;
mod matching;
mod paths;
mod people;
mod protected;
mod quantity;
mod quorum;
mod read;
mod remarks;
mod require;
mod rule;
mod rules;
mod tables;
mod tokens;
mod undo_level;
mod undoing;
mod values;
mod verdict;
mod verify;
mod webauthn;
mod words;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::invocation::{DynamicFragment, PathLookup, Reading, RequesterKind};
use crate::system::{ByteString, Digest};

pub use authentication::{Authenticate, Authentication};
pub use channel::{Channel, ChannelKind, ChannelUrl, MailAddress};
pub use command::CommandPattern;
pub use compiled::{Policy, PolicyCounts};
pub use conditions::{Conditions, FlagCondition, FlagName, PermittedFlag};
pub use confine::Confine;
pub use diagnostic::Diagnostic;
pub use document::{
    BreakGlass, DefaultEnvironment, Defaults, Document, Expectation, Group, HostLabels, Requesters,
    Snapshots, Test, TestSituation, Threshold,
};
pub use error::PolicyError;
pub use glob::{PathPattern, TokenPattern, VariablePattern};
pub use listing::{Entry, Listing, Needs, Stricter, Who};
pub use people::{Demand, Emergency};
pub use quantity::Quantity;
pub use require::{ExpectedApprovers, Require, Requirement, required_in_words};
pub use rule::{Examples, Raise, Rule, RuleEnvironment, Snapshot, Undo};
pub use tables::{Counts, Table};
pub use undo_level::UndoLevel;
pub use values::{
    AbsolutePath, ByteSize, Id, Name, OneOrMany, SearchPath, Sentence, TimeLimit, Version,
};
pub use verify::TestOutcome;
pub use webauthn::{Origin, WebAuthn};
pub use words::CommandText;

/// What is to happen to a command, from lenient to strict.
///
/// The values are at least twelve bits apart, as in sudo since CVE-2023-42465: no bit or few that
/// flip in memory (Rowhammer) make one out of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum Decision {
    /// Runs at once, audited.
    Allow = 0x269E_0D37,
    /// The requester's own human confirms.
    Confirm = 0x52E6_B438,
    /// Other humans approve.
    Approve = 0x6513_270E,
    /// Refused.
    Deny = 0x72A7_4DE4,
}

/// How much harm a command can do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Changes nothing, or nothing that matters.
    Low,
    /// Can be put right easily.
    Medium,
    /// Users or data are at stake.
    High,
    /// The host, many users or irreplaceable data are at stake.
    Critical,
}

impl Decision {
    /// The word for it, as policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

impl Risk {
    /// The word for it, as policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How an approver proves that they are there, each level including those before.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// By an own login on this host.
    #[default]
    Uid,
    /// By a signature with their SSH key.
    Key,
    /// By touching a hardware key.
    Touch,
    /// By a PIN or a fingerprint at a hardware key.
    Verify,
}

impl Presence {
    /// The word for it, as policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Uid => "uid",
            Self::Key => "key",
            Self::Touch => "touch",
            Self::Verify => "verify",
        }
    }
}

/// Whether a denial can be lifted by break-glass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// With a reason, on record, reviewed afterwards.
    Soft,
    /// Only by changing the policy.
    Hard,
}

/// What is known about a command when it is judged.
pub struct Facts<'a> {
    /// What can be read out of the arguments.
    pub reading: &'a Reading,
    /// The requester's login name.
    pub requester_name: &'a str,
    /// The requester's groups.
    pub requester_groups: &'a [String],
    /// What kind of requester, as far as the environment shows; the policy's own lists can only
    /// make it stricter.
    pub requester_kind: RequesterKind,
    /// The host's name.
    pub host: &'a str,
    /// Labels of the host beyond those that the policy gives it (a policy's own tests use this).
    pub labels: &'a [(String, String)],
    /// The working directory.
    pub directory: &'a std::path::Path,
    /// The login name that the command is to run as.
    pub run_as: &'a str,
    /// What paths lead to.
    pub paths: &'a dyn PathLookup,
}

/// What the policy says about one command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// The decision, after thresholds.
    pub decision: Decision,
    /// The risk, after raises.
    pub risk: Risk,
    /// For a denial: whether break-glass can lift it.
    pub enforcement: Enforcement,
    /// The ids of the rules that deny.
    pub denied_by: Vec<String>,
    /// What the policy takes the requester for.
    pub requester_kind: RequesterKind,
    /// The first reason that spoke for this very decision, for whoever reads one only.
    pub decisive: Option<Reason>,
    /// Every reason for decision and risk, in the order in which it came to bear.
    pub reasons: Vec<Reason>,
    /// The ids of the rules that matched, in the order of the policy. Empty: the defaults decided.
    pub rules: Vec<String>,
    /// Who must approve (decision `approve`). One human may count for one requirement only.
    pub requirements: Vec<Requirement>,
    /// Whether the requester must first prove that it is them.
    pub authenticate: Option<Authentication>,
    /// What is to be snapshotted beyond the operands.
    pub snapshot: SnapshotDemand,
    /// The least that an undo must cover for it to run.
    pub undo_level: Option<UndoLevel>,
    /// What else holds for an undo of it.
    pub undo: UndoTerms,
    /// How long humans have.
    #[serde(with = "milliseconds")]
    pub approval_expiry: Duration,
    /// How long an approval stays usable.
    #[serde(with = "milliseconds")]
    pub execution_expiry: Duration,
    /// How long the command may run; `None`: no limit.
    #[serde(with = "optional_milliseconds")]
    pub run_timeout: Option<Duration>,
    /// Whether it may write only what is snapshotted.
    pub confine: Confine,
    /// What the command's environment is made of.
    pub environment: EnvironmentRules,
    /// The channels to be told.
    pub notify: Vec<String>,
}

impl Verdict {
    /// Whether humans would have to approve and the policy names none: waiting would be in vain.
    pub fn nobody_can_approve(&self) -> bool {
        self.decision == Decision::Approve && self.requirements.is_empty()
    }
}

/// One reason for a verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// The rule it comes from; `None` for defaults, thresholds and what hitl itself adds.
    pub rule: Option<String>,
    /// A sentence without its full stop: `rule service-restart matches (approve, medium)`.
    pub text: String,
}

/// What the rules that matched want snapshotted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SnapshotDemand {
    /// Absolute paths and globs (`*` within a component, `**` across), the union over the rules.
    pub paths: Vec<String>,
    /// The most bytes to copy; `None`: the built-in limit.
    pub max_size: Option<u64>,
    /// The most entries to record; `None`: the built-in limit.
    pub max_files: Option<u64>,
    /// What happens when the snapshot cannot be taken.
    pub on_failure: SnapshotFailure,
    /// How long the snapshot is kept, in milliseconds; `None`: the built-in time.
    pub keep_ms: Option<u64>,
}

/// What may be kept of snapshots altogether.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotAllowance {
    /// How long a run is kept whose rules do not say.
    pub keep: Duration,
    /// The most runs.
    pub runs: u64,
    /// The most bytes of content.
    pub bytes: u64,
}

impl Default for SnapshotAllowance {
    /// 30 days, 1000 runs, 20 GiB.
    fn default() -> Self {
        Self { keep: Duration::from_secs(30 * 86_400), runs: 1000, bytes: 20 << 30 }
    }
}

/// What the rules that matched say about an undo.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct UndoTerms {
    /// Commands to run after it, one argv each.
    pub run: Vec<Vec<String>>,
    /// The policy's groups whose members may undo, beside whoever ran the command and root.
    pub by: Vec<String>,
    /// Who must approve it first; empty: nobody.
    pub require: Vec<Requirement>,
    /// The ids of the rules that demand that.
    pub rules: Vec<String>,
}

/// What happens when a snapshot cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotFailure {
    /// The command runs, and it is said and recorded that it cannot be undone.
    Warn,
    /// A person at the requester's terminal is asked whether it runs all the same, and their answer
    /// is on record. Where nobody can be asked it does not run.
    Ask,
    /// The command does not run.
    #[default]
    Deny,
}

/// What a command's environment is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EnvironmentRules {
    /// Names, or globs of names, that pass from the caller.
    pub keep: Vec<String>,
    /// Variables that are set: name and value.
    pub set: Vec<(String, String)>,
    /// The directories that commands are looked up in, and the child's `PATH` (system scope).
    pub path: Vec<PathBuf>,
}

/// Where a policy came from, and what binds an approval to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyIdentity {
    /// The policy's `name`.
    pub name: String,
    /// The files it was read from, in order. Empty: the built-in default.
    pub sources: Vec<ByteString>,
    /// The digest over the sources, in order, each preceded by its length (8 bytes, big endian).
    pub digest: Digest,
}

mod milliseconds {
    use serde::Serializer;
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

mod optional_milliseconds {
    use serde::Serializer;
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::milliseconds::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// Where a fragment that cannot be read leaves a decision: never below this.
pub const DYNAMIC_FLOOR: Decision = Decision::Approve;

/// The sentence that names a fragment in the reasons of a verdict.
pub fn dynamic_reason(fragment: &DynamicFragment) -> Reason {
    Reason {
        rule: None,
        text: format!(
            "{} cannot be judged: {}",
            crate::system::text::visible_argument(fragment.fragment.as_bytes()),
            fragment.reason
        ),
    }
}
