//! An approval is for exactly what was shown: whatever changes meanwhile, nothing runs, and what
//! changed is named.

use std::os::unix::fs::symlink;

use crate::office::{POLICY, asked};
use crate::office_or_skip;
use crate::world::{Call, World};

/// One thing that changes between the approval and the start.
struct Change<'c> {
    /// How alice asks.
    ask: Call<'c>,
    /// What happens after the approval.
    happens: &'c dyn Fn(),
    /// How alice goes on, given the id.
    resume: &'c dyn Fn(&str) -> Call<'c>,
    /// What everybody is told.
    told: &'c str,
}

impl Change<'_> {
    /// Void, naming what changed; nothing ran, now or later, and the log holds and says so.
    #[track_caller]
    fn voids(self, world: &World) {
        let before = world.times_run();
        let id = asked(&self.ask.run());
        world.approve("bob", &id).exits(0);
        (self.happens)();
        (self.resume)(&id).run().exits(77).says("is void").says(self.told);
        assert_eq!(world.times_run(), before);
        assert_eq!(world.state(&id), "void");
        let shown = world.hitl("alice", &["show", "--json", &id]).run().exits(0).json();
        let because = shown["closed_because"].as_str().unwrap();
        assert!(because.contains(self.told), "{because}");
        world.audited(&id, "request-void", 1);
        world.audited(&id, "command-started", 0);
        // It stays void.
        world.resume("alice", &id).exits(77).says("void");
        world.approve("carol", &id).exits(77).says("void");
        assert_eq!(world.times_run(), before);
        let snapshots = world.hitl("root", &["snapshots", "--json"]).run().exits(0).stdout;
        assert!(!snapshots.contains(&id), "nothing ran, nothing can be undone: {snapshots}");
    }
}

fn ask<'w>(world: &'w World, command: &[&str]) -> Call<'w> {
    world.hitl("alice", &[&["run", "--no-wait", "--json", "--"], command].concat())
}

fn resume<'w>(world: &'w World, id: &str, more: &[&str]) -> Call<'w> {
    world.hitl("alice", &[&["run", "--no-wait", "--resume", id], more].concat())
}

#[test]
fn other_arguments_void_it_by_a_single_byte() {
    let world = office_or_skip!();
    for (again, told) in [
        (&["--", "sh", "/srv/deploy.sh", "b"][..], "argument 2 changed: a → b"),
        (&["--", "sh", "/srv/deploy.sh"], "argument 2 changed: a → not there"),
        (&["--", "sh", "/srv/deploy.sh", "a", ""], "argument 3 changed: not there → \"\""),
        (&["--", "dash", "/srv/deploy.sh", "a"], "the command changed: sh → dash"),
    ] {
        Change {
            ask: ask(&world, &["sh", "/srv/deploy.sh", "a"]),
            happens: &|| (),
            resume: &|id| resume(&world, id, again),
            told,
        }
        .voids(&world);
    }
}

#[test]
fn another_working_directory_voids_it() {
    let world = office_or_skip!();
    for (directory, more) in [("/home", &[][..]), ("/srv", &["-C", "/home"])] {
        Change {
            ask: ask(&world, &["sh", "/srv/deploy.sh"]),
            happens: &|| (),
            resume: &|id| resume(&world, id, more).in_directory(directory),
            told: "the working directory changed: /srv → /home",
        }
        .voids(&world);
    }
}

#[test]
fn another_environment_voids_it_and_no_value_is_shown() {
    let world = office_or_skip!();
    let staging = || ask(&world, &["sh", "/srv/deploy.sh"]).with("DEPLOY_ENV", "staging-zyxw");
    Change {
        ask: staging(),
        happens: &|| (),
        resume: &|id| resume(&world, id, &[]).with("DEPLOY_ENV", "production-zyxw"),
        told: "a value in the environment changed",
    }
    .voids(&world);
    Change {
        ask: staging(),
        happens: &|| (),
        resume: &|id| resume(&world, id, &[]),
        told: "the environment variable DEPLOY_ENV changed: set → not set",
    }
    .voids(&world);
    // No digest can hold it by chance: these are no hexadecimal digits.
    let everything = world.hitl("root", &["pending", "--all", "--json"]).run().exits(0).stdout;
    assert!(everything.contains("DEPLOY_ENV") && !everything.contains("zyxw"), "{everything}");
    // What never reaches the command in system scope is no difference.
    let id = asked(&staging().run());
    world.approve("bob", &id).exits(0);
    let again = resume(&world, &id, &[]).with("DEPLOY_ENV", "staging-zyxw");
    again.with("LD_PRELOAD", "/srv/evil.so").run().exits(0);
}

