//! One line on a terminal that says how something slow goes.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on standard error, only where that is a terminal.
#[derive(Default)]
pub(super) struct ProgressLine {
    bar: Option<ProgressBar>,
}

impl ProgressLine {
    /// Shows the text in place of the one before.
    pub(super) fn show(&mut self, text: String) {
        if self.bar.is_none() && !std::io::stderr().is_terminal() {
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
        bar.set_message(text);
        bar.tick();
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
