//! The small values of a policy document: ids, names, time limits, sizes, search paths.
//!
//! All of them are read by `try_from`, so that an error carries the position of the value, and are
//! written back in a form that reads as the same value (the compiled cache relies on it).

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::system::parse_duration;

/// The longest text that a single name or pattern may be, in bytes.
pub(super) const LONGEST_TEXT: usize = 4096;

/// Reads an optional field that, once written, must have a value: an empty `users:` would
/// otherwise be no condition at all.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a text as a value. The text is turned into the value inside the visitor, where serde's own
/// `try_from` does it afterwards: only so does the error stand at the text and not at the mapping
/// around it.
pub(super) fn read_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String, Error = String>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: TryFrom<String, Error = String>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a text")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            T::try_from(text.to_owned()).map_err(E::custom)
        }

        fn visit_string<E: de::Error>(self, text: String) -> Result<T, E> {
            T::try_from(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_string(Text(PhantomData))
}

/// Makes types that are read from a text deserializable, by [`read_text`].
macro_rules! read_from_text {
    ($($type:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::policy::values::read_text(deserializer)
            }
        }
    )+};
}
pub(super) use read_from_text;

read_from_text!(Version, Id, Name, Sentence, TimeLimit, ByteSize, SearchPath, AbsolutePath);

/// The version of the document's format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct Version;

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "1" => Ok(Self),
            _ => Err(format!("version {text:?} is not known: this hitl reads version 1")),
        }
    }
}

impl From<Version> for String {
    fn from(_: Version) -> Self {
        "1".to_owned()
    }
}

/// The id of a rule, or the name of a group or channel: up to 64 letters, digits, `.`, `_`, `-`,
/// starting with a letter or digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(into = "String")]
pub struct Id(String);

impl Id {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if starts_well && text.len() <= 64 && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is not an id: up to 64 letters, digits, '.', '_' and '-', starting with a letter or digit"
            ))
        }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// A name that others gave (a user, a Unix group, a label's key) or a title: not empty, no control
/// characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(into = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            Err("an empty name: write one, or leave the field out".to_owned())
        } else if text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
            Err(format!("{text:?} is too long or holds control characters"))
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// A sentence for people: a description, a reason. Line breaks are spaces, so that it can be
/// written over several lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct Sentence(String);

impl Sentence {
    /// The sentence, as it stands inside another one: without its full stop.
    pub fn without_full_stop(&self) -> &str {
        self.0.trim_end_matches('.')
    }

    /// The sentence as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sentence {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Name::try_from(words.join(" ")).map(|name| Self(name.0))
    }
}

impl From<Sentence> for String {
    fn from(sentence: Sentence) -> Self {
        sentence.0
    }
}

/// A time limit: `15m`, `1h30m`; more than nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(into = "String")]
pub struct TimeLimit(pub Duration);

impl TryFrom<String> for TimeLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match parse_duration(&text)? {
            Duration::ZERO => Err("a time limit of nothing: nobody could keep it".to_owned()),
            duration => Ok(Self(duration)),
        }
    }
}

impl From<TimeLimit> for String {
    fn from(limit: TimeLimit) -> Self {
        format!("{}ms", limit.0.as_millis())
    }
}

/// A number of bytes: `64MiB`, `10MB`, `4096`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(into = "String")]
pub struct ByteSize(pub u64);

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let help = "write a whole number and a unit (B, kB, MB, GB, KiB, MiB, GiB, TiB), for example 64MiB";
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| format!("not a size: {text:?}; {help}"))?;
        let factor: u64 = match unit.trim() {
            "" | "B" => 1,
            "kB" | "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            other => return Err(format!("unknown unit {other:?} in the size {text:?}; {help}")),
        };
        number
            .checked_mul(factor)
            .map(Self)
            .ok_or_else(|| format!("the size {text:?} is too large"))
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.0.to_string()
    }
}

/// The directories that commands are looked up in, as in `PATH`: absolute and clean, since an empty
/// or relative one would mean the caller's working directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct SearchPath(pub Vec<PathBuf>);

impl Default for SearchPath {
    /// Debian's `secure_path` for sudo, without `/snap/bin`.
    fn default() -> Self {
        let directories =
            ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        Self(directories.map(PathBuf::from).to_vec())
    }
}

impl TryFrom<String> for SearchPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let directory = |part: &str| {
            if is_clean_absolute(part) {
                Ok(PathBuf::from(part))
            } else {
                Err(format!("{part:?} in the search path is not an absolute, clean directory name"))
            }
        };
        text.split(':').map(directory).collect::<Result<_, _>>().map(Self)
    }
}

impl From<SearchPath> for String {
    fn from(path: SearchPath) -> Self {
        let parts: Vec<_> = path.0.iter().map(|part| part.to_string_lossy()).collect();
        parts.join(":")
    }
}

/// An absolute path without `.`, `..`, doubled or closing slashes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct AbsolutePath(String);

impl AbsolutePath {
    /// The path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl TryFrom<String> for AbsolutePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_clean_absolute(&text) {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is not an absolute, clean path"))
        }
    }
}

impl From<AbsolutePath> for String {
    fn from(path: AbsolutePath) -> Self {
        path.0
    }
}

/// Whether this is an absolute path without `.`, `..`, doubled or closing slashes.
pub(super) fn is_clean_absolute(text: &str) -> bool {
    text == "/"
        || text
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

/// One value or a list of them, never empty: `command: /usr/bin/vi` and `command: [a, b]`. A list
/// matches where one of its values does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Values<T> {
            type Value = Vec<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|value| vec![value])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                if values.is_empty() {
                    return Err(de::Error::custom(
                        "an empty list: fill it, or leave the field out",
                    ));
                }
                Ok(values)
            }
        }

        deserializer.deserialize_any(Values(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [("64MiB", 64 << 20), ("10 MB", 10_000_000), ("4096", 4096)] {
            assert_eq!(ByteSize::try_from(text.to_owned()), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "1.5GiB", "99999999999TiB", "3 bananas"] {
            assert!(ByteSize::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_search_path_never_holds_the_working_directory() {
        for text in ["", ":/bin", "/bin:", "/usr/bin:.", "bin", "/usr/../bin", "/bin/"] {
            assert!(SearchPath::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        assert!(SearchPath::try_from("/usr/bin:/bin".to_owned()).is_ok());
    }

    #[test]
    fn what_is_written_reads_as_the_same_value() {
        let limit = TimeLimit::try_from("1h30m".to_owned()).unwrap();
        assert_eq!(TimeLimit::try_from(String::from(limit)), Ok(limit));
        let path = SearchPath::default();
        assert_eq!(SearchPath::try_from(String::from(path.clone())), Ok(path));
    }
}
