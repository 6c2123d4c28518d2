//! The audit log: whether it holds, and what in it is worth knowing.

use std::path::Path;

use super::Finding;
use crate::audit::{self, AuditError, Verification};
use crate::system::Directories;
use crate::system::text::{counted, shell_word, visible};

pub(super) fn examine(directories: &Directories) -> Vec<Finding> {
    let directory = directories.audit();
    let quoted = shell_word(&directory);
    let verification = match audit::verify(&directory, &mut |_, _| {}) {
        Ok(verification) => verification,
        Err(AuditError::Missing(_)) => {
            let sentence = "there is none yet: it begins with the first command that is recorded";
            return vec![Finding::not_applicable("log", sentence)];
        }
        Err(error) => {
            return vec![Finding::failure("log", error.to_string(), format!("namei -l {quoted}"))];
        }
    };
    let mut findings = vec![match &verification.first_bad {
        None => Finding::ok("log", format!("the log holds ({} good lines)", verification.entries)),
        Some(bad) => Finding::failure(
            "log",
            format!(
                "THE LOG DOES NOT HOLD: {}: keep it as evidence, find out who could have written it, and let a new one begin",
                visible(&bad.to_string())
            ),
            // Within the state directory: nothing of it is lost, whatever becomes of the package.
            format!("mv {quoted} {quoted}-evidence-\"$(date -u +%Y%m%dT%H%M%SZ)\""),
        ),
    }];
    findings.extend(unacknowledged(&verification, &directory));
    let notes = verification.notes.len() as u64 + verification.further_notes;
    if let Some(first) = verification.notes.first() {
        findings.push(Finding::warning(
            "log-notes",
            format!("{}, the first of them: {}", counted(notes, "note"), visible(first)),
            Some("hitl audit verify".to_owned()),
        ));
    }
    findings
}

/// Entries beyond the head marker, that are not just being written.
fn unacknowledged(verification: &Verification, directory: &Path) -> Option<Finding> {
    if verification.unacknowledged == 0 || verification.first_bad.is_some() {
        return None;
    }
    let later = audit::verify(directory, &mut |_, _| {}).ok()?;
    // Where others have written meanwhile, what was open before may have been closed since.
    if later.entries != verification.entries || later.unacknowledged == 0 {
        return None;
    }
    let sentence = format!(
        "the last {} of the log are beyond its head marker: a power cut or a killed process left them so, and their loss would not be noticed; the next command mends it",
        counted(later.unacknowledged, "line"),
    );
    Some(Finding::warning(
        "log-head",
        sentence,
        Some("hitl run -- true; hitl audit verify".to_owned()),
    ))
}
