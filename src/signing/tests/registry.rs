//! Whose key is whose, as the two files say it.

use std::path::Path;

use proptest::prelude::*;

use super::maker::{Kind, Maker};
use crate::signing::{
    ChangeError, PublicKey, Signers, SignersError, revocable, with_revocations, with_signer,
    without_signers,
};
use crate::system::{BootId, Moment};

const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDHsecure old@host";

fn key(kind: Kind, seed: u8) -> String {
    Maker::with(kind, |it| it.seed = seed).key().to_string()
}

fn ed(seed: u8) -> String {
    key(Kind::Ed25519, seed)
}

fn read(allowed: &str, revoked: &str) -> Result<Signers, SignersError> {
    Signers::from_texts((Path::new("allowed"), allowed), (Path::new("revoked"), revoked))
}

fn at(seconds: i64) -> Moment {
    Moment { wall_ms: seconds * 1000, boot_ms: 0, boot_id: BootId("boot".into()) }
}

#[test]
fn a_person_has_the_keys_of_all_their_principals() {
    let text = format!(
        "# who may sign\n\nbob {} bob's laptop\n  bob@phone\t{}\nbobby {}\nalice@example.com namespaces=\"hitl-*\" {}",
        ed(1),
        key(Kind::Browser, 2),
        ed(3),
        key(Kind::SkEd25519, 4),
    );
    let signers = read(&text, "").unwrap();
    let of = |login: &str| -> Vec<&str> {
        signers.of_login(login).iter().map(|signer| signer.principal()).collect()
    };
    assert_eq!(of("bob"), ["bob", "bob@phone"]);
    assert_eq!(of("bobby"), ["bobby"]);
    assert_eq!(of("alice"), ["alice@example.com"]);
    assert!(of("bob@phone").is_empty() && of("").is_empty());
    let (key, _) = PublicKey::parse_line(&ed(1)).unwrap();
    let bob = signers.by_key(&key).unwrap();
    assert_eq!((bob.principal(), bob.comment(), bob.line()), ("bob", "bob's laptop", 3));
    assert!(signers.by_key(&PublicKey::parse_line(&ed(9)).unwrap().0).is_none());
    assert!(signers.lints().is_empty());
}

#[test]
fn a_file_that_leaves_open_whose_key_it_is_is_refused_whole() {
    let (one, two) = (ed(1), ed(2));
    for (line, column, because) in [
        (format!("*@example.com {two}"), 1, "stands for many"),
        (format!("bo? {two}"), 1, "stands for many"),
        (format!("*@example.com cert-authority {two}"), 1, "stands for many"),
        (format!("!bob {two}"), 1, "who does not count"),
        (format!("bob,alice {two}"), 1, "several principals"),
        (format!("bob,!alice {two}"), 1, "who does not count"),
        (format!("\"bob\" {two}"), 1, "login name"),
        (format!("@example.com {two}"), 1, "login name"),
        (format!("bób {two}"), 1, "login name"),
        (format!("\u{feff}bob {two}"), 1, "login name"),
        (two.clone(), 1, "does not say whose key"),
        (format!("eve {one}"), 5, "line 2 already, as bob's"),
        (format!("bob@other {one}"), 11, "line 2 already, as bob's"),
        (format!("bob {one}"), 5, "line 2 already: take one"),
        (format!("bob namespaces=\"file\" {one}"), 23, "line 2 already"),
        (format!("bob no-touch-required {two}"), 5, "unknown option"),
        (format!("bob valid-after=\"20260101\" {two}"), 5, "time zone"),
        ("bob".to_owned(), 4, "ends before its key"),
        ("bob namespaces=\"file\"".to_owned(), 22, "no public key"),
        ("bob ssh-ed25519".to_owned(), 5, "unknown option"),
        ("bob ssh-ed25519 AAAA".to_owned(), 5, "damaged"),
        (format!("bob {}", two.replace("AAAA", "AAA")), 5, "not Base64"),
        (
            format!("bob {}", two.replace("ssh-ed25519", "sk-ssh-ed25519@openssh.com")),
            5,
            "not of type",
        ),
        (format!("bob {two}\r"), 4 + two.chars().count() + 1, "control character"),
        (format!("bob\u{b} {two}"), 4, "control character"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), 12, "unknown option"),
    ] {
        let refused = read(&format!("# first\nbob {one}\n{line}\n"), "");
        let Err(SignersError::Wrong { place, message }) = refused else {
            panic!("accepted: {line}")
        };
        assert!(message.contains(because), "{line}: {message}");
        assert_eq!((place.line, place.column), (3, column), "{line}: {message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_the_lists_panic_and_none_names_more_than_one_person(
        words in proptest::collection::vec(
            prop_oneof![
                Just("bob".to_owned()), Just("al,ice".to_owned()), Just("*".to_owned()),
                Just(" ".to_owned()), Just("\t".to_owned()), Just("\n".to_owned()),
                Just("#".to_owned()), Just("namespaces=\"".to_owned()), Just("\"".to_owned()),
                Just("valid-before=\"20260101Z\"".to_owned()), Just("cert-authority".to_owned()),
                Just(ed(1)), Just(key(Kind::Browser, 2)), Just(ed(3)), Just(RSA.to_owned()),
                Just("revoked-at-log=".to_owned()), "\\PC{0,4}", any::<char>().prop_map(String::from),
            ],
            0..24,
        ),
    ) {
        let text = words.concat();
        if let Ok(signers) = read(&text, "") {
            for signer in signers.all() {
                prop_assert!(!signer.principal().contains([',', '*', '?', '!', ' ', '"']));
                prop_assert!(!signer.login().is_empty() && !signer.login().contains('@'));
                prop_assert_eq!(signers.by_key(signer.key()), Some(signer));
            }
        }
        let _ = read("", &text);
    }
}

