//! Paths as descriptors: a directory is opened from the root down without following any link, so
//! that whoever owns a directory on the way cannot lead a capture or an undo somewhere else.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags,
    makedev, openat, openat2, statx,
};
use rustix::io::{Errno, Result};

use super::NodeMetadata;

/// How much of a path is given to the kernel at once: paths may be longer than `PATH_MAX` (4096).
const STRETCH: usize = 2048;

/// Opens a directory by its absolute path (`O_PATH`), following no link.
///
/// # Errors
/// `ELOOP` where a link is on the way, `ENOTDIR`, `ENOENT`, and `ENOSYS` before Linux 5.6.
pub(super) fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::BENEATH;
    let mut opened = openat(CWD, "/", flags, Mode::empty())?;
    let mut stretch: Vec<u8> = Vec::new();
    let mut components =
        path.as_os_str().as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    loop {
        let component = components.next();
        let length = component.map_or(usize::MAX, |part| stretch.len() + 1 + part.len());
        if length > STRETCH && !stretch.is_empty() {
            opened = openat2(&opened, stretch.as_slice(), flags, Mode::empty(), resolve)?;
            stretch.clear();
        }
        let Some(component) = component else { return Ok(opened) };
        if !stretch.is_empty() {
            stretch.push(b'/');
        }
        stretch.extend_from_slice(component);
    }
}

/// Opens the parents of paths, and remembers the last one: neighbours share it.
#[derive(Default)]
pub(super) struct Parents {
    last: Option<(PathBuf, Arc<OwnedFd>)>,
}

impl Parents {
    /// The directory that holds this path, and its name there. The root directory stands in itself,
    /// as `.`.
    ///
    /// # Errors
    /// As [`open_directory`].
    pub(super) fn of<'a>(&mut self, path: &'a Path) -> Result<(Arc<OwnedFd>, &'a OsStr)> {
        let (parent, name) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => (parent, name),
            _ => (Path::new("/"), OsStr::new(".")),
        };
        if let Some((last, opened)) = &self.last
            && last == parent
        {
            return Ok((Arc::clone(opened), name));
        }
        let opened = Arc::new(open_directory(parent)?);
        self.last = Some((parent.to_owned(), Arc::clone(&opened)));
        Ok((opened, name))
    }
}

/// Whether an error on the way to a path means that there is nothing at the path. Nothing can have a
/// name that is too long: it is an argument that merely could be a name, a long statement of SQL say.
pub(super) fn means_absent(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG)
}

/// What statx(2) says about a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Status {
    /// What it is.
    pub(super) kind: FileType,
    /// Its metadata, extended attributes not read yet.
    pub(super) metadata: NodeMetadata,
    /// Its size in bytes.
    pub(super) size: u64,
    /// For devices, what they stand for.
    pub(super) number: u64,
    /// Whether something is mounted here.
    pub(super) mount_root: bool,
}

/// The status of a name in a directory, its own and not that of what it links to.
///
/// # Errors
/// Those of statx(2).
pub(super) fn status(directory: impl AsFd, name: &OsStr) -> Result<Status> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    statx(directory, name, flags, StatxFlags::BASIC_STATS).map(|found| Status::from(&found))
}

/// The status of an open file.
///
/// # Errors
/// Those of statx(2).
pub(super) fn status_of(opened: impl AsFd) -> Result<Status> {
    statx(opened, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
        .map(|found| Status::from(&found))
}

impl From<&Statx> for Status {
    fn from(found: &Statx) -> Self {
        let mode = u32::from(found.stx_mode);
        let kind = FileType::from_raw_mode(mode);
        Self {
            kind,
            metadata: NodeMetadata {
                mode: mode & 0o7777,
                uid: found.stx_uid,
                gid: found.stx_gid,
                mtime_s: found.stx_mtime.tv_sec,
                mtime_ns: found.stx_mtime.tv_nsec,
                ctime_s: found.stx_ctime.tv_sec,
                ctime_ns: found.stx_ctime.tv_nsec,
                device: makedev(found.stx_dev_major, found.stx_dev_minor),
                inode: found.stx_ino,
                links: u64::from(found.stx_nlink),
                xattrs: Vec::new(),
                flags: None,
                link: None,
            },
            size: found.stx_size,
            number: makedev(found.stx_rdev_major, found.stx_rdev_minor),
            mount_root: found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        }
    }
}
