//! What paths lead to: on this machine, and on an imagined one for a policy's examples.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use super::{PathLookup, WorkTree};
use crate::system::identity::Account;

/// The machine that hitl runs on.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// The user whose home `~` is.
    pub requester_uid: u32,
}

/// A machine without symbolic links, on which every user has a home below `/home`: a policy's
/// examples must mean the same on every host.
#[derive(Clone, Copy, Debug)]
pub struct Imagined;

impl PathLookup for Machine {
    fn real(&self, path: &Path) -> PathBuf {
        real_path(path)
    }

    fn home(&self, user: Option<&str>) -> Option<PathBuf> {
        let account = match user {
            Some(name) => Account::by_name(name),
            None => Account::by_uid(self.requester_uid),
        };
        // A name service that fails and a user that is not there both mean: no such home.
        account.ok().flatten().map(|account| account.home)
    }

    fn may_be_link(&self, path: &Path) -> bool {
        path.is_symlink()
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn work_tree(&self, directory: &Path, marker: &str) -> Option<WorkTree> {
        let top = directory.ancestors().find(|at| at.join(marker).symlink_metadata().is_ok())?;
        let elsewhere = linked_repository(&top.join(marker)).unwrap_or_default();
        Some(WorkTree { top: top.to_owned(), elsewhere })
    }

    fn is_special(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
    }
}

impl PathLookup for Imagined {
    fn real(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn home(&self, user: Option<&str>) -> Option<PathBuf> {
        match user {
            Some("root") => Some("/root".into()),
            Some(name) => Some(Path::new("/home").join(name)),
            None => Some("/home/someone".into()),
        }
    }
}

/// Where a `.git` that is a file or a link says that the repository lies: gitrepository-layout(5).
fn linked_repository(marker: &Path) -> Option<Vec<PathBuf>> {
    let found = marker.symlink_metadata().ok()?;
    if found.is_dir() {
        return None;
    }
    let parent = marker.parent()?;
    if found.is_symlink() {
        return Some(vec![real_path(marker)]);
    }
    let directory = real_path(&clean(&named_in(marker, b"gitdir:")?, parent));
    let common = named_in(&directory.join("commondir"), b"");
    let common = common.map(|common| real_path(&clean(&common, &directory)));
    Some([directory].into_iter().chain(common).collect())
}

/// The path in a file that holds nothing else but a word before it.
fn named_in(file: &Path, word: &[u8]) -> Option<PathBuf> {
    const LONGEST: u64 = 8192;
    let mut content = Vec::new();
    let file = std::fs::OpenOptions::new()
        .read(true)
        // A pipe in its place must not make us wait.
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY)
        .open(file)
        .ok()?;
    file.take(LONGEST).read_to_end(&mut content).ok()?;
    let path = content.strip_prefix(word)?.trim_ascii();
    (!path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)))
}

/// The path with `.`, `..` and doubled slashes taken out by their text alone, made absolute against
/// `directory`. `..` above the root stays at the root, as in the kernel.
pub(super) fn clean(path: &Path, directory: &Path) -> PathBuf {
    let mut cleaned = PathBuf::from("/");
    // `join` drops the directory where the path is absolute.
    for component in directory.join(path).components() {
        match component {
            Component::Normal(name) => cleaned.push(name),
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    cleaned
}

/// The real path of the deepest ancestor that exists, and the rest after it as it is.
pub(super) fn real_path(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            // Joining an empty rest would add a slash.
            return if rest.as_os_str().is_empty() { real } else { clean(rest, &real) };
        }
        // A link to nowhere: what would be written is what it points at.
        if let Ok(target) = ancestor.read_link() {
            let parent = real_path(ancestor.parent().unwrap_or(Path::new("/")));
            let pointed = clean(&target, &parent);
            if pointed != ancestor && !pointed.starts_with(ancestor) && !pointed.is_symlink() {
                let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                return clean(rest, &real_path(&pointed));
            }
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn cleaning_never_leaves_the_root_and_never_keeps_a_dot() {
        for (path, cleaned) in [
            ("/usr/../etc", "/etc"),
            ("../../../..", "/"),
            ("./a//b/.", "/srv/app/a/b"),
            ("/", "/"),
            ("", "/srv/app"),
        ] {
            assert_eq!(clean(Path::new(path), Path::new("/srv/app")), Path::new(cleaned));
        }
    }

    #[test]
    fn links_are_followed_as_far_as_the_path_exists() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("real")).unwrap();
        symlink("real", base.join("link")).unwrap();
        symlink("real/absent", base.join("dangling")).unwrap();
        symlink("loop", base.join("loop")).unwrap();
        let machine = Machine { requester_uid: 0 };
        assert_eq!(machine.real(&base.join("link/new/file")), base.join("real/new/file"));
        assert_eq!(machine.real(&base.join("dangling")), base.join("real/absent"));
        assert_eq!(machine.real(&base.join("loop/x")), base.join("loop/x"));
    }
}
