//! Landlock's system calls (landlock(7)) and the rights that they are about.
#![allow(unsafe_code)] // Three system calls that no library at hand wraps.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

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
pub(super) const IN_A_DIRECTORY: u64 = WRITE_FILE
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
pub(super) const OF_A_FILE: u64 = WRITE_FILE | TRUNCATE;

/// What a harmless device, or a terminal of the command's own, gives.
pub(super) const OF_A_DEVICE: u64 = WRITE_FILE | TRUNCATE | IOCTL_DEV;

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

/// The Landlock ABI of this kernel.
///
/// # Errors
/// Where it has none: `ENOSYS`, and `EOPNOTSUPP` where it is switched off.
pub fn abi() -> io::Result<u32> {
    // SAFETY: no memory is handed over.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<RulesetAttributes>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(version).map_err(|_| io::Error::last_os_error())
}

/// What is taken from a command under this ABI, before anything is given back.
pub(super) fn handled(abi: u32) -> u64 {
    WRITING.iter().filter(|(since, _)| *since <= abi).fold(0, |all, (_, rights)| all | rights)
}

/// The rules for a kernel of this ABI: all writing is taken, nothing is given back.
///
/// # Errors
/// Those of landlock_create_ruleset(2).
pub(super) fn create_ruleset(abi: u32) -> io::Result<OwnedFd> {
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

/// Gives rights back: at a file, or in a directory and below it.
///
/// # Errors
/// Those of landlock_add_rule(2).
pub(super) fn add_rule(ruleset: &OwnedFd, place: BorrowedFd<'_>, rights: u64) -> io::Result<()> {
    let rule = PathBeneathAttributes { allowed_access: rights, parent_fd: place.as_raw_fd() };
    // SAFETY: the kernel reads one `landlock_path_beneath_attr`, of that layout, from `rule`.
    let added = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            RULE_PATH_BENEATH,
            &raw const rule,
            0_u32,
        )
    };
    if added == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts this process, and all that it will start, under a ruleset. Without new privileges: a setuid
/// program that is started could not write its own state (a count of wrong passwords, say), and
/// would bring rights to what Landlock does not handle.
///
/// # Safety
/// Only in a child just started, after its last change of identity.
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
}
