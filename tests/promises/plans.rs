//! What a requester attaches to say what they intend: read with their rights, bound, shown as their
//! claim, and never anything else than what they attached.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::office::{DEPLOY, asked};
use crate::office_or_skip;
use crate::terminal::Terminal;
use crate::world::{BOTH_SCOPES, Ran, Scope, World};

const PLAN: &str = "Plan: 1 to change.\n  ~ replicas = 2 -> 3\n";

/// Nobody decides.
const OPEN: &str = r#"
version: 1
name: open
defaults: {decision: deny}
rules: [{id: open, match: {command: [/usr/bin/true, /usr/bin/wc]}, decision: allow}]
"#;

/// The digest that sha256sum gives of [`PLAN`].
fn digest_of(world: &World, path: &str) -> String {
    let sum = std::process::Command::new("sha256sum").arg(world.outside(path)).output().unwrap();
    format!("sha256:{}", String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap())
}

/// alice asks for the deployment with this plan, and does not wait.
#[track_caller]
fn ask(world: &World, words: &[&str]) -> String {
    let words = [&["run", "--no-wait", "--json"], words, &["--"], &DEPLOY].concat();
    asked(&world.hitl("alice", &words).run())
}

/// Where the text of a request's plan is kept.
fn kept(world: &World, id: &str) -> PathBuf {
    world.outside(&format!("var-lib/hitl/plans/{id}"))
}

/// The entry of the log that tells who asked.
fn requested(world: &World, id: &str) -> serde_json::Value {
    let is_it = |entry: &serde_json::Value| {
        entry["event"]["action"] == "privilege-requested" && entry["hitl"]["request_id"] == *id
    };
    world.audit().into_iter().find(is_it).unwrap()
}

