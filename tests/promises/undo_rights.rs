//! Who may undo what, what others must approve first, and how an undo is carried through: by paths,
//! after an interruption, with what the rules want run after it.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::deadly::{Died, Victim, dies_before};
use crate::office::asked;
use crate::terminal::Terminal;
use crate::undoing::id_of;
use crate::world::{Ran, World, finish};

/// alice runs things; bob and carol are in `ops`, alice and bob in the host's group sre.
const POLICY: &str = r#"
version: 1
name: rights
defaults:
  decision: deny
  require: [{group: ops}]
groups:
  - {name: ops, users: [bob, carol]}
  - {name: sre, unix_groups: [sre]}
rules:
  - id: own
    match: {command: /usr/bin/cp}
    decision: allow
  - id: trusted
    match: {command: /usr/bin/rm}
    decision: allow
    undo_by: [ops]
  - id: approved
    match: {command: /usr/bin/mv}
    decision: allow
    undo: {require: [{group: ops}]}
    undo_by: [sre]
  - id: followed
    match: {command: /usr/bin/sed}
    decision: allow
    undo: {run: [/srv/follow.sh]}
  - id: failing
    match: {command: /usr/bin/tee}
    decision: allow
    undo: {run: [/srv/fail.sh]}
  - id: other
    match: {command: /usr/bin/touch}
    decision: allow
"#;

/// A world with three files of root's, which everybody may read.
fn site() -> Option<World> {
    if !crate::world::can_have_a_world("rights to undo") {
        return None;
    }
    let world = World::new();
    world.policy(POLICY);
    for name in ["a", "b", "c"] {
        world.write(&format!("srv/{name}"), &format!("{name} before\n"));
    }
    for (name, text) in [
        ("follow.sh", "#!/bin/sh\necho \"$(id -u) $(cat /srv/a)\" >>/srv/followed\n"),
        ("fail.sh", "#!/bin/sh\nexit 3\n"),
    ] {
        world.write(&format!("srv/{name}"), text);
        world.mode(&format!("srv/{name}"), 0o755);
    }
    Some(world)
}

/// Leaves the test early, loudly, where there cannot be a world.
macro_rules! site_or_skip {
    () => {
        match site() {
            Some(world) => world,
            None => return,
        }
    };
}

/// alice runs something: the run's id.
#[track_caller]
fn run(world: &World, command: &[&str]) -> String {
    let words = [&["run", "--json", "--"], command].concat();
    id_of(&world.hitl("alice", &words).run().exits(0))
}

/// What somebody calls, at once.
#[track_caller]
fn calls(world: &World, user: &str, words: &[&str]) -> Ran {
    world.hitl(user, words).run()
}

/// Somebody asks for the undo of a run, and does not wait: the request's id.
#[track_caller]
fn ask(world: &World, user: &str, words: &[&str]) -> String {
    asked(&calls(world, user, &[&["undo", "--no-wait", "--json"], words].concat()))
}

fn is_there(world: &World, name: &str) -> bool {
    world.outside(name).symlink_metadata().is_ok()
}

/// The entries of the log with this action.
fn entries(world: &World, action: &str) -> Vec<Value> {
    let mut all = world.audit();
    all.retain(|entry| entry["event"]["action"] == action);
    all
}

#[track_caller]
fn log_holds(world: &World) {
    calls(world, "root", &["audit", "verify"]).exits(0);
}

/// Whoever may not undo a run is told of it what they are told of one that was never there.
#[track_caller]
fn does_not_exist_for(world: &World, user: &str, id: &str) {
    let never = "2222-2222";
    for words in [
        &["undo"][..],
        &["undo", "--dry-run"],
        &["undo", "--force"],
        &["undo", "--resume"],
        &["undo", "--only", "a"],
        &["snapshots", "show"],
        &["snapshots", "diff"],
    ] {
        let of = |id: &str| calls(world, user, &[words, &[id]].concat()).exits(1);
        let (refused, unknown) = (of(id), of(never));
        assert_eq!(refused.stderr.replace(id, never), unknown.stderr, "{user} {words:?}");
        assert_eq!((&refused.stdout, &unknown.stdout), (&String::new(), &String::new()));
    }
    let listed = calls(world, user, &["snapshots", "--json"]).exits(0);
    assert!(!listed.stdout.contains(id), "{user}: {listed:?}");
}

