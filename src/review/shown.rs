//! One request as a reviewer reads it: what is at stake first, the requester's own words late and
//! labelled as such, nothing shortened.

use super::lines::{Lines, made_visible};
use super::paint;
use super::wording::{input_text, kind_text, proof_text, risk_text, run_as_text, undigested};
use super::{Approval, Confined, Plan, Record, State};
use crate::invocation::BoundFile;
use crate::policy::{Confine, Decision, dynamic_reason};
use crate::system::text::{
    cells, counted, visible, visible_argument, visible_bytes, visible_command,
};
use crate::system::{ByteString, Colour, Moment, duration_text};

/// A command up to this many cells stands on one line.
const SHORT_COMMAND: usize = 60;

/// How many lines of a plan are shown with the request.
const FIRST_LINES: usize = 12;

/// How many characters of each of them.
const FIRST_CHARACTERS: usize = 160;

/// The request for people, several lines, each ending in a line feed. That a plan is attached is said;
/// its text is not among them.
pub fn describe(record: &Record, now: &Moment, colour: Colour) -> String {
    describe_with_plan(record, None, now, colour)
}

/// As [`describe`], with the beginning of the plan that was attached, or why it cannot be shown.
pub fn describe_with_plan(
    record: &Record,
    plan: Option<&Result<Plan, &'static str>>,
    now: &Moment,
    colour: Colour,
) -> String {
    let mut lines = Lines::default();
    let title = format!("Request {} is {}", record.id, record.state);
    lines.heading(&paint::strong(colour, &title));
    describe_risk(record, colour, &mut lines);
    describe_command(record, &mut lines);
    describe_requester(record, now, &mut lines);
    let rules: Vec<String> = record.bound.rules.iter().map(|rule| visible(rule)).collect();
    let rules = if rules.is_empty() { vec!["none: the defaults decided".into()] } else { rules };
    lines.field("rules", &rules);
    describe_decisions(record, now, &mut lines);
    let claim = record.bound.reason.as_deref().map_or_else(
        || "none given".to_owned(),
        |reason| format!("\"{}\" (their words, not checked)", visible(reason)),
    );
    lines.field("their reason", &[claim]);
    describe_glass(record, now, &mut lines);
    let ticket = record.bound.ticket.as_deref();
    let ticket = ticket.map(|ticket| format!("{} (their words, not checked)", visible(ticket)));
    lines.field("their ticket", &Vec::from_iter(ticket));
    describe_plan(record, plan, &mut lines);
    describe_undo(record, &mut lines);
    describe_rollback(record, &mut lines);
    lines.field("bound by", &["the digest of all that a decision is about:"]);
    lines.digest(&record.digest);
    lines.finish()
}

fn describe_risk(record: &Record, colour: Colour, lines: &mut Lines) {
    let shown = &record.shown;
    let risk = risk_text(shown.risk);
    let asks = match shown.decision {
        Decision::Confirm => "the requester's own human confirms",
        Decision::Deny => "denied, and lifted in an emergency",
        _ => "other humans approve",
    };
    let label = paint::risk(colour, shown.risk, &risk.to_uppercase());
    let mut values = vec![format!("{label}: {asks}")];
    values.extend(shown.reasons.iter().map(|reason| made_visible(&reason.text)));
    for fragment in &shown.dynamic {
        let reason = dynamic_reason(fragment);
        if !shown.reasons.contains(&reason) {
            values.push(made_visible(&reason.text));
        }
    }
    lines.field("risk", &values);
}

fn describe_command(record: &Record, lines: &mut Lines) {
    let bound = &record.bound;
    lines.field("command", &command(&bound.argv));
    describe_file("executable", &bound.executable, lines);
    for (index, operand) in bound.operands.iter().enumerate() {
        describe_file(if index == 0 { "files" } else { "" }, operand, lines);
    }
    lines.field("runs as", &[run_as_text(&bound.run_as)]);
    let names: Vec<String> =
        bound.environment.names.iter().map(|name| visible_bytes(name.as_bytes())).collect();
    let names = if names.is_empty() { "empty".to_owned() } else { names.join(", ") };
    lines.field("environment", &[names]);
    lines.field("input", &[input_text(bound.input)]);
    if let Some(milliseconds) = record.shown.run_timeout_ms {
        let limit = duration_text(std::time::Duration::from_millis(milliseconds));
        lines.field("time limit", &[limit]);
    }
    if let Some(confined) = &record.shown.confined {
        lines.field("confined", &confinement(confined));
    }
}

