//! The promises of the log as a whole: nothing is lost, nothing is changed unseen, and nothing
//! starts without what it needed.

mod crash;
mod lives;
mod tamper;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::execute::Ending;
use crate::invocation::{RequesterKind, RunAs};
use crate::policy::{
    Decision, Enforcement, EnvironmentRules, PolicyIdentity, Presence, Requirement, Risk,
    SnapshotDemand, UndoTerms, Verdict,
};
use crate::review::{Approval, Approver, Proof};
use crate::system::{BootId, ByteString, Moment, Scope};

/// A log in a directory of its own.
struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    fn log(&self) -> Log {
        log_at(&self.path())
    }

    fn segment(&self) -> PathBuf {
        self.path().join("000001.jsonl")
    }

    fn append(&self, entries: &[Entry]) -> Appended {
        self.log().append(entries, &at(0)).unwrap()
    }

    fn verify(&self) -> Verification {
        verify(&self.path(), &mut |_, _| {}).unwrap()
    }

    /// Runs that go well, one append before each command and one after it.
    fn with_runs(count: u32) -> Self {
        let fixture = Self::new();
        for number in 0..count {
            let [requested, decided, started, finished] = allowed_run(number);
            fixture.append(&[requested, decided, started]);
            fixture.append(&[finished]);
        }
        fixture
    }
}

fn log_at(directory: &Path) -> Log {
    let host = Host { name: "db1.example".into(), id: "c0ffee".into() };
    Log::new(directory, Scope::here(), &host)
}

fn at(seconds: i64) -> Moment {
    Moment {
        wall_ms: 1_790_000_000_000 + seconds * 1000,
        boot_ms: 5_000_000 + seconds as u64 * 1000,
        boot_id: BootId("b".into()),
    }
}

fn reference(number: u32) -> Reference {
    Reference {
        id: format!("K7Q2M{:03}", number % 1000).parse().unwrap(),
        digest: Some(Digest::of(&number.to_be_bytes())),
    }
}

fn user(uid: u32) -> EntryUser {
    EntryUser { name: format!("user{uid}"), uid, login_uid: Some(uid) }
}

fn command(argv: &[&str]) -> Command {
    let run_as = RunAs {
        user: "root".into(),
        uid: 0,
        gid: 0,
        groups: vec![0],
        home: "/root".into(),
        shell: "/bin/sh".into(),
    };
    let argv: Vec<ByteString> = argv.iter().map(|argument| ByteString::from(*argument)).collect();
    Command::new(&argv, Path::new("/usr/bin/true"), Path::new("/srv"), &run_as)
}

fn requested(number: u32) -> Entry {
    let command = command(&["true", "--token", "S3cret"]);
    Entry::requested(
        &reference(number),
        &user(1),
        RequesterKind::Human,
        &command,
        &Claims { reason: Some("why\u{1b}"), ..Claims::default() },
    )
}

fn verdict(decision: Decision, needs: &[(&str, u32)]) -> Verdict {
    Verdict {
        decision,
        risk: Risk::Low,
        enforcement: Enforcement::Hard,
        denied_by: Vec::new(),
        requester_kind: RequesterKind::Human,
        decisive: None,
        reasons: Vec::new(),
        rules: vec!["some-rule".into()],
        requirements: needs
            .iter()
            .map(|(group, count)| Requirement {
                groups: vec![(*group).into()],
                count: *count,
                presence: Presence::Uid,
            })
            .collect(),
        authenticate: None,
        snapshot: SnapshotDemand::default(),
        undo_level: None,
        undo: UndoTerms::default(),
        approval_expiry: Duration::ZERO,
        execution_expiry: Duration::ZERO,
        run_timeout: None,
        confine: crate::policy::Confine::Off,
        environment: EnvironmentRules::default(),
        notify: Vec::new(),
    }
}

fn decided(number: u32, decision: Decision, needs: &[(&str, u32)]) -> Entry {
    let verdict = verdict(decision, needs);
    let policy =
        PolicyIdentity { name: "test".into(), sources: Vec::new(), digest: Digest::of(b"p") };
    Entry::decided(&reference(number), &user(1), &verdict, &policy)
}

/// A decision after which the requester must authenticate.
fn must_authenticate(decided: Entry) -> Entry {
    decided.with(super::entry::field::AUTHENTICATE, "requester".into())
}

fn approved(number: u32, uid: u32, groups: &[&str]) -> Entry {
    let EntryUser { name, uid, login_uid } = user(uid);
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let kind = RequesterKind::Human;
    let approval = Approval {
        approver: Approver { uid, name, login_uid, groups, kind },
        presence: Presence::Uid,
        proof: Proof::Login,
        message: None,
        at: at(0),
        recorded: None,
    };
    Entry::approved(&reference(number), &approval)
}

fn started(number: u32) -> Entry {
    let undo = crate::snapshot::Coverage::default();
    Entry::started(&reference(number), &user(1), &command(&["true"]), None, &undo, false)
}

fn finished(number: u32) -> Entry {
    let duration = Duration::from_millis(7);
    Entry::finished(&reference(number), &user(1), Ending::Exited(0), duration, None)
}

fn allowed_run(number: u32) -> [Entry; 4] {
    [requested(number), decided(number, Decision::Allow, &[]), started(number), finished(number)]
}

