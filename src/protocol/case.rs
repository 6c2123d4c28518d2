//! One command with the verdict on it: what every step of the protocol is about.

use std::ffi::OsString;

use super::break_glass::{self, Lifted};
use super::{ProtocolError, Purpose, Rooms, confining, undoing};
use crate::authenticate::Proof;
use crate::execute::{self, Environment, KernelConfinement};
use crate::invocation::{self, Asked, Invocation, Machine, OwnUndo, RequesterKind};
use crate::policy::{Confine, Decision, Facts, Verdict, Who};
use crate::review::{Record, RequestId, Seen};
use crate::snapshot::{
    Affected, CaptureLimits, Coverage, Keeps, Preview, RunInformation, RunState, Writable,
};
use crate::system::text::visible;
use crate::system::{ByteString, Moment, Sight};

/// How many paths a reviewer is shown; that there are more is said.
pub(super) const PREVIEWED: usize = 200;

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
    /// What it may write, where the rules confine it.
    pub writable: Option<Writable>,
    /// What the requester says it is for.
    pub purpose: Purpose,
    /// What goes back, where it is an undo.
    pub(super) undo: Option<undoing::Planned>,
    /// What proved that it is the requester who asks, where that was asked for.
    pub proof: Option<Proof>,
    /// The denial that its requester lifts, where they broke the glass.
    pub(super) lifted: Option<Lifted>,
    /// With whose eyes it was looked at.
    sight: Sight,
}

impl<'r> Case<'r> {
    /// Resolves a command and judges it, by all that there is to see. Nothing is written.
    ///
    /// # Errors
    /// [`ProtocolError::Invocation`]; [`ProtocolError::Snapshot`] where the rules confine it and what
    /// it may write cannot be found out.
    pub fn open(rooms: &'r Rooms, asked: Asked, purpose: Purpose) -> Result<Self, ProtocolError> {
        let invocation = resolve(rooms, &asked)?;
        match asked.undo.clone() {
            Some(own) => Self::of_undo(rooms, asked, &own, purpose, invocation),
            None => Self::judge(rooms, asked, purpose, invocation, Sight::whole()),
        }
    }

    /// An undo that others must approve. No rule is about it: what its run was decided by is.
    fn of_undo(
        rooms: &'r Rooms,
        asked: Asked,
        own: &OwnUndo,
        purpose: Purpose,
        invocation: Invocation,
    ) -> Result<Self, ProtocolError> {
        let undo = undoing::Planned::make(rooms, own)?;
        let run = &undo.plan.run;
        let verdict = rooms.policy.decide_undo(
            &run.id,
            &run.undo_require,
            &run.undo_rules,
            &invocation.requester,
        );
        Ok(Self {
            rooms,
            asked,
            invocation: invocation.as_own_undo(),
            verdict,
            affected: Affected::default(),
            writable: None,
            purpose,
            undo: Some(undo),
            proof: None,
            lifted: None,
            sight: Sight::whole(),
        })
    }

    /// The same, only to be told to the caller: by what they can see themselves, so that asking
    /// finds out nothing. Where they see less than there is, the command may be decided otherwise
    /// when it is to run: [`Case::operands_out_of_sight`] says by what.
    ///
    /// # Errors
    /// [`ProtocolError::Invocation`], [`ProtocolError::Rights`].
    pub fn for_caller(
        rooms: &'r Rooms,
        asked: Asked,
        purpose: Purpose,
    ) -> Result<Self, ProtocolError> {
        let sight = Sight::of_caller();
        let whole = resolve(rooms, &asked)?;
        let invocation = whole.as_seen_by(sight).map_err(ProtocolError::Rights)?;
        sight
            .through(|| Self::judge(rooms, asked, purpose, invocation, sight))
            .map_err(ProtocolError::Rights)?
    }

    fn judge(
        rooms: &'r Rooms,
        asked: Asked,
        purpose: Purpose,
        invocation: Invocation,
        sight: Sight,
    ) -> Result<Self, ProtocolError> {
        let machine = Machine { requester_uid: invocation.requester.uid };
        let verdict = rooms.policy.decide(&facts(rooms, &invocation, &machine));
        let (affected, writable) = confining::affected(rooms, &invocation, &verdict)?;
        Ok(Self {
            rooms,
            asked,
            invocation,
            verdict,
            affected,
            writable,
            purpose,
            undo: None,
            proof: None,
            lifted: None,
            sight,
        })
    }

