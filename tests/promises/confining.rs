//! `confine`: a command writes only where undo reaches, whatever it is and whoever it runs as.

#![allow(unsafe_code, reason = "the kernel is asked for its Landlock")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::office::asked;
use crate::terminal::Terminal;
use crate::world::{BOTH_SCOPES, Call, Ran, Scope, World};
use crate::world_or_skip;

/// `probe` may write below `app`, `read-only` nothing; `loose` is not confined.
fn policy(base: &str, confine: &str) -> String {
    format!(
        r#"
version: 1
name: confining
defaults: {{decision: deny, require: [{{group: ops}}]}}
groups: [{{name: ops, users: [bob]}}]
rules:
  - id: probe
    match: {{command: "{{probe,tee,sed,cp,mv,rm,touch}}"}}
    decision: allow
    confine: {confine}
    snapshot: {{paths: ["{base}/app/**"]}}
  - {{id: read-only, match: {{command: read-only}}, decision: allow, confine: {confine}}}
  - {{id: loose, match: {{command: loose}}, decision: allow}}
  - id: deploys
    match: {{command: bash}}
    decision: approve
    confine: {confine}
    snapshot: {{paths: ["{base}/app"]}}
"#
    )
}

/// Where alice works in a scope, as the world knows it.
fn base(scope: Scope) -> &'static str {
    match scope {
        Scope::System => "/srv/site",
        Scope::User => "/home/alice/site",
    }
}

/// The world with this policy and `app/{a,b}`, `other/{a,b,mode}` in the site.
fn site(world: &World, scope: Scope, confine: &str) {
    let base = base(scope);
    world.policy(&policy(base, confine));
    world.user_policy("alice", &policy(base, confine));
    let inside = base.trim_start_matches('/');
    for directory in ["", "/app", "/app/sub", "/other"] {
        fs::create_dir(world.outside(&format!("{inside}{directory}"))).unwrap();
        world.own(&format!("{inside}{directory}"), "alice");
    }
    for file in ["app/a", "app/b", "other/a", "other/b", "other/mode"] {
        let file = format!("{inside}/{file}");
        world.write(&file, "content");
        world.own(&file, "alice");
    }
}

/// A program of the world in Python, under three names that the rules treat differently. `attempt`
/// prints how each step went.
fn program(world: &World, steps: &str) {
    let head = "#!/usr/bin/python3\nimport ctypes, errno, os, signal, subprocess, sys\n\
        def attempt(name, step):\n\
        \x20   try:\n        step(); print(name + ': ok')\n\
        \x20   except OSError as error:\n        print(name + ': ' + errno.errorcode[error.errno])\n\
        def put(path, how='w'):\n    open(path, how).write('new')\n";
    for name in ["probe", "read-only", "loose"] {
        world.install(name, &format!("{head}{steps}"));
    }
}

#[track_caller]
fn run(world: &World, scope: Scope, words: &[&str]) -> Ran {
    let words = [&["run", "--"], words].concat();
    world.in_scope(scope, "alice", &words).in_directory(base(scope)).run()
}

/// The entry of the last start in the log of a scope.
fn last_start(world: &World, scope: Scope) -> Value {
    let user = if scope == Scope::System { "root" } else { "alice" };
    let shown = world.in_scope(scope, user, &["audit", "show", "--json"]).run().exits(0);
    world.in_scope(scope, user, &["audit", "verify"]).run().exits(0);
    let mut entries = shown.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.rfind(|entry| entry["event"]["action"] == "command-started").unwrap()
}

/// The Landlock ABI of this kernel, asked by another program than hitl.
fn kernel_abi() -> u64 {
    // SAFETY: no memory is handed over.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, 1_u32)
    };
    u64::try_from(version).expect("the tests of confinement need a kernel with Landlock")
}

/// Runs a call as on a kernel on which asking for Landlock fails like this.
#[track_caller]
fn without_landlock(call: Call<'_>, error: i32) -> Ran {
    call.where_fails(libc::SYS_landlock_create_ruleset, error).run()
}

