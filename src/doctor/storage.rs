//! Room for the state: where nothing can be recorded, nothing may run.

use std::path::Path;

use super::Finding;
use crate::system::Directories;
use crate::system::mounts::Mounted;
use crate::system::text::{shell_word, visible_path};

/// Below this many free bytes, a snapshot may not fit.
const LITTLE: u64 = 1 << 30;

/// Below this many, soon not even the audit log grows.
const TOO_LITTLE: u64 = 16 << 20;

/// Below this many files that can still be made, soon nothing can be kept.
const TOO_FEW_FILES: u64 = 100;

pub(super) fn examine(directories: &Directories) -> Vec<Finding> {
    // Where it was not made yet, it will be made in the nearest directory that is there.
    let there = directories.state.ancestors().find(|path| path.is_dir());
    let Some(Ok(mounted)) = there.map(Mounted::below) else {
        let shown = visible_path(&directories.state);
        let fix = format!("df {}", shell_word(&directories.state));
        return vec![Finding::failure("disk", format!("cannot find out where {shown} lies"), fix)];
    };
    let at = visible_path(&mounted.at);
    let mut findings = vec![if mounted.is_read_only() {
        let fix = format!("mount -o remount,rw {}", shell_word(&mounted.at));
        Finding::failure(
            "disk",
            format!("the file system at {at} is read-only: nothing can be recorded"),
            fix,
        )
    } else {
        space(&mounted, &directories.state)
    }];
    findings.extend(files(&mounted, &directories.state));
    findings
}

fn space(mounted: &Mounted, state: &Path) -> Finding {
    let (free, all) = mounted.bytes();
    let sentence = format!("{} MiB are free at {}", free >> 20, visible_path(&mounted.at));
    let fix = largest(mounted, state);
    if free < TOO_LITTLE {
        return Finding::failure(
            "disk",
            format!("{sentence}: without room nothing is recorded, and nothing runs"),
            fix,
        );
    }
    // Few percent of a large disk are still much; few bytes of a small one may be all it needs.
    if free < LITTLE || free < all / 20 {
        return Finding::warning("disk", format!("{sentence}: snapshots may not fit"), Some(fix));
    }
    Finding::ok("disk", sentence)
}

fn files(mounted: &Mounted, state: &Path) -> Option<Finding> {
    let (free, all) = mounted.files()?;
    let sentence = format!("{free} files can still be made at {}", visible_path(&mounted.at));
    let fix = format!("du --inodes -x -d 2 {} | sort -n | tail", shell_word(&mounted.at));
    Some(if free < TOO_FEW_FILES {
        Finding::failure(
            "disk-files",
            format!("{sentence}: soon nothing can be kept ({})", visible_path(state)),
            fix,
        )
    } else if free < all / 20 {
        Finding::warning("disk-files", sentence, Some(fix))
    } else {
        Finding::ok("disk-files", sentence)
    })
}

/// Only people know what may go: they are shown what is largest.
fn largest(mounted: &Mounted, state: &Path) -> String {
    format!("df -h {}; du -x -d 2 {} | sort -n | tail", shell_word(state), shell_word(&mounted.at))
}