#[test]
fn whoever_ran_it_and_root_may_undo_and_nobody_else_where_no_rule_says_more() {
    let world = site_or_skip!();
    let id = run(&world, &["cp", "/srv/a", "/srv/new"]);
    for user in ["bob", "carol", "mallory"] {
        does_not_exist_for(&world, user, &id);
    }
    assert!(is_there(&world, "srv/new"));
    calls(&world, "alice", &["undo", &id]).exits(0);
    assert!(!is_there(&world, "srv/new"));
    let again = run(&world, &["cp", "/srv/a", "/srv/new"]);
    calls(&world, "root", &["undo", &again]).exits(0);
    assert!(!is_there(&world, "srv/new"));
    let rights: Vec<_> =
        entries(&world, "undo-applied").iter().map(|one| one["hitl"]["right"].clone()).collect();
    assert_eq!(rights, ["own", "root"]);
    log_holds(&world);
}

#[test]
fn a_group_that_the_rule_trusts_undoes_what_another_ran_and_so_goes_the_way_back() {
    let world = site_or_skip!();
    let id = run(&world, &["rm", "/srv/a"]);
    for user in ["mallory", "deploy"] {
        does_not_exist_for(&world, user, &id);
    }
    calls(&world, "bob", &["snapshots", "diff", &id]).exits(0).prints("a before");
    let undo = id_of(&calls(&world, "bob", &["undo", "--json", &id]).exits(0));
    assert_eq!(world.read("srv/a"), "a before\n");
    let begun = entries(&world, "undo-started");
    assert_eq!(begun[0]["hitl"]["right"], "group", "{begun:?}");
    assert_eq!(begun[0]["hitl"]["groups"], json!(["ops"]), "{begun:?}");
    assert_eq!(begun[0]["user"]["name"], "bob", "{begun:?}");
    // The undo belongs to alice, whose run it undid, and carol is trusted with it as bob was.
    does_not_exist_for(&world, "mallory", &undo);
    let redo = id_of(&calls(&world, "carol", &["undo", "--json", &undo]).exits(0));
    assert!(!is_there(&world, "srv/a"));
    calls(&world, "alice", &["undo", &redo]).exits(0);
    assert_eq!(world.read("srv/a"), "a before\n");
    log_holds(&world);
}

#[test]
fn the_groups_are_those_of_the_run_and_who_is_in_them_is_looked_at_now() {
    let world = site_or_skip!();
    let id = run(&world, &["rm", "/srv/a"]);
    // bob has left ops, mallory has come; the rule trusts another group by now.
    let later = POLICY
        .replace("users: [bob, carol]", "users: [carol, mallory]")
        .replace("undo_by: [ops]", "undo_by: [sre]");
    world.policy(&later);
    does_not_exist_for(&world, "bob", &id);
    let undo = id_of(&calls(&world, "mallory", &["undo", "--json", &id]).exits(0));
    assert_eq!(world.read("srv/a"), "a before\n");
    // Who undid has no right of their own to the undo.
    world.policy(POLICY);
    does_not_exist_for(&world, "mallory", &undo);
    // bob is in sre, by the host's group: his right is to what runs from now on.
    world.policy(&later);
    let next = run(&world, &["rm", "/srv/b"]);
    calls(&world, "bob", &["undo", &next]).exits(0);
    assert_eq!(world.read("srv/b"), "b before\n");
}

