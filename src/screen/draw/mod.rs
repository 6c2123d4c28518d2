//! Draws the state: a header, a list or a page, what is asked or said, and the keys.

mod foot;
mod lists;
mod page;
mod paint;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::facts::Tone;
use super::list::Tab;
use super::state::{LEAST, Live, Screen};
use paint::Pen;

/// From this many columns on the program is called by its whole name.
const ROOM_FOR_NAME: u16 = 72;

/// Draws everything. [`Screen::settle`] has been called for this size.
pub(super) fn draw(screen: &Screen, colour: bool, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut pen = Pen::new(frame.buffer_mut(), colour);
    if screen.is_too_small() {
        too_small(&mut pen, area);
        return;
    }
    header(screen, &mut pen, area);
    pen.rule(area, 1, "");
    let below = foot::height(screen, area.width);
    let body = Rect { y: 2, height: area.height.saturating_sub(2 + below), ..area };
    if screen.layers.is_empty() {
        lists::draw(screen, &mut pen, body);
    } else {
        page::draw(screen, &mut pen, body);
    }
    let foot = Rect { y: body.bottom(), height: below, ..area };
    if let Some(cursor) = foot::draw(screen, &mut pen, foot) {
        frame.set_cursor_position(cursor);
    }
}

fn too_small(pen: &mut Pen<'_>, area: Rect) {
    let (columns, rows) = LEAST;
    let have = format!("this is {}×{}", area.width, area.height);
    let lines = [
        format!("hitl review needs {columns}×{rows},"),
        have,
        "make it larger, or".to_owned(),
        "hitl review --plain".to_owned(),
        "q quits".to_owned(),
    ];
    for (row, line) in (0..area.height).zip(&lines) {
        pen.text(0, row, area.width, Tone::Plain, line);
    }
}

fn header(screen: &Screen, pen: &mut Pen<'_>, area: Rect) {
    let name = if area.width < ROOM_FOR_NAME { "hitl" } else { "hitl review" };
    let mut x = pen.text(1, 0, area.width, Tone::Strong, name) + 2;
    for (index, tab) in Tab::ALL.into_iter().enumerate() {
        let number = match tab {
            Tab::Queue => screen.lists.queue.len(),
            tab => screen.lists.len(tab),
        };
        let known = screen.live != Live::Reading && (tab != Tab::Snapshots || number > 0);
        let count = if known { format!(" {number}") } else { String::new() };
        let name = format!("{} {}{count}", index + 1, tab.title());
        let is_open = tab == screen.tab;
        let shown = if is_open { format!("[{name}]") } else { format!(" {name} ") };
        let tone = if is_open { Tone::Strong } else { Tone::Aside };
        x = pen.text(x, 0, area.width, tone, &shown) + 1;
    }
    let (tone, live) = match &screen.live {
        Live::Reading => (Tone::Aside, "reading …"),
        Live::Yes => (Tone::Good, "live"),
        Live::No(_) => (Tone::Bad, "NOT LIVE"),
    };
    let width = u16::try_from(live.chars().count()).unwrap_or(0);
    let right = area.width.saturating_sub(width + 1);
    if right > x {
        pen.text(right, 0, area.width, tone, live);
    }
}

/// The buffer, for what paints on it.
pub(super) type Canvas = Buffer;
