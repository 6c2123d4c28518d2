//! `authenticate: requester`: real PAM, real password hashes, a real terminal.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::terminal::Terminal;
use crate::world::{Call, Ran, Running, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: passwords
defaults: {decision: deny, require: [{group: ops}]}
groups: [{name: ops, users: [bob, carol]}]
rules:
  - id: asked
    match: {command: /usr/bin/touch}
    decision: allow
    authenticate: requester
  - id: remembered
    match: {command: /usr/bin/mkdir}
    decision: allow
    authenticate: requester
    authenticate_cache: 5m
  - id: approved
    match: {command: /usr/bin/cp}
    decision: approve
    authenticate: requester
    authenticate_cache: 5m
  - {id: free, match: {command: /usr/bin/true}, decision: allow}
tests:
  - {name: touching asks, run: touch x, expect: {authenticate: requester}}
  - {name: doing nothing does not, run: "true", expect: {authenticate: none}}
"#;

/// alice's and bob's, as the world's /etc/shadow has them: `openssl passwd -6 -salt hitltest …`.
pub const ALICES: &str = "correct-horse";
pub const BOBS: &str = "battery-staple";
pub const SHADOW: &str = "\
root:*:19000:0:99999:7:::
alice:$6$hitltest$0B32YVfr3obsUqmQklKijEVS8AwENcFOEe53v/S0k1CRnxDLdPpm4zfInycMkgX1aWgUPqC2CeMQjiZDeypcv.:19000:0:99999:7:::
bob:$6$hitltest$9HTrsZW9QBpH4G/HXe/GdfLeSLpwlADF33wEEtX9uq8gjCCafWKrUMhTgMfGJ3uG1iZ1fe054S3zuyG.T6ODa.:19000:0:99999:7:::
carol:!$6$hitltest$9HTrsZW9QBpH4G/HXe/GdfLeSLpwlADF33wEEtX9uq8gjCCafWKrUMhTgMfGJ3uG1iZ1fe054S3zuyG.T6ODa.:19000:0:99999:7:::
deploy::19000:0:99999:7:::
svc-agent:$6$hitltest$9HTrsZW9QBpH4G/HXe/GdfLeSLpwlADF33wEEtX9uq8gjCCafWKrUMhTgMfGJ3uG1iZ1fe054S3zuyG.T6ODa.:19000:0:99999:7::2:
mallory:$6$hitltest$9HTrsZW9QBpH4G/HXe/GdfLeSLpwlADF33wEEtX9uq8gjCCafWKrUMhTgMfGJ3uG1iZ1fe054S3zuyG.T6ODa.:0:0:99999:7:::
";

/// Without the delay after a failure: nobody guesses here.
pub const UNIX: &str = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n";
const PROMPT: &str = "[hitl] password for alice: ";
const TOUCH: [&str; 4] = ["run", "--", "touch", "/srv/made"];

/// A world in which PAM knows everybody's password.
fn open(world: World) -> World {
    world.policy(POLICY);
    world.write("etc/shadow", SHADOW);
    world.mode("etc/shadow", 0o600);
    std::fs::create_dir(world.outside("etc/pam.d")).unwrap();
    service(&world, UNIX);
    world
}

macro_rules! passwords_or_skip {
    () => {
        open(world_or_skip!())
    };
}

fn service(world: &World, text: &str) {
    world.write("etc/pam.d/hitl", text);
}

fn is_made(world: &World) -> bool {
    world.outside("srv/made").exists()
}

/// Starts it at a new terminal, and waits until this is shown.
fn at_terminal(call: Call<'_>, shown: &str) -> (Terminal, Running) {
    let (mut terminal, other_end) = Terminal::new();
    let running = call.on_terminal(other_end).start();
    terminal.shows(shown);
    (terminal, running)
}

fn alice_is_asked(world: &World) -> (Terminal, Running) {
    at_terminal(world.hitl("alice", &TOUCH), PROMPT)
}

/// A shell at a terminal: what it starts shares terminal and session.
fn shell(call: Call<'_>) -> (Terminal, std::process::Child) {
    let (terminal, other_end) = Terminal::new();
    // The command itself must not keep the terminal open.
    let child = call.on_terminal(other_end).command().spawn().unwrap();
    (terminal, child)
}

fn actions(world: &World) -> Vec<String> {
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    world.audit_actions()
}

/// The last entry of an action.
fn last(world: &World, action: &str) -> serde_json::Value {
    let entries = world.audit();
    let found = entries.into_iter().rev().find(|entry| entry["event"]["action"] == action);
    found.unwrap_or_else(|| panic!("no {action}"))
}

/// That nothing in the state holds a text.
pub fn nowhere_in_the_state(world: &World, text: &str) {
    let found = Command::new("grep")
        .args(["-rlaF", "--", text])
        .arg(world.outside("var-lib"))
        .output()
        .unwrap();
    assert_eq!(found.status.code(), Some(1), "{}", String::from_utf8_lossy(&found.stdout));
}

fn end(running: Running) -> Ran {
    running.end().1
}

#[test]
fn the_right_password_runs_it_and_stands_nowhere() {
    let world = passwords_or_skip!();
    let (mut terminal, running) = alice_is_asked(&world);
    assert!(!terminal.is_itself());
    terminal.types(&format!("{ALICES}\n"));
    end(running).exits(0);
    assert!(is_made(&world) && terminal.is_itself());
    let shown = terminal.shows_to_the_end();
    assert_eq!(shown, format!("{PROMPT}\r\n"));
    let expected = [
        "segment-opened",
        "privilege-requested",
        "policy-decided",
        "authenticated",
        "command-started",
        "command-finished",
    ];
    let seen: Vec<_> =
        actions(&world).into_iter().filter(|action| action != "snapshot-created").collect();
    assert_eq!(seen, expected);
    let entry = last(&world, "authenticated");
    assert_eq!((&entry["hitl"]["by"], &entry["hitl"]["wrong"]), (&"pam".into(), &0.into()));
    assert_eq!(last(&world, "policy-decided")["hitl"]["authenticate"], "requester");
    nowhere_in_the_state(&world, ALICES);
}

#[test]
fn keys_that_correct_a_line_do_so_and_nothing_typed_early_counts() {
    let world = passwords_or_skip!();
    let (mut terminal, other_end) = Terminal::new();
    // A whole line and a half, typed before anything was asked.
    terminal.types("rubbish\nmore");
    let running = world.hitl("alice", &TOUCH).on_terminal(other_end).start();
    terminal.shows(PROMPT);
    // ^U takes back the line, DEL a character, ^Z does nothing.
    terminal.types(&format!("hunter2\u{15}\u{1a}{ALICES}é\u{7f}\r"));
    end(running).exits(0);
    assert!(is_made(&world));
    assert_eq!(last(&world, "authenticated")["hitl"]["wrong"], 0);
    let shown = terminal.shows_to_the_end();
    assert!(!shown.contains("hunter2") && !shown.contains(ALICES), "{shown}");
}

#[test]
fn three_wrong_passwords_refuse_and_are_on_record() {
    let world = passwords_or_skip!();
    let (mut terminal, running) = alice_is_asked(&world);
    for (times, wrong) in [(1, BOBS), (2, "hunter2"), (3, "correct-hors")] {
        terminal.shows_times(PROMPT, times);
        terminal.types(&format!("{wrong}\n"));
    }
    end(running).exits(77);
    assert!(!is_made(&world) && terminal.is_itself());
    let shown = terminal.shows_to_the_end();
    assert!(shown.contains("3 wrong tries; nothing ran"), "{shown}");
    let expected =
        ["segment-opened", "privilege-requested", "policy-decided", "authentication-failed"];
    assert_eq!(actions(&world), expected);
    let entry = last(&world, "authentication-failed");
    assert_eq!((&entry["hitl"]["wrong"], &entry["user"]["name"]), (&3.into(), &"alice".into()));
    for wrong in [BOBS, "hunter2", "correct-hors"] {
        assert!(!shown.contains(wrong), "{shown}");
        nowhere_in_the_state(&world, wrong);
    }
}

#[test]
fn two_wrong_passwords_and_the_right_one_run_it() {
    let world = passwords_or_skip!();
    let (mut terminal, running) = alice_is_asked(&world);
    for (times, typed) in [(1, "one"), (2, "two"), (3, ALICES)] {
        terminal.shows_times(PROMPT, times);
        terminal.types(&format!("{typed}\n"));
    }
    end(running).exits(0);
    assert_eq!(last(&world, "authenticated")["hitl"]["wrong"], 2);
    actions(&world);
}

#[test]
fn what_can_be_no_password_is_a_wrong_one() {
    let world = passwords_or_skip!();
    // Nothing; 600 bytes that begin with the right ones; the right ones and what a C string would lose.
    let unusable = [
        String::new(),
        format!("{ALICES}{}", "x".repeat(600 - ALICES.len())),
        format!("{ALICES}\0more"),
    ];
    let (mut terminal, running) = alice_is_asked(&world);
    for (times, typed) in unusable.iter().enumerate() {
        terminal.shows_times(PROMPT, times + 1);
        terminal.types(&format!("{typed}\n"));
    }
    end(running).exits(77);
    assert!(!is_made(&world));
    let shown = terminal.shows_to_the_end();
    for why in ["an empty password is none", "at most 511 bytes", "cannot hold a zero byte"] {
        assert!(shown.contains(why), "{why}: {shown}");
    }
    assert!(!shown.contains(ALICES), "{shown}");
}

#[test]
fn accounts_that_may_not_be_used_are_refused_with_the_reason() {
    let world = passwords_or_skip!();
    // carol is locked, svc-agent has expired, mallory must change her password.
    for (user, tries, why) in [
        ("carol", 3, "3 wrong tries"),
        ("svc-agent", 1, "ask an administrator"),
        ("mallory", 1, "change the password with passwd"),
    ] {
        let prompt = format!("[hitl] password for {user}: ");
        let (mut terminal, running) = at_terminal(world.hitl(user, &TOUCH), &prompt);
        for times in 1..=tries {
            terminal.shows_times(&prompt, times);
            terminal.types(&format!("{BOBS}\n"));
        }
        end(running).exits(77);
        let shown = terminal.shows_to_the_end();
        assert!(shown.contains(why), "{user}: {shown}");
        assert!(!is_made(&world));
        assert_eq!(last(&world, "authentication-failed")["user"]["name"], user);
    }
}

#[test]
fn an_account_without_a_password_proves_nothing() {
    let world = passwords_or_skip!();
    service(&world, "auth required pam_unix.so nodelay nullok\naccount required pam_unix.so\n");
    let prompt = "[hitl] password for deploy: ";
    let (mut terminal, running) = at_terminal(world.hitl("deploy", &TOUCH), prompt);
    for (times, typed) in [(1, ""), (2, "x"), (3, "")] {
        terminal.shows_times(prompt, times);
        terminal.types(&format!("{typed}\n"));
    }
    end(running).exits(77);
    assert!(!is_made(&world));
}

#[test]
fn control_c_and_control_d_end_it_and_leave_the_terminal_as_it_was() {
    let world = passwords_or_skip!();
    for typed in ["\u{3}", "half\u{3}", "\u{1c}", "\u{4}"] {
        let (mut terminal, running) = alice_is_asked(&world);
        terminal.types(typed);
        end(running).exits(77);
        assert!(terminal.is_itself());
        let shown = terminal.shows_to_the_end();
        assert!(shown.contains("interrupted") && !shown.contains("half"), "{shown}");
        let entry = last(&world, "authentication-failed");
        assert_eq!(entry["hitl"]["wrong"], 0);
        actions(&world);
    }
    assert!(!is_made(&world));
}

#[test]
fn signals_end_it_and_leave_the_terminal_as_it_was() {
    let world = passwords_or_skip!();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let (mut terminal, running) = alice_is_asked(&world);
        terminal.types("half");
        running.signal(signal);
        let ran = end(running);
        assert!(!ran.status.success());
        assert!(terminal.is_itself(), "{signal}");
        let shown = terminal.shows_to_the_end();
        assert!(!shown.contains("half"), "{shown}");
        assert_eq!(last(&world, "authentication-failed")["hitl"]["wrong"], 0);
    }
    assert!(!is_made(&world));
}

