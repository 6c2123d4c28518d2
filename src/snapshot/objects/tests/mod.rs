//! The store of objects by itself: what was published is there, and nothing else is taken for it.

mod clones;
mod damage;
mod large;
mod packs;
mod sweep;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::incoming::Received;
use super::{ContentName, Incoming, Objects, Source, Verified, WorkerBuffer};
use crate::review::RequestId;
use crate::snapshot::SnapshotError;
use crate::system::Scope;

/// A store in a temporary directory.
struct Store {
    objects: Objects,
    directory: PathBuf,
    temporary: Arc<tempfile::TempDir>,
}

impl Store {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().canonicalize().unwrap().join("store");
        Self { objects: opened(&directory), directory, temporary: Arc::new(temporary) }
    }

    /// The store as another process would find it.
    fn opened_again(&self) -> Objects {
        Objects::new(&self.directory, Scope::User)
    }

    /// The same, as another process has it.
    fn another_process(&self) -> Self {
        Self {
            objects: self.opened_again(),
            directory: self.directory.clone(),
            temporary: Arc::clone(&self.temporary),
        }
    }

    /// Captures these contents.
    fn keep<C: AsRef<[u8]>>(&self, contents: impl IntoIterator<Item = C>) -> Vec<ContentName> {
        let incoming = self.incoming();
        let mut worker = incoming.worker();
        let names =
            contents.into_iter().map(|content| take(&incoming, &mut worker, content.as_ref()).name);
        let names = names.collect();
        drop(incoming.publish([worker]).unwrap());
        names
    }

    fn incoming(&self) -> Incoming {
        self.objects.incoming(&RequestId::random().unwrap()).unwrap()
    }

    fn files(&self, directory: &str) -> Vec<PathBuf> {
        let listing = std::fs::read_dir(self.directory.join(directory)).unwrap();
        let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The file of the only pack.
    fn pack(&self) -> PathBuf {
        let mut packs = self.files("packs");
        assert_eq!(packs.len(), 1);
        packs.remove(0)
    }
}

fn opened(directory: &Path) -> Objects {
    let objects = Objects::new(directory, Scope::User);
    objects.prepare().unwrap();
    objects
}

fn take(incoming: &Incoming, worker: &mut WorkerBuffer, content: &[u8]) -> Received {
    let mut told = 0;
    let received = incoming
        .receive(
            worker,
            Source { reader: &mut &*content, file: None, size: content.len() as u64 },
            Path::new("/of/a/test"),
            &mut |length| {
                told += length;
                Ok(())
            },
        )
        .unwrap();
    assert_eq!((received.length, told), (content.len() as u64, content.len() as u64));
    received
}

fn read(objects: &Objects, name: &ContentName) -> Result<Vec<u8>, SnapshotError> {
    let mut bytes = Vec::new();
    let mut wrote = |error: io::Error| panic!("{error}");
    let verified = objects.copy_to(name, &mut bytes, &mut wrote)?;
    assert_eq!(verified, Verified::Yes);
    Ok(bytes)
}

/// Bytes that compress, repeat and look like nothing, different for each seed.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = seed.to_le_bytes().to_vec();
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
