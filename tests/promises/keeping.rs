//! What is kept of snapshots, for how long, and whether it is whole.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::deadly::{Victim, dies_before};
use crate::snapshots::{SmallDisk, everything_in, store};
use crate::tree::Tree;
use crate::undoing::{ALLOW_ALL, Place, site};
use crate::world::{Call, World};
use crate::world_or_skip;

const DAY_MS: i64 = 86_400_000;

/// Whoever may prune at a place.
fn pruner<'w>(place: Place, world: &'w World, arguments: &[&str]) -> Call<'w> {
    let arguments: Vec<&str> = ["snapshots", "prune"].iter().chain(arguments).copied().collect();
    match place {
        Place::System => world.hitl("root", &arguments),
        Place::User => world.plain_hitl("alice", &arguments),
    }
}

/// The runs that there are, the newest first.
fn listed(world: &World, place: Place) -> Vec<Value> {
    let ran = place.hitl(world, &["snapshots", "--json"]).run().exits(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(world: &World, place: Place) -> Vec<String> {
    listed(world, place).iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

fn run_directory(world: &World, place: Place, id: &str) -> PathBuf {
    store(world, place).join("runs").join(id.replace('-', ""))
}

/// Makes a run one that was made so many days earlier, before the machine was last booted.
fn aged(world: &World, place: Place, id: &str, days: i64) {
    let file = run_directory(world, place, id).join("information.json");
    let mut information: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let at = &mut information["at"];
    at["wall_ms"] = (at["wall_ms"].as_i64().unwrap() - days * DAY_MS).into();
    at["boot_id"] = "an earlier one".into();
    fs::write(&file, information.to_string()).unwrap();
}

/// The files of the store with this content, or with a part of it.
fn holding(store: &Path, content: &[u8]) -> Vec<PathBuf> {
    let mut files = everything_in(store);
    files.retain(|path| {
        let in_runs = path.starts_with(store.join("runs"));
        let holds = |bytes: Vec<u8>| bytes.windows(content.len()).any(|part| part == content);
        !in_runs && path.is_file() && fs::read(path).is_ok_and(holds)
    });
    files
}

fn pruned(world: &World) -> Vec<Value> {
    let mut entries = world.audit();
    entries.retain(|entry| entry["event"]["action"] == "snapshot-pruned");
    entries
}

#[test]
fn what_is_older_than_it_is_kept_goes_with_its_content_and_the_rest_still_comes_back() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let old = place.run_command(&world, &["rm", "conf/other.conf", "data/deep/b"]);
        let before = Tree::of(&root);
        let young = place.run_command(&world, &["rm", "conf/app.conf"]);
        aged(&world, place, &old, 31);
        let both = [young.clone(), old.clone()];

        let planned = pruner(place, &world, &["--dry-run"]).run().exits(0);
        planned.prints(&old).says("1 run");
        assert_eq!(ids(&world, place), both);
        assert_eq!(holding(&store(&world, place), b"b\0binary\n").len(), 1);

        let done = pruner(place, &world, &["--json"]).run().exits(0);
        let lines: Vec<Value> =
            done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["id"], &lines[0]["because"]), (&json!(old), &json!("age")));
        assert_eq!((&lines[1]["runs"], &lines[1]["freed"]), (&json!(1), &json!(15)));
        assert_eq!(ids(&world, place), [&*young]);
        assert_eq!(holding(&store(&world, place), b"b\0binary\n"), Vec::<PathBuf>::new());
        place.hitl(&world, &["undo", &old]).run().exits(1).says("no snapshot");
        place.undo(&world, &young);
        Tree::of(&root).is(&before, "what was kept");
        // There is nothing left to do, and nothing to say about that on record.
        pruner(place, &world, &[]).run().exits(0).says("pruned: 0 runs");
    }
}

