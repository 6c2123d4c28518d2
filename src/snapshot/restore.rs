//! The second pass of an undo: what was prepared is moved into place, what the command made is
//! removed, metadata is set. Every change is made through a descriptor of the directory that holds the
//! path, opened from the root down without following a link for each step anew, and only where the
//! path still is what the plan found there. So whoever changes the way meanwhile leads it nowhere else.
//!
//! The steps come in the order of their paths; what is to be done to a directory once all in it is
//! done waits on a stack.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, syncfs, unlinkat,
};
use rustix::io::Errno;

use super::content::pin;
use super::error::shown;
use super::judge::LOCKING;
use super::metadata::{Held, set_locking_flags, set_metadata};
use super::objects::Objects;
use super::pairs::is_below;
use super::place::{Status, open_directory, status, status_of};
use super::steps::{Doing, How, Item, Steps};
use super::{Node, NodeMetadata, SnapshotError, Step};
use crate::system::ByteString;

/// Why a step could not be taken.
#[derive(Debug)]
pub(super) struct Halt {
    pub(super) path: PathBuf,
    pub(super) why: String,
}

impl Halt {
    /// The plan's own file could not be read.
    pub(super) fn of_store(error: SnapshotError) -> Self {
        Self { path: PathBuf::from("/"), why: error.to_string() }
    }
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
    /// What could not be restored, a sentence each.
    pub(super) not_restored: Vec<String>,
    /// The inodes that this undo has changed itself: files with several names come by again.
    pub(super) touched: HashSet<(u64, u64)>,
    /// What is rewritten where it is.
    pub(super) in_place: BTreeSet<ByteString>,
    /// What has no content to come back with.
    pub(super) lost: BTreeSet<ByteString>,
    /// Directories that were entered, as they were before that.
    pub(super) entered: BTreeMap<ByteString, Node>,
    /// Those of them whose locking flags are lifted.
    pub(super) unlocked: BTreeSet<ByteString>,
    /// Locking flags of files with several names: set when all of these are there.
    pub(super) locked_leaders: BTreeMap<PathBuf, u32>,
    /// One directory on each file system that was written to.
    file_systems: BTreeMap<u64, OwnedFd>,
}

/// A directory whose end has to be awaited.
struct Level {
    item: Item,
    /// Whether anything in it went back.
    touched: bool,
    /// Whether it was made by the first pass, with all that is in it.
    made: bool,
}

impl<'a> Restorer<'a> {
    pub(super) fn new(objects: &'a Objects, tag: &str) -> Self {
        Self {
            objects,
            tag: format!(".hitl-undo-{tag}-"),
            not_restored: Vec::new(),
            touched: HashSet::new(),
            in_place: BTreeSet::new(),
            lost: BTreeSet::new(),
            entered: BTreeMap::new(),
            unlocked: BTreeSet::new(),
            locked_leaders: BTreeMap::new(),
            file_systems: BTreeMap::new(),
        }
    }

    /// Takes all steps, which were prepared. `took` is called for each.
    ///
    /// # Errors
    /// [`Halt`]; what was restored stays, and the same calls with a new plan go on from there.
    pub(super) fn apply(&mut self, steps: &Steps, took: &mut dyn FnMut(&Step)) -> Result<(), Halt> {
        let mut way: Vec<Level> = Vec::new();
        for item in steps.items() {
            let item = item.map_err(Halt::of_store)?;
            while let Some(level) =
                way.pop_if(|level| !is_below(&item.step.path, &level.item.step.path))
            {
                self.leave(level, &mut way)?;
            }
            if item.is_step() {
                took(&item.step);
            }
            self.take(item, &mut way)?;
        }
        while let Some(level) = way.pop() {
            self.leave(level, &mut way)?;
        }
        for (path, flags) in std::mem::take(&mut self.locked_leaders) {
            let (parent, name) = self.parent(&path)?;
            let (pinned, _) = pin(&parent, &name).map_err(halt(&path, "it is gone"))?;
            set_locking_flags(Held::pinned(&pinned), &path, flags, &mut self.not_restored)
                .map_err(halt(&path, "its inode flags cannot be set"))?;
        }
        self.sync()
    }

