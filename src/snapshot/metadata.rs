//! Owner, extended attributes, mode, times and inode flags of one node, in the order in which none
//! undoes another: chown(2) takes set-id bits and capabilities away, so it comes first, and nothing
//! can be set where a flag says that a file is immutable, so those come last.
//!
//! The node is held by a descriptor and changed through it, so that whoever owns the directory cannot
//! have another file made set-user-id in its stead.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Gid, IFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmod,
    chownat, fchmod, fremovexattr, fsetxattr, futimens, ioctl_getflags, ioctl_setflags, open,
    removexattr, setxattr, utimensat,
};
use rustix::io::{Errno, Result};

use super::error::shown;
use super::judge::LOCKING;
use super::observe::{FLAGS, Links, collect_open_xattrs, pinned_path, read_xattrs};
use super::place::status_of;
use super::{Node, NodeMetadata};
use crate::system::ByteString;

/// Mode bits that lend the owner's or group's rights to whoever executes the file.
pub(super) const SET_ID: u32 = 0o6000;

/// A node that is held by a descriptor.
#[derive(Clone, Copy)]
pub(super) enum Held<'fd> {
    /// It is open.
    Open(BorrowedFd<'fd>),
    /// It is only pinned (`O_PATH`).
    Pinned(BorrowedFd<'fd>),
}

impl<'fd> Held<'fd> {
    pub(super) fn open(opened: &'fd impl AsFd) -> Self {
        Self::Open(opened.as_fd())
    }

    pub(super) fn pinned(pinned: &'fd impl AsFd) -> Self {
        Self::Pinned(pinned.as_fd())
    }

    fn descriptor(self) -> BorrowedFd<'fd> {
        match self {
            Self::Open(descriptor) | Self::Pinned(descriptor) => descriptor,
        }
    }

    /// The path that leads to the node, for calls that take no descriptor of this kind. It ends at the
    /// node, also where that is a link.
    fn path(self) -> PathBuf {
        // An empty name would leave a slash at the end, which only directories may have.
        pinned_path(self.descriptor(), OsStr::new("")).components().collect()
    }

    fn xattrs(self) -> Result<Vec<(ByteString, String)>> {
        match self {
            Self::Open(opened) => collect_open_xattrs(opened),
            Self::Pinned(_) => read_xattrs(&self.path(), Links::Followed),
        }
    }

    fn remove_xattr(self, name: &OsStr) -> Result<()> {
        match self {
            Self::Open(opened) => fremovexattr(opened, name),
            Self::Pinned(_) => removexattr(self.path(), name),
        }
    }

    fn set_xattr(self, name: &OsStr, value: &[u8]) -> Result<()> {
        match self {
            Self::Open(opened) => fsetxattr(opened, name, value, XattrFlags::empty()),
            Self::Pinned(_) => setxattr(self.path(), name, value, XattrFlags::empty()),
        }
    }

    fn chmod(self, mode: u32) -> Result<()> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Self::Open(opened) => fchmod(opened, mode),
            Self::Pinned(_) => chmod(self.path(), mode),
        }
    }

    /// Sets the modification time.
    ///
    /// # Errors
    /// Those of utimensat(2).
    pub(super) fn touch(self, metadata: &NodeMetadata) -> Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec {
                tv_sec: metadata.mtime_s,
                tv_nsec: metadata.mtime_ns.into(),
            },
        };
        match self {
            Self::Open(opened) => futimens(opened, &times),
            Self::Pinned(pinned) => utimensat(pinned, "", &times, AtFlags::EMPTY_PATH),
        }
    }

    /// Sets those inode flags that a mask names.
    ///
    /// # Errors
    /// Those of opening the node and of `FS_IOC_SETFLAGS`.
    pub(super) fn set_flags(self, wanted: u32, mask: u32) -> Result<()> {
        let opened;
        let descriptor = match self {
            Self::Open(descriptor) => descriptor,
            Self::Pinned(_) => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                opened = open(self.path(), flags, Mode::empty())?;
                opened.as_fd()
            }
        };
        let present = ioctl_getflags(descriptor)?.bits();
        let flags = (present & !mask) | (wanted & mask);
        if flags == present {
            return Ok(());
        }
        ioctl_setflags(descriptor, IFlags::from_bits_retain(flags))
    }
}

