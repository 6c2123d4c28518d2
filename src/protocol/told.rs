//! What of requests and their files is told to the caller: no more than they could find out by
//! themselves (see [`Sight`] and [`Viewer`]). What leaves the protocol went through here.

use std::io;
use std::path::PathBuf;

use super::case::Case;
use super::{Outcome, ProtocolError};
use crate::invocation;
use crate::review::{Bound, Difference, Record, Seen, Viewer};
use crate::system::Sight;

/// Whoever calls, as one who looks at requests.
///
/// # Errors
/// [`ProtocolError::Identity`].
pub fn viewer() -> Result<Viewer, ProtocolError> {
    Ok(Viewer::from(&invocation::requester()?))
}

/// What the caller may know of a request, for whoever stands between us and them.
pub(super) fn record(record: &Record) -> Result<Record, ProtocolError> {
    Ok(record.shown_to(viewer()?).into_owned())
}

/// An outcome with no more in it than the caller may know.
pub(super) fn outcome(outcome: Outcome) -> Result<Outcome, ProtocolError> {
    let told = |found: Box<Record>| record(&found).map(Box::new);
    Ok(match outcome {
        Outcome::Pending(record) => Outcome::Pending(told(record)?),
        Outcome::TimeUp(record) => Outcome::TimeUp(told(record)?),
        Outcome::Closed(record) => Outcome::Closed(told(record)?),
        ended @ (Outcome::Ended { .. } | Outcome::Denied { .. }) => ended,
    })
}

/// A file that cannot be bound: which one is told only to somebody who could see where all the
/// arguments lead.
pub(super) fn unbound(case: &Case<'_>, path: PathBuf, error: io::Error) -> ProtocolError {
    let sight = Sight::of_caller();
    let seen = case.invocation.executable_is_seen_by(sight)
        && case.invocation.operands_hidden_from(sight).is_empty()
        && !sight.is_hidden(&path);
    if seen { ProtocolError::Bound(path, error) } else { ProtocolError::BoundOutOfSight }
}

/// Why a request is void, as far as it is its requester's to know. Empty: they may know nothing.
pub(super) fn differences(
    again: &Case<'_>,
    record: &Record,
    now: &Bound,
    because: &str,
) -> Result<String, ProtocolError> {
    if record.bound.differences(now).is_empty() {
        return Ok(because.to_owned());
    }
    let (Some(then), Some(seen)) = (&record.shown.to_requester, again.seen_by_requester()?) else {
        return Ok(String::new());
    };
    let as_seen = |bound: &Bound, seen: &Seen| Bound {
        executable: seen.executable.clone(),
        operands: seen.operands.clone(),
        ..bound.clone()
    };
    let differences = as_seen(&record.bound, then).differences(&as_seen(now, &seen));
    Ok(Difference::sentence(&differences))
}
