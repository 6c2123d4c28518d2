//! A password on its way from the terminal to the module that verifies it.

use std::fmt;

use zeroize::Zeroizing;

/// What a person has typed and nobody may see: of fixed capacity, so that it never moves and leaves
/// no copy behind, overwritten with zeroes when it goes, and never printed.
///
/// What does not fit, or cannot be part of a C string, spoils it: it is then no answer at all, never a
/// shortened one.
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    spoilt: Option<Spoilt>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    /// It holds a zero byte.
    Zero,
    /// It is too long.
    Long,
}

impl Secret {
    /// The most bytes: `PAM_MAX_RESP_SIZE` (512, `_pam_types.h`) less the closing zero.
    pub const CAPACITY: usize = 511;

    /// Nothing typed yet.
    pub fn new() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(Self::CAPACITY)), spoilt: None }
    }

    /// One more byte.
    pub fn push(&mut self, byte: u8) {
        if byte == 0 {
            self.spoilt = Some(Spoilt::Zero);
        } else if self.bytes.len() == Self::CAPACITY {
            self.spoilt = Some(Spoilt::Long);
        } else {
            self.bytes.push(byte);
        }
    }

    /// Takes back the last character, all bytes of it; whether there was one. What is spoilt stays so.
    pub fn pop(&mut self) -> bool {
        let is_continuation = |byte: u8| byte & 0xc0 == 0x80;
        while let Some(byte) = self.bytes.last().copied() {
            self.bytes.pop();
            if !is_continuation(byte) {
                return true;
            }
        }
        false
    }

    /// Takes everything back.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.spoilt.is_none()
    }

    /// What was typed, for whoever verifies it; `None` where that can be no password.
    pub fn usable(&self) -> Option<&[u8]> {
        (self.spoilt.is_none() && !self.bytes.is_empty()).then_some(self.bytes.as_slice())
    }

    /// The bytes from which another process makes the same ([`Extend`]): of what is spoilt only what
    /// spoils it, and nothing that was typed.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self.spoilt {
            Some(Spoilt::Zero) => vec![0],
            Some(Spoilt::Long) => vec![b'x'; Self::CAPACITY + 1],
            None => self.bytes.to_vec(),
        })
    }

    /// Why it can be no password, as a clause; `None` where it can.
    pub fn unusable_because(&self) -> Option<&'static str> {
        match self.spoilt {
            Some(Spoilt::Zero) => Some("a password cannot hold a zero byte"),
            Some(Spoilt::Long) => Some("a password has at most 511 bytes"),
            None => self.bytes.is_empty().then_some("an empty password is none"),
        }
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl Extend<u8> for Secret {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        bytes.into_iter().for_each(|byte| self.push(byte));
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Secret {
        let mut secret = Secret::new();
        secret.extend(bytes.iter().copied());
        secret
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_shortened() {
        assert_eq!(typed(&[b'x'; 511]).usable().map(<[u8]>::len), Some(511));
        for wrong in [&[b'x'; 512][..], b"right\0", b"\0", b""] {
            assert!(typed(wrong).usable().is_none());
            let told = typed(&typed(wrong).to_bytes());
            assert!(told.unusable_because().is_some());
            assert_eq!(told.unusable_because(), typed(wrong).unusable_because());
        }
        // Also where what was too much is taken back: nobody can say what is left.
        let mut long = typed(&[b'x'; 512]);
        assert!(long.pop() && long.usable().is_none());
        long.clear();
        assert!(long.is_empty());
        long.push(b'y');
        assert_eq!(long.usable(), Some(&b"y"[..]));
    }

    #[test]
    fn a_character_is_taken_back_whole() {
        let mut secret = typed("añ".as_bytes());
        assert!(secret.pop());
        assert_eq!(secret.usable(), Some(&b"a"[..]));
        assert!(secret.pop() && !secret.pop());
    }

    #[test]
    fn it_is_never_printed() {
        assert_eq!(format!("{:?}", typed(b"hunter2")), "Secret(…)");
    }
}
