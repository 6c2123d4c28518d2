//! Two walks over the YAML itself, in block and flow style alike.
//!
//! The first comes before a document is read: it counts (aliases repeat what they stand for, and
//! ten lines of them can be a gigabyte), limits the depth and refuses keys that stand twice. The
//! second comes after something was found wrong: it goes down to a place and fails there, and the
//! YAML reader says where it was.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most values that one file may hold, aliases counted as what they stand for.
const MOST_VALUES: u32 = 500_000;

/// The most bytes of text that one file may hold, aliases counted as what they stand for.
const MOST_TEXT: usize = 8 << 20;

/// The deepest that values may be inside each other. A policy needs eight.
const DEEPEST: u32 = 32;

/// What is said about a document that its aliases make too large.
pub(super) const TOO_LARGE: &str = "the document is too large once its aliases are written out";

/// One step down into a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// To the value of this key.
    Key(&'static str),
    /// To the element of this number, from 0.
    Element(usize),
}

/// The most brackets that may be open at once in the raw text, quotes and comments included. The
/// YAML reader takes quadratic time for those that nest.
const MOST_OPEN_BRACKETS: usize = 500;

/// Checks the shape of a document, whatever it is about.
pub(super) fn check_shape(text: &str) -> Result<(), serde_yaml::Error> {
    let mut open = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MOST_OPEN_BRACKETS {
            let message = format!("more than {MOST_OPEN_BRACKETS} brackets are open at once");
            return Err(de::Error::custom(message));
        }
    }
    let limits = Limits { values: Cell::new(0), text: Cell::new(0) };
    Shape { limits: &limits, depth: 0 }.deserialize(serde_yaml::Deserializer::from_str(text))
}

/// Line and column (from 1) of the place that these steps lead to, or of the last one of them that
/// is there.
pub(super) fn position(text: &str, steps: &[Step]) -> (usize, usize) {
    (0..=steps.len())
        .rev()
        .filter_map(|length| steps.get(..length))
        .find_map(|steps| {
            let error = Place(steps).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
            error.location().map(|location| (location.line(), location.column()))
        })
        .unwrap_or((1, 1))
}

struct Limits {
    values: Cell<u32>,
    text: Cell<usize>,
}

impl Limits {
    fn count<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        self.values.set(self.values.get().saturating_add(1));
        self.text.set(self.text.get().saturating_add(bytes));
        if self.values.get() > MOST_VALUES || self.text.get() > MOST_TEXT {
            return Err(E::custom(TOO_LARGE));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Shape<'a> {
    limits: &'a Limits,
    depth: u32,
}

impl Shape<'_> {
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            return Err(E::custom(format!("more than {DEEPEST} values inside each other")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Shape<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("texts, numbers, lists and mappings (no tags)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.limits.count(text.len())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.limits.count(1)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.limits.count(1)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.limits.count(1)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.limits.count(1)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.limits.count(1)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.limits.count(1)?;
        let inside = self.inside()?;
        while list.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.limits.count(1)?;
        let inside = self.inside()?;
        let mut seen = HashSet::new();
        while map.next_key_seed(FreshKey { seen: &mut seen, limits: self.limits })?.is_some() {
            map.next_value_seed(inside)?;
        }
        Ok(())
    }
}

/// A key that was not there before.
struct FreshKey<'a> {
    seen: &'a mut HashSet<String>,
    limits: &'a Limits,
}

impl<'de> DeserializeSeed<'de> for FreshKey<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FreshKey<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<(), E> {
        self.limits.count(key.len())?;
        if self.seen.insert(key.to_owned()) {
            Ok(())
        } else {
            Err(E::custom(format!("{key:?} stands here for the second time: one of them must go")))
        }
    }
}

/// A place: reading it always fails, there or where the way to it ends.
struct Place<'a>(&'a [Step]);

impl Place<'_> {
    fn here<E: de::Error>() -> E {
        E::custom("here")
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the place looked for")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Element(number), rest)) = self.0.split_first() else {
            return Err(Self::here());
        };
        for _ in 0..*number {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Err(Self::here());
            }
        }
        list.next_element_seed(Place(rest))?;
        Err(Self::here())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(key), rest)) = self.0.split_first() else {
            return Err(Self::here());
        };
        while let Some(found) = map.next_key::<String>()? {
            if found == *key {
                map.next_value_seed(Place(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(Self::here())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Element, Key};

    #[test]
    fn places_are_found_in_block_and_in_flow_style() {
        let block = "rules:\n  - id: one\n  - id: two\n    require:\n      - group: ops\n";
        let steps = [Key("rules"), Element(1), Key("require"), Element(0), Key("group")];
        assert_eq!(position(block, &steps), (5, 16));
        assert_eq!(position(block, &[Key("rules"), Element(1), Key("id")]), (3, 9));
        let flow = "rules: [{id: one}, {id: two, require: [{group: ops}]}]\n";
        assert_eq!(position(flow, &steps), (1, 48));
    }

    #[test]
    fn a_place_that_is_not_there_is_the_last_one_on_the_way() {
        let text = "rules:\n  - id: one\n";
        assert_eq!(position(text, &[Key("rules"), Element(0), Key("risk")]), (2, 5));
        assert_eq!(position(text, &[Key("name")]), (1, 1));
        assert_eq!(position("", &[Key("name")]), (1, 1));
    }

    #[test]
    fn aliases_that_multiply_end_in_an_error() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in "bcdefghij".chars().zip("abcdefghi".chars()) {
            text.push_str(&format!(
                "{name}: &{name} [{}]\n",
                vec![format!("*{of}"); 10].join(", ")
            ));
        }
        // The reader has a limit of its own for aliases.
        assert!(check_shape(&text).unwrap_err().to_string().contains("limit exceeded"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 5000].join(","));
        assert!(check_shape(&long).unwrap_err().to_string().contains("too large"));
        assert!(check_shape("a: &a [*a]").is_err());
    }

    #[test]
    fn deep_nesting_ends_in_an_error() {
        for depth in [33, 1000, 100_000] {
            assert!(check_shape(&"[".repeat(depth)).is_err());
            assert!(check_shape(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).is_err());
            assert!(check_shape(&"{a: ".repeat(depth)).is_err());
            assert!(check_shape(&"- ".repeat(depth)).is_err());
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_found_at_its_second_place() {
        let error = check_shape("defaults: {risk: low,\n  set: {a: b, a: c}}\n").unwrap_err();
        let location = error.location().unwrap();
        assert_eq!((location.line(), location.column()), (2, 15));
    }
}
