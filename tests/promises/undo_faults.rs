//! An undo in a world that has moved on: files that somebody changed since, that may not be written,
//! that a program has open, on disks that are read-only, full or over their quota. Nothing is lost,
//! it is said what is in the way, and once that is gone the undo is done.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::disks::{Disk, run, with_own_mounts};
use crate::ordeal::Ordeal;
use crate::tree::Tree;
use crate::undoing::{ALLOW_ALL, Place, id_of, site};
use crate::world::{Ran, World};
use crate::world_or_skip;

#[test]
fn whatever_somebody_did_to_a_file_since_it_is_a_conflict_and_force_brings_both_back_in_turn() {
    type Act<'a> = &'a dyn Fn(&Path);
    let acts: [(&str, Act<'_>); 8] = [
        ("written anew", &|file| fs::write(file, "somebody's work").unwrap()),
        ("appended to", &|file| {
            let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
            file.write_all(b"a line").unwrap();
        }),
        ("overwritten with as many bytes", &|file| {
            let text = fs::read(file).unwrap();
            fs::write(file, vec![b'x'; text.len()]).unwrap();
        }),
        ("deleted", &|file| fs::remove_file(file).unwrap()),
        ("a directory now", &|file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("a link now", &|file| {
            fs::remove_file(file).unwrap();
            symlink("/etc/passwd", file).unwrap();
        }),
        ("open to nobody", &|file| {
            run(Command::new("chmod").arg("0").arg(file));
        }),
        ("somebody else's", &|file| {
            run(Command::new("chown").arg("2004:2004").arg(file));
        }),
    ];
    for (what, act) in acts {
        let world = world_or_skip!();
        let root = site(&world, Place::System, ALLOW_ALL);
        let before = Tree::of(&root);
        let id = Place::System.run_command(&world, &["tee", "conf/app.conf", "conf/other.conf"]);
        act(&root.join("conf/app.conf"));
        let changed = Tree::of(&root);
        let passwd = world.read("etc/passwd");
        let refused = Place::System.hitl(&world, &["undo", &id]).run();
        assert_eq!(refused.code(), 1, "{what}: {refused:?}");
        let refused = refused.says("conf/app.conf").says("--force");
        assert!(!refused.stderr.contains("conf/other.conf ("), "{what}: {refused:?}");
        Tree::of(&root).is(&changed, what);
        let forced = Place::System.hitl(&world, &["undo", "--force", "--json", &id]).run();
        assert_eq!(forced.code(), 0, "{what}: {forced:?}");
        Tree::of(&root).has_the_same("conf/app.conf", &before);
        Tree::of(&root).has_the_same("conf/other.conf", &before);
        Place::System.undo(&world, &id_of(&forced));
        Tree::of(&root).has_the_same("conf/app.conf", &changed);
        assert_eq!(world.read("etc/passwd"), passwd, "{what}: a link was followed");
    }
}

/// Takes the flags of chattr(1) away when the test is over, or the world could not be.
struct Flagged<'a>(&'a Path);

impl Drop for Flagged<'_> {
    fn drop(&mut self) {
        let _ = Command::new("chattr").args(["-R", "-f", "-i", "-a"]).arg(self.0).status();
    }
}

fn chattr(flags: &str, path: &Path) {
    run(Command::new("chattr").arg(flags).arg(path));
}

