//! `hitl run`: what is allowed runs as if it had been run without hitl.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;

use crate::processes::monitor_of;
use crate::world::{BOTH_SCOPES, Scope, World};
use crate::world_or_skip;

/// Programs of the world and some harmless ones run at once; what is dynamic needs one of sre.
const POLICY: &str = r#"
version: 1
name: running
defaults: {decision: deny, require: [{group: sre, count: 1}]}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: probes
    match: {command: "/usr/local/bin/*"}
    decision: allow
  - id: harmless
    match: {command: "/usr/bin/{true,false,printf,id,cat,ls,sleep,touch}"}
    decision: allow
  - id: short
    match: {command: /usr/local/bin/endless}
    decision: allow
    run_timeout: 300ms
"#;

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    world
}

/// The arguments of `hitl run -- …`.
fn run<A: AsRef<OsStr>>(command: &[A]) -> Vec<OsString> {
    let words = ["run", "--"].iter().map(OsString::from);
    words.chain(command.iter().map(|word| word.as_ref().to_owned())).collect()
}

#[test]
fn the_commands_own_status_is_passed_through() {
    let world = prepared(world_or_skip!());
    world.install("status", "#!/bin/sh\nexit \"$1\"\n");
    for scope in BOTH_SCOPES {
        world.in_scope(scope, "alice", &["run", "--", "true"]).run().exits(0);
        // Also the numbers that hitl itself uses.
        for status in ["1", "2", "75", "77", "78", "124", "125", "126", "127", "255"] {
            let command = run(&["/usr/local/bin/status", status]);
            let ran = world.in_scope(scope, "alice", &command).run();
            let ran = ran.exits(status.parse().unwrap());
            assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "hitl adds nothing");
        }
    }
}

#[test]
fn a_death_by_signal_is_passed_through() {
    let world = prepared(world_or_skip!());
    world.install("die", "#!/bin/sh\nkill -\"$1\" $$\n");
    for scope in BOTH_SCOPES {
        for signal in
            [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGINT, Signal::SIGPIPE]
        {
            let name = signal.as_str().trim_start_matches("SIG");
            let command = run(&["/usr/local/bin/die", name]);
            let ran = world.in_scope(scope, "alice", &command).run();
            assert_eq!(ran.status.signal(), Some(signal as i32), "{scope:?} {ran:?}");
        }
    }
    let ending = world.audit().pop().unwrap()["hitl"]["ending"].clone();
    assert_eq!(ending, "ended by signal 13", "the end is on record");
}

#[test]
fn signals_sent_to_hitl_reach_the_command_and_its_end_is_on_record() {
    let world = prepared(world_or_skip!());
    // Says that its trap stands by closing the fifo's reader's wait; then waits to be signalled.
    world.install(
        "patient",
        "#!/bin/bash\ntrap \"exit 40\" TERM\ntrap \"exit 41\" HUP\ntrap \"exit 42\" INT\n\
         trap \"exit 43\" USR1\necho ready\nread -r never < \"$1\"\n",
    );
    for (scope, home) in [(Scope::System, "srv"), (Scope::User, "home/alice")] {
        let fifo = world.outside(home).join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
        if scope == Scope::User {
            world.own("home/alice/fifo", "alice");
        }
        let inside = format!("/{home}/fifo");
        for (signal, status) in [
            (Signal::SIGTERM, 40),
            (Signal::SIGHUP, 41),
            (Signal::SIGINT, 42),
            (Signal::SIGUSR1, 43),
        ] {
            let command = run(&["/usr/local/bin/patient", &inside]);
            let mut running = world.in_scope(scope, "alice", &command).start();
            let mut ready = [0; 6];
            std::io::Read::read_exact(running.child.stdout.as_mut().unwrap(), &mut ready).unwrap();
            running.signal(signal);
            let (events, ran) = running.end();
            ran.exits(status);
            let outcome = events.last().unwrap();
            assert_eq!(
                (&outcome["event"], &outcome["exit_code"]),
                (&"outcome".into(), &status.into())
            );
        }
    }
    let finished: Vec<_> = world
        .audit()
        .into_iter()
        .filter(|entry| entry["event"]["action"] == "command-finished")
        .collect();
    assert_eq!(finished.len(), 4, "{finished:?}");
    for (entry, status) in finished.iter().zip([40, 41, 42, 43]) {
        assert_eq!(entry["process"]["exit_code"], status, "{entry}");
    }
}

