//! What is told of a request or a command: what a reviewer would see of it, without its secrets.

use serde::Serialize;

use crate::audit::{redact, redact_text};
use crate::invocation::{Invocation, RequesterKind, RunAs};
use crate::policy::{Decision, Presence, Requirement, Risk, Verdict};
use crate::review::{Judgement, Record, RequestId, State};
use crate::system::{ByteString, Digest, Host, Moment};

/// The most bytes of the arguments together, and of each sentence: a message stays one.
const MOST: usize = 8 * 1024;
const MOST_OF_A_SENTENCE: usize = 2 * 1024;

/// What is told, named field by field, so that nothing is published by accident.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The id of the request, which is also that of the run.
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    host: Host,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    pub(super) decision: Decision,
    pub(super) risk: Risk,
    pub(super) requester: Requester,
    pub(super) run_as: Target,
    /// Redacted, each in the lossless form of the audit log.
    pub(super) command: Vec<String>,
    redacted: usize,
    executable: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable_sha256: Option<Digest>,
    pub(super) directory: String,
    rules: Vec<String>,
    pub(super) reasons: Vec<String>,
    /// What the requester says.
    pub(super) reason: Option<String>,
    /// Where they say it is asked for.
    pub(super) ticket: Option<String>,
    /// The digest of the plan that they attached, where they did.
    pub(super) plan: Option<Digest>,
    requirements: Vec<Requirement>,
    still_needed: Vec<Requirement>,
    /// The same for people; empty where nobody is needed.
    #[serde(skip)]
    pub(super) needed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approval_deadline: Option<String>,
    pub(super) approvals: Vec<Word>,
    pub(super) rejection: Option<Word>,
    pub(super) ending: Option<String>,
    pub(super) closed_because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) break_glass: Option<Lifted>,
}

/// A denial that is lifted.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lifted {
    pub(super) lifted: Vec<String>,
    pub(super) review_by: String,
    pub(super) judgement: Option<Judgement>,
    pub(super) review: Option<Word>,
}

/// Who asks.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Requester {
    pub(super) name: String,
    uid: u32,
    pub(super) kind: RequesterKind,
}

/// As whom it runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Target {
    pub(super) user: String,
    uid: u32,
}

/// What a human said.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Word {
    pub(super) name: String,
    uid: u32,
    /// Of a yes: what it was given with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) presence: Option<Presence>,
    pub(super) message: Option<String>,
    at: String,
}

impl Facts {
    /// Those of a request, as it stands.
    pub fn of_request(record: &Record) -> Self {
        let (bound, shown) = (&record.bound, &record.shown);
        let (command, redacted) = command(&bound.argv);
        let pending = record.state == State::Pending;
        let word = |approver: &crate::review::Approver, message: Option<&str>, at: &Moment| Word {
            name: approver.name.clone(),
            uid: approver.uid,
            presence: None,
            message: message.map(sentence),
            at: at.rfc3339(),
        };
        Self {
            id: String::from(record.id.clone()),
            digest: Some(record.digest),
            host: bound.host.clone(),
            state: Some(record.state),
            decision: shown.decision,
            risk: shown.risk,
            requester: Requester {
                name: bound.requester.name.clone(),
                uid: bound.requester.uid,
                kind: bound.requester.kind,
            },
            run_as: Target::of(&bound.run_as),
            command,
            redacted,
            executable: sentence(&bound.executable.path.to_escaped()),
            executable_sha256: bound.executable.sha256,
            directory: sentence(&bound.directory.to_escaped()),
            rules: bound.rules.clone(),
            reasons: shown.reasons.iter().take(20).map(|one| sentence(&one.text)).collect(),
            reason: bound.reason.as_deref().map(sentence),
            ticket: bound.ticket.as_deref().map(sentence),
            plan: bound.plan,
            requirements: shown.requirements.clone(),
            still_needed: if pending { record.missing() } else { Vec::new() },
            needed: if pending { record.needed() } else { String::new() },
            created: Some(record.created.rfc3339()),
            approval_deadline: Some(record.approval_deadline.rfc3339()),
            approvals: record
                .approvals
                .iter()
                .map(|one| Word {
                    presence: Some(one.presence),
                    ..word(&one.approver, one.message.as_deref(), &one.at)
                })
                .collect(),
            rejection: record
                .rejection
                .as_ref()
                .map(|one| word(&one.approver, Some(&one.message), &one.at)),
            ending: record.ending.clone(),
            closed_because: record.closed_because.as_deref().map(sentence),
            break_glass: shown.break_glass.as_ref().map(|glass| Lifted {
                lifted: glass.lifted.clone(),
                review_by: glass.review_by.rfc3339(),
                judgement: record.review.as_ref().map(|review| review.judgement),
                review: record
                    .review
                    .as_ref()
                    .map(|review| word(&review.reviewer, review.message.as_deref(), &review.at)),
            }),
        }
    }

