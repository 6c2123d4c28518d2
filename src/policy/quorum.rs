//! Whether those who must approve are named rightly, and are enough.

use std::collections::BTreeSet;

use super::check::{Check, Checked};
use super::locate::Step::{self, Element, Key};
use super::require::Require;
use super::values::Name;

/// The most people whom one requirement may ask for.
const MOST_APPROVALS: u32 = 100;

/// Up to so many requirements together, every choice of them is looked at.
const MOST_COMBINED: usize = 10;

impl Check<'_> {
    pub(super) fn requirements(&self, required: &[Require], place: &[Step]) -> Checked {
        for (index, one) in required.iter().enumerate() {
            let at = |key| [place, &[Element(index), Key(key)]].concat();
            let names = match (&one.group, &one.any_of) {
                (Some(group), None) => {
                    self.group_exists(group, &at("group"))?;
                    "group"
                }
                (None, Some(groups)) => {
                    self.any_of(groups, &at("any_of"))?;
                    "any_of"
                }
                (Some(_), Some(_)) => {
                    let help = "write group for members of one group, any_of for members of any \
                                of several; where people of each must approve, write an entry each";
                    let message = "either group or any_of, and not both".to_owned();
                    return self.wrong(&at("any_of"), message, help);
                }
                (None, None) => {
                    let message = "it does not say of which group they must be".to_owned();
                    let help = "write group: ID, or any_of: [ID, ID] where members of any of \
                                several groups will do";
                    return self.wrong(&[place, &[Element(index)]].concat(), message, help);
                }
            };
            if !(1..=MOST_APPROVALS).contains(&one.count) {
                let message = format!("{} approvals", one.count);
                let help = format!("ask for 1 to {MOST_APPROVALS}");
                self.wrong(&at("count"), message, &help)?;
            }
            if required.iter().take(index).any(|before| before.is_about_the_same(one)) {
                let message = format!("{} is required twice", quoted(one));
                let help = "write it once, with the count of both and the stricter presence";
                self.wrong(&at(names), message, help)?;
            }
        }
        self.quorum(required, place)
    }

    fn any_of(&self, groups: &[super::Id], place: &[Step]) -> Checked {
        if groups.is_empty() {
            let help = "name at least one group, of which members may approve";
            self.wrong(place, "any_of names no group".to_owned(), help)?;
        }
        self.groups_exist(groups, place)?;
        for (index, group) in groups.iter().enumerate() {
            if groups.iter().take(index).any(|before| before == group) {
                let message = format!("{:?} is named twice", group.as_str());
                let place = [place, &[Element(index)]].concat();
                self.wrong(&place, message, "write it once: \"count\" says how many people")?;
            }
        }
        Ok(())
    }

    /// One human counts for one requirement only: there must be enough of them, for each of the
    /// requirements and for any of them together (Hall's theorem: then everybody finds a place).
    /// Groups of the host can have any number of members.
    fn quorum(&self, required: &[Require], place: &[Step]) -> Checked {
        let mut counted: Vec<(usize, BTreeSet<&Name>)> = Vec::new();
        for (index, one) in required.iter().enumerate() {
            let Some(members) = self.listed_members(one) else { continue };
            if members.len() < one.count as usize {
                let message = format!(
                    "{} approvals by {}, which has {} member(s), can never be given",
                    one.count,
                    quoted(one),
                    members.len()
                );
                let place = [place, &[Element(index)]].concat();
                self.wrong(&place, message, "lower the count, or add people to the group")?;
            }
            counted.push((one.count as usize, members));
        }
        let (all, few) = (0..counted.len(), counted.len() <= MOST_COMBINED);
        let choices = if few { 1..1_usize << counted.len() } else { 0..1 };
        for choice in choices {
            let chosen = all.clone().filter(|index| !few || (choice >> index) & 1 == 1);
            let chosen: Vec<_> = chosen.filter_map(|index| counted.get(index)).collect();
            let needed: usize = chosen.iter().map(|(count, _)| count).sum();
            let people: BTreeSet<_> = chosen.iter().flat_map(|(_, members)| members).collect();
            if people.len() < needed {
                let message = format!(
                    "{needed} different people must approve, and the groups have {} together",
                    people.len()
                );
                self.wrong(place, message, "one person counts once: lower a count, or add people")?;
            }
        }
        Ok(())
    }

    /// Those who count for a requirement, where the policy names them all.
    fn listed_members(&self, one: &Require) -> Option<BTreeSet<&Name>> {
        let mut members = BTreeSet::new();
        for id in one.groups() {
            let group = self.document.groups.iter().find(|group| group.name == *id)?;
            if !group.unix_groups.is_empty() {
                return None;
            }
            members.extend(&group.users);
        }
        Some(members)
    }
}

fn quoted(one: &Require) -> String {
    let names: Vec<String> = one.groups().map(|group| format!("{:?}", group.as_str())).collect();
    names.join(" or ")
}
