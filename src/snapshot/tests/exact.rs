//! What an ordinary copy would lose: names of one inode, holes, inode flags, access lists that are
//! inherited; and files that somebody has open.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{XattrFlags, setxattr};

use super::super::{RunState, SnapshotError, UndoOptions};
use super::fixture::{Fixture, Seen, chmod, root_or_say_so, set_flags};

const IMMUTABLE: u32 = 0x10;
const APPEND_ONLY: u32 = 0x20;
const NO_DUMP: u32 = 0x40;

/// Runs `command` on what `prepare` has made below `app/`, undoes and redoes it, and expects that all
/// that can be seen is as it was each time.
fn comes_back(prepare: impl FnOnce(&Fixture), command: impl FnOnce(&Fixture)) -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("app")).unwrap();
    prepare(&fixture);
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || command(&fixture));
    let after = fixture.seen();
    assert_ne!(before, after, "the command changed something");
    let undone = fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    fixture.undo_wholly(&undone.run.id.parse().unwrap());
    assert_eq!(fixture.seen(), after, "undo of undo is redo");
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before, "and it can be undone again");
    fixture
}

fn link(fixture: &Fixture, from: &str, to: &str) {
    fs::hard_link(fixture.path(from), fixture.path(to)).unwrap();
}

fn remove(fixture: &Fixture, name: &str) {
    fs::remove_file(fixture.path(name)).unwrap();
}

fn three_names(fixture: &Fixture) {
    fixture.write("app/b", "one inode");
    link(fixture, "app/b", "app/a");
    fs::create_dir(fixture.path("app/sub")).unwrap();
    link(fixture, "app/b", "app/sub/c");
}

#[test]
fn names_that_were_one_inode_are_one_again() {
    comes_back(three_names, |fixture| remove(fixture, "app/a"));
    comes_back(three_names, |fixture| fs::remove_dir_all(fixture.path("app/sub")).unwrap());
    comes_back(three_names, |fixture| fs::remove_dir_all(fixture.path("app")).unwrap());
    comes_back(three_names, |fixture| {
        remove(fixture, "app/a");
        fixture.write("app/a", "one inode");
    });
    comes_back(three_names, |fixture| {
        for name in ["app/a", "app/b", "app/sub/c"] {
            remove(fixture, name);
            fixture.write(name, name);
        }
    });
    comes_back(three_names, |fixture| {
        remove(fixture, "app/a");
        fixture.write("app/a", "another");
        fixture.write("app/b", "changed where it is");
        remove(fixture, "app/sub/c");
        fs::create_dir(fixture.path("app/sub/c")).unwrap();
    });
}

#[test]
fn names_that_were_not_one_inode_are_not_any_more() {
    let two = |fixture: &Fixture| {
        fixture.write("app/a", "the same");
        fs::copy(fixture.path("app/a"), fixture.path("app/b")).unwrap();
        let time = fixture.path("app/a").metadata().unwrap().modified().unwrap();
        fs::File::options()
            .write(true)
            .open(fixture.path("app/b"))
            .unwrap()
            .set_modified(time)
            .unwrap();
    };
    comes_back(two, |fixture| {
        remove(fixture, "app/b");
        link(fixture, "app/a", "app/b");
    });
    comes_back(two, |fixture| {
        remove(fixture, "app/a");
        link(fixture, "app/b", "app/a");
    });
    comes_back(two, |fixture| {
        remove(fixture, "app/b");
        link(fixture, "app/a", "app/b");
        fixture.write("app/a", "both are changed");
        chmod(&fixture.path("app/a"), 0o600);
    });
    comes_back(three_names, |fixture| {
        remove(fixture, "app/a");
        fixture.write("app/other", "another");
        link(fixture, "app/other", "app/a");
        link(fixture, "app/b", "app/z");
    });
}

