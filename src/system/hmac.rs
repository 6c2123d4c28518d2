//! Authentication codes: who does not have the key cannot make one.

use super::Digest;

/// The block size of SHA-256 in bytes, which HMAC pads its key to.
const BLOCK: usize = 64;

impl Digest {
    /// HMAC (RFC 2104) with SHA-256.
    pub fn hmac(key: &[u8], message: &[u8]) -> Self {
        let mut padded = [0_u8; BLOCK];
        if key.len() > BLOCK {
            let digest = Digest::of(key);
            padded.iter_mut().zip(digest.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
        } else {
            padded.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
        }
        let inner = Digest::of_parts(&[&padded.map(|byte| byte ^ 0x36), message]);
        Digest::of_parts(&[&padded.map(|byte| byte ^ 0x5c), inner.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_gives_the_digests_of_rfc_4231() {
        let long_key = [0xaa_u8; 131];
        let cases: [(&[u8], &[u8], &str); 5] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &long_key,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &long_key,
                b"This is a test using a larger than block-size key and a larger than block-size \
                  data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, message, expected) in cases {
            assert_eq!(Digest::hmac(key, message).hex(), expected);
        }
    }
}
