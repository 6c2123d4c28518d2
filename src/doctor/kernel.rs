//! What the kernel can do, and `/proc`.

use nix::sys::inotify::{InitFlags, Inotify};

use super::Finding;
use crate::execute::landlock_abi;
use crate::system::identity::login_uid;
use crate::system::installation::in_user_namespace;
use crate::system::kernel::SystemCall;

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = vec![proc(), system_calls(), landlock()];
    findings.extend(login_identity());
    findings.push(terminals());
    findings.push(seccomp());
    findings.push(namespaces());
    findings
}

/// `/proc` says who runs what, which boot this is, and what is mounted.
fn proc() -> Finding {
    if std::fs::metadata("/proc/self/status").is_err() {
        let sentence = "/proc is not mounted: hitl cannot tell processes, boots and mounts apart";
        return Finding::failure("proc", sentence, "mount -t proc proc /proc");
    }
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let hides = table
        .lines()
        .rfind(|line| line.split(' ').nth(4) == Some("/proc"))
        .is_some_and(|line| line.contains("hidepid=") && !line.contains("hidepid=0"));
    Finding::ok(
        "proc",
        if hides {
            "/proc is mounted, and hides processes from other users (hidepid): root sees them all the same"
        } else {
            "/proc is mounted"
        },
    )
}

fn system_calls() -> Finding {
    use SystemCall::{CloseRange, Execveat, MemfdCreate, Openat2, PidfdOpen};
    let mut missing: Vec<&str> = [Openat2, CloseRange, PidfdOpen, Execveat, MemfdCreate]
        .into_iter()
        .filter(|call| !call.is_there())
        .map(SystemCall::name)
        .collect();
    if Inotify::init(InitFlags::IN_CLOEXEC).is_err() {
        missing.push("inotify_init1");
    }
    if missing.is_empty() {
        return Finding::ok("kernel", "all system calls are there that hitl rests on");
    }
    Finding::failure(
        "kernel",
        format!(
            "this kernel, or a filter around this process, has no {}: hitl needs Linux 5.10 or newer",
            missing.join(", ")
        ),
        "uname -r; grep Seccomp /proc/self/status; apt-get install \"linux-image-$(dpkg --print-architecture)\"",
    )
}

fn landlock() -> Finding {
    match landlock_abi() {
        Ok(abi) => Finding::ok("landlock", format!("Landlock is there (ABI {abi})")),
        Err(error) => {
            let (why, fix) = match error.raw_os_error() {
                Some(libc::EOPNOTSUPP) => (
                    "Landlock was not switched on at boot",
                    "cat /sys/kernel/security/lsm; echo 'add landlock to lsm= in GRUB_CMDLINE_LINUX of /etc/default/grub, then: update-grub && reboot'",
                ),
                _ => (
                    "this kernel, or a filter around this process, has no Landlock",
                    "uname -r; grep Seccomp /proc/self/status; apt-get install \"linux-image-$(dpkg --print-architecture)\"",
                ),
            };
            let sentence = format!(
                "{why}: rules that say \"confine: required\" refuse, \"confine: true\" warns"
            );
            Finding::warning("landlock", sentence, Some(fix.to_owned()))
        }
    }
}

/// Two people who are one by their login are told apart by the kernel's login uid.
fn login_identity() -> Option<Finding> {
    if std::fs::metadata("/proc/self/loginuid").is_err() {
        let sentence = "the kernel knows no login uids (no audit support): whoever can become another user, by su for instance, counts as two people";
        return Some(Finding::warning(
            "login-uid",
            sentence,
            Some("grep CONFIG_AUDIT= \"/boot/config-$(uname -r)\"".to_owned()),
        ));
    }
    Some(match login_uid() {
        Some(uid) => {
            Finding::ok("login-uid", format!("the kernel knows who logged in here (uid {uid})"))
        }
        None => Finding::warning(
            "login-uid",
            "this session has no login uid, so that requests from it are told apart by uid alone: fine for a service, not for people; their way in needs pam_loginuid",
            Some("grep -L pam_loginuid /etc/pam.d/login /etc/pam.d/sshd".to_owned()),
        ),
    })
}

/// TIOCSTI pushes keystrokes into a terminal.
fn terminals() -> Finding {
    let setting = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
    match setting.as_deref().map(str::trim) {
        Ok("0") => {
            Finding::ok("terminals", "no program can push keystrokes into a terminal (TIOCSTI)")
        }
        _ => Finding::ok(
            "terminals",
            "programs can push keystrokes into a terminal that they share (TIOCSTI): commands get one of their own; \"sysctl dev.tty.legacy_tiocsti=0\" ends it for all",
        ),
    }
}

fn seccomp() -> Finding {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    match status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim) {
        Some("0") => Finding::ok("seccomp", "no filter of system calls is around this session"),
        Some(_) => Finding::ok(
            "seccomp",
            "a filter of system calls is around this session, as in a container",
        ),
        None => Finding::not_applicable("seccomp", "the kernel knows no filters of system calls"),
    }
}

fn namespaces() -> Finding {
    if in_user_namespace() {
        let sentence = "this is a user namespace (a rootless container): hitl guards what is in it, and nothing of the host around it";
        return Finding::warning("namespaces", sentence, Some("cat /proc/self/uid_map".to_owned()));
    }
    Finding::ok("namespaces", "user and group ids are those of the host")
}
