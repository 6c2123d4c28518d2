//! One line of text for each entry.

use super::entry::field;
use super::line::Line;
use super::node::Node;
use super::read::Stored;
use super::{Action, Outcome};
use crate::system::ByteString;
use crate::system::text::{counted, visible, visible_argument};

/// A stored line as a person reads it: time (UTC), sequence number, request, user, what happened and
/// what belongs to it. Nothing in it can act on a terminal; `colour` adds colour to words that say
/// the same without it.
pub fn render(stored: &Stored, colour: bool) -> String {
    match stored {
        Stored::Damaged { offset, what, beginning } => {
            let mark = paint("DAMAGED", Outcome::Failure, colour);
            format!("{mark} at byte {offset}: {}: {beginning}", visible(what))
        }
        Stored::Entry(entry) => match Line::parse(entry.json().as_bytes()) {
            Ok(line) => render_line(&line, colour),
            // An entry is only made from a line that could be read.
            Err(what) => visible(&what),
        },
    }
}

fn render_line(line: &Line<'_>, colour: bool) -> String {
    let time = line.field(&["@timestamp"]).and_then(Node::text).unwrap_or_default();
    let user = line.user.as_ref().map_or("-", |user| &user.name);
    let request = line.detail_text(field::REQUEST_ID).unwrap_or("-");
    let verb = paint(&format!("{:<9}", verb(line.action)), line.outcome, colour);
    let mut shown = format!(
        "{} {:>5}  {:<9}  {:<10} {verb}",
        visible(time).replace('T', " "),
        line.sequence,
        visible(request),
        visible(user),
    );
    for part in parts(line) {
        shown.push_str("  ");
        shown.push_str(&part);
    }
    shown.trim_end().to_owned()
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::SegmentOpened => "opened",
        Action::PrivilegeRequested => "requested",
        Action::PolicyDecided => "decided",
        Action::Authenticated => "proved",
        Action::AuthenticationFailed => "unproved",
        Action::ApprovalRecorded => "approved",
        Action::ApprovalRejected => "rejected",
        Action::BreakGlass => "BROKE",
        Action::BreakGlassReviewed => "reviewed",
        Action::SnapshotCreated => "snapshot",
        Action::SnapshotFailed => "no snapshot",
        Action::CommandStarted => "started",
        Action::CommandFinished => "finished",
        Action::UndoStarted => "undoes",
        Action::UndoApplied => "undid",
        Action::SnapshotPruned => "pruned",
        Action::SnapshotPinned => "pinned",
        Action::SnapshotUnpinned => "unpinned",
        Action::UndoFollowed => "followed",
        Action::RequestExpired => "expired",
        Action::RequestCancelled => "cancelled",
        Action::RequestVoid => "void",
        Action::SignersChanged => "signers",
        Action::NotificationSent => "told",
        Action::NotificationFailed => "not told",
        Action::LogRecovered => "recovered",
    }
}

