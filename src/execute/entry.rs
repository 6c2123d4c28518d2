//! The first thing that a process does: what the caller could have set up against it is set right,
//! and remembered where the child must get it back.
//!
//! The Rust runtime has already opened `/dev/null` in place of closed descriptors 0 to 2, and has
//! set SIGPIPE to be ignored, so that writing to a closed standard output is an error and no death.
#![allow(unsafe_code)] // close_range and sigaction have no safe form that keeps what we need.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::CallerSide;
use crate::system::{Caller, caller};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getegid, geteuid, getuid, setgroups, setresgid, setresuid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the caller had, for the child.
#[derive(Clone)]
pub struct CallerState {
    pub(super) umask: libc::mode_t,
    pub(super) mask: SigSet,
    pub(super) ignored: Vec<libc::c_int>,
    pub(super) limits: Vec<(Resource, Rlimit)>,
    pub(super) side: Option<Rc<dyn CallerSide>>,
    /// How much sooner than others the kernel is to end it where memory is short; 0 where not.
    pub(super) oom_score: i32,
}

impl CallerState {
    /// The caller's umask.
    pub fn umask(&self) -> u32 {
        self.umask
    }

    /// Whether the caller has this signal ignored.
    pub fn ignores(&self, signal: libc::c_int) -> bool {
        self.ignored.contains(&signal)
    }

    /// This process is the monitor from here on, and that is the caller's side.
    pub fn watched_by(&mut self, side: Rc<dyn CallerSide>) {
        self.side = Some(side);
    }
}

/// Why a process is not fit to do anything.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// argc is 0: CVE-2021-4034.
    #[error("started without arguments, not even its own name: start it from a shell")]
    NoArguments,
    /// Descriptors that the caller left open could not be kept from the child.
    #[error("cannot close the descriptors that the caller left open: {0}: is /proc mounted?")]
    Descriptors(io::Error),
    /// Signals.
    #[error("cannot take the signals back into default order: {0}")]
    Signals(io::Error),
    /// Limits and the dumpable flag.
    #[error("cannot keep this process from dumping its memory: {0}")]
    Dumps(io::Error),
}

/// The limits that could stop hitl from writing its own record, or kill it while it does: with
/// `ulimit -f 0` even root cannot append to a log.
const RAISED: [Resource; 6] = [
    Resource::Fsize,
    Resource::Cpu,
    Resource::As,
    Resource::Data,
    Resource::Nofile,
    Resource::Stack,
];

/// Where a process says how gladly it ends where memory is short.
pub(super) const OOM_SCORE: &str = "/proc/self/oom_score_adj";

/// How many descriptors hitl may want at once. The kernel has a limit of its own (fs.nr_open).
const DESCRIPTORS: u64 = 1024;

/// How large hitl's stack may want to become, in bytes: Linux' usual limit. The first thread's stack
/// grows up to the limit of the moment, not to the one with which the process began.
const STACK: u64 = 8 << 20;

/// Has the allocator keep what it is given back: it would return memory to the kernel and fault it in
/// again, a page at a time, within the few milliseconds that a process of hitl lives.
fn keep_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a setting of the allocator's, by integers.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    }
}

/// Sets this process right. Called first of all in `main`.
///
/// Descriptors from 3 on stay open here (`--status-fd` may name one) but are closed in the child;
/// the umask becomes 077; no signal is blocked and SIGCHLD comes; limits on what hitl itself has to
/// do are lifted as far as they may be; no core is dumped, and a setuid start is not dumpable.
///
/// # Errors
/// [`EntryError`]; nothing may be done then.
pub fn sanitise() -> Result<CallerState, EntryError> {
    keep_memory();
    caller();
    if std::env::args_os().next().is_none() {
        return Err(EntryError::NoArguments);
    }
    close_on_exec().map_err(EntryError::Descriptors)?;
    let signals = |error: nix::Error| EntryError::Signals(error.into());
    let mask = SigSet::thread_get_mask().map_err(signals)?;
    let ignored = ignored();
    // An ignored SIGCHLD would make the kernel forget how the child ended.
    disposition(libc::SIGCHLD, libc::SIG_DFL).map_err(EntryError::Signals)?;
    // Over the file size limit a write is to fail, not to kill.
    disposition(libc::SIGXFSZ, libc::SIG_IGN).map_err(EntryError::Signals)?;
    SigSet::empty().thread_set_mask().map_err(signals)?;
    let limits = settle_limits().map_err(EntryError::Dumps)?;
    if getuid() != geteuid() {
        nix::sys::prctl::set_dumpable(false).map_err(|error| EntryError::Dumps(error.into()))?;
    }
    Ok(CallerState {
        umask: umask(Mode::from_bits_truncate(0o077)).bits(),
        mask,
        ignored,
        limits,
        side: None,
        oom_score: if getuid() == geteuid() { 0 } else { oom_score() },
    })
}

