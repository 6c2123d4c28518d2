//! Files with secrets: theirs alone who own them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Finding, mend};
use crate::policy::Policy;
use crate::system::Scope;
use crate::system::text::{shell_word, visible_path};
use crate::system::trusted::{self, TrustError};

pub(super) fn examine(policy: &Policy, scope: Scope) -> Vec<Finding> {
    let findings: Vec<Finding> = policy.secret_files().map(|file| secret(file, scope)).collect();
    if findings.is_empty() {
        return vec![Finding::not_applicable("secrets", "the policy names no files with secrets")];
    }
    findings
}

fn secret(path: &Path, scope: Scope) -> Finding {
    let shown = visible_path(path);
    let quoted = shell_word(path);
    match trusted::open(path, scope).map(|file| file.metadata()) {
        Ok(Ok(metadata)) if metadata.mode() & 0o077 == 0 => {
            Finding::ok("secrets", format!("{shown} can be read by its owner alone"))
        }
        Ok(Ok(metadata)) => Finding::failure(
            "secrets",
            format!("{shown} can be read by others (mode {:04o})", metadata.mode() & 0o7777),
            format!("chmod go= {quoted}"),
        ),
        Ok(Err(error)) => Finding::failure(
            "secrets",
            format!("cannot look at {shown}: {error}"),
            format!("namei -l {quoted}"),
        ),
        Err(TrustError::Missing(_)) => Finding::failure(
            "secrets",
            format!("{shown} does not exist, and the policy names it"),
            format!("install -D -m 600 /dev/null {quoted} && {}", mend::edit(path)),
        ),
        Err(error) => Finding::failure("secrets", error.to_string(), mend::untrusted(&error)),
    }
}
