//! What every [`RequestStore`] promises, checked against the one that there is.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::samples::{approver, lifted_at, record_at};
use super::{
    Approval, FileStore, Judgement, Record, RequestStore, Review, Runner, State, StoreError, Waited,
};
use crate::system::{BootId, Moment};

/// Every promise, on an empty store.
fn keeps_its_promises(store: &(dyn RequestStore + Sync)) {
    an_empty_store_is_empty(store);
    a_request_is_kept_whole(store);
    a_refused_change_changes_nothing(store);
    a_change_cannot_make_it_another_request(store);
    an_id_is_found_by_its_beginning(store);
    twenty_racers_use_an_approval_once(store);
    one_at_a_time_starts_a_request(store);
    time_and_restarts_close_once(store);
    a_lifted_denial_is_listed_until_it_is_reviewed(store);
    a_waiter_wakes_at_once(store);
    a_waiter_gives_up_when_told(store);
}

fn insert(store: &dyn RequestStore) -> Record {
    let record = record_at(store.fresh_id().unwrap(), Moment::now());
    store.insert(&record).unwrap();
    record
}

fn approve(store: &dyn RequestStore, record: &Record) -> Record {
    let bob = approver(1001, &["ops"]);
    store
        .update(&record.id, &mut |record| {
            record.approve(bob.clone(), None, &Moment::now()).map(drop)
        })
        .unwrap()
}

fn an_empty_store_is_empty(store: &dyn RequestStore) {
    let id = store.fresh_id().unwrap();
    assert!(store.list(true).unwrap().records.is_empty());
    assert!(store.close_overdue(&mut |_| Ok(())).unwrap().is_empty());
    assert!(matches!(store.load(&id), Err(StoreError::Unknown(_))));
    assert!(matches!(store.update(&id, &mut |_| Ok(())), Err(StoreError::Unknown(_))));
    assert!(matches!(store.wait(&id, None, None, &mut |_, _| true), Err(StoreError::Unknown(_))));
    assert!(matches!(store.find("0", &|_| true), Err(StoreError::Unknown(_))));
}

fn a_request_is_kept_whole(store: &dyn RequestStore) {
    let record = insert(store);
    assert_eq!(store.load(&record.id).unwrap(), record);
    assert_eq!(store.list(false).unwrap().records, std::slice::from_ref(&record));
    assert!(matches!(store.insert(&record), Err(StoreError::Clash(_))));
    let approved = approve(store, &record);
    assert_eq!(store.load(&record.id).unwrap(), approved);
    let cancelled = store
        .update(&record.id, &mut |record| record.cancel(1000, "alice", &Moment::now()))
        .unwrap();
    assert_eq!(store.load(&record.id).unwrap(), cancelled);
    assert!(store.list(false).unwrap().records.is_empty());
    assert_eq!(store.list(true).unwrap().records, [cancelled]);
    // Also among the closed ones the id stays taken.
    assert!(matches!(store.insert(&record), Err(StoreError::Clash(_))));
}

fn a_refused_change_changes_nothing(store: &dyn RequestStore) {
    let record = insert(store);
    let refused = store.update(&record.id, &mut |record| {
        record.state = State::Finished;
        record.cancel(1001, "bob", &Moment::now())
    });
    assert!(refused.is_err());
    assert_eq!(store.load(&record.id).unwrap(), record);
}

fn a_change_cannot_make_it_another_request(store: &dyn RequestStore) {
    let record = insert(store);
    let changes: [fn(&mut Record); 3] = [
        |record| record.bound.argv.push("--force".into()),
        |record| {
            record.bound.argv.push("--force".into());
            record.digest = record.bound.digest().unwrap();
        },
        |record| record.id = "0000-0000".parse().unwrap(),
    ];
    for change in changes {
        let refused = store.update(&record.id, &mut |record| {
            change(record);
            Ok(())
        });
        assert!(refused.is_err());
    }
    assert_eq!(store.load(&record.id).unwrap(), record);
}

