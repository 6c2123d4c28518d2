//! The life of every request, as the log tells it: nothing started without what its rule needed.

use std::collections::HashMap;

use super::entry::field;
use super::glass::Glass;
use super::line::{Line, word};
use super::node::Node;
use super::quorum::{self, Need, Yes};
use super::{Action, EntryUser, Outcome};
use crate::invocation::RequesterKind;
use crate::policy::{Authenticate, Decision, Enforcement};
use crate::system::Digest;

/// How many closed requests are remembered, for better words only: one that is forgotten counts as
/// one that never was, and can start as little.
pub(super) const CLOSED_LIMIT: usize = 65_536;

/// The requests that are open at some point of the log.
#[derive(Default)]
pub(super) struct Lives {
    open: HashMap<Digest, Life>,
    closed: HashMap<Digest, &'static str>,
    glass: Glass,
    /// The runs of which an undo has begun, and whether one has come to its end.
    undone: HashMap<String, bool>,
}

pub(super) struct Life {
    pub(super) id: String,
    pub(super) requester: EntryUser,
    pub(super) decision: Option<(Decision, Vec<Need>)>,
    approvals: Vec<Yes>,
    /// What must be on record before it starts: that the requester has proved to be who they are.
    pub(super) unproved: bool,
    /// Whether its denial was lifted.
    pub(super) lifted: bool,
    started: Option<u64>,
}

impl Lives {
    /// Takes the next entry. What it fails with says what is wrong with it, as a clause.
    pub(super) fn observe(&mut self, line: &Line<'_>) -> Result<(), String> {
        if matches!(
            line.action,
            Action::SegmentOpened
                | Action::LogRecovered
                | Action::SnapshotCreated
                | Action::SnapshotFailed
                | Action::SnapshotPruned
                | Action::SnapshotPinned
                | Action::SnapshotUnpinned
                | Action::SignersChanged
                | Action::NotificationSent
                | Action::NotificationFailed
        ) {
            return Ok(());
        }
        if matches!(line.action, Action::UndoStarted | Action::UndoApplied | Action::UndoFollowed) {
            return self.undo(line);
        }
        let digest = line.request.ok_or("it names no request")?;
        let user = line.user.clone().ok_or("it names no user")?;
        match line.action {
            Action::PrivilegeRequested => self.requested(digest, line, user),
            Action::PolicyDecided => self.decided(digest, line),
            Action::Authenticated => self.authenticated(digest, &user),
            // It changes nothing: they may try again, and cannot start before they have.
            Action::AuthenticationFailed if self.glass.is_denied(&digest) => Ok(()),
            Action::AuthenticationFailed => self.life(&digest).map(drop),
            Action::BreakGlass => {
                let life = self.glass.broken(digest, line, &user)?;
                self.open.insert(digest, life);
                Ok(())
            }
            Action::BreakGlassReviewed => self.glass.reviewed(&digest, line, &user),
            Action::ApprovalRecorded => self.approved(digest, line, user),
            Action::ApprovalRejected => self.refused(digest, "was rejected"),
            Action::RequestExpired => self.refused(digest, "has expired"),
            Action::RequestCancelled => self.refused(digest, "was cancelled"),
            Action::RequestVoid => self.refused(digest, "is void"),
            Action::CommandStarted => self.started(digest, line.sequence),
            Action::CommandFinished => self.finished(digest, line.outcome),
            Action::UndoStarted | Action::UndoApplied | Action::UndoFollowed => self.undo(line),
            Action::SegmentOpened
            | Action::LogRecovered
            | Action::SnapshotCreated
            | Action::SnapshotFailed
            | Action::SnapshotPruned
            | Action::SnapshotPinned
            | Action::SnapshotUnpinned
            | Action::SignersChanged
            | Action::NotificationSent
            | Action::NotificationFailed => Ok(()),
        }
    }

