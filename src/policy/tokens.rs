//! Whether arguments match a rule's `args`, token by token and never joined.
//!
//! `**` stands for any number of tokens, usually as the last pattern. A rule that restricts also
//! matches where options stand between the tokens it names: `[delete, ns]` is about
//! `kubectl -n shop delete --now ns` too. Nobody can tell an option's value from an argument
//! without the program's grammar, so the token after an option may be either.

use super::glob::TokenPattern;
use super::matching::Leaning;
use crate::system::ByteString;

/// Whether the arguments match.
pub(super) fn arguments_match(
    patterns: &[TokenPattern],
    arguments: &[ByteString],
    leaning: Leaning,
) -> bool {
    // Which numbers of leading tokens the patterns so far can account for.
    let mut reached = vec![false; arguments.len() + 1];
    if let Some(none) = reached.first_mut() {
        *none = true;
    }
    for pattern in patterns {
        if pattern.as_str() == "**" {
            let mut found = false;
            for token in &mut reached {
                found |= *token;
                *token = found;
            }
            continue;
        }
        pass_options(&mut reached, arguments, leaning);
        let mut next = vec![false; reached.len()];
        for ((token, before), after) in arguments.iter().zip(&reached).zip(next.iter_mut().skip(1))
        {
            *after = *before && pattern.matches(token.as_bytes(), leaning.doubt());
        }
        reached = next;
    }
    pass_options(&mut reached, arguments, leaning);
    reached.last().is_some_and(|all| *all)
}

/// Passes over options, and over the token after each, which may be its value.
fn pass_options(reached: &mut [bool], arguments: &[ByteString], leaning: Leaning) {
    if leaning == Leaning::Lenient {
        return;
    }
    for (at, token) in arguments.iter().enumerate() {
        let is_option = token.as_bytes().len() > 1 && token.as_bytes().starts_with(b"-");
        if is_option && reached.get(at).is_some_and(|reached| *reached) {
            for after in reached.iter_mut().skip(at + 1).take(2) {
                *after = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], line: &str, leaning: Leaning) -> bool {
        let patterns: Vec<_> = patterns
            .iter()
            .map(|text| TokenPattern::try_from((*text).to_owned()).unwrap())
            .collect();
        let tokens: Vec<_> =
            line.split(' ').filter(|word| !word.is_empty()).map(ByteString::from).collect();
        arguments_match(&patterns, &tokens, leaning)
    }

    #[test]
    fn arguments_are_matched_token_by_token_and_never_joined() {
        for (patterns, line, expected) in [
            (&["restart", "app-*"][..], "restart app-web", true),
            (&["restart", "app-*"], "restart app-web sshd", false),
            (&["restart", "app-*"], "restart", false),
            (&["restart app-*"], "restart app-web", false),
            (&["scale", "**"], "scale", true),
            (&["scale", "**"], "scale a b", true),
            (&["scale", "**"], "delete", false),
            (&["stop", "**", "ssh*", "**"], "stop nginx sshd cron", true),
            (&["stop", "**", "ssh*", "**"], "stop ssh", true),
            (&["stop", "**", "ssh*", "**"], "stop nginx", false),
            (&["**", "x"], "x y", false),
            (&["**"], "", true),
            (&[], "", true),
            (&[], "x", false),
        ] {
            for leaning in [Leaning::Lenient, Leaning::Restrictive] {
                assert_eq!(matches(patterns, line, leaning), expected, "{patterns:?}: {line}");
            }
        }
        let dash = TokenPattern::try_from("[!-]*".to_owned()).unwrap();
        let empty = [ByteString::from("")];
        assert!(!arguments_match(&[dash], &empty, Leaning::Restrictive));
    }

    #[test]
    fn options_between_the_arguments_do_not_take_a_command_out_of_a_restriction() {
        for (patterns, line, restricts) in [
            (&["delete", "ns", "**"][..], "-n shop delete ns shop", true),
            (&["delete", "ns", "**"], "delete --now ns shop", true),
            (&["delete", "ns", "**"], "delete --timeout 3s --now ns", true),
            (&["delete", "ns", "**"], "get -o delete ns", false),
            (&["restart", "app"], "restart app --no-block", true),
            (&["restart", "app"], "restart app --when later", true),
            (&["restart", "app"], "restart app --no-block x y", false),
            (&["push"], "- push", false),
        ] {
            let found = |leaning| matches(patterns, line, leaning);
            assert_eq!(found(Leaning::Restrictive), restricts, "{patterns:?}: {line}");
            assert!(!found(Leaning::Lenient), "{patterns:?}: {line}");
        }
        assert!(!matches(&["status", "[!-]*"], "status -Hdb", Leaning::Lenient));
    }
}
