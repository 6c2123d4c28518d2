//! Who is still needed: each human fills at most one place, and as many places as possible are
//! filled.
//!
//! Which human fills which place is a maximum matching (Kuhn's augmenting paths): bob, who is in
//! `ops` and in `dba`, moves over to `dba` when carol, who is only in `ops`, approves too. A place is
//! for whoever is in one of its groups and has proved as much as it asks for: bob, who has touched his
//! key, leaves the place that a login fills to carol, who has none.

use super::Approver;
use super::person::Person;
use crate::policy::{Presence, Requirement};

/// Somebody's yes, as far as it counts: who, and what they have proved.
pub type Yes<'a> = (&'a Approver, Presence);

/// What is still missing: the requirements with the numbers of humans that they still need, those
/// that need none left out.
///
/// Agents and pipelines do not count, nor does somebody who may be a person that was counted.
pub fn missing(requirements: &[Requirement], given: &[Yes<'_>]) -> Vec<Requirement> {
    let people = different_humans(given);
    let seating = Seating::of(requirements, &people);
    requirements
        .iter()
        .zip(&seating.seated)
        .map(|(requirement, seated)| Requirement {
            count: requirement
                .count
                .saturating_sub(u32::try_from(seated.len()).unwrap_or(u32::MAX)),
            ..requirement.clone()
        })
        .filter(|requirement| requirement.count > 0)
        .collect()
}

/// The requirements that one more human could help with: those with a free place, and those with one
/// that becomes free when somebody moves over to another.
pub(super) fn open<'r>(requirements: &'r [Requirement], given: &[Yes<'_>]) -> Vec<&'r Requirement> {
    let people = different_humans(given);
    let mut seating = Seating::of(requirements, &people);
    (0..requirements.len())
        .filter(|index| seating.make_room(*index))
        .filter_map(|index| requirements.get(index))
        .collect()
}

fn different_humans<'a>(given: &[Yes<'a>]) -> Vec<Yes<'a>> {
    let mut people: Vec<Yes<'a>> = Vec::with_capacity(given.len());
    for (approver, presence) in given {
        let person = Person::from(*approver);
        let counted = people.iter().any(|(other, _)| person.may_be(Person::from(*other)));
        if approver.is_human() && !counted {
            people.push((approver, *presence));
        }
    }
    people
}

/// Humans on the places of requirements.
struct Seating<'a> {
    requirements: &'a [Requirement],
    people: &'a [Yes<'a>],
    /// For each requirement, the humans who fill its places.
    seated: Vec<Vec<usize>>,
}

impl<'a> Seating<'a> {
    /// As many of them on places as possible.
    fn of(requirements: &'a [Requirement], people: &'a [Yes<'a>]) -> Self {
        let mut seating =
            Self { requirements, people, seated: vec![Vec::new(); requirements.len()] };
        for human in 0..people.len() {
            seating.seat(human, &mut vec![false; requirements.len()]);
        }
        seating
    }

    /// Finds a place for a human, moving others where that makes one free. `tried` are the
    /// requirements that this search has already looked at.
    fn seat(&mut self, human: usize, tried: &mut [bool]) -> bool {
        for index in 0..self.requirements.len() {
            let (approver, presence) = self.people[human];
            if tried[index] || !self.requirements[index].admits(&approver.groups, presence) {
                continue;
            }
            tried[index] = true;
            if self.has_room(index) {
                self.seated[index].push(human);
                return true;
            }
            // The search below never comes back to this requirement, so the positions stay right.
            for position in 0..self.seated[index].len() {
                if self.seat(self.seated[index][position], tried) {
                    self.seated[index][position] = human;
                    return true;
                }
            }
        }
        false
    }

    /// Makes a place of a requirement free, if it can be without anybody losing theirs.
    fn make_room(&mut self, index: usize) -> bool {
        if self.has_room(index) {
            return true;
        }
        let mut tried = vec![false; self.requirements.len()];
        tried[index] = true;
        for position in 0..self.seated[index].len() {
            if self.seat(self.seated[index][position], &mut tried) {
                self.seated[index].remove(position);
                return true;
            }
        }
        false
    }

    fn has_room(&self, index: usize) -> bool {
        (self.seated[index].len() as u64) < u64::from(self.requirements[index].count)
    }
}

#[cfg(test)]
mod tests;
