//! From news and a channel to the delivery: the whole request, signed.

use serde_json::json;

use super::delivery::{Delivery, Means};
use super::facts::cut;
use super::secret::{self, Key, SecretError};
use super::{News, Tries, mail};
use crate::policy::{Channel, ChannelKind, ChannelUrl};
use crate::system::Scope;
use crate::system::text::visible_json;

/// How often an HTTP endpoint is tried: five times within three minutes, so that the time that was
/// signed is still one that a receiver takes (Standard Webhooks: five minutes).
const HTTP_TRIES: u32 = 5;

/// The most bytes of text that ntfy takes as a message; what is longer becomes an attachment.
const NTFY_MOST: usize = 3800;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("it cannot be told as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the kernel gives no randomness: {0}")]
    Random(getrandom::Error),
    #[error("the policy does not say where it is")]
    Nowhere,
    #[error("its secret file does not hold the URL of a channel: https://HOST/PATH")]
    Url,
}

/// The news as this channel takes them.
pub(super) fn delivery(
    channel: &Channel,
    news: &News,
    scope: Scope,
    tries: Tries,
) -> Result<Delivery, ComposeError> {
    let (means, most) = match channel.kind {
        ChannelKind::Webhook => (webhook(channel, news, scope)?, HTTP_TRIES),
        ChannelKind::Slack => (slack(channel, news, scope)?, HTTP_TRIES),
        ChannelKind::Ntfy => (ntfy(channel, news, scope)?, HTTP_TRIES),
        // Nobody knows what a program that failed has done already.
        ChannelKind::Email => (email(channel, news), 1),
        ChannelKind::Command => (command(channel, news)?, 1),
        ChannelKind::Wall => (wall(news), 1),
    };
    let tries = if tries == Tries::One { 1 } else { most };
    Ok(Delivery { v: Delivery::FORMAT, tries, means })
}

/// What programs are told: the body of a webhook, the input of a command.
fn body(news: &News) -> Result<String, serde_json::Error> {
    let value = json!({
        "type": news.event.word(),
        "timestamp": news.at.rfc3339(),
        "data": match &news.facts {
            Some(facts) => serde_json::to_value(facts)?,
            None => json!({"host": news.host}),
        },
    });
    Ok(visible_json(&serde_json::to_string(&value)?))
}

/// What people are told: the title and the rest.
fn text(news: &News) -> String {
    format!("{}\n{}\n", news.title(), news.lines().join("\n"))
}

fn webhook(channel: &Channel, news: &News, scope: Scope) -> Result<Means, ComposeError> {
    let url = channel.url.as_ref().ok_or(ComposeError::Nowhere)?;
    let secret_file = channel.secret_file.as_ref().ok_or(ComposeError::Nowhere)?;
    let key = Key::read(secret_file.as_path(), scope)?;
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(ComposeError::Random)?;
    let id = format!("msg_{:032x}", u128::from_be_bytes(random));
    let timestamp = news.at.wall_ms.div_euclid(1000);
    let body = body(news)?;
    let signature = key.signature(&id, timestamp, &body);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    Ok(http(url, headers, body))
}

fn slack(channel: &Channel, news: &News, scope: Scope) -> Result<Means, ComposeError> {
    let url = match (&channel.url, &channel.secret_file) {
        (Some(url), _) => url.clone(),
        (None, Some(file)) => ChannelUrl::try_from(secret::line(file.as_path(), scope, "a URL")?)
            .map_err(|_| ComposeError::Url)?,
        (None, None) => return Err(ComposeError::Nowhere),
    };
    // Unescaped, these are links and calls to everybody: <https://…|Approve>, <!channel>.
    let text = text(news).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = json!({
        "text": text,
        "mrkdwn": false,
        "parse": "none",
        "unfurl_links": false,
        "unfurl_media": false,
    });
    let headers = [("content-type", "application/json".to_owned())];
    Ok(http(&url, headers, serde_json::to_string(&body)?))
}

fn ntfy(channel: &Channel, news: &News, scope: Scope) -> Result<Means, ComposeError> {
    let url = channel.url.as_ref().ok_or(ComposeError::Nowhere)?;
    let mut headers = vec![
        ("content-type", "text/plain; charset=utf-8".to_owned()),
        ("title", mail::header_text(&news.title(), " ")),
        ("priority", news.priority().to_string()),
        ("tags", news.event.word().to_owned()),
    ];
    if let Some(file) = &channel.secret_file {
        let token = secret::line(file.as_path(), scope, "an access token")?;
        headers.push(("authorization", format!("Bearer {token}")));
    }
    Ok(http(url, headers, cut(&news.lines().join("\n"), NTFY_MOST)))
}

fn http(
    url: &ChannelUrl,
    headers: impl IntoIterator<Item = (&'static str, String)>,
    body: String,
) -> Means {
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Means::Http { url: url.as_str().to_owned(), headers, body }
}

fn email(channel: &Channel, news: &News) -> Means {
    // -t: to whom, from the headers; -i: a line with a dot alone is no end.
    let argv = ["/usr/sbin/sendmail", "-t", "-i"].map(str::to_owned).to_vec();
    let input = mail::message(&channel.to, &news.title(), &text(news), news.event.word());
    Means::Program { argv, input }
}

fn command(channel: &Channel, news: &News) -> Result<Means, ComposeError> {
    Ok(Means::Program { argv: channel.run.clone(), input: body(news)? + "\n" })
}

fn wall(news: &News) -> Means {
    Means::Program { argv: vec!["/usr/bin/wall".to_owned()], input: text(news) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Event;
    use crate::system::{BootId, Host, Moment};

    fn news(host: &str) -> News {
        News {
            event: Event::Test,
            at: Moment { wall_ms: 1_764_000_000_999, boot_ms: 1, boot_id: BootId("b".into()) },
            host: Host { name: host.into(), id: "c0ffee".into() },
            facts: None,
        }
    }

    fn channel(text: &str) -> Channel {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_chat_is_told_text_and_nothing_that_it_makes_a_link_of() {
        let slack = channel(r#"{"name":"s","kind":"slack","url":"https://x.invalid/y"}"#);
        let told =
            delivery(&slack, &news("<!channel>&\u{202e}"), Scope::User, Tries::Several).unwrap();
        let Means::Http { body, .. } = &told.means else { panic!("{told:?}") };
        assert!(body.contains(r"&lt;!channel&gt;&amp;\\u{202e}"), "{body}");
        assert_eq!(told.tries, 5);
    }

    #[test]
    fn a_header_is_ascii_whatever_stands_in_it() {
        let ntfy = channel(r#"{"name":"n","kind":"ntfy","url":"https://x.invalid/y"}"#);
        let told = delivery(&ntfy, &news("h\r\nX: é"), Scope::User, Tries::One).unwrap();
        let Means::Http { headers, .. } = &told.means else { panic!("{told:?}") };
        for (name, value) in headers {
            let plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            assert!(plain, "{name}: {value:?}");
        }
        assert_eq!(told.tries, 1);
    }
}
