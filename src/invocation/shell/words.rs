//! The words of a shell line: quotes, escapes, expansions and patterns (POSIX.1-2017, 2.2 and 2.6).

use super::UNKNOWN;
use super::tokens::Cutter;

/// A word after quotes were taken out.
#[derive(Default, Debug)]
pub(super) struct Word {
    /// [`UNKNOWN`] stands for what is only known when the shell runs. As a pattern, what is meant
    /// literally has a backslash before it where it would mean something.
    pub(super) text: Vec<u8>,
    /// As it stands in the line.
    pub(super) source: Vec<u8>,
    /// Whether the shell looks for files by it.
    pub(super) pattern: bool,
    /// Whether any of it is quoted: then it is no reserved word.
    pub(super) quoted: bool,
    /// The lines inside of `$(…)` and backquotes.
    pub(super) substitutions: Vec<Vec<u8>>,
}

impl Word {
    /// The word, where nothing in it is quoted, expanded or a pattern.
    pub(super) fn plain(&self) -> Option<&[u8]> {
        let plain = !self.quoted && !self.pattern && !self.text.contains(&UNKNOWN);
        plain.then_some(self.text.as_slice())
    }

    /// `NAME=value`.
    pub(super) fn is_assignment(&self) -> bool {
        let name = self.source.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = name.strip_suffix(b"+").unwrap_or(name);
        name.len() < self.source.len()
            && name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }
}

/// A word in the making: each byte with whether it was quoted.
#[derive(Default)]
pub(super) struct Making {
    bytes: Vec<(u8, bool)>,
    quoted: bool,
    substitutions: Vec<Vec<u8>>,
}

impl Making {
    fn push(&mut self, byte: u8, quoted: bool) {
        // A NUL cannot stand in an argument: it would end it.
        self.bytes.push((byte, quoted || byte == UNKNOWN));
    }

    fn unknown(&mut self) {
        self.push(UNKNOWN, true);
    }

