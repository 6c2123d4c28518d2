//! Colour on a terminal. It is never the only signal: everything reads the same without it.

/// Whether to paint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// Plain text.
    Off,
    /// ANSI escape sequences (ECMA-48 SGR).
    On,
}

/// What a painted text says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// It stands out.
    Strong,
    /// Good, or harmless.
    Good,
    /// Worth a look.
    Caution,
    /// Bad, or dangerous.
    Bad,
    /// Beside the point: places and numbers.
    Aside,
    /// As dangerous as it gets.
    Alarm,
}

impl Colour {
    /// On where `on`.
    pub fn when(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    /// The text, painted where there is colour. It must be safe to show already.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Strong => "1",
            Paint::Good => "32",
            Paint::Caution => "33",
            Paint::Bad => "1;31",
            Paint::Aside => "36",
            Paint::Alarm => "1;37;41",
        };
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
