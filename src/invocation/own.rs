//! hitl's own `edit` as a command that is judged. How it is started to put a file in place and how a
//! person types it are one command to the rules: `hitl edit FILE`. The digests that it is started
//! with are for the approval to bind, and nothing that a rule could name.

use super::{ExecutableNames, Invocation, names};
use crate::system::{ByteString, Digest};

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