    pub(super) fn finish(self, source: &[u8]) -> Word {
        let bare = |byte: u8| move |(one, quoted): &(u8, bool)| *one == byte && !quoted;
        let holds = |byte: u8| self.bytes.iter().any(bare(byte));
        let braces = holds(b'{') && holds(b'}');
        let numbers = braces && source.windows(2).any(|two| two == b"..");
        let braces = braces && holds(b',');
        let pattern = holds(b'*') || holds(b'?') || holds(b'[') || braces;
        let home = self.bytes.first().is_some_and(bare(b'~'));
        let mut text = Vec::with_capacity(self.bytes.len());
        for (byte, quoted) in &self.bytes {
            let literally = *quoted || (!braces && b"{}".contains(byte));
            if pattern && literally && b"*?[]{}\\".contains(byte) {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        if numbers {
            // `{1..9}` is no pattern, and many words.
            text = vec![UNKNOWN];
        } else if home {
            // Whose home it is depends on the environment.
            let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            text.splice(..end, [UNKNOWN]);
        }
        Word {
            text,
            source: source.to_vec(),
            pattern,
            quoted: self.quoted,
            substitutions: self.substitutions,
        }
    }
}

impl Cutter<'_> {
    /// The word that begins here.
    pub(super) fn word(&mut self) -> Word {
        let start = self.at;
        let mut word = Making::default();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b')' | b'<' | b'>' => break,
                // The process substitution's own parenthesis.
                b'(' if self.at == start => {
                    self.at += 1;
                    self.substitution(&mut word);
                    continue;
                }
                b'(' => break,
                b'\'' => self.single_quotes(&mut word),
                b'"' => self.double_quotes(&mut word),
                b'\\' => {
                    self.at += 1;
                    if let Some(escaped) = self.peek().filter(|byte| *byte != b'\n') {
                        word.push(escaped, true);
                        word.quoted = true;
                    }
                }
                b'$' | b'`' => {
                    self.expansion(&mut word);
                    continue;
                }
                byte => word.push(byte, false),
            }
            self.at += 1;
        }
        if self.at == start {
            // Something that begins no word here: go on behind it.
            self.at = (self.at + 1).min(self.line.len());
            self.whole = false;
        }
        self.at = self.at.min(self.line.len());
        word.finish(self.line.get(start..self.at).unwrap_or_default())
    }

    fn single_quotes(&mut self, word: &mut Making) {
        word.quoted = true;
        self.at += 1;
        while let Some(byte) = self.peek() {
            if byte == b'\'' {
                return;
            }
            word.push(byte, true);
            self.at += 1;
        }
        self.whole = false;
    }

    fn double_quotes(&mut self, word: &mut Making) {
        word.quoted = true;
        self.at += 1;
        while let Some(byte) = self.peek() {
            if byte == b'"' {
                return;
            }
            self.within_double_quotes(word);
            self.at += 1;
        }
        self.whole = false;
    }

    /// One step inside of double quotes; ends on the last byte of it.
    pub(super) fn within_double_quotes(&mut self, word: &mut Making) {
        match self.peek() {
            Some(b'\\') => {
                let next = self.line.get(self.at + 1).copied();
                match next {
                    Some(b'\n') => self.at += 1,
                    Some(escaped @ (b'$' | b'`' | b'"' | b'\\')) => {
                        word.push(escaped, true);
                        self.at += 1;
                    }
                    _ => word.push(b'\\', true),
                }
            }
            Some(b'$' | b'`') => {
                self.expansion(word);
                self.at -= 1;
            }
            Some(byte) => word.push(byte, true),
            None => {}
        }
    }

    /// What begins with `$` or a backquote; ends behind it.
    fn expansion(&mut self, word: &mut Making) {
        let next = self.line.get(self.at + 1).copied();
        match (self.peek(), next) {
            (Some(b'`'), _) => {
                self.at += 1;
                let line = self.until_backquote();
                word.substitutions.push(line);
                word.unknown();
            }
            (_, Some(b'(')) if self.rest().starts_with(b"$((") => {
                self.at += 2;
                self.balanced(b'(', b')');
                word.unknown();
            }
            (_, Some(b'(')) => {
                self.at += 2;
                self.substitution(word);
            }
            (_, Some(b'{')) => {
                self.at += 2;
                let inside = self.balanced(b'{', b'}');
                // `${x:-$(id)}` runs a command, too.
                let runs = inside.windows(2).any(|two| two == b"$(") || inside.contains(&b'`');
                if runs {
                    word.substitutions.push(inside);
                }
                word.unknown();
            }
            (_, Some(b'\'')) => {
                self.at += 1;
                self.decoded_quotes(word);
            }
            (_, Some(byte)) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.at += 1;
                let name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
                self.at += self.rest().iter().take_while(name).count();
                word.unknown();
            }
            (_, Some(byte)) if byte.is_ascii_digit() || b"@*#?-$!".contains(&byte) => {
                self.at += 2;
                word.unknown();
            }
            _ => {
                word.push(b'$', true);
                self.at += 1;
            }
        }
    }

    /// The rest of `$(…)`.
    fn substitution(&mut self, word: &mut Making) {
        let line = self.balanced(b'(', b')');
        word.substitutions.push(line);
        word.unknown();
    }

    /// What stands before the closing one, quotes and escapes looked at; ends behind it.
    fn balanced(&mut self, open: u8, close: u8) -> Vec<u8> {
        let start = self.at;
        let mut depth = 1_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 1,
                b'\'' if open == b'(' => {
                    let rest = self.line.get(self.at + 1..).unwrap_or_default();
                    let end = rest.iter().position(|byte| *byte == b'\'');
                    self.at += end.map_or(rest.len(), |end| end + 1);
                }
                byte if byte == open => depth += 1,
                byte if byte == close => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return self.line.get(start..self.at - 1).unwrap_or_default().to_vec();
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.line.len();
        self.whole = false;
        self.line.get(start..).unwrap_or_default().to_vec()
    }

    fn until_backquote(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'`' => return line,
                b'\\' if matches!(self.peek(), Some(b'`' | b'\\' | b'$')) => {
                    line.extend(self.peek());
                    self.at += 1;
                }
                byte => line.push(byte),
            }
        }
        self.whole = false;
        line
    }

    /// `$'…'`, from its quote; ends behind it.
    fn decoded_quotes(&mut self, word: &mut Making) {
        word.quoted = true;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\'' => return,
                b'\\' => {
                    let decoded = match self.peek() {
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'r') => b'\r',
                        Some(escaped @ (b'\\' | b'\'' | b'"')) => escaped,
                        // Numbers and the rest of bash's escapes are not decoded.
                        _ => UNKNOWN,
                    };
                    word.push(decoded, true);
                    self.at += 1;
                }
                byte => word.push(byte, true),
            }
        }
        self.whole = false;
    }
}
