//! The words that people read for states, risks, kinds and accounts.

use std::fmt;

use super::{Proof, State};
use crate::invocation::{BoundFile, InputKind, OPERAND_DIGEST_LIMIT, RequesterKind, RunAs};
use crate::policy::{Presence, Risk};
use crate::system::text::{visible, visible_bytes};

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Void => "void",
            Self::Unknown => "unknown",
        })
    }
}

/// As whom a command runs, for people.
pub fn run_as_text(run_as: &RunAs) -> String {
    let groups = run_as.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    format!(
        "{} (uid {}, gid {}, groups {}, home {}, shell {})",
        visible(&run_as.user),
        run_as.uid,
        run_as.gid,
        if groups.is_empty() { "none" } else { &groups },
        visible_bytes(run_as.home.as_bytes()),
        visible_bytes(run_as.shell.as_bytes())
    )
}

/// The content of a file without a digest, for people.
pub fn undigested(file: &BoundFile) -> String {
    match file.size {
        size if size > OPERAND_DIGEST_LIMIT => format!("{size} bytes, too large to be hashed"),
        _ => "its content is not known".to_owned(),
    }
}

/// How somebody proved that it was them, for people.
pub(super) fn proof_text(proof: &Proof, presence: Presence) -> String {
    match proof {
        Proof::Login => "by a login of their own".to_owned(),
        Proof::Password => "by their password at the requester's terminal".to_owned(),
        Proof::Signature { signed, at_requesters_terminal } => format!(
            "by {} {}{}",
            presence_text(presence),
            visible(&signed.offer.key),
            if *at_requesters_terminal { " at the requester's terminal" } else { "" }
        ),
    }
}

/// What a presence is proved by, for people.
pub(super) fn presence_text(presence: Presence) -> &'static str {
    match presence {
        Presence::Uid => "a login",
        Presence::Key => "a signature with an SSH key",
        Presence::Touch => "a signature with a hardware key that is touched",
        Presence::Verify => "a signature with a hardware key that knows a PIN or a fingerprint",
    }
}

/// What standard input is, for people.
pub fn input_text(input: InputKind) -> &'static str {
    match input {
        InputKind::Terminal => "a terminal",
        InputKind::Null => "empty",
        InputKind::File => "a file",
        InputKind::Pipe => "a pipe",
    }
}

/// The kind of a requester, for people.
pub fn kind_text(kind: RequesterKind) -> &'static str {
    match kind {
        RequesterKind::Human => "a human",
        RequesterKind::Ci => "a pipeline",
        RequesterKind::Agent => "an agent",
    }
}

/// A risk as a word.
pub fn risk_text(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
        Risk::Critical => "critical",
    }
}
