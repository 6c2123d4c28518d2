//! Who could decide a request, by name: for the one who waits.

use std::collections::{BTreeMap, BTreeSet};

use super::Rooms;
use crate::invocation::RequesterKind;
use crate::policy::{self, Policy};
use crate::review::{Candidates, Group, Record};
use crate::system::identity::Account;
use crate::system::{listed_in, members_of};

/// How many people of a group are looked up. A directory service may be slow, and no line holds more.
const LOOKED_UP: usize = 8;

/// The humans of this host who could give what a request still needs: never the one who asks, by uid
/// and by login uid, and no program. A courtesy: what the name service fails to say is left out.
/// Asks it, so that it is called once for a wait and not for each look at the clock.
pub fn candidates(rooms: &Rooms, record: &Record) -> Candidates {
    let asked = Candidates::groups_asked(record);
    let groups = rooms.policy.groups().iter().filter(|group| asked.contains(group.name.as_str()));
    let of_group = |group| people(&rooms.policy, record, group);
    let named = groups.map(|group| (group.name.as_str().to_owned(), of_group(group)));
    Candidates::new(named.collect::<BTreeMap<_, _>>())
}

fn people(policy: &Policy, record: &Record, group: &policy::Group) -> Group {
    let mut names: BTreeSet<String> =
        group.users.iter().map(|name| name.as_str().to_owned()).collect();
    for unix_group in &group.unix_groups {
        match listed_in(unix_group.as_str()) {
            Ok(listed) if !listed.is_empty() => names.extend(listed),
            // Perhaps everybody has it as their primary group.
            _ => {
                let members = members_of(unix_group.as_str()).ok().flatten().unwrap_or_default();
                names.extend(members.into_iter().map(|account| account.name));
            }
        }
    }
    let mut people = Vec::new();
    let mut names = names.into_iter();
    while people.len() < LOOKED_UP
        && let Some(name) = names.next()
    {
        if let Ok(Some(account)) = Account::by_name(&name)
            && may_decide(policy, record, &account)
        {
            people.push(name);
        }
    }
    let requester = &record.bound.requester.name;
    Group { people, more: names.filter(|name| name != requester).count() }
}

fn may_decide(policy: &Policy, record: &Record, account: &Account) -> bool {
    let requester = &record.bound.requester;
    let unix_groups: Vec<String> =
        account.groups().unwrap_or_default().into_iter().map(|group| group.name).collect();
    account.uid != requester.uid
        && Some(account.uid) != requester.login_uid
        && policy.requester_kind(&account.name, &unix_groups, RequesterKind::Human)
            == RequesterKind::Human
}
