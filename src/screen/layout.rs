//! Facts, broken into the lines of a page of some width.

use crate::system::text::{cells, wrapped};

use super::facts::{Fact, Tone};

/// Where values begin, in cells.
const INDENT: usize = 14;

/// The least cells that a value gets.
const LEAST: usize = 20;

/// Lines are not longer than this, however wide the screen: an eye finds the next one.
const MOST: usize = 120;

/// How a digest begins.
const DIGEST: &str = "sha256:";

/// One line of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PageLine {
    /// Its label; empty where it goes on.
    pub(super) label: &'static str,
    /// Where the text begins, in cells.
    pub(super) indent: u16,
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl PageLine {
    fn new(label: &'static str, indent: usize, tone: Tone, text: &str) -> Self {
        let indent = u16::try_from(indent).unwrap_or(u16::MAX);
        Self { label, indent, tone, text: text.to_owned() }
    }
}

/// The lines of these facts on a page of that many cells.
///
/// What goes on in a further line is indented further than what begins there, so that padding cannot
/// make the rest of a value look like a line of ours.
pub(super) fn lines_of(facts: &[Fact], width: u16) -> Vec<PageLine> {
    let width = usize::from(width).min(MOST);
    let room = width.saturating_sub(INDENT).max(LEAST);
    let mut lines = Vec::new();
    for fact in facts {
        let mut label = fact.label;
        for (tone, text) in &fact.values {
            let wide = cells(text);
            // A digest is copied more easily from one line, further left.
            if text.starts_with(DIGEST) && wide > room && wide + label.len() < width {
                lines.push(PageLine::new(std::mem::take(&mut label), width - wide, *tone, text));
                continue;
            }
            let first = wrapped(text, room).first().map_or("", |first| first);
            let rest = text.get(first.len()..).filter(|rest| !rest.is_empty());
            let more = rest.map(|rest| wrapped(rest, room - 2)).unwrap_or_default();
            let count = 1 + more.len();
            for (index, piece) in std::iter::once(first).chain(more).enumerate() {
                // The end of the line stands for the space that it was broken after.
                let goes_on = index + 1 < count;
                let piece = piece.strip_suffix(' ').filter(|_| goes_on).unwrap_or(piece);
                let indent = if index == 0 { INDENT } else { INDENT + 2 };
                lines.push(PageLine::new(std::mem::take(&mut label), indent, *tone, piece));
            }
        }
    }
    lines
}

/// Plain text, which was made visible before, as lines of a page.
pub(super) fn lines_of_text<'a>(lines: impl Iterator<Item = &'a str>, width: u16) -> Vec<PageLine> {
    let room = usize::from(width).clamp(LEAST, MOST);
    lines
        .flat_map(|line| {
            let first = wrapped(line, room).first().map_or("", |first| first);
            let rest = line.get(first.len()..).filter(|rest| !rest.is_empty());
            let more = rest.map(|rest| wrapped(rest, room - 2)).unwrap_or_default();
            let more = more.into_iter().map(|piece| PageLine::new("", 2, Tone::Plain, piece));
            let first = PageLine::new("", 0, Tone::Plain, first);
            std::iter::once(first).chain(more).collect::<Vec<_>>()
        })
        .collect()
}