#[test]
fn a_log_verifies_and_says_where_it_is_from() {
    let fixture = Fixture::with_runs(2);
    let verification = fixture.verify();
    assert_eq!(verification.first_bad, None);
    assert_eq!(verification.entries, 9);
    assert_eq!(verification.origin.as_deref(), Some("hitl/db1.example/c0ffee"));
    assert_eq!(verification.notes, Vec::<String>::new());
    let [requested, decided, started, finished] = allowed_run(2);
    let appended = fixture.append(&[requested, decided, started, finished]);
    assert_eq!((appended.first, appended.last), (9, 12));
    assert_eq!(fixture.verify().head, Some(appended.head));
}

#[test]
fn what_is_shown_holds_neither_secrets_nor_control_characters() {
    let fixture = Fixture::with_runs(1);
    let stored: Vec<Stored> =
        read(&fixture.path(), Filter::default()).unwrap().map(Result::unwrap).collect();
    let shown: Vec<String> = stored.iter().map(|entry| render(entry, false)).collect();
    assert_eq!(
        shown[1],
        "2026-09-21 14:13:20.000Z     1  K7Q2-M000  user1      requested  true --token \
         \"[redacted:1]\"  reason: why\\e"
    );
    assert!(shown[2].ends_with("decided    allow  risk low  by some-rule"), "{}", shown[2]);
    assert!(shown[4].ends_with("finished   exited with status 0"), "{}", shown[4]);
    assert!(!std::fs::read_to_string(fixture.segment()).unwrap().contains("S3cret"));
}

#[test]
fn entries_are_found_by_request_user_action_and_time() {
    let fixture = Fixture::with_runs(3);
    let log = fixture.log();
    log.append(&[Entry::expired(&reference(7), &user(42))], &at(60)).unwrap();
    let count = |filter: Filter| read(&fixture.path(), filter).unwrap().count();
    assert_eq!(count(Filter { request: Some(reference(1).id), ..Filter::default() }), 4);
    assert_eq!(count(Filter { user: Some("user42".into()), ..Filter::default() }), 1);
    assert_eq!(count(Filter { user: Some("42".into()), ..Filter::default() }), 1);
    let action = Some(Action::CommandStarted);
    assert_eq!(count(Filter { action, ..Filter::default() }), 3);
    let since_ms = Some(at(60).wall_ms);
    assert_eq!(count(Filter { since_ms, ..Filter::default() }), 1);
    assert_eq!(count(Filter { until_ms: since_ms, ..Filter::default() }), 13);
}

#[test]
fn an_entry_too_long_for_a_line_is_cut_and_says_so() {
    let fixture = Fixture::new();
    let long = "x".repeat(300_000);
    let many: Vec<&str> = std::iter::repeat_n("é", 100_000).collect();
    for argv in [vec!["echo", &long], many] {
        let command = command(&argv);
        let entry = Entry::requested(
            &reference(9),
            &user(1),
            RequesterKind::Human,
            &command,
            &Claims::default(),
        );
        let fresh = Fixture::new();
        fresh.append(&[entry]);
        assert_eq!(fresh.verify().first_bad, None);
        let text = std::fs::read_to_string(fresh.segment()).unwrap();
        let line = text.lines().nth(1).unwrap();
        assert!(line.len() < LINE_LIMIT && line.contains("\"cut\":1"));
        assert!(
            line.contains("[cut: ") && line.contains(&format!("\"args_count\":{}", argv.len()))
        );
    }
    assert!(verify(&fixture.path(), &mut |_, _| {}).is_err());
}

#[test]
fn a_clock_that_was_set_back_is_noted() {
    let fixture = Fixture::with_runs(1);
    let mut later = at(60);
    later.wall_ms -= 3_600_000;
    fixture.log().append(&[Entry::expired(&reference(0), &user(1))], &later).unwrap();
    let verification = fixture.verify();
    assert_eq!(verification.first_bad, None);
    assert!(verification.notes[0].contains("set back by 3600 seconds"), "{verification:?}");
}

#[test]
fn a_log_that_somebody_else_could_write_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let fixture = Fixture::with_runs(1);
    let append = || fixture.log().append(&[finished(0)], &at(0));
    std::fs::set_permissions(fixture.segment(), PermissionsExt::from_mode(0o620)).unwrap();
    assert!(matches!(append(), Err(AuditError::Unsafe(..))));
    let elsewhere = fixture.directory.path().join("elsewhere");
    std::fs::rename(fixture.segment(), &elsewhere).unwrap();
    symlink(&elsewhere, fixture.segment()).unwrap();
    assert!(append().is_err());
}

proptest::proptest! {
    #[test]
    fn a_head_is_read_as_it_was_written_and_no_other_text_is_one(
        origin in "[^ ]{0,40}",
        sequence in proptest::prelude::any::<u64>(),
        other in "(hitl/a [+0 ]{0,2}1 (sha256|SHA256):[0-9a-fA-F]{64}.?|(?s).{0,80})",
    ) {
        let head = LogHead { origin, sequence, leaf: Digest::of(b"leaf") };
        proptest::prop_assert_eq!(LogHead::parse(&head.to_string()), Some(head));
        if let Some(head) = LogHead::parse(&other) {
            proptest::prop_assert_eq!(head.to_string(), other);
        }
    }
}
