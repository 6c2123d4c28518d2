//! `hitl undo` takes nothing away that it was not asked to: conflicts, order, rights, accidents.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::processes::monitor_of;
use crate::tree::{Tree, awkward_name};
use crate::undoing::{ALLOW_ALL, Place, id_of, site};
use crate::world::{World, finish};
use crate::world_or_skip;

/// A policy whose rule also names what it is about in its own words.
fn policy(rule: &str) -> String {
    format!("{ALLOW_ALL}{rule}")
}

#[test]
fn what_a_rule_names_comes_back_although_the_command_did_not_name_it() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let tree = place.tree();
        let root = site(
            &world,
            place,
            &policy(&format!("    snapshot: {{paths: [\"{tree}/conf/**\"]}}\n")),
        );
        let before = Tree::of(&root);
        let id = place.run_command(&world, &["./tidy.sh"]);
        assert!(root.join("conf/made").exists() && !root.join("conf/other.conf").exists());
        place.undo(&world, &id);
        Tree::of(&root).is(&before, "after the undo of a script");
    }
}

#[test]
fn names_that_are_no_text_come_back_and_never_reach_the_terminal_raw() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let before = Tree::of(&root);
        let id = place.run_command(&world, &["rm", "-rf", "data"]);
        nothing_raw(&world, place, &id, "undo");
        Tree::of(&root).is(&before, "after the undo");
    }
}

/// Looks at a run in every way and undoes it at last.
fn nothing_raw(world: &World, place: Place, id: &str, last: &str) {
    for arguments in [
        &["snapshots"][..],
        &["snapshots", "show", id],
        &["snapshots", "diff", id],
        &["undo", "--dry-run", id],
        &[last, id],
    ] {
        let ran = place.hitl(world, arguments).run().exits(0);
        let told = [ran.stdout_bytes.as_slice(), ran.stderr.as_bytes()].concat();
        assert!(!told.contains(&0x1b), "{arguments:?}: {ran:?}");
        assert!(!told.windows(5).any(|part| part == b"\nline"), "{arguments:?}: {ran:?}");
        let told = String::from_utf8(told).unwrap();
        assert!(
            arguments == ["snapshots"] || told.contains("new\\nline \\xff\\e[31m"),
            "{arguments:?}: {told}"
        );
    }
}

/// Where nothing is allowed by itself: bob has to agree.
const ASK_BOB: &str = r#"
version: 1
name: asking
groups: [{name: others, users: [bob]}]
defaults: {decision: approve, require: [{group: others, count: 1}]}
rules: []
"#;

#[test]
fn an_operand_that_is_no_text_is_agreed_to_changed_and_brought_back_byte_for_byte() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ASK_BOB);
    let before = Tree::of(&root);
    let name = Path::new("data").join(awkward_name());
    let waiting = Place::System
        .start(&world, &["rm".as_ref(), name.as_os_str()])
        .start_and_wait_for_request();
    let id = waiting.id.clone();
    world.hitl("bob", &["approve", &id]).run().exits(0);
    waiting.end().exits(0);
    assert!(!root.join(&name).exists());
    nothing_raw(&world, Place::System, &id, "undo");
    Tree::of(&root).is(&before, "after the undo");
}

#[test]
fn a_file_that_changed_since_is_not_overwritten_and_nothing_else_is_either() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let id = place.run_command(&world, &["tee", "conf/app.conf", "conf/other.conf"]);
        fs::write(root.join("conf/other.conf"), "somebody's work\n").unwrap();
        let changed = Tree::of(&root);
        let refused = place.hitl(&world, &["undo", &id]).run().exits(1);
        let refused = refused.says("conf/other.conf").says("--force");
        assert!(!refused.stderr.contains("conf/app.conf ("), "{refused:?}");
        let json = place.hitl(&world, &["undo", "--json", &id]).run().exits(1).json();
        assert_eq!(json["error"]["code"], 1, "{json}");
        let dry = place.hitl(&world, &["undo", "--dry-run", "--json", &id]).run().exits(1).json();
        assert_eq!(dry["plan"]["conflicts"].as_array().map(Vec::len), Some(1), "{dry}");
        Tree::of(&root).is(&changed, "after undos that were refused");
    }
}

