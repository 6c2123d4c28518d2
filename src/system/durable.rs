//! Writes that survive a power cut: temporary file, fsync, rename, fsync of the directory.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};

use super::text::visible_path;

/// A failed write or lock, with the path it was for.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", visible_path(.path))]
pub struct DurableError {
    /// What was tried, as a verb: `write`, `create`, `lock`.
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DurableError {
    let path = path.to_owned();
    move |source| DurableError { action, path, source }
}

/// Replaces (or creates) a file with these bytes, all or nothing, and returns only when the file
/// and its name are on disk. Mode 0600.
///
/// # Errors
/// [`DurableError`]; the old file is then untouched and no temporary file is left.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    put(path, bytes, 0o600, |temporary| std::fs::rename(temporary, path))
        .map_err(failed("write", path))
}

/// As [`write()`], for what everybody may read: mode 0644, whatever the umask.
///
/// # Errors
/// As [`write()`].
pub fn write_public(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    put(path, bytes, 0o644, |temporary| std::fs::rename(temporary, path))
        .map_err(failed("write", path))
}

/// As [`write()`], where there is nothing of that name. Whether it was written: what is there already
/// stays as it is, also when it comes in the same moment.
///
/// # Errors
/// [`DurableError`]; no temporary file is left.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, DurableError> {
    let linked = |temporary: &Path| {
        std::fs::hard_link(temporary, path)?;
        std::fs::remove_file(temporary)
    };
    match put(path, bytes, 0o600, linked) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("write", path)(error)),
    }
}

/// Writes a temporary file beside `path` and lets `place` put it there.
fn put(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    place: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let attempt = || {
        let mut file = create_new(&temporary)?;
        file.write_all(bytes)?;
        if mode != 0o600 {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.sync_all()?;
        place(&temporary)
    };
    attempt().inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })?;
    File::open(path.parent().unwrap_or(Path::new("/"))).and_then(|opened| opened.sync_all())
}

/// A file that is written bit by bit and gets its name at the end. Mode 0600. Dropped before, it is gone.
#[derive(Debug)]
pub struct StreamedFile {
    path: PathBuf,
    temporary: Option<PathBuf>,
    file: File,
}

impl StreamedFile {
    /// Begins a file that is to have this path.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn create(path: &Path) -> Result<Self, DurableError> {
        let temporary = temporary_beside(path);
        let file = create_new(&temporary).map_err(failed("create", path))?;
        Ok(Self { path: path.to_owned(), temporary: Some(temporary), file })
    }

    /// The path that it is to have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DurableError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))
    }

    /// Gives it its name, with its bytes on disk before. The name itself is on disk when its directory
    /// is synced next.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn put_in_place(&mut self) -> Result<(), DurableError> {
        let place = |file: &mut Self| {
            file.file.sync_all()?;
            match &file.temporary {
                Some(temporary) => std::fs::rename(temporary, &file.path),
                None => Ok(()),
            }
        };
        place(self).map_err(failed("write", &self.path))?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for StreamedFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // What led here says more than that it could not be removed.
            let _ = std::fs::remove_file(temporary);
        }
    }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.{}", std::process::id(), random_suffix()));
    path.with_file_name(name)
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
}

/// Moves a file, and returns only when both names are on disk.
///
/// # Errors
/// [`DurableError`].
pub fn rename(from: &Path, to: &Path) -> Result<(), DurableError> {
    std::fs::rename(from, to).map_err(failed("move into place", to))?;
    let (old, new) = (from.parent(), to.parent());
    if let Some(directory) = new {
        sync_directory(directory)?;
    }
    match old {
        Some(directory) if old != new => sync_directory(directory),
        _ => Ok(()),
    }
}

/// Makes the names in a directory durable.
///
/// # Errors
/// [`DurableError`].
pub fn sync_directory(directory: &Path) -> Result<(), DurableError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("sync", directory))
}

/// Creates a directory of mode 0700 with all its parents, durably; fine where it is there already.
///
/// # Errors
/// [`DurableError`].
pub fn create_directory(directory: &Path) -> Result<(), DurableError> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().unwrap_or(Path::new("/"));
    create_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => sync_directory(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(failed("create", directory)(error)),
    }
}

/// Takes an exclusive lock (flock(2)) on a lock file of its own, waiting for it. It is released
/// when the guard is dropped and when the process ends, however it ends.
///
/// # Errors
/// [`DurableError`].
pub fn lock(path: &Path) -> Result<Flock<File>, DurableError> {
    flock(path, FlockArg::LockExclusive)
}

/// As [`lock`], shared with others that share it.
///
/// # Errors
/// [`DurableError`].
pub fn lock_shared(path: &Path) -> Result<Flock<File>, DurableError> {
    flock(path, FlockArg::LockShared)
}

/// As [`lock`], without waiting. `None` where somebody else has it.
///
/// # Errors
/// [`DurableError`].
pub fn try_lock(path: &Path) -> Result<Option<Flock<File>>, DurableError> {
    match Flock::lock(lock_file(path)?, FlockArg::LockExclusiveNonblock) {
        Ok(guard) => Ok(Some(guard)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(failed("lock", path)(error.into())),
    }
}

fn flock(path: &Path, how: FlockArg) -> Result<Flock<File>, DurableError> {
    let mut file = lock_file(path)?;
    loop {
        match Flock::lock(file, how) {
            Ok(guard) => return Ok(guard),
            Err((back, nix::Error::EINTR)) => file = back,
            Err((_, error)) => return Err(failed("lock", path)(error.into())),
        }
    }
}

/// A lock on one byte of a file, until it is dropped, or its process ends.
#[derive(Debug)]
pub struct ByteLock {
    /// Closing it gives the lock back.
    _file: File,
}

/// Locks one byte of a lock file, without waiting, so that one file serves for many locks. `None` where
/// somebody else has it: another process, or this one.
///
/// # Errors
/// [`DurableError`] where the file cannot be opened or locked.
pub fn try_lock_byte(path: &Path, byte: i64) -> Result<Option<ByteLock>, DurableError> {
    let file = lock_file(path)?;
    let place = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    // Of the open file, not of the process: two locks of one process exclude each other too.
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&place)) {
        Ok(_) => Ok(Some(ByteLock { _file: file })),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(error) => Err(failed("lock", path)(error.into())),
    }
}

fn lock_file(path: &Path) -> Result<File, DurableError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
        .map_err(failed("lock", path))
}

/// Sixteen random hex digits for a name that nobody can guess.
fn random_suffix() -> String {
    let mut bytes = [0_u8; 8];
    // Without randomness the name is merely guessable, and create_new refuses a planted file.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
