//! The commitment to the environment's values.
//!
//! Values are often secrets, and a bare hash of a password can be guessed. So they are bound by
//! HMAC-SHA256 under a key of the request's own, which is kept with the request and never shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::BoundEnvironment;
use crate::system::{ByteString, Digest};

/// The key of one request's commitment: 256 random bits. In the store it is hex; it has no other
/// form for people, and `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(Digest);

impl Salt {
    /// A new key from the kernel.
    ///
    /// # Errors
    /// Where the kernel gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(Digest::from_bytes(bytes)))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Salt(…)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.hex())
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        // The value is not repeated in the message: it is a key.
        Digest::from_hex(&hex)
            .map(Self)
            .ok_or_else(|| de::Error::custom("the salt is not 64 hex digits"))
    }
}

impl BoundEnvironment {
    /// Commits to an environment, in whatever order its variables are given.
    pub fn commit(salt: &Salt, variables: &[(ByteString, ByteString)]) -> Self {
        let mut sorted: Vec<_> = variables.iter().collect();
        sorted.sort();
        let mut message = Vec::new();
        for (name, value) in &sorted {
            let length = name.as_bytes().len() + 1 + value.as_bytes().len();
            // The length in front keeps two variables from reading as one with a longer value.
            message.extend_from_slice(&(length as u64).to_be_bytes());
            message.extend_from_slice(name.as_bytes());
            message.push(b'=');
            message.extend_from_slice(value.as_bytes());
        }
        Self {
            names: sorted.iter().map(|(name, _)| name.clone()).collect(),
            values: Digest::hmac(salt.0.as_bytes(), &message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(ByteString, ByteString)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn a_commitment_tells_environments_apart_and_not_their_order() {
        let salt = Salt::random().unwrap();
        let commit = |pairs: &[(&str, &str)]| BoundEnvironment::commit(&salt, &environment(pairs));
        let bound = commit(&[("A", "1"), ("B", "2")]);
        assert_eq!(bound, commit(&[("B", "2"), ("A", "1")]));
        assert_ne!(bound.values, commit(&[("A", "1"), ("B", "3")]).values);
        assert_ne!(commit(&[("A", "1B=2")]).values, bound.values);
        // `A` with the value `B=2` and `A=B` with the value `2` hash the same bytes: the names tell
        // them apart.
        assert_ne!(commit(&[("A", "B=2")]), commit(&[("A=B", "2")]));
    }

    #[test]
    fn two_requests_commit_to_the_same_values_differently_and_neither_prints_its_key() {
        let variables = environment(&[("PASSWORD", "hunter2")]);
        let (first, second) = (Salt::random().unwrap(), Salt::random().unwrap());
        assert_ne!(
            BoundEnvironment::commit(&first, &variables).values,
            BoundEnvironment::commit(&second, &variables).values
        );
        assert_eq!(format!("{first:?}"), "Salt(…)");
    }
}
