//! One line on a terminal that says how something slow goes.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes less time than this is not worth a line.
const PATIENCE: Duration = Duration::from_millis(700);

/// A line on standard error, only where that is a terminal.
pub(super) struct ProgressLine {
    bar: Option<ProgressBar>,
    begun: Instant,
    terminal: bool,
}

impl ProgressLine {
    /// A line that is not there yet.
    pub(super) fn new() -> Self {
        Self { bar: None, begun: Instant::now(), terminal: std::io::stderr().is_terminal() }
    }

    /// Shows the text, once the work has taken long enough.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.begun.elapsed() >= PATIENCE {
            self.show_now(text);
        }
    }

    /// Shows the text at once.
    pub(super) fn show_now(&mut self, text: impl FnOnce() -> String) {
        if !self.terminal {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is ours and always parses; without it the line shows the bar's default.
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(text());
        bar.tick();
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
