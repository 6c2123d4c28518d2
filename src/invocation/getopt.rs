//! Cutting a command line by the rules of GNU getopt: clusters, `--opt=value`, abbreviations of
//! long names, `--`, options between operands.

use super::grammar::{OptionSpec, Value};
use crate::system::ByteString;

/// A piece of a command line.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    /// An option that the table knows, with its value where it has one.
    Option(&'static OptionSpec, Option<&'a [u8]>),
    /// An option that the table does not know: its letter, or its long name. It is taken for a flag.
    Unknown(&'a [u8]),
    /// An operand.
    Operand(&'a [u8]),
}

/// How to cut.
#[derive(Clone, Copy, Default)]
pub(super) struct Cutting {
    /// Options end at the first operand.
    pub(super) options_first: bool,
    /// The first word may be a cluster without its dash.
    pub(super) bundled: bool,
}

/// Cuts the arguments (without the command itself) into pieces, in their order.
pub(super) fn cut<'a>(
    arguments: &'a [ByteString],
    options: &'static [OptionSpec],
    cutting: Cutting,
) -> Vec<Piece<'a>> {
    let mut cutter =
        Cutter { rest: arguments.iter().map(ByteString::as_bytes), options, pieces: Vec::new() };
    let mut at_start = true;
    let mut only_operands = false;
    while let Some(word) = cutter.rest.next() {
        match word {
            _ if only_operands => cutter.pieces.push(Piece::Operand(word)),
            b"--" => only_operands = true,
            [b'-', b'-', name @ ..] => cutter.long(name),
            [b'-', letters @ ..] if !letters.is_empty() => cutter.cluster(letters),
            _ if cutting.bundled && at_start && !word.is_empty() => cutter.bundle(word),
            _ => {
                cutter.pieces.push(Piece::Operand(word));
                only_operands = cutting.options_first;
            }
        }
        at_start = false;
    }
    cutter.pieces
}

struct Cutter<'a, I: Iterator<Item = &'a [u8]>> {
    rest: I,
    options: &'static [OptionSpec],
    pieces: Vec<Piece<'a>>,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Cutter<'a, I> {
    fn long(&mut self, name: &'a [u8]) {
        let equals = name.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..)),
            None => (name, None),
        };
        let named = |option: &&OptionSpec| !option.long.is_empty();
        let exact = self.options.iter().filter(named).find(|o| o.long.as_bytes() == name);
        // An abbreviation that fits several is an error to getopt; any of them will do for us.
        let found = exact.or_else(|| {
            let fits = |option: &&OptionSpec| option.long.as_bytes().starts_with(name);
            self.options.iter().filter(named).find(fits).filter(|_| !name.is_empty())
        });
        let Some(option) = found else {
            self.pieces.push(Piece::Unknown(name));
            return;
        };
        let value = match (option.value, value) {
            (Value::Always, None) => self.rest.next(),
            (_, value) => value,
        };
        self.pieces.push(Piece::Option(option, value));
    }

    fn cluster(&mut self, letters: &'a [u8]) {
        for (index, letter) in letters.iter().enumerate() {
            let Some(option) = self.by_letter(*letter) else {
                self.pieces.push(Piece::Unknown(letters.get(index..=index).unwrap_or_default()));
                continue;
            };
            let attached = letters.get(index + 1..).filter(|rest| !rest.is_empty());
            let value = match option.value {
                Value::Never => {
                    self.pieces.push(Piece::Option(option, None));
                    continue;
                }
                Value::Attached => attached,
                Value::Always => attached.or_else(|| self.rest.next()),
            };
            self.pieces.push(Piece::Option(option, value));
            return;
        }
    }

    /// `tar xzf a.tgz`: every letter is an option, and the values follow as words, in their order.
    fn bundle(&mut self, letters: &'a [u8]) {
        for letter in letters {
            if let Some(option) = self.by_letter(*letter) {
                let value = if option.value == Value::Always { self.rest.next() } else { None };
                self.pieces.push(Piece::Option(option, value));
            }
        }
    }

    fn by_letter(&self, letter: u8) -> Option<&'static OptionSpec> {
        self.options.iter().find(|option| option.short == letter && letter != 0)
    }
}
