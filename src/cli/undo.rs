//! `hitl undo`: puts back what a command changed.

use serde_json::json;

use super::arguments::{GlobalArguments, UndoArguments};
use super::failure::{ExitCode, Failure};
use super::progress::Progress;
use super::{Exit, Output, rooms};
use crate::execute::CallerState;
use crate::protocol::{self, UndoReport};
use crate::snapshot::{self, Known, UndoOptions, UndoPlan};
use crate::system::Sight;
use crate::system::text::{counted, visible, visible_command};

/// Undoes a run, or says what that would do.
pub(super) fn undo(
    global: &GlobalArguments,
    arguments: &UndoArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let run = protocol::find_run(&rooms, arguments.id.as_deref())?;
    let words: Vec<&[u8]> = run.argv.iter().map(|word| word.as_bytes()).collect();
    if !output.json {
        output.say(&format!("run {}: {}", run.id, visible_command(&words)));
    }
    let id = run.id.parse()?;
    let plan =
        rooms.snapshots.plan(&id, &UndoOptions { force: arguments.force, only: Vec::new() })?;
    // Before the undo: it is about the files as they are now.
    let known = rooms.snapshots.known(&id, Sight::of_caller())?;
    let told = known.plan(&plan)?;
    if arguments.dry_run {
        let refused = !plan.conflicts.is_empty() || !plan.later_runs.is_empty();
        return dry_run(&told, &known, refused, output);
    }
    let mut line = Progress::new(output);
    let report = protocol::undo(&rooms, &plan, arguments.force, caller, &mut |progress| {
        line.show(|| {
            format!("undoing: {} entries, {} MiB", progress.entries, progress.bytes >> 20)
        });
    });
    line.clear();
    tell(&told, &known, report?, output)
}

fn dry_run(
    plan: &UndoPlan,
    known: &Known,
    refused: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    if output.json {
        output.print_json(&json!({"v": 1, "plan": known.plan_json(plan)?}))?;
    } else if !known.is_all() && plan.is_empty() {
        output.say("nothing that you may see is to be put back");
    } else if plan.is_empty() {
        output.say("everything is as it was before; there is nothing to put back");
    } else {
        for line in snapshot::plan_lines(plan, output.colour_on_stdout()) {
            output.print(&format!("{}\n", line?))?;
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
    let followed: Vec<_> = report
        .followed
        .iter()
        .map(|(command, ending)| json!({"command": command, "ending": ending}))
        .collect();
    if output.json {
        output.print_json(&json!({
            "v": 1,
            "id": undone.run.id,
            "undone": plan.run.id,
            "restored": undone.restored,
            "already_before": undone.already_before,
            "not_restored": undone.not_restored,
            "followed_by": followed,
        }))?;
    } else {
        for line in snapshot::plan_lines(plan, output.colour_on_stdout()) {
            output.print(&format!("{}\n", line?))?;
        }
        for (command, ending) in &report.followed {
            output.say(&format!("then {command}: {ending}"));
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
    Ok(Exit::Status(if complete { 0 } else { ExitCode::No as i32 }))
}
