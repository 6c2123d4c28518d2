//! Where the tour plays: a machine of its own inside this one.
//!
//! As root, a private mount namespace in which `/etc/hitl`, `/var/lib/hitl`, the users and the
//! tour's files are the tour's own: two users, alice and bob, call hitl as from a setuid root
//! installation (real uid theirs, effective uid 0), from processes of their own. Without root there
//! is no second identity to be had, and the tour plays in user scope, with a state directory of its
//! own; it says what that leaves out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output as ProcessOutput, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::cli::failure::{ExitCode, Failure};
use crate::system::text::visible_path;

/// The users of the tour and their ids.
const USERS: [(&str, u32); 2] = [("alice", 60001), ("bob", 60002)];

/// The stage. Its files go when it is dropped.
pub(super) struct Stage {
    /// This program. Asked for before the mount namespace changes, which can hide its path.
    program: PathBuf,
    directory: PathBuf,
    keep: bool,
    two_people: bool,
}

/// A hitl that runs in the background, as somebody.
pub(super) struct Background {
    child: Child,
}

impl Stage {
    /// Builds it.
    ///
    /// # Errors
    /// Where files cannot be made.
    pub(super) fn build() -> Result<Self, Failure> {
        let mut stage = Self {
            program: std::env::current_exe()?,
            directory: temporary_directory()?,
            keep: false,
            two_people: false,
        };
        stage.two_people = nix::unistd::geteuid().is_root() && stage.enter_private_machine()?;
        if !stage.two_people {
            fs::create_dir(stage.files())?;
        }
        Ok(stage)
    }

    /// Whether alice and bob are here; alone there is only the caller.
    pub(super) fn has_two_people(&self) -> bool {
        self.two_people
    }

    /// The directory of the files that the story is about.
    pub(super) fn files(&self) -> PathBuf {
        if self.two_people { "/srv/shop".into() } else { self.directory.join("shop") }
    }

    /// Where the audit log is, for somebody who may read it.
    pub(super) fn audit_log(&self) -> PathBuf {
        if self.two_people {
            "/var/lib/hitl/audit".into()
        } else {
            self.directory.join("state/audit")
        }
    }

    /// A directory for anything else.
    pub(super) fn scratch(&self) -> PathBuf {
        self.directory.join("scratch")
    }

    /// Puts the policy in its place.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn install_policy(&self, policy: &str) -> Result<(), Failure> {
        let path = if self.two_people {
            PathBuf::from("/etc/hitl/policy.yaml")
        } else {
            self.directory.join("policy.yaml")
        };
        fs::write(&path, policy)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// The one who does the work in the story.
    pub(super) fn requester(&self) -> &'static str {
        if self.two_people { "alice" } else { "you" }
    }

    /// The one who administers the machine.
    pub(super) fn administrator(&self) -> &'static str {
        if self.two_people { "root" } else { "you" }
    }

    /// Runs hitl as somebody, to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(super) fn run(&self, who: &str, arguments: &[&str]) -> Result<ProcessOutput, Failure> {
        Ok(self.command(who, arguments)?.output()?)
    }

    /// Starts hitl as somebody and returns at once.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(super) fn start(&self, who: &str, arguments: &[&str]) -> Result<Background, Failure> {
        let mut command = self.command(who, arguments)?;
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        Ok(Background { child })
    }

    /// Keeps the files, and says where they are.
    pub(super) fn keep(&mut self) -> &Path {
        self.keep = true;
        &self.directory
    }

    fn command(&self, who: &str, arguments: &[&str]) -> Result<Command, Failure> {
        let mut command = match USERS.iter().find(|(name, _)| *name == who) {
            Some((_, uid)) if self.two_people => {
                // As the kernel leaves a process that starts a setuid root program.
                let mut command = Command::new("setpriv");
                command
                    .args([
                        format!("--ruid={uid}"),
                        format!("--rgid={uid}"),
                        format!("--egid={uid}"),
                    ])
                    .args(["--clear-groups", "--"])
                    .arg(&self.program);
                command
            }
            _ => Command::new(&self.program),
        };
        command
            .args(arguments)
            .stdin(Stdio::null())
            .current_dir(self.files())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.scratch())
            .env("TERM", "dumb");
        if !self.two_people {
            command
                .env("HITL_STATE_DIR", self.directory.join("state"))
                .env("HITL_POLICY", self.directory.join("policy.yaml"));
        }
        Ok(command)
    }

    /// Enters a mount namespace in which the tour's directories stand in the usual places. `false`
    /// where this machine does not let root do that (a container without CAP_SYS_ADMIN).
    fn enter_private_machine(&self) -> Result<bool, Failure> {
        if unshare(CloneFlags::CLONE_NEWNS).is_err() {
            return Ok(false);
        }
        let nothing = None::<&str>;
        if mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).is_err() {
            return Ok(false);
        }
        let etc = self.directory.join("etc");
        let srv = self.directory.join("srv");
        let var_lib = self.directory.join("var-lib");
        for directory in
            [&etc, &srv, &var_lib, &etc.join("hitl"), &var_lib.join("hitl"), &srv.join("shop")]
        {
            fs::create_dir(directory)?;
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
        }
        // Of the machine's own /etc, only what programs need to start and to tell the time.
        for name in ["ld.so.cache", "localtime", "machine-id"] {
            let _ = fs::copy(Path::new("/etc").join(name), etc.join(name));
        }
        let passwd: String = USERS
            .iter()
            .map(|(name, uid)| format!("{name}:x:{uid}:{uid}::/nonexistent:/bin/sh\n"))
            .collect();
        let group: String = USERS.iter().map(|(name, uid)| format!("{name}:x:{uid}:\n")).collect();
        fs::write(etc.join("passwd"), format!("root:x:0:0:root:/root:/bin/sh\n{passwd}"))?;
        fs::write(etc.join("group"), format!("root:x:0:\n{group}"))?;
        fs::write(etc.join("nsswitch.conf"), "passwd: files\ngroup: files\n")?;
        for (from, to) in [(&etc, "/etc"), (&srv, "/srv"), (&var_lib, "/var/lib")] {
            mount(Some(from), to, nothing, MsFlags::MS_BIND, nothing).map_err(|error| {
                Failure::new(ExitCode::Failed, format!("cannot set up the tour's {to}: {error}"))
            })?;
        }
        Ok(true)
    }
}

impl Background {
    /// Waits for its end.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub(super) fn end(self) -> Result<ProcessOutput, Failure> {
        Ok(self.child.wait_with_output()?)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is in a temporary directory and harms nobody.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A directory of the tour's own that nobody else can write to.
fn temporary_directory() -> Result<PathBuf, Failure> {
    let mut suffix = [0_u8; 6];
    getrandom::fill(&mut suffix)
        .map_err(|error| Failure::new(ExitCode::Failed, format!("no randomness: {error}")))?;
    let suffix: String = suffix.iter().map(|byte| format!("{byte:02x}")).collect();
    let directory = std::env::temp_dir().join(format!("hitl-tour-{suffix}"));
    fs::create_dir(&directory).map_err(|error| {
        Failure::new(
            ExitCode::Failed,
            format!("cannot create {}: {error}", visible_path(&directory)),
        )
    })?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
    fs::create_dir(directory.join("scratch"))?;
    Ok(directory)
}
