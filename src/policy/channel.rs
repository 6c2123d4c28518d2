//! Where people can be told: what a channel needs, and what it may not have.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::values::{AbsolutePath, Id, given};

/// Where to tell people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What rules call it.
    pub name: Id,
    /// What it is.
    pub kind: ChannelKind,
    /// Where it is (webhook, slack, ntfy).
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub url: Option<ChannelUrl>,
    /// The file with its secret: what signs (webhook), the URL (slack), an access token (ntfy).
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<AbsolutePath>,
    /// Addresses (email).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<MailAddress>,
    /// The command and its arguments (command).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
}

/// What a channel is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// An HTTP endpoint that takes signed JSON (Standard Webhooks).
    Webhook,
    /// A Slack incoming webhook.
    Slack,
    /// An ntfy topic.
    Ntfy,
    /// Mail by sendmail.
    Email,
    /// A command that reads JSON.
    Command,
    /// A line on every terminal.
    Wall,
}

impl ChannelKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Ntfy => "ntfy",
            Self::Email => "email",
            Self::Command => "command",
            Self::Wall => "wall",
        }
    }

    fn takes(self, field: &str) -> bool {
        match self {
            Self::Webhook | Self::Slack | Self::Ntfy => matches!(field, "url" | "secret_file"),
            Self::Email => field == "to",
            Self::Command => field == "run",
            Self::Wall => false,
        }
    }
}

impl Channel {
    /// What is wrong with it: the field, a sentence, and what to do.
    pub(super) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let name = self.name.as_str();
        let kind = self.kind.word();
        let there = [
            ("url", self.url.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("to", !self.to.is_empty()),
            ("run", !self.run.is_empty()),
        ];
        let foreign = there.iter().find(|(field, there)| *there && !self.kind.takes(field));
        if let Some((field, _)) = foreign {
            let message =
                format!("the channel {name:?} is of the kind {kind}, which has no {field}");
            return Some((field, message, "take it out, or write the kind that it belongs to"));
        }
        let lacks = |field, help| {
            let message = format!("the channel {name:?} has no {field}");
            Some((field, message, help))
        };
        match self.kind {
            ChannelKind::Webhook | ChannelKind::Ntfy if self.url.is_none() => {
                lacks("url", "say where it is: url: https://HOST/PATH")
            }
            // What nobody signed could be from anybody.
            ChannelKind::Webhook if self.secret_file.is_none() => lacks(
                "secret_file",
                "name a file of root's alone that holds the secret which signs: whsec_…",
            ),
            ChannelKind::Slack if self.url.is_none() == self.secret_file.is_none() => Some((
                "url",
                format!("the channel {name:?} needs either a url or a secret_file that holds it"),
                "write one of them: whoever knows the URL of a Slack webhook can write to it",
            )),
            ChannelKind::Email if self.to.is_empty() => {
                lacks("to", "say to whom: to: [oncall@example.com]")
            }
            ChannelKind::Command if !self.run.first().is_some_and(|one| one.starts_with('/')) => {
                let message = format!("the channel {name:?} does not run an absolute path");
                Some(("run", message, "write the command and its arguments: [/usr/local/bin/page]"))
            }
            ChannelKind::Command if self.run.iter().any(|word| word.contains('\0')) => {
                let message = format!("the channel {name:?} runs something with a NUL in it");
                Some(("run", message, "take it out"))
            }
            _ => None,
        }
    }
}

/// Where something is told by HTTP: `https://HOST[:PORT]/PATH`, `http://` on this very host only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelUrl {
    text: String,
    /// How long scheme, host and port are, in bytes.
    origin: usize,
}

impl ChannelUrl {
    /// The whole URL. Its path may be a secret.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: what may be shown.
    pub fn origin(&self) -> &str {
        self.text.get(..self.origin).unwrap_or_default()
    }
}

