//! Bytes that the kernel takes and JSON does not: arguments, paths, file names.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A byte string as the kernel sees it (an argument, a path, a file name), kept byte for byte.
///
/// In JSON it is a string: valid UTF-8 stands as it is, except that a backslash is written `\\`;
/// every byte that is not part of valid UTF-8 is written `\xHH` (two lower-case hex digits). The
/// mapping loses nothing: [`ByteString::from_escaped`] gives the same bytes back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteString(Vec<u8>);

impl ByteString {
    /// The bytes themselves.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as the standard library's operating-system string.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// The bytes as a path.
    pub fn as_path(&self) -> &Path {
        Path::new(self.as_os_str())
    }

    /// The bytes as text, where they are valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The lossless form that stands in JSON: see the type.
    pub fn to_escaped(&self) -> String {
        let mut escaped = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character == '\\' {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
            for byte in chunk.invalid() {
                escaped.push_str(&format!("\\x{byte:02x}"));
            }
        }
        escaped
    }

    /// Reads the lossless form back. `None` where a backslash is followed by neither a backslash
    /// nor `x` and two hex digits.
    pub fn from_escaped(escaped: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(escaped.len());
        let mut rest = escaped.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first != b'\\' {
                bytes.push(first);
                rest = tail;
                continue;
            }
            match tail {
                [b'\\', after @ ..] => {
                    bytes.push(b'\\');
                    rest = after;
                }
                [b'x', high, low, after @ ..] => {
                    let high = (*high as char).to_digit(16)?;
                    let low = (*low as char).to_digit(16)?;
                    bytes.push((high * 16 + low) as u8);
                    rest = after;
                }
                _ => return None,
            }
        }
        Some(Self(bytes))
    }
}

impl From<OsString> for ByteString {
    fn from(value: OsString) -> Self {
        Self(value.into_vec())
    }
}

impl From<&OsStr> for ByteString {
    fn from(value: &OsStr) -> Self {
        Self(value.as_bytes().to_vec())
    }
}

impl From<&Path> for ByteString {
    fn from(value: &Path) -> Self {
        Self::from(value.as_os_str())
    }
}

impl From<&str> for ByteString {
    fn from(value: &str) -> Self {
        Self(value.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(value: Vec<u8>) -> Self {
        Self(value)
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.to_escaped())
    }
}

impl Serialize for ByteString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Most are plain text, and manifests hold a million of them.
        match self.as_str() {
            Some(text) if !text.contains('\\') => serializer.serialize_str(text),
            _ => serializer.serialize_str(&self.to_escaped()),
        }
    }
}

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Escaped)
    }
}

/// Reads the escaped form without another copy of it.
struct Escaped;

impl de::Visitor<'_> for Escaped {
    type Value = ByteString;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a byte string in its escaped form")
    }

    fn visit_str<E: de::Error>(self, escaped: &str) -> Result<ByteString, E> {
        if !escaped.contains('\\') {
            return Ok(ByteString::from(escaped));
        }
        ByteString::from_escaped(escaped).ok_or_else(|| {
            E::custom("a backslash that starts neither \\\\ nor \\xHH in a byte string")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_string_survives_its_escaped_form(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let original = ByteString::from(bytes);
            prop_assert_eq!(ByteString::from_escaped(&original.to_escaped()), Some(original));
        }
    }

    #[test]
    fn plain_text_stays_readable_and_odd_bytes_are_escaped() {
        assert_eq!(ByteString::from("naïve file").to_escaped(), "naïve file");
        assert_eq!(ByteString::from(vec![b'a', 0xff, b'\\']).to_escaped(), "a\\xff\\\\");
        assert_eq!(ByteString::from_escaped("a\\q"), None);
    }
}