#[test]
fn inside_everything_can_be_done_and_outside_nothing_can_be_written() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        program(
            &world,
            "\
attempt('in write', lambda: put('app/a'))
attempt('in append', lambda: put('app/a', 'a'))
attempt('in create', lambda: put('app/sub/new'))
attempt('in truncate', lambda: os.truncate('app/a', 1))
attempt('in rename', lambda: os.rename('app/sub/new', 'app/moved'))
attempt('in link', lambda: os.link('app/moved', 'app/sub/hard'))
attempt('in symlink', lambda: os.symlink('../other/b', 'app/way'))
attempt('in mkdir', lambda: os.mkdir('app/dir'))
attempt('in rmdir', lambda: os.rmdir('app/dir'))
attempt('in pipe', lambda: os.mkfifo('app/fifo'))
attempt('in unlink', lambda: os.unlink('app/b'))
attempt('out write', lambda: put('other/a'))
attempt('out append', lambda: put('other/a', 'a'))
attempt('out create', lambda: put('other/new'))
attempt('out truncate', lambda: os.truncate('other/a', 1))
attempt('out rename', lambda: os.rename('other/a', 'other/c'))
attempt('out link', lambda: os.link('other/a', 'other/hard'))
attempt('out symlink', lambda: os.symlink('a', 'other/way'))
attempt('out mkdir', lambda: os.mkdir('other/dir'))
attempt('out rmdir', lambda: os.rmdir('other'))
attempt('out pipe', lambda: os.mkfifo('other/fifo'))
attempt('out unlink', lambda: os.unlink('other/b'))
attempt('out through a link', lambda: put('app/way'))
attempt('out by dots', lambda: put('app/../other/a'))
attempt('out from in', lambda: os.rename('app/moved', 'other/moved'))
attempt('in from out', lambda: os.rename('other/a', 'app/stolen'))
attempt('in linked from out', lambda: os.link('other/a', 'app/stolen'))
attempt('the directory itself', lambda: os.rename('app', 'app2'))
attempt('common temporary', lambda: os.close(os.open('/tmp', os.O_TMPFILE | os.O_WRONLY)))
attempt('kernel', lambda: put('/proc/self/comm'))
attempt('read', lambda: open('other/a').read())
",
        );
        let ran = run(&world, scope, &["probe"]).exits(0);
        for line in ran.stdout.lines() {
            let (name, how) = line.split_once(": ").unwrap();
            match name {
                "read" => assert_eq!(how, "ok", "{line}"),
                // What would lead from one place to another is said to be another device.
                "out from in" | "in from out" | "in linked from out" => {
                    assert!(["EXDEV", "EACCES"].contains(&how), "{line}");
                }
                _ if name.starts_with("in ") => assert_eq!(how, "ok", "{line}"),
                _ => assert_eq!(how, "EACCES", "{line}"),
            }
        }
        assert_eq!(ran.stdout.lines().count(), 31, "{ran:?}");
        let other = world.outside(base(scope).trim_start_matches('/')).join("other");
        let mut names: Vec<_> =
            fs::read_dir(&other).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "b", "mode"]);
        for name in ["a", "b"] {
            assert_eq!(fs::read_to_string(other.join(name)).unwrap(), "content");
        }
        // The same without the rule: only confinement made the difference.
        let loose = run(&world, scope, &["loose"]).exits(0);
        assert!(loose.stdout.contains("out write: ok") && loose.stdout.contains("out unlink: ok"));
    }
}

#[test]
fn what_landlock_does_not_know_stays_possible_and_is_said() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        program(
            &world,
            "os.chmod('other/mode', 0o640)\nos.utime('other/mode', (1, 1))\nput('app/second-name')\n",
        );
        let inside = world.outside(base(scope).trim_start_matches('/'));
        fs::hard_link(inside.join("other/a"), inside.join("app/second-name")).unwrap();
        run(&world, scope, &["probe"]).exits(0);
        assert_eq!(fs::read_to_string(inside.join("other/a")).unwrap(), "new");
        let file = world.outside(base(scope).trim_start_matches('/')).join("other/mode");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o640);
        let check = ["check", "--", "probe"];
        let shown = world.in_scope(scope, "alice", &check).in_directory(base(scope)).run().exits(0);
        shown.prints("changes of modes, owners");
    }
}

