//! The new process between its start and exec. Everything that needs memory is made ready before; in
//! between only system calls are made.
//!
//! It shares our memory until exec, as with vfork(2): to copy the page tables and then the pages that
//! either side touches took a tenth of a run's time. Nobody else can look into that memory, or trace
//! who uses it: an installed hitl is not dumpable.
#![allow(unsafe_code)] // clone, exec and the identity switch.

use std::ffi::{CString, c_char};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{Pid, getpgrp};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid};

use super::entry::OOM_SCORE;
use super::image::{self, Image};
use super::{CallerState, Confinement, ExecuteError, Launch, input, landlock, signals};
use crate::invocation::RunAs;
use crate::system::Scope;

/// What went wrong between the start and exec.
#[derive(Clone, Copy)]
enum Stage {
    Place,
    Directory,
    Identity,
    Limits,
    Confinement,
    Exec,
}

/// The new process's stack, in units of 16 bytes: 64 KiB, of which it uses a few.
const STACK: usize = 4096;

/// As whom the new process goes on.
struct Identity {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Identity {
    fn of(target: &RunAs) -> Self {
        let groups = target.groups.iter().copied().map(Gid::from_raw).collect();
        Self { uid: Uid::from_raw(target.uid), gid: Gid::from_raw(target.gid), groups }
    }
}

/// What the new process needs, and what it leaves.
struct Start<'c> {
    child: &'c Child,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    failure: Option<(Stage, i32)>,
}

/// How a start ended.
pub(super) enum Started {
    /// It runs under this process id, which is ours to wait for.
    Running {
        pid: libc::pid_t,
        /// Becomes readable when it has ended, whoever takes our SIGCHLD; `None` on a kernel before
        /// 5.2, which does not make one.
        end: Option<OwnedFd>,
    },
    /// exec failed with this error number.
    NotExecuted(i32),
}

/// A process made ready.
pub(super) struct Child {
    image: Image,
    directory: OwnedFd,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    identity: Option<Identity>,
    umask: libc::mode_t,
    caller: CallerState,
    /// The ruleset that confines it; its owner outlives the start.
    ruleset: Option<RawFd>,
    place: Place,
    /// What stands on standard input in place of the caller's.
    input: Option<OwnedFd>,
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
        let input = input::in_place_of_callers(invocation);
        let input = input.map_err(|error| ExecuteError::Setup("hold its standard input", error))?;
        Ok(Self {
            image: image::open(invocation, scope, launch.agreed)?,
            directory: image::directory(invocation)?,
            arguments,
            environment,
            identity: (!is_already(launch.run_as)).then(|| Identity::of(launch.run_as)),
            umask,
            caller: launch.caller.clone(),
            place,
            input,
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
        let mut start = Start {
            child: self,
            arguments: pointers(&self.arguments),
            environment: pointers(&self.environment),
            failure: None,
        };
        let mut stack: Vec<u128> = Vec::with_capacity(STACK);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let mut descriptor: RawFd = -1;
        // No handler of ours may run in the child: signals wait until its own dispositions stand.
        let before =
            SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(ExecuteError::start)?;
        // SAFETY: as posix_spawn(3) does it. The child runs on a stack of its own within our memory,
        // while this thread waits; it only makes system calls on what was made ready before
        // (`become_command` allocates nothing and takes no lock), writes nothing but `failure`, and
        // never returns. The stack grows down from its end, which is aligned. The kernel writes one
        // integer to `descriptor`.
        let pid = unsafe {
            let top = stack.as_mut_ptr().add(STACK);
            let start = (&raw mut start).cast();
            libc::clone(start_child, top.cast(), flags, start, &raw mut descriptor)
        };
        let clone_error = io::Error::last_os_error();
        before.thread_set_mask().map_err(ExecuteError::start)?;
        if pid < 0 {
            return Err(ExecuteError::Start(clone_error));
        }
        // SAFETY: the kernel has just opened it for us, close-on-exec, and nobody else knows it.
        let end = (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) });
        // SAFETY: what the child has written in our memory, which the compiler cannot see.
        let failure = unsafe { (&raw const start.failure).read_volatile() };
        let Some((stage, errno)) = failure else { return Ok(Started::Running { pid, end }) };
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

