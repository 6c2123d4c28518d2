//! A shell line, as far as it can be read: its simple commands, the directory that each runs in,
//! and what it redirects. POSIX shell, and what bash adds to it often enough.
//!
//! Nothing here makes a decision more lenient: a shell line is dynamic however well it is read.
//! What is found is judged and captured; what is not understood is said to be unknown.

mod tokens;
mod words;

use std::path::PathBuf;

use super::findings::Started;
use super::{DynamicFragment, PathLookup, paths};
use crate::system::ByteString;
use tokens::{Operator, Redirection, Token};
use words::Word;

/// Lines longer than this are not read, in bytes.
const LONGEST: usize = 64 << 10;
/// Commands in substitutions inside of each other are read so deep.
const DEEPEST: usize = 8;
/// A line can leave open in which of so many directories a command runs.
const DIRECTORIES: usize = 4;

/// What stands in a word for what is not known of it. No argument can hold it.
pub(super) const UNKNOWN: u8 = 0;

const OF_A_VARIABLE: &str = "the shell puts in its place what is not known before it runs";
const UNKNOWN_COMMAND: &str = "which command it is, is not known before the shell runs it";
const UNKNOWN_DIRECTORY: &str = "the directory that follows is not known before the shell runs it";
const UNREADABLE: &str = "hitl cannot read this shell line to its end";

/// What was read out of a line.
#[derive(Default, Debug)]
pub(super) struct Line {
    /// Its simple commands.
    pub(super) commands: Vec<Simple>,
    /// What is not known.
    pub(super) doubts: Vec<DynamicFragment>,
}

/// One simple command.
#[derive(Debug)]
pub(super) struct Simple {
    /// What would be started; no words where there are only redirections.
    pub(super) started: Started,
    /// Whether the directory is known: otherwise only absolute paths mean anything.
    pub(super) directory_known: bool,
    /// The words whose names the shell finds by a pattern.
    pub(super) has_patterns: bool,
    /// The files that the shell opens for writing.
    pub(super) written: Vec<ByteString>,
    /// What the command before it in the pipeline was, whose output it reads.
    pub(super) fed_by: Option<Vec<ByteString>>,
}

/// Reads a shell line that runs in a directory.
pub(super) fn read(line: &[u8], directory: PathBuf, lookup: &dyn PathLookup) -> Line {
    let mut reader =
        Reader { line: Line::default(), directories: vec![directory], lookup, depth: 0 };
    reader.read(line);
    reader.line
}

/// Words that only structure what follows them.
const RESERVED: &[&[u8]] = &[
    b"if", b"then", b"else", b"elif", b"fi", b"while", b"until", b"do", b"done", b"{", b"}", b"!",
    b"time", b"coproc",
];

/// What the shell does itself and what touches no file.
const HARMLESS: &[&[u8]] = &[
    b":",
    b"true",
    b"false",
    b"test",
    b"[",
    b"[[",
    b"echo",
    b"printf",
    b"export",
    b"local",
    b"declare",
    b"typeset",
    b"readonly",
    b"unset",
    b"set",
    b"shopt",
    b"shift",
    b"return",
    b"exit",
    b"break",
    b"continue",
    b"wait",
    b"read",
    b"umask",
    b"ulimit",
    b"type",
    b"hash",
    b"pwd",
    b"let",
    b"getopts",
    b"times",
    b"jobs",
    b"kill",
    b"sleep",
];

/// A command in the making.
#[derive(Default)]
struct Making {
    words: Vec<Word>,
    redirections: Vec<Redirection>,
}

struct Reader<'l> {
    line: Line,
    /// Where the next command can run; none where that is not known.
    directories: Vec<PathBuf>,
    lookup: &'l dyn PathLookup,
    depth: usize,
}

