//! Undo, as the protocol sees it: who may, what is on record, and what follows it.

use super::{ProtocolError, Rooms, record};
use crate::audit::{Command, Entry, EntryUser, Outcome, Reference, UndoRecorded, UndoRight};
use crate::execute::{self, CallerState, Ending, Launch};
use crate::invocation::{self, Asked, Invocation, Requester};
use crate::policy::EnvironmentRules;
use crate::review::{Record, RequestId};
use crate::snapshot::{
    Keeps, Progress, RunInformation, RunState, Underway, UndoOptions, UndoPlan, Undone, Unfinished,
};
use crate::system::identity::Account;
use crate::system::text::visible_command;
use crate::system::{ByteString, Moment};

/// An undo as somebody wants it.
pub struct Undoing<'u> {
    /// What is to be done.
    pub plan: &'u UndoPlan,
    /// How far it is to go: what it was planned with.
    pub options: &'u UndoOptions,
    /// The request whose approval it uses, where it was approved.
    pub approved: Option<&'u Record>,
}

/// What came of an undo.
pub struct UndoReport {
    /// What was put back.
    pub undone: Undone,
    /// The commands that the rules want run after it.
    pub followed: Vec<Followed>,
}

/// A command that the rules wanted run after an undo.
pub struct Followed {
    /// The command, safe to show.
    pub command: String,
    /// How it ended, in words.
    pub ending: String,
    /// Whether it ended well.
    pub well: bool,
}

/// Somebody, as far as rights to runs are concerned.
struct Person {
    user: EntryUser,
    /// The policy's groups that they are in now.
    groups: Vec<String>,
}

impl Person {
    fn of(rooms: &Rooms, person: &Requester) -> Self {
        let groups = rooms.policy.groups_of(&person.name, &person.groups);
        Self { user: record::user(person), groups }
    }

    /// Whoever asked for the undo that others have approved.
    fn who_asked(rooms: &Rooms, record: &Record) -> Result<Self, ProtocolError> {
        let requester = &record.bound.requester;
        let account = Account::by_uid(requester.uid)?;
        let unix = match account.filter(|account| account.name == requester.name) {
            Some(account) => account.groups()?.into_iter().map(|group| group.name).collect(),
            None => Vec::new(),
        };
        let user = EntryUser {
            name: requester.name.clone(),
            uid: requester.uid,
            login_uid: requester.login_uid,
        };
        Ok(Self { user, groups: rooms.policy.groups_of(&requester.name, &unix) })
    }

    /// The right by which they may undo a run, and look at its snapshot; `None`: for them there is no
    /// such run.
    fn right_to(&self, run: &RunInformation) -> Option<UndoRight> {
        if self.user.uid == run.belongs_to.unwrap_or(run.requester_uid) {
            return Some(UndoRight::Own);
        }
        if self.user.uid == 0 {
            return Some(UndoRight::Root);
        }
        let groups: Vec<String> =
            run.undo_by.iter().filter(|group| self.groups.contains(group)).cloned().collect();
        (!groups.is_empty()).then_some(UndoRight::Groups(groups))
    }
}

/// The run that a person means, where it is one that they may undo: their own, those that the policy
/// trusted a group of theirs with, any for root. With nothing typed, the last of their own that
/// changed anything and is in effect; for root the last of anybody's.
///
/// # Errors
/// [`ProtocolError::Snapshot`] where there is none.
pub fn find_run(rooms: &Rooms, typed: Option<&str>) -> Result<RunInformation, ProtocolError> {
    let person = Person::of(rooms, &invocation::requester()?);
    let Some(typed) = typed else {
        // What another has done since is not what they mean by the last.
        let theirs = |run: &RunInformation| {
            matches!(person.right_to(run), Some(UndoRight::Own | UndoRight::Root))
        };
        return Ok(rooms.snapshots.last(&theirs)?);
    };
    // Runs of others do not exist for them: the same words whether or not there is one.
    Ok(rooms.snapshots.find(typed, &|run| person.right_to(run).is_some())?)
}

/// The runs that a person may look at and undo, the newest first.
///
/// # Errors
/// [`ProtocolError::Snapshot`].
pub fn runs(rooms: &Rooms) -> Result<Vec<RunInformation>, ProtocolError> {
    let person = Person::of(rooms, &invocation::requester()?);
    let mut runs = rooms.snapshots.list()?;
    runs.retain(|run| person.right_to(run).is_some());
    Ok(runs)
}

/// The undos that were interrupted, that nobody is at, and that whoever calls may finish.
///
/// # Errors
/// [`ProtocolError::Snapshot`].
pub fn unfinished(rooms: &Rooms) -> Result<Vec<Unfinished>, ProtocolError> {
    let person = Person::of(rooms, &invocation::requester()?);
    let mut all = rooms.snapshots.abandoned()?;
    all.retain(|one| person.right_to(&one.run).is_some());
    Ok(all)
}

