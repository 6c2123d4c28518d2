//! Decisions that are signed: only the approver's own key counts, only for this request, and whatever
//! hitl has stored, stock ssh-keygen can verify.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::audit::chained_again;
use crate::world::{Call, Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: signed
defaults: {decision: deny, require: [{group: ops}], approval_expiry: 5m, execution_expiry: 5m}
groups:
  - {name: ops, users: [bob, carol, alice], presence: key}
  - {name: duty, users: [bob, carol]}
rules:
  - {id: deploys, match: {command: /usr/bin/sh}, decision: approve}
  - {id: touched, match: {command: /usr/bin/touch}, decision: approve, require: [{group: ops, presence: touch}]}
  - {id: verified, match: {command: /usr/bin/mkdir}, decision: approve, require: [{group: ops, presence: verify}]}
  - {id: login, match: {command: /usr/bin/true}, decision: approve, require: [{group: duty}]}
  - {id: two, match: {command: /usr/bin/cp}, decision: approve, require: [{group: ops, count: 2}]}
"#;

pub const DEPLOY: [&str; 2] = ["sh", "/srv/deploy.sh"];
const NAMESPACE: &str = "hitl-approval-v1";
/// OpenSSH's own software security key (Debian: openssh-tests).
const SECURITY_KEY: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/// An office whose members sign, and the place where their keys are.
pub struct SigningOffice {
    pub world: World,
    keys: TempDir,
}

pub fn open(world: World) -> SigningOffice {
    world.policy(POLICY);
    world.write("srv/deploy.sh", "echo ran >> /srv/ran\n");
    let keys = TempDir::new().unwrap();
    fs::set_permissions(keys.path(), fs::Permissions::from_mode(0o711)).unwrap();
    SigningOffice { world, keys }
}

impl SigningOffice {
    /// Makes a key of this type for somebody: its file, which only they can read.
    fn key(&self, user: &str, name: &str, options: &[&str]) -> PathBuf {
        self.key_with(user, name, "", options)
    }

    /// The same with a passphrase.
    fn key_with(&self, user: &str, name: &str, passphrase: &str, options: &[&str]) -> PathBuf {
        let path = self.keys.path().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", passphrase, "-C", user, "-f"])
            .arg(&path)
            .args(options)
            .env("SSH_SK_PROVIDER", SECURITY_KEY)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let uid = nix::unistd::Uid::from_raw(crate::world::uid_of(user));
        nix::unistd::chown(&path, Some(uid), None).unwrap();
        path
    }

    /// Makes a key and registers it.
    fn registered(&self, user: &str, name: &str, options: &[&str]) -> PathBuf {
        self.registered_with(user, name, "", options)
    }

    /// The same with a passphrase.
    pub fn registered_with(
        &self,
        user: &str,
        name: &str,
        passphrase: &str,
        options: &[&str],
    ) -> PathBuf {
        let path = self.key_with(user, name, passphrase, options);
        let public = path.with_extension("pub");
        let line = format!("{user} {}", fs::read_to_string(public).unwrap());
        let registry = self.world.outside("etc/hitl/allowed_signers");
        let before = fs::read_to_string(&registry).unwrap_or_default();
        fs::write(&registry, before + &line).unwrap();
        path
    }

    fn approves(&self, user: &str, id: &str, key: &Path) -> Ran {
        self.call(user, &["approve", id, "--key", key.to_str().unwrap()]).run()
    }

    fn call(&self, user: &str, arguments: &[&str]) -> Call<'_> {
        self.world.hitl(user, arguments).with("SSH_SK_PROVIDER", SECURITY_KEY)
    }

    fn ask(&self, command: &[&str]) -> String {
        self.world.ask("alice", command)
    }

    /// The statement that somebody is offered.
    fn statement(&self, user: &str, id: &str, further: &[&str]) -> String {
        let arguments = [&["show", "--statement", id], further].concat();
        self.world.hitl(user, &arguments).run().exits(0).stdout
    }

    /// Signs any text with ssh-keygen: the file of the signature.
    fn sign(&self, key: &Path, namespace: &str, text: &str) -> PathBuf {
        let directory = TempDir::new_in(self.keys.path()).unwrap().keep();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let file = directory.join("statement");
        fs::write(&file, text).unwrap();
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .args([key, &file])
            .env("SSH_SK_PROVIDER", SECURITY_KEY)
            .output()
            .unwrap();
        assert!(signed.status.success(), "{signed:?}");
        file.with_extension("sig")
    }

    fn hands_in(&self, user: &str, verb: &str, id: &str, signature: &Path) -> Ran {
        self.world.hitl(user, &[verb, id, "--signature", signature.to_str().unwrap()]).run()
    }

    /// The only entry of this action about a request.
    pub fn entry(&self, id: &str, action: &str) -> Value {
        self.world.audited(id, action, 1);
        let found = |entry: &Value| {
            entry["event"]["action"] == action && entry["hitl"]["request_id"] == *id
        };
        self.world.audit().into_iter().find(found).unwrap()
    }
}