#[test]
fn root_itself_can_neither_make_devices_nor_mount_nor_signal_its_way_out() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    program(
        &world,
        "\
import stat
libc = ctypes.CDLL(None, use_errno=True)
def call(result):
    if result != 0: raise OSError(ctypes.get_errno(), 'refused')
attempt('device', lambda: os.mknod('app/disk', 0o600 | stat.S_IFBLK, os.makedev(7, 0)))
attempt('mount', lambda: call(libc.mount(b'/srv/site/other', b'/srv/site/app/sub', None, 4096, None)))
attempt('unmount', lambda: call(libc.umount2(b'/srv', 2)))
attempt('namespace', lambda: call(libc.unshare(0x00020000)))
attempt('mount there', lambda: call(libc.mount(b'/srv/site/other', b'/srv/site/app/sub', None, 4096, None)))
attempt('signal hitl', lambda: os.kill(os.getppid(), 0))
attempt('trace hitl', lambda: call(libc.ptrace(16, os.getppid(), None, None)))
child = os.fork()
if child == 0:
    signal.pause()
attempt('signal its child', lambda: os.kill(child, signal.SIGTERM))
os.waitpid(child, 0)
",
    );
    let ran = run(&world, Scope::System, &["probe"]).exits(0);
    let signalled = if kernel_abi() >= 6 { "EPERM" } else { "ok" };
    let expected = [
        "device: EACCES",
        "mount: EPERM",
        "unmount: EPERM",
        "namespace: ok",
        "mount there: EPERM",
        &format!("signal hitl: {signalled}"),
        "trace hitl: EPERM",
        "signal its child: ok",
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_a_confined_command_starts_stays_confined_setuid_programs_included() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    world.mode("srv/site/other", 0o777);
    world.mode("srv/site/app", 0o777);
    for (tool, name) in [("/usr/bin/touch", "setuid-touch"), ("/usr/bin/id", "setuid-id")] {
        fs::copy(tool, world.outside("srv").join(name)).unwrap();
        world.mode(&format!("srv/{name}"), 0o4755);
    }
    program(
        &world,
        "\
for place in ['app', 'other']:
    for number, line in enumerate(['sh -c \"sh -c \\'echo > PLACE/grandchild\\'\"',
                                   '/srv/setuid-touch PLACE/setuid',
                                   'setsid -w sh -c \"echo > PLACE/session\"']):
        code = subprocess.call(line.replace('PLACE', place), shell=True, stderr=subprocess.DEVNULL)
        print(place, number, 'ok' if code == 0 else 'refused')
print('effective', subprocess.check_output(['/srv/setuid-id', '-u'], text=True).strip())
",
    );
    let as_carol = |name: &str| {
        let words = ["run", "-u", "carol", "--", name];
        world.hitl("alice", &words).in_directory("/srv/site").run().exits(0).stdout
    };
    let confined = as_carol("probe");
    let lines: Vec<_> = confined.lines().collect();
    assert_eq!(lines[..3], ["app 0 ok", "app 1 ok", "app 2 ok"], "{confined}");
    assert_eq!(lines[3..6], ["other 0 refused", "other 1 refused", "other 2 refused"]);
    // It gains nothing either.
    assert_eq!(lines[6], "effective 2003");
    let loose = as_carol("loose");
    assert!(loose.contains("other 1 ok") && loose.ends_with("effective 0\n"), "{loose}");
}

