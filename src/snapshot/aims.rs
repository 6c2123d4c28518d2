//! The roots of a selection as one tree of names, so that one walk in the order of paths comes by each
//! place once, however the roots lie in one another.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::selection::Matching;
use super::{Reach, Selection, SnapshotError};

/// What is wanted at one place, and on the ways that lead on from it.
#[derive(Default)]
pub(super) struct Aim {
    /// The place itself.
    pub(super) selected: bool,
    /// A root stands here.
    pub(super) root: bool,
    /// Everything below it.
    pub(super) tree: bool,
    /// What matches below it.
    pub(super) matchings: Vec<Rc<Below>>,
    /// The ways to roots below.
    pub(super) on: BTreeMap<OsString, Aim>,
}

/// A pattern and the directory that it is relative to.
pub(super) struct Below {
    pub(super) root: PathBuf,
    pub(super) matching: Matching,
}

impl Below {
    /// The path as the pattern sees it.
    pub(super) fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Aim {
    /// All roots of a selection, except those that `refuse` refuses.
    ///
    /// # Errors
    /// [`SnapshotError::Pattern`].
    pub(super) fn of(
        selection: &Selection,
        mut refuse: impl FnMut(&Path) -> bool,
    ) -> Result<Self, SnapshotError> {
        let mut top = Self::default();
        for root in &selection.roots {
            let path = root.path.as_path();
            if refuse(path) {
                continue;
            }
            let mut aim = &mut top;
            for component in path.components() {
                if let Component::Normal(name) = component {
                    aim = aim.on.entry(name.to_owned()).or_default();
                }
            }
            aim.root = true;
            match &root.reach {
                Reach::Node => aim.selected = true,
                Reach::Tree => {
                    aim.selected = true;
                    aim.tree = true;
                }
                Reach::Matching { pattern } => {
                    let matching =
                        Matching::new(pattern).map_err(|error| SnapshotError::Pattern {
                            path: pattern.clone(),
                            what: format!("is not a pattern ({error})"),
                        })?;
                    aim.selected |= matching.selects_root();
                    aim.matchings.push(Rc::new(Below { root: path.to_owned(), matching }));
                }
            }
        }
        Ok(top)
    }
}
