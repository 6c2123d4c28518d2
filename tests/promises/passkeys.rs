//! A passkey in a browser signs the same statement: it counts from the page that the policy names, and
//! from no other.

use std::fs;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use p256::ecdsa::signature::Signer;
use sha2::{Digest, Sha256, Sha512};

use crate::world::{Ran, World};
use crate::world_or_skip;

const POLICY: &str = r#"
version: 1
name: passkeys
defaults: {decision: approve, require: [{group: ops, presence: verify}]}
webauthn: {origins: ["https://approve.example.com"]}
groups: [{name: ops, users: [bob, alice]}]
"#;

/// The site that the passkey is for.
const SITE: &str = "example.com";
const PAGE: &str = "https://approve.example.com";
/// WebAuthn, section 6.1: the user is there, and has been verified.
const PRESENT: u8 = 1;
const VERIFIED: u8 = 4;

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A number as OpenSSH writes it: no leading zeros but the one that keeps it positive.
fn number(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap();
    let sign: &[u8] = if bytes[start] & 0x80 == 0 { &[] } else { &[0] };
    string(&[sign, &bytes[start..]].concat())
}

struct Passkey(p256::ecdsa::SigningKey);

impl Passkey {
    fn new() -> Self {
        Self(p256::ecdsa::SigningKey::from_slice(&[42; 32]).unwrap())
    }

    fn public(&self) -> Vec<u8> {
        let point = self.0.verifying_key().to_sec1_point(false);
        let parts: [&[u8]; 4] =
            [b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point.as_bytes(), SITE.as_bytes()];
        parts.iter().flat_map(|part| string(part)).collect()
    }

    /// What a browser that shows this page has the passkey sign, as an SSH signature.
    fn sign(&self, statement: &str, page: &str, flags: u8) -> String {
        let namespace = b"hitl-approval-v1";
        let hashed = Sha512::digest(statement);
        let data: Vec<u8> = [namespace, &b""[..], b"sha512", &hashed[..]]
            .iter()
            .flat_map(|part| string(part))
            .collect();
        let challenge = Base64UrlUnpadded::encode_string(&[b"SSHSIG", &data[..]].concat());
        let client = format!(
            "{{\"type\":\"webauthn.get\",\"challenge\":\"{challenge}\",\"origin\":\"{page}\",\"crossOrigin\":false}}"
        );
        let counter = 9_u32.to_be_bytes();
        let signed =
            [&Sha256::digest(SITE)[..], &[flags], &counter, &Sha256::digest(&client)[..]].concat();
        let signature: p256::ecdsa::Signature = self.0.sign(&signed);
        let (r, s) = signature.split_bytes();
        let inner = [
            string(b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com"),
            string(&[number(&r), number(&s)].concat()),
            vec![flags],
            counter.to_vec(),
            string(page.as_bytes()),
            string(client.as_bytes()),
            string(b""),
        ]
        .concat();
        let blob = [
            b"SSHSIG\0\0\0\x01".to_vec(),
            string(&self.public()),
            string(namespace),
            string(b""),
            string(b"sha512"),
            string(&inner),
        ]
        .concat();
        let text = Base64::encode_string(&blob);
        let lines: Vec<&str> =
            text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!(
            "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
            lines.join("\n")
        )
    }
}

fn hands_in(world: &World, id: &str, signature: &str) -> Ran {
    let arguments = ["approve", id, "--signature", "-"];
    world.hitl("bob", &arguments).with_input(signature.as_bytes()).run()
}

#[test]
fn a_passkey_counts_from_the_page_that_the_policy_names_and_from_no_other() {
    let world = world_or_skip!();
    world.policy(POLICY);
    let passkey = Passkey::new();
    let key =
        format!("sk-ecdsa-sha2-nistp256@openssh.com {}", Base64::encode_string(&passkey.public()));
    fs::write(world.outside("etc/hitl/allowed_signers"), format!("bob {key}\n")).unwrap();
    let id = world.ask("alice", &["touch", "/srv/made"]);
    let statement = world.hitl("bob", &["show", "--statement", &id]).run().exits(0).stdout;
    let all = PRESENT | VERIFIED;
    for (page, flags, why) in [
        ("https://approve.example.net", all, "approve.example.net"),
        ("http://approve.example.com", all, "approve.example.com"),
        ("https://evil.approve.example.com", all, "evil"),
        (PAGE, PRESENT, "PIN"),
        (PAGE, VERIFIED, "PIN"),
    ] {
        let refused = hands_in(&world, &id, &passkey.sign(&statement, page, flags)).exits(77);
        refused.says(why);
    }
    assert_eq!(world.state(&id), "pending");
    hands_in(&world, &id, &passkey.sign(&statement, PAGE, all)).exits(0);
    world.resume("alice", &id).exits(0);
    assert!(world.outside("srv/made").exists());
    world.audited(&id, "approval-recorded", 1);
    let entries = world.audit();
    let approval = entries.iter().find(|entry| entry["event"]["action"] == "approval-recorded");
    assert_eq!(approval.unwrap()["hitl"]["presence"], "verify");
}
