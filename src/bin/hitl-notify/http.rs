//! One POST. Of the answer only the status counts: nothing else of it is read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hitl::notify::Ending;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::Tried;

/// How long finding the host may take, and connecting to it.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one try may take, from the first packet to the status.
const WHOLE: Duration = Duration::from_secs(10);

/// The most bytes of the answer's head.
const HEAD: usize = 16 * 1024;

/// Where distributions keep the authorities that this host trusts, those of its administrators among
/// them: Debian and Arch, Fedora, openSUSE, Alpine.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(crate) fn post(url: &str, headers: &[(String, String)], body: &str) -> Tried {
    let config = Agent::config_builder()
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(WHOLE))
        // Whoever answers must not choose whom this host talks to next.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_response_header_size(HEAD)
        // There is no environment that could name one, and it stays so.
        .proxy(None)
        .user_agent(concat!("hitl/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(authorities()).build())
        .build();
    let mut request = Agent::new_with_config(config).post(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    match request.send(body) {
        Ok(response) => of_status(response.status().as_u16()),
        Err(error) => Tried { status: None, ending: Ending::Failed(clause(&error)), again: true },
    }
}

fn of_status(status: u16) -> Tried {
    let (ending, again) = match status {
        200..=299 => (Ending::Taken, false),
        300..=399 => {
            let clause = "it answered with a redirect, which is not followed: write the final URL";
            (Ending::Failed(clause.to_owned()), false)
        }
        // Too early, too slow, too many: RFC 9110, RFC 8470, RFC 6585.
        408 | 425 | 429 => (Ending::Failed("it asked to come back later".to_owned()), true),
        400..=499 => (Ending::Failed("it refused the message".to_owned()), false),
        _ => (Ending::Failed("it failed".to_owned()), true),
    };
    Tried { status: Some(status), ending, again }
}

/// What went wrong, as a clause. The URL, whose path may be a secret, is in none of them.
fn clause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(what) => {
            format!("no answer within {} seconds ({what})", WHOLE.as_secs())
        }
        ureq::Error::HostNotFound => "the name of its host is unknown".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Io(error) => format!("no connection: {error}"),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "its URL cannot be used".to_owned(),
        other => other.to_string(),
    }
}

/// The host's authorities; where it has none (a minimal container), those of Mozilla that were built
/// in.
fn authorities() -> RootCerts {
    for file in AUTHORITIES.map(Path::new) {
        let Ok(text) = std::fs::read(file) else { continue };
        let found: Vec<Certificate<'static>> = parse_pem(&text)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if !found.is_empty() {
            return RootCerts::Specific(Arc::new(found));
        }
    }
    RootCerts::WebPki
}