    /// Those of a command that nobody was asked about: it was refused, or it has run and ended so.
    pub fn of_command(
        id: &RequestId,
        invocation: &Invocation,
        verdict: &Verdict,
        host: &Host,
        reason: Option<&str>,
        ending: Option<&str>,
    ) -> Self {
        let (command, redacted) = command(&invocation.argv);
        let path = |path: &std::path::Path| sentence(&ByteString::from(path).to_escaped());
        Self {
            id: String::from(id.clone()),
            digest: None,
            host: host.clone(),
            state: None,
            decision: verdict.decision,
            risk: verdict.risk,
            requester: Requester {
                name: invocation.requester.name.clone(),
                uid: invocation.requester.uid,
                kind: verdict.requester_kind,
            },
            run_as: Target::of(&invocation.run_as),
            command,
            redacted,
            executable: path(&invocation.executable.path),
            executable_sha256: None,
            directory: path(&invocation.directory),
            rules: verdict.rules.clone(),
            reasons: verdict.reasons.iter().take(20).map(|one| sentence(&one.text)).collect(),
            reason: reason.map(sentence),
            ticket: None,
            plan: None,
            requirements: verdict.requirements.clone(),
            still_needed: Vec::new(),
            needed: String::new(),
            created: None,
            approval_deadline: None,
            approvals: Vec::new(),
            rejection: None,
            ending: ending.map(str::to_owned),
            closed_because: None,
            break_glass: None,
        }
    }
}

impl Target {
    fn of(run_as: &RunAs) -> Self {
        Self { user: run_as.user.clone(), uid: run_as.uid }
    }
}

/// The arguments without their secrets, and how many those were. What is too much is left out, and
/// said to be.
fn command(argv: &[ByteString]) -> (Vec<String>, usize) {
    let redacted = redact(argv);
    let mut room = MOST;
    let mut kept = Vec::new();
    for argument in &redacted.args {
        if room == 0 {
            break;
        }
        let argument = cut(argument, room.min(MOST_OF_A_SENTENCE));
        // What an argument costs beside its bytes: many empty ones are long, too.
        room = room.saturating_sub(argument.len() + 8);
        kept.push(argument);
    }
    let left_out = redacted.args.len() - kept.len();
    if left_out > 0 {
        kept.push(format!("[cut: {left_out} arguments]"));
    }
    (kept, redacted.count)
}

/// A text that somebody wrote, without its secrets and not too long.
fn sentence(text: &str) -> String {
    cut(&redact_text(text), MOST_OF_A_SENTENCE)
}

/// A text of at most so many bytes, and how many more there were.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let (kept, rest) = text.split_at(end);
    format!("{kept}[cut: {} bytes]", rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_list_of_any_size_becomes_a_message_that_says_what_it_lacks() {
        let long: Vec<ByteString> = vec!["x".repeat(100_000).as_str().into(), "y".into()];
        let (kept, _) = command(&long);
        assert!(kept[0].ends_with("[cut: 97952 bytes]"), "{}", kept[0].len());
        assert_eq!(kept[1], "y");
        let many: Vec<ByteString> = vec!["".into(); 100_000];
        let (kept, _) = command(&many);
        assert_eq!(kept.len(), 1025);
        assert_eq!(kept[1024], "[cut: 98976 arguments]");
        assert_eq!(cut("éé", 3), "é[cut: 2 bytes]");
    }

    #[test]
    fn secrets_are_told_to_nobody() {
        let argv: Vec<ByteString> = vec!["mysql".into(), "--password=hunter2".into()];
        let (kept, count) = command(&argv);
        assert_eq!((kept[1].as_str(), count), ("--password=[redacted:1]", 1));
        assert!(!sentence("see PASSWORD=hunter2 there").contains("hunter2"));
    }
}
