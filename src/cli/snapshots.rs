//! `hitl snapshots`: the runs that can be undone, what their snapshots hold, what they changed, and how
//! long they are kept.

mod keeping;

use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde_json::json;

use super::arguments::{GlobalArguments, SnapshotsArguments, SnapshotsCommand};
use super::failure::Failure;
use super::{Exit, Output, rooms};
use crate::protocol::{self, Rooms};
use crate::snapshot::{self, Hold, Kept, RunInformation, RunState};
use crate::system::text::{counted, size_text, visible, visible_argument, visible_command};
use crate::system::{Colour, Moment, Paint, Sight, duration_text};

/// Lists, shows or compares; keeps, or takes away.
pub(super) fn snapshots(
    global: &GlobalArguments,
    arguments: &SnapshotsArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let find = |id: &String| protocol::find_run(&rooms, Some(id));
    match &arguments.command {
        None | Some(SnapshotsCommand::List { .. }) => list(&rooms, output),
        Some(SnapshotsCommand::Show { id, .. }) => show(&rooms, &find(id)?, output),
        Some(SnapshotsCommand::Diff { id, paths, stat, .. }) => {
            differences(&rooms, &find(id)?, paths, *stat, output)
        }
        Some(SnapshotsCommand::Pin { id, reason, .. }) => {
            keeping::pin(&rooms, &find(id)?, reason.as_deref(), output)
        }
        Some(SnapshotsCommand::Unpin { id, .. }) => keeping::unpin(&rooms, &find(id)?, output),
        Some(SnapshotsCommand::Prune(arguments)) => keeping::prune(&rooms, arguments, output),
        Some(SnapshotsCommand::Verify { ids, .. }) => keeping::verify(&rooms, ids, output),
    }
}

fn list(rooms: &Rooms, output: &Output) -> Result<Exit, Failure> {
    let runs = protocol::kept(rooms)?;
    let now = Moment::now();
    if output.json {
        for kept in runs {
            let run = kept.run.as_told_to(Sight::of_caller());
            let mut run = serde_json::to_value(run)?;
            run["kept"] = json!({
                "held": kept.hold.map(Hold::word),
                "until": Moment::wall_seconds(kept.until_ms),
            });
            output.print_json(&run)?;
        }
        return Ok(Exit::Status(0));
    }
    if runs.is_empty() {
        output.say("there are no snapshots");
        return Ok(Exit::Status(0));
    }
    let colour = output.colour_on_stdout();
    let header = format!(
        "{:<10} {:<20} {:<10} {:<10} {:>7} {:>9} {:<8} COMMAND",
        "RUN", "TIME", "STATE", "WHO", "PATHS", "COPIED", "KEPT"
    );
    output.print(&format!("{}\n", colour.paint(Paint::Strong, &header)))?;
    for kept in &runs {
        output.print(&format!("{}\n", row(kept, &now, colour)))?;
    }
    Ok(Exit::Status(0))
}

fn row(kept: &Kept, now: &Moment, colour: Colour) -> String {
    let run = &kept.run;
    let state = format!("{:<10}", state_words(run));
    let paint = match run.state {
        RunState::Captured | RunState::Undoing => Paint::Caution,
        RunState::Complete => Paint::Good,
        RunState::Undone => Paint::Strong,
    };
    format!(
        "{:<10} {:<20} {} {:<10} {:>7} {:>9} {:<8} {}",
        run.id,
        Moment::wall_seconds(run.at.wall_ms),
        colour.paint(paint, &state),
        visible(&run.requester),
        run.keeps.paths,
        size_text(run.keeps.bytes),
        kept_for(kept, now),
        command(run),
    )
}

/// For how long it is kept, in a word.
fn kept_for(kept: &Kept, now: &Moment) -> String {
    if let Some(hold) = kept.hold {
        return hold.word().to_owned();
    }
    match u64::try_from(kept.until_ms.saturating_sub(now.wall_ms)) {
        Ok(left @ 1..) => duration_text(Duration::from_millis(left)),
        _ => "past".to_owned(),
    }
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

fn keeps(run: &RunInformation) -> String {
    format!("{}, {} copied", counted(run.keeps.paths, "path"), size_text(run.keeps.bytes))
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
        "run        {}\ncommand    {}\nby         {}\ntaken      {}\nstate      {}\nkeeps      {}\n",
        run.id,
        command(run),
        visible(&run.requester),
        run.at.rfc3339(),
        state_words(run),
        keeps(run),
    ))?;
    if let Some(level) = run.coverage {
        output.print(&format!("undo       {level}: {}\n", level.meaning()))?;
    }
    if let Some(pin) = &run.pin {
        let reason = pin.reason.as_ref().map(|reason| format!(": {}", visible(reason)));
        output.print(&format!(
            "pinned     by {} at {}{}\n",
            visible(&pin.by),
            pin.at.rfc3339(),
            reason.unwrap_or_default()
        ))?;
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
    stat: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let id = run.id.parse()?;
    let mut changes = Vec::new();
    if paths.is_empty() {
        changes = rooms.snapshots.difference(&id, None)?;
    }
    let looked_at = paths.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
    for path in &looked_at {
        changes.extend(rooms.snapshots.difference(&id, Some(path))?);
    }
    let known = rooms.snapshots.known(&id, Sight::of_caller())?;
    let changes = known.changes(changes);
    if output.json {
        for change in &changes {
            let change = known.change_json(change)?;
            output.print_json(&json!({"v": 1, "change": change}))?;
        }
    } else if changes.is_empty() {
        let seen = if known.is_all() { "" } else { ", and that you may see," };
        let paths: Vec<String> =
            looked_at.iter().map(|path| visible_argument(path.as_os_str().as_bytes())).collect();
        // Somebody who has mistyped a path is not to take it for the whole run.
        let (at, rest) = match paths.as_slice() {
            [] => (String::new(), String::new()),
            _ => (
                format!(" at {} or below", paths.join(", ")),
                format!(": \"hitl snapshots diff {}\" shows the rest", run.id),
            ),
        };
        output.say(&format!("nothing that the snapshot holds{at}{seen} was changed{rest}"));
    } else {
        let colour = output.colour_on_stdout();
        let lines = match stat {
            true => snapshot::stat_lines(&changes, colour),
            false => snapshot::change_lines(&changes, colour),
        };
        for line in lines {
            output.print(&format!("{line}\n"))?;
        }
    }
    Ok(Exit::Status(0))
}
