//! Verdicts and outcomes, in words and in JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cli::failure::{ExitCode, Failure};
use crate::cli::{Exit, Output};
use crate::execute::{Ending, KernelConfinement};
use crate::policy::{Authenticate, Confine, Decision, PolicyIdentity, Verdict, required_in_words};
use crate::protocol::{Case, Outcome};
use crate::review::{Candidates, Record};
use crate::snapshot::WritablePlace;
use crate::system::text::{counted, visible, visible_argument, visible_bytes, visible_command};
use crate::system::{Sight, duration_text};

/// How many of the places that a confined command may write are listed for a person.
const LISTED_PLACES: usize = 200;

/// What the policy said.
pub(crate) fn verdict_json(verdict: &Verdict) -> Map<String, Value> {
    let reasons: Vec<_> = verdict.reasons.iter().map(|reason| &reason.text).collect();
    let object = json!({
        "decision": verdict.decision,
        "risk": verdict.risk,
        "rules": verdict.rules,
        "reasons": reasons,
        "requirements": verdict.requirements,
        "authenticate": verdict.authenticate.map(|_| Authenticate::Requester),
        "confine": verdict.confine,
        "undo_by": verdict.undo.by,
        "undo_require": verdict.undo.require,
    });
    object.as_object().cloned().unwrap_or_default()
}

/// Everything about a case, for `hitl check --json` and `hitl run --dry-run --json`.
pub(crate) fn case_json(case: &Case<'_>) -> Result<Value, Failure> {
    let mut object = verdict_json(&case.verdict);
    let invocation = &case.invocation;
    let preview = case.preview()?;
    object.insert("v".into(), 1.into());
    object.insert("enforcement".into(), json!(case.verdict.enforcement));
    object.insert("break_glass".into(), case.cannot_break_glass().is_none().into());
    object.insert("argv".into(), json!(invocation.argv));
    let executable = invocation.executable.names.real.as_ref();
    let executable = executable.filter(|_| case.executable_is_in_sight());
    object.insert("executable".into(), json!(executable.map(|path| path.to_string_lossy())));
    object.insert("out_of_sight".into(), json!(case.operands_out_of_sight()));
    object.insert("directory".into(), json!(invocation.directory.to_string_lossy()));
    object.insert("run_as".into(), json!(invocation.run_as.user));
    object.insert(
        "requester".into(),
        json!({"name": invocation.requester.name, "uid": invocation.requester.uid,
               "kind": case.verdict.requester_kind}),
    );
    object.insert("dynamic".into(), json!(invocation.reading.dynamic));
    object.insert("nobody_can_approve".into(), case.nobody_can_approve().into());
    object.insert("snapshot".into(), json!(preview.paths));
    object.insert("snapshot_has_more".into(), preview.more.into());
    object.insert("not_covered".into(), json!(preview.coverage.not_covered));
    object.insert(
        "undo".into(),
        json!({
            "level": preview.coverage.level,
            "because": preview.coverage.reasons(),
            "demanded": case.verdict.undo_level,
            "falls_short": case.undo_falls_short()?,
        }),
    );
    if let Some(writable) = &case.writable {
        let places: Vec<_> = writable.places.iter().map(WritablePlace::shown).collect();
        object.insert("writable".into(), json!(places));
        object.insert("cannot_be_confined".into(), json!(case.cannot_be_confined()));
    }
    object.insert("policy".into(), json!(identity(case)));
    Ok(Value::Object(object))
}

/// The same for a person.
pub(crate) fn case_text(case: &Case<'_>) -> Result<String, Failure> {
    let verdict = &case.verdict;
    let invocation = &case.invocation;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    line("decision", &decision_words(case));
    if let Some(authentication) = verdict.authenticate {
        line("password", &password_words(case, authentication.cache));
    }
    if case.cannot_break_glass().is_none() {
        line("break glass", &break_glass_words(case));
    }
    line("risk", word(&verdict.risk).as_str());
    line("command", &visible_command(&bytes(case)));
    if let Some(real) =
        invocation.executable.names.real.as_ref().filter(|_| case.executable_is_in_sight())
    {
        line("executable", &visible(&real.to_string_lossy()));
    }
    line("run as", &visible(&invocation.run_as.user));
    line("directory", &visible(&invocation.directory.to_string_lossy()));
    for reason in &verdict.reasons {
        line("because", &visible(&reason.text));
    }
    for operand in case.operands_out_of_sight() {
        let operand = visible_argument(operand.as_bytes());
        line("not seen", &format!("{operand}: \"hitl run\" decides by what it leads to"));
    }
    let preview = case.preview()?;
    let level = preview.coverage.level;
    line("undo", &format!("{level}: {}", level.meaning()));
    if let Some(why) = case.undo_falls_short()? {
        line("", &format!("so that it would not run: {}", visible(&why)));
    }
    if !preview.paths.is_empty() {
        let more = if preview.more { ", and more" } else { "" };
        line("snapshot", &format!("{}{more}:", counted(preview.paths.len() as u64, "path")));
        for path in &preview.paths {
            line("", &visible_argument(path.as_bytes()));
        }
    }
    for (name, value) in undo_lines(verdict).into_iter().chain(confinement_lines(case)) {
        line(name, &value);
    }
    for sentence in &preview.coverage.not_covered {
        line("not covered", &visible(sentence));
    }
    let identity = identity(case);
    let sources: Vec<_> =
        identity.sources.iter().map(|source| visible_bytes(source.as_bytes())).collect();
    let sources = match sources.is_empty() {
        true if case.rooms.policy.identity().sources.is_empty() => "built in".to_owned(),
        true => "its files are not yours to see".to_owned(),
        false => sources.join(", "),
    };
    line("policy", &format!("{} ({sources})", visible(&identity.name)));
    Ok(text)
}