#[test]
fn killing_what_asks_does_not_keep_the_failure_off_the_record() {
    let world = passwords_or_skip!();
    let (mut terminal, running) = alice_is_asked(&world);
    terminal.types("guess\n");
    terminal.shows("try again");
    running.signal(Signal::SIGKILL);
    assert!(!end(running).status.success());
    // The monitor cannot be killed, and holds the status descriptor until it has recorded that.
    let entry = last(&world, "authentication-failed");
    assert_eq!(entry["hitl"]["wrong"], 1);
    assert!(!is_made(&world));
}

#[test]
fn a_terminal_that_hangs_up_proves_nothing() {
    let world = passwords_or_skip!();
    let (terminal, running) = alice_is_asked(&world);
    drop(terminal);
    assert!(!end(running).status.success());
    assert!(!is_made(&world));
    assert_eq!(last(&world, "authentication-failed")["event"]["outcome"], "failure");
}

#[test]
fn without_a_terminal_it_is_refused_and_says_what_to_do() {
    let world = passwords_or_skip!();
    let ran = world.hitl("alice", &TOUCH).with_input(format!("{ALICES}\n").as_bytes()).run();
    ran.exits(77).says("there is no terminal to ask you at");
    // A program is not asked, wherever it runs.
    let (mut terminal, running) =
        at_terminal(world.hitl("alice", &TOUCH).with("CLAUDECODE", "1"), "which only a human has");
    terminal.types(&format!("{ALICES}\n"));
    end(running).exits(77);
    assert!(!is_made(&world));
    let failed = actions(&world).iter().filter(|one| *one == "authentication-failed").count();
    assert_eq!(failed, 2);
}

