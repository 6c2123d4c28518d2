//! Whose SSH key is whose: whether the lists can be used, and whether those whom the policy wants to sign
//! can.

use super::{Finding, mend, people};
use crate::policy::{Group, Policy, Presence};
use crate::signing::{Signers, SignersError};
use crate::system::identity::Account;
use crate::system::text::{counted, visible};
use crate::system::{Directories, Moment};

/// The lists of signers, as far as this scope has any, held against the policy where there is one.
pub(super) fn examine(directories: &Directories, policy: Option<&Policy>) -> Vec<Finding> {
    let signers = match Signers::load(directories) {
        Ok(signers) => signers,
        Err(error) => {
            let fix = match &error {
                SignersError::Untrusted(error) => mend::untrusted(error),
                SignersError::NotText(file, _) => mend::edit(file),
                SignersError::Wrong { place, .. } => mend::edit(&place.file),
            };
            return vec![Finding::failure("signers", error.to_string(), fix)];
        }
    };
    let lints = signers.lints().iter();
    let lints = lints.map(|lint| {
        format!("{}: this line does not count: {}", lint.place, visible(&lint.message))
    });
    let further = policy.map(|policy| signers_and_people(policy, &signers, &Moment::now()));
    let warnings: Vec<Finding> = lints
        .chain(further.into_iter().flatten())
        .map(|sentence| {
            Finding::warning("signers", sentence, Some("hitl signers check".to_owned()))
        })
        .collect();
    if !warnings.is_empty() {
        return warnings;
    }
    match signers.all().len() {
        0 => vec![Finding::not_applicable("signers", "nobody signs here, and nobody has to")],
        keys => vec![Finding::ok("signers", format!("{} can sign", counted(keys as u64, "key")))],
    }
}

/// Where the signers and the people of the policy do not fit together: sentences without their full
/// stops, safe to show.
pub fn signers_and_people(policy: &Policy, signers: &Signers, now: &Moment) -> Vec<String> {
    let mut found = Vec::new();
    let mut logins: Vec<&str> = signers.all().iter().map(|signer| signer.login()).collect();
    logins.sort_unstable();
    logins.dedup();
    found.extend(logins.into_iter().filter_map(|login| stranger(policy, login)));
    let groups = policy.groups().iter().filter(|group| group.presence > Presence::Uid);
    found.extend(groups.filter_map(|group| cannot_sign(policy, signers, group, now)));
    found
}

/// A signer who cannot approve anything.
fn stranger(policy: &Policy, login: &str) -> Option<String> {
    let name = visible(login);
    let account = match Account::by_name(login) {
        Ok(Some(account)) => account,
        Ok(None) => {
            return Some(format!(
                "{name} has a key, and this host does not know them: whoever gets that name has it, so \"hitl signers remove {name}\""
            ));
        }
        Err(error) => return Some(error.to_string()),
    };
    let groups: Vec<String> = match account.groups() {
        Ok(groups) => groups.into_iter().map(|group| group.name).collect(),
        Err(error) => return Some(error.to_string()),
    };
    policy.groups_of(login, &groups).is_empty().then(|| {
        format!("{name} has a key, and is in none of the policy's groups: it approves nothing")
    })
}

/// A group that must sign, and nobody of it has a key for that.
fn cannot_sign(policy: &Policy, signers: &Signers, group: &Group, now: &Moment) -> Option<String> {
    // What the policy's groups lack themselves is another check's.
    let members = people::members(policy, group, &mut Vec::new());
    let fits = |login: &str| {
        signers.of_login(login).into_iter().any(|signer| {
            signer.key().kind().best_presence() >= group.presence
                && signer.valid_at(now)
                && signers.revocation_of(signer.key()).is_none()
        })
    };
    if members.iter().any(|member| fits(&member.name)) {
        return None;
    }
    let name = group.name.as_str();
    let (needs, kind) = match group.presence {
        Presence::Uid | Presence::Key => ("an SSH key", ""),
        Presence::Touch => ("a hardware key", " (ssh-keygen -t ed25519-sk)"),
        Presence::Verify => {
            ("a hardware key with a PIN", " (ssh-keygen -t ed25519-sk -O verify-required)")
        }
    };
    Some(format!(
        "group {name} approves with {needs}, and nobody of it has one that counts{kind}: \"hitl signers add LOGIN KEYFILE\""
    ))
}
