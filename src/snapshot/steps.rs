//! The steps of a plan in the order of paths: in memory, and beyond that in a file without a name
//! below the store, so that a million of them take no more memory than some tens of thousands.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::{Error as _, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use super::error::{unreadable, unwritable};
use super::line;
use super::{Entry, Role, SnapshotError, Step};
use crate::system::ByteString;
use crate::system::canonical;

/// How many are kept in memory.
const IN_MEMORY: usize = 8_192;

/// How much is written to the file at a time.
const PIECE: usize = 256 * 1024;

/// How a step brings a name to the inode that it is to have.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    /// As its content tells: what has to be written is written beside it and moved there, and where
    /// only metadata differs that is set.
    #[default]
    Plain,
    /// By a new inode, although the content may be there: it is one with a name that it was not one
    /// with.
    Apart,
    /// The inode stays and gets its content back: it has other names.
    InPlace,
    /// It becomes another name of the inode at this path.
    Link(ByteString),
    /// It is another name of an inode that goes back under this path.
    Shared(ByteString),
}

/// What an undo does with a path of its plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Doing {
    /// It goes back.
    Go,
    /// It goes back by force only: what speaks against it, as a clause.
    Against(String),
    /// A directory that stays, on the way to others. Whether its modification time goes back, and
    /// whether that does so although nothing in it does.
    Way {
        /// Nobody has changed anything in it since: its time goes back.
        quiet: bool,
        /// Its time goes back in any case.
        moved: bool,
    },
    /// A name of an inode that the undo is concerned with; nothing happens to it.
    Name,
}

/// One path of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Item {
    pub(super) step: Step,
    pub(super) doing: Doing,
    /// Why it was recorded.
    pub(super) role: Role,
}

impl Item {
    /// Whether it goes back, by force or without.
    pub(super) fn is_step(&self) -> bool {
        matches!(self.doing, Doing::Go | Doing::Against(_))
    }
}

/// What of an item does not stand in its two states.
#[derive(Serialize, Deserialize)]
struct Rest {
    doing: Doing,
    how: How,
    only_if_empty: bool,
}

/// The steps of a plan.
#[derive(Clone, Debug)]
pub struct Steps {
    memory: Vec<Item>,
    spool: Option<Spool>,
    store: PathBuf,
    /// What was found to speak against a step after that had been added.
    late: BTreeMap<ByteString, String>,
    free: u64,
}

impl Steps {
    /// No steps yet. What does not fit into memory goes below the store.
    pub(super) fn new(store: &Path) -> Self {
        Self {
            memory: Vec::new(),
            spool: None,
            store: store.to_owned(),
            late: BTreeMap::new(),
            free: 0,
        }
    }

    /// How many paths go back without force.
    pub fn len(&self) -> usize {
        usize::try_from(self.free).unwrap_or(usize::MAX)
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.free == 0
    }

    /// The paths that go back without force, sorted.
    ///
    /// # Errors
    /// Each: those of reading the file that they are in.
    pub fn iter(&self) -> impl Iterator<Item = Result<Step, SnapshotError>> + '_ {
        self.items().filter_map(|item| match item {
            Ok(item) => (item.doing == Doing::Go).then_some(Ok(item.step)),
            Err(error) => Some(Err(error)),
        })
    }

    /// Everything, sorted by path.
    pub(super) fn items(&self) -> impl Iterator<Item = Result<Item, SnapshotError>> + '_ {
        let spooled = self.spool.iter().flat_map(Spool::items);
        let all = self.memory.iter().cloned().map(Ok).chain(spooled);
        all.map(|item| {
            let mut item = item?;
            if let Some(reason) = self.late.get(&item.step.path) {
                item.doing = Doing::Against(reason.clone());
                item.step.only_if_empty = true;
            }
            Ok(item)
        })
    }

    /// Adds the next one.
    ///
    /// # Errors
    /// Those of writing the file.
    pub(super) fn push(&mut self, item: Item) -> Result<(), SnapshotError> {
        self.free += u64::from(item.doing == Doing::Go);
        if self.memory.len() < IN_MEMORY {
            self.memory.push(item);
            return Ok(());
        }
        match &mut self.spool {
            Some(spool) => spool.push(&item),
            None => self.spool.insert(Spool::create(&self.store)?).push(&item),
        }
    }

    /// Those whose paths somebody may know of, without what they may not.
    ///
    /// # Errors
    /// Those of reading and writing the file.
    pub(super) fn only(
        &self,
        known: &dyn Fn(&ByteString) -> bool,
        without: &dyn Fn(&mut Step),
    ) -> Result<Self, SnapshotError> {
        let mut only = Self::new(&self.store);
        for step in self.iter() {
            let mut step = step?;
            if known(&step.path) {
                without(&mut step);
                only.push(Item { step, doing: Doing::Go, role: Role::Selected })?;
            }
        }
        Ok(only)
    }

    /// What speaks against a step that was added before.
    pub(super) fn object(&mut self, path: ByteString, reason: String) {
        self.free = self.free.saturating_sub(1);
        self.late.insert(path, reason);
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.len()))?;
        for step in self.iter() {
            sequence.serialize_element(&step.map_err(S::Error::custom)?)?;
        }
        sequence.end()
    }
}

