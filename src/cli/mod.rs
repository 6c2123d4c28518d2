//! The commands: arguments in, a call, output out. One thin file a command.
//!
//! What a command decides, stores or records happens in the other rooms; here stands how it is asked
//! for and how it is told.

pub mod arguments;
mod audit;
mod check;
mod decide;
mod doctor;
mod failure;
mod forget;
mod help;
mod init;
mod list;
mod man;
mod notify;
mod output;
mod pending;
mod plan;
mod policy;
mod progress;
mod purpose;
mod review;
mod rooms;
mod run;
mod signers;
mod snapshots;
mod tour;
mod undo;
mod unfinished;
mod wait;
mod waiting;
mod watch;

use std::rc::Rc;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};

use crate::execute::{self, CallerSide, CallerState, Ending};
use crate::front::{self, Side, Voice};
use crate::system::text::visible;
use crate::system::{self, Scope, installation};
use arguments::{Arguments, AuditCommand, Command, NotifyCommand, PolicyCommand, SignersCommand};
pub use failure::{ExitCode, Failure};
pub use output::{ColorChoice, Output};

/// How a process of hitl ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// As the command that it ran ended.
    As(Ending),
}

/// Reads the command line, does what it says, and says how the process is to end.
///
/// An installed hitl is split before anything else, even before the command line is read: there is
/// least to copy then, and what goes wrong with the command line is told without privileges.
pub fn main(mut caller: CallerState) -> Exit {
    if Scope::here() == Scope::User {
        return alone(&caller, Start::Plain);
    }
    match front::split() {
        Ok(Side::Front(front)) => match front.serve(&caller) {
            Ok(Some(ending)) => Exit::As(ending),
            Ok(None) => alone(&caller, Start::Installed),
            Err(error) => failed_at_once(&error),
        },
        Ok(Side::Monitor(link)) => {
            let link = Rc::new(link);
            match Arguments::of_process() {
                Ok(arguments) if arguments.command.needs_privileges() => {
                    caller.watched_by(Rc::clone(&link) as Rc<dyn CallerSide>);
                    let json = arguments.command.wants_json();
                    let color = arguments.global.color;
                    let voice = Rc::clone(&link) as Rc<dyn Voice>;
                    match perform(&arguments, &caller, &Output { json, color, voice }) {
                        Exit::Status(status) => link.exit(status),
                        Exit::As(ending) => link.exit_as(ending),
                    }
                }
                Ok(_) | Err(_) => link.go_on_alone(),
            }
            Exit::Status(0)
        }
        Err(error) => failed_at_once(&error),
    }
}

/// How this process was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    /// With nothing but what the caller has.
    Plain,
    /// As an installed hitl, whose privileges have been given up since.
    Installed,
}

/// Without privileges, or with those that the caller has anyway.
fn alone(caller: &CallerState, start: Start) -> Exit {
    match Arguments::of_process() {
        Ok(arguments) => {
            // What is about the caller's own files works on them as what the caller is, all the way
            // down; the screen does what it does by starting this very program.
            let acts_by_hitl = matches!(arguments.command, Command::Review(_));
            if start == Start::Installed
                && !acts_by_hitl
                && system::caller().uid != 0
                && let Err(error) = execute::gain_no_privileges()
            {
                return failed_at_once(&error);
            }
            let output = Output::here(arguments.command.wants_json(), arguments.global.color);
            perform(&arguments, caller, &output)
        }
        Err(error) => {
            let error = made_visible(error);
            // Help and version go to standard output and are no error; a closed pipe is none either.
            let _ = error.print();
            Exit::Status(error.exit_code())
        }
    }
}

fn failed_at_once(error: &std::io::Error) -> Exit {
    complain(error);
    Exit::Status(ExitCode::Failed as i32)
}

/// Does what the command line says, and tells what went wrong with it.
fn perform(arguments: &Arguments, caller: &CallerState, output: &Output) -> Exit {
    match dispatch(arguments, caller, output) {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.message.is_empty() {
                if output.json {
                    // Should standard output be gone too, the exit code still tells.
                    let _ = output.print_json(&failure.to_json());
                }
                output.say(&format!("hitl: {}", failure.message));
            }
            Exit::Status(failure.code as i32)
        }
    }
}

/// Says what is wrong before anything else is known.
pub fn complain(error: &dyn std::fmt::Display) {
    Output::here(false, ColorChoice::Never).say(&format!("hitl: {error}"));
}

