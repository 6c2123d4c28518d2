//! What passes between the front and the monitor: one message a packet, a tag and its content.
//!
//! The monitor trusts nothing that comes: a message that does not parse is the end of the front.

use crate::authenticate::Stop;

/// The largest packet, in bytes. Far below the socket's buffer.
pub(super) const LIMIT: usize = 32 * 1024;

/// The tag of what was typed in secret. It is never a [`Word`]: those are kept, copied and compared.
pub(super) const SECRET: u8 = b'w';

/// The tag of a signature: not a [`Word`] either, because those are short.
pub(super) const SIGNATURE: u8 = b'k';

/// The tag of why there is none.
pub(super) const UNSIGNED: u8 = b'u';

/// The tag of a piece of what was read for the monitor. No [`Word`] either: it has no fixed length.
pub(super) const PIECE: u8 = b'd';

/// How the front is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// Not at all: it goes on by itself, as what the caller is.
    Alone,
}

/// What the monitor tells the front to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Write to standard error.
    Say(Vec<u8>),
    /// Write to standard output, and say how that went.
    Print(Vec<u8>),
    /// Show this line.
    Progress(Vec<u8>),
    /// Take it away.
    NoProgress,
    /// The descriptor for events.
    StatusDescriptor(i32),
    /// Write to it.
    Status(Vec<u8>),
    /// The person is to prove who they are: take the terminal, and say whether it could be had.
    ProvingBegins,
    /// Ask for something that must not be seen, and answer.
    Hidden(Vec<u8>),
    /// Ask for something that may be seen, and answer.
    Shown(Vec<u8>),
    /// Show this line at the terminal.
    Tell(Vec<u8>),
    /// Give the terminal back.
    ProvingEnds,
    /// Read at most so many bytes of a file, or of standard input where the path is empty, and answer.
    Read(i32, Vec<u8>),
    /// ^C is an answer from here on.
    WaitBegins,
    /// Ask whether it is meant: this is to be typed.
    Ask(Vec<u8>),
    /// Ask whether somebody is there who may approve.
    AskForApprover,
    /// Neither any longer.
    WaitEnds,
    /// Run the caller's editor, these words, and say how it ended.
    Edit(Vec<Vec<u8>>),
    /// A statement that can be signed: the key's fingerprint, the key and the statement.
    Statement([Vec<u8>; 3]),
    /// Have the person sign one of them, with the key in this file where one is named, and answer.
    Sign(Vec<u8>),
    /// A command will start soon: keep signals for it, and answer.
    RunBegins,
    /// With a descriptor: relay the terminal to it, and answer.
    Terminal,
    /// It has been stopped by this signal.
    Stopped(i32),
    /// It has ended.
    RunEnded,
    /// Nothing more comes.
    Exit(End),
}

/// What the front says; but for what was typed in secret, which is a packet of its own: [`SECRET`] and
/// the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// How a write to standard output went: an error number, or 0.
    Printed(i32),
    /// The person has typed what was asked.
    Confirmed,
    /// The person has refused, or typed ^C.
    TakenBack,
    /// There is nobody to ask, or no longer.
    NobodyToAsk,
    /// Whether the terminal could be taken for a proof.
    Proving(bool),
    /// There will be no (further) answer.
    Stop(Stop),
    /// The exit status of the editor, or the error number, negative, with which it could not be
    /// started.
    Edited(i32),
    /// All that was to be read has been said: 0, or why not, as `ReadError` numbers it.
    HasRead(i32),
    /// A signal for the command.
    Signal(i32),
    /// Signals are kept for the command.
    Ready,
    /// Whether the terminal is ours to use.
    Foreground(bool),
    /// The job goes on, with the terminal's foreground or without.
    Resumed(bool),
}

