//! Command lines in examples and tests: a text with quotes and backslashes, or a list of arguments.
//!
//! What a shell would do more (variables, globs, pipes) is refused rather than guessed: the example
//! would promise something about another command than its author meant.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::system::ByteString;

/// A command of an example or a test, split into its arguments. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandText(Vec<String>);

impl CommandText {
    /// The arguments, the command first.
    pub fn arguments(&self) -> Vec<ByteString> {
        self.0.iter().map(|word| ByteString::from(word.as_str())).collect()
    }
}

impl Serialize for CommandText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for word in &self.0 {
            list.serialize_element(word)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for CommandText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Line;

        impl<'de> Visitor<'de> for Line {
            type Value = Vec<String>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a command line, or a list of arguments")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
                split(text).and_then(not_empty).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                not_empty(words).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(Line).map(Self)
    }
}

fn not_empty(words: Vec<String>) -> Result<Vec<String>, String> {
    match words.first() {
        Some(command) if !command.is_empty() => Ok(words),
        _ => Err("an empty command: write one, for example \"rm -rf /etc\"".to_owned()),
    }
}

/// Splits a command line as a shell does, without expanding anything.
fn split(line: &str) -> Result<Vec<String>, String> {
    let refused = |character: char| {
        format!(
            "{character:?} would mean something to a shell, and examples are not run by one: quote it, or write a list of arguments"
        )
    };
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let text = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(inside) => text.push(inside),
                        None => return Err("a single quote that is not closed".to_owned()),
                    }
                }
            }
            '"' => {
                let text = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some(expanded @ ('$' | '`')) => return Err(refused(expanded)),
                        Some('\\') => match characters.next() {
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => text.push(escaped),
                            Some('\n') => {}
                            Some(other) => text.extend(['\\', other]),
                            None => return Err("a double quote that is not closed".to_owned()),
                        },
                        Some(inside) => text.push(inside),
                        None => return Err("a double quote that is not closed".to_owned()),
                    }
                }
            }
            '\\' => match characters.next() {
                Some('\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err("a backslash with nothing after it".to_owned()),
            },
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '[' | '{' => {
                return Err(refused(character));
            }
            '~' | '#' if word.is_none() => return Err(refused(character)),
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_split_as_a_shell_splits_it() {
        for (line, words) in [
            ("rm -rf /etc", vec!["rm", "-rf", "/etc"]),
            ("  echo  'a b'\"c d\"e\\ f  ", vec!["echo", "a bc de f"]),
            ("psql -c 'DROP TABLE x;' \"\"", vec!["psql", "-c", "DROP TABLE x;", ""]),
            (r#"echo "a\"b\n" "#, vec!["echo", "a\"b\\n"]),
            ("a=b~c x#y", vec!["a=b~c", "x#y"]),
        ] {
            assert_eq!(split(line), Ok(words.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }

    #[test]
    fn what_only_a_shell_could_mean_is_refused() {
        for line in ["a | b", "a; b", "ls *.txt", "rm $X", "rm \"$X\"", "cat ~/x", "a 'b", "a \\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn single_quotes_carry_any_text(text in "[^']{0,40}") {
            prop_assert_eq!(split(&format!("x '{text}'")), Ok(vec!["x".to_owned(), text]));
        }
    }
}
