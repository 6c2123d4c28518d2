//! The examples for pipelines, as they stand in `examples/ci`: run by a pipeline's user, without a
//! terminal, against an installed hitl, while a human decides elsewhere.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_yaml::Value;

use crate::world::World;
use crate::world_or_skip;

/// Applying a plan needs one human of ops; planning needs nobody.
const POLICY: &str = r#"
version: 1
name: pipeline
defaults: {decision: deny, approval_expiry: 15m}
groups: [{name: ops, users: [alice, bob]}]
requesters: [{kind: ci, users: [deploy]}]
rules:
  - {id: plan, match: {command: terraform, args: [plan, "**"]}, decision: allow}
  - {id: apply, match: {command: terraform, args: [apply, plan.out]}, decision: approve, require: [{group: ops}]}
"#;

/// A terraform that notes as whom and how it was called, and fails where it is told to.
const TERRAFORM: &str = r#"#!/bin/sh
echo "$(id -un) $*" >> /srv/terraform.log
[ ! -e /srv/fails ] || exit 3
"#;

/// The three examples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Example {
    Script,
    GitLab,
    GitHub,
}

const ALL: [Example; 3] = [Example::Script, Example::GitLab, Example::GitHub];

fn example(name: &str) -> String {
    let path = format!("{}/examples/ci/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&example(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A world with the runner's user, an installed hitl, and a plan.
fn runner(world: &World, policy: &str) {
    world.policy(policy);
    world.write("bin/terraform", TERRAFORM);
    world.mode("bin/terraform", 0o755);
    std::fs::create_dir(world.outside("srv/build")).unwrap();
    world.write("srv/build/plan.out", "a plan");
    world.write("srv/build/gate.sh", &example("gate.sh"));
    world.mode("srv/build/gate.sh", 0o755);
    for path in ["srv/build", "srv/build/plan.out"] {
        world.own(path, "deploy");
    }
}

/// What terraform was called with, a line a call.
fn calls(world: &World) -> Vec<String> {
    let log = std::fs::read_to_string(world.outside("srv/terraform.log")).unwrap_or_default();
    log.lines().map(str::to_owned).filter(|line| !line.contains(" plan ")).collect()
}

/// Runs an example as a pipeline would. `decide` is called with the id once hitl says that a request
/// waits. The exit code of the job.
fn job(world: &World, example: Example, mut decide: impl FnMut(&str)) -> i32 {
    match example {
        Example::Script => {
            let words = ["./gate.sh", "45m", "terraform", "apply", "plan.out"];
            shell(world, &words.map(str::to_owned), &[("CI_JOB_URL", "https://ci/1")], &mut decide)
        }
        Example::GitLab => {
            let lines = yaml("gitlab.yml")["apply"]["script"].clone();
            let lines: Vec<String> = serde_yaml::from_value(lines).unwrap();
            // GitLab's runner gives all lines to one shell.
            let script = format!("set -eo pipefail\n{}", lines.join("\n"));
            let words = ["bash".to_owned(), "-c".to_owned(), script];
            shell(
                world,
                &words,
                &[("GITLAB_CI", "true"), ("CI_JOB_URL", "https://ci/1")],
                &mut decide,
            )
        }
        Example::GitHub => github(world, &mut decide, |_| {}),
    }
}

/// Runs the steps of the workflow, each in a shell of its own, as GitHub's runner does; `before` is
/// called with the name of each step.
fn github(world: &World, decide: &mut dyn FnMut(&str), before: impl Fn(&str)) -> i32 {
    let mut id = String::new();
    let steps = yaml("github.yml")["jobs"]["apply"]["steps"].clone();
    for (number, step) in steps.as_sequence().unwrap().iter().enumerate() {
        let Some(script) = step["run"].as_str() else { continue };
        match step["if"].as_str() {
            None => {}
            Some("steps.ask.outputs.id != ''") if id.is_empty() => continue,
            Some("steps.ask.outputs.id != ''") => {}
            Some(other) => panic!("this test does not know the condition {other:?}"),
        }
        before(step["name"].as_str().unwrap());
        let outputs = format!("srv/build/outputs-{number}");
        world.write(&outputs, "");
        world.own(&outputs, "deploy");
        let mut variables = vec![
            ("GITHUB_ACTIONS".to_owned(), "true".to_owned()),
            ("GITHUB_ACTION".to_owned(), format!("step-{number}")),
            ("GITHUB_OUTPUT".to_owned(), format!("/{outputs}")),
        ];
        for (name, value) in step["env"].as_mapping().into_iter().flatten() {
            let value = expanded(value.as_str().unwrap(), &id);
            variables.push((name.as_str().unwrap().to_owned(), value));
        }
        let words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script];
        let variables: Vec<_> = variables.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let code = shell(world, &words.map(str::to_owned), &variables, decide);
        if code != 0 {
            return code;
        }
        if let Some(found) = world.read(&outputs).lines().find_map(|line| line.strip_prefix("id="))
        {
            found.clone_into(&mut id);
        }
    }
    0
}

/// What GitHub's runner makes of a value's expressions.
fn expanded(value: &str, id: &str) -> String {
    let known = [
        ("${{ steps.ask.outputs.id }}", id),
        ("${{ github.server_url }}", "https://github.com"),
        ("${{ github.repository }}", "example/infra"),
        ("${{ github.run_id }}", "17"),
    ];
    let value = known.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
    assert!(!value.contains("${{"), "this test does not know the expression in {value:?}");
    value
}

fn shell(
    world: &World,
    words: &[String],
    variables: &[(&str, &str)],
    decide: &mut dyn FnMut(&str),
) -> i32 {
    let mut call = world
        .program("deploy", &words[0], &words[1..])
        .in_directory("/srv/build")
        .with("CI", "true");
    for (name, value) in variables {
        call = call.with(name, value);
    }
    let mut child = call.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("hitl: ").and_then(|rest| rest.split_once(" waits for"))
        {
            decide(id.0);
        }
    }
    child.wait().unwrap().code().unwrap()
}