#[test]
fn root_is_not_asked_and_what_asks_for_nothing_needs_no_pam() {
    let mut world = passwords_or_skip!();
    let libraries = libpam();
    assert!(!libraries.is_empty(), "this host has no libpam");
    libraries.iter().for_each(|library| world.covers(library));
    world.hitl("root", &TOUCH).run().exits(0);
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    // And whoever is asked is told what is missing.
    let (_terminal, other_end) = Terminal::new();
    std::fs::remove_file(world.outside("srv/made")).unwrap();
    let running = world.hitl("alice", &TOUCH).on_terminal(other_end).start();
    let (events, ran) = running.end();
    ran.exits(125);
    let message = events.last().unwrap()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("libpam0g") && message.contains("nothing ran"), "{message}");
    assert!(!is_made(&world));
    assert_eq!(last(&world, "authentication-failed")["hitl"]["wrong"], 0);
}

/// Where this host keeps libpam.
fn libpam() -> Vec<PathBuf> {
    let listed = Command::new("ldconfig").arg("-p").output().unwrap();
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter(|line| line.trim_start().starts_with("libpam.so.0 "))
        .filter_map(|line| Some(Path::new(line.split_once("=> ")?.1).canonicalize().unwrap()))
        .collect()
}

#[test]
fn without_a_service_file_nobody_is_authenticated_by_the_one_for_others() {
    let world = passwords_or_skip!();
    std::fs::remove_file(world.outside("etc/pam.d/hitl")).unwrap();
    world.write("etc/pam.d/other", "auth required pam_permit.so\naccount required pam_permit.so\n");
    let (mut terminal, running) = at_terminal(world.hitl("alice", &TOUCH), "/etc/pam.d/hitl");
    end(running).exits(125);
    terminal.shows("nothing ran");
    assert!(!is_made(&world));
}

