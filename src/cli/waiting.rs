//! What somebody reads who waits for humans: on a terminal one line that runs down, elsewhere a
//! sentence at the beginning and one at every change.

use super::Output;
use super::progress::Progress;
use crate::protocol::Waiting;
use crate::review::Record;
use crate::system::text::{cut_in_the_middle, visible};

/// The terminal that is assumed where it does not say how wide it is, in cells.
const WIDTH: usize = 80;

/// How a wait is told.
pub(super) struct WaitingLine {
    output: Output,
    /// What the person can do, for the end of the line.
    hint: &'static str,
    /// How many approvals there were when somebody was last told.
    told: Option<usize>,
}

impl WaitingLine {
    pub(super) fn new(output: &Output, hint: &'static str) -> Self {
        Self { output: output.clone(), hint, told: None }
    }

    /// The person knows by other words how the request stands.
    pub(super) fn is_known(&mut self, record: &Record) {
        self.told = Some(record.approvals.len());
    }

    /// The wait goes on: says what has changed, if anything has (and whether), and lets the line run
    /// down, unless `silent`: where something else stands on the screen.
    pub(super) fn show(
        &mut self,
        line: &mut Progress,
        waiting: &Waiting<'_>,
        silent: bool,
    ) -> bool {
        let news = self.news(waiting);
        if let Some(sentence) = &news {
            line.clear();
            if silent {
                // A question stands there, and its line is not ended.
                self.output.say("");
            }
            self.output.say(sentence);
        }
        if !silent {
            let text =
                format!("{}{}", waiting.candidates.line(waiting.record, waiting.left), self.hint);
            // The last cell stays free: some terminals begin a new line once it is written.
            let room = self.output.columns_of_stderr().unwrap_or(WIDTH).saturating_sub(1);
            line.show_now(|| cut_in_the_middle(&text, room));
        }
        news.is_some()
    }

    fn news(&mut self, waiting: &Waiting<'_>) -> Option<String> {
        let record = waiting.record;
        let before = self.told.replace(record.approvals.len());
        let new = record.approvals.get(before.unwrap_or(0)..).unwrap_or_default();
        let names: Vec<_> = new.iter().map(|yes| visible(&yes.approver.name)).collect();
        let needed = waiting.candidates.needed(record);
        match before {
            None if self.output.stderr_is_terminal() => None,
            None => Some(format!("hitl: {}", waiting.candidates.line(record, waiting.left))),
            Some(_) if names.is_empty() => None,
            Some(_) => Some(format!(
                "hitl: {} approved {}; it still needs {needed}",
                names.join(" and "),
                record.id
            )),
        }
    }
}
