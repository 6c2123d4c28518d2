//! Whatever a command does to a small tree, undo brings all of it back.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;

use rustix::fs::{CWD, FileType, XattrFlags, lremovexattr, mknodat, setxattr};

use super::fixture::{Fixture, set_flags};

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
    Data(String, u8, u8),
    Length(String, u32),
    Flags(String, u32),
    AccessList(String, bool),
    NoAccessList(String),
    Owner(String, u32),
    Attribute(String, u8),
    Pipe(String),
}

/// `u::rw-, u:1000:r--, g::r--, m::r--, o::---` as it is stored (acl(5), linux/posix_acl_xattr.h).
const ACCESS_LIST: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255,
    255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
];

/// Few names, so that operations meet.
fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4).prop_map(|names| names.join("/"))
}

fn operation() -> impl Strategy<Value = Operation> {
    let mode = prop_oneof![Just(0o600), Just(0o644), Just(0o755), Just(0o2750), Just(0o1777)];
    // Immutable, append-only, no dump, no access times.
    let flags = prop_oneof![Just(0), Just(0x10), Just(0x20), Just(0x40), Just(0x80), Just(0x50)];
    prop_oneof![
        3 => (path(), any::<u8>()).prop_map(|(path, content)| Operation::Write(path, content)),
        2 => path().prop_map(Operation::MakeDirectory),
        2 => path().prop_map(Operation::Remove),
        2 => (path(), path()).prop_map(|(from, to)| Operation::Rename(from, to)),
        1 => (path(), path()).prop_map(|(target, path)| Operation::Link(target, path)),
        1 => (path(), path()).prop_map(|(from, to)| Operation::HardLink(from, to)),
        1 => (path(), mode).prop_map(|(path, mode)| Operation::Mode(path, mode)),
        1 => (path(), 0_u64..2_000_000_000).prop_map(|(path, time)| Operation::Time(path, time)),
        1 => (path(), any::<u8>(), 0_u8..16)
            .prop_map(|(path, content, block)| Operation::Data(path, content, block)),
        1 => (path(), 0_u32..100_000).prop_map(|(path, length)| Operation::Length(path, length)),
        1 => (path(), flags).prop_map(|(path, flags)| Operation::Flags(path, flags)),
        1 => (path(), any::<bool>()).prop_map(|(path, own)| Operation::AccessList(path, own)),
        1 => path().prop_map(Operation::NoAccessList),
        1 => (path(), 0_u32..3).prop_map(|(path, owner)| Operation::Owner(path, owner)),
        1 => (path(), any::<u8>()).prop_map(|(path, value)| Operation::Attribute(path, value)),
        1 => path().prop_map(Operation::Pipe),
    ]
}

/// Does what can be done; a command's failures are its own business.
fn perform(root: &Path, operation: &Operation) {
    // Nobody is at the other end of a pipe.
    let waits = |path: &Path| {
        use std::os::unix::fs::FileTypeExt;
        root.join(path).metadata().is_ok_and(|found| found.file_type().is_fifo())
    };
    let _ = match operation {
        Operation::Write(path, _)
        | Operation::Data(path, ..)
        | Operation::Length(path, _)
        | Operation::Time(path, _)
            if waits(path.as_ref()) =>
        {
            Ok(())
        }
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
            // Without root, the test itself must be able to look into it afterwards.
            let mode = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => *mode | 0o700,
                Ok(found) if found.is_file() => *mode,
                _ => return,
            };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        }
        Operation::Data(path, content, block) => fs::File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(root.join(path))
            .and_then(|file| file.write_all_at(&[*content; 100], u64::from(*block) * 8192)),
        Operation::Length(path, length) => fs::File::options()
            .write(true)
            .open(root.join(path))
            .and_then(|file| file.set_len(u64::from(*length))),
        Operation::Flags(path, flags) => set_flags(&root.join(path), *flags),
        Operation::AccessList(path, own) => {
            let name = if *own { "system.posix_acl_access" } else { "system.posix_acl_default" };
            let path = root.join(path);
            // A link's own list cannot be set, and what it leads to may lie outside.
            if !path.is_symlink() {
                let _ = setxattr(path, name, &ACCESS_LIST, XattrFlags::empty());
            }
            Ok(())
        }
        Operation::NoAccessList(path) => {
            for name in ["system.posix_acl_access", "system.posix_acl_default", "user.value"] {
                let _ = lremovexattr(root.join(path), name);
            }
            Ok(())
        }
        Operation::Owner(path, owner) => {
            std::os::unix::fs::lchown(root.join(path), Some(*owner), Some(*owner))
        }
        Operation::Attribute(path, value) => {
            let path = root.join(path);
            if !path.is_symlink() {
                let _ = setxattr(path, "user.value", &[*value], XattrFlags::empty());
            }
            Ok(())
        }
        Operation::Pipe(path) => {
            let mode = rustix::fs::Mode::RUSR;
            mknodat(CWD, root.join(path), FileType::Fifo, mode, 0).unwrap_or(());
            Ok(())
        }
        Operation::Time(path, seconds) => {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(*seconds);
            fs::File::open(root.join(path)).and_then(|file| file.set_modified(time))
        }
    };
}

/// How many trees: as many as `PROPTEST_CASES` says, where it says so.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

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
        if rustix::process::geteuid().is_root() {
            prop_assert_eq!(&undone.not_restored, &Vec::<String>::new());
        }
        prop_assert_eq!(fixture.seen(), before);
        fixture.undo(&undone.run.id.parse().unwrap(), false).unwrap();
        prop_assert_eq!(fixture.seen(), after);
    }
}