#[test]
fn modules_decide_whatever_they_are() {
    let world = passwords_or_skip!();
    let account = "account required pam_unix.so\n";
    for (auth, code, shown) in [
        ("auth required pam_permit.so\n", 0, ""),
        // Refused without a question: asking again would change nothing.
        ("auth required pam_deny.so\n", 77, "1 wrong try; nothing ran"),
        ("auth required pam_nonsense.so\n", 125, "PAM failed"),
        ("auth required pam_exec.so quiet /usr/bin/false\n", 125, "PAM failed"),
    ] {
        service(&world, &format!("{auth}{account}"));
        let (terminal, other_end) = Terminal::new();
        let running = world.hitl("alice", &TOUCH).on_terminal(other_end).start();
        end(running).exits(code);
        let said = terminal.shows_to_the_end();
        assert!(said.contains(shown), "{auth}: {said}");
        assert_eq!(is_made(&world), code == 0, "{auth}");
        let _ = std::fs::remove_file(world.outside("srv/made"));
    }
    // An account that the host does not let in, however well it authenticates.
    service(&world, "auth required pam_permit.so\naccount required pam_deny.so\n");
    let (_terminal, running) = at_terminal(world.hitl("alice", &TOUCH), "may not be used");
    end(running).exits(77);
    assert!(!is_made(&world));
}

