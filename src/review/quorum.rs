//! Who is still needed: each human fills at most one place, and as many places as possible are
//! filled.
//!
//! Which human fills which place is a maximum matching (Kuhn's augmenting paths): bob, who is in
//! `ops` and in `dba`, moves over to `dba` when carol, who is only in `ops`, approves too.

use super::Approver;
use super::person::Person;
use crate::policy::Requirement;

/// What is still missing: the requirements with the numbers of humans that they still need, those
/// that need none left out.
///
/// Agents and pipelines do not count, nor does somebody who may be a person that was counted.
pub fn missing(requirements: &[Requirement], approvers: &[&Approver]) -> Vec<Requirement> {
    let mut humans: Vec<&Approver> = Vec::with_capacity(approvers.len());
    for approver in approvers {
        let person = Person::from(*approver);
        let counted = humans.iter().any(|human| person.may_be(Person::from(*human)));
        if approver.is_human() && !counted {
            humans.push(approver);
        }
    }
    let mut seating =
        Seating { requirements, humans: &humans, seated: vec![Vec::new(); requirements.len()] };
    for human in 0..humans.len() {
        seating.seat(human, &mut vec![false; requirements.len()]);
    }
    requirements
        .iter()
        .zip(&seating.seated)
        .map(|(requirement, seated)| Requirement {
            group: requirement.group.clone(),
            count: requirement
                .count
                .saturating_sub(u32::try_from(seated.len()).unwrap_or(u32::MAX)),
        })
        .filter(|requirement| requirement.count > 0)
        .collect()
}

/// How many humans are missing in all.
pub(super) fn total(requirements: &[Requirement]) -> u64 {
    requirements.iter().map(|requirement| u64::from(requirement.count)).sum()
}

/// Humans on the places of requirements.
struct Seating<'a> {
    requirements: &'a [Requirement],
    humans: &'a [&'a Approver],
    /// For each requirement, the humans who fill its places.
    seated: Vec<Vec<usize>>,
}

impl Seating<'_> {
    /// Finds a place for a human, moving others where that makes one free. `tried` are the
    /// requirements that this search has already looked at.
    fn seat(&mut self, human: usize, tried: &mut [bool]) -> bool {
        for index in 0..self.requirements.len() {
            let Requirement { group, count } = &self.requirements[index];
            if tried[index] || !self.humans[human].groups.contains(group) {
                continue;
            }
            tried[index] = true;
            if (self.seated[index].len() as u64) < u64::from(*count) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::RequesterKind;
    use crate::review::samples;
    use proptest::prelude::*;

    fn requirement(group: &str, count: u32) -> Requirement {
        Requirement { group: group.into(), count }
    }

    fn approvers(people: &[(u32, &[&str])]) -> Vec<Approver> {
        people.iter().map(|(uid, groups)| samples::approver(*uid, groups)).collect()
    }

    fn missing(requirements: &[Requirement], approvers: &[Approver]) -> Vec<Requirement> {
        super::missing(requirements, &approvers.iter().collect::<Vec<_>>())
    }

    #[test]
    fn one_human_in_two_groups_fills_one_place() {
        let needed = [requirement("ops", 1), requirement("dba", 1)];
        let left = missing(&needed, &approvers(&[(1, &["ops", "dba"])]));
        assert_eq!(total(&left), 1);
    }

    #[test]
    fn a_human_in_two_groups_makes_room_for_one_who_is_in_one() {
        let needed = [requirement("ops", 1), requirement("dba", 1)];
        assert_eq!(missing(&needed, &approvers(&[(1, &["ops", "dba"]), (2, &["ops"])])), []);
    }

    #[test]
    fn nobody_counts_twice_and_no_program_counts_at_all() {
        let needed = [requirement("ops", 2)];
        assert_eq!(total(&missing(&needed, &approvers(&[(1, &["ops"]), (1, &["ops"])]))), 1);
        let mut same_login = approvers(&[(1, &["ops"]), (2, &["ops"])]);
        same_login[1].login_uid = Some(1);
        assert_eq!(total(&missing(&needed, &same_login)), 1);
        let mut agent = approvers(&[(1, &["ops"]), (2, &["ops"])]);
        agent[0].kind = RequesterKind::Agent;
        agent[1].kind = RequesterKind::Ci;
        assert_eq!(missing(&needed, &agent), needed);
    }

    #[test]
    fn a_count_beyond_all_humans_costs_nothing() {
        let needed = [requirement("ops", u32::MAX)];
        assert_eq!(total(&missing(&needed, &approvers(&[(1, &["ops"])]))), u64::from(u32::MAX) - 1);
    }

    /// The most places that can be filled, by trying everything.
    fn brute_force(places: &[String], humans: &[Vec<String>]) -> usize {
        let Some((human, others)) = humans.split_first() else { return 0 };
        let mut best = brute_force(places, others);
        for (index, place) in places.iter().enumerate() {
            if human.contains(place) {
                let mut left = places.to_vec();
                left.remove(index);
                best = best.max(1 + brute_force(&left, others));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn as_many_places_are_filled_as_trying_everything_fills(
            needed in proptest::collection::vec(("[a-d]", 1_u32..3), 0..4),
            humans in proptest::collection::vec(proptest::collection::vec("[a-d]", 0..4), 0..6),
        ) {
            let requirements: Vec<_> =
                needed.iter().map(|(group, count)| requirement(group, *count)).collect();
            let places: Vec<String> = needed
                .iter()
                .flat_map(|(group, count)| vec![group.clone(); *count as usize])
                .collect();
            let approvers: Vec<_> = humans
                .iter()
                .zip(1..)
                .map(|(groups, uid)| {
                    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                    samples::approver(uid, &groups)
                })
                .collect();
            let left = total(&missing(&requirements, &approvers)) as usize;
            prop_assert_eq!(places.len() - left, brute_force(&places, &humans));
        }
    }
}