#[test]
fn what_was_pruned_is_on_record_with_its_digests_and_the_log_holds() {
    let world = world_or_skip!();
    site(&world, Place::System, ALLOW_ALL);
    let id = Place::System.run_command(&world, &["rm", "conf/app.conf"]);
    pruner(Place::System, &world, &[&id]).run().exits(0);
    let entries = world.audit();
    let of = |action: &str| {
        let is = |entry: &&Value| entry["event"]["action"] == action;
        entries.iter().find(is).unwrap_or_else(|| panic!("no {action}"))
    };
    let entry = of("snapshot-pruned");
    assert_eq!(entry["user"]["name"], "root");
    assert_eq!(entry["hitl"]["bytes"], 24);
    let run = &entry["hitl"]["runs"][0];
    assert_eq!((&run["run"], &run["because"]), (&json!(id), &json!("asked")));
    assert_eq!(run["manifest"], of("snapshot-created")["hitl"]["manifest"]);
    assert_eq!(run["after"], of("command-finished")["hitl"]["manifest"]);
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    world.hitl("root", &["audit", "show"]).run().exits(0).prints(&format!("pruned     {id}"));
}

#[test]
fn on_a_host_nobody_but_root_prunes() {
    let world = world_or_skip!();
    site(&world, Place::System, ALLOW_ALL);
    let id = Place::System.run_command(&world, &["rm", "conf/app.conf"]);
    for arguments in [&["snapshots", "prune", &id][..], &["snapshots", "prune", "--dry-run"]] {
        world.hitl("alice", arguments).run().exits(77).says("only root");
    }
    assert_eq!(ids(&world, Place::System), [id]);
}

#[test]
fn too_many_and_too_large_go_from_the_oldest_on() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, ALLOW_ALL);
    let mut made = Vec::new();
    for (name, byte) in [("one", 1), ("two", 2), ("three", 3), ("four", 4)] {
        fs::write(root.join(name), vec![byte; 10_000]).unwrap();
        made.insert(0, place.run_command(&world, &["rm", name]));
    }
    pruner(place, &world, &["--max-size", "30000B"]).run().exits(0).says("9.8 KiB freed");
    assert_eq!(ids(&world, place), made[..3]);
    pruner(place, &world, &["--keep-last", "2"]).run().exits(0);
    assert_eq!(ids(&world, place), made[..2]);
    // What the policy says.
    place.policy(&world, &format!("{ALLOW_ALL}snapshots: {{max_runs: 1, max_size: 1GiB}}\n"));
    pruner(place, &world, &[]).run().exits(0).prints("count");
    assert_eq!(ids(&world, place), made[..1]);
}

#[test]
fn a_store_that_is_too_large_is_no_secret() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let limited = format!("{ALLOW_ALL}snapshots: {{max_size: 20kB}}\n");
        let root = site(&world, place, &limited);
        fs::write(root.join("large"), vec![7; 30_000]).unwrap();
        let ran = place.start(&world, &["rm", "conf/other.conf"]).run().exits(0);
        assert!(!ran.stderr.contains("max_size"), "{ran:?}");
        let ran = place.start(&world, &["rm", "large"]).run().exits(0);
        ran.says("19 KiB of snapshots.max_size").says("hitl snapshots prune");
    }
}