#[test]
fn what_modules_say_is_made_visible_and_they_have_no_environment_of_the_callers() {
    let world = passwords_or_skip!();
    world.install(
        "speak",
        "#!/bin/sh\nprintf 'clear \\033[2J screen\\n'\necho \"$PAM_USER $PAM_RUSER $PAM_SERVICE $EVIL\"\n\
         tr '\\0' '\\n' < /proc/$PPID/environ | grep -c . || :\nid -ru\n[ -t 0 ] && echo terminal\nexit 0\n",
    );
    service(
        &world,
        "auth required pam_exec.so stdout quiet /usr/local/bin/speak\naccount required pam_permit.so\n",
    );
    let call = world.hitl("alice", &TOUCH).with("EVIL", "evil");
    let (terminal, running) = at_terminal(call, "hitl: clear \\e[2J screen");
    end(running).exits(0);
    let shown = terminal.shows_to_the_end();
    assert!(shown.contains("hitl: alice alice hitl \r\n"), "{shown}");
    assert!(shown.contains("hitl: 0\r\n"), "the real user is root: {shown}");
    assert!(!shown.contains("evil") && !shown.contains("hitl: terminal"), "{shown}");
}

#[test]
fn a_module_that_hangs_is_left_by_control_c() {
    let world = passwords_or_skip!();
    world.install("hang", "#!/bin/sh\necho \"pid $$\"\nexec sleep 600\n");
    service(
        &world,
        "auth required pam_exec.so stdout quiet /usr/local/bin/hang\naccount required pam_permit.so\n",
    );
    let (mut terminal, running) = at_terminal(world.hitl("alice", &TOUCH), "hitl: pid ");
    terminal.shows("\n");
    terminal.types("\u{3}");
    end(running).exits(77);
    assert!(!is_made(&world) && terminal.is_itself());
    let shown = terminal.shows_to_the_end();
    assert!(shown.contains("interrupted"), "{shown}");
    let pid = shown.split_once("pid ").unwrap().1.split_whitespace().next().unwrap();
    // It is the module's own; nobody waits for it any more.
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    actions(&world);
}

