//! A verdict in the making: what rules, defaults and thresholds add, in an order that does not
//! matter: decisions and risks by the maximum, people, paths and channels by the union, time limits
//! by the minimum.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::authentication;
use super::document::Document;
use super::require::{Require, Required, Requirement};
use super::rule::{Raise, Rule, Snapshot};
use super::values::{Id, TimeLimit};
use super::{
    Authentication, Confine, Decision, Enforcement, EnvironmentRules, Reason, Risk, SnapshotDemand,
    SnapshotFailure, UndoLevel, UndoTerms, Verdict,
};
use crate::invocation::RequesterKind;

/// Whether denials with `enforcement: soft` count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lifting {
    /// They do.
    Nothing,
    /// Somebody has broken the glass: what else the policy says, counts.
    SoftDenials,
}

/// A verdict in the making.
pub(super) struct Judgement<'a> {
    document: &'a Document,
    requester_kind: RequesterKind,
    decision: Decision,
    risk: Risk,
    enforcement: Enforcement,
    /// The rules that deny.
    denied_by: Vec<String>,
    /// Whether denials that can be lifted are.
    lifting: Lifting,
    /// The risk that thresholds look at: all of it but for that of rules whose denial is lifted.
    risk_beside: Risk,
    /// With the decision that each speaks for.
    reasons: Vec<(Decision, Reason)>,
    required: Required,
    /// The rules that count, by their number, and whether they surely match.
    rules: BTreeMap<usize, (&'a Rule, bool)>,
    defaults_apply: bool,
}

impl<'a> Judgement<'a> {
    pub(super) fn new(
        document: &'a Document,
        requester_kind: RequesterKind,
        lifting: Lifting,
    ) -> Self {
        Self {
            document,
            requester_kind,
            decision: Decision::Allow,
            risk: Risk::Low,
            enforcement: Enforcement::Soft,
            denied_by: Vec::new(),
            lifting,
            risk_beside: Risk::Low,
            reasons: Vec::new(),
            required: Required::default(),
            rules: BTreeMap::new(),
            defaults_apply: false,
        }
    }

    pub(super) fn at_least(&mut self, decision: Decision) {
        self.decision = self.decision.max(decision);
    }

    pub(super) fn risk_at_least(&mut self, risk: Risk) {
        self.risk = self.risk.max(risk);
        self.risk_beside = self.risk_beside.max(risk);
    }

    /// A denial that only a change of the policy, or of the machine, lifts.
    pub(super) fn deny_for_good(&mut self) {
        self.at_least(Decision::Deny);
        self.enforcement = Enforcement::Hard;
    }

    /// A reason, and the decision that it speaks for.
    pub(super) fn add_reason(&mut self, decision: Decision, reason: Reason) {
        if !self.reasons.iter().any(|(_, known)| *known == reason) {
            self.reasons.push((decision, reason));
        }
    }

