//! The installed program, and what it authenticates people with.

use super::{breaks_and_mends, broken, worst};
use crate::installed_or_skip;

#[test]
fn a_program_that_is_not_setuid_root_is_named() {
    let world = installed_or_skip!();
    let hitl = "/usr/local/bin/hitl";
    breaks_and_mends(&world, &format!("chmod 755 {hitl}"), "program", "failure", "not setuid root");
    breaks_and_mends(&world, &format!("chown 2001 {hitl}"), "program", "failure", "uid 2001");
    breaks_and_mends(&world, &format!("chmod 4775 {hitl}"), "program", "failure", "its group");
    world.program("alice", hitl, &["run", "--", "true"]).run().exits(0);
}

#[test]
fn a_directory_in_which_others_can_exchange_the_program_is_named() {
    let world = installed_or_skip!();
    breaks_and_mends(
        &world,
        "chmod 777 /usr/local/bin",
        "program-reach",
        "failure",
        "/usr/local/bin",
    );
    breaks_and_mends(&world, "chown 2001 /usr/local/bin", "program-reach", "failure", "uid 2001");
}

#[test]
fn a_program_in_a_directory_of_somebodys_is_to_be_installed_and_not_its_directory_taken() {
    let world = installed_or_skip!();
    let examine = "/home/alice/hitl doctor --json | jq -r '.findings[] | select(.fix) | .fix'";
    let copy = "cp /usr/local/bin/hitl /home/alice/hitl; chmod";
    let told = world.script("root", &format!("{copy} 755 /home/alice/hitl; {examine}")).run();
    assert!(
        told.stdout.starts_with("install -o root -g root -m 4755 /home/alice/hitl /usr/"),
        "{told:?}"
    );
    let told = world.script("root", &format!("{copy} 4755 /home/alice/hitl; {examine}")).run();
    assert!(told.stdout.contains("&& chmod u-s /home/alice/hitl\n"), "{told:?}");
    assert!(!told.stdout.contains("chown"), "{told:?}");
}

#[test]
fn a_mount_on_which_setuid_counts_for_nothing_is_named() {
    let world = installed_or_skip!();
    let breaking = "mount -o remount,bind,nosuid /usr/local/bin/hitl";
    breaks_and_mends(&world, breaking, "program-mount", "failure", "nosuid");
}

#[test]
fn another_hitl_that_the_shell_would_start_instead_is_named() {
    let world = installed_or_skip!();
    let trojan = "mkdir -p /srv/bin; cp /bin/true /srv/bin/hitl";
    let before = format!("{trojan}; PATH=/srv/bin:$PATH");
    breaks_and_mends(&world, &before, "path", "failure", "/srv/bin/hitl comes before");
    let after = format!("{trojan}; PATH=$PATH:/srv/bin");
    breaks_and_mends(&world, &after, "path", "warning", "another hitl");
}

#[test]
fn a_session_without_new_privileges_is_named_to_root_and_to_users() {
    let world = installed_or_skip!();
    let without = ["--no-new-privs", "/usr/local/bin/hitl", "doctor", "--json"];
    let told = world.program("root", "/usr/bin/setpriv", &without).run().exits(0);
    let (state, sentence, fix) = worst(&told.json(), "no-new-privileges");
    assert_eq!(state, "warning");
    assert!(sentence.contains("no_new_privs") && fix.contains("NoNewPrivs"), "{sentence} {fix}");
    let told = world.program("alice", "/usr/bin/setpriv", &without).run().exits(1);
    let (state, sentence, fix) = worst(&told.json(), "no-new-privileges");
    assert_eq!(state, "failure");
    assert!(sentence.contains("NoNewPrivileges=no") && !fix.is_empty(), "{sentence} {fix}");
    assert_eq!(told.json()["scope"], "user");
}

#[test]
fn a_pam_service_that_is_missing_or_not_roots_is_named() {
    let world = installed_or_skip!();
    let service = "/etc/pam.d/hitl";
    breaks_and_mends(&world, &format!("rm {service}"), "pam", "warning", "does not exist");
    breaks_and_mends(&world, &format!("chmod 666 {service}"), "pam", "failure", "written");
    breaks_and_mends(&world, &format!("chown 2001 {service}"), "pam", "failure", "uid 2001");
    let fix = broken(&world, "rm /etc/pam.d/common-auth", "pam", "failure", "common-auth");
    assert!(fix.contains("libpam-runtime"), "{fix}");
}

#[test]
fn a_pam_library_that_cannot_be_loaded_is_named() {
    let world = installed_or_skip!();
    let hide = "for l in $(ldconfig -p | awk '/libpam\\.so\\.0 /{print $NF}'); do mount --bind /dev/null $l; done";
    let fix = broken(&world, hide, "pam-library", "warning", "libpam.so.0");
    assert!(fix.contains("libpam0g"), "{fix}");
}
