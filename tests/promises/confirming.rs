//! `confirm`: the requester's own human is asked, at a real terminal, and nobody else answers.

use nix::sys::signal::Signal;

use crate::office_or_skip;
use crate::terminal::Terminal;
use crate::world::{Waiting, World};

const QUESTION: &str = "anything else refuses: ";

/// alice asks at a terminal of hers, and is asked.
fn asked_at_terminal(world: &World) -> (Terminal, Waiting) {
    let (mut terminal, other_end) = Terminal::new();
    let waiting = world
        .hitl("alice", &["run", "--", "mkdir", "/srv/made"])
        .on_terminal(other_end)
        .start_and_wait_for_request();
    terminal.shows(QUESTION);
    (terminal, waiting)
}

fn is_made(world: &World) -> bool {
    world.outside("srv/made").exists()
}

#[test]
fn the_right_characters_run_it_in_either_case() {
    let world = office_or_skip!();
    for lower in [false, true] {
        let (mut terminal, waiting) = asked_at_terminal(&world);
        let id = waiting.id.clone();
        let typed = if lower { id[..4].to_lowercase() } else { id[..4].to_owned() };
        terminal.types(&format!("{typed}\n"));
        waiting.end().exits(0);
        assert!(is_made(&world));
        world.audited(&id, "approval-recorded", 1);
        std::fs::remove_dir(world.outside("srv/made")).unwrap();
    }
}

#[test]
fn anything_else_refuses() {
    let world = office_or_skip!();
    for wrong in ["yes\n", "\n", "y\n", "\u{4}"] {
        let (mut terminal, waiting) = asked_at_terminal(&world);
        let id = waiting.id.clone();
        terminal.types(wrong);
        waiting.end().exits(77);
        assert_eq!(world.state(&id), "cancelled", "{wrong:?}");
        world.audited(&id, "request-cancelled", 1);
    }
    // The right characters, and one more.
    let (mut terminal, waiting) = asked_at_terminal(&world);
    let typed = format!("{}x\n", &waiting.id[..4]);
    terminal.types(&typed);
    waiting.end().exits(77);
    assert!(!is_made(&world));
}

#[test]
fn nothing_on_a_screen_of_80_columns_is_torn_apart_by_its_edge() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    terminal.resize(24, 80);
    let waiting = world
        .hitl("alice", &["run", "--", "mkdir", "/srv/made"])
        .on_terminal(other_end)
        .start_and_wait_for_request();
    terminal.shows(QUESTION);
    terminal.types("no\n");
    waiting.end().exits(77);
    let shown = terminal.shows_to_the_end();
    for line in shown.lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line:?}");
    }
    assert!(shown.contains("is cancelled"), "{shown}");
    // On 24 rows the request's own beginning has gone: what it is about stands right above the question.
    let lines: Vec<_> = shown.lines().collect();
    let question = lines.iter().position(|line| line.contains("To run it")).unwrap();
    let last_rows = &lines[question.saturating_sub(8)..question];
    assert!(last_rows.iter().any(|line| line.contains("risk: mkdir /srv/made")), "{shown}");
}

#[test]
fn what_was_typed_before_the_question_is_no_answer_to_it() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    // A whole line, which would refuse, and the beginning of one, which would spoil the next.
    terminal.types("yes\nzz");
    let waiting = world
        .hitl("alice", &["run", "--", "mkdir", "/srv/made"])
        .on_terminal(other_end)
        .start_and_wait_for_request();
    terminal.shows(QUESTION);
    assert_eq!(world.state(&waiting.id), "pending");
    let typed = format!("{}\n", &waiting.id[..4]);
    terminal.types(&typed);
    waiting.end().exits(0);
    assert!(is_made(&world));
}

#[test]
fn an_answer_may_come_in_pieces() {
    let world = office_or_skip!();
    let (mut terminal, waiting) = asked_at_terminal(&world);
    // ^D in the middle of a line hands over what there is of it.
    let (first, second) = waiting.id[..4].split_at(2);
    terminal.types(&format!("{first}\u{4}"));
    terminal.types(&format!("{second}\n"));
    waiting.end().exits(0);
    assert!(is_made(&world));
}

