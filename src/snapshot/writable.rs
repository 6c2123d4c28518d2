//! What a confined command may write: exactly what a capture holds, so that undo covers it.
//!
//! A directory that is selected as a whole is open with everything below it; a file that is
//! selected by itself is open for its content. What is not there yet has no place of its own to
//! open: it can only be made in a directory that is.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::walk::{Found, NOT_FILES, Visitor, walk};
use super::{Affected, Reach, Role, Selection, SnapshotError, SnapshotStore};
use crate::system::ByteString;
use crate::system::text::visible_path;

/// The most places that are opened one by one: who means more means a directory.
pub(super) const MOST_WRITABLE: usize = 10_000;

/// Where a confined command may write.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writable {
    /// The places, sorted by path, none below another.
    pub places: Vec<WritablePlace>,
    /// What is snapshotted and cannot be written all the same, a sentence each.
    pub withheld: Vec<String>,
}

/// One place where a confined command may write.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WritablePlace {
    /// The absolute, real path.
    pub path: PathBuf,
    /// Whether it is a directory, meant with everything below it.
    pub tree: bool,
}

impl WritablePlace {
    /// The path, with a slash behind it where everything below it is meant.
    pub fn shown(&self) -> ByteString {
        let path = ByteString::from(self.path.as_path());
        let slash: &[u8] = if self.tree && path.as_bytes() != b"/" { b"/" } else { b"" };
        ByteString::from([path.as_bytes(), slash].concat())
    }
}

impl SnapshotStore {
    /// The places that a confined command may write, as they are on the disk now. No directory is
    /// among them that holds hitl's own state or one of the `protected` paths.
    ///
    /// # Errors
    /// [`SnapshotError::Pattern`], [`SnapshotError::Read`], [`SnapshotError::TooManyPlaces`].
    pub fn writable(
        &self,
        affected: &Affected,
        protected: &[PathBuf],
    ) -> Result<Writable, SnapshotError> {
        let mut selection = Selection::settle(affected)?;
        let mut collector = Collector::default();
        // What is meant as a whole needs no walk through it.
        selection.roots.retain(|root| {
            let path = root.path.as_path();
            let whole = match &root.reach {
                Reach::Matching { pattern } if pattern != "**" => return true,
                Reach::Matching { .. } | Reach::Tree => true,
                Reach::Node => false,
            };
            if let Ok(metadata) = std::fs::symlink_metadata(path)
                && !NOT_FILES.iter().any(|directory| path.starts_with(directory))
                && (metadata.is_file() || whole && metadata.is_dir())
            {
                collector.put(path, metadata.is_dir());
            }
            false
        });
        let state = self.protected();
        for root in selection.roots {
            match walk(&Selection { roots: vec![root] }, &state, &mut collector) {
                // Whoever cannot look there cannot open anything there either.
                Err(SnapshotError::Read { source, .. })
                    if source.kind() == io::ErrorKind::PermissionDenied => {}
                walked => walked?,
            }
        }
        if collector.places.len() > MOST_WRITABLE {
            return Err(SnapshotError::TooManyPlaces);
        }
        Ok(collector.finish(&[protected, &[state]].concat()))
    }
}

#[derive(Default)]
struct Collector {
    places: BTreeSet<WritablePlace>,
    trees: HashSet<PathBuf>,
}

impl Collector {
    fn put(&mut self, path: &Path, tree: bool) {
        if tree {
            self.trees.insert(path.to_owned());
        }
        self.places.insert(WritablePlace { path: path.to_owned(), tree });
    }

    fn finish(self, protected: &[PathBuf]) -> Writable {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let protected: Vec<PathBuf> = protected.iter().map(real).collect();
        let guarded = |place: &WritablePlace| {
            protected.iter().any(|guarded| {
                place.path.starts_with(guarded) || (place.tree && guarded.starts_with(&place.path))
            })
        };
        let (withheld, mut places): (Vec<_>, Vec<_>) = self.places.into_iter().partition(guarded);
        let trees: HashSet<PathBuf> =
            places.iter().filter(|place| place.tree).map(|place| place.path.clone()).collect();
        places.retain(|place| !place.path.ancestors().skip(1).any(|above| trees.contains(above)));
        let sentence = |place: &WritablePlace| {
            let path = visible_path(&place.path);
            format!("a confined command cannot write {path}: what hitl itself relies on lies there")
        };
        Writable { withheld: withheld.iter().map(sentence).collect(), places }
    }
}

impl Visitor for Collector {
    fn found(&mut self, found: Found<'_>) -> Result<(), SnapshotError> {
        // What lies in a directory that is open needs no place of its own.
        if found.path.ancestors().any(|above| self.trees.contains(above)) {
            return Ok(());
        }
        match found.status.kind {
            FileType::Directory if found.role == Role::Selected => self.put(found.path, true),
            FileType::RegularFile if found.role == Role::Selected => self.put(found.path, false),
            // Devices are recorded and their content is not; a link is not what it leads to.
            _ => {}
        }
        Ok(())
    }

    fn absent(&mut self, _: &Path, _: Role) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn closed(&mut self, _: &Path, _: Errno) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn left_out(&mut self, _: String) {}

