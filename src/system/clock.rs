//! Clocks: the wall clock for people, the boot clock for what must not be turned back.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The kernel's random id of this boot (`/proc/sys/kernel/random/boot_id`). `unknown` where the
/// kernel does not say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BootId(pub String);

/// One point in time, on both clocks.
///
/// The wall clock can be set back by root or by a bad time server; `CLOCK_BOOTTIME` only goes
/// forward, also through suspend, but means nothing after a reboot, hence the boot id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// Milliseconds since the Unix epoch, UTC.
    pub wall_ms: i64,
    /// Milliseconds since boot (`CLOCK_BOOTTIME`).
    pub boot_ms: u64,
    /// The boot that `boot_ms` counts from.
    pub boot_id: BootId,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned());
        let boot_ms = clock_gettime(ClockId::CLOCK_BOOTTIME)
            .map(|time| (time.tv_sec() as u64) * 1000 + (time.tv_nsec() as u64) / 1_000_000)
            .unwrap_or(0);
        Self { wall_ms: Utc::now().timestamp_millis(), boot_ms, boot_id: BootId(boot_id) }
    }

    /// How long ago `earlier` was: the longer of what the two clocks say, so that a clock that was
    /// set back does not make anything younger. `None` where `earlier` belongs to another boot.
    pub fn since(&self, earlier: &Moment) -> Option<Duration> {
        if self.boot_id != earlier.boot_id {
            return None;
        }
        let wall = u64::try_from(self.wall_ms.saturating_sub(earlier.wall_ms)).unwrap_or(0);
        let boot = self.boot_ms.saturating_sub(earlier.boot_ms);
        Some(Duration::from_millis(wall.max(boot)))
    }

    /// This moment moved forward on both clocks.
    pub fn plus(&self, duration: Duration) -> Moment {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Moment {
            wall_ms: self.wall_ms.saturating_add(i64::try_from(milliseconds).unwrap_or(i64::MAX)),
            boot_ms: self.boot_ms.saturating_add(milliseconds),
            boot_id: self.boot_id.clone(),
        }
    }

    /// Whether this moment has come on either clock, or its boot is over: what expires then has
    /// expired.
    pub fn has_passed(&self, now: &Moment) -> bool {
        self.boot_id != now.boot_id || now.wall_ms >= self.wall_ms || now.boot_ms >= self.boot_ms
    }

    /// How long until this moment, the shorter of what the two clocks say; zero when it has passed.
    pub fn remaining(&self, now: &Moment) -> Duration {
        if self.has_passed(now) {
            return Duration::ZERO;
        }
        let wall = u64::try_from(self.wall_ms.saturating_sub(now.wall_ms)).unwrap_or(0);
        let boot = self.boot_ms.saturating_sub(now.boot_ms);
        Duration::from_millis(wall.min(boot))
    }

    /// A wall clock in milliseconds since the epoch as RFC 3339 in UTC with whole seconds:
    /// `2026-11-23T17:54:20Z`.
    pub fn wall_seconds(wall_ms: i64) -> String {
        DateTime::<Utc>::from_timestamp_millis(wall_ms)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// The wall clock as RFC 3339 in UTC with milliseconds: `2026-11-23T17:54:20.123Z`.
    pub fn rfc3339(&self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.wall_ms)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

/// Reads a duration as people write it: a whole number and a unit, `45s`, `15m`, `2h`, `30d`, or
/// several of them from large to small (`1h30m`). Also `500ms`.
///
/// # Errors
/// A sentence that says what is wrong and shows the form.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let help = "write a whole number and a unit (ms, s, m, h, d), for example 90s, 15m or 1h30m";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("an empty duration: {help}"));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let number: u64 =
            number.parse().map_err(|_| format!("not a duration: {text:?}; {help}"))?;
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err(format!("the duration {text:?} has no unit: {help}")),
            _ => return Err(format!("unknown unit {unit:?} in the duration {text:?}: {help}")),
        };
        let part = number
            .checked_mul(milliseconds)
            .map(Duration::from_millis)
            .and_then(|part| total.checked_add(part))
            // A hundred years: enough for any limit, and far from every overflow.
            .filter(|sum| *sum <= Duration::from_secs(100 * 365 * 86_400));
        total =
            part.ok_or_else(|| format!("the duration {text:?} is too long (over 100 years)"))?;
        rest = tail;
    }
    Ok(total)
}

/// A duration for people, at most two units: `2h 5m`, `45s`, `300ms`.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit} {small}{small_unit}")
        }
    };
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("45s", 45_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("30d", 2_592_000_000),
            ("500ms", 500),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "15", "m", "1x", "-5s", "1.5h", "99999999999d", "5 m"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_a_deadline_open() {
        let start = Moment { wall_ms: 1_000_000, boot_ms: 5_000, boot_id: BootId("a".into()) };
        let deadline = start.plus(Duration::from_secs(10));
        let wall_back = Moment { wall_ms: 900_000, boot_ms: 15_000, boot_id: BootId("a".into()) };
        assert!(deadline.has_passed(&wall_back));
        let rebooted = Moment { wall_ms: 1_000_001, boot_ms: 1, boot_id: BootId("b".into()) };
        assert!(deadline.has_passed(&rebooted));
        assert!(!deadline.has_passed(&start));
        assert_eq!(deadline.remaining(&start), Duration::from_secs(10));
    }
}
