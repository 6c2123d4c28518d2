//! The policy, the people whom it counts on, and its secrets.

use super::{POLICY, breaks_and_mends, broken, worst};
use crate::installed_or_skip;

#[test]
fn a_policy_that_cannot_be_used_is_named() {
    let world = installed_or_skip!();
    let breaks = |breaking: &str, says: &str| {
        breaks_and_mends(&world, breaking, "policy", "failure", says);
    };
    let policy = "/etc/hitl/policy.yaml";
    breaks(&format!("chmod 666 {policy}"), "can be written");
    breaks(&format!("chown 2002 {policy}"), "uid 2002");
    breaks("chmod 777 /etc/hitl", "/etc/hitl can be written");
    breaks(&format!("mv {policy} /etc/hitl/real; ln -s real {policy}"), "not a regular file");
    breaks(
        "mkdir /etc/hitl/policy.d; chmod 755 /etc/hitl/policy.d; echo > /etc/hitl/policy.d/more.yml",
        "more.yml",
    );
    world.policy(&POLICY.replace("decision: allow}\ntests", "decision: alow}\ntests"));
    let fix = broken(&world, "", "policy", "failure", ":6:");
    assert_eq!(fix, format!("\"${{EDITOR:-vi}}\" {policy}"));
    breaks(&format!("rm {policy}"), "hitl init --system");
}

#[test]
fn a_list_of_signers_that_cannot_be_used_is_named() {
    let world = installed_or_skip!();
    let file = "/etc/hitl/allowed_signers";
    let list = format!("echo '# nobody yet' > {file}; chmod 644 {file}");
    let breaks = |breaking: &str, says: &str| {
        let breaking = format!("{list}; {breaking}");
        breaks_and_mends(&world, &breaking, "signers", "failure", says);
    };
    breaks(&format!("chmod 666 {file}"), "can be written");
    breaks(&format!("chown 2002 {file}"), "uid 2002");
    breaks(&format!("mv {file} {file}.real; ln -s {file}.real {file}"), "not a regular file");
    world.write("etc/hitl/allowed_signers", "*@example.com ssh-ed25519 AAAA\n");
    let fix = broken(&world, "", "signers", "failure", "allowed_signers:1:1");
    assert_eq!(fix, format!("\"${{EDITOR:-vi}}\" {file}"));
}

#[test]
fn a_policy_that_does_not_decide_as_it_promises_is_named() {
    let world = installed_or_skip!();
    world.policy(&POLICY.replace("expect: {decision: allow}", "expect: {decision: deny}"));
    let fix = broken(&world, "", "policy-tests", "warning", "looking is free");
    assert_eq!(fix, "hitl policy test");
    assert!(world.read("srv/mended").contains("1 failed"), "it shows what is wrong");
}

#[test]
fn approvers_who_are_not_there_or_too_few_are_named() {
    let world = installed_or_skip!();
    let policy = |group: &str, count: u32| {
        let text = POLICY.replace("users: [carol], unix_groups: [sre]", group);
        world.policy(&text.replace("{group: ops}", &format!("{{group: ops, count: {count}}}")));
    };
    // alice and bob are in sre.
    let warned = |says: &str| broken(&world, "", "approvers", "warning", says);
    policy("unix_groups: [sre]", 2);
    assert_eq!(warned("where one of them asks"), "usermod -aG sre LOGIN-NAME");
    policy("unix_groups: [sre]", 3);
    assert_eq!(warned("can never be approved here"), "usermod -aG sre LOGIN-NAME");
    policy("unix_groups: [sre], users: [dave]", 1);
    assert!(warned("dave, whom this host does not know").contains("/etc/hitl/policy.yaml"));
    // An account that cannot log in is nobody who could approve.
    policy("unix_groups: [nogroup]", 1);
    let fix = broken(&world, "", "approvers", "failure", "nobody on this host is in ops");
    assert_eq!(fix, "usermod -aG nogroup LOGIN-NAME");
    // Nobody is made root to be an approver.
    policy("unix_groups: [root]", 1);
    let fix = broken(&world, "", "approvers", "failure", "nobody on this host is in ops");
    assert!(fix.ends_with("/etc/hitl/policy.yaml"), "{fix}");
    // What is done with a name in the place of LOGIN-NAME, and a primary group counts as well.
    policy("unix_groups: [deploy]", 1);
    let mend = "usermod -aG deploy carol";
    broken(&world, "", "approvers", "warning", "where one of them asks");
    world.write("etc/shadow", "");
    let script = format!("{mend}; hitl doctor --json");
    let told = world.script("root", &script).run();
    assert_eq!(worst(&told.json(), "approvers").0, "ok", "{told:?}");
}

#[test]
fn a_secret_that_others_can_read_is_named() {
    let world = installed_or_skip!();
    let channel = "channels: [{name: page, kind: webhook, url: \"https://x.invalid\", secret_file: /etc/hitl/secret}]\n";
    world.policy(&format!("{POLICY}{channel}"));
    world.write("etc/hitl/secret", "s3cret");
    let breaks = |breaking: &str, says: &str| {
        breaks_and_mends(&world, breaking, "secrets", "failure", says);
    };
    breaks("chmod 644 /etc/hitl/secret", "can be read by others");
    breaks("chmod 622 /etc/hitl/secret; chmod u=rw,go=w /etc/hitl/secret", "can be written");
    breaks("chmod 600 /etc/hitl/secret; chown 2001 /etc/hitl/secret", "uid 2001");
    breaks("rm /etc/hitl/secret", "does not exist");
    // Also where its directory is not there either.
    world.policy(&format!("{POLICY}{}", channel.replace("/secret}", "/secrets/page}")));
    breaks("", "does not exist");
}

#[test]
fn accounts_that_are_programs_are_no_approvers() {
    let world = installed_or_skip!();
    let policy = POLICY.replace("users: [carol], unix_groups: [sre]", "users: [svc-agent]");
    world.policy(&format!("{policy}requesters: [{{kind: agent, users: [svc-agent]}}]\n"));
    broken(&world, "", "approvers", "failure", "nobody on this host");
}