#[test]
fn common_tools_work_where_their_directory_is_open() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        program(
            &world,
            r#"
script = r'''
set -eu
echo discarded > /dev/null; test -t 0 || true
# A pipe by its name: it belongs to whoever made it, here root.
if [ $EUID = 0 ]; then echo x > /dev/stderr; else echo x >&2; fi
sed -i s/content/other/ app/a
cp app/a app/copy; cp -r app/sub app/sub2; mv app/copy app/sub/; rm -r app/sub2
cat <(echo one) <(echo two) | sort > app/sorted
cat > app/here <<END
$(seq 20000)
END
test "$(tail -n 1 app/here)" = 20000
tar -cf app/all.tar app/a; tar -xf app/all.tar -C app/sub
mkdir -p app/deep/er; touch app/deep/er/x; install -m 600 app/a app/installed
seq 300000 | sort -R -S 100k | sort -n -S 100k | tail -n 1 > app/last
test "$(cat app/last)" = 300000
f=$(mktemp); echo kept > "$f"; mv "$f" app/from-tmp; cat app/from-tmp
'''
sys.exit(subprocess.call(['bash', '-c', script]))
"#,
        );
        let ran = run(&world, scope, &["probe"]).exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("kept\n", "x\n"));
        let inside = base(scope).trim_start_matches('/');
        assert_eq!(world.read(&format!("{inside}/app/a")), "other");
        assert_eq!(world.read(&format!("{inside}/app/sorted")), "one\ntwo\n");
    }
}

#[test]
fn an_operand_can_be_written_and_what_is_not_there_needs_its_directory() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        let inside = base(scope).trim_start_matches('/');
        let tee = |name: &str| {
            let words = ["run", "--", "tee", name];
            world
                .in_scope(scope, "alice", &words)
                .in_directory(base(scope))
                .with_input(b"new")
                .run()
        };
        tee("other/a").exits(0);
        assert_eq!(world.read(&format!("{inside}/other/a")), "new");
        tee("other/new").exits(1).says("Permission denied");
        assert!(!world.outside(&format!("{inside}/other/new")).exists());
        tee("app/new").exits(0);
        // Replacing a file or removing it is done to its directory.
        run(&world, scope, &["sed", "-i", "s/content/x/", "other/b"]).exits(4);
        run(&world, scope, &["rm", "other/b"]).exits(1).says("Permission denied");
        assert_eq!(world.read(&format!("{inside}/other/b")), "content");
        run(&world, scope, &["rm", "app/b"]).exits(0);
    }
}

#[test]
fn a_rule_without_paths_leaves_everything_read_only() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "true");
        program(
            &world,
            "attempt('write', lambda: put('app/a'))\nattempt('read', lambda: open('app/a').read())\n\
             attempt('own', lambda: put(os.environ['TMPDIR'] + '/x'))\n",
        );
        let ran = run(&world, scope, &["read-only"]).exits(0);
        assert_eq!(ran.stdout, "write: EACCES\nread: ok\nown: ok\n");
        let check = ["check", "--", "read-only"];
        let shown = world.in_scope(scope, "alice", &check).run().exits(0);
        shown.prints("confined    it can write nothing but its own temporary directory");
    }
}

#[test]
fn its_temporary_directory_is_its_own_and_gone_afterwards() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    site_of_user(&world);
    program(
        &world,
        "\
place = os.environ['TMPDIR']
status = os.stat(place)
print(place, oct(status.st_mode & 0o7777), status.st_uid, status.st_gid)
os.makedirs(place + '/deep/er'); put(place + '/deep/er/file'); os.chmod(place + '/deep', 0o500)
os.symlink('/srv/site/other', place + '/way')
attempt('beside it', lambda: put(os.path.dirname(place) + '/x'))
",
    );
    for (scope, more, owner) in [
        (Scope::System, &[][..], "0 0"),
        (Scope::System, &["-u", "carol"], "2003 2003"),
        (Scope::User, &[], "2001 2001"),
    ] {
        let words = [&["run"], more, &["--", "probe"]].concat();
        let call = world.in_scope(scope, "alice", &words).in_directory(base(scope));
        let ran = call.with("TMPDIR", "/home").run();
        // In user scope the caller says where, as for any program; /home is not theirs to write.
        let ran = match scope {
            Scope::System => ran,
            Scope::User => {
                ran.exits(125).says("temporary directory in /home").says("nothing ran");
                world.in_scope(scope, "alice", &words).in_directory(base(scope)).run()
            }
        };
        let ran = ran.exits(0);
        let (place, rest) = ran.stdout.lines().next().unwrap().split_once(' ').unwrap();
        assert_eq!(rest, format!("0o700 {owner}"));
        assert!(place.starts_with("/tmp/hitl-") && place.ends_with("/tmp"), "{place}");
        let refused = if more.is_empty() { "beside it: EACCES" } else { "beside it: E" };
        assert!(ran.stdout.contains(refused), "{ran:?}");
        let outer = std::path::Path::new(place).parent().unwrap();
        // Without privileges what the command has locked itself out of stays behind.
        match scope {
            Scope::System => assert!(!outer.exists(), "{place}"),
            Scope::User => fs::remove_dir_all(outer).unwrap_or_default(),
        }
        assert_eq!(world.read("srv/site/other/a"), "content");
    }
}