#[test]
fn a_forced_undo_restores_and_its_own_undo_brings_the_other_work_back() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let before = Tree::of(&root);
        let id = place.run_command(&world, &["tee", "conf/app.conf", "conf/new"]);
        fs::write(root.join("conf/app.conf"), "somebody's work\n").unwrap();
        fs::write(root.join("conf/new"), "somebody's too\n").unwrap();
        let changed = Tree::of(&root);
        let ran = place.hitl(&world, &["undo", "--force", "--json", &id]).run().exits(0);
        Tree::of(&root).is(&before, "after the forced undo");
        place.undo(&world, &id_of(&ran));
        Tree::of(&root).is(&changed, "after the undo of the forced undo");
    }
}

#[test]
fn a_forced_undo_puts_a_file_back_where_a_directory_was_made_and_the_other_way_round() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let command = ["rm", "-r", "conf/app.conf", "data/deep"];
    let before = Tree::of(&root);
    let id = Place::System.run_command(&world, &command);
    fs::create_dir_all(root.join("conf/app.conf/of/mine")).unwrap();
    fs::write(root.join("data/deep"), "mine").unwrap();
    let changed = Tree::of(&root);
    Place::System.hitl(&world, &["undo", &id]).run().exits(1);
    Tree::of(&root).is(&changed, "after the refused undo");
    // What stands below a directory that the run knew nothing of is never taken away.
    Place::System.hitl(&world, &["undo", "--force", &id]).run().exits(125).says("conf/app.conf");
    assert!(root.join("conf/app.conf/of/mine").is_dir());
    fs::remove_dir_all(root.join("conf/app.conf/of")).unwrap();
    Place::System.hitl(&world, &["undo", "--force", &id]).run().exits(0);
    let now = Tree::of(&root);
    for path in ["conf/app.conf", "data/deep", "data/deep/a", "data/deep/b"] {
        now.has_the_same(path, &before);
    }
}

#[test]
fn a_forced_undo_leaves_what_the_command_did_not_make() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let id = Place::System.run_command(&world, &["mkdir", "-p", "made/of"]);
    fs::write(root.join("made/of/mine"), "mine").unwrap();
    let changed = Tree::of(&root);
    Place::System.hitl(&world, &["undo", &id]).run().exits(1).says("made");
    Tree::of(&root).is(&changed, "after the refused undo");
    Place::System.hitl(&world, &["undo", "--force", &id]).run().exits(1).says("not restored");
    assert_eq!(fs::read_to_string(root.join("made/of/mine")).unwrap(), "mine");
}

#[test]
fn a_dry_run_changes_nothing_anywhere() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let id = place.run_command(&world, &["rm", "-r", "data"]);
        let state = match place {
            Place::System => world.outside("var-lib/hitl"),
            Place::User => world.outside("home/alice/.local/state/hitl"),
        };
        let (files, kept) = (Tree::of(&root), Tree::of(&state));
        for arguments in [["undo", "--dry-run", &id], ["undo", "--dry-run", "--last"]] {
            place.hitl(&world, &arguments).run().exits(0).prints("bring back the directory");
        }
        place.hitl(&world, &["undo", "--dry-run", "--json", &id]).run().exits(0);
        Tree::of(&root).is(&files, "the files after a dry run");
        Tree::of(&state).is(&kept, "hitl's own files after a dry run, the audit log among them");
    }
}

#[test]
fn last_means_ones_own_last_run_that_is_not_undone() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let conf = || fs::read_to_string(root.join("conf/app.conf")).unwrap();
    let original = conf();
    let hitl =
        |user, arguments: &[&str]| world.hitl(user, arguments).in_directory("/srv/site").run();
    hitl("alice", &["run", "--", "sed", "-i", "s/80/81/", "conf/app.conf"]).exits(0);
    hitl("alice", &["run", "--", "rm", "conf/other.conf"]).exits(0);
    hitl("bob", &["run", "--", "rm", "-r", "data"]).exits(0);
    hitl("alice", &["undo", "--last"]).exits(0);
    assert!(root.join("conf/other.conf").exists() && conf() != original);
    hitl("alice", &["undo", "--last"]).exits(0);
    assert_eq!(conf(), original);
    assert!(!root.join("data").exists(), "bob's run was undone by alice");
    hitl("alice", &["undo", "--last"]).exits(1).says("no run left to undo");
    hitl("bob", &["undo", "--last"]).exits(0);
    assert!(root.join("data/deep/b").exists());
}