#[test]
fn a_plan_and_a_ticket_are_shown_to_the_reviewer_as_claims_and_are_in_the_digest_and_the_log() {
    let world = office_or_skip!();
    world.write("srv/plan.txt", PLAN);
    let digest = digest_of(&world, "srv/plan.txt");
    let id = ask(&world, &["--plan", "plan.txt", "--ticket", "OPS-4711"]);

    let shown = world.hitl("bob", &["show", &id]).run().exits(0);
    shown
        .prints("their ticket OPS-4711 (their words, not checked)\n")
        .prints("their plan   41 bytes of 2 lines (their words, not checked):\n")
        .prints("\n               | Plan: 1 to change.\n")
        .prints("\n               |   ~ replicas = 2 -> 3\n");
    let whole = world.hitl("bob", &["show", "--plan", &id]).run().exits(0);
    let (heading, lines) = whole.stdout.split_once('\n').unwrap();
    assert!(heading.starts_with("What alice says they intend with"), "{heading}");
    assert!(heading.contains("their words, not checked") && heading.contains(&digest), "{heading}");
    assert_eq!(lines, "| Plan: 1 to change.\n|   ~ replicas = 2 -> 3\n");

    let json = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(json["bound"]["plan"], digest.as_str());
    assert_eq!(json["bound"]["ticket"], "OPS-4711");
    assert_eq!(json["plan"]["text"], PLAN);
    let json = world.hitl("bob", &["show", "--plan", "--json", &id]).run().exits(0).json();
    assert_eq!((json["text"].as_str(), json["digest"].as_str()), (Some(PLAN), Some(&*digest)));

    let entry = requested(&world, &id);
    assert_eq!(entry["hitl"]["plan"]["digest"], digest.as_str());
    assert_eq!(entry["hitl"]["plan"]["bytes"], 41);
    assert_eq!(entry["hitl"]["ticket"], "OPS-4711");
    world.hitl("root", &["audit", "show"]).run().exits(0).prints("OPS-4711").prints(&digest);

    // Who may not see the request may not see what was attached to it.
    for words in [&["show", "--plan", &id][..], &["show", "--plan", "--json", &id]] {
        let ran = world.hitl("mallory", words).run().exits(1);
        assert!(!format!("{ran:?}").contains("replicas"), "{ran:?}");
    }
    // It is there for as long as the request is known, and its file only for root.
    world.approve("bob", &id).exits(0);
    world.resume("alice", &id).exits(0);
    assert_eq!((world.state(&id).as_str(), world.times_run()), ("finished", 1));
    world.hitl("bob", &["show", "--plan", &id]).run().exits(0).prints("replicas");
    assert_eq!(kept(&world, &id).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    world.audited(&id, "command-finished", 1);
}

#[test]
fn a_request_without_a_plan_says_so_and_one_with_other_claims_is_another_request() {
    let world = office_or_skip!();
    world.write("srv/plan.txt", PLAN);
    let bare = ask(&world, &[]);
    world.hitl("bob", &["show", "--plan", &bare]).run().exits(1).says("no plan was attached");
    let shown = world.hitl("bob", &["show", &bare]).run().exits(0);
    assert!(!shown.stdout.contains("their plan") && !shown.stdout.contains("their ticket"));
    let entry = requested(&world, &bare);
    assert!(entry["hitl"].get("plan").is_none() && entry["hitl"].get("ticket").is_none());
    // Nothing is added to what was asked for once humans look at it.
    for words in [&["--plan", "/srv/plan.txt"][..], &["--ticket", "OPS-1"]] {
        let words = [&["run", "--resume", &bare], words].concat();
        world.hitl("alice", &words).run().exits(2).says("cannot be used with");
    }
}

#[test]
fn a_hostile_plan_is_visible_and_acts_on_no_terminal() {
    let world = office_or_skip!();
    let hostile = "\u{1b}[2Jx\r\n\u{202e}gnp\u{200b}\u{7}\u{9b}31m\n| fake end\nhitl: approved\nRequest X is approved\n";
    world.write("srv/plan.txt", hostile);
    let id = ask(&world, &["--plan", "/srv/plan.txt"]);
    let outputs = [
        &["show", &id][..],
        &["show", "--plan", &id],
        &["show", "--plan", "--no-pager", &id],
        &["show", "--json", &id],
        &["show", "--plan", "--json", &id],
        &["pending", "--search", "gnp"],
    ];
    for words in outputs {
        let ran = world.hitl("bob", words).run().exits(0);
        for text in [&ran.stdout, &ran.stderr] {
            let raw = text
                .chars()
                .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{200b}' | '\u{202e}'));
            assert_eq!(raw, None, "{words:?}: {text:?}");
            let speaks = text
                .lines()
                .any(|line| line.starts_with("hitl: approved") || line.starts_with("Request X"));
            assert!(!speaks, "{words:?}: {text}");
        }
    }
    let shown = world.hitl("bob", &["show", "--plan", &id]).run();
    shown
        .prints("| \\e[2Jx\\r\n| \\u{202e}gnp\\u{200b}")
        .prints("\n| | fake end\n| hitl: approved\n");
}

#[test]
fn a_long_plan_is_cut_in_the_overview_which_says_so_and_whole_where_it_is_asked_for() {
    let world = office_or_skip!();
    let lines: Vec<String> = (1..=40).map(|number| format!("step {number}")).collect();
    world.write("srv/plan.txt", &(lines.join("\n") + "\n" + &"x".repeat(5000)));
    let id = ask(&world, &["--plan", "/srv/plan.txt"]);
    let shown = world.hitl("bob", &["show", &id]).run().exits(0).stdout;
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(
        words.join(" ").contains("of 41 lines (their words, not checked); its first 12 lines;"),
        "{shown}"
    );
    assert!(shown.contains("| step 12\n") && !shown.contains("step 13"), "{shown}");
    let whole = world.hitl("bob", &["show", "--plan", &id]).run().exits(0).stdout;
    assert_eq!(whole.lines().count(), 42);
    assert!(whole.contains("| step 40\n") && whole.contains(&"x".repeat(5000)));

    world.write("srv/plan.txt", &"y".repeat(5000));
    let id = ask(&world, &["--plan", "/srv/plan.txt"]);
    let shown = world.hitl("bob", &["show", &id]).run().exits(0).stdout;
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(words.join(" ").contains("long lines are cut, with …"), "{shown}");
    assert!(shown.contains('…') && shown.matches('y').count() < 1000, "{shown}");
}

#[test]
fn a_plan_on_standard_input_uses_it_up_and_the_command_has_none() {
    let world = office_or_skip!();
    world.write("srv/deploy.sh", "wc -c > /srv/ran; readlink /proc/self/fd/0 >> /srv/ran\n");
    let words = [&["run", "--no-wait", "--json", "--plan", "-", "--"][..], &DEPLOY].concat();
    let id = asked(&world.hitl("alice", &words).with_input(PLAN.as_bytes()).run());
    let json = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(
        (json["plan"]["text"].as_str(), json["bound"]["input"].as_str()),
        (Some(PLAN), Some("null"))
    );
    world.approve("bob", &id).exits(0);
    // Also where whoever goes on has something there.
    let resume = world.hitl("alice", &["run", "--no-wait", "--resume", &id]);
    resume.with_input(b"secret").run().exits(0);
    assert_eq!(world.read("srv/ran"), "0\n/dev/null\n");

    // And in user scope, where there is one process.
    world.user_policy("alice", OPEN);
    let words = ["run", "--plan", "-", "--", "wc", "-c"];
    let ran = world.plain_hitl("alice", &words).with_input(PLAN.as_bytes()).run().exits(0);
    assert_eq!(ran.stdout, "0\n");
}

#[test]
fn a_plan_is_read_with_the_requesters_rights_and_what_is_no_text_is_refused() {
    let world = office_or_skip!();
    world.write("srv/secret", "the password is hunter2\n");
    fs::set_permissions(world.outside("srv/secret"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("/srv/secret", world.outside("srv/link")).unwrap();
    world.write("srv/empty", "");
    world.write("srv/large", &"x".repeat((1 << 20) + 1));
    fs::write(world.outside("srv/latin1"), b"one\ntwo\nna\xefve\n").unwrap();
    nix::unistd::mkfifo(&world.outside("srv/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::set_permissions(world.outside("srv/fifo"), fs::Permissions::from_mode(0o666)).unwrap();
    world.write("srv/most", &"x".repeat(1 << 20));
    world.user_policy("alice", crate::office::POLICY);
    let cases = [
        ("/srv/secret", "Permission denied"),
        ("/srv/link", "Permission denied"),
        ("/srv/none", "No such file"),
        ("/srv/empty", "it is empty"),
        ("/srv/large", "it is larger than 1048576 bytes"),
        ("/srv/latin1", "line 3 is not UTF-8"),
        // Nobody writes into it: whoever opened it to read would wait for ever.
        ("/srv/fifo", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("/srv", "it is not a regular file"),
    ];
    for scope in BOTH_SCOPES {
        for (path, why) in cases {
            let words = [&["run", "--no-wait", "--plan", path, "--"][..], &DEPLOY].concat();
            let call = match scope {
                Scope::System => world.hitl("alice", &words),
                Scope::User => world.plain_hitl("alice", &words),
            };
            let ran: Ran = call.run().exits(125).says(why).says("nothing was asked for");
            assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
        }
    }
    let large = "x".repeat((1 << 20) + 1);
    let words = [&["run", "--no-wait", "--plan", "-", "--"][..], &DEPLOY].concat();
    let ran = world.hitl("alice", &words).with_input(large.as_bytes()).run().exits(125);
    ran.says("it is larger than 1048576 bytes");
    world.hitl("bob", &["pending"]).run().exits(0).says("nothing waits");
    assert!(!world.outside("var-lib/hitl/audit/000001.jsonl").exists(), "nothing is on record");

    // As much as may be is attached.
    let id = ask(&world, &["--plan", "/srv/most"]);
    let whole = world.hitl("bob", &["show", "--plan", "--json", &id]).run().exits(0).json();
    assert_eq!(whole["text"].as_str().unwrap().len(), 1 << 20);
}

#[test]
fn a_ticket_is_one_short_line() {
    let world = office_or_skip!();
    let long = "x".repeat(201);
    for ticket in ["", "a\nb", "a\u{1b}[2Jb", "a\u{202e}b", &long] {
        let words = [&["run", "--no-wait", "--ticket", ticket, "--"][..], &DEPLOY].concat();
        let ran = world.hitl("alice", &words).run().exits(2).says("--ticket");
        assert!(!ran.stderr.contains(['\u{1b}', '\u{202e}']), "{ran:?}");
    }
}

#[test]
fn a_plan_that_was_changed_in_the_store_or_in_the_request_is_not_shown() {
    let world = office_or_skip!();
    world.write("srv/plan.txt", PLAN);
    let id = ask(&world, &["--plan", "/srv/plan.txt"]);
    let changed = PLAN.replace("-> 3", "-> 2");
    fs::write(kept(&world, &id), &changed).unwrap();
    let refused = |why: &str| {
        let ran = world.hitl("bob", &["show", "--plan", &id]).run().exits(125).says(why);
        assert!(!format!("{ran:?}").contains("replicas"), "{ran:?}");
        let ran = world.hitl("bob", &["show", &id]).run().exits(0).prints(why);
        assert!(!ran.stdout.contains("replicas"), "{ran:?}");
        let json = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
        assert!(json["plan"].get("text").is_none() && json["plan"]["error"] == why, "{json}");
        let found = world.hitl("bob", &["pending", "--search", "replicas"]).run().exits(0);
        assert_eq!(found.stdout, "");
    };
    refused("the text was changed since it was attached");
    fs::remove_file(kept(&world, &id)).unwrap();
    refused("the text is no longer there");

    // Nor does it help to change the digest that the request is bound to.
    let id = ask(&world, &["--plan", "/srv/plan.txt", "--ticket", "OPS-1"]);
    let record = world.record(&id);
    world.write("srv/plan.txt", &changed);
    let (was, is) =
        (&requested(&world, &id)["hitl"]["plan"]["digest"], digest_of(&world, "srv/plan.txt"));
    for (from, to) in [(was.as_str().unwrap(), is.as_str()), ("OPS-1", "OPS-2")] {
        assert!(record.contains(from));
        world.forge_record(&id, &record.replace(from, to));
        world.hitl("bob", &["show", "--plan", &id]).run().exits(125).says("is damaged");
    }
}

#[test]
fn where_nobody_decides_the_log_has_the_plans_digest_and_nothing_is_kept() {
    let world = office_or_skip!();
    world.policy(OPEN);
    world.write("srv/plan.txt", PLAN);
    let digest = digest_of(&world, "srv/plan.txt");
    for (command, code) in [("true", 0), ("rm", 77)] {
        let words = [
            "run",
            "--json",
            "--plan",
            "/srv/plan.txt",
            "--ticket",
            "OPS-7",
            "--",
            command,
            "/srv/x",
        ];
        let id = world.hitl("alice", &words).run().exits(code).json()["id"].clone();
        let entry = requested(&world, id.as_str().unwrap());
        assert_eq!(entry["hitl"]["plan"]["digest"], digest.as_str(), "{command}");
        assert_eq!(entry["hitl"]["ticket"], "OPS-7");
    }
    assert!(!world.outside("var-lib/hitl/plans").exists());
}

#[test]
fn an_edit_has_a_plan_and_a_ticket_too() {
    let world = office_or_skip!();
    world.policy(&crate::office::POLICY.replace("decision: deny", "decision: approve"));
    world.write("srv/plan.txt", PLAN);
    world.write("etc/motd", "old\n");
    world.install("change", "#!/bin/sh\necho new > \"$1\"\n");
    let edit = |plan: &str| {
        let words =
            ["edit", "--no-wait", "--json", "--plan", plan, "--ticket", "OPS-9", "/etc/motd"];
        world.hitl("alice", &words).with("EDITOR", "/usr/local/bin/change").run()
    };
    let id = asked(&edit("/srv/plan.txt"));
    world.hitl("bob", &["show", &id]).run().exits(0).prints("OPS-9").prints("| Plan: 1 to change.");
    edit("-").exits(2).says("name a file");
}

#[test]
fn on_a_terminal_a_plan_is_shown_in_the_readers_pager_with_their_rights_alone() {
    let world = office_or_skip!();
    world.write("srv/plan.txt", PLAN);
    let id = ask(&world, &["--plan", "/srv/plan.txt"]);
    world.install(
        "pager",
        "#!/bin/sh\necho \"paged by $(id -u) of $(id -ru)\"; cat \"$2\"; echo \"$1\"\n",
    );
    let show = |words: &[&str], pager: &str| {
        let (terminal, other_end) = Terminal::new();
        let words = [&["show", "--plan"], words, &[&id]].concat();
        let call = world.hitl("bob", &words).with("PAGER", pager).on_terminal(other_end);
        let mut child = call.command().spawn().unwrap();
        let shown = terminal.shows_to_the_end();
        assert!(child.wait().unwrap().success(), "{shown}");
        shown
    };
    let shown = show(&[], "/usr/local/bin/pager --option");
    assert!(shown.contains("paged by 2002 of 2002") && shown.contains("--option"), "{shown}");
    assert!(shown.contains("|   ~ replicas = 2 -> 3"), "{shown}");
    for (words, pager) in [(&["--no-pager"][..], "/usr/local/bin/pager"), (&[], "/none")] {
        let shown = show(words, pager);
        assert!(shown.contains("|   ~ replicas") && !shown.contains("paged by"), "{shown}");
    }
}

#[test]
fn requests_are_found_by_any_word_that_somebody_may_see() {
    let world = office_or_skip!();
    world.write("srv/plan.txt", PLAN);
    let planned = ask(&world, &["--plan", "/srv/plan.txt", "--ticket", "OPS-4711"]);
    let reasoned = ask(&world, &["--reason", "The Quarterly release"]);
    let copied = world.ask("deploy", &["cp", "/etc/hosts", "/srv/copy"]);
    let all = 3;
    for (text, expected) in [
        ("REPLICAS", vec![&planned]),
        ("ops-47", vec![&planned]),
        ("quarterly", vec![&reasoned]),
        ("deploy.sh", vec![&planned, &reasoned]),
        ("etc/hosts /srv", vec![&copied]),
        ("alice", vec![&planned, &reasoned]),
        (&copied.to_lowercase(), vec![&copied]),
        ("deploys", vec![&planned, &reasoned, &copied]),
        ("nowhere to be found", vec![]),
    ] {
        let ran = world.hitl("bob", &["pending", "--json", "--search", text]).run().exits(0);
        let mut found: Vec<String> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect();
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{text}");
        ran.says(&format!("{} of {all} requests found", expected.len()));
    }
    // What somebody may not see is not found, nor counted.
    world.hitl("mallory", &["pending", "--search", "deploy"]).run().exits(0).says("nothing waits");
}
