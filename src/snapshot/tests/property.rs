//! Whatever a command does to a small tree, undo brings all of it back.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::fixture::{Fixture, chmod};

/// Something that a command does to a path.
#[derive(Clone, Debug)]
enum Operation {
    Write(String, u8),
    MakeDirectory(String),
    Remove(String),
    Rename(String, String),
    Link(String, String),
    HardLink(String, String),
    Mode(String, u32),
    Time(String, u64),
}

/// Few names, so that operations meet.
fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4).prop_map(|names| names.join("/"))
}

fn operation() -> impl Strategy<Value = Operation> {
    let mode = prop_oneof![Just(0o600), Just(0o644), Just(0o755), Just(0o2750), Just(0o1777)];
    prop_oneof![
        3 => (path(), any::<u8>()).prop_map(|(path, content)| Operation::Write(path, content)),
        2 => path().prop_map(Operation::MakeDirectory),
        2 => path().prop_map(Operation::Remove),
        2 => (path(), path()).prop_map(|(from, to)| Operation::Rename(from, to)),
        1 => (path(), path()).prop_map(|(target, path)| Operation::Link(target, path)),
        1 => (path(), path()).prop_map(|(from, to)| Operation::HardLink(from, to)),
        1 => (path(), mode).prop_map(|(path, mode)| Operation::Mode(path, mode)),
        1 => (path(), 0_u64..2_000_000_000).prop_map(|(path, time)| Operation::Time(path, time)),
    ]
}

/// Does what can be done; a command's failures are its own business.
fn perform(root: &Path, operation: &Operation) {
    let _ = match operation {
        Operation::Write(path, content) => {
            fs::write(root.join(path), vec![*content; usize::from(*content)])
        }
        Operation::MakeDirectory(path) => fs::create_dir_all(root.join(path)),
        Operation::Remove(path) => {
            let path = root.join(path);
            fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path))
        }
        Operation::Rename(from, to) => fs::rename(root.join(from), root.join(to)),
        Operation::Link(target, path) => symlink(target, root.join(path)),
        Operation::HardLink(from, to) => fs::hard_link(root.join(from), root.join(to)),
        Operation::Mode(path, mode) => {
            let path = root.join(path);
            match path.symlink_metadata() {
                // Without root, the test itself must be able to look into it afterwards.
                Ok(found) if found.is_dir() => chmod(&path, *mode | 0o700),
                Ok(found) if found.is_file() => chmod(&path, *mode),
                _ => {}
            }
            Ok(())
        }
        Operation::Time(path, seconds) => {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(*seconds);
            fs::File::open(root.join(path)).and_then(|file| file.set_modified(time))
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undo_brings_back_everything_and_redo_too(
        prepared in proptest::collection::vec(operation(), 0..12),
        command in proptest::collection::vec(operation(), 1..12),
    ) {
        let fixture = Fixture::new();
        let root = fixture.path("tree");
        fs::create_dir(&root).unwrap();
        prepared.iter().for_each(|operation| perform(&root, operation));
        let before = fixture.seen();
        let id = fixture.run(&fixture.declared("tree/**"), || {
            command.iter().for_each(|operation| perform(&root, operation));
        });
        let after = fixture.seen();
        let undone = fixture.undo(&id, false).unwrap();
        prop_assert_eq!(&undone.not_restored, &Vec::<String>::new());
        prop_assert_eq!(fixture.seen(), before);
        fixture.undo(&undone.run.id.parse().unwrap(), false).unwrap();
        prop_assert_eq!(fixture.seen(), after);
    }
}
