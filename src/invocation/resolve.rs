//! From what was typed to an [`Invocation`]: the directory, the executable behind the first word,
//! who asks and as whom it is to run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD};

use super::requester::{self, input_kind};
use super::veil::{Place, Veil};
use super::{
    Content, Executable, ExecutableNames, InputKind, Invocation, Machine, OwnUndo, reading, run_as,
};
use crate::system::identity::IdentityError;
use crate::system::text::{visible_argument, visible_bytes};
use crate::system::{ByteString, Scope};

/// What was asked on the command line.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The command and its arguments, byte for byte.
    pub argv: Vec<OsString>,
    /// `-C DIR`: where it is to run; the current directory where absent.
    pub directory: Option<PathBuf>,
    /// `-u USER`: as whom.
    pub user: Option<String>,
    /// `-g GROUP`: with which primary group.
    pub group: Option<String>,
    /// What is to stand on its standard input in place of the caller's.
    pub content: Option<Content>,
    /// Whether the caller's standard input was read for something else, so that the command has
    /// `/dev/null` in its place.
    pub no_input: bool,
    /// What it is, where it is an undo that hitl itself starts.
    pub undo: Option<OwnUndo>,
}

/// Why what was asked cannot be made into an invocation. Nothing has run.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// No command, or an empty one.
    #[error("there is no command to run: write it after \"--\", for example \"hitl run -- id\"")]
    NoCommand,
    /// A bare word that is in no directory of the search path.
    #[error("{word}: command not found in {searched}: check the name, or write its whole path")]
    NotFound {
        /// The word, made visible.
        word: String,
        /// The directories, as `PATH` writes them.
        searched: String,
    },
    /// A path with nothing there.
    #[error("{0}: no such file: check the path; it was looked for in {1}")]
    NoSuchFile(String, String),
    /// A directory in the command's place.
    #[error("{0} is a directory, not a command: name the program itself")]
    IsDirectory(String),
    /// A file that is not executable.
    #[error("{0} is not executable: if it should be, chmod +x it, or name its interpreter")]
    NotExecutable(String),
    /// A file that cannot be looked at.
    #[error("{0} cannot be examined: {1}")]
    Unreadable(String, io::Error),
    /// The current directory is gone or closed to us.
    #[error(
        "the current directory cannot be used: {0}: change to another one, or name one with -C DIR"
    )]
    CurrentDirectory(io::Error),
    /// The command is, or would be, where the caller cannot see, and no rule names it. Said whether
    /// or not anything is there (CVE-2025-46717).
    #[error(
        "{0} cannot be run: you may not look where that would be, and no rule names it for you: \
         check the path, or ask an administrator for a rule about it"
    )]
    OutOfSight(String),
    /// The same of a directory.
    #[error(
        "cannot run in {0}: you may not enter it, and no rule names it for you: check the path, or \
         name a directory that you may enter with -C"
    )]
    DirectoryOutOfSight(String),
    /// `-C` names what is no usable directory.
    #[error("cannot run in {0}: {1}: name an existing directory that you may enter with -C")]
    Directory(String, io::Error),
    /// `-u` or `-g` names nobody.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// `-u` or `-g` without privileges.
    #[error(
        "cannot run as {0}: hitl runs without privileges here (it is not installed setuid root), \
         so commands run as yourself: leave the option out, or ask root to install hitl"
    )]
    NoPrivileges(String),
}

impl InvocationError {
    /// The exit status that says so: 127 not found, 126 cannot be executed, 77 not the caller's to
    /// know, 125 otherwise.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NotFound { .. } | Self::NoSuchFile(..) => 127,
            Self::IsDirectory(_) | Self::NotExecutable(_) | Self::Unreadable(..) => 126,
            Self::OutOfSight(_) | Self::DirectoryOutOfSight(_) => 77,
            Self::NoCommand
            | Self::CurrentDirectory(_)
            | Self::Directory(..)
            | Self::Identity(_)
            | Self::NoPrivileges(_) => 125,
        }
    }
}

/// Makes an invocation of what was asked: everything about it that the machine knows is looked up
/// here, once.
///
/// A bare command word is looked for in `search` in system scope, where the caller's `PATH` says
/// nothing, and in the caller's `PATH` in user scope (`search` stands in where it is not set).
///
/// # Errors
/// [`InvocationError`], with an [exit status](InvocationError::exit_code).
pub fn resolve(
    asked: Asked,
    search: &[PathBuf],
    scope: Scope,
) -> Result<Invocation, InvocationError> {
    resolve_behind(&Veil::none(), asked, search, scope)
}

