//! Cutting a shell line into words, operators and redirections: POSIX.1-2017, 2.3 and 2.2, with
//! bash's `&>`, `|&`, `<<<`, `$'…'` and braces.

use super::words::{Making, Word};

/// A piece of a line.
#[derive(Debug)]
pub(super) enum Token {
    Word(Word),
    Operator(Operator),
    Redirection(Redirection),
    /// The text of a here-document, where the shell expands it.
    HereDocument(Option<Vec<u8>>),
}

/// What stands between commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// `|`, `|&`.
    Pipe,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `;`, `&`, the end of a line.
    End,
    /// `;;` and its like.
    EndOfCase,
    /// `(`.
    Open,
    /// `)`.
    Close,
}

/// A file that the shell opens.
#[derive(Debug)]
pub(super) struct Redirection {
    pub(super) writes: bool,
    pub(super) target: Word,
}

/// Cuts a line. Not whole where a quote or a parenthesis is not closed.
pub(super) fn cut(line: &[u8]) -> (Vec<Token>, bool) {
    let mut cutter = Cutter::new(line);
    cutter.run();
    (cutter.tokens, cutter.whole)
}

/// The text of a here-document as one word, and whether it ends as it should.
pub(super) fn expanded(text: &[u8]) -> (Word, bool) {
    let mut cutter = Cutter::new(text);
    let mut word = Making::default();
    while cutter.at < text.len() {
        cutter.within_double_quotes(&mut word);
        cutter.at += 1;
    }
    (word.finish(text), cutter.whole)
}

/// Where cutting stands.
pub(super) struct Cutter<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
    tokens: Vec<Token>,
    /// Whether everything that was opened was closed.
    pub(super) whole: bool,
    /// Delimiters of here-documents that begin on the next line: the delimiter, whether tabs are
    /// taken out, whether the text is expanded.
    documents: Vec<(Vec<u8>, bool, bool)>,
}

impl<'a> Cutter<'a> {
    fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0, tokens: Vec::new(), whole: true, documents: Vec::new() }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn run(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => {
                    let end = self.rest().iter().position(|byte| *byte == b'\n');
                    self.at = end.map_or(self.line.len(), |end| self.at + end);
                }
                b'\\' if self.rest().starts_with(b"\\\n") => self.at += 2,
                b'\n' => {
                    self.at += 1;
                    self.operator(Operator::End, 0);
                    self.documents();
                }
                b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => self.operators(),
                _ => {
                    let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
                    let after = self.line.get(self.at + digits);
                    if digits > 0 && matches!(after, Some(b'<' | b'>')) {
                        self.at += digits;
                        self.operators();
                    } else {
                        let word = self.word();
                        self.tokens.push(Token::Word(word));
                    }
                }
            }
        }
        // A document that never began has no text.
        self.whole &= self.documents.is_empty();
    }

    fn operator(&mut self, operator: Operator, length: usize) {
        self.at += length;
        self.tokens.push(Token::Operator(operator));
    }

    fn operators(&mut self) {
        let rest = self.rest();
        for (text, operator) in [
            (b"&&".as_slice(), Operator::And),
            (b"||", Operator::Or),
            (b"|&", Operator::Pipe),
            (b"|", Operator::Pipe),
            (b";;&", Operator::EndOfCase),
            (b";;", Operator::EndOfCase),
            (b";&", Operator::EndOfCase),
            (b";", Operator::End),
            (b"(", Operator::Open),
            (b")", Operator::Close),
        ] {
            if rest.starts_with(text) {
                return self.operator(operator, text.len());
            }
        }
        for (text, writes) in [
            (b"<<<".as_slice(), false),
            (b"<<-", false),
            (b"<<", false),
            (b"<>", true),
            (b"<&", false),
            (b"&>>", true),
            (b"&>", true),
            (b">>", true),
            (b">|", true),
            (b">&", true),
        ] {
            if rest.starts_with(text) {
                return self.redirection(text, writes);
            }
        }
        match rest.first() {
            // Process substitution: the command inside runs, the file is a pipe.
            Some(b'<' | b'>') if rest.get(1) == Some(&b'(') => {
                self.at += 1;
                let word = self.word();
                self.tokens.push(Token::Word(word));
            }
            Some(b'<') => self.redirection(b"<", false),
            Some(b'>') => self.redirection(b">", true),
            _ => self.operator(Operator::End, 1),
        }
    }

    fn redirection(&mut self, operator: &[u8], writes: bool) {
        self.at += operator.len();
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let target = self.word();
        if matches!(operator, b"<<" | b"<<-") {
            let delimiter = target.text.clone();
            self.documents.push((delimiter, operator == b"<<-", !target.quoted));
            return;
        }
        let is_descriptor = matches!(operator, b">&" | b"<&")
            && (target.text == b"-" || target.text.iter().all(u8::is_ascii_digit));
        if !is_descriptor {
            self.tokens.push(Token::Redirection(Redirection { writes, target }));
        }
    }

    /// The here-documents that were announced on the line before.
    fn documents(&mut self) {
        for (delimiter, without_tabs, expands) in std::mem::take(&mut self.documents) {
            let mut text = Vec::new();
            loop {
                let rest = self.rest();
                if rest.is_empty() {
                    self.whole = false;
                    break;
                }
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let mut line = rest.get(..end).unwrap_or_default();
                self.at += (end + 1).min(rest.len());
                while without_tabs && line.first() == Some(&b'\t') {
                    line = line.get(1..).unwrap_or_default();
                }
                if line == delimiter {
                    break;
                }
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            self.tokens.push(Token::HereDocument(expands.then_some(text)));
        }
    }
}
