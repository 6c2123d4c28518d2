//! What a caller can set up before it starts an installed hitl: nothing of it makes root run or write
//! anything else, none of it goes unrecorded, and where hitl cannot work it says so and nothing runs.
#![allow(unsafe_code, reason = "an execve without arguments, which no safe form makes")]

use std::ffi::CString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;

use crate::world::{Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: hostile-caller
defaults: {decision: deny, require: [{group: sre, count: 1}]}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: probes
    match: {command: ["/usr/local/bin/*", "/usr/bin/{true,printf,touch,pwd,id}"]}
    decision: allow
  - id: reviewed
    match: {command: /usr/bin/mkdir}
    decision: approve
"#;

pub fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.install("mark", "#!/bin/sh\necho ran >> /srv/ran\n");
    world
}

/// How often `mark` has run, and how often the log says so; the log holds.
#[track_caller]
pub fn runs(world: &World) -> (usize, usize) {
    if !world.outside("var-lib/hitl/audit/000001.jsonl").exists() {
        return (0, 0);
    }
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    let ran = std::fs::read_to_string(world.outside("srv/ran")).unwrap_or_default();
    let recorded = world.audit_actions().iter().filter(|one| *one == "command-finished").count();
    (ran.lines().count(), recorded)
}

#[test]
fn whichever_standard_descriptors_are_closed_no_file_of_hitls_takes_their_place() {
    let world = prepared(world_or_skip!());
    world.install(
        "where",
        "#!/bin/bash\nfor n in 0 1 2; do readlink /proc/$$/fd/$n; done > /srv/seen\n\
         echo to stdout; echo to stderr >&2; exit 0\n",
    );
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        world.script("alice", &format!("hitl run -- where {closed}")).run().exits(0);
        let seen = world.read("srv/seen");
        for (number, place) in seen.lines().enumerate() {
            // The second is the file that the loop itself writes to.
            let harmless = ["/dev/null", "/dev/full", "/srv/seen"].contains(&place)
                || place.starts_with("pipe:");
            assert!(harmless, "{closed}: {number} is {place}");
        }
        // What is written to them ends up in no file that hitl opened in their place.
        for words in ["pending", "check -- where", "run --json -- where", "nonsense"] {
            let ran = world.script("alice", &format!("hitl {words} {closed}")).run();
            assert!([0, 2].contains(&ran.code()), "{words} {closed}: {ran:?}");
        }
    }
    runs(&world);
    for name in std::fs::read_dir(world.outside("var-lib/hitl/audit")).unwrap() {
        let text = std::fs::read_to_string(name.unwrap().path()).unwrap();
        assert!(!text.contains("to stdout") && !text.contains("error:"), "{text}");
    }
}

#[test]
fn a_library_of_the_callers_is_loaded_neither_by_hitl_nor_by_what_root_runs() {
    let world = prepared(world_or_skip!());
    let code = "#include <fcntl.h>\n__attribute__((constructor)) static void loaded(void) \
                { open(\"/srv/loaded\", O_CREAT, 0600); }\n\
                unsigned la_version(unsigned v) { return v; }\nvoid gconv_init(void) {}\n";
    world.write("home/evil.c", code);
    let library = world.outside("home/alice/evil.so");
    let compiled = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &world.outside("home/evil.c")])
        .status()
        .unwrap();
    assert!(compiled.success());
    world.mode("home/alice/evil.so", 0o4755);
    let evil = "/home/alice/evil.so";
    let with = |variable: &str, value: &str, program: &str, words: &[&str]| {
        world.program("alice", program, words).with(variable, value).run()
    };
    // It works: without this the test could not fail.
    world.mode("srv", 0o777);
    with("LD_PRELOAD", evil, "/usr/bin/true", &[]).exits(0);
    assert!(world.outside("srv/loaded").exists(), "the library is one");
    std::fs::remove_file(world.outside("srv/loaded")).unwrap();
    for (variable, value) in [
        ("LD_PRELOAD", evil),
        ("LD_PRELOAD", "evil.so"),
        ("LD_AUDIT", evil),
        ("LD_LIBRARY_PATH", "/home/alice"),
        ("GCONV_PATH", "/home/alice"),
        ("GLIBC_TUNABLES", "glibc.malloc.mxfast=glibc.malloc.mxfast=A"),
    ] {
        for words in [&["run", "--", "true"][..], &["run", "-u", "bob", "--", "true"], &["pending"]]
        {
            with(variable, value, "/usr/local/bin/hitl", words).exits(0);
            assert!(!world.outside("srv/loaded").exists(), "{variable}={value} {words:?}");
        }
    }
}

