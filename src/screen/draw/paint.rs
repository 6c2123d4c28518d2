//! Text on the screen: every character of it printable, every tone without colour too.

use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::Canvas;
use crate::screen::facts::Tone;

/// Writes on the screen.
pub(super) struct Pen<'a> {
    canvas: &'a mut Canvas,
    colour: bool,
}

impl<'a> Pen<'a> {
    pub(super) fn new(canvas: &'a mut Canvas, colour: bool) -> Self {
        Self { canvas, colour }
    }

    /// Writes a text from this column on, up to column `end`; the column behind it. What does not
    /// fit is not written: the last that is, is `…`.
    pub(super) fn text(&mut self, x: u16, y: u16, end: u16, tone: Tone, text: &str) -> u16 {
        let style = self.style(tone);
        self.styled(x, y, end, style, text)
    }

    /// The same, upside down: what is selected.
    pub(super) fn selected(&mut self, x: u16, y: u16, end: u16, tone: Tone, text: &str) -> u16 {
        let style = match tone {
            Tone::Alarm => self.style(tone),
            _ => Style::new().add_modifier(Modifier::REVERSED),
        };
        self.styled(x, y, end, style, text)
    }

    /// Fills a row of a selection.
    pub(super) fn bar(&mut self, area: Rect, y: u16) {
        let style = Style::new().add_modifier(Modifier::REVERSED);
        self.canvas.set_style(Rect { y, height: 1, ..area }, style);
    }

    /// A line across, with a title in it.
    pub(super) fn rule(&mut self, area: Rect, y: u16, title: &str) {
        let line = "─".repeat(usize::from(area.width));
        let style = self.style(Tone::Aside);
        self.styled(area.x, y, area.right(), style, &line);
        if !title.is_empty() {
            self.text(area.x + 2, y, area.right(), Tone::Strong, &format!(" {title} "));
        }
    }

    fn styled(&mut self, x: u16, y: u16, end: u16, style: Style, text: &str) -> u16 {
        if x >= end || !self.canvas.area.contains((x, y).into()) {
            return x;
        }
        let room = usize::from(end - x);
        let (after, _) = self.canvas.set_stringn(x, y, text, room, style);
        let width = ratatui::text::Span::raw(text).width();
        if width > room {
            // A wide character that would be cut in two leaves a free cell as well.
            let last = end - 1;
            self.canvas.set_string(last, y, "…", style);
            return end;
        }
        after
    }

    fn style(&self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        if !self.colour {
            return match tone {
                Tone::Strong | Tone::Bad => bold,
                Tone::Alarm => bold.add_modifier(Modifier::REVERSED),
                Tone::Aside => plain.add_modifier(Modifier::DIM),
                _ => plain,
            };
        }
        match tone {
            Tone::Plain => plain,
            Tone::Strong => bold,
            Tone::Aside => plain.fg(Color::Cyan),
            Tone::Good => plain.fg(Color::Green),
            Tone::Caution => plain.fg(Color::Yellow),
            Tone::Bad => bold.fg(Color::Red),
            Tone::Alarm => bold.fg(Color::White).bg(Color::Red),
            Tone::Claim => plain.add_modifier(Modifier::ITALIC),
        }
    }
}