fn site_of_user(world: &World) {
    fs::create_dir_all(world.outside("home/alice/site/app")).unwrap();
    world.user_policy("alice", &policy("/home/alice/site", "required"));
    for path in ["home/alice/site", "home/alice/site/app"] {
        world.own(path, "alice");
    }
}

#[test]
fn the_commands_own_terminal_works() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        let (mut terminal, theirs) = Terminal::new();
        nix::unistd::fchown(&theirs, Some(2001.into()), None).unwrap();
        let name = nix::unistd::ttyname(&theirs).unwrap();
        program(
            &world,
            &"\
import fcntl, termios
terminal = open('/dev/tty', 'r+b', buffering=0)
terminal.write(b'terminal opened\\n')
fcntl.ioctl(terminal, termios.TIOCGWINSZ, b'12345678')
settings = termios.tcgetattr(terminal)
termios.tcsetattr(terminal, termios.TCSANOW, settings)
again = open(os.ttyname(0), 'r+b', buffering=0)
fcntl.ioctl(again, termios.TIOCGWINSZ, b'12345678')
again.write(b'and by name\\n')
attempt('the one before it', lambda: os.close(os.open('THEIRS', os.O_WRONLY | os.O_NOCTTY)))
"
            .replace("THEIRS", name.to_str().unwrap()),
        );
        let call = world.in_scope(scope, "alice", &["run", "--", "probe"]).on_terminal(theirs);
        let mut command = call.in_directory(base(scope)).command();
        // The controlling terminal is made of these three: none of them is replaced.
        command.stdin(std::process::Stdio::inherit());
        let mut child = command.spawn().unwrap();
        drop(command);
        terminal.shows("terminal opened");
        terminal.shows("and by name");
        // An installed hitl gives it a terminal of its own, and no way to the caller's.
        let before = if scope == Scope::System { "EACCES" } else { "ok" };
        terminal.shows(&format!("the one before it: {before}"));
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn the_start_on_record_says_how_far_it_was_confined() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        program(&world, "put('app/a')\n");
        run(&world, scope, &["probe"]).exits(0);
        let expected = json!({
            "confine": "required", "level": "full", "landlock_abi": kernel_abi(),
            "writable": [format!("{}/app/", base(scope))], "writable_count": 1,
        });
        assert_eq!(last_start(&world, scope)["hitl"]["confinement"], expected);
        let user = if scope == Scope::System { "root" } else { "alice" };
        let shown = world.in_scope(scope, user, &["audit", "show"]).run().exits(0);
        shown.prints("confinement: full");
        // What is named with a secret in it is redacted like an argument.
        let secret = "app/ghp_012345678901234567890123456789abcdef";
        let file = format!("{}/{secret}", base(scope));
        let other = policy(base(scope), "true").replace("/app/**", &format!("/{secret}"));
        world.write(file.trim_start_matches('/'), "x");
        world.own(file.trim_start_matches('/'), "alice");
        world.policy(&other);
        world.user_policy("alice", &other);
        run(&world, scope, &["probe"]).exits(1);
        let confinement = last_start(&world, scope)["hitl"]["confinement"].clone();
        assert_eq!(confinement["confine"], true);
        assert_eq!(confinement["writable_count"], 1, "{confinement}");
        assert!(!confinement.to_string().contains("ghp_0123"), "{confinement}");
        run(&world, scope, &["loose"]).exits(0);
        assert_eq!(last_start(&world, scope)["hitl"]["confinement"], Value::Null);
    }
}

