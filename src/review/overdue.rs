//! What happens to a request while nobody writes: its time runs out, the machine restarts, the
//! process that ran it is gone.

use super::{Record, State};
use crate::system::Moment;

impl Record {
    /// The record as it stands at `now`. Whether it differs from what was stored is returned too.
    pub(super) fn standing_at(mut self, now: &Moment) -> (Self, bool) {
        let changed = self.stand_at(now);
        (self, changed)
    }

    /// Makes it the record as it stands at `now`. Whether that differs from what was stored.
    pub(super) fn stand_at(&mut self, now: &Moment) -> bool {
        self.pass_time(now) || self.miss_runner(now)
    }

    /// Closes a request whose time is over or whose boot is.
    pub(super) fn pass_time(&mut self, now: &Moment) -> bool {
        let (deadline, late) = match self.state {
            State::Pending => (Some(&self.approval_deadline), "nobody decided in time"),
            State::Approved => {
                (self.execution_deadline.as_ref(), "nobody used the approval in time")
            }
            _ => return false,
        };
        if self.created.boot_id != now.boot_id {
            self.close(State::Void, "the machine was restarted since", now);
            return true;
        }
        match deadline {
            Some(deadline) if !deadline.has_passed(now) => false,
            // An approval without a deadline would be one for ever: it is none.
            _ => {
                let when = deadline.unwrap_or(now).clone();
                self.close(State::Expired, late, &when);
                true
            }
        }
    }

    /// Notices that the process which ran it is gone without having said how it ended.
    fn miss_runner(&mut self, now: &Moment) -> bool {
        if self.state != State::Running {
            return false;
        }
        let because = match &self.runner {
            Some(runner) if runner.boot_id != now.boot_id => {
                "the machine was restarted before the command's end was recorded"
            }
            Some(runner) if runner.is_alive() => return false,
            _ => "hitl was killed before the command's end was recorded",
        };
        self.close(State::Unknown, because, now);
        true
    }

    fn close(&mut self, state: State, because: &str, when: &Moment) {
        self.closed_because = Some(because.to_owned());
        self.enter(state, when);
    }
}
