//! Who asks: the real user, their groups, where they sit, and whether they look like a program.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use nix::unistd::{isatty, ttyname};
use rustix::fs::FileType;

use super::{InputKind, Requester, RequesterKind};
use crate::system::identity::{Account, IdentityError, login_uid};
use crate::system::{Caller, caller};

/// A variable that a kind of program sets for what it starts.
struct Marker {
    /// The name; with a `*` at the end, every name that begins so.
    name: &'static str,
    kind: RequesterKind,
}

/// Well-known markers, from the documentation of each product. Anybody can set or unset them, so
/// they only ever make a decision stricter.
const MARKERS: &[Marker] = &[
    agent("AI_AGENT"),
    agent("CLAUDECODE"),
    agent("CLAUDE_CODE_*"),
    agent("CODEX_*"),
    agent("GEMINI_CLI"),
    agent("CURSOR_AGENT"),
    agent("OPENCODE"),
    agent("GOOSE_TERMINAL"),
    agent("AUGMENT_AGENT"),
    agent("CLINE_ACTIVE"),
    agent("AIDER_*"),
    agent("AMP_THREAD_ID"),
    agent("COPILOT_AGENT_*"),
    pipeline("GITHUB_ACTIONS"),
    pipeline("GITLAB_CI"),
    pipeline("JENKINS_URL"),
    pipeline("BUILDKITE"),
    pipeline("TF_BUILD"),
    pipeline("CIRCLECI"),
    pipeline("TRAVIS"),
    pipeline("TEAMCITY_VERSION"),
    pipeline("BITBUCKET_BUILD_NUMBER"),
    pipeline("CODEBUILD_BUILD_ID"),
    pipeline("DRONE"),
    pipeline("APPVEYOR"),
    pipeline("SEMAPHORE"),
    pipeline("CI"),
];

const fn agent(name: &'static str) -> Marker {
    Marker { name, kind: RequesterKind::Agent }
}

const fn pipeline(name: &'static str) -> Marker {
    Marker { name, kind: RequesterKind::Ci }
}

/// The one who asks, and their account where the host knows one.
///
/// # Errors
/// [`IdentityError::Lookup`] where the name service fails: who is unknown is not asked for.
pub(super) fn here() -> Result<(Requester, Option<Account>), IdentityError> {
    let Caller { uid, gid, groups: own } = caller();
    let (uid, gid) = (*uid, *gid);
    let account = Account::by_uid(uid)?;
    let groups = match &account {
        Some(account) => account.groups()?.into_iter().map(|group| group.name).collect(),
        None => own.iter().map(|gid| format!("#{gid}")).collect(),
    };
    let (kind, kind_reason) = kind(std::env::vars_os());
    let requester = Requester {
        uid,
        gid,
        name: account.as_ref().map_or_else(|| format!("#{uid}"), |account| account.name.clone()),
        groups,
        login_uid: login_uid(),
        kind,
        kind_reason,
        terminal: terminal(),
    };
    Ok((requester, account))
}

/// What standard input is.
pub(super) fn input_kind() -> InputKind {
    let input = std::io::stdin();
    if isatty(input.as_fd()).unwrap_or(false) {
        return InputKind::Terminal;
    }
    // What cannot be examined is closed.
    let Ok(state) = rustix::fs::fstat(input.as_fd()) else { return InputKind::Null };
    // The device 1:3 is /dev/null (Documentation/admin-guide/devices.txt of the kernel).
    let null = libc::makedev(1, 3);
    match FileType::from_raw_mode(state.st_mode) {
        FileType::RegularFile => InputKind::File,
        FileType::CharacterDevice if state.st_rdev == null => InputKind::Null,
        _ => InputKind::Pipe,
    }
}

fn kind(variables: impl Iterator<Item = (OsString, OsString)>) -> (RequesterKind, Option<String>) {
    let mut strictest: Option<&Marker> = None;
    let mut found_name = String::new();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let unset = matches!(value.as_encoded_bytes(), b"" | b"0" | b"false");
        let Some(marker) = MARKERS.iter().find(|marker| marker.fits(name)).filter(|_| !unset)
        else {
            continue;
        };
        if strictest.is_none_or(|known| known.kind < marker.kind) {
            strictest = Some(marker);
            name.clone_into(&mut found_name);
        }
    }
    match strictest {
        Some(marker) => (marker.kind, Some(format!("the environment has {found_name}"))),
        None => (RequesterKind::Human, None),
    }
}

impl Marker {
    fn fits(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == self.name,
        }
    }
}

fn terminal() -> Option<PathBuf> {
    let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let descriptors: [BorrowedFd<'_>; 3] = [input.as_fd(), error.as_fd(), output.as_fd()];
    let named = descriptors.into_iter().find_map(|descriptor| ttyname(descriptor).ok());
    // A process can have a terminal without any of the three leading to it.
    named.or_else(|| {
        let path = PathBuf::from("/dev/tty");
        std::fs::File::open(&path).ok().map(|_| path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_programs_are_seen_and_an_agent_in_a_pipeline_is_an_agent() {
        let kind_of = |names: &[(&str, &str)]| {
            kind(names.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
        };
        assert_eq!(kind_of(&[("HOME", "/root"), ("CI", "false")]), (RequesterKind::Human, None));
        assert_eq!(kind_of(&[("CI", "true")]).0, RequesterKind::Ci);
        let (kind, reason) = kind_of(&[("CODEX_SANDBOX", "x"), ("GITHUB_ACTIONS", "true")]);
        assert_eq!(kind, RequesterKind::Agent);
        assert_eq!(reason.unwrap(), "the environment has CODEX_SANDBOX");
    }
}
