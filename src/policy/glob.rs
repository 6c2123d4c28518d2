//! Globs, read with the document and built only when a command reaches them: building a matcher
//! costs a hundred times what matching does.
//!
//! Three kinds, because `*` means three things: within a token (arguments, host names), within a
//! path component (paths), and within the name of an environment variable.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;

use super::values::{LONGEST_TEXT, read_from_text};

read_from_text!(TokenPattern, PathPattern, VariablePattern);

/// A glob's text and, once it was needed, its matcher.
#[derive(Debug)]
pub(super) struct Glob {
    text: String,
    /// Whether `*` and `?` stop at a slash.
    stops_at_slash: bool,
    matcher: OnceLock<Option<GlobMatcher>>,
}

impl Glob {
    fn checked(text: String, stops_at_slash: bool) -> Result<Self, String> {
        if text.len() > LONGEST_TEXT {
            return Err(format!("a pattern of more than {LONGEST_TEXT} bytes"));
        }
        if text.contains(char::is_control) {
            return Err(format!("{text:?} holds control characters, which no pattern needs"));
        }
        if has_wildcard(&text) {
            build(&text, stops_at_slash).map_err(|error| {
                format!(
                    "{text:?} is not a glob: {}; a backslash takes a character literally",
                    error.kind()
                )
            })?;
        }
        Ok(Self { text, stops_at_slash, matcher: OnceLock::new() })
    }

    /// Whether these bytes match. Wildcards never match bytes that are not UTF-8: `doubt` says
    /// what such bytes count as.
    fn matches(&self, bytes: &[u8], doubt: bool) -> bool {
        if !has_wildcard(&self.text) {
            return self.text.as_bytes() == bytes;
        }
        if std::str::from_utf8(bytes).is_err() {
            return doubt;
        }
        let matcher = self.matcher.get_or_init(|| {
            build(&self.text, self.stops_at_slash).ok().map(|glob| glob.compile_matcher())
        });
        matcher.as_ref().map_or(doubt, |matcher| matcher.is_match(OsStr::from_bytes(bytes)))
    }
}

impl Clone for Glob {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            stops_at_slash: self.stops_at_slash,
            matcher: OnceLock::new(),
        }
    }
}

fn build(text: &str, stops_at_slash: bool) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(text)
        .literal_separator(stops_at_slash)
        .backslash_escape(true)
        .empty_alternates(true)
        .build()
}

/// Whether the text is more than the literal string that it is.
pub(super) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '[', '{', '\\', ']', '}'])
}

/// A glob for one token: an argument, a host name. `*` also matches slashes.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "String")]
pub struct TokenPattern(Glob);

impl TokenPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether this token matches; `doubt` for a token that cannot be judged.
    pub(super) fn matches(&self, token: &[u8], doubt: bool) -> bool {
        self.0.matches(token, doubt)
    }
}

impl TryFrom<String> for TokenPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Glob::checked(text, false).map(Self)
    }
}

impl From<TokenPattern> for String {
    fn from(pattern: TokenPattern) -> Self {
        pattern.0.text
    }
}

/// A glob for absolute paths: `*` within a component, `**` across components. `/etc` is the
/// directory itself, `/etc/*` what is in it, `/etc/**` everything below it. It may start with `~`
/// (the requester's home), `~user`, or `**/` (anywhere).
#[derive(Clone, Debug, Serialize)]
#[serde(into = "String")]
pub struct PathPattern(Glob);

impl PathPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether this path matches; `doubt` for a path that cannot be judged.
    pub(super) fn matches(&self, path: &Path, doubt: bool) -> bool {
        self.0.matches(path.as_os_str().as_bytes(), doubt)
    }

    /// The user whose home the pattern starts with (`Some("")` for the requester), and the rest
    /// with its leading slash.
    pub(super) fn home(&self) -> Option<(&str, &str)> {
        let after = self.0.text.strip_prefix('~')?;
        Some(after.find('/').map_or((after, ""), |slash| after.split_at(slash)))
    }

    /// This pattern below a home directory, which is taken literally.
    pub(super) fn below(home: &Path, rest: &str) -> Option<Self> {
        let mut text = String::new();
        for character in home.to_str()?.trim_end_matches('/').chars() {
            if has_wildcard(character.encode_utf8(&mut [0; 4])) {
                text.push('\\');
            }
            text.push(character);
        }
        text.push_str(rest);
        Glob::checked(text, true).ok().map(Self)
    }
}