/// Whether stock ssh-keygen, with the file that hitl reads, accepts what an entry of the log holds.
fn ssh_keygen_accepts(office: &SigningOffice, entry: &Value) -> bool {
    let hitl = &entry["hitl"];
    let directory = TempDir::new().unwrap();
    let signature = directory.path().join("signature");
    fs::write(&signature, hitl["signature"].as_str().unwrap()).unwrap();
    let statement = directory.path().join("statement");
    fs::write(&statement, hitl["statement"].as_str().unwrap()).unwrap();
    let verified = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", NAMESPACE, "-I", hitl["principal"].as_str().unwrap(), "-f"])
        .arg(office.world.outside("etc/hitl/allowed_signers"))
        .arg("-s")
        .arg(&signature)
        .stdin(fs::File::open(&statement).unwrap())
        .output()
        .unwrap();
    verified.status.success()
}

#[test]
fn a_signature_with_the_approvers_key_counts_and_stock_ssh_keygen_accepts_what_is_on_record() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    let approved = office.approves("bob", &id, &key).exits(0);
    // What is signed is shown before.
    approved.says("what you sign:\n  hitl-approval/v1\n  decision: approve\n").says("approved");
    office.world.resume("alice", &id).exits(0);
    assert_eq!(office.world.times_run(), 1);
    let entry = office.entry(&id, "approval-recorded");
    assert_eq!(entry["hitl"]["presence"], "key");
    assert_eq!(entry["hitl"]["proof"], "signature");
    assert_eq!(entry["hitl"]["principal"], "bob");
    let statement = entry["hitl"]["statement"].as_str().unwrap();
    for line in [
        "hitl-approval/v1\ndecision: approve\n",
        "\nrequested-by: alice (uid 2001)\n",
        "\nrun-as: root (uid 0 gid 0)\n",
        "\ncommand: [\"sh\",\"/srv/deploy.sh\"]\n",
        "\napprover: bob SHA256:",
    ] {
        assert!(statement.contains(line), "{line:?} in {statement}");
    }
    assert!(ssh_keygen_accepts(&office, &entry));
}

#[test]
fn a_login_is_not_enough_where_a_signature_is_demanded() {
    let office = open(world_or_skip!());
    let id = office.ask(&DEPLOY);
    // Nobody has a key yet: who registers one is said.
    office.world.approve("bob", &id).exits(77).says("hitl signers add bob");
    // A key that nobody registered is no key of bob's.
    office.registered("bob", "bob", &["-t", "ed25519"]);
    let unknown = office.key("bob", "unknown", &["-t", "ed25519"]);
    office.approves("bob", &id, &unknown).exits(77).says("is not one that counts");
    assert_eq!(office.world.state(&id), "pending");
    office.world.audited(&id, "approval-recorded", 0);
}

#[test]
fn a_key_in_the_approvers_ssh_directory_is_found_and_their_login_is_enough_where_the_rules_say_so()
{
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    let home = office.keys.path().join("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    for name in ["bob", "bob.pub"] {
        fs::rename(office.keys.path().join(name), home.join(".ssh").join(name)).unwrap();
    }
    drop(key);
    office.call("bob", &["approve", &id]).with("HOME", &home).run().exits(0);
    assert_eq!(office.entry(&id, "approval-recorded")["hitl"]["proof"], "signature");
    let by_login = office.ask(&["true"]);
    office.world.approve("bob", &by_login).exits(0);
    assert_eq!(office.entry(&by_login, "approval-recorded")["hitl"]["proof"], "login");
    // Who wants to sign may.
    let signed = office.ask(&["true"]);
    office.call("bob", &["approve", &signed, "--sign"]).with("HOME", &home).run().exits(0);
    assert_eq!(office.entry(&signed, "approval-recorded")["hitl"]["proof"], "signature");
}

