//! The tables of many packs read as one, sorted by digest, in little memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::format::{RECORD, Record};
use super::pack::Pack;
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unreadable;
use crate::system::Digest;

/// What all tables together may take of memory, in bytes.
const MEMORY: usize = 4 << 20;

/// One content in one pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// The number of the pack among those that are merged.
    pub(super) pack: usize,
    /// The number of the record in its table.
    pub(super) number: u64,
    pub(super) record: Record,
}

/// The tables of packs on their way.
#[derive(Debug)]
pub(super) struct Merge {
    packs: PathBuf,
    cursors: Vec<Cursor>,
    heads: BinaryHeap<Reverse<(Digest, usize)>>,
    copies: Vec<Copy>,
    at_once: u64,
}

/// How far one table is read.
#[derive(Debug)]
struct Cursor {
    name: Digest,
    /// The number of the next record that is not in `ahead`.
    next: u64,
    /// What was read ahead, the next last.
    ahead: Vec<Copy>,
    /// The last digest that was passed on.
    last: Option<Digest>,
}

impl Merge {
    /// Begins to read these packs of a directory. They must stay there until it is through.
    ///
    /// # Errors
    /// As [`Pack::open`]; a pack that is gone is damaged.
    pub(super) fn new(packs: &Path, names: &[Digest]) -> Result<Self, SnapshotError> {
        let room = MEMORY / size_of::<Copy>() / names.len().max(1);
        let mut merge = Self {
            packs: packs.to_owned(),
            cursors: names
                .iter()
                .map(|name| Cursor { name: *name, next: 0, ahead: Vec::new(), last: None })
                .collect(),
            heads: BinaryHeap::new(),
            copies: Vec::new(),
            at_once: room.clamp(64, 4096) as u64,
        };
        for pack in 0..names.len() {
            merge.advance(pack)?;
        }
        Ok(merge)
    }

    /// All copies of the next content; `None` at the end.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn next(&mut self) -> Result<Option<&[Copy]>, SnapshotError> {
        self.copies.clear();
        while let Some(Reverse((digest, pack))) = self.heads.peek().copied() {
            if self.copies.first().is_some_and(|first| first.record.digest != digest) {
                break;
            }
            self.heads.pop();
            let copy = self.cursors.get_mut(pack).and_then(|cursor| cursor.ahead.pop());
            self.copies.extend(copy);
            self.advance(pack)?;
        }
        Ok((!self.copies.is_empty()).then_some(self.copies.as_slice()))
    }

    /// Puts the next record of a pack among the heads.
    fn advance(&mut self, pack: usize) -> Result<(), SnapshotError> {
        let Some(cursor) = self.cursors.get_mut(pack) else { return Ok(()) };
        loop {
            if cursor.ahead.is_empty() && !cursor.read_ahead(&self.packs, pack, self.at_once)? {
                return Ok(());
            }
            let Some(copy) = cursor.ahead.last() else { continue };
            // What is out of order in a damaged table would put the others out of order too.
            if cursor.last.is_none_or(|last| last < copy.record.digest) {
                cursor.last = Some(copy.record.digest);
                self.heads.push(Reverse((copy.record.digest, pack)));
                return Ok(());
            }
            cursor.ahead.pop();
        }
    }
}

impl Cursor {
    /// Reads on; `false` at the end. Packs are not kept open: there may be more than a process may
    /// have files.
    fn read_ahead(
        &mut self,
        packs: &Path,
        pack: usize,
        at_once: u64,
    ) -> Result<bool, SnapshotError> {
        let opened = Pack::open(packs, &self.name)?.ok_or_else(|| SnapshotError::Damaged {
            path: packs.join(self.name.hex()),
            what: "it is missing".to_owned(),
        })?;
        let length = at_once.min(opened.count() - self.next.min(opened.count()));
        if length == 0 {
            return Ok(false);
        }
        let mut bytes = vec![0_u8; length as usize * RECORD];
        let table = opened.table();
        table
            .file
            .read_exact_at(&mut bytes, table.at + self.next * RECORD as u64)
            .map_err(unreadable(opened.path()))?;
        let numbers = self.next..;
        self.ahead = bytes
            .chunks_exact(RECORD)
            .zip(numbers)
            .filter_map(|(bytes, number)| {
                Some(Copy { pack, number, record: Record::decode(bytes)? })
            })
            .collect();
        self.ahead.reverse();
        self.next += length;
        Ok(true)
    }
}
