//! Lives of requests, told as promises: who may do what, when, and what is final.

use super::samples::{approver, moment, record, rejection, requirement, runner};
use super::{Approval, Difference, Record, Runner, State, StoreError};
use crate::invocation::InputKind;
use crate::policy::{Decision, Presence, Requirement};
use crate::system::{BootId, Moment};

fn approved() -> Record {
    let mut record = record();
    record.approve(approver(1001, &["ops"]), Some("go".into()), &moment(10)).unwrap();
    assert_eq!(record.state, State::Approved);
    record
}

fn wrong_state<T: std::fmt::Debug>(result: Result<T, StoreError>) -> (String, String) {
    match result {
        Err(StoreError::WrongState { state, sentence, .. }) => (state, sentence),
        other => panic!("the state allows it: {other:?}"),
    }
}

#[test]
fn a_request_is_approved_used_once_and_finished() {
    let mut record = approved();
    assert_eq!(record.execution_deadline, Some(moment(10 + 300)));
    record.consume(runner(), &Approval::as_given, &moment(11)).unwrap();
    assert_eq!(record.state, State::Running);
    let (_, sentence) = wrong_state(record.consume(runner(), &Approval::as_given, &moment(12)));
    assert_eq!(sentence, "its command was started, and an approval is for one start");
    record.finish("exit 0", &moment(13)).unwrap();
    assert_eq!(record.state, State::Finished);
    let (state, sentence) = wrong_state(record.consume(runner(), &Approval::as_given, &moment(14)));
    assert_eq!(state, "finished");
    assert!(sentence.contains("exit 0"));
}

#[test]
fn two_of_two_groups_are_needed_where_two_are_required() {
    let mut record = record();
    record.shown.requirements.push(requirement(&["security"], 1));
    record.approve(approver(1001, &["ops", "security"]), None, &moment(1)).unwrap();
    assert_eq!(record.state, State::Pending);
    assert_eq!(record.execution_deadline, None);
    let again = record.approve(approver(1001, &["ops", "security"]), None, &moment(2));
    assert!(again.unwrap_err().to_string().starts_with("you have already approved"));
    record.approve(approver(1002, &["ops"]), None, &moment(3)).unwrap();
    assert_eq!(record.state, State::Approved);
}

#[test]
fn a_stronger_proof_takes_the_place_of_a_weaker_one_and_nobody_counts_twice() {
    let mut record = record();
    let touched = Requirement { presence: Presence::Touch, ..requirement(&["dba", "ops"], 1) };
    record.shown.requirements = vec![touched, requirement(&["ops"], 1)];
    record.approve(approver(1001, &["ops"]), Some("go".into()), &moment(1)).unwrap();
    assert_eq!(record.needed(), "1 of group dba or ops by touch");
    let before = record.clone();
    let weak = record.approve(approver(1002, &["ops"]), None, &moment(2)).unwrap_err();
    assert!(weak.to_string().contains("a login proves too little"), "{weak}");
    assert_eq!(record, before);
    let again =
        Approval { presence: Presence::Touch, at: moment(3), ..before.approvals[0].clone() };
    record.approve_with(again.clone()).unwrap();
    assert_eq!((record.state, &record.approvals[..]), (State::Pending, &[again][..]));
    assert_eq!(record.needed(), "1 of group ops");
    // Now a login will do for the other, and both counted once.
    record.approve(approver(1002, &["ops"]), None, &moment(4)).unwrap();
    assert_eq!((record.state, record.approvals.len()), (State::Approved, 2));
    record.consume(runner(), &Approval::as_given, &moment(5)).unwrap();
}

#[test]
fn one_who_has_left_one_of_two_groups_still_counts_by_the_other() {
    let mut record = record();
    record.shown.requirements = vec![requirement(&["dba", "ops"], 1)];
    record.approve(approver(1001, &["dba", "ops"]), None, &moment(1)).unwrap();
    assert!(
        record
            .shortfall(&|_, _| Ok(vec!["web".into()]))
            .unwrap()
            .contains("left group dba, user1001")
    );
    record.consume(runner(), &|_, _| Ok(vec!["ops".into()]), &moment(2)).unwrap();
}

#[test]
fn the_requester_cannot_approve_their_own_request_and_leaves_no_trace_in_it() {
    let mut record = record();
    let before = record.clone();
    assert!(record.approve(approver(1000, &["ops"]), None, &moment(1)).is_err());
    assert_eq!(record, before);
}

#[test]
fn a_confirmation_needs_the_requesters_own_human_and_nobody_else() {
    let mut record = record();
    record.shown.decision = Decision::Confirm;
    record.shown.requirements.clear();
    assert!(record.approve(approver(1001, &["ops"]), None, &moment(1)).is_err());
    record.approve(approver(1000, &[]), None, &moment(1)).unwrap();
    assert_eq!(record.state, State::Approved);
    record.consume(runner(), &|_, _| Ok(Vec::new()), &moment(2)).unwrap();
}

