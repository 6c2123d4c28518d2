//! Confinement of a command by Landlock (Linux 5.13, landlock(7)): what it may write, whoever it is.
//!
//! The rules are made ready before the fork, when allocating is still allowed; the new process only
//! puts itself under them (`landlock::enter`). From then on nothing that it starts can shed them, setuid or
//! not, and it can neither mount, nor trace, nor (from Landlock ABI 6 on) signal what is outside.
//!
//! Only writing is restricted: what is not handled by a ruleset stays free. Not even Landlock's newest
//! version handles chmod, chown, extended attributes and times, nor a request to a service.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

use super::landlock::{self, IN_A_DIRECTORY, OF_A_DEVICE, OF_A_FILE};
use super::private_directory::PrivateDirectory;
use crate::invocation::RunAs;
use crate::snapshot::WritablePlace;
use crate::system::ByteString;
use crate::system::text::visible_path;

/// The Landlock ABI that can also keep files from being cut short (Linux 6.2). Before it, a file
/// that cannot be written can still be emptied.
const NEEDED_ABI: u32 = 3;

/// The devices that everything may write: they keep nothing, or are the terminal that it has.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"];

/// What this kernel can do about confinement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelConfinement {
    /// The Landlock ABI, 0 where there is none.
    pub abi: u32,
    /// Why there is none.
    error: i32,
}

/// How far a command is confined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfinementLevel {
    /// It can write only what it was given.
    Full,
    /// It can also empty other files: the kernel is too old.
    Partial,
    /// Not at all.
    None,
}

impl ConfinementLevel {
    /// The word for it, as the log writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

impl KernelConfinement {
    /// Where it does not matter, so that the kernel is not asked.
    pub const NOT_ASKED: Self = Self { abi: 0, error: 0 };

    /// Asks the kernel.
    pub fn here() -> Self {
        match landlock::abi() {
            Ok(abi) => Self { abi, error: 0 },
            Err(error) => Self { abi: 0, error: error.raw_os_error().unwrap_or_default() },
        }
    }

    /// How far it can confine a command.
    pub fn level(self) -> ConfinementLevel {
        match self.abi {
            0 => ConfinementLevel::None,
            abi if abi < NEEDED_ABI => ConfinementLevel::Partial,
            _ => ConfinementLevel::Full,
        }
    }

