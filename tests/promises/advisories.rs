//! What went wrong in sudo, doas, polkit and sudo-rs does not go wrong here. `docs/threat-model.md`
//! has the table; what is not promised here is promised in the file that is about it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::office::DEPLOY;
use crate::world::{BOTH_SCOPES, World};
use crate::{office_or_skip, world_or_skip};

const ALLOW: &str = r#"
version: 1
name: advisories
defaults: {decision: deny}
rules:
  - {id: harmless, match: {command: "/usr/bin/{true,printf,touch,id}"}, decision: allow}
"#;

fn prepared(world: World) -> World {
    world.policy(ALLOW);
    world.user_policy("alice", ALLOW);
    world
}

/// Every file below a directory of the world.
fn files(world: &World, inside: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![world.outside(inside)];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path.clone());
            }
            found.push(path.display().to_string());
        }
    }
    found.sort();
    found
}

/// CVE-2021-4034 (polkit): started with no arguments at all, pkexec took its first variable for one.
#[test]
fn a_start_without_even_a_name_runs_nothing_and_takes_no_variable_for_an_argument() {
    let world = prepared(world_or_skip!());
    let start = "\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
empty = (ctypes.c_char_p * 1)(None)
words = [b'run', b'--', b'/usr/bin/touch', b'/srv/made', None]
libc.execve(b'/usr/local/bin/hitl', empty, (ctypes.c_char_p * len(words))(*words))
";
    let ran = world.program("alice", "/usr/bin/python3", &["-c", start]).run();
    assert_eq!(ran.status.code(), Some(2), "{ran:?}");
    assert!(!world.outside("srv/made").exists());
    assert!(!world.outside("var-lib/hitl/audit").exists(), "nothing was asked for: {ran:?}");
}

/// CVE-2021-3156 (sudo): called as sudoedit, arguments that end in a backslash were unescaped over
/// the end of a buffer.
#[test]
fn backslashes_arrive_as_they_are_at_any_length_and_under_any_name() {
    let world = prepared(world_or_skip!());
    for length in [1, 2, 255, 4096, 65_535] {
        let word = format!("{}\\", "A".repeat(length));
        let line = r#"exec -a sudoedit "$2" run -- printf '%s|%s' "$1" '\'"#;
        let installed = ["-c", line, "bash", &word, "/usr/local/bin/hitl"];
        let built = ["-c", line, "bash", &word, "/home/.built/hitl"];
        for call in [
            world.program("alice", "/bin/bash", &installed),
            world.plain_program("alice", "/bin/bash", &built),
        ] {
            assert_eq!(call.run().exits(0).stdout, format!("{word}|\\"), "{length}");
        }
    }
    // No name that it is called by means another way of working.
    for scope in BOTH_SCOPES {
        let edit = r#"exec -a sudoedit "$(command -v hitl)" -s 'x\' 'AAAA'"#;
        let ran = world.script_in_scope(scope, "alice", edit).run();
        ran.exits(2).says("unexpected argument '-s'");
    }
}

/// CVE-2025-32462 and CVE-2025-32463 (sudo): the caller could say which host's rules hold, and below
/// which root directory names are looked up.
#[test]
fn no_caller_chooses_the_host_or_the_root_directory() {
    let world = world_or_skip!();
    world.policy(
        "version: 1\nname: hosts\ndefaults: {decision: deny}\nrules:\n  \
         - {id: elsewhere, match: {command: id, hosts: [other-host]}, decision: allow}\n",
    );
    for options in [
        &["--host", "other-host"][..],
        &["--host=other-host"],
        &["-H", "other-host"],
        &["--chroot", "/srv"],
        &["--root", "/srv"],
        &["-R", "/srv"],
    ] {
        let words = [&["run"], options, &["--", "id"]].concat();
        world.hitl("alice", &words).run().exits(2).says("unexpected argument");
    }
    for name in ["HOSTNAME", "HOST", "HITL_HOST", "HOSTALIASES"] {
        let call = world.hitl("alice", &["run", "--", "id"]).with(name, "other-host");
        call.run().exits(77).says("denied");
    }
    // What the caller has below a directory of their own is looked up by nobody.
    fs::create_dir_all(world.outside("srv/etc")).unwrap();
    world.write("srv/etc/nsswitch.conf", "passwd: /srv/evil\n");
    world.policy(ALLOW);
    let ran = world.hitl("alice", &["run", "-C", "/srv", "--", "id", "-u"]).run().exits(0);
    assert_eq!(ran.stdout, "0\n");
}