/// What a confined command may write. What it may not is all the rest, so none of it is left out
/// without a word.
fn confinement(confined: &Confined) -> Vec<String> {
    let certain = match confined.confine {
        Confine::Required => "it can write only",
        _ => "where the kernel can, it can write only",
    };
    if confined.places == 0 {
        return vec![format!("{certain} its own temporary directory")];
    }
    let mut values = vec![format!("{certain} (below /) these, and its own temporary directory:")];
    values.extend(confined.writable.iter().map(|path| visible_argument(path.as_bytes())));
    let listed = confined.writable.len() as u64;
    if confined.places > listed {
        values.push(format!("and {} more", confined.places - listed));
    }
    values
}

/// On one line where that can be read in one way only, else one argument a line.
fn command(argv: &[ByteString]) -> Vec<String> {
    let arguments: Vec<String> =
        argv.iter().map(|argument| visible_argument(argument.as_bytes())).collect();
    let line = arguments.join(" ");
    // Quoted: it holds a space, a quote, a shell character or something that was made visible.
    let is_plain = !arguments.iter().any(|argument| argument.starts_with('"'));
    if is_plain && cells(&line) <= SHORT_COMMAND {
        return vec![line];
    }
    let numbered = arguments.iter().enumerate();
    numbered.map(|(index, argument)| format!("[{index}] {argument}")).collect()
}

fn describe_file(label: &str, file: &BoundFile, lines: &mut Lines) {
    let path = visible_argument(file.path.as_bytes());
    match &file.sha256 {
        Some(digest) => {
            lines.field(label, &[path]);
            lines.digest(digest);
        }
        None => {
            lines.field(label, &[format!("{path} ({})", undigested(file))]);
        }
    }
}

fn describe_requester(record: &Record, now: &Moment, lines: &mut Lines) {
    let requester = &record.bound.requester;
    let login = match requester.login_uid {
        Some(uid) if uid == requester.uid => String::new(),
        Some(uid) => format!(", logged in as uid {uid}"),
        None => ", login uid unknown".to_owned(),
    };
    let kind_reason = record.shown.kind_reason.as_deref().map(made_visible);
    let kind = match kind_reason {
        Some(reason) => format!("{} ({reason})", kind_text(requester.kind)),
        None => kind_text(requester.kind).to_owned(),
    };
    let who = format!("{} (uid {}{login}), {kind}", visible(&requester.name), requester.uid);
    let age = duration_text(record.age(now));
    let mut asked = vec![who, format!("{}, {age} ago", record.created.rfc3339())];
    let proved = match record.shown.proved_by.as_deref() {
        Some("remembered") => Some("they authenticated a while before, at the same terminal"),
        Some(_) => Some("they authenticated when they asked"),
        None => None,
    };
    asked.extend(proved.map(str::to_owned));
    lines.field("asked by", &asked);
    let host = &record.bound.host;
    lines.field("host", &[format!("{} ({})", visible(&host.name), visible(&host.id))]);
    let terminal = record.shown.terminal.as_ref();
    let terminal =
        terminal.map_or_else(|| "none".to_owned(), |path| visible_argument(path.as_bytes()));
    lines.field("terminal", &[terminal]);
    lines.field("directory", &[visible_argument(record.bound.directory.as_bytes())]);
}

fn describe_decisions(record: &Record, now: &Moment, lines: &mut Lines) {
    let given = |approval: &Approval| {
        let message = approval.message.as_deref();
        let message = message.map_or_else(String::new, |text| format!(": \"{}\"", visible(text)));
        format!(
            "{} (uid {}), {}, {}{message}",
            visible(&approval.approver.name),
            approval.approver.uid,
            proof_text(&approval.proof, approval.presence),
            approval.at.rfc3339()
        )
    };
    lines.field("approved by", &record.approvals.iter().map(given).collect::<Vec<_>>());
    match (record.state, record.deadline()) {
        // Nobody else is: what they type next is all that there is to it.
        (State::Pending, _) if record.is_lifted_alone() => {}
        (State::Pending, Some(deadline)) => {
            let left = duration_text(deadline.remaining(now));
            let until = format!("until {}, {left} left", deadline.rfc3339());
            lines.field("still needed", &[record.needed(), until]);
        }
        _ => lines.field("now", &[record.standing()]),
    }
}

