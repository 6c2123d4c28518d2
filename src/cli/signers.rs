//! `hitl signers`: whose SSH key is whose.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::arguments::{GlobalArguments, SignersCommand};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::audit::Log;
use crate::doctor;
use crate::policy::{Policy, Presence};
use crate::protocol::{self, ChangedSigner};
use crate::signing::{self, Lint, Signer, Signers, SignersError};
use crate::system::text::{counted, visible, visible_path};
use crate::system::{Directories, Host, Moment, Sight, caller};

/// The most bytes of a file with one public key.
const LONGEST_KEY_FILE: u64 = 64 * 1024;

/// Lists, checks or changes who signs.
pub(super) fn signers(
    global: &GlobalArguments,
    command: &SignersCommand,
    output: &Output,
) -> Result<Exit, Failure> {
    if let SignersCommand::Check { file: Some(file), .. } = command {
        return check_file(file, output);
    }
    let directories = rooms::directories(global)?;
    match command {
        SignersCommand::List { .. } => list(&directories, output),
        SignersCommand::Check { .. } => check(&directories, output),
        SignersCommand::Add { name, key_file, .. } => {
            rooms::only_root(&directories, "say whose key is whose")?;
            let key = key_text(key_file)?;
            let added = protocol::add_signer(&directories, &log(&directories), name, &key)?;
            let nothing = format!("{} had that key already", visible(name));
            let changed: Vec<ChangedSigner> = added.into_iter().collect();
            tell_change(&changed, "added", &nothing, output)
        }
        SignersCommand::Remove { whom, .. } => {
            rooms::only_root(&directories, "say whose key is whose")?;
            let gone = protocol::remove_signers(&directories, &log(&directories), whom)?;
            tell_change(&gone, "removed", "", output)
        }
        SignersCommand::Revoke { whom, message, .. } => {
            rooms::only_root(&directories, "say whose key no longer counts")?;
            let log = log(&directories);
            let gone = protocol::revoke_signers(&directories, &log, whom, message)?;
            let nothing = format!("every key of {} was revoked already", visible(whom));
            tell_change(&gone, "revoked", &nothing, output)
        }
    }
}

fn log(directories: &Directories) -> Log {
    Log::new(&directories.audit(), directories.scope, &Host::here())
}

/// The text of a file that the caller named, read with their rights.
fn key_text(file: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| {
        let name =
            if file == Path::new("-") { "standard input".into() } else { visible_path(file) };
        Failure::new(ExitCode::Failed, format!("cannot read the key from {name}: {error}"))
    };
    let read = |reader: &mut dyn Read| {
        let mut text = String::new();
        reader.take(LONGEST_KEY_FILE).read_to_string(&mut text).map(|_| text)
    };
    if file == Path::new("-") {
        return read(&mut io::stdin()).map_err(failed);
    }
    caller()
        .with_their_rights(|| File::open(file).and_then(|mut opened| read(&mut opened)))
        .and_then(|read| read)
        .map_err(failed)
}

fn list(directories: &Directories, output: &Output) -> Result<Exit, Failure> {
    let signers = Signers::load(directories).map_err(|error| as_told(directories, error))?;
    let now = Moment::now();
    if output.json {
        for signer in signers.all() {
            output.print_json(&signer_json(&signers, signer, &now))?;
        }
    } else if signers.all().is_empty() {
        let file = visible_path(&directories.allowed_signers());
        output.say(&format!("hitl: nobody signs here yet: \"hitl signers add\" writes {file}"));
    } else {
        let width = signers.all().iter().map(|one| one.principal().len()).max().unwrap_or_default();
        let lines = signers.all().iter().map(|signer| {
            format!(
                "{:width$}  {}  {:<6}  {}{}\n",
                signer.principal(),
                signer.key().fingerprint(),
                signer.key().kind().best_presence().word(),
                signer.key().kind().algorithm(),
                standing(&signers, signer, &now)
                    .map(|text| format!("  {text}"))
                    .unwrap_or_default()
            )
        });
        output.print(&lines.collect::<String>())?;
    }
    Ok(Exit::Status(0))
}

/// Why a key does not count, or until when it does.
fn standing(signers: &Signers, signer: &Signer, now: &Moment) -> Option<String> {
    if let Some(revoked) = signers.revocation_of(signer.key()) {
        let because = visible(&revoked.because);
        return Some(format!("REVOKED from entry {} on: {because}", revoked.sequence));
    }
    let time = |seconds: Option<i64>| seconds.map(rfc3339);
    match (signer.valid_at(now), time(signer.valid_after()), time(signer.valid_before())) {
        (true, _, until) => until.map(|until| format!("until {until}")),
        (false, Some(from), Some(until)) => Some(format!("NOT VALID NOW, {from} to {until}")),
        (false, Some(from), None) => Some(format!("NOT VALID YET, from {from} on")),
        (false, None, until) => Some(format!("NOT VALID ANY MORE, until {}", until?)),
    }
}