impl Order {
    /// As a packet.
    pub(super) fn to_packet(&self) -> Vec<u8> {
        match self {
            Self::Say(text) => with_text(b'S', text),
            Self::Print(text) => with_text(b'P', text),
            Self::Progress(text) => with_text(b'L', text),
            Self::NoProgress => vec![b'l'],
            Self::StatusDescriptor(number) => with_number(b'D', *number),
            Self::Status(text) => with_text(b'E', text),
            Self::ProvingBegins => vec![b'A'],
            Self::Hidden(text) => with_text(b'H', text),
            Self::Shown(text) => with_text(b'V', text),
            Self::Tell(text) => with_text(b'K', text),
            Self::ProvingEnds => vec![b'a'],
            Self::Read(limit, path) => [&[b'F'][..], &limit.to_ne_bytes(), path].concat(),
            Self::WaitBegins => vec![b'W'],
            Self::Ask(text) => with_text(b'Q', text),
            Self::AskForApprover => vec![b'B'],
            Self::WaitEnds => vec![b'q'],
            Self::Edit(words) => with_text(b'e', &words.join(&0)),
            Self::Statement(parts) => with_text(b's', &parts.join(&0)),
            Self::Sign(file) => with_text(b'k', file),
            Self::RunBegins => vec![b'R'],
            Self::Terminal => vec![b'T'],
            Self::Stopped(signal) => with_number(b'Z', *signal),
            Self::RunEnded => vec![b'r'],
            Self::Exit(End::Alone) => vec![b'O'],
            Self::Exit(End::Status(status)) => with_number(b'X', *status),
            Self::Exit(End::Signal(signal)) => with_number(b'x', *signal),
        }
    }

    /// From a packet.
    pub(super) fn from_packet(packet: &[u8]) -> Option<Self> {
        let (tag, content) = packet.split_first()?;
        let text = || content.to_vec();
        Some(match (tag, content.is_empty()) {
            (b'S', _) => Self::Say(text()),
            (b'P', _) => Self::Print(text()),
            (b'L', _) => Self::Progress(text()),
            (b'l', true) => Self::NoProgress,
            (b'D', _) => Self::StatusDescriptor(number(content)?),
            (b'E', _) => Self::Status(text()),
            (b'A', true) => Self::ProvingBegins,
            (b'H', _) => Self::Hidden(text()),
            (b'V', _) => Self::Shown(text()),
            (b'K', _) => Self::Tell(text()),
            (b'a', true) => Self::ProvingEnds,
            (b'W', true) => Self::WaitBegins,
            (b'Q', _) => Self::Ask(text()),
            (b'B', true) => Self::AskForApprover,
            (b'q', true) => Self::WaitEnds,
            (b'e', _) => Self::Edit(content.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()),
            (b's', _) => {
                let parts: Vec<_> =
                    content.splitn(3, |byte| *byte == 0).map(<[u8]>::to_vec).collect();
                Self::Statement(parts.try_into().ok()?)
            }
            (b'k', _) => Self::Sign(text()),
            (b'F', _) => {
                let (limit, path) = content.split_at_checked(4)?;
                Self::Read(number(limit)?, path.to_vec())
            }
            (b'R', true) => Self::RunBegins,
            (b'T', true) => Self::Terminal,
            (b'Z', _) => Self::Stopped(number(content)?),
            (b'r', true) => Self::RunEnded,
            (b'O', true) => Self::Exit(End::Alone),
            (b'X', _) => Self::Exit(End::Status(number(content)?)),
            (b'x', _) => Self::Exit(End::Signal(number(content)?)),
            _ => return None,
        })
    }
}

impl Word {
    /// As a packet.
    pub(super) fn to_packet(self) -> Vec<u8> {
        match self {
            Self::Printed(errno) => with_number(b'p', errno),
            Self::Confirmed => vec![b'y'],
            Self::TakenBack => vec![b'n'],
            Self::NobodyToAsk => vec![b'g'],
            Self::Proving(taken) => vec![b'm', u8::from(taken)],
            Self::Stop(Stop::Interrupted) => vec![b'o', b'i'],
            Self::Stop(Stop::TimedOut) => vec![b'o', b't'],
            Self::Stop(Stop::Gone) => vec![b'o', b'g'],
            Self::Edited(status) => with_number(b'e', status),
            Self::HasRead(errno) => with_number(b'f', errno),
            Self::Signal(signal) => with_number(b's', signal),
            Self::Ready => vec![b'r'],
            Self::Foreground(foreground) => vec![b't', u8::from(foreground)],
            Self::Resumed(foreground) => vec![b'c', u8::from(foreground)],
        }
    }

