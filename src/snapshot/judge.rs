//! The judgement of every path that makes up a plan: whether it goes back, how, and what speaks
//! against it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::AsFd;

use super::error::{shown, unreadable};
use super::links::Groups;
use super::manifest::path_order;
use super::objects::Objects;
use super::pairs::{PathPair, Sources, is_below};
use super::place::{means_absent, open_directory};
use super::steps::{Doing, How, Item, Steps};
use super::walk::names;
use super::{
    Conflict, Node, NodeMetadata, Role, RunInformation, SnapshotError, SnapshotStore, Step,
    UndoOptions, UndoPlan,
};
use crate::system::{ByteString, Moment};

/// The inode flags that keep a file from being changed: append-only and immutable (chattr(1)).
pub(super) const LOCKING: u32 = 0x30;

/// What was counted and found so far.
#[derive(Default)]
pub(super) struct Sketch {
    already_before: u64,
    conflicts: Vec<Conflict>,
    not_restorable: Vec<String>,
    pub(super) after_unknown: bool,
    pub(super) resumes: Option<String>,
    left_out: u64,
}

/// Judges one path after another, in their order.
pub(super) struct Judge<'a> {
    pub(super) plan: Sketch,
    steps: Steps,
    objects: &'a Objects,
    options: &'a UndoOptions,
    groups: Groups,
    /// Device numbers mean something within one boot only.
    same_boot: bool,
    /// The directories on the way to where it is.
    way: Vec<Level>,
}

