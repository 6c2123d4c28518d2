//! The power goes in the middle of a run, and of an undo: what the file system had handed to its disk
//! by then is all that is left. What hitl had acknowledged is there and whole, what it had not is there
//! whole or not at all, and the files go back to what they were.
//!
//! State and files lie on one file system on a file. At each moment that matters that file is copied,
//! which is what a power cut leaves, and the copy is mounted like a disk after the next start.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount, umount2};

use crate::deadly::watched;
use crate::disks::{Disk, run, with_own_mounts};
use crate::ordeal::{Ordeal, undone_by};
use crate::tree::Tree;
use crate::undoing::id_of;
use crate::world::World;

/// The places of a world that are on the disk.
const PLACES: [&str; 2] = ["var-lib/hitl", "srv"];

/// A world whose state and files are on one disk.
struct Powered {
    ordeal: Ordeal,
    disk: Option<Disk>,
    kind: &'static str,
    images: PathBuf,
    rebooted: bool,
}

impl Powered {
    fn new(kind: &'static str, megabytes: u64, world: World) -> Self {
        let images = world.outside("images");
        for directory in [&images, &world.outside("disk")] {
            fs::create_dir(directory).unwrap();
        }
        let image = images.join("now");
        let disk = Disk::of_kind(kind, megabytes, &image, &world.outside("disk"));
        for place in PLACES {
            let on_disk = world.outside("disk").join(place);
            fs::create_dir_all(&on_disk).unwrap();
            run(std::process::Command::new("chmod")
                .arg(format!("--reference={}", world.outside(place).display()))
                .arg(&on_disk));
        }
        bind(&world);
        Self { ordeal: Ordeal::new(world), disk: Some(disk), kind, images, rebooted: false }
    }

    /// What a power cut would leave now.
    fn cut(&self, name: &str) -> PathBuf {
        let copy = self.images.join(name);
        run(std::process::Command::new("cp")
            .arg("--sparse=always")
            .arg(self.images.join("now"))
            .arg(&copy));
        copy
    }

    /// Another boot of the machine, with this disk.
    fn starts_again_with(&mut self, image: &Path) {
        if !self.rebooted {
            let boot = "5c3a9f3e-0d0c-4f6c-9d3a-0a8f3d0e2b11\n";
            self.ordeal.world.stands_for(Path::new("/proc/sys/kernel/random/boot_id"), boot);
            self.rebooted = true;
        }
        for place in PLACES {
            umount2(&self.ordeal.world.outside(place), nix::mount::MntFlags::MNT_DETACH).unwrap();
        }
        self.disk = None;
        let at = self.ordeal.world.outside("disk");
        self.disk = Some(Disk::on_image(self.kind, image, &at));
        bind(&self.ordeal.world);
    }

    /// Everything that was done so far is on the disk, as half a minute later it would be.
    fn settle(&self) {
        run(std::process::Command::new("sync").arg("-f").arg(self.ordeal.world.outside("disk")));
    }
}

impl Drop for Powered {
    fn drop(&mut self) {
        for place in PLACES {
            let _ = umount2(&self.ordeal.world.outside(place), nix::mount::MntFlags::MNT_DETACH);
        }
    }
}

