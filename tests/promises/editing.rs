//! `hitl edit`: the editor is the caller's and runs as the caller; what it leaves is decided about,
//! snapshotted and put in place like a command.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;

use crate::office::asked;
use crate::processes::process_of;
use crate::world::{Call, Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: editing
defaults: {decision: deny}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: own-notes
    match: {command: hitl, args: [edit, "*"], paths: ["/etc/app/free/*"]}
    decision: allow
    examples:
      match: ["hitl edit /etc/app/free/a.conf"]
      not_match: ["hitl edit /etc/app/free/../kept/a.conf", "tee /etc/app/free/a.conf"]
  - id: places-that-alice-owns
    match: {paths: ["/srv/**", "/home/**", "/etc/app/shared/**"]}
    decision: allow
  - id: reviewed
    match: {paths: ["/etc/app/kept/**"]}
    decision: approve
    require: [{group: sre, count: 1}]
  - id: asked
    match: {paths: ["/etc/app/asked/**"]}
    decision: confirm
  - id: cat
    match: {command: /usr/bin/cat, args: ["*"]}
    decision: allow
"#;

/// Files to edit, and a place for the copies.
fn prepared(world: World) -> World {
    world.policy(POLICY);
    for directory in ["free", "kept", "asked", "shared"] {
        let directory = format!("etc/app/{directory}");
        fs::create_dir_all(world.outside(&directory)).unwrap();
        world.mode(&directory, 0o755);
        world.write(&format!("{directory}/a.conf"), "one\n");
    }
    world.mode("etc/app", 0o755);
    fs::create_dir(world.outside("var-tmp")).unwrap();
    world.mode("var-tmp", 0o1777);
    world
}

/// alice edits, with this bash script for an editor; `$1` is the copy.
fn edits<'w>(world: &'w World, editor: &str, arguments: &[&str]) -> Call<'w> {
    world.install("own-editor", &format!("#!/bin/bash\n{editor}\n"));
    let words = [&["edit"], arguments].concat();
    world.hitl("alice", &words).with("EDITOR", "own-editor")
}

/// What is left of copies.
fn copies(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for directory in fs::read_dir(world.outside("var-tmp")).unwrap() {
        for file in fs::read_dir(directory.unwrap().path()).unwrap() {
            found.push(fs::read_to_string(file.unwrap().path()).unwrap_or_default());
        }
    }
    found
}

fn run_id(ran: &Ran) -> String {
    ran.json()["id"].as_str().unwrap().to_owned()
}

/// What the editors below do with a moment of their own: it is announced, and waited for.
const PAUSE: &str = "echo ready >>/srv/ready; read -r go </srv/go";

/// The two ends of that moment.
struct Gate {
    ready: fs::File,
    go: fs::File,
}

impl Gate {
    fn of(world: &World) -> Self {
        let open = |name: &str| {
            let path = world.outside(name);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            world.own(name, "alice");
            // Both ends, so that nothing here waits for an editor that never came.
            fs::File::options().read(true).write(true).open(path).unwrap()
        };
        Self { ready: open("srv/ready"), go: open("srv/go") }
    }

    /// Starts an edit, does something while the editor waits, and lets it go on.
    #[track_caller]
    fn meanwhile(&mut self, call: Call<'_>, doing: impl FnOnce(&Child)) -> Ran {
        let mut command = call.command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = [PollFd::new(self.ready.as_fd(), PollFlags::POLLIN)];
        let came = poll(&mut ready, 30_000_u16).unwrap() > 0;
        if came {
            assert_eq!(self.ready.read(&mut [0; 16]).unwrap(), "ready\n".len());
            doing(&child);
            self.go.write_all(b"go\n").unwrap();
        }
        let ran = crate::world::finish(child);
        assert!(came, "no editor came: {ran:?}");
        ran
    }
}

const FREE: &str = "/etc/app/free/a.conf";
const KEPT: &str = "/etc/app/kept/a.conf";

