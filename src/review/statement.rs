//! The statement that an approver signs: plain text, so that anybody can check the signature for ever
//! with stock `ssh-keygen -Y verify`, and without hitl.
//!
//! Its lines have a fixed order, each `name: value`, and no value can hold a line feed. It is always
//! *built* from our own request and from the few facts of the [`Offer`], and compared byte for byte: a
//! statement that somebody hands in is never read. What a line has no room for is cut, with the digest
//! of what is missing; the `request` line covers everything, whole.

use serde::{Deserialize, Serialize};

use super::wording::input_text;
use super::{BoundEnvironment, Judgement, Record};
use crate::audit::{self, LogHead};
use crate::invocation::{BoundFile, RunAs};
use crate::policy::{Requirement, required_in_words};
use crate::system::text::{cut as cut_text, visible, visible_argument, visible_bytes};
use crate::system::{ByteString, Moment};

/// The most bytes of a value. With it a statement stays below 32 KiB, and an audit entry that holds it
/// below the limit of a line.
const VALUE_LIMIT: usize = 2000;

/// What is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// The command may run.
    Approve,
    /// It may not.
    Reject,
    /// The emergency was one: for a command that ran by break-glass.
    Justified,
    /// It was none.
    Unjustified,
}

impl Judgement {
    /// What a statement calls it.
    pub fn ruling(self) -> Ruling {
        match self {
            Self::Justified => Ruling::Justified,
            Self::NotJustified => Ruling::Unjustified,
        }
    }
}

impl Ruling {
    /// What it judges, where it is the review of a lifted denial.
    pub fn judgement(self) -> Option<Judgement> {
        match self {
            Self::Justified => Some(Judgement::Justified),
            Self::Unjustified => Some(Judgement::NotJustified),
            Self::Approve | Self::Reject => None,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Justified => "justified",
            Self::Unjustified => "unjustified",
        }
    }
}

/// What a statement says beside what the request says: fixed by hitl before anything is signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What is decided.
    pub ruling: Ruling,
    /// The signer, as the registry calls them.
    pub principal: String,
    /// The fingerprint of the key that is to sign, as `SHA256:…`.
    pub key: String,
    /// The end of the audit log: so every approver is a witness of it.
    pub log: LogHead,
    /// What they write to the requester.
    pub message: Option<String>,
    /// When it was offered, wall clock in milliseconds since the epoch.
    pub at_ms: i64,
}

impl Offer {
    /// What every statement begins with: its format. What lacks it is none.
    pub const FIRST_LINE: &str = "hitl-approval/v1\n";

    /// The statement about this request, with a line feed at its end.
    pub fn statement(&self, record: &Record) -> String {
        let bound = &record.bound;
        let requester = &bound.requester;
        let claim = |text: &Option<String>| match text {
            Some(text) => quoted(&audit::redact_text(text)),
            None => "none".to_owned(),
        };
        let lines = [
            ("decision", self.ruling.word().to_owned()),
            ("request", record.digest.to_string()),
            ("request-id", record.id.to_string()),
            ("host", format!("{} {}", visible(&bound.host.name), visible(&bound.host.id))),
            ("requested-by", format!("{} (uid {})", visible(&requester.name), requester.uid)),
            ("run-as", run_as(&bound.run_as)),
            ("cwd", visible_bytes(bound.directory.as_bytes())),
            ("command", command(&bound.argv)),
            ("executable", file(&bound.executable)),
            ("files", list(bound.operands.iter().map(file))),
            ("environment", environment(&bound.environment)),
            ("input", input_text(bound.input).to_owned()),
            ("policy", format!("{} rules {}", bound.policy, list(bound.rules.iter()))),
            ("needs", needs(&record.shown.requirements)),
            ("reason", claim(&bound.reason)),
            ("ticket", claim(&bound.ticket)),
            ("plan", bound.plan.map_or_else(|| "none".to_owned(), |plan| plan.to_string())),
            ("log", self.log.to_string()),
            ("nonce", bound.nonce.clone()),
            ("approver", format!("{} {}", visible(&self.principal), visible(&self.key))),
            ("message", claim(&self.message)),
            ("signed-at", seconds(self.at_ms)),
            ("expires", seconds(bound.expires_ms)),
        ];
        let mut statement = String::from(Self::FIRST_LINE);
        for (name, value) in lines {
            statement.push_str(name);
            statement.push_str(": ");
            statement.push_str(&cut(value));
            statement.push('\n');
        }
        statement
    }
}

