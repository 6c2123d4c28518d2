//! `revoked_signers`: keys that no longer count, one a line as in a `.pub` file, so that `ssh-keygen -Y
//! verify -r` reads it too. The comment says from where in the audit log on, and why:
//! `revoked-at-log=SEQUENCE REASON`.
//!
//! The place in the log counts and not a date: who stole a key can write any date into what they sign,
//! but cannot get it recorded before what was recorded already.

use std::path::Path;

use super::allowed::lines;
use super::error::SignersError;
use super::key::PublicKey;
use super::registry::{Lint, Revocation};

const POSITION: &str = "revoked-at-log=";

/// What the file says.
pub(super) struct Revoked {
    pub(super) revocations: Vec<Revocation>,
    pub(super) lints: Vec<Lint>,
}

pub(super) fn parse(file: &Path, text: &str) -> Result<Revoked, SignersError> {
    let mut revoked = Revoked { revocations: Vec::new(), lints: Vec::new() };
    for line in lines(file, text) {
        let (line, start) = line?;
        let rest = line.text.get(start..).unwrap_or_default();
        let (key, comment) = match PublicKey::parse_line(rest) {
            Ok(found) => found,
            Err(error) if error.is_other_kind() => {
                let message = format!("this line has no effect: {error}");
                revoked.lints.push(Lint { place: line.place(start), message });
                continue;
            }
            Err(error) => return Err(line.wrong(start, error.to_string())),
        };
        let (sequence, because) = position(comment).ok_or_else(|| {
            let at = rest.find(POSITION).map_or(start, |at| start + at);
            let message = format!(
                "\"{POSITION}\" must be followed by the number of an entry of the audit log; without it the key counts as revoked from the start"
            );
            line.wrong(at, message)
        })?;
        let because = because.to_owned();
        match revoked.revocations.iter_mut().find(|known| known.key == key) {
            // Of two the one that takes more away counts.
            Some(known) if known.sequence <= sequence => {}
            Some(known) => (known.sequence, known.because) = (sequence, because),
            None => revoked.revocations.push(Revocation { key, sequence, because }),
        }
    }
    Ok(revoked)
}

/// From where on, and why. A key about which nothing is said is revoked from the start.
fn position(comment: &str) -> Option<(u64, &str)> {
    let Some(text) = comment.strip_prefix(POSITION) else { return Some((0, comment)) };
    let (number, because) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| number.parse().ok())?.map(|sequence| (sequence, because.trim()))
}

/// The line for a revocation.
pub(super) fn line(key: &PublicKey, sequence: u64, because: &str) -> String {
    format!("{key} {POSITION}{sequence} {because}\n")
}
