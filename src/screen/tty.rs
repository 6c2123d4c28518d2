//! The terminal: taken over, given back on every way out, and the signals that end or change it.

use std::io::Read;
use std::io::{self, Stdout, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use nix::unistd::read;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::KeyEvent;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, style};
use signal_hook::low_level::pipe;

use super::typed::Typed;
use crate::execute::CallerState;

/// Signals that end the screen, once the terminal is itself again.
const ENDING: [libc::c_int; 4] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT];

/// Signals after which everything is drawn anew.
const REDRAWING: [libc::c_int; 2] = [libc::SIGWINCH, libc::SIGCONT];

/// The terminal, as the screen has it.
pub(super) struct Tty {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
    is_taken: bool,
    typed: Typed,
}

impl Tty {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn take() -> io::Result<Self> {
        // Whether there is colour is decided by whoever calls.
        style::force_color_output(true);
        restore_on_panic();
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        let mut tty = Self { terminal, is_taken: false, typed: Typed::default() };
        tty.take_again()?;
        Ok(tty)
    }

    /// Takes it over again, with an empty screen.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.is_taken = true;
        execute!(stdout(), EnterAlternateScreen)?;
        self.draw_anew()
    }

    /// Has everything drawn anew.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn draw_anew(&mut self) -> io::Result<()> {
        // Not `clear`, which asks the terminal where its cursor is, and fails where that is slow.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives it back, as it was.
    pub(super) fn give_back(&mut self) {
        if std::mem::take(&mut self.is_taken) {
            give_back();
        }
    }

    /// The keys that have been pressed since, without waiting for any; `None` where the terminal has
    /// gone.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn keys(&mut self) -> io::Result<Option<Vec<KeyEvent>>> {
        let input = stdin();
        let mut polled = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::ZERO) {
            Ok(0) | Err(nix::Error::EINTR) => return Ok(Some(Vec::new())),
            Ok(_) if has_hung_up(&polled) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 1024];
        match read(&input, &mut bytes) {
            // EIO: it has hung up, or is no longer ours.
            Ok(0) | Err(nix::Error::EIO) => Ok(None),
            Ok(length) => Ok(Some(self.typed.take(bytes.get(..length).unwrap_or_default()))),
            Err(nix::Error::EINTR | nix::Error::EAGAIN) => Ok(Some(Vec::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a key on a terminal that is not taken over, or for a signal that ends us.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn wait_for_key(&mut self, signals: &mut Signals) -> io::Result<()> {
        enable_raw_mode()?;
        self.is_taken = true;
        // What was typed before the question was read is no answer to it.
        tcflush(stdin(), FlushArg::TCIFLUSH)?;
        self.typed.forget();
        while signals.ending().is_none() {
            let hung_up = sleep([stdin().as_fd(), signals.descriptor()], PollTimeout::NONE)?;
            signals.take();
            if hung_up || self.keys()?.is_none_or(|keys| !keys.is_empty()) {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Without an answer where it cannot be done: a terminal that hung up needs nothing.
fn give_back() {
    let _ = execute!(stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// A bug of ours must not leave its message on a screen that is gone, nor the terminal unusable. The
/// hook runs also where a panic aborts.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |information| {
        give_back();
        before(information);
    }));
}

/// Sleeps until one of these is readable, or that much time has passed: whether the first of them
/// has hung up.
///
/// # Errors
/// What the system says.
pub(super) fn sleep<'f>(
    descriptors: impl IntoIterator<Item = BorrowedFd<'f>>,
    timeout: PollTimeout,
) -> io::Result<bool> {
    let interest = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
    let mut all: Vec<_> = descriptors.into_iter().map(interest).collect();
    match poll(&mut all, timeout) {
        Ok(_) => {}
        Err(nix::Error::EINTR) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(has_hung_up(&all))
}

/// Whether the first of them has.
fn has_hung_up(polled: &[PollFd<'_>]) -> bool {
    let events = polled.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
    events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL)
}

/// The signals that the screen hears.
pub(super) struct Signals {
    woken: UnixStream,
    ending: Vec<(libc::c_int, Arc<AtomicBool>)>,
}

impl Signals {
    /// Hears them from here on, but for what the caller has ignored.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn hear(caller: &CallerState) -> io::Result<Self> {
        let (woken, waking) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waking.set_nonblocking(true)?;
        let mut ending = Vec::new();
        for signal in ENDING.into_iter().filter(|signal| !caller.ignores(*signal)) {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            ending.push((signal, flag));
        }
        let heard = ending.iter().map(|(signal, _)| *signal).chain(REDRAWING);
        for signal in heard.collect::<Vec<_>>() {
            pipe::register(signal, waking.try_clone()?)?;
        }
        Ok(Self { woken, ending })
    }

    /// Becomes readable when a signal has come.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// Whether one has come since.
    pub(super) fn take(&mut self) -> bool {
        let mut bytes = [0_u8; 64];
        let mut any = false;
        while self.woken.read(&mut bytes).is_ok_and(|length| length > 0) {
            any = true;
        }
        any
    }

    /// The signal that ends us, if one has come.
    pub(super) fn ending(&self) -> Option<libc::c_int> {
        let come = |(_, flag): &&(libc::c_int, Arc<AtomicBool>)| flag.load(Ordering::Relaxed);
        self.ending.iter().find(come).map(|(signal, _)| *signal)
    }
}
