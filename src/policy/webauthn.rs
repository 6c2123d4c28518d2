//! The pages on which people may sign with a passkey.

use serde::{Deserialize, Serialize};

use super::compiled::Policy;
use super::values::read_from_text;

read_from_text!(Origin);

/// Signatures by browsers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebAuthn {
    /// The pages whose signatures count.
    pub origins: Vec<Origin>,
}

/// The origin of a page as browsers write it (RFC 6454, section 6.2): `https://approve.example.com`, with
/// a port where it is not the usual one. Of plain HTTP only `localhost`, as browsers have it (W3C Secure
/// Contexts, section 3.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct Origin(String);

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refused = |help: &str| Err(format!("{text:?} is not the origin of a page: {help}"));
        let (place, local, usual_port) = match text.split_once("://") {
            Some(("https", place)) => (place, false, 443),
            Some(("http", place)) => (place, true, 80),
            _ => return refused("write https:// and the name of its host"),
        };
        let (host, port) = match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        };
        if place.contains('/') {
            return refused("an origin has no path, also no slash at its end");
        }
        if local && host != "localhost" {
            return refused("browsers sign on pages of https only (and of http://localhost)");
        }
        if !is_host(host) {
            return refused("write the name of its host in small letters, as browsers do");
        }
        let is_number = |port: &str| {
            port.parse::<u16>().is_ok_and(|number| {
                number != 0 && number != usual_port && number.to_string() == port
            })
        };
        if !port.is_none_or(is_number) {
            return refused("write the port as a number, and only where it is not the usual one");
        }
        Ok(Self(text))
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// A name and no address: a passkey belongs to a name.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && label.bytes().all(allowed)
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').all(is_label) && !host.rsplit('.').next().is_none_or(is_number)
}

impl Policy {
    /// The pages on which people may sign with a passkey, as browsers write their origins.
    pub fn webauthn_origins(&self) -> Vec<String> {
        let named = self.document().webauthn.iter().flat_map(|webauthn| &webauthn.origins);
        named.map(|origin| origin.0.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_write() {
        for good in [
            "https://approve.example.com",
            "https://approve.example.com:8443",
            "https://a1-b.example",
            "http://localhost",
            "http://localhost:8080",
            "https://localhost",
        ] {
            assert_eq!(String::from(Origin::try_from(good.to_owned()).unwrap()), good);
        }
        for bad in [
            "",
            "https://",
            "approve.example.com",
            "http://approve.example.com",
            "https://approve.example.com/",
            "https://approve.example.com/x",
            "https://Approve.example.com",
            "https://approve.example.com:443",
            "https://approve.example.com:08443",
            "https://approve.example.com:",
            "https://approve.example.com:99999",
            "https://user@approve.example.com",
            "https://*.example.com",
            "https://.example.com",
            "https://192.0.2.1",
            "https://[::1]",
            "https://appr\u{f6}ve.example.com",
            "https://approve.example.com\n",
            "http://localhost.evil.example",
        ] {
            let refused = Origin::try_from(bad.to_owned()).unwrap_err();
            assert!(refused.contains("is not the origin of a page"), "{bad}: {refused}");
        }
    }
}
