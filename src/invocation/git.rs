//! `git`, and what is like it: a subcommand that works on the work tree around the directory.

use super::Access::{Unknown, Writes, WritesTree};
use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program};
use crate::system::ByteString;

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

/// Subcommands that make a directory which is named last, or named by the address.
const CLONES: &[&[u8]] = &[b"clone", b"checkout", b"co", b"export"];

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
/// access; what changes the work tree may change all of it, and all of the repository.
pub(super) fn git(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let pieces = cut(arguments, program.options, Cutting { options_first: true, bundled: false });
    let end = pieces.iter().position(|piece| matches!(piece, Piece::Operand(_)));
    let (before, after) = pieces.split_at(end.unwrap_or(pieces.len()));
    global_options(before, findings);
    let Some((Piece::Operand(subcommand), words)) = after.split_first() else { return };
    let words: Vec<&[u8]> = words.iter().filter_map(operand).collect();
    let is_in = |list: &[&str]| list.iter().any(|known| known.as_bytes() == *subcommand);
    if is_in(GIT_WRITES) {
        if !only_tries(subcommand, &words) {
            push_work_tree(".git", findings);
            makes_elsewhere(subcommand, &words, findings);
        }
    } else if !is_in(GIT_READS) {
        if *subcommand == b"clone" {
            cloned(&words, findings);
        } else {
            push_work_tree(".git", findings);
        }
        // An alias (which can be a shell command), a helper from the PATH, bisect, filter-branch.
        findings.refuse(subcommand, "this git subcommand can run commands of its own");
    }
    let mut only_operands = false;
    for text in words {
        let name = text.split(|byte| *byte == b'=').next().unwrap_or_default();
        match text {
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

fn operand<'a>(piece: &Piece<'a>) -> Option<&'a [u8]> {
    match piece {
        Piece::Operand(text) => Some(text),
        _ => None,
    }
}

fn global_options(pieces: &[Piece<'_>], findings: &mut Findings<'_>) {
    for piece in pieces {
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
}

/// The whole work tree around the directory, and where its repository lies elsewhere, that too.
/// The directory itself where none is found: it may become one.
fn push_work_tree(marker: &str, findings: &mut Findings<'_>) {
    let Some(tree) = findings.lookup.work_tree(&findings.base, marker) else {
        findings.push_directory();
        return;
    };
    if tree.top == findings.base {
        findings.push_directory();
    } else {
        findings.push_place(&tree.top, WritesTree);
    }
    for place in &tree.elsewhere {
        findings.push_place(place, WritesTree);
    }
}

/// Whether a subcommand that changes things is only asked what it would do. Whatever could take
/// that back (`--no-dry-run`), and a dry run that is abbreviated, counts as none.
fn only_tries(subcommand: &[u8], words: &[&[u8]]) -> bool {
    let mut options =
        words.iter().take_while(|word| **word != b"--").filter(|word| word.starts_with(b"-"));
    match subcommand {
        b"clean" | b"add" | b"rm" | b"mv" => {
            options.clone().any(|word| matches!(*word, b"-n" | b"--dry-run"))
                && !options.any(|word| word.starts_with(b"--no"))
        }
        b"apply" => {
            let reports: &[&[u8]] = &[b"--check", b"--stat", b"--numstat", b"--summary"];
            options.clone().next().is_some() && options.all(|word| reports.contains(word))
        }
        _ => false,
    }
}

/// What a subcommand makes outside of the work tree.
fn makes_elsewhere(subcommand: &[u8], words: &[&[u8]], findings: &mut Findings<'_>) {
    let values = |names: &'static [&'static [u8]]| {
        words.windows(2).filter(move |pair| pair.first().is_some_and(|word| names.contains(word)))
    };
    match subcommand {
        b"worktree" | b"init" => {
            for word in words.iter().filter(|word| !word.starts_with(b"-")) {
                findings.push(word, WritesTree);
            }
        }
        b"archive" | b"format-patch" => {
            for pair in values(&[b"-o", b"--output", b"--output-directory"]) {
                findings.push(pair.last().copied().unwrap_or_default(), WritesTree);
            }
        }
        _ => {}
    }
}

/// `clone ADDRESS [DIRECTORY]`: without a directory it is named as the address ends.
fn cloned(words: &[&[u8]], findings: &mut Findings<'_>) {
    let plain: Vec<&[u8]> = words.iter().copied().filter(|word| !word.starts_with(b"-")).collect();
    for word in &plain {
        let local = word.strip_suffix(b"/").unwrap_or(word);
        let named = local.rsplit(|byte| *byte == b'/' || *byte == b':').next().unwrap_or_default();
        let stem = named.strip_suffix(b".git").unwrap_or(named);
        let bare = words.iter().any(|word| matches!(*word, b"--bare" | b"--mirror"));
        findings.push(stem, WritesTree);
        if bare {
            findings.push(&[stem, b".git"].concat(), WritesTree);
        }
    }
    // Which of several words is the directory depends on options: any of them may be.
    for word in plain.iter().skip(1).filter(|word| word.contains(&b'/')) {
        findings.push(word, WritesTree);
    }
}

/// `hg` and `svn`: as git, where what does not surely only read may write all of the work copy.
pub(super) fn work_copy(
    program: &'static Program,
    marker: &str,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    const READS: &[&[u8]] = &[
        b"status",
        b"st",
        b"log",
        b"diff",
        b"di",
        b"cat",
        b"annotate",
        b"blame",
        b"info",
        b"list",
        b"ls",
        b"summary",
        b"heads",
        b"tip",
        b"parents",
        b"identify",
        b"id",
        b"paths",
        b"root",
        b"manifest",
        b"help",
        b"version",
        b"proplist",
        b"propget",
    ];
    let pieces = cut(arguments, program.options, Cutting::default());
    let words: Vec<&[u8]> = pieces.iter().filter_map(operand).collect();
    global_options(&pieces, findings);
    if let Some((subcommand, rest)) = words.split_first()
        && !READS.contains(subcommand)
    {
        let has_tree = findings.lookup.work_tree(&findings.base, marker).is_some();
        if CLONES.contains(subcommand) && !has_tree {
            cloned(rest, findings);
        } else {
            push_work_tree(marker, findings);
        }
    }
    for word in words.iter().skip(1) {
        findings.push(word, Unknown);
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::paths::Machine;
    use super::super::{Access, ExecutableNames, read};
    use crate::system::ByteString;

    fn written(line: &str, directory: &std::path::Path) -> Vec<PathBuf> {
        let argv: Vec<ByteString> = line.split(' ').map(ByteString::from).collect();
        let names = ExecutableNames {
            typed: argv.first().cloned().unwrap(),
            named: vec!["/usr/bin/git".into()],
            real: None,
        };
        let reading = read(&argv, &names, directory, &Machine { requester_uid: 0 });
        let operands = reading.commands.into_iter().flat_map(|command| command.operands);
        operands.filter(|one| one.access == Access::WritesTree).map(|one| one.path).collect()
    }

    #[test]
    fn the_whole_work_tree_and_its_repository_wherever_it_lies_are_written() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("main/.git/worktrees/linked")).unwrap();
        std::fs::create_dir_all(base.join("main/sub/deep")).unwrap();
        std::fs::create_dir_all(base.join("linked/sub")).unwrap();
        let repository = base.join("main/.git/worktrees/linked");
        std::fs::write(base.join("linked/.git"), format!("gitdir: {}\n", repository.display()))
            .unwrap();
        std::fs::write(repository.join("commondir"), "../..\n").unwrap();
        assert_eq!(written("git checkout .", &base.join("main/sub/deep")), [base.join("main")]);
        assert_eq!(
            written("git reset --hard", &base.join("linked/sub")),
            [base.join("linked"), repository, base.join("main/.git")]
        );
        assert_eq!(written("git clean -n", &base.join("main")), [] as [PathBuf; 0]);
        assert_eq!(written("git apply --stat x", &base.join("main")), [] as [PathBuf; 0]);
        assert_eq!(written("git status", &base.join("main")), [] as [PathBuf; 0]);
        for line in ["git clean -n --no-dry -f", "git apply --stat --appl x", "git rm -- -n"] {
            assert_eq!(written(line, &base.join("main")), [base.join("main")], "{line}");
        }
        assert_eq!(written("git clone /x/y.git", &base), [base.join("y")]);
        assert_eq!(written("git clone x:y.git here", &base), [base.join("y"), base.join("here")]);
    }
}
