//! One node, read so that what is recorded was true at one moment: its status is taken before and
//! after, and it is read again where the two differ.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    FileType, Mode, OFlags, SeekFrom, fgetxattr, flistxattr, getxattr, ioctl_getflags, lgetxattr,
    listxattr, llistxattr, openat, readlinkat, seek,
};
use rustix::io::Errno;

use super::error::unreadable;
use super::place::{Status, status, status_of};
use super::{ContentName, Node, NodeMetadata, SnapshotError};
use crate::system::{ByteString, lease};

/// How often a node that changes is taken again before the snapshot gives up.
const AGAIN: usize = 3;

/// The inode flags that a person can set (chattr(1), linux/fs.h): secure deletion, undeletable,
/// compressed, synchronous, immutable, append-only, no dump, no access time, not compressed, journalled
/// data, no tail-merging, synchronous directory, top of a hierarchy, no copy-on-write, direct access,
/// inherited project, case-insensitive. The others say how the file system keeps the file.
pub(super) const FLAGS: u32 = 0x6283_c4ff;

/// Where the content of a regular file goes, and what may already be known about a node.
pub(super) trait Content {
    /// The name of the content of a file that may not be read, where it can be known all the same.
    fn known_unread(&mut self, status: &Status) -> Option<Node>;

    /// Takes the content of a file, open at its start; of one with holes only its data segments. What
    /// it is called, and how many bytes were read.
    fn take(
        &mut self,
        file: &mut File,
        status: &Status,
        data: Option<&[(u64, u64)]>,
    ) -> Result<(ContentName, u64), SnapshotError>;
}

/// Reads the node at a name. `first` is its status as it was found; `content` is given each regular
/// file.
///
/// `None` where it has gone in the meantime.
///
/// # Errors
/// [`SnapshotError::Read`], [`SnapshotError::Unstable`], and what `content` fails with.
pub(super) fn read_node(
    directory: impl AsFd,
    name: &OsStr,
    path: &Path,
    first: Status,
    content: &mut dyn Content,
) -> Result<Option<(Node, Status)>, SnapshotError> {
    let directory = directory.as_fd();
    let mut before = first;
    for _ in 0..=AGAIN {
        let read = read_once(directory, name, path, &before, content)?;
        let after = match status(directory, name) {
            Ok(after) => after,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(unreadable(path)(error)),
        };
        match read {
            Some(node) if after == before => return Ok(Some((node, after))),
            _ => before = after,
        }
    }
    Err(SnapshotError::Unstable(path.to_owned()))
}

/// Reads it once; `None` where it was seen to change.
fn read_once(
    directory: impl AsFd,
    name: &OsStr,
    path: &Path,
    status: &Status,
    content: &mut dyn Content,
) -> Result<Option<Node>, SnapshotError> {
    let directory = directory.as_fd();
    let by_path = |links| -> Result<NodeMetadata, SnapshotError> {
        let xattrs = match read_xattrs(&pinned_path(directory, name), links) {
            Ok(xattrs) => xattrs,
            // Gone in the meantime: the status that is taken next says so too.
            Err(Errno::NOENT) if Path::new("/proc/self/fd").exists() => Vec::new(),
            Err(error) => return Err(unreadable(path)(error)),
        };
        Ok(NodeMetadata { xattrs, ..status.metadata.clone() })
    };
    let node = match status.kind {
        FileType::RegularFile => return read_file(directory, name, path, status, content),
        FileType::Symlink => {
            let target = match readlinkat(directory, name, Vec::new()) {
                Ok(target) => ByteString::from(target.into_bytes()),
                Err(Errno::NOENT | Errno::INVAL) => return Ok(None),
                Err(error) => return Err(unreadable(path)(error)),
            };
            Node::Symlink { metadata: by_path(Links::Themselves)?, target }
        }
        FileType::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let metadata = match openat(directory, name, flags, Mode::empty()) {
                Ok(opened) => opened_metadata(&File::from(opened), path, status)?,
                // It may be passed through and not read: its flags cannot be asked for.
                Err(Errno::ACCESS) => by_path(Links::Themselves)?,
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => return Ok(None),
                Err(error) => return Err(unreadable(path)(error)),
            };
            Node::Directory { metadata }
        }
        FileType::Fifo => Node::Fifo { metadata: by_path(Links::Themselves)? },
        FileType::BlockDevice | FileType::CharacterDevice => Node::Device {
            metadata: by_path(Links::Themselves)?,
            kind: if status.kind == FileType::BlockDevice { "block" } else { "character" }
                .to_owned(),
            number: status.number,
        },
        FileType::Socket | FileType::Unknown => {
            Node::Socket { metadata: by_path(Links::Themselves)? }
        }
    };
    Ok(Some(node))
}

/// A regular file; `None` where it was seen to change.
fn read_file(
    directory: impl AsFd,
    name: &OsStr,
    path: &Path,
    status: &Status,
    content: &mut dyn Content,
) -> Result<Option<Node>, SnapshotError> {
    let mut file = match open_regular(directory, name) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(error @ (Errno::ACCESS | Errno::PERM)) => {
            let known = content.known_unread(status).map(Some);
            return known.ok_or_else(|| unreadable(path)(error));
        }
        Err(error) => return Err(unreadable(path)(error)),
    };
    if status_of(&file).map_err(unreadable(path))? != *status {
        return Ok(None);
    }
    let metadata = opened_metadata(&file, path, status)?;
    let data = data_segments(&file, status.size).map_err(unreadable(path))?;
    let (name, length) = content.take(&mut file, status, data.as_deref())?;
    let expected = data.as_ref().map_or(status.size, |data| data.iter().map(|(_, it)| it).sum());
    Ok((length == expected).then_some(Node::File {
        metadata,
        size: status.size,
        content: name,
        data,
    }))
}

