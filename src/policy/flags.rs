//! Flags in arguments, without knowing the program's grammar.
//!
//! Nobody can tell from `prog -o --force` whether `--force` is a flag or the value of `-o`. A rule
//! that restricts takes everything for the flag that could be it; a rule that allows (or an
//! exception) only what surely is.

use std::cmp::Ordering;

use super::conditions::{Comparison, FlagCondition, PermittedFlag};
use super::matching::Leaning;
use crate::system::ByteString;

/// Whether a flag, written as a rule writes it (`-r`, `--recursive`, `-auto-approve`), is given.
///
/// Restricting, these count: a letter in a cluster (`-fvr`), `--flag=value`, any GNU abbreviation
/// (`--recurs`), a long flag with one dash or two. Allowing, only the exact flag, with or without
/// `=value`, and not where the token before it might take it as its value.
pub(super) fn has_flag(arguments: &[ByteString], flag: &str, leaning: Leaning) -> bool {
    flag_tokens(arguments, leaning).any(|(_, token)| match leaning {
        Leaning::Restrictive => could_be(token, flag),
        Leaning::Lenient => surely_is(token, flag),
    })
}

/// Whether no other flags are given than these.
///
/// Allowing, every token that starts with a dash must surely be one of them, also after `--`, which
/// may be the value of the flag before it; only a value that matches its flag's glob may start with
/// a dash too (`-mtime -1`). Restricting (an exception), it is enough that none is surely another.
pub(super) fn only_flags(
    arguments: &[ByteString],
    permitted: &[PermittedFlag],
    leaning: Leaning,
) -> bool {
    if leaning == Leaning::Restrictive {
        return flag_tokens(arguments, Leaning::Lenient)
            .all(|(_, token)| permitted.iter().any(|one| could_be(token, one.flag.as_str())));
    }
    let mut tokens = arguments.iter().map(ByteString::as_bytes).peekable();
    while let Some(token) = tokens.next() {
        let is_flag = token.len() > 1 && token.starts_with(b"-") && token != b"--";
        if !is_flag || is_permitted_alone(permitted, token) {
            continue;
        }
        if tokens.next_if(|value| is_permitted_with(permitted, token, value)).is_none() {
            return false;
        }
    }
    true
}

/// Whether the token is a flag that may be given, with whatever value, or with the value attached.
fn is_permitted_alone(permitted: &[PermittedFlag], token: &[u8]) -> bool {
    permitted.iter().any(|one| {
        let flag = one.flag.as_str();
        match &one.value {
            None => surely_is(token, flag),
            Some(glob) => value_of(token, flag, Leaning::Lenient)
                .flatten()
                .is_some_and(|attached| glob.matches(attached, false)),
        }
    }) || is_permitted_cluster(permitted, token)
}

/// Whether the token is a flag whose value would be the next token, and may be this one.
fn is_permitted_with(permitted: &[PermittedFlag], token: &[u8], value: &[u8]) -> bool {
    permitted.iter().any(|one| {
        one.value.as_ref().is_some_and(|glob| {
            value_of(token, one.flag.as_str(), Leaning::Lenient) == Some(None)
                && glob.matches(value, false)
        })
    })
}

/// `-lah`, `-n50`: letters that may be given without a value to be looked at, and a number.
fn is_permitted_cluster(permitted: &[PermittedFlag], token: &[u8]) -> bool {
    let may = |letter: u8| {
        permitted
            .iter()
            .any(|one| one.value.is_none() && short_letter(one.flag.as_str()) == Some(letter))
    };
    let letters = token.get(1..).unwrap_or_default();
    let number = letters.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = letters.get(..letters.len() - number).unwrap_or_default();
    !letters.is_empty() && letters.iter().all(|letter| may(*letter))
}

/// Whether a numeric flag compares as a rule says. A flag that is missing or has no number counts
/// as a match for rules that restrict, and as none for others.
pub(super) fn number_matches(
    arguments: &[ByteString],
    condition: &FlagCondition,
    leaning: Leaning,
) -> bool {
    let mut values = flag_tokens(arguments, leaning)
        .filter_map(|(index, token)| {
            value_of(token, condition.name.as_str(), leaning)
                .map(|attached| attached.or_else(|| Some(arguments.get(index + 1)?.as_bytes())))
        })
        .map(|value| holds(value, condition))
        .peekable();
    match leaning {
        _ if values.peek().is_none() => leaning.doubt(),
        Leaning::Restrictive => values.any(|holds| holds.unwrap_or(true)),
        Leaning::Lenient => values.all(|holds| holds.unwrap_or(false)),
    }
}

