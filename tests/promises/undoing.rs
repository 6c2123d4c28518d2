//! `hitl undo`: what a command did to files is taken back, wholly.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use crate::tree::{Tree, awkward_name, set_modified};
use crate::world::{Call, Ran, World};
use crate::world_or_skip;

/// Whatever is asked is allowed: these promises are about what happens after that.
pub const ALLOW_ALL: &str = r#"
version: 1
name: undoing
defaults: {decision: deny}
rules:
  - id: everything
    match: {command: "/**"}
    decision: allow
    risk: low
"#;

/// Where a person works: as an installed hitl's user, or where it has no privileges.
#[derive(Clone, Copy)]
pub enum Place {
    System,
    User,
}

impl Place {
    /// The tree that commands change, inside of the world.
    pub fn tree(self) -> &'static str {
        match self {
            Self::System => "/srv/site",
            Self::User => "/home/alice/site",
        }
    }

    /// The same tree from outside of it.
    pub fn outside(self, world: &World) -> PathBuf {
        world.outside(self.tree().trim_start_matches('/'))
    }

    /// Alice's hitl, called in that tree.
    pub fn hitl<'w, A: AsRef<OsStr>>(self, world: &'w World, arguments: &[A]) -> Call<'w> {
        let call = match self {
            Self::System => world.hitl("alice", arguments),
            Self::User => world.plain_hitl("alice", arguments),
        };
        call.in_directory(self.tree())
    }

    /// Puts the policy where this place looks for it.
    pub fn policy(self, world: &World, policy: &str) {
        match self {
            Self::System => world.policy(policy),
            Self::User => {
                fs::create_dir_all(world.outside("home/alice/.config/hitl")).unwrap();
                world.write("home/alice/.config/hitl/policy.yaml", policy);
                for path in ["", "/.config", "/.config/hitl", "/.config/hitl/policy.yaml"] {
                    world.own(&format!("home/alice{path}"), "alice");
                }
            }
        }
    }

    /// Runs a command and returns its run's id.
    #[track_caller]
    pub fn run_command<A: AsRef<OsStr>>(self, world: &World, command: &[A]) -> String {
        id_of(&self.start(world, command).run().exits(0))
    }

    /// `hitl run --json -- COMMAND`, not yet started.
    pub fn start<'w, A: AsRef<OsStr>>(self, world: &'w World, command: &[A]) -> Call<'w> {
        let mut arguments: Vec<OsString> = ["run", "--json", "--"].map(Into::into).to_vec();
        arguments.extend(command.iter().map(|word| word.as_ref().to_owned()));
        self.hitl(world, &arguments)
    }

    /// Undoes a run wholly and returns the id of the undo's own run.
    #[track_caller]
    pub fn undo(self, world: &World, id: &str) -> String {
        let ran = self.hitl(world, &["undo", "--json", id]).run().exits(0);
        assert_eq!(ran.json()["not_restored"], serde_json::json!([]), "{ran:?}");
        id_of(&ran)
    }
}

/// The run's id in what `--json` printed.
#[track_caller]
pub fn id_of(ran: &Ran) -> String {
    let id = ran.json()["id"].as_str().map(str::to_owned);
    id.unwrap_or_else(|| panic!("no id: {ran:?}"))
}

