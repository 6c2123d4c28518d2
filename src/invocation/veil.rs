//! What is kept from a caller while their command is resolved, and the command as they see it.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::paths::real_path;
use super::{BoundFile, Invocation, Machine, reading};
use crate::system::{ByteString, Sight};

/// A place that a caller names without being able to see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    /// Of the command.
    Command(&'a Path),
    /// Of the directory that it is to run in.
    Directory(&'a Path),
}

impl<'a> Place<'a> {
    fn path(self) -> &'a Path {
        match self {
            Self::Command(path) | Self::Directory(path) => path,
        }
    }

    fn at(self, path: &Path) -> Place<'_> {
        match self {
            Self::Command(_) => Place::Command(path),
            Self::Directory(_) => Place::Directory(path),
        }
    }
}

/// What stands between a caller and the file system.
pub(super) struct Veil<'a> {
    sight: Option<Sight>,
    named: &'a dyn Fn(Place<'_>) -> bool,
}

impl<'a> Veil<'a> {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self { sight: None, named: &|_| true }
    }

    /// The permissions of files and directories, except for places that are `named` for them.
    pub(super) fn of_caller(named: &'a dyn Fn(Place<'_>) -> bool) -> Self {
        Self { sight: Some(Sight::of_caller()).filter(|sight| !sight.is_whole()), named }
    }

    /// Whether nothing stands between.
    pub(super) fn is_none(&self) -> bool {
        self.sight.is_none()
    }

    /// Looks at `path` by `looking`, with the caller's rights. `None` where what is there is hidden
    /// from them; where it is and is `named` for them, it is looked at with ours.
    ///
    /// All of it with their rights, and not only the question whether it is hidden: they could
    /// exchange a directory for a link in between.
    pub(super) fn look<'p, T>(
        &self,
        path: &Path,
        place: impl FnOnce() -> Place<'p>,
        looking: impl FnOnce() -> T,
    ) -> Option<T> {
        match self.sight {
            None => Some(looking()),
            Some(sight) if sight.is_hidden(path) => self.is_named(sight, place()).then(looking),
            Some(sight) => sight.through(looking).ok(),
        }
    }

    fn is_named(&self, sight: Sight, place: Place<'_>) -> bool {
        // With ".." or a link, a name that a rule knows could be made to ask about another place.
        if place.path().components().any(|part| part == Component::ParentDir) {
            return false;
        }
        let theirs = sight.through(|| as_they_know_it(place.path()));
        theirs.is_ok_and(|path| (self.named)(place.at(&path)))
    }
}

/// The path, with the links followed that the caller can follow.
fn as_they_know_it(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => absolute,
    }
}

impl Invocation {
    /// The same invocation as the caller sees it: paths lead where they lead for them, and what is
    /// out of their sight leads nowhere.
    ///
    /// # Errors
    /// Where the caller's rights cannot be taken on.
    pub fn as_seen_by(&self, sight: Sight) -> io::Result<Self> {
        let machine = Machine { requester_uid: self.requester.uid };
        let read = || reading::read(&self.argv, &self.executable.names, &self.directory, &machine);
        Ok(Self { reading: sight.through(read)?, ..self.clone() })
    }

    /// The arguments that are, or would be, files out of sight, as they were typed.
    pub fn operands_hidden_from(&self, sight: Sight) -> Vec<&ByteString> {
        let operands = self.reading.commands.iter().flat_map(|command| &command.operands);
        let mut hidden: Vec<&ByteString> = Vec::new();
        for operand in operands.filter(|operand| sight.is_hidden(&operand.path)) {
            if !hidden.contains(&&operand.text) {
                hidden.push(&operand.text);
            }
        }
        hidden
    }

    /// The executable as far as the caller can look at it: without its digest where they may not
    /// read it, as nothing but its name where they cannot see it.
    ///
    /// # Errors
    /// As [`super::bind_file`], and where the caller's rights cannot be taken on.
    pub fn executable_seen_by(&self, sight: Sight) -> io::Result<BoundFile> {
        if !self.executable_is_seen_by(sight) {
            let path = self.executable.names.typed.clone();
            return Ok(BoundFile { path, device: 0, inode: 0, size: 0, sha256: None });
        }
        match sight.through(|| self.bound_executable())? {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(self.identified_executable())
            }
            outcome => outcome,
        }
    }

    /// Whether the real path of the executable is the caller's to know.
    pub fn executable_is_seen_by(&self, sight: Sight) -> bool {
        let names = &self.executable.names;
        let mut paths = names.named.iter().chain([&self.executable.path]);
        !paths.any(|path| sight.is_hidden(path))
    }
}
