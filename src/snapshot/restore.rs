//! Going back, path by path: every change is made through a descriptor of the directory that holds
//! the path, opened from the root down without following a link, and only where the path still is
//! what the plan found there.
//!
//! This file has the order of the steps and what concerns directories; files are put back by
//! `content`, metadata is set by `metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, syncfs, unlinkat};
use rustix::io::Errno;

use super::error::shown;
use super::metadata::{set_metadata, set_times};
use super::objects::Objects;
use super::place::{open_directory, status, status_of};
use super::{Entry, Node, NodeMetadata, Step};

/// Why a step could not be taken.
#[derive(Debug)]
pub(super) struct Halt {
    pub(super) path: PathBuf,
    pub(super) why: String,
}

/// Makes a [`Halt`] of an error of the system.
pub(super) fn halt<E: Into<io::Error>>(path: &Path, what: &str) -> impl FnOnce(E) -> Halt {
    let (path, what) = (path.to_owned(), what.to_owned());
    move |error| {
        let error: io::Error = error.into();
        let why = match error.raw_os_error() {
            Some(libc::ELOOP) => {
                "a symbolic link has taken the place of a directory on the way".to_owned()
            }
            _ => format!("{what}: {error}"),
        };
        Halt { path, why }
    }
}

/// An undo at work.
pub(super) struct Restorer<'a> {
    pub(super) objects: &'a Objects,
    /// What the names of temporary files begin with: the same for every attempt at one undo, so that
    /// the next attempt clears away what an interrupted one left.
    pub(super) tag: String,
    /// Metadata that could not be restored, a sentence each.
    pub(super) not_restored: Vec<String>,
    /// The inodes that this undo has changed itself: files with several names come by again.
    touched: BTreeSet<(u64, u64)>,
    /// One directory on each file system that was written to.
    file_systems: BTreeMap<u64, OwnedFd>,
}

impl<'a> Restorer<'a> {
    pub(super) fn new(objects: &'a Objects, tag: &str) -> Self {
        Self {
            objects,
            tag: format!(".hitl-undo-{tag}-"),
            not_restored: Vec::new(),
            touched: BTreeSet::new(),
            file_systems: BTreeMap::new(),
        }
    }

    /// Takes all steps, sorted by path. `took` is called for each with its content in place.
    ///
    /// # Errors
    /// [`Halt`]; what was restored stays, and the same call with a new plan goes on from there.
    pub(super) fn apply(
        &mut self,
        steps: &[Step],
        times: &[Entry],
        took: &mut dyn FnMut(&Step),
    ) -> Result<(), Halt> {
        self.open_up(steps)?;
        for step in steps.iter().rev().filter(|step| step.clears_the_way()) {
            self.remove(step)?;
            if step.before.is_absent() {
                took(step);
            }
        }
        for step in steps.iter().filter(|step| step.makes_directory()) {
            let (parent, name) = self.parent(step.path.as_path())?;
            mkdirat(&parent, &name, Mode::RWXU)
                .map_err(halt(step.path.as_path(), "the directory cannot be made"))?;
            took(step);
        }
        self.put_content(steps, took)?;
        for step in steps.iter().filter(|step| step.sets_metadata() && !step.before.is_directory())
        {
            self.restore_metadata(step)?;
            took(step);
        }
        // Deepest first: a directory is closed (to us as well) only when all in it is done.
        for step in steps.iter().rev().filter(|step| step.before.is_directory()) {
            self.restore_metadata(step)?;
            if !step.makes_directory() {
                took(step);
            }
        }
        for entry in times.iter().rev() {
            self.restore_directory_time(entry)?;
        }
        self.sync()
    }

