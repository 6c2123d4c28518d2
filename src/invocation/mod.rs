//! What is asked: the command line, the executable behind its first word, the directory, who asks,
//! as whom it is to run, and what can be read out of the arguments.
//!
//! An [`Invocation`] is made once, before anything is decided, and is the same object that is
//! judged, shown, bound and executed.

mod accounts;
mod affected;
mod arguments;
mod bound;
mod content;
mod downloads;
mod findings;
mod getopt;
mod git;
mod grammar;
mod inner;
mod names;
mod other_archives;
mod own;
mod paths;
mod programs;
mod reading;
mod requester;
mod resolve;
mod run_as;
mod runners;
mod scripts;
mod services;
mod shell;
mod special;
mod unknown;
mod veil;
mod wrappers;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::system::identity::IdentityError;
use crate::system::{ByteString, Digest};

pub use affected::AffectedFiles;
pub use bound::{OPERAND_DIGEST_LIMIT, bind_file, look_once_more};
pub use content::Content;
pub use own::OwnUndo;
pub use paths::{Imagined, Machine};
pub use reading::{imagine, read};
pub use resolve::{Asked, InvocationError, resolve, resolve_for_caller};
pub use veil::Place;

/// Whoever calls.
///
/// # Errors
/// [`IdentityError::Lookup`] where the name service fails.
pub fn requester() -> Result<Requester, IdentityError> {
    Ok(requester::here()?.0)
}

/// One command, as asked for.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The arguments, the command itself first, byte for byte. Never empty.
    pub argv: Vec<ByteString>,
    /// What the first word stands for on this machine.
    pub executable: Executable,
    /// The working directory: absolute, no symbolic link in it.
    pub directory: PathBuf,
    /// Its device and inode numbers: the directory is entered only while it is still the same.
    pub directory_identity: (u64, u64),
    /// Who asks.
    pub requester: Requester,
    /// As whom it is to run.
    pub run_as: RunAs,
    /// What standard input is.
    pub input: InputKind,
    /// What stands there in place of the caller's.
    pub content: Option<Content>,
    /// Whether nothing stands there, whatever the caller has.
    pub no_input: bool,
    /// What can be read out of the arguments.
    pub reading: Reading,
}

/// The file that will be executed.
#[derive(Clone, Debug)]
pub struct Executable {
    /// The names under which rules may know it.
    pub names: ExecutableNames,
    /// The real path of the file.
    pub path: PathBuf,
    /// The device number of the file.
    pub device: u64,
    /// The inode number of the file.
    pub inode: u64,
    /// The size of the file in bytes.
    pub size: u64,
}

/// The names of an executable. Rules that allow match by `named` (and by `real` only under the
/// same last component); rules that restrict match by any of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecutableNames {
    /// The word as typed: `rm`, `./deploy.sh`.
    pub typed: ByteString,
    /// The absolute path that the word led to, its directory without symbolic links, its last
    /// component as it is: `/usr/bin/vi` also where that is a link to `vim.basic`. Several where
    /// the machine was not asked (a policy's examples): every place where the word could be.
    pub named: Vec<PathBuf>,
    /// The real path of the file itself. `None` where the machine was not asked.
    pub real: Option<PathBuf>,
}

impl Invocation {
    /// The command as sudo tells it in `SUDO_COMMAND`: with the path that was found in place of the
    /// word that was typed.
    pub fn command_found(&self) -> Vec<ByteString> {
        let names = &self.executable.names;
        let found = names.named.first().unwrap_or(&self.executable.path);
        let arguments = self.argv.iter().skip(1).cloned();
        std::iter::once(found.as_path().into()).chain(arguments).collect()
    }
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requester {
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// The login name of `uid`, or `#uid` where the host knows none.
    pub name: String,
    /// The names of the groups that the name service gives this user.
    pub groups: Vec<String>,
    /// Who logged in, whatever they became since; `None` where the kernel does not know.
    pub login_uid: Option<u32>,
    /// A human, or a program that acts alone. Signs of a program only ever make decisions stricter.
    pub kind: RequesterKind,
    /// What made us think so, for the reviewer: `the environment has CLAUDECODE`.
    pub kind_reason: Option<String>,
    /// The terminal's device path, where there is one.
    pub terminal: Option<PathBuf>,
}

/// What kind of requester.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequesterKind {
    /// A person at a terminal or in a script of theirs.
    Human,
    /// A pipeline.
    Ci,
    /// A coding or operations agent.
    Agent,
}

/// As whom a command is to run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunAs {
    /// The login name, or `#uid`.
    pub user: String,
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The supplementary group ids, sorted.
    pub groups: Vec<u32>,
    /// The home directory.
    pub home: ByteString,
    /// The login shell.
    pub shell: ByteString,
}

