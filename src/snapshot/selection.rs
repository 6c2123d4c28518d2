//! Which paths are meant: what rules name and what operands say, settled into real paths from which
//! the walk starts.
//!
//! Links on the way to a path are followed once, here, when the command is about to run; from then
//! on no link is followed, so that *before*, *after* and the undo mean the same places.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::{Affected, SnapshotError};
use crate::system::ByteString;

/// How many links in a row are followed, as many as the kernel does.
const LINKS: usize = 40;

/// The places that a capture looks at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Where it starts, in the order in which the places were named.
    pub roots: Vec<Root>,
}

/// One place to start from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Root {
    /// The absolute path. No link leads to it; it may be one itself.
    pub path: ByteString,
    /// How far it reaches.
    #[serde(flatten)]
    pub reach: Reach,
}

/// How far a root reaches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reach", rename_all = "lowercase")]
pub enum Reach {
    /// The path itself.
    Node,
    /// The path and everything below it.
    Tree,
    /// What matches below it; a directory that matches with everything below it.
    Matching {
        /// The pattern, relative to the path.
        pattern: String,
    },
}

impl Selection {
    /// Settles what is affected.
    ///
    /// # Errors
    /// [`SnapshotError::Pattern`] for a declared path that is relative or no pattern.
    pub(super) fn settle(affected: &Affected) -> Result<Self, SnapshotError> {
        let mut selection = Self::default();
        for declared in &affected.declared {
            let (prefix, pattern) = split_pattern(declared)?;
            if pattern.is_empty() {
                // A path without wildcards means what is there: a file, or a whole directory.
                selection.add_named(&prefix, true);
            } else {
                Matching::new(&pattern).map_err(|what| SnapshotError::Pattern {
                    path: declared.clone(),
                    what: format!("is not a pattern ({what})"),
                })?;
                selection.add(&real(&prefix), Reach::Matching { pattern });
            }
        }
        for operand in &affected.operands {
            selection.add_named(&operand.path, operand.tree);
        }
        Ok(selection)
    }

    /// Adds a path, and where it is a link what it leads to: a program may replace the link or
    /// write through it.
    fn add_named(&mut self, path: &Path, tree: bool) {
        let mut path = real_parent(path);
        for _ in 0..LINKS {
            match std::fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    self.add(&path, Reach::Node);
                    let Ok(target) = std::fs::read_link(&path) else { return };
                    let parent = path.parent().unwrap_or(Path::new("/"));
                    path = real_parent(&parent.join(target));
                }
                // What is not there yet may become a whole tree, all of it made by the command.
                found => {
                    let tree = tree || found.is_err();
                    return self.add(&path, if tree { Reach::Tree } else { Reach::Node });
                }
            }
        }
    }

    fn add(&mut self, path: &Path, reach: Reach) {
        let root = Root { path: ByteString::from(path), reach };
        if !self.roots.contains(&root) {
            self.roots.push(root);
        }
    }
}

/// A declared path as the part without wildcards, and the pattern below it (empty where there are
/// no wildcards at all).
fn split_pattern(declared: &str) -> Result<(PathBuf, String), SnapshotError> {
    let refused =
        |what: &str| SnapshotError::Pattern { path: declared.to_owned(), what: what.to_owned() };
    if !declared.starts_with('/') {
        return Err(refused("is not absolute"));
    }
    if declared.contains('\0') {
        return Err(refused("holds a NUL byte"));
    }
    let components: Vec<&str> =
        declared.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if components.contains(&"..") {
        return Err(refused("holds \"..\""));
    }
    let wild = |part: &&str| part.contains(['*', '?', '[', '{', '\\']);
    let fixed = components.iter().position(wild).unwrap_or(components.len());
    let (prefix, pattern) = components.split_at(fixed);
    Ok((PathBuf::from(format!("/{}", prefix.join("/"))), pattern.join("/")))
}

/// The path with the links of its deepest existing ancestor (itself included) followed.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return clean(&found.join(rest));
        }
    }
    clean(path)
}

/// The path with the links on the way to it followed, but not its own.
fn real_parent(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        // It ends in `..` or is the root: there is no name of its own.
        _ => real(path),
    }
}

/// Takes `.` and `..` out of what does not exist; what exists was made clean by the kernel.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => cleaned.push(name),
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    cleaned
}

