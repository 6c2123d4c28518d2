//! Damage is told, or does no harm: never is something else given out.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::tend;
use super::{Store, content, read};
use crate::snapshot::SnapshotError;
use crate::system::Digest;

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

#[test]
fn any_damaged_byte_of_a_pack_is_told_or_does_no_harm() {
    let contents: Vec<Vec<u8>> = (0..5).map(|seed| content(seed, 10 + seed as usize)).collect();
    let store = Store::new();
    let names = store.keep(&contents);
    let pack = store.pack();
    let mut told = 0;
    for at in 0..pack.metadata().unwrap().len() {
        flip(&pack, at);
        let again = store.opened_again();
        for (name, content) in names.iter().zip(&contents) {
            match read(&again, name) {
                Ok(bytes) => assert_eq!(bytes, *content, "byte {at}"),
                Err(SnapshotError::Damaged { path, .. }) => {
                    told += 1;
                    let in_store = path == pack || path == store.directory.join("packs");
                    assert!(in_store, "{}", path.display());
                }
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
        flip(&pack, at);
    }
    let (bytes, table) = (contents.iter().map(Vec::len).sum::<usize>(), contents.len() * 48);
    // Every byte of a content and of its record is about that content; a footer is about all.
    assert_eq!(told, bytes + table + 64 * contents.len());
    for name in &names {
        store.opened_again().check(name).unwrap();
    }
}

#[test]
fn a_pack_that_was_cut_off_holds_nothing_and_its_content_is_kept_again() {
    let store = Store::new();
    let names = store.keep([b"first"]);
    let pack = store.pack();
    let whole = fs::read(&pack).unwrap();
    for length in 0..whole.len() {
        fs::write(&pack, &whole[..length]).unwrap();
        let error = read(&store.opened_again(), &names[0]).unwrap_err();
        assert!(error.to_string().contains(pack.to_str().unwrap()), "{error}");
        assert!(!store.incoming().holds(&names[0]));
    }
    store.keep([b"first"]);
    assert_eq!(read(&store.opened_again(), &names[0]).unwrap(), b"first");
}

#[test]
fn any_damaged_byte_of_the_index_does_no_harm() {
    let store = Store::new();
    let names: Vec<_> = (0..4).flat_map(|seed| store.keep([content(seed, 12)])).collect();
    tend::make_index(&store.directory).unwrap();
    let index = store.directory.join("index");
    let whole = fs::read(&index).unwrap();
    let absent: Vec<Digest> = (4..12).map(|seed| Digest::of(&content(seed, 12))).collect();
    for at in 0..whole.len() {
        fs::write(&index, &whole).unwrap();
        flip(&index, at as u64);
        let incoming = store.incoming();
        assert!(!absent.iter().any(|digest| incoming.holds(&(*digest).into())), "byte {at}");
        let again = store.opened_again();
        for (seed, name) in names.iter().enumerate() {
            assert_eq!(read(&again, name).unwrap(), content(seed as u64, 12), "byte {at}");
        }
    }
    for length in 0..whole.len() {
        fs::write(&index, &whole[..length]).unwrap();
        assert_eq!(read(&store.opened_again(), &names[2]).unwrap(), content(2, 12));
    }
}

#[test]
fn an_index_that_speaks_of_content_which_is_not_there_is_not_believed() {
    let store = Store::new();
    let lost = store.keep([b"lost"]);
    tend::make_index(&store.directory).unwrap();
    let index = fs::read(store.directory.join("index")).unwrap();
    let pack = store.pack();
    fs::remove_file(&pack).unwrap();
    assert!(!store.incoming().holds(&lost[0]));
    // Also where another pack has taken the place of the one that it means.
    let other = Store::new();
    other.keep([b"other"]);
    fs::copy(other.pack(), &pack).unwrap();
    assert!(!store.incoming().holds(&lost[0]));
    assert_eq!(fs::read(store.directory.join("index")).unwrap(), index);
    store.keep([b"lost"]);
    assert_eq!(read(&store.opened_again(), &lost[0]).unwrap(), b"lost");
}

#[test]
fn an_index_that_misses_what_a_pack_has_is_taken_away() {
    let store = Store::new();
    let names = store.keep((0..300).map(|seed| content(seed, 12)));
    tend::make_index(&store.directory).unwrap();
    let index = store.directory.join("index");
    // The digest of the first record.
    flip(&index, 64 + 32);
    let again = store.opened_again();
    for name in &names {
        again.check(name).unwrap();
    }
    assert!(!index.exists());
}

#[test]
fn where_one_copy_is_damaged_another_is_read() {
    let store = Store::new();
    let both = Digest::of(b"in both");
    let (one, two) = (store.incoming(), store.incoming());
    let mut workers = [one.worker(), two.worker()];
    super::take(&one, &mut workers[0], b"in both");
    super::take(&two, &mut workers[1], b"in both");
    super::take(&two, &mut workers[1], b"only there");
    let [first, second] = workers;
    drop(one.publish([first]).unwrap());
    drop(two.publish([second]).unwrap());
    for pack in store.files("packs") {
        flip(&pack, 16);
        assert_eq!(read(&store.opened_again(), &both.into()).unwrap(), b"in both");
        flip(&pack, 16);
    }
}