#[test]
fn an_agent_that_holds_the_key_is_asked_to_sign() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ecdsa"]);
    let id = office.ask(&DEPLOY);
    let line = format!(
        "eval $(ssh-agent) >/dev/null && ssh-add -q {key} && rm {key} && hitl approve {id}; \
         status=$?; kill $SSH_AGENT_PID; exit $status",
        key = key.display()
    );
    fs::set_permissions(office.keys.path(), fs::Permissions::from_mode(0o777)).unwrap();
    office.world.script("bob", &line).run().exits(0);
    let entry = office.entry(&id, "approval-recorded");
    assert!(ssh_keygen_accepts(&office, &entry));
}

#[test]
fn a_touch_is_proved_by_a_security_key_alone_and_a_pin_only_where_it_was_asked_for() {
    let office = open(world_or_skip!());
    if !Path::new(SECURITY_KEY).exists() {
        eprintln!("\n*** SKIPPED: it needs a software security key (Debian: openssh-tests) ***\n");
        return;
    }
    let plain = office.registered("bob", "plain", &["-t", "ed25519"]);
    let touched = office.ask(&["touch", "/srv/a"]);
    office.approves("bob", &touched, &plain).exits(77).says("no security key of bob");
    let sk = office.registered("bob", "sk", &["-t", "ed25519-sk"]);
    office.approves("bob", &touched, &plain).exits(77).says("is not one that counts");
    office.approves("bob", &touched, &sk).exits(0);
    let entry = office.entry(&touched, "approval-recorded");
    assert_eq!(entry["hitl"]["presence"], "touch");
    assert!(ssh_keygen_accepts(&office, &entry));
    // Stock ssh-keygen accepts a signature without a touch; hitl does not.
    let untouched = office.ask(&["touch", "/srv/b"]);
    let lazy = office.registered("bob", "lazy", &["-t", "ecdsa-sk", "-O", "no-touch-required"]);
    office.approves("bob", &untouched, &lazy).exits(77).says("touch");
    assert_eq!(office.world.state(&untouched), "pending");
    // Nor a touch where the PIN is demanded.
    let verified = office.ask(&["mkdir", "/srv/c"]);
    office.approves("bob", &verified, &sk).exits(77).says("PIN");
    let pin = office.registered("bob", "pin", &["-t", "ecdsa-sk", "-O", "verify-required"]);
    office.approves("bob", &verified, &pin).exits(0);
    assert_eq!(office.entry(&verified, "approval-recorded")["hitl"]["presence"], "verify");
}

#[test]
fn a_statement_can_be_signed_on_another_machine_and_handed_in() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    let statement = office.statement("bob", &id, &["-m", "after the backup"]);
    assert!(statement.contains("\nmessage: \"after the backup\"\n"), "{statement}");
    let signature = office.sign(&key, NAMESPACE, &statement);
    // Not by somebody else, though the signature is good.
    office.hands_in("carol", "approve", &id, &signature).exits(77);
    assert_eq!(office.world.state(&id), "pending");
    office.hands_in("bob", "approve", &id, &signature).exits(0);
    let entry = office.entry(&id, "approval-recorded");
    assert_eq!(entry["hitl"]["message"], "after the backup");
    assert!(ssh_keygen_accepts(&office, &entry));
    office.world.resume("alice", &id).exits(0);
    assert_eq!(office.world.times_run(), 1);
}

#[test]
fn a_signature_of_anything_else_is_none_of_this_approval() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let (id, other) = (office.ask(&DEPLOY), office.ask(&DEPLOY));
    let statement = office.statement("bob", &id, &[]);
    let no = office.statement("bob", &id, &["--reject", "-m", "no"]);
    let elsewhere = office.statement("bob", &other, &[]);
    let without_first_line = statement.split_once('\n').unwrap().1.to_owned();
    let lenient = statement.replace("uid 0 gid 0", "uid 1 gid 1");
    for (what, text) in [
        ("a rejection", no.as_str()),
        ("another request", &elsewhere),
        ("no first line", &without_first_line),
        ("one byte more", &format!("{statement}\n")),
        ("one byte less", statement.trim_end()),
        ("a changed value", &lenient),
    ] {
        let signature = office.sign(&key, NAMESPACE, text);
        let refused = office.hands_in("bob", "approve", &id, &signature);
        assert_eq!(refused.code(), 77, "{what}: {refused:?}");
    }
    // The right text, for another purpose.
    let signature = office.sign(&key, "file", &statement);
    office
        .hands_in("bob", "approve", &id, &signature)
        .exits(77)
        .says("was made for file, not for hitl-approval-v1");
    // The right text, by another's key, and by one that is nobody's.
    let carols = office.registered("carol", "carol", &["-t", "ed25519"]);
    let nobodys = office.key("bob", "nobodys", &["-t", "ed25519"]);
    for key in [&carols, &nobodys] {
        let signature = office.sign(key, NAMESPACE, &statement);
        office.hands_in("bob", "approve", &id, &signature).exits(77);
    }
    // A yes is no rejection either.
    let signature = office.sign(&key, NAMESPACE, &statement);
    office.hands_in("bob", "reject", &id, &signature).exits(77);
    assert_eq!(office.world.state(&id), "pending");
    assert_eq!(office.world.state(&other), "pending");
    office.world.audited(&id, "approval-recorded", 0);
    // And the right one counts after all that.
    office.hands_in("bob", "approve", &id, &signature).exits(0);
}

