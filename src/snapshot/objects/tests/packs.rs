//! Packs and the index.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::tend::{self, MOST_UNINDEXED};
use super::{Source, Store, content, read, take};
use crate::snapshot::SnapshotError;
use crate::system::Digest;

#[test]
fn what_one_capture_takes_lies_in_one_file_and_is_read_back() {
    let store = Store::new();
    let contents: Vec<Vec<u8>> = (0..3000).map(|seed| content(seed, seed as usize)).collect();
    let names = store.keep(&contents);
    assert_eq!(store.files("packs").len(), 1);
    assert_eq!(store.files("incoming").len(), 0);
    let again = store.opened_again();
    for (name, content) in names.iter().zip(&contents) {
        assert_eq!(name.as_digest(), Some(&Digest::of(content)));
        assert_eq!(read(&again, name).unwrap(), *content);
        assert!(again.holds(name));
    }
    let absent = Digest::of(b"nobody has kept this");
    assert!(!again.holds(&absent));
    assert!(matches!(again.check(&absent), Err(SnapshotError::Damaged { .. })));
}

#[test]
fn an_empty_file_needs_no_object() {
    let store = Store::new();
    let names = store.keep([b""]);
    assert_eq!(store.files("packs").len(), 0);
    assert_eq!(read(&store.objects, &names[0]).unwrap(), b"");
    assert!(store.objects.holds(&names[0]) && store.incoming().holds(&names[0]));
}

#[test]
fn the_same_content_is_kept_once_by_whomever_it_is_captured() {
    let store = Store::new();
    store.keep([b"one", b"two", b"one"]);
    let size = store.pack().metadata().unwrap().len();
    assert_eq!(size, 16 + 6 + 2 * 48 + 64);
    store.keep([b"two", b"one"]);
    assert_eq!(store.pack().metadata().unwrap().len(), size);
    // Two at once, neither of which sees the other's: each has what it needs.
    let (one, two) = (store.incoming(), store.incoming());
    for incoming in [&one, &two] {
        assert!(incoming.holds(&Digest::of(b"two").into()));
    }
    let mut workers = [one.worker(), two.worker()];
    let three = take(&one, &mut workers[0], b"three").name;
    take(&two, &mut workers[1], b"three");
    let [first, second] = workers;
    drop(one.publish([first]).unwrap());
    drop(two.publish([second]).unwrap());
    assert_eq!(read(&store.objects, &three).unwrap(), b"three");
    assert_eq!(store.files("packs").len(), 2, "the same contents make the same pack");
}