/// `None` where there is no number to compare.
fn holds(value: Option<&[u8]>, condition: &FlagCondition) -> Option<bool> {
    let text = std::str::from_utf8(value?).ok()?;
    condition.comparisons().try_fold(true, |all, (comparison, bound)| {
        let ordering = bound.read_alike(text)?.cmp_alike(&bound);
        let one = match comparison {
            Comparison::Greater => ordering == Ordering::Greater,
            Comparison::GreaterOrEqual => ordering != Ordering::Less,
            Comparison::Less => ordering == Ordering::Less,
            Comparison::LessOrEqual => ordering != Ordering::Greater,
            Comparison::Equal => ordering == Ordering::Equal,
        };
        Some(all && one)
    })
}

/// The tokens that can be flags, with their positions: those that start with a dash, up to `--`.
///
/// Where the token before could take it as its value, both readings are possible: a restricting
/// rule goes on after such a `--`, an allowing one does not count such a flag.
fn flag_tokens(arguments: &[ByteString], leaning: Leaning) -> impl Iterator<Item = (usize, &[u8])> {
    let mut before_may_take_it = false;
    let mut tokens = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let token = argument.as_bytes();
        if token == b"--" && !(before_may_take_it && leaning == Leaning::Restrictive) {
            break;
        }
        let is_flag = token.len() > 1 && token.starts_with(b"-");
        if is_flag && !(before_may_take_it && leaning == Leaning::Lenient) {
            tokens.push((index, token));
        }
        before_may_take_it = is_flag && token != b"--" && !token.contains(&b'=');
    }
    tokens.into_iter()
}

/// The token up to its first `=`.
fn name_part(token: &[u8]) -> &[u8] {
    token.split(|byte| *byte == b'=').next().unwrap_or(token)
}

fn surely_is(token: &[u8], flag: &str) -> bool {
    name_part(token) == flag.as_bytes()
}

fn could_be(token: &[u8], flag: &str) -> bool {
    if let Some(letter) = short_letter(flag) {
        let cluster = name_part(token);
        return !token.starts_with(b"--") && cluster.get(1..).is_some_and(|c| c.contains(&letter));
    }
    long_value(token, flag, Leaning::Restrictive).is_some()
}

/// The letter of a flag like `-r`.
fn short_letter(flag: &str) -> Option<u8> {
    match flag.as_bytes() {
        [b'-', letter] if *letter != b'-' => Some(*letter),
        _ => None,
    }
}

/// Whether the token is this flag: `Some` with the value attached to it, or with `None` where the
/// value would be the next token.
fn value_of<'a>(token: &'a [u8], flag: &str, leaning: Leaning) -> Option<Option<&'a [u8]>> {
    let Some(letter) = short_letter(flag) else { return long_value(token, flag, leaning) };
    if token.starts_with(b"--") {
        return None;
    }
    let at = match leaning {
        Leaning::Restrictive => token.iter().skip(1).position(|byte| *byte == letter)? + 1,
        Leaning::Lenient => (token.get(1) == Some(&letter)).then_some(1)?,
    };
    let attached = token.get(at + 1..).unwrap_or_default();
    Some((!attached.is_empty()).then(|| attached.strip_prefix(b"=").unwrap_or(attached)))
}

fn long_value<'a>(token: &'a [u8], flag: &str, leaning: Leaning) -> Option<Option<&'a [u8]>> {
    let given = name_part(token);
    let attached = token.get(given.len() + 1..);
    let same = match leaning {
        Leaning::Lenient => given == flag.as_bytes(),
        Leaning::Restrictive => {
            let (wanted, typed) = (undashed(flag.as_bytes()), undashed(given));
            let abbreviated = flag.starts_with("--") && given.starts_with(b"--");
            !typed.is_empty() && (typed == wanted || (abbreviated && wanted.starts_with(typed)))
        }
    };
    same.then_some(attached)
}

