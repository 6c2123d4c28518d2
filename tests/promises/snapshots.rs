//! The snapshot before a command: taken in time, whole or not at all, and open to be looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::tree::Tree;
use crate::undoing::{ALLOW_ALL, Place, id_of, site};
use crate::world::{Ran, World};
use crate::world_or_skip;

fn with_snapshot(members: &str) -> String {
    format!("{ALLOW_ALL}    snapshot: {{{members}}}\n")
}

fn runs(world: &World) -> Vec<Value> {
    let ran = world.hitl("root", &["snapshots", "--json"]).run().exits(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_list_names_every_run_with_its_state_the_newest_first() {
    let world = world_or_skip!();
    site(&world, Place::System, ALLOW_ALL);
    let place = Place::System;
    let listed = place.hitl(&world, &["snapshots"]).run().exits(0).says("there are no snapshots");
    assert_eq!(listed.stdout, "");
    let first = place.run_command(&world, &["rm", "conf/app.conf"]);
    let second = place.run_command(&world, &["touch", "conf/with a blank"]);
    let undo = place.undo(&world, &first);
    let listed = place.hitl(&world, &["snapshots"]).run().exits(0);
    let by_name = place.hitl(&world, &["snapshots", "list"]).run().exits(0);
    let ids_of = |ran: &Ran| -> Vec<String> {
        ran.stdout.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(ids_of(&by_name), ids_of(&listed));
    // A path that was mistyped is not taken for a run that changed nothing.
    let elsewhere = place.hitl(&world, &["snapshots", "diff", &second, "typo"]).run().exits(0);
    elsewhere.says("at /srv/site/typo or below, and that you may see, was changed");
    let rows: Vec<Vec<&str>> =
        listed.stdout.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(ids, [undo.as_str(), &second, &first], "{listed:?}");
    assert_eq!((rows[0][2], rows[1][2], rows[2][2]), ("can", "can", "undone"), "{listed:?}");
    assert_eq!(rows[1][4], "alice", "{listed:?}");
    assert!(!listed.stdout.contains('\u{1b}'), "{listed:?}");
    let listed = runs(&world);
    let states: Vec<_> = listed.iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["complete", "complete", "undone"]);
    assert_eq!(listed[0]["undo_of"], first.as_str());
    assert_eq!(listed[2]["argv"], json!(["rm", "conf/app.conf"]));
}

#[test]
fn show_says_what_a_snapshot_holds_and_what_it_does_not() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        site(&world, place, ALLOW_ALL);
        let id = place.run_command(&world, &["./tool.sh", "conf/other.conf", "conf/new"]);
        let shown = place.hitl(&world, &["snapshots", "show", &id]).run().exits(0);
        let tree = place.tree();
        let line = |path: &str| {
            let path = format!("{tree}/{path}");
            shown.stdout.lines().find(|line| line.ends_with(&path)).map(str::to_owned)
        };
        let file = line("conf/other.conf").unwrap_or_else(|| panic!("{shown:?}"));
        assert!(
            file.starts_with("file") && file.contains("0604") && file.contains(" 6 "),
            "{file}"
        );
        assert!(line("conf/new").is_some_and(|line| line.starts_with("nothing")), "{shown:?}");
        let shown = shown.prints("not covered: hitl does not know which files ./tool.sh writes");
        let beginning = shown.stdout.split_whitespace().nth(1).unwrap()[..6].to_owned();
        let json =
            place.hitl(&world, &["snapshots", "show", "--json", &beginning]).run().exits(0).json();
        assert_eq!(json["run"]["id"], id.as_str());
        assert_eq!(json["run"]["argv"][0], "./tool.sh");
        let entries = json["before"]["entries"].as_array().unwrap();
        let entry =
            |path: &str| entries.iter().find(|entry| entry["path"] == format!("{tree}/{path}"));
        assert_eq!(entry("conf/other.conf").unwrap()["node"]["size"], 6, "{json}");
        assert_eq!(entry("conf/new").unwrap()["node"]["type"], "absent", "{json}");
        place.hitl(&world, &["snapshots", "show", "ZZZZ-ZZZZ"]).run().exits(1).says("no snapshot");
    }
}

