//! One request as JSON, for programs: everything but the salt.

use serde::Serialize;

use super::{Approval, Bound, Record, Rejection, RequestId, Review, Shown, State};
use crate::policy::Requirement;
use crate::system::{Digest, Moment};

/// Named field by field, so that nothing that a record may hold later is published by accident.
#[derive(Serialize)]
struct View<'a> {
    v: u32,
    id: &'a RequestId,
    state: State,
    digest: &'a Digest,
    bound: &'a Bound,
    shown: Shown,
    created: String,
    approval_deadline: String,
    execution_deadline: Option<String>,
    /// How long until the deadline that counts in this state.
    remaining_ms: Option<u64>,
    still_needed: Vec<Requirement>,
    approvals: &'a [Approval],
    rejection: Option<&'a Rejection>,
    ending: Option<&'a str>,
    /// For a denial that was lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<&'a Review>,
    /// For one that nobody has reviewed: whether it should have been by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    review_overdue: Option<bool>,
    closed_because: Option<&'a str>,
    changed: String,
}

/// The request as one JSON object with `"v":1`; times are RFC 3339 in UTC.
///
/// # Errors
/// Where it cannot be represented as JSON.
pub fn view(record: &Record, now: &Moment) -> Result<serde_json::Value, serde_json::Error> {
    let remaining = record.deadline().map(|deadline| deadline.remaining(now));
    let still_needed = if record.state == State::Pending { record.missing() } else { Vec::new() };
    serde_json::to_value(View {
        v: 1,
        id: &record.id,
        state: record.state,
        digest: &record.digest,
        bound: &record.bound,
        // Who may know all is not told what others may know of it.
        shown: Shown { to_requester: None, ..record.shown.clone() },
        created: record.created.rfc3339(),
        approval_deadline: record.approval_deadline.rfc3339(),
        execution_deadline: record.execution_deadline.as_ref().map(Moment::rfc3339),
        remaining_ms: remaining
            .map(|remaining| u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)),
        still_needed,
        approvals: &record.approvals,
        rejection: record.rejection.as_ref(),
        ending: record.ending.as_deref(),
        review: record.review.as_ref(),
        review_overdue: record.awaits_review().then(|| record.review_is_overdue(now)),
        closed_because: record.closed_because.as_deref(),
        changed: record.changed.rfc3339(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::samples;

    #[test]
    fn programs_are_told_everything_but_the_salt() {
        let record = samples::record();
        let value = view(&record, &samples::moment(100)).unwrap();
        assert_eq!(value["v"], 1);
        assert_eq!(value["id"], "K7Q2-MX4P");
        assert_eq!(value["state"], "pending");
        assert_eq!(value["remaining_ms"], 500_000);
        let needed = serde_json::json!([{"groups": ["ops"], "count": 1, "presence": "uid"}]);
        assert_eq!(value["still_needed"], needed);
        assert_eq!(value["bound"]["argv"][0], "bash");
        let salt = serde_json::to_value(&record.salt).unwrap();
        assert!(!value.to_string().contains(salt.as_str().unwrap()));
    }
}
