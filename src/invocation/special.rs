//! Command lines that getopt does not cut: `dd`, `find`, `git`.

use super::Access::{Reads, Unknown, Writes, WritesTree};
use super::arguments::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program};
use crate::system::ByteString;

/// `dd if=… of=…`.
pub(super) fn key_value(arguments: &[ByteString], findings: &mut Findings<'_>) {
    for argument in arguments {
        match argument.as_bytes() {
            [b'i', b'f', b'=', path @ ..] => findings.push(path, Reads),
            [b'o', b'f', b'=', path @ ..] => findings.push(path, Writes),
            _ => {}
        }
    }
}

/// `find [options] [start…] [expression]`.
pub(super) fn find(arguments: &[ByteString], findings: &mut Findings<'_>) {
    let words: Vec<&[u8]> = arguments.iter().map(ByteString::as_bytes).collect();
    let begins_expression = |word: &[u8]| {
        word.len() > 1 && word.starts_with(b"-") || matches!(word, b"(" | b"!" | b",")
    };
    let mut at = 0;
    loop {
        match words.get(at) {
            Some(&(b"-H" | b"-L" | b"-P" | b"--")) => at += 1,
            Some(&b"-D") => at += 2,
            Some(word) if word.starts_with(b"-O") => at += 1,
            _ => break,
        }
    }
    let rest = words.get(at..).unwrap_or_default();
    let end = rest.iter().position(|word| begins_expression(word)).unwrap_or(rest.len());
    let (starts, expression) = rest.split_at(end);
    let deletes = expression.contains(&b"-delete".as_slice());
    let access = if deletes { WritesTree } else { Reads };
    if starts.is_empty() {
        findings.push(b".", access);
    }
    for start in starts {
        findings.push(start, access);
    }
    for (index, word) in expression.iter().enumerate() {
        let next = expression.get(index + 1).copied().unwrap_or_default();
        match *word {
            b"-exec" | b"-execdir" | b"-ok" | b"-okdir" => {
                let after = expression.get(index + 1..).unwrap_or_default();
                let end = after.iter().position(|word| *word == b";").unwrap_or(after.len());
                let command = after.get(..end).unwrap_or_default().join(b" ".as_slice());
                let shown = String::from_utf8_lossy(word);
                let reason = format!("find {shown} runs it for what it finds");
                findings.refuse(&command, &reason);
            }
            // Where it stands it is known what find does; what the rules about rm and tee say of it
            // is not asked yet, so that a human is.
            b"-delete" => findings.refuse(word, "find deletes what it finds, as rm would"),
            b"-fprint" | b"-fprint0" | b"-fls" | b"-fprintf" => {
                findings.push(next, Writes);
                findings.refuse(next, "find writes what it finds to this file");
            }
            b"-files0-from" => findings.push(next, Reads),
            b"-newer" | b"-anewer" | b"-cnewer" | b"-samefile" => findings.push(next, Reads),
            _ => {}
        }
    }
}

/// Subcommands that only read the repository.
const GIT_READS: &[&str] = &[
    "status",
    "log",
    "show",
    "diff",
    "blame",
    "annotate",
    "describe",
    "rev-parse",
    "rev-list",
    "ls-files",
    "ls-tree",
    "ls-remote",
    "cat-file",
    "shortlog",
    "reflog",
    "name-rev",
    "whatchanged",
    "merge-base",
    "show-ref",
    "for-each-ref",
    "count-objects",
    "fsck",
    "var",
    "version",
    "help",
    "check-ignore",
    "diff-tree",
    "diff-index",
    "cherry",
    "range-diff",
    "verify-commit",
];

/// Subcommands that change the repository or its files.
const GIT_WRITES: &[&str] = &[
    "add",
    "am",
    "apply",
    "branch",
    "checkout",
    "cherry-pick",
    "clean",
    "commit",
    "fetch",
    "gc",
    "init",
    "maintenance",
    "merge",
    "mv",
    "notes",
    "prune",
    "pull",
    "push",
    "rebase",
    "remote",
    "repack",
    "reset",
    "restore",
    "revert",
    "rm",
    "sparse-checkout",
    "stash",
    "switch",
    "tag",
    "worktree",
    "update-index",
    "update-ref",
    "read-tree",
    "write-tree",
    "symbolic-ref",
    "bundle",
    "format-patch",
    "archive",
    "checkout-index",
    "merge-file",
    "pack-refs",
];

/// Long options of subcommands that run commands: `git fetch --upload-pack`.
const GIT_RUNS: &[&str] = &[
    "--exec",
    "--upload-pack",
    "--receive-pack",
    "--ext-diff",
    "--textconv",
    "--extcmd",
    "--open-files-in-pager",
    "--command",
    "--config",
    "--template",
];

/// `git [options] subcommand [arguments]`. Paths after the subcommand are operands of unknown
/// access; what changes the work tree may change all of the directory.
pub(super) fn git(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let pieces = cut(arguments, program.options, Cutting { options_first: true, bundled: false });
    let end = pieces.iter().position(|piece| matches!(piece, Piece::Operand(_)));
    let (before, after) = pieces.split_at(end.unwrap_or(pieces.len()));
    for piece in before {
        let Piece::Option(option, value) = piece else { continue };
        for effect in option.effects {
            let text = value.unwrap_or_default();
            match effect {
                Effect::Directory => findings.enter(text),
                Effect::Path(access) => findings.push(text, *access),
                Effect::Code(reason) => findings.refuse(text, reason),
                _ => {}
            }
        }
    }
    let Some((Piece::Operand(subcommand), words)) = after.split_first() else { return };
    let is_in = |list: &[&str]| list.iter().any(|known| known.as_bytes() == *subcommand);
    if is_in(GIT_WRITES) {
        findings.push_directory();
    } else if !is_in(GIT_READS) {
        // An alias (which can be a shell command), a helper from the PATH, bisect, filter-branch.
        findings.refuse(subcommand, "this git subcommand can run commands of its own");
    }
    let mut only_operands = false;
    for word in words {
        let Piece::Operand(text) = word else { continue };
        let name = text.split(|byte| *byte == b'=').next().unwrap_or_default();
        match *text {
            _ if only_operands => findings.push(text, Unknown),
            b"--" => only_operands = true,
            [b'-', ..] if runs(subcommand, name) => {
                findings.refuse(text, "this option makes git run a command");
            }
            [b'-', b'-', b'o', b'u', b't', b'p', b'u', b't', b'=', path @ ..] => {
                findings.push(path, Writes);
            }
            [b'-', ..] => {}
            [b'e', b'x', b't', b':', b':', ..] => {
                findings.refuse(text, "git runs the command in an ext:: address");
            }
            _ => findings.push(text, Unknown),
        }
    }
}

/// Whether an option of a git subcommand runs commands, abbreviated or with its value attached.
fn runs(subcommand: &[u8], name: &[u8]) -> bool {
    let abbreviates = |known: &&str| name.len() > 4 && known.as_bytes().starts_with(name);
    GIT_RUNS.iter().any(abbreviates)
        || (subcommand == b"rebase" && name.starts_with(b"-x"))
        || (subcommand == b"grep" && name.starts_with(b"-O"))
        || (subcommand == b"clone" && (name.starts_with(b"-u") || name.starts_with(b"-c")))
}
