//! A program that is nobody in particular: for what talks to the outside, with hostile answers.
//!
//! It gets bytes on its standard input and may give a few back on its standard output, and has
//! nothing else: no identity of anybody's, no way to gain one, no descriptor, no terminal, no
//! environment but a search path.
#![allow(unsafe_code)] // What happens between fork and exec.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Pid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, setsid,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Where the program, and what it starts, finds other programs.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What it may use at most: open files, address space and a file's size in bytes, seconds of
/// processing time, no core.
const LIMITS: [(Resource, u64); 5] = [
    (Resource::Core, 0),
    (Resource::Nofile, 256),
    (Resource::As, 1 << 30),
    (Resource::Fsize, 64 << 20),
    (Resource::Cpu, 60),
];

/// With less than this of something, a program that talks to the outside may not get far: processes (a
/// thread is one), open files, address space, seconds of processing time.
const LEAST: [(Resource, u64, &str); 4] = [
    (Resource::Nproc, 32, "processes"),
    (Resource::Nofile, 64, "open files"),
    (Resource::As, 256 << 20, "memory"),
    (Resource::Cpu, 10, "processing time"),
];

/// CAP_SYS_RESOURCE (capabilities(7)), which a container's root may lack: it raises limits.
const SYS_RESOURCE: u32 = 24;

/// How long it may go on once it has said all, before it is ended.
const LEAVE: Duration = Duration::from_secs(2);

/// As whom it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nobody {
    /// The user id in every place. Never 0.
    pub uid: u32,
    /// The group id in every place; there is no supplementary group.
    pub gid: u32,
}

/// A program that is about to be started without privileges.
#[derive(Clone, Copy, Debug)]
pub struct Unprivileged<'a> {
    /// The program.
    pub program: &'a Path,
    /// As whom; `None`: as whoever this process is, who has no privileges to give up.
    pub identity: Option<Nobody>,
    /// Whether what it starts may become somebody else by a set-user-ID or set-group-ID bit
    /// (prctl(2): `PR_SET_NO_NEW_PRIVS` is set where not).
    pub may_start_setuid: bool,
}

/// Why it did not answer.
#[derive(Debug, thiserror::Error)]
pub enum UnprivilegedError {
    /// It could not be started.
    #[error("cannot be started: {0}")]
    Start(io::Error),
    /// It did not come to an end in time.
    #[error("did not come to an end within {} seconds, and was ended", .0.as_secs())]
    TimeUp(Duration),
    /// It said more than it may.
    #[error("said more than it may")]
    TooMuch,
    /// The system refused something.
    #[error("cannot be listened to: {0}")]
    System(io::Error),
}

/// Which limit that the caller has set keeps such a program from its work, and cannot be raised by this
/// process: in words. Limits are inherited, so that whoever calls could keep it quiet by them.
pub fn limit_too_low() -> Option<&'static str> {
    let is_raised = may_raise_limits();
    let too_low = |(resource, least, _): &&(Resource, u64, &str)| {
        let limit = getrlimit(*resource);
        let known = if *resource == Resource::Nproc { limit.current } else { limit.maximum };
        !is_raised && known.is_some_and(|known| known < *least)
    };
    LEAST.iter().find(too_low).map(|(_, _, words)| *words)
}

fn may_raise_limits() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .is_some_and(|capabilities| capabilities >> SYS_RESOURCE & 1 == 1)
}