#[test]
fn standard_input_output_and_error_are_the_commands_own_byte_for_byte() {
    let world = prepared(world_or_skip!());
    world.install("both", "#!/bin/sh\nexec 2>&1 >&2\ncat\n");
    let every_byte: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    for scope in BOTH_SCOPES {
        let call = world.in_scope(scope, "alice", &["run", "--", "cat"]);
        let ran = call.with_input(&every_byte).run().exits(0);
        assert_eq!(ran.stdout_bytes, every_byte);
        assert_eq!(ran.stderr, "");
        // More than any pipe holds, through a pipeline.
        let line = "set -o pipefail; sum=$(head -c 3000000 /dev/urandom | tee >(sha256sum >&3) | \
                    hitl run -- cat | sha256sum) 3>&1; echo \"$sum\" | sort -u | wc -l";
        let ran = world.script_in_scope(scope, "alice", line).run().exits(0);
        assert_eq!(ran.stdout.trim(), "1", "what went in came out: {ran:?}");
    }
    let ran = world.hitl("alice", &run(&["/usr/local/bin/both"])).with_input(b"to stderr\n").run();
    let ran = ran.exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("to stderr\n", ""));
}

#[test]
fn arguments_arrive_byte_for_byte() {
    let world = prepared(world_or_skip!());
    let odd: [&[u8]; 12] = [
        b"",
        b"\xff\xfe\x80",
        b"--",
        b"-x",
        b"--user",
        b"--help",
        b"--json",
        b"a b",
        b"*",
        b"$HOME",
        b"'\"\\",
        "na\u{ef}ve \u{65e5}".as_bytes(),
    ];
    let expected: Vec<u8> = odd.iter().flat_map(|word| [word, b"\0".as_slice()].concat()).collect();
    for scope in BOTH_SCOPES {
        let mut command = run(&["printf", r"%s\0"]);
        command.extend(odd.iter().map(|word| OsString::from_vec(word.to_vec())));
        let ran = world.in_scope(scope, "alice", &command).run().exits(0);
        assert_eq!(ran.stdout_bytes, expected, "{scope:?}");
        // The first "--" is hitl's, and may be left out; every later one is the command's.
        let without: Vec<&str> = vec!["run", "printf", r"%s\0", "--", "-n", "--", "--dry-run"];
        let ran = world.in_scope(scope, "alice", &without).run().exits(0);
        assert_eq!(ran.stdout, "--\0-n\0--\0--dry-run\0");
    }
}

#[test]
fn a_line_feed_in_an_argument_needs_another_human_and_arrives_byte_for_byte() {
    let world = prepared(world_or_skip!());
    let command = run(&["printf", r"%s\0", "one\ntwo\u{1b}[2J"]);
    let waiting = world.hitl("alice", &command).start_and_wait_for_request();
    world.hitl("bob", &["approve", &waiting.id]).run().exits(0);
    assert_eq!(waiting.end().exits(0).stdout, "one\ntwo\u{1b}[2J\0");
}

#[test]
fn the_umask_is_the_callers_and_root_never_writes_files_for_everybody() {
    let world = prepared(world_or_skip!());
    world.install("mask", "#!/bin/sh\numask\n");
    for (scope, callers, childs) in [
        (Scope::System, "000", "0022"),
        (Scope::System, "077", "0077"),
        (Scope::User, "000", "0000"),
        (Scope::User, "027", "0027"),
    ] {
        let line = format!("umask {callers}; hitl run -- /usr/local/bin/mask");
        let ran = world.script_in_scope(scope, "alice", &line).run().exits(0);
        assert_eq!(ran.stdout.trim(), childs, "{scope:?} {callers}");
    }
}