fn bind(world: &World) {
    for place in PLACES {
        let (from, to) = (world.outside("disk").join(place), world.outside(place));
        mount(Some(&from), &to, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    }
}

fn a_power_cut_in_a_run_leaves_all_or_nothing_of_its_snapshot(kind: &'static str, megabytes: u64) {
    with_own_mounts(|| {
        let mut powered = Powered::new(kind, megabytes, World::new());
        // A run before it: what was acknowledged once stays.
        let (first, _) = powered.ordeal.run();
        powered.ordeal.undo(&first, "the first undo");
        powered.settle();
        let mut cuts = Vec::new();
        let mut began = false;
        let ran = watched(powered.ordeal.command(), &mut |about| {
            if about.settles() {
                let name = about.lasting().unwrap();
                cuts.push((powered.cut(&format!("cut-{}", cuts.len())), began, name));
            }
            began |= about.lasting() == Some("execve");
        });
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(began, "the command was seen to begin");
        // What was acknowledged is there; what the command itself has written may not be, and to say
        // that it changed since is honest.
        cuts.push((powered.cut("acknowledged"), true, "the end"));
        powered.settle();
        cuts.push((powered.cut("settled"), true, "anything else"));
        eprintln!("{} cuts", cuts.len());
        assert!(cuts.len() > 6, "{cuts:?}");
        for (image, began, before) in cuts {
            let what = format!("cut before {before}, {image:?}, the command had begun: {began}");
            powered.starts_again_with(&image);
            let ordeal = &powered.ordeal;
            let runs = ordeal.runs();
            let new = runs.iter().find(|run| run["undo_of"].is_null() && run["id"] != *first);
            assert!(runs.iter().any(|run| run["id"] == *first), "the first run is lost: {what}");
            assert!(!began || new.is_some(), "it began and has no snapshot: {what}");
            if let Some(run) = new {
                let id = run["id"].as_str().unwrap();
                // Where nobody saw the end, it is not known whose the changes are.
                let forced = if before == "anything else" { "--json" } else { "--force" };
                let undone = ordeal.hitl(&["undo", forced, id]).run();
                assert_eq!(undone.code(), 0, "{what}: {undone:?}");
            }
            Tree::of(&ordeal.root).is(&ordeal.before, &what);
            // And it goes on.
            let (id, _) = ordeal.run();
            ordeal.undo(&id, &what);
            Tree::of(&ordeal.root).is(&ordeal.before, &what);
            ordeal.world.hitl("root", &["audit", "verify"]).run().exits(0);
        }
    });
}

#[test]
fn a_power_cut_in_a_run_leaves_all_or_nothing_of_its_snapshot_on_ext4() {
    a_power_cut_in_a_run_leaves_all_or_nothing_of_its_snapshot("ext4", 24);
}

#[test]
fn a_power_cut_in_a_run_leaves_all_or_nothing_of_its_snapshot_on_btrfs() {
    a_power_cut_in_a_run_leaves_all_or_nothing_of_its_snapshot("btrfs", 120);
}

#[test]
fn a_power_cut_in_an_undo_is_nowhere_between_and_the_undo_is_finished_after_it() {
    with_own_mounts(|| {
        let mut powered = Powered::new("ext4", 24, World::new());
        let (id, after) = powered.ordeal.run();
        powered.settle();
        let mut cuts = Vec::new();
        let ran = watched(powered.ordeal.hitl(&["undo", "--json", &id]), &mut |about| {
            if about.settles() {
                let name = about.lasting().unwrap();
                cuts.push((powered.cut(&format!("cut-{}", cuts.len())), name));
            }
        });
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let acknowledged = powered.cut("acknowledged");
        cuts.push((acknowledged.clone(), "the end"));
        eprintln!("{} cuts", cuts.len());
        assert!(cuts.len() > 10, "{cuts:?}");
        for (image, before) in cuts {
            let what = format!("cut before {before}, {image:?}");
            powered.starts_again_with(&image);
            let ordeal = &powered.ordeal;
            ordeal.is_nowhere_between(&ordeal.before, &after, &what);
            if image == acknowledged {
                Tree::of(&ordeal.root).is(&ordeal.before, "what was said to be done is done");
                let again = ordeal.hitl(&["undo", "--json", &id]).run().exits(1);
                assert!(undone_by(&again).is_some(), "{again:?}");
                continue;
            }
            let ran = ordeal.hitl(&["undo", "--json", &id]).run();
            let undo = if ran.code() == 0 { Some(id_of(&ran)) } else { undone_by(&ran) };
            let undo = undo.unwrap_or_else(|| panic!("{what}: {ran:?}"));
            Tree::of(&ordeal.root).is(&ordeal.before, &what);
            // What it took away is kept as well.
            ordeal.undo(&undo, &what);
            Tree::of(&ordeal.root).is(&after, &what);
            ordeal.world.hitl("root", &["audit", "verify"]).run().exits(0);
        }
    });
}

/// Takes the beginning of a file away from a disk that is not mounted, and leaves its size and all of
/// its times: what ext4 does to the last writes before a power cut.
fn loses_the_beginning(image: &Path, path: &str) {
    let tool = |request: &str| {
        let mut command = std::process::Command::new("debugfs");
        let output = command.args(["-R", request]).arg(image).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = tool("stats -h");
    let size = text.lines().find_map(|line| line.strip_prefix("Block size:")).unwrap();
    let size: u64 = size.trim().parse().unwrap();
    let block: u64 = tool(&format!("bmap {path} 0")).trim().parse().unwrap();
    let disk = fs::OpenOptions::new().write(true).open(image).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&disk, &[0; 4], block * size).unwrap();
}

#[test]
fn content_that_a_power_cut_took_is_missed_although_size_and_times_are_as_they_were() {
    with_own_mounts(|| {
        let mut powered = Powered::new("ext4", 24, World::new());
        // So much that the next snapshot of it would rather not read all of it again.
        for number in 0..100 {
            let file = powered.ordeal.root.join(format!("data/small-{number}"));
            fs::write(file, format!("small {number}")).unwrap();
        }
        powered.ordeal.before = Tree::of(&powered.ordeal.root);
        // What was written within the clock's granularity of a snapshot is never taken for untouched.
        std::thread::sleep(std::time::Duration::from_millis(30));
        let (id, after) = powered.ordeal.run();
        powered.settle();
        let image = powered.cut("cut");
        loses_the_beginning(&image, "/srv/site/data/log");
        loses_the_beginning(&image, "/srv/site/data/small-7");
        powered.starts_again_with(&image);
        let ordeal = &powered.ordeal;
        let found = Tree::of(&ordeal.root);
        assert_ne!(found, after, "the disk has lost something");

        // A later snapshot holds what is there.
        let ran =
            ordeal.hitl(&["run", "--json", "--", "rm", "/srv/site/data/small-7"]).run().exits(0);
        ordeal.undo(&id_of(&ran), "what the disk lost");
        Tree::of(&ordeal.root).is(&found, "after the undo of a later run");

        // An undo sees that the command did not leave it like this, and goes back all the same.
        let refused = ordeal.hitl(&["undo", &id]).run().exits(1);
        refused.says("data/log");
        ordeal.hitl(&["undo", "--force", &id]).run().exits(0);
        Tree::of(&ordeal.root).has_the_same("data/log", &ordeal.before);
    });
}