#[test]
fn an_approved_command_runs_once_and_the_job_ends_as_it_does() {
    for example in ALL {
        let world = world_or_skip!();
        runner(&world, POLICY);
        let mut asked = 0;
        let code = job(&world, example, |id| {
            asked += 1;
            assert!(calls(&world).is_empty(), "{example:?}: it ran before anybody said yes");
            world.hitl("alice", &["approve", id]).run().exits(0);
        });
        assert_eq!((code, asked), (0, 1), "{example:?}");
        assert_eq!(calls(&world), ["root apply plan.out"], "{example:?}");
    }
}

#[test]
fn the_commands_own_failure_is_the_jobs() {
    for example in ALL {
        let world = world_or_skip!();
        runner(&world, POLICY);
        let code = job(&world, example, |id| {
            world.write("srv/fails", "");
            world.hitl("bob", &["approve", id]).run().exits(0);
        });
        assert_eq!(code, 3, "{example:?}");
        assert_eq!(calls(&world).len(), 1, "{example:?}");
    }
}

#[test]
fn a_rejected_command_does_not_run_and_the_job_ends_with_77() {
    for example in ALL {
        let world = world_or_skip!();
        runner(&world, POLICY);
        let code = job(&world, example, |id| {
            world.hitl("alice", &["reject", id, "-m", "not today"]).run().exits(0);
        });
        assert_eq!(code, 77, "{example:?}");
        assert!(calls(&world).is_empty(), "{example:?}");
    }
}

#[test]
fn what_nobody_decides_in_the_policys_time_ends_with_124() {
    for example in ALL {
        let world = world_or_skip!();
        runner(&world, &POLICY.replace("approval_expiry: 15m", "approval_expiry: 1s"));
        let mut asked = 0;
        assert_eq!(job(&world, example, |_| asked += 1), 124, "{example:?}");
        assert_eq!(asked, 1, "{example:?}");
        assert!(calls(&world).is_empty(), "{example:?}");
    }
}

