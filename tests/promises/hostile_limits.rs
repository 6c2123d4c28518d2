//! What a caller can leave behind in the process that becomes an installed hitl (masks, limits, signals):
//! the command runs and is on record, or it does not run.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::hostile_caller::{prepared, runs};
use crate::world::World;
use crate::world_or_skip;

/// The line, typed by alice, runs `mark` exactly once, and that is on record.
#[track_caller]
fn runs_and_is_recorded(world: &World, line: &str) {
    let (ran, recorded) = runs(world);
    let done = world.script("alice", line).run();
    assert_eq!(done.status.code(), Some(0), "{line}: {done:?}");
    assert_eq!(runs(world), (ran + 1, recorded + 1), "{line}: {done:?}");
}

/// The line either runs `mark`, on record, or does not and does not pretend to have.
#[track_caller]
fn runs_on_record_or_not_at_all(world: &World, line: &str) {
    let (ran, recorded) = runs(world);
    let done = world.script("alice", line).run();
    let more = usize::from(done.status.success());
    assert_eq!(runs(world), (ran + more, recorded + more), "{line}: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{line}: {done:?}");
}

#[test]
fn a_umask_that_forbids_everything_does_not_lock_hitl_out_of_its_own_record() {
    let world = prepared(world_or_skip!());
    world.install("mask", "#!/bin/sh\numask\necho ran >> /srv/ran\n");
    for (mask, childs) in [("0777", "0777"), ("0000", "0022"), ("0777", "0777")] {
        let ran = world.script("alice", &format!("umask {mask}; hitl run -- mask")).run().exits(0);
        assert_eq!(ran.stdout.trim(), childs);
        // With a mask of zero for whom it was made, nobody else can read the log or write to it.
        for entry in std::fs::read_dir(world.outside("var-lib/hitl/audit")).unwrap() {
            let mode = std::os::unix::fs::MetadataExt::mode(&entry.unwrap().metadata().unwrap());
            assert_eq!(mode & 0o77, 0, "{mode:o}");
        }
    }
    // Made by one who masks everything, a request is still there for those who decide.
    let line = "umask 0777; hitl run --no-wait -- mkdir /srv/made";
    world.script("alice", line).run().exits(75);
    world.hitl("bob", &["pending"]).run().exits(0).prints("mkdir");
}

#[test]
fn limits_that_can_be_lifted_stop_neither_the_command_nor_its_record() {
    let world = prepared(world_or_skip!());
    for limit in ["-n 16", "-St 1", "-u 1", "-c unlimited", "-Ss 128", "-l 0", "-i 0"] {
        runs_and_is_recorded(&world, &format!("ulimit {limit}; exec hitl run -- mark"));
    }
}

#[test]
fn limits_under_which_hitl_cannot_work_run_nothing_unrecorded() {
    let world = prepared(world_or_skip!());
    // Hard ones, which root cannot lift everywhere (a container without CAP_SYS_RESOURCE), and those
    // under which the dynamic loader already gives up.
    let descriptors = (3..8).map(|limit| format!("-n {limit}"));
    let stacks = [8, 16, 32, 64, 128].map(|limit| format!("-s {limit}"));
    let memory = [1_000, 4_000, 16_000, 64_000, 256_000].map(|limit| format!("-v {limit}"));
    let data = [0, 100, 1_000].map(|limit| format!("-d {limit}"));
    let others = ["-f 0", "-f 1", "-t 1"].map(str::to_owned);
    let all = descriptors.chain(stacks).chain(memory).chain(data).chain(others);
    for limit in all {
        runs_on_record_or_not_at_all(&world, &format!("ulimit {limit}; exec hitl run -- mark"));
    }
}

#[test]
fn a_crash_of_an_installed_hitl_leaves_no_core() {
    let world = prepared(world_or_skip!());
    let line = "ulimit -c unlimited; exec hitl run -- mkdir /srv/made";
    let mut command = world.script("alice", line).command();
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // It says that it waits.
    let mut said = Vec::new();
    let stderr = child.stderr.as_mut().unwrap();
    while !String::from_utf8_lossy(&said).contains("waits for") {
        let mut more = [0; 512];
        let length = std::io::Read::read(stderr, &mut more).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&more[..length]);
    }
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    // Not SIGSEGV: the runtime looks at the first one, and goes on where nothing has overflowed.
    nix::sys::signal::kill(pid, Signal::SIGABRT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    assert!(!world.outside("srv/core").exists());
}

#[test]
fn signals_that_the_caller_ignores_or_blocks_change_neither_the_end_nor_the_record() {
    let world = prepared(world_or_skip!());
    world.install("status", "#!/bin/sh\necho ran >> /srv/ran\nexit 7\n");
    for how in [
        "--ignore-signal=CHLD",
        "--block-signal=CHLD",
        "--ignore-signal=INT --ignore-signal=HUP --ignore-signal=PIPE --ignore-signal=CHLD",
        "--block-signal=INT --block-signal=TERM --block-signal=PIPE --block-signal=CHLD",
        "--ignore-signal",
        "--block-signal",
    ] {
        let (ran, recorded) = runs(&world);
        world.script("alice", &format!("exec env {how} hitl run -- status")).run().exits(7);
        assert_eq!(runs(&world), (ran + 1, recorded + 1), "{how}");
        let last = world.audit().pop().unwrap();
        assert_eq!(last["process"]["exit_code"], 7, "{how}: {last}");
    }
    // Also while it waits: the decision wakes it.
    let ignoring = ["--ignore-signal", "hitl", "run", "--", "mkdir", "/srv/made"];
    let waiting = world.program("alice", "/usr/bin/env", &ignoring).start_and_wait_for_request();
    world.hitl("bob", &["approve", &waiting.id]).run().exits(0);
    waiting.end().exits(0);
    assert!(world.outside("srv/made").exists());
}
