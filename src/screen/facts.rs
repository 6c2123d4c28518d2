//! What a reviewer must know of a request, in the order in which it matters: the stakes first, the
//! requester's own words late and labelled as theirs. Nothing is shortened.

use crate::invocation::BoundFile;
use crate::policy::{Confine, Decision, Risk, dynamic_reason};
use crate::review::{
    State, UndoShown, input_text, kind_text, made_visible, risk_text, run_as_text, undigested,
};
use crate::snapshot::CoverageLevel;
use crate::system::ByteString;
use crate::system::duration_text;
use crate::system::text::{counted, visible, visible_argument, visible_bytes, visible_command};

use super::request::{Attached, Needed, Request};
use super::spaces::spelled_out;

/// How a text is meant, which is how it is painted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// What to look at first.
    Strong,
    /// Beside the point: places, numbers, labels.
    Aside,
    /// Good, or harmless.
    Good,
    /// Worth a look.
    Caution,
    /// Bad, or dangerous.
    Bad,
    /// As dangerous as it gets.
    Alarm,
    /// Somebody's claim.
    Claim,
}

/// A label and what is said under it, each value on a line of its own or on several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) values: Vec<(Tone, String)>,
}

/// All facts of a request at this time, in milliseconds since boot.
pub(super) fn facts(request: &Request, now_ms: u64) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    facts.stakes(request);
    facts.command(request);
    facts.requester(request);
    let rules = request.bound.rules.iter().map(|rule| visible(rule));
    facts.list("rules", rules, "none: the defaults decided");
    facts.decisions(request, now_ms);
    facts.claims(request);
    facts.rollback(request);
    facts.surroundings(request);
    facts.0
}

/// The tone of a risk.
pub(super) fn risk_tone(risk: Risk) -> Tone {
    match risk {
        Risk::Low => Tone::Good,
        Risk::Medium => Tone::Caution,
        Risk::High => Tone::Bad,
        Risk::Critical => Tone::Alarm,
    }
}

