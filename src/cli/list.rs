//! `hitl list`: what the caller may run, and what each thing needs.

use serde_json::json;

use super::arguments::{GlobalArguments, ListArguments};
use super::failure::{ExitCode, Failure};
use super::run::{asked, report};
use super::{Exit, Output, rooms};
use crate::invocation::{self, InvocationError, RequesterKind};
use crate::policy::{
    Conditions, Confine, Decision, Entry, Listing, Needs, Requirement, Who, required_in_words,
};
use crate::protocol::{Case, ProtocolError, Purpose, Rooms};
use crate::system::identity::Account;
use crate::system::text::{hanging, visible};
use crate::system::{Colour, Paint, duration_text};

/// Lists, or says what would be decided about one command.
pub(super) fn list(
    global: &GlobalArguments,
    arguments: &ListArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    if !arguments.command.is_empty() {
        let asked = asked(&arguments.target, &arguments.command);
        let case = Case::for_caller(&rooms, asked, Purpose::default()).map_err(failure)?;
        return report::dry_run(&case, output);
    }
    let person = whose(&rooms, arguments.for_user.as_deref())?;
    let listing = rooms.policy.open_to(&Who {
        name: &person.name,
        groups: &person.groups,
        kind: person.kind,
        host: &rooms.host.name,
    });
    if output.json {
        output.print_json(&json!({
            "v": 1,
            "user": person.name,
            "host": rooms.host.name,
            "kind": listing.kind,
            "rules": listing.rules,
            "defaults": listing.defaults,
            "incomplete": listing.incomplete,
        }))?;
    } else {
        output.print(&text(&rooms, &person.name, &listing, output))?;
    }
    Ok(Exit::Status(0))
}

/// A command that is not to be found is no more to be run than one that is refused: scripts are
/// told the same.
fn failure(error: ProtocolError) -> Failure {
    let mut failure = Failure::from(error);
    if matches!(failure.code, ExitCode::NotFound | ExitCode::NotExecutable) {
        failure.code = ExitCode::Denied;
    }
    failure
}

/// The one whose rules are asked for.
struct Person {
    name: String,
    groups: Vec<String>,
    kind: RequesterKind,
}

/// The caller, or for root anybody. Others are refused before the name is looked up: in the same
/// words whether or not there is such a user (CVE-2025-46718).
fn whose(rooms: &Rooms, wanted: Option<&str>) -> Result<Person, Failure> {
    let caller = invocation::requester().map_err(InvocationError::from)?;
    let own = wanted.is_none_or(|wanted| wanted == caller.name);
    if own {
        let invocation::Requester { name, groups, kind, .. } = caller;
        return Ok(Person { name, groups, kind });
    }
    rooms::only_root(&rooms.directories, "ask what somebody else may run")?;
    let account = Account::named(wanted.unwrap_or_default()).map_err(InvocationError::from)?;
    let groups = account.groups().map_err(InvocationError::from)?;
    let groups = groups.into_iter().map(|group| group.name).collect();
    // How they would call is not known; what the policy says of them is added to it.
    Ok(Person { name: account.name, groups, kind: RequesterKind::Human })
}

fn text(rooms: &Rooms, name: &str, listing: &Listing, output: &Output) -> String {
    let (colour, columns) = (output.colour_on_stdout(), output.columns());
    let mut text = format!(
        "{} ({}) on {}, by the policy {}:\n",
        visible(name),
        kind_words(listing.kind),
        visible(&rooms.host.name),
        visible(&rooms.policy.identity().name)
    );
    for entry in &listing.rules {
        text.push('\n');
        describe(entry, listing.kind, colour, columns, &mut text);
    }
    text.push_str("\nanything else\n");
    describe_needs(&listing.defaults, listing.kind, columns, &mut text);
    if !listing.rules.is_empty() {
        text.push_str(
            "\nOf the rules that match a command the strictest decides; what no rule surely\n\
             covers is like anything else: \"hitl list -- COMMAND\" says what holds for one.\n",
        );
    }
    if listing.incomplete {
        text.push_str(
            "\nSome rules cannot be read from the policy cache, and what they may be about is \
             refused:\nask an administrator to remove policy-cache.json from the state directory.\n",
        );
    }
    text
}

