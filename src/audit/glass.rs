//! Denials that were lifted, as the log tells it: none without its entry, and who reviewed them.

use std::collections::HashMap;

use super::EntryUser;
use super::entry::field;
use super::line::Line;
use super::lives::{CLOSED_LIMIT, Life, requirements};
use super::quorum::same_person;
use crate::invocation::RequesterKind;
use crate::policy::{Authenticate, Decision};
use crate::system::Digest;

/// Soft denials, and those of them that were lifted.
#[derive(Default)]
pub(super) struct Glass {
    /// What was denied softly and can still be lifted. The entry that does it is written together with
    /// the denial, so that the oldest can be forgotten: one that is lifted later is a finding.
    denied: HashMap<Digest, Life>,
    lifted: HashMap<Digest, Lifted>,
}

struct Lifted {
    sequence: u64,
    id: String,
    requester: EntryUser,
    reviewers: Vec<String>,
    started: bool,
    reviewed: bool,
}

impl Glass {
    /// Something was denied softly.
    pub(super) fn denied(&mut self, digest: Digest, life: Life) {
        if self.denied.len() >= CLOSED_LIMIT {
            self.denied.clear();
        }
        self.denied.insert(digest, life);
    }

    /// Whether it was, and was not lifted.
    pub(super) fn is_denied(&self, digest: &Digest) -> bool {
        self.denied.contains_key(digest)
    }

    /// The requester lifts it: it goes on as what is needed beside the denial.
    pub(super) fn broken(
        &mut self,
        digest: Digest,
        line: &Line<'_>,
        user: &EntryUser,
    ) -> Result<Life, String> {
        let mut life = self
            .denied
            .remove(&digest)
            .ok_or("it lifts a denial that is not there, or that cannot be lifted")?;
        if user.uid != life.requester.uid {
            return Err("somebody else lifts the denial than the one who asked".to_owned());
        }
        if line.detail_word(field::KIND) != Some(RequesterKind::Human) {
            return Err("it is not a human who lifts the denial".to_owned());
        }
        let reason = line.detail_text(field::REASON).unwrap_or_default();
        if !reason.chars().any(char::is_alphanumeric) {
            return Err("the denial is lifted without a reason".to_owned());
        }
        let rules = texts(line, field::LIFTED).ok_or("it does not say which denial is lifted")?;
        let reviewers = texts(line, field::REVIEWERS).ok_or("it does not say who reviews it")?;
        if rules.is_empty() {
            return Err("it does not say which denial is lifted".to_owned());
        }
        let decision =
            line.detail_word(field::DECISION).ok_or("it does not say what is needed beside")?;
        if decision == Decision::Deny {
            return Err("it lifts a denial, and is denied all the same".to_owned());
        }
        life.decision = Some((decision, requirements(line)?));
        life.lifted = true;
        life.unproved = life.requester.uid != 0
            && line.detail_word(field::AUTHENTICATE) == Some(Authenticate::Requester);
        let (id, requester) = (life.id.clone(), life.requester.clone());
        let sequence = line.sequence;
        let (started, reviewed) = (false, false);
        let lifted = Lifted { sequence, id, requester, reviewers, started, reviewed };
        self.lifted.insert(digest, lifted);
        Ok(life)
    }

    /// A command starts, maybe one whose denial was lifted.
    pub(super) fn started(&mut self, digest: &Digest) {
        if let Some(lifted) = self.lifted.get_mut(digest) {
            lifted.started = true;
        }
    }

    /// It ended before it could start: there is nothing to review.
    pub(super) fn never_ran(&mut self, digest: &Digest) {
        self.lifted.remove(digest);
    }

    /// Another human has looked at it. More than one may have: whoever was killed before the store had
    /// their review has left it in the log alone.
    pub(super) fn reviewed(
        &mut self,
        digest: &Digest,
        line: &Line<'_>,
        user: &EntryUser,
    ) -> Result<(), String> {
        let lifted =
            self.lifted.get_mut(digest).ok_or("it reviews what lifted no denial, or never ran")?;
        if same_person(user, &lifted.requester) {
            return Err(format!("{} is reviewed by whoever asked for it", lifted.id));
        }
        let groups = texts(line, field::GROUPS).unwrap_or_default();
        let human = line.detail_word(field::KIND) == Some(RequesterKind::Human);
        if !human || !groups.iter().any(|group| lifted.reviewers.contains(group)) {
            return Err(format!("{} is reviewed by somebody who may not", lifted.id));
        }
        lifted.reviewed = true;
        Ok(())
    }

    /// What ran and was not reviewed: ids, and where the denial was lifted.
    pub(super) fn unreviewed(&self) -> Vec<(u64, String)> {
        let started = self.lifted.values().filter(|lifted| lifted.started && !lifted.reviewed);
        let mut unreviewed: Vec<_> =
            started.map(|lifted| (lifted.sequence, lifted.id.clone())).collect();
        unreviewed.sort_unstable();
        unreviewed
    }
}

fn texts(line: &Line<'_>, name: &str) -> Option<Vec<String>> {
    let items = line.detail(name)?.items()?;
    items.iter().map(|item| item.text().map(str::to_owned)).collect()
}
