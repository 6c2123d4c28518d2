//! What is not lost: everything that was changed after the command had ended.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::{RunState, SnapshotError, UndoOptions};
use super::fixture::{Fixture, chmod, information};

/// A run that changes `app/file` and creates `app/new/`, then `since`; the undo must be refused with
/// nothing touched, and with force the tree must be as before but for what `kept` names.
fn is_a_conflict(since: impl FnOnce(&Fixture), kept: &[&str]) {
    let fixture = Fixture::new();
    fixture.write("app/file", "before");
    fixture.write("app/gone", "before");
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || {
        fixture.write("app/file", "after");
        fixture.write("app/new/made", "after");
        fs::remove_file(fixture.path("app/gone")).unwrap();
    });
    since(&fixture);
    let seen = fixture.seen();
    let refused = fixture.undo(&id, false);
    assert!(matches!(refused, Err(SnapshotError::Conflicts { .. })), "{refused:?}");
    assert_eq!(fixture.seen(), seen, "nothing was touched");
    assert_eq!(fixture.store.list().unwrap().len(), 1, "and no run was recorded");

    let undone = fixture.undo(&id, true).unwrap();
    let mut now = fixture.seen();
    for path in kept {
        now.remove(&fixture.path(path)).unwrap();
    }
    let names = |seen: &super::fixture::Seen| -> Vec<_> {
        seen.iter().map(|(path, seen)| (path.clone(), seen.0, seen.2.clone())).collect()
    };
    assert_eq!(names(&now), names(&before), "{:?}", undone.not_restored);
    // What the force took away was captured first.
    fixture.undo(&undone.run.id.parse().unwrap(), true).unwrap();
    assert_eq!(names(&fixture.seen()), names(&seen));
}

#[test]
fn a_file_that_changed_since_is_not_overwritten() {
    is_a_conflict(
        |fixture| {
            fixture.write("app/file", "somebody's work");
        },
        &[],
    );
}

#[test]
fn a_file_whose_mode_changed_since_is_not_overwritten() {
    is_a_conflict(|fixture| chmod(&fixture.path("app/file"), 0o600), &[]);
}

#[test]
fn a_file_that_was_deleted_since_is_a_conflict() {
    is_a_conflict(|fixture| fs::remove_file(fixture.path("app/file")).unwrap(), &[]);
}

#[test]
fn a_file_replaced_by_a_directory_since_is_not_removed() {
    is_a_conflict(
        |fixture| {
            fs::remove_file(fixture.path("app/file")).unwrap();
            fs::create_dir(fixture.path("app/file")).unwrap();
        },
        &[],
    );
}

#[test]
fn a_file_replaced_by_a_link_since_is_not_followed() {
    is_a_conflict(
        |fixture| {
            fs::remove_file(fixture.path("app/file")).unwrap();
            symlink("/etc/passwd", fixture.path("app/file")).unwrap();
        },
        &[],
    );
}

#[test]
fn a_path_that_was_deleted_by_the_run_and_made_again_since_is_not_overwritten() {
    is_a_conflict(
        |fixture| {
            fixture.write("app/gone", "a new one");
        },
        &[],
    );
}

#[test]
fn a_directory_that_holds_something_new_is_not_removed_even_by_force() {
    is_a_conflict(
        |fixture| {
            fixture.write("app/new/precious", "not made by the run");
        },
        &["app/new", "app/new/precious"],
    );
}

#[test]
fn a_directory_that_was_removed_since_is_a_conflict() {
    is_a_conflict(|fixture| fs::remove_dir_all(fixture.path("app")).unwrap(), &[]);
}

#[test]
fn a_neighbour_that_changed_since_is_no_conflict_and_stays() {
    let fixture = Fixture::new();
    fixture.write("app/file", "before");
    let id = fixture.run(&fixture.declared("app/**"), || {
        fixture.write("app/file", "after");
    });
    fixture.write("app/neighbour", "new");
    fixture.undo_wholly(&id);
    assert_eq!(
        (fixture.read("app/file"), fixture.read("app/neighbour")),
        ("before".into(), "new".into())
    );
}

