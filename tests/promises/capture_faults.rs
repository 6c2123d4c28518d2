//! A snapshot of files that do not hold still, and of ones that are not what they were a moment ago:
//! it is exact or refused, never a mixture, and never waits for a file that is none.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};

use crate::deadly::{AboutTo, Died, watched};
use crate::disks::{Disk, run, with_own_mounts};
use crate::tree::Tree;
use crate::undoing::{ALLOW_ALL, Place, id_of, site};
use crate::world::World;
use crate::world_or_skip;

/// A world with a large file in its tree, which takes several reads.
fn with_a_large_file(world: &World) -> (PathBuf, PathBuf) {
    let root = site(world, Place::System, ALLOW_ALL);
    let large = root.join("large");
    fs::write(&large, vec![b'a'; 3 << 20]).unwrap();
    (root, large)
}

/// Runs `rm -r conf large`, and does something to the large file each time that hitl has it open for
/// the first time, as often as `times` says.
fn while_it_is_read(world: &World, large: &Path, times: usize, act: &dyn Fn(usize)) -> Died {
    let (mut count, mut was_open) = (0, false);
    let call = Place::System.start(world, &["rm", "-r", "conf", "large"]);
    watched(call, &mut |about: &AboutTo| {
        let open = about.has_open(large);
        // With the first descriptor of it, and again only when that one was closed.
        if open && !was_open && count < times {
            act(count);
            count += 1;
        }
        was_open = open;
    })
}

#[track_caller]
fn refused_with_nothing_done(died: &Died, says: &str, world: &World) {
    assert_eq!(died.code, Some(125), "{died:?}");
    assert!(died.stderr.contains(says) && died.stderr.contains("large"), "{died:?}");
    let listed = world.hitl("root", &["snapshots", "--json"]).run().exits(0);
    assert_eq!(listed.stdout, "", "a run that was refused has a snapshot");
}

#[test]
fn a_file_that_keeps_changing_while_it_is_captured_is_refused_and_nothing_runs() {
    let world = world_or_skip!();
    let (root, large) = with_a_large_file(&world);
    let appends = |_| {
        let mut file = fs::OpenOptions::new().append(true).open(&large).unwrap();
        file.write_all(b"more").unwrap();
    };
    let died = while_it_is_read(&world, &large, usize::MAX, &appends);
    refused_with_nothing_done(&died, "kept changing", &world);
    assert!(root.join("conf/app.conf").exists() && large.exists());
    // Now that it holds still:
    let before = Tree::of(&root);
    let id = Place::System.run_command(&world, &["rm", "-r", "conf", "large"]);
    Place::System.undo(&world, &id);
    Tree::of(&root).is(&before, "after the undo of the next run");
}

#[test]
fn a_file_that_changes_once_while_it_is_captured_is_taken_again_as_it_is_then() {
    type Act<'a> = &'a dyn Fn(&PathBuf);
    let acts: [(&str, Act<'_>); 4] = [
        ("appended to", &|large| {
            let mut file = fs::OpenOptions::new().append(true).open(large).unwrap();
            file.write_all(b"more").unwrap();
        }),
        ("overwritten with as many bytes", &|large| {
            let mut file = fs::OpenOptions::new().write(true).open(large).unwrap();
            file.write_all(&[b'b'; 100]).unwrap();
        }),
        ("cut", &|large| {
            fs::OpenOptions::new().write(true).open(large).unwrap().set_len(7).unwrap()
        }),
        ("replaced", &|large| {
            fs::write(large.with_extension("new"), "another file").unwrap();
            fs::rename(large.with_extension("new"), large).unwrap();
        }),
    ];
    for (what, act) in acts {
        let world = world_or_skip!();
        let (root, large) = with_a_large_file(&world);
        let expected = std::cell::RefCell::new(None);
        let died = while_it_is_read(&world, &large, 1, &|_| {
            act(&large);
            *expected.borrow_mut() = Some(Tree::of(&root));
        });
        assert_eq!(died.code, Some(0), "{what}: {died:?}");
        assert!(!large.exists(), "{what}");
        let expected = expected.into_inner().unwrap_or_else(|| panic!("{what}: never read"));
        Place::System.hitl(&world, &["undo", "--last"]).run().exits(0);
        Tree::of(&root).has_the_same("large", &expected);
    }
}

#[test]
fn a_file_that_becomes_a_pipe_or_a_link_in_the_middle_is_neither_waited_for_nor_followed() {
    for link in [false, true] {
        // Before it is opened, and while it is read.
        for early in [false, true] {
            let world = world_or_skip!();
            let (root, large) = with_a_large_file(&world);
            let secret = world.outside("etc/secret");
            fs::write(&secret, "what nobody asked to be captured").unwrap();
            let swap = || {
                fs::remove_file(&large).unwrap();
                if link {
                    symlink("/etc/secret", &large).unwrap();
                } else {
                    nix::unistd::mkfifo(&large, nix::sys::stat::Mode::S_IRWXU).unwrap();
                }
            };
            let died = if early {
                let mut done = false;
                let call = Place::System.start(&world, &["rm", "-r", "conf", "large"]);
                watched(call, &mut |about: &AboutTo| {
                    if !done && about.opens().is_some_and(|path| path.ends_with("large")) {
                        done = true;
                        swap();
                    }
                })
            } else {
                while_it_is_read(&world, &large, 1, &|_| swap())
            };
            let what = format!("link: {link}, early: {early}: {died:?}");
            // Taken as what it has become.
            assert_eq!(died.code, Some(0), "{what}");
            assert!(large.symlink_metadata().is_err(), "{what}");
            Place::System.hitl(&world, &["undo", "--last"]).run().exits(0);
            let kind = large.symlink_metadata().unwrap().file_type();
            assert!(if link { kind.is_symlink() } else { kind.is_fifo() }, "{what}");
            assert!(root.join("conf/app.conf").exists(), "{what}");
            let text = fs::read(&secret).unwrap();
            assert!(!holds(&world.outside("var-lib/hitl"), &text), "the link was followed: {what}");
        }
    }
}

/// Whether any file below a directory holds these bytes.
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        fs::read(&path).is_ok_and(|text| text.windows(bytes.len()).any(|part| part == bytes))
    })
}