#[test]
fn a_signed_rejection_is_on_record_with_its_statement() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    let statement = office.statement("bob", &id, &["--reject", "-m", "not today"]);
    assert!(statement.starts_with("hitl-approval/v1\ndecision: reject\n"), "{statement}");
    let signature = office.sign(&key, NAMESPACE, &statement);
    office.hands_in("bob", "reject", &id, &signature).exits(0);
    let entry = office.entry(&id, "approval-rejected");
    assert_eq!(entry["hitl"]["message"], "not today");
    assert!(ssh_keygen_accepts(&office, &entry));
    office.world.resume("alice", &id).exits(77).says("not today");
}

#[test]
fn one_human_with_two_keys_is_one_human() {
    let office = open(world_or_skip!());
    let first = office.registered("bob", "first", &["-t", "ed25519"]);
    let second = office.registered("bob", "second", &["-t", "ecdsa"]);
    let carols = office.registered("carol", "carol", &["-t", "ed25519"]);
    let id = office.ask(&["cp", "/srv/deploy.sh", "/srv/copy"]);
    office.approves("bob", &id, &first).exits(0);
    office.approves("bob", &id, &second).exits(77).says("already approved");
    assert_eq!(office.world.state(&id), "pending");
    office.approves("carol", &id, &carols).exits(0);
    assert_eq!(office.world.state(&id), "approved");
}

#[test]
fn the_requesters_own_key_does_not_count_whoever_hands_it_in() {
    let office = open(world_or_skip!());
    let alices = office.registered("alice", "alice", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    office.approves("alice", &id, &alices).exits(77).says("you asked for it yourself");
    office.registered("bob", "bob", &["-t", "ed25519"]);
    let statement = office.statement("bob", &id, &[]);
    let signature = office.sign(&alices, NAMESPACE, &statement);
    office.hands_in("bob", "approve", &id, &signature).exits(77);
    assert_eq!(office.world.state(&id), "pending");
}

#[test]
fn what_a_key_signed_before_it_was_revoked_stays_and_what_it_signs_later_does_not() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let (before, after) = (office.ask(&DEPLOY), office.ask(&DEPLOY));
    office.approves("bob", &before, &key).exits(0);
    // Signed before, and handed in afterwards: the date that it claims is older than the revocation.
    let statement = office.statement("bob", &after, &[]);
    let old = office.sign(&key, NAMESPACE, &statement);
    office.world.hitl("root", &["signers", "revoke", "bob", "-m", "lost laptop"]).run().exits(0);
    office.hands_in("bob", "approve", &after, &old).exits(77).says("revoked");
    office.approves("bob", &after, &key).exits(77);
    assert_eq!(office.world.state(&after), "pending");
    office.world.resume("alice", &before).exits(0);
    assert_eq!(office.world.times_run(), 1);
    office.world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn an_approval_whose_signer_is_no_longer_registered_is_not_used() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    office.approves("bob", &id, &key).exits(0);
    office.world.hitl("root", &["signers", "remove", "bob"]).run().exits(0);
    office.world.resume("alice", &id).exits(77).says("is not registered");
    assert_eq!(office.world.times_run(), 0);
    assert_eq!(office.world.state(&id), "void");
}

