//! One node that is made anew, or rewritten where it is, with everything that is recorded about it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FallocateFlags, FileType, IFlags, Mode, OFlags, fallocate, ioctl_getflags,
    ioctl_setflags, linkat, mkdirat, mknodat, openat, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::judge::LOCKING;
use super::metadata::{Held, set_metadata};
use super::objects::Wanted;
use super::observe::FLAGS;
use super::place::{Status, status_of};
use super::restore::{Halt, Restorer, halt};
use super::segments::SegmentWriter;
use super::{ContentName, Node, SnapshotError, Step};
use crate::system::lease;

/// Why a node was not made.
pub(super) enum Unmade {
    /// Its content in the store is not what it should be: why.
    Lost(String),
    /// Something else went wrong.
    Halt(Halt),
}

impl From<Halt> for Unmade {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

const CANNOT: &str = "it cannot be made again";

/// Why nothing is done to what was just made.
const TAKEN: &str = "something else took its place while it was made";

/// Pins a name in a directory, without following a link.
///
/// # Errors
/// Those of openat(2).
pub(super) fn pin(parent: impl AsFd, name: &OsStr) -> Result<(OwnedFd, Status), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let pinned = openat(parent, name, flags, Mode::empty())?;
    let found = status_of(&pinned)?;
    Ok((pinned, found))
}