#[test]
fn what_the_editor_leaves_is_written_recorded_and_can_be_undone_and_redone() {
    let world = prepared(world_or_skip!());
    let ran = edits(&world, "echo two >>\"$1\"", &["--json", FREE]).run().exits(0);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\ntwo\n");
    assert_eq!(ran.json()["path"], FREE);
    assert_eq!(copies(&world), [""; 0]);
    let id = run_id(&ran);
    assert!(ran.stderr.contains(&format!("hitl undo {id}")), "{ran:?}");
    let undone = world.hitl("alice", &["undo", "--json", &id]).run().exits(0);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    world.hitl("alice", &["undo", &run_id(&undone)]).run().exits(0);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\ntwo\n");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    let started = world.audit().into_iter().find(|it| it["event"]["action"] == "command-started");
    let started = started.unwrap_or_else(|| panic!("{:?}", world.audit_actions()));
    assert!(started.to_string().contains(FREE), "{started}");
}

#[test]
fn the_editor_is_the_caller_without_privileges_and_with_their_own_environment() {
    let world = prepared(world_or_skip!());
    let editor = "grep -E '^(Uid|Gid|Groups|CapPrm):' /proc/self/status >/srv/seen/who
        env >/srv/seen/environment; umask >/srv/seen/umask; ls -l /proc/self/fd >/srv/seen/open
        stat -c '%U %a' \"$1\" \"${1%/*}\" >/srv/seen/copy; basename \"$1\" >>/srv/seen/copy
        cat /etc/app/secret >/srv/seen/secret";
    fs::create_dir(world.outside("srv/seen")).unwrap();
    world.own("srv/seen", "alice");
    world.write("etc/app/secret", "hush");
    world.mode("etc/app/secret", 0o600);
    edits(&world, editor, &[FREE])
        .with("BASH_ENV_OF_MINE", "kept")
        .with("LD_BIND_NOW", "1")
        .run()
        .exits(1)
        .says("ended with status 1");
    let seen: Vec<_> = world.read("srv/seen/who").split_whitespace().map(str::to_owned).collect();
    assert_eq!(
        seen.join(" "),
        "Uid: 2001 2001 2001 2001 Gid: 2001 2001 2001 2001 Groups: 2001 3001 CapPrm: 0000000000000000"
    );
    let environment = world.read("srv/seen/environment");
    for own in ["BASH_ENV_OF_MINE=kept", "LD_BIND_NOW=1", "HOME=/home/alice"] {
        assert!(environment.contains(own), "{own}: {environment}");
    }
    assert!(!environment.contains("HITL_"), "{environment}");
    assert_eq!(world.read("srv/seen/secret"), "");
    assert_eq!(world.read("srv/seen/copy"), "alice 600\nalice 700\na.conf\n");
    let umask = world.script("alice", "umask").run();
    assert_eq!(world.read("srv/seen/umask"), umask.stdout);
    let open = world.read("srv/seen/open");
    assert!(!open.contains("socket:") && !open.contains("/etc/app"), "{open}");
}