#[test]
fn no_single_changed_byte_of_a_stored_approval_is_accepted() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    office.approves("bob", &id, &key).exits(0);
    let world = &office.world;
    let honest = world.record(&id);
    let record: Value = serde_json::from_str(&honest).unwrap();
    let signed = &record["approvals"][0]["proof"]["signed"];
    // Sealed anew each time, as somebody would who can write in the store.
    let mut tried = 0;
    for part in ["statement", "signature"] {
        let text = serde_json::to_string(&signed[part]).unwrap();
        let start = honest.find(&text).unwrap();
        // Every byte is tried where it is cheap (`signing`'s own tests); here one in nine, by a process.
        for position in (start + 1..start + text.len() - 1).step_by(9) {
            let mut bytes = honest.clone().into_bytes();
            bytes[position] = if bytes[position] == b'7' { b'8' } else { b'7' };
            world.forge_record(&id, &String::from_utf8(bytes).unwrap());
            let refused = world.resume("alice", &id);
            assert_ne!(refused.code(), 0, "byte {position} of the {part}: {refused:?}");
            assert_eq!(world.times_run(), 0);
            tried += 1;
            // Where it was made void, that is the end of it.
            world.forge_record(&id, &honest);
            let closed = world.outside("var-lib/hitl/requests/closed");
            fs::remove_dir_all(closed).unwrap_or_default();
        }
    }
    assert!(tried > 100, "{tried}");
    world.resume("alice", &id).exits(0);
    assert_eq!(world.times_run(), 1);
}

#[test]
fn what_was_signed_tells_the_requester_no_digest_that_they_could_guess_by() {
    let office = open(world_or_skip!());
    let world = &office.world;
    world.write("srv/private.sh", "pin=zyxw\n");
    world.mode("srv/private.sh", 0o600);
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let approved = office.ask(&["sh", "/srv/private.sh"]);
    office.approves("bob", &approved, &key).exits(0);
    let rejected = office.ask(&["sh", "/srv/private.sh"]);
    let no = ["reject", &rejected, "-m", "no", "--key", key.to_str().unwrap()];
    office.call("bob", &no).run().exits(0);
    for (id, action) in [(&approved, "approval-recorded"), (&rejected, "approval-rejected")] {
        let statement = office.entry(id, action)["hitl"]["statement"].to_string();
        let shown = |user: &str| world.hitl(user, &["show", "--json", id]).run().exits(0).stdout;
        let whole: Value = serde_json::from_str(&shown("bob")).unwrap();
        let nonce = whole["bound"]["nonce"].as_str().unwrap();
        let files = whole["bound"]["operands"].as_array().unwrap();
        let file = files.iter().find(|file| file["path"] == "/srv/private.sh").unwrap();
        let digest = file["sha256"].as_str().unwrap();
        for secret in [nonce, digest] {
            // Those who decide see what was signed.
            assert!(statement.contains(secret) && shown("bob").contains("hitl-approval/v1"));
            let list = world.hitl("alice", &["pending", "--all", "--json"]).run().exits(0);
            for told in [shown("alice"), list.stdout] {
                assert!(!told.contains(secret), "{told}");
            }
        }
        let by_signature = serde_json::from_str::<Value>(&shown("alice")).unwrap();
        let word = match action {
            "approval-recorded" => &by_signature["approvals"][0],
            _ => &by_signature["rejection"],
        };
        assert_eq!(word["proof"]["by"], "signature", "that it was signed is no secret");
        assert_eq!(word["proof"]["signed"]["offer"]["principal"], "bob");
    }
}

#[test]
fn a_confirmation_is_not_signed_where_what_is_signed_tells_more_than_the_requester_may_see() {
    let office = open(world_or_skip!());
    let world = &office.world;
    let sure =
        POLICY.to_owned() + "  - {id: sure, match: {command: /usr/bin/cat}, decision: confirm}\n";
    world.policy(&sure);
    world.write("srv/private", "pin=zyxw\n");
    world.mode("srv/private", 0o600);
    let key = office.registered("alice", "alice", &["-t", "ed25519"]);
    let id = office.ask(&["cat", "/srv/private"]);
    let whole = world.hitl("root", &["show", "--json", &id]).run().exits(0).json();
    let nonce = whole["bound"]["nonce"].as_str().unwrap();
    for ran in [
        world.hitl("alice", &["show", "--statement", &id]).run(),
        office.approves("alice", &id, &key),
    ] {
        let ran = ran.exits(77).says("hitl approve");
        assert!(!ran.stdout.contains(nonce) && !ran.stderr.contains("sha256"), "{ran:?}");
    }
    assert_eq!(world.state(&id), "pending");
    // Their login is all the proof that there is to it.
    world.approve("alice", &id).exits(0);
}

