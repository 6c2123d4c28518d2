//! Secrets by their shape, wherever they stand.

use super::names;

/// The beginning of a token of a known kind, and the least length of what follows it.
const PREFIXES: [(&str, usize); 24] = [
    // AWS access key ids.
    ("AKIA", 16),
    ("ASIA", 16),
    // GitHub.
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    // GitLab.
    ("glpat-", 16),
    ("glrt-", 16),
    ("gldt-", 16),
    // Slack.
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    // Stripe, OpenAI and Anthropic, Google, npm, PyPI, Vault, Hugging Face.
    ("sk_live_", 16),
    ("sk-", 32),
    ("AIza", 35),
    ("npm_", 30),
    ("pypi-", 40),
    ("hvs.", 20),
    ("hf_", 30),
];

/// Headers whose whole value is secret, in lower case.
const HEADERS: [&str; 5] =
    ["authorization:", "proxy-authorization:", "x-api-key:", "x-auth-token:", "cookie:"];

/// Replaces private keys (PEM blocks) and secret headers, whose values hold white space.
pub(super) fn keys_and_headers(text: &str, marker: &mut dyn FnMut() -> String) -> String {
    headers(&private_keys(text, marker), marker)
}

fn private_keys(text: &str, marker: &mut dyn FnMut() -> String) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let (before, block) = rest.split_at(start);
        redacted.push_str(before);
        let label = block[BEGIN.len()..].split("-----").next().unwrap_or_default();
        if !label.ends_with("PRIVATE KEY") {
            redacted.push_str(BEGIN);
            rest = &block[BEGIN.len()..];
            continue;
        }
        redacted.push_str(&marker());
        // A block without its end is secret to the end of the text.
        rest = match block.find(END) {
            None => "",
            Some(end) => {
                let after = &block[end + END.len()..];
                after.find("-----").map_or("", |close| &after[close + 5..])
            }
        };
    }
    redacted + rest
}

fn headers(text: &str, marker: &mut dyn FnMut() -> String) -> String {
    let lower = text.to_ascii_lowercase();
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(value) = HEADERS
        .iter()
        .filter_map(|header| lower[at..].find(header).map(|found| at + found + header.len()))
        .min()
    {
        let start = value + text[value..].len() - text[value..].trim_start_matches(' ').len();
        let end = text[start..].find(['"', '\'', '\n', '\r']).map_or(text.len(), |end| start + end);
        redacted.push_str(&text[at..start]);
        if end > start {
            redacted.push_str(&marker());
        }
        at = end;
    }
    redacted + &text[at..]
}

/// Replaces what is secret within one word: tokens, the password of a URL, and the values of secret
/// names (`?token=…`, `"password":"…"`).
pub(super) fn within_word(word: &str, marker: &mut dyn FnMut() -> String) -> String {
    let mut redacted = String::with_capacity(word.len());
    let mut at = 0;
    while let Some(letter) = word[at..].chars().next() {
        let before = word[..at].chars().next_back();
        let hidden = token(&word[at..], before)
            .map(|length| (at, at + length))
            .or_else(|| user_information(word, at))
            .or_else(|| named_value(word, at));
        match hidden {
            Some((start, end)) => {
                redacted.push_str(&word[at..start]);
                redacted.push_str(&marker());
                at = end;
            }
            None => {
                redacted.push(letter);
                at += letter.len_utf8();
            }
        }
    }
    redacted
}

/// The length of a token of known shape at the beginning of `rest`.
fn token(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|letter| letter.is_ascii_alphanumeric()) {
        return None;
    }
    let run = |text: &str| {
        text.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')))
            .unwrap_or(text.len())
    };
    for (prefix, least) in PREFIXES {
        if let Some(tail) = rest.strip_prefix(prefix) {
            let length = run(tail);
            if length >= least {
                return Some(prefix.len() + length);
            }
        }
    }
    // A JSON Web Token (RFC 7519): three parts, the first an object in base64url.
    let mut length = 0;
    for part in 0..3 {
        let least = if part == 2 { 0 } else { 10 };
        let found = run(rest.get(length..)?);
        if found < least || (part == 0 && !rest.starts_with("eyJ")) {
            return None;
        }
        length += found;
        if part < 2 {
            if !rest[length..].starts_with('.') {
                return None;
            }
            length += 1;
        }
    }
    Some(length)
}

/// The password of a URL whose `://` stands at `at`; of a web URL also a lone user, which is a token
/// more often than not.
fn user_information(word: &str, at: usize) -> Option<(usize, usize)> {
    let start = at + word[at..].strip_prefix("://").map(|_| 3)?;
    let authority = &word[start..];
    let authority =
        &authority[..authority.find(['/', '?', '#', '"', '\'']).unwrap_or(authority.len())];
    let information = &authority[..authority.rfind('@')?];
    let end = start + information.len();
    match information.find(':') {
        Some(colon) if colon + 1 < information.len() => Some((start + colon + 1, end)),
        Some(_) => None,
        None => {
            let web = word[..at].ends_with("http") || word[..at].ends_with("https");
            (web && !information.is_empty()).then_some((start, end))
        }
    }
}

/// The value after the `=` or `:` at `at`, where the name before it is a secret's.
fn named_value(word: &str, at: usize) -> Option<(usize, usize)> {
    let value = word[at..].strip_prefix(['=', ':'])?;
    let name = word[..at].trim_end_matches(['"', '\'']);
    let length: usize =
        name.chars().rev().take_while(|letter| names::is_name_letter(*letter)).count();
    if !names::is_secret(&name[name.len() - length..]) {
        return None;
    }
    let value = value.trim_start_matches(['"', '\'']);
    let start = word.len() - value.len();
    let end = value.find(['&', ';', ',', '"', '\'', '`', ')', '}']).unwrap_or(value.len());
    (end > 0 && !value.starts_with("[redacted:")).then_some((start, start + end))
}
