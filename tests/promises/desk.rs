//! A reviewer's desk: a real terminal (tmux) with a shell of a user of the world, and what it shows.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::processes::Process;
use crate::world::World;

/// The most that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the screen is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// What the shell shows when it is ready.
const READY: &str = "ready>";

/// A terminal of that many columns and rows, with somebody's shell on it.
pub struct Desk {
    socket: PathBuf,
}

impl Desk {
    /// Sits a user down, with these variables set beside the usual ones (`NAME=value`).
    pub fn open(world: &World, user: &str, size: (u16, u16), variables: &[&str]) -> Self {
        // A server that was just ended still has its socket for a moment.
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let socket = format!("srv/desk-{number}-of-{user}");
        let shell = [
            "setpriv",
            &format!("--reuid={user}"),
            &format!("--regid={user}"),
            "--init-groups",
            "env",
            "-i",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            &format!("HOME=/home/{user}"),
            "LANG=C.UTF-8",
            "TERM=screen-256color",
            &format!("PS1={READY} "),
        ];
        let bash = ["bash", "--norc", "--noprofile"];
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let inside = format!("/{socket}");
        let words = ["-S", &inside, "-f", "/dev/null", "new-session", "-d"];
        let words = [&words[..], &["-x", &columns, "-y", &rows]].concat();
        let words = [&words[..], &shell, variables, &bash].concat();
        // The server is root's and stays in the world; the shell is the user's.
        world.program("root", "/usr/bin/tmux", &words).run().exits(0);
        let desk = Self { socket: world.outside(&socket) };
        desk.shows(READY);
        desk
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let output =
            command.env_remove("TMUX").arg("-S").arg(&self.socket).args(words).output().unwrap();
        assert!(output.status.success(), "tmux {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys, as tmux names them: `Enter`, `Escape`, `C-z`, `a`.
    pub fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types a text as it is.
    pub fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Everything on the screen, a line a row.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The same with its colours, as escape sequences.
    pub fn coloured(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Makes the window that large.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Whether a program has the alternate screen.
    pub fn is_taken_over(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// The shell.
    pub fn shell(&self) -> Process {
        let pid = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        Process(nix::unistd::Pid::from_raw(pid.trim().parse().unwrap()))
    }

    /// Waits until the screen shows this: all of it.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.comes_to(&format!("show {text:?}"), |screen| screen.contains(text))
    }

    /// Waits until the screen shows this so many times.
    #[track_caller]
    pub fn shows_times(&self, text: &str, times: usize) {
        let what = format!("show {text:?} {times} times");
        self.comes_to(&what, |screen| screen.matches(text).count() == times);
    }

    /// Waits until the screen does not show this: all of it.
    #[track_caller]
    pub fn shows_no(&self, text: &str) -> String {
        self.comes_to(&format!("no longer show {text:?}"), |screen| !screen.contains(text))
    }

    #[track_caller]
    fn comes_to(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "the screen does not {what}:\n{screen}");
            std::thread::sleep(GLANCE);
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        // It may be gone with its shell.
        let _ = command.env_remove("TMUX").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
