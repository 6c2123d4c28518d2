//! Whether this is the installed hitl of its host, and what keeps it from being root then.
//!
//! Without privileges hitl works in user scope: by design where somebody built it for themselves,
//! but a puzzle where the host has an installed one. "no such request" and a built-in policy are no
//! answer to somebody whose sandbox has set no_new_privs. So the installed program refuses to work
//! in user scope unless it is asked to, by naming a policy.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::prctl::get_no_new_privs;
use nix::unistd::geteuid;

use super::mounts::Mounted;
use super::text::visible_path;
use super::{DirectoryOverrides, text};

/// The policy of a host.
pub const SYSTEM_POLICY: &str = "/etc/hitl/policy.yaml";

/// Where programs of a host are installed.
const PROGRAM_DIRECTORIES: [&str; 6] =
    ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// The uid that stands for everybody who has none in a user namespace (user_namespaces(7)).
const OVERFLOW_UID: u32 = 65534;

/// Set-user-ID on execution.
const SETUID_BIT: u32 = 0o4000;

/// This program, as a file.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is. The name of a file that was replaced meanwhile ends in ` (deleted)`.
    pub path: PathBuf,
    /// What it is, also where it has no name any more.
    pub metadata: Metadata,
}

impl Program {
    /// The file that this process was started from; `None` where `/proc` does not say.
    pub fn this() -> Option<Self> {
        let link = Path::new("/proc/self/exe");
        Some(Self { path: link.read_link().ok()?, metadata: link.metadata().ok()? })
    }

    /// Whether root owns it.
    pub fn is_roots(&self) -> bool {
        let owner = self.metadata.uid();
        owner == 0 || (owner == OVERFLOW_UID && in_user_namespace())
    }

    /// Whether whoever starts it is to become root.
    pub fn is_setuid_root(&self) -> bool {
        self.is_roots() && self.metadata.mode() & SETUID_BIT != 0
    }

    /// Whether it is where the programs of a host are.
    pub fn is_among_programs(&self) -> bool {
        let directory = self.path.parent();
        PROGRAM_DIRECTORIES.iter().any(|known| directory == Some(Path::new(known)))
    }

    /// The command with which root makes an installed hitl of one that is somewhere else, a build tree
    /// for instance: its directories are not root's to take.
    pub fn install(&self) -> String {
        let path = text::shell_word(&self.path);
        format!("install -o root -g root -m 4755 {path} /usr/local/bin/hitl")
    }

    /// The command with which root makes it what an installed hitl must be.
    pub fn mend(&self) -> String {
        let path = text::shell_word(&self.path);
        format!("chown root:root {path} && chmod 4755 {path}")
    }
}

/// Why the installed hitl is not root.
#[derive(Debug, thiserror::Error)]
pub enum Hindrance {
    /// prctl(2): `PR_SET_NO_NEW_PRIVS`.
    #[error(
        "{path} is installed setuid root and cannot become root here: this process was started with no_new_privs, which nothing can lift again; start it outside of what sets it (systemd: NoNewPrivileges=no, docker: without no-new-privileges, setpriv and bwrap: as they say)",
        path = visible_path(.0)
    )]
    NoNewPrivileges(PathBuf),
    /// mount(8): `nosuid`.
    #[error(
        "{path} is installed setuid root and cannot become root: the file system at {at} is mounted nosuid; root mends it with: {}", mend_nosuid(.at),
        path = visible_path(.path), at = visible_path(.at)
    )]
    Nosuid {
        /// The program.
        path: PathBuf,
        /// The mount.
        at: PathBuf,
    },
    /// user_namespaces(7).
    #[error(
        "{path} is installed setuid root and cannot become root here: this process is in a user namespace, in which the host's root is nobody; start it outside (of the rootless container, \"unshare -U\" or the sandbox)",
        path = visible_path(.0)
    )]
    UserNamespace(PathBuf),
    /// ptrace(2): a tracer without privileges.
    #[error(
        "{path} is installed setuid root and cannot become root here: process {tracer} traces it; start it without strace or a debugger",
        path = visible_path(.path)
    )]
    Traced {
        /// The program.
        path: PathBuf,
        /// The process that traces this one.
        tracer: u32,
    },
    /// Something else, such as securebits or a security module.
    #[error(
        "{path} is installed setuid root and yet was not started as root: the kernel does not say why (a security module?); root finds out with: hitl doctor",
        path = visible_path(.0)
    )]
    Unexplained(PathBuf),
    /// The setuid bit is missing, on a host that has a policy.
    #[error(
        "{path} is not setuid root, and this host's policy needs it to be: root mends it with: {mend}",
        path = visible_path(.path)
    )]
    NotSetuid {
        /// The program.
        path: PathBuf,
        /// The command.
        mend: String,
    },
}

/// What keeps the installed hitl from being root. `None`: nothing does, or this is no installed one:
/// a program of somebody's own, which works in user scope by design.
pub fn hindrance() -> Option<Hindrance> {
    if geteuid().is_root() {
        return None;
    }
    let program = Program::this()?;
    if program.is_setuid_root() {
        return Some(why_not_root(program.path));
    }
    let in_its_place = program.is_among_programs() && is_roots_directory(program.path.parent());
    let installed = program.is_roots() && in_its_place && host_has_a_policy();
    installed.then(|| Hindrance::NotSetuid { mend: program.mend(), path: program.path })
}

/// Refuses to work in user scope in the place of the installed hitl, unless the caller has named a
/// policy: then user scope is what they ask for.
///
/// # Errors
/// The [`Hindrance`], with what to do about it.
pub fn refuse_if_hindered(options: &DirectoryOverrides) -> Result<(), RefusedScope> {
    let chosen = || {
        options.policy.is_some()
            || std::env::var_os("HITL_POLICY").is_some_and(|value| !value.is_empty())
    };
    match hindrance() {
        Some(hindrance) if !chosen() => Err(RefusedScope(hindrance)),
        _ => Ok(()),
    }
}

/// The installed hitl was started in a way in which it cannot do its work.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}\nnothing was done: to work with a policy of your own instead, name it with --policy FILE"
)]
pub struct RefusedScope(Hindrance);

/// The command with which root lets setuid bits count again on a mount.
pub fn mend_nosuid(at: &Path) -> String {
    format!("mount -o remount,bind,suid {}", text::shell_word(at))
}

fn why_not_root(path: PathBuf) -> Hindrance {
    // Where several hold, the one first that whoever reads this can do something about.
    if matches!(get_no_new_privs(), Ok(true)) {
        return Hindrance::NoNewPrivileges(path);
    }
    match Mounted::below(&path) {
        Ok(mounted) if mounted.is_nosuid() => return Hindrance::Nosuid { path, at: mounted.at },
        _ => {}
    }
    if in_user_namespace() {
        return Hindrance::UserNamespace(path);
    }
    match tracer() {
        Some(tracer) => Hindrance::Traced { path, tracer },
        None => Hindrance::Unexplained(path),
    }
}

fn is_roots_directory(directory: Option<&Path>) -> bool {
    directory.is_some_and(|path| path.metadata().is_ok_and(|metadata| metadata.uid() == 0))
}

/// Whether the host has a policy. A directory that cannot be looked into is there for a reason.
fn host_has_a_policy() -> bool {
    match std::fs::symlink_metadata(SYSTEM_POLICY) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// Whether ids here are not those of the host: the first namespace maps all of them to themselves.
pub fn in_user_namespace() -> bool {
    // Empty where nobody has been mapped yet.
    std::fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| !map.split_whitespace().eq(["0", "0", "4294967295"]))
}

fn tracer() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|tracer| *tracer != 0)
}