#[test]
fn where_the_kernel_cannot_what_must_be_confined_does_not_run() {
    for scope in BOTH_SCOPES {
        for (error, why) in [(libc::ENOSYS, "has no Landlock"), (libc::EOPNOTSUPP, "switched off")]
        {
            let world = world_or_skip!();
            site(&world, scope, "required");
            program(&world, "put('app/ran')\n");
            let call = |words: &[&str]| {
                without_landlock(
                    world.in_scope(scope, "alice", words).in_directory(base(scope)),
                    error,
                )
            };
            let ran = call(&["run", "--", "probe"]).exits(125);
            ran.says("confine: required").says(why).says("nothing ran");
            let inside = base(scope).trim_start_matches('/');
            assert!(!world.outside(&format!("{inside}/app/ran")).exists());
            call(&["check", "--", "probe"]).exits(125).prints(why);
            // Nobody is asked for what could not run.
            world.write("srv/deploy.sh", "true\n");
            call(&["run", "--no-wait", "--", "bash", "/srv/deploy.sh"]).exits(125).says(why);
            let pending = world.in_scope(scope, "alice", &["pending"]).run().exits(0);
            pending.says("nothing waits");
        }
    }
}

#[test]
fn an_approval_is_not_used_up_where_the_kernel_cannot_confine() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    world.write("srv/deploy.sh", "echo done > /srv/site/app/done\n");
    let ask = ["run", "--no-wait", "--json", "--", "bash", "/srv/deploy.sh"];
    let id = asked(&world.hitl("alice", &ask).run());
    world.approve("bob", &id).exits(0);
    let resume = || world.hitl("alice", &["run", "--no-wait", "--resume", &id]);
    without_landlock(resume(), libc::ENOSYS).exits(125).says("confine: required");
    assert_eq!(world.state(&id), "approved");
    resume().run().exits(0);
    assert_eq!(world.read("srv/site/app/done"), "done\n");
}

#[test]
fn where_the_kernel_cannot_and_it_is_only_wanted_it_runs_with_a_warning_on_record() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "true");
        program(&world, "put('other/a')\n");
        let words = ["run", "--", "probe"];
        let call = world.in_scope(scope, "alice", &words).in_directory(base(scope));
        let ran = without_landlock(call, libc::ENOSYS).exits(0);
        ran.says("not fully confined").says("has no Landlock");
        let confinement = last_start(&world, scope)["hitl"]["confinement"].clone();
        assert_eq!(confinement["level"], "none");
        assert_eq!(confinement["landlock_abi"], 0);
        assert_eq!(confinement["writable"], json!([]));
        assert!(confinement["because"].as_str().unwrap().contains("has no Landlock"));
        // Where the kernel can, there is nothing to warn of.
        let ran = run(&world, scope, &["probe"]).exits(1);
        assert!(!ran.stderr.contains("confined"), "{ran:?}");
    }
}

#[test]
fn reviewers_see_what_an_approved_script_may_write_and_it_can_write_no_more() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    world.write(
        "srv/deploy.sh",
        "echo new > /srv/site/app/a\necho new > /srv/site/other/a || echo kept\n",
    );
    let ask = ["run", "--no-wait", "--json", "--", "bash", "/srv/deploy.sh"];
    let id = asked(&world.hitl("alice", &ask).run());
    let shown = world.hitl("bob", &["show", &id]).run().exits(0);
    let shown =
        shown.prints("confined     it can write only").prints("\n               /srv/site/app/\n");
    // What the script writes is no longer a guess, and what stays open is said.
    assert!(!shown.stdout.contains("does not know"), "{shown:?}");
    let shown = shown.prints("no undo for").stdout;
    assert!(shown.contains("modes, owners"), "{shown}");
    let json = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(json["shown"]["confined"]["confine"], "required");
    assert_eq!(json["shown"]["confined"]["writable"][0], "/srv/site/app/");
    world.approve("bob", &id).exits(0);
    let ran = world.resume("alice", &id).exits(0);
    assert!(ran.stdout.contains("kept") && ran.stderr.contains("Permission denied"), "{ran:?}");
    assert_eq!(world.read("srv/site/app/a"), "new\n");
    assert_eq!(world.read("srv/site/other/a"), "content");
    world.hitl("alice", &["undo", "--last"]).run().exits(0);
    assert_eq!(world.read("srv/site/app/a"), "content");
}

