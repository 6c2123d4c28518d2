//! `hitl show --plan`: the whole of what a requester attached, as their claim.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serde_json::{Value, json};

use super::failure::{ExitCode, Failure};
use super::{Exit, Output};
use crate::edit::WorkingCopy;
use crate::execute::CallerState;
use crate::review::{Plan, Record};
use crate::system::text::{counted, visible};

/// What shows a long text where the caller names nothing else: as git calls it.
const PAGER: [&str; 3] = ["less", "-F", "-X"];

/// A plan for programs: `text` is what was attached, byte for byte.
pub(super) fn view(plan: &Result<Plan, &'static str>) -> Value {
    match plan {
        Ok(plan) => json!({
            "digest": plan.digest(), "bytes": plan.bytes(), "lines": plan.lines().count(),
            "text": plan.text(),
        }),
        Err(why) => json!({"error": why}),
    }
}

/// Shows the plan of a request whole.
pub(super) fn show(
    record: &Record,
    plan: Option<Result<Plan, &'static str>>,
    pages: bool,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let id = &record.id;
    let plan = match plan {
        None => {
            let message =
                format!("no plan was attached to {id}: \"hitl show {id}\" shows what was said");
            return Err(Failure::new(ExitCode::No, message));
        }
        Some(Err(why)) => {
            let message = format!(
                "the plan of {id} cannot be shown: {why}, and it is not what the request is bound to; \
                 do not decide by it, ask {} for it",
                visible(&record.bound.requester.name)
            );
            return Err(Failure::new(ExitCode::Failed, message));
        }
        Some(Ok(plan)) => plan,
    };
    if output.json {
        let mut object = view(&Ok(plan));
        if let Some(object) = object.as_object_mut() {
            object.insert("v".into(), 1.into());
            object.insert("id".into(), json!(id));
        }
        output.print_json(&object)?;
        return Ok(Exit::Status(0));
    }
    let text = text(record, &plan);
    let on_terminal = output.is_terminal();
    if !(pages && on_terminal && is_paged(&text, caller, output)) {
        output.print(&text)?;
    }
    Ok(Exit::Status(0))
}

/// The text, below a line that says whose it is. Each line is marked, so that none can pass for one of
/// hitl's.
fn text(record: &Record, plan: &Plan) -> String {
    let mut text = format!(
        "What {} says they intend with {} (their words, not checked), {} of {}, {}:\n",
        visible(&record.bound.requester.name),
        record.id,
        counted(plan.bytes() as u64, "byte"),
        counted(plan.lines().count() as u64, "line"),
        plan.digest()
    );
    for line in plan.lines() {
        let _ = writeln!(text, "| {line}");
    }
    text
}

/// Shows a text in the caller's pager, which has no rights but theirs and reads a copy of their own.
/// Whether that could be done.
fn is_paged(text: &str, caller: &CallerState, output: &Output) -> bool {
    let named = std::env::var_os("PAGER").unwrap_or_default();
    let named = named.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut words: Vec<OsString> = named.map(|word| OsString::from_vec(word.to_vec())).collect();
    if words.is_empty() {
        words.extend(PAGER.map(OsString::from));
    }
    let Ok(copy) = WorkingCopy::make(OsStr::new("plan"), text.as_bytes()) else { return false };
    words.push(copy.path().into());
    let paged = output.voice.edit(&words, caller);
    copy.remove();
    // Its own exit status says nothing about what was read; that it could not be found, or started, does.
    !matches!(paged, Err(_) | Ok(126 | 127))
}
