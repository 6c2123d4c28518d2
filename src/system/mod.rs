//! What every room needs from the machine: directories and scope, files that can be trusted,
//! durable writes, users and groups, clocks, digests, and text that is safe on a terminal.
//!
//! Nothing here knows about rules, requests or snapshots.

pub mod apart;
mod bytes;
mod caller;
pub mod canonical;
mod clock;
mod colour;
mod digest;
pub mod durable;
mod hmac;
mod host;
pub mod identity;
pub mod installation;
pub mod kernel;
pub mod lease;
mod members;
pub mod mounts;
pub mod pam;
mod scope;
mod secret;
mod sight;
pub mod text;
pub mod trusted;
pub mod unprivileged;
mod write_behind;

pub use bytes::ByteString;
pub use caller::{Caller, caller};
pub use clock::{BootId, Moment, duration_text, parse_duration};
pub use colour::{Colour, Paint};
pub use digest::{Digest, ParseDigestError};
pub use host::{Host, runs_systemd};
pub use members::{listed_in, members_of};
pub use scope::{Directories, DirectoryOverrides, Scope, ScopeError};
pub use secret::Secret;
pub use sight::Sight;
pub use write_behind::WriteBehind;
