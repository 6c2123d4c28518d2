//! `hitl doctor`: whether this installation can do its work, and how to mend what is wrong.

use serde_json::json;

use super::arguments::{DoctorArguments, GlobalArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::doctor::{Finding, State, examine};
use crate::system::text::hanging;
use crate::system::{Colour, Paint, Scope};

/// Examines everything and tells it.
pub(super) fn doctor(
    global: &GlobalArguments,
    _arguments: &DoctorArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let directories = rooms::directories(global)?;
    let findings = examine(&directories);
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (failures, warnings) = (count(State::Failure), count(State::Warning));
    if output.json {
        let listed: Vec<_> = findings.iter().map(to_json).collect();
        output.print_json(&json!({
            "v": 1,
            "healthy": failures == 0,
            "scope": match directories.scope { Scope::System => "system", Scope::User => "user" },
            "failures": failures,
            "warnings": warnings,
            "findings": listed,
        }))?;
    } else {
        let colour = output.colour_on_stdout();
        let lines: String =
            findings.iter().map(|finding| to_text(finding, colour, output.columns())).collect();
        // The first of them have left the screen when the last line stands on it.
        let names = |state| {
            let found = findings.iter().filter(|finding| finding.state == state);
            let mut names: Vec<_> = found.map(|finding| finding.check).collect();
            names.dedup();
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
        };
        let warned = format!("warnings: {warnings}{}", names(State::Warning));
        let verdict = match (failures, warnings) {
            (0, 0) => colour.paint(Paint::Good, "everything is in order"),
            (0, _) => format!("no failures, {warned}"),
            _ => {
                let text = format!("failures: {failures}{}, {warned}", names(State::Failure));
                colour.paint(Paint::Bad, &text)
            }
        };
        output.print(&format!("{lines}{verdict}\n"))?;
    }
    Ok(Exit::Status(if failures == 0 { 0 } else { ExitCode::No as i32 }))
}

fn to_json(finding: &Finding) -> serde_json::Value {
    json!({
        "check": finding.check,
        "state": finding.state.word(),
        "sentence": finding.sentence,
        "fix": finding.fix,
    })
}

fn to_text(finding: &Finding, colour: Colour, columns: Option<usize>) -> String {
    let (paint, word) = match finding.state {
        State::Ok => (Paint::Good, "ok"),
        State::NotApplicable => (Paint::Aside, "-"),
        State::Warning => (Paint::Caution, "warning"),
        State::Failure => (Paint::Bad, "FAILURE"),
    };
    // Errors of a policy have several lines.
    let sentence = hanging(&format!("{}: {}", finding.check, finding.sentence), 9, columns);
    let mut text = format!(
        "{}{} {sentence}\n",
        colour.paint(paint, word),
        " ".repeat(8_usize.saturating_sub(word.len())),
    );
    // The command that mends it is one line at any width, so that it can be copied.
    if let Some(fix) = &finding.fix {
        text.push_str(&format!("         {} {fix}\n", colour.paint(Paint::Strong, "fix:")));
    }
    text
}