/// A directory that was, or is, there.
struct Level {
    path: ByteString,
    left_device: Option<u64>,
    now_device: Option<u64>,
    /// What becomes part of the plan once anything below it does.
    pending: Option<Item>,
    /// For a directory that goes: what is in it and has not come by, and its step.
    strangers: Option<(BTreeSet<OsString>, Step)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        store: &'a SnapshotStore,
        sources: &Sources,
        groups: Groups,
        options: &'a UndoOptions,
    ) -> Self {
        Self {
            plan: Sketch::default(),
            steps: Steps::new(store.directory()),
            objects: &store.objects,
            options,
            groups,
            same_boot: sources.left_at().boot_id == Moment::now().boot_id,
            way: Vec::new(),
        }
    }

    /// The plan, once every path has come by.
    ///
    /// # Errors
    /// Those of writing the steps.
    pub(super) fn finish(mut self, run: RunInformation) -> Result<UndoPlan, SnapshotError> {
        while let Some(level) = self.way.pop() {
            self.leave(level)?;
        }
        let Sketch {
            already_before,
            mut conflicts,
            not_restorable,
            after_unknown,
            resumes,
            left_out,
        } = self.plan;
        conflicts
            .sort_by(|one, two| path_order(one.step.path.as_bytes(), two.step.path.as_bytes()));
        Ok(UndoPlan {
            run,
            steps: self.steps,
            already_before,
            conflicts,
            not_restorable,
            later_runs: Vec::new(),
            after_unknown,
            resumes,
            left_out,
        })
    }

    /// Judges one path.
    ///
    /// # Errors
    /// Those of reading directories and of writing the steps.
    pub(super) fn take(&mut self, pair: PathPair, now: Node) -> Result<(), SnapshotError> {
        while let Some(level) = self.way.pop_if(|level| !is_below(&pair.path, &level.path)) {
            self.leave(level)?;
        }
        if let Some(Level { strangers: Some((names, _)), .. }) = self.way.last_mut()
            && let Some(name) = pair.path.as_path().file_name()
        {
            names.remove(name);
        }
        let mut level = Level {
            path: pair.path.clone(),
            left_device: pair.left.metadata().or(pair.before.metadata()).map(|it| it.device),
            now_device: now.metadata().map(|it| it.device),
            pending: None,
            strangers: None,
        };
        let is_level = pair.before.is_directory() || pair.left.is_directory() || now.is_directory();
        let (how, settled) = self.how(&pair, &now);
        let as_before = settled && now.same_state(&pair.before);
        let mut went = false;
        if pair.is_change() && self.options.cover(&pair.path) {
            if as_before {
                self.plan.already_before += 1;
            } else {
                went = self.change(&pair, &now, how, &mut level)?;
            }
        } else if pair.is_change() {
            if pair.before.is_directory() && !now.is_directory() {
                // It has to be there for what comes back below it.
                let doing = self.objection(&pair, &now, &how, false)?;
                let doing = doing.map_or(Doing::Go, Doing::Against);
                level.pending = Some(item(&pair, &now, how, doing));
            }
            self.plan.left_out += u64::from(!as_before);
        } else if pair.before.is_directory() {
            went = self.unchanged_directory(&pair, &now, &mut level)?;
        } else if pair.before.is_absent() {
            // Never there, or not looked for: nothing to do with it.
        } else if self.plan.resumes.is_some()
            && !now.same_state(&pair.before)
            && is_opened(&pair.left, &now)
        {
            // An interrupted undo had lifted its flags to get at another name.
            self.emit(item(&pair, &now, How::Plain, Doing::Go))?;
            went = true;
        } else if !settled && self.options.cover(&pair.path) && self.groups.concern(&pair) {
            went = self.change(&pair, &now, how, &mut level)?;
        }
        if !went && !now.is_absent() && self.groups.concern(&pair) {
            self.emit(item(&pair, &now, How::Plain, Doing::Name))?;
        }
        if is_level {
            if !went && level.pending.is_none() && now.is_directory() {
                level.pending = self.way_item(&pair, &now);
            }
            self.way.push(level);
        }
        Ok(())
    }

    /// How a path comes to its inode, and whether it is there as far as inodes go.
    fn how(&mut self, pair: &PathPair, now: &Node) -> (How, bool) {
        let is_name = |node: &Node| !node.is_absent() && !node.is_directory();
        if !is_name(&pair.before) {
            return (How::Plain, true);
        }
        let there = now.metadata().filter(|_| is_name(now));
        let inode = there.map(|metadata| (metadata.device, metadata.inode));
        let same_inode =
            there.zip(pair.before.metadata()).is_some_and(|(now, before)| now.same_inode(before));
        if let Some(group) = self.groups.of_path(pair) {
            if group.leader != pair.path {
                return if inode.is_some() && inode == group.inode {
                    (How::Shared(group.leader.clone()), true)
                } else {
                    (How::Link(group.leader.clone()), false)
                };
            }
            if group.survives {
                let how = if now.same_content(&pair.before) { How::Plain } else { How::InPlace };
                return (how, true);
            }
        }
        let alone = there.is_none_or(|metadata| metadata.links == 1);
        let one_of_ours = there.is_some_and(|metadata| metadata.link.is_none()) && same_inode;
        // Whoever could write the inode in the meantime may still hold it, and what is mapped can be
        // written on: rights come back to a new one.
        let stays = now.same_content(&pair.before)
            && (alone || one_of_ours)
            && !there.is_some_and(|metadata| pair.before.lends_rights_that_went(metadata));
        let apart = now.same_content(&pair.before) && !stays;
        if self.groups.of_path(pair).is_some() {
            self.groups.settle(pair, inode.filter(|_| stays));
        }
        // Where nothing else is to be done, two names that are one elsewhere are no reason to.
        let linked_here = there.is_some_and(|metadata| metadata.link.is_some())
            || inode.is_some_and(|inode| self.groups.mixes(inode));
        (if apart { How::Apart } else { How::Plain }, !(apart && linked_here))
    }

    /// A path that the run changed and that is not as before.
    fn change(
        &mut self,
        pair: &PathPair,
        now: &Node,
        how: How,
        level: &mut Level,
    ) -> Result<bool, SnapshotError> {
        if matches!(pair.before, Node::Socket { .. }) && !now.same_content(&pair.before) {
            self.plan.not_restorable.push(format!(
                "{} was a socket: only the program that listened on it can make it again",
                shown(pair.path.as_path())
            ));
            return Ok(false);
        }
        // A directory that was only passed by goes quietly when nothing is left in it.
        let only_if_empty = pair.role == Role::Context && now.is_directory();
        let objection = self.objection(pair, now, &how, only_if_empty)?;
        let mut item = item(pair, now, how, objection.map_or(Doing::Go, Doing::Against));
        item.step.only_if_empty = match item.doing {
            Doing::Against(_) => now.is_directory(),
            _ => only_if_empty,
        };
        let goes = now.is_directory() && !pair.before.is_directory();
        if goes && !only_if_empty && item.doing == Doing::Go {
            level.strangers = Some((self.names_in(pair)?, item.step.clone()));
        }
        self.emit(item)?;
        Ok(true)
    }

    /// A directory that the run left alone.
    fn unchanged_directory(
        &mut self,
        pair: &PathPair,
        now: &Node,
        level: &mut Level,
    ) -> Result<bool, SnapshotError> {
        if !now.is_directory() {
            // Somebody took it away since: what is to come back below it needs it.
            let doing = Doing::Against(what_changed(&pair.left, now));
            level.pending = Some(item(pair, now, How::Plain, doing));
            return Ok(false);
        }
        // An interrupted undo lets itself into directories, and locks them again when it is through.
        let opened = self.plan.resumes.is_some()
            && !now.same_state(&pair.before)
            && is_opened(&pair.left, now);
        if opened {
            self.emit(item(pair, now, How::Plain, Doing::Go))?;
        }
        Ok(opened)
    }

    /// A directory that stays, and whose time goes back where nobody changed anything in it since.
    fn way_item(&self, pair: &PathPair, now: &Node) -> Option<Item> {
        let metadata = now.metadata()?;
        let known = pair.before.is_directory();
        // One that the run took away is there again because another part of the run was undone.
        let left = if pair.left.is_directory() { &pair.left } else { &pair.before };
        let left = left.metadata()?;
        let quiet = known && (self.plan.resumes.is_some() || metadata.same_mtime(left));
        let covered = self.options.cover(&pair.path);
        let before = pair.before.metadata().filter(|_| covered && known);
        let moved = quiet
            && pair.role == Role::Selected
            && before.is_some_and(|before| !before.same_mtime(left));
        // What was not asked for keeps the time that it has, so that the undo of the rest knows it.
        let mut before_node = now.clone();
        if let (Some(node), Some(before)) = (before_node.metadata_mut(), before) {
            let NodeMetadata { mtime_s, mtime_ns, .. } = *before;
            (node.mtime_s, node.mtime_ns) = (mtime_s, mtime_ns);
        }
        let step = Step {
            path: pair.path.clone(),
            now: now.clone(),
            before: before_node,
            only_if_empty: false,
            how: How::Plain,
        };
        let doing = Doing::Way { quiet: quiet || (known && !covered), moved };
        Some(Item { step, doing, role: pair.role })
    }

    /// Adds a step, after what is on the way to it.
    fn emit(&mut self, item: Item) -> Result<(), SnapshotError> {
        let restores = !item.step.before.is_absent();
        for level in &mut self.way {
            let wanted = |pending: &mut Item| restores || !pending.is_step();
            if let Some(pending) = level.pending.take_if(wanted) {
                if pending.is_step() && !self.options.cover(&pending.step.path) {
                    self.plan.left_out = self.plan.left_out.saturating_sub(1);
                }
                note_conflict(&mut self.plan.conflicts, &pending);
                self.steps.push(pending)?;
            }
        }
        note_conflict(&mut self.plan.conflicts, &item);
        self.steps.push(item)
    }

    fn leave(&mut self, level: Level) -> Result<(), SnapshotError> {
        if let Some(pending) = level.pending
            && matches!(pending.doing, Doing::Way { moved: true, .. })
        {
            self.emit(pending)?;
        }
        let Some((names, mut step)) = level.strangers else { return Ok(()) };
        if let Some(name) = names.into_iter().next() {
            let child = level.path.as_path().join(name);
            let reason = format!("it holds {}, which was put there since", shown(&child));
            self.steps.object(level.path, reason.clone());
            step.only_if_empty = true;
            self.plan.conflicts.push(Conflict { step, reason });
        }
        Ok(())
    }

    fn objection(
        &self,
        pair: &PathPair,
        now: &Node,
        how: &How,
        only_if_empty: bool,
    ) -> Result<Option<String>, SnapshotError> {
        if self.plan.after_unknown {
            return Ok(Some("it is not known whether the command left it like this".to_owned()));
        }
        if self.mounted_over() {
            return Ok(Some("another file system is mounted over it".to_owned()));
        }
        let untouched = now.same_state(&pair.left)
            || (only_if_empty && pair.left.is_directory())
            || (self.plan.resumes.is_some() && is_between(now, pair));
        if !untouched {
            return Ok(Some(what_changed(&pair.left, now)));
        }
        let linked = matches!(how, How::Link(_) | How::Shared(_));
        if let Node::File { content, .. } = &pair.before
            && !linked
            && (!now.same_content(&pair.before) || *how == How::Apart)
            && !self.objects.holds(content)
        {
            return Ok(Some("its content in the store is damaged: it is missing".to_owned()));
        }
        Ok(None)
    }

    /// Whether the file system in which a path was recorded is not the one that is there now.
    fn mounted_over(&self) -> bool {
        let Some(Level { left_device: Some(then), now_device: Some(now), .. }) = self.way.last()
        else {
            return false;
        };
        self.same_boot && then != now
    }

    fn names_in(&self, pair: &PathPair) -> Result<BTreeSet<OsString>, SnapshotError> {
        let directory = pair.path.as_path();
        match open_directory(directory).and_then(|opened| names(opened.as_fd())) {
            Ok(names) => Ok(names.into_iter().collect()),
            Err(error) if means_absent(error) => Ok(BTreeSet::new()),
            Err(error) => Err(unreadable(directory)(error)),
        }
    }
}

