//! How far an undo will go: said before a command runs, in the request and on record; and demanded.

use std::fs;
use std::os::unix::net::UnixListener;

use serde_json::Value;

use crate::office::asked;
use crate::terminal::Terminal;
use crate::world::{Ran, World};
use crate::world_or_skip;

/// What is in the rule of `probe`, beside that it is about `/srv/site/app`.
fn policy(decision: &str, members: &str, snapshot: &str) -> String {
    format!(
        r#"
version: 1
name: covering
defaults: {{decision: deny, require: [{{group: ops}}]}}
groups: [{{name: ops, users: [bob]}}]
requesters: [{{kind: agent, users: [svc-agent]}}]
rules:
  - id: probe
    match: {{command: "{{probe,rm}}"}}
    decision: {decision}
    snapshot: {{paths: ["/srv/site/app/**"]{snapshot}}}
{members}
  - {{id: others, match: {{command: "{{loose,kill,cat}}"}}, decision: {decision}}}
"#
    )
}

/// A world with `app/{a,b}` and two programs that hitl does not know.
fn site(world: &World, policy: &str) {
    world.policy(policy);
    fs::create_dir_all(world.outside("srv/site/app")).unwrap();
    world.write("srv/site/app/a", "content");
    world.write("srv/site/app/b", "content");
    for name in ["probe", "loose"] {
        world.install(name, "#!/bin/sh\necho changed >/srv/site/app/a\n");
    }
}

/// The details of the last entry of an action about a request.
fn entry(world: &World, action: &str, id: &str) -> Value {
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    let of_it =
        |entry: &&Value| entry["event"]["action"] == action && entry["hitl"]["request_id"] == *id;
    let entries = world.audit();
    let found = entries.iter().rfind(of_it);
    found.unwrap_or_else(|| panic!("no {action} of {id} in {entries:#?}"))["hitl"].clone()
}

/// The sentences of a list.
fn sentences(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list}")).iter().filter_map(Value::as_str).collect()
}

/// Leaves a socket where the snapshot looks: it is found by the capture alone, and no undo makes it
/// again.
fn put_socket(world: &World, inside: &str) {
    // It stays when nobody listens any more.
    drop(UnixListener::bind(world.outside(inside)).unwrap());
}

#[test]
fn the_level_is_said_before_it_runs_in_the_request_and_on_record() {
    let world = world_or_skip!();
    site(&world, &policy("approve", "    confine: required", ""));
    for (command, level, because) in [
        (&["probe"][..], "exact-within", ""),
        (&["loose", "/srv/site/app/a"], "best-effort", "does not know which files loose writes"),
        (&["kill", "-0", "1"], "none", "what processes do when they are signalled"),
        // Nothing is captured, and hitl does not know what it changes.
        (&["loose"], "none", "does not know which files loose writes"),
        (&["cat", "/srv/site/app/a"], "nothing-to-undo", ""),
    ] {
        let check = [&["check", "--json", "--"], command].concat();
        let told = world.hitl("alice", &check).run().exits(75).json();
        assert_eq!(told["undo"]["level"], level, "{command:?}: {told}");
        let reasons = sentences(&told["undo"]["because"]);
        assert_eq!(reasons.is_empty(), because.is_empty(), "{command:?}: {reasons:?}");
        assert!(reasons.iter().all(|reason| reason.contains(because)), "{reasons:?}");
        let check = [&["check", "--"], command].concat();
        let told = world.hitl("alice", &check).run().exits(75);
        told.prints(&format!("undo        {level}: "));

        let id = world.ask("alice", command);
        let shown = world.hitl("bob", &["show", "--json", &id]).run().exits(0).json();
        assert_eq!(shown["shown"]["undo"], level, "{command:?}");
        let shown = world.hitl("bob", &["show", &id]).run().exits(0);
        shown.prints(&format!("undo         {level}: "));
        assert_eq!(world.pending()[0]["shown"]["undo"], level, "{command:?}");

        world.approve("bob", &id).exits(0);
        let ran = world.resume("alice", &id).exits(0);
        let is_captured = level == "exact-within" || level == "best-effort";
        let said = ran.stderr.contains("hitl: undo is");
        assert_eq!(said, level == "best-effort", "{command:?}: {ran:?}");
        let started = entry(&world, "command-started", &id);
        assert_eq!(started["undo"]["level"], level, "{command:?}: {started}");
        let not_covered = if is_captured {
            let snapshot = entry(&world, "snapshot-created", &id);
            assert_eq!(snapshot["level"], level, "{snapshot}");
            let run =
                world.hitl("alice", &["snapshots", "show", "--json", &id]).run().exits(0).json();
            assert_eq!(run["run"]["coverage"], level, "{run}");
            let shown = world.hitl("alice", &["snapshots", "show", &id]).run().exits(0);
            shown.prints(&format!("undo       {level}: "));
            snapshot["not_covered"].clone()
        } else {
            started["undo"]["not_covered"].clone()
        };
        if !because.is_empty() {
            let first = sentences(&not_covered)[0];
            assert!(first.contains(because), "{command:?}: {not_covered}");
        }
    }
    // What even the strictest confinement leaves open is said where it is confined.
    let told = world.hitl("alice", &["check", "--json", "--", "probe"]).run().exits(75).json();
    assert!(sentences(&told["not_covered"]).iter().any(|said| said.contains("modes, owners")));
}