#[test]
fn a_key_that_is_revoked_while_its_owner_signs_does_not_count_and_the_log_stays_good() {
    let office = open(world_or_skip!());
    let world = &office.world;
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    // It signs when it is told to: whoever has the key chooses when.
    fs::set_permissions(office.keys.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let place = office.keys.path().display().to_string();
    world.install(
        "ssh-keygen",
        &format!(
            "#!/bin/sh\ncase \"$*\" in *sign*) touch {place}/asked; \
             while [ ! -e {place}/go ]; do sleep 0.02; done;; esac\n\
             exec /usr/bin/ssh-keygen \"$@\"\n"
        ),
    );
    for verb in [&["approve"][..], &["reject", "-m", "no"]] {
        let id = office.ask(&DEPLOY);
        let words = [verb, &[&id, "--key", key.to_str().unwrap()]].concat();
        let mut command = office.call("bob", &words).command();
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let deciding = command.spawn().unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !office.keys.path().join("asked").exists() {
            assert!(std::time::Instant::now() < end, "it was never asked to sign");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        world.hitl("root", &["signers", "revoke", "bob", "-m", "stolen"]).run().exits(0);
        fs::write(office.keys.path().join("go"), "").unwrap();
        crate::world::finish(deciding).exits(77).says("is revoked");
        assert_eq!(world.state(&id), "pending");
        world.hitl("root", &["audit", "verify"]).run().exits(0);
        for left in ["asked", "go"] {
            fs::remove_file(office.keys.path().join(left)).unwrap();
        }
        fs::remove_file(world.outside("etc/hitl/revoked_signers")).unwrap();
    }
}

#[test]
fn a_log_that_was_rewritten_lacks_what_its_signers_have_seen() {
    let office = open(world_or_skip!());
    let key = office.registered("bob", "bob", &["-t", "ed25519"]);
    let id = office.ask(&DEPLOY);
    office.approves("bob", &id, &key).exits(0);
    office.world.resume("alice", &id).exits(0);
    let honest = office.world.read("var-lib/hitl/audit/000001.jsonl");
    // The head is not signed: root takes it away.
    fs::remove_file(office.world.outside("var-lib/hitl/audit/head")).unwrap();
    let rewritten = |change: &dyn Fn(&mut Value)| {
        let lines = honest.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut lines: Vec<Value> = lines.collect();
        lines.iter_mut().for_each(change);
        let text: String = chained_again(&lines).iter().map(|line| format!("{line}\n")).collect();
        office.world.write("var-lib/hitl/audit/000001.jsonl", &text);
        office.world.hitl("root", &["audit", "verify"]).run()
    };
    // By root, who chains everything anew: alice's reason is another now.
    let ran = rewritten(&|entry| {
        if entry["event"]["action"] == "privilege-requested" {
            entry["hitl"]["reason"] = "because".into();
        }
    });
    ran.exits(1).prints("its signer has seen another entry");
    // Nor can the signature be taken out, or given to another.
    let ran = rewritten(&|entry| {
        if entry["event"]["action"] == "approval-recorded" {
            entry["hitl"].as_object_mut().unwrap().remove("signature");
        }
    });
    ran.exits(1).prints("has no signature");
    let ran = rewritten(&|entry| {
        if entry["event"]["action"] == "approval-recorded" {
            entry["user"]["name"] = "carol".into();
            entry["user"]["id"] = "2003".into();
        }
    });
    ran.exits(1).prints("signed by somebody else");
}

#[test]
fn without_privileges_a_confirmation_can_be_signed_too() {
    let world = world_or_skip!();
    world.user_policy(
        "alice",
        "version: 1\nname: own\nrules:\n  - {id: sure, match: {command: /usr/bin/true}, decision: confirm}\n",
    );
    let office = SigningOffice { world, keys: TempDir::new().unwrap() };
    fs::set_permissions(office.keys.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let key = office.key("alice", "alice", &["-t", "ed25519"]);
    let public = format!("{}.pub", key.display());
    let hitl = |arguments: &[&str]| office.world.plain_hitl("alice", arguments).run();
    hitl(&["signers", "add", "alice", &public]).exits(0);
    let id = crate::office::asked(&hitl(&["run", "--no-wait", "--json", "--", "true"]));
    hitl(&["approve", &id, "--key", key.to_str().unwrap()]).exits(0);
    let shown = hitl(&["show", "--json", &id]).exits(0).json();
    assert_eq!(shown["approvals"][0]["proof"]["by"], "signature");
    hitl(&["run", "--no-wait", "--resume", &id]).exits(0);
    hitl(&["audit", "verify"]).exits(0);
}
