//! What is recorded: one function for each action, and the names of its fields.
//!
//! The field names stand here and nowhere else, for writing and for verification.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Action, Entry, EntryUser, Outcome, redact, redact_text};
use crate::execute::{ConfinementLevel, Ending};
use crate::invocation::{RequesterKind, RunAs};
use crate::policy::{Authenticate, Confine, Decision, PolicyIdentity, Verdict};
use crate::review::RequestId;
use crate::snapshot::Coverage;
use crate::system::{ByteString, Digest};

mod glass;
mod keeping;
mod notification;
mod people;
mod snapshot;
mod undo;

pub use glass::GlassBroken;
pub use keeping::{MOST_PRUNED, Pruned};
pub use notification::Notification;
pub use people::SignersChange;
use snapshot::not_covered;
pub use undo::{UndoRecorded, UndoRight};

/// The names of the details that stand under `hitl`.
pub(super) mod field {
    pub(in crate::audit) const REQUEST_ID: &str = "request_id";
    pub(in crate::audit) const REQUEST_DIGEST: &str = "request_digest";
    pub(in crate::audit) const LOGIN_UID: &str = "login_uid";
    pub(in crate::audit) const KIND: &str = "kind";
    pub(in crate::audit) const REASON: &str = "reason";
    pub(in crate::audit) const TICKET: &str = "ticket";
    pub(in crate::audit) const PLAN: &str = "plan";
    pub(in crate::audit) const DIGEST: &str = "digest";
    pub(in crate::audit) const REDACTED: &str = "redacted";
    pub(in crate::audit) const DECISION: &str = "decision";
    pub(in crate::audit) const RISK: &str = "risk";
    pub(in crate::audit) const POLICY: &str = "policy";
    pub(in crate::audit) const POLICY_NAME: &str = "policy_name";
    pub(in crate::audit) const REQUIREMENTS: &str = "requirements";
    pub(in crate::audit) const COUNT: &str = "count";
    pub(in crate::audit) const REASONS: &str = "reasons";
    pub(in crate::audit) const AUTHENTICATE: &str = "authenticate";
    pub(in crate::audit) const BY: &str = "by";
    pub(in crate::audit) const WRONG: &str = "wrong";
    pub(in crate::audit) const GROUPS: &str = "groups";
    pub(in crate::audit) const PRESENCE: &str = "presence";
    pub(in crate::audit) const MESSAGE: &str = "message";
    pub(in crate::audit) const PROOF: &str = "proof";
    pub(in crate::audit) const STATEMENT: &str = "statement";
    pub(in crate::audit) const SIGNATURE: &str = "signature";
    pub(in crate::audit) const MANIFEST: &str = "manifest";
    pub(in crate::audit) const FILES: &str = "files";
    pub(in crate::audit) const BYTES: &str = "bytes";
    pub(in crate::audit) const UNDO: &str = "undo";
    pub(in crate::audit) const NOT_COVERED: &str = "not_covered";
    pub(in crate::audit) const ANSWER: &str = "answer";
    pub(in crate::audit) const CONFINEMENT: &str = "confinement";
    pub(in crate::audit) const CONFINE: &str = "confine";
    pub(in crate::audit) const LEVEL: &str = "level";
    pub(in crate::audit) const LANDLOCK_ABI: &str = "landlock_abi";
    pub(in crate::audit) const WRITABLE: &str = "writable";
    pub(in crate::audit) const WRITABLE_COUNT: &str = "writable_count";
    pub(in crate::audit) const ENDING: &str = "ending";
    pub(in crate::audit) const DURATION_MS: &str = "duration_ms";
    pub(in crate::audit) const UNDONE: &str = "undone";
    pub(in crate::audit) const FORCED: &str = "forced";
    pub(in crate::audit) const RUNS: &str = "runs";
    pub(in crate::audit) const RUN: &str = "run";
    pub(in crate::audit) const AFTER: &str = "after";
    pub(in crate::audit) const RIGHT: &str = "right";
    pub(in crate::audit) const ONLY: &str = "only";
    pub(in crate::audit) const ONLY_COUNT: &str = "only_count";
    pub(in crate::audit) const APPROVED_BY: &str = "approved_by";
    pub(in crate::audit) const BECAUSE: &str = "because";
    pub(in crate::audit) const CHANGE: &str = "change";
    pub(in crate::audit) const PRINCIPAL: &str = "principal";
    pub(in crate::audit) const FINGERPRINT: &str = "fingerprint";
    pub(in crate::audit) const KEY: &str = "key";
    pub(in crate::audit) const FILE_DIGEST: &str = "file_digest";
    pub(in crate::audit) const ORIGIN: &str = "origin";
    pub(in crate::audit) const ACKNOWLEDGED: &str = "acknowledged";
    pub(in crate::audit) const ACKNOWLEDGED_LEAF: &str = "acknowledged_leaf";
    pub(in crate::audit) const ENFORCEMENT: &str = "enforcement";
    pub(in crate::audit) const LIFTED: &str = "lifted";
    pub(in crate::audit) const REVIEW_BY: &str = "review_by";
    pub(in crate::audit) const REVIEWERS: &str = "reviewers";
    pub(in crate::audit) const CHANNELS: &str = "channels";
    pub(in crate::audit) const JUDGEMENT: &str = "judgement";
    pub(in crate::audit) const CHANNEL: &str = "channel";
    pub(in crate::audit) const CHANNEL_KIND: &str = "channel_kind";
    pub(in crate::audit) const EVENT: &str = "event";
    pub(in crate::audit) const ATTEMPTS: &str = "attempts";
    pub(in crate::audit) const STATUS: &str = "status";
    pub(in crate::audit) const JUNK_BYTES: &str = "junk_bytes";
    pub(in crate::audit) const JUNK_DIGEST: &str = "junk_digest";
}

