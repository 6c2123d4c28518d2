//! An undo that others must approve, as something to decide about.
//!
//! No rule is about it: what its run was decided by demanded it, and that was kept with the run.

use super::compiled::Policy;
use super::require::required_in_words;
use super::verdict::unique;
use super::{
    Confine, Decision, Enforcement, EnvironmentRules, Reason, Requirement, Risk, SnapshotDemand,
    UndoTerms, Verdict,
};
use crate::invocation::Requester;
use crate::system::text::visible;

impl Policy {
    /// What it takes to undo a run: these people must approve, whom these rules demanded when it ran.
    pub fn decide_undo(
        &self,
        run: &str,
        requirements: &[Requirement],
        rules: &[String],
        requester: &Requester,
    ) -> Verdict {
        let defaults = &self.document().defaults;
        let reason = Reason {
            rule: rules.first().cloned(),
            text: format!(
                "undoing run {run} needs {}, as rule {} said when it ran",
                required_in_words(requirements),
                visible(&rules.join(", "))
            ),
        };
        Verdict {
            decision: Decision::Approve,
            risk: Risk::High,
            enforcement: Enforcement::Hard,
            denied_by: Vec::new(),
            requester_kind: self.requester_kind(&requester.name, &requester.groups, requester.kind),
            decisive: Some(reason.clone()),
            reasons: vec![reason],
            rules: rules.to_vec(),
            requirements: requirements.to_vec(),
            authenticate: None,
            // The undo captures what it replaces by itself.
            snapshot: SnapshotDemand::default(),
            undo_level: None,
            undo: UndoTerms::default(),
            approval_expiry: defaults.approval_expiry.0,
            execution_expiry: defaults.execution_expiry.0,
            run_timeout: None,
            confine: Confine::Off,
            environment: EnvironmentRules {
                path: self.search_path().to_vec(),
                ..EnvironmentRules::default()
            },
            notify: unique(defaults.notify.iter().map(|channel| channel.as_str().to_owned())),
        }
    }
}
