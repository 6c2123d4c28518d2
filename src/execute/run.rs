//! Running one command: start it, pass signals on, stop and go on with it, end it in time, and say
//! how it ended.

use std::ffi::NulError;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg, raise};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, WaitStatus};

use super::child::{Child, Place, Started};
use super::entry::disposition;
use super::pseudo_terminal::{self, PseudoTerminal};
use super::signals::{CAUGHT, Caught, SignalWatch, Woken};
use super::{CallerSide, CallerState, Ending, Heard, Launch, family};
use crate::invocation::RunAs;
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
    /// A step between the start and exec.
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
/// Where this process is the caller's own, it runs in our process group and on our terminal: keys
/// like ^C and ^Z reach both of us, and pipelines and job control are as without hitl. SIGTERM,
/// SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGINT and SIGQUIT that a process sends to hitl are passed on.
///
/// Where this process is the monitor, the command has a process group of its own, and a terminal of
/// its own in place of the caller's; [`CallerSide`] brings the signals. When that has gone, the
/// command is ended.
///
/// After `timeout`, and when nobody waits for it any more, the command and everything it started get
/// SIGTERM, and five seconds later SIGKILL.
///
/// From its end on this process ignores signals that would end it, so that the outcome can be
/// recorded, until [`pass_on`](super::pass_on()).
///
/// # Errors
/// [`ExecuteError`]. A failed exec is no error but [`Ending::NotExecuted`].
pub fn run(launch: &Launch<'_>, stage: Stage) -> Result<Ending, ExecuteError> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // Held to the end, however this returns.
    let Stage { place, curtain } = stage;
    let side = curtain.0.as_deref();
    let watch = SignalWatch::begin(&CAUGHT).map_err(ExecuteError::Start)?;
    let child = Child::prepare(launch, place)?;
    let adopts = launch.timeout.is_some() || side.is_some();
    if adopts {
        family::adopt_orphans(true).map_err(ExecuteError::Start)?;
    }
    let outcome = match child.start() {
        Ok(Started::NotExecuted(errno)) => Ok(Ending::NotExecuted(errno)),
        Ok(Started::Running { pid, end }) => {
            let phase = Phase::new(launch.timeout);
            let pid = Pid::from_raw(pid);
            Running { pid, child: &child, end, watch, side, phase, adopts }.until_the_end()
        }
        Err(error) => Err(error),
    };
    if adopts {
        family::adopt_orphans(false).map_err(ExecuteError::Watch)?;
    }
    outcome
}

/// A place that is ready for a command. Dropped, it tells the caller's side that the command has
/// ended, or that none came.
pub struct Stage {
    place: Place,
    curtain: Curtain,
}

/// Falls when it is dropped.
struct Curtain(Option<Rc<dyn CallerSide>>);

impl Drop for Curtain {
    fn drop(&mut self) {
        if let Some(side) = &self.0 {
            side.ended();
        }
    }
}

/// Makes a place for a command, with a terminal of its own where it is `interactive` and the caller
/// has one, and waits until the caller's side is ready for it.
///
/// The caller can stop their side, and let it go on when they like. So this comes before the last look
/// at what is to run: from there to the start nothing of the caller's is waited for.
///
/// # Errors
/// What the system says, also where the caller's side has gone.
pub fn stage(caller: &CallerState, run_as: &RunAs, interactive: bool) -> io::Result<Stage> {
    let Some(side) = &caller.side else {
        return Ok(Stage { place: Place::Ours, curtain: Curtain(None) });
    };
    let curtain = Curtain(Some(Rc::clone(side)));
    let begun = Instant::now();
    let place = own_place(&**side, run_as, interactive)?;
    // The snapshot is older than this: its undo would take back what others have changed meanwhile.
    if begun.elapsed() > GRACE {
        let late = "the process that was called answered too late: run it again";
        return Err(io::Error::new(io::ErrorKind::TimedOut, late));
    }
    Ok(Stage { place, curtain })
}

/// A place for a command of the monitor's: tells the caller's side that it begins.
fn own_place(side: &dyn CallerSide, run_as: &RunAs, interactive: bool) -> io::Result<Place> {
    // Nothing that a terminal sends to its background is for the monitor; nor that it hangs up, as it
    // does where the caller's side gives it back and nothing was started on it.
    for signal in [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGHUP] {
        disposition(signal, libc::SIG_IGN)?;
    }
    let own = side.own_terminals();
    let Some(terminal) = own_terminal(own, run_as, interactive)? else {
        side.begin(None)?;
        return Ok(Place::Own { terminal: None, becomes: [false; 3], foreground: false });
    };
    let foreground = side.begin(Some(terminal.outer))?;
    Ok(Place::Own { terminal: Some(terminal.inner), becomes: own, foreground })
}

/// A terminal like the caller's, where the command may have one and the caller has.
fn own_terminal(
    own: [bool; 3],
    run_as: &RunAs,
    interactive: bool,
) -> io::Result<Option<PseudoTerminal>> {
    let descriptor = own.iter().position(|own| *own).filter(|_| interactive);
    let Some(descriptor) = descriptor else { return Ok(None) };
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let model = match descriptor {
        0 => input.as_fd(),
        1 => output.as_fd(),
        _ => error.as_fd(),
    };
    pseudo_terminal::open(model, run_as.uid)
}

