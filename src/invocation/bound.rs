//! The files that an approval is bound to, and their digests.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{BoundFile, Executable, Invocation};
use crate::system::{ByteString, Digest, Scope, trusted};

/// Operands larger than this are bound by their identity and size alone: 1 GiB, about half a second
/// of hashing. The executable is always hashed whole.
pub const OPERAND_DIGEST_LIMIT: u64 = 1 << 30;

/// Files larger than this are not looked at once more, in bytes.
const ONCE_MORE_LIMIT: u64 = 64 << 20;

/// How often a file is taken again that is written while it is read.
const ATTEMPTS: usize = 3;

/// Takes the identity of a regular file, and the digest of its content where it is no larger than
/// `digest_up_to` bytes.
///
/// `path` is a real path: a symbolic link in the last place is refused, so that nobody can put one
/// there in between.
///
/// # Errors
/// What opening and reading fail with; `InvalidInput` for what is not a regular file, and
/// `ResourceBusy` for a file that was written while it was read, three times.
pub fn bind_file(path: &Path, digest_up_to: u64) -> io::Result<BoundFile> {
    for _ in 1..ATTEMPTS {
        match bind_once(path, digest_up_to) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            outcome => return outcome,
        }
    }
    bind_once(path, digest_up_to)
}

/// Takes a file again that somebody but those who are trusted could write, once all files have been
/// taken: it could have been exchanged while a large one was read. A large one itself is not taken
/// again. Whoever can write a file can still do so between this and the moment in which the command
/// reads it.
pub fn look_once_more(file: &mut BoundFile, scope: Scope) {
    let path = file.path.as_path().to_owned();
    if file.size > ONCE_MORE_LIMIT || trusted::open(&path, scope).is_ok() {
        return;
    }
    match bind_file(&path, ONCE_MORE_LIMIT) {
        Ok(now) => *file = now,
        // What could be read before and can no more is not what it was.
        Err(_) => file.sha256 = None,
    }
}

fn bind_once(path: &Path, digest_up_to: u64) -> io::Result<BoundFile> {
    let mut file = OpenOptions::new()
        .read(true)
        // O_NONBLOCK: a pipe in the file's place must not make us wait.
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    // Later reads could find more than the size that was looked at: `unchanged` says so.
    let sha256 = if metadata.len() <= digest_up_to {
        let digest = Digest::of_reader(&mut file)?;
        unchanged(&file, &metadata)?;
        Some(digest)
    } else {
        None
    };
    Ok(bound(path, &metadata, sha256))
}

fn bound(path: &Path, metadata: &Metadata, sha256: Option<Digest>) -> BoundFile {
    BoundFile {
        path: ByteString::from(path),
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        sha256,
    }
}

impl Invocation {
    /// The executable, with the digest of its content whatever its size.
    ///
    /// # Errors
    /// As [`bind_file`].
    pub fn bound_executable(&self) -> io::Result<BoundFile> {
        bind_file(&self.executable.path, u64::MAX)
    }

    /// The executable as it was found, its content unread: for a command that nobody has to decide.
    pub fn identified_executable(&self) -> BoundFile {
        let Executable { path, device, inode, size, .. } = &self.executable;
        BoundFile {
            path: ByteString::from(path.as_path()),
            device: *device,
            inode: *inode,
            size: *size,
            sha256: None,
        }
    }

    /// Every operand of the command that is an existing regular file, in the order of the
    /// arguments, each once. Behind a symbolic link it is the file that the link leads to.
    ///
    /// One that we may not read (in user scope the command, which runs as the same user, may not
    /// either) is bound by its identity and size.
    ///
    /// # Errors
    /// As [`bind_file`], with the path of the operand.
    pub fn bound_operands(&self) -> Result<Vec<BoundFile>, (PathBuf, io::Error)> {
        let mut files: Vec<BoundFile> = Vec::new();
        let Some(command) = self.reading.commands.first() else { return Ok(files) };
        for operand in &command.operands {
            let known = |file: &BoundFile| file.path.as_path() == operand.real;
            let Ok(metadata) = operand.real.symlink_metadata() else { continue };
            if !metadata.is_file() || files.iter().any(known) {
                continue;
            }
            match bind_file(&operand.real, OPERAND_DIGEST_LIMIT) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    files.push(bound(&operand.real, &metadata, None));
                }
                outcome => files.push(outcome.map_err(|error| (operand.real.clone(), error))?),
            }
        }
        Ok(files)
    }
}

fn unchanged(file: &File, before: &Metadata) -> io::Result<()> {
    let after = file.metadata()?;
    let state = |metadata: &Metadata| {
        (
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        )
    };
    if state(before) == state(&after) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "it was written while it was read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_bound_by_identity_and_content_and_a_link_is_not_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script");
        std::fs::write(&path, "abc").unwrap();
        let bound = bind_file(&path, 3).unwrap();
        assert_eq!(bound.sha256, Some(Digest::of(b"abc")));
        assert_eq!((bound.size, bound.inode), (3, path.metadata().unwrap().ino()));
        assert_eq!(bind_file(&path, 2).unwrap().sha256, None);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(bind_file(&link, 3).is_err());
        assert!(bind_file(directory.path(), 3).is_err());
    }
}
