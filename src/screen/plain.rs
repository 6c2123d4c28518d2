//! The same work as a conversation, for a screen reader, a slow line or a script: no cursor is
//! moved, no line is drawn, every word is read once.

use std::io::{self, BufRead};
use std::process::{Command, Stdio};

use super::calls::Program;
use super::facts::{facts, left_text};
use super::layout::lines_of;
use super::list::{Lists, Tab};
use super::prompt::{Decision, Entered, Prompt};
use super::request::Request;
use super::run::{now_ms, words_of};
use crate::execute::{CallerState, Ending, run_for_caller};
use crate::review::{made_visible, risk_text};
use crate::system::text::{counted, visible};

/// What is asked for.
const PROMPT: &str =
    "command (help, list, show, plan, approve, reject, history, snapshots, quit): ";

const HELP: &str = "\
N is a number of the list, or the id of a request.
list         what waits for a human, oldest first
show N       all that there is to know of a request
plan N       the plan that the requester attached
approve N    say yes: shows the request first, then asks you to type how its id
             begins or, where the risk is critical, the name of the host in full
reject N     say no: asks you for a reason
history      what was decided
snapshots    what can be undone
quit         leave
An empty line does nothing. Text in double quotes was chosen by somebody else;
what cannot be seen in it is spelled out.
";

/// The width that lines are broken to: there need not be a terminal.
const WIDTH: u16 = 80;

/// Talks until "quit" or the end of the input. `print` writes to standard output.
///
/// # Errors
/// What the system says.
pub fn converse(
    program: &Program,
    caller: &CallerState,
    input: &mut dyn BufRead,
    print: &dyn Fn(&str) -> io::Result<()>,
) -> io::Result<()> {
    let mut talk = Talk { program, caller, input, print, lists: Lists::default() };
    talk.list()?;
    loop {
        let Some(line) = talk.asks(PROMPT)? else {
            return print("\n");
        };
        let mut words = line.split_whitespace();
        let (verb, which) = (words.next().unwrap_or_default(), words.next());
        match (verb, which) {
            ("", _) => {}
            ("quit" | "q" | "exit", _) => return Ok(()),
            ("help" | "h" | "?", _) => print(HELP)?,
            ("list" | "l", _) => talk.list()?,
            ("history", _) => talk.history()?,
            ("snapshots", _) => talk.passes_on(["snapshots"])?,
            ("show" | "s", Some(which)) => {
                if let Some(request) = talk.whole(which)? {
                    talk.shows(&request)?;
                }
            }
            ("plan" | "p", Some(which)) => {
                if let Some(id) = talk.id(which)? {
                    talk.passes_on(["show", "--plan", &id])?;
                }
            }
            ("approve" | "a", Some(which)) => talk.decides(which, true)?,
            ("reject" | "r", Some(which)) => talk.decides(which, false)?,
            ("show" | "plan" | "approve" | "reject", None) => {
                print(&format!("{verb} what? \"{verb} 1\" is the first of the list\n"))?;
            }
            _ => {
                print(&format!("\"{}\" is no command here: \"help\" lists them\n", visible(verb)))?
            }
        }
    }
}

struct Talk<'a> {
    program: &'a Program,
    caller: &'a CallerState,
    input: &'a mut dyn BufRead,
    print: &'a dyn Fn(&str) -> io::Result<()>,
    lists: Lists,
}

