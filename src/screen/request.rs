//! A request as `hitl … --json` tells it, and what the screen makes of it.

use serde::Deserialize;
use serde_json::Value;

use super::spaces::spelled_out;
use crate::policy::Risk;
use crate::review::{Approver, Bound, Rejection, RequestId, Shown, State};
use crate::system::text::visible_command;
use crate::system::{Digest, Moment};

/// One request. This program reads what this very program wrote, so nothing is guessed.
#[derive(Clone, Deserialize, Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) state: State,
    pub(super) digest: Digest,
    pub(super) bound: Bound,
    pub(super) shown: Shown,
    pub(super) created: String,
    pub(super) approval_deadline: String,
    pub(super) execution_deadline: Option<String>,
    /// How long until the deadline that counts in this state, when it was told.
    remaining_ms: Option<u64>,
    pub(super) still_needed: Vec<Needed>,
    pub(super) approvals: Vec<Given>,
    pub(super) rejection: Option<Rejection>,
    pub(super) ending: Option<String>,
    pub(super) closed_because: Option<String>,
    pub(super) changed: String,
    /// What an edit would change; told only of a request that was asked for by its id.
    #[serde(default)]
    pub(super) difference: Vec<String>,
    /// What the requester attached; told only of a request that was asked for by its id.
    #[serde(default)]
    pub(super) plan: Option<Attached>,
    /// What others said afterwards of a denial that was lifted.
    #[serde(default)]
    pub(super) review: Option<Reviewed>,
    /// For a lifted denial that nobody has reviewed yet: whether somebody should have by now.
    #[serde(default)]
    pub(super) review_overdue: Option<bool>,
    /// The denial that was lifted, where the glass was broken.
    #[serde(skip)]
    pub(super) glass: Option<Glass>,
    /// When it was told, in milliseconds since boot.
    #[serde(skip)]
    told_ms: u64,
    /// The command on one line.
    #[serde(skip)]
    pub(super) command: String,
    /// Everything that a filter looks at, in lower case.
    #[serde(skip)]
    text: String,
}

/// Humans who are still needed.
#[derive(Clone, Deserialize, Debug)]
pub(super) struct Needed {
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    group: Option<String>,
    pub(super) count: u32,
    #[serde(default)]
    pub(super) presence: Option<String>,
}

impl Needed {
    /// The groups, any one of which will do.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().chain(&self.group).map(String::as_str)
    }
}

/// The plan that a requester attached, as far as it concerns a page that names it.
#[derive(Clone, Deserialize, Debug)]
pub(super) struct Attached {
    #[serde(default)]
    pub(super) lines: u64,
    /// Why it cannot be read any more.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// A denial that was lifted in an emergency.
#[derive(Clone, Deserialize, Debug)]
pub(super) struct Glass {
    /// The rules that deny.
    pub(super) lifted: Vec<String>,
    /// The policy's groups whose members review it afterwards.
    pub(super) reviewers: Vec<String>,
    /// Until when they should have.
    pub(super) review_by: Moment,
}

/// What somebody said afterwards of a lifted denial.
#[derive(Clone, Deserialize, Debug)]
pub(super) struct Reviewed {
    pub(super) reviewer: Approver,
    pub(super) judgement: String,
    pub(super) message: Option<String>,
    pub(super) at: Moment,
}

/// A yes that was given.
#[derive(Clone, Deserialize, Debug)]
pub(super) struct Given {
    pub(super) approver: Approver,
    pub(super) presence: String,
    pub(super) message: Option<String>,
    pub(super) at: Moment,
}

/// Requests that belong together are asked for by the same account for the same thing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct BatchKey(Vec<String>);

impl Request {
    /// Reads one line of JSON that was told at this time, in milliseconds since boot.
    ///
    /// # Errors
    /// What is wrong with the line, as half a sentence.
    pub(super) fn read(line: &str, told_ms: u64) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let glass = value.pointer("/shown/break_glass").map(Glass::deserialize).transpose();
        let glass = glass.map_err(|error| error.to_string())?;
        let mut text = String::new();
        collect_words(&value, &mut text);
        let mut request: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let argv: Vec<&[u8]> = request.bound.argv.iter().map(|word| word.as_bytes()).collect();
        request.command = spelled_out(&visible_command(&argv));
        text.push_str(&request.command.to_lowercase());
        Ok(Self { glass, told_ms, text, ..request })
    }

    /// It has changed. What only `hitl show` tells is bound to it, and stays true.
    pub(super) fn becomes(&mut self, newer: &Self) {
        let (difference, plan) = (std::mem::take(&mut self.difference), self.plan.take());
        *self = Self { difference, plan, ..newer.clone() };
    }

    /// Milliseconds until the deadline that counts now; `None` where there is none.
    pub(super) fn remaining_ms(&self, now_ms: u64) -> Option<u64> {
        let passed = now_ms.saturating_sub(self.told_ms);
        self.remaining_ms.map(|remaining| remaining.saturating_sub(passed))
    }

    /// Whether a human can still say yes or no.
    pub(super) fn waits(&self) -> bool {
        self.state == State::Pending || self.is_unreviewed()
    }

    /// Whether it ran by breaking the glass, and nobody has looked at that since.
    pub(super) fn is_unreviewed(&self) -> bool {
        self.review_overdue.is_some() && self.state != State::Pending
    }

    /// Whether to say yes takes the name of the host.
    pub(super) fn is_critical(&self) -> bool {
        self.shown.risk == Risk::Critical
    }

    /// Whether all these words, in lower case, stand in it somewhere.
    pub(super) fn holds(&self, words: &[String]) -> bool {
        words.iter().all(|word| self.text.contains(word.as_str()))
    }

    /// What it has in common with others that were asked for along with it.
    pub(super) fn batch(&self) -> BatchKey {
        let requester = &self.bound.requester;
        let mut key = vec![requester.uid.to_string(), requester.name.clone()];
        if let Some(ticket) = &self.bound.ticket {
            key.extend(["ticket".to_owned(), ticket.clone()]);
        } else if let Some(terminal) = &self.shown.terminal {
            key.extend(["terminal".to_owned(), terminal.to_escaped()]);
        } else {
            // A pipeline has no terminal; its steps share a directory and the job's address.
            key.extend(["directory".to_owned(), self.bound.directory.to_escaped()]);
            key.extend(self.bound.reason.clone());
        }
        BatchKey(key)
    }
}

/// All words of a JSON value, but not its field names: who looks for "reason" means a reason.
fn collect_words(value: &Value, text: &mut String) {
    match value {
        Value::String(word) => {
            text.push_str(&word.to_lowercase());
            text.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| collect_words(value, text)),
        Value::Object(fields) => fields.values().for_each(|value| collect_words(value, text)),
        _ => {}
    }
}
