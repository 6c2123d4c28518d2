//! Keys out of the bytes that a terminal sends for them.
//!
//! Read here and not by crossterm, which waits within a key for the rest of it, deaf to everything else,
//! and reads on for ever where the terminal has hung up.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const ESCAPE: u8 = 0x1b;

/// No key is longer; what is, is none.
const LONGEST: usize = 32;

/// What was typed and is no whole key yet.
#[derive(Default)]
pub(super) struct Typed(Vec<u8>);

impl Typed {
    /// The keys that are whole with these bytes, which came in one piece: an escape at its end is the
    /// key of that name.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<KeyEvent> {
        self.0.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while let Some(found) = first(&self.0) {
            keys.extend(found.key);
            self.0.drain(..found.length.clamp(1, self.0.len()));
        }
        keys
    }

    /// Forgets it.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Found {
    /// `None` where it is no key.
    key: Option<KeyEvent>,
    /// How many bytes it takes.
    length: usize,
}

impl Found {
    fn key(code: KeyCode, modifiers: KeyModifiers, length: usize) -> Option<Self> {
        Some(Self { key: Some(KeyEvent::new(code, modifiers)), length })
    }

    fn plain(code: KeyCode, length: usize) -> Option<Self> {
        Self::key(code, KeyModifiers::NONE, length)
    }

    fn control(character: u8) -> Option<Self> {
        Self::key(KeyCode::Char(character.into()), KeyModifiers::CONTROL, 1)
    }

    fn nothing(length: usize) -> Option<Self> {
        Some(Self { key: None, length })
    }
}

/// The first key; `None` where more bytes must come.
fn first(bytes: &[u8]) -> Option<Found> {
    match *bytes {
        [] => None,
        [ESCAPE] | [ESCAPE, ESCAPE, ..] => Found::plain(KeyCode::Esc, 1),
        [ESCAPE, b'[', ref rest @ ..] => sequence(rest),
        [ESCAPE, b'O'] => None,
        // The keypad's.
        [ESCAPE, b'O', b'M', ..] => Found::plain(KeyCode::Enter, 3),
        [ESCAPE, b'O', last, ..] => Found::plain(of_final(last), 3),
        [ESCAPE, ref rest @ ..] => first(rest).map(|mut found| {
            found.length += 1;
            found.key =
                found.key.map(|key| KeyEvent::new(key.code, key.modifiers | KeyModifiers::ALT));
            found
        }),
        [b'\r', ..] => Found::plain(KeyCode::Enter, 1),
        [b'\t', ..] => Found::plain(KeyCode::Tab, 1),
        [0x7f, ..] => Found::plain(KeyCode::Backspace, 1),
        [0, ..] => Found::control(b' '),
        [byte @ 0x01..=0x1a, ..] => Found::control(byte - 1 + b'a'),
        [byte @ 0x1c..=0x1f, ..] => Found::control(byte - 0x1c + b'4'),
        _ => character(bytes),
    }
}

/// A character of UTF-8.
fn character(bytes: &[u8]) -> Option<Found> {
    let piece = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    let valid = match std::str::from_utf8(piece) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            let valid = piece.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        // More may come; or it is no text.
        Err(error) => return error.error_len().and_then(Found::nothing),
    };
    let character = valid.chars().next()?;
    Found::plain(KeyCode::Char(character), character.len_utf8())
}