    fn enough(&self) -> bool {
        self.places.len() > MOST_WRITABLE
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::AffectedOperand;
    use super::*;
    use crate::system::{Directories, Scope};

    /// `etc/{app/{a.conf,sub/b.conf},app-x,app-y.d/z,other}`, `etc/link → app`, `etc/pipe`.
    struct Tree {
        base: PathBuf,
        store: SnapshotStore,
        _kept: tempfile::TempDir,
    }

    fn tree() -> Tree {
        let kept = tempfile::tempdir().unwrap();
        let base = kept.path().canonicalize().unwrap();
        for file in ["app/a.conf", "app/sub/b.conf", "app-x", "app-y.d/z", "other"] {
            let file = base.join("etc").join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        std::fs::create_dir_all(base.join("var/state")).unwrap();
        symlink("app", base.join("etc/link")).unwrap();
        nix::unistd::mkfifo(&base.join("etc/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let store = SnapshotStore::open(&Directories {
            scope: Scope::User,
            policy_file: base.join("policy.yaml"),
            policy_directory: None,
            policy_chosen: true,
            state: base.join("var/state"),
        });
        Tree { base, store, _kept: kept }
    }

    fn shown(tree: &Tree, affected: &Affected) -> (String, usize) {
        let found = tree.store.writable(affected, &[]).unwrap();
        let places = found.places.iter().map(|place| {
            let place = place.shown();
            place.as_str().unwrap().strip_prefix(tree.base.to_str().unwrap()).unwrap().to_owned()
        });
        (places.collect::<Vec<_>>().join(" "), found.withheld.len())
    }

    #[test]
    fn what_a_rule_names_is_open_as_far_as_the_snapshot_holds_it_and_no_further() {
        let tree = tree();
        for (declared, open, withheld) in [
            ("/etc/app", "/etc/app/", 0),
            ("/etc/app/**", "/etc/app/", 0),
            ("/etc/link/**", "/etc/app/", 0),
            ("/etc/app/*", "/etc/app/a.conf /etc/app/sub/", 0),
            ("/etc/app/*.conf", "/etc/app/a.conf", 0),
            ("/etc/app/**/*.conf", "/etc/app/a.conf /etc/app/sub/b.conf", 0),
            ("/etc/app-*", "/etc/app-x /etc/app-y.d/", 0),
            ("/etc/*.d/**", "/etc/app-y.d/", 0),
            ("/etc/other", "/etc/other", 0),
            // Neither a pipe nor what is not there yet, nor the directory that it would be in.
            ("/etc/p*", "", 0),
            ("/etc/absent", "", 0),
            ("/etc/absent/**", "", 0),
            ("/etc/new-*", "", 0),
            // hitl's own state, and what it lies in.
            ("/var", "", 1),
            ("/var/state/**", "", 1),
            // The walk itself never goes in there.
            ("/var/*", "", 0),
        ] {
            let declared = vec![format!("{}{declared}", tree.base.display())];
            let affected = Affected { declared: declared.clone(), ..Affected::default() };
            assert_eq!(shown(&tree, &affected), (open.to_owned(), withheld), "{declared:?}");
        }
        for kernel in ["/proc/sys/**", "/sys", "/proc/self/comm"] {
            let affected = Affected { declared: vec![kernel.into()], ..Affected::default() };
            assert_eq!(tree.store.writable(&affected, &[]).unwrap(), Writable::default());
        }
        let root = Affected { declared: vec!["/**".into()], ..Affected::default() };
        assert_eq!(shown(&tree, &root), (String::new(), 1));
    }

    #[test]
    fn operands_are_open_for_their_content_and_directories_only_where_all_of_them_is_meant() {
        let tree = tree();
        for (operand, whole, open) in [
            ("etc/other", false, "/etc/other"),
            ("etc/other", true, "/etc/other"),
            ("etc/app", false, ""),
            ("etc/app", true, "/etc/app/"),
            ("etc/absent", true, ""),
            // The link itself cannot be opened: what it leads to is.
            ("etc/link", true, "/etc/app/"),
        ] {
            let operands = vec![AffectedOperand { path: tree.base.join(operand), tree: whole }];
            let affected = Affected { operands, ..Affected::default() };
            assert_eq!(shown(&tree, &affected).0, open, "{operand} {whole}");
        }
        let null = AffectedOperand { path: "/dev/null".into(), tree: false };
        let affected = Affected { operands: vec![null], ..Affected::default() };
        assert_eq!(tree.store.writable(&affected, &[]).unwrap(), Writable::default());
    }

    #[test]
    fn what_lies_in_an_open_directory_is_not_listed_again_and_a_protected_path_closes_it() {
        let tree = tree();
        let path = |relative: &str| format!("{}/{relative}", tree.base.display());
        let declared = vec![path("etc/app/a.conf"), path("etc/app")];
        let affected = Affected { declared, ..Affected::default() };
        assert_eq!(shown(&tree, &affected).0, "/etc/app/");
        let closed = tree.store.writable(&affected, &[tree.base.join("etc/app/sub")]).unwrap();
        assert_eq!((closed.places.len(), closed.withheld.len()), (1, 1), "{closed:?}");
        assert!(closed.places.iter().all(|place| !place.tree));
    }
}
