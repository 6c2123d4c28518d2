//! Requests as rows: `hitl pending`.

use std::borrow::Borrow;
use std::time::Duration;

use super::paint;
use super::wording::risk_text;
use super::{Record, State};
use crate::policy::{Decision, Presence, Requirement};
use crate::system::text::{cells, visible, visible_command};
use crate::system::{Colour, Moment, duration_text};

/// The least room that a command gets, however narrow the terminal.
const LEAST: usize = 20;

/// A table of requests, a header first, the command last. Commands are cut, with an ellipsis, only
/// where `width` (of the terminal, in cells) is given.
pub fn rows<R: Borrow<Record>>(
    records: &[R],
    now: &Moment,
    width: Option<usize>,
    colour: Colour,
) -> String {
    let records: Vec<&Record> = records.iter().map(Borrow::borrow).collect();
    let header = ["ID", "AGE", "RISK", "WHO", "NEEDS", "LEFT"].map(str::to_owned);
    table(&records, header, &|record| row(record, now), width, colour)
}

/// The same for runs of lifted denials that wait for a review, with what is left of the time for it.
pub fn review_rows<R: Borrow<Record>>(
    records: &[R],
    now: &Moment,
    width: Option<usize>,
    colour: Colour,
) -> String {
    let records: Vec<&Record> = records.iter().map(Borrow::borrow).collect();
    let header = ["ID", "AGE", "RISK", "WHO", "LIFTED", "REVIEW"].map(str::to_owned);
    table(&records, header, &|record| review_row(record, now), width, colour)
}

fn table(
    records: &[&Record],
    header: [String; 6],
    row: &dyn Fn(&Record) -> [String; 6],
    width: Option<usize>,
    colour: Colour,
) -> String {
    let columns: Vec<[String; 6]> =
        std::iter::once(header).chain(records.iter().map(|record| row(record))).collect();
    let mut widths = [0; 6];
    for cell_row in &columns {
        for (widest, cell) in widths.iter_mut().zip(cell_row) {
            *widest = cells(cell).max(*widest);
        }
    }
    let before: usize = widths.iter().map(|widest| widest + 2).sum();
    let room = width.map(|width| width.saturating_sub(before).max(LEAST));
    let commands = std::iter::once("COMMAND".to_owned())
        .chain(records.iter().map(|record| command(record, room)));
    let mut text = String::new();
    for (index, (cell_row, command)) in columns.iter().zip(commands).enumerate() {
        let risk = index.checked_sub(1).and_then(|index| records.get(index));
        for (column, (cell, widest)) in cell_row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(widest - cells(cell) + 2);
            match risk {
                Some(record) if column == 2 => {
                    text.push_str(&paint::risk(colour, record.shown.risk, cell))
                }
                None => text.push_str(&paint::strong(colour, cell)),
                Some(_) => text.push_str(cell),
            }
            text.push_str(&padding);
        }
        text.push_str(&if risk.is_none() { paint::strong(colour, &command) } else { command });
        text.push('\n');
    }
    text
}

fn row(record: &Record, now: &Moment) -> [String; 6] {
    [
        record.id.to_string(),
        duration_text(record.age(now)),
        risk_text(record.shown.risk).to_owned(),
        visible(&record.bound.requester.name),
        needs(record),
        record
            .deadline()
            .map_or_else(|| "-".to_owned(), |deadline| duration_text(deadline.remaining(now))),
    ]
}

fn review_row(record: &Record, now: &Moment) -> [String; 6] {
    let glass = record.shown.break_glass.as_ref();
    let lifted = glass.map(|glass| visible(&glass.lifted.join(", ")));
    let left = glass.map(|glass| match record.review_is_overdue(now) {
        true => "OVERDUE".to_owned(),
        // After a restart only the wall clock counts on.
        false => {
            let left = glass.review_by.wall_ms.saturating_sub(now.wall_ms);
            duration_text(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
        }
    });
    let [id, age, risk, who, ..] = row(record, now);
    [id, age, risk, who, lifted.unwrap_or_default(), left.unwrap_or_default()]
}

fn needs(record: &Record) -> String {
    match (record.state, record.shown.decision) {
        (State::Pending, Decision::Confirm) => "confirm".to_owned(),
        (State::Pending, _) => record.missing().iter().map(needed).collect::<Vec<_>>().join(" + "),
        (state, _) => state.to_string(),
    }
}

/// As short as it can be understood: `1 dba/ops touch`.
fn needed(one: &Requirement) -> String {
    let groups: Vec<String> = one.groups.iter().map(|group| visible(group)).collect();
    let presence = match one.presence {
        Presence::Uid => String::new(),
        more => format!(" {}", more.word()),
    };
    format!("{} {}{presence}", one.count, groups.join("/"))
}

fn command(record: &Record, room: Option<usize>) -> String {
    let argv: Vec<&[u8]> = record.bound.argv.iter().map(|argument| argument.as_bytes()).collect();
    let whole = visible_command(&argv);
    let Some(room) = room.filter(|room| cells(&whole) > *room) else { return whole };
    let mut cut = String::new();
    // The ellipsis is counted as wide too.
    let mut left = room.saturating_sub(2);
    for character in whole.chars() {
        let taken = if character.is_ascii() { 1 } else { 2 };
        if taken > left {
            break;
        }
        left -= taken;
        cut.push(character);
    }
    cut.push('…');
    cut
}

impl Record {
    /// How long ago it was made; for one from before a restart, by the wall clock alone.
    pub(super) fn age(&self, now: &Moment) -> Duration {
        now.since(&self.created).unwrap_or_else(|| {
            let milliseconds = now.wall_ms.saturating_sub(self.created.wall_ms);
            Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
        })
    }

    /// What its time runs out at: for deciding while it is pending, for starting once it is
    /// approved.
    pub fn deadline(&self) -> Option<&Moment> {
        match self.state {
            State::Pending => Some(&self.approval_deadline),
            State::Approved => self.execution_deadline.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::samples;

    #[test]
    fn the_queue_is_aligned_and_whole_where_there_is_no_terminal() {
        let mut other = samples::record();
        other.bound.requester.name = "wilhelmina".into();
        other.bound.argv.push(samples::hostile());
        let text = rows(&[samples::record(), other], &samples::moment(65), None, Colour::Off);
        assert_eq!(
            text,
            "ID         AGE    RISK  WHO         NEEDS  LEFT    COMMAND\n\
             K7Q2-MX4P  1m 5s  high  alice       1 ops  8m 55s  bash /srv/deploy.sh /srv/plan\n\
             K7Q2-MX4P  1m 5s  high  wilhelmina  1 ops  8m 55s  bash /srv/deploy.sh /srv/plan \
             \"\\e[2J\\u{202e}gone\"\n"
        );
    }

    #[test]
    fn on_a_terminal_a_long_command_is_cut_and_says_so() {
        let mut record = samples::record();
        record.bound.argv.push("日本".repeat(100).as_str().into());
        let text = rows(&[record], &samples::moment(1), Some(80), Colour::Off);
        let row = text.lines().nth(1).unwrap();
        assert!(cells(row) <= 80 && row.ends_with('…'), "{row}");
    }

    #[test]
    fn a_request_that_nobody_can_decide_any_more_shows_its_state() {
        let mut record = samples::record();
        record.cancel(1000, "alice", &samples::moment(1)).unwrap();
        let text = rows(&[record], &samples::moment(2), None, Colour::Off);
        assert!(text.contains("cancelled  -"), "{text}");
    }
}
