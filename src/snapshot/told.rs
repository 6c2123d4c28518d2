//! What of a snapshot may be told to somebody who sees less than hitl does.
//!
//! Names: where the directories on the way let them in and the last one lets itself be listed, by
//! the permissions recorded before and after the run, and now. Content and digests (a short secret
//! can be guessed by its digest): where the file let them read it then and lets them now. That
//! something is left out is said once, and not how much.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::error::shown;
use super::{
    Captured, Change, ContentChange, Manifest, Node, NodeMetadata, RunInformation, Selection,
    SnapshotError, SnapshotStore, Step, UndoPlan,
};
use crate::review::RequestId;
use crate::system::{ByteString, Sight};

/// What stands for everything that is left out.
const NOT_ALL: &str = "what you may not see yourself is not listed here";

/// What stands for what could not be put back out of sight.
const NOT_RESTORED: &str = "something that you may not see stays as it is: root can see what";

/// What somebody may know of one run's snapshot.
#[derive(Debug)]
pub struct Known {
    sight: Sight,
    /// The directories as they were recorded.
    directories: BTreeMap<PathBuf, Vec<NodeMetadata>>,
    /// All paths that the snapshot knows.
    paths: Vec<ByteString>,
}

impl SnapshotStore {
    /// What somebody who sees this much may know of a run's snapshot.
    ///
    /// # Errors
    /// [`SnapshotError::Unknown`], [`SnapshotError::Damaged`].
    pub fn known(&self, id: &RequestId, sight: Sight) -> Result<Known, SnapshotError> {
        let mut known = Known { sight, directories: BTreeMap::new(), paths: Vec::new() };
        if sight.is_whole() {
            return Ok(known);
        }
        let record = self.runs.record(id)?;
        let before = self.runs.before(&record)?;
        for entry in self.runs.after(&record)?.into_iter().chain([before]).flat_map(|m| m.entries) {
            if let Node::Directory { metadata } = entry.node {
                let path = entry.path.as_path().to_owned();
                known.directories.entry(path).or_default().push(metadata);
            }
            known.paths.push(entry.path);
        }
        Ok(known)
    }
}

impl Known {
    /// Whether that is everything.
    pub fn is_all(&self) -> bool {
        self.sight.is_whole()
    }

    /// Whether they may know that there is, or was, something at a path of the snapshot.
    pub fn tells(&self, path: &ByteString) -> bool {
        self.name(path.as_path())
    }

    /// Whether they may know what is, or was, at a path.
    pub fn name(&self, path: &Path) -> bool {
        let lets_in = |directory: &Path, rights: u32| {
            let recorded = self.directories.get(directory).map(Vec::as_slice).unwrap_or_default();
            recorded.iter().all(|metadata| self.granted(metadata, rights))
        };
        let mut ancestors = path.ancestors().skip(1);
        ancestors.next().is_none_or(|parent| lets_in(parent, 5))
            && ancestors.all(|ancestor| lets_in(ancestor, 1))
            && self.sight.may_come_by(path)
    }

    fn content(&self, path: &Path, node: &Node) -> bool {
        let Node::File { metadata, .. } = node else { return true };
        self.name(path) && self.granted(metadata, 4) && self.sight.may_read(path)
    }

    /// Takes the attributes away that they could not read: xattr(7) asks for permission to read the
    /// file for those of users, and for more than that for trusted ones. Access control lists stay:
    /// everybody may read them, and what is readable depends on them.
    fn without_attributes(&self, node: &mut Node) {
        let Some(metadata) = node.metadata_mut() else { return };
        let readable = self.granted(metadata, 4);
        metadata.xattrs.retain(|(name, _)| {
            let name = name.as_bytes();
            name.starts_with(b"system.") || (readable && !name.starts_with(b"trusted."))
        });
    }

    /// The same for two states that are told side by side: what is kept back of one is kept back of the
    /// other, so that it does not seem to have come or gone.
    fn without_attributes_of_either(&self, one: &mut Node, other: &mut Node) {
        let had: Vec<Vec<ByteString>> = [&*one, &*other].map(attribute_names).to_vec();
        for node in [&mut *one, &mut *other] {
            self.without_attributes(node);
        }
        let kept_back: Vec<ByteString> = had
            .into_iter()
            .zip([attribute_names(one), attribute_names(other)])
            .flat_map(|(had, has)| had.into_iter().filter(move |name| !has.contains(name)))
            .collect();
        for metadata in [one.metadata_mut(), other.metadata_mut()].into_iter().flatten() {
            metadata.xattrs.retain(|(name, _)| !kept_back.contains(name));
        }
    }