#[test]
fn several_threads_take_into_one_pack() {
    let store = Store::new();
    let incoming = store.incoming();
    let workers = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let incoming = &incoming;
            move || {
                let mut worker = incoming.worker();
                // Half of it is what another thread takes too.
                for seed in 0..2000 {
                    take(incoming, &mut worker, &content(seed + thread * 1000, 3000));
                }
                worker
            }
        };
        let threads: Vec<_> = (0..3).map(|thread| scope.spawn(work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    drop(incoming.publish(workers).unwrap());
    let size = store.pack().metadata().unwrap().len();
    assert_eq!(size, 16 + 4000 * (3000 + 48) + 64);
    let again = store.opened_again();
    for seed in 0..4000 {
        again.check(&Digest::of(&content(seed, 3000))).unwrap();
    }
}

#[test]
fn content_of_which_a_part_was_not_handed_over_is_not_published() {
    let store = Store::new();
    let incoming = store.incoming();
    let mut worker = incoming.worker();
    take(&incoming, &mut worker, b"in the buffer");
    assert!(matches!(incoming.publish([]), Err(SnapshotError::Write { .. })));
    assert_eq!((store.files("packs").len(), store.files("incoming").len()), (0, 0));
}

#[test]
fn a_capture_that_is_given_up_leaves_nothing() {
    let store = Store::new();
    let incoming = store.incoming();
    let mut worker = incoming.worker();
    for seed in 0..10 {
        take(&incoming, &mut worker, &content(seed, 400_000));
    }
    take(&incoming, &mut worker, &content(0, 2 << 20));
    assert!(!store.files("incoming").is_empty());
    let refused = incoming.receive(
        &mut worker,
        Source { reader: &mut &content(99, 100)[..], file: None, size: 100 },
        Path::new("/of/a/test"),
        &mut |_| Err(SnapshotError::Nothing),
    );
    assert!(matches!(refused, Err(SnapshotError::Nothing)));
    // What was refused is not taken for kept.
    assert!(!incoming.holds(&Digest::of(&content(99, 100)).into()));
    drop(incoming);
    assert_eq!((store.files("packs").len(), store.files("incoming").len()), (0, 0));
    assert_eq!(store.files("big").len(), 0);
}

#[test]
fn thousands_of_tiny_captures_leave_few_files() {
    let store = Store::new();
    let mut names = Vec::new();
    for seed in 0..1000 {
        names.extend(store.keep([content(seed, 50)]));
        assert!(store.files("packs").len() <= MOST_UNINDEXED + 2);
    }
    let again = store.opened_again();
    for (seed, name) in names.iter().enumerate() {
        assert_eq!(read(&again, name).unwrap(), content(seed as u64, 50));
    }
    // What has moved is not kept again.
    let count = store.files("packs").len();
    store.keep((0..1000).map(|seed| content(seed, 50)));
    assert_eq!(store.files("packs").len(), count);
    assert_eq!(store.files("incoming").len(), 0);
}

#[test]
fn when_much_is_not_in_the_index_it_is_made_anew() {
    let store = Store::new();
    let index = store.directory.join("index");
    let many = 66_000;
    store.keep((0..many).map(u64::to_le_bytes));
    (many..many + MOST_UNINDEXED as u64).for_each(|one| drop(store.keep([one.to_le_bytes()])));
    assert!(index.exists());
    let holds_all = || {
        let again = store.opened_again();
        let digest = |one: u64| Digest::of(&one.to_le_bytes());
        (0..many + MOST_UNINDEXED as u64).all(|one| again.holds(&digest(one)))
            && (0..500).all(|one| !again.holds(&digest(u64::MAX - one)))
    };
    assert!(holds_all());
    fs::write(&index, "nonsense").unwrap();
    assert!(holds_all());
}

#[test]
fn a_reader_finds_what_was_moved_to_another_pack_since() {
    let store = Store::new();
    let names = store.keep([b"moved"]);
    assert_eq!(read(&store.objects, &names[0]).unwrap(), b"moved");
    let old = store.pack();
    for seed in 0..=MOST_UNINDEXED as u64 {
        // Another process: what this one knows of the packs is out of date.
        store.another_process().keep([content(seed, 10)]);
    }
    assert!(!old.exists());
    assert_eq!(read(&store.objects, &names[0]).unwrap(), b"moved");
    for seed in 0..=MOST_UNINDEXED as u64 {
        store.objects.check(&Digest::of(&content(seed, 10))).unwrap();
    }
}

#[test]
fn without_its_index_a_store_is_as_good_as_with_it() {
    let store = Store::new();
    for seed in 0..=MOST_UNINDEXED as u64 {
        store.keep([content(seed, 20)]);
    }
    tend::make_index(&store.directory).unwrap();
    fs::remove_file(store.directory.join("index")).unwrap();
    let again = store.opened_again();
    for seed in 0..=MOST_UNINDEXED as u64 {
        assert_eq!(
            read(&again, &Digest::of(&content(seed, 20)).into()).unwrap(),
            content(seed, 20)
        );
    }
    assert!(store.incoming().holds(&Digest::of(&content(3, 20)).into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn everything_that_was_kept_is_found_and_nothing_else(
        captures in prop::collection::vec(prop::collection::vec(0_u64..400, 0..300), 1..5),
        tended in any::<bool>(),
    ) {
        let store = Store::new();
        let mut kept: BTreeSet<u64> = BTreeSet::new();
        for capture in &captures {
            store.keep(capture.iter().map(|seed| content(*seed, 9)));
            kept.extend(capture.iter().copied());
            if tended {
                tend::make_index(&store.directory).unwrap();
            }
        }
        let again = store.opened_again();
        for seed in 0..400 {
            let digest = Digest::of(&content(seed, 9));
            // Often enough that the tables are read into memory.
            prop_assert_eq!(again.holds(&digest), kept.contains(&seed));
        }
    }
}