#[test]
fn an_installed_hitl_reads_no_variable_of_the_callers_for_its_own_work() {
    let world = prepared(world_or_skip!());
    let lenient = POLICY.replace("decision: deny", "decision: confirm");
    world.user_policy("alice", &lenient);
    let variables = [
        ("HOME", "/home/alice"),
        ("TMPDIR", "/home/alice/tmp"),
        ("XDG_CONFIG_HOME", "/home/alice/.config"),
        ("XDG_STATE_HOME", "/home/alice/state"),
        ("XDG_RUNTIME_DIR", "/home/alice/run"),
        ("HITL_POLICY", "/home/alice/.config/hitl/policy.yaml"),
        ("HITL_STATE_DIR", "/home/alice/state"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LOG", "trace"),
        ("RUST_MIN_STACK", "1"),
        ("LANG", "../../home/alice/x"),
        ("LC_ALL", "%n%n%s"),
        ("LANGUAGE", "../../home/alice"),
        ("TZ", "/home/alice/zone"),
        ("TZDIR", "/home/alice"),
        ("TERMINFO", "/home/alice"),
        ("COLUMNS", "99999999999999999999"),
        ("HOSTALIASES", "/home/alice/hosts"),
        ("RES_OPTIONS", "debug"),
        ("LOCALDOMAIN", "evil"),
    ];
    for (words, code) in [
        (&["run", "--", "mark"][..], 0),
        (&["check", "--", "mark"], 0),
        (&["run", "--", "ls"], 77),
        (&["pending"], 0),
        (&["run", "-u", "nobody-here", "--", "true"], 125),
        (&["run", "--nonsense"], 2),
    ] {
        let without = world.hitl("alice", words).run().exits(code);
        let mut call = world.hitl("alice", words);
        for (name, value) in variables {
            call = call.with(name, value);
        }
        let with = call.run().exits(code);
        // A denial names its own id.
        let same = |ran: &Ran| -> Vec<String> {
            let words = ran.stderr.split_whitespace().chain(ran.stdout.split_whitespace());
            words.filter(|word| word.len() != 9 && word.len() != 10).map(str::to_owned).collect()
        };
        assert_eq!(same(&with), same(&without), "{words:?}");
    }
    for made in ["tmp", "state", "run"] {
        assert!(!world.outside("home/alice").join(made).exists(), "{made}");
    }
    assert_eq!(runs(&world), (2, 2));
}

/// hitl, executed by alice with exactly these arguments, its own name among them.
fn executed_with(world: &World, arguments: &[&[u8]]) -> Ran {
    let mut command = world.hitl("alice", &[] as &[&str]).command();
    let arguments: Vec<CString> =
        arguments.iter().map(|argument| CString::new(*argument).unwrap()).collect();
    // SAFETY: the last of the steps between fork and exec, which it does itself: one system call, on
    // strings that were made before, and arrays on the stack.
    unsafe {
        command.pre_exec(move || {
            let mut pointers = [std::ptr::null(); 8];
            for (place, argument) in pointers.iter_mut().zip(&arguments) {
                *place = argument.as_ptr();
            }
            let environment = [c"PATH=/usr/bin".as_ptr(), std::ptr::null()];
            let hitl = c"/usr/local/bin/hitl";
            libc::execve(hitl.as_ptr(), pointers.as_ptr(), environment.as_ptr());
            Err(std::io::Error::last_os_error())
        });
    }
    let output = command.output().unwrap();
    Ran {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout_bytes: output.stdout,
    }
}

#[test]
fn without_a_single_argument_nothing_runs_and_it_says_so() {
    let world = prepared(world_or_skip!());
    // CVE-2021-4034. From Linux 5.18 on the kernel puts an empty name into the empty place.
    for arguments in [&[][..], &[b"".as_slice()], &[b"hitl"]] {
        let ran = executed_with(&world, arguments);
        assert!([2, 125].contains(&ran.code()), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("Usage") || ran.stderr.contains("arguments"), "{ran:?}");
    }
    assert!(!world.outside("var-lib/hitl/audit").exists());
}

#[test]
fn whatever_it_is_called_it_is_hitl() {
    let world = prepared(world_or_skip!());
    let names: [&[u8]; 8] =
        [b"", b"sudo", b"sudoedit", b"-hitl", b"\xff\xfe", b"/etc/shadow", b"a\nb", b"\x1b[2J"];
    for name in names {
        executed_with(&world, &[name, b"run", b"--", b"mark"]).exits(0);
        for words in [&[b"--help".as_slice()][..], &[b"--version"], &[b"--nonsense"]] {
            let ran = executed_with(&world, &[&[name], words].concat());
            assert!([0, 2].contains(&ran.code()), "{ran:?}");
            let told = [ran.stdout, ran.stderr].concat();
            assert!(!told.contains('\x1b'), "{name:?} {told:?}");
        }
    }
    assert_eq!(runs(&world), (names.len(), names.len()));
}

#[test]
fn arguments_that_are_no_text_stand_byte_for_byte_in_the_request_and_in_the_log() {
    let world = prepared(world_or_skip!());
    let odd = std::ffi::OsString::from_vec(b"\xff\\x41\n\x1b'".to_vec());
    let words =
        ["run".as_ref(), "--".as_ref(), "printf".as_ref(), r"%s|%s".as_ref(), odd.as_os_str()];
    let words: Vec<&std::ffi::OsStr> = [&words[..], &["".as_ref()]].concat();
    let policy = POLICY.replace("decision: deny", "decision: approve");
    world.policy(&policy);
    let waiting = world.hitl("alice", &words).start_and_wait_for_request();
    let shown = world.hitl("bob", &["show", &waiting.id, "--json"]).run().exits(0);
    let escaped = r"\xff\\x41".to_owned() + "\n\x1b'";
    let shown_argv = format!("{}", shown.json());
    let in_json = serde_json::to_string(&escaped).unwrap();
    assert!(shown_argv.contains(&in_json), "{in_json} in {shown_argv}");
    world.hitl("bob", &["approve", &waiting.id]).run().exits(0);
    let ran = waiting.end().exits(0);
    assert_eq!(ran.stdout_bytes, [odd.as_bytes(), b"|"].concat());
    for entry in world.audit() {
        let args = &entry["process"]["args"];
        if args.is_array() {
            assert_eq!(args[2], escaped.as_str(), "{entry}");
            assert_eq!(args[3], "", "{entry}");
        }
    }
}

#[test]
fn arguments_as_long_as_the_kernel_takes_them_arrive_whole_or_nothing_runs() {
    let world = prepared(world_or_skip!());
    // One argument may have 128 KiB with its end (MAX_ARG_STRLEN), all together a quarter of the
    // stack's limit, 2 MiB as a rule.
    let longest = "x".repeat(128 * 1024 - 1);
    let ran = world.hitl("alice", &["run", "--", "printf", "%s", &longest]).run().exits(0);
    assert_eq!(ran.stdout, longest);
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    for count in [4, 14] {
        let many = vec![longest.as_str(); count];
        let words = [&["run", "--", "printf", "%s"][..], &many].concat();
        let ran = world.hitl("alice", &words).run();
        match ran.code() {
            0 => assert_eq!(ran.stdout.len(), longest.len() * count),
            code => {
                assert!(code == 125 && ran.stderr.contains("nothing ran"), "{code} {}", ran.stderr)
            }
        }
        world.hitl("root", &["audit", "verify"]).run().exits(0);
    }
    let several = vec!["y"; 50_000];
    let words = [&["run", "--", "printf", "%s"][..], &several].concat();
    let ran = world.hitl("alice", &words).run().exits(0);
    assert_eq!(ran.stdout.len(), several.len());
}

#[test]
fn a_directory_that_only_root_can_enter_any_more_is_no_obstacle_and_no_surprise() {
    let world = prepared(world_or_skip!());
    let line = "mkdir closed && cd closed && chmod 0 . && hitl run -- pwd";
    let ran = world.script("alice", line).in_directory("/home/alice").run();
    let told = ran.status.code() == Some(0) && ran.stdout == "/home/alice/closed\n";
    let refused = ran.status.code() == Some(125) && ran.stderr.contains("-C DIR");
    assert!(told || refused, "{ran:?}");
    // Exchanged after the caller entered it, the name leads elsewhere: that is where nobody runs.
    let line = "mkdir one two && cd one && mv ../one ../three && mv ../two ../one && \
                hitl run -- pwd";
    let ran = world.script("alice", line).in_directory("/home/alice").run().exits(0);
    assert_eq!(ran.stdout, "/home/alice/three\n");
}

#[test]
fn names_that_almost_name_root_name_nobody() {
    let world = prepared(world_or_skip!());
    let names =
        ["", " ", "root\n", " root", "root ", "ROOT", "root:", "0", "00", "+0", "root\u{0301}"];
    for name in names {
        for option in ["-u", "-g"] {
            let ran = world.hitl("alice", &["run", option, name, "--", "mark"]).run().exits(125);
            assert!(ran.stderr.contains("unknown"), "{option} {name:?} {ran:?}");
        }
    }
    assert!(!world.outside("srv/ran").exists());
}
