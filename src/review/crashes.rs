//! The file store under damage, and after writers that were killed at a known place. (Killed at every
//! place, by the built binary: `tests/promises/killed.rs`.)

use std::os::unix::fs::{PermissionsExt, symlink};

use super::file_store::file_name;
use super::record_file::sealed;
use super::samples::{approver, lifted_at, record_at};
use super::{
    Approval, FileStore, Judgement, Record, RequestStore, Review, Runner, State, StoreError,
};
use crate::system::Moment;

fn store() -> (tempfile::TempDir, FileStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path().join("requests"));
    (directory, store)
}

fn insert(store: &FileStore) -> Record {
    let record = record_at(store.fresh_id().unwrap(), Moment::now());
    store.insert(&record).unwrap();
    record
}

fn approve(store: &FileStore, record: &Record) {
    let bob = approver(1001, &["ops"]);
    store
        .update(&record.id, &mut |record| {
            record.approve(bob.clone(), None, &Moment::now()).map(drop)
        })
        .unwrap();
}

#[test]
fn a_writer_killed_between_closing_and_moving_leaves_a_closed_request() {
    let (directory, store) = store();
    let record = insert(&store);
    let live = directory.path().join("requests/pending").join(file_name(&record.id));
    let mut closed = record.clone();
    closed.cancel(1000, "alice", &Moment::now()).unwrap();
    std::fs::write(&live, super::record_file::encode(&live, &closed).unwrap()).unwrap();
    std::fs::write(live.with_file_name(".left.json.1.abc"), "{").unwrap();

    assert_eq!(store.load(&record.id).unwrap(), closed);
    assert!(store.list(false).unwrap().records.is_empty());
    assert_eq!(store.list(true).unwrap().records, [closed.clone()]);
    assert!(matches!(store.insert(&record), Err(StoreError::Clash(_))));
    assert!(live.exists(), "it may not be on record yet");
    // As long as it cannot be recorded, it stays where the next one looks.
    let refused = store.close_overdue(&mut |_| Err(StoreError::Unknown("no log".to_owned())));
    assert!(refused.is_err() && live.exists());
    let mut recorded = Vec::new();
    let mut record_them = |closed: &[Record]| {
        recorded.extend_from_slice(closed);
        Ok(())
    };
    store.close_overdue(&mut record_them).unwrap();
    store.close_overdue(&mut record_them).unwrap();
    assert_eq!(recorded, [closed.clone()], "recorded once");
    assert!(!live.exists() && !live.with_file_name(".left.json.1.abc").exists());
    assert_eq!(store.load(&record.id).unwrap(), closed);
}

#[test]
fn a_command_whose_end_is_on_record_is_not_recorded_again() {
    let (directory, store) = store();
    let record = insert(&store);
    let live = directory.path().join("requests/pending").join(file_name(&record.id));
    let finished = Record { ending: Some("exited with status 0".to_owned()), ..record };
    let finished = Record { state: State::Finished, ..finished };
    std::fs::write(&live, super::record_file::encode(&live, &finished).unwrap()).unwrap();
    assert!(store.close_overdue(&mut |_| panic!("recorded")).unwrap().is_empty());
    assert!(!live.exists());
    assert_eq!(store.load(&finished.id).unwrap(), finished);
}

#[test]
fn a_damaged_file_hides_no_other_and_is_left_as_it_is() {
    let (directory, store) = store();
    let (kept, damaged) = (insert(&store), insert(&store));
    let path = directory.path().join("requests/pending").join(file_name(&damaged.id));
    let link = path.with_file_name("00000000.json");
    symlink("/etc/passwd", &link).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("deploy.sh", "delete.sh")).unwrap();

    let listing = store.list(false).unwrap();
    assert_eq!(listing.records, std::slice::from_ref(&kept));
    assert_eq!(listing.damaged.len(), 2);
    let error = store.load(&damaged.id).unwrap_err().to_string();
    assert!(error.contains("is damaged: its seal does not fit its content"), "{error}");
    let error = store.load(&"0000-0000".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("it is a symbolic link"), "{error}");
    let bob = approver(1001, &["ops"]);
    let approved = store.update(&damaged.id, &mut |record| {
        record.approve(bob.clone(), None, &Moment::now()).map(drop)
    });
    assert!(matches!(approved, Err(StoreError::Damaged { .. })));
    approve(&store, &kept);
    assert!(store.close_overdue(&mut |_| Ok(())).unwrap().is_empty());
    assert!(path.exists() && link.is_symlink());
}

#[test]
fn requests_are_for_their_owner_alone() {
    let (directory, store) = store();
    let record = insert(&store);
    let mode =
        |path: &str| directory.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("requests"), 0o700);
    assert_eq!(mode("requests/pending"), 0o700);
    assert_eq!(mode(&format!("requests/pending/{}.json", record.id.characters())), 0o600);
}

#[test]
fn a_reviewed_run_that_a_killed_writer_left_among_the_unreviewed_is_moved_by_the_next() {
    let (directory, store) = store();
    let mut record = lifted_at(store.fresh_id().unwrap(), Moment::now());
    store.insert(&record).unwrap();
    let runner = Runner::here(&Moment::now()).unwrap();
    record.consume(runner, &Approval::as_given, &Moment::now()).unwrap();
    record.finish("exit 0", &Moment::now()).unwrap();
    let name = format!("{}.json", record.id.characters());
    let requests = directory.path().join("requests");
    let write = |place: &str, record: &Record| {
        let path = requests.join(place).join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sealed(&serde_json::to_vec(record).unwrap())).unwrap();
    };
    // Ended, and killed before it was moved from the live ones.
    write("pending", &record);
    assert!(store.close_overdue(&mut |_| Ok(())).unwrap().is_empty(), "its end is on record");
    assert!(!requests.join("pending").join(&name).exists());
    assert!(requests.join("unreviewed").join(&name).exists());
    assert_eq!(store.unreviewed().unwrap().records, std::slice::from_ref(&record));
    // Reviewed, and killed before it was moved from the unreviewed ones.
    let bob = approver(1001, &["ops"]);
    record.review(Review::by_login(bob, Judgement::Justified, None, &Moment::now())).unwrap();
    write("unreviewed", &record);
    assert!(store.unreviewed().unwrap().records.is_empty());
    assert_eq!(store.load(&record.id).unwrap(), record);
    insert(&store);
    assert!(!requests.join("unreviewed").join(&name).exists());
    assert_eq!(store.load(&record.id).unwrap(), record);
}
