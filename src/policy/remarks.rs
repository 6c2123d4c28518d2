//! What a policy says that is no mistake, and surely not what its authors want: rules that demand
//! more of an undo than the undo of their commands can give.

use std::path::Path;

use super::compiled::Policy;
use super::rule::Rule;
use super::{Confine, Decision, SnapshotFailure, UndoLevel};
use crate::invocation::imagine;
use crate::system::text::visible_command;

impl Policy {
    /// What its authors should look at, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let defaults = &self.document().defaults;
        let demanded = defaults.undo.as_ref().and_then(|undo| undo.level);
        let mut remarks = Vec::new();
        if demanded == Some(UndoLevel::ExactWithin) && defaults.confine != Some(Confine::Required) {
            remarks.push(
                "the defaults demand undo: {level: exact-within} and do not say confine: required: \
                 without that, in a rule or in the defaults, no command runs"
                    .to_owned(),
            );
        }
        let rules = self.rules().iter().flatten();
        remarks.extend(rules.flat_map(|rule| self.remarks_about(rule)));
        remarks
    }

    fn remarks_about(&self, rule: &Rule) -> Vec<String> {
        let Some(level) = rule.undo.as_ref().and_then(|undo| undo.level) else { return Vec::new() };
        if rule.decision == Decision::Deny {
            return Vec::new();
        }
        let (id, word) = (rule.id.as_str(), level.word());
        let mut remarks = Vec::new();
        let confine = rule.confine.or(self.document().defaults.confine);
        if level == UndoLevel::ExactWithin && confine != Some(Confine::Required) {
            remarks.push(format!(
                "rule {id} demands undo: {{level: {word}}} and does not say confine: required: \
                 where no other rule that matches says it, none of its commands runs"
            ));
        }
        let on_failure = rule.snapshot.as_ref().and_then(|snapshot| snapshot.on_failure);
        if on_failure.is_some_and(|on_failure| on_failure != SnapshotFailure::Deny) {
            remarks.push(format!(
                "rule {id} demands undo: {{level: {word}}}: its on_failure says nothing, since \
                 without a snapshot its commands never run"
            ));
        }
        let examples = rule.examples.iter().flat_map(|examples| &examples.matches);
        for example in examples {
            let arguments = example.arguments();
            let reading = imagine(&arguments, Path::new("/"), self.search_path());
            if let Some(sentence) = reading.goes_beyond_files() {
                let words: Vec<&[u8]> = arguments.iter().map(|word| word.as_bytes()).collect();
                remarks.push(format!(
                    "rule {id} demands undo: {{level: {word}}}, which its example {:?} can never \
                     reach: {sentence}",
                    visible_command(&words)
                ));
            }
        }
        remarks
    }
}
