//! `hitl audit`: what happened is on record, and whoever rewrites the record is found out.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::World;
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: on-record
groups: [{name: others, users: [bob, carol]}]
defaults:
  decision: deny
  environment: {keep: [APP_SETTING], set: {APP_MODE: the-value-of-a-set-variable}}
rules:
  - id: harmless
    match: {command: ["true", "false", printf, env]}
    decision: allow
    risk: low
  - id: asked
    match: {command: touch}
    decision: approve
    risk: high
    require: [{group: others, count: 1}]
"#;

const LOG: &str = "var-lib/hitl/audit/000001.jsonl";

/// A world in which something was allowed, something approved by bob, something denied. The id of
/// what bob approved.
fn with_a_past(world: &World) -> String {
    world.policy(POLICY);
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    let waiting =
        world.hitl("alice", &["run", "--", "touch", "/srv/made"]).start_and_wait_for_request();
    let id = waiting.id.clone();
    world.hitl("bob", &["approve", &id, "-m", "go on"]).run().exits(0);
    waiting.end().exits(0);
    world.hitl("carol", &["run", "--", "rm", "/srv/made"]).run().exits(77);
    id
}

/// The places of the entries that [`with_a_past`] leaves: their actions are asserted there.
const PAST: [&str; 13] = [
    "segment-opened",
    "privilege-requested",
    "policy-decided",
    "command-started",
    "command-finished",
    "privilege-requested",
    "policy-decided",
    "approval-recorded",
    "snapshot-created",
    "command-started",
    "command-finished",
    "privilege-requested",
    "policy-decided",
];
const DECIDED: usize = 6;
const APPROVED: usize = 7;
const STARTED: usize = 9;
const DENIED: usize = 12;

/// A copy of a log in the hands of somebody without any privilege.
struct Copy<'w> {
    world: &'w World,
    lines: Vec<String>,
}

impl<'w> Copy<'w> {
    fn of(world: &'w World) -> Self {
        let directory = world.outside("srv/copy");
        fs::create_dir(&directory).unwrap();
        for name in ["000001.jsonl", "head"] {
            fs::copy(world.outside("var-lib/hitl/audit").join(name), directory.join(name)).unwrap();
            world.mode(&format!("srv/copy/{name}"), 0o444);
        }
        let lines = world.read("srv/copy/000001.jsonl").lines().map(str::to_owned).collect();
        Self { world, lines }
    }

    fn verify(&self) -> (i32, Value) {
        let ran =
            self.world.plain_hitl("mallory", &["audit", "verify", "--json", "/srv/copy"]).run();
        (ran.code(), ran.json())
    }

    fn write(&self, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.write_bytes(text.as_bytes());
    }

    fn write_bytes(&self, bytes: &[u8]) {
        fs::write(self.world.outside("srv/copy/000001.jsonl"), bytes).unwrap();
    }

    fn without_head(&self) {
        fs::remove_file(self.world.outside("srv/copy/head")).unwrap();
    }

    /// Asserts that the first bad entry is the one with this number, in JSON and in words.
    #[track_caller]
    fn is_bad_at(&self, sequence: usize, why: &str) {
        let (code, told) = self.verify();
        assert_eq!(code, 1, "{told}");
        assert_eq!(told["holds"], false, "{told}");
        assert_eq!(told["first_bad"]["sequence"], sequence, "{told}");
        let what = told["first_bad"]["what"].as_str().unwrap();
        assert!(what.contains(why), "expected {why:?}: {told}");
        let words =
            self.world.plain_hitl("mallory", &["audit", "verify", "/srv/copy"]).run().exits(1);
        words.prints("THE LOG DOES NOT HOLD").prints(&format!("entry {sequence}"));
    }
}