    /// Opens the directory that holds a path.
    pub(super) fn parent(&mut self, path: &Path) -> Result<(OwnedFd, OsString), Halt> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            let why = "the root directory itself cannot be restored".to_owned();
            return Err(Halt { path: path.to_owned(), why });
        };
        let opened =
            open_directory(parent).map_err(halt(path, "its directory cannot be opened"))?;
        let found = status_of(&opened).map_err(halt(path, "its directory cannot be read"))?;
        if let std::collections::btree_map::Entry::Vacant(slot) =
            self.file_systems.entry(found.metadata.device)
        {
            let again =
                opened.try_clone().map_err(halt(path, "its directory cannot be kept open"))?;
            slot.insert(again);
        }
        Ok((opened, name.to_owned()))
    }

    /// Whether a path still is what the plan found there, as far as its inode tells.
    pub(super) fn check(
        &self,
        parent: impl AsFd,
        name: &OsStr,
        path: &Path,
        expected: &Node,
    ) -> Result<(), Halt> {
        let moved_on = |why: &str| Err(Halt { path: path.to_owned(), why: why.to_owned() });
        match (status(parent, name), expected.metadata()) {
            (Err(Errno::NOENT), None) => Ok(()),
            (Err(Errno::NOENT), Some(_)) => moved_on("it was removed in the meantime"),
            (Err(error), _) => Err(halt(path, "it cannot be looked at")(error)),
            (Ok(_), None) => moved_on("something was created there in the meantime"),
            (Ok(found), Some(metadata)) => {
                let ours = self.touched.contains(&(found.metadata.device, found.metadata.inode));
                let same = found.metadata.same_inode(metadata)
                    && (ours
                        || expected.is_directory()
                        || found.metadata.untouched_since(metadata));
                if same { Ok(()) } else { moved_on("it was changed in the meantime") }
            }
        }
    }

    /// Lets ourselves into directories whose owner may not enter or change them: root may always.
    fn open_up(&mut self, steps: &[Step]) -> Result<(), Halt> {
        if rustix::process::geteuid().is_root() {
            return Ok(());
        }
        for step in steps {
            let Node::Directory { metadata } = &step.now else { continue };
            if metadata.mode & 0o700 == 0o700 {
                continue;
            }
            let path = step.path.as_path();
            let (parent, name) = self.parent(path)?;
            self.check(&parent, &name, path, &step.now)?;
            let open = NodeMetadata { mode: metadata.mode | 0o700, ..metadata.clone() };
            let mut refused = Vec::new();
            set_metadata(&parent, &name, path, &Node::Directory { metadata: open }, &mut refused)
                .map_err(halt(path, "the directory cannot be opened up"))?;
        }
        Ok(())
    }

    fn remove(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        self.check(&parent, &name, path, &step.now)?;
        let flags = if step.now.is_directory() { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        match unlinkat(&parent, &name, flags) {
            Ok(()) => {
                self.note_touched(&step.now);
                Ok(())
            }
            Err(Errno::NOTEMPTY | Errno::EXIST)
                if step.only_if_empty && step.before.is_absent() =>
            {
                let sentence = "was made by the run and stays: it holds something else";
                self.not_restored.push(format!("{} {sentence}", shown(path)));
                Ok(())
            }
            Err(error) => Err(halt(path, "it cannot be removed")(error)),
        }
    }

    fn restore_metadata(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        if !step.makes_directory() {
            self.check(&parent, &name, path, &step.now)?;
        }
        self.note_touched(&step.now);
        set_metadata(&parent, &name, path, &step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }

    fn restore_directory_time(&mut self, entry: &Entry) -> Result<(), Halt> {
        let path = entry.path.as_path();
        let Node::Directory { metadata } = &entry.node else { return Ok(()) };
        let (parent, name) = self.parent(path)?;
        match set_times(&parent, &name, metadata) {
            Ok(()) => Ok(()),
            Err(error @ (Errno::PERM | Errno::ACCESS | Errno::ROFS)) => {
                self.not_restored
                    .push(format!("{}: its time stays as it is ({error})", shown(path)));
                Ok(())
            }
            Err(error) => Err(halt(path, "its time cannot be set")(error)),
        }
    }

    pub(super) fn note_touched(&mut self, node: &Node) {
        if let Some(metadata) = node.metadata() {
            self.touched.insert((metadata.device, metadata.inode));
        }
    }

    /// Makes everything that was done durable.
    pub(super) fn sync(&self) -> Result<(), Halt> {
        for directory in self.file_systems.values() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            match openat(directory, ".", flags, Mode::empty()) {
                Ok(opened) => {
                    syncfs(opened).map_err(halt(Path::new("/"), "the disk cannot be synced"))?;
                }
                // A directory that may be searched but not read: sync everything instead.
                Err(_) => rustix::fs::sync(),
            }
        }
        Ok(())
    }
}

impl Step {
    /// Whether what is there has to go before anything else can come.
    pub(super) fn clears_the_way(&self) -> bool {
        !self.now.is_absent()
            && (self.before.is_absent() || self.now.is_directory() != self.before.is_directory())
    }

    fn makes_directory(&self) -> bool {
        self.before.is_directory() && !self.now.is_directory()
    }

    pub(super) fn puts_content(&self) -> bool {
        !self.before.is_absent()
            && !self.before.is_directory()
            && !self.now.same_content(&self.before)
    }

    fn sets_metadata(&self) -> bool {
        !self.before.is_absent() && self.now.same_content(&self.before)
    }
}