impl Restorer<'_> {
    /// Makes a directory that nobody else can enter yet.
    pub(super) fn make_directory(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        path: &Path,
    ) -> Result<OwnedFd, Halt> {
        let cannot = "the directory cannot be made";
        mkdirat(parent, name, Mode::RWXU).map_err(halt(path, cannot))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(parent, name, flags, Mode::empty()).map_err(halt(path, cannot))?;
        // Whoever owns the directory above can put another in its place before it is open.
        let found = status_of(&opened).map_err(halt(path, cannot))?;
        let is_ours = found.metadata.uid == rustix::process::geteuid().as_raw()
            && found.metadata.mode & 0o077 == 0
            && super::walk::names(opened.as_fd()).is_ok_and(|names| names.is_empty());
        if !is_ours {
            return Err(Halt { path: path.to_owned(), why: TAKEN.to_owned() });
        }
        // Default access lists are inherited, and would be by all that comes into it.
        for list in ["system.posix_acl_default", "system.posix_acl_access"] {
            match rustix::fs::fremovexattr(&opened, list) {
                Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => {}
                Err(error) => return Err(halt(path, cannot)(error)),
            }
        }
        Ok(opened)
    }

    /// Makes anything else at a name where nothing is, with its content and metadata.
    pub(super) fn make(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        path: &Path,
        wanted: &Node,
    ) -> Result<(), Unmade> {
        let private = Mode::RUSR | Mode::WUSR;
        let kind = match wanted {
            Node::File { metadata, size, content, data } => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let made = openat(parent, name, flags, private).map_err(halt(path, CANNOT))?;
                let file = File::from(made);
                // Some of them say how content is to be stored.
                if let Some(flags) = metadata.flags {
                    let _ = Held::open(&file).set_flags(flags, FLAGS & !LOCKING);
                }
                if let Err(error) = self.fill(&file, content, data.as_deref(), path) {
                    if let Unmade::Lost(_) = error {
                        unlinkat(parent, name, AtFlags::empty()).map_err(halt(path, CANNOT))?;
                    }
                    return Err(error);
                }
                if data.is_some() {
                    file.set_len(*size).map_err(halt(path, "it cannot get its old size"))?;
                }
                set_metadata(Held::open(&file), path, wanted, &mut self.not_restored)
                    .map_err(halt(path, "its metadata cannot be set"))?;
                return Ok(());
            }
            Node::Symlink { target, .. } => {
                symlinkat(target.as_os_str(), parent, name).map_err(halt(path, CANNOT))?;
                FileType::Symlink
            }
            Node::Fifo { .. } => {
                mknodat(parent, name, FileType::Fifo, private, 0).map_err(halt(path, CANNOT))?;
                FileType::Fifo
            }
            Node::Device { kind, number, .. } => {
                let kind =
                    if kind == "block" { FileType::BlockDevice } else { FileType::CharacterDevice };
                mknodat(parent, name, kind, private, *number).map_err(halt(path, CANNOT))?;
                kind
            }
            Node::Absent | Node::Directory { .. } | Node::Socket { .. } => {
                let why = format!("a {} cannot be made again", wanted.kind());
                return Err(Halt { path: path.to_owned(), why }.into());
            }
        };
        let (pinned, found) = pin(parent, name).map_err(halt(path, CANNOT))?;
        let device = match wanted {
            Node::Device { number, .. } => *number,
            _ => found.number,
        };
        let is_ours = found.metadata.uid == rustix::process::geteuid().as_raw()
            && found.metadata.links == 1
            && (found.kind, found.number) == (kind, device);
        if !is_ours {
            return Err(Halt { path: path.to_owned(), why: TAKEN.to_owned() }.into());
        }
        set_metadata(Held::pinned(&pinned), path, wanted, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))?;
        Ok(())
    }

    fn fill(
        &self,
        file: &File,
        content: &ContentName,
        data: Option<&[(u64, u64)]>,
        path: &Path,
    ) -> Result<(), Unmade> {
        let wanted = Wanted::from(content).segments(data);
        if matches!(self.objects.reflink_to(wanted, file), Ok(true)) {
            // A clone is made without a look at what it is of.
            let checked = self.objects.check(wanted).map(drop);
            return checked.map_err(|error| Unmade::Lost(error.to_string()));
        }
        let mut file = SegmentWriter::of(file, data);
        let mut wrote = |source| SnapshotError::Write { path: path.to_owned(), source };
        self.objects.copy_to(wanted, &mut file, &mut wrote).map(drop).map_err(|error| match error {
            SnapshotError::Write { source, .. } => {
                halt(path, "it cannot be written")(source).into()
            }
            other => Unmade::Lost(other.to_string()),
        })
    }

    /// Reads content through and holds it to its name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check_content(&self, wanted: &Node) -> Result<(), String> {
        match wanted {
            Node::File { content, data, .. } => {
                let wanted = Wanted::from(content).segments(data.as_deref());
                self.objects.check(wanted).map(drop).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }

    /// Rewrites a file that has to stay the inode that it is.
    pub(super) fn rewrite(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let Node::File { size, content, data, .. } = &step.before else { return Ok(()) };
        let (parent, name) = self.parent(path)?;
        self.unlock(&parent, &name, step)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = lease::once_given_up(|| openat(&parent, &name, flags, Mode::empty()))
            .map_err(halt(path, "it cannot be opened for writing"))?;
        let found = status_of(&opened).map_err(halt(path, "it cannot be looked at"))?;
        self.check_found(&found, path, &step.now)?;
        if found.kind != FileType::RegularFile {
            let why = "it was replaced in the meantime".to_owned();
            return Err(Halt { path: path.to_owned(), why });
        }
        // The whole object is checked before the first byte of the file is overwritten.
        self.check_content(&step.before).map_err(|why| Halt { path: path.to_owned(), why })?;
        let file = File::from(opened);
        let all = [(0, *size)];
        let segments = data.as_deref().unwrap_or(&all);
        reserve(&file, segments).map_err(halt(path, "there is no room for its old content"))?;
        self.touched.insert((found.metadata.device, found.metadata.inode));
        if data.is_some() {
            // btrfs keeps what a hole of a shorter file reaches beyond.
            if found.size < *size {
                file.set_len(*size).map_err(halt(path, "it cannot get its old size"))?;
            }
            clear_holes(&file, segments, found.size.max(*size))
                .map_err(halt(path, "its holes cannot be made again"))?;
        }
        self.fill(&file, content, data.as_deref(), path).map_err(|error| match error {
            Unmade::Halt(halt) => halt,
            Unmade::Lost(why) => Halt { path: path.to_owned(), why },
        })?;
        file.set_len(*size).map_err(halt(path, "it cannot be cut to its old size"))?;
        set_metadata(Held::open(&file), path, &step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }

    /// Makes a path another name of the inode at another one.
    pub(super) fn link(&mut self, step: &Step, leader: &Path) -> Result<(), Halt> {
        let path = step.path.as_path();
        let cannot = "it cannot be linked again to the file that it was one with";
        let (from, from_name) = self.parent(leader)?;
        let (pinned, found) = pin(&from, &from_name).map_err(halt(path, cannot))?;
        let inode = (found.metadata.device, found.metadata.inode);
        if let Some(flags) = self.unlock_held(&pinned, &found, path)? {
            self.locked_leaders.entry(leader.to_owned()).or_insert(flags);
        }
        let (parent, name) = self.parent(path)?;
        self.unlock(&parent, &name, step)?;
        self.touched.insert(inode);
        if step.now.is_absent() {
            self.check(&parent, &name, path, &Node::Absent)?;
            linkat(&from, &from_name, &parent, &name, AtFlags::empty())
                .map_err(halt(path, cannot))?;
            return Ok(());
        }
        let temporary = self.temporary_name(path);
        match unlinkat(&parent, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(halt(path, "an old temporary file is in the way")(error)),
        }
        linkat(&from, &from_name, &parent, &temporary, AtFlags::empty())
            .map_err(halt(path, cannot))?;
        self.check(&parent, &name, path, &step.now)?;
        self.note_touched(&step.now);
        renameat(&parent, &temporary, &parent, &name).map_err(halt(path, cannot))?;
        // Between two names of one inode rename(2) does nothing.
        match unlinkat(&parent, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(halt(path, cannot)(error)),
        }
    }

    /// Takes the flags away that lock the node at a name, where the plan found any.
    pub(super) fn unlock(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        step: &Step,
    ) -> Result<(), Halt> {
        let locked =
            step.now.metadata().and_then(|it| it.flags).is_some_and(|it| it & LOCKING != 0);
        if !locked {
            return Ok(());
        }
        let path = step.path.as_path();
        let (pinned, found) = pin(parent, name).map_err(halt(path, "it cannot be looked at"))?;
        self.check_found(&found, path, &step.now)?;
        self.unlock_held(&pinned, &found, path)?;
        Ok(())
    }

    /// Takes the flags away that lock a regular file or directory; says what they were.
    pub(super) fn unlock_held(
        &mut self,
        pinned: &OwnedFd,
        found: &Status,
        path: &Path,
    ) -> Result<Option<u32>, Halt> {
        if !matches!(found.kind, FileType::RegularFile | FileType::Directory) {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let held = super::observe::pinned_path(pinned, OsStr::new("."));
        let file = super::observe::pinned_path(pinned, OsStr::new("")).components().collect();
        let through = if found.kind == FileType::Directory { held } else { file };
        let Ok(opened) = rustix::fs::open(through, flags, Mode::empty()) else { return Ok(None) };
        let Ok(present) = ioctl_getflags(&opened) else { return Ok(None) };
        if present.bits() & LOCKING == 0 {
            return Ok(None);
        }
        let unlocked = IFlags::from_bits_retain(present.bits() & !LOCKING);
        match ioctl_setflags(&opened, unlocked) {
            Ok(()) => {
                self.touched.insert((found.metadata.device, found.metadata.inode));
                Ok(Some(present.bits() & FLAGS))
            }
            Err(Errno::PERM | Errno::ACCESS) => {
                let why = "it is immutable or append-only (lsattr(1)), and lifting that takes \
                           CAP_LINUX_IMMUTABLE, which hitl does not have here"
                    .to_owned();
                Err(Halt { path: path.to_owned(), why })
            }
            Err(error) => Err(halt(path, "its inode flags cannot be lifted")(error)),
        }
    }
}

/// Makes sure that there is room for what will be written, where the file system can.
fn reserve(file: &File, segments: &[(u64, u64)]) -> Result<(), Errno> {
    for (at, length) in segments.iter().filter(|(_, length)| *length > 0) {
        // The other errors say that it cannot tell.
        if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) =
            fallocate(file, FallocateFlags::KEEP_SIZE, *at, *length)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Takes away what lies where holes are to be.
fn clear_holes(file: &File, segments: &[(u64, u64)], end: u64) -> Result<(), Errno> {
    // Of a block that a hole takes only in part btrfs keeps zeros, also of the one at the end of the
    // file: the last hole goes to the end of the largest block that there is.
    const BLOCK: u64 = 64 * 1024;
    let end = end.next_multiple_of(BLOCK);
    let mut at = 0;
    for (next, length) in segments.iter().copied().chain([(end, 0)]) {
        if next > at {
            let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match fallocate(file, mode, at, next - at) {
                Ok(()) => {}
                // Without that, an empty file is the way to get holes.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                    return rustix::fs::ftruncate(file, 0);
                }
                Err(error) => return Err(error),
            }
        }
        at = next + length;
    }
    Ok(())
}
