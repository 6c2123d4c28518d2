//! Without privileges: a seat belt of one's own, with one's own policy, state and log.

use crate::world_or_skip;

#[test]
fn without_any_policy_the_built_in_one_reads_at_once_and_asks_about_the_rest() {
    let world = world_or_skip!();
    let run = |words: &[&str]| {
        world.plain_hitl("alice", &[&["run", "--no-wait", "--"], words].concat()).run()
    };
    world.write("srv/file", "content");
    assert_eq!(run(&["cat", "/srv/file"]).exits(0).stdout, "content");
    run(&["touch", "/home/alice/new"]).exits(75).says("confirmation");
    assert!(!world.outside("home/alice/new").exists());
    run(&["rm", "-rf", "/home/alice"]).exits(77).says("denied");
    world.plain_hitl("alice", &["check", "--", "ls"]).run().exits(0).prints("built in");
}

#[test]
fn everything_is_kept_in_ones_own_state_directory_closed_to_others() {
    let world = world_or_skip!();
    world.plain_hitl("alice", &["run", "--", "true"]).run().exits(0);
    let state = world.outside("home/alice/.local/state/hitl");
    let mut places = vec![state.clone()];
    let mut seen = 0;
    while let Some(place) = places.pop() {
        use std::os::unix::fs::MetadataExt;
        let metadata = place.symlink_metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o077), (2001, 0), "{}", place.display());
        seen += 1;
        if metadata.is_dir() {
            places.extend(std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 2, "there is a log");
    world.plain_hitl("alice", &["audit", "verify"]).run().exits(0);
    let actions = world.plain_hitl("alice", &["audit", "show"]).run().exits(0);
    actions.prints("started").prints("finished");
    // The host's own log knows nothing of it.
    assert!(!world.outside("var-lib/hitl/audit").exists());
}

#[test]
fn two_users_have_nothing_to_do_with_each_other() {
    let world = world_or_skip!();
    world.plain_hitl("alice", &["run", "--no-wait", "--", "touch", "/srv/x"]).run().exits(75);
    world.plain_hitl("alice", &["pending"]).run().exits(0).prints("touch");
    world.plain_hitl("bob", &["pending"]).run().exits(0).says("nothing waits");
}

#[test]
fn policy_and_state_are_where_the_caller_says() {
    let world = world_or_skip!();
    let policy =
        "version: 1\nname: mine\nrules:\n  - {id: all, match: {command: touch}, decision: allow}\n";
    world.write("home/alice/p.yaml", policy);
    world.own("home/alice/p.yaml", "alice");
    let touch = |name: &str| ["run", "--", "touch", name].map(str::to_owned);
    let call = world.plain_hitl("alice", &touch("/home/alice/one"));
    call.with("HITL_POLICY", "/home/alice/p.yaml")
        .with("HITL_STATE_DIR", "/home/alice/state-one")
        .run()
        .exits(0);
    assert!(world.outside("home/alice/state-one/audit").is_dir());
    let words = [
        &["--policy=p.yaml", "--state-dir=state-two"].map(str::to_owned)[..],
        &touch("/home/alice/two"),
    ]
    .concat();
    world.plain_hitl("alice", &words).in_directory("/home/alice").run().exits(0);
    assert!(world.outside("home/alice/state-two/audit").is_dir());
    let call = world.plain_hitl("alice", &["check", "--json", "--", "touch", "x"]);
    let ran = call.with("XDG_CONFIG_HOME", "/home/alice/config").run();
    assert_eq!(ran.json()["policy"]["name"], "default", "no policy there: the built-in one");
    std::fs::create_dir_all(world.outside("home/alice/config/hitl")).unwrap();
    std::fs::copy(
        world.outside("home/alice/p.yaml"),
        world.outside("home/alice/config/hitl/policy.yaml"),
    )
    .unwrap();
    let call = world.plain_hitl("alice", &["check", "--json", "--", "touch", "x"]);
    let ran = call.with("XDG_CONFIG_HOME", "/home/alice/config").run();
    assert_eq!(ran.exits(0).json()["policy"]["name"], "mine");
}

#[test]
fn a_policy_that_another_user_could_have_written_is_not_used() {
    let world = world_or_skip!();
    let policy =
        "version: 1\nname: mine\nrules:\n  - {id: all, match: {command: touch}, decision: allow}\n";
    world.user_policy("alice", policy);
    let run = || world.plain_hitl("alice", &["run", "--", "touch", "/home/alice/ran"]).run();
    world.mode("home/alice/.config/hitl/policy.yaml", 0o666);
    run().exits(78).says("policy.yaml").says("chmod go-w");
    world.mode("home/alice/.config/hitl/policy.yaml", 0o644);
    world.mode("home/alice/.config/hitl", 0o777);
    run().exits(78).says("chmod go-w");
    world.mode("home/alice/.config/hitl", 0o755);
    world.own("home/alice/.config/hitl/policy.yaml", "mallory");
    run().exits(78).says("uid 2006");
    assert!(!world.outside("home/alice/ran").exists());
    world.own("home/alice/.config/hitl/policy.yaml", "alice");
    run().exits(0);
}