    /// From a packet.
    pub(super) fn from_packet(packet: &[u8]) -> Option<Self> {
        let (tag, content) = packet.split_first()?;
        Some(match (tag, content) {
            (b'p', content) => Self::Printed(number(content)?),
            (b'y', []) => Self::Confirmed,
            (b'n', []) => Self::TakenBack,
            (b'g', []) => Self::NobodyToAsk,
            (b'm', [flag @ (0 | 1)]) => Self::Proving(*flag == 1),
            (b'o', b"i") => Self::Stop(Stop::Interrupted),
            (b'o', b"t") => Self::Stop(Stop::TimedOut),
            (b'o', b"g") => Self::Stop(Stop::Gone),
            (b'e', content) => Self::Edited(number(content)?),
            (b'f', content) => Self::HasRead(number(content)?),
            (b's', content) => Self::Signal(number(content)?),
            (b'r', []) => Self::Ready,
            (b't', [flag @ (0 | 1)]) => Self::Foreground(*flag == 1),
            (b'c', [flag @ (0 | 1)]) => Self::Resumed(*flag == 1),
            _ => return None,
        })
    }
}

fn with_text(tag: u8, text: &[u8]) -> Vec<u8> {
    [&[tag], text].concat()
}

fn with_number(tag: u8, number: i32) -> Vec<u8> {
    [&[tag][..], &number.to_ne_bytes()].concat()
}

fn number(content: &[u8]) -> Option<i32> {
    content.try_into().ok().map(i32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_arrives_as_it_was_sent_and_nothing_else_is_one() {
        let text = || b"a\xff\n".to_vec();
        for order in [
            Order::Say(text()),
            Order::Print(Vec::new()),
            Order::Progress(text()),
            Order::NoProgress,
            Order::StatusDescriptor(7),
            Order::Status(text()),
            Order::ProvingBegins,
            Order::Hidden(text()),
            Order::Shown(text()),
            Order::Tell(text()),
            Order::ProvingEnds,
            Order::WaitBegins,
            Order::Ask(text()),
            Order::AskForApprover,
            Order::WaitEnds,
            Order::Edit(vec![text(), b"/x y".to_vec()]),
            Order::Statement([text(), b"ssh-ed25519 AAAA".to_vec(), text()]),
            Order::Sign(b"/x y".to_vec()),
            Order::Read(1 << 20, b"/x y".to_vec()),
            Order::Read(7, Vec::new()),
            Order::RunBegins,
            Order::Terminal,
            Order::Stopped(20),
            Order::RunEnded,
            Order::Exit(End::Alone),
            Order::Exit(End::Status(-1)),
            Order::Exit(End::Signal(15)),
        ] {
            assert_eq!(Order::from_packet(&order.to_packet()), Some(order));
        }
        for word in [
            Word::Printed(32),
            Word::Confirmed,
            Word::TakenBack,
            Word::NobodyToAsk,
            Word::Proving(true),
            Word::Stop(Stop::Interrupted),
            Word::Stop(Stop::TimedOut),
            Word::Stop(Stop::Gone),
            Word::Edited(-2),
            Word::HasRead(-1),
            Word::Signal(2),
            Word::Ready,
            Word::Foreground(true),
            Word::Resumed(false),
        ] {
            assert_eq!(Word::from_packet(&word.to_packet()), Some(word));
        }
        for packet in
            [&b""[..], b"?", b"yy", b"s\x01", b"t\x02", b"p12345", b"wsecret", b"dpiece", b"ox"]
        {
            assert_eq!(Word::from_packet(packet), None, "{packet:?}");
        }
    }
}
