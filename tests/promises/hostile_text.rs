//! What a requester writes can neither act on a reviewer's terminal nor hide from them: on no output
//! of hitl is it raw.

use std::ffi::{OsStr, OsString};

use crate::world::{BOTH_SCOPES, Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: hostile-text
defaults: {decision: approve, require: [{group: sre, count: 1}]}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: no-rm
    match: {command: "/usr/bin/rm"}
    decision: deny
"#;

/// A clear screen, a carriage return, a line that looks like hitl's own, an 8-bit control sequence,
/// a right-to-left override, a zero-width space, a bell, a tag character and a backspace.
const HOSTILE: &str = "\u{1b}[2J\rx\nhitl: approved\u{9b}31m\u{202e}gnp\u{200b}\u{7}\u{e0041}\u{8}";

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    world
}

/// Asserts that a terminal only shows what was written.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    for character in text.chars() {
        let harmless = character == '\n'
            || !(character.is_control()
                || ('\u{200b}'..='\u{200f}').contains(&character)
                || ('\u{202a}'..='\u{202e}').contains(&character)
                || ('\u{e0000}'..='\u{e007f}').contains(&character));
        assert!(harmless, "{character:?} is raw in {what}: {text:?}");
    }
    assert!(!text.lines().any(|line| line.starts_with("hitl: approved")), "{what}: {text}");
}

#[track_caller]
fn harmless(what: &str, ran: Ran) -> Ran {
    assert_harmless(&format!("standard output of {what}"), &ran.stdout);
    assert_harmless(&format!("standard error of {what}"), &ran.stderr);
    assert!(std::str::from_utf8(&ran.stdout_bytes).is_ok(), "{what} prints text");
    ran
}

