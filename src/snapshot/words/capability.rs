//! File capabilities, from the form of `security.capability` (`linux/capability.h`,
//! `struct vfs_ns_cap_data`) to the text of getcap(8) and setcap(8).

use std::collections::BTreeMap;

/// Their names by number, as of Linux 6.12.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

const EFFECTIVE: u32 = 1;

/// The capabilities as `cap_net_raw=ep`; `None` where it is none of the forms that the kernel writes.
pub(super) fn text(value: &[u8]) -> Option<String> {
    let words: Vec<u32> = value
        .chunks(4)
        .map(|word| Some(u32::from_le_bytes(word.try_into().ok()?)))
        .collect::<Option<_>>()?;
    let (permitted, inheritable, root) = match words.as_slice() {
        [magic, permitted, inheritable] if revision(*magic) == 1 => {
            (u64::from(*permitted), u64::from(*inheritable), None)
        }
        [magic, low, low_inheritable, high, high_inheritable] if revision(*magic) == 2 => {
            (wide(*low, *high), wide(*low_inheritable, *high_inheritable), None)
        }
        [magic, low, low_inheritable, high, high_inheritable, root] if revision(*magic) == 3 => {
            let inheritable = wide(*low_inheritable, *high_inheritable);
            (wide(*low, *high), inheritable, Some(*root))
        }
        _ => return None,
    };
    let effective = words.first()? & EFFECTIVE != 0;
    let all = (1_u64 << NAMES.len()) - 1;
    let flags = |number: usize| {
        let set = |bits: u64| bits >> number & 1 == 1;
        let (permitted, inheritable) = (set(permitted), set(inheritable));
        let mut flags = String::new();
        let letters = [(effective, 'e'), (inheritable, 'i'), (permitted, 'p')];
        if permitted || inheritable {
            flags.extend(letters.into_iter().filter(|(is, _)| *is).map(|(_, letter)| letter));
        }
        flags
    };
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if permitted == all && (inheritable == 0 || inheritable == all) {
        groups.insert(flags(0), Vec::new());
    } else {
        for number in (0..64).filter(|number| !flags(*number).is_empty()) {
            let name = NAMES.get(number).map(|name| format!("cap_{name}"));
            groups
                .entry(flags(number))
                .or_default()
                .push(name.unwrap_or_else(|| number.to_string()));
        }
    }
    let mut text = if groups.is_empty() {
        "=".to_owned()
    } else {
        let groups = groups.iter().map(|(flags, names)| format!("{}={flags}", names.join(",")));
        groups.collect::<Vec<_>>().join(" ")
    };
    if let Some(root) = root {
        text.push_str(&format!(" [rootid={root}]"));
    }
    Some(text)
}

fn revision(magic: u32) -> u32 {
    magic >> 24
}

fn wide(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_read_as_getcap_writes_them() {
        let shown = |words: &[u32]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            text(&bytes)
        };
        let raw = 1 << 13;
        for (words, expected) in [
            (vec![0x0200_0001, raw, 0, 0, 0], "cap_net_raw=ep"),
            (vec![0x0200_0000, raw, 0, 0, 0], "cap_net_raw=p"),
            (vec![0x0200_0001, raw | 1 << 12, 0, 0, 0], "cap_net_admin,cap_net_raw=ep"),
            (vec![0x0200_0001, raw, 1, 1 << 7, 0], "cap_chown=ei cap_net_raw,cap_bpf=ep"),
            (vec![0x0200_0001, u32::MAX, 0, 0x1ff, 0], "=ep"),
            (vec![0x0200_0000, 0, 0, 0, 0], "="),
            (vec![0x0200_0000, 0, 0, 1 << 30, 0], "62=p"),
            (vec![0x0100_0001, 1, 0], "cap_chown=ep"),
            (vec![0x0300_0001, raw, 0, 0, 0, 1000], "cap_net_raw=ep [rootid=1000]"),
        ] {
            assert_eq!(shown(&words).as_deref(), Some(expected), "{words:x?}");
        }
        assert_eq!(shown(&[0x0200_0001, raw]), None);
        assert_eq!(shown(&[0x0400_0001, raw, 0, 0, 0]), None);
        assert_eq!(text(b"abc"), None);
        assert_eq!(text(b""), None);
    }
}