#[test]
fn what_the_rules_deny_ends_with_77_and_asks_nobody() {
    for example in ALL {
        let world = world_or_skip!();
        let denied = "decision: approve, require: [{group: ops}]";
        assert!(POLICY.contains(denied));
        runner(&world, &POLICY.replace(denied, "decision: deny"));
        let code = job(&world, example, |id| panic!("{example:?} asked: {id}"));
        assert_eq!(code, 77, "{example:?}");
        assert!(calls(&world).is_empty(), "{example:?}");
    }
}

#[test]
fn what_needs_nobody_runs_at_once() {
    for example in ALL {
        let world = world_or_skip!();
        let asked = "decision: approve, require: [{group: ops}]";
        runner(&world, &POLICY.replace(asked, "decision: allow"));
        let code = job(&world, example, |id| panic!("{example:?} asked: {id}"));
        assert_eq!(code, 0, "{example:?}");
        assert_eq!(calls(&world), ["root apply plan.out"], "{example:?}");
    }
}

#[test]
fn without_a_policy_nothing_runs_and_the_job_ends_with_78() {
    for example in [Example::Script, Example::GitLab] {
        let world = world_or_skip!();
        runner(&world, POLICY);
        std::fs::remove_file(world.outside("etc/hitl/policy.yaml")).unwrap();
        assert_eq!(job(&world, example, |id| panic!("{id}")), 78, "{example:?}");
        assert!(calls(&world).is_empty(), "{example:?}");
    }
}

#[test]
fn the_gate_takes_its_request_back_when_it_waits_no_longer() {
    let world = world_or_skip!();
    runner(&world, POLICY);
    let words = ["./gate.sh", "100ms", "terraform", "apply", "plan.out"].map(str::to_owned);
    let mut asked = String::new();
    let code = shell(&world, &words, &[], &mut |id| id.clone_into(&mut asked));
    assert_eq!(code, 75);
    assert!(world.pending().is_empty());
    world.hitl("alice", &["approve", &asked]).run().exits(77);
    assert!(calls(&world).is_empty());
}

#[test]
fn a_plan_that_was_changed_after_its_approval_is_not_applied() {
    let world = world_or_skip!();
    runner(&world, POLICY);
    let mut approve = |id: &str| {
        world.hitl("alice", &["approve", id]).run().exits(0);
    };
    let code = github(&world, &mut approve, |step| {
        if step == "Apply" {
            world.write("srv/build/plan.out", "another plan");
        }
    });
    assert_eq!(code, 77);
    assert!(calls(&world).is_empty());
    assert!(world.audit_actions().contains(&"request-void".to_owned()));
}

#[test]
fn a_resuming_process_with_another_environment_voids_the_approval() {
    let world = world_or_skip!();
    runner(&world, &POLICY.replace("defaults: {", "defaults: {environment: {keep: [TF_LOG]}, "));
    let terraform = ["--", "terraform", "apply", "plan.out"];
    let ask = [&["run", "--no-wait", "--json"], &terraform[..]].concat();
    let in_build = |words: &[&str]| world.hitl("deploy", words).in_directory("/srv/build");
    let id = in_build(&ask).run().exits(75).json()["id"].as_str().unwrap().to_owned();
    world.hitl("alice", &["approve", &id]).run().exits(0);
    let resumed = in_build(&["run", "--resume", &id]).with("TF_LOG", "trace").run();
    resumed.exits(77).says("environment");
    assert!(calls(&world).is_empty());
}

#[test]
fn the_humans_see_where_the_request_comes_from_and_that_a_pipeline_asks() {
    for (example, link) in [
        (Example::Script, "https://ci/1"),
        (Example::GitLab, "https://ci/1"),
        (Example::GitHub, "https://github.com/example/infra/actions/runs/17"),
    ] {
        let world = world_or_skip!();
        runner(&world, POLICY);
        job(&world, example, |id| {
            world.hitl("alice", &["show", id]).run().exits(0).prints(link);
            let shown = world.hitl("alice", &["show", "--json", id]).run().exits(0).json();
            assert_eq!(shown["bound"]["requester"]["kind"], "ci", "{shown:#}");
            world.hitl("alice", &["reject", id, "-m", "seen"]).run().exits(0);
        });
    }
}
