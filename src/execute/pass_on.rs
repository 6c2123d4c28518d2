//! Ending as the command ended.
#![allow(unsafe_code)] // raise(3) with any signal number.

use nix::sys::signal::SigSet;

use super::Ending;
use super::entry::disposition;

impl Ending {
    /// The exit status that says so, as a shell would: 128 and the signal's number; 124 for a
    /// command that was ended for its time, as timeout(1) does; 127 and 126 for one that was not
    /// executed.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Exited(status) => *status,
            Self::Signalled(signal) => 128 + signal,
            Self::TimedOut => 124,
            // Nobody is left to see it.
            Self::Abandoned => 128 + libc::SIGKILL,
            Self::NotExecuted(libc::ENOENT) => 127,
            Self::NotExecuted(_) => 126,
        }
    }
}

/// Ends this process as the command ended: with its status, or by the same signal, so that the
/// caller's shell sees what it would have seen without hitl. No core is dumped for it
/// ([`super::sanitise`] has forbidden that).
pub fn pass_on(ending: Ending) -> ! {
    if let Ending::Signalled(signal) = ending {
        // Either can fail only where it has nothing to do: SIGKILL has no other disposition.
        let _ = disposition(signal, libc::SIG_DFL);
        let _ = SigSet::empty().thread_set_mask();
        // SAFETY: raise(3) takes an integer; the disposition is the default.
        unsafe {
            libc::raise(signal);
        }
    }
    // Also where the signal did not end us (as pid 1 in a container, which ignores it).
    std::process::exit(ending.exit_code())
}
