//! The policy: whether it can be used, by whoever reads it next.

use std::path::PathBuf;

use super::{Finding, mend};
use crate::policy::{Policy, PolicyError};
use crate::system::text::{counted, shell_word, visible};
use crate::system::{Directories, Scope};

/// The policy, where it can be used, and what there is to say about it.
pub(super) fn examine(directories: &Directories) -> (Option<Policy>, Vec<Finding>) {
    let policy = match Policy::load_whole(directories) {
        Ok(policy) => policy,
        Err(error) => {
            let fix = mend_policy(&error, directories);
            return (None, vec![Finding::failure("policy", error.to_string(), fix)]);
        }
    };
    let counts = policy.counts();
    let sentence = format!(
        "{} can be used ({}, {})",
        visible(&policy.identity().name),
        counted(counts.rules as u64, "rule"),
        counted(counts.examples as u64, "example"),
    );
    let mut findings = vec![Finding::ok("policy", sentence)];
    let failed: Vec<String> = policy
        .run_tests()
        .iter()
        .filter(|outcome| !outcome.passed())
        .map(|outcome| visible(&outcome.name))
        .collect();
    findings.push(match failed.first() {
        None => Finding::ok("policy-tests", format!("{} pass", counted(counts.tests as u64, "test"))),
        Some(first) => Finding::warning(
            "policy-tests",
            format!(
                "{} of the policy {} not pass (\"{first}\"): it does not decide as its authors meant it to",
                counted(failed.len() as u64, "test"),
                if failed.len() == 1 { "does" } else { "do" },
            ),
            Some("hitl policy test".to_owned()),
        ),
    });
    (Some(policy), findings)
}

fn mend_policy(error: &PolicyError, directories: &Directories) -> String {
    match error {
        PolicyError::NoSystemPolicy(_) => "hitl init --system".to_owned(),
        PolicyError::NoChosenPolicy(path) => format!("ls -ld {}", shell_word(path)),
        PolicyError::Untrusted(error) => mend::untrusted(error),
        // A name that ends so does not count, and nothing is lost.
        PolicyError::Misnamed(path) => {
            let path = shell_word(path);
            format!("mv {path} {path}~")
        }
        PolicyError::Directory(path, _) => format!("namei -l {}", shell_word(path)),
        PolicyError::NotText(name) => mend::edit(&PathBuf::from(name)),
        PolicyError::Wrong(diagnostic) => mend::edit(&PathBuf::from(&diagnostic.file)),
        PolicyError::TooLarge(..) => match (&directories.policy_directory, directories.scope) {
            (Some(directory), Scope::System) => format!("ls -lS {}", shell_word(directory)),
            _ => mend::edit(&directories.policy_file),
        },
    }
}
