//! The compiled cache: what decisions need of a policy, in the state directory, so that a command does
//! not wait for YAML.
//!
//! A line with the digest of the rest; a line of JSON with everything but the rules, and how many there
//! are; a line of JSON for each rule, read only when a command can reach it.
//!
//! It holds for exactly these files (path, device, inode, size, times of change) and this very
//! program. That it is there means that the policy's checks and examples passed. Anything odd about
//! it, or its being somebody else's, makes it as good as absent; so does a failure to write it: the
//! policy then only loads more slowly.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::PolicyIdentity;
use super::document::Document;
use super::index::Index;
use super::rule::Rule;
use super::rules::Rules;
use crate::system::{ByteString, Digest, Scope, durable, trusted};

/// The largest cache that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// How old a source's last change must be before it is cached: two changes within one tick of the
/// file system's clock have the same time.
const SETTLED: Duration = Duration::from_secs(2);

/// What identifies a file's content without reading it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    path: ByteString,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path, metadata: &std::fs::Metadata) -> Self {
        Self {
            path: ByteString::from(path),
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What a cache holds for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    version: String,
    /// Whether it was found sound for system scope, which asks for more.
    system: bool,
    program: Stamp,
    sources: Vec<Stamp>,
}

impl Key {
    /// The key for these sources and this program. `None` where the kernel does not show the
    /// program: then nothing is cached.
    pub(super) fn of(sources: Vec<Stamp>, scope: Scope) -> Option<Self> {
        let program = Path::new("/proc/self/exe");
        let program = Stamp::of(program, &std::fs::metadata(program).ok()?);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Some(Self { version, system: scope == Scope::System, program, sources })
    }

    /// Whether every source's last change is over long enough.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.sources.iter().all(|source| {
            let (seconds, nanoseconds) = source.changed;
            let changed = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
                .saturating_add(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)));
            now.checked_sub(changed).is_some_and(|age| age > SETTLED)
        })
    }
}

#[derive(Serialize)]
struct Written<'a> {
    key: &'a Key,
    identity: &'a PolicyIdentity,
    document: Document,
    index: Index,
    rules: usize,
}

#[derive(Deserialize)]
struct Read {
    key: Key,
    identity: PolicyIdentity,
    document: Document,
    index: Index,
    rules: usize,
}

/// A policy as the cache holds it: what decisions need, without examples and tests.
pub(super) struct Cached {
    pub(super) identity: PolicyIdentity,
    pub(super) document: Document,
    pub(super) index: Index,
    pub(super) rules: Rules,
}

/// What the cache holds for this key, if it does.
pub(super) fn read(path: &Path, scope: Scope, key: &Key) -> Option<Cached> {
    let file = trusted::read(path, scope, LARGEST).ok()?;
    let text = String::from_utf8(file.bytes).ok()?;
    let (digest, rest) = text.split_once('\n')?;
    if digest.parse::<Digest>().ok()? != Digest::of(rest.as_bytes()) {
        return None;
    }
    let (head, all) = rest.split_once('\n')?;
    let Read { key: found, identity, document, index, rules: count } =
        serde_json::from_str(head).ok()?;
    let start = text.len() - all.len();
    let rules = Rules::cached(text, start);
    (found == *key && rules.len() == count).then_some(Cached { identity, document, index, rules })
}

/// Puts a document there, where that is possible and sensible.
pub(super) fn write(path: &Path, key: &Key, identity: &PolicyIdentity, document: &Document) {
    let there = path.parent().is_some_and(Path::is_dir);
    if !there || !key.is_settled() {
        return;
    }
    let mut document = document.clone();
    document.tests.clear();
    let mut rules = std::mem::take(&mut document.rules);
    for rule in &mut rules {
        rule.examples = None;
    }
    let index = Index::of(&rules);
    let head = Written { key, identity, document, index, rules: rules.len() };
    if let Some(lines) = lines(&head, &rules) {
        let text = format!("{}\n{lines}", Digest::of(lines.as_bytes()));
        // Without a cache the next load is slower and just as right.
        let _ = durable::write(path, text.as_bytes());
    }
}

/// The lines after the first. `None` where a rule could not be read again: rules are read one by one,
/// when a command can reach them, and a denial that could not be read would be missed.
fn lines(head: &Written<'_>, rules: &[Rule]) -> Option<String> {
    let mut lines = serde_json::to_string(head).ok()?;
    serde_json::from_str::<Read>(&lines).ok()?;
    lines.push('\n');
    for rule in rules {
        // JSON has no line feed within a line: in strings it is escaped.
        let line = serde_json::to_string(rule).ok()?;
        serde_json::from_str::<Rule>(&line).ok()?;
        lines.push_str(&line);
        lines.push('\n');
    }
    Some(lines)
}
