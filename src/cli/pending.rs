//! `hitl pending` and `hitl show`: what waits for a human, and what it is.

use super::arguments::{GlobalArguments, PendingArguments, ShowArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::protocol::{self, Rooms};
use crate::review::{self, Listing, RequestStore};
use crate::system::Moment;
use crate::system::text::{counted, visible_bytes};

/// Lists the requests that wait, those that the caller may see.
pub(super) fn list(
    global: &GlobalArguments,
    arguments: &PendingArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    protocol::note_overdue(&rooms)?;
    let now = Moment::now();
    if arguments.break_glass {
        return unreviewed(&rooms, &now, output);
    }
    let listing = rooms.requests.list(arguments.all)?;
    let may_see = protocol::may_see(&rooms)?;
    let viewer = protocol::viewer()?;
    let records = listing.records.iter().filter(|record| may_see(record));
    let visible: Vec<_> = records.map(|record| record.shown_to(viewer).into_owned()).collect();
    if output.json {
        for record in &visible {
            output.print_json(&review::view(record, &now)?)?;
        }
    } else if visible.is_empty() {
        output.say("nothing waits for a human");
    } else {
        output.print(&review::rows(&visible, &now, output.columns(), output.colour_on_stdout()))?;
    }
    if !output.json {
        say_what_waits_for_review(&rooms, &now, output)?;
    }
    say_damaged(&rooms, &listing, output)
}

/// Runs of lifted denials that nobody has reviewed.
fn unreviewed(rooms: &Rooms, now: &Moment, output: &Output) -> Result<Exit, Failure> {
    let listing = protocol::unreviewed(rooms)?;
    let viewer = protocol::viewer()?;
    let seen: Vec<_> =
        listing.records.iter().map(|record| record.shown_to(viewer).into_owned()).collect();
    if output.json {
        for record in &seen {
            output.print_json(&review::view(record, now)?)?;
        }
    } else if seen.is_empty() {
        output.say("no run by break-glass waits for a review");
    } else {
        let rows = review::review_rows(&seen, now, output.columns(), output.colour_on_stdout());
        output.print(&rows)?;
    }
    say_damaged(rooms, &listing, output)
}

/// That there are some, and how many should have been reviewed by now.
fn say_what_waits_for_review(rooms: &Rooms, now: &Moment, output: &Output) -> Result<(), Failure> {
    let records = protocol::unreviewed(rooms)?.records;
    let overdue = records.iter().filter(|record| record.review_is_overdue(now)).count();
    if !records.is_empty() {
        output.say(&format!(
            "hitl: {} by break-glass to be reviewed, {overdue} of them overdue: \"hitl pending --break-glass\"",
            counted(records.len() as u64, "run"),
        ));
    }
    Ok(())
}

/// What cannot be read, for those who may know it.
fn say_damaged(rooms: &Rooms, listing: &Listing, output: &Output) -> Result<Exit, Failure> {
    if listing.damaged.is_empty() {
        return Ok(Exit::Status(0));
    }
    if !protocol::may_decide(rooms)? {
        // Whose they are is not known, and their ids are not everybody's to know.
        output.say("hitl: some requests cannot be read: those who decide can see which, by \"hitl pending\"");
        return Ok(Exit::Status(ExitCode::Failed as i32));
    }
    for error in &listing.damaged {
        output.say(&format!("hitl: {error}"));
    }
    Ok(Exit::Status(ExitCode::Failed as i32))
}

/// Shows one request whole.
pub(super) fn show(
    global: &GlobalArguments,
    arguments: &ShowArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let id = rooms.requests.find(&arguments.id, &protocol::may_see(&rooms)?)?;
    let record = rooms.requests.load(&id)?;
    let record = record.shown_to(protocol::viewer()?);
    let now = Moment::now();
    let proposal = protocol::proposal(&rooms, &record);
    if output.json {
        let mut view = review::view(&record, &now)?;
        if let (Some(proposal), Some(view)) = (proposal, view.as_object_mut()) {
            view.insert("difference".into(), proposal.lines.into());
        }
        output.print_json(&view)?;
    } else {
        output.print(&review::describe(&record, &now, output.colour_on_stdout()))?;
        if let Some(proposal) = proposal {
            let path = visible_bytes(proposal.path.as_bytes());
            output.print(&format!(
                "\nwhat it would change in {path}:\n{}\n",
                proposal.lines.join("\n")
            ))?;
        }
    }
    Ok(Exit::Status(0))
}
