//! What is wrong with a policy, where, and what to do: file, line, column, the line itself with a
//! caret, and a suggestion.

use std::fmt;

use super::locate::{Step, TOO_LARGE, position};
use crate::system::text::visible;

/// One file of a policy.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// What it is called in errors: its path.
    pub(super) name: String,
    /// What it says.
    pub(super) text: String,
}

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line itself.
    excerpt: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// At a position.
    pub(super) fn at(
        source: &Source,
        (line, column): (usize, usize),
        message: String,
        help: Option<String>,
    ) -> Self {
        let excerpt = source.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        Self { file: source.name.clone(), line, column, excerpt: excerpt.to_owned(), message, help }
    }

    /// At the place that these steps lead to.
    pub(super) fn on(
        source: &Source,
        steps: &[Step],
        message: String,
        help: Option<String>,
    ) -> Self {
        Self::at(source, position(&source.text, steps), message, help)
    }

    /// What the YAML reader found.
    pub(super) fn from_yaml(source: &Source, error: &serde_yaml::Error) -> Self {
        let mut message = error.to_string();
        let place = error
            .location()
            .map(|found| (found.line(), found.column()))
            .filter(|place| *place != (1, 1))
            .or_else(|| byte_position(&source.text, &message))
            .unwrap_or((1, 1));
        // The reader says the place in words as well.
        if let Some(at) = message.find(&format!(" at line {} column {}", place.0, place.1)) {
            message.truncate(at);
        }
        if message == "repetition limit exceeded" {
            message = TOO_LARGE.to_owned();
        }
        let (message, help) = explain(message);
        Self::at(source, place, message, help)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let split = self
            .excerpt
            .char_indices()
            .nth(self.column.saturating_sub(1))
            .map_or(self.excerpt.len(), |(at, _)| at);
        let (before, from) = self.excerpt.split_at(split);
        // What is shown can be wider than what is there: the caret goes by what is shown.
        let indent = " ".repeat(visible(before).chars().count());
        let word = from.chars().take_while(|c| c.is_alphanumeric() || "_-./".contains(*c)).count();
        writeln!(formatter, "{}", visible(&self.message))?;
        let file = visible(&self.file);
        writeln!(formatter, "{margin}--> {file}:{}:{}", self.line, self.column)?;
        writeln!(formatter, "{margin} |")?;
        writeln!(formatter, "{number} | {}{}", visible(before), visible(from))?;
        write!(formatter, "{margin} | {indent}{}", "^".repeat(word.max(1)))?;
        match &self.help {
            Some(help) => write!(formatter, "\n{margin} = {}", visible(help)),
            None => Ok(()),
        }
    }
}

/// The place of a character that YAML does not take at all: the reader gives its byte.
fn byte_position(text: &str, message: &str) -> Option<(usize, usize)> {
    let byte: usize = message.split_once(" at position ")?.1.parse().ok()?;
    let before = text.get(..byte)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..)?.chars().count() + 1;
    Some((before.matches('\n').count() + 1, column))
}

/// Turns serde's lists of what it expected into a suggestion.
fn explain(message: String) -> (String, Option<String>) {
    let Some((what, expected)) = message.split_once(", expected ") else { return (message, None) };
    let is_choice = what.contains("unknown field") || what.contains("unknown variant");
    let Some(wrong) = backquoted(what).last().filter(|_| is_choice) else { return (message, None) };
    let choices: Vec<&str> = backquoted(expected).collect();
    let help = did_you_mean(wrong, choices.iter().copied())
        .unwrap_or_else(|| format!("known here: {}", choices.join(", ")));
    (what.replace("variant", "value").replace('`', "\""), Some(help))
}

fn backquoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `did you mean "decision"?`, where one of the choices is near enough.
pub(super) fn did_you_mean<'a>(
    wrong: &str,
    choices: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    choices
        .into_iter()
        .map(|choice| (edit_distance(wrong, choice), choice))
        .filter(|(distance, choice)| *distance <= 1 + choice.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, choice)| format!("did you mean {choice:?}?"))
}

/// How many characters must be added, removed, replaced or exchanged with their neighbour.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    // Nobody is helped by a suggestion for a text of a hundred characters.
    for (row, character) in left.chars().take(100).enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, column) + usize::from(character != *other))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let exchanged = column.checked_sub(1).filter(|before| {
                previous == Some(*other) && right.get(*before) == Some(&character)
            });
            if let Some(before) = exchanged {
                best = best.min(at(&before_last, before) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(character);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let choices = ["decision", "description", "require", "risk"];
        for (wrong, expected) in [
            ("decison", Some("decision")),
            ("dceision", Some("decision")),
            ("requires", Some("require")),
            ("rsik", Some("risk")),
            ("colour", None),
        ] {
            let expected = expected.map(|word| format!("did you mean {word:?}?"));
            assert_eq!(did_you_mean(wrong, choices), expected, "{wrong}");
        }
    }

    #[test]
    fn a_diagnostic_shows_the_line_and_points_at_the_word() {
        let source = Source { name: "p.yaml".into(), text: "a: 1\nrules: [{id: x y}]\n".into() };
        let shown = Diagnostic::at(&source, (2, 10), "wrong".into(), Some("mend it".into()));
        let expected =
            "wrong\n --> p.yaml:2:10\n  |\n2 | rules: [{id: x y}]\n  |          ^^\n  = mend it";
        assert_eq!(shown.to_string(), expected);
    }
}
