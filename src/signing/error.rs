//! Why a signature, or what the files of signers say, does not count. Displayed, each is a sentence
//! that says what is wrong and what to do.

use std::path::PathBuf;

use super::{KeyError, NAMESPACE, WireError};
use crate::system::text::{visible, visible_path};
use crate::system::trusted::TrustError;

/// Why a signature does not count.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not the text of a signature.
    #[error(
        "this is no SSH signature: {0}; give the file that \"ssh-keygen -Y sign\" wrote, whole and unchanged"
    )]
    Armour(&'static str),
    /// Its fields are not what they say.
    #[error(
        "the SSH signature is damaged: {0}; give the file that \"ssh-keygen -Y sign\" wrote, whole and unchanged"
    )]
    Wire(#[from] WireError),
    /// A format that did not exist when this was written.
    #[error(
        "the SSH signature is of version {0}, and only version 1 is known: sign with \"ssh-keygen -Y sign\""
    )]
    Version(u32),
    /// A field that must be empty is not.
    #[error(
        "the SSH signature holds something in its reserved field: sign with \"ssh-keygen -Y sign\""
    )]
    Reserved,
    /// Another hash.
    #[error("the SSH signature uses the hash {}: only sha256 and sha512 are taken", visible(.0))]
    Hash(String),
    /// The key in it.
    #[error("the key that signed does not count: {0}")]
    Key(#[from] KeyError),
    /// The signature is of another kind than its key.
    #[error("the SSH signature is of the kind {}, which keys of type {key} do not make", visible(.signature))]
    OtherAlgorithm {
        /// The key's.
        key: &'static str,
        /// The signature's.
        signature: String,
    },
    /// Made for another purpose.
    #[error(
        "the signature was made for {}, not for {expected}: sign with \"ssh-keygen -Y sign -n {NAMESPACE}\"",
        visible(.found)
    )]
    Namespace {
        /// What it was made for.
        found: String,
        /// What it would have to be made for.
        expected: String,
    },
    /// A browser's, from another page.
    #[error("the signature was made on the page {}, which is not among the policy's webauthn origins", visible(.0))]
    Origin(String),
    /// A browser's, with a key of another site.
    #[error("the signature was made with a passkey of {}, which does not belong to {}", visible(.application), visible(.origin))]
    OtherSite {
        /// The key's relying party.
        application: String,
        /// The page.
        origin: String,
    },
    /// A browser's, and what the browser says is not what it must say.
    #[error("the browser's signature does not count: {0}; sign on the page that shows the request")]
    ClientData(&'static str),
    /// It does not fit.
    #[error(
        "the signature is not one by {0} over exactly this text: sign the text as \"hitl show --statement\" prints it, byte for byte"
    )]
    NotOverThis(String),
}

/// A place in one of the files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", visible_path(&self.file), self.line, self.column)
    }
}

/// Why the files of signers cannot be used. None of their keys counts then: a line that is not
/// understood could be the one that takes somebody out.
#[derive(Debug, thiserror::Error)]
pub enum SignersError {
    /// A file that somebody else could have written, or that cannot be read.
    #[error("the list of signers cannot be used: {0}")]
    Untrusted(#[from] TrustError),
    /// Bytes that are not text.
    #[error("{path} is not UTF-8 text: {1}", path = visible_path(.0))]
    NotText(PathBuf, &'static str),
    /// A line that must not stand there.
    #[error("{place}: {message}")]
    Wrong {
        /// Where.
        place: Place,
        /// What is wrong with it, and what to do.
        message: String,
    },
}
