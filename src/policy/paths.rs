//! Whether a command's path operands match a rule's `paths`.
//!
//! A rule that restricts matches where *any* operand does, in its clean or its real form. A rule
//! that allows matches only where there are operands and *all* of them do, in *both* forms.
//!
//! `rm -r /` deletes `/etc` although no operand says so. Hence, for rules that restrict, an operand
//! that the command works through recursively (the program is known to, or a recursive flag is
//! given) also matches where something below it could match the pattern.

use std::path::{Component, Path};

use super::flags::has_flag;
use super::glob::{PathPattern, TokenPattern, has_wildcard};
use super::matching::Leaning;
use crate::invocation::{Access, CommandReading, PathLookup, PathOperand};

/// Flags by which programs go through directories.
const RECURSIVE_FLAGS: [&str; 3] = ["-r", "-R", "--recursive"];

/// Flags by which programs that write do; to those that read, `-a` mostly means "all".
const ARCHIVING_FLAGS: [&str; 2] = ["-a", "--archive"];

/// Whether the operands of a command match these patterns.
pub(super) fn operands_match(
    patterns: &[PathPattern],
    command: &CommandReading,
    lookup: &dyn PathLookup,
    leaning: Leaning,
) -> bool {
    let any =
        |path: &Path| patterns.iter().any(|pattern| path_matches(pattern, path, lookup, leaning));
    match leaning {
        Leaning::Lenient => {
            !command.operands.is_empty()
                && command.operands.iter().all(|operand| any(&operand.path) && any(&operand.real))
        }
        Leaning::Restrictive => {
            let given = |flags: &[&str]| {
                flags.iter().any(|flag| has_flag(&command.arguments, flag, leaning))
            };
            let (recursive, archiving) = (given(&RECURSIVE_FLAGS), given(&ARCHIVING_FLAGS));
            command.operands.iter().any(|operand| {
                any(&operand.path)
                    || any(&operand.real)
                    || (operand.access == Access::WritesMatching
                        && patterns.iter().any(|pattern| could_meet(pattern, operand, lookup)))
                    || (goes_below(operand, recursive, archiving)
                        && patterns.iter().any(|pattern| {
                            reaches(pattern, &operand.path, lookup)
                                || reaches(pattern, &operand.real, lookup)
                        }))
            })
        }
    }
}

/// Whether one path matches one pattern, its `~` taken from `lookup`.
pub(super) fn path_matches(
    pattern: &PathPattern,
    path: &Path,
    lookup: &dyn PathLookup,
    leaning: Leaning,
) -> bool {
    match at_home(pattern, lookup) {
        Home::NotNamed => pattern.matches(path, leaning.doubt()),
        Home::Known(pattern) => pattern.matches(path, leaning.doubt()),
        Home::Unknown => leaning.doubt(),
    }
}

/// What a pattern's `~` came to.
enum Home {
    NotNamed,
    Known(PathPattern),
    Unknown,
}

fn at_home(pattern: &PathPattern, lookup: &dyn PathLookup) -> Home {
    let Some((user, rest)) = pattern.home() else { return Home::NotNamed };
    lookup
        .home((!user.is_empty()).then_some(user))
        .and_then(|home| PathPattern::below(&home, rest))
        .map_or(Home::Unknown, Home::Known)
}

fn goes_below(operand: &PathOperand, recursive: bool, archiving: bool) -> bool {
    operand.access == Access::WritesTree
        || recursive
        || (archiving && operand.access != Access::Reads)
}

/// Whether something that matches the pattern which an operand is, or lies below that, could match.
fn could_meet(pattern: &PathPattern, operand: &PathOperand, lookup: &dyn PathLookup) -> bool {
    let meets = |pattern: &str| {
        [&operand.path, &operand.real].into_iter().any(|path| patterns_meet(pattern, path))
    };
    match at_home(pattern, lookup) {
        Home::NotNamed => meets(pattern.as_str()),
        Home::Known(pattern) => meets(pattern.as_str()),
        Home::Unknown => true,
    }
}

