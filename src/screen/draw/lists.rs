//! The lists: a heading, rows, and below them what is selected.

use ratatui::layout::Rect;

use super::paint::Pen;
use crate::invocation::RequesterKind;
use crate::review::risk_text;
use crate::screen::facts::{Tone, left_text, needed_text, risk_tone};
use crate::screen::list::Tab;
use crate::screen::request::Request;
use crate::screen::state::{Live, Screen};
use crate::snapshot::{RunInformation, RunState};
use crate::system::text::{counted, visible, visible_command, wrapped};

/// Below this much time a request is about to expire.
const SHORT_MS: u64 = 60_000;

/// From this many columns on there is room for more than the least.
const WIDE: u16 = 100;

/// One row: its cells, the last of them as wide as the screen lets it be.
struct Row {
    mark: String,
    cells: Vec<(Tone, String)>,
    command: String,
}

/// Draws the list that is open.
pub(super) fn draw(screen: &Screen, pen: &mut Pen<'_>, area: Rect) {
    if screen.lists.len(screen.tab) == 0 {
        empty(screen, pen, area);
        return;
    }
    let is_wide = area.width >= WIDE;
    let selection = screen.selection();
    let last = (selection.top + screen.body.height).min(screen.lists.len(screen.tab));
    let rows: Vec<Row> =
        (selection.top..last).filter_map(|row| self::row(screen, row, is_wide)).collect();
    let heading = heading(screen.tab);
    let widths = widths(heading, &rows, is_wide);
    let mut x = area.x + 4;
    for (title, width) in heading.iter().zip(&widths) {
        pen.text(x, area.y, x + width, Tone::Aside, title);
        x += width + 2;
    }
    pen.text(x, area.y, area.right(), Tone::Aside, "COMMAND");
    for (index, row) in rows.iter().enumerate() {
        let y = area.y + 1 + u16::try_from(index).unwrap_or(u16::MAX);
        let is_selected = selection.top + index == selection.row;
        draw_row(row, &widths, is_selected, pen, Rect { y, height: 1, ..area });
    }
    let hidden = screen.lists.len(screen.tab).saturating_sub(screen.body.height);
    let below = area.y + 1 + u16::try_from(screen.body.height).unwrap_or(u16::MAX);
    if screen.body.preview > 0 {
        preview(screen, pen, Rect { y: below, height: area.bottom() - below, ..area });
    } else if hidden > 0 {
        let shown =
            format!("rows {}–{last} of {}", selection.top + 1, screen.lists.len(screen.tab));
        let width = u16::try_from(shown.chars().count()).unwrap_or(0);
        pen.text(area.right().saturating_sub(width + 1), area.y, area.right(), Tone::Aside, &shown);
    }
}

fn draw_row(row: &Row, widths: &[u16], is_selected: bool, pen: &mut Pen<'_>, area: Rect) {
    let write = |pen: &mut Pen<'_>, x: u16, end: u16, tone: Tone, text: &str| match is_selected {
        true => pen.selected(x, area.y, end, tone, text),
        false => pen.text(x, area.y, end, tone, text),
    };
    if is_selected {
        pen.bar(area, area.y);
        write(pen, area.x, area.right(), Tone::Strong, ">");
    }
    write(pen, area.x + 2, area.right(), Tone::Aside, &row.mark);
    let mut x = area.x + 4;
    for ((tone, text), width) in row.cells.iter().zip(widths) {
        write(pen, x, x + width, *tone, text);
        x += width + 2;
    }
    write(pen, x, area.right(), Tone::Plain, &row.command);
}

/// As wide as what stands in it, as far as there is room.
fn widths(heading: &[&str], rows: &[Row], is_wide: bool) -> Vec<u16> {
    let most = if is_wide { 26 } else { 12 };
    let of = |text: &str| u16::try_from(ratatui::text::Span::raw(text).width()).unwrap_or(u16::MAX);
    let column = |(index, title): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.cells.get(index));
        let widest = cells.map(|(_, text)| of(text)).max().unwrap_or(0);
        widest.min(most.max(of(title))).max(of(title))
    };
    heading.iter().enumerate().map(column).collect()
}

fn heading(tab: Tab) -> &'static [&'static str] {
    match tab {
        Tab::Queue => &["RISK", "ID", "LEFT", "WHO", "NEEDS"],
        Tab::History => &["STATE", "ID", "SINCE (UTC)", "WHO", "DECIDED BY"],
        Tab::Snapshots => &["STATE", "RUN", "TAKEN (UTC)", "WHO"],
    }
}

fn row(screen: &Screen, row: usize, is_wide: bool) -> Option<Row> {
    let lists = &screen.lists;
    match screen.tab {
        Tab::Queue => {
            let place = lists.queue.get(row)?;
            let mark = match place.batch {
                None => "",
                Some((1, _)) => "┌",
                Some((at, of)) if at == of => "└",
                Some(_) => "│",
            };
            Some(waiting(lists.request(&place.id)?, mark, screen.now_ms, is_wide))
        }
        Tab::History => Some(decided(lists.request(lists.history.get(row)?)?, is_wide)),
        Tab::Snapshots => Some(run(lists.snapshots.get(row)?, is_wide)),
    }
}

