//! `hitl snapshots`: the runs that can be undone, what their snapshots hold, what they changed.

use serde_json::json;

use super::arguments::{GlobalArguments, SnapshotsArguments, SnapshotsCommand};
use super::failure::Failure;
use super::{Exit, Output, rooms};
use crate::protocol::{self, Rooms};
use crate::snapshot::{self, RunInformation, RunState};
use crate::system::text::{visible, visible_command};
use crate::system::{Colour, Paint, Sight};

/// Lists, shows or compares.
pub(super) fn snapshots(
    global: &GlobalArguments,
    arguments: &SnapshotsArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    match &arguments.command {
        None => list(&rooms, output),
        Some(SnapshotsCommand::Show { id, .. }) => {
            let run = protocol::find_run(&rooms, Some(id))?;
            show(&rooms, &run, output)
        }
        Some(SnapshotsCommand::Diff { id, paths, .. }) => {
            let run = protocol::find_run(&rooms, Some(id))?;
            differences(&rooms, &run, paths, output)
        }
    }
}

fn list(rooms: &Rooms, output: &Output) -> Result<Exit, Failure> {
    let runs = protocol::runs(rooms)?;
    if output.json {
        for run in runs {
            output.print_json(&run.as_told_to(Sight::of_caller()))?;
        }
        return Ok(Exit::Status(0));
    }
    if runs.is_empty() {
        output.say("there are no snapshots");
        return Ok(Exit::Status(0));
    }
    let colour = output.colour_on_stdout();
    let header = format!("{:<10} {:<24} {:<10} {:<12} COMMAND", "RUN", "TIME", "STATE", "WHO");
    output.print(&format!("{}\n", colour.paint(Paint::Strong, &header)))?;
    for run in &runs {
        output.print(&format!("{}\n", row(run, colour)))?;
    }
    Ok(Exit::Status(0))
}

fn row(run: &RunInformation, colour: Colour) -> String {
    let state = format!("{:<10}", state_words(run));
    let paint = match run.state {
        RunState::Captured | RunState::Undoing => Paint::Caution,
        RunState::Complete => Paint::Good,
        RunState::Undone => Paint::Strong,
    };
    format!(
        "{:<10} {:<24} {} {:<12} {}",
        run.id,
        run.at.rfc3339(),
        colour.paint(paint, &state),
        visible(&run.requester),
        command(run),
    )
}

fn command(run: &RunInformation) -> String {
    let words: Vec<&[u8]> = run.argv.iter().map(|word| word.as_bytes()).collect();
    visible_command(&words)
}

fn state_words(run: &RunInformation) -> &'static str {
    match run.state {
        RunState::Captured => "unfinished",
        RunState::Complete => "can undo",
        RunState::Undoing => "undoing",
        RunState::Undone => "undone",
    }
}

fn show(rooms: &Rooms, run: &RunInformation, output: &Output) -> Result<Exit, Failure> {
    let id = run.id.parse()?;
    let known = rooms.snapshots.known(&id, Sight::of_caller())?;
    let manifest = known.manifest(rooms.snapshots.before(&id)?);
    let run = &run.clone().as_told_to(Sight::of_caller());
    if output.json {
        let before = known.manifest_json(&manifest)?;
        output.print_json(&json!({"v": 1, "run": run, "before": before}))?;
        return Ok(Exit::Status(0));
    }
    output.print(&format!(
        "run        {}\ncommand    {}\nby         {}\ntaken      {}\nstate      {}\n",
        run.id,
        command(run),
        visible(&run.requester),
        run.at.rfc3339(),
        state_words(run),
    ))?;
    if let Some(level) = run.coverage {
        output.print(&format!("undo       {level}: {}\n", level.meaning()))?;
    }
    for line in snapshot::manifest_lines(&manifest) {
        output.print(&format!("{line}\n"))?;
    }
    for sentence in &manifest.not_covered {
        output.print(&format!("not covered: {}\n", visible(sentence)))?;
    }
    Ok(Exit::Status(0))
}

fn differences(
    rooms: &Rooms,
    run: &RunInformation,
    paths: &[std::path::PathBuf],
    output: &Output,
) -> Result<Exit, Failure> {
    let id = run.id.parse()?;
    let mut changes = Vec::new();
    if paths.is_empty() {
        changes = rooms.snapshots.difference(&id, None)?;
    }
    for path in paths {
        let absolute = std::path::absolute(path)?;
        changes.extend(rooms.snapshots.difference(&id, Some(&absolute))?);
    }
    let known = rooms.snapshots.known(&id, Sight::of_caller())?;
    let changes = known.changes(changes);
    if output.json {
        for change in &changes {
            let change = known.change_json(change)?;
            output.print_json(&json!({"v": 1, "change": change}))?;
        }
    } else if !known.is_all() && changes.is_empty() {
        output.say("nothing that the snapshot holds, and that you may see, was changed");
    } else if changes.is_empty() {
        output.say("nothing that the snapshot holds was changed");
    } else {
        for line in snapshot::change_lines(&changes, output.colour_on_stdout()) {
            output.print(&format!("{line}\n"))?;
        }
    }
    Ok(Exit::Status(0))
}
