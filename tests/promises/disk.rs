//! File systems of a test's own, mounted where nobody else sees them.
//!
//! A thread that has entered a mount namespace of its own takes all its mounts with it when it ends,
//! however it ends, and a loop device that mount(8) has set up frees itself with its last mount: a
//! test that fails, or is killed, leaves nothing behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sched::{CloneFlags, unshare};

/// What a directory can be on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
    Tmpfs,
    /// Over an ext4, with an empty lower directory.
    Overlay,
}

/// All of them.
pub const FILE_SYSTEMS: [FileSystem; 5] =
    [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs, FileSystem::Tmpfs, FileSystem::Overlay];

impl FileSystem {
    /// The one with this name, in lower case.
    pub fn named(name: &str) -> Self {
        let named = |known: &&Self| known.name() == name;
        *FILE_SYSTEMS.iter().find(named).unwrap_or_else(|| panic!("no file system {name:?}"))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Tmpfs => "tmpfs",
            Self::Overlay => "overlay",
        }
    }

    /// Whether files can share extents.
    pub fn shares_extents(self) -> bool {
        matches!(self, Self::Xfs | Self::Btrfs)
    }

    /// A fresh one in memory, mounted at this directory (see [`privately`]). `scratch` is a directory
    /// for what is needed beside it.
    pub fn mount(self, scratch: &Path, at: &Path) {
        fs::create_dir_all(at).unwrap();
        let own = scratch.join(format!("for-{}", self.name()));
        if self != Self::Tmpfs && !own.exists() {
            fs::create_dir_all(&own).unwrap();
            succeeds("mount", &["-t", "tmpfs", "-o", "size=2g", "images"], &[&own]);
        }
        let made = fs::read_dir(&own).map_or(0, Iterator::count);
        let image = own.join(format!("image-{made}"));
        let make: &[&str] = match self {
            Self::Tmpfs => {
                return succeeds("mount", &["-t", "tmpfs", "-o", "mode=755", "disk"], &[at]);
            }
            Self::Overlay => {
                let [lower, upper] =
                    ["lower", "upper"].map(|name| own.join(format!("{name}-{made}")));
                fs::create_dir(&lower).unwrap();
                Self::Ext4.mount(scratch, &upper);
                return overlay(&lower, &upper, at);
            }
            Self::Ext4 => &["-q", "-b", "4096", "-i", "4096", "-E", "lazy_itable_init=1,nodiscard"],
            Self::Xfs => &["-q", "-K", "-m", "reflink=1"],
            Self::Btrfs => &["-q", "-K"],
        };
        fs::File::create(&image).unwrap().set_len(1 << 30).unwrap();
        succeeds(&format!("mkfs.{}", self.name()), make, &[&image]);
        succeeds("mount", &["-o", "loop"], &[&image, at]);
    }
}

/// An overlay whose changes go below the directory `upper`, which needs room for several of them.
pub fn overlay(lower: &Path, upper: &Path, at: &Path) {
    let made = fs::read_dir(upper).unwrap().count();
    let [changes, work] = ["changes", "work"].map(|name| upper.join(format!("{name}-{made}")));
    for directory in [&changes, &work] {
        fs::create_dir(directory).unwrap();
    }
    let [lower, changes, work] = [lower, &changes, &work].map(|path| path.to_str().unwrap());
    let options = format!("lowerdir={lower},upperdir={changes},workdir={work}");
    succeeds("mount", &["-t", "overlay", "-o", &options, "overlay"], &[at]);
}

/// Works in a mount namespace of its own, which ends with it, on a thread that is called like this one.
pub fn privately<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let worked = std::thread::scope(|scope| {
        let inner = || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            nix::mount::mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
            work()
        };
        std::thread::Builder::new().name(name).spawn_scoped(scope, inner).unwrap().join()
    });
    worked.unwrap_or_else(|failure| std::panic::resume_unwind(failure))
}

/// Lets a directory or a file be seen at another place as well.
pub fn bind(from: &Path, to: &Path) {
    succeeds("mount", &["--bind"], &[from, to]);
}

/// Takes a mount away.
pub fn unmount(at: &Path) {
    umount2(at, MntFlags::empty()).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
}

/// Runs a program of the machine in this thread's namespace.
#[track_caller]
pub fn succeeds(program: &str, words: &[&str], paths: &[&Path]) {
    let ran = Command::new(program).args(words).args(paths).output();
    let ran = ran.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(ran.status.success(), "{program} {words:?} {paths:?}: {ran:?}");
}