    /// A rule counts, with those of its raises that apply.
    pub(super) fn rule_applies<'r>(
        &mut self,
        number: usize,
        rule: &'a Rule,
        raises: impl Iterator<Item = &'r Raise>,
        surely: bool,
    ) {
        let mut risk = rule.risk();
        let mut reasons = vec![rule_reason(rule, risk)];
        for raise in raises {
            risk = raised(risk, raise.by);
            reasons.push(Reason {
                rule: Some(rule.id.as_str().to_owned()),
                text: format!(
                    "risk raised to {} by {}: {}",
                    risk.word(),
                    raise.by,
                    raise.reason.without_full_stop()
                ),
            });
        }
        reasons.into_iter().for_each(|reason| self.add_reason(rule.decision, reason));
        if rule.decision == Decision::Deny {
            let enforcement = rule.enforcement.unwrap_or(Enforcement::Hard);
            self.denied(rule, risk, enforcement);
        } else {
            self.at_least(rule.decision);
            self.risk_at_least(risk);
        }
        if rule.decision == Decision::Approve && rule.require.is_empty() {
            self.require(&self.document.defaults.require);
        }
        self.require(&rule.require);
        self.rules.entry(number).or_insert((rule, surely)).1 |= surely;
    }

    /// A rule denies. Where its denial is lifted it is still told of, and its risk shown; but the
    /// thresholds look at what is left.
    fn denied(&mut self, rule: &Rule, risk: Risk, enforcement: Enforcement) {
        let id = rule.id.as_str();
        if !self.denied_by.iter().any(|known| known == id) {
            self.denied_by.push(id.to_owned());
        }
        if self.lifting == Lifting::SoftDenials && enforcement == Enforcement::Soft {
            self.risk = self.risk.max(risk);
            return;
        }
        self.enforcement = self.enforcement.max(enforcement);
        self.at_least(Decision::Deny);
        self.risk_at_least(risk);
    }

    /// The defaults count, for this reason.
    pub(super) fn defaults_apply(&mut self, why: String) {
        let defaults = &self.document.defaults;
        let reason = Reason {
            rule: None,
            text: format!(
                "{why}: the defaults apply ({}, {})",
                defaults.decision.word(),
                defaults.risk.word()
            ),
        };
        self.add_reason(defaults.decision, reason);
        self.at_least(defaults.decision);
        self.risk_at_least(defaults.risk);
        if defaults.decision == Decision::Deny {
            self.enforcement = self.enforcement.max(Enforcement::Hard);
        }
        if defaults.decision == Decision::Approve {
            self.require(&defaults.require);
        }
        self.defaults_apply = true;
    }

    /// Lets every threshold up to the risk demand what it demands.
    pub(super) fn apply_thresholds(&mut self) {
        let (document, risk) = (self.document, self.risk_beside);
        for threshold in document.thresholds.iter().filter(|one| one.at <= risk) {
            if self.decision == Decision::Deny && threshold.decision != Decision::Deny {
                continue;
            }
            let before = (self.decision, self.required.clone());
            self.at_least(threshold.decision);
            let require = match &threshold.require[..] {
                [] if threshold.decision == Decision::Approve => &document.defaults.require,
                written => written,
            };
            self.require(require);
            if threshold.decision == Decision::Deny {
                self.enforcement = Enforcement::Hard;
            }
            if before != (self.decision, self.required.clone()) {
                let require: Vec<Requirement> =
                    require.iter().map(|one| one.requirement(&document.groups)).collect();
                let text = threshold_text(threshold.at, threshold.decision, &require);
                self.add_reason(threshold.decision, Reason { rule: None, text });
            }
        }
    }

    fn require(&mut self, required: &[Require]) {
        for one in required {
            self.required.add(one.requirement(&self.document.groups));
        }
    }

    /// The verdict.
    pub(super) fn finish(mut self) -> Verdict {
        let defaults = &self.document.defaults;
        if self.decision == Decision::Approve && self.required.is_empty() {
            self.require(&defaults.require);
        }
        if self.decision != Decision::Approve {
            self.required = Required::default();
        }
        let approval = self.shortest(|rule| rule.approval_expiry, Some(defaults.approval_expiry));
        let execution =
            self.shortest(|rule| rule.execution_expiry, Some(defaults.execution_expiry));
        let timeout = self.shortest(|rule| rule.run_timeout, defaults.run_timeout);
        Verdict {
            decision: self.decision,
            risk: self.risk,
            enforcement: self.enforcement,
            denied_by: self.denied_by.clone(),
            requester_kind: self.requester_kind,
            rules: self.matched().map(|rule| rule.id.as_str().to_owned()).collect(),
            requirements: std::mem::take(&mut self.required).into_requirements(),
            authenticate: self.authentication(),
            snapshot: self.snapshot(),
            undo_level: self.undo_level(),
            undo: self.undo(),
            approval_expiry: approval.unwrap_or(defaults.approval_expiry.0),
            execution_expiry: execution.unwrap_or(defaults.execution_expiry.0),
            run_timeout: timeout,
            confine: self.confine(),
            environment: self.environment(),
            notify: self.notify(),
            decisive: self
                .reasons
                .iter()
                .find(|(decision, _)| *decision == self.decision)
                .map(|(_, reason)| reason.clone()),
            reasons: self.reasons.into_iter().map(|(_, reason)| reason).collect(),
        }
    }

    fn matched(&self) -> impl Iterator<Item = &'a Rule> {
        self.rules.values().map(|(rule, _)| *rule)
    }

    /// The shortest limit of the rules that count; the default where none has one, and also where
    /// the defaults count.
    fn shortest(
        &self,
        limit: impl Fn(&Rule) -> Option<TimeLimit>,
        default: Option<TimeLimit>,
    ) -> Option<Duration> {
        let shortest = self.matched().filter_map(limit).min();
        match (shortest, default) {
            (Some(shortest), Some(default)) if self.defaults_apply => Some(shortest.min(default)),
            (shortest, default) => shortest.or(default),
        }
        .map(|limit| limit.0)
    }

    /// Who is refused anyway is asked for nothing.
    fn authentication(&self) -> Option<Authentication> {
        if self.decision == Decision::Deny {
            return None;
        }
        let rules = self.rules.values().copied();
        authentication::demanded(rules, &self.document.defaults, self.defaults_apply)
    }

    /// The strictest of what the rules that count say; the default where none says anything, and
    /// also where the defaults count. A rule that confines counts where it could be meant, one that
    /// lifts the default only where it surely is.
    fn confine(&self) -> Confine {
        let strictest = self
            .rules
            .values()
            .filter_map(|(rule, surely)| rule.confine.map(|confine| (confine, *surely)))
            .filter(|(confine, surely)| *surely || *confine != Confine::Off)
            .map(|(confine, _)| confine)
            .max();
        match (strictest, self.document.defaults.confine) {
            (Some(strictest), Some(default)) if self.defaults_apply => strictest.max(default),
            (strictest, default) => strictest.or(default).unwrap_or_default(),
        }
    }

    fn snapshot(&self) -> SnapshotDemand {
        let of_rules: Vec<&Snapshot> =
            self.matched().filter_map(|rule| rule.snapshot.as_ref()).collect();
        let default = self.document.defaults.snapshot.as_ref();
        let paths = default.into_iter().chain(of_rules.iter().copied()).flat_map(|one| &one.paths);
        let most = |of: fn(&Snapshot) -> Option<u64>| {
            of_rules.iter().filter_map(|one| of(one)).max().or_else(|| default.and_then(of))
        };
        SnapshotDemand {
            paths: unique(paths.map(|path| path.as_str().to_owned())),
            max_size: most(|one| one.max_size.map(|size| size.0)),
            max_files: most(|one| one.max_files),
            on_failure: of_rules
                .iter()
                .filter_map(|one| one.on_failure)
                .max()
                .or_else(|| default.and_then(|one| one.on_failure))
                .unwrap_or(SnapshotFailure::Deny),
            keep_ms: most(|one| {
                one.keep.map(|keep| u64::try_from(keep.0.as_millis()).unwrap_or(u64::MAX))
            }),
        }
    }

    /// The strictest of what the rules that count demand; the default where none demands anything,
    /// and also where the defaults count.
    fn undo_level(&self) -> Option<UndoLevel> {
        let default = self.document.defaults.undo.as_ref().and_then(|undo| undo.level);
        let strictest = self.matched().filter_map(|rule| rule.undo.as_ref()?.level).max();
        match strictest {
            Some(_) if !self.defaults_apply => strictest,
            // Nothing is less than something.
            _ => strictest.max(default),
        }
    }

    /// What is demanded of an undo, by every rule that counts and the defaults; who may undo, by those
    /// rules alone that surely match: a right is not given by a guess.
    fn undo(&self) -> UndoTerms {
        let default = self.document.defaults.undo.as_ref();
        let undo = || self.matched().filter_map(|rule| Some((rule, rule.undo.as_ref()?)));
        let demanding = || undo().filter(|(_, undo)| !undo.require.is_empty());
        let by_default = default.into_iter().flat_map(|undo| &undo.require);
        let mut required = Required::default();
        for one in demanding().flat_map(|(_, undo)| &undo.require).chain(by_default) {
            required.add(one.requirement(&self.document.groups));
        }
        let sure = self.rules.values().filter(|(_, surely)| *surely).map(|(rule, _)| *rule);
        let written: Vec<&Vec<Id>> = sure.filter_map(|rule| rule.undo_by.as_ref()).collect();
        let defaults = self.document.defaults.undo_by.as_ref();
        let by = match written.is_empty() {
            true => defaults.into_iter().collect(),
            false => written,
        };
        let all = default.into_iter().chain(undo().map(|(_, undo)| undo));
        UndoTerms {
            run: unique(all.filter_map(|undo| undo.run.clone())),
            by: unique(by.into_iter().flatten().map(|group| group.as_str().to_owned())),
            require: required.into_requirements(),
            rules: demanding().map(|(rule, _)| rule.id.as_str().to_owned()).collect(),
        }
    }

    /// The environment: only rules that surely match may let anything through. Where two rules set
    /// one variable, the stricter one (then the one whose id comes last) has its way.
    fn environment(&self) -> EnvironmentRules {
        let defaults = &self.document.defaults.environment;
        let mut sure: Vec<&Rule> =
            self.rules.values().filter(|(_, surely)| *surely).map(|(rule, _)| *rule).collect();
        sure.sort_by_key(|rule| (rule.decision, &rule.id));
        let of_rules = || sure.iter().filter_map(|rule| rule.environment.as_ref());
        let keep = defaults.keep.iter().chain(of_rules().flat_map(|one| &one.keep));
        let set: BTreeMap<_, _> =
            defaults.set.0.iter().chain(of_rules().flat_map(|one| &one.set.0)).cloned().collect();
        EnvironmentRules {
            keep: unique(keep.map(|name| name.as_str().to_owned())),
            set: set.into_iter().collect(),
            path: defaults.path.0.clone(),
        }
    }

    /// The defaults' channels are for what concerns others: what they are to decide, and what was
    /// refused. Whoever wants to hear of more says so in the rule.
    fn notify(&self) -> Vec<String> {
        let of_rules = self.matched().flat_map(|rule| &rule.notify);
        let concerns_others = matches!(self.decision, Decision::Approve | Decision::Deny);
        let defaults = self.document.defaults.notify.iter().filter(|_| concerns_others);
        let all = defaults.chain(of_rules);
        unique(all.map(|channel| channel.as_str().to_owned()))
    }
}

/// The values in their order, each once.
pub(super) fn unique<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).collect()
}

fn raised(risk: Risk, by: u32) -> Risk {
    (0..by).fold(risk, |risk, _| match risk {
        Risk::Low => Risk::Medium,
        Risk::Medium => Risk::High,
        Risk::High | Risk::Critical => Risk::Critical,
    })
}

fn rule_reason(rule: &Rule, risk: Risk) -> Reason {
    let description = rule
        .description
        .as_ref()
        .map(|text| format!(": {}", text.without_full_stop()))
        .unwrap_or_default();
    let id = rule.id.as_str();
    let text =
        format!("rule {id} matches{description} ({}, {})", rule.decision.word(), risk.word());
    Reason { rule: Some(id.to_owned()), text }
}

fn threshold_text(at: Risk, decision: Decision, require: &[Requirement]) -> String {
    let at = at.word();
    match decision {
        Decision::Deny => format!("threshold: {at} risk is denied"),
        Decision::Approve if !require.is_empty() => {
            let people: Vec<_> = require.iter().map(Requirement::in_short).collect();
            format!("threshold: {at} risk needs {}", people.join(" and "))
        }
        _ => format!("threshold: {at} risk needs at least {}", decision.word()),
    }
}