#[test]
fn it_is_asked_before_others_are_and_again_where_a_request_goes_on() {
    let world = passwords_or_skip!();
    let copy = ["run", "--no-wait", "--json", "--", "cp", "/etc/hitl/policy.yaml", "/srv/made"];
    let (mut terminal, running) = at_terminal(world.hitl("alice", &copy), PROMPT);
    assert!(world.pending().is_empty());
    terminal.types("\u{3}");
    end(running).exits(77);
    assert!(world.pending().is_empty());
    let (mut terminal, running) = at_terminal(world.hitl("alice", &copy), PROMPT);
    terminal.types(&format!("{ALICES}\n"));
    end(running).exits(75);
    let id = world.pending()[0]["id"].as_str().unwrap().to_owned();
    world.hitl("bob", &["show", &id]).run().exits(0).prints("they authenticated when they asked");
    world.hitl("bob", &["approve", &id]).run().exits(0);
    // Whoever sits at another terminal of alice's is not known to be her.
    world.hitl("alice", &["run", "--resume", &id]).run().exits(77).says("no terminal");
    let resume = world.hitl("alice", &["run", "--resume", &id]);
    let (mut terminal, running) = at_terminal(resume, PROMPT);
    terminal.types(&format!("{ALICES}\n"));
    end(running).exits(0);
    assert!(is_made(&world));
    actions(&world);
}

