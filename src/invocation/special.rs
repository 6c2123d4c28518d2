//! Command lines that getopt does not cut: `dd`, `find`, `ar`, `mktemp`, `openssl`.

use super::Access::{Reads, Unknown, Writes, WritesMatching, WritesTree};
use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program, Value};
use crate::system::ByteString;

/// `dd if=… of=…`.
pub(super) fn key_value(arguments: &[ByteString], findings: &mut Findings<'_>) {
    for argument in arguments {
        match argument.as_bytes() {
            [b'i', b'f', b'=', path @ ..] => findings.push(path, Reads),
            [b'o', b'f', b'=', path @ ..] => findings.push(path, Writes),
            _ => {}
        }
    }
}

/// `find [options] [start…] [expression]`.
pub(super) fn find(arguments: &[ByteString], findings: &mut Findings<'_>) {
    let words: Vec<&[u8]> = arguments.iter().map(ByteString::as_bytes).collect();
    let begins_expression = |word: &[u8]| {
        word.len() > 1 && word.starts_with(b"-") || matches!(word, b"(" | b"!" | b",")
    };
    let mut at = 0;
    loop {
        match words.get(at) {
            Some(&(b"-H" | b"-L" | b"-P" | b"--")) => at += 1,
            Some(&b"-D") => at += 2,
            Some(word) if word.starts_with(b"-O") => at += 1,
            _ => break,
        }
    }
    let rest = words.get(at..).unwrap_or_default();
    let end = rest.iter().position(|word| begins_expression(word)).unwrap_or(rest.len());
    let (starts, expression) = rest.split_at(end);
    let starts = if starts.is_empty() { &[b".".as_slice()] } else { starts };
    let deletes = expression.contains(&b"-delete".as_slice());
    let follows = words.get(..at).unwrap_or_default().contains(&b"-L".as_slice())
        || expression.contains(&b"-follow".as_slice());
    for start in starts {
        findings.push(start, if deletes { WritesTree } else { Reads });
    }
    if deletes {
        findings.does.push(command(b"rm", &[b"-r".as_slice()], starts));
        if follows {
            findings.doubt(b"-L", "find deletes what links below the start lead to as well");
        }
    }
    let mut index = 0;
    while let Some(word) = expression.get(index) {
        index += 1;
        let next = expression.get(index).copied().unwrap_or_default();
        match *word {
            b"-exec" | b"-execdir" | b"-ok" | b"-okdir" => {
                let after = expression.get(index..).unwrap_or_default();
                let ends = |word: &&[u8]| *word == b";";
                let ends_with_plus =
                    after.windows(2).position(|pair| pair == [b"{}".as_slice(), b"+"]);
                let end = after.iter().position(ends).unwrap_or(after.len());
                let end = ends_with_plus.map_or(end, |plus| end.min(plus + 1));
                let command = after.get(..end).unwrap_or_default();
                let shown = String::from_utf8_lossy(word);
                let reason = format!("find {shown} runs it for what it finds");
                let asks_for_each = matches!(*word, b"-execdir" | b"-okdir");
                executed(command, starts, asks_for_each, &reason, findings);
                index += end;
            }
            b"-fprint" | b"-fprint0" | b"-fls" | b"-fprintf" => {
                findings.push(next, Writes);
                findings.does.push(command(b"tee", &[], &[next]));
            }
            b"-files0-from" => {
                findings.push(next, Reads);
                if deletes {
                    findings.doubt(next, "find deletes what the file names");
                }
            }
            b"-newer" | b"-anewer" | b"-cnewer" | b"-samefile" => findings.push(next, Reads),
            _ => {}
        }
    }
}

/// Where a `find` starts that prints what it finds and nothing else.
pub(super) fn starts_of_find(arguments: &[ByteString]) -> Option<Vec<ByteString>> {
    const PRINTS_OTHERWISE: &[&[u8]] = &[b"-printf", b"-exec", b"-execdir", b"-files0-from", b"-L"];
    let words = || arguments.iter().map(ByteString::as_bytes);
    if words().any(|word| PRINTS_OTHERWISE.contains(&word)) {
        return None;
    }
    let starts = words().skip_while(|word| matches!(*word, b"-H" | b"-P"));
    let starts: Vec<ByteString> = starts
        .take_while(|word| !word.starts_with(b"-") && !matches!(*word, b"(" | b"!"))
        .map(|word| ByteString::from(word.to_vec()))
        .collect();
    Some(if starts.is_empty() { vec![ByteString::from(".")] } else { starts })
}

/// The command of `-exec`: as if it were given the start points, each with all that is below.
fn executed(
    command: &[&[u8]],
    starts: &[&[u8]],
    in_its_directory: bool,
    reason: &str,
    findings: &mut Findings<'_>,
) {
    let shown = command.join(b" ".as_slice());
    findings.refuse_though_known(&shown, reason);
    if in_its_directory {
        // It runs where each file lies: what else it names is there, too.
        findings.doubt(&shown, "find runs it in the directory of each file that it finds");
    }
    for start in starts {
        let words: Vec<Vec<u8>> = command.iter().map(|word| replaced(word, b"{}", start)).collect();
        findings.start(words.iter().map(Vec::as_slice), true);
    }
}

