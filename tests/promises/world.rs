//! A private machine: its own /etc/passwd, /etc/group, /etc/hitl, /var/lib and /home in a mount
//! namespace of its own, so that tests act as several users and change nothing outside.
//!
//! Every command of a world is started in a fresh mount namespace with the same directories bound:
//! to the commands it is one machine. A user of the world who calls hitl does so as from a setuid
//! root installation: real uid theirs, effective uid 0.

#![allow(unsafe_code, reason = "namespaces and identities are entered between fork and exec")]

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use serde_json::Value;
use tempfile::TempDir;

/// The built binary.
pub const HITL: &str = env!("CARGO_BIN_EXE_hitl");

/// The users of every world: name and uid (the primary group has the same name and id).
pub const USERS: [(&str, u32); 6] = [
    ("alice", 2001),
    ("bob", 2002),
    ("carol", 2003),
    ("deploy", 2004),
    ("svc-agent", 2005),
    ("mallory", 2006),
];

/// In which of its two scopes hitl works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Installed setuid root.
    System,
    /// Without privileges.
    User,
}

/// Both, for promises that hold in both.
pub const BOTH_SCOPES: [Scope; 2] = [Scope::System, Scope::User];

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
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// What was written to standard output, byte for byte.
    pub stdout_bytes: Vec<u8>,
}

impl Ran {
    /// The exit code; a death by signal is a failure of the test.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died by a signal: {self:?}"))
    }

    /// Asserts the exit code, and shows everything where it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.status.signal(),
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as the one JSON value that its last line holds.
    #[track_caller]
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that standard error says something.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "expected {text:?} on stderr: {self:?}");
        self
    }

    /// Asserts that standard output holds something.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "expected {text:?} on stdout: {self:?}");
        self
    }
}

/// As whom a command of the world is started.
#[derive(Clone, Copy, Debug)]
enum Identity {
    /// Root itself.
    Root,
    /// A user who calls an installed, setuid hitl.
    Setuid(u32),
    /// A user without any privilege.
    Plain(u32),
}

/// A command about to be started in a world.
pub struct Call<'w> {
    world: &'w World,
    identity: Identity,
    program: OsString,
    arguments: Vec<OsString>,
    directory: PathBuf,
    environment: Vec<(OsString, OsString)>,
    input: Option<Vec<u8>>,
    terminal: Option<OwnedFd>,
    login: Option<u32>,
}