#[test]
fn diff_shows_what_changed_in_content_and_otherwise_and_nothing_in_it_acts_on_a_terminal() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let script = "#!/bin/sh\nprintf 'listen 81\\033]0;title\\007\\nroot /srv/www\\n' >conf/app.conf\n\
                      chmod 644 conf/app.conf; rm conf/other.conf; echo made >conf/made\n\
                      printf 'b\\0other\\n' >data/deep/b; ln -sfn other.conf conf/link\n";
        fs::write(root.join("tidy.sh"), script).unwrap();
        let paths = ["conf/app.conf", "conf/other.conf", "conf/made", "data/deep/b", "conf/link"];
        let command: Vec<&str> = ["./tidy.sh"].into_iter().chain(paths).collect();
        let id = place.run_command(&world, &command);
        let shown =
            place.hitl(&world, &["snapshots", "diff", "--color", "never", &id]).run().exits(0);
        let tree = place.tree();
        for line in [
            format!("~ {tree}/conf/app.conf (file)").as_str(),
            "    -listen 80",
            "    +listen 81\\e]0;title\\u{7}",
            "     root /srv/www",
            &format!("- {tree}/conf/other.conf (file)"),
            "    -other",
            &format!("+ {tree}/conf/made (file)"),
            "    +made",
            &format!("~ {tree}/conf/link (symbolic link)"),
        ] {
            assert!(shown.stdout.lines().any(|shown| shown == line), "{line:?}: {}", shown.stdout);
        }
        assert!(shown.stdout.contains("0640 -> 0644"), "{}", shown.stdout);
        let odd = |byte: &u8| *byte < 0x20 && *byte != b'\n' || *byte == 0x7f;
        assert!(!shown.stdout_bytes.iter().any(odd), "{shown:?}");
        // Only what was asked for, from the directory that it was asked in.
        let some = place.hitl(&world, &["snapshots", "diff", "--json", &id, "data"]).run().exits(0);
        let some: Vec<Value> =
            some.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(some.len(), 1, "{some:?}");
        assert_eq!(some[0]["change"]["path"], format!("{tree}/data/deep/b"));
    }
}

#[test]
fn diff_says_all_that_the_file_system_records_in_the_words_of_its_tools() {
    let world = world_or_skip!();
    let place = Place::System;
    let paths = with_snapshot("paths: [/srv/site/conf, /srv/site/data]");
    let root = site(&world, place, &paths);
    fs::write(root.join("conf/sparse"), vec![7; 1 << 16]).unwrap();
    fs::write(root.join("conf/large"), vec![7; (1 << 20) + 1]).unwrap();
    fs::write(root.join("conf/second"), "x").unwrap();
    let script = "#!/bin/sh\nset -e\nsetfacl -m u:alice:rw- conf/app.conf\n\
                  setcap cap_net_raw=ep conf/other.conf\nchattr +d conf\n\
                  fallocate -p -o 0 -l 32768 conf/sparse\nprintf x >>conf/large\n\
                  setfattr -n user.origin -v elsewhere conf/app.conf\n\
                  chown alice:sre data/deep/a; touch -d @1 data/deep/b\n\
                  printf 'no end' >conf/made; ln -f conf/app.conf conf/second\n";
    fs::write(root.join("change.sh"), script).unwrap();
    world.mode("srv/site/change.sh", 0o755);
    let id = place.run_command(&world, &["./change.sh"]);
    let diff = |user: &str, more: &[&str]| {
        let arguments: Vec<&str> = ["snapshots", "diff", &id].iter().chain(more).copied().collect();
        world.hitl(user, &arguments).in_directory(place.tree()).run().exits(0)
    };
    let shown = diff("root", &[]);
    for line in [
        "    access list: none -> user::rw-,user:alice:rw-,group::r--,mask::rw-,other::---",
        "    attribute user.origin: 0x627920ff2068616e64 -> \"elsewhere\"",
        "    capabilities: none -> cap_net_raw=ep",
        "    holes: none -> 32 KiB of 64 KiB",
        "    owner: deploy:sre -> alice:sre",
        "    \\ No newline at end of file",
        "    hard link: became another name of /srv/site/conf/app.conf",
    ] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{line:?}: {}", shown.stdout);
    }
    let flags = shown.stdout.lines().find(|line| line.starts_with("    flags: ")).unwrap();
    assert!(flags.contains("d") && flags.contains(" -> "), "{flags}");
    let time = "modification time: ";
    let times = shown.stdout.lines().find(|line| line.trim_start().starts_with(time)).unwrap();
    assert!(times.ends_with(" -> 1970-01-01T00:00:01.000000000Z"), "{times}");
    let content = shown.stdout.lines().find(|line| line.contains("1048577 bytes, ")).unwrap();
    assert!(content.starts_with("    content: "), "{content}");
    assert!(content.contains(" -> 1048578 bytes, sha256:"), "{content}");

    let summary = diff("root", &["--stat", "conf"]);
    let line = |path: &str| {
        let heading = format!("/srv/site/conf/{path} (file)");
        summary.stdout.lines().find(|line| line.contains(&heading)).unwrap().to_owned()
    };
    assert_eq!(line("made"), "+ /srv/site/conf/made (file)  +1 -0");
    assert_eq!(line("large"), "~ /srv/site/conf/large (file)  1048577 -> 1048578 bytes");
    let app = line("app.conf");
    assert!(app.ends_with("  mode, access list, attribute user.origin"), "{app}");
    let last = summary.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("7 paths: 1 created, 0 removed, 6 changed; 3 lines added, 1 removed"),
        "{last}"
    );
}