impl Unprivileged<'_> {
    /// Runs it with this input and returns what it has said, at most so many bytes, once it has closed
    /// its output. It is ended where it takes longer than `patience`, and with this process.
    ///
    /// # Errors
    /// [`UnprivilegedError`]; it has ended then, too.
    pub fn ask(
        self,
        input: &[u8],
        most: usize,
        patience: Duration,
    ) -> Result<Vec<u8>, UnprivilegedError> {
        let mut child = self.start().map_err(UnprivilegedError::Start)?;
        let until = Instant::now() + patience;
        let answer = converse(&mut child, input, most, until, patience);
        let leave = if answer.is_ok() { Instant::now() + LEAVE } else { Instant::now() };
        let left = ends_by(&mut child, leave);
        if !left {
            // The leader of a session of its own, so that this is its group and nobody else's.
            if let Ok(pid) = i32::try_from(child.id()) {
                let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        answer
    }

    fn start(self) -> io::Result<Child> {
        let mut command = Command::new(self.program);
        command
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // SAFETY: system calls alone; the two that could allocate (getgroups) do so in a process that
        // had one thread, or only such threads as wait in this very function, when it was forked.
        unsafe {
            command.pre_exec(move || settle(self.identity, self.may_start_setuid));
        }
        command.spawn()
    }
}

/// Between fork and exec: everything is given up, for good.
fn settle(identity: Option<Nobody>, may_start_setuid: bool) -> io::Result<()> {
    setsid()?;
    umask(Mode::from_bits_truncate(0o077));
    keep_no_descriptors()?;
    for (resource, most) in LIMITS {
        let most = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    if let Some(Nobody { uid, gid }) = identity {
        become_nobody(uid, gid)?;
    }
    if !may_start_setuid {
        nix::sys::prctl::set_no_new_privs()?;
    }
    // Last: a change of ids clears it. Who hands the work over waits for its end.
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

fn become_nobody(uid: u32, gid: u32) -> io::Result<()> {
    // CVE-2019-14287: to the kernel this id means "unchanged".
    if uid == 0 || uid == u32::MAX || gid == u32::MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    // It counts all processes of that user, and the caller may have lowered it. Where it cannot be
    // raised, it is as low as it is.
    let processes = Rlimit { current: Some(512), maximum: Some(512) };
    let _ = setrlimit(Resource::Nproc, processes);
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let (users, groups) = (getresuid()?, getresgid()?);
    let all = users.real == uid && users.effective == uid && users.saved == uid;
    let all = all && groups.real == gid && groups.effective == gid && groups.saved == gid;
    let alone = getgroups()?.is_empty();
    // A process that kept a capability could come back (capabilities(7), SECBIT_NO_SETUID_FIXUP).
    let cannot_return = setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err();
    if all && alone && cannot_return { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Everything from 3 on is closed when the program starts.
fn keep_no_descriptors() -> io::Result<()> {
    // close_range(2): CLOSE_RANGE_CLOEXEC, and not closed at once, so that a failed start is told.
    const ON_EXEC: u32 = 4;
    // SAFETY: system calls on integers.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, ON_EXEC) == 0 {
            return Ok(());
        }
        // Before Linux 5.11. hitl itself opens everything so that it closes on exec.
        for descriptor in 3..1024 {
            if libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) < 0
                && Errno::last() != Errno::EBADF
            {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

fn converse(
    child: &mut Child,
    input: &[u8],
    most: usize,
    until: Instant,
    patience: Duration,
) -> Result<Vec<u8>, UnprivilegedError> {
    let system = UnprivilegedError::System;
    let time_up = || UnprivilegedError::TimeUp(patience);
    if let Some(mut stdin) = child.stdin.take() {
        let mut rest = input;
        while !rest.is_empty() {
            if !is_ready(&stdin, PollFlags::POLLOUT, until).map_err(system)? {
                return Err(time_up());
            }
            // What a pipe is ready for is a page at least (pipe(7)): a larger write could wait.
            let (piece, _) = rest.split_at(rest.len().min(4096));
            match stdin.write(piece) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                // It wants no more of it: what it has to say it says all the same.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(system(error)),
            }
        }
    }
    let mut said = Vec::new();
    let Some(mut stdout) = child.stdout.take() else { return Ok(said) };
    let mut buffer = [0_u8; 1024];
    loop {
        if !is_ready(&stdout, PollFlags::POLLIN, until).map_err(system)? {
            return Err(time_up());
        }
        match stdout.read(&mut buffer) {
            Ok(0) => return Ok(said),
            Ok(length) => said.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(system(error)),
        }
        if said.len() > most {
            return Err(UnprivilegedError::TooMuch);
        }
    }
}

/// Waits until a descriptor is ready (or at its end), or the time is over.
fn is_ready(descriptor: impl AsFd, flags: PollFlags, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(descriptor.as_fd(), flags)], timeout) {
            Ok(0) if Instant::now() >= until => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether it ends by itself by then.
fn ends_by(child: &mut Child, until: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str, most: usize, patience: Duration) -> Result<String, UnprivilegedError> {
        let shell =
            Unprivileged { program: Path::new("/bin/sh"), identity: None, may_start_setuid: false };
        let said = shell.ask(line.as_bytes(), most, patience)?;
        Ok(String::from_utf8(said).unwrap())
    }

    #[test]
    fn it_has_no_environment_no_descriptors_no_terminal_and_gains_no_privileges() {
        let minute = Duration::from_secs(60);
        let line = "env | grep -v '^\\(PATH\\|PWD\\|_\\|SHLVL\\|OLDPWD\\)='; pwd; ls /proc/$$/fd | \
                    tr '\\n' ' '; grep NoNewPrivs /proc/$$/status; ulimit -c\n";
        let _open = std::fs::File::open("/").unwrap();
        assert_eq!(shell(line, 4096, minute).unwrap(), "/\n0 1 2 NoNewPrivs:\t1\n0\n");
    }

    #[test]
    fn what_hangs_or_talks_without_end_is_ended() {
        let moment = Duration::from_millis(50);
        let hangs = shell("exec sleep 1000\n", 10, moment).unwrap_err();
        assert!(matches!(hangs, UnprivilegedError::TimeUp(_)), "{hangs}");
        let talks = shell("exec yes\n", 1000, Duration::from_secs(60)).unwrap_err();
        assert!(matches!(talks, UnprivilegedError::TooMuch), "{talks}");
        // More than a pipe holds, to somebody who reads nothing of it.
        let long = format!("exec sleep 1000\n{}", "#".repeat(200_000));
        assert!(matches!(shell(&long, 10, moment), Err(UnprivilegedError::TimeUp(_))));
    }
}
