//! The people whom the policy counts on: whether this host knows them, and whether they are enough.

use std::collections::BTreeMap;

use super::{Finding, mend};
use crate::invocation::RequesterKind;
use crate::policy::{Demand, Group, Policy, Presence, Requirement, required_in_words};
use crate::review::{Approver, missing};
use crate::system::identity::Account;
use crate::system::members_of;
use crate::system::text::{counted, visible};

/// What a person puts in for a name that only they know.
const SOMEBODY: &str = "LOGIN-NAME";

/// Groups whose members are root, or become it by the usual sudoers: nobody is put into one of them
/// to approve something.
const MAKES_ROOT: [&str; 4] = ["root", "sudo", "wheel", "admin"];

pub(super) fn examine(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut people: BTreeMap<u32, Approver> = BTreeMap::new();
    for group in policy.groups() {
        let members = members(policy, group, &mut findings);
        for account in members.into_iter().filter(can_log_in) {
            let name = group.name.as_str().to_owned();
            people.entry(account.uid).or_insert_with(|| person(policy, &account)).groups.push(name);
        }
    }
    let people: Vec<Approver> = people.into_values().filter(|one| one.uid != 0).collect();
    findings.extend(policy.demands().iter().filter_map(|demand| shortage(policy, demand, &people)));
    if findings.is_empty() {
        let sentence = match policy.groups().len() {
            0 => "the policy counts on nobody but the one who asks".to_owned(),
            _ => format!(
                "{} can approve, and the policy never needs more",
                counted(people.len() as u64, "account")
            ),
        };
        findings.push(Finding::ok("approvers", sentence));
    }
    findings
}

/// The accounts in a group of the policy. What it names and the host does not know is found out.
pub(super) fn members(policy: &Policy, group: &Group, findings: &mut Vec<Finding>) -> Vec<Account> {
    let name = group.name.as_str();
    let source = policy.identity().sources.first();
    let edit = source.map(|file| mend::edit(file.as_path()));
    let mut accounts = Vec::new();
    for user in &group.users {
        match Account::by_name(user.as_str()) {
            Ok(Some(account)) => accounts.push(account),
            Ok(None) => findings.push(Finding::warning(
                "approvers",
                format!(
                    "group {name} names {}, whom this host does not know: whoever gets that name could approve",
                    visible(user.as_str())
                ),
                edit.clone(),
            )),
            Err(error) => findings.push(unknowable(&error.to_string())),
        }
    }
    for unix_group in &group.unix_groups {
        match members_of(unix_group.as_str()) {
            Ok(found) => accounts.extend(found.into_iter().flatten()),
            Err(error) => findings.push(unknowable(&error.to_string())),
        }
    }
    accounts
}

/// An account for a service is nobody who could be asked.
fn can_log_in(account: &Account) -> bool {
    let shell = account.shell.file_name().unwrap_or_default();
    shell != "nologin" && shell != "false"
}

fn unknowable(error: &str) -> Finding {
    Finding::failure("approvers", error.to_owned(), "getent passwd; getent group")
}

fn person(policy: &Policy, account: &Account) -> Approver {
    let groups: Vec<String> =
        account.groups().unwrap_or_default().into_iter().map(|group| group.name).collect();
    Approver {
        uid: account.uid,
        name: account.name.clone(),
        login_uid: None,
        groups: Vec::new(),
        kind: policy.requester_kind(&account.name, &groups, RequesterKind::Human),
    }
}

/// Whether a demand can be met on this host, and also where one of those asks who could meet it.
fn shortage(policy: &Policy, demand: &Demand, people: &[Approver]) -> Option<Finding> {
    let by = match &demand.by[..] {
        [first, _, _, more @ ..] => format!("{first} (and {} more)", more.len() + 2),
        few => few.join(" or "),
    };
    // Whether there are enough of them: with which keys they prove it is another question.
    let all: Vec<_> = people.iter().map(|one| (one, Presence::Verify)).collect();
    let lacking = missing(&demand.requirements, &all);
    if let Some(first) = lacking.first() {
        let nobody = !people.iter().any(|one| counts_for(one, first));
        let sentence = format!(
            "{} needs {}, {}: it can never be approved here",
            by,
            required_in_words(&demand.requirements),
            if nobody {
                format!("and nobody on this host is in {}", first.groups_in_words())
            } else {
                "and this host has too few of them".to_owned()
            }
        );
        let fix = add_somebody(policy, first);
        return Some(if nobody {
            Finding::failure("approvers", sentence, fix)
        } else {
            Finding::warning("approvers", sentence, Some(fix))
        });
    }
    let asking = people.iter().find(|one| {
        let others: Vec<_> =
            all.iter().copied().filter(|(other, _)| other.uid != one.uid).collect();
        !missing(&demand.requirements, &others).is_empty()
    })?;
    let first = demand.requirements.first()?;
    Some(Finding::warning(
        "approvers",
        format!(
            "{} needs {}: there are too few of them where one of them asks, {} for instance",
            by,
            required_in_words(&demand.requirements),
            visible(&asking.name),
        ),
        Some(add_somebody(policy, first)),
    ))
}

fn counts_for(person: &Approver, requirement: &Requirement) -> bool {
    person.kind == RequesterKind::Human && requirement.is_for(&person.groups)
}

/// Somebody is put into a group of the host, where there is one that the policy's groups rest on.
fn add_somebody(policy: &Policy, requirement: &Requirement) -> String {
    let named = |group: &&Group| requirement.groups.iter().any(|one| one == group.name.as_str());
    let groups = policy.groups().iter().filter(named);
    let unix_group = groups
        .flat_map(|group| &group.unix_groups)
        .filter(|one| !MAKES_ROOT.contains(&one.as_str()))
        .find(|one| matches!(members_of(one.as_str()), Ok(Some(_))));
    match (unix_group, policy.identity().sources.first()) {
        (Some(unix_group), _) => format!("usermod -aG {} {SOMEBODY}", visible(unix_group.as_str())),
        (None, Some(file)) => mend::edit(file.as_path()),
        (None, None) => "hitl init --user".to_owned(),
    }
}
