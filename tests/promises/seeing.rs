//! Who sees which request, by which id, and that what they see is what is there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use crate::office::{DEPLOY, asked};
use crate::office_or_skip;
use crate::terminal::Terminal;
use crate::world::World;

/// The ids that a user's `hitl pending` lists.
fn listed(world: &World, user: &str) -> Vec<String> {
    let ran = world.hitl(user, &["pending", "--json"]).run().exits(0);
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let id = |line| value(line)["id"].as_str().unwrap().to_owned();
    ran.stdout.lines().map(id).collect()
}

#[test]
fn a_request_is_seen_by_its_requester_those_who_decide_and_root_and_by_nobody_else() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    for who in ["alice", "bob", "carol", "root"] {
        assert_eq!(listed(&world, who), [id.as_str()], "{who}");
        world.hitl(who, &["show", &id]).run().exits(0).prints("sh /srv/deploy.sh");
    }
    assert_eq!(listed(&world, "mallory"), [] as [&str; 0]);
    world.hitl("mallory", &["pending"]).run().exits(0).says("nothing waits");
    // What she may not see answers like what is not there, to the letter.
    let other = "ZZZZ-ZZZZ";
    let commands: [&[&str]; 6] = [
        &["show", "ID"],
        &["wait", "ID"],
        &["approve", "ID"],
        &["reject", "ID", "-m", "no"],
        &["cancel", "ID"],
        &["run", "--resume", "ID"],
    ];
    for command in commands {
        let answer = |id: &str| {
            let words: Vec<&str> =
                command.iter().map(|word| if *word == "ID" { id } else { word }).collect();
            let ran = world.hitl("mallory", &words).run().exits(1);
            (ran.stdout, ran.stderr.replace(id, "ID"))
        };
        assert_eq!(answer(&id), answer(other), "{command:?}");
        // Nor does a beginning tell that there is something.
        assert_eq!(answer(&id[..2]), answer("ZZ"), "{command:?}");
    }
}

#[test]
fn a_confirmation_is_seen_by_the_requester_and_root_alone() {
    let world = office_or_skip!();
    let id = world.ask("alice", &["mkdir", "/srv/made"]);
    assert_eq!(listed(&world, "alice"), [id.as_str()]);
    assert_eq!(listed(&world, "bob"), [] as [&str; 0]);
}

#[test]
fn an_id_is_found_however_it_is_typed() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    let lower = id.to_lowercase();
    let joined = lower.replace('-', "");
    for typed in [&id, &lower, &joined, &id[..4], &id[..1], &joined[..6]] {
        world.hitl("bob", &["show", typed]).run().exits(0).prints(&id);
    }
    for typed in ["", "../../etc/passwd", "K7Q2-MX4P-9", "héllo", "UUUU"] {
        world.hitl("bob", &["show", typed]).run().exits(1).says("is not a request id");
    }
    let unknown = if id.starts_with('Z') { "YYYY" } else { "ZZZZ" };
    world.hitl("bob", &["show", unknown]).run().exits(1).says("hitl pending");
}

#[test]
fn a_beginning_that_fits_several_requests_decides_none_of_them() {
    let world = office_or_skip!();
    // Of 33 ids, two begin with the same one of 32 characters.
    let ids: Vec<String> = (0..33).map(|_| world.ask("alice", &["true"])).collect();
    let first = ids
        .iter()
        .map(|id| &id[..1])
        .find(|first| ids.iter().filter(|id| id.starts_with(first)).count() > 1)
        .unwrap();
    let fitting: Vec<&String> = ids.iter().filter(|id| id.starts_with(first)).collect();
    let ran = world.hitl("bob", &["approve", first]).run().exits(1).says("type more of the id");
    for id in fitting.iter().take(5) {
        assert!(ran.stderr.contains(id.as_str()), "{ran:?}");
        assert_eq!(world.state(id), "pending");
    }
    // For mallory, who may see none of them, it is ambiguous between nothing.
    world.hitl("mallory", &["approve", first]).run().exits(1).says("there is no request");
}

