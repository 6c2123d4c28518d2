//! Going back, path by path: every change is made through a descriptor of the directory that holds
//! the path, opened from the root down without following a link, and only where the path still is
//! what the plan found there.
//!
//! Content is written beside its destination, synced, and moved into place, so that a file is the
//! old one or the new one at any time. Only a file with several names, or one that something is
//! mounted over, is rewritten in place, and only if it is the very inode that was captured.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, mkdirat, mknodat, openat, renameat,
    renameat_with, symlinkat, syncfs, unlinkat,
};
use rustix::io::Errno;

use super::error::shown;
use super::metadata::{set_metadata, set_times};
use super::objects::Objects;
use super::place::{open_directory, status, status_of};
use super::{Entry, Node, NodeMetadata, SnapshotError, Step};
use crate::system::Digest;

/// Why a step could not be taken.
#[derive(Debug)]
pub(super) struct Halt {
    pub(super) path: PathBuf,
    pub(super) why: String,
}

/// Makes a [`Halt`] of an error of the system.
fn halt<E: Into<io::Error>>(path: &Path, what: &str) -> impl FnOnce(E) -> Halt {
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

/// Content that lies beside its destination, under a name of ours.
struct Prepared<'a> {
    step: &'a Step,
    temporary: OsString,
}

/// An undo at work.
pub(super) struct Restorer<'a> {
    objects: &'a Objects,
    /// What the names of temporary files begin with: the same for every attempt at one undo, so that
    /// the next attempt clears away what an interrupted one left.
    tag: String,
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
            let (parent, name) = self.parent(&step.path.as_path().to_owned())?;
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
    fn parent(&mut self, path: &Path) -> Result<(OwnedFd, OsString), Halt> {
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
    fn check(
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

    /// Puts everything that is not a directory beside its place, syncs it, and moves it there.
    fn put_content(&mut self, steps: &[Step], took: &mut dyn FnMut(&Step)) -> Result<(), Halt> {
        let mut prepared: Vec<Prepared<'_>> = Vec::new();
        let mut in_place: Vec<&Step> = Vec::new();
        let outcome = steps.iter().filter(|step| step.puts_content()).try_for_each(|step| {
            if self.must_stay_in_place(step)? {
                in_place.push(step);
            } else {
                let temporary = self.temporary_name(step);
                prepared.push(Prepared { step, temporary });
                if let Some(last) = prepared.last() {
                    self.prepare(last)?;
                }
            }
            Ok(())
        });
        let outcome = outcome
            .and_then(|()| if prepared.is_empty() { Ok(()) } else { self.sync() })
            .and_then(|()| {
                while let Some(next) = prepared.last() {
                    self.move_into_place(next)?;
                    took(next.step);
                    prepared.pop();
                }
                Ok(())
            });
        if outcome.is_err() {
            for left in &prepared {
                // The error on its way is the one that matters; the next attempt clears away again.
                if let Ok((parent, _)) = self.parent(left.step.path.as_path()) {
                    let _ = unlinkat(&parent, &left.temporary, AtFlags::empty());
                }
            }
            return outcome;
        }
        for step in in_place {
            self.rewrite(step)?;
            took(step);
        }
        Ok(())
    }

    fn temporary_name(&self, step: &Step) -> OsString {
        let name = step.path.as_path().file_name().unwrap_or_default();
        let digest = Digest::of(name.as_bytes()).hex();
        OsString::from(format!("{}{}", self.tag, digest.get(..16).unwrap_or(&digest)))
    }

    fn must_stay_in_place(&mut self, step: &Step) -> Result<bool, Halt> {
        let (Node::File { metadata: now, .. }, Node::File { metadata: before, .. }) =
            (&step.now, &step.before)
        else {
            return Ok(false);
        };
        if !now.same_inode(before) {
            return Ok(false);
        }
        let (parent, name) = self.parent(step.path.as_path())?;
        let found = status(&parent, &name).map_err(halt(step.path.as_path(), "it is gone"))?;
        Ok(now.links > 1 || found.mount_root)
    }

    fn prepare(&mut self, prepared: &Prepared<'_>) -> Result<(), Halt> {
        let path = prepared.step.path.as_path();
        let (parent, _) = self.parent(path)?;
        let name = &prepared.temporary;
        match unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(halt(path, "an old temporary file is in the way")(error)),
        }
        let cannot = "it cannot be made again";
        let private = Mode::RUSR | Mode::WUSR;
        match &prepared.step.before {
            Node::File { content, .. } => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = openat(&parent, name, flags, private).map_err(halt(path, cannot))?;
                self.fill(&mut File::from(file), content, path)?;
            }
            Node::Symlink { target, .. } => {
                symlinkat(target.as_os_str(), &parent, name).map_err(halt(path, cannot))?;
            }
            Node::Fifo { .. } => {
                mknodat(&parent, name, FileType::Fifo, private, 0).map_err(halt(path, cannot))?
            }
            Node::Device { kind, number, .. } => {
                let kind =
                    if kind == "block" { FileType::BlockDevice } else { FileType::CharacterDevice };
                mknodat(&parent, name, kind, private, *number).map_err(halt(path, cannot))?;
            }
            Node::Absent | Node::Directory { .. } | Node::Socket { .. } => {
                let why = format!("a {} cannot be made again", prepared.step.before.kind());
                return Err(Halt { path: path.to_owned(), why });
            }
        }
        set_metadata(&parent, name, path, &prepared.step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }

    fn fill(&self, file: &mut File, content: &Digest, path: &Path) -> Result<(), Halt> {
        let mut wrote = |source| SnapshotError::Write { path: path.to_owned(), source };
        self.objects.copy_to(content, file, &mut wrote).map_err(|error| Halt {
            path: path.to_owned(),
            why: match error {
                SnapshotError::Write { source, .. } => format!("it cannot be written: {source}"),
                other => other.to_string(),
            },
        })
    }

    fn move_into_place(&mut self, prepared: &Prepared<'_>) -> Result<(), Halt> {
        let step = prepared.step;
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        let cannot = "it cannot be moved into place";
        let vacant = step.now.is_absent() || step.clears_the_way();
        let expected = if vacant { &Node::Absent } else { &step.now };
        self.check(&parent, &name, path, expected)?;
        if vacant {
            let flags = RenameFlags::NOREPLACE;
            match renameat_with(&parent, &prepared.temporary, &parent, &name, flags) {
                // Some file systems do not know the flag; that nothing is there was just seen.
                Err(Errno::INVAL) => {}
                moved => return moved.map_err(halt(path, cannot)),
            }
        }
        renameat(&parent, &prepared.temporary, &parent, &name).map_err(halt(path, cannot))?;
        self.note_touched(&step.now);
        Ok(())
    }

    /// Rewrites a file that has to stay the inode that it is.
    fn rewrite(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let Node::File { metadata, size, content } = &step.before else { return Ok(()) };
        let (parent, name) = self.parent(path)?;
        self.check(&parent, &name, path, &step.now)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&parent, &name, flags, Mode::empty())
            .map_err(halt(path, "it cannot be opened for writing"))?;
        let found = status_of(&opened).map_err(halt(path, "it cannot be looked at"))?;
        if found.kind != FileType::RegularFile || !found.metadata.same_inode(metadata) {
            let why = "it was replaced in the meantime".to_owned();
            return Err(Halt { path: path.to_owned(), why });
        }
        // The whole object is checked before the first byte of the file is overwritten.
        let mut nowhere = |source| SnapshotError::Write { path: path.to_owned(), source };
        self.objects
            .copy_to(content, &mut io::sink(), &mut nowhere)
            .map_err(|error| Halt { path: path.to_owned(), why: error.to_string() })?;
        let mut file = File::from(opened);
        self.fill(&mut file, content, path)?;
        file.set_len(*size).map_err(halt(path, "it cannot be cut to its old size"))?;
        self.note_touched(&step.now);
        set_metadata(&parent, &name, path, &step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
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

    fn note_touched(&mut self, node: &Node) {
        if let Some(metadata) = node.metadata() {
            self.touched.insert((metadata.device, metadata.inode));
        }
    }

    /// Makes everything that was done durable.
    fn sync(&self) -> Result<(), Halt> {
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
    fn clears_the_way(&self) -> bool {
        !self.now.is_absent()
            && (self.before.is_absent() || self.now.is_directory() != self.before.is_directory())
    }

    fn makes_directory(&self) -> bool {
        self.before.is_directory() && !self.now.is_directory()
    }

    fn puts_content(&self) -> bool {
        !self.before.is_absent()
            && !self.before.is_directory()
            && !self.now.same_content(&self.before)
    }

    fn sets_metadata(&self) -> bool {
        !self.before.is_absent() && self.now.same_content(&self.before)
    }
}