#[test]
fn a_name_outside_the_snapshot_stays_one_with_those_inside() {
    let fixture = Fixture::new();
    fixture.write("app/one", "before");
    link(&fixture, "app/one", "app/two");
    link(&fixture, "app/one", "outside");
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || {
        fixture.write("app/two", "changed where it is");
        remove(&fixture, "app/one");
        fixture.write("app/one", "another inode");
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn a_name_elsewhere_that_was_made_since_is_not_written_through() {
    let fixture = Fixture::new();
    let file = fixture.write("app/file", "before");
    let before = fixture.read("app/file");
    let id = fixture.run(&fixture.declared("app/**"), || {
        fixture.write("app/file", "after");
    });
    fs::hard_link(&file, fixture.path("kept")).unwrap();
    fixture.undo_wholly(&id);
    assert_eq!((fixture.read("app/file"), fixture.read("kept")), (before, "after".to_owned()));
}

#[test]
fn holes_come_back_as_holes_and_data_as_data() {
    let sparse = |fixture: &Fixture| {
        for name in ["app/sparse", "app/linked"] {
            let file = fs::File::create(fixture.path(name)).unwrap();
            file.write_all_at(b"begin", 0).unwrap();
            file.write_all_at(&[7; 9000], 1 << 20).unwrap();
            file.set_len(3 << 20).unwrap();
        }
        link(fixture, "app/linked", "app/other");
        fs::File::create(fixture.path("app/nothing but a hole")).unwrap().set_len(1 << 16).unwrap();
    };
    comes_back(sparse, |fixture| {
        fs::remove_file(fixture.path("app/sparse")).unwrap();
        fs::remove_file(fixture.path("app/nothing but a hole")).unwrap();
        fs::write(fixture.path("app/linked"), vec![1; 2 << 20]).unwrap();
    });
    comes_back(sparse, |fixture| {
        let file = fs::File::options().write(true).open(fixture.path("app/linked")).unwrap();
        file.write_all_at(&[9; 100_000], 300_000).unwrap();
        file.set_len(5 << 20).unwrap();
    });
}

#[test]
fn a_file_of_more_than_four_gibibytes_comes_back() {
    let huge = |fixture: &Fixture| {
        let file = fs::File::create(fixture.path("app/huge")).unwrap();
        file.write_all_at(b"beyond", (1 << 32) + 4096).unwrap();
        file.set_len((1 << 32) + (1 << 20)).unwrap();
    };
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("app")).unwrap();
    huge(&fixture);
    let file = fixture.path("app/huge");
    let (length, blocks) = (file.metadata().unwrap().len(), file.metadata().unwrap().blocks());
    let id = fixture.run(&fixture.declared("app/**"), || fs::remove_file(&file).unwrap());
    fixture.undo_wholly(&id);
    let back = fs::File::open(&file).unwrap();
    let mut bytes = [0; 6];
    back.read_exact_at(&mut bytes, (1 << 32) + 4096).unwrap();
    assert_eq!(&bytes, b"beyond");
    assert_eq!(
        (back.metadata().unwrap().len(), back.metadata().unwrap().blocks()),
        (length, blocks)
    );
}

#[test]
fn immutable_files_and_directories_come_back_with_their_flags_for_root() {
    if !root_or_say_so("inode flags come back") {
        return;
    }
    let flagged = |fixture: &Fixture| {
        fixture.write("app/kept/file", "immutable");
        fixture.write("app/kept/log", "append");
        fixture.write("app/plain", "no dump");
        if set_flags(&fixture.path("app/plain"), NO_DUMP).is_err() {
            return;
        }
        set_flags(&fixture.path("app/kept/file"), IMMUTABLE).unwrap();
        set_flags(&fixture.path("app/kept/log"), APPEND_ONLY | NO_DUMP).unwrap();
        set_flags(&fixture.path("app/kept"), IMMUTABLE).unwrap();
    };
    let unlock = |fixture: &Fixture| {
        for name in ["app/kept", "app/kept/file", "app/kept/log"] {
            set_flags(&fixture.path(name), 0).unwrap();
        }
    };
    comes_back(flagged, unlock);
    comes_back(flagged, |fixture| {
        unlock(fixture);
        fs::remove_dir_all(fixture.path("app")).unwrap();
    });
    comes_back(flagged, |fixture| {
        unlock(fixture);
        fixture.write("app/kept/file", "changed");
        fixture.write("app/kept/new", "new");
        remove(fixture, "app/kept/log");
        flagged_again(fixture);
    });
    fn flagged_again(fixture: &Fixture) {
        set_flags(&fixture.path("app/kept/file"), IMMUTABLE).unwrap();
        set_flags(&fixture.path("app/kept/new"), IMMUTABLE).unwrap();
        set_flags(&fixture.path("app/kept"), IMMUTABLE).unwrap();
    }
    comes_back(three_names, |fixture| {
        remove(fixture, "app/a");
        set_flags(&fixture.path("app/b"), IMMUTABLE).unwrap();
    });
    let linked = |fixture: &Fixture| {
        three_names(fixture);
        set_flags(&fixture.path("app/b"), IMMUTABLE).unwrap();
        set_flags(&fixture.path("app/sub"), APPEND_ONLY).unwrap();
    };
    comes_back(linked, |fixture| {
        set_flags(&fixture.path("app/b"), 0).unwrap();
        set_flags(&fixture.path("app/sub"), 0).unwrap();
        remove(fixture, "app/sub/c");
        set_flags(&fixture.path("app/b"), IMMUTABLE).unwrap();
        set_flags(&fixture.path("app/sub"), APPEND_ONLY).unwrap();
    });
}

#[test]
fn what_is_made_again_does_not_keep_access_lists_that_it_inherits() {
    let list: &[u8] = &[
        2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 232, 3, 0, 0, 4, 0, 5, 0, 255, 255,
        255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255,
    ];
    comes_back(
        |fixture| {
            fixture.write("app/dir/file", "plain");
            fixture.write("app/dir/sub/file", "plain");
            let name = "system.posix_acl_default";
            setxattr(fixture.path("app"), name, list, XattrFlags::empty()).unwrap();
            setxattr(fixture.path("app/dir/sub"), name, list, XattrFlags::empty()).unwrap();
            fixture.write("app/dir/sub/inherits", "a list");
        },
        |fixture| fs::remove_dir_all(fixture.path("app/dir")).unwrap(),
    );
}

#[test]
fn a_log_that_a_daemon_has_open_stays_the_file_that_it_writes_to() {
    let fixture = Fixture::new();
    let path = fixture.write("app/log", "first line\n");
    let mut daemon = fs::File::options().append(true).open(&path).unwrap();
    let id = fixture.run(&fixture.declared("app/**"), || {
        fs::File::options().write(true).truncate(true).open(&path).unwrap();
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.read("app/log"), "first line\n");
    daemon.write_all(b"second line\n").unwrap();
    assert_eq!(fixture.read("app/log"), "first line\nsecond line\n");
    // Nobody has it open for writing any more: then the old file stays whole for who reads it.
    drop(daemon);
    let id = fixture.run(&fixture.declared("app/**"), || {
        fixture.write("app/log", "changed");
    });
    let inode = path.metadata().unwrap().ino();
    let _reader = fs::File::open(&path).unwrap();
    fixture.undo_wholly(&id);
    assert_ne!(path.metadata().unwrap().ino(), inode);
}

fn named(seen: &Seen) -> Vec<&std::path::Path> {
    seen.keys().map(std::path::PathBuf::as_path).collect()
}

#[test]
fn content_that_is_damaged_in_the_store_is_a_conflict_and_force_restores_the_rest() {
    let fixture = Fixture::new();
    fixture.write("app/dir/bad", "the content that will be damaged");
    fixture.write("app/dir/good", "the content that is sound");
    fixture.write("app/changed", "the content that will be damaged");
    let id = fixture.run(&fixture.declared("app/**"), || {
        fs::remove_dir_all(fixture.path("app/dir")).unwrap();
        fixture.write("app/changed", "after");
    });
    let seen = fixture.seen();
    fixture.damage_content(b"the content that will be damaged");
    match fixture.undo(&id, false) {
        Err(SnapshotError::Conflicts { conflicts, .. }) => {
            assert_eq!(conflicts.len(), 2, "{conflicts:?}");
            for conflict in conflicts {
                assert!(conflict.reason.starts_with("its content in the store is damaged: "));
            }
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fixture.seen(), seen, "nothing was touched");
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Complete);
    assert_eq!(fixture.store.list().unwrap().len(), 1);
    let undone = fixture.undo(&id, true).unwrap();
    assert_eq!(undone.not_restored.len(), 2, "{:?}", undone.not_restored);
    assert_eq!(fixture.read("app/dir/good"), "the content that is sound");
    assert_eq!(fixture.read("app/changed"), "after");
    assert!(!fixture.path("app/dir/bad").exists());
    assert!(named(&fixture.seen()).iter().all(|path| !path.to_string_lossy().contains(".hitl")));
}

#[test]
fn an_undo_of_some_paths_leaves_the_rest_to_be_undone_later() {
    let fixture = Fixture::new();
    for name in ["app/a/one", "app/a/two", "app/b/three"] {
        fixture.write(name, "before");
    }
    let before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || {
        fs::remove_dir_all(fixture.path("app/a")).unwrap();
        fixture.write("app/b/three", "after");
        fixture.write("app/b/new", "after");
    });
    let after = fixture.seen();
    let only = |name: &str| UndoOptions { force: false, only: vec![fixture.path(name)] };
    assert!(matches!(
        fixture.undo_with(&id, &only("app/c")),
        Err(SnapshotError::NotChanged { .. })
    ));
    let part = fixture.undo_with(&id, &only("app/a/one")).unwrap();
    assert_eq!(part.not_restored, Vec::<String>::new());
    assert_eq!(fixture.read("app/a/one"), "before");
    assert!(!fixture.path("app/a/two").exists());
    assert_eq!(fixture.read("app/b/three"), "after");
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Complete);
    // A part can be redone, and done again.
    fixture.undo_wholly(&part.run.id.parse().unwrap());
    assert_eq!(fixture.seen(), after);
    fixture.undo_with(&id, &only("app/a/one")).unwrap();
    fixture.undo_with(&id, &only("app/b")).unwrap();
    assert!(!fixture.path("app/b/new").exists());
    let rest = fixture.undo_wholly(&id);
    assert_eq!(fixture.seen(), before);
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Undone);
    fixture.undo_wholly(&rest.run.id.parse().unwrap());
    assert!(!fixture.path("app/a/two").exists());
    assert_eq!(fixture.read("app/a/one"), "before");
}