#[test]
fn another_user_or_group_voids_it() {
    let world = office_or_skip!();
    for more in [&["-u", "carol"][..], &["-g", "sre"]] {
        Change {
            ask: ask(&world, &["sh", "/srv/deploy.sh"]),
            happens: &|| (),
            resume: &|id| resume(&world, id, more),
            told: "the user that it runs as changed: root",
        }
        .voids(&world);
    }
}

#[test]
fn another_kind_of_standard_input_voids_it() {
    let world = office_or_skip!();
    Change {
        ask: ask(&world, &["sh", "/srv/deploy.sh"]),
        happens: &|| (),
        resume: &|id| resume(&world, id, &[]).with_input(b"yes\n"),
        told: "standard input changed: empty → a pipe",
    }
    .voids(&world);
}

#[test]
fn another_content_of_a_file_that_is_named_voids_it() {
    let world = office_or_skip!();
    let first = "echo ran >> /srv/ran\n";
    let cases: [(&dyn Fn(), &str); 4] = [
        // One byte more.
        (&|| world.write("srv/deploy.sh", "echo ran >> /srv/ran\n\n"), "sha256:"),
        // The same size.
        (&|| world.write("srv/deploy.sh", "echo run >> /srv/ran\n"), "sha256:"),
        // The same content in another file.
        (
            &|| {
                world.write("srv/other", first);
                std::fs::rename(world.outside("srv/other"), world.outside("srv/deploy.sh"))
                    .unwrap();
            },
            "inode",
        ),
        (&|| std::fs::remove_file(world.outside("srv/deploy.sh")).unwrap(), "gone"),
    ];
    for (happens, how) in cases {
        world.write("srv/deploy.sh", first);
        let asked_for = ask(&world, &["sh", "/srv/deploy.sh"]);
        let id = {
            let change = Change {
                ask: asked_for,
                happens,
                resume: &|id| resume(&world, id, &[]),
                told: "the file /srv/deploy.sh changed: ",
            };
            change.voids(&world);
            world.audit().last().unwrap()["hitl"]["because"].as_str().unwrap().to_owned()
        };
        assert!(id.contains(how), "{id}");
    }
}

#[test]
fn an_operand_that_is_no_script_is_bound_too_also_one_that_appears() {
    let world = office_or_skip!();
    world.write("srv/plan", "as reviewed\n");
    Change {
        ask: ask(&world, &["cp", "/srv/plan", "/srv/out"]),
        happens: &|| world.write("srv/plan", "something else\n"),
        resume: &|id| resume(&world, id, &[]),
        told: "the file /srv/plan changed: sha256:",
    }
    .voids(&world);
    Change {
        ask: ask(&world, &["cp", "/srv/plan", "/srv/out"]),
        happens: &|| world.write("srv/out", "somebody's work\n"),
        resume: &|id| resume(&world, id, &[]),
        told: "the file /srv/out changed: not there, or not a regular file → sha256:",
    }
    .voids(&world);
    assert_eq!(world.read("srv/out"), "somebody's work\n");
    // A symbolic link that leads elsewhere now.
    world.write("srv/evil", "something else\n");
    symlink("plan", world.outside("srv/link")).unwrap();
    Change {
        ask: ask(&world, &["cp", "/srv/link", "/srv/out"]),
        happens: &|| {
            std::fs::remove_file(world.outside("srv/link")).unwrap();
            symlink("evil", world.outside("srv/link")).unwrap();
        },
        resume: &|id| resume(&world, id, &[]),
        told: "the file /srv/evil changed: not there",
    }
    .voids(&world);
}

const TOOL: &str = "#!/bin/sh\necho ran >> /srv/ran\n";

fn tool(world: &World, inside: &str, content: &str) {
    std::fs::create_dir_all(world.outside(inside).parent().unwrap()).unwrap();
    world.write(inside, content);
    world.mode(inside, 0o755);
}

#[test]
fn another_content_of_the_executable_voids_it() {
    let world = office_or_skip!();
    tool(&world, "srv/tool", TOOL);
    Change {
        ask: ask(&world, &["/srv/tool"]),
        happens: &|| tool(&world, "srv/tool", "#!/bin/sh\necho run >> /srv/ran\n"),
        resume: &|id| resume(&world, id, &[]),
        told: "the executable /srv/tool changed: sha256:",
    }
    .voids(&world);
    tool(&world, "srv/tool", TOOL);
    Change {
        ask: ask(&world, &["/srv/tool"]),
        happens: &|| {
            tool(&world, "srv/copy", TOOL);
            std::fs::rename(world.outside("srv/copy"), world.outside("srv/tool")).unwrap();
        },
        resume: &|id| resume(&world, id, &[]),
        told: "the executable /srv/tool changed: inode",
    }
    .voids(&world);
}

