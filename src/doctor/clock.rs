//! The time: deadlines hold on two clocks, and auditors read one of them.

use super::Finding;
use crate::system::Moment;
use crate::system::kernel::clock_is_synchronised;

/// 2026-01-01: nothing that this program does can have happened before. In milliseconds.
const EARLIEST_MS: i64 = 1_767_225_600_000;

/// 2100-01-01, in milliseconds.
const LATEST_MS: i64 = 4_102_444_800_000;

/// The command that sets it right, and keeps it so.
const SYNCHRONISE: &str = "timedatectl set-ntp true";

pub(super) fn examine() -> Vec<Finding> {
    let now = Moment::now();
    vec![wall_clock(&now), boot_clock(&now), synchronised()]
}

fn wall_clock(now: &Moment) -> Finding {
    let date = now.rfc3339();
    if (EARLIEST_MS..LATEST_MS).contains(&now.wall_ms) {
        return Finding::ok("clock", format!("it is {date}"));
    }
    let sentence = format!("the clock says {date}, which cannot be: audit entries would carry it");
    Finding::failure("clock", sentence, SYNCHRONISE)
}

fn boot_clock(now: &Moment) -> Finding {
    if now.boot_ms == 0 || now.boot_id.0 == "unknown" {
        let sentence = "the kernel does not say how long ago it was booted, or which boot this is: a clock that is set back would keep approvals alive";
        return Finding::failure("boot-clock", sentence, "mount -t proc proc /proc");
    }
    Finding::ok("boot-clock", "deadlines hold also where the clock is set back (CLOCK_BOOTTIME)")
}

fn synchronised() -> Finding {
    match clock_is_synchronised() {
        Ok(true) => Finding::ok("clock-source", "the clock is synchronised"),
        Ok(false) => Finding::warning(
            "clock-source",
            "no time server keeps the clock right: the times of audit entries are worth less",
            Some(SYNCHRONISE.to_owned()),
        ),
        Err(error) => Finding::not_applicable(
            "clock-source",
            format!("the kernel does not say whether the clock is synchronised: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use crate::system::BootId;

    fn at(wall_ms: i64, boot_ms: u64, boot: &str) -> Moment {
        Moment { wall_ms, boot_ms, boot_id: BootId(boot.into()) }
    }

    #[test]
    fn a_time_that_cannot_be_is_a_failure() {
        for (wall_ms, state) in [
            (0, State::Failure),
            (EARLIEST_MS - 1, State::Failure),
            (EARLIEST_MS, State::Ok),
            (LATEST_MS, State::Failure),
        ] {
            let finding = wall_clock(&at(wall_ms, 1, "a"));
            assert_eq!(finding.state, state, "{wall_ms}");
            assert_eq!(finding.fix.is_some(), state == State::Failure);
        }
        assert!(wall_clock(&at(0, 1, "a")).sentence.contains("1970-01-01"));
    }

    #[test]
    fn a_boot_that_is_not_known_is_a_failure() {
        assert_eq!(boot_clock(&at(EARLIEST_MS, 1, "a")).state, State::Ok);
        assert_eq!(boot_clock(&at(EARLIEST_MS, 0, "a")).state, State::Failure);
        assert_eq!(boot_clock(&at(EARLIEST_MS, 1, "unknown")).state, State::Failure);
    }
}