#[test]
fn what_could_not_be_undone_as_demanded_is_refused_before_anybody_is_asked() {
    let world = world_or_skip!();
    for (members, command, said) in [
        // What is captured may not be all.
        ("    undo: {level: exact-within}", &["probe"][..], "confine: required"),
        ("    undo: {level: exact-within}", &["rm", "/srv/site/app/b"], "confine: required"),
    ] {
        site(&world, &policy("approve", members, ""));
        let check = [&["check", "--json", "--"], command].concat();
        let told = world.hitl("alice", &check).run().exits(77).json();
        assert_eq!(told["undo"]["demanded"], "exact-within");
        assert!(told["undo"]["falls_short"].as_str().unwrap().contains(said), "{told}");
        let run = [&["run", "--no-wait", "--"], command].concat();
        world.hitl("alice", &run).run().exits(77).says("exact-within").says(said);
        assert_eq!(world.pending(), Vec::<Value>::new());
    }
    // Nor is a password asked for what could not be undone.
    let members = "    undo: {level: exact-within}\n    authenticate: requester";
    site(&world, &policy("allow", members, ""));
    world.hitl("alice", &["run", "--", "probe"]).run().exits(77).says("confine: required");
    assert_eq!(world.read("srv/site/app/a"), "content");
    // Where all that it can write is captured it runs, and comes back.
    let members = "    undo: {level: exact-within}\n    confine: required";
    site(&world, &policy("allow", members, ""));
    world.hitl("alice", &["run", "--", "probe"]).run().exits(0);
    world.hitl("alice", &["undo", "--last"]).run().exits(0);
    assert_eq!(world.read("srv/site/app/a"), "content");
}

#[test]
fn a_demand_of_best_effort_is_met_by_a_snapshot_and_by_nothing_that_goes_beyond_files() {
    let world = world_or_skip!();
    let demanding = policy("allow", "", "").replace("{loose,", "{bash,loose,").replace(
        "defaults: {decision: deny,",
        "defaults: {decision: deny, undo: {level: best-effort},",
    );
    site(&world, &demanding);
    let run = |command: &[&str]| world.hitl("alice", &[&["run", "--"], command].concat()).run();
    run(&["kill", "-0", "1"]).exits(77).says("best-effort").says("when they are signalled");
    run(&["loose"]).exits(77).says("does not know which files loose writes");
    assert_eq!(world.read("srv/site/app/a"), "content");
    // Nor is a script taken for something that only reads because its interpreter is known.
    let script = world.outside("srv/site/change.sh");
    fs::write(&script, "echo changed >/srv/site/app/a\n").unwrap();
    run(&["bash", "/srv/site/change.sh"]).exits(77).says("what /srv/site/change.sh changes");
    assert_eq!(world.read("srv/site/app/a"), "content");
    run(&["cat", "/srv/site/app/a"]).exits(0);
    run(&["loose", "/srv/site/app/a"]).exits(0).says("hitl: undo is best-effort");
    // A rule's own demand counts in its place, and the strictest of several.
    let stricter = demanding.replace("id: others,", "id: others, undo: {level: exact-within},");
    world.policy(&stricter);
    run(&["loose", "/srv/site/app/a"]).exits(77).says("exact-within");
}

#[test]
fn what_the_capture_finds_refuses_too_and_uses_no_approval_up() {
    let world = world_or_skip!();
    let members = "    undo: {level: exact-within}\n    confine: required";
    site(&world, &policy("approve", members, ", max_files: 40"));
    let id = world.ask("alice", &["probe"]);
    world.approve("bob", &id).exits(0);
    // It was not there when the humans were asked, or they would not have been.
    put_socket(&world, "srv/site/app/socket");
    world.hitl("alice", &["run", "--no-wait", "--", "probe"]).run().exits(77).says("is a socket");
    let ids: Vec<_> = world.pending().into_iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [Value::from(id.clone())]);
    let refused = world.resume("alice", &id).exits(77);
    refused.says("exact-within").says("best-effort").says("/srv/site/app/socket");
    assert_eq!(
        (world.read("srv/site/app/a").as_str(), world.state(&id).as_str()),
        ("content", "approved")
    );
    world.hitl("root", &["snapshots"]).run().exits(0).says("there are no snapshots");
    fs::remove_file(world.outside("srv/site/app/socket")).unwrap();
    // Past a cap there is no snapshot, and without one no undo of any level.
    for number in 0..50 {
        world.write(&format!("srv/site/app/{number}"), "");
    }
    world.resume("alice", &id).exits(125).says("too large").says("max_files");
    assert_eq!(world.state(&id), "approved");
    for number in 0..50 {
        fs::remove_file(world.outside(&format!("srv/site/app/{number}"))).unwrap();
    }
    world.resume("alice", &id).exits(0);
    assert_eq!(world.read("srv/site/app/a"), "changed\n");
}

