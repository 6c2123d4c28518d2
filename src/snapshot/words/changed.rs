//! What differs between two states of one path beside a file's content, in words.

use super::{Names, attribute, letters};
use crate::snapshot::{Node, NodeMetadata};
use crate::system::text::{size_text, visible_argument};

/// One thing that differs.
pub(in crate::snapshot) struct Changed {
    /// What it is called.
    pub(in crate::snapshot) what: String,
    /// How it was and how it is.
    pub(in crate::snapshot) how: String,
}

impl Changed {
    fn new(what: impl Into<String>, how: impl Into<String>) -> Self {
        Self { what: what.into(), how: how.into() }
    }

    fn from_to(what: impl Into<String>, before: &str, after: &str) -> Self {
        Self::new(what, format!("{before} -> {after}"))
    }
}

/// What differs; nothing where one of them is absent.
pub(in crate::snapshot) fn changed(before: &Node, after: &Node, names: &Names) -> Vec<Changed> {
    let mut found = Vec::new();
    match (before, after) {
        (Node::Symlink { target: old, .. }, Node::Symlink { target: new, .. }) if old != new => {
            let (old, new) = (visible_argument(old.as_bytes()), visible_argument(new.as_bytes()));
            found.push(Changed::from_to("target", &old, &new));
        }
        (
            Node::Device { number: old, kind: old_kind, .. },
            Node::Device { number: new, kind: new_kind, .. },
        ) if (old, old_kind) != (new, new_kind) => {
            let (old, new) = (device(old_kind, *old), device(new_kind, *new));
            found.push(Changed::from_to("device", &old, &new));
        }
        (
            Node::File { size: old_size, data: old, .. },
            Node::File { size: new_size, data: new, .. },
        ) if old != new => {
            let old = holes(*old_size, old.as_deref());
            let new = holes(*new_size, new.as_deref());
            found.push(Changed::from_to("holes", &old, &new));
        }
        _ => {}
    }
    if let (Some(old), Some(new)) = (before.metadata(), after.metadata()) {
        metadata(old, new, names, &mut found);
        if found.is_empty() && before.same_content(after) && !old.same_mtime(new) {
            let time = |of: &NodeMetadata| time(of.mtime_s, of.mtime_ns);
            found.push(Changed::from_to("modification time", &time(old), &time(new)));
        }
    }
    found
}

fn metadata(old: &NodeMetadata, new: &NodeMetadata, names: &Names, found: &mut Vec<Changed>) {
    if old.mode != new.mode {
        let (old, new) = (format!("{:04o}", old.mode), format!("{:04o}", new.mode));
        found.push(Changed::from_to("mode", &old, &new));
    }
    if (old.uid, old.gid) != (new.uid, new.gid) {
        let (old, new) = (names.owner(old.uid, old.gid), names.owner(new.uid, new.gid));
        found.push(Changed::from_to("owner", &old, &new));
    }
    let value = |of: &NodeMetadata, name: &[u8]| {
        let mut of = of.xattrs.iter();
        of.find(|(one, _)| one.as_bytes() == name).map(|(_, value)| value.clone())
    };
    let mut both: Vec<&[u8]> =
        old.xattrs.iter().chain(&new.xattrs).map(|(name, _)| name.as_bytes()).collect();
    both.sort_unstable();
    both.dedup();
    for name in both {
        let (old, new) = (value(old, name), value(new, name));
        if old == new {
            continue;
        }
        let what = attribute(name, "", names).0;
        let said = |value: Option<String>| {
            value.map_or_else(|| "none".to_owned(), |value| attribute(name, &value, names).1)
        };
        found.push(Changed::from_to(what, &said(old), &said(new)));
    }
    if old.flags != new.flags {
        let said = |flags: Option<u32>| flags.map_or_else(|| "none".to_owned(), letters);
        found.push(Changed::from_to("flags", &said(old.flags), &said(new.flags)));
    }
    if old.link != new.link {
        let path = |link: &crate::system::ByteString| visible_argument(link.as_bytes());
        found.push(Changed::new(
            "hard link",
            match (&old.link, &new.link) {
                (Some(old), None) => format!("was another name of {}", path(old)),
                (None, Some(new)) => format!("became another name of {}", path(new)),
                (Some(old), Some(new)) => format!("of {} -> of {}", path(old), path(new)),
                (None, None) => String::new(),
            },
        ));
    }
}

fn device(kind: &str, number: u64) -> String {
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    format!("{kind} {major}:{minor}")
}

/// Where a file of so many bytes has holes.
fn holes(size: u64, data: Option<&[(u64, u64)]>) -> String {
    let Some(data) = data else { return "none".to_owned() };
    let full: u64 = data.iter().map(|(_, length)| length).sum();
    format!("{} of {}", size_text(size.saturating_sub(full)), size_text(size))
}

fn time(seconds: i64, nanoseconds: u32) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, nanoseconds).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn file(more: Value) -> Node {
        let mut node = json!({
            "type": "file", "mode": 0o644, "uid": 0, "gid": 0, "mtime_s": 1, "mtime_ns": 5,
            "ctime_s": 1, "ctime_ns": 0, "device": "1", "inode": "2", "links": 1, "size": 8192,
            "content": format!("sha256:{:064}", 0),
        });
        for (name, value) in more.as_object().unwrap() {
            node[name] = value.clone();
        }
        serde_json::from_value(node).unwrap()
    }

    #[test]
    fn everything_that_an_undo_restores_is_said_when_it_differs() {
        let list = "02000000010006 00ffffffff04000400ffffffff20000400ffffffff".replace(' ', "");
        let cases = [
            (json!({"mode": 0o4755}), "mode: 0644 -> 4755"),
            (json!({"gid": 4_000_001}), "owner: root:root -> root:4000001"),
            (json!({"flags": 0x10}), "flags: none -> i"),
            (json!({"link": "/srv/a b"}), "hard link: became another name of \"/srv/a b\""),
            (json!({"data": [[4096, 4096]]}), "holes: none -> 4 KiB of 8 KiB"),
            (
                json!({"mtime_ns": 6}),
                "modification time: 1970-01-01T00:00:01.000000005Z -> \
                 1970-01-01T00:00:01.000000006Z",
            ),
            (json!({"xattrs": [["user.a", "6869"]]}), "attribute user.a: none -> \"hi\""),
            (
                json!({"xattrs": [["system.posix_acl_access", list]]}),
                "access list: none -> user::rw-,group::r--,other::r--",
            ),
            (
                json!({"xattrs": [["security.capability", "0100000200200000000000000000000000000000"]]}),
                "capabilities: none -> cap_net_raw=ep",
            ),
        ];
        let names = Names::default();
        let before = file(json!({}));
        for (more, expected) in cases {
            let after = file(more);
            let said: Vec<String> = changed(&before, &after, &names)
                .into_iter()
                .map(|Changed { what, how }| format!("{what}: {how}"))
                .collect();
            assert_eq!(said, [expected]);
            assert_eq!(changed(&after, &before, &names).len(), 1, "{expected}");
        }
        assert!(changed(&before, &before, &names).is_empty());
        assert!(changed(&before, &Node::Absent, &names).is_empty());
    }
}
