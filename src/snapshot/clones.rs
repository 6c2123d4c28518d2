//! Clones that nobody has read yet: once the command has ended, and before its end is put on record, they
//! are hashed, and *after* says which digests they have.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::objects::{CloneId, Objects};
use super::{ContentName, Entry, Node, SnapshotError};
use crate::system::Digest;

/// The data segments of a file with holes: where each begins, and its length.
type Data = Vec<(u64, u64)>;

/// The clones that the entries of a manifest name, each with the data segments of a file with holes.
#[derive(Default)]
pub(super) struct Clones {
    named: RefCell<BTreeMap<CloneId, Option<Data>>>,
}

impl Clones {
    /// Takes note of an entry.
    pub(super) fn note(&self, entry: &Entry) {
        if let Node::File { content: ContentName::Clone(clone), data, .. } = &entry.node {
            self.named.borrow_mut().entry(clone.clone()).or_insert_with(|| data.clone());
        }
    }

    /// Their digests, by the names that they have in the manifest. What is lost in the store has none.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(super) fn resolve(
        &self,
        objects: &Objects,
    ) -> Result<BTreeMap<String, Digest>, SnapshotError> {
        let mut digests = BTreeMap::new();
        for (clone, data) in self.named.borrow().iter() {
            match objects.resolve_clone(clone, data.as_deref()) {
                Ok((digest, _)) => {
                    digests.insert(ContentName::Clone(clone.clone()).to_string(), digest);
                }
                // Whoever wants it back is told; that the rest can come back is on record.
                Err(SnapshotError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(digests)
    }
}