/// The text with every occurrence of a word exchanged.
pub(super) fn replaced(text: &[u8], word: &[u8], instead: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
        result.extend_from_slice(rest.get(..at).unwrap_or_default());
        result.extend_from_slice(instead);
        rest = rest.get(at + word.len()..).unwrap_or_default();
    }
    result.extend_from_slice(rest);
    result
}

fn command(name: &[u8], options: &[&[u8]], operands: &[&[u8]]) -> Vec<ByteString> {
    let words =
        std::iter::once(name).chain(options.iter().copied()).chain(operands.iter().copied());
    words.map(|word| ByteString::from(word.to_vec())).collect()
}

/// `ar KEYS [POSITION] ARCHIVE [MEMBER…]`: the first letter says what it does.
pub(super) fn ar(arguments: &[ByteString], findings: &mut Findings<'_>) {
    let mut words = arguments.iter().map(ByteString::as_bytes).peekable();
    let mut keys: &[u8] = b"";
    while let Some(word) = words.next_if(|word| word.starts_with(b"-") || keys.is_empty()) {
        match word {
            b"--output" => {
                let directory = words.next().unwrap_or_default();
                findings.push(directory, WritesTree);
            }
            b"--plugin" | b"--target" | b"--record-libdeps" => {
                words.next();
            }
            [b'-', b'-', ..] => {}
            [b'-', rest @ ..] => keys = if keys.is_empty() { rest } else { keys },
            keys_alone => keys = keys_alone,
        }
    }
    let position = keys.iter().any(|key| b"abi".contains(key));
    let counted = keys.contains(&b'N');
    for _ in 0..usize::from(position) + usize::from(counted) {
        words.next();
    }
    let Some(archive) = words.next() else { return };
    let reads = matches!(keys.first(), Some(b't' | b'p' | b'x'));
    findings.push(archive, if reads { Reads } else { Writes });
    if keys.contains(&b'x') {
        findings.push_directory();
    }
    if keys.first().is_none_or(|key| b"rq".contains(key)) {
        for member in words {
            findings.push(member, Reads);
        }
    }
}

/// `mktemp [TEMPLATE]`: the file's name begins as the template does, up to its X's.
pub(super) fn names(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let pieces = cut(arguments, program.options, Cutting::default());
    let mut directory: Option<&[u8]> = None;
    let mut only_tries = false;
    let mut template: Option<&[u8]> = None;
    for piece in &pieces {
        match *piece {
            Piece::Option(option, value) if option.short == b'p' || option.long == "tmpdir" => {
                directory = value.or(Some(b"/tmp"));
            }
            Piece::Option(option, _) => {
                let reads_only = |effect: &Effect| matches!(effect, Effect::ReadsOnly);
                only_tries |= option.effects.iter().any(reads_only);
                if option.short == b't' {
                    directory = directory.or(Some(b"/tmp"));
                }
            }
            Piece::Operand(text) => template = Some(text),
            Piece::Unknown(_) => {}
        }
    }
    if only_tries {
        return;
    }
    if template.is_none() || directory == Some(b"/tmp") {
        findings
            .doubt(b"TMPDIR", "mktemp makes its file there where the environment names a place");
    }
    let within = if template.is_none() { directory.or(Some(b"/tmp")) } else { directory };
    let template = template.unwrap_or(b"tmp.XXXXXXXXXX");
    let end = template.windows(3).position(|window| window == b"XXX").unwrap_or(template.len());
    let begins = template.get(..end).unwrap_or_default();
    let path = within.map_or_else(|| begins.to_vec(), |at| [at, b"/", begins].concat());
    let path = if path.is_empty() { b"./".to_vec() } else { path };
    findings.push(&path, WritesMatching);
}

/// `openssl req -new -keyout k -out c`: an option is known by its whole name.
pub(super) fn long_with_one_dash(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let mut words = arguments.iter().map(ByteString::as_bytes);
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix(b"-").filter(|name| !name.is_empty()) else {
            findings.push(word, Unknown);
            continue;
        };
        let name = name.strip_prefix(b"-").unwrap_or(name);
        let known = program.options.iter().find(|option| option.long.as_bytes() == name);
        let Some(option) = known else { continue };
        let value = if option.value == Value::Always { words.next() } else { None };
        for effect in option.effects {
            match effect {
                Effect::Path(access) => findings.push(value.unwrap_or_default(), *access),
                Effect::Code(reason) => findings.refuse(value.unwrap_or(word), reason),
                Effect::Doubt(reason) => findings.doubt(value.unwrap_or(word), reason),
                _ => {}
            }
        }
    }
}
