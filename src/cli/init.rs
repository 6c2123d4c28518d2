//! `hitl init`: a commented starter policy and the directories. Never overwrites.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::arguments::{GlobalArguments, InitArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output};
use crate::system::identity::{self, Account};
use crate::system::text::visible;
use crate::system::{Directories, Scope, durable, members_of};

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
            Scope::System => {
                "a policy for this host is for root to write: as root, \"hitl init --system\""
            }
            Scope::User if !scope.caller_may_choose_files() => {
                "an installed hitl works by the policy of this host alone, which root writes: nothing is needed of you (\"hitl list\" says what you may run)"
            }
            Scope::User => {
                "root has no policy of its own, only the host has: run \"hitl init --user\" as yourself"
            }
        };
        return Err(Failure::new(ExitCode::Denied, sentence));
    }
    let directories = Directories::settle(global.overrides())?;
    let policy = match wanted {
        Scope::System => with_approvers(SYSTEM_POLICY, approvers().as_deref()),
        Scope::User => USER_POLICY.to_owned(),
    };
    let mut report = Report::default();
    let policy_parent = directories.policy_file.parent();
    let directories_to_make =
        [policy_parent, directories.policy_directory.as_deref(), Some(directories.state.as_path())];
    for directory in directories_to_make.into_iter().flatten() {
        let is_new = !directory.is_dir();
        report.note(directory, is_new);
        durable::create_directory(directory)?;
        // Everybody may know that the host has a policy; what it says is in files of root's alone.
        if is_new && wanted == Scope::System && Some(directory) == policy_parent {
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    let is_new = durable::write_new(&directories.policy_file, policy.as_bytes())?;
    report.note(&directories.policy_file, is_new);
    if output.json {
        output.print_json(&json!({"v": 1, "made": report.made, "kept": report.kept}))?;
    } else {
        output.print(&report.to_text())?;
        output.say(match wanted {
            Scope::System => {
                "next: read the policy, name your own people in it, then run \"hitl policy test\" and \"hitl doctor\""
            }
            Scope::User => {
                "next: read the policy, change what does not suit you, then run \"hitl policy test\""
            }
        });
    }
    Ok(Exit::Status(0))
}

/// Who can approve, as the starter has it before it knows the host.
const ANY_APPROVERS: &str = "unix_groups: [sudo, wheel]";

/// Those who administer this host: the group of theirs that has somebody in it, else the person who
/// is at it. `None`: nobody can be told.
fn approvers() -> Option<String> {
    let named = |group: &&str| matches!(members_of(group), Ok(Some(members)) if members.iter().any(|one| one.uid != 0));
    if let Some(group) = ["sudo", "wheel", "admin"].into_iter().find(named) {
        return Some(format!("unix_groups: [{group}]"));
    }
    // Whoever has become root for this. The variable is only a hint, for root to read.
    let by_sudo = || std::env::var("SUDO_UID").ok()?.parse().ok();
    let uid = identity::login_uid().or_else(by_sudo).filter(|uid| *uid != 0)?;
    let account = Account::by_uid(uid).ok()??;
    // JSON's texts are YAML's.
    let name = serde_json::to_string(&account.name).ok()?;
    // With the groups, so that others can join them: one person alone approves nothing critical.
    Some(format!("users: [{name}], {ANY_APPROVERS}"))
}

fn with_approvers(policy: &str, approvers: Option<&str>) -> String {
    match approvers {
        Some(approvers) => policy.replace(ANY_APPROVERS, approvers),
        None => policy.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn the_starter_names_the_hosts_own_administrators() {
        for approvers in ["unix_groups: [admin]", "users: [\"o'neil: x\"], unix_groups: [sudo]"] {
            let text = with_approvers(SYSTEM_POLICY, Some(approvers));
            assert_eq!(text.matches(approvers).count(), 1);
            Policy::from_text("starter", &text, Scope::System).unwrap();
        }
        assert_eq!(with_approvers(SYSTEM_POLICY, None), SYSTEM_POLICY);
    }
}
