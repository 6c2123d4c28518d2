//! `hitl policy`: is a policy sound, and does it decide as its authors meant it to?

use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::{GlobalArguments, PolicyCommand};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::policy::{Policy, PolicyError, TestOutcome};
use crate::system::text::visible;
use crate::system::{Colour, Paint, Scope};

/// Checks or tests policies.
pub(super) fn policy(
    global: &GlobalArguments,
    command: &PolicyCommand,
    output: &Output,
) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Check { paths, .. } => check(global, paths, output),
        PolicyCommand::Test { paths, coverage, .. } => test(global, paths, *coverage, output),
    }
}

/// A policy that was asked about.
struct Named {
    name: String,
    policy: Result<Policy, PolicyError>,
    /// It names nobody who could approve: only of use where one person works alone.
    one_person: bool,
}

fn check(global: &GlobalArguments, paths: &[PathBuf], output: &Output) -> Result<Exit, Failure> {
    let mut wrong = false;
    for Named { name, policy, one_person } in policies(global, paths)? {
        match policy {
            Ok(policy) => {
                let counts = policy.counts();
                let identity = policy.identity();
                let remarks = policy.remarks();
                if output.json {
                    output.print_json(&json!({
                        "v": 1, "policy": name, "ok": true, "name": identity.name,
                        "digest": identity.digest, "rules": counts.rules, "groups": counts.groups,
                        "examples": counts.examples, "tests": counts.tests,
                        "user_scope_only": one_person, "remarks": remarks,
                    }))?;
                } else {
                    let alone =
                        if one_person { "; for user scope only: it names no groups" } else { "" };
                    output.print(&format!(
                        "{}: good ({}, {}, {}, {}{alone})\n",
                        visible(&name),
                        counted(counts.rules, "rule"),
                        counted(counts.groups, "group"),
                        counted(counts.examples, "example"),
                        counted(counts.tests, "test"),
                    ))?;
                    for remark in remarks {
                        output.print(&format!("  {}\n", visible(&remark)))?;
                    }
                }
            }
            Err(error) => {
                wrong = true;
                tell_error(&name, &error, output)?;
            }
        }
    }
    Ok(Exit::Status(if wrong { ExitCode::Policy as i32 } else { 0 }))
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn test(
    global: &GlobalArguments,
    paths: &[PathBuf],
    coverage: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let (mut passed, mut failed, mut wrong) = (0_usize, 0_usize, false);
    for Named { name, policy, .. } in policies(global, paths)? {
        let policy = match policy {
            Ok(policy) => policy,
            Err(error) => {
                wrong = true;
                tell_error(&name, &error, output)?;
                continue;
            }
        };
        // That it could be loaded says that its examples hold.
        let examples = policy.counts().examples;
        let outcomes = policy.run_tests();
        let good = outcomes.iter().filter(|outcome| outcome.passed()).count();
        passed += good + examples;
        failed += outcomes.len() - good;
        let uncovered = if coverage { policy.coverage() } else { Vec::new() };
        if output.json {
            let tests: Vec<_> = outcomes.iter().map(outcome_json).collect();
            output.print_json(&json!({
                "v": 1, "policy": name, "examples": examples, "tests": tests, "uncovered": uncovered,
            }))?;
            continue;
        }
        output.print(&format!(
            "{}: {examples} examples hold, {good} of {} tests pass\n",
            visible(&name),
            outcomes.len()
        ))?;
        for outcome in outcomes.iter().filter(|outcome| !outcome.passed()) {
            output.print(&outcome_text(outcome, output.colour_on_stdout()))?;
        }
        for rule in uncovered {
            output.print(&format!("  no example and no test reaches rule {rule}\n"))?;
        }
    }
    if !output.json {
        output.print(&format!("{passed} passed, {failed} failed\n"))?;
    }
    Ok(Exit::Status(match (wrong, failed) {
        (true, _) => ExitCode::Policy as i32,
        (false, 0) => 0,
        _ => ExitCode::No as i32,
    }))
}

/// The policies that the paths name, or the one in use.
fn policies(global: &GlobalArguments, paths: &[PathBuf]) -> Result<Vec<Named>, Failure> {
    if paths.is_empty() {
        let directories = rooms::directories(global)?;
        rooms::only_root(&directories, "read the policy")?;
        let name = "the policy in use".to_owned();
        let policy = Policy::load_whole(&directories);
        let one_person = policy.is_ok() && !Policy::would_do_for_a_host(&directories)?;
        return Ok(vec![Named { name, policy, one_person }]);
    }
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.append(&mut policy_files(path)?);
        } else {
            files.push(path.clone());
        }
    }
    files.into_iter().map(|file| read(&file)).collect()
}

fn policy_files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| {
        let shown = visible(&directory.to_string_lossy());
        Failure::new(ExitCode::Failed, format!("cannot read the directory {shown}: {error}"))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let shown = visible(&directory.to_string_lossy());
        return Err(Failure::new(
            ExitCode::No,
            format!("there is no policy in {shown}: name a directory that holds .yaml files"),
        ));
    }
    Ok(files)
}

fn read(file: &Path) -> Result<Named, Failure> {
    let name = file.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(ExitCode::Failed, format!("cannot read {}: {error}", visible(&name)))
    })?;
    let policy = Policy::from_text(&name, &text, Scope::System);
    if policy.is_err() {
        // A policy for one person names nobody who could approve, and is meant to.
        let alone = Policy::from_text(&name, &text, Scope::User);
        if alone.as_ref().is_ok_and(|policy| policy.counts().groups == 0) {
            return Ok(Named { name, policy: alone, one_person: true });
        }
    }
    Ok(Named { name, policy, one_person: false })
}

fn tell_error(name: &str, error: &PolicyError, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output
            .print_json(&json!({"v": 1, "policy": name, "ok": false, "error": error.to_string()}));
    }
    output.say(&format!("hitl: {error}"));
    Ok(())
}

fn outcome_json(outcome: &TestOutcome) -> serde_json::Value {
    json!({
        "name": outcome.name,
        "command": outcome.command,
        "passed": outcome.passed(),
        "differences": outcome.differences,
        "reasons": outcome.reasons,
    })
}

fn outcome_text(outcome: &TestOutcome, colour: Colour) -> String {
    let mut text = format!(
        "  {} {}\n    {}\n",
        colour.paint(Paint::Bad, "FAILED"),
        visible(&outcome.name),
        outcome.command
    );
    for difference in &outcome.differences {
        text.push_str(&format!("    {}\n", visible(difference)));
    }
    for reason in &outcome.reasons {
        text.push_str(&format!("    because {}\n", visible(reason)));
    }
    text
}
