//! Who signs changes: on record first, then in the file.
//!
//! The log says it before the file does, so that nobody's key counts for a moment without a trace. Whoever
//! is killed between the two has recorded what did not come to pass; the same command again records it
//! once more and does it.

use std::path::Path;

use super::{ProtocolError, record};
use crate::audit::{Entry, EntryUser, Log, SignersChange};
use crate::invocation;
use crate::signing::{self, PublicKey, Signers};
use crate::system::{Digest, Directories, Moment, Scope, durable, trusted};

/// A key that came, went or was revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedSigner {
    /// Whose.
    pub principal: String,
    /// The key.
    pub key: PublicKey,
    /// The entry of the audit log that says so; a revoked key does not count from there on.
    pub sequence: u64,
}

/// The two files while nobody else changes them.
struct Files<'a> {
    directories: &'a Directories,
    log: &'a Log,
    user: EntryUser,
    signers: Signers,
    _lock: nix::fcntl::Flock<std::fs::File>,
}

/// Lists a key as a person's: from now on it counts. `None`: it was listed as theirs already.
///
/// # Errors
/// [`ProtocolError`]: a key or a name that cannot be, files that cannot be trusted or written.
pub fn add_signer(
    directories: &Directories,
    log: &Log,
    principal: &str,
    public_key: &str,
) -> Result<Option<ChangedSigner>, ProtocolError> {
    let files = Files::hold(directories, log)?;
    let allowed = files.allowed()?;
    let (key, text) = signing::with_signer(&files.signers, &allowed, principal, public_key)?;
    let Some(text) = text else { return Ok(None) };
    let digest = Digest::of(text.as_bytes());
    let who = [(principal, &key)];
    let changed = files.record(SignersChange::Added(&digest), &who)?;
    put(&directories.allowed_signers(), &text)?;
    Ok(changed.into_iter().next())
}

/// Takes out the keys that a principal, a login name or a fingerprint means. What they signed can then no
/// longer be verified: a key that is lost or stolen is revoked instead.
///
/// # Errors
/// [`ProtocolError`]: nobody is meant, files that cannot be trusted or written.
pub fn remove_signers(
    directories: &Directories,
    log: &Log,
    whom: &str,
) -> Result<Vec<ChangedSigner>, ProtocolError> {
    let files = Files::hold(directories, log)?;
    let allowed = files.allowed()?;
    let (gone, text) = signing::without_signers(&files.signers, &allowed, whom)?;
    let digest = Digest::of(text.as_bytes());
    let who: Vec<_> = gone.iter().map(|signer| (signer.principal(), signer.key())).collect();
    let changed = files.record(SignersChange::Removed(&digest), &who)?;
    put(&directories.allowed_signers(), &text)?;
    Ok(changed)
}

/// Revokes the keys that a principal, a login name or a fingerprint means: they do not count from their
/// entries in the log on, and what was recorded before stays valid. Empty: all were revoked already.
///
/// # Errors
/// [`ProtocolError`]: nobody is meant, files that cannot be trusted or written.
pub fn revoke_signers(
    directories: &Directories,
    log: &Log,
    whom: &str,
    reason: &str,
) -> Result<Vec<ChangedSigner>, ProtocolError> {
    let files = Files::hold(directories, log)?;
    let (gone, reason) = signing::revocable(&files.signers, whom, reason)?;
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let who: Vec<_> = gone.iter().map(|signer| (signer.principal(), signer.key())).collect();
    let changed = files.record(SignersChange::Revoked(&reason), &who)?;
    let keys: Vec<_> = changed.iter().map(|one| (&one.key, one.sequence)).collect();
    let file = directories.revoked_signers();
    let text =
        signing::with_revocations(&signing::text_of(&file, directories.scope)?, &keys, &reason);
    put(&file, &text)?;
    Ok(changed)
}

impl<'a> Files<'a> {
    fn hold(directories: &'a Directories, log: &'a Log) -> Result<Self, ProtocolError> {
        let failed = ProtocolError::SignersFile;
        let file = directories.allowed_signers();
        let parent = file.parent().unwrap_or(Path::new("/"));
        if directories.scope == Scope::User {
            // Whoever works by the built-in policy may have no such directory yet.
            durable::create_directory(parent).map_err(failed)?;
        }
        trusted::check_directory(parent, directories.scope)
            .map_err(signing::SignersError::Untrusted)?;
        durable::create_directory(&directories.state).map_err(failed)?;
        let lock = durable::lock(&directories.signers_lock()).map_err(failed)?;
        let signers = Signers::load(directories)?;
        let user = record::user(&invocation::requester()?);
        Ok(Self { directories, log, user, signers, _lock: lock })
    }

    fn allowed(&self) -> Result<String, ProtocolError> {
        Ok(signing::text_of(&self.directories.allowed_signers(), self.directories.scope)?)
    }

    /// Puts the same change of several keys on record, each with an entry of its own.
    fn record(
        &self,
        change: SignersChange<'_>,
        who: &[(&str, &PublicKey)],
    ) -> Result<Vec<ChangedSigner>, ProtocolError> {
        let entry = |(principal, key): &(&str, &PublicKey)| {
            let (fingerprint, text) = (key.fingerprint(), key.to_string());
            Entry::signers_changed(&self.user, change, principal, &fingerprint, &text)
        };
        let entries: Vec<Entry> = who.iter().map(entry).collect();
        let appended = self.log.append(&entries, &Moment::now())?;
        let changed = who.iter().zip(appended.first..).map(|((principal, key), sequence)| {
            ChangedSigner { principal: (*principal).to_owned(), key: (*key).clone(), sequence }
        });
        Ok(changed.collect())
    }
}

fn put(file: &Path, text: &str) -> Result<(), ProtocolError> {
    durable::write_public(file, text.as_bytes()).map_err(ProtocolError::SignersFile)
}
