//! What the tools of the system see of a tree: find, getfacl, getfattr, lsattr, sha256sum, and where
//! the data of its files lies. No code of hitl has a say in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Advice, SeekFrom, fadvise, seek};

/// The fields that find prints for each path, each ended by NUL. Sizes and link counts of directories
/// and all times but the modification time are the file system's own business.
const FIELDS: [&str; 10] = ["%p", "%y", "%m", "%U", "%G", "%s", "%T@", "%n", "%i", "%l"];

/// What lsattr shows and chattr cannot set: how the file system keeps it.
const INTERNAL_FLAGS: [char; 6] = ['-', 'e', 'I', 'N', 'E', 'V'];

/// A tree as it is seen: facts, sorted, each about one path.
#[derive(PartialEq, Eq, Debug)]
pub struct Witness(Vec<String>);

impl Witness {
    /// Looks at a tree. Its paths are shorter than PATH_MAX.
    pub fn of(root: &Path) -> Self {
        let mut facts = Vec::new();
        if !root.is_dir() {
            return Self(vec![". there is no such directory".to_owned()]);
        }
        let files = found(root, &mut facts);
        for (program, words) in [
            ("getfacl", &["-R", "-P", "-p", "-n", "."][..]),
            ("getfattr", &["-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "."]),
        ] {
            // Both escape backslashes and line feeds in names themselves.
            let printed = output(root, program, words).escape_ascii().to_string();
            let blocks = printed.split("\\n\\n").filter(|block| !block.is_empty());
            facts.extend(blocks.map(|block| {
                let fact = block.trim_start_matches("# file: ").replace("\\n", "; ");
                format!("{fact} ({program})")
            }));
        }
        // Links, pipes and devices have no flags.
        let flags =
            ["(", "-type", "f", "-o", "-type", "d", ")", "-exec", "lsattr", "-d", "{}", "+"];
        let flags = output(root, "find", &[&["."], &flags[..]].concat());
        facts.extend(flags.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(
            |line| {
                let line = line.escape_ascii().to_string();
                let (flags, path) = line.split_once(' ').unwrap_or(("", &line));
                let flags: String =
                    flags.chars().filter(|flag| !INTERNAL_FLAGS.contains(flag)).collect();
                format!("{path} flags {flags:?} (lsattr)")
            },
        ));
        let sums = [".", "-type", "f", "-exec", "sha256sum", "-z", "{}", "+"];
        let sums = output(root, "find", &sums);
        facts.extend(sums.split(|byte| *byte == 0).filter(|sum| !sum.is_empty()).map(|sum| {
            let (sum, path) = sum.split_at(64);
            format!("{} {} (sha256sum)", path[2..].escape_ascii(), sum.escape_ascii())
        }));
        files.iter().for_each(|file| forget(&File::open(file).unwrap()));
        facts.sort();
        Self(facts)
    }

    /// Where it is not as expected: what is gone and what came, a line each.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let missing = |of: &Self, from: &Self, sign: char| {
            let lacks = |fact: &&String| from.0.binary_search(fact).is_err();
            of.0.iter().filter(lacks).map(|fact| format!("{sign} {fact}")).collect::<Vec<_>>()
        };
        let mut lines = [missing(expected, self, '-'), missing(self, expected, '+')].concat();
        lines.sort_by(|one, other| one[2..].cmp(&other[2..]));
        lines
    }

    /// Asserts that it is as expected.
    #[track_caller]
    pub fn is(&self, expected: &Self, what: &str) {
        let differences = self.differences(expected);
        assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
    }
}

/// What find sees, which names are of one file, where its data lies. The regular files.
fn found(root: &Path, facts: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let format = FIELDS.join("\\0") + "\\0";
    let printed = output(root, "find", &[".", "-printf", &format]);
    let mut fields = printed.split(|byte| *byte == 0);
    let mut names: BTreeMap<&[u8], Vec<String>> = BTreeMap::new();
    loop {
        let mut next = || fields.next().unwrap_or_default();
        let [path, kind, mode, user, group, size, time, links, inode, target] =
            std::array::from_fn(|_| next());
        if path.is_empty() {
            break;
        }
        let shown = path.escape_ascii().to_string();
        let real = root.join(OsStr::from_bytes(path));
        let mut fact = format!("{shown} find: {}", kind.escape_ascii());
        for field in [mode, user, group, time] {
            fact.push(' ');
            fact.push_str(&field.escape_ascii().to_string());
        }
        if kind != b"d" {
            fact.push_str(&format!(" links {}", links.escape_ascii()));
        }
        match kind {
            b"f" => {
                fact.push_str(&format!(" size {}", size.escape_ascii()));
                if size != b"0" {
                    facts.push(format!("{shown} data {:?}", data(&real)));
                    files.push(real);
                }
            }
            b"l" => fact.push_str(&format!(" to {}", target.escape_ascii())),
            b"b" | b"c" => {
                fact.push_str(&format!(" number {:x}", real.symlink_metadata().unwrap().rdev()));
            }
            _ => {}
        }
        facts.push(fact);
        if kind != b"d" && links != b"1" {
            names.entry(inode).or_default().push(shown);
        }
    }
    for mut group in names.into_values() {
        group.sort();
        facts.push(format!("{} names of one file", group.join(" ")));
    }
    files
}

/// Lets the system forget what it has read of a file. What is allocated and not written (xfs does so
/// beyond what is asked for) is a hole for lseek(2), and data once somebody has read it.
fn forget(file: &File) {
    fadvise(file, 0, None, Advice::DontNeed).unwrap();
}

/// Where the data of a file lies: offsets and ends, the rest are holes.
pub fn data(path: &Path) -> Vec<(u64, u64)> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    forget(&file);
    let mut segments = Vec::new();
    let mut end = 0;
    // The error says that there is no data up to the end of the file.
    while let Ok(start) = seek(&file, SeekFrom::Data(end)) {
        end = seek(&file, SeekFrom::Hole(start)).unwrap();
        segments.push((start, end));
    }
    segments
}

#[track_caller]
fn output(directory: &Path, program: &str, words: &[&str]) -> Vec<u8> {
    let ran = Command::new(program).args(words).current_dir(directory).output();
    let ran = ran.unwrap_or_else(|error| panic!("{program}: {error}"));
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && complaint.is_empty(), "{program} {words:?}: {complaint}");
    ran.stdout
}

/// Removes a tree whatever its flags say, and beyond any length of paths.
pub fn remove_tree(root: &Path) {
    if fs::remove_dir_all(root).is_err() && root.exists() {
        // What has no flags is complained about, and what is gone by now as well.
        let _ = Command::new("chattr").args(["-R", "-f", "-i", "-a"]).arg(root).output();
        let removed = Command::new("rm").args(["-rf", "--"]).arg(root).output().unwrap();
        assert!(removed.status.success(), "{removed:?}");
    }
}
