//! One node, read so that what is recorded was true at one moment: its status is taken before and
//! after, and it is read again where the two differ.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    FileType, Mode, OFlags, getxattr, lgetxattr, listxattr, llistxattr, openat, readlinkat,
};
use rustix::io::Errno;

use super::error::unreadable;
use super::place::{Status, status, status_of};
use super::{Node, SnapshotError};
use crate::system::{ByteString, Digest};

/// How often a node that changes is taken again before the snapshot gives up.
const AGAIN: usize = 3;

/// Where the content of a regular file goes, and what may already be known about it.
pub(super) trait Content {
    /// The digest of a file that need not be opened, or (`refused`) that may not be.
    fn known(&self, status: &Status, refused: bool) -> Option<Digest>;

    /// Takes the content of a file, open at its start: its digest, and how many bytes it read.
    fn take(&mut self, file: &mut File, status: &Status) -> Result<(Digest, u64), SnapshotError>;
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
    let mut metadata = status.metadata.clone();
    let node = match status.kind {
        FileType::RegularFile => {
            let Some((digest, length)) = read_content(directory, name, path, status, content)?
            else {
                return Ok(None);
            };
            Node::File {
                metadata: with_xattrs(&mut metadata, directory, name, path)?,
                size: length,
                content: digest,
            }
        }
        FileType::Symlink => {
            let target = match readlinkat(directory, name, Vec::new()) {
                Ok(target) => ByteString::from(target.into_bytes()),
                Err(Errno::NOENT | Errno::INVAL) => return Ok(None),
                Err(error) => return Err(unreadable(path)(error)),
            };
            Node::Symlink { metadata: with_xattrs(&mut metadata, directory, name, path)?, target }
        }
        FileType::Directory => {
            Node::Directory { metadata: with_xattrs(&mut metadata, directory, name, path)? }
        }
        FileType::Fifo => {
            Node::Fifo { metadata: with_xattrs(&mut metadata, directory, name, path)? }
        }
        FileType::BlockDevice | FileType::CharacterDevice => Node::Device {
            metadata: with_xattrs(&mut metadata, directory, name, path)?,
            kind: if status.kind == FileType::BlockDevice { "block" } else { "character" }
                .to_owned(),
            number: status.number,
        },
        FileType::Socket | FileType::Unknown => {
            Node::Socket { metadata: with_xattrs(&mut metadata, directory, name, path)? }
        }
    };
    Ok(Some(node))
}

/// The digest and length of a regular file; `None` where it was seen to change.
fn read_content(
    directory: impl AsFd,
    name: &OsStr,
    path: &Path,
    status: &Status,
    content: &mut dyn Content,
) -> Result<Option<(Digest, u64)>, SnapshotError> {
    if let Some(digest) = content.known(status, false) {
        return Ok(Some((digest, status.size)));
    }
    let mut file = match open_regular(directory, name) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(error @ (Errno::ACCESS | Errno::PERM)) => {
            let known = content.known(status, true).map(|digest| Some((digest, status.size)));
            return known.ok_or_else(|| unreadable(path)(error));
        }
        Err(error) => return Err(unreadable(path)(error)),
    };
    let opened = status_of(&file).map_err(unreadable(path))?;
    if opened != *status {
        return Ok(None);
    }
    let (digest, length) = content.take(&mut file, status)?;
    Ok((length == status.size).then_some((digest, length)))
}

/// Opens a regular file for reading. Should a pipe or a device have taken its place, the open
/// neither waits for it nor makes it a controlling terminal.
fn open_regular(directory: impl AsFd, name: &OsStr) -> Result<File, Errno> {
    let directory = directory.as_fd();
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // A snapshot should leave no trace; only the owner and root may leave the access time alone.
    match openat(directory, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(directory, name, flags, Mode::empty()).map(File::from),
        opened => opened.map(File::from),
    }
}

/// The path of a name in an open directory, for the calls that take no descriptor. The directory is
/// pinned by the descriptor; the l…xattr calls do not follow a link in the last place.
pub(super) fn pinned_path(directory: impl AsFd, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(directory.as_fd().as_raw_fd().to_string()).join(name)
}

fn with_xattrs(
    metadata: &mut super::NodeMetadata,
    directory: impl AsFd,
    name: &OsStr,
    path: &Path,
) -> Result<super::NodeMetadata, SnapshotError> {
    metadata.xattrs = match read_xattrs(&pinned_path(directory, name), Links::Themselves) {
        Ok(xattrs) => xattrs,
        // Gone in the meantime: the status that is taken next says so too.
        Err(Errno::NOENT) if Path::new("/proc/self/fd").exists() => Vec::new(),
        Err(error) => return Err(unreadable(path)(error)),
    };
    Ok(metadata.clone())
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
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
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