/// CVE-2013-1775 (sudo): with the clock set back, what had expired was fresh again.
#[test]
fn a_clock_that_was_set_back_makes_nothing_fresh_again() {
    let world = office_or_skip!();
    let source = "#define _GNU_SOURCE\n#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
        int clock_gettime(clockid_t clock, struct timespec *now) {\n\
        \x20 int result = syscall(SYS_clock_gettime, clock, now);\n\
        \x20 if (clock == CLOCK_REALTIME) now->tv_sec -= 365 * 24 * 3600;\n  return result;\n}\n";
    world.write("srv/clock.c", source);
    let library = world.outside("srv/clock.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &world.outside("srv/clock.c")])
        .status()
        .unwrap();
    assert!(compiled.success());
    // Root's own hitl is no setuid start, so that it does load the library.
    let back = |words: &[&str]| world.hitl("root", words).with("LD_PRELOAD", "/srv/clock.so").run();
    let ask = ["run", "--no-wait", "--json", "--", DEPLOY[0], DEPLOY[1]];
    let now = world.hitl("root", &ask).run().exits(75).json();
    let then = back(&ask).exits(75).json();
    let time = |json: &serde_json::Value| json["expires"].as_str().unwrap().to_owned();
    assert!(time(&then) < time(&now), "the clock was not set back: {then}");
    // That is on record: it is no proof of anything, since an honest clock can be set back too.
    world.hitl("root", &["audit", "verify"]).run().exits(0).prints("clock");
    let policy = world.read("etc/hitl/policy.yaml");
    world.policy(&policy.replace("approval_expiry: 5m", "approval_expiry: 300ms"));
    let id = world.ask("alice", &DEPLOY);
    // With the wall clock it would wait for a year.
    back(&["wait", "--timeout", "1m", &id]).exits(124);
    world.approve("bob", &id).exits(77).says("expired");
    world.policy(&policy.replace("execution_expiry: 5m", "execution_expiry: 300ms"));
    let id = world.ask("alice", &DEPLOY);
    world.approve("bob", &id).exits(0);
    let patience = Instant::now() + Duration::from_secs(60);
    // Nobody else looks, who could write down that it has expired.
    while back(&["show", "--json", &id]).exits(0).json()["state"] == "approved" {
        assert!(Instant::now() < patience, "it never expires");
    }
    world.resume("alice", &id).exits(124);
    assert_eq!(world.times_run(), 0);
}

/// CVE-2023-42456 (sudo-rs): a user's name with `../` in it led to somebody else's files.
#[test]
fn a_users_name_leads_to_no_file() {
    let world = office_or_skip!();
    for name in ["../../../srv/evil", "/srv/evil", "..", "evil\\057..\\057x"] {
        let accounts = world.read("etc/passwd");
        world.write("etc/passwd", &accounts.replace("\nmallory:", &format!("\n{name}:")));
        let (srv, etc) = (files(&world, "srv"), files(&world, "etc"));
        let asked = ["run", "--no-wait", "--json", "--", DEPLOY[0], DEPLOY[1]];
        let ran = world.hitl("mallory", &asked).run().exits(75);
        let id = ran.json()["id"].as_str().unwrap().to_owned();
        world.approve("bob", &id).exits(0);
        world.resume("mallory", &id).exits(0);
        fs::remove_file(world.outside("srv/ran")).unwrap();
        assert_eq!((files(&world, "srv"), files(&world, "etc")), (srv, etc), "{name}");
        let state = files(&world, "var-lib");
        assert!(!state.iter().any(|path| path.contains("evil")), "{state:?}");
        world.write("etc/passwd", &accounts);
    }
}

/// The table of the threat model names tests that there are.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let named: Vec<(&str, &str)> = model
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c)))
        .filter_map(|code| code.split_once("::"))
        .collect();
    assert!(named.len() > 40, "{named:?}");
    for (file, test) in named {
        let path = root.join(format!("tests/promises/{file}.rs"));
        let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "{file}::{test}");
    }
}