#[test]
fn nothing_that_a_requester_wrote_reaches_a_terminal_raw() {
    let world = office_or_skip!();
    let hostile: [&[u8]; 5] = [
        b"\x1b[2J\x1b[1;1Hfine",
        "\u{202e}gnp.exe\u{2066}".as_bytes(),
        b"two\nlines\r\tand \x07\x00"[..15].as_ref(),
        b"not utf-8 \xff\xfe",
        "\u{9b}31mred \u{200b}\u{feff}".as_bytes(),
    ];
    let mut arguments: Vec<OsString> =
        ["run", "--no-wait", "--json", "--reason", "\u{1b}]0;owned\u{7}\u{202e}ko\n", "--", "cat"]
            .map(OsString::from)
            .to_vec();
    arguments.extend(hostile.iter().map(|bytes| OsStr::from_bytes(bytes).to_owned()));
    let ran = world.hitl("alice", &arguments).run();
    let id = asked(&ran);
    let mut shown =
        vec![("run's stderr", ran.stderr.clone()), ("run's stdout", ran.stdout.clone())];
    for command in [
        &["show", &id][..],
        &["show", "--json", &id],
        &["pending"],
        &["pending", "--json"],
        &["show", "--color", "never", &id],
        &["reject", &id, "-m", "\u{1b}[31m\u{202e}no"],
        &["show", &id],
        &["show", "--json", &id],
        &["pending", "--all"],
        &["audit", "show"],
    ] {
        let who = if command[0] == "audit" { "root" } else { "bob" };
        let ran = world.hitl(who, command).run().exits(0);
        shown.push(("stdout", format!("{command:?}: {}", ran.stdout)));
        shown.push(("stderr", format!("{command:?}: {}", ran.stderr)));
    }
    // The stored lines, byte for byte, are what was hashed; on a terminal they are made visible.
    let (terminal, other_end) = Terminal::new();
    let lines = world.hitl("root", &["audit", "show", "--json"]).on_terminal(other_end);
    lines.run().exits(0);
    shown.push(("the terminal", terminal.shows_to_the_end().replace("\r\n", "\n")));
    for (what, text) in shown {
        let raw = |character: char| {
            (character.is_control() && character != '\n')
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
        };
        // The harness shows bytes that are no UTF-8 as U+FFFD.
        let found: Vec<char> = text.chars().filter(|character| raw(*character)).collect();
        assert!(found.is_empty(), "{what} holds {found:?}: {text}");
        assert!(!text.contains("\ngone"), "{what}: {text}");
    }
    // And escaped they are all there.
    let shown = world.hitl("bob", &["show", &id]).run().exits(0).stdout;
    for part in ["\\e[2J", "\\u{202e}gnp.exe", "two\\nlines\\r\\t", "\\xff\\xfe"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn a_thousand_pending_requests_are_listed_whole() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    // Further requests as the store keeps them: the same one under other ids.
    let alphabet: Vec<char> = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().collect();
    let characters = id.replace('-', "");
    let directory = world.outside("var-lib/hitl/requests/pending");
    let record = world.record(&id);
    let other = |number: usize| -> String {
        let last = [alphabet[number / 32], alphabet[number % 32]];
        format!("{}{}{}", &characters[..6], last[0], last[1])
    };
    for number in (0..1024).filter(|number| other(*number) != characters).take(999) {
        let other = other(number);
        let text = record.replace(&id, &format!("{}-{}", &other[..4], &other[4..]));
        world.forge_record(&other, &text);
        let path = directory.join(format!("{other}.json"));
        std::os::unix::fs::chown(&path, Some(0), Some(0)).unwrap();
    }
    let started = Instant::now();
    let ids = listed(&world, "bob");
    let json = started.elapsed();
    assert_eq!(ids.len(), 1000);
    let started = Instant::now();
    let ran = world.hitl("bob", &["pending"]).run().exits(0);
    let table = started.elapsed();
    assert_eq!(ran.stdout.lines().count(), 1001);
    let started = Instant::now();
    world.hitl("bob", &["show", &id]).run().exits(0);
    let show = started.elapsed();
    eprintln!("1,000 pending requests, this build: table {table:?}, JSON {json:?}, show {show:?}");
}

#[test]
fn a_damaged_request_is_named_and_hides_no_other() {
    let world = office_or_skip!();
    let (good, bad) = (world.ask("alice", &DEPLOY), world.ask("alice", &DEPLOY));
    let file = format!("var-lib/hitl/requests/pending/{}.json", bad.replace('-', ""));
    let whole = world.read(&file);
    world.write(&file, &whole[..whole.len() / 2]);
    let ran = world.hitl("bob", &["pending"]).run().exits(125).prints(&good);
    ran.says(&bad.replace('-', "")).says("damaged");
    world.approve("bob", &bad).exits(125).says("damaged");
    world.approve("bob", &good).exits(0);
    world.resume("alice", &good).exits(0);
}

#[test]
fn a_request_that_was_edited_on_disk_is_not_run() {
    let world = office_or_skip!();
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    let file = World::record_file(&id);
    let (whole, record) = (world.read(&file), world.record(&id));
    world.write(&file, &whole.replace("/srv/deploy.sh", "/srv/evil.sh"));
    world.resume("alice", &id).exits(125).says("damaged").says("seal");
    // Nor by somebody who seals it anew.
    world.forge_record(&id, &record.replace("/srv/deploy.sh", "/srv/evil.sh"));
    world.resume("alice", &id).exits(125).says("damaged").says("digest");
    assert_eq!(world.times_run(), 0);
}
