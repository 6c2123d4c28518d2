//! Undo is exact where there is much of something: names in a directory, directories in each other.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, mkdirat, openat};

use crate::disk::{FileSystem, privately};
use crate::stage::Stage;
use crate::world::can_have_a_world;

/// What is known of a node without its path.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    depth: usize,
    name: OsString,
    mode: u32,
    modified: (i64, u64),
    links: u64,
    content: Vec<u8>,
}

/// Everything below a directory, descriptor by descriptor: no path is too long for that.
fn known_below(directory: OwnedFd, depth: usize, known: &mut Vec<Known>) {
    let mut names: Vec<OsString> = Dir::read_from(&directory)
        .unwrap()
        .map(|entry| OsString::from_vec(entry.unwrap().file_name().to_bytes().to_vec()))
        .filter(|name| name != "." && name != "..")
        .collect();
    names.sort();
    for name in names {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&directory, &name, flags, Mode::empty()).unwrap();
        let found = fstat(&opened).unwrap();
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        let mut content = Vec::new();
        if !is_directory {
            fs::File::from(opened.try_clone().unwrap()).read_to_end(&mut content).unwrap();
        }
        known.push(Known {
            depth,
            name,
            mode: found.st_mode,
            modified: (found.st_mtime, found.st_mtime_nsec),
            links: found.st_nlink,
            content,
        });
        if is_directory {
            known_below(opened, depth + 1, known);
        }
    }
}

fn known(tree: &Path) -> Vec<Known> {
    let mut known = Vec::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    known_below(openat(CWD, tree, flags, Mode::empty()).unwrap(), 0, &mut known);
    known
}

/// The command removes all; the undo brings all back; the undo of that removes it again.
fn all_comes_back(stage: &Stage) {
    let tree = stage.tree();
    let before = known(&tree);
    let id = stage.run(&["rm -rf -- *"]).unwrap();
    assert_eq!(known(&tree), []);
    let undo = stage.undo("undo", &id).unwrap();
    // Not `assert_eq`: nobody reads a hundred thousand lines.
    let now = known(&tree);
    let different = now.iter().zip(&before).find(|(now, before)| now != before);
    assert!(now == before, "{} of {}, first {different:?}", now.len(), before.len());
    stage.undo("undo of the undo", &undo).unwrap();
    assert_eq!(known(&tree), []);
}

#[test]
fn a_chain_of_directories_beyond_the_longest_path_comes_back() {
    for file_system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        if !can_have_a_world("a chain of directories beyond the longest path") {
            return;
        }
        let stage = Stage::new(file_system);
        privately(|| {
            stage.set();
            stage.make(&[""; 0]);
            let name = "d".repeat(250);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let mut directory = openat(CWD, stage.tree(), flags, Mode::empty()).unwrap();
            // Almost three times PATH_MAX.
            for depth in 0..48 {
                mkdirat(&directory, &name, Mode::from_bits_truncate(0o700 | depth)).unwrap();
                let deeper = openat(&directory, &name, flags, Mode::empty()).unwrap();
                let create = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
                let mode = Mode::from_bits_truncate(0o600);
                let file = openat(deeper.as_fd(), "file", create, mode).unwrap();
                write!(fs::File::from(file), "at depth {depth}").unwrap();
                directory = deeper;
            }
            all_comes_back(&stage);
        });
    }
}

#[test]
fn a_hundred_thousand_files_in_one_directory_come_back() {
    if !can_have_a_world("a hundred thousand files in one directory") {
        return;
    }
    let stage = Stage::new(FileSystem::Ext4);
    privately(|| {
        stage.set();
        stage.make(&["mkdir many"]);
        let many = stage.tree().join("many");
        for number in 0..100_000 {
            let content = if number % 100 == 0 { number.to_string() } else { String::new() };
            fs::write(many.join(format!("file-{number}")), content).unwrap();
        }
        all_comes_back(&stage);
    });
}
