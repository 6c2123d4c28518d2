//! Whose word counts.

use super::*;
use crate::invocation::RequesterKind;
use crate::review::samples::{approval, approver, record, requirement};

fn refusal(result: Result<(), StoreError>) -> String {
    match result {
        Err(StoreError::NotAllowed(sentence)) => sentence,
        other => panic!("not refused: {other:?}"),
    }
}

/// Whether the yes of somebody counts who has logged in.
fn check(record: &Record, approver: &Approver) -> Result<(), StoreError> {
    record.check_approver(approver, Presence::Uid)
}

/// Two of ops, one of them or of dba with a touch.
fn record_for_three() -> Record {
    let mut record = record();
    let touched = Requirement { presence: Presence::Touch, ..requirement(&["dba", "ops"], 1) };
    record.shown.requirements = vec![touched, requirement(&["ops"], 2)];
    record
}

#[test]
fn one_whose_proof_is_too_weak_is_told_exactly_that_and_what_to_do() {
    let mut record = record_for_three();
    let dba = approver(1001, &["dba"]);
    for (weak, words) in [
        (Presence::Uid, "a login proves too little"),
        (Presence::Key, "a signature with an SSH key proves too little"),
    ] {
        let refused = refusal(record.check_approver(&dba, weak));
        let told = format!("user1001 is in the right group, but {words} to approve K7Q2-MX4P");
        assert!(refused.starts_with(&told), "{refused}");
        let needs = ": it needs 1 of group dba or ops by touch and 2 of group ops; \
                     \"hitl approve K7Q2-MX4P\" signs with your SSH key, which must be a \
                     hardware key that you touch";
        assert!(refused.ends_with(needs), "{refused}");
    }
    record.check_approver(&dba, Presence::Verify).unwrap();
    // Once nobody with a touch is needed any more, it is not the proof that is wrong.
    record.approvals.push(Approval { presence: Presence::Touch, ..approval(1002, &["dba"]) });
    let refused = refusal(record.check_approver(&dba, Presence::Uid));
    assert!(refused.ends_with("it needs 2 of group ops; you are in dba"), "{refused}");
}

#[test]
fn a_stronger_proof_counts_in_place_of_the_first_where_that_one_could_not() {
    let mut record = record_for_three();
    let bob = approver(1001, &["ops"]);
    record.approvals.push(approval(1001, &["ops"]));
    for weak in [Presence::Uid, Presence::Key] {
        let again = refusal(record.check_approver(&bob, weak));
        assert!(again.starts_with("you have already approved"), "{again}");
        let told = "from somebody else; or a stronger proof of yours, in place of the first: \
                    \"hitl approve K7Q2-MX4P\" signs with your SSH key, which must be a hardware \
                    key that you touch";
        assert!(again.ends_with(told), "{again}");
    }
    record.check_approver(&bob, Presence::Touch).unwrap();
    // By another account of theirs that is in no such group, it is worth nothing.
    let other = Approver { login_uid: Some(1001), ..approver(1007, &["web"]) };
    let refused = refusal(record.check_approver(&other, Presence::Verify));
    assert!(refused.starts_with("you, as user1001, have already"), "{refused}");
    // The place for a touch is filled: theirs would change nothing.
    record.approvals.push(Approval { presence: Presence::Touch, ..approval(1002, &["dba"]) });
    let refused = refusal(record.check_approver(&bob, Presence::Touch));
    assert!(refused.ends_with("it still needs 1 of group ops, from somebody else"), "{refused}");
}

#[test]
fn a_stronger_proof_counts_also_where_somebody_else_moves_over_for_it() {
    let mut record = record();
    let touched =
        |groups: &[&str]| Requirement { presence: Presence::Touch, ..requirement(groups, 1) };
    record.shown.requirements =
        vec![touched(&["dba"]), touched(&["dba", "ops"]), requirement(&["ops"], 1)];
    // carol fills one of the two places for a touch, whichever is left is bob's by a touch.
    record.approvals.push(Approval { presence: Presence::Touch, ..approval(1002, &["dba"]) });
    record.approvals.push(approval(1001, &["ops"]));
    record.check_approver(&approver(1001, &["ops"]), Presence::Touch).unwrap();
}

#[test]
fn a_no_counts_from_the_groups_whatever_was_proved() {
    let record = record_for_three();
    record.check_rejecter(&approver(1001, &["dba"])).unwrap();
    let refused = refusal(record.check_rejecter(&approver(1001, &["web"])));
    assert!(refused.contains("(groups: dba, ops)"), "{refused}");
}