/// A pattern, ready to be asked.
pub(super) struct Matching {
    whole: Vec<GlobMatcher>,
    /// The components that can be judged one by one, as far as they go.
    steps: Vec<GlobMatcher>,
    /// Whether anything can match below the last of them.
    open_ended: bool,
}

impl Matching {
    /// Compiles a pattern that is relative to its root.
    pub(super) fn new(pattern: &str) -> Result<Self, globset::Error> {
        let mut whole = vec![matcher(pattern)?];
        // Everything below a directory can only come back if the directory does.
        if let Some(directory) = pattern.strip_suffix("/**") {
            whole.push(matcher(directory)?);
        }
        let components: Vec<&str> = pattern.split('/').collect();
        // Alternatives may hold a slash: from there on the components do not tell.
        let judged = components
            .iter()
            .position(|part| part.contains("**") || part.contains(['{', '[', '\\']))
            .unwrap_or(components.len());
        let steps = components
            .iter()
            .take(judged)
            .map(|part| matcher(part))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { whole, steps, open_ended: judged < components.len() })
    }

    /// Whether a path below the root matches.
    pub(super) fn selects(&self, relative: &Path) -> bool {
        self.whole.iter().any(|matcher| matcher.is_match(relative))
    }

    /// Whether the root itself is meant: by `**`, for the same reason as above.
    pub(super) fn selects_root(&self) -> bool {
        self.steps.is_empty()
            && self.whole.first().is_some_and(|matcher| matcher.glob().glob() == "**")
    }

    /// Whether anything below this directory can match.
    pub(super) fn may_hold(&self, relative: &Path) -> bool {
        let mut steps = self.steps.iter();
        for name in relative.components() {
            match steps.next() {
                Some(step) if step.is_match(AsRef::<OsStr>::as_ref(&name)) => {}
                Some(_) => return false,
                None => return self.open_ended,
            }
        }
        self.open_ended || steps.next().is_some()
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher())
}

/// Whether a path is a directory of another or that directory itself, by its bytes.
pub(super) fn lies_within(path: &[u8], directory: &[u8]) -> bool {
    Path::new(OsStr::from_bytes(path)).starts_with(OsStr::from_bytes(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_path_is_split_where_its_first_wildcard_stands() {
        for (declared, prefix, pattern) in [
            ("/etc/app/**", "/etc/app", "**"),
            ("/etc//./app/*.conf", "/etc/app", "*.conf"),
            ("/etc/app", "/etc/app", ""),
            ("/srv/{a,b}/x", "/srv", "{a,b}/x"),
            ("/*", "/", "*"),
        ] {
            let (found_prefix, found_pattern) = split_pattern(declared).unwrap();
            assert_eq!((found_prefix.to_str().unwrap(), &*found_pattern), (prefix, pattern));
        }
        for refused in ["etc/app", "/etc/../root/*", "/a\0b", "/etc/[a"] {
            let affected = Affected { declared: vec![refused.into()], ..Affected::default() };
            assert!(Selection::settle(&affected).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_subtree_that_cannot_match_is_not_entered_and_one_that_can_is() {
        let cases = [
            ("*.conf", "sub", false),
            ("*/conf/*.d", "one", true),
            ("*/conf/*.d", "one/conf", true),
            ("*/conf/*.d", "one/data", false),
            ("*/conf/*.d", "one/conf/x.d", false),
            ("a/**/z", "a", true),
            ("a/**/z", "a/b/c/d", true),
            ("a/**/z", "b", false),
            ("{x,y/w}/z", "y", true),
        ];
        for (pattern, directory, enters) in cases {
            let matching = Matching::new(pattern).unwrap();
            assert_eq!(matching.may_hold(Path::new(directory)), enters, "{pattern} {directory}");
        }
    }

    #[test]
    fn everything_below_a_directory_includes_the_directory() {
        assert!(Matching::new("**").unwrap().selects_root());
        assert!(!Matching::new("*").unwrap().selects_root());
        let matching = Matching::new("*/conf/**").unwrap();
        for (path, selected) in
            [("a/conf", true), ("a/conf/b/c", true), ("a", false), ("a/b", false)]
        {
            assert_eq!(matching.selects(Path::new(path)), selected, "{path}");
        }
        assert!(!Matching::new("*.conf").unwrap().selects(Path::new("a/b.conf")));
    }
}
