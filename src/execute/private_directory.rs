//! A temporary directory for one command alone, where the common one is closed to it.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use super::confinement::ConfinementError;
use crate::invocation::RunAs;
use crate::system::Scope;

/// How often another name is tried where one is taken.
const TRIES: u32 = 16;

/// `…/hitl-RANDOM/tmp`: the inner directory belongs to the command's user, the outer one to hitl, so
/// that nobody can exchange the inner one before it is removed.
#[derive(Debug)]
pub(super) struct PrivateDirectory {
    outer: PathBuf,
    inner: PathBuf,
}

impl PrivateDirectory {
    /// Makes it below `/tmp`, or in user scope below the caller's `TMPDIR`.
    ///
    /// # Errors
    /// [`ConfinementError::TemporaryDirectory`].
    pub(super) fn create(run_as: &RunAs) -> Result<Self, ConfinementError> {
        let base = match Scope::here() {
            Scope::System => PathBuf::from("/tmp"),
            Scope::User => std::env::temp_dir(),
        };
        Self::create_in(&base, run_as)
            .map_err(|error| ConfinementError::TemporaryDirectory(base, error))
    }

    fn create_in(base: &Path, run_as: &RunAs) -> io::Result<Self> {
        let outer = fresh(&base.canonicalize()?)?;
        let inner = outer.join("tmp");
        // From here on it is removed again whatever fails.
        let made = Self { outer, inner };
        std::fs::set_permissions(&made.outer, Permissions::from_mode(0o711))?;
        DirBuilder::new().mode(0o700).create(&made.inner)?;
        std::fs::set_permissions(&made.inner, Permissions::from_mode(0o700))?;
        if Scope::here() == Scope::System {
            lchown(&made.inner, Some(run_as.uid), Some(run_as.gid))?;
        }
        Ok(made)
    }

    /// The directory that the command is given.
    pub(super) fn path(&self) -> &Path {
        &self.inner
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // What something in the background still writes there, or has made unreadable, stays until
        // whatever tidies /tmp comes by: no reason to fail after the command has ended.
        let _ = std::fs::remove_dir_all(&self.outer);
    }
}

fn fresh(base: &Path) -> io::Result<PathBuf> {
    for _ in 0..TRIES {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let path = base.join(format!("hitl-{:016x}", u64::from_ne_bytes(random)));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