#[test]
fn wherever_the_disk_of_the_store_becomes_full_nothing_runs_and_the_next_run_is_as_if_nothing_had_been()
 {
    with_own_mounts(|| {
        let world = World::new();
        let root = site(&world, Place::System, ALLOW_ALL);
        for number in 0..40 {
            fs::write(root.join(format!("data/small-{number}")), format!("{number:5000}")).unwrap();
        }
        let disk = Disk::in_memory("2m", &world.outside("var-lib/hitl"));
        run(std::process::Command::new("chmod").arg("700").arg(world.outside("var-lib/hitl")));
        // The first run makes what is there in any case.
        let id = Place::System.run_command(&world, &["rm", "conf/link"]);
        Place::System.undo(&world, &id);
        let before = Tree::of(&root);
        let known = world.hitl("root", &["snapshots", "--json"]).run().exits(0).stdout;
        let mut refusals = 0;
        for room in (0..).map(|step| step * 12_288) {
            let filler = disk.fill_but(room);
            let ran = Place::System.start(&world, &["rm", "-r", "conf", "data"]).run();
            fs::remove_file(filler).unwrap();
            if ran.code() == 0 {
                break;
            }
            refusals += 1;
            let what = format!("with {room} bytes of room: {ran:?}");
            assert_eq!(ran.code(), 125, "{what}");
            assert!(ran.stderr.contains("No space left"), "{what}");
            Tree::of(&root).is(&before, &what);
            let listed = world.hitl("root", &["snapshots", "--json"]).run().exits(0).stdout;
            assert_eq!(listed, known, "{what}");
            assert!(room < 2 << 20, "it never fits: {what}");
        }
        assert!(refusals > 5, "{refusals}");
        assert_ne!(Tree::of(&root), before);
        Place::System.hitl(&world, &["undo", "--last"]).run().exits(0);
        Tree::of(&root).is(&before, "after the undo of what fitted");
        world.hitl("root", &["audit", "verify"]).run().exits(0);
    });
}

#[test]
fn a_command_that_fills_the_disk_that_the_store_is_on_is_undone_once_there_is_room() {
    with_own_mounts(|| {
        let world = World::new();
        let disk = Disk::in_memory("4m", &world.outside("var-lib"));
        let state = world.outside("var-lib/hitl");
        fs::create_dir(&state).unwrap();
        run(std::process::Command::new("chmod").arg("700").arg(&state));
        let root = site(&world, Place::System, ALLOW_ALL);
        let before = Tree::of(&root);
        fs::create_dir(world.outside("var-lib/other")).unwrap();
        world.install(
            "fills",
            "#!/bin/sh\necho changed >conf/app.conf\ndd if=/dev/zero of=/var/lib/other/all bs=64k\nexit 0\n",
        );
        let ran = Place::System.start(&world, &["fills", "conf/app.conf"]).run();
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        let changed = Tree::of(&root);
        let listed = world.hitl("root", &["snapshots", "--json"]).run().exits(0);
        let id = listed.json()["id"].as_str().unwrap().to_owned();
        // No room, no undo: what is there now could not be kept.
        let refused = Place::System.hitl(&world, &["undo", "--force", &id]).run();
        assert_ne!(refused.code(), 0, "{refused:?}");
        refused.says("No space left");
        Tree::of(&root).is(&changed, "after the undo that had no room");
        fs::remove_file(world.outside("var-lib/other/all")).unwrap();
        let undone = Place::System.hitl(&world, &["undo", "--force", "--json", &id]).run().exits(0);
        Tree::of(&root).is(&before, "once there was room");
        Place::System.undo(&world, &id_of(&undone));
        Tree::of(&root).is(&changed, "after the undo of the undo");
        drop(disk);
    });
}