struct Running<'r> {
    pid: Pid,
    child: &'r Child,
    /// Says that it has ended, until it has said so.
    end: Option<OwnedFd>,
    watch: SignalWatch,
    side: Option<&'r dyn CallerSide>,
    phase: Phase,
    adopts: bool,
}

/// Where a command stands with its time.
#[derive(Clone, Copy)]
enum Phase {
    /// It may run, until then where there is a limit.
    Running(Option<Instant>),
    /// It was asked to end, for this reason, and has until then.
    Asked(Instant, Ending),
    /// It was killed, for this reason; what is left of its family has until then.
    Killed(Instant, Ending),
}

impl Running<'_> {
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
        let side = self.side.map(CallerSide::descriptor);
        let end = self.end.as_ref().map(AsFd::as_fd);
        let woken = self.watch.next(self.phase.deadline(), end, side)?;
        match woken {
            Woken::By(caught) => self.pass_signal_on(caught)?,
            Woken::Readable => self.listen()?,
            // Once: it stays readable, and whoever traces the command may keep it from us for a while.
            Woken::Ended => self.end = None,
            Woken::TimeUp => {}
        }
        let ended = self.collect()?;
        if matches!(woken, Woken::TimeUp) && ended.is_none() {
            self.time_is_up()?;
        }
        match (self.phase, ended) {
            (Phase::Running(_), ended) => Ok(ended),
            (Phase::Asked(_, why) | Phase::Killed(_, why), Some(_)) => {
                self.after_the_command(why).map(Some)
            }
            (Phase::Asked(..) | Phase::Killed(..), None) => Ok(None),
        }
    }

    /// Does what the caller's side says.
    fn listen(&mut self) -> io::Result<()> {
        while let Some(heard) = self.side.and_then(CallerSide::heard) {
            match heard {
                Heard::Signal(number) => self.signal_job(number)?,
                Heard::Resumed(foreground) => {
                    // A terminal that has hung up has no foreground any more.
                    let _ = self.child.set_foreground(self.pid.as_raw(), foreground);
                    self.signal_job(libc::SIGCONT)?;
                }
                Heard::Gone => {
                    self.side = None;
                    self.end_it(Ending::Abandoned)?;
                }
            }
        }
        Ok(())
    }

    /// Signals the command's process group.
    fn signal_job(&self, number: i32) -> io::Result<()> {
        let Ok(signal) = Signal::try_from(number) else { return Ok(()) };
        match killpg(self.pid, signal) {
            // Root may; the group may be empty but for a zombie.
            Ok(()) | Err(nix::Error::EPERM | nix::Error::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
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
        if self.side.is_some() {
            return self.signal_job(caught.number);
        }
        match kill(self.pid, signal) {
            // A set-user-ID command that only root may signal.
            Ok(()) | Err(nix::Error::EPERM | nix::Error::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn time_is_up(&mut self) -> io::Result<()> {
        match self.phase {
            Phase::Running(_) => self.end_it(Ending::TimedOut)?,
            Phase::Asked(_, why) | Phase::Killed(_, why) => {
                family::signal_all(rustix::process::Signal::KILL)?;
                self.phase = Phase::Killed(Instant::now() + GRACE, why);
            }
        }
        Ok(())
    }

    /// Asks the command, and everything it started, to end; once.
    fn end_it(&mut self, why: Ending) -> io::Result<()> {
        if matches!(self.phase, Phase::Running(_)) {
            family::signal_all(rustix::process::Signal::TERM)?;
            // A stopped process hears nothing but SIGKILL.
            family::signal_all(rustix::process::Signal::CONT)?;
            self.phase = Phase::Asked(Instant::now() + GRACE, why);
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
    /// set us going, and the time limit must go on counting. The monitor never stops: it tells.
    fn stop_too(&self, status: WaitStatus) -> io::Result<()> {
        if let Some(side) = self.side {
            side.stopped(status.stopping_signal().unwrap_or(libc::SIGSTOP));
            return Ok(());
        }
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
    fn after_the_command(&mut self, why: Ending) -> io::Result<Ending> {
        while family::is_left()? {
            match (self.watch.next(self.phase.deadline(), None, None)?, self.phase) {
                (Woken::TimeUp, Phase::Killed(..)) => break,
                (Woken::TimeUp, _) => self.time_is_up()?,
                _ => {}
            }
            self.collect()?;
        }
        // What has ended since is ours to wait for: nobody else in a small container may do it.
        self.collect()?;
        Ok(why)
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
            Self::Asked(deadline, _) | Self::Killed(deadline, _) => Some(deadline),
        }
    }
}

fn ending_of(status: WaitStatus) -> Option<Ending> {
    let exited = status.exit_status().map(Ending::Exited);
    exited.or_else(|| status.terminating_signal().map(Ending::Signalled))
}

#[cfg(test)]
mod tests;
