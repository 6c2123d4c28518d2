//! Public keys as OpenSSH writes them: `ALGORITHM BASE64 [COMMENT]`.

use std::fmt;
use std::hash::{Hash, Hasher};

use base64ct::{Base64, Base64Unpadded, Encoding};

use super::curves::Point;
use super::wire::{Reader, WireError};
use crate::policy::Presence;
use crate::system::Digest;
use crate::system::text::visible;

/// The most bytes of a line with a key that anybody means: a comment may be long, a key is not.
const LONGEST_KEY: usize = 16 * 1024;

/// The kinds of keys that can approve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyKind {
    /// A key in a file or an agent.
    Ed25519,
    /// As [`KeyKind::Ed25519`], over NIST P-256.
    EcdsaP256,
    /// A key in a hardware key (FIDO).
    SkEd25519,
    /// As [`KeyKind::SkEd25519`], over NIST P-256. A browser's passkey is one as well.
    SkEcdsaP256,
}

impl KeyKind {
    const ALL: [Self; 4] = [Self::Ed25519, Self::EcdsaP256, Self::SkEd25519, Self::SkEcdsaP256];

    /// What OpenSSH calls it.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// The most that a signature by such a key can prove.
    pub fn best_presence(self) -> Presence {
        match self {
            Self::Ed25519 | Self::EcdsaP256 => Presence::Key,
            Self::SkEd25519 | Self::SkEcdsaP256 => Presence::Verify,
        }
    }

    fn named(algorithm: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.algorithm().as_bytes() == algorithm)
    }
}

/// A public key that can verify. Two are equal when their blobs are: a key has one blob only, since
/// every other way to write it is refused.
#[derive(Clone)]
pub struct PublicKey {
    kind: KeyKind,
    blob: Vec<u8>,
    application: Option<String>,
    point: Point,
}

