//! Colour on a terminal. It is never the only signal: everything reads the same without it.

use crate::policy::Risk;

/// Whether to paint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// Plain text.
    Off,
    /// ANSI escape sequences (ECMA-48 SGR).
    On,
}

impl Colour {
    /// Text that stands out.
    pub(super) fn strong(self, text: &str) -> String {
        self.sgr("1", text)
    }

    /// A risk's text in the risk's colour.
    pub(super) fn risk(self, risk: Risk, text: &str) -> String {
        let code = match risk {
            Risk::Low => "32",
            Risk::Medium => "33",
            Risk::High => "1;31",
            Risk::Critical => "1;37;41",
        };
        self.sgr(code, text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