/// What an entry is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// The id of the request, which is also the id of the run it becomes.
    pub id: RequestId,
    /// The request's digest. `None` for what nobody requested: an undo.
    pub digest: Option<Digest>,
}

/// A command as the log holds it: redacted, in ECS `process` fields.
#[derive(Clone, Debug)]
pub struct Command {
    process: Map<String, Value>,
    redacted: usize,
}

impl Command {
    /// The command with its secrets taken out. `argv` holds the command itself first.
    pub fn new(argv: &[ByteString], executable: &Path, directory: &Path, run_as: &RunAs) -> Self {
        let arguments = redact(argv);
        let mut process = Map::new();
        process.insert("args".into(), arguments.args.into());
        process.insert("args_count".into(), argv.len().into());
        process.insert("executable".into(), ByteString::from(executable).to_escaped().into());
        process.insert("working_directory".into(), ByteString::from(directory).to_escaped().into());
        process.insert("user".into(), json!({"id": run_as.uid.to_string(), "name": &run_as.user}));
        Self { process, redacted: arguments.count }
    }

    /// A command of the policy that could not be looked up: its words, without their secrets.
    pub fn not_found(argv: &[ByteString]) -> Self {
        let arguments = redact(argv);
        let mut process = Map::new();
        process.insert("args".into(), arguments.args.into());
        process.insert("args_count".into(), argv.len().into());
        Self { process, redacted: arguments.count }
    }
}

/// What a requester says about what they ask for: none of it was checked.
#[derive(Clone, Default, Debug)]
pub struct Claims<'a> {
    /// Why.
    pub reason: Option<&'a str>,
    /// Where it is asked for.
    pub ticket: Option<&'a str>,
    /// The digest, and the bytes, of the text that says what they intend.
    pub plan: Option<(Digest, usize)>,
}

/// How a command is confined, where rules ask for it.
#[derive(Clone, Debug)]
pub struct Confined {
    /// What they ask for.
    pub confine: Confine,
    /// How far it is.
    pub level: ConfinementLevel,
    /// The kernel's Landlock ABI, 0 where there is none.
    pub landlock_abi: u32,
    /// Why it is not, or only in part.
    pub because: Option<String>,
    /// What it may write, directories with a slash at the end.
    pub writable: Vec<ByteString>,
}

