//! A reader that accepts canonical JSON and nothing else.
//!
//! An entry is hashed as it is stored, so two spellings of one object would be two entries. The
//! reader therefore refuses every spelling that [`crate::system::canonical`] would not write:
//! white space, unsorted or doubled names, other escapes, fractions. It borrows from the line, so
//! that verification can keep pace with hashing.

use std::borrow::Cow;

/// How deep an entry may nest; entries need five levels.
const DEPTH_LIMIT: u32 = 32;

/// One JSON value, borrowed from its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Node<'a> {
    /// `null`, `true` or `false`. No payload is smaller than a word: nodes are moved a lot, and a
    /// `bool` here made that twice as slow.
    Literal(&'static str),
    Integer(i64),
    Text(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    /// Sorted by name, each name once.
    Object(Vec<(&'a str, Node<'a>)>),
}

/// Where and why a line is not canonical JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} (byte {at} of the line)")]
pub(super) struct NotCanonical {
    /// The byte within the line, from 0.
    at: usize,
    what: &'static str,
}

impl<'a> Node<'a> {
    /// Reads one value that is the whole line.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, NotCanonical> {
        let text = std::str::from_utf8(line)
            .map_err(|error| NotCanonical { at: error.valid_up_to(), what: "not UTF-8" })?;
        let mut reader = Reader { text, at: 0 };
        let node = reader.value(0)?;
        if reader.at == text.len() { Ok(node) } else { Err(reader.refuse("text after the object")) }
    }

    /// The member of this name, where this is an object that has one.
    pub(super) fn get(&self, name: &str) -> Option<&Node<'a>> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(member, _)| *member == name).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// The text, where this is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, where this is one that is not negative.
    pub(super) fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The items, where this is an array.
    pub(super) fn items(&self) -> Option<&[Node<'a>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn refuse(&self, what: &'static str) -> NotCanonical {
        NotCanonical { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn literal(&mut self, word: &'static str) -> Result<Node<'a>, NotCanonical> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.refuse("not JSON"));
        }
        self.at += word.len();
        Ok(Node::Literal(word))
    }

    fn value(&mut self, depth: u32) -> Result<Node<'a>, NotCanonical> {
        if depth > DEPTH_LIMIT {
            return Err(self.refuse("nested too deep"));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Node::Text),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b' ' | b'\t' | b'\r') => Err(self.refuse("white space between values")),
            Some(_) => Err(self.refuse("not JSON")),
            None => Err(self.refuse("the line ends too early")),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Node<'a>, NotCanonical> {
        self.at += 1;
        let mut members: Vec<(&'a str, Node<'a>)> = Vec::with_capacity(8);
        if self.take(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            let start = self.at;
            let Cow::Borrowed(name) = self.string()? else {
                return Err(NotCanonical { at: start, what: "an escape in a member name" });
            };
            if !name.is_ascii() {
                return Err(NotCanonical { at: start, what: "a member name outside ASCII" });
            }
            if members.last().is_some_and(|(last, _)| *last >= name) {
                return Err(NotCanonical {
                    at: start,
                    what: "member names not sorted, or doubled",
                });
            }
            if !self.take(b':') {
                return Err(self.refuse("a colon is missing"));
            }
            members.push((name, self.value(depth + 1)?));
            if self.take(b'}') {
                return Ok(Node::Object(members));
            }
            if !self.take(b',') {
                return Err(self.refuse("a comma or the end of the object is missing"));
            }
        }
    }

    fn array(&mut self, depth: u32) -> Result<Node<'a>, NotCanonical> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Node::Array(items));
            }
            if !self.take(b',') {
                return Err(self.refuse("a comma or the end of the array is missing"));
            }
        }
    }

    fn integer(&mut self) -> Result<Node<'a>, NotCanonical> {
        const LIMIT: u64 = 1 << 53;
        let start = self.at;
        let negative = self.take(b'-');
        let digits = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let written = self.text.get(digits..self.at).unwrap_or_default();
        let refused = NotCanonical { at: start, what: "a number that is not a plain integer" };
        let leading_zero = written.starts_with('0') && (written.len() > 1 || negative);
        if written.is_empty() || leading_zero || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(refused);
        }
        let magnitude: u64 = written.parse().map_err(|_| refused)?;
        if magnitude >= LIMIT {
            return Err(NotCanonical { at: start, what: "an integer of 2^53 or more" });
        }
        let magnitude = magnitude as i64;
        Ok(Node::Integer(if negative { -magnitude } else { magnitude }))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotCanonical> {
        if !self.take(b'"') {
            return Err(self.refuse("a quotation mark is missing"));
        }
        let mut unescaped: Option<String> = None;
        loop {
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let plain = plain_run(rest);
            if plain == rest.len() {
                return Err(self.refuse("a string without its end"));
            }
            // Every byte that ends a plain run is ASCII, so the run ends between characters.
            let run = self.text.get(start..start + plain).unwrap_or_default();
            self.at = start + plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(run),
                        Some(text) => Cow::Owned(text + run),
                    });
                }
                Some(b'\\') => {
                    let mut text = unescaped.unwrap_or_default();
                    text.push_str(run);
                    text.push(self.escape()?);
                    unescaped = Some(text);
                }
                _ => return Err(self.refuse("a raw control character")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotCanonical> {
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        let refused = self.refuse("an escape that canonical JSON writes otherwise");
        let (character, length) = match rest {
            [b'"', ..] => ('"', 2),
            [b'\\', ..] => ('\\', 2),
            [b'b', ..] => ('\u{8}', 2),
            [b'f', ..] => ('\u{c}', 2),
            [b'n', ..] => ('\n', 2),
            [b'r', ..] => ('\r', 2),
            [b't', ..] => ('\t', 2),
            [b'u', b'0', b'0', high @ b'0'..=b'1', low @ (b'0'..=b'9' | b'a'..=b'f'), ..] => {
                let low = if low.is_ascii_digit() { low - b'0' } else { low - b'a' + 10 };
                match (high - b'0') * 16 + low {
                    // These have a short form.
                    8 | 9 | 10 | 12 | 13 => return Err(refused),
                    code => (char::from(code), 6),
                }
            }
            _ => return Err(refused),
        };
        self.at += length;
        Ok(character)
    }
}

