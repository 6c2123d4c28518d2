//! The ids that people type.

use std::fmt;
use std::str::FromStr;

use super::{RequestId, StoreError};

/// Crockford's base32: no I, L, O or U, so that an id read aloud is typed back right.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The characters in an id, without its hyphen.
const LENGTH: usize = 8;

impl RequestId {
    /// A random id: 40 bits from the kernel.
    ///
    /// # Errors
    /// Where the kernel gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; LENGTH];
        getrandom::fill(&mut bytes)?;
        let characters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Ok(Self(characters.collect()))
    }

    /// What a person typed, as the characters of an id: any case, hyphens anywhere, `O` for 0 and
    /// `I` or `L` for 1. It may be the beginning of an id.
    ///
    /// # Errors
    /// [`StoreError::NotAnId`].
    pub fn normalise(typed: &str) -> Result<String, StoreError> {
        let invalid = || StoreError::NotAnId(typed.to_owned());
        let mut characters = String::with_capacity(LENGTH);
        for character in typed.chars().filter(|character| *character != '-') {
            characters.push(match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                upper if u8::try_from(upper).is_ok_and(|byte| ALPHABET.contains(&byte)) => upper,
                _ => return Err(invalid()),
            });
        }
        if characters.is_empty() || characters.len() > LENGTH {
            Err(invalid())
        } else {
            Ok(characters)
        }
    }

    /// The id as a number: 40 bits.
    pub(super) fn number(&self) -> i64 {
        let digit = |byte: u8| ALPHABET.iter().position(|one| *one == byte).unwrap_or_default();
        self.0.bytes().fold(0, |number, byte| number * 32 + digit(byte) as i64)
    }

    /// The eight characters without the hyphen: how files are named.
    pub fn characters(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(formatter, "{first}-{second}")
    }
}

impl FromStr for RequestId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let characters = Self::normalise(text)?;
        if characters.len() == LENGTH {
            Ok(Self(characters))
        } else {
            Err(StoreError::NotAnId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for RequestId {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_however_a_person_types_it() {
        let id: RequestId = "K7Q2-MX10".parse().unwrap();
        for typed in ["k7q2mx10", "K7Q2-MXIO", "k7q2-mxlo", "K7-Q2-MX-10"] {
            assert_eq!(typed.parse::<RequestId>().unwrap(), id, "{typed}");
        }
        for typed in ["", "K7Q2", "K7Q2-MX4P9", "K7Q2-MX4U", "../../etc", "K7Q2 MX4P"] {
            assert!(typed.parse::<RequestId>().is_err(), "{typed}");
        }
        assert_eq!("0000-0010".parse::<RequestId>().unwrap().number(), 32);
        assert_eq!("ZZZZ-ZZZZ".parse::<RequestId>().unwrap().number(), (1 << 40) - 1);
        let random = RequestId::random().unwrap();
        assert_eq!(random.to_string().parse::<RequestId>().unwrap(), random);
    }
}