#[test]
fn what_is_pinned_stays_until_it_is_unpinned_and_both_are_on_record() {
    let world = world_or_skip!();
    let place = Place::System;
    site(&world, place, ALLOW_ALL);
    let id = place.run_command(&world, &["rm", "conf/app.conf"]);
    let short = &id[..4];
    world.hitl("bob", &["snapshots", "pin", &id]).run().exits(1).says("no snapshot");
    let reason = "until it is \u{1b}[31mclosed";
    place.hitl(&world, &["snapshots", "pin", short, "--reason", reason]).run().exits(0);
    let listing = place.hitl(&world, &["snapshots"]).run().exits(0).prints("pinned");
    assert!(!listing.stdout.contains('\u{1b}'), "{listing:?}");
    let shown = place.hitl(&world, &["snapshots", "show", &id]).run().exits(0);
    shown.prints("pinned     by alice").prints("until it is \\e[31mclosed");
    assert_eq!(listed(&world, place)[0]["pin"]["by"], "alice");
    assert_eq!(listed(&world, place)[0]["kept"]["held"], "pinned");

    aged(&world, place, &id, 500);
    pruner(place, &world, &["--keep-last", "0", "--older-than", "1d"]).run().exits(0);
    pruner(place, &world, &[&id]).run().exits(1).says("pinned");
    assert_eq!(ids(&world, place), [&*id]);
    world.hitl("root", &["snapshots", "unpin", &id]).run().exits(0);
    world.hitl("root", &["snapshots", "unpin", &id]).run().exits(0).says("was not pinned");
    pruner(place, &world, &["--keep-last", "0"]).run().exits(0);
    assert_eq!(ids(&world, place), Vec::<String>::new());
    let entries = world.audit();
    let of = |action: &str| -> Vec<&Value> {
        entries.iter().filter(|entry| entry["event"]["action"] == action).collect()
    };
    let (pinned, unpinned) = (of("snapshot-pinned"), of("snapshot-unpinned"));
    assert_eq!((pinned.len(), unpinned.len()), (1, 1));
    assert_eq!(pinned[0]["user"]["name"], "alice");
    assert_eq!(pinned[0]["hitl"]["reason"], reason);
    assert_eq!(pinned[0]["hitl"]["request_id"], id.as_str());
    assert_eq!(unpinned[0]["user"]["name"], "root");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn a_run_and_its_undo_go_together_and_redo_works_as_long_as_they_stay() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, ALLOW_ALL);
    let before = Tree::of(&root);
    let run = place.run_command(&world, &["rm", "conf/app.conf"]);
    let after = Tree::of(&root);
    let undo = place.undo(&world, &run);
    aged(&world, place, &run, 40);
    pruner(place, &world, &[]).run().exits(0);
    pruner(place, &world, &["--keep-last", "1"]).run().exits(0);
    assert_eq!(ids(&world, place), [undo.clone(), run.clone()]);
    let redo = place.undo(&world, &undo);
    Tree::of(&root).is(&after, "after the redo");
    place.undo(&world, &redo);
    Tree::of(&root).is(&before, "after the undo of the redo");
    pruner(place, &world, &[&undo]).run().exits(0).says("pruned: 4 runs");
    assert_eq!(ids(&world, place), Vec::<String>::new());
}

#[test]
fn what_a_command_that_still_runs_needs_stays() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, ALLOW_ALL);
    let before = Tree::of(&root);
    let script = "#!/bin/bash\necho changed >conf/app.conf\nread -r word </srv/fifo\n";
    world.write("srv/hold.sh", script);
    world.mode("srv/hold.sh", 0o755);
    let fifo = world.outside("srv/fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut running =
        place.hitl(&world, &["run", "--json", "--", "/srv/hold.sh", "conf/app.conf"]).start();
    let id = running.wait_for("started")["id"].as_str().unwrap().to_owned();
    pruner(place, &world, &["--keep-last", "0"]).run().exits(0).says("pruned: 0 runs");
    pruner(place, &world, &[&id]).run().exits(1).says("may still run");
    fs::write(fifo, "go on\n").unwrap();
    running.end().1.exits(0);
    place.undo(&world, &id);
    Tree::of(&root).is(&before, "after the undo");
}

#[test]
fn what_is_risky_and_not_undone_does_not_go_early() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, &ALLOW_ALL.replace("risk: low", "risk: high"));
    let id = place.run_command(&world, &["rm", "conf/app.conf"]);
    pruner(place, &world, &["--keep-last", "0", "--max-size", "0"]).run().exits(0);
    assert_eq!(ids(&world, place), [&*id]);
    place.undo(&world, &id);
    assert!(root.join("conf/app.conf").exists());
    pruner(place, &world, &["--keep-last", "0"]).run().exits(0);
    assert_eq!(ids(&world, place), Vec::<String>::new());
}

#[test]
fn a_clock_that_has_leapt_takes_nothing_away_at_once() {
    let world = world_or_skip!();
    let place = Place::System;
    site(&world, place, ALLOW_ALL);
    let id = place.run_command(&world, &["rm", "conf/app.conf"]);
    aged(&world, place, &id, 4000);
    for _ in 0..2 {
        pruner(place, &world, &[]).run().exits(0).says("the clock").says("pruned: 0 runs");
    }
    assert_eq!(ids(&world, place), [id]);
    pruner(place, &world, &["--older-than", "30d"]).run().exits(0).says("pruned: 1 run");
}