#[test]
fn what_cannot_approve_does_not_count_and_is_told() {
    let certificate = format!("ssh-ed25519-cert-v01@openssh.com {}", "AAAA");
    for (line, because) in [
        (format!("bob {RSA}"), "ssh-keygen -t ed25519"),
        (format!("bob namespaces=\"hitl-*\" {RSA}"), "ssh-keygen -t ed25519"),
        ("bob ssh-dss AAAA".to_owned(), "ssh-keygen -t ed25519"),
        ("bob ecdsa-sha2-nistp384 AAAA".to_owned(), "only nistp256"),
        ("bob ssh-ed448 AAAA".to_owned(), "ssh-keygen -t ed25519"),
        (format!("bob {certificate}"), "this is a certificate"),
        (format!("bob cert-authority {}", ed(2)), "certification authority"),
        (format!("bob namespaces=\"git,file\" {}", ed(2)), "do not admit"),
        (format!("bob namespaces=\"*,!hitl-*\" {}", ed(2)), "do not admit"),
    ] {
        let signers = read(&format!("alice {}\n{line}\n", ed(1)), "").unwrap();
        assert_eq!(signers.all().len(), 1, "{line}");
        let [lint] = signers.lints() else { panic!("{line}: {:?}", signers.lints()) };
        assert_eq!(lint.place.line, 2);
        assert!(lint.message.contains(because), "{line}: {}", lint.message);
    }
}

#[test]
fn a_key_counts_from_its_first_second_to_its_last() {
    let options = "valid-after=\"20260101Z\",valid-before=\"20260102000000Z\"";
    let text = format!("bob {options} {}\nalice {}\n", ed(1), ed(2));
    let signers = read(&text, "").unwrap();
    let start = 1_767_225_600;
    let day = 86_400;
    let [bob, alice] = signers.all() else { panic!() };
    for (seconds, valid) in
        [(start - 1, false), (start, true), (start + day, true), (start + day + 1, false)]
    {
        assert_eq!(bob.valid_at(&at(seconds)), valid, "{seconds}");
        assert!(alice.valid_at(&at(seconds)));
    }
}

