//! How programs that run another command are written: where that command begins in their
//! arguments, so that it can be read as well.
//!
//! A wrapper is dynamic whether or not it is opened here. What is not in this table, or is written
//! in another way, is not opened, and what it starts is said not to be known.

use std::path::Path;

use super::findings::Started;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::Effect;
use super::paths::clean;
use super::{DynamicFragment, shell};
use crate::system::ByteString;

mod table;

use table::{How, WRAPPERS};

/// Of what is added to a command's operands.
pub(super) const FROM_INPUT: &str = "it is given its operands on standard input";

/// What was found inside.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) started: Option<Started>,
    /// A shell line in place of a command.
    pub(super) line: Option<ByteString>,
    /// Files that the wrapper writes itself.
    pub(super) written: Vec<ByteString>,
    pub(super) doubts: Vec<DynamicFragment>,
}

/// Opens a wrapper: the command that it starts, where that can be read.
pub(super) fn open(name: &[u8], arguments: &[ByteString], directory: &Path) -> Option<Opened> {
    let wrapper = WRAPPERS
        .iter()
        .find(|wrapper| wrapper.names.iter().any(|known| known.as_bytes() == name))?;
    let cutting = Cutting { options_first: true, bundled: false };
    let mut opened = Opened::default();
    let mut directory = directory.to_owned();
    let mut words: Vec<&[u8]> = Vec::new();
    for piece in cut(arguments, wrapper.options, cutting) {
        match piece {
            Piece::Operand(word) => words.push(word),
            // `nice -5` is no option that takes the command for its value.
            Piece::Unknown(name) if name.iter().all(u8::is_ascii_digit) => {}
            // It may take the command's first word for its value.
            Piece::Unknown(_) => return None,
            Piece::Option(option, value) => {
                for effect in option.effects {
                    match effect {
                        Effect::Directory => {
                            let text = ByteString::from(value.unwrap_or_default().to_vec());
                            directory = clean(text.as_path(), &directory);
                        }
                        Effect::Path(_) => {
                            opened
                                .written
                                .push(ByteString::from(value.unwrap_or_default().to_vec()));
                        }
                        Effect::OperandIsShellLine(_) => {
                            opened.line = value.map(|line| ByteString::from(line.to_vec()));
                        }
                        _ => return None,
                    }
                }
            }
        }
    }
    if name == b"flock" {
        // The lock is made where it is not there.
        opened.written.extend(words.first().map(|lock| ByteString::from(lock.to_vec())));
    }
    let mut skipped = wrapper.leading;
    let mut words = words.into_iter().skip_while(|word| {
        let leading = skipped > 0;
        skipped = skipped.saturating_sub(1);
        leading || (wrapper.how == How::AfterVariables && word.contains(&b'='))
    });
    if opened.line.is_some() {
        // `env -S "a b" c`: more words follow those of the line.
        return words.next().is_none_or(|_| name == b"flock").then_some(opened);
    }
    let words: Vec<&[u8]> = words.collect();
    if let ([b"-c" | b"--command", line], b"flock") = (words.as_slice(), name) {
        opened.line = Some(ByteString::from(line.to_vec()));
        return Some(opened);
    }
    if words.is_empty() {
        return None;
    }
    match wrapper.how {
        How::Line => opened.line = Some(ByteString::from(words.join(b" ".as_slice()))),
        how => {
            if how == How::Appends {
                opened.doubts.push(DynamicFragment {
                    fragment: ByteString::from(shell::shown(&words.join(b" ".as_slice()))),
                    reason: FROM_INPUT.to_owned(),
                });
            }
            let words = words.into_iter().map(|word| ByteString::from(word.to_vec())).collect();
            opened.started = Some(Started { words, directory, below: false, fed: Vec::new() });
        }
    }
    Some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(line: &str) -> Option<String> {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let arguments: Vec<_> = words.map(ByteString::from).collect();
        let opened = open(name.as_bytes(), &arguments, Path::new("/w"))?;
        let words = opened.started.map(|started| {
            let words: Vec<_> =
                started.words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            format!("{}: {}", started.directory.display(), words.join(" "))
        });
        let line = opened.line.map(|line| format!("line: {}", line.as_str().unwrap()));
        words.or(line)
    }

    #[test]
    fn a_wrapper_is_opened_where_its_command_surely_begins() {
        for (line, inside) in [
            ("env A=1 rm -rf x", Some("/w: rm -rf x")),
            ("env -i -C /d -u A rm x", Some("/d: rm x")),
            ("env -S rm", Some("line: rm")),
            ("nice -n 5 rm x", Some("/w: rm x")),
            ("nice -5 rm x", Some("/w: rm x")),
            ("timeout -k 5 10 rm x", Some("/w: rm x")),
            ("timeout --signal=KILL 10 rm x", Some("/w: rm x")),
            ("sudo -u www-data A=1 rm x", Some("/w: rm x")),
            ("sudo -i rm x", None),
            ("sudo --unknown rm x", None),
            ("flock /run/lock rm x", Some("/w: rm x")),
            ("flock /run/lock -c rm", Some("line: rm")),
            ("flock -c rm /run/lock", Some("line: rm")),
            ("xargs -0 -n 1 rm -f", Some("/w: rm -f")),
            ("xargs -I X rm X", None),
            ("watch -n 1 rm x", Some("line: rm x")),
            ("ssh host rm x", None),
            ("busybox rm x", Some("/w: rm x")),
        ] {
            assert_eq!(opened(line).as_deref(), inside, "{line}");
        }
    }
}
