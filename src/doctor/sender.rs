//! The program that tells people, where the policy wants anybody told.

use super::{Finding, mend};
use crate::notify::{Sender, SenderError};
use crate::policy::Policy;
use crate::system::text::{shell_word, visible_path};
use crate::system::{Scope, installation::Program};

const CHECK: &str = "notifications";

pub(super) fn examine(policy: &Policy, scope: Scope) -> Finding {
    if policy.channels().is_empty() {
        return Finding::not_applicable(CHECK, "the policy has no channels: nobody is told");
    }
    match Sender::find(scope) {
        Ok(sender) => {
            let whom = match sender.identity {
                Some(nobody) => format!("uid {}, without privileges", nobody.uid),
                None => "yourself".to_owned(),
            };
            let path = visible_path(&sender.path);
            Finding::ok(CHECK, format!("people are told by {path}, as {whom}"))
        }
        Err(SenderError::Missing(place)) => {
            let sentence = SenderError::Missing(place.clone()).to_string();
            // It comes from the same build, and is found beside hitl, too.
            let beside = Program::this().map(|program| program.path.with_file_name("hitl-notify"));
            let beside = beside.unwrap_or(place);
            let fix = format!("install -m 755 target/release/hitl-notify {}", shell_word(&beside));
            Finding::failure(CHECK, sentence, fix)
        }
        Err(SenderError::Trust(error)) => {
            let fix = mend::untrusted(&error);
            Finding::failure(CHECK, SenderError::Trust(error).to_string(), fix)
        }
        Err(SenderError::Nobody) => Finding::failure(
            CHECK,
            SenderError::Nobody.to_string(),
            "useradd --system --user-group --no-create-home --home-dir /nonexistent \
             --shell /usr/sbin/nologin hitl",
        ),
        Err(error @ SenderError::Identity(_)) => {
            Finding::failure(CHECK, error.to_string(), "getent passwd hitl nobody")
        }
        Err(error @ SenderError::NoProc) => {
            Finding::failure(CHECK, error.to_string(), "mount -t proc proc /proc")
        }
    }
}