/// What standard input is: an approval for a command that reads nothing is not one for a command
/// that is fed from a pipe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// A terminal.
    Terminal,
    /// `/dev/null`, or closed.
    Null,
    /// A regular file.
    File,
    /// A pipe, a socket, anything else.
    Pipe,
}

/// What can be read out of a command's arguments.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Every command that would be started, as far as it can be read: the outermost first. All of
    /// them are judged.
    pub commands: Vec<CommandReading>,
    /// The fragments that cannot be read, each with the reason: `bash -c runs its argument as shell
    /// code`. A command with any of them is *dynamic*: never below `approve`.
    pub dynamic: Vec<DynamicFragment>,
    /// The commands inside of a dynamic fragment, as far as they can be read. What rules demand of
    /// them is demanded; nothing that a rule permits them makes the whole more lenient.
    pub inner: Vec<CommandReading>,
    /// The fragments of which it is not known which files they make a command write, each with the
    /// reason: all that is dynamic and could not be followed, variables, what comes from elsewhere.
    pub doubts: Vec<DynamicFragment>,
}

/// One command inside an invocation.
#[derive(Clone, Debug)]
pub struct CommandReading {
    /// Its executable's names.
    pub names: ExecutableNames,
    /// Its arguments without the command itself.
    pub arguments: Vec<ByteString>,
    /// The arguments that can be paths, in their order. For a program that is not known, every
    /// argument that is not a flag, and the values of flags written `--flag=value`.
    pub operands: Vec<PathOperand>,
    /// Whether all that it does with its arguments is to start a command that was read as well:
    /// they are that command's.
    pub wraps: bool,
}

/// Why a command is dynamic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DynamicFragment {
    /// The exact fragment.
    pub fragment: ByteString,
    /// What makes it unreadable, as a clause: `the shell runs its argument as code`.
    pub reason: String,
}

/// An argument that names, or can name, a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathOperand {
    /// As it stands in the arguments.
    pub text: ByteString,
    /// Absolute and lexically clean: against the working directory, `.` and `..` taken out.
    pub path: PathBuf,
    /// With the symbolic links of its deepest existing ancestor followed.
    pub real: PathBuf,
    /// What the program may do to it.
    pub access: Access,
}

/// What a program may do to an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It only reads it.
    Reads,
    /// It may create, change or remove the file itself (not what is below a directory).
    Writes,
    /// It may create, change or remove it and everything below it.
    WritesTree,
    /// The path is a pattern (`*` within a component, a backslash before what is meant literally):
    /// it may create, change or remove what matches, and everything below that.
    WritesMatching,
    /// The program is not known.
    Unknown,
}

/// What a path leads to. Two of them: this machine, and an imagined one for a policy's examples,
/// which must mean the same on every host.
pub trait PathLookup {
    /// The path with the symbolic links of its deepest existing ancestor followed.
    fn real(&self, path: &Path) -> PathBuf;
    /// The home directory of a user, or of the requester where none is named (`~`).
    fn home(&self, user: Option<&str>) -> Option<PathBuf>;
    /// Whether the last component can be a symbolic link. A machine answers this with one system
    /// call, where [`PathLookup::real`] needs one for every component.
    fn may_be_link(&self, path: &Path) -> bool {
        self.real(path) != path
    }
    /// Whether it is an existing directory (behind links too). No directory is known to exist on an
    /// imagined machine.
    fn is_directory(&self, _path: &Path) -> bool {
        false
    }
    /// The work tree that a directory lies in, known by the directory of this name at its top
    /// (`.git`), and where the data of its repository lie. None is known on an imagined machine.
    fn work_tree(&self, _directory: &Path, _marker: &str) -> Option<WorkTree> {
        None
    }
    /// Whether it is there and neither a regular file nor a directory: a pipe, a device, a socket.
    fn is_special(&self, _path: &Path) -> bool {
        false
    }
}

/// A work tree under version control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkTree {
    /// Its top.
    pub top: PathBuf,
    /// Directories elsewhere that hold data of its repository: of a linked work tree or a submodule.
    pub elsewhere: Vec<PathBuf>,
}

/// A file that an approval is bound to: it is taken again just before the command starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BoundFile {
    /// The absolute path.
    pub path: ByteString,
    /// The device number.
    #[serde(with = "crate::system::canonical::wide")]
    pub device: u64,
    /// The inode number.
    #[serde(with = "crate::system::canonical::wide")]
    pub inode: u64,
    /// The size in bytes.
    #[serde(with = "crate::system::canonical::wide")]
    pub size: u64,
    /// The digest of the content; `None` where the file is over the size cap.
    pub sha256: Option<Digest>,
}
