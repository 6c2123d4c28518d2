//! Two manifests side by side: which paths differ.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry as Slot};
use std::path::Path;

use super::{Entry, Manifest, Node, Role};
use crate::system::ByteString;

/// One path in both manifests.
pub(super) struct Pair<'a> {
    pub(super) path: &'a ByteString,
    /// `Selected` where either manifest selects it.
    pub(super) role: Role,
    pub(super) before: &'a Node,
    pub(super) after: &'a Node,
}

impl Pair<'_> {
    /// Whether the run changed this path, as far as an undo is concerned.
    ///
    /// A directory that was only passed on the way to something else counts when it came or went:
    /// the rest of it was nobody's concern.
    pub(super) fn is_change(&self) -> bool {
        let passed_by =
            self.role == Role::Context && self.before.is_directory() && self.after.is_directory();
        !passed_by && !self.before.same_state(self.after)
    }
}

/// All paths of two manifests, sorted, except what lies at a boundary or below a directory that
/// either of them did not enter: what is there is not known, so it is neither missing nor new.
pub(super) fn pairs<'a>(before: &'a Manifest, after: &'a Manifest) -> Vec<Pair<'a>> {
    let mut pairs: BTreeMap<&ByteString, Pair<'a>> = before
        .entries
        .iter()
        .map(|Entry { path, role, node }| {
            (path, Pair { path, role: *role, before: node, after: &Node::Absent })
        })
        .collect();
    for Entry { path, role, node } in &after.entries {
        match pairs.entry(path) {
            Slot::Occupied(mut pair) => {
                let pair = pair.get_mut();
                pair.after = node;
                if *role == Role::Selected {
                    pair.role = Role::Selected;
                }
            }
            Slot::Vacant(slot) => {
                slot.insert(Pair { path, role: *role, before: &Node::Absent, after: node });
            }
        }
    }
    let with_role = |role: Role| -> BTreeSet<&Path> {
        [before, after]
            .iter()
            .flat_map(|manifest| &manifest.entries)
            .filter(|entry| entry.role == role)
            .map(|entry| entry.path.as_path())
            .collect()
    };
    let (boundaries, closed) = (with_role(Role::Boundary), with_role(Role::Closed));
    let known = |path: &Path| {
        (boundaries.is_empty() || !path.ancestors().any(|place| boundaries.contains(place)))
            && (closed.is_empty() || !path.ancestors().skip(1).any(|place| closed.contains(place)))
    };
    pairs.into_values().filter(|pair| known(pair.path.as_path())).collect()
}
