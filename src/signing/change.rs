//! The two files as they will be after somebody came or went. Nothing is written here.

use super::NAMESPACE;
use super::allowed::check_principal;
use super::key::{KeyError, PublicKey};
use super::registry::{Signer, Signers};
use super::revoked;
use crate::system::text::visible;

/// The longest reason for a revocation, in bytes.
const LONGEST_REASON: usize = 500;

/// Why the signers stay as they are.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChangeError {
    /// What was given is no key that can approve.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// More than one key, or more than a key.
    #[error("expected one public key on one line, as in a .pub file: add one key after another")]
    SeveralLines,
    /// What was given names nobody.
    #[error("{} cannot be a signer: {because}", visible(.name))]
    Principal {
        /// What was given.
        name: String,
        /// Why not, and what to do.
        because: String,
    },
    /// The key has another owner.
    #[error("this key is {0}'s (line {1} of allowed_signers): a key is one person's")]
    OtherOwner(String, usize),
    /// The key was revoked once.
    #[error(
        "this key is revoked, from entry {0} of the audit log on: a revoked key does not come back, so add another one"
    )]
    Revoked(u64),
    /// Nobody is called so.
    #[error("no signer is called {}, and no signer's key has that fingerprint: \"hitl signers list\" shows them", visible(.0))]
    Unknown(String),
    /// A reason that cannot stand on a line.
    #[error("give a reason of one line and at most {LONGEST_REASON} bytes")]
    Reason,
}

/// The signer that a name and the text of a `.pub` file make, and `allowed_signers` with them. `None`
/// where they are in it already.
///
/// # Errors
/// [`ChangeError`] for who or what cannot be added.
pub fn with_signer(
    signers: &Signers,
    allowed: &str,
    principal: &str,
    public_key: &str,
) -> Result<(PublicKey, Option<String>), ChangeError> {
    check_principal(principal)
        .map_err(|because| ChangeError::Principal { name: principal.to_owned(), because })?;
    let public_key = public_key.trim();
    if public_key.contains('\n') && !public_key.starts_with("-----BEGIN") {
        return Err(ChangeError::SeveralLines);
    }
    let (key, comment) = PublicKey::parse_line(public_key)?;
    if let Some(revocation) = signers.revocation_of(&key) {
        return Err(ChangeError::Revoked(revocation.sequence));
    }
    match signers.by_key(&key) {
        Some(known) if known.principal() == principal => return Ok((key, None)),
        Some(known) => {
            return Err(ChangeError::OtherOwner(known.principal().to_owned(), known.line()));
        }
        None => {}
    }
    let comment = if comment.chars().any(char::is_control) { "" } else { comment };
    let line = format!("{principal} namespaces=\"{NAMESPACE}\" {key} {comment}");
    let mut text = ended(allowed);
    text.push_str(line.trim_end());
    text.push('\n');
    Ok((key, Some(text)))
}

/// The signers that a name or a fingerprint means, and `allowed_signers` without their lines.
///
/// # Errors
/// [`ChangeError::Unknown`].
pub fn without_signers(
    signers: &Signers,
    allowed: &str,
    whom: &str,
) -> Result<(Vec<Signer>, String), ChangeError> {
    let gone = meant(signers, whom)?;
    let stays = |index: usize| gone.iter().all(|signer| signer.line() != index + 1);
    let text: String = allowed
        .split_inclusive('\n')
        .enumerate()
        .filter_map(|(index, line)| stays(index).then_some(line))
        .collect();
    Ok((gone, text))
}

/// The signers that a name or a fingerprint means and that are not revoked yet, and the reason as it will
/// stand in the file.
///
/// # Errors
/// [`ChangeError`] for nobody, and for a reason that cannot stand on a line.
pub fn revocable(
    signers: &Signers,
    whom: &str,
    reason: &str,
) -> Result<(Vec<Signer>, String), ChangeError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > LONGEST_REASON || reason.chars().any(char::is_control) {
        return Err(ChangeError::Reason);
    }
    let mut meant = meant(signers, whom)?;
    meant.retain(|signer| signers.revocation_of(signer.key()).is_none());
    Ok((meant, visible(reason)))
}

/// `revoked_signers` with these keys in it, each from its entry in the audit log on.
pub fn with_revocations(text: &str, keys: &[(&PublicKey, u64)], reason: &str) -> String {
    let mut text = ended(text);
    for (key, sequence) in keys {
        text.push_str(&revoked::line(key, *sequence, reason));
    }
    text
}

/// Whom a name (the principal, or the login name of all of somebody's principals) or a fingerprint means.
fn meant(signers: &Signers, whom: &str) -> Result<Vec<Signer>, ChangeError> {
    let exactly = |signer: &&Signer| {
        signer.principal() == whom
            || (whom.starts_with("SHA256:") && signer.key().fingerprint() == whom)
    };
    let mut found: Vec<Signer> = signers.all().iter().filter(exactly).cloned().collect();
    if !whom.contains('@') {
        // A person is revoked with all of their keys, also with those of "bob@laptop".
        found.extend(
            signers.of_login(whom).into_iter().filter(|signer| signer.principal() != whom).cloned(),
        );
    }
    if found.is_empty() { Err(ChangeError::Unknown(whom.to_owned())) } else { Ok(found) }
}

fn ended(text: &str) -> String {
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
