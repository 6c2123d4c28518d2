//! The command's environment: in system scope only what cannot hurt, in user scope the caller's own.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use crate::world::{Ran, Scope, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: environment
defaults:
  decision: deny
  environment: {keep: [DISPLAY, "APP_*", LD_PRELOAD, BASH_ENV, PATH, HOME], set: {PAGER: cat}, path: "/usr/bin:/usr/local/bin"}
rules:
  - id: harmless
    match: {command: "/usr/bin/{cat,true,id}"}
    decision: allow
  - id: probes
    match: {command: "/usr/local/bin/*"}
    decision: allow
    environment: {keep: [TICKET], set: {MODE: "a b"}}
"#;

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    world.install("show", "#!/bin/cat /proc/self/environ\n");
    world
}

/// The environment that `cat /proc/self/environ` printed.
fn variables(ran: &Ran) -> BTreeMap<String, String> {
    let pairs = ran.stdout.split_terminator('\0').filter_map(|pair| pair.split_once('='));
    let mut seen = BTreeMap::new();
    for (name, value) in pairs {
        assert!(seen.insert(name.to_owned(), value.to_owned()).is_none(), "{name} stands twice");
    }
    seen
}

/// What an attacker, or a careless profile, sets.
const HOSTILE: [(&str, &str); 22] = [
    ("LD_PRELOAD", "/srv/evil.so"),
    ("LD_LIBRARY_PATH", "/srv"),
    ("LD_AUDIT", "/srv/evil.so"),
    ("GCONV_PATH", "/srv"),
    ("GLIBC_TUNABLES", "glibc.malloc.check=3"),
    ("BASH_ENV", "/srv/evil.sh"),
    ("ENV", "/srv/evil.sh"),
    ("BASH_FUNC_cat%%", "() { touch /srv/ran; }"),
    ("SHELLOPTS", "xtrace"),
    ("PS4", "$(touch /srv/ran)"),
    ("IFS", "/"),
    ("PYTHONPATH", "/srv"),
    ("PERL5OPT", "-Mevil"),
    ("NODE_OPTIONS", "--require /srv/evil.js"),
    ("GIT_SSH_COMMAND", "touch /srv/ran"),
    ("LESSOPEN", "|touch /srv/ran"),
    ("PAGER", "touch /srv/ran"),
    ("SUDO_USER", "root"),
    ("HITL_USER", "root"),
    ("HITL_REQUEST_ID", "FAKE-FAKE"),
    ("EDITOR", "touch /srv/ran"),
    ("TMPDIR", "/srv"),
];

