//! hitl as a Debian package.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::Uid;
use tempfile::TempDir;

use crate::installing::{POLICY, SOURCE, files, temporary};
use crate::world::{HITL, SENDER};

/// A root directory with a package database of its own, and the package.
struct Debian {
    root: TempDir,
    package: PathBuf,
}

impl Debian {
    /// Builds the package of the binary under test. `None`, loudly, where that is not possible.
    fn new() -> Option<Self> {
        let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
        let possible = Uid::effective().is_root() && has("dpkg-deb") && has("cargo-deb");
        if !possible {
            eprintln!("\n*** SKIPPED the Debian package: it needs root, dpkg and cargo-deb ***\n");
            assert!(std::env::var_os("CI").is_none(), "it must not be skipped in CI");
            return None;
        }
        let root = temporary();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for directory in [
            "build/release",
            "root/var/lib/dpkg/info",
            "root/var/lib/dpkg/updates",
            "root/etc",
            "root/tmp",
        ] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("root/var/lib/dpkg/status"), "").unwrap();
        fs::write(root.path().join("root/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        fs::write(root.path().join("root/etc/group"), "root:x:0:\n").unwrap();
        // cargo-deb takes what was built from the release directory of a target directory.
        for (name, built) in [("hitl", HITL), ("hitl-notify", SENDER)] {
            let program = root.path().join("build/release").join(name);
            let stripped = Command::new("strip").arg("-o").arg(&program).arg(built).status();
            assert!(stripped.unwrap().success());
        }
        let package = root.path().join("hitl.deb");
        let built = Command::new("cargo")
            .args(["deb", "--no-build", "--no-strip", "--fast", "--quiet", "-o"])
            .arg(&package)
            .current_dir(SOURCE)
            .env("CARGO_TARGET_DIR", root.path().join("build"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{built:?}");
        Some(Self { root, package })
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join("root").join(inside)
    }

    /// dpkg on this root alone. The maintainer scripts run outside of it, and are told where it is.
    fn dpkg(&self, words: &[&str]) -> String {
        let output = Command::new("dpkg")
            .arg(format!("--root={}", self.path("").display()))
            .args([
                "--force-script-chrootless",
                "--force-depends",
                "--force-unsafe-io",
                "--log=/dev/null",
            ])
            .args(words)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        assert!(output.status.success(), "dpkg {words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn the_debian_package_installs_and_its_removal_keeps_the_audit_log() {
    let Some(debian) = Debian::new() else { return };
    let package = debian.package.to_str().unwrap();
    let told = debian.dpkg(&["--install", package]);
    assert!(told.contains("hitl init --system && hitl doctor"), "{told}");
    let state = |path: &str| {
        let metadata =
            fs::metadata(debian.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
    };
    for (path, mode) in [
        ("usr/bin/hitl", 0o4755),
        ("etc/pam.d/hitl", 0o644),
        ("etc/hitl", 0o755),
        ("var/lib/hitl", 0o700),
        ("usr/share/man/man1/hitl.1.gz", 0o644),
        ("usr/share/man/man5/hitl-policy.5.gz", 0o644),
        ("usr/share/bash-completion/completions/hitl", 0o644),
        ("usr/share/zsh/vendor-completions/_hitl", 0o644),
        ("usr/share/fish/vendor_completions.d/hitl.fish", 0o644),
        ("usr/share/doc/hitl/copyright", 0o644),
        ("usr/share/doc/hitl/changelog.Debian.gz", 0o644),
        ("usr/lib/sysusers.d/hitl.conf", 0o644),
        ("usr/lib/tmpfiles.d/hitl.conf", 0o644),
        ("usr/lib/systemd/system/hitl-prune.service", 0o644),
        ("usr/lib/systemd/system/hitl-prune.timer", 0o644),
    ] {
        assert_eq!(state(path), (mode, 0, 0), "{path}");
    }
    let version = Command::new(debian.path("usr/bin/hitl")).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    assert_eq!(version, concat!("hitl ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(!debian.path("etc/hitl/policy.yaml").exists(), "no policy that nobody has read");
    let users = fs::read_to_string(debian.path("etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("hitl:")).unwrap();
    assert!(user.ends_with(":/usr/sbin/nologin"), "{user}");

    // What the host made of it: a policy, a setting of PAM's, requests and a log.
    fs::write(debian.path("etc/hitl/policy.yaml"), POLICY).unwrap();
    fs::write(debian.path("etc/pam.d/hitl"), "auth required pam_mine.so\n").unwrap();
    for (directory, file) in
        [("audit", "000001.jsonl"), ("requests", "lock"), ("snapshots", "lock")]
    {
        fs::create_dir_all(debian.path("var/lib/hitl").join(directory)).unwrap();
        fs::write(debian.path("var/lib/hitl").join(directory).join(file), "evidence").unwrap();
    }
    // Installed again, as by an upgrade, it overwrites none of it.
    debian.dpkg(&["--force-confold", "--install", package]);
    assert_eq!(fs::read_to_string(debian.path("etc/hitl/policy.yaml")).unwrap(), POLICY);
    assert!(fs::read_to_string(debian.path("etc/pam.d/hitl")).unwrap().contains("pam_mine"));

    debian.dpkg(&["--remove", "hitl"]);
    assert!(!debian.path("usr/bin/hitl").exists());
    assert_eq!(fs::read_to_string(debian.path("etc/hitl/policy.yaml")).unwrap(), POLICY);
    assert!(debian.path("var/lib/hitl/requests/lock").exists());
    let told = debian.dpkg(&["--purge", "hitl"]);
    assert!(told.contains("the audit log is kept in /var/lib/hitl"), "{told}");
    let left: Vec<String> = files(&debian.path("")).into_iter().map(|(path, _)| path).collect();
    let left: Vec<&String> = left
        .iter()
        .filter(|path| !path.starts_with("var/lib/dpkg") && !path.starts_with("etc/"))
        .collect();
    assert_eq!(left, ["var/lib/hitl/audit/000001.jsonl"]);
    assert!(!debian.path("etc/hitl").exists() && !debian.path("etc/pam.d/hitl").exists());
}