#[test]
fn the_defaults_say_who_may_undo_where_no_rule_does_and_a_rule_can_say_nobody() {
    let world = site_or_skip!();
    let policy = POLICY
        .replace("  decision: deny\n", "  decision: deny\n  undo_by: [ops]\n")
        .replace("undo_by: [sre]", "undo_by: []");
    world.policy(&policy);
    let id = run(&world, &["cp", "/srv/a", "/srv/new"]);
    calls(&world, "carol", &["undo", &id]).exits(0);
    assert!(!is_there(&world, "srv/new"));
    let id = run(&world, &["mv", "/srv/a", "/srv/d"]);
    does_not_exist_for(&world, "carol", &id);
}

#[test]
fn the_last_run_is_never_that_of_somebody_else() {
    let world = site_or_skip!();
    let id = run(&world, &["rm", "/srv/a"]);
    let none = calls(&world, "bob", &["undo", "--last"]).exits(1);
    none.says("there is no run left to undo");
    assert!(!is_there(&world, "srv/a"));
    calls(&world, "bob", &["undo", &id]).exits(0);
    assert!(is_there(&world, "srv/a"));
}

#[test]
fn who_undoes_for_another_sees_no_more_than_by_their_own_rights() {
    let world = site_or_skip!();
    fs::create_dir(world.outside("srv/closed")).unwrap();
    world.write("srv/closed/payroll", "a secret\n");
    world.mode("srv/closed", 0o700);
    let id = run(&world, &["rm", "/srv/a", "/srv/closed/payroll"]);
    for words in [
        &["undo", "--dry-run"][..],
        &["undo", "--dry-run", "--json"],
        &["snapshots", "show"],
        &["snapshots", "diff", "--json"],
    ] {
        let told = calls(&world, "bob", &[words, &[&id]].concat()).exits(0);
        // The command that alice typed is shown; what lies there is not.
        let told =
            format!("{}{}", told.stdout, told.stderr).replace("rm /srv/a /srv/closed/payroll", "");
        let told = told.replace("\"/srv/closed/payroll\"]", "");
        assert!(!told.contains("payroll") && !told.contains("a secret"), "{words:?}: {told}");
    }
    let only = |path: &str| {
        let words = ["undo", "--only", path, &id];
        let said = calls(&world, "bob", &words).exits(1).stderr;
        said.lines().last().unwrap().replace(path, "PATH")
    };
    // The same words whether or not the run has changed something there.
    assert_eq!(only("/srv/closed/payroll"), only("/srv/closed/nothing"));
    let undone = calls(&world, "bob", &["undo", &id]).exits(0);
    assert!(!undone.stdout.contains("payroll"), "{undone:?}");
    assert_eq!(world.read("srv/closed/payroll"), "a secret\n");
}

