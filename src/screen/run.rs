//! The screen at work: sleeps until something happens, sees to it, draws.

use std::io::{self, IsTerminal, stdin, stdout};
use std::os::fd::AsFd;

use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::calls::{Calls, Program, Purpose, Told};
use super::draw::draw;
use super::facts::Tone;
use super::keys::Effect;
use super::list::Tab;
use super::prompt::{Answer, Decision, Meaning};
use super::request::Request;
use super::state::{Layer, Live, Screen};
use super::tty::{Signals, Tty, sleep};
use super::{Left, ScreenError};
use crate::execute::{CallerState, Ending, can_be_stopped, run_for_caller};
use crate::review::{State, made_visible};
use crate::snapshot::RunInformation;
use crate::system::Moment;
use crate::system::text::visible;

/// A countdown changes once a second.
const BEAT_MS: u16 = 1000;

/// Shows the screen until it is left. `say` speaks to the person while the terminal is itself.
///
/// # Errors
/// [`ScreenError`]; the terminal is as it was.
pub fn run(
    program: &Program,
    colour: bool,
    caller: &CallerState,
    say: &dyn Fn(&str),
) -> Result<Left, ScreenError> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(ScreenError::NoTerminal);
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return Err(ScreenError::Dumb);
    }
    let mut calls = Calls::default();
    calls.start(program, Purpose::Watch)?;
    let signals = Signals::hear(caller)?;
    let tty = Tty::take()?;
    let screen = Screen::new(now_ms());
    Ok(Session { program, colour, caller, say, calls, signals, tty, screen }.run()?)
}

/// Milliseconds since boot, suspend included.
pub(super) fn now_ms() -> u64 {
    Moment::now().boot_ms
}

struct Session<'a> {
    program: &'a Program,
    colour: bool,
    caller: &'a CallerState,
    say: &'a dyn Fn(&str),
    calls: Calls,
    signals: Signals,
    tty: Tty,
    screen: Screen,
}

