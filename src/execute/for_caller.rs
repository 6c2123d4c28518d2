//! A program of the caller's own, for the caller: their editor. Started by the process in front, which
//! has no privileges to lend it, with everything as the caller had it.
#![allow(unsafe_code)] // What the caller had is put back between fork and exec.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getppid, getsid};

use super::entry::disposition;
use super::{CallerState, Ending, signals};

/// Keys that are for the program alone while it has the terminal.
const ITS_KEYS: [libc::c_int; 2] = [libc::SIGINT, libc::SIGQUIT];

/// Runs the program in our process group, on our terminal, and waits for its end: found in the
/// caller's `PATH`, with the caller's environment, limits, mask and signals. When it is stopped, so
/// are we: the caller's shell has both of us as one job.
///
/// # Errors
/// What the system says, and `InvalidInput` for no words at all.
pub fn run_for_caller(words: &[OsString], caller: &CallerState) -> io::Result<Ending> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let state = caller.clone();
    // SAFETY: the closure makes system calls on memory that was made before the fork.
    unsafe {
        command.pre_exec(move || {
            for signal in signals::CAUGHT.into_iter().chain(signals::SET) {
                let ignored = state.ignored.contains(&signal);
                libc::signal(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
            }
            libc::umask(state.umask);
            for (resource, limit) in &state.limits {
                rustix::process::setrlimit(*resource, *limit)?;
            }
            libc::sigprocmask(libc::SIG_SETMASK, state.mask.as_ref(), std::ptr::null_mut());
            Ok(())
        });
    }
    for key in ITS_KEYS {
        disposition(key, libc::SIG_IGN)?;
    }
    let ended = command.spawn().and_then(|child| until_the_end(child.id()));
    for key in ITS_KEYS.into_iter().filter(|key| !caller.ignores(*key)) {
        disposition(key, libc::SIG_DFL)?;
    }
    ended
}

fn until_the_end(child: u32) -> io::Result<Ending> {
    let child = Pid::from_raw(child.try_into().map_err(io::Error::other)?);
    loop {
        match waitpid(child, Some(WaitPidFlag::WUNTRACED)) {
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(WaitStatus::Exited(_, status)) => return Ok(Ending::Exited(status)),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Ok(Ending::Signalled(signal as i32));
            }
            // A key stops us together with it, and then it goes on again by the time we hear of it.
            Ok(WaitStatus::Stopped(..)) if is_stopped(child) => {
                if can_be_stopped() {
                    kill(getpid(), Signal::SIGSTOP)?;
                }
                kill(child, Signal::SIGCONT)?;
            }
            Ok(_) => {}
        }
    }
}

fn is_stopped(child: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{child}/stat"))
        .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

/// Whether a shell stands above us that takes the terminal back and sets us going again: otherwise
/// our process group is orphaned (POSIX 3.264), and the kernel stops it for no key.
pub fn can_be_stopped() -> bool {
    getsid(Some(getppid())).is_ok_and(|session| getsid(None) == Ok(session))
}
