//! What an edit would change, for whoever decides about it.

use std::time::Duration;

use similar::TextDiff;

use crate::system::Digest;
use crate::system::text::visible;

/// More of either is told by size and digest only, in bytes.
const LARGEST_TEXT: usize = 1 << 20;

/// The most lines; that there are more is said.
const MOST_LINES: usize = 400;

/// How long is spent on finding the smallest difference.
const PATIENCE: Duration = Duration::from_secs(1);

/// The difference, a line each, made visible: unified (diff(1) -u) for text, sizes and digests for
/// everything else. `before` is `None` for a file that would be made.
pub fn difference(before: Option<&[u8]>, after: &[u8]) -> Vec<String> {
    let old = before.unwrap_or_default();
    let text = |bytes| std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let (Some(old_text), Some(new_text)) = (text(old), text(after)) else {
        return sizes(before, after);
    };
    if old.len().max(after.len()) > LARGEST_TEXT {
        return sizes(before, after);
    }
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old_text, new_text);
    let unified = diff.unified_diff().context_radius(3).to_string();
    let mut lines: Vec<String> = unified.lines().take(MOST_LINES).map(visible).collect();
    let more = unified.lines().count().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.push(format!("… and {more} more lines: what is here is not the whole change"));
    }
    lines
}

fn sizes(before: Option<&[u8]>, after: &[u8]) -> Vec<String> {
    let told = |bytes: &[u8]| format!("{} bytes, {}", bytes.len(), Digest::of(bytes));
    vec![
        format!("- {}", before.map_or_else(|| "nothing".to_owned(), told)),
        format!("+ {}", told(after)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_line_by_line_and_safely_and_everything_else_by_digest() {
        let lines = difference(Some(b"a\nb\n"), b"a\n\x1b[2Jc\n");
        assert_eq!(lines, ["@@ -1,2 +1,2 @@", " a", "-b", "+\\e[2Jc"]);
        let lines = difference(None, b"\0");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines.first().unwrap(), "- nothing");
        let long: String = (0..1000).map(|number| format!("{number}\n")).collect();
        let lines = difference(None, long.as_bytes());
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert!(lines.last().unwrap().contains("601 more"), "{lines:?}");
    }
}