    fn take(&mut self, item: Item, way: &mut Vec<Level>) -> Result<(), Halt> {
        let step = &item.step;
        match item.doing {
            Doing::Name => {
                // Another name of it may have to be unlocked.
                let flags = step.now.metadata().and_then(|metadata| metadata.flags);
                if let Some(flags) = flags.filter(|flags| flags & LOCKING != 0) {
                    let path = step.path.as_path().to_owned();
                    self.locked_leaders.entry(path).or_insert(flags);
                }
                return Ok(());
            }
            Doing::Way { .. } => {
                way.push(Level { item, touched: false, made: false });
                return Ok(());
            }
            Doing::Go | Doing::Against(_) => {}
        }
        if step.now.is_directory() {
            way.push(Level { item, touched: false, made: false });
            return Ok(());
        }
        let path = step.path.as_path();
        let above = way.last_mut().filter(|level| is_in(path, level));
        let inside = above.as_ref().is_some_and(|level| level.made);
        let changes_names = !matches!(step.how, How::Shared(_))
            && !self.in_place.contains(&step.path)
            && !self.lost.contains(&step.path)
            && (step.before.is_absent()
                || step.before.is_directory()
                || matches!(step.how, How::Link(_))
                || step.puts_content());
        if let Some(level) = above {
            // Also where only metadata goes back: its name may have got another inode, with the same
            // content and number.
            level.touched |= !inside || matches!(step.how, How::Link(_));
            if changes_names && !inside {
                self.unlock_above(level)?;
            }
        }
        if step.before.is_directory() {
            if !inside {
                self.move_into_place(step)?;
            }
            way.push(Level { item, touched: false, made: true });
            return Ok(());
        }
        if self.lost.contains(&step.path) {
            return Ok(());
        }
        match &step.how {
            How::Shared(_) => return Ok(()),
            How::Link(leader) if self.lost.contains(leader) => {
                let (path, leader) = (shown(path), shown(leader.as_path()));
                self.not_restored.push(format!("{path} stays as it is: it was one with {leader}"));
                return Ok(());
            }
            How::Link(leader) => return self.link(step, leader.as_path()),
            How::Plain | How::Apart | How::InPlace => {}
        }
        if step.before.is_absent() {
            return self.remove(step);
        }
        if self.in_place.contains(&step.path) {
            self.rewrite(step)?;
        } else if step.puts_content() {
            if !inside {
                self.move_into_place(step)?;
            }
        } else {
            self.restore_metadata(step)?;
        }
        self.lock_again(step)
    }

    /// What is left to do to a directory once all in it is done.
    fn leave(&mut self, level: Level, way: &mut [Level]) -> Result<(), Halt> {
        let Level { item, touched, made } = level;
        let step = &item.step;
        let path = step.path.as_path();
        let unlocked = self.unlocked.contains(&step.path);
        if let Doing::Way { quiet, moved } = item.doing {
            if (quiet && (touched || moved)) || self.entered.contains_key(&step.path) {
                return self.close_way(step, quiet, unlocked);
            }
            return Ok(());
        }
        if !step.before.is_directory() {
            if self.lost.contains(&step.path) {
                return Ok(());
            }
            if let Some(above) = way.last_mut().filter(|level| is_in(path, level)) {
                above.touched = true;
                self.unlock_above(above)?;
            }
            let (parent, name) = self.parent(path)?;
            self.unlock(&parent, &name, step)?;
            if step.before.is_absent() {
                return self.remove(step);
            }
            if let How::Link(leader) = &step.how {
                self.remove(step)?;
                let vacant = Step { now: Node::Absent, ..step.clone() };
                return self.link(&vacant, leader.as_path());
            }
            self.move_into_place(step)?;
            return self.lock_again(step);
        }
        match (made, touched) {
            (false, _) => self.restore_metadata(step)?,
            (true, true) => self.restore_time(step)?,
            (true, false) => {}
        }
        self.lock_again(step)
    }

