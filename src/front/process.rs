//! The front: does what the monitor tells it, passes signals on, relays the terminal.

use std::ffi::OsString;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};

use super::asked::Asked;
use super::message::{End, LIMIT, Order, PIECE, SIGNATURE, UNSIGNED, Word};
use super::reading::{ReadError, Source};
use super::relay::Relay;
use super::signing::SIGNATURE_LIMIT;
use super::{Here, Said, Signable, Unsigned, Voice};
use crate::execute::{CallerState, Ending, SignalWatch, can_be_stopped, gain_no_privileges};
use crate::system::runs_systemd;

/// What is passed on while a command runs, besides SIGTSTP.
const PASSED_ON: [libc::c_int; 6] =
    [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2];

/// The process that was called, without privileges.
pub struct FrontProcess {
    socket: OwnedFd,
    monitor: Pid,
    here: Here,
    phase: Phase,
    /// What the next order to sign is about.
    statements: Vec<Signable>,
    /// Whether what this process starts could still become more than the caller.
    may_gain_privileges: bool,
}

/// What a signal means.
enum Phase {
    /// What it means to every program.
    Working,
    /// It ends the proof, once the terminal is itself again.
    Proving(Box<Asked>),
    /// ^C takes the request back.
    Waiting(SignalWatch),
    /// It is for the command.
    Running(Box<Running>),
    /// Nothing: the command has ended, and so do we.
    Ended,
}

/// While the command runs.
struct Running {
    signals: SignalWatch,
    relay: Option<Relay>,
    /// Whether ^Z is ours to hear: the caller may have it ignored.
    stops: bool,
}

/// What there is to do.
struct Woken {
    signal: bool,
    terminal: bool,
    hung_up: bool,
}

impl FrontProcess {
    /// It has given its privileges up, and `may_gain_privileges` where it had any.
    pub(super) fn new(socket: OwnedFd, monitor: Pid, may_gain_privileges: bool) -> Self {
        let (here, phase) = (Here::default(), Phase::Working);
        Self { socket, monitor, here, phase, statements: Vec::new(), may_gain_privileges }
    }

    /// Serves the monitor to the end: how this process is to end; `None` where it is to go on by itself,
    /// without privileges.
    ///
    /// # Errors
    /// Where the monitor has gone without a last word, or the system fails.
    pub fn serve(mut self, caller: &CallerState) -> io::Result<Option<Ending>> {
        let mut packet = vec![0_u8; LIMIT + 1];
        let end = loop {
            match self.receive(&mut packet)? {
                Some((Order::Exit(end), _)) => break end,
                Some((order, descriptor)) => {
                    // Only one that goes on by itself may start what is setuid: none that works
                    // for a monitor.
                    if std::mem::take(&mut self.may_gain_privileges) {
                        gain_no_privileges()?;
                    }
                    self.obey(order, descriptor, caller)?;
                }
                None => self.attend()?,
            }
        };
        // It has nothing left to do, and to wait for its end takes a twentieth of a short run. But
        // in a container nobody else might wait for it.
        let others_wait = matches!(end, End::Status(_) | End::Signal(_)) && runs_systemd();
        while !others_wait && waitpid(self.monitor, None) == Err(nix::Error::EINTR) {}
        Ok(match end {
            End::Status(status) => Some(Ending::Exited(status)),
            End::Signal(signal) => Some(Ending::Signalled(signal)),
            End::Alone => None,
        })
    }