#[test]
fn the_same_human_may_confirm_from_another_terminal_and_nobody_else() {
    let world = office_or_skip!();
    let (_terminal, waiting) = asked_at_terminal(&world);
    let id = waiting.id.clone();
    // bob and carol approve other things; this one is not theirs, nor root's.
    world.approve("bob", &id).exits(1).says("there is no request");
    world.approve("root", &id).exits(77).says("alice");
    let program = world.hitl("alice", &["approve", &id]).with("CLAUDECODE", "1").run().exits(77);
    program.says("only a human decides");
    assert!(!is_made(&world));
    world.approve("alice", &id).exits(0);
    waiting.end().exits(0);
    assert!(is_made(&world));
}

#[test]
fn without_a_terminal_nothing_is_asked_and_another_terminal_confirms() {
    let world = office_or_skip!();
    let command = ["run", "--", "mkdir", "/srv/made"];
    let waiting = world.hitl("alice", &command).start_and_wait_for_request();
    world.approve("alice", &waiting.id).exits(0);
    let ran = waiting.end().exits(0);
    assert!(!ran.stderr.contains("To run it, type"), "{ran:?}");
    assert!(is_made(&world));
}

#[test]
fn a_program_at_a_terminal_is_not_asked() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    let waiting = world
        .hitl("alice", &["run", "--", "mkdir", "/srv/made"])
        .with("CLAUDECODE", "1")
        .on_terminal(other_end)
        .start_and_wait_for_request();
    let id = waiting.id.clone();
    // Whatever it types is not read.
    terminal.types(&format!("{}\n", &id[..4]));
    terminal.shows(&format!("waiting for {id}: a confirmation by alice"));
    assert_eq!(world.state(&id), "pending");
    waiting.signal(Signal::SIGKILL);
    waiting.end();
    let shown = terminal.shows_to_the_end();
    assert!(!shown.contains("To run it, type"), "{shown}");
    assert_eq!(world.state(&id), "pending");
    assert!(!is_made(&world));
}

#[test]
fn control_c_takes_the_request_back() {
    let world = office_or_skip!();
    for (command, shown) in [
        (&["run", "--", "mkdir", "/srv/made"][..], "To run it, type"),
        (&["run", "--", "sh", "/srv/deploy.sh"], "waiting for "),
    ] {
        let (mut terminal, other_end) = Terminal::new();
        let waiting =
            world.hitl("alice", command).on_terminal(other_end).start_and_wait_for_request();
        let id = waiting.id.clone();
        terminal.shows(shown);
        terminal.types("\u{3}");
        waiting.end().exits(77);
        terminal.shows("cancelled by alice");
        assert_eq!(world.state(&id), "cancelled");
        world.audited(&id, "request-cancelled", 1);
    }
    assert!(!is_made(&world));
    assert_eq!(world.times_run(), 0);
}

#[test]
fn a_terminal_that_hangs_up_leaves_the_request_pending() {
    let world = office_or_skip!();
    let (terminal, waiting) = asked_at_terminal(&world);
    let id = waiting.id.clone();
    drop(terminal);
    assert!(!waiting.end().status.success());
    assert_eq!(world.state(&id), "pending");
    world.approve("alice", &id).exits(0);
    // From another terminal.
    let (_other, other_end) = Terminal::new();
    let resume = world.hitl("alice", &["run", "--resume", &id]).on_terminal(other_end);
    resume.run().exits(0);
    assert!(is_made(&world));
}

#[test]
fn a_wait_that_outlives_its_terminal_goes_on_and_can_still_be_confirmed_elsewhere() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    // As with nohup: the hang-up is ignored, and standard input is not the terminal.
    let script = "exec hitl \"$@\" < /dev/null";
    let nohup =
        ["--ignore-signal=HUP", "sh", "-c", script, "sh", "run", "--", "mkdir", "/srv/made"];
    let waiting = world
        .program("alice", "/usr/bin/env", &nohup)
        .on_terminal(other_end)
        .start_and_wait_for_request();
    let id = waiting.id.clone();
    terminal.shows(QUESTION);
    drop(terminal);
    world.hitl("alice", &["wait", &id, "--timeout", "1500ms"]).run().exits(75);
    world.approve("alice", &id).exits(0);
    waiting.end().exits(0);
    assert!(is_made(&world));
}