/// What the requester says that they intend: counted first, so that nothing in it can pass for its
/// end, each line marked as theirs.
fn describe_plan(record: &Record, plan: Option<&Result<Plan, &'static str>>, lines: &mut Lines) {
    if record.bound.plan.is_none() {
        return;
    }
    let whole = format!("\"hitl show --plan {}\" shows it", record.id);
    let plan = match plan {
        None => return lines.field("their plan", &[format!("attached: {whole}")]),
        Some(Err(why)) => return lines.field("their plan", &[format!("cannot be shown: {why}")]),
        Some(Ok(plan)) => plan,
    };
    let (count, bytes) = (plan.lines().count(), plan.bytes() as u64);
    let size = format!("{} of {}", counted(bytes, "byte"), counted(count as u64, "line"));
    let first: Vec<String> = plan.lines().take(FIRST_LINES).collect();
    let long = first.iter().any(|line| line.chars().count() > FIRST_CHARACTERS);
    let part = match (count > FIRST_LINES, long) {
        (false, false) => String::new(),
        (true, false) => format!("; its first {FIRST_LINES} lines; {whole} whole"),
        (false, true) => format!("; long lines are cut, with …; {whole} whole"),
        (true, true) => {
            format!("; its first {FIRST_LINES} lines, long ones cut, with …; {whole} whole")
        }
    };
    let mut values = vec![format!("{size} (their words, not checked){part}:")];
    values.extend(first.iter().map(|line| match line.char_indices().nth(FIRST_CHARACTERS) {
        Some((end, _)) => format!("| {}…", line.get(..end).unwrap_or(line)),
        None => format!("| {line}"),
    }));
    lines.field("their plan", &values);
}

/// The denial that is lifted, and what others say of it.
fn describe_glass(record: &Record, now: &Moment, lines: &mut Lines) {
    let Some(glass) = &record.shown.break_glass else { return };
    let reviewers = visible(&glass.reviewers.join(", "));
    let review = match &record.review {
        Some(review) => format!(
            "{} (uid {}) found it {}, {}",
            visible(&review.reviewer.name),
            review.reviewer.uid,
            review.judgement,
            review.at.rfc3339()
        ),
        None if record.review_is_overdue(now) => {
            format!("OVERDUE: by the members of {reviewers}, until {}", glass.review_by.rfc3339())
        }
        None => format!("by the members of {reviewers}, until {}", glass.review_by.rfc3339()),
    };
    let message = record.review.as_ref().and_then(|review| review.message.as_deref());
    let message = message.map(|text| format!("\"{}\"", visible(text)));
    lines.field("break-glass", &[format!("lifts {}", visible(&glass.lifted.join(", ")))]);
    let values: Vec<String> = std::iter::once(review).chain(message).collect();
    lines.field("review", &values);
}

