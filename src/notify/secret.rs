//! A channel's secret, and what is signed with it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::system::text::visible_path;
use crate::system::trusted::{self, TrustError};
use crate::system::{Digest, Scope};

/// What stands before the base64 of a Standard Webhooks secret.
const PREFIX: &str = "whsec_";

/// The fewest bytes of a key that signs: what Standard Webhooks asks for, 192 bits.
const SHORTEST: usize = 24;

/// The most bytes of a file with a secret.
const LONGEST: u64 = 4096;

/// Why a secret cannot be used. Nothing of it is ever repeated.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is not trusted, or not there.
    #[error("its secret cannot be used: {0}")]
    Trust(#[from] TrustError),
    /// Others can read it.
    #[error("its secret cannot be used: {path} can be read by others (mode {1:04o}): chmod go= it", path = visible_path(.0))]
    Readable(PathBuf, u32),
    /// It is no key.
    #[error("its secret cannot be used: {} holds neither \"whsec_\" and base64 of at least 24 bytes nor at least 24 bytes of another text", visible_path(.0))]
    NoKey(PathBuf),
    /// It is no access token, or no URL.
    #[error("its secret cannot be used: {path} does not hold one line with {1}", path = visible_path(.0))]
    NoText(PathBuf, &'static str),
}

/// What the file holds, without the white space around it.
fn read(path: &Path, scope: Scope) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let file = trusted::read(path, scope, LONGEST)?;
    let bytes = Zeroizing::new(file.bytes);
    let mode = file.metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Readable(path.to_owned(), mode));
    }
    Ok(Zeroizing::new(bytes.trim_ascii().to_vec()))
}

/// A key that signs.
pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// The key in a file: base64 after `whsec_`, or else the bytes themselves.
    pub(super) fn read(path: &Path, scope: Scope) -> Result<Self, SecretError> {
        let bytes = read(path, scope)?;
        let key = match bytes.strip_prefix(PREFIX.as_bytes()) {
            Some(encoded) => {
                std::str::from_utf8(encoded).ok().and_then(|text| Base64::decode_vec(text).ok())
            }
            None => Some(bytes.to_vec()),
        };
        key.filter(|key| key.len() >= SHORTEST)
            .map(|key| Self(Zeroizing::new(key)))
            .ok_or_else(|| SecretError::NoKey(path.to_owned()))
    }

    /// The `webhook-signature` of Standard Webhooks: of a message's id, the time in seconds since the
    /// epoch, and the body.
    pub(super) fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let code = Digest::hmac(&self.0, signed.as_bytes());
        format!("v1,{}", Base64::encode_string(code.as_bytes()))
    }
}

/// The one line of visible ASCII in a file: an access token, a URL.
pub(super) fn line(path: &Path, scope: Scope, what: &'static str) -> Result<String, SecretError> {
    let bytes = read(path, scope)?;
    let good = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(&bytes).ok().filter(|_| good);
    text.map(str::to_owned).ok_or_else(|| SecretError::NoText(path.to_owned(), what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_example_of_standard_webhooks_does() {
        // The test vector that the reference libraries share: standard-webhooks/standard-webhooks.
        let key =
            Key(Zeroizing::new(Base64::decode_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()));
        assert_eq!(
            key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
