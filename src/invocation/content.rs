//! What stands on a command's standard input because hitl itself puts it there.

use std::fmt;
use std::sync::Arc;

use crate::system::Digest;

/// Bytes that a command reads from its standard input in place of the caller's: what `hitl edit`
/// puts in place. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(Arc<Vec<u8>>);

impl Content {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Their digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}