fn an_id_is_found_by_its_beginning(store: &dyn RequestStore) {
    let (record, other) = (insert(store), insert(store));
    let typed = record.id.to_string().to_lowercase();
    assert_eq!(store.find(&typed, &|_| true).unwrap(), record.id);
    let first = &record.id.characters()[..7];
    assert_eq!(store.find(first, &|record| record.id != other.id).unwrap(), record.id);
    // One that may not be seen does not exist, however its id is typed.
    assert!(matches!(store.find(&typed, &|_| false), Err(StoreError::Unknown(_))));
    for nonsense in ["", "K7Q2-MX4P-0", "../../etc"] {
        assert!(matches!(store.find(nonsense, &|_| true), Err(StoreError::NotAnId(_))));
    }
    for beginning in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars() {
        let mut twin = record_at(store.fresh_id().unwrap(), Moment::now());
        twin.id = format!("{beginning}{}", &twin.id.characters()[1..]).parse().unwrap();
        store.insert(&twin).unwrap();
        let start = beginning.to_string();
        if record.id.characters().starts_with(&start) {
            let found = store.find(&start, &|_| true);
            assert!(matches!(found, Err(StoreError::Ambiguous(_, 2.., _))), "{found:?}");
        }
    }
}

fn twenty_racers_use_an_approval_once(store: &(dyn RequestStore + Sync)) {
    let record = insert(store);
    approve(store, &record);
    let (start, winners) = (Barrier::new(20), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let now = Moment::now();
                let runner = Runner::here(&now).unwrap();
                start.wait();
                let used = store.update(&record.id, &mut |record| {
                    record.consume(runner.clone(), &Approval::as_given, &Moment::now())
                });
                match used {
                    Ok(_) => drop(winners.fetch_add(1, Ordering::SeqCst)),
                    Err(error) => assert!(matches!(error, StoreError::WrongState { .. })),
                }
            });
        }
    });
    assert_eq!(winners.into_inner(), 1);
    assert_eq!(store.load(&record.id).unwrap().state, State::Running);
}

fn one_at_a_time_starts_a_request(store: &dyn RequestStore) {
    let (record, other) = (insert(store), insert(store));
    let wrong_state = |id| match store.claim(id) {
        Err(StoreError::WrongState { state, sentence, .. }) => format!("{state}: {sentence}"),
        claimed => panic!("{claimed:?}"),
    };
    assert!(wrong_state(&record.id).starts_with("pending: it needs"));
    approve(store, &record);
    approve(store, &other);
    let claim = store.claim(&record.id).unwrap();
    assert!(wrong_state(&record.id).starts_with("approved: another process"));
    let _of_the_other = store.claim(&other.id).unwrap();
    drop(claim);
    drop(store.claim(&record.id).unwrap());
    let runner = Runner::here(&Moment::now()).unwrap();
    store
        .update(&record.id, &mut |record| {
            record.consume(runner.clone(), &Approval::as_given, &Moment::now())
        })
        .unwrap();
    assert!(wrong_state(&record.id).starts_with("running: "));
}

