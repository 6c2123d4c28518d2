//! What can go wrong with a request, and what to do about it.

use super::RequestId;
use crate::system::text::visible_path;

/// What can go wrong with a request. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No request of that id.
    #[error("there is no request {0}: \"hitl pending\" lists the ones that wait")]
    Unknown(String),
    /// The beginning of an id that fits several.
    #[error("{0:?} fits {1} requests ({2}): type more of the id")]
    Ambiguous(String, usize, String),
    /// Not an id at all.
    #[error("{0:?} is not a request id: ids look like K7Q2-MX4P")]
    NotAnId(String),
    /// A new request whose id is taken.
    #[error("there is a request {0} already: nothing was stored, ask again")]
    Clash(RequestId),
    /// A change that its state does not allow.
    #[error("request {id} is {state}: {sentence}")]
    WrongState {
        /// The request.
        id: RequestId,
        /// Its state, as a word.
        state: String,
        /// What that means for what was tried.
        sentence: String,
    },
    /// Somebody who may not do this.
    #[error("{0}")]
    NotAllowed(String),
    /// The file of a request does not hold one.
    #[error("the stored request {} is damaged: {what}; it is left as it is, move it away to go on", visible_path(.path))]
    Damaged {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A request too large to be kept.
    #[error(
        "the request would take {size} bytes, and {limit} is the most: shorten the arguments or the message"
    )]
    TooLarge {
        /// What it would take, in bytes.
        size: usize,
        /// The most, in bytes.
        limit: usize,
    },
    /// Something that canonical JSON cannot carry.
    #[error("cannot bind the request to what it asks for: {0}")]
    NotCanonical(#[from] crate::system::canonical::CanonicalError),
    /// The kernel gave no randomness.
    #[error("the kernel gives no random bytes ({0}): nothing was stored, try again")]
    Randomness(#[from] getrandom::Error),
    /// The disk.
    #[error(transparent)]
    Durable(#[from] crate::system::durable::DurableError),
    /// Reading.
    #[error("cannot read {path}: {1}", path = visible_path(.0))]
    Read(std::path::PathBuf, std::io::Error),
}