#[test]
fn another_executable_of_the_same_name_voids_it() {
    let world = office_or_skip!();
    world.policy(&POLICY.replace(
        "environment: {keep: [DEPLOY_ENV]}",
        "environment: {path: \"/srv/first:/srv/second:/usr/bin\"}",
    ));
    tool(&world, "srv/second/tool", TOOL);
    // One that is found earlier.
    Change {
        ask: ask(&world, &["tool"]),
        happens: &|| tool(&world, "srv/first/tool", TOOL),
        resume: &|id| resume(&world, id, &[]),
        told: "the executable changed: /srv/second/tool → /srv/first/tool",
    }
    .voids(&world);
    // A symbolic link that is swapped.
    tool(&world, "srv/v1/tool", TOOL);
    tool(&world, "srv/v2/tool", TOOL);
    symlink("v1", world.outside("srv/current")).unwrap();
    Change {
        ask: ask(&world, &["/srv/current/tool"]),
        happens: &|| {
            std::fs::remove_file(world.outside("srv/current")).unwrap();
            symlink("v2", world.outside("srv/current")).unwrap();
        },
        resume: &|id| resume(&world, id, &[]),
        told: "the executable changed: /srv/v1/tool → /srv/v2/tool",
    }
    .voids(&world);
}

#[test]
fn another_policy_voids_it_whatever_it_says() {
    let world = office_or_skip!();
    for other in [
        POLICY.replace(
            "    match: {command: \"/usr/bin/{sh",
            "    risk: critical\n    match: {command: \"/usr/bin/{sh",
        ),
        POLICY.replace("decision: approve", "decision: deny"),
        POLICY.replace("decision: approve", "decision: allow"),
        POLICY.replace("require: [{group: ops}]\n", "require: [{group: ops, count: 2}]\n"),
        format!("{POLICY}# a word\n"),
    ] {
        assert_ne!(other, POLICY);
        world.policy(POLICY);
        Change {
            ask: ask(&world, &["sh", "/srv/deploy.sh"]),
            happens: &|| world.policy(&other),
            resume: &|id| resume(&world, id, &[]),
            told: "the policy changed: sha256:",
        }
        .voids(&world);
    }
}

#[test]
fn a_policy_that_changes_while_somebody_waits_voids_what_they_wait_for() {
    let world = office_or_skip!();
    let command = ["run", "--", "sh", "/srv/deploy.sh"];
    let waiting = world.hitl("alice", &command).start_and_wait_for_request();
    let id = waiting.id.clone();
    world.policy(&format!("{POLICY}# a word\n"));
    world.approve("bob", &id).exits(0);
    waiting.end().exits(77).says("the policy changed");
    assert_eq!(world.times_run(), 0);
    world.audited(&id, "request-void", 1);
}

#[test]
fn an_approver_who_has_left_the_group_no_longer_counts() {
    let world = office_or_skip!();
    world.policy(&POLICY.replace(
        "{name: ops, users: [bob, carol, svc-agent, deploy, alice]}",
        "{name: ops, users: [carol], unix_groups: [sre]}",
    ));
    let groups = world.read("etc/group");
    Change {
        ask: ask(&world, &["sh", "/srv/deploy.sh"]),
        happens: &|| world.write("etc/group", &groups.replace("alice,bob", "alice")),
        resume: &|id| resume(&world, id, &[]),
        told: "bob has left group ops",
    }
    .voids(&world);
}

#[test]
fn a_program_that_takes_over_an_approved_request_voids_it() {
    let world = office_or_skip!();
    Change {
        ask: ask(&world, &["sh", "/srv/deploy.sh"]),
        happens: &|| (),
        resume: &|id| resume(&world, id, &[]).with("CLAUDECODE", "1"),
        told: "the requester changed: alice",
    }
    .voids(&world);
}

#[test]
fn an_approver_whose_account_is_gone_no_longer_counts() {
    let world = office_or_skip!();
    let accounts = world.read("etc/passwd");
    Change {
        ask: ask(&world, &["sh", "/srv/deploy.sh"]),
        happens: &|| {
            let line = |line: &&str| !line.starts_with("bob:");
            let left: Vec<&str> = accounts.lines().filter(line).collect();
            world.write("etc/passwd", &(left.join("\n") + "\n"));
        },
        resume: &|id| resume(&world, id, &[]),
        told: "bob has left group ops",
    }
    .voids(&world);
}