#[test]
fn an_undo_that_needs_approval_waits_for_others_who_see_what_goes_back() {
    let world = site_or_skip!();
    let id = run(&world, &["mv", "/srv/a", "/srv/b"]);
    calls(&world, "alice", &["undo", "--dry-run", &id]).exits(0).prints("others must approve it");
    let request = ask(&world, "alice", &["--reason", "wrong file", &id]);
    assert_eq!(world.read("srv/b"), "a before\n");
    let shown = calls(&world, "bob", &["show", &request]).exits(0).stdout;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        &format!("run {id}, by alice"),
        "mv /srv/a /srv/b",
        "+ /srv/a: bring back the file",
        "~ /srv/b: restore the content",
        "2 paths, 1 brought back, 1 restored in content",
        "as rule approved said",
        "wrong file",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let screen =
        world.hitl("bob", &["review", "--plain"]).with_input(b"show 1\nquit\n").run().stdout;
    assert!(screen.contains("+ /srv/a: bring back the file"), "{screen}");
    // Whoever asks does not approve it, nor does anybody whom the rule did not name.
    calls(&world, "alice", &["approve", &request]).exits(77);
    assert_ne!(calls(&world, "mallory", &["approve", &request]).code(), 0);
    calls(&world, "alice", &["run", "--no-wait", "--resume", &request]).exits(75);
    assert_eq!(world.read("srv/b"), "a before\n");
    world.approve("bob", &request).exits(0);
    let done = calls(&world, "alice", &["run", "--resume", &request]).exits(0);
    done.says(&format!("\"hitl undo {request}\" brings the changes back"));
    assert_eq!(
        (world.read("srv/a"), world.read("srv/b")),
        ("a before\n".into(), "b before\n".into())
    );
    let applied = entries(&world, "undo-applied").remove(0);
    assert_eq!(applied["hitl"]["approved_by"], json!(["bob"]), "{applied}");
    assert_eq!(applied["hitl"]["request_id"], request.as_str(), "{applied}");
    assert_eq!(applied["user"]["name"], "alice", "{applied}");
    assert_eq!(applied["hitl"]["right"], "own", "{applied}");
    assert_eq!(world.state(&request), "finished");
    log_holds(&world);
    // It is used up; and what it undid is undone.
    calls(&world, "alice", &["run", "--resume", &request]).exits(77);
    calls(&world, "alice", &["undo", &id]).exits(1).says("undone already");
    // To undo the undo needs what the undo needed.
    let redo = ask(&world, "alice", &[&request]);
    world.approve("carol", &redo).exits(0);
    calls(&world, "alice", &["run", "--resume", &redo]).exits(0);
    assert_eq!(world.read("srv/b"), "a before\n");
    log_holds(&world);
}

#[test]
fn whoever_waits_has_it_undone_as_soon_as_it_is_approved_and_root_is_asked_like_anybody() {
    let world = site_or_skip!();
    let id = run(&world, &["mv", "/srv/a", "/srv/b"]);
    let request = ask(&world, "root", &[&id]);
    calls(&world, "root", &["approve", &request]).exits(77);
    calls(&world, "root", &["cancel", &request]).exits(0);
    assert_eq!(world.read("srv/b"), "a before\n");
    // bob may undo it, being in sre, and is in ops: it takes another of ops.
    let words = ["undo", "--json", "--wait", "1m", id.as_str()];
    let mut waiting = world.hitl("bob", &words).command();
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let request = loop {
        match world.pending().into_iter().find(|one| one["bound"]["requester"]["name"] == "bob") {
            Some(found) => break found["id"].as_str().unwrap().to_owned(),
            None => std::thread::yield_now(),
        }
    };
    calls(&world, "bob", &["approve", &request]).exits(77);
    world.approve("carol", &request).exits(0);
    let done = finish(waiting).exits(0).json();
    assert_eq!((&done["outcome"], &done["undoes"]), (&json!("ended"), &json!(id)), "{done}");
    assert_eq!(world.read("srv/b"), "b before\n");
    let applied = entries(&world, "undo-applied").remove(0);
    assert_eq!(
        (&applied["hitl"]["right"], &applied["user"]["name"]),
        (&json!("group"), &json!("bob"))
    );
    log_holds(&world);
}

#[test]
fn what_was_approved_is_void_where_a_file_of_it_was_replaced_since() {
    for force in [&[][..], &["--force"]] {
        let world = site_or_skip!();
        let id = run(&world, &["mv", "/srv/a", "/srv/b"]);
        if !force.is_empty() {
            world.write("srv/b", "changed since\n");
        }
        let request = ask(&world, "alice", &[force, &[id.as_str()]].concat());
        world.approve("bob", &request).exits(0);
        // Another file in its place, with the very content that it had.
        let content = world.read("srv/b");
        fs::remove_file(world.outside("srv/b")).unwrap();
        world.write("srv/b", &content);
        let refused = calls(&world, "alice", &["run", "--resume", &request]).exits(77);
        refused.says("what would go back now is not what was approved");
        assert_eq!(world.state(&request), "void");
        assert_eq!((world.read("srv/b"), is_there(&world, "srv/a")), (content, false));
        assert!(entries(&world, "undo-started").is_empty());
        // As it is now it can be asked for again.
        let request = ask(&world, "alice", &["--force", &id]);
        world.approve("bob", &request).exits(0);
        calls(&world, "alice", &["run", "--resume", &request]).exits(0);
        assert_eq!(world.read("srv/b"), "b before\n");
        log_holds(&world);
    }
}

