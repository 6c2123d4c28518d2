//! Reading everything that is kept, and naming what is damaged.

use std::collections::BTreeMap;

use super::live::{Named, each_content};
use super::objects;
use super::runs::{RunRecord, parse};
use super::{ContentName, Node, Progress, RunInformation, SnapshotError, SnapshotStore};
use crate::system::{ByteString, Digest};

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verification {
    /// How many runs.
    pub runs: u64,
    /// How many pieces of content.
    pub objects: u64,
    /// How many bytes of content.
    pub bytes: u64,
    /// What is damaged.
    pub damaged: Vec<Damage>,
}

/// Something that is damaged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The run that it belongs to.
    pub run: RunInformation,
    /// The file whose content it is; `None`: it is a manifest of the run, so that not all of its files
    /// are known.
    pub path: Option<ByteString>,
    /// What the content is called.
    pub content: Option<ContentName>,
    /// What is wrong, a sentence.
    pub what: String,
}

/// Where the data of a file with holes begins, and its length.
type Segments = Vec<(u64, u64)>;

/// Content to be read, each once: most of it by its digest alone, of which there can be millions.
#[derive(Default)]
struct Wanted {
    /// Digests, and the bytes that they are of.
    whole: Vec<(Digest, u64)>,
    /// Clones, and files with holes, which have these data segments.
    others: Vec<(ContentName, Option<Segments>, u64)>,
    sorted: usize,
}

impl Wanted {
    fn add(&mut self, named: &Named<'_>) {
        match (named.resolved, named.data) {
            (ContentName::Digest(digest), None) => self.whole.push((*digest, named.bytes)),
            (name, data) => {
                self.others.push((name.clone(), data.map(<[_]>::to_vec), named.bytes));
            }
        }
    }

    /// Once most is there several times: runs name much of what others name.
    fn sort(&mut self, at_last: bool) {
        if at_last || self.whole.len() + self.others.len() > 2 * self.sorted {
            self.whole.sort_unstable();
            self.whole.dedup();
            self.others.sort_unstable();
            self.others.dedup();
            self.sorted = self.whole.len() + self.others.len();
        }
    }
}

impl SnapshotStore {
    /// Reads all that the runs keep which `counts`, and holds it to the digests that were recorded.
    /// Content that several runs keep is read once, and named with each of them.
    ///
    /// # Errors
    /// Those of reading the list of runs.
    pub fn verify(
        &self,
        counts: &dyn Fn(&RunInformation) -> bool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Verification, SnapshotError> {
        let mut found = Verification::default();
        let mut sound: Vec<RunRecord> = Vec::new();
        let mut wanted = Wanted::default();
        for record in self.runs.all()?.into_iter().filter(|one| counts(&one.information)) {
            let read = each_content(&self.runs, &record, &mut |named| wanted.add(&named));
            wanted.sort(false);
            match read {
                Ok(()) => sound.push(record),
                // It was pruned meanwhile.
                Err(_) if !self.is_there(&record)? => continue,
                Err(error) => found.damaged.push(Damage {
                    run: record.information,
                    path: None,
                    content: None,
                    what: error.to_string(),
                }),
            }
            found.runs += 1;
        }
        wanted.sort(true);
        let mut lost: BTreeMap<ContentName, String> = BTreeMap::new();
        let whole = wanted.whole.into_iter();
        let whole = whole.map(|(digest, bytes)| (ContentName::from(digest), None, bytes));
        for (name, data, bytes) in whole.chain(wanted.others) {
            let (entries, path) = (found.objects, self.directory.as_path());
            progress(Progress { entries, bytes: found.bytes, path });
            let content = objects::Wanted::from(&name).segments(data.as_deref());
            if let Err(error) = self.objects.check(content) {
                lost.insert(name, error.to_string());
            }
            found.objects += 1;
            found.bytes = found.bytes.saturating_add(bytes);
        }
        if !lost.is_empty() {
            for record in &sound {
                self.name_the_lost(record, &lost, &mut found.damaged)?;
            }
        }
        Ok(found)
    }

    fn is_there(&self, record: &RunRecord) -> Result<bool, SnapshotError> {
        match self.runs.record(&parse(&record.information.id)?) {
            Ok(_) => Ok(true),
            Err(SnapshotError::Unknown(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn name_the_lost(
        &self,
        record: &RunRecord,
        lost: &BTreeMap<ContentName, String>,
        damaged: &mut Vec<Damage>,
    ) -> Result<(), SnapshotError> {
        if !self.is_there(record)? {
            return Ok(());
        }
        let changes = self.runs.changes_file(record)?;
        let tail = changes.map(|changes| changes.tail).unwrap_or_default();
        for entry in self.runs.before_file(record)?.entries() {
            let entry = entry?;
            let Node::File { content, .. } = entry.node else { continue };
            let content = tail.resolved(content);
            if let Some(what) = lost.get(&content) {
                damaged.push(Damage {
                    run: record.information.clone(),
                    path: Some(entry.path),
                    content: Some(content),
                    what: what.clone(),
                });
            }
        }
        Ok(())
    }
}
