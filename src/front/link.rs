//! The monitor's end of the socket: every word to the person goes through it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, send, sendmsg,
};

use super::here::writable_descriptor;
use super::message::{End, LIMIT, Order, PIECE, SIGNATURE, UNSIGNED, Word};
use super::proving::Proving;
use super::reading::{ReadError, Source};
use super::signing::SIGNATURE_LIMIT;
use super::{Said, Signable, Unsigned, Voice};
use crate::authenticate::{Conversation, Seat};
use crate::execute::{CallerSide, CallerState, Ending, Heard};

/// The front, as the monitor knows it.
pub struct Link {
    socket: OwnedFd,
    own_terminals: [bool; 3],
    /// Words that came while another was waited for.
    unread: RefCell<VecDeque<Word>>,
}

impl Link {
    pub(super) fn new(socket: OwnedFd, own_terminals: [bool; 3]) -> Self {
        Self { socket, own_terminals, unread: RefCell::default() }
    }

    /// The last word: nothing is to be done that needs privileges, and the front goes on by itself.
    pub fn go_on_alone(&self) {
        self.order(&Order::Exit(End::Alone));
    }

    /// The last word: how the front is to end.
    pub fn exit(&self, status: i32) {
        self.order(&Order::Exit(End::Status(status)));
    }

    /// The last word: the front is to end as the command has ended.
    pub fn exit_as(&self, ending: Ending) {
        self.order(&Order::Exit(match ending {
            Ending::Signalled(signal) => End::Signal(signal),
            ending => End::Status(ending.exit_code()),
        }));
    }

    /// A front that has gone hears nothing, and that is found out by whoever listens to it.
    pub(super) fn order(&self, order: &Order) {
        let _ = self.send(order, None);
    }

