//! `allowed_signers`: whose key is whose. One line is `PRINCIPAL [OPTIONS] ALGORITHM BASE64 [COMMENT]`.
//!
//! It is read more strictly than ssh-keygen reads it: a key belongs to one person, who is named. A file
//! that says otherwise anywhere is refused whole.

use std::collections::HashMap;
use std::path::Path;

use super::error::{Place, SignersError};
use super::key::{KeyError, PublicKey};
use super::options::Options;
use super::registry::{Lint, Signer};

/// What the file says.
pub(super) struct Allowed {
    pub(super) signers: Vec<Signer>,
    pub(super) lints: Vec<Lint>,
}

/// One line, for errors in it.
pub(super) struct Line<'a> {
    pub(super) file: &'a Path,
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl Line<'_> {
    pub(super) fn place(&self, byte: usize) -> Place {
        let column = self.text.get(..byte).map_or(1, |before| before.chars().count() + 1);
        Place { file: self.file.to_owned(), line: self.number, column }
    }

    pub(super) fn wrong(&self, byte: usize, message: impl Into<String>) -> SignersError {
        SignersError::Wrong { place: self.place(byte), message: message.into() }
    }
}

/// The lines of a file that say something, and where in each that begins.
///
/// # Errors
/// A control character: it would not be shown, and means other things to other readers.
pub(super) fn lines<'a>(
    file: &'a Path,
    text: &'a str,
) -> impl Iterator<Item = Result<(Line<'a>, usize), SignersError>> {
    text.split('\n').enumerate().filter_map(move |(index, text)| {
        let line = Line { file, number: index + 1, text };
        let start = text.len() - text.trim_start_matches([' ', '\t']).len();
        if let Some(at) = text.find(|c: char| c.is_control() && c != '\t') {
            let message =
                "there is a control character here: save the file as plain text with Unix line ends";
            return Some(Err(line.wrong(at, message)));
        }
        let rest = text.get(start..).unwrap_or_default();
        (!rest.is_empty() && !rest.starts_with('#')).then_some(Ok((line, start)))
    })
}

pub(super) fn parse(file: &Path, text: &str) -> Result<Allowed, SignersError> {
    let mut allowed = Allowed { signers: Vec::new(), lints: Vec::new() };
    let mut owners: HashMap<PublicKey, (String, usize)> = HashMap::new();
    for line in lines(file, text) {
        let (line, start) = line?;
        let entry = match read(&line, start)? {
            Read::Entry(entry) => entry,
            Read::DoesNotCount(lint) => {
                allowed.lints.push(lint);
                continue;
            }
        };
        let owner = (entry.signer.principal().to_owned(), line.number);
        if let Some((other, number)) = owners.insert(entry.signer.key().clone(), owner) {
            let principal = entry.signer.principal();
            return Err(line.wrong(
                entry.key_at,
                if other == principal {
                    format!("this key stands in line {number} already: take one of the lines out")
                } else {
                    format!(
                        "this key stands in line {number} already, as {other}'s: a key is one \
                         person's and has one principal, so take one of the lines out"
                    )
                },
            ));
        }
        match entry.lint {
            Some(message) => {
                allowed.lints.push(Lint { place: line.place(entry.lint_at), message });
            }
            None => allowed.signers.push(entry.signer),
        }
    }
    Ok(allowed)
}

enum Read {
    Entry(Box<Entry>),
    DoesNotCount(Lint),
}

/// A line with a key that could count.
struct Entry {
    signer: Signer,
    key_at: usize,
    /// Why it does not count all the same, and what says so.
    lint: Option<String>,
    lint_at: usize,
}

fn read(line: &Line<'_>, start: usize) -> Result<Read, SignersError> {
    let rest_at = |from: usize| {
        let rest = line.text.get(from..).unwrap_or_default();
        from + (rest.len() - rest.trim_start_matches([' ', '\t']).len())
    };
    let rest = line.text.get(start..).unwrap_or_default();
    let principal = rest.split([' ', '\t']).next().unwrap_or_default();
    if let Err(message) = check_principal(principal) {
        return Err(line.wrong(start, message));
    }
    let options_at = rest_at(start + principal.len());
    let mut key_at = options_at;
    let mut options = Options::default();
    let mut parsed = PublicKey::parse_line(line.text.get(key_at..).unwrap_or_default());
    if parsed == Err(KeyError::NoKey) {
        let text = line.text.get(options_at..).unwrap_or_default();
        if text.is_empty() {
            return Err(line.wrong(
                options_at,
                "the line ends before its key: add the key, as in a .pub file",
            ));
        }
        let (read, end) = Options::parse(text)
            .map_err(|wrong| line.wrong(options_at + wrong.at, wrong.message))?;
        options = read;
        key_at = rest_at(options_at + end);
        parsed = PublicKey::parse_line(line.text.get(key_at..).unwrap_or_default());
    }
    let (key, comment) = match parsed {
        Ok(found) => found,
        Err(error) if error.is_other_kind() => {
            let lint = Lint { place: line.place(key_at), message: error.to_string() };
            return Ok(Read::DoesNotCount(lint));
        }
        Err(error) => return Err(line.wrong(key_at, error.to_string())),
    };
    let lint = if options.cert_authority {
        Some(
            "a certification authority does not count: hitl counts keys of people, so list each person's own key",
        )
    } else if !options.admit_approvals() {
        Some("this line is not for approvals: its namespaces do not admit hitl-approval-v1")
    } else {
        None
    };
    let signer = Signer::new(principal, key, &options, comment, line.number);
    let lint = lint.map(str::to_owned);
    Ok(Read::Entry(Box::new(Entry { signer, key_at, lint, lint_at: options_at })))
}

/// Whether a text names exactly one person. The part before the first `@` is their login name.
pub(super) fn check_principal(principal: &str) -> Result<(), String> {
    let login = principal.split('@').next().unwrap_or_default();
    let message = if principal.starts_with('!') || principal.contains(",!") {
        "a principal with \"!\" says who does not count: name the one person whose key this is"
    } else if principal.contains(['*', '?']) {
        "a principal with \"*\" or \"?\" stands for many: name the one person whose key this is"
    } else if principal.contains(',') {
        "several principals with one key could not be told apart: give each person a key and a line of \
         their own"
    } else if looks_like_algorithm(principal) {
        "the line does not say whose key this is: begin it with the login name, then \" ssh-ed25519 …\""
    } else if login.is_empty()
        || !principal.bytes().all(|b| b.is_ascii_graphic() && !b"\"'\\#".contains(&b))
    {
        "a principal is a login name, or a login name, \"@\" and a host: letters, digits and \".-_@\""
    } else {
        return Ok(());
    };
    Err(message.to_owned())
}

fn looks_like_algorithm(word: &str) -> bool {
    ["ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|known| word.starts_with(known))
}
