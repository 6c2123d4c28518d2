//! What a hostile requester tried against an installed hitl, and what came of it.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::office_or_skip;
use crate::processes::{Process, monitor_of, process_of};
use crate::world::World;

/// A program of alice's own, in a place of her own.
fn own_tool(world: &World, name: &str, text: &str) {
    let place = format!("srv/{name}");
    world.write(&place, text);
    world.mode(&place, 0o755);
    world.own(&place, "alice");
}

/// Waits until a process sleeps in recvfrom(2): it waits for whom it cannot go on without.
#[track_caller]
fn waits_to_hear(process: Process) {
    let end = Instant::now() + Duration::from_secs(30);
    let number = libc::SYS_recvfrom.to_string();
    loop {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", process.0)).unwrap();
        if call.split(' ').next() == Some(number.as_str()) {
            return;
        }
        assert!(Instant::now() < end, "{process:?} is in {call:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn whoever_stops_the_front_between_the_approval_and_the_start_cannot_exchange_what_starts() {
    let world = office_or_skip!();
    for command in [&["/srv/tool"][..], &["sh", "/srv/tool"]] {
        own_tool(&world, "tool", "#!/bin/sh\necho agreed >> /srv/ran\n");
        let words = [&["run", "--"], command].concat();
        let waiting = world.hitl("alice", &words).start_and_wait_for_request();
        let (id, monitor) = (waiting.id.clone(), monitor_of(&waiting.child));
        waiting.signal(Signal::SIGSTOP);
        world.approve("bob", &id).exits(0);
        // It has looked at all, or not yet: it waits for the one that was stopped.
        waits_to_hear(monitor);
        own_tool(&world, "tool", "#!/bin/sh\necho exchanged >> /srv/ran\n");
        waiting.signal(Signal::SIGCONT);
        waiting.end().exits(77).says("/srv/tool changed");
        assert_eq!(world.times_run(), 0, "{command:?}");
        world.audited(&id, "command-started", 0);
    }
}

#[test]
fn whoever_exchanges_a_program_or_script_while_something_large_is_looked_at_gets_nothing_run() {
    let world = office_or_skip!();
    for command in [&["sh", "/srv/tool"][..], &["/srv/tool"]] {
        own_tool(&world, "tool", "#!/bin/sh\necho agreed >> /srv/ran\n");
        world.write("srv/large", "");
        let large =
            std::fs::OpenOptions::new().write(true).open(world.outside("srv/large")).unwrap();
        large.set_len(8 << 20).unwrap();
        let words = [&["run", "--"], command, &["/srv/large"]].concat();
        let waiting = world.hitl("alice", &words).start_and_wait_for_request();
        let id = waiting.id.clone();
        let watch = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
        watch.add_watch(&world.outside("srv/large"), AddWatchFlags::IN_OPEN).unwrap();
        world.approve("bob", &id).exits(0);
        // The snapshot looks at it first. When it is bound again, what was bound before is exchanged.
        watch.read_events().unwrap();
        watch.read_events().unwrap();
        own_tool(&world, "tool", "#!/bin/sh\necho exchanged >> /srv/ran\n");
        waiting.end().exits(77).says("/srv/tool changed");
        assert_eq!(world.times_run(), 0, "{command:?}");
    }
}

#[test]
fn a_program_that_its_requester_can_write_runs_from_a_copy_that_nobody_can() {
    let world = office_or_skip!();
    own_tool(&world, "tool", "#!/bin/sh\necho \"$0 $1\"; echo more >> \"$0\" || echo sealed\n");
    let waiting =
        world.hitl("alice", &["run", "--", "/srv/tool", "one"]).start_and_wait_for_request();
    world.approve("bob", &waiting.id).exits(0);
    let ran = waiting.end().exits(0).prints(" one\nsealed\n");
    assert!(ran.stdout.starts_with("/dev/fd/"), "{ran:?}");
    std::fs::copy("/usr/bin/echo", world.outside("srv/tool")).unwrap();
    let waiting =
        world.hitl("alice", &["run", "--", "/srv/tool", "two"]).start_and_wait_for_request();
    world.approve("bob", &waiting.id).exits(0);
    waiting.end().exits(0).prints("two\n");
}

#[test]
fn whoever_offers_themselves_to_a_kernel_without_memory_does_not_offer_the_monitor() {
    let world = office_or_skip!();
    world.policy(&crate::office::POLICY.replace("decision: approve", "decision: allow"));
    let line = "echo 1000 > /proc/self/oom_score_adj; exec hitl run --status-fd=1 -- sleep 60";
    let mut command = world.script("alice", line).command();
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut events = output.lines().map_while(Result::ok);
    assert!(events.any(|event| event.contains("\"started\"")));
    let score = |process: Process| {
        let file = format!("/proc/{}/oom_score_adj", process.0);
        std::fs::read_to_string(file).unwrap().trim().parse::<i32>().unwrap()
    };
    let monitor = monitor_of(&child);
    assert!(score(monitor) <= 0);
    assert_eq!(score(process_of(&child)), 1000);
    while monitor.children().is_empty() || monitor.child().status("Name") != "sleep" {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(score(monitor.child()), 1000, "the command is as its caller is");
    process_of(&child).kill(Signal::SIGTERM);
    child.wait().unwrap();
}

#[test]
fn whoever_stops_the_front_for_long_cannot_undo_what_others_have_changed_meanwhile() {
    let world = office_or_skip!();
    let rule = "decision: approve\n    snapshot: {paths: [/srv/conf]}\n  - id: own-tools";
    world.policy(&crate::office::POLICY.replacen("decision: approve\n  - id: own-tools", rule, 1));
    world.write("srv/conf", "weak\n");
    let words = ["run", "--", "sh", "/srv/deploy.sh"];
    let waiting = world.hitl("alice", &words).start_and_wait_for_request();
    let (id, monitor) = (waiting.id.clone(), monitor_of(&waiting.child));
    waiting.signal(Signal::SIGSTOP);
    world.approve("bob", &id).exits(0);
    waits_to_hear(monitor);
    world.write("srv/conf", "strong\n");
    // Longer than a side that is well takes to answer.
    std::thread::sleep(Duration::from_secs(6));
    waiting.signal(Signal::SIGCONT);
    waiting.end().exits(125).says("answered too late");
    assert_eq!(world.times_run(), 0);
    world.hitl("alice", &["undo", &id]).run();
    assert_eq!(world.read("srv/conf"), "strong\n");
    // The approval is not lost, and the next start begins with a new snapshot.
    world.resume("alice", &id).exits(0);
    assert_eq!(world.times_run(), 1);
}
