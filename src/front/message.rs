//! What passes between the front and the monitor: one message a packet, a tag and its content.
//!
//! The monitor trusts nothing that comes: a message that does not parse is the end of the front.

/// The largest packet, in bytes. Far below the socket's buffer.
pub(super) const LIMIT: usize = 32 * 1024;

/// How the front is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
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
    /// ^C is an answer from here on.
    WaitBegins,
    /// Ask whether it is meant: this is to be typed.
    Ask(Vec<u8>),
    /// Neither any longer.
    WaitEnds,
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

/// What the front says.
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
            Self::WaitBegins => vec![b'W'],
            Self::Ask(text) => with_text(b'Q', text),
            Self::WaitEnds => vec![b'q'],
            Self::RunBegins => vec![b'R'],
            Self::Terminal => vec![b'T'],
            Self::Stopped(signal) => with_number(b'Z', *signal),
            Self::RunEnded => vec![b'r'],
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
            (b'W', true) => Self::WaitBegins,
            (b'Q', _) => Self::Ask(text()),
            (b'q', true) => Self::WaitEnds,
            (b'R', true) => Self::RunBegins,
            (b'T', true) => Self::Terminal,
            (b'Z', _) => Self::Stopped(number(content)?),
            (b'r', true) => Self::RunEnded,
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
            Order::WaitBegins,
            Order::Ask(text()),
            Order::WaitEnds,
            Order::RunBegins,
            Order::Terminal,
            Order::Stopped(20),
            Order::RunEnded,
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
            Word::Signal(2),
            Word::Ready,
            Word::Foreground(true),
            Word::Resumed(false),
        ] {
            assert_eq!(Word::from_packet(&word.to_packet()), Some(word));
        }
        for packet in [&b""[..], b"?", b"yy", b"s\x01", b"t\x02", b"p12345"] {
            assert_eq!(Word::from_packet(packet), None, "{packet:?}");
        }
    }
}
