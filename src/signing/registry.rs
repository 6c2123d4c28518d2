//! Who may sign: the signers of this host or user, and whose keys no longer count.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::allowed;
use super::error::{Place, SignersError};
use super::key::PublicKey;
use super::options::Options;
use super::revoked;
use crate::system::trusted::{self, TrustError};
use crate::system::{Directories, Moment, Scope};

/// The most bytes of one of the files: some thousand signers.
const LARGEST_FILE: u64 = 1 << 20;

/// A person's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signer {
    principal: String,
    key: PublicKey,
    comment: String,
    valid_after: Option<i64>,
    valid_before: Option<i64>,
    line: usize,
}

/// A key that no longer counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// The key.
    pub key: PublicKey,
    /// The sequence number in the audit log from which on it does not count: what was recorded before
    /// that entry stays valid. 0: it never counted.
    pub sequence: u64,
    /// Why, as whoever revoked it wrote.
    pub because: String,
}

/// A line that does not count, or something else worth a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lint {
    /// Where.
    pub place: Place,
    /// What there is to say, and what to do.
    pub message: String,
}

/// All signers. No key is there twice, and each belongs to one principal.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    signers: Vec<Signer>,
    revocations: Vec<Revocation>,
    lints: Vec<Lint>,
}

impl Signer {
    pub(super) fn new(
        principal: &str,
        key: PublicKey,
        options: &Options,
        comment: &str,
        line: usize,
    ) -> Self {
        Self {
            principal: principal.to_owned(),
            key,
            comment: comment.to_owned(),
            valid_after: options.valid_after,
            valid_before: options.valid_before,
            line,
        }
    }

    /// Who it is, as the file says and `ssh-keygen -I` takes it: a login name, or a login name, `@` and
    /// more.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Their login name on this host: the principal up to the first `@`.
    pub fn login(&self) -> &str {
        self.principal.split_once('@').map_or(&self.principal, |(login, _)| login)
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What else the line says. Somebody chose it: not for showing as it is.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Since when it counts, in seconds since the Unix epoch.
    pub fn valid_after(&self) -> Option<i64> {
        self.valid_after
    }

    /// Until when it counts, in seconds since the Unix epoch.
    pub fn valid_before(&self) -> Option<i64> {
        self.valid_before
    }

    /// The line of the file, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether it counts at this time, by the wall clock. Both ends belong to it, as ssh-keygen has it.
    pub fn valid_at(&self, now: &Moment) -> bool {
        let seconds = now.wall_ms.div_euclid(1000);
        self.valid_after.is_none_or(|start| seconds >= start)
            && self.valid_before.is_none_or(|end| seconds <= end)
    }
}

impl Signers {
    /// Reads the signers of this scope. Where there are no files there are no signers.
    ///
    /// # Errors
    /// [`SignersError`]: a file that is not as trustworthy as the policy must be, or says something
    /// that must not stand there. No key counts then.
    pub fn load(directories: &Directories) -> Result<Self, SignersError> {
        let (allowed, revoked) = (directories.allowed_signers(), directories.revoked_signers());
        let scope = directories.scope;
        Self::from_texts(
            (&allowed, &text_of(&allowed, scope)?),
            (&revoked, &text_of(&revoked, scope)?),
        )
    }

    /// The signers of two files, each with its name and its text: for looking at files that are not
    /// installed.
    ///
    /// # Errors
    /// [`SignersError`] for what must not stand there.
    pub fn from_texts(
        (allowed_file, allowed): (&Path, &str),
        (revoked_file, revoked): (&Path, &str),
    ) -> Result<Self, SignersError> {
        let allowed = allowed::parse(allowed_file, allowed)?;
        let revoked = revoked::parse(revoked_file, revoked)?;
        let lints = [allowed.lints, revoked.lints].concat();
        Ok(Self { signers: allowed.signers, revocations: revoked.revocations, lints })
    }

    /// All of them, in the order of the file; also those that are revoked or not valid now.
    pub fn all(&self) -> &[Signer] {
        &self.signers
    }

    /// The keys of whoever has this login name.
    pub fn of_login(&self, login: &str) -> Vec<&Signer> {
        self.signers.iter().filter(|signer| signer.login() == login).collect()
    }

    /// Whose key it is.
    pub fn by_key(&self, key: &PublicKey) -> Option<&Signer> {
        self.signers.iter().find(|signer| signer.key == *key)
    }

    /// Whether the key is revoked, and from where in the log on.
    pub fn revocation_of(&self, key: &PublicKey) -> Option<&Revocation> {
        self.revocations.iter().find(|revocation| revocation.key == *key)
    }

    /// How many keys are revoked, also such as are not listed (any more).
    pub fn revoked_count(&self) -> usize {
        self.revocations.len()
    }

    /// What was found in the files beside what counts.
    pub fn lints(&self) -> &[Lint] {
        &self.lints
    }
}

impl Revocation {
    /// Whether what was recorded there in the audit log is not valid any more.
    pub fn covers(&self, sequence: u64) -> bool {
        sequence >= self.sequence
    }
}

/// The text of one of the files; nothing where there is none.
///
/// # Errors
/// [`SignersError`] where it is not as trustworthy as the policy must be, or no text.
pub fn text_of(file: &Path, scope: Scope) -> Result<String, SignersError> {
    match trusted::read(file, scope, LARGEST_FILE) {
        Ok(read) => text(file, read.bytes),
        Err(TrustError::Missing(_)) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// The text of a file that is only looked at, whoever could have written it.
///
/// # Errors
/// [`SignersError`] where it cannot be read, or is no text.
pub fn text_to_look_at(file: &Path) -> Result<String, SignersError> {
    let unreadable = |error| TrustError::Unreadable(file.to_owned(), error);
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(TrustError::TooLarge(file.to_owned(), LARGEST_FILE).into());
    }
    text(file, bytes)
}

fn text(file: &Path, bytes: Vec<u8>) -> Result<String, SignersError> {
    // The magic of PROTOCOL.krl.
    if bytes.starts_with(b"SSHKRL\n\0") {
        let instead =
            "it is a binary list (KRL); write the keys one a line, as in their .pub files";
        return Err(SignersError::NotText(file.to_owned(), instead));
    }
    String::from_utf8(bytes).map_err(|_| SignersError::NotText(file.to_owned(), "save it as UTF-8"))
}
