//! One command with the verdict on it: what every step of the protocol is about.

use std::ffi::OsString;

use super::{ProtocolError, Rooms};
use crate::authenticate::Proof;
use crate::execute::{self, Environment};
use crate::invocation::{Asked, Invocation, Machine, RequesterKind};
use crate::policy::{Decision, Facts, Verdict};
use crate::review::{Record, RequestId};
use crate::snapshot::{Affected, CaptureLimits, Preview, RunInformation, RunState};
use crate::system::Moment;
use crate::system::text::visible;

/// How many paths a reviewer is shown; that there are more is said.
const PREVIEWED: usize = 200;

/// What is asked, and what the policy says about it.
pub struct Case<'r> {
    /// The rooms it was judged in.
    pub rooms: &'r Rooms,
    /// The words it was asked in.
    pub asked: Asked,
    /// What is asked, resolved on this machine.
    pub invocation: Invocation,
    /// What the policy says.
    pub verdict: Verdict,
    /// What the command can touch.
    pub affected: Affected,
    /// What the requester says it is for.
    pub reason: Option<String>,
    /// What proved that it is the requester who asks, where that was asked for.
    pub proof: Option<Proof>,
}

impl<'r> Case<'r> {
    /// Resolves a command and judges it. Nothing is written.
    ///
    /// # Errors
    /// [`ProtocolError::Invocation`].
    pub fn open(
        rooms: &'r Rooms,
        asked: Asked,
        reason: Option<String>,
    ) -> Result<Self, ProtocolError> {
        let invocation = crate::invocation::resolve(
            asked.clone(),
            rooms.policy.search_path(),
            rooms.directories.scope,
        )?;
        let verdict = rooms.policy.decide(&Facts {
            reading: &invocation.reading,
            requester_name: &invocation.requester.name,
            requester_groups: &invocation.requester.groups,
            requester_kind: invocation.requester.kind,
            host: &rooms.host.name,
            labels: &[],
            directory: &invocation.directory,
            run_as: &invocation.run_as.user,
            paths: &Machine { requester_uid: invocation.requester.uid },
        });
        let (operands, not_covered) = invocation.affected_operands();
        let affected = Affected { declared: verdict.snapshot.paths.clone(), operands, not_covered };
        Ok(Self { rooms, asked, invocation, verdict, affected, reason, proof: None })
    }

    /// Whether humans would be needed whom this policy does not have.
    pub fn nobody_can_approve(&self) -> bool {
        self.verdict.decision == Decision::Approve && self.verdict.requirements.is_empty()
    }

    /// Whether the requester's own human may be asked at this terminal.
    pub fn may_be_confirmed_in_place(&self) -> bool {
        self.verdict.decision == Decision::Confirm
            && self.verdict.requester_kind == RequesterKind::Human
    }

    /// Why it is denied, in one sentence, with the next step.
    pub(super) fn why_denied(&self) -> String {
        let reason = self.verdict.decisive.as_ref().map_or("", |reason| reason.text.as_str());
        let reason = visible(reason);
        if self.nobody_can_approve() {
            format!(
                "it needs another human, and this policy names nobody who could approve it ({reason}); \
                 add a group and \"defaults: require\" to the policy, or ask an administrator"
            )
        } else {
            format!("{reason}; \"hitl check -- COMMAND\" shows the whole decision")
        }
    }

    /// The child's environment.
    ///
    /// # Errors
    /// [`ProtocolError::Execute`].
    pub(super) fn environment(&self, id: Option<&RequestId>) -> Result<Environment, ProtocolError> {
        let id = id.map(ToString::to_string);
        Ok(execute::environment(
            self.rooms.directories.scope,
            &self.verdict.environment,
            &self.invocation.requester,
            &self.invocation.run_as,
            id.as_deref(),
            &self.invocation.argv,
        )?)
    }

    /// The paths that would be snapshotted, and what would not be covered, for people.
    ///
    /// # Errors
    /// [`ProtocolError::Snapshot`].
    pub fn preview(&self) -> Result<Preview, ProtocolError> {
        Ok(self.rooms.snapshots.preview(&self.affected, PREVIEWED)?)
    }

    /// What is kept about the run, for an undo.
    pub(super) fn run_information(&self, id: &RequestId) -> RunInformation {
        RunInformation {
            v: 1,
            id: id.to_string(),
            undo_of: None,
            argv: self.invocation.argv.clone(),
            directory: self.invocation.directory.as_path().into(),
            requester: self.invocation.requester.name.clone(),
            requester_uid: self.invocation.requester.uid,
            at: Moment::now(),
            undo_run: self.verdict.undo_run.clone(),
            keep_ms: self.verdict.snapshot.keep_ms,
            state: RunState::Captured,
        }
    }

    /// What the snapshot may cost.
    pub(super) fn capture_limits(&self) -> CaptureLimits {
        let default = CaptureLimits::default();
        CaptureLimits { bytes: self.verdict.snapshot.max_size.unwrap_or(default.bytes), ..default }
    }
}

/// What is to be resolved again when a request goes on: what was asked then, except for what the
/// caller says otherwise now. A difference voids the request; here it is only carried along.
pub(super) fn asked_again(record: &Record, now: Asked) -> Asked {
    let bound = &record.bound;
    let argv: Vec<OsString> = if now.argv.is_empty() {
        bound.argv.iter().map(|argument| argument.as_os_str().to_owned()).collect()
    } else {
        now.argv
    };
    Asked {
        argv,
        directory: now.directory,
        user: now.user.or_else(|| Some(format!("#{}", bound.run_as.uid))),
        group: now.group.or_else(|| Some(format!("#{}", bound.run_as.gid))),
    }
}
