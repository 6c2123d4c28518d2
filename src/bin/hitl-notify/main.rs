//! `hitl-notify`: sends what hitl tells people, without any privileges.
//!
//! hitl starts it for one delivery, as a user that is nobody's, with nothing but a finished message on
//! its standard input, and reads one line from its standard output. It is the only program of the two
//! that contains HTTP and TLS, and the only one that listens to whoever answers there.

mod http;
mod program;

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use hitl::notify::{Delivery, Ending, Means, Report};
use hitl::system::apart;

/// How long to wait before each try but the first, in seconds: with five tries of ten seconds at most,
/// about three minutes in all.
const WAITS: [u64; 4] = [1, 5, 25, 100];

/// When the kernel ends this process whatever it does, in seconds: after all tries and waits.
const LONGEST: u32 = 220;

/// What came of one try.
struct Tried {
    /// The HTTP status or the exit status.
    status: Option<u16>,
    ending: Ending,
    /// Whether it may go better later.
    again: bool,
}

fn main() -> ExitCode {
    apart::end_after(LONGEST);
    // Others that run as the same user must not read addresses and tokens out of this process.
    let _ = nix::sys::prctl::set_dumpable(false);
    if std::env::args_os().len() > 1 || std::io::stdin().is_terminal() {
        let _ = writeln!(
            std::io::stderr(),
            "hitl-notify: hitl starts this to tell people; to try a channel: hitl notify test CHANNEL"
        );
        return ExitCode::from(2);
    }
    let report = match read() {
        Ok(delivery) => deliver(&delivery),
        Err(error) => Report {
            v: Delivery::FORMAT,
            attempts: 0,
            status: None,
            ending: Ending::Failed(format!("it was not given a delivery: {error}")),
        },
    };
    match serde_json::to_string(&report) {
        Ok(line) if writeln!(std::io::stdout(), "{line}").is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn read() -> Result<Delivery, String> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(Delivery::LONGEST)
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    let delivery: Delivery = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if delivery.v == Delivery::FORMAT { Ok(delivery) } else { Err("an unknown format".to_owned()) }
}

/// Tries until it is taken, or will never be, or was tried often enough.
fn deliver(delivery: &Delivery) -> Report {
    let mut attempts = 0;
    let mut waits = WAITS.iter();
    loop {
        attempts += 1;
        let tried = match &delivery.means {
            Means::Http { url, headers, body } => http::post(url, headers, body),
            Means::Program { argv, input } => program::run(argv, input),
        };
        let wait = waits.next().filter(|_| tried.again && attempts < delivery.tries);
        match wait {
            Some(seconds) => sleep(Duration::from_secs(*seconds)),
            None => {
                let Tried { status, ending, .. } = tried;
                return Report { v: Delivery::FORMAT, attempts, status, ending };
            }
        }
    }
}
