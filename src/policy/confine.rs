//! Whether a command may write only what is snapshotted: the values of `confine`.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Whether a command is confined to what is snapshotted, from lenient to strict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Confine {
    /// `false`: it may write what its user may write.
    #[default]
    Off,
    /// `true`: it is confined as far as the kernel can; where it cannot, it runs, with a warning.
    Wanted,
    /// `required`: where the kernel cannot confine it, it does not run.
    Required,
}

impl Confine {
    /// The word for it, as policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "false",
            Self::Wanted => "true",
            Self::Required => "required",
        }
    }
}

impl Serialize for Confine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::Wanted => serializer.serialize_bool(true),
            Self::Required => serializer.serialize_str(self.word()),
        }
    }
}

impl<'de> Deserialize<'de> for Confine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;

        impl Visitor<'_> for Word {
            type Value = Confine;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true, required or false")
            }

            fn visit_bool<E: de::Error>(self, wanted: bool) -> Result<Confine, E> {
                Ok(if wanted { Confine::Wanted } else { Confine::Off })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Confine, E> {
                match text {
                    "required" => Ok(Confine::Required),
                    _ => Err(E::custom(format!(
                        "{text:?} does not say whether to confine it: write true (where the kernel can), required (or it does not run) or false"
                    ))),
                }
            }
        }

        deserializer.deserialize_any(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same_value_in_yaml_and_in_the_cache() {
        for (yaml, value) in
            [("true", Confine::Wanted), ("required", Confine::Required), ("false", Confine::Off)]
        {
            assert_eq!(serde_yaml::from_str::<Confine>(yaml).unwrap(), value);
            let cached = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Confine>(&cached).unwrap(), value);
        }
        for wrong in ["yes", "\"true\"", "1", "[true]", "requires", "~"] {
            assert!(serde_yaml::from_str::<Confine>(wrong).is_err(), "{wrong}");
        }
    }
}
