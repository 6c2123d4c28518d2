//! Names of one inode: which of them an undo lets lead the others back to it.
//!
//! All names that a manifest knows of an inode are looked at, also those that the command left alone,
//! since the others may have to become one with them again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use rustix::fs::FileType;

use super::error::unreadable;
use super::pairs::{PathPair, Sources, is_linked};
use super::place::{Parents, Status, means_absent, status};
use super::{Node, SnapshotError, UndoOptions};
use crate::system::ByteString;

type Inode = (u64, u64);

/// The paths that are the first name of an inode that has others. What was recorded of them may say
/// that they have only one: how many there are is nothing that counts as a change.
#[derive(Clone, Default)]
pub(super) struct Firsts(Rc<HashSet<ByteString>>);

impl Firsts {
    /// Whether a path had several names, before or after.
    pub(super) fn are_linked(&self, pair: &PathPair) -> bool {
        pair.is_linked() || self.0.contains(&pair.path)
    }

    /// The first path of the group that a node belongs to.
    fn label(&self, path: &ByteString, node: &Node) -> Option<ByteString> {
        let metadata = node.metadata().filter(|_| !node.is_directory())?;
        let linked = is_linked(node) || metadata.link.is_some() || self.0.contains(path);
        linked.then(|| metadata.link.clone().unwrap_or_else(|| path.clone()))
    }
}

/// The groups of names that were one before a run.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) firsts: Firsts,
    by_label: HashMap<ByteString, Group>,
    /// The labels of groups in which the run changed something, before or after it.
    involved: HashSet<ByteString>,
    /// The inodes that are now one under names that were not.
    mixed: HashSet<Inode>,
}

/// The names that were one inode.
pub(super) struct Group {
    /// The name that the others are linked to.
    pub(super) leader: ByteString,
    /// Whether the leader is the very inode that it was.
    pub(super) survives: bool,
    /// The inode that the leader will be, where that is there already.
    pub(super) inode: Option<Inode>,
}

/// A name that belongs to a group, and what is there now.
struct Member {
    path: ByteString,
    before: Inode,
    links: u64,
    regular: bool,
    now: Option<Status>,
    /// Whether it goes back, or never changed.
    usable: bool,
    /// Whether it lends rights, and what is there is not in the same hands: those do not come back to
    /// the inode that is there.
    lent_rights: bool,
}

impl Groups {
    /// Looks at all names of inodes that had, or have, several.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn of(sources: &Sources, options: &UndoOptions) -> Result<Self, SnapshotError> {
        let mut firsts = HashSet::new();
        let mut any = false;
        for pair in sources.pairs() {
            let pair = pair?;
            any |= pair.is_linked();
            let links = [&pair.before, &pair.left].map(|node| {
                node.metadata().filter(|_| !node.is_directory()).and_then(|it| it.link.clone())
            });
            firsts.extend(links.into_iter().flatten());
        }
        let firsts = Firsts(Rc::new(firsts));
        let mut groups = Self { firsts: firsts.clone(), ..Self::default() };
        if !any && firsts.0.is_empty() {
            return Ok(groups);
        }
        let mut parents = Parents::default();
        let mut members: BTreeMap<ByteString, Vec<Member>> = BTreeMap::new();
        // The names that an inode has now: of which group, and whether they may stay as they are.
        let mut names: HashMap<Inode, Vec<(Option<ByteString>, bool)>> = HashMap::new();
        for pair in sources.pairs() {
            let pair = pair?;
            if !firsts.are_linked(&pair) {
                continue;
            }
            let was = firsts.label(&pair.path, &pair.before);
            let left = firsts.label(&pair.path, &pair.left);
            let changed = pair.is_change();
            if changed {
                groups.involved.extend([&was, &left].into_iter().flatten().cloned());
            }
            let path = pair.path.as_path();
            let found = parents.of(path).and_then(|(parent, name)| status(&*parent, name));
            let now = match found {
                Ok(found) => Some(found).filter(|found| found.kind != FileType::Directory),
                Err(error) if means_absent(error) => None,
                Err(error) => return Err(unreadable(path)(error)),
            };
            let covered = options.cover(&pair.path);
            if let Some(now) = &now {
                let inode = (now.metadata.device, now.metadata.inode);
                names.entry(inode).or_default().push((was.clone(), covered));
            }
            let (Some(was), Some(before)) = (was, pair.before.metadata()) else { continue };
            members.entry(was).or_default().push(Member {
                before: (before.device, before.inode),
                links: before.links,
                regular: matches!(pair.before, Node::File { .. }),
                // Capabilities were not read: they go with a change of the owner or the content.
                lent_rights: pair.before.lends_rights()
                    && now.as_ref().is_some_and(|now| !now.metadata.untouched_since(before)),
                now,
                usable: covered || !changed,
                path: pair.path,
            });
        }
        for (inode, shared) in &names {
            let one = shared.first().and_then(|(was, _)| was.as_ref());
            let apart =
                |(was, _): &(Option<ByteString>, bool)| was.is_none() || was.as_ref() != one;
            if shared.len() > 1 && shared.iter().any(apart) {
                groups.mixed.insert(*inode);
            }
        }
        for (label, members) in members {
            let survives = |member: &&Member| {
                let Some(now) = member.now.as_ref().filter(|_| member.usable && member.regular)
                else {
                    return false;
                };
                let inode = (now.metadata.device, now.metadata.inode);
                let shared = names.get(&inode).map(Vec::as_slice).unwrap_or_default();
                // A name elsewhere that it did not have is not to be written through, and the number
                // of an inode that is gone is soon given to another.
                let elsewhere = now.metadata.links > shared.len() as u64;
                let was_elsewhere = member.links > members.len() as u64;
                inode == member.before
                    && member.links > 1
                    && !member.lent_rights
                    && now.kind == FileType::RegularFile
                    && (!elsewhere || was_elsewhere)
                    && shared.iter().all(|(was, covered)| was.as_ref() == Some(&label) || *covered)
            };
            let survivor = members.iter().find(survives);
            let leader = survivor.or_else(|| members.iter().find(|member| member.usable));
            let Some(leader) = leader else { continue };
            let group = Group {
                leader: leader.path.clone(),
                survives: survivor.is_some(),
                inode: survivor.map(|survivor| survivor.before),
            };
            groups.by_label.insert(label, group);
        }
        Ok(groups)
    }

    /// The group that a path belonged to before the run.
    pub(super) fn of_path(&self, pair: &PathPair) -> Option<&Group> {
        self.by_label.get(&self.firsts.label(&pair.path, &pair.before)?)
    }

    /// Whether an inode has names now that were not one before the run.
    pub(super) fn mixes(&self, inode: Inode) -> bool {
        self.mixed.contains(&inode)
    }

    /// Notes which inode the leader of a group will be, once that is known.
    pub(super) fn settle(&mut self, pair: &PathPair, inode: Option<Inode>) {
        let label = self.firsts.label(&pair.path, &pair.before);
        if let Some(group) = label.and_then(|label| self.by_label.get_mut(&label)) {
            group.inode = inode;
        }
    }

    /// Whether the run changed something about a group that a path belonged to, before or after.
    pub(super) fn concern(&self, pair: &PathPair) -> bool {
        [&pair.before, &pair.left]
            .into_iter()
            .filter_map(|node| self.firsts.label(&pair.path, node))
            .any(|label| self.involved.contains(&label))
    }
}
