//! File systems that are mounted below what is captured. These tests run themselves again in a mount
//! namespace of their own, which only root may make.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::{Affected, CoverageLevel, SnapshotError};
use super::fixture::{Fixture, root_or_say_so};

/// What tells the inner run that the namespace is its own.
const INSIDE: &str = "HITL_TEST_OWN_MOUNTS";

/// Whether the test may mount. If not, it has been run again where it may.
fn in_own_namespace(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if root_or_say_so(test) {
        let name = format!("snapshot::tests::mounts::{test}");
        let inner = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        assert!(inner.status.success(), "{}", String::from_utf8_lossy(&inner.stdout));
    }
    false
}

fn mount(at: &Path) {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(at).status().unwrap();
    assert!(mounted.success());
}

fn unmount(at: &Path) {
    assert!(Command::new("umount").arg(at).status().unwrap().success());
}

#[test]
fn what_was_hidden_by_a_mount_is_not_taken_for_new_when_the_mount_goes() {
    if !in_own_namespace("what_was_hidden_by_a_mount_is_not_taken_for_new_when_the_mount_goes") {
        return;
    }
    let fixture = Fixture::new();
    fixture.write("app/file", "1");
    fixture.write("app/mnt/hidden", "precious");
    mount(&fixture.path("app/mnt"));
    fixture.write("app/mnt/inside", "other file system");
    let affected = Affected { confined: true, ..fixture.declared("app/**") };
    let (id, captured) = fixture.capture(&affected).unwrap();
    assert!(captured.coverage.not_covered.iter().any(|text| text.contains("another file system")));
    // What is confined to the directory can write there as well.
    assert_eq!(captured.coverage.level, CoverageLevel::BestEffort);
    unmount(&fixture.path("app/mnt"));
    fixture.write("app/file", "2");
    fixture.store.capture_after(&id, &mut |_| {}).unwrap();
    fixture.undo(&id, false).unwrap();
    assert_eq!(fixture.read("app/file"), "1");
    assert_eq!(fixture.read("app/mnt/hidden"), "precious");
}

#[test]
fn nothing_is_restored_into_what_was_mounted_since() {
    if !in_own_namespace("nothing_is_restored_into_what_was_mounted_since") {
        return;
    }
    let fixture = Fixture::new();
    fixture.write("app/data/file", "1");
    let id = fixture.run(&fixture.declared("app/**"), || {
        fs::remove_file(fixture.path("app/data/file")).unwrap();
    });
    mount(&fixture.path("app/data"));
    let refused = fixture.undo(&id, false);
    assert!(matches!(refused, Err(SnapshotError::Conflicts { .. })), "{refused:?}");
    assert!(!fixture.path("app/data/file").exists());
    unmount(&fixture.path("app/data"));
    fixture.undo_wholly(&id);
    assert_eq!(fixture.read("app/data/file"), "1");
}

#[test]
fn a_file_that_something_is_mounted_over_is_rewritten_in_place() {
    if !in_own_namespace("a_file_that_something_is_mounted_over_is_rewritten_in_place") {
        return;
    }
    let fixture = Fixture::new();
    let hosts = fixture.write("hosts", "under");
    let over = fixture.write("over", "1");
    let bound = Command::new("mount").arg("--bind").args([&over, &hosts]).status().unwrap();
    assert!(bound.success());
    let id = fixture.run(&fixture.operand("hosts", false), || {
        fixture.write("hosts", "2, and longer");
    });
    fixture.undo_wholly(&id);
    assert_eq!((fixture.read("hosts"), fixture.read("over")), ("1".into(), "1".into()));
    unmount(&hosts);
    assert_eq!(fixture.read("hosts"), "under");
}