/// Goes down both patterns together and compares what stands before the first wildcard of each
/// component: they meet unless they surely do not.
pub(super) fn patterns_meet(pattern: &str, operand: &Path) -> bool {
    let mut parts = split_components(pattern);
    let Some(operand) = operand.to_str() else { return true };
    let mut others = split_components(operand);
    loop {
        match (parts.next(), others.next()) {
            (_, None) => return true,
            (None, Some(_)) => return false,
            (Some(part), Some(other)) => {
                if part.contains("**") || (has_wildcard(part) && part.contains('/')) {
                    return true;
                }
                let (fixed, wild) = before_wildcard(part);
                let (other_fixed, other_wild) = before_wildcard(other);
                let possible = match (wild, other_wild) {
                    (false, false) => fixed == other_fixed,
                    (true, false) => other_fixed.starts_with(fixed),
                    (false, true) => fixed.starts_with(other_fixed),
                    (true, true) => {
                        fixed.starts_with(other_fixed) || other_fixed.starts_with(fixed)
                    }
                };
                if !possible {
                    return false;
                }
            }
        }
    }
}

/// What of a component surely stands at its beginning, and whether anything may follow.
fn before_wildcard(component: &str) -> (&str, bool) {
    let end = component.find(['*', '?', '[', '{', '\\']).unwrap_or(component.len());
    (component.get(..end).unwrap_or_default(), end < component.len())
}

/// Whether something below this path could match the pattern.
fn reaches(pattern: &PathPattern, path: &Path, lookup: &dyn PathLookup) -> bool {
    match at_home(pattern, lookup) {
        Home::NotNamed => reaches_below(pattern.as_str(), path),
        Home::Known(pattern) => reaches_below(pattern.as_str(), path),
        Home::Unknown => true,
    }
}

/// Goes down the pattern and the path together, component by component. Where the pattern spans
/// components (`**`, a slash inside braces), anything could be below.
fn reaches_below(pattern: &str, path: &Path) -> bool {
    let mut parts = split_components(pattern);
    let mut above = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    loop {
        match (parts.next(), above.next()) {
            // The path is used up and the pattern goes on below it.
            (Some(_), None) => return true,
            (None, _) => return false,
            (Some(part), Some(name)) => {
                if part.contains("**") || (has_wildcard(part) && part.contains('/')) {
                    return true;
                }
                let fits = TokenPattern::try_from(part.to_owned())
                    .is_ok_and(|part| part.matches(name.as_encoded_bytes(), true));
                if !fits {
                    return false;
                }
            }
        }
    }
}

/// The components of a path pattern. A slash inside braces or brackets separates nothing.
fn split_components(pattern: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut escaped) = (0_u32, false);
    pattern
        .split(move |character| {
            let literally = escaped;
            escaped = character == '\\' && !literally;
            match character {
                _ if literally => {}
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == '/' && depth == 0
        })
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_makes_by_a_pattern_meets_what_it_could_be() {
        for (pattern, operand, expected) in [
            ("/etc/passwd", "/etc/pa*", true),
            ("/etc/passwd", "/etc/x*", false),
            ("/etc/**", "/etc/x*", true),
            ("/etc/*.conf", "/etc/x*", true),
            ("/etc/app/**", "/etc/x*", false),
            ("/etc/app/**", "/etc/a*", true),
            ("/w/x", "/w/x/y*", false),
            ("/w/[a]", "/w/\\[a\\]*", true),
        ] {
            assert_eq!(patterns_meet(pattern, Path::new(operand)), expected, "{pattern} {operand}");
        }
    }

    #[test]
    fn a_tree_reaches_what_could_be_below_it() {
        for (pattern, path, expected) in [
            ("/etc", "/", true),
            ("/etc", "/etc", false),
            ("/etc/**", "/etc", true),
            ("/etc/ssh/*", "/etc", true),
            ("/etc/ssh/*", "/etcetera", false),
            ("/etc/ssh", "/etc/ssl", false),
            ("/srv/*/data", "/srv/a", true),
            ("/srv/*/data", "/srv/a/logs", false),
            ("/etc/**/shadow", "/etc/app/cache", true),
            ("/{etc,usr,var,home}", "/etc/app/cache", false),
            ("/{etc,usr/lib}/x", "/usr", true),
            ("**/.git", "/home/alice", true),
        ] {
            assert_eq!(reaches_below(pattern, Path::new(path)), expected, "{pattern} from {path}");
        }
    }
}
