//! An installed hitl looks at files with root's rights and tells its caller no more about them than
//! they could find out by themselves: CVE-2025-46717 of sudo-rs (`sudo -l` told whether a file
//! exists) and its kin. How long an answer takes, and sizes, are not promised.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::world::{Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: office
defaults:
  decision: approve
  require: [{group: ops}]
  environment: {path: "/srv/secret:/usr/bin"}
groups:
  - {name: ops, users: [bob, alice]}
rules:
  - id: tools
    match: {command: "/usr/bin/{sed,rm,touch}", users: [alice]}
    decision: allow
  - id: asked-for
    match: {command: "/usr/bin/{cp,cat}"}
    decision: approve
  - id: nobody-writes-accounts
    match: {command: /usr/bin/tee, paths: [/etc/passwd]}
    decision: deny
  - id: for-bob
    match: {command: /srv/secret/qtool, cwd: /srv/secret/qdirs, users: bob}
    decision: approve
"#;

/// What lies in `/srv/secret`, which only root may enter: a program, a file, a directory, a link to
/// somewhere that everybody knows. All names are of one length, for lines are wrapped.
const THERE: [&str; 4] = ["qtool", "qtext", "qdirs", "qlink"];

/// What does not.
const ABSENT: &str = "qmiss";

fn with_a_secret(world: &World) {
    world.policy(POLICY);
    for directory in ["srv/secret", "srv/secret/qdirs"] {
        std::fs::create_dir(world.outside(directory)).unwrap();
    }
    world.write("srv/secret/qtool", "#!/bin/sh\n");
    world.mode("srv/secret/qtool", 0o755);
    world.write("srv/secret/qtext", "the pin is zyxw\n");
    world.write("srv/secret/qdirs/inside", "x");
    symlink("/etc/passwd", world.outside("srv/secret/qlink")).unwrap();
    world.mode("srv/secret", 0o700);
    world.write("srv/private", "the pin is zyxw\n");
    world.mode("srv/private", 0o600);
    world.write("srv/open", "old\n");
}

/// What alice is told, with the name that she typed, and whatever is never the same, made the same.
fn told(ran: &Ran, name: &str) -> (Option<i32>, String, String) {
    let plain = |text: &str| {
        let mut plain = text.replace(name, "NAME");
        for id in ids(text) {
            plain = plain.replace(&id, "ID");
        }
        plain
    };
    (ran.status.code(), plain(&ran.stdout), plain(&ran.stderr))
}

/// The words of a text that are ids of requests.
fn ids(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| word.len() == 9 && word.as_bytes()[4] == b'-')
        .filter(|word| {
            word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '-')
        })
        .map(str::to_owned)
        .collect()
}

/// Asserts that alice is told the same about each of these names.
#[track_caller]
fn same_for_all(world: &World, names: &[&str], line: &[&str]) -> Ran {
    let ask = |name: &str| {
        let words: Vec<String> = line.iter().map(|word| word.replace("NAME", name)).collect();
        world.hitl("alice", &words).run()
    };
    let of_absent = ask(ABSENT);
    for name in names {
        let ran = ask(name);
        assert_eq!(told(&ran, name), told(&of_absent, ABSENT), "{line:?} about {name}");
    }
    of_absent
}

const WAYS_TO_ASK: [&[&str]; 5] =
    [&["check"], &["check", "--json"], &["list"], &["run", "--dry-run"], &["run", "--json"]];

#[test]
fn a_command_out_of_sight_gets_one_answer_whether_or_not_it_is_there() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for way in WAYS_TO_ASK {
        for command in ["/srv/secret/NAME", "/srv/secret/NAME/below", "secret/../secret/NAME"] {
            let ran = same_for_all(&world, &THERE, &[way, &["--", command]].concat());
            ran.exits(77).says("you may not look where that would be");
        }
    }
    // What alice leads there herself is no nearer to her.
    symlink("/srv/secret", world.outside("home/alice/way")).unwrap();
    for command in ["/home/alice/way/NAME", "/home/alice/way/../secret/NAME"] {
        same_for_all(&world, &THERE, &["check", "--", command]).exits(77);
    }
    symlink("/srv/secret/qtool", world.outside("home/alice/a-link")).unwrap();
    symlink("/srv/secret/qmiss", world.outside("home/alice/b-link")).unwrap();
    let of = |name: &str| {
        told(&world.hitl("alice", &["check", "--", &format!("/home/alice/{name}")]).run(), name)
    };
    assert_eq!(of("a-link"), of("b-link"));
    // And nothing of it became a request.
    assert!(world.pending().is_empty());
}

