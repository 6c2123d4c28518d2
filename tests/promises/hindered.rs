//! An installed hitl that cannot become root says why, and does not pretend that user scope was meant.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::installing::POLICY;
use crate::world::{Ran, World};
use crate::world_or_skip;

/// hitl of the world, started by a user so that it cannot become root.
fn hindered(world: &World, words: &[&str]) -> Ran {
    let all = [&["--no-new-privs", "/usr/local/bin/hitl"], words].concat();
    world.program("alice", "/usr/bin/setpriv", &all).run()
}

#[test]
fn an_installed_hitl_that_may_gain_no_privileges_says_so_and_does_nothing() {
    let world = world_or_skip!();
    // Also without a policy: whoever installs it setuid root means it to be root.
    for with_policy in [false, true] {
        if with_policy {
            world.policy(POLICY);
        }
        for words in [
            &["run", "--", "true"][..],
            &["pending"],
            &["approve", "K7Q2-MX4P"],
            &["check", "--", "true"],
        ] {
            hindered(&world, words).exits(125).says("no_new_privs").says("--policy FILE");
        }
    }
    let told = hindered(&world, &["run", "--json", "--", "true"]).exits(125).json();
    assert!(told["error"]["message"].as_str().unwrap().contains("no_new_privs"), "{told}");
    assert!(!world.outside("home/alice/.local").exists(), "nothing was done in user scope either");
    // What needs no privileges goes on, and so does who asks for user scope by name.
    hindered(&world, &["completions", "bash"]).exits(0);
    world.write("home/alice/mine.yaml", POLICY);
    world.own("home/alice/mine.yaml", "alice");
    hindered(&world, &["--policy", "/home/alice/mine.yaml", "run", "--", "true"]).exits(0);
    assert!(world.outside("home/alice/.local/state/hitl/audit").is_dir());
    // The same call without the hindrance.
    world.program("alice", "/usr/local/bin/hitl", &["run", "--", "true"]).run().exits(0);
}

#[test]
fn an_installed_hitl_on_a_nosuid_mount_says_so_with_the_command_that_mends_it() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let script = "mount -o remount,bind,nosuid /usr/local/bin/hitl
        setpriv --reuid alice --regid alice --init-groups hitl run -- true; first=$?
        mount -o remount,bind,suid /usr/local/bin/hitl
        setpriv --reuid alice --regid alice --init-groups hitl run -- true
        echo $first $?";
    let ran = world.script("root", script).run().exits(0);
    let ran = ran.says("nosuid").says("mount -o remount,bind,suid /usr/local/bin/hitl");
    assert_eq!(ran.stdout, "125 0\n");
}

#[test]
fn whoever_makes_themselves_root_of_a_user_namespace_is_told_that_this_is_not_root() {
    let world = world_or_skip!();
    world.policy("version: 1\nname: n\ndefaults: {decision: deny}\nrules: [{id: all, match: {command: \"/usr/bin/*\"}, decision: allow}]\n");
    let words = ["-Ur", "/usr/local/bin/hitl", "run", "--", "touch", "/srv/made"];
    let ran = world.program("alice", "/usr/bin/unshare", &words).run().exits(125);
    assert!(ran.stderr.contains("user namespace") && ran.stderr.lines().count() == 1, "{ran:?}");
    assert!(!world.outside("srv/made").exists());
}

#[test]
fn an_installed_hitl_in_a_user_namespace_says_so() {
    let world = world_or_skip!();
    let call = world.program("root", "/usr/bin/unshare", &["-U", "/usr/local/bin/hitl", "pending"]);
    call.run().exits(125).says("user namespace");
}

/// Runs hitl as strace and debuggers do. Without privileges, the kernel then gives it none either.
const TRACING: &str = r#"
import ctypes, os, sys
libc = ctypes.CDLL(None)
child = os.fork()
if child == 0:
    libc.ptrace(0, 0, 0, 0)
    os.execv("/usr/local/bin/hitl", ["hitl", "run", "--", "true"])
while True:
    _, status = os.waitpid(child, 0)
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    signal = os.WSTOPSIG(status)
    libc.ptrace(7, child, 0, 0 if signal == 5 else signal)
"#;

#[test]
fn an_installed_hitl_that_is_traced_says_so_and_by_whom() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let ran = world.program("alice", "/usr/bin/python3", &["-c", TRACING]).run();
    ran.exits(125).says("traces it").says("without strace");
}

#[test]
fn an_installed_hitl_that_has_lost_its_setuid_bit_says_so_with_the_command_that_sets_it() {
    let mut world = world_or_skip!();
    world.policy(POLICY);
    let program = world.installed_program();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let run = || world.program("alice", "/usr/local/bin/hitl", &["run", "--", "true"]).run();
    let refused = run().exits(125).says("is not setuid root");
    let (_, command) = refused.stderr.split_once("root mends it with: ").unwrap();
    let command = command.lines().next().unwrap();
    assert!(!world.outside("home/alice/.local").exists());
    world.script("root", command).run().exits(0);
    run().exits(0);
    assert!(world.outside("var-lib/hitl/audit").is_dir(), "in system scope again");
}

#[test]
fn a_hitl_of_ones_own_works_in_user_scope_whatever_the_host_has() {
    let mut world = world_or_skip!();
    let program = world.installed_program();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    // A host without a policy, and a program without a setuid bit where programs are.
    world.program("alice", "/usr/local/bin/hitl", &["run", "--", "true"]).run().exits(0);
    // A host with one, and a program that alice has built.
    world.policy(POLICY);
    world.mode("etc/hitl", 0o700);
    world.plain_hitl("alice", &["run", "--", "true"]).run().exits(0);
    // Not hers, but root's: refused, also where she cannot see what /etc/hitl holds.
    world.program("alice", "/usr/local/bin/hitl", &["run", "--", "true"]).run().exits(125);
    world.program("alice", "/usr/local/bin/hitl", &["init", "--user"]).run().exits(0);
}
