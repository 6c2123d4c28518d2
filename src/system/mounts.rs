//! Where a file lies: its mount, and how that is mounted.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, Statvfs, statvfs};

/// The file system below a path, as this process sees it mounted.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// Where it is mounted; `/` where that cannot be found out.
    pub at: PathBuf,
    state: Statvfs,
}

impl Mounted {
    /// Where a path lies.
    ///
    /// # Errors
    /// What the system says, where the path does not exist.
    pub fn below(path: &Path) -> io::Result<Self> {
        Ok(Self { state: statvfs(path)?, at: mount_point(path) })
    }

    /// Whether setuid bits are ignored there.
    pub fn is_nosuid(&self) -> bool {
        self.state.flags().contains(FsFlags::ST_NOSUID)
    }

    /// Whether nothing can be written there.
    pub fn is_read_only(&self) -> bool {
        self.state.flags().contains(FsFlags::ST_RDONLY)
    }

    /// What an ordinary process may still write, in bytes: of how many.
    pub fn bytes(&self) -> (u64, u64) {
        let unit = self.state.fragment_size();
        (self.state.blocks_available() * unit, self.state.blocks() * unit)
    }

    /// How many files can still be made: of how many. `None` where there is no limit.
    pub fn files(&self) -> Option<(u64, u64)> {
        let all = self.state.files();
        (all > 0).then(|| (self.state.files_available(), all))
    }
}

/// The last of the mounts with the longest way in common: mounts cover those before them.
fn mount_point(path: &Path) -> PathBuf {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        // proc(5): the fifth field is the mount point.
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4).map(unescaped))
        .filter(|point| real.starts_with(point))
        .max_by_key(|point| point.components().count())
        .unwrap_or_else(|| PathBuf::from("/"))
}

/// A field without its octal escapes (`\040` is a space).
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..3).filter(|_| *first == b'\\');
        let escaped = code
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_read_as_it_is_called() {
        assert_eq!(unescaped(b"/mnt/a\\040b"), Path::new("/mnt/a b"));
        assert_eq!(unescaped(b"/mnt/a\\"), Path::new("/mnt/a\\"));
        assert_eq!(mount_point(Path::new("/proc/self")), Path::new("/proc"));
    }
}