    /// The child's side: what failed, and the error number.
    ///
    /// # Safety
    /// Only in a child just started, with all signals blocked; the arrays end in a null pointer and
    /// lead to strings that live on.
    unsafe fn become_command(
        &self,
        arguments: &[*const c_char],
        environment: &[*const c_char],
    ) -> (Stage, i32) {
        // SAFETY: system calls on integers, and on memory that `self` and the arrays own.
        unsafe {
            for signal in signals::CAUGHT.into_iter().chain(signals::SET) {
                let ignored = self.caller.ignored.contains(&signal);
                libc::signal(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
            }
            if !self.take_place() || !self.take_input() {
                return (Stage::Place, errno());
            }
            libc::umask(self.umask);
            if libc::fchdir(self.directory.as_raw_fd()) != 0 {
                return (Stage::Directory, errno());
            }
            if let Some(score) = &self.oom_score {
                let place = libc::open(self.oom_file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                libc::write(place, score.as_ptr().cast(), score.count_bytes());
                libc::close(place);
            }
            // Before the switch: another user could not even lower some of them exactly as they were.
            for (resource, limit) in &self.caller.limits {
                if let Err(error) = rustix::process::setrlimit(*resource, *limit) {
                    return (Stage::Limits, error.raw_os_error());
                }
            }
            if let Some(identity) = &self.identity
                && let Err(errno) = switch(identity)
            {
                return (Stage::Identity, errno);
            }
            // Last: whatever comes before is ours to do, and may need what it takes away.
            if let Some(ruleset) = self.ruleset
                && !landlock::enter(ruleset)
            {
                return (Stage::Confinement, errno());
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
            (Stage::Exec, errno())
        }
    }
}

impl Child {
    /// A process group of its own, and the terminal that is meant for it.
    ///
    /// # Safety
    /// Only in a child just started, with all signals blocked: so it may give itself the foreground.
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

    /// What is meant for standard input, in place of what was there.
    ///
    /// # Safety
    /// Only in a child just started.
    unsafe fn take_input(&self) -> bool {
        // SAFETY: a system call on integers and on a descriptor that `self` owns.
        self.input.as_ref().is_none_or(|input| unsafe { libc::dup2(input.as_raw_fd(), 0) == 0 })
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
/// By the system calls themselves, not the C library's wrappers: those have every thread of the
/// process do the same, and the threads that they would find are not the new process's.
fn switch(target: &Identity) -> Result<(), i32> {
    let (uid, gid) = (target.uid, target.gid);
    let failed = |error: rustix::io::Errno| error.raw_os_error();
    set_thread_groups(&target.groups).map_err(failed)?;
    set_thread_res_gid(gid, gid, gid).map_err(failed)?;
    set_thread_res_uid(uid, uid, uid).map_err(failed)?;
    let (mut users, mut groups) = ([0; 3], [0; 3]);
    let [user_1, user_2, user_3] = &mut users;
    let [group_1, group_2, group_3] = &mut groups;
    // SAFETY: each writes three local integers.
    let asked = unsafe {
        libc::getresuid(user_1, user_2, user_3) == 0
            && libc::getresgid(group_1, group_2, group_3) == 0
    };
    let is_target = users == [uid.as_raw(); 3] && groups == [gid.as_raw(); 3];
    let root = rustix::process::Uid::ROOT;
    // Whoever gave root up must not get it back.
    let is_final = uid == root || set_thread_uid(root).is_err();
    if asked && is_target && is_final { Ok(()) } else { Err(libc::EPERM) }
}

fn errno() -> i32 {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() }
}

/// Runs in the new process, which ends here where it does not become the command.
extern "C" fn start_child(start: *mut libc::c_void) -> libc::c_int {
    let start = start.cast::<Start<'_>>();
    // SAFETY: `Child::start` has passed its own `Start` and waits until we are gone; _exit(2)
    // runs no exit handlers.
    unsafe {
        let Start { child, arguments, environment, .. } = &*start;
        let failure = child.become_command(arguments, environment);
        (&raw mut (*start).failure).write_volatile(Some(failure));
        libc::_exit(126)
    }
}

/// Waits for a child that has already reported its failure, so that no zombie stays.
fn collect(pid: libc::pid_t) {
    let pid = nix::unistd::Pid::from_raw(pid);
    while nix::sys::wait::waitpid(pid, None) == Err(nix::Error::EINTR) {}
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}
