//! The pause: it ends at once when the humans have decided, survives the process that waits, and
//! is used once.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::office::{DEPLOY, POLICY, asked};
use crate::office_or_skip;
use crate::processes::{monitor_of, process_of};
use crate::terminal::Terminal;
use crate::world::{Waiting, World};

#[test]
fn a_waiting_command_goes_on_at_once_when_another_process_approves() {
    let world = office_or_skip!();
    let mut delays = Vec::new();
    for round in 0..50 {
        let command = world.hitl("alice", &["run", "--", "true"]);
        let mut waiting = command.start_and_wait_for_request();
        let id = waiting.id.clone();
        let reader = std::thread::spawn(move || {
            while let Some(event) = waiting.next_event() {
                if event["event"] == "started" {
                    return (Instant::now(), waiting);
                }
            }
            panic!("never started: {:?}", waiting.end());
        });
        // Humans decide at any moment: spread over more than the time between two polls.
        std::thread::sleep(Duration::from_millis(3 * round));
        world.approve("bob", &id).exits(0);
        let approved = Instant::now();
        let (started, waiting) = reader.join().unwrap();
        waiting.end().exits(0);
        // The waiting side may well be faster than the approving process can end.
        delays.push(started.saturating_duration_since(approved));
    }
    delays.sort();
    eprintln!(
        "from the return of \"hitl approve\" to the start, 50 rounds, this build: \
         median {:?}, 95 % within {:?}, longest {:?}",
        delays[25], delays[47], delays[49]
    );
    // A poll ten times a second, which is what is left where the kernel reports no events, would
    // take 50 ms on average.
    assert!(delays[25] < Duration::from_millis(30), "{delays:?}");
}

#[test]
fn the_requesters_wait_has_an_end_and_the_request_outlives_it() {
    let world = office_or_skip!();
    let ran = world.hitl("alice", &["run", "--wait", "300ms", "--json", "--", "true"]).run();
    let ran = ran.exits(124).says("still pending");
    assert_eq!(ran.json()["outcome"], "time-up");
    let id = ran.json()["id"].as_str().unwrap().to_owned();
    world.approve("bob", &id).exits(0);
    world.resume("alice", &id).exits(0);
}

#[test]
fn wait_says_with_its_exit_code_how_a_request_was_decided() {
    let world = office_or_skip!();
    let wait =
        |id: &str, more: &[&str]| world.hitl("alice", &[&["wait", id][..], more].concat()).run();
    let id = world.ask("alice", &DEPLOY);
    wait(&id, &["--timeout", "200ms"]).exits(75).says("pending");

    // It sleeps until the decision, and is woken by it.
    let mut waiting = world.hitl("alice", &["wait", &id]).command();
    let mut waiting = waiting.spawn().unwrap();
    world.approve("bob", &id).exits(0);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    wait(&id, &[]).exits(0);
    world.resume("alice", &id).exits(0);
    wait(&id, &[]).exits(0);

    let rejected = world.ask("alice", &DEPLOY);
    world.hitl("bob", &["reject", &rejected, "-m", "no"]).run().exits(0);
    wait(&rejected, &[]).exits(77);
    let cancelled = world.ask("alice", &DEPLOY);
    world.hitl("alice", &["cancel", &cancelled]).run().exits(0);
    let json = wait(&cancelled, &["--json"]).exits(77).json();
    assert_eq!(json["state"], "cancelled");

    world.policy(&POLICY.replace("approval_expiry: 5m", "approval_expiry: 300ms"));
    let expired = world.ask("alice", &DEPLOY);
    wait(&expired, &[]).exits(124).says("expired");
    wait("ZZZZ", &[]).exits(1);
}

