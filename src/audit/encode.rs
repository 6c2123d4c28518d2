//! From an entry to the line that is stored.

use serde_json::{Map, Value, json};

use super::entry::field;
use super::{Action, AuditError, Entry, LINE_LIMIT, Outcome, leaf};
use crate::system::canonical::{self, CanonicalError};
use crate::system::text::cut as cut_text;
use crate::system::{Digest, Host, Moment};

/// The version of the Elastic Common Schema that the field names follow.
const ECS_VERSION: &str = "8.17.0";

/// Lengths to which texts (bytes) and lists of texts (items) are cut, one pair after another until
/// the line is short enough. The last ones leave digests and identifiers whole.
const CUTS: [(usize, usize); 5] = [(16_384, 2048), (4096, 512), (1024, 128), (256, 64), (128, 16)];

/// The place in the chain that a line is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its sequence number.
    pub(super) sequence: u64,
    /// The leaf of the line before it.
    pub(super) prev: Digest,
}

/// The lines of a batch, each with its line feed, and the place after them.
pub(super) fn batch(
    entries: &[Entry],
    mut place: Place,
    now: &Moment,
    host: &Host,
) -> Result<(String, Place), AuditError> {
    let mut lines = String::new();
    for entry in entries {
        let line = line(entry, place, now, host)?;
        place = Place { sequence: place.sequence + 1, prev: leaf(line.as_bytes()) };
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok((lines, place))
}

/// One line, without its line feed.
fn line(entry: &Entry, place: Place, now: &Moment, host: &Host) -> Result<String, AuditError> {
    let refused = |error| AuditError::Entry(entry.action, error);
    let mut object = object(entry, place, now, host);
    let whole = canonical::to_string(&object).map_err(refused)?;
    if whole.len() < LINE_LIMIT {
        return Ok(whole);
    }
    for (text, items) in CUTS {
        let mut cut = 0_u64;
        shorten(&mut object, text, items, &mut cut).map_err(refused)?;
        if let Some(Value::Object(details)) = object.get_mut("hitl") {
            details.insert("cut".into(), cut.into());
        }
        let line = canonical::to_string(&object).map_err(refused)?;
        if line.len() < LINE_LIMIT {
            return Ok(line);
        }
        // Each pair cuts the whole entry anew: a digest always speaks of what was really there.
        object = self::object(entry, place, now, host);
    }
    Err(AuditError::TooLong(entry.action))
}

fn object(entry: &Entry, place: Place, now: &Moment, host: &Host) -> Value {
    let (category, kind) = classification(entry);
    let mut hitl = entry.details.clone();
    hitl.insert("v".into(), 1.into());
    hitl.insert("prev".into(), place.prev.hex().into());
    hitl.insert("boot_id".into(), now.boot_id.0.clone().into());
    hitl.insert("boot_ms".into(), now.boot_ms.into());
    if let Some(reference) = &entry.reference {
        hitl.insert(field::REQUEST_ID.into(), json!(reference.id));
        if let Some(digest) = &reference.digest {
            hitl.insert(field::REQUEST_DIGEST.into(), json!(digest));
        }
    }
    let mut object = Map::new();
    object.insert("@timestamp".into(), now.rfc3339().into());
    object.insert("ecs".into(), json!({"version": ECS_VERSION}));
    object.insert(
        "event".into(),
        json!({
            "action": entry.action,
            "category": [category],
            "kind": "event",
            "outcome": entry.outcome,
            "sequence": place.sequence,
            "type": [kind],
        }),
    );
    object.insert("host".into(), json!({"id": host.id, "name": host.name}));
    if let Some(user) = &entry.user {
        object.insert("user".into(), json!({"id": user.uid.to_string(), "name": user.name}));
        if let Some(login_uid) = user.login_uid {
            hitl.insert(field::LOGIN_UID.into(), login_uid.into());
        }
    }
    if !entry.process.is_empty() {
        object.insert("process".into(), entry.process.clone().into());
    }
    if !entry.rules.is_empty() {
        object.insert("rule".into(), json!({"id": entry.rules}));
    }
    object.insert("hitl".into(), hitl.into());
    object.into()
}

/// ECS `event.category` and `event.type`, from the values that ECS allows.
fn classification(entry: &Entry) -> (&'static str, &'static str) {
    match entry.action {
        Action::SegmentOpened => ("configuration", "creation"),
        Action::LogRecovered => ("configuration", "info"),
        Action::PrivilegeRequested => ("process", "access"),
        Action::PolicyDecided => match entry.outcome {
            Outcome::Success => ("process", "allowed"),
            Outcome::Failure => ("process", "denied"),
            Outcome::Unknown => ("process", "info"),
        },
        Action::Authenticated => ("authentication", "allowed"),
        Action::AuthenticationFailed => ("authentication", "denied"),
        Action::ApprovalRecorded => ("iam", "allowed"),
        Action::ApprovalRejected => ("iam", "denied"),
        Action::BreakGlass => ("iam", "allowed"),
        Action::BreakGlassReviewed => ("iam", "info"),
        Action::SnapshotCreated => ("file", "creation"),
        Action::SnapshotFailed => ("file", "info"),
        Action::CommandStarted => ("process", "start"),
        Action::CommandFinished => ("process", "end"),
        Action::UndoStarted => ("file", "start"),
        Action::UndoApplied => ("file", "change"),
        Action::SnapshotPruned => ("file", "deletion"),
        Action::SnapshotPinned | Action::SnapshotUnpinned => ("file", "change"),
        Action::UndoFollowed if entry.outcome == Outcome::Unknown => ("process", "start"),
        Action::UndoFollowed => ("process", "end"),
        Action::SignersChanged => ("iam", "change"),
        Action::NotificationSent => ("network", "info"),
        Action::NotificationFailed => ("network", "error"),
        Action::RequestExpired | Action::RequestCancelled | Action::RequestVoid => {
            ("process", "denied")
        }
    }
}

/// Cuts texts longer than `text` bytes and lists of more than `items` texts, and leaves in their
/// place how much is missing and its digest. `hitl.cut` counts the cuts, so that an argument that
/// merely looks like one deceives nobody.
fn shorten(
    value: &mut Value,
    text: usize,
    items: usize,
    cut: &mut u64,
) -> Result<(), CanonicalError> {
    match value {
        Value::String(whole) => {
            if let Some(shorter) = cut_text(whole, text) {
                *whole = shorter;
                *cut += 1;
            }
        }
        Value::Array(list) => {
            if list.len() > items && list.iter().all(Value::is_string) {
                let missing = list.split_off(items);
                let bytes = canonical::to_string(&missing)?;
                list.push(format!("[cut: {} items, {}]", missing.len(), digest_of(&bytes)).into());
                *cut += 1;
            }
            for item in list {
                shorten(item, text, items, cut)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                // A signature is about every byte of its statement; both are short as they are.
                if ![field::STATEMENT, field::SIGNATURE].contains(&name.as_str()) {
                    shorten(member, text, items, cut)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn digest_of(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}
