//! What `hitl run` tells while it goes: people on standard error, programs on the status
//! descriptor.

use std::io;
use std::os::fd::OwnedFd;

use serde_json::{Map, Value, json};

use super::report;
use crate::authenticate::{Conversation, Seat};
use crate::cli::failure::{ExitCode, Failure};
use crate::cli::output::Output;
use crate::cli::progress;
use crate::cli::waiting::WaitingLine;
use crate::execute::{CallerState, Ending};
use crate::front::{Said, Signable, Unsigned};
use crate::policy::Decision;
use crate::protocol::{Event, Front, Outcome, Waiting};
use crate::review::{self, Record, made_visible};
use crate::snapshot::Progress;
use crate::system::Moment;

/// How many characters of the id are to be typed: enough that nobody types them by habit.
const TYPED: usize = 4;

/// A person at a terminal, a script, or both.
pub(super) struct TerminalFront {
    output: Output,
    /// What the caller had: what is started for them gets it back.
    caller: CallerState,
    /// Whether events are written to a descriptor of the caller's.
    tells: bool,
    /// What the policy said, for the last word.
    verdict: Map<String, Value>,
    /// What else stands in it.
    about: Map<String, Value>,
    /// The line that shows how a wait or a snapshot goes.
    line: progress::Progress,
    /// What it says in a wait.
    wait: WaitingLine,
    /// Whether a question stands at the terminal, which the line must not write over.
    asking: bool,
}

impl TerminalFront {
    /// A front that speaks as `output` says, and writes events to the descriptor with this number.
    ///
    /// # Errors
    /// A usage failure where that is not open for writing.
    pub(super) fn new(
        output: &Output,
        caller: &CallerState,
        status: Option<i32>,
    ) -> Result<Self, Failure> {
        if let Some(number) = status {
            output.voice.open_status(number).map_err(|why| {
                Failure::new(
                    ExitCode::Usage,
                    format!(
                        "--status-fd {number}: {why}; open it for writing, as in \"hitl run --status-fd 3 … 3>status.jsonl\""
                    ),
                )
            })?;
        }
        Ok(Self {
            output: output.clone(),
            caller: caller.clone(),
            tells: status.is_some(),
            verdict: Map::new(),
            about: Map::new(),
            line: progress::Progress::new(output),
            wait: WaitingLine::new(output, "; ^C takes it back"),
            asking: false,
        })
    }

    /// Puts something more into the last word.
    pub(super) fn about(&mut self, name: &str, value: impl Into<String>) {
        self.about.insert(name.to_owned(), Value::String(value.into()));
    }

    /// The last word: one JSON object with `--json`, a sentence otherwise.
    ///
    /// # Errors
    /// Where standard output cannot be written. The command's end is on record by then.
    pub(super) fn outcome(&mut self, outcome: &Outcome) -> Result<(), Failure> {
        self.line.clear();
        let mut object = report::outcome_json(outcome);
        for (name, value) in self.about.iter().chain(&self.verdict) {
            object.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let mut event = object.clone();
        event.insert("event".into(), "outcome".into());
        self.tell(event);
        if let Some(sentence) = report::outcome_sentence(outcome) {
            self.output.say(&format!("hitl: {sentence}"));
        }
        if !self.output.json {
            return Ok(());
        }
        if matches!(outcome, Outcome::Ended { .. }) {
            // The command may have ended within a line: the object stands on one of its own.
            self.output.print("\n")?;
        }
        self.output.print_json(&object)
    }

    /// The last word of a run that failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.line.clear();
        let mut event = failure.to_json();
        if let Some(object) = event.as_object_mut() {
            object.insert("event".into(), "failed".into());
        }
        self.tell_value(&event);
    }

    fn tell(&mut self, event: Map<String, Value>) {
        self.tell_value(&Value::Object(event));
    }

    fn tell_value(&mut self, event: &Value) {
        if self.tells {
            self.output.voice.status(&format!("{event}\n"));
        }
    }
}

