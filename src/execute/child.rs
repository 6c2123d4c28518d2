//! The new process between fork and exec. Everything that needs memory is made ready before; in
//! between only system calls are made.
#![allow(unsafe_code)] // fork, exec and the identity switch.

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{Pid, getpgrp, pipe2};

use super::entry::OOM_SCORE;
use super::image::{self, Image};
use super::{CallerState, Confinement, ExecuteError, Launch, landlock, signals};
use crate::invocation::RunAs;
use crate::system::Scope;

/// What went wrong between fork and exec.
#[derive(Clone, Copy)]
enum Stage {
    Place,
    Directory,
    Identity,
    Limits,
    Confinement,
    Exec,
}

/// How a start ended.
pub(super) enum Started {
    /// It runs under this process id, which is ours to wait for.
    Running(libc::pid_t),
    /// exec failed with this error number.
    NotExecuted(i32),
}

/// A process made ready.
pub(super) struct Child {
    image: Image,
    directory: OwnedFd,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    identity: Option<RunAs>,
    umask: libc::mode_t,
    caller: CallerState,
    /// The ruleset that confines it; its owner outlives the start.
    ruleset: Option<RawFd>,
    place: Place,
    /// What the caller has said of themselves where memory is short, and where that is said.
    oom_score: Option<CString>,
    oom_file: CString,
}

/// Where the new process has its place among the others.
pub(super) enum Place {
    /// In our process group, on our terminal: it is the caller's own.
    Ours,
    /// In a process group of its own, in the monitor's session.
    Own {
        /// The terminal that stands for the caller's, where there is one.
        terminal: Option<OwnedFd>,
        /// Which of the descriptors 0 to 2 it becomes.
        becomes: [bool; 3],
        /// Whether it has that terminal's foreground.
        foreground: bool,
    },
}

impl Place {
    /// Opens to a confined command the terminals that it is given, and no other: not the caller's,
    /// where it gets one of its own instead.
    fn open_terminals(&self, confinement: &Confinement) -> io::Result<()> {
        let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
        let callers = [input.as_fd(), output.as_fd(), error.as_fd()];
        let replaced = match self {
            Self::Ours => [false; 3],
            Self::Own { terminal, becomes, .. } => {
                if let Some(terminal) = terminal {
                    confinement.open_terminal(terminal.as_fd())?;
                }
                *becomes
            }
        };
        let given = callers.into_iter().zip(replaced).filter(|(_, replaced)| !replaced);
        for (descriptor, _) in given {
            confinement.open_terminal(descriptor)?;
        }
        Ok(())
    }
}

