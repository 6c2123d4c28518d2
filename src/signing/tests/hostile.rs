//! Everything that is not exactly a signature by its key over its text is refused.

use maker::{Kind, Maker, ORIGIN};
use proptest::prelude::*;

use super::maker;
use crate::policy::Presence;
use crate::signing::{NAMESPACE, PublicKey, Signature, SignatureError, Verified, armour};

const MESSAGE: &[u8] = b"hitl-approval/v1\ndecision: approve\nnonce: 78377b52\n";

fn verify(signature: &str) -> Result<Verified, SignatureError> {
    let origins = [ORIGIN.to_owned(), "http://localhost:8080".to_owned()];
    Signature::parse(signature.as_bytes())?.verify(NAMESPACE, MESSAGE, &origins)
}

#[test]
fn every_kind_of_signature_is_accepted_and_says_what_it_proves() {
    for kind in Kind::ALL {
        for hash in ["sha256", "sha512"] {
            for (flags, hardware) in [
                (0, Presence::Key),
                (1, Presence::Touch),
                (4, Presence::Key),
                (5, Presence::Verify),
                (0x19, Presence::Touch),
            ] {
                let maker = Maker::with(kind, |it| (it.hash, it.flags) = (hash, flags));
                let verified = verify(&maker.signature(MESSAGE)).unwrap();
                let sk = kind.is_hardware();
                assert_eq!(verified.presence, if sk { hardware } else { Presence::Key });
                assert_eq!(verified.key, maker.key());
                assert_eq!(verified.flags, sk.then_some(flags));
                assert_eq!(verified.counter, sk.then_some(7));
                let origin = (kind == Kind::Browser).then(|| ORIGIN.to_owned());
                assert_eq!(verified.origin, origin);
            }
        }
    }
}

#[test]
fn no_single_byte_of_a_signature_or_its_text_can_be_changed() {
    for kind in Kind::ALL {
        let blob = Maker::new(kind).blob(MESSAGE);
        for at in 0..blob.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut changed = blob.clone();
                changed[at] ^= mask;
                let refused = verify(&armour::close(&changed));
                assert!(refused.is_err(), "{kind:?}: byte {at} ^ {mask:#x} is accepted");
            }
        }
        let text = armour::close(&blob);
        verify(&text).unwrap();
        for at in 0..text.len() {
            for mask in [0x01, 0x02, 0x20, 0x80] {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= mask;
                let origins = [ORIGIN.to_owned()];
                let accepted = Signature::parse(&changed)
                    .and_then(|signature| signature.verify(NAMESPACE, MESSAGE, &origins));
                assert!(accepted.is_err(), "{kind:?}: character {at} ^ {mask:#x} is accepted");
            }
        }
        let signature = Signature::parse(text.as_bytes()).unwrap();
        for at in 0..MESSAGE.len() {
            let mut changed = MESSAGE.to_vec();
            changed[at] ^= 0x01;
            let refused = signature.verify(NAMESPACE, &changed, &[ORIGIN.to_owned()]);
            assert!(refused.is_err(), "{kind:?}: message byte {at}");
        }
        for other in [&MESSAGE[1..], &MESSAGE[..MESSAGE.len() - 1], &[MESSAGE, b"\n"].concat()] {
            assert!(signature.verify(NAMESPACE, other, &[ORIGIN.to_owned()]).is_err());
        }
    }
}