    /// What is missing, with the next step; `None` where nothing is.
    pub fn shortfall(self) -> Option<String> {
        match (self.level(), self.error) {
            (ConfinementLevel::Full, _) => None,
            (ConfinementLevel::Partial, _) => Some(format!(
                "this kernel's Landlock (ABI {}) cannot keep files from being emptied: Linux 6.2 or newer can",
                self.abi
            )),
            (ConfinementLevel::None, libc::EOPNOTSUPP) => Some(
                "Landlock is switched off on this kernel: add landlock to its boot parameter \"lsm=\""
                    .to_owned(),
            ),
            (ConfinementLevel::None, libc::ENOSYS) => Some(
                "this kernel has no Landlock: Linux 6.2 or newer, built with it, has (in a container its seccomp profile must let landlock_create_ruleset through)"
                    .to_owned(),
            ),
            (ConfinementLevel::None, error) => Some(format!(
                "the kernel refuses Landlock: {} (in a container its seccomp profile must let landlock_create_ruleset through)",
                io::Error::from_raw_os_error(error)
            )),
        }
    }
}

/// Why a command could not be confined. Nothing of it ran.
#[derive(Debug, thiserror::Error)]
pub enum ConfinementError {
    /// The kernel did not take the rules.
    #[error("cannot make the rules that confine the command: {0}")]
    Ruleset(io::Error),
    /// The kernel did not take a place.
    #[error("cannot open {path} to the confined command: {1}", path = visible_path(.0))]
    Place(PathBuf, io::Error),
    /// Its temporary directory could not be made.
    #[error("cannot make the confined command's temporary directory in {path}: {1}", path = visible_path(.0))]
    TemporaryDirectory(PathBuf, io::Error),
}

/// The rules for one command, and its own temporary directory, which goes when this is dropped.
#[derive(Debug)]
pub struct Confinement {
    ruleset: OwnedFd,
    abi: u32,
    temporary: PrivateDirectory,
    /// What it may write beside devices and its temporary directory: what could be opened of the
    /// places asked for.
    pub writable: Vec<ByteString>,
}

impl Confinement {
    /// Makes the rules. A place that is gone, or is something else by now, is not opened; no link is
    /// followed to any.
    ///
    /// # Errors
    /// [`ConfinementError`], also where the kernel has no Landlock: ask [`KernelConfinement`] first.
    pub fn prepare(
        kernel: KernelConfinement,
        places: &[WritablePlace],
        run_as: &RunAs,
    ) -> Result<Self, ConfinementError> {
        let temporary = PrivateDirectory::create(run_as)?;
        let ruleset = landlock::create_ruleset(kernel.abi).map_err(ConfinementError::Ruleset)?;
        let mut made = Self { ruleset, abi: kernel.abi, temporary, writable: Vec::new() };
        made.open(made.temporary.path(), FileType::Directory, IN_A_DIRECTORY)?;
        for device in DEVICES.map(Path::new) {
            made.open(device, FileType::CharacterDevice, OF_A_DEVICE)?;
        }
        for place in places {
            let (kind, rights) = match place.tree {
                true => (FileType::Directory, IN_A_DIRECTORY),
                false => (FileType::RegularFile, OF_A_FILE),
            };
            if made.open(&place.path, kind, rights)? {
                made.writable.push(place.shown());
            }
        }
        Ok(made)
    }

    /// Where the command's temporary directory is: the value of its `TMPDIR`.
    pub(super) fn temporary_directory(&self) -> &Path {
        self.temporary.path()
    }

    pub(super) fn ruleset(&self) -> RawFd {
        self.ruleset.as_raw_fd()
    }

    /// Opens the terminal behind a descriptor that the command is given; anything else stays as it
    /// is (what is open already can be written anyway).
    ///
    /// # Errors
    /// Those of landlock_add_rule(2).
    pub(super) fn open_terminal(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        if !rustix::termios::isatty(descriptor) {
            return Ok(());
        }
        self.allow(descriptor, OF_A_DEVICE)
    }

    /// Opens a path. `false` where it is gone, or something else has come in its place.
    fn open(&self, path: &Path, kind: FileType, rights: u64) -> Result<bool, ConfinementError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let Ok(opened) = openat2(CWD, path, flags, Mode::empty(), resolve) else {
            return Ok(false);
        };
        let refused = |error: io::Error| ConfinementError::Place(path.to_owned(), error);
        let status = fstat(&opened).map_err(|error| refused(error.into()))?;
        if FileType::from_raw_mode(status.st_mode) != kind {
            return Ok(false);
        }
        self.allow(opened.as_fd(), rights).map_err(refused)?;
        Ok(true)
    }

    fn allow(&self, place: BorrowedFd<'_>, rights: u64) -> io::Result<()> {
        landlock::add_rule(&self.ruleset, place, rights & landlock::handled(self.abi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_lacks_is_said_with_the_way_out() {
        for (abi, error, level, part) in [
            (0, libc::ENOSYS, "none", "has no Landlock"),
            (0, libc::EOPNOTSUPP, "none", "\"lsm=\""),
            (0, libc::EPERM, "none", "seccomp profile"),
            (1, 0, "partial", "Linux 6.2"),
            (2, 0, "partial", "ABI 2"),
        ] {
            let kernel = KernelConfinement { abi, error };
            assert_eq!(kernel.level().word(), level);
            assert!(kernel.shortfall().unwrap().contains(part), "{kernel:?}");
        }
        for abi in [3, 7, 99] {
            assert_eq!(KernelConfinement { abi, error: 0 }.shortfall(), None);
        }
    }
}
