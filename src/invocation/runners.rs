//! Programs whose arguments are another command. Rules that restrict see what they would start, but any
//! use of them is *dynamic*: never below `approve`.

use super::DynamicFragment;
use crate::system::ByteString;

/// When a program runs another command.
#[derive(Clone, Copy)]
enum When {
    /// As soon as it has arguments.
    GivenArguments,
    /// Without arguments too: then it starts a shell.
    Always,
    /// Under these subcommands.
    Under(&'static [&'static str]),
}

struct Runner {
    names: &'static [&'static str],
    when: When,
}

/// The wrappers, with where a command can hide in them.
const RUNNERS: &[Runner] = &[
    Runner {
        names: &[
            "env",
            "nice",
            "ionice",
            "chrt",
            "taskset",
            "nohup",
            "setsid",
            "stdbuf",
            "time",
            "timeout",
            "command",
            "builtin",
            "exec",
            "eval",
            "source",
            ".",
            "runuser",
            "doas",
            "sudo",
            "sudoedit",
            "pkexec",
            "run0",
            "setpriv",
            "capsh",
            "setarch",
            "linux32",
            "linux64",
            "x86_64",
            "i386",
            "prlimit",
            "softlimit",
            "chpst",
            "numactl",
            "cgexec",
            "eatmydata",
            "faketime",
            "fakeroot",
            "firejail",
            "bwrap",
            "proot",
            "unbuffer",
            "dbus-run-session",
            "ssh-agent",
            "start-stop-daemon",
            "daemonize",
            "xargs",
            "parallel",
            "watch",
            "entr",
            "flock",
            "lockf",
            "strace",
            "ltrace",
            "gdb",
            "lldb",
            "valgrind",
            "perf",
            "rlwrap",
            "socat",
            "busybox",
            "toybox",
            "coreutils",
            "ssh",
            "slogin",
            "mosh",
            "rsh",
            "autossh",
            "sshpass",
            "systemd-run",
            "systemd-inhibit",
            "systemd-nspawn",
            "machinectl",
            "npx",
            "pnpx",
            "bunx",
            "uvx",
            "pipx",
            "deno",
            "bun",
            "hitl",
            "nsenter",
            "tmux",
            "screen",
            "dtach",
            "abduco",
            "run-parts",
            "debugfs",
            "xterm",
            "mpirun",
            "salt-call",
            "cpulimit",
        ],
        when: When::GivenArguments,
    },
    Runner {
        names: &[
            "su",
            "script",
            "scriptlive",
            "unshare",
            "chroot",
            "newgrp",
            "sg",
            "login",
            "at",
            "batch",
            "aa-exec",
        ],
        when: When::Always,
    },
    Runner {
        names: &["docker", "podman", "nerdctl", "docker-compose", "podman-compose"],
        when: When::Under(&["exec", "run", "unshare"]),
    },
    Runner {
        names: &["lxc", "incus", "lxc-attach", "lxc-execute", "pct"],
        when: When::Under(&["exec", "enter", "launch", "shell", "console"]),
    },
    Runner {
        names: &["kubectl", "oc", "k3s", "crictl", "ctr"],
        when: When::Under(&["exec", "run", "debug", "attach", "rsh"]),
    },
    Runner { names: &["npm", "pnpm", "yarn"], when: When::Under(&["exec", "x", "dlx", "run"]) },
];

/// Why the command is dynamic because of what program it is: `name` is one of its names, with the
/// arguments that follow it.
pub(super) fn examine(name: &[u8], arguments: &[ByteString]) -> Option<DynamicFragment> {
    let shown = String::from_utf8_lossy(name);
    let fragment = |reason: String| DynamicFragment {
        fragment: ByteString::from(joined(name, arguments)),
        reason,
    };
    if is_loader(name) {
        return (!arguments.is_empty())
            .then(|| fragment(format!("the dynamic loader {shown} runs another program")));
    }
    let runner = RUNNERS.iter().find(|runner| runner.names.iter().any(|n| n.as_bytes() == name))?;
    let only_asks = arguments
        .iter()
        .all(|argument| matches!(argument.as_bytes(), b"--help" | b"--version" | b"-V"));
    match runner.when {
        When::GivenArguments if arguments.is_empty() || only_asks => None,
        When::Always if !arguments.is_empty() && only_asks => None,
        When::Always if arguments.is_empty() => {
            Some(fragment(format!("{shown} starts what is not named here")))
        }
        When::GivenArguments | When::Always => {
            Some(fragment(format!("{shown} runs another command")))
        }
        When::Under(subcommands) => arguments
            .iter()
            .filter_map(ByteString::as_str)
            .find(|argument| subcommands.contains(argument))
            .map(|found| fragment(format!("{shown} {found} runs another command"))),
    }
}

/// `ld-linux-x86-64.so.2`, `ld-musl-x86_64.so.1`, `ld.so`, `ld-2.36.so`.
fn is_loader(name: &[u8]) -> bool {
    name == b"ld.so"
        || name.starts_with(b"ld-linux")
        || name.starts_with(b"ld-musl-")
        || (name.starts_with(b"ld-") && name.ends_with(b".so"))
}

fn joined(name: &[u8], arguments: &[ByteString]) -> Vec<u8> {
    let mut joined = name.to_vec();
    for argument in arguments {
        joined.push(b' ');
        joined.extend_from_slice(argument.as_bytes());
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(line: &str) -> Option<String> {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let arguments: Vec<_> = words.map(ByteString::from).collect();
        examine(name.as_bytes(), &arguments).map(|fragment| fragment.reason)
    }

    #[test]
    fn programs_that_run_other_commands_are_dynamic() {
        for line in [
            "env A=1 rm -rf /",
            "sudo id",
            "xargs rm",
            "timeout 5 id",
            "busybox sh",
            "ssh host id",
            "docker exec -it web sh",
            "kubectl -n x exec pod -- sh",
            "su",
            "chroot /srv",
            "ld-linux-x86-64.so.2 /bin/sh",
            "npx thing",
            "script",
        ] {
            assert!(reason(line).is_some(), "{line}");
        }
        for line in ["env", "sudo --version", "docker ps", "kubectl get pods", "ls -l", "nice"] {
            assert_eq!(reason(line), None, "{line}");
        }
    }
}
