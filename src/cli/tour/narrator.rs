//! The voice of the tour: headings, explanations, commands before they run, what they print.

use std::io::IsTerminal;

use crate::cli::Output;
use crate::cli::failure::Failure;
use crate::system::Paint;

/// Prints the tour, and waits for Enter between its steps where somebody is there to press it.
pub(super) struct Narrator {
    output: Output,
    pause: bool,
}

impl Narrator {
    /// A narrator who pauses only where standard input is a terminal.
    pub(super) fn new(output: Output, pause: bool) -> Self {
        let interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Self { output, pause: pause && interactive }
    }

    /// A new step.
    pub(super) fn step(&self, number: usize, title: &str, text: &str) -> Result<(), Failure> {
        if self.pause && number > 1 {
            self.output.print("\n(Enter goes on) ")?;
            let mut line = String::new();
            std::io::stdin().read_line(&mut line)?;
        }
        let heading = format!("{number}. {title}");
        self.output.print(&format!("\n{}\n{text}\n", self.strong(&heading)))
    }

    /// A sentence in between.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        self.output.print(&format!("{text}\n"))
    }

    /// A command, before it runs.
    pub(super) fn command(&self, who: &str, words: &[&str]) -> Result<(), Failure> {
        let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let prompt = if who == "root" { "root#".to_owned() } else { format!("{who}$") };
        self.output.print(&format!("\n{} {}\n", self.strong(&prompt), self.strong(&line)))
    }

    /// What a command printed, indented so that it stands apart.
    pub(super) fn printed(&self, text: &str) -> Result<(), Failure> {
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        self.output.print(&indented)
    }

    fn strong(&self, text: &str) -> String {
        self.output.colour_on_stdout().paint(Paint::Strong, text)
    }
}

/// A word as it must be typed in a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