#[test]
fn two_approved_undos_of_one_run_undo_it_once() {
    let world = site_or_skip!();
    let id = run(&world, &["mv", "/srv/a", "/srv/b"]);
    let requests = [ask(&world, "alice", &[&id]), ask(&world, "alice", &[&id])];
    requests.iter().for_each(|request| drop(world.approve("bob", request).exits(0)));
    calls(&world, "alice", &["run", "--resume", &requests[0]]).exits(0);
    calls(&world, "alice", &["run", "--resume", &requests[1]]).exits(77).says("undone already");
    assert_eq!(world.state(&requests[1]), "void");
    log_holds(&world);
}

#[test]
fn what_hitl_starts_an_approved_undo_with_is_nobodys_to_type() {
    let world = site_or_skip!();
    let id = run(&world, &["mv", "/srv/a", "/srv/b"]);
    let request = ask(&world, "alice", &[&id]);
    let shown = calls(&world, "bob", &["show", "--json", &request]).exits(0).json();
    let digest = format!("--plan={}", shown["shown"]["undoes"]["plan"].as_str().unwrap());
    world.approve("bob", &request).exits(0);
    for user in ["alice", "bob", "root"] {
        let typed = world.hitl(user, &["undo", &digest, &id]);
        let refused = typed.with("HITL_REQUEST_ID", &request).run();
        assert_eq!(refused.code(), 2, "{user}: {refused:?}");
        refused.says("type \"hitl undo ID\"");
    }
    assert_eq!(world.read("srv/b"), "a before\n");
    assert_eq!(world.state(&request), "approved");
}

#[test]
fn a_requester_who_may_not_see_what_goes_back_is_not_shown_it_and_those_who_decide_are() {
    let world = site_or_skip!();
    fs::create_dir(world.outside("srv/closed")).unwrap();
    world.write("srv/closed/payroll", "a secret\n");
    world.mode("srv/closed", 0o700);
    let id = run(&world, &["mv", "/srv/closed/payroll", "/srv/b"]);
    let request = ask(&world, "alice", &[&id]);
    let shown = |user: &str| {
        let text = calls(&world, user, &["show", &request]).exits(0).stdout;
        text.contains("/srv/closed/payroll: bring back")
    };
    assert_eq!((shown("alice"), shown("bob")), (false, true));
    world.approve("bob", &request).exits(0);
    // Something is in the way, where she cannot look.
    fs::create_dir(world.outside("srv/closed/payroll")).unwrap();
    let refused = calls(&world, "alice", &["run", "--resume", &request]).exits(77);
    assert!(!refused.stderr.contains("payroll:"), "{refused:?}");
}

