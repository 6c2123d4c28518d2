//! A command of the world: as whom, where, with which variables, input and terminal it is started.
#![allow(unsafe_code, reason = "namespaces and identities are entered between fork and exec")]

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io::{BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;

use super::identity::{Identity, uid_of};
use super::lacking::Lacking;
use super::running::{Ran, Running, Waiting, finish, read_event};
use super::{BUILT_HITL, HITL, SENDER, SENDERS, World};

/// A command about to be started in a world.
pub struct Call<'w> {
    world: &'w World,
    hitl: Hitl,
    identity: Identity,
    program: OsString,
    arguments: Vec<OsString>,
    directory: PathBuf,
    environment: Vec<(OsString, OsString)>,
    input: Option<Vec<u8>>,
    terminal: Option<OwnedFd>,
    login: Option<u32>,
    lacking: Option<Lacking>,
    traced: bool,
}

/// Which hitl there is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hitl {
    /// The one at /usr/local/bin/hitl, setuid root.
    Setuid,
    /// The built binary without privileges.
    Plain,
}

impl<'w> Call<'w> {
    pub(super) fn new<A: AsRef<OsStr>>(
        world: &'w World,
        hitl: Hitl,
        user: &str,
        program: &str,
        arguments: &[A],
    ) -> Self {
        let home = if user == "root" { "/root".into() } else { format!("/home/{user}") };
        let environment = [
            ("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", home.as_str()),
            ("USER", user),
            ("TERM", "xterm"),
            ("LANG", "C.UTF-8"),
        ];
        Self {
            world,
            hitl,
            identity: Identity::of(user),
            program: program.into(),
            arguments: arguments.iter().map(|argument| argument.as_ref().to_owned()).collect(),
            directory: "/srv".into(),
            environment: environment.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            input: None,
            terminal: None,
            login: None,
            lacking: None,
            traced: false,
        }
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

    /// As on a kernel on which this system call fails so.
    pub fn where_fails(mut self, call: libc::c_long, error: i32) -> Self {
        self.lacking = Some(Lacking { call, error });
        self
    }

    /// Traced by the thread that starts it (ptrace(2)), with root's rights: what is setuid works.
    pub fn traced(mut self) -> Self {
        self.traced = true;
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
            // Only where a test has made them.
            ("run", "/run"),
            ("var-tmp", "/var/tmp"),
            ("usr-sbin", "/usr/sbin"),
        ];
        let covered = self.world.covered.iter();
        // The built one itself, where a test has made a place for it.
        let sender = SENDERS.iter().filter(|place| self.world.outside(place).exists());
        let sender = sender.map(|place| {
            let at = place.replacen("bin/", "/usr/local/bin/", 1).replacen("home/", "/home/", 1);
            (path_cstring(Path::new(SENDER)), CString::new(at).unwrap())
        });
        let binds: Vec<(CString, CString)> = pairs
            .iter()
            .filter(|(from, _)| self.world.outside(from).exists())
            .map(|(from, to)| (path_cstring(&self.world.outside(from)), CString::new(*to).unwrap()))
            .chain(covered.map(|(path, instead)| (path_cstring(instead), path_cstring(path))))
            .chain(sender)
            .collect();
        let (hitl, here) = match self.hitl {
            Hitl::Setuid => (self.world.installed.path().join("hitl"), "/usr/local/bin/hitl"),
            Hitl::Plain => (HITL.into(), BUILT_HITL),
        };
        let (hitl, here) = (path_cstring(&hitl), path_cstring(Path::new(here)));
        let directory = path_cstring(&self.directory);
        let identity = self.identity;
        let groups = identity.groups();
        let terminal = self.terminal;
        let login = self.login.map(|uid| uid.to_string());
        let lacking = self.lacking;
        let traced = self.traced;
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
                let here = here.as_c_str();
                mount(Some(hitl.as_c_str()), here, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
                // Also where temporary files are on a file system without setuid bits.
                let with_setuid = MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
                mount(None::<&str>, here, None::<&str>, with_setuid, None::<&str>)?;
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
                // While this is root, so that setuid programs work under it.
                if let Some(lacking) = lacking {
                    lacking.set()?;
                }
                // As well: the tracer has the rights of whoever asks to be traced.
                if traced && libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                identity.assume(&groups)?;
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

fn path_cstring(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}
