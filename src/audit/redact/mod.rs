//! Secrets that do not get into the log.
//!
//! Command lines carry passwords although they should not. What is known to be one, by the name of
//! its flag or variable, by its place behind a program's flag, or by its shape, is replaced by
//! `[redacted:n]` before anything is hashed, `n` counting from 1 within a command. Nothing binds the
//! secret by itself: the request's digest covers the true arguments together with a nonce that only
//! the request's own file holds, so that it cannot be guessed from the log.
//!
//! This is a net for accidents. Somebody who wants a secret in the log gets it there; somebody who
//! wants to hide an argument gains nothing, since what is judged and shown for approval are the true
//! arguments.

mod flags;
mod names;
mod shapes;

use self::flags::{Place, Secret};
use crate::system::ByteString;

/// Arguments without their secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redacted {
    /// The arguments in the lossless form of [`ByteString::to_escaped`], secrets replaced.
    pub args: Vec<String>,
    /// How many secrets were replaced.
    pub count: usize,
}

/// The arguments of a command (the command itself first) without their secrets.
pub fn redact(argv: &[ByteString]) -> Redacted {
    let mut counter = Counter(0);
    let mut args: Vec<String> = Vec::with_capacity(argv.len());
    let escaped: Vec<String> = argv.iter().map(ByteString::to_escaped).collect();
    let mut before: Vec<&str> = Vec::new();
    let mut awaited: Option<Secret> = None;
    for argument in &escaped {
        let redacted = match awaited.take().filter(|_| !flags::is_flag(argument)) {
            Some(secret) => counter.value(argument, secret),
            None => match flags::secret_in(argument, &before) {
                Some((Place::Next, secret)) => {
                    awaited = Some(secret);
                    argument.clone()
                }
                Some((Place::Inside(at), secret)) => {
                    let (name, value) = argument.split_at(at);
                    format!("{name}{}", counter.value(value, secret))
                }
                None => text(argument, &before, &mut counter),
            },
        };
        args.push(redacted);
        before.push(argument);
    }
    Redacted { args, count: counter.0 }
}

/// Free text (a reason, a message) without its secrets.
pub fn redact_text(written: &str) -> String {
    text(written, &[], &mut Counter(0))
}

/// Counts the secrets and writes the markers.
struct Counter(usize);

impl Counter {
    fn marker(&mut self) -> String {
        self.0 += 1;
        format!("[redacted:{}]", self.0)
    }

    /// What stands in the log for a value that is, or holds, a secret.
    fn value(&mut self, value: &str, secret: Secret) -> String {
        let kept = match secret {
            Secret::Whole => 0,
            // Without the separator there is no password, only a name.
            Secret::After(separator) => match value.find(separator) {
                Some(at) => at + separator.len_utf8(),
                None => return value.to_owned(),
            },
        };
        let (kept, hidden) = value.split_at(kept);
        if hidden.is_empty() || hidden.starts_with("[redacted:") {
            return value.to_owned();
        }
        format!("{kept}{}", self.marker())
    }
}

/// A text of several words (a shell line, a header, a sentence), `before` being the words before it.
fn text(written: &str, before: &[&str], counter: &mut Counter) -> String {
    let written = shapes::keys_and_headers(written, &mut || counter.marker());
    let mut before = before.to_vec();
    let mut redacted = String::with_capacity(written.len());
    let mut awaited: Option<Secret> = None;
    let mut at = 0;
    while let Some((start, end)) = next_word(&written, at) {
        redacted.push_str(&written[at..start]);
        let word = &written[start..end];
        at = end;
        if let Some(secret) = awaited.take().filter(|_| !flags::is_flag(word)) {
            at = value_end(&written, start, end);
            redacted.push_str(&counter.value(&written[start..at], secret));
        } else {
            let bare = word.trim_start_matches(['"', '\'', '(', '`', '$', ';']);
            let found = flags::secret_in(bare, &before)
                .or_else(|| names::announces(bare).then_some((Place::Next, Secret::Whole)));
            match found {
                Some((Place::Next, secret)) => {
                    awaited = Some(secret);
                    redacted.push_str(word);
                }
                Some((Place::Inside(inside), secret)) => {
                    let value = end - bare.len() + inside;
                    at = value_end(&written, value, end);
                    redacted.push_str(&written[start..value]);
                    redacted.push_str(&counter.value(&written[value..at], secret));
                }
                None => redacted.push_str(&shapes::within_word(word, &mut || counter.marker())),
            }
            before.push(bare);
        }
    }
    redacted.push_str(&written[at..]);
    redacted
}

/// The bytes of the next word at or after `from`.
fn next_word(text: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + text[from..].find(|letter: char| !letter.is_whitespace())?;
    let length = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
    Some((start, start + length))
}