/// Somebody runs `rm` on what is too large for a snapshot.
fn too_large(world: &World) {
    site(world, &policy("allow", "", ", max_size: 1B, on_failure: ask"));
}

const REMOVE: [&str; 4] = ["run", "--", "rm", "/srv/site/app/b"];

#[test]
fn where_there_can_be_no_snapshot_a_person_at_the_terminal_is_asked_and_their_answer_is_on_record()
{
    for is_yes in [true, false] {
        let world = world_or_skip!();
        too_large(&world);
        let (mut terminal, other_end) = Terminal::new();
        let running = world.hitl("alice", &REMOVE).on_terminal(other_end).start();
        let shown = terminal.shows("anything else leaves it: ").to_owned();
        assert!(shown.contains("too large"), "{shown}");
        let (_, expected) = shown.rsplit_once("all the same, type ").unwrap();
        let answer = if is_yes { &expected[..4] } else { "yes" };
        terminal.types(&format!("{answer}\n"));
        running.end().1.exits(if is_yes { 0 } else { 77 });
        assert_eq!(world.outside("srv/site/app/b").exists(), !is_yes);
        let entries = world.audit();
        let last = |action: &str| entries.iter().rfind(|one| one["event"]["action"] == action);
        let failed = last("snapshot-failed").unwrap_or_else(|| panic!("{entries:#?}"));
        assert_eq!(failed["hitl"]["answer"], if is_yes { "yes" } else { "no" });
        assert!(failed["hitl"]["because"].as_str().unwrap().contains("too large"), "{failed}");
        assert_eq!(last("command-started").is_some(), is_yes, "{entries:#?}");
        if let Some(started) = last("command-started") {
            assert_eq!(started["hitl"]["undo"]["level"], "none", "{started}");
            assert_eq!(started["hitl"]["request_id"], failed["hitl"]["request_id"]);
        }
        world.hitl("root", &["audit", "verify"]).run().exits(0);
    }
}

#[test]
fn a_run_that_goes_on_without_its_snapshot_is_on_record_as_that() {
    let world = world_or_skip!();
    site(&world, &policy("allow", "", ", max_size: 1B, on_failure: warn"));
    let ran = world.hitl("alice", &["run", "--json", "--", "rm", "/srv/site/app/b"]).run().exits(0);
    let id = ran.json()["id"].as_str().unwrap().to_owned();
    let failed = entry(&world, "snapshot-failed", &id);
    assert!(failed["because"].as_str().unwrap().contains("too large"), "{failed}");
    assert_eq!(failed.get("answer"), None, "nobody was asked: {failed}");
    let started = entry(&world, "command-started", &id);
    assert_eq!(started["undo"]["level"], "none", "{started}");
    assert!(started["undo"]["not_covered"].to_string().contains("too large"), "{started}");
}

#[test]
fn where_nobody_can_be_asked_nothing_runs_without_its_snapshot() {
    let world = world_or_skip!();
    too_large(&world);
    world.hitl("alice", &["run", "--", "cat", "/srv/site/app/b"]).run().exits(0);
    let refused: Ran = world.hitl("alice", &REMOVE).run().exits(77);
    refused.says("too large").says("there is none here");
    // A program has nobody to say yes for it, whatever terminal it holds.
    let (terminal, other_end) = Terminal::new();
    world.hitl("svc-agent", &REMOVE).on_terminal(other_end).start().end().1.exits(77);
    let shown = terminal.shows_to_the_end();
    assert!(shown.contains("takes you for a program") && !shown.contains("type "), "{shown}");
    assert!(world.outside("srv/site/app/b").exists());
    let started = world.audit_actions().into_iter().filter(|action| action == "command-started");
    assert_eq!(started.count(), 1, "that of cat");
}

