//! The store itself: ids, damage, and two at a time.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::{SnapshotError, UndoOptions};
use super::fixture::{Fixture, information};

#[test]
fn opening_a_store_makes_nothing_and_its_directories_are_private() {
    let fixture = Fixture::new();
    assert!(!fixture.store.directory().exists());
    assert_eq!(fixture.store.list().unwrap(), Vec::new());
    assert!(matches!(fixture.store.last(&|_| true), Err(SnapshotError::Nothing)));
    fixture.run(&fixture.declared("*"), || {});
    let mode = fixture.store.directory().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}

#[test]
fn runs_are_found_by_the_beginning_of_their_id() {
    let fixture = Fixture::new();
    let named = |id: &str| super::super::RunInformation { id: id.into(), ..information() };
    for id in ["K7Q2-MX10", "K7Q3-MX10"] {
        let limits = super::super::CaptureLimits::default();
        let affected = fixture.declared("*");
        fixture.store.capture_before(named(id), &affected, limits, &mut |_| {}).unwrap();
    }
    assert_eq!(fixture.store.find("k7q2", &|_| true).unwrap().id, "K7Q2-MX10");
    assert!(matches!(fixture.store.find("K7", &|_| true), Err(SnapshotError::Ambiguous { .. })));
    assert!(matches!(fixture.store.find("Z", &|_| true), Err(SnapshotError::Unknown(_))));
    assert!(matches!(fixture.store.find("../x", &|_| true), Err(SnapshotError::NotAnId(_))));
    assert_eq!(fixture.store.list().unwrap()[0].id, "K7Q3-MX10", "the newest first");
    let limits = super::super::CaptureLimits::default();
    let affected = fixture.declared("*");
    let twice = fixture.store.capture_before(named("K7Q2-MX10"), &affected, limits, &mut |_| {});
    assert!(matches!(twice, Err(SnapshotError::Exists(_))));
}

#[test]
fn a_manifest_that_was_tampered_with_is_not_used() {
    let fixture = Fixture::new();
    fixture.write("file", "1");
    let id = fixture.run(&fixture.declared("*"), || {
        fixture.write("file", "2");
    });
    let manifest =
        fixture.store.directory().join("runs").join(id.characters()).join("before.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"mode\":", "\"mode\":1")).unwrap();
    assert!(matches!(fixture.undo(&id, true), Err(SnapshotError::Damaged { .. })));
    assert_eq!(fixture.read("file"), "2");
}

#[test]
fn of_two_undos_at_once_one_is_made() {
    let fixture = Fixture::new();
    fixture.write("file", "1");
    let id = fixture.run(&fixture.declared("*"), || {
        fixture.write("file", "2");
    });
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let undo =
            || fixture.store.undo(&plan, information(), &UndoOptions::default(), &mut |_| {});
        let undos: Vec<_> = (0..4).map(|_| scope.spawn(undo)).collect();
        undos.into_iter().map(|undo| undo.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(error, SnapshotError::AlreadyUndone { .. }), "{error:?}");
    }
    assert_eq!(fixture.read("file"), "1");
}
