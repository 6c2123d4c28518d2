//! A private machine: its own /etc/passwd, /etc/group, /etc/hitl, /var/lib and /home in a mount
//! namespace of its own, so that tests act as several users and change nothing outside.
//!
//! Every command of a world is started in a fresh mount namespace with the same directories bound:
//! to the commands it is one machine. Its users start as themselves alone, without any privilege;
//! what makes hitl root is the setuid bit of the copy that stands at /usr/local/bin/hitl.

mod call;
mod identity;
mod installed;
mod lacking;
mod running;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use nix::unistd::Uid;
use serde_json::Value;
use tempfile::TempDir;

pub use call::Call;
use call::Hitl;
use identity::USERS;
pub use identity::{BOTH_SCOPES, Scope, uid_of};
pub use running::{Ran, Running, Waiting, finish};

/// The built binary.
pub const HITL: &str = env!("CARGO_BIN_EXE_hitl");

/// The built program that tells people.
pub const SENDER: &str = env!("CARGO_BIN_EXE_hitl-notify");

/// Where a user has a hitl that they have built for themselves. (Where a host's programs are, a hitl
/// without privileges is an installed one that has lost its setuid bit.)
const BUILT_HITL: &str = "/home/.built/hitl";

/// Where the program that tells people is, beside each hitl of the world.
const SENDERS: [&str; 2] = ["bin/hitl-notify", "home/.built/hitl-notify"];

/// Whether this test can have a world. Says loudly that it is skipped where it cannot, and fails in
/// CI, where it always can.
pub fn can_have_a_world(test: &str) -> bool {
    let possible = Uid::effective().is_root()
        && Command::new("unshare")
            .args(["-m", "true"])
            .status()
            .is_ok_and(|status| status.success());
    if !possible {
        eprintln!("\n*** SKIPPED {test}: it needs root and mount namespaces ***\n");
        assert!(std::env::var_os("CI").is_none(), "{test} must not be skipped in CI");
    }
    possible
}

/// Leaves the test early, loudly, where there cannot be a world.
#[macro_export]
macro_rules! world_or_skip {
    () => {{
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        if !$crate::world::can_have_a_world(&name) {
            return;
        }
        $crate::world::World::new()
    }};
}

/// A private machine. Gone with its files when it is dropped.
pub struct World {
    root: TempDir,
    /// hitl as it is installed: setuid root.
    installed: Arc<TempDir>,
    /// Files of the host in whose place another stands, with that one.
    covered: Vec<(PathBuf, PathBuf)>,
}

impl World {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("hitl-world-").tempdir().unwrap();
        let world = Self { root, installed: installed::setuid_copy(), covered: Vec::new() };
        for directory in ["etc", "etc/hitl", "var-lib", "var-lib/hitl", "home", "bin", "srv"] {
            fs::create_dir(world.outside(directory)).unwrap();
            world.mode(directory, 0o755);
        }
        world.mode("", 0o755);
        world.mode("var-lib/hitl", 0o700);
        // Links stay links: behind those of /etc/alternatives stand a hundred megabytes.
        let names = ["ld.so.cache", "localtime", "machine-id", "alternatives", "hostname"];
        let there = names.map(|name| Path::new("/etc").join(name));
        let there = there.iter().filter(|path| path.exists());
        let etc = world.outside("etc");
        assert!(Command::new("cp").arg("-at").arg(etc).args(there).status().unwrap().success());
        world.write("etc/nsswitch.conf", "passwd: files\ngroup: files\n");
        let mut passwd = String::from("root:x:0:0:root:/root:/bin/bash\n");
        let mut group = String::from("root:x:0:\nsre:x:3001:alice,bob\n");
        for (name, uid) in USERS {
            passwd.push_str(&format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/bash\n"));
            group.push_str(&format!("{name}:x:{uid}:\n"));
            let home = format!("home/{name}");
            fs::create_dir(world.outside(&home)).unwrap();
            world.mode(&home, 0o700);
            std::os::unix::fs::chown(world.outside(&home), Some(uid), Some(uid)).unwrap();
        }
        passwd.push_str("nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
        group.push_str("nogroup:x:65534:\n");
        world.write("etc/passwd", &passwd);
        world.write("etc/group", &group);
        fs::create_dir(world.outside("home/.built")).unwrap();
        world.mode("home/.built", 0o755);
        for place in ["bin/hitl", "home/.built/hitl"] {
            world.write(place, "");
            world.mode(place, 0o755);
        }
        world
    }

    /// Replaces the system policy.
    pub fn policy(&self, policy: &str) {
        self.write("etc/hitl/policy.yaml", policy);
        self.mode("etc/hitl/policy.yaml", 0o644);
    }

    /// The installed program, as a copy of this world's own: for tests that break it.
    pub fn installed_program(&mut self) -> PathBuf {
        self.installed = Arc::new(installed::fresh_copy());
        self.installed.path().join("hitl")
    }

    /// Gives a user this policy of their own.
    pub fn user_policy(&self, user: &str, policy: &str) {
        let config = format!("home/{user}/.config");
        let file = format!("{config}/hitl/policy.yaml");
        fs::create_dir_all(self.outside(&config).join("hitl")).unwrap();
        self.write(&file, policy);
        for (path, mode) in
            [(config.clone(), 0o755), (format!("{config}/hitl"), 0o755), (file, 0o644)]
        {
            self.mode(&path, mode);
            self.own(&path, user);
        }
    }

    /// Lets an empty file stand where the host has this one.
    pub fn covers(&mut self, path: &Path) {
        self.stands_for(path, "");
    }

    /// Lets a file with this content stand where the host has this one, also in `/proc`.
    pub fn stands_for(&mut self, path: &Path, content: &str) {
        let place = format!("instead-{}", self.covered.len());
        self.write(&place, content);
        self.covered.push((path.to_owned(), self.outside(&place)));
    }

    /// Lets a file of the world stand where the host has this one.
    pub fn replaces(&mut self, path: &Path, inside: &str) {
        self.covered.push((path.to_owned(), self.outside(inside)));
    }

    /// Installs what tells people, beside hitl.
    pub fn install_sender(&self) {
        for place in SENDERS {
            self.write(place, "");
            self.mode(place, 0o755);
        }
    }

    /// A program of the world: `/usr/local/bin/NAME`.
    pub fn install(&self, name: &str, text: &str) {
        self.write(&format!("bin/{name}"), text);
        self.mode(&format!("bin/{name}"), 0o755);
    }

    /// Where something of the world stands outside of it: `etc/hitl`, `var-lib/hitl`, `srv`, `home`.
    pub fn outside(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    /// Writes a file of the world.
    pub fn write(&self, inside: &str, content: &str) {
        fs::write(self.outside(inside), content).unwrap();
    }

    /// Reads a file of the world.
    #[track_caller]
    pub fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.outside(inside)).unwrap_or_else(|error| panic!("{inside}: {error}"))
    }

