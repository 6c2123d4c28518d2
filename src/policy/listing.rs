//! What a policy lets somebody do, and what each thing needs: `hitl list`.
//!
//! It tells a person about their own rules. What is only about other people, hosts or kinds of
//! requesters is left out, and so are the names that they stand beside: who else may do something is
//! not theirs to know. Whom to ask is: the names of approving groups, not their members.

use std::time::Duration;

use serde::Serialize;

use super::conditions::Conditions;
use super::matching::{Leaning, Situation, World};
use super::quantity::Quantity;
use super::rule::{Raise, Rule};
use super::verdict::{Judgement, Lifting};
use super::{
    Authentication, Confine, Decision, Policy, Requirement, Risk, UndoLevel, Verdict, milliseconds,
    optional_milliseconds,
};
use crate::invocation::{Imagined, Place, RequesterKind};

/// Somebody, somewhere, before they ask for anything.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Their login name.
    pub name: &'a str,
    /// The names of their groups on the host.
    pub groups: &'a [String],
    /// What kind of requester, as far as it shows; the policy's lists can only make it stricter.
    pub kind: RequesterKind,
    /// The host's name.
    pub host: &'a str,
}

/// What a policy says to somebody.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// What the policy takes them for.
    pub kind: RequesterKind,
    /// The rules that can apply to them, in the policy's order.
    pub rules: Vec<Entry>,
    /// What holds where no rule does.
    pub defaults: Needs,
    /// Some rules cannot be read from the policy cache: until they can, nothing is decided by them.
    pub incomplete: bool,
}

/// One rule, as it concerns somebody.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The rule's id.
    pub id: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is about, without the conditions on people and hosts, which they meet.
    #[serde(rename = "match")]
    pub about: Conditions,
    /// What it is not about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Conditions>,
    /// What it needs.
    #[serde(flatten)]
    pub needs: Needs,
    /// What makes it need more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stricter: Vec<Stricter>,
}

/// What it takes to run something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Needs {
    /// The decision, after thresholds.
    pub decision: Decision,
    /// The risk, after what raises it for certain.
    pub risk: Risk,
    /// Who must approve.
    pub requirements: Vec<Requirement>,
    /// Whether humans would have to approve and the policy names none: then it is refused.
    pub nobody_can_approve: bool,
    /// Whether they must first prove that it is them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticate: Option<Authentication>,
    /// Whether it may write only what is snapshotted.
    pub confine: Confine,
    /// Whether the policy wants files snapshotted, beyond those that the arguments name.
    pub snapshot: bool,
    /// How far its undo must go for it to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_level: Option<UndoLevel>,
    /// How long humans have.
    #[serde(rename = "approval_expiry_ms", with = "milliseconds")]
    pub approval_expiry: Duration,
    /// How long an approval stays usable.
    #[serde(rename = "execution_expiry_ms", with = "milliseconds")]
    pub execution_expiry: Duration,
    /// How long it may run.
    #[serde(rename = "run_timeout_ms", with = "optional_milliseconds")]
    pub run_timeout: Option<Duration>,
}

/// What a rule needs where a condition holds that depends on the command or the place.
#[derive(Clone, Debug, Serialize)]
pub struct Stricter {
    /// The condition.
    pub when: Conditions,
    /// Why.
    pub reason: String,
    /// The decision then.
    pub decision: Decision,
    /// The risk then.
    pub risk: Risk,
    /// Who must approve then.
    pub requirements: Vec<Requirement>,
}

