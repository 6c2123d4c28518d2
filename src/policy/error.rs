//! Why there is no policy to decide by.

use std::io;
use std::path::PathBuf;

use super::diagnostic::Diagnostic;
use crate::system::text::{visible, visible_path};
use crate::system::trusted::TrustError;

/// Why a policy could not be loaded. Displayed, it is the full text for people: what, where (with
/// the line and a caret) and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// System scope without a policy.
    #[error("there is no policy: {path} does not exist, and without one nothing may run; \"hitl init --system\" writes one to start from", path = visible_path(.0))]
    NoSystemPolicy(PathBuf),
    /// A file that the caller chose is not there.
    #[error("the policy {path} does not exist: check the name, or leave --policy and HITL_POLICY out", path = visible_path(.0))]
    NoChosenPolicy(PathBuf),
    /// A file that somebody else could have written, or that cannot be read.
    #[error("the policy cannot be trusted: {0}")]
    Untrusted(#[from] TrustError),
    /// The directory of further files cannot be read.
    #[error("cannot read the directory {path}: {1}", path = visible_path(.0))]
    Directory(PathBuf, io::Error),
    /// A file in that directory that would silently not count.
    #[error("{path} would not be read, since its name does not end in .yaml: rename it or move it away", path = visible_path(.0))]
    Misnamed(PathBuf),
    /// Bytes that are not text.
    #[error("{} is not UTF-8 text: save it as UTF-8", visible(.0))]
    NotText(String),
    /// Too much of it.
    #[error("with {name} the policy has more than {1} bytes: take rules out that nobody needs", name = visible(.0))]
    TooLarge(String, u64),
    /// What it says is wrong.
    #[error("{0}")]
    Wrong(Box<Diagnostic>),
}

impl From<Diagnostic> for PolicyError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Wrong(Box::new(diagnostic))
    }
}