/// The error with what was typed made visible: it goes to a terminal.
fn made_visible(mut error: clap::Error) -> clap::Error {
    let shown: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(visible(text)))),
            ContextValue::Strings(texts) => {
                let texts = texts.iter().map(|text| visible(text)).collect();
                Some((kind, ContextValue::Strings(texts)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in shown {
        let before = error.insert(kind, value.clone());
        if before != Some(value) {
            // The tips repeat what was typed within text that is styled already.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

fn dispatch(arguments: &Arguments, caller: &CallerState, output: &Output) -> Result<Exit, Failure> {
    let global = &arguments.global;
    let mends = matches!(arguments.command, Command::Doctor(_) | Command::Init(_));
    if arguments.command.needs_privileges() && !mends {
        installation::refuse_if_hindered(&global.overrides())?;
    }
    unfinished::mention(arguments, output);
    match &arguments.command {
        Command::Run(arguments) => run::run(global, arguments, caller, output),
        Command::Edit(arguments) if arguments.content.is_some() => {
            run::edit::install(arguments, caller)
        }
        Command::Edit(arguments) => run::edit::edit(global, arguments, caller, output),
        Command::Check(arguments) => check::check(global, arguments, output),
        Command::List(arguments) => list::list(global, arguments, output),
        Command::Pending(arguments) => pending::list(global, arguments, output),
        Command::Show(arguments) => pending::show(global, arguments, caller, output),
        Command::Approve(arguments) => decide::approve(global, arguments, caller, output),
        Command::Reject(arguments) => decide::reject(global, arguments, caller, output),
        Command::Review(arguments) => review::review(global, arguments, caller, output),
        Command::Cancel(arguments) => decide::cancel(global, arguments, output),
        Command::Forget(arguments) => forget::forget(global, arguments, output),
        Command::Wait(arguments) => wait::wait(global, arguments, output),
        Command::Snapshots(arguments) => snapshots::snapshots(global, arguments, output),
        Command::Undo(arguments) => undo::undo(global, arguments, caller, output),
        Command::Audit(command) => audit::audit(global, command, output),
        Command::Policy(command) => policy::policy(global, command, output),
        Command::Signers(command) => signers::signers(global, command, output),
        Command::Notify(command) => notify::notify(global, command, output),
        Command::Init(arguments) => init::init(global, arguments, output),
        Command::Doctor(arguments) => doctor::doctor(global, arguments, output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "hitl", &mut script);
            output.print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Status(0))
        }
        Command::Man(arguments) => man::man(arguments, output),
        Command::Tour(arguments) => tour::tour(arguments, output),
    }
}

impl Command {
    /// Whether it is about what an installed hitl keeps, and not about files that the caller names.
    fn needs_privileges(&self) -> bool {
        match self {
            Self::Completions { .. } | Self::Man(_) | Self::Tour(_) | Self::Review(_) => false,
            // It is started with the rights that it is to have.
            Self::Edit(arguments) => arguments.content.is_none(),
            Self::Audit(AuditCommand::Verify { path, .. }) => path.is_none(),
            Self::Policy(
                PolicyCommand::Check { paths, .. } | PolicyCommand::Test { paths, .. },
            ) => paths.is_empty(),
            Self::Signers(SignersCommand::Check { file, .. }) => file.is_none(),
            _ => true,
        }
    }

    /// Whether results, and failures with them, are to be JSON.
    fn wants_json(&self) -> bool {
        match self {
            Self::Run(arguments) => arguments.json,
            Self::Edit(arguments) => arguments.json,
            Self::Check(arguments) => arguments.json,
            Self::List(arguments) => arguments.json,
            Self::Pending(arguments) => arguments.json,
            Self::Show(arguments) => arguments.json,
            Self::Approve(arguments) => arguments.json,
            Self::Reject(arguments) => arguments.json,
            Self::Cancel(arguments) => arguments.json,
            Self::Forget(arguments) => arguments.json,
            Self::Wait(arguments) => arguments.json,
            Self::Snapshots(arguments) => arguments.wants_json(),
            Self::Undo(arguments) => arguments.json,
            Self::Audit(AuditCommand::Show { json, .. } | AuditCommand::Verify { json, .. }) => {
                *json
            }
            Self::Policy(PolicyCommand::Check { json, .. } | PolicyCommand::Test { json, .. }) => {
                *json
            }
            Self::Signers(command) => command.wants_json(),
            Self::Notify(NotifyCommand::Test { json, .. } | NotifyCommand::List { json }) => *json,
            Self::Init(arguments) => arguments.json,
            Self::Doctor(arguments) => arguments.json,
            Self::Completions { .. } | Self::Man(_) | Self::Tour(_) | Self::Review(_) => false,
        }
    }
}
