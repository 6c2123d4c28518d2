//! What is swept away, and what never is.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::super::sweep::Freed;
use super::{ContentName, Store, content, read, take};
use crate::snapshot::SnapshotError;

fn sweep(store: &Store, live: &[ContentName]) -> Freed {
    let live = |name: &ContentName| live.contains(name);
    let counted = store.objects.sweep(&live, &mut || panic!("it only counts"), true).unwrap();
    let freed = store.objects.sweep(&live, &mut || Ok(()), false).unwrap();
    assert_eq!(counted, freed);
    freed
}

#[test]
fn what_no_run_names_is_swept_away_and_what_one_names_is_not() {
    let store = Store::new();
    let dead = store.keep([content(1, 100), content(2, 200)]);
    let live = store.keep([content(3, 300)]);
    let large = store.keep([content(4, 2 << 20), content(5, 3 << 20)]);
    fs::write(store.directory.join("incoming/1.1"), "left by a process that was killed").unwrap();
    let packs: u64 = store.files("packs").iter().map(|pack| pack.metadata().unwrap().len()).sum();
    assert_eq!(store.objects.size().unwrap(), packs + (5 << 20));
    let kept = [live[0].clone(), large[0].clone()];
    let freed = sweep(&store, &kept);
    assert_eq!(freed, Freed { objects: 3, bytes: 300 + (3 << 20) });
    for name in &kept {
        store.objects.check(name).unwrap();
    }
    for name in [&dead[0], &dead[1], &large[1]] {
        assert!(!store.opened_again().holds(name));
    }
    assert_eq!((store.files("packs").len(), store.files("big").len()), (1, 1));
    assert_eq!(store.files("incoming").len(), 0);
    assert_eq!(sweep(&store, &kept), Freed::default());
}

#[test]
fn a_pack_that_is_mostly_garbage_is_written_anew_and_another_is_not() {
    let store = Store::new();
    let names = store.keep((0..10).map(|seed| content(seed, 100)));
    let pack = store.pack();
    assert_eq!(sweep(&store, &names[..6]), Freed::default(), "less than half is garbage");
    assert_eq!(store.pack(), pack);
    assert_eq!(sweep(&store, &names[..3]), Freed { objects: 7, bytes: 700 });
    assert_ne!(store.pack(), pack);
    for name in &names[..3] {
        // The one that had looked there before, too.
        store.objects.check(name).unwrap();
        store.opened_again().check(name).unwrap();
    }
}

#[test]
fn what_became_live_while_a_sweep_was_at_work_is_spared() {
    let store = Store::new();
    let names = store.keep((0..10).map(|seed| content(seed, 100)));
    let (first, last) = (names[0].clone(), names[9].clone());
    let live = Mutex::new(vec![first.clone()]);
    let is_live = |name: &ContentName| live.lock().unwrap().contains(name);
    let mut relook = || {
        live.lock().unwrap().push(last.clone());
        Ok(())
    };
    store.objects.sweep(&is_live, &mut relook, false).unwrap();
    for name in [&first, &last] {
        store.opened_again().check(name).unwrap();
    }
    assert!(matches!(
        store.objects.sweep(&is_live, &mut || Err(SnapshotError::Nothing), false),
        Err(SnapshotError::Nothing)
    ));
    for name in [&first, &last] {
        store.opened_again().check(name).unwrap();
    }
}

#[test]
fn a_damaged_pack_is_not_swept_away() {
    let store = Store::new();
    let names = store.keep([content(1, 100)]);
    let pack = store.pack();
    let mut bytes = fs::read(&pack).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&pack, bytes).unwrap();
    sweep(&store, &[]);
    assert!(pack.exists());
    let Err(SnapshotError::Damaged { path, .. }) = store.opened_again().check(&names[0]) else {
        panic!()
    };
    assert_eq!(path, pack);
}