#[test]
fn an_approval_from_before_the_confinement_is_void() {
    let world = world_or_skip!();
    site(&world, Scope::System, "true");
    world.write("srv/deploy.sh", "echo ran >> /srv/site/app/a\n");
    let ask = ["run", "--no-wait", "--json", "--", "bash", "/srv/deploy.sh"];
    for (from, to) in [("false", "true"), ("true", "required"), ("required", "true")] {
        world.policy(&policy("/srv/site", from));
        let id = asked(&world.hitl("alice", &ask).run());
        world.approve("bob", &id).exits(0);
        world.policy(&policy("/srv/site", to));
        world.resume("alice", &id).exits(77).says("the policy changed");
        assert_eq!(world.state(&id), "void");
        assert_eq!(world.read("srv/site/app/a"), "content");
    }
}

#[test]
fn check_says_what_a_confined_command_could_write() {
    for scope in BOTH_SCOPES {
        let world = world_or_skip!();
        site(&world, scope, "required");
        program(&world, "");
        let base = base(scope);
        let check = |words: &[&str]| {
            let words = [&["check"], words].concat();
            world.in_scope(scope, "alice", &words).in_directory(base).run().exits(0)
        };
        let shown = check(&["--", "probe", "other/a"]);
        shown.prints("confined    it can write only 2 places:").prints(&format!("{base}/app/\n"));
        let json = check(&["--json", "--", "probe", "other/a"]).json();
        assert_eq!(json["confine"], "required");
        assert_eq!(json["writable"], json!([format!("{base}/app/"), format!("{base}/other/a")]));
        assert_eq!(json["cannot_be_confined"], Value::Null);
        let doubts = json["not_covered"].to_string();
        assert!(!doubts.contains("does not know") && doubts.contains("modes, owners"), "{doubts}");
        let json = check(&["--json", "--", "loose", "other/a"]).json();
        assert_eq!((&json["confine"], &json["writable"]), (&json!(false), &Value::Null));
        assert!(json["not_covered"].to_string().contains("does not know which files"));
    }
}

#[test]
fn hitls_own_files_are_never_open_to_a_confined_command() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    program(
        &world,
        "for path in ['/etc/hitl/policy.yaml', '/etc/hitl/new', '/var/lib/hitl/x', '/var/lib/x']:\n\
         \x20   attempt(path, lambda: put(path, 'a'))\n",
    );
    let named = policy("/srv/site", "required")
        .replace("\"/srv/site/app/**\"", "\"/etc/hitl/**\", /var/lib, /etc/hitl/policy.yaml");
    world.policy(&named);
    let before = world.read("etc/hitl/policy.yaml");
    let ran = run(&world, Scope::System, &["probe"]).exits(0);
    assert_eq!(ran.stdout.matches("EACCES").count(), 4, "{ran:?}");
    assert_eq!(world.read("etc/hitl/policy.yaml"), before);
    let check = world.hitl("alice", &["check", "--", "probe"]).run().exits(0);
    check.prints("cannot write /etc/hitl: what hitl itself relies on lies there");
}

#[test]
fn a_place_that_is_exchanged_for_a_link_is_not_opened() {
    let world = world_or_skip!();
    site(&world, Scope::System, "required");
    program(&world, "attempt('write', lambda: put('/srv/site/other/a'))\n");
    fs::remove_dir_all(world.outside("srv/site/app")).unwrap();
    // The rule's directory leads elsewhere from the start: what it leads to is what is snapshotted
    // and open, and nothing beside it.
    symlink("/srv/site/other/sub", world.outside("srv/site/app")).unwrap();
    fs::create_dir(world.outside("srv/site/other/sub")).unwrap();
    let json = world.hitl("alice", &["check", "--json", "--", "probe"]).run().exits(0).json();
    assert_eq!(json["writable"], json!(["/srv/site/other/sub/"]));
    let ran = run(&world, Scope::System, &["probe"]).exits(0);
    assert_eq!(ran.stdout, "write: EACCES\n");
}
