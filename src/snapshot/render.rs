//! Changes and plans as lines that are safe on a terminal. Colour is an addition: every line says by
//! its first character, too, what it is.

use super::{
    Change, ContentChange, DiffLineKind, Manifest, Node, NodeMetadata, Step, StepKind, UndoPlan,
};
use crate::system::text::{counted, visible, visible_argument};
use crate::system::{Colour, Paint};

fn painted(line: &str, colour: Colour, paint: Option<Paint>) -> String {
    paint.map_or_else(|| line.to_owned(), |paint| colour.paint(paint, line))
}

/// What a snapshot holds, a line for each path: kind, mode, owner, size, path.
pub fn manifest_lines(manifest: &Manifest) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in manifest.entries.iter().filter(|entry| entry.role.is_selected()) {
        let path = visible_argument(entry.path.as_bytes());
        let kind = entry.node.kind();
        let Some(metadata) = entry.node.metadata() else {
            lines.push(format!("{kind:<10} {:>4} {:>11} {:>12} {path}", "", "", ""));
            continue;
        };
        let size = match &entry.node {
            Node::File { size, .. } => size.to_string(),
            _ => String::new(),
        };
        let owner = format!("{}:{}", metadata.uid, metadata.gid);
        lines.push(format!("{kind:<10} {:04o} {owner:>11} {size:>12} {path}", metadata.mode));
    }
    lines
}

/// A difference, as lines: a heading for each path (`+` created, `-` removed, `~` changed), then
/// what about it, indented.
pub fn change_lines(changes: &[Change], colour: Colour) -> Vec<String> {
    let mut lines = Vec::new();
    for change in changes {
        let (sign, code) = if change.before.is_absent() {
            ('+', Paint::Good)
        } else if change.after.is_absent() {
            ('-', Paint::Bad)
        } else {
            ('~', Paint::Caution)
        };
        let path = visible_argument(change.path.as_bytes());
        let kind = match (change.before.kind(), change.after.kind()) {
            ("nothing", kind) | (kind, "nothing") => kind.to_owned(),
            (before, after) if before == after => before.to_owned(),
            (before, after) => format!("{before}, became a {after}"),
        };
        lines.push(colour.paint(code, &format!("{sign} {path} ({kind})")));
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
            ContentChange::NotShown => {
                lines.push("    content not shown: you may not read this file".into());
            }
            ContentChange::Gone => {
                lines
                    .push("    content: changed, and the new content is not there any more".into());
            }
            ContentChange::Text { lines: text } => lines.extend(text.iter().map(|line| {
                let shown = visible(&line.text);
                let (text, code) = match line.kind {
                    DiffLineKind::Position => (format!("    @@ {shown} @@"), Some(Paint::Aside)),
                    DiffLineKind::Same => (format!("     {shown}"), None),
                    DiffLineKind::Removed => (format!("    -{shown}"), Some(Paint::Bad)),
                    DiffLineKind::Added => (format!("    +{shown}"), Some(Paint::Good)),
                };
                painted(&text, colour, code)
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

/// An undo plan in one line: how many paths go back, and what speaks against it.
pub fn plan_summary(plan: &UndoPlan) -> String {
    let of = |wanted: StepKind| plan.steps.iter().filter(|step| step.kind() == wanted).count();
    let (back, gone) = (of(StepKind::Create), of(StepKind::Remove));
    let (content, metadata) = (of(StepKind::Replace), of(StepKind::Metadata));
    let mut parts = vec![counted(plan.steps.len() as u64, "path")];
    for (number, what) in [
        (back, "brought back"),
        (gone, "removed"),
        (content, "restored in content"),
        (metadata, "restored in metadata"),
        (plan.conflicts.len(), "changed since"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

/// An undo plan, as lines: what goes back, what speaks against it, what cannot be brought back.
pub fn plan_lines(plan: &UndoPlan, colour: Colour) -> Vec<String> {
    let mut lines: Vec<String> = plan.steps.iter().map(|step| step_line(step, colour)).collect();
    for conflict in &plan.conflicts {
        let path = visible_argument(conflict.step.path.as_bytes());
        let line = format!("! {path}: {}", conflict.reason);
        lines.push(colour.paint(Paint::Bad, &line));
    }
    lines.extend(plan.not_restorable.iter().map(|sentence| format!("? {sentence}")));
    if let Some(undo) = &plan.resumes {
        lines.push(format!("an undo (run {undo}) was interrupted and will be finished"));
    }
    if !plan.later_runs.is_empty() {
        let order = plan.later_runs.join(", ");
        lines.push(format!("later runs changed the same paths; to be undone first: {order}"));
    }
    if plan.left_out > 0 {
        let left = counted(plan.left_out, "path");
        lines.push(format!("{left} that the command changed are left as they are: not asked for"));
    }
    if plan.already_before > 0 {
        lines.push(format!("{} paths are as they were already", plan.already_before));
    }
    lines
}

fn step_line(step: &Step, colour: Colour) -> String {
    let path = visible_argument(step.path.as_bytes());
    let (line, code) = match step.kind() {
        StepKind::Create => {
            (format!("+ {path}: bring back the {}", step.before.kind()), Paint::Good)
        }
        StepKind::Remove => (format!("- {path}: remove the {}", step.now.kind()), Paint::Bad),
        StepKind::Replace if step.now.kind() != step.before.kind() => {
            let (now, before) = (step.now.kind(), step.before.kind());
            (format!("~ {path}: put the {before} back in place of the {now}"), Paint::Caution)
        }
        StepKind::Replace => (format!("~ {path}: restore the content"), Paint::Caution),
        StepKind::Metadata => {
            let details = details(&step.now, &step.before).join(", ");
            (format!("~ {path}: restore {details}"), Paint::Caution)
        }
    };
    colour.paint(code, &line)
}
