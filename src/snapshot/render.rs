//! Changes and plans as lines that are safe on a terminal. Colour is an addition: every line says by
//! its first character, too, what it is.

use super::words::{Changed, Names, changed};
use super::{
    Change, ContentChange, DiffLineKind, Manifest, Node, SnapshotError, Step, StepKind, UndoPlan,
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
    let names = Names::default();
    let mut lines = Vec::new();
    for change in changes {
        let (sign, code) = sign(change);
        lines.push(colour.paint(code, &format!("{sign} {}", heading(change))));
        for Changed { what, how } in changed(&change.before, &change.after, &names) {
            lines.push(format!("    {what}: {how}"));
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
                    DiffLineKind::NoNewline => (format!("    \\ {shown}"), Some(Paint::Aside)),
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

/// A difference in one line for each path, and one for all of them.
pub fn stat_lines(changes: &[Change], colour: Colour) -> Vec<String> {
    let names = Names::default();
    let mut lines = Vec::new();
    let (mut created, mut removed, mut added_lines, mut removed_lines) = (0, 0, 0, 0);
    for change in changes {
        let (sign, code) = sign(change);
        created += u64::from(sign == '+');
        removed += u64::from(sign == '-');
        let mut said = Vec::new();
        match &change.content {
            ContentChange::Same => {}
            ContentChange::Binary => {
                said.push(format!("{} -> {} bytes", bytes(&change.before), bytes(&change.after)))
            }
            ContentChange::Gone => said.push("content".to_owned()),
            ContentChange::NotShown => said.push("content not shown".to_owned()),
            ContentChange::Text { lines } => {
                let count = |kind| lines.iter().filter(|line| line.kind == kind).count() as u64;
                let (added, removed) = (count(DiffLineKind::Added), count(DiffLineKind::Removed));
                added_lines += added;
                removed_lines += removed;
                said.push(format!("+{added} -{removed}"));
            }
        }
        let others = changed(&change.before, &change.after, &names).into_iter();
        said.extend(others.map(|changed| changed.what));
        let heading = colour.paint(code, &format!("{sign} {}", heading(change)));
        lines.push(format!("{heading}  {}", said.join(", ")).trim_end().to_owned());
    }
    let all = changes.len() as u64;
    lines.push(format!(
        "{}: {created} created, {removed} removed, {} changed; {} added, {removed_lines} removed",
        counted(all, "path"),
        all - created - removed,
        counted(added_lines, "line"),
    ));
    lines
}

fn sign(change: &Change) -> (char, Paint) {
    if change.before.is_absent() {
        ('+', Paint::Good)
    } else if change.after.is_absent() {
        ('-', Paint::Bad)
    } else {
        ('~', Paint::Caution)
    }
}

/// The path and what is there.
fn heading(change: &Change) -> String {
    let path = visible_argument(change.path.as_bytes());
    match (change.before.kind(), change.after.kind()) {
        ("nothing", kind) | (kind, "nothing") => format!("{path} ({kind})"),
        (before, after) if before == after => format!("{path} ({before})"),
        (before, after) => format!("{path} ({before}, became a {after})"),
    }
}

fn bytes(node: &Node) -> u64 {
    if let Node::File { size, .. } = node { *size } else { 0 }
}

/// An undo plan in one line: how many paths go back, and what speaks against it.
///
/// # Errors
/// Those of reading the steps.
pub fn plan_summary(plan: &UndoPlan) -> Result<String, SnapshotError> {
    let (mut back, mut gone, mut content, mut metadata) = (0_u64, 0_u64, 0_u64, 0_u64);
    for step in plan.steps.iter() {
        *match step?.kind() {
            StepKind::Create => &mut back,
            StepKind::Remove => &mut gone,
            StepKind::Replace => &mut content,
            StepKind::Metadata => &mut metadata,
        } += 1;
    }
    let mut parts = vec![counted(plan.steps.len() as u64, "path")];
    for (number, what) in [
        (back, "brought back"),
        (gone, "removed"),
        (content, "restored in content"),
        (metadata, "restored in metadata"),
        (plan.conflicts.len() as u64, "changed since"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    Ok(parts.join(", "))
}

/// An undo plan, as lines: what goes back, what speaks against it, what cannot be brought back.
///
/// # Errors
/// Each: those of reading the steps.
pub fn plan_lines(
    plan: &UndoPlan,
    colour: Colour,
) -> impl Iterator<Item = Result<String, SnapshotError>> + '_ {
    let names = Names::default();
    let steps = plan.steps.iter().map(move |step| Ok(step_line(&step?, &names, colour)));
    steps.chain(what_else(plan, colour).into_iter().map(Ok))
}

fn what_else(plan: &UndoPlan, colour: Colour) -> Vec<String> {
    let mut lines = Vec::new();
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
        lines.push(match plan.left_out {
            1 => "1 path that the command changed is left as it is: not asked for".to_owned(),
            left => {
                format!("{left} paths that the command changed are left as they are: not asked for")
            }
        });
    }
    if plan.already_before > 0 {
        lines.push(match plan.already_before {
            1 => "1 path is as it was already".to_owned(),
            already => format!("{already} paths are as they were already"),
        });
    }
    lines
}

fn step_line(step: &Step, names: &Names, colour: Colour) -> String {
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
        StepKind::Replace if step.now.same_content(&step.before) => {
            (format!("~ {path}: restore which names are one file"), Paint::Caution)
        }
        StepKind::Replace => (format!("~ {path}: restore the content"), Paint::Caution),
        StepKind::Metadata => {
            let details = changed(&step.now, &step.before, names).into_iter();
            let details: Vec<String> =
                details.map(|Changed { what, how }| format!("{what}: {how}")).collect();
            let details = details.join(", ");
            (format!("~ {path}: restore {details}"), Paint::Caution)
        }
    };
    colour.paint(code, &line)
}
