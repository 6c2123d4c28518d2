//! `hitl edit`: your editor on a copy, and what it made of it through the protocol.

use std::path::PathBuf;

use serde_json::json;

use super::front::TerminalFront;
use super::{exit, failure};
use crate::cli::arguments::{EditArguments, GlobalArguments};
use crate::cli::failure::{ExitCode, Failure};
use crate::cli::{Exit, Output, purpose, rooms};
use crate::edit::{self, Named, Person, Target, WorkingCopy};
use crate::execute::{CallerState, Ending};
use crate::protocol::{
    self, AsWhom, Judged, Manner, Outcome, Patience, ProtocolError, Purpose, Rooms,
};
use crate::system::text::{visible_argument, visible_path};

/// Set for everything that `hitl run` starts.
const WITHIN: &str = "HITL_REQUEST_ID";

/// Lets the caller edit copies of the files, and puts in place what is let through.
pub(in crate::cli) fn edit(
    global: &GlobalArguments,
    arguments: &EditArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    // The editor would run with rights that were lent to a command, not to a person at an editor.
    if std::env::var_os(WITHIN).is_some() {
        return Err(ProtocolError::EditWithin.into());
    }
    if arguments.purpose.plan.as_deref().is_some_and(purpose::is_input) {
        let message = "--plan - would read what your editor needs: name a file";
        return Err(Failure::new(ExitCode::Usage, message));
    }
    let rooms = rooms::open(global)?;
    let purpose = purpose::settle(&arguments.purpose, output)?;
    let words = edit::editor(rooms.policy.search_path())?;
    let whom = AsWhom { user: arguments.user.clone(), group: arguments.group.clone() };
    let mut targets: Vec<Target> = Vec::new();
    for file in &arguments.files {
        let named = Named::look(file)?;
        if targets.iter().any(|target| target.path == named.path()) {
            continue;
        }
        let judged = protocol::judge_edit(&rooms, named.path(), &whom, purpose.clone());
        match judged.map_err(failure)? {
            // Not even which rule it is: that can depend on where it leads.
            Judged::Refused(_) if named.is_hidden() => return Err(named.hidden().into()),
            Judged::Refused(outcome) => {
                let mut front = TerminalFront::new(output, caller, None)?;
                front.about("path", named.path().to_string_lossy());
                front.outcome(&outcome)?;
                return Ok(exit(&outcome));
            }
            Judged::May { shown, run_as } => {
                let person = Person::who_called(rooms.directories.scope, run_as);
                targets.push(named.open(shown, person.as_ref())?);
            }
        }
    }
    let mut copies = Vec::new();
    for target in &targets {
        let name = target.path.file_name().unwrap_or_default();
        match WorkingCopy::make(name, &target.content) {
            Ok(copy) => copies.push(copy),
            Err(error) => {
                copies.into_iter().for_each(WorkingCopy::remove);
                return Err(error.into());
            }
        }
    }
    let copies = in_the_editor(words, copies, caller, output)?;
    let session = Session { rooms, arguments, purpose, whom, caller, output };
    let mut end = Exit::Status(0);
    for (target, copy) in targets.into_iter().zip(copies) {
        let of_this = session.put(target, copy);
        if end == Exit::Status(0) {
            end = of_this;
        }
    }
    Ok(end)
}

/// The copies after the editor has ended well.
fn in_the_editor(
    mut words: Vec<std::ffi::OsString>,
    copies: Vec<WorkingCopy>,
    caller: &CallerState,
    output: &Output,
) -> Result<Vec<WorkingCopy>, Failure> {
    let program = visible_argument(words.first().map_or(b"", |word| word.as_encoded_bytes()));
    words.extend(copies.iter().map(|copy| copy.path().into()));
    match output.voice.edit(&words, caller) {
        Ok(0) => Ok(copies),
        Ok(status) => {
            let kept = keep_changed(copies);
            let kept =
                if kept.is_empty() { String::new() } else { format!("; {}", kept_in(&kept)) };
            Err(Failure::new(
                ExitCode::No,
                format!(
                    "your editor ended with status {status}, so that nothing was changed{kept}"
                ),
            ))
        }
        Err(error) => {
            let gone = output.voice.has_gone();
            keep_changed(copies);
            if gone {
                return Err(ProtocolError::CallerGone.into());
            }
            Err(Failure::new(
                ExitCode::Failed,
                format!(
                    "the editor {program} cannot be started: {error}; set EDITOR to another one; nothing was changed"
                ),
            ))
        }
    }
}

