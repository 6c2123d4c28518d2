//! Lines of labelled text that a requester cannot break out of.
//!
//! A terminal wraps a long line to its left edge, where padding with spaces can make the rest of an
//! argument look like a line of ours. So lines are wrapped here, below their label.

use crate::system::Digest;
use crate::system::text::{visible, wrapped};

/// The width that lines are wrapped to, in terminal cells.
const WIDTH: usize = 80;

/// Where values begin.
const INDENT: usize = 15;

/// The cells beside the labels, the further indent of what goes on taken off.
const ROOM: usize = WIDTH - INDENT - 2;

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
            let mut pieces = wrapped(value.as_ref(), ROOM).into_iter().peekable();
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

/// Text that was made visible when it was written down, and is made so again only where it was not:
/// otherwise each backslash would be doubled.
pub fn made_visible(text: &str) -> String {
    let shown = visible(text);
    if shown.replace("\\\\", "\\") == text { text.to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

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
