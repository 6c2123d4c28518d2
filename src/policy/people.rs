//! Whom a policy counts on, for whoever checks that they are there.

use std::path::Path;

use super::compiled::Policy;
use super::rule::Require;
use super::{Channel, Decision, Group, Requirement};

/// Some people whom the policy demands, and for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    /// What demands them, each as it stands in a sentence: `rule deploys`. Never empty.
    pub by: Vec<String>,
    /// Who must approve.
    pub requirements: Vec<Requirement>,
}

impl Policy {
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
        let all = [defaults].into_iter().chain(thresholds).chain(rules);
        let mut demands: Vec<Demand> = Vec::new();
        for (by, require) in all.filter(|(_, require)| !require.is_empty()) {
            let requirements: Vec<Requirement> = require.iter().map(of).collect();
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

fn of(require: &Require) -> Requirement {
    Requirement { group: require.group.as_str().to_owned(), count: require.count }
}
