//! One entry as a line of a manifest: canonical JSON, all members of the node beside the path. It is
//! written and read here rather than by the derived forms of [`Entry`], which go through a tree of
//! values and take ten times as long.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ContentName, Entry, Node, NodeMetadata, Role, decimal};
use crate::system::ByteString;
use crate::system::canonical::{self, CanonicalError};

/// A line to be written. Its members stand in the order of their names.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a ContentName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctime_ns: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctime_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a [(u64, u64)]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a ByteString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime_ns: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Decimal>,
    path: &'a ByteString,
    #[serde(skip_serializing_if = "Role::is_selected")]
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a ByteString>,
    #[serde(rename = "type")]
    what: What,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    xattrs: &'a [(ByteString, String)],
}

/// A line that was read.
#[derive(Deserialize)]
struct Line {
    path: ByteString,
    #[serde(default)]
    role: Role,
    #[serde(rename = "type")]
    what: What,
    content: Option<ContentName>,
    data: Option<Vec<(u64, u64)>>,
    kind: Option<String>,
    number: Option<Decimal>,
    size: Option<u64>,
    target: Option<ByteString>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime_s: Option<i64>,
    mtime_ns: Option<u32>,
    ctime_s: Option<i64>,
    ctime_ns: Option<u32>,
    device: Option<Decimal>,
    inode: Option<Decimal>,
    links: Option<u64>,
    #[serde(default)]
    xattrs: Vec<(ByteString, String)>,
    flags: Option<u32>,
    link: Option<ByteString>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Absent,
    File,
    Directory,
    Symlink,
    Fifo,
    Device,
    Socket,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Decimal(#[serde(with = "decimal")] u64);

/// Appends an entry, without a line feed.
///
/// # Errors
/// [`CanonicalError`] where a number is too large for JSON.
pub(super) fn write(entry: &Entry, line: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let metadata = entry.node.metadata();
    let mut written = Written {
        content: None,
        ctime_ns: metadata.map(|it| it.ctime_ns),
        ctime_s: metadata.map(|it| it.ctime_s),
        data: None,
        device: metadata.map(|it| Decimal(it.device)),
        flags: metadata.and_then(|it| it.flags),
        gid: metadata.map(|it| it.gid),
        inode: metadata.map(|it| Decimal(it.inode)),
        kind: None,
        link: metadata.and_then(|it| it.link.as_ref()),
        links: metadata.map(|it| it.links),
        mode: metadata.map(|it| it.mode),
        mtime_ns: metadata.map(|it| it.mtime_ns),
        mtime_s: metadata.map(|it| it.mtime_s),
        number: None,
        path: &entry.path,
        role: entry.role,
        size: None,
        target: None,
        what: What::Absent,
        uid: metadata.map(|it| it.uid),
        xattrs: metadata.map_or(&[], |it| it.xattrs.as_slice()),
    };
    match &entry.node {
        Node::Absent => {}
        Node::File { size, content, data, .. } => {
            written.what = What::File;
            written.size = Some(*size);
            written.content = Some(content);
            written.data = data.as_deref();
        }
        Node::Directory { .. } => written.what = What::Directory,
        Node::Symlink { target, .. } => {
            written.what = What::Symlink;
            written.target = Some(target);
        }
        Node::Fifo { .. } => written.what = What::Fifo,
        Node::Device { kind, number, .. } => {
            written.what = What::Device;
            written.kind = Some(kind);
            written.number = Some(Decimal(*number));
        }
        Node::Socket { .. } => written.what = What::Socket,
    }
    let numbers = [written.size, written.links].into_iter().flatten();
    let extents = written.data.unwrap_or_default().iter().flat_map(|(at, length)| [*at, *length]);
    let times = [written.mtime_s, written.ctime_s].into_iter().flatten().map(i64::unsigned_abs);
    for number in numbers.chain(extents).chain(times) {
        canonical::check_integer(number)?;
    }
    Ok(serde_json::to_writer(line, &written)?)
}

/// Reads an entry.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(super) fn read_entry(line: &[u8]) -> Result<Entry, String> {
    let line: Line = read(line)?;
    line.entry().ok_or_else(|| "an entry lacks what belongs to its type".to_owned())
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(super) fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| format!("it is not what it should be ({error})"))
}

