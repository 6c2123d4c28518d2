//! What the kernel can do, asked of the kernel itself: a version number says little where a
//! distribution carries fixes back, a container filters system calls, or an architecture lags.
#![allow(unsafe_code)] // System calls without a safe form that fails harmlessly, and dlopen.

use std::ffi::CStr;
use std::io;

/// A system call that hitl rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemCall {
    /// Linux 5.6: opens without following links.
    Openat2,
    /// Linux 5.9: closes what the caller left open.
    CloseRange,
    /// Linux 5.3: a process that cannot be mistaken for another one.
    PidfdOpen,
    /// Linux 3.19: executes an opened file.
    Execveat,
    /// Linux 3.17: a file in memory that can be sealed.
    MemfdCreate,
}

impl SystemCall {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openat2 => "openat2",
            Self::CloseRange => "close_range",
            Self::PidfdOpen => "pidfd_open",
            Self::Execveat => "execveat",
            Self::MemfdCreate => "memfd_create",
        }
    }

    /// Whether the kernel has it, and lets this process use it. It is called with arguments that
    /// cannot succeed: what has it complains about those.
    pub fn is_there(self) -> bool {
        let nothing = std::ptr::null::<libc::c_void>();
        // SAFETY: every call fails before it does anything: null pointers where memory is to be
        // read, a range that ends before it begins, a process id that nobody has, unknown flags.
        let outcome = unsafe {
            match self {
                Self::Openat2 => libc::syscall(libc::SYS_openat2, -1, nothing, nothing, 0_usize),
                Self::CloseRange => libc::syscall(libc::SYS_close_range, 1_u32, 0_u32, 0_u32),
                Self::PidfdOpen => libc::syscall(libc::SYS_pidfd_open, -1, 0_u32),
                Self::Execveat => {
                    libc::syscall(libc::SYS_execveat, -1, nothing, nothing, nothing, -1)
                }
                Self::MemfdCreate => libc::syscall(libc::SYS_memfd_create, nothing, u32::MAX),
            }
        };
        let error = io::Error::last_os_error().raw_os_error();
        // A container's filter says that it is not permitted, where the kernel would say why not.
        outcome >= 0 || !matches!(error, Some(libc::ENOSYS | libc::EPERM))
    }
}

/// Whether a time server, or another reference, keeps the wall clock right: what the kernel was told
/// (`STA_UNSYNC` of adjtimex(2)).
///
/// # Errors
/// Where the kernel does not say.
pub fn clock_is_synchronised() -> io::Result<bool> {
    let mut state = std::mem::MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: all zeroes are a valid `timex`, whose `modes` of 0 asks and changes nothing.
    let outcome = unsafe { libc::adjtimex(state.as_mut_ptr()) };
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was zeroed, and the kernel has filled it in.
    Ok(unsafe { state.assume_init() }.status & libc::STA_UNSYNC == 0)
}

/// Whether a shared library can be loaded, by the name that programs link to. Its own start-up code
/// runs: only for libraries of the system.
pub fn can_load(library: &CStr) -> bool {
    // SAFETY: a terminated name; the loader looks in the system's directories only, as a setuid start
    // ignores LD_LIBRARY_PATH. The handle is given back at once.
    unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL);
        !handle.is_null() && libc::dlclose(handle) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_the_kernel_changes_nothing_and_tells_what_is_there_from_what_is_not() {
        for call in [SystemCall::CloseRange, SystemCall::PidfdOpen, SystemCall::Execveat] {
            assert!(call.is_there(), "{} is in every kernel that the tests run on", call.name());
        }
        assert!(can_load(c"libc.so.6"));
        assert!(!can_load(c"libhitl-of-nowhere.so.0"));
    }
}
