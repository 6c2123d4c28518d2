//! Canonical JSON: the bytes that are hashed and, later, signed.
//!
//! A subset of RFC 8785 (JSON Canonicalization Scheme): object members sorted by name, no white
//! space, integers only (below 2^53 in magnitude), UTF-8. Names are ASCII here, so that sorting by
//! bytes and RFC 8785's sorting by UTF-16 units agree. Everything outside the subset is refused
//! rather than written in a way that another implementation could write otherwise.

use serde::Serialize;
use serde_json::Value;

use super::Digest;

/// Integers stay below this in magnitude: beyond it JSON numbers are not exact everywhere.
const LIMIT: u64 = 1 << 53;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction or an exponent, or an integer of 2^53 or more.
    #[error("the number {0} has no canonical form: only integers below 2^53 have one")]
    Number(serde_json::Number),
    /// A member name with characters outside ASCII.
    #[error("the member name {0:?} has no canonical form: names are ASCII")]
    Name(String),
    /// The value could not be turned into JSON at all.
    #[error("not representable as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The canonical JSON of a value, without a line feed at its end.
///
/// # Errors
/// [`CanonicalError`] where the value holds something outside the subset.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, CanonicalError> {
    // What serde_json writes is UTF-8.
    Ok(String::from_utf8_lossy(&to_bytes(value)?).into_owned())
}

/// The SHA-256 of a value's canonical JSON.
///
/// # Errors
/// As [`to_string`].
pub fn digest<T: Serialize>(value: &T) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(&to_bytes(value)?))
}

/// Whether an integer has a canonical form, for those who write their own lines.
///
/// # Errors
/// [`CanonicalError::Number`] from 2^53 on.
pub fn check_integer(integer: u64) -> Result<(), CanonicalError> {
    if integer < LIMIT { Ok(()) } else { Err(CanonicalError::Number(integer.into())) }
}

fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value)?;
    let mut text = Vec::with_capacity(2048);
    write_value(&value, &mut text)?;
    Ok(text)
}

fn write_value(value: &Value, text: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) => {
            let within = number
                .as_i64()
                .map(|integer| integer.unsigned_abs() < LIMIT)
                .or_else(|| number.as_u64().map(|integer| integer < LIMIT));
            if within != Some(true) {
                return Err(CanonicalError::Number(number.clone()));
            }
            serde_json::to_writer(text, number)?;
        }
        Value::Array(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write_value(item, text)?;
            }
            text.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|left, right| left.0.cmp(right.0));
            text.push(b'{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if !name.is_ascii() {
                    return Err(CanonicalError::Name(name.clone()));
                }
                if index > 0 {
                    text.push(b',');
                }
                serde_json::to_writer(&mut *text, name)?;
                text.push(b':');
                write_value(member, text)?;
            }
            text.push(b'}');
        }
        // serde_json escapes strings as RFC 8785 asks: only `"`, `\` and control characters, with
        // the short forms where they exist and lower-case hex otherwise.
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(text, value)?,
    }
    Ok(())
}

/// For integers that can reach 2^53 (inode numbers do, on overlay file systems): serde's
/// `with = "canonical::wide"` writes those as decimal strings, smaller ones as numbers. Each integer
/// has one form only.
pub mod wide {
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes the integer.
    ///
    /// # Errors
    /// Whatever the serializer fails with.
    pub fn serialize<S: Serializer>(integer: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        if *integer < super::LIMIT {
            serializer.serialize_u64(*integer)
        } else {
            serializer.collect_str(integer)
        }
    }

    /// Reads the integer back.
    ///
    /// # Errors
    /// Where it is neither, or not in the form that [`serialize`] writes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        let read = match Form::deserialize(deserializer)? {
            Form::Number(integer) => Some(integer).filter(|integer| *integer < super::LIMIT),
            Form::Text(text) => text
                .parse()
                .ok()
                .filter(|integer: &u64| *integer >= super::LIMIT && integer.to_string() == text),
        };
        read.ok_or_else(|| de::Error::custom("not an integer in canonical form"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_sorted_and_no_space_is_written() {
        let value = json!({"b": [1, true, null], "a": {"z": "\u{1}\"é", "y": -3}});
        assert_eq!(
            to_string(&value).unwrap(),
            "{\"a\":{\"y\":-3,\"z\":\"\\u0001\\\"é\"},\"b\":[1,true,null]}"
        );
    }

    #[test]
    fn what_another_implementation_could_write_otherwise_is_refused() {
        assert!(to_string(&json!({"a": 1.5})).is_err());
        assert!(to_string(&json!({"a": 9_007_199_254_740_992_u64})).is_err());
        assert!(to_string(&json!({"é": 1})).is_err());
    }

    #[test]
    fn an_integer_that_json_cannot_carry_is_written_as_text_in_one_form_only() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Inode(#[serde(with = "wide")] u64);
        for (inode, text) in [
            (Inode(7), "7"),
            (Inode((1 << 53) - 1), "9007199254740991"),
            (Inode(1 << 53), "\"9007199254740992\""),
            (Inode(u64::MAX), "\"18446744073709551615\""),
        ] {
            assert_eq!(to_string(&inode).unwrap(), text);
            assert_eq!(serde_json::from_str::<Inode>(text).unwrap(), inode);
        }
        for text in ["\"7\"", "9007199254740992", "\"09007199254740992\"", "\"-1\"", "-1", "1.0"] {
            assert!(serde_json::from_str::<Inode>(text).is_err(), "{text}");
        }
    }
}