    /// The next order that is there already, with the descriptor that came with it.
    fn receive(&self, packet: &mut [u8]) -> io::Result<Option<(Order, Option<OwnedFd>)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let length = loop {
            let slices = &mut [IoSliceMut::new(packet)];
            match recvmsg(&self.socket, slices, &mut control, flags) {
                // A monitor that ended before it had read our last word: said once, and its own words
                // are still there to be read.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
                Ok(received) => break received.bytes,
            }
        };
        let order = packet.get(..length).and_then(Order::from_packet).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the privileged part of hitl has ended without a word; if a command was running, \
                 \"hitl audit show\" tells whether its end is on record",
            )
        })?;
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok(Some((order, descriptor)))
    }

    /// An answer that is no word.
    fn answer(&self, tag: u8, text: &[u8]) {
        let packet: Vec<u8> =
            std::iter::once(tag).chain(text.iter().copied().take(SIGNATURE_LIMIT)).collect();
        // A monitor that has gone is found out by whoever listens to it.
        let _ = send(&self.socket, &packet, SendFlags::NOSIGNAL);
    }

    fn send(&self, word: Word) {
        // A monitor that has gone is found out by the next receive.
        let _ = send(&self.socket, &word.to_packet(), SendFlags::NOSIGNAL);
    }

    fn obey(
        &mut self,
        order: Order,
        descriptor: Option<OwnedFd>,
        caller: &CallerState,
    ) -> io::Result<()> {
        match order {
            Order::Say(text) => self.here.write_error(&text),
            Order::Print(text) => {
                let written = self.here.write_output(&text);
                let errno =
                    written.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
                self.send(Word::Printed(errno));
            }
            Order::Progress(text) => self.here.progress(Some(&String::from_utf8_lossy(&text))),
            Order::NoProgress => self.here.progress(None),
            // The monitor has found it fit.
            Order::StatusDescriptor(number) => drop(self.here.open_status(number)),
            Order::Status(text) => self.here.write_status(&text),
            Order::ProvingBegins => {
                self.here.progress(None);
                let asked = Asked::begin(&self.socket);
                self.send(Word::Proving(asked.is_some()));
                if let Some(asked) = asked {
                    self.phase = Phase::Proving(Box::new(asked));
                }
            }
            Order::Hidden(prompt) => self.proving(|asked| asked.hidden(&prompt)),
            Order::Shown(prompt) => self.proving(|asked| asked.shown(&prompt)),
            Order::Tell(line) => self.proving(|asked| asked.tell(&line)),
            Order::ProvingEnds => self.phase = Phase::Working,
            Order::WaitBegins => {
                let signals: &[_] =
                    if caller.ignores(libc::SIGINT) { &[] } else { &[libc::SIGINT] };
                self.phase = Phase::Waiting(SignalWatch::begin(signals)?);
            }
            Order::Ask(expected) => {
                if !self.here.ask(&String::from_utf8_lossy(&expected)) {
                    self.send(Word::NobodyToAsk);
                }
            }
            Order::AskForApprover => {
                if !self.here.ask_for_approver() {
                    self.send(Word::NobodyToAsk);
                }
            }
            Order::WaitEnds => {
                self.here.wait_ends();
                if let Phase::Waiting(mut signals) =
                    std::mem::replace(&mut self.phase, Phase::Working)
                    && !caller.ignores(libc::SIGINT)
                {
                    signals.no_longer(libc::SIGINT)?;
                }
            }
            Order::Edit(words) => {
                let words: Vec<_> = words.into_iter().map(OsString::from_vec).collect();
                self.send(Word::Edited(match self.here.edit(&words, caller) {
                    Ok(status) => status,
                    Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
                }));
            }
            Order::Statement([fingerprint, key, statement]) => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                self.statements.push(Signable {
                    fingerprint: text(fingerprint),
                    key: text(key),
                    statement: text(statement),
                });
            }
            Order::Sign(file) => {
                let statements = std::mem::take(&mut self.statements);
                let file = Some(PathBuf::from(OsString::from_vec(file)))
                    .filter(|file| !file.as_os_str().is_empty());
                let (tag, text) = match self.here.sign(&statements, file.as_deref(), caller) {
                    Ok(signature) => (SIGNATURE, signature),
                    Err(Unsigned(why)) => (UNSIGNED, why),
                };
                self.answer(tag, text.as_bytes());
            }
            Order::Read(limit, path) => self.read(limit, path),
            Order::RunBegins => self.run_begins(caller)?,
            Order::Terminal => self.relay(descriptor)?,
            Order::Stopped(signal) => self.stopped(signal)?,
            Order::RunEnded => {
                if let Phase::Running(mut running) =
                    std::mem::replace(&mut self.phase, Phase::Ended)
                    && let Some(relay) = &mut running.relay
                {
                    relay.finish();
                }
            }
            Order::Exit(_) => {}
        }
        Ok(())
    }

    /// Reads a text that the caller hands over, and passes it on in pieces.
    fn read(&self, limit: i32, path: Vec<u8>) {
        let source = match path.is_empty() {
            true => Source::Input,
            false => Source::File(OsString::from_vec(path).into()),
        };
        let read = self.here.read(&source, usize::try_from(limit).unwrap_or(0));
        for piece in read.iter().flat_map(|bytes| bytes.chunks(LIMIT - 1)) {
            let packet = [&[PIECE], piece].concat();
            // A monitor that has gone is found out by the next receive.
            let _ = send(&self.socket, &packet, SendFlags::NOSIGNAL);
        }
        self.send(Word::HasRead(read.as_ref().map_or_else(ReadError::to_number, |_| 0)));
    }

    /// The monitor asks only once it has heard that the terminal is taken.
    fn proving(&mut self, step: impl FnOnce(&mut Asked)) {
        if let Phase::Proving(asked) = &mut self.phase {
            step(asked);
        }
    }

    fn run_begins(&mut self, caller: &CallerState) -> io::Result<()> {
        let passed_on: Vec<_> =
            PASSED_ON.into_iter().filter(|signal| !caller.ignores(*signal)).collect();
        let mut signals = SignalWatch::begin(&passed_on)?;
        let stops = !caller.ignores(libc::SIGTSTP);
        if stops {
            signals.also(libc::SIGTSTP)?;
        }
        self.phase = Phase::Running(Box::new(Running { signals, relay: None, stops }));
        self.send(Word::Ready);
        Ok(())
    }

    fn relay(&mut self, terminal: Option<OwnedFd>) -> io::Result<()> {
        let Phase::Running(running) = &mut self.phase else { return Ok(()) };
        running.signals.also(libc::SIGWINCH)?;
        // It can have hung up since it was found to be ours: then the command sees its own end.
        running.relay = terminal.and_then(|terminal| Relay::begin(terminal).ok());
        let foreground = running.relay.as_ref().is_some_and(Relay::has_foreground);
        self.send(Word::Foreground(foreground));
        Ok(())
    }

    /// Sleeps until there is something to do, and does what is not the monitor's.
    fn attend(&mut self) -> io::Result<()> {
        if let Phase::Proving(asked) = &mut self.phase
            && asked.attend()
        {
            return Ok(());
        }
        let Some(woken) = self.sleep()? else { return Ok(()) };
        match &mut self.phase {
            Phase::Working | Phase::Proving(_) | Phase::Ended => {}
            Phase::Waiting(signals) => {
                let interrupted = woken.signal && signals.take()?.is_some();
                let said = if interrupted { Said::TakeBack } else { self.here.said() };
                self.pass_answer_on(said);
            }
            Phase::Running(running) => {
                if let (true, Some(relay)) = (woken.hung_up, &mut running.relay) {
                    relay.hang_up();
                }
                if let (true, Some(relay)) = (woken.terminal, &mut running.relay) {
                    relay.work();
                }
                let mut words = Vec::new();
                while let Some(caught) = running.signals.take()? {
                    match (caught.number, &running.relay) {
                        (libc::SIGWINCH, Some(relay)) => relay.copy_size(),
                        (libc::SIGWINCH, None) => {}
                        (number, _) => words.push(Word::Signal(number)),
                    }
                }
                words.into_iter().for_each(|word| self.send(word));
            }
        }
        Ok(())
    }

    fn pass_answer_on(&self, said: Said) {
        let word = match said {
            Said::Nothing | Said::Gone => return,
            Said::Confirm => Word::Confirmed,
            Said::TakeBack => Word::TakenBack,
            Said::NobodyToAsk => Word::NobodyToAsk,
        };
        self.here.wait_ends();
        self.send(word);
    }

    /// `None` where the monitor has something to say: that comes first.
    fn sleep(&self) -> io::Result<Option<Woken>> {
        let question = self.here.descriptor()?;
        let interest = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let (signals, relay) = match &self.phase {
            Phase::Working | Phase::Proving(_) | Phase::Ended => (None, None),
            Phase::Waiting(signals) => (Some(signals), None),
            Phase::Running(running) => (Some(&running.signals), running.relay.as_ref()),
        };
        let person = relay.and_then(Relay::person_interest);
        let command = relay.and_then(Relay::command_interest);
        let question = question.as_ref().map(|fd| interest(fd.as_fd()));
        let signals = signals.map(|signals| interest(signals.descriptor()));
        let places = [signals.is_some(), person.is_some(), command.is_some(), question.is_some()];
        let mut all = vec![interest(self.socket.as_fd())];
        all.extend([signals, person, command, question].into_iter().flatten());
        match poll(&mut all, PollTimeout::NONE) {
            Err(nix::Error::EINTR) => return Ok(None),
            result => result?,
        };
        let mut events = all.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        if events.next().is_some_and(|events| !events.is_empty()) {
            return Ok(None);
        }
        let mut of = places
            .into_iter()
            .map(|there| there.then(|| events.next()).flatten().unwrap_or(PollFlags::empty()));
        let mut next = || of.next().unwrap_or(PollFlags::empty());
        let (signal, person, command) = (next(), next(), next());
        Ok(Some(Woken {
            signal: !signal.is_empty(),
            terminal: !person.is_empty() || !command.is_empty(),
            hung_up: person
                .intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL),
        }))
    }

    /// The command has been stopped: the caller's job with it, until it goes on.
    fn stopped(&mut self, signal: i32) -> io::Result<()> {
        let Phase::Running(running) = &mut self.phase else { return Ok(()) };
        let wants_terminal = matches!(signal, libc::SIGTTIN | libc::SIGTTOU);
        if let Some(relay) = &mut running.relay {
            relay.work();
            // It began in the background, and the terminal is free now.
            if wants_terminal && !relay.has_foreground() && relay.take_foreground() {
                self.send(Word::Resumed(true));
                return Ok(());
            }
        }
        let had_foreground = running.relay.as_ref().is_some_and(Relay::has_foreground);
        if !can_be_stopped() {
            // Nobody could set us going again. What asks for a terminal that it cannot have is told
            // what it would be told without one.
            if wants_terminal {
                self.send(Word::Signal(libc::SIGHUP));
            }
            self.send(Word::Resumed(had_foreground));
            return Ok(());
        }
        if let Some(relay) = &mut running.relay {
            relay.give_back();
        }
        if running.stops {
            running.signals.no_longer(libc::SIGTSTP)?;
        }
        // The whole job, as the terminal would: a pager at the end of the pipeline too.
        kill(Pid::from_raw(0), Signal::try_from(signal).unwrap_or(Signal::SIGSTOP))?;
        // Here it goes on.
        if running.stops {
            running.signals.also(libc::SIGTSTP)?;
        }
        let foreground = running
            .relay
            .as_mut()
            .is_some_and(|relay| (had_foreground || wants_terminal) && relay.take_foreground());
        self.send(Word::Resumed(foreground));
        Ok(())
    }
}
