//! What a requester attaches to a request to say what they intend: an agent's plan, the text of
//! `terraform plan`, a diff. It is their claim, kept as they gave it and shown as such.

use std::fmt;
use std::sync::Arc;

use crate::system::Digest;
use crate::system::text::visible;

/// The most characters that the name of a ticket may have.
const LONGEST_TICKET: usize = 200;

/// A text that says what its requester intends. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    text: Arc<str>,
    digest: Digest,
}

/// Why bytes are no plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// Nothing at all: whatever was to write it has failed.
    #[error("it is empty")]
    Empty,
    /// More than anybody is asked to read.
    #[error(
        "it is larger than {} bytes: attach what a person is to read, and name the rest in it",
        Plan::LARGEST
    )]
    TooLarge,
    /// Not UTF-8, from this line on (counted from 1).
    #[error("line {0} is not UTF-8: convert it, for example with iconv -t UTF-8")]
    NotText(usize),
}

impl Plan {
    /// The most bytes that one may have.
    pub const LARGEST: usize = 1 << 20;

    /// These bytes as a plan.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, PlanError> {
        if bytes.is_empty() {
            return Err(PlanError::Empty);
        }
        if bytes.len() > Self::LARGEST {
            return Err(PlanError::TooLarge);
        }
        let digest = Digest::of(&bytes);
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.as_bytes().get(..error.utf8_error().valid_up_to());
            let lines = good.unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            PlanError::NotText(lines + 1)
        })?;
        Ok(Self { text: text.into(), digest })
    }

    /// The text, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of the text, which the request is bound to.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Its lines, safe to show: whatever is no plain character is made visible.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        // Not `lines`, which would swallow a carriage return before the line feed.
        self.text.strip_suffix('\n').unwrap_or(&self.text).split('\n').map(visible)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes, {}", self.bytes(), self.digest)
    }
}

/// The name of a ticket, as typed: one short line that shows all that it is.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_ticket(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty: write what the ticket is called, for example OPS-4711".to_owned());
    }
    if text.chars().count() > LONGEST_TICKET {
        return Err(format!(
            "it has more than {LONGEST_TICKET} characters: name the ticket, and write what it is about in --reason or --plan"
        ));
    }
    // A backslash is the one character that is written otherwise and hides nothing.
    if visible(text).replace("\\\\", "\\") != text {
        return Err("it holds characters that do not show, or more than one line: write what the ticket is called, for example OPS-4711".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_text_that_a_person_can_read() {
        let plan = Plan::new(b"first\r\n\n  third \x1b[2J\n".to_vec()).unwrap();
        assert_eq!(plan.lines().collect::<Vec<_>>(), ["first\\r", "", "  third \\e[2J"]);
        assert_eq!(plan.digest(), Digest::of(plan.text().as_bytes()));
        assert_eq!(Plan::new(Vec::new()), Err(PlanError::Empty));
        assert_eq!(Plan::new(b"a\nb\nc\xff\n".to_vec()), Err(PlanError::NotText(3)));
        assert!(Plan::new(vec![b'x'; Plan::LARGEST]).is_ok());
        assert_eq!(Plan::new(vec![b'x'; Plan::LARGEST + 1]), Err(PlanError::TooLarge));
    }

    #[test]
    fn a_ticket_is_one_short_line_that_shows_all_that_it_is() {
        for ticket in ["OPS-4711", " OPS-4711 ", "https://tickets.example/4711?a=b", "a\\b", "数 7"]
        {
            assert_eq!(parse_ticket(ticket).unwrap(), ticket.trim());
        }
        let long = "x".repeat(LONGEST_TICKET + 1);
        for other in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{200b}", "a\tb", &long] {
            assert!(parse_ticket(other).is_err(), "{other:?}");
        }
    }
}