#[test]
fn a_run_from_the_future_has_no_age() {
    let world = world_or_skip!();
    let place = Place::System;
    site(&world, place, ALLOW_ALL);
    let id = place.run_command(&world, &["rm", "conf/app.conf"]);
    aged(&world, place, &id, -4000);
    pruner(place, &world, &["--older-than", "1ms"]).run().exits(0);
    assert_eq!(ids(&world, place), [id]);
}

#[test]
fn the_list_says_how_much_each_run_keeps_and_for_how_long() {
    let world = world_or_skip!();
    let place = Place::System;
    site(&world, place, &format!("{ALLOW_ALL}    snapshot: {{keep: 3d}}\n"));
    let id = place.run_command(&world, &["rm", "conf/app.conf"]);
    let listing = place.hitl(&world, &["snapshots"]).run().exits(0).prints("24 B");
    assert!(listing.stdout.contains(" 2d 23h "), "{listing:?}");
    let run = &listed(&world, place)[0];
    assert_eq!(run["keeps"]["bytes"], 24);
    assert!(run["keeps"]["paths"].as_u64().is_some_and(|paths| paths > 0), "{run}");
    assert_eq!(run["kept"]["held"], Value::Null);
    let until = run["kept"]["until"].as_str().unwrap();
    let until = chrono::DateTime::parse_from_rfc3339(until).unwrap().timestamp_millis();
    let made = run["at"]["wall_ms"].as_i64().unwrap();
    assert!((until - made - 3 * DAY_MS).abs() <= 1000, "{run}");
    aged(&world, place, &id, 4);
    place.hitl(&world, &["snapshots"]).run().exits(0).prints(" past ");
}

#[test]
fn a_full_disk_can_be_pruned() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, ALLOW_ALL);
    fs::write(root.join("large"), vec![7; 1 << 20]).unwrap();
    let disk = SmallDisk::new(&world.outside("var-lib/hitl"));
    let id = place.run_command(&world, &["rm", "large"]);
    // To the last byte.
    let filler = world.outside("var-lib/hitl/filler");
    let mut file = fs::File::create(&filler).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(0), &mut file).unwrap_err();
    assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull);
    place.start(&world, &["rm", "conf/app.conf"]).run().exits(125).says("No space left");
    pruner(place, &world, &[&id]).run().exits(0).says("pruned: 1 run");
    assert_eq!(pruned(&world)[0]["hitl"]["runs"][0]["run"], id.as_str());
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    let next = place.run_command(&world, &["rm", "conf/app.conf"]);
    place.undo(&world, &next);
    drop(disk);
}

#[test]
fn killed_at_any_point_a_prune_damages_nothing_and_the_next_one_ends_it() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, ALLOW_ALL);
    let mut points = 0;
    for nth in 1.. {
        let goes = place.run_command(&world, &["rm", "conf/other.conf"]);
        fs::write(root.join("conf/other.conf"), format!("other {nth}\n")).unwrap();
        let before = Tree::of(&root);
        let stays = place.run_command(&world, &["rm", "conf/app.conf"]);
        let died = dies_before(pruner(place, &world, &[&goes]), Victim::Both, nth);
        let what = format!("killed before the {nth}. thing, {:?}", died.before);
        let there = ids(&world, place);
        if !there.contains(&goes) {
            let runs = pruned(&world);
            let told = runs.iter().any(|entry| entry["hitl"]["runs"][0]["run"] == goes.as_str());
            assert!(told, "{what}: it is on record before it goes");
        } else {
            // What is still there is there whole.
            place.hitl(&world, &["snapshots", "diff", &goes]).run().exits(0);
        }
        world.hitl("root", &["snapshots", "verify"]).run().exits(0);
        place.undo(&world, &stays);
        Tree::of(&root).is(&before, &what);
        pruner(place, &world, &["--keep-last", "0"]).run().exits(0);
        let left = everything_in(&store(&world, place).join("runs"));
        assert_eq!(left, [store(&world, place).join("runs")], "{what}");
        assert_eq!(holding(&store(&world, place), b"listen 80"), Vec::<PathBuf>::new(), "{what}");
        if died.before.is_none() {
            points = nth - 1;
            break;
        }
    }
    assert!(points > 5, "{points}");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