#[test]
fn one_rejection_is_final_also_over_an_approval() {
    for mut record in [record(), approved()] {
        assert!(record.reject(rejection(approver(1002, &["ops"]), " \n", &moment(11))).is_err());
        assert!(record.reject(rejection(approver(1002, &["web"]), "no", &moment(11))).is_err());
        record.reject(rejection(approver(1002, &["ops"]), "not on Friday", &moment(11))).unwrap();
        assert_eq!(record.state, State::Rejected);
        let (_, sentence) =
            wrong_state(record.approve(approver(1003, &["ops"]), None, &moment(12)));
        assert!(sentence.contains("user1002 said no (not on Friday)"), "{sentence}");
        wrong_state(record.consume(runner(), &Approval::as_given, &moment(12)));
    }
}

#[test]
fn one_who_approved_can_still_say_no_until_the_command_starts() {
    let mut record = approved();
    record.reject(rejection(approver(1001, &["ops"]), "wrong host", &moment(11))).unwrap();
    let mut running = approved();
    running.consume(runner(), &Approval::as_given, &moment(11)).unwrap();
    wrong_state(running.reject(rejection(approver(1001, &["ops"]), "too late", &moment(12))));
}

#[test]
fn only_the_requester_and_root_take_a_request_back() {
    let mut record = record();
    assert!(matches!(record.cancel(1001, "bob", &moment(1)), Err(StoreError::NotAllowed(_))));
    record.cancel(1000, "alice", &moment(1)).unwrap();
    assert_eq!(record.standing(), "cancelled by alice; ask anew with \"hitl run\"");
    approved().cancel(0, "root", &moment(11)).unwrap();
}

#[test]
fn what_changed_is_named_by_a_void_request() {
    let mut record = approved();
    let mut now = record.bound.clone();
    now.directory = "/tmp".into();
    now.input = InputKind::Pipe;
    let differences = record.bound.differences(&now);
    record.void(&Difference::sentence(&differences), &moment(11)).unwrap();
    let (state, sentence) = wrong_state(record.consume(runner(), &Approval::as_given, &moment(12)));
    assert_eq!(state, "void");
    assert!(sentence.starts_with(
        "the working directory changed: /srv/app → /tmp; standard input changed: a terminal → a \
         pipe; ask anew"
    ));
}

#[test]
fn nobody_decides_after_the_deadline_and_nobody_uses_an_old_approval() {
    let mut late = record();
    let (state, sentence) = wrong_state(late.approve(approver(1001, &["ops"]), None, &moment(600)));
    assert_eq!((state.as_str(), &sentence[..22]), ("expired", "nobody decided in time"));
    let mut unused = approved();
    let (state, sentence) =
        wrong_state(unused.consume(runner(), &Approval::as_given, &moment(310)));
    assert_eq!((state.as_str(), &sentence[..15]), ("expired", "nobody used the"));
    approved().consume(runner(), &Approval::as_given, &moment(309)).unwrap();
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_open() {
    let set_back = Moment { wall_ms: moment(0).wall_ms - 86_400_000, ..moment(600) };
    let mut record = record();
    let (state, _) = wrong_state(record.approve(approver(1001, &["ops"]), None, &set_back));
    assert_eq!(state, "expired");
}

#[test]
fn a_restart_voids_what_waits_and_makes_what_ran_unknown() {
    let rebooted = Moment { boot_id: BootId("boot-2".into()), boot_ms: 1, ..moment(20) };
    let mut running = approved();
    running.consume(runner(), &Approval::as_given, &moment(11)).unwrap();
    for (record, state) in
        [(record(), State::Void), (approved(), State::Void), (running, State::Unknown)]
    {
        let (record, changed) = record.standing_at(&rebooted);
        assert!(changed);
        assert_eq!(record.state, state);
        assert!(record.standing().contains("restarted"), "{}", record.standing());
    }
}

#[test]
fn a_run_whose_process_is_gone_is_unknown_until_its_end_is_recorded() {
    let now = Moment::now();
    let here = Runner::here(&now).unwrap();
    let mut record = Record { state: State::Running, runner: Some(here.clone()), ..record() };
    assert!(!record.clone().standing_at(&now).1);
    record.runner = Some(Runner { start_ticks: here.start_ticks + 1, ..here });
    let (mut record, _) = record.standing_at(&now);
    assert_eq!(record.state, State::Unknown);
    wrong_state(record.consume(runner(), &Approval::as_given, &now));
    record.finish("exit 3", &now).unwrap();
    assert_eq!(record.state, State::Finished);
}

#[test]
fn approvals_of_somebody_who_left_the_group_start_nothing() {
    let mut record = approved();
    let refused =
        record.consume(runner(), &|_, _| Ok(vec!["web".into()]), &moment(11)).unwrap_err();
    assert!(refused.to_string().contains("no longer suffice"), "{refused}");
    assert_eq!(record.state, State::Approved);
}

#[test]
fn every_refusal_by_state_says_what_to_do_next() {
    let mut record = record();
    let refused = record.finish("exit 0", &moment(1)).unwrap_err().to_string();
    assert_eq!(
        refused,
        "request K7Q2-MX4P is pending: it needs 1 of group ops until 2025-11-24T16:10:00.000Z; \
         \"hitl show K7Q2-MX4P\" shows it"
    );
}