#[test]
fn owner_mode_attributes_and_access_list_are_kept_and_lent_rights_are_not() {
    let world = prepared(world_or_skip!());
    let file = world.outside("etc/app/free/a.conf");
    std::os::unix::fs::chown(&file, Some(2004), Some(3001)).unwrap();
    world.mode("etc/app/free/a.conf", 0o4754);
    // POSIX ACL, version 2: user::rwx, user:2002:r--, group::r-x, mask::r-x, other::r--.
    let list: [(u16, u16, u32); 5] =
        [(1, 7, !0), (2, 4, 2002), (4, 5, !0), (16, 5, !0), (32, 4, !0)];
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in list {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(&file, name, value, rustix::fs::XattrFlags::empty())
    };
    let get = |name: &str| {
        let mut value = vec![0; 256];
        rustix::fs::getxattr(&file, name, &mut value[..]).map(|length| value[..length].to_vec())
    };
    // Temporary files may be on a file system that knows neither.
    let lists = set("system.posix_acl_access", &value).is_ok();
    let attributes = set("user.origin", b"by hand").is_ok();
    let trusted = set("trusted.mark", b"root's").is_ok();
    let capability =
        set("security.capability", &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let before = fs::metadata(&file).unwrap();
    edits(&world, "echo two >>\"$1\"", &[FREE]).run().exits(0);
    let after = fs::metadata(&file).unwrap();
    assert_eq!((after.uid(), after.gid()), (2004, 3001));
    assert_eq!(after.mode() & 0o7777, before.mode() & 0o7777 & !0o4000);
    assert_eq!(after.mode() & 0o777, 0o754);
    if lists {
        assert_eq!(get("system.posix_acl_access").unwrap(), value);
    }
    if attributes {
        assert_eq!(get("user.origin").unwrap(), b"by hand");
    }
    if trusted {
        assert_eq!(get("trusted.mark").unwrap(), b"root's");
    }
    if capability.is_ok() {
        get("security.capability").unwrap_err();
    }
    assert!(lists || attributes || trusted, "nothing of this could be tested here");
}

#[test]
fn a_file_can_be_made_and_its_making_undone() {
    let world = prepared(world_or_skip!());
    let ran = edits(&world, "echo new >\"$1\"", &["--json", "/etc/app/free/b.conf"]).run().exits(0);
    let made = fs::metadata(world.outside("etc/app/free/b.conf")).unwrap();
    assert_eq!((made.uid(), made.mode() & 0o7777), (0, 0o644));
    assert_eq!(world.read("etc/app/free/b.conf"), "new\n");
    world.hitl("alice", &["undo", &run_id(&ran)]).run().exits(0);
    assert!(!world.outside("etc/app/free/b.conf").exists());
}

#[test]
fn what_was_not_changed_is_not_written_and_nothing_of_it_is_on_record() {
    let world = prepared(world_or_skip!());
    let before = fs::metadata(world.outside("etc/app/free/a.conf")).unwrap();
    let ran = edits(&world, "touch \"$1\"", &["--json", FREE]).run().exits(0).says("unchanged");
    assert_eq!(ran.json()["outcome"], "unchanged");
    let after = fs::metadata(world.outside("etc/app/free/a.conf")).unwrap();
    assert_eq!((after.ino(), after.mtime_nsec()), (before.ino(), before.mtime_nsec()));
    assert_eq!(copies(&world), [""; 0]);
    assert!(!world.outside("var-lib/hitl/audit").exists());
}

#[test]
fn an_editor_that_fails_changes_nothing_and_what_was_written_is_kept() {
    let world = prepared(world_or_skip!());
    let ran = edits(&world, "echo work >\"$1\"; exit 3", &[FREE]).run().exits(1);
    assert!(
        ran.stderr.contains("status 3") && ran.stderr.contains("/var/tmp/hitl-edit-"),
        "{ran:?}"
    );
    assert_eq!(copies(&world), ["work\n"]);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    let missing = edits(&world, "", &[FREE]).with("EDITOR", "no-such-editor").run();
    missing.exits(125).says("no-such-editor");
    assert_eq!(copies(&world).len(), 1, "a copy that nobody worked on is not kept");
}

#[test]
fn what_is_denied_is_told_before_the_editor_starts() {
    let world = prepared(world_or_skip!());
    world.write("etc/app/other", "x");
    for file in ["/etc/app/other", "/etc/app/free/../other", "/etc/app/nothing-here"] {
        edits(&world, "touch /home/alice/started", &[FREE, file]).run().exits(77).says("denied");
        assert!(!world.outside("home/alice/started").exists());
    }
    let told = ["privilege-requested", "policy-decided"].repeat(3);
    assert_eq!(world.audit_actions().split_off(1), told);
    assert_eq!(copies(&world), [""; 0]);
}

#[test]
fn another_human_sees_the_difference_and_approves_exactly_that() {
    let world = prepared(world_or_skip!());
    let editor = "printf 'one\\ntwo \\033[31m\\n' >\"$1\"";
    let ran = edits(&world, editor, &["--no-wait", "--json", KEPT]).run();
    let id = asked(&ran);
    assert_eq!(world.read("etc/app/kept/a.conf"), "one\n");
    let shown = world.hitl("bob", &["show", &id]).run().exits(0);
    assert!(shown.stdout.contains("+two \\e[31m\n"), "{shown:?}");
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
    let shown = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(shown["shown"]["edit"]["path"], KEPT);
    assert!(shown["difference"].to_string().contains("+two"), "{shown}");
    // Whoever may not see the request sees nothing of it, and its content is root's alone.
    world.hitl("mallory", &["show", &id]).run().exits(1);
    let kept = format!("/var/lib/hitl/edits/{id}");
    world.plain_script("alice", &format!("cat {kept}")).run().exits(1);
    assert!(world.outside(&format!("var-lib/hitl/edits/{id}")).exists());
    world.hitl("bob", &["approve", &id]).run().exits(0);
    // From anywhere: the file is named by its whole path.
    let resumed = world.hitl("alice", &["run", "--resume", &id]).in_directory("/home/alice").run();
    resumed.exits(0);
    assert_eq!(world.read("etc/app/kept/a.conf"), "one\ntwo \u{1b}[31m\n");
    assert!(!world.outside(&format!("var-lib/hitl/edits/{id}")).exists());
    world.hitl("alice", &["undo", &id]).run().exits(0);
    assert_eq!(world.read("etc/app/kept/a.conf"), "one\n");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn what_is_rejected_or_taken_back_is_not_written_nor_kept_for_it() {
    let world = prepared(world_or_skip!());
    for (who, line) in [("bob", "reject"), ("alice", "cancel")] {
        let id = asked(&edits(&world, "echo two >>\"$1\"", &["--no-wait", "--json", KEPT]).run());
        let words = [&[line, id.as_str()][..], if line == "reject" { &["-m", "no"] } else { &[] }];
        world.hitl(who, &words.concat()).run().exits(0);
        assert_eq!(world.read("etc/app/kept/a.conf"), "one\n");
        assert!(!world.outside(&format!("var-lib/hitl/edits/{id}")).exists());
    }
    assert_eq!(copies(&world), ["one\ntwo\n", "one\ntwo\n"], "work is never lost");
}

#[test]
fn an_approval_is_void_where_the_file_or_the_kept_content_was_changed() {
    let world = prepared(world_or_skip!());
    let approved = || {
        let id = asked(&edits(&world, "echo two >>\"$1\"", &["--no-wait", "--json", KEPT]).run());
        world.hitl("bob", &["approve", &id]).run().exits(0);
        id
    };
    let id = approved();
    world.write("etc/app/kept/a.conf", "changed\n");
    let shown = world.hitl("bob", &["show", &id]).run().exits(0);
    assert!(shown.stdout.contains("was changed since it was edited"), "{shown:?}");
    assert!(!shown.stdout.contains("+two"), "{shown:?}");
    world.hitl("alice", &["run", "--resume", &id]).run().exits(77).says("void");
    assert_eq!(world.read("etc/app/kept/a.conf"), "changed\n");
    let id = approved();
    world.write(&format!("var-lib/hitl/edits/{id}"), "another\n");
    let ran = world.hitl("alice", &["run", "--resume", &id]).run().exits(77);
    ran.says("void").says("content that was to be written was changed");
    let id = approved();
    fs::remove_file(world.outside(&format!("var-lib/hitl/edits/{id}"))).unwrap();
    world.hitl("alice", &["run", "--resume", &id]).run().exits(77).says("no longer there");
    assert_eq!(world.read("etc/app/kept/a.conf"), "changed\n");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn a_file_that_was_changed_while_it_was_edited_is_left_alone_and_the_edit_is_kept() {
    let world = prepared(world_or_skip!());
    let mut gate = Gate::of(&world);
    for (file, now) in [("a.conf", "theirs\n"), ("b.conf", "made\n")] {
        let path = format!("/etc/app/free/{file}");
        let call = edits(&world, &format!("echo mine >>\"$1\"; {PAUSE}"), &[&path]);
        let changed = gate.meanwhile(call, |_| world.write(&format!("etc/app/free/{file}"), now));
        changed.exits(1).says("changed in the meantime").says("kept in /var/tmp");
        assert_eq!(world.read(&format!("etc/app/free/{file}")), now);
        assert_eq!(
            fs::read_dir(world.outside("etc/app/free")).unwrap().count(),
            if file == "a.conf" { 1 } else { 2 }
        );
    }
    assert_eq!(copies(&world).len(), 2);
}

#[test]
fn links_special_files_and_files_with_several_names_are_not_edited() {
    let world = prepared(world_or_skip!());
    let inside = |name: &str| world.outside(&format!("etc/app/free/{name}"));
    symlink("/etc/shadow", inside("link")).unwrap();
    symlink("nothing", inside("dangling")).unwrap();
    fs::hard_link(inside("a.conf"), inside("twin")).unwrap();
    nix::unistd::mkfifo(&inside("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(inside("directory")).unwrap();
    for (name, why) in [
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("twin", "2 names"),
        ("pipe", "not a regular file"),
        ("directory", "not a regular file"),
    ] {
        let path = format!("/etc/app/free/{name}");
        edits(&world, "touch /home/alice/started", &[&path]).run().exits(77).says(why);
    }
    assert!(!world.outside("home/alice/started").exists());
}

#[test]
fn nothing_is_written_for_somebody_who_could_exchange_it() {
    let world = prepared(world_or_skip!());
    for directory in ["srv/hers", "srv/hers/below", "srv/open", "srv/of-group"] {
        fs::create_dir(world.outside(directory)).unwrap();
        world.write(&format!("{directory}/a.conf"), "one\n");
        world.mode(directory, 0o755);
    }
    world.own("srv/hers", "alice");
    world.mode("srv/open", 0o1777);
    std::os::unix::fs::chown(world.outside("srv/of-group"), None, Some(3001)).unwrap();
    world.mode("srv/of-group", 0o775);
    for file in ["hers/a.conf", "hers/below/a.conf", "open/a.conf", "open/new", "of-group/a.conf"] {
        let path = format!("/srv/{file}");
        let ran = edits(&world, "echo two >>\"$1\"", &[&path]).run();
        ran.exits(77).says("you can change /srv/");
    }
    // As themselves they may: nothing is lent.
    world.own("srv/hers/a.conf", "alice");
    let own = ["-u", "alice", "/srv/hers/a.conf"];
    edits(&world, "echo two >>\"$1\"", &own).run().exits(0);
    assert_eq!(world.read("srv/hers/a.conf"), "one\ntwo\n");
    assert_eq!(fs::metadata(world.outside("srv/hers/a.conf")).unwrap().uid(), 2001);
}

#[test]
fn a_directory_that_becomes_the_callers_during_the_edit_is_noticed_by_whoever_writes() {
    let world = prepared(world_or_skip!());
    // A directory on the way is given to alice while she edits, and she exchanges what is below.
    fs::create_dir_all(world.outside("srv/way/conf")).unwrap();
    world.write("srv/way/conf/a.conf", "one\n");
    for directory in ["srv/way", "srv/way/conf"] {
        world.mode(directory, 0o755);
    }
    fs::create_dir(world.outside("srv/elsewhere")).unwrap();
    world.write("srv/elsewhere/a.conf", "one\n");
    let mut gate = Gate::of(&world);
    for link in [true, false] {
        let swap = if link { "ln -s /srv/elsewhere conf" } else { "cp -r /srv/elsewhere conf" };
        let editor = format!(
            "echo mine >>\"$1\"; {PAUSE}; cd /srv/way && mv conf away && {swap} && touch swapped"
        );
        let call = edits(&world, &editor, &["/srv/way/conf/a.conf"]);
        let ran = gate.meanwhile(call, |_| world.own("srv/way", "alice"));
        fs::remove_file(world.outside("srv/way/swapped")).unwrap();
        assert!([1, 77, 125].contains(&ran.code()), "{ran:?}");
        assert!(ran.stderr.contains("kept in /var/tmp"), "{ran:?}");
        assert_eq!(world.read("srv/elsewhere/a.conf"), "one\n");
        assert_eq!(world.read("srv/way/away/a.conf"), "one\n");
        world
            .script("root", "cd /srv/way && rm -r conf && mv away conf && chown root .")
            .run()
            .exits(0);
    }
}

#[test]
fn a_copy_that_is_no_regular_file_any_more_is_not_read() {
    let world = prepared(world_or_skip!());
    world.write("etc/shadow", "root:secret\n");
    world.mode("etc/shadow", 0o600);
    for (editor, why) in [
        ("ln -sf /etc/shadow \"$1\"", "no regular file"),
        ("rm \"$1\"; mkfifo \"$1\"", "no regular file"),
        ("rm \"$1\"; mkdir \"$1\"", "no regular file"),
        ("rm \"$1\"", "No such file"),
        ("chmod 0 \"$1\"", "Permission denied"),
        ("truncate -s 65M \"$1\"", "larger than 64 MiB"),
    ] {
        let ran = edits(&world, editor, &[FREE]).run();
        assert!(ran.code() != 0 && ran.stderr.contains(why), "{editor}: {ran:?}");
        assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    }
    // The directory of the copy exchanged for one of links: what is held is the old one.
    let editor = "cd /var/tmp; d=${1%/*}; mv $d $d.old; mkdir $d; ln -s /etc/shadow $d/a.conf";
    edits(&world, editor, &[FREE]).run().exits(0).says("unchanged");
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
}

#[test]
fn what_the_caller_may_not_read_is_shown_only_where_nobody_is_asked_and_its_absence_is_no_news() {
    let world = prepared(world_or_skip!());
    for directory in ["kept", "asked", "free"] {
        world.mode(&format!("etc/app/{directory}"), 0o700);
    }
    let words = |file: &str| {
        let ran = edits(&world, "cat \"$1\" >/home/alice/seen", &[file]).run().exits(77);
        assert!(!world.outside("home/alice/seen").exists());
        ran.stderr.replace(file, "FILE")
    };
    symlink("/etc/shadow", world.outside("etc/app/kept/link")).unwrap();
    for directory in ["kept", "asked"] {
        let there = words(&format!("/etc/app/{directory}/a.conf"));
        assert!(there.contains("you may not read this yourself"), "{there}");
        for other in ["nothing", "link", "no/such/directory", "a.conf/below"] {
            assert_eq!(words(&format!("/etc/app/{directory}/{other}")), there, "{other}");
        }
    }
    // A rule that lets her edit it lets her see it.
    edits(&world, "cat \"$1\" >/home/alice/seen; echo two >>\"$1\"", &[FREE]).run().exits(0);
    assert_eq!(world.read("home/alice/seen"), "one\n");
    assert_eq!(world.read("etc/app/free/a.conf"), "one\ntwo\n");
}

#[test]
fn an_editor_with_a_double_dash_is_refused_and_a_bare_hitl_edit_is_no_command() {
    let world = prepared(world_or_skip!());
    for variable in ["SUDO_EDITOR", "VISUAL", "EDITOR"] {
        let call = edits(&world, "echo two >>\"$1\"", &[FREE]);
        let ran = call.with(variable, "own-editor -- /etc/shadow").run();
        ran.exits(77).says(variable);
    }
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    // Root's editor for whoever may edit: never.
    let nested = world.hitl("alice", &["run", "--", "hitl", "edit", FREE]).run();
    nested.exits(2).says("not started by \"hitl run\"");
    edits(&world, "true", &[FREE]).with("HITL_REQUEST_ID", "K7Q2-MX4P").run().exits(2);
    // In order, as sudoedit has them, and cut at white space.
    world.install("second", "#!/bin/bash\n[ $1 = -x ] && echo two >>\"$2\"\n");
    let call =
        edits(&world, "exit 9", &[FREE]).with("SUDO_EDITOR", " ").with("VISUAL", "second  -x");
    call.run().exits(0);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\ntwo\n");
}

#[test]
fn the_install_has_no_rights_but_those_of_whoever_starts_it() {
    let world = prepared(world_or_skip!());
    let line = format!(
        "d=sha256:$(printf x | sha256sum | cut -c-64); o=sha256:$(sha256sum <{FREE} | cut -c-64)
         printf x | hitl edit --content=$d --expect=$o {FREE}"
    );
    world.script("alice", &line).run().exits(125).says("Permission denied");
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    world.script("root", &line.replace("printf x | hitl", "printf y | hitl")).run().exits(1);
    world.script("root", &line).run().exits(0);
    assert_eq!(world.read("etc/app/free/a.conf"), "x");
}

#[test]
fn a_front_that_is_killed_in_the_editor_leaves_nothing_written() {
    let world = prepared(world_or_skip!());
    let mut gate = Gate::of(&world);
    let mut monitor = None;
    let ran =
        gate.meanwhile(edits(&world, &format!("echo mine >>\"$1\"; {PAUSE}"), &[FREE]), |front| {
            let children = process_of(front).children();
            monitor = children.into_iter().find(|it| it.status("Uid").starts_with('0'));
            // Whoever edits on does so for nobody.
            process_of(front).kill(Signal::SIGKILL);
        });
    assert_eq!(ran.status.signal(), Some(9));
    monitor.unwrap().comes_to(None);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    assert!(!world.outside("var-lib/hitl/audit").exists());
    assert_eq!(copies(&world), ["one\nmine\n"], "work is never lost");
}

#[test]
fn several_files_are_edited_at_once_and_undone_one_by_one() {
    let world = prepared(world_or_skip!());
    let files = ["--json", FREE, "/etc/app/shared/a.conf", FREE];
    let ran =
        edits(&world, "[ $# = 2 ] && for f; do echo two >>\"$f\"; done", &files).run().exits(0);
    for directory in ["free", "shared"] {
        assert_eq!(world.read(&format!("etc/app/{directory}/a.conf")), "one\ntwo\n");
    }
    let lines: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, [FREE, "/etc/app/shared/a.conf"]);
    world.hitl("alice", &["undo", lines[0]["id"].as_str().unwrap()]).run().exits(0);
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
    assert_eq!(world.read("etc/app/shared/a.conf"), "one\ntwo\n");
}

#[test]
fn another_user_writes_with_their_own_rights_only() {
    let world = prepared(world_or_skip!());
    fs::create_dir(world.outside("srv/deploys")).unwrap();
    world.write("srv/deploys/a.conf", "one\n");
    world.own("srv/deploys", "deploy");
    world.own("srv/deploys/a.conf", "deploy");
    let arguments = ["-u", "deploy", "/srv/deploys/a.conf"];
    edits(&world, "echo two >>\"$1\"", &arguments).run().exits(0);
    assert_eq!(world.read("srv/deploys/a.conf"), "one\ntwo\n");
    let file = fs::metadata(world.outside("srv/deploys/a.conf")).unwrap();
    assert_eq!((file.uid(), file.gid()), (2004, 2004));
    let arguments = ["-u", "deploy", FREE];
    let ran = edits(&world, "echo two >>\"$1\"", &arguments).run();
    ran.exits(125).says("Permission denied").says("kept in");
    assert_eq!(world.read("etc/app/free/a.conf"), "one\n");
}

#[test]
fn without_privileges_it_edits_what_is_ones_own() {
    let world = prepared(world_or_skip!());
    world.user_policy(
        "alice",
        "version: 1\nname: own\ndefaults: {decision: confirm}\nrules:\n  - id: notes\n    match: {command: /home/.built/hitl, args: [edit, \"*\"], paths: [\"~/notes\"]}\n    decision: allow\n",
    );
    world.write("home/alice/notes", "one\n");
    world.own("home/alice/notes", "alice");
    world.install("own-editor", "#!/bin/bash\necho two >>\"$1\"\n");
    let call = world
        .plain_hitl("alice", &["edit", "--no-wait", "--json", "notes"])
        .in_directory("/home/alice");
    let ran = call.with("EDITOR", "own-editor").run().exits(0);
    assert_eq!(world.read("home/alice/notes"), "one\ntwo\n");
    world.plain_hitl("alice", &["undo", &run_id(&ran)]).run().exits(0);
    assert_eq!(world.read("home/alice/notes"), "one\n");
    assert!(Path::new(&world.outside("home/alice/.local/state/hitl")).exists());
}

#[test]
fn a_key_that_stops_the_editor_stops_hitl_with_it_and_both_go_on() {
    let world = prepared(world_or_skip!());
    world.install(
        "own-editor",
        "#!/bin/bash\necho in the editor\nread -r line\necho $line >>\"$1\"\n",
    );
    let (mut terminal, other_end) = crate::terminal::Terminal::new();
    let mut command = world
        .program("alice", "/bin/bash", &["--norc", "--noediting", "-i"])
        .with("PS1", "ready> ")
        .with("EDITOR", "own-editor")
        .on_terminal(other_end)
        .command();
    let mut shell = command.spawn().unwrap();
    drop(command);
    terminal.shows("ready> ");
    terminal.types(&format!("hitl edit {FREE}\n"));
    terminal.shows("in the editor");
    terminal.forget();
    let front = process_of(&shell).child();
    terminal.types("\x1a");
    terminal.shows("Stopped");
    terminal.shows("ready> ");
    // Under load the editor may have been woken by the key, and not have stopped yet: it would read
    // what is typed next, as it would without hitl.
    let editor = front.children().into_iter().find(|child| child.stat(3) == front.stat(3)).unwrap();
    editor.comes_to(Some('T'));
    terminal.forget();
    terminal.types("fg\n");
    terminal.shows("hitl edit");
    terminal.types("two\n");
    terminal.shows("is written");
    assert_eq!(world.read("etc/app/free/a.conf"), "one\ntwo\n");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shell.id() as i32), Signal::SIGHUP).unwrap();
    shell.wait().unwrap();
}