#[test]
fn last_passes_over_runs_that_changed_nothing() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    Place::System.run_command(&world, &["rm", "conf/other.conf"]);
    Place::System.run_command(&world, &["rm", "-f", "conf/none"]);
    Place::System.hitl(&world, &["undo", "--last"]).run().exits(0);
    assert!(root.join("conf/other.conf").exists());
}

#[test]
fn a_run_under_a_later_one_is_refused_with_the_order_and_that_order_works() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let before = Tree::of(&root);
    let place = Place::System;
    let first = place.run_command(&world, &["sed", "-i", "s/80/81/", "conf/app.conf"]);
    let second = place.run_command(&world, &["sed", "-i", "s/81/82/", "conf/app.conf"]);
    let third = place.run_command(&world, &["rm", "conf/app.conf"]);
    let changed = Tree::of(&root);
    let refused = place.hitl(&world, &["undo", &first]).run().exits(1);
    refused.says(&format!("undo {third}, {second} first, in this order"));
    Tree::of(&root).is(&changed, "after the refused undo");
    for id in [third, second, first] {
        place.undo(&world, &id);
    }
    Tree::of(&root).is(&before, "after all of them");
}

#[test]
fn what_is_undone_is_not_undone_again() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let id = Place::System.run_command(&world, &["rm", "conf/app.conf"]);
    let undo = Place::System.undo(&world, &id);
    let restored = Tree::of(&root);
    let refused = Place::System.hitl(&world, &["undo", &id]).run().exits(1);
    refused.says("undone already").says(&undo);
    Tree::of(&root).is(&restored, "after the second undo");
}

#[test]
fn only_the_requester_and_root_may_undo_and_look() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let before = Tree::of(&root);
    let id = Place::System.run_command(&world, &["rm", "-r", "conf"]);
    for arguments in [
        &["undo", &id][..],
        &["undo", "--force", &id],
        &["undo", "--dry-run", &id],
        &["snapshots", "show", &id],
        &["snapshots", "diff", &id],
    ] {
        let refused = world.hitl("mallory", arguments).run().exits(1);
        let refused = refused.says("there is no snapshot of a run");
        assert!(!refused.stderr.contains("app.conf") && refused.stdout.is_empty(), "{refused:?}");
    }
    assert!(!root.join("conf").exists());
    let listed = world.hitl("mallory", &["snapshots", "--json"]).run().exits(0);
    assert_eq!(listed.stdout, "");
    world.hitl("root", &["undo", &id]).run().exits(0);
    Tree::of(&root).is(&before, "after root's undo");
}

#[test]
fn an_undo_is_on_record_and_so_is_one_that_was_refused() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let id = Place::System.run_command(&world, &["rm", "conf/app.conf"]);
    fs::write(root.join("conf/app.conf"), "another").unwrap();
    Place::System.hitl(&world, &["undo", &id]).run().exits(1);
    Place::System.hitl(&world, &["undo", "--force", &id]).run().exits(0);
    let undos: Vec<_> = world
        .audit()
        .into_iter()
        .filter(|entry| entry["event"]["action"] == "undo-applied")
        .map(|entry| {
            assert_eq!(entry["hitl"]["undone"], id.as_str(), "{entry}");
            assert_eq!(entry["user"]["name"], "alice", "{entry}");
            (entry["event"]["outcome"].clone(), entry["hitl"]["forced"].clone())
        })
        .collect();
    assert_eq!(undos, [("failure".into(), false.into()), ("success".into(), true.into())]);
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn a_rules_command_follows_the_undo() {
    let world = world_or_skip!();
    let follow = "    undo: {run: [touch, /srv/reloaded]}\n  - id: another\n    match: {command: rm}\n    \
                  decision: allow\n    risk: low\n    undo: {run: [\"false\"]}\n";
    let root = site(&world, Place::System, &policy(follow));
    let id = Place::System.run_command(&world, &["rm", "conf/app.conf"]);
    assert!(!world.outside("srv/reloaded").exists());
    let ran = Place::System.hitl(&world, &["undo", "--json", &id]).run().exits(1);
    let ran = ran.says("the files are put back, but false").says("exited with status 1");
    assert!(world.outside("srv/reloaded").exists() && root.join("conf/app.conf").exists());
    let followed = &ran.json()["followed_by"];
    assert_eq!(followed[0]["ending"], "exited with status 0", "{followed}");
    assert_eq!(followed[1]["ending"], "exited with status 1", "{followed}");
}

