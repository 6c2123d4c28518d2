//! The document: what a policy's YAML says, field by field.
//!
//! Every value checks itself while it is read, so that its error carries its position. No untagged
//! enums: their errors say nothing. A field that is written must have a value: an empty `users:`
//! must not quietly be no condition.

use serde::{Deserialize, Serialize};

use super::authentication::Authenticate;
use super::channel::Channel;
use super::glob::{TokenPattern, VariablePattern};
use super::require::Require;
use super::rule::{Rule, Snapshot, Undo};
use super::tables::{Counts, Table};
use super::values::{
    AbsolutePath, ByteSize, Id, Name, OneOrMany, SearchPath, Sentence, TimeLimit, Version, given,
};
use super::webauthn::WebAuthn;
use super::words::CommandText;
use super::{Confine, Decision, Presence, Risk, UndoLevel};
use crate::invocation::RequesterKind;

/// A whole policy: the main file, and what the files beside it add.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The format.
    pub version: Version,
    /// What the policy is called.
    pub name: Name,
    /// What it is for.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub description: Option<Sentence>,
    /// What holds where no rule says otherwise.
    #[serde(default)]
    pub defaults: Defaults,
    /// What a risk demands, whatever the rule said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Who may lift a soft denial in an emergency.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// How many snapshots there may be.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
    /// Signatures by browsers.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub webauthn: Option<WebAuthn>,
    /// Groups of people who can approve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Accounts that are programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requesters: Vec<Requesters>,
    /// Where to tell people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// Labels of hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostLabels>,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What the policy promises.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Test>,
}

/// A further file: rules and what they need, but nothing that holds for the policy as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// The format, where it says it.
    #[serde(default, deserialize_with = "given")]
    #[allow(dead_code, reason = "it is there to be checked while it is read")]
    version: Option<Version>,
    #[serde(default)]
    pub(super) groups: Vec<Group>,
    #[serde(default)]
    pub(super) requesters: Vec<Requesters>,
    #[serde(default)]
    pub(super) channels: Vec<Channel>,
    #[serde(default)]
    pub(super) hosts: Vec<HostLabels>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
    #[serde(default)]
    pub(super) tests: Vec<Test>,
}

/// What holds where no rule says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// The decision where no rule matches. Never `allow`. Unwritten: `approve`.
    pub decision: Decision,
    /// The risk where no rule matches. Unwritten: `high`.
    pub risk: Risk,
    /// Who approves where a rule says `approve` and not who.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Require>,
    /// Who must prove, before anything else, that it is them. Unwritten: nobody.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub authenticate: Option<Authenticate>,
    /// How long it is enough that they have proved it before. Unwritten: not at all.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub authenticate_cache: Option<TimeLimit>,
    /// How long humans have. Unwritten: 15 minutes.
    pub approval_expiry: TimeLimit,
    /// How long an approval stays usable. Unwritten: 10 minutes.
    pub execution_expiry: TimeLimit,
    /// How long a command may run. Unwritten: no limit.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<TimeLimit>,
    /// Whether commands may write only what is snapshotted, where no rule says. Unwritten: no.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub confine: Option<Confine>,
    /// The environment of commands.
    pub environment: DefaultEnvironment,
    /// The channels that are always told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Id>,
    /// The groups whose members may undo, beside whoever ran the command and root, where no rule
    /// says. Unwritten: nobody.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo_by: Option<Vec<Id>>,
    /// What is always snapshotted, and how where a rule does not say.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// How far an undo must go where no rule says, and what always runs after one.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

impl Default for Defaults {
    fn default() -> Self {
        let minutes = |minutes: u64| TimeLimit(std::time::Duration::from_secs(60 * minutes));
        Self {
            decision: Decision::Approve,
            risk: Risk::High,
            require: Vec::new(),
            authenticate: None,
            authenticate_cache: None,
            approval_expiry: minutes(15),
            execution_expiry: minutes(10),
            run_timeout: None,
            confine: None,
            environment: DefaultEnvironment::default(),
            notify: Vec::new(),
            undo_by: None,
            snapshot: None,
            undo: None,
        }
    }
}

