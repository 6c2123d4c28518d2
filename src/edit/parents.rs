//! Who could put something else in the place of a file, or of a directory on the way to it.
//!
//! sudoedit's history in one sentence: whoever can write a directory chooses which file the privileged
//! part opens in it (CVE-2015-5602, CVE-2021-23239, CVE-2021-23240).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, Stat, fstat, getxattr, openat};
use rustix::io::Errno;

use crate::system::identity::Account;
use crate::system::{Caller, Scope, caller};

const STICKY: u32 = 0o1000;

/// Somebody who must not be able to do that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    uid: u32,
    groups: Vec<u32>,
}

impl Person {
    /// Whoever called, where a write as `target` would be more than they could do themselves.
    pub fn who_called(scope: Scope, target: u32) -> Option<Self> {
        let Caller { uid, gid, groups } = caller();
        let plain = scope == Scope::User || *uid == 0 || *uid == target;
        let groups = groups.iter().copied().chain([*gid]).collect();
        (!plain).then_some(Self { uid: *uid, groups })
    }

    /// The person with this user id, as this host knows them.
    pub fn with_uid(uid: u32) -> Self {
        let account = Account::by_uid(uid).ok().flatten();
        let groups = account.and_then(|account| account.groups().ok()).unwrap_or_default();
        Self { uid, groups: groups.into_iter().map(|group| group.gid).collect() }
    }

    /// The first directory from this one upwards in which the person could exchange what leads to a
    /// file in it.
    ///
    /// # Errors
    /// Where a directory cannot be looked at.
    pub(super) fn could_exchange(
        &self,
        directory: BorrowedFd<'_>,
        path: &Path,
    ) -> io::Result<Option<PathBuf>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut here = openat(directory, ".", flags, Mode::empty())?;
        let mut found = fstat(&here)?;
        let mut below: Option<Stat> = None;
        // By the directories themselves: each is the one above, whatever its name is by now.
        for name in path.ancestors() {
            if self.can_change(&found, here.as_fd(), below.as_ref()) {
                return Ok(Some(name.to_owned()));
            }
            let above = openat(&here, "..", flags, Mode::empty())?;
            let status = fstat(&above)?;
            below = Some(std::mem::replace(&mut found, status));
            here = above;
        }
        Ok(None)
    }

    /// Whether they can exchange `below` in this directory, or anything where that is not given.
    fn can_change(&self, found: &Stat, opened: BorrowedFd<'_>, below: Option<&Stat>) -> bool {
        // Its owner can give themselves the right to write it.
        if found.st_uid == self.uid {
            return true;
        }
        let by_group = found.st_mode & 0o020 != 0
            && (self.groups.contains(&found.st_gid) || has_access_list(opened));
        let writes = by_group || found.st_mode & 0o002 != 0;
        // In a sticky directory what is not theirs stays where it is.
        let stays = found.st_mode & STICKY != 0 && below.is_some_and(|it| it.st_uid != self.uid);
        writes && !stays
    }
}

/// Whether an access list may give somebody what the mode's group bits stand for then. In doubt, yes.
fn has_access_list(opened: BorrowedFd<'_>) -> bool {
    let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
    let mut nothing: [u8; 0] = [];
    !matches!(
        getxattr(path, "system.posix_acl_access", &mut nothing),
        Err(Errno::NODATA | Errno::NOTSUP)
    )
}