#[test]
fn what_a_user_cannot_give_back_is_said() {
    let world = world_or_skip!();
    let root = site(&world, Place::User, ALLOW_ALL);
    let file = root.join("conf/other.conf");
    std::os::unix::fs::chown(&file, Some(0), Some(0)).unwrap();
    let id = Place::User.run_command(&world, &["rm", "-f", "conf/other.conf"]);
    let ran = Place::User.hitl(&world, &["undo", &id]).run().exits(1);
    let ran = ran.says("not restored").says("conf/other.conf").says("should belong to uid 0");
    assert_eq!(fs::read_to_string(&file).unwrap(), "other\n", "{ran:?}");
}

#[test]
fn with_its_monitor_killed_in_the_middle_of_a_command_it_says_unfinished_and_force_goes_back() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let long = "#!/bin/sh\necho changed >>\"$1\"\necho ready >/srv/ready\nread word </srv/go\n";
    fs::write(root.join("tool.sh"), long).unwrap();
    for name in ["srv/ready", "srv/go"] {
        nix::unistd::mkfifo(&world.outside(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let before = Tree::of(&root);
    let mut command = Place::System.start(&world, &["./tool.sh", "conf/app.conf"]).command();
    let mut hitl = command.spawn().unwrap();
    let mut ready = String::new();
    fs::File::open(world.outside("srv/ready")).unwrap().read_to_string(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    monitor_of(&hitl).kill(nix::sys::signal::Signal::SIGKILL);
    hitl.wait().unwrap();
    // For reading too: where the command died with hitl, nobody else does.
    let go = fs::OpenOptions::new().read(true).write(true).open(world.outside("srv/go")).unwrap();
    std::io::Write::write_all(&mut &go, b"go\n").unwrap();

    let listed = Place::System.hitl(&world, &["snapshots"]).run().exits(0).prints("unfinished");
    let run = Place::System.hitl(&world, &["snapshots", "--json"]).run().exits(0).json();
    let id = run["id"].as_str().unwrap();
    assert!(listed.stdout.contains(id), "{listed:?}");
    let changed = Tree::of(&root);
    Place::System.hitl(&world, &["undo", id]).run().exits(1).says("not known").says("--force");
    Tree::of(&root).is(&changed, "after the refused undo");
    Place::System.hitl(&world, &["undo", "--force", id]).run().exits(0);
    Tree::of(&root).is(&before, "after the forced undo");
    world.hitl("root", &["audit", "verify"]).run().exits(0).prints("note");
}

#[test]
fn a_directory_that_became_a_link_leads_an_undo_nowhere() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let outside = world.outside("srv/outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("app.conf"), "precious").unwrap();
    let (removed, changed) = (["rm", "conf/app.conf"], ["sed", "-i", "s/o/0/", "conf/other.conf"]);
    let ids = [&removed[..], &changed[..]].map(|run| Place::System.run_command(&world, run));
    fs::rename(root.join("conf"), root.join("conf.away")).unwrap();
    symlink("/srv/outside", root.join("conf")).unwrap();
    let (files, precious) = (Tree::of(&root), Tree::of(&outside));
    for id in &ids {
        Place::System.hitl(&world, &["undo", id]).run().exits(1).says("conf");
        Tree::of(&root).is(&files, "after the refused undo");
        Tree::of(&outside).is(&precious, "what the link leads to");
    }
    for id in &ids {
        Place::System.hitl(&world, &["undo", "--force", id]).run();
        Tree::of(&outside).is(&precious, "what the link leads to, by force");
    }
}

#[test]
fn a_set_id_bit_never_comes_back_to_a_file_that_somebody_could_write_in_the_meantime() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let tool = root.join("data/deep/b");
    let give = root.join("give.sh");
    fs::write(&give, "#!/bin/sh\nchown alice \"$1\"\necho more >>\"$1\"\n").unwrap();
    fs::set_permissions(&give, fs::Permissions::from_mode(0o755)).unwrap();
    for (names, command) in [
        (1, &["chown", "alice"][..]),
        (1, &["chmod", "777"]),
        (1, &["./give.sh"]),
        (2, &["chown", "alice"]),
        (2, &["./give.sh"]),
    ] {
        let mut operands = vec!["data/deep/b"];
        if names > 1 {
            operands.push("data/twin");
            let _ = fs::hard_link(&tool, root.join("data/twin"));
        }
        std::os::unix::fs::chown(&tool, Some(0), Some(0)).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o4755)).unwrap();
        let before = Tree::of(&root);
        let id = Place::System.run_command(&world, &[command, &operands].concat());
        // What is mapped can be written on, and takes no set-id bit away.
        let held = fs::OpenOptions::new().read(true).write(true).open(&tool).unwrap();
        Place::System.undo(&world, &id);
        Tree::of(&root).is(&before, &format!("{names} names, {command:?}"));
        let held = held.metadata().unwrap();
        assert_eq!(held.mode() & 0o6000, 0, "{names} names, {command:?}");
        assert_ne!(held.ino(), tool.metadata().unwrap().ino(), "{names} names, {command:?}");
    }
}

