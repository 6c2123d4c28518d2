//! An office in which alice asks and others decide: what the tests about requests share.

use std::path::Path;

use crate::world::{Ran, World};

/// alice (or a program) asks, bob and carol are in `ops`, carol and mallory in `security`.
pub const POLICY: &str = r#"
version: 1
name: office
defaults:
  decision: deny
  require: [{group: ops}]
  approval_expiry: 5m
  execution_expiry: 5m
  environment: {keep: [DEPLOY_ENV]}
groups:
  - {name: ops, users: [bob, carol, svc-agent, deploy, alice]}
  - {name: security, users: [carol, mallory]}
requesters:
  - {kind: agent, users: [svc-agent]}
  - {kind: ci, users: [deploy]}
rules:
  - id: deploys
    match: {command: "/usr/bin/{sh,dash,cp,true,sleep,cat}"}
    decision: approve
  - id: own-tools
    match: {command: "/srv/**"}
    decision: approve
  - id: two-people
    match: {command: /usr/bin/touch}
    decision: approve
    require: [{group: ops}, {group: security}]
  - id: sure
    match: {command: /usr/bin/mkdir}
    decision: confirm
"#;

/// The command that most tests ask for: it leaves a line in `/srv/ran` each time it runs.
pub const DEPLOY: [&str; 2] = ["sh", "/srv/deploy.sh"];

/// Opens the office in a world.
pub fn open(world: World) -> World {
    world.policy(POLICY);
    world.write("srv/deploy.sh", "echo ran >> /srv/ran\n");
    world
}

/// A world with the office in it; leaves the test early, loudly, where there cannot be one.
#[macro_export]
macro_rules! office_or_skip {
    () => {
        $crate::office::open($crate::world_or_skip!())
    };
}

impl World {
    /// A user asks for a command and does not wait: the request's id.
    #[track_caller]
    pub fn ask(&self, user: &str, command: &[&str]) -> String {
        let arguments = [&["run", "--no-wait", "--json", "--"], command].concat();
        asked(&self.hitl(user, &arguments).run())
    }

    /// A user says yes.
    #[track_caller]
    pub fn approve(&self, user: &str, id: &str) -> Ran {
        self.hitl(user, &["approve", id]).run()
    }

    /// A user goes on with a request.
    #[track_caller]
    pub fn resume(&self, user: &str, id: &str) -> Ran {
        self.hitl(user, &["run", "--no-wait", "--resume", id]).run()
    }

    /// Where a request stands, as root sees it.
    #[track_caller]
    pub fn state(&self, id: &str) -> String {
        let shown = self.hitl("root", &["show", "--json", id]).run().exits(0).json();
        shown["state"].as_str().unwrap().to_owned()
    }

    /// The file of a live request.
    pub fn record_file(id: &str) -> String {
        format!("var-lib/hitl/requests/pending/{}.json", id.replace('-', ""))
    }

    /// A live request as the store has it: JSON.
    pub fn record(&self, id: &str) -> String {
        let file = self.read(&Self::record_file(id));
        let (_, record) = file.split_once(",\"record\":").unwrap();
        record.strip_suffix("}\n").unwrap().to_owned()
    }

    /// Exchanges a live request in the store, as somebody who knows how it is sealed.
    pub fn forge_record(&self, id: &str, record: &str) {
        use sha2::Digest;
        let seal: String =
            sha2::Sha256::digest(record).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = format!("{{\"seal\":\"{seal}\",\"record\":{record}}}\n");
        self.write(&Self::record_file(id), &file);
    }

    /// How often the deployment ran.
    pub fn times_run(&self) -> usize {
        let path = self.outside("srv/ran");
        if Path::exists(&path) { self.read("srv/ran").lines().count() } else { 0 }
    }

    /// Asserts that the audit log holds, and that an action about a request is in it so many times.
    #[track_caller]
    pub fn audited(&self, id: &str, action: &str, times: usize) {
        self.hitl("root", &["audit", "verify"]).run().exits(0);
        let entries = self.audit();
        let found = entries.iter().filter(|entry| {
            entry["event"]["action"] == action && entry["hitl"]["request_id"] == *id
        });
        assert_eq!(found.count(), times, "{action} of {id} in {entries:#?}");
    }
}

/// The id in what `hitl run --no-wait --json` printed.
#[track_caller]
pub fn asked(ran: &Ran) -> String {
    assert_eq!(ran.code(), 75, "{ran:?}");
    ran.json()["id"].as_str().unwrap().to_owned()
}
