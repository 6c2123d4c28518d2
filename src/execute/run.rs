//! Running one command: start it, pass signals on, stop and go on with it, end it in time, and say
//! how it ended.

use std::ffi::NulError;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, WaitStatus};

use super::child::{Child, Started};
use super::signals::{Caught, Watch};
use super::{Ending, Launch, family};
use crate::system::text::visible_path;

/// How long a command has after SIGTERM before SIGKILL, and how long the rest of its family has
/// after that.
const GRACE: Duration = Duration::from_secs(5);

/// Dispositions belong to the whole process: one command at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why a command could not be started. Nothing of it ran.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The executable or directory can no longer be opened.
    #[error("{path} can no longer be opened: {1}: ask again", path = visible_path(.0))]
    Gone(PathBuf, io::Error),
    /// Another file or directory is in its place.
    #[error("{path} is no longer the one that was judged: ask again", path = visible_path(.0))]
    Changed(PathBuf),
    /// A step between fork and exec.
    #[error("cannot {0}: {1}")]
    Setup(&'static str, io::Error),
    /// A process could not be made.
    #[error("cannot start the command: {0}")]
    Start(io::Error),
    /// The command runs but can no longer be watched; it was killed.
    #[error("the command was killed because it could no longer be watched: {0}")]
    Watch(io::Error),
}