#[test]
fn whoever_writes_to_a_file_that_a_command_gave_them_does_not_write_to_it_once_it_is_back() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let file = root.join("conf/other.conf");
    std::os::unix::fs::chown(&file, Some(0), Some(0)).unwrap();
    for change in ["chown alice \"$1\"", "chmod 666 \"$1\"", "chgrp 4101 \"$1\"; chmod 664 \"$1\""]
    {
        let give = root.join("give.sh");
        fs::write(&give, format!("#!/bin/sh\n{change}\necho more >>\"$1\"\n")).unwrap();
        fs::set_permissions(&give, fs::Permissions::from_mode(0o755)).unwrap();
        let before = Tree::of(&root);
        let id = Place::System.run_command(&world, &["./give.sh", "conf/other.conf"]);
        let held = fs::OpenOptions::new().write(true).open(&file).unwrap();
        Place::System.undo(&world, &id);
        Tree::of(&root).is(&before, change);
        assert_ne!(held.metadata().unwrap().ino(), file.metadata().unwrap().ino(), "{change}");
    }
}

#[test]
fn whoever_puts_another_directory_where_one_has_just_come_back_is_not_given_it() {
    let world = world_or_skip!();
    world.policy(ALLOW_ALL);
    let root = world.outside("srv/hers");
    let (back, roots) = (root.join("back"), root.join("roots"));
    fs::create_dir_all(&back).unwrap();
    fs::create_dir(&roots).unwrap();
    fs::set_permissions(&roots, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(root.join("a"), "one of many names").unwrap();
    for number in 0..2000 {
        fs::hard_link(root.join("a"), back.join(number.to_string())).unwrap();
    }
    for place in ["srv/hers", "srv/hers/a", "srv/hers/back"] {
        world.own(place, "alice");
    }
    let id = id_of(
        &world
            .hitl("alice", &["run", "--json", "--", "rm", "-rf", "/srv/hers/a", "/srv/hers/back"])
            .run()
            .exits(0),
    );
    let undo = world.hitl("alice", &["undo", &id]).command().spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while !back.exists() {
        assert!(Instant::now() < end, "it did not come back");
    }
    fs::rename(&back, root.join("aside")).unwrap();
    fs::rename(&roots, &back).unwrap();
    finish(undo);
    let now = back.metadata().unwrap();
    assert_eq!((now.uid(), now.mode() & 0o7777), (0, 0o700));
}

#[test]
fn a_deep_tree_does_not_fill_the_disk_with_its_own_paths() {
    let world = world_or_skip!();
    world.policy(&policy("    snapshot: {max_files: 2000}\n"));
    let mut deep = rustix::fs::open(
        world.outside("srv"),
        rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    let name = "d".repeat(250);
    for _ in 0..1000 {
        rustix::fs::mkdirat(&deep, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        deep = rustix::fs::openat(&deep, &name, flags, rustix::fs::Mode::empty()).unwrap();
    }
    let words = ["run", "--", "chmod", "-R", "u+rwX", &format!("/srv/{name}")];
    let ran = world.hitl("root", &words).run().exits(125);
    ran.says("the limit is 64 MiB of names and attributes");
}

#[test]
fn a_file_that_a_file_server_has_a_lease_on_is_waited_for() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let lease = "import fcntl,os,signal,time\n\
        f=open('/srv/site/conf/other.conf','r+')\n\
        def give(*_): time.sleep(0.3); fcntl.fcntl(f,fcntl.F_SETLEASE,fcntl.F_UNLCK); os._exit(0)\n\
        signal.signal(signal.SIGIO,give)\n\
        fcntl.fcntl(f,fcntl.F_SETLEASE,fcntl.F_WRLCK)\n\
        open('/srv/leased','w').close()\n\
        time.sleep(60)\n";
    let server = world.program("root", "/usr/bin/python3", &["-c", lease]).command().spawn();
    let server = server.unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while !world.outside("srv/leased").exists() {
        assert!(Instant::now() < end, "there is no lease");
        std::thread::sleep(Duration::from_millis(5));
    }
    let before = Tree::of(&root);
    let id = Place::System.run_command(&world, &["chmod", "600", "conf/other.conf"]);
    finish(server);
    Place::System.undo(&world, &id);
    Tree::of(&root).is(&before, "after the undo");
}

#[test]
fn what_a_user_has_mounted_for_themselves_keeps_no_tree_from_being_snapshotted() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    fs::create_dir(root.join("data/hers")).unwrap();
    let before = Tree::of(&root);
    let mount = "import ctypes,os,subprocess,sys\n\
        device=os.open('/dev/fuse',os.O_RDWR)\n\
        options=f'fd={device},rootmode=40000,user_id=4101,group_id=4101'.encode()\n\
        if ctypes.CDLL(None).mount(b'hers',b'/srv/site/data/hers',b'fuse',6,options): sys.exit(9)\n\
        sys.exit(subprocess.run(sys.argv[1:]).returncode)\n";
    let run = ["hitl", "run", "--json", "--", "chmod", "-R", "g-w", "/srv/site/data"];
    let ran = world.program("root", "/usr/bin/python3", &[&["-c", mount], &run[..]].concat()).run();
    if ran.code() == 9 || !Path::new("/dev/fuse").exists() {
        eprintln!("skipped: there is no FUSE here");
        return;
    }
    // It is chmod that fails there.
    let id = id_of(&ran.exits(1));
    world.hitl("root", &["undo", &id]).run().exits(0);
    Tree::of(&root).is(&before, "after the undo");
}

#[test]
fn a_damaged_pack_is_named_and_nothing_is_half_restored() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let before = Tree::of(&root);
    let id = Place::System.run_command(&world, &["rm", "-r", "conf", "data"]);
    let content = b"listen 80\nroot /srv/www\n";
    let (pack, at) = pack_with(&world.outside("var-lib/hitl/snapshots/packs"), content);
    let name = pack.file_name().unwrap().to_str().unwrap();
    let (removed, whole) = (Tree::of(&root), fs::read(&pack).unwrap());
    let mut changed = whole.clone();
    changed[at + content.len() - 2] = b'W';
    fs::write(&pack, changed).unwrap();
    let refused = Place::System.hitl(&world, &["undo", &id]).run().exits(1);
    refused.says("damaged").says(name).says("conf/app.conf");
    Tree::of(&root).is(&removed, "after the undo that could not be");
    for damage in [&whole[..at], b"", &[&whole[..], b"and more"].concat()] {
        fs::write(&pack, damage).unwrap();
        let refused = Place::System.hitl(&world, &["undo", &id]).run().exits(1);
        refused.says("its content in the store is damaged").says("conf/app.conf");
        Tree::of(&root).is(&removed, "after the undo that could not be");
    }
    fs::remove_file(&pack).unwrap();
    Place::System.hitl(&world, &["undo", &id]).run().exits(1).says("it is missing");
    Tree::of(&root).is(&removed, "after the undo that could not be");
    fs::write(&pack, whole).unwrap();
    Place::System.undo(&world, &id);
    Tree::of(&root).is(&before, "after the pack was mended");
}

