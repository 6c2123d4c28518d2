//! Authentication: that whoever sits at the terminal is the human whose account they use, by the
//! host's own PAM configuration for the service `hitl` (`/etc/pam.d/hitl`).
//!
//! The modules of PAM are code that an administrator chose, of any quality: they wait for servers,
//! start programs, and keep what was typed in their memory. So [`authenticate`] lets them work in a
//! process apart, which is root's alone, has no terminal, and speaks through a channel; this process
//! shows what they say, asks what they ask through a [`Conversation`], and goes away when the person
//! or the time says so. libpam itself is loaded there, and nowhere else.
//!
//! | module | what it holds |
//! |---|---|
//! | `asking` | this side: the conversation, tries, patience |
//! | `modules` | that side: PAM, from start to end |
//! | `message` | what passes between them |
//! | `seat` | the terminal and session that somebody sits at |
//! | `remembered` | who has authenticated where, and when |

mod asking;
mod message;
mod modules;
mod remembered;
mod seat;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::system::Secret;
use crate::system::durable::DurableError;
pub use asking::authenticate;
pub use remembered::Remembered;
pub use seat::Seat;

/// The PAM service.
pub const SERVICE: &str = "hitl";

/// How often somebody may try before they are refused.
pub const TRIES: u32 = 3;

/// Who is to prove that it is them.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The login name of the account, as the name service writes it.
    pub account: String,
    /// What the person is shown in its place: the name as it was typed.
    pub shown_as: String,
    /// The login name of whoever asks for the command (`PAM_RUSER`).
    pub asked_by: String,
    /// The terminal that they sit at (`PAM_TTY`).
    pub terminal: Option<PathBuf>,
}

/// The person at the terminal, as PAM's modules speak with them. What modules say has been made
/// visible when it comes here.
pub trait Conversation {
    /// Asks for something that nobody may see.
    ///
    /// # Errors
    /// Where there will be no answer.
    fn hidden(&mut self, prompt: &str) -> Result<Secret, Stop>;

    /// Asks for something that may be seen.
    ///
    /// # Errors
    /// Where there will be no answer.
    fn shown(&mut self, prompt: &str) -> Result<Secret, Stop>;

    /// Tells a line.
    fn tell(&mut self, line: &str);

    /// Waits, at most so long, until there is something to read here.
    ///
    /// # Errors
    /// Where the person, or the time, says that it is enough.
    fn wait(&mut self, until: BorrowedFd<'_>, limit: Duration) -> Result<(), Stop>;
}

/// Why a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// By ^C, or a signal.
    Interrupted,
    /// Nobody answered, or no module did, for too long.
    TimedOut,
    /// The terminal is gone.
    Gone,
}

impl Stop {
    /// What happened, as a clause.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Interrupted => "it was interrupted",
            Self::TimedOut => "it took too long",
            Self::Gone => "the terminal is gone",
        }
    }
}

/// Somebody who has proved to be who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof {
    /// How.
    pub by: ProofKind,
    /// How many wrong answers there were before.
    pub wrong: u32,
}

/// How somebody proved to be who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofKind {
    /// Just now, to PAM.
    Pam,
    /// To PAM, a while ago, at the same terminal in the same session.
    Remembered,
}

impl ProofKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pam => "pam",
            Self::Remembered => "remembered",
        }
    }
}

/// Why somebody is not authenticated. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// Wrong answers.
    #[error("not authenticated: {wrong} wrong {}; nothing ran", if *.wrong == 1 { "try" } else { "tries" })]
    Wrong {
        /// How many.
        wrong: u32,
    },
    /// The account may not be used.
    #[error("not authenticated: the account may not be used ({text}); {help}; nothing ran")]
    Account {
        /// PAM's words.
        text: String,
        /// What to do.
        help: &'static str,
        /// Wrong answers before.
        wrong: u32,
    },
    /// The conversation ended early.
    #[error("not authenticated: {}; nothing ran, ask again when you are ready", .stop.clause())]
    Stopped {
        /// Why.
        stop: Stop,
        /// Wrong answers before.
        wrong: u32,
    },
    /// There is no PAM.
    #[error(
        "cannot authenticate anybody: {0}: install PAM (Debian and Ubuntu: libpam0g and libpam-modules; Fedora: pam; Alpine: linux-pam)"
    )]
    NoLibrary(String),
    /// There is no service file, and the one for other services is not meant.
    #[error(
        "cannot authenticate anybody: there is no /etc/pam.d/{SERVICE}, which says how: install hitl's packaging/pam/{SERVICE} there"
    )]
    NoService,
    /// PAM itself failed.
    #[error(
        "cannot authenticate anybody: PAM failed to {doing} ({text}): see /etc/pam.d/{SERVICE} and the system log"
    )]
    Pam {
        /// What was tried, as a verb.
        doing: &'static str,
        /// PAM's words.
        text: String,
    },
    /// The process in which the modules work ended without a word.
    #[error(
        "cannot authenticate anybody: a PAM module crashed or was ended: see /etc/pam.d/{SERVICE} and the system log"
    )]
    NoWord,
    /// The system refused something.
    #[error("cannot authenticate anybody: {0}")]
    System(#[from] io::Error),
}

impl AuthenticationError {
    /// Whether the person was refused; otherwise the host could not find out.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Wrong { .. } | Self::Account { .. } | Self::Stopped { .. })
    }

    /// How many wrong answers there were.
    pub fn wrong(&self) -> u32 {
        match self {
            Self::Wrong { wrong } | Self::Account { wrong, .. } | Self::Stopped { wrong, .. } => {
                *wrong
            }
            _ => 0,
        }
    }
}

/// What can go wrong with what is remembered.
#[derive(Debug, thiserror::Error)]
pub enum RememberError {
    /// It could not be written or removed.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The directory is not one that only root could have filled.
    #[error(transparent)]
    Unsafe(#[from] crate::system::trusted::TrustError),
}