/// Whether others must approve an undo: where the rules demanded it of the run's, except to finish one
/// that they did approve.
pub fn needs_approval(plan: &UndoPlan, options: &UndoOptions) -> bool {
    !plan.run.undo_require.is_empty() && (plan.resumes.is_none() || options.force)
}

/// Undoes a run as planned, puts it on record, and runs what the rules want run after it.
///
/// # Errors
/// [`ProtocolError`]. An undo that stopped in the middle is on record too.
pub fn undo(
    rooms: &Rooms,
    wanted: &Undoing<'_>,
    caller: &CallerState,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<UndoReport, ProtocolError> {
    let Undoing { plan, options, approved } = wanted;
    if needs_approval(plan, options) && approved.is_none() {
        return Err(ProtocolError::UndoNeedsApproval(plan.run.id.clone()));
    }
    let person = match approved {
        Some(record) => Person::who_asked(rooms, record)?,
        None => Person::of(rooms, &invocation::requester()?),
    };
    let unknown = || crate::snapshot::SnapshotError::Unknown(plan.run.id.clone());
    let right = person.right_to(&plan.run).ok_or_else(unknown)?;
    let id = match approved {
        Some(record) => record.id.clone(),
        None => RequestId::random()?,
    };
    let mut recorded = recorded(plan, options, *approved, person.user, right, id.clone())?;
    let information = information(plan, options, &recorded.user, &id);

    let underway = rooms.snapshots.underway(&recorded.undone)?;
    rooms.log.append(&[Entry::undo_started(&recorded)], &Moment::now())?;
    let undone = match rooms.snapshots.undo(plan, information, options, progress) {
        Ok(undone) => undone,
        Err(error) => {
            // Whether anything was touched is in the error; that it was tried is on record.
            let entry = Entry::undone(&recorded, 0, Outcome::Failure);
            rooms.log.append(&[entry], &Moment::now())?;
            underway.end()?;
            return Err(error.into());
        }
    };
    recorded.reference.id = undone.run.id.parse()?;
    let complete = undone.not_restored.is_empty();
    let outcome = if complete { Outcome::Success } else { Outcome::Failure };
    let entries = [
        Entry::snapshot_created(
            &recorded.reference,
            &recorded.user,
            &undone.before,
            undone.restored,
            0,
            None,
        ),
        Entry::undone(&recorded, undone.restored, outcome),
    ];
    rooms.log.append(&entries, &Moment::now())?;
    let followed = follow(rooms, &recorded, &plan.run.undo_run, &underway, caller)?;
    underway.end()?;
    Ok(UndoReport { undone, followed })
}

/// Runs what was to run after an undo, and could not any more because whoever was at it died.
///
/// # Errors
/// [`ProtocolError`].
pub fn follow_up(
    rooms: &Rooms,
    run: &RequestId,
    caller: &CallerState,
) -> Result<Vec<Followed>, ProtocolError> {
    let person = Person::of(rooms, &invocation::requester()?);
    let underway = rooms.snapshots.underway(run)?;
    let left = rooms.snapshots.unfinished(run)?.filter(|left| !left.in_the_middle);
    let mut followed = Vec::new();
    if let Some(left) = left {
        let unknown = || crate::snapshot::SnapshotError::Unknown(run.to_string());
        let right = person.right_to(&left.run).ok_or_else(unknown)?;
        let recorded = UndoRecorded {
            reference: Reference { id: left.undo.parse()?, digest: None },
            user: person.user,
            undone: run.clone(),
            right,
            forced: false,
            only: Vec::new(),
            approved_by: Vec::new(),
        };
        // Whoever died may have died before the end was on record: an undo begins and ends there
        // before anything follows it.
        let entries =
            [Entry::undo_started(&recorded), Entry::undone(&recorded, 0, Outcome::Success)];
        rooms.log.append(&entries, &Moment::now())?;
        followed = follow(rooms, &recorded, &left.follow, &underway, caller)?;
    }
    underway.end()?;
    Ok(followed)
}

/// An undo as the log tells it.
fn recorded(
    plan: &UndoPlan,
    options: &UndoOptions,
    approved: Option<&Record>,
    user: EntryUser,
    right: UndoRight,
    id: RequestId,
) -> Result<UndoRecorded, ProtocolError> {
    // One that was interrupted goes on under its own id, unless it has more to keep than before.
    let id = match &plan.resumes {
        Some(resumed) if plan.conflicts.is_empty() => resumed.parse()?,
        _ => id,
    };
    let approvals = approved.map(|record| record.approvals.as_slice()).unwrap_or_default();
    Ok(UndoRecorded {
        reference: Reference { id, digest: approved.map(|record| record.digest) },
        user,
        undone: plan.run.id.parse()?,
        right,
        forced: options.force,
        only: options.only.iter().map(|path| ByteString::from(path.as_path())).collect(),
        approved_by: approvals.iter().map(|approval| approval.approver.name.clone()).collect(),
    })
}

/// The undo as a run of its own. What holds for the run that it undoes holds for it: whose it is, who
/// may undo it, who must approve that, and what runs then.
fn information(
    plan: &UndoPlan,
    options: &UndoOptions,
    user: &EntryUser,
    id: &RequestId,
) -> RunInformation {
    let run = &plan.run;
    let mut argv: Vec<ByteString> = ["hitl", "undo"].map(ByteString::from).to_vec();
    argv.extend(options.force.then(|| ByteString::from("--force")));
    for path in &options.only {
        argv.extend([ByteString::from("--only"), ByteString::from(path.as_path())]);
    }
    argv.push(ByteString::from(run.id.as_str()));
    RunInformation {
        v: 1,
        id: id.to_string(),
        undo_of: Some(run.id.clone()),
        argv,
        directory: ByteString::from("/"),
        requester: user.name.clone(),
        requester_uid: user.uid,
        at: Moment::now(),
        undo_run: run.undo_run.clone(),
        undo_by: run.undo_by.clone(),
        undo_require: run.undo_require.clone(),
        undo_rules: run.undo_rules.clone(),
        belongs_to: Some(run.belongs_to.unwrap_or(run.requester_uid)),
        risk: run.risk,
        keep_ms: run.keep_ms,
        coverage: None,
        coverage_told: None,
        keeps: Keeps::default(),
        pin: None,
        state: RunState::Captured,
    }
}

/// Runs what the rules want run after an undo (`systemctl daemon-reload`, say). The policy's own
/// commands: nobody is asked about them, and one that fails does not take the undo back.
///
/// What has ended is noted, so that whoever goes on after a death runs the rest; one that was in the
/// middle then is run again.
fn follow(
    rooms: &Rooms,
    undo: &UndoRecorded,
    commands: &[Vec<String>],
    underway: &Underway,
    caller: &CallerState,
) -> Result<Vec<Followed>, ProtocolError> {
    let mut all = Vec::new();
    for argv in commands {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let command = visible_command(&words);
        let (ended, on_record) = follow_one(rooms, undo, argv, caller)?;
        let (ending, words) = match ended {
            Ok(ending) => (Some(ending), record::ending_text(ending)),
            Err(error) => (None, error.to_string()),
        };
        let entry = Entry::followed(undo, &on_record, ending, &words);
        rooms.log.append(&[entry], &Moment::now())?;
        underway.followed()?;
        let well = ending == Some(Ending::Exited(0));
        all.push(Followed { command, ending: words, well });
    }
    Ok(all)
}

/// Runs one of them, with its start on record first.
fn follow_one(
    rooms: &Rooms,
    undo: &UndoRecorded,
    argv: &[String],
    caller: &CallerState,
) -> Result<(Result<Ending, ProtocolError>, Command), ProtocolError> {
    let invocation = match resolve(rooms, argv) {
        Ok(invocation) => invocation,
        Err(error) => {
            let words: Vec<ByteString> =
                argv.iter().map(|word| ByteString::from(word.as_str())).collect();
            return Ok((Err(error), Command::not_found(&words)));
        }
    };
    let command = Command::new(
        &invocation.argv,
        &invocation.executable.path,
        &invocation.directory,
        &invocation.run_as,
    );
    rooms.log.append(&[Entry::follows(undo, &command)], &Moment::now())?;
    Ok((start(rooms, &invocation, caller), command))
}

fn resolve(rooms: &Rooms, argv: &[String]) -> Result<Invocation, ProtocolError> {
    let asked = Asked {
        argv: argv.iter().map(Into::into).collect(),
        directory: Some("/".into()),
        ..Asked::default()
    };
    Ok(invocation::resolve(asked, rooms.policy.search_path(), rooms.directories.scope)?)
}

fn start(
    rooms: &Rooms,
    invocation: &Invocation,
    caller: &CallerState,
) -> Result<Ending, ProtocolError> {
    let rules = EnvironmentRules {
        path: rooms.policy.search_path().to_vec(),
        ..EnvironmentRules::default()
    };
    let environment = execute::environment(
        rooms.directories.scope,
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
        invocation,
        run_as: &invocation.run_as,
        environment: &environment,
        timeout: None,
        caller,
        agreed: None,
    };
    Ok(execute::run(&launch, stage)?)
}
