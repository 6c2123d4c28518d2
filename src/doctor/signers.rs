//! Whose SSH key is whose: whether the lists can be used, and whether those whom the policy wants to sign
//! can.

use std::collections::BTreeSet;

use super::{Finding, mend, people};
use crate::policy::{Demand, Group, Policy, Presence, Requirement};
use crate::signing::{Signers, SignersError};
use crate::system::identity::Account;
use crate::system::text::{counted, visible};
use crate::system::{Directories, Moment};

/// What mends it.
const ADD: &str = "\"hitl signers add LOGIN KEYFILE\"";

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
    let able = |groups: &[&Group], presence| able(policy, signers, groups, presence, now);
    let mut unable = Vec::new();
    for group in policy.groups().iter().filter(|group| group.presence > Presence::Uid) {
        if able(&[group], group.presence) == 0 {
            unable.push((vec![group.name.as_str()], group.presence));
            found.push(group_cannot_sign(group));
        }
    }
    for demand in policy.demands() {
        for required in demand.requirements.iter().filter(|one| one.presence > Presence::Uid) {
            let is_one =
                |group: &&Group| required.groups.iter().any(|name| name == group.name.as_str());
            let groups: Vec<&Group> = policy.groups().iter().filter(is_one).collect();
            let known =
                (groups.iter().map(|group| group.name.as_str()).collect(), required.presence);
            let able = able(&groups, required.presence);
            // Each lack is said once.
            if able < required.count as usize && !unable.contains(&known) {
                unable.push(known);
                found.push(too_few_can_sign(&demand, required, able));
            }
        }
    }
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

/// How many of these groups have a key that proves this much.
fn able(
    policy: &Policy,
    signers: &Signers,
    groups: &[&Group],
    presence: Presence,
    now: &Moment,
) -> usize {
    let fits = |login: &str| {
        signers.of_login(login).into_iter().any(|signer| {
            signer.key().kind().best_presence() >= presence
                && signer.valid_at(now)
                && signers.revocation_of(signer.key()).is_none()
        })
    };
    // What the policy's groups lack themselves is another check's.
    let members = groups.iter().flat_map(|group| people::members(policy, group, &mut Vec::new()));
    let able = members.filter(|member| fits(&member.name)).map(|member| member.uid);
    able.collect::<BTreeSet<u32>>().len()
}

/// A group that must sign, and nobody of it has a key for that.
fn group_cannot_sign(group: &Group) -> String {
    let name = group.name.as_str();
    let (needs, kind) = key_for(group.presence);
    format!("group {name} approves with {needs}, and nobody of it has one that counts{kind}: {ADD}")
}

/// What needs more signatures than there are people with a key for them.
fn too_few_can_sign(demand: &Demand, required: &Requirement, able: usize) -> String {
    let by = match &demand.by[..] {
        [first, _, _, more @ ..] => format!("{first} (and {} more)", more.len() + 2),
        few => few.join(" or "),
    };
    let (needs, kind) = key_for(required.presence);
    let groups = required.groups_in_words();
    let have = match able {
        0 => format!("nobody of {groups} has one that counts{kind}"),
        able => format!("only {able} of {groups} can{kind}"),
    };
    format!("{by} needs {} to approve with {needs}, and {have}: {ADD}", required.count)
}

/// What proves this much, and how such a key is made.
fn key_for(presence: Presence) -> (&'static str, &'static str) {
    match presence {
        Presence::Uid | Presence::Key => ("an SSH key", ""),
        Presence::Touch => ("a hardware key", " (ssh-keygen -t ed25519-sk)"),
        Presence::Verify => {
            ("a hardware key with a PIN", " (ssh-keygen -t ed25519-sk -O verify-required)")
        }
    }
}