#[test]
fn what_the_command_made_immutable_or_append_only_goes_back_and_so_does_what_was_so_before() {
    let world = world_or_skip!();
    let ordeal = Ordeal::new(world);
    let root = &ordeal.root;
    let flagged = Flagged(root);
    chattr("+i", &root.join("conf/other.conf"));
    let flags = || {
        let listed = Command::new("lsattr").args(["-R", "-a"]).arg(root).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut lines: Vec<String> = listed
            .lines()
            .filter(|line| line.contains(" /") && !line.ends_with("/.") && !line.ends_with("/.."))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let (before, flags_before) = (Tree::of(root), flags());
    let line = "cd /srv/site; chattr -i conf/other.conf; rm conf/other.conf; echo x >>conf/app.conf; \
                chattr +i conf/app.conf; echo y >>data/log; chattr +a data/log; echo z >data/new; \
                chattr +i data/new data/deep data";
    ordeal.world.install("flags", &format!("#!/bin/sh\n{line}\n"));
    let ran = ordeal.hitl(&["run", "--json", "--", "flags"]).run().exits(0);
    let (after, flags_after) = (Tree::of(root), flags());
    assert_ne!(flags_before, flags_after);
    let undo = ordeal.undo(&id_of(&ran), "of flags");
    Tree::of(root).is(&before, "after the undo");
    assert_eq!(flags(), flags_before);
    let redo = ordeal.undo(&undo, "of the undo");
    Tree::of(root).is(&after, "after the undo of the undo");
    assert_eq!(flags(), flags_after);
    ordeal.undo(&redo, "again");
    Tree::of(root).is(&before, "after all");
    assert_eq!(flags(), flags_before);
    drop(flagged);
}

#[test]
fn a_directory_that_somebody_made_immutable_since_is_in_the_way_and_loses_nothing() {
    let ordeal = Ordeal::new(world_or_skip!());
    let (id, after) = ordeal.run();
    let flagged = Flagged(&ordeal.root);
    chattr("+i", &ordeal.root.join("conf"));
    let ran = ordeal.hitl(&["undo", "--json", &id]).run();
    if ran.code() == 0 {
        // It may take the flag away and put it back, but then all has to be there.
        Tree::of(&ordeal.root).is(&ordeal.before, "after an undo that said that all went well");
        return;
    }
    assert!(ran.stderr.contains("conf"), "{ran:?}");
    ordeal.is_nowhere_between(&ordeal.before, &after, "with an immutable directory");
    drop(flagged);
    ordeal.undo(&id, "once the flag was gone");
    Tree::of(&ordeal.root).is(&ordeal.before, "once the flag was gone");
}

/// A daemon that holds a file open and appends each line that it is told.
struct Daemon(Child);

impl Daemon {
    fn start(log: &Path) -> Self {
        let script = "exec >>\"$1\"; while read -r line; do echo \"$line\"; echo done >&2; done";
        let mut daemon = Self(
            Command::new("bash")
                .args(["-c", script, "daemon"])
                .arg(log)
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        daemon.writes("started");
        daemon
    }

    fn writes(&mut self, line: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut done = [0; 5];
        self.0.stderr.as_mut().unwrap().read_exact(&mut done).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_daemon_that_has_a_file_open_writes_into_the_file_that_everybody_sees_after_an_undo() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let log = root.join("data/daemon.log");
    let mut daemon = Daemon::start(&log);
    // Not a word more while the command and the undo are at work.
    let before = Tree::of(&root);
    let inode = log.metadata().unwrap().ino();
    let id = Place::System.run_command(&world, &["truncate", "-s", "3", "data/daemon.log"]);
    Place::System.undo(&world, &id);
    Tree::of(&root).is(&before, "after the undo");
    assert_eq!(log.metadata().unwrap().ino(), inode, "the file that the daemon has open");
    daemon.writes("and on it goes");
    assert_eq!(fs::read_to_string(&log).unwrap(), "started\nand on it goes\n");
}

/// A tree on a small disk of its own, from which a command removes most.
struct OnDisk {
    world: World,
    root: PathBuf,
    disk: Disk,
    before: Tree,
    id: String,
    after: Tree,
}

impl OnDisk {
    fn new(kind: &str, user: Place) -> Self {
        let world = World::new();
        let at = match user {
            Place::System => world.outside("srv"),
            Place::User => world.outside("home/alice"),
        };
        let disk = match kind {
            "tmpfs" => Disk::in_memory("16m", &at),
            "btrfs" => Disk::of_kind("btrfs", 120, &world.outside("image"), &at),
            _ => Disk::of_kind(kind, 24, &world.outside("image"), &at),
        };
        if matches!(user, Place::User) {
            world.own("home/alice", "alice");
        }
        let root = site(&world, user, ALLOW_ALL);
        for number in 0..4 {
            let text = vec![b'a' + number; 1 << 20];
            fs::write(root.join(format!("data/large-{number}")), text).unwrap();
        }
        run(Command::new("chown")
            .args(["-R", "2001:2001"])
            .arg(root.join("data"))
            .arg(root.join("conf")));
        let before = Tree::of(&root);
        let id = user.run_command(&world, &["rm", "-r", "conf", "data"]);
        run(Command::new("sync").arg("-f").arg(&root));
        let after = Tree::of(&root);
        Self { world, root, disk, before, id, after }
    }

    /// The undo is refused or stops, and says why; nothing is lost and nothing is half there.
    #[track_caller]
    fn is_hindered(&self, place: Place, says: &str) -> Ran {
        let ran = place.hitl(&self.world, &["undo", &self.id]).run();
        assert_ne!(ran.code(), 0, "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
        assert!(ran.stderr.lines().all(|line| line.len() < 600), "{ran:?}");
        Tree::of(&self.root).is_nowhere_between(&self.before, &self.after, &[], says);
        ran
    }

    #[track_caller]
    fn is_done(&self, place: Place, what: &str) {
        place.undo(&self.world, &self.id);
        Tree::of(&self.root).is(&self.before, what);
    }
}

#[test]
fn an_undo_for_which_there_is_no_room_says_so_and_is_done_once_there_is() {
    with_own_mounts(|| {
        for kind in ["tmpfs", "ext4"] {
            let tree = OnDisk::new(kind, Place::System);
            // Some of it fits, but not all.
            let filler = tree.disk.fill_but(5 << 19);
            let hindered = tree.is_hindered(Place::System, "No space left");
            assert!(hindered.stderr.contains("undo"), "what to do next: {hindered:?}");
            fs::remove_file(filler).unwrap();
            tree.is_done(Place::System, "once there was room");
        }
    });
}

#[test]
fn an_undo_over_the_quota_says_so_and_is_done_once_there_is_some() {
    with_own_mounts(|| {
        let tree = OnDisk::new("btrfs", Place::System);
        let at = tree.world.outside("srv");
        let btrfs = |words: &[&str]| run(Command::new("btrfs").args(words).arg(&at));
        btrfs(&["quota", "enable"]);
        btrfs(&["quota", "rescan", "-w"]);
        btrfs(&["qgroup", "limit", "2M"]);
        tree.is_hindered(Place::System, "quota");
        btrfs(&["qgroup", "limit", "none"]);
        tree.is_done(Place::System, "with a larger quota");
    });
}

#[test]
fn an_undo_on_a_disk_that_became_read_only_says_so_and_is_done_once_it_is_writable() {
    with_own_mounts(|| {
        let tree = OnDisk::new("ext4", Place::System);
        tree.disk.set_writable(false);
        tree.is_hindered(Place::System, "Read-only file system");
        Tree::of(&tree.root).is(&tree.after, "on a read-only disk");
        tree.disk.set_writable(true);
        tree.is_done(Place::System, "once it was writable");
    });
}

#[test]
fn a_user_whose_own_disk_is_full_loses_nothing_either() {
    with_own_mounts(|| {
        let tree = OnDisk::new("tmpfs", Place::User);
        // Their state is on it as well.
        let filler = tree.disk.fill_but(1 << 20);
        tree.is_hindered(Place::User, "No space left");
        fs::remove_file(filler).unwrap();
        tree.is_done(Place::User, "once there was room");
    });
}
