//! The process that runs a command, and whether it still does.

use std::path::Path;

use super::Runner;
use crate::system::Moment;

impl Runner {
    /// This process. `None` where `/proc` does not show it: then nobody could tell later whether it
    /// is alive, and it must not start anything.
    pub fn here(now: &Moment) -> Option<Self> {
        let (_, start_ticks) = stat(Path::new("/proc/self/stat"))?;
        Some(Self { pid: std::process::id(), start_ticks, boot_id: now.boot_id.clone() })
    }

    /// Whether that very process still runs. Not just one with its number, and not its remains.
    pub(super) fn is_alive(&self) -> bool {
        stat(Path::new(&format!("/proc/{}/stat", self.pid)))
            .is_some_and(|(state, ticks)| ticks == self.start_ticks && !matches!(state, 'Z' | 'X'))
    }
}

/// State and start time (fields 3 and 22 of proc_pid_stat(5)).
fn stat(path: &Path) -> Option<(char, u64)> {
    let bytes = std::fs::read(path).ok()?;
    // Field 2 is the name in parentheses, and may hold spaces, parentheses and any byte: the last
    // parenthesis ends it.
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(bytes.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends_and_its_number_alone_proves_nothing() {
        let now = Moment::now();
        let here = Runner::here(&now).unwrap();
        assert!(here.is_alive());
        assert!(!Runner { start_ticks: here.start_ticks + 1, ..here }.is_alive());

        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let (_, start_ticks) = stat(Path::new(&format!("/proc/{}/stat", child.id()))).unwrap();
        let other = Runner { pid: child.id(), start_ticks, boot_id: now.boot_id };
        assert!(other.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!other.is_alive());
    }
}
