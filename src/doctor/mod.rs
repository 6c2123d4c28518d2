//! Whether an installation can do its work: every precondition, each with the command that mends it.
//!
//! Nothing is changed here. What an ordinary user may not know about (the policy, the log, the
//! requests) is examined for them as well, by an installed hitl, but told in one word only.
//!
//! | module | what it looks at |
//! |---|---|
//! | `program`, `pam` | the installed program, what is before it in `PATH`, the PAM service |
//! | `kernel`, `clock` | what the kernel can do, `/proc`, the time |
//! | `policy`, `people`, `secrets`, `sender` | whether it can be used, and whether those it counts on are there |
//! | `signers` | whose SSH key is whose, and whether those who must sign can |
//! | `storage`, `state`, `log` | room on the disk, owners and modes, locks, requests, the audit log |
//! | `snapshots` | whether what is not to be kept any longer is taken away |
//! | `reviews` | lifted denials that should have been reviewed |
//! | `mend` | commands for what several of them find |

mod clock;
mod kernel;
mod log;
mod mend;
mod pam;
mod people;
mod policy;
mod program;
mod reviews;
mod secrets;
mod sender;
mod signers;
mod snapshots;
mod state;
mod storage;

use crate::system::{Directories, Scope, caller};

pub use signers::signers_and_people;

/// What was found about one precondition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The precondition, in one word or two joined by hyphens. Several findings can be about one.
    pub check: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found, a sentence without its full stop. Safe to show.
    pub sentence: String,
    /// The shell command that mends it, to be run as root in system scope. Every failure has one,
    /// unless it is told to somebody who may not know what is wrong.
    pub fix: Option<String>,
}

/// How a precondition stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// There is nothing to look at here.
    NotApplicable,
    /// As it should be.
    Ok,
    /// It works; but not all of it, or not for long.
    Warning,
    /// hitl cannot do its work, or cannot be trusted.
    Failure,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "not-applicable",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

impl Finding {
    fn not_applicable(check: &'static str, sentence: impl Into<String>) -> Self {
        Self { check, state: State::NotApplicable, sentence: sentence.into(), fix: None }
    }

    fn ok(check: &'static str, sentence: impl Into<String>) -> Self {
        Self { check, state: State::Ok, sentence: sentence.into(), fix: None }
    }

    fn warning(check: &'static str, sentence: impl Into<String>, fix: Option<String>) -> Self {
        Self { check, state: State::Warning, sentence: sentence.into(), fix }
    }

    fn failure(check: &'static str, sentence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Failure, sentence: sentence.into(), fix: Some(fix.into()) }
    }

    /// The same for somebody who may not know more than how it stands.
    fn in_one_word(self) -> Self {
        let sentence = match self.state {
            State::NotApplicable => "not examined",
            State::Ok => "in order",
            State::Warning => "worth a look: ask root to run \"hitl doctor\"",
            State::Failure => "not in order: ask root to run \"hitl doctor\"",
        };
        Self { sentence: sentence.to_owned(), fix: None, ..self }
    }
}

/// Examines everything that this process's scope rests on, in the order in which one would mend it.
pub fn examine(directories: &Directories) -> Vec<Finding> {
    let mut findings = program::examine(directories.scope);
    findings.extend(kernel::examine());
    findings.extend(clock::examine());
    let mut inner = Vec::new();
    if directories.scope == Scope::System {
        inner.extend(pam::examine());
    }
    let (policy, found) = policy::examine(directories);
    inner.extend(found);
    if let Some(policy) = &policy {
        inner.extend(people::examine(policy));
        inner.extend(secrets::examine(policy, directories.scope));
        inner.push(sender::examine(policy, directories.scope));
    }
    inner.extend(signers::examine(directories, policy.as_ref()));
    inner.extend(storage::examine(directories));
    inner.extend(state::examine(directories));
    inner.push(snapshots::examine(directories, policy.as_ref()));
    inner.extend(reviews::examine(directories));
    if directories.scope == Scope::User || caller().uid == 0 {
        findings.extend(inner);
        findings.extend(log::examine(directories));
        return findings;
    }
    // Not on behalf of others: reading a log of gigabytes is work that root pays for, and whoever has
    // written into it need not hear first that it was noticed.
    inner.push(Finding::not_applicable("log", String::new()));
    // One line a check: how many there are would say something as well.
    for finding in inner.into_iter().map(Finding::in_one_word) {
        match findings.iter_mut().find(|known| known.check == finding.check) {
            Some(known) if known.state >= finding.state => {}
            Some(known) => *known = finding,
            None => findings.push(finding),
        }
    }
    findings
}
