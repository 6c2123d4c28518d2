//! That a person said yes with a key of theirs: SSH signatures, and whose key is whose.
//!
//! A signature is in OpenSSH's format for files (PROTOCOL.sshsig), made by `ssh-keygen -Y sign -n
//! hitl-approval-v1` with a key in a file, an agent or a hardware key, or by a browser's passkey. Stock
//! `ssh-keygen -Y verify` accepts every signature that is accepted here. The reverse does not hold:
//! it accepts a hardware key that was not touched, and a browser's signature from any page.
//!
//! Two files say whose keys count: `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS) and
//! `revoked_signers`, in the same directory as the policy.
//!
//! | module | what it holds |
//! |---|---|
//! | `wire`, `armour` | OpenSSH's encodings, read strictly |
//! | `key`, `curves` | public keys, and the mathematics behind them |
//! | `signature`, `browser` | a signature, and what a browser adds to it |
//! | `registry`, `allowed`, `options`, `revoked` | the two files, and what they say about a person |
//! | `change` | the two files as they will be after somebody came or went |
//!
//! Whoever counts signatures counts keys and principals, never bytes: for each ECDSA signature anybody
//! can compute a twin that is as good.

mod allowed;
mod armour;
mod browser;
mod change;
mod curves;
mod error;
mod key;
mod options;
mod registry;
mod revoked;
mod signature;
#[cfg(test)]
mod tests;
mod wire;

use crate::policy::Presence;

pub use change::{ChangeError, revocable, with_revocations, with_signer, without_signers};
pub use error::{Place, SignatureError, SignersError};
pub use key::{KeyError, KeyKind, PublicKey};
pub use registry::{Lint, Revocation, Signer, Signers, text_of, text_to_look_at};
pub use signature::Signature;
pub use wire::WireError;

/// The namespace of the signatures of approvals: a signature that was made for anything else (a file, a
/// git commit) is none of an approval.
pub const NAMESPACE: &str = "hitl-approval-v1";

/// What a signature proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// How surely a person was there: `key`, `touch` or `verify`.
    pub presence: Presence,
    /// The key that made it.
    pub key: PublicKey,
    /// The flags of a hardware key, as it signed them.
    pub flags: Option<u8>,
    /// How often a hardware key has signed, as it says. Many always say 0 or 1.
    pub counter: Option<u32>,
    /// The page on which a browser made it.
    pub origin: Option<String>,
}