fn run_as(run_as: &RunAs) -> String {
    format!("{} (uid {} gid {})", visible(&run_as.user), run_as.uid, run_as.gid)
}

/// As a JSON array, secrets taken out as in the audit log, which keeps the statement.
fn command(argv: &[ByteString]) -> String {
    list(audit::redact(argv).args.iter())
}

fn file(file: &BoundFile) -> String {
    let path = visible_argument(file.path.as_bytes());
    match &file.sha256 {
        Some(sha256) => format!("{path} {sha256}"),
        None => format!(
            "{path} device {} inode {} size {}, too large to be read whole",
            file.device, file.inode, file.size
        ),
    }
}

fn environment(environment: &BoundEnvironment) -> String {
    let names: Vec<String> =
        environment.names.iter().map(|name| visible_bytes(name.as_bytes())).collect();
    format!("{} hmac-{}", cut(names.join(",")), environment.values)
}

fn needs(requirements: &[Requirement]) -> String {
    match requirements {
        [] => "nobody".to_owned(),
        _ => required_in_words(requirements),
    }
}

/// A JSON array of strings, everything hidden made visible.
fn list<S: AsRef<str>>(items: impl Iterator<Item = S>) -> String {
    let items: Vec<String> = items.map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", visible(text).replace('"', "\\\""))
}

fn seconds(wall_ms: i64) -> String {
    Moment::wall_seconds(wall_ms)
}

fn cut(value: String) -> String {
    cut_text(&value, VALUE_LIMIT).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::review::samples;
    use crate::system::Digest;

    fn offered([principal, key, message]: [String; 3]) -> Offer {
        // A log's origin holds no white space (see `audit`).
        let log = LogHead { origin: "hitl/web1".into(), sequence: 0, leaf: Digest::of(b"") };
        let (ruling, at_ms) = (Ruling::Approve, 0);
        Offer { ruling, principal, key, log, message: Some(message), at_ms }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_text_makes_another_line_of_a_statement(
            arguments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..4),
            texts in prop::collection::vec("(?s).{0,40}\n?.{0,40}", 11),
        ) {
            let text = |at: usize| texts[at].clone();
            let mut record = samples::record();
            let plain = offered(["bob", "SHA256:x", "fine"].map(str::to_owned)).statement(&record);
            let bound = &mut record.bound;
            bound.argv = arguments.into_iter().map(ByteString::from).collect();
            bound.directory = text(0).as_str().into();
            bound.executable.path = text(1).as_str().into();
            bound.host.name = text(2);
            bound.requester.name = text(3);
            bound.run_as.user = text(4);
            bound.rules = vec![text(5), text(6)];
            bound.environment.names = vec![text(7).as_str().into()];
            bound.reason = Some(text(8));
            bound.ticket = Some(text(9));
            record.shown.requirements = vec![Requirement {
                groups: vec![text(10)],
                count: 1,
                presence: crate::policy::Presence::Key,
            }];
            let statement = offered([text(3), text(4), text(5)]).statement(&record);
            let names = |statement: &str| -> Vec<String> {
                statement.lines().map(|line| line.split(": ").next().unwrap().to_owned()).collect()
            };
            prop_assert_eq!(names(&statement), names(&plain));
            prop_assert!(!statement.contains('\r') && statement.len() < 32 * 1024);
        }
    }
}
