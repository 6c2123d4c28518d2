//! Who started this process: not asked of the process itself, which may have become root since.

use std::io;
use std::sync::OnceLock;

use nix::unistd::{
    Gid, Uid, getegid, geteuid, getgid, getgroups, getuid, setegid, seteuid, setgroups,
};

/// The real ids with which this process was started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// The supplementary groups' ids, as the kernel lists them.
    pub groups: Vec<u32>,
}

static CALLER: OnceLock<Caller> = OnceLock::new();

/// The caller. Taken down at the first call, which is in [`crate::execute::sanitise`], before any
/// id is changed; the same ever after.
pub fn caller() -> &'static Caller {
    CALLER.get_or_init(|| Caller {
        uid: getuid().as_raw(),
        gid: getgid().as_raw(),
        // It fails only for a buffer that is too small, which nix sees to.
        groups: getgroups().unwrap_or_default().into_iter().map(Gid::as_raw).collect(),
    })
}

impl Caller {
    /// Does something with the caller's own rights to files: for what is only told to the caller,
    /// and must not tell more than they could find out by themselves.
    ///
    /// Where this process is no more than the caller, it is simply done.
    ///
    /// # Errors
    /// Where the ids cannot be changed; then it was not done. The process is ended where they cannot
    /// be changed back: it would go on as somebody else.
    pub fn with_their_rights<T>(&self, doing: impl FnOnce() -> T) -> io::Result<T> {
        let (uid, gid) = (geteuid(), getegid());
        if uid.as_raw() == self.uid || !uid.is_root() {
            return Ok(doing());
        }
        let groups = getgroups()?;
        let theirs: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        let become_caller = || -> nix::Result<()> {
            setgroups(&theirs)?;
            setegid(Gid::from_raw(self.gid))?;
            seteuid(Uid::from_raw(self.uid))
        };
        let become_root = || -> nix::Result<()> {
            seteuid(uid)?;
            setegid(gid)?;
            setgroups(&groups)
        };
        let done = become_caller().map(|()| doing());
        if become_root().is_err() {
            std::process::abort();
        }
        Ok(done?)
    }
}
