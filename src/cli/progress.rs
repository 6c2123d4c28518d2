//! Shows how something slow goes, once it has taken long enough to be worth a line.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Output;
use crate::front::Voice;

/// What takes less time than this is not worth a line.
const PATIENCE: Duration = Duration::from_millis(700);

/// How often the line changes at most.
const BEAT: Duration = Duration::from_millis(80);

/// A line that says how something goes.
pub(super) struct Progress {
    voice: Rc<dyn Voice>,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// A line that is not there yet.
    pub(super) fn new(output: &Output) -> Self {
        Self { voice: Rc::clone(&output.voice), begun: Instant::now(), shown: None }
    }

    /// Shows the text, once the work has taken long enough.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= BEAT);
        if self.begun.elapsed() >= PATIENCE && is_due {
            self.show_now(text);
        }
    }

    /// Shows the text at once.
    pub(super) fn show_now(&mut self, text: impl FnOnce() -> String) {
        self.voice.progress(Some(&text()));
        self.shown = Some(Instant::now());
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.shown.take().is_some() {
            self.voice.progress(None);
        }
    }
}
