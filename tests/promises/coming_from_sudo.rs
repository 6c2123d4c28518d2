//! People who know sudo: what they type, and what it does, with sudo and with hitl side by side.
//!
//! The cases stand in `tests/coming-from-sudo.yaml`; the tables of `docs/coming-from-sudo.md` are made
//! of them (`WRITE_DOCS=1 cargo test --test promises coming_from_sudo`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use serde::Deserialize;

use crate::terminal::Terminal;
use crate::world::World;
use crate::world_or_skip;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    not_yet: BTreeSet<String>,
    programs: BTreeMap<String, String>,
    sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    cases: Vec<Case>,
}

/// See the comment at the top of the file that holds them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    sudo: String,
    hitl: Option<String>,
    #[serde(default)]
    terminal: bool,
    after: Option<String>,
    types: Option<String>,
    #[serde(default)]
    exits: i32,
    #[serde(default)]
    prints: String,
    hitl_exits: Option<i32>,
    hitl_prints: Option<String>,
    why: Option<String>,
}

/// What a line did.
#[derive(PartialEq, Eq, Clone, Debug)]
struct Done {
    exits: i32,
    prints: String,
}

impl Case {
    fn hitl(&self) -> String {
        self.hitl.clone().unwrap_or_else(|| self.sudo.replace("sudo ", "hitl run "))
    }

    fn sudo_does(&self) -> Done {
        Done { exits: self.exits, prints: self.prints.clone() }
    }

    fn hitl_does(&self) -> Done {
        Done {
            exits: self.hitl_exits.unwrap_or(self.exits),
            prints: self.hitl_prints.as_ref().unwrap_or(&self.prints).clone(),
        }
    }

    /// What is not as the table says; empty where all is.
    fn wrong(&self, world: &World, not_yet: bool) -> String {
        let compared = |line: &str, expected: &Done| {
            let (done, complaint) = self.done(world, line);
            if done == *expected {
                return String::new();
            }
            let what = &self.what;
            format!("{what}: {line}\n  {done:?}\n  {expected:?} is expected\n{complaint}\n")
        };
        let sudo = compared(&self.sudo, &self.sudo_does());
        let hitl = compared(&self.hitl(), &self.hitl_does());
        match (not_yet, hitl.is_empty()) {
            (false, _) => sudo + &hitl,
            (true, false) => sudo,
            (true, true) => format!("{sudo}{}: kept now: take it out of not_yet\n", self.what),
        }
    }

    /// Types a line: what it did, and what it complained about.
    fn done(&self, world: &World, line: &str) -> (Done, String) {
        tidy(world);
        let call = world.script("alice", line).in_directory("/home/alice");
        if !self.terminal {
            let ran = call.run();
            return (Done { exits: code(ran.status), prints: ran.stdout }, ran.stderr);
        }
        let (mut terminal, other_end) = Terminal::new();
        let mut command = call.on_terminal(other_end).command();
        let mut child = command.spawn().unwrap();
        // It holds the other end, which is to be closed when the line has ended.
        drop(command);
        if let (Some(after), Some(types)) = (&self.after, &self.types) {
            terminal.shows(after);
            terminal.types(types);
        }
        let prints = terminal.shows_to_the_end().replace('\r', "");
        (Done { exits: code(child.wait().unwrap()), prints }, String::new())
    }
}

