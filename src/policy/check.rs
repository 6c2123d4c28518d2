//! What a document must be beyond its fields: names that exist, approvals that somebody can give,
//! conditions that say something.

use std::collections::BTreeSet;

use super::conditions::Conditions;
use super::diagnostic::{Diagnostic, did_you_mean};
use super::document::Document;
use super::glob::is_variable_name;
use super::locate::Step::{self, Element, Key};
use super::read::ReadDocument;
use super::require::Require;
use super::rule::{Rule, Snapshot, Undo};
use super::tables::Table;
use super::values::Id;
use super::{Authenticate, Decision};
use crate::system::Scope;

pub(super) type Checked = Result<(), Diagnostic>;

/// Checks a document, its first fault being the error.
pub(super) fn check(read: &ReadDocument, scope: Scope) -> Checked {
    Check { read, document: &read.document, scope }.all()
}

pub(super) struct Check<'a> {
    read: &'a ReadDocument,
    pub(super) document: &'a Document,
    scope: Scope,
}

impl Check<'_> {
    fn all(&self) -> Checked {
        self.names_are_unique("groups", "name", self.document.groups.iter().map(|one| &one.name))?;
        let channels = self.document.channels.iter().map(|one| &one.name);
        self.names_are_unique("channels", "name", channels)?;
        self.names_are_unique("rules", "id", self.document.rules.iter().map(|one| &one.id))?;
        self.people()?;
        self.channels()?;
        self.defaults()?;
        self.thresholds()?;
        self.break_glass()?;
        self.webauthn()?;
        for (number, rule) in self.document.rules.iter().enumerate() {
            self.rule(number, rule)?;
        }
        self.tests()
    }

    pub(super) fn wrong(&self, place: &[Step], message: String, help: &str) -> Checked {
        Err(self.read.wrong(place, message, Some(help.to_owned())))
    }

    fn names_are_unique<'i>(
        &self,
        list: &'static str,
        key: &'static str,
        names: impl Iterator<Item = &'i Id>,
    ) -> Checked {
        let mut seen = BTreeSet::new();
        for (number, name) in names.enumerate() {
            if !seen.insert(name) {
                let message = format!("two of the {list} are called {:?}", name.as_str());
                self.wrong(&[Key(list), Element(number), Key(key)], message, "rename one of them")?;
            }
        }
        Ok(())
    }

    fn people(&self) -> Checked {
        let help = "give it users or unix_groups, or take it out";
        for (number, group) in self.document.groups.iter().enumerate() {
            if group.users.is_empty() && group.unix_groups.is_empty() {
                let message = format!("nobody can be in the group {:?}", group.name.as_str());
                self.wrong(&[Key("groups"), Element(number)], message, help)?;
            }
        }
        for (number, listed) in self.document.requesters.iter().enumerate() {
            if listed.users.is_empty() && listed.unix_groups.is_empty() {
                let message = "these requesters are nobody".to_owned();
                self.wrong(&[Key("requesters"), Element(number)], message, help)?;
            }
        }
        Ok(())
    }

    fn channels(&self) -> Checked {
        for (number, channel) in self.document.channels.iter().enumerate() {
            if let Some((field, message, help)) = channel.fault() {
                let place = [Key("channels"), Element(number), Key(field)];
                self.wrong(&place, message, help)?;
            }
        }
        Ok(())
    }

    fn defaults(&self) -> Checked {
        let defaults = &self.document.defaults;
        let at = |key| [Key("defaults"), Key(key)];
        if defaults.decision == Decision::Allow {
            self.wrong(
                &at("decision"),
                "what no rule is about would be allowed".to_owned(),
                "the default must be confirm, approve or deny; allow with rules",
            )?;
        }
        // A time in the defaults is for the rules that ask, too.
        let somebody_asks = defaults.authenticate == Some(Authenticate::Requester)
            || self
                .document
                .rules
                .iter()
                .any(|rule| rule.authenticate == Some(Authenticate::Requester));
        if defaults.authenticate_cache.is_some() && !somebody_asks {
            self.remembers_nothing(&at("authenticate_cache"))?;
        }
        self.requirements(&defaults.require, &at("require"))?;
        if defaults.decision == Decision::Approve {
            self.can_be_approved(&[], &at("decision"))?;
        }
        self.channels_exist(&defaults.notify, &at("notify"))?;
        self.undo(defaults.undo.as_ref(), &at("undo"))?;
        self.snapshot(defaults.snapshot.as_ref(), &at("snapshot"))?;
        self.groups_exist(defaults.undo_by.as_deref().unwrap_or_default(), &at("undo_by"))?;
        self.variables(
            &defaults.environment.set,
            &[Key("defaults"), Key("environment"), Key("set")],
        )
    }

    fn thresholds(&self) -> Checked {
        for (number, threshold) in self.document.thresholds.iter().enumerate() {
            let at = |key| [Key("thresholds"), Element(number), Key(key)];
            if threshold.decision == Decision::Allow {
                self.wrong(
                    &at("decision"),
                    "a threshold only ever makes a decision stricter".to_owned(),
                    "write confirm, approve or deny, or take it out",
                )?;
            }
            self.requirements(&threshold.require, &at("require"))?;
            if threshold.decision == Decision::Approve {
                self.can_be_approved(&threshold.require, &at("decision"))?;
            }
        }
        Ok(())
    }

    fn webauthn(&self) -> Checked {
        match &self.document.webauthn {
            Some(webauthn) if webauthn.origins.is_empty() => self.wrong(
                &[Key("webauthn"), Key("origins")],
                "no page is named".to_owned(),
                "name the pages on which people may sign, or take it out",
            ),
            _ => Ok(()),
        }
    }

    fn break_glass(&self) -> Checked {
        let Some(break_glass) = &self.document.break_glass else { return Ok(()) };
        self.groups_exist(&break_glass.groups, &[Key("break_glass"), Key("groups")])?;
        self.channels_exist(&break_glass.notify, &[Key("break_glass"), Key("notify")])
    }

    fn rule(&self, number: usize, rule: &Rule) -> Checked {
        let at = |key| [Key("rules"), Element(number), Key(key)];
        self.conditions(&rule.matches, &at("match"))?;
        for (index, except) in rule.except.iter().enumerate() {
            self.conditions(except, &[&at("except")[..], &[Element(index)]].concat())?;
        }
        for (index, raise) in rule.raise.iter().enumerate() {
            let place = [&at("raise")[..], &[Element(index)]].concat();
            self.conditions(&raise.when, &[&place[..], &[Key("when")]].concat())?;
            if !(1..=3).contains(&raise.by) {
                let message = format!("a raise by {}", raise.by);
                let help = "there are four risks: raise by 1, 2 or 3";
                self.wrong(&[&place[..], &[Key("by")]].concat(), message, help)?;
            }
        }
        if rule.enforcement.is_some() && rule.decision != Decision::Deny {
            let help = "take it out, or write decision: deny";
            self.wrong(&at("enforcement"), "only a denial is enforced".to_owned(), help)?;
        }
        let asks = rule.authenticate.or(self.document.defaults.authenticate);
        if rule.authenticate_cache.is_some() && asks != Some(Authenticate::Requester) {
            self.remembers_nothing(&at("authenticate_cache"))?;
        }
        self.requirements(&rule.require, &at("require"))?;
        if rule.decision == Decision::Approve {
            self.can_be_approved(&rule.require, &at("decision"))?;
        }
        self.groups_exist(rule.undo_by.as_deref().unwrap_or_default(), &at("undo_by"))?;
        self.channels_exist(&rule.notify, &at("notify"))?;
        self.undo(rule.undo.as_ref(), &at("undo"))?;
        self.snapshot(rule.snapshot.as_ref(), &at("snapshot"))?;
        let set = [Key("rules"), Element(number), Key("environment"), Key("set")];
        match &rule.environment {
            Some(environment) => self.variables(&environment.set, &set),
            None => Ok(()),
        }
    }

    fn undo(&self, undo: Option<&Undo>, place: &[Step]) -> Checked {
        let Some(undo) = undo else { return Ok(()) };
        match &undo.run {
            Some(run) if run.first().is_none_or(String::is_empty) => {
                let help = "write a command and its arguments: [systemctl, daemon-reload]";
                self.wrong(place, "an undo that runs nothing".to_owned(), help)?;
            }
            None if undo.level.is_none() && undo.require.is_empty() => {
                let help = "write level: exact-within, run: [systemctl, daemon-reload], or require: [{group: ops}]";
                self.wrong(place, "an undo of which nothing is said".to_owned(), help)?;
            }
            _ => {}
        }
        self.requirements(&undo.require, &[place, &[Key("require")]].concat())
    }

    fn snapshot(&self, snapshot: Option<&Snapshot>, place: &[Step]) -> Checked {
        match snapshot.and_then(|snapshot| snapshot.max_files) {
            Some(0) => {
                let place = [place, &[Key("max_files")]].concat();
                let help = "write at least 1, or take the field out: then it is a million";
                self.wrong(&place, "a snapshot of no files".to_owned(), help)
            }
            _ => Ok(()),
        }
    }

    fn remembers_nothing(&self, place: &[Step]) -> Checked {
        let message = "nobody authenticates, so that there is nothing to remember".to_owned();
        self.wrong(place, message, "write authenticate: requester beside it, or take it out")
    }

    fn conditions(&self, conditions: &Conditions, place: &[Step]) -> Checked {
        if conditions.are_empty() {
            let message = "no condition at all, which would hold for everything".to_owned();
            self.wrong(
                place,
                message,
                "name at least a command; command: \"*\" is any in the search path",
            )?;
        }
        if let Some(flag) =
            conditions.flag.as_ref().filter(|one| one.comparisons().next().is_none())
        {
            let message = format!("{} is compared with nothing", flag.name.as_str());
            let place = [place, &[Key("flag")]].concat();
            self.wrong(
                &place,
                message,
                "add gt, ge, lt, le or eq; for a flag without a number use flags_any",
            )?;
        }
        if conditions.labels.as_ref().is_some_and(Table::is_empty) {
            let place = [place, &[Key("labels")]].concat();
            self.wrong(&place, "no label at all".to_owned(), "write one, or take the field out")?;
        }
        Ok(())
    }

    fn tests(&self) -> Checked {
        let rules = || self.document.rules.iter().map(|rule| rule.id.as_str());
        for (number, test) in self.document.tests.iter().enumerate() {
            let at = |key| [Key("tests"), Element(number), Key("expect"), Key(key)];
            if test.expect.is_empty() {
                let help = "write decision, risk, rules, approvals, confine, authenticate, undo, undo_by or undo_approvals";
                self.wrong(&at("decision"), "a test that expects nothing".to_owned(), help)?;
            }
            for (index, id) in test.expect.rules.iter().flatten().enumerate() {
                if !rules().any(|rule| rule == id.as_str()) {
                    let place = [&at("rules")[..], &[Element(index)]].concat();
                    self.unknown("rule", id.as_str(), rules(), &place)?;
                }
            }
            let expect = &test.expect;
            for (key, counts) in
                [("approvals", &expect.approvals), ("undo_approvals", &expect.undo_approvals)]
            {
                for (expected, _) in counts.iter().flat_map(|counts| &counts.0) {
                    for group in &expected.groups {
                        self.group_exists(group, &at(key))?;
                    }
                }
            }
            self.groups_exist(expect.undo_by.as_deref().unwrap_or_default(), &at("undo_by"))?;
        }
        Ok(())
    }

    fn can_be_approved(&self, required: &[Require], place: &[Step]) -> Checked {
        let nobody = required.is_empty() && self.document.defaults.require.is_empty();
        if self.scope == Scope::System && nobody {
            let help = "say who with \"require\" here or in defaults: [{group: ops, count: 1}]";
            self.wrong(place, "nobody is named who could approve this".to_owned(), help)?;
        }
        Ok(())
    }

    pub(super) fn groups_exist(&self, groups: &[Id], place: &[Step]) -> Checked {
        groups.iter().enumerate().try_for_each(|(index, group)| {
            self.group_exists(group, &[place, &[Element(index)]].concat())
        })
    }

    pub(super) fn group_exists(&self, group: &Id, place: &[Step]) -> Checked {
        if self.document.groups.iter().any(|known| known.name == *group) {
            return Ok(());
        }
        let known = self.document.groups.iter().map(|known| known.name.as_str());
        self.unknown("group", group.as_str(), known, place)
    }

    fn channels_exist(&self, channels: &[Id], place: &[Step]) -> Checked {
        for (index, channel) in channels.iter().enumerate() {
            let mut known = self.document.channels.iter().map(|known| known.name.as_str());
            if !known.clone().any(|name| name == channel.as_str()) {
                let place = [place, &[Element(index)]].concat();
                self.unknown("channel", channel.as_str(), &mut known, &place)?;
            }
        }
        Ok(())
    }

    fn unknown<'n>(
        &self,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
        place: &[Step],
    ) -> Checked {
        let known: Vec<&str> = known.collect();
        let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match &known[..] {
            [] => format!("this policy has no {what}s: add it under \"{what}s\""),
            known => format!("known here: {}", known.join(", ")),
        });
        self.wrong(place, format!("unknown {what} {name:?}"), &help)
    }

    fn variables(&self, set: &Table, place: &[Step]) -> Checked {
        for (name, value) in &set.0 {
            if !is_variable_name(name) || value.contains('\0') {
                let message = format!("{name:?} cannot be set as an environment variable");
                self.wrong(place, message, "names have letters, digits and \"_\", values no NUL")?;
            }
        }
        Ok(())
    }
}
