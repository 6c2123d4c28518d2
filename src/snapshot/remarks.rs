//! What a capture comes by that an undo cannot restore in full.

use std::path::Path;

use rustix::fs::FileType;

use super::error::shown;
use super::place::Status;
use super::{Node, Role};

/// What is said of a socket.
const SOCKET: &str = "is a socket; undo cannot make it again";

/// What was found, a kind each.
pub(super) struct Remarks {
    /// The user whose files alone this process can give back; `None` for root, who can give back any.
    own: Option<u32>,
    linked: Remark,
    sockets: Remark,
    foreign: Remark,
}

/// The sockets that were come by, which are known without being read.
#[derive(Default)]
pub(super) struct Sockets(Remark);

impl Sockets {
    /// One path.
    pub(super) fn note(&mut self, status: &Status, path: &Path) {
        self.0.note(status.kind == FileType::Socket, path);
    }

    /// What there is to say of them.
    pub(super) fn sentence(&self) -> Option<String> {
        self.0.sentence(SOCKET)
    }
}

/// How many paths a remark is about, and the first of them.
#[derive(Default)]
struct Remark(u64, String);

impl Remark {
    fn note(&mut self, applies: bool, path: &Path) {
        if applies {
            if self.0 == 0 {
                self.1 = shown(path);
            }
            self.0 += 1;
        }
    }

    fn sentence(&self, what: &str) -> Option<String> {
        match self.0 {
            0 => None,
            1 => Some(format!("{}: {what}", self.1)),
            count => Some(format!("{} and {} more: {what}", self.1, count - 1)),
        }
    }
}

impl Default for Remarks {
    fn default() -> Self {
        let user = rustix::process::geteuid();
        Self {
            own: (!user.is_root()).then(|| user.as_raw()),
            linked: Remark::default(),
            sockets: Remark::default(),
            foreign: Remark::default(),
        }
    }
}

impl Remarks {
    /// One node.
    pub(super) fn note(&mut self, node: &Node, status: &Status, role: Role, path: &Path) {
        let foreign = self.own.is_some_and(|own| own != status.metadata.uid);
        self.sockets.note(matches!(node, Node::Socket { .. }), path);
        self.foreign.note(role == Role::Selected && foreign, path);
    }

    /// An inode that has `links` names, of which `names` were come by.
    pub(super) fn note_linked(&mut self, links: u64, names: u64, path: &Path) {
        self.linked.note(links > names, path);
    }

    /// What there is to say, a sentence each.
    pub(super) fn sentences(&self) -> impl Iterator<Item = String> {
        [
            self.linked.sentence(
                "has names elsewhere that are not snapshotted; where the command replaces the file, \
                 undo cannot make it one with them again",
            ),
            self.sockets.sentence(SOCKET),
            self.foreign.sentence(
                "belongs to somebody else; undo cannot give it back to them without root",
            ),
        ]
        .into_iter()
        .flatten()
    }
}