#[test]
fn an_approval_outlives_a_no_to_running_without_a_snapshot() {
    let world = world_or_skip!();
    site(&world, &policy("approve", "", ", max_size: 7B, on_failure: ask"));
    let id = asked(
        &world.hitl("alice", &["run", "--no-wait", "--json", "--", "rm", "/srv/site/app/b"]).run(),
    );
    world.approve("bob", &id).exits(0);
    let (mut terminal, other_end) = Terminal::new();
    let running = world.hitl("alice", &["run", "--resume", &id]).on_terminal(other_end).start();
    terminal.shows(&format!("type {}", &id[..4]));
    terminal.types("\n");
    running.end().1.exits(77);
    assert_eq!(entry(&world, "snapshot-failed", &id)["answer"], "no");
    assert_eq!(world.state(&id), "approved");
    // Room for the snapshot is made in another way.
    world.write("srv/site/app/a", "");
    world.resume("alice", &id).exits(0);
}

#[test]
fn a_file_out_of_the_requesters_sight_is_not_named_though_it_lowers_the_level() {
    let world = world_or_skip!();
    let members = "    confine: required";
    let secret = policy("allow", members, "").replace("/srv/site/app/**", "/srv/secret/**");
    site(&world, &secret);
    fs::create_dir(world.outside("srv/secret")).unwrap();
    world.write("srv/secret/plain", "x");
    put_socket(&world, "srv/secret/qsocket");
    world.mode("srv/secret", 0o700);
    world.install("probe", "#!/bin/sh\ntrue\n");
    let ran =
        world.hitl("alice", &["run", "--json", "--status-fd", "2", "--", "probe"]).run().exits(0);
    let id = ran.json()["id"].as_str().unwrap().to_owned();
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("qsocket"), "{ran:?}");
    let coverage = |user: &str, words: &[&str]| {
        let ran = world.hitl(user, words).run().exits(0);
        (ran.json(), ran.stdout.contains("qsocket"))
    };
    for words in [&["snapshots", "--json"][..], &["snapshots", "show", "--json", &id]] {
        let level = |json: &Value| json.get("run").unwrap_or(json)["coverage"].clone();
        let (alices, named) = coverage("alice", words);
        assert_eq!((level(&alices), named), ("exact-within".into(), false), "{alices}");
        assert!(!alices.to_string().contains("coverage_told"), "{alices}");
        assert_eq!(level(&coverage("root", words).0), "best-effort");
    }
    // Those who read the log know.
    let recorded = entry(&world, "snapshot-created", &id);
    assert_eq!(recorded["level"], "best-effort");
    assert!(recorded["not_covered"].to_string().contains("qsocket"), "{recorded}");
    // A refusal for its sake says where they cannot see, and not what is there.
    world.policy(
        &secret.replace("confine: required", "confine: required\n    undo: {level: exact-within}"),
    );
    let refused = world.hitl("alice", &["run", "--json", "--", "probe"]).run().exits(77);
    let refused = refused.says("what is below /srv/secret cannot be read");
    assert!(!format!("{}{}", refused.stdout, refused.stderr).contains("qsocket"), "{refused:?}");
    world.hitl("root", &["run", "--", "probe"]).run().exits(77).says("qsocket");
}

#[test]
fn a_policy_that_demands_what_its_commands_never_reach_is_told_so() {
    let world = world_or_skip!();
    let remarks = |rule: &str| {
        world.write(
            "srv/p.yaml",
            &format!("version: 1\nname: p\ndefaults: {{decision: deny}}\nrules:\n  - {rule}\n"),
        );
        let ran = world.plain_hitl("alice", &["policy", "check", "--json", "/srv/p.yaml"]).run();
        let told = ran.exits(0).json();
        sentences(&told["remarks"]).join("; ")
    };
    let exact = "undo: {level: exact-within}";
    let rm = "id: rm, match: {command: rm}, decision: confirm";
    assert!(remarks(&format!("{{{rm}, {exact}}}")).contains("confine: required"));
    assert_eq!(remarks(&format!("{{{rm}, {exact}, confine: required}}")), "");
    assert_eq!(remarks(&format!("{{{rm}, undo: {{level: best-effort}}}}")), "");
    let ask = format!("{{{rm}, undo: {{level: best-effort}}, snapshot: {{on_failure: ask}}}}");
    assert!(remarks(&ask).contains("on_failure"));
    let service = "{id: s, match: {command: systemctl}, decision: confirm, confine: required, \
                   undo: {level: exact-within}, examples: {match: [systemctl restart web]}}";
    assert!(remarks(service).contains("systemctl restart web"));
    // What no hitl can give yet, and what says nothing, is a mistake.
    for (undo, said) in [
        ("{level: exact}", "nothing watches every write"),
        ("{level: required}", "how far an undo can go"),
        ("{}", "nothing is said"),
        ("{run: []}", "runs nothing"),
    ] {
        world.write(
            "srv/p.yaml",
            &format!("version: 1\nname: p\ndefaults: {{decision: deny}}\nrules:\n  - {{{rm}, undo: {undo}}}\n"),
        );
        world.plain_hitl("alice", &["policy", "check", "/srv/p.yaml"]).run().exits(78).says(said);
    }
}
