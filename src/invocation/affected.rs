//! What a command's operands say about the files that it can change: what is snapshotted beside
//! the paths that rules name, and what is known not to be covered by that.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::own::is_edit;
use super::paths::real_path;
use super::{Access, CommandReading, ExecutableNames, Invocation, PathOperand, Reading, names};
use crate::snapshot::{AffectedOperand, NotCovered};
use crate::system::text::{visible_argument, visible_path};

/// Where the programs of a host are: what is called like one of them and lies elsewhere may be
/// anything.
const WHERE_PROGRAMS_ARE: [&str; 5] = ["/usr", "/bin", "/sbin", "/nix/store", "/gnu/store"];

/// What stands for whatever the command writes to already.
const OPEN_ALREADY: [&str; 5] =
    ["/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd", "/proc/self/fd"];

/// Devices that keep nothing of what is written to them.
const KEEP_NOTHING: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

/// The command word of what a shell does itself: its redirections.
pub(super) const SHELL_ITSELF: &[u8] = b"(the shell)";

/// Directories that hold most of a machine, or no files at all.
const TOO_WIDE: [&str; 8] = ["/", "/usr", "/var", "/home", "/proc", "/sys", "/dev", "/run"];

/// What a command's operands say about the files that it can change.
#[derive(Default, Debug)]
pub struct AffectedFiles {
    /// The files that it can change.
    pub operands: Vec<AffectedOperand>,
    /// Absolute patterns: it can change what matches, and make more of it.
    pub patterns: Vec<String>,
    /// Which other files it may change, for all that is known, a sentence each: settled where it
    /// cannot write any others.
    pub doubts: Vec<String>,
    /// What it does that is no change of a file, or to none that could be captured.
    pub beyond: Vec<NotCovered>,
}

impl Invocation {
    /// The files that the command's operands say it can change, and what that does not cover.
    ///
    /// A symbolic link is captured as the link that it is; for programs that write through links,
    /// and for those that are not known, what it leads to is captured too.
    pub fn affected_files(&self) -> AffectedFiles {
        let mut affected = AffectedFiles::default();
        for command in self.reading.commands.iter().chain(&self.reading.inner) {
            affected.add(command);
        }
        for fragment in &self.reading.doubts {
            affected.doubt(format!(
                "what {} changes is not known beforehand: {}",
                visible_argument(fragment.fragment.as_bytes()),
                fragment.reason
            ));
        }
        affected
    }
}

impl Reading {
    /// What one of its commands does that is no change of a file of this host, where one is known to:
    /// by its program and arguments alone.
    pub fn goes_beyond_files(&self) -> Option<&'static str> {
        self.commands.iter().chain(&self.inner).find_map(|command| {
            names::beyond(&command.names)
                .find(|entry| !entry.only_looks(&command.arguments))
                .map(|entry| entry.sentence)
        })
    }
}

impl AffectedFiles {
    /// Whether the command changes nothing, as far as hitl knows.
    pub fn is_nothing(&self) -> bool {
        self.operands.is_empty()
            && self.patterns.is_empty()
            && self.doubts.is_empty()
            && self.beyond.is_empty()
    }

    fn add(&mut self, command: &CommandReading) {
        let programs = names::known(&command.names, &command.arguments);
        let is_shell_itself = command.names.typed.as_bytes() == SHELL_ITSELF;
        // With several names to go by, the one that writes through links counts.
        let through_links = programs.is_empty() || programs.iter().any(|p| p.through_links);
        for operand in &command.operands {
            if command.wraps && operand.access == Access::Unknown {
                continue;
            }
            self.add_operand(operand, through_links);
        }
        let shown = || visible_argument(command.names.typed.as_bytes());
        let mut beyond = names::beyond(&command.names).peekable();
        let is_known = !programs.is_empty() || beyond.peek().is_some();
        for entry in beyond.filter(|entry| !entry.only_looks(&command.arguments)) {
            self.goes_beyond(entry.sentence.to_owned());
        }
        if !is_known && !is_shell_itself && !command.wraps {
            self.doubt(format!(
                "hitl does not know which files {} writes: only those that its arguments name are \
                 captured",
                shown()
            ));
        } else if is_known
            && !command.wraps
            && is_elsewhere(&command.names)
            && !is_edit(&command.names, &command.arguments)
        {
            self.doubt(format!(
                "{} is not where the programs of a host are: hitl knows the one of its name, and \
                 not which files this one writes",
                shown()
            ));
        }
        for sentence in programs.iter().filter_map(|program| program.uncovered) {
            self.doubt(sentence.to_owned());
        }
    }

