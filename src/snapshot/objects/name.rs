//! What kept content is called in a manifest: its digest, or, for a clone whose bytes nobody has read
//! yet, the capture that made it and a number. Neither says where in the store it lies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::review::RequestId;
use crate::system::Digest;

const CLONE: &str = "clone:";

/// The name of kept content: `sha256:` and 64 hex digits, or `clone:` and a [`CloneId`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentName {
    /// The content with this digest.
    Digest(Digest),
    /// A large file that was cloned (FICLONE, ioctl_ficlone(2)) without being read. Its digest is
    /// found out later.
    Clone(CloneId),
}

/// The name of one clone: the run whose capture made it, and its number in that. Written as the eight
/// characters of the id, a hyphen and the number: `K7Q2MX4P-1`. No other content ever gets it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloneId {
    run: RequestId,
    number: u32,
}

/// A text that names no content.
#[derive(Debug, thiserror::Error)]
#[error(
    "not the name of kept content (expected \"sha256:\" and 64 lower-case hex digits, or \"clone:\", \
     the eight characters of a run's id, \"-\" and a number): {0:?}"
)]
pub struct ParseContentNameError(String);

impl ContentName {
    /// The digest, where that is what the content is called by.
    pub fn as_digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::Clone(_) => None,
        }
    }

    /// The name of the clone, where it is one.
    pub fn as_clone(&self) -> Option<&CloneId> {
        match self {
            Self::Digest(_) => None,
            Self::Clone(clone) => Some(clone),
        }
    }
}

impl CloneId {
    /// The name of a run's clone with this number.
    pub fn new(run: RequestId, number: u32) -> Self {
        Self { run, number }
    }

    /// The run whose capture made it.
    pub fn run(&self) -> &RequestId {
        &self.run
    }
}

impl From<Digest> for ContentName {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for ContentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(formatter),
            Self::Clone(clone) => write!(formatter, "{CLONE}{clone}"),
        }
    }
}

impl fmt::Debug for ContentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for CloneId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.run.characters(), self.number)
    }
}

impl fmt::Debug for CloneId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ContentName {
    type Err = ParseContentNameError;

    /// Takes exactly what is written: a name has one spelling, so that manifests can be compared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = match text.strip_prefix(CLONE) {
            Some(clone) => clone.parse().ok().map(Self::Clone),
            None => text.parse().ok().map(Self::Digest),
        };
        name.filter(|name| name.to_string() == text)
            .ok_or_else(|| ParseContentNameError(text.to_owned()))
    }
}

impl FromStr for CloneId {
    type Err = ParseContentNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (run, number) = text.split_once('-')?;
            Some(Self { run: run.parse().ok()?, number: number.parse().ok()? })
        };
        parsed()
            .filter(|clone| clone.to_string() == text)
            .ok_or_else(|| ParseContentNameError(text.to_owned()))
    }
}

impl Serialize for ContentName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named() -> impl Strategy<Value = ContentName> {
        prop_oneof![
            any::<[u8; 32]>().prop_map(|bytes| Digest::from_bytes(bytes).into()),
            ("[0-9A-HJKMNP-TV-Z]{8}", any::<u32>()).prop_map(|(run, number)| {
                ContentName::Clone(CloneId::new(run.parse().unwrap(), number))
            }),
        ]
    }

    #[test]
    fn a_name_has_one_spelling() {
        let digest = Digest::of(b"abc").to_string();
        for name in [digest.as_str(), "clone:K7Q2MX4P-1", "clone:00000000-4294967295"] {
            assert_eq!(name.parse::<ContentName>().unwrap().to_string(), name);
        }
        let upper = digest.to_uppercase().replace("SHA", "sha");
        for text in [
            "",
            "abc",
            &upper,
            &digest[..70],
            &format!("{digest}0"),
            "clone:",
            "clone:K7Q2MX4P",
            "clone:K7Q2-MX4P-1",
            "clone:k7q2mx4p-1",
            "clone:K7Q2MX4P-01",
            "clone:K7Q2MX4P-+1",
            "clone:K7Q2MX4P--1",
            "clone:K7Q2MX4P-4294967296",
            "clone:K7Q2MX4-1",
            "clone:../../../x-1",
            " clone:K7Q2MX4P-1",
        ] {
            assert!(text.parse::<ContentName>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_as_it_was_written(name in named()) {
            prop_assert_eq!(&name.to_string().parse::<ContentName>().unwrap(), &name);
            let json = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(serde_json::from_str::<ContentName>(&json).unwrap(), name);
        }

        #[test]
        fn whatever_is_taken_for_a_name_is_written_as_it_was_read(
            text in "(sha256:|clone:)?[0-9a-zA-Z:/.+ -]{0,70}",
        ) {
            if let Ok(name) = text.parse::<ContentName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
