//! `hitl undo`: puts back what a command changed.

use std::path::{Component, Path, PathBuf};

use serde_json::json;

use super::arguments::{GlobalArguments, UndoArguments};
use super::failure::{ExitCode, Failure};
use super::progress::Progress;
use super::{Exit, Output, rooms, run};
use crate::execute::CallerState;
use crate::invocation::{Machine, PathLookup};
use crate::policy::required_in_words;
use crate::protocol::{self, Followed, ProtocolError, Rooms, UndoReport, Undoing};
use crate::snapshot::{
    self, Known, RunInformation, RunState, SnapshotError, UndoOptions, UndoPlan, Unfinished,
};
use crate::system::text::{counted, visible, visible_command};
use crate::system::{Sight, caller as who_called};

/// Undoes a run, or says what that would do.
pub(super) fn undo(
    global: &GlobalArguments,
    arguments: &UndoArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    if let Some(digest) = arguments.plan {
        let options = UndoOptions { force: arguments.force, only: arguments.only.clone() };
        return run::undo::apply(&rooms, digest, arguments, &options, caller, output);
    }
    let begun = match arguments.resume {
        true => Some(to_resume(&rooms, arguments, output)?),
        false => None,
    };
    let (run, options) = match &begun {
        Some(begun) => {
            (begun.run.clone(), UndoOptions { force: arguments.force, ..begun.options.clone() })
        }
        None => {
            let only = arguments.only.iter().map(|path| as_recorded(path));
            let only = only.collect::<Result<_, _>>()?;
            let run = protocol::find_run(&rooms, arguments.id.as_deref())?;
            (run, UndoOptions { force: arguments.force, only })
        }
    };
    say_which(&run, output);
    let id = run.id.parse().map_err(ProtocolError::from)?;
    // An undo that was made, and not followed by all that was to follow it.
    let to_follow = match begun {
        None if run.state == RunState::Undone => rooms.snapshots.unfinished(&id)?,
        begun => begun,
    };
    if let Some(Unfinished { in_the_middle: false, follow, .. }) = to_follow {
        return follow_up(&rooms, &run, &follow, arguments, caller, output);
    }
    // Before the undo: it is about the files as they are now.
    let known = rooms.snapshots.known(&id, Sight::of_caller())?;
    if let Some(path) = options.only.iter().find(|path| !known.is_all() && !known.name(path)) {
        // As of any other path that the run has not changed.
        return Err(SnapshotError::NotChanged { id: run.id, path: path.clone() }.into());
    }
    let plan = rooms.snapshots.plan(&id, &options)?;
    let told = known.plan(&plan)?;
    let needs_approval = protocol::needs_approval(&plan, &options);
    if arguments.dry_run {
        let refused = !plan.conflicts.is_empty() || !plan.later_runs.is_empty();
        return dry_run(&told, &known, needs_approval, refused, output);
    }
    if needs_approval {
        if plan.is_empty() {
            output.say("everything is as it was before; there is nothing to put back");
            return Ok(Exit::Status(0));
        }
        return run::undo::ask(&rooms, &plan, &options, arguments, caller, output);
    }
    let mut line = Progress::new(output);
    let wanted = Undoing { plan: &plan, options: &options, approved: None };
    let report = protocol::undo(&rooms, &wanted, caller, &mut |progress| {
        line.show(|| {
            format!("undoing: {} entries, {} MiB", progress.entries, progress.bytes >> 20)
        });
    });
    line.clear();
    tell(&told, &known, report?, output)
}

fn say_which(run: &RunInformation, output: &Output) {
    let words: Vec<&[u8]> = run.argv.iter().map(|word| word.as_bytes()).collect();
    if !output.json {
        output.say(&format!("run {}: {}", run.id, visible_command(&words)));
    }
}

/// The path as snapshots have it: absolute, the links of the directories on the way followed, its own
/// not; as the caller could find it out.
fn as_recorded(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path)?;
    let machine = Machine { requester_uid: who_called().uid };
    let real = || match (absolute.parent(), absolute.components().next_back()) {
        (Some(parent), Some(Component::Normal(name))) => machine.real(parent).join(name),
        _ => machine.real(&absolute),
    };
    Ok(Sight::of_caller().through(real)?)
}

