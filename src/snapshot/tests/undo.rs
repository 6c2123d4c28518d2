//! What comes back.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use super::super::{RunState, SnapshotError, StepKind, UndoOptions};
use super::fixture::{Fixture, chmod, root_or_say_so};

/// Runs `command` on a tree with a bit of everything, undoes it, and expects the tree to be the same
/// in everything that can be seen; then redoes it, and expects what the command had left.
fn comes_back(command: impl FnOnce(&Fixture)) {
    let fixture = Fixture::new();
    fixture.write("app/main.conf", "one\ntwo\nthree\n");
    fixture.write("app/empty", "");
    fixture.write("app/sub/deep/er/file", "deep");
    fixture.write("app/locked/secret", "s");
    chmod(&fixture.path("app/main.conf"), 0o640);
    chmod(&fixture.path("app/locked"), 0o750);
    fs::write(fixture.path("app").join(OsStr::from_bytes(b"not\xffutf8\nand a line")), "x")
        .unwrap();
    symlink("main.conf", fixture.path("app/link")).unwrap();
    symlink("/nowhere/at/all", fixture.path("app/dangling")).unwrap();
    mknodat(CWD, fixture.path("app/pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || command(&fixture));
    let after = fixture.seen();
    assert_ne!(before, after, "the command changed something");
    let undone = fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Undone);
    let redone = fixture.undo_wholly(&undone.run.id.parse().unwrap());
    assert_eq!(fixture.seen(), after, "undo of undo is redo");
    assert_eq!(redone.run.undo_of.as_deref(), Some(&*undone.run.id));
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Complete);
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before, "and it can be undone again");
}

#[test]
fn a_changed_file_comes_back() {
    comes_back(|fixture| {
        fixture.write("app/main.conf", "something else\n");
    });
}

#[test]
fn a_replaced_file_comes_back() {
    comes_back(|fixture| {
        fixture.write("app/new", "new");
        fs::rename(fixture.path("app/new"), fixture.path("app/main.conf")).unwrap();
    });
}

#[test]
fn deleted_files_and_directories_come_back() {
    comes_back(|fixture| fs::remove_dir_all(fixture.path("app")).unwrap());
    comes_back(|fixture| fs::remove_dir_all(fixture.path("app/sub")).unwrap());
    comes_back(|fixture| fs::remove_file(fixture.path("app/dangling")).unwrap());
    comes_back(|fixture| fs::remove_file(fixture.path("app/pipe")).unwrap());
}

#[test]
fn created_files_and_directories_go() {
    comes_back(|fixture| {
        fixture.write("app/new/tree/of/files", "1");
        fixture.write("app/new/tree/another", "2");
        symlink("files", fixture.path("app/new/tree/of/link")).unwrap();
    });
}

#[test]
fn one_kind_of_thing_in_the_place_of_another_goes() {
    comes_back(|fixture| {
        fs::remove_file(fixture.path("app/main.conf")).unwrap();
        fixture.write("app/main.conf/inner/file", "a directory now");
    });
    comes_back(|fixture| {
        fs::remove_dir_all(fixture.path("app/sub")).unwrap();
        fixture.write("app/sub", "a file now");
    });
    comes_back(|fixture| {
        fs::rename(fixture.path("app/sub"), fixture.path("app/sub.old")).unwrap();
        symlink("sub.old", fixture.path("app/sub")).unwrap();
    });
    comes_back(|fixture| {
        fs::remove_file(fixture.path("app/link")).unwrap();
        fs::rename(fixture.path("app/main.conf"), fixture.path("app/link")).unwrap();
    });
}

#[test]
fn modes_come_back_with_their_special_bits() {
    comes_back(|fixture| {
        chmod(&fixture.path("app/main.conf"), 0o600);
        chmod(&fixture.path("app/sub"), 0o700);
        chmod(&fixture.path("app/sub/deep"), 0o3777);
    });
    let fixture = Fixture::new();
    let file = fixture.write("tool", "#!/bin/sh\n");
    chmod(&file, 0o4755);
    let id = fixture.run(&fixture.operand("tool", false), || {
        fixture.write("tool", "changed");
        chmod(&file, 0o755);
    });
    fixture.undo_wholly(&id);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o4755);
}

