//! Undo is exact on every file system, as far as it records things at all.
//!
//! What a file system does not take, the lines that make the tree fail to set, and nobody sees: xfs
//! and btrfs have fewer flags than ext4, tmpfs has few of them. An overlay shows everything of its
//! upper layer.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::disk::{FILE_SYSTEMS, FileSystem, overlay, privately, succeeds, unmount};
use crate::stage::{Scenario, Stage};
use crate::witness::{Witness, data};
use crate::world::can_have_a_world;

/// Everything that a file system can hold.
const TREE: [&str; 32] = [
    "mkdir -p empty deep/er/still files",
    "printf 'line %s\\n' {1..500} > files/text",
    ": > files/nothing",
    "printf '%*s' 90000 padded > files/larger",
    "truncate -s 300000 files/hole",
    "printf start > files/holes; truncate -s 200000 files/holes; printf end >> files/holes",
    "dd if=/dev/zero of=files/zeros bs=4096 count=5 status=none",
    "printf shared > files/one; ln files/one files/two; ln files/one deep/er/three",
    "ln -s files/text link; ln -s nowhere dangling; ln -P dangling deep/dangling",
    "mkfifo -m 620 pipe; ln pipe deep/pipe; mknod device c 1 3; mknod block b 240 99",
    "printf new > $'files/new\\nline'; printf bytes > $'files/\\377\\376'; printf dash > ./-dash",
    "printf long > files/$(printf 'n%.0s' {1..255})",
    "chown 2001:3001 files/text; chown -h 2002:0 link; chown 4000000000:7 deep empty",
    "chmod 4755 files/text; chmod 2770 empty; chmod 1777 deep; chmod 000 files/larger",
    "setfacl -m u:2001:rw,g:3001:r files/holes",
    "setfacl -m u:2002:rwx deep/er; setfacl -d -m g:3001:r-x,o::- deep/er",
    "setcap cap_net_raw,cap_chown+ep files/one",
    "setfattr -n user.origin -v 0x00ff0a files/text",
    "setfattr -n user.large -v 0x$(printf '5a%.0s' {1..2000}) files/holes",
    "setfattr -n user.a -v '' deep; setfattr -n security.b -v b files/nothing",
    "setfattr -h -n trusted.c -v c link; setfattr -h -n trusted.d -v d pipe",
    "touch -h -d @-1000000000.000000001 files/text link",
    "touch -h -d @4000000000.999999999 dangling files/hole pipe device",
    "touch -h -d @1.5 files/one deep/er empty",
    "touch -d @0 deep .",
    "chattr +d files/holes",
    "chattr +A deep",
    "chattr +S files/two",
    "chattr +s files/zeros",
    "chattr +c files/text",
    "chattr +a files/larger",
    "chattr +i files/hole empty",
];

/// What is done to it: each thing in its own run.
const COMMANDS: [&[&str]; 4] = [
    &["chattr -R -i -a .", "rm -rf -- * ./-dash"],
    &[
        "sed -i s/line/row/ files/text; printf more >> files/larger; truncate -s 5 files/holes",
        "rm deep/er/three; ln files/text files/four; mv deep deeper; rm pipe; mkdir pipe",
        "ln -sfn files link; cp --remove-destination files/two files/one",
        "dd if=/dev/urandom of=files/zeros bs=4096 count=1 seek=9 conv=notrunc status=none",
        "mkdir -p new/tree; printf x > new/tree/x; truncate -s 90000 new/hole; mkfifo new/pipe",
    ],
    &[
        "chattr -R -i -a .; chown -hR 2004:2004 .; chmod -R u+rwx,go= .; setfacl -R -b .",
        "setfattr -x user.origin files/text; setfattr -n user.origin -v other files/nothing",
        "chattr -R -d -A -S -s -c .; chattr +d files; chattr +i files/text; chattr +a deep",
    ],
    &["find . -depth -exec touch -h -d @1234567890.123456789 '{}' +"],
];

fn exact_on(file_system: FileSystem) {
    if !can_have_a_world("undo is exact on every file system") {
        return;
    }
    let stage = Stage::new(file_system);
    privately(|| {
        stage.set();
        for command in COMMANDS {
            let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
            let scenario = Scenario { tree: lines(&TREE), command: lines(command) };
            let played = stage.plays(&scenario);
            assert_eq!(played, Ok(()), "{command:?} on {file_system:?}");
        }
    });
}

