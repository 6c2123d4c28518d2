//! Nothing starts without what its rule needed.

use super::*;
use crate::audit::{Command, GlassBroken, UndoRecorded, UndoRight};
use crate::review::Judgement;

/// Appends the entries to a fresh log and says which sequence number is bad, and why.
fn verdict_on(entries: Vec<Entry>) -> Option<(u64, String)> {
    let fixture = Fixture::new();
    fixture.append(&entries);
    fixture.verify().first_bad.map(|finding| (finding.sequence, finding.what))
}

fn lost(number: u32) -> Entry {
    Entry::lost(&reference(number), &user(2), "hitl was killed")
}

#[test]
fn a_command_that_had_what_it_needed_is_fine() {
    let approve = |needs: &[(&str, u32)]| decided(1, Decision::Approve, needs);
    for entries in [
        vec![requested(1), decided(1, Decision::Allow, &[]), started(1), finished(1)],
        vec![requested(1), decided(1, Decision::Confirm, &[]), approved(1, 1, &[]), started(1)],
        vec![requested(1), approve(&[("sre", 1)]), approved(1, 2, &["sre"]), started(1)],
        vec![
            requested(1),
            approve(&[("sre", 1), ("dba", 1)]),
            approved(1, 2, &["sre", "dba"]),
            approved(1, 3, &["sre"]),
            started(1),
            finished(1),
        ],
        vec![requested(1), decided(1, Decision::Deny, &[])],
        // hitl was killed after it had used the approval, or after it had started the command.
        vec![requested(1), approve(&[("sre", 1)]), approved(1, 2, &["sre"]), lost(1)],
        [&allowed_run(1)[..3], &[lost(1), finished(1)]].concat(),
        vec![
            requested(1),
            approve(&[]),
            Entry::expired(&reference(1), &user(1)),
            Entry::expired(&reference(1), &user(3)),
        ],
    ] {
        assert_eq!(verdict_on(entries), None);
    }
}

#[test]
fn a_command_that_had_not_is_the_first_bad_entry() {
    let approve = || decided(1, Decision::Approve, &[("sre", 1)]);
    let rejected = Entry::rejected(&reference(1), &user(2), "no");
    let void = Entry::void(&reference(1), &user(1), "the executable changed");
    let cancelled = Entry::cancelled(&reference(1), &user(1));
    for (entries, sequence, what) in [
        (vec![started(1)], 1, "not among those"),
        (vec![requested(1), started(1)], 2, "before the policy decided"),
        (vec![requested(1), decided(1, Decision::Confirm, &[]), started(1)], 3, "without the app"),
        (vec![requested(1), approve(), started(1)], 3, "without the approvals"),
        (vec![requested(1), approve(), approved(1, 1, &["sre"]), started(1)], 4, "without"),
        (vec![requested(1), approve(), approved(1, 2, &["dba"]), started(1)], 4, "without"),
        (vec![requested(1), decided(1, Decision::Deny, &[]), started(1)], 3, "was denied"),
        (vec![requested(1), approve(), rejected, started(1)], 4, "was rejected"),
        (vec![requested(1), approve(), void, started(1)], 4, "is void"),
        (vec![requested(1), approve(), cancelled, started(1)], 4, "was cancelled"),
        (vec![requested(1), approve(), finished(1)], 3, "had not started"),
        (
            vec![requested(1), approve(), approved(1, 2, &["sre"]), lost(1), started(1)],
            5,
            "was lost before it started",
        ),
        ([&allowed_run(1)[..], &[started(1)]].concat(), 5, "has finished"),
        ([&allowed_run(1)[..3], &[started(1)]].concat(), 4, "had started already"),
        ([&allowed_run(1)[..3], &[approved(1, 2, &[])]].concat(), 4, "already started"),
        (vec![requested(1), approve(), decided(1, Decision::Allow, &[])], 3, "decided on this"),
        (vec![requested(1), requested(1)], 2, "recorded before"),
        // An approval for another request is none for this one.
        (
            vec![requested(2), requested(1), approve(), approved(2, 2, &["sre"]), started(1)],
            5,
            "without the approvals",
        ),
    ] {
        let found = verdict_on(entries);
        assert!(
            found.as_ref().is_some_and(|(at, why)| *at == sequence && why.contains(what)),
            "expected {sequence}: {what}, found {found:?}"
        );
    }
}

#[test]
fn a_command_without_its_end_is_noted() {
    let fixture = Fixture::new();
    fixture.append(&allowed_run(1)[..3]);
    let verification = fixture.verify();
    assert_eq!(verification.first_bad, None);
    assert!(verification.notes[0].starts_with("entry 3: request K7Q2-M001 started"));
}

#[test]
fn nothing_starts_before_a_requester_who_must_has_authenticated() {
    let proved = |uid| Entry::authenticated(&reference(1), &user(uid), "pam", 0);
    let failed = || Entry::authentication_failed(&reference(1), &user(1), 3, "three wrong tries");
    let decided = || must_authenticate(decided(1, Decision::Allow, &[]));
    let fine = vec![requested(1), decided(), failed(), proved(1), started(1), finished(1)];
    assert_eq!(verdict_on(fine), None);
    for (entries, sequence, what) in [
        (vec![requested(1), decided(), started(1)], 3, "before the requester had authenticated"),
        (vec![requested(1), decided(), failed(), started(1)], 4, "before the requester"),
        (vec![requested(1), decided(), proved(2), started(1)], 3, "another user"),
        (vec![proved(1)], 1, "not among those"),
    ] {
        let (bad, why) = verdict_on(entries).unwrap();
        assert_eq!(bad, sequence, "{why}");
        assert!(why.contains(what), "{why}");
    }
}

