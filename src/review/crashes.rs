//! The file store under kill -9, damage and many processes.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::samples::{approver, groups_then, record_at};
use super::{FileStore, Record, RequestStore, Runner, State, StoreError};
use crate::system::Moment;

/// Where a child process of these tests finds the store, and what it does there.
const STORE: &str = "HITL_TEST_REVIEW_STORE";

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
        .update(&record.id, &mut |record| record.approve(bob.clone(), None, &Moment::now()))
        .unwrap();
}

fn consume(store: &FileStore, record: &Record) -> Result<Record, StoreError> {
    let runner = Runner::here(&Moment::now()).unwrap();
    store.update(&record.id, &mut |record| {
        record.consume(runner.clone(), &groups_then, &Moment::now())
    })
}

/// This test binary again, running one of the `child_…` tests below on a store.
fn child(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("review::crashes::{test}"), "--nocapture", "--test-threads=1"])
        .env(STORE, directory.join("requests"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child tells the test, on a line of its own: the test runner writes there too.
fn say(line: &str) {
    writeln!(std::io::stdout(), "\n{line}").unwrap();
}

/// Waits until the child writes such a line.
fn await_line(lines: &mut impl Iterator<Item = std::io::Result<String>>, line: &str) {
    assert!(lines.any(|read| read.unwrap().ends_with(line)), "the child ended before {line:?}");
}

#[test]
fn child_consumes_the_one_approved_request() {
    let Some(directory) = std::env::var_os(STORE) else { return };
    let store = FileStore::open(directory);
    let record = store.list(false).unwrap().records.remove(0);
    say("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    match consume(&store, &record) {
        Ok(_) => say("won"),
        Err(error) => say(&format!("lost: {error}")),
    }
    // Alive until all have tried: the winner's end would make the request unknown.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn twenty_processes_use_an_approval_once() {
    let (directory, store) = store();
    let record = insert(&store);
    approve(&store, &record);
    let mut children: Vec<_> = (0..20)
        .map(|_| {
            let mut child = child("child_consumes_the_one_approved_request", directory.path());
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            (child, lines)
        })
        .collect();
    for (_, lines) in &mut children {
        await_line(lines, "ready");
    }
    for (child, _) in &mut children {
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }
    let mut won = 0;
    for (_, lines) in &mut children {
        let outcome = lines
            .map(Result::unwrap)
            .find(|line| line == "won" || line.starts_with("lost"))
            .unwrap();
        match outcome.as_str() {
            "won" => won += 1,
            lost => assert!(lost.contains("was started"), "{lost}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(store.load(&record.id).unwrap().state, State::Running);
    for (mut child, _) in children {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    assert_eq!(store.load(&record.id).unwrap().state, State::Unknown);
}

#[test]
fn child_lives_many_lives() {
    let Some(directory) = std::env::var_os(STORE) else { return };
    let store = FileStore::open(directory);
    loop {
        let record = insert(&store);
        say("inserted");
        approve(&store, &record);
        say("approved");
        consume(&store, &record).unwrap();
        say("consumed");
        store.update(&record.id, &mut |record| record.finish("exit 0", &Moment::now())).unwrap();
        say("finished");
    }
}

#[test]
fn a_store_whose_writer_was_killed_is_whole_and_goes_on() {
    let (directory, store) = store();
    // The line is written between two steps, so that the kill lands somewhere in the next one.
    for step in ["inserted", "approved", "consumed", "finished"].repeat(5) {
        let mut child = child("child_lives_many_lives", directory.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        await_line(&mut lines, step);
        child.kill().unwrap();
        child.wait().unwrap();
        let listing = store.list(true).unwrap();
        assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
        assert!(listing.records.iter().all(|record| record.state != State::Running));
        // The lock died with its holder.
        let next = insert(&store);
        approve(&store, &next);
    }
    store.close_overdue(&mut |_| Ok(())).unwrap();
    let names: Vec<String> = std::fs::read_dir(directory.path().join("requests/pending"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
}

#[test]
fn a_writer_killed_between_closing_and_moving_leaves_a_closed_request() {
    let (directory, store) = store();
    let record = insert(&store);
    let live =
        directory.path().join("requests/pending").join(super::file_store::file_name(&record.id));
    let mut closed = record.clone();
    closed.cancel(1000, "alice", &Moment::now()).unwrap();
    std::fs::write(&live, super::record_file::encode(&live, &closed).unwrap()).unwrap();
    std::fs::write(live.with_file_name(".left.json.1.abc"), "{").unwrap();

    assert_eq!(store.load(&record.id).unwrap(), closed);
    assert!(store.list(false).unwrap().records.is_empty());
    assert_eq!(store.list(true).unwrap().records, [closed.clone()]);
    assert!(matches!(store.insert(&record), Err(StoreError::Clash(_))));
    // That writer has put it right.
    assert!(!live.exists() && !live.with_file_name(".left.json.1.abc").exists());
    assert_eq!(store.load(&record.id).unwrap(), closed);
}

#[test]
fn a_damaged_file_hides_no_other_and_is_left_as_it_is() {
    let (directory, store) = store();
    let (kept, damaged) = (insert(&store), insert(&store));
    let path =
        directory.path().join("requests/pending").join(super::file_store::file_name(&damaged.id));
    let link = path.with_file_name("00000000.json");
    symlink("/etc/passwd", &link).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("deploy.sh", "delete.sh")).unwrap();

    let listing = store.list(false).unwrap();
    assert_eq!(listing.records, std::slice::from_ref(&kept));
    assert_eq!(listing.damaged.len(), 2);
    let error = store.load(&damaged.id).unwrap_err().to_string();
    assert!(error.contains("is damaged: its digest is"), "{error}");
    let error = store.load(&"0000-0000".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("it is a symbolic link"), "{error}");
    let bob = approver(1001, &["ops"]);
    let approved =
        store.update(&damaged.id, &mut |record| record.approve(bob.clone(), None, &Moment::now()));
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