/// Where a value ends that begins at `start` in a word that ends at `end`: a quoted one goes on to
/// its closing quote, over white space.
fn value_end(text: &str, start: usize, end: usize) -> usize {
    let value = &text[start..];
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => match value[1..].find(quote) {
            Some(closing) => end.max(start + 1 + closing + 1),
            None => end,
        },
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redacted(argv: &[&str]) -> Vec<String> {
        redact(&argv.iter().map(|argument| ByteString::from(*argument)).collect::<Vec<_>>()).args
    }

    #[test]
    fn what_is_known_to_be_a_secret_is_replaced() {
        let jwt =
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
        for (argv, expected) in [
            (vec!["deploy", "--password", "S3cret"], "deploy --password [redacted:1]"),
            (vec!["deploy", "--password=S3cret"], "deploy --password=[redacted:1]"),
            (
                vec!["tool", "--api-key", "S3cret", "-token=S3cret"],
                "tool --api-key [redacted:1] -token=[redacted:2]",
            ),
            (
                vec!["mysql", "-uroot", "-pS3cret", "-p", "app"],
                "mysql -uroot -p[redacted:1] -p app",
            ),
            (
                vec!["sudo", "/usr/bin/mysqldump", "-pS3cret"],
                "sudo /usr/bin/mysqldump -p[redacted:1]",
            ),
            (vec!["mysql", "--password", "--user=root"], "mysql --password --user=root"),
            (vec!["curl", "-u", "bob:S3cret", "http://h/"], "curl -u bob:[redacted:1] http://h/"),
            (vec!["curl", "-su", "bob:S3cret"], "curl -su bob:[redacted:1]"),
            (
                vec!["curl", "--user=bob:S3cret", "-ubob:S3cret"],
                "curl --user=bob:[redacted:1] -ubob:[redacted:2]",
            ),
            (
                vec!["curl", "-H", "Authorization: Bearer S3cret x"],
                "curl -H Authorization: [redacted:1]",
            ),
            (vec!["curl", "-H", "X-Api-Key: S3cret"], "curl -H X-Api-Key: [redacted:1]"),
            (
                vec!["curl", "https://h/p?a=1&access_token=S3cret&b=2"],
                "curl https://h/p?a=1&access_token=[redacted:1]&b=2",
            ),
            (
                vec!["curl", "-d", r#"{"user":"bob","password":"S3cret","n":1}"#],
                r#"curl -d {"user":"bob","password":"[redacted:1]","n":1}"#,
            ),
            (
                vec!["psql", "postgres://bob:S3cret@db/app"],
                "psql postgres://bob:[redacted:1]@db/app",
            ),
            (
                vec!["git", "clone", "https://S3cret@example.org/r"],
                "git clone https://[redacted:1]@example.org/r",
            ),
            (vec!["env", "PGPASSWORD=S3cret", "psql"], "env PGPASSWORD=[redacted:1] psql"),
            (vec!["docker", "run", "-e", "DB_PASS=S3cret x"], "docker run -e DB_PASS=[redacted:1]"),
            (vec!["docker", "run", "-eDB_PASS=S3cret"], "docker run -eDB_PASS=[redacted:1]"),
            (
                vec!["docker", "login", "-u", "bob", "-p", "S3cret"],
                "docker login -u bob -p [redacted:1]",
            ),
            (
                vec!["helm", "--set", "auth.password=S3cret,x=1"],
                "helm --set auth.password=[redacted:1]",
            ),
            (vec!["openssl", "-passin", "pass:S3cret"], "openssl -passin pass:[redacted:1]"),
            (vec!["sshpass", "-pS3cret", "ssh", "h"], "sshpass -p[redacted:1] ssh h"),
            (vec!["aws", "AKIAIOSFODNN7EXAMPLE"], "aws [redacted:1]"),
            (vec!["gh", "x=ghp_abcdefghijklmnopqrstuvwxyz0123456789"], "gh x=[redacted:1]"),
            (
                vec!["x", "glpat-abcdefghij0123456789", "xoxb-1234567890-abc"],
                "x [redacted:1] [redacted:2]",
            ),
            (vec!["x", jwt], "x [redacted:1]"),
            (
                vec![
                    "x",
                    "-----BEGIN RSA PRIVATE KEY-----\nS3cret\n-----END RSA PRIVATE KEY-----\nrest",
                ],
                "x [redacted:1]\nrest",
            ),
            (
                vec![
                    "sh",
                    "-c",
                    "mysql -pS3cret app; PASSWORD='S3cret x' run --token \"S3cret y\" z",
                ],
                "sh -c mysql -p[redacted:1] app; PASSWORD=[redacted:2] run --token [redacted:3] z",
            ),
            (vec!["x", "the password: S3cret here"], "x the password: [redacted:1] here"),
        ] {
            let shown = redacted(&argv).join(" ");
            assert_eq!(shown, expected);
            assert!(!shown.contains("S3cret"), "{shown}");
        }
    }

    #[test]
    fn what_is_none_stays_readable() {
        for argv in [
            vec!["rm", "-rf", "/srv/app"],
            vec!["tool", "--token-file", "/run/token", "--password-stdin", "registry"],
            vec!["docker", "run", "-p", "80:80", "vault/secret-tool:1.2"],
            vec!["mkdir", "-p", "/srv/a"],
            vec!["kubectl", "get", "secrets", "-n", "x"],
            vec!["git", "clone", "ssh://git@example.org/r"],
            vec!["curl", "-u", "bob", "http://h:80/a=b"],
            vec!["sed", "-i", "s/a:b/c=d/", "it's fine", "don't"],
            vec!["llm", "--max-tokens", "500", "ghp_short", "eyJ.x.y"],
        ] {
            assert_eq!(redacted(&argv), argv);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let argv =
            [ByteString::from(vec![b'x', 0xff]), ByteString::from(b"--token=\xff\\".to_vec())];
        assert_eq!(redact(&argv).args, ["x\\xff", "--token=[redacted:1]"]);
    }

    proptest! {
        #[test]
        fn no_argument_is_a_panic(argv in proptest::collection::vec("[-=:@/'\" \\\\a-zé{}&]{0,30}|(--)?(password|token|mysql|curl|https://|eyJ|Authorization:)[=: ]?.{0,9}", 0..6)) {
            let bytes: Vec<ByteString> = argv.iter().map(|a| ByteString::from(a.as_str())).collect();
            prop_assert_eq!(redact(&bytes).args.len(), argv.len());
            redact_text(&argv.join(" "));
        }
    }
}