#[test]
fn only_the_named_paths_go_back_and_the_rest_can_be_undone_later() {
    let world = site_or_skip!();
    let id = run(&world, &["rm", "/srv/a", "/srv/b", "/srv/c"]);
    let mistyped = calls(&world, "alice", &["undo", &id, "--only", "/srv/nothing"]).exits(1);
    mistyped.says("did not change /srv/nothing");
    assert!(entries(&world, "undo-started").is_empty());
    // Relative to where one stands.
    let part = calls(&world, "alice", &["undo", "--json", &id, "--only", "a"]).exits(0).json();
    assert_eq!((&part["restored"], &part["left_out"]), (&json!(1), &json!(2)));
    assert!(is_there(&world, "srv/a") && !is_there(&world, "srv/b"));
    let applied = entries(&world, "undo-applied").remove(0);
    assert_eq!(applied["hitl"]["only"], json!(["/srv/a"]), "{applied}");
    // It is still the last one, and can be undone in two more steps.
    let more = calls(&world, "alice", &["undo", "--json", "--last", "--only", "b"]).exits(0).json();
    assert_eq!((&more["undone"], &more["left_out"]), (&json!(id), &json!(1)));
    let rest = calls(&world, "alice", &["undo", "--json", "--last"]).exits(0).json();
    assert_eq!((&rest["undone"], &rest["restored"]), (&json!(id), &json!(1)), "{rest}");
    for name in ["a", "b", "c"] {
        assert_eq!(world.read(&format!("srv/{name}")), format!("{name} before\n"));
    }
    calls(&world, "alice", &["undo", &id]).exits(1).says("undone already");
    // To bring a part of the changes back makes the run one that can be undone again.
    let part = part["id"].as_str().unwrap();
    calls(&world, "alice", &["undo", part]).exits(0);
    assert!(!is_there(&world, "srv/a") && is_there(&world, "srv/b"));
    calls(&world, "alice", &["undo", &id]).exits(0);
    assert_eq!(world.read("srv/a"), "a before\n");
    log_holds(&world);
}

#[test]
fn what_stands_in_the_way_of_one_path_does_not_keep_another_back() {
    let world = site_or_skip!();
    let id = run(&world, &["rm", "/srv/a", "/srv/b"]);
    world.write("srv/a", "somebody's\n");
    calls(&world, "alice", &["undo", &id]).exits(1);
    assert!(!is_there(&world, "srv/b"));
    calls(&world, "alice", &["undo", &id, "--only", "/srv/b"]).exits(0);
    assert_eq!(
        (world.read("srv/a"), world.read("srv/b")),
        ("somebody's\n".into(), "b before\n".into())
    );
}

#[test]
fn a_file_alone_comes_back_with_the_directories_that_lead_to_it_and_times_stay_for_the_rest() {
    let world = site_or_skip!();
    fs::create_dir_all(world.outside("srv/tree/deep")).unwrap();
    for name in ["deep/one", "deep/two", "other"] {
        world.write(&format!("srv/tree/{name}"), name);
    }
    let modified = |name: &str| world.outside(name).metadata().unwrap().modified().unwrap();
    let before = (modified("srv/tree"), modified("srv/tree/deep"));
    let id = run(&world, &["rm", "-r", "/srv/tree"]);
    calls(&world, "alice", &["undo", &id, "--only", "/srv/tree/deep/one"]).exits(0);
    assert!(is_there(&world, "srv/tree/deep/one") && !is_there(&world, "srv/tree/deep/two"));
    assert!(!is_there(&world, "srv/tree/other"));
    calls(&world, "alice", &["undo", &id]).exits(0);
    assert!(is_there(&world, "srv/tree/deep/two") && is_there(&world, "srv/tree/other"));
    assert_eq!((modified("srv/tree"), modified("srv/tree/deep")), before);
}