#[test]
fn descriptors_that_the_caller_left_open_do_not_reach_the_command() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let line = "exec 3</etc/passwd 7</etc/group 200</dev/null; \
                    hitl run --status-fd 9 -- ls /proc/self/fd 9>/dev/null";
        let ran = world.script_in_scope(scope, "alice", line).run().exits(0);
        // Descriptor 3 is the directory that ls itself reads.
        assert_eq!(ran.stdout.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    }
}

#[test]
fn closed_standard_descriptors_are_the_null_device_and_never_a_file_of_hitls() {
    let world = prepared(world_or_skip!());
    world.install(
        "where",
        "#!/bin/bash\nfor n in 0 1 2; do readlink /proc/$$/fd/$n; done > \"$1\"\n",
    );
    for (scope, file) in [(Scope::System, "srv/seen"), (Scope::User, "home/alice/seen")] {
        let line = format!("hitl run -- /usr/local/bin/where /{file} <&- >&- 2>&-");
        world.script_in_scope(scope, "alice", &line).run().exits(0);
        let seen = world.read(file);
        let seen: Vec<_> = seen.lines().collect();
        // In a setuid start the C library opens /dev/full for input: a read from it is an error. The
        // second is the file that the loop itself writes to.
        assert!(["/dev/null", "/dev/full"].contains(&seen[0]), "{seen:?}");
        assert_eq!(seen[2], "/dev/null", "{seen:?}");
    }
}

#[test]
fn limits_of_the_caller_do_not_stop_the_record_and_the_command_gets_them_back() {
    let world = prepared(world_or_skip!());
    world.install("limits", "#!/bin/bash\nulimit -f; ulimit -n; ulimit -c; ulimit -t\n");
    let limits = "ulimit -S -f 0; ulimit -n 8; ulimit -c 0; ulimit -t 100; ";
    let line = format!("{limits} hitl run -- /usr/local/bin/limits");
    let ran = world.script("alice", &line).run().exits(0);
    assert_eq!(ran.stdout.split_whitespace().collect::<Vec<_>>(), ["0", "8", "0", "100"]);
    let actions = world.audit_actions();
    assert_eq!(actions.last().map(String::as_str), Some("command-finished"), "{actions:?}");
    // A hard limit too, unless this machine's root may not lift it (a container without
    // CAP_SYS_RESOURCE): then nothing runs.
    let ran = world.script("alice", "ulimit -f 0; hitl run -- touch /srv/ran").run();
    let code = ran.code();
    assert!(code == 0 || (code == 125 && ran.stderr.contains("nothing ran")), "{ran:?}");
    assert_eq!(world.outside("srv/ran").exists(), code == 0);

    // Without privileges a hard limit cannot be lifted: then nothing is recorded and nothing runs.
    let line = "ulimit -f 0; hitl run -- touch /home/alice/ran";
    let ran = world.plain_script("alice", line).run().exits(125);
    assert!(ran.stderr.contains("nothing ran"), "{ran:?}");
    assert!(!world.outside("home/alice/ran").exists());
    // A soft one can.
    let line = "ulimit -S -f 0; hitl run -- /usr/local/bin/limits";
    let ran = world.plain_script("alice", line).run().exits(0);
    assert_eq!(ran.stdout.lines().next(), Some("0"));
}

#[test]
fn the_intent_is_on_record_before_the_command_starts() {
    let world = prepared(world_or_skip!());
    world.install("log", "#!/bin/sh\ncat /var/lib/hitl/audit/*.jsonl\n");
    let ran = world.hitl("alice", &run(&["/usr/local/bin/log"])).run().exits(0);
    let seen: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = seen.last().unwrap();
    assert_eq!(last["event"]["action"], "command-started", "{last}");
    assert_eq!(last["process"]["args"][0], "/usr/local/bin/log");
    assert_eq!(last["user"]["name"], "alice");
}

