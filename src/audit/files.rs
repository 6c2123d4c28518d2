//! The files of the log, and how they are opened.
//!
//! Every file is opened without following a link at its end and is checked once it is open: a
//! regular file of the log's own owner that nobody else may write. The log writes nowhere else.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::AuditError;
use crate::system::Scope;

/// The first segment. Later ones will be `000002.jsonl` and so on.
const SEGMENT: &str = "000001.jsonl";

/// The directory of a log.
#[derive(Clone, Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn segment(&self) -> PathBuf {
        self.directory.join(SEGMENT)
    }

    pub(super) fn head(&self) -> PathBuf {
        self.directory.join("head")
    }

    fn append_lock(&self) -> PathBuf {
        self.directory.join("append.lock")
    }

    /// Refuses a directory in which somebody else could exchange the files.
    pub(super) fn check_directory(&self, scope: Scope) -> Result<(), AuditError> {
        let metadata = self
            .directory
            .symlink_metadata()
            .map_err(|error| AuditError::system("open", &self.directory, error))?;
        if metadata.is_dir() {
            check(&self.directory, &metadata, scope)
        } else {
            Err(AuditError::Unsafe(self.directory.clone(), "it is not a directory"))
        }
    }

    /// The segment, for reading and appending.
    pub(super) fn open_segment(&self, scope: Scope) -> Result<File, AuditError> {
        open(&self.segment(), OpenOptions::new().read(true).append(true).create(true), scope)
    }

    /// The head marker, for reading and replacing.
    pub(super) fn open_head(&self, scope: Scope) -> Result<File, AuditError> {
        open(
            &self.head(),
            OpenOptions::new().read(true).write(true).create(true).truncate(false),
            scope,
        )
    }

    /// Waits for the right to append. A lock file of its own, so that nobody who merely reads the
    /// log can stall it.
    pub(super) fn lock_append(&self, scope: Scope) -> Result<Flock<File>, AuditError> {
        let path = self.append_lock();
        let file = open(&path, OpenOptions::new().write(true).create(true).truncate(false), scope)?;
        lock(file, &path)
    }

    /// Waits for the right to move the head. Whoever holds it may take the append lock, never the
    /// other way round.
    pub(super) fn lock_head(&self, scope: Scope) -> Result<Flock<File>, AuditError> {
        lock(self.open_head(scope)?, &self.head())
    }

    /// The segment for somebody who only reads: an auditor with a copy is no less welcome than the
    /// owner. `None` where there is no log.
    pub(super) fn read_segment(&self) -> Result<Option<File>, AuditError> {
        read_only(&self.segment())
    }

    /// The head marker for somebody who only reads. `None` where there is none.
    pub(super) fn read_head(&self) -> Result<Option<File>, AuditError> {
        read_only(&self.head())
    }
}

fn open(path: &Path, options: &mut OpenOptions, scope: Scope) -> Result<File, AuditError> {
    let failed = |error| AuditError::system("open", path, error);
    let file = options
        .mode(0o600)
        // O_NONBLOCK: a fifo in the file's place must not make us wait.
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(AuditError::Unsafe(path.to_owned(), "it is not a regular file"));
    }
    check(path, &metadata, scope)?;
    Ok(file)
}

fn check(path: &Path, metadata: &std::fs::Metadata, scope: Scope) -> Result<(), AuditError> {
    if metadata.uid() != scope.trusted_uid().as_raw() {
        return Err(AuditError::Unsafe(path.to_owned(), "it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(AuditError::Unsafe(path.to_owned(), "its group or others may write it"));
    }
    Ok(())
}

fn lock(mut file: File, path: &Path) -> Result<Flock<File>, AuditError> {
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(guard) => return Ok(guard),
            Err((back, nix::Error::EINTR)) => file = back,
            Err((_, error)) => return Err(AuditError::system("lock", path, error.into())),
        }
    }
}

fn read_only(path: &Path) -> Result<Option<File>, AuditError> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path);
    match opened {
        Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Ok(Some(file)),
        Ok(_) => Err(AuditError::Unsafe(path.to_owned(), "it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AuditError::system("read", path, error)),
    }
}