impl Talk<'_> {
    /// Asks for a line; `None` at the end of the input.
    fn asks(&mut self, question: &str) -> io::Result<Option<String>> {
        (self.print)(question)?;
        let mut line = Vec::new();
        if self.input.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()))
    }

    /// Reads everything anew, and says what waits.
    fn list(&mut self) -> io::Result<()> {
        if !self.read()? {
            return Ok(());
        }
        let count = counted(self.lists.queue.len() as u64, "request");
        let verb = if self.lists.queue.len() == 1 { "waits" } else { "wait" };
        match self.lists.queue.is_empty() {
            true => (self.print)("Nothing waits for a human.\n")?,
            false => (self.print)(&format!("{count} {verb} for a human:\n"))?,
        }
        for (index, row) in self.lists.queue.iter().enumerate() {
            let Some(request) = self.lists.request(&row.id) else { continue };
            let left = request.remaining_ms(now_ms());
            let left = left.map_or_else(String::new, |left| format!(", {} left", left_text(left)));
            let batch =
                row.batch.map_or_else(String::new, |(at, of)| format!(", {at} of a batch of {of}"));
            let review =
                if request.is_unreviewed() { ", ran by break-glass, review it" } else { "" };
            (self.print)(&format!(
                "{}. {}: {} risk, by {}{left}{batch}{review}: {}\n",
                index + 1,
                row.id,
                risk_text(request.shown.risk),
                visible(&request.bound.requester.name),
                request.command,
            ))?;
        }
        Ok(())
    }

    fn history(&mut self) -> io::Result<()> {
        if !self.read()? {
            return Ok(());
        }
        if self.lists.history.is_empty() {
            return (self.print)("No request has been decided yet.\n");
        }
        for id in &self.lists.history {
            let Some(request) = self.lists.request(id) else { continue };
            let who = visible(&request.bound.requester.name);
            let line = format!("{id}: {}, by {who}: {}\n", request.state, request.command);
            (self.print)(&line)?;
        }
        Ok(())
    }

    /// Reads the requests; whether they could be read.
    fn read(&mut self) -> io::Result<bool> {
        let Some(lines) = self.calls(["pending", "--all", "--json"])? else { return Ok(false) };
        self.lists = Lists::default();
        for line in lines {
            match Request::read(&line, now_ms()) {
                Ok(request) => self.lists.put(request),
                Err(error) => {
                    (self.print)(&format!("a request cannot be read: {}\n", visible(&error)))?
                }
            }
        }
        self.lists.arrange();
        Ok(true)
    }

    /// The id that is meant by a number of the list, or by an id; says so where there is none.
    fn id(&mut self, which: &str) -> io::Result<Option<String>> {
        // An id has eight characters, a number of the list fewer.
        let number = which.parse::<usize>().ok().filter(|_| which.len() < 6);
        let Some(number) = number else { return Ok(Some(which.to_owned())) };
        let row = number.checked_sub(1).and_then(|row| self.lists.id(Tab::Queue, row));
        if row.is_none() {
            (self.print)(&format!("there is no {number} in the list: \"list\" shows it\n"))?;
        }
        Ok(row.map(str::to_owned))
    }

    /// A request as it stands now, whole.
    fn whole(&mut self, which: &str) -> io::Result<Option<Request>> {
        let Some(id) = self.id(which)? else { return Ok(None) };
        let Some(lines) = self.calls(["show", "--json", "--", &id])? else { return Ok(None) };
        match Request::read(&lines.concat(), now_ms()) {
            Ok(request) => Ok(Some(request)),
            Err(error) => {
                (self.print)(&format!("the request cannot be read: {}\n", visible(&error)))?;
                Ok(None)
            }
        }
    }

    fn shows(&self, request: &Request) -> io::Result<()> {
        (self.print)(&format!("Request {} is {}\n", request.id, request.state))?;
        for line in lines_of(&facts(request, now_ms()), WIDTH) {
            let indent = usize::from(line.indent);
            (self.print)(&format!("{:<indent$}{}\n", line.label, line.text))?;
        }
        Ok(())
    }

    /// Shows a request, asks for the second step, and decides.
    fn decides(&mut self, which: &str, is_yes: bool) -> io::Result<()> {
        let Some(request) = self.whole(which)? else { return Ok(()) };
        if !request.waits() {
            let (id, state) = (&request.id, request.state);
            return (self.print)(&format!("{id} is {state}: there is nothing to decide\n"));
        }
        self.shows(&request)?;
        let mut prompt = if is_yes { Prompt::approve(&request) } else { Prompt::reject(&request) };
        for (_, line) in prompt.sentences() {
            (self.print)(&format!("{line}\n"))?;
        }
        let Some(typed) = self.asks("> ")? else { return Ok(()) };
        typed.chars().for_each(|character| prompt.types(character));
        match prompt.enters() {
            Entered::Decided(decision) => self.decide(&decision),
            Entered::Nothing | Entered::Filter => {
                let why = prompt.complaint.unwrap_or_else(|| "nothing is decided".to_owned());
                (self.print)(&format!("{why}\n"))
            }
        }
    }

    fn decide(&self, decision: &Decision) -> io::Result<()> {
        let words = words_of(decision);
        let words = self.program.words(words.iter().map(String::as_str));
        let ended = run_for_caller(&words, self.caller)?;
        if ended == Ending::Exited(0) {
            return Ok(());
        }
        (self.print)(&format!("nothing was decided (status {})\n", ended.exit_code()))
    }

    /// Says what a command of hitl prints.
    fn passes_on<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        for line in self.calls(command)?.unwrap_or_default() {
            (self.print)(&format!("{}\n", made_visible(&line)))?;
        }
        Ok(())
    }

    /// The lines that a command of hitl prints; what it says goes to standard error. `None` where it
    /// failed.
    fn calls<'a>(
        &self,
        command: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<Option<Vec<String>>> {
        let words = self.program.words(command);
        let Some((program, arguments)) = words.split_first() else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output()?;
        let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
        Ok(output.status.success().then_some(lines))
    }
}