impl Front for TerminalFront {
    fn event(&mut self, event: &Event<'_>) {
        self.line.clear();
        match event {
            Event::Decided(case) => {
                self.verdict = report::verdict_json(&case.verdict);
                let mut told = self.verdict.clone();
                told.insert("v".into(), 1.into());
                told.insert("event".into(), "decided".into());
                self.tell(told);
            }
            Event::Pending(record, candidates) => {
                self.wait.is_known(record);
                let text = review::describe(record, &Moment::now(), self.output.colour_on_stderr());
                self.output.say(text.trim_end());
                self.output.say(&report::about_sentence(record));
                self.output.say(&report::pending_sentence(record, candidates));
                self.tell_value(&json!({
                    "v": 1, "event": "pending", "id": record.id, "needed": record.needed(),
                    "expires": record.approval_deadline.rfc3339(),
                }));
            }
            Event::BreakingGlass(record) => {
                let text = review::describe(record, &Moment::now(), self.output.colour_on_stderr());
                self.output.say(text.trim_end());
                self.output.say(&report::about_sentence(record));
                self.output.say(&report::breaking_sentence(record));
                self.tell_value(&json!({"v": 1, "event": "breaking-glass", "id": record.id}));
            }
            Event::GlassBroken(record) => {
                self.output.say(&report::broken_sentence(record));
                let glass = record.shown.break_glass.as_ref();
                self.tell_value(&json!({
                    "v": 1, "event": "break-glass", "id": record.id,
                    "lifted": glass.map(|glass| &glass.lifted),
                    "review_by": glass.map(|glass| glass.review_by.rfc3339()),
                }));
            }
            Event::GlassKept(why) => {
                self.output.say(&format!("hitl: --break-glass changes nothing: {why}"));
                self.tell_value(&json!({"v": 1, "event": "glass-kept", "why": why}));
            }
            Event::Approved(record) => {
                self.output.say(&format!("hitl: {}", report::approved_sentence(record)));
                let by: Vec<_> =
                    record.approvals.iter().map(|approval| &approval.approver.name).collect();
                self.tell_value(&json!({"v": 1, "event": "approved", "id": record.id, "by": by}));
            }
            Event::Snapshotted(captured) => self.tell_value(&json!({
                "v": 1, "event": "snapshotted", "entries": captured.entries,
                "bytes": captured.bytes, "level": captured.coverage.level,
                "not_covered": captured.coverage.not_covered,
            })),
            Event::UndoIsLimited(coverage) => {
                let because = made_visible(&coverage.because());
                self.output.say(&format!("hitl: undo is {}: {because}", coverage.level));
            }
            Event::NotSnapshotted(error) => {
                self.output.say(&format!("hitl: this cannot be undone: {error}"));
                self.tell_value(
                    &json!({"v": 1, "event": "not-snapshotted", "why": error.to_string()}),
                );
            }
            Event::NotConfined(why) => {
                self.output.say(&format!("hitl: the command is not fully confined: {why}"));
                self.tell_value(&json!({"v": 1, "event": "not-confined", "why": why}));
            }
            Event::Started(id) => self.tell_value(&json!({"v": 1, "event": "started", "id": id})),
            Event::Ended(id, ending) => {
                let mut told = report::ending_json(*ending);
                told.insert("v".into(), 1.into());
                told.insert("event".into(), "ended".into());
                told.insert("id".into(), id.to_string().into());
                self.tell(told);
                if let Ending::NotExecuted(number) = ending {
                    let why = std::io::Error::from_raw_os_error(*number);
                    self.output.say(&format!("hitl: the command could not be executed: {why}"));
                }
            }
            Event::StoreTooLarge(sentence) => self.output.say(&format!("hitl: {sentence}")),
            Event::AfterNotRecorded(error) => {
                self.output.say(&format!(
                    "hitl: the command has ended, but what it changed could not be recorded: {error}"
                ));
            }
        }
    }

    fn conversation(&mut self) -> Option<Box<dyn Conversation + '_>> {
        self.output.voice.conversation()
    }

    fn sign(&mut self, choices: &[Signable]) -> Result<String, Unsigned> {
        self.output.voice.sign(choices, None, &self.caller)
    }

    fn seat(&self) -> Option<Seat> {
        self.output.voice.seat()
    }

    fn wait_begins(&mut self) -> io::Result<()> {
        self.output.voice.wait_begins()
    }

    fn ask(&mut self, record: &Record) {
        if record.shown.decision == Decision::Approve {
            self.asking = self.output.voice.ask_for_approver();
            return;
        }
        let expected: String = record.id.to_string().chars().take(TYPED).collect();
        self.asking = self.output.voice.ask(&expected);
    }

    fn waiting(&mut self, waiting: &Waiting<'_>) {
        if self.wait.show(&mut self.line, waiting, self.asking) {
            let record = waiting.record;
            let by: Vec<_> = record.approvals.iter().map(|yes| &yes.approver.name).collect();
            self.tell_value(&json!({
                "v": 1, "event": "waiting", "id": record.id, "needed": record.needed(), "by": by,
                "expires": record.approval_deadline.rfc3339(),
            }));
        }
    }

    fn descriptor(&mut self) -> io::Result<Option<OwnedFd>> {
        self.output.voice.descriptor()
    }

    fn said(&mut self) -> Said {
        let said = self.output.voice.said();
        self.asking &= said == Said::Nothing;
        said
    }

    fn wait_ends(&mut self) {
        self.output.voice.wait_ends();
    }

    fn has_gone(&mut self) -> bool {
        self.output.voice.has_gone()
    }

    fn progress(&mut self, progress: Progress<'_>) {
        self.line.show(|| {
            let mebibytes = progress.bytes >> 20;
            format!("taking the snapshot: {} entries, {mebibytes} MiB", progress.entries)
        });
    }
}