fn note_conflict(conflicts: &mut Vec<Conflict>, item: &Item) {
    if let Doing::Against(reason) = &item.doing {
        conflicts.push(Conflict { step: item.step.clone(), reason: reason.clone() });
    }
}

fn item(pair: &PathPair, now: &Node, how: How, doing: Doing) -> Item {
    let step = Step {
        path: pair.path.clone(),
        now: now.clone(),
        before: pair.before.clone(),
        only_if_empty: false,
        how,
    };
    Item { step, doing, role: pair.role }
}

/// Whether a path is half-way between how an interrupted undo found it and how it should become: the
/// content is one of the two, or is being rewritten in place, and only metadata is missing.
fn is_between(now: &Node, pair: &PathPair) -> bool {
    let rewritten = matches!((now, &pair.before),
        (Node::File { metadata, .. }, Node::File { metadata: before, .. })
            if metadata.same_inode(before));
    // Nothing there: what was in the way is gone, and what is to come is not there yet.
    now.is_absent()
        || now.same_content(&pair.before)
        || (now.same_content(&pair.left)
            && (!pair.before.is_absent() || is_opened(&pair.left, now)))
        || rewritten
}

/// Whether a node differs only by what an undo takes away to get at it: the flags that lock it, and
/// permissions of its owner; and by the number of its names.
fn is_opened(then: &Node, now: &Node) -> bool {
    let (Some(one), Some(two)) = (then.metadata(), now.metadata()) else { return false };
    let unlocked = |flags: Option<u32>| flags.map(|flags| flags & !LOCKING);
    let opened = |metadata: &NodeMetadata| match then {
        Node::Directory { .. } => metadata.mode | 0o700,
        _ => metadata.mode,
    };
    then.same_content(now)
        && (one.uid, one.gid) == (two.uid, two.gid)
        && opened(one) == opened(two)
        && one.xattrs == two.xattrs
        && unlocked(one.flags) == unlocked(two.flags)
}

/// What happened to a path between two states, as a clause.
fn what_changed(then: &Node, now: &Node) -> String {
    if now.is_absent() {
        "it was removed since".to_owned()
    } else if then.is_absent() {
        format!("a {} was created there since", now.kind())
    } else if then.kind() != now.kind() {
        format!("a {} took the place of the {} since", now.kind(), then.kind())
    } else if !then.same_content(now) {
        "its content was changed since".to_owned()
    } else {
        "its metadata was changed since".to_owned()
    }
}
