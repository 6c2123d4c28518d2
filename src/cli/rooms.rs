//! The rooms, opened for a command. Each opens lazily: a command pays for what it uses.

use super::arguments::GlobalArguments;
use super::failure::{ExitCode, Failure};
use crate::audit::Log;
use crate::policy::Policy;
use crate::protocol::Rooms;
use crate::review::FileStore;
use crate::snapshot::SnapshotStore;
use crate::system::{Directories, Host, Scope, caller};

/// Where this command's files are.
pub(super) fn directories(global: &GlobalArguments) -> Result<Directories, Failure> {
    Ok(Directories::settle(global.overrides())?)
}

/// The rooms of this process.
pub(super) fn open(global: &GlobalArguments) -> Result<Rooms, Failure> {
    let directories = directories(global)?;
    let host = Host::here();
    let policy = Policy::load(&directories)?;
    let log = Log::new(&directories.audit(), directories.scope, &host);
    Ok(Rooms {
        requests: FileStore::open(directories.requests()),
        snapshots: SnapshotStore::open(&directories),
        directories,
        host,
        policy,
        log,
    })
}

/// Refuses whoever is not root, where the files concern everybody on the host.
pub(super) fn only_root(directories: &Directories, what: &str) -> Result<(), Failure> {
    if directories.scope == Scope::System && caller().uid != 0 {
        return Err(Failure::new(
            ExitCode::Denied,
            format!("only root may {what}: it concerns everybody on this host"),
        ));
    }
    Ok(())
}
