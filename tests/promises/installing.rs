//! Installing hitl by make, and what an administrator has then.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use nix::unistd::Uid;
use tempfile::TempDir;

use crate::world::HITL;
use crate::world_or_skip;

pub const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

pub const POLICY: &str = "\
version: 1
name: host
defaults: {decision: deny}
rules: [{id: harmless, match: {command: \"true\"}, decision: allow}]
";

pub fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("hitl-install-").tempdir().unwrap()
}

/// `make` in the sources, installing the binary under test below a directory.
fn make(target: &str, below: &Path, more: &[&str]) -> Output {
    let mut make = Command::new("make");
    make.args(["-C", SOURCE, "--no-print-directory", target]).args(more);
    make.arg(format!("DESTDIR={}", below.display())).arg(format!("BINARY={HITL}"));
    let output = make.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// All files below a directory, by their paths from there, with their modes.
pub fn files(below: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(below).unwrap().to_str().unwrap().to_owned();
                found.push((name, metadata.mode() & 0o7777));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn make_install_puts_every_file_in_its_place_and_uninstall_takes_it_away() {
    let root = temporary();
    let output = make("install", root.path(), &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("installed "), "{output:?}");
    let installed = files(root.path());
    let mode_of = |name: &str| {
        let found = installed.iter().find(|(path, _)| path == name);
        found.unwrap_or_else(|| panic!("{name} is not in {installed:#?}")).1
    };
    assert_eq!(mode_of("usr/local/bin/hitl"), 0o4755);
    assert_eq!(mode_of("usr/local/lib/hitl/hitl-notify"), 0o755);
    for name in [
        "etc/pam.d/hitl",
        "usr/local/lib/sysusers.d/hitl.conf",
        "usr/local/lib/tmpfiles.d/hitl.conf",
        "usr/local/lib/systemd/system/hitl-prune.service",
        "usr/local/lib/systemd/system/hitl-prune.timer",
        "usr/local/share/bash-completion/completions/hitl",
        "usr/local/share/fish/vendor_completions.d/hitl.fish",
        "usr/local/share/zsh/site-functions/_hitl",
        "usr/local/share/man/man1/hitl.1",
        "usr/local/share/man/man1/hitl-doctor.1",
        "usr/local/share/man/man5/hitl-policy.5",
    ] {
        assert_eq!(mode_of(name), 0o644, "{name}");
    }
    let pages = |section: &str| installed.iter().filter(|(path, _)| path.contains(section)).count();
    let kept = fs::read_dir(Path::new(SOURCE).join("man")).unwrap().count();
    assert_eq!(pages("share/man/man"), kept, "every man page");
    let unit = root.path().join("usr/local/lib/systemd/system/hitl-prune.service");
    let starts = "ExecStart=/usr/local/bin/hitl snapshots prune\n";
    assert!(fs::read_to_string(unit).unwrap().contains(starts));
    assert_eq!(installed.len(), 10 + kept, "and nothing else, no temporary file: {installed:#?}");
    if Uid::effective().is_root() {
        assert_eq!(fs::metadata(root.path().join("usr/local/bin/hitl")).unwrap().uid(), 0);
    }

    // What an administrator has there stays: a configuration of theirs, the state and the log.
    fs::write(root.path().join("etc/pam.d/hitl"), "auth required pam_mine.so\n").unwrap();
    for (directory, file) in [("etc/hitl", "policy.yaml"), ("var/lib/hitl/audit", "000001.jsonl")] {
        fs::create_dir_all(root.path().join(directory)).unwrap();
        fs::write(root.path().join(directory).join(file), "mine").unwrap();
    }
    let again = make("install", root.path(), &[]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("kept "), "{again:?}");
    let told = make("uninstall", root.path(), &[]);
    let told = String::from_utf8_lossy(&told.stdout);
    for kept in ["etc/pam.d/hitl (it was changed)", "etc/hitl (the policy)", "audit log"] {
        assert!(told.contains(kept), "{told}");
    }
    let left: Vec<String> = files(root.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, ["etc/hitl/policy.yaml", "etc/pam.d/hitl", "var/lib/hitl/audit/000001.jsonl"]);
    assert!(fs::read_to_string(root.path().join("etc/pam.d/hitl")).unwrap().contains("pam_mine"));
}

#[test]
fn make_install_follows_prefix_and_leaves_the_services_where_pam_looks() {
    let root = temporary();
    make("install", root.path(), &["PREFIX=/opt/hitl"]);
    for name in ["opt/hitl/bin/hitl", "opt/hitl/share/man/man1/hitl.1", "etc/pam.d/hitl"] {
        assert!(root.path().join(name).is_file(), "{name}");
    }
    make("uninstall", root.path(), &["PREFIX=/opt/hitl"]);
    assert!(files(root.path()).is_empty(), "{:?}", files(root.path()));
}

#[test]
fn make_install_replaces_a_hitl_that_runs_without_touching_it() {
    let root = temporary();
    make("install", root.path(), &[]);
    let program = root.path().join("usr/local/bin/hitl");
    let second_name = root.path().join("running");
    fs::hard_link(&program, &second_name).unwrap();
    let before = fs::metadata(&program).unwrap().ino();
    make("install", root.path(), &[]);
    assert_ne!(fs::metadata(&program).unwrap().ino(), before, "a new file under the old name");
    assert_eq!(fs::metadata(&second_name).unwrap().ino(), before);
    assert_eq!(fs::read(&second_name).unwrap(), fs::read(HITL).unwrap(), "the old one is whole");
    fs::remove_file(second_name).unwrap();
    // A second name of the file that goes is no setuid program that stays.
    let second_name = root.path().join("hidden");
    fs::hard_link(&program, &second_name).unwrap();
    make("uninstall", root.path(), &[]);
    assert_eq!(fs::metadata(second_name).unwrap().mode() & 0o6000, 0);
}

#[test]
fn make_install_without_root_says_what_to_do() {
    let world = world_or_skip!();
    fs::copy(Path::new(SOURCE).join("Makefile"), world.outside("home/alice/Makefile")).unwrap();
    world.mode("home/alice/Makefile", 0o644);
    let ran = world.plain_script("alice", "make install").in_directory("/home/alice").run();
    ran.exits(2).says("sudo make install");
}

#[test]
fn what_make_installs_works_for_ordinary_users_once_it_is_initialised() {
    let mut world = world_or_skip!();
    let root = temporary();
    make("install", root.path(), &[]);
    // Into the world, as it was installed.
    let program = world.installed_program();
    let mut moved = Command::new("mv");
    moved.arg("-f").arg(root.path().join("usr/local/bin/hitl")).arg(program);
    assert!(moved.status().unwrap().success());
    fs::create_dir(world.outside("etc/pam.d")).unwrap();
    world.mode("etc/pam.d", 0o755);
    for name in ["hitl", "common-auth", "common-account"] {
        fs::copy(root.path().join("etc/pam.d/hitl"), world.outside("etc/pam.d").join(name))
            .unwrap();
    }
    world.write("etc/group", &format!("{}sudo:x:27:bob,carol,mallory\n", world.read("etc/group")));
    for directory in ["etc/hitl", "var-lib/hitl"] {
        fs::remove_dir(world.outside(directory)).unwrap();
    }
    world.hitl("root", &["doctor"]).run().exits(1).prints("fix: hitl init --system");
    world.hitl("root", &["init", "--system"]).run().exits(0).says("hitl doctor");
    let told = world.hitl("root", &["doctor"]).run().exits(0);
    assert!(!told.stdout.contains("approvers: rule"), "three administrators are enough: {told:?}");
    assert!(world.read("etc/hitl/policy.yaml").contains("{name: ops, unix_groups: [sudo]}"));
    let modes: Vec<u32> = ["etc/hitl", "etc/hitl/policy.d", "etc/hitl/policy.yaml", "var-lib/hitl"]
        .iter()
        .map(|path| fs::metadata(world.outside(path)).unwrap().mode() & 0o7777)
        .collect();
    assert_eq!(modes, [0o755, 0o700, 0o600, 0o700]);
    let id = world.program(
        "alice",
        "/usr/local/bin/hitl",
        &["run", "--no-wait", "--json", "--", "touch", "/srv/by-root"],
    );
    let id = crate::office::asked(&id.run());
    world.program("bob", "/usr/local/bin/hitl", &["approve", &id]).run().exits(0);
    world.program("alice", "/usr/local/bin/hitl", &["run", "--resume", &id]).run().exits(0);
    assert_eq!(fs::metadata(world.outside("srv/by-root")).unwrap().uid(), 0);
}

#[test]
fn where_no_group_administers_the_first_policy_names_the_person_who_wrote_it() {
    for by_sudo in [false, true] {
        let world = world_or_skip!();
        let init = world.hitl("root", &["init", "--system"]);
        let init = if by_sudo { init.with("SUDO_UID", "2001") } else { init.logged_in_as("alice") };
        init.run().exits(0);
        let policy = world.read("etc/hitl/policy.yaml");
        assert!(policy.contains("{name: ops, users: [\"alice\"], unix_groups: [sudo, wheel]}"));
        world.hitl("root", &["policy", "test"]).run().exits(0);
    }
}
