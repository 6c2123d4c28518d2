//! The walk through everything that a selection means, in the order of paths: directory by directory,
//! by descriptor, following no link, crossing into no other file system and never into hitl's own
//! state.
//!
//! A directory is listed before it is reported, so that whoever is told knows whether it could be
//! entered. The directories on the way down wait on a stack of their own; only the deepest of them are
//! kept open, the others are opened from the root again, so that neither deep trees nor long paths run
//! out of descriptors.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use super::aims::{Aim, Below};
use super::error::{shown, unreadable};
use super::place::{Parents, Status, means_absent, open_directory, status};
use super::{Role, Selection, SnapshotError};
use crate::system::ByteString;

/// Kernel interfaces that look like files: reading them says nothing that could be restored.
pub(super) const NOT_FILES: [&str; 2] = ["/proc", "/sys"];

/// The directory at the root of a file system in which hitl keeps clones of its large files.
pub(super) const KEPT_BESIDE: &str = ".hitl-store";

/// How many of the directories on the way down are kept open.
const KEPT_OPEN: usize = 64;

/// Something that the walk came by.
pub(super) struct Found<'a> {
    /// Its absolute path.
    pub(super) path: &'a Path,
    /// Why it is of interest.
    pub(super) role: Role,
    /// The directory that holds it.
    pub(super) directory: &'a Arc<OwnedFd>,
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
    /// A directory may not be entered; that it was found is told next.
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
    let top = Aim::of(selection, |path| match off_limits(path, protected) {
        Some(why) => {
            visitor.left_out(format!("{} is not snapshotted: {why}", shown(path)));
            true
        }
        None => false,
    })?;
    let mut walker = Walker { protected, visitor, stack: Vec::new() };
    walker.top(top)?;
    walker.on()
}

/// A directory that is being gone through.
struct Level {
    path: PathBuf,
    directory: Option<Arc<OwnedFd>>,
    /// What is left to look at in it, the last first.
    names: Vec<OsString>,
    scope: Scope,
}

/// What is of interest below a directory.
#[derive(Default)]
struct Scope {
    whole: bool,
    matchings: Vec<Rc<Below>>,
    on: BTreeMap<OsString, Aim>,
}

impl Scope {
    /// Whether all names in the directory have to be looked at.
    fn lists(&self) -> bool {
        self.whole || !self.matchings.is_empty()
    }

    fn is_empty(&self) -> bool {
        !self.lists() && self.on.is_empty()
    }
}

struct Walker<'a> {
    protected: &'a Path,
    visitor: &'a mut dyn Visitor,
    stack: Vec<Level>,
}

