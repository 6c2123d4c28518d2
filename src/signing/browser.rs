//! What a browser signs with a passkey, and what it must say: WebAuthn Level 3, sections 5.8.1 and
//! 7.2, in the form that OpenSSH gave it (PROTOCOL.u2f, `webauthn-sk-ecdsa-sha2-nistp256@openssh.com`).
//!
//! The browser vouches for the page: the challenge is what the signature is over, the origin is one
//! that was agreed on, and the key belongs to that origin's domain. Without pinning the origin, any page
//! that a person visits could ask for the same signature.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use super::SignatureError;

/// Flags of the authenticator data (WebAuthn, section 6.1): data of a new key, and extensions.
const NEW_KEY: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

/// What came with a browser's signature.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub(super) origin: String,
    /// `clientDataJSON`, as it was signed.
    pub(super) client_data: Vec<u8>,
    /// What extensions added to the authenticator data.
    pub(super) extensions: Vec<u8>,
}

/// The members of `clientDataJSON` that mean something here. Each may stand there only once.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: Option<bool>,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

impl Assertion {
    /// Whether it is an assertion over this challenge, made on a page of one of the origins, by a key
    /// that belongs to that page's domain.
    pub(super) fn check(
        &self,
        challenge: &[u8],
        application: &str,
        flags: u8,
        origins: &[String],
    ) -> Result<(), SignatureError> {
        if flags & NEW_KEY != 0 || (flags & EXTENSIONS != 0) == self.extensions.is_empty() {
            return Err(SignatureError::ClientData("its flags do not fit what it holds"));
        }
        if !origins.contains(&self.origin) {
            return Err(SignatureError::Origin(self.origin.clone()));
        }
        if !belongs_to(application, &self.origin) {
            return Err(SignatureError::OtherSite {
                application: application.to_owned(),
                origin: self.origin.clone(),
            });
        }
        self.check_client_data(&Base64UrlUnpadded::encode_string(challenge))
    }

    /// The order of the first three members is the standard's, so that they can be compared as bytes
    /// (OpenSSH does); they are compared as JSON too, since what follows them is the browser's.
    fn check_client_data(&self, challenge: &str) -> Result<(), SignatureError> {
        let origin = &self.origin;
        let begin = format!(
            "{{\"type\":\"webauthn.get\",\"challenge\":\"{challenge}\",\"origin\":\"{origin}\""
        );
        if !self.client_data.starts_with(begin.as_bytes()) {
            return Err(SignatureError::ClientData("it was made for something else"));
        }
        let data: ClientData = serde_json::from_slice(&self.client_data)
            .map_err(|_| SignatureError::ClientData("what the browser says is no plain JSON"))?;
        if data.kind != "webauthn.get" || data.challenge != challenge || &data.origin != origin {
            return Err(SignatureError::ClientData("it was made for something else"));
        }
        if data.cross_origin == Some(true) || data.top_origin.is_some() {
            return Err(SignatureError::ClientData("it was made in a frame of another page"));
        }
        Ok(())
    }
}

/// Whether a relying party's id is the host of an origin or a domain above it. A domain of one label
/// (`com`) is nobody's.
fn belongs_to(application: &str, origin: &str) -> bool {
    let Some((_, place)) = origin.split_once("://") else { return false };
    let host = place.split_once(':').map_or(place, |(host, _port)| host);
    let above = || {
        host.strip_suffix(application)
            .is_some_and(|rest| rest.ends_with('.') && application.contains('.'))
    };
    !application.is_empty() && (host == application || above())
}

#[cfg(test)]
mod tests {
    use super::belongs_to;

    #[test]
    fn a_passkey_belongs_to_its_own_site_and_those_below_it() {
        for (application, origin, belongs) in [
            ("approve.example.com", "https://approve.example.com", true),
            ("example.com", "https://approve.example.com", true),
            ("example.com", "https://approve.example.com:8443", true),
            ("localhost", "http://localhost:8080", true),
            ("ple.com", "https://approve.example.com", false),
            (".example.com", "https://approve.example.com", false),
            ("com", "https://approve.example.com", false),
            ("a.approve.example.com", "https://approve.example.com", false),
            ("ssh:", "https://approve.example.com", false),
            ("evil.com", "https://approve.example.com", false),
            ("", "https://", false),
        ] {
            assert_eq!(belongs_to(application, origin), belongs, "{application} {origin}");
        }
    }
}
