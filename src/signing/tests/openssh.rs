//! Stock ssh-keygen and what is here agree: on what is signed, and on what the files of signers say.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::maker::{Kind, Maker, ORIGIN};
use crate::policy::Presence;
use crate::signing::{NAMESPACE, Signature, Signers, with_revocations, with_signer};

/// A security key in software, for tests: of Debian's package openssh-tests.
const SOFTWARE_KEY: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

const MESSAGE: &[u8] = b"hitl-approval/v1\ndecision: approve\n";

/// Whether there is what a test needs. Says loudly that it is skipped where not, and fails in CI.
fn there_is(what: &[&str]) -> bool {
    let missing = what.iter().find(|path| !Path::new(path).exists());
    if let Some(missing) = missing {
        // `.ci/run` looks for these words.
        let told =
            format!("*** SKIPPED: there is no {missing} (openssh-client, openssh-tests) ***");
        let _ = writeln!(std::io::stderr(), "\n{told}\n");
        assert!(std::env::var_os("CI").is_none(), "must not be skipped in CI");
    }
    missing.is_none()
}

/// A directory in which ssh-keygen works, and a PIN to give it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("message", MESSAGE);
        desk.write("pin", b"#!/bin/sh\necho 1234\n");
        fs::set_permissions(desk.0.path().join("pin"), fs::Permissions::from_mode(0o755)).unwrap();
        desk
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn keygen(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ssh-keygen");
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SSH_SK_PROVIDER", SOFTWARE_KEY)
            .env("SSH_ASKPASS", self.0.path().join("pin"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) {
        let output = self.keygen(arguments).output().unwrap();
        assert!(output.status.success(), "ssh-keygen {arguments:?}: {output:?}");
    }

    /// Whether `ssh-keygen -Y verify` accepts the signature as this person's.
    fn accepts(&self, who: &str, signature: &str) -> bool {
        self.write("signature", signature.as_bytes());
        let verify = ["-Y", "verify", "-f", "allowed", "-r", "revoked", "-n", NAMESPACE];
        self.keygen(&[&verify[..], &["-I", who, "-s", "signature"]].concat())
            .stdin(fs::File::open(self.0.path().join("message")).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }
}

fn no_signers() -> Signers {
    Signers::default()
}

#[test]
fn what_ssh_keygen_signs_is_accepted_for_what_it_proves() {
    if !there_is(&["/usr/bin/ssh-keygen", SOFTWARE_KEY]) {
        return;
    }
    let desk = Desk::new();
    desk.write("revoked", b"");
    for (name, options, presence) in [
        ("ed25519", &["-t", "ed25519"][..], Presence::Key),
        ("ecdsa", &["-t", "ecdsa", "-b", "256"], Presence::Key),
        ("ed25519-sk", &["-t", "ed25519-sk"], Presence::Touch),
        ("ecdsa-sk", &["-t", "ecdsa-sk"], Presence::Touch),
        ("untouched", &["-t", "ed25519-sk", "-O", "no-touch-required"], Presence::Key),
        ("untouched-ecdsa", &["-t", "ecdsa-sk", "-O", "no-touch-required"], Presence::Key),
        ("verified", &["-t", "ed25519-sk", "-O", "verify-required"], Presence::Verify),
        ("verified-ecdsa", &["-t", "ecdsa-sk", "-O", "verify-required"], Presence::Verify),
    ] {
        desk.done(&[options, &["-q", "-N", "", "-C", "a comment", "-f", name]].concat());
        desk.done(&["-Y", "sign", "-n", NAMESPACE, "-f", name, "message"]);
        let text = desk.read("message.sig");
        fs::remove_file(desk.0.path().join("message.sig")).unwrap();
        let signature = Signature::parse(text.as_bytes()).unwrap();
        let verified = signature.verify(NAMESPACE, MESSAGE, &[]).unwrap();
        assert_eq!(verified.presence, presence, "{name}: {verified:?}");
        assert_eq!(signature.armoured(), text, "{name}");
        assert!(signature.verify("file", MESSAGE, &[]).is_err());
        assert!(signature.verify(NAMESPACE, b"something else", &[]).is_err());

        // The list that hitl writes is one for ssh-keygen, and both name the key the same way.
        let public = desk.read(&format!("{name}.pub"));
        let (key, allowed) = with_signer(&no_signers(), "", "bob@here", &public).unwrap();
        assert_eq!(key, verified.key);
        desk.write("allowed", allowed.unwrap().as_bytes());
        assert!(desk.accepts("bob@here", &text), "{name}");
        let listed = desk.keygen(&["-l", "-f", &format!("{name}.pub")]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(&verified.key.fingerprint()), "{listed}");
    }
}

#[test]
fn what_is_accepted_here_ssh_keygen_accepts_too_until_the_key_is_revoked() {
    if !there_is(&["/usr/bin/ssh-keygen"]) {
        return;
    }
    let desk = Desk::new();
    for kind in Kind::ALL {
        let key = Maker::new(kind).key();
        let (_, allowed) = with_signer(&no_signers(), "", "bob", &format!("{key} bob's")).unwrap();
        desk.write("allowed", allowed.unwrap().as_bytes());
        desk.write("revoked", b"# none\n");
        for maker in [
            Maker::new(kind),
            Maker::with(kind, |it| it.hash = "sha256"),
            Maker::with(kind, |it| it.twin = true),
            Maker::with(kind, |it| it.flags = 0),
        ] {
            let text = maker.signature(MESSAGE);
            let signature = Signature::parse(text.as_bytes()).unwrap();
            signature.verify(NAMESPACE, MESSAGE, &[ORIGIN.to_owned()]).unwrap();
            assert!(desk.accepts("bob", &text), "{maker:?}");
            assert!(!desk.accepts("alice", &text), "{maker:?}");
        }
        let text = Maker::new(kind).signature(MESSAGE);
        desk.write("revoked", with_revocations("", &[(&key, 17)], "laptop stolen").as_bytes());
        assert!(!desk.accepts("bob", &text), "{kind:?} is revoked");
    }
}

#[test]
fn keys_that_cannot_approve_are_told_what_to_do() {
    if !there_is(&["/usr/bin/ssh-keygen"]) {
        return;
    }
    let desk = Desk::new();
    desk.done(&["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    desk.done(&["-q", "-s", "key", "-I", "id", "key.pub"]);
    desk.done(&["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa"]);
    desk.done(&["-q", "-t", "ecdsa", "-b", "384", "-N", "", "-f", "p384"]);
    for (file, because) in [
        ("key", "name its .pub file"),
        ("key-cert.pub", "name the key that it certifies"),
        ("rsa.pub", "ssh-keygen -t ed25519"),
        ("p384.pub", "only nistp256"),
    ] {
        let refused = with_signer(&no_signers(), "", "bob", &desk.read(file)).unwrap_err();
        assert!(refused.to_string().contains(because), "{file}: {refused}");
    }
    // A signature by a certificate names no key.
    desk.done(&["-Y", "sign", "-n", NAMESPACE, "-f", "key-cert.pub", "message"]);
    let refused = Signature::parse(desk.read("message.sig").as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("this is a certificate"), "{refused}");
}