/// As [`resolve`], for a caller who is to learn nothing from it about files that they cannot see:
/// a command or a directory out of their sight is refused in the same words whether or not it is
/// there, unless it is `named` for them, by a rule.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_for_caller(
    asked: Asked,
    search: &[PathBuf],
    scope: Scope,
    named: &dyn Fn(Place<'_>) -> bool,
) -> Result<Invocation, InvocationError> {
    resolve_behind(&Veil::of_caller(named), asked, search, scope)
}

fn resolve_behind(
    veil: &Veil<'_>,
    asked: Asked,
    search: &[PathBuf],
    scope: Scope,
) -> Result<Invocation, InvocationError> {
    let argv: Vec<ByteString> = asked.argv.into_iter().map(ByteString::from).collect();
    let word = argv.first().filter(|word| !word.as_bytes().is_empty());
    let word = word.ok_or(InvocationError::NoCommand)?.clone();
    let directory = directory(asked.directory.as_deref(), veil)?;
    let callers: Vec<PathBuf>;
    let search = match (scope, std::env::var_os("PATH")) {
        (Scope::User, Some(path)) => {
            callers = std::env::split_paths(&path).collect();
            callers.as_slice()
        }
        _ => search,
    };
    let executable = find(&word, &directory.path, search, scope, veil)?;
    let (requester, account) = requester::here()?;
    let run_as = run_as::settle(scope, asked.user.as_deref(), asked.group.as_deref(), account)?;
    let machine = Machine { requester_uid: requester.uid };
    let reading = reading::read(&argv, &executable.names, &directory.path, &machine);
    Ok(Invocation {
        argv,
        executable,
        directory: directory.path,
        directory_identity: directory.identity,
        requester,
        run_as,
        input: match &asked.content {
            Some(_) => InputKind::File,
            None if asked.no_input => InputKind::Null,
            None => input_kind(),
        },
        content: asked.content,
        no_input: asked.no_input,
        reading,
    })
}

struct Directory {
    path: PathBuf,
    identity: (u64, u64),
}

fn directory(asked: Option<&Path>, veil: &Veil<'_>) -> Result<Directory, InvocationError> {
    let examine = |path: PathBuf| {
        // The dot asks for permission to enter, not only to look at it.
        let metadata = path.join(".").metadata()?;
        Ok(Directory { identity: (metadata.dev(), metadata.ino()), path })
    };
    match asked {
        None => {
            std::env::current_dir().and_then(examine).map_err(InvocationError::CurrentDirectory)
        }
        Some(asked) => {
            let shown = || visible_argument(asked.as_os_str().as_bytes());
            let look = || asked.canonicalize().and_then(examine);
            // The dot: it is to be entered.
            match veil.look(&asked.join("."), || Place::Directory(asked), look) {
                Some(Err(error)) if veil.is_none() || !is_denial(&error) => {
                    Err(InvocationError::Directory(shown(), error))
                }
                None | Some(Err(_)) => Err(InvocationError::DirectoryOutOfSight(shown())),
                Some(Ok(directory)) => Ok(directory),
            }
        }
    }
}

fn find(
    word: &ByteString,
    directory: &Path,
    search: &[PathBuf],
    scope: Scope,
    veil: &Veil<'_>,
) -> Result<Executable, InvocationError> {
    let shown = || visible_argument(word.as_bytes());
    let examine = |path: &Path| {
        let look = || examine(word, path, veil);
        match veil.look(path, || Place::Command(path), look) {
            None => Err(InvocationError::OutOfSight(shown())),
            Some(Err(InvocationError::Unreadable(_, error)))
                if !veil.is_none() && is_denial(&error) =>
            {
                Err(InvocationError::OutOfSight(shown()))
            }
            Some(examined) => examined,
        }
    };
    if word.as_bytes().contains(&b'/') {
        let place = || visible_bytes(directory.as_os_str().as_bytes());
        return examine(&directory.join(word.as_path()))?
            .ok_or_else(|| InvocationError::NoSuchFile(shown(), place()));
    }
    let mut refusal = None;
    for place in search {
        // A relative place would let the directory decide what root runs.
        if scope == Scope::System && !place.is_absolute() {
            continue;
        }
        match examine(&directory.join(place).join(word.as_path())) {
            Ok(Some(executable)) => return Ok(executable),
            // What is out of sight is not there to them, as it is not to their shell.
            Ok(None)
            | Err(
                InvocationError::IsDirectory(_)
                | InvocationError::Unreadable(..)
                | InvocationError::OutOfSight(_),
            ) => {}
            // Found, but not to be executed: said only where no other directory has it.
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or_else(|| {
        let searched: Vec<&OsStr> = search.iter().map(|place| place.as_os_str()).collect();
        let searched = searched.join(OsStr::new(":"));
        InvocationError::NotFound { word: shown(), searched: visible_bytes(searched.as_bytes()) }
    }))
}

/// The executable at this path; `None` where nothing is there.
fn examine(
    typed: &ByteString,
    path: &Path,
    veil: &Veil<'_>,
) -> Result<Option<Executable>, InvocationError> {
    let shown = || visible_argument(path.as_os_str().as_bytes());
    let unreadable = |error| InvocationError::Unreadable(shown(), error);
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = real.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(InvocationError::IsDirectory(shown()));
    }
    // Behind a veil it is looked at with the caller's rights, and executed with others.
    let executable = if veil.is_none() {
        rustix::fs::accessat(CWD, &real, rustix::fs::Access::EXEC_OK, AtFlags::EACCESS).is_ok()
    } else {
        metadata.mode() & 0o111 != 0
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(InvocationError::IsDirectory(shown()));
    };
    if !metadata.is_file() || !executable {
        return Err(InvocationError::NotExecutable(shown()));
    }
    let named = parent.canonicalize().map_err(unreadable)?.join(name);
    Ok(Some(Executable {
        names: ExecutableNames {
            typed: typed.clone(),
            named: vec![named],
            real: Some(real.clone()),
        },
        path: real,
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
    }))
}

