//! Undo, as the protocol sees it: who may, what is on record, and what follows it.

use super::{ProtocolError, Rooms, record};
use crate::audit::{Entry, Outcome, Reference};
use crate::execute::{self, CallerState, Ending, Launch};
use crate::invocation::{self, Asked};
use crate::policy::EnvironmentRules;
use crate::review::RequestId;
use crate::snapshot::{
    Keeps, Progress, RunInformation, RunState, UndoOptions, UndoPlan, Undone,
};
use crate::system::text::visible_command;
use crate::system::{ByteString, Moment};

/// What came of an undo.
pub struct UndoReport {
    /// What was put back.
    pub undone: Undone,
    /// The commands that the rules want run after it, and how each ended, in words.
    pub followed: Vec<(String, String)>,
}

/// The run that a person means, where it is one that they may undo: their own, or any for root.
/// With nothing typed, the last one that changed anything and is in effect.
///
/// # Errors
/// [`ProtocolError::Snapshot`] where there is none.
pub fn find_run(rooms: &Rooms, typed: Option<&str>) -> Result<RunInformation, ProtocolError> {
    let person = invocation::requester()?;
    let Some(typed) = typed else {
        return Ok(rooms.snapshots.last(&|run| may_undo(run, person.uid))?);
    };
    // Runs of others do not exist for them: the same words whether or not there is one.
    Ok(rooms.snapshots.find(typed, &|run| may_undo(run, person.uid))?)
}

/// The runs that a person may look at and undo, the newest first.
///
/// # Errors
/// [`ProtocolError::Snapshot`].
pub fn runs(rooms: &Rooms) -> Result<Vec<RunInformation>, ProtocolError> {
    let person = invocation::requester()?;
    let mut runs = rooms.snapshots.list()?;
    runs.retain(|run| may_undo(run, person.uid));
    Ok(runs)
}

fn may_undo(run: &RunInformation, uid: u32) -> bool {
    uid == 0 || uid == run.requester_uid
}

/// Undoes a run as planned, puts it on record, and runs what the rules want run after it.
///
/// # Errors
/// [`ProtocolError`]. An undo that stopped in the middle is on record too.
pub fn undo(
    rooms: &Rooms,
    plan: &UndoPlan,
    force: bool,
    caller: &CallerState,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<UndoReport, ProtocolError> {
    let person = invocation::requester()?;
    let user = record::user(&person);
    let run: RequestId = plan.run.id.parse()?;
    let id = RequestId::random()?;
    let information = RunInformation {
        v: 1,
        id: id.to_string(),
        undo_of: Some(run.to_string()),
        argv: ["hitl", "undo", plan.run.id.as_str()].map(ByteString::from).to_vec(),
        directory: ByteString::from("/"),
        requester: person.name.clone(),
        requester_uid: person.uid,
        at: Moment::now(),
        risk: plan.run.risk,
        undo_run: plan.run.undo_run.clone(),
        keep_ms: plan.run.keep_ms,
        coverage: None,
        coverage_told: None,
        keeps: Keeps::default(),
        pin: None,
        state: RunState::Captured,
    };
    let on_record = |reference: &RequestId, restored: u64, outcome: Outcome| {
        let reference = Reference { id: reference.clone(), digest: None };
        let entry = Entry::undone(&reference, &user, &run, restored, force, outcome);
        rooms.log.append(&[entry], &Moment::now())
    };
    let options = UndoOptions { force, only: Vec::new() };
    let undone = match rooms.snapshots.undo(plan, information, &options, progress) {
        Ok(undone) => undone,
        Err(error) => {
            // Whether anything was touched is in the error; that it was tried is on record.
            on_record(&id, 0, Outcome::Failure)?;
            return Err(error.into());
        }
    };
    let reference = Reference { id: undone.run.id.parse()?, digest: None };
    let complete = undone.not_restored.is_empty();
    let outcome = if complete { Outcome::Success } else { Outcome::Failure };
    let entries = [
        Entry::snapshot_created(&reference, &user, &undone.before, undone.restored, 0, None),
        Entry::undone(&reference, &user, &run, undone.restored, force, outcome),
    ];
    rooms.log.append(&entries, &Moment::now())?;
    let followed = follow(rooms, &plan.run.undo_run, caller);
    Ok(UndoReport { undone, followed })
}

/// Runs what the rules want run after an undo (`systemctl daemon-reload`, say). The policy's own
/// commands: nobody is asked about them, and one that fails does not take the undo back.
fn follow(rooms: &Rooms, commands: &[Vec<String>], caller: &CallerState) -> Vec<(String, String)> {
    commands
        .iter()
        .map(|argv| {
            let words: Vec<&str> = argv.iter().map(String::as_str).collect();
            let ending = match follow_one(rooms, argv, caller) {
                Ok(ending) => record::ending_text(ending),
                Err(error) => error.to_string(),
            };
            (visible_command(&words), ending)
        })
        .collect()
}

fn follow_one(
    rooms: &Rooms,
    argv: &[String],
    caller: &CallerState,
) -> Result<Ending, ProtocolError> {
    let asked = Asked {
        argv: argv.iter().map(Into::into).collect(),
        directory: Some("/".into()),
        ..Asked::default()
    };
    let scope = rooms.directories.scope;
    let invocation = invocation::resolve(asked, rooms.policy.search_path(), scope)?;
    let rules = EnvironmentRules {
        path: rooms.policy.search_path().to_vec(),
        ..EnvironmentRules::default()
    };
    let environment = execute::environment(
        scope,
        &rules,
        &invocation.requester,
        &invocation.run_as,
        None,
        &invocation.command_found(),
    )?;
    let stage =
        execute::stage(caller, &invocation.run_as, false).map_err(execute::ExecuteError::Start)?;
    let launch = Launch {
        confinement: None,
        invocation: &invocation,
        run_as: &invocation.run_as,
        environment: &environment,
        timeout: None,
        caller,
        agreed: None,
    };
    Ok(execute::run(&launch, stage)?)
}
