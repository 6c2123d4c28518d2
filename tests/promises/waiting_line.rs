//! What somebody reads who waits: who may decide, what is still needed, how long is left; on a terminal
//! on one line, elsewhere a sentence at the beginning and one at every change.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::Signal;

use crate::office::POLICY;
use crate::office_or_skip;
use crate::terminal::Terminal;

/// What a terminal has shown, a piece for each time that a line was begun anew, without what moves and
/// clears.
fn pieces(shown: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = shown.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => drop(rest.by_ref().skip(1).find(|end| end.is_ascii_alphabetic())),
            other => plain.push(other),
        }
    }
    plain
        .split(['\r', '\n'])
        .map(str::trim_end)
        .filter(|piece| !piece.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The lines of a wait among them.
fn waits(shown: &str) -> Vec<String> {
    pieces(shown).into_iter().filter(|piece| piece.starts_with("waiting for ")).collect()
}

#[test]
fn on_a_terminal_one_line_says_who_may_decide_what_is_needed_and_how_long() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    terminal.resize(24, 80);
    let words = ["run", "--", "touch", "/srv/touched"];
    let waiting = world.hitl("alice", &words).on_terminal(other_end).start_and_wait_for_request();
    let id = waiting.id.clone();
    // Two groups, with their people, are more than fits: the middle is cut, and the end still counts.
    let shown = terminal.shows("4:58 left; ^C takes it back").to_owned();
    let line = waits(&shown).pop().unwrap();
    let begins = format!("waiting for {id}: 1 of group ops");
    assert!(line.starts_with(&begins) && line.contains('…'), "{line}");
    // What it has to leave out stands above it. alice, who asks, is in ops too, and so are two
    // programs: none of them could decide.
    let said = pieces(&shown).join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let needed =
        "1 of group ops and 1 of group security (ops: bob, carol; security: carol, mallory)";
    assert!(said.contains(needed), "{said}");
    // One of two has come.
    terminal.forget();
    world.approve("mallory", &id).exits(0);
    let sentence =
        format!("hitl: mallory approved {id}; it still needs 1 of group ops (bob, carol)");
    terminal.shows(&sentence);
    let line = format!("waiting for {id}: 1 of group ops (bob, carol), 4:");
    terminal.shows(&line);
    terminal.forget();
    // Of a window that became smaller it takes no more than there is.
    terminal.resize(24, 40);
    terminal.shows("…");
    waiting.signal(Signal::SIGKILL);
    waiting.end();
    let shown = format!("{shown}{}", terminal.shows_to_the_end());
    for piece in waits(&shown) {
        assert!(piece.chars().count() < 80, "{piece:?}");
    }
    let last = waits(&shown).pop().unwrap();
    assert!(last.chars().count() < 40, "{last:?}");
}

#[test]
fn a_large_group_is_a_few_names_and_a_number() {
    let world = office_or_skip!();
    world.policy(
        &POLICY.replace("users: [bob, carol, svc-agent, deploy, alice]", "unix_groups: [many]"),
    );
    let mut group = world.read("etc/group");
    group.push_str("many:x:3002:alice,bob,carol,mallory,deploy,nobody,gone\n");
    world.write("etc/group", &group);
    let ran = world.hitl("alice", &["run", "--no-wait", "--", "true"]).run().exits(75);
    // alice asks, deploy is a program, and nobody is called "gone".
    let words = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("1 of group ops (bob, carol, mallory and 1 more)"), "{words}");
}

#[test]
fn nobody_is_looked_up_again_while_the_time_runs_down() {
    let world = office_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    let words = ["run", "--", "true"];
    let waiting = world.hitl("alice", &words).on_terminal(other_end).start_and_wait_for_request();
    terminal.shows("waiting for ");
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
    for file in ["etc/passwd", "etc/group"] {
        watch.add_watch(&world.outside(file), AddWatchFlags::IN_OPEN).unwrap();
    }
    terminal.shows("4:57 left");
    assert_eq!(watch.read_events().unwrap_err(), Errno::EAGAIN);
    world.approve("bob", &waiting.id).exits(0);
    waiting.end().exits(0);
    // It would have been seen.
    assert!(!watch.read_events().unwrap().is_empty());
}

#[test]
fn without_a_terminal_there_is_a_sentence_at_the_beginning_and_one_at_every_change() {
    let world = office_or_skip!();
    let words = ["run", "--", "touch", "/srv/touched"];
    let mut waiting = world.hitl("alice", &words).start_and_wait_for_request();
    let id = waiting.id.clone();
    // Somebody else who waits, and the requester once more, from where nobody has been told anything.
    let also = |user: &str, words: &[&str]| {
        let mut command = world.hitl(user, words).command();
        command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let watcher = also("bob", &["wait", &id]);
    // More than two looks at the clock.
    world.hitl("alice", &["wait", &id, "--timeout", "2500ms"]).run().exits(75);
    world.approve("mallory", &id).exits(0);
    let event = waiting.next_event().unwrap();
    assert_eq!((&event["event"], &event["id"]), (&"waiting".into(), &id.as_str().into()));
    assert_eq!(event["needed"], "1 of group ops");
    assert_eq!(event["by"], serde_json::json!(["mallory"]));
    world.approve("bob", &id).exits(0);
    let ran = waiting.end().exits(0);
    let watched = crate::world::finish(watcher).exits(0);
    let change = format!("hitl: mallory approved {id}; it still needs 1 of group ops (bob, carol)");
    for (who, stderr) in [("run", &ran.stderr), ("wait", &watched.stderr)] {
        assert_eq!(stderr.matches(&change).count(), 1, "{who}: {stderr}");
        assert!(!stderr.contains('\r') && !stderr.contains("^C"), "{who}: {stderr}");
    }
    assert!(watched.stderr.starts_with(&format!("hitl: waiting for {id}: 1 of ")), "{watched:?}");
    let before = ran.stderr.find(&change).unwrap();
    let lines_about_it = ran.stderr[..before].matches("waits for").count();
    assert_eq!(lines_about_it, 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("waiting for"), "{}", ran.stderr);
}

#[test]
fn what_a_requester_is_called_or_wants_cannot_act_on_the_line() {
    let world = office_or_skip!();
    // Names come from the name service, which may be somebody else's.
    let evil = "ev\u{202e}il";
    world.policy(
        &POLICY.replace("users: [bob, carol, svc-agent, deploy, alice]", "unix_groups: [odd]"),
    );
    world.write("etc/group", &format!("{}odd:x:3002:{evil}\n", world.read("etc/group")));
    let passwd = format!("{}{evil}:x:4001:4001::/:/bin/sh\n", world.read("etc/passwd"));
    world.write("etc/passwd", &passwd);
    let (mut terminal, other_end) = Terminal::new();
    let words = ["run", "--reason", "\u{1b}[2J\r\nwaiting for nobody", "--", "true"];
    let waiting = world.hitl("alice", &words).on_terminal(other_end).start_and_wait_for_request();
    let shown = terminal.shows("C takes it back").to_owned();
    assert!(shown.contains("(ev\\u{202e}il)") && !shown.contains('\u{202e}'), "{shown:?}");
    assert!(!shown.contains("\u{1b}[2J") && !shown.contains("\nwaiting for nobody"), "{shown:?}");
    waiting.signal(Signal::SIGKILL);
    waiting.end();
}
