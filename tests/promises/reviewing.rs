//! The reviewer's screen, in a real terminal: it shows everything, decides only what somebody meant,
//! and leaves the terminal as it was.

use nix::sys::signal::Signal;

use crate::desk::Desk;
use crate::office::{DEPLOY, open};
use crate::office_or_skip;
use crate::processes::process_of;
use crate::terminal::Terminal;
use crate::world::World;
use crate::world_or_skip;

/// The smallest terminal that many have.
pub const SMALL: (u16, u16) = (80, 24);

/// A desk at which `hitl review` has listed what there is.
#[track_caller]
pub fn at_the_screen(world: &World, user: &str, size: (u16, u16)) -> Desk {
    let desk = Desk::open(world, user, size, &[]);
    desk.types("hitl review\n");
    desk.shows(" live");
    desk
}

/// Opens the only request and reads it to its end.
fn read(desk: &Desk) {
    desk.press(&["Enter"]);
    desk.shows(" risk  ");
    desk.shows_no("reading …");
    desk.press(&["G"]);
    // It says so once it has been read whole.
    desk.shows("the end");
}

/// What is typed of an id to approve it.
pub fn beginning(id: &str) -> &str {
    id.split('-').next().unwrap()
}

#[test]
fn what_waits_is_listed_and_leaving_gives_the_terminal_back() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let desk = Desk::open(&world, "bob", SMALL, &[]);
    desk.types("stty -g >~/before; hitl review; echo left with $?; stty -g >~/after\n");
    let screen = desk.shows(&id);
    assert!(screen.contains("[1 Queue 1]") && screen.contains("alice"), "{screen}");
    assert!(screen.contains("sh /srv/deploy.sh"), "{screen}");
    assert!(desk.is_taken_over());
    desk.press(&["q"]);
    let screen = desk.shows("left with 0");
    assert!(screen.contains("hitl review") && !desk.is_taken_over(), "{screen}");
    desk.types("cmp ~/before ~/after && echo unchanged\n");
    desk.shows("\nunchanged");
}

#[test]
fn an_approval_typed_on_the_screen_lets_the_waiting_command_go_on() {
    let world = office_or_skip!();
    let words = [&["run", "--"][..], &DEPLOY].concat();
    let waiting = world.hitl("alice", &words).start_and_wait_for_request();
    let id = waiting.id.clone();
    let desk = at_the_screen(&world, "bob", SMALL);
    read(&desk);
    desk.press(&["a"]);
    desk.shows(&format!("type {}, how its id begins", beginning(&id)));
    desk.types(beginning(&id).to_lowercase().as_str());
    desk.press(&["Enter"]);
    desk.shows("press any key");
    waiting.end().exits(0);
    assert_eq!(world.times_run(), 1);
    desk.press(&["x"]);
    let screen = desk.shows("Nothing waits for a human.");
    assert!(screen.contains("your yes is on record"), "{screen}");
    // And it has become history, as it happened.
    desk.press(&["2"]);
    let screen = desk.shows("finished");
    assert!(screen.contains(&id) && screen.contains("bob"), "{screen}");
    world.audited(&id, "approval-recorded", 1);
}

#[test]
fn neither_enter_nor_a_yes_approves_anything() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.press(&["Enter", "Enter", "Enter"]);
    desk.shows("more below");
    desk.press(&["a"]);
    let screen = desk.shows("read it to its end first");
    assert!(!screen.contains("To approve"), "{screen}");
    desk.press(&["G"]);
    desk.shows(", the end");
    desk.press(&["a", "Enter", "Enter"]);
    desk.shows("To approve");
    desk.types("yes");
    desk.press(&["Enter"]);
    desk.shows("yes is not");
    desk.types("y");
    desk.press(&["Enter"]);
    desk.shows("y is not");
    desk.press(&["Escape"]);
    desk.shows("nothing is decided");
    assert_eq!(world.state(&id), "pending");
}

#[test]
fn a_rejection_demands_a_reason_which_the_requester_reads() {
    let world = office_or_skip!();
    let words = [&["run", "--"][..], &DEPLOY].concat();
    let waiting = world.hitl("alice", &words).start_and_wait_for_request();
    let desk = at_the_screen(&world, "bob", SMALL);
    read(&desk);
    desk.press(&["r", "Enter"]);
    desk.shows("a no needs a reason");
    assert_eq!(world.state(&waiting.id), "pending");
    desk.types("not on a Friday");
    desk.press(&["Enter"]);
    desk.shows("press any key");
    waiting.end().exits(77).says("not on a Friday");
    assert_eq!(world.times_run(), 0);
    desk.press(&["Enter"]);
    desk.shows("your no is on record");
}