impl TryFrom<String> for ChannelUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text itself is not repeated: it may be a secret.
        let wrong = |what: &str| Err(format!("not a URL for a channel: {what}"));
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
        if text.len() > 2048 || !text.bytes().all(allowed) {
            return wrong("it is longer than 2048 bytes, or holds what a URL cannot (escape it)");
        }
        let (encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://"))
        {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return wrong("it begins with neither https:// nor http://"),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return wrong("a name and password do not belong there: write a secret_file");
        }
        let Some(host) = host_of(authority) else {
            return wrong("it has no host, or a port that is none");
        };
        if !encrypted && !is_this_host(host) {
            return wrong(
                "http:// can be read and changed on its way: write https:// (http:// is for \
                 127.0.0.1, [::1] and localhost)",
            );
        }
        let origin = text.len() - rest.len() + authority.len();
        Ok(Self { text, origin })
    }
}

impl From<ChannelUrl> for String {
    fn from(url: ChannelUrl) -> Self {
        url.text
    }
}

/// The host of `HOST[:PORT]`, an IPv6 address with its brackets.
fn host_of(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end)?;
    let port_is_one =
        port.strip_prefix(':').map_or(port.is_empty(), |number| number.parse::<u16>().is_ok());
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let host_is_one = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(letters),
    };
    (port_is_one && host_is_one).then_some(host)
}

fn is_this_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address that mail is sent to: `LOCAL@DOMAIN`, or the name of a user of this host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

impl MailAddress {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MailAddress {
    type Error = String;

    /// Only what needs no quoting in a header (RFC 5322, section 3.2.3): nothing that a header could
    /// end, or go on, with.
    fn try_from(text: String) -> Result<Self, String> {
        let (local, domain) = text.split_once('@').unwrap_or((&text, "localhost"));
        let in_local =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&byte);
        let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        // A leading hyphen could be taken for an option.
        let good = !local.is_empty()
            && !local.starts_with('-')
            && local.bytes().all(in_local)
            && !domain.is_empty()
            && domain.bytes().all(in_domain)
            && text.len() <= 254;
        if good {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is not a mail address: write NAME@DOMAIN alone, without a title"))
        }
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_encrypted_or_leads_to_this_host() {
        for (text, origin) in [
            ("https://hooks.example.com/services/T0/B0/x", "https://hooks.example.com"),
            ("https://ntfy.example:8443/topic?up=1", "https://ntfy.example:8443"),
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
            ("http://127.9.9.9/x", "http://127.9.9.9"),
            ("http://[::1]:80/x", "http://[::1]:80"),
            ("http://localhost/x", "http://localhost"),
        ] {
            let url = ChannelUrl::try_from(text.to_owned());
            assert_eq!(url.as_ref().map(ChannelUrl::origin), Ok(origin), "{text}");
        }
        for text in [
            "http://hooks.example.com/x",
            "http://127.0.0.1.example.com/x",
            "http://localhost.example.com/x",
            "http://10.0.0.1/x",
            "http://127.0.0.1@example.com/x",
            "http://example.com?@127.0.0.1/x",
            "https://user:secret@example.com/x",
            "ftp://127.0.0.1/x",
            "file:///etc/shadow",
            "HTTPS://example.com/x",
            "https://",
            "https:///x",
            "https://exa mple.com/",
            "https://example.com/a\r\nX-Injected: 1",
            "https://example.com/é",
            "https://example.com:99999/",
            "https://example.com:x/",
            "https://[::1/",
            "https://[x]/",
            "https://exa%6dple.com/",
            "https://example.com/#fragment",
        ] {
            assert!(ChannelUrl::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_ends_no_header_and_is_no_option() {
        for good in ["oncall@example.com", "root", "a.b+c@x-y.example"] {
            assert!(MailAddress::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "@example.com",
            "a@",
            "a@b@c",
            "a@b\nBcc: all@example.com",
            "a@b, c@d",
            "Bob <bob@example.com>",
            "-f@example.com",
            "é@example.com",
            "a b@example.com",
        ] {
            assert!(MailAddress::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
