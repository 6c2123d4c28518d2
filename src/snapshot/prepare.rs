//! The first pass of an undo: everything that comes back is made beside its place, with its content
//! held to its digest while it is written and with its metadata. Nothing of anybody else's is changed
//! by it but the times of the directories, which are put back.
//!
//! Where a whole directory is missing, it is made under one name of ours, with all that belongs into
//! it, and moved to its place as a whole.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use super::content::{Unmade, pin};
use super::judge::LOCKING;
use super::metadata::{Held, set_metadata};
use super::pairs::is_below;
use super::place::{open_directory, status, status_of};
use super::restore::{Halt, Restorer, halt};
use super::steps::{How, Item, Steps};
use super::{Node, NodeMetadata, Step};
use crate::system::ByteString;
use crate::system::lease;

/// How many directories of a tree that is being made are kept open.
const KEPT_OPEN: usize = 64;

/// Why the first pass ended early. Nothing was touched.
#[derive(Debug)]
pub(super) enum Unprepared {
    /// Something went wrong at a path.
    Halt(Halt),
    /// The content of these is not in the store as it was.
    Lost(Vec<(Step, String)>),
}

impl From<Halt> for Unprepared {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

/// A directory on the way.
struct Level {
    path: ByteString,
    /// For one that is there: how it is.
    now: Node,
    /// For one that is being made: where, and what it is to be.
    made: Option<Made>,
}

struct Made {
    place: PathBuf,
    opened: Option<OwnedFd>,
    /// As it was made: which inode it is.
    made: NodeMetadata,
    wanted: Node,
}

impl Made {
    /// It, open: once more by its path, where it was closed meanwhile, and only where it still is the
    /// one that was made.
    fn open(&mut self, path: &Path) -> Result<OwnedFd, Halt> {
        if let Some(opened) = self.opened.take() {
            return Ok(opened);
        }
        const GONE: &str = "the directory that is being made is gone";
        let pinned = open_directory(&self.place).map_err(halt(path, GONE))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(&pinned, ".", flags, Mode::empty()).map_err(halt(path, GONE))?;
        let found = status_of(&opened).map_err(halt(path, GONE))?;
        if found.metadata.same_inode(&self.made) {
            Ok(opened)
        } else {
            Err(Halt { path: path.to_owned(), why: GONE.to_owned() })
        }
    }
}

impl Restorer<'_> {
    /// Prepares all steps. With `force`, what is lost in the store is left out; else it is an error.
    ///
    /// # Errors
    /// [`Unprepared`], with everything taken away again.
    pub(super) fn prepare(
        &mut self,
        steps: &Steps,
        force: bool,
        made: &mut dyn FnMut(&Step),
    ) -> Result<(), Unprepared> {
        let mut lost = Vec::new();
        let mut outcome = self.prepare_all(steps, &mut lost, made).map_err(Unprepared::Halt);
        if outcome.is_ok() && !lost.is_empty() && !force {
            outcome = Err(Unprepared::Lost(std::mem::take(&mut lost)));
        }
        if outcome.is_err() {
            self.unprepare(steps);
            return outcome;
        }
        self.not_restored.extend(lost.into_iter().map(|(step, why)| {
            let path = super::error::shown(step.path.as_path());
            format!("{path} stays as it is: its content in the store is damaged: {why}")
        }));
        Ok(())
    }

    fn prepare_all(
        &mut self,
        steps: &Steps,
        lost: &mut Vec<(Step, String)>,
        made: &mut dyn FnMut(&Step),
    ) -> Result<(), Halt> {
        let mut way: Vec<Level> = Vec::new();
        for item in steps.items() {
            let item = item.map_err(Halt::of_store)?;
            while let Some(level) = way.pop_if(|level| !is_below(&item.step.path, &level.path)) {
                self.close(level)?;
            }
            match self.prepare_one(&item, steps, &mut way) {
                Ok(()) => {}
                Err(Unmade::Halt(halt)) => return Err(halt),
                Err(Unmade::Lost(why)) => {
                    self.lost.insert(item.step.path.clone());
                    lost.push((item.step.clone(), why));
                }
            }
            if item.is_step() {
                made(&item.step);
            }
        }
        while let Some(level) = way.pop() {
            self.close(level)?;
        }
        self.sync()
    }

    fn prepare_one(
        &mut self,
        item: &Item,
        steps: &Steps,
        way: &mut Vec<Level>,
    ) -> Result<(), Unmade> {
        let step = &item.step;
        let path = step.path.as_path();
        let missing = item.is_step() && step.before.is_directory() && !step.now.is_directory();
        if missing {
            let opened = self.in_directory(step, steps, way, |this, parent, name| {
                this.make_directory(parent, name, path).map_err(Unmade::Halt)
            })?;
            let place = match way.last() {
                Some(Level { made: Some(above), path: above_path, .. })
                    if path.parent() == Some(above_path.as_path()) =>
                {
                    above.place.join(path.file_name().unwrap_or_default())
                }
                _ => path.with_file_name(self.temporary_name(path)),
            };
            let found = status_of(&opened).map_err(halt(path, "it cannot be looked at"))?;
            let made = Made {
                place,
                opened: Some(opened),
                made: found.metadata,
                wanted: step.before.clone(),
            };
            let (path, now) = (step.path.clone(), Node::Absent);
            way.push(Level { path, now, made: Some(made) });
            let above = way.len().checked_sub(KEPT_OPEN + 1);
            if let Some(made) =
                above.and_then(|above| way.get_mut(above)).and_then(|level| level.made.as_mut())
            {
                made.opened = None;
            }
            return Ok(());
        }
        if item.is_step() && step.puts_content() {
            if self.must_stay_in_place(step)? {
                self.in_place.insert(step.path.clone());
                self.check_content(&step.before).map_err(Unmade::Lost)?;
            } else {
                self.in_directory(step, steps, way, |this, parent, name| {
                    this.make(parent, name, path, &step.before)
                })?;
            }
        }
        if step.now.is_directory() {
            self.open_up(step)?;
            way.push(Level { path: step.path.clone(), now: step.now.clone(), made: None });
        }
        Ok(())
    }

