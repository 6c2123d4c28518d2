//! Which machine this is.

use serde::{Deserialize, Serialize};

use super::Digest;

/// The host as requests, audit entries and rules name it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Host {
    /// The kernel's node name (`uname -n`). Never taken from the caller: CVE-2025-32462.
    pub name: String,
    /// A stable id: the first 32 hex digits of SHA-256 over `hitl-host/v1\n` and the machine id
    /// (machine-id(5) asks programs not to publish the raw id). `unknown` without a machine id.
    pub id: String,
}

/// Whether systemd is this machine's first process, as sd_booted(3) finds out. It waits for every
/// process whose parent has gone.
pub fn runs_systemd() -> bool {
    std::fs::symlink_metadata("/run/systemd/system").is_ok_and(|metadata| metadata.is_dir())
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        let name = nix::unistd::gethostname()
            .map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned());
        let id = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok())
            .map(|machine_id| machine_id.trim().to_owned())
            .filter(|machine_id| !machine_id.is_empty())
            .map_or_else(
                || "unknown".to_owned(),
                |machine_id| {
                    let digest =
                        Digest::of_parts(&[b"hitl-host/v1\n", machine_id.as_bytes()]).hex();
                    digest.get(..32).unwrap_or(&digest).to_owned()
                },
            );
        Self { name, id }
    }
}