impl Confined {
    fn to_value(&self) -> Value {
        let writable: Vec<String> =
            self.writable.iter().map(|path| redact_text(&path.to_escaped())).collect();
        let mut value = json!({
            field::CONFINE: self.confine,
            field::LEVEL: self.level.word(),
            field::LANDLOCK_ABI: self.landlock_abi,
            field::WRITABLE: writable,
            field::WRITABLE_COUNT: self.writable.len(),
        });
        if let (Some(because), Some(object)) = (&self.because, value.as_object_mut()) {
            object.insert(field::BECAUSE.into(), because.as_str().into());
        }
        value
    }
}

/// Who must approve.
fn requirements(verdict: &Verdict) -> Value {
    let needed = verdict.requirements.iter();
    needed
        .map(|one| {
            json!({
                field::GROUPS: one.groups,
                field::COUNT: one.count,
                field::PRESENCE: one.presence,
            })
        })
        .collect()
}

impl Entry {
    /// Somebody asked for a command.
    pub fn requested(
        reference: &Reference,
        requester: &EntryUser,
        kind: RequesterKind,
        command: &Command,
        claims: &Claims<'_>,
    ) -> Self {
        let mut entry =
            Self::new(Action::PrivilegeRequested, Outcome::Unknown, reference, requester)
                .command(command)
                .with(field::KIND, json!(kind));
        if let Some(reason) = claims.reason {
            entry = entry.text(field::REASON, reason);
        }
        if let Some(ticket) = claims.ticket {
            entry = entry.text(field::TICKET, ticket);
        }
        if let Some((digest, bytes)) = claims.plan {
            entry = entry.with(field::PLAN, json!({field::DIGEST: digest, field::BYTES: bytes}));
        }
        entry
    }

    /// The policy gave its verdict on a request.
    pub fn decided(
        reference: &Reference,
        requester: &EntryUser,
        verdict: &Verdict,
        policy: &PolicyIdentity,
    ) -> Self {
        let outcome = match verdict.decision {
            Decision::Allow => Outcome::Success,
            Decision::Deny => Outcome::Failure,
            Decision::Confirm | Decision::Approve => Outcome::Unknown,
        };
        let reasons: Vec<String> =
            verdict.reasons.iter().map(|reason| redact_text(&reason.text)).collect();
        let mut entry = Self::new(Action::PolicyDecided, outcome, reference, requester)
            .with(field::DECISION, json!(verdict.decision))
            .with(field::RISK, json!(verdict.risk))
            .with(field::POLICY, json!(policy.digest))
            .with(field::POLICY_NAME, json!(policy.name))
            .with(field::REQUIREMENTS, requirements(verdict))
            .with(field::REASONS, reasons.into());
        if verdict.authenticate.is_some() {
            entry = entry.with(field::AUTHENTICATE, json!(Authenticate::Requester));
        }
        if verdict.decision == Decision::Deny {
            entry = entry.with(field::ENFORCEMENT, json!(verdict.enforcement));
        }
        entry.rules.clone_from(&verdict.rules);
        entry
    }

    /// The requester has proved that it is them: `by` what, after so many wrong tries.
    pub fn authenticated(
        reference: &Reference,
        requester: &EntryUser,
        by: &str,
        wrong: u32,
    ) -> Self {
        Self::new(Action::Authenticated, Outcome::Success, reference, requester)
            .with(field::BY, by.into())
            .with(field::WRONG, wrong.into())
    }

    /// Somebody could not prove that it is them, after so many wrong tries: a sentence that says why.
    pub fn authentication_failed(
        reference: &Reference,
        user: &EntryUser,
        wrong: u32,
        because: &str,
    ) -> Self {
        Self::new(Action::AuthenticationFailed, Outcome::Failure, reference, user)
            .with(field::WRONG, wrong.into())
            .text(field::BECAUSE, because)
    }

