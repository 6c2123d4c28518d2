//! What whoever is told something may know about files: no more than they could find out by
//! themselves, also where this process could find out more (CVE-2025-46717 in sudo-rs: whether a
//! file exists below a directory that the caller cannot enter).
//!
//! It is about what is *told*. What is decided, bound and captured is found out with all rights:
//! otherwise a caller could hide from the rules what a path leads to. How long an answer takes, and
//! how many bytes something has, are out of scope.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::unistd::geteuid;

use super::identity::{Account, IdentityError};
use super::{Caller, caller};

/// What somebody can see.
#[derive(Clone, Copy, Debug)]
pub struct Sight(Option<&'static Caller>);

impl Sight {
    /// All that this process sees.
    pub fn whole() -> Self {
        Self(None)
    }

    /// What the caller can see. Everything that this process sees, where it has no more rights than
    /// they have.
    pub fn of_caller() -> Self {
        let caller = caller();
        let no_less = caller.uid == 0 || geteuid().as_raw() == caller.uid;
        Self(if no_less { None } else { Some(caller) })
    }

    /// What somebody else can see: root's process that does something for them tells them no more.
    /// At most one such for a process.
    ///
    /// # Errors
    /// [`IdentityError`] where the name service fails.
    pub fn of_account(account: &Account) -> Result<Self, IdentityError> {
        if account.uid == 0 || geteuid().as_raw() == account.uid {
            return Ok(Self::whole());
        }
        let groups = account.groups()?.into_iter().map(|group| group.gid).collect();
        let caller = Caller { uid: account.uid, gid: account.gid, groups };
        // As long-lived as the one caller that a process has.
        Ok(Self(Some(Box::leak(Box::new(caller)))))
    }

    /// Whether they see all that this process sees.
    pub fn is_whole(&self) -> bool {
        self.0.is_none()
    }

    /// Does something with their rights to files.
    ///
    /// # Errors
    /// As [`Caller::with_their_rights`]; then it was not done.
    pub fn through<T>(&self, doing: impl FnOnce() -> T) -> io::Result<T> {
        match self.0 {
            Some(caller) => caller.with_their_rights(doing),
            None => Ok(doing()),
        }
    }

    /// Whether something is at a path, and what, is hidden from them: they may not search a
    /// directory on the way. It is the same whether or not anything is there.
    pub fn is_hidden(&self, path: &Path) -> bool {
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        !self.is_whole()
            && self.through(|| path.metadata().is_err_and(|error| denied(&error))).unwrap_or(true)
    }

    /// Whether they may come by the name of what is, or was, at a path: they may list the directory
    /// that holds it, or the nearest one that is still there.
    pub fn may_come_by(&self, path: &Path) -> bool {
        let listable = || {
            for directory in path.ancestors().skip(1) {
                match read_flags(libc::O_DIRECTORY).open(directory) {
                    // To list is not yet to enter.
                    Ok(_) => return directory.join(".").symlink_metadata().is_ok(),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(_) => return false,
                }
            }
            true
        };
        self.is_whole() || self.through(listable).unwrap_or(false)
    }

    /// Whether they may read what is at a path now; where nothing is there, nothing forbids it.
    pub fn may_read(&self, path: &Path) -> bool {
        let readable = || match open_file(path) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        self.is_whole() || self.through(readable).unwrap_or(false)
    }

    /// Whether permissions as they were once recorded gave them these rights (4 to read, 1 to search
    /// or execute). An access control list can take away what the mode seems to give: where there is
    /// one, only the owner is sure of theirs.
    pub fn was_granted(&self, mode: u32, uid: u32, gid: u32, has_list: bool, rights: u32) -> bool {
        let Some(caller) = self.0 else { return true };
        let granted = if uid == caller.uid {
            mode >> 6
        } else if has_list {
            0
        } else if gid == caller.gid || caller.groups.contains(&gid) {
            mode >> 3
        } else {
            mode
        };
        granted & rights == rights
    }
}

fn read_flags(more: i32) -> OpenOptions {
    let mut options = OpenOptions::new();
    // O_NONBLOCK: a pipe must not make us wait.
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    options.read(true).custom_flags(flags | more);
    options
}

fn open_file(path: &Path) -> io::Result<File> {
    read_flags(0).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_permissions_count_for_owner_group_and_others_apart() {
        let caller: &'static Caller =
            Box::leak(Box::new(Caller { uid: 1000, gid: 1000, groups: vec![1000, 3001] }));
        let sight = Sight(Some(caller));
        for (mode, uid, gid, list, rights, granted) in [
            (0o600, 1000, 0, false, 4, true),
            (0o600, 0, 0, false, 4, false),
            (0o644, 0, 0, false, 4, true),
            (0o640, 0, 3001, false, 4, true),
            (0o640, 0, 1000, false, 4, true),
            (0o640, 0, 7, false, 4, false),
            // The class that fits decides, also where others may do more.
            (0o604, 0, 3001, false, 4, false),
            (0o077, 1000, 0, false, 4, false),
            (0o711, 0, 0, false, 5, false),
            (0o711, 0, 0, false, 1, true),
            (0o755, 0, 0, false, 5, true),
            // The list may deny this very user.
            (0o644, 0, 0, true, 4, false),
            (0o600, 1000, 0, true, 4, true),
        ] {
            let found = sight.was_granted(mode, uid, gid, list, rights);
            assert_eq!(found, granted, "{mode:o} {uid}:{gid} list {list}, rights {rights}");
        }
        assert!(Sight(None).was_granted(0, 7, 7, true, 7));
    }
}