#[test]
fn a_key_is_revoked_from_a_place_in_the_log_on() {
    let (one, two, three) = (ed(1), ed(2), ed(3));
    let revoked = format!(
        "# gone\n{one} revoked-at-log=17 stolen laptop\n{two} some comment\n{three} revoked-at-log=9\n{three} revoked-at-log=8 earlier\n{RSA}\n"
    );
    let signers = read("", &revoked).unwrap();
    let of = |text: &str| {
        let (key, _) = PublicKey::parse_line(text).unwrap();
        signers.revocation_of(&key).map(|found| (found.sequence, found.because.clone()))
    };
    assert_eq!(of(&one), Some((17, "stolen laptop".into())));
    assert_eq!(of(&two), Some((0, "some comment".into())));
    assert_eq!(of(&three), Some((8, "earlier".into())));
    assert_eq!(of(&ed(4)), None);
    let (key, _) = PublicKey::parse_line(&one).unwrap();
    let revocation = signers.revocation_of(&key).unwrap();
    assert!(!revocation.covers(16) && revocation.covers(17) && revocation.covers(18));
    assert_eq!(signers.lints().len(), 1);
    for bad in [
        format!("{one} revoked-at-log=-1 x"),
        format!("{one} revoked-at-log= x"),
        format!("{one} revoked-at-log=+1 x"),
        format!("{one} revoked-at-log=99999999999999999999 x"),
        format!("bob {one}"),
        "nonsense".to_owned(),
    ] {
        assert!(read("", &bad).is_err(), "{bad}");
    }
}

#[test]
fn signers_come_and_go_line_by_line() {
    let text = format!("# kept\nbob {}\nbob@phone {}\n# also kept\nalice {}", ed(1), ed(2), ed(3));
    let signers = read(&text, "").unwrap();
    let (added, whole) = with_signer(&signers, &text, "carol", &format!("{} c\n", ed(4))).unwrap();
    let whole = whole.unwrap();
    assert!(whole.starts_with(&text));
    let after = read(&whole, "").unwrap();
    assert_eq!(after.by_key(&added).unwrap().principal(), "carol");
    assert_eq!(after.all().len(), 4);
    // Once more is nothing more.
    assert!(with_signer(&after, &whole, "carol", &ed(4)).unwrap().1.is_none());

    let gone =
        |whom: &str| without_signers(&signers, &text, whom).map(|(gone, text)| (gone.len(), text));
    let fingerprint = signers.all()[1].key().fingerprint();
    assert_eq!(gone("bob@phone").unwrap().0, 1);
    assert_eq!(gone(&fingerprint).unwrap(), gone("bob@phone").unwrap());
    let (count, rest) = gone("bob").unwrap();
    assert_eq!((count, rest), (2, format!("# kept\n# also kept\nalice {}", ed(3))));
    assert!(matches!(gone("dave"), Err(ChangeError::Unknown(_))));
    assert!(matches!(gone("SHA256:x"), Err(ChangeError::Unknown(_))));

    for (name, line, because) in [
        ("eve", ed(1), "this key is bob's (line 2"),
        ("*", ed(5), "stands for many"),
        ("a,b", ed(5), "several principals"),
        ("eve", RSA.to_owned(), "ssh-keygen -t ed25519"),
        ("eve", format!("{}\n{}", ed(5), ed(6)), "one public key"),
        ("eve", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n".to_owned(), "private key"),
        ("eve", String::new(), "no public key"),
    ] {
        let refused = with_signer(&signers, &text, name, &line).unwrap_err().to_string();
        assert!(refused.contains(because), "{line}: {refused}");
    }
}

#[test]
fn a_revoked_key_does_not_come_back() {
    let text = format!("bob {}\nbob {}\n", ed(1), ed(2));
    let signers = read(&text, "").unwrap();
    let (gone, reason) = revocable(&signers, "bob", " laptop stolen ").unwrap();
    let keys: Vec<_> = gone.iter().map(|signer| signer.key()).zip([7, 8]).collect();
    let revoked = with_revocations("# list", &keys, &reason);
    let after = read(&text, &revoked).unwrap();
    let sequences: Vec<_> =
        gone.iter().map(|signer| after.revocation_of(signer.key()).unwrap().sequence).collect();
    assert_eq!(sequences, [7, 8]);
    assert!(revocable(&after, "bob", "again").unwrap().0.is_empty());
    let back = with_signer(&after, &text, "bob", &ed(1));
    assert_eq!(back.unwrap_err(), ChangeError::Revoked(7));
    for reason in ["", "  ", "two\nlines", &"x".repeat(501)] {
        assert_eq!(revocable(&signers, "bob", reason).unwrap_err(), ChangeError::Reason);
    }
}