    /// A directory that stays gets its time back, and what was taken from it to get into it.
    fn close_way(&mut self, step: &Step, quiet: bool, mut unlocked: bool) -> Result<(), Halt> {
        let path = step.path.as_path();
        let (Some(now), Some(before)) = (step.now.metadata(), step.before.metadata()) else {
            return Ok(());
        };
        let (parent, name) = self.parent(path)?;
        let (pinned, found) = pin(&parent, &name).map_err(halt(path, "it is gone"))?;
        self.check_found(&found, path, &step.now)?;
        let held = Held::pinned(&pinned);
        if found.metadata.mode != now.mode {
            let wanted = if quiet { &step.before } else { &step.now };
            set_metadata(held, path, wanted, &mut self.not_restored)
                .map_err(halt(path, "its metadata cannot be set"))?;
        } else if quiet && !found.metadata.same_mtime(before) {
            // Nothing in it had to be unlocked for, and its time has to.
            if !unlocked && now.flags.is_some_and(|flags| flags & LOCKING != 0) {
                unlocked = held.set_flags(0, LOCKING).is_ok();
            }
            self.touch(held, path, before)?;
        }
        match now.flags.filter(|_| unlocked) {
            Some(flags) => set_locking_flags(held, path, flags, &mut self.not_restored)
                .map_err(halt(path, "its inode flags cannot be set")),
            None => Ok(()),
        }
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
        match (status(parent, name), expected.is_absent()) {
            (Err(Errno::NOENT), true) => Ok(()),
            (Err(Errno::NOENT), false) => moved_on("it was removed in the meantime"),
            (Err(error), _) => Err(halt(path, "it cannot be looked at")(error)),
            (Ok(_), true) => moved_on("something was created there in the meantime"),
            (Ok(found), false) => self.check_found(&found, path, expected),
        }
    }

    /// The same of something that is held.
    pub(super) fn check_found(
        &self,
        found: &Status,
        path: &Path,
        expected: &Node,
    ) -> Result<(), Halt> {
        let found = &found.metadata;
        let ours = self.touched.contains(&(found.device, found.inode));
        let same = expected.metadata().is_some_and(|metadata| {
            found.same_inode(metadata)
                && (ours || expected.is_directory() || found.untouched_since(metadata))
        });
        let why = "it was changed in the meantime".to_owned();
        if same { Ok(()) } else { Err(Halt { path: path.to_owned(), why }) }
    }

    fn unlock_above(&mut self, level: &Level) -> Result<(), Halt> {
        let Step { path, now, .. } = &level.item.step;
        let locked = now.metadata().and_then(|it| it.flags).is_some_and(|it| it & LOCKING != 0);
        if locked && !self.unlocked.contains(path) {
            let opened = open_directory(path.as_path())
                .map_err(halt(path.as_path(), "it cannot be opened"))?;
            let found = status_of(&opened).map_err(halt(path.as_path(), "it is gone"))?;
            self.check_found(&found, path.as_path(), now)?;
            self.unlock_directory(&opened, path, now)?;
        }
        Ok(())
    }