/// A control sequence (ECMA-48, 5.4) after its introducer, which takes two bytes.
fn sequence(rest: &[u8]) -> Option<Found> {
    // The Linux console's F1 to F5.
    if let Some((b'[', rest)) = rest.split_first() {
        return rest.first().and_then(|_| Found::plain(KeyCode::Null, 4));
    }
    // A click, from a terminal that another program has left so: its place takes three bytes.
    if let Some((b'M', rest)) = rest.split_first() {
        return if rest.len() < 3 { None } else { Found::nothing(6) };
    }
    let end = rest.iter().position(|byte| !matches!(byte, 0x20..=0x3f));
    let Some((at, last)) = end.and_then(|at| Some((at, *rest.get(at)?))) else {
        return if rest.len() > LONGEST { Found::nothing(rest.len() + 2) } else { None };
    };
    if !matches!(last, 0x40..=0x7e) {
        // Broken off by something else, which may be a key.
        return Found::nothing(at + 2);
    }
    let parameters = std::str::from_utf8(rest.get(..at)?).unwrap_or_default();
    let mut numbers = parameters.split(';').map(|number| number.parse::<u8>().ok());
    let first = numbers.next().flatten();
    // The modifiers' bits, and one.
    let bits = numbers.next().flatten().unwrap_or(1).saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [(2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        modifiers.set(modifier, bits & bit != 0);
    }
    let code = match (last, first) {
        (b'~', Some(1 | 7)) => KeyCode::Home,
        (b'~', Some(4 | 8)) => KeyCode::End,
        (b'~', Some(5)) => KeyCode::PageUp,
        (b'~', Some(6)) => KeyCode::PageDown,
        (last, _) => of_final(last),
    };
    Found::key(code, modifiers, at + 3)
}

/// The key of a sequence that ends so; `Null` for one that means nothing here.
fn of_final(last: u8) -> KeyCode {
    match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'Z' => KeyCode::BackTab,
        _ => KeyCode::Null,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys of these pieces, each as crossterm would print it.
    fn keys(pieces: &[&[u8]]) -> Vec<(KeyCode, KeyModifiers)> {
        let mut typed = Typed::default();
        let keys = pieces.iter().flat_map(|piece| typed.take(piece)).collect::<Vec<_>>();
        keys.into_iter().map(|key| (key.code, key.modifiers)).collect()
    }

    fn plain(pieces: &[&[u8]]) -> Vec<KeyCode> {
        let keys = keys(pieces);
        assert!(keys.iter().all(|(_, modifiers)| modifiers.is_empty()), "{keys:?}");
        keys.into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn what_terminals_send_for_a_key_is_that_key() {
        use KeyCode::{
            BackTab, Backspace, Char, Down, End, Enter, Esc, Home, PageDown, PageUp, Tab, Up,
        };
        for (bytes, code) in [
            (&b"a"[..], Char('a')),
            (b"\xc3\xa9", Char('é')),
            (b"\r", Enter),
            (b"\t", Tab),
            (b"\x7f", Backspace),
            (b"\x1b", Esc),
            (b"\x1b[A", Up),
            (b"\x1bOA", Up),
            (b"\x1b[B", Down),
            (b"\x1b[H", Home),
            (b"\x1b[1~", Home),
            (b"\x1b[7~", Home),
            (b"\x1bOH", Home),
            (b"\x1b[F", End),
            (b"\x1b[4~", End),
            (b"\x1b[5~", PageUp),
            (b"\x1b[6~", PageDown),
            (b"\x1b[Z", BackTab),
            (b"\x1bOM", Enter),
        ] {
            assert_eq!(plain(&[bytes]), [code], "{bytes:?}");
        }
        assert_eq!(keys(&[b"\x03"]), [(Char('c'), KeyModifiers::CONTROL)]);
        assert_eq!(keys(&[b"\x1bq"]), [(Char('q'), KeyModifiers::ALT)]);
        assert_eq!(keys(&[b"\x1b[1;5B"]), [(Down, KeyModifiers::CONTROL)]);
        assert_eq!(plain(&[b"\x1b[15~", b"\x1b[[A"]), [KeyCode::Null; 2], "keys that mean nothing");
        assert_eq!(plain(&[b"\x1b[M !!q"]), [Char('q')], "a click is no key");
        assert_eq!(plain(&[b"ab\x1b"]), [Char('a'), Char('b'), Esc]);
        assert_eq!(plain(&[b"\x1b\x1b"]), [Esc, Esc]);
    }

    #[test]
    fn a_key_that_comes_in_pieces_is_one_key_and_what_is_none_takes_no_other_with_it() {
        use KeyCode::{Char, Down, Esc};
        assert_eq!(plain(&[b"\x1b[", b"B"]), [Down]);
        assert_eq!(plain(&[b"\x1b[1", b";1", b"B", b"x"]), [Down, Char('x')]);
        assert_eq!(plain(&[b"\xc3", b"\xa9"]), [Char('é')]);
        assert_eq!(plain(&[b"\xff\xfeq"]), [Char('q')]);
        assert_eq!(plain(&[b"\x1b[12\x1b"]), [Esc], "broken off");
        assert_eq!(plain(&[b"\x1b[", &[b'1'; 100], b"q"]), [Char('q')], "no key has no end");
    }

    proptest! {
        #[test]
        fn no_bytes_keep_more_than_a_key_back(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
        ) {
            let mut typed = Typed::default();
            for piece in &pieces {
                typed.take(piece);
                prop_assert!(typed.0.len() <= LONGEST + 3, "{:?}", typed.0);
            }
        }

        #[test]
        fn text_is_typed_as_it_is(text in "[^\\x00-\\x1f\\x7f]{0,50}") {
            let mut typed = Typed::default();
            let keys = typed.take(text.as_bytes());
            let typed: String = keys.iter().filter_map(|key| key.code.as_char()).collect();
            prop_assert_eq!(typed, text);
        }
    }
}
