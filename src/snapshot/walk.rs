//! The walk from the roots of a selection: directory by directory, by descriptor, following no link,
//! crossing into no other file system and never into hitl's own state.
//!
//! Directories wait in a list and are opened from the root again when their turn comes, so that
//! neither deep trees nor long paths run out of descriptors or stack.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use super::error::{shown, unreadable};
use super::place::{Parents, Status, means_absent, open_directory, status};
use super::selection::Matching;
use super::{Reach, Role, Root, Selection, SnapshotError};
use crate::system::ByteString;

/// Kernel interfaces that look like files: reading them says nothing that could be restored.
pub(super) const NOT_FILES: [&str; 2] = ["/proc", "/sys"];

/// Something that the walk came by.
pub(super) struct Found<'a> {
    /// Its absolute path.
    pub(super) path: &'a Path,
    /// Why it is of interest.
    pub(super) role: Role,
    /// The directory that holds it.
    pub(super) directory: BorrowedFd<'a>,
    /// Its name there.
    pub(super) name: &'a OsStr,
    /// Its status.
    pub(super) status: Status,
}

/// Who is told.
pub(super) trait Visitor {
    /// Something is there.
    fn found(&mut self, found: Found<'_>) -> Result<(), SnapshotError>;
    /// Nothing is there.
    fn absent(&mut self, path: &Path, role: Role) -> Result<(), SnapshotError>;
    /// A directory that was found may not be entered.
    fn closed(&mut self, path: &Path, error: Errno) -> Result<(), SnapshotError>;
    /// Something was left out: a sentence.
    fn left_out(&mut self, sentence: String);
    /// Whether it has seen enough.
    fn enough(&self) -> bool {
        false
    }
}

/// Walks all roots of a selection. `protected` is the state directory of hitl.
///
/// # Errors
/// [`SnapshotError::Read`] for a directory that cannot be read, and what the visitor fails with.
pub(super) fn walk(
    selection: &Selection,
    protected: &Path,
    visitor: &mut dyn Visitor,
) -> Result<(), SnapshotError> {
    let mut walker = Walker { protected, visitor, waiting: Vec::new() };
    for root in &selection.roots {
        walker.root(root)?;
    }
    Ok(())
}

struct Walker<'a> {
    protected: &'a Path,
    visitor: &'a mut dyn Visitor,
    /// Directories to enter, and whether everything in them is selected.
    waiting: Vec<(PathBuf, bool)>,
}