/// The environment of all commands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultEnvironment {
    /// What passes from the caller.
    pub keep: Vec<VariablePattern>,
    /// What is set.
    pub set: Table,
    /// Where commands are looked up.
    pub path: SearchPath,
}

/// From a risk on, at least this decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// From this risk on.
    pub at: Risk,
    /// At least this.
    pub decision: Decision,
    /// And these people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Require>,
}

/// Emergency access: who may lift a denial with `enforcement: soft`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Who.
    pub groups: Vec<Id>,
    /// Who is told.
    #[serde(default)]
    pub notify: Vec<Id>,
    /// Until when it must have been reviewed.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub review_within: Option<TimeLimit>,
}

/// How many snapshots there may be. How long each is kept says `snapshot.keep`, of a rule or of the
/// defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshots {
    /// The most runs that are kept. Unwritten: 1000.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub max_runs: Option<u64>,
    /// The most bytes of content that are kept. Unwritten: 20GiB.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub max_size: Option<ByteSize>,
}

/// People who can approve.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What rules call it.
    pub name: Id,
    /// Login names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Name>,
    /// Groups of the host, all of whose members belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unix_groups: Vec<Name>,
    /// How its members must prove that they are there.
    #[serde(default)]
    pub presence: Presence,
    /// Whether they may also approve at the requester's terminal, by name and password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_requesters_terminal: bool,
}

/// Accounts that are programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requesters {
    /// What they are.
    pub kind: RequesterKind,
    /// Login names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Name>,
    /// Groups of the host, all of whose members are that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unix_groups: Vec<Name>,
}

/// The labels of the hosts that match. A caller can never give a host a label.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostLabels {
    /// Which hosts.
    #[serde(rename = "match")]
    pub matches: OneOrMany<TokenPattern>,
    /// Their labels.
    pub labels: Table,
}

/// One promise of the policy as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The promise.
    pub name: Name,
    /// The command.
    pub run: CommandText,
    /// By whom and where.
    #[serde(default, rename = "as")]
    pub situation: TestSituation,
    /// What must come of it.
    pub expect: Expectation,
}

/// By whom and where a test's command is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestSituation {
    /// The requester's login name. Unwritten: `someone`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub user: Option<Name>,
    /// The requester's groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Name>,
    /// What kind of requester. Unwritten: `human`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub requester: Option<RequesterKind>,
    /// The host's name. Unwritten: `somewhere`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub host: Option<Name>,
    /// Labels of the host beside those that the policy gives it.
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub labels: Table,
    /// The working directory. Unwritten: `/`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub cwd: Option<AbsolutePath>,
    /// The login name that it is to run as. Unwritten: `root`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub run_as: Option<Name>,
}

/// What must come of a test's command. What is not written is not compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// The decision.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The risk.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// The rules that match, in any order. Empty: the defaults decide.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Id>>,
    /// How many of which groups must approve.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Counts>,
    /// Who must authenticate.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub authenticate: Option<Authenticate>,
    /// Whether the command is confined.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub confine: Option<Confine>,
    /// How far its undo must go.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoLevel>,
    /// The groups that may undo it, in any order.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo_by: Option<Vec<Id>>,
    /// How many of which groups must approve an undo. Empty: nobody.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo_approvals: Option<Counts>,
}

impl Expectation {
    /// Whether nothing is compared: such a test would pass whatever came.
    pub(super) fn is_empty(&self) -> bool {
        self.decision.is_none()
            && self.risk.is_none()
            && self.rules.is_none()
            && self.approvals.is_none()
            && self.authenticate.is_none()
            && self.confine.is_none()
            && self.undo.is_none()
            && self.undo_by.is_none()
            && self.undo_approvals.is_none()
    }
}
