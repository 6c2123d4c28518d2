//! A denial that is lifted in an emergency, and what another human says of it afterwards.

use serde_json::json;

use super::{Action, Entry, EntryUser, Outcome, Reference, field, requirements};
use crate::invocation::RequesterKind;
use crate::policy::{Authenticate, Verdict};
use crate::review::Judgement;
use crate::system::Moment;

/// A denial that is lifted.
#[derive(Clone, Copy, Debug)]
pub struct GlassBroken<'a> {
    /// What the policy says beside it.
    pub verdict: &'a Verdict,
    /// The rules that deny.
    pub lifted: &'a [String],
    /// Why, in the requester's words.
    pub reason: &'a str,
    /// Until when it is to be reviewed.
    pub review_by: &'a Moment,
    /// The groups that review it.
    pub reviewers: &'a [String],
    /// The channels to be told.
    pub channels: &'a [String],
}

impl Entry {
    /// The requester lifts a denial: what for, and what is needed all the same. Durable before anything
    /// starts.
    pub fn glass_broken(
        reference: &Reference,
        requester: &EntryUser,
        broken: &GlassBroken<'_>,
    ) -> Self {
        let verdict = broken.verdict;
        let mut entry = Self::new(Action::BreakGlass, Outcome::Unknown, reference, requester)
            .with(field::KIND, json!(verdict.requester_kind))
            .with(field::DECISION, json!(verdict.decision))
            .with(field::REQUIREMENTS, requirements(verdict))
            .with(field::LIFTED, json!(broken.lifted))
            .with(field::REVIEW_BY, broken.review_by.rfc3339().into())
            .with(field::REVIEWERS, json!(broken.reviewers))
            .with(field::CHANNELS, json!(broken.channels))
            .text(field::REASON, broken.reason);
        if verdict.authenticate.is_some() {
            entry = entry.with(field::AUTHENTICATE, json!(Authenticate::Requester));
        }
        entry.rules = broken.lifted.to_vec();
        entry
    }

    /// Another human said whether lifting a denial was justified.
    pub fn glass_reviewed(
        reference: &Reference,
        reviewer: &EntryUser,
        kind: RequesterKind,
        groups: &[String],
        judgement: Judgement,
        message: Option<&str>,
    ) -> Self {
        let outcome = match judgement {
            Judgement::Justified => Outcome::Success,
            Judgement::NotJustified => Outcome::Failure,
        };
        let mut entry = Self::new(Action::BreakGlassReviewed, outcome, reference, reviewer)
            .with(field::KIND, json!(kind))
            .with(field::GROUPS, json!(groups))
            .with(field::PRESENCE, "uid".into())
            .with(field::JUDGEMENT, json!(judgement));
        if let Some(message) = message {
            entry = entry.text(field::MESSAGE, message);
        }
        entry
    }
}
