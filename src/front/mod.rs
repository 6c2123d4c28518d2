//! Whoever talks to the person: prints, asks, shows how something goes, holds the terminal.
//!
//! In user scope that is this process itself ([`Here`]). An installed hitl is two processes: the
//! *front*, which has given up its privileges for good before anything is shown, and the root-only
//! *monitor*, which decides, records and runs, in a session of its own, where the caller's signals
//! and the caller's terminal do not reach it. They are joined by a socket pair. The front carries no
//! authority: what it says is what the caller could type. When it is killed, the monitor goes on to a
//! state that is on record.
//!
//! Start with [`Voice`], what every command speaks through; [`split`] makes the two processes;
//! `message` is what passes between them, `link` the monitor's end, `process` the front's.

mod asked;
mod here;
mod link;
mod message;
mod password;
mod process;
mod progress;
mod proving;
mod question;
mod reading;
mod relay;
mod signing;
mod split;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::authenticate::{Conversation, Seat};
use crate::execute::CallerState;
pub use here::Here;
pub use link::Link;
pub use process::FrontProcess;
pub use reading::{ReadError, Source};
pub use signing::SIGNATURE_LIMIT;
pub use split::{Side, split};

/// How a command speaks to whoever called it.
pub trait Voice {
    /// Writes to standard error. A closed standard error is no reason to stop.
    fn say(&self, text: &str);

    /// Writes to standard output.
    ///
    /// # Errors
    /// What the system says.
    fn print(&self, text: &str) -> io::Result<()>;

    /// Shows one line that says how something slow goes, in place of the one before; takes it away.
    fn progress(&self, text: Option<&str>);

    /// Has events written to this descriptor, which the caller left open.
    ///
    /// # Errors
    /// Why that cannot be, as half a sentence.
    fn open_status(&self, number: i32) -> Result<(), &'static str>;

    /// Writes one line there. A reader that went away is no reason to stop.
    fn status(&self, line: &str);

    /// The conversation in which the person proves who they are, at their terminal. `None` where there
    /// is none that could be asked at. The terminal is as it was when this is dropped.
    fn conversation(&self) -> Option<Box<dyn Conversation + '_>>;

    /// Where the person sits, if they sit anywhere.
    fn seat(&self) -> Option<Seat>;

    /// Runs the caller's editor, these words, on the caller's terminal and with nothing but the
    /// caller's rights: its exit status, as a shell would have it.
    ///
    /// # Errors
    /// Where it cannot be started, and where the process that they called has gone.
    fn edit(&self, words: &[OsString], caller: &CallerState) -> io::Result<i32>;

    /// Has the person sign one of these statements with an SSH key of theirs, with nothing but their
    /// rights: the signature, armoured. `key_file` is the file of the key that they chose.
    ///
    /// # Errors
    /// [`Unsigned`].
    fn sign(
        &self,
        choices: &[Signable],
        key_file: Option<&Path>,
        caller: &CallerState,
    ) -> Result<String, Unsigned>;

    /// Reads a text that the caller hands over, at most `limit` bytes, with nothing but the caller's
    /// rights.
    ///
    /// # Errors
    /// [`ReadError`]; also where the process that they called has gone.
    fn read(&self, source: &Source, limit: usize) -> Result<Vec<u8>, ReadError>;

    /// A wait for humans begins: from here on ^C is [`Said::TakeBack`].
    ///
    /// # Errors
    /// Where the signal cannot be caught.
    fn wait_begins(&self) -> io::Result<()>;

    /// Asks at the caller's terminal whether a request is meant: these characters are to be typed.
    /// Whether there is anybody to ask.
    fn ask(&self, expected: &str) -> bool;

    /// Asks at the caller's terminal whether somebody is there who may approve: [`Said::Confirm`] where
    /// somebody is. Whether there is anybody to ask.
    fn ask_for_approver(&self) -> bool;

    /// The wait is over: so is the question, and ^C is what it always is.
    fn wait_ends(&self);

    /// What becomes readable when [`Voice::said`] may have something; a copy.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    fn descriptor(&self) -> io::Result<Option<OwnedFd>>;

    /// What the person has said since, without waiting.
    fn said(&self) -> Said;

    /// Whether the process that they called has gone.
    fn has_gone(&self) -> bool;
}

/// A statement, and the only key that may sign it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signable {
    /// The key's fingerprint, as `SHA256:…`.
    pub fingerprint: String,
    /// The public key as one line: its algorithm and its base64.
    pub key: String,
    /// What is to be signed.
    pub statement: String,
}

/// Why a person has not signed, as a sentence without its full stop. It comes from their process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsigned(pub String);

/// What a person says while they are waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// Nothing, or nothing that counts.
    Nothing,
    /// Yes: they typed what was asked.
    Confirm,
    /// No, or ^C.
    TakeBack,
    /// Nothing, and the question can no longer be answered: its terminal is gone. That is no answer.
    NobodyToAsk,
    /// The process that they called has gone.
    Gone,
}