    /// A command is about to start. Durable before it does. What its undo will not cover stands here
    /// where no snapshot's entry has it.
    pub fn started(
        reference: &Reference,
        requester: &EntryUser,
        command: &Command,
        confined: Option<&Confined>,
        coverage: &Coverage,
        is_captured: bool,
    ) -> Self {
        let mut undo = json!({ field::LEVEL: coverage.level });
        if let (false, Some(object)) = (is_captured, undo.as_object_mut()) {
            object.insert(field::NOT_COVERED.into(), not_covered(coverage));
        }
        let entry = Self::new(Action::CommandStarted, Outcome::Unknown, reference, requester)
            .command(command)
            .with(field::UNDO, undo);
        match confined {
            Some(confined) => entry.with(field::CONFINEMENT, confined.to_value()),
            None => entry,
        }
    }

    /// A command ended. `after` is the digest of the manifest of what it left, where there is one.
    pub fn finished(
        reference: &Reference,
        requester: &EntryUser,
        ending: Ending,
        duration: Duration,
        after: Option<&Digest>,
    ) -> Self {
        let (outcome, sentence) = match ending {
            Ending::Exited(0) => (Outcome::Success, "exited with status 0".to_owned()),
            Ending::Exited(status) => (Outcome::Failure, format!("exited with status {status}")),
            Ending::Signalled(signal) => (Outcome::Failure, format!("ended by signal {signal}")),
            Ending::Abandoned => {
                (Outcome::Failure, "ended because whoever started it was killed".to_owned())
            }
            Ending::TimedOut => (Outcome::Failure, "ran longer than it may, ended".to_owned()),
            Ending::NotExecuted(number) => {
                (Outcome::Failure, format!("not executed, error number {number}"))
            }
        };
        let duration = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut entry = Self::new(Action::CommandFinished, outcome, reference, requester)
            .with(field::ENDING, sentence.into())
            .with(field::DURATION_MS, duration.into());
        if let Some(after) = after {
            entry = entry.with(field::MANIFEST, json!(after));
        }
        if let Ending::Exited(status) = ending {
            entry.process.insert("exit_code".into(), status.into());
        }
        entry
    }

    /// A command was started and nobody knows how it ended: hitl was killed, or the machine died.
    pub fn lost(reference: &Reference, user: &EntryUser, because: &str) -> Self {
        Self::new(Action::CommandFinished, Outcome::Unknown, reference, user)
            .text(field::BECAUSE, because)
    }

    /// Nobody decided, or used the approval, in time.
    pub fn expired(reference: &Reference, requester: &EntryUser) -> Self {
        Self::new(Action::RequestExpired, Outcome::Failure, reference, requester)
    }

    /// The requester, or an administrator, took it back.
    pub fn cancelled(reference: &Reference, user: &EntryUser) -> Self {
        Self::new(Action::RequestCancelled, Outcome::Failure, reference, user)
    }

    /// What a request was bound to changed: a sentence that says what.
    pub fn void(reference: &Reference, requester: &EntryUser, because: &str) -> Self {
        Self::new(Action::RequestVoid, Outcome::Failure, reference, requester)
            .text(field::BECAUSE, because)
    }

    pub(super) fn segment_opened(origin: &str) -> Self {
        Self::of_the_log(Action::SegmentOpened, Outcome::Success).with(field::ORIGIN, origin.into())
    }

    pub(super) fn of_the_log(action: Action, outcome: Outcome) -> Self {
        Self {
            action,
            outcome,
            reference: None,
            user: None,
            rules: Vec::new(),
            process: Map::new(),
            details: Map::new(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    fn new(action: Action, outcome: Outcome, reference: &Reference, user: &EntryUser) -> Self {
        Self {
            reference: Some(reference.clone()),
            user: Some(user.clone()),
            ..Self::of_the_log(action, outcome)
        }
    }

    fn command(mut self, command: &Command) -> Self {
        self.process.clone_from(&command.process);
        if command.redacted > 0 {
            self = self.with(field::REDACTED, command.redacted.into());
        }
        self
    }

    /// A detail that somebody wrote, without its secrets. It is stored as it is: JSON keeps it
    /// apart, and whoever shows it makes it visible.
    fn text(self, name: &'static str, text: &str) -> Self {
        self.with(name, redact_text(text).into())
    }
}
