//! `hitl init`: a commented starter policy and the directories. Never overwrites.

use std::path::Path;

use serde_json::json;

use super::arguments::{GlobalArguments, InitArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output};
use crate::system::text::visible;
use crate::system::{Directories, Scope, durable};

/// The starter for a host: complete, and careful until it is adapted.
const SYSTEM_POLICY: &str = include_str!("../../policies/starter.yaml");

/// The starter for a user: the policy that is built in, to be changed.
const USER_POLICY: &str = include_str!("../../policies/default.yaml");

/// Writes what is not there yet.
pub(super) fn init(
    global: &GlobalArguments,
    arguments: &InitArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    let scope = Scope::here();
    let wanted = match (arguments.system, arguments.user) {
        (true, _) => Scope::System,
        (_, true) => Scope::User,
        _ => scope,
    };
    if wanted != scope || !scope.caller_may_choose_files() {
        let sentence = match wanted {
            Scope::System => "a policy for this host is for root to write: sudo hitl init --system",
            Scope::User => {
                "root has no policy of its own, only the host has: run \"hitl init --user\" as yourself"
            }
        };
        return Err(Failure::new(ExitCode::Denied, sentence));
    }
    let directories = Directories::settle(global.overrides())?;
    let policy = match wanted {
        Scope::System => SYSTEM_POLICY,
        Scope::User => USER_POLICY,
    };
    let mut report = Report::default();
    let directories_to_make = [
        directories.policy_file.parent(),
        directories.policy_directory.as_deref(),
        Some(directories.state.as_path()),
    ];
    for directory in directories_to_make.into_iter().flatten() {
        report.note(directory, !directory.is_dir());
        durable::create_directory(directory)?;
    }
    let is_new = durable::write_new(&directories.policy_file, policy.as_bytes())?;
    report.note(&directories.policy_file, is_new);
    if output.json {
        output.print_json(&json!({"v": 1, "made": report.made, "kept": report.kept}))?;
    } else {
        output.print(&report.to_text())?;
        output.say(match wanted {
            Scope::System => {
                "next: read the policy, name your own people in it, then run \"hitl policy test\""
            }
            Scope::User => {
                "next: read the policy, change what does not suit you, then run \"hitl policy test\""
            }
        });
    }
    Ok(Exit::Status(0))
}

/// What was made, and what was there already.
#[derive(Default)]
struct Report {
    made: Vec<String>,
    kept: Vec<String>,
}

impl Report {
    fn note(&mut self, path: &Path, is_new: bool) {
        let list = if is_new { &mut self.made } else { &mut self.kept };
        list.push(visible(&path.to_string_lossy()));
    }

    fn to_text(&self) -> String {
        let made = self.made.iter().map(|path| format!("made  {path}\n"));
        let kept = self.kept.iter().map(|path| format!("kept  {path} (was there already)\n"));
        made.chain(kept).collect()
    }
}