#[test]
fn the_requester_never_counts_by_uid_or_by_login_uid() {
    let mut record = record();
    let mut alice = approver(1000, &["ops"]);
    assert!(refusal(check(&record, &alice)).contains("you asked for it yourself"));
    // alice with su, as bob
    alice.uid = 1001;
    assert!(refusal(check(&record, &alice)).contains("by login uid"));
    // alice asked from a service without a login, then became bob with su
    record.bound.requester.login_uid = None;
    assert!(refusal(check(&record, &alice)).contains("by login uid"));
    // alice asked as root, then decides as herself from where no login uid is known
    record.bound.requester.uid = 0;
    record.bound.requester.login_uid = Some(1000);
    let no_login = Approver { uid: 1000, login_uid: None, ..alice };
    assert!(refusal(check(&record, &no_login)).contains("by login uid"));
}

#[test]
fn an_unknown_login_uid_is_neither_equal_nor_different() {
    let mut record = record();
    record.bound.requester.login_uid = None;
    let mut bob = approver(1001, &["ops"]);
    bob.login_uid = None;
    check(&record, &bob).unwrap();
    bob.uid = 1000;
    refusal(check(&record, &bob));
}

#[test]
fn agents_and_pipelines_decide_nothing_also_not_a_confirmation() {
    for decision in [Decision::Approve, Decision::Confirm] {
        let mut record = record();
        record.shown.decision = decision;
        for (uid, kind) in [(1000, RequesterKind::Agent), (1001, RequesterKind::Ci)] {
            let program = Approver { kind, ..approver(uid, &["ops"]) };
            assert!(refusal(check(&record, &program)).contains("only a human"));
            assert!(refusal(record.check_rejecter(&program)).contains("only a human"));
        }
    }
}

#[test]
fn a_confirmation_is_for_the_requesters_own_human_alone() {
    let mut record = record();
    record.shown.decision = Decision::Confirm;
    record.bound.requester.kind = RequesterKind::Agent;
    check(&record, &approver(1000, &[])).unwrap();
    let refused = refusal(check(&record, &approver(1001, &["ops"])));
    assert!(refused.contains("a confirmation by alice"), "{refused}");
}

#[test]
fn one_who_is_in_no_group_that_is_needed_is_told_who_is() {
    let record = record();
    assert_eq!(
        refusal(check(&record, &approver(1001, &["web"]))),
        "user1001 cannot approve K7Q2-MX4P: it needs 1 of group ops; you are in web"
    );
    assert!(refusal(record.check_rejecter(&approver(1001, &[]))).contains("(groups: ops)"));
}

#[test]
fn one_who_frees_a_place_for_somebody_else_counts() {
    let mut record = record();
    record.shown.requirements.push(requirement(&["security"], 1));
    record.approvals.push(approval(1001, &["ops", "security"]));
    check(&record, &approver(1002, &["ops"])).unwrap();
    check(&record, &approver(1002, &["security"])).unwrap();
    let again = refusal(check(&record, &approver(1001, &["ops"])));
    assert!(again.starts_with("you have already approved"), "{again}");
}

#[test]
fn one_who_has_left_the_group_no_longer_counts() {
    let mut record = record();
    record.approvals.push(approval(1001, &["ops"]));
    assert!(record.suffices(&Approval::as_given));
    assert!(!record.suffices(&|_, _| Ok(Vec::new())));
    assert_eq!(record.missing_now(&|_, _| Ok(Vec::new())), record.shown.requirements);
    assert_eq!(record.shortfall(&Approval::as_given), None);
    assert_eq!(
        record.shortfall(&|_, _| Ok(Vec::new())).unwrap(),
        "the approvals no longer suffice: user1001 has left group ops"
    );
}

#[test]
fn approvals_that_nobody_can_give_are_never_complete() {
    let mut record = record();
    record.shown.requirements.clear();
    assert!(!record.suffices(&Approval::as_given));
    refusal(check(&record, &approver(1001, &["ops"])));
}

#[test]
fn a_request_is_seen_by_its_requester_those_who_may_decide_and_root() {
    let record = record();
    assert!(record.may_see(1000, &[]));
    assert!(record.may_see(1001, &["ops".into()]));
    assert!(record.may_see(0, &[]));
    assert!(!record.may_see(1001, &["web".into()]));
}