#[test]
fn a_request_with_control_characters_is_visible_and_never_raw_wherever_it_is_shown() {
    let world = prepared(world_or_skip!());
    let mut bytes = HOSTILE.as_bytes().to_vec();
    bytes.extend(b"\xff\xc3");
    let argument = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    let command: Vec<OsString> = ["run", "--no-wait", "--json", "--reason", HOSTILE, "--", "mkdir"]
        .iter()
        .map(OsString::from)
        .chain([argument])
        .collect();
    let ran = harmless("run", world.hitl("alice", &command).run().exits(75));
    assert!(
        ran.stderr.contains(r"\e[2J\rx\nhitl: approved\u{9b}31m\u{202e}gnp\u{200b}"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains(r"\xff\xc3"), "{ran:?}");
    let id = ran.json()["id"].as_str().unwrap().to_owned();

    let check = |user: &str, words: &[&str]| {
        harmless(&words.join(" "), world.hitl(user, words).run().exits(0))
    };
    for words in [&["show", &id][..], &["pending"]] {
        check("bob", words).prints(r"\e[2J").prints(r"\u{202e}").prints(r"\xff");
    }
    for words in
        [&["show", "--json", &id][..], &["pending", "--json"], &["pending", "--all", "--json"]]
    {
        check("bob", words).prints(r"\\e[2J");
    }
    check("root", &["audit", "show"]).prints(r"\e[2J").prints(r"\u{202e}");
    check("root", &["audit", "verify"]);

    // A reviewer's own words are somebody else's text to the next reader.
    check("bob", &["approve", &id, "-m", HOSTILE]);
    check("alice", &["show", &id]).prints(r"\e[2J");
    check("alice", &["wait", &id]);
    check("root", &["audit", "show"]);
    let ran = world.hitl("alice", &["run", "--resume", &id, "--json"]).run();
    harmless("resume", ran);
    for words in [&["snapshots"][..], &["snapshots", "--json"], &["audit", "show"]] {
        check("root", words);
    }
    // The same bytes are still there to be used: the directory has the very name.
    let made = std::fs::read_dir(world.outside("srv")).unwrap().next();
    assert!(made.is_some(), "the approved command ran");
}

#[test]
fn rejections_and_denials_are_shown_the_same_way() {
    let world = prepared(world_or_skip!());
    let waiting =
        world.hitl("alice", &["run", "--", "mkdir", HOSTILE]).start_and_wait_for_request();
    let id = waiting.id.clone();
    let ran = world.hitl("bob", &["reject", &id, "-m", HOSTILE]).run().exits(0);
    harmless("reject", ran);
    harmless("the waiting run", waiting.end().exits(77)).says(r"\e[2J");
    for options in [&[][..], &["--json"]] {
        let words = [&["run"], options, &["--", "rm", HOSTILE]].concat();
        harmless("a denied run", world.hitl("alice", &words).run().exits(77));
        let words = [&["check"], options, &["--", "rm", HOSTILE]].concat();
        harmless("check", world.hitl("alice", &words).run().exits(77)).prints("[2J");
    }
}

#[test]
fn errors_show_what_was_typed_and_let_none_of_it_act() {
    let world = prepared(world_or_skip!());
    let with = |before: &str, after: &str| format!("{before}{HOSTILE}{after}");
    for scope in BOTH_SCOPES {
        for words in [
            &["run", "--", &with("", "")][..],
            &["run", "--", &with("/srv/", "")],
            &["run", "--json", "--", &with("/srv/", "/x")],
            &["run", "-u", HOSTILE, "--", "true"],
            &["run", "-g", HOSTILE, "--", "true"],
            &["run", "-C", HOSTILE, "--", "true"],
            &["run", "--wait", HOSTILE, "--", "true"],
            &["run", "--status-fd", HOSTILE, "--", "true"],
            &["run", &with("--no", ""), "--", "true"],
            &["show", HOSTILE],
            &["approve", HOSTILE],
            &["undo", HOSTILE],
            &["snapshots", "show", HOSTILE],
            &["audit", "show", "--request", HOSTILE],
            &["audit", "verify", HOSTILE],
            &["policy", "check", HOSTILE],
            &["policy", "check", "--json", HOSTILE],
            &["policy", "test", HOSTILE],
            &["pending", "--policy", HOSTILE],
            &["pending", "--state-dir", HOSTILE],
            &["man", HOSTILE],
            &["completions", HOSTILE],
            &[HOSTILE],
        ] {
            for color in ["--color=never", "--color=auto"] {
                let words: Vec<&str> = [&[color], words].concat();
                let ran = world.in_scope(scope, "alice", &words).run();
                assert!(ran.status.code().is_some_and(|code| code != 101), "{ran:?}");
                harmless(&format!("{scope:?} {words:?}"), ran);
            }
        }
    }
    // As seen on a terminal that takes colour.
    let ran = world.hitl("alice", &["run", "--wait", HOSTILE, "--", "true"]);
    let ran = ran.with("CLICOLOR_FORCE", "1").run().exits(2);
    assert!(!ran.stderr.contains("\u{1b}[2J") && !ran.stderr.contains('\u{202e}'), "{ran:?}");
}

#[test]
fn a_hostile_place_is_shown_as_harmlessly_as_a_hostile_argument() {
    let world = prepared(world_or_skip!());
    let name: &OsStr = HOSTILE.as_ref();
    let directory = world.outside("srv").join(name);
    std::fs::create_dir(&directory).unwrap();
    let inside = std::path::Path::new("/srv").join(name);
    let inside = inside.to_str().unwrap();
    std::fs::copy("/usr/bin/true", directory.join("tool")).unwrap();
    for scope in BOTH_SCOPES {
        for words in [
            &["run", "--no-wait", "--", "mkdir", "x"][..],
            &["run", "--no-wait", "--", "./tool"],
            &["run", "--no-wait", "--json", "--", "./tool"],
            &["check", "--", "./tool"],
            &["check", "--json", "--", "./tool"],
            &["check", "--", "./absent"],
            &["pending"],
        ] {
            let ran = world.in_scope(scope, "alice", words).in_directory(inside).run();
            harmless(&format!("{words:?}"), ran);
        }
    }
    harmless("the log", world.hitl("root", &["audit", "show"]).run().exits(0));
    for request in world.pending() {
        let id = request["id"].as_str().unwrap();
        harmless("show", world.hitl("bob", &["show", id]).run().exits(0)).prints(r"\e[2J");
    }
}