impl ExecuteError {
    /// How the command's end stands on record.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Gone(_, error) | Self::Setup(_, error) | Self::Start(error) => {
                Ending::NotExecuted(error.raw_os_error().unwrap_or(libc::EINVAL))
            }
            Self::Changed(_) => Ending::NotExecuted(libc::ESTALE),
            Self::Watch(_) => Ending::Signalled(libc::SIGKILL),
        }
    }

    pub(super) fn start(error: nix::Error) -> Self {
        Self::Start(error.into())
    }

    pub(super) fn nul(error: NulError) -> Self {
        Self::Start(io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

/// Runs a command and waits for its end.
///
/// It runs in our process group and on our terminal: keys like ^C and ^Z reach both of us, and
/// pipelines and job control are as without hitl. SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT,
/// SIGINT and SIGQUIT that a process sends to hitl are passed on. After `timeout` the command and
/// everything it started get SIGTERM, and five seconds later SIGKILL.
///
/// From its end on this process ignores signals that would end it, so that the outcome can be
/// recorded, until [`pass_on`](super::pass_on()).
///
/// # Errors
/// [`ExecuteError`]. A failed exec is no error but [`Ending::NotExecuted`].
pub fn run(launch: &Launch<'_>) -> Result<Ending, ExecuteError> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let child = Child::prepare(launch)?;
    let watch = Watch::begin().map_err(ExecuteError::Start)?;
    if launch.timeout.is_some() {
        family::adopt_orphans(true).map_err(ExecuteError::Start)?;
    }
    let outcome = match child.start() {
        Ok(Started::NotExecuted(errno)) => Ok(Ending::NotExecuted(errno)),
        Ok(Started::Running(pid)) => {
            let (phase, adopts) = (Phase::new(launch.timeout), launch.timeout.is_some());
            Running { pid: Pid::from_raw(pid), watch, phase, adopts }.until_the_end()
        }
        Err(error) => Err(error),
    };
    if launch.timeout.is_some() {
        family::adopt_orphans(false).map_err(ExecuteError::Watch)?;
    }
    outcome
}

struct Running {
    pid: Pid,
    watch: Watch,
    phase: Phase,
    adopts: bool,
}

/// Where a command stands with its time.
#[derive(Clone, Copy)]
enum Phase {
    /// It may run, until then where there is a limit.
    Running(Option<Instant>),
    /// It was asked to end and has until then.
    Asked(Instant),
    /// It was killed; what is left of its family has until then.
    Killed(Instant),
}

impl Running {
    fn until_the_end(mut self) -> Result<Ending, ExecuteError> {
        loop {
            match self.step() {
                Ok(None) => {}
                Ok(Some(ending)) => return Ok(ending),
                Err(error) => {
                    // Never leave it running unwatched.
                    let _ = kill(self.pid, Signal::SIGKILL);
                    while nix::sys::wait::waitpid(self.pid, None) == Err(nix::Error::EINTR) {}
                    return Err(ExecuteError::Watch(error));
                }
            }
        }
    }

    /// Waits for one event and answers it.
    fn step(&mut self) -> io::Result<Option<Ending>> {
        let caught = self.watch.next(self.phase.deadline())?;
        if let Some(caught) = caught {
            self.pass_signal_on(caught)?;
        }
        let ended = self.collect()?;
        if caught.is_none() && ended.is_none() {
            self.time_is_up()?;
        }
        match (self.phase, ended) {
            (Phase::Running(_), ended) => Ok(ended),
            (Phase::Asked(_) | Phase::Killed(_), Some(_)) => self.after_the_command().map(Some),
            (Phase::Asked(_) | Phase::Killed(_), None) => Ok(None),
        }
    }

    /// A key at the terminal has reached the child already; so has its own signal to itself.
    fn pass_signal_on(&self, caught: Caught) -> io::Result<()> {
        let Some(sender) = caught.sender else { return Ok(()) };
        if caught.number == libc::SIGCHLD || sender == self.pid.as_raw() {
            return Ok(());
        }
        let signal = Signal::try_from(caught.number)?;
        // It is ours until it has been waited for, so the process id is still its own.
        match kill(self.pid, signal) {
            // A set-user-ID command that only root may signal.
            Ok(()) | Err(nix::Error::EPERM | nix::Error::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn time_is_up(&mut self) -> io::Result<()> {
        let later = Instant::now() + GRACE;
        match self.phase {
            Phase::Running(_) => {
                family::signal_all(rustix::process::Signal::TERM)?;
                // A stopped process hears nothing but SIGKILL.
                family::signal_all(rustix::process::Signal::CONT)?;
                self.phase = Phase::Asked(later);
            }
            Phase::Asked(_) | Phase::Killed(_) => {
                family::signal_all(rustix::process::Signal::KILL)?;
                self.phase = Phase::Killed(later);
            }
        }
        Ok(())
    }

    /// Collects whatever has ended or stopped; the command's ending, if it is among them.
    fn collect(&mut self) -> io::Result<Option<Ending>> {
        let mut ending = None;
        while let Some((pid, status)) = self.next_change()? {
            match ending_of(status) {
                _ if pid.as_raw_nonzero().get() != self.pid.as_raw() => {}
                Some(found) => ending = Some(found),
                None => self.stop_too(status)?,
            }
        }
        Ok(ending)
    }

    /// A child that has changed its state. With a time limit the command's orphans are ours too.
    fn next_change(&self) -> io::Result<Option<(rustix::process::Pid, WaitStatus)>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        loop {
            let found = match self.adopts {
                true => rustix::process::wait(options),
                false => rustix::process::waitpid(
                    rustix::process::Pid::from_raw(self.pid.as_raw()),
                    options,
                ),
            };
            match found {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CHILD) => return Ok(None),
                found => return Ok(found?),
            }
        }
    }

    /// The command has been stopped: under job control we stop with it, so that the shell takes
    /// the terminal back, and set it going again when we go on. Without a terminal nobody would
    /// set us going, and the time limit must go on counting.
    fn stop_too(&self, status: WaitStatus) -> io::Result<()> {
        let has_terminal = std::fs::File::open("/dev/tty").is_ok();
        let signal = status.stopping_signal().and_then(|number| Signal::try_from(number).ok());
        let (true, Some(signal)) = (has_terminal, signal) else { return Ok(()) };
        raise(signal)?;
        match kill(self.pid, Signal::SIGCONT) {
            Ok(()) | Err(nix::Error::EPERM | nix::Error::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The command has ended after its time was up: what it left behind ends too.
    fn after_the_command(&mut self) -> io::Result<Ending> {
        while family::is_left()? {
            match (self.watch.next(self.phase.deadline())?, self.phase) {
                (Some(_), _) => {}
                (None, Phase::Killed(_)) => break,
                (None, _) => self.time_is_up()?,
            }
            self.collect()?;
        }
        // What has ended since is ours to wait for: nobody else in a small container may do it.
        self.collect()?;
        Ok(Ending::TimedOut)
    }
}

impl Phase {
    fn new(timeout: Option<Duration>) -> Self {
        // A limit beyond what the clock can express is none.
        Self::Running(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    fn deadline(self) -> Option<Instant> {
        match self {
            Self::Running(deadline) => deadline,
            Self::Asked(deadline) | Self::Killed(deadline) => Some(deadline),
        }
    }
}

fn ending_of(status: WaitStatus) -> Option<Ending> {
    let exited = status.exit_status().map(Ending::Exited);
    exited.or_else(|| status.terminating_signal().map(Ending::Signalled))
}

#[cfg(test)]
mod tests;