fn waiting(request: &Request, mark: &str, now_ms: u64, is_wide: bool) -> Row {
    let risk = request.shown.risk;
    let risk_word = match request.is_critical() {
        true => risk_text(risk).to_uppercase(),
        false => risk_text(risk).to_owned(),
    };
    let left = request.remaining_ms(now_ms);
    let (left_tone, left) = match left {
        Some(left) if left < SHORT_MS => (Tone::Bad, left_text(left)),
        Some(left) => (Tone::Plain, left_text(left)),
        None if request.review_overdue == Some(true) => (Tone::Bad, "overdue".to_owned()),
        None => (Tone::Plain, "-".to_owned()),
    };
    let needs = if request.is_unreviewed() {
        let ran = if is_wide { "REVIEW: ran by break-glass" } else { "REVIEW" };
        (Tone::Alarm, ran.to_owned())
    } else if request.still_needed.is_empty() {
        (Tone::Plain, "confirm".to_owned())
    } else {
        (Tone::Plain, needed_text(&request.still_needed).replace(" of group ", " "))
    };
    Row {
        mark: mark.to_owned(),
        cells: vec![
            (risk_tone(risk), risk_word),
            (Tone::Strong, request.id.to_string()),
            // As wide as it ever is, so that nothing moves when it is "4m" for a second.
            (left_tone, format!("{left:<7}")),
            (Tone::Plain, who(request, is_wide)),
            needs,
        ],
        command: request.command.clone(),
    }
}

fn decided(request: &Request, is_wide: bool) -> Row {
    let decider = match &request.rejection {
        Some(rejection) => visible(&rejection.approver.name),
        None => {
            let names = request.approvals.iter().map(|given| visible(&given.approver.name));
            names.collect::<Vec<_>>().join(", ")
        }
    };
    let tone = match request.state.to_string().as_str() {
        "approved" | "running" | "finished" => Tone::Good,
        "rejected" | "unknown" => Tone::Bad,
        _ => Tone::Caution,
    };
    Row {
        mark: String::new(),
        cells: vec![
            (tone, request.state.to_string()),
            (Tone::Strong, request.id.to_string()),
            (Tone::Plain, minute(&request.changed, is_wide)),
            (Tone::Plain, who(request, is_wide)),
            (Tone::Plain, if decider.is_empty() { "-".to_owned() } else { decider }),
        ],
        command: request.command.clone(),
    }
}

fn run(run: &RunInformation, is_wide: bool) -> Row {
    let (tone, state) = match run.state {
        RunState::Captured => (Tone::Caution, "unfinished"),
        RunState::Complete => (Tone::Good, "can undo"),
        RunState::Undoing => (Tone::Caution, "undoing"),
        RunState::Undone => (Tone::Aside, "undone"),
    };
    let words: Vec<&[u8]> = run.argv.iter().map(|word| word.as_bytes()).collect();
    Row {
        mark: String::new(),
        cells: vec![
            (tone, state.to_owned()),
            (Tone::Strong, visible(&run.id)),
            (Tone::Plain, minute(&run.at.rfc3339(), is_wide)),
            (Tone::Plain, visible(&run.requester)),
        ],
        command: visible_command(&words),
    }
}

/// A time of RFC 3339 to the minute; without its year where there is little room.
fn minute(time: &str, is_wide: bool) -> String {
    let part = time.get(if is_wide { 0..16 } else { 5..16 }).unwrap_or(time);
    visible(part).replace('T', " ")
}

/// Who asks; what they are, where that is no human and there is room.
fn who(request: &Request, is_wide: bool) -> String {
    let requester = &request.bound.requester;
    let name = visible(&requester.name);
    match requester.kind {
        RequesterKind::Agent if is_wide => format!("{name} (agent)"),
        RequesterKind::Ci if is_wide => format!("{name} (pipeline)"),
        _ => name,
    }
}

fn empty(screen: &Screen, pen: &mut Pen<'_>, area: Rect) {
    let filter = &screen.lists.filter.text;
    let lines = match (&screen.live, screen.tab) {
        (Live::No(why), Tab::Queue | Tab::History) => {
            vec![why.clone(), "R tries again.".to_owned()]
        }
        (Live::Reading, Tab::Queue | Tab::History) => vec!["Reading …".to_owned()],
        _ if !filter.is_empty() => vec![
            format!("Nothing here matches \"{}\".", visible(filter)),
            "Esc shows everything again.".to_owned(),
        ],
        (_, Tab::Queue) => vec![
            "Nothing waits for a human.".to_owned(),
            "New requests appear here by themselves.".to_owned(),
        ],
        (_, Tab::History) => vec!["No request has been decided yet.".to_owned()],
        (_, Tab::Snapshots) => vec![
            "There are no snapshots that you may see.".to_owned(),
            "They are taken before commands that the rules name; \"hitl undo\" uses them."
                .to_owned(),
        ],
    };
    let top = area.y + (area.height / 3);
    let room = usize::from(area.width.saturating_sub(4));
    let pieces = lines.iter().flat_map(|line| wrapped(line, room));
    for (y, (index, piece)) in (top..area.bottom()).zip(pieces.enumerate()) {
        let tone = if index == 0 { Tone::Strong } else { Tone::Aside };
        let width = u16::try_from(ratatui::text::Span::raw(piece).width()).unwrap_or(u16::MAX);
        let x = area.x + area.width.saturating_sub(width) / 2;
        pen.text(x, y, area.right(), tone, piece);
    }
}

/// What is selected, as far as it fits.
fn preview(screen: &Screen, pen: &mut Pen<'_>, area: Rect) {
    let id = screen.selected_id().unwrap_or_default();
    let lines = &screen.body.lines;
    let height = usize::from(area.height.saturating_sub(1));
    let title = match lines.len().checked_sub(height) {
        Some(more) if more > 0 => {
            format!("{id}: {} further down, Enter opens it", counted(more as u64, "line"))
        }
        _ => format!("{id}: Enter opens it"),
    };
    pen.rule(area, area.y, &title);
    for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
        super::page::line(pen, area.x + 1, y, area.right(), line);
    }
}