/// What belongs to the action.
fn parts(line: &Line<'_>) -> Vec<String> {
    let mut parts = Vec::new();
    let labelled = |label: &str, name: &str| {
        line.detail_text(name).map(|text| format!("{label}{}", visible(text)))
    };
    let number = |name: &str| line.detail(name).and_then(Node::unsigned);
    match line.action {
        Action::PrivilegeRequested => {
            parts.extend(command(line));
            parts.extend(labelled("reason: ", field::REASON));
            parts.extend(labelled("ticket: ", field::TICKET));
            let plan = line.detail(field::PLAN).and_then(|plan| plan.get(field::DIGEST)?.text());
            parts.extend(plan.map(|digest| format!("plan {}", visible(digest))));
        }
        Action::CommandStarted => {
            parts.extend(command(line));
            let confinement = line.detail(field::CONFINEMENT);
            let level = confinement.and_then(|object| object.get(field::LEVEL)?.text());
            parts.extend(level.map(|level| format!("confinement: {}", visible(level))));
        }
        Action::PolicyDecided => {
            parts.extend(labelled("", field::DECISION));
            parts.extend(labelled("risk ", field::RISK));
            let rules = line.field(&["rule", "id"]).and_then(Node::items).unwrap_or_default();
            let rules: Vec<_> = rules.iter().filter_map(Node::text).map(visible).collect();
            if !rules.is_empty() {
                parts.push(format!("by {}", rules.join(", ")));
            }
        }
        Action::ApprovalRecorded => {
            parts.extend(labelled("presence ", field::PRESENCE));
            parts.extend(labelled("by ", field::PROOF));
            parts.extend(labelled("message: ", field::MESSAGE));
        }
        Action::ApprovalRejected => parts.extend(labelled("message: ", field::MESSAGE)),
        Action::BreakGlass => {
            let rules = line.detail(field::LIFTED).and_then(Node::items).unwrap_or_default();
            let rules: Vec<_> = rules.iter().filter_map(Node::text).map(visible).collect();
            parts.push(format!("the glass: lifts {}", rules.join(", ")));
            parts.extend(labelled("to be reviewed by ", field::REVIEW_BY));
            parts.extend(labelled("reason: ", field::REASON));
        }
        Action::BreakGlassReviewed => {
            parts.extend(labelled("", field::JUDGEMENT));
            parts.extend(labelled("message: ", field::MESSAGE));
        }
        Action::SnapshotCreated => {
            parts.extend(number(field::FILES).map(|files| counted(files, "path")));
            parts.extend(number(field::BYTES).map(|bytes| counted(bytes, "byte")));
            parts.extend(labelled("undo: ", field::LEVEL));
        }
        Action::SnapshotFailed => {
            parts.extend(labelled("", field::BECAUSE));
            parts.extend(labelled("to run it all the same: ", field::ANSWER));
        }
        Action::CommandFinished => parts.extend(labelled("", field::ENDING)),
        Action::UndoStarted | Action::UndoApplied => {
            parts.extend(labelled("run ", field::UNDONE));
            parts.extend(number(field::FILES).map(|files| counted(files, "path")));
            parts.extend(labelled("by right of: ", field::RIGHT));
            let approved = line.detail(field::APPROVED_BY).and_then(Node::items);
            let approved: Vec<_> =
                approved.unwrap_or_default().iter().filter_map(Node::text).map(visible).collect();
            if !approved.is_empty() {
                parts.push(format!("approved by {}", approved.join(", ")));
            }
        }
        Action::UndoFollowed => {
            parts.extend(command(line));
            parts.extend(labelled("", field::ENDING));
        }
        Action::SnapshotPruned => {
            let runs = line.detail(field::RUNS).and_then(Node::items).unwrap_or_default();
            let ids = runs.iter().filter_map(|run| run.get(field::RUN)?.text());
            let ids: Vec<_> = ids.map(visible).collect();
            parts.push(ids.join(", "));
            parts.extend(number(field::BYTES).map(|bytes| counted(bytes, "byte")));
        }
        Action::SnapshotPinned => parts.extend(labelled("reason: ", field::REASON)),
        Action::Authenticated => parts.extend(labelled("who they are, by ", field::BY)),
        Action::AuthenticationFailed => {
            parts.extend(number(field::WRONG).map(|wrong| counted(wrong, "wrong try")));
            parts.extend(labelled("", field::BECAUSE));
        }
        Action::SignersChanged => {
            parts.extend(labelled("", field::CHANGE));
            parts.extend(labelled("", field::PRINCIPAL));
            parts.extend(labelled("", field::FINGERPRINT));
            parts.extend(labelled("because ", field::BECAUSE));
        }
        Action::RequestVoid => parts.extend(labelled("", field::BECAUSE)),
        Action::SegmentOpened => parts.extend(labelled("", field::ORIGIN)),
        Action::LogRecovered => {
            parts.extend(
                number(field::JUNK_BYTES).map(|bytes| format!("{bytes} bytes after a crash")),
            );
            if line.outcome == Outcome::Failure {
                parts.extend(
                    number(field::ACKNOWLEDGED)
                        .map(|sequence| format!("entries up to {sequence} are MISSING")),
                );
            }
        }
        Action::NotificationSent | Action::NotificationFailed => {
            parts.extend(labelled("", field::EVENT));
            parts.extend(labelled("to ", field::CHANNEL));
            parts.extend(number(field::ATTEMPTS).map(|tries| match tries {
                1 => "1 try".to_owned(),
                tries => format!("{tries} tries"),
            }));
            parts.extend(number(field::STATUS).map(|status| format!("status {status}")));
            parts.extend(labelled("", field::BECAUSE));
        }
        Action::RequestExpired | Action::RequestCancelled | Action::SnapshotUnpinned => {}
    }
    parts
}

fn command(line: &Line<'_>) -> Option<String> {
    let arguments = line.field(&["process", "args"])?.items()?;
    let shown: Vec<String> = arguments.iter().filter_map(Node::text).map(argument).collect();
    Some(shown.join(" "))
}

/// An argument stands escaped; one that was cut may end within an escape and is shown as it stands.
fn argument(escaped: &str) -> String {
    match ByteString::from_escaped(escaped) {
        Some(argument) => visible_argument(argument.as_bytes()),
        None => visible_argument(escaped.as_bytes()),
    }
}

fn paint(text: &str, outcome: Outcome, colour: bool) -> String {
    let code = match outcome {
        Outcome::Success => "32",
        Outcome::Failure => "31",
        Outcome::Unknown => "36",
    };
    if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
