//! Who could still decide a request, in the few words that fit on the line of somebody who waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Approver, Candidates, Group, Record};
use crate::policy::Decision;
use crate::system::duration_text;
use crate::system::text::visible;

/// How many people are named in all.
const NAMED: usize = 3;

impl Candidates {
    /// The policy's groups whose members could give what is still needed.
    pub fn groups_asked(record: &Record) -> BTreeSet<String> {
        match record.shown.decision {
            Decision::Approve => {
                record.missing().into_iter().flat_map(|needed| needed.groups).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Those who could decide, by the groups that they would do it for.
    pub fn new(groups: BTreeMap<String, Group>) -> Self {
        Self { groups }
    }

    /// What is still needed, and who could give it: `1 of group ops (bob, carol, dave and 3 more)`.
    pub fn needed(&self, record: &Record) -> String {
        let asked = Self::groups_asked(record);
        let given: Vec<&Approver> = record.approvals.iter().map(|yes| &yes.approver).collect();
        let known = asked.iter().filter_map(|name| Some((name, self.groups.get(name)?)));
        let of_each: Vec<String> = known
            .map(|(name, group)| {
                let people = group.in_words(&given, NAMED.div_ceil(asked.len().max(1)));
                // One group is named by what is needed already.
                if asked.len() == 1 { people } else { format!("{}: {people}", visible(name)) }
            })
            .collect();
        match of_each.is_empty() {
            true => record.needed(),
            false => format!("{} ({})", record.needed(), of_each.join("; ")),
        }
    }

    /// The line of somebody who waits.
    pub fn line(&self, record: &Record, left: Duration) -> String {
        let needed = match record.shown.decision {
            // Without a word too many: with what can be done about it, this just fits into 80 columns.
            Decision::Confirm => {
                format!("a confirmation by {}", visible(&record.bound.requester.name))
            }
            _ => self.needed(record),
        };
        format!("waiting for {}: {needed}, {} left", record.id, countdown(left))
    }
}

impl Group {
    /// Some of its people by name, and how many more there are; without those who have approved.
    fn in_words(&self, given: &[&Approver], most: usize) -> String {
        let has_given = |name: &String| given.iter().any(|approver| approver.name == *name);
        let mut names =
            self.people.iter().filter(|name| !has_given(name)).map(|name| visible(name));
        let named: Vec<String> = names.by_ref().take(most).collect();
        let more = names.count() + self.more;
        match (named.is_empty(), more) {
            (true, 0) => "nobody else is in it".to_owned(),
            (true, more) => format!("{more} people"),
            (false, 0) => named.join(", "),
            (false, more) => format!("{} and {more} more", named.join(", ")),
        }
    }
}

/// A time that runs down, as on a clock: `14:32`; with hours, in words.
fn countdown(left: Duration) -> String {
    // The second that has begun counts, so that it never says 0:00 while there is time.
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => duration_text(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::samples::{approval, record};

    fn group(people: &[&str], more: usize) -> Group {
        Group { people: people.iter().map(|name| (*name).to_owned()).collect(), more }
    }

    fn candidates(groups: &[(&str, Group)]) -> Candidates {
        Candidates::new(
            groups.iter().map(|(name, group)| ((*name).to_owned(), group.clone())).collect(),
        )
    }

    #[test]
    fn the_line_names_a_few_people_what_is_needed_and_how_long() {
        let record = record();
        for (people, more, words) in [
            (&["bob", "carol"][..], 0, "1 of group ops (bob, carol)"),
            (&["bob", "carol", "dave", "erin"], 2, "1 of group ops (bob, carol, dave and 3 more)"),
            (&[], 0, "1 of group ops (nobody else is in it)"),
            (&["b\u{1b}[2Jb"], 0, "1 of group ops (b\\e[2Jb)"),
        ] {
            let candidates = candidates(&[("ops", group(people, more))]);
            let line = candidates.line(&record, Duration::from_secs(872));
            assert_eq!(line, format!("waiting for K7Q2-MX4P: {words}, 14:32 left"));
        }
        // A group that could not be looked up is still said.
        let line = Candidates::default().line(&record, Duration::from_secs(3_900));
        assert_eq!(line, "waiting for K7Q2-MX4P: 1 of group ops, 1h 5m left");
    }

    #[test]
    fn who_has_approved_is_no_longer_waited_for() {
        let mut record = record();
        record.shown.requirements[0].count = 2;
        record.approvals.push(approval(1001, &["ops"]));
        let candidates = candidates(&[("ops", group(&["user1001", "user1002"], 0))]);
        assert_eq!(candidates.needed(&record), "1 of group ops (user1002)");
    }

    #[test]
    fn time_runs_down_to_its_last_second() {
        for (milliseconds, shown) in
            [(0, "0:00"), (1, "0:01"), (1_000, "0:01"), (59_001, "1:00"), (3_599_000, "59:59")]
        {
            assert_eq!(countdown(Duration::from_millis(milliseconds)), shown);
        }
        assert_eq!(countdown(Duration::from_secs(7_320)), "2h 2m");
    }
}