#[test]
fn hostile_signatures_are_refused_for_the_right_reason() {
    let mut cases: Vec<(Maker, &str)> = Vec::new();
    for kind in Kind::ALL {
        let mut case = |because, set: &dyn Fn(&mut Maker)| {
            cases.push((Maker::with(kind, |maker| set(maker)), because));
        };
        case("made for file", &|it| it.namespace = "file".into());
        case("made for hitl-approval-v10", &|it| it.namespace.push('0'));
        case("made for ,", &|it| it.namespace.clear());
        case("made for hitl-approval-v1\\u{0}", &|it| it.namespace.push('\0'));
        case("reserved field", &|it| it.reserved = vec![0]);
        case("version 2", &|it| it.version = 2);
        case("version 0", &|it| it.version = 0);
        case("another kind of file", &|it| it.magic = b"SSHSIH".to_vec());
        case("the hash sha1", &|it| it.hash = "sha1");
        case("the hash SHA512", &|it| it.hash = "SHA512");
        case("the hash sha384", &|it| it.hash = "sha384");
        case("follows its last field", &|it| it.after_all = vec![0]);
        case("follows its last field", &|it| it.after_key = vec![0]);
        case("follows its last field", &|it| it.after_inner = vec![0]);
        case("of the kind rsa-sha2-512", &|it| it.algorithm = Some("rsa-sha2-512"));
        case("of the kind ssh-", &|it| it.algorithm = Some("ssh-"));
    }
    let mut browser = |because, set: &dyn Fn(&mut Maker)| {
        cases.push((Maker::with(Kind::Browser, |maker| set(maker)), because));
    };
    let said = |middle: &str| -> Option<String> {
        Some(format!("{{\"type\":\"webauthn.get\",\"challenge\":\"CHALLENGE\",{middle}"))
    };
    let here = format!("\"origin\":\"{ORIGIN}\"");
    browser("the page https://evil.example,", &|it| it.origin = "https://evil.example".into());
    browser("the page https://approve.example.com.evil", &|it| it.origin.push_str(".evil"));
    browser("the page http://approve", &|it| it.origin = "http://approve.example.com".into());
    browser("passkey of evil.com", &|it| it.application = "evil.com".into());
    browser("passkey of ssh:", &|it| it.application = "ssh:".into());
    browser("passkey of com,", &|it| it.application = "com".into());
    browser("do not fit", &|it| it.flags |= 0x40);
    browser("do not fit", &|it| it.flags |= 0x80);
    browser("do not fit", &|it| it.extensions = vec![0xa0]);
    browser("in a frame", &|it| it.client_data = said(&format!("{here},\"crossOrigin\":true}}")));
    browser("in a frame", &|it| {
        let top = "\"crossOrigin\":false,\"topOrigin\":\"https://evil.example\"";
        it.client_data = said(&format!("{here},{top}}}"));
    });
    browser("no plain JSON", &|it| {
        it.client_data = said(&format!("{here},\"crossOrigin\":false,\"crossOrigin\":true}}"));
    });
    browser("no plain JSON", &|it| {
        it.client_data = said(&format!("{here},\"origin\":\"https://evil.example\"}}"));
    });
    browser("no plain JSON", &|it| it.client_data = said(&format!("{here}}} x")));
    browser("no plain JSON", &|it| it.client_data = said(&here));
    browser("something else", &|it| {
        it.client_data = said("\"origin\":\"https://evil.example\"}");
    });
    browser("something else", &|it| {
        let text = format!("{{\"type\":\"webauthn.create\",\"challenge\":\"CHALLENGE\",{here}}}");
        it.client_data = Some(text);
    });
    browser("something else", &|it| {
        let text = format!("{{\"type\":\"webauthn.get\",\"challenge\":\"AAAA\",{here}}}");
        it.client_data = Some(text);
    });
    browser("something else", &|it| {
        let text = format!("{{\"challenge\":\"CHALLENGE\",\"type\":\"webauthn.get\",{here}}}");
        it.client_data = Some(text);
    });
    // A browser's signature under the name of a hardware key's, and the reverse.
    browser("follows its last field", &|it| {
        it.algorithm = Some("sk-ecdsa-sha2-nistp256@openssh.com");
    });
    cases.push((
        Maker::with(Kind::SkEcdsaP256, |it| {
            it.algorithm = Some("webauthn-sk-ecdsa-sha2-nistp256@openssh.com");
        }),
        "ends within a field",
    ));
    for (maker, because) in cases {
        let refused = verify(&maker.signature(MESSAGE)).unwrap_err().to_string();
        assert!(refused.contains(because), "{maker:?}\nis refused because {refused}");
    }
}

