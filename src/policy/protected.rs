//! What hitl itself rests on: changing its policy, its state or its program through `hitl run` is
//! always critical risk, whatever the policy says.

use std::path::{Path, PathBuf};

use super::flags::has_flag;
use super::matching::Leaning;
use super::paths::patterns_meet;
use crate::invocation::{Access, CommandReading};
use crate::system::{Directories, Scope};

/// A file or directory that hitl rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Protected {
    path: PathBuf,
    what: &'static str,
}

impl Protected {
    /// What a policy that was loaded from these directories rests on.
    pub(super) fn of(directories: &Directories) -> Vec<Self> {
        let mut all = vec![(directories.policy_file.clone(), "hitl's policy")];
        if let Some(directory) = &directories.policy_directory {
            all.push((directory.clone(), "hitl's policy"));
        }
        // The directory of the system's policy is hitl's own; the one of a file that the caller
        // chose holds other things too.
        if directories.scope == Scope::System && !directories.policy_chosen {
            all.extend(directories.policy_file.parent().map(|to| (to.to_owned(), "hitl's policy")));
        }
        all.push((directories.state.clone(), "hitl's state"));
        all.extend(std::fs::read_link("/proc/self/exe").ok().map(|exe| (exe, "hitl itself")));
        all.into_iter().flat_map(|(path, what)| both_forms(path, what)).collect()
    }

    /// What an installed hitl rests on, for a policy that is only looked at.
    pub(super) fn installed() -> Vec<Self> {
        [("/etc/hitl", "hitl's policy"), ("/var/lib/hitl", "hitl's state")]
            .map(|(path, what)| Self { path: path.into(), what })
            .to_vec()
    }

    /// The file or directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it is to hitl.
    pub(super) fn what(&self) -> &'static str {
        self.what
    }

    /// Whether a command can change it, by one of its operands.
    pub(super) fn can_be_changed_by(&self, command: &CommandReading) -> bool {
        let recursive = ["-r", "-R", "--recursive"]
            .iter()
            .any(|flag| has_flag(&command.arguments, flag, Leaning::Restrictive));
        command.operands.iter().filter(|operand| operand.access != Access::Reads).any(|operand| {
            let goes_below = recursive || operand.access == Access::WritesTree;
            [&operand.path, &operand.real].into_iter().any(|path| {
                path.starts_with(&self.path)
                    || (goes_below && self.path.starts_with(path))
                    || (operand.access == Access::WritesMatching
                        && self.path.to_str().is_none_or(|own| patterns_meet(own, path)))
            })
        })
    }
}

/// The path as written and, where links lead elsewhere, the real one.
fn both_forms(path: PathBuf, what: &'static str) -> Vec<Protected> {
    let real = std::fs::canonicalize(&path).ok().filter(|real| *real != path);
    real.into_iter().chain([path]).map(|path| Protected { path, what }).collect()
}