#[test]
fn a_critical_request_demands_the_name_of_the_host() {
    let world = office_or_skip!();
    world.policy(&crate::office::POLICY.replace(
        "    match: {command: \"/usr/bin/{sh,dash,cp,true,sleep,cat}\"}\n",
        "    match: {command: \"/usr/bin/{sh,dash,cp,true,sleep,cat}\"}\n    risk: critical\n",
    ));
    let id = world.ask("alice", &DEPLOY);
    let shown = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    let host = shown["bound"]["host"]["name"].as_str().unwrap();
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.shows("CRITICAL");
    read(&desk);
    desk.press(&["a"]);
    desk.shows(&format!("name of the host in full, {host}"));
    desk.types(beginning(&id));
    desk.press(&["Enter"]);
    desk.shows(&format!("is not {host}: nothing is decided"));
    assert_eq!(world.state(&id), "pending");
    desk.types(host);
    desk.press(&["Enter"]);
    desk.shows("press any key");
    assert_eq!(world.state(&id), "approved");
}

#[test]
fn the_screen_follows_what_happens_elsewhere_by_itself() {
    let world = office_or_skip!();
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.shows("Nothing waits for a human.");
    let first = world.ask("alice", &DEPLOY);
    desk.shows(&first);
    let second = world.ask("alice", &["true", "second"]);
    desk.shows(&second);
    world.hitl("alice", &["cancel", &first]).run().exits(0);
    desk.shows_no(&first);
    desk.shows(&format!(">   high  {second}"));
    // A filter keeps what matches.
    desk.types("/nothing-like-it");
    desk.shows("Nothing here matches");
    desk.press(&["Escape"]);
    desk.shows(&second);
}

#[test]
fn a_plan_is_read_and_found_on_the_screen() {
    let world = office_or_skip!();
    let ask = |plan: &str| {
        let words = ["run", "--no-wait", "--json", "--plan=-", "--", "true", "planned"];
        let ran = world.hitl("alice", &words).with_input(plan.as_bytes()).run();
        crate::office::asked(&ran)
    };
    let found = ask("first\n- aws_instance.haystack \u{1b}[2J needle\nlast\n");
    let other = ask("nothing of the kind\n");
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.shows(&other);
    desk.types("/needle");
    desk.shows("Nothing here matches");
    desk.press(&["Enter"]);
    let screen = desk.shows(&found);
    assert!(!screen.contains(&other), "{screen}");
    desk.press(&["p"]);
    let screen = desk.shows(r"- aws_instance.haystack \e[2J needle");
    assert!(screen.contains("their claim, not checked"), "{screen}");
    desk.press(&["q", "Enter", "G"]);
    desk.shows("a plan of 3 lines: p shows it");
}

#[test]
fn the_window_can_have_any_size_and_change_it() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.shows(&id);
    desk.resize(50, 10);
    desk.shows("needs 60×15");
    desk.resize(120, 40);
    let screen = desk.shows("Enter opens it");
    assert!(screen.contains("executable    /usr/bin/dash"), "{screen}");
    desk.resize(200, 60);
    desk.shows(&"─".repeat(200));
}

#[test]
fn a_batch_of_requests_is_walked_through_with_one_decision_each() {
    let world = office_or_skip!();
    let ask = |argument: &str| {
        let words = ["run", "--no-wait", "--json", "--ticket", "OPS-7", "--", "true", argument];
        crate::office::asked(&world.hitl("alice", &words).run())
    };
    let (first, second) = (ask("one"), ask("two"));
    let desk = at_the_screen(&world, "bob", (120, 40));
    desk.press(&["b"]);
    desk.shows("batch 1 of 2");
    desk.shows(" lines\n");
    desk.press(&["a"]);
    desk.types(beginning(&first));
    desk.press(&["Enter"]);
    desk.shows("press any key");
    desk.press(&["x"]);
    let screen = desk.shows("batch 2 of 2");
    assert!(screen.contains(&second), "{screen}");
    assert_eq!((world.state(&first), world.state(&second)), ("approved".into(), "pending".into()));
    desk.press(&["r"]);
    desk.shows("say why");
    desk.types("one is enough");
    desk.press(&["Enter"]);
    desk.shows(&format!("rejected {second}"));
    desk.shows_times("press any key", 2);
    desk.press(&["x"]);
    desk.shows("Nothing waits for a human.");
    assert_eq!(world.state(&second), "rejected");
}