fn describe(
    entry: &Entry,
    kind: RequesterKind,
    colour: Colour,
    columns: Option<usize>,
    text: &mut String,
) {
    let line = |text: &mut String, label, value: &str| line(text, label, value, columns);
    let heading = colour.paint(Paint::Strong, &visible(&entry.id));
    match &entry.description {
        Some(description) => text.push_str(&format!("{heading}: {}\n", visible(description))),
        None => text.push_str(&format!("{heading}\n")),
    }
    line(text, "about", &in_words(&entry.about));
    for except in &entry.except {
        line(text, "but not", &clause(except));
    }
    describe_needs(&entry.needs, kind, columns, text);
    for more in &entry.stricter {
        let nobody = more.decision == Decision::Approve && more.requirements.is_empty();
        let needs = needs_words(more.decision, &more.requirements, nobody, kind);
        let reason = visible(&more.reason);
        line(
            text,
            "or stricter",
            &format!("{needs}, if it runs {} ({reason})", clause(&more.when)),
        );
    }
}

fn describe_needs(needs: &Needs, kind: RequesterKind, columns: Option<usize>, text: &mut String) {
    let line = |text: &mut String, label, value: &str| line(text, label, value, columns);
    let words = needs_words(needs.decision, &needs.requirements, needs.nobody_can_approve, kind);
    line(text, "needs", &format!("{words} ({} risk)", needs.risk.word()));
    if needs.decision == Decision::Deny || needs.nobody_can_approve {
        return;
    }
    if let Some(authentication) = needs.authenticate {
        let again = authentication
            .cache
            .map(|time| format!("; not again for {} at the same terminal", duration_text(time)));
        line(text, "password", &format!("you are asked for yours{}", again.unwrap_or_default()));
    }
    match needs.confine {
        Confine::Off => {}
        Confine::Wanted => line(
            text,
            "confined",
            "it can write only what is snapshotted, where the kernel can do that",
        ),
        Confine::Required => line(text, "confined", "it can write only what is snapshotted"),
    }
    if needs.snapshot {
        line(text, "undo", "the files that the rule names are snapshotted before it runs");
    }
    if let Some(level) = needs.undo_level {
        line(text, "undo", &format!("{}, or it does not run", level.word()));
    }
    let mut times = Vec::new();
    if needs.decision != Decision::Allow {
        times.push(format!("{} to decide", duration_text(needs.approval_expiry)));
        times.push(format!("{} to start it then", duration_text(needs.execution_expiry)));
    }
    if let Some(limit) = needs.run_timeout {
        times.push(format!("{} to run", duration_text(limit)));
    }
    if !times.is_empty() {
        line(text, "time", &times.join(", "));
    }
}

fn needs_words(
    decision: Decision,
    requirements: &[Requirement],
    nobody: bool,
    kind: RequesterKind,
) -> String {
    match decision {
        Decision::Allow => "nobody: it runs at once".to_owned(),
        Decision::Confirm if kind == RequesterKind::Human => "you: you confirm it".to_owned(),
        Decision::Confirm => "your human, who confirms it at a terminal of their own".to_owned(),
        Decision::Approve if nobody => "refused: nobody can approve it".to_owned(),
        Decision::Approve => required_in_words(requirements),
        Decision::Deny => "refused".to_owned(),
    }
}

fn kind_words(kind: RequesterKind) -> &'static str {
    match kind {
        RequesterKind::Human => "a human",
        RequesterKind::Ci => "a pipeline",
        RequesterKind::Agent => "an agent",
    }
}

fn in_words(conditions: &Conditions) -> String {
    visible(&conditions.in_words())
}

/// Conditions that narrow a rule's own: where they leave the command open, it is the rule's.
fn clause(conditions: &Conditions) -> String {
    let words = in_words(conditions);
    words.strip_prefix("any command ").map_or(words.clone(), str::to_owned)
}

fn line(text: &mut String, label: &str, value: &str, columns: Option<usize>) {
    text.push_str(&format!("  {label:<12}{}\n", hanging(value, 14, columns)));
}