/// The pack that has this content, and where.
fn pack_with(packs: &Path, content: &[u8]) -> (std::path::PathBuf, usize) {
    fs::read_dir(packs)
        .unwrap()
        .find_map(|pack| {
            let path = pack.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let at = bytes.windows(content.len()).position(|bytes| bytes == content)?;
            Some((path, at))
        })
        .unwrap()
}

/// What a command may be; `P` and `Q` are paths.
const COMMANDS: [&str; 22] = [
    "rm -f P",
    "rm -rf P",
    "rmdir P",
    "mkdir -p P",
    "tee P",
    "tee -a P Q",
    "sed -i s/[a-m]/x/ P",
    "sed -i.orig s/[a-m]/x/ P",
    "chmod 2750 P",
    "chmod -R go-rwx P",
    "touch P Q",
    "truncate -s 7 P",
    "ln -sfn b P",
    "ln -sf P Q",
    "install -d P",
    "install -m 600 P Q",
    "dd if=P of=Q",
    "mv -f P Q",
    "mv -T P Q",
    "cp -f P Q",
    "cp -a P Q",
    "cp -rT P Q",
];

/// A command on a few names, so that commands meet.
fn command() -> impl Strategy<Value = Vec<String>> {
    let path = || {
        let name = proptest::sample::select(&["a", "b", "c"][..]);
        proptest::collection::vec(name, 1..3).prop_map(|names| names.join("/"))
    };
    (proptest::sample::select(&COMMANDS[..]), path(), path()).prop_map(|(words, one, two)| {
        let word = |word: &str| match word {
            "P" => one.clone(),
            "Q" => two.clone(),
            _ => word.replace("=P", &format!("={one}")).replace("=Q", &format!("={two}")),
        };
        words.split(' ').map(word).collect()
    })
}

