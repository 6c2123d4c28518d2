//! `hitl review`: the screen, or the conversation, on which reviewers work.

use std::io;

use super::arguments::{GlobalArguments, ReviewArguments};
use super::failure::{ExitCode, Failure};
use super::{ColorChoice, Exit, Output};
use crate::execute::{CallerState, Ending};
use crate::screen::{self, Left, Program, ScreenError};
use crate::system::Colour;

/// Shows what waits, and lets the person decide.
pub(super) fn review(
    global: &GlobalArguments,
    arguments: &ReviewArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let program = Program { options: options(global) };
    if arguments.plain {
        let print = |text: &str| output.voice.print(text);
        let mut input = io::stdin().lock();
        return match screen::converse(&program, caller, &mut input, &print) {
            Ok(()) => Ok(Exit::Status(0)),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(Failure::silent(ExitCode::Failed))
            }
            Err(error) => Err(ScreenError::System(error).into()),
        };
    }
    let colour = output.colour_on_stdout() == Colour::On;
    let say = |text: &str| output.say(text);
    match screen::run(&program, colour, caller, &say)? {
        Left::Closed => Ok(Exit::Status(0)),
        Left::Signalled(signal) => Ok(Exit::As(Ending::Signalled(signal))),
    }
}

/// What applies to every command that the screen calls.
fn options(global: &GlobalArguments) -> Vec<std::ffi::OsString> {
    let mut options = Vec::new();
    for (name, value) in [("--policy", &global.policy), ("--state-dir", &global.state_dir)] {
        if let Some(value) = value {
            options.extend([name.into(), value.clone().into_os_string()]);
        }
    }
    let color = match global.color {
        ColorChoice::Auto => None,
        ColorChoice::Always => Some("--color=always"),
        ColorChoice::Never => Some("--color=never"),
    };
    options.extend(color.map(Into::into));
    options
}

impl From<ScreenError> for Failure {
    fn from(error: ScreenError) -> Self {
        Self::new(ExitCode::Failed, error)
    }
}