#[test]
fn root_gets_exactly_the_variables_that_the_policy_and_the_allow_list_name() {
    let world = prepared(world_or_skip!());
    let mut call = world
        .hitl("alice", &["run", "--json", "--", "cat", "/proc/self/environ"])
        .with("LANG", "de_DE.UTF-8")
        .with("LC_TIME", "C")
        .with("TZ", "Europe/Berlin")
        .with("DISPLAY", ":0")
        .with("APP_MODE", "x")
        .with("OTHER", "x");
    for (name, value) in HOSTILE {
        call = call.with(name, value);
    }
    let mut ran = call.run().exits(0);
    let id = ran.json()["id"].as_str().unwrap().to_owned();
    // The last line is hitl's own.
    ran.stdout.truncate(ran.stdout.rfind("\n{").unwrap());
    let expected = [
        ("APP_MODE", "x"),
        ("DISPLAY", ":0"),
        ("HITL_REQUEST_ID", &id),
        ("HITL_USER", "alice"),
        ("HOME", "/root"),
        ("LANG", "de_DE.UTF-8"),
        ("LC_TIME", "C"),
        ("LOGNAME", "root"),
        ("MAIL", "/var/mail/root"),
        ("PAGER", "cat"),
        ("PATH", "/usr/bin:/usr/local/bin"),
        ("SHELL", "/bin/bash"),
        ("SUDO_COMMAND", "/usr/bin/cat /proc/self/environ"),
        ("SUDO_GID", "2001"),
        ("SUDO_UID", "2001"),
        ("SUDO_USER", "alice"),
        ("TERM", "xterm"),
        ("TZ", "Europe/Berlin"),
        ("USER", "root"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(variables(&ran), expected);
}

#[test]
fn values_that_name_files_or_hold_format_strings_do_not_pass() {
    let world = prepared(world_or_skip!());
    let call = world
        .hitl("alice", &["run", "--", "cat", "/proc/self/environ"])
        .with("LANG", "../../srv/evil")
        .with("LC_ALL", "%n%n")
        .with("TERM", "/srv/evil")
        .with("TZ", "/srv/evil")
        .with("COLORTERM", "a\u{1b}[2J");
    let seen = variables(&call.run().exits(0));
    for name in ["LANG", "LC_ALL", "TERM", "TZ", "COLORTERM"] {
        assert_eq!(seen.get(name), None, "{name}");
    }
}

#[test]
fn a_rule_adds_to_the_environment_of_its_own_commands_only() {
    let world = prepared(world_or_skip!());
    world.install("environ", "#!/bin/sh\nexec cat /proc/self/environ\n");
    let run = |command: &[&str]| {
        let words = [&["run", "--"], command].concat();
        variables(&world.hitl("alice", &words).with("TICKET", "4711").run().exits(0))
    };
    let with_rule = run(&["/usr/local/bin/environ"]);
    assert_eq!(with_rule["MODE"], "a b");
    assert_eq!(with_rule["TICKET"], "4711");
    assert_eq!(with_rule["PAGER"], "cat", "and what is set for all");
    let without = run(&["cat", "/proc/self/environ"]);
    assert_eq!((without.get("MODE"), without.get("TICKET")), (None, None));
}

#[test]
fn another_target_gets_its_own_variables() {
    let world = prepared(world_or_skip!());
    let words = ["run", "-u", "carol", "--", "cat", "/proc/self/environ"];
    let seen = variables(&world.hitl("alice", &words).run().exits(0));
    for (name, value) in [
        ("HOME", "/home/carol"),
        ("USER", "carol"),
        ("LOGNAME", "carol"),
        ("MAIL", "/var/mail/carol"),
        ("SUDO_USER", "alice"),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
}

#[test]
fn a_program_of_the_callers_cannot_stand_in_for_the_one_that_root_runs() {
    let world = prepared(world_or_skip!());
    std::fs::create_dir(world.outside("home/alice/bin")).unwrap();
    for path in ["home/alice/bin/id", "srv/id", "srv/evil.sh"] {
        world.write(path, "#!/bin/sh\ntouch /srv/ran\n");
        world.mode(path, 0o755);
    }
    world.install("bash-script", "#!/bin/bash\ntype id | head -1\nid -u\n");
    for path in ["/home/alice/bin:/usr/bin", ".:/usr/bin", ":/usr/bin", "/srv"] {
        let ran = world.hitl("alice", &["run", "--", "id", "-u"]).with("PATH", path).run();
        assert_eq!(ran.exits(0).stdout, "0\n", "{path}");
        let mut call = world.hitl("alice", &["run", "--", "bash-script"]).with("PATH", path);
        for (name, value) in HOSTILE {
            call = call.with(name, value);
        }
        let ran = call.with("BASH_FUNC_id%%", "() { touch /srv/ran; }").run().exits(0);
        assert_eq!(ran.stdout, "id is /usr/bin/id\n0\n");
    }
    assert!(!world.outside("srv/ran").exists(), "nothing of the caller's ran");
}

#[test]
fn in_user_scope_the_environment_is_the_callers_and_only_the_request_id_is_added() {
    let world = prepared(world_or_skip!());
    world.user_policy("alice", &POLICY.replace(", set: {PAGER: cat}", ""));
    let odd = std::ffi::OsStr::from_bytes(b"\xff\n\x1b");
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    let mut call = world
        .plain_hitl("alice", &["run", "--json", "--", "cat", "/proc/self/environ"])
        .with("ODD", odd);
    for (name, value) in HOSTILE {
        // A preloaded library that does not exist would be complained about by every program.
        if !name.starts_with("LD_") && name != "GLIBC_TUNABLES" {
            call = call.with(name, value);
            expected.insert(name.into(), value.into());
        }
    }
    let mut ran = call.run().exits(0);
    assert!(ran.stdout_bytes.windows(8).any(|window| window == b"ODD=\xff\n\x1b\0"), "{ran:?}");
    expected.insert("HITL_REQUEST_ID".into(), ran.json()["id"].as_str().unwrap().into());
    expected.insert("ODD".into(), "\u{fffd}\n\u{1b}".into());
    for (name, value) in [
        ("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/home/alice"),
        ("USER", "alice"),
        ("TERM", "xterm"),
        ("LANG", "C.UTF-8"),
    ] {
        expected.insert(name.into(), value.into());
    }
    ran.stdout.truncate(ran.stdout.rfind("\n{").unwrap());
    assert_eq!(variables(&ran), expected);
}

#[test]
fn in_user_scope_commands_are_found_in_the_callers_path() {
    let world = prepared(world_or_skip!());
    std::fs::create_dir(world.outside("home/alice/bin")).unwrap();
    world.write("home/alice/bin/mine", "#!/bin/sh\necho mine\n");
    world.mode("home/alice/bin/mine", 0o755);
    let policy = POLICY.replace("/usr/local/bin/*", "/home/alice/bin/*");
    world.user_policy("alice", &policy);
    let call =
        world.plain_hitl("alice", &["run", "--", "mine"]).with("PATH", "/home/alice/bin:/bin");
    assert_eq!(call.run().exits(0).stdout, "mine\n");
    world.plain_hitl("alice", &["run", "--", "mine"]).run().exits(127);
    // An empty PATH is no reason to crash, nor to search where nobody said so.
    let call = world.in_scope(Scope::User, "alice", &["run", "--", "mine"]).with("PATH", "");
    call.run().exits(127);
}
