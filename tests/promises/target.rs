//! `-u`, `-g` and `-C`: as whom and where a command runs.

use crate::world::{BOTH_SCOPES, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: targets
defaults: {decision: deny}
rules:
  - id: harmless
    match: {command: "/usr/bin/{id,pwd,true,touch}"}
    decision: allow
"#;

fn prepared(world: World) -> World {
    world.policy(POLICY);
    world.user_policy("alice", POLICY);
    world
}

#[test]
fn the_default_target_is_root_with_roots_own_groups() {
    let world = prepared(world_or_skip!());
    let ran = world.hitl("alice", &["run", "--", "id"]).run().exits(0);
    assert_eq!(ran.stdout.trim(), "uid=0(root) gid=0(root) groups=0(root)");
}

#[test]
fn a_named_user_comes_with_exactly_their_own_groups() {
    let world = prepared(world_or_skip!());
    for user in ["bob", "#2002"] {
        let ran = world.hitl("alice", &["run", "-u", user, "--", "id"]).run().exits(0);
        assert_eq!(ran.stdout.trim(), "uid=2002(bob) gid=2002(bob) groups=2002(bob),3001(sre)");
    }
    // carol is in no further group: none of root's or alice's may be left over.
    let ran = world.hitl("alice", &["run", "--user", "carol", "--", "id"]).run().exits(0);
    assert_eq!(ran.stdout.trim(), "uid=2003(carol) gid=2003(carol) groups=2003(carol)");
}

#[test]
fn a_group_replaces_the_primary_one() {
    let world = prepared(world_or_skip!());
    for group in ["sre", "#3001"] {
        let ran = world.hitl("alice", &["run", "-u", "carol", "-g", group, "--", "id"]).run();
        let stdout = ran.exits(0).stdout;
        assert_eq!(stdout.trim(), "uid=2003(carol) gid=3001(sre) groups=3001(sre),2003(carol)");
    }
    // As with sudo: a group alone is for oneself, and makes nobody root.
    let ran = world.hitl("alice", &["run", "-g", "sre", "--", "id"]).run().exits(0);
    assert_eq!(ran.stdout.trim(), "uid=2001(alice) gid=3001(sre) groups=3001(sre),2001(alice)");
}

#[test]
fn whoever_runs_as_another_user_cannot_become_root_again() {
    let world = prepared(world_or_skip!());
    world.policy(&POLICY.replace("{id,", "{id,cat,"));
    let ran = world.hitl("alice", &["run", "-u", "carol", "--", "cat", "/proc/self/status"]).run();
    let stdout = ran.exits(0).stdout;
    for line in [
        "Uid:\t2003\t2003\t2003\t2003",
        "Gid:\t2003\t2003\t2003\t2003",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
    ] {
        assert!(stdout.contains(line), "{line:?} in {stdout}");
    }
}

#[test]
fn ids_that_mean_leave_unchanged_to_the_kernel_are_refused() {
    let world = prepared(world_or_skip!());
    for id in ["#-1", "#4294967295", "#4294967296", "#", "#x", "# 0", "#+0"] {
        for option in ["-u", "-g"] {
            let ran = world.hitl("alice", &["run", option, id, "--", "touch", "/srv/ran"]).run();
            ran.exits(125).says(id);
            assert!(!world.outside("srv/ran").exists(), "{option} {id}");
        }
    }
    assert!(!world.outside("var-lib/hitl/audit").exists(), "nothing was even asked for");
}

#[test]
fn unknown_users_and_groups_are_named_with_where_to_look() {
    let world = prepared(world_or_skip!());
    for name in ["nobody-here", "", "-", "../etc", "alice\nroot"] {
        let ran = world.hitl("alice", &["run", &format!("--user={name}"), "--", "id"]).run();
        ran.exits(125).says("unknown user").says("getent passwd");
        let ran = world.hitl("alice", &["run", &format!("--group={name}"), "--", "id"]).run();
        ran.exits(125).says("unknown group").says("getent group");
    }
}

#[test]
fn without_privileges_nobody_else_can_be_the_target() {
    let world = prepared(world_or_skip!());
    let ran = world.plain_hitl("alice", &["run", "-u", "alice", "--", "id", "-u"]).run().exits(0);
    assert_eq!(ran.stdout.trim(), "2001");
    for arguments in [["-u", "root"], ["-u", "bob"], ["-u", "#0"], ["-g", "root"], ["-g", "sre"]] {
        let ran = world.plain_hitl("alice", &["run", arguments[0], arguments[1], "--", "id"]).run();
        ran.exits(125).says("without privileges");
    }
}

#[test]
fn the_directory_is_the_callers_or_the_one_that_is_named() {
    let world = prepared(world_or_skip!());
    std::fs::create_dir(world.outside("srv/app")).unwrap();
    let ran = world.hitl("alice", &["run", "--", "pwd"]).in_directory("/srv/app").run().exits(0);
    assert_eq!(ran.stdout, "/srv/app\n");
    for (directory, from, there) in
        [("/srv/app", "/", "/srv/app"), ("app", "/srv", "/srv/app"), ("..", "/srv/app", "/srv")]
    {
        let call = world.hitl("alice", &["run", "-C", directory, "--", "pwd"]);
        assert_eq!(call.in_directory(from).run().exits(0).stdout, format!("{there}\n"));
    }
    world.own("srv/app", "alice");
    let call = world.plain_hitl("alice", &["run", "-C", "/srv/app", "--", "touch", "here"]);
    call.run().exits(0);
    assert!(world.outside("srv/app/here").exists());
}

#[test]
fn a_directory_that_cannot_be_used_is_named_and_nothing_runs() {
    let world = prepared(world_or_skip!());
    world.write("srv/file", "");
    for directory in ["/srv/absent", "/srv/file"] {
        let option = format!("--chdir={directory}");
        let ran = world.hitl("alice", &["run", &option, "--", "touch", "/srv/ran"]).run();
        ran.exits(125).says("cannot run in");
    }
    // Closed to the caller, in user scope.
    let ran =
        world.plain_hitl("alice", &["run", "-C", "/home/bob", "--", "touch", "/tmp/ran"]).run();
    ran.exits(125).says("/home/bob").says("-C");
    assert!(!world.outside("srv/ran").exists());
}

#[test]
fn a_current_directory_that_is_gone_or_closed_is_said_so() {
    let world = prepared(world_or_skip!());
    let gone = "mkdir gone && cd gone && rmdir ../gone && hitl run -- true";
    for scope in BOTH_SCOPES {
        let call = world.script_in_scope(scope, "alice", gone).in_directory("/home/alice");
        call.run().exits(125).says("current directory").says("-C DIR");
    }
    // And with another one named, it is not needed.
    let gone = "mkdir gone && cd gone && rmdir ../gone && hitl run -C /srv -- pwd";
    let call = world.script("alice", gone).in_directory("/home/alice");
    assert_eq!(call.run().exits(0).stdout, "/srv\n");
    let closed = "mkdir closed && cd closed && chmod 0 . && hitl run -- true";
    let call = world.plain_script("alice", closed).in_directory("/home/alice");
    call.run().exits(125).says("current directory");
}
