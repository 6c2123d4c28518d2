//! Where output goes: results on standard output, everything said to a person on standard error.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::rc::Rc;

use clap::ValueEnum;
use serde::Serialize;

use super::failure::{ExitCode, Failure};
use crate::front::{Here, Voice};
use crate::system::Colour;
use crate::system::text::{cells, hanging, visible_json, wrapped};

/// When to use colour. Colour is never the only signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How this process speaks.
#[derive(Clone)]
pub struct Output {
    /// Whether results are JSON.
    pub json: bool,
    /// When colour is used.
    pub color: ColorChoice,
    /// What speaks: this process, or the unprivileged one that was called.
    pub voice: Rc<dyn Voice>,
}

impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Output").field("json", &self.json).finish_non_exhaustive()
    }
}

impl Output {
    /// This process speaks for itself.
    pub fn here(json: bool, color: ColorChoice) -> Self {
        Self { json, color, voice: Rc::new(Here::default()) }
    }

    /// Whether standard output takes colour.
    pub fn colour_on_stdout(&self) -> Colour {
        Colour::when(self.uses_colour(io::stdout().is_terminal()))
    }

    /// Whether standard error takes colour.
    pub fn colour_on_stderr(&self) -> Colour {
        Colour::when(self.uses_colour(io::stderr().is_terminal()))
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// The width of the terminal that standard output is, in cells; `None` where it is none.
    pub fn columns(&self) -> Option<usize> {
        columns(io::stdout())
    }

    /// The width of the terminal that standard error is, in cells; `None` where it is none, or does
    /// not say.
    pub fn columns_of_stderr(&self) -> Option<usize> {
        columns(io::stderr())
    }

    /// Whether people read standard error on a terminal.
    pub fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    fn uses_colour(&self, terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org and https://bixense.com/clicolors
            ColorChoice::Auto if set("NO_COLOR") => false,
            ColorChoice::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0") => {
                true
            }
            ColorChoice::Auto => terminal && std::env::var_os("TERM").is_none_or(|v| v != "dumb"),
        }
    }

    /// Prints a result.
    ///
    /// # Errors
    /// A failure with exit code 125 where standard output cannot be written. A reader that closed
    /// the pipe (`hitl … | head -1`) has all it wants: that failure says nothing.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        self.voice.print(text).map_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                Failure::silent(ExitCode::Failed)
            } else {
                Failure::new(ExitCode::Failed, format!("cannot write to standard output: {error}"))
            }
        })
    }

    /// Prints one JSON value on a line of its own.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn print_json<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let line =
            serde_json::to_string(value).map_err(|error| Failure::new(ExitCode::Failed, error))?;
        self.print(&format!("{}\n", visible_json(&line)))
    }

    /// Prints JSON values, each on a line of its own, all at once.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn print_json_lines<T: Serialize>(&self, values: &[T]) -> Result<(), Failure> {
        let mut lines = String::new();
        for value in values {
            lines.push_str(&visible_json(&serde_json::to_string(value)?));
            lines.push('\n');
        }
        self.print(&lines)
    }

    /// Says something to the person, on standard error. A closed standard error is no reason to
    /// stop.
    pub fn say(&self, text: &str) {
        let indent = if text.starts_with("hitl: ") { 6 } else { 2 };
        match columns(io::stderr()) {
            // What has several lines was laid out by whoever made it.
            Some(width) if !text.contains('\n') && cells(text) > width => {
                let (first, rest) = wrapped(text, width)
                    .first()
                    .map_or((text, ""), |first| text.split_at(first.len()));
                let rest = hanging(rest, indent, Some(width));
                self.voice.say(&format!("{}\n{:indent$}{rest}\n", first.trim_end(), ""));
            }
            _ => self.voice.say(&format!("{text}\n")),
        }
    }
}

/// The width of a terminal in cells; `None` where the descriptor is none.
fn columns(descriptor: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(descriptor).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