#[test]
fn hostile_text_is_spelled_out_on_the_screen() {
    let world = office_or_skip!();
    let argument = format!("x\u{1b}[2J\r\u{202e}y{}z", " ".repeat(5000));
    let id = world.ask("alice", &["true", &argument, "\u{200b}last"]);
    let desk = at_the_screen(&world, "bob", SMALL);
    let screen = desk.shows(&id);
    assert!(screen.contains("[1 Queue 1]"), "the list is intact: {screen}");
    desk.press(&["Enter"]);
    let screen = desk.shows("[2] ");
    assert!(screen.contains(r#"[1] "x\e[2J\r\u{202e}y"‹5000 spaces›"z""#), "{screen}");
    assert!(screen.contains(r#"[2] "\u{200b}last""#), "{screen}");
}

#[test]
fn the_screen_itself_is_the_callers_in_every_id_and_only_what_it_calls_is_privileged() {
    let world = office_or_skip!();
    world.ask("alice", &DEPLOY);
    let desk = at_the_screen(&world, "bob", SMALL);
    let screen = desk.shell().child();
    for ids in ["Uid", "Gid"] {
        assert_eq!(screen.status(ids), "2002\t2002\t2002\t2002");
    }
    assert_eq!(screen.status("CapPrm"), "0000000000000000");
    assert_eq!(screen.status("CapEff"), "0000000000000000");
    // What it calls is an installed hitl like any other: a front of bob's, and root's monitor.
    let watch = screen.child();
    assert_eq!(watch.status("Uid"), "2002\t2002\t2002\t2002");
    assert_eq!(watch.status("NoNewPrivs"), "1");
    assert_eq!(watch.child().status("Uid"), "0\t0\t0\t0");
    let monitor = watch.child();
    desk.press(&["q"]);
    desk.shows("ready>");
    monitor.comes_to(None);
}

#[test]
fn other_commands_without_privileges_can_start_nothing_that_has_any() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    let mut command = world.hitl("alice", &["tour"]).on_terminal(other_end).command();
    let mut tour = command.spawn().unwrap();
    drop(command);
    terminal.shows("Enter");
    assert_eq!(process_of(&tour).status("NoNewPrivs"), "1");
    process_of(&tour).kill(Signal::SIGKILL);
    tour.wait().unwrap();
}

#[test]
fn however_the_screen_ends_the_terminal_is_given_back() {
    let world = office_or_skip!();
    let desk = Desk::open(&world, "bob", SMALL, &[]);
    desk.types("stty -g >~/before\n");
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        desk.types(
            "clear; hitl review; stty -g >~/after; cmp ~/before ~/after && echo unchanged\n",
        );
        desk.shows(" live");
        desk.shell().child().kill(signal);
        desk.shows("\nunchanged");
        assert!(!desk.is_taken_over());
    }
}

#[test]
fn the_screen_ends_with_its_terminal_also_where_nobody_tells_it_so() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let deaf = ["-c", "trap '' HUP; exec hitl review"];
    // With nothing typed, in the midst of many keys, and with half a key, which is waited for.
    for typed in ["", &"j".repeat(4000), "\u{1b}["] {
        let (mut terminal, other_end) = Terminal::new();
        terminal.resize(24, 80);
        let mut command = world.program("bob", "/bin/sh", &deaf).on_terminal(other_end).command();
        let mut screen = command.env("TERM", "xterm").spawn().unwrap();
        drop(command);
        terminal.shows(&id);
        let watch = process_of(&screen).child();
        let monitor = watch.child();
        terminal.types(typed);
        if typed.starts_with('\u{1b}') {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        drop(terminal);
        ends(&mut screen);
        watch.comes_to(None);
        monitor.comes_to(None);
    }
    // The same where it is not the terminal's first process, but a job of a shell.
    let desk = Desk::open(&world, "bob", SMALL, &[]);
    desk.types("trap '' HUP; hitl review\n");
    desk.shows(&id);
    let screen = desk.shell().child();
    let watch = screen.child();
    drop(desk);
    screen.comes_to(None);
    watch.comes_to(None);
}

/// Waits until it has ended: a screen that goes on is ended, so that it does not outlive the test.
#[track_caller]
fn ends(screen: &mut std::process::Child) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while screen.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > end {
            process_of(screen).kill(Signal::SIGKILL);
            screen.wait().unwrap();
            panic!("the screen goes on without a terminal");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn half_a_key_does_not_keep_the_screen_from_what_happens_elsewhere() {
    let world = office_or_skip!();
    let desk = at_the_screen(&world, "bob", SMALL);
    // The beginning of an arrow key, over a connection that is slow.
    desk.types("\u{1b}[");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let id = world.ask("alice", &DEPLOY);
    desk.shows(&id);
    desk.shell().child().kill(Signal::SIGTERM);
    desk.shows_no(&id);
}

#[test]
fn the_screen_can_be_stopped_and_goes_on() {
    let world = office_or_skip!();
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.press(&["C-z"]);
    desk.shows("Stopped");
    assert!(!desk.is_taken_over());
    let id = world.ask("alice", &DEPLOY);
    desk.types("fg\n");
    desk.shows(&id);
    desk.press(&["q"]);
    desk.shows_no(&id);
}

#[test]
fn a_terminal_that_answers_no_questions_is_good_enough() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let (mut terminal, other_end) = Terminal::new();
    terminal.resize(24, 80);
    let mut command = world.hitl("bob", &["review"]).on_terminal(other_end).command();
    let mut screen = command.spawn().unwrap();
    drop(command);
    terminal.shows(&id);
    assert!(!terminal.is_itself());
    terminal.types("q");
    screen.wait().unwrap();
    assert!(terminal.is_itself());
}

#[test]
fn colour_is_used_where_it_is_wanted_and_nowhere_else() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    for (variables, options, is_coloured) in [
        (&[][..], "", true),
        (&["NO_COLOR=1"], "", false),
        (&["NO_COLOR=1"], "--color=always", true),
        (&[], "--color=never", false),
    ] {
        let desk = Desk::open(&world, "bob", SMALL, variables);
        desk.types(&format!("hitl review {options}\n"));
        desk.shows(&id);
        let shown = desk.coloured();
        let found = shown.contains("\u{1b}[38;5;");
        assert_eq!(found, is_coloured, "{variables:?} {options}: {shown:?}");
    }
}

#[test]
fn without_a_terminal_the_screen_says_what_to_use_instead() {
    let world = office_or_skip!();
    world.hitl("bob", &["review"]).run().exits(125).says("hitl review --plain");
}

#[test]
fn the_plain_conversation_says_everything_line_by_line_and_decides_as_the_screen_does() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let talk = |input: &str| {
        let ran = world.hitl("bob", &["review", "--plain"]).with_input(input.as_bytes()).run();
        let harmless =
            |c: char| c == '\n' || !c.is_control() && !('\u{2500}'..'\u{2580}').contains(&c);
        assert!(ran.stdout.chars().all(harmless), "no cursor is moved, nothing is drawn: {ran:?}");
        ran
    };
    let ran = talk("help\nlist\nshow 1\nquit\n").exits(0);
    let line = format!("1. {id}: high risk, by alice, ");
    assert!(ran.stdout.contains(&line) && ran.stdout.contains("sh /srv/deploy.sh"), "{ran:?}");
    assert!(ran.stdout.contains("command (help, list, show, plan, approve, reject"), "{ran:?}");
    assert!(ran.stdout.contains("[1] /srv/deploy.sh\n"), "{ran:?}");
    for nothing in ["approve 1\n\n", "approve 1\ny\n", "approve 1\nyes\n", "reject 1\n\n", "\n\n"] {
        talk(nothing).exits(0);
        assert_eq!(world.state(&id), "pending", "{nothing:?}");
    }
    let ran = talk(&format!("approve 1\n{}\nlist\n", beginning(&id))).exits(0);
    assert!(ran.stdout.contains("Nothing waits for a human."), "{ran:?}");
    assert_eq!(world.state(&id), "approved");
    let other = world.ask("alice", &DEPLOY);
    talk(&format!("reject {other}\nnot today\n")).exits(0);
    assert_eq!(world.state(&other), "rejected");
    talk("show 7\nfrobnicate\nshow\n").exits(0).prints("there is no 7").prints("show what?");
}

#[test]
fn a_decision_can_be_bound_to_what_was_looked_at() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let other = format!("--digest=sha256:{}", "0".repeat(64));
    for words in [&["approve", &id, &other][..], &["reject", "-m", "no", &id, &other]] {
        world.hitl("bob", words).run().exits(77).says("is not what you looked at");
        assert_eq!(world.state(&id), "pending");
    }
    let shown = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    let digest = format!("--digest={}", shown["digest"].as_str().unwrap());
    world.hitl("bob", &["approve", &id, &digest]).run().exits(0);
    assert_eq!(world.state(&id), "approved");
}

#[test]
fn a_screen_that_may_see_nothing_says_so_and_one_without_policy_says_why() {
    let world = open(world_or_skip!());
    world.ask("alice", &DEPLOY);
    let desk = at_the_screen(&world, "mallory", SMALL);
    desk.shows("Nothing waits for a human.");
    std::fs::remove_file(world.outside("etc/hitl/policy.yaml")).unwrap();
    let desk = Desk::open(&world, "bob", SMALL, &[]);
    desk.types("hitl review\n");
    let screen = desk.shows("NOT LIVE");
    assert!(screen.contains("policy"), "{screen}");
}
