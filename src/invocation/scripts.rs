//! Program texts that stand on a command line and are harmless often enough to be worth reading:
//! sed scripts and awk programs. What is not surely harmless is said to be unreadable.

const SED_RUNS: &str = "the sed script runs commands (e)";
const SED_WRITES: &str = "the sed script writes files of its own (w)";
const SED_UNCLEAR: &str = "the sed script could not be read";
const AWK_RUNS: &str = "the awk program can run commands or write files";

/// Why it is not known what an interpreter writes that is given a script by its name.
pub(super) const SCRIPT_IN_A_FILE: &str = "it is a script, and hitl does not read scripts";

/// Why a sed script cannot be judged: it runs a command (`e`, `s///e`), writes a file of its own
/// (`w`, `W`, `s///w`), or is not understood.
pub(super) fn sed(script: &[u8]) -> Option<&'static str> {
    let mut rest = script;
    loop {
        rest = trim(rest, b" \t;\n{}");
        if rest.is_empty() {
            return None;
        }
        let Some(after) = skip_addresses(rest) else { return Some(SED_UNCLEAR) };
        let Some((command, after)) = after.split_first() else { return Some(SED_UNCLEAR) };
        rest = match command {
            b'{' | b'}' => after,
            b'=' | b'd' | b'D' | b'g' | b'G' | b'h' | b'H' | b'n' | b'N' | b'p' | b'P' | b'x'
            | b'z' | b'F' => after,
            // An exit code or line length may follow.
            b'q' | b'Q' | b'l' | b'L' => trim(after, b" 0123456789"),
            b'#' | b'r' | b'R' => after_line(after),
            b'a' | b'i' | b'c' => after_text(after),
            b'b' | b't' | b'T' | b':' => after_label(after),
            b's' => match substitution(after) {
                Ok(after) => after,
                Err(reason) => return Some(reason),
            },
            b'y' => match delimited(after).and_then(|(delimiter, after)| part(after, delimiter)) {
                Some(after) => after,
                None => return Some(SED_UNCLEAR),
            },
            b'e' => return Some(SED_RUNS),
            b'w' | b'W' => return Some(SED_WRITES),
            _ => return Some(SED_UNCLEAR),
        };
    }
}

/// Why an awk program cannot be judged: it holds something that can run a command, write a file,
/// or load code. A comparison with `>` is taken for a redirection.
pub(super) fn awk(program: &[u8]) -> Option<&'static str> {
    let holds = |word: &[u8]| program.windows(word.len()).any(|window| window == word);
    [b"|".as_slice(), b">", b"@", b"system", b"getline"]
        .iter()
        .any(|word| holds(word))
        .then_some(AWK_RUNS)
}