    /// Does something in the directory in which a step is prepared, with the name to use there.
    fn in_directory<T>(
        &mut self,
        step: &Step,
        steps: &Steps,
        way: &mut [Level],
        mut act: impl FnMut(&mut Self, &OwnedFd, &OsStr) -> Result<T, Unmade>,
    ) -> Result<T, Unmade> {
        let path = step.path.as_path();
        let level = way.last_mut().filter(|level| path.parent() == Some(level.path.as_path()));
        if let Some(Level { made: Some(made), .. }) = level {
            let name = path.file_name().unwrap_or_default();
            let opened = made.open(path)?;
            let outcome = act(self, &opened, name);
            made.opened = Some(opened);
            return outcome;
        }
        let (parent, name) = self.parent(path)?;
        let now = level.map(|level| (level.path.clone(), level.now.clone()));
        if let Some((directory, now)) = now {
            self.unlock_directory(&parent, &directory, &now)?;
            self.entered.entry(directory).or_insert(now);
        }
        self.check(&parent, &name, path, &step.now)?;
        let temporary = self.temporary_name(path);
        self.clear(&parent, &temporary, path, steps)?;
        act(self, &parent, &temporary)
    }

    /// Takes away the flags that keep names in a directory from being changed.
    pub(super) fn unlock_directory(
        &mut self,
        opened: &OwnedFd,
        path: &ByteString,
        now: &Node,
    ) -> Result<(), Halt> {
        let flags = now.metadata().and_then(|metadata| metadata.flags).unwrap_or_default();
        if flags & LOCKING == 0 || self.unlocked.contains(path) {
            return Ok(());
        }
        let found = status_of(opened).map_err(halt(path.as_path(), "it cannot be looked at"))?;
        self.entered.entry(path.clone()).or_insert_with(|| now.clone());
        self.unlock_held(opened, &found, path.as_path())?;
        self.unlocked.insert(path.clone());
        Ok(())
    }

    /// A directory that was being made has all that belongs into it.
    fn close(&mut self, level: Level) -> Result<(), Halt> {
        let Some(mut made) = level.made else { return Ok(()) };
        let path = level.path.as_path();
        let opened = made.open(path)?;
        set_metadata(Held::open(&opened), path, &made.wanted, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }

    /// Lets ourselves into a directory whose owner may not enter or change it: root may always.
    fn open_up(&mut self, step: &Step) -> Result<(), Halt> {
        let Node::Directory { metadata } = &step.now else { return Ok(()) };
        if rustix::process::geteuid().is_root() || metadata.mode & 0o700 == 0o700 {
            return Ok(());
        }
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        let (pinned, found) = pin(&parent, &name).map_err(halt(path, "it cannot be looked at"))?;
        self.check_found(&found, path, &step.now)?;
        self.entered.entry(step.path.clone()).or_insert_with(|| step.now.clone());
        let open = NodeMetadata { mode: metadata.mode | 0o700, ..metadata.clone() };
        let mut refused = Vec::new();
        let open = Node::Directory { metadata: open };
        set_metadata(Held::pinned(&pinned), path, &open, &mut refused)
            .map_err(halt(path, "the directory cannot be opened up"))
    }

    /// Whether a file has to stay the inode that it is: something is mounted over it, or somebody
    /// writes to it (the log of a daemon), and it is the one of *before* or nobody else's.
    fn must_stay_in_place(&mut self, step: &Step) -> Result<bool, Halt> {
        let (Node::File { metadata: now, .. }, Node::File { metadata: before, .. }) =
            (&step.now, &step.before)
        else {
            return Ok(false);
        };
        match step.how {
            How::InPlace => return Ok(true),
            How::Plain if now.links == 1 => {}
            _ => return Ok(false),
        }
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        let found = match status(&parent, &name) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(halt(path, "it cannot be looked at")(error)),
        };
        if found.kind != FileType::RegularFile || !found.metadata.same_inode(now) {
            return Ok(false);
        }
        if found.mount_root && now.same_inode(before) {
            return Ok(true);
        }
        // Whoever writes to it would go on to: where they can since then only, they are not to.
        if step.before.lends_rights() || now.is_open_to_more_than(before) {
            return Ok(false);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = || openat(&parent, &name, flags, Mode::empty());
        let opened = lease::once_given_up(open).map(File::from);
        // Not where it is only read: a program or library that is running must not change.
        Ok(opened.is_ok_and(|opened| lease::is_open_for_writing(opened.as_fd())))
    }

    /// Takes everything away that was prepared.
    fn unprepare(&mut self, steps: &Steps) {
        // The error that led here is the one that matters; the next attempt clears away again.
        let _ = self.clear_all(steps, None);
        self.close_again();
        self.lost.clear();
        self.in_place.clear();
    }
}
