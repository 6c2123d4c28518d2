//! kill -9 at a chosen moment: a command is traced, and something dies just before it does its nth
//! thing that lasts (writes, renames, makes durable, creates, removes, starts a process or a program).
#![allow(
    unsafe_code,
    reason = "ptrace(2), for which there is no safe form in the crates that are here"
)]

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::processes::Process;
use crate::world::Call;

/// Who dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Victim {
    /// The root-only half of hitl.
    Monitor,
    /// The half that was called.
    Front,
    /// Both, as when the machine's memory or its power ends.
    Both,
}

/// What came of a command that was to die.
#[derive(Debug)]
pub struct Died {
    /// What was about to be done when the victim died; `None` where it was never so many things, and
    /// the command went on to its end.
    pub before: Option<&'static str>,
    /// The exit code of the half that was called; `None` where it died.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of hitl, whose victim dies before the monitor (or the child that becomes the
/// command) does its `nth` lasting thing, counted from 1. Returns when all of it is over, the
/// command that hitl had started included.
#[track_caller]
pub fn dies_before(call: Call<'_>, victim: Victim, nth: usize) -> Died {
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut command = call.traced().command();
    command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    // Dropping it waits for nothing: that is done below.
    let front = Pid::from_raw(command.spawn().unwrap().id().try_into().unwrap());
    let mut trace = Trace { front, monitor: None, victim, left: nth, before: None, code: None };
    trace.follow();
    let (before, code) = (trace.before, trace.code);
    Died { before, code, stdout: text(&mut stdout), stderr: text(&mut stderr) }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Trace {
    front: Pid,
    monitor: Option<Pid>,
    victim: Victim,
    left: usize,
    before: Option<&'static str>,
    code: Option<i32>,
}

impl Trace {
    fn follow(&mut self) {
        // Only the children of this thread: other tests have theirs.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let first = waitpid(self.front, Some(flags)).unwrap();
        assert_eq!(first, WaitStatus::Stopped(self.front, Signal::SIGTRAP));
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL;
        request(libc::PTRACE_SETOPTIONS, self.front, options as usize);
        go_on(self.front, 0);
        let mut known = HashSet::from([self.front]);
        let mut commands = Vec::new();
        loop {
            match waitpid(None, Some(flags)) {
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => break,
                Err(error) => panic!("waitpid: {error}"),
                Ok(WaitStatus::PtraceSyscall(pid)) => {
                    self.calls(pid);
                    go_on(pid, 0);
                }
                Ok(WaitStatus::PtraceEvent(pid, _, libc::PTRACE_EVENT_EXEC))
                    if pid != self.front && Some(pid) != self.monitor =>
                {
                    // It is the command now: what it does is its own.
                    commands.push(Process(pid));
                    request(libc::PTRACE_DETACH, pid, 0);
                }
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    if event != libc::PTRACE_EVENT_EXEC && pid == self.front {
                        self.monitor.get_or_insert_with(|| child_of(pid));
                    }
                    go_on(pid, 0);
                }
                // A new child begins stopped.
                Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)) if known.insert(pid) => go_on(pid, 0),
                Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, signal as i32),
                Ok(WaitStatus::Exited(pid, code)) if pid == self.front => self.code = Some(code),
                Ok(_) => {}
            }
        }
        commands.into_iter().for_each(|command| command.comes_to(None));
    }

    /// A process enters, or leaves, a system call.
    fn calls(&mut self, pid: Pid) {
        if pid == self.front || self.before.is_some() {
            return;
        }
        let Some(what) = entered(pid).and_then(|(number, arguments)| lasting(number, &arguments))
        else {
            return;
        };
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return;
        }
        self.before = Some(what);
        let monitor = self.monitor.expect("a monitor");
        let victims = match self.victim {
            Victim::Monitor => vec![monitor],
            Victim::Front => vec![self.front],
            Victim::Both => vec![monitor, self.front],
        };
        victims.into_iter().for_each(|victim| kill(victim, Signal::SIGKILL).unwrap());
    }
}

fn request(request: libc::c_uint, pid: Pid, data: usize) {
    // SAFETY: a request that takes a number and leads to no memory.
    let done = unsafe { libc::ptrace(request, pid.as_raw(), 0_usize, data) };
    // Gone: it was killed meanwhile.
    assert!(done >= 0 || Errno::last() == Errno::ESRCH, "ptrace {request}: {}", Errno::last());
}

fn go_on(pid: Pid, signal: i32) {
    request(libc::PTRACE_SYSCALL, pid, signal as usize);
}

fn child_of(pid: Pid) -> Pid {
    let mut child: libc::c_ulong = 0;
    // SAFETY: the kernel writes one long there.
    let done =
        unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid.as_raw(), 0_usize, &raw mut child) };
    assert_eq!(done, 0, "{}", Errno::last());
    Pid::from_raw(child.try_into().unwrap())
}

/// The system call that a process stands at the beginning of.
fn entered(pid: Pid) -> Option<(i64, [u64; 6])> {
    // SAFETY: all zeroes is a value of it.
    let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
    let size = std::mem::size_of_val(&info);
    // SAFETY: the kernel writes at most that many bytes there.
    let done =
        unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid.as_raw(), size, &raw mut info) };
    if done <= 0 || info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: it is the beginning of a call: this is the part that was written.
    let entry = unsafe { info.u.entry };
    Some((entry.nr.try_into().unwrap(), entry.args))
}

/// What a call does that lasts; `None` where it is nothing.
fn lasting(number: i64, arguments: &[u64; 6]) -> Option<&'static str> {
    let creates = |flags: u64| flags & libc::O_CREAT as u64 != 0;
    Some(match number {
        libc::SYS_openat if creates(arguments[2]) => "openat with O_CREAT",
        libc::SYS_renameat | libc::SYS_renameat2 => "renameat",
        libc::SYS_linkat => "linkat",
        libc::SYS_unlinkat => "unlinkat",
        libc::SYS_mkdirat => "mkdirat",
        libc::SYS_symlinkat => "symlinkat",
        libc::SYS_ftruncate | libc::SYS_truncate => "ftruncate",
        libc::SYS_fsync => "fsync",
        libc::SYS_fdatasync => "fdatasync",
        libc::SYS_write | libc::SYS_writev => "write",
        libc::SYS_pwrite64 | libc::SYS_pwritev => "pwrite",
        libc::SYS_copy_file_range => "copy_file_range",
        libc::SYS_clone | libc::SYS_clone3 => "clone",
        libc::SYS_execve | libc::SYS_execveat => "execve",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open if creates(arguments[1]) => "open with O_CREAT",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename => "rename",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link => "link",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink => "unlink",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir => "mkdir",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rmdir => "rmdir",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork | libc::SYS_vfork => "fork",
        _ => return None,
    })
}
