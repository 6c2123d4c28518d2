//! Telling people: what is told, by which channel, and what came of it.
//!
//! Nothing here may delay or fail what it is about. So it is done in a process apart, which nobody
//! waits for; and what talks to the outside, with whoever answers there, is another program,
//! `hitl-notify`, that runs without privileges: it alone contains HTTP and TLS. Whoever has the
//! channel's secret (root) signs, and hands a finished [`Delivery`] over by a pipe; what comes back is
//! a [`Report`], which is read as what a stranger says.
//!
//! A message carries the id and the facts of a request, redacted as the audit log is, and nothing
//! that decides: no link, no button. Who holds a chat account, or reads a mail, has proved nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | `event`, `facts` | what has happened, and to what |
//! | `wording`, `mail` | the text for people |
//! | `secret`, `compose` | the key, and from a channel and news to the delivery |
//! | `delivery` | what the sender is given, and what it reports |
//! | `sender` | where that program is, as whom it runs, and the conversation with it |

mod compose;
mod delivery;
mod event;
mod facts;
mod mail;
mod secret;
mod sender;
mod wording;

use crate::policy::Channel;
use crate::system::{Host, Moment, Scope};

pub use delivery::{Delivery, Ending, Means, Report};
pub use event::Event;
pub use facts::Facts;
pub use secret::SecretError;
pub use sender::{Sender, SenderError};

/// How many seconds telling everybody about one event may take, with all tries.
pub const LONGEST: u32 = 270;

/// Something that people are told.
#[derive(Clone, Debug)]
pub struct News {
    /// What has happened.
    pub event: Event,
    /// When.
    pub at: Moment,
    /// Where.
    pub host: Host,
    /// About what; `None` for a test.
    pub facts: Option<Facts>,
}

/// What came of telling it to one channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status or the exit status that came last.
    pub status: Option<u16>,
    /// Why it failed, a clause that is safe to show; `None`: it did not.
    pub error: Option<String>,
}

impl Told {
    /// It was not even tried.
    pub fn not(why: impl std::fmt::Display) -> Self {
        Self { attempts: 0, status: None, error: Some(why.to_string()) }
    }
}

/// Whether it is tried again where it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tries {
    /// Once: somebody waits to hear what came of it.
    One,
    /// Several times, within [`LONGEST`].
    Several,
}

/// Tells one channel, and returns when that is done or given up: up to [`LONGEST`] seconds later.
pub fn tell(channel: &Channel, news: &News, scope: Scope, tries: Tries) -> Told {
    let delivery = match compose::delivery(channel, news, scope, tries) {
        Ok(delivery) => delivery,
        Err(error) => return Told::not(error),
    };
    match Sender::find(scope) {
        Ok(sender) => sender.send(channel.kind, &delivery),
        Err(error) => Told::not(error),
    }
}
