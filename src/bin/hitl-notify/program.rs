//! A message handed to a program of this host: sendmail, wall, a command of the policy.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use hitl::notify::Ending;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::Tried;

/// How long it may take.
const WHOLE: Duration = Duration::from_secs(30);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn run(argv: &[String], input: &str) -> Tried {
    let failed = |status, why: String| Tried { status, ending: Ending::Failed(why), again: false };
    let Some((program, arguments)) = argv.split_first() else {
        return failed(None, "there is no program to start".to_owned());
    };
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own: all of it ends where it takes too long.
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return failed(None, format!("it cannot be started: {error}")),
    };
    // It may read slowly, or nothing at all: that must not keep anybody from ending it.
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.as_bytes().to_vec();
        let feeding = thread::Builder::new().spawn(move || stdin.write_all(&input));
        if let Err(error) = feeding {
            end(&mut child);
            return failed(None, format!("it cannot be fed: {error}"));
        }
    }
    match wait(&mut child) {
        Some(status) if status.success() => {
            Tried { status: Some(0), ending: Ending::Taken, again: false }
        }
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => {
                let shown = u16::try_from(code).ok();
                failed(shown, format!("it ended with status {code}"))
            }
            (None, signal) => {
                failed(None, format!("it was ended by signal {}", signal.unwrap_or_default()))
            }
        },
        None => {
            end(&mut child);
            failed(None, format!("it did not end within {} seconds", WHOLE.as_secs()))
        }
    }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let until = Instant::now() + WHOLE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => sleep(LOOK),
            Ok(None) | Err(_) => return None,
        }
    }
}

fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
