//! kill -9 at a chosen moment: a command is traced, and something dies just before it does its nth
//! thing that lasts (writes, renames, makes durable, creates, removes, sets metadata, starts a process or
//! a program). Or it is only watched, and the world changes under it between two of its system calls.
#![allow(
    unsafe_code,
    reason = "ptrace(2), for which there is no safe form in the crates that are here"
)]

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

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
    let (mut left, mut before) = (nth, None);
    let died = traced(call, &mut |about, processes| {
        let Some(what) = about.lasting().filter(|_| before.is_none()) else { return };
        left = left.saturating_sub(1);
        if left == 0 {
            before = Some(what);
            processes.kill(victim);
        }
    });
    Died { before, ..died }
}

/// Runs a command of hitl to its end, stopping it at the beginning of every system call of the
/// monitor (its threads, and the child that becomes the command): `at` is told of each, and the
/// call is made when it returns.
#[track_caller]
pub fn watched(call: Call<'_>, at: &mut dyn FnMut(&AboutTo)) -> Died {
    traced(call, &mut |about, _| at(about))
}

#[track_caller]
fn traced(call: Call<'_>, at: &mut dyn FnMut(&AboutTo, &Processes)) -> Died {
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut command = call.traced().command();
    command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    // Dropping it waits for nothing: that is done below.
    let front = Pid::from_raw(command.spawn().unwrap().id().try_into().unwrap());
    let mut trace = Trace { processes: Processes { front, monitor: None }, at, code: None };
    trace.follow();
    let code = trace.code;
    Died { before: None, code, stdout: text(&mut stdout), stderr: text(&mut stderr) }
}

/// A system call that is about to be made.
pub struct AboutTo {
    /// The process, or the thread.
    pub process: Pid,
    number: i64,
    arguments: [u64; 6],
}

impl AboutTo {
    /// What it does that lasts; `None` where it is nothing.
    pub fn lasting(&self) -> Option<&'static str> {
        lasting(self.number, &self.arguments)
    }

    /// Whether it does something: lasting or not, more than to look.
    pub fn acts(&self) -> bool {
        let access = libc::O_ACCMODE as u64;
        let opens_for_writing =
            self.number == libc::SYS_openat && self.arguments[2] & access != libc::O_RDONLY as u64;
        let reads = [libc::SYS_read, libc::SYS_pread64, libc::SYS_lseek, libc::SYS_flock];
        self.lasting().is_some() || opens_for_writing || reads.contains(&self.number)
    }

    /// Whether it makes something durable, or gives something its name.
    pub fn settles(&self) -> bool {
        let name = self.lasting();
        name.is_some_and(|name| {
            ["fsync", "fdatasync", "syncfs", "renameat", "rename", "execve"].contains(&name)
        })
    }

    /// The path that it opens, as it is given: relative to some directory.
    pub fn opens(&self) -> Option<PathBuf> {
        if ![libc::SYS_openat, libc::SYS_openat2].contains(&self.number) {
            return None;
        }
        let memory = File::open(format!("/proc/{}/mem", self.process)).ok()?;
        let mut path = Vec::new();
        let mut byte = [0];
        while memory.read_exact_at(&mut byte, self.arguments[1] + path.len() as u64).is_ok()
            && byte[0] != 0
        {
            path.push(byte[0]);
        }
        Some(OsStr::from_bytes(&path).into())
    }

    /// Whether the process has this file open for more than its name.
    pub fn has_open(&self, file: &Path) -> bool {
        let Ok(meant) = file.symlink_metadata() else { return false };
        let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", self.process)) else {
            return false;
        };
        open.flatten().any(|descriptor| {
            let found = std::fs::metadata(descriptor.path());
            let number = descriptor.file_name();
            let flags = format!("/proc/{}/fdinfo/{}", self.process, number.to_string_lossy());
            let is_path = || {
                let text = std::fs::read_to_string(&flags).unwrap_or_default();
                let flags = text.lines().find_map(|line| line.strip_prefix("flags:\t"));
                let flags = flags.and_then(|flags| i32::from_str_radix(flags, 8).ok());
                flags.is_none_or(|flags| flags & libc::O_PATH != 0)
            };
            found.is_ok_and(|found| (found.dev(), found.ino()) == (meant.dev(), meant.ino()))
                && !is_path()
        })
    }
}

/// The two halves of a hitl that runs.
struct Processes {
    front: Pid,
    monitor: Option<Pid>,
}

impl Processes {
    fn kill(&self, victim: Victim) {
        let monitor = self.monitor.expect("a monitor");
        let victims = match victim {
            Victim::Monitor => vec![monitor],
            Victim::Front => vec![self.front],
            Victim::Both => vec![monitor, self.front],
        };
        victims.into_iter().for_each(|victim| kill(victim, Signal::SIGKILL).unwrap());
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Trace<'a> {
    processes: Processes,
    at: &'a mut dyn FnMut(&AboutTo, &Processes),
    code: Option<i32>,
}

impl Trace<'_> {
    fn follow(&mut self) {
        // Only the children of this thread: other tests have theirs.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let front = self.processes.front;
        let first = waitpid(front, Some(flags)).unwrap();
        assert_eq!(first, WaitStatus::Stopped(front, Signal::SIGTRAP));
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL;
        request(libc::PTRACE_SETOPTIONS, front, options as usize);
        go_on(front, 0);
        let mut known = HashSet::from([front]);
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
                    if pid != front && Some(pid) != self.processes.monitor =>
                {
                    // It is the command now: what it does is its own.
                    commands.push(Process(pid));
                    request(libc::PTRACE_DETACH, pid, 0);
                }
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    if event != libc::PTRACE_EVENT_EXEC && pid == front {
                        self.processes.monitor.get_or_insert_with(|| child_of(pid));
                    }
                    go_on(pid, 0);
                }
                // A new child begins stopped.
                Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)) if known.insert(pid) => go_on(pid, 0),
                Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, signal as i32),
                Ok(WaitStatus::Exited(pid, code)) if pid == front => self.code = Some(code),
                Ok(_) => {}
            }
        }
        commands.into_iter().for_each(|command| command.comes_to(None));
    }

    /// A process enters, or leaves, a system call.
    fn calls(&mut self, process: Pid) {
        if process == self.processes.front {
            return;
        }
        if let Some((number, arguments)) = entered(process) {
            (self.at)(&AboutTo { process, number, arguments }, &self.processes);
        }
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

/// FICLONE, FICLONERANGE, FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR, from linux/fs.h.
const CHANGING: [u64; 4] = [0x4004_9409, 0x4020_940d, 0x4008_6602, 0x401c_5820];

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
        libc::SYS_fchmod | libc::SYS_fchmodat | libc::SYS_fchmodat2 => "fchmodat",
        libc::SYS_fchown | libc::SYS_fchownat => "fchownat",
        libc::SYS_utimensat => "utimensat",
        libc::SYS_setxattr | libc::SYS_lsetxattr | libc::SYS_fsetxattr => "setxattr",
        libc::SYS_removexattr | libc::SYS_lremovexattr | libc::SYS_fremovexattr => "removexattr",
        libc::SYS_mknodat => "mknodat",
        libc::SYS_fallocate => "fallocate",
        libc::SYS_ioctl if CHANGING.contains(&arguments[1]) => "ioctl",
        libc::SYS_sync | libc::SYS_syncfs => "syncfs",
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
