//! Who fills which place, tried against trying everything.

use super::*;
use crate::invocation::RequesterKind;
use crate::review::samples::{self, requirement};
use proptest::prelude::*;

type People = Vec<(Approver, Presence)>;

/// Humans who are in these groups and have proved this much.
fn people(list: &[(u32, &[&str], Presence)]) -> People {
    let person =
        |(uid, groups, presence): &(u32, &[&str], _)| (samples::approver(*uid, groups), *presence);
    list.iter().map(person).collect()
}

fn logins(list: &[(u32, &[&str])]) -> People {
    people(&list.iter().map(|(uid, groups)| (*uid, *groups, Presence::Uid)).collect::<Vec<_>>())
}

fn given(people: &People) -> Vec<Yes<'_>> {
    people.iter().map(|(approver, presence)| (approver, *presence)).collect()
}

fn missing(requirements: &[Requirement], people: &People) -> Vec<Requirement> {
    super::missing(requirements, &given(people))
}

fn total(requirements: &[Requirement]) -> u64 {
    requirements.iter().map(|requirement| u64::from(requirement.count)).sum()
}

fn by(presence: Presence, requirement: Requirement) -> Requirement {
    Requirement { presence, ..requirement }
}

#[test]
fn one_human_in_two_groups_fills_one_place() {
    let needed = [requirement(&["ops"], 1), requirement(&["dba"], 1)];
    let left = missing(&needed, &logins(&[(1, &["ops", "dba"])]));
    assert_eq!(total(&left), 1);
}

#[test]
fn a_human_in_two_groups_makes_room_for_one_who_is_in_one() {
    let needed = [requirement(&["ops"], 1), requirement(&["dba"], 1)];
    assert_eq!(missing(&needed, &logins(&[(1, &["ops", "dba"]), (2, &["ops"])])), []);
}

#[test]
fn a_human_of_either_group_fills_a_place_for_any_of_them() {
    let needed = [requirement(&["ops"], 1), requirement(&["dba", "ops"], 1)];
    for other in ["ops", "dba"] {
        let both = logins(&[(1, &["ops"]), (2, &[other])]);
        assert_eq!(missing(&needed, &both), []);
        assert_eq!(missing(&needed, &both.into_iter().rev().collect()), []);
    }
    assert_eq!(missing(&needed, &logins(&[(1, &["dba"]), (2, &["dba"])])), needed[..1]);
    assert_eq!(total(&missing(&needed, &logins(&[(1, &["dba", "ops"])]))), 1);
}

#[test]
fn a_weaker_proof_fills_no_place_that_asks_for_a_stronger_one() {
    let needed = [requirement(&["ops"], 1), by(Presence::Touch, requirement(&["dba", "ops"], 1))];
    let two = |one, other| people(&[(1, &["ops"], one), (2, &["ops"], other)]);
    assert_eq!(missing(&needed, &two(Presence::Uid, Presence::Key)), needed[1..]);
    for strong in [Presence::Touch, Presence::Verify] {
        assert_eq!(missing(&needed, &two(Presence::Uid, strong)), []);
        // Whoever proved more moves over to where it is asked for.
        assert_eq!(missing(&needed, &two(strong, Presence::Uid)), []);
    }
}

#[test]
fn nobody_counts_twice_and_no_program_counts_at_all() {
    let needed = [requirement(&["ops"], 2)];
    assert_eq!(total(&missing(&needed, &logins(&[(1, &["ops"]), (1, &["ops"])]))), 1);
    let mut same_login = logins(&[(1, &["ops"]), (2, &["ops"])]);
    same_login[1].0.login_uid = Some(1);
    assert_eq!(total(&missing(&needed, &same_login)), 1);
    let mut programs = logins(&[(1, &["ops"]), (2, &["ops"])]);
    programs[0].0.kind = RequesterKind::Agent;
    programs[1].0.kind = RequesterKind::Ci;
    assert_eq!(missing(&needed, &programs), needed);
}

#[test]
fn a_count_beyond_all_humans_costs_nothing() {
    let needed = [requirement(&["ops"], u32::MAX)];
    assert_eq!(total(&missing(&needed, &logins(&[(1, &["ops"])]))), u64::from(u32::MAX) - 1);
}

#[test]
fn what_is_open_is_also_what_somebody_would_leave() {
    let needed = [requirement(&["ops"], 1), requirement(&["dba"], 1)];
    let open = |people: &People| super::open(&needed, &given(people)).len();
    assert_eq!(open(&logins(&[])), 2);
    assert_eq!(open(&logins(&[(1, &["ops", "dba"])])), 2);
    assert_eq!(open(&logins(&[(1, &["ops"])])), 1);
    assert_eq!(open(&logins(&[(1, &["ops"]), (2, &["ops", "dba"])])), 0);
}

/// The most places that can be filled, by trying everything.
fn brute_force(places: &[Requirement], people: &[(Approver, Presence)]) -> usize {
    let Some(((approver, presence), others)) = people.split_first() else { return 0 };
    let mut best = brute_force(places, others);
    for (index, place) in places.iter().enumerate() {
        let in_a_group = place.groups.iter().any(|group| approver.groups.contains(group));
        if in_a_group && *presence >= place.presence {
            let mut left = places.to_vec();
            left.remove(index);
            best = best.max(1 + brute_force(&left, others));
        }
    }
    best
}

fn some_presence() -> impl Strategy<Value = Presence> {
    prop_oneof![Just(Presence::Uid), Just(Presence::Key), Just(Presence::Touch)]
}

fn some_requirements() -> impl Strategy<Value = Vec<Requirement>> {
    let groups = proptest::collection::btree_set("[a-d]", 1..3);
    let one = (groups, 1_u32..3, some_presence()).prop_map(|(groups, count, presence)| {
        Requirement { groups: groups.into_iter().collect(), count, presence }
    });
    proptest::collection::vec(one, 0..4)
}

fn some_people() -> impl Strategy<Value = People> {
    let one = (proptest::collection::vec("[a-d]", 0..4), some_presence());
    proptest::collection::vec(one, 0..6).prop_map(|people| {
        let person = |((groups, presence), uid): ((Vec<String>, _), _)| {
            (Approver { groups, ..samples::approver(uid, &[]) }, presence)
        };
        people.into_iter().zip(1..).map(person).collect()
    })
}

proptest! {
    #[test]
    fn as_many_places_are_filled_as_trying_everything_fills(
        requirements in some_requirements(),
        people in some_people(),
    ) {
        let places: Vec<Requirement> = requirements
            .iter()
            .flat_map(|one| vec![one.clone(); one.count as usize])
            .collect();
        let left = total(&missing(&requirements, &people)) as usize;
        prop_assert_eq!(places.len() - left, brute_force(&places, &people));
    }

    #[test]
    fn a_further_human_helps_exactly_where_something_is_open_to_them(
        requirements in some_requirements(),
        people in some_people(),
        groups in proptest::collection::vec("[a-d]", 0..3),
        presence in some_presence(),
    ) {
        let open = open(&requirements, &given(&people));
        let promised = open.iter().any(|one| one.admits(&groups, presence));
        let before = total(&missing(&requirements, &people));
        let further = (Approver { groups, ..samples::approver(99, &[]) }, presence);
        let with = people.into_iter().chain([further]).collect();
        prop_assert_eq!(promised, total(&missing(&requirements, &with)) < before);
    }
}
