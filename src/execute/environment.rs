//! The child's environment.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::{Environment, variables};
use crate::invocation::{Requester, RunAs};
use crate::policy::EnvironmentRules;
use crate::system::{ByteString, Scope};

/// sudo's limit for `SUDO_COMMAND`: the kernel takes no single variable over 128 KiB.
const COMMAND_LIMIT: usize = 4096;

/// The child's `PATH` in system scope where the policy gives none.
const DEFAULT_PATH: &[u8] = b"/usr/sbin:/usr/bin:/sbin:/bin";

/// A variable that a policy sets and that no environment can hold.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A bad name.
    #[error(
        "the policy sets the variable {0:?}: a name is not empty and holds neither \"=\" nor NUL; \
         correct environment.set"
    )]
    Name(String),
    /// A bad value.
    #[error("the policy sets {0:?} to a value that holds NUL: correct environment.set")]
    Value(String),
}

/// Makes the child's environment.
///
/// In system scope: what may pass from the caller, what a rule keeps of the rest, the target's own
/// variables, the policy's `PATH` and `set`, who asked, and for what: `command`, its first word the
/// path of the executable. In user scope: the caller's environment, what the rules set, and the
/// request id.
///
/// # Errors
/// [`EnvironmentError`] for variables that the rules set.
pub fn environment(
    scope: Scope,
    rules: &EnvironmentRules,
    requester: &Requester,
    run_as: &RunAs,
    request_id: Option<&str>,
    command: &[ByteString],
) -> Result<Environment, EnvironmentError> {
    let mut variables = Variables::default();
    let callers = std::env::vars_os();
    match scope {
        Scope::User => variables.inherit(callers, |_, _| true),
        Scope::System => {
            variables.inherit(callers, |name, value| variables::passes(name, value, &rules.keep));
            variables.describe_target(rules, run_as);
        }
    }
    for (name, value) in &rules.set {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(EnvironmentError::Name(name.clone()));
        }
        if value.contains('\0') {
            return Err(EnvironmentError::Value(name.clone()));
        }
        variables.put(name.as_bytes(), value.as_bytes());
    }
    if scope == Scope::System {
        variables.describe_requester(requester, command);
    }
    if let Some(id) = request_id {
        variables.put(b"HITL_REQUEST_ID", id.as_bytes());
    }
    variables.0.sort();
    Ok(Environment(variables.0))
}

impl Environment {
    /// What an approval is bound to: everything but the request's own id and the variables that
    /// only say where somebody sits (see the table in `variables`).
    pub fn bound_part(&self) -> Environment {
        let counts = |name: &ByteString| !variables::is_of_the_session(name.as_bytes());
        Environment(self.0.iter().filter(|(name, _)| counts(name)).cloned().collect())
    }
}

#[derive(Default)]
struct Variables(Vec<(ByteString, ByteString)>);

impl Variables {
    /// Takes over what passes. Of several with one name the first counts, as for getenv(3); the
    /// others are dropped, so that no program sees another value than the one that was checked.
    fn inherit(
        &mut self,
        callers: impl Iterator<Item = (OsString, OsString)>,
        passes: impl Fn(&[u8], &[u8]) -> bool,
    ) {
        let mut seen = std::collections::HashSet::new();
        for (name, value) in callers {
            if seen.insert(name.clone()) && passes(name.as_bytes(), value.as_bytes()) {
                self.0.push((name.into(), value.into()));
            }
        }
    }

    fn describe_target(&mut self, rules: &EnvironmentRules, run_as: &RunAs) {
        let places: Vec<&[u8]> = rules.path.iter().map(|p| p.as_os_str().as_bytes()).collect();
        let path = places.join(b":".as_slice());
        self.put(b"PATH", if path.is_empty() { DEFAULT_PATH } else { &path });
        self.put(b"HOME", run_as.home.as_bytes());
        self.put(b"SHELL", run_as.shell.as_bytes());
        self.put(b"USER", run_as.user.as_bytes());
        self.put(b"LOGNAME", run_as.user.as_bytes());
        self.put(b"MAIL", &[b"/var/mail/", run_as.user.as_bytes()].concat());
    }

