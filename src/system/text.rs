//! Text that came from somebody else, made safe to show.
//!
//! Arguments, reasons and file names are chosen by the requester. Shown raw, they can move the
//! cursor, recolour or rewrite what the approver reads (CVE-2023-28486 in sudo's logs), reorder it
//! (bidirectional controls, "Trojan Source", CVE-2021-42574) or hide parts of it (zero width).
//! Everything that is shown on any channel goes through [`visible`] or [`visible_bytes`].

use std::fmt::Write as _;

use super::Digest;

/// The text with every character made visible: control, format, bidirectional, zero-width and
/// unusual space characters are written as `\n`, `\t`, `\e` or `\u{HEX}`, a backslash as `\\`.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(character, &mut shown);
    }
    shown
}

/// The bytes as visible text: as [`visible`], and bytes that are not UTF-8 as `\xHH`.
pub fn visible_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_visible(character, &mut shown);
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A path as [`visible_bytes`] shows it: for messages.
pub fn visible_path(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    visible_bytes(path.as_os_str().as_bytes())
}

/// JSON text with every hidden character inside its strings written as `\uXXXX`: the same value to
/// a program, and safe on a terminal. (JSON itself only asks for that below U+0020.)
pub fn visible_json(json: &str) -> String {
    // Most of it is plain, and is not looked at character by character.
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return json.to_owned();
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hidden(character) && !matches!(character, '\n' | '\r' | '\t') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// One argument as a person reads it on a command line: plain where it is harmless, in double
/// quotes where it is empty or holds spaces, quotes, shell characters or anything escaped.
pub fn visible_argument(bytes: &[u8]) -> String {
    let shown = visible_bytes(bytes);
    let plain = !shown.is_empty()
        && shown.chars().all(|c| c.is_alphanumeric() || "-_./=:,@%+^~".contains(c));
    if plain { shown } else { format!("\"{}\"", shown.replace('"', "\\\"")) }
}

/// A path as one word of a shell command that a person is to copy: in single quotes where it holds
/// anything that a shell would not leave alone. What cannot be shown is shown escaped: such a
/// command is then for reading.
pub fn shell_word(path: &std::path::Path) -> String {
    let shown = visible_path(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !shown.is_empty() && shown.chars().all(plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', "'\\''"))
    }
}

/// The beginning of a text that is longer than `limit` bytes, and in place of the rest how much is
/// missing and its digest: `…[cut: 51 bytes, sha256:…]`. `None` where it is no longer.
pub fn cut(text: &str, limit: usize) -> Option<String> {
    if text.len() <= limit {
        return None;
    }
    let boundary = (0..=limit).rev().find(|at| text.is_char_boundary(*at));
    let (kept, missing) = text.split_at(boundary.unwrap_or_default());
    Some(format!("{kept}[cut: {} bytes, {}]", missing.len(), Digest::of(missing.as_bytes())))
}

/// A number of things, in words: `1 path`, `2 paths`.
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A number of bytes, as people say it, in at most three digits of the largest binary unit that fits:
/// `812 B`, `1.4 KiB`, `20 GiB`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = "B";
    // Tenths of the unit; the largest number has far fewer of KiB's than 64 bits.
    let mut tenths = u128::from(bytes) * 10;
    for larger in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths = (tenths + 512) / 1024;
        unit = larger;
    }
    match (tenths / 10, tenths % 10) {
        (whole @ 0..10, tenth) if tenth > 0 => format!("{whole}.{tenth} {unit}"),
        (whole, _) => format!("{whole} {unit}"),
    }
}

