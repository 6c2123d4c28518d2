//! This side: asks the person what the modules ask, counts tries, and loses patience.

use std::path::Path;
use std::time::Duration;

use std::os::fd::AsFd;

use zeroize::Zeroizing;

use super::message::{AGAIN, ANSWER, LONGEST, Said, UNUSABLE};
use super::{
    AuthenticationError, Claim, Conversation, Proof, ProofKind, SERVICE, Secret, Stop, TRIES,
    modules,
};
use crate::system::apart::{self, Apart, Channel};
use crate::system::text::visible_bytes;

/// How long modules may work without a word: for slow directories and for a telephone that must be
/// found first, and not for ever.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Where Linux-PAM looks for service files: the administrator's, then those of the distribution
/// (`pam.d(5)`).
const SERVICE_DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];

/// Finds out whether it is them whom they claim to be.
///
/// # Errors
/// [`AuthenticationError`]; nobody is authenticated then. The caller puts that on record.
pub fn authenticate(
    claim: &Claim,
    conversation: &mut dyn Conversation,
) -> Result<Proof, AuthenticationError> {
    // PAM would fall back on /etc/pam.d/other, which on some hosts lets everybody in.
    if !SERVICE_DIRECTORIES.iter().any(|directory| Path::new(directory).join(SERVICE).is_file()) {
        return Err(AuthenticationError::NoService);
    }
    let apart = apart::start(|channel| modules::serve(channel, claim))?;
    converse(apart, claim, conversation, PATIENCE)
}

/// Speaks with the modules until they have found out.
fn converse(
    apart: Apart,
    claim: &Claim,
    conversation: &mut dyn Conversation,
    patience: Duration,
) -> Result<Proof, AuthenticationError> {
    let (mut wrong, mut asked) = (0, false);
    loop {
        if let Err(stop) = conversation.wait(apart.channel.as_fd(), patience) {
            if stop == Stop::TimedOut {
                apart.kill();
            }
            // Otherwise it is left to itself: a wrong answer that was handed over is still counted
            // by the modules that count, however quickly somebody goes away.
            return Err(AuthenticationError::Stopped { stop, wrong });
        }
        let Some(said) = heard(&apart.channel)? else {
            apart.kill();
            return Err(AuthenticationError::NoWord);
        };
        let answered = match said {
            Said::Hidden(prompt) => conversation.hidden(&hidden_prompt(&prompt, claim)),
            Said::Shown(prompt) => {
                conversation.shown(&format!("[hitl] {}", visible_bytes(&prompt)))
            }
            Said::Told(text) => {
                text.split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .for_each(|line| conversation.tell(&format!("hitl: {}", visible_bytes(line))));
                continue;
            }
            Said::Wrong => {
                wrong += 1;
                // Where nothing was asked, the next try would be as this one.
                if wrong == TRIES || !asked {
                    return Err(AuthenticationError::Wrong { wrong });
                }
                conversation.tell("hitl: wrong, try again");
                asked = false;
                // Modules that are gone are noticed when they are listened to.
                let _ = apart.channel.send(&[AGAIN]);
                continue;
            }
            ended => {
                apart.wait();
                return outcome(ended, wrong);
            }
        };
        asked = true;
        match answered {
            Ok(answer) => answer_with(&apart.channel, &answer, conversation)?,
            Err(stop) => return Err(AuthenticationError::Stopped { stop, wrong }),
        }
    }
}

/// What the modules say next; `None` where they are gone.
fn heard(channel: &Channel) -> Result<Option<Said>, AuthenticationError> {
    let mut buffer = [0_u8; LONGEST];
    let length = channel.receive(&mut buffer)?;
    Ok(buffer.get(..length).and_then(Said::from_bytes))
}

/// Hands an answer over. What can be none is a wrong one: the modules do not even see it.
fn answer_with(
    channel: &Channel,
    answer: &Secret,
    conversation: &mut dyn Conversation,
) -> Result<(), AuthenticationError> {
    let mut message = Zeroizing::new(Vec::with_capacity(Secret::CAPACITY + 1));
    match answer.usable() {
        Some(bytes) => {
            message.push(ANSWER);
            message.extend_from_slice(bytes);
        }
        None => {
            message.push(UNUSABLE);
            let because = answer.unusable_because().unwrap_or("it can be no password");
            conversation.tell(&format!("hitl: {because}"));
        }
    }
    // Modules that are gone are noticed when they are listened to.
    let _ = channel.send(&message);
    Ok(())
}

/// The usual prompt says who asks and for whose password; any other stands as the module wrote it.
fn hidden_prompt(prompt: &[u8], claim: &Claim) -> String {
    if prompt.trim_ascii().eq_ignore_ascii_case(b"password:") {
        return format!("[hitl] password for {}: ", visible_bytes(claim.shown_as.as_bytes()));
    }
    format!("[hitl] {}", visible_bytes(prompt))
}

fn outcome(said: Said, wrong: u32) -> Result<Proof, AuthenticationError> {
    let text = |bytes: Vec<u8>| visible_bytes(&bytes);
    Err(match said {
        Said::Proved => return Ok(Proof { by: ProofKind::Pam, wrong }),
        Said::WrongForGood => AuthenticationError::Wrong { wrong: wrong + 1 },
        Said::Account(why, true) => AuthenticationError::Account {
            text: text(why),
            help: "change the password with passwd",
            wrong,
        },
        Said::Account(why, false) => AuthenticationError::Account {
            text: text(why),
            help: "ask an administrator of this host",
            wrong,
        },
        Said::NoLibrary(why) => AuthenticationError::NoLibrary(text(why)),
        Said::NotStarted(why) => AuthenticationError::Pam { doing: "start", text: text(why) },
        Said::Failed(why) => AuthenticationError::Pam { doing: "find out", text: text(why) },
        Said::Hidden(_) | Said::Shown(_) | Said::Told(_) | Said::Wrong => {
            AuthenticationError::NoWord
        }
    })
}

#[cfg(test)]
mod tests;
