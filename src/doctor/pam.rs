//! The PAM service: how somebody proves at the terminal who they are.

use std::path::Path;

use super::{Finding, mend};
use crate::system::text::{visible, visible_path};
use crate::system::{Scope, kernel, trusted};

/// The service's file.
const SERVICE: &str = "/etc/pam.d/hitl";

/// The most bytes that such a file has.
const LARGEST: u64 = 64 << 10;

/// What the service is on Debian and its kin, as it is installed.
const INSTALLED: &str = include_str!("../../packaging/pam/hitl");

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = vec![service()];
    findings.push(if kernel::can_load(c"libpam.so.0") {
        Finding::ok("pam-library", "libpam.so.0 can be loaded")
    } else {
        Finding::warning(
            "pam-library",
            "libpam.so.0 cannot be loaded: nobody can prove with a password who they are",
            Some("apt-get install libpam0g libpam-modules".to_owned()),
        )
    });
    findings
}

fn service() -> Finding {
    let file = match trusted::read(Path::new(SERVICE), Scope::System, LARGEST) {
        Ok(file) => file,
        Err(trusted::TrustError::Missing(_)) => {
            let sentence = format!(
                "{SERVICE} does not exist: rules that say \"authenticate\" cannot be satisfied"
            );
            return Finding::warning("pam", sentence, Some(write()));
        }
        Err(error) => return Finding::failure("pam", error.to_string(), mend::untrusted(&error)),
    };
    let text = String::from_utf8_lossy(&file.bytes);
    let missing =
        text.lines().filter_map(included).find(|name| !Path::new("/etc/pam.d").join(name).exists());
    match missing {
        Some(name) => Finding::failure(
            "pam",
            format!(
                "{SERVICE} includes {}, which does not exist: nobody can authenticate",
                visible(name)
            ),
            "apt-get install --reinstall libpam-runtime && pam-auth-update --package --force",
        ),
        None => Finding::ok("pam", format!("{} is there", visible_path(Path::new(SERVICE)))),
    }
}

/// The command that writes the service as it is installed, without its comments.
fn write() -> String {
    let lines = INSTALLED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words: Vec<String> = lines.map(|line| format!("'{line}'")).collect();
    format!("printf '%s\\n' {} > {SERVICE} && chmod 644 {SERVICE}", words.join(" "))
}

/// The file that a line includes, where it does (pam.d(5)).
fn included(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    match words.next()? {
        "@include" => words.next(),
        comment if comment.starts_with('#') => None,
        _ => match words.next()? {
            "include" | "substack" => words.next(),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_writes_the_service_can_be_given_to_a_shell() {
        assert!(!INSTALLED.contains('\''), "its lines stand between single quotes");
        assert!(write().contains("'@include common-auth'"));
    }

    #[test]
    fn what_a_service_includes_is_read_as_pam_reads_it() {
        for (line, name) in [
            ("@include common-auth", Some("common-auth")),
            ("auth  include\tsystem-auth", Some("system-auth")),
            ("auth substack password-auth", Some("password-auth")),
            ("auth required pam_unix.so", None),
            ("# auth include x", None),
            ("", None),
        ] {
            assert_eq!(included(line), name, "{line}");
        }
    }
}
