//! Whom a policy counts on, for whoever checks that they are there.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::compiled::Policy;
use super::{Channel, Decision, Group, Id, Requirement};

/// Some people whom the policy demands, and for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    /// What demands them, each as it stands in a sentence: `rule deploys`. Never empty.
    pub by: Vec<String>,
    /// Who must approve.
    pub requirements: Vec<Requirement>,
}

/// Who may lift soft denials in an emergency, and what follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emergency {
    /// The policy's groups whose members may.
    pub groups: Vec<String>,
    /// The groups of those who review it afterwards: the same, and those who approve by default.
    pub reviewers: Vec<String>,
    /// The channels to be told at once.
    pub notify: Vec<String>,
    /// How soon it must have been reviewed.
    pub review_within: Duration,
}

/// How soon a lifted denial must have been reviewed where the policy does not say.
const REVIEW_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

impl Policy {
    /// Who may lift soft denials; `None` where nobody may.
    pub fn emergency(&self) -> Option<Emergency> {
        let document = self.document();
        let written = document.break_glass.as_ref()?;
        let names = |ids: &[Id]| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
        let groups = names(&written.groups);
        let approving = document
            .defaults
            .require
            .iter()
            .flat_map(|one| one.groups().map(|group| group.as_str().to_owned()));
        let reviewers: BTreeSet<String> = groups.iter().cloned().chain(approving).collect();
        Some(Emergency {
            reviewers: reviewers.into_iter().collect(),
            notify: names(&written.notify),
            review_within: written.review_within.map_or(REVIEW_WITHIN, |limit| limit.0),
            groups,
        })
    }

    /// The policy's groups of approvers.
    pub fn groups(&self) -> &[Group] {
        &self.document().groups
    }

    /// Every set of people that this policy can demand by itself, each once: where several rules and
    /// thresholds meet, they demand all of theirs.
    pub fn demands(&self) -> Vec<Demand> {
        let document = self.document();
        let defaults =
            ("every command that no rule is about".to_owned(), &document.defaults.require);
        let thresholds = document.thresholds.iter().map(|threshold| {
            (format!("the threshold at {} risk", threshold.at.word()), &threshold.require)
        });
        let rules = self.rules().iter().flatten().filter(|rule| rule.decision != Decision::Deny);
        let rules = rules.map(|rule| (format!("rule {}", rule.id.as_str()), &rule.require));
        let undos = self.rules().iter().flatten().filter_map(|rule| {
            Some((format!("an undo under rule {}", rule.id.as_str()), &rule.undo.as_ref()?.require))
        });
        let all = [defaults].into_iter().chain(thresholds).chain(rules).chain(undos);
        let mut demands: Vec<Demand> = Vec::new();
        for (by, require) in all.filter(|(_, require)| !require.is_empty()) {
            let requirements: Vec<Requirement> =
                require.iter().map(|one| one.requirement(&document.groups)).collect();
            match demands.iter_mut().find(|known| known.requirements == requirements) {
                Some(known) => known.by.push(by),
                None => demands.push(Demand { by: vec![by], requirements }),
            }
        }
        demands
    }

    /// Where people can be told.
    pub fn channels(&self) -> &[Channel] {
        &self.document().channels
    }

    /// The channels of these names, those that there are.
    pub fn channels_named(&self, names: &[String]) -> Vec<Channel> {
        let all = self.channels().iter();
        all.filter(|one| names.iter().any(|name| name == one.name.as_str())).cloned().collect()
    }

    /// The files with the secrets of channels.
    pub fn secret_files(&self) -> impl Iterator<Item = &Path> {
        let channels = self.document().channels.iter();
        channels.filter_map(|channel| channel.secret_file.as_ref()).map(|file| file.as_path())
    }
}