#[test]
fn undo_is_exact_on_ext4() {
    exact_on(FileSystem::Ext4);
}

#[test]
fn undo_is_exact_on_xfs() {
    exact_on(FileSystem::Xfs);
}

#[test]
fn undo_is_exact_on_btrfs() {
    exact_on(FileSystem::Btrfs);
}

#[test]
fn undo_is_exact_on_tmpfs() {
    exact_on(FileSystem::Tmpfs);
}

#[test]
fn undo_is_exact_on_an_overlay() {
    exact_on(FileSystem::Overlay);
}

#[test]
fn what_an_overlay_shows_of_its_lower_layer_comes_back() {
    if !can_have_a_world("undo is exact on an overlay with something below") {
        return;
    }
    let stage = Stage::new(FileSystem::Ext4);
    privately(|| {
        stage.set();
        // Of hard links an overlay breaks one off when it is changed, and still counts the others as
        // before: they are not what they were already before hitl comes to it.
        let single =
            |line: &&str| ["ln files", "ln -P", "ln pipe"].iter().all(|it| !line.contains(it));
        stage.make(&TREE.into_iter().filter(single).collect::<Vec<_>>());
        let (lower, upper) = (stage.world.outside("srv"), stage.world.outside("upper"));
        FileSystem::Ext4.mount(&stage.world.outside("scratch"), &upper);
        for command in COMMANDS {
            overlay(&lower, &upper, &lower);
            let played = stage.plays_on(command);
            assert_eq!(played, Ok(()), "{command:?}");
            unmount(&lower);
        }
    });
}

/// A size at which nobody would like to wait for a copy.
const LARGE: u64 = 64 << 20;

#[test]
fn a_large_file_is_neither_copied_for_the_snapshot_nor_for_the_undo_where_extents_can_be_shared() {
    for file_system in FILE_SYSTEMS.into_iter().filter(|known| known.shares_extents()) {
        if !can_have_a_world("a large file is not copied") {
            return;
        }
        let stage = Stage::new(file_system);
        privately(|| {
            stage.set();
            stage.make(&["head -c 67108864 /dev/urandom > large; sync large"]);
            let (large, before) = (stage.tree().join("large"), Witness::of(&stage.tree()));
            let used = room_taken(&large);
            let id = stage.run(&["rm large; printf small > large"]).unwrap();
            let taken = room_taken(&large).abs_diff(used);
            assert!(taken < LARGE / 4, "{file_system:?}: {taken} bytes for the snapshot");
            stage.undo("undo", &id).unwrap();
            Witness::of(&stage.tree()).is(&before, "after the undo");
            let taken = room_taken(&large).abs_diff(used);
            assert!(taken < LARGE / 4, "{file_system:?}: {taken} bytes for the undo");
            let extents = extents(&large);
            assert!(extents.contains("shared"), "{file_system:?}: {extents}");
        });
    }
}

#[test]
fn a_large_file_that_a_command_has_made_goes_again_and_comes_back_where_extents_can_be_shared() {
    for file_system in FILE_SYSTEMS.into_iter().filter(|known| known.shares_extents()) {
        if !can_have_a_world("a large file goes again") {
            return;
        }
        let stage = Stage::new(file_system);
        privately(|| {
            stage.set();
            stage.make(&["printf small > changed"]);
            let before = Witness::of(&stage.tree());
            let large = "head -c 3000000 /dev/urandom > made; cp made changed";
            let id = stage.run(&[large]).unwrap();
            let after = Witness::of(&stage.tree());
            let undo = stage.undo("undo", &id).unwrap();
            Witness::of(&stage.tree()).is(&before, "after the undo");
            stage.undo("undo of the undo", &undo).unwrap();
            Witness::of(&stage.tree()).is(&after, "after the undo of the undo");
        });
    }
}

/// The bytes that are in use where this file is, once all is written.
fn room_taken(file: &Path) -> u64 {
    succeeds("sync", &["-f"], &[file]);
    let found = rustix::fs::statvfs(file).unwrap();
    (found.f_blocks - found.f_bfree) * found.f_frsize
}