#[test]
fn nothing_is_removed_under_a_capture_whose_run_is_not_recorded() {
    let store = Store::new();
    store.keep([content(1, 100)]);
    // Another capture relies on what is there; no run names it yet.
    let incoming = store.incoming();
    let mut worker = incoming.worker();
    let name = take(&incoming, &mut worker, &content(1, 100)).name;
    let recorded = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeping = scope.spawn(|| {
            let live = |_: &ContentName| recorded.load(Ordering::SeqCst);
            let mut relook = || {
                assert!(recorded.load(Ordering::SeqCst), "it waits for the capture");
                Ok(())
            };
            store.objects.sweep(&live, &mut relook, false).unwrap();
        });
        let published = incoming.publish([worker]).unwrap();
        recorded.store(true, Ordering::SeqCst);
        drop(published);
        sweeping.join().unwrap();
    });
    store.opened_again().check(&name).unwrap();
}

#[test]
fn captures_and_sweeps_at_once_lose_nothing() {
    let store = Store::new();
    // What the last runs of each of the two name.
    let live: [Mutex<BTreeSet<ContentName>>; 2] = Default::default();
    let is_named = |name: &ContentName| live.iter().any(|live| live.lock().unwrap().contains(name));
    let through = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeping = scope.spawn(|| {
            let mut sweeps = 0;
            while !through.load(Ordering::SeqCst) || sweeps == 0 {
                store.objects.sweep(&is_named, &mut || Ok(()), false).unwrap();
                sweeps += 1;
            }
        });
        let capturing: Vec<_> = (0..2)
            .map(|thread: u64| {
                let (store, live) = (&store, &live[thread as usize]);
                scope.spawn(move || {
                    for round in 0..150_u64 {
                        let incoming = store.incoming();
                        let mut worker = incoming.worker();
                        // Few contents, many of which were live, are not, and become so again.
                        let seeds = (0..5).map(|step| (round * 7 + thread * 3 + step * step) % 23);
                        let names: Vec<_> = seeds
                            .map(|seed| take(&incoming, &mut worker, &content(seed, 64)).name)
                            .collect();
                        let published = incoming.publish([worker]).unwrap();
                        live.lock().unwrap().extend(names.iter().cloned());
                        drop(published);
                        for name in &names {
                            store.objects.check(name).unwrap();
                        }
                        if round % 4 == 0 {
                            live.lock().unwrap().retain(|name| names.contains(name));
                        }
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = capturing.into_iter().map(|one| one.join()).collect();
        through.store(true, Ordering::SeqCst);
        sweeping.join().unwrap();
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
    for name in live.iter().flat_map(|live| live.lock().unwrap().clone()) {
        store.opened_again().check(&name).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_sweep_keeps_all_that_is_live(
        captures in prop::collection::vec(prop::collection::vec(0_u64..60, 0..40), 1..6),
        live in prop::collection::btree_set(0_u64..60, 0..60),
    ) {
        let store = Store::new();
        let mut kept = BTreeSet::new();
        for capture in &captures {
            store.keep(capture.iter().map(|seed| content(*seed, 8 + *seed as usize)));
            kept.extend(capture.iter().copied());
        }
        let named = |seed: &u64| {
            ContentName::from(crate::system::Digest::of(&content(*seed, 8 + *seed as usize)))
        };
        let names: Vec<ContentName> = live.iter().map(named).collect();
        sweep(&store, &names);
        let again = store.opened_again();
        for seed in kept.intersection(&live) {
            prop_assert_eq!(read(&again, &named(seed)).unwrap(), content(*seed, 8 + *seed as usize));
        }
        // Garbage is at most what is live in the packs that stay.
        let bytes = |seeds: &mut dyn Iterator<Item = &u64>| seeds.map(|seed| 8 + seed).sum::<u64>();
        let held = kept.iter().filter(|seed| again.holds(&named(seed)));
        let held: BTreeSet<u64> = held.copied().collect();
        prop_assert!(bytes(&mut held.iter()) <= 2 * bytes(&mut kept.intersection(&live)));
    }
}