/// Who may undo it beside whoever runs it and root, and who must approve that.
fn undo_lines(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !verdict.undo.by.is_empty() {
        lines
            .push(("undo by", format!("also members of {}", visible(&verdict.undo.by.join(", ")))));
    }
    if !verdict.undo.require.is_empty() {
        let needed = required_in_words(&verdict.undo.require);
        lines.push(("undo needs", format!("the approval of {needed}")));
    }
    lines
}

/// What a confined command may write, or why it cannot be confined here.
fn confinement_lines(case: &Case<'_>) -> Vec<(&'static str, String)> {
    let Some(writable) = &case.writable else { return Vec::new() };
    let count = writable.places.len();
    let what = match count {
        0 => "nothing but its own temporary directory".to_owned(),
        _ => format!("only {}:", counted(count as u64, "place")),
    };
    let shortfall = KernelConfinement::here().shortfall().map(|why| visible(&why));
    let first = match (case.verdict.confine, shortfall) {
        (_, None) => format!("it can write {what}"),
        (Confine::Required, Some(why)) => format!("required, so that it would not run: {why}"),
        (_, Some(why)) => format!("not fully: {why}; otherwise it could write {what}"),
    };
    let shown = |place: &WritablePlace| ("", visible_argument(place.shown().as_bytes()));
    let places = writable.places.iter().take(LISTED_PLACES).map(shown);
    let more = count.saturating_sub(LISTED_PLACES);
    let more = (more > 0).then(|| ("", format!("and {more} more")));
    std::iter::once(("confined", first)).chain(places).chain(more).collect()
}

/// The policy, with those of its files whose names the caller may come by.
fn identity(case: &Case<'_>) -> PolicyIdentity {
    let sight = Sight::of_caller();
    let mut identity = case.rooms.policy.identity().clone();
    identity.sources.retain(|source| sight.may_come_by(source.as_path()));
    identity
}

fn decision_words(case: &Case<'_>) -> String {
    let needs = required_in_words(&case.verdict.requirements);
    match case.verdict.decision {
        Decision::Allow => "allow: it would run at once".to_owned(),
        Decision::Confirm if case.may_be_confirmed_in_place() => {
            "confirm: you would be asked at your terminal".to_owned()
        }
        Decision::Confirm => {
            "confirm: a human would have to say yes, from a terminal of their own".to_owned()
        }
        Decision::Approve if case.nobody_can_approve() => {
            "approve: but nobody can approve it here, so it would be refused".to_owned()
        }
        Decision::Approve => format!("approve: it would wait for {needs}"),
        Decision::Deny => "deny: it would be refused".to_owned(),
    }
}

/// What the caller could do about a denial.
fn break_glass_words(case: &Case<'_>) -> String {
    let then = match case.needed_beside_the_denial() {
        Some(needed) => format!("it would still wait for {needed}"),
        None => "it would run".to_owned(),
    };
    format!(
        "you could lift this denial, and {then}; on record, and reviewed by others: \
         \"hitl run --break-glass --reason WHY\""
    )
}

/// Whether the requester would be asked for their password.
fn password_words(case: &Case<'_>, cache: Option<Duration>) -> String {
    match (case.authentication_needed(), cache) {
        (Err(why), _) => format!("it would be refused: {why}"),
        (Ok(false), _) => "others would be asked for theirs; root is not".to_owned(),
        (Ok(true), None) => "you would be asked for yours".to_owned(),
        (Ok(true), Some(time)) => format!(
            "you would be asked for yours, unless you gave it here less than {} ago",
            duration_text(time)
        ),
    }
}

/// What `--dry-run` and `hitl check` print, and their exit code.
pub(crate) fn dry_run(case: &Case<'_>, output: &Output) -> Result<Exit, Failure> {
    if output.json {
        output.print_json(&case_json(case)?)?;
    } else {
        output.print(&case_text(case)?)?;
    }
    let code = match case.verdict.decision {
        _ if case.cannot_be_confined().is_some() => ExitCode::Failed as i32,
        // Who is refused anyway is told so.
        Decision::Allow | Decision::Confirm | Decision::Approve
            if case.undo_falls_short()?.is_some() =>
        {
            ExitCode::Denied as i32
        }
        Decision::Allow => 0,
        _ if case.nobody_can_approve() => ExitCode::Denied as i32,
        Decision::Confirm | Decision::Approve => ExitCode::Pending as i32,
        Decision::Deny => ExitCode::Denied as i32,
    };
    Ok(Exit::Status(code))
}

