//! Somebody exchanges a directory while an undo is at work in it. Not now and then and by chance: before
//! every single system call of the undo that does something or walks there, which is the worst that a
//! racing process can do, and back after it. Nothing is written outside of the tree.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::deadly::{AboutTo, Died, watched};
use crate::ordeal::POLICY;
use crate::undoing::id_of;
use crate::world::World;
use crate::world_or_skip;

/// What the command does to the directory that is exchanged.
const COMMAND: &str = "#!/bin/sh
set -e
cd /srv/site/conf
sed -i s/before/after/ changed
echo after >>linked
rm removed
echo after >made
chmod 600 mode
";

/// Names that are in the tree and outside of it.
const NAMES: [&str; 4] = ["changed", "removed", "linked", "mode"];

/// What lies somewhere, with times that nobody can set back: whatever is written there shows.
type Fingerprint = BTreeMap<PathBuf, (u64, u32, (i64, i64), (i64, i64), Vec<u8>)>;

fn fingerprint(directory: &Path) -> Fingerprint {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths
        .chain([directory.to_owned()])
        .map(|path| {
            let found = path.symlink_metadata().unwrap();
            let content = if found.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let modified = (found.mtime(), found.mtime_nsec());
            let changed = (found.ctime(), found.ctime_nsec());
            (path, (found.ino(), found.mode(), modified, changed, content))
        })
        .collect()
}

struct Swapped {
    world: World,
    /// The directory that is exchanged, and what it is exchanged with.
    ours: PathBuf,
    other: PathBuf,
    /// What must not be written to.
    outside: PathBuf,
    swaps: usize,
}

impl Swapped {
    fn new(world: World, link: bool) -> Self {
        world.policy(POLICY);
        world.install("changes", COMMAND);
        let ours = world.outside("srv/site/conf");
        let outside = world.outside("srv/outside");
        for (directory, content) in [(&ours, "before\n"), (&outside, "precious\n")] {
            fs::create_dir_all(directory).unwrap();
            for name in NAMES {
                fs::write(directory.join(name), content).unwrap();
            }
            fs::hard_link(directory.join("linked"), directory.join("again")).unwrap();
        }
        let other = if link {
            let link = world.outside("srv/site/link");
            symlink("/srv/outside", &link).unwrap();
            link
        } else {
            outside.clone()
        };
        Self { world, ours, other, outside, swaps: 0 }
    }

    /// Undoes a run. The directories are exchanged for each of its system calls that acts, and for the
    /// `nth` that walks to the directory, then for so many more: whether there was such a walk.
    fn undo(&mut self, id: &str, nth: usize, stays: usize) -> (Died, bool) {
        let (mut walks, mut swaps, mut stay, mut hit) = (0, 0, 0, false);
        let swap = || {
            renameat_with(CWD, &self.ours, CWD, &self.other, RenameFlags::EXCHANGE).unwrap();
        };
        let call = self.world.hitl("root", &["undo", "--json", id]);
        let died = watched(call, &mut |about: &AboutTo| {
            if swaps % 2 == 1 {
                if stay > 0 {
                    stay -= 1;
                    return;
                }
                swap();
                swaps += 1;
            }
            let walk = about.opens().is_some_and(|path| path.ends_with("site/conf"));
            walks += usize::from(walk);
            // (A directory that is exchanged between two looks at the one above it only seems to be busy.)
            if about.acts() || (walk && walks == nth) {
                swap();
                swaps += 1;
                if walk {
                    (hit, stay) = (true, stays);
                }
            }
        });
        if swaps % 2 == 1 {
            swap();
        }
        self.swaps += swaps;
        (died, hit)
    }

    #[track_caller]
    fn is_as(&self, text: &str, what: &str) {
        for (name, content) in [
            ("changed", format!("{text}\n")),
            (
                "again",
                if text == "after" { "before\nafter\n".into() } else { "before\n".to_owned() },
            ),
        ] {
            assert_eq!(
                fs::read_to_string(self.ours.join(name)).unwrap(),
                content,
                "{name}: {what}"
            );
        }
        assert_eq!(self.ours.join("removed").exists(), text == "before", "{what}");
        assert_eq!(self.ours.join("made").exists(), text == "after", "{what}");
        assert_eq!(fs::read_dir(&self.ours).unwrap().count(), 5, "{what}");
    }
}

/// Races with undos until every walk through the directory was raced with.
fn every_call_is_raced_with(swapped: &mut Swapped, untouched: &dyn Fn(&Swapped, &str)) {
    for (nth, stays) in (1..).flat_map(|nth| [0, 1, 4].map(|stays| (nth, stays))) {
        let ran = swapped.world.hitl("root", &["run", "--json", "--", "changes"]).run().exits(0);
        swapped.is_as("after", "after the command");
        let id = id_of(&ran);
        let (died, hit) = swapped.undo(&id, nth, stays);
        let what = format!("walk {nth} and {stays} more: {died:?}");
        assert!(!died.stderr.contains("panicked"), "{what}");
        untouched(swapped, &what);
        // Undisturbed, it comes to its end.
        if swapped.world.hitl("root", &["undo", "--json", &id]).run().code() != 0 {
            swapped.world.hitl("root", &["undo", "--force", "--json", &id]).run();
        }
        untouched(swapped, &what);
        swapped.is_as("before", &what);
        if !hit {
            assert_eq!(died.code, Some(0), "nothing was in the way: {what}");
            eprintln!("{} walks, {} tries", nth - 1, swapped.swaps / 2);
            assert!(nth > 10, "{what}");
            return;
        }
    }
}

#[test]
fn a_directory_exchanged_for_a_link_at_every_call_of_an_undo_leads_it_outside_in_none_of_ten_thousand_tries()
 {
    let mut swapped = Swapped::new(world_or_skip!(), true);
    let canaries = fingerprint(&swapped.outside);
    every_call_is_raced_with(&mut swapped, &|swapped, what| {
        assert_eq!(fingerprint(&swapped.outside), canaries, "written outside: {what}");
    });
    assert!(swapped.swaps > 20_000, "{} tries", swapped.swaps / 2);
}

#[test]
fn a_directory_exchanged_for_another_at_every_call_of_an_undo_is_not_written_to_in_its_place() {
    let mut swapped = Swapped::new(world_or_skip!(), false);
    every_call_is_raced_with(&mut swapped, &|swapped, what| {
        for name in NAMES.iter().chain(&["again"]) {
            let text = fs::read_to_string(swapped.outside.join(name)).unwrap();
            assert_eq!(text, "precious\n", "{name}: {what}");
        }
    });
}