#[test]
fn no_wait_returns_at_once_and_another_shell_resumes_with_or_without_the_command() {
    let world = office_or_skip!();
    for again in [&[][..], &["--", "sh", "/srv/deploy.sh"]] {
        // The first shell is a process of its own, and gone when the request is resumed.
        let script = "exec hitl run --no-wait --json -- sh /srv/deploy.sh";
        let shell = world.program("alice", "/bin/sh", &["-c", script]);
        let id = asked(&shell.run());
        let early = [&["run", "--no-wait", "--resume", &id][..], again].concat();
        world.hitl("alice", &early).run().exits(75);
        world.approve("bob", &id).exits(0);
        let before = world.times_run();
        // Another terminal: what only says where somebody sits does not matter.
        let resumed = world.hitl("alice", &early).with("SSH_TTY", "/dev/pts/77");
        resumed.with("SHLVL", "4").run().exits(0);
        assert_eq!(world.times_run(), before + 1);
        world.audited(&id, "command-started", 1);
    }
}

#[test]
fn a_resumed_request_can_be_waited_for_again() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let mut resumed = world.hitl("alice", &["run", "--resume", &id]).command().spawn().unwrap();
    world.approve("bob", &id).exits(0);
    assert_eq!(resumed.wait().unwrap().code(), Some(0));
    assert_eq!(world.times_run(), 1);
}

#[test]
fn nobody_but_the_requester_goes_on_with_a_request() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    for who in ["bob", "carol", "root"] {
        world.resume(who, &id).exits(77).says("asked for by alice");
    }
    world.resume("mallory", &id).exits(1).says("there is no request");
    assert_eq!(world.times_run(), 0);
    world.resume("alice", &id).exits(0);
}

/// How often twenty race for an approval: in CI a few times; `HITL_RACES=200` races more.
const RACES: usize = 10;

#[test]
fn an_approval_is_used_once_however_many_race_for_it() {
    let races = std::env::var("HITL_RACES").map_or(RACES, |races| races.parse().unwrap());
    let world = office_or_skip!();
    world.write("srv/state", "before\n");
    // Twenty that are let go in the same moment, and how each of them ended.
    let race = r#"
        mkfifo "$HOME/start"; exec 9<> "$HOME/start"; rm "$HOME/start"
        for racer in {1..20}; do
            { read -r -u 9; hitl run --no-wait --resume "$1" 2>&1; echo "ended $?"; } &
        done
        printf '\n%.0s' {1..20} >&9
        wait
    "#;
    for round in 0..races {
        // Every other time with a snapshot, so that there is something to get in each other's way with.
        let snapshotted = POLICY.replacen("    decision: approve\n", SNAPSHOTTED, 1);
        world.policy(if round % 2 == 0 { &snapshotted } else { POLICY });
        let id = world.ask("alice", &DEPLOY);
        world.approve("bob", &id).exits(0);
        let racers = world.program("alice", "/bin/bash", &["-c", race, "race", &id]).run().exits(0);
        let ended = |code: &str| racers.stdout.lines().filter(|line| *line == code).count();
        assert_eq!((ended("ended 0"), ended("ended 77")), (1, 19), "{round}: {racers:?}");
        let refusals = racers.stdout.lines().filter(|line| line.contains(&id));
        assert_eq!(refusals.count(), 19, "{round}: {racers:?}");
        assert_eq!(world.times_run(), round + 1);
    }
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    world.resume("alice", &id).exits(0);
    world.audited(&id, "command-started", 1);
    world.audited(&id, "command-finished", 1);
    let starts = world.audit_actions().iter().filter(|one| *one == "command-started").count();
    assert_eq!(starts, races + 1);
    world.resume("alice", &id).exits(77).says("ask anew");
    world.approve("carol", &id).exits(77);
    assert_eq!(world.times_run(), races + 1);
}

/// Snapshots something before each deployment.
const SNAPSHOTTED: &str = "    decision: approve\n    snapshot: {paths: [/srv/state]}\n";