    /// Sets a mode in the world.
    pub fn mode(&self, inside: &str, mode: u32) {
        fs::set_permissions(self.outside(inside), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A file that a user of the world owns.
    pub fn own(&self, inside: &str, user: &str) {
        let uid = uid_of(user);
        std::os::unix::fs::chown(self.outside(inside), Some(uid), Some(uid)).unwrap();
    }

    /// hitl, called by a user (or by root) where it is installed setuid root.
    pub fn hitl<A: AsRef<OsStr>>(&self, user: &str, arguments: &[A]) -> Call<'_> {
        self.program(user, "/usr/local/bin/hitl", arguments)
    }

    /// hitl, called by a user who has built it for themselves: user scope.
    pub fn plain_hitl<A: AsRef<OsStr>>(&self, user: &str, arguments: &[A]) -> Call<'_> {
        self.plain_program(user, BUILT_HITL, arguments)
    }

    /// Any program, run by a user without privileges (or by root), where hitl is installed.
    pub fn program<A: AsRef<OsStr>>(&self, user: &str, program: &str, arguments: &[A]) -> Call<'_> {
        Call::new(self, Hitl::Setuid, user, program, arguments)
    }

    /// Any program, run by a user without privileges (or by root), where hitl is not setuid.
    pub fn plain_program<A: AsRef<OsStr>>(
        &self,
        user: &str,
        program: &str,
        arguments: &[A],
    ) -> Call<'_> {
        Call::new(self, Hitl::Plain, user, program, arguments)
    }

    /// A bash line of a user that calls the installed hitl: for limits, masks, closed descriptors.
    pub fn script(&self, user: &str, line: &str) -> Call<'_> {
        self.program(user, "/bin/bash", &["-c", line])
    }

    /// A bash line of a user that calls a hitl without privileges.
    pub fn plain_script(&self, user: &str, line: &str) -> Call<'_> {
        self.plain_program(user, "/bin/bash", &["-c", line])
            .with("PATH", "/home/.built:/usr/sbin:/usr/bin:/sbin:/bin")
    }

    /// [`World::hitl`] or [`World::plain_hitl`].
    pub fn in_scope<A: AsRef<OsStr>>(&self, scope: Scope, user: &str, words: &[A]) -> Call<'_> {
        match scope {
            Scope::System => self.hitl(user, words),
            Scope::User => self.plain_hitl(user, words),
        }
    }

    /// [`World::script`] or [`World::plain_script`].
    pub fn script_in_scope(&self, scope: Scope, user: &str, line: &str) -> Call<'_> {
        match scope {
            Scope::System => self.script(user, line),
            Scope::User => self.plain_script(user, line),
        }
    }

    /// The requests that wait, as root sees them.
    pub fn pending(&self) -> Vec<Value> {
        let ran = self.hitl("root", &["pending", "--json"]).run().exits(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The audit entries, as root sees them.
    pub fn audit(&self) -> Vec<Value> {
        let ran = self.hitl("root", &["audit", "show", "--json"]).run().exits(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The actions in the audit log, in order.
    pub fn audit_actions(&self) -> Vec<String> {
        self.audit()
            .iter()
            .filter_map(|entry| entry["event"]["action"].as_str().map(str::to_owned))
            .collect()
    }
}

#[test]
fn users_of_a_world_are_nobody_but_themselves_and_only_the_setuid_bit_makes_hitl_root() {
    let world = world_or_skip!();
    let line =
        "grep -E '^(Uid|Gid|Groups|CapEff):' /proc/self/status; stat -Lc %a:%u $(which hitl)";
    let ran = world.script("alice", line).run().exits(0);
    let seen: Vec<_> = ran.stdout.split_whitespace().collect();
    let expected = "Uid: 2001 2001 2001 2001 Gid: 2001 2001 2001 2001 Groups: 2001 3001 \
                    CapEff: 0000000000000000 4755:0";
    assert_eq!(seen.join(" "), expected);
    let ran = world.plain_script("alice", "stat -Lc %a $(which hitl)").run().exits(0);
    assert_eq!(ran.stdout, "755\n");
    let kept = fs::metadata(world.installed.path()).unwrap().permissions().mode() & 0o7777;
    assert_eq!(kept, 0o700, "no user of the machine comes by the setuid copy");
}