    /// What the policy says beside its soft denials.
    pub(super) fn verdict_lifting_soft_denials(&self) -> Verdict {
        let machine = Machine { requester_uid: self.invocation.requester.uid };
        let facts = facts(self.rooms, &self.invocation, &machine);
        let decide = || self.rooms.policy.decide_lifting_soft_denials(&facts);
        // What the caller cannot see decides nothing that they are told.
        if self.sight.is_whole() {
            decide()
        } else {
            self.sight.through(decide).unwrap_or_else(|_| self.verdict.clone())
        }
    }

    /// The arguments that are, or would be, files where whoever looks at the case cannot see.
    pub fn operands_out_of_sight(&self) -> Vec<&ByteString> {
        self.invocation.operands_hidden_from(self.sight)
    }

    /// Whether it was judged by all that there is to see, and not only to be told to the caller.
    pub(super) fn is_seen_whole(&self) -> bool {
        self.sight.is_whole()
    }

    /// Whether whoever looks at the case may know the real path of the executable.
    pub fn executable_is_in_sight(&self) -> bool {
        self.invocation.executable_is_seen_by(self.sight)
    }

    /// What its requester may know of the files; `None` where that is all.
    ///
    /// # Errors
    /// [`ProtocolError::Rights`], [`ProtocolError::Bound`], [`ProtocolError::Snapshot`].
    pub(super) fn seen_by_requester(&self) -> Result<Option<Seen>, ProtocolError> {
        let sight = Sight::of_caller();
        if sight.is_whole() {
            return Ok(None);
        }
        let mut theirs = self.invocation.as_seen_by(sight).map_err(ProtocolError::Rights)?;
        if self.undo.is_some() {
            theirs = theirs.as_own_undo();
        }
        let executable = theirs.executable_seen_by(sight).map_err(ProtocolError::Rights)?;
        let look = || -> Result<_, ProtocolError> {
            let (affected, writable) = match &self.undo {
                Some(_) => (Affected::default(), None),
                None => confining::affected(self.rooms, &theirs, &self.verdict)?,
            };
            let preview = self.rooms.snapshots.preview_what_is_seen(&affected, PREVIEWED)?;
            let operands = theirs
                .bound_operands()
                .map_err(|(path, error)| ProtocolError::Bound(path, error))?;
            let confined = confining::shown(writable.as_ref(), self.verdict.confine);
            Ok((operands, preview, confined))
        };
        let (operands, mut preview, confined) =
            sight.through(look).map_err(ProtocolError::Rights)??;
        preview.say_that_there_is_more();
        let Preview { paths: snapshot, coverage, .. } = preview;
        let closed_because = None;
        let (undo, not_covered) = (coverage.level, coverage.not_covered);
        let goes_back = match &self.undo {
            Some(planned) => planned.lines_told(self.rooms, sight)?,
            None => Vec::new(),
        };
        Ok(Some(Seen {
            executable,
            operands,
            snapshot,
            undo,
            not_covered,
            confined,
            goes_back,
            closed_because,
        }))
    }

    /// How far an undo would go, by all that its requester can see; `None` where that is everything.
    ///
    /// # Errors
    /// [`ProtocolError::Rights`], [`ProtocolError::Snapshot`].
    pub(super) fn coverage_seen_by_requester(&self) -> Result<Option<Coverage>, ProtocolError> {
        let sight = Sight::of_caller();
        if sight.is_whole() || self.undo.is_some() {
            return Ok(None);
        }
        let theirs = self.invocation.as_seen_by(sight).map_err(ProtocolError::Rights)?;
        let look = || -> Result<_, ProtocolError> {
            let (affected, _) = confining::affected(self.rooms, &theirs, &self.verdict)?;
            Ok(self.rooms.snapshots.preview_what_is_seen(&affected, PREVIEWED)?.coverage)
        };
        sight.through(look).map_err(ProtocolError::Rights)?.map(Some)
    }