/// Takes away what nobody has worked on; the paths of the rest.
fn keep_changed(copies: Vec<WorkingCopy>) -> Vec<PathBuf> {
    let mut kept = Vec::new();
    for copy in copies {
        match copy.changed() {
            Ok(None) => copy.remove(),
            Ok(Some(_)) | Err(_) => kept.push(copy.path()),
        }
    }
    kept
}

fn kept_in(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| visible_path(path)).collect();
    format!("what you have written is kept in {}", paths.join(", "))
}

/// One call of `hitl edit` after the editor.
struct Session<'s> {
    rooms: Rooms,
    arguments: &'s EditArguments,
    purpose: Purpose,
    whom: AsWhom,
    caller: &'s CallerState,
    output: &'s Output,
}

impl Session<'_> {
    /// Has one file put in place, and tells what came of it.
    fn put(&self, target: Target, copy: WorkingCopy) -> Exit {
        match self.attempt(&target, &copy) {
            Ok((end, true)) => {
                copy.remove();
                end
            }
            Ok((end, false)) => {
                self.output.say(&format!("hitl: {}", kept_in(&[copy.path()])));
                end
            }
            Err(failure) => {
                if self.output.json {
                    // Should standard output be gone too, the exit code still tells.
                    let _ = self.output.print_json(&failure.to_json());
                }
                self.output.say(&format!("hitl: {}", failure.message));
                self.output.say(&format!("hitl: {}", kept_in(&[copy.path()])));
                Exit::Status(failure.code as i32)
            }
        }
    }

    /// How it ended, and whether the copy has done its work.
    fn attempt(&self, target: &Target, copy: &WorkingCopy) -> Result<(Exit, bool), Failure> {
        let shown = visible_path(&target.path);
        let Some(content) = copy.changed()? else {
            if self.output.json {
                let path = target.path.to_string_lossy();
                self.output.print_json(&json!({"v": 1, "outcome": "unchanged", "path": path}))?;
            }
            self.output.say(&format!("hitl: {shown} is unchanged: nothing to do"));
            return Ok((Exit::Status(0), true));
        };
        let patience = match self.arguments.no_wait {
            true => Patience::NoWait,
            false => Patience::Wait(self.arguments.wait),
        };
        let mut front = TerminalFront::new(self.output, self.caller, None)?;
        front.about("path", target.path.to_string_lossy());
        let manner =
            Manner { break_glass: false, patience, caller: self.caller, front: &mut front };
        let purpose = self.purpose.clone();
        let outcome = protocol::edit(&self.rooms, target, content, &self.whom, purpose, manner)
            .map_err(failure)?;
        front.outcome(&outcome)?;
        let done = match &outcome {
            Outcome::Ended { id, ending: Ending::Exited(0), undoable } => {
                let undo = if *undoable {
                    format!("; \"hitl undo {id}\" puts it back")
                } else {
                    String::new()
                };
                self.output.say(&format!("hitl: {shown} is written{undo}"));
                true
            }
            _ => false,
        };
        Ok((exit(&outcome), done))
    }
}

/// Puts what stands on standard input in place: what `hitl edit` starts, as whoever writes.
pub(in crate::cli) fn install(
    arguments: &EditArguments,
    caller: &CallerState,
) -> Result<Exit, Failure> {
    let (Some(content), Some(expected), [path]) =
        (&arguments.content, arguments.expect, arguments.files.as_slice())
    else {
        return Err(Failure::new(ExitCode::Usage, "--content is for one file, with --expect"));
    };
    if !path.is_absolute() {
        return Err(Failure::new(ExitCode::Usage, "--content is for an absolute path"));
    }
    // Whoever asked for the run that this is must not lead it elsewhere.
    let requester = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse::<u32>().ok());
    let own = nix::unistd::geteuid().as_raw();
    let person = requester
        .filter(|uid| std::env::var_os(WITHIN).is_some() && *uid != 0 && *uid != own)
        .map(Person::with_uid);
    let input = std::io::stdin().lock();
    edit::install(path, input, content, expected, caller.umask(), person.as_ref())?;
    Ok(Exit::Status(0))
}