/// The status as a shell has it in `$?`.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap()
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn cases() -> Cases {
    let text = std::fs::read_to_string(root("tests/coming-from-sudo.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// As Debian ships it, with alice allowed everything (but one thing) without a password.
const SUDOERS: &str = r#"
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults use_pty
Defaults runcwd=*
root ALL=(ALL:ALL) ALL
alice ALL=(ALL:ALL) NOPASSWD: ALL, !/usr/local/bin/forbidden
alice ALL=(ALL:ALL) PASSWD: /usr/local/bin/reviewed
"#;

const PAM: &str = "auth required pam_permit.so\naccount required pam_permit.so\n\
                   session required pam_permit.so\n";

const POLICY: &str = r#"
version: 1
name: coming-from-sudo
defaults:
  decision: approve
  require: [{group: sre, count: 1}]
  approval_expiry: 2s
  environment: {path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", keep: [TICKET]}
groups: [{name: sre, unix_groups: [sre]}]
rules:
  - id: like-nopasswd
    match: {command: ["/usr/bin/*", "/usr/sbin/*", "/usr/local/bin/*", "/home/alice/*"]}
    decision: allow
    run_timeout: 10s
  - id: like-not
    match: {command: /usr/local/bin/forbidden}
    decision: deny
  - id: like-passwd
    match: {command: /usr/local/bin/reviewed}
    decision: approve
"#;

/// A machine on which alice may do the same with both.
fn machine(cases: &Cases) -> World {
    let world = World::new();
    world.policy(POLICY);
    world.write("etc/hosts", &format!("127.0.0.1 localhost {}\n", host()));
    world.write("etc/sudoers", SUDOERS);
    world.mode("etc/sudoers", 0o440);
    std::fs::create_dir(world.outside("etc/pam.d")).unwrap();
    for service in ["sudo", "sudo-i"] {
        world.write(&format!("etc/pam.d/{service}"), PAM);
    }
    // Where both put the copies for an editor.
    std::fs::create_dir(world.outside("var-tmp")).unwrap();
    world.mode("var-tmp", 0o1777);
    // Where sudo keeps whom it has asked.
    std::fs::create_dir(world.outside("run")).unwrap();
    for (name, text) in &cases.programs {
        world.install(name, text);
    }
    world
}

/// Removes what the line before has left.
fn tidy(world: &World) {
    for directory in ["home/alice", "home/bob", "srv"] {
        for entry in std::fs::read_dir(world.outside(directory)).unwrap() {
            let path = entry.unwrap().path();
            let is_directory = path.symlink_metadata().unwrap().is_dir();
            if is_directory { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }
                .unwrap();
        }
    }
}

fn host() -> String {
    nix::unistd::gethostname().unwrap().into_string().unwrap()
}

#[test]
fn whoever_comes_from_sudo_gets_what_the_table_says() {
    drop(world_or_skip!());
    if !Path::new("/usr/bin/sudo").exists() {
        eprintln!("\n*** SKIPPED the comparison with sudo: it needs sudo ***\n");
        assert!(std::env::var_os("CI").is_none(), "must not be skipped in CI");
        return;
    }
    let cases = cases();
    let all: Vec<&Case> = cases.sections.iter().flat_map(|section| &section.cases).collect();
    // Most of the time something is waited for.
    let wrong: String = std::thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(4));
        let compare = |part: &[&Case]| -> String {
            let world = machine(&cases);
            part.iter().map(|case| case.wrong(&world, cases.not_yet.contains(&case.what))).collect()
        };
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || compare(part))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_difference_from_sudo_has_its_reason_and_every_reason_a_difference() {
    let cases = cases();
    let all: Vec<&Case> = cases.sections.iter().flat_map(|section| &section.cases).collect();
    let names: BTreeSet<&str> = all.iter().map(|case| case.what.as_str()).collect();
    assert!(all.len() >= 60, "{}", all.len());
    assert_eq!(names.len(), all.len(), "two cases have one name");
    assert!(cases.not_yet.iter().all(|name| names.contains(name.as_str())));
    for case in all {
        let differs = case.sudo_does() != case.hitl_does();
        assert_eq!(differs, case.why.is_some(), "{}", case.what);
        assert!(case.sudo.contains("sudo") && case.hitl().contains("hitl"), "{}", case.what);
    }
}

/// The tables, as Markdown.
fn tables(cases: &Cases) -> String {
    let mut text = String::new();
    for section in &cases.sections {
        writeln!(text, "## {}\n", section.title).unwrap();
        text.push_str("| what | sudo | hitl | what happens |\n|---|---|---|---|\n");
        for case in &section.cases {
            let happens = match &case.why {
                None => told(&case.sudo_does()),
                Some(why) => format!(
                    "**differs**: sudo {}; hitl {}: {}",
                    told(&case.sudo_does()),
                    told(&case.hitl_does()),
                    cell(why)
                ),
            };
            let not_yet = if cases.not_yet.contains(&case.what) { " (not yet)" } else { "" };
            let (sudo, hitl) = (code_cell(&case.sudo), code_cell(&case.hitl()));
            writeln!(text, "| {} | {sudo} | {hitl} | {happens}{not_yet} |", cell(&case.what))
                .unwrap();
        }
        text.push('\n');
    }
    text
}

fn told(done: &Done) -> String {
    let prints = done.prints.trim_end_matches('\n');
    let escaped: String = prints.escape_debug().to_string().replace("\\'", "'");
    match (done.exits, prints.is_empty()) {
        (0, true) => "succeeds".to_owned(),
        (0, false) => format!("prints {}", code_cell(&escaped)),
        (status, true) => format!("exits with {status}"),
        (status, false) => format!("prints {}, exits with {status}", code_cell(&escaped)),
    }
}

/// A bar would begin another cell, also within code.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code_cell(text: &str) -> String {
    if text.contains('`') { format!("`` {} ``", cell(text)) } else { format!("`{}`", cell(text)) }
}

const BEGIN: &str = "<!-- made of tests/coming-from-sudo.yaml, see there -->\n";

#[test]
fn the_tables_in_the_documentation_are_those_that_are_tested() {
    let file = root("docs/coming-from-sudo.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once(BEGIN).expect("the line before the tables");
    let made = format!("{before}{BEGIN}\n{}", tables(&cases()).trim_end()) + "\n";
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&file, &made).unwrap();
    } else {
        let how = "WRITE_DOCS=1 cargo test --test promises coming_from_sudo";
        assert!(text == made, "{} is made by: {how}", file.display());
    }
}