    fn remove(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        self.unlock(&parent, &name, step)?;
        self.check(&parent, &name, path, &step.now)?;
        let flags = if step.now.is_directory() { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.note_touched(&step.now);
        match unlinkat(&parent, &name, flags) {
            Ok(()) => Ok(()),
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

    /// Moves what was prepared beside a place into it, at one stroke.
    fn move_into_place(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        let temporary = self.temporary_name(path);
        let cannot = "it cannot be moved into place";
        self.unlock(&parent, &name, step)?;
        self.check(&parent, &name, path, &step.now)?;
        if step.now.is_absent() {
            match renameat_with(&parent, &temporary, &parent, &name, RenameFlags::NOREPLACE) {
                // Some file systems do not know the flag; that nothing is there was just seen.
                Err(Errno::INVAL) => {}
                moved => return moved.map_err(halt(path, cannot)),
            }
            return renameat(&parent, &temporary, &parent, &name).map_err(halt(path, cannot));
        }
        self.note_touched(&step.now);
        let (now, before) = (step.now.is_directory(), step.before.is_directory());
        if now == before {
            return renameat(&parent, &temporary, &parent, &name).map_err(halt(path, cannot));
        }
        let flags = if now { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        match renameat_with(&parent, &temporary, &parent, &name, RenameFlags::EXCHANGE) {
            Ok(()) => match unlinkat(&parent, &temporary, flags) {
                Ok(()) => Ok(()),
                Err(error) => {
                    // What is left in it is somebody's: back with it.
                    let back = RenameFlags::EXCHANGE;
                    let _ = renameat_with(&parent, &temporary, &parent, &name, back);
                    Err(halt(path, "what took its place cannot be removed")(error))
                }
            },
            Err(Errno::INVAL | Errno::NOSYS) => {
                unlinkat(&parent, &name, flags)
                    .map_err(halt(path, "what took its place cannot be removed"))?;
                renameat(&parent, &temporary, &parent, &name).map_err(halt(path, cannot))
            }
            Err(error) => Err(halt(path, cannot)(error)),
        }
    }

    fn restore_metadata(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        self.unlock(&parent, &name, step)?;
        let (pinned, found) = pin(&parent, &name).map_err(halt(path, "it is gone"))?;
        self.check_found(&found, path, &step.now)?;
        self.touched.insert((found.metadata.device, found.metadata.inode));
        set_metadata(Held::pinned(&pinned), path, &step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }

    /// A directory that was made with all its metadata gets back the time that a name in it has moved.
    /// No more than that: whoever owns the directory above it may have put another in its place.
    fn restore_time(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let Some(before) = step.before.metadata() else { return Ok(()) };
        let (parent, name) = self.parent(path)?;
        let (pinned, _) = pin(&parent, &name).map_err(halt(path, "it is gone"))?;
        self.touch(Held::pinned(&pinned), path, before)
    }

    /// Sets a modification time; that this is not permitted is said in the end.
    fn touch(&mut self, held: Held<'_>, path: &Path, wanted: &NodeMetadata) -> Result<(), Halt> {
        match held.touch(wanted) {
            Ok(()) => {}
            Err(error @ (Errno::PERM | Errno::ACCESS | Errno::ROFS)) => {
                let sentence = format!("{}: its time stays as it is ({error})", shown(path));
                self.not_restored.push(sentence);
            }
            Err(error) => return Err(halt(path, "its time cannot be set")(error)),
        }
        Ok(())
    }

    /// Puts the flags back that lock a node: the last thing that is done to it.
    fn lock_again(&mut self, step: &Step) -> Result<(), Halt> {
        let flags = |node: &Node| node.metadata().and_then(|it| it.flags).unwrap_or_default();
        let (wanted, present) = (flags(&step.before), flags(&step.now));
        if wanted & LOCKING == 0 && present & LOCKING == 0 {
            return Ok(());
        }
        let path = step.path.as_path();
        let linked = step.before.metadata().is_some_and(|it| it.links > 1);
        if linked && !step.before.is_directory() {
            self.locked_leaders.insert(path.to_owned(), wanted);
            return Ok(());
        }
        let (parent, name) = self.parent(path)?;
        let (pinned, _) = pin(&parent, &name).map_err(halt(path, "it is gone"))?;
        set_locking_flags(Held::pinned(&pinned), path, wanted, &mut self.not_restored)
            .map_err(halt(path, "its inode flags cannot be set"))
    }

    pub(super) fn note_touched(&mut self, node: &Node) {
        if let Some(metadata) = node.metadata().filter(|metadata| metadata.links > 1) {
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

/// Whether a path stands in a directory itself.
fn is_in(path: &Path, level: &Level) -> bool {
    path.parent() == Some(level.item.step.path.as_path())
}

impl Step {
    /// Whether it needs a new inode, or new content in the old one.
    pub(super) fn puts_content(&self) -> bool {
        !self.before.is_absent()
            && !self.before.is_directory()
            && match self.how {
                How::Plain => !self.now.same_content(&self.before),
                How::Apart | How::InPlace => true,
                How::Link(_) | How::Shared(_) => false,
            }
    }
}