#[test]
fn what_is_remembered_is_of_one_user_at_one_terminal_in_one_session() {
    let world = passwords_or_skip!();
    let (mut terminal, mut bash) = shell(world.script(
        "alice",
        "hitl run -- mkdir /srv/1 && hitl run -- mkdir /srv/2 && echo two; \
         setsid --wait hitl run -- mkdir /srv/3; hitl run -- touch /srv/made; echo ready; read line; \
         hitl forget; hitl run -- mkdir /srv/4; echo done",
    ));
    terminal.shows_times(PROMPT, 1);
    terminal.types(&format!("{ALICES}\n"));
    terminal.shows("two");
    // In a session of its own there is no terminal, and nothing is remembered of it.
    terminal.shows("there is no terminal to ask you at");
    // A rule without a time asks again.
    terminal.shows_times(PROMPT, 2);
    terminal.types(&format!("{ALICES}\n"));
    // At another terminal she is asked, while the first is remembered.
    let (mut other, running) =
        at_terminal(world.hitl("alice", &["run", "--", "mkdir", "/srv/5"]), PROMPT);
    other.types("\u{3}");
    end(running).exits(77);
    terminal.shows("ready");
    terminal.types("\n");
    terminal.shows("forgotten at 1 terminal");
    terminal.shows_times(PROMPT, 3);
    terminal.types("\u{3}");
    terminal.shows("done");
    assert!(bash.wait().unwrap().success());
    let made = |name: &str| world.outside(&format!("srv/{name}")).exists();
    assert!(made("1") && made("2") && made("made"));
    assert!(!made("3") && !made("4") && !made("5"));
    let by: Vec<_> = world
        .audit()
        .iter()
        .filter(|entry| entry["event"]["action"] == "authenticated")
        .map(|entry| entry["hitl"]["by"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(by, ["pam", "remembered", "pam"]);
    actions(&world);
}

#[test]
fn who_becomes_another_user_at_the_same_terminal_is_asked_for_that_users_password() {
    let world = passwords_or_skip!();
    world.write("etc/pam.d/su", "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n");
    let line = "hitl run -- mkdir /srv/1; \
                su bob --session-command 'hitl run -- mkdir /srv/2; hitl forget'; \
                hitl run -- mkdir /srv/3; echo done";
    let (mut terminal, mut bash) = shell(world.script("alice", line));
    terminal.shows(PROMPT);
    terminal.types(&format!("{ALICES}\n"));
    // Not hers, though she has just proved to be alice here, in the same session.
    terminal.shows("[hitl] password for bob: ");
    terminal.types(&format!("{ALICES}\n"));
    terminal.shows_times("[hitl] password for bob: ", 2);
    terminal.types(&format!("{BOBS}\n"));
    // bob forgets himself; alice is still remembered.
    terminal.shows("forgotten at 1 terminal");
    terminal.shows("done");
    assert!(bash.wait().unwrap().success());
    for name in ["1", "2", "3"] {
        assert!(world.outside(&format!("srv/{name}")).exists(), "{name}");
    }
    let shown = terminal.shows_to_the_end();
    assert_eq!(shown.matches(PROMPT).count(), 1, "{shown}");
}

#[test]
fn what_is_remembered_is_roots_alone_and_holds_no_password() {
    use std::os::unix::fs::MetadataExt;
    let world = passwords_or_skip!();
    let line =
        "hitl run -- mkdir /srv/1; echo ended; read line; hitl run -- mkdir /srv/2; echo done";
    let (mut terminal, mut bash) = shell(world.script("alice", line));
    terminal.shows(PROMPT);
    terminal.types(&format!("{ALICES}\n"));
    let store = world.outside("var-lib/hitl/authenticated");
    terminal.shows("ended");
    let metadata = store.metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (0, 0o700));
    let files: Vec<_> = std::fs::read_dir(&store).unwrap().map(|one| one.unwrap().path()).collect();
    let metadata = files[0].metadata().unwrap();
    assert_eq!((files.len(), metadata.uid(), metadata.mode() & 0o7777), (1, 0, 0o600));
    nowhere_in_the_state(&world, ALICES);
    // A record that somebody else could have written is none.
    std::os::unix::fs::chown(&files[0], Some(2001), None).unwrap();
    terminal.types("\n");
    terminal.shows_times(PROMPT, 2);
    terminal.types("\u{3}");
    terminal.shows("done");
    assert!(bash.wait().unwrap().success());
}

#[test]
fn a_check_says_it_and_a_hitl_without_privileges_refuses_it_by_name() {
    let world = passwords_or_skip!();
    let check = world.hitl("alice", &["check", "--", "touch", "/srv/made"]).run().exits(0);
    check.prints("you would be asked for yours\n");
    let check = world.hitl("alice", &["check", "--", "mkdir", "/srv/made"]).run().exits(0);
    check.prints("unless you gave it here less than 5m ago");
    let check = world.hitl("alice", &["check", "--json", "--", "touch", "/srv/made"]).run();
    assert_eq!(check.json()["authenticate"], "requester");
    let check = world.hitl("alice", &["check", "--json", "--", "true"]).run();
    assert_eq!(check.json()["authenticate"], serde_json::Value::Null);
    world.hitl("root", &["policy", "test"]).run().exits(0);
    world.user_policy("alice", POLICY);
    let check = world.plain_hitl("alice", &["check", "--", "touch", "/home/alice/made"]).run();
    check.prints("it would be refused").prints("setuid root");
    let ran = world.plain_hitl("alice", &["run", "--", "touch", "/home/alice/made"]).run();
    ran.exits(78).says("authenticate: requester");
    assert!(!world.outside("home/alice/made").exists());
    world.plain_hitl("alice", &["forget"]).run().exits(0).says("nothing was remembered");
}

#[test]
fn a_password_that_is_typed_after_the_request_has_ended_leaves_a_log_that_is_good() {
    let world = passwords_or_skip!();
    world.write("srv/new", "new");
    let copy = ["run", "--no-wait", "--", "cp", "/srv/new", "/srv/made"];
    for passwords in [&["wrong"; 3][..], &[ALICES]] {
        let (mut terminal, running) = at_terminal(world.hitl("alice", &copy), PROMPT);
        terminal.types(&format!("{ALICES}\n"));
        end(running).exits(75);
        let id = world.pending()[0]["id"].as_str().unwrap().to_owned();
        let resumed = world.hitl("alice", &["run", "--resume", &id]);
        let (mut terminal, running) = at_terminal(resumed, PROMPT);
        world.hitl("bob", &["reject", &id, "-m", "no"]).run().exits(0);
        for (index, password) in passwords.iter().enumerate() {
            terminal.shows_times(PROMPT, index + 1);
            terminal.types(&format!("{password}\n"));
        }
        end(running).exits(77);
        // `actions` verifies.
        let actions = actions(&world);
        assert!(!is_made(&world) && actions.contains(&"approval-rejected".to_owned()));
    }
    assert_eq!(last(&world, "authentication-failed")["hitl"]["wrong"], 3);
}
