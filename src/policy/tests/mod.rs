//! What the room promises as a whole: loading, deciding, and that no text makes it fall over.

mod deciding;
mod lifting;
mod listing;
mod loading;
mod properties;
mod requiring;

use std::path::{Path, PathBuf};

use super::{Facts, Policy, PolicyError, Verdict};
use crate::invocation::{PathLookup, Reading, RequesterKind, imagine};
use crate::system::{ByteString, Scope};

/// The example of the design, word for word.
const PRODUCTION: &str = include_str!("production.yaml");

/// A machine without links.
struct NoLinks;

impl PathLookup for NoLinks {
    fn real(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn home(&self, _: Option<&str>) -> Option<PathBuf> {
        Some("/home/alice".into())
    }
}

fn load(text: &str) -> Result<Policy, PolicyError> {
    Policy::from_text("policy.yaml", text, Scope::System)
}

fn production() -> Policy {
    load(PRODUCTION).unwrap()
}

/// A policy with these rules, groups `ops` and `security`, and a default of approval by `ops`.
fn with_rules(rules: &str) -> Policy {
    load(&format!(
        "version: 1\nname: t\ndefaults: {{require: [{{group: ops}}]}}\n\
         groups: [{{name: ops, users: [bob]}}, {{name: security, users: [carol]}}]\nrules:\n{rules}"
    ))
    .unwrap()
}

fn read(line: &str, policy: &Policy) -> Reading {
    let words: Vec<_> = line.split_whitespace().map(ByteString::from).collect();
    imagine(&words, Path::new("/work"), policy.search_path())
}

fn facts<'a>(reading: &'a Reading) -> Facts<'a> {
    Facts {
        reading,
        requester_name: "alice",
        requester_groups: &[],
        requester_kind: RequesterKind::Human,
        host: "web-1",
        labels: &[],
        directory: Path::new("/work"),
        run_as: "root",
        paths: &NoLinks,
    }
}

fn decide(policy: &Policy, line: &str) -> Verdict {
    policy.decide(&facts(&read(line, policy)))
}

fn reasons(verdict: &Verdict) -> Vec<&str> {
    verdict.reasons.iter().map(|reason| reason.text.as_str()).collect()
}