#[test]
fn a_page_that_nobody_agreed_on_cannot_make_a_signature() {
    let signature = Maker::new(Kind::Browser).signature(MESSAGE);
    let signature = Signature::parse(signature.as_bytes()).unwrap();
    let refused = signature.verify(NAMESPACE, MESSAGE, &[]).unwrap_err();
    assert_eq!(refused, SignatureError::Origin(ORIGIN.to_owned()));
    let local = Maker::with(Kind::Browser, |it| {
        it.origin = "http://localhost:8080".into();
        it.application = "localhost".into();
        (it.flags, it.extensions) = (0x85, vec![0xa0]);
    });
    let verified = verify(&local.signature(MESSAGE)).unwrap();
    assert_eq!(verified.presence, Presence::Verify);
    let early = Maker::with(Kind::Browser, |it| {
        let text = "{\"type\":\"webauthn.get\",\"challenge\":\"CHALLENGE\",\"origin\":\"ORIGIN\"}";
        it.client_data = Some(text.replace("ORIGIN", ORIGIN));
    });
    verify(&early.signature(MESSAGE)).unwrap();
}

#[test]
fn the_twin_of_a_signature_is_the_same_key_and_no_second_person() {
    for kind in [Kind::EcdsaP256, Kind::SkEcdsaP256, Kind::Browser] {
        let (one, twin) = (Maker::new(kind), Maker::with(kind, |it| it.twin = true));
        let (one, twin) = (one.signature(MESSAGE), twin.signature(MESSAGE));
        assert_ne!(one, twin);
        let (one, twin) = (verify(&one).unwrap(), verify(&twin).unwrap());
        assert_eq!(one.key, twin.key);
    }
}

#[test]
fn only_the_text_that_ssh_keygen_writes_is_a_signature() {
    for kind in Kind::ALL {
        let text = Maker::new(kind).signature(MESSAGE);
        let crlf = text.replace('\n', "\r\n");
        for good in [&text, &crlf, text.trim_end(), crlf.trim_end()] {
            verify(good).unwrap();
            assert_eq!(Signature::parse(good.as_bytes()).unwrap().armoured(), text);
        }
        let first_line_end = text.find('\n').unwrap();
        let mut mixed = text.clone();
        mixed.replace_range(first_line_end..=first_line_end, "\r\n");
        let mut long_line = text.clone();
        long_line.remove(first_line_end + 71);
        let mut padded = text.clone();
        padded.insert_str(text.find("\n-----END").unwrap(), "====");
        let body = text.lines().skip(1).take(text.lines().count() - 2).collect::<Vec<_>>();
        for bad in [
            format!("{text}\n"),
            format!("\n{text}"),
            format!(" {text}"),
            format!("{text}{text}"),
            format!("{text}x"),
            text.replace("SSH SIGNATURE", "PGP SIGNATURE"),
            text.replace("-----END SSH SIGNATURE-----\n", ""),
            text.replacen(body[0], &format!("{} ", body[0]), 1),
            text.replacen(body[0], "", 1),
            text.replacen(body[0], &body[0][..69], 1),
            text[..text.len() / 2].to_owned(),
            text.to_lowercase(),
            mixed,
            long_line,
            padded,
            String::new(),
            "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n".to_owned(),
            "-----BEGIN SSH SIGNATURE-----\n\n-----END SSH SIGNATURE-----\n".to_owned(),
            "x".repeat(100_000),
        ] {
            let refused = verify(&bad);
            assert!(refused.is_err(), "{kind:?} accepted:\n{bad}");
        }
        for length in 0..text.trim_end().len() {
            assert!(Signature::parse(&text.as_bytes()[..length]).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_a_parser_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        kind in 0_usize..5,
        at in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let _ = Signature::parse(&bytes);
        let _ = Signature::parse(armour::close(&bytes).as_bytes());
        let _ = PublicKey::from_blob(&bytes);
        let _ = PublicKey::parse_line(&String::from_utf8_lossy(&bytes));
        // Bytes within what is good otherwise, and what ends early.
        let mut blob = Maker::new(Kind::ALL[kind]).blob(MESSAGE);
        let place = at.index(blob.len());
        blob.splice(place..place, bytes);
        prop_assert!(verify(&armour::close(&blob)).is_err() || blob == Maker::new(Kind::ALL[kind]).blob(MESSAGE));
        blob.truncate(cut.index(blob.len()));
        prop_assert!(verify(&armour::close(&blob)).is_err());
    }
}