impl Child {
    /// Makes everything ready that the new process needs.
    pub(super) fn prepare(launch: &Launch<'_>, place: Place) -> Result<Self, ExecuteError> {
        let scope = Scope::here();
        let invocation = launch.invocation;
        let text = |bytes: &[u8]| CString::new(bytes).map_err(ExecuteError::nul);
        let arguments = invocation
            .argv
            .iter()
            .map(|argument| text(argument.as_bytes()))
            .collect::<Result<_, _>>()?;
        let environment = launch
            .variables()
            .iter()
            .map(|(name, value)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<_, _>>()?;
        let umask = match scope {
            Scope::System => launch.caller.umask | 0o022,
            Scope::User => launch.caller.umask,
        };
        if let Some(confinement) = launch.confinement {
            place
                .open_terminals(confinement)
                .map_err(|error| ExecuteError::Setup("confine the command", error))?;
        }
        Ok(Self {
            image: image::open(invocation, scope, launch.agreed)?,
            directory: image::directory(invocation)?,
            arguments,
            environment,
            identity: (!is_already(launch.run_as)).then(|| launch.run_as.clone()),
            umask,
            caller: launch.caller.clone(),
            place,
            oom_score: match launch.caller.oom_score {
                0 => None,
                score => Some(text(score.to_string().as_bytes())?),
            },
            oom_file: text(OOM_SCORE.as_bytes())?,
            ruleset: launch.confinement.map(Confinement::ruleset),
        })
    }

    /// Starts it, and comes back when exec has succeeded or failed.
    pub(super) fn start(&self) -> Result<Started, ExecuteError> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(ExecuteError::start)?;
        let arguments = pointers(&self.arguments);
        let environment = pointers(&self.environment);
        // No handler of ours may run in the child: signals wait until its own dispositions stand.
        let before =
            SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(ExecuteError::start)?;
        // SAFETY: between fork and exec the child only makes system calls on memory that was made
        // ready before (`become_command` allocates nothing and takes no lock), and never returns.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: as above; the pointers lead into `self`, which lives on in the child.
            unsafe { self.become_command(writer.as_raw_fd(), &arguments, &environment) }
        }
        let fork_error = io::Error::last_os_error();
        before.thread_set_mask().map_err(ExecuteError::start)?;
        if pid < 0 {
            return Err(ExecuteError::Start(fork_error));
        }
        drop(writer);
        let mut report = Vec::with_capacity(8);
        File::from(reader).read_to_end(&mut report).map_err(ExecuteError::Start)?;
        let Some((stage, errno)) = decode(&report) else { return Ok(Started::Running(pid)) };
        collect(pid);
        let error = io::Error::from_raw_os_error(errno);
        match stage {
            Stage::Exec => Ok(Started::NotExecuted(errno)),
            Stage::Place => Err(ExecuteError::Setup("give the command its terminal", error)),
            Stage::Directory => Err(ExecuteError::Setup("enter the working directory", error)),
            Stage::Identity => Err(ExecuteError::Setup("become the target user", error)),
            Stage::Confinement => Err(ExecuteError::Setup("confine the command", error)),
            Stage::Limits => Err(ExecuteError::Setup("restore the caller's limits", error)),
        }
    }

    /// The child's side.
    ///
    /// # Safety
    /// Only in a child just forked, with all signals blocked; the arrays end in a null pointer and
    /// lead to strings that live on.
    unsafe fn become_command(
        &self,
        report: libc::c_int,
        arguments: &[*const c_char],
        environment: &[*const c_char],
    ) -> ! {
        // SAFETY: system calls on integers, and on memory that `self` and the arrays own.
        unsafe {
            for signal in signals::CAUGHT.into_iter().chain(signals::SET) {
                let ignored = self.caller.ignored.contains(&signal);
                libc::signal(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
            }
            if !self.take_place() {
                fail(report, Stage::Place);
            }
            libc::umask(self.umask);
            if libc::fchdir(self.directory.as_raw_fd()) != 0 {
                fail(report, Stage::Directory);
            }
            if let Some(score) = &self.oom_score {
                let place = libc::open(self.oom_file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                libc::write(place, score.as_ptr().cast(), score.count_bytes());
                libc::close(place);
            }
            // Before the switch: another user could not even lower some of them exactly as they were.
            for (resource, limit) in &self.caller.limits {
                if rustix::process::setrlimit(*resource, *limit).is_err() {
                    fail(report, Stage::Limits);
                }
            }
            if let Some(identity) = &self.identity
                && !switch(identity)
            {
                fail(report, Stage::Identity);
            }
            // Last: whatever comes before is ours to do, and may need what it takes away.
            if let Some(ruleset) = self.ruleset
                && !landlock::enter(ruleset)
            {
                fail(report, Stage::Confinement);
            }
            let mask = self.caller.mask.as_ref();
            libc::sigprocmask(libc::SIG_SETMASK, mask, std::ptr::null_mut());
            match &self.image {
                Image::Path(path) => {
                    libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr());
                }
                Image::Descriptor(descriptor) | Image::Script(descriptor) => {
                    if matches!(self.image, Image::Script(_)) {
                        libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, 0);
                    }
                    libc::syscall(
                        libc::SYS_execveat,
                        descriptor.as_raw_fd(),
                        c"".as_ptr(),
                        arguments.as_ptr(),
                        environment.as_ptr(),
                        libc::AT_EMPTY_PATH,
                    );
                }
            }
            fail(report, Stage::Exec)
        }
    }
}