fn is_denial(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn program(path: &Path, mode: u32) {
        write(path, "#!/bin/sh\n").unwrap();
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_word_is_found_as_execvp_would_and_every_failure_has_its_status() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        for name in ["one", "two", "three"] {
            std::fs::create_dir(base.join(name)).unwrap();
        }
        program(&base.join("one/tool"), 0o644);
        program(&base.join("two/tool"), 0o755);
        program(&base.join("one/plain"), 0o644);
        symlink(base.join("two/tool"), base.join("three/link")).unwrap();
        symlink(base.join("three"), base.join("linked")).unwrap();
        let search = [base.join("one"), base.join("two"), base.join("linked")];
        let find = |word: &str| find(&word.into(), &base, &search, Scope::System, &Veil::none());

        let tool = find("tool").unwrap();
        assert_eq!(tool.names.named, [base.join("two/tool")]);
        let link = find("link").unwrap();
        assert_eq!(link.names.named, [base.join("three/link")]);
        assert_eq!(link.names.real, Some(base.join("two/tool")));
        assert_eq!(find("./two/../two/tool").unwrap().names.named, [base.join("two/tool")]);

        for (word, status) in [
            ("plain", 126),
            ("absent", 127),
            ("./absent", 127),
            ("two/tool/x", 127),
            ("./two", 126),
            ("/", 126),
            ("one/plain", 126),
        ] {
            assert_eq!(find(word).unwrap_err().exit_code(), status, "{word}");
        }
        let message = find("absent").unwrap_err().to_string();
        assert!(
            message.contains("absent") && message.contains(&*base.join("one").to_string_lossy())
        );
    }

    #[test]
    fn a_relative_place_in_the_search_path_is_not_searched_in_system_scope() {
        let temporary = tempfile::tempdir().unwrap();
        program(&temporary.path().join("tool"), 0o755);
        for place in [".", ""] {
            let found = |scope| {
                let search = [place.into()];
                find(&"tool".into(), temporary.path(), &search, scope, &Veil::none())
            };
            assert!(found(Scope::System).is_err());
            assert!(found(Scope::User).is_ok());
        }
    }

    #[test]
    fn what_was_typed_is_kept_byte_for_byte() {
        let odd = OsString::from_vec(vec![b'a', 0xff, b'\n']);
        let asked = Asked { argv: vec!["/bin/echo".into(), odd.clone()], ..Asked::default() };
        let invocation = resolve(asked, &[], Scope::here()).unwrap();
        assert_eq!(invocation.argv.get(1).unwrap().as_os_str(), odd);
        assert_eq!(invocation.reading.dynamic.len(), 1, "a line feed makes it dynamic");
    }

    #[test]
    fn an_empty_word_an_absent_directory_and_an_unknown_user_are_refused_before_anything() {
        let asked = |word: &str| Asked { argv: vec![word.into()], ..Asked::default() };
        let refused = |asked| resolve(asked, &[], Scope::System).unwrap_err();
        assert_eq!(refused(asked("")).exit_code(), 125);
        assert_eq!(refused(Asked::default()).exit_code(), 125);
        let elsewhere = Asked { directory: Some("/absent/place".into()), ..asked("/bin/true") };
        let error = refused(elsewhere);
        assert_eq!(error.exit_code(), 125);
        assert!(error.to_string().contains("/absent/place"));
        let nobody = Asked { user: Some("no-such-user-here".into()), ..asked("/bin/true") };
        assert_eq!(refused(nobody).exit_code(), 125);
    }
}