    /// The requests that started and have not ended: their ids, and where they started.
    pub(super) fn running(&self) -> Vec<(u64, String)> {
        let mut running: Vec<_> = self
            .open
            .values()
            .filter_map(|life| life.started.map(|sequence| (sequence, life.id.clone())))
            .collect();
        running.sort_unstable();
        running
    }

    /// The runs of lifted denials that nobody has reviewed.
    pub(super) fn unreviewed(&self) -> Vec<(u64, String)> {
        self.glass.unreviewed()
    }

    /// An undo begins on record before it touches anything, with its approval used where it has one;
    /// what follows it comes after.
    fn undo(&mut self, line: &Line<'_>) -> Result<(), String> {
        let run = line.detail_text(field::UNDONE).ok_or("it does not say which run it undoes")?;
        let run = run.to_owned();
        if let Some(digest) = line.request
            && self.life(&digest)?.started.is_none()
        {
            return Err(format!("run {run} was undone before its approval was used"));
        }
        match (line.action, self.undone.get(&run)) {
            (Action::UndoStarted, ended) => {
                let ended = ended.copied().unwrap_or_default();
                self.undone.insert(run, ended);
            }
            (_, None) => return Err(format!("no undo of run {run} had begun")),
            (Action::UndoFollowed, Some(false)) => {
                return Err(format!("no undo of run {run} had come to its end"));
            }
            (_, Some(_)) => {
                self.undone.insert(run, true);
            }
        }
        Ok(())
    }

    fn requested(
        &mut self,
        digest: Digest,
        line: &Line<'_>,
        requester: EntryUser,
    ) -> Result<(), String> {
        let known = self.open.contains_key(&digest) || self.closed.contains_key(&digest);
        if known || self.glass.is_denied(&digest) {
            return Err("the same request was recorded before".to_owned());
        }
        let id = line.detail_text(field::REQUEST_ID).unwrap_or("without an id").to_owned();
        let life = Life {
            id,
            requester,
            decision: None,
            approvals: Vec::new(),
            unproved: false,
            lifted: false,
            started: None,
        };
        self.open.insert(digest, life);
        Ok(())
    }

    fn decided(&mut self, digest: Digest, line: &Line<'_>) -> Result<(), String> {
        let life = self.life(&digest)?;
        if life.decision.is_some() {
            return Err("the policy decided on this request before".to_owned());
        }
        let decision =
            line.detail_word(field::DECISION).ok_or("it does not say what was decided")?;
        let requirements = requirements(line)?;
        // Root itself has nothing to prove.
        life.unproved = life.requester.uid != 0
            && line.detail_word(field::AUTHENTICATE) == Some(Authenticate::Requester);
        life.decision = Some((decision, requirements));
        if decision != Decision::Deny {
            return Ok(());
        }
        // A soft denial may be lifted in the next moment.
        if line.detail_word(field::ENFORCEMENT) == Some(Enforcement::Soft)
            && let Some(life) = self.open.remove(&digest)
        {
            self.glass.denied(digest, life);
            return Ok(());
        }
        self.refused(digest, "was denied")
    }

    fn authenticated(&mut self, digest: Digest, user: &EntryUser) -> Result<(), String> {
        let life = self.life(&digest)?;
        if user.uid != life.requester.uid {
            return Err("it is about another user than the one who asked".to_owned());
        }
        life.unproved = false;
        Ok(())
    }

    fn approved(&mut self, digest: Digest, line: &Line<'_>, user: EntryUser) -> Result<(), String> {
        let life = self.life(&digest)?;
        if life.started.is_some() {
            return Err("the command had already started".to_owned());
        }
        let groups = line
            .detail(field::GROUPS)
            .and_then(Node::items)
            .map(|items| items.iter().filter_map(Node::text).map(str::to_owned).collect())
            .ok_or("it does not say which groups the approver is in")?;
        let presence = line
            .detail_word(field::PRESENCE)
            .ok_or("it does not say how the approver proved that it was them")?;
        let human = line.detail_word(field::KIND) == Some(RequesterKind::Human);
        life.approvals.push(Yes { user, groups, presence, human });
        Ok(())
    }