/// A whole command line as a person reads it. It is for reading: it is not shell syntax.
pub fn visible_command<A: AsRef<[u8]>>(arguments: &[A]) -> String {
    arguments
        .iter()
        .map(|argument| visible_argument(argument.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The terminal cells that a text takes at most: wide characters take two, and no table of them is
/// kept here, so everything outside ASCII counts as wide.
pub fn cells(text: &str) -> usize {
    text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// A text in pieces of at most `room` terminal cells (and never less than one character), broken
/// after a space where there is one. Joined, they give the text back.
pub fn wrapped(text: &str, room: usize) -> Vec<&str> {
    let room = room.max(2);
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let mut used = 0;
        let fits = rest.find(|character: char| {
            used += if character.is_ascii() { 1 } else { 2 };
            used > room
        });
        let Some(end) = fits else {
            pieces.push(rest);
            return pieces;
        };
        let (line, _) = rest.split_at(end);
        // A break far to the left would waste the line.
        let at = line.rfind(' ').map(|space| space + 1).filter(|at| *at > end / 2).unwrap_or(end);
        let (piece, after) = rest.split_at(at);
        pieces.push(piece);
        rest = after;
    }
}

/// A text that fits into `room` terminal cells: where it is longer, its middle is left out, and that
/// is marked.
pub fn cut_in_the_middle(text: &str, room: usize) -> String {
    if cells(text) <= room {
        return text.to_owned();
    }
    const MARK: &str = "…";
    let left = room.saturating_sub(cells(MARK));
    let head = as_many_as_fit(text.chars(), left - left / 2);
    let tail: String = as_many_as_fit(text.chars().rev(), left / 2).chars().rev().collect();
    format!("{head}{MARK}{tail}")
}

/// As many of these characters as fit.
fn as_many_as_fit(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let fits = |character: &char| {
        used += if character.is_ascii() { 1 } else { 2 };
        used <= room
    };
    characters.take_while(fits).collect()
}

/// A text that begins in column `indent` and goes on there: on a terminal of that many columns no
/// word is torn apart and no line falls back to its left edge. Where there is no terminal (`None`),
/// as it is, for programs to read.
pub fn hanging(text: &str, indent: usize, columns: Option<usize>) -> String {
    let margin = format!("\n{}", " ".repeat(indent));
    let lines = text.lines().map(|line| match columns {
        // Of a terminal that narrow nothing can be made.
        Some(columns) if columns > indent + 20 => {
            let pieces = wrapped(line, columns - indent);
            pieces.into_iter().map(str::trim_end).collect::<Vec<_>>().join(&margin)
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join(&margin)
}

fn push_visible(character: char, shown: &mut String) {
    match character {
        '\\' => shown.push_str("\\\\"),
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        '\u{1b}' => shown.push_str("\\e"),
        _ if is_hidden(character) => {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        }
        _ => shown.push(character),
    }
}

/// Whether a character shows as nothing, as something else, or changes what stands around it.
fn is_hidden(character: char) -> bool {
    if character.is_control() || (character.is_whitespace() && character != ' ') {
        return true;
    }
    matches!(u32::from(character),
        // Unicode general category Cf (format), which holds the bidirectional and zero-width ones.
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e
        | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb
        | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
        | 0xe0000..=0xe007f
        // Blank letters (Hangul fillers, Braille blank) and the grapheme joiner.
        | 0x34f | 0x115f | 0x1160 | 0x17b4..=0x17b5 | 0x2800 | 0x3164 | 0xffa0
        // Variation selectors.
        | 0x180b..=0x180d | 0x180f | 0xfe00..=0xfe0f | 0xe0100..=0xe01ef
        // Private use and non-characters: no agreed appearance.
        | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xf0000..=0x10ffff)
        || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_largest_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (20 << 30, "20 GiB"),
            ((20 << 30) - 1, "20 GiB"),
            (3 << 20, "3 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size_text(bytes), expected, "{bytes}");
        }
    }
    use proptest::prelude::*;

    #[test]
    fn what_is_too_long_for_a_line_loses_its_middle_and_says_so() {
        assert_eq!(cut_in_the_middle("it fits", 7), "it fits");
        assert_eq!(cut_in_the_middle("0123456789", 8), "012…789");
        // Wide characters take two cells: none is cut in half, and it never takes more room.
        for room in 2..20 {
            let cut = cut_in_the_middle("日本語 is wide, and so is 日本語", room);
            assert!(cells(&cut) <= room && cut.contains('…'), "{room}: {cut}");
        }
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_every_piece_fits(text in "[ a-z日é]{0,300}") {
            let pieces = wrapped(&text, 63);
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| cells(piece) <= 63));
        }
    }

    #[test]
    fn a_text_that_hangs_stays_beside_its_label_and_is_whole_where_no_terminal_is() {
        let text = "several words and more of them and even more\nand a line";
        assert_eq!(
            hanging(text, 4, Some(30)),
            "several words and more of\n    them and even more\n    and a line"
        );
        assert_eq!(hanging(text, 4, None), text.replace('\n', "\n    "));
        assert_eq!(hanging("several words", 4, Some(5)), "several words");
    }

    #[test]
    fn what_could_deceive_a_reader_is_spelled_out() {
        for (raw, shown) in [
            ("plain text, naïve 日本", "plain text, naïve 日本"),
            ("\u{1b}[2Jgone", "\\e[2Jgone"),
            ("a\rb\nc\td", "a\\rb\\nc\\td"),
            ("evil\u{202e}txt.exe", "evil\\u{202e}txt.exe"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("no\u{a0}break", "no\\u{a0}break"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("back\\slash", "back\\\\slash"),
        ] {
            assert_eq!(visible(raw), shown);
        }
        assert_eq!(visible_bytes(b"a\xffb"), "a\\xffb");
        assert_eq!(visible_argument(b""), "\"\"");
        assert_eq!(visible_command(&["rm", "-rf", "my files"]), "rm -rf \"my files\"");
    }

    #[test]
    fn json_means_the_same_and_hides_nothing() {
        let value = serde_json::json!({"a": "x\u{202e}y\u{9b}z\u{e0041}\n\u{1b}é"});
        let shown = visible_json(&value.to_string());
        assert_eq!(shown, "{\"a\":\"x\\u202ey\\u009bz\\udb40\\udc41\\n\\u001bé\"}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    proptest! {
        #[test]
        fn nothing_shown_holds_a_control_or_bidirectional_character(text in any::<String>()) {
            let hostile = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            prop_assert!(!visible(&text).chars().any(hostile));
        }
    }

    #[test]
    fn a_path_in_a_command_is_one_word_of_it() {
        for (path, word) in [
            ("/etc/hitl/policy.yaml", "/etc/hitl/policy.yaml"),
            ("/srv/a b", "'/srv/a b'"),
            ("/srv/$(x)'s", "'/srv/$(x)'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(std::path::Path::new(path)), word);
        }
    }
}