#[test]
fn what_is_as_before_already_needs_nothing() {
    let fixture = Fixture::new();
    let file = fixture.write("file", "1");
    let modified = file.metadata().unwrap().modified().unwrap();
    let id = fixture.run(&fixture.operand("file", false), || {
        fixture.write("file", "2");
    });
    fixture.write("file", "1");
    fs::File::options().append(true).open(&file).unwrap().set_modified(modified).unwrap();
    let undone = fixture.undo_wholly(&id);
    assert_eq!((undone.restored, undone.already_before), (0, 1));
}

#[test]
fn a_run_whose_end_was_not_seen_is_undone_by_force_only() {
    let fixture = Fixture::new();
    fixture.write("file", "before");
    let before = fixture.seen();
    let (id, _) = fixture.capture(&fixture.declared("*")).unwrap();
    fixture.write("file", "half-way");
    fixture.write("created", "half-way");
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    assert!(plan.after_unknown);
    assert!(matches!(fixture.undo(&id, false), Err(SnapshotError::Conflicts { .. })));
    let undone = fixture.undo(&id, true).unwrap();
    assert_eq!(undone.not_restored, Vec::<String>::new());
    let names = |seen: &super::fixture::Seen| seen.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fixture.seen()), names(&before));
    assert_eq!(fixture.read("file"), "before");
}

#[test]
fn a_directory_that_became_a_link_since_leads_nowhere() {
    let fixture = Fixture::new();
    fixture.write("app/conf/file", "before");
    fixture.write("elsewhere/file", "not ours");
    let id = fixture.run(&fixture.operand("app/conf/file", false), || {
        fixture.write("app/conf/file", "after");
    });
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    fs::rename(fixture.path("app/conf"), fixture.path("app/conf.old")).unwrap();
    symlink(fixture.path("elsewhere"), fixture.path("app/conf")).unwrap();
    let refused = fixture.store.undo(&plan, information(), &UndoOptions::default(), &mut |_| {});
    assert!(matches!(refused, Err(SnapshotError::PlanChanged { .. })), "{refused:?}");
    assert!(matches!(fixture.undo(&id, false), Err(SnapshotError::Conflicts { .. })));
    assert_eq!(fixture.read("elsewhere/file"), "not ours");
    // By force the directory comes back in the place of the link; what the link led to is not ours.
    fixture.undo(&id, true).unwrap();
    assert_eq!(fixture.read("elsewhere/file"), "not ours");
    assert_eq!(fixture.read("app/conf/file"), "before");
}

#[test]
fn a_change_between_plan_and_undo_is_refused() {
    let fixture = Fixture::new();
    fixture.write("file", "before");
    let id = fixture.run(&fixture.declared("*"), || {
        fixture.write("file", "after");
    });
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    fixture.write("file", "meanwhile");
    for force in [false, true] {
        let refused = fixture.store.undo(
            &plan,
            information(),
            &UndoOptions { force, ..UndoOptions::default() },
            &mut |_| {},
        );
        assert!(matches!(refused, Err(SnapshotError::PlanChanged { .. })), "{refused:?}");
    }
    assert_eq!(fixture.read("file"), "meanwhile");
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Complete);
}

#[test]
fn later_runs_on_the_same_files_are_undone_first() {
    let fixture = Fixture::new();
    fixture.write("file", "0");
    fixture.write("other", "0");
    let affected = fixture.declared("*");
    let step = |text: &'static str| {
        fixture.run(&affected, || {
            fixture.write("file", text);
        })
    };
    let (one, two, three) = (step("1"), step("2"), step("3"));
    let unrelated = fixture.run(&affected, || {
        fixture.write("other", "1");
    });
    match fixture.undo(&one, false) {
        Err(SnapshotError::Overlapping { first, .. }) => {
            assert_eq!(first, [three.to_string(), two.to_string()]);
        }
        other => panic!("{other:?}"),
    }
    for (id, text) in [(&three, "2"), (&two, "1"), (&one, "0")] {
        fixture.undo_wholly(id);
        assert_eq!(fixture.read("file"), text);
    }
    assert_eq!(fixture.store.last(&|_| true).unwrap().id, unrelated.to_string());
    assert_eq!(fixture.read("other"), "1");
}
