//! Where somebody sits: the terminal and the session of a process, so that what is remembered of one
//! person at one terminal does not pass to the next.

use serde::{Deserialize, Serialize};

/// A terminal in a session. The number of a terminal is given again once it is closed, and the number
/// of a process too; the moment in which the session's leader started is not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seat {
    /// The device number of the controlling terminal, as the kernel encodes it.
    pub terminal: u64,
    /// The session's id.
    pub session: u32,
    /// When its leader started, in clock ticks since boot.
    pub leader_started: u64,
}

impl Seat {
    /// Where a process of the caller's sits. `None` where it has no controlling terminal, or where
    /// the session's leader is gone or out of sight: nothing is remembered then.
    ///
    /// A process that has begun a session of its own sits nowhere: ask for the caller's.
    pub fn of(process: u32) -> Option<Self> {
        let own = Status::read(process)?;
        let leader = Status::read(own.session).filter(|leader| leader.process == own.session)?;
        let seat =
            Self { terminal: own.terminal, session: own.session, leader_started: leader.started };
        (seat.terminal != 0 && seat.session != 0).then_some(seat)
    }
}

/// What `/proc/PID/stat` says (proc_pid_stat(5)).
struct Status {
    process: u32,
    session: u32,
    terminal: u64,
    started: u64,
}

impl Status {
    fn read(process: u32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{process}/stat")).ok()?)
    }

    /// The second field is a name that its owner chose, and may hold spaces, parentheses and numbers:
    /// what counts comes after the *last* parenthesis (CVE-2017-1000367 of sudo).
    fn parse(line: &[u8]) -> Option<Self> {
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let process =
            std::str::from_utf8(line.get(..line.iter().position(|b| *b == b' ')?)?).ok()?;
        let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        // The first of them is the third field, the state.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        // The kernel prints the device number as a signed 32-bit integer.
        let terminal: i32 = field(7)?.parse().ok()?;
        Some(Self {
            process: process.parse().ok()?,
            session: field(6)?.parse().ok()?,
            terminal: u64::from(terminal.cast_unsigned()),
            started: field(22)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_fields_changes_nothing() {
        let line = b"4711 (x) S 1 1 1 34816 ) S 4000 4711 4700 34817 4711 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1\n";
        let status = Status::parse(line).unwrap();
        assert_eq!(
            (status.process, status.session, status.terminal, status.started),
            (4711, 4700, 34817, 987_654)
        );
        for wrong in [&b""[..], b"4711", b"4711 (x", b"4711 (x) S 1 2", b"x (x) S 1 1 1 1 1"] {
            assert!(Status::parse(wrong).is_none());
        }
    }
}
