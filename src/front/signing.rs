//! Has the person sign a statement with an SSH key of theirs, through `ssh-keygen -Y sign`: so agents,
//! security keys and passphrases work as they have them set up. All of it with nothing but their own
//! rights, in the process that they called.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{getpgrp, mkdtemp, tcgetpgrp};

use super::Signable;
use super::reading::{self, ReadError, Source};
use crate::execute::{CallerState, run_for_caller};
use crate::system::text::visible_path;

/// The most that a signature file may hold, in bytes: what ssh-keygen writes takes a tenth of it.
pub const SIGNATURE_LIMIT: usize = 8 * 1024;

/// The most bytes of a public key file or of an agent's list that are looked at.
const LISTING_LIMIT: usize = 256 * 1024;

/// Signs one of the statements with the key that it is for: the first key that is at hand. `key_file`
/// is the one that the person chose; without it they are asked for one where none is at hand and there
/// is a terminal.
///
/// # Errors
/// Why nothing was signed, as a sentence without its full stop.
pub(super) fn sign(
    choices: &[Signable],
    namespace: &str,
    key_file: Option<&Path>,
    caller: &CallerState,
) -> Result<String, String> {
    let directory = PrivateDirectory::make().map_err(|error| {
        format!("no private directory could be made for the statement: {error}; set TMPDIR to a place where you can write")
    })?;
    let (choice, key) = match key_file {
        Some(file) => (choice_for(choices, file)?, file.to_owned()),
        None => match at_hand(choices, &directory.0) {
            Some(found) => found,
            None => asked(choices)?,
        },
    };
    // By its path: on standard input, and without a terminal, ssh-keygen asks for the PIN there, and
    // signs what is left after the first line.
    let statement = directory.0.join("statement");
    write_new(&statement, choice.statement.as_bytes())
        .map_err(|error| format!("{} cannot be written: {error}", visible_path(&statement)))?;
    let words: [&OsStr; 9] = [
        "ssh-keygen".as_ref(),
        "-q".as_ref(),
        "-Y".as_ref(),
        "sign".as_ref(),
        "-n".as_ref(),
        namespace.as_ref(),
        "-f".as_ref(),
        key.as_os_str(),
        statement.as_os_str(),
    ];
    let words: Vec<OsString> = words.into_iter().map(OsStr::to_owned).collect();
    let ended = run_for_caller(&words, caller).map_err(|error| {
        format!("ssh-keygen cannot be started: {error}; install it (Debian: openssh-client)")
    })?;
    if ended.exit_code() != 0 {
        return Err(format!("ssh-keygen did not sign with {}", visible_path(&key)));
    }
    let signature = directory.0.join("statement.sig");
    read_text(&signature, SIGNATURE_LIMIT)
        .map_err(|error| format!("ssh-keygen left no signature that can be read: {error}"))
}

/// The first key that an agent holds, or whose two files are in `~/.ssh`.
fn at_hand<'c>(choices: &'c [Signable], directory: &Path) -> Option<(&'c Signable, PathBuf)> {
    let in_agent = agents_keys();
    let files = own_key_files();
    choices.iter().find_map(|choice| {
        let base64 = choice.key.split(' ').nth(1)?;
        let file = files.iter().find(|(_, key)| key == base64).map(|(path, _)| path);
        let held = in_agent.iter().any(|key| key == base64);
        match file {
            // ssh-keygen asks the agent first, and then looks for the private key beside it.
            Some(path) if held || path.with_extension("").exists() => Some((choice, path.clone())),
            _ if held => {
                let path = directory.join("key.pub");
                write_new(&path, format!("{}\n", choice.key).as_bytes()).ok()?;
                Some((choice, path))
            }
            _ => None,
        }
    })
}

/// The base64 of the keys that the person's agent holds.
fn agents_keys() -> Vec<String> {
    let listed = Command::new("ssh-add")
        .arg("-L")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    // Without an agent there are none.
    listed.unwrap_or_default().lines().filter_map(base64_of).collect()
}

/// The public keys in `~/.ssh`, each with its base64.
fn own_key_files() -> Vec<(PathBuf, String)> {
    let Some(home) = std::env::var_os("HOME") else { return Vec::new() };
    let Ok(entries) = fs::read_dir(Path::new(&home).join(".ssh")) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
        .collect();
    paths.sort();
    let key = |path: PathBuf| {
        let text = read_text(&path, LISTING_LIMIT).ok()?;
        Some((path, base64_of(text.lines().next()?)?))
    };
    paths.into_iter().filter_map(key).collect()
}

fn base64_of(line: &str) -> Option<String> {
    line.split_whitespace().nth(1).map(str::to_owned)
}

/// Asks at the terminal for the file of a key.
fn asked(choices: &[Signable]) -> Result<(&Signable, PathBuf), String> {
    let wanted: Vec<&str> = choices.iter().map(|choice| choice.fingerprint.as_str()).collect();
    let wanted = wanted.join(", ");
    let nowhere = || {
        format!(
            "no agent and no file in ~/.ssh has the key that counts ({wanted}): name its file with --key FILE, or sign elsewhere (\"hitl show --statement ID\" has the statement)"
        )
    };
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()
        .filter(|terminal| tcgetpgrp(terminal) == Ok(getpgrp()))
        .ok_or_else(nowhere)?;
    let question = format!(
        "No agent and no file in ~/.ssh has the key that counts ({wanted}).\nFile of that key (enter: none): "
    );
    terminal.write_all(question.as_bytes()).map_err(|_| nowhere())?;
    let mut line = String::new();
    let read = BufReader::new((&terminal).take(4096)).read_line(&mut line);
    match (read, line.trim()) {
        (Ok(1..), path) if !path.is_empty() => {
            let path = PathBuf::from(path);
            Ok((choice_for(choices, &path)?, path))
        }
        _ => Err(nowhere()),
    }
}

/// The statement that the key in this file is to sign.
fn choice_for<'c>(choices: &'c [Signable], file: &Path) -> Result<&'c Signable, String> {
    let output = Command::new("ssh-keygen")
        .arg("-l")
        .arg("-f")
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ssh-keygen cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let fingerprint = text.split_whitespace().nth(1).unwrap_or_default();
    choices.iter().find(|choice| choice.fingerprint == fingerprint).ok_or_else(|| {
        let wanted: Vec<&str> = choices.iter().map(|choice| choice.fingerprint.as_str()).collect();
        format!(
            "the key in {} is not one that counts for you here ({})",
            visible_path(file),
            wanted.join(", ")
        )
    })
}

/// A directory that only the person can look into; gone with everything in it when this is dropped.
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn make() -> io::Result<Self> {
        let place = std::env::temp_dir().join("hitl-statement-XXXXXX");
        Ok(Self(mkdtemp(&place)?))
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // What is left behind there is no secret.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
}

fn read_text(path: &Path, limit: usize) -> Result<String, ReadError> {
    let bytes = reading::read(&Source::File(path.to_owned()), limit)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