/// Items in a file without a name, three lines each: the state now, the state before, the rest.
#[derive(Clone, Debug)]
struct Spool {
    file: Arc<File>,
    path: PathBuf,
    written: u64,
    pending: Vec<u8>,
}

impl Spool {
    fn create(store: &Path) -> Result<Self, SnapshotError> {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let path = store.join(format!(".plan.{}.{number}", std::process::id()));
        // What a process of the same number left when it was killed right here.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(unwritable(&path))?;
        std::fs::remove_file(&path).map_err(unwritable(&path))?;
        Ok(Self { file: Arc::new(file), path, written: 0, pending: Vec::new() })
    }

    fn push(&mut self, item: &Item) -> Result<(), SnapshotError> {
        let Item { step, doing, role } = item;
        let unrecordable =
            |source| SnapshotError::Unrecordable { path: step.path.as_path().to_owned(), source };
        for node in [&step.now, &step.before] {
            let entry = Entry { path: step.path.clone(), role: *role, node: node.clone() };
            line::write(&entry, &mut self.pending).map_err(unrecordable)?;
            self.pending.push(b'\n');
        }
        let rest =
            Rest { doing: doing.clone(), how: step.how.clone(), only_if_empty: step.only_if_empty };
        let text = canonical::to_string(&rest).map_err(unrecordable)?;
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.push(b'\n');
        if self.pending.len() >= PIECE {
            self.file.write_all_at(&self.pending, self.written).map_err(unwritable(&self.path))?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    fn items(&self) -> impl Iterator<Item = Result<Item, SnapshotError>> + '_ {
        let written = Written { file: Arc::clone(&self.file), at: 0, end: self.written };
        let mut reader =
            BufReader::with_capacity(PIECE, written).chain(io::Cursor::new(self.pending.clone()));
        let mut lines = [Vec::new(), Vec::new(), Vec::new()];
        std::iter::from_fn(move || self.read(&mut reader, &mut lines).transpose())
    }

    fn read(
        &self,
        reader: &mut impl BufRead,
        lines: &mut [Vec<u8>; 3],
    ) -> Result<Option<Item>, SnapshotError> {
        for line in lines.iter_mut() {
            line.clear();
            if reader.read_until(b'\n', line).map_err(unreadable(&self.path))? == 0 {
                return Ok(None);
            }
        }
        let damaged = |what| SnapshotError::Damaged { path: self.path.clone(), what };
        let [now, before, rest] = lines;
        let Entry { path, role, node: now } = line::read_entry(now).map_err(damaged)?;
        let before = line::read_entry(before).map_err(damaged)?.node;
        let Rest { doing, how, only_if_empty } = line::read(rest).map_err(damaged)?;
        Ok(Some(Item { step: Step { path, now, before, only_if_empty, how }, doing, role }))
    }
}

/// What of the file was written when it was asked for.
struct Written {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Written {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Node;

    fn item(number: usize) -> Item {
        let doing = match number % 4 {
            0 => Doing::Go,
            1 => Doing::Against("it was removed since".to_owned()),
            2 => Doing::Way { quiet: true, moved: false },
            _ => Doing::Name,
        };
        let how = if number.is_multiple_of(3) { How::Link("/first\n".into()) } else { How::Plain };
        let path = format!("/some/where/{number:07}\u{fe}").into_bytes();
        Item {
            step: Step {
                path: path.into(),
                now: Node::Absent,
                before: Node::Absent,
                only_if_empty: number.is_multiple_of(5),
                how,
            },
            doing,
            role: Role::Context,
        }
    }

    #[test]
    fn what_does_not_fit_into_memory_comes_back_as_it_was_and_as_often_as_it_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let mut steps = Steps::new(directory.path());
        let many = IN_MEMORY + 5_000;
        for number in 0..many {
            steps.push(item(number)).unwrap();
        }
        assert_eq!(steps.len(), many / 4);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it has no name");
        for _ in 0..2 {
            let all: Vec<Item> = steps.items().map(Result::unwrap).collect();
            assert_eq!(all.len(), many);
            assert!(all.iter().enumerate().all(|(number, found)| *found == item(number)));
        }
        let last = item(many - 4);
        steps.object(last.step.path.clone(), "it holds something".to_owned());
        assert_eq!(steps.len(), many / 4 - 1);
        assert_eq!(steps.iter().count(), steps.len());
    }
}
