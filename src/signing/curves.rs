//! The two kinds of mathematics behind all kinds of keys: Ed25519 (RFC 8032) and ECDSA over NIST P-256
//! (FIPS 186-5).

use p256::ecdsa::signature::Verifier as _;

use super::wire::Reader;

/// A point of one of the curves that can verify.
#[derive(Clone, Debug)]
pub(super) enum Point {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

impl Point {
    /// A point of Ed25519 in its one canonical form. Points of small order are refused: they verify
    /// signatures that nobody made.
    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, &'static str> {
        let bytes: &[u8; 32] =
            bytes.try_into().map_err(|_| "a point of Ed25519 has 32 bytes, and this has not")?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| "its point is not on the curve")?;
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err("its point is not written in the canonical form");
        }
        if key.is_weak() {
            return Err("its point is of small order, with which anything verifies");
        }
        Ok(Self::Ed25519(key))
    }

    /// A point of P-256 in uncompressed form, the only one that OpenSSH writes: one key has one blob,
    /// and one fingerprint.
    pub(super) fn p256(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() != 65 || bytes.first() != Some(&4) {
            return Err("its point is not written in the uncompressed form");
        }
        p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
            .map(Self::P256)
            .map_err(|_| "its point is not on the curve")
    }

    /// Whether these are the bytes of a signature over the message. For P-256 the bytes are the two
    /// numbers as OpenSSH writes them, each in its shortest form.
    ///
    /// For every ECDSA signature (r, s) there is a twin (r, n − s) that is as good, and that anybody can
    /// compute: whoever counts signatures has to count keys and people, never bytes.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            // Strict: no signature verifies over two messages, whatever the key (RFC 8032, 8.9).
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::P256(key) => {
                two_numbers(signature).is_some_and(|sig| key.verify(message, &sig).is_ok())
            }
        }
    }
}

fn two_numbers(bytes: &[u8]) -> Option<p256::ecdsa::Signature> {
    let mut reader = Reader::new(bytes);
    let r = scalar(reader.string().ok()?)?;
    let s = scalar(reader.string().ok()?)?;
    reader.end().ok()?;
    // Zero and what is not below the order are refused here.
    p256::ecdsa::Signature::from_scalars(r, s).ok()
}

/// An mpint of RFC 4251 that is positive, in its shortest form, and has at most 32 bytes of value.
fn scalar(bytes: &[u8]) -> Option<[u8; 32]> {
    let value = match bytes {
        [] => return None,
        [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => rest,
        [0, ..] => return None,
        [first, ..] if first & 0x80 != 0 => return None,
        whole => whole,
    };
    let mut scalar = [0; 32];
    let start = scalar.len().checked_sub(value.len())?;
    scalar.get_mut(start..)?.copy_from_slice(value);
    Some(scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_verify_anything_or_have_a_second_form_are_refused() {
        // The identity, a point of order 2, one of order 8 (the list of RFC 7748's small subgroup).
        let mut identity = [0_u8; 32];
        identity[0] = 1;
        let mut order_two = [0xff_u8; 32];
        (order_two[0], order_two[31]) = (0xec, 0x7f);
        // y = p + 1, which is the identity's y in a second form.
        let mut second_form = [0xff_u8; 32];
        (second_form[0], second_form[31]) = (0xee, 0x7f);
        for (point, because) in [
            (identity, "small order"),
            (order_two, "small order"),
            ([0; 32], "small order"),
            (second_form, "canonical"),
            ([2; 32], "not on the curve"),
        ] {
            let refused = Point::ed25519(&point).unwrap_err();
            assert!(refused.contains(because), "{point:?}: {refused}");
        }
        assert!(Point::ed25519(&[9; 31]).is_err());
        assert!(Point::p256(&[4; 65]).unwrap_err().contains("not on the curve"));
        assert!(Point::p256(&[2; 33]).unwrap_err().contains("uncompressed"));
    }

    #[test]
    fn a_number_has_one_form() {
        for good in [&[1][..], &[0x7f, 0xff], &[0, 0x80], &[0x7f; 32]] {
            assert!(scalar(good).is_some(), "{good:?}");
        }
        let mut long = vec![0];
        long.extend([0xff; 32]);
        assert!(scalar(&long).is_some());
        long.push(1);
        for bad in [&[][..], &[0], &[0, 1], &[0x80], &[0, 0, 0x80], &long] {
            assert!(scalar(bad).is_none(), "{bad:?}");
        }
    }
}
