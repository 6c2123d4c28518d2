//! The users of the world, and becoming one of them.

use std::io;

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// The users of every world: name and uid (the primary group has the same name and id).
pub(super) const USERS: [(&str, u32); 6] = [
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

/// As whom a command of the world is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Identity {
    Root,
    /// The user with this uid: all ids theirs.
    User(u32),
}

impl Identity {
    pub(super) fn of(user: &str) -> Self {
        if user == "root" { Self::Root } else { Self::User(uid_of(user)) }
    }

    pub(super) fn groups(self) -> Vec<Gid> {
        match self {
            Self::Root => vec![Gid::from_raw(0)],
            Self::User(uid) => {
                let in_sre = uid == uid_of("alice") || uid == uid_of("bob");
                let own = Gid::from_raw(uid);
                if in_sre { vec![own, Gid::from_raw(3001)] } else { vec![own] }
            }
        }
    }

    /// Becomes them, for good. Makes system calls only: for use between fork and exec.
    pub(super) fn assume(self, groups: &[Gid]) -> io::Result<()> {
        let Self::User(uid) = self else { return Ok(()) };
        setgroups(groups)?;
        setresgid(Gid::from_raw(uid), Gid::from_raw(uid), Gid::from_raw(uid))?;
        Ok(setresuid(Uid::from_raw(uid), Uid::from_raw(uid), Uid::from_raw(uid))?)
    }
}

pub fn uid_of(user: &str) -> u32 {
    USERS.iter().find(|(name, _)| *name == user).unwrap_or_else(|| panic!("no user {user}")).1
}
