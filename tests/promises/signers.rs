//! Whose SSH key is whose: who may say it, that it is on record, and that a mistake is named.

use serde_json::Value;

use crate::office_or_skip;
use crate::world::{World, can_have_a_world};

const ALLOWED: &str = "etc/hitl/allowed_signers";
const REVOKED: &str = "etc/hitl/revoked_signers";

/// A user's new key: the place of its public half, readable by all.
#[track_caller]
fn key_of(world: &World, user: &str, name: &str) -> String {
    let line = format!("ssh-keygen -q -t ed25519 -N '' -C {user} -f ~/{name} && chmod 711 ~");
    world.script(user, &line).run().exits(0);
    format!("/home/{user}/{name}.pub")
}

#[track_caller]
fn fingerprint(world: &World, file: &str) -> String {
    let listed = world.script("root", &format!("ssh-keygen -l -f {file}")).run().exits(0);
    listed.stdout.split_whitespace().nth(1).unwrap().to_owned()
}

/// The changes on record: what, whose, the place in the log.
fn changes(world: &World) -> Vec<(String, String, u64)> {
    world.hitl("root", &["audit", "verify"]).run().exits(0);
    let entries = world.audit();
    let changes = entries.iter().filter(|entry| entry["event"]["action"] == "signers-changed");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    changes
        .map(|entry| {
            let (change, principal) = (&entry["hitl"]["change"], &entry["hitl"]["principal"]);
            (text(change), text(principal), entry["event"]["sequence"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn root_lists_keys_everybody_sees_them_and_each_change_is_on_record_before_it_counts() {
    let world = office_or_skip!();
    world.hitl("alice", &["signers", "list"]).run().exits(0).says("nobody signs here yet");
    let file = key_of(&world, "bob", "id");
    let print = fingerprint(&world, &file);
    let added = world.hitl("root", &["signers", "add", "--json", "bob", &file]).run().exits(0);
    let added = added.json();
    assert_eq!(added["signers"][0]["fingerprint"], *print);
    world.hitl("root", &["signers", "add", "bob", &file]).run().exits(0).says("had that key");

    let listed = world.hitl("alice", &["signers", "list", "--json"]).run().exits(0).json();
    assert_eq!(listed["login"], "bob");
    assert_eq!(listed["fingerprint"], *print);
    assert_eq!((&listed["presence"], &listed["counts"]), (&"key".into(), &true.into()));
    world.hitl("alice", &["signers", "list"]).run().exits(0).prints(&print);

    let entry = world.audit().into_iter().find(|one| one["hitl"]["change"] == "added").unwrap();
    assert_eq!(entry["event"]["sequence"], added["signers"][0]["sequence"]);
    assert_eq!(entry["user"]["name"], "root");
    let sum = world.script("root", "sha256sum < /etc/hitl/allowed_signers").run().exits(0);
    let sum = format!("sha256:{}", sum.stdout.split_whitespace().next().unwrap());
    assert_eq!(entry["hitl"]["file_digest"], *sum);
    let public = world.script("root", &format!("cut -d' ' -f1,2 {file}")).run().exits(0).stdout;
    assert_eq!(entry["hitl"]["key"], *public.trim());
    // What hitl writes everybody can hold against a signature, without hitl.
    let line = "ls -l /etc/hitl/allowed_signers; echo yes > y; ssh-keygen -q -Y sign -n hitl-approval-v1 -f ~/id y; \
                ssh-keygen -Y verify -f /etc/hitl/allowed_signers -I bob -n hitl-approval-v1 -s y.sig < y";
    let told = world.script("bob", line).in_directory("/home/bob").run().exits(0);
    assert!(told.stdout.contains("-rw-r--r--") && told.stdout.contains("Good"), "{told:?}");

    world.hitl("root", &["signers", "remove", &print]).run().exits(0);
    assert_eq!(world.read(ALLOWED), "");
    let kinds: Vec<_> =
        changes(&world).into_iter().map(|(change, whose, _)| (change, whose)).collect();
    assert_eq!(kinds, [("added".into(), "bob".into()), ("removed".into(), "bob".into())]);
    world
        .hitl("root", &["signers", "remove", "bob"])
        .run()
        .exits(1)
        .says("no signer is called bob");
    world.hitl("root", &["audit", "show"]).run().exits(0).prints(&print);
}

#[test]
fn a_revoked_key_does_not_count_from_its_place_in_the_log_on() {
    let world = office_or_skip!();
    let (first, second) = (key_of(&world, "bob", "one"), key_of(&world, "bob", "two"));
    world.hitl("root", &["signers", "add", "bob", &first]).run().exits(0);
    world.hitl("root", &["signers", "add", "bob@laptop", &second]).run().exits(0);
    world.hitl("root", &["signers", "revoke", "bob", "-m", "two\nlines"]).run().exits(1);
    let told = world
        .hitl("root", &["signers", "revoke", "--json", "bob", "-m", "laptop stolen"])
        .run()
        .exits(0)
        .json();
    let recorded: Vec<_> = changes(&world).into_iter().filter(|one| one.0 == "revoked").collect();
    assert_eq!(recorded.len(), 2, "a person is revoked with all of their keys");
    for (index, (_, principal, sequence)) in recorded.iter().enumerate() {
        assert_eq!(told["signers"][index]["principal"], **principal);
        assert_eq!(told["signers"][index]["sequence"], *sequence);
        let line = world.read(REVOKED).lines().nth(index).unwrap().to_owned();
        assert!(line.ends_with(&format!("revoked-at-log={sequence} laptop stolen")), "{line}");
    }
    let listed = world.hitl("alice", &["signers", "list"]).run().exits(0);
    assert_eq!(listed.stdout.matches("REVOKED from entry").count(), 2);
    // It does not come back, and once more is nothing more.
    world.hitl("root", &["signers", "revoke", "bob", "-m", "x"]).run().exits(0).says("already");
    world.hitl("root", &["signers", "remove", "bob"]).run().exits(0);
    world
        .hitl("root", &["signers", "add", "bob", &first])
        .run()
        .exits(1)
        .says("does not come back");
    // Stock ssh-keygen reads the list of those that are revoked.
    let line = format!(
        "echo y > y; ssh-keygen -q -Y sign -n n -f ~/one y; echo \"bob $(cat {first})\" > s; \
         ssh-keygen -Y verify -f s -I bob -n n -s y.sig < y || exit 3; \
         ssh-keygen -Y verify -f s -I bob -n n -s y.sig -r /etc/hitl/revoked_signers < y && exit 4; true"
    );
    world.script("bob", &line).in_directory("/home/bob").run().exits(0);
}

/// How the C library renames a file.
#[cfg(target_arch = "x86_64")]
const RENAME: libc::c_long = libc::SYS_rename;
#[cfg(not(target_arch = "x86_64"))]
const RENAME: libc::c_long = libc::SYS_renameat;

#[test]
fn a_change_that_ended_between_log_and_file_is_put_right_by_the_same_command() {
    let world = office_or_skip!();
    let (bob, carol) = (key_of(&world, "bob", "id"), key_of(&world, "carol", "id"));
    world.hitl("root", &["signers", "add", "bob", &bob]).run().exits(0);
    let before = world.read(ALLOWED);
    let add = ["signers", "add", "carol", carol.as_str()];
    let revoke = ["signers", "revoke", "bob", "-m", "laptop stolen"];
    for arguments in [&add[..], &revoke] {
        let call = world.hitl("root", arguments).where_fails(RENAME, libc::EIO);
        call.run().exits(125).says("run the same command again");
    }
    // On record, and not in the files: nothing has changed, and no temporary file is left.
    assert_eq!(world.read(ALLOWED), before);
    let left = world.script("root", "ls -A /etc/hitl").run().exits(0);
    assert_eq!(left.stdout, "allowed_signers\npolicy.yaml\n");
    let listed = world.hitl("root", &["signers", "list", "--json"]).run().exits(0).json();
    assert_eq!((&listed["login"], &listed["counts"]), (&"bob".into(), &true.into()));

    world.hitl("root", &add).run().exits(0);
    world.hitl("root", &revoke).run().exits(0);
    assert!(world.read(ALLOWED).starts_with(&before) && world.read(ALLOWED).contains("\ncarol "));
    let recorded = changes(&world);
    let words: Vec<_> =
        recorded.iter().map(|(change, whose, _)| format!("{change} {whose}")).collect();
    let expected = ["added bob", "added carol", "revoked bob", "added carol", "revoked bob"];
    assert_eq!(words, expected);
    let last = recorded.last().unwrap().2;
    assert!(world.read(REVOKED).contains(&format!(" revoked-at-log={last} laptop stolen\n")));
}

#[test]
fn only_root_says_whose_key_is_whose() {
    let world = office_or_skip!();
    let file = key_of(&world, "mallory", "id");
    for arguments in [
        &["signers", "add", "mallory", file.as_str()][..],
        &["signers", "remove", "bob"],
        &["signers", "revoke", "bob", "-m", "x"],
        &["signers", "check"],
    ] {
        world.hitl("mallory", arguments).run().exits(77).says("only root");
    }
    assert!(!world.outside(ALLOWED).exists() && !world.outside(REVOKED).exists());
    // Nor by choosing another place for the files.
    let elsewhere = ["signers", "list", "--policy", "/home/mallory/policy.yaml"];
    world.hitl("mallory", &elsewhere).run().exits(2);
}

#[test]
fn a_list_that_others_could_have_written_or_that_leaves_open_whose_key_it_is_is_refused_whole() {
    let world = office_or_skip!();
    let file = key_of(&world, "bob", "id");
    world.hitl("root", &["signers", "add", "bob", &file]).run().exits(0);
    let good = world.read(ALLOWED);
    let list = || world.hitl("alice", &["signers", "list"]).run();
    world.mode(ALLOWED, 0o666);
    list().exits(78).says("chmod go-w");
    world.mode(ALLOWED, 0o644);
    world.own(ALLOWED, "mallory");
    list().exits(78).says("uid 2006");
    world.script("root", "chown root:root /etc/hitl/allowed_signers").run().exits(0);
    for (line, because) in [
        (good.replace("bob ", "*@example.com "), "allowed_signers:2:1: a principal with"),
        (good.replace("bob ", "eve "), "allowed_signers:2:35: this key stands in line 1 already"),
        ("bob".to_owned(), "allowed_signers:2:4: the line ends before its key"),
    ] {
        world.write(ALLOWED, &format!("{good}{line}\n"));
        list().exits(78).says(because);
        let refused = world.hitl("root", &["signers", "add", "carol", &file]).run().exits(78);
        assert!(refused.stderr.contains(because), "{refused:?}");
        let check = world.hitl("root", &["signers", "check", "--json"]).run().exits(78).json();
        assert!(check["error"].as_str().unwrap().contains(because), "{check}");
    }
    // A file that only root may read is not read out to others.
    world.mode(ALLOWED, 0o600);
    let told = list().exits(78);
    assert!(!told.stderr.contains("bob") && told.stderr.contains("root can see why"), "{told:?}");
    world.write(ALLOWED, &good);
    world.script("root", "cd /etc/hitl; mv allowed_signers real; ln -s real allowed_signers").run();
    world.hitl("root", &["signers", "list"]).run().exits(78).says("not a regular file");
}

#[test]
fn what_does_not_fit_the_policy_or_the_host_is_found_by_check_and_by_doctor() {
    let world = office_or_skip!();
    let policy = crate::office::POLICY.replace(
        "{name: security, users: [carol, mallory]}",
        "{name: security, users: [carol, mallory], presence: touch}",
    );
    world.policy(&policy);
    let (bob, carol) = (key_of(&world, "bob", "id"), key_of(&world, "carol", "id"));
    world.hitl("root", &["signers", "add", "bob", &bob]).run().exits(0);
    world.hitl("root", &["signers", "add", "carol", &carol]).run().exits(0);
    let with = key_of(&world, "svc-agent", "id");
    world.hitl("root", &["signers", "add", "ghost", &with]).run().exits(0);
    let more = format!("{}mallory ssh-rsa AAAA old\n", world.read(ALLOWED));
    world.write(ALLOWED, &more);
    let check = world.hitl("root", &["signers", "check", "--json"]).run().exits(0).json();
    assert_eq!((&check["ok"], &check["signers"]), (&true.into(), &3.into()));
    let warnings = check["warnings"].to_string();
    for expected in [
        "keys of type ssh-rsa cannot approve",
        "ghost has a key, and this host does not know them",
        "group security approves with a hardware key, and nobody of it has one that counts",
    ] {
        assert!(warnings.contains(expected), "{expected}: {warnings}");
    }
    assert_eq!(check["warnings"].as_array().unwrap().len(), 3, "{warnings}");
    assert_eq!(check["warnings"][0]["line"], 4);
    let doctor = world.hitl("root", &["doctor"]).run();
    assert!(doctor.stdout.contains("ghost has a key"), "{doctor:?}");
    world.hitl("root", &["signers", "remove", "ghost"]).run().exits(0);
    let check = world.hitl("root", &["signers", "check"]).run().exits(0);
    assert!(!check.stdout.contains("ghost"), "{check:?}");
}

#[test]
fn a_rule_whose_signatures_nobody_could_give_is_found_by_check_and_by_doctor() {
    let world = office_or_skip!();
    world.policy(&crate::office::POLICY.replace(
        "rules:\n",
        "rules:\n\
         \x20 - {id: wipes, match: {command: /usr/bin/rm}, decision: approve, require: [{group: security, presence: touch}]}\n\
         \x20 - {id: dumps, match: {command: /usr/bin/dd}, decision: approve, require: [{group: security, count: 2, presence: key}]}\n",
    ));
    let carol = key_of(&world, "carol", "id");
    world.hitl("root", &["signers", "add", "carol", &carol]).run().exits(0);
    let check = world.hitl("root", &["signers", "check", "--json"]).run().exits(0).json();
    let warnings = check["warnings"].to_string();
    for expected in [
        "rule wipes needs 1 to approve with a hardware key, and nobody of security has one that \
         counts (ssh-keygen -t ed25519-sk)",
        "rule dumps needs 2 to approve with an SSH key, and only 1 of security can",
    ] {
        assert!(warnings.contains(expected), "{expected}: {warnings}");
    }
    assert_eq!(check["warnings"].as_array().unwrap().len(), 2, "{warnings}");
    let doctor = world.hitl("root", &["doctor"]).run();
    assert!(doctor.stdout.contains("rule wipes needs 1 to approve"), "{doctor:?}");
    let mallory = key_of(&world, "mallory", "id");
    world.hitl("root", &["signers", "add", "mallory", &mallory]).run().exits(0);
    let check = world.hitl("root", &["signers", "check"]).run().exits(0);
    assert!(!check.stdout.contains("dumps"), "{check:?}");
}

#[test]
fn a_file_that_is_not_installed_is_checked_with_the_callers_own_rights() {
    let world = office_or_skip!();
    let file = key_of(&world, "bob", "id");
    world.hitl("root", &["signers", "add", "bob", &file]).run().exits(0);
    let line = "sed 's/^bob/bob,eve/' /etc/hitl/allowed_signers > ~/new; \
                hitl signers check /etc/hitl/allowed_signers && hitl signers check ~/new";
    world.script("mallory", line).run().exits(78).says("new:1:1: several principals");
    world.write("srv/secret", "bob root-only\n");
    world.mode("srv/secret", 0o600);
    let told = world.hitl("mallory", &["signers", "check", "/srv/secret"]).run().exits(125);
    assert!(
        !told.stderr.contains("root-only") && told.stderr.contains("ermission denied"),
        "{told:?}"
    );
}

#[test]
fn a_user_without_an_installed_hitl_has_a_list_of_their_own() {
    if !can_have_a_world("a list of their own") {
        return;
    }
    let world = World::new();
    let file = key_of(&world, "bob", "id");
    let input = world.script("bob", &format!("cat {file}")).run().exits(0).stdout;
    let call = world.plain_hitl("bob", &["signers", "add", "bob", "-"]);
    call.with_input(input.as_bytes()).run().exits(0);
    let listed = world.plain_hitl("bob", &["signers", "list"]).run().exits(0);
    assert!(listed.stdout.starts_with("bob  SHA256:"), "{listed:?}");
    assert!(world.read("home/bob/.config/hitl/allowed_signers").contains("hitl-approval-v1"));
}
