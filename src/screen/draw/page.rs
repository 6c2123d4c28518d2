//! A page: a title that says how much of it is on screen, and its lines.

use ratatui::layout::Rect;

use super::paint::Pen;
use crate::review::risk_text;
use crate::screen::facts::{Tone, left_text, risk_tone};
use crate::screen::layout::PageLine;
use crate::screen::state::{Layer, Screen};
use crate::system::text::counted;

/// Draws the page that is open.
pub(super) fn draw(screen: &Screen, pen: &mut Pen<'_>, area: Rect) {
    let (lines, first) = (&screen.body.lines, screen.scroll());
    let last = (first + screen.body.height).min(lines.len());
    let place = place(screen, first, last);
    let width = u16::try_from(place.chars().count()).unwrap_or(u16::MAX);
    let right = area.right().saturating_sub(width.saturating_add(1));
    let tone = if last < lines.len() { Tone::Caution } else { Tone::Aside };
    pen.text(right, area.y, area.right(), tone, &place);
    // How much there is stays, whatever the title says.
    let mut x = area.x + 1;
    for (tone, text) in title(screen) {
        x = pen.text(x, area.y, right.saturating_sub(1), tone, &text) + 2;
    }
    for (y, one) in (area.y + 1..area.bottom()).zip(lines.iter().skip(first)) {
        line(pen, area.x + 1, y, area.right(), one);
    }
}

/// Which part of the page is on screen.
fn place(screen: &Screen, first: usize, last: usize) -> String {
    let all = screen.body.lines.len();
    match screen.layers.last() {
        Some(Layer::Page(page)) if page.lines.is_none() => "reading …".to_owned(),
        Some(Layer::Detail(detail)) if detail.whole.is_none() => "reading …".to_owned(),
        _ if first == 0 && last == all => format!("all {}", counted(all as u64, "line")),
        _ => {
            let more = if last < all { "more below" } else { "the end" };
            format!("{}–{last} of {all}, {more}", first + 1)
        }
    }
}

/// One line of a page.
pub(super) fn line(pen: &mut Pen<'_>, x: u16, y: u16, end: u16, line: &PageLine) {
    pen.text(x, y, end, Tone::Aside, line.label);
    pen.text(x + line.indent, y, end, line.tone, &line.text);
}

fn title(screen: &Screen) -> Vec<(Tone, String)> {
    if let Some(Layer::Page(page)) = screen.layers.last() {
        return vec![(Tone::Strong, page.title.clone())];
    }
    let Some(request) = screen.open_request() else { return Vec::new() };
    let mut title = vec![
        (Tone::Strong, request.id.to_string()),
        (Tone::Strong, request.state.to_string().to_uppercase()),
    ];
    if let Some(walk) = &screen.walk {
        title.push((Tone::Caution, format!("batch {} of {}", walk.at + 1, walk.ids.len())));
    }
    let risk = request.shown.risk;
    title.push((risk_tone(risk), format!("{} risk", risk_text(risk))));
    if let Some(left) = request.remaining_ms(screen.now_ms) {
        title.push((Tone::Plain, format!("{} left", left_text(left))));
    }
    title
}
