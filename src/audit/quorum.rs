//! Whether recorded approvals fulfil what a rule required. Written for verification alone, apart
//! from the code that decides, so that one mistake does not excuse the other.

use super::EntryUser;
use crate::policy::Presence;

/// A recorded yes.
#[derive(Clone, Debug)]
pub(super) struct Yes {
    pub(super) user: EntryUser,
    pub(super) groups: Vec<String>,
    pub(super) presence: Presence,
    /// Whether a human gave it; programs never count.
    pub(super) human: bool,
}

/// What a rule required.
#[derive(Clone, Debug)]
pub(super) struct Need {
    /// Members of any of them count.
    pub(super) groups: Vec<String>,
    pub(super) count: u64,
    /// The least that each must have proved.
    pub(super) presence: Presence,
}

/// Whether the approvals fulfil the requirements: by humans, none of them the requester, each counted
/// once, by what they proved last, and for one requirement only. Without requirements one is needed.
pub(super) fn fulfilled(requirements: &[Need], approvals: &[Yes], requester: &EntryUser) -> bool {
    let mut people: Vec<&Yes> = Vec::new();
    for yes in approvals {
        if yes.human && !same_person(&yes.user, requester) {
            people.retain(|other| !same_person(&other.user, &yes.user));
            people.push(yes);
        }
    }
    let needed = requirements.iter().fold(0_u64, |sum, need| sum.saturating_add(need.count));
    if needed.max(1) > people.len() as u64 {
        return false;
    }
    // One seat for each count; no more than there are people, as was just seen.
    let seats: Vec<&Need> =
        requirements.iter().flat_map(|need| (0..need.count).map(move |_| need)).collect();
    let mut taken: Vec<Option<usize>> = vec![None; people.len()];
    (0..seats.len()).all(|seat| {
        let mut visited = vec![false; people.len()];
        seat_somebody(seat, &seats, &people, &mut taken, &mut visited)
    })
}

/// By user id or, where both are known, by login uid: who became another user is still the same.
pub(super) fn same_person(left: &EntryUser, right: &EntryUser) -> bool {
    left.uid == right.uid || (left.login_uid.is_some() && left.login_uid == right.login_uid)
}

fn fits(yes: &Yes, need: &Need) -> bool {
    yes.presence >= need.presence && yes.groups.iter().any(|group| need.groups.contains(group))
}

/// An augmenting path (Kuhn): takes a free person for the seat, or one whose seat another can take.
fn seat_somebody(
    seat: usize,
    seats: &[&Need],
    people: &[&Yes],
    taken: &mut [Option<usize>],
    visited: &mut [bool],
) -> bool {
    for person in 0..people.len() {
        if visited[person] || !fits(people[person], seats[seat]) {
            continue;
        }
        visited[person] = true;
        let free = match taken[person] {
            None => true,
            Some(other) => seat_somebody(other, seats, people, taken, visited),
        };
        if free {
            taken[person] = Some(seat);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(uid: u32, groups: &[&str]) -> Yes {
        Yes {
            user: user(uid),
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            presence: Presence::Uid,
            human: true,
        }
    }

    fn user(uid: u32) -> EntryUser {
        EntryUser { name: format!("u{uid}"), uid, login_uid: Some(uid) }
    }

    fn needs(list: &[(&str, u64)]) -> Vec<Need> {
        let need = |(groups, count): &(&str, u64)| Need {
            groups: groups.split('|').map(str::to_owned).collect(),
            count: *count,
            presence: Presence::Uid,
        };
        list.iter().map(need).collect()
    }

    #[test]
    fn one_person_counts_once_and_for_one_requirement() {
        let both = needs(&[("dba", 1), ("sre", 1)]);
        assert!(!fulfilled(&both, &[yes(2, &["dba", "sre"])], &user(1)));
        assert!(!fulfilled(&both, &[yes(2, &["dba", "sre"]), yes(2, &["sre"])], &user(1)));
        // The first could take either seat, the second only one: it is enough, in either order.
        assert!(fulfilled(&both, &[yes(2, &["dba", "sre"]), yes(3, &["dba"])], &user(1)));
        assert!(fulfilled(&both, &[yes(3, &["dba"]), yes(2, &["dba", "sre"])], &user(1)));
        assert!(!fulfilled(&needs(&[("dba", 2)]), &[yes(2, &["dba"])], &user(1)));
        assert!(!fulfilled(
            &needs(&[("dba", u64::MAX), ("sre", 9)]),
            &[yes(2, &["dba"])],
            &user(1)
        ));
    }

    #[test]
    fn a_member_of_either_group_will_do_where_any_of_them_is_asked() {
        let either = needs(&[("sre", 1), ("dba|sre", 1)]);
        assert!(fulfilled(&either, &[yes(2, &["sre"]), yes(3, &["dba"])], &user(1)));
        assert!(fulfilled(&either, &[yes(2, &["sre"]), yes(3, &["sre"])], &user(1)));
        assert!(!fulfilled(&either, &[yes(2, &["dba"]), yes(3, &["dba"])], &user(1)));
    }

    #[test]
    fn what_was_proved_must_be_enough_and_counts_as_it_was_last() {
        let mut touch = needs(&[("sre", 1)]);
        touch[0].presence = Presence::Touch;
        let proved = |presence| Yes { presence, ..yes(2, &["sre"]) };
        for presence in [Presence::Uid, Presence::Key] {
            assert!(!fulfilled(&touch, &[proved(presence)], &user(1)));
        }
        for presence in [Presence::Touch, Presence::Verify] {
            assert!(fulfilled(&touch, &[proved(presence)], &user(1)));
            assert!(fulfilled(&touch, &[proved(Presence::Uid), proved(presence)], &user(1)));
        }
    }

    #[test]
    fn neither_the_requester_nor_a_program_counts() {
        let one = needs(&[("sre", 1)]);
        assert!(!fulfilled(&one, &[yes(1, &["sre"])], &user(1)));
        let mut became_another = yes(7, &["sre"]);
        became_another.user.login_uid = Some(1);
        assert!(!fulfilled(&one, &[became_another], &user(1)));
        let mut program = yes(2, &["sre"]);
        program.human = false;
        assert!(!fulfilled(&one, &[program], &user(1)));
        assert!(fulfilled(&one, &[yes(2, &["sre"])], &user(1)));
        assert!(!fulfilled(&[], &[], &user(1)) && fulfilled(&[], &[yes(2, &[])], &user(1)));
    }
}
