//! The options of a line in `allowed_signers`, as ssh-keygen(1) has them: comma-separated, names in
//! either case, values in double quotes.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::NAMESPACE;

/// What a line restricts its key to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    /// The key is not the person's, but certifies theirs.
    pub(super) cert_authority: bool,
    /// Patterns of namespaces.
    namespaces: Option<String>,
    /// Seconds since the Unix epoch, inclusive.
    pub(super) valid_after: Option<i64>,
    /// Seconds since the Unix epoch, inclusive.
    pub(super) valid_before: Option<i64>,
}

/// What is wrong with an option, and at which byte of the text.
#[derive(Debug)]
pub(super) struct WrongOption {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Options {
    /// Reads options up to the white space after them: the options, and where they end.
    pub(super) fn parse(text: &str) -> Result<(Self, usize), WrongOption> {
        let mut options = Self::default();
        let mut at = 0;
        loop {
            at += options.read_one(text, at)?;
            match text.get(at..).and_then(|rest| rest.bytes().next()) {
                Some(b',') => at += 1,
                None | Some(b' ' | b'\t') => break,
                Some(_) => return Err(wrong(at, "expected a comma or a space after the option")),
            }
        }
        if let (Some(after), Some(before)) = (options.valid_after, options.valid_before)
            && before <= after
        {
            return Err(wrong(0, "valid-before is not later than valid-after: never valid"));
        }
        Ok((options, at))
    }

    /// Whether the key may sign approvals.
    pub(super) fn admit_approvals(&self) -> bool {
        self.namespaces.as_ref().is_none_or(|patterns| matches_list(NAMESPACE, patterns))
    }

    /// Reads the option that begins there: how long it is.
    fn read_one(&mut self, text: &str, at: usize) -> Result<usize, WrongOption> {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.find(['=', ',', ' ', '\t', '"']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let name = name.to_ascii_lowercase();
        if name == "cert-authority" {
            self.cert_authority = true;
            return Ok(length);
        }
        if !["namespaces", "valid-after", "valid-before"].contains(&name.as_str()) {
            return Err(wrong(
                at,
                "unknown option: known are namespaces=\"…\", valid-after=\"…\", valid-before=\"…\" and \
                 cert-authority; then comes the key, as in a .pub file",
            ));
        }
        let value = after
            .strip_prefix("=\"")
            .and_then(|value| value.split_once('"'))
            .map(|(value, _)| value)
            .filter(|value| !value.contains('\\'));
        let Some(value) = value else {
            let message = format!("write the value in double quotes: {name}=\"…\"");
            return Err(WrongOption { at, message });
        };
        let twice = || wrong(at, "this option stands there twice: write it once");
        if name == "namespaces" {
            if self.namespaces.replace(value.to_owned()).is_some() {
                return Err(twice());
            }
        } else {
            let time = seconds(value).map_err(|message| wrong(at, message))?;
            let field = match name.as_str() {
                "valid-after" => &mut self.valid_after,
                _ => &mut self.valid_before,
            };
            if field.replace(time).is_some() {
                return Err(twice());
            }
        }
        Ok(length + 2 + value.len() + 1)
    }
}

fn wrong(at: usize, message: &str) -> WrongOption {
    WrongOption { at, message: message.to_owned() }
}

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ` in seconds since the Unix epoch.
///
/// ssh-keygen takes the same without the Z as the local time of whoever looks. Here whoever looks may be
/// the caller of a setuid program, who chooses the time zone by a variable: so only UTC counts.
fn seconds(text: &str) -> Result<i64, &'static str> {
    const FORM: &str = "not a time: write YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, in UTC";
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(time) = text.strip_suffix('Z') else {
        return Err(if digits(text) && matches!(text.len(), 8 | 12 | 14) {
            "this time depends on the time zone of whoever looks: write it in UTC, with a Z at the end"
        } else {
            FORM
        });
    };
    if !digits(time) {
        return Err(FORM);
    }
    let parsed = match time.len() {
        8 => NaiveDate::parse_from_str(time, "%Y%m%d").map(|date| date.and_time(NaiveTime::MIN)),
        12 => NaiveDateTime::parse_from_str(time, "%Y%m%d%H%M"),
        14 => NaiveDateTime::parse_from_str(time, "%Y%m%d%H%M%S"),
        _ => return Err(FORM),
    };
    parsed.map(|time| time.and_utc().timestamp()).map_err(|_| FORM)
}

/// `match_pattern_list` of OpenSSH: one of the comma-separated patterns matches, and none that begins
/// with an exclamation mark does.
fn matches_list(text: &str, patterns: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(text.as_bytes(), pattern.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(text.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// Whether a pattern with `*` and `?` is about the text. It goes back to the last star only, so that no
/// pattern takes long.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    let mut last_star = None;
    while let Some(byte) = text.get(at) {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                last_star = Some((in_pattern + 1, at));
                in_pattern += 1;
            }
            Some(one) if *one == b'?' || one == byte => {
                at += 1;
                in_pattern += 1;
            }
            _ => {
                let Some((after_star, from)) = last_star else { return false };
                last_star = Some((after_star, from + 1));
                (in_pattern, at) = (after_star, from + 1);
            }
        }
    }
    pattern.get(in_pattern..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_matched_as_openssh_matches_them() {
        for (patterns, admitted) in [
            ("hitl-approval-v1", true),
            ("file,hitl-approval-v1", true),
            ("hitl-*", true),
            ("*", true),
            ("hitl-approval-v?", true),
            ("*-*-*1", true),
            ("file", false),
            ("", false),
            ("*,!hitl-*", false),
            ("!file", false),
            ("!file,*", true),
            ("HITL-approval-v1", false),
            ("hitl-approval-v", false),
            ("hitl-approval-v1?", false),
        ] {
            let text = format!("namespaces=\"{patterns}\" x");
            let (options, end) = Options::parse(&text).unwrap();
            assert_eq!(options.admit_approvals(), admitted, "{patterns}");
            assert_eq!(text.get(end..), Some(" x"));
        }
    }

    #[test]
    fn times_are_in_utc_and_both_ends_count() {
        for (text, expected) in [
            ("20260101Z", Some(1_767_225_600)),
            ("202601010001Z", Some(1_767_225_660)),
            ("20260101000102Z", Some(1_767_225_662)),
            ("20260101", None),
            ("20261301Z", None),
            ("2026-01-01Z", None),
            ("+2026011Z", None),
            ("Z", None),
            ("", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        assert!(seconds("20260101").unwrap_err().contains("with a Z"));
    }

    #[test]
    fn what_is_no_option_is_refused_and_its_place_known() {
        for (text, at, because) in [
            ("no-touch-required k", 0, "unknown option"),
            ("cert-authority,verify-required k", 15, "unknown option"),
            ("namespaces=file k", 0, "double quotes"),
            ("namespaces=\"file k", 0, "double quotes"),
            ("namespaces k", 0, "double quotes"),
            ("namespaces=\"a\",namespaces=\"b\" k", 15, "twice"),
            ("Valid-After=\"20260101Z\",valid-after=\"20260101Z\" k", 24, "twice"),
            ("namespaces=\"a\"x k", 14, "comma"),
            ("namespaces=\"a\", k", 15, "unknown option"),
            ("valid-after=\"20260102Z\",valid-before=\"20260101Z\" k", 0, "never valid"),
        ] {
            let wrong = Options::parse(text).unwrap_err();
            assert_eq!(wrong.at, at, "{text}");
            assert!(wrong.message.contains(because), "{text}: {}", wrong.message);
        }
    }
}
