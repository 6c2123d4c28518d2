//! Whether recorded approvals fulfil what a rule required. Written for verification alone, apart
//! from the code that decides, so that one mistake does not excuse the other.

use super::EntryUser;

/// A recorded yes.
#[derive(Clone, Debug)]
pub(super) struct Yes {
    pub(super) user: EntryUser,
    pub(super) groups: Vec<String>,
    /// Whether a human gave it; programs never count.
    pub(super) human: bool,
}

/// Whether the approvals fulfil the requirements (group and count): by humans, none of them the
/// requester, each counted once and for one requirement only. Without requirements one is needed.
pub(super) fn fulfilled(
    requirements: &[(String, u64)],
    approvals: &[Yes],
    requester: &EntryUser,
) -> bool {
    let mut people: Vec<&Yes> = Vec::new();
    for yes in approvals {
        let known = people.iter().any(|other| same_person(&other.user, &yes.user));
        if yes.human && !known && !same_person(&yes.user, requester) {
            people.push(yes);
        }
    }
    let needed = requirements.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    if needed.max(1) > people.len() as u64 {
        return false;
    }
    // One seat for each count; no more than there are people, as was just seen.
    let seats: Vec<&str> = requirements
        .iter()
        .flat_map(|(group, count)| (0..*count).map(move |_| group.as_str()))
        .collect();
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

/// An augmenting path (Kuhn): takes a free person for the seat, or one whose seat another can take.
fn seat_somebody(
    seat: usize,
    seats: &[&str],
    people: &[&Yes],
    taken: &mut [Option<usize>],
    visited: &mut [bool],
) -> bool {
    for person in 0..people.len() {
        if visited[person] || !people[person].groups.iter().any(|group| group == seats[seat]) {
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
            human: true,
        }
    }

    fn user(uid: u32) -> EntryUser {
        EntryUser { name: format!("u{uid}"), uid, login_uid: Some(uid) }
    }

    fn needs(list: &[(&str, u64)]) -> Vec<(String, u64)> {
        list.iter().map(|(group, count)| ((*group).to_owned(), *count)).collect()
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
