//! An undo that the rules want approved: a request like any other, for a command that is this very
//! program. What the approvers agree to is the plan, by its digest: what an undo would do and all that
//! it would find there. It is made again before the approval is used, and once more under the lock of
//! the store.

use std::ffi::OsString;

use super::case::PREVIEWED;
use super::{Case, Manner, Outcome, ProtocolError, Purpose, Rooms, decisions, editing};
use crate::invocation::{Asked, OwnUndo};
use crate::review::{Record, RequestId, RequestStore, State, UndoShown};
use crate::snapshot::{self, SnapshotError, UndoOptions, UndoPlan};
use crate::system::{ByteString, Colour, Digest, Sight};

/// An undo that is to be approved, as it would be carried out now.
pub(super) struct Planned {
    asked: OwnUndo,
    /// What would be done.
    pub(super) plan: UndoPlan,
    digest: Digest,
}

/// Asks others to approve an undo, and has it carried out once they have: walks through everything
/// that [`super::run`] does.
///
/// # Errors
/// As [`super::run`]; [`ProtocolError::Snapshot`] where it would be refused anyway.
pub fn ask_undo(
    rooms: &Rooms,
    plan: &UndoPlan,
    options: &UndoOptions,
    purpose: Purpose,
    manner: Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    if !options.force {
        plan.refuse_what_needs_force()?;
    }
    let own = OwnUndo {
        run: plan.run.id.clone(),
        plan: plan.digest()?,
        force: options.force,
        only: options.only.clone(),
    };
    let mut words: Vec<OsString> = vec![editing::own_program(rooms)?];
    words.extend(own.words());
    words.extend(places(rooms));
    let asked = Asked {
        argv: words,
        // All paths are absolute: where the caller is makes no difference.
        directory: Some("/".into()),
        no_input: true,
        undo: Some(own),
        ..Asked::default()
    };
    super::run(rooms, asked, purpose, manner)
}

/// Where its files are, for whoever keeps them elsewhere: the undo is to find them there.
fn places(rooms: &Rooms) -> Vec<OsString> {
    let directories = &rooms.directories;
    let mut words = Vec::new();
    if directories.policy_chosen {
        words.extend(["--policy".into(), directories.policy_file.clone().into_os_string()]);
    }
    if directories.scope.caller_may_choose_files() {
        words.extend(["--state-dir".into(), directories.state.clone().into_os_string()]);
    }
    words
}

/// The undo that a request is for.
pub(super) fn asked_again(record: &Record) -> Option<OwnUndo> {
    let undo = record.shown.undoes.as_ref()?;
    Some(OwnUndo {
        run: undo.run.clone(),
        plan: undo.plan,
        force: undo.force,
        only: undo.only.iter().map(|path| path.as_path().to_owned()).collect(),
    })
}

/// Opens the case of a request again. `Err` where that is for an undo that cannot be made any more: it
/// is void.
pub(super) fn open_again<'r>(
    rooms: &'r Rooms,
    mut asked: Asked,
    purpose: Purpose,
    record: &Record,
) -> Result<Result<Case<'r>, Box<Record>>, ProtocolError> {
    if record.shown.undoes.is_none() {
        return Ok(Ok(Case::open(rooms, asked, purpose)?));
    }
    if !matches!(record.state, State::Pending | State::Approved) {
        return Ok(Err(Box::new(record.clone())));
    }
    asked.directory = Some("/".into());
    asked.no_input = true;
    match Case::open(rooms, asked, purpose) {
        Err(ProtocolError::Snapshot(error)) => {
            let because = error.to_string();
            let told = error.as_told_to(Sight::of_caller()).to_string();
            Ok(Err(Box::new(decisions::void(rooms, &record.id, &because, &told)?)))
        }
        opened => Ok(Ok(opened?)),
    }
}

/// The request with whose approval this process, which hitl has started, undoes; with the digest of
/// the plan that was approved.
///
/// # Errors
/// [`ProtocolError::UndoNotApproved`] for everybody else.
pub fn approval_of(rooms: &Rooms, run: &str, plan: Digest) -> Result<Record, ProtocolError> {
    // Whoever is not what hitl runs as did not get here by being started by it.
    if !Sight::of_caller().is_whole() {
        return Err(ProtocolError::UndoNotApproved);
    }
    let id = std::env::var("HITL_REQUEST_ID").ok().and_then(|id| id.parse::<RequestId>().ok());
    let id = id.ok_or(ProtocolError::UndoNotApproved)?;
    let record = rooms.requests.load(&id)?;
    let words = || std::env::args_os().skip(1).map(|word| ByteString::from(word.as_os_str()));
    let is_this =
        record.shown.undoes.as_ref().is_some_and(|undo| undo.run == run && undo.plan == plan)
            && record.bound.argv.iter().skip(1).cloned().eq(words());
    if record.state == State::Running && is_this {
        return Ok(record);
    }
    Err(ProtocolError::UndoNotApproved)
}

impl Planned {
    /// Plans it, as things are now.
    ///
    /// # Errors
    /// [`ProtocolError::Snapshot`].
    pub(super) fn make(rooms: &Rooms, own: &OwnUndo) -> Result<Self, ProtocolError> {
        let options = UndoOptions { force: own.force, only: own.only.clone() };
        let plan = rooms.snapshots.plan(&own.run.parse()?, &options)?;
        let digest = plan.digest()?;
        Ok(Self { asked: own.clone(), plan, digest })
    }

    /// Why an approval of it is void, where it is.
    pub(super) fn difference(&self) -> Option<String> {
        (self.digest != self.asked.plan).then(|| ProtocolError::AnotherPlan.to_string())
    }

    /// What a request says about it.
    ///
    /// # Errors
    /// [`ProtocolError::Snapshot`].
    pub(super) fn shown(&self) -> Result<UndoShown, ProtocolError> {
        let run = &self.plan.run;
        Ok(UndoShown {
            run: run.id.clone(),
            command: run.argv.clone(),
            requester: run.requester.clone(),
            at: run.at.rfc3339(),
            plan: self.digest,
            force: self.asked.force,
            only: self.asked.only.iter().map(|path| ByteString::from(path.as_path())).collect(),
            follow: run.undo_run.clone(),
            lines: lines(&self.plan)?,
        })
    }

    /// As much of the plan as somebody may know who sees this much.
    ///
    /// # Errors
    /// [`ProtocolError::Snapshot`].
    pub(super) fn lines_told(
        &self,
        rooms: &Rooms,
        sight: Sight,
    ) -> Result<Vec<String>, ProtocolError> {
        let known = rooms.snapshots.known(&self.plan.run.id.parse()?, sight)?;
        Ok(lines(&known.plan(&self.plan)?)?)
    }
}

/// The plan for people: how much it is first, then the paths, as many as are shown of a snapshot.
fn lines(plan: &UndoPlan) -> Result<Vec<String>, SnapshotError> {
    let mut lines = vec![snapshot::plan_summary(plan)?];
    let mut more = 0_u64;
    for line in snapshot::plan_lines(plan, Colour::Off) {
        let line = line?;
        if lines.len() <= PREVIEWED {
            lines.push(line);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    Ok(lines)
}
