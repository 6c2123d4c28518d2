//! The state directory: who can reach it, what lies in it, who holds its locks.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use super::{Finding, mend};
use crate::review::{FileStore, RequestStore, StoreError};
use crate::system::text::{counted, shell_word, visible_path};
use crate::system::{Directories, Scope, trusted};

/// A lock is held for milliseconds. Whoever holds one longer is stopped, or dead in the water.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) fn examine(directories: &Directories) -> Vec<Finding> {
    let state = &directories.state;
    if state.symlink_metadata().is_err() {
        let fix = match directories.scope {
            Scope::System => "hitl init --system",
            Scope::User => "hitl init --user",
        };
        let sentence =
            format!("{} does not exist yet: the first command makes it", visible_path(state));
        return vec![Finding::warning("state", sentence, Some(fix.to_owned()))];
    }
    let mut findings = owners(directories);
    if findings.is_empty() {
        let sentence = format!("{} and what is in it is its owner's alone", visible_path(state));
        findings.push(Finding::ok("state", sentence));
    }
    findings.push(locks(directories));
    findings.extend(requests(directories));
    findings
}

/// The directory, everything above it, and everything directly in it.
fn owners(directories: &Directories) -> Vec<Finding> {
    let (state, scope) = (&directories.state, directories.scope);
    let mut findings = Vec::new();
    if let Err(error) = trusted::check_directory(state, scope) {
        findings.push(Finding::failure("state", error.to_string(), mend::untrusted(&error)));
    }
    let inside = match std::fs::read_dir(state) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(error) => {
            let sentence = format!("cannot read {}: {error}", visible_path(state));
            findings.push(Finding::failure(
                "state",
                sentence,
                format!("namei -l {}", shell_word(state)),
            ));
            Vec::new()
        }
    };
    let deeper = ["audit", "requests", "snapshots"].map(|name| state.join(name));
    let deeper = deeper.iter().filter_map(|directory| std::fs::read_dir(directory).ok()).flatten();
    let deeper: Vec<PathBuf> = deeper.filter_map(Result::ok).map(|entry| entry.path()).collect();
    let already = findings.len();
    for path in [state.clone()].into_iter().chain(inside).chain(deeper) {
        if let Ok(metadata) = path.symlink_metadata() {
            // What is wrong with the directory itself has been said in full.
            let said = already > 0 && path == *state;
            findings.extend(alone(&path, &metadata, scope).filter(|_| !said));
        }
    }
    findings
}

fn alone(path: &Path, metadata: &Metadata, scope: Scope) -> Option<Finding> {
    let shown = visible_path(path);
    let quoted = shell_word(path);
    let owner = scope.trusted_uid().as_raw();
    if metadata.file_type().is_symlink() {
        let sentence = format!("{shown} is a symbolic link: hitl keeps nothing behind links");
        return Some(Finding::failure("state", sentence, format!("mv {quoted} ~/")));
    }
    if metadata.uid() != owner {
        let sentence = format!("{shown} belongs to uid {}", metadata.uid());
        return Some(Finding::failure("state", sentence, format!("chown {owner} {quoted}")));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return None;
    }
    let sentence = format!("{shown} is open to others than its owner (mode {mode:04o})");
    Some(Finding::failure("state", sentence, format!("chmod go= {quoted}")))
}

/// The locks under which things are written. A lock goes with its process; one that stays belongs to
/// a process that is stopped or hangs.
fn locks(directories: &Directories) -> Finding {
    let files = [
        directories.audit().join("append.lock"),
        directories.audit().join("head"),
        directories.requests().join("lock"),
        directories.snapshots().join("lock"),
        directories.signers_lock(),
    ];
    for path in files {
        if let Some(holder) = held(&path) {
            let who = match holder {
                Some(pid) => format!("process {pid}"),
                None => "some process".to_owned(),
            };
            let sentence = format!(
                "{who} holds {} and does not let go: others wait for it",
                visible_path(&path)
            );
            let fix = match holder {
                // Stopped processes go on; what hangs must be looked at.
                Some(pid) => format!("ps -o pid,stat,etime,args -p {pid}; kill -CONT {pid}"),
                None => format!("fuser -v {}", shell_word(&path)),
            };
            return Finding::failure("locks", sentence, fix);
        }
    }
    Finding::ok("locks", "nobody holds a lock")
}

/// Whether a lock cannot be had, and who has it where that is known.
fn held(path: &Path) -> Option<Option<u32>> {
    let mut file = std::fs::OpenOptions::new().read(true).open(path).ok()?;
    let begun = Instant::now();
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(_) => return None,
            Err((file, nix::Error::EWOULDBLOCK | nix::Error::EINTR)) => file,
            Err(_) => return None,
        };
        if begun.elapsed() >= PATIENCE {
            return Some(holder(&file.metadata().ok()?));
        }
        // There is nothing to wait on for a lock, but the lock itself, without an end.
        std::thread::sleep(PATIENCE / 25);
    }
}

/// The process that holds a lock on a file (proc_locks(5)).
fn holder(metadata: &Metadata) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let inode = format!(":{}", metadata.ino());
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_flock = words.next()? == "FLOCK";
        let mut words = words.skip(2);
        let pid: u32 = words.next()?.parse().ok()?;
        (is_flock && words.next()?.ends_with(&inode)).then_some(pid)
    })
}

fn requests(directories: &Directories) -> Vec<Finding> {
    let listing = match FileStore::open(directories.requests()).list(true) {
        Ok(listing) => listing,
        Err(error) => {
            let fix = format!("namei -l {}", shell_word(&directories.requests()));
            return vec![Finding::failure("requests", error.to_string(), fix)];
        }
    };
    if listing.damaged.is_empty() {
        let count = counted(listing.records.len() as u64, "request");
        return vec![Finding::ok("requests", format!("{count} can be read"))];
    }
    let aside = directories.state.join("damaged");
    let damaged = listing.damaged.iter().map(|error| {
        let (StoreError::Damaged { path, .. } | StoreError::Read(path, _)) = error else {
            return Finding::failure("requests", error.to_string(), "hitl pending --all");
        };
        let aside = shell_word(&aside);
        let fix = format!("install -d -m 700 {aside} && mv {} {aside}/", shell_word(path));
        Finding::failure("requests", error.to_string(), fix)
    });
    damaged.collect()
}