fn extents(file: &Path) -> String {
    let ran = std::process::Command::new("filefrag").arg("-v").arg(file).output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_file_of_more_than_four_gibibytes_comes_back_with_its_holes() {
    const SIZE: u64 = (4 << 30) + 12_345;
    for file_system in FILE_SYSTEMS {
        if !can_have_a_world("a file of more than four gibibytes") {
            return;
        }
        let stage = Stage::new(file_system);
        privately(|| {
            stage.set();
            let huge = stage.tree().join("huge");
            stage.make(&["truncate -s 4294979641 huge; printf 'at the end' | dd of=huge bs=1 seek=4294979631 conv=notrunc status=none; printf first | dd of=huge conv=notrunc status=none"]);
            let before = (fs::metadata(&huge).unwrap().mtime_nsec(), data(&huge));
            for command in ["rm huge", "truncate -s 10 huge", "printf x >> huge", ": > huge"] {
                let id = stage.run(&[command]).unwrap();
                assert_ne!(fs::metadata(&huge).map_or(0, |found| found.len()), SIZE);
                stage.undo("undo", &id).unwrap();
                let found = fs::metadata(&huge).unwrap();
                assert_eq!(found.len(), SIZE, "{command} on {file_system:?}");
                let now = (found.mtime_nsec(), data(&huge));
                assert_eq!(now, before, "{command} on {file_system:?}");
                let file = fs::File::open(&huge).unwrap();
                for (offset, expected) in [(0, "first"), (SIZE - 10, "at the end")] {
                    let mut found = vec![0; expected.len()];
                    file.read_exact_at(&mut found, offset).unwrap();
                    assert_eq!(found, expected.as_bytes(), "{command} on {file_system:?}");
                }
            }
        });
    }
}

#[test]
fn an_undo_on_a_file_system_that_became_read_only_says_so_loses_nothing_and_goes_on_later() {
    if !can_have_a_world("a file system that became read-only") {
        return;
    }
    let stage = Stage::new(FileSystem::Ext4);
    privately(|| {
        stage.set();
        stage.make(&TREE);
        let before = Witness::of(&stage.tree());
        let id = stage.run(COMMANDS[1]).unwrap();
        let after = Witness::of(&stage.tree());
        let remount = |how: &str| {
            let options = format!("remount,{how}");
            succeeds("mount", &["-o", &options], &[&stage.world.outside("srv")]);
        };
        remount("ro");
        let refused = stage.world.hitl("root", &["undo", &id]).run();
        assert!(!refused.status.success(), "{refused:?}");
        let refused = refused.says("Read-only file system").says("/srv/tree");
        let next = ["hitl undo", "run it again"];
        let says_it = next.iter().any(|next| refused.stderr.contains(next));
        assert!(says_it, "says what to do next: {refused:?}");
        Witness::of(&stage.tree()).is(&after, "after the undo that could not be");
        remount("rw");
        let again = stage.undo("undo, once it can be", &id);
        let again = again.or_else(|_| stage.hitl("root", &["undo", "--json", "--resume", &id]));
        again.unwrap();
        Witness::of(&stage.tree()).is(&before, "after the undo that could be");
    });
}

#[test]
fn what_only_became_a_hole_or_data_is_told_apart() {
    if !can_have_a_world("holes") {
        return;
    }
    let stage = Stage::new(FileSystem::Ext4);
    privately(|| {
        stage.set();
        stage.make(&["dd if=/dev/zero of=zeros bs=4096 count=8 status=none; touch -d @1 zeros"]);
        let zeros = stage.tree().join("zeros");
        assert_eq!(data(&zeros), [(0, 32768)]);
        // The same bytes, the same times.
        let id = stage.run(&["fallocate -d zeros; touch -d @1 zeros"]).unwrap();
        assert_eq!(data(&zeros), []);
        let undo = stage.undo("undo", &id).unwrap();
        assert_eq!(data(&zeros), [(0, 32768)]);
        stage.undo("undo of the undo", &undo).unwrap();
        assert_eq!(data(&zeros), []);
    });
}
