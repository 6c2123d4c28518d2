//! Long runs of spaces, which push what follows out of sight, in words.

/// A run of at least this many spaces is counted instead of shown.
const MANY: usize = 16;

/// The text, which is in quotes where it holds spaces, with each long run of them counted outside of
/// the quotes: `"rm "‹5000 spaces›" /x"`. Whoever wrote the text cannot write that: a quote of theirs
/// has a backslash before it.
pub(super) fn spelled_out(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(&" ".repeat(MANY)) {
        let (before, run) = rest.split_at(start);
        let after = run.trim_start_matches(' ');
        shown.push_str(before);
        shown.push_str(&format!("\"‹{} spaces›\"", run.len() - after.len()));
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_spaces_are_counted_and_few_are_shown() {
        let text = format!("\"a{}b  c{}\"", " ".repeat(5000), " ".repeat(16));
        assert_eq!(spelled_out(&text), "\"a\"‹5000 spaces›\"b  c\"‹16 spaces›\"\"");
        assert_eq!(spelled_out("\"two  spaces\""), "\"two  spaces\"");
    }
}