impl Walker<'_> {
    fn root(&mut self, root: &Root) -> Result<(), SnapshotError> {
        let path = root.path.as_path();
        if let Some(why) = self.off_limits(path) {
            self.visitor.left_out(format!("{} is not snapshotted: {why}", shown(path)));
            return Ok(());
        }
        if !self.ancestors(path)? {
            return Ok(());
        }
        let matching = match &root.reach {
            Reach::Matching { pattern } => {
                Some(Matching::new(pattern).map_err(|error| SnapshotError::Pattern {
                    path: pattern.clone(),
                    what: format!("is not a pattern ({error})"),
                })?)
            }
            Reach::Node | Reach::Tree => None,
        };
        let selected = matching.as_ref().is_none_or(Matching::selects_root);
        let role = if selected { Role::Selected } else { Role::Context };
        if self.node(path, role)? == Some(FileType::Directory) && root.reach != Reach::Node {
            self.waiting.push((path.to_owned(), matching.is_none()));
        }
        while let Some((directory, whole)) = self.waiting.pop() {
            let matching = if whole { None } else { matching.as_ref() };
            self.enter(&directory, path, matching)?;
        }
        Ok(())
    }

    /// Reports the directories that lead to a path. `false` where one of them is missing or is no
    /// directory: then there is nothing at the path either.
    fn ancestors(&mut self, path: &Path) -> Result<bool, SnapshotError> {
        let mut ancestors: Vec<&Path> =
            path.ancestors().skip(1).filter(|ancestor| ancestor.parent().is_some()).collect();
        ancestors.reverse();
        for ancestor in ancestors {
            if self.node(ancestor, Role::Context)? != Some(FileType::Directory) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reports one path.
    fn node(&mut self, path: &Path, role: Role) -> Result<Option<FileType>, SnapshotError> {
        let (parent, name) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => (parent, name),
            _ => (Path::new("/"), OsStr::new(".")),
        };
        let found = open_directory(parent)
            .and_then(|directory| status(&directory, name).map(|status| (directory, status)));
        match found {
            Ok((directory, status)) => {
                let kind = status.kind;
                let directory = directory.as_fd();
                self.visitor.found(Found { path, role, directory, name, status })?;
                Ok(Some(kind))
            }
            Err(error) if means_absent(error) => {
                self.visitor.absent(path, role)?;
                Ok(None)
            }
            Err(error) => Err(unreadable(path)(error)),
        }
    }

    /// Reports what is in a directory and puts its directories on the list.
    fn enter(
        &mut self,
        directory: &Path,
        root: &Path,
        matching: Option<&Matching>,
    ) -> Result<(), SnapshotError> {
        let opened = match open_directory(directory) {
            Ok(opened) => opened,
            // Gone since its parent was read.
            Err(error) if means_absent(error) => return Ok(()),
            Err(error) => return Err(unreadable(directory)(error)),
        };
        let names = match names(opened.as_fd()) {
            Ok(names) => names,
            Err(error @ Errno::ACCESS) => return self.visitor.closed(directory, error),
            Err(error) => return Err(unreadable(directory)(error)),
        };
        for name in names {
            if self.visitor.enough() {
                return Ok(());
            }
            let path = directory.join(&name);
            let status = match status(&opened, &name) {
                Ok(status) => status,
                Err(Errno::NOENT) => continue,
                // It may be listed and not entered, and so it goes for every name in it.
                Err(error @ Errno::ACCESS) => return self.visitor.closed(directory, error),
                Err(error) => return Err(unreadable(&path)(error)),
            };
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let selected = matching.is_none_or(|matching| matching.selects(relative));
            let is_directory = status.kind == FileType::Directory;
            let descend = is_directory
                && (selected || matching.is_some_and(|matching| matching.may_hold(relative)));
            if !selected && !descend {
                continue;
            }
            let boundary = if descend { self.boundary(&path, &status) } else { None };
            let role = match (&boundary, selected) {
                (Some(_), _) => Role::Boundary,
                (None, true) => Role::Selected,
                (None, false) => Role::Context,
            };
            let directory = opened.as_fd();
            self.visitor.found(Found { path: &path, role, directory, name: &name, status })?;
            match boundary {
                Some(why) => self
                    .visitor
                    .left_out(format!("what is below {} is not snapshotted: {why}", shown(&path))),
                None if descend => self.waiting.push((path, selected)),
                None => {}
            }
        }
        Ok(())
    }

    fn boundary(&self, path: &Path, status: &Status) -> Option<&'static str> {
        if status.mount_root {
            Some("another file system is mounted there")
        } else {
            self.off_limits(path)
        }
    }

    fn off_limits(&self, path: &Path) -> Option<&'static str> {
        if path.starts_with(self.protected) {
            Some("it is hitl's own state")
        } else if NOT_FILES.iter().any(|directory| path.starts_with(directory)) {
            Some("it is an interface of the kernel")
        } else {
            None
        }
    }
}

/// Visits exactly these paths.
///
/// # Errors
/// As [`walk`].
pub(super) fn visit_paths<'a>(
    paths: impl IntoIterator<Item = (&'a ByteString, Role)>,
    visitor: &mut dyn Visitor,
) -> Result<(), SnapshotError> {
    let mut parents = Parents::default();
    for (path, role) in paths {
        let path = path.as_path();
        let found = parents.of(path).and_then(|(directory, name)| {
            status(&directory, name).map(|status| (directory, name, status))
        });
        match found {
            Ok((directory, name, status)) => {
                let directory = directory.as_fd();
                visitor.found(Found { path, role, directory, name, status })?;
            }
            Err(error) if means_absent(error) => visitor.absent(path, role)?,
            Err(error) => return Err(unreadable(path)(error)),
        }
    }
    Ok(())
}

/// The names in a directory, without `.` and `..`.
///
/// # Errors
/// Those of open(2) and getdents64(2).
pub(super) fn names(directory: BorrowedFd<'_>) -> Result<Vec<OsString>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut names = Vec::new();
    for entry in Dir::new(openat(directory, ".", flags, Mode::empty())?)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}
