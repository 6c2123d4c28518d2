//! Confinement of a command by Landlock (Linux 5.13, landlock(7)): what it may write, whoever it is.
//!
//! The rules are made ready before the fork, when allocating is still allowed; the new process only
//! puts itself under them ([`enter`]). From then on nothing that it starts can shed them, setuid or
//! not, and it can neither mount, nor trace, nor (from Landlock ABI 6 on) signal what is outside.
//!
//! Only writing is restricted: what is not handled by a ruleset stays free. Not even Landlock's newest
//! version handles chmod, chown, extended attributes and times, nor a request to a service.
#![allow(unsafe_code)] // Three system calls that no library at hand wraps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

use super::private_directory::PrivateDirectory;
use crate::invocation::RunAs;
use crate::snapshot::WritablePlace;
use crate::system::ByteString;
use crate::system::text::visible_path;

/// The Landlock ABI that can also keep files from being cut short (Linux 6.2). Before it, a file
/// that cannot be written can still be emptied.
const NEEDED_ABI: u32 = 3;

// include/uapi/linux/landlock.h
const WRITE_FILE: u64 = 1 << 1;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
const MAKE_FIFO: u64 = 1 << 10;
const MAKE_BLOCK: u64 = 1 << 11;
const MAKE_SYM: u64 = 1 << 12;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
const SCOPE_SIGNAL: u64 = 1 << 1;
const CREATE_RULESET_VERSION: u32 = 1;
const RULE_PATH_BENEATH: u32 = 1;

/// Everything that is writing in some way, with the ABI that it came with.
const WRITING: [(u32, u64); 4] = [
    (
        1,
        WRITE_FILE
            | REMOVE_DIR
            | REMOVE_FILE
            | MAKE_CHAR
            | MAKE_DIR
            | MAKE_REG
            | MAKE_SOCK
            | MAKE_FIFO
            | MAKE_BLOCK
            | MAKE_SYM,
    ),
    (2, REFER),
    (3, TRUNCATE),
    (5, IOCTL_DEV),
];

/// What an open directory gives. No device can be made in it, which would lead out of it again.
const IN_A_DIRECTORY: u64 = WRITE_FILE
    | REMOVE_DIR
    | REMOVE_FILE
    | MAKE_DIR
    | MAKE_REG
    | MAKE_SOCK
    | MAKE_FIFO
    | MAKE_SYM
    | REFER
    | TRUNCATE;

/// What an open file gives.
const OF_A_FILE: u64 = WRITE_FILE | TRUNCATE;

/// What a harmless device, or a terminal of the command's own, gives.
const OF_A_DEVICE: u64 = WRITE_FILE | TRUNCATE | IOCTL_DEV;

/// The devices that everything may write: they keep nothing, or are the terminal that it has.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"];

#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneathAttributes {
    allowed_access: u64,
    parent_fd: i32,
}

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
        // SAFETY: no memory is handed over.
        let version = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                std::ptr::null::<RulesetAttributes>(),
                0_usize,
                CREATE_RULESET_VERSION,
            )
        };
        match u32::try_from(version) {
            Ok(abi) => Self { abi, error: 0 },
            Err(_) => Self {
                abi: 0,
                error: io::Error::last_os_error().raw_os_error().unwrap_or_default(),
            },
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
        let ruleset = create_ruleset(kernel.abi).map_err(ConfinementError::Ruleset)?;
        let mut made = Self { ruleset, abi: kernel.abi, temporary, writable: Vec::new() };
        made.open(made.temporary.path().to_owned().as_path())?;
        for device in DEVICES.map(Path::new) {
            made.open(device)?;
        }
        for place in places {
            if made.open(&place.path)? {
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

    /// Opens a path, as what is there now. `false` where it cannot be found any more.
    fn open(&self, path: &Path) -> Result<bool, ConfinementError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let Ok(opened) = openat2(CWD, path, flags, Mode::empty(), resolve) else {
            return Ok(false);
        };
        let refused = |error: io::Error| ConfinementError::Place(path.to_owned(), error);
        let status = fstat(&opened).map_err(|error| refused(error.into()))?;
        let rights = match FileType::from_raw_mode(status.st_mode) {
            FileType::Directory => IN_A_DIRECTORY,
            FileType::RegularFile => OF_A_FILE,
            FileType::CharacterDevice if DEVICES.iter().any(|device| path == Path::new(device)) => {
                OF_A_DEVICE
            }
            _ => return Ok(false),
        };
        self.allow(opened.as_fd(), rights).map_err(refused)?;
        Ok(true)
    }

    fn allow(&self, place: BorrowedFd<'_>, rights: u64) -> io::Result<()> {
        let rule = PathBeneathAttributes {
            allowed_access: rights & handled(self.abi),
            parent_fd: place.as_raw_fd(),
        };
        // SAFETY: the kernel reads one `landlock_path_beneath_attr`, of that layout, from `rule`.
        let added = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.ruleset.as_raw_fd(),
                RULE_PATH_BENEATH,
                &raw const rule,
                0_u32,
            )
        };
        if added == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// What is taken from a command under this ABI, before anything is given back.
fn handled(abi: u32) -> u64 {
    WRITING.iter().filter(|(since, _)| *since <= abi).fold(0, |all, (_, rights)| all | rights)
}

fn create_ruleset(abi: u32) -> io::Result<OwnedFd> {
    let attributes = RulesetAttributes {
        handled_access_fs: handled(abi),
        handled_access_net: 0,
        // It must not be able to end whoever watches it and records its end. Abstract sockets stay
        // as they are: those with a path, by which most services are asked, cannot be closed either.
        scoped: if abi >= 6 { SCOPE_SIGNAL } else { 0 },
    };
    // SAFETY: the kernel reads as many bytes as it is told there are; what an older one does not
    // know is zero, which it takes.
    let created = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const attributes,
            size_of::<RulesetAttributes>(),
            0_u32,
        )
    };
    let descriptor = RawFd::try_from(created).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor (close-on-exec), and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Puts this process, and all that it will start, under a ruleset. Without new privileges: a setuid
/// program that is started could not write its own state (a count of wrong passwords, say), and
/// would bring rights to what Landlock does not handle.
///
/// # Safety
/// Only in a child just forked, after its last change of identity.
pub(super) unsafe fn enter(ruleset: RawFd) -> bool {
    // SAFETY: system calls on integers.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0_u32) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_abi_takes_all_that_it_knows_and_a_directory_gives_all_back_but_devices() {
        for (abi, handled_rights) in
            [(0, 0), (1, 0x1ff2), (2, 0x3ff2), (3, 0x7ff2), (4, 0x7ff2), (5, 0xfff2), (9, 0xfff2)]
        {
            assert_eq!(handled(abi), handled_rights, "{abi}");
        }
        assert_eq!(handled(9) & !IN_A_DIRECTORY, MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV);
    }

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