    fn describe_requester(&mut self, requester: &Requester, command: &[ByteString]) {
        self.put(b"HITL_USER", requester.name.as_bytes());
        self.put(b"SUDO_USER", requester.name.as_bytes());
        self.put(b"SUDO_UID", requester.uid.to_string().as_bytes());
        self.put(b"SUDO_GID", requester.gid.to_string().as_bytes());
        let words: Vec<&[u8]> = command.iter().map(ByteString::as_bytes).collect();
        let mut command = words.join(b" ".as_slice());
        command.truncate(COMMAND_LIMIT);
        self.put(b"SUDO_COMMAND", &command);
    }

    fn put(&mut self, name: &[u8], value: &[u8]) {
        self.0.retain(|(known, _)| known.as_bytes() != name);
        self.0.push((ByteString::from(name.to_vec()), ByteString::from(value.to_vec())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::RequesterKind;

    fn made(scope: Scope, rules: &EnvironmentRules) -> Environment {
        let requester = Requester {
            uid: 1000,
            gid: 1000,
            name: "alice".to_owned(),
            groups: Vec::new(),
            login_uid: None,
            kind: RequesterKind::Human,
            kind_reason: None,
            terminal: None,
        };
        let run_as = RunAs {
            user: "root".to_owned(),
            uid: 0,
            gid: 0,
            groups: vec![0],
            home: "/root".into(),
            shell: "/bin/sh".into(),
        };
        let argv = ["/bin/echo".into(), "a b".into()];
        environment(scope, rules, &requester, &run_as, Some("K7Q2-MX4P"), &argv).unwrap()
    }

    fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
        let found = environment.0.iter().find(|(known, _)| known.as_bytes() == name.as_bytes());
        found.and_then(|(_, value)| value.as_str())
    }

    #[test]
    fn root_gets_its_own_variables_and_is_told_who_asked() {
        let rules = EnvironmentRules {
            set: vec![("SYSTEMD_PAGER".to_owned(), "cat".to_owned())],
            path: vec!["/usr/bin".into(), "/bin".into()],
            ..EnvironmentRules::default()
        };
        let made = made(Scope::System, &rules);
        for (name, expected) in [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/root"),
            ("LOGNAME", "root"),
            ("HITL_USER", "alice"),
            ("SUDO_UID", "1000"),
            ("SUDO_COMMAND", "/bin/echo a b"),
            ("SYSTEMD_PAGER", "cat"),
            ("HITL_REQUEST_ID", "K7Q2-MX4P"),
        ] {
            assert_eq!(value(&made, name), Some(expected), "{name}");
        }
        assert_eq!(value(&made, "CARGO_MANIFEST_DIR"), None, "the caller's own does not pass");
        assert_eq!(value(&made.bound_part(), "HITL_REQUEST_ID"), None);
        assert_eq!(value(&made.bound_part(), "HOME"), Some("/root"));
    }

    #[test]
    fn without_privileges_the_callers_environment_passes() {
        let made = made(Scope::User, &EnvironmentRules::default());
        assert_eq!(value(&made, "PATH"), std::env::var("PATH").ok().as_deref());
        assert_eq!(value(&made, "HITL_REQUEST_ID"), Some("K7Q2-MX4P"));
        assert_eq!(value(&made, "SUDO_USER").is_some(), std::env::var_os("SUDO_USER").is_some());
    }

    #[test]
    fn of_a_variable_that_stands_twice_only_the_first_can_pass() {
        let mut variables = Variables::default();
        let twice = [("A", "bad"), ("A", "good")].map(|(n, v)| (n.into(), v.into()));
        variables.inherit(twice.into_iter(), |_, value| value == b"good");
        assert!(variables.0.is_empty());
    }
}