    fn started(&mut self, digest: Digest, sequence: u64) -> Result<(), String> {
        let life = self.life(&digest)?;
        let id = &life.id;
        if let Some(first) = life.started {
            return Err(format!("request {id} had started already, at entry {first}"));
        }
        let Some((decision, requirements)) = &life.decision else {
            return Err(format!("request {id} was started before the policy decided"));
        };
        let may_start = match decision {
            Decision::Allow => true,
            // The requester's own yes, or anybody's.
            // The lifting of a denial is the requester's own yes.
            Decision::Confirm => life.lifted || !life.approvals.is_empty(),
            Decision::Approve => quorum::fulfilled(requirements, &life.approvals, &life.requester),
            Decision::Deny => false,
        };
        if !may_start {
            return Err(format!("request {id} was started without the approvals that it needed"));
        }
        if life.unproved {
            return Err(format!("request {id} was started before the requester had authenticated"));
        }
        life.started = Some(sequence);
        self.glass.started(&digest);
        Ok(())
    }

    fn finished(&mut self, digest: Digest, outcome: Outcome) -> Result<(), String> {
        // Whoever was killed between an entry and what follows from it in the store leaves a command
        // that looks lost, or is told of twice: neither changes what came before.
        if outcome == Outcome::Unknown && self.closed.contains_key(&digest) {
            return Ok(());
        }
        let life = self.life(&digest)?;
        match (outcome, life.started) {
            // Lost, not ended: its end may still become known.
            (Outcome::Unknown, Some(_)) => Ok(()),
            // Lost between the use of the approval and the start: it never starts.
            (Outcome::Unknown, None) => {
                self.close(digest, "was lost before it started");
                Ok(())
            }
            (_, None) => Err(format!("request {} had not started", life.id)),
            (_, Some(_)) => {
                self.close(digest, "has finished");
                Ok(())
            }
        }
    }

    fn refused(&mut self, digest: Digest, how: &'static str) -> Result<(), String> {
        // Two processes may see that a request's time is over; the second entry changes nothing.
        if self.closed.contains_key(&digest) {
            return Ok(());
        }
        let life = self.life(&digest)?;
        if life.started.is_some() {
            return Err(format!("request {} had already started", life.id));
        }
        self.glass.never_ran(&digest);
        self.close(digest, how);
        Ok(())
    }

    fn life(&mut self, digest: &Digest) -> Result<&mut Life, String> {
        match self.open.get_mut(digest) {
            Some(life) => Ok(life),
            None if self.glass.is_denied(digest) => Err("its request was denied".to_owned()),
            None => Err(match self.closed.get(digest) {
                Some(how) => format!("its request {how}"),
                None => "its request is not among those that were recorded and are open".to_owned(),
            }),
        }
    }

    fn close(&mut self, digest: Digest, how: &'static str) {
        self.open.remove(&digest);
        if self.closed.len() >= CLOSED_LIMIT {
            self.closed.clear();
        }
        self.closed.insert(digest, how);
    }
}

/// Who must approve, as an entry says it.
pub(super) fn requirements(line: &Line<'_>) -> Result<Vec<Need>, String> {
    line.detail(field::REQUIREMENTS)
        .and_then(Node::items)
        .and_then(|items| items.iter().map(requirement).collect::<Option<Vec<_>>>())
        .ok_or_else(|| "it does not say who must approve".to_owned())
}

fn requirement(node: &Node<'_>) -> Option<Need> {
    let groups = node.get(field::GROUPS)?.items()?.iter();
    Some(Need {
        groups: groups.map(|group| group.text().map(str::to_owned)).collect::<Option<_>>()?,
        count: node.get(field::COUNT)?.unsigned()?,
        presence: node.get(field::PRESENCE)?.text().and_then(word)?,
    })
}