/// Why a text or some bytes are no key that can approve.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the form of a public key at all.
    #[error(
        "this is no public key: expected \"ALGORITHM BASE64 COMMENT\", the one line of a .pub file"
    )]
    NoKey,
    /// Somebody took the wrong file.
    #[error("this is a private key, which belongs to nobody but its owner: name its .pub file")]
    Private,
    /// A certificate.
    #[error(
        "this is a certificate ({}): hitl counts keys, so name the key that it certifies (the file without \"-cert\")",
        visible(.0)
    )]
    Certificate(String),
    /// A key of a kind that hitl does not take.
    #[error("keys of type {} cannot approve: {instead}", visible(.algorithm))]
    Unsupported {
        /// What it is called.
        algorithm: String,
        /// What to do.
        instead: &'static str,
    },
    /// What stands in the place of the key is not Base64, or not in its one form.
    #[error("the key is not Base64 as ssh-keygen writes it: copy the whole line of the .pub file")]
    NotBase64,
    /// The text says one thing and the key another.
    #[error("the key is not of type {}, as its line says: copy the whole line of the .pub file", visible(.0))]
    OtherType(String),
    /// The key's bytes are wrong.
    #[error("the key is damaged: {0}; copy the whole line of the .pub file")]
    Wire(#[from] WireError),
    /// The key's bytes are well-formed, and no key.
    #[error("the key cannot be used: {0}; make another one")]
    Unusable(&'static str),
}

impl KeyError {
    /// Whether it is a good key of a kind that does not count here, and no mistake in writing.
    pub fn is_other_kind(&self) -> bool {
        matches!(self, Self::Certificate(_) | Self::Unsupported { .. })
    }
}

impl PublicKey {
    /// Reads the line of a `.pub` file: the key, and its comment without the white space around it.
    ///
    /// # Errors
    /// [`KeyError`]: what it is instead, and what to do.
    pub fn parse_line(line: &str) -> Result<(Self, &str), KeyError> {
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        if line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if line.len() > LONGEST_KEY || line.contains(['\r', '\n', '\0']) {
            return Err(KeyError::NoKey);
        }
        let (algorithm, rest) = line.split_once([' ', '\t']).ok_or(KeyError::NoKey)?;
        let rest = rest.trim_start_matches([' ', '\t']);
        let (base64, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        if KeyKind::named(algorithm.as_bytes()).is_none() {
            return Err(not_ours(algorithm));
        }
        let blob = Base64::decode_vec(base64).map_err(|_| KeyError::NotBase64)?;
        let key = Self::from_blob(&blob)?;
        if key.kind.algorithm() != algorithm {
            return Err(KeyError::OtherType(algorithm.to_owned()));
        }
        Ok((key, comment.trim_matches([' ', '\t'])))
    }

    /// Reads the bytes of a key, as they stand in a signature or, in Base64, in a `.pub` file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(blob);
        let algorithm = reader.string()?;
        let kind = KeyKind::named(algorithm)
            .ok_or_else(|| not_ours(&String::from_utf8_lossy(algorithm)))?;
        let point = match kind {
            KeyKind::Ed25519 | KeyKind::SkEd25519 => Point::ed25519(reader.string()?),
            KeyKind::EcdsaP256 | KeyKind::SkEcdsaP256 => {
                if reader.string()? != b"nistp256" {
                    return Err(KeyError::Unusable("it names another curve than its type does"));
                }
                Point::p256(reader.string()?)
            }
        }
        .map_err(KeyError::Unusable)?;
        let application = match kind {
            KeyKind::Ed25519 | KeyKind::EcdsaP256 => None,
            KeyKind::SkEd25519 | KeyKind::SkEcdsaP256 => Some(application(reader.string()?)?),
        };
        reader.end()?;
        Ok(Self { kind, blob: blob.to_vec(), application, point })
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The bytes of the key.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// What a hardware key was made for: `ssh:` and a word where ssh-keygen made it, the relying party's
    /// domain where a browser did. `None` for a key that is no hardware key.
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The fingerprint, as `ssh-keygen -l` shows it: `SHA256:` and the digest of the blob in Base64.
    pub fn fingerprint(&self) -> String {
        let digest = Digest::of(&self.blob);
        format!("SHA256:{}", Base64Unpadded::encode_string(digest.as_bytes()))
    }

    pub(super) fn point(&self) -> &Point {
        &self.point
    }
}

/// As a `.pub` file has it, without a comment.
impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.algorithm(), Base64::encode_string(&self.blob))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({} {})", self.kind.algorithm(), self.fingerprint())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.blob.hash(state);
    }
}

/// It is hashed into what is signed, and shown.
fn application(bytes: &[u8]) -> Result<String, KeyError> {
    let wrong = KeyError::Unusable("its application is not a plain text");
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        _ => Err(wrong),
    }
}

/// What a key is that hitl does not take, and what to do about it.
fn not_ours(algorithm: &str) -> KeyError {
    if algorithm.contains("-cert-v01@openssh.com") {
        return KeyError::Certificate(algorithm.to_owned());
    }
    let instead = match algorithm {
        "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" | "ssh-dss" => {
            "make one with \"ssh-keygen -t ed25519\", or \"-t ed25519-sk\" with a hardware key"
        }
        _ if algorithm.starts_with("ecdsa-sha2-") => {
            "of ECDSA only nistp256 is taken; make one with \"ssh-keygen -t ed25519\""
        }
        _ if algorithm.starts_with("webauthn-sk-") => {
            "write it as sk-ecdsa-sha2-nistp256@openssh.com, which is how OpenSSH calls the key itself"
        }
        _ if algorithm.starts_with("ssh-") || algorithm.starts_with("sk-") => {
            "make one with \"ssh-keygen -t ed25519\""
        }
        _ => return KeyError::NoKey,
    };
    KeyError::Unsupported { algorithm: algorithm.to_owned(), instead }
}