#[test]
fn a_word_is_not_found_in_a_directory_of_the_search_path_that_its_caller_cannot_search() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for way in [&["check"][..], &["run", "--json"]] {
        let line = [way, &["--", "NAME"]].concat();
        same_for_all(&world, &THERE, &line).exits(127).says("command not found");
    }
    same_for_all(&world, &THERE, &["list", "--", "NAME"]).exits(77);
}

#[test]
fn a_directory_to_run_in_gets_one_answer_whether_or_not_it_is_there() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for way in WAYS_TO_ASK {
        let line = [way, &["-C", "/srv/secret/NAME", "--", "touch", "x"]].concat();
        same_for_all(&world, &THERE, &line).exits(77).says("you may not enter it");
    }
}

#[test]
fn a_place_that_a_rule_names_is_known_to_those_for_whom_it_names_it() {
    let world = world_or_skip!();
    with_a_secret(&world);
    let asked = ["check", "-C", "/srv/secret/qdirs", "--", "/srv/secret/qtool"];
    world.hitl("bob", &asked).run().exits(75).prints("rule for-bob matches");
    world.hitl("alice", &asked).run().exits(77);
    // Others beside it are not named, and neither is it where ".." leads there.
    world.hitl("bob", &["check", "--", "/srv/secret/qtext"]).run().exits(77);
    world.hitl("bob", &["check", "--", "/srv/secret/qdirs/../qtool"]).run().exits(77);
    std::fs::remove_file(world.outside("srv/secret/qtool")).unwrap();
    let gone = world.hitl("bob", &["check", "--", "/srv/secret/qtool"]).run();
    gone.exits(127).says("no such file");
}

#[test]
fn what_would_be_decided_does_not_tell_what_arguments_out_of_sight_lead_to() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for way in [&["check"][..], &["check", "--json"], &["list"], &["run", "--dry-run"]] {
        for command in [
            &["rm", "-r", "/srv/secret/NAME"][..],
            &["cp", "/srv/open", "/srv/secret/NAME"],
            &["cp", "/srv/secret/NAME", "/srv/new"],
            &["tee", "/srv/secret/NAME"],
            &["dd", "if=/srv/secret/NAME"],
        ] {
            same_for_all(&world, &THERE, &[way, &["--"], command].concat());
        }
    }
    let ran = world.hitl("alice", &["check", "--", "rm", "-r", "/srv/secret/qdirs"]).run();
    let ran = ran.exits(0).prints("not seen    /srv/secret/qdirs: \"hitl run\" decides");
    assert!(!ran.stdout.contains("inside"), "{ran:?}");
    // When it is to run, where it leads decides.
    let ran = world.hitl("alice", &["run", "--", "tee", "/srv/secret/qlink"]).run();
    ran.exits(77).says("rule nobody-writes-accounts matches");
}

#[test]
fn a_preview_names_what_its_reader_could_list() {
    let world = world_or_skip!();
    with_a_secret(&world);
    let line = ["check", "--json", "--", "rm", "-r", "/srv/secret", "/srv/open"];
    let alice = world.hitl("alice", &line).run().exits(0);
    assert!(!alice.stdout.contains("inside") && !alice.stdout.contains("/srv/secret/"));
    assert!(alice.stdout.contains("/srv/open"), "{alice:?}");
    let root = world.hitl("root", &line).run();
    assert!(root.stdout.contains("/srv/secret/qdirs/inside"), "{root:?}");
}

fn ask(world: &World, command: &[&str]) -> (String, Ran) {
    let ran = world.hitl("alice", &[&["run", "--no-wait", "--json", "--"], command].concat()).run();
    (crate::office::asked(&ran), ran)
}

