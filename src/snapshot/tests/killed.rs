//! Undos that are killed in the middle, and what the next one makes of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::UndoOptions;
use super::super::restore::Restorer;
use super::fixture::{Fixture, chmod, information, set_flags};

const IMMUTABLE: u32 = 0x10;

fn prepare(fixture: &Fixture) {
    fixture.write("app/changed", "before");
    fixture.write("app/gone/sub/one", "before");
    fixture.write("app/gone/two", "before");
    fixture.write("app/file/inner", "a directory that becomes a file");
    fixture.write("app/directory", "a file that becomes a directory");
    fixture.write("app/linked/a", "one inode");
    for (from, to) in [("a", "b"), ("a", "c")] {
        let path = |name| fixture.path(&format!("app/linked/{name}"));
        fs::hard_link(path(from), path(to)).unwrap();
    }
    fs::hard_link(fixture.path("app/linked/a"), fixture.path("app/gone/d")).unwrap();
    fixture.write("app/locked/file", "before");
    fixture.write("app/mode", "before");
    symlink("before", fixture.path("app/link")).unwrap();
    lock(fixture);
}

fn lock(fixture: &Fixture) {
    // Only root may, and only where the file system can.
    let _ = set_flags(&fixture.path("app/locked/file"), IMMUTABLE);
    let _ = set_flags(&fixture.path("app/locked"), IMMUTABLE);
}

fn command(fixture: &Fixture) {
    for name in ["app/locked", "app/locked/file"] {
        let _ = set_flags(&fixture.path(name), 0);
    }
    fixture.write("app/changed", "after");
    fs::remove_dir_all(fixture.path("app/gone")).unwrap();
    fs::remove_dir_all(fixture.path("app/file")).unwrap();
    fixture.write("app/file", "a file now");
    fs::remove_file(fixture.path("app/directory")).unwrap();
    fixture.write("app/directory/now/with", "something in it");
    fixture.write("app/linked/a", "changed where it is");
    fs::remove_file(fixture.path("app/linked/c")).unwrap();
    fixture.write("app/linked/c", "another");
    fixture.write("app/locked/file", "after");
    fixture.write("app/new/made", "by the command");
    chmod(&fixture.path("app/mode"), 0o600);
    fs::remove_file(fixture.path("app/link")).unwrap();
    symlink("after", fixture.path("app/link")).unwrap();
    lock(fixture);
}

/// Kills an undo when it comes to its step of this number; whether there is one.
fn is_finished_after(number: Option<usize>) -> bool {
    let fixture = Fixture::new();
    prepare(&fixture);
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || command(&fixture));
    let after = fixture.seen();
    let options = UndoOptions::default();
    let plan = fixture.store.plan(&id, &options).unwrap();
    let begun = fixture.store.begin(&plan, information(), &options, &mut |_| {}).unwrap();
    let steps = &begun.current.steps;
    let mut restorer = Restorer::new(&fixture.store.objects, id.characters());
    let mut killed = true;
    restorer.prepare(steps, false, &mut |_| {}).unwrap();
    if let Some(number) = number {
        let mut taken = 0;
        let applied = catch_unwind(AssertUnwindSafe(|| {
            restorer.apply(steps, &mut |_| {
                if taken == number {
                    std::panic::resume_unwind(Box::new("killed"));
                }
                taken += 1;
            })
        }));
        killed = applied.is_err();
    }
    let undone = fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before, "killed at {number:?}");
    fixture.undo_wholly(&undone.run.id.parse().unwrap());
    assert_eq!(fixture.seen(), after, "redone after it was killed at {number:?}");
    killed
}

#[test]
fn an_undo_that_was_killed_when_all_was_ready_is_finished_by_the_next_one() {
    assert!(is_finished_after(None));
}

#[test]
fn an_undo_that_was_killed_at_any_step_is_finished_by_the_next_one() {
    let mut number = 0;
    while is_finished_after(Some(number)) {
        number += 1;
    }
    assert!(number > 15, "it has that many steps: {number}");
}
