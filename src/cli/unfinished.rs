//! That an undo was interrupted is mentioned by every other command, to whoever may finish it, so
//! that nobody works on in a tree of which one half was put back.

use super::arguments::{Arguments, Command};
use super::{Output, rooms};
use crate::protocol;
use crate::snapshot::SnapshotStore;
use crate::system::text::visible_command;

/// Set for everything that `hitl run` starts.
const WITHIN: &str = "HITL_REQUEST_ID";

/// Mentions it, in one line on standard error. Only to a person who reads both streams: of the
/// commands of a pipeline it is the last that speaks, and none in a script, a hook or an agent's call.
pub(super) fn mention(arguments: &Arguments, output: &Output) {
    let to_a_person = !output.json
        && output.is_terminal()
        && output.stderr_is_terminal()
        && std::env::var_os(WITHIN).is_none();
    let is_about_it = matches!(arguments.command, Command::Undo(_));
    let opens_nothing = matches!(arguments.command, Command::Doctor(_) | Command::Init(_));
    if !to_a_person || is_about_it || opens_nothing || !arguments.command.needs_privileges() {
        return;
    }
    let Ok(directories) = rooms::directories(&arguments.global) else { return };
    // One look that finds nothing is all that it costs on every other day.
    if !SnapshotStore::open(&directories).may_be_unfinished() {
        return;
    }
    // What goes wrong here goes wrong again, and is told, where somebody undoes.
    let found = rooms::open(&arguments.global).map(|rooms| protocol::unfinished(&rooms));
    let Ok(Ok(unfinished)) = found else { return };
    match unfinished.as_slice() {
        [] => {}
        [one] => {
            let words: Vec<&[u8]> = one.run.argv.iter().map(|word| word.as_bytes()).collect();
            output.say(&format!(
                "hitl: the undo of run {} is unfinished ({}): \"hitl undo --resume\" finishes it",
                one.run.id,
                visible_command(&words)
            ));
        }
        several => output.say(&format!(
            "hitl: {} undos are unfinished: \"hitl undo --resume\" lists them",
            several.len()
        )),
    }
}