/// A soft denial, and its lifting by user 1; beside it what `decision` says is needed of `sre`.
fn lifted(decision: Decision) -> [Entry; 3] {
    let denied =
        decided(1, Decision::Deny, &[]).with(super::entry::field::ENFORCEMENT, "soft".into());
    let needs: &[(&str, u32)] = if decision == Decision::Approve { &[("sre", 1)] } else { &[] };
    let verdict = verdict(decision, needs);
    let broken = GlassBroken {
        verdict: &verdict,
        lifted: &["some-rule".into()],
        reason: "the site is down",
        review_by: &at(3600),
        reviewers: &["sre".into()],
        channels: &[],
    };
    [requested(1), denied, Entry::glass_broken(&reference(1), &user(1), &broken)]
}

fn reviewed(uid: u32, groups: &[&str]) -> Entry {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    let (kind, judgement) = (RequesterKind::Human, Judgement::Justified);
    Entry::glass_reviewed(&reference(1), &user(uid), kind, &groups, judgement, None)
}

#[test]
fn a_lifted_denial_starts_with_what_is_needed_beside_it_and_is_noted_until_it_is_reviewed() {
    let alone = || lifted(Decision::Allow).to_vec();
    let ran = || [alone(), vec![started(1), finished(1)]].concat();
    let waits = || lifted(Decision::Approve).to_vec();
    let approved = || approved(1, 2, &["sre"]);
    let void = || Entry::void(&reference(1), &user(1), "the executable changed");
    for (entries, unreviewed) in [
        (ran(), 1),
        ([lifted(Decision::Confirm).to_vec(), vec![started(1)]].concat(), 1),
        ([waits(), vec![approved(), started(1)]].concat(), 1),
        ([ran(), vec![reviewed(2, &["sre"])]].concat(), 0),
        // The first was killed before the store had it.
        ([ran(), vec![reviewed(2, &["sre"]), reviewed(3, &["sre"])]].concat(), 0),
        // Nothing ran: it was not in the store, was void, or was lost before its start.
        (alone(), 0),
        ([alone(), vec![void()]].concat(), 0),
        ([alone(), vec![lost(1), reviewed(2, &["sre"])]].concat(), 0),
    ] {
        let fixture = Fixture::new();
        fixture.append(&entries);
        let verification = fixture.verify();
        assert_eq!(verification.first_bad, None);
        assert_eq!(verification.unreviewed, unreviewed, "{entries:?}");
    }
    for (entries, sequence, what) in [
        ([waits(), vec![started(1)]].concat(), 4, "without the approvals"),
        ([lifted(Decision::Allow)[..2].to_vec(), vec![started(1)]].concat(), 3, "was denied"),
        ([alone()[..1].to_vec(), alone()[2..].to_vec()].concat(), 2, "a denial that is not there"),
        ([alone(), alone()[2..].to_vec()].concat(), 4, "a denial that is not there"),
        ([ran(), vec![reviewed(1, &["sre"])]].concat(), 6, "by whoever asked for it"),
        ([ran(), vec![reviewed(2, &["dba"])]].concat(), 6, "by somebody who may not"),
        ([alone(), vec![void(), reviewed(2, &["sre"])]].concat(), 5, "never ran"),
        ([allowed_run(1).to_vec(), vec![reviewed(2, &["sre"])]].concat(), 5, "lifted no denial"),
    ] {
        let (bad, why) = verdict_on(entries).unwrap();
        assert_eq!(bad, sequence, "{why}");
        assert!(why.contains(what), "{why}");
    }
}

/// The undo of run 1 as run 2; with the approval of request 2 where `approved`.
fn undo(approved: bool) -> UndoRecorded {
    let digest = if approved { reference(2).digest } else { None };
    UndoRecorded {
        reference: Reference { digest, ..reference(2) },
        user: user(1),
        undone: reference(1).id,
        right: UndoRight::Own,
        forced: false,
        only: Vec::new(),
        approved_by: Vec::new(),
    }
}

#[test]
fn an_undo_begins_on_record_uses_its_approval_first_and_is_followed_after_its_end() {
    let command = || Command::not_found(&["reload".into()]);
    let begun = |approved| Entry::undo_started(&undo(approved));
    let ended = |approved| Entry::undone(&undo(approved), 3, Outcome::Success);
    let followed = || Entry::follows(&undo(false), &command());
    let asked = || {
        let approve = decided(2, Decision::Approve, &[("sre", 1)]);
        vec![requested(2), approve, approved(2, 2, &["sre"])]
    };
    for entries in [
        vec![begun(false), ended(false), followed()],
        // Whoever goes on after a death begins again.
        vec![begun(false), begun(false), ended(false), followed(), begun(false), ended(false)],
        [asked(), vec![started(2), begun(true), ended(true), finished(2)]].concat(),
    ] {
        assert_eq!(verdict_on(entries), None);
    }
    for (entries, sequence, what) in [
        (vec![ended(false)], 1, "no undo of run"),
        (vec![begun(false), followed()], 2, "had come to its end"),
        ([asked(), vec![begun(true)]].concat(), 4, "before its approval was used"),
        (vec![begun(true)], 1, "not among those"),
    ] {
        let bad = verdict_on(entries).unwrap();
        assert_eq!(bad.0, sequence, "{bad:?}");
        assert!(bad.1.contains(what), "{what}: {bad:?}");
    }
}