#[test]
fn a_snapshot_that_would_be_too_large_stops_the_command() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, &with_snapshot("max_size: 10B"));
        let before = Tree::of(&root);
        let refused = place.start(&world, &["rm", "conf/app.conf"]).run().exits(125);
        refused.says("too large").says("max_size").says("conf/app.conf");
        Tree::of(&root).is(&before, "after a command that did not run");
        nothing_half_written(&store(&world, place));
        // What fits goes on.
        place.run_command(&world, &["rm", "conf/other.conf"]);
    }
}

#[test]
fn where_the_rule_only_warns_it_runs_and_says_that_it_cannot_be_undone() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, &with_snapshot("max_size: 10B, on_failure: warn"));
        let ran = place.start(&world, &["rm", "conf/app.conf"]).run().exits(0).says("too large");
        assert_eq!(ran.json()["undoable"], false, "{ran:?}");
        assert!(!root.join("conf/app.conf").exists());
        let id = id_of(&ran);
        place.hitl(&world, &["undo", &id]).run().exits(1).says("no snapshot");
    }
}

#[test]
fn a_run_that_was_denied_or_void_leaves_no_snapshot() {
    let world = world_or_skip!();
    let policy = "version: 1\nname: two\ndefaults: {decision: deny}\n\
                  groups: [{name: others, users: [bob]}]\n\
                  rules:\n  - id: asked\n    match: {command: rm}\n    decision: approve\n    risk: low\n\
                  \u{20}   require: [{group: others, count: 1}]\n";
    let root = site(&world, Place::System, policy);
    Place::System.start(&world, &["touch", "conf/app.conf"]).run().exits(77);
    assert_eq!(runs(&world), Vec::<Value>::new());
    let waiting =
        Place::System.start(&world, &["rm", "conf/app.conf"]).start_and_wait_for_request();
    // What it is bound to changes while it waits.
    fs::write(root.join("conf/app.conf"), "exchanged").unwrap();
    world.hitl("bob", &["approve", &waiting.id]).run();
    waiting.end().exits(77);
    assert!(root.join("conf/app.conf").exists());
    assert_eq!(runs(&world), Vec::<Value>::new());
    assert!(world.audit_actions().contains(&"request-void".to_owned()));
}

#[test]
fn a_command_that_fails_half_way_is_undone_like_any_other() {
    for place in [Place::System, Place::User] {
        let world = world_or_skip!();
        let root = site(&world, place, ALLOW_ALL);
        let script = "#!/bin/sh\necho half >\"$1\"; rm \"$2\"; kill -9 $$\n";
        fs::write(root.join("tool.sh"), script).unwrap();
        let before = Tree::of(&root);
        let call = place.start(&world, &["./tool.sh", "conf/app.conf", "conf/other.conf"]);
        let ran = call.run();
        assert!(!ran.status.success() && !root.join("conf/other.conf").exists(), "{ran:?}");
        let run = place.hitl(&world, &["snapshots", "--json"]).run().exits(0).json();
        place.undo(&world, run["id"].as_str().unwrap());
        Tree::of(&root).is(&before, "after the undo of what was killed");
    }
}

