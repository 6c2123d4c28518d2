//! Owner, extended attributes, mode and times of one node, in the order in which none undoes
//! another: chown(2) takes set-id bits and capabilities away, so it comes first.
//!
//! The node is pinned by an `O_PATH` descriptor and changed through it, so that whoever owns the
//! directory cannot have another file made set-user-id in its stead.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmod, chownat,
    lremovexattr, lsetxattr, openat, removexattr, setxattr, utimensat,
};
use rustix::io::{Errno, Result};

use super::error::shown;
use super::observe::{Links, pinned_path, read_xattrs};
use super::place::status_of;
use super::{Node, NodeMetadata};
use crate::system::ByteString;

/// Mode bits that lend the owner's or group's rights to whoever executes the file.
const SET_ID: u32 = 0o6000;

/// Gives a node the metadata of another. What the caller may not set is left as it is and said in
/// `refused`; bits that lend the owner's rights are then not set either.
///
/// # Errors
/// Those of the system calls, except that something is not permitted or not supported.
pub(super) fn set_metadata(
    parent: impl AsFd,
    name: &OsStr,
    path: &Path,
    wanted: &Node,
    refused: &mut Vec<String>,
) -> Result<()> {
    let Some(metadata) = wanted.metadata() else { return Ok(()) };
    let link = matches!(wanted, Node::Symlink { .. });
    let pinned = pin(&parent, name)?;
    let found = status_of(&pinned)?;
    let mut refuse = |what: String, result: Result<()>| match result {
        Ok(()) => Ok(true),
        Err(error) if is_refusal(error) => {
            refused.push(format!("{}: {what} ({error})", shown(path)));
            Ok(false)
        }
        Err(error) => Err(error),
    };

    let same_owner = (found.metadata.uid, found.metadata.gid) == (metadata.uid, metadata.gid);
    let owned = same_owner
        || refuse(
            format!("it should belong to uid {} and gid {}", metadata.uid, metadata.gid),
            chown(&pinned, metadata),
        )?;

    let (through, links) = if link {
        (pinned_path(&parent, name), Links::Themselves)
    } else {
        (pinned_itself(&pinned), Links::Followed)
    };
    let present = read_xattrs(&through, links)?;
    for (attribute, _) in present.iter().filter(|(name, _)| !has(&metadata.xattrs, name)) {
        let remove =
            if link { lremovexattr::<&Path, &OsStr> } else { removexattr::<&Path, &OsStr> };
        refuse(
            format!("the attribute {attribute:?} should be gone"),
            remove(&through, attribute.as_os_str()),
        )?;
    }
    for attribute in metadata.xattrs.iter().filter(|attribute| !present.contains(attribute)) {
        let set = if link { lsetxattr::<&Path, &OsStr> } else { setxattr::<&Path, &OsStr> };
        let (name, value) = (&attribute.0, unhex(&attribute.1));
        refuse(
            format!("the attribute {name:?} should be what it was"),
            set(&through, name.as_os_str(), &value, XattrFlags::empty()),
        )?;
    }

    if !link {
        let mode = if owned { metadata.mode } else { metadata.mode & !SET_ID };
        if mode != metadata.mode {
            let what = "its set-id bits stay away, because its owner could not be restored";
            refuse(what.to_owned(), Err(Errno::PERM))?;
        }
        // Again, although it may look right already: the steps above can have changed it.
        if status_of(&pinned)?.metadata.mode != mode {
            refuse(
                format!("its mode should be {mode:04o}"),
                chmod(pinned_itself(&pinned), Mode::from_raw_mode(mode)),
            )?;
        }
    }
    refuse("its modification time should be what it was".to_owned(), touch(&pinned, metadata))?;
    Ok(())
}

/// Gives a node the modification time of another.
///
/// # Errors
/// Those of the system calls.
pub(super) fn set_times(parent: impl AsFd, name: &OsStr, metadata: &NodeMetadata) -> Result<()> {
    touch(&pin(parent, name)?, metadata)
}

fn pin(parent: impl AsFd, name: &OsStr) -> Result<OwnedFd> {
    openat(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The path that leads to the pinned inode, for calls that take no descriptor of this kind.
fn pinned_itself(pinned: &OwnedFd) -> PathBuf {
    // An empty name would leave a slash at the end, which only directories may have.
    pinned_path(pinned, OsStr::new("")).components().collect()
}

fn chown(pinned: &OwnedFd, metadata: &NodeMetadata) -> Result<()> {
    // The highest id means "leave it" to chown(2); no file can belong to it.
    if metadata.uid == u32::MAX || metadata.gid == u32::MAX {
        return Err(Errno::INVAL);
    }
    let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
    chownat(pinned, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

fn touch(pinned: &OwnedFd, metadata: &NodeMetadata) -> Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: metadata.mtime_s, tv_nsec: metadata.mtime_ns.into() },
    };
    utimensat(pinned, "", &times, AtFlags::EMPTY_PATH)
}

/// Whether an error says that the caller or the file system does not allow it, rather than that
/// something went wrong.
fn is_refusal(error: Errno) -> bool {
    matches!(
        error,
        Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::ROFS | Errno::INVAL | Errno::NODATA
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