    /// Whether humans would be needed whom this policy does not have.
    pub fn nobody_can_approve(&self) -> bool {
        self.verdict.decision == Decision::Approve && self.verdict.requirements.is_empty()
    }

    /// Why it would not run here: the rules require a confinement that this kernel cannot give.
    pub fn cannot_be_confined(&self) -> Option<String> {
        match self.verdict.confine {
            Confine::Required => KernelConfinement::here().shortfall(),
            Confine::Off | Confine::Wanted => None,
        }
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
            let hint = break_glass::hint(self).map_or_else(String::new, |hint| format!("; {hint}"));
            format!("{reason}; \"hitl check -- COMMAND\" shows the whole decision{hint}")
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
            &self.invocation.command_found(),
        )?)
    }

    /// The paths that would be snapshotted, and what would not be covered, for people.
    ///
    /// # Errors
    /// [`ProtocolError::Snapshot`].
    pub fn preview(&self) -> Result<Preview, ProtocolError> {
        let snapshots = &self.rooms.snapshots;
        if self.sight.is_whole() {
            return Ok(snapshots.preview(&self.affected, PREVIEWED)?);
        }
        let look = || snapshots.preview_what_is_seen(&self.affected, PREVIEWED);
        Ok(self.sight.through(look).map_err(ProtocolError::Rights)??)
    }

    /// What is to be captured, with what may be told about it.
    ///
    /// # Errors
    /// [`ProtocolError::Rights`].
    pub(super) fn to_capture(&self) -> Result<Affected, ProtocolError> {
        let mut affected = self.affected.clone();
        let sight = Sight::of_caller();
        if !sight.is_whole() {
            let theirs = self.invocation.as_seen_by(sight).map_err(ProtocolError::Rights)?;
            let look = || confining::affected(self.rooms, &theirs, &self.verdict);
            let (told, _) = sight.through(look).map_err(ProtocolError::Rights)??;
            affected.not_covered_told = Some(told.not_covered);
        }
        Ok(affected)
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
            risk: Some(self.verdict.risk),
            undo_run: self.verdict.undo.run.clone(),
            undo_by: self.verdict.undo.by.clone(),
            undo_require: self.verdict.undo.require.clone(),
            undo_rules: self.verdict.undo.rules.clone(),
            belongs_to: None,
            keep_ms: self.verdict.snapshot.keep_ms,
            // What the capture finds may lower it.
            coverage: None,
            coverage_told: None,
            keeps: Keeps::default(),
            pin: None,
            state: RunState::Captured,
        }
    }

    /// What the snapshot may cost.
    pub(super) fn capture_limits(&self) -> CaptureLimits {
        let default = CaptureLimits::default();
        let demand = &self.verdict.snapshot;
        CaptureLimits {
            bytes: demand.max_size.unwrap_or(default.bytes),
            entries: demand.max_files.unwrap_or(default.entries),
        }
    }
}

/// What is known about a command when it is judged.
fn facts<'f>(rooms: &'f Rooms, invocation: &'f Invocation, machine: &'f Machine) -> Facts<'f> {
    Facts {
        reading: &invocation.reading,
        requester_name: &invocation.requester.name,
        requester_groups: &invocation.requester.groups,
        requester_kind: invocation.requester.kind,
        host: &rooms.host.name,
        labels: &[],
        directory: &invocation.directory,
        run_as: &invocation.run_as.user,
        paths: machine,
    }
}

/// What is asked, as this machine understands it. Nothing is said about places that the caller
/// cannot see, except for those that a rule names for them.
fn resolve(rooms: &Rooms, asked: &Asked) -> Result<Invocation, ProtocolError> {
    let named = |place: invocation::Place<'_>| {
        invocation::requester().is_ok_and(|person| {
            let who = Who {
                name: &person.name,
                groups: &person.groups,
                kind: person.kind,
                host: &rooms.host.name,
            };
            rooms.policy.names(&who, place)
        })
    };
    let (search, scope) = (rooms.policy.search_path(), rooms.directories.scope);
    Ok(invocation::resolve_for_caller(asked.clone(), search, scope, &named)?)
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
        content: now.content,
        no_input: record.shown.plan_was_input,
        undo: undoing::asked_again(record),
    }
}
