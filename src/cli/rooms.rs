//! The rooms, opened for a command. Each opens lazily: a command pays for what it uses.

use std::path::PathBuf;

use super::arguments::GlobalArguments;
use super::failure::{ExitCode, Failure};
use crate::audit::Log;
use crate::policy::{Policy, PolicyError};
use crate::protocol::Rooms;
use crate::review::FileStore;
use crate::snapshot::SnapshotStore;
use crate::system::{Directories, Host, Scope, Sight, caller};

/// Where this command's files are.
pub(super) fn directories(global: &GlobalArguments) -> Result<Directories, Failure> {
    Ok(Directories::settle(global.overrides())?)
}

/// The rooms of this process.
pub(super) fn open(global: &GlobalArguments) -> Result<Rooms, Failure> {
    let directories = directories(global)?;
    let host = Host::here();
    let policy = Policy::load(&directories).map_err(|error| as_told(&directories, error))?;
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

/// What is wrong with the policy: names of its files to those who can see them, and lines of them to
/// those who may read them.
fn as_told(directories: &Directories, error: PolicyError) -> Failure {
    let sight = Sight::of_caller();
    if sight.is_whole() || matches!(error, PolicyError::NoSystemPolicy(_)) {
        return error.into();
    }
    let further = || -> std::io::Result<Vec<PathBuf>> {
        let Some(directory) = &directories.policy_directory else { return Ok(Vec::new()) };
        match std::fs::read_dir(directory) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    };
    let listed = sight.through(further).unwrap_or_else(Err);
    let told = listed.is_ok_and(|further| match &error {
        PolicyError::Wrong(_) => {
            further.iter().chain([&directories.policy_file]).all(|file| sight.may_read(file))
        }
        _ => !sight.is_hidden(&directories.policy_file),
    });
    if told {
        return error.into();
    }
    Failure::new(
        ExitCode::Policy,
        "the policy of this host cannot be used: root can see why by \"hitl policy check\"",
    )
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