/// The undo that is to be finished.
fn to_resume(
    rooms: &Rooms,
    arguments: &UndoArguments,
    output: &Output,
) -> Result<Unfinished, Failure> {
    if let Some(typed) = &arguments.id {
        let run = protocol::find_run(rooms, Some(typed))?;
        let id = run.id.parse().map_err(ProtocolError::from)?;
        let unfinished = rooms.snapshots.unfinished(&id)?;
        return unfinished.ok_or_else(|| SnapshotError::NotUnfinished(run.id).into());
    }
    let mut all = protocol::unfinished(rooms)?;
    match all.len() {
        0 => Err(Failure::new(ExitCode::No, "no undo is unfinished: there is nothing to resume")),
        1 => Ok(all.remove(0)),
        _ => {
            for one in &all {
                say_which(&one.run, output);
            }
            let ids: Vec<&str> = all.iter().map(|one| one.run.id.as_str()).collect();
            Err(Failure::new(
                ExitCode::No,
                format!(
                    "several undos are unfinished ({}): say which, with \"hitl undo --resume ID\"",
                    ids.join(", ")
                ),
            ))
        }
    }
}

/// Runs what was to run after an undo, where nothing else of it is left to do.
fn follow_up(
    rooms: &Rooms,
    run: &RunInformation,
    commands: &[Vec<String>],
    arguments: &UndoArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    if !output.json {
        let count = counted(commands.len() as u64, "command");
        output.say(&format!("it is undone; {count} that the rules want run after it did not run"));
    }
    if arguments.dry_run {
        if output.json {
            output.print_json(&json!({"v": 1, "undone": run.id, "follow": commands}))?;
        } else {
            print_what_follows(commands, output)?;
        }
        return Ok(Exit::Status(0));
    }
    let id = run.id.parse().map_err(ProtocolError::from)?;
    let followed = protocol::follow_up(rooms, &id, caller)?;
    if output.json {
        output.print_json(&json!({
            "v": 1, "undone": run.id, "followed_by": followed_json(&followed),
        }))?;
    }
    let well = tell_what_followed(&followed, output);
    Ok(Exit::Status(if well { 0 } else { ExitCode::No as i32 }))
}

fn print_what_follows(commands: &[Vec<String>], output: &Output) -> Result<(), Failure> {
    for argv in commands {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        output.print(&format!("then runs: {}\n", visible_command(&words)))?;
    }
    Ok(())
}

fn dry_run(
    plan: &UndoPlan,
    known: &Known,
    needs_approval: bool,
    refused: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    if output.json {
        output.print_json(&json!({
            "v": 1, "plan": known.plan_json(plan)?, "needs_approval": needs_approval,
        }))?;
    } else if !known.is_all() && plan.is_empty() {
        output.say("nothing that you may see is to be put back");
    } else if plan.is_empty() {
        output.say("everything is as it was before; there is nothing to put back");
    } else {
        for line in snapshot::plan_lines(plan, output.colour_on_stdout()) {
            output.print(&format!("{}\n", line?))?;
        }
    }
    if !output.json {
        print_what_follows(&plan.run.undo_run, output)?;
        if needs_approval {
            let needed = required_in_words(&plan.run.undo_require);
            output.print(&format!("others must approve it: {needed}\n"))?;
        }
    }
    Ok(Exit::Status(if refused { ExitCode::No as i32 } else { 0 }))
}

fn tell(
    plan: &UndoPlan,
    known: &Known,
    report: UndoReport,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut undone = report.undone;
    undone.not_restored = known.sentences(undone.not_restored);
    if output.json {
        output.print_json(&json!({
            "v": 1,
            "id": undone.run.id,
            "undone": plan.run.id,
            "restored": undone.restored,
            "already_before": undone.already_before,
            "left_out": plan.left_out,
            "not_restored": undone.not_restored,
            "followed_by": followed_json(&report.followed),
        }))?;
    } else {
        for line in snapshot::plan_lines(plan, output.colour_on_stdout()) {
            output.print(&format!("{}\n", line?))?;
        }
        output.say(&format!(
            "undone: {} put back; \"hitl undo {}\" brings the changes back",
            counted(undone.restored, "path"),
            undone.run.id
        ));
    }
    for sentence in &undone.not_restored {
        output.say(&format!("hitl: not restored: {}", visible(sentence)));
    }
    let complete = undone.not_restored.is_empty();
    let well = tell_what_followed(&report.followed, output);
    Ok(Exit::Status(if complete && well { 0 } else { ExitCode::No as i32 }))
}

fn followed_json(followed: &[Followed]) -> Vec<serde_json::Value> {
    followed
        .iter()
        .map(|one| json!({"command": one.command, "ending": one.ending, "well": one.well}))
        .collect()
}

/// Says how what the rules want run after an undo has ended. Whether all of it ended well.
pub(super) fn tell_what_followed(followed: &[Followed], output: &Output) -> bool {
    for one in followed {
        if one.well && !output.json {
            output.say(&format!("then {}: {}", one.command, one.ending));
        } else if !one.well {
            output.say(&format!(
                "hitl: the files are put back, but {}, which the rules want run then, {}: see why, and run it yourself",
                one.command, one.ending
            ));
        }
    }
    followed.iter().all(|one| one.well)
}