    fn send(&self, order: &Order, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let packet = order.to_packet();
        let descriptors: Vec<_> = descriptor.into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        loop {
            let packet = [IoSlice::new(&packet)];
            match sendmsg(&self.socket, &packet, &mut control, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// The next word: `None` where none has come and `flags` say not to wait.
    ///
    /// # Errors
    /// Where the front has gone, or says what no front says.
    fn receive(&self, flags: RecvFlags) -> io::Result<Option<Word>> {
        // No word is longer: a longer packet is cut off, and then it is no word.
        let mut packet = [0_u8; 16];
        let Some(length) = self.receive_packet(&mut packet, flags)? else { return Ok(None) };
        packet.get(..length).and_then(Word::from_packet).map(Some).ok_or_else(gone)
    }

    /// The next packet, cut off where it does not fit: its length. Descriptors are not taken from the
    /// front: the kernel closes what it sends.
    pub(super) fn receive_packet(
        &self,
        packet: &mut [u8],
        flags: RecvFlags,
    ) -> io::Result<Option<usize>> {
        loop {
            match recv(&self.socket, &mut *packet, flags) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
                Ok((length, _)) => return Ok(Some(length)),
            }
        }
    }

    /// The socket, to wait for.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next word that is there already.
    fn next(&self) -> io::Result<Option<Word>> {
        let unread = self.unread.borrow_mut().pop_front();
        match unread {
            Some(word) => Ok(Some(word)),
            None => self.receive(RecvFlags::DONTWAIT),
        }
    }

    /// Waits for a signature, or for why there is none, and keeps what else comes for later.
    fn signature(&self) -> io::Result<Result<String, Unsigned>> {
        let mut packet = [0_u8; SIGNATURE_LIMIT + 1];
        loop {
            let received = self.receive_packet(&mut packet, RecvFlags::empty())?.unwrap_or(0);
            let packet = packet.get(..received).unwrap_or_default();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            match packet.split_first() {
                Some((&SIGNATURE, signature)) => return Ok(Ok(text(signature))),
                Some((&UNSIGNED, why)) => return Ok(Err(Unsigned(text(why)))),
                _ => {
                    let word = Word::from_packet(packet).ok_or_else(gone)?;
                    self.unread.borrow_mut().push_back(word);
                }
            }
        }
    }

    /// Waits for the answer that `wanted` knows, and keeps what else comes for later.
    fn wait_for<T>(&self, wanted: impl Fn(Word) -> Option<T>) -> io::Result<T> {
        loop {
            let Some(word) = self.receive(RecvFlags::empty())? else { continue };
            match wanted(word) {
                Some(answer) => return Ok(answer),
                None => self.unread.borrow_mut().push_back(word),
            }
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the process that was called has gone")
}

impl Voice for Link {
    fn say(&self, text: &str) {
        for piece in text.as_bytes().chunks(LIMIT) {
            self.order(&Order::Say(piece.to_vec()));
        }
    }

    fn print(&self, text: &str) -> io::Result<()> {
        for piece in text.as_bytes().chunks(LIMIT) {
            self.send(&Order::Print(piece.to_vec()), None)?;
            let errno = self.wait_for(|word| match word {
                Word::Printed(errno) => Some(errno),
                _ => None,
            })?;
            if errno != 0 {
                return Err(io::Error::from_raw_os_error(errno));
            }
        }
        Ok(())
    }

    fn progress(&self, text: Option<&str>) {
        let order = match text {
            Some(text) => Order::Progress(text.chars().take(LIMIT / 4).collect::<String>().into()),
            None => Order::NoProgress,
        };
        // It is shown in the midst of work, under locks: a front that was stopped must not stop that.
        let _ = send(&self.socket, &order.to_packet(), SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }

    fn open_status(&self, number: i32) -> Result<(), &'static str> {
        // The front has the same descriptors; our own copy closes at once.
        writable_descriptor(number)?;
        self.order(&Order::StatusDescriptor(number));
        Ok(())
    }

    fn status(&self, line: &str) {
        for piece in line.as_bytes().chunks(LIMIT) {
            self.order(&Order::Status(piece.to_vec()));
        }
    }

    fn conversation(&self) -> Option<Box<dyn Conversation + '_>> {
        self.order(&Order::ProvingBegins);
        let taken = self.wait_for(|word| match word {
            Word::Proving(taken) => Some(taken),
            _ => None,
        });
        Some(Box::new(Proving::of(self, taken.ok()?)?))
    }

    fn seat(&self) -> Option<Seat> {
        // The front, which stays in the caller's session. Its number is nobody else's while it is our
        // parent; once it is gone that is a process without a terminal.
        Seat::of(std::os::unix::process::parent_id())
    }

    fn edit(&self, words: &[OsString], _: &CallerState) -> io::Result<i32> {
        let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let order = Order::Edit(words);
        if order.to_packet().len() > LIMIT {
            return Err(io::Error::from(io::ErrorKind::ArgumentListTooLong));
        }
        self.send(&order, None)?;
        let status = self.wait_for(|word| match word {
            Word::Edited(status) => Some(status),
            _ => None,
        })?;
        if status < 0 { Err(io::Error::from_raw_os_error(-status)) } else { Ok(status) }
    }

    fn sign(
        &self,
        choices: &[Signable],
        key_file: Option<&Path>,
        _: &CallerState,
    ) -> Result<String, Unsigned> {
        let failed = |error: io::Error| Unsigned(format!("nobody could be asked to sign: {error}"));
        for choice in choices {
            let parts = [&choice.fingerprint, &choice.key, &choice.statement];
            let order = Order::Statement(parts.map(|part| part.clone().into_bytes()));
            if order.to_packet().len() > LIMIT {
                return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
            }
            self.send(&order, None).map_err(failed)?;
        }
        let file = key_file.map_or_else(Vec::new, |file| file.as_os_str().as_bytes().to_vec());
        self.send(&Order::Sign(file), None).map_err(failed)?;
        self.signature().map_err(failed)?
    }

    fn read(&self, source: &Source, limit: usize) -> Result<Vec<u8>, ReadError> {
        let path = match source {
            Source::Input => &[][..],
            // The empty path is nobody's.
            Source::File(path) if path.as_os_str().is_empty() => {
                return Err(io::Error::from_raw_os_error(libc::ENOENT).into());
            }
            Source::File(path) => path.as_os_str().as_bytes(),
        };
        let order = Order::Read(i32::try_from(limit).unwrap_or(i32::MAX), path.to_vec());
        if order.to_packet().len() > LIMIT {
            return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG).into());
        }
        self.send(&order, None)?;
        let mut bytes = Vec::new();
        let mut packet = vec![0; LIMIT];
        loop {
            let length = self.receive_packet(&mut packet, RecvFlags::empty())?.unwrap_or(0);
            let packet = packet.get(..length).unwrap_or_default();
            match (packet.split_first(), Word::from_packet(packet)) {
                // More than was asked for: no front says that.
                (Some((&PIECE, piece)), _) if bytes.len() + piece.len() <= limit => {
                    bytes.extend_from_slice(piece);
                }
                (_, Some(Word::HasRead(0))) => return Ok(bytes),
                (_, Some(Word::HasRead(number))) => {
                    return Err(ReadError::from_number(number, limit));
                }
                (_, Some(word)) => self.unread.borrow_mut().push_back(word),
                (_, None) => return Err(gone().into()),
            }
        }
    }

    fn wait_begins(&self) -> io::Result<()> {
        self.order(&Order::WaitBegins);
        Ok(())
    }

    fn ask(&self, expected: &str) -> bool {
        self.order(&Order::Ask(expected.into()));
        true
    }

    fn ask_for_approver(&self) -> bool {
        self.order(&Order::AskForApprover);
        true
    }

    fn wait_ends(&self) {
        self.order(&Order::WaitEnds);
    }

    fn descriptor(&self) -> io::Result<Option<OwnedFd>> {
        self.socket.try_clone().map(Some)
    }

    fn said(&self) -> Said {
        loop {
            match self.next() {
                Ok(None) => return Said::Nothing,
                Ok(Some(Word::Confirmed)) => return Said::Confirm,
                Ok(Some(Word::TakenBack)) => return Said::TakeBack,
                Ok(Some(Word::NobodyToAsk)) => return Said::NobodyToAsk,
                // Of a command that is no longer, or not yet.
                Ok(Some(Word::Signal(_) | Word::Resumed(_) | Word::Stop(_))) => {}
                // An answer that nobody waits for: no front says that.
                Ok(Some(_)) | Err(_) => return Said::Gone,
            }
        }
    }

    fn has_gone(&self) -> bool {
        let mut hung_up = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        poll(&mut hung_up, PollTimeout::ZERO).is_ok_and(|events| events > 0)
    }
}

impl CallerSide for Link {
    fn own_terminals(&self) -> [bool; 3] {
        self.own_terminals
    }

    fn begin(&self, terminal: Option<OwnedFd>) -> io::Result<bool> {
        self.order(&Order::RunBegins);
        self.wait_for(|word| (word == Word::Ready).then_some(()))?;
        let Some(terminal) = terminal else { return Ok(false) };
        self.send(&Order::Terminal, Some(terminal.as_fd()))?;
        self.wait_for(|word| match word {
            Word::Foreground(foreground) => Some(foreground),
            _ => None,
        })
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn heard(&self) -> Option<Heard> {
        loop {
            match self.next() {
                Ok(None) => return None,
                Ok(Some(Word::Signal(signal))) => return Some(Heard::Signal(signal)),
                Ok(Some(Word::Resumed(foreground))) => return Some(Heard::Resumed(foreground)),
                // An answer that was on its way when its question was over.
                Ok(Some(Word::Confirmed | Word::TakenBack | Word::NobodyToAsk | Word::Stop(_))) => {
                }
                // An answer that nobody waits for: no front says that.
                Ok(Some(_)) | Err(_) => return Some(Heard::Gone),
            }
        }
    }

    fn stopped(&self, signal: i32) {
        self.order(&Order::Stopped(signal));
    }

    fn ended(&self) {
        self.order(&Order::RunEnded);
    }
}
