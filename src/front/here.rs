//! The person's own process speaks: writes, asks and shows, on its own descriptors.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::password::PasswordTerminal;
use super::progress::ProgressLine;
use super::question::Question;
use super::reading::{self, ReadError, Source};
use super::signing;
use super::{Said, Signable, Unsigned, Voice};
use crate::authenticate::{Conversation, Seat};
use crate::execute::{CallerState, inherited_descriptor, run_for_caller};
use crate::signing::NAMESPACE;

/// This process, as the one that the person called.
#[derive(Default)]
pub struct Here {
    status: RefCell<Option<File>>,
    line: RefCell<ProgressLine>,
    question: RefCell<Option<Question>>,
    interrupted: Arc<AtomicBool>,
}

impl Voice for Here {
    fn say(&self, text: &str) {
        self.write_error(text.as_bytes());
    }

    fn print(&self, text: &str) -> io::Result<()> {
        self.write_output(text.as_bytes())
    }

    fn progress(&self, text: Option<&str>) {
        let mut line = self.line.borrow_mut();
        match text {
            Some(text) => line.show(text.to_owned()),
            None => line.clear(),
        }
    }

    fn open_status(&self, number: i32) -> Result<(), &'static str> {
        *self.status.borrow_mut() = Some(writable_descriptor(number)?);
        Ok(())
    }

    fn status(&self, line: &str) {
        self.write_status(line.as_bytes());
    }

    fn conversation(&self) -> Option<Box<dyn Conversation + '_>> {
        Some(Box::new(PasswordTerminal::take(None)?))
    }

    fn seat(&self) -> Option<Seat> {
        Seat::of(std::process::id())
    }

    fn edit(&self, words: &[OsString], caller: &CallerState) -> io::Result<i32> {
        self.progress(None);
        Ok(run_for_caller(words, caller)?.exit_code())
    }

    fn sign(
        &self,
        choices: &[Signable],
        key_file: Option<&Path>,
        caller: &CallerState,
    ) -> Result<String, Unsigned> {
        self.progress(None);
        signing::sign(choices, NAMESPACE, key_file, caller).map_err(Unsigned)
    }

    fn read(&self, source: &Source, limit: usize) -> Result<Vec<u8>, ReadError> {
        if reading::is_typed(source) {
            self.say("hitl: reading from the terminal: end with ^D on a line of its own\n");
        }
        reading::read(source, limit)
    }

    fn wait_begins(&self) -> io::Result<()> {
        // ^C takes the request back; every other end of this process leaves it for later.
        let flag = Arc::clone(&self.interrupted);
        signal_hook::flag::register(signal_hook::consts::SIGINT, flag)?;
        Ok(())
    }

    fn ask(&self, expected: &str) -> bool {
        let question = Question::ask(expected);
        let asked = question.is_some();
        *self.question.borrow_mut() = question;
        asked
    }

    fn ask_for_approver(&self) -> bool {
        let question = Question::ask_for_approver();
        let asked = question.is_some();
        *self.question.borrow_mut() = question;
        asked
    }

    fn wait_ends(&self) {
        self.question.borrow_mut().take();
    }

    fn descriptor(&self) -> io::Result<Option<OwnedFd>> {
        let question = self.question.borrow();
        question.as_ref().map(|question| question.descriptor().try_clone_to_owned()).transpose()
    }

    fn said(&self) -> Said {
        if self.interrupted.load(Ordering::SeqCst) {
            return Said::TakeBack;
        }
        let mut question = self.question.borrow_mut();
        question.as_mut().map_or(Said::Nothing, Question::answer)
    }

    fn has_gone(&self) -> bool {
        false
    }
}

impl Here {
    pub(super) fn write_error(&self, text: &[u8]) {
        let _ = io::stderr().lock().write_all(text);
    }

    pub(super) fn write_output(&self, text: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text)?;
        stdout.flush()
    }

    pub(super) fn write_status(&self, line: &[u8]) {
        if let Some(file) = self.status.borrow_mut().as_mut() {
            let _ = file.write_all(line);
        }
    }
}

/// A descriptor that the caller has opened for writing.
pub(super) fn writable_descriptor(number: i32) -> Result<File, &'static str> {
    if number < 0 {
        return Err("not the number of a file descriptor");
    }
    let missing = "no such descriptor is open";
    let file = inherited_descriptor(number).ok_or(missing)?;
    let flags = fcntl(&file, FcntlArg::F_GETFL).map_err(|_| missing)?;
    if OFlag::from_bits_truncate(flags) & OFlag::O_ACCMODE == OFlag::O_RDONLY {
        return Err("it is open for reading only");
    }
    Ok(file)
}