fn a_lifted_denial_is_listed_until_it_is_reviewed(store: &dyn RequestStore) {
    let ids = |store: &dyn RequestStore| {
        store.unreviewed().unwrap().records.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    let record = lifted_at(store.fresh_id().unwrap(), Moment::now());
    store.insert(&record).unwrap();
    assert_eq!(store.load(&record.id).unwrap().state, State::Approved);
    assert_eq!(ids(store), []);
    let runner = Runner::here(&Moment::now()).unwrap();
    store
        .update(&record.id, &mut |record| {
            record.consume(runner.clone(), &Approval::as_given, &Moment::now())
        })
        .unwrap();
    assert_eq!(ids(store), []);
    store.update(&record.id, &mut |record| record.finish("exit 0", &Moment::now())).unwrap();
    assert_eq!(ids(store), std::slice::from_ref(&record.id));
    assert!(store.list(false).unwrap().records.iter().all(|live| live.id != record.id));
    assert!(store.list(true).unwrap().records.iter().any(|one| one.id == record.id));
    assert_eq!(store.find(&record.id.to_string(), &|_| true).unwrap(), record.id);
    assert!(matches!(store.insert(&record), Err(StoreError::Clash(_))));
    store
        .update(&record.id, &mut |record| {
            let bob = approver(1001, &["ops"]);
            record.review(Review::by_login(bob, Judgement::Justified, None, &Moment::now()))
        })
        .unwrap();
    assert_eq!(ids(store), []);
    assert!(store.load(&record.id).unwrap().review.is_some());
    assert!(store.list(true).unwrap().records.iter().any(|one| one.id == record.id));
}

fn time_and_restarts_close_once(store: &dyn RequestStore) {
    let now = Moment::now();
    let long_ago = Moment { wall_ms: now.wall_ms - 3_600_000, ..now.clone() };
    let before_restart = Moment { boot_id: BootId("another".into()), ..now };
    for (made, state) in [(long_ago, State::Expired), (before_restart, State::Void)] {
        let record = record_at(store.fresh_id().unwrap(), made);
        store.insert(&record).unwrap();
        assert_eq!(store.load(&record.id).unwrap().state, state);
        let live = store.list(false).unwrap().records;
        assert!(live.iter().all(|live| live.id != record.id));
        let closed = store.close_overdue(&mut |_| Ok(())).unwrap();
        assert_eq!(closed.iter().map(|record| &record.id).collect::<Vec<_>>(), [&record.id]);
        assert_eq!(closed[0].state, state);
        assert!(store.close_overdue(&mut |_| Ok(())).unwrap().is_empty(), "told once");
        assert_eq!(store.load(&record.id).unwrap(), closed[0]);
    }
}

fn a_waiter_wakes_at_once(store: &(dyn RequestStore + Sync)) {
    let mut delays = Vec::new();
    for _ in 0..11 {
        let record = insert(store);
        let (ticking, is_ticking) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let mut tick = |_: &Record, _: bool| ticking.send(()).is_ok();
                let waited = store.wait(&record.id, None, None, &mut tick).unwrap();
                (waited, Instant::now())
            });
            is_ticking.recv().unwrap();
            // Another request's changes wake nobody for good.
            insert(store);
            let approved = Instant::now();
            approve(store, &record);
            let (waited, woken) = waiter.join().unwrap();
            assert!(matches!(waited, Waited::Decided(record) if record.state == State::Approved));
            delays.push(woken.saturating_duration_since(approved));
        });
    }
    delays.sort();
    // A few milliseconds on a machine of one's own. On any machine far from the second that a
    // poll would take.
    assert!(delays[delays.len() / 2] < Duration::from_millis(200), "{delays:?}");
}

fn a_waiter_gives_up_when_told(store: &dyn RequestStore) {
    let record = insert(store);
    let patience = Some(Duration::from_millis(20));
    let waited = store.wait(&record.id, patience, None, &mut |_, _| true).unwrap();
    assert_eq!(waited, Waited::TimeUp(Box::new(record.clone())));
    let waited = store.wait(&record.id, None, None, &mut |_, _| false).unwrap();
    assert_eq!(waited, Waited::TimeUp(Box::new(record)));
    // One whose deadline comes is decided by it, whatever the patience.
    let now = Moment::now();
    let made = Moment { wall_ms: now.wall_ms - 599_950, ..now };
    let brief = record_at(store.fresh_id().unwrap(), made);
    store.insert(&brief).unwrap();
    let waited = store.wait(&brief.id, None, None, &mut |_, _| true).unwrap();
    assert!(matches!(waited, Waited::Decided(record) if record.state == State::Expired));
}

#[test]
fn the_file_store_keeps_the_promises_of_a_request_store() {
    let directory = tempfile::tempdir().unwrap();
    keeps_its_promises(&FileStore::open(directory.path().join("state/requests")));
}