fn signer_json(signers: &Signers, signer: &Signer, now: &Moment) -> Value {
    let key = signer.key();
    let revoked = signers.revocation_of(key);
    json!({
        "v": 1,
        "principal": signer.principal(),
        "login": signer.login(),
        "algorithm": key.kind().algorithm(),
        "fingerprint": key.fingerprint(),
        "application": key.application(),
        "presence": key.kind().best_presence(),
        "hardware": key.kind().best_presence() > Presence::Key,
        "counts": revoked.is_none() && signer.valid_at(now),
        "valid_after": signer.valid_after().map(rfc3339),
        "valid_before": signer.valid_before().map(rfc3339),
        "revoked": revoked.map(|one| json!({"sequence": one.sequence, "because": one.because})),
        "comment": signer.comment(),
        "line": signer.line(),
    })
}

fn rfc3339(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn check(directories: &Directories, output: &Output) -> Result<Exit, Failure> {
    rooms::only_root(directories, "hold the signers against the policy")?;
    let file = directories.allowed_signers();
    match Signers::load(directories) {
        Ok(signers) => {
            let further = match Policy::load(directories) {
                Ok(policy) => doctor::signers_and_people(&policy, &signers, &Moment::now()),
                Err(_) => vec![
                    "the policy cannot be used, so the signers could not be held against it: \"hitl policy check\""
                        .to_owned(),
                ],
            };
            tell_check(&file, &signers, &further, output)
        }
        Err(error) => tell_error(&file, &error, output),
    }
}

fn check_file(file: &Path, output: &Output) -> Result<Exit, Failure> {
    let text = match signing::text_to_look_at(file) {
        Ok(text) => text,
        Err(error) => return Err(Failure::new(ExitCode::Failed, error)),
    };
    match Signers::from_texts((file, &text), (Path::new("revoked_signers"), "")) {
        Ok(signers) => tell_check(file, &signers, &[], output),
        Err(error) => tell_error(file, &error, output),
    }
}

fn tell_check(
    file: &Path,
    signers: &Signers,
    further: &[String],
    output: &Output,
) -> Result<Exit, Failure> {
    let lints = signers.lints();
    if output.json {
        let at_lines = lints.iter().map(|Lint { place, message }| {
            json!({
                "file": place.file.to_string_lossy(),
                "line": place.line,
                "column": place.column,
                "message": message,
            })
        });
        let others = further.iter().map(|message| json!({"message": message}));
        output.print_json(&json!({
            "v": 1,
            "file": file.to_string_lossy(),
            "ok": true,
            "signers": signers.all().len(),
            "revoked": signers.revoked_count(),
            "warnings": at_lines.chain(others).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Status(0));
    }
    let mut text = format!(
        "{}: good ({}, {} revoked, {})\n",
        visible_path(file),
        counted(signers.all().len() as u64, "key"),
        signers.revoked_count(),
        counted((lints.len() + further.len()) as u64, "warning"),
    );
    for Lint { place, message } in lints {
        text.push_str(&format!("{place}: this line does not count: {}\n", visible(message)));
    }
    for message in further {
        text.push_str(&format!("{}\n", visible(message)));
    }
    output.print(&text)?;
    Ok(Exit::Status(0))
}

fn tell_error(file: &Path, error: &SignersError, output: &Output) -> Result<Exit, Failure> {
    if output.json {
        let (file, error) = (file.to_string_lossy(), error.to_string());
        output.print_json(&json!({"v": 1, "file": file, "ok": false, "error": error}))?;
    } else {
        output.say(&format!("hitl: {error}"));
    }
    Ok(Exit::Status(ExitCode::Policy as i32))
}

fn tell_change(
    changed: &[ChangedSigner],
    how: &str,
    nothing: &str,
    output: &Output,
) -> Result<Exit, Failure> {
    if output.json {
        let signers = changed.iter().map(|one| {
            json!({
                "principal": one.principal,
                "algorithm": one.key.kind().algorithm(),
                "fingerprint": one.key.fingerprint(),
                "sequence": one.sequence,
            })
        });
        let signers: Vec<Value> = signers.collect();
        output.print_json(&json!({"v": 1, "change": how, "signers": signers}))?;
    } else if changed.is_empty() {
        output.say(&format!("hitl: nothing to do: {nothing}"));
    } else {
        for one in changed {
            output.say(&format!(
                "hitl: {how} {} {} (entry {} of the audit log)",
                visible(&one.principal),
                one.key.fingerprint(),
                one.sequence
            ));
        }
    }
    Ok(Exit::Status(0))
}

/// What is wrong with the files, to those who could read them themselves.
fn as_told(directories: &Directories, error: SignersError) -> Failure {
    let sight = Sight::of_caller();
    let files = [directories.allowed_signers(), directories.revoked_signers()];
    if sight.is_whole() || files.iter().all(|file| sight.may_read(file)) {
        return error.into();
    }
    let sentence = "the list of signers cannot be used: root can see why by \"hitl signers check\"";
    Failure::new(ExitCode::Policy, sentence)
}