#[test]
fn what_the_command_made_unreadable_for_its_own_user_comes_back() {
    let fixture = Fixture::new();
    fixture.write("app/closed/file", "1");
    let file = fixture.write("app/file", "1");
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || {
        chmod(&fixture.path("app/closed"), 0o000);
        chmod(&file, 0o000);
    });
    let undone = fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    fixture.undo_wholly(&undone.run.id.parse().unwrap());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0);
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn times_alone_come_back() {
    comes_back(|fixture| {
        let file = fs::File::options().append(true).open(fixture.path("app/main.conf")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    });
}

#[test]
fn extended_attributes_come_back_and_new_ones_go() {
    comes_back(|fixture| {
        let file = fixture.path("app/main.conf");
        setxattr(&file, "user.added", b"x", XattrFlags::empty()).unwrap();
    });
    let fixture = Fixture::new();
    let file = fixture.write("file", "content");
    setxattr(&file, "user.kept", b"\0\xff", XattrFlags::empty()).unwrap();
    let before = fixture.seen();
    let id = fixture.run(&fixture.operand("file", false), || fs::remove_file(&file).unwrap());
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn owners_come_back_for_root() {
    if !root_or_say_so("owners come back") {
        return;
    }
    comes_back(|fixture| {
        for name in ["app/main.conf", "app/link", "app/sub/deep"] {
            std::os::unix::fs::lchown(fixture.path(name), Some(12345), Some(54321)).unwrap();
        }
    });
}

#[test]
fn what_only_the_operands_name_comes_back_with_the_time_of_its_directory() {
    let fixture = Fixture::new();
    fixture.write("a/file", "1");
    fixture.write("a/neighbour", "2");
    let before = fixture.seen();
    let id = fixture.run(&fixture.operand("a/file", false), || {
        fs::remove_file(fixture.path("a/file")).unwrap();
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn directories_made_on_the_way_to_an_operand_go_with_it() {
    let fixture = Fixture::new();
    let before = fixture.seen();
    let id = fixture.run(&fixture.operand("a/b/c", false), || {
        fixture.write("a/b/c/copied/file", "x");
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn a_file_that_has_several_names_keeps_them() {
    let fixture = Fixture::new();
    let file = fixture.write("app/one", "original");
    fs::hard_link(&file, fixture.path("app/two")).unwrap();
    let before = fixture.seen();
    let inode = file.metadata().unwrap().ino();
    let (id, _) = fixture.capture(&fixture.declared("app/**")).unwrap();
    fixture.write("app/one", "a longer text than it was");
    fixture.store.capture_after(&id, &mut |_| {}).unwrap();
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    for name in ["app/one", "app/two"] {
        assert_eq!(fixture.path(name).metadata().unwrap().ino(), inode);
    }
}

#[test]
fn the_first_of_several_names_that_was_made_a_file_of_its_own_is_one_again_after_redo() {
    let fixture = Fixture::new();
    let file = fixture.write("app/one", "content");
    fs::hard_link(&file, fixture.path("app/two")).unwrap();
    fs::hard_link(&file, fixture.path("app/three")).unwrap();
    let before = fixture.seen();
    let time = file.metadata().unwrap().modified().unwrap();
    let id = fixture.run(&fixture.declared("app/**"), || {
        fs::remove_file(&file).unwrap();
        fixture.write("app/one", "content");
        fs::File::open(&file).unwrap().set_modified(time).unwrap();
    });
    let after = fixture.seen();
    let undone = fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    fixture.undo_wholly(&undone.run.id.parse().unwrap());
    assert_eq!(fixture.seen(), after);
}

#[test]
fn a_link_that_is_written_through_and_the_file_behind_it_both_come_back() {
    let fixture = Fixture::new();
    fixture.write("real/file", "old");
    symlink("real/file", fixture.path("link")).unwrap();
    let before = fixture.seen();
    let id = fixture.run(&fixture.operand("link", false), || {
        fs::write(fixture.path("link"), "written through the link").unwrap();
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn deep_trees_come_back_beyond_the_longest_path() {
    let fixture = Fixture::new();
    let name = "d".repeat(200);
    fs::create_dir(fixture.path("top")).unwrap();
    let mut directory = rustix::fs::openat(
        CWD,
        fixture.path("top"),
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY,
        Mode::empty(),
    )
    .unwrap();
    for _ in 0..40 {
        rustix::fs::mkdirat(&directory, &*name, Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
        directory = rustix::fs::openat(&directory, &*name, flags, Mode::empty()).unwrap();
    }
    let id = fixture.run(&fixture.operand("top", true), || {
        let status = std::process::Command::new("rm").arg("-rf").arg(fixture.path("top")).status();
        assert!(status.unwrap().success());
    });
    let undone = fixture.undo_wholly(&id);
    assert_eq!(undone.restored, 41);
}

#[test]
fn an_interrupted_undo_is_finished_by_the_next_one() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.write(name, name);
    }
    let before = fixture.seen();
    let affected = fixture.declared("*");
    let id = fixture.run(&affected, || {
        for name in ["a", "b", "c"] {
            fixture.write(name, "changed");
        }
    });
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    let first = super::fixture::information();
    let first_id = first.id.clone();
    fixture.store.begin(&plan, first, &UndoOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Undoing);
    // One of the files got as far as its content, as if the undo had been killed there.
    fs::write(fixture.path("a"), "a").unwrap();
    let undone = fixture.undo_wholly(&id);
    assert_eq!(undone.run.id, first_id, "it is the same undo");
    assert_eq!(fixture.seen(), before);
    fixture.undo_wholly(&first_id.parse().unwrap());
    assert_eq!(fixture.read("a"), "changed");
}

#[test]
fn a_plan_says_what_it_would_do_and_does_nothing() {
    let fixture = Fixture::new();
    fixture.write("changed", "1");
    fixture.write("deleted", "2");
    let id = fixture.run(&fixture.declared("*"), || {
        fixture.write("changed", "3");
        fixture.write("created", "4");
        fs::remove_file(fixture.path("deleted")).unwrap();
    });
    let seen = fixture.seen();
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    let kinds: Vec<_> = plan.steps.iter().map(|step| step.unwrap().kind()).collect();
    assert_eq!(kinds, [StepKind::Replace, StepKind::Remove, StepKind::Create]);
    let lines = super::super::plan_lines(&plan, crate::system::Colour::Off);
    let starts: Vec<_> = lines.map(|line| line.unwrap().chars().next().unwrap()).collect();
    assert_eq!(starts, ['~', '-', '+']);
    assert_eq!(fixture.seen(), seen);
}

#[test]
fn devices_come_back_for_root() {
    if !root_or_say_so("devices come back") {
        return;
    }
    let fixture = Fixture::new();
    let null = fixture.path("null");
    let made = mknodat(
        CWD,
        &null,
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o666),
        rustix::fs::makedev(1, 3),
    );
    if made.is_err() {
        return;
    }
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("*"), || fs::remove_file(&null).unwrap());
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    assert_eq!(null.metadata().unwrap().rdev(), rustix::fs::makedev(1, 3));
}

#[test]
fn an_undone_run_is_not_undone_twice() {
    let fixture = Fixture::new();
    fixture.write("file", "1");
    let id = fixture.run(&fixture.declared("*"), || {
        fixture.write("file", "2");
    });
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    let undone = fixture.undo_wholly(&id);
    let again = fixture.undo_as(&plan, &UndoOptions { force: true, ..UndoOptions::default() });
    match again {
        Err(SnapshotError::AlreadyUndone { by, .. }) => assert_eq!(by, Some(undone.run.id)),
        other => panic!("{other:?}"),
    }
    assert!(Path::new(&fixture.path("file")).exists());
}

#[test]
fn the_time_of_a_directory_comes_back_also_where_a_name_got_another_inode_and_the_same_content() {
    let fixture = Fixture::new();
    symlink("target", fixture.path("link")).unwrap();
    let before = fixture.seen();
    let id = fixture.run(&fixture.operand("link", false), || {
        fs::remove_file(fixture.path("link")).unwrap();
        symlink("target", fixture.path("link")).unwrap();
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}