impl Session<'_> {
    fn run(mut self) -> io::Result<Left> {
        let mut is_drawn = false;
        loop {
            if !is_drawn {
                self.draw()?;
            }
            let timeout = match self.screen.counts_down() {
                true => PollTimeout::from(BEAT_MS),
                false => PollTimeout::NONE,
            };
            let input = stdin();
            let descriptors = [input.as_fd(), self.signals.descriptor()];
            let others = self.calls.descriptors();
            let hung_up = sleep(descriptors.into_iter().chain(others), timeout)?;
            let signalled = self.signals.take();
            if let Some(signal) = self.signals.ending() {
                return Ok(Left::Signalled(signal));
            }
            // Also where the caller has its signal ignored: there is nobody left to see anything.
            // A key is about what was on screen when it was pressed: before what is new.
            let keys = if hung_up { None } else { self.tty.keys()? };
            let Some(keys) = keys else { return Ok(Left::Signalled(libc::SIGHUP)) };
            for key in &keys {
                if let Some(effect) = self.screen.press(*key)
                    && let Some(left) = self.see_to(effect)?
                {
                    return Ok(left);
                }
            }
            let told = self.calls.read();
            let beat = now_ms() / u64::from(BEAT_MS) != self.screen.now_ms / u64::from(BEAT_MS);
            let mut changed = false;
            for one in told {
                changed |= self.hear(one);
            }
            is_drawn = !(signalled || !keys.is_empty() || changed || beat);
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        self.screen.now_ms = now_ms();
        let (screen, colour) = (&mut self.screen, self.colour);
        self.tty.terminal.draw(|frame| {
            let area = frame.area();
            screen.settle(area.width, area.height);
            draw(screen, colour, frame);
        })?;
        Ok(())
    }

    /// Does what a key asked for. How the screen is left, where it is.
    fn see_to(&mut self, effect: Effect) -> io::Result<Option<Left>> {
        let program = self.program;
        match effect {
            Effect::Quit => return Ok(Some(Left::Closed)),
            Effect::Suspend => self.suspend()?,
            Effect::Redraw => self.tty.draw_anew()?,
            Effect::Show(id) => self.calls.start(program, Purpose::Show(id))?,
            Effect::ShowPlan(id) => {
                let words = program.words(["show", "--plan", id.as_str()]);
                self.calls.start_words(&words, Purpose::Page)?;
            }
            Effect::ShowSnapshot(id) => {
                let words = program.words(["snapshots", "show", id.as_str()]);
                self.calls.start_words(&words, Purpose::Page)?;
            }
            Effect::ListSnapshots => self.calls.start(program, Purpose::Snapshots)?,
            Effect::Search(text) => self.calls.start(program, Purpose::Search(text))?,
            Effect::Watch => {
                self.screen.live = Live::Reading;
                self.screen.complaint = None;
                self.calls.start(program, Purpose::Watch)?;
            }
            Effect::Decide(decision) => {
                self.decide(&decision)?;
                if let Some(signal) = self.signals.ending() {
                    return Ok(Some(Left::Signalled(signal)));
                }
            }
        }
        Ok(None)
    }

    fn suspend(&mut self) -> io::Result<()> {
        if !can_be_stopped() {
            self.screen.say(Tone::Aside, "no shell is there that could go on with it".to_owned());
            return Ok(());
        }
        self.tty.give_back();
        // The whole job, as the terminal would.
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        self.tty.take_again()
    }

    /// Decides on the terminal itself: whatever has to be signed, typed or touched is asked for there.
    fn decide(&mut self, decision: &Decision) -> io::Result<()> {
        let words = words_of(decision);
        let words = self.program.words(words.iter().map(String::as_str));
        self.tty.give_back();
        let ended = run_for_caller(&words, self.caller);
        let well = matches!(ended, Ok(Ending::Exited(0)));
        let end = match &ended {
            Ok(Ending::Exited(0)) => String::new(),
            Ok(ending) => {
                format!("it ended with {}: nothing may have been decided\n", ending.exit_code())
            }
            Err(error) => format!("hitl could not be started: {error}\n"),
        };
        (self.say)(&format!("{end}press any key to go back to the screen"));
        self.tty.wait_for_key(&mut self.signals)?;
        self.tty.take_again()?;
        let id = &decision.id;
        let effect = if well && self.screen.walk.is_some() { self.screen.walk_on() } else { None };
        match (well, &decision.answer) {
            (true, Answer::Approve { .. }) => {
                self.screen.say(Tone::Good, format!("{id}: your yes is on record"))
            }
            (true, Answer::Reject { .. }) => {
                self.screen.say(Tone::Good, format!("{id}: your no is on record"))
            }
            (false, _) => self.screen.say(Tone::Bad, format!("{id}: nothing was decided")),
        }
        if well && self.screen.walk.is_none() {
            self.screen.layers.clear();
        }
        match effect {
            Some(effect) => self.see_to(effect).map(drop),
            None => Ok(()),
        }
    }

    /// A command in the background has said something: whether anything on screen may be another.
    fn hear(&mut self, (purpose, told): (Purpose, Told)) -> bool {
        let (well, lines, said) = match told {
            Told::Lines(lines) => return self.hear_watch(&lines),
            Told::Complaint(complaint) => {
                self.screen.complaint = Some(complaint);
                return true;
            }
            Told::Ended { well, lines, said } => (well, lines, said),
        };
        let screen = &mut self.screen;
        match purpose {
            Purpose::Watch => {
                // It may have said why some time before.
                let said = Some(said).filter(|said| !said.is_empty());
                let why = said.or_else(|| screen.complaint.take());
                let why = why.unwrap_or_else(|| "the watch has ended: R watches again".to_owned());
                screen.say(Tone::Bad, why.clone());
                screen.live = Live::No(why);
                screen.arrange();
                return true;
            }
            Purpose::Show(id) => match Request::read(&lines.concat(), now_ms()) {
                Ok(request) => screen.is_whole_now(request),
                Err(error) if well => screen.say(Tone::Bad, format!("{id}: {}", visible(&error))),
                Err(_) => {}
            },
            Purpose::Page => {
                if let Some(Layer::Page(page)) = screen.layers.last_mut() {
                    page.lines = Some(lines.iter().map(|line| made_visible(line)).collect());
                }
            }
            Purpose::Snapshots => {
                let runs = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
                screen.lists.put_runs(runs.collect::<Vec<RunInformation>>());
                screen.arrange();
            }
            Purpose::Search(text) if screen.lists.filter.text == text => {
                let ids = lines.iter().filter_map(|line| {
                    let value: Value = serde_json::from_str(line).ok()?;
                    Some(value.get("id")?.as_str()?.to_owned())
                });
                screen.lists.filter.by_plan = ids.collect();
                screen.arrange();
            }
            Purpose::Search(_) => {}
        }
        if !well {
            screen.say(Tone::Bad, said);
        }
        true
    }

    fn hear_watch(&mut self, lines: &[String]) -> bool {
        let mut was_finished = false;
        for line in lines {
            match Request::read(line, now_ms()) {
                Ok(request) => {
                    was_finished |= request.state == State::Finished;
                    self.screen.put(request);
                }
                Err(_) if has(line, "listed") => self.screen.live = Live::Yes,
                // What is wrong is said on standard error as well.
                Err(_) if has(line, "error") => {}
                Err(error) => self.screen.say(Tone::Bad, visible(&error)),
            }
        }
        // Until everything has been listed there is nothing to see.
        if self.screen.live != Live::Yes {
            return false;
        }
        self.screen.arrange();
        if was_finished && self.screen.tab == Tab::Snapshots {
            // A list that is not up to date says less, not wrong.
            let _ = self.calls.start(self.program, Purpose::Snapshots);
        }
        true
    }
}

/// Whether a line is an object with this field.
fn has(line: &str, field: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|value| value.get(field).is_some())
}

/// The command that a decision is.
pub(super) fn words_of(decision: &Decision) -> Vec<String> {
    let Decision { id, digest, meaning, answer } = decision;
    let digest = format!("--digest={digest}");
    let words = match answer {
        Answer::Approve { host: Some(host) } => {
            vec!["approve".to_owned(), digest, format!("--host={host}")]
        }
        Answer::Approve { host: None } => vec!["approve".to_owned(), digest],
        Answer::Reject { message } => {
            vec!["reject".to_owned(), digest, format!("--message={message}")]
        }
    };
    let review = (*meaning == Meaning::WasJustified).then(|| "--review".to_owned());
    words.into_iter().chain(review).chain([id.clone()]).collect()
}