impl TryFrom<String> for PathPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.starts_with(['/', '~']) && !text.starts_with("**/") {
            return Err(format!(
                "the path {text:?} is not absolute: start it with \"/\", with \"~/\" or with \"**/\" (anywhere)"
            ));
        }
        if text.len() > 1 && text.ends_with('/') {
            let directory = text.trim_end_matches('/');
            return Err(format!(
                "the path {text:?} ends with a slash: write {directory:?} for the directory itself or \"{directory}/**\" for everything below it"
            ));
        }
        // Operands are compared in their clean form, which none of these could ever match.
        if text.split('/').skip(1).any(|part| matches!(part, "." | "..")) || text.contains("//") {
            return Err(format!(
                "the path {text:?} holds \".\", \"..\" or \"//\": write it without"
            ));
        }
        Glob::checked(text, true).map(Self)
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> Self {
        pattern.0.text
    }
}

/// The name of an environment variable, `*` for any part of it: `LANG`, `LC_*`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct VariablePattern(String);

impl VariablePattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VariablePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_variable_name(&text.replace('*', "A")) {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is not the name of an environment variable (letters, digits, \"_\", and \"*\" for any part)"
            ))
        }
    }
}

impl From<VariablePattern> for String {
    fn from(pattern: VariablePattern) -> Self {
        pattern.0
    }
}

/// Whether a shell would take this as the name of a variable.
pub(super) fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_matches(pattern: &str, path: &str) -> bool {
        PathPattern::try_from(pattern.to_owned()).unwrap().matches(Path::new(path), false)
    }

    #[test]
    fn a_star_in_a_path_stays_within_its_component() {
        for (pattern, path, expected) in [
            ("/etc", "/etc", true),
            ("/etc", "/etc/passwd", false),
            ("/etc/*", "/etc/passwd", true),
            ("/etc/*", "/etc/ssh/sshd_config", false),
            ("/etc/**", "/etc/ssh/sshd_config", true),
            ("/etc/**", "/etc", false),
            ("/{etc,usr}", "/usr", true),
            ("**/.env", "/srv/app/.env", true),
            ("**/.env", "/.env", true),
            ("/srv/a?c", "/srv/a/c", false),
            ("/srv/[", "/srv/[", false),
        ] {
            if pattern != "/srv/[" {
                assert_eq!(path_matches(pattern, path), expected, "{pattern} against {path}");
            } else {
                assert!(PathPattern::try_from(pattern.to_owned()).is_err());
            }
        }
    }

    #[test]
    fn a_star_in_a_token_matches_slashes_and_line_feeds() {
        let pattern = TokenPattern::try_from("--file=*".to_owned()).unwrap();
        assert!(pattern.matches(b"--file=/etc/passwd", false));
        assert!(pattern.matches(b"--file=a\nb", false));
    }

    #[test]
    fn bytes_that_are_not_text_match_a_wildcard_only_in_doubt() {
        let pattern = TokenPattern::try_from("app-*".to_owned()).unwrap();
        assert!(!pattern.matches(b"app-\xff", false));
        assert!(pattern.matches(b"app-\xff", true));
        let literal = TokenPattern::try_from("app".to_owned()).unwrap();
        assert!(!literal.matches(b"\xff", true));
    }

    #[test]
    fn paths_that_nothing_could_match_are_refused() {
        for text in ["etc", "./x", "/etc/", "/etc/../usr", "//etc", "/a/./b", "/{a", "/[z-a]"] {
            assert!(PathPattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_home_is_taken_literally() {
        let pattern = PathPattern::below(Path::new("/home/a[b]*"), "/.ssh/*").unwrap();
        assert!(pattern.matches(Path::new("/home/a[b]*/.ssh/id"), false));
        assert!(!pattern.matches(Path::new("/home/abc/.ssh/id"), false));
    }
}