impl Walker<'_> {
    /// The root directory, which stands in itself as `.`.
    fn top(&mut self, aim: Aim) -> Result<(), SnapshotError> {
        let path = Path::new("/");
        let opened = Arc::new(open_directory(path).map_err(unreadable(path))?);
        let wanted = aim.root.then_some(if aim.selected { Role::Selected } else { Role::Context });
        let scope = Scope { whole: aim.tree, matchings: aim.matchings, on: aim.on };
        let found = status(&opened, OsStr::new(".")).map_err(unreadable(path))?;
        self.directory(path, &opened, OsStr::new("."), found, wanted, scope)
    }

    /// Goes on until nothing is left.
    fn on(&mut self) -> Result<(), SnapshotError> {
        while let Some(level) = self.stack.last_mut() {
            if self.visitor.enough() {
                return Ok(());
            }
            let Some(name) = level.names.pop() else {
                self.stack.pop();
                continue;
            };
            let path = level.path.join(&name);
            let directory = match &level.directory {
                Some(directory) => Arc::clone(directory),
                None => match open_directory(&level.path) {
                    Ok(opened) => {
                        let opened = Arc::new(opened);
                        level.directory = Some(Arc::clone(&opened));
                        opened
                    }
                    // Gone since it was listed, and everything in it.
                    Err(error) if means_absent(error) => {
                        self.stack.pop();
                        continue;
                    }
                    Err(error) => return Err(unreadable(&level.path)(error)),
                },
            };
            let found = match status(&*directory, &name) {
                Ok(found) => Some(found),
                Err(error) if means_absent(error) => None,
                // Root is kept out of nothing but what a user has mounted (fuse(8)): nobody is to keep
                // a tree from being snapshotted by that.
                Err(Errno::ACCESS) if is_root() && !level.scope.on.contains_key(&name) => {
                    let path = shown(&path);
                    let sentence =
                        format!("{path} is not snapshotted: who mounted it keeps root out");
                    self.visitor.left_out(sentence);
                    continue;
                }
                Err(error) => return Err(unreadable(&path)(error)),
            };
            self.name(&path, &directory, &name, found)?;
        }
        Ok(())
    }

    /// One name in the directory on top of the stack.
    fn name(
        &mut self,
        path: &Path,
        directory: &Arc<OwnedFd>,
        name: &OsStr,
        found: Option<Status>,
    ) -> Result<(), SnapshotError> {
        let Some(level) = self.stack.last_mut() else { return Ok(()) };
        let aim = level.scope.on.remove(name);
        let matches = |below: &Rc<Below>| below.matching.selects(below.relative(path));
        let whole = level.scope.whole || level.scope.matchings.iter().any(matches);
        let selected = whole || aim.as_ref().is_some_and(|aim| aim.selected);
        let role = if selected { Role::Selected } else { Role::Context };
        let Some(found) = found else {
            return if aim.is_some() { self.visitor.absent(path, role) } else { Ok(()) };
        };
        if found.kind != FileType::Directory {
            // The way to a root ends here: then there is nothing at the root either.
            if selected || aim.is_some() {
                return self.visitor.found(Found { path, role, directory, name, status: found });
            }
            return Ok(());
        }
        let may_hold = |below: &&Rc<Below>| below.matching.may_hold(below.relative(path));
        let mut scope = Scope {
            whole,
            matchings: level.scope.matchings.iter().filter(may_hold).map(Rc::clone).collect(),
            on: BTreeMap::new(),
        };
        // What a root names itself may be a place where something is mounted.
        let boundary = if scope.lists() { self.boundary(path, &found, aim.as_ref()) } else { None };
        let mut wanted = (selected || scope.lists() || aim.is_some()).then_some(role);
        if let Some(why) = boundary {
            scope = Scope::default();
            wanted = Some(Role::Boundary);
            let sentence = format!("what is below {} is not snapshotted: {why}", shown(path));
            self.visitor.left_out(sentence);
        }
        if let Some(aim) = aim {
            scope.whole |= aim.tree;
            scope.matchings.extend(aim.matchings);
            scope.on = aim.on;
            if !scope.is_empty() {
                wanted = Some(role);
            }
        }
        self.directory(path, directory, name, found, wanted, scope)
    }

    /// Lists a directory as far as it is of interest, reports it and puts it on the stack.
    fn directory(
        &mut self,
        path: &Path,
        parent: &Arc<OwnedFd>,
        name: &OsStr,
        found: Status,
        wanted: Option<Role>,
        scope: Scope,
    ) -> Result<(), SnapshotError> {
        let level = if scope.is_empty() { Ok(None) } else { open_level(path, parent, name, scope) };
        let (role, level) = match level {
            Ok(level) => (wanted, level),
            Err((at, Errno::ACCESS)) if at == path => {
                self.visitor.closed(path, Errno::ACCESS)?;
                (wanted.map(|_| Role::Closed), None)
            }
            // Gone, or no directory any more, since its parent was read.
            Err((_, error)) if means_absent(error) => (wanted, None),
            Err((at, error)) => return Err(unreadable(&at)(error)),
        };
        if let Some(role) = role {
            self.visitor.found(Found { path, role, directory: parent, name, status: found })?;
        }
        if let Some(level) = level {
            self.stack.push(level);
            // Deep ones close those above them, which are opened again on the way back.
            let above = self.stack.len().checked_sub(KEPT_OPEN + 1);
            if let Some(level) = above.and_then(|above| self.stack.get_mut(above)) {
                level.directory = None;
            }
        }
        Ok(())
    }

    fn boundary(&self, path: &Path, status: &Status, aim: Option<&Aim>) -> Option<&'static str> {
        if status.mount_root && !aim.is_some_and(|aim| aim.root) {
            Some("another file system is mounted there")
        } else if is_kept_beside(path, status) {
            Some("it is hitl's own store")
        } else {
            off_limits(path, self.protected)
        }
    }
}

/// Opens a directory and looks at what is of interest in it. An error says at which path.
fn open_level(
    path: &Path,
    parent: &OwnedFd,
    name: &OsStr,
    scope: Scope,
) -> Result<Option<Level>, (PathBuf, Errno)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let how = if scope.lists() { OFlags::RDONLY } else { OFlags::PATH };
    let flags = how | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(parent, name, flags, Mode::empty()).map_err(at(path))?;
    let mut names = if scope.lists() { list(&opened).map_err(at(path))? } else { Vec::new() };
    names.extend(scope.on.keys().cloned());
    names.sort_unstable_by(|one, two| two.cmp(one));
    names.dedup();
    // It may be listed and not entered, and so it goes for every name in it.
    if let (true, Some(name)) = (scope.lists() && !is_root(), names.last())
        && let Err(error @ Errno::ACCESS) = status(&opened, name)
    {
        return Err((path.to_owned(), error));
    }
    Ok(Some(Level { path: path.to_owned(), directory: Some(Arc::new(opened)), names, scope }))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn off_limits(path: &Path, protected: &Path) -> Option<&'static str> {
    if path.starts_with(protected) {
        Some("it is hitl's own state")
    } else if NOT_FILES.iter().any(|directory| path.starts_with(directory)) {
        Some("it is an interface of the kernel")
    } else {
        None
    }
}

/// Only what nobody but root can have made is taken for hitl's own.
fn is_kept_beside(path: &Path, status: &Status) -> bool {
    path.file_name().is_some_and(|name| name == KEPT_BESIDE)
        && status.metadata.uid == 0
        && status.metadata.mode & 0o7777 == 0o700
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
            status(&*directory, name).map(|status| (directory, name, status))
        });
        match found {
            Ok((directory, name, status)) => {
                visitor.found(Found { path, role, directory: &directory, name, status })?;
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
    list(openat(directory, ".", flags, Mode::empty())?)
}

/// The names in a directory that is open for reading.
fn list(directory: impl AsFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}