/// Who is still needed, in a few words.
pub(super) fn needed_text(needed: &[Needed]) -> String {
    let one = |needed: &Needed| {
        let groups: Vec<String> = needed.groups().map(visible).collect();
        let presence = match needed.presence.as_deref() {
            None | Some("uid") => String::new(),
            Some(presence) => format!(", presence {}", visible(presence)),
        };
        format!("{} of group {}{presence}", needed.count, groups.join(" or "))
    };
    needed.iter().map(one).collect::<Vec<_>>().join(" + ")
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, label: &'static str, values: Vec<(Tone, String)>) {
        if !values.is_empty() {
            self.0.push(Fact { label, values });
        }
    }

    fn one(&mut self, label: &'static str, text: impl Into<String>) {
        self.add(label, vec![(Tone::Plain, text.into())]);
    }

    fn list(&mut self, label: &'static str, texts: impl Iterator<Item = String>, none: &str) {
        let mut values: Vec<_> = texts.map(|text| (Tone::Plain, text)).collect();
        if values.is_empty() && !none.is_empty() {
            values.push((Tone::Aside, none.to_owned()));
        }
        self.add(label, values);
    }

    /// The denial that was lifted, and what others say of it.
    fn glass(&mut self, request: &Request) {
        let Some(glass) = &request.glass else { return };
        let listed = |words: &[String]| {
            words.iter().map(|word| visible(word)).collect::<Vec<_>>().join(", ")
        };
        let lifted = format!("BREAK-GLASS: {} denies this, and was lifted", listed(&glass.lifted));
        let mut values = vec![(Tone::Alarm, lifted)];
        let (reviewers, until) = (listed(&glass.reviewers), glass.review_by.rfc3339());
        match (&request.review, request.review_overdue) {
            (Some(review), _) => {
                let (who, judgement) = (visible(&review.reviewer.name), visible(&review.judgement));
                values.push((Tone::Strong, format!("{who}: {judgement}, {}", review.at.rfc3339())));
                values.extend(review.message.as_deref().map(|text| (Tone::Claim, quoted(text))));
            }
            (None, Some(true)) => {
                values.push((Tone::Bad, format!("review OVERDUE: by {reviewers}, until {until}")))
            }
            (None, _) => {
                values
                    .push((Tone::Caution, format!("to be reviewed by {reviewers} until {until}")));
            }
        }
        self.add("attention", values);
    }

    fn stakes(&mut self, request: &Request) {
        let shown = &request.shown;
        self.glass(request);
        let asks = match shown.decision {
            Decision::Confirm => "the requester's own human confirms",
            Decision::Deny => "denied, and lifted in an emergency",
            _ => "other humans approve",
        };
        let risk = risk_text(shown.risk).to_uppercase();
        let mut values = vec![(risk_tone(shown.risk), format!("{risk}: {asks}"))];
        values.extend(shown.reasons.iter().map(|one| (Tone::Plain, shown_once(&one.text))));
        for fragment in &shown.dynamic {
            let reason = dynamic_reason(fragment);
            if !shown.reasons.contains(&reason) {
                values.push((Tone::Caution, shown_once(&reason.text)));
            }
        }
        self.add("risk", values);
    }

    fn command(&mut self, request: &Request) {
        let bound = &request.bound;
        let argument = |(index, argument): (usize, &ByteString)| {
            let tone = if index == 0 { Tone::Strong } else { Tone::Plain };
            (tone, format!("[{index}] {}", spelled_out(&visible_argument(argument.as_bytes()))))
        };
        self.add("command", bound.argv.iter().enumerate().map(argument).collect());
        self.add("executable", file(&bound.executable));
        self.add("files", bound.operands.iter().flat_map(file).collect());
        self.one("runs as", run_as_text(&bound.run_as));
        if !request.difference.is_empty() {
            let tone = |line: &String| match line.chars().next() {
                Some('+') => Tone::Good,
                Some('-') => Tone::Bad,
                _ => Tone::Plain,
            };
            let lines = request.difference.iter();
            self.add("difference", lines.map(|line| (tone(line), line.clone())).collect());
        }
    }

    fn requester(&mut self, request: &Request) {
        let requester = &request.bound.requester;
        let login = match requester.login_uid {
            Some(uid) if uid == requester.uid => String::new(),
            Some(uid) => format!(", logged in as uid {uid}"),
            None => ", login uid unknown".to_owned(),
        };
        let kind = kind_text(requester.kind);
        let kind = match &request.shown.kind_reason {
            Some(reason) => format!("{kind} ({})", shown_once(reason)),
            None => kind.to_owned(),
        };
        let name = visible(&requester.name);
        let mut values =
            vec![(Tone::Strong, format!("{name} (uid {}{login}), {kind}", requester.uid))];
        values.push((Tone::Aside, visible(&request.created)));
        let proved = match request.shown.proved_by.as_deref() {
            Some("remembered") => "they authenticated a while before, at the same terminal",
            Some(_) => "they authenticated when they asked",
            None => "",
        };
        values.extend((!proved.is_empty()).then(|| (Tone::Aside, proved.to_owned())));
        self.add("asked by", values);
        let host = &request.bound.host;
        self.one("host", format!("{} ({})", visible(&host.name), visible(&host.id)));
        let terminal = request.shown.terminal.as_ref();
        self.list("terminal", terminal.map(path).into_iter(), "none");
        self.one("directory", path(&request.bound.directory));
    }

    fn decisions(&mut self, request: &Request, now_ms: u64) {
        let given = request.approvals.iter().map(|given| {
            let message = given.message.as_deref().map(quoted);
            let message = message.map_or_else(String::new, |message| format!(": {message}"));
            let approver = &given.approver;
            format!(
                "{} (uid {}, proven by {}), {}{message}",
                visible(&approver.name),
                approver.uid,
                visible(&given.presence),
                given.at.rfc3339()
            )
        });
        self.list("approved by", given, "");
        if let Some(rejection) = &request.rejection {
            let (who, why) = (visible(&rejection.approver.name), quoted(&rejection.message));
            self.add("rejected by", vec![(Tone::Bad, format!("{who}: {why}"))]);
        }
        let left = request.remaining_ms(now_ms).map(left_text);
        let until = |deadline: &str, left: Option<String>| {
            format!("until {}, {} left", visible(deadline), left.unwrap_or_default())
        };
        match (request.state, &request.execution_deadline) {
            (State::Pending, _) => {
                let needed = match request.shown.decision {
                    Decision::Confirm => "the requester confirms at their own terminal".to_owned(),
                    _ => needed_text(&request.still_needed),
                };
                let until = until(&request.approval_deadline, left);
                self.add("still needed", vec![(Tone::Strong, needed), (Tone::Plain, until)]);
            }
            (State::Approved, Some(deadline)) => {
                let until = until(deadline, left);
                let values = vec![
                    (Tone::Strong, "approved: it may start once".to_owned()),
                    (Tone::Plain, until),
                ];
                self.add("now", values);
            }
            (state, _) => {
                let mut values = vec![(Tone::Strong, state.to_string())];
                let details = request.closed_because.iter().chain(&request.ending);
                values.extend(details.map(|text| (Tone::Plain, shown_once(text))));
                values.push((Tone::Aside, format!("since {}", visible(&request.changed))));
                self.add("now", values);
            }
        }
    }

    fn claims(&mut self, request: &Request) {
        let reason = request.bound.reason.as_ref();
        let mut values: Vec<_> =
            reason.map(|reason| (Tone::Claim, quoted(reason))).into_iter().collect();
        if let Some(ticket) = &request.bound.ticket {
            values.push((Tone::Claim, format!("ticket {}", quoted(ticket))));
        }
        if let Some(digest) = &request.bound.plan {
            values.push(match &request.plan {
                Some(Attached { error: Some(error), .. }) => {
                    (Tone::Alarm, format!("a plan was attached, and {}", visible(error)))
                }
                Some(Attached { lines, .. }) => {
                    (Tone::Claim, format!("a plan of {}: p shows it", counted(*lines, "line")))
                }
                None => (Tone::Claim, "a plan: p shows it".to_owned()),
            });
            values.push((Tone::Aside, digest.to_string()));
        }
        let note = match values.is_empty() {
            true => "they give no reason",
            false => "(the requester's words, not checked)",
        };
        values.push((Tone::Aside, note.to_owned()));
        self.add("their claim", values);
    }

    /// What is undone, and what that puts back.
    fn undo(&mut self, undo: &UndoShown) {
        let words: Vec<&[u8]> = undo.command.iter().map(|word| word.as_bytes()).collect();
        let who = visible(&undo.requester);
        let mut values = vec![
            (Tone::Plain, format!("run {}, by {who}, {}", visible(&undo.run), visible(&undo.at))),
            (Tone::Strong, spelled_out(&visible_command(&words))),
        ];
        if undo.force {
            let text = "what was changed since is overwritten (and kept) as well";
            values.push((Tone::Caution, text.to_owned()));
        }
        self.add("undoes", values);
        self.list("only", undo.only.iter().map(path), "");
        let lines = undo.lines.iter().map(|line| shown_once(line));
        self.list("goes back", lines, "nothing that you may see yourself");
        let follow = undo.follow.iter().map(|argv| spelled_out(&visible_command(argv)));
        self.list("then runs", follow, "");
        self.one("snapshot of", "what it replaces: the undo can itself be undone");
    }

    fn rollback(&mut self, request: &Request) {
        match &request.shown.undoes {
            Some(undo) => self.undo(undo),
            None => {
                let undo = request.shown.undo;
                let tone = match undo {
                    CoverageLevel::None => Tone::Alarm,
                    CoverageLevel::BestEffort => Tone::Caution,
                    CoverageLevel::ExactWithin | CoverageLevel::NothingToUndo => Tone::Plain,
                };
                self.add("undo", vec![(tone, format!("{undo}: {}", undo.meaning()))]);
                self.list("snapshot of", request.shown.snapshot.iter().map(path), "");
            }
        }
        let sentences = request.shown.not_covered.iter();
        let values = sentences.map(|sentence| (Tone::Caution, shown_once(sentence)));
        self.add("no undo for", values.collect());
    }

    fn surroundings(&mut self, request: &Request) {
        if let Some(confined) = &request.shown.confined {
            let certain = match confined.confine {
                Confine::Required => "it can write only",
                _ => "where the kernel can, it can write only",
            };
            let mut values = vec![format!("{certain} its own temporary directory and, below /:")];
            values.extend(confined.writable.iter().map(path));
            let more = confined.places.saturating_sub(confined.writable.len() as u64);
            values.extend((more > 0).then(|| format!("and {more} more places")));
            self.list("confined", values.into_iter(), "");
        }
        if let Some(milliseconds) = request.shown.run_timeout_ms {
            self.one("time limit", duration_text(std::time::Duration::from_millis(milliseconds)));
        }
        let input = match request.shown.plan_was_input {
            true => "none: it was read for the plan",
            false => input_text(request.bound.input),
        };
        self.one("input", input);
        let names = &request.bound.environment.names;
        let names: Vec<String> = names.iter().map(|name| visible_bytes(name.as_bytes())).collect();
        let names = if names.is_empty() { "empty".to_owned() } else { names.join(" ") };
        self.one("environment", names);
        self.add("digest", vec![(Tone::Aside, request.digest.to_string())]);
    }
}

/// A time that is left, so short that it fits a column.
pub(super) fn left_text(milliseconds: u64) -> String {
    duration_text(std::time::Duration::from_millis(milliseconds))
}

fn file(file: &BoundFile) -> Vec<(Tone, String)> {
    let digest = match &file.sha256 {
        Some(digest) => (Tone::Aside, digest.to_string()),
        None => (Tone::Caution, undigested(file)),
    };
    vec![(Tone::Plain, path(&file.path)), digest]
}

/// A sentence of hitl's, whose quotations were made visible when it was written.
fn shown_once(sentence: &str) -> String {
    spelled_out(&made_visible(sentence))
}

fn path(path: &ByteString) -> String {
    spelled_out(&visible_argument(path.as_bytes()))
}

/// Somebody's words, in quotes that they cannot close.
fn quoted(text: &str) -> String {
    spelled_out(&format!("\"{}\"", visible(text).replace('"', "\\\"")))
}