    fn add_operand(&mut self, operand: &PathOperand, through_links: bool) {
        if operand.access == Access::Reads
            || OPEN_ALREADY.iter().any(|path| operand.path.starts_with(path))
            || self.is_no_file(operand, through_links)
        {
            return;
        }
        let tree = match operand.access {
            Access::WritesTree => true,
            Access::WritesMatching => return self.put_pattern(operand),
            Access::Unknown if operand.path.is_dir() => {
                self.doubt(format!(
                    "{} is a directory, and hitl does not know what the command does in it: it \
                     is not captured",
                    visible_argument(operand.text.as_bytes())
                ));
                return;
            }
            Access::Reads | Access::Writes | Access::Unknown => false,
        };
        let itself = with_real_parent(&operand.path);
        if through_links && operand.real != itself {
            self.put(operand.real.clone(), tree);
        }
        self.put(itself, tree);
    }

    /// Whether what is written there is not in a file; where somebody gets it, that is said.
    fn is_no_file(&mut self, operand: &PathOperand, through_links: bool) -> bool {
        let real = operand.real.as_path();
        let shown = || visible_path(&operand.path);
        // What is unknown may read as well as write: only a disk is worth the doubt.
        let is_written = operand.access != Access::Unknown;
        if is_written && ["/proc", "/sys"].iter().any(|place| real.starts_with(place)) {
            self.goes_beyond(format!(
                "{} is an interface of the kernel: what is set there is not undone",
                shown()
            ));
            return true;
        }
        let Ok(metadata) = real.symlink_metadata() else { return false };
        let kind = metadata.file_type();
        if kind.is_block_device() {
            self.goes_beyond(format!(
                "{} is a block device: what is on it is not snapshotted",
                shown()
            ));
        } else if is_written
            && through_links
            && KEEP_NOTHING.iter().any(|device| real.starts_with(device))
        {
            return true;
        } else if is_written
            && through_links
            && (kind.is_char_device() || kind.is_fifo() || kind.is_socket())
        {
            self.goes_beyond(format!(
                "{} is no file: what is done with what is written there is not undone",
                shown()
            ));
        }
        false
    }

    fn put_pattern(&mut self, operand: &PathOperand) {
        for path in [&operand.path, &operand.real] {
            let pattern = path.to_str().filter(|pattern| is_pattern(pattern));
            match pattern {
                Some(pattern) if self.patterns.iter().any(|known| known == pattern) => {}
                Some(pattern) => self.patterns.push(pattern.to_owned()),
                None => self.doubt(format!(
                    "files that match {} are not captured: hitl cannot use it as a pattern",
                    visible_argument(operand.text.as_bytes())
                )),
            }
        }
    }

    fn put(&mut self, path: PathBuf, tree: bool) {
        let tree = tree && !self.is_too_wide(&path);
        match self.operands.iter_mut().find(|operand| operand.path == path) {
            Some(operand) => operand.tree |= tree,
            None => self.operands.push(AffectedOperand { path, tree }),
        }
    }

    /// Whether a tree holds so much of a machine that capturing it whole is not even tried.
    fn is_too_wide(&mut self, tree: &Path) -> bool {
        let too_wide = TOO_WIDE.iter().any(|wide| tree == Path::new(wide));
        if too_wide {
            self.doubt(format!(
                "the command can write anywhere below {}, which is too much to snapshot as a whole: \
                 only what it names otherwise is captured; name the directories that matter in \
                 \"snapshot.paths\" of a rule",
                tree.display()
            ));
        }
        too_wide
    }

    fn doubt(&mut self, sentence: String) {
        if !self.doubts.contains(&sentence) {
            self.doubts.push(sentence);
        }
    }

    fn goes_beyond(&mut self, sentence: String) {
        let beyond = NotCovered::beyond(sentence);
        if !self.beyond.contains(&beyond) {
            self.beyond.push(beyond);
        }
    }
}

