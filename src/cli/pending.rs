//! `hitl pending` and `hitl show`: what waits for a human, and what it is.

use super::arguments::{GlobalArguments, PendingArguments, ShowArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::protocol::{self, Rooms};
use crate::review::{self, RequestId, RequestStore, Ruling};
use crate::signing::NAMESPACE;
use crate::system::Moment;
use crate::system::text::{visible, visible_bytes};

/// Lists the requests that wait, those that the caller may see.
pub(super) fn list(
    global: &GlobalArguments,
    arguments: &PendingArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    protocol::note_overdue(&rooms)?;
    let now = Moment::now();
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
    if listing.damaged.is_empty() {
        return Ok(Exit::Status(0));
    }
    if !protocol::may_decide(&rooms)? {
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
    if arguments.statement {
        return statement(&rooms, &id, arguments, output);
    }
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

/// Makes a statement to be signed anywhere, and prints it as it is: every byte counts.
fn statement(
    rooms: &Rooms,
    id: &RequestId,
    arguments: &ShowArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let (ruling, verb) = match arguments.reject {
        true => (Ruling::Reject, "reject"),
        false => (Ruling::Approve, "approve"),
    };
    let (message, key) = (arguments.message.clone(), arguments.key.as_deref());
    let (offer, statement) = protocol::offer(rooms, id, ruling, message, key)?;
    if output.json {
        output.print_json(&serde_json::json!({
            "v": 1, "id": id, "decision": offer.ruling.word(), "principal": offer.principal,
            "key": offer.key, "namespace": NAMESPACE, "statement": statement,
        }))?;
        return Ok(Exit::Status(0));
    }
    output.print(&statement)?;
    output.say(&format!(
        "hitl: sign it, as a file, with the key {key} of {principal}: ssh-keygen -Y sign -n {NAMESPACE} -f KEY FILE\n\
         hitl: then hand it in: hitl {verb} {id} --signature FILE.sig",
        key = visible(&offer.key),
        principal = visible(&offer.principal),
    ));
    Ok(Exit::Status(0))
}
