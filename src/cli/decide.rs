//! `hitl approve`, `hitl reject` and `hitl cancel`: a human decides, from a login of their own.

use std::path::Path;

use super::arguments::{
    ApproveArguments, CancelArguments, DecisionArguments, GlobalArguments, RejectArguments,
};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::execute::CallerState;
use crate::front::{SIGNATURE_LIMIT, Signable, Source, Unsigned};
use crate::protocol::{self, ProtocolError, Proving, Rooms, Word};
use crate::review::{self, Record, RequestId, RequestStore, State, StoreError};
use crate::system::text::visible_path;
use crate::system::{Digest, Moment};

/// Says yes.
pub(super) fn approve(
    global: &GlobalArguments,
    arguments: &ApproveArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let proving = proving(&arguments.decision, output)?;
    let key = arguments.decision.key.as_deref();
    decide(global, &arguments.id, output, "approved", |rooms, id| {
        still_is(rooms, id, arguments.decision.digest)?;
        let host = match &arguments.host {
            Some(host) => Some(host.clone()),
            None => asked_for_host(rooms, id, output)?,
        };
        let message = arguments.message.clone();
        let sign = &mut |choices: &[Signable]| signed(choices, key, caller, output);
        let review = arguments.decision.review;
        protocol::approve(rooms, id, Word { message, host, review, proving, sign })
    })
}

/// Says no.
pub(super) fn reject(
    global: &GlobalArguments,
    arguments: &RejectArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let proving = proving(&arguments.decision, output)?;
    let key = arguments.decision.key.as_deref();
    decide(global, &arguments.id, output, "rejected", |rooms, id| {
        still_is(rooms, id, arguments.decision.digest)?;
        let message = arguments.message.clone();
        let sign = &mut |choices: &[Signable]| signed(choices, key, caller, output);
        let review = arguments.decision.review;
        protocol::reject(rooms, id, Word { message, host: None, review, proving, sign })
    })
}

/// Takes it back.
pub(super) fn cancel(
    global: &GlobalArguments,
    arguments: &CancelArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    decide(global, &arguments.id, output, "cancelled", protocol::cancel)
}

/// Whether this is the request that was looked at. What a request is bound to never changes, so that
/// its digest holds from here on.
fn still_is(rooms: &Rooms, id: &RequestId, seen: Option<Digest>) -> Result<(), ProtocolError> {
    let Some(seen) = seen else { return Ok(()) };
    let digest = rooms.requests.load(id)?.digest;
    if digest == seen {
        return Ok(());
    }
    Err(StoreError::NotAllowed(format!(
        "{id} is not what you looked at: its digest is {digest}, not {seen}; look again: hitl show {id}"
    ))
    .into())
}

fn decide(
    global: &GlobalArguments,
    typed: &str,
    output: &Output,
    done: &str,
    decision: impl FnOnce(&Rooms, &RequestId) -> Result<Record, ProtocolError>,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    let id = rooms.requests.find(typed, &protocol::may_see(&rooms)?)?;
    let record = decision(&rooms, &id)?;
    let record = record.shown_to(protocol::viewer()?);
    let done = if record.review.is_some() { "reviewed" } else { done };
    if output.json {
        output.print_json(&review::view(&record, &Moment::now())?)?;
    } else {
        output.say(&format!("{done} {id}: {}", record.standing()));
    }
    Ok(Exit::Status(0))
}

fn proving(arguments: &DecisionArguments, output: &Output) -> Result<Proving, Failure> {
    match &arguments.signature {
        Some(path) => Ok(Proving::Signature(read_signature(path, output)?)),
        None if arguments.sign || arguments.key.is_some() => Ok(Proving::Sign),
        None => Ok(Proving::AsNeeded),
    }
}

/// Has the person sign at their terminal.
fn signed(
    choices: &[Signable],
    key: Option<&Path>,
    caller: &CallerState,
    output: &Output,
) -> Result<String, Unsigned> {
    if let (Some(first), false) = (choices.first(), output.json) {
        // Each says the same, but for the key, and everything in it is visible already.
        let lines = first.statement.lines().map(|line| format!("  {line}"));
        output.say(&format!("what you sign:\n{}", lines.collect::<Vec<_>>().join("\n")));
    }
    output.voice.sign(choices, key, caller)
}

/// Asks at the terminal which host a critical command is for; `None` where that is not wanted, or where
/// there is no terminal: then the protocol says what is missing.
fn asked_for_host(
    rooms: &Rooms,
    id: &RequestId,
    output: &Output,
) -> Result<Option<String>, ProtocolError> {
    let record = rooms.requests.load(id)?;
    if record.state != State::Pending || !record.wants_host_named() {
        return Ok(None);
    }
    let Some(mut conversation) = output.voice.conversation() else { return Ok(None) };
    let question = format!(
        "{id} is critical. Type the name of the host that it is for (\"hitl show {id}\" has it): "
    );
    let typed = conversation.shown(&question);
    let typed = typed.as_ref().ok().and_then(|typed| typed.usable());
    Ok(typed.map(|name| String::from_utf8_lossy(name).into_owned()))
}

/// Reads a signature, with the caller's rights.
fn read_signature(path: &Path, output: &Output) -> Result<String, Failure> {
    let unreadable = |why: String| {
        Failure::new(
            ExitCode::Usage,
            format!("--signature {}: {why}; nothing was decided", visible_path(path)),
        )
    };
    let source = if path == Path::new("-") { Source::Input } else { Source::File(path.to_owned()) };
    let bytes = output
        .voice
        .read(&source, SIGNATURE_LIMIT)
        .map_err(|error| unreadable(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| {
        unreadable(
            "not a text; \"ssh-keygen -Y sign\" writes the signature beside the statement, as FILE.sig"
                .to_owned(),
        )
    })
}
