//! Changes and plans as lines that are safe on a terminal. Colour is an addition: every line says by
//! its first character, too, what it is.

use super::{Change, ContentChange, DiffLineKind, Node, NodeMetadata, Step, StepKind, UndoPlan};
use crate::system::text::{visible, visible_argument};

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

fn painted(line: String, colour: Option<&str>) -> String {
    match colour {
        Some(code) => format!("\u{1b}[{code}m{line}\u{1b}[0m"),
        None => line,
    }
}

/// A difference, as lines: a heading for each path (`+` created, `-` removed, `~` changed), then
/// what about it, indented.
pub fn change_lines(changes: &[Change], colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for change in changes {
        let (sign, code) = if change.before.is_absent() {
            ('+', GREEN)
        } else if change.after.is_absent() {
            ('-', RED)
        } else {
            ('~', YELLOW)
        };
        let path = visible_argument(change.path.as_bytes());
        let kind = match (change.before.kind(), change.after.kind()) {
            ("nothing", kind) | (kind, "nothing") => kind.to_owned(),
            (before, after) if before == after => before.to_owned(),
            (before, after) => format!("{before}, became a {after}"),
        };
        lines.push(painted(format!("{sign} {path} ({kind})"), colour.then_some(code)));
        for detail in details(&change.before, &change.after) {
            lines.push(format!("    {detail}"));
        }
        match &change.content {
            ContentChange::Same => {}
            ContentChange::Binary => lines.push(format!(
                "    content: {} -> {}",
                content(&change.before),
                content(&change.after)
            )),
            ContentChange::Gone => {
                lines
                    .push("    content: changed, and the new content is not there any more".into());
            }
            ContentChange::Text { lines: text } => lines.extend(text.iter().map(|line| {
                let shown = visible(&line.text);
                let (text, code) = match line.kind {
                    DiffLineKind::Position => (format!("    @@ {shown} @@"), Some(CYAN)),
                    DiffLineKind::Same => (format!("     {shown}"), None),
                    DiffLineKind::Removed => (format!("    -{shown}"), Some(RED)),
                    DiffLineKind::Added => (format!("    +{shown}"), Some(GREEN)),
                };
                painted(text, code.filter(|_| colour))
            })),
        }
    }
    lines
}

fn content(node: &Node) -> String {
    match node {
        Node::File { size, content, .. } => format!("{size} bytes, {content}"),
        other => other.kind().to_owned(),
    }
}

/// What differs beside a file's content.
fn details(before: &Node, after: &Node) -> Vec<String> {
    let mut details = Vec::new();
    if let (Node::Symlink { target: old, .. }, Node::Symlink { target: new, .. }) = (before, after)
        && old != new
    {
        let (old, new) = (visible_argument(old.as_bytes()), visible_argument(new.as_bytes()));
        details.push(format!("target: {old} -> {new}"));
    }
    if let (Some(old), Some(new)) = (before.metadata(), after.metadata()) {
        if old.mode != new.mode {
            details.push(format!("mode: {:04o} -> {:04o}", old.mode, new.mode));
        }
        if (old.uid, old.gid) != (new.uid, new.gid) {
            details.push(format!("owner: {}:{} -> {}:{}", old.uid, old.gid, new.uid, new.gid));
        }
        if old.xattrs != new.xattrs {
            details.push(format!("attributes: {} -> {}", attributes(old), attributes(new)));
        }
        if details.is_empty() && before.same_content(after) {
            details.push("modification time".to_owned());
        }
    }
    details
}

fn attributes(metadata: &NodeMetadata) -> String {
    if metadata.xattrs.is_empty() {
        return "none".to_owned();
    }
    let shown = |(name, value): &(crate::system::ByteString, String)| {
        format!("{}=0x{value}", visible_argument(name.as_bytes()))
    };
    metadata.xattrs.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// An undo plan, as lines: what goes back, what speaks against it, what cannot be brought back.
pub fn plan_lines(plan: &UndoPlan, colour: bool) -> Vec<String> {
    let mut lines: Vec<String> = plan.steps.iter().map(|step| step_line(step, colour)).collect();
    for conflict in &plan.conflicts {
        let path = visible_argument(conflict.step.path.as_bytes());
        let line = format!("! {path}: {}", conflict.reason);
        lines.push(painted(line, colour.then_some(RED)));
    }
    lines.extend(plan.not_restorable.iter().map(|sentence| format!("? {sentence}")));
    if let Some(undo) = &plan.resumes {
        lines.push(format!("an undo (run {undo}) was interrupted and will be finished"));
    }
    if !plan.later_runs.is_empty() {
        let order = plan.later_runs.join(", ");
        lines.push(format!("later runs changed the same paths; to be undone first: {order}"));
    }
    if plan.already_before > 0 {
        lines.push(format!("{} paths are as they were already", plan.already_before));
    }
    lines
}

fn step_line(step: &Step, colour: bool) -> String {
    let path = visible_argument(step.path.as_bytes());
    let (line, code) = match step.kind() {
        StepKind::Create => (format!("+ {path}: bring back the {}", step.before.kind()), GREEN),
        StepKind::Remove => (format!("- {path}: remove the {}", step.now.kind()), RED),
        StepKind::Replace if step.now.kind() != step.before.kind() => {
            let (now, before) = (step.now.kind(), step.before.kind());
            (format!("~ {path}: put the {before} back in place of the {now}"), YELLOW)
        }
        StepKind::Replace => (format!("~ {path}: restore the content"), YELLOW),
        StepKind::Metadata => {
            let details = details(&step.now, &step.before).join(", ");
            (format!("~ {path}: restore {details}"), YELLOW)
        }
    };
    painted(line, colour.then_some(code))
}