#[test]
fn what_a_user_cannot_read_is_not_touched_unless_the_rule_only_warns() {
    let world = world_or_skip!();
    let root = site(&world, Place::User, ALLOW_ALL);
    let secret = root.join("conf/other.conf");
    std::os::unix::fs::chown(&secret, Some(0), Some(0)).unwrap();
    world.mode("home/alice/site/conf/other.conf", 0o600);
    let before = Tree::of(&root);
    let refused = Place::User.start(&world, &["rm", "-rf", "conf"]).run().exits(125);
    refused.says("cannot read").says("conf/other.conf");
    Tree::of(&root).is(&before, "after a command that did not run");
    nothing_half_written(&store(&world, Place::User));
    Place::User.policy(&world, &with_snapshot("on_failure: warn"));
    Place::User.start(&world, &["rm", "-rf", "conf"]).run().exits(0).says("cannot read");
    assert!(!secret.exists());
}

#[test]
fn where_the_disk_is_full_nothing_runs_and_nothing_half_written_stays() {
    let world = world_or_skip!();
    let root = site(&world, Place::System, ALLOW_ALL);
    fs::write(root.join("large"), vec![7; 3 << 20]).unwrap();
    let disk = SmallDisk::new(&world.outside("var-lib/hitl"));
    let before = Tree::of(&root);
    let refused = Place::System.start(&world, &["rm", "-r", "conf", "large"]).run().exits(125);
    refused.says("No space left").says("make room");
    Tree::of(&root).is(&before, "after a command that did not run");
    nothing_half_written(&store(&world, Place::System));
    let started = fs::read_to_string(world.outside("var-lib/hitl/audit/000001.jsonl"));
    assert!(!started.is_ok_and(|log| log.contains("command-started")));
    // There is room for what is smaller.
    let id = Place::System.run_command(&world, &["rm", "-r", "conf"]);
    Place::System.undo(&world, &id);
    Tree::of(&root).is(&before, "after the undo of what fitted");
    drop(disk);
}

#[test]
fn the_store_is_closed_to_everybody_else() {
    use std::os::unix::fs::MetadataExt;
    let world = world_or_skip!();
    for (place, uid) in [(Place::System, 0), (Place::User, 2001)] {
        site(&world, place, ALLOW_ALL);
        place.run_command(&world, &["rm", "data/deep/b"]);
        for path in everything_in(&store(&world, place)) {
            let found = path.symlink_metadata().unwrap();
            assert_eq!((found.mode() & 0o6077, found.uid()), (0, uid), "{path:?}");
        }
        fs::remove_dir_all(place.outside(&world)).unwrap();
    }
}

/// Where the store is, from outside of the world.
pub fn store(world: &World, place: Place) -> PathBuf {
    match place {
        Place::System => world.outside("var-lib/hitl/snapshots"),
        Place::User => world.outside("home/alice/.local/state/hitl/snapshots"),
    }
}

/// No run, no object and nothing on its way there: what failed took back what it had written.
#[track_caller]
fn nothing_half_written(store: &Path) {
    let files: Vec<PathBuf> =
        everything_in(store).into_iter().filter(|path| path.is_file()).collect();
    // `lock`, and those of the objects.
    let is_lock = |path: &&PathBuf| path.to_str().is_some_and(|path| path.ends_with("lock"));
    let files: Vec<_> = files.iter().filter(|path| !is_lock(path)).collect();
    assert!(files.is_empty(), "{files:?}");
    let runs = store.join("runs");
    assert!(!runs.exists() || fs::read_dir(runs).unwrap().next().is_none());
}

/// All that is there, the directory itself included.
pub fn everything_in(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    let Ok(entries) = fs::read_dir(directory) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything_in(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A disk of two megabytes, mounted until it is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn new(at: &Path) -> Self {
        let mount = ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"];
        assert!(Command::new("mount").args(mount).arg(at).status().unwrap().success());
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{:?} stays mounted", self.0);
    }
}
