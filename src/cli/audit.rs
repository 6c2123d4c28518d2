//! `hitl audit`: what happened, and proof that the record of it was not rewritten.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::arguments::{AuditCommand, GlobalArguments};
use super::failure::{ExitCode, Failure};
use super::progress::Progress;
use super::{Exit, Output, rooms};
use crate::audit::{self, Filter, Stored, Verification};
use crate::review::{RequestId, StoreError};
use crate::system::text::{counted, visible, visible_json};
use crate::system::{Colour, Moment, Paint};

/// Shows or verifies the log.
pub(super) fn audit(
    global: &GlobalArguments,
    command: &AuditCommand,
    output: &Output,
) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Show { request, user, since, .. } => {
            let filter = Filter {
                request: request
                    .as_deref()
                    .map(str::parse::<RequestId>)
                    .transpose()
                    // Not only what is still stored has entries: nothing is looked up.
                    .map_err(|error: StoreError| {
                        Failure::new(ExitCode::No, format!("{error}, and are written whole here"))
                    })?,
                user: user.clone(),
                action: None,
                since_ms: since.map(since_ms),
                until_ms: None,
            };
            show(&own_log(global)?, filter, output)
        }
        AuditCommand::Verify { path, .. } => {
            let directory = match path {
                // One of its files stands for the log.
                Some(path) if path.is_file() => path
                    .parent()
                    .filter(|parent| !parent.as_os_str().is_empty())
                    .map_or_else(|| PathBuf::from("."), Path::to_owned),
                Some(path) => path.clone(),
                None => own_log(global)?,
            };
            verify(&directory, output)
        }
    }
}

/// This host's (or, in user scope, this user's) own log, for whoever may read it.
fn own_log(global: &GlobalArguments) -> Result<PathBuf, Failure> {
    let directories = rooms::directories(global)?;
    rooms::only_root(&directories, "read the audit log")?;
    Ok(directories.audit())
}

fn since_ms(age: Duration) -> i64 {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Moment::now().wall_ms.saturating_sub(age)
}

fn show(directory: &Path, filter: Filter, output: &Output) -> Result<Exit, Failure> {
    let terminal = std::io::stdout().is_terminal();
    let mut damaged = false;
    for stored in audit::read(directory, filter)? {
        let stored = stored?;
        damaged |= matches!(stored, Stored::Damaged { .. });
        match &stored {
            // Byte for byte what was hashed, except on a terminal, which must not obey it.
            Stored::Entry(entry) if output.json && terminal => {
                output.print(&format!("{}\n", visible_json(entry.json())))?;
            }
            Stored::Entry(entry) if output.json => output.print(&format!("{}\n", entry.json()))?,
            Stored::Damaged { offset, what, .. } if output.json => {
                output.print_json(&json!({"v": 1, "damaged": {"offset": offset, "what": what}}))?;
            }
            _ => output.print(&format!(
                "{}\n",
                audit::render(&stored, output.colour_on_stdout() == Colour::On)
            ))?,
        }
    }
    if damaged {
        output.say("hitl: the log holds lines that are no entries: run \"hitl audit verify\"");
        return Ok(Exit::Status(ExitCode::No as i32));
    }
    Ok(Exit::Status(0))
}

fn verify(directory: &Path, output: &Output) -> Result<Exit, Failure> {
    let mut line = Progress::new(output);
    let verification = audit::verify(directory, &mut |done, total| {
        line.show(|| format!("verifying: {} of {} MiB", done >> 20, total >> 20));
    })?;
    line.clear();
    if output.json {
        output.print_json(&verification_json(&verification))?;
    } else {
        output.print(&verification_text(&verification, output.colour_on_stdout()))?;
    }
    let code = if verification.first_bad.is_none() { 0 } else { ExitCode::No as i32 };
    Ok(Exit::Status(code))
}

fn verification_json(verification: &Verification) -> serde_json::Value {
    let bad = verification
        .first_bad
        .as_ref()
        .map(|bad| json!({"sequence": bad.sequence, "offset": bad.offset, "what": bad.what}));
    json!({
        "v": 1,
        "holds": verification.first_bad.is_none(),
        "entries": verification.entries,
        "origin": verification.origin,
        "head": verification.head,
        "first_bad": bad,
        "unreviewed": verification.unreviewed,
        "notes": verification.notes,
        "further_notes": verification.further_notes,
    })
}

fn verification_text(verification: &Verification, colour: Colour) -> String {
    let mut text = String::new();
    if let Some(origin) = &verification.origin {
        text.push_str(&format!("log      {}\n", visible(origin)));
    }
    text.push_str(&format!("entries  {} good\n", verification.entries));
    if let Some(head) = &verification.head {
        text.push_str(&format!("head     {head}\n"));
    }
    if verification.unreviewed > 0 {
        text.push_str(&format!(
            "review   {} by break-glass that nobody has reviewed: \"hitl pending --break-glass\"\n",
            counted(verification.unreviewed, "run")
        ));
    }
    for note in &verification.notes {
        text.push_str(&format!("note     {}\n", visible(note)));
    }
    if verification.further_notes > 0 {
        text.push_str(&format!("note     and {} more\n", verification.further_notes));
    }
    let (paint, last) = match &verification.first_bad {
        None => (Paint::Good, "the log holds".to_owned()),
        Some(bad) => (Paint::Bad, format!("THE LOG DOES NOT HOLD: {}", visible(&bad.to_string()))),
    };
    text.push_str(&format!("{}\n", colour.paint(paint, &last)));
    text
}