impl Line {
    fn entry(self) -> Option<Entry> {
        let Self { path, role, what, .. } = self;
        if let What::Absent = what {
            return Some(Entry { path, role, node: Node::Absent });
        }
        let metadata = NodeMetadata {
            mode: self.mode?,
            uid: self.uid?,
            gid: self.gid?,
            mtime_s: self.mtime_s?,
            mtime_ns: self.mtime_ns?,
            ctime_s: self.ctime_s?,
            ctime_ns: self.ctime_ns?,
            device: self.device?.0,
            inode: self.inode?.0,
            links: self.links?,
            xattrs: self.xattrs,
            flags: self.flags,
            link: self.link,
        };
        let node = match what {
            What::Absent => Node::Absent,
            What::File => {
                Node::File { metadata, size: self.size?, content: self.content?, data: self.data }
            }
            What::Directory => Node::Directory { metadata },
            What::Symlink => Node::Symlink { metadata, target: self.target? },
            What::Fifo => Node::Fifo { metadata },
            What::Device => Node::Device { metadata, kind: self.kind?, number: self.number?.0 },
            What::Socket => Node::Socket { metadata },
        };
        Some(Entry { path, role, node })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Digest;

    fn metadata() -> NodeMetadata {
        NodeMetadata {
            mode: 0o4755,
            uid: 1,
            gid: 2,
            mtime_s: -3,
            mtime_ns: 4,
            ctime_s: 5,
            ctime_ns: 6,
            device: u64::MAX,
            inode: u64::MAX - 1,
            links: 2,
            xattrs: vec![("user.a\\b".into(), "00ff".into())],
            flags: Some(0x10),
            link: Some("/a/first\n".into()),
        }
    }

    fn nodes() -> Vec<Node> {
        let metadata = metadata();
        vec![
            Node::Absent,
            Node::File {
                metadata: metadata.clone(),
                size: 9,
                content: Digest::of(b"x").into(),
                data: Some(vec![(0, 4), (8, 1)]),
            },
            Node::File {
                metadata: NodeMetadata {
                    xattrs: Vec::new(),
                    flags: None,
                    link: None,
                    ..metadata.clone()
                },
                size: 0,
                content: "clone:K7Q2MX4P-1".parse().unwrap(),
                data: None,
            },
            Node::Directory { metadata: metadata.clone() },
            Node::Symlink { metadata: metadata.clone(), target: vec![0xff, b'"'].into() },
            Node::Fifo { metadata: metadata.clone() },
            Node::Device { metadata: metadata.clone(), kind: "block".into(), number: u64::MAX },
            Node::Socket { metadata },
        ]
    }

    #[test]
    fn every_kind_of_entry_is_a_canonical_line_and_comes_back() {
        for node in nodes() {
            for (path, role) in [("/a", Role::Selected), ("/\u{1f}\u{7f}é\\", Role::Closed)] {
                let entry = Entry { path: path.into(), role, node: node.clone() };
                let mut line = Vec::new();
                write(&entry, &mut line).unwrap();
                let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
                assert_eq!(
                    String::from_utf8(line.clone()).unwrap(),
                    canonical::to_string(&value).unwrap()
                );
                assert_eq!(read_entry(&line).unwrap(), entry);
            }
        }
    }

    #[test]
    fn a_number_that_json_cannot_carry_is_refused_and_so_is_a_line_that_lacks_something() {
        let huge = Node::File {
            metadata: metadata(),
            size: 1 << 53,
            content: Digest::of(b"x").into(),
            data: None,
        };
        let entry = Entry { path: "/a".into(), role: Role::Selected, node: huge };
        assert!(write(&entry, &mut Vec::new()).is_err());
        for line in ["", "{}", r#"{"path":"/a","type":"file"}"#, r#"{"path":"/a","type":"new"}"#] {
            assert!(read_entry(line.as_bytes()).is_err(), "{line}");
        }
    }
}