fn trim<'a>(text: &'a [u8], set: &[u8]) -> &'a [u8] {
    let start = text.iter().position(|byte| !set.contains(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn after_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

/// What follows the text of `a`, `i` or `c`. A backslash at the end of a line carries the text on;
/// one backslash and no more, because seds differ in how they count several.
fn after_text(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        let next = after_line(rest);
        let line = rest.get(..rest.len() - next.len()).unwrap_or_default();
        let carried = line.ends_with(b"\\") && !line.ends_with(b"\\\\");
        rest = next.get(1..).unwrap_or_default();
        if !carried || rest.is_empty() {
            return rest;
        }
    }
}

fn after_label(text: &[u8]) -> &[u8] {
    // GNU sed ends a label at a semicolon or line feed; ending it early only reads more.
    let end = text.iter().position(|byte| b";\n}".contains(byte)).unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

fn skip_addresses(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = trim(rest, b" \t,!~+0123456789$");
        let delimiter = match rest {
            [b'/', after @ ..] => {
                rest = after;
                b'/'
            }
            [b'\\', delimiter, after @ ..] => {
                rest = after;
                *delimiter
            }
            _ => return Some(rest),
        };
        rest = trim(part(rest, delimiter)?, b"IM");
    }
}

/// The delimiter that stands first, and what follows its second occurrence.
fn delimited(text: &[u8]) -> Option<(u8, &[u8])> {
    let (delimiter, after) = text.split_first()?;
    if *delimiter == b'\n' || *delimiter == b'\\' {
        return None;
    }
    Some((*delimiter, part(after, *delimiter)?))
}

/// What follows the next delimiter that is not escaped. Inside brackets the delimiter counts too:
/// GNU sed does the same in `s`, and where it does not, reading on from too early only finds more.
fn part(text: &[u8], delimiter: u8) -> Option<&[u8]> {
    let mut bytes = text.iter().enumerate();
    while let Some((index, byte)) = bytes.next() {
        if *byte == delimiter {
            return text.get(index + 1..);
        }
        if *byte == b'\n' {
            return None;
        }
        if *byte == b'\\' {
            bytes.next();
        }
    }
    None
}

fn substitution(text: &[u8]) -> Result<&[u8], &'static str> {
    let (delimiter, after) = delimited(text).ok_or(SED_UNCLEAR)?;
    let mut rest = part(after, delimiter).ok_or(SED_UNCLEAR)?;
    while let Some((flag, after)) = rest.split_first() {
        match flag {
            b'g' | b'p' | b'i' | b'I' | b'm' | b'M' | b'0'..=b'9' => rest = after,
            b'e' => return Err(SED_RUNS),
            b'w' => return Err(SED_WRITES),
            b' ' | b'\t' | b';' | b'\n' | b'}' | b'#' => return Ok(rest),
            _ => return Err(SED_UNCLEAR),
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sed_scripts_that_only_edit_are_told_from_those_that_run_or_write() {
        for harmless in [
            "s/a/b/",
            "s|/etc|/usr|g;s/x/y/2p",
            "/^#/d",
            "1,5p;$d",
            "/a/,/b/{s/x/y/;p}",
            "\\,path,d",
            "$a\\\nnew line e w",
            "s/we/ew/gI",
            ":top;N;b top",
            "y/abc/xyz/",
            "5q",
            "s/\\//e/",
            "",
        ] {
            assert_eq!(sed(harmless.as_bytes()), None, "{harmless}");
        }
        for (script, reason) in [
            ("1e", SED_RUNS),
            ("e id", SED_RUNS),
            ("s/x/id/e", SED_RUNS),
            ("s/x/y/ge", SED_RUNS),
            ("/x/{p;e id\n}", SED_RUNS),
            ("p;w /etc/passwd", SED_WRITES),
            ("s/a/b/w /etc/passwd", SED_WRITES),
            ("a text\nw /etc/shadow", SED_WRITES),
            ("#\\\ne id", SED_RUNS),
            ("a\\\\\\\ne id", SED_RUNS),
            ("0~3e", SED_RUNS),
            ("s/a", SED_UNCLEAR),
            ("k", SED_UNCLEAR),
        ] {
            assert_eq!(sed(script.as_bytes()), Some(reason), "{script}");
        }
    }

    #[test]
    fn awk_programs_that_only_print_are_readable() {
        assert_eq!(awk(b"{print $1}"), None);
        assert_eq!(awk(b"/x/ {n++} END {print n}"), None);
        for program in
            ["BEGIN{system(\"id\")}", "{print | \"sh\"}", "{print > \"f\"}", "@load \"x\""]
        {
            assert_eq!(awk(program.as_bytes()), Some(AWK_RUNS), "{program}");
        }
    }

    proptest! {
        #[test]
        fn no_script_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = sed(&bytes);
            let _ = awk(&bytes);
        }

        #[test]
        fn a_sed_script_that_ends_in_a_command_to_run_is_never_harmless(script in "[a-z/;,0-9]{0,12}") {
            let script = format!("{script}\n1e id");
            prop_assert!(sed(script.as_bytes()).is_some());
        }
    }
}