/// How many bytes stand before the first quotation mark, backslash or control character.
fn plain_run(bytes: &[u8]) -> usize {
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    // Eight bytes at once: most of a line is plain, and this loop is what verification waits for.
    // The lowest marked byte is exact; a borrow can only mark bytes above it ("Bit Twiddling
    // Hacks", S. E. Anderson, "Determine if a word has a byte less than n").
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let marked = below(word, 0x20) | quote | backslash;
        if marked != 0 {
            return index * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    let done = words.len() * 8;
    let rest = bytes.get(done..).unwrap_or_default();
    done + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::canonical;
    use proptest::prelude::*;
    use serde_json::Value;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53) + 1..(1_i64 << 53)).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\x00-\\x1f\"\\\\/a]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-z@._]{1,5}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_canonical_json_writes_is_read(value in value()) {
            let text = canonical::to_string(&value).unwrap();
            prop_assert!(Node::parse(text.as_bytes()).is_ok(), "{}", text);
        }

        #[test]
        fn whatever_is_read_is_spelled_as_canonical_json_spells_it(
            value in value(), position in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = canonical::to_string(&value).unwrap().into_bytes();
            let position = position.index(bytes.len());
            bytes[position] = byte;
            if Node::parse(&bytes).is_ok() {
                let value: Value = serde_json::from_slice(&bytes).unwrap();
                prop_assert_eq!(canonical::to_string(&value).unwrap().into_bytes(), bytes);
            }
        }

        #[test]
        fn a_plain_run_ends_where_a_string_could_not_go_on(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let slow = bytes.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
            prop_assert_eq!(plain_run(&bytes), slow.unwrap_or(bytes.len()));
        }

        #[test]
        fn arbitrary_bytes_are_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Node::parse(&bytes);
        }
    }

    #[test]
    fn a_second_spelling_of_the_same_object_is_refused() {
        assert!(Node::parse(br#"{"a":1,"b":["x\n\u0001"]}"#).is_ok());
        for text in [
            r#"{"a": 1}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1}x"#,
            r#"{"a":01}"#,
            r#"{"a":-0}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u000a"}"#,
            r#"{"a":"\u001F"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"\u0061":1}"#,
            r#"{"é":1}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":1"#,
            r#"{"a":"#,
            "",
            "[",
            "\"",
            "\"\\",
        ] {
            assert!(Node::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Node::parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