fn undashed(flag: &[u8]) -> &[u8] {
    flag.strip_prefix(b"--").or_else(|| flag.strip_prefix(b"-")).unwrap_or(flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<ByteString> {
        line.split(' ').filter(|word| !word.is_empty()).map(ByteString::from).collect()
    }

    #[test]
    fn a_restricting_rule_sees_a_flag_in_every_spelling() {
        for (line, flag, expected) in [
            ("-rf /", "-r", true),
            ("-fvr /", "-r", true),
            ("-fv /", "-r", false),
            ("--recursive /", "--recursive", true),
            ("--recurs /", "--recursive", true),
            ("--r /", "--recursive", true),
            ("--recursive=yes /", "--recursive", true),
            ("--recurse-submodules", "--recursive", false),
            ("-recursive /", "--recursive", true),
            ("apply -auto-approve", "-auto-approve", true),
            ("apply --auto-approve=true", "-auto-approve", true),
            ("apply --auto", "-auto-approve", false),
            ("-- -r", "-r", false),
            ("/x -- --recursive", "--recursive", false),
            // "--" may be the value of the flag before it.
            ("-f -- -x", "-x", true),
            ("-", "-r", false),
            ("--recursive", "-r", false),
        ] {
            let found = has_flag(&arguments(line), flag, Leaning::Restrictive);
            assert_eq!(found, expected, "{flag} in {line}");
        }
        let odd = [ByteString::from(b"-\xffr".to_vec())];
        assert!(has_flag(&odd, "-r", Leaning::Restrictive));
    }

    #[test]
    fn an_allowing_rule_sees_a_flag_only_where_it_surely_is_one() {
        for (line, flag, expected) in [
            ("--dry-run", "--dry-run", true),
            ("apply x --dry-run=client", "--dry-run", true),
            ("--dry", "--dry-run", false),
            ("-nv", "-n", false),
            ("push -o --dry-run", "--dry-run", false),
            ("push --opt=1 --dry-run", "--dry-run", true),
            ("-- --dry-run", "--dry-run", false),
        ] {
            let found = has_flag(&arguments(line), flag, Leaning::Lenient);
            assert_eq!(found, expected, "{flag} in {line}");
        }
    }

    #[test]
    fn a_flag_that_nobody_thought_of_takes_a_command_out_of_an_allow() {
        let permitted: Vec<PermittedFlag> = [
            "-l",
            "-a",
            "-n",
            "--lines",
            "-o {wide,yaml}",
            "--output {wide,yaml}",
            "-chdir /srv/*",
            "-mtime {-,+,}[0-9]*",
        ]
        .map(|text| PermittedFlag::try_from(text.to_owned()).unwrap())
        .into();
        for (line, allowing) in [
            ("get pods", true),
            ("-la", true),
            ("-n50", true),
            ("-n 50 --lines=3 -- x", true),
            ("-o wide", true),
            ("-oyaml", true),
            ("-o=yaml", true),
            ("--output=yaml", true),
            ("--output yaml", true),
            ("-chdir=/srv/shop", true),
            ("-mtime -1 -l", true),
            ("-mtime", false),
            ("-mtime -delete", false),
            ("-mtime -1 -delete", false),
            ("-o yaml -delete", false),
            ("-", true),
            ("-lx", false),
            ("-50", false),
            ("--line=3", false),
            ("-o", false),
            ("-o go-template-file=/etc/shadow", false),
            ("-ogo-template-file=/etc/shadow", false),
            ("-lo yaml", false),
            ("--output=file=/etc/shadow", false),
            ("-chdir /etc", false),
            ("--chdir=/srv/shop", false),
            // The flag before may have taken the `--`.
            ("-n -- --exec=sh", false),
            ("-n --exec", false),
        ] {
            let found = only_flags(&arguments(line), &permitted, Leaning::Lenient);
            assert_eq!(found, allowing, "{line}");
        }
        assert!(only_flags(&arguments("--line=3 -lan"), &permitted, Leaning::Restrictive));
        assert!(!only_flags(&arguments("--exec=sh"), &permitted, Leaning::Restrictive));
        assert!(only_flags(&arguments("x"), &[], Leaning::Lenient));
        assert!(!only_flags(&arguments("-x"), &[], Leaning::Lenient));
    }

    #[test]
    fn numbers_are_found_in_every_spelling_and_doubt_restricts() {
        for (line, name, restricting, allowing) in [
            ("--replicas 21", "--replicas", true, true),
            ("--replicas=21", "--replicas", true, true),
            ("--replicas=20", "--replicas", false, false),
            ("--repl=21", "--replicas", true, false),
            ("-n21", "-n", true, true),
            ("-n 21", "-n", true, true),
            ("-n=21", "-n", true, true),
            ("-vn21", "-n", true, false),
            ("-n3", "-n", false, false),
            ("--replicas=3 --replicas=30", "--replicas", true, false),
            // Nothing to compare.
            ("--replicas=many", "--replicas", true, false),
            ("--replicas", "--replicas", true, false),
            ("--other 3", "--replicas", true, false),
            ("-- --replicas 3", "--replicas", true, false),
        ] {
            let condition: FlagCondition =
                serde_json::from_value(serde_json::json!({"name": name, "gt": 20})).unwrap();
            let argv = arguments(line);
            let found = |leaning| number_matches(&argv, &condition, leaning);
            assert_eq!(found(Leaning::Restrictive), restricting, "restricting: {line}");
            assert_eq!(found(Leaning::Lenient), allowing, "allowing: {line}");
        }
    }
}
