//! The file of one request: JSON of a [`Record`] under a seal, written whole and believed only after it
//! was checked.
//!
//! The seal is the SHA-256 of the record's bytes: no part of a file counts in which a disk, or a slip of
//! root's editor, has changed anything. It stops nobody who computes it anew; what approvals rest on is
//! bound by digests and signatures within.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::Deserialize;

use super::{Approval, Bound, Record, RequestId, State, StoreError};
use crate::policy::Decision;
use crate::system::Digest;
use crate::system::canonical::CanonicalError;

/// The most that a new request may take, in bytes: more than the kernel's usual limit for arguments
/// and environment names together.
const LARGEST_NEW: usize = 4 << 20;

/// The most that any request may take. The difference is room for approvals, and for what is offered to
/// be signed, so that nobody makes a request just too large to be decided.
const LARGEST: usize = 8 << 20;

/// The bytes of a request's file.
pub(super) fn encode(path: &Path, record: &Record) -> Result<Vec<u8>, StoreError> {
    check(record, &record.id).map_err(|what| damaged(path, what))?;
    let bytes = sealed(&serde_json::to_vec(record).map_err(CanonicalError::from)?);
    let is_new = matches!(record.state, State::Pending | State::Approved);
    let is_new = is_new && record.approvals.is_empty() && record.offers.is_empty();
    let limit = if is_new { LARGEST_NEW } else { LARGEST };
    if bytes.len() > limit {
        return Err(StoreError::TooLarge { size: bytes.len(), limit });
    }
    Ok(bytes)
}

/// Reads a request's file; `None` where there is none.
pub(super) fn read(path: &Path, id: &RequestId) -> Result<Option<Record>, StoreError> {
    let unreadable = |error| StoreError::Read(path.to_owned(), error);
    let opened = OpenOptions::new()
        .read(true)
        // O_NONBLOCK: a fifo in the file's place must not make us wait.
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(damaged(path, "it is a symbolic link"));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(damaged(path, "it is not a regular file"));
    }
    if ![0, nix::unistd::geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(damaged(path, format!("it belongs to uid {}", metadata.uid())));
    }
    // One read where nobody lies about the length.
    let length = usize::try_from(metadata.len()).unwrap_or(LARGEST).min(LARGEST);
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > LARGEST {
        return Err(damaged(path, format!("it is larger than {LARGEST} bytes")));
    }
    decode(&bytes, id).map(Some).map_err(|what| damaged(path, what))
}

/// Reads a request and checks it.
pub(super) fn decode(bytes: &[u8], id: &RequestId) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let bytes = unsealed(bytes).ok_or("its seal does not fit its content")?;
    let record: Record =
        serde_json::from_slice(bytes).map_err(|error| {
            match serde_json::from_slice::<Version>(bytes) {
                Ok(Version { v }) if v != Record::FORMAT => other_format(v),
                _ => error.to_string(),
            }
        })?;
    check(&record, id)?;
    Ok(record)
}

/// What stands around a record's JSON: `{"seal":"HEX","record":JSON}` and a line feed.
pub(super) fn sealed(json: &[u8]) -> Vec<u8> {
    let beginning = format!("{{\"seal\":\"{}\",\"record\":", Digest::of(json).hex());
    [beginning.as_bytes(), json, b"}\n"].concat()
}

/// A record's JSON, where the file is exactly what [`sealed`] makes of it.
fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let beginning = sealed(b"").len() - "}\n".len();
    let json = bytes.get(beginning..bytes.len().checked_sub(2)?)?;
    let (head, seal) = (bytes.get(..beginning)?, Digest::of(json).hex());
    let fits = head == format!("{{\"seal\":\"{seal}\",\"record\":").as_bytes();
    (fits && bytes.ends_with(b"}\n")).then_some(json)
}

/// What a record must be before it is believed, or written. A file that was damaged, or made by
/// hand, must not become an approval.
fn check(record: &Record, id: &RequestId) -> Result<(), String> {
    if record.v != Record::FORMAT {
        return Err(other_format(record.v));
    }
    if record.bound.v != Bound::FORMAT {
        return Err(other_format(record.bound.v));
    }
    if record.id != *id {
        return Err(format!("it holds the request {}", record.id));
    }
    let digest = record.bound.digest().map_err(|error| error.to_string())?;
    if digest != record.digest {
        return Err(format!(
            "its digest is {}, and what it is bound to gives {digest}",
            record.digest
        ));
    }
    if record.approval_deadline.wall_ms != record.bound.expires_ms {
        return Err("its deadline is not the one that it is bound to".to_owned());
    }
    let whole = match record.state {
        State::Approved => {
            record.execution_deadline.is_some() && record.suffices(&Approval::as_given)
        }
        State::Running => record.runner.is_some(),
        State::Rejected => record.rejection.is_some(),
        State::Finished => record.ending.is_some(),
        State::Pending | State::Expired | State::Cancelled | State::Void | State::Unknown => true,
    };
    if !whole {
        return Err(format!("it says {} and lacks what makes it so", record.state));
    }
    record.check_glass()?;
    let alone = record.shown.decision == Decision::Deny && record.bound.break_glass;
    if !alone && !matches!(record.shown.decision, Decision::Confirm | Decision::Approve) {
        return Err("it is for a decision that no human makes".to_owned());
    }
    Ok(())
}

