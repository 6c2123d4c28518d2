//! Manifests as bytes: canonical JSON, written entry by entry, because the generic writer would hold
//! a million entries three times over.

use serde::Serialize;

use super::{Entry, Manifest, Node, Selection};
use crate::system::canonical::{self, CanonicalError};
use crate::system::{ByteString, Moment};

impl Manifest {
    /// The canonical JSON, as [`canonical::to_string`] would write it.
    ///
    /// # Errors
    /// [`CanonicalError`], with the path of the entry at fault where it is one.
    pub(super) fn to_canonical(&self) -> Result<String, (ByteString, CanonicalError)> {
        // All members but the entries: `at` sorts before them, the others after.
        #[derive(Serialize)]
        struct Front<'a> {
            at: &'a Moment,
        }
        #[derive(Serialize)]
        struct Back<'a> {
            not_covered: &'a [String],
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            not_covered_told: &'a [String],
            selection: &'a Selection,
            v: u32,
        }
        let whole = |error| (ByteString::from("the manifest"), error);
        let front = canonical::to_string(&Front { at: &self.at }).map_err(whole)?;
        let back = canonical::to_string(&Back {
            not_covered: &self.not_covered,
            not_covered_told: &self.not_covered_told,
            selection: &self.selection,
            v: self.v,
        })
        .map_err(whole)?;
        let mut text = String::with_capacity(self.entries.len() * 256 + 1024);
        text.push_str(front.strip_suffix('}').unwrap_or(&front));
        text.push_str(",\"entries\":[");
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            let written =
                canonical::to_string(entry).map_err(|error| (entry.path.clone(), error))?;
            text.push_str(&written);
        }
        text.push_str("],");
        text.push_str(back.strip_prefix('{').unwrap_or(&back));
        Ok(text)
    }

    /// The entry of a path.
    pub(super) fn entry(&self, path: &ByteString) -> Option<&Entry> {
        let index = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(index)
    }

    /// What was at a path; a path without an entry was not there, or not looked at.
    pub(super) fn node(&self, path: &ByteString) -> &Node {
        self.entry(path).map_or(&Node::Absent, |entry| &entry.node)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reach, Role, Root};
    use super::*;

    #[test]
    fn a_manifest_is_written_as_the_canonical_writer_writes_it() {
        let mut manifest = Manifest {
            v: 1,
            at: Moment::now(),
            selection: Selection::default(),
            entries: Vec::new(),
            not_covered: Vec::new(),
            not_covered_told: Vec::new(),
        };
        let check = |manifest: &Manifest| {
            let text = manifest.to_canonical().unwrap();
            assert_eq!(text, canonical::to_string(manifest).unwrap());
            assert_eq!(&serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
        };
        check(&manifest);
        manifest.not_covered = vec!["a sentence".into()];
        manifest.not_covered_told = vec!["another".into()];
        manifest.selection.roots =
            vec![Root { path: "/a".into(), reach: Reach::Matching { pattern: "*".into() } }];
        for path in [&b"/a"[..], b"/a\n\xff"] {
            manifest.entries.push(Entry {
                path: ByteString::from(path.to_vec()),
                role: Role::Context,
                node: Node::Absent,
            });
        }
        check(&manifest);
    }
}
