//! `hitl pending` and `hitl show`: what waits for a human, and what it is.

use std::borrow::Cow;

use super::arguments::{GlobalArguments, PendingArguments, ShowArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, plan, rooms, watch};
use crate::execute::CallerState;
use crate::protocol::{self, Rooms};
use crate::review::{self, Listing, Record, RequestId, RequestStore, Ruling, Search, Viewer};
use crate::signing::NAMESPACE;
use crate::system::Moment;
use crate::system::text::{counted, visible, visible_bytes};

/// Lists the requests that wait, those that the caller may see.
pub(super) fn list(
    global: &GlobalArguments,
    arguments: &PendingArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    if arguments.watch {
        return watch::watch(global, arguments, output);
    }
    let rooms = rooms::open(global)?;
    let mut listing = protocol::note_overdue(&rooms)?;
    if arguments.all {
        listing = rooms.requests.list(true)?;
    }
    let now = Moment::now();
    if arguments.break_glass {
        return unreviewed(&rooms, &now, output);
    }
    let sought = Sought::of(&rooms, arguments)?;
    let mut visible: Vec<_> =
        listing.records.iter().filter_map(|record| sought.seen(record)).collect();
    let all = visible.len();
    visible.retain(|record| sought.finds(&rooms, record));
    if output.json {
        let views = visible.iter().map(|record| review::view(record, &now));
        output.print_json_lines(&views.collect::<Result<Vec<_>, _>>()?)?;
    } else if all == 0 {
        output.say("nothing waits for a human");
    } else if !visible.is_empty() {
        output.print(&review::rows(&visible, &now, output.columns(), output.colour_on_stdout()))?;
    }
    if arguments.search.is_some() && all > 0 {
        let found = visible.len();
        output.say(&format!("{found} of {} found", counted(all as u64, "request")));
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
    let damage = damage(rooms, listing)?;
    if damage.is_empty() {
        return Ok(Exit::Status(0));
    }
    output.say(&damage);
    Ok(Exit::Status(ExitCode::Failed as i32))
}

/// What of the requests the caller wants to see, and may.
pub(super) struct Sought {
    may_see: Box<dyn Fn(&Record) -> bool>,
    viewer: Viewer,
    search: Option<Search>,
}

impl Sought {
    /// By the rights that the caller has now.
    pub(super) fn of(rooms: &Rooms, arguments: &PendingArguments) -> Result<Self, Failure> {
        Ok(Self {
            may_see: Box::new(protocol::may_see(rooms)?),
            viewer: protocol::viewer()?,
            search: arguments.search.as_deref().map(Search::new),
        })
    }

    /// The request as they may know it; `None` where they may not see it.
    pub(super) fn seen<'r>(&self, record: &'r Record) -> Option<Cow<'r, Record>> {
        (self.may_see)(record).then(|| record.shown_to(self.viewer))
    }

    /// Whether it is among those that are looked for, as it was shown to them.
    pub(super) fn finds(&self, rooms: &Rooms, seen: &Record) -> bool {
        let Some(search) = &self.search else { return true };
        let in_plan = || match protocol::plan(rooms, seen) {
            Some(Ok(plan)) => search.is_in(plan.text()),
            Some(Err(_)) | None => false,
        };
        search.finds(seen) || in_plan()
    }
}

/// Which requests cannot be read, a line each; nothing where all can.
pub(super) fn damage(rooms: &Rooms, listing: &Listing) -> Result<String, Failure> {
    if listing.damaged.is_empty() {
        return Ok(String::new());
    }
    if !protocol::may_decide(rooms)? {
        // Whose they are is not known, and their ids are not everybody's to know.
        return Ok("hitl: some requests cannot be read: those who decide can see which, by \"hitl pending\"".to_owned());
    }
    let lines = listing.damaged.iter().map(|error| format!("hitl: {error}"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Shows one request whole.
pub(super) fn show(
    global: &GlobalArguments,
    arguments: &ShowArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let id = rooms.requests.find(&arguments.id, &protocol::may_see(&rooms)?)?;
    if arguments.statement {
        return statement(&rooms, &id, arguments, output);
    }
    let record = rooms.requests.load(&id)?;
    let record = record.shown_to(protocol::viewer()?);
    let attached = protocol::plan(&rooms, &record);
    if arguments.plan {
        return plan::show(&record, attached, !arguments.no_pager, caller, output);
    }
    let now = Moment::now();
    let proposal = protocol::proposal(&rooms, &record);
    if output.json {
        let mut view = review::view(&record, &now)?;
        if let Some(view) = view.as_object_mut() {
            if let Some(proposal) = proposal {
                view.insert("difference".into(), proposal.lines.into());
            }
            if let Some(attached) = attached {
                view.insert("plan".into(), plan::view(&attached));
            }
        }
        output.print_json(&view)?;
    } else {
        let colour = output.colour_on_stdout();
        output.print(&review::describe_with_plan(&record, attached.as_ref(), &now, colour))?;
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
