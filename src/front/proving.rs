//! The conversation in which a person proves who they are, held by the front for the monitor.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::RecvFlags;
use zeroize::Zeroizing;

use super::Link;
use super::message::{Order, SECRET, Word};
use super::password::PATIENCE;
use crate::authenticate::{Conversation, Secret, Stop};

/// The front has taken the terminal; it gives it back when this is dropped.
pub(super) struct Proving<'l>(&'l Link);

impl<'l> Proving<'l> {
    /// `None` where the terminal could not be `taken`.
    pub(super) fn of(link: &'l Link, taken: bool) -> Option<Self> {
        taken.then_some(Self(link))
    }

    /// Has the front ask, and takes what it answers.
    fn ask(&self, order: &Order) -> Result<Secret, Stop> {
        self.0.order(order);
        // A front that was stopped (SIGSTOP) does not even lose its own patience.
        self.wait_for(None, PATIENCE + Duration::from_secs(60))?;
        self.next()?.ok_or(Stop::Gone)
    }

    /// What the front says, which is there: what was typed, or another word, which means nothing here.
    fn next(&self) -> Result<Option<Secret>, Stop> {
        // Cut off: what does not fit is too long for an answer, and spoils it.
        let mut packet = Zeroizing::new([0_u8; Secret::CAPACITY + 2]);
        let received = self.0.receive_packet(packet.as_mut_slice(), RecvFlags::DONTWAIT);
        let length = received.ok().flatten().ok_or(Stop::Gone)?;
        match packet.get(..length).and_then(<[u8]>::split_first) {
            Some((&SECRET, typed)) => {
                let mut secret = Secret::new();
                secret.extend(typed.iter().copied());
                Ok(Some(secret))
            }
            _ => match packet.get(..length).and_then(Word::from_packet) {
                Some(Word::Stop(stop)) => Err(stop),
                // What no front says, or nothing: it has gone.
                _ => Err(Stop::Gone),
            },
        }
    }

    /// Waits for the front, or for something else: whether it is the front.
    fn wait_for(&self, also: Option<BorrowedFd<'_>>, limit: Duration) -> Result<bool, Stop> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            let mut watched = vec![PollFd::new(self.0.socket(), PollFlags::POLLIN)];
            watched.extend(also.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)));
            match poll(&mut watched, left) {
                Ok(0) => return Err(Stop::TimedOut),
                Ok(_) => return Ok(watched.first().and_then(PollFd::any).unwrap_or(true)),
                Err(nix::Error::EINTR) => {}
                Err(_) => return Err(Stop::Gone),
            }
        }
    }
}

impl Conversation for Proving<'_> {
    fn hidden(&mut self, prompt: &str) -> Result<Secret, Stop> {
        self.ask(&Order::Hidden(prompt.into()))
    }

    fn shown(&mut self, prompt: &str) -> Result<Secret, Stop> {
        self.ask(&Order::Shown(prompt.into()))
    }

    fn tell(&mut self, line: &str) {
        self.0.order(&Order::Tell(line.into()));
    }

    fn wait(&mut self, until: BorrowedFd<'_>, limit: Duration) -> Result<(), Stop> {
        if !self.wait_for(Some(until), limit)? {
            return Ok(());
        }
        // Nothing was asked, so that whatever it says ends this.
        self.next().and(Err(Stop::Gone))
    }
}

impl Drop for Proving<'_> {
    fn drop(&mut self) {
        self.0.order(&Order::ProvingEnds);
    }
}