fn leaf(line: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(line);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers and chains entries anew, as somebody does who knows how.
pub fn chained_again(entries: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (sequence, entry) in entries.iter().enumerate() {
        let mut entry = entry.clone();
        entry["event"]["sequence"] = sequence.into();
        if let Some(last) = lines.last() {
            entry["hitl"]["prev"] = leaf(last).into();
        }
        lines.push(entry.to_string());
    }
    lines
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_happened_is_shown_and_filtered_by_request_user_and_age() {
    let world = world_or_skip!();
    let id = with_a_past(&world);
    let show = |arguments: &[&str]| -> Vec<Value> {
        let words: Vec<&str> =
            ["audit", "show", "--json"].iter().chain(arguments).copied().collect();
        let ran = world.hitl("root", &words).run().exits(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let actions = |entries: &[Value]| -> Vec<String> {
        entries.iter().map(|entry| entry["event"]["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&show(&[])), PAST);
    assert_eq!(actions(&show(&["--request", &id])), PAST[5..11]);
    assert_eq!(show(&["--request", &id.to_lowercase()]).len(), 6);
    assert_eq!(actions(&show(&["--user", "bob"])), ["approval-recorded"]);
    assert_eq!(actions(&show(&["--user", "carol"])), ["privilege-requested", "policy-decided"]);
    assert_eq!(show(&["--user", "carol", "--request", &id]), Vec::<Value>::new());
    // JSON is what is stored, byte for byte.
    let all = world.hitl("root", &["audit", "show", "--json"]).run().exits(0);
    assert_eq!(all.stdout, world.read(LOG));
    let text = world.hitl("root", &["audit", "show", "--request", &id]).run().exits(0);
    assert_eq!(text.stdout.lines().count(), 6, "{text:?}");
    text.prints("touch /srv/made").prints("go on").prints("bob");
    world.hitl("root", &["audit", "show", "--request", "not an id"]).run().exits(1);

    // Entries of years ago; what is shown is read, not verified.
    let lines: Vec<String> = world.read(LOG).lines().map(str::to_owned).collect();
    let mut old = parsed(&lines);
    for entry in &mut old[..11] {
        entry["@timestamp"] = "2020-01-02T03:04:05.678Z".into();
    }
    let text: String = old.iter().map(|entry| format!("{entry}\n")).collect();
    fs::write(world.outside(LOG), text).unwrap();
    assert_eq!(actions(&show(&["--since", "1h"])), PAST[11..13]);
    assert_eq!(show(&["--since", "36500d"]).len(), 13);
}

#[test]
fn a_log_verifies_and_so_does_its_copy_for_anybody_without_privileges() {
    let world = world_or_skip!();
    with_a_past(&world);
    let own = world.hitl("root", &["audit", "verify", "--json"]).run().exits(0).json();
    let copy = Copy::of(&world);
    let (code, told) = copy.verify();
    assert_eq!((code, &told), (0, &own));
    assert_eq!(told["holds"], true);
    assert_eq!(told["entries"], 13);
    assert_eq!(told["notes"], json!([]));
    assert_eq!(told["head"].as_str().unwrap().trim_start_matches("sha256:"), leaf(&copy.lines[12]));
    for path in ["/srv/copy", "/srv/copy/000001.jsonl"] {
        let words = world.plain_hitl("mallory", &["audit", "verify", path]).run().exits(0);
        words.prints("the log holds").prints("13 good");
    }
    let nothing = world.plain_hitl("mallory", &["audit", "verify", "/srv"]).run();
    assert_ne!(nothing.code(), 0, "{nothing:?}");
}

#[test]
fn a_single_changed_byte_is_found_and_its_entry_named() {
    let world = world_or_skip!();
    with_a_past(&world);
    let copy = Copy::of(&world);
    for (sequence, line) in copy.lines.iter().enumerate() {
        let mut lines = copy.lines.clone();
        // The last letter of the boot id: an entry like any other, only not this one.
        let at = line.find("\"boot_id\":\"").unwrap() + "\"boot_id\":\"".len();
        let letter = if line.as_bytes()[at] == b'0' { "1" } else { "0" };
        lines[sequence].replace_range(at..=at, letter);
        copy.write(&lines);
        let (code, told) = copy.verify();
        assert_eq!((code, &told["first_bad"]["sequence"]), (1, &json!(sequence)), "{told}");
    }
    let mut bytes = copy.lines.join("\n").into_bytes();
    let middle = copy.lines[..4].iter().map(|line| line.len() + 1).sum::<usize>();
    bytes[middle] = 0;
    copy.write_bytes(&bytes);
    copy.is_bad_at(4, "");
}

#[test]
fn dropped_swapped_inserted_and_cut_lines_are_found() {
    let world = world_or_skip!();
    with_a_past(&world);
    let copy = Copy::of(&world);
    let lines = &copy.lines;

    let mut dropped = lines.clone();
    dropped.remove(APPROVED);
    copy.write(&dropped);
    copy.is_bad_at(APPROVED, "missing");

    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    copy.write(&swapped);
    copy.is_bad_at(3, "");

    let mut inserted = lines.clone();
    let mut forged = parsed(lines)[1].clone();
    forged["event"]["sequence"] = 5.into();
    forged["hitl"]["prev"] = leaf(&lines[4]).into();
    inserted.insert(5, forged.to_string());
    copy.write(&inserted);
    copy.is_bad_at(5, "");

    let mut doubled = lines.clone();
    doubled.insert(5, lines[4].clone());
    copy.write(&doubled);
    copy.is_bad_at(5, "");

    copy.write(&lines[..11]);
    copy.is_bad_at(11, "cut off");

    copy.write(&lines[1..]);
    copy.is_bad_at(0, "beginning");

    copy.write(&[]);
    copy.is_bad_at(0, "");
}

#[test]
fn a_relabelled_decision_is_found() {
    let world = world_or_skip!();
    with_a_past(&world);
    let copy = Copy::of(&world);
    for (sequence, from, to) in [
        (DECIDED, "\"decision\":\"approve\"", "\"decision\":\"allow\""),
        (DENIED, "\"decision\":\"deny\"", "\"decision\":\"allow\""),
        (APPROVED, "\"name\":\"bob\"", "\"name\":\"carol\""),
        (STARTED, "/srv/made", "/srv/else"),
    ] {
        let mut lines = copy.lines.clone();
        lines[sequence] = lines[sequence].replace(from, to);
        assert_ne!(lines[sequence], copy.lines[sequence], "{from}");
        copy.write(&lines);
        // The last one is not held by a later entry, but by the head marker.
        let why = if sequence == DENIED { "acknowledged" } else { "changed" };
        copy.is_bad_at(sequence, why);
    }
    // Chained again from there on, it is not the log any more whose end was acknowledged.
    let mut entries = parsed(&copy.lines);
    entries[DECIDED]["hitl"]["decision"] = "allow".into();
    copy.write(&chained_again(&entries));
    copy.is_bad_at(DENIED, "acknowledged");
}

#[test]
fn whoever_chains_a_log_again_still_lacks_the_approvals() {
    let world = world_or_skip!();
    with_a_past(&world);
    let copy = Copy::of(&world);
    let entries = parsed(&copy.lines);
    // The forger can do without the head marker, too: then it is missing, and that is said.
    copy.without_head();
    copy.write(&chained_again(&entries));
    let (code, told) = copy.verify();
    assert_eq!(code, 0, "chained again without a change, it is the same log: {told}");
    assert!(told["notes"].to_string().contains("no head marker"), "{told}");

    let mut without = entries.clone();
    without.remove(APPROVED);
    copy.write(&chained_again(&without));
    copy.is_bad_at(STARTED - 1, "without the approvals");

    let mut by_oneself = entries.clone();
    by_oneself[APPROVED]["user"] = by_oneself[5]["user"].clone();
    copy.write(&chained_again(&by_oneself));
    copy.is_bad_at(STARTED, "without the approvals");

    let mut by_a_program = entries.clone();
    by_a_program[APPROVED]["hitl"]["kind"] = "agent".into();
    copy.write(&chained_again(&by_a_program));
    copy.is_bad_at(STARTED, "without the approvals");

    let mut from_elsewhere = entries.clone();
    from_elsewhere[APPROVED]["hitl"]["groups"] = json!(["strangers"]);
    copy.write(&chained_again(&from_elsewhere));
    copy.is_bad_at(STARTED, "without the approvals");

    let mut asked_for_more = entries.clone();
    asked_for_more[DECIDED]["hitl"]["requirements"][0]["presence"] = "key".into();
    copy.write(&chained_again(&asked_for_more));
    copy.is_bad_at(STARTED, "without the approvals");

    let mut unheard_of = entries.clone();
    unheard_of[APPROVED]["hitl"]["presence"] = "certainly".into();
    copy.write(&chained_again(&unheard_of));
    copy.is_bad_at(APPROVED, "how the approver proved");

    let mut after_the_start = entries.clone();
    after_the_start.swap(APPROVED, STARTED);
    copy.write(&chained_again(&after_the_start));
    copy.is_bad_at(APPROVED, "without the approvals");

    let mut denied_and_started = entries.clone();
    let mut start = entries[STARTED].clone();
    for name in ["request_id", "request_digest"] {
        start["hitl"][name] = entries[DENIED]["hitl"][name].clone();
    }
    denied_and_started.push(start);
    copy.write(&chained_again(&denied_and_started));
    copy.is_bad_at(13, "denied");

    let mut twice = entries.clone();
    twice.insert(STARTED + 1, entries[STARTED].clone());
    copy.write(&chained_again(&twice));
    copy.is_bad_at(STARTED + 1, "started already");

    let mut another_origin = entries.clone();
    another_origin[0]["hitl"]["origin"] = "hitl/elsewhere/0".into();
    copy.write(&chained_again(&another_origin));
    copy.is_bad_at(0, "beginning");
}

#[test]
fn secrets_reach_the_command_and_not_the_log() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let words = [
        "--password=first-secret".to_owned(),
        "--token".into(),
        "second-secret".into(),
        "https://someone:third-secret@example.org/path".into(),
        token.clone(),
        "Authorization: Bearer fourth-secret".into(),
        "DB_PASSWORD=fifth-secret".into(),
        "plain-and-kept".into(),
    ];
    let reason = format!("rotated {token}");
    let mut arguments: Vec<&str> = vec!["run", "--reason", &reason, "--", "printf", r"%s\n"];
    arguments.extend(words.iter().map(String::as_str));
    let ran = world.hitl("alice", &arguments).run().exits(0);
    let received: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(received, words);
    let log = world.read(LOG);
    for secret in ["first", "second", "third", "fourth", "fifth"] {
        assert!(!log.contains(&format!("{secret}-secret")), "{secret}: {log}");
    }
    assert!(!log.contains(&token), "{log}");
    let requested = &world.audit()[1];
    let kept: Vec<&str> = requested["process"]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| arg.as_str().unwrap())
        .collect();
    assert!(kept.contains(&"plain-and-kept"), "{kept:?}");
    assert!(kept[2].starts_with("--password=[redacted:"), "{kept:?}");
    assert!(
        kept[5].starts_with("https://someone:[redacted:") && kept[5].ends_with("@example.org/path"),
        "{kept:?}"
    );
    assert_eq!(requested["hitl"]["redacted"], 6, "{requested}");
    assert!(requested["hitl"]["reason"].as_str().unwrap().starts_with("rotated [redacted:"));
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn the_values_of_the_environment_are_never_in_the_log() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let call = world.hitl("alice", &["run", "--", "env"]);
    let ran = call.with("APP_SETTING", "the-value-of-a-kept-variable").run().exits(0);
    let ran = ran.prints("the-value-of-a-kept-variable").prints("the-value-of-a-set-variable");
    assert!(!ran.stdout.is_empty());
    let log = world.read(LOG);
    assert!(!log.contains("the-value-of-a"), "{log}");
}

#[test]
fn eight_at_once_are_all_on_record_and_the_log_holds() {
    const ROUNDS: usize = 3;
    let world = world_or_skip!();
    world.policy(POLICY);
    for _ in 0..ROUNDS {
        let children: Vec<_> = (0..8)
            .map(|number| {
                let user = ["alice", "bob", "carol", "root"][number % 4];
                let mut command = world.hitl(user, &["run", "--", "true"]).command();
                command.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    }
    let told = world.hitl("root", &["audit", "verify", "--json"]).run().exits(0).json();
    assert_eq!(told["entries"], 1 + 4 * 8 * ROUNDS, "{told}");
    let actions = world.audit_actions();
    for action in ["privilege-requested", "policy-decided", "command-started", "command-finished"] {
        let count = actions.iter().filter(|other| *other == action).count();
        assert_eq!(count, 8 * ROUNDS, "{action}");
    }
}

#[test]
fn a_torn_last_line_is_bound_by_the_next_entry_and_the_log_goes_on() {
    let world = world_or_skip!();
    with_a_past(&world);
    let mut log = fs::OpenOptions::new().append(true).open(world.outside(LOG)).unwrap();
    log.write_all(br#"{"@timestamp":"2026-01-01T00:0"#).unwrap();
    world.hitl("root", &["audit", "verify"]).run().exits(0).prints("a crash left them");
    world.hitl("root", &["audit", "show", "--user", "bob"]).run().exits(1).prints("DAMAGED");
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    let told = world.hitl("root", &["audit", "verify", "--json"]).run().exits(0).json();
    assert_eq!(told["entries"], 13 + 1 + 4, "{told}");
    // What is bound is no damage any more: the entry that binds it tells of it.
    let shown =
        world.hitl("root", &["audit", "show"]).run().exits(0).prints("30 bytes after a crash");
    assert_eq!(shown.stdout.lines().count(), 18, "{shown:?}");
    world.hitl("root", &["audit", "show", "--json", "--user", "bob"]).run().exits(0);
    let recovered = world.read(LOG);
    assert!(recovered.contains("\"action\":\"log-recovered\""), "{recovered}");
    // What was bound cannot be exchanged any more.
    let changed = recovered.replace("2026-01-01T00:0", "2026-01-01T00:1");
    assert_ne!(changed, recovered);
    fs::write(world.outside(LOG), changed).unwrap();
    let told = world.hitl("root", &["audit", "verify", "--json"]).run().exits(1).json();
    assert_eq!(told["first_bad"]["sequence"], 13, "{told}");
    world.hitl("root", &["audit", "show"]).run().exits(1).prints("DAMAGED");
}

#[test]
fn every_entry_says_who_what_where_and_when_in_ecs() {
    let world = world_or_skip!();
    let id = with_a_past(&world);
    let entries = world.audit();
    let mut boot_ms = 0;
    for (sequence, entry) in entries.iter().enumerate() {
        let timestamp = entry["@timestamp"].as_str().unwrap();
        assert!(timestamp.ends_with('Z') && timestamp.len() == "2026-01-02T03:04:05.678Z".len());
        assert!(entry["ecs"]["version"].is_string(), "{entry}");
        assert_eq!(entry["event"]["sequence"], sequence);
        assert_eq!(entry["event"]["kind"], "event");
        for list in ["category", "type"] {
            assert!(entry["event"][list][0].is_string(), "{entry}");
        }
        let outcome = entry["event"]["outcome"].as_str().unwrap();
        assert!(["success", "failure", "unknown"].contains(&outcome), "{entry}");
        assert!(entry["host"]["name"].is_string() && entry["host"]["id"].is_string(), "{entry}");
        assert_eq!(entry["hitl"]["v"], 1);
        assert!(entry["hitl"]["boot_id"].is_string());
        let now = entry["hitl"]["boot_ms"].as_u64().unwrap();
        assert!(now >= boot_ms, "{entry}");
        boot_ms = now;
        if sequence > 0 {
            assert!(entry["hitl"]["request_digest"].is_string(), "{entry}");
            assert!(
                entry["user"]["id"].is_string() && entry["user"]["name"].is_string(),
                "{entry}"
            );
        }
    }
    let started = &entries[STARTED];
    assert_eq!(started["process"]["args"], json!(["touch", "/srv/made"]));
    assert_eq!(started["process"]["args_count"], 2);
    assert_eq!(started["process"]["working_directory"], "/srv");
    assert_eq!(started["process"]["user"], json!({"id": "0", "name": "root"}));
    assert_eq!(started["user"], json!({"id": "2001", "name": "alice"}));
    assert_eq!(started["hitl"]["request_id"], id.as_str());
    assert!(started["process"]["executable"].as_str().unwrap().ends_with("/touch"), "{started}");
    assert_eq!(entries[STARTED + 1]["process"]["exit_code"], 0);
    assert_eq!(entries[DECIDED]["rule"]["id"], json!(["asked"]));
    assert_eq!(
        entries[DECIDED]["hitl"]["requirements"],
        json!([{"groups": ["others"], "count": 1, "presence": "uid"}])
    );
    assert_eq!(entries[APPROVED]["user"]["name"], "bob");
    assert_eq!(entries[APPROVED]["hitl"]["groups"], json!(["others"]));
    assert_eq!(entries[DENIED]["event"]["outcome"], "failure");
}

#[test]
fn only_root_reads_the_log_of_a_host_and_everybody_their_own() {
    let world = world_or_skip!();
    with_a_past(&world);
    for words in [&["audit", "show"][..], &["audit", "show", "--json"], &["audit", "verify"]] {
        let refused = world.hitl("alice", words).run().exits(77).says("only root");
        assert!(!refused.stdout.contains("segment-opened"), "{refused:?}");
    }
    // A path is no way around it: what a caller names is read with the caller's rights.
    for path in ["/var/lib/hitl/audit", "/var/lib/hitl/audit/000001.jsonl"] {
        let around = world.hitl("alice", &["audit", "verify", path]).run().exits(125);
        around.says("Permission denied");
    }
    let directory = world.outside("var-lib/hitl/audit");
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o7777, 0o700);
    for entry in fs::read_dir(&directory).unwrap() {
        let found = entry.unwrap().metadata().unwrap();
        assert_eq!((found.mode() & 0o7777, found.uid()), (0o600, 0));
    }
    world.user_policy("alice", POLICY);
    world.plain_hitl("alice", &["run", "--", "true"]).run().exits(0);
    let own = world.plain_hitl("alice", &["audit", "show"]).run().exits(0);
    assert_eq!(own.stdout.lines().count(), 5, "{own:?}");
    world.plain_hitl("alice", &["audit", "verify"]).run().exits(0);
}