#[test]
fn what_the_rules_want_run_after_an_undo_is_on_record_and_its_failure_is_told() {
    let world = site_or_skip!();
    let id = run(&world, &["sed", "-i", "s/before/after/", "/srv/a", "/srv/b"]);
    let dry = calls(&world, "alice", &["undo", "--dry-run", &id]).exits(0);
    dry.prints("then runs: /srv/follow.sh");
    assert!(!is_there(&world, "srv/followed"));
    let undone = calls(&world, "alice", &["undo", "--json", &id]).exits(0).json();
    assert_eq!(undone["followed_by"][0]["well"], true, "{undone}");
    // As root, and once the files were back.
    assert_eq!(world.read("srv/followed"), "0 a before\n");
    let undo = undone["id"].as_str().unwrap();
    let followed = entries(&world, "undo-followed");
    let outcomes: Vec<_> = followed.iter().map(|one| one["event"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["unknown", "success"]);
    for entry in &followed {
        assert_eq!(entry["process"]["args"], json!(["/srv/follow.sh"]), "{entry}");
        assert_eq!(entry["hitl"]["request_id"], undo, "{entry}");
        assert_eq!(entry["hitl"]["undone"], id.as_str(), "{entry}");
    }
    // It belongs to a redo as well.
    calls(&world, "alice", &["undo", undo]).exits(0);
    assert_eq!(world.read("srv/followed"), "0 a before\n0 a after\n");

    let id = id_of(&{
        let words = ["run", "--json", "--", "tee", "/srv/c"];
        world.hitl("alice", &words).with_input(b"tee\n").run().exits(0)
    });
    let failed = calls(&world, "alice", &["undo", &id]).exits(1);
    failed.says("the files are put back, but /srv/fail.sh").says("exited with status 3");
    assert_eq!(world.read("srv/c"), "c before\n");
    let last = entries(&world, "undo-followed").pop().unwrap();
    assert_eq!(
        (&last["event"]["outcome"], &last["process"]["exit_code"]),
        (&json!("failure"), &json!(3))
    );
    log_holds(&world);
}

/// alice undoes a run of hers, and all of hitl dies before its nth lasting thing.
fn dies(world: &World, id: &str, nth: usize) -> Died {
    dies_before(world.hitl("alice", &["undo", id]), Victim::Both, nth)
}

#[test]
fn whoever_dies_in_an_undo_leaves_one_that_is_finished_with_all_that_follows_it() {
    let world = site_or_skip!();
    let (mut finished, mut only_followed) = (0, 0);
    for nth in 1.. {
        let id = run(&world, &["sed", "-i", "s/before/after/", "/srv/a", "/srv/b"]);
        let died = dies(&world, &id, nth);
        let what = format!("death {nth}, before {:?}", died.before);
        log_holds(&world);
        let state = |world: &World| {
            let runs = calls(world, "alice", &["snapshots", "--json"]).exits(0).stdout;
            let runs = runs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            runs.into_iter().find(|run| run["id"] == id.as_str()).unwrap()["state"].clone()
        };
        let found = state(&world);
        let resumed = calls(&world, "alice", &["undo", "--resume"]);
        match (resumed.code(), found.as_str().unwrap()) {
            (0, "undoing") => finished += 1,
            (0, "undone") => only_followed += 1,
            // Nothing had been touched, or everything was done.
            (1, "complete") => drop(calls(&world, "alice", &["undo", &id]).exits(0)),
            (1, "undone") => assert!(is_there(&world, "srv/followed"), "{what}"),
            other => panic!("{other:?}: {what}: {resumed:?}"),
        }
        for name in ["a", "b"] {
            assert_eq!(world.read(&format!("srv/{name}")), format!("{name} before\n"), "{what}");
        }
        assert_eq!(state(&world), "undone", "{what}");
        // Never lost; run twice at most where it may have been in the middle.
        let times = world.read("srv/followed").lines().count();
        assert!((1..=2).contains(&times), "{times} times: {what}");
        fs::remove_file(world.outside("srv/followed")).unwrap();
        assert!(!is_there(&world, "var-lib/hitl/snapshots/unfinished"), "{what}");
        if died.before.is_none() {
            break;
        }
        assert!(nth < 400, "it never comes through");
    }
    // A death that nothing has to be finished after shows nothing.
    assert!(finished > 3 && only_followed > 1, "{finished} and {only_followed}");
}

/// Kills undos until one is left unfinished in the middle: the run's id.
fn interrupted(world: &World, command: &[&str]) -> String {
    for nth in (11..400).step_by(2) {
        let id = run(world, command);
        assert!(dies(world, &id, nth).before.is_some(), "it came through");
        let shown = calls(world, "alice", &["snapshots", "--json"]).exits(0).stdout;
        let line = shown.lines().find(|line| line.contains(&format!("\"id\":\"{id}\""))).unwrap();
        if line.contains("\"state\":\"undoing\"") {
            return id;
        }
        let _ = calls(world, "alice", &["undo", &id]);
    }
    panic!("none was interrupted");
}

#[test]
fn an_undo_that_was_interrupted_is_mentioned_to_whoever_may_finish_it_and_to_nobody_else() {
    let world = site_or_skip!();
    let id = interrupted(&world, &["rm", "/srv/a", "/srv/b"]);
    let at_a_terminal = |user: &str, words: &[&str]| {
        let (person, terminal) = Terminal::new();
        let running = world.hitl(user, words).on_terminal(terminal).command().spawn().unwrap();
        let shown = person.shows_to_the_end();
        finish(running).exits(0);
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mention = format!("the undo of run {id} is unfinished");
    for user in ["alice", "bob", "root"] {
        let shown = at_a_terminal(user, &["run", "--", "touch", "/srv/touched"]);
        assert_eq!(shown.matches(&mention).count(), 1, "{user}: {shown}");
    }
    let shown = at_a_terminal("mallory", &["list"]);
    assert!(!shown.contains("unfinished"), "{shown}");
    // Nothing is mixed into what programs read, and nobody is told by a hook.
    for words in [&["list", "--json"][..], &["list"], &["run", "--", "touch", "/srv/touched"]] {
        let ran = calls(&world, "alice", words).exits(0);
        assert!(!ran.stderr.contains("unfinished"), "{ran:?}");
    }
    let shown = at_a_terminal("alice", &["list", "--json"]);
    assert!(!shown.contains("unfinished"), "{shown}");

    let resumed = calls(&world, "bob", &["undo", "--resume", "--json"]).exits(0).json();
    assert_eq!(resumed["undone"], id.as_str(), "{resumed}");
    assert_eq!(world.read("srv/b"), "b before\n");
    let shown = at_a_terminal("alice", &["run", "--", "touch", "/srv/touched"]);
    assert!(!shown.contains("unfinished"), "{shown}");
    calls(&world, "alice", &["undo", "--resume"]).exits(1).says("no undo is unfinished");
    calls(&world, "alice", &["undo", "--resume", &id]).exits(1).says("no undo of run");
    log_holds(&world);
}

#[test]
fn of_several_unfinished_undos_one_is_to_be_named() {
    let world = site_or_skip!();
    let one = interrupted(&world, &["rm", "/srv/a"]);
    let two = interrupted(&world, &["rm", "/srv/b"]);
    let asked = calls(&world, "alice", &["undo", "--resume"]).exits(1);
    let asked = asked.says("several undos are unfinished");
    assert!(asked.stderr.contains(&one) && asked.stderr.contains(&two), "{asked:?}");
    calls(&world, "alice", &["undo", "--resume", &two]).exits(0);
    calls(&world, "alice", &["undo", "--resume"]).exits(0);
    assert!(is_there(&world, "srv/a") && is_there(&world, "srv/b"));
}

#[test]
fn to_finish_what_others_approved_they_are_not_asked_again_but_to_do_more_than_that_they_are() {
    let world = site_or_skip!();
    let id = interrupted(&world, &["rm", "/srv/a", "/srv/b"]);
    // As it stands where it was others who let it begin.
    let file = format!("var-lib/hitl/snapshots/runs/{}/information.json", id.replace('-', ""));
    let mut run: Value = serde_json::from_str(&world.read(&file)).unwrap();
    run["undo_require"] = json!([{"groups": ["ops"], "count": 1, "presence": "uid"}]);
    run["undo_rules"] = json!(["approved"]);
    world.write(&file, &run.to_string());
    calls(&world, "alice", &["undo", "--no-wait", "--resume", "--force"]).exits(75);
    let applied = |entry: &Value| entry["hitl"]["undone"] == id.as_str();
    assert!(!entries(&world, "undo-applied").iter().any(applied));
    calls(&world, "alice", &["undo", "--resume"]).exits(0);
    assert!(entries(&world, "undo-applied").iter().any(applied));
    assert_eq!(world.read("srv/b"), "b before\n");
    log_holds(&world);
}
