//! Other commands of this very program, which do what the screen cannot: it has no privileges.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::review::made_visible;

/// How this program is called: its file, which may have another name or none by now, and what
/// applies to each of its commands.
#[derive(Clone, Debug)]
pub struct Program {
    /// The options that every command is called with.
    pub options: Vec<OsString>,
}

impl Program {
    /// The words of a command.
    pub(super) fn words<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
        let mut words = vec![OsString::from("/proc/self/exe")];
        words.extend(self.options.iter().cloned());
        words.extend(command.into_iter().map(OsString::from));
        words
    }
}

/// What a command was called for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// All requests, and then each that is new or has changed.
    Watch,
    /// One request whole.
    Show(String),
    /// Lines for the page that is open.
    Page,
    /// The snapshots.
    Snapshots,
    /// The requests that hold this, in their plan too.
    Search(String),
}

impl Purpose {
    fn command(&self) -> Vec<&str> {
        match self {
            Self::Watch => vec!["pending", "--all", "--json", "--watch"],
            Self::Show(id) => vec!["show", "--json", id],
            Self::Snapshots => vec!["snapshots", "--json"],
            Self::Search(text) => vec!["pending", "--all", "--json", "--search", text],
            Self::Page => Vec::new(),
        }
    }
}

/// What a command has said.
#[derive(Debug)]
pub(super) enum Told {
    /// Lines of its standard output, from the one that goes on for ever.
    Lines(Vec<String>),
    /// A line of its standard error, while it goes on.
    Complaint(String),
    /// It has ended: whether well, the (other) lines of its standard output, and what it said on
    /// standard error.
    Ended { well: bool, lines: Vec<String>, said: String },
}

/// The commands that run in the background.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

struct Call {
    purpose: Purpose,
    child: Child,
    output: Pipe,
    errors: Pipe,
}

struct Pipe {
    file: Option<File>,
    bytes: Vec<u8>,
}

impl Calls {
    /// Starts a command for this purpose, in place of one that runs for the same.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(&mut self, program: &Program, purpose: Purpose) -> io::Result<()> {
        let words = program.words(purpose.command());
        self.start_words(&words, purpose)
    }

    /// The same with another command than the usual one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start_words(&mut self, words: &[OsString], purpose: Purpose) -> io::Result<()> {
        let same =
            |call: &Call| std::mem::discriminant(&call.purpose) == std::mem::discriminant(&purpose);
        let (old, others): (Vec<_>, Vec<_>) = self.0.drain(..).partition(same);
        self.0 = others;
        old.into_iter().for_each(end);
        let Some((program, arguments)) = words.split_first() else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A key that is meant for what runs on the terminal does not end it.
        command.process_group(0);
        let mut child = command.spawn()?;
        let output = Pipe::new(child.stdout.take().map(OwnedFd::from))?;
        let errors = Pipe::new(child.stderr.take().map(OwnedFd::from))?;
        self.0.push(Call { purpose, child, output, errors });
        Ok(())
    }

    /// What becomes readable when one of them has said something.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let pipes = self.0.iter().flat_map(|call| [&call.output, &call.errors]);
        pipes.filter_map(|pipe| pipe.file.as_ref().map(AsFd::as_fd))
    }

    /// What they have said since, without waiting.
    pub(super) fn read(&mut self) -> Vec<(Purpose, Told)> {
        let mut told = Vec::new();
        for call in &mut self.0 {
            call.output.read();
            call.errors.read();
            if call.purpose != Purpose::Watch {
                continue;
            }
            let lines = call.output.lines();
            if !lines.is_empty() {
                told.push((call.purpose.clone(), Told::Lines(lines)));
            }
            // Where it is about to end this is why, and said with that.
            if !call.has_ended() {
                let complaints = call.errors.lines().into_iter();
                let complaints = complaints.map(|line| Told::Complaint(made_visible(&line)));
                told.extend(complaints.map(|complaint| (call.purpose.clone(), complaint)));
            }
        }
        let (ended, running): (Vec<_>, Vec<_>) = self.0.drain(..).partition(Call::has_ended);
        self.0 = running;
        for mut call in ended {
            // Both pipes are closed: it is about to end, or has.
            let well = call.child.wait().is_ok_and(|status| status.success());
            let said = String::from_utf8_lossy(&call.errors.bytes);
            let said = said.lines().map(made_visible).collect::<Vec<_>>().join(" ");
            let lines = call.output.lines();
            told.push((call.purpose, Told::Ended { well, lines, said }));
        }
        told
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.0.drain(..).for_each(end);
    }
}

impl Call {
    fn has_ended(&self) -> bool {
        self.output.file.is_none() && self.errors.file.is_none()
    }
}

fn end(mut call: Call) {
    // It may have ended by itself.
    let _ = call.child.kill();
    let _ = call.child.wait();
}

impl Pipe {
    fn new(end: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(end) = &end {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self { file: end.map(File::from), bytes: Vec::new() })
    }

    fn read(&mut self) {
        let Some(file) = &mut self.file else { return };
        // Without the end of the pipe this is an error: nothing more for now.
        match file.read_to_end(&mut self.bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => self.file = None,
        }
    }

    /// The lines that are complete.
    fn lines(&mut self) -> Vec<String> {
        let end = match self.file {
            Some(_) => self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1),
            None => self.bytes.len(),
        };
        let rest = self.bytes.split_off(end);
        let complete = std::mem::replace(&mut self.bytes, rest);
        String::from_utf8_lossy(&complete).lines().map(str::to_owned).collect()
    }
}