#[test]
fn a_run_whose_monitor_was_killed_is_on_record_as_started_and_the_log_still_holds() {
    let world = prepared(world_or_skip!());
    world.install("hold", "#!/bin/bash\nread -r never < \"$1\"\n");
    let fifo = world.outside("srv/fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut running = world.hitl("alice", &run(&["/usr/local/bin/hold", "/srv/fifo"])).start();
    let started = running.wait_for("started");
    // Opening the writing end succeeds once the command reads.
    let writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    monitor_of(&running.child).kill(Signal::SIGKILL);
    drop(writer);
    let (_, ran) = running.end();
    ran.exits(125).says("hitl audit show");
    let actions = world.audit_actions();
    assert_eq!(actions.last().map(String::as_str), Some("command-started"));
    let id = started["id"].as_str().unwrap();
    world.hitl("root", &["audit", "verify"]).run().exits(0).prints(id);
}

#[test]
fn a_command_that_runs_too_long_is_ended_with_everything_it_started() {
    let world = prepared(world_or_skip!());
    world.install(
        "endless",
        "#!/bin/bash\nsetsid sleep 1000 &\necho $! > \"$1\"\nsleep 1000 &\nwait\n",
    );
    for (scope, file) in [(Scope::System, "srv/pid"), (Scope::User, "home/alice/pid")] {
        let inside = format!("/{file}");
        let command = ["run", "--json", "--", "/usr/local/bin/endless", &inside];
        let ran = world.in_scope(scope, "alice", &command).run().exits(124);
        assert_eq!(ran.json()["timed_out"], true);
        let pid = world.read(file);
        let left = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        assert!(left.is_err(), "{pid} is left: {left:?}");
        ran.says("longer than the policy lets it");
    }
}

#[test]
fn a_command_of_ones_own_shares_the_process_group_and_a_privileged_one_leads_its_own() {
    let world = prepared(world_or_skip!());
    world.install("group", "#!/bin/bash\nps -o pid=,pgid= -p $$; ps -o pgid= -p $PPID\n");
    for scope in BOTH_SCOPES {
        let ran = world.in_scope(scope, "alice", &run(&["/usr/local/bin/group"])).run().exits(0);
        let numbers: Vec<_> = ran.stdout.split_whitespace().collect();
        let [pid, group, hitls] = numbers.try_into().unwrap();
        match scope {
            Scope::User => assert_eq!(group, hitls),
            Scope::System => assert_eq!((group, group == hitls), (pid, false)),
        }
    }
}

#[test]
fn ignored_signals_stay_ignored_for_the_command_and_others_are_default() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let masks = |hitl: &str| {
            let line = format!("trap '' HUP USR2; {hitl} cat /proc/self/status");
            let ran = world.script_in_scope(scope, "alice", &line).run().exits(0);
            let lines = ran.stdout.lines().filter(|line| line.starts_with("Sig"));
            lines.map(str::to_owned).filter(|line| !line.starts_with("SigQ")).collect::<Vec<_>>()
        };
        let with = masks("hitl run --");
        assert_eq!(with, masks(""), "{scope:?}: as without hitl");
        let ignored = with.iter().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        let expected = 1 << (Signal::SIGHUP as u32 - 1) | 1 << (Signal::SIGUSR2 as u32 - 1);
        assert_eq!(ignored & expected, expected);
    }
}

#[test]
fn the_commands_name_is_what_was_typed() {
    let world = prepared(world_or_skip!());
    for scope in BOTH_SCOPES {
        let ran = world.in_scope(scope, "alice", &["run", "--", "cat", "/proc/self/cmdline"]);
        assert_eq!(ran.run().exits(0).stdout, "cat\0/proc/self/cmdline\0");
        let ran = world.in_scope(scope, "alice", &["run", "--", "cat", "/proc/self/comm"]);
        assert_eq!(ran.run().exits(0).stdout, "cat\n", "pgrep and killall find it");
    }
    // What was asked stands in the log as it was typed, bytes that are no text escaped.
    let mut command = run(&["printf", ""]);
    command.push(OsStr::from_bytes(b"\xffx").to_owned());
    world.hitl("alice", &command).run().exits(0);
    let entry = world.audit().pop().unwrap();
    let started = world.audit();
    let started = started.iter().rfind(|entry| entry["event"]["action"] == "command-started");
    assert_eq!(started.unwrap()["process"]["args"][2], "\\xffx", "{entry}");
}