#[test]
fn an_approval_survives_a_process_that_died_before_it_used_it() {
    let world = office_or_skip!();
    world.policy(&POLICY.replacen("    decision: approve\n", SNAPSHOTTED, 1));
    world.write("srv/state", "before\n");
    world.write("srv/deploy.sh", "echo deployed > /srv/state\n");
    let waiting =
        world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]).start_and_wait_for_request();
    let id = waiting.id.clone();
    let monitor = monitor_of(&waiting.child);
    // A front that is stopped does not make ready for the command: the monitor waits for it, with the
    // snapshot taken and the approval not used yet.
    waiting.signal(Signal::SIGSTOP);
    world.approve("bob", &id).exits(0);
    let run = world.outside("var-lib/hitl/snapshots/runs").join(id.replace('-', ""));
    while !run.join("information.json").exists() {
        std::thread::yield_now();
    }
    waiting.signal(Signal::SIGKILL);
    waiting.end();
    monitor.comes_to(None);
    assert_eq!(world.state(&id), "approved");
    world.audited(&id, "command-started", 0);
    // The snapshot is taken anew: it shows the state before the command, not before the crash.
    world.write("srv/state", "changed meanwhile\n");
    world.resume("alice", &id).exits(0);
    world.audited(&id, "command-started", 1);
    assert_eq!(world.read("srv/state"), "deployed\n");
    world.hitl("root", &["undo", &id]).run().exits(0);
    assert_eq!(world.read("srv/state"), "changed meanwhile\n");
}

#[test]
fn a_request_that_is_taken_back_at_the_last_moment_leaves_nothing_to_undo() {
    let world = office_or_skip!();
    world.policy(&POLICY.replacen("    decision: approve\n", SNAPSHOTTED, 1));
    world.write("srv/state", "before\n");
    let big = std::fs::File::create(world.outside("srv/big")).unwrap();
    // It is looked at again, all of it, between the snapshot and the start.
    big.set_len(1 << 30).unwrap();
    let id = world.ask("alice", &["cp", "/srv/big", "/srv/out"]);
    world.approve("bob", &id).exits(0);
    let mut late = world.hitl("alice", &["run", "--resume", &id]).command().spawn().unwrap();
    let run = world.outside("var-lib/hitl/snapshots/runs").join(id.replace('-', ""));
    while !run.join("information.json").exists() {
        assert!(late.try_wait().unwrap().is_none(), "ended before it could be taken back");
        std::thread::yield_now();
    }
    // A second start at this moment waits for nobody and breaks nothing.
    world.resume("alice", &id).exits(77).says("another process is about to start");
    world.hitl("bob", &["reject", &id, "-m", "stop"]).run().exits(0);
    assert_eq!(late.wait().unwrap().code(), Some(77));
    assert!(!world.outside("srv/out").exists());
    assert!(!run.exists());
    world.audited(&id, "command-started", 0);
}

#[test]
fn a_killed_wait_leaves_the_request_pending_and_resumable() {
    let world = office_or_skip!();
    for signal in [Signal::SIGKILL, Signal::SIGHUP, Signal::SIGTERM] {
        let before = world.times_run();
        let waiting = world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]);
        let waiting = waiting.start_and_wait_for_request();
        let id = waiting.id.clone();
        waiting.signal(signal);
        assert!(!waiting.end().status.success());
        assert_eq!(world.state(&id), "pending");
        world.approve("bob", &id).exits(0);
        assert_eq!(world.times_run(), before);
        world.resume("alice", &id).exits(0);
        assert_eq!(world.times_run(), before + 1);
    }
}

