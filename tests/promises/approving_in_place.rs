//! A second human approves at the requester's terminal, by name and password: where the policy lets
//! their group, and never as the requester.

use nix::sys::signal::Signal;

use crate::authenticating::{ALICES, BOBS, SHADOW, UNIX, nowhere_in_the_state};
use crate::terminal::Terminal;
use crate::world::{Call, Waiting, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: office
defaults: {decision: deny, require: [{group: ops}]}
groups:
  - {name: ops, users: [bob, alice, svc-agent], at_requesters_terminal: true}
  - {name: security, users: [carol, bob]}
requesters: [{kind: agent, users: [svc-agent]}]
rules:
  - {id: one, match: {command: /usr/bin/touch}, decision: approve}
  - {id: two, match: {command: /usr/bin/mkdir}, decision: approve, require: [{group: ops}, {group: security}]}
  - {id: closed, match: {command: /usr/bin/cp}, decision: approve, require: [{group: security}]}
"#;

const QUESTION: &str = "An approver here, at this terminal? Press enter";
const NAME: &str = "[hitl] approver's user name (enter: wait on): ";
const TOUCH: [&str; 4] = ["run", "--", "touch", "/srv/made"];

/// alice's password is hers; everybody else's is bob's. Nobody is locked here.
fn open(world: World) -> World {
    world.policy(POLICY);
    let bobs = SHADOW.lines().find_map(|line| line.strip_prefix("bob:")).unwrap();
    let of = |name: &str| format!("{name}:{bobs}\n");
    let alices = SHADOW.lines().find(|line| line.starts_with("alice:")).unwrap();
    let shadow = format!("{alices}\n{}{}{}", of("bob"), of("carol"), of("svc-agent"));
    world.write("etc/shadow", &shadow);
    world.mode("etc/shadow", 0o600);
    std::fs::create_dir(world.outside("etc/pam.d")).unwrap();
    world.write("etc/pam.d/hitl", UNIX);
    world
}

fn is_made(world: &World) -> bool {
    world.outside("srv/made").exists()
}

/// alice asks at a terminal, and somebody there is offered to approve.
fn offered(call: Call<'_>) -> (Terminal, Waiting) {
    let (mut terminal, other_end) = Terminal::new();
    let waiting = call.on_terminal(other_end).start_and_wait_for_request();
    terminal.shows(QUESTION);
    terminal.forget();
    (terminal, waiting)
}

/// Somebody says that they are this user, and gives these passwords.
fn says_to_be(terminal: &mut Terminal, name: &str, passwords: &[&str]) {
    terminal.types("\n");
    terminal.shows(NAME);
    terminal.types(&format!("{name}\n"));
    for (index, password) in passwords.iter().enumerate() {
        terminal.shows_times(&format!("[hitl] password for {name}: "), index + 1);
        terminal.types(&format!("{password}\n"));
    }
}

fn entries(world: &World, action: &str) -> Vec<serde_json::Value> {
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    let all = world.audit().into_iter();
    all.filter(|entry| entry["event"]["action"] == action).collect()
}

#[test]
fn a_member_of_a_group_that_may_approves_with_their_own_password() {
    let world = open(world_or_skip!());
    let (mut terminal, waiting) = offered(world.hitl("alice", &TOUCH).logged_in_as("alice"));
    let id = waiting.id.clone();
    says_to_be(&mut terminal, "bob", &["wrong", BOBS]);
    terminal.shows("hitl: approved by bob");
    waiting.end().exits(0);
    assert!(is_made(&world) && terminal.is_itself());
    let approvals = entries(&world, "approval-recorded");
    assert_eq!(approvals.len(), 1);
    let (user, hitl) = (&approvals[0]["user"], &approvals[0]["hitl"]);
    assert_eq!((&user["name"], &hitl["presence"]), (&"bob".into(), &"uid".into()));
    assert_eq!(hitl["proof"], "password");
    // The groups are those that are open to it; the kernel's login uid is alice's, and not said of bob.
    assert_eq!((&hitl["groups"], hitl.get("login_uid")), (&serde_json::json!(["ops"]), None));
    world
        .hitl("alice", &["show", &id])
        .run()
        .exits(0)
        .prints("by their password at the requester's terminal");
    assert!(!terminal.shows_to_the_end().contains(BOBS));
    nowhere_in_the_state(&world, BOBS);
}

#[test]
fn whose_word_does_not_count_is_told_so_once_they_have_proved_who_they_are() {
    let world = open(world_or_skip!());
    let (mut terminal, waiting) = offered(world.hitl("alice", &TOUCH));
    let id = waiting.id.clone();
    for (name, password, why) in [
        ("alice", ALICES, "you asked for it yourself"),
        ("carol", BOBS, "carol cannot approve"),
        ("svc-agent", BOBS, "only a human decides"),
    ] {
        says_to_be(&mut terminal, name, &[password]);
        terminal.shows(why);
        terminal.shows(QUESTION);
        terminal.forget();
        assert_eq!(world.state(&id), "pending");
    }
    // Nothing is said for whoever only presses enter, or thinks better of it.
    for typed in ["\n", "\u{3}", "bo\u{3}"] {
        terminal.types("\n");
        terminal.shows(NAME);
        terminal.types(typed);
        terminal.shows(QUESTION);
        terminal.forget();
    }
    terminal.types("\u{3}");
    waiting.end().exits(77);
    assert_eq!(world.state(&id), "cancelled");
    assert!(!is_made(&world) && entries(&world, "approval-recorded").is_empty());
}

#[test]
fn the_requester_by_login_uid_is_nobody_else() {
    let world = open(world_or_skip!());
    // bob has logged in, has become alice, and asks.
    let (mut terminal, waiting) = offered(world.hitl("alice", &TOUCH).logged_in_as("bob"));
    says_to_be(&mut terminal, "bob", &[BOBS]);
    terminal.shows("that is you by login uid");
    waiting.signal(Signal::SIGKILL);
    waiting.end();
    assert!(!is_made(&world));
}

#[test]
fn a_user_who_does_not_exist_looks_like_one_whose_password_is_wrong() {
    let world = open(world_or_skip!());
    let mut seen = Vec::new();
    for name in ["bob", "nobody-here", "../../etc/passwd", "root\u{1b}[2J", "hunter2 is mine"] {
        let (mut terminal, waiting) = offered(world.hitl("alice", &TOUCH));
        let id = waiting.id.clone();
        terminal.types("\n");
        terminal.shows(NAME);
        terminal.types(&format!("{name}\n"));
        for times in 1..=3 {
            terminal.shows_times("[hitl] password for ", times);
            terminal.types("wrong\n");
        }
        let refused = "nobody has proved here to be that user";
        let shown = terminal.shows(refused).split_once(refused).unwrap().0.to_owned();
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        // It waits on, for a decision from elsewhere, and asks nobody here any more.
        assert_eq!(world.state(&id), "pending");
        world.hitl("bob", &["approve", &id]).run().exits(0);
        waiting.end().exits(0);
        let whole = terminal.shows_to_the_end();
        let (_, after) = whole.rsplit_once(refused).unwrap();
        assert!(!after.contains("An approver here"), "{after:?}");
        let passwords = shown.rsplit(NAME).next().unwrap().lines().skip(1);
        seen.push(
            passwords
                .map(|line| line.split(" for ").next().unwrap().to_owned())
                .collect::<Vec<_>>(),
        );
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    let failures = entries(&world, "authentication-failed");
    assert_eq!(failures.len(), 5);
    // At whose terminal it was; and of what was typed nothing, which could be a password.
    assert!(failures.iter().all(|entry| entry["user"]["name"] == "alice"));
    assert!(failures[0]["hitl"]["because"].as_str().unwrap().contains("terminal, bob:"));
    for typed in ["nobody-here", "etc/passwd", "hunter2"] {
        nowhere_in_the_state(&world, typed);
    }
}

#[test]
fn where_more_are_needed_the_others_approve_from_where_they_are() {
    let world = open(world_or_skip!());
    let (mut terminal, waiting) =
        offered(world.hitl("alice", &["run", "--", "mkdir", "/srv/made"]));
    let id = waiting.id.clone();
    says_to_be(&mut terminal, "bob", &[BOBS]);
    terminal.shows("hitl: approved by bob; it still needs 1 of group security");
    terminal.shows(QUESTION);
    // bob is in that group too, and is one human; and it is not open to passwords at this terminal.
    world.hitl("bob", &["approve", &id]).run().exits(77).says("already approved");
    assert_eq!(world.state(&id), "pending");
    world.hitl("carol", &["approve", &id]).run().exits(0);
    waiting.end().exits(0);
    assert!(is_made(&world));
    assert_eq!(entries(&world, "approval-recorded").len(), 2);
}

#[test]
fn nothing_is_offered_where_no_group_is_open_to_it_nor_to_programs() {
    let world = open(world_or_skip!());
    let copy = ["run", "--", "cp", "/etc/hitl/policy.yaml", "/srv/made"];
    for (call, approver) in [
        (world.hitl("alice", &copy), "carol"),
        (world.hitl("alice", &TOUCH).with("CLAUDECODE", "1"), "bob"),
    ] {
        let (mut terminal, other_end) = Terminal::new();
        let waiting = call.on_terminal(other_end).start_and_wait_for_request();
        terminal.shows(": 1 of group");
        world.hitl(approver, &["approve", &waiting.id]).run().exits(0);
        waiting.end().exits(0);
        assert!(!terminal.shows_to_the_end().contains("An approver here"));
        std::fs::remove_file(world.outside("srv/made")).unwrap();
    }
}

#[test]
fn where_more_than_a_password_is_demanded_the_approver_signs_at_the_requesters_terminal() {
    let world = open(world_or_skip!());
    world.policy(
        &POLICY
            .replace("at_requesters_terminal: true", "at_requesters_terminal: true, presence: key"),
    );
    // bob's key, on a stick that alice's session can read.
    let stick = tempfile::TempDir::new().unwrap();
    let key = stick.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    world
        .hitl("root", &["signers", "add", "bob", &format!("{}.pub", key.display())])
        .run()
        .exits(0);
    let alice = nix::unistd::Uid::from_raw(crate::world::uid_of("alice"));
    for path in [stick.path(), &key] {
        nix::unistd::chown(path, Some(alice), None).unwrap();
    }
    let (mut terminal, waiting) = offered(world.hitl("alice", &TOUCH).logged_in_as("alice"));
    let id = waiting.id.clone();
    says_to_be(&mut terminal, "bob", &[]);
    terminal.shows("File of that key (enter: none): ");
    // Not with another key.
    terminal.types("/etc/hitl/policy.yaml\n");
    terminal.shows("is not one that counts");
    terminal.shows(QUESTION);
    terminal.forget();
    says_to_be(&mut terminal, "bob", &[]);
    terminal.shows("File of that key (enter: none): ");
    terminal.types(&format!("{}\n", key.display()));
    terminal.shows("hitl: approved by bob");
    waiting.end().exits(0);
    assert!(is_made(&world));
    let entry = &entries(&world, "approval-recorded")[0];
    assert_eq!(entry["hitl"]["request_id"], *id);
    assert_eq!(entry["hitl"]["proof"], "signature");
    assert_eq!(entry["hitl"]["presence"], "key");
}

#[test]
fn what_would_be_signed_at_the_requesters_terminal_tells_them_nothing_that_they_may_not_see() {
    let world = open(world_or_skip!());
    world.policy(
        &POLICY
            .replace("at_requesters_terminal: true", "at_requesters_terminal: true, presence: key"),
    );
    let keys = tempfile::TempDir::new().unwrap();
    let key = keys.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    let public = format!("{}.pub", key.display());
    world.hitl("root", &["signers", "add", "bob", &public]).run().exits(0);
    world.write("srv/private", "the pin is zyxw\n");
    world.mode("srv/private", 0o600);
    std::fs::create_dir(world.outside("srv/secret")).unwrap();
    world.write("srv/secret/there", "x");
    world.mode("srv/secret", 0o700);
    // The same is said whether or not there is such a file.
    for path in ["/srv/private", "/srv/secret/there", "/srv/secret/none"] {
        let (mut terminal, waiting) =
            offered(world.hitl("alice", &["run", "--", "touch", "-r", path, "/srv/made"]));
        says_to_be(&mut terminal, "bob", &[]);
        terminal.shows("bob approves it from a login of their own");
        terminal.shows(QUESTION);
        waiting.signal(Signal::SIGKILL);
        waiting.end();
        assert!(!terminal.shows_to_the_end().contains("File of that key"));
    }
}

#[test]
fn whoever_fails_to_prove_who_they_are_after_the_request_has_ended_leaves_a_log_that_is_good() {
    let world = open(world_or_skip!());
    let (mut terminal, waiting) = offered(world.hitl("alice", &TOUCH));
    let id = waiting.id.clone();
    says_to_be(&mut terminal, "bob", &[]);
    terminal.shows("[hitl] password for bob: ");
    world.hitl("alice", &["cancel", &id]).run().exits(0);
    for times in 1..=3 {
        terminal.shows_times("[hitl] password for bob: ", times);
        terminal.types("wrong\n");
    }
    waiting.end().exits(77);
    // That somebody guessed is on record all the same.
    assert_eq!(entries(&world, "authentication-failed").len(), 1);
}
