//! Content that has a file of its own.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::super::incoming::PACKED;
use super::{Source, Store, content, read, take};
use crate::snapshot::SnapshotError;
use crate::system::Digest;

#[test]
fn content_of_more_than_a_mebibyte_has_a_file_of_its_own() {
    let store = Store::new();
    let sizes = [PACKED, PACKED + 1, 3 * PACKED, 5 * PACKED + 17];
    let contents: Vec<Vec<u8>> = sizes.map(|size| content(size as u64, size)).into();
    let names = store.keep(&contents);
    assert_eq!((store.files("packs").len(), store.files("big").len()), (1, 3));
    for (name, content) in names.iter().zip(&contents) {
        assert_eq!(name.as_digest(), Some(&Digest::of(content)));
        assert!(read(&store.opened_again(), name).unwrap() == *content);
        assert!(store.incoming().holds(name));
    }
    // Kept once, also within one capture.
    store.keep([&contents[1], &contents[3], &contents[3]]);
    assert_eq!((store.files("big").len(), store.files("incoming").len()), (3, 0));
}

#[test]
fn a_damaged_large_object_is_told_with_its_file() {
    let store = Store::new();
    let names = store.keep([content(1, 2 * PACKED)]);
    let file = store.files("big").remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[PACKED + 5] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let Err(SnapshotError::Damaged { path, .. }) = store.objects.check(&names[0]) else { panic!() };
    assert_eq!(path, file);
    fs::remove_file(&file).unwrap();
    assert!(matches!(store.objects.check(&names[0]), Err(SnapshotError::Damaged { .. })));
    assert!(!store.objects.holds(&names[0]));
}

/// Yields zeros, some at a time.
struct Zeros(u64);

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(70_000).min(usize::try_from(self.0).unwrap());
        buffer[..length].fill(0);
        self.0 -= length as u64;
        Ok(length)
    }
}

#[test]
fn a_file_that_grows_beyond_a_pack_while_it_is_read_and_one_that_is_refused_on_the_way() {
    let store = Store::new();
    let incoming = store.incoming();
    let mut worker = incoming.worker();
    take(&incoming, &mut worker, b"before");
    let mut receive = |length: u64, most: u64| {
        let mut told = 0;
        let source = Source { reader: &mut Zeros(length), file: None, size: 10 };
        incoming.receive(&mut worker, source, Path::new("/of/a/test"), &mut |length| {
            told += length;
            if told > most { Err(SnapshotError::Nothing) } else { Ok(()) }
        })
    };
    let length = 3 * PACKED as u64 + 1;
    assert!(matches!(receive(length, length - 1), Err(SnapshotError::Nothing)));
    let received = receive(length, length).unwrap();
    assert_eq!(received.name.as_digest(), Some(&Digest::of(&vec![0; length as usize])));
    take(&incoming, &mut worker, b"after");
    drop(incoming.publish([worker]).unwrap());
    for digest in [*received.name.as_digest().unwrap(), Digest::of(b"before"), Digest::of(b"after")]
    {
        store.opened_again().check(&digest).unwrap();
    }
    assert_eq!((store.files("big").len(), store.files("incoming").len()), (1, 0));
}