/// How a command ended.
pub(crate) fn ending_json(ending: Ending) -> Map<String, Value> {
    let (name, value) = match ending {
        Ending::Exited(status) => ("exit_code", json!(status)),
        Ending::Signalled(signal) => ("signal", json!(signal)),
        Ending::TimedOut => ("timed_out", json!(true)),
        Ending::Abandoned => ("abandoned", json!(true)),
        Ending::NotExecuted(number) => ("not_executed", json!(number)),
    };
    Map::from_iter([(name.to_owned(), value)])
}

/// How a run ended.
pub(crate) fn outcome_json(outcome: &Outcome) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("v".into(), 1.into());
    match outcome {
        Outcome::Ended { id, ending, undoable } => {
            object.insert("outcome".into(), "ended".into());
            object.insert("id".into(), id.to_string().into());
            object.insert("undoable".into(), (*undoable).into());
            object.extend(ending_json(*ending));
        }
        Outcome::Denied { id, why } => {
            object.insert("outcome".into(), "denied".into());
            object.insert("id".into(), id.to_string().into());
            object.insert("why".into(), why.as_str().into());
        }
        Outcome::Pending(record) | Outcome::TimeUp(record) | Outcome::Closed(record) => {
            let word = match outcome {
                Outcome::TimeUp(_) => "time-up".to_owned(),
                _ => word(&record.state),
            };
            object.insert("outcome".into(), word.into());
            object.insert("id".into(), record.id.to_string().into());
            object.insert("state".into(), word_value(&record.state));
            object.insert("why".into(), record.standing().into());
            object.insert("expires".into(), record.approval_deadline.rfc3339().into());
        }
    }
    object
}

/// What is said at the end, where the command's own output does not say it all.
pub(crate) fn outcome_sentence(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Ended { ending: Ending::TimedOut, .. } => {
            Some("the command ran longer than the policy lets it, and was ended".to_owned())
        }
        Outcome::Ended { .. } => None,
        Outcome::Denied { why, .. } => Some(format!("denied: {why}")),
        Outcome::Pending(record) => Some(format!(
            "nothing has run; once {id} is approved, \"hitl run --resume {id}\" goes on",
            id = record.id
        )),
        Outcome::TimeUp(record) => Some(format!(
            "nobody decided in the time you were ready to wait; {} is still pending: {}",
            record.id,
            record.standing()
        )),
        Outcome::Closed(record) => {
            let word = word(&record.state);
            Some(format!("{} is {word}: {}", record.id, record.standing()))
        }
    }
}

/// How much of a command is repeated.
const REPEATED: usize = 160;

/// What a request is about, once more: where it stands above may have left a small window.
pub(crate) fn about_sentence(record: &Record) -> String {
    let words: Vec<_> = record.bound.argv.iter().map(|word| word.as_bytes()).collect();
    let command = visible_command(&words);
    let more = if command.chars().count() > REPEATED { "…" } else { "" };
    let command: String = command.chars().take(REPEATED).collect();
    format!("hitl: {} risk: {command}{more}", record.shown.risk.word())
}

/// What to do about a request that has just been made.
pub(crate) fn pending_sentence(record: &Record, candidates: &Candidates) -> String {
    let id = &record.id;
    match record.shown.decision {
        Decision::Confirm => format!(
            "hitl: {id} waits for your confirmation; from another terminal: \"hitl approve {id}\" or \"hitl cancel {id}\""
        ),
        _ => format!(
            "hitl: {id} waits for {}: \"hitl show {id}\", then \"hitl approve {id}\" or \"hitl reject {id} -m REASON\"",
            candidates.needed(record)
        ),
    }
}

/// What is at stake for whoever is about to lift a denial.
pub(crate) fn breaking_sentence(record: &Record) -> String {
    let lifted = record.shown.break_glass.as_ref().map(|glass| glass.lifted.join(", "));
    format!(
        "hitl: the policy denies this by {}; if you lift that, it is on record, told to others, and \
         reviewed by them",
        visible(&lifted.unwrap_or_default())
    )
}

/// That they have lifted it.
pub(crate) fn broken_sentence(record: &Record) -> String {
    let by = record.shown.break_glass.as_ref().map(|glass| glass.review_by.rfc3339());
    format!(
        "hitl: {id} lifts the denial: that is on record, with your reason, and will be reviewed until {}; \
         \"hitl pending --break-glass\" lists it until then",
        by.unwrap_or_default(),
        id = record.id
    )
}

/// Who said yes.
pub(crate) fn approved_sentence(record: &Record) -> String {
    let names: Vec<_> =
        record.approvals.iter().map(|approval| visible(&approval.approver.name)).collect();
    format!("{} is approved by {}", record.id, names.join(" and "))
}

fn bytes<'c>(case: &'c Case<'_>) -> Vec<&'c [u8]> {
    case.invocation.argv.iter().map(|argument| argument.as_bytes()).collect()
}

/// The word that an enumeration is written as in JSON.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    word_value(value).as_str().unwrap_or_default().to_owned()
}

fn word_value<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
