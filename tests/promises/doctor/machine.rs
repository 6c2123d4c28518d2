//! The kernel, /proc, the session and the disk.

use super::{DOCTOR, breaks_and_mends, broken, worst};
use crate::installed_or_skip;
use crate::world::{Ran, World};

#[test]
fn a_machine_without_proc_is_named_and_mended() {
    let world = installed_or_skip!();
    for check in ["proc", "program", "boot-clock"] {
        breaks_and_mends(&world, "umount -l /proc", check, "failure", "");
    }
    let hidden = "mount -t proc -o hidepid=2 proc /proc; hitl doctor --json";
    let told = world.script("root", hidden).run().exits(0).json();
    let (state, sentence, _) = worst(&told, "proc");
    assert_eq!(state, "ok");
    assert!(sentence.contains("hidepid"), "{sentence}");
}

/// Makes the kernel say "no such system call" to these, and goes on as hitl doctor.
const WITHOUT: &str = r#"
import ctypes, os, struct, sys
calls = [int(call) for call in sys.argv[1:]]
program = struct.pack("HBBI", 0x20, 0, 0, 0)
for call in calls:
    program += struct.pack("HBBI", 0x15, 0, 1, call) + struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | 38)
program += struct.pack("HBBI", 0x06, 0, 0, 0x7fff0000)
buffer = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
filter = Filter(len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execv("/usr/local/bin/hitl", ["hitl", "doctor", "--json"])
"#;

/// hitl doctor on a kernel that lacks these system calls.
fn without(world: &World, calls: &[i64]) -> Ran {
    let mut words = vec!["-c".to_owned(), WITHOUT.to_owned()];
    words.extend(calls.iter().map(i64::to_string));
    world.program("root", "/usr/bin/python3", &words).run()
}

#[test]
fn a_kernel_that_lacks_what_hitl_rests_on_is_named() {
    let world = installed_or_skip!();
    for (call, name) in [
        (libc::SYS_openat2, "openat2"),
        (libc::SYS_pidfd_open, "pidfd_open"),
        (libc::SYS_close_range, "close_range"),
        (libc::SYS_execveat, "execveat"),
        (libc::SYS_memfd_create, "memfd_create"),
        (libc::SYS_inotify_init1, "inotify_init1"),
    ] {
        let told = without(&world, &[call]).exits(1).json();
        let (state, sentence, fix) = worst(&told, "kernel");
        assert_eq!(state, "failure");
        assert!(
            sentence.contains(&format!("no {name}:")) && fix.contains("linux-image"),
            "{sentence}"
        );
        assert!(worst(&told, "seccomp").1.contains("a filter"), "{told:#}");
    }
    let told = without(&world, &[libc::SYS_landlock_create_ruleset]).exits(0).json();
    let (state, sentence, fix) = worst(&told, "landlock");
    assert_eq!(state, "warning");
    assert!(sentence.contains("confine: required") && !fix.is_empty(), "{sentence}");
}

#[test]
fn a_session_without_a_login_uid_is_told_from_one_with() {
    let world = installed_or_skip!();
    let told = world.hitl("root", &DOCTOR).logged_in_as("alice").run().exits(0).json();
    let (state, sentence, _) = worst(&told, "login-uid");
    assert_eq!(state, "ok");
    assert!(sentence.contains("uid 2001"), "{sentence}");
    let hidden = "mount --bind /dev/null /proc/self/loginuid; exec hitl doctor --json";
    let told = world.script("root", hidden).run().exits(0).json();
    let (state, sentence, fix) = worst(&told, "login-uid");
    assert_eq!(state, "warning");
    assert!(sentence.contains("login uid") && !fix.is_empty(), "{sentence}");
}

#[test]
fn a_disk_that_is_full_or_read_only_is_named() {
    let world = installed_or_skip!();
    let small = |size: &str| format!("mount -t tmpfs -o mode=700,{size} tmpfs /var/lib/hitl");
    let fix = broken(&world, &small("size=8m"), "disk", "failure", "MiB are free at /var/lib/hitl");
    assert!(fix.starts_with("df -h /var/lib/hitl"), "{fix}");
    assert!(world.read("srv/mended").contains("tmpfs"), "it shows what is there");
    broken(&world, &small("size=64m"), "disk", "warning", "snapshots may not fit");
    broken(&world, &small("nr_inodes=20"), "disk-files", "failure", "files can still be made");
    let read_only = format!("{}; mount -o remount,ro /var/lib/hitl", small("size=2g"));
    breaks_and_mends(&world, &read_only, "disk", "failure", "read-only");
}