#[test]
fn a_command_whose_monitor_was_killed_is_on_record_as_unknown_and_never_run_again() {
    let world = office_or_skip!();
    world.write("srv/deploy.sh", "echo ran >> /srv/ran\nexec sleep 600\n");
    let mut waiting =
        world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]).start_and_wait_for_request();
    let id = waiting.id.clone();
    world.approve("bob", &id).exits(0);
    while world.times_run() == 0 {
        assert!(waiting.child.try_wait().unwrap().is_none(), "ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(world.state(&id), "running");
    monitor_of(&waiting.child).kill(Signal::SIGKILL);
    waiting.child.wait().unwrap();
    assert_eq!(world.state(&id), "unknown");
    world.resume("alice", &id).exits(77).says("look at what the command did");
    world.hitl("alice", &["wait", &id]).run().exits(77);
    assert_eq!(world.times_run(), 1);
    world.audited(&id, "command-started", 1);
    world.audited(&id, "command-finished", 1);
    let entries = world.audit();
    let end = entries.iter().find(|entry| entry["event"]["action"] == "command-finished").unwrap();
    assert_eq!(end["event"]["outcome"], "unknown");
    assert!(end["hitl"]["because"].as_str().unwrap().contains("killed"), "{end}");
}

#[test]
fn what_nobody_decides_expires_and_that_is_on_record() {
    let world = office_or_skip!();
    world.policy(&POLICY.replace("approval_expiry: 5m", "approval_expiry: 400ms"));
    let waited = world.hitl("alice", &["run", "--json", "--", "sh", "/srv/deploy.sh"]).run();
    let waited = waited.exits(124).says("nobody decided in time");
    let id = waited.json()["id"].as_str().unwrap().to_owned();
    world.approve("bob", &id).exits(77).says("expired");
    assert_eq!(world.state(&id), "expired");
    world.audited(&id, "request-expired", 1);
    assert_eq!(world.pending(), [] as [serde_json::Value; 0]);
}

#[test]
fn an_approval_that_nobody_uses_expires_and_that_is_on_record() {
    let world = office_or_skip!();
    world.policy(&POLICY.replace("execution_expiry: 5m", "execution_expiry: 300ms"));
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    while world.state(&id) == "approved" {
        std::thread::sleep(Duration::from_millis(20));
    }
    world.resume("alice", &id).exits(124).says("nobody used the approval in time");
    assert_eq!(world.times_run(), 0);
    world.audited(&id, "request-expired", 1);
}

#[test]
fn of_two_processes_that_wait_for_one_request_one_runs_it() {
    let world = office_or_skip!();
    let waiting = world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]);
    let first = waiting.start_and_wait_for_request();
    let id = first.id.clone();
    let mut second = world.hitl("alice", &["run", "--resume", &id]).command();
    let second = second.stderr(std::process::Stdio::piped()).spawn().unwrap();
    world.approve("bob", &id).exits(0);
    let second = second.wait_with_output().unwrap().status.code().unwrap();
    let mut codes = [first.end().code(), second];
    codes.sort_unstable();
    assert_eq!(codes, [0, 77]);
    assert_eq!(world.times_run(), 1);
    world.audited(&id, "command-started", 1);
}

/// A command of alice's on a terminal, from a shell that waits for it, as a login shell does.
fn from_a_shell(world: &World) -> (Terminal, Waiting) {
    let (terminal, other_end) = Terminal::new();
    let script = "hitl \"$@\"; echo \"the shell saw $?\"";
    let words = ["-c", script, "sh", "run", "--", "sh", "/srv/deploy.sh"];
    let shell = world.program("alice", "/bin/sh", &words).on_terminal(other_end);
    let waiting = shell.start_and_wait_for_request();
    (terminal, waiting)
}

#[test]
fn a_request_outlives_the_shell_that_it_was_made_in_and_goes_on_from_another_login() {
    let world = office_or_skip!();
    for dies in ["the shell", "hitl", "the terminal"] {
        let before = world.times_run();
        let (mut terminal, mut waiting) = from_a_shell(&world);
        let id = waiting.id.clone();
        let shell = process_of(&waiting.child);
        let front = shell.child();
        let monitor = front.child();
        terminal.shows("waiting for ");
        match dies {
            // It leads the session: the kernel hangs up on whoever has the foreground.
            "the shell" => shell.kill(Signal::SIGKILL),
            "hitl" => front.kill(Signal::SIGKILL),
            _ => drop(terminal),
        }
        waiting.child.wait().unwrap();
        front.comes_to(None);
        monitor.comes_to(None);
        assert_eq!(world.state(&id), "pending", "{dies}");
        world.approve("bob", &id).exits(0);
        assert_eq!(world.times_run(), before, "{dies}: nobody is there to run it for");
        // Another login, another terminal, the command named once more.
        let (_other, other_end) = Terminal::new();
        let words = ["run", "--resume", &id, "--", "sh", "/srv/deploy.sh"];
        let again = world.hitl("alice", &words).on_terminal(other_end);
        let again = again.command().spawn().unwrap().wait().unwrap();
        // Standard input was the other terminal, and is a terminal again.
        assert_eq!(again.code(), Some(0), "{dies}");
        assert_eq!(world.times_run(), before + 1, "{dies}");
        world.audited(&id, "command-started", 1);
    }
}

