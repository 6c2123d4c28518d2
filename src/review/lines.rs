//! Lines of labelled text that a requester cannot break out of.
//!
//! A terminal wraps a long line to its left edge, where padding with spaces can make the rest of an
//! argument look like a line of ours. So lines are wrapped here, below their label.

use crate::system::Digest;
use crate::system::text::visible;

/// The width that lines are wrapped to, in terminal cells.
const WIDTH: usize = 80;

/// Where values begin.
const INDENT: usize = 15;

/// Labelled lines under construction.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    /// A line of its own.
    pub(super) fn heading(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A label and its values, each on lines of its own. Nothing where there is no value.
    pub(super) fn field<T: AsRef<str>>(&mut self, label: &str, values: &[T]) {
        let mut label = label;
        for value in values {
            let mut margin = 0;
            let mut pieces = wrapped(value.as_ref()).into_iter().peekable();
            while let Some(piece) = pieces.next() {
                // The end of the line stands for the space that it was broken after; there are more
                // of them only where somebody pads, and those stay.
                let piece = match pieces.peek() {
                    Some(_) => piece.strip_suffix(' ').unwrap_or(piece),
                    None => piece,
                };
                let indent = INDENT - 2 + margin;
                self.heading(&format!("  {label:<indent$}{piece}"));
                label = "";
                // What goes on is indented further than what begins.
                margin = 2;
            }
        }
    }

    /// A digest, on one line where it can be copied: it just fits.
    pub(super) fn digest(&mut self, digest: &Digest) {
        self.heading(&format!("{:>WIDTH$}", digest.to_string()));
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The terminal cells that a text takes at most: wide characters take two, and no table of them is
/// kept here, so everything outside ASCII counts as wide.
pub(super) fn cells(text: &str) -> usize {
    text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// A text in pieces that fit beside the labels, broken after a space where there is one. Joined,
/// they give the text back.
fn wrapped(text: &str) -> Vec<&str> {
    const ROOM: usize = WIDTH - INDENT - 2;
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let mut used = 0;
        let fits = rest.find(|character: char| {
            used += if character.is_ascii() { 1 } else { 2 };
            used > ROOM
        });
        let Some(end) = fits else {
            pieces.push(rest);
            return pieces;
        };
        let (line, _) = rest.split_at(end);
        // A break far to the left would waste the line.
        let at = line.rfind(' ').map(|space| space + 1).filter(|at| *at > end / 2).unwrap_or(end);
        let (piece, after) = rest.split_at(at);
        pieces.push(piece);
        rest = after;
    }
}

/// Text that was made visible when it was written down, and is made so again only where it was not:
/// otherwise each backslash would be doubled.
pub(super) fn made_visible(text: &str) -> String {
    let shown = visible(text);
    if shown.replace("\\\\", "\\") == text { text.to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_every_piece_fits(text in "[ a-z日é]{0,300}") {
            let pieces = wrapped(&text);
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| cells(piece) <= WIDTH - INDENT - 2));
        }
    }

    #[test]
    fn padding_cannot_start_a_line_of_its_own() {
        let mut lines = Lines::default();
        let hostile = format!("{}needed      nothing, go ahead", " ".repeat(200));
        lines.field("command", &[hostile]);
        let text = lines.finish();
        assert!(
            text.lines().skip(1).all(|line| line.is_empty() || line.starts_with(&" ".repeat(17)))
        );
    }

    #[test]
    fn a_line_that_is_broken_between_words_does_not_end_in_a_space() {
        let mut lines = Lines::default();
        lines.field("runs as", &["several words and more of them ".repeat(5) + "end"]);
        assert!(lines.finish().lines().all(|line| line == line.trim_end()));
    }

    #[test]
    fn what_is_visible_already_is_not_escaped_twice() {
        assert_eq!(made_visible("a\\e[2J"), "a\\e[2J");
        assert_eq!(made_visible("a\u{1b}[2J\\"), "a\\e[2J\\\\");
    }
}