impl Reader<'_> {
    fn read(&mut self, line: &[u8]) {
        if line.len() > LONGEST || self.depth > DEEPEST {
            self.doubt(line, UNREADABLE);
            return;
        }
        let (tokens, whole) = tokens::cut(line);
        if !whole {
            self.doubt(line, UNREADABLE);
        }
        let mut making = Making::default();
        let mut outside: Vec<Vec<PathBuf>> = Vec::new();
        let mut list_began_in = self.directories.clone();
        let mut fed_by = None;
        // Between `case` and `)`, and from `for` to the end of its list, there are no commands.
        let mut skips = Skips::Nothing;
        for token in tokens {
            match token {
                Token::Word(word) => {
                    self.substituted(&word);
                    match skips {
                        Skips::Patterns if word.plain() == Some(b"esac") => {
                            skips = Skips::Nothing;
                            continue;
                        }
                        Skips::List | Skips::Patterns => continue,
                        Skips::Nothing => {}
                    }
                    let first = making.words.is_empty();
                    match word.plain() {
                        Some(b"esac") if first => {}
                        Some(b"case") if first => skips = Skips::Patterns,
                        Some(b"for" | b"select") if first => skips = Skips::List,
                        Some(b"function") if first => {}
                        Some(word) if first && RESERVED.contains(&word) => {}
                        _ => making.words.push(word),
                    }
                }
                Token::Redirection(redirection) => {
                    self.substituted(&redirection.target);
                    making.redirections.push(redirection);
                }
                Token::HereDocument(text) => {
                    if let Some(text) = text {
                        self.in_document(&text);
                    }
                }
                Token::Operator(operator) => {
                    if operator == Operator::Close && matches!(skips, Skips::Patterns) {
                        skips = Skips::Nothing;
                        continue;
                    }
                    if matches!(skips, Skips::Patterns) {
                        continue;
                    }
                    skips = match operator {
                        Operator::EndOfCase => Skips::Patterns,
                        _ => Skips::Nothing,
                    };
                    if operator == Operator::Open && making.words.len() == 1 {
                        // `name()` begins a function; its commands are read as if it were called.
                        making = Making::default();
                    }
                    let words = self.finish(std::mem::take(&mut making), operator, fed_by.take());
                    match operator {
                        Operator::Pipe => fed_by = Some(words),
                        Operator::Or => self.also_in(&list_began_in),
                        Operator::And => {}
                        Operator::Open => outside.push(self.directories.clone()),
                        Operator::Close => {
                            if let Some(directories) = outside.pop() {
                                self.directories = directories;
                            }
                        }
                        Operator::End | Operator::EndOfCase => {
                            list_began_in.clone_from(&self.directories);
                        }
                    }
                }
            }
        }
        self.finish(making, Operator::End, fed_by);
    }

    /// What is inside of `$(…)` and backquotes is started as well.
    fn substituted(&mut self, word: &Word) {
        for line in &word.substitutions {
            let directories = self.directories.clone();
            self.depth += 1;
            self.read(line);
            self.depth -= 1;
            self.directories = directories;
        }
    }

    /// A here-document whose delimiter is not quoted is expanded.
    fn in_document(&mut self, text: &[u8]) {
        let (word, _) = tokens::expanded(text);
        self.substituted(&word);
    }

    /// The command ends here. Returns its words.
    fn finish(
        &mut self,
        making: Making,
        ended_by: Operator,
        fed_by: Option<Vec<ByteString>>,
    ) -> Vec<ByteString> {
        let Making { words, redirections } = making;
        let words: Vec<Word> = words.into_iter().skip_while(Word::is_assignment).collect();
        let written = self.redirected(&redirections);
        let mut texts: Vec<ByteString> =
            words.iter().map(|word| ByteString::from(word.text.clone())).collect();
        for word in words.iter().skip(1).filter(|word| word.text.contains(&UNKNOWN)) {
            self.doubt(&word.source, OF_A_VARIABLE);
        }
        let piped = fed_by.is_some() || ended_by == Operator::Pipe;
        let name = words.first().map(|word| word.text.clone()).unwrap_or_default();
        match name.as_slice() {
            name if name.contains(&UNKNOWN) => {
                self.doubt(
                    &words.first().map(|word| word.source.clone()).unwrap_or_default(),
                    UNKNOWN_COMMAND,
                );
                texts.clear();
            }
            b"cd" | b"pushd" | b"popd" => {
                self.change_directory(&words, ended_by, piped);
                texts.clear();
            }
            b"eval" => {
                let line: Vec<&[u8]> = words.iter().skip(1).map(|w| w.text.as_slice()).collect();
                self.inner_line(&line.join(b" ".as_slice()));
                texts.clear();
            }
            b"trap" => {
                if let Some(word) = words.get(1) {
                    self.inner_line(&word.text);
                }
                texts.clear();
            }
            b"source" | b"." | b"alias" | b"enable" => {
                let shown: Vec<&[u8]> = words.iter().map(|word| word.source.as_slice()).collect();
                self.doubt(&shown.join(b" ".as_slice()), "the shell takes commands from there");
                texts.clear();
            }
            // On its own: redirections of the shell itself.
            b"exec" | b"command" | b"builtin" if words.len() == 1 => texts.clear(),
            name if HARMLESS.contains(&name) => texts.clear(),
            _ => {}
        }
        if !texts.is_empty() || !written.is_empty() {
            let has_patterns = words.iter().any(|word| word.pattern)
                || redirections.iter().any(|redirection| redirection.target.pattern);
            self.put(&texts, &written, has_patterns, fed_by.as_ref());
        }
        words.into_iter().map(|word| ByteString::from(word.text)).collect()
    }

    fn put(
        &mut self,
        words: &[ByteString],
        written: &[ByteString],
        has_patterns: bool,
        fed_by: Option<&Vec<ByteString>>,
    ) {
        let directory_known = !self.directories.is_empty();
        let nowhere = vec![PathBuf::from("/")];
        let directories = if directory_known { &self.directories } else { &nowhere };
        for directory in directories {
            self.line.commands.push(Simple {
                started: Started {
                    words: words.to_vec(),
                    directory: directory.clone(),
                    below: false,
                    fed: Vec::new(),
                },
                directory_known,
                has_patterns,
                written: written.to_vec(),
                fed_by: fed_by.cloned(),
            });
        }
    }

    fn redirected(&mut self, redirections: &[Redirection]) -> Vec<ByteString> {
        let mut written = Vec::new();
        for redirection in redirections.iter().filter(|redirection| redirection.writes) {
            if redirection.target.text.contains(&UNKNOWN) {
                self.doubt(&redirection.target.source, OF_A_VARIABLE);
            } else {
                written.push(ByteString::from(redirection.target.text.clone()));
            }
        }
        written
    }

    fn inner_line(&mut self, line: &[u8]) {
        if line.contains(&UNKNOWN) {
            // The part that is not known can be a command.
            return self.doubt(&shown(line), UNKNOWN_COMMAND);
        }
        self.depth += 1;
        self.read(line);
        self.depth -= 1;
    }

    fn change_directory(&mut self, words: &[Word], ended_by: Operator, piped: bool) {
        let mut operands = words
            .iter()
            .skip(1)
            .filter(|word| !matches!(word.text.as_slice(), b"--" | b"-P" | b"-L" | b"-e" | b"-@"));
        let named = operands.next().filter(|word| {
            let text = word.text.as_slice();
            !word.pattern && !text.contains(&UNKNOWN) && text != b"-" && !text.starts_with(b"+")
        });
        if piped {
            // It changes the directory of its own part of the pipeline alone.
            return;
        }
        let Some(target) = named else {
            let shown: Vec<&[u8]> = words.iter().map(|word| word.source.as_slice()).collect();
            self.doubt(&shown.join(b" ".as_slice()), UNKNOWN_DIRECTORY);
            self.directories.clear();
            return;
        };
        let target = ByteString::from(target.text.clone());
        let before = self.directories.clone();
        self.directories = match (target.as_path().is_absolute(), before.is_empty()) {
            (true, true) => vec![paths::clean(target.as_path(), "/".as_ref())],
            _ => before.iter().map(|at| paths::clean(target.as_path(), at)).collect(),
        };
        // What follows `&&` runs only if it is there.
        let surely = ended_by == Operator::And
            || self.directories.iter().all(|path| self.lookup.is_directory(path));
        if !surely {
            self.also_in(&before);
        }
    }

    fn also_in(&mut self, more: &[PathBuf]) {
        for directory in more {
            if !self.directories.contains(directory) && self.directories.len() < DIRECTORIES {
                self.directories.push(directory.clone());
            }
        }
    }

    fn doubt(&mut self, fragment: &[u8], reason: &str) {
        self.line.doubts.push(DynamicFragment {
            fragment: ByteString::from(shown(fragment)),
            reason: reason.to_owned(),
        });
    }
}

/// What is skipped.
#[derive(Clone, Copy)]
enum Skips {
    Nothing,
    /// `case WORD in PATTERN)`.
    Patterns,
    /// `for NAME in WORD…`.
    List,
}

/// A text for people: an ellipsis where something is not known.
pub(super) fn shown(text: &[u8]) -> Vec<u8> {
    super::special::replaced(text, &[UNKNOWN], "…".as_bytes())
}

#[cfg(test)]
mod tests;
