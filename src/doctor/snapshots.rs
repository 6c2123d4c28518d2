//! Whether somebody looks after the snapshots: what nobody takes away fills the disk.

use std::time::{Duration, SystemTime};

use super::Finding;
use crate::policy::Policy;
use crate::snapshot::SnapshotStore;
use crate::system::text::{counted, size_text};
use crate::system::{Directories, Scope, runs_systemd};

const CHECK: &str = "retention";

/// The timer looks every day; a machine may be off over a long weekend.
const LONG: Duration = Duration::from_secs(8 * 86_400);

/// The command that takes away what is not kept any longer.
const PRUNE: &str = "hitl snapshots prune";

pub(super) fn examine(directories: &Directories, policy: Option<&Policy>) -> Finding {
    let store = SnapshotStore::open(directories);
    let runs = match store.list() {
        Ok(runs) => runs,
        Err(error) => {
            let fix = "hitl snapshots verify";
            return Finding::failure(CHECK, error.to_string(), fix);
        }
    };
    if runs.is_empty() {
        return Finding::not_applicable(CHECK, "there are no snapshots");
    }
    let most = policy.map(|policy| policy.snapshot_allowance().bytes);
    if let (Some(size), Some(most)) = (store.size(), most)
        && size > most
    {
        let (size, most) = (size_text(size), size_text(most));
        let sentence = format!("the snapshots take {size}, more than the {most} of max_size");
        return Finding::warning(CHECK, sentence, Some(PRUNE.to_owned()));
    }
    let now = SystemTime::now();
    let is_long_ago = |time: SystemTime| now.duration_since(time).is_ok_and(|ago| ago > LONG);
    let oldest = runs.iter().map(|run| run.at.wall_ms).min().unwrap_or(i64::MAX);
    let oldest = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(u64::try_from(oldest).unwrap_or_default()));
    let neglected = store.last_look().map_or_else(|| oldest.is_some_and(is_long_ago), is_long_ago);
    if neglected {
        let sentence =
            "nobody has looked for a week which snapshots are to be kept: the store only grows";
        let timer = directories.scope == Scope::System && runs_systemd();
        let fix = match timer {
            true => format!("{PRUNE}; systemctl enable --now hitl-prune.timer"),
            false => PRUNE.to_owned(),
        };
        return Finding::warning(CHECK, sentence, Some(fix));
    }
    Finding::ok(CHECK, format!("{} can be undone", counted(runs.len() as u64, "run")))
}
