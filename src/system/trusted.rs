//! Files that decide who becomes root: opened without following a link at the end, and checked on
//! the *opened* file, so that nothing can be exchanged between the check and the read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Scope;
use super::text::visible_path;

/// Why a file is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is no such file.
    #[error("{path} does not exist", path = visible_path(.0))]
    Missing(PathBuf),
    /// The file could not be opened or read.
    #[error("cannot read {path}: {1}", path = visible_path(.0))]
    Unreadable(PathBuf, io::Error),
    /// A symbolic link, directory, device or the like.
    #[error("{path} is not a regular file (symbolic links are not followed here): put the file itself in its place", path = visible_path(.0))]
    NotRegular(PathBuf),
    /// Somebody else could have written it.
    #[error("{} belongs to uid {owner}, which could have written it: chown it to {expected}", visible_path(.path))]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who may own it.
        expected: String,
    },
    /// Group or others may write it.
    #[error("{path} can be written by its group or by everybody (mode {1:04o}): chmod go-w it", path = visible_path(.0))]
    Writable(PathBuf, u32),
    /// Larger than any honest file of its kind.
    #[error("{path} is larger than {1} bytes", path = visible_path(.0))]
    TooLarge(PathBuf, u64),
}

/// A file that was read after it was found trustworthy.
#[derive(Debug)]
pub struct TrustedFile {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The metadata of the opened file.
    pub metadata: std::fs::Metadata,
}

/// Opens a file that must be trusted: a regular file, owned by root (or, in user scope, by the
/// caller), not writable by group or others, in directories of which the same is true up to the
/// root. A sticky directory (`/tmp`) may be writable by all: nobody but its owner and root can
/// exchange what a trusted owner put there.
///
/// # Errors
/// [`TrustError`], naming the file or directory at fault and how to mend it.
pub fn open(path: &Path, scope: Scope) -> Result<File, TrustError> {
    let file = OpenOptions::new()
        .read(true)
        // O_NONBLOCK: a fifo in the file's place must not make us wait.
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT) => TrustError::Missing(path.to_owned()),
            Some(libc::ELOOP | libc::ENXIO) => TrustError::NotRegular(path.to_owned()),
            _ => TrustError::Unreadable(path.to_owned(), error),
        })?;
    let metadata =
        file.metadata().map_err(|error| TrustError::Unreadable(path.to_owned(), error))?;
    if !metadata.is_file() {
        return Err(TrustError::NotRegular(path.to_owned()));
    }
    check(path, &metadata, scope, false)?;
    check_parents(path, scope)?;
    Ok(file)
}

/// As [`open`], and reads it whole, up to `limit` bytes.
///
/// # Errors
/// As [`open`], and [`TrustError::TooLarge`].
pub fn read(path: &Path, scope: Scope, limit: u64) -> Result<TrustedFile, TrustError> {
    let file = open(path, scope)?;
    let unreadable = |error| TrustError::Unreadable(path.to_owned(), error);
    let metadata = file.metadata().map_err(unreadable)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(TrustError::TooLarge(path.to_owned(), limit));
    }
    Ok(TrustedFile { bytes, metadata })
}

/// Checks that a directory, and every directory above it, is trusted as [`open`] says.
///
/// # Errors
/// As [`open`].
pub fn check_directory(path: &Path, scope: Scope) -> Result<(), TrustError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => TrustError::Missing(path.to_owned()),
        _ => TrustError::Unreadable(path.to_owned(), error),
    };
    let real = path.canonicalize().map_err(unreadable)?;
    let metadata = real.metadata().map_err(unreadable)?;
    check(&real, &metadata, scope, true)?;
    check_parents(&real, scope)
}

fn check_parents(path: &Path, scope: Scope) -> Result<(), TrustError> {
    // Both the path as written and the real one: a link on the way is itself protected by the
    // directory that holds it, and what it leads to by the directories above that.
    let parent = path.parent().unwrap_or(Path::new("/"));
    let unreadable = |error| TrustError::Unreadable(parent.to_owned(), error);
    let real = parent.canonicalize().map_err(unreadable)?;
    let above =
        if real == parent { [Some(real), None] } else { [Some(real), Some(parent.to_owned())] };
    for directory in above.iter().flatten().flat_map(|start| start.ancestors()) {
        let metadata = directory.metadata().map_err(unreadable)?;
        check(directory, &metadata, scope, true)?;
    }
    Ok(())
}

fn check(
    path: &Path,
    metadata: &std::fs::Metadata,
    scope: Scope,
    directory: bool,
) -> Result<(), TrustError> {
    let trusted = scope.trusted_uid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != trusted {
        let expected =
            if trusted == 0 { "root".to_owned() } else { format!("root or uid {trusted}") };
        return Err(TrustError::Owner { path: path.to_owned(), owner: metadata.uid(), expected });
    }
    let mode = metadata.mode() & 0o7777;
    let sticky = directory && mode & 0o1000 != 0;
    if mode & 0o022 != 0 && !sticky {
        return Err(TrustError::Writable(path.to_owned(), mode));
    }
    Ok(())
}