#[test]
fn whatever_commands_did_undoing_each_in_turn_brings_every_state_back() {
    let world = world_or_skip!();
    site(&world, Place::User, ALLOW_ALL);
    let config =
        ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let prepared = proptest::collection::vec(command(), 0..6);
    let commands = proptest::collection::vec(command(), 1..6);
    let number = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&(prepared, commands), |(prepared, commands)| {
            number.set(number.get() + 1);
            undone_in_turn(
                &world,
                &format!("/home/alice/case-{}", number.get()),
                &prepared,
                &commands,
            )
        })
        .unwrap();
}

fn undone_in_turn(
    world: &World,
    directory: &str,
    prepared: &[Vec<String>],
    commands: &[Vec<String>],
) -> Result<(), TestCaseError> {
    let inside = directory.trim_start_matches('/');
    let root = world.outside(inside);
    fs::create_dir(&root).unwrap();
    world.own(inside, "alice");
    // Whether a command succeeds is its own business.
    for command in prepared {
        let (program, arguments) = command.split_first().unwrap();
        let call = world.program("alice", program, arguments).in_directory(directory);
        call.with_input(b"prepared\n").run();
    }
    let mut steps = Vec::new();
    for command in commands {
        let before = Tree::of(&root);
        let mut arguments = vec!["run".to_owned(), "--json".into(), "--".into()];
        arguments.extend(command.iter().cloned());
        let call = world.plain_hitl("alice", &arguments).in_directory(directory);
        let ran = call.with_input(b"by a command\n").run();
        prop_assert_eq!(&ran.json()["outcome"], "ended", "{:?}", ran);
        if ran.json()["undoable"] == true {
            steps.push((id_of(&ran), before));
        } else {
            prop_assert_eq!(&Tree::of(&root), &before, "{:?} cannot be undone", command);
        }
    }
    for (id, before) in steps.iter().rev() {
        let undone = world.plain_hitl("alice", &["undo", "--json", id]).run();
        prop_assert_eq!(undone.code(), 0, "{:?}", undone);
        prop_assert_eq!(&Tree::of(&root), before, "after the undo of {}", id);
    }
    Ok(())
}

#[test]
fn an_argument_that_is_no_text_reaches_the_command_byte_for_byte() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    let odd = std::ffi::OsStr::from_bytes(b"odd \xfe name");
    let id = Place::System.run_command(&world, &["touch".as_ref(), odd]);
    assert!(root.join(odd).exists());
    Place::System.undo(&world, &id);
    assert!(!root.join(odd).exists());
}