/// What is undone, and what that puts back.
fn describe_undo(record: &Record, lines: &mut Lines) {
    let Some(undo) = &record.shown.undoes else { return };
    let words: Vec<&[u8]> = undo.command.iter().map(|word| word.as_bytes()).collect();
    let run = format!("run {}, by {}, {}", visible(&undo.run), visible(&undo.requester), undo.at);
    lines.field("undoes", &[run, visible_command(&words)]);
    if undo.force {
        lines.field("force", &["what was changed since is overwritten (and kept) as well"]);
    }
    let only: Vec<String> =
        undo.only.iter().map(|path| visible_argument(path.as_bytes())).collect();
    lines.field("only", &only);
    let nothing = ["nothing that you may see yourself".to_owned()];
    let back = if undo.lines.is_empty() { &nothing[..] } else { &undo.lines[..] };
    lines.field("goes back", &back.iter().map(|line| made_visible(line)).collect::<Vec<_>>());
    let follow: Vec<String> = undo
        .follow
        .iter()
        .map(|argv| visible_command(&argv.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    lines.field("then runs", &follow);
}

fn describe_rollback(record: &Record, lines: &mut Lines) {
    if record.shown.undoes.is_some() {
        lines.field("snapshot of", &["what it replaces: the undo can itself be undone"]);
        let not_covered: Vec<String> =
            record.shown.not_covered.iter().map(|sentence| made_visible(sentence)).collect();
        return lines.field("no undo for", &not_covered);
    }
    let paths: Vec<String> =
        record.shown.snapshot.iter().map(|path| visible_argument(path.as_bytes())).collect();
    let undo = record.shown.undo;
    lines.field("undo", &[format!("{undo}: {}", undo.meaning())]);
    lines.field("snapshot of", &paths);
    let not_covered: Vec<String> =
        record.shown.not_covered.iter().map(|sentence| made_visible(sentence)).collect();
    lines.field("no undo for", &not_covered);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::{DynamicFragment, RequesterKind};
    use crate::review::samples;

    #[test]
    fn a_reviewer_reads_the_stakes_first_and_the_requesters_claim_late() {
        let text = describe(&samples::record(), &samples::moment(30), Colour::Off);
        let order = [
            "Request K7Q2-MX4P is pending",
            "risk         HIGH: other humans approve",
            "rule deploys matches",
            "command      bash /srv/deploy.sh /srv/plan",
            "executable   /usr/bin/bash\n         sha256:",
            "files        /srv/deploy.sh",
            "too large to be hashed",
            "runs as      root (uid 0",
            "asked by     alice (uid 1000), a human",
            "30s ago",
            "host         db1",
            "terminal     /dev/pts/3",
            "directory    /srv/app",
            "rules        deploys",
            "still needed 1 of group ops",
            "9m 30s left",
            "their reason \"release 4.2\" (their words, not checked)",
            "undo         best-effort: ",
            "snapshot of  /srv/app",
            "no undo for  what the script does over the network",
            "bound by     the digest",
            "sha256:",
        ];
        let mut from = 0;
        for part in order {
            let found = text[from..].find(part);
            from +=
                found.unwrap_or_else(|| panic!("{part:?} is missing, or too early, in\n{text}"));
        }
        assert!(text.lines().all(|line| cells(line) <= 80), "{text}");
    }

    #[test]
    fn hostile_text_reaches_no_terminal_and_each_argument_has_its_line() {
        let mut record = samples::record();
        let hostile = String::from_utf8(samples::hostile().as_bytes().to_vec()).unwrap();
        record.bound.argv = vec!["sh".into(), "".into(), samples::hostile()];
        record.bound.directory = samples::hostile();
        record.bound.reason = Some(hostile.clone());
        record.bound.requester.name = hostile.clone();
        record.bound.requester.kind = RequesterKind::Agent;
        record.shown.kind_reason = Some(hostile.clone());
        record.shown.terminal = Some(samples::hostile());
        record.shown.not_covered = vec![hostile.clone()];
        record.shown.dynamic =
            vec![DynamicFragment { fragment: samples::hostile(), reason: hostile.clone() }];
        record.approvals.push(samples::approval(1001, &["ops"]));
        record.approvals[0].message = Some(hostile);
        let text = describe(&record, &samples::moment(1), Colour::Off);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(text.contains("[1] \"\"\n") && text.contains("[2] \"\\e[2J\\u{202e}gone\""));
    }

    #[test]
    fn a_reviewer_reads_what_a_confined_command_may_write() {
        let shown = |confine, writable: &[ByteString], places| {
            let mut record = samples::record();
            let writable = writable.to_vec();
            record.shown.confined = Some(Confined { confine, writable, places });
            describe(&record, &samples::moment(1), Colour::Off)
        };
        let text = shown(Confine::Required, &["/srv/app/".into(), samples::hostile()], 5);
        assert!(text.contains("  confined     it can write only"), "{text}");
        for line in ["/srv/app/", "\"\\e[2J\\u{202e}gone\"", "and 3 more"] {
            assert!(text.contains(&format!("\n               {line}\n")), "{line} in {text}");
        }
        assert!(!text.contains('\u{1b}'));
        let text = shown(Confine::Wanted, &[], 0);
        assert!(text.contains("where the kernel can, it can write only its own temporary"));
        assert!(
            !describe(&samples::record(), &samples::moment(1), Colour::Off).contains("confined")
        );
    }

    #[test]
    fn nothing_is_shortened() {
        let mut record = samples::record();
        record.bound.argv.push("x".repeat(10_000).as_str().into());
        let text = describe(&record, &samples::moment(1), Colour::Off);
        assert!(text.matches('x').count() >= 10_000);
    }

    #[test]
    fn colour_changes_nothing_that_is_read() {
        let plain = describe(&samples::record(), &samples::moment(1), Colour::Off);
        let painted = describe(&samples::record(), &samples::moment(1), Colour::On);
        let bare =
            painted.replace("\u{1b}[1m", "").replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", "");
        assert!(painted.contains("\u{1b}[1;31mHIGH"));
        assert_eq!(bare, plain);
    }
}
