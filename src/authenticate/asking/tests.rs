//! Modules that do not behave: what they say is read by nobody but this side.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;

/// A person who gives these answers, and what they were shown.
#[derive(Default)]
struct Person {
    answers: VecDeque<&'static str>,
    shown: Vec<String>,
}

impl Conversation for Person {
    fn hidden(&mut self, prompt: &str) -> Result<Secret, Stop> {
        self.shown.push(prompt.to_owned());
        let answer = self.answers.pop_front().ok_or(Stop::Interrupted)?;
        let mut secret = Secret::new();
        secret.extend(answer.bytes());
        Ok(secret)
    }

    fn shown(&mut self, prompt: &str) -> Result<Secret, Stop> {
        self.hidden(prompt)
    }

    fn tell(&mut self, line: &str) {
        self.shown.push(line.to_owned());
    }

    fn wait(&mut self, until: BorrowedFd<'_>, limit: Duration) -> Result<(), Stop> {
        let limit = PollTimeout::try_from(limit.as_millis()).unwrap();
        match poll(&mut [PollFd::new(until, PollFlags::POLLIN)], limit).unwrap() {
            0 => Err(Stop::TimedOut),
            _ => Ok(()),
        }
    }
}

fn claim() -> Claim {
    Claim {
        account: "alice".into(),
        shown_as: "alice".into(),
        asked_by: "alice".into(),
        terminal: None,
    }
}

fn with_modules(
    person: &mut Person,
    modules: impl FnOnce(&Channel),
) -> Result<Proof, AuthenticationError> {
    converse(apart::start(modules).unwrap(), &claim(), person, Duration::from_millis(300))
}

fn receives(channel: &Channel) -> Vec<u8> {
    let mut buffer = [0; 600];
    let length = channel.receive(&mut buffer).unwrap_or(0);
    buffer[..length].to_vec()
}

#[test]
fn modules_that_hang_are_ended() {
    let begun = std::time::Instant::now();
    let ended = with_modules(&mut Person::default(), |channel| {
        let _ = channel.send(&Said::Told(b"soon".to_vec()).to_bytes());
        // The other side never says anything.
        receives(channel);
    });
    assert!(matches!(ended, Err(AuthenticationError::Stopped { stop: Stop::TimedOut, wrong: 0 })));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn modules_that_end_without_a_word_or_speak_nonsense_prove_nothing() {
    let ended = with_modules(&mut Person::default(), |_| {});
    assert!(matches!(ended, Err(AuthenticationError::NoWord)));
    for nonsense in [&b""[..], b"x", b"?p"] {
        let ended = with_modules(&mut Person::default(), move |channel| {
            let _ = channel.send(nonsense);
            receives(channel);
        });
        assert!(matches!(ended, Err(AuthenticationError::NoWord)), "{nonsense:?}");
    }
}

#[test]
fn the_answer_reaches_the_modules_and_what_they_say_is_made_visible() {
    let mut person = Person { answers: VecDeque::from(["hunter2"]), shown: Vec::new() };
    let proof = with_modules(&mut person, |channel| {
        let _ = channel.send(&Said::Told(b"one\x1b[2J\ntwo".to_vec()).to_bytes());
        let _ = channel.send(&Said::Hidden(b"Password: ".to_vec()).to_bytes());
        if receives(channel) == b"ahunter2" {
            let _ = channel.send(&Said::Proved.to_bytes());
        }
    });
    assert_eq!(proof.unwrap(), Proof { by: ProofKind::Pam, wrong: 0 });
    assert_eq!(person.shown, ["hitl: one\\e[2J", "hitl: two", "[hitl] password for alice: "]);
}

#[test]
fn what_can_be_no_password_is_not_handed_over() {
    const LONG: &str = match std::str::from_utf8(&[b'x'; 600]) {
        Ok(text) => text,
        Err(_) => "",
    };
    for unusable in ["", LONG, "right\0wrong"] {
        let mut person = Person { answers: VecDeque::from([unusable]), shown: Vec::new() };
        let ended = with_modules(&mut person, |channel| {
            let _ = channel.send(&Said::Hidden(b"Password: ".to_vec()).to_bytes());
            if receives(channel) == [UNUSABLE] {
                let _ = channel.send(&Said::WrongForGood.to_bytes());
            }
        });
        assert!(matches!(ended, Err(AuthenticationError::Wrong { wrong: 1 })), "{unusable:?}");
        assert!(person.shown[1].contains("password"), "{:?}", person.shown);
    }
}

#[test]
fn no_more_than_three_tries() {
    let mut person = Person { answers: VecDeque::from(["a", "b", "c", "d"]), shown: Vec::new() };
    let ended = with_modules(&mut person, |channel| {
        loop {
            let _ = channel.send(&Said::Hidden(b"Password: ".to_vec()).to_bytes());
            receives(channel);
            if channel.send(&Said::Wrong.to_bytes()).is_err() || receives(channel) != [AGAIN] {
                break;
            }
        }
    });
    assert!(matches!(ended, Err(AuthenticationError::Wrong { wrong: 3 })));
    assert_eq!(person.answers, ["d"]);
}

#[test]
fn modules_that_refuse_without_a_question_are_not_asked_again() {
    let ended = with_modules(&mut Person::default(), |channel| {
        let _ = channel.send(&Said::Wrong.to_bytes());
        receives(channel);
    });
    assert!(matches!(ended, Err(AuthenticationError::Wrong { wrong: 1 })));
}
