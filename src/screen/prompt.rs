//! What is asked at the foot of the screen before something is decided.

use super::facts::{Tone, risk_tone};
use super::request::Request;
use crate::review::risk_text;
use crate::system::text::{visible, visible_argument, wrapped};

/// A yes or a no, whole: what `hitl approve` and `hitl reject` are called with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decision {
    pub(super) id: String,
    /// The digest of what was on screen: a request with another one is not meant.
    pub(super) digest: String,
    /// What it is about: a word that comes too late for the one says nothing about the other.
    pub(super) meaning: Meaning,
    pub(super) answer: Answer,
}

/// Which of the two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Yes; with the name of the host, where it was asked for.
    Approve { host: Option<String> },
    /// No, and why.
    Reject { message: String },
}

/// What is being typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Prompt {
    pub(super) about: About,
    pub(super) typed: String,
    /// Why what was typed last does not do.
    pub(super) complaint: Option<String>,
}

/// What it is typed for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum About {
    /// To look for something.
    Filter,
    /// To say yes.
    Approve {
        id: String,
        digest: String,
        /// What is to be typed.
        expected: String,
        /// Whether that is the host's name, in full.
        is_host: bool,
        /// What is at stake, in a line.
        stakes: (Tone, String),
        /// What is said by it.
        meaning: Meaning,
    },
    /// To say no.
    Reject { id: String, digest: String, stakes: (Tone, String), meaning: Meaning },
}

/// What a yes or a no says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// Whether it may run.
    MayRun,
    /// Whether it was justified that it ran.
    WasJustified,
}

impl Meaning {
    /// What it says about this request.
    pub(super) fn of(request: &Request) -> Self {
        if request.is_unreviewed() { Self::WasJustified } else { Self::MayRun }
    }

    /// A yes and a no, as what they are typed for.
    pub(super) fn verbs(self) -> (&'static str, &'static str) {
        match self {
            Self::MayRun => ("approve", "reject"),
            Self::WasJustified => ("justified", "not justified"),
        }
    }
}

/// What came of Enter.
pub(super) enum Entered {
    /// It is asked further.
    Nothing,
    /// The filter stands.
    Filter,
    /// A decision, made in two deliberate steps.
    Decided(Decision),
}

impl Prompt {
    /// Asks what to look for.
    pub(super) fn filter(text: &str) -> Self {
        Self { about: About::Filter, typed: text.to_owned(), complaint: None }
    }

    /// Asks for the second step of a yes.
    pub(super) fn approve(request: &Request) -> Self {
        let id = request.id.to_string();
        let is_host = request.is_critical();
        let beginning = id.split('-').next().unwrap_or(&id).to_owned();
        let expected = if is_host { request.bound.host.name.clone() } else { beginning };
        let digest = request.digest.to_string();
        let about = About::Approve {
            id,
            digest,
            expected,
            is_host,
            stakes: stakes(request),
            meaning: Meaning::of(request),
        };
        Self { about, typed: String::new(), complaint: None }
    }

    /// Asks for the reason of a no.
    pub(super) fn reject(request: &Request) -> Self {
        let (id, digest) = (request.id.to_string(), request.digest.to_string());
        let about =
            About::Reject { id, digest, stakes: stakes(request), meaning: Meaning::of(request) };
        Self { about, typed: String::new(), complaint: None }
    }

    /// The request that it is about.
    pub(super) fn request(&self) -> Option<&str> {
        match &self.about {
            About::Filter => None,
            About::Approve { id, .. } | About::Reject { id, .. } => Some(id),
        }
    }

    /// The lines above what is typed, none longer than that many cells.
    pub(super) fn lines(&self, room: u16) -> Vec<(Tone, String)> {
        let broken = |(tone, text): (Tone, String)| {
            let pieces = wrapped(&text, room.into()).into_iter().map(str::to_owned);
            pieces.map(move |piece| (tone, piece)).collect::<Vec<_>>()
        };
        self.sentences().into_iter().flat_map(broken).collect()
    }

    /// What is said above what is typed.
    pub(super) fn sentences(&self) -> Vec<(Tone, String)> {
        match &self.about {
            About::Filter => Vec::new(),
            About::Approve { id, expected, is_host, stakes, meaning, .. } => {
                let expected = visible(expected);
                let to = match meaning {
                    Meaning::MayRun => format!("To approve {id}"),
                    Meaning::WasJustified => format!("To find {id} justified"),
                };
                let question = match is_host {
                    true => {
                        format!("{to}, type the name of the host in full, {expected}, and Enter:")
                    }
                    false => format!("{to}, type {expected}, how its id begins, and Enter:"),
                };
                vec![stakes.clone(), (Tone::Strong, question)]
            }
            About::Reject { id, stakes, meaning, .. } => {
                let to = match meaning {
                    Meaning::MayRun => format!("To reject {id}"),
                    Meaning::WasJustified => format!("To find {id} not justified"),
                };
                let question = format!("{to}, say why (the requester reads it), and Enter:");
                vec![stakes.clone(), (Tone::Strong, question)]
            }
        }
    }

    /// One more character.
    pub(super) fn types(&mut self, character: char) {
        self.complaint = None;
        self.typed.push(character);
    }

    /// One less.
    pub(super) fn takes_back(&mut self) {
        self.complaint = None;
        self.typed.pop();
    }

    /// Enter: never enough by itself.
    pub(super) fn enters(&mut self) -> Entered {
        let typed = self.typed.trim();
        let (id, digest, meaning, answer) = match &self.about {
            About::Filter => return Entered::Filter,
            About::Approve { expected, is_host, .. } if !is(typed, expected, *is_host) => {
                self.complaint = (!typed.is_empty()).then(|| {
                    let typed = visible_argument(typed.as_bytes());
                    format!("{typed} is not {}: nothing is decided", visible(expected))
                });
                self.typed.clear();
                return Entered::Nothing;
            }
            About::Reject { .. } if typed.is_empty() => {
                self.complaint = Some("a no needs a reason: nothing is decided".to_owned());
                return Entered::Nothing;
            }
            About::Approve { id, digest, expected, is_host, meaning, .. } => {
                let host = is_host.then(|| expected.clone());
                (id, digest, *meaning, Answer::Approve { host })
            }
            About::Reject { id, digest, meaning, .. } => {
                (id, digest, *meaning, Answer::Reject { message: typed.to_owned() })
            }
        };
        Entered::Decided(Decision { id: id.clone(), digest: digest.clone(), meaning, answer })
    }
}

/// A name is typed as it is; an id is read in any case, as everywhere.
fn is(typed: &str, expected: &str, exactly: bool) -> bool {
    if exactly { typed == expected } else { typed.eq_ignore_ascii_case(expected) }
}

fn stakes(request: &Request) -> (Tone, String) {
    let (risk, bound) = (request.shown.risk, &request.bound);
    let text = format!(
        "{} risk: {} runs as {} on {}, asked for by {}",
        risk_text(risk).to_uppercase(),
        visible_argument(bound.argv.first().map_or(&b""[..], |word| word.as_bytes())),
        visible(&bound.run_as.user),
        visible(&bound.host.name),
        visible(&bound.requester.name),
    );
    (risk_tone(risk), text)
}
