//! hitl as an administrator installs it: a copy that is setuid root.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use super::HITL;

/// The directory with the copy, `hitl`: one for all worlds of this process. Only root can enter it,
/// so that no user of the machine comes by a setuid program of its tests, and it is gone with the
/// last world that holds it (a static of its own would never be dropped).
pub(super) fn setuid_copy() -> Arc<TempDir> {
    static SHARED: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    // A test that failed in here has stored nothing.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(directory) = shared.upgrade() {
        return directory;
    }
    let directory = Arc::new(fresh_copy());
    *shared = Arc::downgrade(&directory);
    directory
}

/// Another such copy, in a directory of its own.
pub(super) fn fresh_copy() -> TempDir {
    let directory = tempfile::Builder::new()
        .prefix("hitl-installed-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    // By another process: if this one wrote it, a child that another test forks at the same time
    // would hold it open for writing, and nobody could execute it ("text file busy").
    let copied = Command::new("install")
        .args(["-m", "4755", HITL])
        .arg(directory.path().join("hitl"))
        .status()
        .unwrap();
    assert!(copied.success(), "no setuid copy of {HITL}");
    directory
}
