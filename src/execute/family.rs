//! Everything that a command started: found through `/proc` and signalled through process
//! descriptors.
//!
//! The command runs in our own process group, so that pipelines and job control work; a process
//! group cannot tell it from its neighbours, then. While there is a time limit, hitl is the
//! *subreaper* of its descendants (prctl(2)): they cannot leave the family by becoming orphans.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal, test_kill_process,
};

/// Adopts, or no longer adopts, the orphans among our descendants.
pub(super) fn adopt_orphans(adopt: bool) -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(adopt)?)
}

/// Sends a signal to every descendant.
///
/// Each is held by a descriptor and looked for again before it is signalled: a process id that was
/// given to another process in between is not found among the descendants.
pub(super) fn signal_all(signal: Signal) -> io::Result<()> {
    let held: Vec<(i32, OwnedFd)> = descendants()?
        .into_iter()
        .filter_map(|pid| {
            // What cannot be held has just ended.
            pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok().map(|held| (pid, held))
        })
        .collect();
    let still = descendants()?;
    for (_, held) in held.iter().filter(|(pid, _)| still.contains(pid)) {
        match pidfd_send_signal(held, signal) {
            // It has ended, or it has become another user that only root may signal: nothing more
            // can be done for the latter, and the command's own process is waited for anyway.
            Ok(()) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether any descendant is left that we may signal.
pub(super) fn is_left() -> io::Result<bool> {
    let may_signal = |pid| Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    Ok(descendants()?.into_iter().any(may_signal))
}

/// The process ids of all descendants that have not ended, children first.
fn descendants() -> io::Result<Vec<i32>> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process that has gone since is no descendant any more.
        let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { continue };
        if let Some(parent) = living_parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut waiting = vec![getpid().as_raw_nonzero().get()];
    while let Some(pid) = waiting.pop() {
        // Removed, so that a process id used twice cannot lead in a circle.
        for child in children.remove(&pid).unwrap_or_default() {
            found.push(child);
            waiting.push(child);
        }
    }
    Ok(found)
}

/// The parent in a line of `/proc/PID/stat`; `None` for a zombie. The name in parentheses may hold
/// anything, so fields are counted from the last parenthesis on.
fn living_parent(stat: &[u8]) -> Option<i32> {
    let after = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(after + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_cannot_pretend_to_be_another_parent() {
        assert_eq!(living_parent(b"42 (x) R 1 (y) S 7 42 42 0"), Some(7));
        assert_eq!(living_parent(b"42 (x) Z 7 42 42 0"), None);
        assert_eq!(living_parent(b"42 (x"), None);
    }
}
