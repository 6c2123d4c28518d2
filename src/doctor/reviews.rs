//! Lifted denials: whether those that nobody has reviewed should have been by now.

use super::Finding;
use crate::review::{FileStore, RequestStore};
use crate::system::text::counted;
use crate::system::{Directories, Moment};

pub(super) fn examine(directories: &Directories) -> Vec<Finding> {
    // What cannot be read is found where all requests are looked at.
    let Ok(listing) = FileStore::open(directories.requests()).unreviewed() else {
        return Vec::new();
    };
    let now = Moment::now();
    let overdue = listing.records.iter().filter(|record| record.review_is_overdue(&now)).count();
    if overdue == 0 {
        return Vec::new();
    }
    let sentence = format!(
        "{} by break-glass should have been reviewed by now: those who may can do so with \"hitl \
         approve\" or \"hitl reject\"",
        counted(overdue as u64, "run")
    );
    vec![Finding::warning("reviews", sentence, Some("hitl pending --break-glass".to_owned()))]
}