#[test]
fn what_cannot_be_made_ready_leaves_everything_as_it_was() {
    if !root_or_say_so("what cannot be made ready leaves everything as it was") {
        return;
    }
    let fixture = Fixture::new();
    fixture.write("app/dir/a/file", "before");
    fixture.write("app/file", "before");
    fixture.write("app/zz/file", "before");
    let mut before = fixture.seen();
    let id = fixture.run(&fixture.declared("app/**"), || {
        fs::remove_dir_all(fixture.path("app/dir")).unwrap();
        fixture.write("app/file", "after");
        fixture.write("app/zz/file", "after");
    });
    let plan = fixture.store.plan(&id, &UndoOptions::default()).unwrap();
    // What lies where the second file is to be made ready cannot be taken away.
    let name = crate::system::Digest::of(b"file").hex();
    let way = format!("app/zz/.hitl-undo-{}-{}/in the way", id.characters(), &name[..16]);
    let in_the_way = fixture.write(&way, "");
    set_flags(&in_the_way, IMMUTABLE).unwrap();
    let after = fixture.seen();
    let unprepared = fixture.undo_as(&plan, &UndoOptions::default());
    assert!(matches!(unprepared, Err(SnapshotError::Unprepared { .. })), "{unprepared:?}");
    assert_eq!(fixture.seen(), after, "nothing was touched, and nothing was left");
    assert_eq!(fixture.store.load(&id).unwrap().state, RunState::Complete);
    assert_eq!(fixture.store.list().unwrap().len(), 1);
    set_flags(&in_the_way, 0).unwrap();
    fs::remove_dir_all(in_the_way.parent().unwrap()).unwrap();
    fixture.undo_wholly(&id);
    let mut now = fixture.seen();
    let touched = [&mut now, &mut before].map(|seen| seen.remove(&fixture.path("app/zz")));
    assert!(touched.iter().all(Option::is_some), "its time is that of somebody else's change");
    assert_eq!(now, before);
}