fn other_format(v: u32) -> String {
    format!("it is in format {v}, and this hitl reads format {}", Record::FORMAT)
}

fn damaged(path: &Path, what: impl Into<String>) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::review::samples;

    fn bytes_of(record: &Record) -> Vec<u8> {
        encode(Path::new("/store/x"), record).unwrap()
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let record = samples::record();
        assert_eq!(decode(&bytes_of(&record), &record.id).unwrap(), record);
    }

    #[test]
    fn no_file_with_a_single_changed_byte_is_believed_sealed_anew_or_not() {
        let record = samples::record();
        let original = serde_json::to_vec(&record).unwrap();
        let others = |was: u8| {
            let flipped = (0..8).map(move |bit| was ^ (1 << bit));
            flipped.chain(*b"09azAF\"\\ {}[]:,-").filter(move |byte| *byte != was)
        };
        let file = bytes_of(&record);
        for position in 0..file.len() {
            for byte in others(file[position]) {
                let mut mutated = file.clone();
                mutated[position] = byte;
                assert!(decode(&mutated, &record.id).is_err(), "byte {position} as {byte:#x}");
            }
        }
        // By somebody who knows about the seal: what is bound is covered by more than that.
        for position in 0..original.len() {
            for byte in others(original[position]) {
                let mut mutated = original.clone();
                mutated[position] = byte;
                if let Ok(read) = decode(&sealed(&mutated), &record.id) {
                    assert_eq!(read.bound, record.bound, "byte {position} as {byte:#x}");
                    assert_eq!(read.digest, record.digest);
                    assert_eq!(read.state, State::Pending);
                }
            }
        }
    }

    #[test]
    fn a_state_without_what_makes_it_so_is_not_believed() {
        for state in [State::Approved, State::Running, State::Rejected, State::Finished] {
            let record = Record { state, ..samples::record() };
            let bytes = sealed(&serde_json::to_vec(&record).unwrap());
            let what = decode(&bytes, &record.id).unwrap_err();
            assert!(what.contains("lacks what makes it so"), "{what}");
        }
        let mut record = samples::record();
        record.state = State::Approved;
        record.execution_deadline = Some(samples::moment(60));
        record.approvals.push(samples::approval(1000, &["ops"]));
        assert!(decode(&sealed(&serde_json::to_vec(&record).unwrap()), &record.id).is_err());
    }

    #[test]
    fn a_request_of_a_later_hitl_is_named_as_such() {
        let record = samples::record();
        let mut value = serde_json::to_value(&record).unwrap();
        value["v"] = 2.into();
        value["seals"] = serde_json::json!([]);
        let what = decode(&sealed(&serde_json::to_vec(&value).unwrap()), &record.id).unwrap_err();
        assert_eq!(what, "it is in format 2, and this hitl reads format 1");
    }

    #[test]
    fn a_request_under_another_id_is_not_believed() {
        let record = samples::record();
        let other = "0000-0000".parse().unwrap();
        assert!(decode(&bytes_of(&record), &other).unwrap_err().contains("K7Q2-MX4P"));
    }

    #[test]
    fn a_request_as_large_as_it_may_be_can_still_be_offered_to_be_signed() {
        let mut record = samples::record();
        let room = LARGEST_NEW - bytes_of(&record).len();
        record.bound.argv.push("x".repeat(room - 3).as_str().into());
        record.digest = record.bound.digest().unwrap();
        assert_eq!(bytes_of(&record).len(), LARGEST_NEW);
        let log =
            crate::audit::LogHead { origin: "log".into(), sequence: 1, leaf: Digest::of(b"") };
        let offer = crate::review::Offer {
            ruling: crate::review::Ruling::Approve,
            principal: "bob".to_owned(),
            key: "SHA256:x".to_owned(),
            log,
            message: None,
            at_ms: 0,
        };
        record.offer(1001, offer);
        assert!(bytes_of(&record).len() > LARGEST_NEW);
    }

    #[test]
    fn a_request_too_large_to_be_kept_is_refused() {
        let mut record = samples::record();
        record.bound.argv.push("x".repeat(LARGEST_NEW).as_str().into());
        record.digest = record.bound.digest().unwrap();
        let refused = encode(Path::new("/store/x"), &record);
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_unsealed_as_it_was_and_nothing_else_is(
            json in prop::collection::vec(any::<u8>(), 0..200),
            cut in any::<prop::sample::Index>(),
            more in prop::collection::vec(any::<u8>(), 1..10),
        ) {
            let file = sealed(&json);
            prop_assert_eq!(unsealed(&file), Some(&json[..]));
            prop_assert_eq!(unsealed(&file[..cut.index(file.len())]), None);
            let longer = [&file[..], &more].concat();
            prop_assert_eq!(unsealed(&longer), None);
            prop_assert_eq!(unsealed(&json), None);
        }
    }
}
