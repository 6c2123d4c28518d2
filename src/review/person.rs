//! When two accounts may be one person.
//!
//! A person is known by uid and by login uid (who logged in, whatever they became since): alice who
//! became root with su is still alice. An unset login uid is unknown, so it makes nobody equal and
//! nobody different.

use super::{Approver, BoundRequester};
use crate::invocation::RequesterKind;

/// By what a person is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    uid: u32,
    login_uid: Option<u32>,
}

impl Person {
    pub(super) fn of(uid: u32, login_uid: Option<u32>) -> Self {
        Self { uid, login_uid }
    }

    /// Whether it is root, whoever logged in.
    pub(super) fn is_root(self) -> bool {
        self.uid == 0
    }

    /// Whether any id of the one is an id of the other. That covers alice asking as root (login uid
    /// alice) and deciding as alice, also where one of the two login uids is unknown.
    pub(super) fn may_be(self, other: Person) -> bool {
        self.ids().any(|mine| other.ids().any(|theirs| mine == theirs))
    }

    fn ids(self) -> impl Iterator<Item = u32> {
        std::iter::once(self.uid).chain(self.login_uid)
    }
}

impl From<&BoundRequester> for Person {
    fn from(requester: &BoundRequester) -> Self {
        Self { uid: requester.uid, login_uid: requester.login_uid }
    }
}

impl From<&Approver> for Person {
    fn from(approver: &Approver) -> Self {
        Self { uid: approver.uid, login_uid: approver.login_uid }
    }
}

impl Approver {
    /// Whether a human decides here. Pipelines and agents never count, for anything.
    pub(super) fn is_human(&self) -> bool {
        self.kind == RequesterKind::Human
    }
}