impl Child {
    /// A process group of its own, and the terminal that is meant for it.
    ///
    /// # Safety
    /// Only in a child just forked, with all signals blocked: so it may give itself the foreground.
    unsafe fn take_place(&self) -> bool {
        let Place::Own { terminal, becomes, foreground } = &self.place else { return true };
        // SAFETY: system calls on integers and on descriptors that `self` owns.
        unsafe {
            if libc::setpgid(0, 0) != 0 {
                return false;
            }
            let Some(terminal) = terminal else { return true };
            let terminal = terminal.as_raw_fd();
            if *foreground && libc::tcsetpgrp(terminal, libc::getpid()) != 0 {
                return false;
            }
            (0..).zip(becomes).all(|(descriptor, becomes)| {
                !becomes || libc::dup2(terminal, descriptor) == descriptor
            })
        }
    }

    /// Hands the foreground of its own terminal to its process group, or takes it away.
    pub(super) fn set_foreground(&self, pid: libc::pid_t, foreground: bool) -> io::Result<()> {
        if let Place::Own { terminal: Some(terminal), .. } = &self.place {
            let group = if foreground { Pid::from_raw(pid) } else { getpgrp() };
            nix::unistd::tcsetpgrp(terminal, group)?;
        }
        Ok(())
    }
}

/// Whether this process is the target already, in every one of its ids.
fn is_already(target: &RunAs) -> bool {
    let users = nix::unistd::getresuid();
    let groups = nix::unistd::getresgid();
    let (Ok(users), Ok(groups), Ok(others)) = (users, groups, nix::unistd::getgroups()) else {
        return false;
    };
    let mut others: Vec<u32> = others.into_iter().map(nix::unistd::Gid::as_raw).collect();
    others.sort_unstable();
    others.dedup();
    [users.real, users.effective, users.saved].iter().all(|uid| uid.as_raw() == target.uid)
        && [groups.real, groups.effective, groups.saved]
            .iter()
            .all(|gid| gid.as_raw() == target.gid)
        && others == target.groups
}

/// Becomes the target in the only order that works, and makes sure of it.
///
/// # Safety
/// Only in a child just forked: the wrappers of the C library tell other threads, of which there
/// are none.
unsafe fn switch(target: &RunAs) -> bool {
    let (uid, gid) = (target.uid, target.gid);
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: system calls on integers, an array that `target` owns, and three local integers.
    unsafe {
        libc::setgroups(target.groups.len(), target.groups.as_ptr()) == 0
            && libc::setresgid(gid, gid, gid) == 0
            && libc::setresuid(uid, uid, uid) == 0
            && libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) == 0
            && [real, effective, saved] == [uid; 3]
            && libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) == 0
            && [real, effective, saved] == [gid; 3]
            // Whoever gave root up must not get it back.
            && (uid == 0 || libc::setuid(0) != 0)
    }
}

/// Tells the parent what failed, and ends.
///
/// # Safety
/// Only in a child just forked.
unsafe fn fail(report: libc::c_int, stage: Stage) -> ! {
    // SAFETY: errno, one write(2) from a local array, and _exit(2), which runs no exit handlers.
    unsafe {
        let errno = (*libc::__errno_location()).to_ne_bytes();
        let [a, b, c, d] = errno;
        let record = [stage as u8, a, b, c, d];
        libc::write(report, record.as_ptr().cast(), record.len());
        libc::_exit(126)
    }
}

/// Waits for a child that has already reported its failure, so that no zombie stays.
fn collect(pid: libc::pid_t) {
    let pid = nix::unistd::Pid::from_raw(pid);
    while nix::sys::wait::waitpid(pid, None) == Err(nix::Error::EINTR) {}
}

fn decode(report: &[u8]) -> Option<(Stage, i32)> {
    let [stage, a, b, c, d] = *report else { return None };
    let stages = [
        Stage::Place,
        Stage::Directory,
        Stage::Identity,
        Stage::Limits,
        Stage::Confinement,
        Stage::Exec,
    ];
    let stage = stages.into_iter().find(|known| *known as u8 == stage)?;
    Some((stage, i32::from_ne_bytes([a, b, c, d])))
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}
