//! An installed hitl is two processes: an unprivileged one in front, which can be signalled, stopped
//! and killed like any program, and a root-only one that cannot, and writes down how it ended.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;

use crate::processes::{Process, monitor_of, process_of};
use crate::terminal::Terminal;
use crate::world::{Running, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: monitoring
defaults: {decision: deny, require: [{group: sre, count: 1}]}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: probes
    match: {command: "/usr/local/bin/*"}
    decision: allow
  - id: harmless
    match: {command: "/usr/bin/{cat,sleep,stty,tty,touch,seq}"}
    decision: allow
"#;

/// Writes its pid to `/srv/pid`, then waits for a line that never comes.
const HOLD: &str = "#!/bin/bash\necho $$ >/srv/pid.new; mv /srv/pid.new /srv/pid\necho ready >/srv/ready\nread -r never </srv/never\n";

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.install("hold", HOLD);
    for name in ["srv/ready", "srv/never"] {
        nix::unistd::mkfifo(&world.outside(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    world
}

/// alice runs `hold`: returns when it runs.
fn holding(world: &World) -> (Running, Process) {
    let running = world.program("alice", "/usr/local/bin/hitl", &["run", "--", "hold"]).start();
    (running, held(world))
}

/// Waits until `hold` runs.
fn held(world: &World) -> Process {
    let mut ready = String::new();
    fs::File::open(world.outside("srv/ready")).unwrap().read_to_string(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    Process(nix::unistd::Pid::from_raw(world.read("srv/pid").trim().parse().unwrap()))
}

/// alice's shell at a terminal, ready for a line.
fn shell(world: &World) -> (Terminal, std::process::Child) {
    let (mut terminal, other_end) = Terminal::new();
    let mut command = world
        .program("alice", "/bin/bash", &["--norc", "--noediting", "-i"])
        .with("PS1", "ready> ")
        .on_terminal(other_end)
        .command();
    let child = command.spawn().unwrap();
    drop(command);
    terminal.shows("ready> ");
    (terminal, child)
}

/// The last entry of the log.
fn last_entry(world: &World) -> serde_json::Value {
    world.audit().pop().unwrap()
}

#[test]
fn the_process_in_front_has_no_privileges_and_the_one_behind_is_roots_in_every_id() {
    let world = prepared(world_or_skip!());
    let (running, command) = holding(&world);
    let (front, monitor) = (process_of(&running.child), monitor_of(&running.child));
    assert_eq!(front.status("Uid"), "2001\t2001\t2001\t2001");
    assert_eq!(front.status("Gid"), "2001\t2001\t2001\t2001");
    assert_eq!(front.status("NoNewPrivs"), "1");
    assert_eq!(front.status("CapPrm"), "0000000000000000");
    assert_eq!(monitor.status("Uid"), "0\t0\t0\t0");
    assert_eq!(monitor.status("Gid"), "0\t0\t0\t0");
    assert_eq!(monitor.child(), command);
    // Its own session, without a terminal: no key and no hang-up of the caller's reaches it.
    assert_eq!(monitor.stat(4), monitor.0.to_string());
    assert_eq!(monitor.stat(5), "0");
    // Nor can the caller signal it, or look into either.
    for process in [monitor.0, front.0] {
        let memory = format!("cat /proc/{process}/environ; cat /proc/{process}/maps");
        let ran = world.plain_script("alice", &memory).run();
        assert_eq!(ran.stdout, "", "{ran:?}");
    }
    for signal in ["KILL", "STOP", "TERM"] {
        let kill = format!("kill -{signal} {}", monitor.0);
        world.plain_script("alice", &kill).run().exits(1).says("not permitted");
    }
    assert_ne!(monitor.status("State").chars().next(), Some('T'));
    command.kill(Signal::SIGTERM);
    assert_eq!(running.end().1.status.signal(), Some(15));
}

#[test]
fn a_run_whose_front_is_killed_is_ended_with_all_it_started_and_that_is_on_record() {
    let world = prepared(world_or_skip!());
    world.install(
        "hold",
        &HOLD.replace("echo ready", "setsid sleep 1000 &\nsleep 1000 &\necho ready"),
    );
    let (running, command) = holding(&world);
    let monitor = monitor_of(&running.child);
    let family = command.children();
    assert_eq!(family.len(), 2);
    running.signal(Signal::SIGKILL);
    monitor.comes_to(None);
    for process in family.into_iter().chain([command]) {
        process.comes_to(None);
    }
    let entry = last_entry(&world);
    assert_eq!(entry["event"]["action"], "command-finished", "{entry}");
    assert_eq!(entry["event"]["outcome"], "failure", "{entry}");
    assert!(entry.to_string().contains("whoever started it was killed"), "{entry}");
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn a_command_that_ignores_the_request_to_end_is_killed_when_its_front_is() {
    let world = prepared(world_or_skip!());
    world.install("hold", &HOLD.replace("#!/bin/bash", "#!/bin/bash\ntrap '' TERM HUP"));
    let (running, command) = holding(&world);
    let monitor = monitor_of(&running.child);
    running.signal(Signal::SIGKILL);
    monitor.comes_to(None);
    command.comes_to(None);
    assert_eq!(last_entry(&world)["event"]["action"], "command-finished");
}

#[test]
fn signals_to_the_front_reach_the_command_and_its_end_comes_back() {
    let world = prepared(world_or_skip!());
    for (signal, number) in [(Signal::SIGTERM, 15), (Signal::SIGINT, 2), (Signal::SIGHUP, 1)] {
        let (running, _) = holding(&world);
        running.signal(signal);
        assert_eq!(running.end().1.status.signal(), Some(number), "{signal}");
    }
    world.install("hold", &HOLD.replace("#!/bin/bash", "#!/bin/bash\ntrap 'exit 7' TERM"));
    let (running, _) = holding(&world);
    running.signal(Signal::SIGTERM);
    running.end().1.exits(7);
}

#[test]
fn a_signal_that_the_caller_ignores_is_ignored_by_the_command_too() {
    let world = prepared(world_or_skip!());
    let arguments = ["--ignore-signal=INT", "hitl", "run", "--", "hold"];
    let mut call = world.program("alice", "/usr/bin/env", &arguments).command();
    let mut front = call.spawn().unwrap();
    let command = held(&world);
    process_of(&front).kill(Signal::SIGINT);
    process_of(&front).kill(Signal::SIGTERM);
    assert_eq!(front.wait().unwrap().signal(), Some(15), "not by the first one");
    command.comes_to(None);
}

#[test]
fn the_command_gets_a_terminal_of_its_own_like_the_callers() {
    let world = prepared(world_or_skip!());
    world.install(
        "look",
        "#!/bin/bash\ntty; stty size; stat -c %U \"$(tty)\"; stty -a | grep -o -- '-echoctl'\n\
         read -r word; echo \"got $word\"\n",
    );
    let (mut terminal, child) = shell(&world);
    terminal.resize(40, 101);
    terminal.types("stty -echoctl; tty; hitl run -u bob -- look\n");
    terminal.shows("40 101\r\nbob\r\n-echoctl\r\n");
    terminal.types("some words\n");
    terminal.shows("got some words\r\n");
    let shown = terminal.shows("got some words\r\nready> ").to_owned();
    let terminals: Vec<_> = shown.lines().filter(|line| line.starts_with("/dev/pts/")).collect();
    assert_eq!(terminals.len(), 2, "{shown}");
    assert_ne!(terminals[0], terminals[1]);
    // The caller's terminal is as it was.
    terminal.types("stty -a | grep -o ' icanon.*'; echo over$((1+1))\n");
    terminal.shows(" icanon");
    terminal.shows("over2");
    leave(terminal, child);
}

#[test]
fn a_window_that_changes_its_size_changes_the_commands() {
    let world = prepared(world_or_skip!());
    world.install(
        "watch",
        "#!/bin/bash\ntrap 'stty size; exit 3' WINCH\necho watching\nwhile :; do sleep 0.01; done\n",
    );
    let (mut terminal, child) = shell(&world);
    terminal.types("hitl run -- watch; echo status$?\n");
    terminal.shows("watching");
    terminal.resize(33, 99);
    terminal.shows("33 99");
    terminal.shows("status3");
    leave(terminal, child);
}

/// Types a command into the terminal it shares with the shell.
const TYPER: &str = "#!/usr/bin/perl\nforeach my $key (split //, \"echo PWNED\\$((1+1))\\n\") {\n    \
     ioctl(STDIN, 0x5412, $key) or print \"cannot type: $!\\n\";\n}\nprint \"typed\\n\";\n";

#[test]
fn a_program_that_runs_as_somebody_else_cannot_type_into_the_callers_shell() {
    let world = prepared(world_or_skip!());
    world.install("typer", TYPER);
    let (mut terminal, child) = shell(&world);
    terminal.types("hitl run -u bob -- typer; echo after$((20+1))\n");
    terminal.shows("typed");
    terminal.shows("after21");
    terminal.types("echo done$((20+2))\n");
    let shown = terminal.shows("done22").to_owned();
    assert!(!shown.contains("PWNED2"), "{shown}");
    leave(terminal, child);
    // What it would be without a terminal of its own, where the kernel lets it.
    if fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").is_ok_and(|text| text == "1\n") {
        let (mut terminal, child) = shell(&world);
        terminal.types("typer\n");
        terminal.shows("PWNED2");
        leave(terminal, child);
    }
}

#[test]
fn control_c_ends_the_command_and_not_the_shell() {
    let world = prepared(world_or_skip!());
    let (mut terminal, child) = shell(&world);
    terminal.types("hitl run -- hold\n");
    held(&world);
    terminal.forget();
    terminal.types("\u{3}");
    terminal.shows("ready> ");
    terminal.types("echo status$?\n");
    terminal.shows("status130");
    leave(terminal, child);
    assert_eq!(last_entry(&world)["hitl"]["ending"], "ended by signal 2");
}

#[test]
fn control_z_stops_the_job_and_fg_goes_on_with_it() {
    let world = prepared(world_or_skip!());
    world.install("job", "#!/bin/bash\necho begun\nread -r word\necho \"heard $word\"\n");
    let (mut terminal, child) = shell(&world);
    for round in ["one", "two"] {
        terminal.types(&format!("hitl run -- job; echo ended-{round}\n"));
        terminal.shows("begun");
        terminal.types("\u{1a}");
        terminal.shows("Stopped");
        // The shell has its terminal back, as it was.
        terminal.types(&format!("stty -a | grep -o ' icanon'; echo here-{round}$((1+1))\n"));
        terminal.shows(&format!("here-{round}2"));
        terminal.types("fg\n");
        terminal.types(&format!("{round}\n"));
        terminal.shows(&format!("heard {round}"));
        terminal.forget();
    }
    leave(terminal, child);
}

#[test]
fn a_command_in_the_background_stops_when_it_reads_and_gets_the_terminal_by_fg() {
    let world = prepared(world_or_skip!());
    world.install("ask", "#!/bin/bash\nread -r word\necho \"heard $word\"\n");
    let (mut terminal, child) = shell(&world);
    terminal.types("set -b; hitl run -- ask &\n");
    terminal.shows("Stopped");
    terminal.types("fg\n");
    terminal.types("this\n");
    terminal.shows("heard this");
    leave(terminal, child);
}

#[test]
fn in_a_pipeline_the_bytes_pass_untouched_and_the_terminal_is_the_others() {
    let world = prepared(world_or_skip!());
    world.install("twice", "#!/bin/bash\ncat; tty <&2 >&2\n");
    let (mut terminal, child) = shell(&world);
    terminal.types(
        "printf 'a\\r\\n\\x00\\xff\\n' | hitl run -- twice | od -An -tx1; echo status${PIPESTATUS[1]}\n",
    );
    terminal.shows(" 61 0d 0a 00 ff 0a");
    terminal.shows("status0");
    // A pager at the end of a pipeline has the keys.
    terminal.types(
        "hitl run -- seq 3 | { read -r line; read -r key </dev/tty; echo \"$line$key\"; }\n",
    );
    terminal.types("k\n");
    terminal.shows("1k");
    leave(terminal, child);
}

#[test]
fn everything_that_a_command_writes_at_its_end_is_shown() {
    let world = prepared(world_or_skip!());
    let (mut terminal, child) = shell(&world);
    for round in 10..20 {
        terminal.types(&format!("hitl run -- seq 2000; echo round$(({round}+10))\n"));
        let end = format!("round{}\r\nready> ", round + 10);
        let shown = terminal.shows(&end).to_owned();
        let numbers = shown.lines().filter(|line| line.parse::<u32>().is_ok()).count();
        assert_eq!(numbers, 2000);
        terminal.forget();
    }
    leave(terminal, child);
}

#[test]
fn a_terminal_that_closes_hangs_the_command_up_and_its_end_is_on_record() {
    let world = prepared(world_or_skip!());
    let (terminal, other_end) = Terminal::new();
    let mut call = world
        .program("alice", "/usr/local/bin/hitl", &["run", "--", "hold"])
        .on_terminal(other_end)
        .command();
    let mut front = call.spawn().unwrap();
    drop(call);
    let command = held(&world);
    let monitor = monitor_of(&front);
    drop(terminal);
    command.comes_to(None);
    monitor.comes_to(None);
    front.wait().unwrap();
    let entry = last_entry(&world);
    assert_eq!(entry["event"]["action"], "command-finished");
    assert!(entry["hitl"]["ending"] == "ended by signal 1", "{entry}");
}

/// Ends a shell.
fn leave(mut terminal: Terminal, mut child: std::process::Child) {
    terminal.types("exit\n");
    drop(terminal);
    child.wait().unwrap();
}