/// What the system keeps about an open file or directory beside its status.
fn opened_metadata(
    opened: &File,
    path: &Path,
    status: &Status,
) -> Result<NodeMetadata, SnapshotError> {
    let flags = match ioctl_getflags(opened) {
        Ok(flags) => Some(flags.bits() & FLAGS),
        // Not every file system has them.
        Err(_) => None,
    };
    let xattrs = collect_open_xattrs(opened.as_fd()).map_err(unreadable(path))?;
    Ok(NodeMetadata { xattrs, flags, ..status.metadata.clone() })
}

/// The data segments of a file with holes, offset and length each; `None` where it has no holes, or
/// its file system does not tell (lseek(2), `SEEK_DATA`).
fn data_segments(file: &File, size: u64) -> Result<Option<Vec<(u64, u64)>>, Errno> {
    if size == 0 {
        return Ok(None);
    }
    match seek(file, SeekFrom::Hole(0)) {
        Ok(hole) if hole >= size => {
            seek(file, SeekFrom::Start(0))?;
            return Ok(None);
        }
        Ok(_) => {}
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut segments = Vec::new();
    let mut at = 0;
    while at < size {
        let data = match seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error),
        };
        if data >= size {
            break;
        }
        let hole = seek(file, SeekFrom::Hole(data))?.min(size);
        segments.push((data, hole - data));
        at = hole;
    }
    seek(file, SeekFrom::Start(0))?;
    Ok(Some(segments))
}

/// Opens a regular file for reading. Should a pipe or a device have taken its place, the open
/// neither waits for it nor makes it a controlling terminal.
fn open_regular(directory: impl AsFd, name: &OsStr) -> Result<File, Errno> {
    let directory = directory.as_fd();
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // A snapshot should leave no trace; only the owner and root may leave the access time alone.
    let open = |flags| lease::once_given_up(|| openat(directory, name, flags, Mode::empty()));
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags).map(File::from),
        opened => opened.map(File::from),
    }
}

/// The path of a name in an open directory, for the calls that take no descriptor. The directory is
/// pinned by the descriptor; the l…xattr calls do not follow a link in the last place.
pub(super) fn pinned_path(directory: impl AsFd, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(directory.as_fd().as_raw_fd().to_string()).join(name)
}

/// Whether the attributes of a link are its own or those of what it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Links {
    /// Its own.
    Themselves,
    /// Those of what it leads to: for the links in `/proc/self/fd`.
    Followed,
}

/// All extended attributes of a path, sorted by name, values in hex.
///
/// # Errors
/// Those of llistxattr(2) and lgetxattr(2), except that a file system without them has none.
pub(super) fn read_xattrs(path: &Path, links: Links) -> Result<Vec<(ByteString, String)>, Errno> {
    let list = |buffer: &mut [u8]| match links {
        Links::Themselves => llistxattr(path, buffer),
        Links::Followed => listxattr(path, buffer),
    };
    let get = |name: &[u8], buffer: &mut [u8]| match links {
        Links::Themselves => lgetxattr(path, OsStr::from_bytes(name), buffer),
        Links::Followed => getxattr(path, OsStr::from_bytes(name), buffer),
    };
    collect_xattrs(list, get)
}

/// The same of an open file or directory.
///
/// # Errors
/// As [`read_xattrs`].
pub(super) fn collect_open_xattrs(
    opened: BorrowedFd<'_>,
) -> Result<Vec<(ByteString, String)>, Errno> {
    let list = |buffer: &mut [u8]| flistxattr(opened, buffer);
    let get = |name: &[u8], buffer: &mut [u8]| fgetxattr(opened, OsStr::from_bytes(name), buffer);
    collect_xattrs(list, get)
}

fn collect_xattrs(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> Result<Vec<(ByteString, String)>, Errno> {
    // The largest list, and the largest value, that Linux gives out.
    const LARGEST: usize = 64 * 1024;
    let mut small = [0_u8; 256];
    let names = match list(&mut small) {
        Ok(length) => small.get(..length).unwrap_or_default().to_vec(),
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {
            let mut large = vec![0_u8; LARGEST];
            let length = list(&mut large)?;
            large.truncate(length);
            large
        }
        Err(error) => return Err(error),
    };
    let mut xattrs = Vec::new();
    let names: Vec<&[u8]> =
        names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    for name in &names {
        if another_name_of(name).is_some_and(|first| names.contains(&first)) {
            continue;
        }
        let mut value = vec![0_u8; LARGEST];
        match get(name, &mut value) {
            Ok(length) => {
                let hex = value.iter().take(length).map(|byte| format!("{byte:02x}")).collect();
                xattrs.push((ByteString::from(name.to_vec()), hex));
            }
            // Removed between the list and the read; the change time has moved with it.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    xattrs.sort();
    Ok(xattrs)
}

/// The attribute that this one says once more, where both are there: XFS lists an ACL under the name
/// that it had on IRIX as well, and keeps it once (xfs_xattr.c, `xfs_xattr_put_listent`).
fn another_name_of(name: &[u8]) -> Option<&'static [u8]> {
    match name {
        b"trusted.SGI_ACL_FILE" => Some(b"system.posix_acl_access"),
        b"trusted.SGI_ACL_DEFAULT" => Some(b"system.posix_acl_default"),
        _ => None,
    }
}