/// Gives a node the metadata of another, except for the flags that would lock it. What the caller may
/// not set is left as it is and said in `refused`; bits that lend the owner's rights are then not set
/// either.
///
/// # Errors
/// Those of the system calls, except that something is not permitted or not supported.
pub(super) fn set_metadata(
    held: Held<'_>,
    path: &Path,
    wanted: &Node,
    refused: &mut Vec<String>,
) -> Result<()> {
    let Some(metadata) = wanted.metadata() else { return Ok(()) };
    let link = matches!(wanted, Node::Symlink { .. });
    let found = status_of(held.descriptor())?.metadata;
    let mut refuse = |what: String, result: Result<()>| match result {
        Ok(()) => Ok(true),
        Err(error) if is_refusal(error) => {
            refused.push(format!("{}: {what} ({error})", shown(path)));
            Ok(false)
        }
        Err(error) => Err(error),
    };

    let same_owner = (found.uid, found.gid) == (metadata.uid, metadata.gid);
    let owned = same_owner
        || refuse(
            format!("it should belong to uid {} and gid {}", metadata.uid, metadata.gid),
            chown(held.descriptor(), metadata),
        )?;

    // What is made anew inherits access lists from its directory.
    let present = held.xattrs()?;
    for (attribute, _) in present.iter().filter(|(name, _)| !has(&metadata.xattrs, name)) {
        refuse(
            format!("the attribute {attribute:?} should be gone"),
            held.remove_xattr(attribute.as_os_str()),
        )?;
    }
    let changed = !same_owner || present.len() > metadata.xattrs.len();
    for attribute in metadata
        .xattrs
        .iter()
        // chown(2) takes capabilities away that were there.
        .filter(|attribute| changed || !present.contains(attribute))
    {
        let (name, value) = (&attribute.0, unhex(&attribute.1));
        let set = held.set_xattr(OsStr::from_bytes(name.as_bytes()), &value);
        refuse(format!("the attribute {name:?} should be what it was"), set)?;
    }

    if !link {
        let mode = if owned { metadata.mode } else { metadata.mode & !SET_ID };
        if mode != metadata.mode {
            let what = "its set-id bits stay away, because its owner could not be restored";
            refuse(what.to_owned(), Err(Errno::PERM))?;
        }
        // Again, although it may have looked right: the steps above can have changed it.
        if status_of(held.descriptor())?.metadata.mode != mode {
            refuse(format!("its mode should be {mode:04o}"), held.chmod(mode))?;
        }
    }
    refuse("its modification time should be what it was".to_owned(), held.touch(metadata))?;
    let has_flags = matches!(wanted, Node::File { .. } | Node::Directory { .. });
    if let Some(flags) = metadata.flags.filter(|_| has_flags) {
        let set = held.set_flags(flags, FLAGS & !LOCKING);
        refuse("its inode flags should be what they were".to_owned(), set)?;
    }
    Ok(())
}

/// Gives a node back the flags that lock it, once nothing else is left to be done to it.
///
/// # Errors
/// As [`set_metadata`].
pub(super) fn set_locking_flags(
    held: Held<'_>,
    path: &Path,
    flags: u32,
    refused: &mut Vec<String>,
) -> Result<()> {
    // Those that were to go went before anything else was done, from an inode that was looked at. Here
    // whoever owns the directory may have put another in its place, which root has locked.
    let locking = flags & LOCKING;
    if locking == 0 {
        return Ok(());
    }
    match held.set_flags(locking, locking) {
        Err(error) if is_refusal(error) => {
            let what = "it should be immutable or append-only, as it was";
            refused.push(format!("{}: {what} ({error})", shown(path)));
            Ok(())
        }
        set => set,
    }
}

fn chown(held: BorrowedFd<'_>, metadata: &NodeMetadata) -> Result<()> {
    // The highest id means "leave it" to chown(2); no file can belong to it.
    if metadata.uid == u32::MAX || metadata.gid == u32::MAX {
        return Err(Errno::INVAL);
    }
    let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
    chownat(held, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

/// Whether an error says that the caller or the file system does not allow it, rather than that
/// something went wrong.
fn is_refusal(error: Errno) -> bool {
    matches!(
        error,
        Errno::PERM
            | Errno::ACCESS
            | Errno::NOTSUP
            | Errno::NOTTY
            | Errno::ROFS
            | Errno::INVAL
            | Errno::NODATA
    )
}

fn has(xattrs: &[(ByteString, String)], name: &ByteString) -> bool {
    xattrs.iter().any(|(other, _)| other == name)
}

/// The bytes of lower-case hex; the manifest's digest has vouched for its form.
fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}
