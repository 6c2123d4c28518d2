//! A stored line, read strictly.

use chrono::DateTime;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::entry::field;
use super::node::Node;
use super::{Action, EntryUser, Outcome};
use crate::system::Digest;

/// One stored line with the fields that every entry has.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    pub(super) root: Node<'a>,
    pub(super) action: Action,
    pub(super) outcome: Outcome,
    pub(super) sequence: u64,
    pub(super) prev: Digest,
    /// Milliseconds since the epoch, from `@timestamp`.
    pub(super) wall_ms: i64,
    pub(super) boot_ms: u64,
    /// The request's digest, where the entry is about a request.
    pub(super) request: Option<Digest>,
    /// Who did it; none for the log's own entries.
    pub(super) user: Option<EntryUser>,
}

impl<'a> Line<'a> {
    /// Reads a line (without its line feed). What it fails with says what is wrong, as a clause.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let root = Node::parse(bytes)
            .map_err(|error| format!("the line is not canonical JSON: {error}"))?;
        let text = |path: &[&str]| -> Result<&str, String> {
            lookup(&root, path)
                .and_then(Node::text)
                .ok_or_else(|| format!("the entry has no {}", path.join(".")))
        };
        let number = |path: &[&str]| -> Result<u64, String> {
            lookup(&root, path)
                .and_then(Node::unsigned)
                .ok_or_else(|| format!("the entry has no {}", path.join(".")))
        };
        if number(&["hitl", "v"])? != 1 {
            return Err("the entry is of a format that this hitl does not know".to_owned());
        }
        text(&["ecs", "version"])?;
        text(&["host", "name"])?;
        text(&["host", "id"])?;
        text(&["hitl", "boot_id"])?;
        let action = text(&["event", "action"])?;
        let outcome = text(&["event", "outcome"])?;
        let timestamp = text(&["@timestamp"])?;
        Ok(Self {
            action: word(action).ok_or_else(|| format!("unknown event.action {action:?}"))?,
            outcome: word(outcome).ok_or_else(|| format!("unknown event.outcome {outcome:?}"))?,
            sequence: number(&["event", "sequence"])?,
            prev: hex(text(&["hitl", "prev"])?)
                .ok_or("hitl.prev is not 64 lower-case hex digits")?,
            wall_ms: DateTime::parse_from_rfc3339(timestamp)
                .map_err(|_| "@timestamp is not RFC 3339")?
                .timestamp_millis(),
            boot_ms: number(&["hitl", "boot_ms"])?,
            request: digest(&root, field::REQUEST_DIGEST)?,
            user: user(&root)?,
            root,
        })
    }

    /// A detail that stands under `hitl`.
    pub(super) fn detail(&self, name: &str) -> Option<&Node<'a>> {
        lookup(&self.root, &["hitl", name])
    }

    /// A detail that is a text.
    pub(super) fn detail_text(&self, name: &str) -> Option<&str> {
        self.detail(name).and_then(Node::text)
    }

    /// The boot it was written in.
    pub(super) fn boot_id(&self) -> &str {
        self.detail_text("boot_id").unwrap_or_default()
    }

    /// A detail that is a word of one of our types.
    pub(super) fn detail_word<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        self.detail_text(name).and_then(word)
    }

    /// A detail that is a digest.
    pub(super) fn detail_digest(&self, name: &str) -> Option<Digest> {
        self.detail_text(name).and_then(|text| text.parse().ok())
    }

    /// A field anywhere in the entry.
    pub(super) fn field(&self, path: &[&str]) -> Option<&Node<'a>> {
        lookup(&self.root, path)
    }
}

fn lookup<'n, 'a>(root: &'n Node<'a>, path: &[&str]) -> Option<&'n Node<'a>> {
    path.iter().try_fold(root, |node, name| node.get(name))
}

/// A word as serde reads it, so that each is spelled in one place only.
pub(super) fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let deserializer: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(deserializer).ok()
}

fn hex(text: &str) -> Option<Digest> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { None } else { Digest::from_hex(text) }
}

fn digest(root: &Node<'_>, name: &str) -> Result<Option<Digest>, String> {
    match lookup(root, &["hitl", name]) {
        None => Ok(None),
        Some(node) => node
            .text()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| format!("hitl.{name} is not a digest")),
    }
}

fn user(root: &Node<'_>) -> Result<Option<EntryUser>, String> {
    if root.get("user").is_none() {
        return Ok(None);
    }
    let part = |name| lookup(root, &["user", name]).and_then(Node::text);
    let login_uid = match lookup(root, &["hitl", field::LOGIN_UID]) {
        None => None,
        Some(node) => {
            let uid = node.unsigned().and_then(|uid| u32::try_from(uid).ok());
            Some(uid.ok_or("hitl.login_uid is not a user id")?)
        }
    };
    match (part("name"), part("id").and_then(|id| id.parse().ok())) {
        (Some(name), Some(uid)) => Ok(Some(EntryUser { name: name.to_owned(), uid, login_uid })),
        _ => Err("the entry's user has no name or no numeric id".to_owned()),
    }
}