/// What the kernel says of this process in `/proc/self/oom_score_adj` (proc(5)), where that makes it
/// end sooner than others.
fn oom_score() -> i32 {
    let text = std::fs::read_to_string(OOM_SCORE).unwrap_or_default();
    text.trim().parse().unwrap_or(0).max(0)
}

/// Takes back what the caller has offered: that this process is ended before others where memory is
/// short. They could have the monitor killed in the middle of a run. The command gets it back.
pub fn withdraw_from_oom() {
    if oom_score() > 0 {
        // Without /proc there was nothing to be read either.
        let _ = std::fs::write(OOM_SCORE, "0");
    }
}

/// Gives up, for good, what a setuid start has given this process: from here on it is the caller's
/// own. For what needs nothing of the host's: files that the caller names are read and written with
/// the caller's rights, never with root's. Whether there was anything to give up.
///
/// What it starts may still become more than the caller by its own file mode, as whatever the caller
/// starts may: [`gain_no_privileges`] ends that.
///
/// # Errors
/// What the system says; nothing may be done then.
pub fn renounce_privileges() -> io::Result<bool> {
    let Caller { uid, gid, groups } = caller();
    let (uid, gid) = (Uid::from_raw(*uid), Gid::from_raw(*gid));
    if uid == geteuid() && gid == getegid() {
        return Ok(false);
    }
    // The groups first: without root they could not be changed any more.
    if geteuid().is_root() {
        let theirs: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&theirs)?;
    }
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    Ok(true)
}

/// From here on neither this process nor anything that it starts gains privileges by executing a
/// file, should that be setuid hitl again (prctl(2): `PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// What the system says; nothing may be done then.
pub fn gain_no_privileges() -> io::Result<()> {
    Ok(nix::sys::prctl::set_no_new_privs()?)
}

/// A descriptor that the caller left open under this number, as one of our own; `None` where there
/// is none. The command does not get it.
pub fn inherited_descriptor(number: i32) -> Option<File> {
    // SAFETY: F_DUPFD_CLOEXEC takes integers, and fails for a number that is not open.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return None;
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    Some(unsafe { File::from_raw_fd(copy) })
}

fn close_on_exec() -> io::Result<()> {
    // SAFETY: a system call on integers; it changes flags of descriptors and nothing in memory.
    let outcome =
        unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if outcome == 0 {
        return Ok(());
    }
    // Before Linux 5.11 one by one.
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<libc::c_int>().ok()) else {
            continue;
        };
        if number > 2 {
            // SAFETY: F_SETFD takes an integer. The descriptor of the directory itself is among
            // those that are listed and is closed by its owner.
            let outcome = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
            if outcome != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Whether the caller has SIGPIPE ignored. The Rust runtime ignores it before `main`, so it is looked
/// at before that.
static IGNORES_SIGPIPE: AtomicBool = AtomicBool::new(false);

/// Run by the loader before the runtime begins.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_THE_RUNTIME: extern "C" fn() = note_sigpipe;

extern "C" fn note_sigpipe() {
    IGNORES_SIGPIPE.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
}

/// The signals that the caller ignores and the child is to ignore.
fn ignored() -> Vec<libc::c_int> {
    let of_caller = |signal: &libc::c_int| match *signal {
        libc::SIGPIPE => IGNORES_SIGPIPE.load(Ordering::Relaxed),
        signal => is_ignored(signal),
    };
    (1..=libc::SIGRTMAX()).filter(of_caller).collect()
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action only `action` is written, which is large enough.
    let outcome = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all zeroes are a valid `sigaction`, so it is initialised either way.
    outcome == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Sets a signal to be ignored or to its default.
pub(super) fn disposition(signal: libc::c_int, action: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: `action` is SIG_DFL or SIG_IGN at every call, so no code of ours runs on a signal.
    if unsafe { libc::signal(signal, action) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Sets our own limits, and gives back those that were changed, as they were.
fn settle_limits() -> io::Result<Vec<(Resource, Rlimit)>> {
    let mut changed = Vec::new();
    let core = getrlimit(Resource::Core);
    if core.current != Some(0) {
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum })?;
        changed.push((Resource::Core, core));
    }
    for resource in RAISED {
        let before = getrlimit(resource);
        let enough = match resource {
            Resource::Nofile => Some(DESCRIPTORS),
            Resource::Stack => Some(STACK),
            _ => None,
        };
        if enough.is_some_and(|enough| before.current.is_none_or(|known| known >= enough)) {
            continue;
        }
        // None is unlimited, which is more than any.
        let most = enough.and_then(|enough| before.maximum.map(|maximum| maximum.max(enough)));
        let unlimited = Rlimit { current: enough, maximum: most };
        let to_maximum = Rlimit { current: before.maximum, maximum: before.maximum };
        let lifts = geteuid().is_root();
        // A container's root may lack CAP_SYS_RESOURCE; then what is allowed has to do.
        let raised = before.current.is_some()
            && ((lifts && setrlimit(resource, unlimited).is_ok())
                || (before.current != before.maximum && setrlimit(resource, to_maximum).is_ok()));
        if raised {
            changed.push((resource, before));
        }
    }
    Ok(changed)
}