impl Policy {
    /// What somebody may run here, and what each thing needs: a function of the policy and of them.
    pub fn open_to(&self, who: &Who<'_>) -> Listing {
        let kind = self.requester_kind(who.name, who.groups, who.kind);
        let situation = self.situation_of(who, kind);
        let judge = || Judgement::new(self.document(), kind, Lifting::Nothing);
        let mut listing = Listing {
            kind,
            rules: Vec::new(),
            defaults: {
                let mut judgement = judge();
                judgement.defaults_apply(String::new());
                needs(judgement)
            },
            incomplete: false,
        };
        for (number, rule) in self.rules().iter().enumerate() {
            let Ok(rule) = rule else {
                listing.incomplete = true;
                continue;
            };
            if !self.concerns(rule, &situation) {
                continue;
            }
            let weighed = |raises: &[&Raise]| {
                let mut judgement = judge();
                judgement.rule_applies(number, rule, raises.iter().copied(), true);
                needs(judgement)
            };
            listing.rules.push(self.entry(rule, &situation, &weighed));
        }
        listing
    }

    /// Whether a rule that is no denial names this place for somebody, so that they may know whether
    /// anything is there: the command by its path, the directory as the one to run in. A rule that
    /// allows whatever the command is names all places.
    pub fn names(&self, who: &Who<'_>, place: Place<'_>) -> bool {
        let kind = self.requester_kind(who.name, who.groups, who.kind);
        let situation = self.situation_of(who, kind);
        let named = |rule: &Rule| {
            let allows_any = rule.decision == Decision::Allow && rule.matches.command.is_none();
            match place {
                Place::Command(path) => rule.matches.command.as_ref().map_or(allows_any, |all| {
                    all.0.iter().any(|one| one.names_path(path, self.search_path()))
                }),
                Place::Directory(path) => rule.matches.cwd.as_ref().map_or(allows_any, |all| {
                    all.0.iter().any(|pattern| pattern.matches(path, false))
                }),
            }
        };
        self.rules().iter().flatten().any(|rule| {
            rule.decision != Decision::Deny && self.concerns(rule, &situation) && named(rule)
        })
    }

    fn situation_of<'a>(&'a self, who: &Who<'a>, kind: RequesterKind) -> Situation<'a> {
        Situation {
            user: who.name,
            groups: who.groups,
            kind,
            host: who.host,
            labels: self.labels_of(who.host).collect(),
            // What they ask for is not known: conditions on it are never asked here.
            directory: std::path::Path::new("/"),
            run_as: "",
        }
    }

    /// Whether a rule can apply to somebody, whatever they ask for.
    fn concerns(&self, rule: &Rule, situation: &Situation<'_>) -> bool {
        let (leaning, of_exception) = leanings(rule);
        let excepted = |except: &Conditions| {
            except.without_people().are_empty() && self.fits(except, situation, of_exception)
        };
        self.fits(&rule.matches, situation, leaning) && !rule.except.iter().any(excepted)
    }

    /// Whether the conditions on people and hosts hold.
    fn fits(&self, conditions: &Conditions, situation: &Situation<'_>, leaning: Leaning) -> bool {
        let world = World { search: self.search_path(), lookup: &Imagined };
        let people = Conditions { run_as: None, cwd: None, ..conditions.clone() };
        people.fit_situation(situation, world, leaning)
    }

    fn entry(
        &self,
        rule: &Rule,
        situation: &Situation<'_>,
        weighed: &dyn Fn(&[&Raise]) -> Needs,
    ) -> Entry {
        let possible = rule
            .raise
            .iter()
            .filter(|raise| self.fits(&raise.when, situation, Leaning::Restrictive));
        let (certain, doubtful): (Vec<&Raise>, Vec<&Raise>) =
            possible.partition(|raise| raise.when.without_people().are_empty());
        let needs = weighed(&certain);
        let stricter = |raise: &&Raise| {
            let all: Vec<&Raise> = certain.iter().copied().chain([*raise]).collect();
            let then = weighed(&all);
            let same = then.decision == needs.decision && then.requirements == needs.requirements;
            (!same).then(|| Stricter {
                when: raise.when.without_people(),
                reason: raise.reason.without_full_stop().to_owned(),
                decision: then.decision,
                risk: then.risk,
                requirements: then.requirements,
            })
        };
        let stricter = doubtful.iter().filter_map(stricter).collect();
        let (_, of_exception) = leanings(rule);
        Entry {
            id: rule.id.as_str().to_owned(),
            description: rule.description.as_ref().map(|text| text.as_str().to_owned()),
            about: rule.matches.without_people(),
            except: rule
                .except
                .iter()
                .filter(|except| self.fits(except, situation, of_exception))
                .map(Conditions::without_people)
                .collect(),
            needs,
            stricter,
        }
    }
}

