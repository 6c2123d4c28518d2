//! hitl's own `edit` and `undo` as commands. How `edit` is started to put a file in place and how a
//! person types it are one command to the rules: `hitl edit FILE`. The digests that it is started
//! with are for the approval to bind, and nothing that a rule could name. About an undo that hitl
//! starts no rule decides, but what its run was decided by.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{ExecutableNames, Invocation, names};
use crate::system::{ByteString, Digest};

/// The undo of a run, as hitl starts it after others have approved it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnUndo {
    /// The run's id.
    pub run: String,
    /// The digest of the plan that they approved.
    pub plan: Digest,
    /// Whether it also restores what was changed since.
    pub force: bool,
    /// The paths that alone go back. Empty: all.
    pub only: Vec<PathBuf>,
}

impl OwnUndo {
    /// The words that stand after the command.
    pub fn words(&self) -> Vec<OsString> {
        let mut words = vec![OsString::from("undo"), format!("--plan={}", self.plan).into()];
        words.extend(self.force.then(|| OsString::from("--force")));
        for path in &self.only {
            let mut word = OsString::from("--only=");
            word.push(path);
            words.push(word);
        }
        words.push((&self.run).into());
        words
    }
}

/// The options that carry a digest.
const DIGESTS: [&[u8]; 2] = [b"--content=", b"--expect="];

/// Whether this is `hitl edit`.
pub(super) fn is_edit(executable: &ExecutableNames, arguments: &[ByteString]) -> bool {
    arguments.first().is_some_and(|first| first.as_bytes() == b"edit")
        && names::candidates(executable).contains(&b"hitl".as_slice())
}

/// The arguments as rules see them.
pub(super) fn as_judged(executable: &ExecutableNames, arguments: &[ByteString]) -> Vec<ByteString> {
    let edit = is_edit(executable, arguments);
    arguments.iter().filter(|argument| !(edit && carries_digest(argument))).cloned().collect()
}

/// Only what is well-formed: everything else is judged like any other argument.
fn carries_digest(argument: &ByteString) -> bool {
    DIGESTS.iter().any(|option| {
        argument.as_bytes().strip_prefix(*option).is_some_and(|value| {
            value == b"absent"
                || std::str::from_utf8(value).is_ok_and(|value| value.parse::<Digest>().is_ok())
        })
    })
}

impl Invocation {
    /// Whether it is hitl's own `edit`.
    pub fn is_edit(&self) -> bool {
        is_edit(&self.executable.names, self.argv.get(1..).unwrap_or_default())
    }

    /// The same as the undo that it is: all that it may write is in the plan that is approved, and
    /// nothing of it is read out of its words.
    pub fn as_own_undo(mut self) -> Self {
        self.reading.dynamic.clear();
        self.reading.commands.iter_mut().for_each(|command| command.operands.clear());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::{Access, imagine};

    #[test]
    fn an_edit_is_judged_as_a_write_to_exactly_its_file_and_by_what_a_person_types() {
        let digest = Digest::of(b"x");
        let words = [
            "hitl".to_owned(),
            "edit".to_owned(),
            format!("--content={digest}"),
            "--expect=absent".to_owned(),
            "/etc/motd".to_owned(),
        ];
        let argv: Vec<ByteString> = words.iter().map(|word| word.as_str().into()).collect();
        let reading = imagine(&argv, "/".as_ref(), &["/usr/bin".into()]);
        assert!(reading.dynamic.is_empty(), "{:?}", reading.dynamic);
        let command = reading.commands.first().unwrap();
        assert_eq!(command.arguments, ["edit".into(), "/etc/motd".into()]);
        let operands: Vec<_> =
            command.operands.iter().map(|one| (one.path.to_str().unwrap(), one.access)).collect();
        assert_eq!(operands, [("/etc/motd", Access::Writes)]);
        // What only looks like a digest is an argument; another command of hitl's is a wrapper.
        let odd: Vec<ByteString> =
            ["hitl", "edit", "--content=x", "/etc/motd"].map(Into::into).into();
        let reading = imagine(&odd, "/".as_ref(), &["/usr/bin".into()]);
        assert_eq!(reading.commands.first().unwrap().arguments.len(), 3);
        let run: Vec<ByteString> = ["hitl", "run", "--", "edit"].map(Into::into).into();
        assert_eq!(imagine(&run, "/".as_ref(), &[]).dynamic.len(), 1);
    }
}
