//! Somebody who exchanges a directory again and again while an undo is at work in it, leads the undo
//! nowhere else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::super::SnapshotError;
use super::fixture::Fixture;

/// What lies somewhere, with times that no one can set back: whatever was written there shows.
type Fingerprint = BTreeMap<PathBuf, (u64, u32, u64, (i64, i64), (i64, i64), Vec<u8>)>;

fn fingerprint(path: &Path, into: &mut Fingerprint) {
    let found = path.symlink_metadata().unwrap();
    let content = if found.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    let times =
        ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    into.insert(
        path.to_owned(),
        (found.ino(), found.mode(), found.nlink(), times.0, times.1, content),
    );
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            fingerprint(&entry.unwrap().path(), into);
        }
    }
}

fn fill(fixture: &Fixture, root: &str, content: &str) {
    for name in ["conf/changed", "conf/removed", "conf/linked", "conf/deep/removed", "mode"] {
        fixture.write(&format!("{root}/{name}"), content);
    }
    fs::hard_link(
        fixture.path(&format!("{root}/conf/linked")),
        fixture.path(&format!("{root}/conf/again")),
    )
    .unwrap();
}

/// Exchanges two names for a moment, again and again, until it is told to stop.
fn race(one: &Path, two: &Path, stop: &AtomicBool) {
    let mut state = 0x9e37_79b9_u64;
    let mut pause = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let until = Instant::now() + Duration::from_nanos((state >> 33) % most);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    };
    while !stop.load(Ordering::Relaxed) {
        pause(600_000);
        renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE).unwrap();
        pause(30_000);
        renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE).unwrap();
    }
}

/// Undoes runs, and undoes the undos, so many times, while `exchanged` below the tree is exchanged
/// with `other`; the tries that came to their end, and those that were stopped.
fn tries(count: usize, exchanged: &str, other: &dyn Fn(&Fixture) -> PathBuf) -> (usize, usize) {
    let (mut done, mut stopped, mut left) = (0, 0, count);
    // Each undo is a run of its own: a new store now and then, lest the list of them be long.
    while left > 0 {
        let fixture = Fixture::in_memory();
        fill(&fixture, "app", "before");
        let other = other(&fixture);
        let mut canaries = Fingerprint::new();
        fingerprint(&fixture.root.join("outside"), &mut canaries);
        let mut id = fixture.run(&fixture.declared("app/**"), || {
            fixture.write("app/conf/changed", "after");
            fixture.write("app/conf/again", "after, in place");
            fixture.write("app/conf/made/deep", "after");
            fs::remove_file(fixture.path("app/conf/removed")).unwrap();
            fs::remove_dir_all(fixture.path("app/conf/deep")).unwrap();
            super::fixture::chmod(&fixture.path("app/mode"), 0o600);
        });
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| race(&fixture.path(exchanged), &other, &stop));
            let mut here = 0;
            while left > 0 && here < 40 {
                left -= 1;
                match fixture.undo(&id, false) {
                    Ok(undone) => {
                        id = undone.run.id.parse().unwrap();
                        (done, here) = (done + 1, here + 1);
                    }
                    Err(SnapshotError::AlreadyUndone { by, .. }) => {
                        id = by.unwrap().parse().unwrap();
                    }
                    Err(_) => stopped += 1,
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        let mut now = Fingerprint::new();
        fingerprint(&fixture.root.join("outside"), &mut now);
        assert_eq!(now, canaries, "an undo wrote outside of its tree");
    }
    (done, stopped)
}

#[test]
fn a_parent_exchanged_for_a_link_again_and_again_leads_no_undo_outside_in_ten_thousand_tries() {
    let link = |leads_to: &'static str| {
        move |fixture: &Fixture| {
            fill(fixture, "../outside", "precious");
            let link = fixture.path("link");
            symlink(fixture.root.join(leads_to), &link).unwrap();
            link
        }
    };
    let began = Instant::now();
    let (above, stopped_above) = tries(5_000, "app", &link("outside"));
    let (beside, stopped_beside) = tries(5_000, "app/conf", &link("outside/conf"));
    let told = (above, stopped_above, beside, stopped_beside, began.elapsed());
    // Both happened often enough to mean something.
    assert!(above > 200 && beside > 200 && stopped_above > 200 && stopped_beside > 200, "{told:?}");
}

#[test]
fn a_parent_exchanged_for_another_directory_is_never_overwritten() {
    let directory = |leads_to: &'static str| {
        move |fixture: &Fixture| {
            fill(fixture, "../outside", "precious");
            fixture.root.join(leads_to)
        }
    };
    for (exchanged, other) in [("app", "outside/app"), ("app/conf", "outside/conf")] {
        let fixture = Fixture::in_memory();
        fill(&fixture, "app", "before");
        fill(&fixture, "../outside/app", "precious");
        let other = directory(other)(&fixture);
        let id = fixture.run(&fixture.declared("app/**"), || {
            fixture.write("app/conf/changed", "after");
            fixture.write("app/conf/again", "after, in place");
        });
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| race(&fixture.path(exchanged), &other, &stop));
            let mut id = id;
            for _ in 0..300 {
                if let Ok(undone) = fixture.undo(&id, false) {
                    id = undone.run.id.parse().unwrap();
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        for name in ["conf/changed", "conf/linked", "conf/again", "conf/removed", "mode"] {
            // One of the two trees has it, whichever is where now.
            let ours = fixture.root.join("outside/app").join(name);
            let theirs = fixture.root.join("outside").join(name);
            for place in [ours, theirs] {
                assert_eq!(fs::read_to_string(&place).unwrap(), "precious", "{place:?}");
            }
        }
    }
}