/// How doubt about people and hosts goes for a rule, and for its exceptions.
fn leanings(rule: &Rule) -> (Leaning, Leaning) {
    match rule.decision {
        Decision::Allow => (Leaning::Lenient, Leaning::Restrictive),
        _ => (Leaning::Restrictive, Leaning::Lenient),
    }
}

fn needs(mut judgement: Judgement<'_>) -> Needs {
    judgement.apply_thresholds();
    let verdict: Verdict = judgement.finish();
    Needs {
        nobody_can_approve: verdict.nobody_can_approve(),
        decision: verdict.decision,
        risk: verdict.risk,
        authenticate: verdict.authenticate,
        confine: verdict.confine,
        snapshot: !verdict.snapshot.paths.is_empty(),
        undo_level: verdict.undo_level,
        requirements: verdict.requirements,
        approval_expiry: verdict.approval_expiry,
        execution_expiry: verdict.execution_expiry,
        run_timeout: verdict.run_timeout,
    }
}

impl Conditions {
    /// Without the conditions on people and hosts.
    fn without_people(&self) -> Self {
        Self {
            users: None,
            unix_groups: None,
            requester: None,
            hosts: None,
            labels: None,
            ..self.clone()
        }
    }

    /// The conditions on the command and its place as a person reads them. Patterns stand as they
    /// are written: they are not yet safe to show.
    pub fn in_words(&self) -> String {
        let mut words = vec![match &self.command {
            Some(commands) => listed(commands.0.iter().map(|one| one.as_str()), "or"),
            None => "any command".to_owned(),
        }];
        if let Some(args) = &self.args {
            let args: Vec<&str> = args.iter().map(|one| one.as_str()).collect();
            words.push(match args.is_empty() {
                true => "without arguments".to_owned(),
                false => format!("with the arguments {}", args.join(" ")),
            });
        }
        if let Some(flags) = &self.flags_any {
            words.push(format!("with {}", listed(flags.0.iter().map(|one| one.as_str()), "or")));
        }
        if let Some(flags) = &self.flags_all {
            words.push(format!("with {}", listed(flags.0.iter().map(|one| one.as_str()), "and")));
        }
        if let Some(flags) = &self.flags_only {
            let flags: Vec<String> = flags.iter().cloned().map(String::from).collect();
            words.push(match flags.is_empty() {
                true => "without flags".to_owned(),
                false => {
                    format!("with no flags but {}", listed(flags.iter().map(String::as_str), "and"))
                }
            });
        }
        if let Some(flag) = &self.flag {
            let bounds: Vec<String> = flag
                .comparisons()
                .map(|(comparison, bound)| format!("{} {}", comparison.sign(), plain(bound)))
                .collect();
            words.push(format!("with {} {}", flag.name.as_str(), bounds.join(" and ")));
        }
        if let Some(paths) = &self.paths {
            words.push(format!("on {}", listed(paths.0.iter().map(|one| one.as_str()), "or")));
        }
        if let Some(names) = &self.run_as {
            words.push(format!("as {}", listed(names.0.iter().map(|one| one.as_str()), "or")));
        }
        if let Some(places) = &self.cwd {
            words.push(format!("in {}", listed(places.0.iter().map(|one| one.as_str()), "or")));
        }
        words.join(" ")
    }
}

/// A number without the thousandths that it does not have.
fn plain(bound: Quantity) -> String {
    bound.to_string().replace(".000", "")
}

fn listed<'a>(values: impl Iterator<Item = &'a str>, last: &str) -> String {
    let values: Vec<&str> = values.collect();
    match values.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => values.join(""),
    }
}