    fn granted(&self, metadata: &NodeMetadata, rights: u32) -> bool {
        let NodeMetadata { mode, uid, gid, xattrs, .. } = metadata;
        let has_list =
            xattrs.iter().any(|(name, _)| name.as_bytes().starts_with(b"system.posix_acl"));
        self.sight.was_granted(*mode, *uid, *gid, has_list, rights)
    }

    /// A manifest with the entries that they may know of.
    pub fn manifest(&self, mut manifest: Manifest) -> Manifest {
        if !self.is_all() {
            manifest.entries.retain(|entry| self.name(entry.path.as_path()));
            for entry in &mut manifest.entries {
                self.without_attributes(&mut entry.node);
            }
            // It names places from all over.
            manifest.selection = Selection::default();
            manifest.not_covered = and_not_all(manifest.not_covered_told);
            manifest.not_covered_told = Vec::new();
        }
        manifest
    }

    /// The changes that they may know of, without the content that they may not read.
    pub fn changes(&self, mut changes: Vec<Change>) -> Vec<Change> {
        if self.is_all() {
            return changes;
        }
        changes.retain(|change| self.name(change.path.as_path()));
        for change in &mut changes {
            let path = change.path.as_path();
            let same = change.content == ContentChange::Same;
            let readable = self.content(path, &change.before) && self.content(path, &change.after);
            if !same && !readable {
                change.content = ContentChange::NotShown;
            }
            self.without_attributes_of_either(&mut change.before, &mut change.after);
        }
        changes
    }

    /// A plan with the steps that they may know of. It is for showing: the undo takes the whole one.
    ///
    /// # Errors
    /// Those of reading and writing the steps.
    pub fn plan(&self, plan: &UndoPlan) -> Result<UndoPlan, SnapshotError> {
        let mut plan = plan.clone();
        if !self.is_all() {
            plan.conflicts.retain(|conflict| self.name(conflict.step.path.as_path()));
            let without = |step: &mut Step| {
                self.without_attributes_of_either(&mut step.now, &mut step.before);
            };
            plan.conflicts.iter_mut().for_each(|conflict| without(&mut conflict.step));
            plan.steps = plan.steps.only(&|path| self.name(path.as_path()), &without)?;
            plan.not_restorable = self.sentences(plan.not_restorable);
            if !self.paths.iter().all(|path| self.name(path.as_path())) {
                plan.already_before = 0;
                plan.left_out = 0;
            }
        }
        Ok(plan)
    }

    /// Sentences that each begin with a path: those about others are one.
    pub fn sentences(&self, sentences: Vec<String>) -> Vec<String> {
        if self.is_all() {
            return sentences;
        }
        let is_known = |sentence: &String| {
            self.paths.iter().any(|path| {
                sentence
                    .strip_prefix(&shown(path.as_path()))
                    .is_some_and(|rest| rest.starts_with([':', ' ']))
                    && self.name(path.as_path())
            })
        };
        let (mut told, others): (Vec<String>, Vec<String>) =
            sentences.into_iter().partition(is_known);
        if !others.is_empty() {
            told.push(NOT_RESTORED.to_owned());
        }
        told
    }

