//! Puts an edit in place: a new file beside the old one, with its owner, mode and attributes, moved
//! over it in one step. At any time there is the old file or the new one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::stat::umask;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, XattrFlags, fchmod, fchown, fgetxattr,
    flistxattr, fremovexattr, fsetxattr, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::target::{hold, is_link, read_regular};
use super::{EditError, Expected, LARGEST, Person, place};
use crate::system::Digest;

/// What lends rights to the content that it stands beside: new content does not inherit it, as it
/// would not if it were written into the file (inode(7), capabilities(7)); and what the kernel computes
/// of the content itself.
const OF_THE_CONTENT: [&str; 3] = ["security.capability", "security.ima", "security.evm"];

/// The largest attribute (xattr(7)).
const LARGEST_ATTRIBUTE: usize = 64 * 1024;

/// Reads the new content and puts it at `path`, where `expected` is there now. `mask` is the umask for
/// a file that is made; `person` must not be able to exchange anything on the way.
///
/// # Errors
/// [`EditError`]; what was there is then there still.
pub fn install(
    path: &Path,
    input: impl Read,
    digest: &Digest,
    expected: Expected,
    mask: u32,
    person: Option<&Person>,
) -> Result<(), EditError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(EditError::NotAName(path.to_owned()));
    };
    let unwritable = |error: io::Error| EditError::Unwritable(path.to_owned(), error);
    let mut content = Vec::new();
    input.take(LARGEST + 1).read_to_end(&mut content).map_err(unwritable)?;
    if Digest::of(&content) != *digest {
        return Err(EditError::OtherContent);
    }
    let directory = hold(parent, path, person)?;
    let before = open_expected(&directory, name, path, expected)?;
    let temporary = temporary_name().map_err(unwritable)?;
    let attempt = || -> Result<(), EditError> {
        write_beside(&directory, &temporary, &content, before.as_ref(), mask)
            .map_err(unwritable)?;
        // What is there now, at the last moment, and not what was there when the copy was made.
        open_expected(&directory, name, path, expected)?;
        let moved = match before {
            Some(_) => renameat(&directory, &temporary, &directory, name),
            None => {
                let flags = RenameFlags::NOREPLACE;
                renameat_with(&directory, &temporary, &directory, name, flags)
            }
        };
        match moved {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(EditError::Changed(path.to_owned())),
            Err(error) => Err(unwritable(error.into())),
        }
    };
    attempt().inspect_err(|_| {
        // The error on its way is the one that matters.
        let _ = unlinkat(&directory, &temporary, AtFlags::empty());
    })?;
    // It is in place already; only a power cut could still take it back, and undo knows it.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let synced = openat(&directory, ".", flags, Mode::empty()).and_then(rustix::fs::fsync);
    match synced {
        Ok(()) | Err(Errno::ACCESS | Errno::INVAL) => Ok(()),
        Err(error) => Err(unwritable(error.into())),
    }
}

/// What is there, open, where it is what was expected.
fn open_expected(
    directory: &OwnedFd,
    name: &OsStr,
    path: &Path,
    expected: Expected,
) -> Result<Option<File>, EditError> {
    let changed = || EditError::Changed(path.to_owned());
    let file = match (place::file(directory, name), expected) {
        (Err(error), Expected::Absent) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => return Err(changed()),
        (Err(error), _) if is_link(&error) => return Err(EditError::Link(path.to_owned())),
        (Err(error), _) => return Err(EditError::Unreadable(path.to_owned(), error)),
        (Ok(_), Expected::Absent) => return Err(changed()),
        (Ok(file), Expected::Content(_)) => file,
    };
    let again = file.try_clone().map_err(|error| EditError::Unreadable(path.to_owned(), error))?;
    let content = read_regular(again, path)?;
    if Expected::Content(Digest::of(&content)) != expected {
        return Err(changed());
    }
    Ok(Some(file))
}

fn write_beside(
    directory: &OwnedFd,
    temporary: &OsStr,
    content: &[u8],
    before: Option<&File>,
    mask: u32,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = match before {
        Some(_) => File::from(openat(directory, temporary, flags, Mode::RUSR | Mode::WUSR)?),
        // The directory's default access list takes the place of the mask, where there is one.
        None => {
            let ours = umask(nix::sys::stat::Mode::from_bits_truncate(mask));
            let made = openat(directory, temporary, flags, Mode::from_raw_mode(0o666));
            umask(ours);
            File::from(made?)
        }
    };
    file.write_all(content)?;
    if let Some(before) = before {
        take_over(&file, before)?;
    }
    file.sync_all()
}

/// Gives a file what another has: owner first, which takes bits away, the mode last.
fn take_over(file: &File, before: &File) -> io::Result<()> {
    let (wanted, found) = (before.metadata()?, file.metadata()?);
    if (wanted.uid(), wanted.gid()) != (found.uid(), found.gid()) {
        fchown(file, Some(Uid::from_raw(wanted.uid())), Some(Gid::from_raw(wanted.gid())))?;
    }
    let names = attributes(before)?;
    // A default access list of the directory, say, that the old file did not have.
    for name in attributes(file)?.iter().filter(|name| !names.contains(name)) {
        match fremovexattr(file, name.as_os_str()) {
            Ok(()) | Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for name in &names {
        let value = attribute(before, name)?;
        if attribute(file, name).is_ok_and(|there| there == value) {
            continue;
        }
        fsetxattr(file, name.as_os_str(), &value, XattrFlags::empty())?;
    }
    // As the kernel does when somebody writes to a file: rights were lent to the old content.
    let mut mode = wanted.mode() & 0o7777 & !0o4000;
    if mode & 0o010 != 0 {
        mode &= !0o2000;
    }
    if file.metadata()?.mode() & 0o7777 != mode {
        fchmod(file, Mode::from_raw_mode(mode))?;
    }
    Ok(())
}

/// The names of the attributes that go with a file, whatever it holds.
fn attributes(file: &File) -> io::Result<Vec<OsString>> {
    use std::os::unix::ffi::OsStringExt;
    let mut names = vec![0_u8; LARGEST_ATTRIBUTE];
    let length = match flistxattr(file.as_fd(), &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error.into()),
    };
    names.truncate(length);
    Ok(names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| OsString::from_vec(name.to_vec()))
        .filter(|name| !OF_THE_CONTENT.iter().any(|known| name == known))
        .collect())
}

fn attribute(file: &File, name: &OsStr) -> io::Result<Vec<u8>> {
    let mut value = vec![0_u8; LARGEST_ATTRIBUTE];
    let length = fgetxattr(file.as_fd(), name, &mut value[..])?;
    value.truncate(length);
    Ok(value)
}

fn temporary_name() -> io::Result<OsString> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let suffix: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(".hitl-edit-{suffix}").into())
}
