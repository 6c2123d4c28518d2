//! The life of every request, as the log tells it: nothing started without what its rule needed.

use std::collections::HashMap;

use super::entry::field;
use super::line::Line;
use super::node::Node;
use super::quorum::{self, Yes};
use super::{Action, EntryUser, Outcome};
use crate::invocation::RequesterKind;
use crate::policy::{Authenticate, Decision};
use crate::system::Digest;

/// How many closed requests are remembered, for better words only: one that is forgotten counts as
/// one that never was, and can start as little.
const CLOSED_LIMIT: usize = 65_536;

/// The requests that are open at some point of the log.
#[derive(Default)]
pub(super) struct Lives {
    open: HashMap<Digest, Life>,
    closed: HashMap<Digest, &'static str>,
}

struct Life {
    id: String,
    requester: EntryUser,
    decision: Option<(Decision, Vec<(String, u64)>)>,
    approvals: Vec<Yes>,
    /// What must be on record before it starts: that the requester has proved to be who they are.
    unproved: bool,
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
                | Action::UndoApplied
        ) {
            return Ok(());
        }
        let digest = line.request.ok_or("it names no request")?;
        let user = line.user.clone().ok_or("it names no user")?;
        match line.action {
            Action::PrivilegeRequested => self.requested(digest, line, user),
            Action::PolicyDecided => self.decided(digest, line),
            Action::Authenticated => self.authenticated(digest, &user),
            // It changes nothing: they may try again, and cannot start before they have.
            Action::AuthenticationFailed => self.life(&digest).map(drop),
            Action::ApprovalRecorded => self.approved(digest, line, user),
            Action::ApprovalRejected => self.refused(digest, "was rejected"),
            Action::RequestExpired => self.refused(digest, "has expired"),
            Action::RequestCancelled => self.refused(digest, "was cancelled"),
            Action::RequestVoid => self.refused(digest, "is void"),
            Action::CommandStarted => self.started(digest, line.sequence),
            Action::CommandFinished => self.finished(digest, line.outcome),
            Action::SegmentOpened
            | Action::LogRecovered
            | Action::SnapshotCreated
            | Action::UndoApplied => Ok(()),
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

    fn requested(
        &mut self,
        digest: Digest,
        line: &Line<'_>,
        requester: EntryUser,
    ) -> Result<(), String> {
        if self.open.contains_key(&digest) || self.closed.contains_key(&digest) {
            return Err("the same request was recorded before".to_owned());
        }
        let id = line.detail_text(field::REQUEST_ID).unwrap_or("without an id").to_owned();
        let life = Life {
            id,
            requester,
            decision: None,
            approvals: Vec::new(),
            unproved: false,
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
        let requirements = line
            .detail(field::REQUIREMENTS)
            .and_then(Node::items)
            .and_then(|items| items.iter().map(requirement).collect::<Option<Vec<_>>>())
            .ok_or("it does not say who must approve")?;
        // Root itself has nothing to prove.
        life.unproved = life.requester.uid != 0
            && line.detail_word(field::AUTHENTICATE) == Some(Authenticate::Requester);
        life.decision = Some((decision, requirements));
        if decision == Decision::Deny { self.refused(digest, "was denied") } else { Ok(()) }
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
        let human = line.detail_word(field::KIND) == Some(RequesterKind::Human);
        life.approvals.push(Yes { user, groups, human });
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
            Decision::Confirm => !life.approvals.is_empty(),
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
        self.close(digest, how);
        Ok(())
    }

    fn life(&mut self, digest: &Digest) -> Result<&mut Life, String> {
        match self.open.get_mut(digest) {
            Some(life) => Ok(life),
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

fn requirement(node: &Node<'_>) -> Option<(String, u64)> {
    let group = node.get(field::GROUP)?.text()?;
    Some((group.to_owned(), node.get(field::COUNT)?.unsigned()?))
}