    /// A manifest that was made by [`Known::manifest`], for programs.
    ///
    /// # Errors
    /// Where it cannot be represented as JSON.
    pub fn manifest_json(&self, manifest: &Manifest) -> Result<Value, serde_json::Error> {
        let nodes = manifest
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (format!("/entries/{at}/node"), &entry.path, &entry.node));
        self.json(manifest, nodes)
    }

    /// A change that was made by [`Known::changes`], for programs.
    ///
    /// # Errors
    /// Where it cannot be represented as JSON.
    pub fn change_json(&self, change: &Change) -> Result<Value, serde_json::Error> {
        let Change { path, before, after, .. } = change;
        self.json(change, [("/before".into(), path, before), ("/after".into(), path, after)])
    }

    /// A plan that was made by [`Known::plan`], for programs.
    ///
    /// # Errors
    /// Where it cannot be represented as JSON.
    pub fn plan_json(&self, plan: &UndoPlan) -> Result<Value, serde_json::Error> {
        if self.is_all() {
            return serde_json::to_value(plan);
        }
        let steps: Vec<Step> =
            plan.steps.iter().collect::<Result<_, _>>().map_err(serde::ser::Error::custom)?;
        let steps = steps.iter().enumerate().map(|(at, step)| (format!("/steps/{at}"), step));
        let conflicts = plan.conflicts.iter().enumerate();
        let conflicts =
            conflicts.map(|(at, conflict)| (format!("/conflicts/{at}/step"), &conflict.step));
        let nodes = steps.chain(conflicts).flat_map(|(place, step)| {
            [
                (format!("{place}/now"), &step.path, &step.now),
                (format!("{place}/before"), &step.path, &step.before),
            ]
        });
        self.json(plan, nodes)
    }

    /// The value, with the digest taken out of the nodes (given with their place
    /// in the JSON and their path) that they may not read.
    fn json<'a>(
        &self,
        value: &impl Serialize,
        nodes: impl IntoIterator<Item = (String, &'a ByteString, &'a Node)>,
    ) -> Result<Value, serde_json::Error> {
        let mut json = serde_json::to_value(value)?;
        if self.is_all() {
            return Ok(json);
        }
        for (place, path, node) in nodes {
            if self.content(path.as_path(), node) {
                continue;
            }
            if let Some(object) = json.pointer_mut(&place).and_then(Value::as_object_mut) {
                object.remove("content");
            }
        }
        Ok(json)
    }
}

fn attribute_names(node: &Node) -> Vec<ByteString> {
    let attributes = node.metadata().into_iter().flat_map(|metadata| &metadata.xattrs);
    attributes.map(|(name, _)| name.clone()).collect()
}

fn and_not_all(mut sentences: Vec<String>) -> Vec<String> {
    sentences.push(NOT_ALL.to_owned());
    sentences
}

impl Captured {
    /// The same without the names that somebody who sees this much may not know.
    pub fn as_told_to(&self, sight: Sight) -> Self {
        let mut told = self.clone();
        if !sight.is_whole() {
            told.coverage.clone_from(&self.coverage_told);
            told.coverage.not_covered = and_not_all(told.coverage.not_covered);
        }
        told
    }
}

impl RunInformation {
    /// The same, with no more of how far its undo goes than somebody may know who sees this much:
    /// that it goes less far than they were told can be because of what they may not see.
    pub fn as_told_to(mut self, sight: Sight) -> Self {
        let told = self.coverage_told.take();
        if !sight.is_whole() {
            self.coverage = told;
        }
        self
    }
}

impl SnapshotError {
    /// The same error for somebody who sees this much: without a path that is out of their sight,
    /// and without what the system said about it.
    pub fn as_told_to(self, sight: Sight) -> Self {
        if sight.is_whole() {
            return self;
        }
        let seen = |path: &Path| !sight.is_hidden(path) && sight.may_come_by(path);
        let hidden = match &self {
            Self::Read { path, .. }
            | Self::Unstable(path)
            | Self::TooLarge { path, .. }
            | Self::PlanChanged { path, .. }
            | Self::Stopped { path, .. }
            | Self::Unprepared { path, .. }
            | Self::Unrecordable { path, .. } => !seen(path),
            Self::Conflicts { conflicts, .. } => {
                !conflicts.iter().any(|conflict| seen(conflict.step.path.as_path()))
            }
            _ => false,
        };
        match self {
            Self::Stopped { .. } if hidden => Self::OutOfSight("the undo stopped in the middle"),
            Self::PlanChanged { .. } | Self::Conflicts { .. } if hidden => Self::ChangedOutOfSight,
            _ if hidden => Self::OutOfSight("the snapshot could not be taken or read"),
            Self::Conflicts { id, mut conflicts } => {
                conflicts.retain(|conflict| seen(conflict.step.path.as_path()));
                Self::Conflicts { id, conflicts }
            }
            other => other,
        }
    }
}