/// A world with a tree of everything that a file system can hold, at a place.
pub fn site(world: &World, place: Place, policy: &str) -> PathBuf {
    place.policy(world, policy);
    let root = place.outside(world);
    for directory in ["conf", "data/deep", "data/empty"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let files: [(&str, &str, u32); 6] = [
        ("conf/app.conf", "listen 80\nroot /srv/www\n", 0o640),
        ("conf/other.conf", "other\n", 0o604),
        ("data/deep/a", "", 0o444),
        ("data/deep/b", "b\0binary\n", 0o4755),
        ("tool.sh", "#!/bin/sh\necho changed >>\"$1\"; echo new >\"$2\"\n", 0o755),
        (
            "tidy.sh",
            "#!/bin/sh\nrm conf/other.conf; echo x >conf/made; chmod 777 conf/app.conf\n",
            0o755,
        ),
    ];
    for (name, content, mode) in files {
        write(&root.join(name), content.as_bytes(), mode);
    }
    write(&root.join("data").join(awkward_name()), b"awkward", 0o600);
    symlink("app.conf", root.join("conf/link")).unwrap();
    symlink("nowhere\nat all", root.join("data/dangling")).unwrap();
    nix::unistd::mkfifo(&root.join("data/pipe"), nix::sys::stat::Mode::from_bits_truncate(0o620))
        .unwrap();
    set_permissions(&root.join("data/empty"), 0o2750);
    set_permissions(&root.join("data"), 0o1775);
    rustix::fs::lsetxattr(
        root.join("conf/app.conf"),
        c"user.origin",
        b"by \xff hand",
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
    bundle(&root);
    own_and_date(place, &root, &mut 0);
    root
}

/// An archive beside the tree that overwrites one of its files and brings others.
fn bundle(root: &Path) {
    let content = tempfile::tempdir().unwrap();
    fs::create_dir_all(content.path().join("conf")).unwrap();
    fs::create_dir_all(content.path().join("unpacked/deep")).unwrap();
    fs::write(content.path().join("conf/app.conf"), "from the archive\n").unwrap();
    fs::write(content.path().join("unpacked/deep/file"), "also\n").unwrap();
    let mut tar = std::process::Command::new("tar");
    tar.arg("-cf").arg(root.with_file_name("bundle.tar")).arg("-C").arg(content.path());
    assert!(tar.args(["conf/app.conf", "unpacked"]).status().unwrap().success());
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    set_permissions(path, mode);
}

fn set_permissions(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Owners that differ where somebody but root may have them, and times that no two paths share.
fn own_and_date(place: Place, path: &Path, count: &mut u32) {
    *count += 1;
    let found = path.symlink_metadata().unwrap();
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own_and_date(place, &entry.unwrap().path(), count);
        }
    }
    let (uid, gid) = match place {
        Place::System => (2000 + *count % 5, 3001),
        Place::User => (2001, if (*count).is_multiple_of(2) { 3001 } else { 2001 }),
    };
    lchown(path, Some(uid), Some(gid)).unwrap();
    if !found.is_symlink() {
        // A change of owner takes the special bits away.
        fs::set_permissions(path, found.permissions()).unwrap();
    }
    set_modified(path, 1_000_000_000 + i64::from(*count), 123_456_789 + i64::from(*count));
}

/// Runs a command in both places; then undoes it, does it again, and undoes that.
fn comes_back(command: &[&str]) {
    for place in [Place::System, Place::User] {
        comes_back_in(place, ALLOW_ALL, command, b"from standard input\n");
    }
}

fn comes_back_in(place: Place, policy: &str, command: &[&str], input: &[u8]) {
    let world = World::new();
    let root = site(&world, place, policy);
    let before = Tree::of(&root);
    let id = id_of(&place.start(&world, command).with_input(input).run().exits(0));
    let after = Tree::of(&root);
    assert_ne!(before, after, "{command:?} changed nothing");
    let undo = place.undo(&world, &id);
    Tree::of(&root).is(&before, &format!("after the undo of {command:?}"));
    let redo = place.undo(&world, &undo);
    Tree::of(&root).is(&after, &format!("after the undo of the undo of {command:?}"));
    place.undo(&world, &redo);
    Tree::of(&root).is(&before, &format!("after all undos of {command:?}"));
}

/// One test for each command, so that a failure says which.
macro_rules! commands_come_back {
    ($($name:ident: $($word:literal)+;)+) => {
        $(#[test]
        fn $name() {
            if crate::world::can_have_a_world(stringify!($name)) {
                comes_back(&[$($word),+]);
            }
        })+
    };
}

commands_come_back! {
    rm_comes_back: "rm" "-f" "conf/app.conf";
    rm_of_a_link_and_a_dangling_one_comes_back: "rm" "conf/link" "data/dangling";
    rm_of_a_directory_comes_back: "rm" "-rf" "data";
    rmdir_comes_back: "rmdir" "data/empty";
    mv_to_a_new_name_comes_back: "mv" "conf/app.conf" "moved.conf";
    mv_over_a_file_comes_back: "mv" "-f" "conf/app.conf" "conf/other.conf";
    mv_of_a_directory_comes_back: "mv" "data" "elsewhere";
    mv_into_a_directory_comes_back: "mv" "data" "conf";
    cp_over_a_file_comes_back: "cp" "conf/app.conf" "conf/other.conf";
    cp_through_a_link_comes_back: "cp" "conf/other.conf" "conf/link";
    cp_to_a_new_name_comes_back: "cp" "-p" "conf/app.conf" "fresh.conf";
    cp_of_a_directory_comes_back: "cp" "-a" "data" "copy";
    mkdir_comes_back: "mkdir" "-p" "made/of/many";
    sed_in_place_comes_back: "sed" "-i" "s/80/81/" "conf/app.conf";
    sed_with_a_backup_comes_back: "sed" "-i.orig" "s/80/81/" "conf/app.conf";
    tee_comes_back: "tee" "conf/app.conf" "conf/new";
    tee_that_appends_comes_back: "tee" "-a" "conf/link";
    chmod_comes_back: "chmod" "4711" "conf/app.conf";
    chmod_of_a_tree_comes_back: "chmod" "-R" "u=rwX,go=" "data";
    chgrp_comes_back: "chgrp" "alice" "conf/app.conf" "conf/other.conf" "data/deep/b";
    ln_over_a_link_comes_back: "ln" "-sfn" "other.conf" "conf/link";
    ln_over_a_file_comes_back: "ln" "-sf" "other.conf" "conf/app.conf";
    a_hard_link_comes_back: "ln" "conf/app.conf" "conf/twin";
    truncate_comes_back: "truncate" "-s" "3" "conf/app.conf";
    touch_comes_back: "touch" "conf/app.conf" "conf/new";
    touch_of_a_directory_comes_back: "touch" "data";
    install_comes_back: "install" "-m" "755" "conf/app.conf" "conf/other.conf";
    install_of_directories_comes_back: "install" "-d" "made/of/many" "data";
    dd_comes_back: "dd" "if=tool.sh" "of=conf/app.conf" "bs=4" "count=2";
    tar_that_extracts_comes_back: "tar" "-xf" "../bundle.tar";
    unlink_comes_back: "unlink" "conf/other.conf";
    a_script_that_hitl_does_not_know_comes_back: "./tool.sh" "conf/app.conf" "conf/new";
}

#[test]
fn a_change_of_owner_comes_back() {
    drop(world_or_skip!());
    for command in [
        &["chown", "mallory:alice", "conf/app.conf"][..],
        &["chown", "-R", "mallory", "data"],
        &["chown", "-h", "mallory:", "conf/link"],
    ] {
        comes_back_in(Place::System, ALLOW_ALL, command, b"");
    }
}

#[test]
fn find_that_deletes_is_judged_like_rm_too_and_comes_back() {
    let world = world_or_skip!();
    // Whoever may find things may not remove them without bob.
    let approved = ALLOW_ALL.replace(
        "defaults: {decision: deny}",
        "defaults: {decision: approve, require: [{group: ops, count: 1}]}\ngroups: [{name: ops, users: [bob]}]",
    );
    let approved = approved.replace("{command: \"/**\"}", "{command: find}");
    let root = site(&world, Place::System, &approved);
    let before = Tree::of(&root);
    let command = ["run", "--", "find", "data/deep", "-name", "a", "-delete"];
    let waiting =
        world.hitl("alice", &command).in_directory("/srv/site").start_and_wait_for_request();
    let id = waiting.id.clone();
    world.hitl("bob", &["approve", &id]).run().exits(0);
    waiting.end().exits(0);
    assert_ne!(Tree::of(&root), before);
    world.hitl("alice", &["undo", &id]).run().exits(0);
    Tree::of(&root).is(&before, "after the undo");
}