/// Turns a bit of what the store has of some content.
fn damage(store: &Path, content: &[u8]) {
    let found = holding(store, content);
    assert!(!found.is_empty(), "{content:?}");
    for path in found {
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(content.len()).position(|part| part == content).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn verify_names_what_is_damaged_and_the_rest_still_comes_back() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let before = Tree::of(&root);
        let one = place.run_command(&world, &["rm", "conf/app.conf", "conf/other.conf"]);
        let two = place.run_command(&world, &["rm", "data/deep/b"]);
        let verify = |arguments: &[&str]| {
            let arguments: Vec<&str> =
                ["snapshots", "verify"].iter().chain(arguments).copied().collect();
            place.hitl(&world, &arguments).run()
        };
        verify(&[]).exits(0).says("2 runs").says("all of it is whole");
        damage(&store(&world, place), b"listen 80");
        let found = verify(&[]).exits(1).prints("conf/app.conf").prints(&one);
        assert!(!found.stdout.contains("other.conf") && !found.stdout.contains(&two), "{found:?}");
        verify(&[&two]).exits(0);
        let found = verify(&["--json", &one]).exits(1);
        let lines: Vec<Value> =
            found.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let path = format!("{}/conf/app.conf", place.tree());
        assert_eq!(lines[0]["damaged"]["path"], path, "{found:?}");
        assert_eq!(lines[0]["damaged"]["run"], one.as_str());
        assert_eq!(lines[1]["damaged_files"], 1);
        place.undo(&world, &two);
        Tree::of(&root).has_the_same("data/deep/b", &before);

        // A manifest, of which not even the files are known any more.
        let manifest = run_directory(&world, place, &two).join("before.jsonl");
        let mut bytes = fs::read(&manifest).unwrap();
        bytes.push(b'\n');
        fs::write(&manifest, bytes).unwrap();
        verify(&[&two]).exits(1).prints(&format!("run {two}"));
        // What it may need is not known: nothing is taken from it.
        let kept = pruner(place, &world, &[]).run().exits(1);
        kept.says("hitl snapshots verify");
        assert_eq!(ids(&world, place).len(), 3);
        pruner(place, &world, &[&two]).run().exits(0).says("pruned: 2 runs");
    }
}

#[test]
fn verify_tells_nobody_of_files_that_they_may_not_see() {
    let world = world_or_skip!();
    let place = Place::System;
    let root = site(&world, place, ALLOW_ALL);
    let secret = root.join("conf/other.conf");
    fs::create_dir(root.join("closed")).unwrap();
    world.mode("srv/site/closed", 0o700);
    fs::rename(&secret, root.join("closed/secret")).unwrap();
    let id = place.run_command(&world, &["rm", "-r", "closed", "conf/app.conf"]);
    damage(&store(&world, place), b"other\n");
    let told = place.hitl(&world, &["snapshots", "verify"]).run().exits(1);
    assert!(!told.stdout.contains("secret"), "{told:?}");
    assert!(!told.stderr.contains("sha256"), "{told:?}");
    told.says("root can see which");
    let seen = world.hitl("root", &["snapshots", "verify", &id]).run().exits(1);
    seen.prints("closed/secret");
}

#[test]
fn the_store_stays_closed_whatever_is_done_to_it_under_whatever_umask() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    for number in 0..100 {
        fs::write(root.join(format!("data/deep/{number}")), format!("{number}")).unwrap();
    }
    let mut made = Vec::new();
    for target in ["data", "conf/app.conf"] {
        let line = format!("umask 0; cd /srv/site; hitl run --json -- rm -r {target}");
        let ran = world.script("alice", &line).run().exits(0);
        made.push(crate::undoing::id_of(&ran));
    }
    let line = format!(
        "umask 0; hitl undo {0}; hitl snapshots pin {0}; hitl snapshots prune {1}; \
         hitl snapshots prune --keep-last 0; hitl snapshots verify",
        made[1], made[0]
    );
    world.script("root", &line).run().exits(0);
    let store = store(&world, Place::System);
    let everything = everything_in(&store);
    assert!(everything.len() > 5, "{everything:?}");
    for path in everything {
        let mode = path.symlink_metadata().unwrap().mode();
        assert_eq!(mode & 0o6077, 0, "{path:?} has mode {mode:o}");
    }
}
