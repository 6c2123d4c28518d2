//! The two scopes, and where each keeps its files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};

use super::caller;
use super::installation::SYSTEM_POLICY;

/// On whose behalf this process works.
///
/// System scope is a security boundary. User scope is a seat belt: it stops accidents and
/// well-behaved agents, not a hostile user, who owns every file it relies on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Effective uid 0: installed setuid root, or started by root.
    System,
    /// Everybody else.
    User,
}

/// Files that the caller would like to use instead of the usual ones: from `--policy` and
/// `--state-dir`, or from the environment (`HITL_POLICY`, `HITL_STATE_DIR`).
#[derive(Clone, Default, Debug)]
pub struct DirectoryOverrides {
    /// `--policy FILE` or `HITL_POLICY`.
    pub policy: Option<PathBuf>,
    /// `--state-dir DIR` or `HITL_STATE_DIR`.
    pub state: Option<PathBuf>,
}

/// Where this scope's files are.
#[derive(Clone, Debug)]
pub struct Directories {
    /// Whose boundary.
    pub scope: Scope,
    /// The policy file that must be there (system scope, or chosen by the caller), or that may be
    /// there (user scope, where the built-in default stands in for it).
    pub policy_file: PathBuf,
    /// Further policy files, `*.yaml` in this directory in byte order of their names. `None` where
    /// the caller chose one file.
    pub policy_directory: Option<PathBuf>,
    /// Whether the caller chose the policy file (then the built-in default does not stand in).
    pub policy_chosen: bool,
    /// The state directory (mode 0700).
    pub state: PathBuf,
}

/// Why the directories could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// A setuid start with an override.
    #[error(
        "{0} may only be used by root itself or without privileges: an installed hitl reads its own policy and state; leave it out"
    )]
    OverrideRefused(&'static str),
    /// User scope needs a home.
    #[error("neither HOME nor {0} is set, so there is no place for {1}: set {0} or pass {2}")]
    NoHome(&'static str, &'static str, &'static str),
    /// A relative directory from the environment or the command line that cannot be made absolute.
    #[error("cannot make {0:?} absolute: {1}")]
    Relative(PathBuf, std::io::Error),
}

impl Scope {
    /// The scope of this process.
    pub fn here() -> Self {
        if geteuid().is_root() { Self::System } else { Self::User }
    }

    /// The uid (besides root) whose files are trusted: the caller's own in user scope.
    pub fn trusted_uid(self) -> Uid {
        match self {
            Self::System => Uid::from_raw(0),
            Self::User => geteuid(),
        }
    }

    /// Whether the caller may choose policy and state files: not in a setuid start, where they
    /// would be chosen against root.
    pub fn caller_may_choose_files(self) -> bool {
        match self {
            Self::System => caller().uid == 0,
            Self::User => true,
        }
    }
}

impl Directories {
    /// The directories of this process's scope, with the caller's choices where they are allowed.
    ///
    /// `options` come from the command line; where they are absent the environment is asked, but
    /// never in a setuid start.
    ///
    /// # Errors
    /// [`ScopeError`] for a choice that is not the caller's to make and for a user without a home.
    pub fn settle(options: DirectoryOverrides) -> Result<Self, ScopeError> {
        let scope = Scope::here();
        let may_choose = scope.caller_may_choose_files();
        if !may_choose {
            // Variables are ignored (they may be left over); an option is a request, so refuse it.
            if options.policy.is_some() {
                return Err(ScopeError::OverrideRefused("--policy"));
            }
            if options.state.is_some() {
                return Err(ScopeError::OverrideRefused("--state-dir"));
            }
        }
        let variable = |name: &str| -> Option<OsString> {
            if may_choose { std::env::var_os(name).filter(|value| !value.is_empty()) } else { None }
        };
        let chosen_policy = options.policy.or_else(|| variable("HITL_POLICY").map(PathBuf::from));
        let chosen_state = options.state.or_else(|| variable("HITL_STATE_DIR").map(PathBuf::from));
        let policy_chosen = chosen_policy.is_some();
        let (policy_file, policy_directory) = match (chosen_policy, scope) {
            (Some(file), _) => (absolute(&file)?, None),
            (None, Scope::System) => (SYSTEM_POLICY.into(), Some("/etc/hitl/policy.d".into())),
            (None, Scope::User) => {
                let base = user_directory("XDG_CONFIG_HOME", ".config", "the policy", "--policy")?;
                (base.join("hitl/policy.yaml"), None)
            }
        };
        let state = match (chosen_state, scope) {
            (Some(directory), _) => absolute(&directory)?,
            (None, Scope::System) => "/var/lib/hitl".into(),
            (None, Scope::User) => {
                user_directory("XDG_STATE_HOME", ".local/state", "the state", "--state-dir")?
                    .join("hitl")
            }
        };
        Ok(Self { scope, policy_file, policy_directory, policy_chosen, state })
    }

    /// The directory of the audit log.
    pub fn audit(&self) -> PathBuf {
        self.state.join("audit")
    }

    /// The directory of the requests.
    pub fn requests(&self) -> PathBuf {
        self.state.join("requests")
    }

    /// The directory of the snapshots.
    pub fn snapshots(&self) -> PathBuf {
        self.state.join("snapshots")
    }

    /// Whose SSH key is whose: in the directory of the policy, and trusted as it is.
    pub fn allowed_signers(&self) -> PathBuf {
        self.policy_file.with_file_name("allowed_signers")
    }

    /// The SSH keys that no longer count.
    pub fn revoked_signers(&self) -> PathBuf {
        self.policy_file.with_file_name("revoked_signers")
    }

    /// Held while one of the two is replaced.
    pub fn signers_lock(&self) -> PathBuf {
        self.state.join("signers.lock")
    }

    /// The file of the compiled-policy cache.
    pub fn policy_cache(&self) -> PathBuf {
        self.state.join("policy-cache.json")
    }
}

fn absolute(path: &Path) -> Result<PathBuf, ScopeError> {
    std::path::absolute(path).map_err(|error| ScopeError::Relative(path.to_owned(), error))
}

fn user_directory(
    variable: &'static str,
    below_home: &str,
    what: &'static str,
    option: &'static str,
) -> Result<PathBuf, ScopeError> {
    // The XDG base directory specification says to ignore relative values.
    let usable =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    usable(variable)
        .or_else(|| usable("HOME").map(|home| home.join(below_home)))
        .ok_or(ScopeError::NoHome(variable, what, option))
}
