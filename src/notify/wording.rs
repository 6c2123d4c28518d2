//! The text for people. Whatever others chose is made visible here: it goes to terminals and chats.

use super::facts::{Facts, cut};
use super::{Event, News};
use crate::invocation::RequesterKind;
use crate::policy::{Presence, Risk};
use crate::system::ByteString;
use crate::system::text::{visible, visible_argument};

/// The most bytes of a command line for people.
const LONGEST_COMMAND: usize = 1500;

impl News {
    /// One line that says what has happened: safe in a header and on a terminal.
    pub(super) fn title(&self) -> String {
        let host = visible(&self.host.name);
        match &self.facts {
            None => format!("hitl on {host}: a test of this channel"),
            Some(facts) => {
                let risk = match self.event {
                    Event::Pending | Event::BreakGlass => format!(" ({} risk)", facts.risk.word()),
                    _ => String::new(),
                };
                format!("hitl on {host}: {} {}{risk}", facts.id, self.event.sentence())
            }
        }
    }

    /// What there is to know, line by line, without the title.
    pub(super) fn lines(&self) -> Vec<String> {
        let Some(facts) = &self.facts else {
            return vec![
                "If you read this, hitl can reach you here.".to_owned(),
                "Nothing has happened, and there is nothing to decide.".to_owned(),
            ];
        };
        let mut lines = facts.lines(self.event);
        if self.event == Event::Pending {
            let host = visible(&self.host.name);
            lines.push(format!("To see it whole and decide, on {host}: hitl show {}", facts.id));
        }
        lines
    }

    /// How urgent it is: ntfy's priorities, of which 3 is the usual one.
    pub(super) fn priority(&self) -> u8 {
        let risk = self.facts.as_ref().map_or(Risk::Low, |facts| facts.risk);
        match (self.event, risk) {
            (Event::BreakGlass, _) | (Event::Pending, Risk::Critical) => 5,
            (Event::Pending, Risk::High) | (Event::Lost, _) => 4,
            _ => 3,
        }
    }
}

impl Facts {
    fn lines(&self, event: Event) -> Vec<String> {
        let kind = match self.requester.kind {
            RequesterKind::Human => "",
            RequesterKind::Ci => " (a pipeline)",
            RequesterKind::Agent => " (an agent)",
        };
        let arguments: Vec<String> = self.command.iter().map(|one| argument(one)).collect();
        let mut lines = vec![
            format!(
                "{}{kind} asked to run, as {}:",
                visible(&self.requester.name),
                visible(&self.run_as.user)
            ),
            format!("    {}", cut(&arguments.join(" "), LONGEST_COMMAND)),
            format!("in {}", shown(&self.directory)),
        ];
        if let Some(reason) = &self.reason {
            lines.push(format!("their reason, as they claim: {}", visible(reason)));
        }
        if let Some(ticket) = &self.ticket {
            lines.push(format!("their ticket, as they claim: {}", visible(ticket)));
        }
        if self.plan.is_some() {
            lines.push(format!("their plan, as they claim: hitl show --plan {}", self.id));
        }
        lines.extend(self.reasons.iter().take(5).map(|one| format!("why: {}", shown(one))));
        for yes in &self.approvals {
            let with = match yes.presence {
                Some(presence) if presence > Presence::Uid => format!(" by {}", presence.word()),
                _ => String::new(),
            };
            let (name, said) = (visible(&yes.name), said(yes.message.as_ref()));
            lines.push(format!("approved by {name}{with}{said}"));
        }
        if let Some(no) = &self.rejection {
            lines.push(format!("rejected by {}{}", visible(&no.name), said(no.message.as_ref())));
        }
        if !self.needed.is_empty() && matches!(event, Event::Pending | Event::Approval) {
            let until = self.approval_deadline.as_deref().unwrap_or("further notice");
            lines.push(format!("needs {} until {until}", self.needed));
        }
        if let Some(glass) = &self.break_glass {
            lines.push(format!("it lifts the denial by {}", visible(&glass.lifted.join(", "))));
            lines.push(match (&glass.review, glass.judgement) {
                (Some(by), Some(judgement)) => {
                    format!(
                        "{} found it {judgement}{}",
                        visible(&by.name),
                        said(by.message.as_ref())
                    )
                }
                _ => format!(
                    "to be reviewed until {}, by hitl approve or hitl reject",
                    glass.review_by
                ),
            });
        }
        // What has ended has ended: a sentence about it, and no second one.
        let because = self.ending.as_ref().or(self.closed_because.as_ref());
        lines.extend(because.map(|because| format!("it {}", shown(because))));
        lines
    }
}

fn said(message: Option<&String>) -> String {
    message.map(|message| format!(": {}", visible(message))).unwrap_or_default()
}

/// An argument in the form of the audit log; one that was cut may end within an escape, and is shown
/// as it stands.
fn argument(escaped: &str) -> String {
    match ByteString::from_escaped(escaped) {
        Some(argument) => visible_argument(argument.as_bytes()),
        None => visible_argument(escaped.as_bytes()),
    }
}

/// A text that was made safe to show when it was made, or holds escapes: its backslashes stay single.
fn shown(text: &str) -> String {
    visible(text).replace("\\\\", "\\")
}