#[test]
fn a_waiter_that_is_stopped_and_continued_goes_on_where_it_was() {
    let world = office_or_skip!();
    for approved_while_stopped in [false, true] {
        let before = world.times_run();
        let (mut terminal, other_end) = Terminal::new();
        // A shell with job control.
        let shell = world.program("alice", "/bin/bash", &["--norc", "--noprofile", "-i"]);
        let mut shell = shell.with("PS1", "prompt> ").on_terminal(other_end).command();
        let mut shell = shell.spawn().unwrap();
        terminal.shows("prompt> ");
        terminal.types("hitl run -- sh /srv/deploy.sh\n");
        terminal.shows("waiting for ");
        let id = world.pending()[0]["id"].as_str().unwrap().to_owned();
        terminal.forget();
        terminal.types("\u{1a}");
        terminal.shows("Stopped");
        terminal.shows("prompt> ");
        terminal.forget();
        assert_eq!(world.state(&id), "pending");
        if approved_while_stopped {
            world.approve("bob", &id).exits(0);
        }
        terminal.types("fg\n");
        if !approved_while_stopped {
            terminal.shows(&format!("waiting for {id}"));
            world.approve("bob", &id).exits(0);
        }
        terminal.shows("is approved by bob");
        // What is typed before belongs to the command.
        terminal.shows("prompt> ");
        terminal.types("echo saw $?\n");
        terminal.shows("saw 0");
        terminal.types("exit\n");
        shell.wait().unwrap();
        assert_eq!(world.times_run(), before + 1);
        world.audited(&id, "command-started", 1);
    }
}

#[test]
fn requests_may_be_kept_on_another_file_system_than_the_log() {
    let world = office_or_skip!();
    // All in one mount namespace, with a file system that is only there.
    let script = r#"
        set -e
        mkdir -m 700 /var/lib/hitl/requests
        mount -t tmpfs -o mode=0700 tmpfs /var/lib/hitl/requests
        as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups "$@"; }
        mkfifo /srv/events
        exec 4<> /srv/events
        as alice hitl run --status-fd 3 -- sh /srv/deploy.sh 3>&4 4>&- &
        grep -m 1 -q pending <&4
        id=$(hitl pending --json | sed 's/.*"id":"\([^"]*\)".*/\1/')
        as bob hitl approve "$id"
        wait $!
        ls /var/lib/hitl/requests/closed/*/ | wc -l
        hitl audit verify
    "#;
    world.script("root", script).run().exits(0).prints("1\n").prints("holds");
    assert_eq!(world.times_run(), 1);
}

#[test]
fn a_wait_of_two_seconds_ends_after_two_seconds() {
    let world = office_or_skip!();
    let begun = Instant::now();
    let ran = world.hitl("alice", &["run", "--wait", "2s", "--", "true"]).run();
    let took = begun.elapsed();
    ran.exits(124).says("still pending");
    assert!((Duration::from_secs(2)..Duration::from_secs(30)).contains(&took), "{took:?}");
}

#[test]
fn in_user_scope_the_own_human_confirms_and_nobody_else_is_there_to_approve() {
    let world = office_or_skip!();
    std::fs::create_dir_all(world.outside("home/alice/.config/hitl")).unwrap();
    world.write("home/alice/.config/hitl/policy.yaml", POLICY);
    for place in [".config", ".config/hitl", ".config/hitl/policy.yaml"] {
        world.own(&format!("home/alice/{place}"), "alice");
    }
    let made = ["run", "--no-wait", "--json", "--", "mkdir", "/home/alice/made"];
    let id = asked(&world.plain_hitl("alice", &made).run());
    // The system's store is another one: there the id means nothing.
    world.approve("alice", &id).exits(1);
    world.plain_hitl("alice", &["approve", &id]).run().exits(0);
    world.plain_hitl("alice", &["run", "--resume", &id]).run().exits(0);
    assert!(world.outside("home/alice/made").exists());

    let deploy = ["run", "--no-wait", "--json", "--", "sh", "/srv/deploy.sh"];
    let id = asked(&world.plain_hitl("alice", &deploy).run());
    let refused = world.plain_hitl("alice", &["approve", &id]).run().exits(77);
    refused.says("you asked for it yourself");
    assert_eq!(world.times_run(), 0);
}
