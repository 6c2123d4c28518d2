//! What passes between this process and the one in which PAM's modules work: one byte that says what
//! it is, and a text.

/// The longest message, in bytes: a module's text is cut there.
pub(super) const LONGEST: usize = 2048;

/// From the modules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// A question whose answer must not be seen.
    Hidden(Vec<u8>),
    /// A question whose answer may be seen.
    Shown(Vec<u8>),
    /// Something to tell.
    Told(Vec<u8>),
    /// That was wrong: may they try again?
    Wrong,
    /// That was wrong, and the modules want no more tries.
    WrongForGood,
    /// It is them.
    Proved,
    /// It is them, but the account may not be used: why, and whether a new password would help.
    Account(Vec<u8>, bool),
    /// There is no libpam: why.
    NoLibrary(Vec<u8>),
    /// PAM failed to start.
    NotStarted(Vec<u8>),
    /// PAM failed to find out.
    Failed(Vec<u8>),
}

impl Said {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, text): (u8, &[u8]) = match self {
            Self::Hidden(text) => (b'h', text),
            Self::Shown(text) => (b's', text),
            Self::Told(text) => (b't', text),
            Self::Wrong => (b'w', b""),
            Self::WrongForGood => (b'm', b""),
            Self::Proved => (b'p', b""),
            Self::Account(text, false) => (b'a', text),
            Self::Account(text, true) => (b'n', text),
            Self::NoLibrary(text) => (b'l', text),
            Self::NotStarted(text) => (b'b', text),
            Self::Failed(text) => (b'f', text),
        };
        let text = text.get(..LONGEST - 1).unwrap_or(text);
        [&[kind], text].concat()
    }

    /// `None` for what the other side cannot have said.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, text) = bytes.split_first()?;
        let text = text.to_vec();
        Some(match kind {
            b'h' => Self::Hidden(text),
            b's' => Self::Shown(text),
            b't' => Self::Told(text),
            b'w' => Self::Wrong,
            b'm' => Self::WrongForGood,
            b'p' => Self::Proved,
            b'a' => Self::Account(text, false),
            b'n' => Self::Account(text, true),
            b'l' => Self::NoLibrary(text),
            b'b' => Self::NotStarted(text),
            b'f' => Self::Failed(text),
            _ => return None,
        })
    }
}

/// To the modules: an answer follows this byte.
pub(super) const ANSWER: u8 = b'a';

/// To the modules: what was typed can be no answer.
pub(super) const UNUSABLE: u8 = b'u';

/// To the modules: they may try again.
pub(super) const AGAIN: u8 = b'g';