fn shown(world: &World, user: &str, id: &str) -> Value {
    world.hitl(user, &["show", "--json", id]).run().exits(0).json()
}

/// A request with what is new in every request taken out of it.
fn without_the_new(mut request: Value, name: &str) -> String {
    for field in ["id", "digest", "created", "changed", "approval_deadline", "remaining_ms"] {
        request[field] = Value::Null;
    }
    request["bound"]["expires_ms"] = Value::Null;
    request["bound"]["environment"]["values"] = Value::Null;
    request.to_string().replace(name, "NAME")
}

#[test]
fn a_requester_is_shown_the_same_request_whether_or_not_a_file_is_there() {
    let world = world_or_skip!();
    with_a_secret(&world);
    let request = |name: &str, command: &[&str]| {
        let command: Vec<String> = command.iter().map(|word| word.replace("NAME", name)).collect();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let (id, ran) = ask(&world, &command);
        let digest = shown(&world, "root", &id)["digest"].as_str().unwrap().to_owned();
        let plain = |text: &str| -> String {
            let text = text.replace(&digest, "DIGEST").replace(&id, "ID").replace(name, "NAME");
            // But for the lines with a time in them.
            let timed = |line: &&str| line.ends_with(" ago") || line.ends_with(" left");
            text.lines().filter(|line| !timed(line)).collect::<Vec<_>>().join("\n")
        };
        let text = world.hitl("alice", &["show", &id]).run().exits(0).stdout;
        (plain(&text), plain(&ran.stderr), without_the_new(shown(&world, "alice", &id), name))
    };
    for command in [
        &["cp", "-r", "/srv/secret/NAME", "/srv/new"][..],
        &["cp", "-r", "/srv/open", "/srv/secret/NAME"],
        &["cat", "/srv/secret/NAME"],
    ] {
        let of_absent = request(ABSENT, command);
        assert!(of_absent.0.contains("/srv/secret/NAME"), "{of_absent:?}");
        for name in THERE {
            assert_eq!(request(name, command), of_absent, "{name}");
        }
    }
    let listed = world.hitl("alice", &["pending", "--json"]).run().exits(0);
    assert!(!listed.stdout.contains("inside") && !listed.stdout.contains("/etc/passwd"));
}

#[test]
fn whoever_decides_sees_what_they_decide_and_the_requester_no_digest_that_they_could_guess_by() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for secret in ["/srv/private", "/srv/secret/qtext"] {
        let (id, asked) = ask(&world, &["cat", secret, "/srv/open"]);
        let whole = shown(&world, "root", &id);
        let file = |path: &str| {
            let files = whole["bound"]["operands"].as_array().unwrap();
            let file = files.iter().find(|file| file["path"] == path);
            file.and_then(|file| file["sha256"].as_str()).unwrap().to_owned()
        };
        let (digest, nonce) = (file(secret), whole["bound"]["nonce"].as_str().unwrap());
        assert_eq!(nonce.len(), 32);
        for reader in ["bob", "root"] {
            let text = world.hitl(reader, &["show", &id]).run().exits(0).stdout;
            assert!(text.contains(&digest), "{reader}: {text}");
        }
        let json = shown(&world, "alice", &id).to_string();
        let text = world.hitl("alice", &["show", &id]).run().exits(0).stdout;
        let list = world.hitl("alice", &["pending", "--json"]).run().exits(0).stdout;
        for told in [&json, &text, &list, &asked.stdout, &asked.stderr] {
            assert!(!told.contains(&digest), "{told}");
            // With it, the request's own digest would confirm a guess.
            assert!(!told.contains(nonce), "{told}");
        }
        assert!(text.contains(&file("/srv/open")), "{text}");
    }
}