/// Whether a program that is known by its name lies where anybody could have put it.
fn is_elsewhere(names: &ExecutableNames) -> bool {
    // Inside of a shell line, a bare name is taken for the program that stands beside the shell.
    let has_place = names.typed.as_bytes().contains(&b'/');
    let named = names.named.first().filter(|_| has_place);
    names
        .real
        .as_ref()
        .or(named)
        .is_some_and(|real| !WHERE_PROGRAMS_ARE.iter().any(|place| real.starts_with(place)))
}

/// Whether a snapshot can find files by it.
fn is_pattern(pattern: &str) -> bool {
    globset::GlobBuilder::new(pattern).literal_separator(true).build().is_ok()
}

fn with_real_parent(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Asked, resolve};
    use super::*;
    use crate::system::Scope;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_can_be_written_is_captured_and_what_is_not_is_said() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        for name in ["file", "other"] {
            std::fs::write(base.join(name), "x").unwrap();
        }
        std::fs::create_dir(base.join("dir")).unwrap();
        symlink("file", base.join("link")).unwrap();
        symlink("dir", base.join("way")).unwrap();
        for (line, captured, said) in [
            ("rm link", "link", 0),
            ("rm -r dir", "dir/", 0),
            ("rm way/x", "dir/x", 0),
            ("sed -i s/a/b/ link", "link", 0),
            ("tee link", "file link", 0),
            ("cp other dir", "dir dir/other", 0),
            ("cat file", "", 0),
            ("mv file dir", "file/ dir dir/file/", 0),
            // An unknown program: the file that it names, but not the directory.
            ("od-unknown file dir absent", "file absent", 2),
            // What keeps nothing is nothing that could come back.
            ("tee /dev/null", "", 0),
            ("tee /dev/stderr", "", 0),
        ] {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            let argv = [name].into_iter().chain(words).map(Into::into).collect();
            let mut asked = Asked { argv, directory: Some(base.clone()), ..Asked::default() };
            let unknown = name == "od-unknown";
            if unknown {
                std::fs::copy("/bin/true", base.join(name)).unwrap();
                *asked.argv.first_mut().unwrap() = format!("./{name}").into();
            }
            let search = ["/usr/bin".into(), "/bin".into()];
            let invocation = resolve(asked, &search, Scope::System).unwrap();
            let affected = invocation.affected_files();
            let shown: Vec<String> = affected
                .operands
                .iter()
                .map(|operand| {
                    let path = operand.path.strip_prefix(&base).unwrap().display();
                    format!("{path}{}", if operand.tree { "/" } else { "" })
                })
                .collect();
            assert_eq!(shown.join(" "), captured, "{line}");
            assert_eq!(affected.doubts.len(), said, "{line}: {affected:?}");
        }
    }

    fn affected_by(words: &[&str], directory: &Path) -> AffectedFiles {
        let argv = words.iter().map(|word| (*word).into()).collect();
        let asked = Asked { argv, directory: Some(directory.to_owned()), ..Asked::default() };
        let search = ["/usr/bin".into(), "/bin".into()];
        resolve(asked, &search, Scope::System).unwrap().affected_files()
    }

    #[test]
    fn what_a_script_that_is_named_writes_is_in_doubt() {
        for (words, script) in [
            (&["sh", "deploy.sh"][..], "deploy.sh"),
            (&["sh", "-eu", "deploy.sh", "now"], "deploy.sh"),
            (&["sh", "-c", "sh deploy.sh"], "deploy.sh"),
            (&["env", "A=b", "sh", "deploy.sh"], "deploy.sh"),
            (&["perl", "tidy.pl"], "tidy.pl"),
            (&["perl", "-i", "tidy.pl", "file"], "tidy.pl"),
            (&["awk", "-f", "split.awk", "file"], "split.awk"),
        ] {
            let affected = affected_by(words, Path::new("/tmp"));
            let said = format!("what {script} changes is not known beforehand: it is a script");
            assert!(affected.doubts.iter().any(|text| text.starts_with(&said)), "{affected:?}");
        }
        for words in [&["sh", "--version"][..], &["perl", "-v"], &["awk", "{print $1}", "file"]] {
            let affected = affected_by(words, Path::new("/tmp"));
            assert!(affected.is_nothing(), "{words:?}: {affected:?}");
        }
    }

    #[test]
    fn a_tree_that_is_most_of_a_machine_is_said_and_not_tried() {
        for (words, wide) in [
            (&["tar", "-xf", "/nowhere.tar", "-C", "/"][..], "/"),
            (&["chmod", "-R", "a+r", "/usr"], "/usr"),
            (&["sh", "-c", "cd / && tar -xf x.tar"], "/"),
        ] {
            let affected = affected_by(words, Path::new("/tmp"));
            let trees: Vec<_> = affected.operands.iter().filter(|one| one.tree).collect();
            assert_eq!(trees, [] as [&AffectedOperand; 0], "{words:?}");
            let said =
                |text: &String| text.contains(&format!("anywhere below {wide}, which is too much"));
            assert_eq!(affected.doubts.iter().filter(|text| said(text)).count(), 1, "{words:?}");
        }
        let affected = affected_by(&["rm", "-r", "/etc/absent"], Path::new("/tmp"));
        assert!(affected.doubts.is_empty() && affected.operands.iter().all(|one| one.tree));
    }

    #[test]
    fn of_a_shell_line_only_what_cannot_be_followed_is_in_doubt() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("dir")).unwrap();
        for (line, doubts) in [
            ("rm -r dir; echo x >new; cp -r dir *.c /etc/absent/", 0),
            ("env A=1 timeout 5 rm -r dir", 0),
            ("rm $x; ./deploy.sh; make", 3),
            ("rm [x", 1),
        ] {
            let affected = affected_by(&["sh", "-c", line], &base);
            assert_eq!(affected.doubts.len(), doubts, "{line}: {:?}", affected.doubts);
        }
        let affected = affected_by(&["sh", "-c", "rm dir/*.c"], &base);
        assert_eq!(affected.patterns, [format!("{}/dir/*.c", base.display())]);
        assert!(affected.operands.is_empty(), "{affected:?}");
    }

    #[test]
    fn what_is_no_change_of_a_file_is_said_and_what_only_looks_says_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        nix::unistd::mkfifo(&base.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::copy("/bin/true", base.join("cat")).unwrap();
        for (line, beyond, doubts) in [
            ("kill -9 1", 1, 0),
            ("kill -l", 0, 0),
            ("mount -a", 1, 0),
            ("mount", 0, 0),
            ("tee pipe", 1, 0),
            ("tee /proc/sys/kernel/sysrq", 1, 0),
            ("rm pipe", 0, 0),
            ("cat pipe", 0, 0),
            // Only its name is that of a program that hitl knows.
            ("./cat pipe", 0, 1),
        ] {
            let argv = line.split(' ').map(Into::into).collect();
            let asked = Asked { argv, directory: Some(base.clone()), ..Asked::default() };
            let search = ["/usr/bin".into(), "/bin".into()];
            let invocation = resolve(asked, &search, Scope::System).unwrap();
            let affected = invocation.affected_files();
            let said = (affected.beyond.len(), affected.doubts.len());
            assert_eq!(said, (beyond, doubts), "{line}: {affected:?}");
            let nothing = affected.operands.is_empty() && said == (0, 0);
            assert_eq!(affected.is_nothing(), nothing, "{line}");
        }
    }

    #[test]
    fn every_operand_that_is_a_file_is_bound_once_in_order() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        std::fs::write(base.join("b.sh"), "x").unwrap();
        std::fs::write(base.join("a"), "y").unwrap();
        symlink("a", base.join("link")).unwrap();
        let argv = ["bash", "b.sh", "a", "link", "absent"].map(Into::into).to_vec();
        let asked = Asked { argv, directory: Some(base.clone()), ..Asked::default() };
        let invocation =
            resolve(asked, &["/usr/bin".into(), "/bin".into()], Scope::System).unwrap();
        let bound = invocation.bound_operands().unwrap();
        let paths: Vec<_> = bound.iter().map(|file| file.path.as_path().to_owned()).collect();
        assert_eq!(paths, [base.join("b.sh"), base.join("a")]);
        assert!(invocation.bound_executable().unwrap().sha256.is_some());
    }
}
