//! The foot: what is asked or said, and the keys.

use ratatui::layout::{Position, Rect};

use super::paint::Pen;
use crate::screen::facts::Tone;
use crate::screen::list::Tab;
use crate::screen::prompt::{About, Meaning, Prompt};
use crate::screen::state::{Layer, Live, Screen};
use crate::system::text::visible;

/// A key and what it does.
type Key = (&'static str, &'static str);

/// How many rows it takes.
pub(super) fn height(screen: &Screen, columns: u16) -> u16 {
    let room = columns.saturating_sub(2);
    let asked = screen.prompt.as_ref().map_or(0, |prompt| prompt.lines(room).len() + 1);
    2 + u16::try_from(asked).unwrap_or(0)
}

/// Draws it: where the cursor is, if something is typed.
pub(super) fn draw(screen: &Screen, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    pen.rule(area, area.y, "");
    if screen.prompt.is_none()
        && let Some((tone, text)) = said(screen)
    {
        pen.text(area.x + 2, area.y, area.right(), tone, &format!(" {text} "));
    }
    let last = area.bottom().saturating_sub(1);
    match &screen.prompt {
        Some(prompt) => {
            keys(pen, area.x, last, area.right(), prompt_keys(prompt));
            Some(ask(prompt, pen, area))
        }
        None => {
            keys(pen, area.x, last, area.right(), keys_of(screen));
            None
        }
    }
}

/// What there is to say, the most urgent first.
fn said(screen: &Screen) -> Option<(Tone, String)> {
    let filter = &screen.lists.filter.text;
    let filtered = !filter.is_empty() && screen.layers.is_empty();
    let filtered = filtered.then(|| {
        let text = format!("only what matches \"{}\": Esc shows everything", visible(filter));
        (Tone::Strong, text)
    });
    let complaint = screen.complaint.clone().map(|complaint| (Tone::Caution, complaint));
    screen.message.clone().or(filtered).or(complaint)
}

fn ask(prompt: &Prompt, pen: &mut Pen<'_>, area: Rect) -> Position {
    let lines = prompt.lines(area.width.saturating_sub(2));
    let mut y = area.y + 1;
    for (tone, line) in &lines {
        pen.text(area.x + 1, y, area.right(), *tone, line);
        y += 1;
    }
    let label = if prompt.about == About::Filter { "filter: " } else { "> " };
    let x = pen.text(area.x + 1, y, area.right(), Tone::Strong, label);
    // The end of what is typed stays in sight.
    let typed = visible(&prompt.typed);
    let room = usize::from(area.right().saturating_sub(x + 2));
    let skipped = typed.chars().count().saturating_sub(room);
    let shown: String = match skipped {
        0 => typed,
        _ => std::iter::once('…').chain(typed.chars().skip(skipped + 1)).collect(),
    };
    let cursor = pen.text(x, y, area.right(), Tone::Plain, &shown);
    if let Some(complaint) = &prompt.complaint {
        pen.text(cursor + 2, y, area.right(), Tone::Bad, complaint);
    }
    Position { x: cursor.min(area.right().saturating_sub(1)), y }
}

fn keys(pen: &mut Pen<'_>, x: u16, y: u16, end: u16, mut keys: Vec<Key>) {
    let width = |(key, what): &Key| key.chars().count() + what.chars().count() + 3;
    // How to get help and how to get out stay; they stand last.
    while keys.len() > 2 && keys.iter().map(width).sum::<usize>() > usize::from(end - x) + 1 {
        keys.remove(keys.len() - 3);
    }
    let mut x = x + 1;
    for (key, what) in keys {
        x = pen.text(x, y, end, Tone::Strong, key) + 1;
        x = pen.text(x, y, end, Tone::Plain, what) + 2;
    }
}

fn prompt_keys(prompt: &Prompt) -> Vec<Key> {
    match prompt.about {
        About::Filter => vec![("Enter", "keep"), ("Esc", "show everything")],
        About::Approve { .. } => {
            vec![("Enter", "approve"), ("Esc", "do not")]
        }
        About::Reject { .. } => vec![("Enter", "reject"), ("Esc", "do not")],
    }
}

/// The keys that do something here, the most needed first.
fn keys_of(screen: &Screen) -> Vec<Key> {
    let lost = matches!(screen.live, Live::No(_)).then_some(("R", "watch again"));
    let mut keys: Vec<Key> = lost.into_iter().collect();
    match screen.layers.last() {
        Some(Layer::Page(_)) => keys.extend([("Space", "page"), ("g G", "ends"), ("q", "back")]),
        Some(Layer::Detail(_)) => {
            if let Some(request) = screen.open_request().filter(|request| request.waits()) {
                let (yes, no) = Meaning::of(request).verbs();
                keys.extend([("a", yes), ("r", no)]);
            }
            if screen.walk.is_some() {
                keys.push(("n", "next"));
            }
            if screen.open_request().is_some_and(|request| request.bound.plan.is_some()) {
                keys.push(("p", "plan"));
            }
            keys.extend([("Space", "page"), ("?", "help"), ("q", "back")]);
        }
        None => {
            keys.push(("Enter", "open"));
            if screen.tab == Tab::Queue {
                keys.extend([("a", "approve"), ("r", "reject")]);
                let row = screen.lists.queue.get(screen.selection().row);
                if row.is_some_and(|row| row.batch.is_some()) {
                    keys.push(("b", "batch"));
                }
            }
            keys.extend([("/", "filter"), ("Tab", "lists"), ("?", "help"), ("q", "quit")]);
        }
    }
    keys
}