#[test]
fn that_a_file_changed_is_told_without_digests_to_whoever_may_not_read_it() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for (secret, inside) in
        [("/srv/private", "srv/private"), ("/srv/secret/qtext", "srv/secret/qtext")]
    {
        let (id, _) = ask(&world, &["cat", secret]);
        world.hitl("bob", &["approve", &id]).run().exits(0);
        world.write(inside, "the pin is zyxv\n");
        let ran = world.hitl("alice", &["run", "--json", "--resume", &id]).run().exits(77);
        let told =
            [ran.stdout.clone(), ran.stderr.clone(), shown(&world, "alice", &id).to_string()];
        for text in &told {
            assert!(!text.contains(&"sha256:".to_owned()) || !text.contains(" → sha256"), "{text}");
        }
        assert!(ran.stderr.contains("something that you may not see changed"), "{ran:?}");
        let whole = shown(&world, "root", &id);
        let because = whole["closed_because"].as_str().unwrap();
        assert!(because.contains(secret) && because.contains(" → sha256:"), "{because}");
    }
}

/// alice lets a command change what she may not see, and gets the run's id.
fn run(world: &World, command: &[&str]) -> String {
    let ran = world.hitl("alice", &[&["run", "--json", "--"], command].concat()).run().exits(0);
    ran.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_difference_shows_no_content_that_its_reader_may_not_read() {
    let world = world_or_skip!();
    with_a_secret(&world);
    let id = run(&world, &["sed", "-i", "s/zyxw/zyxv/", "/srv/private"]);
    let told = |user: &str, words: &[&str]| {
        let ran = world.hitl(user, words).run();
        // Her own command line is hers to see.
        format!("{}{}", ran.stdout, ran.stderr).replace("s/zyxw/zyxv/", "")
    };
    let difference = told("alice", &["snapshots", "diff", &id]);
    assert!(difference.contains("/srv/private"), "{difference}");
    assert!(difference.contains("content not shown: you may not read this file"), "{difference}");
    assert!(told("root", &["snapshots", "diff", &id]).contains("-the pin is zyxw"));
    for words in [
        &["snapshots", "diff", &id][..],
        &["snapshots", "diff", "--json", &id],
        &["snapshots", "show", &id],
        &["snapshots", "show", "--json", &id],
        &["undo", "--dry-run", &id],
        &["undo", "--dry-run", "--json", &id],
    ] {
        let text = told("alice", words);
        assert!(!text.contains("zyxw") && !text.contains("zyxv"), "{words:?}: {text}");
        assert!(!text.contains("sha256:"), "{words:?}: {text}");
    }
    assert!(told("root", &["snapshots", "show", "--json", &id]).contains("sha256:"));
    // That she may read it now makes what it was no less of a secret.
    world.mode("srv/private", 0o644);
    assert!(!told("alice", &["snapshots", "diff", &id]).contains("zyxw"));
    // What she may read she is shown.
    let id = run(&world, &["sed", "-i", "s/old/new/", "/srv/open"]);
    let difference = told("alice", &["snapshots", "diff", &id]);
    assert!(difference.contains("-old") && difference.contains("+new"), "{difference}");
}

#[test]
fn a_snapshot_tells_no_names_out_of_its_readers_sight_and_is_undone_all_the_same() {
    let world = world_or_skip!();
    with_a_secret(&world);
    let id = run(&world, &["rm", "-r", "/srv/secret/qdirs", "/srv/open"]);
    let ways: [&[&str]; 6] = [
        &["snapshots", "diff", &id],
        &["snapshots", "diff", "--json", &id],
        &["snapshots", "show", &id],
        &["snapshots", "show", "--json", &id],
        &["undo", "--dry-run", &id],
        &["undo", "--dry-run", "--json", &id],
    ];
    let hides = |words: &[&str]| {
        let ran = world.hitl("alice", words).run().exits(0);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        // Her own command line is hers to see.
        let text = text.replace("/srv/secret/qdirs /srv/open", "");
        let text = text.replace(r#"["rm","-r","/srv/secret/qdirs","/srv/open"]"#, "");
        assert!(text.contains("/srv/open"), "{words:?}: {text}");
        assert!(
            !text.contains("inside") && !text.contains("/srv/secret/qdirs"),
            "{words:?}: {text}"
        );
    };
    ways.iter().for_each(|words| hides(words));
    // A directory that was opened later did not let her in then.
    world.mode("srv/secret", 0o755);
    ways.iter().for_each(|words| hides(words));
    let root = world.hitl("root", &["snapshots", "diff", &id]).run().exits(0);
    assert!(root.stdout.contains("/srv/secret/qdirs/inside"), "{root:?}");
    hides(&["undo", &id]);
    assert_eq!(world.read("srv/secret/qdirs/inside"), "x");
}

#[test]
fn a_run_of_somebody_else_is_as_good_as_none() {
    let world = world_or_skip!();
    with_a_secret(&world);
    let id = run(&world, &["touch", "/srv/open"]);
    let absent = if id.starts_with('Z') { "YYYY-YYYY" } else { "ZZZZ-ZZZZ" };
    for line in [
        &["snapshots", "show"][..],
        &["snapshots", "diff"],
        &["undo"],
        &["undo", "--dry-run"],
        &["undo", "--force", "--json"],
        &["show"],
        &["wait"],
        &["cancel"],
        &["approve"],
    ] {
        let of = |id: &str| {
            let ran = world.hitl("mallory", &[line, &[id]].concat()).run();
            let said = |text: &str| text.replace(id, "ID");
            (ran.status.code(), said(&ran.stdout), said(&ran.stderr))
        };
        assert_eq!(of(&id), of(absent), "{line:?}");
        assert_eq!(of(&id[..6]).0, Some(1), "{line:?}");
    }
}

#[test]
fn errors_about_files_out_of_sight_name_neither_them_nor_what_the_system_said() {
    let world = world_or_skip!();
    with_a_secret(&world);
    // More than may be copied: the error names the place where it was too much.
    world.policy(&POLICY.replace(
        "users: [alice]}\n    decision: allow\n",
        "users: [alice]}\n    decision: allow\n    snapshot: {max_size: 1B}\n",
    ));
    for (paths, named) in [("/srv/secret/qdirs", false), ("/srv/open", true)] {
        world.write("srv/secret/qdirs/inside", "more than a byte");
        let ran = world.hitl("alice", &["run", "--json", "--", "rm", "-r", paths]).run().exits(125);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(text.contains("/srv/open"), named, "{text}");
        assert!(!text.contains("inside"), "{text}");
    }
    assert!(world.outside("srv/secret/qdirs/inside").exists());
}

#[test]
fn a_wrong_policy_is_shown_to_those_who_may_read_it() {
    let world = world_or_skip!();
    let wrong = "version: 1\nname: office\nrules:\n  - {id: hush-hush, decision: maybe}\n";
    world.policy(wrong);
    let open = world.hitl("alice", &["check", "--", "true"]).run().exits(78);
    assert!(open.stderr.contains("hush-hush"), "{open:?}");
    world.mode("etc/hitl/policy.yaml", 0o600);
    for words in [&["check", "--", "true"][..], &["list"], &["run", "--json", "--", "true"]] {
        let ran = world.hitl("alice", words).run().exits(78);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hush-hush"), "{ran:?}");
        ran.says("root can see why");
    }
    world.hitl("root", &["check", "--", "true"]).run().exits(78).says("hush-hush");
}

#[test]
fn attributes_that_their_reader_could_not_read_are_not_shown() {
    let world = world_or_skip!();
    with_a_secret(&world);
    for (name, value) in [("user.pin", "zyxw"), ("trusted.pin", "zyxw")] {
        for file in ["srv/private", "srv/open"] {
            let path = world.outside(file);
            rustix::fs::setxattr(&path, name, value.as_bytes(), rustix::fs::XattrFlags::empty())
                .unwrap();
        }
    }
    let id = run(&world, &["rm", "/srv/private", "/srv/open"]);
    let told = |user: &str| {
        let shown = world.hitl(user, &["snapshots", "show", "--json", &id]).run().exits(0);
        let entries = shown.json()["before"]["entries"].as_array().unwrap().clone();
        let xattrs = |path: &str| {
            let entry = entries.iter().find(|entry| entry["path"] == path).unwrap();
            entry["node"]["xattrs"].to_string()
        };
        [xattrs("/srv/private"), xattrs("/srv/open")]
    };
    let [private, open] = told("alice");
    assert!(!private.contains("pin") && !open.contains("trusted") && open.contains("user.pin"));
    assert!(told("root").iter().all(|xattrs| xattrs.contains("trusted.pin")));
}