impl World {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("hitl-world-").tempdir().unwrap();
        let world = Self { root };
        for directory in ["etc", "etc/hitl", "var-lib", "var-lib/hitl", "home", "bin", "srv"] {
            fs::create_dir(world.outside(directory)).unwrap();
            world.mode(directory, 0o755);
        }
        world.mode("", 0o755);
        world.mode("var-lib/hitl", 0o700);
        for name in ["ld.so.cache", "localtime", "machine-id", "alternatives", "hostname"] {
            let from = Path::new("/etc").join(name);
            if from.exists() {
                let to = world.outside("etc").join(name);
                let copied = Command::new("cp").arg("-aL").args([&from, &to]).status().unwrap();
                assert!(copied.success());
            }
        }
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
        world.write("bin/hitl", "");
        world.mode("bin/hitl", 0o755);
        world
    }

    /// Replaces the system policy.
    pub fn policy(&self, policy: &str) {
        self.write("etc/hitl/policy.yaml", policy);
        self.mode("etc/hitl/policy.yaml", 0o644);
    }

    /// Installs hitl setuid root: what its users start, a shell or a script, can call it. Kept where
    /// nobody outside of the world comes by it.
    pub fn install_setuid(&self) {
        fs::create_dir(self.outside("installed")).unwrap();
        self.mode("installed", 0o700);
        fs::copy(HITL, self.outside("installed/hitl")).unwrap();
        self.mode("installed/hitl", 0o4755);
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

    /// hitl, called by a user as from a setuid root installation; by root where the user is `root`.
    pub fn hitl<A: AsRef<OsStr>>(&self, user: &str, arguments: &[A]) -> Call<'_> {
        let identity = if user == "root" { Identity::Root } else { Identity::Setuid(uid_of(user)) };
        self.call(identity, user, "/usr/local/bin/hitl", arguments)
    }

    /// hitl, called by a user where it is not installed setuid: user scope.
    pub fn plain_hitl<A: AsRef<OsStr>>(&self, user: &str, arguments: &[A]) -> Call<'_> {
        self.call(Identity::Plain(uid_of(user)), user, "/usr/local/bin/hitl", arguments)
    }

    /// Any program that keeps its privileges, as if it were the setuid hitl: `env`, say, that then
    /// becomes hitl.
    pub fn as_installed<A: AsRef<OsStr>>(
        &self,
        user: &str,
        program: &str,
        arguments: &[A],
    ) -> Call<'_> {
        let identity = if user == "root" { Identity::Root } else { Identity::Setuid(uid_of(user)) };
        self.call(identity, user, program, arguments)
    }

    /// Any program, run by a user without privileges (or by root).
    pub fn program<A: AsRef<OsStr>>(&self, user: &str, program: &str, arguments: &[A]) -> Call<'_> {
        let identity = if user == "root" { Identity::Root } else { Identity::Plain(uid_of(user)) };
        self.call(identity, user, program, arguments)
    }

    /// A bash line that calls hitl, of a user where it is installed setuid root: for limits, masks
    /// and closed descriptors. (The shell itself has the effective uid 0 here; only its real uid, and
    /// what hitl makes of it, is like the user's.)
    pub fn script(&self, user: &str, line: &str) -> Call<'_> {
        let identity = if user == "root" { Identity::Root } else { Identity::Setuid(uid_of(user)) };
        self.call(identity, user, "/bin/bash", &["-p", "-c", line])
    }

    /// A bash line that calls hitl, of a user without privileges.
    pub fn plain_script(&self, user: &str, line: &str) -> Call<'_> {
        self.program(user, "/bin/bash", &["-c", line])
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

    fn call<A: AsRef<OsStr>>(
        &self,
        identity: Identity,
        user: &str,
        program: &str,
        arguments: &[A],
    ) -> Call<'_> {
        let home = if user == "root" { "/root".into() } else { format!("/home/{user}") };
        let environment = [
            ("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", home.as_str()),
            ("USER", user),
            ("TERM", "xterm"),
            ("LANG", "C.UTF-8"),
        ];
        Call {
            world: self,
            identity,
            program: program.into(),
            arguments: arguments.iter().map(|argument| argument.as_ref().to_owned()).collect(),
            directory: "/srv".into(),
            environment: environment.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            input: None,
            terminal: None,
            login: None,
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

impl Call<'_> {
    /// In this directory of the world (`/srv` otherwise).
    pub fn in_directory(mut self, directory: &str) -> Self {
        self.directory = directory.into();
        self
    }

    /// With this variable.
    pub fn with(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.retain(|(known, _)| known != name.as_ref());
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// With this on standard input (`/dev/null` otherwise).
    pub fn with_input(mut self, input: &[u8]) -> Self {
        self.input = Some(input.to_vec());
        self
    }

    /// With this terminal as the controlling one and as descriptors 0 to 2.
    pub fn on_terminal(mut self, terminal: OwnedFd) -> Self {
        self.terminal = Some(terminal);
        self
    }

    /// In the login session of this user, whoever they have become since: the kernel's login uid,
    /// which root may set.
    pub fn logged_in_as(mut self, user: &str) -> Self {
        self.login = Some(uid_of(user));
        self
    }

    /// The command, ready to be changed further and started.
    pub fn command(self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment);
        let pairs = [
            ("etc", "/etc"),
            ("var-lib", "/var/lib"),
            ("home", "/home"),
            ("srv", "/srv"),
            ("bin", "/usr/local/bin"),
        ];
        let mut binds: Vec<(CString, CString)> = pairs
            .iter()
            .map(|(from, to)| (path_cstring(&self.world.outside(from)), CString::new(*to).unwrap()))
            .collect();
        let installed = Some(self.world.outside("installed/hitl")).filter(|path| path.exists());
        let binary = installed.as_deref().unwrap_or(Path::new(HITL));
        let binary = (path_cstring(binary), CString::new("/usr/local/bin/hitl").unwrap());
        binds.push(binary);
        let directory = path_cstring(&self.directory);
        let identity = self.identity;
        let groups = groups_of(identity);
        let terminal = self.terminal;
        let login = self.login.map(|uid| uid.to_string());
        command.stdin(Stdio::null());
        // SAFETY: only system calls between fork and exec; everything they need was made before.
        unsafe {
            command.pre_exec(move || {
                if let Some(login) = &login {
                    let file = nix::fcntl::open(
                        c"/proc/self/loginuid",
                        OFlag::O_WRONLY | OFlag::O_CLOEXEC,
                        Mode::empty(),
                    )?;
                    nix::unistd::write(&file, login.as_bytes())?;
                }
                unshare(CloneFlags::CLONE_NEWNS)?;
                mount(
                    None::<&str>,
                    "/",
                    None::<&str>,
                    MsFlags::MS_REC | MsFlags::MS_PRIVATE,
                    None::<&str>,
                )?;
                for (from, to) in &binds {
                    mount(
                        Some(from.as_c_str()),
                        to.as_c_str(),
                        None::<&str>,
                        MsFlags::MS_BIND | MsFlags::MS_REC,
                        None::<&str>,
                    )?;
                }
                if let Some(terminal) = &terminal {
                    nix::unistd::setsid()?;
                    for descriptor in 0..3 {
                        if libc::dup2(terminal.as_raw_fd(), descriptor) < 0 {
                            return Err(std::io::Error::last_os_error());
                        }
                    }
                    if libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                }
                let change = |real: u32, effective: u32| -> std::io::Result<()> {
                    setgroups(&groups)?;
                    setresgid(
                        Gid::from_raw(real),
                        Gid::from_raw(effective),
                        Gid::from_raw(effective),
                    )?;
                    setresuid(
                        Uid::from_raw(real),
                        Uid::from_raw(effective),
                        Uid::from_raw(effective),
                    )?;
                    Ok(())
                };
                match identity {
                    Identity::Root => {}
                    // A setuid program keeps the caller's gid.
                    Identity::Setuid(uid) => {
                        setgroups(&groups)?;
                        setresgid(Gid::from_raw(uid), Gid::from_raw(uid), Gid::from_raw(uid))?;
                        setresuid(Uid::from_raw(uid), Uid::from_raw(0), Uid::from_raw(0))?;
                    }
                    Identity::Plain(uid) => change(uid, uid)?,
                }
                nix::unistd::chdir(directory.as_c_str())?;
                Ok(())
            });
        }
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(mut self) -> Ran {
        let input = self.input.take();
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            // A command that does not read its input closes it: that is its right.
            let _ = stdin.write_all(&input);
        }
        finish(child)
    }

    /// Starts `hitl run …` with a status descriptor, and does not wait for anything.
    pub fn start(self) -> Running {
        let (child, events) = self.spawn_with_status();
        Running { child, events }
    }

    /// Starts `hitl run …` and returns once it has said, on its status descriptor, that the request
    /// is pending. The descriptor is the writing end of a pipe, passed by `--status-fd`.
    pub fn start_and_wait_for_request(self) -> Waiting {
        let (child, mut events) = self.spawn_with_status();
        let mut seen = Vec::new();
        loop {
            let Some(event) = read_event(&mut events) else {
                let ran = finish(child);
                panic!("ended before a request was pending; events {seen:?}; {ran:?}");
            };
            if event["event"] == "pending" {
                let id = event["id"].as_str().unwrap().to_owned();
                return Waiting { child, id, events };
            }
            seen.push(event);
        }
    }

    fn spawn_with_status(mut self) -> (Child, BufReader<fs::File>) {
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        let number = writer.as_raw_fd();
        let place = self.arguments.iter().position(|argument| argument == "run").unwrap() + 1;
        self.arguments.insert(place, format!("--status-fd={number}").into());
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Only in this child: another test's child that inherited it would keep the pipe open.
        // SAFETY: a system call on integers between fork and exec.
        unsafe {
            command.pre_exec(move || {
                if libc::fcntl(number, libc::F_SETFD, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(writer);
        (child, BufReader::new(fs::File::from(reader)))
    }
}

fn read_event(events: &mut BufReader<fs::File>) -> Option<Value> {
    let mut line = String::new();
    if events.read_line(&mut line).unwrap() == 0 {
        return None;
    }
    Some(serde_json::from_str(&line).unwrap())
}

/// A `hitl run` that was started.
pub struct Running {
    pub child: Child,
    events: BufReader<fs::File>,
}

impl Running {
    /// Reads events up to the one with this name.
    #[track_caller]
    pub fn wait_for(&mut self, name: &str) -> Value {
        let mut seen = Vec::new();
        while let Some(event) = read_event(&mut self.events) {
            if event["event"] == name {
                return event;
            }
            seen.push(event);
        }
        panic!("no {name:?} among {seen:?}");
    }

    /// Sends hitl a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end: the events that were not read yet, and what it did.
    #[track_caller]
    pub fn end(mut self) -> (Vec<Value>, Ran) {
        let events = std::iter::from_fn(|| read_event(&mut self.events)).collect();
        (events, finish(self.child))
    }
}

/// A `hitl run` that waits for a human.
pub struct Waiting {
    pub child: Child,
    /// The request's id.
    pub id: String,
    events: BufReader<fs::File>,
}

impl Waiting {
    /// The next event on the status descriptor; `None` when it is closed.
    pub fn next_event(&mut self) -> Option<Value> {
        read_event(&mut self.events)
    }

    /// Sends it a signal, and nothing else.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(self) -> Ran {
        finish(self.child)
    }
}

#[track_caller]
fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout_bytes: output.stdout,
    }
}

fn uid_of(user: &str) -> u32 {
    USERS.iter().find(|(name, _)| *name == user).unwrap_or_else(|| panic!("no user {user}")).1
}

fn groups_of(identity: Identity) -> Vec<Gid> {
    match identity {
        Identity::Root => vec![Gid::from_raw(0)],
        Identity::Setuid(uid) | Identity::Plain(uid) => {
            let mut groups = vec![Gid::from_raw(uid)];
            if uid == uid_of("alice") || uid == uid_of("bob") {
                groups.push(Gid::from_raw(3001));
            }
            groups
        }
    }
}

fn path_cstring(path: &Path) -> CString {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).unwrap()
}
