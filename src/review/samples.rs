//! A request, and people, for this room's tests.

use std::time::Duration;

use super::{
    Approval, Approver, Bound, BoundEnvironment, BoundRequester, BreakGlass, Proof, Record,
    Rejection, RequestId, Runner, Salt, Shown,
};
use crate::invocation::{BoundFile, InputKind, RequesterKind, RunAs};
use crate::policy::{Decision, Presence, Reason, Requirement, Risk};
use crate::system::{BootId, ByteString, Digest, Host, Moment};

pub(super) fn bound() -> Bound {
    let file = |path: &str, inode, content: &[u8]| BoundFile {
        path: path.into(),
        device: 66,
        inode,
        size: content.len() as u64,
        sha256: Some(Digest::of(content)),
    };
    Bound {
        v: Bound::FORMAT,
        argv: vec!["bash".into(), "/srv/deploy.sh".into(), "/srv/plan".into()],
        executable: file("/usr/bin/bash", 12, b"bash"),
        directory: "/srv/app".into(),
        operands: vec![
            file("/srv/deploy.sh", 40, b"echo hello"),
            // Over the size cap.
            BoundFile { sha256: None, size: 2 << 30, ..file("/srv/plan", 41, b"plan") },
        ],
        environment: BoundEnvironment {
            names: vec!["LANG".into(), "PATH".into()],
            values: Digest::of(b"values"),
        },
        run_as: RunAs {
            user: "root".into(),
            uid: 0,
            gid: 0,
            groups: vec![0],
            home: "/root".into(),
            shell: "/bin/bash".into(),
        },
        input: InputKind::Terminal,
        host: Host { name: "db1".into(), id: "c0ffee".into() },
        boot_id: BootId("boot-1".into()),
        requester: BoundRequester {
            uid: 1000,
            name: "alice".into(),
            login_uid: Some(1000),
            kind: RequesterKind::Human,
        },
        policy: Digest::of(b"policy"),
        rules: vec!["deploys".into()],
        reason: Some("release 4.2".into()),
        ticket: None,
        plan: None,
        break_glass: false,
        nonce: "78377b525757b494427f89014f97d799".into(),
        expires_ms: 0,
    }
}

pub(super) fn shown() -> Shown {
    Shown {
        decision: Decision::Approve,
        risk: Risk::High,
        reasons: vec![Reason {
            rule: Some("deploys".into()),
            text: "rule deploys matches (approve, high)".into(),
        }],
        requirements: vec![requirement(&["ops"], 1)],
        dynamic: Vec::new(),
        kind_reason: None,
        terminal: Some("/dev/pts/3".into()),
        proved_by: None,
        snapshot: vec!["/srv/app".into()],
        undo: crate::snapshot::CoverageLevel::BestEffort,
        not_covered: vec!["what the script does over the network".into()],
        run_timeout_ms: Some(600_000),
        confined: None,
        break_glass: None,
        notify: Vec::new(),
        to_requester: None,
        edit: None,
        undoes: None,
        plan_was_input: false,
    }
}

/// Ten minutes to decide, five to use it.
pub(crate) fn record_at(id: RequestId, created: Moment) -> Record {
    let bound = Bound { boot_id: created.boot_id.clone(), ..bound() };
    Record::new(
        id,
        bound,
        Salt::random().unwrap(),
        shown(),
        created,
        Duration::from_secs(600),
        Duration::from_secs(300),
    )
    .unwrap()
}

/// A soft denial that alice has lifted: to be reviewed by ops within two hours.
pub(super) fn lifted_at(id: RequestId, created: Moment) -> Record {
    let bound = Bound { boot_id: created.boot_id.clone(), break_glass: true, ..bound() };
    let shown = Shown {
        decision: Decision::Deny,
        requirements: Vec::new(),
        break_glass: Some(BreakGlass {
            lifted: vec!["deploys".into()],
            reviewers: vec!["ops".into()],
            review_by: created.plus(Duration::from_secs(7200)),
        }),
        ..shown()
    };
    let (decide, use_it) = (Duration::from_secs(600), Duration::from_secs(300));
    let salt = Salt::random().unwrap();
    let mut record = Record::new(id, bound, salt, shown, created.clone(), decide, use_it).unwrap();
    record.break_glass(&created).unwrap();
    record
}

pub(crate) fn moment(seconds: u64) -> Moment {
    Moment {
        wall_ms: 1_764_000_000_000 + (seconds as i64) * 1000,
        boot_ms: 50_000 + seconds * 1000,
        boot_id: BootId("boot-1".into()),
    }
}

/// A pending request, made at `moment(0)`.
pub(crate) fn record() -> Record {
    record_at("K7Q2-MX4P".parse().unwrap(), moment(0))
}

/// So many of these groups, by a login.
pub(super) fn requirement(groups: &[&str], count: u32) -> Requirement {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Requirement { groups, count, presence: Presence::Uid }
}

pub(super) fn approver(uid: u32, groups: &[&str]) -> Approver {
    Approver {
        uid,
        name: format!("user{uid}"),
        login_uid: Some(uid),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        kind: RequesterKind::Human,
    }
}

pub(super) fn approval(uid: u32, groups: &[&str]) -> Approval {
    Approval {
        approver: approver(uid, groups),
        presence: Presence::Uid,
        proof: Proof::Login,
        message: None,
        at: moment(1),
        recorded: None,
    }
}

pub(super) fn rejection(approver: Approver, message: &str, at: &Moment) -> Rejection {
    Rejection { approver, message: message.to_owned(), proof: Proof::Login, at: at.clone() }
}

pub(super) fn runner() -> Runner {
    Runner { pid: 4321, start_ticks: 99, boot_id: BootId("boot-1".into()) }
}

pub(super) fn hostile() -> ByteString {
    "\u{1b}[2J\u{202e}gone".into()
}
