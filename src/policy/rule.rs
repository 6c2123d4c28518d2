//! One rule of a document.

use serde::{Deserialize, Serialize};

use super::authentication::Authenticate;
use super::conditions::Conditions;
use super::glob::{PathPattern, VariablePattern};
use super::require::Require;
use super::tables::Table;
use super::undo_level::UndoLevel;
use super::values::{ByteSize, Id, Sentence, TimeLimit, given};
use super::words::CommandText;
use super::{Confine, Decision, Enforcement, Risk, SnapshotFailure};

/// One rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called in reasons and in the audit log.
    pub id: Id,
    /// What it is for; people see it with the decision.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub description: Option<Sentence>,
    /// What it is about: all conditions must hold.
    #[serde(rename = "match")]
    pub matches: Conditions,
    /// What it is not about: where all conditions of one of these hold, the rule does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Conditions>,
    /// What is to happen.
    pub decision: Decision,
    /// For `deny`: whether break-glass can lift it. Unwritten: `hard`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,
    /// How much harm it can do. Unwritten: low for `allow`, medium for `confirm`, high otherwise.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// What makes it more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raise: Vec<Raise>,
    /// Who approves. Unwritten: whom `defaults.require` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Require>,
    /// What to snapshot beyond the operands.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// How far an undo of it must go, and how it goes.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// The groups whose members may undo it, beside whoever ran it and root. Unwritten: those of the
    /// defaults.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub undo_by: Option<Vec<Id>>,
    /// Who must prove, before anything else, that it is them.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub authenticate: Option<Authenticate>,
    /// How long it is enough that they have proved it before. Unwritten: not at all.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub authenticate_cache: Option<TimeLimit>,
    /// How long humans have.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub approval_expiry: Option<TimeLimit>,
    /// How long an approval stays usable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub execution_expiry: Option<TimeLimit>,
    /// How long the command may run.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<TimeLimit>,
    /// Whether the command may write only what is snapshotted. Unwritten: what the others say.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub confine: Option<Confine>,
    /// What it adds to the environment.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub environment: Option<RuleEnvironment>,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Id>,
    /// What it is about, said once more in commands.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub examples: Option<Examples>,
}

impl Rule {
    /// The risk before raises: as written, else what goes with the decision.
    pub(super) fn risk(&self) -> Risk {
        self.risk.unwrap_or(match self.decision {
            Decision::Allow => Risk::Low,
            Decision::Confirm => Risk::Medium,
            Decision::Approve | Decision::Deny => Risk::High,
        })
    }
}

fn one() -> u32 {
    1
}

/// What makes a rule's risk higher.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// When.
    pub when: Conditions,
    /// By how many steps.
    #[serde(default = "one")]
    pub by: u32,
    /// Why; people see it with the decision.
    pub reason: Sentence,
}

/// What to snapshot beyond the operands, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// Absolute paths and globs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathPattern>,
    /// The most bytes to copy.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub max_size: Option<ByteSize>,
    /// The most entries to record.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u64>,
    /// What happens when it cannot be taken.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<SnapshotFailure>,
    /// How long it is kept.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub keep: Option<TimeLimit>,
}

/// How far an undo must go, and how it goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Undo {
    /// A command and its arguments, to run after it.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub run: Option<Vec<String>>,
    /// The least that it must cover: below that the command does not run.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub level: Option<UndoLevel>,
    /// Who must approve it first. Unwritten: nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Require>,
}

/// Commands that a rule matches, and commands that it does not. They are about the command line
/// alone: conditions on people and places are taken as met.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Examples {
    /// The rule matches these.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<CommandText>,
    /// And not these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_match: Vec<CommandText>,
}

/// What a rule adds to the environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleEnvironment {
    /// What passes from the caller.
    pub keep: Vec<VariablePattern>,
    /// What is set.
    pub set: Table,
}
