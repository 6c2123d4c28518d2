//! A kernel that lacks a system call: a filter stands in for it (seccomp(2)), on whatever is started
//! under it, setuid programs included.
#![allow(unsafe_code, reason = "the filter is set between fork and exec")]

use std::io;

/// A system call that fails, and with which error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lacking {
    pub(super) call: libc::c_long,
    pub(super) error: i32,
}

impl Lacking {
    /// Puts this process under the filter. Makes system calls only: for use between fork and exec,
    /// as root, who needs no "no new privileges" for it, under which nothing setuid would work.
    pub(super) fn set(self) -> io::Result<()> {
        let refused = libc::SECCOMP_RET_ERRNO | self.error.unsigned_abs();
        let mut filter = [
            // The number of the call; if it is this one, the error; otherwise it goes ahead.
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, self.call as u32, 1),
            step(libc::BPF_RET | libc::BPF_K, refused, 0),
            step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
        ];
        let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
        // SAFETY: the kernel copies the program, which leads to `filter`.
        let set = unsafe {
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
        };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

fn step(code: u32, k: u32, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf, k }
}
